//! Every life there can be, with and without each misfortune: no rule is broken on the way, and all come to the one good end.

use std::fmt::Write as _;

use holdfast_domain::Verdict;

use crate::book::Book;
use crate::explore::{Explored, explore};
use crate::model::{Faults, Model, State};
use crate::words;

/// At so many invocations at once, and with so much bad luck.
const LIVES: [(&str, usize, Faults); 10] = [
    ("one invocation at a time", 1, Faults::NONE),
    ("two at once", 2, Faults::NONE),
    ("two, one is killed", 2, Faults { kills: 1, ..Faults::NONE }),
    ("two, an answer is lost", 2, Faults { answers: 1, ..Faults::NONE }),
    ("two, a call is refused", 2, Faults { refusals: 1, ..Faults::NONE }),
    ("two, a message is doubled", 2, Faults { doubles: 1, ..Faults::NONE }),
    ("two, a message is lost", 2, Faults { losses: 1, ..Faults::NONE }),
    ("two, time passes between two calls", 2, Faults { ticks: 1, ..Faults::NONE }),
    ("two, verify runs out of time", 2, Faults { cuts: 1, ..Faults::NONE }),
    ("two, another run writes evidence", 2, Faults { neighbours: 1, ..Faults::NONE }),
];

/// What takes longest is one life in a test of its own, so that it goes beside the others.
const TOGETHER: (&str, usize, Faults) = (
    "two, with a kill, a lost answer and a doubled message",
    2,
    Faults { kills: 1, answers: 1, doubles: 1, ..Faults::NONE },
);

fn life((_, workers, faults): (&str, usize, Faults)) -> (Model, Explored) {
    let model = Model { book: Book::with(|_, _| ()), faults, workers, plant: None };
    let explored = explore(&model);
    (model, explored)
}

fn is_over(state: &State) -> bool {
    state.is_quiet() && state.world.is_over()
}

/// Explores a life, and says how large it was.
fn row(life_of: (&str, usize, Faults)) -> String {
    let (model, explored) = life(life_of);
    let broken = explored.broken.map(|(state, _)| words::way(&model, &explored, state));
    assert_eq!(broken, None, "{}", life_of.0);
    let stuck = explored.first_without_way_to(is_over).map(|state| words::way(&model, &explored, state));
    assert_eq!(stuck, None, "{}: from here it never ends", life_of.0);
    let undone = explored.first_left_again(is_over).map(|state| words::way(&model, &explored, state));
    assert_eq!(undone, None, "{}: what was over began again", life_of.0);
    let (states, moves) = (explored.states.len(), explored.moves.len());
    format!("{:<54} {states:>9} {moves:>10} {:>6}", life_of.0, explored.depth)
}

fn table(lives: &[(&str, usize, Faults)]) -> String {
    let mut text = format!("{:<54} {:>9} {:>10} {:>6}\n", "", "states", "moves", "depth");
    lives.iter().for_each(|life| writeln!(text, "{}", row(*life)).expect("a string takes everything"));
    text
}

#[test]
fn no_order_of_calls_breaks_a_rule_and_every_life_can_come_to_the_good_end() {
    insta::assert_snapshot!(table(&LIVES));
}

#[test]
fn a_kill_a_lost_answer_and_a_doubled_message_together_break_no_rule_either() {
    insta::assert_snapshot!(table(&[TOGETHER]));
}

/// Undisturbed, and with all the time that it needs, a sound copy is proved: nothing but time or bad luck makes it *inconclusive*.
#[test]
fn without_misfortune_and_before_the_deadline_a_sound_copy_is_never_judged_anything_but_passed() {
    let (model, explored) = life(LIVES[1]);
    let wrong = |state: &State| {
        let verdict = state.world.run.and_then(|run| run.verdict);
        state.world.clock < 2 && verdict.is_some_and(|verdict| verdict != Verdict::Passed)
    };
    let found = explored.states.iter().position(wrong).map(|state| words::way(&model, &explored, state));
    assert_eq!(found, None);
}

/// Two that judge differently, and one of them killed wherever: what people hear is what is recorded, and in every life they hear it.
#[test]
fn whoever_is_killed_wherever_people_hear_the_recorded_verdict_and_no_other() {
    let (model, explored) = life(LIVES[2]);
    let recorded = |state: &State| state.world.run.and_then(|run| run.verdict);
    let verdicts: Vec<_> = explored.states.iter().filter_map(|state| state.world.told).collect();
    assert!([Verdict::Passed, Verdict::Inconclusive].iter().all(|verdict| verdicts.contains(verdict)));
    let wrong =
        explored.states.iter().position(|state| state.world.told.is_some() && state.world.told != recorded(state));
    assert_eq!(wrong.map(|state| words::way(&model, &explored, state)), None);
    let untold = explored.first_without_way_to(|state| state.world.told.is_some());
    assert_eq!(untold.map(|state| words::way(&model, &explored, state)), None);
}
