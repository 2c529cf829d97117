//! How a child gets its descriptor from its parent, its creator and its class. MS-DTYP 2.5.3.4, MS-ADTS 6.1.3.
//!
//! Every directory object is a container, so only container inheritance counts.

use super::{AccessMask, Ace, AceFlags, Acl, Control, SecurityDescriptor};
use crate::{Guid, Sid};

/// What a new descriptor is made of.
#[derive(Clone, Copy, Debug)]
pub struct Creation<'a> {
    /// The parent's descriptor.
    pub parent: Option<&'a SecurityDescriptor>,
    /// What the creator asks for.
    pub requested: Option<&'a SecurityDescriptor>,
    /// The default of the object's class: what it is without being asked for.
    pub default: &'a SecurityDescriptor,
    /// The `schemaIDGUID` of the object's class.
    pub class: &'a Guid,
    /// Whose it is, when the creator does not say.
    pub owner: Sid,
    /// Its group, when the creator does not say.
    pub group: Sid,
}

/// The descriptor of a new object.
#[must_use]
pub fn create(from: &Creation<'_>) -> SecurityDescriptor {
    let requested = from.requested;
    let owner = requested.and_then(|r| r.owner).unwrap_or(from.owner);
    let group = requested.and_then(|r| r.group).unwrap_or(from.group);
    let own_dacl = requested.filter(|r| r.control.contains(Control::DACL_PRESENT) || r.dacl.is_some());
    let own_sacl = requested.filter(|r| r.control.contains(Control::SACL_PRESENT) || r.sacl.is_some());
    let mut made = SecurityDescriptor {
        control: keep(own_dacl.unwrap_or(from.default).control, [Control::DACL_PROTECTED, Control::DACL_PRESENT])
            .with(keep(own_sacl.unwrap_or(from.default).control, [Control::SACL_PROTECTED, Control::SACL_PRESENT])),
        owner: Some(owner),
        group: Some(group),
        dacl: own_dacl.unwrap_or(from.default).dacl.clone(),
        sacl: own_sacl.unwrap_or(from.default).sacl.clone(),
    };
    for acl in [&mut made.dacl, &mut made.sacl].into_iter().flatten() {
        acl.aces.retain(|ace| !ace.is_inherited());
        make_concrete(acl, &owner, &group);
    }
    inherit(&mut made, from.parent, from.class);
    if made.dacl.is_none() && !made.control.contains(Control::DACL_PRESENT) {
        made.dacl = Some(unasked_dacl(owner));
    }
    made
}

/// The list of an object for which neither its creator nor its class nor its parent has one: the default list of a token. Without it,
/// the object would be everybody's. MS-DTYP 2.5.3.4.2, MS-ADTS 6.1.3.6.
fn unasked_dacl(owner: Sid) -> Acl {
    Acl::new([owner, Sid::SYSTEM].map(|trustee| Ace::allow(trustee, AccessMask::DS_ALL)))
}

/// Makes a list that was written for an object the object's own: generic rights become those they stand for, creators become the
/// owner and the group, and entries stand in canonical order. MS-DTYP 2.5.3.4.7, MS-ADTS 6.1.3.1.
///
/// What children inherit stays as it is: it is about *their* creators.
pub fn make_concrete(acl: &mut Acl, owner: &Sid, group: &Sid) {
    acl.aces = std::mem::take(&mut acl.aces).into_iter().flat_map(|ace| concrete(ace, owner, group)).collect();
    acl.sort_canonically();
}

fn concrete(ace: Ace, owner: &Sid, group: &Sid) -> Vec<Ace> {
    let trustee = match ace.trustee {
        _ if !ace.is_effective() => return vec![ace],
        Sid::CREATOR_OWNER => *owner,
        Sid::CREATOR_GROUP => *group,
        other => other,
    };
    let counts = Ace { trustee, mask: ace.mask.mapped(), ..ace.clone() };
    if trustee == ace.trustee || !ace.flags.contains(AceFlags::CONTAINER_INHERIT) {
        return vec![counts];
    }
    let inheritance = AceFlags::CONTAINER_INHERIT.with(AceFlags::OBJECT_INHERIT).with(AceFlags::NO_PROPAGATE);
    let (own, handed_on) = (ace.flags.without(inheritance), ace.flags.with(AceFlags::INHERIT_ONLY));
    vec![counts.flagged(own), ace.flagged(handed_on)]
}

/// A descriptor after its parent's changed: what it inherited is inherited anew, the rest stays.
#[must_use]
pub fn again(stored: &SecurityDescriptor, parent: &SecurityDescriptor, class: &Guid) -> SecurityDescriptor {
    let mut made = stored.clone();
    for acl in [&mut made.dacl, &mut made.sacl].into_iter().flatten() {
        acl.aces.retain(|ace| !ace.is_inherited());
    }
    inherit(&mut made, Some(parent), class);
    made
}

fn keep(control: Control, flags: [Control; 2]) -> Control {
    flags.into_iter().filter(|flag| control.contains(*flag)).fold(Control::default(), Control::with)
}

/// Adds what comes from the parent, unless the lists are protected against it.
fn inherit(made: &mut SecurityDescriptor, parent: Option<&SecurityDescriptor>, class: &Guid) {
    let (owner, group) = (made.owner, made.group);
    let lists = [
        (&mut made.dacl, parent.and_then(|p| p.dacl.as_ref()), Control::DACL_PROTECTED, Control::DACL_AUTO_INHERITED),
        (&mut made.sacl, parent.and_then(|p| p.sacl.as_ref()), Control::SACL_PROTECTED, Control::SACL_AUTO_INHERITED),
    ];
    for (own, above, protected, marked) in lists {
        let Some(above) = above.filter(|_| !made.control.contains(protected)) else { continue };
        let inherited: Vec<Ace> = above.aces.iter().flat_map(|ace| handed_down(ace, class, owner, group)).collect();
        made.control = made.control.with(marked);
        if own.is_none() && inherited.is_empty() {
            continue;
        }
        let own = own.get_or_insert_with(Acl::default);
        own.aces.extend(inherited);
        own.sort_canonically();
        own.revision = own.needed_revision();
    }
}

/// What one entry of the parent becomes on a child: nothing, one entry, or one that counts and one to be handed on.
fn handed_down(ace: &Ace, class: &Guid, owner: Option<Sid>, group: Option<Sid>) -> Vec<Ace> {
    if !ace.flags.contains(AceFlags::CONTAINER_INHERIT) {
        return Vec::new();
    }
    let goes_on = !ace.flags.contains(AceFlags::NO_PROPAGATE);
    let audit = AceFlags(ace.flags.0 & (AceFlags::SUCCESSFUL_ACCESS.0 | AceFlags::FAILED_ACCESS.0));
    let kept = AceFlags(ace.flags.0 & (AceFlags::CONTAINER_INHERIT.0 | AceFlags::OBJECT_INHERIT.0));
    let marked = audit.with(AceFlags::INHERITED);
    let passed_on = ace.clone().flagged(marked.with(kept).with(AceFlags::INHERIT_ONLY));
    if ace.inherited_object_type().is_some_and(|only| only != class) {
        return if goes_on { vec![passed_on] } else { Vec::new() };
    }
    let trustee = match ace.trustee {
        Sid::CREATOR_OWNER => owner,
        Sid::CREATOR_GROUP => group,
        other => Some(other),
    };
    let mask: AccessMask = ace.mask.mapped();
    let Some(trustee) = trustee else { return if goes_on { vec![passed_on] } else { Vec::new() } };
    let is_same = trustee == ace.trustee && mask == ace.mask;
    let mut counts = ace.clone();
    (counts.trustee, counts.mask) = (trustee, mask);
    match (goes_on, is_same) {
        (true, true) => vec![counts.flagged(marked.with(kept))],
        (true, false) => vec![counts.flagged(marked), passed_on],
        (false, _) => vec![counts.flagged(marked)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sddl;

    const USER: Guid = Guid([7; 16]);

    fn domain() -> Sid {
        Sid::domain_of(1, 2, 3)
    }

    fn descriptor(text: &str) -> SecurityDescriptor {
        sddl::parse(text, &domain(), &domain()).unwrap()
    }

    fn child(parent: &str, requested: Option<&str>, default: &str) -> String {
        let requested = requested.map(descriptor);
        let made = create(&Creation {
            parent: Some(&descriptor(parent)),
            requested: requested.as_ref(),
            default: &descriptor(default),
            class: &USER,
            owner: Sid::SYSTEM,
            group: Sid::SYSTEM,
        });
        sddl::print(&made, &domain(), &domain())
    }

    #[test]
    fn a_child_has_its_own_entries_and_then_its_parents() {
        assert_eq!(
            child("D:(A;CI;RP;;;AU)(A;;WP;;;WD)", None, "D:(A;;GR;;;DA)"),
            "O:SYG:SYD:AI(A;;RCRPLCLO;;;DA)(A;CIID;RP;;;AU)"
        );
        assert_eq!(child("D:(A;CI;RP;;;AU)", Some("O:DAD:P(A;;WP;;;DU)"), "D:(A;;RP;;;WD)"), "O:DAG:SYD:P(A;;WP;;;DU)");
    }

    #[test]
    fn entries_for_creators_are_for_the_owner_and_go_on() {
        assert_eq!(
            child("D:(A;CIIO;GA;;;CO)", None, "D:"),
            "O:SYG:SYD:AI(A;ID;RCSDWDWORPWPCCDCLCSWLODTCR;;;SY)(A;CIIOID;GA;;;CO)"
        );
        assert_eq!(child("D:(A;CINP;RP;;;AU)", None, "D:"), "O:SYG:SYD:AI(A;ID;RP;;;AU)");
    }

    #[test]
    fn entries_for_another_class_pass_through() {
        let other = Guid([8; 16]);
        let text = format!("D:(OA;CI;RP;;{other};AU)(OA;CI;WP;;{USER};AU)");
        assert_eq!(child(&text, None, "D:"), format!("O:SYG:SYD:AI(OA;CIIOID;RP;;{other};AU)(OA;CIID;WP;;{USER};AU)"));
    }

    #[test]
    fn creators_in_the_default_of_a_class_are_the_owner_and_the_group() {
        assert_eq!(child("D:", None, "D:(A;;RPWP;;;CO)(A;;RP;;;CG)"), "O:SYG:SYD:AI(A;;RPWP;;;SY)(A;;RP;;;SY)");
        assert_eq!(
            child("D:", Some("O:DAG:DUD:(A;CINP;GR;;;CO)"), "D:"),
            "O:DAG:DUD:AI(A;;RCRPLCLO;;;DA)(A;CINPIO;GR;;;CO)"
        );
    }

    #[test]
    fn an_object_for_which_nobody_has_a_list_is_its_owners() {
        let made = create(&Creation {
            parent: None,
            requested: None,
            default: &SecurityDescriptor::default(),
            class: &USER,
            owner: Sid::BUILTIN_ADMINISTRATORS,
            group: Sid::SYSTEM,
        });
        let all = "RCSDWDWORPWPCCDCLCSWLODTCR";
        assert_eq!(sddl::print(&made, &domain(), &domain()), format!("O:BAG:SYD:(A;;{all};;;BA)(A;;{all};;;SY)"));
    }

    #[test]
    fn own_entries_are_put_in_order_even_where_nothing_is_inherited() {
        assert_eq!(
            child("D:(A;CI;RP;;;AU)", Some("D:P(A;;RP;;;WD)(D;;WP;;;WD)"), "D:"),
            "O:SYG:SYD:P(D;;WP;;;WD)(A;;RP;;;WD)"
        );
    }

    #[test]
    fn inheriting_again_replaces_only_what_was_inherited() {
        let stored = descriptor("O:SYG:SYD:AI(A;;WP;;;DU)(A;CIID;RP;;;AU)");
        let again = again(&stored, &descriptor("D:(A;CI;LC;;;WD)"), &USER);
        assert_eq!(sddl::print(&again, &domain(), &domain()), "O:SYG:SYD:AI(A;;WP;;;DU)(A;CIID;LC;;;WD)");
    }
}
