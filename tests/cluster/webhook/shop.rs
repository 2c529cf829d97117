//! A control plane with the webhook, which the tests of this program share, and pods for it.

use std::sync::OnceLock;

use pando_tests::{Cluster, Finished, Tool, WebhookService, gmsa_credential_spec};
use serde_json::{Value, json};

/// Today's form of the contents: compact, sorted, and with Go's escapes.
pub(crate) const INLINED: &str = concat!(
    r#"{"ActiveDirectoryConfig":{"GroupManagedServiceAccounts":[{"Name":"WebApp01","Scope":"contoso.com"},{"Name":"WebApp01","Scope":"CONTOSO"}],"#,
    r#""HostAccountConfig":{"PluginGUID":"{E4781092-F116-4B79-B55E-28EB6A224E26}","PluginInput":"gmsa:\u003cpassword\u003e","PortableCcgVersion":"1"}},"#,
    r#""CmsPlugins":["ActiveDirectory"],"DomainJoinConfig":{"DnsName":"contoso.com","DnsTreeName":"contoso.com","#,
    r#""Guid":"244818ae-87ac-4fcd-92ec-e79e5252348a","MachineAccountName":"WebApp01","NetBiosName":"CONTOSO","Sid":"S-1-5-21-2126449477-2524075714-3094792973"}}"#
);

/// One control plane with the webhook, in which `app` may use the spec `webapp01`, and the one called `missing`.
pub(crate) struct Shop {
    pub(crate) cluster: &'static Cluster,
    pub(crate) webhook: WebhookService,
}

pub(crate) fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let cluster = Cluster::shared();
        let webhook = WebhookService::install(cluster);
        cluster.namespace("shop");
        cluster.service_account("shop", "app");
        cluster.apply(gmsa_credential_spec("webapp01", "WebApp01").to_string());
        cluster.apply(gmsa_credential_spec("webapp02", "WebApp02").to_string());
        let rules = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: use, namespace: shop}\nrules:\n\
             - {apiGroups: [windows.k8s.io], resources: [gmsacredentialspecs], resourceNames: [webapp01, missing], verbs: [use]}\n";
        cluster.apply(rules);
        cluster.kubectl().args(["-n", "shop", "create", "rolebinding", "use", "--role=use", "--serviceaccount=shop:app"]).ok();
        Shop { cluster, webhook }
    })
}

pub(crate) const LEVELS: [&str; 3] = ["/spec", "/spec/containers/1", "/spec/initContainers/0"];

pub(crate) fn pod(name: &str, account: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "shop" },
        "spec": {
            "serviceAccountName": account,
            "containers": [{ "name": "zero", "image": "pause" }, { "name": "one", "image": "pause" }],
            "initContainers": [{ "name": "first", "image": "pause" }],
        },
    })
}

pub(crate) fn with(mut pod: Value, level: &str, options: Value) -> Value {
    pod.pointer_mut(level).expect("the level is there")["securityContext"] = json!({ "windowsOptions": options });
    pod
}

impl Shop {
    fn create(&self, pod: &Value) -> Finished {
        self.cluster.kubectl().args(["create", "-f", "-", "-o", "json"]).input(pod.to_string()).run()
    }

    /// Makes the pod; how it came out.
    #[track_caller]
    pub(crate) fn admitted(&self, pod: &Value) -> Value {
        let made = self.create(pod);
        assert_eq!(made.code, Some(0), "{made}\n{}", self.webhook.log());
        serde_json::from_str(&made.stdout).expect("kubectl prints JSON")
    }

    #[track_caller]
    pub(crate) fn refused(&self, pod: &Value, text: &str) {
        let refused = self.create(pod);
        assert_ne!(refused.code, Some(0), "{refused}");
        refused.says(text);
    }

    pub(crate) fn kubectl(&self, words: &[&str]) -> Tool {
        self.cluster.kubectl().args(["-n", "shop"]).args(words)
    }
}
