//! Drop-in, in both directions: Rancher's plugin with our account provider, and our plugin with Rancher's account provider.
//!
//! Neither of Rancher's two runs here: the one is a .NET Framework DLL for Windows, the other is in no registry. curl behaves as the DLL does
//! (TLS 1.2 alone, the client certificate from a PKCS #12 file without a password), and a small server as the provider does.
#![allow(clippy::expect_used, clippy::panic, reason = "only tests here; failing is their job")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use pando_tests::chain::{AccountProvider, NAMESPACE, SECRET, credential_spec, guard_fetch};
use pando_tests::{Domain, Finished, GUARD_PASSWORD, Tool, python};
use serde_json::Value;

/// As the DLL asks: https://localhost:PORT/provider, with the secret's name in the header `object`.
fn as_the_dll(domain: &Domain, more: &[&str]) -> Finished {
    let folder = domain.path("host").join(NAMESPACE);
    let port = std::fs::read_to_string(folder.join("port.txt")).expect("the provider has left its port");
    Tool::new("curl")
        .args(["-sS", "--tlsv1.2", "--tls-max", "1.2", "--cert-type", "P12", "--cacert"])
        .arg(folder.join("ssl/ca/ca.crt"))
        .args(["-H", &format!("object: {SECRET}")])
        .args(more)
        .arg(format!("https://localhost:{port}/provider"))
        .run()
}

#[test]
fn rancher_s_plugin_gets_the_credentials_from_our_provider_in_legacy_mode() {
    let domain = Domain::start();
    let _provider = AccountProvider::start_legacy(&domain);
    let pfx = domain.path("host").join(NAMESPACE).join("ssl/client/tls.pfx").display().to_string();
    let answered = as_the_dll(&domain, &["--cert", &format!("{pfx}:"), "--fail"]);
    assert_eq!(answered.code, Some(0), "{answered}");
    let answer: Value = serde_json::from_str(&answered.stdout).expect("it is JSON");
    assert_eq!(
        answer,
        serde_json::json!({ "username": "svc-guard", "password": GUARD_PASSWORD, "domainName": "contoso.com" })
    );
    // Without the file the DLL asks without a certificate, which today's provider lets be and ours does not.
    assert_ne!(as_the_dll(&domain, &[]).code, Some(0));

    // Whoever reads such files reads this one, with the password as an empty text or none at all.
    let read = ["pkcs12", "-in", &pfx, "-passin", "pass:", "-nodes", "-info"];
    let opened = Tool::new("openssl").args(read).ok();
    opened.says("pbeWithSHA1And3-KeyTripleDES-CBC").says("BEGIN PRIVATE KEY").says("CN = ccg-plugin");
    python::script(&domain, "pkcs12.py").arg(&pfx).ok().says("ccg-plugin");

    let audit = std::fs::read_to_string(domain.path("audit.log")).expect("the audit is written");
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let [given, refused] = lines.as_slice() else { panic!("{audit}") };
    assert_eq!((&given["outcome"], &given["secret"]), (&Value::from("given"), &Value::from(SECRET)));
    assert_eq!(given["client"]["common_name"], "ccg-plugin");
    assert_eq!(refused["outcome"], "no_certificate");
    assert!(!audit.contains(GUARD_PASSWORD));
}

/// The authority stands among the machine's roots: it must be of no use against other sites.
#[test]
fn the_authority_of_legacy_mode_vouches_for_no_other_host() {
    let domain = Domain::start();
    let _provider = AccountProvider::start_legacy(&domain);
    let ca = domain.path("host").join(NAMESPACE).join("ssl/ca/ca.crt");
    let text = Tool::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(&ca).ok();
    text.says("X509v3 Name Constraints: critical").says("DNS:localhost").says("IP:127.0.0.0/255.0.0.0");
    // With the authority's own key.
    let (key, state) = (domain.path("site.key"), domain.path("provider"));
    for (name, code) in [("localhost", 0), ("www.example.com", 2)] {
        let site = domain.path("site.crt");
        let made = Tool::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"])
            .args(["-addext", &format!("subjectAltName=DNS:{name}"), "-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&site)
            .arg("-CA")
            .arg(&ca)
            .arg("-CAkey")
            .arg(state.join("ca.key"))
            .ok();
        drop(made);
        let checked = Tool::new("openssl").args(["verify", "-CAfile"]).arg(&ca).arg(&site).run();
        assert_eq!(checked.code, Some(code), "{name}: {checked}");
    }
}

/// A server that listens where Rancher's would, and ends with this value.
struct TodaysProvider(Child);

impl TodaysProvider {
    fn start(domain: &Domain) -> Self {
        let folder = domain.path("host").join(NAMESPACE);
        certificates(&folder);
        let mut command = Tool::new("/usr/bin/python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("chain/todays_provider.py"))
            .arg(&folder)
            .args([SECRET, "svc-guard", GUARD_PASSWORD, "contoso.com"])
            .into_command();
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it can be started");
        let mut port = String::new();
        let said = process.stdout.take().expect("stdout is piped");
        BufReader::new(said).read_line(&mut port).expect("it says its port");
        std::fs::write(folder.join("port.txt"), port.trim()).expect("the port can be written");
        Self(process)
    }
}

impl Drop for TodaysProvider {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Certificates as Rancher's chart has cert-manager make them: RSA of 4096 bits, good for both sides, and with a name that is none.
fn certificates(folder: &Path) {
    let script = r#"set -e
umask 077; mkdir -p "$1/ssl/ca" "$1/ssl/server" "$1/ssl/client"; cd "$1/ssl"
openssl req -x509 -newkey rsa:4096 -nodes -days 3650 -subj /CN=rancher-gmsa-ca -keyout ../ca.key -out ca/ca.crt
cp ca/ca.crt ca/tls.crt
printf '%s\n' 'subjectAltName=DNS:https://localhost,DNS:localhost' 'extendedKeyUsage=serverAuth,clientAuth' \
    'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature,keyEncipherment' >../leaf.ext
for side in server client; do
    openssl req -newkey rsa:4096 -nodes -subj / -keyout "$side/tls.key" -out ../leaf.csr
    openssl x509 -req -in ../leaf.csr -CA ca/ca.crt -CAkey ../ca.key -CAcreateserial -days 3650 -extfile ../leaf.ext -out "$side/tls.crt"
    cp ca/ca.crt "$side/ca.crt"
done"#;
    Tool::new("sh").args(["-c", script, "sh"]).arg(folder).ok();
}

#[test]
fn our_plugin_gets_the_credentials_from_rancher_s_provider() {
    let domain = Domain::start();
    let _provider = TodaysProvider::start(&domain);
    let spec = credential_spec(&domain);
    guard_fetch(&domain, &spec).ok().says("webapp01$@CONTOSO.COM");
    // What it answers for a secret that it has not.
    let text = std::fs::read_to_string(&spec).expect("the spec can be read");
    let other = domain.path("other.json");
    std::fs::write(&other, text.replace(SECRET, "others")).expect("it can be written");
    guard_fetch(&domain, &other).fails(1).says("the plugin and its secret source");
}
