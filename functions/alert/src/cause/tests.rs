use holdfast_domain::Severity;
use proptest::prelude::*;

use super::*;
use crate::samples::{finding, minute};

use FindingState::{Open, Resolved};

fn heard(record: &mut Option<CauseRecord>, state: FindingState, at: i64) -> Heard {
    let (next, heard) = hear(record.as_ref(), &finding(state, Severity::High, at));
    *record = Some(next);
    heard
}

/// What is seen at which minute, and what it was.
#[test]
fn each_finding_is_one_thing_to_its_cause() {
    let day = 24 * 60;
    let mut record = None;
    let table = [
        (Resolved, 0, Heard::NothingOpen),
        (Open, -1, Heard::Late),
        (Open, 0, Heard::Late),
        (Open, 1, Heard::Opened),
        (Open, 2, Heard::SeenAgain),
        (Resolved, 1, Heard::Late),
        (Resolved, 5, Heard::Resolved),
        (Resolved, 6, Heard::NothingOpen),
        (Open, 3, Heard::Late),
        (Open, 7, Heard::Reopened),
        (Open, 7 + day, Heard::SeenAfterSilence),
        (Open, 6, Heard::Late),
    ];
    for (row, (state, at, wanted)) in table.into_iter().enumerate() {
        assert_eq!(heard(&mut record, state, at), wanted, "row {row}");
    }
    let record = record.expect("a record");
    assert_eq!((record.opening, record.opened_at, record.state), (2, minute(7), IncidentState::Open));
}

#[test]
fn a_cause_that_opens_four_times_in_an_hour_flaps_and_one_that_takes_its_time_does_not() {
    for (every, flaps) in [(10, true), (30, false)] {
        let mut record = None;
        for round in 0..4 {
            heard(&mut record, Open, round * every);
            assert!(!record.as_ref().is_some_and(|record| record.flapping) || round == 3, "round {round}");
            heard(&mut record, Resolved, round * every + 5);
        }
        assert_eq!(record.expect("a record").flapping, flaps, "every {every} min");
    }
}

#[test]
fn a_record_does_not_grow_with_its_history() {
    let mut record = None;
    for round in 0..100 {
        heard(&mut record, Open, round * 2);
        heard(&mut record, Resolved, round * 2 + 1);
    }
    let record = record.expect("a record");
    assert_eq!((record.openings.len(), record.opening, record.flapping), (FLAPS, 100, true));
}

fn any_news() -> impl Strategy<Value = (FindingState, i64)> {
    // Within a silence: what is told after one depends on when news came, and is meant to.
    (prop_oneof![Just(Open), Just(Resolved)], 0..60_i64)
}

fn any_record() -> impl Strategy<Value = Option<CauseRecord>> {
    proptest::collection::vec(any_news(), 0..6).prop_map(|news| {
        let mut record = None;
        for (state, at) in news {
            heard(&mut record, state, at);
        }
        record
    })
}

proptest! {
    #[test]
    fn twice_is_once(mut record in any_record(), (state, at) in any_news()) {
        heard(&mut record, state, at);
        let once = record.clone();
        heard(&mut record, state, at);
        prop_assert_eq!(record, once);
    }

    #[test]
    fn two_in_either_order_end_in_the_same_state(record in any_record(), one in any_news(), other in any_news()) {
        let (mut there, mut back) = (record.clone(), record);
        heard(&mut there, one.0, one.1);
        heard(&mut there, other.0, other.1);
        heard(&mut back, other.0, other.1);
        heard(&mut back, one.0, one.1);
        let seen = |record: &Option<CauseRecord>| record.as_ref().map(|record| (record.state, record.last_seen_at));
        prop_assert_eq!(seen(&there), seen(&back));
    }
}
