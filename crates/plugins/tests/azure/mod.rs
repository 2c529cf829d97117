//! A machine of Azure and a vault that do what a test says.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::sync::{Arc, Mutex};

use dtyp::SystemClock;
use pki::{Authority, ClientAuth, Purpose, Rotating, Validity};
use plugins::{Akv, AkvError, PasswordCredentials, Plugin, PluginError, TrustedVault};

use crate::servers::{Behaviour, Server, answer, says};

pub const IDENTITY: &str = "f0f22d05-6a63-4a1e-a2d1-0fa2fa2ba1b7";

pub fn good_token() -> String {
    answer(200, r#"{"access_token":"T0KEN","expires_on":"1","resource":"x","token_type":"Bearer"}"#)
}

pub fn secret(value: &str) -> String {
    answer(200, &format!(r#"{{"value":{value:?},"id":"https://localhost/secrets/ccg-reader/0123"}}"#))
}

/// A machine of Azure and a vault.
pub struct Azure {
    pub imds: Server,
    pub vault: Server,
    pub plugin: Akv,
    pub waits: Arc<Mutex<Vec<u64>>>,
}

impl Azure {
    pub fn new(imds: Vec<Behaviour>, vault: Vec<Behaviour>) -> Self {
        let authority = Authority::create("test", Validity::DAY, &SystemClock).unwrap();
        Self::with_certificate(&authority, &authority, "localhost", imds, vault)
    }

    pub fn with_certificate(
        trusted: &Authority,
        issuer: &Authority,
        name: &str,
        imds: Vec<Behaviour>,
        vault: Vec<Behaviour>,
    ) -> Self {
        let identity = issuer.issue(&Purpose::server([name]), Validity::DAY, &SystemClock).unwrap();
        let tls = pki::server_config(&Rotating::new(&identity).unwrap(), ClientAuth::None).unwrap();
        let (imds, vault) = (Server::start(None, imds), Server::start(Some(tls), vault));
        let waits = Arc::new(Mutex::new(Vec::new()));
        let waited = Arc::clone(&waits);
        let plugin = Akv::new()
            .with_metadata_service(&format!("http://127.0.0.1:{}", imds.port))
            .unwrap()
            .with_vault(TrustedVault::new(&format!("localhost:{}", vault.port)).unwrap().with_roots(trusted.roots()))
            .with_pause(move |wait| waited.lock().unwrap().push(wait.as_secs()));
        Self { imds, vault, plugin, waits }
    }

    pub fn vault_says(text: impl Into<String>) -> Self {
        Self::new(vec![says(good_token())], vec![says(text)])
    }

    pub fn imds_says(text: impl Into<String>) -> Self {
        Self::new(vec![says(text)], vec![says(secret(r"contoso.com\ccg-reader:hunter2"))])
    }

    pub fn input(&self) -> String {
        format!("ObjectId={IDENTITY};SecretUri=https://localhost:{}/secrets/ccg-reader", self.vault.port)
    }

    pub fn ask(&self) -> Result<PasswordCredentials, PluginError> {
        self.plugin.get_password_credentials(&self.input())
    }

    /// The error, which must not hold what was sent or answered.
    pub fn fails(&self) -> AkvError {
        self.plugin_fails(&self.plugin)
    }

    pub fn plugin_fails(&self, plugin: &Akv) -> AkvError {
        let error = plugin.get_password_credentials(&self.input()).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2") && !text.contains("T0KEN"), "{text}");
        assert!(!text.contains(['\r', '\n', '\u{1b}']), "{text}");
        let PluginError::Akv(error) = error else { panic!("{error:?}") };
        *error
    }

    pub fn waits(&self) -> Vec<u64> {
        self.waits.lock().unwrap().clone()
    }

    pub fn vault_was_not_asked(&self) {
        assert_eq!(self.vault.questions(), Vec::<String>::new(), "the vault must not see a token");
    }
}
