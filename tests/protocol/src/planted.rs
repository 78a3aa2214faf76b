//! Bugs, planted in copies of the protocol: the enumerator finds each, by a shortest way.

use holdfast_ledger::Phase;
use restore_test::step::Action;

use crate::book::{Book, Decided, Seen};
use crate::explore::explore;
use crate::model::{Faults, Model, Plant};
use crate::words;

/// Explores two invocations at once, without any misfortune, and shows the way to what goes wrong.
fn found(plant: Option<Plant>, decide: fn(&Seen, &mut Decided)) -> String {
    let model = Model { book: Book::with(decide), faults: Faults::NONE, workers: 2, plant };
    let explored = explore(&model);
    let ends = || explored.first_without_way_to(|state| state.is_quiet() && state.world.is_over());
    match explored.broken.map(|(state, _)| state) {
        Some(state) => words::way(&model, &explored, state),
        None => ends().map_or("nothing is found".into(), |state| {
            format!("{}it never ends\n", words::way(&model, &explored, state))
        }),
    }
}

fn as_decided(_: &Seen, _: &mut Decided) {}

#[test]
fn a_planted_deletion_of_the_room_before_the_verdict_is_recorded_is_found() {
    insta::assert_snapshot!(found(None, |seen, decided| {
        if seen.run.verdict.is_none() && decided.run.verdict.is_some() {
            decided.actions.push(Action::DeleteRoom);
        }
    }));
}

/// So it was until this model found it.
#[test]
fn a_planted_word_of_the_verdict_before_it_is_recorded_is_found() {
    insta::assert_snapshot!(found(None, |seen, decided| {
        if seen.run.verdict.is_none() && decided.run.verdict.is_some() {
            decided.actions.push(Action::TellVerdict);
        }
    }));
}

#[test]
fn a_planted_verdict_that_is_recorded_and_told_to_nobody_is_found() {
    insta::assert_snapshot!(found(None, |seen, decided| {
        if seen.run.phase == Phase::Judged {
            decided.actions.clear();
        }
    }));
}

#[test]
fn a_planted_secret_that_is_forgotten_before_the_room_is_gone_is_found() {
    insta::assert_snapshot!(found(None, |_, decided| {
        if decided.actions.contains(&Action::DeleteRoom) {
            decided.actions.push(Action::ForgetSecret);
        }
    }));
}

#[test]
fn a_planted_restore_after_the_verdict_is_found() {
    insta::assert_snapshot!(found(None, |seen, decided| {
        if seen.run.phase == Phase::Destroying && decided.run.phase == Phase::Closed {
            (decided.run.phase, decided.actions) = (Phase::Restoring, vec![Action::Restore]);
        }
    }));
}

#[test]
fn a_planted_deadline_that_does_not_bind_a_silent_verify_is_found() {
    insta::assert_snapshot!(found(None, |seen, decided| {
        let finished = seen.checks.is_some_and(|checks| checks.finished.is_some());
        if seen.run.phase == Phase::Verifying && !finished {
            (decided.run, decided.actions) = (seen.run, Vec::new());
        }
    }));
}

#[test]
fn a_planted_write_without_condition_is_found() {
    insta::assert_snapshot!(found(Some(Plant::RecordsAreOverwritten), as_decided));
}

#[test]
fn a_planted_link_of_evidence_without_a_look_for_the_runs_own_is_found() {
    insta::assert_snapshot!(found(Some(Plant::EvidenceIsNotLookedFor), as_decided));
}

#[test]
fn a_planted_password_over_the_one_in_force_is_found() {
    insta::assert_snapshot!(found(Some(Plant::SecretsAreOverwritten), as_decided));
}

#[test]
fn a_planted_open_door_of_the_room_is_found() {
    insta::assert_snapshot!(found(Some(Plant::TheDoorStandsOpen), as_decided));
}

/// So it was until this model found it.
#[test]
fn a_planted_verification_that_goes_on_after_its_end_is_found() {
    insta::assert_snapshot!(found(Some(Plant::WhatWasFoundIsNotLookedAt), as_decided));
}

/// So it was until this model found it.
#[test]
fn a_planted_step_on_a_look_from_before_the_run_began_is_found() {
    insta::assert_snapshot!(found(Some(Plant::TheOldLookServes), as_decided));
}

/// An event is a hint, and a hint that comes too early does no harm: the sweep after it looks anyway.
#[test]
fn an_announcement_before_the_record_harms_nothing() {
    assert_eq!(found(Some(Plant::ToldBeforeRecorded), as_decided), "nothing is found");
}
