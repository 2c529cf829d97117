//! What the operator lets credential specs ask for: in which vaults, and as which of the machine's identities. A list only ever narrows what
//! would be asked without it; an empty one leaves nothing.

use credspec::AkvInput;
use dtyp::Guid;

use super::vaults::VaultHost;
use super::{AkvError, AkvSettingsError};
use crate::declared::shown;

/// Without a list, whatever a spec names.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    vaults: Option<Vec<VaultHost>>,
    identities: Option<Vec<Guid>>,
}

impl Limits {
    pub(super) fn set_vaults<'a>(&mut self, hosts: impl IntoIterator<Item = &'a str>) -> Result<(), AkvSettingsError> {
        self.vaults = Some(hosts.into_iter().map(VaultHost::new).collect::<Result<_, _>>()?);
        Ok(())
    }

    pub(super) fn set_identities<'a>(
        &mut self,
        object_ids: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), AkvSettingsError> {
        let parsed = |text: &str| text.parse().ok().filter(|id| *id != Guid::NIL);
        let identity = |text| parsed(text).ok_or_else(|| AkvSettingsError::Identity(shown(text)));
        self.identities = Some(object_ids.into_iter().map(identity).collect::<Result<_, _>>()?);
        Ok(())
    }

    /// Before anybody is asked for anything.
    pub(super) fn check(&self, input: &AkvInput) -> Result<(), AkvError> {
        if self.vaults.as_ref().is_some_and(|vaults| !vaults.iter().any(|vault| vault.admits(&input.secret))) {
            return Err(AkvError::VaultNotAllowed { host: input.secret.authority() });
        }
        if self.identities.as_ref().is_some_and(|identities| !identities.contains(&input.object_id)) {
            return Err(AkvError::IdentityNotAllowed { object_id: input.object_id });
        }
        Ok(())
    }
}
