//! What was refused, as Events where people look: `kubectl get events`, and `kubectl describe` of what wanted to make the pod.
//!
//! The pod does not exist, so the Event is about its controller, and without one about its service account. Anybody who reaches the port
//! can send reviews, so the webhook says the same once in five minutes, and no more than sixty things a minute altogether.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dtyp::{Clock, FileTime};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::Denial;
use super::review::Review;
use crate::api::Client;

/// The same is not said again for this long.
const REMEMBERED: Duration = Duration::from_secs(300);
const MINUTE: Duration = Duration::from_secs(60);
const MOST_A_MINUTE: u32 = 60;
const MOST_REMEMBERED: usize = 1_024;
/// What waits to be said while the API server is slow.
const MOST_WAITING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(5);
/// The API server takes 1024 bytes.
const LONGEST_NOTE: usize = 1_000;

/// What is to be said about whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Refusal {
    namespace: String,
    about: About,
    reason: &'static str,
    note: String,
}

/// An object in the pod's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct About {
    version: String,
    kind: String,
    name: String,
    uid: Option<String>,
}

/// The way to the task that says it. Nobody's admission waits for that.
pub(super) struct Events(mpsc::Sender<Refusal>);

impl Events {
    /// Starts the task, which ends with this.
    pub(super) fn start(client: Client, clock: Arc<dyn Clock>, instance: String) -> Self {
        let (sender, mut refusals) = mpsc::channel::<Refusal>(MOST_WAITING);
        tokio::spawn(async move {
            let mut restraint = Restraint::default();
            while let Some(refusal) = refusals.recv().await {
                if restraint.lets(&refusal, Instant::now()) {
                    send(&client, refusal, clock.now(), &instance).await;
                }
            }
        });
        Self(sender)
    }

    /// Says it, if there is room.
    pub(super) fn refused(&self, review: &Review, denial: &Denial) {
        if let Some(refusal) = refusal(review, denial) {
            // When it cannot be told here, it is still in the log and in the answer.
            let _ = self.0.try_send(refusal);
        }
    }
}

/// What was said lately, by seconds that nobody sets back.
#[derive(Default)]
struct Restraint {
    said: HashMap<Refusal, Instant>,
    this_minute: u32,
    since: Option<Instant>,
}

impl Restraint {
    fn lets(&mut self, refusal: &Refusal, now: Instant) -> bool {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < REMEMBERED;
        if self.said.get(refusal).is_some_and(is_recent) {
            return false;
        }
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= MINUTE) {
            (self.since, self.this_minute) = (Some(now), 0);
        }
        if self.this_minute >= MOST_A_MINUTE {
            return false;
        }
        self.this_minute = self.this_minute.saturating_add(1);
        if self.said.len() >= MOST_REMEMBERED {
            self.said.retain(|_, at| is_recent(at));
        }
        if self.said.len() < MOST_REMEMBERED {
            self.said.insert(refusal.clone(), now);
        }
        true
    }
}

fn refusal(review: &Review, denial: &Denial) -> Option<Refusal> {
    // It becomes part of an address.
    if review.dry_run || review.namespace.parse::<credspec::Namespace>().is_err() {
        return None;
    }
    let pod = review.pod().ok()?;
    let about = match pod.controller() {
        Some(owner) => About {
            version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            uid: Some(owner.uid.clone()),
        },
        None => About {
            version: "v1".to_owned(),
            kind: "ServiceAccount".to_owned(),
            name: pod.service_account().to_owned(),
            uid: None,
        },
    };
    // What the API server would not take is not kept either.
    let parts = [&about.version, &about.kind, &about.name].into_iter().chain(&about.uid);
    if parts.into_iter().any(|part| part.is_empty() || part.len() > 253) {
        return None;
    }
    let whose = if pod.metadata.name.is_empty() { &pod.metadata.generate_name } else { &pod.metadata.name };
    let whose: String = whose.chars().take(64).collect();
    let mut note = format!("pod {} is not admitted: {denial}", super::go::quoted(&whose));
    while note.len() > LONGEST_NOTE {
        note.pop();
    }
    Some(Refusal { namespace: review.namespace.clone(), about, reason: reason(denial), note })
}

/// One word, by which Events are counted and filtered.
const fn reason(denial: &Denial) -> &'static str {
    match denial {
        Denial::NotAuthorized { .. } => "GMSANotAuthorized",
        Denial::NoSpec(_) | Denial::NoContents(_) => "GMSACredentialSpecMissing",
        Denial::Unavailable { .. } => "GMSACredentialSpecUnavailable",
        Denial::Modified { .. } => "GMSAModified",
        _ => "GMSAInvalid",
    }
}

async fn send(client: &Client, refusal: Refusal, now: FileTime, instance: &str) {
    let Refusal { namespace, about, reason, note } = refusal;
    let event = Event {
        metadata: ObjectMeta {
            generate_name: Some("gmsa-webhook-".to_owned()),
            namespace: Some(namespace.clone()),
            ..Default::default()
        },
        event_time: Timestamp::from_second(now.unix_seconds()).ok().map(MicroTime),
        reporting_controller: Some("gmsa.pando.dev/webhook".to_owned()),
        reporting_instance: Some(instance.to_owned()),
        action: Some("Admission".to_owned()),
        reason: Some(reason.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(about.version),
            kind: Some(about.kind),
            name: Some(about.name),
            namespace: Some(namespace.clone()),
            uid: about.uid,
            ..Default::default()
        }),
        note: Some(note),
        type_: Some("Warning".to_owned()),
        ..Default::default()
    };
    let events: Api<Event> = Api::namespaced(client.clone(), &namespace);
    match timeout(PATIENCE, events.create(&PostParams::default(), &event)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(namespace, %error, "an Event about a refused pod could not be written"),
        Err(_) => tracing::warn!(namespace, "an Event about a refused pod could not be written in time"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn review(pod: &serde_json::Value, more: &serde_json::Value) -> Review {
        let mut request =
            json!({ "uid": "u", "kind": { "kind": "Pod" }, "namespace": "shop", "operation": "CREATE", "object": pod });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Review::parse(json!({ "request": request }).to_string()).unwrap()
    }

    fn denied() -> Denial {
        Denial::NoSpec("webapp01".into())
    }

    #[test]
    fn what_wanted_to_make_the_pod_is_told_and_without_one_the_service_account() {
        let owned = json!({ "metadata": { "generateName": "web-", "ownerReferences": [
            { "apiVersion": "v1", "kind": "Other", "name": "other", "uid": "1" },
            { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7", "uid": "2", "controller": true },
        ] }, "spec": { "serviceAccountName": "app" } });
        let told = refusal(&review(&owned, &json!({})), &denied()).unwrap();
        assert_eq!((told.about.kind.as_str(), told.about.name.as_str()), ("ReplicaSet", "web-7"));
        assert_eq!(told.note, "pod \"web-\" is not admitted: cred spec webapp01 does not exist");
        assert_eq!(told.reason, "GMSACredentialSpecMissing");
        let alone = json!({ "metadata": { "name": "web" }, "spec": {} });
        let told = refusal(&review(&alone, &json!({})), &denied()).unwrap();
        assert_eq!((told.about.kind.as_str(), told.about.name.as_str()), ("ServiceAccount", "default"));
    }

    #[test]
    fn nothing_is_said_of_a_trial_of_no_pod_or_to_a_namespace_that_leads_elsewhere() {
        let pod = json!({ "metadata": { "name": "web" }, "spec": {} });
        assert_eq!(refusal(&review(&pod, &json!({ "dryRun": true })), &denied()), None);
        assert_eq!(refusal(&review(&json!([]), &json!({})), &denied()), None);
        for namespace in ["", "../kube-system", "a/b", "a?b"] {
            assert_eq!(refusal(&review(&pod, &json!({ "namespace": namespace })), &denied()), None, "{namespace}");
        }
    }

    #[test]
    fn an_owner_that_no_object_can_be_is_not_told() {
        for (name, uid) in [("", "1"), ("web", ""), (&*"x".repeat(254), "1"), ("web", &*"x".repeat(254))] {
            let owner = json!({ "apiVersion": "v1", "kind": "Other", "name": name, "uid": uid, "controller": true });
            let pod = json!({ "metadata": { "ownerReferences": [owner] }, "spec": {} });
            assert_eq!(refusal(&review(&pod, &json!({})), &denied()), None);
        }
    }

    #[test]
    fn a_note_is_never_longer_than_the_api_server_takes() {
        let pod = json!({ "metadata": { "name": "w".repeat(5_000) }, "spec": {} });
        let told = refusal(&review(&pod, &json!({})), &Denial::NoSpec("ü".repeat(3_000))).unwrap();
        assert!(told.note.len() <= LONGEST_NOTE && told.note.len() > LONGEST_NOTE - 4);
    }

    #[test]
    fn the_same_is_said_once_in_five_minutes_and_sixty_things_a_minute() {
        let pod = |name: usize| json!({ "metadata": { "name": name.to_string() }, "spec": {} });
        let told = |name| refusal(&review(&pod(name), &json!({})), &denied()).unwrap();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut restraint = Restraint::default();
        assert!(restraint.lets(&told(0), start) && !restraint.lets(&told(0), after(299)));
        assert!(restraint.lets(&told(0), after(300)));
        let said = |restraint: &mut Restraint, now| (1..1_000).filter(|name| restraint.lets(&told(*name), now)).count();
        assert_eq!(said(&mut restraint, after(301)), 59, "and the one before");
        assert_eq!(said(&mut restraint, after(360)), 60);
        for minute in 0..100 {
            said(&mut restraint, after(360 + 60 * minute));
            assert!(restraint.said.len() <= MOST_REMEMBERED);
        }
    }
}
