//! Generates the schema's compact data file from Microsoft's published schema documents.
//!
//! The documents come with Debian's package `samba-ad-provision` and carry Microsoft's own notice, which is kept beside the data.
//! They are LDIF with defects: values wrapped without the leading blank, blanks at line ends. One line of the data file is one
//! definition, its fields separated by tabs; `crates/schema` reads it.

use crate::{ChoreError, Outcome};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const SOURCE: &str = "/usr/share/samba/setup/ad-schema";
const ATTRIBUTES: &str = "AD_DS_Attributes__Windows_Server_2016.ldf";
const CLASSES: &str = "AD_DS_Classes__Windows_Server_2016.ldf";
const TARGET: &str = "crates/schema/data";

/// Prefixes of OIDs and their numbers. MS-DRSR 5.16.4; those behind are Pando's own.
const PREFIXES: &[(&str, u32)] = &[
    ("2.5.4", 0),
    ("2.5.6", 1),
    ("1.2.840.113556.1.2", 2),
    ("1.2.840.113556.1.3", 3),
    ("2.5.5", 8),
    ("1.2.840.113556.1.4", 9),
    ("1.2.840.113556.1.5", 10),
    ("0.9.2342.19200300.100.1", 20),
    ("2.16.840.1.113730.3", 21),
    ("0.9.2342.19200300.100.4", 22),
    ("2.16.840.1.113730.3.1", 23),
    ("1.2.840.113556.1.5.7000", 24),
    ("2.5.21", 25),
    ("2.5.18", 26),
    ("2.5.20", 27),
    ("1.3.6.1.4.1.1466.101.119", 28),
    ("2.16.840.1.113730.3.2", 29),
    ("1.3.6.1.4.1.250.1", 30),
    ("1.2.840.113549.1.9", 31),
    ("1.2.840.113556.1.6.13.3", 257),
    ("1.2.840.113556.1.6.13.4", 258),
    ("1.2.840.113556.1.6.18.1", 259),
    ("1.2.840.113556.1.6.18.2", 260),
    ("1.2.840.113556.1.6.23", 261),
    ("1.3.6.1.1.1.1", 264),
    ("1.3.6.1.1.1.2", 265),
];

/// What schema version 88 (Windows Server 2019) adds to 87. MS-ADA2 2.431, MS-ADSC.
const ADDED_2019: &str = "
dn: CN=ms-DS-Preferred-Data-Location,CN=Schema,CN=Configuration,DC=X
objectClass: top
objectClass: attributeSchema
cn: ms-DS-Preferred-Data-Location
attributeID: 1.2.840.113556.1.4.2366
attributeSyntax: 2.5.5.12
isSingleValued: TRUE
rangeLower: 1
rangeUpper: 10
showInAdvancedViewOnly: FALSE
oMSyntax: 64
searchFlags: 0
lDAPDisplayName: msDS-preferredDataLocation
schemaIDGUID:: 3ooM+pRMEEa6zhgO/e4hQA==
systemOnly: FALSE
systemFlags: 16
isMemberOfPartialAttributeSet: TRUE
";
const ADDED_2019_TO: &[&str] = &["user", "group", "contact"];

type Entry = BTreeMap<String, Vec<String>>;

/// Runs the generator with the arguments after `cargo xtask schema`: a folder with the documents, if they are elsewhere.
pub fn run(arguments: &[String]) -> Outcome {
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        println!(
            "cargo xtask schema [FOLDER]\n\nWrites {TARGET} from Microsoft's schema documents in FOLDER\n(default {SOURCE}, of Debian's package samba-ad-provision)."
        );
        return Ok(());
    }
    let source = Path::new(arguments.first().map_or(SOURCE, String::as_str));
    let attributes = read(&source.join(ATTRIBUTES))?;
    let classes = read(&source.join(CLASSES))?;
    let notice = notice(&attributes);
    let attributes = entries(&format!("{attributes}\n{ADDED_2019}"));
    let mut classes = entries(&classes);
    for class in classes.iter_mut().filter(|class| ADDED_2019_TO.contains(&first(class, "ldapdisplayname"))) {
        class.entry("maycontain".into()).or_default().push("msDS-preferredDataLocation".into());
    }
    let mut out = String::new();
    let mut lines = Vec::new();
    for entry in attributes.iter().filter(|e| first(e, "objectclass2") == "attributeSchema") {
        lines.push(attribute(entry)?);
    }
    for entry in classes.iter().filter(|e| first(e, "objectclass2") == "classSchema") {
        lines.push(class(entry)?);
    }
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    std::fs::create_dir_all(TARGET).map_err(|source| io("creating the data folder", source))?;
    std::fs::write(Path::new(TARGET).join("ad-schema.tsv"), out).map_err(|source| io("writing the schema", source))?;
    std::fs::write(Path::new(TARGET).join("NOTICE"), notice).map_err(|source| io("writing the notice", source))
}

fn io(doing: &str, source: std::io::Error) -> ChoreError {
    ChoreError::Io { doing: doing.to_owned(), source }
}

/// The documents have a few bytes that are not UTF-8, in their notice.
fn read(path: &Path) -> Result<String, ChoreError> {
    let bytes = std::fs::read(path).map_err(|source| {
        io(&format!("reading {} (install samba-ad-provision, or name another folder)", path.display()), source)
    })?;
    Ok(String::from_utf8_lossy(&bytes).replace('\u{fffd}', "'"))
}

fn notice(text: &str) -> String {
    let mut out = String::from(
        "The schema in ad-schema.tsv is generated from documents of Microsoft that carry this notice:\n\n",
    );
    for line in text.lines().take_while(|line| line.starts_with('#')) {
        let _ = writeln!(out, "{}", line.trim_start_matches('#').trim());
    }
    out
}

/// The entries, attribute names in lower case. The second objectClass tells attributes from classes.
fn entries(text: &str) -> Vec<Entry> {
    let mut all = Vec::new();
    for block in text.replace('\r', "").split("\n\n") {
        let mut lines: Vec<String> = Vec::new();
        for line in block.lines().filter(|line| !line.starts_with('#')) {
            let is_new = line.split_once(':').is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            }) && !line.starts_with(' ');
            match (is_new, lines.last_mut()) {
                (false, Some(last)) => last.push_str(line.strip_prefix(' ').unwrap_or(line).trim_end()),
                (true, _) => lines.push(line.trim_end().to_owned()),
                (false, None) => {}
            }
        }
        let mut entry = Entry::new();
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim_start_matches(':').trim().to_owned();
            entry.entry(name.to_ascii_lowercase()).or_default().push(value);
        }
        if let Some(kind) = entry.get("objectclass").and_then(|classes| classes.last()).cloned() {
            entry.insert("objectclass2".into(), vec![kind]);
            all.push(entry);
        }
    }
    all
}

fn first<'e>(entry: &'e Entry, name: &str) -> &'e str {
    entry.get(name).and_then(|values| values.first()).map_or("", String::as_str)
}

/// All values of several attributes, sorted.
fn all(entry: &Entry, names: &[&str]) -> String {
    let mut values: Vec<&str> = names
        .iter()
        .filter_map(|name| entry.get(*name))
        .flatten()
        .flat_map(|v| v.split([',', ' ']))
        .filter(|v| !v.is_empty())
        .collect();
    values.sort_unstable_by_key(|value| value.to_ascii_lowercase());
    values.dedup();
    values.join(" ")
}

/// The number of an OID: its prefix's and its last arc. MS-DRSR 5.16.4.
fn number(oid: &str) -> Result<u32, ChoreError> {
    let bad = || ChoreError::Schema(format!("the prefix of {oid} has no number yet: add it to PREFIXES"));
    let (prefix, last) = oid.rsplit_once('.').ok_or_else(bad)?;
    let (_, prefix) = PREFIXES.iter().find(|(known, _)| *known == prefix).ok_or_else(bad)?;
    let last: u32 = last.parse().ok().filter(|n| *n <= 0xffff).ok_or_else(bad)?;
    Ok(prefix << 16 | last)
}

fn flags(entry: &Entry, names: &[(&str, char)]) -> String {
    names.iter().filter(|(name, _)| first(entry, name).eq_ignore_ascii_case("TRUE")).map(|(_, flag)| *flag).collect()
}

fn attribute(entry: &Entry) -> Result<String, ChoreError> {
    let oid = first(entry, "attributeid");
    let flags = flags(
        entry,
        &[
            ("issinglevalued", 'S'),
            ("systemonly", 'O'),
            ("ismemberofpartialattributeset", 'G'),
            ("showinadvancedviewonly", 'V'),
        ],
    );
    let fields = [
        "A",
        first(entry, "cn"),
        first(entry, "ldapdisplayname"),
        oid,
        &number(oid)?.to_string(),
        first(entry, "attributesyntax"),
        first(entry, "omsyntax"),
        first(entry, "omobjectclass"),
        &flags,
        first(entry, "searchflags"),
        first(entry, "systemflags"),
        first(entry, "schemaflagsex"),
        first(entry, "linkid"),
        first(entry, "rangelower"),
        first(entry, "rangeupper"),
        first(entry, "schemaidguid"),
        first(entry, "attributesecurityguid"),
        first(entry, "mapiid"),
    ];
    Ok(fields.join("\t").trim_end().to_owned())
}

fn class(entry: &Entry) -> Result<String, ChoreError> {
    let oid = first(entry, "governsid");
    let flags = flags(entry, &[("systemonly", 'O'), ("defaulthidingvalue", 'H'), ("showinadvancedviewonly", 'V')]);
    let category = first(entry, "defaultobjectcategory");
    let category = category.split(',').next().unwrap_or_default().trim_start_matches("CN=");
    let fields = [
        "C",
        first(entry, "cn"),
        first(entry, "ldapdisplayname"),
        oid,
        &number(oid)?.to_string(),
        first(entry, "objectclasscategory"),
        first(entry, "subclassof"),
        first(entry, "rdnattid"),
        &flags,
        first(entry, "systemflags"),
        first(entry, "schemaflagsex"),
        category,
        first(entry, "schemaidguid"),
        &first(entry, "defaultsecuritydescriptor").replace(' ', ""),
        &all(entry, &["systemmustcontain", "mustcontain"]),
        &all(entry, &["systemmaycontain", "maycontain"]),
        &all(entry, &["systempossuperiors", "posssuperiors", "systemposssuperiors"]),
        &all(entry, &["systemauxiliaryclass", "auxiliaryclass"]),
    ];
    Ok(fields.join("\t").trim_end().to_owned())
}
