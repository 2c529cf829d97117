//! The text of security descriptors. MS-DTYP 2.5.1.

use crate::sd::{AceFlags, AceKind, Control, ObjectScope};
use crate::{AccessMask, Ace, Acl, Error, Guid, SecurityDescriptor, Sid, rid};
use std::fmt::Write as _;

/// Longer texts are no descriptors: a list has at most 64 KiB in binary.
const MAX_LENGTH: usize = 1 << 20;

const RIGHTS: &[(&str, AccessMask)] = &[
    ("GA", AccessMask::GENERIC_ALL),
    ("GR", AccessMask::GENERIC_READ),
    ("GW", AccessMask::GENERIC_WRITE),
    ("GX", AccessMask::GENERIC_EXECUTE),
    ("RC", AccessMask::READ_CONTROL),
    ("SD", AccessMask::DELETE),
    ("WD", AccessMask::WRITE_DAC),
    ("WO", AccessMask::WRITE_OWNER),
    ("RP", AccessMask::READ_PROPERTY),
    ("WP", AccessMask::WRITE_PROPERTY),
    ("CC", AccessMask::CREATE_CHILD),
    ("DC", AccessMask::DELETE_CHILD),
    ("LC", AccessMask::LIST_CONTENTS),
    ("SW", AccessMask::SELF_WRITE),
    ("LO", AccessMask::LIST_OBJECT),
    ("DT", AccessMask::DELETE_TREE),
    ("CR", AccessMask::CONTROL_ACCESS),
    // Those of files and keys stand in descriptors too.
    ("FA", AccessMask(0x1f_01ff)),
    ("FR", AccessMask(0x12_0089)),
    ("FW", AccessMask(0x12_0116)),
    ("FX", AccessMask(0x12_00a0)),
    ("KA", AccessMask(0xf_003f)),
    ("KR", AccessMask(0x2_0019)),
    ("KW", AccessMask(0x2_0006)),
    ("KX", AccessMask(0x2_0019)),
];

const KINDS: &[(&str, AceKind, bool)] = &[
    ("A", AceKind::Allow, false),
    ("D", AceKind::Deny, false),
    ("AU", AceKind::Audit, false),
    ("AL", AceKind::Alarm, false),
    ("OA", AceKind::Allow, true),
    ("OD", AceKind::Deny, true),
    ("OU", AceKind::Audit, true),
    ("OL", AceKind::Alarm, true),
    ("ML", AceKind::MandatoryLabel, false),
];

const FLAGS: &[(&str, AceFlags)] = &[
    ("OI", AceFlags::OBJECT_INHERIT),
    ("CI", AceFlags::CONTAINER_INHERIT),
    ("NP", AceFlags::NO_PROPAGATE),
    ("IO", AceFlags::INHERIT_ONLY),
    ("ID", AceFlags::INHERITED),
    ("SA", AceFlags::SUCCESSFUL_ACCESS),
    ("FA", AceFlags::FAILED_ACCESS),
];

/// What a mandatory label forbids to those beneath its level: its mask has a meaning of its own.
const LABEL_RIGHTS: &[(&str, AccessMask)] = &[("NW", AccessMask(1)), ("NR", AccessMask(2)), ("NX", AccessMask(4))];

fn known_rights(kind: AceKind) -> &'static [(&'static str, AccessMask)] {
    if kind == AceKind::MandatoryLabel { LABEL_RIGHTS } else { RIGHTS }
}

/// Whose SID a name stands for.
#[derive(Clone, Copy)]
enum Principal {
    Fixed(Sid),
    Domain(u32),
    Forest(u32),
}

const PRINCIPALS: &[(&str, Principal)] = {
    use Principal::{Domain, Fixed, Forest};
    &[
        ("WD", Fixed(Sid::EVERYONE)),
        ("CO", Fixed(Sid::CREATOR_OWNER)),
        ("CG", Fixed(Sid::CREATOR_GROUP)),
        ("OW", Fixed(Sid::OWNER_RIGHTS)),
        ("NU", Fixed(Sid::NETWORK)),
        ("IU", Fixed(Sid::INTERACTIVE)),
        ("SU", Fixed(Sid::SERVICE)),
        ("AN", Fixed(Sid::ANONYMOUS)),
        ("ED", Fixed(Sid::ENTERPRISE_DOMAIN_CONTROLLERS)),
        ("PS", Fixed(Sid::SELF)),
        ("AU", Fixed(Sid::AUTHENTICATED_USERS)),
        ("RC", Fixed(Sid::RESTRICTED)),
        ("SY", Fixed(Sid::SYSTEM)),
        ("LS", Fixed(Sid::LOCAL_SERVICE)),
        ("NS", Fixed(Sid::NETWORK_SERVICE)),
        ("BA", Fixed(Sid::BUILTIN_ADMINISTRATORS)),
        ("BU", Fixed(Sid::BUILTIN_USERS)),
        ("BG", Fixed(Sid::BUILTIN_GUESTS)),
        ("AO", Fixed(Sid::ACCOUNT_OPERATORS)),
        ("SO", Fixed(Sid::SERVER_OPERATORS)),
        ("PO", Fixed(Sid::PRINT_OPERATORS)),
        ("BO", Fixed(Sid::BACKUP_OPERATORS)),
        ("RU", Fixed(Sid::PRE_WINDOWS_2000)),
        ("PU", Fixed(Sid::builtin(547))),
        ("RE", Fixed(Sid::builtin(552))),
        ("RD", Fixed(Sid::builtin(555))),
        ("NO", Fixed(Sid::builtin(556))),
        ("MU", Fixed(Sid::builtin(558))),
        ("LU", Fixed(Sid::builtin(559))),
        ("IS", Fixed(Sid::builtin(568))),
        ("CY", Fixed(Sid::builtin(569))),
        ("ER", Fixed(Sid::builtin(573))),
        ("CD", Fixed(Sid::builtin(574))),
        ("RA", Fixed(Sid::builtin(575))),
        ("ES", Fixed(Sid::builtin(576))),
        ("MS", Fixed(Sid::builtin(577))),
        ("HA", Fixed(Sid::builtin(578))),
        ("AA", Fixed(Sid::builtin(579))),
        ("RM", Fixed(Sid::builtin(580))),
        ("WR", Fixed(Sid::WRITE_RESTRICTED)),
        ("AS", Fixed(Sid::AUTHENTICATION_AUTHORITY_ASSERTED)),
        ("SS", Fixed(Sid::SERVICE_ASSERTED)),
        ("LW", Fixed(Sid::integrity_level(0x1000))),
        ("ME", Fixed(Sid::integrity_level(0x2000))),
        ("MP", Fixed(Sid::integrity_level(0x2100))),
        ("HI", Fixed(Sid::integrity_level(0x3000))),
        ("SI", Fixed(Sid::integrity_level(0x4000))),
        ("LA", Domain(rid::ADMINISTRATOR)),
        ("LG", Domain(rid::GUEST)),
        ("DA", Domain(rid::DOMAIN_ADMINS)),
        ("DU", Domain(rid::DOMAIN_USERS)),
        ("DG", Domain(rid::DOMAIN_GUESTS)),
        ("DC", Domain(rid::DOMAIN_COMPUTERS)),
        ("DD", Domain(rid::DOMAIN_CONTROLLERS)),
        ("CA", Domain(rid::CERT_PUBLISHERS)),
        ("PA", Domain(rid::GROUP_POLICY_CREATOR_OWNERS)),
        ("RS", Domain(rid::RAS_AND_IAS_SERVERS)),
        ("CN", Domain(rid::CLONEABLE_DOMAIN_CONTROLLERS)),
        ("AP", Domain(rid::PROTECTED_USERS)),
        ("KA", Domain(rid::KEY_ADMINS)),
        ("SA", Forest(rid::SCHEMA_ADMINS)),
        ("EA", Forest(rid::ENTERPRISE_ADMINS)),
        ("EK", Forest(rid::ENTERPRISE_KEY_ADMINS)),
        ("RO", Forest(rid::ENTERPRISE_READ_ONLY_DOMAIN_CONTROLLERS)),
    ]
};

/// Reads a descriptor from its text. Names such as `DA` mean groups of `domain`, `EA` and `SA` those of `forest_root`.
///
/// # Errors
/// When the text is no descriptor; says where.
pub fn parse(text: &str, domain: &Sid, forest_root: &Sid) -> Result<SecurityDescriptor, Error> {
    let mut parser = Parser { text, at: 0, domain, forest_root };
    if text.len() > MAX_LENGTH || !text.is_ascii() {
        return Err(parser.error("a shorter text, in ASCII"));
    }
    let mut descriptor = SecurityDescriptor::default();
    loop {
        parser.blanks();
        let rest = parser.rest();
        match rest.get(..2) {
            None if rest.is_empty() => return Ok(descriptor),
            Some("O:") => descriptor.owner = Some(parser.part(2)?.sid()?),
            Some("G:") => descriptor.group = Some(parser.part(2)?.sid()?),
            Some("D:") => {
                let (acl, flags) = parser.part(2)?.acl([
                    Control::DACL_PROTECTED,
                    Control::DACL_AUTO_INHERIT_REQUIRED,
                    Control::DACL_AUTO_INHERITED,
                ])?;
                descriptor.control = descriptor.control.with(flags).with(Control::DACL_PRESENT);
                descriptor.dacl = acl;
            }
            Some("S:") => {
                let (acl, flags) = parser.part(2)?.acl([
                    Control::SACL_PROTECTED,
                    Control::SACL_AUTO_INHERIT_REQUIRED,
                    Control::SACL_AUTO_INHERITED,
                ])?;
                descriptor.control = descriptor.control.with(flags).with(Control::SACL_PRESENT);
                descriptor.sacl = acl;
            }
            _ => return Err(parser.error("`O:`, `G:`, `D:` or `S:`")),
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    domain: &'t Sid,
    forest_root: &'t Sid,
}

impl<'t> Parser<'t> {
    fn error(&self, what: &'static str) -> Error {
        Error::Sddl { what, at: self.at }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn part(&mut self, skip: usize) -> Result<&mut Self, Error> {
        self.at += skip;
        self.blanks();
        Ok(self)
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// A SID in full or by its two letters.
    fn sid(&mut self) -> Result<Sid, Error> {
        let rest = self.rest();
        if rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("S-")) {
            // `D:` and the like may stand right behind: digits and dashes end before them.
            let length = sid_length(rest);
            let sid = rest.get(..length).and_then(|text| text.parse().ok()).ok_or_else(|| self.error("a SID"))?;
            self.at += length;
            return Ok(sid);
        }
        let name = rest.get(..2).unwrap_or_default();
        let found =
            PRINCIPALS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, principal)| *principal);
        let principal = found.ok_or_else(|| self.error("a SID, or the two letters of a well-known one"))?;
        self.at += 2;
        resolve(principal, self.domain, self.forest_root)
    }

    /// Flags, then entries in parentheses.
    fn acl(&mut self, [protected, required, inherited]: [Control; 3]) -> Result<(Option<Acl>, Control), Error> {
        let mut flags = Control::default();
        loop {
            let rest = self.rest();
            if rest.starts_with("NO_ACCESS_CONTROL") {
                self.at += "NO_ACCESS_CONTROL".len();
                return Ok((None, flags));
            } else if rest.starts_with("AR") {
                flags = flags.with(required);
                self.at += 2;
            } else if rest.starts_with("AI") {
                flags = flags.with(inherited);
                self.at += 2;
            } else if rest.starts_with('P') {
                flags = flags.with(protected);
                self.at += 1;
            } else {
                break;
            }
        }
        let mut aces = Vec::new();
        while self.rest().starts_with('(') {
            aces.push(self.ace()?);
            self.blanks();
        }
        Ok((Some(Acl::new(aces)), flags))
    }

    /// `(type;flags;rights;object;inherited object;SID)`.
    fn ace(&mut self) -> Result<Ace, Error> {
        let end = self.rest().find(')').ok_or_else(|| self.error("`)`"))?;
        let body = self.rest().get(1..end).unwrap_or_default();
        let fields: Vec<&str> = body.split(';').map(str::trim).collect();
        let [kind, flags, rights, object, inherited, trustee] = fields.as_slice() else {
            return Err(self.error("an entry of six fields"));
        };
        let (_, kind, is_object) = *KINDS
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(kind))
            .ok_or_else(|| self.error("a kind of entry, such as A, D or OA"))?;
        let flags = self.letters(flags, FLAGS, "inheritance flags")?.into_iter().fold(AceFlags::NONE, AceFlags::with);
        let mask = self.mask(rights, known_rights(kind))?;
        let scope = ObjectScope { object_type: self.guid(object)?, inherited_object_type: self.guid(inherited)? };
        let mut name = Parser { text: trustee, at: 0, domain: self.domain, forest_root: self.forest_root };
        let trustee = name.sid().map_err(|_| self.error("an entry that ends in a SID"))?;
        if !name.rest().is_empty() || (!is_object && scope != ObjectScope::default()) {
            return Err(self.error("an entry without more than its kind has"));
        }
        self.at += end + 1;
        Ok(Ace { kind, flags, mask, scope: is_object.then_some(scope), trustee, data: Vec::new() })
    }

    fn letters<T: Copy>(&self, text: &str, known: &[(&str, T)], what: &'static str) -> Result<Vec<T>, Error> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| {
                let found = known.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(pair));
                found.map(|(_, value)| *value).ok_or_else(|| self.error(what))
            })
            .collect()
    }

    fn mask(&self, text: &str, known: &[(&str, AccessMask)]) -> Result<AccessMask, Error> {
        let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse().ok(),
            None => {
                let rights = self.letters(text, known, "rights")?;
                return Ok(rights.into_iter().fold(AccessMask::NONE, |all, right| all | right));
            }
        };
        number.map(AccessMask).ok_or_else(|| self.error("rights"))
    }

    fn guid(&self, text: &str) -> Result<Option<Guid>, Error> {
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| self.error("a GUID")) }
    }
}

fn resolve(principal: Principal, domain: &Sid, forest_root: &Sid) -> Result<Sid, Error> {
    match principal {
        Principal::Fixed(sid) => Ok(sid),
        Principal::Domain(rid) => domain.with_rid(rid),
        Principal::Forest(rid) => forest_root.with_rid(rid),
    }
}

/// The text of a descriptor, with the usual names for well-known principals of `domain` and `forest_root`.
#[must_use]
pub fn print(descriptor: &SecurityDescriptor, domain: &Sid, forest_root: &Sid) -> String {
    let mut out = String::new();
    let name = |sid: &Sid| {
        let known = PRINCIPALS.iter().find(|(_, p)| resolve(*p, domain, forest_root).is_ok_and(|known| known == *sid));
        known.map_or_else(|| sid.to_string(), |(name, _)| (*name).to_owned())
    };
    for (tag, sid) in [("O:", &descriptor.owner), ("G:", &descriptor.group)] {
        if let Some(sid) = sid {
            let _ = write!(out, "{tag}{}", name(sid));
        }
    }
    let control = descriptor.control;
    let lists = [
        (
            "D:",
            &descriptor.dacl,
            [Control::DACL_PROTECTED, Control::DACL_AUTO_INHERIT_REQUIRED, Control::DACL_AUTO_INHERITED],
            Control::DACL_PRESENT,
        ),
        (
            "S:",
            &descriptor.sacl,
            [Control::SACL_PROTECTED, Control::SACL_AUTO_INHERIT_REQUIRED, Control::SACL_AUTO_INHERITED],
            Control::SACL_PRESENT,
        ),
    ];
    for (tag, acl, flags, present) in lists {
        match acl {
            None if control.contains(present) => out.push_str(&format!("{tag}NO_ACCESS_CONTROL")),
            None => {}
            Some(acl) => {
                out.push_str(tag);
                for (flag, text) in flags.into_iter().zip(["P", "AR", "AI"]) {
                    out.push_str(if control.contains(flag) { text } else { "" });
                }
                acl.aces.iter().for_each(|ace| print_ace(&mut out, ace, &name));
            }
        }
    }
    out
}

fn print_ace(out: &mut String, ace: &Ace, name: &dyn Fn(&Sid) -> String) {
    let kind = KINDS.iter().find(|(_, kind, is_object)| *kind == ace.kind && *is_object == ace.scope.is_some());
    let _ = write!(out, "({};", kind.map_or("X", |(name, ..)| *name));
    FLAGS.iter().filter(|(_, flag)| ace.flags.contains(*flag)).for_each(|(name, _)| out.push_str(name));
    out.push(';');
    // The letters of files and keys stand for several bits each: they are read, and written as a number.
    let (letters, known) = known_rights(ace.kind)
        .iter()
        .take(17)
        .filter(|(_, right)| ace.mask.contains(*right))
        .fold((String::new(), AccessMask::NONE), |(text, all), (name, right)| (text + name, all | *right));
    if known == ace.mask {
        out.push_str(&letters);
    } else {
        let _ = write!(out, "{:#x}", ace.mask.0);
    }
    let guid = |guid: Option<&Guid>| guid.map(ToString::to_string).unwrap_or_default();
    let _ = write!(out, ";{};{};{})", guid(ace.object_type()), guid(ace.inherited_object_type()), name(&ace.trustee));
}

/// How much of `text` is a SID in full. Only the authority may be hexadecimal, when it does not fit into 32 bits.
fn sid_length(text: &str) -> usize {
    let wide = text.get(4..6).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    let authority = if wide { 6 + text.bytes().skip(6).take_while(u8::is_ascii_hexdigit).count() } else { "S-".len() };
    authority + text.bytes().skip(authority).take_while(|b| b.is_ascii_digit() || *b == b'-').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domain() -> Sid {
        Sid::domain_of(1, 2, 3)
    }

    #[test]
    fn descriptors_print_as_they_were_read() {
        for text in [
            "O:DAG:DAD:AI(A;;RCSDWDWORPWPCCDCLCSWLODTCR;;;DA)(OA;CIIO;RP;4c164200-20c0-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;RU)",
            "O:S-1-5-21-9-9-9-1104D:P(D;CIID;0x200001;;;WD)S:AI(AU;SAFA;WDWOWP;;;WD)",
            "O:S-1-0x48ff0bd4b1ad-1D:",
            "S:(ML;;NWNR;;;HI)",
            "D:(OA;;WP;736e4812-af31-11d2-b7df-00805f48caeb;bf967ab8-0de6-11d0-a285-00aa003049e2;CO)(A;;SD;;;CO)",
            "D:NO_ACCESS_CONTROL",
            "D:",
            "",
        ] {
            let descriptor = parse(text, &domain(), &domain()).unwrap();
            assert_eq!(print(&descriptor, &domain(), &domain()), text);
            let bytes = descriptor.to_bytes().unwrap();
            assert_eq!(print(&SecurityDescriptor::from_bytes(&bytes).unwrap(), &domain(), &domain()), text);
        }
    }

    /// As the defaults of the classes user, computer, msDS-GroupManagedServiceAccount, printQueue and classSchema have them.
    #[test]
    fn the_defaults_of_classes_are_understood() {
        let entries = |text: &str| parse(text, &domain(), &domain()).unwrap().dacl.unwrap().aces;
        let user = entries(
            "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPLCLORC;;;PS)\
             (OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)(OA;;RP;59ba2f42-79a2-11d0-9020-00c04fc2d3cf;;AU)\
             (OA;;RP;037088f8-0ae1-11d2-b422-00a0c968f939;;RS)(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)\
             (OA;;RPWP;bf967a7f-0de6-11d0-a285-00aa003049e2;;CA)(OA;;RP;46a9b11d-60ae-405a-b7e8-ff8a58d456d2;;S-1-5-32-560)",
        );
        assert_eq!((user.len(), user[0].mask), (9, AccessMask::DS_ALL));
        assert_eq!(user[3].trustee, Sid::SELF);
        assert_eq!(user[7].trustee, domain().with_rid(rid::CERT_PUBLISHERS).unwrap());
        let computer = entries(
            "D:(A;;RPCRLCLORCSDDT;;;CO)(OA;;WP;4c164200-20c0-11d0-a768-00aa006e0529;;CO)(A;;CCDC;;;PS)\
             (OA;;SW;72e39547-7b18-11d1-adef-00c04fd8d5cd;;PS)(OA;;SW;f3a64788-5306-11d1-a9c5-0000f80367c1;;CO)(A;;RPLCLORC;;;ED)",
        );
        assert_eq!((computer[0].trustee, computer[3].mask), (Sid::CREATOR_OWNER, AccessMask::SELF_WRITE));
        assert_eq!(entries("D:(A;;GA;;;PO)(A;;RPLCLORC;;;WD)(A;;GA;;;EA)(A;CIIO;RP;;;RU)(A;;RP;;;AO)").len(), 5);
        assert!(entries("D:").is_empty());
        assert!(parse("D:S:", &domain(), &domain()).unwrap().sacl.is_some_and(|sacl| sacl.aces.is_empty()));
    }

    #[test]
    fn every_name_of_a_principal_stands_for_one_principal() {
        let sids: Vec<Sid> = PRINCIPALS
            .iter()
            .map(|(name, _)| parse(&format!("O:{name}"), &domain(), &domain()).unwrap().owner.unwrap())
            .collect();
        for (at, (name, _)) in PRINCIPALS.iter().enumerate() {
            assert_eq!(sids.iter().filter(|sid| **sid == sids[at]).count(), 1, "{name}");
            let text = format!("O:{name}");
            assert_eq!(print(&parse(&text, &domain(), &domain()).unwrap(), &domain(), &domain()), text);
        }
    }

    /// MS-GKDI and MS-ADTS 3.1.1.4.5.39: the descriptor that gMSA passwords are derived for.
    #[test]
    fn the_descriptor_of_gmsa_keys_has_its_known_bytes() {
        let descriptor = parse("O:SYD:(A;;FRFW;;;S-1-5-9)", &domain(), &domain()).unwrap();
        let known = "010004803000000000000000000000001400000002001c0001000000000014009f011200010100000000000509000000010100000000000512000000";
        assert_eq!(hex::encode(descriptor.to_bytes().unwrap()), known);
    }

    #[test]
    fn what_is_no_descriptor_is_refused_with_its_place() {
        for text in [
            "X:",
            "O:",
            "O:ZZ",
            "D:(A;;RP;;;AU",
            "D:(A;;RP;;AU)",
            "D:(Q;;RP;;;AU)",
            "D:(A;;R;;;AU)",
            "D:(A;;RP;x;;AU)",
            "D:(A;;0xzz;;;AU)",
            "D:(A;;RP;;;AUx)",
        ] {
            assert!(matches!(parse(text, &domain(), &domain()), Err(Error::Sddl { .. })), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[DSOG:()A;RPWD0x1-9 ]{0,40}") {
            let _ = parse(&text, &domain(), &domain());
        }
    }
}
