//! What exists, by account and region, and whether there is room for more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::config::{Quotas, RateLimit};
use super::errors::ApiError;
use super::events::RdsEvent;
use super::identity::{ClusterId, ClusterSnapshotId, InstanceId, Place, SnapshotId};
use super::parameter_groups::{GroupOf, ParameterGroup};
use super::resources::{Capture, ClusterSnapshot, DbCluster, Description, Instance, Snapshot};
use super::settings::Settings;
use super::statuses::SnapshotType;
use super::throttle::Bucket;

/// `DescribeEvents` reaches back 14 days on RDS; here, this many events per region.
const EVENTS_KEPT: usize = 2_000;

/// One account's resources in one region.
#[derive(Debug, Default)]
pub(crate) struct RegionState {
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    pub(crate) snapshots: BTreeMap<SnapshotId, Snapshot>,
    pub(crate) clusters: BTreeMap<ClusterId, DbCluster>,
    pub(crate) cluster_snapshots: BTreeMap<ClusterSnapshotId, ClusterSnapshot>,
    /// Those that somebody made, by their names.
    pub(crate) parameter_groups: BTreeMap<(GroupOf, String), ParameterGroup>,
    /// KMS keys that cannot be used.
    pub(crate) disabled_keys: BTreeSet<String>,
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

    pub(crate) fn cluster(&self, id: &ClusterId) -> Result<&DbCluster, ApiError> {
        self.clusters.get(id).ok_or_else(|| ApiError::cluster_not_found(id))
    }

    pub(crate) fn cluster_mut(&mut self, id: &ClusterId) -> Result<&mut DbCluster, ApiError> {
        self.clusters.get_mut(id).ok_or_else(|| ApiError::cluster_not_found(id))
    }

    pub(crate) fn cluster_snapshot(&self, id: &ClusterSnapshotId) -> Result<&ClusterSnapshot, ApiError> {
        self.cluster_snapshots.get(id).ok_or_else(|| ApiError::cluster_snapshot_not_found(id))
    }

    /// The instances of a cluster.
    pub(crate) fn members_mut(&mut self, id: &ClusterId) -> impl Iterator<Item = &mut Instance> {
        self.instances.values_mut().filter(move |instance| instance.member_of.as_ref() == Some(id))
    }

    /// Forgets the automated snapshots of an instance or cluster, which live no longer than its automated backups.
    pub(crate) fn forget_automated_snapshots(&mut self, resource_id: &str) {
        let stays = |source: &Description, capture: &Capture| {
            source.resource_id != resource_id || capture.kind != SnapshotType::Automated
        };
        self.snapshots.retain(|_, snapshot| stays(&snapshot.source, &snapshot.capture));
        self.cluster_snapshots.retain(|_, snapshot| stays(&snapshot.source, &snapshot.capture));
    }

    /// Refuses what needs a key that cannot be used.
    pub(crate) fn check_key(&self, settings: &Settings) -> Result<(), ApiError> {
        match settings.text("KmsKeyId").filter(|key| self.disabled_keys.contains(*key)) {
            Some(key) => Err(ApiError::key_not_accessible(key)),
            None => Ok(()),
        }
    }

    /// Whether there is room for one more cluster of that name.
    pub(crate) fn check_room_for_cluster(&self, id: &ClusterId, quotas: Quotas) -> Result<(), ApiError> {
        if self.clusters.contains_key(id) {
            return Err(ApiError::cluster_already_exists());
        }
        if self.clusters.len() >= quotas.clusters {
            return Err(ApiError::cluster_quota());
        }
        Ok(())
    }

    /// Whether there is room for one more cluster snapshot of that name.
    pub(crate) fn check_room_for_cluster_snapshot(
        &self,
        id: &ClusterSnapshotId,
        kind: SnapshotType,
        quotas: Quotas,
    ) -> Result<(), ApiError> {
        if self.cluster_snapshots.contains_key(id) {
            return Err(ApiError::cluster_snapshot_already_exists(id));
        }
        let manual =
            self.cluster_snapshots.values().filter(|snapshot| snapshot.capture.kind == SnapshotType::Manual).count();
        if kind == SnapshotType::Manual && manual >= quotas.manual_cluster_snapshots {
            return Err(ApiError::snapshot_quota(quotas.manual_cluster_snapshots));
        }
        Ok(())
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
        let manual = self.snapshots.values().filter(|snapshot| snapshot.capture.kind == SnapshotType::Manual).count();
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
