/// An identifier octet: class, constructed bit and a tag number up to 30.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(pub u8);

impl Tag {
    /// BOOLEAN.
    pub const BOOLEAN: Self = Self(0x01);
    /// INTEGER.
    pub const INTEGER: Self = Self(0x02);
    /// BIT STRING, primitive.
    pub const BIT_STRING: Self = Self(0x03);
    /// OCTET STRING, primitive.
    pub const OCTET_STRING: Self = Self(0x04);
    /// OBJECT IDENTIFIER.
    pub const OID: Self = Self(0x06);
    /// ENUMERATED.
    pub const ENUMERATED: Self = Self(0x0a);
    /// GeneralizedTime.
    pub const GENERALIZED_TIME: Self = Self(0x18);
    /// GeneralString, Kerberos's string type (RFC 4120 5.2.1).
    pub const GENERAL_STRING: Self = Self(0x1b);
    /// SEQUENCE and SEQUENCE OF.
    pub const SEQUENCE: Self = Self(0x30);
    /// SET and SET OF.
    pub const SET: Self = Self(0x31);

    /// `[APPLICATION n]`, primitive.
    pub const fn application(n: u8) -> Self {
        Self(0x40 | (n & 0x1f))
    }
    /// `[APPLICATION n]`, constructed.
    pub const fn application_constructed(n: u8) -> Self {
        Self(0x60 | (n & 0x1f))
    }
    /// `[n]`, primitive.
    pub const fn context(n: u8) -> Self {
        Self(0x80 | (n & 0x1f))
    }
    /// `[n]`, constructed.
    pub const fn context_constructed(n: u8) -> Self {
        Self(0xa0 | (n & 0x1f))
    }
    /// Whether the value is itself made of elements.
    pub const fn is_constructed(self) -> bool {
        self.0 & 0x20 != 0
    }
    /// The tag number.
    pub const fn number(self) -> u8 {
        self.0 & 0x1f
    }
}

impl std::fmt::Debug for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tag({:#04x})", self.0)
    }
}
