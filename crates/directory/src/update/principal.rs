//! Security principals: names, SIDs, account types, and the bits of `userAccountControl` and `groupType`.
//!
//! MS-SAMR 3.1.1.6 (constraints), 3.1.1.8 (what an update triggers); MS-ADTS 2.2.12 (`groupType`), 2.2.16 (`userAccountControl`).

use std::collections::BTreeSet;

use dtyp::{Sid, rid};
use ldap::ResultCode;
use schema::AttrId;

use super::Planner;
use super::draft::{Draft, LinkEdit};
use crate::error::{printable, win32};
use crate::{Error, Problem, account, gmsa};

/// The bits of `userAccountControl`. MS-ADTS 2.2.16.
#[allow(missing_docs, reason = "the names are the documentation")]
pub(crate) mod uac {
    pub(crate) const ACCOUNT_DISABLE: i64 = 0x2;
    pub(crate) const LOCKOUT: i64 = 0x10;
    pub(crate) const PASSWORD_NOT_REQUIRED: i64 = 0x20;
    pub(crate) const NORMAL: i64 = 0x200;
    pub(crate) const INTERDOMAIN_TRUST: i64 = 0x800;
    pub(crate) const WORKSTATION_TRUST: i64 = 0x1000;
    pub(crate) const SERVER_TRUST: i64 = 0x2000;
    pub(crate) const TRUSTED_FOR_DELEGATION: i64 = 0x8_0000;
    pub(crate) const PASSWORD_EXPIRED: i64 = 0x80_0000;
    pub(crate) const TRUSTED_TO_AUTH: i64 = 0x100_0000;
    pub(crate) const PARTIAL_SECRETS: i64 = 0x400_0000;
    pub(crate) const ACCOUNT_TYPES: i64 = NORMAL | INTERDOMAIN_TRUST | WORKSTATION_TRUST | SERVER_TRUST;
    /// Given only by administrators: they make an account trusted with others.
    pub(crate) const POWERFUL: i64 =
        SERVER_TRUST | INTERDOMAIN_TRUST | TRUSTED_FOR_DELEGATION | TRUSTED_TO_AUTH | PARTIAL_SECRETS;
    /// What readers compute and nobody stores.
    pub(crate) const COMPUTED: i64 = LOCKOUT | PASSWORD_EXPIRED;
}

mod group {
    pub(super) const BUILTIN_LOCAL: i64 = 1;
    pub(super) const GLOBAL: i64 = 2;
    pub(super) const DOMAIN_LOCAL: i64 = 4;
    pub(super) const UNIVERSAL: i64 = 8;
    pub(super) const SECURITY: i64 = 0x8000_0000;
}

/// Letters of no width, and those that turn the direction of others: two names that differ by them alone look the same.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What kind of principal a class makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// Users, computers, managed service accounts.
    Account,
    /// Groups.
    Group,
}

impl Principal {
    pub(crate) fn of(draft: &Draft) -> Option<Self> {
        match (draft.is_a("user"), draft.is_a("group")) {
            (true, _) => Some(Self::Account),
            (false, true) => Some(Self::Group),
            (false, false) => None,
        }
    }
}

/// What `userAccountControl` is for a new account when nothing is said: disabled, and without a password.
fn default_control(draft: &Draft) -> i64 {
    if gmsa::is_service_account(|class| draft.is_a(class)) {
        uac::WORKSTATION_TRUST
    } else if draft.is_a("computer") {
        uac::WORKSTATION_TRUST | uac::ACCOUNT_DISABLE | uac::PASSWORD_NOT_REQUIRED
    } else {
        uac::NORMAL | uac::ACCOUNT_DISABLE | uac::PASSWORD_NOT_REQUIRED
    }
}

/// A managed service account is a computer's kind of account, in name and type.
fn check_managed(name: &str, control: i64) -> Result<(), Error> {
    if !name.ends_with('$') {
        let comment = "the sAMAccountName of a managed service account must be given, and end in $";
        return Err(Error::constraint(win32::DS_CONSTRAINT_VIOLATION, comment));
    }
    if control & uac::ACCOUNT_TYPES != uac::WORKSTATION_TRUST {
        let comment = "userAccountControl of a managed service account is 4096 (WORKSTATION_TRUST_ACCOUNT)";
        return Err(Error::constraint(win32::INVALID_PARAMETER, comment));
    }
    Ok(())
}

impl Planner<'_> {
    /// What a new principal gets: a SID, a name, a type, and the attributes every account starts with.
    pub(crate) fn complete_principal(&mut self, draft: &mut Draft, principal: Principal) -> Result<(), Error> {
        let known = *self.known();
        if !draft.has(known.object_sid) {
            let sid = self.next_sid()?;
            draft.set_bytes(known.object_sid, sid.to_bytes());
        }
        if !draft.has(known.sam_account_name) {
            draft.set_text(known.sam_account_name, self.made_up_name());
        }
        match principal {
            Principal::Account => {
                let control = draft.integer(known.user_account_control).unwrap_or_else(|| default_control(draft));
                draft.set_integer(known.user_account_control, control);
                for id in [known.bad_pwd_count, known.bad_password_time, known.code_page, known.country_code] {
                    draft.default_text(id, "0");
                }
                for id in [known.last_logoff, known.last_logon, known.logon_count, known.pwd_last_set] {
                    draft.default_text(id, "0");
                }
                draft.default_text(known.account_expires, i64::MAX.to_string());
            }
            Principal::Group => draft.default_text(known.group_type, (group::GLOBAL - group::SECURITY).to_string()),
        }
        self.check_principal(draft, principal)
    }

    /// Rules over a principal's attributes, after any change of them; sets what follows from them.
    pub(crate) fn check_principal(&self, draft: &mut Draft, principal: Principal) -> Result<(), Error> {
        self.check_account_name(draft, principal)?;
        match principal {
            Principal::Account => self.check_control(draft),
            Principal::Group => self.check_group_type(draft),
        }
    }

    /// `$` and random letters, as Active Directory names accounts that were given no name.
    fn made_up_name(&self) -> String {
        let mut bytes = [0; 9];
        self.view.environment().random.fill(&mut bytes);
        let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        let (first, rest) = digits.split_at(6);
        format!("${first}-{rest}")
    }

    /// MS-SAMR 3.1.1.6 (naming), 3.1.1.8.4: legal, and one of its kind.
    fn check_account_name(&self, draft: &Draft, principal: Principal) -> Result<(), Error> {
        let id = self.known().sam_account_name;
        if draft.stored.get(&id) == draft.fields.get(&id) {
            return Ok(());
        }
        let name = draft.text(id).unwrap_or_default();
        let illegal =
            |letter: char| letter.is_control() || is_invisible(letter) || "\"/\\[]:;|=,+*?<>".contains(letter);
        let longest = if principal == Principal::Account { 20 + usize::from(name.ends_with('$')) } else { 256 };
        let too_long = name.encode_utf16().count() > longest && !self.caller.system && !name.starts_with('$');
        let only_dots = name.chars().all(|letter| letter == '.' || letter == ' ');
        if name.is_empty()
            || name.trim() != name
            || only_dots
            || too_long
            || name.ends_with('.')
            || name.chars().any(illegal)
        {
            return Err(Error::account(
                ResultCode::UNWILLING_TO_PERFORM,
                win32::INVALID_ACCOUNT_NAME,
                "problem 22 (Invalid argument): this cannot be an account's name",
            ));
        }
        if draft.is_a("computer") && !name.ends_with('$') && !self.caller.token.contains(&Sid::BUILTIN_ADMINISTRATORS) {
            // Without it, a computer could take the name that others leave the `$` away from.
            let comment = "the sAMAccountName of a computer ends in $";
            return Err(Error::account(ResultCode::UNWILLING_TO_PERFORM, win32::INVALID_ACCOUNT_NAME, comment));
        }
        if self.view.find(id, name.as_bytes())?.iter().any(|other| *other != draft.dnt())
            || self.taken_here(draft, name)
        {
            let code = if principal == Principal::Group { win32::GROUP_EXISTS } else { win32::USER_EXISTS };
            return Err(Error::entry_exists(code, "this account name is taken"));
        }
        Ok(())
    }

    fn taken_here(&self, draft: &Draft, name: &str) -> bool {
        let id = self.known().sam_account_name;
        let same = |other: &Draft| {
            other.text(id).is_some_and(|taken| crate::matching::same_text(taken.as_bytes(), name.as_bytes()))
        };
        // Only a load makes many objects at once; its names are few and come from the directory itself.
        self.drafts.len() < 4096 && self.drafts.iter().any(|other| other.dnt() != draft.dnt() && same(other))
    }

    /// One account type, nothing powerful without being an administrator, no bit that readers compute.
    fn check_control(&self, draft: &mut Draft) -> Result<(), Error> {
        let known = self.known();
        let Some(given) = draft.integer(known.user_account_control) else {
            return Err(Error::unwilling(win32::DS_UNWILLING_TO_PERFORM, "an account needs userAccountControl"));
        };
        let before =
            draft.stored.get(&known.user_account_control).and_then(|values| crate::matching::integer(values.first()?));
        let mut control = given & !uac::COMPUTED;
        let is_managed = gmsa::is_service_account(|class| draft.is_a(class));
        if control & uac::ACCOUNT_TYPES == 0 {
            let usual = if is_managed { uac::WORKSTATION_TRUST } else { uac::NORMAL };
            control |= before.map_or(usual, |before| before & uac::ACCOUNT_TYPES);
        }
        if (control & uac::ACCOUNT_TYPES).count_ones() != 1 {
            return Err(Error::constraint(
                win32::INVALID_PARAMETER,
                "userAccountControl must name one type of account",
            ));
        }
        if is_managed {
            check_managed(draft.text(known.sam_account_name).unwrap_or_default(), control)?;
        }
        let gained = control & !before.unwrap_or(0);
        if gained & uac::POWERFUL != 0
            && !self.caller.system
            && !self.caller.token.contains(&Sid::BUILTIN_ADMINISTRATORS)
        {
            return Err(Error::insufficient_access(
                win32::ACCESS_DENIED,
                "only administrators give an account this trust",
            ));
        }
        if draft.integer(known.user_account_control) != Some(control) {
            draft.set_integer(known.user_account_control, control);
        }
        let (kind, primary) = match control & uac::ACCOUNT_TYPES {
            uac::NORMAL => (0x3000_0000, rid::DOMAIN_USERS),
            uac::INTERDOMAIN_TRUST => (0x3000_0002, rid::DOMAIN_USERS),
            uac::SERVER_TRUST => (0x3000_0001, rid::DOMAIN_CONTROLLERS),
            _ => (0x3000_0001, rid::DOMAIN_COMPUTERS),
        };
        draft.set_integer(known.sam_account_type, kind);
        let type_changed = before.is_some_and(|before| (before ^ control) & uac::ACCOUNT_TYPES != 0);
        if !draft.has(known.primary_group_id) || type_changed {
            draft.set_integer(known.primary_group_id, i64::from(primary));
        }
        Ok(())
    }

    /// Clients set `pwdLastSet` to "never" or "now" and `lockoutTime` to "not locked" only. MS-SAMR 3.1.1.8.4, 3.1.1.8.6.
    pub(crate) fn check_times(&self, draft: &mut Draft, touched: &BTreeSet<AttrId>) -> Result<(), Error> {
        let known = self.known();
        if self.caller.system {
            return Ok(());
        }
        if touched.contains(&known.pwd_last_set) {
            match draft.integer(known.pwd_last_set) {
                Some(0) => {}
                Some(-1) => draft.set_text(known.pwd_last_set, self.view.environment().clock.now().0.to_string()),
                _ => {
                    return Err(Error::unwilling(
                        win32::INVALID_PARAMETER,
                        "pwdLastSet is set to 0 (change at next logon) or -1 (now)",
                    ));
                }
            }
        }
        if touched.contains(&known.lockout_time) {
            match draft.integer(known.lockout_time) {
                Some(0) | None => draft.set_text(known.bad_pwd_count, "0"),
                Some(_) => {
                    return Err(Error::unwilling(win32::INVALID_PARAMETER, "lockoutTime is set to 0 (unlock) only"));
                }
            }
        }
        Ok(())
    }

    /// One scope, and a type that follows from it.
    fn check_group_type(&self, draft: &mut Draft) -> Result<(), Error> {
        let known = self.known();
        let given = draft.integer(known.group_type).unwrap_or_default();
        let scope = given & (group::GLOBAL | group::DOMAIN_LOCAL | group::UNIVERSAL);
        let builtin = given & group::BUILTIN_LOCAL != 0;
        let unknown = given
            & !(group::SECURITY | group::BUILTIN_LOCAL | group::GLOBAL | group::DOMAIN_LOCAL | group::UNIVERSAL)
            & 0xFFFF_FFFF;
        if scope.count_ones() != 1 || unknown != 0 || (builtin && !self.caller.system && draft.is_new()) {
            return Err(Error::unwilling(0x2141, "groupType must name one scope"));
        }
        let security = given & group::SECURITY != 0;
        let kind: i64 = match (scope == group::DOMAIN_LOCAL, security) {
            (false, true) => 0x1000_0000,
            (false, false) => 0x1000_0001,
            (true, true) => 0x2000_0000,
            (true, false) => 0x2000_0001,
        };
        draft.set_integer(known.sam_account_type, kind);
        Ok(())
    }

    /// No enabled account of a person without a password, unless its flags say that it needs none. MS-SAMR 3.1.1.8.10.
    pub(crate) fn check_has_password(&self, draft: &Draft) -> Result<(), Error> {
        let known = self.known();
        let control = draft.integer(known.user_account_control).unwrap_or_default();
        let needs_one =
            control & (uac::ACCOUNT_DISABLE | uac::PASSWORD_NOT_REQUIRED) == 0 && control & uac::NORMAL != 0;
        if !needs_one || self.caller.system || draft.secret(self.view, known.unicode_pwd)?.is_some() {
            return Ok(());
        }
        Err(Error::new(
            ResultCode::UNWILLING_TO_PERFORM,
            win32::PASSWORD_RESTRICTION,
            Problem::Service(5003, "WILL_NOT_PERFORM"),
            "an enabled account must have a password that meets the policy",
        ))
    }

    /// The primary group is one the account is a member of; the memberships change places. MS-SAMR 3.1.1.8.2.
    pub(crate) fn change_primary_group(&self, draft: &mut Draft) -> Result<(), Error> {
        let known = self.known();
        let before =
            draft.stored.get(&known.primary_group_id).and_then(|values| crate::matching::integer(values.first()?));
        let after = draft.integer(known.primary_group_id);
        if before == after {
            return Ok(());
        }
        let new = self.group_of(draft, after)?;
        let no_group =
            || Error::unwilling(win32::MEMBER_NOT_IN_ALIAS, "the primary group must be one the account is a member of");
        let new = new.ok_or_else(no_group)?;
        let member = self.view.link_table().names(self.view.txn(), new, known.member, draft.dnt())?;
        if !member && !self.caller.system {
            return Err(no_group());
        }
        let old = self.group_of(draft, before)?;
        let edit =
            |source, add| LinkEdit { source, attribute: known.member, target: draft.dnt(), data: Vec::new(), add };
        let edits: Vec<LinkEdit> = std::iter::once(edit(new, false)).chain(old.map(|old| edit(old, true))).collect();
        draft.links.extend(edits);
        Ok(())
    }

    /// A new account is a member of nothing, so its primary group is the usual one, whoever asks for another. MS-SAMR 3.1.1.8.2.
    pub(crate) fn check_first_group(&self, draft: &Draft, asked: Option<i64>) -> Result<(), Error> {
        match asked.is_none() || asked == draft.integer(self.known().primary_group_id) {
            true => Ok(()),
            false => Err(Error::unwilling(
                win32::MEMBER_NOT_IN_ALIAS,
                "the primary group must be one the account is a member of, and a new account is a member of none",
            )),
        }
    }

    /// What makes an account stand for others, or keeps an object for ever, is not given like other attributes: another's SIDs by nobody over LDAP (MS-ADTS
    /// 3.1.1.5.3.2), services that it may act at for others by administrators (`SeEnableDelegationPrivilege`).
    pub(crate) fn check_trust(&self, attribute: &schema::Attribute) -> Result<(), Error> {
        let is_admin = self.caller.token.contains(&Sid::BUILTIN_ADMINISTRATORS);
        match &*attribute.name {
            _ if self.caller.system => Ok(()),
            "isCriticalSystemObject" => {
                let comment = "isCriticalSystemObject is set by the directory alone";
                Err(Error::constraint(win32::DS_CANT_MOD_SYSTEM_ONLY, comment))
            }
            "sIDHistory" => Err(Error::insufficient_access(
                win32::ACCESS_DENIED,
                "sIDHistory is written when an account is migrated, and not over LDAP",
            )),
            "msDS-AllowedToDelegateTo" if !is_admin => Err(Error::insufficient_access(
                win32::ACCESS_DENIED,
                "only administrators let an account act for others",
            )),
            _ => Ok(()),
        }
    }

    /// The group whose SID is the account's domain and this relative identifier.
    fn group_of(&self, draft: &Draft, rid: Option<i64>) -> Result<Option<crate::Dnt>, Error> {
        let sid = draft.values(self.known().object_sid).first().and_then(|value| Sid::from_bytes(value).ok());
        let rid = rid.and_then(|rid| u32::try_from(rid).ok());
        let group = sid.and_then(|sid| sid.domain()).zip(rid).and_then(|(domain, rid)| domain.with_rid(rid).ok());
        group.map_or(Ok(None), |group| self.view.by_sid(&group))
    }

    /// Nobody is listed in the group that is their primary one: they are members by that. MS-SAMR 3.1.1.8.9.
    pub(crate) fn check_members(&self, draft: &Draft) -> Result<(), Error> {
        let known = self.known();
        let group = draft.values(known.object_sid).first().and_then(|value| Sid::from_bytes(value).ok());
        let Some((domain, rid)) = group.and_then(|sid| sid.domain().zip(sid.rid())) else { return Ok(()) };
        for edit in draft.links.iter().filter(|edit| edit.add && edit.attribute == known.member) {
            let Some(member) = self.view.object(edit.target)? else { continue };
            let primary = member.integer(known.primary_group_id) == Some(i64::from(rid));
            if primary && member.sid().and_then(|sid| sid.domain()) == Some(domain) {
                return Err(Error::entry_exists(
                    win32::MEMBER_IN_GROUP,
                    "the group is the account's primary group already",
                ));
            }
        }
        Ok(())
    }

    /// `userPrincipalName` and `servicePrincipalName` lead to one account only. MS-ADTS 3.1.1.5.1.3.
    pub(crate) fn check_unique_names(&self, draft: &Draft) -> Result<(), Error> {
        let known = self.known();
        let names = [
            (known.user_principal_name, win32::DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST),
            (known.service_principal_name, win32::DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST),
        ];
        for (id, code) in names {
            let had = draft.stored.get(&id).map_or(&[][..], Vec::as_slice);
            for value in draft.values(id).iter().filter(|value| !had.contains(value)) {
                if self.view.find(id, value)?.iter().any(|other| *other != draft.dnt()) {
                    return Err(Error::constraint(code, "another account has this principal name"));
                }
            }
        }
        self.check_implicit_names(draft)?;
        self.check_service_aliases(draft)
    }

    /// `account@domain` is every account's, whether it is written in `userPrincipalName` or not: nobody else takes it.
    fn check_implicit_names(&self, draft: &Draft) -> Result<(), Error> {
        let known = self.known();
        let taken = |comment| Err(Error::constraint(win32::DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST, comment));
        let others = |id, name: &str| {
            let found = self.view.find(id, name.as_bytes())?;
            Ok::<_, Error>(found.iter().any(|other| *other != draft.dnt()))
        };
        let changed = |id| draft.text(id).filter(|_| draft.stored.get(&id) != draft.fields.get(&id));
        if let Some(name) = changed(known.user_principal_name) {
            if name.trim() != name || name.chars().any(|letter| letter.is_control() || is_invisible(letter)) {
                let comment = "a principal name has no letters that nobody sees, and no spaces around it";
                return Err(Error::constraint(win32::INVALID_ACCOUNT_NAME, comment));
            }
            // One without a domain is looked up in this domain.
            let (account, own) = match name.rsplit_once('@') {
                Some((account, domain)) => (account, account::is_own(self.view, domain)?),
                None => (name, true),
            };
            if own && others(known.sam_account_name, account)? {
                return taken("the principal name is another account's: its account name in this domain");
            }
        }
        if let Some(name) = changed(known.sam_account_name).filter(|_| !self.caller.system) {
            let [dns, netbios] = account::own_names(self.view)?;
            for implied in [format!("{name}@{dns}"), format!("{name}@{netbios}"), name.to_owned()] {
                if others(known.user_principal_name, &implied)? {
                    return taken("the account name, in this domain, is the principal name of another account");
                }
            }
        }
        Ok(())
    }

    /// `host/server` stands for `cifs/server` and others: who names one of these on another account takes a service over, which is for
    /// administrators to decide. MS-ADTS 3.1.1.3.1.1.5 (sPNMappings).
    fn check_service_aliases(&self, draft: &Draft) -> Result<(), Error> {
        let id = self.known().service_principal_name;
        if self.caller.system || self.caller.token.contains(&Sid::BUILTIN_ADMINISTRATORS) {
            return Ok(());
        }
        let had = draft.stored.get(&id).map_or(&[][..], Vec::as_slice);
        for value in draft.values(id).iter().filter(|value| !had.contains(value)) {
            let Some((class, host)) = std::str::from_utf8(value).ok().and_then(|name| name.split_once('/')) else {
                continue;
            };
            let class = class.to_ascii_lowercase();
            let aliases: &[&str] = match &*class {
                "host" => account::HOST_SERVICES,
                class if account::HOST_SERVICES.binary_search(&class).is_ok() => &["host"],
                _ => &[],
            };
            for alias in aliases {
                let same = format!("{alias}/{host}");
                if self.view.find(id, same.as_bytes())?.iter().any(|other| *other != draft.dnt()) {
                    let comment =
                        format!("another account has {}, which stands for this service too", printable(&same));
                    return Err(Error::constraint(win32::DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST, comment));
                }
            }
        }
        Ok(())
    }
}
