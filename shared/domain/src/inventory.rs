//! What was seen in AWS, in our words. An observation is complete or it is an error; a part is never passed off as the whole.

use jiff::Timestamp;

use crate::names::{DbInstanceId, DbSnapshotId, Region};
use crate::tags::Tags;

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
    pub status: DbInstanceStatus,
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
    /// Its tags.
    pub tags: Tags,
}

/// A DB instance's status (source: RDS User Guide, "Viewing Amazon RDS DB instance status").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbInstanceStatus {
    /// `available`: it serves, and it can be modified, snapshotted, deleted.
    Available,
    /// It serves, but work is under way that refuses a snapshot: `backing-up`, `modifying`, `rebooting`, …
    Busy(String),
    /// `deleting`.
    Deleting,
    /// It will not come up by itself: `restore-error`, `incompatible-network`, `storage-full`, … AWS's own waiters hang on these.
    Broken(String),
    /// `stopped`, `stopping`.
    Stopped(String),
    /// A word we do not know. Unknown is not healthy, and not a failure either: deadlines judge it.
    Unknown(String),
}

impl DbInstanceStatus {
    /// Reads RDS's word.
    #[must_use]
    pub fn read(word: &str) -> Self {
        match word {
            "available" | "storage-optimization" => Self::Available,
            "deleting" => Self::Deleting,
            "stopped" | "stopping" => Self::Stopped(word.into()),
            "backing-up"
            | "backtracking"
            | "configuring-enhanced-monitoring"
            | "configuring-iam-database-auth"
            | "configuring-log-exports"
            | "converting-to-vpc"
            | "creating"
            | "maintenance"
            | "modifying"
            | "moving-to-vpc"
            | "rebooting"
            | "renaming"
            | "resetting-master-credentials"
            | "starting"
            | "storage-config-upgrade"
            | "storage-initialization"
            | "upgrading"
            | "delete-precheck" => Self::Busy(word.into()),
            "failed"
            | "inaccessible-encryption-credentials"
            | "inaccessible-encryption-credentials-recoverable"
            | "incompatible-create"
            | "incompatible-network"
            | "incompatible-option-group"
            | "incompatible-parameters"
            | "incompatible-restore"
            | "insufficient-capacity"
            | "restore-error"
            | "storage-full" => Self::Broken(word.into()),
            _ => Self::Unknown(word.into()),
        }
    }

    /// RDS's word again, for people.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Available => "available",
            Self::Deleting => "deleting",
            Self::Busy(word) | Self::Broken(word) | Self::Stopped(word) | Self::Unknown(word) => word,
        }
    }
}

/// An RDS DB snapshot as `DescribeDBSnapshots` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbSnapshot {
    /// Region it lies in.
    pub region: Region,
    /// Its identifier.
    pub id: DbSnapshotId,
    /// Its ARN.
    pub arn: String,
    /// The instance it was taken of; the instance may be gone.
    pub instance: String,
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
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Size of a full snapshot in bytes (`FullSnapshotSizeInBytes`); never AllocatedStorage, which says nothing about the data.
    pub size_bytes: Option<u64>,
    /// Its tags.
    pub tags: Tags,
}

/// A DB snapshot's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbSnapshotStatus {
    /// Being made.
    Creating,
    /// It can be restored.
    Available,
    /// It will never be.
    Failed,
    /// Any other word of RDS.
    Other(String),
}

impl DbSnapshotStatus {
    /// Reads RDS's word.
    #[must_use]
    pub fn read(word: &str) -> Self {
        match word {
            "creating" | "pending" => Self::Creating,
            "available" => Self::Available,
            "failed" => Self::Failed,
            _ => Self::Other(word.into()),
        }
    }
}

/// Who made a snapshot (`SnapshotType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeBy {
    /// `manual`: an API call, ours or somebody's.
    Call,
    /// `automated`: RDS's own backup.
    Rds,
    /// `awsbackup`: AWS Backup.
    AwsBackup,
    /// Shared, public, or a word we do not know.
    Other,
}
