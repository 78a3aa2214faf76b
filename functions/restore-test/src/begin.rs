//! Which restore tests are due and have not begun. Pure.

use std::collections::BTreeMap;

use holdfast_domain::inventory::{Database, DatabaseKind, DbSnapshot, ServerlessCapacity};
use holdfast_domain::plan::{Due, Plan, Resource, RestoreFrom, RestoreTestRule};
use holdfast_domain::{Finding, FindingState, Region, ResourceName, RuleName, RunId, Severity, Slot, slot, tags};
use holdfast_ledger::{Phase, Run, RunSource, RunTimes};
use holdfast_wire::RestoreTestNow;
use jiff::{SignedDuration, Timestamp};

use crate::proof::Proof;
use crate::source::{self, NoSource, Sight, Standing, Wanted};

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
    /// What members of class `db.serverless` may use at the source, if that is known.
    pub serverless: Option<ServerlessCapacity>,
}

/// The inventory of the regions that were seen; one that is not here was not seen.
pub type Regions<'a> = BTreeMap<&'a Region, InRegion<'a>>;

/// What was seen of a region.
#[derive(Debug, Clone, Copy)]
pub struct InRegion<'a> {
    /// Every DB snapshot.
    pub snapshots: &'a [DbSnapshot],
    /// Every DB cluster snapshot; `None` where nobody looked for any, because the plan restores none there.
    pub cluster_snapshots: Option<&'a [DbSnapshot]>,
    /// Every database.
    pub standing: Standing<'a>,
}

impl<'a> InRegion<'a> {
    fn snapshots_of(self, kind: DatabaseKind) -> Option<&'a [DbSnapshot]> {
        match kind {
            DatabaseKind::Instance => Some(self.snapshots),
            DatabaseKind::Cluster => self.cluster_snapshots,
        }
    }
}

/// Every restore test that is due now, in order of resource and rule. A rule whose region was not seen has nothing due.
#[must_use]
pub fn due(plan: &Plan, regions: &Regions<'_>, now: Timestamp) -> Vec<DueTest> {
    let mut tests = Vec::new();
    for (name, resource) in &plan.resources {
        // `plan check` names the other kinds as *not carried out yet*.
        let is_restored = Database::of(&resource.target).is_some();
        for (rule_name, rule) in resource.restore_tests.iter().filter(|_| is_restored) {
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
        // Of what is never restored, nothing but that is said.
        let kind = Database::of(&self.resource.target).map_or(DatabaseKind::Instance, |database| database.kind());
        let snapshots = regions.get(self.region)?.snapshots_of(kind)?;
        Some(Sight { snapshots, standing: regions.get(&self.resource.region).map(|seen| seen.standing) })
    }

    fn wanted<'b>(&'b self, run: &'b RunId, serving: Option<&'b RuleName>) -> Wanted<'b> {
        let Self { plan, name, resource, region, from } = *self;
        Wanted { plan, name, resource, region, from, run, serving }
    }

    /// A test that is due since `slot`, of the newest recovery point only if it serves a rule that is named.
    fn test(
        &self,
        (run, rule, slot): (RunId, Option<&RuleName>, Slot),
        serving: Option<&RuleName>,
        sight: Sight<'_>,
        now: Timestamp,
    ) -> DueTest {
        let source = source::choose(&self.wanted(&run, serving), sight, now);
        DueTest {
            source,
            serverless: source::serverless(self.resource, sight),
            run,
            resource: self.name.clone(),
            rule: rule.cloned(),
            slot,
            region: self.region.clone(),
            from: self.from.clone(),
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
            if source::is_in_time(&rule.from) && sight.standing.is_none() {
                return None;
            }
            Some(asked.test((run, Some(rule_name), slot), None, sight, now))
        }
        Due::After(snapshot_rule) => {
            // Which run it is does not matter to the newest.
            let unnamed = run_id(asked.name, rule_name.as_str(), "newest");
            let newest = source::newest(&asked.wanted(&unnamed, Some(snapshot_rule)), sight.snapshots)?;
            let slot = tags::slot(&newest.tags)?;
            let run = run_of(slot);
            // The newest of *this rule* is what it runs after; what else is restored then is chosen among all.
            let serving = (rule.from == RestoreFrom::Latest).then_some(snapshot_rule);
            (slot.instant() >= now - CATCH_UP).then(|| asked.test((run, Some(rule_name), slot), serving, sight, now))
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
    let sight = asked.sight(regions).filter(|sight| !source::is_in_time(&wanted.from) || sight.standing.is_some())?;
    let run = run_id(&wanted.resource, "manual", &wanted.request);
    Some(asked.test((run, None, Slot::at(now)), None, sight, now))
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
    let instance_class = rule.map_or(DEFAULT_CLASS, |rule| &rule.instance_class);
    let serverless = (instance_class == SERVERLESS).then(|| test.serverless.unwrap_or(DEFAULT_CAPACITY).into());
    Run {
        id: test.run.clone(),
        plan_sha: plan.sha.clone(),
        resource: test.resource.clone(),
        rule: test.rule.as_ref().map_or_else(|| "manual".into(), ToString::to_string),
        slot: test.slot,
        region: test.region.clone(),
        source: source.clone(),
        room,
        instance_class: instance_class.into(),
        serverless,
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
        parameters: None,
        restored_as: None,
        verdict: None,
        evidence_after,
        evidence: None,
    }
}

/// Instance class of a test by hand on a resource without a restore-test rule to take it from.
const DEFAULT_CLASS: &str = "db.t4g.medium";
/// The class of members that Aurora Serverless v2 sizes (source: Aurora User Guide, "Creating a DB cluster that uses Aurora Serverless v2").
const SERVERLESS: &str = "db.serverless";
/// What a room of that class may use where the source's own range is not known: from the least there is to 16 ACUs, about the memory of a
/// `db.r6g.xlarge`.
const DEFAULT_CAPACITY: ServerlessCapacity = ServerlessCapacity { min_half_acus: 1, max_half_acus: 32 };
/// Deadline of a test by hand on a resource without a restore-test rule to take it from.
const DEFAULT_DEADLINE: SignedDuration = SignedDuration::from_hours(4);

/// What to tell people when a test is due and there is nothing to restore.
#[must_use]
pub fn nothing_to_restore(plan: &Plan, resource: &Resource, test: &DueTest, why: &NoSource, now: Timestamp) -> Finding {
    let next_step = match why {
        NoSource::Kind(_) => {
            "leave the rule out until it is carried out, or write it for a DB instance or a DB cluster"
        }
        NoSource::NoneAvailable(_) => {
            "look for recovery points of it in RDS, and at the incidents of its snapshot rules"
        }
        NoSource::NotThere { .. } | NoSource::NotAvailable(_) | NoSource::OfAnother { .. } => {
            "name a recovery point of it that is there and available"
        }
        NoSource::NoDatabase(..) | NoSource::ElsewhereInTime(_) => {
            "restore a recovery point instead, or name the database and the region where it stands"
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
        part: proof.part(test.rule.is_some()),
        title: format!("restore test {} cannot begin: {why}", test.run),
        threatens: format!("{} may have no backup that can be restored", test.resource),
        next_step: next_step.into(),
        facts: vec![("due".into(), test.slot.instant().to_string())],
        seen_at: now,
    }
}

#[cfg(test)]
mod tests;
