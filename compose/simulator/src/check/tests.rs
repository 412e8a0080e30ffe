//! The judge itself: what each kind of fault looks like to it. Its queries are tested end to end, with faults planted there.

use std::collections::BTreeMap;

use super::*;
use crate::expected::{Fact, Kind, Refusal};
use crate::history::{Run, Told};
use crate::world::WorldConfig;

fn history(told: &[(Expected, Fate)]) -> History {
    let world = WorldConfig {
        seed: 1,
        instance: "https://gitlab.example.com".to_owned(),
        first_project: 1,
        projects: 1,
        body_bytes: 1,
        poison: WorldConfig::USUAL_POISON,
        began_at: 1_795_000_000_000,
    };
    let told = told
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, (expected, fate))| (number as u64, Told { expected, requests: 1, open: 0, fate }));
    History {
        run: Run { id: "run".to_owned(), world },
        told: told.collect(),
        answers: BTreeMap::new(),
        took_ms: Vec::new(),
        lasted_ms: 0,
    }
}

fn fact() -> Expected {
    let (entity, value) = ("1".to_owned(), "created".to_owned());
    Expected::Fact(Fact { kind: Kind::Job, project: 1, entity, revision: 0, value, event: String::new() })
}

/// Lost, phantom, doubled, turned away and wrong of one delivery, by what is in `events` and in `dead_letters`.
#[track_caller]
fn check_one(expected: Expected, fate: Fate, there: [u64; 2], faults: [u64; 5]) {
    let history = history(&[(expected, fate)]);
    let rows = |count: u64| (count > 0).then_some((0, count)).into_iter().collect();
    let stored = Stored { events: rows(there[0]), dead_letters: rows(there[1]), physical_duplicates: 0 };
    let mut verdict = Verdict { accepted: 1, ..Verdict::default() };
    presence(&history, &stored, &mut verdict);
    let found = [&verdict.lost, &verdict.phantom, &verdict.doubled, &verdict.turned_away, &verdict.wrong]
        .map(|found| found.count);
    assert_eq!(found, faults, "{verdict}");
    assert_eq!(verdict.is_good(), faults == [0; 5]);
}

#[test]
fn what_was_accepted_has_to_be_there_once() {
    check_one(fact(), Fate::Accepted, [1, 0], [0; 5]);
    check_one(fact(), Fate::Accepted, [0, 0], [1, 0, 0, 0, 0]);
    check_one(fact(), Fate::Accepted, [2, 0], [0, 0, 1, 0, 0]);
    check_one(Expected::DeadLetter, Fate::Accepted, [0, 1], [0; 5]);
    check_one(Expected::DeadLetter, Fate::Accepted, [0, 2], [0, 0, 1, 0, 0]);
    check_one(Expected::DeadLetter, Fate::Accepted, [0, 0], [1, 0, 0, 0, 0]);
}

#[test]
fn what_nobody_knows_of_may_be_there_but_not_twice() {
    check_one(fact(), Fate::Ambiguous, [0, 0], [0; 5]);
    check_one(fact(), Fate::Ambiguous, [1, 0], [0; 5]);
    check_one(fact(), Fate::Ambiguous, [2, 0], [0, 0, 1, 0, 0]);
}

#[test]
fn what_was_refused_must_not_be_there() {
    let forged = Expected::Refused(Refusal::Forged);
    check_one(forged.clone(), Fate::Refused, [0, 0], [0; 5]);
    check_one(forged.clone(), Fate::Refused, [1, 0], [0, 1, 0, 0, 0]);
    check_one(forged.clone(), Fate::Ambiguous, [0, 1], [0, 1, 0, 0, 0]);
    check_one(forged, Fate::Accepted, [1, 0], [0, 1, 0, 0, 0]);
    check_one(fact(), Fate::Refused, [1, 0], [0, 1, 0, 0, 0]);
}

#[test]
fn what_can_be_decoded_is_no_dead_letter_and_the_other_way_round() {
    check_one(fact(), Fate::Accepted, [0, 1], [0, 0, 0, 0, 1]);
    check_one(Expected::DeadLetter, Fate::Accepted, [1, 0], [0, 0, 0, 0, 1]);
}

#[test]
fn what_was_never_sent_is_a_phantom() {
    let stored = Stored { events: [(7, 1)].into(), ..Stored::default() };
    let mut verdict = Verdict::default();
    presence(&history(&[]), &stored, &mut verdict);
    assert_eq!(verdict.phantom.examples, ["run-0000007 was never sent and is in events"]);
}

#[test]
fn what_is_authentic_must_not_be_refused() {
    check_one(fact(), Fate::Refused, [0, 0], [0, 0, 0, 1, 0]);
    check_one(Expected::DeadLetter, Fate::Refused, [0, 0], [0, 0, 0, 1, 0]);
}

#[test]
fn where_nothing_is_accepted_nothing_is_shown() {
    let verdict = Verdict::default();
    assert!(!verdict.is_good());
    assert!(verdict.to_string().ends_with("NOTHING WAS ACCEPTED, so that nothing is shown."));
}
