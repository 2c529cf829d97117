//! A container's configuration: whose processes run in it, and where its root is.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{CREDSPEC, HookError, INSIDE, KEYTAB, SERVICE_PRINCIPALS, read_spec};

/// A configuration longer than this is none.
pub const LONGEST_CONFIG: u64 = 16 << 20;

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    process: Process,
    root: Root,
    #[serde(default)]
    linux: Linux,
}

#[derive(Debug, Default, Deserialize)]
struct Process {
    #[serde(default)]
    user: User,
}

#[derive(Debug, Default, Deserialize)]
struct User {
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
}

#[derive(Debug, Deserialize)]
struct Root {
    path: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    #[serde(default)]
    uid_mappings: Vec<Mapping>,
    #[serde(default)]
    gid_mappings: Vec<Mapping>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mapping {
    #[serde(rename = "containerID")]
    inside: u32,
    #[serde(rename = "hostID")]
    outside: u32,
    size: u32,
}

impl Config {
    pub(super) fn read(bundle: &Path) -> Result<Self, HookError> {
        let path = bundle.join("config.json");
        let bad = |what: String| HookError::Config { path: path.clone(), what };
        let mut text = Vec::new();
        let file = std::fs::File::open(&path).map_err(|error| bad(error.to_string()))?;
        file.take(LONGEST_CONFIG).read_to_end(&mut text).map_err(|error| bad(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))
    }

    /// Where the container's root is, on the host.
    pub(super) fn root(&self, bundle: &Path) -> PathBuf {
        bundle.join(&self.root.path)
    }

    /// The user and group of the container's process, as the host knows them.
    pub(super) fn user(&self) -> Result<(u32, u32), HookError> {
        let User { uid, gid } = self.process.user;
        Ok((outside("uid", uid, &self.linux.uid_mappings)?, outside("gid", gid, &self.linux.gid_mappings)?))
    }
}

fn outside(kind: &'static str, inside: u32, mappings: &[Mapping]) -> Result<u32, HookError> {
    if mappings.is_empty() {
        return Ok(inside);
    }
    let mapped = mappings.iter().find_map(|mapping| {
        let offset = inside.checked_sub(mapping.inside).filter(|offset| *offset < mapping.size)?;
        mapping.outside.checked_add(offset)
    });
    mapped.ok_or(HookError::Unmapped { kind, inside })
}

/// The hooks to add, and where they look for things.
pub struct Hooks {
    /// The program, `pando`, by its full path.
    pub program: PathBuf,
    /// The guard's socket.
    pub socket: PathBuf,
    /// Where the guard keeps identities.
    pub krb: PathBuf,
    /// Where credential specs are.
    pub specs: PathBuf,
}

/// Adds to a container's configuration what gives it the identity of the credential spec that its annotation names: hooks, and the
/// environment by which Kerberos programs find it. Without the annotation nothing is changed.
///
/// # Errors
/// When it is no configuration, or the annotation names no credential spec.
pub fn edit(config: &[u8], hooks: &Hooks) -> Result<Vec<u8>, HookError> {
    let bad = |what: String| HookError::Config { path: "on standard input".into(), what };
    let mut config: Value = serde_json::from_slice(config).map_err(|error| bad(error.to_string()))?;
    let annotation = |name| config.pointer("/annotations").and_then(|all| all.get(name)).and_then(Value::as_str);
    if let Some(name) = annotation(CREDSPEC) {
        let text = read_spec(&hooks.specs, name)?;
        let spec = credspec::CredentialSpec::parse(text.as_bytes());
        let spec = spec.map_err(|error| HookError::Spec {
            folder: hooks.specs.clone(),
            name: name.to_owned(),
            what: error.to_string(),
        })?;
        let account = spec.domain_join_config.machine_account_name.to_string();
        let keytab = annotation(KEYTAB) == Some("true") || annotation(SERVICE_PRINCIPALS).is_some();
        let object = config.as_object_mut().ok_or_else(|| bad("it is no object".to_owned()))?;
        add_environment(object, &account, keytab).map_err(bad)?;
        add_hooks(object, hooks).map_err(bad)?;
    }
    serde_json::to_vec(&config).map_err(|error| bad(error.to_string()))
}

fn add_environment(config: &mut Map<String, Value>, account: &str, keytab: bool) -> Result<(), String> {
    let process = config.get_mut("process").and_then(Value::as_object_mut).ok_or("it has no process")?;
    let all = process.entry("env").or_insert_with(|| json!([])).as_array_mut().ok_or("process.env is no list")?;
    let mut set = |name: &str, file: &str| {
        let prefix = format!("{name}=");
        all.retain(|value| !value.as_str().is_some_and(|text| text.starts_with(&prefix)));
        all.push(format!("{prefix}FILE:{INSIDE}/{account}/{file}").into());
    };
    set("KRB5CCNAME", ccg::Folder::CCACHE);
    if keytab {
        set("KRB5_KTNAME", ccg::Folder::KEYTAB);
    }
    Ok(())
}

fn add_hooks(config: &mut Map<String, Value>, hooks: &Hooks) -> Result<(), String> {
    let all = config.entry("hooks").or_insert_with(|| json!({})).as_object_mut().ok_or("hooks is no object")?;
    let stages = [
        (
            "createRuntime",
            "create",
            vec!["--socket".into(), text(&hooks.socket), "--credspec-dir".into(), text(&hooks.specs)],
        ),
        ("createContainer", "mount", vec!["--krb-dir".into(), text(&hooks.krb)]),
        ("poststop", "release", vec!["--socket".into(), text(&hooks.socket)]),
    ];
    for (stage, name, flags) in stages {
        let mut args: Vec<String> = ["pando", "guard", "hook", name].map(str::to_owned).into();
        args.extend(flags);
        let stage_hooks = all.entry(stage).or_insert_with(|| json!([]));
        let list = stage_hooks.as_array_mut().ok_or_else(|| format!("hooks.{stage} is no list"))?;
        list.push(json!({ "path": hooks.program, "args": args }));
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_containers_user_is_found_on_the_host() {
        let plain = config(r#"{"root":{"path":"rootfs"},"process":{"user":{"uid":1000,"gid":100}}}"#);
        assert_eq!(plain.user().unwrap(), (1000, 100));
        assert_eq!(plain.root(Path::new("/b")), Path::new("/b/rootfs"));
        let mapped = r#"{"root":{"path":"/r"},"process":{"user":{"uid":1000,"gid":0}},"linux":{
            "uidMappings":[{"containerID":0,"hostID":1,"size":1},{"containerID":1000,"hostID":100000,"size":10}],
            "gidMappings":[{"containerID":0,"hostID":200000,"size":65536}]}}"#;
        assert_eq!(config(mapped).user().unwrap(), (100_000, 200_000));
        let unmapped = config(&mapped.replace("\"uid\":1000", "\"uid\":1010"));
        assert!(matches!(unmapped.user(), Err(HookError::Unmapped { kind: "uid", inside: 1010 })));
        assert_eq!(config(r#"{"root":{"path":"r"}}"#).user().unwrap(), (0, 0));
    }

    #[test]
    fn mappings_at_the_end_of_the_numbers_do_not_wrap() {
        let mapping = |inside, outside, size| [Mapping { inside, outside, size }];
        assert_eq!(outside("uid", u32::MAX, &mapping(0, 0, u32::MAX)).ok(), None);
        assert_eq!(outside("uid", 10, &mapping(0, u32::MAX, u32::MAX)).ok(), None);
    }
}
