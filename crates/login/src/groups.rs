//! Which groups a user is in, also through other groups. MS-ADTS 3.1.1.3.4.4.3 (the in-chain rule), 3.1.1.4.5.19 (tokenGroups).

use client::ldap::{Entry, Scope, Search};
use dtyp::Sid;

use crate::Group;
use crate::authenticator::Found;

/// How groups are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupSource {
    /// One search by the rule `LDAP_MATCHING_RULE_IN_CHAIN`, and the primary group.
    #[default]
    InChain,
    /// The `tokenGroups` of the user, as a domain controller itself computes them, then their names.
    TokenGroups,
    /// Only groups that name the user in `member`: for directories that are no Active Directory.
    Direct,
    /// None: the application does not ask.
    None,
}

/// SIDs in one search.
const BATCH: usize = 50;
/// Entries in one page.
const PAGE: u32 = 500;

const ATTRIBUTES: [&str; 3] = ["sAMAccountName", "cn", "objectSid"];

pub(crate) enum FirstStep {
    /// There is nothing to ask.
    Nothing,
    /// Its entries are the groups.
    Groups(Search),
    /// Its entry has the groups' SIDs.
    Token(Search),
}

impl GroupSource {
    pub(crate) fn first_step(self, base: &str, user: &Found) -> FirstStep {
        let dn = Search::escape(user.dn.as_bytes());
        let filter = match self {
            Self::InChain => {
                let primary = user.primary_group.map(|sid| by_sid(&sid)).unwrap_or_default();
                format!("(&(objectClass=group)(|(member:1.2.840.113556.1.4.1941:={dn}){primary}))")
            }
            Self::Direct => format!("(|(member={dn})(uniqueMember={dn}))"),
            Self::None => return FirstStep::Nothing,
            Self::TokenGroups => {
                let mut search = Search::subtree(&user.dn, "(objectClass=*)", &["tokenGroups"]);
                search.scope = Scope::Base;
                return FirstStep::Token(search);
            }
        };
        FirstStep::Groups(Search::subtree(base, &filter, &ATTRIBUTES).paged(PAGE))
    }
}

fn by_sid(sid: &Sid) -> String {
    let bytes: String = sid.to_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(objectSid={bytes})")
}

/// The searches that name the groups of a token.
pub(crate) fn of_token(base: &str, entries: &[Entry]) -> Vec<Search> {
    let sids: Vec<Sid> = entries
        .iter()
        .flat_map(|entry| entry.values("tokenGroups"))
        .filter_map(|bytes| Sid::from_bytes(bytes).ok())
        .collect();
    sids.chunks(BATCH)
        .map(|batch| {
            let filter: String = batch.iter().map(by_sid).collect();
            Search::subtree(base, &format!("(|{filter})"), &ATTRIBUTES).paged(PAGE)
        })
        .collect()
}

pub(crate) fn group(entry: &Entry) -> Group {
    let name = entry.text("sAMAccountName").or_else(|| entry.text("cn")).unwrap_or(&entry.dn);
    Group {
        name: name.to_owned(),
        sid: entry.first("objectSid").and_then(|bytes| Sid::from_bytes(bytes).ok()),
        dn: entry.dn.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ldap::FilterBuf;

    fn user(dn: &str) -> Found {
        let sid = Sid::domain_of(1, 2, 3).with_rid(1104).ok();
        let entry = Entry {
            dn: dn.into(),
            attributes: vec![
                ("objectSid".into(), sid.iter().map(Sid::to_bytes).collect()),
                ("primaryGroupID".into(), vec![b"513".to_vec()]),
            ],
        };
        Found::of(&entry)
    }

    #[test]
    fn the_filters_hold_whatever_the_user_is_called() {
        for dn in ["CN=a)(objectClass=*,DC=x", "CN=\\,\\2a*,DC=x", "CN=\u{e4}\u{0},DC=x"] {
            for source in [GroupSource::InChain, GroupSource::Direct] {
                let FirstStep::Groups(search) = source.first_step("DC=x", &user(dn)) else { panic!() };
                let parsed: FilterBuf = search.filter.parse().unwrap();
                assert!(!parsed.as_filter().to_string().contains("objectClass=*"), "{}", search.filter);
            }
        }
        let FirstStep::Groups(search) = GroupSource::InChain.first_step("DC=x", &user("CN=a")) else { panic!() };
        assert!(search.filter.ends_with("(objectSid=\\01\\05\\00\\00\\00\\00\\00\\05\\15\\00\\00\\00\\01\\00\\00\\00\\02\\00\\00\\00\\03\\00\\00\\00\\01\\02\\00\\00)))"));
    }

    #[test]
    fn the_groups_of_a_token_are_named_fifty_at_a_time() {
        let sids = (0..120).map(|rid| Sid::domain_of(1, 2, 3).with_rid(rid).unwrap().to_bytes()).collect();
        let entry = Entry { dn: "CN=a".into(), attributes: vec![("tokenGroups".into(), sids)] };
        let searches = of_token("DC=x", &[entry]);
        assert_eq!(searches.iter().map(|s| s.filter.matches("objectSid").count()).collect::<Vec<_>>(), [50, 50, 20]);
        assert!(searches.iter().all(|search| search.filter.parse::<FilterBuf>().is_ok()));
        assert!(of_token("DC=x", &[]).is_empty());
    }
}
