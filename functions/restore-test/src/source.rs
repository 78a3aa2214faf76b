//! Where from: which recovery point a restore test restores. Pure.
//!
//! Recovery points of ours are known by their tags, also as copies in another region. Those of others carry none of ours and are known by
//! the database that they were taken of and by who made them; they are read, and never touched.

use std::fmt;

use holdfast_domain::inventory::{
    AutomatedBackups, Database, DatabaseKind, DbCluster, DbInstance, DbSnapshot, DbSnapshotStatus, MadeBy,
    ServerlessCapacity,
};
use holdfast_domain::plan::{ExternalMaker, Plan, Resource, RestoreFrom};
use holdfast_domain::{DbSnapshotId, Region, ResourceName, RuleName, RunId, slot, tags};
use holdfast_ledger::{Fingerprint, Maker, RecoveryPoint, RunSource};
use jiff::{SignedDuration, Timestamp};

/// The most recovery points that an answer names.
const NAMED_MAX: usize = 5;

/// What was seen where a recovery point may be.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// Every DB snapshot of the region in which the room would stand; of a cluster, every DB cluster snapshot.
    pub snapshots: &'a [DbSnapshot],
    /// What stands in the region of the resource; `None` if that could not be seen.
    pub standing: Option<Standing<'a>>,
}

/// Databases of a region.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Every DB instance.
    pub instances: &'a [DbInstance],
    /// Every DB cluster.
    pub clusters: &'a [DbCluster],
}

/// The database that a resource is, as far as it stands: what a continuous backup and a fingerprint need of it.
#[derive(Debug, Clone, Copy)]
struct Origin<'a> {
    arn: &'a str,
    engine: &'a str,
    engine_version: &'a str,
    parameter_group: Option<&'a str>,
    option_group: Option<&'a str>,
    serverless: Option<ServerlessCapacity>,
    latest_restorable_at: Option<Timestamp>,
    backups: AutomatedBackups,
}

impl<'a> Sight<'a> {
    fn origin(self, database: &Database) -> Option<Origin<'a>> {
        let standing = self.standing?;
        match database {
            Database::Instance(id) => {
                let found = standing.instances.iter().find(|instance| instance.id == *id)?;
                Some(Origin {
                    arn: &found.arn,
                    engine: &found.engine,
                    engine_version: &found.engine_version,
                    parameter_group: found.parameter_group.as_deref(),
                    option_group: found.option_group.as_deref(),
                    serverless: None,
                    latest_restorable_at: found.latest_restorable_at,
                    backups: found.backups,
                })
            }
            Database::Cluster(id) => {
                let found = standing.clusters.iter().find(|cluster| cluster.id == *id)?;
                Some(Origin {
                    arn: &found.arn,
                    engine: &found.engine,
                    engine_version: &found.engine_version,
                    parameter_group: found.parameter_group.as_deref(),
                    option_group: None,
                    serverless: found.serverless,
                    latest_restorable_at: found.latest_restorable_at,
                    backups: found.backups,
                })
            }
        }
    }
}

/// What the resource's members of class `db.serverless` may use, where the resource stands and has any.
#[must_use]
pub fn serverless(resource: &Resource, sight: Sight<'_>) -> Option<ServerlessCapacity> {
    sight.origin(&Database::of(&resource.target)?)?.serverless
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The plan's name of the resource.
    pub name: &'a ResourceName,
    /// The resource.
    pub resource: &'a Resource,
    /// Where the room would stand.
    pub region: &'a Region,
    /// From which recovery point.
    pub from: &'a RestoreFrom,
    /// For which run: what chance would decide, its id does.
    pub run: &'a RunId,
    /// Only recovery points that serve this rule, if it is named.
    pub serving: Option<&'a RuleName>,
}

/// Why there is nothing to restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSource {
    /// Restore tests of this kind of resource are not carried out.
    Kind(&'static str),
    /// No recovery point of this resource is available there.
    NoneAvailable(Region),
    /// No recovery point of that name.
    NotThere {
        /// What was asked for.
        id: DbSnapshotId,
        /// Where.
        region: Region,
        /// The newest that there are.
        known: Vec<String>,
    },
    /// It is there, and is not available.
    NotAvailable(DbSnapshotId),
    /// It is of another database.
    OfAnother {
        /// What was asked for.
        id: DbSnapshotId,
        /// What it was taken of.
        of: String,
    },
    /// A point in time is wanted of a database that does not stand there.
    NoDatabase(Database, Region),
    /// A point in time is wanted in another region.
    ElsewhereInTime(Region),
    /// A point in time is wanted of a database without a continuous backup.
    NotContinuous(Database),
    /// The instant is not, or not yet, or no longer, within the continuous backup.
    OutOfReach {
        /// The instant.
        at: Timestamp,
        /// From when on it reaches.
        earliest: Timestamp,
        /// Up to when it reaches.
        latest: Timestamp,
    },
}

impl fmt::Display for NoSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "restore tests of a resource of kind {kind} are not carried out yet"),
            Self::NoneAvailable(region) => write!(f, "no recovery point of it is available in {region}"),
            Self::NotThere { id, region, known } if known.is_empty() => {
                write!(f, "there is no recovery point {id} in {region}, and no other of it")
            }
            Self::NotThere { id, region, known } => {
                write!(f, "there is no recovery point {id} in {region}; the newest of it are {}", known.join(", "))
            }
            Self::NotAvailable(id) => {
                write!(f, "the recovery point {id} is not available; try again when RDS shows it so")
            }
            Self::OfAnother { id, of } => write!(f, "the recovery point {id} is of {of}"),
            Self::NoDatabase(database, region) => {
                write!(f, "a point in time is restored from the {database}, which does not stand in {region}")
            }
            Self::ElsewhereInTime(region) => {
                write!(f, "a point in time can be restored in {region} alone, where the resource stands")
            }
            Self::NotContinuous(database) => {
                write!(f, "the {database} has no continuous backup; its automated backups are off")
            }
            Self::OutOfReach { at, earliest, latest } => {
                write!(f, "{at} is out of reach: the continuous backup goes from {earliest} to before {latest}")
            }
        }
    }
}

/// Finds what is wanted. The order in which things were listed does not matter.
///
/// # Errors
/// Why there is none.
pub fn choose(wanted: &Wanted<'_>, sight: Sight<'_>, now: Timestamp) -> Result<RunSource, NoSource> {
    let Some(database) = Database::of(&wanted.resource.target) else {
        return Err(NoSource::Kind(wanted.resource.target.kind().as_str()));
    };
    let none = || NoSource::NoneAvailable(wanted.region.clone());
    match wanted.from {
        RestoreFrom::Latest => {
            newest(wanted, sight.snapshots).map(|found| of_snapshot(wanted, sight, found)).ok_or_else(none)
        }
        RestoreFrom::Oldest => {
            let oldest = candidates(wanted, sight.snapshots).min_by_key(|found| (found.taken_at, &found.id));
            oldest.map(|found| of_snapshot(wanted, sight, found)).ok_or_else(none)
        }
        RestoreFrom::Random => {
            // The lot falls to the lowest hash of run and recovery point: each is as likely, and every trigger draws the same.
            let lot = |found: &&DbSnapshot| slot::short_hash(&[wanted.run.as_str(), found.id.as_str()]);
            let drawn = candidates(wanted, sight.snapshots).min_by_key(|found| (lot(found), &found.id));
            drawn.map(|found| of_snapshot(wanted, sight, found)).ok_or_else(none)
        }
        RestoreFrom::Chosen(id) => chosen(wanted, sight, id),
        RestoreFrom::Pitr => point_in_time(wanted, sight, database, None, now),
        RestoreFrom::Time(at) => point_in_time(wanted, sight, database, Some(*at), now),
    }
}

/// Whether it is an instant of the continuous backup, for which the database itself must be seen.
#[must_use]
pub fn is_in_time(from: &RestoreFrom) -> bool {
    match from {
        RestoreFrom::Pitr | RestoreFrom::Time(_) => true,
        RestoreFrom::Latest | RestoreFrom::Random | RestoreFrom::Oldest | RestoreFrom::Chosen(_) => false,
    }
}

/// The newest recovery point that is available, if there is one.
#[must_use]
pub fn newest<'a>(wanted: &Wanted<'_>, snapshots: &'a [DbSnapshot]) -> Option<&'a DbSnapshot> {
    candidates(wanted, snapshots).max_by_key(|found| (found.taken_at, &found.id))
}

/// Every recovery point of the resource that can be restored.
fn candidates<'a>(wanted: &Wanted<'_>, snapshots: &'a [DbSnapshot]) -> impl Iterator<Item = &'a DbSnapshot> {
    snapshots
        .iter()
        .filter(|found| found.status == DbSnapshotStatus::Available && found.taken_at.is_some())
        .filter(|found| is_proved_by(wanted, found))
        .filter(|found| wanted.serving.is_none_or(|rule| tags::serve(&found.tags, rule)))
}

/// Whether it is one of those that the plan wants proved.
fn is_proved_by(wanted: &Wanted<'_>, found: &DbSnapshot) -> bool {
    let ours = is_ours(wanted, found);
    let Some(external) = wanted.resource.external else {
        return ours && tags::name_resource(&found.tags, wanted.name);
    };
    is_of_it(wanted, found)
        && match external.by {
            ExternalMaker::Any => true,
            ExternalMaker::Rds => found.made_by == MadeBy::Rds,
            ExternalMaker::AwsBackup => found.made_by == MadeBy::AwsBackup,
            ExternalMaker::Manual => found.made_by == MadeBy::Call && !ours,
        }
}

fn is_ours(wanted: &Wanted<'_>, found: &DbSnapshot) -> bool {
    tags::are_ours(&found.tags, &wanted.plan.name, &wanted.plan.environment)
}

fn is_of_it(wanted: &Wanted<'_>, found: &DbSnapshot) -> bool {
    Database::of(&wanted.resource.target).is_some_and(|database| found.is_of(&database))
}

/// A chosen one may be anybody's, if only it is of this database: whoever names it knows why.
fn chosen(wanted: &Wanted<'_>, sight: Sight<'_>, id: &DbSnapshotId) -> Result<RunSource, NoSource> {
    let Some(found) = sight.snapshots.iter().find(|found| found.id == *id) else {
        let mut known: Vec<&DbSnapshot> = candidates(wanted, sight.snapshots).collect();
        known.sort_by_key(|found| std::cmp::Reverse((found.taken_at, &found.id)));
        let known = known.iter().take(NAMED_MAX).map(|found| found.id.to_string()).collect();
        return Err(NoSource::NotThere { id: id.clone(), region: wanted.region.clone(), known });
    };
    let of_this = is_of_it(wanted, found) || is_ours(wanted, found) && tags::name_resource(&found.tags, wanted.name);
    if !of_this {
        return Err(NoSource::OfAnother { id: id.clone(), of: format!("{} {}", found.kind, found.database) });
    }
    if found.status != DbSnapshotStatus::Available || found.taken_at.is_none() {
        return Err(NoSource::NotAvailable(id.clone()));
    }
    Ok(of_snapshot(wanted, sight, found))
}

fn of_snapshot(wanted: &Wanted<'_>, sight: Sight<'_>, found: &DbSnapshot) -> RunSource {
    let origin = Database::of(&wanted.resource.target).and_then(|database| sight.origin(&database));
    let made_by = match found.made_by {
        MadeBy::Rds => Maker::Rds,
        MadeBy::AwsBackup => Maker::AwsBackup,
        MadeBy::Call | MadeBy::Other if is_ours(wanted, found) => Maker::Holdfast,
        MadeBy::Call | MadeBy::Other => Maker::Somebody,
    };
    RunSource {
        from: wanted.from.clone(),
        point: match found.kind {
            DatabaseKind::Instance => RecoveryPoint::DbSnapshot { id: found.id.clone() },
            DatabaseKind::Cluster => RecoveryPoint::DbClusterSnapshot { id: found.id.clone() },
        },
        arn: found.arn.clone(),
        made_by,
        // Candidates have one; what has none is not available.
        taken_at: found.taken_at.unwrap_or(Timestamp::UNIX_EPOCH),
        fingerprint: Fingerprint {
            engine: found.engine.clone(),
            engine_version: found.engine_version.clone(),
            parameter_group: origin.and_then(|origin| origin.parameter_group).map(str::to_owned),
            option_group: found.option_group.clone(),
        },
        size_bytes: found.size_bytes,
    }
}

/// An instant of the continuous backup; the last one that RDS takes, if none is named.
fn point_in_time(
    wanted: &Wanted<'_>,
    sight: Sight<'_>,
    database: Database,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Result<RunSource, NoSource> {
    if *wanted.region != wanted.resource.region {
        return Err(NoSource::ElsewhereInTime(wanted.resource.region.clone()));
    }
    let Some(origin) = sight.origin(&database) else {
        return Err(NoSource::NoDatabase(database, wanted.region.clone()));
    };
    let Some(latest) = origin.latest_restorable_at else {
        return Err(NoSource::NotContinuous(database));
    };
    // RDS takes an instant to the second, and only one *before* the latest restorable time (source: RDS API Reference,
    // `RestoreDBInstanceToPointInTime`, `RestoreDBClusterToPointInTime`).
    let last = Timestamp::from_second(latest.as_second()).unwrap_or(latest) - SignedDuration::from_secs(1);
    let at = at.map_or(last, |at| Timestamp::from_second(at.as_second()).unwrap_or(at));
    // How far back it reaches is the retention of its automated backups; where RDS does not tell that, RDS is the judge.
    let reach = origin.backups.reach();
    let earliest = if reach.is_zero() { Timestamp::MIN } else { now - reach };
    if at > last || at < earliest {
        return Err(NoSource::OutOfReach { at, earliest, latest });
    }
    Ok(RunSource {
        from: wanted.from.clone(),
        point: match database {
            Database::Instance(instance) => RecoveryPoint::PointInTime { instance, at },
            Database::Cluster(cluster) => RecoveryPoint::ClusterPointInTime { cluster, at },
        },
        arn: origin.arn.to_owned(),
        made_by: Maker::Rds,
        taken_at: at,
        fingerprint: Fingerprint {
            engine: origin.engine.to_owned(),
            engine_version: origin.engine_version.to_owned(),
            parameter_group: origin.parameter_group.map(str::to_owned),
            option_group: origin.option_group.map(str::to_owned),
        },
        size_bytes: None,
    })
}

#[cfg(test)]
mod tests;
