//! What the node's guard asks the cluster before a pod gets an identity.
//!
//! Kubelet says which pod a volume is for, and hands over a token that the API server has made for that pod and for this driver alone. The
//! token is what counts: the API server says whose it is (`TokenReview`), and whether that service account may use the credential spec
//! (`SubjectAccessReview`, for exactly who the token is). Only then the spec is read.

use std::collections::BTreeMap;
use std::time::Duration;

use guardd::Workload;
use guardd::csi::{Cluster, DRIVER, Refusal, SpecAnswer};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::api::{Client, credspecs};

/// For one answer; kubelet waits for two minutes altogether.
const PATIENCE: Duration = Duration::from_secs(15);

/// The cluster, for the guard of a node.
pub struct PodSpecs {
    client: Client,
}

impl PodSpecs {
    /// Asks with this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn read(&self, pod: &Workload, token: &SecretString, name: &str) -> Result<String, Refusal> {
        let user = self.vouch(token).await?;
        proves(&user, pod)?;
        self.authorise(user, pod, name).await?;
        let found = ask("reading the credential spec", credspecs(self.client.clone()).get_opt(name)).await?;
        let spec = found.ok_or_else(|| Refusal::NoSpec(name.to_owned()))?;
        match spec.data.get("credspec") {
            Some(contents) => Ok(contents.to_string()),
            None => Err(Refusal::BadSpec { name: name.to_owned(), what: "it has no credspec in it".to_owned() }),
        }
    }

    /// Who the API server says the token is of.
    async fn vouch(&self, token: &SecretString) -> Result<UserInfo, Refusal> {
        let spec =
            TokenReviewSpec { audiences: Some(vec![DRIVER.to_owned()]), token: Some(token.expose_secret().to_owned()) };
        let reviews: Api<TokenReview> = Api::all(self.client.clone());
        let (parameters, question) = (PostParams::default(), TokenReview { spec, ..TokenReview::default() });
        let status = ask("having the API server check the pod's token", reviews.create(&parameters, &question)).await?;
        let status = status.status.unwrap_or_default();
        let for_us = status.audiences.unwrap_or_default().iter().any(|audience| audience == DRIVER);
        match status.user {
            Some(user) if status.authenticated.unwrap_or_default() && for_us => Ok(user),
            _ => Err(Refusal::Token(status.error.unwrap_or_else(|| "it is for another audience".to_owned()))),
        }
    }

    async fn authorise(&self, user: UserInfo, pod: &Workload, name: &str) -> Result<(), Refusal> {
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let (parameters, question) = (PostParams::default(), question(user, &pod.namespace, name));
        let review = ask("asking whether the pod may use the credential spec", reviews.create(&parameters, &question));
        let status = review.await?.status.unwrap_or_default();
        match status.allowed && !status.denied.unwrap_or_default() {
            true => Ok(()),
            false => Err(Refusal::NotAllowed {
                namespace: pod.namespace.clone(),
                service_account: pod.service_account.clone(),
                name: name.to_owned(),
                reason: status.reason.unwrap_or_default(),
            }),
        }
    }
}

impl Cluster for PodSpecs {
    fn credential_spec<'a>(&'a self, pod: &'a Workload, token: &'a SecretString, name: &'a str) -> SpecAnswer<'a> {
        Box::pin(self.read(pod, token, name))
    }
}

/// One question; the answer may not take long.
async fn ask<A>(doing: &'static str, asked: impl Future<Output = kube::Result<A>>) -> Result<A, Refusal> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| Refusal::Unreachable { doing, what: chain(&error) }),
        Err(_) => Err(Refusal::Unreachable { doing, what: "the API server did not answer in time".to_owned() }),
    }
}

/// An error and its causes: what was wrong with a connection is in the last of them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// A token of a pod names it: Kubernetes, "Schema for service account private claims".
fn proves(user: &UserInfo, pod: &Workload) -> Result<(), Refusal> {
    let extra = |name: &str| {
        let values = user.extra.as_ref().and_then(|extra| extra.get(&format!("authentication.kubernetes.io/{name}")));
        values.and_then(|values| values.first()).map_or("", String::as_str)
    };
    let account = format!("system:serviceaccount:{}:{}", pod.namespace, pod.service_account);
    let username = user.username.as_deref().unwrap_or_default();
    if username == account && extra("pod-name") == pod.pod && extra("pod-uid") == pod.uid {
        return Ok(());
    }
    let described = |account: &str, name: &str, uid: &str| format!("{account}, pod {name:?} with the uid {uid:?}");
    Err(Refusal::OtherPod {
        claimed: described(&account, &pod.pod, &pod.uid),
        proven: described(username, extra("pod-name"), extra("pod-uid")),
    })
}

fn question(user: UserInfo, namespace: &str, name: &str) -> SubjectAccessReview {
    let attributes = ResourceAttributes {
        group: Some("windows.k8s.io".to_owned()),
        version: Some("v1".to_owned()),
        resource: Some("gmsacredentialspecs".to_owned()),
        verb: Some("use".to_owned()),
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SubjectAccessReviewSpec {
        user: user.username,
        uid: user.uid,
        groups: user.groups,
        extra: user.extra.map(|extra| extra.into_iter().collect::<BTreeMap<_, _>>()),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    SubjectAccessReview { spec, ..SubjectAccessReview::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Workload {
        Workload { namespace: "shop".into(), pod: "web-0".into(), uid: "u-1".into(), service_account: "web".into() }
    }

    fn user(name: &str, uid: &str) -> UserInfo {
        let extra = [("pod-name", name), ("pod-uid", uid)]
            .map(|(key, value)| (format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]));
        UserInfo {
            username: Some("system:serviceaccount:shop:web".into()),
            extra: Some(extra.into()),
            ..UserInfo::default()
        }
    }

    #[test]
    fn a_token_counts_for_its_own_pod_only() {
        assert!(proves(&user("web-0", "u-1"), &pod()).is_ok());
        for other in [user("web-1", "u-1"), user("web-0", "u-2"), UserInfo { extra: None, ..user("web-0", "u-1") }] {
            assert!(matches!(proves(&other, &pod()), Err(Refusal::OtherPod { .. })));
        }
        let elsewhere = Workload { namespace: "bank".into(), ..pod() };
        assert!(proves(&user("web-0", "u-1"), &elsewhere).is_err());
    }

    #[test]
    fn permission_is_asked_for_who_the_token_is() {
        let asked = question(user("web-0", "u-1"), "shop", "webapp01").spec;
        assert_eq!(asked.user.as_deref(), Some("system:serviceaccount:shop:web"));
        let attributes = asked.resource_attributes.unwrap();
        assert_eq!(attributes.verb.as_deref(), Some("use"));
        assert_eq!(attributes.resource.as_deref(), Some("gmsacredentialspecs"));
        assert_eq!((attributes.namespace.as_deref(), attributes.name.as_deref()), (Some("shop"), Some("webapp01")));
    }
}
