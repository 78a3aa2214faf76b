//! About how long units take, and what follows: which is begun first, and by how many connections a stage is made. Figures are in pages of a
//! table read once, measured over small rows in memory; if they are wrong something takes longer, and nothing else happens.

use std::cmp::Reverse;

use super::{HEAP_BLOCKS_PER_UNIT, Unit};

/// What it takes to look every row of a table up in an index, beside reading its pages once: four to five times as long.
pub(super) const OF_INDEX: u64 = 5;

/// What it takes to count a table by an index, beside reading its pages once: as long.
pub(super) const OF_COUNT_BY_INDEX: u64 = 1;

/// What it takes to look every row of a table up in another, beside reading its pages once: a guess, as it goes by the other's size too.
pub(super) const OF_CONSTRAINT: u64 = 3;

/// What it takes to hash every row of a table, beside reading its pages once: seven times as long.
pub(super) const OF_HASHING: u64 = 7;

/// What it takes to vacuum a table, count its rows and count the items of an index, beside reading its pages once: two to three times as long.
pub(super) const OF_VACUUM_COUNT: u64 = 3;

/// What every unit takes, however little it looks at: some questions and answers.
const OF_ANY: u64 = 128;

/// Puts first what takes longest, so that no connection works alone in the end. Small units stay in order, by database, because each
/// database needs sessions of its own.
pub(crate) fn longest_first(units: &mut [Unit]) {
    units.sort_by_key(|unit| Reverse(unit.effort / HEAP_BLOCKS_PER_UNIT));
}

/// How many connections bring the end of these units nearer, from 1 up to `connections`. A stage is not over before its longest unit is,
/// and on a room of two processors every connection beside the one that makes it takes from it. So there are no more than let the rest end
/// with it; all of them where nothing takes long.
pub(crate) fn connections_worth(units: &[Unit], connections: usize) -> usize {
    let efforts = || units.iter().filter(|unit| !unit.is_settled()).map(|unit| unit.effort.saturating_add(OF_ANY));
    let longest = efforts().max().unwrap_or(OF_ANY);
    if longest < HEAP_BLOCKS_PER_UNIT {
        return connections.max(1);
    }
    let all = efforts().fold(0, u64::saturating_add);
    usize::try_from(all.div_ceil(longest)).unwrap_or(usize::MAX).clamp(1, connections.max(1))
}

#[cfg(test)]
mod tests {
    use holdfast_domain::Requirement;
    use proptest::prelude::*;

    use super::super::{Stage, Task};
    use super::*;

    fn units(efforts: &[u64]) -> Vec<Unit> {
        let unit = |effort: &u64| Unit {
            check: format!("of {effort}"),
            subject: None,
            requirement: Requirement::Required,
            stage: Stage::Read,
            effort: *effort,
            task: Task::Server,
        };
        efforts.iter().map(unit).collect()
    }

    #[test]
    fn there_are_as_many_connections_as_let_the_rest_end_with_the_longest() {
        let table = 40_000;
        for (efforts, wanted) in [
            (vec![], 4),
            (vec![OF_INDEX * table], 1),
            (vec![OF_INDEX * table, table, table, 20, 0], 2),
            (vec![OF_INDEX * table; 3], 3),
            (vec![0; 50], 4),
            (vec![table; 50], 4),
        ] {
            assert_eq!(connections_worth(&units(&efforts), 4), wanted, "{efforts:?}");
        }
    }

    #[test]
    fn only_what_takes_long_is_put_first() {
        let mut units = units(&[3, 1, HEAP_BLOCKS_PER_UNIT, 2, HEAP_BLOCKS_PER_UNIT * 5]);
        longest_first(&mut units);
        let efforts: Vec<u64> = units.iter().map(|unit| unit.effort).collect();
        assert_eq!(efforts, [HEAP_BLOCKS_PER_UNIT * 5, HEAP_BLOCKS_PER_UNIT, 3, 1, 2]);
    }

    proptest! {
        #[test]
        fn the_rest_fits_beside_the_longest_unless_there_are_no_more_connections(efforts in prop::collection::vec(any::<u32>(), 1..40), most in 1_usize..16) {
            let efforts: Vec<u64> = efforts.into_iter().map(u64::from).collect();
            let width = connections_worth(&units(&efforts), most);
            let (all, longest) = (efforts.iter().map(|effort| effort + OF_ANY).sum::<u64>(), efforts.iter().max().expect("one") + OF_ANY);
            prop_assert!((1..=most).contains(&width));
            prop_assert!(width == most || width as u64 * longest >= all);
            prop_assert!(width == 1 || longest < HEAP_BLOCKS_PER_UNIT || (width as u64 - 1) * longest < all, "none too many");
        }
    }
}
