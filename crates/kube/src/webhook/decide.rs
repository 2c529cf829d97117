//! What is admitted, and with what added. No I/O but through [`Lookups`].

use std::collections::BTreeMap;
use std::sync::Arc;

use dtyp::Random;
use serde_json::{Value, json};

use super::linux;
use super::pod::{Level, Pod, Site, WindowsOptions};
use super::review::{Addition, Review};
use super::{Denial, go, unique};

/// All contents that are written into a pod: some hundred times those of a usual spec.
const MOST_CONTENTS: usize = 512 << 10;

/// A pod's identity at the API server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceAccount {
    /// Its namespace, which is the pod's.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Whether something is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Allowed,
    /// It is not; what the API server said about it.
    Denied(String),
}

/// What is asked of the cluster. An error is the words for the one who creates the pod.
pub trait Lookups: Send + Sync {
    /// Whether the service account has the verb `use` on the GMSACredentialSpec.
    fn may_use(&self, who: &ServiceAccount, spec: &str) -> impl Future<Output = Verdict> + Send;
    /// The GMSACredentialSpec, whole, as far as is known.
    ///
    /// # Errors
    /// When it cannot be said whether there is one.
    fn spec(&self, name: &str) -> impl Future<Output = Result<Option<Value>, String>> + Send;
    /// The same as it is at this moment, before somebody is refused for what may have changed.
    ///
    /// # Errors
    /// The same.
    fn spec_now(&self, name: &str) -> impl Future<Output = Result<Option<Value>, String>> + Send;
}

/// Decides.
pub struct Decider<L> {
    /// The cluster.
    pub lookups: L,
    /// Whether pods with an identity get a host name of their own: replicas of one name have been seen to lose the domain's trust.
    pub random_hostname: bool,
    /// Where that comes from.
    pub random: Arc<dyn Random>,
}

/// How a review may come: what it is about.
enum Subject {
    /// A new pod.
    New(Pod),
    /// A running pod that gets more ephemeral containers.
    MoreContainers(Pod, Pod),
    /// A running pod.
    Running(Pod, Pod),
}

fn subject(review: &Review) -> Result<Subject, Denial> {
    let ephemeral = review.sub_resource.as_deref() == Some("ephemeralcontainers");
    match review.operation.as_str() {
        "CREATE" => Ok(Subject::New(review.pod()?)),
        "UPDATE" if ephemeral => Ok(Subject::MoreContainers(review.pod()?, review.old_pod()?)),
        "UPDATE" => Ok(Subject::Running(review.pod()?, review.old_pod()?)),
        other => Err(Denial::Operation(other.chars().take(128).collect())),
    }
}

impl<L: Lookups> Decider<L> {
    /// What is added to the pod: contents of the specs it names, the identity's volume for Linux, a host name.
    ///
    /// # Errors
    /// Why it is not admitted. Whoever may not use a spec does not learn here whether it exists.
    pub async fn mutate(&self, review: &Review) -> Result<Vec<Addition>, Denial> {
        match subject(review)? {
            Subject::New(pod) => {
                let mut additions = self.contents(review, &pod, pod.sites()).await?;
                self.check_linux(review, &pod).await?;
                additions.extend(linux::additions(&pod, pod.containers()));
                let has_identity = pod.sites().any(|site| name(&site).is_some()) || linux::annotated(&pod).is_some();
                if self.random_hostname && has_identity && pod.spec.hostname.is_empty() {
                    additions.push(Addition { path: "/spec/hostname".into(), value: json!(self.hostname()) });
                }
                Ok(additions)
            }
            Subject::MoreContainers(pod, old) => {
                let mut additions = self.contents(review, &pod, added(&pod, &old)).await?;
                let added: Vec<_> = added(&pod, &old).map(|site| site.name.to_owned()).collect();
                let is_added =
                    |level, name: &str| level == Level::EphemeralContainer && added.iter().any(|a| a == name);
                let containers = pod.containers().filter(|(level, _, container)| is_added(*level, &container.name));
                additions.extend(linux::mounts(&pod, containers));
                Ok(additions)
            }
            Subject::Running(..) => Ok(Vec::new()),
        }
    }

    /// Whether the pod may be what it says.
    ///
    /// # Errors
    /// Why not.
    pub async fn validate(&self, review: &Review) -> Result<(), Denial> {
        match subject(review)? {
            Subject::New(pod) => {
                for site in pod.sites() {
                    self.check(review, &pod, &site).await?;
                }
                self.check_linux(review, &pod).await
            }
            Subject::MoreContainers(pod, old) => {
                for site in added(&pod, &old) {
                    self.check(review, &pod, &site).await?;
                }
                unchanged(&pod, &old)
            }
            Subject::Running(pod, old) => unchanged(&pod, &old),
        }
    }

    async fn contents<'p>(
        &self,
        review: &Review,
        pod: &Pod,
        sites: impl Iterator<Item = Site<'p>>,
    ) -> Result<Vec<Addition>, Denial> {
        let (mut additions, mut written) = (Vec::new(), 0_usize);
        for site in sites {
            if let Some(WindowsOptions { gmsa_credential_spec_name: Some(name), gmsa_credential_spec: None }) =
                site.options
            {
                check_name(&site, name)?;
                self.authorize(review, pod, name).await?;
                let contents = go::json(&self.credspec(name).await?);
                written = written.saturating_add(contents.len());
                if written > MOST_CONTENTS {
                    return Err(Denial::TooMuch(MOST_CONTENTS));
                }
                additions.push(Addition { path: site.contents_path(), value: json!(contents) });
            }
        }
        Ok(additions)
    }

    async fn check(&self, review: &Review, pod: &Pod, site: &Site<'_>) -> Result<(), Denial> {
        let Some(options) = site.options else { return Ok(()) };
        match (&options.gmsa_credential_spec_name, &options.gmsa_credential_spec) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Denial::NoName(site.to_string())),
            (Some(name), contents) => {
                check_name(site, name)?;
                self.authorize(review, pod, name).await?;
                let Some(contents) = contents else { return Ok(()) };
                let expected = self.credspec(name).await?;
                let mismatch = |error| Denial::Mismatch { site: site.to_string(), spec: name.clone(), error };
                match unique::parse(contents) {
                    Ok(contents) if contents == expected => Ok(()),
                    // Another replica, which has written them, may have heard of a change sooner.
                    Ok(contents) if contents == credspec(name, self.lookups.spec_now(name).await)? => Ok(()),
                    Ok(_) => Err(mismatch(None)),
                    Err(error) => Err(mismatch(Some(error.to_string().chars().take(300).collect()))),
                }
            }
        }
    }

    async fn check_linux(&self, review: &Review, pod: &Pod) -> Result<(), Denial> {
        let Some(name) = linux::annotated(pod) else { return Ok(()) };
        let mut sites = pod.sites();
        let whole = sites.next();
        if whole.iter().chain(sites.by_ref().collect::<Vec<_>>().iter()).any(|site| name_or_contents(site)) {
            return Err(Denial::Both { annotation: linux::ANNOTATION });
        }
        if let Some(whole) = &whole {
            check_name(whole, name)?;
        }
        self.authorize(review, pod, name).await?;
        self.credspec(name).await.map(drop)
    }

    async fn authorize(&self, review: &Review, pod: &Pod, spec: &str) -> Result<(), Denial> {
        let account = pod.service_account();
        // Anybody who reaches the port can send a review, and this becomes part of an address.
        if review.namespace.parse::<credspec::Namespace>().is_err() {
            return Err(Denial::Pod(format!("{} is no namespace", go::quoted(&review.namespace))));
        }
        let who = ServiceAccount { namespace: review.namespace.clone(), name: account.to_owned() };
        match self.lookups.may_use(&who, spec).await {
            Verdict::Allowed => Ok(()),
            Verdict::Denied(reason) => {
                Err(Denial::NotAuthorized { account: account.to_owned(), spec: spec.to_owned(), reason })
            }
        }
    }

    async fn credspec(&self, name: &str) -> Result<Value, Denial> {
        match credspec(name, self.lookups.spec(name).await) {
            Err(Denial::NoSpec(_) | Denial::NoContents(_)) => credspec(name, self.lookups.spec_now(name).await),
            known => known,
        }
    }

    /// Fifteen characters of a random UUID, as many as a NetBIOS name has. RFC 9562 5.4.
    fn hostname(&self) -> String {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        let digits = format!("{:016x}", u64::from_be_bytes(bytes));
        format!("{}-{}-4", digits.get(..8).unwrap_or_default(), digits.get(8..12).unwrap_or_default())
    }
}

fn credspec(name: &str, found: Result<Option<Value>, String>) -> Result<Value, Denial> {
    match found {
        Ok(Some(mut spec)) => match spec.get_mut("credspec").map(Value::take) {
            Some(contents @ Value::Object(_)) => Ok(contents),
            _ => Err(Denial::NoContents(name.to_owned())),
        },
        Ok(None) => Err(Denial::NoSpec(name.to_owned())),
        Err(reason) => Err(Denial::Unavailable { spec: name.to_owned(), reason }),
    }
}

fn name<'a>(site: &Site<'a>) -> Option<&'a str> {
    site.options?.gmsa_credential_spec_name.as_deref()
}

fn name_or_contents(site: &Site<'_>) -> bool {
    site.options.is_some_and(|options| *options != WindowsOptions::default())
}

/// Before it goes into an address: RFC 1123 2.1, in lower case as Kubernetes wants it.
fn check_name(site: &Site<'_>, name: &str) -> Result<(), Denial> {
    let bad = || Denial::BadName { site: site.to_string(), name: name.to_owned() };
    if credspec::is_resource_name(name) { Ok(()) } else { Err(bad()) }
}

/// Ephemeral containers that were not there.
fn added<'a>(pod: &'a Pod, old: &'a Pod) -> impl Iterator<Item = Site<'a>> {
    let is_new = |site: &Site<'_>| !old.sites().any(|before| before.level == site.level && before.name == site.name);
    pod.sites().filter(move |site| site.level == Level::EphemeralContainer && is_new(site))
}

/// A running pod stays who it is. Only what is new is looked at elsewhere.
fn unchanged(pod: &Pod, old: &Pod) -> Result<(), Denial> {
    let nothing = WindowsOptions::default();
    // The pod's own name does not tell it apart from anything.
    let key =
        |site: &Site<'_>| (site.level, if site.level == Level::Pod { String::new() } else { site.name.to_owned() });
    let before: BTreeMap<_, _> =
        old.sites().map(|site| (key(&site), site.options.unwrap_or(&nothing).clone())).collect();
    for site in pod.sites() {
        let now = site.options.unwrap_or(&nothing);
        let was = match before.get(&key(&site)) {
            Some(was) => was,
            None if site.level == Level::EphemeralContainer => continue,
            None => &nothing,
        };
        let differences = [
            (now.gmsa_credential_spec_name != was.gmsa_credential_spec_name, "name"),
            (now.gmsa_credential_spec != was.gmsa_credential_spec, "contents"),
        ];
        let what: Vec<_> = differences.into_iter().filter_map(|(differs, what)| differs.then_some(what)).collect();
        if !what.is_empty() {
            return Err(Denial::Modified { what: what.join(" and "), site: site.to_string() });
        }
    }
    match (linux::annotated(pod) == linux::annotated(old), pod.sites().next()) {
        (false, Some(whole)) => Err(Denial::Modified { what: "name".to_owned(), site: whole.to_string() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
