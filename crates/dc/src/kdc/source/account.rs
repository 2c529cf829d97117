//! An account is read from its object in the directory, and what a PAC says of it is made. MS-KILE 3.3.5.6.3; MS-PAC 2.5, 2.10.

use directory::account::LogonHours;
use directory::{Directory, Dnt, Object, View, account, gmsa};
use dtyp::{FileTime, Sid, rid};
use kerberos::crypto::Etype;
use kerberos::pac::{GROUP_ATTRIBUTES, GroupMembership, LogonInfo, SidAndAttributes, UpnDnsInfo};
use schema::{AttrId, Schema};

use crate::kdc::{Account, Authorization, Keys, Unavailable};
use crate::ldap::Facts;

/// Bits of `userAccountControl` that mean something here only. MS-ADTS 2.2.16.
mod uac {
    pub(super) const DONT_EXPIRE_PASSWORD: i64 = 0x1_0000;
    /// Computers and domain controllers.
    pub(super) const MACHINES: i64 = 0x1000 | 0x2000;
    pub(super) const TRUSTS: i64 = 0x800;
    pub(super) const SMARTCARD_REQUIRED: i64 = 0x4_0000;
}

/// `GROUP_TYPE_RESOURCE_GROUP`. MS-ADTS 2.2.12.
const DOMAIN_LOCAL: i64 = 4;
/// A group in the resource domain. MS-PAC 2.2.1.
const RESOURCE_GROUP_ATTRIBUTES: u32 = GROUP_ATTRIBUTES | 0x2000_0000;
/// `Resource-SID-compression-disabled`. MS-KILE 2.2.7.
const NO_SID_COMPRESSION: i64 = 0x8_0000;
/// An interval of this many ticks, or of none, is for ever. MS-SAMR 3.1.1.7.
const FOR_EVER: u64 = i64::MIN.unsigned_abs();

/// `userAccountControl` in the directory's numbers and in the SAM's. MS-SAMR 3.1.5.14.2.
const SAM_CONTROL: &[(u32, u32)] = &[
    (0x2, 0x1),
    (0x8, 0x2),
    (0x20, 0x4),
    (0x100, 0x8),
    (0x200, 0x10),
    (0x2_0000, 0x20),
    (0x800, 0x40),
    (0x1000, 0x80),
    (0x2000, 0x100),
    (0x1_0000, 0x200),
    (0x80, 0x800),
    (0x4_0000, 0x1000),
    (0x8_0000, 0x2000),
    (0x10_0000, 0x4000),
    (0x20_0000, 0x8000),
    (0x40_0000, 0x1_0000),
    (0x100_0000, 0x4_0000),
    (0x200_0000, 0x8_0000),
];

/// Reads accounts.
pub(super) struct Reader {
    pub(super) account_name: AttrId,
    pub(super) upn: AttrId,
    pub(super) spn: AttrId,
    control: AttrId,
    group_type: AttrId,
    primary_group: AttrId,
    pwd_last_set: AttrId,
    account_expires: AttrId,
    lockout_time: AttrId,
    logon_hours: AttrId,
    supported_etypes: AttrId,
    last_logon: AttrId,
    logon_count: AttrId,
    bad_passwords: AttrId,
    /// Of the domain.
    max_pwd_age: AttrId,
    min_pwd_age: AttrId,
    lockout_duration: AttrId,
    /// `displayName`, `scriptPath`, `profilePath`, `homeDirectory`, `homeDrive`.
    profile: [AttrId; 5],
    domain: Sid,
    dns_name: String,
    netbios: String,
    /// The domain controller's NetBIOS name.
    server: String,
}

/// What the domain says about passwords, in ticks.
struct PasswordPolicy {
    max_age: Option<u64>,
    min_age: u64,
    lockout: Option<u64>,
}

impl Reader {
    pub(super) fn new(directory: &Directory, facts: &Facts) -> Result<Self, Unavailable> {
        let schema: &Schema = directory.schema();
        let id = |name: &str| {
            let found = schema.attribute(name).map(|attribute| attribute.id);
            found.ok_or_else(|| missing(name))
        };
        let view = directory.read()?;
        let domain = view.object(view.domain()?)?.and_then(|head| head.sid());
        let server = facts.host.split('.').next().unwrap_or_default().to_ascii_uppercase();
        Ok(Self {
            account_name: id("sAMAccountName")?,
            upn: id("userPrincipalName")?,
            spn: id("servicePrincipalName")?,
            control: id("userAccountControl")?,
            group_type: id("groupType")?,
            primary_group: id("primaryGroupID")?,
            pwd_last_set: id("pwdLastSet")?,
            account_expires: id("accountExpires")?,
            lockout_time: id("lockoutTime")?,
            logon_hours: id("logonHours")?,
            supported_etypes: id("msDS-SupportedEncryptionTypes")?,
            last_logon: id("lastLogon")?,
            logon_count: id("logonCount")?,
            bad_passwords: id("badPwdCount")?,
            max_pwd_age: id("maxPwdAge")?,
            min_pwd_age: id("minPwdAge")?,
            lockout_duration: id("lockoutDuration")?,
            profile: [
                id("displayName")?,
                id("scriptPath")?,
                id("profilePath")?,
                id("homeDirectory")?,
                id("homeDrive")?,
            ],
            domain: domain.ok_or_else(|| missing("objectSid"))?,
            dns_name: facts.dns_name.clone(),
            netbios: facts.netbios.clone(),
            server,
        })
    }

    /// The one object with this value.
    pub(super) fn find(&self, view: &View<'_>, attribute: AttrId, value: &str) -> Result<Option<Dnt>, Unavailable> {
        match view.find(attribute, value.as_bytes())?.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => {
                tracing::warn!(name = value, accounts = several.len(), "a name that several accounts have opens none");
                Ok(None)
            }
        }
    }

    /// An account, and until when it stays like that if the directory does not change.
    pub(super) fn account(&self, view: &View<'_>, dnt: Dnt) -> Result<Option<(Account, FileTime)>, Unavailable> {
        let Some(object) = view.object(dnt)?.filter(|object| object.is_a("user") && !object.is_deleted()) else {
            return Ok(None);
        };
        let managed = gmsa::validity(&object)?;
        let (keys, salt) = self.keys(view, &object, managed.is_some_and(|managed| managed.honours_previous))?;
        let mut account = self.read(view, &object, keys, salt)?;
        if let (Some(account), true) = (&mut account, managed.is_some()) {
            // Guessing 256 random bytes needs no stopping; who locks a service out stops all of it.
            account.locked_until = None;
        }
        let until = managed.map_or(FileTime::NEVER, |managed| managed.until);
        Ok(account.map(|account| (account, until)))
    }

    /// The account of the ticket-granting service.
    pub(super) fn ticket_granting(&self, view: &View<'_>) -> Result<Account, Unavailable> {
        let missing = || missing("krbtgt");
        let sid = self.domain.with_rid(rid::KRBTGT).map_err(|_| missing())?;
        let dnt = view.by_sid(&sid)?.ok_or_else(missing)?;
        let object = view.object(dnt)?.ok_or_else(missing)?;
        let stored = account::keys(view, &object)?.ok_or_else(missing)?;
        let salt = stored.salt.clone();
        self.read(view, &object, split(stored, true), salt)?.ok_or_else(missing)
    }

    /// The keys that an account proves itself with. Who reads a managed password reads it before or after it changes, so for some
    /// minutes the next or the one before counts too. MS-ADTS 3.1.1.4.5.39.
    fn keys(&self, view: &View<'_>, object: &Object<'_>, previous: bool) -> Result<(Keys, String), Unavailable> {
        let Some(stored) = account::keys(view, object)? else { return Ok((Keys::default(), String::new())) };
        let salt = stored.salt.clone();
        let mut keys = split(stored, previous);
        // AES for everybody: an account can choose which, not whether.
        let chosen = object.integer(self.supported_etypes).unwrap_or(0);
        let is_chosen = |etype| match etype {
            Etype::Aes128 => chosen & 0x8 != 0,
            Etype::Aes256 => chosen & 0x10 != 0,
        };
        if keys.current.iter().any(|key| is_chosen(key.etype())) {
            keys.current.retain(|key| is_chosen(key.etype()));
        }
        Ok((keys, salt))
    }

    fn read(
        &self,
        view: &View<'_>,
        object: &Object<'_>,
        keys: Keys,
        salt: String,
    ) -> Result<Option<Account>, Unavailable> {
        let (Some(sid), Some(name)) = (object.sid(), object.text(self.account_name)) else { return Ok(None) };
        let policy = self.password_policy(view)?;
        let control = object.integer(self.control).unwrap_or(0);
        let set = ticks(object, self.pwd_last_set);
        let expiring =
            control & (uac::DONT_EXPIRE_PASSWORD | uac::MACHINES | uac::TRUSTS | uac::SMARTCARD_REQUIRED) == 0;
        let password_expires =
            policy.max_age.filter(|_| expiring && set != 0).map(|age| FileTime(set.saturating_add(age)));
        let locked = Some(ticks(object, self.lockout_time)).filter(|at| *at != 0);
        let expires = Some(ticks(object, self.account_expires)).filter(|at| *at != 0 && *at < FileTime::NEVER.0);
        let groups = self.groups(view, object)?;
        let authorization = self.authorization(view, object, sid, name, &groups, password_expires, &policy)?;
        Ok(Some(Account {
            name: name.to_owned(),
            sid,
            control: u32::try_from(control).unwrap_or(0),
            locked_until: locked
                .map(|at| policy.lockout.map_or(FileTime::NEVER, |long| FileTime(at.saturating_add(long)))),
            expires: expires.map(FileTime),
            password_expires,
            must_change_password: expiring && set == 0,
            logon_hours: object.value(self.logon_hours).and_then(LogonHours::from_value),
            protected: groups.global.contains(&rid::PROTECTED_USERS),
            is_service: control & uac::MACHINES != 0 || object.value(self.spn).is_some(),
            no_sid_compression: object.integer(self.supported_etypes).unwrap_or(0) & NO_SID_COMPRESSION != 0,
            salt,
            keys,
            authorization,
        }))
    }

    /// The relative identifiers of the groups an account is in: those that are told everywhere, and the domain's own.
    fn groups(&self, view: &View<'_>, object: &Object<'_>) -> Result<Groups, Unavailable> {
        let mut groups = Groups::default();
        let token = account::token(view, object.dnt())?;
        for sid in token.groups().iter().filter(|sid| sid.is_in(&self.domain)) {
            let (Some(rid), Some(dnt)) = (sid.rid(), view.by_sid(sid)?) else { continue };
            let kind = view.object(dnt)?.and_then(|group| group.integer(self.group_type)).unwrap_or(0);
            if kind & DOMAIN_LOCAL == 0 { groups.global.push(rid) } else { groups.local.push(rid) }
        }
        Ok(groups)
    }

    #[allow(clippy::too_many_arguments, reason = "each is one fact about the account")]
    fn authorization(
        &self,
        _view: &View<'_>,
        object: &Object<'_>,
        sid: Sid,
        name: &str,
        groups: &Groups,
        password_expires: Option<FileTime>,
        policy: &PasswordPolicy,
    ) -> Result<Authorization, Unavailable> {
        let [full_name, logon_script, profile_path, home_directory, home_directory_drive] =
            self.profile.map(|attribute| object.text(attribute).unwrap_or_default().to_owned());
        let control = u32::try_from(object.integer(self.control).unwrap_or(0)).unwrap_or(0);
        let small = |attribute| u16::try_from(object.integer(attribute).unwrap_or(0)).unwrap_or(u16::MAX);
        let set = ticks(object, self.pwd_last_set);
        let member = |rid: &u32, attributes| GroupMembership { rid: *rid, attributes };
        let asserted = Sid::new(18, &[1]).map(|sid| SidAndAttributes { sid, attributes: GROUP_ATTRIBUTES });
        let logon_info = LogonInfo {
            logon_time: FileTime(ticks(object, self.last_logon)),
            password_last_set: FileTime(set),
            password_can_change: FileTime(if set == 0 { 0 } else { set.saturating_add(policy.min_age) }),
            password_must_change: password_expires.unwrap_or(FileTime::NEVER),
            effective_name: name.to_owned(),
            full_name,
            logon_script,
            profile_path,
            home_directory,
            home_directory_drive,
            logon_count: small(self.logon_count),
            bad_password_count: small(self.bad_passwords),
            user_id: sid.rid().unwrap_or(0),
            primary_group_id: object.integer(self.primary_group).and_then(|rid| u32::try_from(rid).ok()).unwrap_or(0),
            group_ids: groups.global.iter().map(|rid| member(rid, GROUP_ATTRIBUTES)).collect(),
            logon_server: self.server.clone(),
            logon_domain_name: self.netbios.clone(),
            logon_domain_id: Some(self.domain),
            user_account_control: SAM_CONTROL.iter().filter(|(ours, _)| control & ours != 0).map(|(_, sam)| sam).sum(),
            // The account was proved by its own keys, not by somebody who asserts it. MS-SFU 3.2.5.1.2.
            extra_sids: asserted.into_iter().collect(),
            ..LogonInfo::default()
        };
        let own = object.text(self.upn);
        let upn_dns_info = UpnDnsInfo {
            upn: own.map_or_else(|| format!("{name}@{}", self.dns_name), str::to_owned),
            dns_domain: self.dns_name.to_ascii_uppercase(),
            upn_is_constructed: own.is_none(),
            account: Some((name.to_owned(), sid)),
        };
        Ok(Authorization {
            logon_info: logon_info.encode(),
            upn_dns_info: upn_dns_info.encode(),
            resource_groups: groups.local.iter().map(|rid| member(rid, RESOURCE_GROUP_ATTRIBUTES)).collect(),
        })
    }

    fn password_policy(&self, view: &View<'_>) -> Result<PasswordPolicy, Unavailable> {
        let head = view.object(view.domain()?)?;
        let interval = |attribute| head.and_then(|head| head.integer(attribute)).unwrap_or(0).unsigned_abs();
        let finite = |attribute| Some(interval(attribute)).filter(|ticks| *ticks != 0 && *ticks < FOR_EVER);
        Ok(PasswordPolicy {
            max_age: finite(self.max_pwd_age),
            min_age: interval(self.min_pwd_age),
            lockout: finite(self.lockout_duration),
        })
    }
}

/// Relative identifiers of groups.
#[derive(Default)]
struct Groups {
    global: Vec<u32>,
    local: Vec<u32>,
}

/// A point in time that is kept as a number; 0 when it is not there.
fn ticks(object: &Object<'_>, attribute: AttrId) -> u64 {
    object.integer(attribute).and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(0)
}

fn missing(what: &str) -> Unavailable {
    Unavailable(format!("the directory has no {what}: has it been provisioned?"))
}

/// The current keys, and those before when they still open something. A later version is there when it does.
fn split(stored: account::Keys, previous: bool) -> Keys {
    let (current, others): (Vec<_>, Vec<_>) = stored.keys.into_iter().partition(|key| key.kvno == stored.kvno);
    let opens = |key: &account::AccountKey| previous || key.kvno > stored.kvno;
    Keys {
        kvno: stored.kvno,
        current: current.into_iter().map(|key| key.key).collect(),
        others: others.into_iter().filter(opens).map(|key| (key.kvno, key.key)).collect(),
    }
}
