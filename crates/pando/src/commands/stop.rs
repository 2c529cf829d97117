//! When a program is told to stop.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind};

/// Ctrl-C, or the signal by which service managers stop programs. They are listened for from the call on, not from the first wait.
#[cfg(unix)]
pub fn stopped() -> impl Future<Output = ()> {
    let listen = |kind| tokio::signal::unix::signal(kind).ok();
    let (terminate, interrupt) = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    async {
        tokio::select! {
            () = heard(terminate) => {}
            () = heard(interrupt) => {}
        }
    }
}

#[cfg(unix)]
async fn heard(signal: Option<Signal>) {
    match signal {
        Some(mut signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Ctrl-C, or what Windows tells programs when a console is closed, and when a computer or a container is shut down.
#[cfg(windows)]
pub fn stopped() -> impl Future<Output = ()> {
    use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_shutdown};
    let (interrupt, close, shutdown) = (ctrl_c(), ctrl_close(), ctrl_shutdown());
    async {
        // What cannot be listened for does not come.
        tokio::select! {
            Some(()) = async { interrupt.ok()?.recv().await } => {}
            Some(()) = async { close.ok()?.recv().await } => {}
            Some(()) = async { shutdown.ok()?.recv().await } => {}
            else => std::future::pending().await,
        }
    }
}
