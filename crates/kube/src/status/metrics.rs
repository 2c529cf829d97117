//! What controller and examiner tell Prometheus.

use std::sync::atomic::{AtomicBool, Ordering};

use kube::runtime::watcher::Event;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Written {
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Watched {
    what: &'static str,
}

/// The figures, and whether it is ready.
pub(super) struct Metrics {
    registry: Registry,
    rounds: Counter,
    writes: Family<Written, Counter>,
    failing: Gauge,
    looked_at: Gauge,
    broken: Family<Watched, Gauge>,
    ready: AtomicBool,
}

impl Metrics {
    /// With names that begin like this.
    pub(super) fn new(prefix: &'static str) -> Self {
        let mut registry = Registry::with_prefix(prefix);
        let (rounds, writes) = (Counter::default(), Family::default());
        let (failing, looked_at, broken) = (Gauge::default(), Gauge::default(), Family::default());
        registry.register("rounds", "Rounds in which everything was looked at", rounds.clone());
        registry.register("writes", "Objects written, by kind of write", writes.clone());
        registry.register("failing", "Rounds in a row that failed", failing.clone());
        registry.register("specs", "Credential specs looked at in the last round", looked_at.clone());
        registry.register(
            "watch_broken",
            "Whether what is watched is not heard of, since a list or a watch failed",
            broken.clone(),
        );
        Self { registry, rounds, writes, failing, looked_at, broken, ready: AtomicBool::new(false) }
    }

    /// What a watch has told. The beginning of a list is no word of the API server's.
    pub(super) fn heard<K>(&self, what: &'static str, event: Option<&Event<K>>) {
        if !matches!(event, Some(Event::Init | Event::InitApply(_))) {
            self.broken.get_or_create(&Watched { what }).set(i64::from(event.is_none()));
        }
    }

    pub(super) fn round(&self, specs: usize, held: bool) {
        self.rounds.inc();
        self.looked_at.set(i64::try_from(specs).unwrap_or(i64::MAX));
        if held {
            self.failing.set(0);
        } else {
            self.failing.inc();
        }
    }

    pub(super) fn wrote(&self, what: &'static str) {
        self.writes.get_or_create(&Written { what }).inc();
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub(super) fn ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
