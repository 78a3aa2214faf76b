//! RDS's words for how a thing stands, in ours.

/// How a DB instance or DB cluster stands (source: RDS User Guide, "Viewing Amazon RDS DB instance status"; Aurora User Guide, "DB cluster
/// status"; DocumentDB Developer Guide, "Monitoring an Amazon DocumentDB cluster's status").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbStatus {
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

impl DbStatus {
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
            | "failing-over"
            | "maintenance"
            | "migrating"
            | "modifying"
            | "moving-to-vpc"
            | "promoting"
            | "rebooting"
            | "renaming"
            | "resetting-master-credentials"
            | "starting"
            | "storage-config-upgrade"
            | "storage-initialization"
            | "update-iam-db-auth"
            | "upgrading"
            | "delete-precheck" => Self::Busy(word.into()),
            "cloning-failed"
            | "failed"
            | "inaccessible-encryption-credentials"
            | "inaccessible-encryption-credentials-recoverable"
            | "incompatible-create"
            | "incompatible-network"
            | "incompatible-option-group"
            | "incompatible-parameters"
            | "incompatible-restore"
            | "insufficient-capacity"
            | "migration-failed"
            | "restore-error"
            | "storage-full" => Self::Broken(word.into()),
            _ => Self::Unknown(word.into()),
        }
    }

    /// Whether RDS takes a snapshot of a database that stands so.
    #[must_use]
    pub fn takes_snapshots(&self) -> bool {
        match self {
            Self::Available => true,
            Self::Deleting | Self::Busy(_) | Self::Broken(_) | Self::Stopped(_) | Self::Unknown(_) => false,
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

/// How a DB snapshot or DB cluster snapshot stands.
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
