//! The store when things go badly: a process killed while it writes, files that are not what they were.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::testing::{DOMAIN, PEOPLE, TestDomain, attribute, dn, environment, options, seed};
use crate::{Caller, CreateOptions, Directory, Update};

const FOLDER: &str = "PANDO_CRASH_TEST_FOLDER";
const KILLS: usize = 50;

/// The child's part: writes until it is killed, saying what was acknowledged. Does nothing when the tests run as usual.
#[test]
fn crash_test_child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let directory = Directory::open(folder.as_ref(), options(), environment().0).unwrap();
    // Of what an earlier life left unacknowledged, some is there: names must be new.
    let life = directory.read().unwrap().highest_usn().unwrap().0;
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0_u32.. {
        let name = format!("u{life}-{number}");
        let attributes = vec![attribute("objectClass", &["user"]), attribute("sAMAccountName", &[&name])];
        let sender = sender.clone();
        let update = Update::Add { dn: dn(&format!("CN={name},{PEOPLE}")), attributes };
        directory.submit(TestDomain::admin(), update, move |result| drop(sender.send((name, result.is_ok()))));
        if number % 7 == 6 {
            let mut out = std::io::stdout().lock();
            for (name, done) in receiver.iter().take(7) {
                assert!(done);
                writeln!(out, "acknowledged {name}").unwrap();
            }
            out.flush().unwrap();
        }
    }
}

/// Lets a child write until it has acknowledged some, kills it, and returns what it had acknowledged.
fn one_life(folder: &std::path::Path, enough: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::crash::crash_test_child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let mut killed = false;
    // After the kill, what is still in the pipe was acknowledged before it.
    for line in lines.map_while(Result::ok) {
        // The test harness writes into the same pipe, without ending its line.
        if let Some((_, name)) = line.split_once("acknowledged ") {
            acknowledged.push(name.to_owned());
        }
        if acknowledged.len() >= enough && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed_in_the_middle_of_writing() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::create(folder.path(), CreateOptions { open: options() }, environment().0).unwrap();
    directory.apply(&Caller::system(), Update::Load(seed())).unwrap();
    drop(directory);
    let mut all = Vec::new();
    for life in 0..KILLS {
        // Killed after a different amount of work each time.
        let acknowledged = one_life(folder.path(), 1 + life * 5 % 37);
        assert!(!acknowledged.is_empty(), "life {life} wrote nothing");
        all.extend(acknowledged);
        let directory = Directory::open(folder.path(), options(), environment().0).unwrap();
        let view = directory.read().unwrap();
        for name in &all {
            assert!(
                view.resolve(&dn(&format!("CN={name},{PEOPLE}"))).unwrap().is_some(),
                "{name} is lost after kill {life}"
            );
        }
    }
    let directory = Directory::open(folder.path(), options(), environment().0).unwrap();
    assert_eq!(directory.read().unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_directory_reopens_as_it_was() {
    let domain = TestDomain::new();
    let alice = domain.user("alice");
    let TestDomain { directory, folder, .. } = domain;
    let id = directory.invocation_id();
    drop(directory);
    let directory = Directory::open(folder.path(), options(), environment().0).unwrap();
    assert_eq!(directory.invocation_id(), id);
    assert_eq!(directory.read().unwrap().resolve(&dn(&format!("CN=alice,{PEOPLE}"))).unwrap(), Some(alice.dnt));
}

#[test]
fn two_do_not_open_one_directory() {
    let domain = TestDomain::new();
    let error = Directory::open(domain.folder.path(), options(), environment().0).err().unwrap();
    assert!(error.comment.contains("in use"), "{}", error.comment);
    let error =
        Directory::create(domain.folder.path(), CreateOptions { open: options() }, environment().0).err().unwrap();
    assert!(error.comment.contains("exists already"), "{}", error.comment);
}

#[test]
fn a_folder_without_a_directory_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = Directory::open(folder.path(), options(), environment().0).err().unwrap();
    assert!(error.comment.contains("there is no directory"), "{}", error.comment);
}

#[test]
fn a_shortened_file_is_refused() {
    let domain = TestDomain::new();
    let path = domain.folder.path().join("directory.mdb");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    let TestDomain { directory, folder, .. } = domain;
    drop(directory);
    file.set_len(length / 2).unwrap();
    let error = Directory::open(folder.path(), options(), environment().0).err().unwrap();
    assert!(error.comment.contains("damaged"), "{}", error.comment);
}

#[test]
fn a_file_that_is_something_else_is_refused() {
    let domain = TestDomain::new();
    let path = domain.folder.path().join("directory.mdb");
    let TestDomain { directory, folder, .. } = domain;
    drop(directory);
    std::fs::write(&path, vec![b'x'; 1 << 16]).unwrap();
    assert!(Directory::open(folder.path(), options(), environment().0).is_err());
}

#[test]
fn a_key_that_others_may_read_or_that_is_cut_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let domain = TestDomain::new();
    let key = domain.folder.path().join("directory.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let TestDomain { directory, folder, .. } = domain;
    drop(directory);
    let open = || Directory::open(folder.path(), options(), environment().0);
    assert!(open().err().unwrap().comment.contains("chmod 600"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&key, b"short").unwrap();
    assert!(open().err().unwrap().comment.contains("directory.key"));
}

#[test]
fn damaged_records_are_errors_and_findings_not_panics() {
    let domain = TestDomain::new();
    let alice = domain.user("alice");
    let store = &domain.directory.inner.store;
    let good = {
        let txn = store.env.read_txn().unwrap();
        store.tables.objects.get(&txn, &super::number(alice.dnt.0)).unwrap().unwrap().to_vec()
    };
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0xFF;
        if at % 3 == 0 {
            bad.truncate(at);
        }
        let mut txn = store.env.write_txn().unwrap();
        store.tables.objects.put(&mut txn, &super::number(alice.dnt.0), &bad).unwrap();
        txn.commit().unwrap();
        let view = domain.directory.read().unwrap();
        let _ = view.object(alice.dnt).map(|object| object.map(|object| (object.dn(), object.sid(), object.guid())));
        let findings = view.check();
        assert!(findings.is_err() || !findings.unwrap().is_empty() || at > 20, "byte {at}");
        let (base, filter) = (dn(DOMAIN), crate::testing::filter_of("(|(cn=alice)(description=*)(memberOf=*))"));
        let filter = filter.as_filter();
        let search = crate::Search::new(crate::Base::Dn(&base), crate::Scope::Subtree, &filter, &["*"]);
        let _ = view.search(&Caller::system(), &search, &mut crate::testing::Entries::default());
    }
}

#[test]
fn a_full_file_refuses_updates_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let small = crate::OpenOptions { map_size: 1 << 24, ..options() };
    let directory = Directory::create(folder.path(), CreateOptions { open: small }, environment().0).unwrap();
    directory.apply(&Caller::system(), Update::Load(seed())).unwrap();
    let text = "x".repeat(100_000);
    let add = |number: usize| {
        let attributes = vec![
            attribute("objectClass", &["user"]),
            attribute("sAMAccountName", &[&format!("u{number}")]),
            attribute("jpegPhoto", &[&format!("{number}{text}")]),
        ];
        directory.apply(&TestDomain::admin(), Update::Add { dn: dn(&format!("CN=u{number},{PEOPLE}")), attributes })
    };
    let fitted = (0..1000).take_while(|number| add(*number).is_ok()).count();
    assert!((10..1000).contains(&fitted), "{fitted}");
    let error = add(fitted).unwrap_err();
    assert_eq!(error.win32, crate::win32::DISK_FULL);
    let view = directory.read().unwrap();
    for number in 0..fitted {
        assert!(view.resolve(&dn(&format!("CN=u{number},{PEOPLE}"))).unwrap().is_some());
    }
    assert_eq!(view.check().unwrap(), Vec::<String>::new());
}
