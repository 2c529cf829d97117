//! A region of AWS for one test: moto, which implements it, and lets nobody in whose signature botocore would not have made.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use dtyp::SystemClock;
use pki::{Authority, Purpose, Validity};
use serde_json::{Value, json};

use crate::python;

/// Where everything is.
pub const REGION: &str = "eu-central-1";

/// The region, which ends with the test.
pub struct Aws {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    ca: PathBuf,
    facts: Value,
}

/// An access key of the region.
pub struct AccessKey {
    /// Its name.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Of keys that belong to a session.
    pub token: String,
}

impl Aws {
    /// The region, with its authority and its log in `folder`.
    pub fn start(folder: &Path) -> Self {
        let authority = Authority::create("emulated AWS", Validity::DAY, &SystemClock).expect("an authority");
        let leaf = authority.issue(&Purpose::server(["localhost"]), Validity::DAY, &SystemClock).expect("a leaf");
        let path = |name: &str| folder.join(name);
        let (ca, certificate, key) = (path("aws-ca.pem"), path("aws.pem"), path("aws.key"));
        std::fs::write(&ca, authority.certificate_pem()).expect("the authority can be written");
        std::fs::write(&certificate, leaf.chain_pem()).expect("the certificate can be written");
        std::fs::write(&key, leaf.key_pem()).expect("the key can be written");
        let log = std::fs::File::create(path("aws.log")).expect("the log can be made");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/aws_region.py");
        let mut process = Command::new(python::environment().join("bin/python"))
            .arg(script)
            .args([&certificate, &key, &ca])
            .arg(REGION)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("python can be started");
        let input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut aws = Self { process, input, output, ca, facts: Value::Null };
        aws.facts = aws.hear();
        aws
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("it answers with JSON: see aws.log")
    }

    /// `reader`, who may read what there is; `stranger`, who may not; `session`, of a role that may.
    pub fn key(&self, whose: &str) -> AccessKey {
        let text = |name: &str| self.facts[whose][name].as_str().unwrap_or_default().to_owned();
        AccessKey { id: text("key"), secret: text("secret"), token: text("token") }
    }

    /// Stores `{"secrets": {name: text}, "parameters": …, "objects": …}`; the names of the secrets in AWS come back.
    pub fn store(&mut self, what: &Value) -> Value {
        writeln!(self.input, "{what}").expect("it listens");
        self.hear()
    }

    /// Stores one account as Amazon ECS wants it, and returns the secret's name in AWS.
    pub fn store_account(&mut self, name: &str, username: &str, password: &str) -> String {
        let account = json!({ "username": username, "password": password, "domainName": "contoso.com" });
        let stored = self.store(&json!({ "secrets": { name: account.to_string() } }));
        stored[name].as_str().expect("it has a name").to_owned()
    }

    /// What `--plugins` must say for the guard to use it.
    pub fn plugins(&self, credentials: &str) -> String {
        let port = self.facts["port"].as_u64().expect("it has a port");
        let ca = self.ca.display();
        let endpoint = |service: &str| {
            format!(
                "[[aws.endpoint]]\nservice = '{service}'\nregion = '{REGION}'\nhost = 'localhost:{port}'\nca = '{ca}'\n"
            )
        };
        let endpoints: String = ["secretsmanager", "ssm", "s3"].map(endpoint).concat();
        format!("[aws]\n{credentials}\n{endpoints}")
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
