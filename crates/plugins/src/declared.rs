//! What operators declare about whom a plugin asks: hosts, by the rules that credential specs have for them.

use credspec::SecretUri;

/// Of a text that cannot be used, as much as is shown.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

/// `host` or `host:port`, and nothing else.
pub(crate) fn host(text: &str) -> Option<SecretUri> {
    // With a path of its own it could complete what is put behind it here.
    if text.contains(['/', '?', '#']) {
        return None;
    }
    format!("https://{text}/secrets/x").parse().ok()
}

/// The address of an instance metadata service, `http://host` or `http://host:port`; otherwise what of it is shown.
pub(crate) fn metadata_service(url: &str) -> Result<String, String> {
    url.strip_prefix("http://").and_then(host).map(|_| url.to_owned()).ok_or_else(|| shown(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metadata_service_is_a_host_and_a_port() {
        for url in ["http://169.254.169.254", "http://localhost:8080", "http://imds.example"] {
            assert_eq!(metadata_service(url).as_deref(), Ok(url));
        }
        for url in [
            "",
            "169.254.169.254",
            "https://x",
            "http://",
            "http://x/",
            "http://x?y",
            "http://u@x",
            "http://x/a",
            "http://x/secrets",
            "http://x/secrets/a",
            "http://x/secrets/a?",
            "http://x:0",
        ] {
            assert!(metadata_service(url).is_err(), "{url}");
        }
        assert_eq!(metadata_service(&"x".repeat(300)).map_err(|shown| shown.len()), Err(200));
    }
}
