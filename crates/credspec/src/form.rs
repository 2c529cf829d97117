//! The forms that a credential spec travels in: a file, an option of Docker, a resource of Kubernetes.
//!
//! Docker: `--security-opt credentialspec=raw://JSON`, or `credentialspec=file://NAME` for a file in its folder of credential specs.
//! Kubernetes: `GMSACredentialSpec` of windows.k8s.io/v1, whose spec stands under `credspec`.

use serde::Serialize;
use serde_json::Value;

use crate::tree::MOST_BYTES;
use crate::{CredentialSpec, SpecError};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON file.
    File,
    /// An option of Docker's with the JSON in it.
    Docker,
    /// A resource of Kubernetes.
    Kubernetes,
}

/// A document, taken out of its form.
#[derive(Clone, Debug)]
pub struct Document {
    /// The form it came in.
    pub form: Form,
    /// The resource's name, if it is one.
    pub name: Option<String>,
    /// The spec itself, which may be anything still.
    pub json: Vec<u8>,
}

const API_VERSIONS: [&str; 2] = ["windows.k8s.io/v1", "windows.k8s.io/v1alpha1"];
const KIND: &str = "GMSACredentialSpec";

/// Takes a spec out of its form. What is in it has not been checked yet.
///
/// # Errors
/// When it is too large, neither JSON nor YAML, or another resource.
pub fn read(bytes: &[u8]) -> Result<Document, SpecError> {
    if bytes.len() > MOST_BYTES {
        return Err(SpecError::TooLarge { size: bytes.len(), limit: MOST_BYTES });
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_start_matches('\u{feff}').trim();
    let option = text.strip_prefix("credentialspec=").unwrap_or(text);
    if let Some(json) = option.strip_prefix("raw://") {
        return Ok(Document { form: Form::Docker, name: None, json: json.as_bytes().to_vec() });
    }
    if option.starts_with("file://") {
        return Err(SpecError::Elsewhere(option.chars().take(256).collect()));
    }
    let value: Option<Value> = match text.starts_with('{') {
        true => serde_json::from_str(text).ok(),
        false => serde_saphyr::from_str(text).ok().filter(Value::is_object),
    };
    match value {
        Some(value) if value.get("kind").is_some() || value.get("apiVersion").is_some() => resource(&value),
        // The reader of specs says what is wrong with what is no JSON.
        _ => Ok(Document { form: Form::File, name: None, json: bytes.to_vec() }),
    }
}

fn resource(value: &Value) -> Result<Document, SpecError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("kind") != KIND || !API_VERSIONS.contains(&text("apiVersion")) {
        let found = format!("{} {}", text("apiVersion"), text("kind"));
        return Err(SpecError::OtherResource(found.chars().take(128).collect()));
    }
    let name = value.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
    let spec = value.get("credspec").ok_or(SpecError::NoCredspec)?;
    Ok(Document { form: Form::Kubernetes, name, json: spec.to_string().into_bytes() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    credspec: &'a CredentialSpec,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
}

impl CredentialSpec {
    /// The option by which Docker takes it.
    #[must_use]
    pub fn to_docker(&self) -> String {
        // Nothing in these types can fail to be written: all keys are text.
        format!("credentialspec=raw://{}", serde_json::to_string(self).unwrap_or_default())
    }

    /// The resource of this name, as YAML.
    ///
    /// # Errors
    /// When Kubernetes takes no such name.
    pub fn to_kubernetes(&self, name: &str) -> Result<String, SpecError> {
        let resource = self.resource(name)?;
        serde_saphyr::to_string(&resource).map_err(|error| SpecError::Yaml(error.to_string()))
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// When Kubernetes takes no such name.
    pub fn to_kubernetes_json(&self, name: &str) -> Result<String, SpecError> {
        Ok(serde_json::to_string_pretty(&self.resource(name)?).unwrap_or_default() + "\n")
    }

    fn resource<'a>(&'a self, name: &'a str) -> Result<Resource<'a>, SpecError> {
        let host = self.active_directory_config.host_account_config.as_ref();
        if host.is_some_and(|host| host.plugin_input.is_object()) {
            return Err(SpecError::ObjectInput);
        }
        match is_resource_name(name) {
            true => {
                let metadata = Metadata { name };
                Ok(Resource { api_version: API_VERSIONS[0], kind: KIND, metadata, credspec: self })
            }
            false => Err(SpecError::ResourceName(name.chars().take(128).collect())),
        }
    }
}

/// Whether Kubernetes lets a resource have this name: a DNS subdomain (RFC 1123 2.1) in lower case.
#[must_use]
pub fn is_resource_name(name: &str) -> bool {
    let inner = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let label = |label: &str| {
        let ends = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
        let bytes = label.as_bytes();
        bytes.len() <= 63 && bytes.iter().all(|byte| inner(*byte)) && ends(bytes.first()) && ends(bytes.last())
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DomainFacts, HostAccountConfig, check};

    fn spec() -> CredentialSpec {
        let facts = DomainFacts {
            sid: "S-1-5-21-1-2-3".parse().unwrap(),
            guid: "56d9b66c-d746-4f87-bd26-26760cfdca2e".parse().unwrap(),
            dns_name: "contoso.com".parse().unwrap(),
            dns_tree_name: "contoso.com".parse().unwrap(),
            net_bios_name: "CONTOSO".parse().unwrap(),
        };
        let plugin = HostAccountConfig::rkc(&"gmsa:ccg-reader".parse().unwrap());
        CredentialSpec::generate(&facts, &["webapp01".parse().unwrap(), "no".parse().unwrap()], Some(plugin)).unwrap()
    }

    #[test]
    fn every_form_is_read_back_as_the_same_spec() {
        let spec = spec();
        let forms = [
            (Form::File, None, spec.to_json()),
            (Form::Docker, None, spec.to_docker()),
            (Form::Docker, None, spec.to_docker().replace("credentialspec=", "")),
            (Form::Kubernetes, Some("webapp01"), spec.to_kubernetes("webapp01").unwrap()),
            (Form::Kubernetes, Some("webapp01"), spec.to_kubernetes_json("webapp01").unwrap()),
        ];
        for (form, name, text) in forms {
            let document = read(text.as_bytes()).unwrap();
            assert_eq!((document.form, document.name.as_deref()), (form, name), "{text}");
            assert_eq!(CredentialSpec::parse(&document.json).unwrap(), spec, "{text}");
        }
    }

    #[test]
    fn the_resource_is_as_kubernetes_wants_it() {
        let yaml = spec().to_kubernetes("webapp01").unwrap();
        let head = "apiVersion: windows.k8s.io/v1\nkind: GMSACredentialSpec\nmetadata:\n  name: webapp01\ncredspec:\n  CmsPlugins:\n";
        assert!(yaml.starts_with(head), "{yaml}");
        assert!(!yaml.contains("Name: no\n"), "what YAML reads as something else than a text is quoted: {yaml}");
        for bad in ["", "Webapp01", "web_app", "-a", "a-", "a..b", "a/b", &"a".repeat(64)] {
            assert!(matches!(spec().to_kubernetes(bad), Err(SpecError::ResourceName(_))), "{bad}");
        }
    }

    #[test]
    fn other_documents_are_told_apart() {
        assert!(matches!(read(b"apiVersion: v1\nkind: Secret\n"), Err(SpecError::OtherResource(_))));
        assert!(matches!(
            read(b"apiVersion: windows.k8s.io/v1\nkind: GMSACredentialSpec\n"),
            Err(SpecError::NoCredspec)
        ));
        assert!(matches!(read(b"credentialspec=file://webapp01.json"), Err(SpecError::Elsewhere(_))));
        // What is nothing of it is left to the reader of specs, which says why.
        for nothing in [&b""[..], b"{", b"nonsense", b"[1, 2]", b"\xff\xfe{\0}\0", b"&a [*a, *a]"] {
            let document = read(nothing).unwrap();
            assert!(document.form == Form::File && CredentialSpec::parse(&document.json).is_err(), "{nothing:?}");
        }
    }

    #[test]
    fn yaml_that_grows_is_stopped() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, of) in ('b'..='z').zip('a'..='y') {
            bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(", ")));
        }
        let document = read(bomb.as_bytes()).unwrap();
        assert!(check(&document.json).is_err());
    }
}
