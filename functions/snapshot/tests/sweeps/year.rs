//! A virtual year with everything that goes wrong in one, again and again the same for the same seed.

mod ledger;
mod world;

use world::World;

/// The year that an engineer reads. What it must hold is asserted within; what it holds is shown.
#[test]
fn a_year_of_bad_luck_leaves_no_slot_silently_missed() {
    let report = World::of(7).live(365);
    insta::assert_snapshot!(report);
}

/// Other luck, less of it: the same must hold.
#[test]
fn other_luck_changes_nothing_of_what_must_hold() {
    for seed in 1..=4 {
        World::of(seed).live(30);
    }
}

/// The same seed is the same year.
#[test]
fn a_year_can_be_lived_again() {
    assert_eq!(World::of(11).live(5), World::of(11).live(5));
}
