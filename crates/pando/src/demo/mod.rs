//! `pando demo`: the whole chain of trust on this machine, link by link; then links broken on purpose.
//!
//! Every station uses the product as its users do: `pando domain provision`, `pando dc run`, `pando credspec new`, `pando account-provider
//! run`, `pando guard fetch` and the example are processes of this same program, with an empty environment, and they meet over the
//! protocols that their real peers speak. Nothing needs privileges, and nothing leaves the loopback interface.
//!
//! In reading order: [`run`]; `stations`, the chain; `broken`, what refuses; `invitation`, what one can do afterwards.

mod azure;
mod broken;
mod http;
mod invitation;
mod people;
mod process;
mod report;
mod stage;
mod stations;

use std::process::ExitCode;
use std::time::Instant;

use crate::cli::{Demo, DemoPlugin};
use crate::commands::{Failed, stopped};
use crate::{progress, terminal};
use report::{Link, Report, Station};
use stage::Stage;

/// One station: it adds the links that it made, also when it then fails.
type Tell = fn(&mut Stage, &mut Vec<Link>) -> Result<(), Failed>;

/// The tour; what stands for Azure in it is called emulated.
fn stations(plugin: DemoPlugin) -> [(&'static str, Tell); 6] {
    let asks = match plugin {
        DemoPlugin::Rkc => "The guard asks its plugin, the plugin the account provider, over mutual TLS",
        DemoPlugin::Akv => {
            "The guard asks its plugin, the plugin an emulated Azure Key Vault, as an emulated managed identity"
        }
    };
    [
        (
            "A domain: users, groups, a KDS root key, and a service account whose password no one knows",
            stations::domain,
        ),
        ("A credential spec says which service account a container runs as", stations::credential_spec),
        (asks, stations::plugin),
        ("The directory releases the password to the account that may have it", stations::identity),
        ("An application with that identity alone logs users in", stations::application),
        ("Links broken on purpose refuse", broken::refusals),
    ]
}

/// Takes the tour, then keeps serving until it is told to stop.
pub async fn run(args: Demo) -> Result<ExitCode, Failed> {
    let as_json = args.json;
    let mut stage = Stage::set(args.dir.as_deref(), args.plugin)?;
    // Interrupted, the tour ends by itself: its other processes are interrupted with it.
    let tour = tokio::task::spawn_blocking(move || {
        let report = take(&mut stage, as_json);
        (stage, report)
    });
    let (stage, report) = tour.await?;
    if as_json {
        terminal::say(serde_json::to_string_pretty(&report)?);
    } else {
        invitation::sum_up(&report);
    }
    if report.ok && !args.exit {
        // What is said here is for a person; the answer for a machine is complete.
        if !as_json {
            invitation::invite(&stage)?;
        }
        // Who has left during the tour, as `head` does, knows nothing of what would go on serving.
        if terminal::is_heard() {
            stopped().await;
        }
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn take(stage: &mut Stage, as_json: bool) -> Report {
    let begun = Instant::now();
    let mut stations = Vec::new();
    for (number, (title, tell)) in (1..).zip(self::stations(stage.plugin())) {
        let station = visit(stage, number, title, tell);
        if !as_json {
            report::show(&station);
        }
        let is_over = !station.ok;
        stations.push(station);
        if is_over {
            break;
        }
    }
    let ok = stations.iter().all(|station| station.ok);
    Report { ok, took_ms: report::milliseconds(begun.elapsed()), stations }
}

fn visit(stage: &mut Stage, number: usize, title: &'static str, tell: Tell) -> Station {
    let _progress = progress::start(title);
    let mut links = Vec::new();
    let error = tell(stage, &mut links).err().map(|error| terminal::chain(&*error));
    Station { number, title, ok: error.is_none(), links, error }
}
