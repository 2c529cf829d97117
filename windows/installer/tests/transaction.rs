//! Whatever is on a machine and wherever a run fails: it reaches its end, or everything is as it was.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests here; failing is their job")]

mod support;

use installer::caseless::Caseless;
use installer::class::{CLASSES, COM_CLASSES, Class, Registration, ccg_tree, interface_key, interface_tree};
use installer::command::{Kept, PluginName, StatusArgs, Uninstall, Which};
use installer::files::{Dll, Layout};
use installer::machine::Machine;
use installer::plan::{Refusal, Wanted};
use installer::record::Record;
use installer::registry::Tree;
use installer::seen::Seen;
use installer::status::{State, Status};
use installer::transaction::Undone;
use installer::work::{self, Error, Report, install_these, uninstall_these};
use proptest::prelude::*;
use support::{Memory, Node};

fn layout() -> Layout {
    Layout::below(&r"C:\Program Files".into())
}

fn wanted(classes: &[&'static Class], dll: &str) -> Vec<Wanted> {
    let dll = Dll::of(dll.as_bytes().to_vec());
    let run_as = |class: &Class| class.run_as.map(str::to_owned);
    classes.iter().map(|class| Wanted { class, dll: dll.clone(), run_as: run_as(class) }).collect()
}

fn all() -> Vec<&'static Class> {
    CLASSES.iter().collect()
}

fn install(memory: &mut Memory, classes: &[&'static Class], dll: &str, replace: bool) -> Result<Report, Error> {
    let seen = Seen::look(memory, &layout()).unwrap();
    install_these(memory, &layout(), &seen, &wanted(classes, dll), replace, &|| true)
}

fn uninstall(memory: &mut Memory, classes: &[&'static Class]) -> Result<Report, Error> {
    uninstall_these(memory, &layout(), classes, &|| true)
}

fn states(memory: &Memory) -> Vec<State> {
    let seen = Seen::look(memory, &layout()).unwrap();
    seen.classes.iter().map(|one| Status::of(&seen, one).state).collect()
}

/// As Rancher's plugin stands in the registry.
fn rancher(memory: &mut Memory) {
    let server = Tree::default().with_text("", "mscoree.dll").with_text("ThreadingModel", "Both");
    let server = server.with_text("Assembly", "RanchergMSACredentialProvider, Version=1.0.0.0");
    let program = Tree::default()
        .with_text("", r"C:\Windows\System32\dllhost.exe /ProcessID:{79B8037B-1098-435F-9E8A-9D332D3B8BB7}");
    let clsid = Tree::default()
        .with_text("", "CcgCredProvider")
        .with_text("AppID", "{79B8037B-1098-435F-9E8A-9D332D3B8BB7}")
        .with_key("InprocServer32", server)
        .with_key("LocalServer32", program)
        .with_key("ProgId", Tree::default().with_text("", "CcgCredProvider"));
    memory.put_key(CLASSES[0].clsid_path().as_str(), &clsid);
    memory.put_key(CLASSES[0].ccg_path().as_str(), &ccg_tree());
}

/// As AKS's plugin does.
fn aks(memory: &mut Memory) {
    let dll = r"C:\Program Files\CCGAKVPlugin\CCGAKVPlugin.dll";
    let clsid = Tree::default()
        .with_text("AppID", "{557110E1-88BC-4583-8281-6AAC6F708584}")
        .with_key("InprocServer32", Tree::default().with_text("", dll).with_text("ThreadingModel", "Both"));
    memory.put_key(CLASSES[1].clsid_path().as_str(), &clsid);
    memory.put_key(CLASSES[1].ccg_path().as_str(), &ccg_tree());
    memory.put_file(dll, Node::File(b"AKS's".to_vec()));
}

#[test]
fn a_fresh_machine_is_installed_once_upgraded_and_left_as_it_was() {
    let mut memory = Memory::fresh();
    let before = memory.state();
    assert!(install(&mut memory, &all(), "one", false).unwrap().changed);
    assert_eq!(states(&memory), [State::Installed, State::Installed]);
    let installed = memory.state();
    assert!(!install(&mut memory, &all(), "one", false).unwrap().changed);
    assert_eq!(memory.state(), installed);

    let report = install(&mut memory, &all(), "two", false).unwrap();
    assert!(report.changed && report.in_use.is_empty());
    assert_eq!(memory.files.len(), installed.1.len(), "the older version is gone");
    assert!(uninstall(&mut memory, &all()).unwrap().changed);
    assert_eq!(memory.state(), before);
    assert!(!uninstall(&mut memory, &all()).unwrap().changed);
}

#[test]
fn an_upgrade_leaves_a_loaded_dll_to_a_later_run() {
    let mut memory = Memory::fresh();
    install(&mut memory, &all(), "one", false).unwrap();
    let old = dlls(&memory);
    memory.loaded = old.clone();
    let report = install(&mut memory, &all(), "two", false).unwrap();
    assert_eq!(report.in_use.len(), 2);
    assert_eq!(states(&memory), [State::Installed, State::Installed]);
    assert_eq!(dlls(&memory).len(), 4);
    // Another upgrade, still loaded; then the programs end.
    install(&mut memory, &all(), "three", false).unwrap();
    memory.loaded.clear();
    assert!(!install(&mut memory, &all(), "three", false).unwrap().changed);
    assert_eq!(dlls(&memory).len(), 2);
}

#[test]
fn an_older_version_is_installed_and_named() {
    let mut memory = Memory::fresh();
    let mut install = |version: &str| {
        let seen = Seen::look(&memory, &layout()).unwrap();
        let dll = Dll { version: version.parse().ok(), ..Dll::of(version.as_bytes().to_vec()) };
        let wanted = [Wanted { class: &CLASSES[0], dll, run_as: None }];
        let report = install_these(&mut memory, &layout(), &seen, &wanted, false, &|| true).unwrap();
        let named = report.downgraded.iter().map(|one| format!("{} {} {}", one.plugin, one.from, one.to)).collect();
        (report.plugins[0].version.clone().unwrap(), named)
    };
    let none = Vec::<String>::new();
    assert_eq!(install("0.9.0"), ("0.9.0".to_owned(), none.clone()));
    assert_eq!(install("0.10.0-rc.1"), ("0.10.0-rc.1".to_owned(), none.clone()));
    assert_eq!(install("0.9.1"), ("0.9.1".to_owned(), vec!["rkc 0.10.0-rc.1 0.9.1".to_owned()]));
    assert_eq!(install("not one"), ("unversioned".to_owned(), none));
}

fn dlls(memory: &Memory) -> Vec<Caseless> {
    memory.files.keys().filter(|path| path.name().ends_with(".dll")).cloned().collect()
}

#[test]
fn an_uninstall_waits_for_programs_and_then_leaves_the_file_to_the_next_start() {
    let mut memory = Memory::fresh();
    install(&mut memory, &all(), "one", false).unwrap();
    memory.loaded = dlls(&memory);
    assert!(uninstall(&mut memory, &all()).unwrap().in_use.is_empty(), "they ended in time");
    install(&mut memory, &all(), "one", false).unwrap();
    memory.loaded = dlls(&memory);
    // Time is over when the registrations are gone.
    let registrations = installer::plan::uninstall(&Seen::look(&memory, &layout()).unwrap(), &all()).len();
    let steps = std::cell::Cell::new(0);
    let in_time = || steps.replace(steps.get() + 1) < registrations;
    let report = uninstall_these(&mut memory, &layout(), &all(), &in_time).unwrap();
    assert_eq!(report.in_use.len(), 2);
    let at_restart: Vec<_> = memory.at_restart.iter().filter(|path| path.name().ends_with(".old")).cloned().collect();
    assert_eq!(at_restart.len(), 2, "{:?}", memory.at_restart);
    // Behind them, the folders that they were in.
    assert_eq!(memory.at_restart.last(), Some(&r"C:\Program Files\Pando".into()));
    assert_eq!(states(&memory), [State::Absent, State::Absent]);
    // Who installs again before that start keeps what is installed.
    install(&mut memory, &all(), "one", false).unwrap();
    memory.files.retain(|path, _| !at_restart.contains(path));
    assert_eq!(states(&memory), [State::Installed, State::Installed]);
}

#[test]
fn a_proxy_that_leads_nowhere_is_missing() {
    let mut memory = Memory::fresh();
    install(&mut memory, &all(), "one", false).unwrap();
    let proxy = installer::class::interface_key().join("ProxyStubClsid32");
    memory.keys.remove(&proxy);
    assert_eq!(states(&memory), [State::Incomplete, State::Incomplete]);
    install(&mut memory, &all(), "one", false).unwrap();
    assert_eq!(states(&memory), [State::Installed, State::Installed]);
}

#[test]
fn what_belongs_to_someone_else_is_only_replaced_when_told_so() {
    let mut memory = Memory::fresh();
    rancher(&mut memory);
    aks(&mut memory);
    let before = memory.state();
    for (class, by) in CLASSES.iter().zip(["RanchergMSACredentialProvider", "CCGAKVPlugin.dll"]) {
        let error = install(&mut memory, &[class], "one", false).unwrap_err();
        assert!(matches!(error, Error::Refused(Refusal::Foreign { .. })), "{error}");
        assert!(error.to_string().contains(by) && error.code() == 3, "{error}");
    }
    let error = uninstall(&mut memory, &all()).unwrap_err();
    assert!(matches!(error, Error::Refused(Refusal::NotOurs { .. })) && error.code() == 3, "{error}");
    assert_eq!(memory.state(), before);
    assert_eq!(states(&memory), [State::SomeoneElses, State::SomeoneElses]);

    install(&mut memory, &all(), "one", true).unwrap();
    assert_eq!(states(&memory), [State::Installed, State::Installed]);
    assert!(
        memory.files.contains_key(&r"C:\Program Files\CCGAKVPlugin\CCGAKVPlugin.dll".into()),
        "its files are its own"
    );
}

fn which(plugin: Vec<PluginName>) -> Which {
    Which { plugin, dir: None, json: false }
}

fn told_to_uninstall(memory: &mut Memory, plugin: Vec<PluginName>) -> Result<Report, Error> {
    work::uninstall(memory, &Uninstall { which: which(plugin), timeout: 60 })
}

/// With both plugins in `D:\Plugins`.
fn installed_elsewhere() -> Memory {
    let mut memory = Memory::fresh();
    let elsewhere = Layout::at(r"D:\Plugins".into());
    let seen = Seen::look(&memory, &elsewhere).unwrap();
    install_these(&mut memory, &elsewhere, &seen, &wanted(&all(), "one"), false, &|| true).unwrap();
    memory
}

#[test]
fn plugins_are_found_where_they_were_installed_moved_from_there_and_taken_away() {
    let before = Memory::fresh().state();
    let mut memory = installed_elsewhere();
    for (expect, is_so) in [(Kept::Installed, true), (Kept::Absent, false)] {
        let (report, as_expected) = work::status(&memory, &StatusArgs { which: which(vec![]), expect }).unwrap();
        assert_eq!(as_expected, is_so, "{report:?}");
        assert!(report.plugins.iter().all(|one| one.dll.as_ref().unwrap().starts_with(r"D:\Plugins\")), "{report:?}");
    }
    told_to_uninstall(&mut memory, vec![]).unwrap();
    assert_eq!(memory.state(), before);

    // Moved to where plugins usually are, while programs have the old files.
    let mut memory = installed_elsewhere();
    memory.loaded = dlls(&memory);
    let report = install(&mut memory, &all(), "one", false).unwrap();
    assert_eq!((report.in_use.len(), dlls(&memory).len()), (2, 4));
    assert!(report.plugins.iter().all(|one| one.dll.as_ref().unwrap().starts_with(r"C:\Program Files\")), "{report:?}");
    memory.loaded.clear();
    install(&mut memory, &all(), "one", false).unwrap();
    assert_eq!(dlls(&memory).len(), 2, "the next run knows where the old ones are");
    assert!(!memory.files.contains_key(&r"D:\Plugins".into()));
    told_to_uninstall(&mut memory, vec![]).unwrap();
    assert_eq!(memory.state(), before);
}

#[test]
fn another_path_of_the_same_folder_takes_nothing_away() {
    let mut memory = Memory::fresh();
    install(&mut memory, &all(), "one", false).unwrap();
    memory.drive = Some((r"X:\".to_owned(), r"C:\Program Files\".to_owned()));
    let same = Layout::at(r"X:\Pando\ccg".into());
    let seen = Seen::look(&memory, &same).unwrap();
    let report = install_these(&mut memory, &same, &seen, &wanted(&all(), "one"), false, &|| true).unwrap();
    assert!(report.plugins.iter().all(|one| one.state == State::Installed), "{report:?}");
    assert_eq!(dlls(&memory).len(), 2);
}

#[test]
fn what_is_installed_where_nobody_knows_is_not_passed_over_in_silence() {
    let mut memory = installed_elsewhere();
    memory.keys.retain(|key, _| *key != r"SOFTWARE\Pando".into() && !key.is_below(&r"SOFTWARE\Pando".into()));
    let before = memory.state();
    for named in [vec![], vec![PluginName::Akv]] {
        let error = told_to_uninstall(&mut memory, named).unwrap_err();
        assert!(error.code() == 3 && error.to_string().contains("--dir"), "{error}");
        assert_eq!(memory.state(), before);
    }
    // Where something is ours, that goes, and the other is named in the report; but not when the other was asked for.
    let mut memory = Memory::fresh();
    install(&mut memory, &[&CLASSES[0]], "one", false).unwrap();
    aks(&mut memory);
    let before = memory.state();
    let error = told_to_uninstall(&mut memory, vec![PluginName::Rkc, PluginName::Akv]).unwrap_err();
    assert_eq!((error.code(), memory.state()), (3, before));
    let report = told_to_uninstall(&mut memory, vec![]).unwrap();
    assert_eq!(states(&memory), [State::Absent, State::SomeoneElses]);
    assert!(report.plugins[1].registered_by.as_ref().unwrap().contains("CCGAKVPlugin"), "{report:?}");
}

#[test]
fn a_run_that_is_killed_leaves_word_where_it_was_at_work() {
    // After any number of its steps, in a folder that the next one is not told.
    let elsewhere = Layout::at(r"D:\Plugins".into());
    let before = Memory::fresh();
    let seen = Seen::look(&before, &elsewhere).unwrap();
    let steps = installer::plan::install(&before, &elsewhere, &seen, &wanted(&all(), "one"), false).unwrap();
    for killed in 0..=steps.len() {
        let mut memory = before.clone();
        steps.iter().take(killed).for_each(|step| memory.take(step).unwrap());
        told_to_uninstall(&mut memory, vec![]).unwrap();
        assert_eq!(memory.state(), before.state(), "after {killed} steps");
    }
}

#[test]
fn the_proxy_of_the_interface_stays_where_others_need_it_or_brought_it() {
    let key = interface_key();
    // It was there.
    let mut memory = Memory::fresh();
    memory.put_key(key.as_str(), &interface_tree());
    install(&mut memory, &all(), "one", false).unwrap();
    uninstall(&mut memory, &all()).unwrap();
    assert!(memory.keys.contains_key(&key));
    // We brought it, and another plugin came.
    let mut memory = Memory::fresh();
    install(&mut memory, &all(), "one", false).unwrap();
    memory.put_key(&format!(r"{COM_CLASSES}\{{859E1386-BDB4-49E8-85C7-3070B13920E1}}"), &ccg_tree());
    uninstall(&mut memory, &all()).unwrap();
    assert!(memory.keys.contains_key(&key));
    // One of ours stays.
    let mut memory = Memory::fresh();
    install(&mut memory, &all(), "one", false).unwrap();
    uninstall(&mut memory, &[&CLASSES[1]]).unwrap();
    assert!(memory.keys.contains_key(&key));
    assert_eq!(states(&memory), [State::Installed, State::Absent]);
    uninstall(&mut memory, &[&CLASSES[0]]).unwrap();
    assert!(!memory.keys.contains_key(&key) && !memory.keys.contains_key(&r"SOFTWARE\Pando".into()));
}

#[test]
fn what_is_in_the_way_is_named_and_not_touched() {
    let root = r"C:\Program Files\Pando\ccg";
    let version = layout().version(&CLASSES[0], &Dll::of(b"one".to_vec()));
    let in_the_way = [
        (r"C:\Program Files\Pando".to_owned(), Node::File(b"x".to_vec())),
        (root.to_owned(), Node::Link),
        (format!(r"{root}\rkc"), Node::Link),
        (version.join(CLASSES[0].dll).to_string(), Node::Link),
        (version.join(CLASSES[0].dll).to_string(), Node::Folder { open_to: None }),
        (root.to_owned(), Node::Folder { open_to: Some("Everyone".into()) }),
    ];
    for (path, node) in in_the_way {
        let mut memory = Memory::fresh();
        memory.put_file(&path, node.clone());
        let before = memory.state();
        let error = install(&mut memory, &all(), "one", false).unwrap_err();
        assert!(error.code() == 3 && error.to_string().contains(&path), "{path} {node:?}: {error}");
        assert_eq!(memory.state(), before, "{path}");
        // Nor does a link lead anyone to delete what is behind it.
        let links = |memory: &Memory| memory.files.values().filter(|node| **node == Node::Link).count();
        uninstall(&mut memory, &all()).unwrap();
        assert_eq!(links(&memory), usize::from(node == Node::Link), "{path}");
    }
}

#[test]
fn someone_elses_file_of_the_same_name_is_moved_aside_and_one_of_another_name_stays() {
    let mut memory = Memory::fresh();
    let version = layout().version(&CLASSES[0], &Dll::of(b"one".to_vec()));
    let dll = version.join(CLASSES[0].dll);
    memory.put_file(dll.as_str(), Node::File(b"theirs".to_vec()));
    memory.put_file(version.join("readme.txt").as_str(), Node::File(b"theirs".to_vec()));
    memory.loaded.push(dll.clone());
    let report = install(&mut memory, &[&CLASSES[0]], "one", false).unwrap();
    assert_eq!(memory.files[&dll], Node::File(b"one".to_vec()));
    assert_eq!(report.not_ours, [version.join("readme.txt").to_string()]);
    // A DLL that was changed under our hands is no longer what its folder says.
    memory.files.insert(dll.clone(), Node::File(b"changed".to_vec()));
    assert_eq!(states(&memory)[0], State::Incomplete);
    assert!(install(&mut memory, &[&CLASSES[0]], "one", false).unwrap().changed);
    assert_eq!(states(&memory)[0], State::Installed);
    let report = uninstall(&mut memory, &[&CLASSES[0]]).unwrap();
    assert_eq!(report.not_ours.len(), 1);
    assert!(memory.files.contains_key(&version.join("readme.txt")));
}

#[test]
fn a_dll_that_others_may_change_is_named_and_made_anew() {
    let mut memory = Memory::fresh();
    install(&mut memory, &all(), "one", false).unwrap();
    let installed = memory.state();
    let dll = dlls(&memory)[0].clone();
    memory.files.insert(dll.clone(), Node::Open(b"one".to_vec()));
    let finding = |memory: &Memory| {
        let seen = Seen::look(memory, &layout()).unwrap();
        let findings = seen.classes.iter().flat_map(|one| Status::of(&seen, one).findings);
        findings.map(|one| (one.what, one.item, one.is.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(finding(&memory), [("open", dll.to_string(), "writable for everybody".to_owned())]);
    assert!(install(&mut memory, &all(), "one", false).unwrap().changed);
    assert_eq!(memory.state(), installed);
    // What may be in a folder that was open is not guessed.
    for folder in [dll.parent().unwrap(), r"C:\Program Files".into()] {
        memory.files.insert(folder.clone(), Node::Folder { open_to: Some("every user".into()) });
        let found = finding(&memory);
        assert!(found.contains(&("open", folder.to_string(), "writable for every user".to_owned())), "{found:?}");
        let error = install(&mut memory, &all(), "one", false).unwrap_err();
        assert_eq!(error.code(), 3, "{error}");
        memory.files.insert(folder.clone(), Node::Link);
        let found = finding(&memory);
        assert!(found.iter().any(|one| (one.0, &one.1) == ("different", &folder.to_string())), "{found:?}");
        memory.files.insert(folder, Node::Folder { open_to: None });
    }
}

#[test]
fn where_there_is_no_guard_nothing_is_installed() {
    let mut memory = Memory::default();
    let error = install(&mut memory, &all(), "one", false).unwrap_err();
    assert!(matches!(error, Error::Refused(Refusal::NoGuard)), "{error}");
    assert_eq!(memory, Memory::default());
}

#[test]
fn what_cannot_be_taken_back_is_named() {
    let mut memory = Memory::fresh();
    memory.fails_after = Some(12);
    memory.for_good = true;
    let error = install(&mut memory, &all(), "one", false).unwrap_err();
    let Error::Undone(Undone::Stuck { left, .. }) = &error else { panic!("{error}") };
    assert_eq!((left.len(), error.code()), (12, 4));
    assert!(error.to_string().contains("remove the folder"), "{error}");
}

#[test]
fn a_run_that_is_out_of_time_is_taken_back() {
    let mut memory = Memory::fresh();
    let before = memory.state();
    let seen = Seen::look(&memory, &layout()).unwrap();
    let steps = std::cell::Cell::new(0);
    let in_time = || steps.replace(steps.get() + 1) < 9;
    let error = install_these(&mut memory, &layout(), &seen, &wanted(&all(), "one"), false, &in_time).unwrap_err();
    assert!(error.to_string().contains("--timeout") && error.code() == 1, "{error}");
    assert_eq!(memory.state(), before);
}

/// Any of what machines are like: nothing, ours, someone else's, half of it, and files that should not be there.
fn machines() -> impl Strategy<Value = Memory> {
    let flags = proptest::collection::vec(any::<bool>(), 7);
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..4);
    (flags, damage).prop_map(|(flags, damage)| {
        let mut memory = Memory::fresh();
        let flag = |at: usize| flags[at];
        if flag(0) {
            install(&mut memory, &[&CLASSES[0]], "old", false).unwrap();
        }
        if flag(1) {
            install(&mut memory, &[&CLASSES[1]], "old", false).unwrap();
        }
        if flag(2) {
            rancher(&mut memory);
        }
        if flag(3) {
            aks(&mut memory);
        }
        if flag(4) {
            memory.put_key(interface_key().as_str(), &Tree::default().with_text("", "someone's"));
        }
        if flag(5) {
            let version = layout().version(&CLASSES[0], &Dll::of(b"new".to_vec()));
            memory.put_file(version.join(CLASSES[0].dll).as_str(), Node::File(b"damaged".to_vec()));
        }
        if flag(6) {
            memory.put_file(r"C:\Program Files\Pando\ccg\rkc\notes.txt", Node::File(b"someone's".to_vec()));
        }
        for (index, whole) in damage {
            damage_keys(&mut memory, index, whole);
        }
        memory.taken = 0;
        memory
    })
}

/// Takes a key away with all below it, or its values.
fn damage_keys(memory: &mut Memory, index: prop::sample::Index, whole: bool) {
    let clsid = CLASSES[0].clsid;
    let keys: Vec<_> = memory.keys.keys().filter(|key| key.as_str().contains('{')).cloned().collect();
    if keys.is_empty() {
        memory.put_key(&format!(r"SOFTWARE\Classes\CLSID\{clsid}"), &Tree::default());
        return;
    }
    let key = index.get(&keys);
    if whole {
        memory.keys.retain(|other, _| other != key && !other.is_below(key));
    } else if let Some(values) = memory.keys.get_mut(key) {
        values.clear();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_run_reaches_its_end_or_leaves_everything_as_it_was(machine in machines(), replace: bool, remove: bool, at in 0usize..70) {
        let before = machine.state();
        let mut memory = machine;
        memory.fails_after = Some(at);
        let act = |memory: &mut Memory| {
            if remove { uninstall(memory, &all()) } else { install(memory, &all(), "new", replace) }
        };
        match act(&mut memory) {
            Ok(_) => {
                let states = states(&memory);
                if remove {
                    prop_assert!(states.iter().all(|state| matches!(state, State::Absent | State::SomeoneElses)), "{states:?}");
                } else {
                    prop_assert_eq!(states, [State::Installed, State::Installed]);
                }
                let done = memory.state();
                memory.fails_after = None;
                match act(&mut memory) {
                    Ok(again) => prop_assert!(!again.changed, "a second run has nothing to do"),
                    Err(error) => prop_assert!(remove && error.code() == 3, "{}", error),
                }
                prop_assert_eq!(memory.state(), done);
            }
            // What is left is the record of where the files were.
            Err(Error::Cleanup(_)) => {
                memory.fails_after = None;
                let again = act(&mut memory);
                prop_assert!(again.as_ref().is_ok_and(|again| !again.changed) || again.is_err_and(|error| error.code() == 3));
                let record = Record::read(&memory).unwrap();
                prop_assert!(!remove || all().iter().all(|class| record.roots(class).is_empty()));
            }
            Err(error) => {
                prop_assert!(error.code() == 1 || error.code() == 3, "{}", error);
                prop_assert_eq!(memory.state(), before);
            }
        }
    }

    #[test]
    fn what_is_someone_elses_is_never_touched_unless_told_so(machine in machines(), remove: bool) {
        let mut memory = machine;
        let foreign: Vec<_> = Seen::look(&memory, &layout()).unwrap().classes.into_iter()
            .filter(|one| matches!(one.registered, installer::seen::Registered::Other(_)))
            .map(|one| (one.class.clsid_path(), one.clsid, one.ccg)).collect();
        let result = if remove { uninstall(&mut memory, &all()) } else { install(&mut memory, &all(), "new", false) };
        prop_assert!(remove || foreign.is_empty() || result.is_err());
        let after = Seen::look(&memory, &layout()).unwrap();
        for (key, clsid, ccg) in foreign {
            let one = after.classes.iter().find(|one| one.class.clsid_path() == key).unwrap();
            prop_assert_eq!(&one.clsid, &clsid);
            prop_assert_eq!(&one.ccg, &ccg);
        }
    }
}
