//! KDS root keys, as far as whoever asks can see them.
//!
//! MS-GKDI 2.2 (the objects), MS-ADTS 2.354 (msDS-ManagedPasswordId). Active Directory shows root keys to administrators only, and without a
//! word leaves them out of everybody else's answers: that none is seen does not mean that there is none. Which root key a gMSA's password was
//! derived from last can be read by everybody.

use dtyp::{FileTime, Guid};
use gkdi::KeyEnvelope;

use crate::ldap::{Connection, Error, Scope, Search};

/// More keys than this are a mistake.
const MOST: u32 = 1000;

/// What can be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootKeys {
    /// The keys, and from when on each is used.
    pub seen: Vec<(Guid, FileTime)>,
    /// The key that the account's password was derived from last.
    pub derived_from: Option<Guid>,
}

impl RootKeys {
    /// Those of the forest, and what `account` (a `sAMAccountName`) below `base` says of its own.
    ///
    /// # Errors
    /// When the directory cannot be asked.
    pub async fn of(connection: &mut Connection, base: &str, account: &str) -> Result<Self, Error> {
        let filter = format!("(sAMAccountName={})", Search::escape(account.as_bytes()));
        let found = connection.search(&Search::subtree(base, &filter, &["msDS-ManagedPasswordId"])).await?;
        let envelope = found.first().and_then(|entry| entry.first("msDS-ManagedPasswordId"));
        let envelope = envelope.and_then(|bytes| KeyEnvelope::decode(bytes).ok());
        let derived_from = envelope.map(|envelope| envelope.root_key);
        Ok(Self { seen: seen(connection).await?, derived_from })
    }
}

async fn seen(connection: &mut Connection) -> Result<Vec<(Guid, FileTime)>, Error> {
    let root = connection.read("", &["configurationNamingContext"]).await?;
    let Some(configuration) = root.as_ref().and_then(|root| root.text("configurationNamingContext")) else {
        return Ok(Vec::new());
    };
    let place = format!("CN=Master Root Keys,CN=Group Key Distribution Service,CN=Services,{configuration}");
    let mut search = Search::subtree(&place, "(objectClass=msKds-ProvRootKey)", &["cn", "msKds-UseStartTime"]);
    (search.scope, search.size_limit) = (Scope::OneLevel, MOST);
    /// `noSuchObject`: the container is not there, or not for everybody to see. `insufficientAccessRights`.
    const HIDDEN: [u32; 2] = [32, 50];
    let found = match connection.search(&search).await {
        Err(error) if error.code().is_some_and(|code| HIDDEN.contains(&code)) => Vec::new(),
        other => other?,
    };
    let key = |entry: &crate::ldap::Entry| {
        let from = entry.text("msKds-UseStartTime")?.parse().ok().map(FileTime)?;
        Some((entry.text("cn")?.parse().ok()?, from))
    };
    Ok(found.iter().filter_map(key).collect())
}
