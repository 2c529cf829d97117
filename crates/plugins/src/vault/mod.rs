//! The plugin of HashiCorp Vault and OpenBao: an account in a version 2 key-value engine.
//!
//! Which server is asked, as whom, and which engines may be read is the operator's to say; a credential spec names a secret in one of them.
//! HashiCorp and OpenBao, HTTP API: "KV secrets engine, version 2", "Kubernetes auth method", "AppRole auth method", "Tokens".

mod answers;
mod auth;
mod error;
mod read;
mod settings;

use std::time::Duration;

use credspec::{StorePath, VAULT_CLSID, VaultInput};
use dtyp::Guid;
use pki::Roots;
use secrecy::SecretString;
use ureq::Agent;

use crate::http::{self, Header};
use crate::retry::{Budget, Patience, patient};
use crate::{Hop, PasswordCredentials, Plugin, PluginError};

pub use auth::VaultAuth;
pub use error::VaultError;
pub use settings::VaultSettingsError;

/// The plugin of HashiCorp Vault and OpenBao.
#[derive(Clone)]
pub struct Vault {
    name: String,
    clsid: Guid,
    server: String,
    auth: VaultAuth,
    namespace: Option<StorePath>,
    mounts: Vec<StorePath>,
    roots: Option<Roots>,
    patience: Patience,
}

patient!(Vault);

impl Vault {
    /// The server at `https://host` or `https://host:port`, which may be asked for what is in its engine `secret`.
    ///
    /// # Errors
    /// [`VaultSettingsError::Address`].
    pub fn new(address: &str, auth: VaultAuth) -> Result<Self, VaultSettingsError> {
        Ok(Self {
            name: "vault".to_owned(),
            clsid: VAULT_CLSID,
            server: settings::server(address)?,
            auth,
            namespace: None,
            mounts: vec![settings::path("secret")?],
            roots: None,
            patience: Patience::of_seconds(20),
        })
    }

    /// Under another name and class, for operators with several servers.
    #[must_use]
    pub fn with_class(mut self, name: &str, clsid: Guid) -> Self {
        (self.name, self.clsid) = (name.to_owned(), clsid);
        self
    }

    /// In this namespace of the server, for all its requests.
    ///
    /// # Errors
    /// [`VaultSettingsError::Path`].
    pub fn with_namespace(mut self, namespace: &str) -> Result<Self, VaultSettingsError> {
        self.namespace = Some(settings::path(namespace.trim_end_matches('/'))?);
        Ok(self)
    }

    /// With the engines that credential specs may name, in place of `secret`.
    ///
    /// # Errors
    /// [`VaultSettingsError::Path`].
    pub fn with_mounts(mut self, mounts: &[String]) -> Result<Self, VaultSettingsError> {
        self.mounts = mounts.iter().map(|mount| settings::path(mount)).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// With the authorities that its certificate must come from, in place of those that this computer trusts.
    #[must_use]
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = Some(roots);
        self
    }

    fn ask(&self, input: &VaultInput) -> Result<PasswordCredentials, VaultError> {
        if !self.mounts.contains(&input.mount) {
            let known = self.mounts.iter().map(StorePath::as_str).collect::<Vec<_>>().join(", ");
            return Err(VaultError::UnknownMount { mount: input.mount.to_string(), known });
        }
        let unchecked = |source| VaultError::Roots { server: self.server.clone(), source };
        let roots = self.roots.as_ref();
        let (budget, for_giving_back) = self.patience.budget_but(auth::GIVING_BACK);
        let mut call = Call {
            agent: http::https_trusting(roots).map_err(unchecked)?,
            server: &self.server,
            headers: settings::headers(self.namespace.as_ref()),
            budget,
            for_giving_back,
            seconds: self.patience.seconds(),
        };
        let token = auth::token(&mut call, &self.auth)?;
        let read = read::fetch(&mut call, &token, input);
        // Of no use to anybody from here on, whatever came of it.
        auth::give_back(&call, &self.auth, &token);
        let answers::Read { account, version } = read?;
        let by = http::trusted(roots);
        Ok(PasswordCredentials {
            domain: account.domain,
            username: account.username,
            password: account.password,
            hop: Hop {
                to: format!("Vault {}, secret {}:{} (version {version})", self.server, input.mount, input.path),
                how: format!(
                    "HTTPS: the server by a certificate of an authority that {by}, the plugin by {}",
                    self.auth.describe()
                ),
                authorised_by: format!("the policies of {} let it read that secret", self.auth.whose()),
            },
        })
    }
}

/// One call: whom it asks, and the time it has left.
struct Call<'a> {
    agent: Agent,
    server: &'a str,
    headers: Vec<Header>,
    budget: Budget<'a>,
    for_giving_back: Duration,
    seconds: u64,
}

impl Call<'_> {
    fn url(&self, path: &str) -> String {
        format!("https://{}/v1/{path}", self.server)
    }

    /// The headers of every request, and a token.
    fn headers_with(&self, token: &SecretString) -> Option<Vec<Header>> {
        let value = http::secret_header(secrecy::ExposeSecret::expose_secret(token))?;
        Some(self.headers.iter().cloned().chain([("x-vault-token", value)]).collect())
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, clsid, server, auth, namespace, mounts, roots: _, patience } = self;
        f.debug_struct("Vault")
            .field("name", name)
            .field("clsid", clsid)
            .field("server", server)
            .field("auth", auth)
            .field("namespace", namespace)
            .field("mounts", mounts)
            .field("patience", patience)
            .finish()
    }
}

impl Plugin for Vault {
    fn clsid(&self) -> Guid {
        self.clsid
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn get_password_credentials(&self, input: &str) -> Result<PasswordCredentials, PluginError> {
        let input: VaultInput = input.parse()?;
        Ok(self.ask(&input)?)
    }
}
