use dtyp::FileTime;

use super::super::time;
use super::*;

fn now() -> Time {
    time(FileTime::from_unix(1_800_000_000, 0))
}

fn spec(name: &str, uid: &str) -> Spec {
    Spec { name: name.into(), uid: uid.into(), generation: 1, contents: None }
}

fn stored(name: &str, owner: Option<&str>) -> Stored {
    Stored { name: name.into(), uid: "s".into(), version: "7".into(), owner: owner.map(str::to_owned), status: None }
}

fn world(specs: Vec<Spec>, stored: Vec<Stored>) -> World {
    World { specs, stored, ..World::default() }
}

#[test]
fn from_nothing_to_rest_in_two_rounds() {
    let steps = plan(&world(vec![spec("a", "1")], vec![]), &now());
    assert_eq!(steps, [Step::Create { name: "a".into(), owner: "1".into() }]);
    let mut world = world(vec![spec("a", "1")], vec![stored("a", Some("1"))]);
    let steps = plan(&world, &now());
    let [Step::Write { version, status, .. }] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(version, "7");
    world.stored[0].status = Some(status.as_ref().clone());
    // As it comes back from the API server.
    let text = serde_json::to_string(status).unwrap();
    assert_eq!(world.stored[0].status, serde_json::from_str(&text).unwrap());
    assert_eq!(plan(&world, &now()), []);
    let later = time(FileTime::from_unix(1_900_000_000, 0));
    assert_eq!(plan(&world, &later), [], "time alone is no reason to write");
}

#[test]
fn a_status_without_its_very_spec_goes() {
    let gone = Step::Delete { name: "a".into(), uid: "s".into() };
    assert_eq!(plan(&world(vec![], vec![stored("a", Some("1"))]), &now()), std::slice::from_ref(&gone));
    // The spec was made anew under its name: first the old one goes, and a new one is made when it has gone.
    assert_eq!(plan(&world(vec![spec("a", "2")], vec![stored("a", Some("1"))]), &now()), std::slice::from_ref(&gone));
    // Somebody else made one.
    assert_eq!(plan(&world(vec![spec("a", "1")], vec![stored("a", None)]), &now()), [gone]);
}
