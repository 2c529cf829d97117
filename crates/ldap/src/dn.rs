//! Distinguished names. RFC 4514; MS-ADTS 3.1.1.3.1.2 (the forms Active Directory takes besides).
//!
//! An RDN of several values (`CN=a+OU=b`) does not exist in Active Directory and is refused.

use dtyp::{Guid, Sid};
use std::{fmt, str::FromStr};

/// More than any real tree has.
const MAX_RDNS: usize = 256;
/// MS-ADTS 3.1.1.3.4.6 lets no name be longer than a message; this is longer than any real one.
const MAX_LENGTH: usize = 64 * 1024;

/// One step of a name: `CN=alice`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rdn {
    attribute: String,
    value: Vec<u8>,
}

/// A distinguished name, from the object to the root. The empty name is the rootDSE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dn {
    rdns: Vec<Rdn>,
}

/// What Active Directory takes where a name is due. MS-ADTS 3.1.1.3.1.2.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnOrId {
    /// A name.
    Dn(Dn),
    /// `<GUID=…>`.
    Guid(Guid),
    /// `<SID=…>`.
    Sid(Sid),
}

/// Why a text is no distinguished name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnError {
    /// No `=` where an attribute type should end, or nothing before it.
    #[error("a component of the name has no attribute type")]
    NoAttribute,
    /// A `\` with neither a special character nor two hexadecimal digits behind it.
    #[error("the name has a bad escape")]
    BadEscape,
    /// A character that must be escaped, or a `+`.
    #[error("the name has an unescaped special character")]
    Unescaped,
    /// `#` with something that is no hexadecimal OCTET STRING behind it.
    #[error("the name has a bad #hexadecimal value")]
    BadHex,
    /// Nothing behind the `=`.
    #[error("a component of the name has no value")]
    EmptyValue,
    /// Longer or deeper than any directory's names.
    #[error("the name is too long")]
    TooLong,
    /// `<GUID=…>` or `<SID=…>` with something else inside.
    #[error("the identifier in <> is malformed")]
    BadId,
}

impl Rdn {
    /// The step with this attribute type and value.
    pub fn new(attribute: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self { attribute: attribute.into(), value: value.into() }
    }
    /// The attribute type, as it was written.
    #[must_use]
    pub fn attribute(&self) -> &str {
        &self.attribute
    }
    /// The value, unescaped.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }
    fn same(&self, other: &Self) -> bool {
        self.attribute.eq_ignore_ascii_case(&other.attribute) && fold(&self.value) == fold(&other.value)
    }
}

fn fold(value: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => value.to_ascii_lowercase(),
    }
}

impl Dn {
    /// The name of these steps, from the object to the root.
    #[must_use]
    pub fn new(rdns: Vec<Rdn>) -> Self {
        Self { rdns }
    }
    /// The steps, from the object to the root.
    pub fn rdns(&self) -> std::slice::Iter<'_, Rdn> {
        self.rdns.iter()
    }
    /// Whether this is the rootDSE's name.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.rdns.is_empty()
    }
    /// How many steps it has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.rdns.len()
    }
    /// The object's own step.
    #[must_use]
    pub fn rdn(&self) -> Option<&Rdn> {
        self.rdns.first()
    }
    /// The name of what is above.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.rdns.split_first().map(|(_, above)| Self { rdns: above.to_vec() })
    }
    /// The name of a child.
    #[must_use]
    pub fn child(&self, rdn: Rdn) -> Self {
        let mut rdns = Vec::with_capacity(self.rdns.len() + 1);
        rdns.push(rdn);
        rdns.extend_from_slice(&self.rdns);
        Self { rdns }
    }
    /// Whether both name the same object; case does not matter.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.rdns.len() == other.rdns.len() && self.is_within(other)
    }
    /// Whether this is `other` or beneath it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match self.rdns.len().checked_sub(other.rdns.len()) {
            Some(skip) => self.rdns.iter().skip(skip).zip(&other.rdns).all(|(a, b)| a.same(b)),
            None => false,
        }
    }
    /// The name a DNS name stands for: `DC=contoso,DC=com`.
    #[must_use]
    pub fn of_dns(name: &str) -> Self {
        Self { rdns: name.split('.').filter(|l| !l.is_empty()).map(|label| Rdn::new("DC", label)).collect() }
    }
}

impl FromStr for Dn {
    type Err = DnError;

    fn from_str(text: &str) -> Result<Self, DnError> {
        if text.len() > MAX_LENGTH {
            return Err(DnError::TooLong);
        }
        let mut rdns = Vec::new();
        // Blanks at the end are the last value's matter: the last of them may be escaped.
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            if rdns.len() == MAX_RDNS {
                return Err(DnError::TooLong);
            }
            let (attribute, after) = rest.split_once('=').ok_or(DnError::NoAttribute)?;
            let attribute = attribute.trim();
            if !is_attribute(attribute) {
                return Err(DnError::NoAttribute);
            }
            let (value, after) = value(after.trim_start_matches(' '))?;
            rdns.push(Rdn::new(attribute, value));
            let Some(after) = after else { break };
            rest = after.trim_start();
            if rest.is_empty() {
                return Err(DnError::NoAttribute);
            }
        }
        Ok(Self { rdns })
    }
}

/// A short name, or an OID with or without `OID.`.
fn is_attribute(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// One value, and what stands behind the comma after it.
fn value(text: &str) -> Result<(Vec<u8>, Option<&str>), DnError> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted_value(quoted);
    }
    let mut out = Vec::with_capacity(text.len().min(256));
    // Up to here the value stays although it may end in blanks: the last escaped character.
    let mut keep = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    let rest = loop {
        match bytes.get(at) {
            None => break None,
            Some(b',' | b';') => break text.get(at + 1..),
            Some(b'\\') => {
                at += unescape(bytes.get(at + 1..).unwrap_or_default(), &mut out)? + 1;
                keep = out.len();
            }
            Some(b'+' | b'"' | b'<' | b'>' | 0) => return Err(DnError::Unescaped),
            Some(other) => {
                out.push(*other);
                at += 1;
            }
        }
    };
    while out.len() > keep && out.last() == Some(&b' ') {
        out.pop();
    }
    if keep == 0 && out.first() == Some(&b'#') {
        out = hex_value(out.get(1..).unwrap_or_default())?;
    }
    if out.is_empty() { Err(DnError::EmptyValue) } else { Ok((out, rest)) }
}

/// RFC 2253 4 and Active Directory still take values in quotes.
fn quoted_value(text: &str) -> Result<(Vec<u8>, Option<&str>), DnError> {
    let mut out = Vec::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    loop {
        match bytes.get(at) {
            None => return Err(DnError::Unescaped),
            Some(b'"') => break,
            Some(b'\\') => at += unescape(bytes.get(at + 1..).unwrap_or_default(), &mut out)? + 1,
            Some(other) => {
                out.push(*other);
                at += 1;
            }
        }
    }
    let after = text.get(at + 1..).unwrap_or_default().trim_start();
    let rest = match after.as_bytes().first() {
        None => None,
        Some(b',' | b';') => after.get(1..),
        Some(_) => return Err(DnError::Unescaped),
    };
    if out.is_empty() { Err(DnError::EmptyValue) } else { Ok((out, rest)) }
}

/// What stands behind a `\`: returns how many bytes of the text it took.
fn unescape(behind: &[u8], out: &mut Vec<u8>) -> Result<usize, DnError> {
    match behind {
        [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
            out.push(hex_digit(*a) << 4 | hex_digit(*b));
            Ok(2)
        }
        [special, ..] if b" #\"+,;<=>\\/".contains(special) => {
            out.push(*special);
            Ok(1)
        }
        _ => Err(DnError::BadEscape),
    }
}

fn hex_digit(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or(0)
}

/// `#04056c6f676963`: the BER encoding of the value. RFC 4514 2.4.
fn hex_value(digits: &[u8]) -> Result<Vec<u8>, DnError> {
    if !digits.len().is_multiple_of(2) || digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(DnError::BadHex);
    }
    let bytes: Vec<u8> =
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | hex_digit(*digit))).collect();
    let mut reader = asn1::Reader::new(&bytes);
    let value = reader.any().map_err(|_| DnError::BadHex)?.value.to_vec();
    reader.finish().map_err(|_| DnError::BadHex)?;
    Ok(value)
}

/// Appends a value, escaped. RFC 4514 2.4.
fn write_value(f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
    let last = value.len().saturating_sub(1);
    let mut at = 0;
    for chunk in value.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                ',' | '\\' | '+' | '"' | '<' | '>' | ';' | '=' => write!(f, "\\{letter}")?,
                '#' if at == 0 => f.write_str("\\#")?,
                ' ' if at == 0 || at == last => f.write_str("\\ ")?,
                '\0'..='\x1f' | '\x7f' => write!(f, "\\{:02X}", u32::from(letter))?,
                other => write!(f, "{other}")?,
            }
            at += letter.len_utf8();
        }
        for byte in chunk.invalid() {
            write!(f, "\\{byte:02X}")?;
            at += 1;
        }
    }
    Ok(())
}

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.attribute)?;
        write_value(f, &self.value)
    }
}

impl FromStr for Rdn {
    type Err = DnError;

    fn from_str(text: &str) -> Result<Self, DnError> {
        let mut dn: Dn = text.parse()?;
        match (dn.rdns.pop(), dn.rdns.is_empty()) {
            (Some(rdn), true) => Ok(rdn),
            (None, _) => Err(DnError::NoAttribute),
            (Some(_), false) => Err(DnError::Unescaped),
        }
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rdn) in self.rdns.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            rdn.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for DnOrId {
    type Err = DnError;

    fn from_str(text: &str) -> Result<Self, DnError> {
        let Some(id) = text.trim().strip_prefix('<') else { return text.parse().map(Self::Dn) };
        // `<GUID=…>;<SID=…>;CN=…` is what the extended-dn control prints: its first part says enough.
        let (id, _) = id.split_once('>').ok_or(DnError::BadId)?;
        let (kind, value) = id.split_once('=').ok_or(DnError::BadId)?;
        match kind.to_ascii_uppercase().as_str() {
            "GUID" => guid(value).map(Self::Guid),
            "SID" => sid(value).map(Self::Sid),
            _ => Err(DnError::BadId),
        }
    }
}

fn guid(value: &str) -> Result<Guid, DnError> {
    if let Some(bytes) = hex_bytes(value) {
        return bytes.try_into().map(Guid).map_err(|_| DnError::BadId);
    }
    value.parse().map_err(|_| DnError::BadId)
}

fn sid(value: &str) -> Result<Sid, DnError> {
    if let Some(bytes) = hex_bytes(value) {
        return Sid::from_bytes(&bytes).map_err(|_| DnError::BadId);
    }
    value.parse().map_err(|_| DnError::BadId)
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some(
        text.as_bytes()
            .chunks_exact(2)
            .map(|p| p.iter().fold(0, |byte, digit| byte << 4 | hex_digit(*digit)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dn(text: &str) -> Dn {
        text.parse().unwrap()
    }

    #[test]
    fn the_examples_of_rfc_4514_are_read() {
        assert_eq!(dn("UID=jsmith,DC=example,DC=net").depth(), 3);
        assert_eq!(
            dn(r#"CN=James \"Jim\" Smith\, III,DC=example,DC=net"#).rdn().unwrap().value(),
            br#"James "Jim" Smith, III"#
        );
        assert_eq!(dn(r"CN=Before\0dAfter,DC=example,DC=net").rdn().unwrap().value(), b"Before\rAfter");
        assert_eq!(dn("1.3.6.1.4.1.1466.0=#04024869").rdn().unwrap().value(), b"Hi");
        assert_eq!(dn(r"CN=Lu\C4\8Di\C4\87").rdn().unwrap().value(), "Lučić".as_bytes());
        assert_eq!(dn(r#" cn = "a,b" ; dc=c "#).to_string(), r"cn=a\,b,dc=c");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "alice",
            "=x",
            "CN=",
            "CN=a+OU=b",
            "CN=a,",
            "CN=a\\",
            "CN=a\\x",
            "CN=a<b",
            "CN=#zz",
            "CN=\"a",
            ",CN=a",
            "CN=\0",
        ] {
            assert!(text.parse::<Dn>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_escaped_blank_at_the_very_end_stays() {
        assert_eq!(dn("CN=a\\  ").to_string(), "CN=a\\ ");
    }

    #[test]
    fn names_are_the_same_whatever_their_case() {
        assert!(dn("CN=Alice,DC=Contoso").same(&dn("cn=aLICE, dc=contoso")));
        assert!(dn("CN=a,OU=b,DC=c").is_within(&dn("ou=B,dc=C")));
        assert!(!dn("CN=a,OU=b,DC=c").is_within(&dn("OU=x,DC=c")));
        assert!(dn("CN=a").is_within(&Dn::default()));
    }

    #[test]
    fn objects_are_named_by_guid_and_sid_too() {
        assert!(matches!("<GUID=56d9b66c-d746-4f87-bd26-26760cfdca2e>".parse(), Ok(DnOrId::Guid(_))));
        assert!(matches!("<guid=6cb6d95646d7874fbd2626760cfdca2e>".parse(), Ok(DnOrId::Guid(_))));
        assert!(matches!("<SID=S-1-5-18>".parse(), Ok(DnOrId::Sid(_))));
        assert!("<WKGUID=x>".parse::<DnOrId>().is_err());
        assert!(matches!("DC=a".parse(), Ok(DnOrId::Dn(_))));
    }

    proptest! {
        #[test]
        fn any_value_survives_printing_and_parsing(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..20), 1..5)) {
            let name = Dn::new(values.into_iter().map(|v| Rdn::new("CN", v)).collect());
            prop_assert_eq!(name.to_string().parse::<Dn>(), Ok(name));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = text.parse::<DnOrId>();
        }
    }
}
