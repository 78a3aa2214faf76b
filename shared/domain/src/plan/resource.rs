//! What is protected, where it stands, and what must be kept of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::alerts::Routes;
use super::checks::Checks;
use super::rules::{CopyRule, External, Pitr, RestoreTestRule, SnapshotRule, TierRule};
use crate::names::{BucketName, DbClusterId, DbInstanceId, OwnerName, Region, RuleName, SecretName, StreamName};

/// Something protected.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// What it is and AWS's name of it.
    pub target: Target,
    /// Where it stands.
    pub region: Region,
    /// Whom it concerns.
    pub owner: Option<OwnerName>,
    /// Where its runbook stands.
    pub runbook: Option<String>,
    /// When its turn comes in a recovery.
    pub priority: Priority,
    /// What must be kept.
    pub objectives: Objectives,
    /// Regions that its copies may enter; every region if empty.
    pub regions_allowed: BTreeSet<Region>,
    /// The compliance stream it belongs to.
    pub stream: Option<StreamName>,
    /// Whether recovery points must be encrypted with a key.
    pub encrypted: bool,
    /// A replica that can be promoted.
    pub standby: Option<Standby>,
    /// Continuous backup, which AWS makes and we watch.
    pub pitr: Option<Pitr>,
    /// Recovery points that we take.
    pub snapshots: BTreeMap<RuleName, SnapshotRule>,
    /// Whether two of its snapshots may run at once.
    pub overlap: Overlap,
    /// Recovery points that somebody else takes, and we only prove; then there are no `snapshots`.
    pub external: Option<External>,
    /// Where recovery points are carried.
    pub copies: Vec<CopyRule>,
    /// When they move to colder storage, earliest first.
    pub tiers: Vec<TierRule>,
    /// How a bucket keeps its own versions.
    pub bucket: Option<BucketPolicy>,
    /// Restores that prove recovery points.
    pub restore_tests: BTreeMap<RuleName, RestoreTestRule>,
    /// What a restored copy must satisfy.
    pub checks: Checks,
    /// Routes of this resource's findings, in place of the plan's.
    pub routes: Routes,
}

impl Resource {
    /// A resource of which nothing more is said.
    #[must_use]
    pub fn new(target: Target, region: Region, objectives: Objectives) -> Self {
        Self {
            target,
            region,
            owner: None,
            runbook: None,
            priority: Priority::default(),
            objectives,
            regions_allowed: BTreeSet::new(),
            stream: None,
            encrypted: false,
            standby: None,
            pitr: None,
            snapshots: BTreeMap::new(),
            overlap: Overlap::default(),
            external: None,
            copies: Vec::new(),
            tiers: Vec::new(),
            bucket: None,
            restore_tests: BTreeMap::new(),
            checks: Checks::default(),
            routes: Routes::default(),
        }
    }

    /// The DB instance, if it is one.
    #[must_use]
    pub fn db_instance(&self) -> Option<&DbInstanceId> {
        match &self.target {
            Target::RdsInstance(id) => Some(id),
            Target::AuroraCluster(_)
            | Target::DocDbCluster(_)
            | Target::Bucket(_)
            | Target::TerraformState(_)
            | Target::Secrets(_)
            | Target::Redis(_)
            | Target::PostgresDump(_)
            | Target::MongoDump(_) => None,
        }
    }

    /// The DB cluster, if it is one.
    #[must_use]
    pub fn db_cluster(&self) -> Option<&DbClusterId> {
        match &self.target {
            Target::AuroraCluster(id) | Target::DocDbCluster(id) => Some(id),
            Target::RdsInstance(_)
            | Target::Bucket(_)
            | Target::TerraformState(_)
            | Target::Secrets(_)
            | Target::Redis(_)
            | Target::PostgresDump(_)
            | Target::MongoDump(_) => None,
        }
    }
}

/// What is protected, under AWS's name of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An RDS DB instance.
    RdsInstance(DbInstanceId),
    /// An Aurora DB cluster.
    AuroraCluster(DbClusterId),
    /// A DocumentDB cluster.
    DocDbCluster(DbClusterId),
    /// An S3 bucket.
    Bucket(BucketName),
    /// The bucket that holds Terraform's state.
    TerraformState(BucketName),
    /// Secrets in Secrets Manager whose names begin with this.
    Secrets(String),
    /// An ElastiCache replication group.
    Redis(String),
    /// A PostgreSQL anywhere, by logical dumps; the secret holds its connection string.
    PostgresDump(SecretName),
    /// A MongoDB anywhere, by logical dumps; the secret holds its connection string.
    MongoDump(SecretName),
}

impl Target {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::RdsInstance(_) => ResourceKind::RdsInstance,
            Self::AuroraCluster(_) => ResourceKind::AuroraCluster,
            Self::DocDbCluster(_) => ResourceKind::DocDbCluster,
            Self::Bucket(_) => ResourceKind::Bucket,
            Self::TerraformState(_) => ResourceKind::TerraformState,
            Self::Secrets(_) => ResourceKind::Secrets,
            Self::Redis(_) => ResourceKind::Redis,
            Self::PostgresDump(_) => ResourceKind::PostgresDump,
            Self::MongoDump(_) => ResourceKind::MongoDump,
        }
    }

    /// AWS's name of it.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::RdsInstance(id) => id.as_str(),
            Self::AuroraCluster(id) | Self::DocDbCluster(id) => id.as_str(),
            Self::Bucket(name) | Self::TerraformState(name) => name.as_str(),
            Self::Secrets(text) | Self::Redis(text) => text,
            Self::PostgresDump(secret) | Self::MongoDump(secret) => secret.as_str(),
        }
    }
}

/// Kinds of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// An RDS DB instance.
    RdsInstance,
    /// An Aurora DB cluster.
    AuroraCluster,
    /// A DocumentDB cluster.
    DocDbCluster,
    /// An S3 bucket.
    Bucket,
    /// The bucket that holds Terraform's state.
    TerraformState,
    /// Secrets in Secrets Manager.
    Secrets,
    /// An ElastiCache replication group.
    Redis,
    /// A PostgreSQL outside RDS.
    PostgresDump,
    /// A MongoDB outside DocumentDB.
    MongoDump,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::RdsInstance,
        Self::AuroraCluster,
        Self::DocDbCluster,
        Self::Bucket,
        Self::TerraformState,
        Self::Secrets,
        Self::Redis,
        Self::PostgresDump,
        Self::MongoDump,
    ];

    /// The plan's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RdsInstance => "rds-instance",
            Self::AuroraCluster => "aurora-cluster",
            Self::DocDbCluster => "docdb-cluster",
            Self::Bucket => "bucket",
            Self::TerraformState => "terraform-state",
            Self::Secrets => "secrets",
            Self::Redis => "redis",
            Self::PostgresDump => "postgres-dump",
            Self::MongoDump => "mongo-dump",
        }
    }
}

/// Recovery objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objectives {
    /// Recovery point objective: the most data, in time, that may be lost with the instance.
    pub rpo: SignedDuration,
    /// Recovery time objective: the longest that a recovery of the instance may take.
    pub rto: SignedDuration,
    /// The same for the loss of the whole region, if anything is promised for it.
    pub region: Option<LossObjectives>,
    /// The same for the loss of the account: its deletion, or somebody with its keys.
    pub account: Option<LossObjectives>,
}

/// Objectives for one sort of loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossObjectives {
    /// Recovery point objective.
    pub rpo: SignedDuration,
    /// Recovery time objective.
    pub rto: SignedDuration,
}

/// When a resource's turn comes in a recovery: 1 first, 4 last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u8);

impl Priority {
    /// The last to be recovered.
    pub const LAST: u8 = 4;

    /// A priority from 1 to [`Priority::LAST`].
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (1..=Self::LAST).contains(&number).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    /// What says nothing of itself comes neither first nor last.
    fn default() -> Self {
        Self(3)
    }
}

/// A replica that can be promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standby {
    /// AWS's name of it.
    pub id: String,
    /// Where it stands.
    pub region: Region,
    /// How far it may lag behind.
    pub lag_max: SignedDuration,
}

/// Whether two snapshots of one resource may run at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overlap {
    /// They may be planned so; RDS makes one after the other.
    #[default]
    Allowed,
    /// A slot waits until the recovery point before it is complete.
    Forbidden,
}

/// How a bucket keeps its own versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketPolicy {
    /// How long older versions are kept; versioning is on then.
    pub versions_keep: Option<SignedDuration>,
    /// How long nobody can delete a version (Object Lock, compliance mode).
    pub lock: Option<SignedDuration>,
    /// Whether deleting a version needs MFA.
    pub mfa_delete: bool,
}
