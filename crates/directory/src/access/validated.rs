//! Validated writes: what an object may write about itself, as long as it is true. MS-ADTS 3.1.1.5.3.1.1.

use dtyp::Guid;
use ldap::Dn;
use schema::Attribute;

use crate::{Caller, Object};

/// The right that allows it, for attributes that have one. MS-ADTS 5.1.3.2.2.
pub(super) fn right(attribute: &str) -> Option<Guid> {
    let guid = match attribute {
        "member" => "bf9679c0-0de6-11d0-a285-00aa003049e2",
        "servicePrincipalName" => "f3a64788-5306-11d1-a9c5-0000f80367c1",
        "dNSHostName" => "72e39547-7b18-11d1-adef-00c04fd8d5cd",
        _ => return None,
    };
    guid.parse().ok()
}

/// Whether every value is one that the caller may write.
pub(super) fn is_valid(caller: &Caller, object: &Object<'_>, attribute: &Attribute, values: &[Vec<u8>]) -> bool {
    let text = |value: &Vec<u8>| String::from_utf8(value.clone()).ok();
    let all = |valid: &dyn Fn(&str) -> bool| values.iter().all(|value| text(value).is_some_and(|text| valid(&text)));
    match attribute.name.as_str() {
        "member" => !values.is_empty() && all(&|value| is_caller(caller, object, value)),
        "dNSHostName" => all(&|value| is_own_host(object, value)),
        "servicePrincipalName" => all(&|value| is_own_service(object, value)),
        _ => false,
    }
}

/// Self-Membership: nobody adds or removes anybody else.
fn is_caller(caller: &Caller, object: &Object<'_>, name: &str) -> bool {
    let own = object.view().by_sid(caller.token.user()).ok().flatten();
    let named = name.parse::<Dn>().ok().and_then(|dn| object.view().resolve(&dn).ok().flatten());
    own.is_some() && own == named
}

fn texts<'o>(object: &Object<'o>, name: &str) -> impl Iterator<Item = &'o str> + use<'o> {
    let values = object.view().schema().attribute(name).map(|attribute| object.values(attribute.id));
    values.into_iter().flatten().filter_map(|value| std::str::from_utf8(value).ok())
}

/// The account's name without its `$`.
fn host<'o>(object: &Object<'o>) -> Option<&'o str> {
    texts(object, "sAMAccountName").next().and_then(|name| name.strip_suffix('$')).filter(|name| !name.is_empty())
}

/// `<account>.<domain>`, or the account in another DNS suffix that the domain allows. MS-ADTS 3.1.1.5.3.1.1.2.
fn is_own_host(object: &Object<'_>, value: &str) -> bool {
    let Some(head) = object.view().domain().ok().and_then(|dnt| object.view().object(dnt).ok().flatten()) else {
        return false;
    };
    let Some((name, suffix)) = value.split_once('.') else { return false };
    let domain = head.dn().ok().and_then(|dn| dn.parse::<Dn>().ok()).map(|domain| {
        let labels: Vec<_> = domain.rdns().map(|rdn| String::from_utf8_lossy(rdn.value()).into_owned()).collect();
        labels.join(".")
    });
    let is_allowed = domain.is_some_and(|domain| domain.eq_ignore_ascii_case(suffix))
        || texts(&head, "msDS-AllowedDNSSuffixes").any(|allowed| allowed.eq_ignore_ascii_case(suffix));
    is_allowed && host(object).is_some_and(|host| host.eq_ignore_ascii_case(name))
}

/// `service/host` or `service/host:port`, where the host is one of the account's names; only domain controllers add a third part, the
/// name of what they serve. MS-ADTS 3.1.1.5.3.1.1.4, 2.2.21.
fn is_own_service(object: &Object<'_>, value: &str) -> bool {
    let mut parts = value.split('/');
    let (Some(service), Some(instance), third, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let (name, port) = instance.split_once(':').map_or((instance, None), |(name, port)| (name, Some(port)));
    let is_port = |port: &str| port.len() <= 5 && port.parse::<u16>().is_ok();
    let is_plausible = !service.is_empty()
        && port.is_none_or(is_port)
        && third.is_none_or(|served| !served.is_empty() && is_domain_controller(object));
    is_plausible && is_a_name_of(object, name)
}

fn is_a_name_of(object: &Object<'_>, name: &str) -> bool {
    let other_hosts = texts(object, "msDS-AdditionalSamAccountName").filter_map(|name| name.strip_suffix('$'));
    let names = host(object).into_iter().chain(other_hosts);
    let dns_names = texts(object, "dNSHostName").chain(texts(object, "msDS-AdditionalDnsHostName"));
    !name.is_empty() && names.chain(dns_names).any(|own| own.eq_ignore_ascii_case(name))
}

/// `ADS_UF_SERVER_TRUST_ACCOUNT`. MS-ADTS 2.2.16.
const SERVER_TRUST_ACCOUNT: i64 = 0x2000;

fn is_domain_controller(object: &Object<'_>) -> bool {
    let control = object.view().schema().attribute("userAccountControl").and_then(|flags| object.integer(flags.id));
    control.is_some_and(|flags| flags & SERVER_TRUST_ACCOUNT != 0)
}
