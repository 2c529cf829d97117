//! Names as Windows compares them: of keys, values, folders and files. Kept as written, compared without regard to case.

use std::cmp::Ordering;
use std::fmt;

/// A name, or a path of names with `\` between them.
#[derive(Clone, Debug)]
pub struct Caseless(String);

impl Caseless {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands below it under that name.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self(format!("{}\\{name}", self.0))
    }

    /// What it stands below, if anything.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.0.rsplit_once('\\')?;
        (!parent.is_empty() && !parent.ends_with(':')).then(|| Self(parent.to_owned()))
    }

    /// Its last name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('\\').next().unwrap_or_default()
    }

    /// Whether it stands below `other`, at any depth.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        let mut mine = self.folded();
        other.folded().all(|c| mine.next() == Some(c)) && mine.next() == Some('\\')
    }

    /// Whether it is `<file>.<anything><ending>`.
    #[must_use]
    pub fn is_aside_of(&self, file: &Self, ending: &str) -> bool {
        let (name, file, ending) = (self.upper(), format!("{}.", file.upper()), Self::from(ending).upper());
        name.strip_prefix(&file).and_then(|rest| rest.strip_suffix(&ending)).is_some_and(|rest| !rest.is_empty())
    }

    fn upper(&self) -> String {
        self.folded().collect()
    }

    fn folded(&self) -> impl Iterator<Item = char> + '_ {
        self.0.chars().flat_map(char::to_uppercase)
    }
}

impl<T: Into<String>> From<T> for Caseless {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Caseless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.folded().eq(other.folded())
    }
}

impl Eq for Caseless {}

impl PartialOrd for Caseless {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Caseless {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_windows_does() {
        assert_eq!(Caseless::from("InprocServer32"), Caseless::from("INPROCSERVER32"));
        assert!(Caseless::from(r"c:\program files\pando\x.dll").is_below(&Caseless::from(r"C:\Program Files\Pando")));
        for outside in [r"C:\Program Files\Pando", r"C:\Program Files\PandoX\x.dll", r"C:\x"] {
            assert!(!Caseless::from(outside).is_below(&Caseless::from(r"C:\Program Files\Pando")), "{outside}");
        }
        assert_eq!(Caseless::from(r"C:\a\b").parent(), Some(Caseless::from(r"C:\a")));
        assert_eq!(Caseless::from(r"C:\a").parent(), None);
        assert_eq!(Caseless::from(r"C:\a\b").name(), "b");
        let aside = |name: &str| Caseless::from(name).is_aside_of(&"x.dll".into(), ".old");
        assert!(aside("X.DLL.1.OLD") && !aside("x.dll") && !aside("x.dll.old") && !aside("y.dll.1.old"));
    }
}
