//! Which restore tests are due and have not begun. Pure.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_domain::inventory::{DbSnapshot, DbSnapshotStatus};
use holdfast_domain::plan::{Due, Plan, Resource, RestoreFrom, RestoreTestRule};
use holdfast_domain::{Cause, Finding, FindingState, ResourceName, RuleName, RunId, Severity, Slot, slot, tags};
use holdfast_ledger::{Phase, Run, RunSource, RunTimes};
use holdfast_wire::RestoreTestNow;
use jiff::{SignedDuration, Timestamp};

/// How long after it was due a restore test still begins: one day. What is later than that is overdue, which is another's finding.
pub const CATCH_UP: SignedDuration = SignedDuration::from_hours(24);

/// A restore test that is due, whether it has begun or not.
#[derive(Debug, Clone, PartialEq)]
pub struct DueTest {
    /// The run's id: the same for every trigger that finds it due.
    pub run: RunId,
    /// Of which resource.
    pub resource: ResourceName,
    /// By which rule; `None` for one by hand.
    pub rule: Option<RuleName>,
    /// Since when.
    pub slot: Slot,
    /// The recovery point to restore, or why there is none.
    pub source: Result<DbSnapshot, NoSource>,
}

/// Why there is nothing to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSource {
    /// No recovery point of this resource is available.
    NoneAvailable,
}

impl fmt::Display for NoSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoneAvailable => f.write_str("no recovery point of it is available"),
        }
    }
}

/// Every restore test that is due now, in order of resource and rule. `snapshots` is the whole inventory of the regions that were seen;
/// a resource whose region was not seen has nothing due.
#[must_use]
pub fn due(plan: &Plan, snapshots: &BTreeMap<&holdfast_domain::Region, &[DbSnapshot]>, now: Timestamp) -> Vec<DueTest> {
    let mut tests = Vec::new();
    for (name, resource) in &plan.resources {
        let Some(seen) = snapshots.get(&resource.region) else {
            continue;
        };
        for (rule_name, rule) in resource.restore_tests.iter().filter(|(_, rule)| is_carried_out(resource, rule)) {
            tests.extend(due_by_rule(plan, name, rule_name, rule, seen, now));
        }
    }
    tests
}

/// Of the plan's language this much is carried out yet: the newest recovery point of a DB instance, in its own region. `plan check` names
/// every other rule as *not carried out yet*.
fn is_carried_out(resource: &Resource, rule: &RestoreTestRule) -> bool {
    resource.db_instance().is_some() && rule.from == RestoreFrom::Latest && rule.region == resource.region
}

fn due_by_rule(
    plan: &Plan,
    resource: &ResourceName,
    rule_name: &RuleName,
    rule: &RestoreTestRule,
    seen: &[DbSnapshot],
    now: Timestamp,
) -> Option<DueTest> {
    let test = |slot: Slot, source| DueTest {
        run: run_id(resource, rule_name.as_str(), &slot.to_string()),
        resource: resource.clone(),
        rule: Some(rule_name.clone()),
        slot,
        source,
    };
    match &rule.due {
        Due::At(schedule) => {
            let slot = Slot::at(schedule.latest_at_or_before(now, CATCH_UP)?);
            Some(test(slot, latest(plan, resource, seen, |_| true).cloned().ok_or(NoSource::NoneAvailable)))
        }
        Due::After(snapshot_rule) => {
            let source = latest(plan, resource, seen, |snapshot| tags::serve(&snapshot.tags, snapshot_rule))?;
            let slot = tags::slot(&source.tags)?;
            (slot.instant() >= now - CATCH_UP).then(|| test(slot, Ok(source.clone())))
        }
    }
}

/// The restore test that a person asked for. Whether the plan knows the resource, the caller has looked.
#[must_use]
pub fn by_hand(plan: &Plan, now: Timestamp, wanted: &RestoreTestNow, snapshots: &[DbSnapshot]) -> DueTest {
    DueTest {
        run: run_id(&wanted.resource, "manual", &wanted.request),
        resource: wanted.resource.clone(),
        rule: None,
        slot: Slot::at(now),
        source: latest(plan, &wanted.resource, snapshots, |_| true).cloned().ok_or(NoSource::NoneAvailable),
    }
}

/// The newest recovery point of ours that is available and satisfies a condition.
fn latest<'a>(
    plan: &Plan,
    resource: &ResourceName,
    seen: &'a [DbSnapshot],
    condition: impl Fn(&DbSnapshot) -> bool,
) -> Option<&'a DbSnapshot> {
    seen.iter()
        .filter(|s| s.status == DbSnapshotStatus::Available && s.taken_at.is_some())
        .filter(|s| tags::are_ours(&s.tags, &plan.name, &plan.environment))
        .filter(|s| s.tags.get(tags::RESOURCE).is_some_and(|name| name == resource.as_str()))
        .filter(|s| condition(s))
        .max_by(|a, b| (a.taken_at, &a.id).cmp(&(b.taken_at, &b.id)))
}

fn run_id(resource: &ResourceName, rule: &str, of: &str) -> RunId {
    match format!("{resource}.{rule}.{of}").parse() {
        Ok(id) => id,
        // At most 40 + 1 + 40 + 1 + 40 characters of the legal alphabet.
        Err(error) => unreachable!("a run id made of legal names is legal: {error}"),
    }
}

/// The record of a run that begins now.
#[must_use]
pub fn run(plan: &Plan, resource: &Resource, test: &DueTest, source: &DbSnapshot, now: Timestamp) -> Run {
    let rule =
        test.rule.as_ref().and_then(|rule| resource.restore_tests.get(rule)).or(resource.restore_tests.values().next());
    let room = slot::room_id(&plan.name, &plan.environment, &test.resource, &test.run);
    let secret = match room.as_str().parse() {
        Ok(name) => name,
        Err(error) => unreachable!("an instance identifier is a legal secret name: {error}"),
    };
    Run {
        id: test.run.clone(),
        plan_sha: plan.sha.clone(),
        resource: test.resource.clone(),
        rule: test.rule.as_ref().map_or_else(|| "manual".into(), ToString::to_string),
        slot: test.slot,
        region: resource.region.clone(),
        source: RunSource {
            snapshot: source.id.clone(),
            taken_at: source.taken_at.unwrap_or(now),
            engine: source.engine.clone(),
            engine_version: source.engine_version.clone(),
            size_bytes: source.size_bytes,
        },
        room,
        instance_class: rule.map_or_else(|| DEFAULT_CLASS.into(), |rule| rule.instance_class.clone()),
        secret,
        phase: Phase::Requested,
        requested_at: now,
        deadline_at: now + rule.map_or(DEFAULT_DEADLINE, |rule| rule.deadline),
        verify_called_at: None,
        times: RunTimes::default(),
        host: None,
        port: None,
        master_user: None,
        database: None,
        verdict: None,
    }
}

/// Instance class of a test by hand on a resource without a restore-test rule to take it from.
const DEFAULT_CLASS: &str = "db.t4g.medium";
/// Deadline of a test by hand on a resource without a restore-test rule to take it from.
const DEFAULT_DEADLINE: SignedDuration = SignedDuration::from_hours(4);

/// What to tell people when a test is due and there is nothing to restore.
#[must_use]
pub fn nothing_to_restore(plan: &Plan, test: &DueTest, why: NoSource, now: Timestamp) -> Finding {
    Finding {
        cause: Cause::of_resource(&plan.name, &plan.environment, &test.resource, "restore-test"),
        state: FindingState::Open,
        severity: Severity::High,
        resource: Some(test.resource.clone()),
        title: format!("restore test {} cannot begin: {why}", test.run),
        threatens: format!("{} may have no backup that can be restored", test.resource),
        next_step: "look for recovery points of it in RDS, and at the incidents of its snapshot rules".into(),
        facts: vec![("due".into(), test.slot.instant().to_string())],
        seen_at: now,
    }
}

#[cfg(test)]
mod tests {
    use holdfast_domain::{DbSnapshotId, Region};
    use holdfast_ports::DbSnapshots as _;
    use holdfast_testkit::{MemoryCloud, sample};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    async fn seen(cloud: &MemoryCloud, plan: &Plan) -> (Region, Vec<DbSnapshot>) {
        let region = plan.primary.clone();
        let snapshots = cloud.db_snapshots(&region).await.expect("a listing");
        (region, snapshots)
    }

    fn add(cloud: &MemoryCloud, plan: &Plan, slot: &str, rules: &[&str]) -> DbSnapshotId {
        let resource: ResourceName = "orders-db".parse().expect("legal");
        let slot: Slot = slot.parse().expect("legal");
        let rules: Vec<RuleName> = rules.iter().map(|rule| rule.parse().expect("legal")).collect();
        let id = slot::db_snapshot_id(&plan.name, &plan.environment, &resource, slot);
        let tags = tags::of_recovery_point(&plan.name, &plan.environment, &resource, &rules, slot);
        cloud.add_snapshot(&plan.primary, &id, &plan.resources[&resource].id, tags);
        id
    }

    #[tokio::test]
    async fn a_test_after_a_rule_is_due_for_its_newest_recovery_point_only() {
        let plan = sample::plan();
        let cloud = MemoryCloud::at(at("2026-11-19T02:04:00Z"));
        add(&cloud, &plan, "20261119t020000z", &["daily"]);
        cloud.pass(SignedDuration::from_hours(24));
        let newest = add(&cloud, &plan, "20261120t020000z", &["daily", "weekly"]);
        cloud.pass(SignedDuration::from_mins(1));
        add(&cloud, &plan, "20261120t030000z", &["hourly"]);
        let (region, snapshots) = seen(&cloud, &plan).await;
        let due = due(&plan, &BTreeMap::from([(&region, snapshots.as_slice())]), cloud.time());
        let runs: Vec<&str> = due.iter().map(|test| test.run.as_str()).collect();
        assert_eq!(runs, ["orders-db.every.20261120t020000z"]);
        assert_eq!(due[0].source.as_ref().expect("a source").id, newest);
    }

    #[tokio::test]
    async fn a_test_on_a_schedule_is_due_for_a_day_and_says_when_there_is_nothing() {
        let plan = sample::plan();
        let monday = at("2026-11-23T06:00:20Z");
        let region = plan.primary.clone();
        let none = BTreeMap::from([(&region, [].as_slice())]);
        let tests = due(&plan, &none, monday);
        assert_eq!(tests.len(), 1);
        assert_eq!(tests[0].run.as_str(), "orders-db.monday.20261123t060000z");
        assert_eq!(tests[0].source, Err(NoSource::NoneAvailable));
        assert_eq!(due(&plan, &none, at("2026-11-24T06:00:01Z")), vec![]);
        assert_eq!(due(&plan, &BTreeMap::new(), monday), vec![], "a region that was not seen has nothing due");
    }

    #[tokio::test]
    async fn what_is_not_ours_is_never_a_source_of_latest() {
        let plan = sample::plan();
        let cloud = MemoryCloud::at(at("2026-11-23T06:00:00Z"));
        let foreign: DbSnapshotId = "somebodys".parse().expect("legal");
        cloud.add_snapshot(&plan.primary, &foreign, &"shop-orders".parse().expect("legal"), tags::Tags::new());
        let (region, snapshots) = seen(&cloud, &plan).await;
        let tests = due(&plan, &BTreeMap::from([(&region, snapshots.as_slice())]), cloud.time());
        assert_eq!(tests.iter().map(|test| test.source.is_err()).collect::<Vec<_>>(), [true]);
    }
}
