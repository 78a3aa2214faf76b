//! Misfortune on demand.

use std::collections::{BTreeMap, VecDeque};

use super::errors::ApiError;
use super::identity::{ClusterId, InstanceId, Place, Source};
use super::statuses::{ClusterStatus, InstanceStatus};
use crate::postgres::Damage;

/// How a database refuses its clients while RDS calls it available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody listens on the port: the connection is refused.
    PortClosed,
    /// The server answers and turns everybody away.
    LoginRejected,
}

/// How a snapshot goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotFault {
    /// It stays in `creating`.
    Stuck,
    /// It ends in `failed`. RDS sends no event about that.
    Failed,
}

/// Faults waiting for their moment.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    errors: BTreeMap<String, VecDeque<ApiError>>,
    snapshots: BTreeMap<(Place, Source), VecDeque<SnapshotFault>>,
    damages: BTreeMap<(Place, Source), Vec<Damage>>,
    endings: BTreeMap<(Place, InstanceId), InstanceStatus>,
    cluster_endings: BTreeMap<(Place, ClusterId), ClusterStatus>,
    refusals: BTreeMap<(Place, InstanceId), Refusal>,
}

impl Faults {
    pub(crate) fn fail_next(&mut self, action: &str, error: ApiError) {
        self.errors.entry(action.to_owned()).or_default().push_back(error);
    }

    pub(crate) fn take_error(&mut self, action: &str) -> Option<ApiError> {
        self.errors.get_mut(action)?.pop_front()
    }

    pub(crate) fn fail_next_snapshot(&mut self, of: (Place, Source), fault: SnapshotFault) {
        self.snapshots.entry(of).or_default().push_back(fault);
    }

    pub(crate) fn take_snapshot_fault(&mut self, of: &(Place, Source)) -> Option<SnapshotFault> {
        self.snapshots.get_mut(of)?.pop_front()
    }

    pub(crate) fn damage_next_snapshot(&mut self, of: (Place, Source), damage: Damage) {
        self.damages.entry(of).or_default().push(damage);
    }

    pub(crate) fn take_damages(&mut self, of: &(Place, Source)) -> Vec<Damage> {
        self.damages.remove(of).unwrap_or_default()
    }

    pub(crate) fn end_creation_in(&mut self, of: (Place, InstanceId), status: InstanceStatus) {
        self.endings.insert(of, status);
    }

    pub(crate) fn take_ending(&mut self, of: &(Place, InstanceId)) -> Option<InstanceStatus> {
        self.endings.remove(of)
    }

    pub(crate) fn end_cluster_creation_in(&mut self, of: (Place, ClusterId), status: ClusterStatus) {
        self.cluster_endings.insert(of, status);
    }

    pub(crate) fn take_cluster_ending(&mut self, of: &(Place, ClusterId)) -> Option<ClusterStatus> {
        self.cluster_endings.remove(of)
    }

    pub(crate) fn refuse(&mut self, of: (Place, InstanceId), refusal: Option<Refusal>) {
        match refusal {
            Some(refusal) => self.refusals.insert(of, refusal),
            None => self.refusals.remove(&of),
        };
    }

    pub(crate) fn refusal(&self, of: &(Place, InstanceId)) -> Option<Refusal> {
        self.refusals.get(of).copied()
    }
}
