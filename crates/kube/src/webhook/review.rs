//! The API server's question and our answer. Kubernetes API, `admission.k8s.io/v1`; v1beta1 has the same fields.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Denial;

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
    #[serde(default)]
    object: Value,
    #[serde(default)]
    old_object: Value,
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
    pub fn parse(body: &[u8]) -> Result<Self, Denial> {
        #[derive(Deserialize)]
        struct Envelope {
            request: Option<Review>,
        }
        let envelope: Envelope = serde_json::from_slice(body).map_err(|error| Denial::NotAReview(error.to_string()))?;
        envelope.request.ok_or(Denial::NoRequest)
    }

    /// The pod, as it is to be.
    ///
    /// # Errors
    /// [`Denial::Kind`] or [`Denial::Pod`].
    pub fn pod(&self) -> Result<super::Pod, Denial> {
        self.read(&self.object)
    }

    /// The pod, as it is.
    ///
    /// # Errors
    /// The same.
    pub fn old_pod(&self) -> Result<super::Pod, Denial> {
        self.read(&self.old_object)
    }

    fn read(&self, object: &Value) -> Result<super::Pod, Denial> {
        if self.kind.kind != "Pod" {
            return Err(Denial::Kind(self.kind.kind.chars().take(128).collect()));
        }
        // serde takes a list for a structure as well.
        let parts = [Some(object), object.get("metadata"), object.get("spec")];
        if !object.is_object() || parts.into_iter().flatten().any(Value::is_array) {
            return Err(Denial::Pod("it is no object".to_owned()));
        }
        super::Pod::deserialize(object).map_err(|error| Denial::Pod(error.to_string()))
    }
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
