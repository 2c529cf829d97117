//! Who the user is and which groups count. MS-PAC 2.5 (KERB_VALIDATION_INFO), hand-written NDR.

use dtyp::{FileTime, Sid};

use super::PacError;
use super::ndr::{NdrReader, NdrWriter};

/// A group of the user's own domain, or of the resource domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMembership {
    /// The group's relative identifier.
    pub rid: u32,
    /// Mandatory, enabled by default, enabled: usually 7.
    pub attributes: u32,
}

/// A group (or claim) named by its whole SID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SidAndAttributes {
    /// The SID.
    pub sid: Sid,
    /// As in [`GroupMembership::attributes`].
    pub attributes: u32,
}

/// Mandatory, enabled by default, enabled: the attributes of an ordinary group. MS-PAC 2.2.1.
pub const GROUP_ATTRIBUTES: u32 = 7;

/// Bits of [`LogonInfo::user_flags`]. MS-PAC 2.5.
pub mod user_flags {
    /// `ExtraSids` is filled.
    pub const EXTRA_SIDS: u32 = 0x20;
    /// `ResourceGroupIds` is filled.
    pub const RESOURCE_GROUPS: u32 = 0x200;
}

/// KERB_VALIDATION_INFO. Fields keep the specification's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogonInfo {
    /// When the user logged on (`lastLogon`).
    pub logon_time: FileTime,
    /// When the session ends; [`FileTime::NEVER`].
    pub logoff_time: FileTime,
    /// When the server must end it; [`FileTime::NEVER`].
    pub kick_off_time: FileTime,
    /// `pwdLastSet`.
    pub password_last_set: FileTime,
    /// From when the password may be changed.
    pub password_can_change: FileTime,
    /// When the password expires.
    pub password_must_change: FileTime,
    /// `sAMAccountName`.
    pub effective_name: String,
    /// `displayName`.
    pub full_name: String,
    /// `scriptPath`.
    pub logon_script: String,
    /// `profilePath`.
    pub profile_path: String,
    /// `homeDirectory`.
    pub home_directory: String,
    /// `homeDrive`.
    pub home_directory_drive: String,
    /// `logonCount`.
    pub logon_count: u16,
    /// `badPwdCount`.
    pub bad_password_count: u16,
    /// The user's relative identifier.
    pub user_id: u32,
    /// The primary group's.
    pub primary_group_id: u32,
    /// The groups in the user's domain, the primary one included.
    pub group_ids: Vec<GroupMembership>,
    /// See [`user_flags`]; the encoder sets the two bits for what is there.
    pub user_flags: u32,
    /// The NetBIOS name of the domain controller.
    pub logon_server: String,
    /// The NetBIOS name of the domain.
    pub logon_domain_name: String,
    /// The domain's SID.
    pub logon_domain_id: Option<Sid>,
    /// The account's control bits, in the SAM's numbering (MS-SAMR 2.2.1.12).
    pub user_account_control: u32,
    /// Groups of other domains, and what the KDC asserts about the logon.
    pub extra_sids: Vec<SidAndAttributes>,
    /// The domain of `resource_group_ids`.
    pub resource_group_domain_sid: Option<Sid>,
    /// Domain-local groups of the service's domain.
    pub resource_group_ids: Vec<GroupMembership>,
}

impl Default for LogonInfo {
    fn default() -> Self {
        Self {
            logon_time: FileTime::ZERO,
            logoff_time: FileTime::NEVER,
            kick_off_time: FileTime::NEVER,
            password_last_set: FileTime::ZERO,
            password_can_change: FileTime::ZERO,
            password_must_change: FileTime::NEVER,
            effective_name: String::new(),
            full_name: String::new(),
            logon_script: String::new(),
            profile_path: String::new(),
            home_directory: String::new(),
            home_directory_drive: String::new(),
            logon_count: 0,
            bad_password_count: 0,
            user_id: 0,
            primary_group_id: 0,
            group_ids: Vec::new(),
            user_flags: 0,
            logon_server: String::new(),
            logon_domain_name: String::new(),
            logon_domain_id: None,
            user_account_control: 0,
            extra_sids: Vec::new(),
            resource_group_domain_sid: None,
            resource_group_ids: Vec::new(),
        }
    }
}

impl LogonInfo {
    /// The user's SID.
    #[must_use]
    pub fn user_sid(&self) -> Option<Sid> {
        self.logon_domain_id?.with_rid(self.user_id).ok()
    }

    /// Every group's SID: of the domain, extra ones, and the resource domain's.
    pub fn group_sids(&self) -> impl Iterator<Item = Sid> + '_ {
        let in_domain = |domain: Option<Sid>| move |group: &GroupMembership| domain?.with_rid(group.rid).ok();
        self.group_ids
            .iter()
            .filter_map(in_domain(self.logon_domain_id))
            .chain(self.extra_sids.iter().map(|extra| extra.sid))
            .chain(self.resource_group_ids.iter().filter_map(in_domain(self.resource_group_domain_sid)))
    }

    /// The buffer's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = NdrWriter::new();
        w.pointer(true);
        self.write_fixed(&mut w);
        self.write_referents(&mut w);
        w.serialized()
    }

    fn write_fixed(&self, w: &mut NdrWriter) {
        for time in [
            self.logon_time,
            self.logoff_time,
            self.kick_off_time,
            self.password_last_set,
            self.password_can_change,
            self.password_must_change,
        ] {
            w.time(time.0);
        }
        for name in self.names() {
            write_string_header(w, name, 0);
        }
        w.u16(self.logon_count);
        w.u16(self.bad_password_count);
        w.u32(self.user_id);
        w.u32(self.primary_group_id);
        write_count(w, self.group_ids.len());
        w.u32(self.flags());
        w.bytes(&[0; 16]); // UserSessionKey: only NTLM has one.
        // Windows leaves room for a terminator in these two, and only in these.
        write_string_header(w, &self.logon_server, 2);
        write_string_header(w, &self.logon_domain_name, 2);
        w.pointer(self.logon_domain_id.is_some());
        w.bytes(&[0; 8]); // Reserved1
        w.u32(self.user_account_control);
        w.bytes(&[0; 4 + 8 + 8 + 4 + 4]); // SubAuthStatus, two times, FailedILogonCount, Reserved3: all must be zero.
        write_count(w, self.extra_sids.len());
        w.pointer(self.resource_group_domain_sid.is_some());
        write_count(w, self.resource_group_ids.len());
    }

    fn write_referents(&self, w: &mut NdrWriter) {
        for name in self.names() {
            write_string(w, name, 0);
        }
        write_groups(w, &self.group_ids);
        write_string(w, &self.logon_server, 1);
        write_string(w, &self.logon_domain_name, 1);
        if let Some(sid) = &self.logon_domain_id {
            write_sid(w, sid);
        }
        if !self.extra_sids.is_empty() {
            w.u32(bounded(self.extra_sids.len()));
            for extra in &self.extra_sids {
                w.pointer(true);
                w.u32(extra.attributes);
            }
            for extra in &self.extra_sids {
                write_sid(w, &extra.sid);
            }
        }
        if let Some(sid) = &self.resource_group_domain_sid {
            write_sid(w, sid);
        }
        write_groups(w, &self.resource_group_ids);
    }

    fn names(&self) -> [&str; 6] {
        [
            &self.effective_name,
            &self.full_name,
            &self.logon_script,
            &self.profile_path,
            &self.home_directory,
            &self.home_directory_drive,
        ]
    }

    fn flags(&self) -> u32 {
        let mut flags = self.user_flags & !(user_flags::EXTRA_SIDS | user_flags::RESOURCE_GROUPS);
        if !self.extra_sids.is_empty() {
            flags |= user_flags::EXTRA_SIDS;
        }
        if !self.resource_group_ids.is_empty() {
            flags |= user_flags::RESOURCE_GROUPS;
        }
        flags
    }

    /// Reads the buffer.
    ///
    /// # Errors
    /// When it is cut short or its counts do not agree.
    pub fn decode(bytes: &[u8]) -> Result<Self, PacError> {
        let mut r = NdrReader::serialized(bytes)?;
        if !r.pointer()? {
            return Err(PacError::Malformed("the logon information is absent"));
        }
        let fixed = Fixed::read(&mut r)?;
        fixed.read_referents(&mut r)
    }
}

/// The fixed part while its pointers wait for what they point to.
struct Fixed {
    info: LogonInfo,
    names: [bool; 6],
    groups: Option<u32>,
    logon_server: bool,
    logon_domain_name: bool,
    logon_domain_id: bool,
    extra_sids: Option<u32>,
    resource_domain: bool,
    resource_groups: Option<u32>,
}

impl Fixed {
    fn read(r: &mut NdrReader<'_>) -> Result<Self, PacError> {
        let mut info = LogonInfo::default();
        for time in [
            &mut info.logon_time,
            &mut info.logoff_time,
            &mut info.kick_off_time,
            &mut info.password_last_set,
            &mut info.password_can_change,
            &mut info.password_must_change,
        ] {
            *time = FileTime(r.time()?);
        }
        let mut names = [false; 6];
        for name in &mut names {
            *name = read_string_header(r)?;
        }
        info.logon_count = r.u16()?;
        info.bad_password_count = r.u16()?;
        info.user_id = r.u32()?;
        info.primary_group_id = r.u32()?;
        let groups = read_count(r)?;
        info.user_flags = r.u32()?;
        r.bytes(16)?;
        let logon_server = read_string_header(r)?;
        let logon_domain_name = read_string_header(r)?;
        let logon_domain_id = r.pointer()?;
        r.bytes(8)?;
        info.user_account_control = r.u32()?;
        r.bytes(4 + 8 + 8 + 4 + 4)?;
        let extra_sids = read_count(r)?;
        let resource_domain = r.pointer()?;
        let resource_groups = read_count(r)?;
        Ok(Self {
            info,
            names,
            groups,
            logon_server,
            logon_domain_name,
            logon_domain_id,
            extra_sids,
            resource_domain,
            resource_groups,
        })
    }

    fn read_referents(self, r: &mut NdrReader<'_>) -> Result<LogonInfo, PacError> {
        let mut info = self.info;
        for (name, present) in [
            &mut info.effective_name,
            &mut info.full_name,
            &mut info.logon_script,
            &mut info.profile_path,
            &mut info.home_directory,
            &mut info.home_directory_drive,
        ]
        .into_iter()
        .zip(self.names)
        {
            *name = read_string(r, present)?;
        }
        info.group_ids = read_groups(r, self.groups)?;
        info.logon_server = read_string(r, self.logon_server)?;
        info.logon_domain_name = read_string(r, self.logon_domain_name)?;
        info.logon_domain_id = read_sid(r, self.logon_domain_id)?;
        info.extra_sids = read_extra_sids(r, self.extra_sids)?;
        info.resource_group_domain_sid = read_sid(r, self.resource_domain)?;
        info.resource_group_ids = read_groups(r, self.resource_groups)?;
        Ok(info)
    }
}

fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn write_count(w: &mut NdrWriter, count: usize) {
    w.u32(bounded(count));
    w.pointer(count != 0);
}

/// A count and the pointer to that many elements; nothing when the pointer is null.
fn read_count(r: &mut NdrReader<'_>) -> Result<Option<u32>, PacError> {
    let count = r.u32()?;
    Ok(r.pointer()?.then_some(count))
}

/// The text's UTF-16 units, as many as a counted string can say.
fn units(text: &str) -> impl Iterator<Item = u16> + '_ {
    text.encode_utf16().take(usize::from(u16::MAX) / 2 - 1)
}

fn write_string_header(w: &mut NdrWriter, text: &str, room: u16) {
    let length = u16::try_from(units(text).count() * 2).unwrap_or(0);
    w.u16(length);
    w.u16(length.saturating_add(room));
    w.pointer(true);
}

fn write_string(w: &mut NdrWriter, text: &str, room: u32) {
    let count = bounded(units(text).count());
    w.u32(count.saturating_add(room));
    w.u32(0);
    w.u32(count);
    for unit in units(text) {
        w.u16(unit);
    }
}

fn read_string_header(r: &mut NdrReader<'_>) -> Result<bool, PacError> {
    r.align(4);
    r.u16()?;
    r.u16()?;
    r.pointer()
}

fn read_string(r: &mut NdrReader<'_>, present: bool) -> Result<String, PacError> {
    if !present {
        return Ok(String::new());
    }
    let max = r.u32()?;
    let offset = r.u32()?;
    let count = r.count(2)?;
    if offset != 0 || bounded(count) > max {
        return Err(PacError::Malformed("a string's counts do not agree"));
    }
    let bytes = r.bytes(count * 2)?;
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    Ok(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

fn write_sid(w: &mut NdrWriter, sid: &Sid) {
    w.u32(bounded(sid.sub_authorities().len()));
    w.bytes(&sid.to_bytes());
}

fn read_sid(r: &mut NdrReader<'_>, present: bool) -> Result<Option<Sid>, PacError> {
    if !present {
        return Ok(None);
    }
    let count = r.count(4)?;
    let bytes = r.bytes(8 + count * 4)?;
    Sid::from_bytes(bytes).map(Some).map_err(|_| PacError::Malformed("a SID is malformed"))
}

fn write_groups(w: &mut NdrWriter, groups: &[GroupMembership]) {
    if groups.is_empty() {
        return;
    }
    w.u32(bounded(groups.len()));
    for group in groups {
        w.u32(group.rid);
        w.u32(group.attributes);
    }
}

fn read_groups(r: &mut NdrReader<'_>, said: Option<u32>) -> Result<Vec<GroupMembership>, PacError> {
    let Some(said) = said else { return Ok(Vec::new()) };
    let count = r.count(8)?;
    if bounded(count) != said {
        return Err(PacError::Malformed("a list of groups has another length than said"));
    }
    (0..count).map(|_| Ok(GroupMembership { rid: r.u32()?, attributes: r.u32()? })).collect()
}

fn read_extra_sids(r: &mut NdrReader<'_>, said: Option<u32>) -> Result<Vec<SidAndAttributes>, PacError> {
    let Some(said) = said else { return Ok(Vec::new()) };
    let count = r.count(8)?;
    if bounded(count) != said {
        return Err(PacError::Malformed("the list of extra SIDs has another length than said"));
    }
    let heads = (0..count).map(|_| Ok((r.pointer()?, r.u32()?))).collect::<Result<Vec<_>, PacError>>()?;
    let mut sids = Vec::with_capacity(heads.len());
    for (present, attributes) in heads {
        if let Some(sid) = read_sid(r, present)? {
            sids.push(SidAndAttributes { sid, attributes });
        }
    }
    Ok(sids)
}
