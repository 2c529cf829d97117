//! Filters as text. RFC 4515 3.

use crate::filter::{Extensible, Filter, MAX_DEPTH, MAX_PARTS, Substrings};
use asn1::Writer;
use std::fmt::{self, Write as _};

/// Why a text is no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// A parenthesis is missing or too many.
    #[error("the filter's parentheses do not match at byte {0}")]
    Parenthesis(usize),
    /// No attribute, no operator, or no value where one is due.
    #[error("the filter is malformed at byte {0}")]
    Malformed(usize),
    /// `\` without two hexadecimal digits.
    #[error("the filter has a bad escape at byte {0}: special characters are written as \\28, \\29, \\2a, \\5c")]
    BadEscape(usize),
    /// Deeper or longer than a server takes.
    #[error("the filter is too deep or has too many parts")]
    TooLarge,
}

/// Parses `text` and writes its encoding. A filter without its outer parentheses is taken too, as clients do.
pub(crate) fn encode(text: &str, w: &mut Writer) -> Result<(), FilterError> {
    let text = text.trim();
    let mut parser = Parser { bytes: text.as_bytes(), at: 0, parts: MAX_PARTS };
    if text.starts_with('(') {
        parser.filter(w, MAX_DEPTH)?
    } else {
        parser.item(w)?
    }
    if parser.at == text.len() { Ok(()) } else { Err(FilterError::Parenthesis(parser.at)) }
}

struct Parser<'t> {
    bytes: &'t [u8],
    at: usize,
    parts: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), FilterError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(FilterError::Parenthesis(self.at))
        }
    }

    fn filter(&mut self, w: &mut Writer, depth: usize) -> Result<(), FilterError> {
        let depth = depth.checked_sub(1).ok_or(FilterError::TooLarge)?;
        self.parts = self.parts.checked_sub(1).ok_or(FilterError::TooLarge)?;
        self.expect(b'(')?;
        self.skip_blanks();
        match self.peek() {
            Some(b'&') => self.list(w, 0, depth)?,
            Some(b'|') => self.list(w, 1, depth)?,
            Some(b'!') => {
                self.at += 1;
                self.skip_blanks();
                let mark = w.open(asn1::Tag::context_constructed(2));
                self.filter(w, depth)?;
                w.close(mark);
                self.skip_blanks();
            }
            _ => self.item(w)?,
        }
        self.expect(b')')
    }

    fn list(&mut self, w: &mut Writer, number: u8, depth: usize) -> Result<(), FilterError> {
        self.at += 1;
        let mark = w.open(asn1::Tag::context_constructed(number));
        self.skip_blanks();
        while self.peek() == Some(b'(') {
            self.filter(w, depth)?;
            self.skip_blanks();
        }
        w.close(mark);
        Ok(())
    }

    /// `attribute=value` and its relatives, up to the closing parenthesis.
    fn item(&mut self, w: &mut Writer) -> Result<(), FilterError> {
        let start = self.at;
        let end = self
            .bytes
            .iter()
            .skip(start)
            .position(|b| matches!(b, b'(' | b')'))
            .map_or(self.bytes.len(), |n| start + n);
        let item = self.bytes.get(start..end).unwrap_or_default();
        let equals = item.iter().position(|b| *b == b'=').ok_or(FilterError::Malformed(start))?;
        let (left, right) = (item.get(..equals).unwrap_or_default(), item.get(equals + 1..).unwrap_or_default());
        let value_at = start + equals + 1;
        let (left, operator) = match left.split_last() {
            Some((op @ (b'>' | b'<' | b'~' | b':'), rest)) => (rest, *op),
            _ => (left, b'='),
        };
        let left = std::str::from_utf8(left).map_err(|_| FilterError::Malformed(start))?.trim();
        if operator == b':' {
            extensible(left, &unescape(right, value_at)?, start)?.encode(w);
        } else {
            attribute(left, start)?;
            simple(left, operator, right, value_at, w)?;
        }
        self.at = end;
        Ok(())
    }
}

fn simple(name: &str, operator: u8, right: &[u8], at: usize, w: &mut Writer) -> Result<(), FilterError> {
    let pieces: Vec<&[u8]> = right.split(|b| *b == b'*').collect();
    match (operator, pieces.as_slice()) {
        (b'=', [b"", b""]) => Filter::Present(name).encode(w),
        (b'=', [first, middle @ .., last]) if !pieces.is_empty() && pieces.len() > 1 => {
            let decoded: Vec<Vec<u8>> = middle.iter().map(|p| unescape(p, at)).collect::<Result<_, _>>()?;
            let (first, last) = (unescape(first, at)?, unescape(last, at)?);
            let parts = Substrings {
                initial: Some(first.as_slice()).filter(|p| !p.is_empty()),
                any: decoded.iter().map(Vec::as_slice).filter(|p| !p.is_empty()).collect(),
                last: Some(last.as_slice()).filter(|p| !p.is_empty()),
            };
            if parts == Substrings::default() {
                Filter::Present(name).encode(w);
            } else {
                Filter::Substrings(name, parts).encode(w);
            }
        }
        (op, _) => {
            let value = unescape(right, at)?;
            match op {
                b'>' => Filter::GreaterOrEqual(name, &value).encode(w),
                b'<' => Filter::LessOrEqual(name, &value).encode(w),
                b'~' => Filter::Approximate(name, &value).encode(w),
                _ => Filter::Equality(name, &value).encode(w),
            }
        }
    }
    Ok(())
}

/// `attribute:dn:rule`, each part but one optional, without the final colon.
fn extensible<'a>(left: &'a str, value: &'a [u8], at: usize) -> Result<Filter<'a>, FilterError> {
    let mut parts = left.split(':');
    let name = Some(parts.next().unwrap_or_default()).filter(|name| !name.is_empty());
    let (mut dn_attributes, mut rule) = (false, None);
    for part in parts {
        if part.eq_ignore_ascii_case("dn") && !dn_attributes && rule.is_none() {
            dn_attributes = true;
        } else if rule.is_none() {
            attribute(part, at)?;
            rule = Some(part);
        } else {
            return Err(FilterError::Malformed(at));
        }
    }
    name.map(|name| attribute(name, at)).transpose()?;
    if name.is_none() && rule.is_none() {
        return Err(FilterError::Malformed(at));
    }
    Ok(Filter::Extensible(Extensible { rule, attribute: name, value, dn_attributes }))
}

/// A name or OID, with options.
fn attribute(text: &str, at: usize) -> Result<(), FilterError> {
    let ok =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b';' | b'_'));
    if ok { Ok(()) } else { Err(FilterError::Malformed(at)) }
}

fn unescape(value: &[u8], at: usize) -> Result<Vec<u8>, FilterError> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                let digit =
                    |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
                let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                    return Err(FilterError::BadEscape(at));
                };
                out.push(high << 4 | low);
            }
            other => out.push(*other),
        }
    }
    Ok(out)
}

/// Prints a filter.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, filter: &Filter<'_>) -> fmt::Result {
    let all = |f: &mut fmt::Formatter<'_>, sign: char, parts: &[Filter<'_>]| {
        write!(f, "({sign}")?;
        parts.iter().try_for_each(|part| write(f, part))?;
        f.write_char(')')
    };
    let item = |f: &mut fmt::Formatter<'_>, left: &str, operator: &str, value: &[u8]| {
        write!(f, "({left}{operator}")?;
        escape(f, value)?;
        f.write_char(')')
    };
    match filter {
        Filter::And(parts) => all(f, '&', parts),
        Filter::Or(parts) => all(f, '|', parts),
        Filter::Not(part) => write!(f, "(!{part})"),
        Filter::Equality(name, value) => item(f, name, "=", value),
        Filter::GreaterOrEqual(name, value) => item(f, name, ">=", value),
        Filter::LessOrEqual(name, value) => item(f, name, "<=", value),
        Filter::Approximate(name, value) => item(f, name, "~=", value),
        Filter::Present(name) => write!(f, "({name}=*)"),
        Filter::Substrings(name, parts) => {
            write!(f, "({name}=")?;
            escape(f, parts.initial.unwrap_or_default())?;
            f.write_char('*')?;
            for part in &parts.any {
                escape(f, part)?;
                f.write_char('*')?;
            }
            escape(f, parts.last.unwrap_or_default())?;
            f.write_char(')')
        }
        Filter::Extensible(rule) => {
            write!(f, "({}", rule.attribute.unwrap_or_default())?;
            f.write_str(if rule.dn_attributes { ":dn" } else { "" })?;
            rule.rule.map_or(Ok(()), |rule| write!(f, ":{rule}"))?;
            f.write_str(":=")?;
            escape(f, rule.value)?;
            f.write_char(')')
        }
    }
}

fn escape(f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
    for chunk in value.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '*' | '(' | ')' | '\\' | '\0'..='\x1f' | '\x7f' => write!(f, "\\{:02x}", u32::from(letter))?,
                other => f.write_char(other)?,
            }
        }
        chunk.invalid().iter().try_for_each(|byte| write!(f, "\\{byte:02x}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FilterBuf;
    use proptest::prelude::*;

    #[test]
    fn filters_are_printed_as_they_were_read() {
        for text in [
            "(cn=Babs Jensen)",
            "(!(cn=Tim Howes))",
            "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
            "(o=univ*of*mich*)",
            "(seeAlso=)",
            "(cn:caseExactMatch:=Fred Flintstone)",
            "(sn:dn:2.4.6.8.10:=Barney Rubble)",
            "(o:dn:=Ace Industry)",
            "(:1.2.3:=Wilma)",
            "(o=Parens R Us \\28for all your parenthetical needs\\29)",
            "(cn=*\\2a*)",
            "(userAccountControl:1.2.840.113556.1.4.803:=2)",
            "(whenChanged>=20200101000000.0Z)",
            "(&)",
            "(|)",
            "(objectClass=*)",
            "(member;range=0-10=*)",
        ] {
            assert_eq!(text.parse::<FilterBuf>().unwrap().as_filter().to_string(), text);
        }
        assert_eq!("cn=x".parse::<FilterBuf>().unwrap().as_filter().to_string(), "(cn=x)");
        assert_eq!("(bin=\\00\\ff)".parse::<FilterBuf>().unwrap().as_filter(), Filter::Equality("bin", &[0, 0xff]));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "(",
            "()",
            "(cn)",
            "(cn=a",
            "(cn=a))",
            "(=a)",
            "(&(cn=a)",
            "(!)",
            "(cn=\\2)",
            "(cn=\\zz)",
            "(a b=c)",
            "(::=x)",
        ] {
            assert!(text.parse::<FilterBuf>().is_err(), "{text}");
        }
        let deep = format!("{}(cn=a){}", "(!".repeat(5000), ")".repeat(5000));
        assert_eq!(deep.parse::<FilterBuf>(), Err(FilterError::TooLarge));
        let wide = format!("(|{})", "(cn=a)".repeat(9000));
        assert_eq!(wide.parse::<FilterBuf>(), Err(FilterError::TooLarge));
    }

    fn any_filter() -> impl Strategy<Value = String> {
        let item = ("[a-z]{1,8}", proptest::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(name, value)| Filter::Equality(&name, &value).to_string());
        item.prop_recursive(4, 32, 4, |inner| {
            proptest::collection::vec(inner, 0..4).prop_map(|parts| format!("(&{})", parts.concat()))
        })
    }

    proptest! {
        #[test]
        fn text_and_encoding_agree(text in any_filter()) {
            prop_assert_eq!(text.parse::<FilterBuf>().unwrap().as_filter().to_string(), text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = text.parse::<FilterBuf>();
        }
    }
}
