//! `GMSACredentialSpec`, the resource. It has its contents under `credspec`, where others have `spec`.

use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;

use super::Client;

/// What it is called.
#[must_use]
pub fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("windows.k8s.io", "v1", "GMSACredentialSpec");
    ApiResource::from_gvk_with_plural(&kind, "gmsacredentialspecs")
}

/// Those of the cluster; they belong to no namespace.
#[must_use]
pub fn credspecs(client: Client) -> Api<DynamicObject> {
    Api::all_with(client, &resource())
}
