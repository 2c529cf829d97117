//! Entries and changes as text. RFC 2849.
//!
//! Values from URLs (`name:< file:///…`) are refused: reading a text reads no other files.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::message::Change as Kind;

/// No line, once unfolded, is longer.
const MAX_LINE: usize = 16 << 20;
/// Where lines are folded.
const WIDTH: usize = 76;

/// One record: an object's name and what is said about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The object.
    pub dn: String,
    /// What is said.
    pub change: Change,
}

/// One step of a modify: what is done, to which attribute, with which values.
pub type Step = (Kind, String, Vec<Vec<u8>>);

/// What a record says.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The object has these values, or is to be created with them: attributes and values in the order of the text.
    Add(Vec<(String, Vec<u8>)>),
    /// It is to be deleted.
    Delete,
    /// It is to be changed so, in this order.
    Modify(Vec<Step>),
    /// It is to be renamed or moved.
    Rename {
        /// Its new relative name.
        new_rdn: String,
        /// Whether the old one goes.
        delete_old_rdn: bool,
        /// Where it goes, if elsewhere.
        new_superior: Option<String>,
    },
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.dn, self.change)
    }
}

impl std::fmt::Debug for Change {
    // One of the values may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Add(values) => write!(f, "add ({} values)", values.len()),
            Self::Delete => f.write_str("delete"),
            Self::Modify(steps) => write!(f, "modify ({} steps)", steps.len()),
            Self::Rename { new_rdn, .. } => write!(f, "rename to {new_rdn}"),
        }
    }
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LdifError {
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub problem: LdifProblem,
}

/// What can be wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LdifProblem {
    /// Not `name: value`.
    #[error("not of the form `name: value`")]
    NoColon,
    /// Bad base64 behind `::`.
    #[error("the value behind `::` is not base64")]
    Base64,
    /// `:<`.
    #[error("values from URLs are not read")]
    Url,
    /// A record without `dn:` at its beginning.
    #[error("a record must begin with `dn:`")]
    NoName,
    /// A name or keyword that is not UTF-8.
    #[error("not UTF-8")]
    NotText,
    /// `changetype:` of an unknown kind.
    #[error("an unknown changetype")]
    ChangeType,
    /// A step of a modify that is not `add:`, `delete:` or `replace:`, or one with values of another attribute.
    #[error("a step of a modify must be add, delete or replace, with values of that attribute, ended by `-`")]
    Step,
    /// A rename without its parts.
    #[error("a rename needs newrdn and deleteoldrdn, and may have newsuperior")]
    Rename,
    /// Another version than 1.
    #[error("only version 1 of LDIF is read")]
    Version,
    /// Longer than any value.
    #[error("the line is too long")]
    TooLong,
}

/// A line, unfolded and decoded.
struct Line {
    number: usize,
    name: String,
    value: Vec<u8>,
}

impl Line {
    fn error(&self, problem: LdifProblem) -> LdifError {
        LdifError { line: self.number, problem }
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn text(&self) -> Result<String, LdifError> {
        String::from_utf8(self.value.clone()).map_err(|_| self.error(LdifProblem::NotText))
    }
}

/// Reads all records of a text.
///
/// # Errors
/// The first line that breaks a rule of RFC 2849.
pub fn read(text: &str) -> Result<Vec<Record>, LdifError> {
    let mut records = Vec::new();
    for (at, paragraph) in paragraphs(text).into_iter().enumerate() {
        let mut lines = paragraph.iter().map(|(number, line)| decode(*number, line)).collect::<Result<Vec<_>, _>>()?;
        if at == 0 && lines.first().is_some_and(|line| line.is("version")) {
            let version = lines.remove(0);
            if version.value != b"1" {
                return Err(version.error(LdifProblem::Version));
            }
        }
        if let Some((name, rest)) = lines.split_first() {
            records.push(record(name, rest)?);
        }
    }
    Ok(records)
}

/// Unfolds lines, leaves comments out and parts at empty lines. A comment may be folded too.
fn paragraphs(text: &str) -> Vec<Vec<(usize, String)>> {
    let (mut all, mut current): (Vec<_>, Vec<(usize, String)>) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        if let Some(more) = line.strip_prefix(' ') {
            match current.last_mut() {
                Some((_, last)) => last.push_str(more),
                None => current.push((at + 1, line.to_owned())),
            }
        } else if line.is_empty() {
            all.push(std::mem::take(&mut current));
        } else {
            current.push((at + 1, line.to_owned()));
        }
    }
    all.push(current);
    for paragraph in &mut all {
        paragraph.retain(|(_, line)| !line.starts_with('#'));
    }
    all.retain(|paragraph| !paragraph.is_empty());
    all
}

fn decode(number: usize, line: &str) -> Result<Line, LdifError> {
    let error = |problem| LdifError { line: number, problem };
    if line.len() > MAX_LINE {
        return Err(error(LdifProblem::TooLong));
    }
    if line == "-" {
        return Ok(Line { number, name: "-".into(), value: Vec::new() });
    }
    let (name, value) = line.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or(error(LdifProblem::NoColon))?;
    let value = match value.as_bytes().first() {
        Some(b':') => {
            STANDARD.decode(value.get(1..).unwrap_or_default().trim()).map_err(|_| error(LdifProblem::Base64))?
        }
        Some(b'<') => return Err(error(LdifProblem::Url)),
        _ => value.trim_start_matches(' ').as_bytes().to_vec(),
    };
    Ok(Line { number, name: name.to_owned(), value })
}

fn record(name: &Line, lines: &[Line]) -> Result<Record, LdifError> {
    if !name.is("dn") {
        return Err(name.error(LdifProblem::NoName));
    }
    // Controls say nothing here that a reader could act on.
    let lines = lines.get(lines.iter().take_while(|line| line.is("control")).count()..).unwrap_or_default();
    let (kind, rest) = match lines.split_first() {
        Some((first, rest)) if first.is("changetype") => (Some(first), rest),
        _ => (None, lines),
    };
    let change = match kind.map(|kind| kind.text().map(|text| (kind, text.to_ascii_lowercase()))).transpose()? {
        None => Change::Add(values(rest)),
        Some((kind, text)) => match text.as_str() {
            "add" => Change::Add(values(rest)),
            "delete" => Change::Delete,
            "modify" => Change::Modify(steps(rest)?),
            "modrdn" | "moddn" => rename(kind, rest)?,
            _ => return Err(kind.error(LdifProblem::ChangeType)),
        },
    };
    Ok(Record { dn: name.text()?, change })
}

fn values(lines: &[Line]) -> Vec<(String, Vec<u8>)> {
    lines.iter().map(|line| (line.name.clone(), line.value.clone())).collect()
}

fn steps(lines: &[Line]) -> Result<Vec<Step>, LdifError> {
    let mut steps = Vec::new();
    for step in lines.split(|line| line.name == "-") {
        let Some((head, rest)) = step.split_first() else { continue };
        let kind = match head.name.to_ascii_lowercase().as_str() {
            "add" => Kind::Add,
            "delete" => Kind::Delete,
            "replace" => Kind::Replace,
            _ => return Err(head.error(LdifProblem::Step)),
        };
        let attribute = head.text()?;
        if let Some(other) = rest.iter().find(|line| !line.is(&attribute)) {
            return Err(other.error(LdifProblem::Step));
        }
        steps.push((kind, attribute, rest.iter().map(|line| line.value.clone()).collect()));
    }
    Ok(steps)
}

fn rename(kind: &Line, lines: &[Line]) -> Result<Change, LdifError> {
    let wrong = || kind.error(LdifProblem::Rename);
    let (new_rdn, delete_old, superior) = match lines {
        [rdn, old] => (rdn, old, None),
        [rdn, old, superior] if superior.is("newsuperior") => (rdn, old, Some(superior)),
        _ => return Err(wrong()),
    };
    let delete_old_rdn = match delete_old.value.as_slice() {
        b"0" => false,
        b"1" => true,
        _ => return Err(wrong()),
    };
    if !new_rdn.is("newrdn") || !delete_old.is("deleteoldrdn") {
        return Err(wrong());
    }
    Ok(Change::Rename { new_rdn: new_rdn.text()?, delete_old_rdn, new_superior: superior.map(Line::text).transpose()? })
}

/// Appends a record and the empty line behind it.
pub fn write(out: &mut String, record: &Record) {
    line(out, "dn", record.dn.as_bytes());
    match &record.change {
        Change::Add(values) => values.iter().for_each(|(name, value)| line(out, name, value)),
        Change::Delete => line(out, "changetype", b"delete"),
        Change::Modify(steps) => {
            line(out, "changetype", b"modify");
            for (kind, name, values) in steps {
                let kind = match kind {
                    Kind::Add => "add",
                    Kind::Delete => "delete",
                    Kind::Replace => "replace",
                };
                line(out, kind, name.as_bytes());
                values.iter().for_each(|value| line(out, name, value));
                out.push_str("-\n");
            }
        }
        Change::Rename { new_rdn, delete_old_rdn, new_superior } => {
            line(out, "changetype", b"modrdn");
            line(out, "newrdn", new_rdn.as_bytes());
            line(out, "deleteoldrdn", if *delete_old_rdn { b"1" } else { b"0" });
            new_superior.iter().for_each(|superior| line(out, "newsuperior", superior.as_bytes()));
        }
    }
    out.push('\n');
}

/// Appends one line, folded; in base64 when the value is no SAFE-STRING.
fn line(out: &mut String, name: &str, value: &[u8]) {
    let mut whole = format!("{name}:");
    match std::str::from_utf8(value).ok().filter(|text| is_safe(text)) {
        // Writing to a string cannot fail.
        Some("") => {}
        Some(text) => {
            let _ = write!(whole, " {text}");
        }
        None => {
            let _ = write!(whole, ": {}", STANDARD.encode(value));
        }
    }
    // All ASCII from here on but for the name, which is.
    let mut rest = whole.as_str();
    let mut width = WIDTH;
    while let Some((head, tail)) = rest.split_at_checked(width).filter(|(_, tail)| !tail.is_empty()) {
        out.push_str(head);
        out.push_str("\n ");
        rest = tail;
        width = WIDTH - 1;
    }
    out.push_str(rest);
    out.push('\n');
}

fn is_safe(text: &str) -> bool {
    let bad_start = text.starts_with([' ', ':', '<']);
    !bad_start && !text.ends_with(' ') && text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(text: &str) -> (usize, LdifProblem) {
        let error = read(text).unwrap_err();
        (error.line, error.problem)
    }

    #[test]
    fn the_examples_of_rfc_2849_are_read() {
        let text = "version: 1\n# a comment\n  that is folded\ndn: cn=Barbara Jensen, ou=Product Development, dc=airius, dc=com\n\
                    objectclass: top\ncn: Barbara Jensen\ndescription:Babs is a\n  big fan\n\n\
                    dn:: b3U95Za25qWt6YOoLG89QWlyaXVz\nobjectclass: top\n\n\n\
                    dn: cn=Paul, dc=com\ncontrol: 1.2.840.113556.1.4.805 true\nchangetype: modify\nadd: postaladdress\n\
                    postaladdress: 123 Anystreet\n-\ndelete: description\n-\nreplace: telephonenumber\ntelephonenumber: 1\n\
                    telephonenumber: 2\n-\n\n\
                    dn: cn=Robert, dc=com\r\nchangetype: delete\r\n\r\n\
                    dn: cn=a, dc=com\nchangetype: modrdn\nnewrdn: cn=b\ndeleteoldrdn: 1\nnewsuperior: dc=net\n";
        let records = read(text).unwrap();
        assert_eq!(records.len(), 5);
        let Change::Add(values) = &records[0].change else { panic!() };
        assert_eq!(values[2], ("description".into(), b"Babs is a big fan".to_vec()));
        assert_eq!(records[1].dn, "ou=営業部,o=Airius");
        let Change::Modify(steps) = &records[2].change else { panic!() };
        assert_eq!((steps.len(), steps[1].0, steps[1].2.len(), steps[2].2.len()), (3, Kind::Delete, 0, 2));
        assert_eq!(records[3].change, Change::Delete);
        let Change::Rename { new_rdn, delete_old_rdn, new_superior } = &records[4].change else { panic!() };
        assert_eq!((new_rdn.as_str(), *delete_old_rdn, new_superior.as_deref()), ("cn=b", true, Some("dc=net")));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        assert_eq!(problem("dn: a\nx"), (2, LdifProblem::NoColon));
        assert_eq!(problem("dn: a\nx:: ?"), (2, LdifProblem::Base64));
        assert_eq!(problem("dn: a\n\n\nx:< file:///etc/passwd"), (4, LdifProblem::Url));
        assert_eq!(problem("cn: a"), (1, LdifProblem::NoName));
        assert_eq!(problem("version: 2\n\ndn: a"), (1, LdifProblem::Version));
        assert_eq!(problem("dn: a\nchangetype: dance"), (2, LdifProblem::ChangeType));
        assert_eq!(problem("dn: a\nchangetype: modify\nadd: cn\nsn: x\n-"), (4, LdifProblem::Step));
        assert_eq!(problem("dn: a\nchangetype: modrdn\nnewrdn: cn=b"), (2, LdifProblem::Rename));
        assert_eq!(problem("dn:: /w=="), (1, LdifProblem::NotText));
    }

    #[test]
    fn a_password_does_not_print() {
        let record =
            Record { dn: "cn=a".into(), change: Change::Add(vec![("userPassword".into(), b"geheim".to_vec())]) };
        assert!(!format!("{record:?}").contains("geheim"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(dn in "[ -~é]{1,90}", values in proptest::collection::vec(("[a-z]{1,8}", proptest::collection::vec(any::<u8>(), 0..200)), 1..5)) {
            prop_assume!(values[0].0 != "changetype" && values[0].0 != "control");
            let modify = values.iter().map(|(name, value)| (Kind::Add, name.clone(), vec![value.clone()])).collect();
            let records = [
                Record { dn: dn.clone(), change: Change::Add(values) },
                Record { dn, change: Change::Modify(modify) },
            ];
            let mut text = String::new();
            records.iter().for_each(|record| write(&mut text, record));
            prop_assert!(text.lines().all(|line| line.len() <= WIDTH));
            prop_assert_eq!(read(&text).unwrap(), records);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(dn: a\n|changetype: [a-z]{3,6}\n|[ -~]{0,20}\n|\n| x|-\n){0,12}") {
            let _ = read(&text);
        }
    }
}
