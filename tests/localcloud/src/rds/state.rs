//! What exists: instances and snapshots, by account and region. Plain data; the rules are in the actions.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;

use super::config::{Quotas, RateLimit};
use super::errors::ApiError;
use super::events::RdsEvent;
use super::identity::{InstanceId, Place, SnapshotId};
use super::settings::Settings;
use super::throttle::Bucket;
use crate::postgres::{Backup, Cluster, Server};

/// `DescribeEvents` reaches back 14 days on RDS; here, this many events per region.
const EVENTS_KEPT: usize = 2_000;

/// Tags of one resource. A key occurs once.
pub(crate) type Tags = BTreeMap<String, String>;

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The status as the API shows it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

statuses!(
    /// "Viewing Amazon RDS DB instance status" (Amazon RDS User Guide).
    InstanceStatus {
        /// Being made, or restored.
        Creating = "creating",
        /// Healthy.
        Available = "available",
        /// A snapshot is being taken.
        BackingUp = "backing-up",
        /// A modification is being applied.
        Modifying = "modifying",
        /// The master password is being changed.
        ResettingMasterCredentials = "resetting-master-credentials",
        /// On its way to `stopped`.
        Stopping = "stopping",
        /// Stopped; the data stays.
        Stopped = "stopped",
        /// On its way back.
        Starting = "starting",
        /// On its way out.
        Deleting = "deleting",
        /// Broken; only deletion helps.
        Failed = "failed",
        /// The data could not be restored.
        IncompatibleRestore = "incompatible-restore",
        /// The restore went wrong.
        RestoreError = "restore-error",
        /// No place in the network.
        IncompatibleNetwork = "incompatible-network",
        /// The option group does not fit.
        IncompatibleOptionGroup = "incompatible-option-group",
        /// The parameter group does not fit.
        IncompatibleParameters = "incompatible-parameters",
        /// No machine of that class.
        InsufficientCapacity = "insufficient-capacity",
        /// The KMS key cannot be used.
        InaccessibleEncryptionCredentials = "inaccessible-encryption-credentials",
        /// No space left.
        StorageFull = "storage-full",
    }
);

statuses!(
    /// A DB snapshot's status.
    SnapshotStatus {
        /// Being taken.
        Creating = "creating",
        /// Complete.
        Available = "available",
        /// Could not be taken.
        Failed = "failed",
    }
);

statuses!(
    /// Who made a snapshot.
    SnapshotType {
        /// A customer.
        Manual = "manual",
        /// RDS, daily.
        Automated = "automated",
        /// AWS Backup.
        AwsBackup = "awsbackup",
    }
);

impl InstanceStatus {
    /// States out of which RDS never comes by itself.
    pub(crate) fn is_broken(self) -> bool {
        match self {
            Self::Failed
            | Self::IncompatibleRestore
            | Self::RestoreError
            | Self::IncompatibleNetwork
            | Self::IncompatibleOptionGroup
            | Self::IncompatibleParameters
            | Self::InsufficientCapacity
            | Self::InaccessibleEncryptionCredentials
            | Self::StorageFull => true,
            Self::Creating
            | Self::Available
            | Self::BackingUp
            | Self::Modifying
            | Self::ResettingMasterCredentials
            | Self::Stopping
            | Self::Stopped
            | Self::Starting
            | Self::Deleting => false,
        }
    }
}

/// What an instance is, apart from what it is doing; a snapshot remembers it for its restore.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) resource_id: String,
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
    pub(crate) cluster: Option<Cluster>,
    pub(crate) server: Option<Arc<Server>>,
    /// Kept over stops and starts, as an endpoint is on RDS.
    pub(crate) port: Option<u16>,
    /// Held by whatever works on the data: operations on one instance wait for each other.
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
            cluster: None,
            server: None,
            port: None,
            operation: Arc::default(),
        }
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
    pub(crate) kind: SnapshotType,
    pub(crate) status: SnapshotStatus,
    /// Known once the copy begins.
    pub(crate) taken_at: Option<Timestamp>,
    /// Grows while the copy runs.
    pub(crate) bytes_copied: Arc<AtomicU64>,
    pub(crate) bytes_expected: u64,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) tags: Tags,
    pub(crate) files: Arc<SnapshotFiles>,
}

impl Snapshot {
    /// What share of the source is copied; 100 only when it is complete.
    pub(crate) fn percent_progress(&self) -> u64 {
        if self.status == SnapshotStatus::Available {
            return 100;
        }
        let copied = self.bytes_copied.load(Ordering::Relaxed);
        (copied * 100 / self.bytes_expected.max(1)).min(99)
    }
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

/// One account's resources in one region.
#[derive(Debug, Default)]
pub(crate) struct RegionState {
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    pub(crate) snapshots: BTreeMap<SnapshotId, Snapshot>,
    /// Oldest first, each with its number.
    pub(crate) events: VecDeque<(u64, RdsEvent)>,
    events_total: u64,
    bucket: Option<Bucket>,
}

impl RegionState {
    pub(crate) fn instance(&self, id: &InstanceId) -> Result<&Instance, ApiError> {
        self.instances.get(id).ok_or_else(|| ApiError::instance_not_found(id))
    }

    pub(crate) fn instance_mut(&mut self, id: &InstanceId) -> Result<&mut Instance, ApiError> {
        self.instances.get_mut(id).ok_or_else(|| ApiError::instance_not_found(id))
    }

    pub(crate) fn snapshot(&self, id: &SnapshotId) -> Result<&Snapshot, ApiError> {
        self.snapshots.get(id).ok_or_else(|| ApiError::snapshot_not_found(id))
    }

    /// Whether there is room for one more instance of that name and size.
    pub(crate) fn check_room_for_instance(
        &self,
        id: &InstanceId,
        storage_gib: u64,
        quotas: Quotas,
    ) -> Result<(), ApiError> {
        if self.instances.contains_key(id) {
            return Err(ApiError::instance_already_exists());
        }
        if self.instances.len() >= quotas.instances {
            return Err(ApiError::instance_quota());
        }
        let allocated_gib: u64 =
            self.instances.values().map(|one| one.description.settings.number("AllocatedStorage")).sum();
        if allocated_gib + storage_gib > quotas.storage_gib {
            return Err(ApiError::storage_quota());
        }
        Ok(())
    }

    /// Whether there is room for one more snapshot of that name.
    pub(crate) fn check_room_for_snapshot(
        &self,
        id: &SnapshotId,
        kind: SnapshotType,
        quotas: Quotas,
    ) -> Result<(), ApiError> {
        if self.snapshots.contains_key(id) {
            return Err(ApiError::snapshot_already_exists(id));
        }
        let manual = self.snapshots.values().filter(|snapshot| snapshot.kind == SnapshotType::Manual).count();
        if kind == SnapshotType::Manual && manual >= quotas.manual_snapshots {
            return Err(ApiError::snapshot_quota(quotas.manual_snapshots));
        }
        Ok(())
    }

    pub(crate) fn remember(&mut self, event: RdsEvent) {
        self.events_total += 1;
        self.events.push_back((self.events_total, event));
        if self.events.len() > EVENTS_KEPT {
            self.events.pop_front();
        }
    }

    pub(crate) fn admit(&mut self, limit: RateLimit, now: Instant) -> bool {
        self.bucket.get_or_insert_with(|| Bucket::full(limit, now)).take(limit, now)
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) regions: BTreeMap<Place, RegionState>,
}

impl State {
    pub(crate) fn region(&mut self, place: &Place) -> &mut RegionState {
        self.regions.entry(place.clone()).or_default()
    }
}
