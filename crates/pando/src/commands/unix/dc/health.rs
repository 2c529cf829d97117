//! What kubelet and Prometheus ask a domain controller, in the clear: whether it lives and answers, and how its backups are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use directory::Directory;
use dtyp::FileTime;

/// What is known of the controller besides what a look at its directory shows.
#[derive(Default)]
pub struct Health {
    serving: AtomicBool,
    backed_up: AtomicI64,
    failures: AtomicU64,
}

impl Health {
    /// All ports answer.
    pub fn serves(&self) {
        self.serving.store(true, Ordering::Relaxed);
    }

    /// A backup was made, or failed.
    pub fn backed_up(&self, made: bool, at: FileTime) {
        if made {
            self.backed_up.store(at.unix_seconds(), Ordering::Relaxed);
        } else {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn text(&self) -> String {
        let (at, failures) = (self.backed_up.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed));
        format!(
            "# TYPE pando_dc_last_backup_timestamp_seconds gauge\npando_dc_last_backup_timestamp_seconds {at}\n\
             # TYPE pando_dc_backup_failures counter\npando_dc_backup_failures_total {failures}\n# EOF\n"
        )
    }
}

/// Answers until it is dropped.
pub async fn serve(listener: probes::Listener, directory: Directory, health: Arc<Health>) {
    let (live, ready) = (directory.clone(), (directory, Arc::clone(&health)));
    let pages = Router::new()
        .route("/livez", get(move || async move { looked(reads(live).await) }))
        .route(
            "/readyz",
            get(move || async move {
                let (directory, health) = ready;
                looked(health.serving.load(Ordering::Relaxed) && reads(directory).await)
            }),
        )
        .route("/metrics", get(move || async move { probes::figures(health.text()) }));
    listener.serve(pages).await
}

/// Listens where it was told to.
pub async fn listen(address: SocketAddr) -> Result<probes::Listener, String> {
    let listener = probes::Listener::bind(address).await;
    listener.map_err(|error| format!("--probes cannot listen on {address}: {error}"))
}

fn looked(well: bool) -> (StatusCode, &'static str) {
    match well {
        true => (StatusCode::OK, "ok\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ok\n"),
    }
}

/// Whether the store gives a snapshot.
async fn reads(directory: Directory) -> bool {
    tokio::task::spawn_blocking(move || directory.read().is_ok()).await.unwrap_or(false)
}
