//! What is installed, and what is missing or different.

use serde::Serialize;

use crate::caseless::Caseless;
use crate::class::{COM_CLASSES, Registration, carries, ccg_tree, event_tree, interface_key, interface_tree};
use crate::files::{belongs, version_of};
use crate::machine::Found;
use crate::registry::{Tree, turn};
use crate::seen::{Registered, Seen, SeenClass};
use crate::step::Step;

/// How a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Installed,
    /// Not there.
    Absent,
    /// There, but not as it should be: see what was found.
    Incomplete,
    /// Someone else has its class.
    SomeoneElses,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `missing`, `different`, `unexpected`, or `open`: others than administrators may change it.
    pub what: &'static str,
    /// A key, a value of a key, or a file.
    pub item: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub should_be: Option<String>,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub plugin: &'static str,
    pub clsid: &'static str,
    pub state: State,
    /// Of the DLL that is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dll: Option<String>,
    /// Who runs its surrogate; CCG's own account if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as: Option<String>,
    /// Who has the class, if someone else has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_by: Option<String>,
    pub findings: Vec<Finding>,
}

impl Status {
    /// Of one class on a machine.
    #[must_use]
    pub fn of(seen: &Seen, one: &SeenClass) -> Self {
        let mut status = Self {
            plugin: one.class.name,
            clsid: one.class.clsid,
            state: State::Absent,
            version: None,
            dll: None,
            run_as: None,
            registered_by: None,
            findings: Vec::new(),
        };
        match &one.registered {
            Registered::Other(by) => {
                status.state = State::SomeoneElses;
                status.registered_by = Some(by.clone());
            }
            Registered::Nobody if one.clsid.is_none() && one.ccg.is_none() && one.appid.is_none() => {}
            Registered::Nobody => {
                status.findings = registrations(seen, one, None);
                status.state = State::Incomplete;
            }
            Registered::Ours(dll) => {
                status.version = dll.parent().and_then(|folder| version_of(folder.name()).map(str::to_owned));
                status.dll = Some(dll.to_string());
                status.run_as = one.appid.as_ref().and_then(|tree| tree.text("RunAs")).map(str::to_owned);
                status.findings.extend(file(one, dll));
                status.findings.extend(one.open.iter().filter_map(|(path, found)| folder(path, found)));
                status.findings.extend(registrations(seen, one, Some(dll)));
                status.state = if status.findings.is_empty() { State::Installed } else { State::Incomplete };
            }
        }
        status
    }
}

/// A DLL says by the name of its folder what it should be.
fn file(one: &SeenClass, dll: &Caseless) -> Option<Finding> {
    let finding = |what| Some(Finding { what, item: dll.to_string(), is: None, should_be: None });
    let folder = dll.parent()?;
    match &one.dll {
        Found::File { sha256, open_to } if belongs(folder.name(), sha256) && is_named(one, dll) => {
            open_to.as_ref().map(|who| open(dll, who))
        }
        Found::Nothing => finding("missing"),
        _ => finding("different"),
    }
}

fn is_named(one: &SeenClass, dll: &Caseless) -> bool {
    one.class.dll.eq_ignore_ascii_case(dll.name())
}

/// One that others may change, or that is a link to another place.
fn folder(path: &Caseless, found: &Found) -> Option<Finding> {
    match found {
        Found::Nothing | Found::Folder { open_to: None } => None,
        Found::Folder { open_to: Some(who) } => Some(open(path, who)),
        Found::File { .. } | Found::Other => Some(Finding {
            what: "different",
            item: path.to_string(),
            is: None,
            should_be: Some("a folder".to_owned()),
        }),
    }
}

fn open(path: &Caseless, who: &str) -> Finding {
    let is = Some(format!("writable for {who}"));
    Finding { what: "open", item: path.to_string(), is, should_be: Some("writable for administrators only".to_owned()) }
}

fn registrations(seen: &Seen, one: &SeenClass, dll: Option<&Caseless>) -> Vec<Finding> {
    let class = one.class;
    let run_as = one.appid.as_ref().and_then(|tree| tree.text("RunAs"));
    let mut steps = Vec::new();
    let mut compare = |key: &Caseless, is: Option<&Tree>, should: &Tree| turn(key, is, Some(should), &mut steps);
    match dll {
        Some(dll) => {
            compare(&class.clsid_path(), one.clsid.as_ref(), &class.clsid_tree(dll.as_str()));
            compare(&class.event_path(), one.event.as_ref(), &event_tree(dll.as_str()));
        }
        None => compare(&class.clsid_path().join("InprocServer32"), None, &Tree::default()),
    }
    compare(&class.appid_path(), one.appid.as_ref(), &class.appid_tree(run_as));
    // What was there before us may be different, and is left alone.
    if !carries(seen.interface.as_ref()) {
        compare(&interface_key(), seen.interface.as_ref(), &interface_tree());
    }
    if seen.com_classes.is_none() {
        compare(&COM_CLASSES.into(), None, &Tree::default());
    }
    compare(&class.ccg_path(), one.ccg.as_ref(), &ccg_tree());
    steps.iter().filter_map(finding).collect()
}

/// What a step would mend.
fn finding(step: &Step) -> Option<Finding> {
    let new = |what, item: String, is: Option<String>, should_be| Some(Finding { what, item, is, should_be });
    match step {
        Step::CreateKey(key) => new("missing", format!("HKLM\\{key}"), None, None),
        Step::DeleteKey(key) => new("unexpected", format!("HKLM\\{key}"), None, None),
        Step::SetValue { key, name, before, after } => {
            let what = match (before, after) {
                (None, _) => "missing",
                (_, None) => "unexpected",
                _ => "different",
            };
            let name = if name.as_str().is_empty() { "(Default)" } else { name.as_str() };
            let text = |value: &Option<crate::registry::Value>| value.as_ref().map(ToString::to_string);
            new(what, format!("HKLM\\{key} {name}"), text(before), text(after))
        }
        _ => None,
    }
}
