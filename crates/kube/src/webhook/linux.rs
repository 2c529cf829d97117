//! Linux pods: the node's guard mounts the identity as a volume, and the pod's programs find it by `KRB5CCNAME`.
//!
//! The API server refuses `windowsOptions` in pods whose `os` is Linux, so an annotation names the spec. A pod that goes to Linux nodes by its
//! node selector, and does not say its `os`, can name it where a pod for Windows does.

use serde_json::json;

use super::pod::{Container, Level, Pod};
use super::review::Addition;

/// The annotation that names a GMSACredentialSpec.
pub const ANNOTATION: &str = "gmsa.pando.dev/credential-spec";
/// The driver of the volume: the guard on the pod's node.
pub const DRIVER: &str = "gmsa.pando.dev";
/// Where the identity is mounted.
pub const INSIDE: &str = "/run/pando/identity";
/// The volume's name.
pub(super) const VOLUME: &str = "pando-identity";
/// Where programs look for the identity.
pub(super) const VARIABLE: &str = "KRB5CCNAME";

/// The spec that the annotation names.
pub(super) fn annotated(pod: &Pod) -> Option<&str> {
    pod.metadata.annotation.as_deref()
}

/// The spec that a Linux pod names. An identity is the whole pod's: those of single containers are for Windows.
fn spec(pod: &Pod) -> Option<&str> {
    annotated(pod).or_else(|| {
        let name = pod.sites().next()?.options?.gmsa_credential_spec_name.as_deref();
        name.filter(|_| pod.is_selected_for_linux())
    })
}

/// The volume, and its mount and the environment in each container.
pub(super) fn additions<'p>(
    pod: &'p Pod,
    containers: impl Iterator<Item = (Level, String, &'p Container)>,
) -> Vec<Addition> {
    let Some(name) = spec(pod) else { return Vec::new() };
    let volume = json!({
        "name": VOLUME,
        "csi": { "driver": DRIVER, "readOnly": true, "volumeAttributes": { "credentialSpecName": name } },
    });
    let mut additions = Vec::new();
    additions.extend(one_more("/spec/volumes", pod.spec.volumes, volume));
    additions.extend(mounts(pod, containers));
    additions
}

/// What each of these containers needs.
pub(super) fn mounts<'p>(
    pod: &'p Pod,
    containers: impl Iterator<Item = (Level, String, &'p Container)>,
) -> Vec<Addition> {
    if spec(pod).is_none() {
        return Vec::new();
    }
    let each = containers.flat_map(|(_, path, container)| {
        let mount = json!({ "name": VOLUME, "mountPath": INSIDE, "readOnly": true });
        let variable = json!({ "name": VARIABLE, "value": format!("FILE:{INSIDE}/krb5cc") });
        [
            one_more(&format!("{path}/volumeMounts"), container.volume_mounts, mount),
            one_more(&format!("{path}/env"), container.env, variable),
        ]
    });
    each.flatten().collect()
}

/// Adds to a list that may not be there yet, unless it has what is added.
fn one_more(path: &str, has_it: Option<bool>, value: serde_json::Value) -> Option<Addition> {
    match has_it {
        Some(true) => None,
        Some(false) => Some(Addition { path: format!("{path}/-"), value }),
        None => Some(Addition { path: path.to_owned(), value: json!([value]) }),
    }
}
