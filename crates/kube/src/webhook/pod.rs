//! What of a pod matters here.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

use super::go::quoted;

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    #[serde(deserialize_with = "or_nothing")]
    pub(super) metadata: Metadata,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    #[serde(deserialize_with = "or_nothing")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) generate_name: String,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_nothing")]
    owner_references: Vec<Owner>,
}

/// What a pod belongs to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    #[serde(deserialize_with = "or_nothing")]
    controller: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    #[serde(deserialize_with = "or_nothing")]
    pub(super) service_account_name: String,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) hostname: String,
    security_context: Option<SecurityContext>,
    #[serde(deserialize_with = "or_nothing")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "or_nothing")]
    init_containers: Vec<Container>,
    #[serde(deserialize_with = "or_nothing")]
    ephemeral_containers: Vec<Container>,
    pub(super) volumes: Option<Vec<Named>>,
    os: Option<Named>,
    #[serde(deserialize_with = "or_nothing")]
    node_selector: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SecurityContext {
    windows_options: Option<WindowsOptions>,
}

/// Who a pod or a container is to be.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WindowsOptions {
    /// The name of a GMSACredentialSpec.
    pub(super) gmsa_credential_spec_name: Option<String>,
    /// Its contents, as JSON.
    pub(super) gmsa_credential_spec: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    #[serde(deserialize_with = "or_nothing")]
    pub(super) name: String,
    security_context: Option<SecurityContext>,
    pub(super) env: Option<Vec<Named>>,
    pub(super) volume_mounts: Option<Vec<Named>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Named {
    #[serde(deserialize_with = "or_nothing")]
    pub(super) name: String,
}

/// Kubernetes' clients write null for what is not there.
fn or_nothing<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Where in a pod an identity can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Pod,
    Container,
    InitContainer,
    EphemeralContainer,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Container => "container",
            Self::InitContainer => "init container",
            Self::EphemeralContainer => "ephemeral container",
        }
    }
}

/// One place in a pod that can have an identity.
pub(super) struct Site<'a> {
    pub(super) level: Level,
    pub(super) name: &'a str,
    /// The place in the pod's JSON.
    path: String,
    pub(super) options: Option<&'a WindowsOptions>,
}

impl Site<'_> {
    /// Where its contents belong.
    pub(super) fn contents_path(&self) -> String {
        format!("{}/securityContext/windowsOptions/gmsaCredentialSpec", self.path)
    }
}

impl fmt::Display for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level.name(), quoted(self.name))
    }
}

impl Pod {
    /// What makes it, and makes it again.
    pub(super) fn controller(&self) -> Option<&Owner> {
        self.metadata.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether it goes to Linux nodes without saying what it is for.
    pub(super) fn is_selected_for_linux(&self) -> bool {
        self.spec.os.is_none() && self.spec.node_selector.get("kubernetes.io/os").is_some_and(|os| os == "linux")
    }

    /// The name of its service account, with what the API server fills in where it is asked to.
    pub(super) fn service_account(&self) -> &str {
        match self.spec.service_account_name.as_str() {
            "" => "default",
            name => name,
        }
    }

    /// The pod itself, then its containers of all kinds in their order.
    pub(super) fn sites(&self) -> impl Iterator<Item = Site<'_>> {
        let whole = Site {
            level: Level::Pod,
            name: &self.metadata.name,
            path: "/spec".to_owned(),
            options: self.spec.security_context.as_ref().and_then(|context| context.windows_options.as_ref()),
        };
        std::iter::once(whole).chain(self.containers().map(|(level, path, container)| Site {
            level,
            name: &container.name,
            path,
            options: container.security_context.as_ref().and_then(|context| context.windows_options.as_ref()),
        }))
    }

    /// Its containers, with their places in its JSON.
    pub(super) fn containers(&self) -> impl Iterator<Item = (Level, String, &Container)> {
        let kinds = [
            (Level::Container, "containers", &self.spec.containers),
            (Level::InitContainer, "initContainers", &self.spec.init_containers),
            (Level::EphemeralContainer, "ephemeralContainers", &self.spec.ephemeral_containers),
        ];
        kinds.into_iter().flat_map(|(level, field, containers)| {
            containers.iter().enumerate().map(move |(index, one)| (level, format!("/spec/{field}/{index}"), one))
        })
    }
}
