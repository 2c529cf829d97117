//! The access check: a descriptor and a token decide. MS-DTYP 2.5.3.2, MS-ADTS 5.1.3.3.

use crate::sd::{AceKind, ObjectScope};
use crate::{AccessMask, Ace, Guid, Privileges, SecurityDescriptor, Sid, Token};

/// Whether an access may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Access {
    /// It may.
    Granted,
    /// It may not.
    Denied,
}

impl Access {
    /// Whether it may.
    #[must_use]
    pub const fn is_granted(self) -> bool {
        matches!(self, Self::Granted)
    }
}

/// One node of an object-type tree, in the order parents first: the class at level 0, property sets at 1, properties at 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectType {
    /// How deep in the tree.
    pub level: u8,
    /// Which class, property set, property or extended right.
    pub guid: Guid,
}

/// Whether `token` has all of `desired` on an object with this descriptor; when there is a tree of object types, on its root, which is
/// when it has them on every leaf.
pub fn access_check(
    descriptor: &SecurityDescriptor,
    token: &Token,
    desired: AccessMask,
    object_types: &[ObjectType],
    principal_self: Option<&Sid>,
) -> Access {
    let desired = desired.mapped();
    let mut nodes = Nodes::new(object_types, desired.without(implied(descriptor, token)));
    if nodes.is_granted() {
        return Access::Granted;
    }
    let Some(dacl) = &descriptor.dacl else {
        // No list at all protects nothing. MS-DTYP 2.5.3.2.
        return Access::Granted;
    };
    for ace in dacl.aces.iter().filter(|ace| ace.is_effective() && applies(ace, token, principal_self)) {
        match ace.kind {
            AceKind::Allow => nodes.grant(ace),
            AceKind::Deny if nodes.is_denied_by(ace) => return Access::Denied,
            // Conditions need claims, which no token here has: what is unknown grants nothing, and refuses.
            AceKind::DenyCallback if nodes.is_denied_by(ace) => return Access::Denied,
            _ => {}
        }
        if nodes.is_granted() {
            return Access::Granted;
        }
    }
    Access::Denied
}

/// All rights that `token` has on the whole object (not those on single properties or classes).
#[must_use]
pub fn granted_mask(descriptor: &SecurityDescriptor, token: &Token, principal_self: Option<&Sid>) -> AccessMask {
    let implied = implied(descriptor, token);
    let Some(dacl) = &descriptor.dacl else { return implied | AccessMask::DS_ALL };
    let (mut granted, mut denied) = (AccessMask::NONE, AccessMask::NONE);
    for ace in dacl.aces.iter().filter(|ace| ace.is_effective() && applies(ace, token, principal_self)) {
        let rights = ace.mask.mapped();
        match ace.kind {
            AceKind::Allow if ace.object_type().is_none() => granted |= rights.without(denied),
            // One property refused is one too few for the whole object.
            AceKind::Deny | AceKind::DenyCallback => denied |= rights.without(granted),
            _ => {}
        }
    }
    implied | granted
}

/// What does not come from the list: the owner may read the descriptor and change the list (unless an entry for OWNER RIGHTS says what
/// an owner may), and privileges.
fn implied(descriptor: &SecurityDescriptor, token: &Token) -> AccessMask {
    let mut rights = AccessMask::NONE;
    let owns = descriptor.owner.as_ref().is_some_and(|owner| token.contains(owner));
    let limited = descriptor
        .dacl
        .iter()
        .flat_map(|dacl| &dacl.aces)
        .any(|ace| ace.is_effective() && ace.trustee == Sid::OWNER_RIGHTS);
    if owns && !limited {
        rights |= AccessMask::READ_CONTROL | AccessMask::WRITE_DAC;
    }
    if token.privileges().contains(Privileges::SECURITY) {
        rights |= AccessMask::ACCESS_SYSTEM_SECURITY;
    }
    if token.privileges().contains(Privileges::TAKE_OWNERSHIP) {
        rights |= AccessMask::WRITE_OWNER;
    }
    rights
}

fn applies(ace: &Ace, token: &Token, principal_self: Option<&Sid>) -> bool {
    if ace.trustee == Sid::SELF {
        return principal_self.is_some_and(|own| token.contains(own));
    }
    token.contains(&ace.trustee)
}

/// The tree with what each node still lacks. A tree of one unnamed node stands for the whole object.
struct Nodes<'t> {
    types: &'t [ObjectType],
    lacking: Vec<AccessMask>,
}

impl<'t> Nodes<'t> {
    fn new(types: &'t [ObjectType], desired: AccessMask) -> Self {
        Self { types, lacking: vec![desired; types.len().max(1)] }
    }

    fn is_granted(&self) -> bool {
        self.lacking.first().is_some_and(|mask| mask.is_empty())
    }

    /// Which nodes an entry is about: all of them, or the one it names and those beneath it.
    fn named(&self, scope: Option<&ObjectScope>) -> Option<(usize, usize)> {
        let Some(guid) = scope.and_then(|scope| scope.object_type) else { return Some((0, self.lacking.len())) };
        let at = self.types.iter().position(|node| node.guid == guid)?;
        let level = self.types.get(at)?.level;
        let beneath = self.types.iter().skip(at + 1).take_while(|node| node.level > level).count();
        Some((at, at + 1 + beneath))
    }

    fn grant(&mut self, ace: &Ace) {
        let Some((from, to)) = self.named(ace.scope.as_ref()) else { return };
        let rights = ace.mask.mapped();
        self.lacking.iter_mut().take(to).skip(from).for_each(|mask| *mask = mask.without(rights));
        self.lift();
    }

    /// A parent lacks only what one of its children lacks.
    fn lift(&mut self) {
        for at in (0..self.types.len()).rev() {
            let Some(node) = self.types.get(at) else { continue };
            let beneath =
                self.types.iter().zip(&self.lacking).skip(at + 1).take_while(|(below, _)| below.level > node.level);
            let children = beneath.filter(|(below, _)| below.level == node.level + 1);
            let (count, lacking) = children.fold((0, AccessMask::NONE), |(n, mask), (_, lacks)| (n + 1, mask | *lacks));
            if let Some(own) = self.lacking.get_mut(at)
                && count > 0
            {
                *own = *own & lacking;
            }
        }
    }

    fn is_denied_by(&self, ace: &Ace) -> bool {
        let Some((from, to)) = self.named(ace.scope.as_ref()) else { return false };
        let rights = ace.mask.mapped();
        self.lacking.iter().take(to).skip(from).any(|mask| mask.intersects(rights))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sddl;

    fn domain() -> Sid {
        Sid::domain_of(1, 2, 3)
    }

    fn check(text: &str, groups: &[Sid], desired: AccessMask, types: &[ObjectType]) -> bool {
        let descriptor = sddl::parse(text, &domain(), &domain()).unwrap();
        let user = domain().with_rid(1104).unwrap();
        access_check(&descriptor, &Token::new(user, groups.iter().copied()), desired, types, Some(&user)).is_granted()
    }

    const READ: AccessMask = AccessMask::READ_PROPERTY;
    const WRITE: AccessMask = AccessMask::WRITE_PROPERTY;

    #[test]
    fn nobody_gets_what_no_entry_grants() {
        assert!(!check("D:", &[], READ, &[]));
        assert!(check("D:(A;;RP;;;AU)", &[Sid::AUTHENTICATED_USERS], READ, &[]));
        assert!(!check("D:(A;;RP;;;AU)", &[Sid::AUTHENTICATED_USERS], READ | WRITE, &[]));
        assert!(check(
            "D:(A;;RP;;;AU)(A;;WP;;;DU)",
            &[Sid::AUTHENTICATED_USERS, domain().with_rid(513).unwrap()],
            READ | WRITE,
            &[]
        ));
    }

    #[test]
    fn the_first_entry_that_says_something_wins() {
        assert!(!check("D:(D;;RP;;;AU)(A;;RP;;;AU)", &[Sid::AUTHENTICATED_USERS], READ, &[]));
        assert!(check("D:(A;;RP;;;AU)(D;;RP;;;AU)", &[Sid::AUTHENTICATED_USERS], READ, &[]));
        assert!(!check("D:(A;IOCI;RP;;;AU)", &[Sid::AUTHENTICATED_USERS], READ, &[]));
    }

    #[test]
    fn entries_for_self_are_for_the_object_itself() {
        assert!(check("D:(A;;WP;;;PS)", &[], WRITE, &[]));
        let descriptor = sddl::parse("D:(A;;WP;;;PS)", &domain(), &domain()).unwrap();
        let other = Token::new(domain().with_rid(9).unwrap(), []);
        assert!(!access_check(&descriptor, &other, WRITE, &[], Some(&domain())).is_granted());
    }

    #[test]
    fn owners_may_change_the_list_unless_told_otherwise() {
        let owned = "O:S-1-5-21-1-2-3-1104D:";
        assert!(check(owned, &[], AccessMask::WRITE_DAC, &[]));
        assert!(!check(owned, &[], READ, &[]));
        assert!(!check("O:S-1-5-21-1-2-3-1104D:(A;;RC;;;OW)", &[], AccessMask::WRITE_DAC, &[]));
    }

    #[test]
    fn a_property_set_grants_its_properties_and_no_others() {
        let class = Guid([1; 16]);
        let (set, property, other) = (Guid([2; 16]), Guid([3; 16]), Guid([4; 16]));
        let tree = |set, property| {
            [
                ObjectType { level: 0, guid: class },
                ObjectType { level: 1, guid: set },
                ObjectType { level: 2, guid: property },
            ]
        };
        let text = format!("D:(OA;;RP;{set};;AU)");
        let au = [Sid::AUTHENTICATED_USERS];
        assert!(check(&text, &au, READ, &tree(set, property)));
        assert!(!check(&text, &au, READ, &tree(other, property)));
        assert!(!check(&text, &au, READ, &[]), "one property is not the whole object");
        let denied = format!("D:(OD;;RP;{property};;AU)(A;;RP;;;AU)");
        assert!(!check(&denied, &au, READ, &tree(set, property)));
        assert!(check(&denied, &au, READ, &tree(set, other)));
        assert!(check(&format!("D:(OA;;RP;{class};;AU)"), &au, READ, &tree(set, property)));
    }

    #[test]
    fn the_mask_holds_what_the_whole_object_grants() {
        let text = "D:(D;;WP;;;AU)(A;;RPWP;;;AU)(OA;;CR;00299570-246d-11d0-a768-00aa006e0529;;AU)";
        let descriptor = sddl::parse(text, &domain(), &domain()).unwrap();
        let token = Token::new(domain(), [Sid::AUTHENTICATED_USERS]);
        assert_eq!(granted_mask(&descriptor, &token, None), READ);
    }

    /// Entries of a few kinds, people and rights, so that they meet.
    fn entries() -> impl Strategy<Value = Vec<Ace>> {
        let kind = prop_oneof![Just(AceKind::Allow), Just(AceKind::Deny), Just(AceKind::AllowCallback)];
        let trustee =
            prop_oneof![Just(Sid::AUTHENTICATED_USERS), Just(Sid::EVERYONE), Just(Sid::SELF), Just(Sid::SYSTEM)];
        let object_type = prop_oneof![Just(None), (1u8..5).prop_map(|n| Some(Guid([n; 16])))];
        let entry = (kind, trustee, object_type, 0u32..0x200).prop_map(|(kind, trustee, object_type, mask)| {
            let ace = Ace { kind, ..Ace::allow(trustee, AccessMask(mask)) };
            object_type.map_or(ace.clone(), |guid| ace.about(guid))
        });
        proptest::collection::vec(entry, 0..8)
    }

    proptest! {
        /// What lets a directory ask once for an object instead of once for each attribute.
        #[test]
        fn what_is_granted_on_the_whole_object_is_granted_on_every_part(aces in entries(), right in 0u32..9) {
            let descriptor = SecurityDescriptor { dacl: Some(crate::Acl::new(aces)), ..SecurityDescriptor::default() };
            let user = domain().with_rid(1104).unwrap();
            let token = Token::new(user, [Sid::AUTHENTICATED_USERS, Sid::EVERYONE]);
            let right = AccessMask(1 << right);
            let tree = [1, 2, 3].map(|n| ObjectType { level: n - 1, guid: Guid([n; 16]) });
            let granted = |types: &[ObjectType]| access_check(&descriptor, &token, right, types, Some(&user)).is_granted();
            if granted_mask(&descriptor, &token, Some(&user)).contains(right) {
                prop_assert!(granted(&[]) && granted(&tree) && granted(&tree[..1]));
            }
        }

        #[test]
        fn a_refusal_in_front_takes_and_never_gives(aces in entries(), right in 0u32..9) {
            let user = domain().with_rid(1104).unwrap();
            let token = Token::new(user, [Sid::AUTHENTICATED_USERS, Sid::EVERYONE]);
            let right = AccessMask(1 << right);
            let check = |aces: Vec<Ace>| {
                let descriptor = SecurityDescriptor { dacl: Some(crate::Acl::new(aces)), ..SecurityDescriptor::default() };
                access_check(&descriptor, &token, right, &[], Some(&user)).is_granted()
            };
            let refused = std::iter::once(Ace::deny(Sid::EVERYONE, right)).chain(aces).collect();
            prop_assert!(!check(refused));
        }
    }
}
