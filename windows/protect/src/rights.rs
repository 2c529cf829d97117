//! Security descriptors as data: those we give, and what one that we find says.

use std::io;

use dtyp::sd::{AceKind, Control};
use dtyp::{AccessMask, Ace, Error, SecurityDescriptor, Sid, sddl};

/// What we give files and folders. Nothing is inherited from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// SYSTEM and administrators, nobody else.
    Administrators,
    /// `NetworkService` may read too: the account that plugins run as.
    Plugins,
    /// Everybody may read and execute.
    Everyone,
}

impl Readers {
    /// The descriptor of a file. `also` may do with it what SYSTEM may: who runs this, if that is somebody else.
    ///
    /// # Errors
    /// None: a test holds each to what it says.
    pub fn file(self, also: Option<&Sid>) -> Result<Vec<u8>, Error> {
        self.descriptor("D:P", "", also)
    }

    /// The descriptor of a folder, as of a file; what is made in it is as it is.
    ///
    /// # Errors
    /// None: a test holds each to what it says.
    pub fn folder(self, also: Option<&Sid>) -> Result<Vec<u8>, Error> {
        self.descriptor("D:P", "OICI", also)
    }

    /// The descriptor of a file that is the machine's, whoever of its administrators makes it: they own it.
    ///
    /// # Errors
    /// None: a test holds each to what it says.
    pub fn file_of_the_machine(self) -> Result<Vec<u8>, Error> {
        self.descriptor("O:BAD:P", "", None)
    }

    /// The descriptor of a folder, as of such a file.
    ///
    /// # Errors
    /// None: a test holds each to what it says.
    pub fn folder_of_the_machine(self) -> Result<Vec<u8>, Error> {
        self.descriptor("O:BAD:P", "OICI", None)
    }

    fn descriptor(self, start: &str, flags: &str, also: Option<&Sid>) -> Result<Vec<u8>, Error> {
        let readers = match self {
            Self::Administrators => String::new(),
            Self::Plugins => format!("(A;{flags};0x1200a9;;;NS)"),
            Self::Everyone => format!("(A;{flags};0x1200a9;;;WD)"),
        };
        let also = also.filter(|sid| **sid != Sid::SYSTEM && **sid != Sid::BUILTIN_ADMINISTRATORS);
        let also = also.map(|sid| format!("(A;{flags};FA;;;{sid})")).unwrap_or_default();
        let text = format!("{start}(A;{flags};FA;;;SY)(A;{flags};FA;;;BA){also}{readers}");
        // No domain's names are in it.
        sddl::parse(&text, &Sid::SYSTEM, &Sid::SYSTEM)?.to_bytes()
    }
}

/// Rights by which somebody changes what is in a folder, or takes the folder: to add, delete, or to give oneself rights. With that to write
/// attributes, an empty folder becomes a link to another.
const CHANGES: u32 = 0x0000_0002
    | 0x0000_0004
    | 0x0000_0040
    | 0x0000_0100
    | 0x0001_0000
    | 0x0004_0000
    | 0x0008_0000
    | 0x1000_0000
    | 0x4000_0000;

/// Rights by which somebody puts something else in the place of a folder in it, or of itself. To add others is none: on drive C every user may.
const REPLACES: u32 = 0x0000_0040 | 0x0001_0000 | 0x0004_0000 | 0x0008_0000 | 0x1000_0000;

/// `NT SERVICE\TrustedInstaller`, who owns Windows' own files.
fn trusted_installer() -> Option<Sid> {
    Sid::new(5, &[80, 956_008_885, 3_418_522_649, 1_831_038_044, 1_853_292_631, 2_271_478_464])
}

/// `CREATOR OWNER`, who becomes whoever makes something in a folder.
fn creator_owner() -> Option<Sid> {
    Sid::new(3, &[0])
}

/// Whose entries are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entries {
    /// Those that count for the folder itself.
    Own,
    /// Those as well that count for what is made in it.
    Inherited,
}

/// Who, besides `me`, SYSTEM, administrators and Windows' own installer, may change a file or folder with this descriptor, or what is made in
/// the folder.
///
/// # Errors
/// When the bytes are no descriptor.
pub fn who_else_may_change(descriptor: &[u8], me: &Sid) -> Result<Option<String>, Error> {
    who_else_may(CHANGES, Entries::Inherited, descriptor, me)
}

/// Who, besides those, may put something else in the place of what is in a folder with this descriptor, or of the folder.
///
/// # Errors
/// When the bytes are no descriptor.
pub fn who_else_may_replace(descriptor: &[u8], me: &Sid) -> Result<Option<String>, Error> {
    who_else_may(REPLACES, Entries::Own, descriptor, me)
}

fn who_else_may(rights: u32, entries: Entries, descriptor: &[u8], me: &Sid) -> Result<Option<String>, Error> {
    let descriptor = SecurityDescriptor::from_bytes(descriptor)?;
    let trusted = |sid: &Sid| {
        sid == me
            || *sid == Sid::SYSTEM
            || *sid == Sid::BUILTIN_ADMINISTRATORS
            || Some(sid) == trusted_installer().as_ref()
    };
    if let Some(owner) = descriptor.owner.filter(|owner| !trusted(owner)) {
        return Ok(Some(format!("its owner {owner}")));
    }
    let Some(dacl) = descriptor.dacl else { return Ok(Some("everybody".to_owned())) };
    // A condition may hold, and what takes rights away again is not believed to do so for everybody.
    let grants = |ace: &Ace| matches!(ace.kind, AceKind::Allow | AceKind::AllowCallback);
    let counts = |ace: &Ace| ace.is_effective() || entries == Entries::Inherited;
    let allows = |ace: &&Ace| grants(ace) && counts(ace) && ace.mask.0 & rights != 0;
    // "Whoever makes it" has what it makes, and nobody else may make anything.
    let trusted = |ace: &Ace| trusted(&ace.trustee) || Some(&ace.trustee) == creator_owner().as_ref();
    Ok(dacl.aces.iter().filter(allows).find(|ace| !trusted(ace)).map(|ace| name(&ace.trustee)))
}

fn name(sid: &Sid) -> String {
    match sid.to_string().as_str() {
        "S-1-1-0" => "everybody".to_owned(),
        "S-1-5-11" => "every user who has logged on".to_owned(),
        "S-1-5-32-545" => "every user".to_owned(),
        other => other.to_owned(),
    }
}

/// The descriptor of a key that administrators own and have these further rights to; all else is as it was.
///
/// # Errors
/// When the bytes are no descriptor.
pub fn opened(descriptor: &[u8], rights: u32) -> Result<Vec<u8>, Error> {
    let mut descriptor = SecurityDescriptor::from_bytes(descriptor)?;
    let administrators = Sid::BUILTIN_ADMINISTRATORS;
    descriptor.owner = Some(administrators);
    // A key without a list is open to all already.
    if let Some(dacl) = &mut descriptor.dacl {
        dacl.aces.insert(0, Ace::allow(administrators, AccessMask(rights)));
    }
    descriptor.sacl = None;
    kept_inheritance(descriptor).to_bytes()
}

/// What gives a key back as it was: the same, said so that Windows keeps how it was inherited.
///
/// # Errors
/// When the bytes are no descriptor.
pub fn given_back(descriptor: &[u8]) -> Result<Vec<u8>, Error> {
    kept_inheritance(SecurityDescriptor::from_bytes(descriptor)?).to_bytes()
}

/// What came of giving a key back. One that has been deleted meanwhile, as was wanted of it, needs no giving back; Windows then refuses whatever
/// is asked of it.
///
/// # Errors
/// Says that it has not been given back, and why.
pub fn is_given_back(path: &str, outcome: io::Result<()>) -> io::Result<()> {
    const ERROR_KEY_DELETED: i32 = 1018;
    outcome.or_else(|error| match error.raw_os_error() {
        Some(ERROR_KEY_DELETED) => Ok(()),
        _ => Err(io::Error::new(
            error.kind(),
            format!(
                "HKLM\\{path} could not be given back to its owner, and administrators may still write to it: {error}"
            ),
        )),
    })
}

/// Windows takes "it is inherited" for true only together with "please inherit".
fn kept_inheritance(mut descriptor: SecurityDescriptor) -> SecurityDescriptor {
    if descriptor.control.contains(Control::DACL_AUTO_INHERITED) {
        descriptor.control = descriptor.control.with(Control::DACL_AUTO_INHERIT_REQUIRED);
    }
    descriptor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        sddl::parse(text, &Sid::SYSTEM, &Sid::SYSTEM).unwrap().to_bytes().unwrap()
    }

    fn text(bytes: &[u8]) -> String {
        sddl::print(&SecurityDescriptor::from_bytes(bytes).unwrap(), &Sid::SYSTEM, &Sid::SYSTEM)
    }

    fn me() -> Sid {
        Sid::new(5, &[21, 1, 2, 3, 500]).unwrap()
    }

    #[test]
    fn only_those_who_are_named_read() {
        for (readers, expected) in [
            (Readers::Administrators, "D:P(A;;FA;;;SY)(A;;FA;;;BA)"),
            (Readers::Plugins, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1200a9;;;NS)"),
            (Readers::Everyone, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1200a9;;;WD)"),
        ] {
            assert_eq!(readers.file(None).unwrap(), bytes(expected));
            assert_eq!(readers.folder(None).unwrap(), bytes(&expected.replace("(A;;", "(A;OICI;")));
            assert_eq!(readers.file(Some(&Sid::SYSTEM)).unwrap(), readers.file(None).unwrap());
            let owned = format!("O:BA{expected}");
            assert_eq!(readers.file_of_the_machine().unwrap(), bytes(&owned));
            assert_eq!(readers.folder_of_the_machine().unwrap(), bytes(&owned.replace("(A;;", "(A;OICI;")));
            assert_eq!(who_else_may_change(&readers.folder(Some(&me())).unwrap(), &me()).unwrap(), None);
        }
    }

    #[test]
    fn who_may_change_a_folder_is_found() {
        let program_files = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464\
                             D:PAI(A;OICIIO;GA;;;CO)(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)(A;OICIIO;GA;;;BA)\
                             (A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)";
        assert_eq!(who_else_may_change(&bytes(program_files), &me()).unwrap(), None);
        for (open, who) in [
            ("O:BAD:(A;OICI;FA;;;BA)(A;CI;0x1301bf;;;AU)", "every user who has logged on"),
            ("O:BAD:(A;;0x2;;;WD)", "everybody"),
            ("O:BAD:(A;;GA;;;BU)", "every user"),
            ("O:BAD:(A;;WD;;;S-1-5-21-9-9-9-1001)", "S-1-5-21-9-9-9-1001"),
            ("O:S-1-5-21-9-9-9-1001D:(A;;FA;;;BA)", "its owner S-1-5-21-9-9-9-1001"),
            ("O:BA", "everybody"),
            // Attributes make a link of an empty folder.
            ("O:BAD:(A;;0x100;;;BU)", "every user"),
            // For one kind of object, and for what will be made in it.
            ("O:BAD:(OA;;FA;f30e3bbe-9ff0-11d1-b603-0000f80367c1;;WD)", "everybody"),
            ("O:BAD:(A;OICI;FA;;;BA)(A;OICIIO;GA;;;AU)", "every user who has logged on"),
            ("O:BAD:(A;OICI;FA;;;BA)(A;OIIO;0x2;;;CG)", "S-1-3-1"),
        ] {
            assert_eq!(who_else_may_change(&bytes(open), &me()).unwrap().as_deref(), Some(who), "{open}");
        }
        // On a condition, which may hold.
        let mut conditional = SecurityDescriptor::from_bytes(&bytes("O:BAD:(A;;FA;;;WD)")).unwrap();
        let ace = &mut conditional.dacl.as_mut().unwrap().aces[0];
        (ace.kind, ace.data) = (AceKind::AllowCallback, b"artx\0\0\0\0".to_vec());
        assert_eq!(who_else_may_change(&conditional.to_bytes().unwrap(), &me()).unwrap().as_deref(), Some("everybody"));
        for closed in ["O:BAD:(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;WD)", "O:BAD:", "O:S-1-5-21-1-2-3-500D:(D;;FA;;;WD)"] {
            assert_eq!(who_else_may_change(&bytes(closed), &me()).unwrap(), None, "{closed}");
        }
    }

    #[test]
    fn who_may_only_add_to_a_folder_replaces_nothing_in_it() {
        // As folders are that somebody makes on drive C.
        let made = bytes(
            "O:BAD:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)(A;CIID;LC;;;BU)(A;CIIOID;DC;;;BU)",
        );
        assert_eq!(who_else_may_change(&made, &me()).unwrap().as_deref(), Some("every user"));
        assert_eq!(who_else_may_replace(&made, &me()).unwrap(), None);
        for open in ["O:BAD:(A;;0x1301bf;;;AU)", "O:BAD:(A;;DT;;;AU)", "O:BAD:(A;;WO;;;AU)", "O:BAD:(A;;FA;;;AU)"] {
            let who = who_else_may_replace(&bytes(open), &me()).unwrap();
            assert_eq!(who.as_deref(), Some("every user who has logged on"), "{open}");
        }
    }

    #[test]
    fn a_key_that_was_deleted_needs_no_giving_back() {
        assert!(is_given_back("K", Ok(())).is_ok());
        assert!(is_given_back("K", Err(io::Error::from_raw_os_error(1018))).is_ok());
        let error = is_given_back("K", Err(io::Error::from_raw_os_error(5))).unwrap_err().to_string();
        assert!(error.starts_with(r"HKLM\K could not be given back"), "{error}");
    }

    #[test]
    fn a_key_is_opened_for_one_thing_and_given_back_as_it_was() {
        let windows =
            "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464G:SYD:PAI(A;CI;KR;;;BA)(A;CI;KA;;;SY)";
        let (before, open) = (bytes(windows), opened(&bytes(windows), 0x4).unwrap());
        let list = "PARAI(A;;LC;;;BA)(A;CI;RCRPCCSW;;;BA)(A;CI;RCSDWDWORPWPCCDCLCSW;;;SY)";
        assert_eq!(text(&open).split("D:").nth(1), Some(list));
        assert!(text(&open).starts_with("O:BA"));
        let back = text(&given_back(&before).unwrap());
        assert_eq!(back.replace("PARAI", "PAI"), text(&before));
        // What is not inherited is not said to be.
        let plain = bytes("O:SYD:(A;;KR;;;BA)");
        assert_eq!(given_back(&plain).unwrap(), plain);
        assert!(opened(b"x", 1).is_err() && given_back(b"").is_err());
    }
}
