//! Clusters, and what is taken of databases: the ports for it on the in-memory cloud, and the hands that tests have on it.

use std::future::{Future, ready};

use holdfast_domain::inventory::{
    AutomatedBackups, Database, DatabaseKind, DbCluster, DbInstance, DbSnapshot, DbSnapshotStatus, DbStatus, MadeBy,
    ReplicatedBackup,
};
use holdfast_domain::slot::{OURS, TEMPORARY};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId, Region};
use holdfast_ports::{CreateDbSnapshot, DbClusters, PortErrorKind, ReplicatedBackups, SnapshotTagger, SnapshotTaker};

use crate::memory::{Cluster, MemoryCloud, Snapshot, State, new_snapshot};
use crate::ports::{Answered, refuse};
use crate::rate::Rate;

impl MemoryCloud {
    /// RDS answers at this rate from now on, in virtual time.
    pub fn set_rate(&self, rate: Rate) {
        self.state().rate = Some(rate);
    }

    /// How many manual snapshots a region may have of each kind; without a word, any number.
    pub fn set_snapshots_max(&self, max: usize) {
        self.state().snapshots_max = Some(max);
    }

    /// A cluster that serves, with tags of its owner's.
    pub fn add_cluster(&self, region: &Region, id: &DbClusterId, engine: &str) {
        let family = format!("{engine}{}", if engine == "docdb" { "15.8" } else { "15" });
        self.add_shops_parameter_group(region, DatabaseKind::Cluster, &family);
        let seen = DbCluster {
            region: region.clone(),
            id: id.clone(),
            arn: format!("arn:aws:rds:{region}:000000000000:cluster:{id}"),
            status: DbStatus::Available,
            engine: engine.into(),
            engine_version: "15.8".into(),
            master_user: "app".into(),
            database: None,
            password_pending: false,
            modification_pending: false,
            parameter_group: Some("shop".into()),
            serverless: None,
            latest_restorable_at: None,
            backups: AutomatedBackups { retention_days: 1, window: None },
            encrypted: true,
            kms_key: None,
            tags: Tags::from([("owner".into(), "shop".into())]),
        };
        let cluster = Cluster { seen, becomes: None, password: None, password_at: None, continuous: false };
        self.state().clusters.insert((region.clone(), id.clone()), cluster);
    }

    /// Changes what RDS shows of an instance.
    pub fn edit_instance(&self, region: &Region, id: &DbInstanceId, edit: impl FnOnce(&mut DbInstance)) {
        if let Some(instance) = self.state().instances.get_mut(&(region.clone(), id.clone())) {
            edit(&mut instance.seen);
        }
    }

    /// Changes what RDS shows of a cluster.
    pub fn edit_cluster(&self, region: &Region, id: &DbClusterId, edit: impl FnOnce(&mut DbCluster)) {
        if let Some(cluster) = self.state().clusters.get_mut(&(region.clone(), id.clone())) {
            edit(&mut cluster.seen);
        }
    }

    /// Puts a database into a status, for good.
    pub fn set_database_status(&self, region: &Region, database: &Database, status: DbStatus) {
        match database {
            Database::Instance(id) => self.set_instance_status(region, id, status),
            Database::Cluster(id) => self.set_cluster_status(region, id, status),
        }
    }

    /// Changes what RDS shows of a snapshot, for good.
    pub fn edit_snapshot(&self, region: &Region, id: &DbSnapshotId, edit: impl FnOnce(&mut DbSnapshot)) {
        let mut state = self.state();
        let State { snapshots, cluster_snapshots, .. } = &mut *state;
        let key = (region.clone(), id.clone());
        if let Some(snapshot) = snapshots.get_mut(&key).or_else(|| cluster_snapshots.get_mut(&key)) {
            edit(&mut snapshot.seen);
            snapshot.becomes = None;
        }
    }

    /// Deletes a snapshot at once, as expiry or somebody by hand might.
    pub fn remove_snapshot(&self, region: &Region, id: &DbSnapshotId) {
        let mut state = self.state();
        let key = (region.clone(), id.clone());
        state.snapshots.remove(&key);
        state.cluster_snapshots.remove(&key);
    }

    /// Removes an object at once, as somebody might by hand.
    pub fn remove_object(&self, key: &str) {
        self.state().objects.remove(key);
    }

    /// An automated backup that RDS replicates.
    pub fn add_replicated_backup(&self, backup: ReplicatedBackup) {
        let mut state = self.state();
        state.replicated.retain(|kept| (&kept.region, &kept.source_arn) != (&backup.region, &backup.source_arn));
        state.replicated.push(backup);
    }

    /// A listing: one request for each page of it.
    pub(crate) fn listing<T>(
        &self,
        operation: &'static str,
        region: &Region,
        list: impl FnOnce(&mut State) -> Vec<T>,
    ) -> Answered<Vec<T>> {
        self.call(operation, region.as_str(), |state| {
            let items = list(state);
            state.further_pages(operation, region.as_str(), items.len());
            Ok(items)
        })
    }
}

impl DbClusters for MemoryCloud {
    fn db_clusters(&self, region: &Region) -> impl Future<Output = Answered<Vec<DbCluster>>> + Send {
        ready(self.listing("rds:DescribeDBClusters", region, |state| {
            state.clusters.values().filter(|c| c.seen.region == *region).map(|c| c.seen.clone()).collect()
        }))
    }

    fn db_cluster_snapshots(&self, region: &Region) -> impl Future<Output = Answered<Vec<DbSnapshot>>> + Send {
        ready(self.listing("rds:DescribeDBClusterSnapshots", region, |state| {
            state.cluster_snapshots.values().filter(|s| s.seen.region == *region).map(|s| s.seen.clone()).collect()
        }))
    }
}

impl ReplicatedBackups for MemoryCloud {
    fn replicated_backups(&self, region: &Region) -> impl Future<Output = Answered<Vec<ReplicatedBackup>>> + Send {
        ready(self.listing("rds:DescribeDBInstanceAutomatedBackups", region, |state| {
            state.replicated.iter().filter(|backup| backup.region == *region).cloned().collect()
        }))
    }
}

impl SnapshotTaker for MemoryCloud {
    fn create_db_snapshot(&self, request: &CreateDbSnapshot) -> impl Future<Output = Answered<()>> + Send {
        let operation = match request.database {
            Database::Instance(_) => "rds:CreateDBSnapshot",
            Database::Cluster(_) => "rds:CreateDBClusterSnapshot",
        };
        ready(self.call(operation, request.id.as_str(), |state| create(state, request, operation)))
    }
}

fn create(state: &mut State, request: &CreateDbSnapshot, operation: &'static str) -> Answered<()> {
    let key = (request.region.clone(), request.id.clone());
    let kind = request.database.kind();
    let snapshots = match kind {
        DatabaseKind::Instance => &state.snapshots,
        DatabaseKind::Cluster => &state.cluster_snapshots,
    };
    if snapshots.contains_key(&key) {
        return refuse(PortErrorKind::AlreadyExists, operation, request.id.as_str(), "it exists");
    }
    match status(state, request) {
        None => return refuse(PortErrorKind::NotFound, operation, request.database.id(), "no such database"),
        Some(DbStatus::Available) => {}
        Some(_) => return refuse(PortErrorKind::InvalidState, operation, request.database.id(), "it is not available"),
    }
    let manual = |snapshot: &&Snapshot| snapshot.seen.region == request.region && snapshot.seen.made_by == MadeBy::Call;
    if state.snapshots_max.is_some_and(|max| snapshots.values().filter(manual).count() >= max) {
        return refuse(PortErrorKind::QuotaExceeded, operation, request.region.as_str(), "too many manual snapshots");
    }
    let mut seen = new_snapshot(&request.region, &request.id, &request.database, request.tags.clone());
    if let Database::Cluster(id) = &request.database
        && let Some(cluster) = state.clusters.get(&(request.region.clone(), id.clone()))
    {
        seen.engine = cluster.seen.engine.clone();
    }
    seen.taken_at = Some(state.now);
    let done_at = state.now + state.timings.snapshot;
    let snapshot = Snapshot { seen, becomes: Some((done_at, DbSnapshotStatus::Available)) };
    match &request.database {
        Database::Instance(id) => {
            state.snapshots.insert(key, snapshot);
            // An instance is `backing-up` for as long as its snapshot is made; a cluster goes on as it was.
            if let Some(instance) = state.instances.get_mut(&(request.region.clone(), id.clone())) {
                instance.seen.status = DbStatus::Busy("backing-up".into());
                instance.becomes = Some((done_at, Some(DbStatus::Available)));
            }
        }
        Database::Cluster(_) => {
            state.cluster_snapshots.insert(key, snapshot);
        }
    }
    state.settle();
    Ok(())
}

fn status<'a>(state: &'a State, request: &CreateDbSnapshot) -> Option<&'a DbStatus> {
    match &request.database {
        Database::Instance(id) => Some(&state.instances.get(&(request.region.clone(), id.clone()))?.seen.status),
        Database::Cluster(id) => Some(&state.clusters.get(&(request.region.clone(), id.clone()))?.seen.status),
    }
}

impl SnapshotTagger for MemoryCloud {
    fn tag_db_snapshot(&self, snapshot: &DbSnapshot, tags: &Tags) -> impl Future<Output = Answered<()>> + Send {
        const OPERATION: &str = "rds:AddTagsToResource";
        let (name, key) = (snapshot.id.as_str(), (snapshot.region.clone(), snapshot.id.clone()));
        ready(if name.starts_with(OURS) && !name.starts_with(TEMPORARY) {
            self.call(OPERATION, name, |state| {
                let snapshots = match snapshot.kind {
                    DatabaseKind::Instance => &mut state.snapshots,
                    DatabaseKind::Cluster => &mut state.cluster_snapshots,
                };
                match snapshots.get_mut(&key) {
                    None => refuse(PortErrorKind::NotFound, OPERATION, name, "no such snapshot"),
                    Some(found) => {
                        found.seen.tags.extend(tags.clone());
                        Ok(())
                    }
                }
            })
        } else {
            refuse(PortErrorKind::Invalid, OPERATION, name, "no recovery point of ours")
        })
    }
}
