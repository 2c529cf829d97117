//! What a refusal says: its error code, and nothing else of it, because the rest may repeat what was sent.
//!
//! Key Vault: `{"error": {"code": "Forbidden", "innererror": {"code": "AccessDenied"}, …}}`. Metadata service: `{"error": "invalid_request", …}`.

use serde::Deserialize;

#[derive(Deserialize)]
struct Refusal {
    error: Code,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Text(String),
    Object { code: Option<String>, innererror: Option<Inner> },
}

#[derive(Deserialize)]
struct Inner {
    code: Option<String>,
}

/// The error code in a refusal, the inner one where there is one; empty when it has none that is a plain word.
pub(super) fn code(body: &[u8]) -> String {
    let Ok(Refusal { error }) = serde_json::from_slice(body) else { return String::new() };
    let code = match error {
        Code::Text(code) => Some(code),
        Code::Object { code, innererror } => innererror.and_then(|inner| inner.code).or(code),
    };
    let plain =
        |code: &String| (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    code.filter(plain).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_a_refusal_is_repeated() {
        for (body, expected) in [
            (r#"{"error":"invalid_request","error_description":"Identity not found"}"#, "invalid_request"),
            (r#"{"error":{"code":"SecretNotFound","message":"A secret with … hunter2"}}"#, "SecretNotFound"),
            (
                r#"{"error":{"code":"Forbidden","message":"x","innererror":{"code":"ForbiddenByFirewall"}}}"#,
                "ForbiddenByFirewall",
            ),
            (r#"{"error":{"code":"Forbidden","innererror":null}}"#, "Forbidden"),
            (r#"{"error":{"code":"hunter2\r\n\u001b[2J"}}"#, ""),
            (r#"{"error":{"code":"","innererror":{}}}"#, ""),
            (r#"{"error":["hunter2"]}"#, ""),
            ("<html>hunter2</html>", ""),
            ("", ""),
        ] {
            assert_eq!(code(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(code(format!(r#"{{"error":"{}"}}"#, "x".repeat(65)).as_bytes()), "");
    }
}
