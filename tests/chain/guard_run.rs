//! `pando guard run`: leases for a host's containers, asked for by the programs that would, kept over outages and restarts.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use pando_tests::chain::{AccountProvider, credential_spec};
use pando_tests::{Domain, GUARD_PASSWORD, GuardService, Tool};

/// A user that is nobody in particular.
const CONTAINER_USER: &str = "12345";

/// Makes a lease, and returns its name and its folder.
fn add(guard: &GuardService, spec: &Path, flags: &[&str]) -> (String, PathBuf) {
    let added = guard.ask("add").arg("--json").arg("--credspec").arg(spec).args(flags).ok();
    let added: serde_json::Value = serde_json::from_str(&added.stdout).expect("it is JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    (text(&added["lease"]), text(&added["folders"][0]).into())
}

/// One of the domain's tools with the identity in a folder.
fn with_identity(domain: &Domain, program: &str, folder: &Path) -> Tool {
    let file = |name: &str| format!("FILE:{}", folder.join(name).display());
    domain.tool(program).env("KRB5CCNAME", file("krb5cc")).env("KRB5_KTNAME", file("keytab"))
}

/// The same as another user, which only root can.
fn as_user(tool: Tool) -> Tool {
    let numbers = ["--reuid", CONTAINER_USER, "--regid", CONTAINER_USER, "--clear-groups"];
    tool.within("setpriv", &numbers)
}

#[test]
fn programs_made_for_credentials_fetcher_work_unchanged() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    let spec = credential_spec(&domain);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let finished = Tool::new("/usr/bin/python3")
        .arg(here.join("chain/guard_grpc.py"))
        .arg(guard.socket())
        .arg(here.join("../crates/guardd/proto/credentials_fetcher.proto"))
        .arg(spec)
        .input(GUARD_PASSWORD)
        .ok();
    assert_eq!(finished.stdout.lines().filter(|line| line.ends_with(": ok")).count(), 24, "{finished}");
    assert!(!guard.log().contains(GUARD_PASSWORD), "no password is logged");
    assert!(!format!("{:?}", guard.audit()).contains(GUARD_PASSWORD), "nor audited");
}

#[test]
fn the_containers_user_uses_the_identity_and_nobody_else_does() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    let owner = ["--uid", CONTAINER_USER, "--gid", CONTAINER_USER, "--spn", "HTTP/webapp01.contoso.com"];
    let (_, folder) = add(&guard, &credential_spec(&domain), &owner);
    let owner = |path: &Path| path.metadata().expect("it is there").uid().to_string();
    assert_eq!((owner(&folder), owner(&folder.join("krb5cc"))), (CONTAINER_USER.into(), CONTAINER_USER.into()));

    let url = format!("ldap://localhost:{}", domain.ports().ldap.port());
    for path in ["krb5.conf", "ldap.conf"] {
        readable(&domain.path(path));
    }
    let whoami = with_identity(&domain, "ldapwhoami", &folder).args(["-N", "-Q", "-Y", "GSSAPI", "-H", &url]);
    as_user(whoami).ok().says(r"u:CONTOSO\webapp01$");
    let keys = with_identity(&domain, "klist", &folder).args(["-k", "-e"]);
    as_user(keys).ok().says("HTTP/webapp01.contoso.com@CONTOSO.COM").says("webapp01$@CONTOSO.COM");
    let other = with_identity(&domain, "klist", &folder);
    let numbers = ["--reuid", "54321", "--regid", "54321", "--clear-groups"];
    other.within("setpriv", &numbers).fails(1).says("permissions incorrect");
}

fn readable(path: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(path, mode).expect("the mode can be set");
}

#[test]
fn leases_outlive_the_guard_and_nothing_is_left_of_what_was_not_finished() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    let spec = credential_spec(&domain);
    let (kept, folder) = add(&guard, &spec, &[]);
    let (released, _) = add(&guard, &spec, &[]);
    let before = guard.leases();
    guard.ask("release").arg(&released).ok();
    let (krb, records) = (guard.krb(), domain.path("guard/run/records"));
    guard.kill();
    // What a crash in the middle leaves: a folder without a record, a record without a folder, a half-written record.
    std::fs::create_dir_all(krb.join("0123456789abcdef0123/webapp01")).expect("a folder can be made");
    std::fs::write(records.join(".0123456789abcdef0123"), "{").expect("a file can be written");
    let record = std::fs::read_to_string(records.join(format!("{kept}.json"))).expect("there is a record");
    let stray = "fedcba98765432100123";
    std::fs::write(records.join(format!("{stray}.json")), record.replace(&kept, stray)).expect("it can be written");

    let guard = GuardService::start(&domain);
    assert_eq!(guard.ready["leases"], 1);
    let after = guard.leases();
    assert_eq!(after[0], before.into_iter().find(|lease| lease["lease"] == kept.as_str()).expect("it was there"));
    assert_eq!(std::fs::read_dir(&krb).expect("it is there").count(), 1);
    assert_eq!(std::fs::read_dir(&records).expect("it is there").count(), 1);
    with_identity(&domain, "klist", &folder).ok().says("webapp01$@CONTOSO.COM");
    guard.ask("release").arg(&kept).ok();
    let audit = guard.audit();
    let ends: Vec<_> = audit.iter().filter(|line| line["outcome"] == "released").map(|line| &line["lease"]).collect();
    assert_eq!(ends, [released.as_str(), kept.as_str()]);
    assert_eq!(std::fs::read_dir(&krb).expect("it is there").count(), 0);
    assert_eq!(std::fs::read_dir(&records).expect("it is there").count(), 0);
}

/// Six hours later, more than half of a ticket's ten hours is over.
#[test]
fn a_lease_is_renewed_in_time_and_an_outage_of_its_plugin_is_waited_out() {
    let mut domain = Domain::start();
    let provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    let (_, folder) = add(&guard, &credential_spec(&domain), &["--keytab"]);
    let first = guard.leases()[0]["ends"].clone();
    let ticket = || std::fs::read(folder.join("krb5cc")).expect("the ticket is there");
    let before = ticket();
    guard.kill();
    drop(provider);
    domain.restart_later("+6h");

    let guard = GuardService::start(&domain);
    let failing = guard.await_leases("failing", |leases| leases[0]["failures"].as_u64() >= Some(1));
    assert!(failing[0]["error"].as_str().expect("it says why").contains("the plugin"), "{failing:?}");
    assert_eq!(failing[0]["ends"], first);
    assert_eq!(ticket(), before, "the ticket stays");
    with_identity(&domain, "kvno", &folder).arg("ldap/dc1.contoso.com").ok();
    assert!(guard.metrics().contains("pando_guard_leases_failing 1"), "{}", guard.metrics());

    let _provider = AccountProvider::start(&domain);
    let renewed = guard.await_leases("renewed", |leases| leases[0]["failures"] == 0);
    assert_ne!(renewed[0]["ends"], first);
    assert_ne!(ticket(), before);
    with_identity(&domain, "kvno", &folder).arg("ldap/dc1.contoso.com").ok();
    assert!(guard.metrics().contains("pando_guard_leases_failing 0"), "{}", guard.metrics());
    let audit = guard.audit();
    let outcomes: Vec<_> = audit.iter().map(|line| (line["occasion"].as_str(), line["outcome"].as_str())).collect();
    assert_eq!(outcomes.first(), Some(&(Some("begin"), Some("fetched"))));
    assert!(outcomes.contains(&(Some("renew"), Some("refused"))), "{outcomes:?}");
    assert_eq!(outcomes.last(), Some(&(Some("renew"), Some("fetched"))));
    assert_eq!(audit[0]["accounts"][0], "webapp01$");
    assert!(audit[0]["credentials"].as_str().expect("a text").contains("e4781092"), "{audit:?}");
}

#[test]
fn a_lease_lasts_as_long_as_the_process_that_it_was_asked_for() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let guard = GuardService::start(&domain);
    let spec = credential_spec(&domain);
    guard.ask("add").arg("--credspec").arg(&spec).args(["--process", "2147483647"]).fails(1).says("is not seen");
    let child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn();
    let mut child = child.expect("cat can be started");
    let (with_process, _) = add(&guard, &spec, &["--process", &child.id().to_string()]);
    let (without, _) = add(&guard, &spec, &[]);
    assert_eq!(guard.leases().len(), 2);
    drop(child.stdin.take());
    child.wait().expect("it ends");
    let left = guard.await_leases("released", |leases| leases.len() < 2);
    assert!(left[0]["lease"] == without.as_str() && !guard.krb().join(with_process).exists(), "{left:?}");
}

#[test]
fn other_users_are_let_in_by_group_and_see_to_their_own_leases_only() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    readable(&spec);
    let guard = GuardService::start(&domain);
    let mine = add(&guard, &spec, &[]).0;
    as_user(guard.ask("leases")).fails(1).says("no guard answers");
    guard.kill();

    let guard = GuardService::start_with(&domain, &["--socket-group", CONTAINER_USER]);
    as_user(guard.ask("leases")).ok().says("There are no leases.");
    as_user(guard.ask("release").arg(&mine)).fails(1).says("there is no lease");
    let for_root = as_user(guard.ask("add").arg("--credspec").arg(&spec).args(["--uid", "0", "--gid", "0"]));
    for_root.fails(1).says("only root");
    let spec_of_elsewhere = domain.path("elsewhere.json");
    let text = std::fs::read_to_string(&spec).expect("the spec can be read").replace("contoso.com", "evil.test");
    std::fs::write(&spec_of_elsewhere, text).expect("a spec can be written");
    readable(&spec_of_elsewhere);
    let elsewhere = as_user(guard.ask("add").arg("--credspec").arg(&spec_of_elsewhere));
    elsewhere.fails(1).says("evil.test").says("serves only contoso.com");
    let audit = guard.audit();
    let last = audit.last().expect("there are lines");
    let who = last["asked_by"].as_str().expect("it says who");
    assert!(who.starts_with("uid 12345") && last["outcome"] == "refused", "{last}");
    assert!(last["error"].as_str().is_some_and(|error| error.contains("evil.test")), "{last}");
    assert!(guard.metrics().contains("pando_guard_refusals_total 2"), "{}", guard.metrics());
    as_user(guard.ask("add").arg("--credspec").arg(&spec)).ok().says("KRB5CCNAME=FILE:");
    as_user(guard.ask("leases")).ok().says("webapp01$@CONTOSO.COM").never_says(&mine);
    assert_eq!(guard.leases().len(), 2, "root sees both");
}

#[test]
fn what_is_in_the_way_of_the_socket_is_said() {
    let domain = Domain::start();
    let guard = GuardService::start(&domain);
    let again = |socket: &Path| {
        Tool::new(pando_tests::pando())
            .args(["guard", "run", "--domain", "contoso.com", "--run-dir"])
            .arg(domain.path("two"))
            .arg("--socket")
            .arg(socket)
    };
    again(&guard.socket()).fails(1).says("another guard answers");
    let same_folder = Tool::new(pando_tests::pando()).args(GuardService::arguments(&domain));
    same_folder.arg("--socket").arg(domain.path("other.sock")).fails(1).says("another guard keeps its leases");
    let file = domain.path("krb5.conf");
    again(&file).fails(1).says("is no socket");
    assert!(file.exists());
}

#[test]
fn one_user_cannot_keep_the_others_from_the_socket() {
    let domain = Domain::start();
    let guard = GuardService::start_with(&domain, &["--socket-group", CONTAINER_USER]);
    // It answers each as soon as it hears of it; what is one too many is closed instead.
    let greedy = r"
import socket, sys
def call():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.settimeout(60)
    return s
mine = [call() for _ in range(32)]
print('closed' if call().recv(1) == b'' else 'open')
";
    let greedy = Tool::new("/usr/bin/python3").args(["-c", greedy]).arg(guard.socket());
    as_user(greedy).ok().says("closed");
    guard.ask("leases").ok();
}

#[test]
fn a_guard_that_runs_out_of_open_files_goes_on_when_there_are_some_again() {
    let domain = Domain::start();
    let mut guard = GuardService::start_within(&domain, &["prlimit", "--nofile=48:48"], &[]);
    let callers: Vec<_> = (0..100).map(|_| UnixStream::connect(guard.socket()).expect("it listens")).collect();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !guard.log().contains("a connection cannot be taken now") {
        assert!(guard.is_alive() && std::time::Instant::now() < deadline, "{}", guard.log());
        std::thread::yield_now();
    }
    drop(callers);
    assert_eq!(guard.leases().len(), 0);
}

/// A mount namespace of its own, so that nothing stays mounted.
const APART: [&str; 3] = ["--mount", "--propagation", "private"];

#[test]
fn a_user_who_fills_its_leases_fills_nothing_but_what_is_for_leases() {
    let domain = Domain::start();
    let _provider = AccountProvider::start(&domain);
    let spec = credential_spec(&domain);
    readable(&spec);
    let run = GuardService::folder(&domain).join("run");
    let prepared = format!("\"$0\" guard prepare --size 1 --run-dir {0} && exec \"$0\" \"$@\"", run.display());
    let outer = [&["unshare"][..], &APART, &["sh", "-c", &prepared]].concat();
    let guard = GuardService::start_within(&domain, &outer, &["--socket-group", CONTAINER_USER]);
    let added = as_user(guard.ask("add").arg("--json").arg("--credspec").arg(&spec)).ok();
    let added: serde_json::Value = serde_json::from_str(&added.stdout).expect("it is JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let (lease, folder) = (text(&added["lease"]), text(&added["folders"][0]));

    let beside = |tool: Tool| tool.within("nsenter", &["--mount", "--target", &guard.pid().to_string()]);
    let fill = Tool::new("dd").args(["if=/dev/zero", "bs=64k", "count=160", &format!("of={folder}/more")]);
    beside(as_user(fill)).fails(1).says("No space left on device");
    let many = Tool::new("sh").args(["-c", "while mkdir \"$0/$((n += 1))\"; do :; done", &folder]);
    beside(as_user(many)).ok().says("No space left on device");
    guard.ask("add").arg("--credspec").arg(&spec).fails(1).says("No space left on device");
    assert_eq!(guard.leases().len(), 1, "nothing is left of what was not made");
    std::fs::write(run.join("room"), vec![0; 2 << 20]).expect("there is room beside it");

    guard.ask("release").arg(&lease).ok();
    add(&guard, &spec, &[]);
    let again =
        |size| Tool::new(pando_tests::pando()).args(["guard", "prepare", "--size", size, "--run-dir"]).arg(&run);
    beside(again("4")).ok().says("has 4 MiB");
    let fill =
        Tool::new("dd").args(["if=/dev/zero", "bs=64k", "count=40", &format!("of={}/more", guard.krb().display())]);
    beside(fill).ok();
    beside(again("1")).ok().says("keeps the size that it has");
    beside(Tool::new("stat").args(["-f", "-c", "%b*%S"]).arg(guard.krb())).ok().says("1024*4096");
}

#[test]
fn leases_are_not_hidden_under_a_file_system_of_their_own() {
    let place = tempfile::tempdir().expect("a folder can be made");
    std::fs::create_dir_all(place.path().join("krb/0123456789abcdef0123")).expect("a folder can be made");
    let here = place.path().to_str().expect("a path");
    let prepare = || Tool::new(pando_tests::pando()).args(["guard", "prepare", "--krb-dir", "krb"]);
    prepare().within("env", &["-C", here]).within("unshare", &APART).ok().says("there are leases in it");
    std::fs::remove_dir(place.path().join("krb/0123456789abcdef0123")).expect("it is there");
    prepare().within("env", &["-C", here]).within("unshare", &APART).ok().says("a file system of 256 MiB");
}

#[test]
fn a_guard_whose_socket_is_gone_says_that_it_is_not_well() {
    let domain = Domain::start();
    let guard = GuardService::start(&domain);
    let well = || guard.page("livez").args(["-o", "/dev/stderr", "-w", "%{http_code}"]).ok();
    assert_eq!(well().stdout, "200");
    std::fs::remove_file(GuardService::folder(&domain).join("run/guard.sock")).expect("it is there");
    let unwell = well();
    assert!(unwell.stdout == "503" && unwell.stderr.contains("guard.sock does not answer"), "{unwell}");
}
