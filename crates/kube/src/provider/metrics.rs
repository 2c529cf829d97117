//! What the account provider tells Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};

use dtyp::FileTime;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::{AuditEvent, RotationStanding, Standing};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Certificate {
    certificate: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Secret {
    secret: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rotations {
    secret: String,
    outcome: &'static str,
}

/// Seconds. A call should take a millisecond or two; after five seconds the plugin gives up.
const STEPS: [f64; 10] = [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1, 1.0, 5.0];

/// The figures.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Histogram,
    ends: Family<Certificate, Gauge>,
    renewals_failing: Gauge,
    changed: Family<Secret, Gauge>,
    usable: Gauge,
    silent: Gauge<f64, AtomicU64>,
    rotated: Family<Secret, Gauge>,
    rotates: Family<Secret, Gauge>,
    rotating: Family<Secret, Gauge>,
    rotations: Family<Rotations, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pando_account_provider");
        let (requests, ends, changed) = (Family::default(), Family::default(), Family::default());
        let (renewals_failing, usable, silent) = (Gauge::default(), Gauge::default(), Gauge::default());
        let seconds = Histogram::new(STEPS);
        registry.register("requests", "Requests for the Secret, by what came of them", requests.clone());
        let help = "How long a request of the plugin's took after the handshake";
        registry.register_with_unit("request", help, Unit::Seconds, seconds.clone());
        let help = "When a certificate ends, as Unix time";
        registry.register("certificate_expiry_timestamp_seconds", help, Family::clone(&ends));
        let help = "Rounds in a row in which the certificates could not be renewed";
        registry.register("renewals_failing", help, Gauge::clone(&renewals_failing));
        let help = "When the Secret was written last, as Unix time";
        registry.register("secret_changed_timestamp_seconds", help, Family::clone(&changed));
        let help = "Whether the next request can be given something: 1 or 0";
        registry.register("secret_usable", help, Gauge::clone(&usable));
        let help = "For how long the API server has not been heard of";
        registry.register_with_unit("api_server_silent", help, Unit::Seconds, Gauge::clone(&silent));
        let (rotated, rotates, rotating, rotations) =
            (Family::default(), Family::default(), Family::default(), Family::default());
        let help = "When the directory took the account's password from a provider, as Unix time";
        registry.register("rotation_last_timestamp_seconds", help, Family::clone(&rotated));
        let help = "When the account's password is to be changed, as Unix time";
        registry.register("rotation_next_timestamp_seconds", help, Family::clone(&rotates));
        let help = "Whether the Secret holds two passwords because a change is not finished: 1 or 0";
        registry.register("rotation_pending", help, Family::clone(&rotating));
        let help =
            "Changes of the account's password that this provider has brought to their end, and rounds that failed";
        registry.register("rotations", help, Family::clone(&rotations));
        Self {
            registry,
            requests,
            seconds,
            ends,
            renewals_failing,
            changed,
            usable,
            silent,
            rotated,
            rotates,
            rotating,
            rotations,
        }
    }
}

impl Metrics {
    pub(super) fn record(&self, event: &AuditEvent) {
        self.requests.get_or_create(&Labels { outcome: event.outcome.name() }).inc();
        if event.client.is_some() {
            self.seconds.observe(event.took.as_secs_f64());
        }
    }

    /// A secret went out that was written at this time.
    pub(super) fn secret(&self, secret: String, changed: Option<FileTime>) {
        if let Some(changed) = changed {
            self.changed.get_or_create(&Secret { secret }).set(changed.unix_seconds());
        }
    }

    /// Of the authority, the server and the client.
    pub(super) fn issued(&self, certificates: &[pki::Certificate; 3]) {
        for (name, certificate) in ["authority", "server", "client"].into_iter().zip(certificates) {
            self.ends.get_or_create(&Certificate { certificate: name }).set(certificate.not_after.unix_seconds());
        }
    }

    pub(super) fn renewed(&self, held: bool) {
        if held {
            self.renewals_failing.set(0);
        } else {
            self.renewals_failing.inc();
        }
    }

    fn rotation(&self, name: &str, standing: &RotationStanding) {
        let secret = Secret { secret: name.to_owned() };
        for (gauge, time) in [(&self.rotated, standing.last), (&self.rotates, standing.next)] {
            if let Some(time) = time {
                gauge.get_or_create(&secret).set(time.unix_seconds());
            }
        }
        self.rotating.get_or_create(&secret).set(i64::from(standing.is_pending));
        for (outcome, count) in [("rotated", standing.rotated), ("failed", standing.failed)] {
            let labels = Rotations { secret: name.to_owned(), outcome };
            self.rotations.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
    }

    /// The text that Prometheus reads (OpenMetrics 1.0).
    pub(super) fn text(&self, standing: &Standing) -> String {
        self.usable.set(i64::from(standing.ready.is_ok()));
        self.silent.set(standing.silent.unwrap_or_default().as_secs_f64());
        if let Some((name, changed)) = &standing.secret {
            self.secret(name.to_string(), *changed);
            if let Some(rotation) = &standing.rotation {
                self.rotation(name.as_str(), rotation);
            }
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
