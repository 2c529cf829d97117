//! What of a pod matters here, and nothing else: whoever may make pods can fill megabytes with the rest.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::go::quoted;
use super::linux;

/// A pod with more containers of a kind is refused; what etcd takes has no room for as many.
const MOST_CONTAINERS: usize = 1_000;

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    #[serde(deserialize_with = "object")]
    pub(super) metadata: Metadata,
    #[serde(deserialize_with = "object")]
    pub(super) spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    #[serde(deserialize_with = "or_nothing")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_nothing")]
    pub(super) generate_name: String,
    /// The value of the one that names a spec.
    #[serde(rename = "annotations", deserialize_with = "annotation")]
    pub(super) annotation: Option<String>,
    /// Of all owners the one that controls it.
    #[serde(rename = "ownerReferences", deserialize_with = "controller")]
    controller: Option<Owner>,
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
    #[serde(deserialize_with = "containers")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "containers")]
    init_containers: Vec<Container>,
    #[serde(deserialize_with = "containers")]
    ephemeral_containers: Vec<Container>,
    /// Whether one of them is the identity's, if there are any.
    #[serde(deserialize_with = "has_volume")]
    pub(super) volumes: Option<bool>,
    os: Option<Named>,
    /// The operating system that its nodes must have.
    #[serde(rename = "nodeSelector", deserialize_with = "selected_system")]
    selected_system: Option<String>,
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
    /// Whether one of them says where the identity is, if there are any.
    #[serde(deserialize_with = "has_variable")]
    pub(super) env: Option<bool>,
    /// Whether one of them is the identity's, if there are any.
    #[serde(deserialize_with = "has_volume")]
    pub(super) volume_mounts: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named {
    #[serde(deserialize_with = "or_nothing")]
    name: String,
}

/// Kubernetes' clients write null for what is not there.
fn or_nothing<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A structure that is written as an object; serde takes a list as well.
pub(super) struct OnlyObject<T>(T);

impl<T> OnlyObject<T> {
    pub(super) fn get(self) -> T {
        self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OnlyObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

fn object<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<OnlyObject<T>>::deserialize(deserializer)?.map(OnlyObject::get).unwrap_or_default())
}

/// Shows each element of a list, if there is one, and keeps none.
fn each<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    mut see: impl FnMut(T) -> Result<(), String>,
) -> Result<bool, D::Error> {
    struct Elements<'f, T, F>(&'f mut F, PhantomData<T>);
    impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), String>> Visitor<'de> for Elements<'_, T, F> {
        type Value = bool;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
            while let Some(one) = list.next_element()? {
                (self.0)(one).map_err(A::Error::custom)?;
            }
            Ok(true)
        }
    }
    deserializer.deserialize_any(Elements(&mut see, PhantomData))
}

/// The value of one member of an object of texts, if there is one.
fn member<'de, D: Deserializer<'de>>(deserializer: D, wanted: &str) -> Result<Option<String>, D::Error> {
    struct Members<'w>(&'w str);
    impl<'de> Visitor<'de> for Members<'_> {
        type Value = Option<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of texts")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<String>()? {
                if key == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    deserializer.deserialize_any(Members(wanted))
}

fn has<'de, D: Deserializer<'de>>(deserializer: D, wanted: &str) -> Result<Option<bool>, D::Error> {
    let mut found = false;
    let is_there = each(deserializer, |one: Named| {
        found |= one.name == wanted;
        Ok(())
    })?;
    Ok(is_there.then_some(found))
}

fn has_volume<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    has(deserializer, linux::VOLUME)
}

fn has_variable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    has(deserializer, linux::VARIABLE)
}

fn annotation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    member(deserializer, linux::ANNOTATION)
}

fn selected_system<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    member(deserializer, "kubernetes.io/os")
}

fn controller<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Owner>, D::Error> {
    let mut found = None;
    each(deserializer, |owner: Owner| {
        if owner.controller && found.is_none() {
            found = Some(owner);
        }
        Ok(())
    })?;
    Ok(found)
}

fn containers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Container>, D::Error> {
    let mut all = Vec::new();
    each(deserializer, |OnlyObject(one): OnlyObject<Container>| {
        if all.len() == MOST_CONTAINERS {
            return Err(format!("more than {MOST_CONTAINERS} containers of a kind"));
        }
        all.push(one);
        Ok(())
    })?;
    Ok(all)
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
            Self::InitContainer => "initContainer",
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
        self.metadata.controller.as_ref()
    }

    /// Whether it goes to Linux nodes without saying what it is for.
    pub(super) fn is_selected_for_linux(&self) -> bool {
        self.spec.os.is_none() && self.spec.selected_system.as_deref() == Some("linux")
    }

    /// The name of its service account, with what the API server fills in where it is asked to.
    pub(super) fn service_account(&self) -> &str {
        match self.spec.service_account_name.as_str() {
            "" => "default",
            name => name,
        }
    }

    /// In how many places it names a spec.
    pub(super) fn names(&self) -> usize {
        self.sites().filter(|site| site.options.is_some_and(|one| one.gmsa_credential_spec_name.is_some())).count()
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
