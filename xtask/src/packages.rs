//! The programs that tests and benchmarks drive, and how Debian calls their packages.

use std::process::Command;

use crate::process::{find_program, run, succeeds};
use crate::{ChoreError, Outcome};

/// A Debian package, and how to see that what it brings is here (on any distribution).
pub struct Package {
    name: &'static str,
    probe: Probe,
}

enum Probe {
    Program(&'static str),
    SaslMechanism(&'static str),
    PythonModule(&'static str),
    Folder(&'static str),
}

/// The real clients of the interop tests, and the servers the load generator's own tests drive.
pub const FOR_TESTS: &[Package] = &[
    Package { name: "ldap-utils", probe: Probe::Program("ldapsearch") },
    Package { name: "libsasl2-modules-gssapi-mit", probe: Probe::SaslMechanism("libgssapiv2.so") },
    Package { name: "curl", probe: Probe::Program("curl") },
    Package { name: "openssl", probe: Probe::Program("openssl") },
    Package { name: "krb5-user", probe: Probe::Program("kvno") },
    Package { name: "python3-ldap3", probe: Probe::PythonModule("ldap3") },
    Package { name: "python3-gssapi", probe: Probe::PythonModule("gssapi") },
    Package { name: "faketime", probe: Probe::Program("faketime") },
    Package { name: "samba-ad-provision", probe: Probe::Folder("/usr/share/samba/setup/ad-schema") },
    Package { name: "samba-ad-dc", probe: Probe::Program("samba") },
    Package { name: "krb5-kdc", probe: Probe::Program("krb5kdc") },
    Package { name: "krb5-admin-server", probe: Probe::Program("kadmin.local") },
    Package { name: "slapd", probe: Probe::Program("slapd") },
    Package { name: "dnsmasq-base", probe: Probe::Program("dnsmasq") },
    Package { name: "runc", probe: Probe::Program("runc") },
    Package { name: "podman", probe: Probe::Program("podman") },
    Package { name: "python3-grpcio", probe: Probe::PythonModule("grpc") },
    Package { name: "python3-yaml", probe: Probe::PythonModule("yaml") },
    Package { name: "python3-protobuf", probe: Probe::PythonModule("google.protobuf") },
    Package { name: "protobuf-compiler", probe: Probe::Program("protoc") },
    Package { name: "systemd", probe: Probe::Program("systemd-socket-activate") },
    Package { name: "util-linux", probe: Probe::Program("setpriv") },
    Package { name: "python3-venv", probe: Probe::PythonModule("ensurepip") },
];

/// What `cargo xtask bench` compares with and measures by.
pub const FOR_BENCHMARKS: &[Package] = &[
    Package { name: "slapd", probe: Probe::Program("slapd") },
    Package { name: "krb5-kdc", probe: Probe::Program("krb5kdc") },
    Package { name: "krb5-admin-server", probe: Probe::Program("kadmin.local") },
    Package { name: "strace", probe: Probe::Program("strace") },
];

/// What the programs for Windows are built with and tried by. Wine is no Windows: docs/windows-plugins.md says what is not tried.
pub const FOR_WINDOWS: &[Package] = &[
    Package { name: "gcc-mingw-w64-x86-64", probe: Probe::Program("x86_64-w64-mingw32-gcc") },
    Package { name: "wine", probe: Probe::Program("wine") },
    Package { name: "wine64", probe: Probe::Folder("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows") },
];

/// A compiler for them, where rustup has brought none.
pub const FOR_WINDOWS_WITHOUT_RUSTUP: &[Package] = &[
    Package { name: "rustc-web", probe: Probe::Program("/usr/bin/rustc") },
    Package { name: "cargo-web", probe: Probe::Program("/usr/bin/cargo") },
    Package { name: "rust-web-src", probe: Probe::Folder("/usr/lib/rustlib/src") },
];

impl Package {
    fn present(&self) -> bool {
        match self.probe {
            Probe::Program(program) => find_program(program).is_some(),
            Probe::Folder(folder) => std::path::Path::new(folder).is_dir(),
            Probe::PythonModule(module) => imports(module),
            Probe::SaslMechanism(library) => sasl_folders().any(|folder| folder.join(library).is_file()),
        }
    }
}

fn sasl_folders() -> impl Iterator<Item = std::path::PathBuf> {
    let multiarch = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    multiarch.chain(["/usr/lib".into(), "/usr/lib64".into()]).map(|folder| folder.join("sasl2"))
}

/// Makes sure that everything in `wanted` is here, installing it where that is possible and allowed.
pub fn ensure(wanted: &[Package]) -> Outcome {
    let missing = missing(wanted);
    if missing.is_empty() {
        return Ok(());
    }
    println!("Missing: {}.", missing.join(", "));
    let Some(privilege) = privilege() else {
        return Err(advise(&missing));
    };
    install(&privilege, &missing)?;
    let still = self::missing(wanted);
    if still.is_empty() { Ok(()) } else { Err(advise(&still)) }
}

fn missing(wanted: &[Package]) -> Vec<&'static str> {
    wanted.iter().filter(|package| !package.present()).map(|package| package.name).collect()
}

/// The words in front of a command that make it run as root; `None` when nothing would.
fn privilege() -> Option<Vec<&'static str>> {
    find_program("apt-get")?;
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if root {
        return Some(Vec::new());
    }
    succeeds(Command::new("sudo").args(["-n", "true"])).then(|| vec!["sudo", "-n"])
}

/// Installs packages without starting the services in them: `policy-rc.d` forbids it while apt-get runs.
const INSTALL: &str = r#"
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get install -qq -y --no-install-recommends "$@" || {
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends "$@"
}
"#;

fn install(privilege: &[&str], packages: &[&str]) -> Outcome {
    println!("Installing with apt-get; no service is started.");
    let words: Vec<&str> = privilege.iter().copied().chain(["sh", "-c", INSTALL, "install"]).collect();
    let (program, arguments) = words.split_first().ok_or_else(|| advise(packages))?;
    run(Command::new(program).args(arguments).args(packages)).map_err(|error| match error {
        ChoreError::Failed { .. } => advise(packages),
        other => other,
    })
}

fn advise(packages: &[&str]) -> ChoreError {
    ChoreError::Missing(format!(
        "these Debian packages are needed and are not installed: {list}\n  \
         On Debian or Ubuntu run\n      sudo apt-get install --no-install-recommends {list}\n  \
         elsewhere install the packages that bring the same programs, and run this again.",
        list = packages.join(" ")
    ))
}

/// Debian's own Python, which Debian's modules belong to: another one may come first on the PATH.
fn imports(module: &str) -> bool {
    succeeds(Command::new("/usr/bin/python3").args(["-c", &format!("import {module}")]))
}
