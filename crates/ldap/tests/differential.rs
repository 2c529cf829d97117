//! Our codec against `rasn-ldap`, which shares nothing with it: what one writes the other reads, and both agree on what was said.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "only tests here; failing is their job")]

use ldap::client::{self, Request};
use ldap::message::{self, Change, ModifyDn, Scope};
use ldap::response::{self, Entry, Kind, Outcome};
use ldap::{Control, Filter, FilterBuf, ResultCode};
use proptest::prelude::*;
use rasn_ldap as peer;

fn theirs(bytes: &[u8]) -> peer::LdapMessage {
    rasn::ber::decode(bytes).expect("rasn reads what we write")
}

/// Our filter in their words.
fn translate(filter: &Filter<'_>) -> peer::Filter {
    let text = |text: &str| peer::LdapString(text.to_owned());
    let value = |bytes: &[u8]| bytes.to_vec().into();
    let assertion = |name: &str, bytes: &[u8]| peer::AttributeValueAssertion::new(text(name), value(bytes));
    match filter {
        Filter::And(parts) => peer::Filter::And(parts.iter().map(translate).collect::<Vec<_>>().into()),
        Filter::Or(parts) => peer::Filter::Or(parts.iter().map(translate).collect::<Vec<_>>().into()),
        Filter::Not(part) => peer::Filter::Not(Box::new(translate(part))),
        Filter::Equality(name, bytes) => peer::Filter::EqualityMatch(assertion(name, bytes)),
        Filter::GreaterOrEqual(name, bytes) => peer::Filter::GreaterOrEqual(assertion(name, bytes)),
        Filter::LessOrEqual(name, bytes) => peer::Filter::LessOrEqual(assertion(name, bytes)),
        Filter::Approximate(name, bytes) => peer::Filter::ApproxMatch(assertion(name, bytes)),
        Filter::Present(name) => peer::Filter::Present(text(name)),
        Filter::Substrings(name, parts) => {
            let initial = parts.initial.iter().map(|bytes| peer::SubstringChoice::Initial(value(bytes)));
            let any = parts.any.iter().map(|bytes| peer::SubstringChoice::Any(value(bytes)));
            let last = parts.last.iter().map(|bytes| peer::SubstringChoice::Final(value(bytes)));
            peer::Filter::Substrings(peer::SubstringFilter::new(text(name), initial.chain(any).chain(last).collect()))
        }
        Filter::Extensible(rule) => peer::Filter::ExtensibleMatch(peer::MatchingRuleAssertion::new(
            rule.rule.map(text),
            rule.attribute.map(text),
            value(rule.value),
            rule.dn_attributes,
        )),
    }
}

/// All that is in a message, in no order: rasn sorts what stands in a SET OF.
fn parts(message: &impl std::fmt::Debug) -> Vec<u8> {
    let mut parts = format!("{message:?}").into_bytes();
    parts.sort_unstable();
    parts
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..20)
}

/// Any filter, in text: a strategy cannot borrow.
fn filter() -> impl Strategy<Value = String> {
    let escaped = || value().prop_map(|bytes| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>());
    let item = ("[a-zA-Z]{1,10}", escaped(), escaped(), 0..7_u8).prop_map(|(name, a, b, kind)| match kind {
        0 => format!("({name}={a})"),
        1 => format!("({name}>={a})"),
        2 => format!("({name}<={a})"),
        3 => format!("({name}~={a})"),
        4 => format!("({name}=*)"),
        5 if !a.is_empty() || !b.is_empty() => format!("({name}={a}*{b})"),
        5 => format!("({name}=x*y*z)"),
        _ => format!("({name}:dn:1.2.840.113556.1.4.803:={a})"),
    });
    item.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("(&{})", parts.concat())),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("(|{})", parts.concat())),
            inner.prop_map(|part| format!("(!{part})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn searches_agree_both_ways(
        id in 1..i32::MAX, base in "[ -~]{0,30}", filter in filter(), names in proptest::collection::vec("[a-z]{1,9}", 0..5),
        size in 0..i32::MAX as u32, time in 0..i32::MAX as u32,
    ) {
        let filter: FilterBuf = filter.parse().unwrap();
        let filter = filter.as_filter();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let search = client::Search {
            base: &base, scope: Scope::One, size_limit: size, time_limit: time, filter: &filter, attributes: &names,
        };
        let controls = [Control { oid: "1.2.840.113556.1.4.319", critical: true, value: Some(b"\x30\x00") }];
        let bytes = client::encode(id, &Request::Search(search), &controls);

        let read = theirs(&bytes);
        prop_assert_eq!(read.message_id, id as u32);
        let peer::ProtocolOp::SearchRequest(found) = &read.protocol_op else { panic!() };
        prop_assert_eq!(&found.filter, &translate(&filter));
        prop_assert_eq!((&found.base_object.0[..], found.size_limit, found.time_limit), (base.as_str(), size, time));
        prop_assert_eq!(found.attributes.len(), names.len());

        let again = rasn::ber::encode(&read).unwrap();
        let message = message::Message::decode(&again).unwrap();
        let message::Request::Search(ours) = message.request else { panic!() };
        prop_assert_eq!(parts(&ours.filter), parts(&filter));
        prop_assert_eq!((ours.base, ours.attributes), (base.as_str(), names));
        prop_assert_eq!(message.controls.as_slice(), &controls[..]);
    }

    #[test]
    fn writes_agree_both_ways(dn in "[ -~]{0,30}", name in "[a-z]{1,9}", values in proptest::collection::vec(value(), 0..4), flag in any::<bool>()) {
        let changes = [(Change::Replace, name.as_str(), values.as_slice()), (Change::Delete, "cn", &[])];
        let attributes = [(name.as_str(), values.as_slice())];
        let superior = flag.then_some("DC=b");
        let rename = ModifyDn { object: &dn, new_rdn: "CN=x", delete_old_rdn: flag, new_superior: superior };
        let first = values.first().map(Vec::as_slice).unwrap_or_default();
        let requests = [
            Request::Modify(&dn, &changes),
            Request::Add(&dn, &attributes),
            Request::Delete(&dn),
            Request::ModifyDn(rename),
            Request::Compare(&dn, &name, first),
            Request::Extended("1.3.6.1.4.1.4203.1.11.3", Some(first)),
            Request::BindSimple { name: &dn, password: first },
            Request::BindSasl { mechanism: "GSSAPI", credentials: flag.then_some(first) },
            Request::Abandon(7),
            Request::Unbind,
        ];
        for request in &requests {
            // rasn insists on values in an add (RFC 4511 4.7), which we leave to the directory.
            if matches!(request, Request::Add(..)) && values.is_empty() {
                continue;
            }
            let bytes = client::encode(9, request, &[]);
            let ours = message::Message::decode(&bytes).unwrap();
            let again = rasn::ber::encode(&theirs(&bytes)).unwrap();
            prop_assert_eq!(parts(&ours), parts(&message::Message::decode(&again).unwrap()));
        }
    }

    #[test]
    fn answers_agree(id in 0..i32::MAX, dn in "[ -~]{0,40}", attributes in proptest::collection::vec(("[a-z]{1,9}", proptest::collection::vec(value(), 1..4)), 0..5), text in "[ -~]{0,40}", code in 0..81_u32) {
        let mut entry = Entry::begin(Vec::new(), id, &dn);
        for (name, values) in &attributes {
            entry.attribute(name);
            values.iter().for_each(|value| entry.value(value));
        }
        let bytes = entry.end();
        let read = theirs(&bytes);
        let peer::ProtocolOp::SearchResEntry(found) = &read.protocol_op else { panic!() };
        prop_assert_eq!((read.message_id, &found.object_name.0[..]), (id as u32, dn.as_str()));
        prop_assert_eq!(found.attributes.len(), attributes.len());
        for (found, (name, values)) in found.attributes.iter().zip(&attributes) {
            let mut all: Vec<Vec<u8>> = found.vals.to_vec().into_iter().map(|value| value.to_vec()).collect();
            let mut values = values.clone();
            all.sort();
            values.sort();
            values.dedup();
            all.dedup();
            prop_assert_eq!((&found.r#type.0[..], all), (name.as_str(), values));
        }

        let Some(_) = ResultCode(code).name() else { return Ok(()) };
        let mut out = Vec::new();
        response::result(&mut out, id, Kind::Modify, &Outcome { code: ResultCode(code), matched: &dn, diagnostic: &text }, &[]);
        let peer::ProtocolOp::ModifyResponse(result) = theirs(&out).protocol_op else { panic!() };
        prop_assert_eq!((result.0.result_code as u32, &result.0.diagnostic_message.0[..]), (code, text.as_str()));
        let mut out = Vec::new();
        response::bind(&mut out, id, &Outcome::SUCCESS, Some(dn.as_bytes()));
        let peer::ProtocolOp::BindResponse(result) = theirs(&out).protocol_op else { panic!() };
        prop_assert_eq!(result.server_sasl_creds.as_deref(), Some(dn.as_bytes()));
    }

    #[test]
    fn whatever_they_read_we_read_or_refuse_for_a_stated_bound(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let filter: FilterBuf = "(&(objectClass=user)(|(cn=a*b*c)(!(sn=x))))".parse().unwrap();
        let filter = filter.as_filter();
        let search = client::Search { base: "DC=a", scope: Scope::Subtree, size_limit: 0, time_limit: 0, filter: &filter, attributes: &["cn"] };
        let mut bytes = client::encode(5, &Request::Search(search), &[]);
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let (Ok(ours), Ok(read)) = (message::Message::decode(&bytes), rasn::ber::decode::<peer::LdapMessage>(&bytes)) {
            prop_assert_eq!(i64::from(ours.id), i64::from(read.message_id));
        }
    }
}
