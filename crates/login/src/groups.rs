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
