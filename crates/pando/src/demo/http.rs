//! A browser's part of the demo: the example's JSON interface over HTTP.

use serde_json::Value;

use crate::commands::Failed;

/// The example, as a client sees it.
pub struct Site {
    agent: ureq::Agent,
    address: String,
}

impl Site {
    /// The site at `address`.
    pub fn at(address: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        Self { agent: config.into(), address: address.to_owned() }
    }

    /// Logs in: the answer's status and body.
    pub fn log_in(&self, name: &str, password: &str) -> Result<(u16, Value), Failed> {
        let request = self.agent.post(self.url("login")).header("content-type", "application/json");
        read(request.send(serde_json::json!({ "username": name, "password": password }).to_string())?)
    }

    /// Looks at the limits with the token of a login.
    pub fn limits(&self, token: &str) -> Result<(u16, Value), Failed> {
        read(self.agent.get(self.url("limits")).header("authorization", bearer(token)).call()?)
    }

    /// Changes a limit.
    pub fn change(&self, token: &str, name: &str, per_minute: u32) -> Result<(u16, Value), Failed> {
        let request = self.agent.put(self.url("limits")).header("authorization", bearer(token));
        let body = serde_json::json!({ "name": name, "per_minute": per_minute });
        read(request.header("content-type", "application/json").send(body.to_string())?)
    }

    fn url(&self, what: &str) -> String {
        format!("http://{}/api/{what}", self.address)
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<(u16, Value), Failed> {
    let body = response.body_mut().with_config().limit(64 * 1024).read_to_string()?;
    Ok((response.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::Null)))
}
