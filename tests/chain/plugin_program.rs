//! A plugin that is a program of the operator's own: the example of the book, and what the guard makes of it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pando_tests::chain::{credential_spec, guard_fetch};
use pando_tests::{Domain, GUARD_PASSWORD, Tool};

const CLSID: &str = "{2B61F1C1-2B1E-4E0B-8B5C-8E2F4C1D9A70}";

/// A copy of the example that belongs to whoever runs the tests, declared as a plugin, and a folder with a secret for it.
fn declare(domain: &Domain) {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/plugin-stdio/secret-folder");
    let (program, secrets) = (domain.path("secret-folder"), domain.path("plugin-secrets"));
    fs::copy(example, &program).expect("the example can be copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be made a program");
    fs::create_dir_all(secrets.join("webapp01")).expect("a folder can be made");
    for (key, value) in [("domain", "contoso.com\n"), ("username", "svc-guard"), ("password", GUARD_PASSWORD)] {
        fs::write(secrets.join("webapp01").join(key), value).expect("a secret can be written");
    }
    let declaration = format!(
        "[[plugin]]\nname = 'secret-folder'\nclsid = '{CLSID}'\ncommand = ['{}', '{}']\n",
        program.display(),
        secrets.display()
    );
    fs::write(domain.path("plugins.toml"), declaration).expect("the declaration can be written");
}

fn spec(domain: &Domain, input: &str) -> PathBuf {
    let path = credential_spec(domain);
    let text = fs::read_to_string(&path).expect("the spec can be read");
    let mut spec: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let host = &mut spec["ActiveDirectoryConfig"]["HostAccountConfig"];
    host["PluginGUID"] = CLSID.into();
    host["PluginInput"] = input.into();
    fs::write(&path, spec.to_string()).expect("the spec can be written");
    path
}

fn fetch(domain: &Domain, input: &str) -> Tool {
    guard_fetch(domain, &spec(domain, input)).arg("--plugins").arg(domain.path("plugins.toml")).args(["--log", "trace"])
}

#[test]
fn the_example_of_the_book_gives_a_container_its_identity() {
    let domain = Domain::start();
    declare(&domain);
    let fetched = fetch(&domain, "webapp01").ok().says("secret-folder").says("the operator declared it");
    fetched.never_says(GUARD_PASSWORD);
    domain.tool("klist").ok().says("Default principal: webapp01$@CONTOSO.COM");
}

#[test]
fn a_program_says_in_its_own_words_why_there_are_no_credentials() {
    let domain = Domain::start();
    declare(&domain);
    for (input, why) in [
        ("nobody", "the secret nobody has no usable domain: No such file or directory"),
        ("../webapp01", "the plugin input must be the name of a secret"),
        ("webapp01\n", "the plugin input must be the name of a secret"),
        ("$(id)", "the plugin input must be the name of a secret"),
    ] {
        fetch(&domain, input).fails(1).says(why).never_says(GUARD_PASSWORD);
        assert!(!domain.path("ccache").exists(), "nothing is written");
    }
    fs::write(domain.path("plugin-secrets/webapp01/password"), "").expect("a secret can be written");
    fetch(&domain, "webapp01").fails(1).says("its password is empty");
}

#[test]
fn a_program_or_a_declaration_that_others_can_change_is_not_used() {
    let domain = Domain::start();
    declare(&domain);
    let set = |name: &str, mode| {
        fs::set_permissions(domain.path(name), fs::Permissions::from_mode(mode)).expect("rights can be changed");
    };
    for file in ["secret-folder", "plugins.toml"] {
        set(file, 0o777);
        fetch(&domain, "webapp01").fails(1).says("may be written by others (mode 777)");
        set(file, 0o755);
    }
    fetch(&domain, "webapp01").ok();
}

#[test]
fn a_class_that_nobody_declared_starts_nothing() {
    let domain = Domain::start();
    declare(&domain);
    fs::write(domain.path("plugins.toml"), "").expect("the declaration can be written");
    fetch(&domain, "webapp01").fails(1).says("only rkc").says("akv");
}
