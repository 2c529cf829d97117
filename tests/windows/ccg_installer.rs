//! The installer of CCG's plugins, on a computer with Windows' interfaces: real files, and a real registry.
//!
//! Wine has no CCG, so its key is made here, with an owner and rights as on Windows where that matters.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests here; failing is their job"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pando_tests::chain::{AccountProvider, NAMESPACE, SECRET};
use pando_tests::{Domain, Finished, Held, Tool, Wine};
use serde_json::Value;

const COM_CLASSES: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\CCG\COMClasses";
const RKC: &str = r"HKLM\SOFTWARE\Classes\CLSID\{E4781092-F116-4B79-B55E-28EB6A224E26}";
const AKV: &str = r"HKLM\SOFTWARE\Classes\CLSID\{CCC2A336-D7F3-4818-A213-272B7924213E}";
const INSTALLER: &str = "pando-ccg-installer.exe";
const DLLS: [&str; 2] = ["CCGRKC.dll", "CCGAKVPlugin.dll"];

/// A host of containers, with a release unpacked in `C:\pando`.
fn computer() -> Wine {
    unpacked_on(Wine::start())
}

fn unpacked_on(wine: Wine) -> Wine {
    reg(&wine, &["add", COM_CLASSES]);
    for file in DLLS.iter().chain([&INSTALLER]) {
        wine.put(file);
    }
    wine.sum();
    wine
}

fn reg(wine: &Wine, words: &[&str]) -> Finished {
    wine.run("reg").args(words).args(["/f"].iter().filter(|_| words.first() != Some(&"query"))).ok()
}

fn installer(wine: &Wine, words: &[&str]) -> Tool {
    wine.program(INSTALLER).args(words)
}

/// What an installer may touch: the registry's two halves, without what Wine's own services write there, and the files.
fn state(wine: &Wine) -> (Vec<String>, Vec<PathBuf>) {
    let mut keys = Vec::new();
    for half in [r"HKLM\SOFTWARE", r"HKLM\SYSTEM\CurrentControlSet"] {
        wine.run("reg").args(["export", half, r"C:\state.reg", "/y"]).ok();
        let bytes = fs::read(wine.drive_c("state.reg")).expect("the export can be read");
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        keys.extend(String::from_utf16_lossy(&units).lines().map(str::to_owned));
    }
    let files = Tool::new("find").arg(wine.drive_c("Program Files")).ok().stdout;
    let mut files: Vec<_> = files.lines().map(PathBuf::from).collect();
    files.sort();
    (keys, files)
}

fn status(wine: &Wine) -> Value {
    let finished = installer(wine, &["status", "--json"]).run();
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished}"))
}

fn states(wine: &Wine) -> [String; 2] {
    let status = status(wine);
    [0, 1].map(|at| status["plugins"][at]["state"].as_str().unwrap_or_default().to_owned())
}

/// Where a plugin's DLL is, on this computer's own file system.
fn dll(wine: &Wine, at: usize) -> PathBuf {
    let path = status(wine)["plugins"][at]["dll"].as_str().expect("a DLL is registered").to_owned();
    wine.drive_c(path.trim_start_matches(r"C:\").replace('\\', "/"))
}

#[test]
fn plugins_are_installed_once_mended_and_taken_away_without_a_trace() {
    let wine = computer();
    let before = state(&wine);
    installer(&wine, &["status"]).fails(5).says("rkc").says("absent");
    installer(&wine, &["status", "--expect", "absent"]).ok();

    installer(&wine, &["install"]).ok().says("installed").says(r"NT AUTHORITY\NetworkService").says("its caller");
    installer(&wine, &["status"]).ok();
    let installed = state(&wine);
    assert_ne!(before, installed);
    for (at, name) in DLLS.iter().enumerate() {
        assert_eq!(
            fs::read(dll(&wine, at)).expect("it is there"),
            fs::read(wine.drive_c("pando").join(name)).expect("it is there")
        );
    }
    // A list of rights of its own lets it be run; what only inherits would not be for Wine.
    let mode = fs::metadata(dll(&wine, 0)).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o102, 0o100, "{mode:o}");
    // COM will find it there, as CCG's surrogate does.
    let query = wine.run("reg").args(["query", &format!(r"{RKC}\InprocServer32")]).ok();
    query.says("Both").says(r"C:\Program Files\Pando\ccg\rkc\");
    installer(&wine, &["install", "--json"]).ok().says("\"changed\": false");
    assert_eq!(state(&wine), installed);

    // What somebody breaks is named, and put right.
    reg(&wine, &["delete", &format!(r"{COM_CLASSES}\{{E4781092-F116-4B79-B55E-28EB6A224E26}}")]);
    reg(&wine, &["add", &format!(r"{AKV}\InprocServer32"), "/v", "ThreadingModel", "/d", "Apartment"]);
    fs::write(dll(&wine, 1), "something else").expect("it can be changed");
    let broken = installer(&wine, &["status"]).fails(5);
    broken.says("COMClasses").says("missing").says("is \"Apartment\": should be \"Both\"").says("different: C:");
    installer(&wine, &["install"]).ok();
    assert_eq!(state(&wine), installed);

    // So is a file that others may change, whatever is in it now; a folder is named, and left to whoever can say what has been put there.
    let (file, folder) = (dll(&wine, 0), dll(&wine, 0).parent().expect("it is in a folder").to_owned());
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it can be changed");
    set(&file, 0o666);
    installer(&wine, &["status"]).fails(5).says(r"CCGRKC.dll: is writable for everybody");
    installer(&wine, &["install", "--json"]).ok().says("\"changed\": true");
    installer(&wine, &["status"]).ok();
    set(&folder, 0o777);
    installer(&wine, &["status"]).fails(5).says("rkc: open: C:").says("is writable for everybody");
    installer(&wine, &["install"]).fails(3).says("everybody may put files into");
    set(&folder, 0o755);
    assert_eq!(state(&wine), installed);

    installer(&wine, &["uninstall"]).ok().says("absent");
    assert_eq!(state(&wine), before);
    installer(&wine, &["uninstall", "--json"]).ok().says("\"changed\": false");
    installer(&wine, &["install", "--dir", "plug"]).fails(2).says("a whole path");
    // Nobody has to say again where they were put.
    installer(&wine, &["install", "--dir", "C:/Plugins"]).ok().says(r"C:\Plugins\rkc\");
    installer(&wine, &["status"]).ok().says(r"C:\Plugins\rkc\");
    installer(&wine, &["status", "--expect", "absent"]).fails(5);
    installer(&wine, &["uninstall"]).ok().says("absent");
    assert!(!wine.drive_c("Plugins").exists());
    assert_eq!(state(&wine), before);
    installer(&wine, &["install", "--timeout", "18446744073709551615"]).fails(2).says("86400");
    installer(&wine, &["upgrade"]).fails(3).says("nothing to upgrade");
}

/// What is in `C:\pando` becomes another release.
fn new_release(wine: &Wine) {
    change_dlls(wine, |bytes| bytes.push(0));
}

fn change_dlls(wine: &Wine, change: impl Fn(&mut Vec<u8>)) {
    for file in DLLS {
        let path = wine.drive_c("pando").join(file);
        let mut bytes = fs::read(&path).expect("it can be read");
        change(&mut bytes);
        fs::write(&path, bytes).expect("it can be written");
    }
    wine.sum();
}

#[test]
fn a_folder_has_the_version_of_its_dll_and_an_older_one_is_named() {
    let wine = computer();
    let version = |wine: &Wine| status(wine)["plugins"][0]["version"].clone();
    installer(&wine, &["install"]).ok().never_says("older");
    assert_eq!(version(&wine), env!("CARGO_PKG_VERSION"));
    // What the DLL says of itself, whoever installs it.
    let other =
        |text: &str| text.replacen(['0', '1'], "9", 1).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let (ours, newer) = (env!("CARGO_PKG_VERSION"), other(env!("CARGO_PKG_VERSION")));
    let wide: Vec<u8> = ours.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let replace = |bytes: &mut Vec<u8>, from: &[u8], to: &[u8]| {
        let places: Vec<_> = memchr::memmem::find_iter(bytes, from).collect();
        assert!(!places.is_empty(), "it has a version");
        places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    };
    change_dlls(&wine, |bytes| replace(bytes, &wide, &newer));
    installer(&wine, &["upgrade"]).ok().never_says("older");
    let is = version(&wine);
    assert!(is.as_str().is_some_and(|is| is.starts_with('9') && is != ours), "{is}");
    change_dlls(&wine, |bytes| replace(bytes, &newer, &wide));
    installer(&wine, &["install"]).ok().says(&format!("now it is {ours}, which is older"));
    assert_eq!(version(&wine), ours);
}

#[test]
fn plugins_are_upgraded_and_taken_away_while_they_are_called() {
    let (domain, wine) = (Domain::start(), computer());
    let _provider = AccountProvider::start(&domain);
    wine.link("var/lib/rancher/gmsa", &domain.path("host"));
    let before = state(&wine);
    let calling = || {
        let input = format!("{NAMESPACE}:{SECRET}");
        let called = wine.program("ccg-host.exe").args(["--json", "--threads=4", "--until-input", "--input", &input]);
        let held = wine.hold(called);
        assert_eq!(held.said().trim(), "calling");
        held
    };
    // All calls went well, those before, during and after.
    let ended = |held: Held| {
        let said = held.end();
        let document: Value = serde_json::from_str(said.trim_start_matches("calling").trim())
            .unwrap_or_else(|error| panic!("{error}: {said}"));
        let results = document["results"].as_array().expect("there are results");
        assert_eq!(results.len(), 1, "{said}");
        assert_eq!((&results[0]["hresult"], &results[0]["username"]), (&"0x00000000".into(), &"svc-guard".into()));
        assert!(results[0]["calls"].as_u64() > Some(1), "{said}");
    };

    installer(&wine, &["install"]).ok();
    let (old, first) = (dll(&wine, 0), calling());
    new_release(&wine);
    installer(&wine, &["upgrade"]).ok().says("is still in use by a program that loaded it; it goes later");
    let (new, second) = (dll(&wine, 0), calling());
    assert_ne!(old, new);
    assert!(old.is_file() && new.is_file());
    assert_eq!(states(&wine), ["installed", "installed"]);
    // An upgrade that fails keeps the one that is in use.
    wine.put("faulty-installer.exe");
    new_release(&wine);
    let faulty = wine.program("faulty-installer.exe").args(["--at", "6", "upgrade"]).fails(1);
    faulty.says("everything is as it was before");
    assert_eq!(dll(&wine, 0), new);
    ended(first);
    installer(&wine, &["install"]).ok();
    assert!(!old.exists(), "what nobody uses any more is gone");

    // Nobody finds the plugin any more, who has it loaded goes on with it, and its file goes when they end.
    std::thread::scope(|scope| {
        let uninstalling = scope.spawn(|| installer(&wine, &["uninstall", "--timeout", "600"]).ok());
        while states(&wine) != ["absent", "absent"] {
            assert!(!uninstalling.is_finished(), "it waits for who has the DLL loaded");
        }
        wine.program("ccg-host.exe").args(["--input", "x:y"]).fails(1).says("0x80040154");
        assert!(new.is_file());
        ended(second);
        uninstalling.join().expect("it ends").says("absent").never_says("still in use");
    });
    assert_eq!(state(&wine).1, before.1, "no file is left");
}

#[test]
fn what_goes_at_the_next_start_is_on_the_computers_list_once() {
    let wine = computer();
    wine.build("com_calls");
    installer(&wine, &["install"]).ok();
    let path = status(&wine)["plugins"][0]["dll"].as_str().expect("a DLL is registered").to_owned();
    let held = wine.hold(wine.program("com_calls.exe").args([&path, "hold"]));
    assert_eq!(held.said().trim(), "loaded");
    let list = || {
        let key = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager";
        wine.run("reg").args(["query", key, "/v", "PendingFileRenameOperations"]).ok().stdout
    };
    installer(&wine, &["uninstall", "--timeout", "1"]).ok().says("it goes later");
    let once = list();
    assert_eq!(once.matches(r"CCGRKC.dll.1.old").count(), 1, "{once}");
    for _ in 0..2 {
        installer(&wine, &["uninstall", "--timeout", "1"]).ok().says("it goes later");
        assert_eq!(list(), once);
    }
    held.end();
}

/// On Windows the list has another owner, and administrators may read it and no more. They take it by a privilege, of which Wine knows nothing:
/// here the list itself must let them.
#[test]
fn the_guards_list_of_classes_is_taken_from_its_owner_and_given_back() {
    let wine = Wine::start();
    wine.stay_on();
    let wine = unpacked_on(wine);
    wine.build("key_rights");
    let key = COM_CLASSES.trim_start_matches(r"HKLM\");
    let rights = |words: &[&str]| wine.program("key_rights.exe").arg(key).args(words).ok().stdout.trim().to_owned();
    let list = || wine.run("reg").args(["query", COM_CLASSES]).ok();

    let before = rights(&["O:SYG:SYD:P(A;CI;0xa0019;;;BA)(A;CI;KA;;;SY)"]);
    assert!(before.starts_with("O:SYG:SYD:P") && before.ends_with("(A;CI;KA;;;SY)"), "{before}");
    installer(&wine, &["install"]).ok().says("installed");
    list().says(ccg_classes::RKC.clsid).says(ccg_classes::AKV.clsid);
    assert_eq!(rights(&[]), before);
    installer(&wine, &["uninstall"]).ok().says("absent");
    list().never_says("{");
    assert_eq!(rights(&[]), before);

    // A run that is killed while it has the key leaves word of whose it is: the next one gives it back.
    wine.put("faulty-installer.exe");
    wine.program("faulty-installer.exe").args(["--die-with-key", "install"]).fails(99);
    assert!(rights(&[]).starts_with("O:BA"), "it has the key");
    installer(&wine, &["status"]).fails(5).says("is still taken from its owner");
    installer(&wine, &["uninstall"]).ok().says("absent").never_says("taken");
    assert_eq!(rights(&[]), before);
    wine.run("reg").args(["query", r"HKLM\SOFTWARE\Pando"]).fails(1);

    // Without the right to become its owner.
    let closed = rights(&["O:SYG:SYD:P(A;CI;KR;;;BA)(A;CI;KA;;;SY)"]);
    installer(&wine, &["install"]).fails(1).says("Access denied").says("everything is as it was before");
    assert_eq!((rights(&[]), states(&wine)), (closed, ["absent".to_owned(), "absent".to_owned()]));
}

#[test]
fn a_key_that_is_put_back_has_the_rights_that_it_had() {
    let wine = Wine::start();
    wine.stay_on();
    let wine = unpacked_on(wine);
    wine.build("key_rights");
    let theirs = format!(r"{RKC}\ProgId");
    reg(&wine, &["add", &theirs, "/ve", "/d", "theirs"]);
    reg(&wine, &["add", &format!(r"{RKC}\InprocServer32"), "/ve", "/d", r"C:\theirs.dll"]);
    let key = theirs.trim_start_matches(r"HKLM\");
    let rights = |words: &[&str]| wine.program("key_rights.exe").arg(key).args(words).ok().stdout.trim().to_owned();
    let before = rights(&["O:BAG:SYD:P(A;CI;KA;;;BA)(A;CI;KA;;;SY)(A;CI;KR;;;LS)"]);
    // It fails when all of the class is done.
    let words = ["--at", "28", "install", "--plugin", "rkc", "--replace"];
    wine.program("faulty-installer.exe").args(words).fails(1).says("everything is as it was before").says("COMClasses");
    assert_eq!(rights(&[]), before);
}

#[test]
fn a_run_that_fails_at_any_step_leaves_everything_as_it_was() {
    let wine = computer();
    wine.put("faulty-installer.exe");
    let before = state(&wine);
    let faulty = |at: usize, words: &[&str]| {
        wine.program("faulty-installer.exe").args(["--at", &at.to_string()]).args(words).run()
    };
    // The whole registry is compared after some of them: that takes its time.
    let absent = status(&wine);
    let mut at = 0;
    loop {
        let finished = faulty(at, &["install"]);
        if finished.code == Some(0) {
            break;
        }
        assert_eq!(finished.code, Some(1), "{finished}");
        finished.says("this computer is faulty; everything is as it was before");
        assert_eq!(status(&wine), absent, "after {at} steps");
        if at % 15 == 0 {
            assert_eq!(state(&wine), before, "after {at} steps");
        }
        at += 3;
    }
    assert!(at > 30, "it took {at} steps");
    let installed = state(&wine);
    for at in [5, 17] {
        faulty(at, &["uninstall"]).says("everything is as it was before");
        assert_eq!(state(&wine), installed, "after {at} steps");
    }
}

#[test]
fn someone_elses_class_is_taken_over_only_when_told_so() {
    let wine = computer();
    let server = format!(r"{RKC}\InprocServer32");
    reg(&wine, &["add", &server, "/ve", "/d", "mscoree.dll"]);
    reg(&wine, &["add", &server, "/v", "Assembly", "/d", "RanchergMSACredentialProvider, Version=1.0.0.0"]);
    reg(
        &wine,
        &["add", &format!(r"{AKV}\InprocServer32"), "/ve", "/d", r"C:\Program Files\CCGAKVPlugin\CCGAKVPlugin.dll"],
    );
    let before = state(&wine);
    installer(&wine, &["install"]).fails(3).says("the .NET assembly RanchergMSACredentialProvider").says("--replace");
    installer(&wine, &["install", "--plugin", "akv"]).fails(3).says(r"C:\Program Files\CCGAKVPlugin\CCGAKVPlugin.dll");
    installer(&wine, &["status"]).fails(5).says("someone else's");
    installer(&wine, &["uninstall"]).fails(3).says("registered by someone else, and stays");
    assert_eq!(state(&wine), before);

    installer(&wine, &["install", "--replace"]).ok();
    assert_eq!(states(&wine), ["installed", "installed"]);
    installer(&wine, &["uninstall"]).ok();
    assert_eq!(states(&wine), ["absent", "absent"]);
}

#[test]
fn what_is_in_the_way_or_not_of_the_release_is_refused() {
    let wine = computer();
    let before = state(&wine);
    let refused = |code, text: &str| {
        installer(&wine, &["install"]).fails(code).says(text);
    };
    // A file where the folder should be; a folder that everybody may change.
    let pando = wine.drive_c("Program Files/Pando");
    fs::write(&pando, "x").expect("a file can be made");
    refused(3, r"C:\Program Files\Pando is in the way");
    fs::remove_file(&pando).expect("it can be removed");
    fs::create_dir(&pando).expect("a folder can be made");
    fs::set_permissions(&pando, fs::Permissions::from_mode(0o777)).expect("its rights can be changed");
    refused(3, r"everybody may put files into C:\Program Files\Pando");
    fs::remove_dir(&pando).expect("it can be removed");

    let sums = wine.drive_c("pando/SHA256SUMS");
    let list = fs::read_to_string(&sums).expect("it can be read");
    fs::write(&sums, list.replace("CCGRKC", "Other")).expect("it can be written");
    refused(1, "does not list CCGRKC.dll");
    fs::write(&sums, &list).expect("it can be written");
    let path = wine.drive_c("pando/CCGRKC.dll");
    let mut bytes = fs::read(&path).expect("it can be read");
    bytes.push(0);
    fs::write(&path, bytes).expect("it can be written");
    refused(1, "is not the file that SHA256SUMS lists");
    reg(&wine, &["delete", r"HKLM\SYSTEM\CurrentControlSet\Control\CCG"]);
    wine.sum();
    refused(3, "no Container Credential Guard");
    reg(&wine, &["add", COM_CLASSES]);
    assert_eq!(state(&wine), before);
}
