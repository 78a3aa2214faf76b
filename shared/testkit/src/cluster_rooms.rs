//! Rooms that are clusters: the port for them on the in-memory cloud, and the hands that tests have on it.

use std::future::{Future, ready};

use holdfast_domain::inventory::{
    AutomatedBackups, Database, DbCluster, DbInstance, DbSnapshot, DbSnapshotStatus, DbStatus,
};
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId, Region};
use holdfast_ports::{ClusterRooms, ClusterSource, CreateMember, Password, PortErrorKind, RestoreDbCluster};
use jiff::Timestamp;

use crate::memory::{Cluster, Instance, MemoryCloud, Snapshot, State, new_snapshot};
use crate::ports::{Answered, refuse};

impl MemoryCloud {
    /// Backs a cluster up continuously from now on: its latest restorable time follows the clock, a few minutes behind.
    pub fn back_up_cluster_continuously(&self, region: &Region, id: &DbClusterId) {
        let mut state = self.state();
        if let Some(cluster) = state.clusters.get_mut(&(region.clone(), id.clone())) {
            cluster.continuous = true;
        }
        state.settle();
    }

    /// A finished cluster snapshot, taken now of a cluster that is there, with tags.
    pub fn add_cluster_snapshot(&self, region: &Region, id: &DbSnapshotId, cluster: &DbClusterId, tags: Tags) {
        let mut state = self.state();
        let seen = new_snapshot(region, id, &Database::Cluster(cluster.clone()), tags);
        let source = state.clusters.get(&(region.clone(), cluster.clone())).map(|source| &source.seen);
        let engine = source.map_or(seen.engine, |source| source.engine.clone());
        let seen = DbSnapshot { engine, taken_at: Some(state.now), option_group: None, ..seen };
        let seen = DbSnapshot { status: DbSnapshotStatus::Available, ..seen };
        state.cluster_snapshots.insert((region.clone(), id.clone()), Snapshot { seen, becomes: None });
    }

    /// Puts a cluster into a status, for good.
    pub fn set_cluster_status(&self, region: &Region, id: &DbClusterId, status: DbStatus) {
        if let Some(cluster) = self.state().clusters.get_mut(&(region.clone(), id.clone())) {
            cluster.seen.status = status;
            cluster.becomes = None;
        }
    }

    /// Removes a cluster at once, as somebody might by hand.
    pub fn remove_cluster(&self, region: &Region, id: &DbClusterId) {
        self.state().clusters.remove(&(region.clone(), id.clone()));
    }

    /// Every cluster's identifier, in order of region and identifier.
    #[must_use]
    pub fn cluster_ids(&self) -> Vec<DbClusterId> {
        self.state().clusters.keys().map(|(_, id)| id.clone()).collect()
    }

    /// The master password that a cluster was last given.
    #[must_use]
    pub fn cluster_password(&self, region: &Region, id: &DbClusterId) -> Option<Password> {
        self.state().clusters.get(&(region.clone(), id.clone()))?.password.clone()
    }

    /// A call about something that must bear a temporary name; anything else is refused before it is one.
    fn temporary(
        &self,
        operation: &'static str,
        name: &str,
        act: impl FnOnce(&mut State) -> Answered<()>,
    ) -> Answered<()> {
        if name.starts_with(TEMPORARY) {
            self.call(operation, name, |state| {
                act(state)?;
                state.settle();
                Ok(())
            })
        } else {
            refuse(PortErrorKind::Invalid, operation, name, "not a temporary name")
        }
    }
}

impl State {
    /// Carries out what was due until now of clusters.
    pub(crate) fn settle_clusters(&mut self) {
        let now = self.now;
        self.clusters.retain(|_, cluster| {
            if cluster.password_at.is_some_and(|at| at <= now) {
                cluster.password_at = None;
                cluster.seen.password_pending = false;
            }
            if let Some((_, becomes)) = cluster.becomes.take_if(|(at, _)| *at <= now) {
                let Some(status) = becomes else { return false };
                cluster.seen.status = status;
            }
            true
        });
    }
}

impl ClusterRooms for MemoryCloud {
    fn restore_db_cluster(&self, request: &RestoreDbCluster) -> impl Future<Output = Answered<()>> + Send {
        let operation = match &request.source {
            ClusterSource::Snapshot(_) => "rds:RestoreDBClusterFromSnapshot",
            ClusterSource::PointInTime { .. } => "rds:RestoreDBClusterToPointInTime",
        };
        ready(self.temporary(operation, request.id.as_str(), |state| restore(state, request, operation)))
    }

    fn create_member(&self, request: &CreateMember) -> impl Future<Output = Answered<()>> + Send {
        ready(self.temporary("rds:CreateDBInstance", request.id.as_str(), |state| create_member(state, request)))
    }

    fn reset_cluster_password(
        &self,
        region: &Region,
        id: &DbClusterId,
        password: &Password,
    ) -> impl Future<Output = Answered<()>> + Send {
        const OPERATION: &str = "rds:ModifyDBCluster";
        let key = (region.clone(), id.clone());
        ready(self.temporary(OPERATION, id.as_str(), |state| {
            let applied_at = state.now + state.timings.modify;
            match state.clusters.get_mut(&key) {
                None => refuse(PortErrorKind::NotFound, OPERATION, id.as_str(), "no such cluster"),
                Some(cluster) if cluster.seen.status != DbStatus::Available => {
                    refuse(PortErrorKind::InvalidState, OPERATION, id.as_str(), "it is not available")
                }
                Some(cluster) => {
                    cluster.password = Some(password.clone());
                    cluster.password_at = Some(applied_at);
                    cluster.seen.password_pending = true;
                    cluster.seen.backups.retention_days = 1;
                    Ok(())
                }
            }
        }))
    }

    fn delete_member(&self, region: &Region, id: &DbInstanceId) -> impl Future<Output = Answered<()>> + Send {
        let key = (region.clone(), id.clone());
        ready(self.temporary("rds:DeleteDBInstance", id.as_str(), |state| {
            let gone_at = state.now + state.timings.delete;
            if let Some(member) = state.instances.get_mut(&key)
                && member.seen.status != DbStatus::Deleting
            {
                member.seen.status = DbStatus::Deleting;
                member.becomes = Some((gone_at, None));
            }
            Ok(())
        }))
    }

    fn delete_cluster(&self, cluster: &DbCluster) -> impl Future<Output = Answered<()>> + Send {
        const OPERATION: &str = "rds:DeleteDBCluster";
        let key = (cluster.region.clone(), cluster.id.clone());
        ready(self.temporary(OPERATION, cluster.id.as_str(), |state| {
            let gone_at = state.now + state.timings.delete;
            let stands = |instance: &Instance| {
                let seen = &instance.seen;
                let is_member = seen.region == cluster.region && seen.cluster.as_ref() == Some(&cluster.id);
                is_member && seen.status != DbStatus::Deleting
            };
            let has_member = state.instances.values().any(stands);
            match state.clusters.get_mut(&key).filter(|found| found.seen.status != DbStatus::Deleting) {
                Some(_) if has_member => {
                    refuse(PortErrorKind::InvalidState, OPERATION, cluster.id.as_str(), "a member is not going")
                }
                Some(found) => {
                    found.seen.status = DbStatus::Deleting;
                    found.becomes = Some((gone_at, None));
                    Ok(())
                }
                None => Ok(()),
            }
        }))
    }
}

fn restore(state: &mut State, request: &RestoreDbCluster, operation: &'static str) -> Answered<()> {
    let key = (request.region.clone(), request.id.clone());
    if state.clusters.contains_key(&key) {
        return refuse(PortErrorKind::AlreadyExists, operation, request.id.as_str(), "it exists");
    }
    let (engine, engine_version) = match &request.source {
        ClusterSource::Snapshot(snapshot) => {
            let engine = of_snapshot(state, request, snapshot, operation)?;
            // What the request names, as RDS takes it.
            (engine, request.engine_version.clone())
        }
        ClusterSource::PointInTime { cluster, at } => of_point_in_time(state, request, cluster, *at, operation)?,
    };
    let seen = DbCluster {
        region: request.region.clone(),
        id: request.id.clone(),
        arn: format!("arn:aws:rds:{}:000000000000:cluster:{}", request.region, request.id),
        status: DbStatus::Busy("creating".into()),
        engine,
        engine_version,
        master_user: "app".into(),
        database: None,
        password_pending: false,
        modification_pending: false,
        parameter_group: Some(request.parameter_group.clone().unwrap_or_else(|| "default.aurora-postgresql15".into())),
        serverless: request.serverless,
        latest_restorable_at: None,
        backups: AutomatedBackups { retention_days: 1, window: None },
        encrypted: true,
        kms_key: None,
        tags: request.tags.clone(),
    };
    let becomes = Some((state.now + state.timings.restore, Some(DbStatus::Available)));
    state.clusters.insert(key, Cluster { seen, becomes, password: None, password_at: None, continuous: false });
    Ok(())
}

/// The engine of what a cluster snapshot holds, if it can be restored by that name.
fn of_snapshot(
    state: &State,
    request: &RestoreDbCluster,
    snapshot: &DbSnapshotId,
    operation: &'static str,
) -> Answered<String> {
    match state.cluster_snapshots.get(&(request.region.clone(), snapshot.clone())) {
        None => refuse(PortErrorKind::NotFound, operation, snapshot.as_str(), "no such cluster snapshot"),
        Some(found) if found.seen.status != DbSnapshotStatus::Available => {
            refuse(PortErrorKind::InvalidState, operation, snapshot.as_str(), "it is not available")
        }
        Some(found) if found.seen.engine != request.engine => {
            refuse(PortErrorKind::Invalid, operation, snapshot.as_str(), "it is of another engine")
        }
        Some(found) => Ok(found.seen.engine.clone()),
    }
}

/// Engine and version of a cluster whose continuous backup reaches the instant.
fn of_point_in_time(
    state: &State,
    request: &RestoreDbCluster,
    cluster: &DbClusterId,
    at: Timestamp,
    operation: &'static str,
) -> Answered<(String, String)> {
    match state.clusters.get(&(request.region.clone(), cluster.clone())) {
        None => refuse(PortErrorKind::NotFound, operation, cluster.as_str(), "no such cluster"),
        Some(found) if found.seen.latest_restorable_at.is_none_or(|latest| at >= latest) => refuse(
            PortErrorKind::Invalid,
            operation,
            cluster.as_str(),
            "the instant is not before the latest restorable time",
        ),
        Some(found) => Ok((found.seen.engine.clone(), found.seen.engine_version.clone())),
    }
}

fn create_member(state: &mut State, request: &CreateMember) -> Answered<()> {
    const OPERATION: &str = "rds:CreateDBInstance";
    let key = (request.region.clone(), request.id.clone());
    if state.instances.contains_key(&key) {
        return refuse(PortErrorKind::AlreadyExists, OPERATION, request.id.as_str(), "it exists");
    }
    let Some(cluster) = state.clusters.get(&(request.region.clone(), request.cluster.clone())) else {
        return refuse(PortErrorKind::NotFound, OPERATION, request.cluster.as_str(), "no such cluster");
    };
    let of_cluster = &cluster.seen;
    if of_cluster.status == DbStatus::Deleting {
        return refuse(PortErrorKind::InvalidState, OPERATION, request.cluster.as_str(), "the cluster is going");
    }
    if of_cluster.engine != request.engine {
        return refuse(PortErrorKind::Invalid, OPERATION, request.id.as_str(), "its cluster is of another engine");
    }
    if request.instance_class == "db.serverless" && of_cluster.serverless.is_none() {
        return refuse(PortErrorKind::Invalid, OPERATION, request.id.as_str(), "its cluster has no capacity for it");
    }
    let seen = DbInstance {
        region: request.region.clone(),
        id: request.id.clone(),
        arn: format!("arn:aws:rds:{}:000000000000:db:{}", request.region, request.id),
        status: DbStatus::Busy("creating".into()),
        endpoint: None,
        engine: of_cluster.engine.clone(),
        engine_version: of_cluster.engine_version.clone(),
        master_user: of_cluster.master_user.clone(),
        database: of_cluster.database.clone(),
        password_pending: false,
        modification_pending: false,
        deletion_protection: false,
        parameter_group: Some(request.parameter_group.clone().unwrap_or_else(|| "default.aurora-postgresql15".into())),
        option_group: None,
        latest_restorable_at: None,
        backups: of_cluster.backups,
        cluster: Some(request.cluster.clone()),
        encrypted: true,
        kms_key: None,
        tags: request.tags.clone(),
    };
    let becomes = Some((state.now + state.timings.member, Some(DbStatus::Available)));
    state.instances.insert(key, Instance { seen, becomes, password: None, password_at: None, continuous: false });
    Ok(())
}
