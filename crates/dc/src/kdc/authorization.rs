//! What tickets say about a client: its PAC. MS-PAC; MS-KILE 3.3.5.6.3 (AS), 3.3.5.7.3 (TGS).

use dtyp::FileTime;
use kerberos::crypto::Key;
use kerberos::messages::EncTicketPart;
use kerberos::pac::{Attributes, ClientInfo, LogonInfo, Pac, PacBuilder, SidAndAttributes, kind};
use kerberos::{KerberosTime, PrincipalName};

use super::{Account, Refusal};

/// Whether a client wants a PAC: yes, no, or it did not say. MS-KILE 2.2.3.
pub(super) type Wanted = Option<bool>;

/// The PAC of a client's first ticket-granting ticket. It is there even if not wanted, and says so: tickets for services then have none.
pub(super) fn first(client: &Account, name: &PrincipalName, at: KerberosTime, wanted: Wanted) -> PacBuilder {
    let attributes = match wanted {
        Some(true) => Attributes::REQUESTED,
        Some(false) => 0,
        None => Attributes::GIVEN_IMPLICITLY,
    };
    plain(client, name, at).attributes(Attributes { flags: attributes }).requestor(&client.sid)
}

/// The PAC of a ticket for a service that a client gets without a ticket-granting ticket.
pub(super) fn direct(
    client: &Account,
    name: &PrincipalName,
    at: KerberosTime,
    service: &Account,
) -> Result<PacBuilder, Refusal> {
    with_resource_groups(plain(client, name, at), &client.authorization.logon_info, client, service)
}

fn plain(client: &Account, name: &PrincipalName, at: KerberosTime) -> PacBuilder {
    PacBuilder::new()
        .with(kind::LOGON_INFO, client.authorization.logon_info.clone())
        .client_info(&ClientInfo { client_id: FileTime::from(at), name: name.to_string() })
        .with(kind::UPN_DNS_INFO, client.authorization.upn_dns_info.clone())
}

/// The PAC of a ticket-granting ticket, found to be what this KDC put into it.
pub(super) struct Verified<'a> {
    pac: Pac<'a>,
    given: bool,
}

/// Verifies the PAC of a ticket-granting ticket that `key` opened, and that it speaks of `client`, who has the ticket's name today.
/// MS-KILE 3.3.5.7: since names can be given to another account, the SID decides.
pub(super) fn verified<'a>(ticket: &'a EncTicketPart, key: &Key, client: &Account) -> Result<Verified<'a>, Refusal> {
    let bytes = ticket.pac().ok_or(Refusal::TicketRevoked)?;
    let modified = |_| Refusal::Modified("PAC");
    let pac = Pac::decode(bytes).map_err(modified)?;
    pac.verify_server(key).map_err(modified)?;
    pac.verify_kdc(key).map_err(modified)?;
    let info = pac.client_info().map_err(modified)?.ok_or(Refusal::TicketRevoked)?;
    if info.name != ticket.client.to_string() || info.client_id != FileTime::from(ticket.auth_time) {
        return Err(Refusal::Modified("PAC"));
    }
    if pac.requestor().map_err(modified)? != Some(client.sid) {
        return Err(Refusal::TicketRevoked);
    }
    let flags = pac.attributes().map_err(modified)?.map_or(Attributes::GIVEN_IMPLICITLY, |attributes| attributes.flags);
    Ok(Verified { pac, given: flags != 0 })
}

impl Verified<'_> {
    /// For another ticket-granting ticket.
    pub(super) fn same(&self) -> PacBuilder {
        PacBuilder::from_pac(&self.pac)
    }

    /// For a ticket for a service, when the client wants one.
    pub(super) fn for_service(&self, client: &Account, service: &Account) -> Result<Option<PacBuilder>, Refusal> {
        if !self.given {
            return Ok(None);
        }
        let kept = self.same().without(kind::ATTRIBUTES).without(kind::REQUESTOR);
        let info = self.pac.buffer(kind::LOGON_INFO).ok_or(Refusal::Modified("PAC"))?;
        with_resource_groups(kept, info, client, service).map(Some)
    }
}

/// Adds the domain local groups, which count in this domain only.
fn with_resource_groups(
    builder: PacBuilder,
    logon_info: &[u8],
    client: &Account,
    service: &Account,
) -> Result<PacBuilder, Refusal> {
    let groups = &client.authorization.resource_groups;
    if groups.is_empty() {
        return Ok(builder);
    }
    let mut info = LogonInfo::decode(logon_info).map_err(|_| Refusal::Modified("PAC"))?;
    let domain = client.sid.domain();
    if service.no_sid_compression {
        let whole = |group: &kerberos::pac::GroupMembership| {
            Some(SidAndAttributes { sid: domain?.with_rid(group.rid).ok()?, attributes: group.attributes })
        };
        info.extra_sids.extend(groups.iter().filter_map(whole));
    } else {
        info.resource_group_domain_sid = domain;
        info.resource_group_ids.clone_from(groups);
    }
    Ok(builder.logon_info(&info))
}
