//! The API server's question and our answer. Kubernetes API, `admission.k8s.io/v1`; v1beta1 has the same fields.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::pod::OnlyObject;
use super::{Denial, Pod};

/// It has 36 letters, and is repeated in the answer.
const LONGEST_UID: usize = 128;

/// A question about one object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// What the answer must repeat.
    #[serde(default)]
    pub uid: String,
    #[serde(default)]
    kind: Kind,
    /// `ephemeralcontainers`, or empty.
    #[serde(default)]
    pub sub_resource: Option<String>,
    /// Where the object is.
    #[serde(default)]
    pub namespace: String,
    /// `CREATE`, `UPDATE`, ...
    #[serde(default)]
    pub operation: String,
    /// Whether nothing comes of it.
    #[serde(default)]
    pub dry_run: bool,
    /// All of it. The pods are read out of it when they are asked for: what does not matter of them never takes up memory.
    #[serde(skip)]
    body: Bytes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Kind {
    kind: String,
}

/// What is changed on the way in: one step of a JSON patch. RFC 6902 4.1.
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// Where. RFC 6901.
    pub path: String,
    /// What.
    pub value: Value,
}

impl Review {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`Denial::NotAReview`] or [`Denial::NoRequest`].
    pub fn parse(body: impl Into<Bytes>) -> Result<Self, Denial> {
        let body = body.into();
        #[derive(Deserialize)]
        struct Envelope {
            request: Option<Review>,
        }
        let envelope: Envelope = serde_json::from_slice(&body).map_err(|error| Denial::NotAReview(brief(&error)))?;
        let mut review = envelope.request.ok_or(Denial::NoRequest)?;
        if review.uid.len() > LONGEST_UID {
            return Err(Denial::NotAReview(format!("its uid is longer than {LONGEST_UID} bytes")));
        }
        review.body = body;
        Ok(review)
    }

    /// In how many places a spec is named.
    pub(super) fn names(&self) -> usize {
        self.pod().map_or(0, |pod| pod.names())
    }

    /// The pod, as it is to be.
    ///
    /// # Errors
    /// [`Denial::Kind`] or [`Denial::Pod`].
    pub fn pod(&self) -> Result<Pod, Denial> {
        #[derive(Deserialize)]
        struct Request {
            object: Option<OnlyObject<Pod>>,
        }
        self.read::<Request>().map(|request| request.object)?.map(OnlyObject::get).ok_or_else(nothing)
    }

    /// The pod, as it is.
    ///
    /// # Errors
    /// The same.
    pub fn old_pod(&self) -> Result<Pod, Denial> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Request {
            old_object: Option<OnlyObject<Pod>>,
        }
        self.read::<Request>().map(|request| request.old_object)?.map(OnlyObject::get).ok_or_else(nothing)
    }

    fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Denial> {
        #[derive(Deserialize)]
        struct Envelope<T> {
            request: T,
        }
        if self.kind.kind != "Pod" {
            return Err(Denial::Kind(self.kind.kind.chars().take(128).collect()));
        }
        let envelope: Result<Envelope<T>, _> = serde_json::from_slice(&self.body);
        envelope.map(|envelope| envelope.request).map_err(|error| Denial::Pod(brief(&error)))
    }
}

/// What the parser says, which repeats what it does not like.
fn brief(error: &serde_json::Error) -> String {
    error.to_string().chars().take(300).collect()
}

fn nothing() -> Denial {
    Denial::Pod("there is none".to_owned())
}

/// The answer, as it is sent.
#[must_use]
pub fn answer(uid: &str, result: &Result<Vec<Addition>, Denial>) -> Value {
    let mut response = json!({ "uid": uid, "allowed": result.is_ok() });
    match result {
        Ok(additions) if !additions.is_empty() => {
            let step = |step: &Addition| json!({ "op": "add", "path": step.path, "value": step.value });
            let patch = Value::Array(additions.iter().map(step).collect()).to_string();
            response["patchType"] = json!("JSONPatch");
            response["patch"] = json!(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, patch));
        }
        Ok(_) => {}
        Err(denial) => response["status"] = json!({ "message": denial.to_string(), "code": denial.code() }),
    }
    json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response })
}
