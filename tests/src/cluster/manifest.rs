//! What a chart makes, as values: the pods of its workloads, and which network policies select them.

use serde_json::{Value, json};

use super::Cluster;

/// The pod that a workload would make.
#[derive(Clone, Debug)]
pub struct Workload {
    /// `Deployment/webhook`.
    pub name: String,
    /// Its pod template.
    pub template: Value,
}

impl Workload {
    /// The arguments of one of its containers, or init containers.
    #[track_caller]
    pub fn arguments(&self, container: &str) -> Vec<String> {
        let spec = &self.template["spec"];
        let all = ["containers", "initContainers"].into_iter().filter_map(|kind| spec[kind].as_array()).flatten();
        let found = all.into_iter().find(|one| one["name"] == container);
        let found = found.unwrap_or_else(|| panic!("{} has no container {container}", self.name));
        let arguments = found["args"].as_array().expect("it has arguments");
        arguments.iter().map(|one| one.as_str().expect("arguments are texts").to_owned()).collect()
    }

    /// A pod of it, without the service account that only its own namespace has.
    pub fn pod(&self, name: &str) -> Value {
        let mut spec = self.template["spec"].clone();
        spec["serviceAccountName"] = json!("default");
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("priorityClassName");
        }
        let labels = &self.template["metadata"]["labels"];
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec})
    }
}

impl Cluster {
    /// The documents of these kinds in a rendered chart.
    pub fn documents(&self, rendered: &str, kinds: &[&str]) -> Vec<Value> {
        let is_one = |part: &&str| kinds.iter().any(|kind| part.lines().any(|line| line == format!("kind: {kind}")));
        let parts = format!("\n{rendered}");
        let read = |part: &str| {
            let tool = self.kubectl().args(["create", "--dry-run=client", "-o", "json", "-f", "-"]).input(part);
            serde_json::from_str(&tool.ok().stdout).expect("kubectl writes JSON")
        };
        parts.split("\n---").filter(is_one).map(read).collect()
    }

    /// The workloads of a rendered chart.
    pub fn workloads(&self, rendered: &str) -> Vec<Workload> {
        let kinds = ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"];
        let workload = |document: Value| {
            let kind = document["kind"].as_str().unwrap_or_default();
            let template = match kind {
                "CronJob" => &document["spec"]["jobTemplate"]["spec"]["template"],
                _ => &document["spec"]["template"],
            };
            let name = document["metadata"]["name"].as_str().unwrap_or_default();
            let mut template = template.clone();
            claim(&mut template, &document["spec"]["volumeClaimTemplates"]);
            Workload { name: format!("{kind}/{name}"), template }
        };
        self.documents(rendered, &kinds).into_iter().map(workload).collect()
    }
}

/// The volumes of a StatefulSet's claims, as its controller writes them into its pods.
fn claim(template: &mut Value, claims: &Value) {
    let names = claims.as_array().into_iter().flatten().map(|claim| &claim["metadata"]["name"]);
    let volumes = names.map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
    if let Some(all) = template["spec"]["volumes"].as_array_mut() {
        all.extend(volumes);
    }
}
