//! What the guard tells Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ccg::{Fetch, Leases, Occasion};
use dtyp::FileTime;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    occasion: &'static str,
    /// `fetched`, or the link that broke.
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    call: &'static str,
    /// gRPC's name of it.
    code: String,
}

/// The figures, and how they are written.
pub struct Metrics {
    registry: Registry,
    fetches: Family<Labels, Counter>,
    refusals: Counter,
    volumes: Family<Call, Counter>,
    seconds: Histogram,
    held: Gauge,
    failing: Gauge,
    expired: Gauge,
    soonest: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pando_guard");
        let (fetches, held, failing, expired) =
            (Family::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let (soonest, volumes, refusals) = (Gauge::default(), Family::default(), Counter::default());
        let seconds = Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);
        registry.register("fetches", "Identities fetched, by occasion and by the link that broke", fetches.clone());
        registry.register("refusals", "Requests for a lease that nothing was fetched for", refusals.clone());
        registry.register("volume_calls", "Calls of kubelet for pods' volumes, by gRPC code", volumes.clone());
        registry.register_with_unit("fetch", "How long a fetch took", Unit::Seconds, seconds.clone());
        registry.register("leases", "Leases that are held", held.clone());
        registry.register("leases_failing", "Leases whose last renewal failed", failing.clone());
        registry.register("leases_expired", "Leases whose tickets have ended", expired.clone());
        registry.register_with_unit(
            "soonest_expiry",
            "How long until the first ticket ends that the guard renews",
            Unit::Seconds,
            soonest.clone(),
        );
        Self { registry, fetches, refusals, volumes, seconds, held, failing, expired, soonest }
    }
}

impl Metrics {
    pub(crate) fn record(&self, fetch: &Fetch<'_>) {
        let occasion = match fetch.occasion {
            Occasion::Begin => "begin",
            Occasion::Renew => "renew",
        };
        let outcome = match fetch.broken {
            None => "fetched".to_owned(),
            Some(error) => error.step.name().to_owned(),
        };
        self.fetches.get_or_create(&Labels { occasion, outcome }).inc();
        self.seconds.observe(fetch.took.as_secs_f64());
    }

    pub(crate) fn refused(&self) {
        self.refusals.inc();
    }

    pub(crate) fn volume(&self, call: &'static str, code: tonic::Code) {
        self.volumes.get_or_create(&Call { call, code: format!("{code:?}") }).inc();
    }

    /// The text that Prometheus reads (OpenMetrics 1.0).
    #[must_use]
    pub fn text(&self, leases: &Leases, now: FileTime) -> String {
        let standings = leases.standings();
        let count = |which: &dyn Fn(&ccg::Standing) -> bool| {
            i64::try_from(standings.iter().filter(|standing| which(standing)).count()).unwrap_or(i64::MAX)
        };
        self.held.set(count(&|_| true));
        self.failing.set(count(&|standing| standing.failures > 0));
        self.expired.set(count(&|standing| !standing.is_alive(now)));
        let renewed = standings.iter().filter(|standing| standing.alone);
        let soonest = renewed.map(|standing| standing.term.end.since(now)).min();
        self.soonest.set(soonest.as_ref().map_or(f64::NAN, Duration::as_secs_f64));
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
