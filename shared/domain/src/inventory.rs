//! What was seen in AWS, in our words. An observation is complete or it is an error; a part is never passed off as the whole.

mod backups;
mod status;

use std::fmt;

use jiff::Timestamp;

pub use backups::{AutomatedBackups, DailyWindow, ReplicatedBackup};
pub use status::{DbSnapshotStatus, DbStatus, MadeBy};

use crate::names::{DbClusterId, DbInstanceId, DbSnapshotId, Region};
use crate::plan::Target;
use crate::tags::Tags;

/// A database of the RDS family, as its calls name it: what a snapshot is taken of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Database {
    /// A DB instance.
    Instance(DbInstanceId),
    /// A DB cluster: Aurora, or DocumentDB, which answers at the same endpoints with the same calls
    /// (source: AWS General Reference, "Amazon DocumentDB endpoints and quotas"; RDS API Reference, `DescribeDBClusters`).
    Cluster(DbClusterId),
}

impl Database {
    /// The database that a plan's resource is, if it is one of this family.
    #[must_use]
    pub fn of(target: &Target) -> Option<Self> {
        match target {
            Target::RdsInstance(id) => Some(Self::Instance(id.clone())),
            Target::AuroraCluster(id) | Target::DocDbCluster(id) => Some(Self::Cluster(id.clone())),
            Target::Bucket(_)
            | Target::TerraformState(_)
            | Target::Secrets(_)
            | Target::Redis(_)
            | Target::PostgresDump(_)
            | Target::MongoDump(_) => None,
        }
    }

    /// Of which kind.
    #[must_use]
    pub fn kind(&self) -> DatabaseKind {
        match self {
            Self::Instance(_) => DatabaseKind::Instance,
            Self::Cluster(_) => DatabaseKind::Cluster,
        }
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Instance(id) => id.as_str(),
            Self::Cluster(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

/// The two kinds of database. RDS keeps their identifiers, snapshots and calls apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatabaseKind {
    /// A DB instance.
    Instance,
    /// A DB cluster.
    Cluster,
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "DB instance",
            Self::Cluster => "DB cluster",
        })
    }
}

/// Where a database answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// DNS name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// An RDS DB instance as `DescribeDBInstances` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbInstance {
    /// Region it stands in.
    pub region: Region,
    /// Its identifier.
    pub id: DbInstanceId,
    /// Its ARN.
    pub arn: String,
    /// Its status.
    pub status: DbStatus,
    /// Where it answers; absent until RDS has made it.
    pub endpoint: Option<Endpoint>,
    /// `postgres`, `aurora-postgresql`, …
    pub engine: String,
    /// `15.8`, …
    pub engine_version: String,
    /// The master user's name.
    pub master_user: String,
    /// The database created with it, if any.
    pub database: Option<String>,
    /// Whether a new master password waits to be applied.
    pub password_pending: bool,
    /// Whether any other modification waits to be applied.
    pub modification_pending: bool,
    /// Whether deletion is refused until protection is lifted.
    pub deletion_protection: bool,
    /// Its DB parameter group, the first if it has several.
    pub parameter_group: Option<String>,
    /// Its option group, the first if it has several.
    pub option_group: Option<String>,
    /// Up to when it can be restored to a point in time (`LatestRestorableTime`), UTC; absent while it has no automated backups.
    pub latest_restorable_at: Option<Timestamp>,
    /// Its automated backups.
    pub backups: AutomatedBackups,
    /// The DB cluster that it is a member of; the cluster is backed up then, not the instance.
    pub cluster: Option<DbClusterId>,
    /// Whether its storage is encrypted with a key.
    pub encrypted: bool,
    /// Its KMS key, as an ARN.
    pub kms_key: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A DB cluster as `DescribeDBClusters` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbCluster {
    /// Region it stands in.
    pub region: Region,
    /// Its identifier.
    pub id: DbClusterId,
    /// Its ARN.
    pub arn: String,
    /// Its status.
    pub status: DbStatus,
    /// `aurora-postgresql`, `docdb`, …
    pub engine: String,
    /// `15.8`, …
    pub engine_version: String,
    /// The master user's name; its members have no other.
    pub master_user: String,
    /// The database created with it, if any.
    pub database: Option<String>,
    /// Whether a new master password waits to be applied.
    pub password_pending: bool,
    /// Whether any other modification waits to be applied.
    pub modification_pending: bool,
    /// Its DB cluster parameter group.
    pub parameter_group: Option<String>,
    /// What its members of class `db.serverless` may use, if it has any such.
    pub serverless: Option<ServerlessCapacity>,
    /// Up to when it can be restored to a point in time (`LatestRestorableTime`), UTC; absent while it has no automated backups.
    pub latest_restorable_at: Option<Timestamp>,
    /// Its automated backups.
    pub backups: AutomatedBackups,
    /// Whether its storage is encrypted with a key.
    pub encrypted: bool,
    /// Its KMS key, as an ARN.
    pub kms_key: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// How much capacity Aurora Serverless v2 gives each member of class `db.serverless`, in halves of an ACU: RDS counts in steps of 0.5
/// (source: RDS API Reference, `ServerlessV2ScalingConfiguration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerlessCapacity {
    /// The least.
    pub min_half_acus: u16,
    /// The most.
    pub max_half_acus: u16,
}

/// A DB snapshot as `DescribeDBSnapshots` tells it, or a DB cluster snapshot as `DescribeDBClusterSnapshots` does. One type: but for the
/// calls that make them, whoever reads of them asks the same of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbSnapshot {
    /// Region it lies in.
    pub region: Region,
    /// Its identifier.
    pub id: DbSnapshotId,
    /// Its ARN.
    pub arn: String,
    /// Whether it is of an instance or of a cluster.
    pub kind: DatabaseKind,
    /// The instance or cluster it was taken of, by its identifier; it may be gone.
    pub database: String,
    /// Its status.
    pub status: DbSnapshotStatus,
    /// Who made it.
    pub made_by: MadeBy,
    /// The moment whose data it holds, UTC; absent while it is being made.
    pub taken_at: Option<Timestamp>,
    /// `postgres`, …
    pub engine: String,
    /// `15.8`, …
    pub engine_version: String,
    /// Whether it is encrypted with a key.
    pub encrypted: bool,
    /// Its KMS key, as an ARN.
    pub kms_key: Option<String>,
    /// The option group of the instance it was taken of.
    pub option_group: Option<String>,
    /// Size of a full snapshot in bytes (`FullSnapshotSizeInBytes`), which RDS tells of DB snapshots alone; never AllocatedStorage, which
    /// says nothing about the data.
    pub size_bytes: Option<u64>,
    /// Its tags.
    pub tags: Tags,
}

impl DbSnapshot {
    /// Whether it was taken of this database.
    #[must_use]
    pub fn is_of(&self, database: &Database) -> bool {
        self.kind == database.kind() && self.database == database.id()
    }
}
