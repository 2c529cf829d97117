//! Plugins that are programs of their own: what they are told, what they may answer, and what becomes of those that misbehave.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dtyp::Guid;
use plugins::{PasswordCredentials, Plugin, PluginError, Process, ProcessError};
use secrecy::ExposeSecret;

const CLSID: Guid = Guid::from_u128(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF);
const GOOD: &str = r#"printf '{"domain":"contoso.com","username":"ccg-reader","password":"hunter2"}'"#;

/// The system's shell, which belongs to root.
fn shell() -> PathBuf {
    fs::canonicalize("/bin/sh").unwrap()
}

fn plugin(script: &str) -> Process {
    Process::new("test", CLSID, shell()).unwrap().with_arguments(["-c".to_owned(), script.to_owned()])
}

fn ask(script: &str) -> Result<PasswordCredentials, PluginError> {
    plugin(script).get_password_credentials("the input")
}

/// The error, which must not hold what was answered.
fn fails(plugin: &Process) -> ProcessError {
    let error = plugin.get_password_credentials("the input").unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2") && !text.contains(['\n', '\u{1b}']), "{text}");
    let PluginError::Process(error) = error else { panic!("{error:?}") };
    error
}

/// A pipe in the file system. Whoever opens it for writing is heard until it ends.
struct Fifo {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Fifo {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        Self { _dir: dir, path }
    }

    /// Returns when nobody has it open for writing any more.
    fn hear_the_end(&self) -> std::thread::JoinHandle<()> {
        let path = self.path.clone();
        std::thread::spawn(move || {
            fs::File::open(path).unwrap().read_to_end(&mut Vec::new()).unwrap();
        })
    }
}

#[test]
fn a_program_is_told_its_input_and_gives_credentials() {
    let credentials =
        ask(&format!("read -r line; test \"$line\" = '{{\"version\":1,\"input\":\"the input\"}}' && {GOOD}"));
    let credentials = credentials.unwrap();
    assert_eq!((credentials.domain.as_str(), credentials.username.as_str()), ("contoso.com", "ccg-reader"));
    assert_eq!(credentials.password.expose_secret(), "hunter2");
    assert_eq!(credentials.hop.to, format!("program {}", shell().display()));
}

#[test]
fn a_program_gets_nothing_of_the_guards_environment() {
    let script = r#"printf '{"error":{"message":"%s %s"}}' "$(/usr/bin/env | /usr/bin/tr '\n' ' ')" "$(/bin/ls /proc/self/fd | /usr/bin/tr '\n' ' ')""#;
    let ProcessError::Refused { message, .. } = fails(&plugin(script)) else { panic!() };
    assert!(message.contains("PWD=/ "), "{message}");
    for name in ["PATH=", "HOME=", "CARGO", "USER="] {
        assert!(!message.contains(name), "{message}");
    }
}

#[test]
fn an_input_is_data_and_never_a_command() {
    for input in ["$(echo evil)", "`evil`", "'; evil; '", "\"\\\n", "-c", "--version", "../..", "\u{0}", "\u{202e}ä"] {
        // What it reads is JSON; nothing of it is on the command line.
        let script = format!("IFS= read -r line; case \"$*$line\" in *'\"version\":1'*) {GOOD};; esac");
        assert!(plugin(&script).get_password_credentials(input).is_ok(), "{input:?}");
    }
    let error = plugin(GOOD).get_password_credentials(&"x".repeat(1 << 20)).unwrap_err();
    assert!(matches!(error, PluginError::Process(ProcessError::Input)), "{error:?}");
}

#[test]
fn a_program_says_why_there_are_none_in_its_own_words() {
    for exit in ["", "; exit 1"] {
        let script = format!(r#"printf '%s' '{{"error":{{"message":"the vault is\nsealed"}}}}'{exit}"#);
        let ProcessError::Refused { message, path } = fails(&plugin(&script)) else { panic!() };
        assert_eq!((message.as_str(), path), ("the vault is\u{fffd}sealed", shell()));
    }
}

#[test]
fn what_is_no_answer_is_refused_and_never_quoted() {
    for script in
        ["true", "echo hunter2", "echo '<html>hunter2</html>'", r#"echo '{"password":"hunter2"}'"#, "exec >&-", "cat"]
    {
        let error = fails(&plugin(script));
        assert!(matches!(error, ProcessError::BadAnswer { .. }), "{script}: {error:?}");
    }
    // Twice is not once.
    assert!(matches!(fails(&plugin(&format!("{GOOD}; {GOOD}"))), ProcessError::BadAnswer { .. }));
}

#[test]
fn a_program_that_fails_gives_nothing_even_when_it_printed_credentials() {
    for (script, status) in [
        ("exit 3", "3"),
        ("kill -9 $$", "9"),
        (&format!("{GOOD}; exit 1"), "1"),
        (&format!("{GOOD}; kill -TERM $$"), "15"),
    ] {
        let error = fails(&plugin(script));
        assert!(matches!(&error, ProcessError::Failed { status: s, .. } if s.contains(status)), "{script}: {error:?}");
    }
}

#[test]
fn a_program_that_does_not_end_is_killed_with_all_it_started() {
    for script in [
        // It works, and something it started works.
        "sleep 600 & sleep 600",
        // It has answered, but stays.
        &format!("{GOOD}; exec >&- 2>&-; sleep 600"),
        // It does not want to be ended.
        "trap '' TERM INT HUP; while :; do :; done",
    ] {
        let fifo = Fifo::new();
        let ended = fifo.hear_the_end();
        let script = format!("exec 9>'{}'; {script}", fifo.path.display());
        // Long enough for it to have opened the pipe, even on a busy machine: otherwise nobody hears its end.
        let error = fails(&plugin(&script).with_timeout(Duration::from_secs(2)));
        assert!(matches!(error, ProcessError::Timeout { .. }), "{script}: {error:?}");
        ended.join().unwrap();
    }
}

#[test]
fn what_a_program_leaves_in_the_background_is_neither_waited_for_nor_left() {
    let fifo = Fifo::new();
    let ended = fifo.hear_the_end();
    let credentials = ask(&format!("exec 9>'{}'; sleep 600 & {GOOD}", fifo.path.display()));
    assert_eq!(credentials.unwrap().username, "ccg-reader");
    ended.join().unwrap();
}

#[test]
fn a_program_that_talks_without_end_is_cut_off() {
    let error = fails(&plugin("while :; do echo hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2; done"));
    assert!(matches!(error, ProcessError::TooMuch { .. }), "{error:?}");
    let complaining = "while :; do echo complaint >&2; done";
    let error = fails(&plugin(complaining).with_timeout(Duration::from_millis(300)));
    assert!(matches!(error, ProcessError::Timeout { .. }), "{error:?}");
    let much = "n=0; while [ $n -lt 20000 ]; do echo complaint >&2; n=$((n+1)); done";
    assert!(ask(&format!("{much}; {GOOD}")).is_ok(), "complaints are thrown away, not waited for");
}

#[test]
fn an_answer_in_pieces_is_one_answer() {
    assert!(
        ask(r#"printf '{"domain":"contoso.com",'; printf '"username":"u",'; sleep 0; printf '"password":"p"}\n\n'"#)
            .is_ok()
    );
}

#[test]
fn a_program_need_not_read_what_it_is_told() {
    assert!(ask(&format!("exec <&-; {GOOD}")).is_ok());
    let script = format!("exec <&-; {GOOD}");
    assert!(plugin(&script).get_password_credentials(&"x".repeat(16 << 10)).is_ok());
}

#[test]
fn only_files_that_nobody_else_can_change_are_started() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(dir.path()).unwrap().join("plugin");
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    fs::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
    set(0o777);
    assert!(matches!(Process::new("test", CLSID, &path), Err(ProcessError::NotOwned { .. })));
    set(0o755);
    let plugin = Process::new("test", CLSID, &path).unwrap();
    set(0o775);
    assert!(matches!(fails(&plugin), ProcessError::NotOwned { .. }), "it is checked before each call");
    set(0o644);
    assert!(matches!(fails(&plugin), ProcessError::NotStarted { .. }));
    fs::remove_file(&path).unwrap();
    assert!(matches!(fails(&plugin), ProcessError::NotOwned { .. }));
    for name in ["", "a b", "A", "../x", "a\n", &"x".repeat(33)] {
        assert!(matches!(Process::new(name, CLSID, shell()), Err(ProcessError::Name(_))), "{name:?}");
    }
}

#[test]
fn many_at_once_never_get_each_others_accounts() {
    let script = r#"IFS= read -r line; n=${line##*:\"}; n=${n%\"\}}; printf '{"domain":"contoso.com","username":"u%s","password":"p%s"}' "$n" "$n""#;
    let plugin = plugin(script);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let plugin = &plugin;
            scope.spawn(move || {
                for _ in 0..5 {
                    let credentials = plugin.get_password_credentials(&n.to_string()).unwrap();
                    assert_eq!(credentials.username, format!("u{n}"));
                    assert_eq!(credentials.password.expose_secret(), format!("p{n}"));
                }
            });
        }
    });
}

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log_of(script: &str) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let _ = ask(script);
    });
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn complaints_are_logged_short_and_plain_and_without_the_password() {
    let log = log_of("printf 'cannot reach\\033[2J the vault\\n\\nsecond\\n' >&2; exit 1");
    assert!(log.contains("WARN") && log.contains("the vault") && log.contains("second"), "{log}");
    assert!(!log.contains('\u{1b}') && log.lines().count() == 2, "{log}");
    let log = log_of(&format!("echo asked the vault >&2; {GOOD}"));
    assert!(log.contains("INFO") && log.contains("asked the vault") && !log.contains("hunter2"), "{log}");
    let log = log_of(&format!("echo got hunter2 >&2; {GOOD}"));
    assert!(log.contains("is not logged") && !log.contains("hunter2") && !log.contains("got"), "{log}");
    let log = log_of("n=0; while [ $n -lt 500 ]; do echo complaint >&2; n=$((n+1)); done; exit 1");
    assert!(log.lines().count() <= 20, "{log}");
}
