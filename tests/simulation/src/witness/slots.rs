//! Invariant 2, reckoned from the plans, the recovery points that there were, and what people were told.

use std::collections::BTreeMap;

use holdfast_domain::inventory::Database;
use holdfast_domain::{FindingState, Slot};
use holdfast_plan::Compiled;
use jiff::{SignedDuration, Timestamp};

use crate::witness::{Invariant, OnBus, Point, Witness};

/// How long a plan must have held on both sides of a slot for the slot to be judged: a rule that comes or goes in between owes nothing.
const HELD: SignedDuration = SignedDuration::from_hours(2);

/// When incidents of a resource stood, from and until.
type Stood = BTreeMap<String, Vec<(Timestamp, Timestamp)>>;

/// Every slot of every rule that was in force: served, or told.
pub(crate) fn look(
    witness: &mut Witness,
    plans: &[Compiled],
    deployed: &[(Timestamp, usize)],
    (begins, storm_ends, end): (Timestamp, Timestamp, Timestamp),
) {
    let stood = stood(&witness.bus, end);
    let points: Vec<Point> = witness.points.values().cloned().collect();
    for (place, (from, plan)) in deployed.iter().enumerate() {
        let until = deployed.get(place + 1).map_or(storm_ends.max(end - CALM_TAIL), |(next, _)| *next - HELD);
        let from = if place == 0 { begins + HELD } else { *from + HELD };
        for (name, resource) in &plans[*plan].plan().resources {
            if Database::of(&resource.target).is_none() {
                continue;
            }
            for (rule_name, rule) in &resource.snapshots {
                let Some(schedule) = rule.schedule() else { continue };
                let served = served(&points, name.as_str(), rule_name.as_str());
                let firings = schedule.firings_from(from).map(|firing| firing.at);
                let slots: Vec<Timestamp> = firings.take_while(|at| *at < until).collect();
                for slot in slots {
                    let next = schedule.next_after(slot).unwrap_or(end);
                    let is_served = served.iter().any(|(at, _)| at.instant() >= slot && at.instant() < next);
                    // Until when the incident may have come: a newer slot is complete, and the function has had time to say so.
                    let healed = served.iter().find(|(at, _)| at.instant() >= next);
                    let healed = healed.map_or(end, |(_, seen)| *seen + SignedDuration::from_hours(1));
                    let empty = Vec::new();
                    let stands = stood.get(name.as_str()).unwrap_or(&empty);
                    let told = stands.iter().any(|(from, until)| *from <= healed && *until >= slot);
                    witness.must(slot, Invariant::Slots, is_served || told, || {
                        format!("{name}: the slot of {rule_name} has no recovery point, and no incident stood")
                    });
                }
            }
        }
    }
}

/// The newest slots may still be on their way at the end.
const CALM_TAIL: SignedDuration = SignedDuration::from_hours(15);

/// Recovery points that served a rule: slot, and when they could first be restored from.
fn served(points: &[Point], resource: &str, rule: &str) -> Vec<(Slot, Timestamp)> {
    let of = points.iter().filter(|point| point.resource == resource && point.rules.contains(rule));
    let mut served: Vec<_> = of.filter_map(|point| Some((point.slot?, point.available_at?))).collect();
    served.sort();
    served
}

fn stood(bus: &[OnBus], end: Timestamp) -> Stood {
    let mut open: BTreeMap<&str, (&str, Timestamp)> = BTreeMap::new();
    let mut stood = Stood::new();
    for finding in bus {
        let Some(resource) = &finding.resource else { continue };
        let is_snapshot = finding.cause.rsplit('/').next().is_some_and(|what| what.starts_with("snapshot"));
        if !is_snapshot {
            continue;
        }
        match finding.state {
            FindingState::Open => {
                open.entry(&finding.cause).or_insert((resource, finding.at));
            }
            FindingState::Resolved => {
                if let Some((resource, from)) = open.remove(finding.cause.as_str()) {
                    stood.entry(resource.to_owned()).or_default().push((from, finding.at));
                }
            }
        }
    }
    for (resource, from) in open.into_values() {
        stood.entry(resource.to_owned()).or_default().push((from, end));
    }
    stood
}
