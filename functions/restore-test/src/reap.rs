//! The reaper: temporary things that no open run looks after any more. Pure.
//!
//! It goes by what RDS and Secrets Manager list, not by the ledger: a room whose record was lost costs money all the same. It acts on a
//! thing only if the name *and* the tags say that it is ours, and either its deadline has passed or its run is known to be closed; an
//! unknown run whose deadline is still to come may have begun a moment ago. A run that is open looks after its own things, and is given
//! [`LATE_AFTER`] for it: one that cannot be read, or cannot tell its verdict, must not keep its room for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_domain::inventory::{DatabaseKind, DbCluster, DbInstance, DbStatus};
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{Cause, Finding, FindingState, Plan, Region, RunId, SecretName, Severity};
use holdfast_ledger::LateRoom;
use holdfast_ports::ParameterGroupId;
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

/// Everything that stands in every region that was seen.
#[derive(Debug, Default)]
pub struct Standing<'a> {
    /// Every DB instance.
    pub instances: Vec<&'a DbInstance>,
    /// Every DB cluster.
    pub clusters: Vec<&'a DbCluster>,
}

/// What is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leftover<'a> {
    /// A DB instance.
    Instance(&'a DbInstance),
    /// A member of a DB cluster.
    Member(&'a DbInstance),
    /// A DB cluster that has no member any more, or only such as are going.
    Cluster(&'a DbCluster),
}

impl fmt::Display for Leftover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(instance) => write!(f, "{}", instance.id),
            Self::Member(member) => write!(f, "member {}", member.id),
            Self::Cluster(cluster) => write!(f, "cluster {}", cluster.id),
        }
    }
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

/// Rooms to delete: instances and members first, and each cluster once its members are going, for RDS deletes it no sooner.
#[must_use]
pub fn rooms<'a>(plan: &Plan, standing: &Standing<'a>, known: &Known, now: Timestamp) -> Vec<Leftover<'a>> {
    let is_leftover = |name: &str, status: &DbStatus, tags: &Tags| {
        name.starts_with(TEMPORARY) && *status != DbStatus::Deleting && is_over(plan, tags, known, now)
    };
    let instances = standing
        .instances
        .iter()
        .filter(|instance| is_leftover(instance.id.as_str(), &instance.status, &instance.tags))
        .map(|instance| match instance.cluster {
            Some(_) => Leftover::Member(instance),
            None => Leftover::Instance(instance),
        });
    let clusters = standing
        .clusters
        .iter()
        .filter(|cluster| is_leftover(cluster.id.as_str(), &cluster.status, &cluster.tags))
        .filter(|cluster| !has_member(standing, cluster))
        .map(|cluster| Leftover::Cluster(cluster));
    instances.chain(clusters).take(REAPED_MAX).collect()
}

fn has_member(standing: &Standing<'_>, cluster: &DbCluster) -> bool {
    standing.instances.iter().any(|instance| {
        instance.region == cluster.region
            && instance.cluster.as_ref() == Some(&cluster.id)
            && instance.status != DbStatus::Deleting
    })
}

/// Secrets to delete.
#[must_use]
pub fn secrets(plan: &Plan, kept: &BTreeMap<SecretName, Tags>, known: &Known, now: Timestamp) -> Vec<SecretName> {
    let over =
        kept.iter().filter(|(name, tags)| name.as_str().starts_with(TEMPORARY) && is_over(plan, tags, known, now));
    over.map(|(name, _)| name.clone()).take(REAPED_MAX).collect()
}

/// Parameter groups to delete. One whose room stands is in use: it goes after the room.
#[must_use]
pub fn parameter_groups(
    plan: &Plan,
    made: &BTreeMap<ParameterGroupId, Tags>,
    standing: &Standing<'_>,
    known: &Known,
    now: Timestamp,
) -> Vec<ParameterGroupId> {
    let is_used = |group: &ParameterGroupId| {
        let named = |region: &Region, name: &str| *region == group.region && name == group.name;
        match group.kind {
            DatabaseKind::Instance => standing.instances.iter().any(|room| named(&room.region, room.id.as_str())),
            DatabaseKind::Cluster => standing.clusters.iter().any(|room| named(&room.region, room.id.as_str())),
        }
    };
    let over = made.iter().filter(|(group, tags)| {
        group.name.starts_with(TEMPORARY) && is_over(plan, tags, known, now) && !is_used(group)
    });
    over.map(|(group, _)| group.clone()).take(REAPED_MAX).collect()
}

/// Rooms that are still there long after their deadline, whatever was done about them; of a cluster and its member one, for they are one
/// room.
#[must_use]
pub fn late<'a>(plan: &Plan, standing: &Standing<'a>, now: Timestamp) -> Vec<Late<'a>> {
    let instances = standing.instances.iter().map(|instance| Late {
        kind: "DB instance",
        id: instance.id.as_str(),
        region: &instance.region,
        status: &instance.status,
        tags: &instance.tags,
    });
    let clusters = standing.clusters.iter().map(|cluster| Late {
        kind: "DB cluster",
        id: cluster.id.as_str(),
        region: &cluster.region,
        status: &cluster.status,
        tags: &cluster.tags,
    });
    let is_late = |room: &Late<'_>| {
        room.id.starts_with(TEMPORARY)
            && tags::are_ours(room.tags, &plan.name, &plan.environment)
            && deadline(room.tags).is_some_and(|deadline| now >= deadline + LATE_AFTER)
    };
    let mut counted = BTreeSet::new();
    instances.chain(clusters).filter(is_late).filter(|room| counted.insert((room.region, room.id))).collect()
}

/// Of the rooms that people were told of, those that are gone. One in a region that was not seen may stand.
#[must_use]
pub fn gone(
    told: &BTreeMap<String, LateRoom>,
    standing: &Standing<'_>,
    seen: &BTreeSet<&Region>,
) -> BTreeMap<String, LateRoom> {
    let stands = |id: &str, room: &LateRoom| {
        standing.instances.iter().any(|instance| instance.region == room.region && instance.id.as_str() == id)
            || standing.clusters.iter().any(|cluster| cluster.region == room.region && cluster.id.as_str() == id)
    };
    let gone = told.iter().filter(|(id, room)| seen.contains(&room.region) && !stands(id, room));
    gone.map(|(id, room)| (id.clone(), room.clone())).collect()
}

/// What people are told when a room that outlived its deadline is gone at last.
#[must_use]
pub fn is_gone(plan: &Plan, id: &str, room: &LateRoom, now: Timestamp) -> Finding {
    Finding {
        cause: cause_of(plan, id),
        state: FindingState::Resolved,
        severity: Severity::High,
        resource: None,
        part: None,
        title: format!("the temporary database {id} is gone"),
        threatens: String::new(),
        next_step: format!("see in the events of RDS in {} why it took so long", room.region),
        facts: vec![("told of since".into(), room.since.to_string())],
        seen_at: now,
    }
}

fn cause_of(plan: &Plan, room: &str) -> Cause {
    Cause::of_function("restore-test", &format!("{}/{}/room/{room}", plan.name, plan.environment))
}

/// A room that outlives its deadline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Late<'a> {
    kind: &'static str,
    id: &'a str,
    region: &'a Region,
    status: &'a DbStatus,
    tags: &'a Tags,
}

impl Late<'_> {
    /// What is remembered of it, under its name.
    #[must_use]
    pub fn record(&self, now: Timestamp) -> (String, LateRoom) {
        (self.id.to_owned(), LateRoom { region: self.region.clone(), since: now })
    }

    /// What people are told of it.
    #[must_use]
    pub fn finding(&self, plan: &Plan, now: Timestamp) -> Finding {
        let Self { kind, id, region, status, tags } = self;
        Finding {
            cause: cause_of(plan, id),
            state: FindingState::Open,
            severity: Severity::High,
            resource: tags.get(tags::RESOURCE).and_then(|name| name.parse().ok()),
            part: None,
            title: format!("the temporary database {id} outlives its deadline and is {}", status.word()),
            threatens: "a copy of production data stands longer than it must, and costs money".into(),
            next_step: format!("delete the {kind} {id} in {region} by hand, and see why RDS did not"),
            facts: vec![("run".into(), tags.get(tags::RUN).cloned().unwrap_or_default())],
            seen_at: now,
        }
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
