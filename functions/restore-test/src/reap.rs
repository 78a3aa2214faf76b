//! The reaper: temporary things that no open run looks after any more. Pure.
//!
//! It goes by what RDS and Secrets Manager list, not by the ledger: a room whose record was lost costs money all the same. It acts on a
//! thing only if the name *and* the tags say that it is ours, and either its deadline has passed or its run is known to be closed; an
//! unknown run whose deadline is still to come may have begun a moment ago. A run that is open looks after its own things, and is given
//! [`LATE_AFTER`] for it: one that cannot be read, or cannot tell its verdict, must not keep its room for ever.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::inventory::{DbInstance, DbStatus};
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{Cause, DbInstanceId, Finding, FindingState, Plan, Region, RunId, SecretName, Severity};
use jiff::{SignedDuration, Timestamp};

/// The most rooms that one invocation reaps; the rest waits for the next sweep. A mistake in tags then cannot run away.
pub const REAPED_MAX: usize = 20;

/// How long after its deadline a room that will not go becomes a finding, and no longer is its run's own business.
pub const LATE_AFTER: SignedDuration = SignedDuration::from_mins(30);

/// What is known of runs.
#[derive(Debug, Default)]
pub struct Known {
    /// Runs that are open: their own steps look after their rooms.
    pub open: BTreeSet<RunId>,
    /// Runs that were looked up and are closed.
    pub closed: BTreeSet<RunId>,
}

/// A room to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reap {
    /// Where.
    pub region: Region,
    /// Which.
    pub room: DbInstanceId,
}

/// The runs that temporary things name and that are not open: look these up before reaping.
#[must_use]
pub fn unknown<'a>(plan: &Plan, all: impl IntoIterator<Item = &'a Tags>, open: &BTreeSet<RunId>) -> BTreeSet<RunId> {
    all.into_iter()
        .filter(|tags| tags::are_ours(tags, &plan.name, &plan.environment))
        .filter_map(run_of)
        .filter(|run| !open.contains(run))
        .collect()
}

/// Rooms to delete.
#[must_use]
pub fn rooms<'a>(
    plan: &Plan,
    instances: impl IntoIterator<Item = &'a DbInstance>,
    known: &Known,
    now: Timestamp,
) -> Vec<Reap> {
    let mut reaped: Vec<Reap> = instances
        .into_iter()
        .filter(|instance| instance.id.as_str().starts_with(TEMPORARY) && instance.status != DbStatus::Deleting)
        .filter(|instance| is_over(plan, &instance.tags, known, now))
        .map(|instance| Reap { region: instance.region.clone(), room: instance.id.clone() })
        .collect();
    reaped.truncate(REAPED_MAX);
    reaped
}

/// Secrets to delete.
#[must_use]
pub fn secrets(plan: &Plan, kept: &BTreeMap<SecretName, Tags>, known: &Known, now: Timestamp) -> Vec<SecretName> {
    let over =
        kept.iter().filter(|(name, tags)| name.as_str().starts_with(TEMPORARY) && is_over(plan, tags, known, now));
    over.map(|(name, _)| name.clone()).take(REAPED_MAX).collect()
}

/// Rooms that are still there long after their deadline, whatever was done about them.
#[must_use]
pub fn findings<'a>(plan: &Plan, instances: impl IntoIterator<Item = &'a DbInstance>, now: Timestamp) -> Vec<Finding> {
    let late = |instance: &&DbInstance| {
        instance.id.as_str().starts_with(TEMPORARY)
            && tags::are_ours(&instance.tags, &plan.name, &plan.environment)
            && deadline(&instance.tags).is_some_and(|deadline| now >= deadline + LATE_AFTER)
    };
    instances.into_iter().filter(late).map(|instance| late_room(plan, instance, now)).collect()
}

fn late_room(plan: &Plan, instance: &DbInstance, now: Timestamp) -> Finding {
    let resource = instance.tags.get(tags::RESOURCE).and_then(|name| name.parse().ok());
    Finding {
        cause: Cause::of_function("restore-test", &format!("{}/{}/room/{}", plan.name, plan.environment, instance.id)),
        state: FindingState::Open,
        severity: Severity::High,
        resource,
        title: format!(
            "the temporary database {} outlives its deadline and is {}",
            instance.id,
            instance.status.word()
        ),
        threatens: "a copy of production data stands longer than it must, and costs money".into(),
        next_step: format!(
            "delete the DB instance {} in {} by hand, and see why RDS did not",
            instance.id, instance.region
        ),
        facts: vec![("run".into(), instance.tags.get(tags::RUN).cloned().unwrap_or_default())],
        seen_at: now,
    }
}

fn is_over(plan: &Plan, tags: &Tags, known: &Known, now: Timestamp) -> bool {
    if !tags::are_ours(tags, &plan.name, &plan.environment) {
        return false;
    }
    let Some(run) = run_of(tags) else {
        return false;
    };
    let over_since = |patience: SignedDuration| deadline(tags).is_some_and(|deadline| now >= deadline + patience);
    if known.open.contains(&run) {
        over_since(LATE_AFTER)
    } else {
        known.closed.contains(&run) || over_since(SignedDuration::ZERO)
    }
}

fn run_of(tags: &Tags) -> Option<RunId> {
    tags.get(tags::RUN)?.parse().ok()
}

fn deadline(tags: &Tags) -> Option<Timestamp> {
    tags.get(tags::DEADLINE)?.parse().ok()
}

#[cfg(test)]
mod tests;
