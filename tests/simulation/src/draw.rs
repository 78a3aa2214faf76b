//! From a number to a life: a legal plan, how much bad luck of which sorts, and every line of it.
//!
//! Each life has its own climate: some sorts of misfortune, not all, each at its own rate (as in Groce, Zhang, Eide, Chen and Regehr, "Swarm
//! Testing"). A life in which everything goes wrong at once looks alike each time, and calm in between is where much is noticed.

mod luck;
mod plan;

use jiff::{SignedDuration, Timestamp};

use crate::chance::Chance;
use crate::script::Script;

/// What is wanted of a life.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// So many resources at most.
    pub resources_max: u64,
    /// So many days of storm at most, and a quarter of that at least.
    pub days_max: i64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { resources_max: 200, days_max: 90 }
    }
}

/// The script of a seed.
#[must_use]
pub fn script(seed: u64, wanted: Wanted) -> Script {
    let chance = Chance::of(seed);
    let begins = begins(&mut chance.apart("begins"));
    let mut how = chance.apart("how long");
    // Weeks rather than days, where so many are wanted: else the calm ones at the end would be much of all.
    let days = how.between((wanted.days_max / 4).max(2), wanted.days_max.max(2));
    let lasts = SignedDuration::from_hours(24 * days);
    let plans = plan::plans(&chance.apart("plans"), wanted.resources_max);
    let lines = luck::lines(&chance.apart("luck"), &plans, lasts);
    let calm = SignedDuration::from_hours(24 * plans.calm_days);
    Script { says: String::new(), seed, begins, lasts, calm, plans: plans.texts, lines }
}

/// Any day of some years, also those on which clocks change.
fn begins(chance: &mut Chance) -> Timestamp {
    let second = chance.between(0, 4 * 365 * 24 * 60) * 60;
    Timestamp::from_second(1_767_225_600 + second).unwrap_or(Timestamp::UNIX_EPOCH)
}
