//! What the account that a spec leads to can see of the KDS root keys.

use client::Domain;
use client::root_keys::RootKeys;
use credspec::CredentialSpec;

use crate::link::Chain;
use crate::{Cause, Guard};

impl Guard {
    /// Follows the chain as far as the directory, and looks at the root keys there, and at the one that the default account's password was
    /// derived from.
    ///
    /// # Errors
    /// Why it did not come that far.
    pub async fn root_keys(&self, spec: &CredentialSpec, domain: &Domain) -> Result<RootKeys, Cause> {
        let mut chain = Chain::new();
        let domain = self.locate(domain, &mut chain).await?;
        let asker = self.asker(spec, &domain, &mut chain).await?;
        let ticket = self.log_on(&asker.name, &asker.secret, &domain, &mut chain).await?;
        let mut connection = self.connect(&ticket, &domain, &mut chain).await?;
        let account = spec.domain_join_config.machine_account_name.sam_account_name();
        let seen = RootKeys::of(&mut connection, &domain.base_dn(), &account).await?;
        connection.unbind().await;
        Ok(seen)
    }
}
