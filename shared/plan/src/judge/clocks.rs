//! Firings that are lost because the clocks go forward over them.

use std::collections::HashMap;

use holdfast_domain::plan::Due;
use holdfast_domain::schedule::Lost;
use holdfast_domain::{Plan, Schedule};
use jiff::{SignedDuration, Timestamp};

use super::Remark;
use crate::almanac::{YEAR, YEAR_BEGINS};
use crate::problem::code;
use crate::units::write_duration;

/// Over how many reference years: a fifth Sunday is not the day of the change in each.
const YEARS: i32 = 4;
/// How many intervals before the change say what is usual: what fires thrice a night and then not for a day is not judged by its nights.
const INTERVALS: usize = 8;
/// And how far back: a year ago the clocks changed too.
const USUAL: SignedDuration = SignedDuration::from_hours(300 * 24);

/// Every schedule of the plan with its place. Each distinct one is said once.
pub(super) fn judge(plan: &Plan, remarks: &mut Vec<Remark>) {
    let mut seen: HashMap<(&str, &str), (usize, Option<usize>)> = HashMap::new();
    let mut said: Vec<(usize, usize)> = Vec::new();
    for (path, schedule) in schedules(plan) {
        let known = seen.entry((schedule.expression(), schedule.zone())).or_insert_with(|| {
            let remark = lost(schedule).map(|(lost, gap)| {
                remarks.push(remark(path(), schedule, lost, gap));
                remarks.len() - 1
            });
            (0, remark)
        });
        known.0 += 1;
        if let (uses, Some(at)) = *known {
            said.retain(|(_, other)| *other != at);
            said.push((uses, at));
        }
    }
    for (uses, at) in said.into_iter().filter(|(uses, _)| *uses > 1) {
        if let Some(remark) = remarks.get_mut(at) {
            remark.message = format!("{} ({} schedules of this plan are like it)", remark.message, uses);
        }
    }
}

type Path<'p> = Box<dyn Fn() -> String + 'p>;

fn schedules(plan: &Plan) -> impl Iterator<Item = (Path<'_>, &Schedule)> {
    let resources = plan.resources.iter().flat_map(|(name, resource)| {
        let snapshots = resource.snapshots.iter().filter_map(move |(rule, snapshot)| {
            let path: Path<'_> = Box::new(move || format!("resources.{name}.snapshots.{rule}.at"));
            Some((path, snapshot.schedule()?))
        });
        let tests = resource.restore_tests.iter().filter_map(move |(rule, test)| match &test.due {
            Due::At(at) => {
                let path: Path<'_> = Box::new(move || format!("resources.{name}.restore_tests.{rule}.at"));
                Some((path, at))
            }
            Due::After(_) => None,
        });
        snapshots.chain(tests)
    });
    let drills = plan.drills.iter().map(|(name, drill)| {
        let path: Path<'_> = Box::new(move || format!("drills.{name}.at"));
        (path, &drill.at)
    });
    let heartbeat = plan.alerts.heartbeat.iter().map(|heartbeat| {
        let path: Path<'_> = Box::new(|| "alerts.heartbeat.at".to_owned());
        (path, &heartbeat.at)
    });
    resources.chain(drills).chain(heartbeat)
}

/// What the schedule loses, if that leaves a longer time between two firings than it has otherwise.
fn lost(schedule: &Schedule) -> Option<(Lost, SignedDuration)> {
    let until = YEAR_BEGINS.saturating_add(YEAR * YEARS).ok()?;
    let lost = schedule.first_lost(YEAR_BEGINS, until)?;
    let latest = |at: Timestamp| schedule.latest_at_or_before(at, YEAR * 2);
    let before = latest(lost.change)?;
    let gap = schedule.next_after(before)?.duration_since(before);
    let mut usual = SignedDuration::ZERO;
    let mut at = before;
    for _ in 0..INTERVALS {
        let Some(earlier) = at.checked_sub(SignedDuration::from_secs(1)).ok().and_then(latest) else { break };
        if lost.change.duration_since(earlier) > USUAL {
            break;
        }
        usual = usual.max(at.duration_since(earlier));
        at = earlier;
    }
    (gap > usual).then_some((lost, gap))
}

fn remark(path: String, schedule: &Schedule, lost: Lost, gap: SignedDuration) -> Remark {
    let message = format!(
        "{} in {} does not exist on {}, when the clocks go forward, so that nothing happens then and {} lie between two firings",
        lost.wall.time(),
        schedule.zone(),
        lost.wall.date(),
        write_duration(gap)
    );
    let later = lost.wall.time().wrapping_add(SignedDuration::from_hours(1));
    let allowed =
        format!("time_zone: UTC beside it, or a time that exists every day, such as {}", later.strftime("%H:%M"));
    Remark::warning(code::LOST_HOUR, path, message, allowed)
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, assert_said, check, said_of};

    #[test]
    fn a_night_without_the_hour_is_told_with_its_date() {
        let at = "warning resources.orders.snapshots.daily.at: ";
        let zoned = |cron: &str, zone: &str| format!("at: \"cron({cron})\", time_zone: {zone}");
        let from = "at: \"cron(0 2 * * ? *)\"";
        check(
            "HF054",
            DATABASE,
            &[
                (
                    from,
                    &zoned("30 2 * * ? *", "Europe/Berlin"),
                    &[(
                        at,
                        &["02:30:00 in Europe/Berlin does not exist on 2026-03-29", "47h lie between", "such as 03:30"],
                    )],
                ),
                (from, &zoned("30 2 * * ? *", "America/New_York"), &[(at, &["2026-03-08"])]),
                (from, &zoned("30 3 * * ? *", "Europe/Berlin"), &[]),
                (from, &zoned("30 2 * * ? *", "UTC"), &[]),
                (from, &zoned("30 2 ? * MON-FRI *", "Europe/Berlin"), &[]),
                // Only in a year whose change falls on a fifth Sunday: 2026.
                (from, &zoned("30 2 ? * 1#5 *", "Europe/Berlin"), &[(at, &["2026-03-29"])]),
                // What comes every hour misses nothing that anybody would miss.
                (from, &zoned("30 * * * ? *", "Europe/Berlin"), &[]),
                (from, &zoned("0 1-3 * * ? *", "Europe/Berlin"), &[]),
            ],
        );
    }

    #[test]
    fn schedules_that_are_alike_are_told_once() {
        let night = DATABASE.replace("keep: 7d }", "time_zone: Europe/Berlin, keep: 7d }");
        let (one, two) = (night.replace("orders-prod", "one"), night.replace("orders-prod", "two"));
        let said = said_of("HF054", "", &[("orders", &one), ("users", &two)]);
        assert_said(
            &said,
            &[("warning resources.orders.snapshots.daily.at: ", &["(2 schedules of this plan are like it)"])],
            "alike",
        );
        let beat = "alerts: { channels: { ops: { slack: \"secret:s\" } }, routes: { critical: [ops], high: [ops] }, \
            heartbeat: { at: \"cron(0 2 * * ? *)\", time_zone: Europe/Berlin, to: [ops] } }";
        assert_said(
            &said_of("HF054", beat, &[("orders", DATABASE)]),
            &[("warning alerts.heartbeat.at: ", &[])],
            "heartbeat",
        );
    }
}
