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

fn attribute_text<'o>(object: &Object<'o>, name: &str) -> Option<&'o str> {
    object.view().schema().attribute(name).and_then(|attribute| object.text(attribute.id))
}

/// The account's name without its `$`.
fn host<'o>(object: &Object<'o>) -> Option<&'o str> {
    attribute_text(object, "sAMAccountName").and_then(|name| name.strip_suffix('$')).filter(|name| !name.is_empty())
}

/// `<account>.<domain>`. MS-ADTS 3.1.1.5.3.1.1.2.
fn is_own_host(object: &Object<'_>, value: &str) -> bool {
    let domain = object.view().domain().ok().and_then(|dnt| object.view().object(dnt).ok().flatten());
    let domain = domain.and_then(|head| head.dn().ok()).and_then(|dn| dn.parse::<Dn>().ok());
    let (Some(host), Some(domain)) = (host(object), domain) else { return false };
    let labels: Vec<_> = domain.rdns().map(|rdn| String::from_utf8_lossy(rdn.value()).into_owned()).collect();
    value.eq_ignore_ascii_case(&format!("{host}.{}", labels.join(".")))
}

/// `service/host` or `service/host:port`, where the host is the account's or its `dNSHostName`. MS-ADTS 3.1.1.5.3.1.1.4.
fn is_own_service(object: &Object<'_>, value: &str) -> bool {
    let Some((service, instance)) = value.split_once('/') else { return false };
    let instance = instance.split(['/', ':']).next().unwrap_or_default();
    let names = [host(object), attribute_text(object, "dNSHostName")];
    !service.is_empty() && names.into_iter().flatten().any(|name| name.eq_ignore_ascii_case(instance))
}
