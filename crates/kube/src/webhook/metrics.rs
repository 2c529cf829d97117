//! What the webhook tells Prometheus.

use std::time::Duration;

use dtyp::FileTime;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    path: &'static str,
    /// 200 for what is admitted, otherwise the code of the refusal.
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Path {
    path: &'static str,
}

/// Seconds. An admission should take few milliseconds; after ten seconds the API server gives up.
const STEPS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// The figures.
pub(super) struct Metrics {
    registry: Registry,
    reviews: Family<Labels, Counter>,
    seconds: Family<Path, Histogram, fn() -> Histogram>,
    certificates_failing: Gauge,
    certificate_expiry: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pando_webhook");
        let (reviews, certificates_failing, certificate_expiry) =
            (Family::default(), Gauge::default(), Gauge::default());
        registry.register("reviews", "Pods reviewed, by path and by the code of the answer", reviews.clone());
        let seconds: Family<Path, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(STEPS));
        registry.register("review_seconds", "How long a review took, its body's way included", seconds.clone());
        let help = "Rounds in a row in which the certificate could not be looked after";
        registry.register("certificates_failing", help, certificates_failing.clone());
        let help = "When the certificate that is shown ends, in seconds since 1970";
        registry.register("certificate_expiry_timestamp_seconds", help, certificate_expiry.clone());
        Self { registry, reviews, seconds, certificates_failing, certificate_expiry }
    }
}

impl Metrics {
    pub(super) fn answered(&self, path: &'static str, code: Option<u16>, took: Duration) {
        self.seconds.get_or_create(&Path { path }).observe(took.as_secs_f64());
        self.reviews.get_or_create(&Labels { path, code: code.unwrap_or(200) }).inc();
    }

    pub(super) fn certificates(&self, held: bool, not_after: Option<FileTime>) {
        if let Some(not_after) = not_after {
            self.certificate_expiry.set(not_after.unix_seconds());
        }
        if held {
            self.certificates_failing.set(0);
        } else {
            self.certificates_failing.inc();
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
