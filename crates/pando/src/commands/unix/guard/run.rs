//! `pando guard run`: the guard as a service of a host.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use ccg::{Domains, Guard, HostKeytabs, Leases, Limits, Options, Places};
use dtyp::{Clock, SystemClock};
use guardd::{Access, AuditFile, Metrics, Scrape, Watch};
use tokio::net::UnixListener;

use super::disk::warn_of_disk;
use super::pods::Pods;
use crate::cli::{GuardRun, resolver};
use crate::commands::unix::limits::{allow_many_files, leave_no_core};
use crate::commands::{Failed, announce, stopped};
use crate::plugins;

/// Serves until stopped. The leases stay: the next guard takes them up.
pub async fn run(args: GuardRun) -> Result<ExitCode, Failed> {
    allow_many_files();
    leave_no_core();
    let stop = stopped();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Arc::new(Metrics::default());
    // The folder is made before the socket in it.
    let watch = Arc::new(watch(&args, &clock, &metrics)?);
    let leases = leases(&args, &clock, watch.clone())?;
    let pods = Pods::prepare(&args, &leases, watch, &metrics).await?;
    let (socket, listener, access) = socket(&args).await?;
    let scrape = match args.metrics {
        Some(address) => Some(scrape(address).await?),
        None => None,
    };
    let scraped = scrape.as_ref().map(probes::Listener::address);
    // Those that are found by their paths, and that nobody finds when these are removed.
    let sockets = socket.iter().chain(&args.pods.csi_socket).cloned().collect();
    let aws = plugins::callers_aws(args.plugins.as_deref())?;
    announce(
        args.ready_file.as_deref(),
        &serde_json::json!({
            "socket": socket.as_deref().map_or_else(|| "handed over by the service manager".to_owned(), display),
            "csi": args.pods.csi_socket.as_deref().map(display),
            "metrics": scraped.as_ref().map(SocketAddr::to_string),
            "leases": leases.standings().len(),
        }),
    )?;
    // There is nobody to tell when no service manager started it.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let scraping = async {
        match scrape {
            Some(listener) => {
                Scrape { metrics, leases: leases.clone(), clock, sockets }.serve::<Infallible>(listener).await
            }
            None => std::future::pending().await,
        }
    };
    let (stopping, stopped) = tokio::sync::watch::channel(false);
    let stop = async {
        stop.await;
        stopping.send_replace(true);
    };
    let serving = async {
        let kubelet = async {
            match pods {
                Some(pods) => pods.serve(stopped).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(guardd::serve(listener, leases.clone(), access, aws, stop), kubelet)
    };
    tokio::select! {
        served = serving => drop(served?),
        never = scraping => match never {},
    }
    Ok(ExitCode::SUCCESS)
}

fn watch(args: &GuardRun, clock: &Arc<dyn Clock>, metrics: &Arc<Metrics>) -> Result<Watch, Failed> {
    let audit = args.audit_log.as_deref().map(|path| {
        AuditFile::open(path).map_err(|error| format!("the audit file {} cannot be opened: {error}", path.display()))
    });
    Ok(Watch::new(clock.clone(), audit.transpose()?, metrics.clone()))
}

fn leases(args: &GuardRun, clock: &Arc<dyn Clock>, observer: Arc<Watch>) -> Result<Leases, Failed> {
    let keytabs = HostKeytabs(args.host_keytab.clone());
    let domains = domains(args, &keytabs)?;
    let guard = Guard::new(plugins::registry(&args.host_dir, args.plugins.as_deref())?)
        .with_host_keytabs(keytabs)
        .with_options(Options { resolver: resolver(&args.dns), ..Options::default() });
    let places = Places { identities: identities(args), records: args.run_dir.join("records") };
    let limits = Limits { leases: args.max_leases, ..Limits::default() };
    std::fs::create_dir_all(&args.run_dir)
        .map_err(|error| format!("the folder {} cannot be made: {error}", args.run_dir.display()))?;
    let leases = Leases::resume(guard, domains, places, limits, clock.clone(), observer)?;
    warn_of_disk(&identities(args));
    Ok(leases)
}

pub(super) fn identities(args: &GuardRun) -> PathBuf {
    args.krb_dir.clone().unwrap_or_else(|| args.run_dir.join("krb"))
}

/// The domains that were named, and those that the host has joined.
fn domains(args: &GuardRun, keytabs: &HostKeytabs) -> Result<Domains, Failed> {
    let named = args.domain.iter().map(|place| place.0.clone());
    let joined = keytabs.realms()?.into_iter().map(|realm| client::Domain::new(&realm));
    let domains = named.chain(joined).fold(Domains::default(), Domains::with);
    match domains.is_empty() {
        true => Err("no domain is served: name one with --domain, or give the host's keytab with --host-keytab".into()),
        false => Ok(domains),
    }
}

/// The socket that systemd handed over, or one of our own and its path.
async fn socket(args: &GuardRun) -> Result<(Option<PathBuf>, UnixListener, Access), Failed> {
    if let Some(given) = listenfd::ListenFd::from_env().take_unix_listener(0)? {
        given.set_nonblocking(true)?;
        // Who may connect is what its unit says.
        return Ok((None, UnixListener::from_std(given)?, Access::Socket));
    }
    let path = args.socket.clone().unwrap_or_else(|| args.run_dir.join("guard.sock"));
    let access = if args.socket_group.is_some() { Access::Socket } else { Access::Own };
    let listener = guardd::bind(&path, args.socket_group).await?;
    Ok((Some(path), listener, access))
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

async fn scrape(address: SocketAddr) -> Result<probes::Listener, Failed> {
    let listener = probes::Listener::bind(address).await;
    listener.map_err(|error| format!("--metrics cannot listen on {address}: {error}").into())
}
