//! Values of a plan as messages, calendars and reports write them.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Due, Retention, SnapshotRule, StorageClass};
use holdfast_domain::{Plan, Schedule};

use crate::decode::{CLASSES, word_for};
use crate::units::write_duration;

/// `7d`, or `{ daily: 30, weekly: 4 }`.
pub(crate) fn retention(keep: Retention) -> String {
    match keep {
        Retention::Age(age) => write_duration(age),
        Retention::Slots { daily, weekly, monthly, yearly } => {
            let slots = [("daily", daily), ("weekly", weekly), ("monthly", monthly), ("yearly", yearly)];
            let slots =
                slots.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name}: {count}"));
            format!("{{ {} }}", slots.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The plan's word for a storage class.
pub(crate) fn class_word(class: StorageClass) -> &'static str {
    word_for(CLASSES, &class)
}

/// The first few of many names.
pub(crate) fn shortened(names: &[&str]) -> String {
    const SHOWN_MAX: usize = 3;
    let shown = names.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN_MAX { format!("{shown} and {} more", names.len() - SHOWN_MAX) } else { shown }
}

/// The time zone of most of a plan's schedules; of equals the first by name.
pub(crate) fn most_used_zone(plan: &Plan) -> String {
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for schedule in schedules(plan) {
        *uses.entry(schedule.zone()).or_default() += 1;
    }
    let most = uses.into_iter().rev().max_by_key(|(_, uses)| *uses);
    most.map_or("UTC", |(zone, _)| zone).to_owned()
}

fn schedules(plan: &Plan) -> impl Iterator<Item = &Schedule> {
    let rules = plan.resources.values().flat_map(|resource| {
        let tests = resource.restore_tests.values().filter_map(|test| match &test.due {
            Due::At(at) => Some(at),
            Due::After(_) => None,
        });
        resource.snapshots.values().filter_map(SnapshotRule::schedule).chain(tests)
    });
    rules.chain(plan.drills.values().map(|drill| &drill.at)).chain(plan.alerts.heartbeat.iter().map(|beat| &beat.at))
}
