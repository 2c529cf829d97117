//! What an answer says, as far as it is believed. RFC 1035 4.1, RFC 2782; RFC 5452 9.1 (what it must match).
//!
//! Only names that a host can have, ports and addresses come out of here: names are shown to people, and become service principal names.

use std::net::IpAddr;

use simple_dns::rdata::RData;
use simple_dns::{Packet, PacketFlag, Question, RCODE, SimpleDnsError};

/// More records than a domain has controllers worth trying.
const MOST_RECORDS: usize = 64;

/// One server for a service. RFC 2782.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub host: String,
}

/// Whether these bytes answer this question.
pub(super) fn is_for(answer: &[u8], id: u16, question: &Question<'_>) -> bool {
    let Ok(packet) = Packet::parse(answer) else { return false };
    let same = |asked: &Question<'_>| {
        asked.qtype == question.qtype && asked.qname.to_string().eq_ignore_ascii_case(&question.qname.to_string())
    };
    packet.id() == id && packet.has_flags(PacketFlag::RESPONSE) && packet.questions.first().is_some_and(same)
}

/// Whether the rest did not fit.
pub(super) fn is_cut(answer: &[u8]) -> bool {
    Packet::parse(answer).is_ok_and(|packet| packet.has_flags(PacketFlag::TRUNCATION))
}

/// How it went.
pub(super) fn code(answer: &[u8]) -> Result<RCODE, SimpleDnsError> {
    Ok(Packet::parse(answer)?.rcode())
}

/// The servers it names, in no order.
pub(super) fn servers(answer: &[u8]) -> Result<Vec<Server>, SimpleDnsError> {
    let packet = Packet::parse(answer)?;
    let servers = packet.answers.iter().take(MOST_RECORDS).filter_map(|record| match &record.rdata {
        RData::SRV(srv) => {
            Some(Server { priority: srv.priority, weight: srv.weight, port: srv.port, host: srv.target.to_string() })
        }
        _ => None,
    });
    // A target of "." says that there is none.
    Ok(servers.filter(|server| is_host(&server.host) && server.port != 0).collect())
}

/// The addresses it names.
pub(super) fn addresses(answer: &[u8]) -> Result<Vec<IpAddr>, SimpleDnsError> {
    let packet = Packet::parse(answer)?;
    let addresses = packet.answers.iter().take(MOST_RECORDS).filter_map(|record| match &record.rdata {
        RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
        RData::AAAA(a) => Some(IpAddr::from(a.address.to_be_bytes())),
        _ => None,
    });
    Ok(addresses.collect())
}

/// RFC 1123 2.1, with the underscore that Active Directory tolerates.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::rdata::SRV;
    use simple_dns::{CLASS, Name, ResourceRecord};

    use super::*;

    fn answer(targets: &[&'static [u8]]) -> Vec<u8> {
        let mut packet = Packet::new_reply(7);
        for target in targets {
            let labels: Vec<_> = target.split(|b| *b == b'.').filter(|label| !label.is_empty()).collect();
            let target =
                Name::new_with_labels(&labels.into_iter().map(simple_dns::Label::new_unchecked).collect::<Vec<_>>());
            let srv = RData::SRV(SRV { priority: 0, weight: 100, port: 389, target });
            let name = Name::new_unchecked("_ldap._tcp.dc._msdcs.contoso.com");
            packet.answers.push(ResourceRecord::new(name, CLASS::IN, 60, srv));
        }
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn only_names_that_a_host_can_have_are_taken() {
        let found =
            servers(&answer(&[b"dc1.contoso.com", b".", b"dc\x1b[31m.contoso.com", b"dc 1", b"-dc", b"a/b", b"\xff"]));
        let hosts: Vec<_> = found.unwrap().into_iter().map(|server| server.host).collect();
        assert_eq!(hosts, ["dc1.contoso.com"]);
    }

    #[test]
    fn a_crowd_of_servers_is_cut_short() {
        assert_eq!(servers(&answer(&[b"dc1.contoso.com".as_slice(); 100])).unwrap().len(), MOST_RECORDS);
    }

    #[test]
    fn names_that_point_at_themselves_end() {
        let mut packet = answer(&[]);
        packet[7] = 1;
        packet.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert!(servers(&packet).is_err());
    }

    proptest! {
        #[test]
        fn a_damaged_answer_is_read_or_refused(place in 0usize..600, byte: u8, cut in 0usize..600) {
            let mut answer = answer(&[b"dc1.contoso.com", b"dc2.contoso.com"]);
            let last = answer.len();
            answer[place % last] = byte;
            answer.truncate(cut.max(1));
            let _ = (code(&answer), is_cut(&answer), addresses(&answer));
            prop_assert!(servers(&answer).unwrap_or_default().iter().all(|server| is_host(&server.host)));
        }
    }
}
