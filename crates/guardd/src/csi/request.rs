//! What kubelet asks for, read once and bounded.
//!
//! CSI specification: "NodePublishVolume"; Kubernetes CSI documentation: "Pod Info on Mount", "CSIDriver Object", "Token Requests".

use std::collections::BTreeMap;

use ccg::{Keytabs, LeaseId, Workload};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::message::{AccessType, NodePublishVolumeRequest, VolumeCapability};
use super::target::{Target, Targets};
use crate::api::{MOST_PRINCIPALS, is_service_principal};

/// What kubelet adds to a volume's attributes.
const KUBELET: &str = "csi.storage.k8s.io/";
const TOKENS: &str = "csi.storage.k8s.io/serviceAccount.tokens";
const LONGEST_TOKENS: usize = 64 << 10;

/// Why a request is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("volume_id must be 1 to 128 letters, digits, dots, dashes and underscores")]
    VolumeId,
    #[error("target_path {path:?} must be a folder below {below}, without `.`, `..` and links in it: {what}")]
    Target { path: String, below: String, what: String },
    #[error("volume_capability must be there and ask for a mounted file system: this driver has no block devices")]
    Capability,
    #[error("this driver has no mount options")]
    MountOptions,
    #[error(
        "this driver makes ephemeral volumes only: write the volume into the pod (csi: driver: …), not into a PersistentVolume"
    )]
    NotEphemeral,
    #[error("kubelet does not say {0}: the CSIDriver object of this driver must have podInfoOnMount: true")]
    NoPodInfo(&'static str),
    #[error("{what} is {value:?}, which cannot be one")]
    Malformed { what: &'static str, value: String },
    #[error("the volume must say by the attribute credentialSpecName which GMSACredentialSpec it is for")]
    NoSpecName,
    #[error(
        "a credential spec is not taken from the pod: name a GMSACredentialSpec of the cluster by credentialSpecName"
    )]
    Inline,
    #[error(
        "{0:?} is no attribute of this driver's volumes, which have credentialSpecName, keytab and servicePrincipals"
    )]
    UnknownAttribute(String),
    #[error(
        "servicePrincipals must be at most {MOST_PRINCIPALS} names such as HTTP/webapp01.contoso.com, separated by commas"
    )]
    ServicePrincipals,
    #[error(
        "kubelet gives no token of the pod: the CSIDriver object of this driver must have tokenRequests: [{{audience: {0}}}]"
    )]
    NoToken(&'static str),
}

/// The name of a volume, as kubelet makes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct VolumeId(String);

impl VolumeId {
    pub fn parse(text: &str) -> Result<Self, BadRequest> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        match !text.is_empty() && text.len() <= 128 && text.bytes().all(plain) {
            true => Ok(Self(text.to_owned())),
            false => Err(BadRequest::VolumeId),
        }
    }

    /// The name of its lease.
    pub fn lease(&self) -> LeaseId {
        let mut name = Sha256::new();
        name.update(b"pando.guard.csi\0");
        name.update(self.0.as_bytes());
        LeaseId::of_bytes(name.finalize().into())
    }
}

/// What a volume is, and for whom: the same request has the same, and it is kept for the guard's next life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Volume {
    pub id: VolumeId,
    pub target: Target,
    pub pod: Workload,
    pub spec: String,
    pub keytabs: Keytabs,
    /// The pod's fsGroup.
    pub group: Option<u32>,
}

/// A volume, and the proof of its pod.
#[derive(Debug)]
pub(super) struct Publication {
    pub volume: Volume,
    pub token: SecretString,
}

impl Publication {
    pub fn parse(
        request: NodePublishVolumeRequest,
        targets: &Targets,
        audience: &'static str,
    ) -> Result<Self, BadRequest> {
        let id = VolumeId::parse(&request.volume_id)?;
        let target = targets.parse(&request.target_path)?;
        let group = group(request.volume_capability)?;
        let context = &request.volume_context;
        let pod = pod(context)?;
        if target.pod() != pod.uid {
            return Err(BadRequest::Target {
                path: request.target_path,
                below: targets.of_pod(&pod.uid),
                what: "it is another pod's".to_owned(),
            });
        }
        let Attributes { spec, keytabs } = Attributes::of(context)?;
        let token = token(&request.secrets, context, audience)?;
        Ok(Self { volume: Volume { id, target, pod, spec, keytabs, group }, token })
    }
}

fn group(capability: Option<VolumeCapability>) -> Result<Option<u32>, BadRequest> {
    let Some(AccessType::Mount(mount)) = capability.and_then(|capability| capability.access_type) else {
        return Err(BadRequest::Capability);
    };
    if !mount.mount_flags.is_empty() {
        return Err(BadRequest::MountOptions);
    }
    match mount.volume_mount_group.as_str() {
        "" => Ok(None),
        // The last number means "no change" to the system.
        text => {
            match text.parse().ok().filter(|group| text.bytes().all(|c| c.is_ascii_digit()) && *group != u32::MAX) {
                Some(group) => Ok(Some(group)),
                None => Err(malformed("volume_mount_group", text)),
            }
        }
    }
}

fn pod(context: &BTreeMap<String, String>) -> Result<Workload, BadRequest> {
    let said = |name: &'static str, longest, also: &[u8]| {
        let value = context.get(&format!("{KUBELET}{name}")).ok_or(BadRequest::NoPodInfo(name))?;
        match is_name(value, longest, also) {
            true => Ok(value.clone()),
            false => Err(malformed(name, value)),
        }
    };
    if said("ephemeral", 5, b"")? != "true" {
        return Err(BadRequest::NotEphemeral);
    }
    Ok(Workload {
        namespace: said("pod.namespace", 63, b"-")?,
        pod: said("pod.name", 253, b"-.")?,
        uid: said("pod.uid", 64, b"-")?,
        service_account: said("serviceAccount.name", 253, b"-.")?,
    })
}

/// Lower-case letters and digits, as Kubernetes names things (RFC 1123), and these in the middle.
fn is_name(text: &str, longest: usize, also: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(plain) && bytes.last().is_some_and(plain);
    ends && text.len() <= longest && bytes.iter().all(|byte| plain(byte) || also.contains(byte))
}

struct Attributes {
    spec: String,
    keytabs: Keytabs,
}

impl Attributes {
    fn of(context: &BTreeMap<String, String>) -> Result<Self, BadRequest> {
        let (mut spec, mut keytab, mut service_principals) = (None, false, Vec::new());
        for (name, value) in context.iter().filter(|(name, _)| !name.starts_with(KUBELET)) {
            match (name.as_str(), value.as_str()) {
                ("credentialSpecName", value) if is_name(value, 253, b"-.") => spec = Some(value.to_owned()),
                ("credentialSpecName", value) => return Err(malformed("credentialSpecName", value)),
                ("credentialSpec", _) => return Err(BadRequest::Inline),
                ("keytab", "true") => keytab = true,
                ("keytab", "false") => keytab = false,
                ("keytab", value) => return Err(malformed("keytab", value)),
                ("servicePrincipals", value) => service_principals = principals(value)?,
                _ => return Err(BadRequest::UnknownAttribute(shortened(name))),
            }
        }
        let wanted = keytab || !service_principals.is_empty();
        Ok(Self { spec: spec.ok_or(BadRequest::NoSpecName)?, keytabs: Keytabs { wanted, service_principals } })
    }
}

fn principals(text: &str) -> Result<Vec<String>, BadRequest> {
    let names: Vec<_> = text.split(',').map(str::trim).take(MOST_PRINCIPALS + 1).map(str::to_owned).collect();
    match names.len() <= MOST_PRINCIPALS && names.iter().all(|name| is_service_principal(name)) {
        true => Ok(names),
        false => Err(BadRequest::ServicePrincipals),
    }
}

/// The pod's token for this driver. Newer kubelets put tokens among the secrets.
fn token(
    secrets: &BTreeMap<String, String>,
    context: &BTreeMap<String, String>,
    audience: &'static str,
) -> Result<SecretString, BadRequest> {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    let text = secrets.get(TOKENS).or_else(|| context.get(TOKENS)).ok_or(BadRequest::NoToken(audience))?;
    let tokens = (text.len() <= LONGEST_TOKENS).then(|| serde_json::from_str::<BTreeMap<String, Token>>(text).ok());
    let token = tokens.flatten().and_then(|mut tokens| tokens.remove(audience));
    token.map(|token| token.token.into()).ok_or(BadRequest::NoToken(audience))
}

fn malformed(what: &'static str, value: &str) -> BadRequest {
    BadRequest::Malformed { what, value: shortened(value) }
}

fn shortened(text: &str) -> String {
    text.chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::csi::message::{MountVolume, Nothing};

    const AUDIENCE: &str = "gmsa.pando.dev";

    fn request() -> NodePublishVolumeRequest {
        let pairs = [
            ("csi.storage.k8s.io/ephemeral", "true"),
            ("csi.storage.k8s.io/pod.name", "web-0"),
            ("csi.storage.k8s.io/pod.namespace", "shop"),
            ("csi.storage.k8s.io/pod.uid", "5b1d0b5e-1f6c-4b43-a0f5-0d7e43d2f4a1"),
            ("csi.storage.k8s.io/serviceAccount.name", "web"),
            (TOKENS, r#"{"gmsa.pando.dev":{"token":"eyJ","expirationTimestamp":"2026-11-24T00:00:00Z"}}"#),
            ("credentialSpecName", "webapp01"),
        ];
        let mount = MountVolume { volume_mount_group: "2000".into(), ..Default::default() };
        NodePublishVolumeRequest {
            volume_id: "csi-0123".into(),
            target_path: "/k/pods/5b1d0b5e-1f6c-4b43-a0f5-0d7e43d2f4a1/volumes/kubernetes.io~csi/id/mount".into(),
            volume_capability: Some(VolumeCapability { access_type: Some(AccessType::Mount(mount)) }),
            volume_context: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Default::default()
        }
    }

    fn parse(request: NodePublishVolumeRequest) -> Result<Publication, BadRequest> {
        Publication::parse(request, &Targets::new("/k"), AUDIENCE)
    }

    fn with(name: &str, value: &str) -> Result<Publication, BadRequest> {
        let mut request = request();
        request.volume_context.insert(name.into(), value.into());
        parse(request)
    }

    #[test]
    fn what_kubelet_sends_is_understood() {
        let Publication { volume, token } = parse(request()).unwrap();
        assert_eq!((volume.spec.as_str(), volume.group), ("webapp01", Some(2000)));
        assert_eq!((volume.pod.to_string().as_str(), volume.pod.service_account.as_str()), ("shop/web-0", "web"));
        assert_eq!(token.expose_secret(), "eyJ");
        let keytabs = with("servicePrincipals", "HTTP/a.test, HTTP/b.test").unwrap().volume.keytabs;
        assert!(keytabs.wanted && keytabs.service_principals == ["HTTP/a.test", "HTTP/b.test"]);
        assert!(with("keytab", "true").unwrap().volume.keytabs.wanted);
    }

    #[test]
    fn tokens_among_the_secrets_count_first() {
        let mut request = request();
        request.secrets.insert(TOKENS.into(), r#"{"gmsa.pando.dev":{"token":"other"}}"#.into());
        assert_eq!(parse(request).unwrap().token.expose_secret(), "other");
    }

    #[test]
    fn a_volume_says_nothing_that_is_not_known() {
        let refused = |name: &str, value: &str| with(name, value).unwrap_err().to_string();
        assert!(refused("credentialSpec", "{}").contains("not taken from the pod"));
        assert!(refused("user", "1000").contains("no attribute"));
        assert!(refused("credentialSpecName", "../secrets").contains("cannot be one"));
        assert!(refused("keytab", "yes").contains("keytab"));
        assert!(refused("servicePrincipals", "HTTP/a,").contains("servicePrincipals"));
        assert!(refused("servicePrincipals", &"HTTP/a,".repeat(65)).contains("at most 64"));
        assert!(refused("csi.storage.k8s.io/ephemeral", "false").contains("ephemeral volumes only"));
        assert!(refused("csi.storage.k8s.io/pod.namespace", "a/b").contains("pod.namespace"));
        assert!(refused("csi.storage.k8s.io/pod.uid", "other").contains("another pod's"));
        assert!(refused(TOKENS, "{}").contains("tokenRequests"));
        assert!(refused(TOKENS, r#"{"vault":{"token":"eyJ"}}"#).contains("audience: gmsa.pando.dev"));
    }

    #[test]
    fn what_is_missing_is_said() {
        for (name, said) in [
            ("csi.storage.k8s.io/pod.uid", "podInfoOnMount"),
            ("csi.storage.k8s.io/serviceAccount.name", "podInfoOnMount"),
            (TOKENS, "tokenRequests"),
            ("credentialSpecName", "credentialSpecName"),
        ] {
            let mut request = request();
            request.volume_context.remove(name);
            assert!(parse(request).unwrap_err().to_string().contains(said), "{name}");
        }
        let without = |change: fn(&mut NodePublishVolumeRequest)| {
            let mut request = request();
            change(&mut request);
            parse(request).unwrap_err().to_string()
        };
        assert!(without(|request| request.volume_id.clear()).contains("volume_id"));
        assert!(without(|request| request.volume_id = "a/b".into()).contains("volume_id"));
        assert!(without(|request| request.volume_id = "a".repeat(129)).contains("volume_id"));
        assert!(without(|request| request.target_path.clear()).contains("target_path"));
        assert!(without(|request| request.volume_capability = None).contains("volume_capability"));
        let block = Some(VolumeCapability { access_type: Some(AccessType::Block(Nothing {})) });
        let mut request = request();
        request.volume_capability = block;
        assert!(parse(request).unwrap_err().to_string().contains("block"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_taken_from_a_pod_is_a_plain_name(spec in "[a-zA-Z0-9./_-]{0,20}", names in "[A-Za-z0-9/@.,\\\\ -]{0,40}") {
            let mut request = request();
            request.volume_context.insert("credentialSpecName".into(), spec.clone());
            request.volume_context.insert("servicePrincipals".into(), names);
            if let Ok(Publication { volume, .. }) = parse(request) {
                proptest::prop_assert!(!volume.spec.contains(['/', '_']) && volume.spec == spec.to_lowercase());
                proptest::prop_assert!(volume.keytabs.service_principals.iter().all(|name| !name.contains([',', '@', ' '])));
            }
        }
    }

    #[test]
    fn the_group_that_means_no_change_is_no_group() {
        for bad in ["4294967295", "-1", "+5", "4294967296", "users"] {
            let mount = MountVolume { volume_mount_group: bad.into(), ..Default::default() };
            let capability = VolumeCapability { access_type: Some(AccessType::Mount(mount)) };
            let request = NodePublishVolumeRequest { volume_capability: Some(capability), ..request() };
            assert!(parse(request).is_err(), "{bad}");
        }
    }
}
