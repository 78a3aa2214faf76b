use jiff::SignedDuration;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::example::run;

const PHASES: [Phase; 6] =
    [Phase::Requested, Phase::Restoring, Phase::Preparing, Phase::Verifying, Phase::Destroying, Phase::Closed];

fn waiting(number: usize, phase: usize, minute: i64) -> Run {
    let mut run = run();
    run.id = format!("orders-db.every.{number:02}").parse().expect("legal");
    run.phase = PHASES[phase];
    run.requested_at += SignedDuration::from_mins(minute);
    run
}

/// Runs, in another order too; who of them stands in the record; and who has no marker any more, or a record that cannot be read.
#[derive(Debug, Clone)]
struct Case {
    runs: Vec<Run>,
    order: Vec<usize>,
    held: Vec<bool>,
    closed: Vec<bool>,
    unreadable: Vec<bool>,
}

fn any_case() -> impl Strategy<Value = Case> {
    vec((0..6_usize, 0..20_i64, any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2)), 0..12)
        .prop_flat_map(|runs| (Just(runs.clone()), Just((0..runs.len()).collect::<Vec<_>>()).prop_shuffle()))
        .prop_map(|(runs, order)| Case {
            runs: runs.iter().enumerate().map(|(n, (phase, minute, ..))| waiting(n, *phase, *minute)).collect(),
            order,
            held: runs.iter().map(|run| run.2).collect(),
            // Who has a room and no marker is what the marker's rule forbids.
            closed: runs.iter().map(|run| run.3 && (run.0 == 0 || run.0 == 5)).collect(),
            unreadable: runs.iter().map(|run| run.4).collect(),
        })
}

impl Case {
    fn give(&self, rooms_max: u32, order: &[usize]) -> RoomsInUse {
        let open = (0..self.runs.len()).filter(|n| !self.closed[*n]).map(|n| self.runs[n].id.clone()).collect();
        let read = order.iter().filter(|n| !self.closed[**n] && !self.unreadable[**n]).map(|n| &self.runs[*n]);
        give(rooms_max, &self.before(), &open, read, run().requested_at)
    }

    fn before(&self) -> RoomsInUse {
        let held = (0..self.runs.len()).filter(|n| self.held[*n]);
        let runs = held.map(|n| (self.runs[n].id.to_string(), run().requested_at)).collect();
        RoomsInUse { runs, ..RoomsInUse::default() }
    }
}

proptest! {
    #[test]
    fn rooms_are_given_up_to_the_number_there_is_to_the_oldest_first_and_in_no_order_of_listing(
        case in any_case(),
        rooms_max in 0..5_u32,
    ) {
        let listed: Vec<usize> = (0..case.runs.len()).collect();
        let after = case.give(rooms_max, &listed);
        prop_assert_eq!(&after, &case.give(rooms_max, &case.order));
        let before = case.before();
        let has = |run: &Run| after.runs.contains_key(run.id.as_str());
        let most = usize::try_from(rooms_max).expect("small");
        let new = |run: &&Run| has(run) && !before.runs.contains_key(run.id.as_str()) && run.phase == Phase::Requested;
        let given: Vec<&Run> = case.runs.iter().filter(new).collect();
        prop_assert!(given.is_empty() || after.runs.len() <= most, "{} of {most} given", after.runs.len());
        for (n, run) in case.runs.iter().enumerate() {
            if case.closed[n] {
                prop_assert!(!has(run), "what is closed has no room");
            } else if case.unreadable[n] {
                prop_assert_eq!(has(run), case.held[n], "of what cannot be read nothing is taken and nothing given");
            } else {
                let in_use = run.phase > Phase::Requested && run.phase < Phase::Closed;
                prop_assert!(!in_use || has(run), "what has a room is counted");
                if run.phase == Phase::Requested && !has(run) {
                    prop_assert!(after.runs.len() >= most, "no room stays free that somebody waits for");
                    let older = given.iter().all(|first| (first.requested_at, &first.id) < (run.requested_at, &run.id));
                    prop_assert!(older, "an older request waits longer");
                }
            }
        }
    }
}
