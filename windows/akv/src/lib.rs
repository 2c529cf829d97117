//! CCGAKVPlugin.dll: the plugin of Azure Key Vault, as Windows' Container Credential Guard loads it.
#![allow(non_snake_case, reason = "the file's name is what Windows and its users know")]
#![cfg(windows)]
#![allow(unsafe_code, reason = "functions are exported by name")]

use ccg_com::{Server, Settings, SettingsError};
use plugins::{Akv, Plugin, TrustedVault, WindowsCodes};

ccg_com::server!(Server {
    class: ccg_classes::AKV,
    plugin,
    fault_event: WindowsCodes::AKV_NO_INPUT.event,
    call_event: Some(WindowsCodes::AKV_REQUESTED),
    success_event: WindowsCodes::AKV_FINISHED,
});

/// Azure's own clouds, and what the operator has declared beside them.
fn plugin(settings: &Settings) -> Result<Box<dyn Plugin>, SettingsError> {
    const METADATA_SERVICE: &str = "MetadataService";
    const ONLY_VAULTS: &str = "OnlyVaults";
    const ONLY_IDENTITIES: &str = "OnlyIdentities";
    const VAULTS: &str = "Vaults";
    settings.only(&[METADATA_SERVICE, ONLY_VAULTS, ONLY_IDENTITIES], &[VAULTS])?;
    let mut akv = Akv::new();
    if let Some(url) = settings.text(METADATA_SERVICE)? {
        akv = akv.with_metadata_service(&url).map_err(|error| settings.error(METADATA_SERVICE, error))?;
    }
    if let Some(hosts) = settings.list(ONLY_VAULTS)? {
        let hosts = hosts.iter().map(String::as_str);
        akv = akv.only_vaults(hosts).map_err(|error| settings.error(ONLY_VAULTS, error))?;
    }
    if let Some(ids) = settings.list(ONLY_IDENTITIES)? {
        let ids = ids.iter().map(String::as_str);
        akv = akv.only_identities(ids).map_err(|error| settings.error(ONLY_IDENTITIES, error))?;
    }
    if settings.log_calls() {
        akv = akv.when_asking(|whom| ccg_com::inform(&ccg_classes::AKV, WindowsCodes::AKV_ASKING, whom));
    }
    for (host, vault) in settings.each(VAULTS)? {
        akv = akv.with_vault(trusted(&host, &vault)?);
    }
    Ok(Box::new(akv))
}

fn trusted(host: &str, settings: &Settings) -> Result<TrustedVault, SettingsError> {
    const AUDIENCE: &str = "Audience";
    const CA: &str = "Ca";
    settings.only(&[AUDIENCE, CA], &[])?;
    let mut vault = TrustedVault::new(host).map_err(|error| settings.error("", error))?;
    if let Some(audience) = settings.text(AUDIENCE)? {
        vault = vault.with_audience(&audience).map_err(|error| settings.error(AUDIENCE, error))?;
    }
    if let Some(pem) = settings.text(CA)? {
        let roots = pki::Roots::from_pem(pem.as_bytes());
        vault = vault.with_roots(roots.map_err(|error| settings.error(CA, error))?);
    }
    Ok(vault)
}
