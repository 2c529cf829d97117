/// How an attribute's values look. MS-ADTS 3.1.1.2.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// `TRUE` or `FALSE`.
    Boolean,
    /// 32 bits; enumerations too.
    Integer,
    /// 64 bits.
    LargeInteger,
    /// Text, compared without case.
    Unicode,
    /// Text of an old character set, compared without case.
    Teletex,
    /// Text of few characters, compared exactly.
    Printable,
    /// ASCII, compared exactly.
    Ia5,
    /// Digits.
    Numeric,
    /// Bytes.
    Octets,
    /// A SID.
    Sid,
    /// A security descriptor.
    SecurityDescriptor,
    /// A time with four digits for the year.
    GeneralizedTime,
    /// A time with two.
    UtcTime,
    /// The name of an attribute or class, or an OID.
    Oid,
    /// A distinguished name.
    Dn,
    /// A name with bytes beside it.
    DnBinary,
    /// A name with text beside it.
    DnString,
    /// Presentation and access addresses.
    Other,
}

impl Syntax {
    /// The syntax that `attributeSyntax`, `oMSyntax` and `oMObjectClass` (in base64) name together.
    pub(crate) fn of(attribute_syntax: &str, om_syntax: i32, om_object_class: &str) -> Self {
        match (attribute_syntax, om_syntax) {
            ("2.5.5.1", _) => Self::Dn,
            ("2.5.5.2", _) => Self::Oid,
            ("2.5.5.3", _) | ("2.5.5.5", 22) => Self::Ia5,
            ("2.5.5.4", _) => Self::Teletex,
            ("2.5.5.5", _) => Self::Printable,
            ("2.5.5.6", _) => Self::Numeric,
            ("2.5.5.7", _) if om_object_class == "KoZIhvcUAQEBCw==" => Self::DnBinary,
            ("2.5.5.8", _) => Self::Boolean,
            ("2.5.5.9", _) => Self::Integer,
            ("2.5.5.10", _) => Self::Octets,
            ("2.5.5.11", 23) => Self::UtcTime,
            ("2.5.5.11", _) => Self::GeneralizedTime,
            ("2.5.5.12", _) => Self::Unicode,
            ("2.5.5.14", _) if om_object_class == "KoZIhvcUAQEBDA==" => Self::DnString,
            ("2.5.5.15", _) => Self::SecurityDescriptor,
            ("2.5.5.16", _) => Self::LargeInteger,
            ("2.5.5.17", _) => Self::Sid,
            _ => Self::Other,
        }
    }

    /// Whether it is [`Syntax::LargeInteger`].
    #[must_use]
    pub const fn is_large(self) -> bool {
        matches!(self, Self::LargeInteger)
    }

    /// What the subschema calls it. MS-ADTS 3.1.1.3.1.1.1, RFC 4517.
    #[must_use]
    pub const fn ldap_oid(self) -> &'static str {
        match self {
            Self::Boolean => "1.3.6.1.4.1.1466.115.121.1.7",
            Self::Integer => "1.3.6.1.4.1.1466.115.121.1.27",
            Self::LargeInteger => "1.2.840.113556.1.4.906",
            Self::Unicode => "1.3.6.1.4.1.1466.115.121.1.15",
            Self::Teletex => "1.2.840.113556.1.4.905",
            Self::Printable => "1.3.6.1.4.1.1466.115.121.1.44",
            Self::Ia5 => "1.3.6.1.4.1.1466.115.121.1.26",
            Self::Numeric => "1.3.6.1.4.1.1466.115.121.1.36",
            Self::Octets | Self::Sid => "1.3.6.1.4.1.1466.115.121.1.40",
            Self::SecurityDescriptor => "1.2.840.113556.1.4.907",
            Self::GeneralizedTime => "1.3.6.1.4.1.1466.115.121.1.24",
            Self::UtcTime => "1.3.6.1.4.1.1466.115.121.1.53",
            Self::Oid => "1.3.6.1.4.1.1466.115.121.1.38",
            Self::Dn => "1.3.6.1.4.1.1466.115.121.1.12",
            Self::DnBinary => "1.2.840.113556.1.4.903",
            Self::DnString => "1.2.840.113556.1.4.904",
            Self::Other => "1.3.6.1.4.1.1466.115.121.1.43",
        }
    }
}
