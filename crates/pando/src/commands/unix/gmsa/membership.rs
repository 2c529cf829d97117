//! Who may retrieve a gMSA's password: the security descriptor in `msDS-GroupMSAMembership`. MS-ADTS 3.1.1.4.4.

use dtyp::sd::AceKind;
use dtyp::{AccessMask, Ace, Acl, SecurityDescriptor, Sid, Token, access_check};

/// What `PrincipalsAllowedToRetrieveManagedPassword` shows and sets.
#[derive(Clone, Debug)]
pub struct Membership(SecurityDescriptor);

/// What an access check found.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This entry lets the principal read.
    Allowed(Sid),
    /// This entry, which stands before any that would let it, keeps the principal out.
    Denied(Sid),
    /// No entry is about the principal or a group of its.
    Unmentioned,
}

impl Membership {
    /// Nobody.
    pub fn nobody() -> Self {
        Self(SecurityDescriptor {
            owner: Some(Sid::BUILTIN_ADMINISTRATORS),
            dacl: Some(Acl::new([])),
            ..SecurityDescriptor::default()
        })
    }

    /// What the attribute holds.
    pub fn parse(stored: Option<&[u8]>) -> Result<Self, dtyp::Error> {
        match stored {
            None => Ok(Self::nobody()),
            Some(bytes) => SecurityDescriptor::from_bytes(bytes).map(Self),
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, dtyp::Error> {
        self.0.to_bytes()
    }

    fn aces(&self) -> &[Ace] {
        self.0.dacl.as_ref().map_or(&[], |dacl| &dacl.aces)
    }

    /// Who is let in by name.
    pub fn readers(&self) -> Vec<Sid> {
        let lets_in = |ace: &&Ace| ace.kind == AceKind::Allow && reads(ace);
        self.aces().iter().filter(lets_in).map(|ace| ace.trustee).collect()
    }

    /// Lets somebody in; whether that changed anything.
    pub fn allow(&mut self, reader: Sid) -> bool {
        if self.readers().contains(&reader) {
            return false;
        }
        // What Windows writes: full control, of which only reading counts here.
        let ace = Ace::allow(reader, AccessMask(0x000f_01ff));
        self.0.dacl.get_or_insert_with(|| Acl::new([])).aces.push(ace);
        true
    }

    /// Lets somebody in no longer; whether that changed anything.
    pub fn deny(&mut self, reader: &Sid) -> bool {
        let Some(dacl) = &mut self.0.dacl else { return false };
        let before = dacl.aces.len();
        dacl.aces.retain(|ace| !(ace.kind == AceKind::Allow && ace.trustee == *reader));
        dacl.aces.len() < before
    }

    /// Whether somebody with these groups gets the password, and by which entry.
    pub fn explain(&self, token: &Token, account: &Sid) -> Verdict {
        let is_about = |ace: &&Ace| ace.is_effective() && reads(ace) && token.contains(&ace.trustee);
        let entry = |kind| self.aces().iter().find(|ace| ace.kind == kind && is_about(ace)).map(|ace| ace.trustee);
        let granted = self.0.dacl.is_some()
            && access_check(&self.0, token, AccessMask::READ_PROPERTY, &[], Some(account)).is_granted();
        match (granted, entry(AceKind::Allow), entry(AceKind::Deny)) {
            (true, Some(by), _) => Verdict::Allowed(by),
            (true, None, _) => Verdict::Allowed(*token.user()),
            (false, _, Some(by)) => Verdict::Denied(by),
            (false, ..) => Verdict::Unmentioned,
        }
    }
}

fn reads(ace: &Ace) -> bool {
    ace.mask.mapped().intersects(AccessMask::READ_PROPERTY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(rid: u32) -> Sid {
        Sid::domain_of(1, 2, 3).with_rid(rid).unwrap()
    }

    #[test]
    fn who_is_allowed_can_be_denied_again_and_the_descriptor_survives_its_bytes() {
        let mut membership = Membership::parse(None).unwrap();
        assert!(membership.allow(sid(1103)) && membership.allow(sid(1104)) && !membership.allow(sid(1103)));
        let mut membership = Membership::parse(Some(&membership.to_bytes().unwrap())).unwrap();
        assert_eq!(membership.readers(), [sid(1103), sid(1104)]);
        assert!(membership.deny(&sid(1103)) && !membership.deny(&sid(1103)));
        assert_eq!(membership.readers(), [sid(1104)]);
    }

    #[test]
    fn a_verdict_names_the_entry_that_decides() {
        let mut membership = Membership::nobody();
        membership.allow(sid(1110));
        let account = sid(1200);
        let member = Token::new(sid(1103), [sid(1110)]);
        assert_eq!(membership.explain(&member, &account), Verdict::Allowed(sid(1110)));
        let stranger = Token::new(sid(1104), [sid(513)]);
        assert_eq!(membership.explain(&stranger, &account), Verdict::Unmentioned);
        let denied = Ace::deny(sid(1103), AccessMask::READ_PROPERTY);
        membership.0.dacl.as_mut().unwrap().aces.insert(0, denied);
        assert_eq!(membership.explain(&member, &account), Verdict::Denied(sid(1103)));
    }

    #[test]
    fn the_owner_alone_gets_nothing() {
        let owner = Token::new(Sid::BUILTIN_ADMINISTRATORS, []);
        assert_eq!(Membership::nobody().explain(&owner, &sid(1200)), Verdict::Unmentioned);
    }
}
