//! Rotation with an API server and a directory that can stop anywhere.

mod interleavings;
mod world;

use std::time::Duration;

use dtyp::Clock;
use k8s_openapi::ByteString;

use super::*;
use world::{LONG_AGO, Mood, World, Writes};

const DAY: Duration = Duration::from_secs(86_400);
const FIRST: &str = "Typed-by-somebody-1";

#[tokio::test]
async fn a_password_that_is_old_becomes_one_that_nobody_knows_and_one_that_is_not_stays() {
    let world = World::new(FIRST);
    world.directory_age(DAY * 29);
    let mut provider = world.provider("node-1");
    assert_eq!(provider.round().await.unwrap(), LOOK);
    assert_eq!((world.passwords(), world.password()), ((FIRST.into(), None), FIRST.into()));
    // The directory's word for its age is in the Secret now, and it is not asked again before it is time.
    let asked = world.asked();
    assert_eq!(provider.round().await.unwrap(), LOOK);
    assert_eq!(world.asked(), asked);

    world.clock.advance(DAY);
    world.directory_age(DAY * 30);
    provider.round().await.unwrap();
    let (password, next) = world.passwords();
    assert!(password != FIRST && password.len() == 64 && next.is_none());
    assert_eq!(world.password(), password);
    assert_eq!(provider.standings().now().rotated, 1);
    assert_eq!(world.events(), ["begun", "changed", "rotated"]);
    let standing = provider.standings().now();
    assert_eq!(standing.last, Some(world.clock.now()));
    assert_eq!(standing.next, Some(world.clock.now().saturating_add(DAY * 30)));
    assert!(!standing.is_pending);
    assert_eq!(rotates(&world.object()), standing.next);
    // Nothing is left but what says when.
    let annotations = world.object().metadata.annotations.unwrap();
    assert_eq!(
        annotations.keys().collect::<Vec<_>>(),
        ["gmsa.pando.dev/password-changed", "gmsa.pando.dev/password-rotates"]
    );
}

#[tokio::test]
async fn whoever_asks_for_another_password_gets_it_at_once_and_once() {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    let mut provider = world.provider("node-1");
    provider.round().await.unwrap();
    let password = world.password();
    assert_ne!(password, FIRST);
    provider.round().await.unwrap();
    assert_eq!(world.password(), password);
}

/// The kill comes before or after each thing that one provider does; another, or the same anew, finds what it has left.
#[tokio::test]
async fn wherever_a_provider_is_killed_another_finishes() {
    for successor in ["node-1", "node-2"] {
        let mut survived = 0;
        for steps in 0.. {
            let world = World::new(FIRST);
            world.annotate("gmsa.pando.dev/rotate-password", "now");
            let finished = world.run_killed_after("node-1", steps).await;
            world.check(&Answers::default()).await;
            world.clock.advance(CLAIM);
            world.provider(successor).round().await.unwrap();
            let (password, next) = world.passwords();
            assert!(password == world.password() && password != FIRST && next.is_none(), "after {steps} steps");
            if finished {
                break;
            }
            survived += 1;
        }
        // Two looks, for each of: the look, the claim, the age, the next password, the change, the last write.
        assert!(survived >= 12, "{survived}");
    }
}

#[tokio::test]
async fn a_policy_that_says_no_is_respected_for_an_hour_and_the_same_password_offered_again() {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    world.mood(Mood::Policy);
    let mut provider = world.provider("node-1");
    let error = provider.round().await.unwrap_err().to_string();
    assert!(error.contains("minPwdAge") && error.contains("0000052D"), "{error}");
    let (password, Some(next)) = world.passwords() else { panic!("it is kept") };
    assert_eq!((password.as_str(), world.password().as_str()), (FIRST, FIRST));
    let asked = world.asked();
    for name in ["node-1", "node-2", "node-3"] {
        assert!(world.provider(name).round().await.unwrap() > DAY / 25);
    }
    assert_eq!(world.asked(), asked, "nobody has tried");
    world.mood(Mood::Well);
    world.clock.advance(HOLD);
    provider.round().await.unwrap();
    assert_eq!((world.passwords(), world.password()), ((next.clone(), None), next));
}

#[tokio::test]
async fn a_password_that_is_too_young_for_the_domain_is_left_alone_before_anything_is_written() {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    world.directory_age(DAY / 4);
    world.youngest(DAY);
    let mut provider = world.provider("node-1");
    assert_eq!(provider.round().await.unwrap(), HOLD);
    assert_eq!(world.passwords(), (FIRST.into(), None));
    let asked = world.asked();
    world.provider("node-2").round().await.unwrap();
    assert_eq!(world.asked(), asked);
    world.clock.advance(DAY);
    world.directory_age(DAY * 5 / 4);
    provider.round().await.unwrap();
    assert_ne!(world.password(), FIRST);
}

/// Or the account would be locked out.
#[tokio::test]
async fn what_the_directory_refuses_is_shown_to_it_once_by_one_provider_of_all() {
    for pending in [false, true] {
        let world = World::new(FIRST);
        world.annotate("gmsa.pando.dev/rotate-password", "now");
        if pending {
            world.put("nextPassword", "Left-by-who-was-killed");
        }
        world.changed_by_somebody("Only-she-knows-it-3");
        let error = world.provider("node-1").round().await.unwrap_err();
        assert!(matches!(error, RotationError::NotTheAccounts(_)), "{error}");
        let wrong = world.wrong_logons();
        assert_eq!(wrong, if pending { 2 } else { 1 });
        for name in ["node-1", "node-2", "node-3"] {
            world.clock.advance(CLAIM);
            world.provider(name).round().await.unwrap();
        }
        assert_eq!(world.wrong_logons(), wrong);
        // She writes it where it belongs.
        world.put("password", "Only-she-knows-it-3");
        world.provider("node-2").round().await.unwrap();
        let (password, next) = world.passwords();
        assert!(next.is_none() && password == world.password() && password != "Only-she-knows-it-3");
    }
}

/// The directory has the next password already, and who has given it that is the only one who knows it.
#[tokio::test]
async fn who_writes_the_secret_while_its_password_is_changed_does_not_cost_the_account() {
    for writes in [Writes::Back, Writes::LongAgo, Writes::Deletes] {
        let world = World::new(FIRST);
        world.annotate("gmsa.pando.dev/rotate-password", "now");
        world.mood(Mood::Overwritten(writes));
        let mut provider = world.provider("node-1");
        if writes == Writes::Deletes {
            for _ in 0..3 {
                let error = provider.round().await.unwrap_err();
                assert!(matches!(error, RotationError::Secret { .. }), "{error}");
            }
            assert_ne!(world.password(), FIRST);
            world.make_anew();
        }
        provider.round().await.unwrap();
        let (password, next) = world.passwords();
        assert!(password == world.password() && password != FIRST && next.is_none(), "{writes:?}");
        assert_eq!(world.events(), ["begun", "changed", "failed", "rotated"]);
        assert_eq!(provider.standings().now().failed, 1);
        assert!(!provider.standings().now().is_overwritten);
    }
}

/// What it knows is not given up while the Secret cannot be written, and who asks how it stands is told.
#[tokio::test]
async fn a_password_that_cannot_be_written_back_yet_is_kept_and_said_to_be_missing() {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    world.mood(Mood::Overwritten(Writes::Back));
    let mut provider = world.provider("node-1");
    world.keeps_out(true);
    for _ in 0..3 {
        provider.round().await.unwrap_err();
        let standing = provider.standings().now();
        assert!(standing.is_overwritten && standing.error.is_some(), "{standing:?}");
    }
    world.keeps_out(false);
    world.mood(Mood::Well);
    provider.round().await.unwrap();
    let (password, next) = world.passwords();
    assert!(password == world.password() && password != FIRST && next.is_none());
    assert!(!provider.standings().now().is_overwritten);
}

/// At any moment of the change, in whatever the provider is about.
#[tokio::test]
async fn whenever_somebody_writes_the_secret_the_password_is_in_it_again() {
    for writes in [Writes::Back, Writes::LongAgo, Writes::Deletes] {
        let mut pending = 0;
        for steps in 0..40 {
            let world = World::new(FIRST);
            world.annotate("gmsa.pando.dev/rotate-password", "now");
            let provider = world.start("node-1");
            for _ in 0..steps {
                provider.step().await;
            }
            if world.passwords().1.is_none() {
                continue;
            }
            pending += 1;
            world.overwrite(writes);
            provider.step().await;
            provider.step().await;
            world.make_anew();
            for _ in 0..60 {
                provider.step().await;
            }
            let (password, next) = world.passwords();
            assert!(password == world.password() && next.is_none(), "{writes:?} after {steps} steps");
            assert_ne!(password, LONG_AGO);
        }
        assert!(pending >= 6, "{pending}");
    }
}

/// As the book says: who finds that a policy takes no such password, takes it out.
#[tokio::test]
async fn a_next_password_that_the_directory_has_not_may_be_taken_out() {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    world.mood(Mood::Policy);
    let mut provider = world.provider("node-1");
    provider.round().await.unwrap_err();
    let (_, Some(refused)) = world.passwords() else { panic!("it is kept") };
    world.mood(Mood::Well);
    world.overwrite(Writes::Back);
    provider.round().await.unwrap();
    let (password, next) = world.passwords();
    assert!(password == world.password() && password != refused && next.is_none());
    assert_eq!(world.events(), ["begun", "begun", "changed", "rotated"]);
}

/// An administrator has given the account another password, and written it where it belongs.
#[tokio::test]
async fn a_password_that_somebody_has_set_in_the_directory_and_in_the_secret_stays() {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    world.mood(Mood::DirectoryDownAfterwards);
    let mut provider = world.provider("node-1");
    provider.round().await.unwrap_err();
    world.mood(Mood::Well);
    world.changed_by_somebody("Only-she-knows-it-3");
    world.overwrite(Writes::Back);
    world.put("password", "Only-she-knows-it-3");
    world.annotate("gmsa.pando.dev/password-changed", "2027-01-15T08:00:00Z");
    let wrong = world.wrong_logons();
    provider.round().await.unwrap();
    assert_eq!(world.passwords(), ("Only-she-knows-it-3".into(), None));
    assert_eq!(world.wrong_logons(), wrong);
}

#[tokio::test]
async fn a_directory_or_an_api_server_that_is_down_busy_or_broken_costs_a_round_and_no_more() {
    for mood in [Mood::DirectoryDown, Mood::DirectoryDownAfterwards, Mood::Api(429), Mood::Api(500), Mood::Api(403)] {
        let world = World::new(FIRST);
        world.annotate("gmsa.pando.dev/rotate-password", "now");
        world.mood(mood);
        let mut provider = world.provider("node-1");
        provider.round().await.unwrap_err();
        world.check(&Answers::default()).await;
        world.mood(Mood::Well);
        provider.round().await.unwrap();
        let (password, next) = world.passwords();
        assert!(password == world.password() && password != FIRST && next.is_none(), "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_or_a_directory_that_says_nothing_is_not_waited_for() {
    for (mood, said) in [
        (Mood::ApiSilent, "API server did not answer in time"),
        (Mood::DirectorySilent, "directory did not answer in time"),
    ] {
        let world = World::new(FIRST);
        world.annotate("gmsa.pando.dev/rotate-password", "now");
        world.mood(mood);
        let error = world.provider("node-1").round().await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_changed_is_not_begun_with() {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    world.edit(|object| object.immutable = Some(true));
    let error = world.provider("node-1").round().await.unwrap_err();
    assert!(matches!(error, RotationError::Immutable(_)));
    world.edit(|object| drop(object.data.take()));
    let error = world.provider("node-1").round().await.unwrap_err();
    assert!(matches!(error, RotationError::Secret { .. }));
    assert_eq!(world.password(), FIRST);
}

#[test]
fn what_is_in_a_secret_is_read_whatever_it_is() {
    let read = |annotations: &[(&str, &str)]| {
        let world = World::new(FIRST);
        annotations.iter().for_each(|(name, value)| world.annotate(name, value));
        known(&world.object()).unwrap()
    };
    let claim = "gmsa.pando.dev/password-rotation";
    assert_eq!(
        read(&[(claim, "node-1 2027-01-15T08:00:00Z")]).claim.unwrap().until,
        FileTime::from_unix(1_800_000_000, 0)
    );
    for odd in ["", " ", "node-1", "node-1 ", "node-1 yesterday", " 99999999999999999999-01-01T00:00:00Z", "\u{0}"] {
        assert_eq!(read(&[(claim, odd)]).claim, None, "{odd:?}");
        assert_eq!(read(&[("gmsa.pando.dev/password-changed", odd)]).changed, None, "{odd:?}");
    }
    // One whose clock is years ahead does not hold the others up for years.
    let held = read(&[("gmsa.pando.dev/password-rotation-not-before", "2099-01-01T00:00:00Z")]);
    assert_eq!(held.held(FileTime::from_unix(1_800_000_000, 0)), Duration::ZERO);
    let mut object = World::new(FIRST).object();
    for odd in [&b""[..], b"\n", b"\xff\xfe", &[b'x'; 5_000]] {
        object.data.as_mut().unwrap().insert("nextPassword".into(), ByteString(odd.to_vec()));
        assert!(known(&object).unwrap().next.is_none(), "no password is that");
    }
}
