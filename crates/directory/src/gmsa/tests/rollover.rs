use super::*;

/// What the directory does around the end of a password.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    current: &'static str,
    previous: Option<&'static str>,
    opens: Vec<&'static str>,
    kvno: u32,
}

#[test]
fn a_password_changes_to_the_second_with_five_minutes_on_both_sides() {
    let scene = Scene::new();
    scene.clock.advance(7 * HOUR);
    scene.gmsa("1");
    let sid = sid(&scene);
    let passwords: Vec<_> = ["first", "second", "third", "fourth"].into_iter().zip(0..).collect();
    let of = |n: u64| password(&scene, KeyId::at(scene.start).plus(2 * n), &sid);
    let known: Vec<(&'static str, ManagedPassword)> = passwords.iter().map(|(name, n)| (*name, of(*n))).collect();
    let name = |password: &ManagedPassword| known.iter().find(|(_, known)| known == password).unwrap().0;
    let look = |at: FileTime| {
        scene.clock.set(at);
        let blob = scene.blob();
        let opens = known.iter().filter(|(_, password)| scene.opens(password)).map(|(name, _)| *name).collect();
        // Before and after the writer has been there.
        let kvno = scene.keys().kvno;
        scene.settle();
        assert_eq!((scene.keys().kvno, scene.value("msDS-KeyVersionNumber")), (kvno, kvno.to_string()));
        Seen { current: name(&blob.current), previous: blob.previous.as_ref().map(name), opens, kvno }
    };
    let seen =
        |current, previous, opens: &[&'static str], kvno| Seen { current, previous, opens: opens.to_vec(), kvno };
    let end = scene.at(20);
    assert_eq!(look(end.saturating_sub(5 * MINUTE + SECOND)), seen("first", None, &["first"], 1));
    assert_eq!(look(end.saturating_sub(5 * MINUTE)), seen("second", Some("first"), &["first", "second"], 1));
    assert_eq!(look(end.saturating_sub(SECOND)), seen("second", Some("first"), &["first", "second"], 1));
    // The account is not an interval old yet: the password before is not shown, but opens.
    assert_eq!(look(end), seen("second", None, &["first", "second"], 2));
    assert_eq!(look(end.saturating_add(5 * MINUTE - SECOND)), seen("second", None, &["first", "second"], 2));
    assert_eq!(look(end.saturating_add(5 * MINUTE)), seen("second", None, &["second"], 2));
    let end = scene.at(40);
    assert_eq!(look(end.saturating_sub(SECOND)), seen("third", Some("second"), &["second", "third"], 2));
    assert_eq!(look(end), seen("third", Some("second"), &["second", "third"], 3));
    assert_eq!(look(end.saturating_add(5 * MINUTE)), seen("third", Some("second"), &["third"], 3));
    assert_eq!(scene.envelope("msDS-ManagedPasswordPreviousId").unwrap().slot, KeyId::at(scene.at(20)));
}

fn sid(scene: &Scene) -> Sid {
    let view = scene.directory.read().unwrap();
    let found = account::find(&view, "webapp$").unwrap().unwrap();
    view.object(found).unwrap().unwrap().sid().unwrap()
}

fn password(scene: &Scene, slot: KeyId, account: &Sid) -> ManagedPassword {
    let view = scene.directory.read().unwrap();
    let keys = crate::gmsa::root_keys::RootKeys::of(&view).unwrap();
    gkdi::gmsa_password(keys.for_slot(slot).unwrap(), slot, account)
}

#[test]
fn months_pass_and_every_thirty_days_there_is_another_password() {
    let scene = Scene::new();
    scene.clock.advance(HOUR);
    scene.gmsa("30");
    let sid = sid(&scene);
    let mut kvno = 1;
    for hours in (2..720 * 7).step_by(45) {
        scene.clock.set(scene.at(hours));
        let turn = hours / 720;
        let slot = KeyId::at(scene.start).plus(72 * turn);
        let blob = scene.blob();
        assert!(blob.current == password(&scene, slot, &sid), "after {hours} hours");
        assert_eq!(blob.query_interval, scene.at((turn + 1) * 720).since(scene.clock.now()));
        scene.settle();
        let now = scene.keys().kvno;
        kvno += u32::from(now != kvno);
        assert_eq!((now, scene.envelope("msDS-ManagedPasswordId").unwrap().slot), (kvno, slot));
    }
    assert_eq!(kvno, 7);
}

#[test]
fn passwords_that_nobody_looked_at_leave_nothing_behind() {
    let scene = Scene::new();
    scene.gmsa("1");
    let first = scene.blob().current;
    scene.clock.set(scene.at(99));
    let before = scene.keys();
    assert_eq!((before.kvno, before.keys.len()), (3, 4), "the one skipped counts too");
    scene.settle();
    let stored = scene.keys();
    assert_eq!(stored, before, "what was computed is what was stored");
    assert_eq!(scene.envelope("msDS-ManagedPasswordId").unwrap().slot, KeyId::at(scene.at(80)));
    assert_eq!(scene.envelope("msDS-ManagedPasswordPreviousId").unwrap().slot, KeyId::at(scene.at(60)));
    assert!(!scene.opens(&first));
    scene.clock.set(scene.at(160));
    let late = scene.blob();
    assert!(scene.opens(&late.current) && scene.opens(late.previous.as_ref().unwrap()) && !scene.opens(&first));
}

#[test]
fn all_who_look_at_the_moment_of_a_rollover_get_the_same_and_it_is_stored_once() {
    let scene = Scene::new();
    scene.gmsa("1");
    scene.clock.set(scene.at(20));
    let before = scene.directory.read().unwrap().highest_usn().unwrap();
    let seen: Vec<(ManagedPasswordBlob, Keys)> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..8).map(|_| scope.spawn(|| (scene.blob(), scene.keys()))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    scene.settle();
    assert!(seen.iter().all(|one| *one == seen[0]));
    assert_eq!((scene.blob(), scene.keys()), seen[0]);
    let after = scene.directory.read().unwrap().highest_usn().unwrap();
    assert_eq!((after.0 - before.0, seen[0].1.kvno), (1, 2));
}

#[test]
fn a_reader_does_not_wait_for_the_writer() {
    let scene = Scene::new();
    scene.gmsa("1");
    scene.clock.set(scene.at(20));
    let (free, hold) = std::sync::mpsc::channel::<()>();
    let busy = Update::System(Box::new(move |transaction| {
        let _ = hold.recv();
        transaction.view().domain()
    }));
    scene.directory.submit(Caller::system(), busy, |_| ());
    let (blob, keys) = (scene.blob(), scene.keys());
    assert!(scene.opens(&blob.current));
    assert_eq!(keys.kvno, 2);
    free.send(()).unwrap();
    scene.settle();
    assert_eq!((scene.blob(), scene.keys()), (blob, keys));
}

#[test]
fn a_clock_that_is_set_back_leaves_the_password_where_it_was() {
    let scene = Scene::new();
    scene.gmsa("1");
    scene.clock.set(scene.at(100));
    let ahead = scene.blob().current;
    scene.settle();
    scene.clock.set(scene.at(30));
    assert!(scene.blob().current == ahead && scene.opens(&ahead));
    assert_eq!(scene.keys().kvno, 3);
}

#[test]
fn a_gmsa_is_not_locked_out() {
    let scene = Scene::new();
    scene.gmsa("1");
    let locked = vec![attribute("lockoutTime", &[&scene.start.0.to_string()])];
    let changes = locked.into_iter().map(|attribute| Modification { kind: ModificationKind::Replace, attribute });
    let update = Update::Modify { dn: dn(WEBAPP), changes: changes.collect(), permissive: false, sd_flags: None };
    scene.directory.apply(&Caller::system(), update).unwrap();
    assert!(scene.opens(&scene.blob().current));
}
