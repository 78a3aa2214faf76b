//! What came of every slot of the year, reckoned from the plan, the records and what people were told; not from what the function thinks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use holdfast_domain::inventory::DbSnapshot;
use holdfast_domain::plan::Retention;
use holdfast_domain::{FindingState, Plan, Slot, tags};
use holdfast_ledger::{RecoveryPointRecord, recovery_point_key};
use holdfast_wire::Message;
use jiff::Timestamp;

use super::world::World;

/// Until when the rules of a recovery point keep it.
pub(super) fn kept_until(plan: &Plan, snapshot: &DbSnapshot) -> Option<Timestamp> {
    let resource = plan.resources.iter().find(|(name, _)| tags::name_resource(&snapshot.tags, name))?.1;
    let keep = |rule| match resource.snapshots.get(&rule)?.keep {
        Retention::Age(age) => Some(age),
        Retention::Slots { .. } => None,
    };
    Some(tags::slot(&snapshot.tags)?.instant() + tags::rules(&snapshot.tags).filter_map(keep).max()?)
}

/// What came of one slot of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    OnTime,
    Late,
    Promoted,
    Never,
}

/// When what stood about a resource, from and until; until the end if it never ended.
type Stood = BTreeMap<String, Vec<(Timestamp, Timestamp)>>;

pub(super) fn report(world: &World, seed: u64, begun: Timestamp, end: Timestamp) -> String {
    let (stood, opened, resolved) = incidents(world);
    let mut counts: BTreeMap<(&str, Came), usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, resource) in &world.plan.resources {
        let empty = Vec::new();
        let incidents = stood.get(name.as_str()).unwrap_or(&empty);
        for (rule, snapshot_rule) in &resource.snapshots {
            let schedule = snapshot_rule.schedule().expect("every rule of the year has a schedule");
            let slots: Vec<Slot> =
                schedule.firings_from(begun).map(|f| Slot::at(f.at)).take_while(|at| at.instant() < end).collect();
            let records: Vec<Option<RecoveryPointRecord>> = records(world, name.as_str(), begun, end);
            let served = served(&records, rule.as_str());
            for (index, slot) in slots.iter().enumerate() {
                let next = slots.get(index + 1).map_or(end, |next| next.instant());
                let came = came(&served, *slot, next);
                *counts.entry((resource.target.kind().as_str(), came)).or_default() += 1;
                // Until a newer slot of the rule was served: so long may the incident have come.
                let healed = served.iter().find(|(at, _, _)| at.instant() >= next).map_or(end, |(_, _, seen)| *seen);
                let told = incidents.iter().any(|(from, until)| *from <= healed && *until >= slot.instant());
                if came == Came::Never && !told {
                    problems.push(format!(
                        "{name} {rule} {slot}: silently missed{}",
                        around(world, name.as_str(), &records, *slot)
                    ));
                }
            }
        }
    }
    assert!(problems.is_empty(), "seed {seed}: {problems:#?}");
    let standing: BTreeSet<_> = opened.keys().filter(|cause| resolved.get(*cause) != opened.get(*cause)).collect();
    assert!(standing.is_empty(), "seed {seed}: after two calm days these still stand: {standing:?}");
    let asked = slots_of_plan(world, begun);
    for key in
        world.cloud.keys().iter().filter(|key| key.starts_with("recovery-points/") && !key.ends_with("watch.json"))
    {
        let slot = key.rsplit('/').next().and_then(|file| file.strip_suffix(".json")).expect("a slot");
        assert!(asked(key, slot.parse().expect("a slot")), "seed {seed}: {key} was never asked for by the plan");
    }
    let allowed: BTreeSet<&str> = world.cloud.calls().iter().map(|call| call.operation).collect();
    let known = [
        "events:PutEvents",
        "rds:AddTagsToResource",
        "rds:CreateDBClusterSnapshot",
        "rds:CreateDBSnapshot",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots",
        "s3:GetObject",
        "s3:ListObjectsV2",
        "s3:PutObject",
    ];
    assert!(allowed.iter().all(|operation| known.contains(operation)), "seed {seed}: {allowed:?}");
    written(world, seed, &counts, &opened, &resolved)
}

fn written(
    world: &World,
    seed: u64,
    counts: &BTreeMap<(&str, Came), usize>,
    opened: &BTreeMap<String, usize>,
    resolved: &BTreeMap<String, usize>,
) -> String {
    let mut report = format!("seed {seed}, {} databases\n\nwhat went wrong\n", world.plan.resources.len());
    for (what, count) in &world.weather.counts {
        writeln!(report, "  {count:>6}  {what}").expect("a string takes everything");
    }
    report.push_str("\nslots by kind                due  on time  late  promoted  never, and told\n");
    for kind in ["rds-instance", "aurora-cluster", "docdb-cluster"] {
        let of = |came| counts.get(&(kind, came)).copied().unwrap_or_default();
        let (on_time, late, promoted, never) = (of(Came::OnTime), of(Came::Late), of(Came::Promoted), of(Came::Never));
        let due = on_time + late + promoted + never;
        writeln!(report, "  {kind:<24} {due:>6} {on_time:>8} {late:>5} {promoted:>9} {never:>16}")
            .expect("a string takes everything");
    }
    report.push_str("\nincidents by topic     opened  resolved\n");
    let mut topics: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (cause, count) in opened {
        let topic = topics.entry(cause.rsplit('/').next().unwrap_or_default()).or_default();
        topic.0 += count;
        topic.1 += resolved.get(cause).copied().unwrap_or_default();
    }
    for (topic, (opened, resolved)) in topics {
        writeln!(report, "  {topic:<20} {opened:>6} {resolved:>9}").expect("a string takes everything");
    }
    let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
    for call in world.cloud.calls() {
        *calls.entry(call.operation).or_default() += 1;
    }
    report.push_str("\ncalls\n");
    for (operation, count) in calls {
        writeln!(report, "  {count:>6}  {operation}").expect("a string takes everything");
    }
    report
}

/// When incidents of a resource stood, as `alert` would have them from the bus, and how often each cause opened and was resolved.
fn incidents(world: &World) -> (Stood, BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let mut stood = Stood::new();
    let (mut opened, mut resolved) = (BTreeMap::new(), BTreeMap::new());
    let mut open: BTreeMap<String, Timestamp> = BTreeMap::new();
    for message in world.cloud.announced() {
        let Message::Finding(finding) = message else { continue };
        let cause = finding.cause.to_string();
        let resource = finding.resource.expect("of a resource").to_string();
        match finding.state {
            FindingState::Open => {
                if !open.contains_key(&cause) {
                    open.insert(cause.clone(), finding.seen_at);
                    *opened.entry(cause).or_default() += 1;
                }
            }
            FindingState::Resolved => {
                if let Some(from) = open.remove(&cause) {
                    stood.entry(resource).or_default().push((from, finding.seen_at));
                    *resolved.entry(cause).or_default() += 1;
                }
            }
        }
    }
    (stood, opened, resolved)
}

/// What is known around a slot, for whoever looks for the mistake.
fn around(world: &World, resource: &str, records: &[Option<RecoveryPointRecord>], slot: Slot) -> String {
    let day = jiff::SignedDuration::from_hours(48);
    let near = |at: Timestamp| at.duration_since(slot.instant()).abs() <= day;
    let mut text = String::new();
    for record in records.iter().flatten().filter(|record| near(record.slot.instant())) {
        write!(
            text,
            "\n    {} for {}: requested {}, available {:?}, failed {:?}",
            record.slot, record.rules, record.requested_at, record.available_seen_at, record.failed_seen_at
        )
        .expect("a string takes everything");
    }
    for message in world.cloud.announced() {
        let Message::Finding(finding) = message else { continue };
        if finding.resource.as_ref().is_some_and(|name| name.as_str() == resource) && near(finding.seen_at) {
            write!(text, "\n    {} {:?} {}: {}", finding.seen_at, finding.state, finding.cause, finding.title)
                .expect("a string takes everything");
        }
    }
    text
}

/// The records of a resource, in order of slot.
fn records(world: &World, resource: &str, begun: Timestamp, end: Timestamp) -> Vec<Option<RecoveryPointRecord>> {
    let prefix = format!("recovery-points/{resource}/");
    let _ = (begun, end);
    let keys = world.cloud.keys().into_iter().filter(|key| key.starts_with(&prefix));
    keys.map(|key| {
        let bytes = world.cloud.object(&key)?;
        let record: serde_json::Value = serde_json::from_slice(&bytes).expect("a record");
        Some(serde_json::from_value(record["body"].clone()).expect("a recovery point"))
    })
    .collect()
}

/// Complete recovery points that serve a rule: slot, whether late, when complete.
fn served(records: &[Option<RecoveryPointRecord>], rule: &str) -> Vec<(Slot, bool, Timestamp)> {
    let mut served: Vec<_> = records
        .iter()
        .flatten()
        .filter(|record| record.rules.split(' ').any(|name| name == rule))
        .filter_map(|record| Some((record.slot, record.late.is_some(), record.available_seen_at?)))
        .collect();
    served.sort();
    served
}

fn came(served: &[(Slot, bool, Timestamp)], slot: Slot, next: Timestamp) -> Came {
    match served.iter().find(|(at, _, _)| *at >= slot && at.instant() < next) {
        Some((at, false, _)) if *at == slot => Came::OnTime,
        Some((at, true, _)) if *at == slot => Came::Late,
        Some(_) => Came::Promoted,
        None => Came::Never,
    }
}

/// Whether a record is of a slot that some rule of its resource asks for. The first ones may be older than the year.
fn slots_of_plan(world: &World, begun: Timestamp) -> impl Fn(&str, Slot) -> bool + '_ {
    move |key, slot| {
        let fires = |resource: &holdfast_domain::plan::Resource| {
            resource.snapshots.values().filter_map(|rule| rule.schedule()).any(|schedule| {
                schedule.firings_from(slot.instant()).next().is_some_and(|firing| firing.at == slot.instant())
            })
        };
        let mut resources = world.plan.resources.iter();
        resources.any(|(name, resource)| {
            recovery_point_key(name, slot) == key && (fires(resource) || slot.instant() < begun)
        })
    }
}
