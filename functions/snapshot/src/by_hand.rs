//! A recovery point that a person asked for. Pure, like every decision here.

use holdfast_domain::inventory::{Database, DatabaseKind, DbSnapshot, DbSnapshotStatus};
use holdfast_domain::plan::{Plan, Resource, SnapshotDue};
use holdfast_domain::tags::{self, Kept};
use holdfast_domain::{DbSnapshotId, ResourceName, slot};
use holdfast_ports::{Class, CreateDbSnapshot};
use holdfast_wire::SnapshotNow;
use thiserror::Error;

use crate::decide;
use crate::observe::RegionInventory;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum ByHand {
    /// Begin it.
    Take(CreateDbSnapshot),
    /// It was begun before: the same request is the same recovery point. Whoever began it may have been killed before writing it down.
    Known(CreateDbSnapshot),
}

/// Why a request is refused. Each says what is allowed.
#[derive(Debug, Error)]
pub enum Refused {
    /// The plan has no such resource.
    #[error("the plan {plan} has no resource {resource}; it has: {known}")]
    UnknownResource {
        /// The plan.
        plan: String,
        /// What was asked for.
        resource: String,
        /// What there is.
        known: String,
    },
    /// No function takes recovery points of such a resource.
    #[error("{0} is no database of RDS, Aurora or DocumentDB: of others no recovery points are taken yet")]
    NoDatabaseKind(ResourceName),
    /// The plan has no such rule on demand.
    #[error("{resource} has no rule {rule} on demand; {allowed}")]
    NoSuchRule {
        /// The resource.
        resource: ResourceName,
        /// The rule.
        rule: String,
        /// What there is.
        allowed: String,
    },
    /// That is no retention.
    #[error("keep: {value:?} {problem}: {wanted}")]
    NoRetention {
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What is wanted.
        wanted: String,
    },
    /// Something that is not ours has its name.
    #[error("{0} exists and is not ours; choose another request name")]
    NameTaken(DbSnapshotId),
    /// The database cannot be snapshotted now; later perhaps.
    #[error("{resource} cannot be snapshotted now: {reason}; ask again later")]
    NotNow {
        /// The resource.
        resource: ResourceName,
        /// Why.
        reason: String,
    },
}

impl Refused {
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::NotNow { .. } => Class::Transient,
            Self::UnknownResource { .. }
            | Self::NoDatabaseKind(_)
            | Self::NoSuchRule { .. }
            | Self::NoRetention { .. }
            | Self::NameTaken(_) => Class::Permanent,
        }
    }
}

/// The resource that a request names.
///
/// # Errors
/// `UnknownResource`, `NoDatabaseKind`.
pub fn resource<'a>(plan: &'a Plan, wanted: &SnapshotNow) -> Result<(&'a Resource, Database), Refused> {
    let resource = plan.resources.get(&wanted.resource).ok_or_else(|| Refused::UnknownResource {
        plan: plan.name.to_string(),
        resource: wanted.resource.to_string(),
        known: list(plan.resources.keys()),
    })?;
    let database = Database::of(&resource.target).ok_or_else(|| Refused::NoDatabaseKind(wanted.resource.clone()))?;
    Ok((resource, database))
}

/// Decides a request. `seen` is the inventory of the resource's region, whole.
///
/// # Errors
/// Why it is refused, and what is allowed.
pub fn decide(plan: &Plan, wanted: &SnapshotNow, seen: &RegionInventory) -> Result<ByHand, Refused> {
    let (resource, database) = self::resource(plan, wanted)?;
    let kept = kept(resource, wanted)?;
    let id = slot::requested_snapshot_id(&plan.name, &plan.environment, &wanted.resource, &wanted.request);
    let named = seen.snapshots.iter().find(|snapshot| snapshot.kind == database.kind() && snapshot.id == id);
    let by = (wanted.request.as_str(), wanted.reason.as_str());
    let tags = tags::of_requested_recovery_point(&plan.name, &plan.environment, &wanted.resource, by, kept);
    let against = against(&database, seen);
    let request = CreateDbSnapshot { region: resource.region.clone(), database, id: id.clone(), tags };
    match (named, against) {
        (Some(snapshot), _) if decide::is_ours(plan, snapshot) => Ok(ByHand::Known(request)),
        (Some(_), _) => Err(Refused::NameTaken(id)),
        (None, Some(reason)) => Err(Refused::NotNow { resource: wanted.resource.clone(), reason }),
        (None, None) => Ok(ByHand::Take(request)),
    }
}

fn kept<'a>(resource: &Resource, wanted: &'a SnapshotNow) -> Result<Kept<'a>, Refused> {
    if let Some(rule) = &wanted.rule {
        let on_demand = |due: &SnapshotDue| *due == SnapshotDue::OnDemand;
        if resource.snapshots.get(rule).is_some_and(|rule| on_demand(&rule.due)) {
            return Ok(Kept::ByRule(rule));
        }
        let there: Vec<_> = resource.snapshots.iter().filter(|(_, rule)| on_demand(&rule.due)).collect();
        let allowed = if there.is_empty() {
            "it has none at all: say `keep` instead, such as \"30d\"".to_owned()
        } else {
            format!("it has: {}", list(there.iter().map(|(name, _)| name)))
        };
        return Err(Refused::NoSuchRule { resource: wanted.resource.clone(), rule: rule.to_string(), allowed });
    }
    // The wire has made sure that there is one of the two.
    let keep = wanted.keep.as_deref().unwrap_or_default();
    match holdfast_plan::read_duration(keep) {
        Ok(_) => Ok(Kept::For(keep)),
        Err((problem, wanted)) => Err(Refused::NoRetention { value: keep.into(), problem, wanted }),
    }
}

/// What speaks against a snapshot right now, in words.
fn against(database: &Database, seen: &RegionInventory) -> Option<String> {
    let databases = seen.databases();
    let Some(standing) = databases.get(database) else { return Some(format!("RDS knows no {database}")) };
    let runs = |snapshot: &&DbSnapshot| snapshot.is_of(database) && snapshot.status == DbSnapshotStatus::Creating;
    if let Some(running) = seen.snapshots.iter().find(runs) {
        return Some(format!("{} is being made of it, and there are never two at once", running.id));
    }
    let kind = match database.kind() {
        DatabaseKind::Instance => "instance",
        DatabaseKind::Cluster => "cluster",
    };
    (!standing.status.takes_snapshots()).then(|| format!("the {kind} is {}", standing.status.word()))
}

fn list<T: ToString>(names: impl Iterator<Item = T>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}
