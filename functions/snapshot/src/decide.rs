//! Which snapshots to take now, and why. Pure: `decide(plan, inventory, now) -> decisions`.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_domain::inventory::{DbInstance, DbInstanceStatus, DbSnapshot, DbSnapshotStatus};
use holdfast_domain::plan::{Plan, Resource};
use holdfast_domain::{
    Cause, DbInstanceId, DbSnapshotId, Finding, FindingState, Region, ResourceName, RuleName, Severity, Slot, slot,
    tags,
};
use holdfast_ports::CreateDbSnapshot;
use jiff::{SignedDuration, Timestamp};

/// How long after it was due a slot is still taken: one day, but never past the rule's next slot, which is newer and as good.
pub const CATCH_UP: SignedDuration = SignedDuration::from_hours(24);

/// How late a slot may be before people are told: EventBridge Scheduler's own precision is one minute (source: EventBridge Scheduler
/// User Guide, "What is Amazon EventBridge Scheduler"), and a database that RDS is backing up is busy for some more.
pub const LATE_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// What was seen of a region, whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegionInventory {
    /// Every DB instance.
    pub instances: Vec<DbInstance>,
    /// Every DB snapshot that the account owns.
    pub snapshots: Vec<DbSnapshot>,
}

/// One resource's slot that is due, and what is to be done about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The plan's name of the resource.
    pub resource: ResourceName,
    /// Since when.
    pub slot: Slot,
    /// The rules due in that slot; they share one snapshot.
    pub rules: Vec<RuleName>,
    /// The recovery point's name.
    pub id: DbSnapshotId,
    /// What to do.
    pub verdict: Verdict,
    /// Whether every slot of its resource that is due has its recovery point: what people were told of any of them is over then.
    pub settled: bool,
}

/// What to do about a slot.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Take a snapshot.
    Take(CreateDbSnapshot),
    /// There is nothing to do now.
    Leave(Reason),
    /// A person must know.
    Tell(Reason, Box<Finding>),
}

/// Why a slot is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Its recovery point is there.
    Taken,
    /// Its recovery point is being made.
    BeingTaken,
    /// Its recovery point failed in RDS.
    SnapshotFailed,
    /// It is smaller than the plan allows.
    TooSmall {
        /// Bytes there are.
        size: u64,
        /// Bytes there must be.
        min: u64,
    },
    /// Something that is not ours has its name.
    NameTaken,
    /// RDS knows no such instance.
    NoInstance,
    /// RDS refuses snapshots of an instance in this state.
    Busy(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("it is taken"),
            Self::BeingTaken => f.write_str("it is being taken"),
            Self::SnapshotFailed => f.write_str("RDS reports that it failed"),
            Self::TooSmall { size, min } => write!(f, "it has {size} bytes and must have {min}"),
            Self::NameTaken => f.write_str("a snapshot that is not ours has its name"),
            Self::NoInstance => f.write_str("RDS knows no such instance"),
            Self::Busy(status) => write!(f, "the instance is {status}"),
        }
    }
}

/// Decides every slot that is due, in order of resource and slot. A resource whose region was not seen is left out: nothing is known of it.
#[must_use]
pub fn decide(plan: &Plan, regions: &BTreeMap<Region, RegionInventory>, now: Timestamp) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for (name, resource) in &plan.resources {
        let Some(seen) = regions.get(&resource.region) else { continue };
        let Some(instance) = resource.db_instance() else { continue };
        let mut of_resource = Vec::new();
        for (slot, rules) in due_slots(resource, now) {
            let id = slot::db_snapshot_id(&plan.name, &plan.environment, name, slot);
            let verdict = judge(&Due { plan, name, resource, instance, slot, rules: &rules, id: &id }, seen, now);
            of_resource.push(Decision { resource: name.clone(), slot, rules, id, verdict, settled: false });
        }
        let settled = of_resource.iter().all(|decision| decision.verdict == Verdict::Leave(Reason::Taken));
        decisions.extend(of_resource.into_iter().map(|decision| Decision { settled, ..decision }));
    }
    decisions
}

/// What people are told when a recovery point is first seen complete, and its resource is settled: an incident about it, or about one
/// before it, is over.
#[must_use]
pub fn is_there(plan: &Plan, decision: &Decision, now: Timestamp) -> Finding {
    Finding {
        cause: Cause::of_resource(&plan.name, &plan.environment, &decision.resource, "snapshot"),
        state: FindingState::Resolved,
        severity: Severity::High,
        resource: Some(decision.resource.clone()),
        title: format!("the snapshot of {} due at {} is there", decision.resource, decision.slot.instant()),
        threatens: "nothing".into(),
        next_step: "nothing".into(),
        facts: vec![("snapshot".into(), decision.id.to_string())],
        seen_at: now,
    }
}

/// The latest slot of each rule, rules of the same slot together.
fn due_slots(resource: &Resource, now: Timestamp) -> BTreeMap<Slot, Vec<RuleName>> {
    let mut slots: BTreeMap<Slot, Vec<RuleName>> = BTreeMap::new();
    for (rule_name, rule) in &resource.snapshots {
        if let Some(firing) = rule.schedule().and_then(|at| at.latest_at_or_before(now, CATCH_UP)) {
            slots.entry(Slot::at(firing)).or_default().push(rule_name.clone());
        }
    }
    slots
}

struct Due<'a> {
    plan: &'a Plan,
    name: &'a ResourceName,
    resource: &'a Resource,
    instance: &'a DbInstanceId,
    slot: Slot,
    rules: &'a [RuleName],
    id: &'a DbSnapshotId,
}

fn judge(due: &Due<'_>, seen: &RegionInventory, now: Timestamp) -> Verdict {
    if let Some(snapshot) = seen.snapshots.iter().find(|snapshot| snapshot.id == *due.id) {
        return judge_existing(due, snapshot, now);
    }
    let Some(instance) = seen.instances.iter().find(|instance| instance.id == *due.instance) else {
        return tell(due, Reason::NoInstance, now);
    };
    match &instance.status {
        DbInstanceStatus::Available => Verdict::Take(CreateDbSnapshot {
            region: due.resource.region.clone(),
            instance: due.instance.clone(),
            id: due.id.clone(),
            tags: tags::of_recovery_point(&due.plan.name, &due.plan.environment, due.name, due.rules, due.slot),
        }),
        DbInstanceStatus::Busy(_)
        | DbInstanceStatus::Deleting
        | DbInstanceStatus::Broken(_)
        | DbInstanceStatus::Stopped(_)
        | DbInstanceStatus::Unknown(_) => {
            let reason = Reason::Busy(instance.status.word().into());
            if now >= due.slot.instant() + LATE_AFTER { tell(due, reason, now) } else { Verdict::Leave(reason) }
        }
    }
}

fn judge_existing(due: &Due<'_>, snapshot: &DbSnapshot, now: Timestamp) -> Verdict {
    if !tags::are_ours(&snapshot.tags, &due.plan.name, &due.plan.environment) {
        return tell(due, Reason::NameTaken, now);
    }
    let size_min = due.rules.iter().filter_map(|rule| due.resource.snapshots.get(rule)?.size_min_bytes).max();
    match (&snapshot.status, snapshot.size_bytes, size_min) {
        (DbSnapshotStatus::Failed, _, _) => tell(due, Reason::SnapshotFailed, now),
        (DbSnapshotStatus::Available, Some(size), Some(min)) if size < min => {
            tell(due, Reason::TooSmall { size, min }, now)
        }
        (DbSnapshotStatus::Available, _, _) => Verdict::Leave(Reason::Taken),
        (DbSnapshotStatus::Creating | DbSnapshotStatus::Other(_), _, _) => Verdict::Leave(Reason::BeingTaken),
    }
}

fn tell(due: &Due<'_>, reason: Reason, now: Timestamp) -> Verdict {
    let next_step = match &reason {
        Reason::NameTaken => format!("see who made {} in {}, and rename or delete it", due.id, due.resource.region),
        Reason::NoInstance => {
            format!("create {} in {}, or correct `id` and `region` in the plan", due.instance, due.resource.region)
        }
        Reason::Busy(_) => "bring the instance back to available; the slot is taken late as soon as it is".into(),
        Reason::SnapshotFailed => "read RDS's events of the snapshot, delete it, and take one by hand".into(),
        Reason::TooSmall { .. } => {
            "see whether data is missing in the source, or correct `size_min` in the plan".into()
        }
        Reason::Taken | Reason::BeingTaken => "nothing".into(),
    };
    let finding = Finding {
        cause: Cause::of_resource(&due.plan.name, &due.plan.environment, due.name, "snapshot"),
        state: FindingState::Open,
        severity: Severity::High,
        resource: Some(due.name.clone()),
        title: format!(
            "the snapshot of {} due at {} is not there as it must be: {reason}",
            due.name,
            due.slot.instant()
        ),
        threatens: format!("what changed in {} since its last good recovery point cannot be recovered", due.name),
        next_step,
        facts: vec![
            ("instance".into(), format!("{} in {}", due.instance, due.resource.region)),
            ("snapshot".into(), due.id.to_string()),
        ],
        seen_at: now,
    };
    Verdict::Tell(reason, Box::new(finding))
}

#[cfg(test)]
mod tests;
