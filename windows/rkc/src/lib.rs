//! CCGRKC.dll: the plugin of Kubernetes clusters, as Windows' Container Credential Guard loads it.
#![allow(non_snake_case, reason = "the file's name is what Windows and its users know")]
#![cfg(windows)]
#![allow(unsafe_code, reason = "functions are exported by name")]

use std::path::Path;

use ccg_com::{Server, Settings, SettingsError};
use plugins::{Plugin, Rkc, WindowsCodes};

ccg_com::server!(Server {
    class: ccg_classes::RKC,
    plugin,
    fault_event: WindowsCodes::RKC_ERROR,
    call_event: None,
    success_event: WindowsCodes::RKC_INFORMATION,
});

fn plugin(settings: &Settings) -> Result<Box<dyn Plugin>, SettingsError> {
    const HOST_DIR: &str = "HostDir";
    settings.only(&[HOST_DIR], &[])?;
    let folder = settings.text(HOST_DIR)?.unwrap_or_else(|| Rkc::HOST_DIR.to_owned());
    if !Path::new(&folder).is_absolute() {
        return Err(settings.error(HOST_DIR, r"it is not a whole path such as C:\var\lib\rancher\gmsa"));
    }
    Ok(Box::new(Rkc::new(folder)))
}
