//! What kubelet and Prometheus ask a domain controller, in the clear: whether it lives and answers, and how its backups are.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use directory::Directory;
use dtyp::FileTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// For a request and its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any request of a kubelet's.
const LONGEST: usize = 4 << 10;
const MOST: usize = 16;

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

/// Answers until the process ends.
pub async fn serve(listener: TcpListener, directory: Directory, health: Arc<Health>) {
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (directory, health) = (directory.clone(), Arc::clone(&health));
                tokio::spawn(async move {
                    // Who is too slow, or goes away, gets no answer.
                    let _ = timeout(PATIENCE, answer(stream, directory, health)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a probe could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Listens where it was told to.
pub async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let wrong = |error: io::Error| format!("--probes cannot listen on {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    Ok((listener, address))
}

async fn answer(mut stream: TcpStream, directory: Directory, health: Arc<Health>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > LONGEST || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, kind, body) = match line {
        b"GET /livez HTTP/1.1" => looked(reads(directory).await),
        b"GET /readyz HTTP/1.1" => looked(health.serving.load(Ordering::Relaxed) && reads(directory).await),
        b"GET /metrics HTTP/1.1" => {
            ("200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", health.text())
        }
        _ => ("404 Not Found", "text/plain", "not found\n".to_owned()),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

fn looked(well: bool) -> (&'static str, &'static str, String) {
    match well {
        true => ("200 OK", "text/plain", "ok\n".to_owned()),
        false => ("503 Service Unavailable", "text/plain", "not ok\n".to_owned()),
    }
}

/// Whether the store gives a snapshot.
async fn reads(directory: Directory) -> bool {
    tokio::task::spawn_blocking(move || directory.read().is_ok()).await.unwrap_or(false)
}
