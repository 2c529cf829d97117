//! Several providers, killed and started anew in any order, with requests that arrive late.

use proptest::prelude::*;

use super::super::{Answers, CLAIM, HOLD};
use super::FIRST;
use super::world::{Mood, World, Writes};

#[derive(Clone, Copy, Debug)]
enum Happens {
    /// A provider does one thing.
    Step(usize),
    /// It is killed, and started anew.
    Kill(usize),
    /// What the directory is asked from now on arrives late, or in time again.
    Late(bool),
    /// What was late arrives.
    Land,
    /// A minute passes: claims end.
    Minute,
    /// Somebody wants another password.
    Another,
    /// Somebody else writes the Secret while its password is being changed.
    ForeignWrite(Writes),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        24 => (0..NODES.len()).prop_map(Happens::Step),
        2 => (0..NODES.len()).prop_map(Happens::Kill),
        1 => any::<bool>().prop_map(Happens::Late),
        2 => Just(Happens::Land),
        2 => Just(Happens::Minute),
        1 => Just(Happens::Another),
    ]
}

/// Nobody is killed: what is in no Secret is then in a provider.
fn happens_with_others() -> impl Strategy<Value = Happens> {
    let writes = prop_oneof![Just(Writes::Back), Just(Writes::LongAgo), Just(Writes::Deletes)];
    prop_oneof![
        24 => (0..NODES.len()).prop_map(Happens::Step),
        1 => any::<bool>().prop_map(Happens::Late),
        2 => Just(Happens::Land),
        2 => Just(Happens::Minute),
        1 => Just(Happens::Another),
        2 => writes.prop_map(Happens::ForeignWrite),
    ]
}

const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];

async fn run(events: &[Happens]) {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    let mut providers = NODES.map(|name| world.start(name));
    // Of one that was there all the time.
    let answers = Answers::default();
    for event in events {
        match *event {
            Happens::Step(node) => providers[node].step().await,
            Happens::Kill(node) => providers[node] = world.start(NODES[node]),
            Happens::Late(late) => world.mood(if late { Mood::Late } else { Mood::Well }),
            Happens::Land => world.land(),
            Happens::Minute => world.clock.advance(CLAIM),
            Happens::Another => world.annotate("gmsa.pando.dev/rotate-password", "again"),
            Happens::ForeignWrite(_) => {}
        }
        world.check(&answers).await;
    }
    drop(providers);
    world.mood(Mood::Well);
    world.clock.advance(CLAIM);
    world.provider("node-4").round().await.unwrap();
    // What nobody waits for any more does no harm.
    for _ in 0..events.len() {
        world.land();
        world.check(&answers).await;
    }
    let (password, next) = world.passwords();
    assert!(password == world.password() && next.is_none());
}

async fn run_with_others(events: &[Happens]) {
    let world = World::new(FIRST);
    world.annotate("gmsa.pando.dev/rotate-password", "now");
    let providers = NODES.map(|name| world.start(name));
    for event in events {
        match *event {
            Happens::Step(node) => providers[node].step().await,
            Happens::Kill(_) => {}
            Happens::Late(late) => world.mood(if late { Mood::Late } else { Mood::Well }),
            Happens::Land => world.land(),
            Happens::Minute => world.clock.advance(CLAIM),
            Happens::Another => world.annotate("gmsa.pando.dev/rotate-password", "again"),
            // At another time it is no concern of theirs.
            Happens::ForeignWrite(writes) if world.passwords().1.is_some() => world.overwrite(writes),
            Happens::ForeignWrite(_) => world.make_anew(),
        }
    }
    world.make_anew();
    world.mood(Mood::Well);
    for _ in 0..events.len() {
        world.land();
    }
    // Each has had its turn by then, and what it has asked for within the hour is asked for again.
    for _ in 0..NODES.len() {
        world.clock.advance(HOLD);
        for provider in &providers {
            for _ in 0..60 {
                provider.step().await;
            }
        }
    }
    let (password, next) = world.passwords();
    assert!(password == world.password() && next.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// The account's password is never one that the Secret does not hold, and what a call is given is what the directory takes.
    #[test]
    fn in_whatever_order_things_happen_the_password_is_never_lost(events in prop::collection::vec(happens(), 0..160)) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run(&events));
    }
}

proptest! {
    // Each has a long end, until all of them have had their turn.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whoever else writes the Secret while a password is being changed, and when.
    #[test]
    fn what_somebody_else_takes_out_of_the_secret_is_in_it_again(events in prop::collection::vec(happens_with_others(), 0..160)) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run_with_others(&events));
    }
}
