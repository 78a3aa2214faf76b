//! What must be true at the end, after days without any misfortune: nothing is open, nothing stands that is over, everybody heard, nothing is left.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::FindingState;
use holdfast_domain::slot::TEMPORARY;
use holdfast_ledger::{
    DeliveryState, Incident, IncidentState, LineState, OPEN_INCIDENTS_PREFIX, OPEN_PREFIX, Phase, Run,
};
use holdfast_plan::Compiled;
use holdfast_testkit::MemoryCloud;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::witness::escalation::Meanwhile;
use crate::witness::people::Said;
use crate::witness::twice::End;
use crate::witness::{Invariant, Witness, costs, escalation, slots, storms};
use crate::world::World;

/// What somebody made by hand bears a name like this.
pub(crate) const SOMEBODYS: &str = "hf-rt-somebodys-";

/// A run may have begun this shortly before the end.
const STILL_OPEN: SignedDuration = SignedDuration::from_hours(8);

/// Looks at everything once more, and says what it came to.
pub(crate) fn look(
    world: &World,
    plans: &[Compiled],
    deployed: &[(Timestamp, usize)],
    times: (Timestamp, Timestamp, Timestamp),
) -> End {
    let mut state = world.state();
    let disturbed = state.weather.disturbed().to_vec();
    let witness = &mut state.witness;
    let all: Vec<(String, Run)> = records(&world.cloud, "restore-tests/runs/");
    let told: Vec<(String, Incident)> = records(&world.cloud, "incidents/records/");
    slots::look(witness, plans, deployed, times);
    runs(witness, &world.cloud, &all, times.2);
    left_over(witness, world, &all, times.2);
    incidents(witness, &world.cloud, &told, times);
    escalation::look(witness, &told, &Meanwhile { plans, deployed, disturbed: &disturbed, end: times.2 });
    storms::look(witness, &told, times.2);
    costs::look(witness, plans, deployed, times.2);
    ledger(witness, &world.cloud, times.2);
    end(witness, &all, &told)
}

/// What it came to.
fn end(witness: &Witness, runs: &[(String, Run)], incidents: &[(String, Incident)]) -> End {
    let mut end = End::default();
    for point in witness.points.values() {
        if let (Some(slot), Some(_)) = (point.slot, point.available_at) {
            let key = (point.resource.clone(), slot.to_string());
            end.points.entry(key).or_default().extend(point.rules.iter().cloned());
        }
    }
    for (_, run) in runs {
        let verdict = run.verdict.as_ref().map_or_else(|| "none".to_owned(), |verdict| verdict.verdict.to_string());
        end.runs.insert(run.id.to_string(), verdict);
    }
    let standing = incidents.iter().flat_map(|(_, incident)| &incident.lines);
    let standing = standing.filter(|(_, line)| line.state == LineState::Standing);
    end.standing.extend(standing.map(|(cause, _)| cause.clone()));
    for told in witness.told.iter().filter(|told| told.read.said == Said::Over) {
        *end.ended.entry(told.channel.clone()).or_default() += 1;
    }
    end
}

/// Every record under a prefix.
fn records<T: DeserializeOwned>(cloud: &MemoryCloud, prefix: &str) -> Vec<(String, T)> {
    let read = |key: String| {
        let record: Value = serde_json::from_slice(&cloud.object(&key)?).ok()?;
        Some((key, serde_json::from_value(record.get("body")?.clone()).ok()?))
    };
    cloud.keys_with(prefix).into_iter().filter_map(read).collect()
}

/// Every run came to an end, with a verdict and one link of evidence.
fn runs(witness: &mut Witness, cloud: &MemoryCloud, runs: &[(String, Run)], end: Timestamp) {
    let mut judged = 0;
    for (_, run) in runs {
        let old = run.deadline_at + SignedDuration::from_hours(2) < end;
        let closed = run.phase == Phase::Closed;
        witness.must(end, Invariant::Rooms, closed || !old, || format!("the run {} is still {:?}", run.id, run.phase));
        if let Some(verdict) = &run.verdict {
            witness.judged(end, &run.id, &run.room, verdict.verdict);
        }
        judged += usize::from(run.evidence.is_some());
        let evidence = run.evidence.is_some() || !closed;
        witness.must(end, Invariant::Ledger, evidence, || format!("the run {} closed without evidence", run.id));
    }
    let links = cloud.keys_with("evidence/").len();
    let whole = links >= judged && links <= runs.len();
    witness.must(end, Invariant::Ledger, whole, || format!("{links} links of evidence of {} runs", runs.len()));
    let verified = cloud.keys_with("verifications/").len();
    let few = verified <= runs.len();
    witness.must(end, Invariant::Ledger, few, || format!("{verified} verifications of {} runs", runs.len()));
}

/// Rooms are gone, and all that belongs to them: clusters, parameter groups, secrets and markers.
fn left_over(witness: &mut Witness, world: &World, runs: &[(String, Run)], end: Timestamp) {
    let young = runs.iter().filter(|(_, run)| run.requested_at + STILL_OPEN > end);
    let open: BTreeSet<String> = young.map(|(_, run)| run.room.to_string()).collect();
    let rooms = world.cloud.instance_ids().into_iter().map(|id| ("room", id.to_string()));
    let clusters = world.cloud.cluster_ids().into_iter().map(|id| ("cluster", id.to_string()));
    let secrets = world.cloud.secret_names().into_iter().map(|name| ("secret", name.to_string()));
    let groups = world.cloud.room_parameter_groups().into_iter().map(|group| ("parameter group", group.name));
    let temporary = rooms.chain(clusters).chain(secrets).chain(groups).filter(|(_, name)| name.starts_with(TEMPORARY));
    for (sort, name) in temporary {
        let allowed = name.starts_with(SOMEBODYS) || open.contains(&name);
        witness.must(end, Invariant::Rooms, allowed, || format!("the {sort} {name} is still there"));
    }
    let markers = world.cloud.keys_with(OPEN_PREFIX).len();
    let few = markers <= open.len();
    witness.must(end, Invariant::Ledger, few, || format!("{markers} runs are marked open, {} may be", open.len()));
}

/// Whoever heard that something stands heard that it is over; nothing stands that is over; one incident for a cause.
fn incidents(
    witness: &mut Witness,
    cloud: &MemoryCloud,
    incidents: &[(String, Incident)],
    (_, storm_ends, end): (Timestamp, Timestamp, Timestamp),
) {
    let mut standing: BTreeMap<&str, &Incident> = BTreeMap::new();
    for (_, incident) in incidents {
        for (cause, line) in incident.lines.iter().filter(|(_, line)| line.state == LineState::Standing) {
            let other = standing.insert(cause, incident).filter(|_| incident.state == IncidentState::Open);
            witness.must(end, Invariant::Incidents, other.is_none(), || {
                format!("{cause} stands in two incidents, {} since {}", incident.id, line.since)
            });
        }
    }
    let last = witness.bus.iter().map(|finding| (finding.cause.clone(), finding.state, finding.at));
    let last: BTreeMap<String, (FindingState, Timestamp)> =
        last.map(|(cause, state, at)| (cause, (state, at))).collect();
    for (cause, (state, at)) in &last {
        let stands = standing.contains_key(cause.as_str());
        match state {
            FindingState::Resolved if *at + SignedDuration::from_mins(40) < end => {
                witness.must(end, Invariant::Incidents, !stands, || {
                    format!("{cause} was over at {at} for who told of it, and its incident stands")
                });
            }
            FindingState::Resolved => {}
            FindingState::Open => {
                // What was last told in the storm, and what nobody has told for a day, is old news.
                let old = *at < storm_ends || *at + SignedDuration::from_hours(24) < end;
                witness.must(end, Invariant::Incidents, !(old && stands), || {
                    format!(
                        "{cause} still stands; it was last told of at {at}, and nothing is wrong since {storm_ends}"
                    )
                });
            }
        }
    }
    // What was never on the bus (a function that failed, an alarm) stands for as long as there is news of it.
    for (cause, incident) in standing.iter().filter(|(cause, _)| !last.contains_key(**cause)) {
        let seen_at = incident.lines.get(*cause).map_or(incident.opened_at, |line| line.seen_at);
        let old = seen_at + SignedDuration::from_hours(24) < end;
        witness.must(end, Invariant::Incidents, !old, || {
            format!("{cause} still stands; there was news of it at {seen_at}, and nothing is wrong since {storm_ends}")
        });
    }
    heard(witness, incidents, end);
    let open = cloud.keys_with(OPEN_INCIDENTS_PREFIX).len();
    let allowed = incidents.iter().filter(|(_, incident)| incident.finished_at.is_none()).count();
    witness.must(end, Invariant::Ledger, open <= allowed, || {
        format!("{open} incidents are marked open, {allowed} may be")
    });
}

/// Whoever heard that something stands heard that it is over. One whose channel refuses that for good cannot; then the last resort heard of it.
pub(crate) fn heard(witness: &mut Witness, incidents: &[(String, Incident)], end: Timestamp) {
    let mut heard: BTreeMap<(String, String), BTreeSet<Said>> = BTreeMap::new();
    let mut last_resort = Vec::new();
    for told in &witness.told {
        if let Some(incident) = &told.read.incident {
            heard.entry((incident.clone(), told.channel.clone())).or_default().insert(told.read.said);
        }
        if told.channel == LAST_RESORT {
            last_resort.push(told.at);
        }
    }
    for (_, incident) in incidents.iter().filter(|(_, incident)| incident.finished_at.is_some()) {
        for (channel, _) in incident.opened_to.iter() {
            let key = (incident.id.to_string(), channel.clone());
            let Some(said) = heard.get(&key).filter(|said| said.contains(&Said::Stands)) else { continue };
            let refused = incident.resolved_to.get(channel).is_some_and(|end| end.state == DeliveryState::Refused);
            let passed_on = refused && last_resort.iter().any(|at| *at >= incident.opened_at);
            witness.must(end, Invariant::Incidents, said.contains(&Said::Over) || passed_on, || {
                format!("{channel} was told of {} and never that it is over", incident.id)
            });
        }
    }
}

/// The channel of the topic that hears what no other one takes.
pub(crate) const LAST_RESORT: &str = "fallback";

/// The ledger grows with what happens, not with the minutes.
fn ledger(witness: &mut Witness, cloud: &MemoryCloud, end: Timestamp) {
    let points = cloud.keys_with("recovery-points/").len();
    let most = witness.points.len() + 2;
    witness.must(end, Invariant::Ledger, points <= most, || format!("{points} records of {most} recovery points"));
    let incidents = cloud.keys_with("incidents/records/").len();
    let told = witness.bus.len() + witness.told.len() + 20;
    witness.must(end, Invariant::Ledger, incidents <= told, || format!("{incidents} incidents of {told} findings"));
}
