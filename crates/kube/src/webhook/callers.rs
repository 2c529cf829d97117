//! Who may call: everybody who reaches the port, or only who shows a client certificate of this authority, and of one of these names.
//!
//! An API server shows one when its admission configuration says so (Kubernetes, "Authenticate API servers"). A cluster's authority vouches for
//! every node as well, so the names count.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use pki::{Certificate, ClientAuth, Roots, Rotating};
use rustls::{ServerConfig, ServerConnection};

use super::WebhookError;

/// Whose client certificates are wanted.
#[derive(Clone, Debug)]
pub struct Callers {
    /// The file with the authorities, in PEM. It is read again every half minute.
    pub authorities: PathBuf,
    /// The common names that are let in; any if empty.
    pub names: Vec<String>,
}

/// What each connection goes through. Clones share it.
#[derive(Clone)]
pub(super) struct Entrance {
    shown: Rotating,
    callers: Option<Callers>,
    config: Arc<ArcSwap<ServerConfig>>,
}

impl Entrance {
    /// Shows that certificate.
    pub(super) async fn open(shown: Rotating, callers: Option<Callers>) -> Result<Self, WebhookError> {
        let config = Arc::new(ArcSwap::new(config(&shown, callers.as_ref()).await?));
        Ok(Self { shown, callers, config })
    }

    /// Reads the authorities again. If that fails, the present ones stay.
    pub(super) async fn round(&self) -> Result<(), WebhookError> {
        if self.callers.is_some() {
            self.config.store(config(&self.shown, self.callers.as_ref()).await?);
        }
        Ok(())
    }

    /// For the next connection.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// Whether who is at the other end is one of those that are let in.
    pub(super) fn lets_in(&self, connection: &ServerConnection) -> bool {
        let names = self.callers.iter().flat_map(|callers| &callers.names);
        let mut names = names.peekable();
        if names.peek().is_none() {
            return true;
        }
        let certificate = connection.peer_certificates().and_then(|chain| chain.first());
        let name = certificate.and_then(|one| Certificate::read(one).ok()).and_then(|one| one.common_name);
        name.is_some_and(|name| names.any(|one| *one == name))
    }
}

async fn config(shown: &Rotating, callers: Option<&Callers>) -> Result<Arc<ServerConfig>, WebhookError> {
    let mut config = match callers {
        None => (*pki::server_config(shown, ClientAuth::None)?).clone(),
        Some(callers) => {
            let file = callers.authorities.clone();
            let roots = tokio::task::spawn_blocking(move || Roots::load(&file)).await??;
            (*pki::server_config(shown, ClientAuth::Required(&roots))?).clone()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
