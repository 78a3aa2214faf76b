//! Objectives, and whether the schedules can meet them at all.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Objectives, SnapshotRule};
use holdfast_domain::{RuleName, Schedule};
use jiff::{SignedDuration, Timestamp};

use super::reader::{Fields, Place};
use crate::problem::{Log, code};
use crate::units::write_duration;

/// Where the year begins over which gaps are looked for: 2026-01-01T00:00:00Z. Fixed, because reading a plan must not
/// depend on the day on which it is read; any whole year has the same gaps but for a day or an hour.
const YEAR_BEGINS: Timestamp = Timestamp::constant(1_767_225_600, 0);
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Bounds the work. Each step but a gap's covers more than half an objective, so that objectives from five hours on are
/// judged over the whole year, and shorter ones over days enough to meet every pattern of hours and weekdays.
const STEPS_MAX: usize = 4_000;

/// The objectives, and where the recovery point objective stands.
pub(super) fn objectives<'n>(place: &Place<'n>, log: &mut Log) -> Option<(Objectives, Place<'n>)> {
    let fields = Fields::of(place, &["rpo", "rto"], log)?;
    let rpo_place = fields.require("rpo", log);
    let rpo = rpo_place.as_ref().and_then(|rpo| rpo.duration(log));
    let rto = fields.require("rto", log).and_then(|rto| rto.duration(log));
    Some((Objectives { rpo: rpo?, rto: rto?, region: None, account: None }, rpo_place?))
}

/// Warns if the schedules leave a longer gap than the recovery point objective allows.
///
/// A warning and no error: other means may carry the objective (automated backups and their point-in-time recovery), which
/// this version of the language cannot say yet.
pub(super) fn judge(
    rpo_place: &Place<'_>,
    rpo: SignedDuration,
    snapshots: &BTreeMap<RuleName, SnapshotRule>,
    log: &mut Log,
) {
    let Some((gap, from, to)) = longest_gap(snapshots.values().filter_map(SnapshotRule::schedule), rpo) else { return };
    let (wanted, gap) = (write_duration(rpo), write_duration(gap));
    let message = format!("rpo {wanted} cannot be met by snapshots that lie up to {gap} apart (from {from} to {to})");
    let allowed = format!("rpo: {gap}, or snapshots at most {wanted} apart");
    rpo_place.warn(code::RPO, message, allowed, log);
}

/// The longest time between two firings of any of the schedules, if it is longer than `allowed`.
fn longest_gap<'a>(
    schedules: impl Iterator<Item = &'a Schedule>,
    allowed: SignedDuration,
) -> Option<(SignedDuration, Timestamp, Timestamp)> {
    let schedules: Vec<&Schedule> = schedules.collect();
    let next = |after: Timestamp| schedules.iter().filter_map(|schedule| schedule.next_after(after)).min();
    let latest = |at: Timestamp| schedules.iter().filter_map(|s| s.latest_at_or_before(at, allowed)).max();
    let mut last = next(YEAR_BEGINS)?;
    let until = last.saturating_add(YEAR).ok()?;
    let mut longest: Option<(SignedDuration, Timestamp, Timestamp)> = None;
    for _ in 0..STEPS_MAX {
        // Whatever fires between here and the last firing within the allowed time leaves no longer gap: go there at once.
        let within = last.saturating_add(allowed).ok().and_then(latest).filter(|firing| *firing > last);
        let Some(firing) = within.or_else(|| next(last)) else { break };
        let gap = firing.duration_since(last);
        if gap > allowed && longest.is_none_or(|(longest, _, _)| gap > longest) {
            longest = Some((gap, last, firing));
        }
        last = firing;
        if last > until {
            break;
        }
    }
    longest
}
