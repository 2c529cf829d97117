//! Which plugins a guard has: `rkc`, `akv`, and the programs and stores of secrets that the operator declares in a file of their own.
//!
//! The file says which programs run, which files are read and where tokens may be sent, so it must be the operator's alone: see docs/plugins.md.

mod aws;
mod declaration;
mod file;
mod program;
mod vault;

use std::io::Read;
use std::path::{Path, PathBuf};

use aws::AwsSettings;
use ccg::Plugins;
use ccg::plugins::{
    Akv, AkvSettingsError, Aws, AwsSettingsError, Plugin, ProcessError, Rkc, TrustedVault, check_owned,
};
use declaration::Declaration;
use serde::Deserialize;

/// A file larger than this declares no plugins.
const MAX_FILE: u64 = 1 << 20;

/// Why there are no plugins.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    #[error("the plugins in {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the plugins in {} are larger than a configuration file may be ({MAX_FILE} bytes)", path.display())]
    TooLarge { path: PathBuf },
    #[error("the plugins in {} are not declared as they should be: {source}", path.display())]
    Syntax { path: PathBuf, source: Box<toml::de::Error> },
    #[error("the file with the plugins: {0}")]
    NotOwned(ProcessError),
    #[error("[akv] in {}: {source}", path.display())]
    Akv { path: PathBuf, source: AkvSettingsError },
    #[error("[aws] in {}: {source}", path.display())]
    Aws { path: PathBuf, source: AwsSettingsError },
    #[error("`ca` in {}: {source}", path.display())]
    Authorities { path: PathBuf, source: pki::Error },
    #[error("`ca` in {}: {source}", path.display())]
    AuthoritiesNotOwned { path: PathBuf, source: ProcessError },
    #[error("plugin {name:?} in {}: {what}", path.display())]
    Declaration { path: PathBuf, name: String, what: String },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    #[serde(default)]
    akv: AkvSettings,
    #[serde(default)]
    aws: AwsSettings,
    #[serde(default)]
    plugin: Vec<Declaration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AkvSettings {
    metadata_service: Option<String>,
    timeout: Option<u64>,
    only_vaults: Option<Vec<String>>,
    only_identities: Option<Vec<String>>,
    #[serde(default)]
    vault: Vec<Vault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vault {
    host: String,
    audience: Option<String>,
    ca: Option<PathBuf>,
}

/// `rkc` for the account providers in `host_dir`, `akv`, `aws` and `ecs` when `file` says whose keys they ask with, and what else it declares.
///
/// # Errors
/// What is wrong with the file, and with which plugin in it.
pub fn registry(host_dir: &Path, file: Option<&Path>) -> Result<Plugins, PluginsError> {
    let declared = file.map_or_else(|| Ok(Declared::default()), read)?;
    let path = file.unwrap_or(Path::new(""));
    let built_in = Plugins::new().with(Rkc::new(host_dir)).with(akv(declared.akv, path)?);
    let built_in = match declared.aws.source() {
        Some(source) => {
            let aws = declared.aws.build(path)?.with_keys(source);
            built_in.with(aws.clone()).with(aws.for_ecs())
        }
        // What is wrong is said all the same: callers' keys are used there too.
        None => declared.aws.build(path).map(|_| built_in)?,
    };
    declared.plugin.into_iter().try_fold(built_in, |plugins, declaration| {
        let plugin = declaration::build(declaration, path)?;
        if let Some(other) =
            plugins.iter().find(|other| other.clsid() == plugin.clsid() || other.name() == plugin.name())
        {
            let what = format!("its name or class is that of {} {}", other.name(), other.clsid().braced());
            return Err(PluginsError::Declaration { path: path.to_owned(), name: plugin.name().to_owned(), what });
        }
        Ok(plugins.with(plugin))
    })
}

/// How AWS is asked with the keys that a caller of the guard brings, as `file` says.
///
/// # Errors
/// What is wrong with the file.
pub fn callers_aws(file: Option<&Path>) -> Result<Aws, PluginsError> {
    let declared = file.map_or_else(|| Ok(Declared::default()), read)?;
    declared.aws.build(file.unwrap_or(Path::new("")))
}

fn read(path: &Path) -> Result<Declared, PluginsError> {
    let unreadable = |source| PluginsError::Unreadable { path: path.to_owned(), source };
    check_owned(path).map_err(PluginsError::NotOwned)?;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE {
        return Err(PluginsError::TooLarge { path: path.to_owned() });
    }
    toml::from_str(&text).map_err(|source| PluginsError::Syntax { path: path.to_owned(), source: Box::new(source) })
}

fn akv(settings: AkvSettings, path: &Path) -> Result<Akv, PluginsError> {
    let wrong = |source| PluginsError::Akv { path: path.to_owned(), source };
    let mut akv = Akv::new();
    if let Some(url) = settings.metadata_service {
        akv = akv.with_metadata_service(&url).map_err(wrong)?;
    }
    if let Some(seconds) = settings.timeout {
        akv = akv.with_timeout(declaration::timeout(seconds, "akv", path)?);
    }
    if let Some(hosts) = settings.only_vaults {
        akv = akv.only_vaults(hosts.iter().map(String::as_str)).map_err(wrong)?;
    }
    if let Some(ids) = settings.only_identities {
        akv = akv.only_identities(ids.iter().map(String::as_str)).map_err(wrong)?;
    }
    for vault in settings.vault {
        let mut trusted = TrustedVault::new(&vault.host).map_err(wrong)?;
        if let Some(audience) = vault.audience {
            trusted = trusted.with_audience(&audience).map_err(wrong)?;
        }
        if let Some(ca) = vault.ca {
            // Who can change it can have tokens sent to a vault of their own.
            check_owned(&ca).map_err(|source| PluginsError::AuthoritiesNotOwned { path: path.to_owned(), source })?;
            let roots = pki::Roots::load(&ca);
            trusted = trusted
                .with_roots(roots.map_err(|source| PluginsError::Authorities { path: path.to_owned(), source })?);
        }
        akv = akv.with_vault(trusted);
    }
    Ok(akv)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: &str = "/usr/bin/env";

    fn declare(toml: &str) -> Result<Plugins, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = std::fs::canonicalize(dir.path()).unwrap().join("plugins.toml");
        std::fs::write(&path, toml).unwrap();
        let set = |mode| std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        set(0o644);
        registry(Path::new("/host"), Some(&path)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_guard_without_a_file_has_the_built_in_plugins() {
        let plugins = registry(Path::new("/host"), None).unwrap();
        assert_eq!(plugins.iter().map(|plugin| plugin.name().to_owned()).collect::<Vec<_>>(), ["rkc", "akv"]);
        assert_eq!(declare("").unwrap().iter().count(), 2);
    }

    #[test]
    fn aws_is_asked_when_the_file_says_with_whose_keys() {
        let plugins = declare("[aws]\ncredentials = 'instance'").unwrap();
        let names: Vec<_> = plugins.iter().map(|plugin| plugin.name().to_owned()).collect();
        assert!(names.ends_with(&["aws".to_owned(), "ecs".to_owned()]), "{names:?}");
        let silent = declare("[[aws.endpoint]]\nservice = 's3'\nregion = 'eu-west-1'\nhost = 'x.example'").unwrap();
        assert!(silent.iter().all(|plugin| plugin.name() != "aws"));
    }

    #[test]
    fn programs_and_private_vaults_are_declared() {
        let plugins = declare(&format!(
            r#"
            [akv]
            metadata-service = "http://127.0.0.1:8080"
            timeout = 10
            only-vaults = ["contoso.vault.azure.net", "localhost:8443"]
            only-identities = ["f0f22d05-6a63-4a1e-a2d1-0fa2fa2ba1b7"]
            [[akv.vault]]
            host = "*.vault.local.azurestack.example"
            audience = "https://vault.adfs.example/0a1b"
            [[akv.vault]]
            host = "localhost:8443"
            [[plugin]]
            name = "team-vault"
            clsid = "{{00112233-4455-6677-8899-aabbccddeeff}}"
            command = ["{SHELL}", "-i"]
            timeout = 5
            "#
        ));
        let clsid = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
        let plugins = plugins.unwrap();
        assert_eq!(plugins.get(clsid).unwrap().name(), "team-vault");
        // What is narrowed is refused before anybody is asked.
        let akv = plugins.get(credspec::AKV_CLSID).unwrap();
        for (id, vault, refused) in [
            ("f0f22d05-6a63-4a1e-a2d1-0fa2fa2ba1b7", "other.vault.azure.net", "is not one of the vaults"),
            ("11111111-2222-3333-4444-555555555555", "contoso.vault.azure.net", "is not one of those"),
        ] {
            let input = format!("ObjectId={id};SecretUri=https://{vault}/secrets/x");
            let error = akv.get_password_credentials(&input).unwrap_err().to_string();
            assert!(error.contains(refused), "{error}");
        }
    }

    #[test]
    fn stores_are_declared_with_their_own_classes_or_several_with_others() {
        let folder = tempfile::tempdir().unwrap();
        let plugins = declare(&format!(
            r#"
            [[plugin]]
            timeout = 5
            [plugin.vault]
            address = "https://vault.contoso.example:8200"
            namespace = "team-a"
            mounts = ["secret", "team/kv"]
            kubernetes = {{ role = "pando-guard" }}
            [[plugin]]
            name = "other-vault"
            clsid = "{{00112233-4455-6677-8899-aabbccddeeff}}"
            [plugin.vault]
            address = "https://other.contoso.example"
            approle = {{ role-id = "0a1b", secret-id-file = "/etc/pando/secret-id" }}
            [[plugin]]
            [plugin.file]
            folder = "{}"
            "#,
            folder.path().canonicalize().unwrap().display()
        ));
        let plugins = plugins.unwrap();
        let names: Vec<_> = plugins.iter().map(|plugin| plugin.name().to_owned()).collect();
        assert_eq!(names, ["rkc", "akv", "vault", "other-vault", "file"]);
        assert_eq!(plugins.get(credspec::VAULT_CLSID).unwrap().name(), "vault");
        assert_eq!(plugins.get(credspec::FILE_CLSID).unwrap().name(), "file");
    }

    #[test]
    fn a_declaration_that_is_wrong_says_where() {
        let plugin = |name: &str, clsid: &str, command: &str| {
            format!("[[plugin]]\nname = {name:?}\nclsid = {clsid:?}\ncommand = {command}\n")
        };
        let (guid, good) = ("{00112233-4455-6677-8899-aabbccddeeff}", format!("[{SHELL:?}]"));
        let another = "{10112233-4455-6677-8899-aabbccddeeff}";
        let vault = |rest: &str, address: &str| format!("[[plugin]]\n[plugin.vault]\naddress = '{address}'\n{rest}\n");
        for (toml, why) in [
            ("nonsense".to_owned(), "not declared as they should be"),
            ("[akv]\nunknown = 1".to_owned(), "unknown field"),
            ("[akv]\nmetadata-service = 'https://x'".to_owned(), "metadata service"),
            ("[aws]\ncredentials = 'file'".to_owned(), "unknown variant"),
            ("[aws]\nmetadata-service = 'https://x'".to_owned(), "metadata service"),
            ("[aws]\ntimeout = 0".to_owned(), "timeout"),
            ("[[aws.endpoint]]\nservice = 'sts'\nregion = 'eu-west-1'\nhost = 'x.example'".to_owned(), "not a service"),
            ("[[aws.endpoint]]\nservice = 's3'\nregion = 'eu'\nhost = 'x.example'".to_owned(), "not a region"),
            ("[[aws.endpoint]]\nservice = 's3'\nregion = 'eu-west-1'\nhost = 'x/y'".to_owned(), "endpoint's host"),
            ("[akv]\ntimeout = 31".to_owned(), "timeout"),
            ("[akv]\nonly-vaults = ['https://x.vault.azure.net']".to_owned(), "Key Vault's host"),
            ("[akv]\nonly-vault = ['x.vault.azure.net']".to_owned(), "unknown field"),
            ("[akv]\nonly-identities = ['webapp01']".to_owned(), "object (principal) id"),
            ("[[akv.vault]]\nhost = '*.com'".to_owned(), "Key Vault's host"),
            ("[[akv.vault]]\nhost = 'a.example'\naudience = 'x'".to_owned(), "audience"),
            ("[[akv.vault]]\nhost = 'a.example'\nca = '/no/such/file'".to_owned(), "/no/such/file"),
            (plugin("x", "no guid", &good), "not a GUID"),
            (plugin("x", "{00000000-0000-0000-0000-000000000000}", &good), "all zeros"),
            (plugin("X", guid, &good), "not a plugin's name"),
            (plugin("x", guid, "[]"), "command is empty"),
            (plugin("x", guid, r#"["sh"]"#), "full path"),
            (plugin("x", guid, r#"["/no/such/program"]"#), "/no/such/program"),
            (plugin("x", "{E4781092-F116-4B79-B55E-28EB6A224E26}", &good), "that of rkc"),
            (plugin("akv", guid, &good), "that of akv"),
            (plugin("x", guid, &good) + &plugin("x", another, &good), "that of x"),
            (plugin("x", guid, &good) + &plugin("y", guid, &good), "that of x"),
            (format!("{}timeout = 0", plugin("x", guid, &good)), "timeout"),
            ("[[plugin]]\nname = 'x'".to_owned(), "exactly one of command, vault and file"),
            (plugin("x", guid, &good) + "file = {}", "exactly one of command, vault and file"),
            ("[[plugin]]\nname = 'x'\ncommand = ['/usr/bin/env']".to_owned(), "no clsid"),
            ("[[plugin]]\n[plugin.file]\nfolder = '/no/such/folder'".to_owned(), "/no/such/folder"),
            ("[[plugin]]\n[plugin.file]".to_owned(), "LoadCredential"),
            (vault("token-file = '/t'", "http://x"), "write `https://host`"),
            (vault("", "https://x"), "exactly one of kubernetes, approle and token-file"),
            (
                vault("token-file = '/t'\napprole = { role-id = 'r', secret-id-file = '/s' }", "https://x"),
                "exactly one",
            ),
            (vault("kubernetes = { role = 'a b' }", "https://x"), "a role"),
            (vault("token-file = '/t'\nnamespace = '../x'", "https://x"), "a namespace"),
            (vault("token-file = '/t'\nca = '/no/such/file'", "https://x"), "/no/such/file"),
            (vault("token-file = '/t'", "https://x").repeat(2), "that of vault"),
        ] {
            let error = declare(&toml).unwrap_err();
            assert!(error.contains(why) && error.contains("plugins.toml"), "{toml}: {error}");
        }
    }

    #[test]
    fn an_authority_that_others_may_write_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let ca = std::fs::canonicalize(dir.path()).unwrap().join("ca.pem");
        std::fs::write(&ca, "").unwrap();
        std::fs::set_permissions(&ca, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let error = declare(&format!("[[akv.vault]]\nhost = 'a.example'\nca = '{}'", ca.display())).unwrap_err();
        assert!(error.contains("chmod go-w"), "{error}");
    }

    #[test]
    fn a_file_that_others_may_write_declares_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = std::fs::canonicalize(dir.path()).unwrap().join("plugins.toml");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let error = registry(Path::new("/host"), Some(&path)).unwrap_err().to_string();
        assert!(error.contains("chmod go-w"), "{error}");
    }
}
