//! The plugins' DLLs, called by another program as Windows' guard calls them: by COM, from many threads, with whatever a credential spec
//! may say, with their servers there, gone, or silent.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "only tests here; failing is their job"
)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use pando_tests::azure::{AUDIENCE, Azure, IDENTITY, STRANGER};
use pando_tests::chain::{AccountProvider, NAMESPACE, SECRET, write_secret};
use pando_tests::{Domain, Finished, GUARD_PASSWORD, Tool, Wine};
use serde_json::Value;

const OK: &str = "0x00000000";
const E_INVALIDARG: &str = "0x80070057";
const E_ACCESSDENIED: &str = "0x80070005";
const E_FAIL: &str = "0x80004005";
const E_NOT_VALID_STATE: &str = "0x8007139F";
const CLASS_NOT_REGISTERED: &str = "0x80040154";

/// A domain with an account provider on this computer, and the plugin on the other one, which sees the provider's folder.
fn kubernetes_node() -> (Domain, AccountProvider, Wine) {
    let (domain, computer) = (Domain::start(), Wine::start());
    let provider = AccountProvider::start(&domain);
    computer.link("var/lib/rancher/gmsa", &domain.path("host"));
    register(&computer, "CCGRKC.dll");
    (domain, provider, computer)
}

fn register(computer: &Wine, dll: &str) {
    computer.put(dll);
    computer.run("regsvr32").args(["/s", &format!(r"C:\pando\{dll}")]).ok();
}

fn host(computer: &Wine, plugin: &str, inputs: &[&str]) -> Tool {
    let tool = computer.program("ccg-host.exe").args(["--json", "--plugin", plugin]);
    inputs.iter().fold(tool, |tool, input| tool.args(["--input", input]))
}

fn document(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("it is JSON ({error}): {finished}"))
}

/// The one result of a call that may fail.
fn result(computer: &Wine, plugin: &str, input: &str) -> Value {
    let document = document(&host(computer, plugin, &[input]).run().never_says(GUARD_PASSWORD));
    assert_eq!(document["results"].as_array().map(Vec::len), Some(1), "{document}");
    document["results"][0].clone()
}

fn input(secret: &str) -> String {
    format!("{NAMESPACE}:{secret}")
}

#[test]
fn a_registered_plugin_gives_the_account_and_an_unregistered_one_is_gone() {
    let (_domain, _provider, computer) = kubernetes_node();
    let found = result(&computer, "rkc", &input(SECRET));
    assert_eq!((&found["hresult"], &found["domain"]), (&OK.into(), &"contoso.com".into()), "{found}");
    assert_eq!((&found["username"], &found["password_length"]), (&"svc-guard".into(), &GUARD_PASSWORD.len().into()));
    let shown =
        host(&computer, "{E4781092-F116-4B79-B55E-28EB6A224E26}", &[&input(SECRET)]).arg("--show-password").ok();
    assert_eq!(document(&shown)["results"][0]["password"], GUARD_PASSWORD);

    // Wine 8 has no surrogate to start: what is registered for it is checked below, and no more than that.
    host(&computer, "rkc", &[&input(SECRET)]).arg("--surrogate").fails(1).says("0x80070002");

    let key = |key: &str| computer.run("reg").args(["query", &format!(r"HKLM\{key}"), "/s"]);
    key(&ccg_classes::RKC.class_key()).ok().says("Both").says(ccg_classes::RKC.app_id).says(r"C:\pando\CCGRKC.dll");
    key(&ccg_classes::RKC.application_key())
        .ok()
        .says("DllSurrogate")
        .says("LaunchPermission")
        .says("AccessPermission");
    key(&ccg_classes::RKC.event_source_key()).ok().says("EventMessageFile");

    computer.run("regsvr32").args(["/s", "/u", r"C:\pando\CCGRKC.dll"]).ok();
    for gone in [ccg_classes::RKC.class_key(), ccg_classes::RKC.application_key(), ccg_classes::RKC.event_source_key()]
    {
        key(&gone).fails(1);
    }
    let refused = host(&computer, "rkc", &[&input(SECRET)]).fails(1);
    assert_eq!(document(&refused)["error"]["hresult"], CLASS_NOT_REGISTERED);
}

/// What the registry has of a class, for comparison.
fn registered(computer: &Wine, class: &ccg_classes::Class) -> Vec<String> {
    let keys = [class.class_key(), class.application_key(), class.event_source_key()];
    keys.map(|key| computer.run("reg").args(["query", &format!(r"HKLM\{key}"), "/s"]).run().stdout).to_vec()
}

fn regsvr32(computer: &Wine, words: &[&str], dll: &str) -> Tool {
    computer.run("regsvr32").env("WINEDEBUG", "-all,+eventlog").arg("/s").args(words).arg(format!(r"C:\pando\{dll}"))
}

fn set_value(computer: &Wine, key: &str, name: &str, value: &str) {
    let named = if name.is_empty() { vec!["/ve"] } else { vec!["/v", name] };
    computer.run("reg").args(["add", &format!(r"HKLM\{key}")]).args(named).args(["/d", value, "/f"]).ok();
}

#[test]
fn someone_elses_class_is_neither_taken_over_nor_taken_away_by_regsvr32() {
    let computer = Wine::start();
    let akv = ccg_classes::AKV;
    computer.put(akv.dll);
    set_value(&computer, &akv.server_key(), "", r"C:\Program Files\CCGAKVPlugin\CCGAKVPlugin.dll");
    set_value(&computer, &akv.class_key(), "AppID", akv.app_id);
    set_value(&computer, &akv.application_key(), "DllSurrogate", "");
    let before = registered(&computer, &akv);
    for words in [&[][..], &["/u"]] {
        let refused = regsvr32(&computer, words, akv.dll).fails(5);
        refused.says("registered by someone else, and stays as it is").says("Program Files");
        assert_eq!(registered(&computer, &akv), before);
    }
}

#[test]
fn registering_leaves_no_other_account_or_class_in_force_or_all_as_it_was() {
    let computer = Wine::start();
    computer.stay_on();
    computer.build("key_rights");
    let rkc = ccg_classes::RKC;
    register(&computer, rkc.dll);
    let fresh = registered(&computer, &rkc);
    assert!(fresh[1].contains(r"NT AUTHORITY\NetworkService"), "{fresh:?}");
    let spoil = || {
        set_value(&computer, &rkc.server_key(), "", r"C:\old\CCGRKC.dll");
        set_value(&computer, &rkc.application_key(), "RunAs", "Interactive User");
        set_value(&computer, &rkc.application_key(), "RemoteServerName", "elsewhere");
        set_value(&computer, &format!(r"{}\TreatAs", rkc.class_key()), "", "{00000000-0000-0000-C000-000000000046}");
        set_value(&computer, &format!(r"{}\LocalServer32\x", rkc.class_key()), "", r"C:\other.exe");
    };
    spoil();
    regsvr32(&computer, &[], rkc.dll).ok();
    assert_eq!(registered(&computer, &rkc), fresh);

    // The last value cannot be written: all before it is taken back.
    spoil();
    computer.run("reg").args(["delete", &format!(r"HKLM\{}", rkc.event_source_key()), "/f"]).ok();
    let before = registered(&computer, &rkc);
    let rights = |sddl: &str| computer.program("key_rights.exe").args([&rkc.server_key(), sddl]).ok();
    rights("O:SYG:SYD:P(A;CI;0xa0019;;;BA)(A;CI;KA;;;SY)");
    regsvr32(&computer, &[], rkc.dll).fails(5);
    assert_eq!(registered(&computer, &rkc), before);
    rights("O:BAG:SYD:P(A;CI;KA;;;BA)(A;CI;KA;;;SY)");
    regsvr32(&computer, &[], rkc.dll).ok();
    assert_eq!(registered(&computer, &rkc), fresh);
}

#[test]
fn a_dll_that_was_called_stays_for_its_threads_and_says_so() {
    let (_domain, _provider, computer) = kubernetes_node();
    let called = host(&computer, "rkc", &[&input(SECRET)]).args(["--dll", r"C:\pando\CCGRKC.dll"]).ok();
    assert_eq!(document(&called)["unloaded"], false);
}

#[test]
fn a_careless_program_gets_no_object_that_is_none_and_unloads_nothing_that_lives() {
    let computer = Wine::start();
    computer.put("CCGRKC.dll");
    computer.build("com_calls");
    let called = computer.program("com_calls.exe").arg(r"C:\pando\CCGRKC.dll").ok();
    let expected = [
        "no interface: 80004003, no object",
        "unlocked too often, with an object: 1",
        "with nothing: 0",
        "locked: 1",
        "unlocked: 0",
    ];
    assert_eq!(called.stdout.lines().map(str::trim_end).collect::<Vec<_>>(), expected);
}

#[test]
fn a_setting_that_is_not_known_or_of_another_type_is_never_passed_over() {
    let computer = Wine::start();
    register(&computer, "CCGAKVPlugin.dll");
    let settings = format!(r"HKLM\{}", ccg_classes::AKV.settings_key());
    let vaults = format!(r"{settings}\Vaults");
    let vault = format!(r"{vaults}\vault.example.com");
    let nobodys = format!("ObjectId={IDENTITY};SecretUri=https://localhost/secrets/x");
    let called = || result(&computer, "akv", &nobodys)["hresult"].clone();
    computer.run("reg").args(["add", &vault, "/v", "Audience", "/d", AUDIENCE, "/f"]).ok();
    assert_eq!(called(), E_INVALIDARG, "the settings are good, and that vault is nobody's");
    for (key, name, kind, value) in [
        (&settings, "LogCalls", "REG_SZ", "1"),
        (&settings, "LogSuccess", "REG_DWORD", "1"),
        (&settings, "MetadataService", "REG_DWORD", "1"),
        (&settings, "OnlyVaults", "REG_BINARY", "00"),
        (&settings, "OnlyIdentities", "REG_SZ", "everybody"),
        (&vaults, "Audience", "REG_SZ", AUDIENCE),
        (&vault, "LogCalls", "REG_DWORD", "1"),
        (&vault, "Audience", "REG_EXPAND_SZ", AUDIENCE),
    ] {
        computer.run("reg").args(["add", key, "/v", name, "/t", kind, "/d", value, "/f"]).ok();
        assert_eq!(called(), E_NOT_VALID_STATE, "{name} of {key} as {kind}");
        computer.run("reg").args(["delete", key, "/v", name, "/f"]).ok();
        computer.run("reg").args(["add", &vault, "/v", "Audience", "/d", AUDIENCE, "/f"]).ok();
    }
    computer.run("reg").args(["add", &format!(r"{settings}\Vault"), "/f"]).ok();
    assert_eq!(called(), E_NOT_VALID_STATE, "a misspelt key");
    computer.run("reg").args(["delete", &format!(r"{settings}\Vault"), "/f"]).ok();
    assert_eq!(called(), E_INVALIDARG);
}

#[test]
fn eight_threads_at_once_get_what_each_asked_for_and_nothing_is_left_behind() {
    let (domain, _provider, computer) = kubernetes_node();
    // Others where somebody asks for them: `cargo xtask windows --soak`.
    let asked = |variable, otherwise| std::env::var(variable).map_or(otherwise, |n| n.parse().expect("a number"));
    let (threads, calls) = (asked("PANDO_CALLING_THREADS", 8), asked("PANDO_CALLS_PER_THREAD", 40));
    let secrets: Vec<_> = (0..threads.min(4)).map(|n| format!("secret-{n}")).collect();
    for secret in &secrets {
        write_secret(&domain, secret, &format!("user-of-{secret}"), &format!("password of {secret}"), "contoso.com");
    }
    let inputs: Vec<_> = secrets.iter().map(|secret| input(secret)).collect();
    let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
    let counts = [format!("--threads={threads}"), format!("--repeat={calls}")];
    let called = host(&computer, "rkc", &inputs).args(counts).args(["--fresh", "--show-password"]).ok();
    let document = document(&called);
    println!("{document:#}");
    let results = document["results"].as_array().expect("there are results");
    assert_eq!(results.len(), secrets.len(), "one outcome for each input: {document}");
    for (found, secret) in results.iter().zip(&secrets) {
        assert_eq!(found["username"], format!("user-of-{secret}"), "{document}");
        assert_eq!(found["password"], format!("password of {secret}"), "{document}");
    }
    let [halfway, after] = [1, 2].map(|at| document["process"][at]["handles"].as_u64().expect("a number"));
    assert!(halfway > 0 && after <= halfway, "handles grow: {document}");
}

#[test]
fn what_a_credential_spec_must_not_say_is_refused_before_anything_is_opened() {
    let (_domain, _provider, computer) = kubernetes_node();
    for wrong in [
        "",
        ":",
        "x",
        "a:b:c",
        r"..\..:webapp-creds",
        "../..:webapp-creds",
        r"C:\:x",
        r"\\evil.example\share:x",
        "con.:x y",
        "contoso.com:gmsaccg:hunter2",
        "cattle-windows-gmsa-system:webapp-creds?x=y",
        "ünïcode:secret",
    ] {
        let found = result(&computer, "rkc", wrong);
        assert_eq!(found["hresult"], E_INVALIDARG, "{wrong}: {found}");
    }
    assert_eq!(result(&computer, "rkc", &"a".repeat(20_000))["hresult"], E_INVALIDARG);
    for (absent, code) in [(input("no-such-secret"), E_FAIL), ("another-namespace:x".to_owned(), E_FAIL)] {
        assert_eq!(result(&computer, "rkc", &absent)["hresult"], code, "{absent}");
    }
}

#[test]
fn a_folder_that_others_may_change_is_no_providers() {
    let (domain, _provider, computer) = kubernetes_node();
    let own = domain.path("host").join(NAMESPACE);
    for path in [own.clone(), own.join("ssl/ca"), own.join("port.txt")] {
        let mode = fs::metadata(&path).expect("it is there").permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("its rights can be changed");
        let refused = host(&computer, "rkc", &[&input(SECRET)]).env("WINEDEBUG", "-all,+eventlog").fails(1);
        refused.says(E_FAIL).says("may be changed by everybody, who could pass for the account provider");
        fs::set_permissions(&path, mode).expect("its rights can be changed");
        assert_eq!(result(&computer, "rkc", &input(SECRET))["hresult"], OK, "{}", path.display());
    }
}

#[test]
fn a_provider_that_is_gone_or_silent_costs_a_bounded_time_and_is_named_in_the_event_log() {
    let (domain, provider, computer) = kubernetes_node();
    // What a provider that was killed leaves behind.
    drop(provider);
    let port = domain.path("host").join(NAMESPACE).join("port.txt");
    let events = |input: &str| host(&computer, "rkc", &[input]).env("WINEDEBUG", "-all,+eventlog").fails(1);
    let events = |input: &str| events(input).says(E_FAIL).never_says(GUARD_PASSWORD);
    events(&input(SECRET)).says("eventlog:ReportEventW").says("does not answer at localhost:");

    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    fs::write(&port, silent.local_addr().expect("a port").port().to_string()).expect("the port can be written");
    events(&input(SECRET)).says("did not answer within 5 s");
}

#[test]
fn no_password_is_in_the_event_log_or_in_the_process_after_a_call() {
    let (domain, _provider, computer) = kubernetes_node();
    let password = "wiped after use 7c1f\"\\x";
    write_secret(&domain, SECRET, "svc-guard", password, "contoso.com");
    let settings = format!(r"HKLM\{}", ccg_classes::RKC.settings_key());
    computer.run("reg").args(["add", &settings, "/v", "LogCalls", "/t", "REG_DWORD", "/d", "1", "/f"]).ok();
    let call = || host(&computer, "rkc", &[&input(SECRET)]).args(["--threads=2", "--repeat=3", "--wait"]);
    let marker = "7c1f\"\\x";

    let called = computer.hold(call().env("WINEDEBUG", "-all,+eventlog"));
    assert!(called.said().contains(OK), "{}", called.said());
    assert_eq!(called.memory_with(marker), 0, "the password is still in the process");
    let log = called.end();
    assert!(log.contains("svc-guard") && !log.contains("wiped after use"), "{log}");

    // The same search finds what is there.
    let shown = computer.hold(call().arg("--show-password"));
    assert!(shown.memory_with(marker) > 0);
    shown.end();
}

#[test]
fn no_password_is_in_a_file_after_a_call() {
    let (domain, _provider, computer) = kubernetes_node();
    let password = "never in a file 51d0";
    write_secret(&domain, SECRET, "svc-guard", password, "contoso.com");
    host(&computer, "rkc", &[&input(SECRET)]).args(["--threads=2", "--repeat=3"]).ok().says(OK);
    // The same search finds what is there.
    let planted = computer.drive_c("planted");
    let wide: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&planted, wide).expect("a file can be written");
    assert_eq!(computer.files_with(password), [planted]);
}

#[test]
fn the_vaults_plugin_asks_only_whom_an_administrator_has_declared() {
    let (domain, computer) = (Domain::start(), Wine::start());
    let azure = Azure::start(domain.folder());
    azure.store("reader", &format!("contoso.com\\svc-guard:{GUARD_PASSWORD}"));
    register(&computer, "CCGAKVPlugin.dll");
    azure.requests();
    let reader = azure.input(IDENTITY, "reader");
    assert_eq!(result(&computer, "akv", &reader)["hresult"], E_INVALIDARG, "nobody has declared that vault");
    assert!(azure.requests().is_empty(), "and nobody was asked");

    let settings = format!(r"HKLM\{}", ccg_classes::AKV.settings_key());
    let vault = format!(r"{settings}\Vaults\{}", azure.vault_url().trim_start_matches("https://"));
    let set = |key: &str, name: &str, kind: &str, value: &str| {
        computer.run("reg").args(["add", key, "/v", name, "/t", kind, "/d", value, "/f"]).ok();
    };
    set(&settings, "MetadataService", "REG_SZ", &azure.metadata_service());
    set(&vault, "Audience", "REG_SZ", AUDIENCE);
    let ca = fs::read_to_string(azure.ca()).expect("the certificate can be read");
    set(&vault, "Ca", "REG_MULTI_SZ", &ca.lines().collect::<Vec<_>>().join(r"\0"));

    let found = result(&computer, "akv", &reader);
    assert_eq!((&found["hresult"], &found["username"]), (&OK.into(), &"svc-guard".into()), "{found}");
    for (input, code) in [
        (azure.input(STRANGER, "reader"), E_ACCESSDENIED),
        (azure.input("11111111-2222-3333-4444-555555555555", "reader"), E_INVALIDARG),
        (azure.input(IDENTITY, "no-such-secret"), E_FAIL),
        (format!("ObjectId={IDENTITY}"), E_NOT_VALID_STATE),
        (format!("ObjectId={IDENTITY};SecretUri=http://localhost/secrets/reader"), E_INVALIDARG),
        (format!("ObjectId={IDENTITY};SecretUri=https://localhost/secrets/reader"), E_INVALIDARG),
    ] {
        assert_eq!(result(&computer, "akv", &input)["hresult"], code, "{input}");
    }
    // An administrator may name whom of those specs may lead to, and as whom.
    let here = azure.vault_url().trim_start_matches("https://").to_owned();
    for (list, allowed, event) in [
        ("OnlyVaults", format!(r"contoso.vault.azure.net\0{here}"), "is not one of the vaults"),
        ("OnlyIdentities", IDENTITY.to_owned(), "is not one of those"),
    ] {
        set(&settings, list, "REG_MULTI_SZ", &allowed);
        assert_eq!(result(&computer, "akv", &reader)["hresult"], OK, "{list}");
        let other = allowed.replace(&here, "localhost").replace(IDENTITY, STRANGER);
        set(&settings, list, "REG_MULTI_SZ", &other);
        let refused = host(&computer, "akv", &[&reader]).env("WINEDEBUG", "-all,+eventlog").fails(1);
        refused.says(E_ACCESSDENIED).says(event);
        set(&settings, list, "REG_MULTI_SZ", "");
        assert_eq!(result(&computer, "akv", &reader)["hresult"], E_ACCESSDENIED, "an empty {list} leaves nothing");
        set(&settings, list, "REG_MULTI_SZ", &allowed);
    }
    // What goes well is in the event log where that is asked for: the call, the question to the vault, and who was given.
    set(&settings, "LogCalls", "REG_DWORD", "1");
    let logged = host(&computer, "akv", &[&reader]).env("WINEDEBUG", "-all,+eventlog").ok().never_says(GUARD_PASSWORD);
    // Wine shows their texts, and not their numbers.
    assert_eq!(logged.stderr.matches("eventlog:ReportEventW").count(), 3, "{logged}");
    logged.says("with a PluginInput of").says("for the secret reader").says("svc-guard");
    // A misspelt setting is no setting that is passed over.
    set(&settings, "MetadataServise", "REG_SZ", "http://127.0.0.1:1");
    assert_eq!(result(&computer, "akv", &reader)["hresult"], E_NOT_VALID_STATE);
}

#[test]
fn the_dlls_are_small_and_need_nothing_that_windows_does_not_have() {
    const LARGEST: u64 = 1_500_000;
    const SYSTEM: [&str; 14] = [
        "advapi32.dll",
        "api-ms-win-core-synch-l1-2-0.dll",
        "bcrypt.dll",
        "bcryptprimitives.dll",
        "combase.dll",
        "crypt32.dll",
        "kernel32.dll",
        "msvcrt.dll",
        "ntdll.dll",
        "ole32.dll",
        "oleaut32.dll",
        "shell32.dll",
        "userenv.dll",
        "ws2_32.dll",
    ];
    for class in ccg_classes::ALL {
        let dll = pando_tests::windows_program(class.dll);
        let size = fs::metadata(&dll).expect("it is there").len();
        assert!(size < LARGEST, "{} has {size} bytes", class.dll);
        let listed = Tool::new("x86_64-w64-mingw32-objdump").arg("-p").arg(&dll).ok();
        let needs = listed.stdout.lines().filter_map(|line| line.trim().strip_prefix("DLL Name: "));
        let foreign: Vec<_> = needs.filter(|name| !SYSTEM.contains(&name.to_ascii_lowercase().as_str())).collect();
        assert!(foreign.is_empty(), "{} needs {foreign:?}", class.dll);
        for export in ["DllGetClassObject", "DllCanUnloadNow", "DllRegisterServer", "DllUnregisterServer"] {
            assert!(listed.stdout.contains(export), "{} exports {export}", class.dll);
        }
    }
}
