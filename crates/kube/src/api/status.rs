//! `GMSAStatus` and `GMSAAccountReport` of gmsa.pando.dev: what is known of a credential spec, and what an examiner has seen of one account.

use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;

use super::Client;

/// The group of both.
pub const GROUP: &str = "gmsa.pando.dev";
/// Their version.
pub const VERSION: &str = "v1alpha1";

fn kind(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural)
}

/// What `GMSAStatus` is called.
#[must_use]
pub fn status_resource() -> ApiResource {
    kind("GMSAStatus", "gmsastatuses")
}

/// What `GMSAAccountReport` is called.
#[must_use]
pub fn report_resource() -> ApiResource {
    kind("GMSAAccountReport", "gmsaaccountreports")
}

/// Those of the cluster; they belong to no namespace.
#[must_use]
pub fn statuses(client: Client) -> Api<DynamicObject> {
    Api::all_with(client, &status_resource())
}

/// Those of all namespaces.
#[must_use]
pub fn reports(client: Client) -> Api<DynamicObject> {
    Api::all_with(client, &report_resource())
}

/// Those of one namespace.
#[must_use]
pub fn reports_in(client: Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client, namespace, &report_resource())
}
