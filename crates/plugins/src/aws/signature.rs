//! What proves to AWS who asks: Signature Version 4.
//!
//! AWS, "Signature Version 4 signing process". Only what the requests here need: no query, and a path that is encoded already. Every header
//! that is given is signed.

use dtyp::FileTime;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Keys;

/// What is signed.
pub(super) struct Signable<'a> {
    pub(super) method: &'a str,
    /// Encoded as it is sent.
    pub(super) path: &'a str,
    /// In lower case and in the order of their names; `host` and `x-amz-date` are among them.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// For whom, where and when.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) now: FileTime,
}

impl Scope<'_> {
    /// `20150830T123600Z`, as `x-amz-date` has it.
    pub(super) fn time(&self) -> String {
        let text = self.now.generalized();
        let (date, time) = (text.get(..8).unwrap_or_default(), text.get(8..14).unwrap_or_default());
        format!("{date}T{time}Z")
    }

    fn date(&self) -> String {
        self.now.generalized().chars().take(8).collect()
    }
}

/// The value of the header `authorization`.
pub(super) fn authorization(request: &Signable<'_>, scope: &Scope<'_>, keys: &Keys) -> Zeroizing<String> {
    let names = request.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let headers: String = request.headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let headers = Zeroizing::new(headers);
    let Signable { method, path, body, .. } = request;
    let canonical = Zeroizing::new(format!("{method}\n{path}\n\n{}\n{names}\n{}", *headers, sha256(body)));
    let (date, Scope { region, service, .. }) = (scope.date(), scope);
    let credential = format!("{date}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{}\n{credential}\n{}", scope.time(), sha256(canonical.as_bytes()));

    let first = Zeroizing::new(format!("AWS4{}", keys.secret.expose_secret()));
    let mut key = mac(first.as_bytes(), date.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = mac(key.as_slice(), part.as_bytes());
    }
    let signature = hex(mac(key.as_slice(), text.as_bytes()).as_slice());
    let id = &keys.id;
    Zeroizing::new(format!(
        "AWS4-HMAC-SHA256 Credential={id}/{credential}, SignedHeaders={names}, Signature={signature}"
    ))
}

fn mac(key: &[u8], text: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    // HMAC takes keys of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) {
        mac.update(text);
        out.copy_from_slice(&mac.finalize().into_bytes());
    }
    out
}

/// In hexadecimal digits, as `x-amz-content-sha256` has it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");
    const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    /// AWS's own vectors (aws-sig-v4-test-suite): get-vanilla, post-vanilla, post-x-www-form-urlencoded, post-sts-header-before.
    #[test]
    fn signatures_are_those_of_aws_own_vectors() {
        let scope = Scope {
            region: "us-east-1",
            service: "service",
            now: FileTime::parse_generalized("20150830123600.0Z").unwrap(),
        };
        let keys = Keys::new("AKIDEXAMPLE", SECRET.into(), None).unwrap();
        let form = ("content-type", "application/x-www-form-urlencoded");
        type Vector<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);
        let vectors: [Vector<'_>; 4] = [
            (
                "GET",
                &[HOST, DATE],
                "",
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                &[HOST, DATE],
                "",
                "host;x-amz-date",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "POST",
                &[form, HOST, DATE],
                "Param1=value1",
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "POST",
                &[HOST, DATE, ("x-amz-security-token", TOKEN)],
                "",
                "host;x-amz-date;x-amz-security-token",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ];
        assert_eq!(scope.time(), DATE.1);
        for (method, headers, body, names, signature) in vectors {
            let request = Signable { method, path: "/", headers, body: body.as_bytes() };
            let expected = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, Signature={signature}"
            );
            assert_eq!(*authorization(&request, &scope, &keys), expected);
        }
    }
}
