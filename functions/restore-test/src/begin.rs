//! Which restore tests are due and have not begun. Pure.

use std::collections::BTreeMap;

use holdfast_domain::inventory::{DbInstance, DbSnapshot};
use holdfast_domain::plan::{Due, Plan, Resource, RestoreFrom, RestoreTestRule};
use holdfast_domain::{Finding, FindingState, Region, ResourceName, RuleName, RunId, Severity, Slot, slot, tags};
use holdfast_ledger::{Phase, Run, RunSource, RunTimes};
use holdfast_wire::RestoreTestNow;
use jiff::{SignedDuration, Timestamp};

use crate::proof::Proof;
use crate::source::{self, NoSource, Sight, Wanted};

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
    /// Where the room is to stand.
    pub region: Region,
    /// What was asked for.
    pub from: RestoreFrom,
    /// The recovery point to restore, or why there is none.
    pub source: Result<RunSource, NoSource>,
}

/// The inventory of the regions that were seen; one that is not here was not seen.
pub type Regions<'a> = BTreeMap<&'a Region, (&'a [DbSnapshot], &'a [DbInstance])>;

/// Every restore test that is due now, in order of resource and rule. A rule whose region was not seen has nothing due.
#[must_use]
pub fn due(plan: &Plan, regions: &Regions<'_>, now: Timestamp) -> Vec<DueTest> {
    let mut tests = Vec::new();
    for (name, resource) in &plan.resources {
        // `plan check` names the other kinds as *not carried out yet*.
        for (rule_name, rule) in resource.restore_tests.iter().filter(|_| resource.db_instance().is_some()) {
            let asked = Asked { plan, name, resource, region: &rule.region, from: &rule.from };
            if let Some(sight) = asked.sight(regions) {
                tests.extend(due_by_rule(&asked, rule_name, rule, sight, now));
            }
        }
    }
    tests
}

/// What a rule or a person asks for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    plan: &'a Plan,
    name: &'a ResourceName,
    resource: &'a Resource,
    region: &'a Region,
    from: &'a RestoreFrom,
}

impl<'a> Asked<'a> {
    /// What was seen of it; nothing, if the room's region was not seen.
    fn sight(&self, regions: &Regions<'a>) -> Option<Sight<'a>> {
        let (snapshots, _) = regions.get(self.region)?;
        Some(Sight { snapshots, instances: regions.get(&self.resource.region).map(|(_, instances)| *instances) })
    }

    fn wanted<'b>(&'b self, run: &'b RunId, serving: Option<&'b RuleName>) -> Wanted<'b> {
        let Self { plan, name, resource, region, from } = *self;
        Wanted { plan, name, resource, region, from, run, serving }
    }

    fn test(&self, run: RunId, rule: Option<&RuleName>, slot: Slot, source: Result<RunSource, NoSource>) -> DueTest {
        DueTest {
            run,
            resource: self.name.clone(),
            rule: rule.cloned(),
            slot,
            region: self.region.clone(),
            from: self.from.clone(),
            source,
        }
    }
}

fn due_by_rule(
    asked: &Asked<'_>,
    rule_name: &RuleName,
    rule: &RestoreTestRule,
    sight: Sight<'_>,
    now: Timestamp,
) -> Option<DueTest> {
    let run_of = |slot: Slot| run_id(asked.name, rule_name.as_str(), &slot.to_string());
    match &rule.due {
        Due::At(schedule) => {
            let slot = Slot::at(schedule.latest_at_or_before(now, CATCH_UP)?);
            let run = run_of(slot);
            // Without a look at the resource's own region nothing is known of its continuous backup.
            if source::is_in_time(&rule.from) && sight.instances.is_none() {
                return None;
            }
            let source = source::choose(&asked.wanted(&run, None), sight, now);
            Some(asked.test(run, Some(rule_name), slot, source))
        }
        Due::After(snapshot_rule) => {
            // Which run it is does not matter to the newest.
            let unnamed = run_id(asked.name, rule_name.as_str(), "newest");
            let newest = source::newest(&asked.wanted(&unnamed, Some(snapshot_rule)), sight.snapshots)?;
            let slot = tags::slot(&newest.tags)?;
            let run = run_of(slot);
            // The newest of *this rule* is what it runs after; what else is restored then is chosen among all.
            let serving = (rule.from == RestoreFrom::Latest).then_some(snapshot_rule);
            let source = source::choose(&asked.wanted(&run, serving), sight, now);
            (slot.instant() >= now - CATCH_UP).then(|| asked.test(run, Some(rule_name), slot, source))
        }
    }
}

/// The restore test that a person asked for; nothing, if a region that it needs was not seen. Whether the plan knows the resource, the
/// caller has looked.
#[must_use]
pub fn by_hand(
    plan: &Plan,
    resource: &Resource,
    regions: &Regions<'_>,
    wanted: &RestoreTestNow,
    now: Timestamp,
) -> Option<DueTest> {
    let region = wanted.region.as_ref().unwrap_or(&resource.region);
    let asked = Asked { plan, name: &wanted.resource, resource, region, from: &wanted.from };
    let sight = asked.sight(regions).filter(|sight| !source::is_in_time(&wanted.from) || sight.instances.is_some())?;
    let run = run_id(&wanted.resource, "manual", &wanted.request);
    let source = source::choose(&asked.wanted(&run, None), sight, now);
    Some(asked.test(run, None, Slot::at(now), source))
}

fn run_id(resource: &ResourceName, rule: &str, of: &str) -> RunId {
    match format!("{resource}.{rule}.{of}").parse() {
        Ok(id) => id,
        // At most 40 + 1 + 40 + 1 + 40 characters of the legal alphabet.
        Err(error) => unreachable!("a run id made of legal names is legal: {error}"),
    }
}

/// The record of a run that begins now, when the resource's evidence ends at a number.
#[must_use]
pub fn run(
    plan: &Plan,
    resource: &Resource,
    test: &DueTest,
    source: &RunSource,
    evidence_after: u64,
    now: Timestamp,
) -> Run {
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
        region: test.region.clone(),
        source: source.clone(),
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
        restored_as: None,
        verdict: None,
        evidence_after,
        evidence: None,
    }
}

/// Instance class of a test by hand on a resource without a restore-test rule to take it from.
const DEFAULT_CLASS: &str = "db.t4g.medium";
/// Deadline of a test by hand on a resource without a restore-test rule to take it from.
const DEFAULT_DEADLINE: SignedDuration = SignedDuration::from_hours(4);

/// What to tell people when a test is due and there is nothing to restore.
#[must_use]
pub fn nothing_to_restore(plan: &Plan, resource: &Resource, test: &DueTest, why: &NoSource, now: Timestamp) -> Finding {
    let next_step = match why {
        NoSource::Kind(_) => "leave the rule out until it is carried out, or write it for a DB instance",
        NoSource::NoneAvailable(_) => {
            "look for recovery points of it in RDS, and at the incidents of its snapshot rules"
        }
        NoSource::NotThere { .. } | NoSource::NotAvailable(_) | NoSource::OfAnother { .. } => {
            "name a recovery point of it that is there and available"
        }
        NoSource::NoInstance(..) | NoSource::ElsewhereInTime(_) => {
            "restore a recovery point instead, or name the instance and the region where it stands"
        }
        NoSource::NotContinuous(_) => "turn its automated backups on: RDS keeps a continuous backup with them",
        NoSource::OutOfReach { .. } => "name an instant within reach",
    };
    let proof = Proof { from: &test.from, region: &test.region, resource };
    Finding {
        cause: proof.cause(plan, &test.resource, "restore-test"),
        state: FindingState::Open,
        severity: Severity::High,
        resource: Some(test.resource.clone()),
        title: format!("restore test {} cannot begin: {why}", test.run),
        threatens: format!("{} may have no backup that can be restored", test.resource),
        next_step: next_step.into(),
        facts: vec![("due".into(), test.slot.instant().to_string())],
        seen_at: now,
    }
}

#[cfg(test)]
mod tests;
