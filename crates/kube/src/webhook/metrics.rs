//! What the webhook tells Prometheus.

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    path: &'static str,
    /// 200 for what is admitted, otherwise the code of the refusal.
    code: u16,
}

/// The figures.
pub(super) struct Metrics {
    registry: Registry,
    reviews: Family<Labels, Counter>,
    certificates_failing: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pando_webhook");
        let (reviews, certificates_failing) = (Family::default(), Gauge::default());
        registry.register("reviews", "Pods reviewed, by path and by the code of the answer", reviews.clone());
        let help = "Rounds in a row in which the certificate could not be looked after";
        registry.register("certificates_failing", help, certificates_failing.clone());
        Self { registry, reviews, certificates_failing }
    }
}

impl Metrics {
    pub(super) fn answered(&self, path: &'static str, code: Option<u16>) {
        self.reviews.get_or_create(&Labels { path, code: code.unwrap_or(200) }).inc();
    }

    pub(super) fn certificates(&self, held: bool) {
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
