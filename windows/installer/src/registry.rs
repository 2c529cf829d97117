//! The registry as data: values, and trees of keys. Paths are below `HKEY_LOCAL_MACHINE`, in the 64-bit view.

use std::collections::BTreeMap;

use crate::caseless::Caseless;
use crate::step::Step;

/// A key below `HKEY_LOCAL_MACHINE`.
pub type KeyPath = Caseless;

/// What a value holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `REG_SZ`.
    Text(String),
    /// `REG_BINARY`.
    Binary(Vec<u8>),
    /// `REG_DWORD`.
    Number(u32),
    /// Anything else, as it is.
    Other { kind: u32, data: Vec<u8> },
}

impl Value {
    const SZ: u32 = 1;
    const BINARY: u32 = 3;
    const DWORD: u32 = 4;

    /// From what the registry has. A text that is none is kept as it is.
    #[must_use]
    pub fn read(kind: u32, data: &[u8]) -> Self {
        match kind {
            Self::SZ => Self::text(data).unwrap_or_else(|| Self::Other { kind, data: data.to_vec() }),
            Self::BINARY => Self::Binary(data.to_vec()),
            Self::DWORD if data.len() == 4 => {
                Self::Number(data.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte)))
            }
            _ => Self::Other { kind, data: data.to_vec() },
        }
    }

    fn text(data: &[u8]) -> Option<Self> {
        let (pairs, odd) = data.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        let units = units.strip_suffix(&[0]).unwrap_or(&units);
        let text = String::from_utf16(units).ok()?;
        (odd.is_empty() && !text.contains('\0')).then_some(Self::Text(text))
    }

    /// As the registry takes it: its type and its bytes.
    #[must_use]
    pub fn write(&self) -> (u32, Vec<u8>) {
        match self {
            Self::Text(text) => (Self::SZ, text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()),
            Self::Binary(data) => (Self::BINARY, data.clone()),
            Self::Number(number) => (Self::DWORD, number.to_le_bytes().to_vec()),
            Self::Other { kind, data } => (*kind, data.clone()),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Binary(data) => write!(f, "{} bytes", data.len()),
            Self::Other { kind, data } => write!(f, "{} bytes of type {kind}", data.len()),
        }
    }
}

/// A key with all that is in it. The value without a name is the key's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub values: BTreeMap<Caseless, Value>,
    pub keys: BTreeMap<Caseless, Tree>,
}

impl Tree {
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    #[must_use]
    pub fn with_text(self, name: &str, text: impl Into<String>) -> Self {
        self.with(name, Value::Text(text.into()))
    }

    #[must_use]
    pub fn with_key(mut self, name: &str, tree: Self) -> Self {
        self.keys.insert(name.into(), tree);
        self
    }

    /// A text value of this key.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(&name.into()) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing is in it that is not in the other: whoever was making that one may have got so far.
    #[must_use]
    pub fn is_part_of(&self, other: &Self) -> bool {
        let values = self.values.iter().all(|(name, value)| other.values.get(name) == Some(value));
        values && self.keys.iter().all(|(name, tree)| other.keys.get(name).is_some_and(|other| tree.is_part_of(other)))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.keys.is_empty()
    }
}

/// The steps from one tree to another, nothing being one too. What is the same is not touched.
pub fn turn(path: &KeyPath, before: Option<&Tree>, after: Option<&Tree>, steps: &mut Vec<Step>) {
    let nothing = Tree::default();
    if before.is_none() && after.is_some() {
        steps.push(Step::CreateKey(path.clone()));
    }
    let (old, new) = (before.unwrap_or(&nothing), after.unwrap_or(&nothing));
    for name in union(&old.values, &new.values) {
        let (before, after) = (old.values.get(name), new.values.get(name));
        if before != after {
            let (key, name) = (path.clone(), name.clone());
            steps.push(Step::SetValue { key, name, before: before.cloned(), after: after.cloned() });
        }
    }
    for name in union(&old.keys, &new.keys) {
        turn(&path.join(name.as_str()), old.keys.get(name), new.keys.get(name), steps);
    }
    if before.is_some() && after.is_none() {
        steps.push(Step::DeleteKey(path.clone()));
    }
}

fn union<'a, T>(one: &'a BTreeMap<Caseless, T>, other: &'a BTreeMap<Caseless, T>) -> Vec<&'a Caseless> {
    let mut names: Vec<_> = one.keys().chain(other.keys()).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_and_a_text_that_is_none_is_kept_as_it_is() {
        for value in [
            Value::Text(String::new()),
            Value::Text("C:\\ä".into()),
            Value::Binary(vec![1, 0, 4]),
            Value::Number(0x0102_0304),
        ] {
            let (kind, data) = value.write();
            assert_eq!(Value::read(kind, &data), value);
        }
        // Without its NUL it is the same text; with one inside, or half a letter, it is none.
        assert_eq!(Value::read(1, b"a\0"), Value::Text("a".into()));
        for odd in [&b"a\0b"[..], b"a\0\0\0b\0\0\0", b"\x00\xd8\0\0"] {
            assert_eq!(Value::read(1, odd).write(), (1, odd.to_vec()));
        }
    }
}
