//! Programs from the Python Package Index, in the versions that `interop/requirements.txt` pins.

use std::path::{Path, PathBuf};

use crate::{Domain, Tool};

pub(crate) fn environment() -> PathBuf {
    crate::cache::folder("interop-python", "requirements.txt", include_str!("../interop/requirements.txt"))
}

/// One of the programs, led to a domain's ports: `getTGT.py`, `bloodyAD`.
pub fn program(domain: &Domain, name: &str) -> Tool {
    let (home, ports) = (environment(), domain.ports());
    let (kerberos, ldap, ldaps) = (ports.kerberos.port(), ports.ldap.port(), ports.ldaps.port());
    domain
        .tool("env")
        .env("PYTHONPATH", scripts())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DOMAIN", "contoso.com")
        .env("DOMAIN_PORTS", format!("88={kerberos},389={ldap},636={ldaps}"))
        .arg("--chdir")
        .arg(domain.path(""))
        // Some of them wait for ever when they are not understood.
        .args(["timeout", "60"])
        .arg(home.join("bin").join(name))
}

/// A script of `tests/interop/python`.
pub fn script(domain: &Domain, name: &str) -> Tool {
    program(domain, "python").arg(scripts().join(name))
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/python")
}

/// Gets tickets with MIT Kerberos and gives the cache: for the domain itself, and for its LDAP service. Of the programs here none puts a
/// checksum over what it asks a KDC for into its TGS requests, which every KDC but Windows' wants (RFC 4120 5.5.1).
pub fn tickets(domain: &Domain, name: &str, password: &str) -> PathBuf {
    let cache = domain.path(&format!("{name}.ccache"));
    let with_cache = |tool: Tool| tool.env("KRB5CCNAME", &cache);
    with_cache(domain.kinit(name, password)).ok();
    with_cache(domain.tool("kvno").arg("ldap/dc1.contoso.com")).ok();
    cache
}
