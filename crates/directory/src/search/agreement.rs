//! Properties: whatever was done to the directory and whatever is asked, the indexes say what looking at every object says.

use proptest::prelude::*;

use super::filter::{Compiler, Evaluator};
use super::run::compile;
use crate::ModificationKind::{Add, Delete, Replace};
use crate::testing::{DOMAIN, PEOPLE, TestDomain, attribute, dn, filter_of};
use crate::{Base, Caller, Page, Scope, Search};

/// Something done to one of a few objects; many of these are refused, which is part of the game.
#[derive(Clone, Debug)]
enum Step {
    AddUser(u8, String),
    AddGroup(u8),
    Describe(u8, Vec<String>),
    Number(u8, i32),
    Join(u8, u8),
    Leave(u8, u8),
    Manager(u8, Option<u8>),
    Rename(u8, u8),
    Move(u8, bool),
    Remove(u8),
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "alpha",
        "Alpine",
        "beta",
        "BETA max",
        "gamma",
        "Ünal",
        "ünal b",
        "z",
        "a",
        "longer than the others",
    ])
    .prop_map(str::to_owned)
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..12_u8;
    prop_oneof![
        6 => (who.clone(), word()).prop_map(|(who, word)| Step::AddUser(who, word)),
        2 => who.clone().prop_map(Step::AddGroup),
        3 => (who.clone(), prop::collection::vec(word(), 0..3)).prop_map(|(who, words)| Step::Describe(who, words)),
        2 => (who.clone(), -5..2000_i32).prop_map(|(who, number)| Step::Number(who, number)),
        3 => (who.clone(), who.clone()).prop_map(|(group, member)| Step::Join(group, member)),
        1 => (who.clone(), who.clone()).prop_map(|(group, member)| Step::Leave(group, member)),
        2 => (who.clone(), prop::option::of(who.clone())).prop_map(|(who, manager)| Step::Manager(who, manager)),
        2 => (who.clone(), who.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, up)| Step::Move(who, up)),
        1 => who.prop_map(Step::Remove),
    ]
}

/// Where an object of this name is now, if it is.
fn place(domain: &TestDomain, name: &str) -> String {
    domain.find(&format!("(cn={name})")).pop().unwrap_or_else(|| format!("CN={name},{PEOPLE}"))
}

fn perform(domain: &TestDomain, step: &Step) {
    let name = |who: &u8| format!("n{who}");
    let at = |who: &u8| place(domain, &name(who));
    let modify =
        |who: &u8, kind, attribute: &str, values: &[&str]| drop(domain.modify(&at(who), &[(kind, attribute, values)]));
    match step {
        Step::AddUser(who, word) => {
            let attributes = vec![
                attribute("objectClass", &["user"]),
                attribute("sAMAccountName", &[&name(who)]),
                attribute("displayName", &[word]),
            ];
            drop(domain.add(&format!("CN={},{PEOPLE}", name(who)), attributes));
        }
        Step::AddGroup(who) => {
            let attributes = vec![attribute("objectClass", &["group"]), attribute("sAMAccountName", &[&name(who)])];
            drop(domain.add(&format!("CN={},OU=Groups,{DOMAIN}", name(who)), attributes));
        }
        Step::Describe(who, words) => {
            modify(who, Replace, "description", &words.iter().map(String::as_str).collect::<Vec<_>>());
        }
        Step::Number(who, number) => modify(who, Replace, "codePage", &[&number.to_string()]),
        Step::Join(group, member) => modify(group, Add, "member", &[&at(member)]),
        Step::Leave(group, member) => modify(group, Delete, "member", &[&at(member)]),
        Step::Manager(who, Some(manager)) => modify(who, Replace, "manager", &[&at(manager)]),
        Step::Manager(who, None) => modify(who, Replace, "manager", &[]),
        Step::Rename(from, to) => drop(domain.rename(&at(from), &format!("CN={}", name(to)), None)),
        Step::Move(who, up) => {
            let to = if *up { DOMAIN } else { PEOPLE };
            let from = at(who);
            let rdn = from.split(',').next().unwrap_or_default().to_owned();
            drop(domain.rename(&from, &rdn, Some(to)));
        }
        Step::Remove(who) => drop(domain.delete(&at(who))),
    }
}

fn condition() -> impl Strategy<Value = String> {
    let name = (0..12_u8).prop_map(|who| format!("n{who}"));
    let group = (0..12_u8).prop_map(|who| format!("CN=n{who},OU=Groups,{DOMAIN}"));
    let user = (0..12_u8).prop_map(|who| format!("CN=n{who},{PEOPLE}"));
    prop_oneof![
        name.clone().prop_map(|name| format!("(cn={name})")),
        name.prop_map(|name| format!("(sAMAccountName={name}*)")),
        word().prop_map(|word| format!("(displayName={word})")),
        word().prop_map(|word| format!("(displayName={word}*)")),
        word().prop_map(|word| format!("(description=*{word}*)")),
        (-5..2000_i32).prop_map(|number| format!("(codePage>={number})")),
        (-5..2000_i32).prop_map(|number| format!("(uSNChanged<={number})")),
        prop::sample::select(vec![
            "(objectClass=user)",
            "(objectClass=group)",
            "(objectClass=*)",
            "(member=*)",
            "(memberOf=*)",
            "(nonsense=x)",
            "(cn=*)"
        ])
        .prop_map(str::to_owned),
        group.clone().prop_map(|group| format!("(memberOf={group})")),
        group.prop_map(|group| format!("(memberOf:1.2.840.113556.1.4.1941:={group})")),
        user.clone().prop_map(|user| format!("(manager={user})")),
        user.prop_map(|user| format!("(member:1.2.840.113556.1.4.1941:={user})")),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    condition().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|all| format!("(&{})", all.concat())),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|any| format!("(|{})", any.concat())),
            inner.prop_map(|inner| format!("(!{inner})")),
        ]
    })
}

/// What a filter finds when every object is looked at.
fn by_looking(domain: &TestDomain, text: &str) -> Vec<String> {
    let view = domain.directory.read().unwrap();
    let filter = filter_of(text);
    let filter = filter.as_filter();
    let compiled = compile(&Compiler::new(&view), &filter).unwrap();
    let caller = Caller::system();
    let evaluator = Evaluator { view: &view, caller: &caller };
    let mut found = Vec::new();
    for number in 0..1000 {
        let Some(object) = view.object(crate::Dnt(number)).unwrap().filter(|object| !object.is_deleted()) else {
            continue;
        };
        let here = view.naming_context_of(object.dnt()).unwrap() == view.domain().ok();
        if here && evaluator.evaluate(&compiled, &object).unwrap() == Some(true) {
            found.push(object.dn().unwrap());
        }
    }
    found.sort();
    found
}

fn by_pages(domain: &TestDomain, text: &str) -> Vec<String> {
    let (base, filter) = (dn(DOMAIN), filter_of(text));
    let filter = filter.as_filter();
    let (mut cookie, mut found) = (Vec::new(), Vec::new());
    loop {
        let mut search = Search::new(Base::Dn(&base), Scope::Subtree, &filter, &["1.1"]);
        search.page = Some(Page { size: 3, cookie: &cookie });
        let (done, entries) = domain.run(&TestDomain::admin(), &search).unwrap();
        found.extend(entries.into_iter().map(|entry| entry.dn));
        cookie = done.cookie;
        if cookie.is_empty() {
            found.sort();
            return found;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn indexes_find_what_looking_at_everything_finds(
        steps in prop::collection::vec(step(), 1..40),
        filters in prop::collection::vec(filter(), 12),
    ) {
        let domain = TestDomain::new();
        for step in &steps {
            perform(&domain, step);
        }
        prop_assert_eq!(domain.directory.read().unwrap().check().unwrap(), Vec::<String>::new());
        for filter in &filters {
            let expected = by_looking(&domain, filter);
            prop_assert_eq!(&domain.find(filter), &expected, "{}", filter);
            prop_assert_eq!(&by_pages(&domain, filter), &expected, "{} in pages", filter);
        }
    }
}
