//! What there can be: instances, clusters, their snapshots and backups. Plain data; the rules are in the actions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use super::identity::{ClusterId, ClusterSnapshotId, InstanceId, Region, SnapshotId};
use super::settings::Settings;
use super::statuses::{ClusterStatus, Engine, InstanceStatus, SnapshotStatus, SnapshotType};
use crate::postgres::{Backup, Cluster, Server, WalArchive};

/// Tags of one resource. A key occurs once.
pub(crate) type Tags = BTreeMap<String, String>;

/// What an instance or cluster is, apart from what it is doing; a snapshot remembers it for its restore.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) resource_id: String,
    pub(crate) engine: Engine,
    pub(crate) engine_version: String,
    pub(crate) master_username: String,
    pub(crate) db_name: Option<String>,
    pub(crate) settings: Settings,
    pub(crate) security_groups: Vec<String>,
    pub(crate) tags: Tags,
}

/// A DB instance.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) description: Description,
    pub(crate) status: InstanceStatus,
    /// Why it could not be brought up.
    pub(crate) failure: Option<String>,
    /// Known once it is available.
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) pending: Settings,
    pub(crate) password_pending: bool,
    /// The cluster it is a member of, whose volume it serves.
    pub(crate) member_of: Option<ClusterId>,
    pub(crate) data: Option<Cluster>,
    /// Members of one cluster share one.
    pub(crate) server: Option<Arc<Server>>,
    /// Kept over stops and starts, as an endpoint is on RDS.
    pub(crate) port: Option<u16>,
    /// None while they are disabled, and for members: the cluster has them.
    pub(crate) backups: Option<AutomatedBackups>,
    /// Held by whatever works on the data: operations on one instance, or on one cluster and its members, wait for each other.
    pub(crate) operation: Arc<tokio::sync::Mutex<()>>,
}

impl Instance {
    pub(crate) fn new(id: InstanceId, description: Description) -> Self {
        Self {
            id,
            description,
            status: InstanceStatus::Creating,
            failure: None,
            created_at: None,
            pending: Settings::default(),
            password_pending: false,
            member_of: None,
            data: None,
            server: None,
            port: None,
            backups: None,
            operation: Arc::default(),
        }
    }
}

/// A DB cluster.
#[derive(Debug)]
pub(crate) struct DbCluster {
    pub(crate) id: ClusterId,
    pub(crate) description: Description,
    pub(crate) status: ClusterStatus,
    /// Why it could not be made.
    pub(crate) failure: Option<String>,
    /// Known once it is available.
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) password_pending: bool,
    /// In the order of their creation; the first is the writer.
    pub(crate) members: Vec<InstanceId>,
    /// The data. A server runs on it while there is a member to answer. DocumentDB's clusters have none.
    pub(crate) volume: Option<Cluster>,
    /// Of the last server, so that the endpoint stays.
    pub(crate) port: Option<u16>,
    pub(crate) backups: AutomatedBackups,
    /// The members' too.
    pub(crate) operation: Arc<tokio::sync::Mutex<()>>,
}

impl DbCluster {
    pub(crate) fn new(id: ClusterId, description: Description) -> Self {
        Self {
            id,
            description,
            status: ClusterStatus::Creating,
            failure: None,
            created_at: None,
            password_pending: false,
            members: Vec::new(),
            volume: None,
            port: None,
            backups: AutomatedBackups::default(),
            operation: Arc::default(),
        }
    }
}

/// The automated backups of an instance or cluster, apart from the automated snapshots.
#[derive(Debug, Clone, Default)]
pub(crate) struct AutomatedBackups {
    /// None where there is no server to archive anything.
    pub(crate) archive: Option<Arc<WalArchive>>,
    /// What `LatestRestorableTime` shows: up to then everything is archived.
    pub(crate) latest_restorable: Option<Timestamp>,
    pub(crate) held: bool,
    /// Where they are replicated to, and under which ARN.
    pub(crate) replicas: BTreeMap<Region, String>,
}

/// What DB snapshots and DB cluster snapshots have in common: whose they are, how far they are, and the files.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) kind: SnapshotType,
    pub(crate) status: SnapshotStatus,
    /// Known once the copy begins.
    pub(crate) taken_at: Option<Timestamp>,
    /// From here on archived WAL can be replayed on it. Known once the copy has ended.
    pub(crate) consistent_at: Option<Timestamp>,
    /// Grows while the copy runs.
    pub(crate) bytes_copied: Arc<AtomicU64>,
    pub(crate) bytes_expected: u64,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) tags: Tags,
    pub(crate) files: Arc<SnapshotFiles>,
}

impl Capture {
    pub(crate) fn new(kind: SnapshotType, tags: Tags, files: Backup) -> Self {
        Self {
            kind,
            status: SnapshotStatus::Creating,
            taken_at: None,
            consistent_at: None,
            bytes_copied: Arc::default(),
            bytes_expected: 0,
            size_bytes: None,
            tags,
            files: Arc::new(SnapshotFiles(files)),
        }
    }

    /// What share of the source is copied; 100 only when it is complete.
    pub(crate) fn percent_progress(&self) -> u64 {
        if self.status == SnapshotStatus::Available {
            return 100;
        }
        let copied = self.bytes_copied.load(Ordering::Relaxed);
        (copied * 100 / self.bytes_expected.max(1)).min(99)
    }

    /// Whether WAL can be replayed on it up to `target`.
    pub(crate) fn is_base_for(&self, target: Timestamp) -> bool {
        self.kind == SnapshotType::Automated
            && self.status == SnapshotStatus::Available
            && self.consistent_at.is_some_and(|consistent_at| consistent_at <= target)
    }
}

/// A DB snapshot.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) id: SnapshotId,
    pub(crate) instance_id: InstanceId,
    /// The instance at the time of the snapshot, its tags included.
    pub(crate) source: Description,
    pub(crate) instance_created_at: Option<Timestamp>,
    pub(crate) capture: Capture,
}

/// A DB cluster snapshot.
#[derive(Debug)]
pub(crate) struct ClusterSnapshot {
    pub(crate) id: ClusterSnapshotId,
    pub(crate) cluster_id: ClusterId,
    /// The cluster at the time of the snapshot, its tags included.
    pub(crate) source: Description,
    pub(crate) cluster_created_at: Option<Timestamp>,
    pub(crate) capture: Capture,
}

/// A snapshot's files. They go when the last user goes: a restore that has begun survives the deletion of its snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotFiles(pub(crate) Backup);

impl Drop for SnapshotFiles {
    fn drop(&mut self) {
        if let Err(error) = self.0.remove() {
            tracing::warn!(%error, "a snapshot's files could not be removed");
        }
    }
}
