//! RDS, in single capabilities: to look, to take, to open a room, to change its password, to close it.

use std::future::Future;

use holdfast_domain::inventory::{Database, DbCluster, DbInstance, DbSnapshot, ReplicatedBackup, ServerlessCapacity};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId, Region};
use jiff::Timestamp;

use crate::{Password, PortError};

/// The most items that one listing gives; an account and region with more gets an error, not a part.
///
/// 40 instances and 100 manual snapshots are RDS's default quotas, and both can be raised (source: RDS User Guide,
/// "Quotas and constraints for Amazon RDS"); automated snapshots come on top, up to 35 per instance.
pub const ITEMS_MAX: usize = 20_000;

/// To see DB instances.
pub trait DbInstances: Sync {
    /// Every instance of the region.
    fn db_instances(&self, region: &Region) -> impl Future<Output = Result<Vec<DbInstance>, PortError>> + Send;
}

/// To see DB snapshots.
pub trait DbSnapshots: Sync {
    /// Every DB snapshot that the account owns in the region, of whatever maker.
    fn db_snapshots(&self, region: &Region) -> impl Future<Output = Result<Vec<DbSnapshot>, PortError>> + Send;
}

/// To see DB clusters: Aurora's and DocumentDB's, which answer at the same endpoint with the same calls (source: AWS General Reference,
/// "Amazon DocumentDB endpoints and quotas"; RDS API Reference, `DescribeDBClusters`).
pub trait DbClusters: Sync {
    /// Every cluster of the region.
    fn db_clusters(&self, region: &Region) -> impl Future<Output = Result<Vec<DbCluster>, PortError>> + Send;

    /// Every DB cluster snapshot that the account owns in the region, of whatever maker.
    fn db_cluster_snapshots(&self, region: &Region) -> impl Future<Output = Result<Vec<DbSnapshot>, PortError>> + Send;
}

/// To see automated backups that RDS replicates into a region. RDS replicates those of DB instances, not of DB clusters
/// (source: RDS User Guide, "Replicating automated backups to another AWS Region").
pub trait ReplicatedBackups: Sync {
    /// Every automated backup in the region whose source stands in another one.
    fn replicated_backups(
        &self,
        region: &Region,
    ) -> impl Future<Output = Result<Vec<ReplicatedBackup>, PortError>> + Send;
}

/// What to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDbSnapshot {
    /// Where.
    pub region: Region,
    /// Of which database.
    pub database: Database,
    /// Under which name.
    pub id: DbSnapshotId,
    /// With these tags.
    pub tags: Tags,
}

/// To take DB snapshots and DB cluster snapshots.
pub trait SnapshotTaker: Sync {
    /// Begins a snapshot and comes back at once.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidState` (the database is busy), `QuotaExceeded`, `NotFound` (no such database).
    fn create_db_snapshot(&self, request: &CreateDbSnapshot) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// To add tags to recovery points of ours. Implementations refuse any name that does not begin with `hf-`, or that begins with `hf-rt-`,
/// before any call.
pub trait SnapshotTagger: Sync {
    /// Adds tags to a snapshot; a tag of the same key gets the new value, the others stay.
    ///
    /// # Errors
    /// `NotFound` (no such snapshot).
    fn tag_db_snapshot(&self, snapshot: &DbSnapshot, tags: &Tags)
    -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What a room is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomSource {
    /// A DB snapshot of the room's region, whoever made it.
    Snapshot(DbSnapshotId),
    /// The continuous backup of an instance of the room's region, which must still stand.
    PointInTime {
        /// Which instance.
        instance: DbInstanceId,
        /// The instant, UTC; RDS takes it to the second, and refuses one that is not before the latest restorable time.
        at: Timestamp,
    },
}

/// A room to open. Everything that seals it is in this one request: between two calls it would stand open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreDbInstance {
    /// Where.
    pub region: Region,
    /// What it is made of.
    pub source: RoomSource,
    /// Under which name.
    pub id: DbInstanceId,
    /// Its size.
    pub instance_class: String,
    /// The clean room's subnet group.
    pub subnet_group: String,
    /// The clean room's security groups; never empty, for RDS would choose the VPC's default.
    pub security_groups: Vec<String>,
    /// A parameter group that keeps background work off; RDS's default if absent.
    pub parameter_group: Option<String>,
    /// An option group; RDS's default if absent.
    pub option_group: Option<String>,
    /// Tags, never empty: RDS copies the source's tags onto a restore that names none.
    pub tags: Tags,
}

/// To open and close rooms. Implementations refuse any name that does not begin with `hf-rt-`, before any call.
pub trait RoomRestore: Sync {
    /// Begins to restore into a new instance: not public, Single-AZ, without deletion protection.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` (no such snapshot, or no such source instance), `InvalidState`, `QuotaExceeded`, and `Invalid` for an
    /// instant that the continuous backup does not reach.
    fn restore_db_instance(&self, request: &RestoreDbInstance) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Begins to delete a room without a final snapshot and with its automated backups. One that is gone or going is done.
    fn delete_room(&self, region: &Region, id: &DbInstanceId) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// To give a room a password of its own. Refuses names as [`RoomRestore`] does.
pub trait RoomReset: Sync {
    /// Begins to set the master password and turns automated backups off (retention 0), at once.
    ///
    /// # Errors
    /// `InvalidState` while the instance is busy, `NotFound`.
    fn reset_master_password(
        &self,
        region: &Region,
        id: &DbInstanceId,
        password: &Password,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What the cluster of a room is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterSource {
    /// A DB cluster snapshot of the room's region, whoever made it.
    Snapshot(DbSnapshotId),
    /// The continuous backup of a cluster of the room's region, which must still stand.
    PointInTime {
        /// Which cluster.
        cluster: DbClusterId,
        /// The instant, UTC; RDS takes it to the second, and refuses one that is not before the latest restorable time.
        at: Timestamp,
    },
}

/// The cluster of a room to open: storage, and nobody who answers. As of [`RestoreDbInstance`], everything that seals it is in this one
/// request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreDbCluster {
    /// Where.
    pub region: Region,
    /// What it is made of.
    pub source: ClusterSource,
    /// Under which name.
    pub id: DbClusterId,
    /// The source's engine: a restore from a snapshot must name it.
    pub engine: String,
    /// The source's version: a restore from a snapshot that names none gets the region's default one, and not the source's.
    pub engine_version: String,
    /// The clean room's subnet group.
    pub subnet_group: String,
    /// The clean room's security groups; never empty, for RDS would choose the VPC's default. Members have those of their cluster.
    pub security_groups: Vec<String>,
    /// A DB cluster parameter group that keeps background work off; RDS's default if absent.
    pub parameter_group: Option<String>,
    /// What a member of class `db.serverless` may use; a cluster without it takes no such member.
    pub serverless: Option<ServerlessCapacity>,
    /// Tags, never empty: RDS copies the source's tags onto a restore that names none.
    pub tags: Tags,
}

/// The one member of a room's cluster: what answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateMember {
    /// Where.
    pub region: Region,
    /// Of which cluster.
    pub cluster: DbClusterId,
    /// Under which name; RDS keeps those of clusters and of instances apart.
    pub id: DbInstanceId,
    /// The cluster's engine.
    pub engine: String,
    /// Its size, or `db.serverless`.
    pub instance_class: String,
    /// A DB parameter group of Aurora's; RDS's default if absent. DocumentDB has none for instances.
    pub parameter_group: Option<String>,
    /// Its own tags; a member inherits none of its cluster's.
    pub tags: Tags,
}

/// To open and close rooms that are clusters, of Aurora or DocumentDB. A restored cluster has no instance, and so nobody answers until it
/// was given one (source: Aurora User Guide, "Restoring from a DB cluster snapshot"). Implementations refuse any name that does not begin
/// with `hf-rt-`, before any call.
pub trait ClusterRooms: Sync {
    /// Begins to restore into a new cluster without an instance, without deletion protection.
    ///
    /// # Errors
    /// As of [`RoomRestore::restore_db_instance`], of clusters.
    fn restore_db_cluster(&self, request: &RestoreDbCluster) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Begins to make a cluster's member: not public.
    ///
    /// # Errors
    /// `AlreadyExists` (an instance of this name), `NotFound` (no such cluster), `InvalidState`, `QuotaExceeded`.
    fn create_member(&self, request: &CreateMember) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Begins to set the cluster's master password, which is its members' too, at once; automated backups are kept for one day, the least
    /// that clusters have.
    ///
    /// # Errors
    /// `InvalidState` while the cluster is busy, `NotFound`.
    fn reset_cluster_password(
        &self,
        region: &Region,
        id: &DbClusterId,
        password: &Password,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Begins to delete a cluster's member; the data stays with the cluster. One that is gone or going is done.
    fn delete_member(&self, region: &Region, id: &DbInstanceId) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Begins to delete a cluster without a final snapshot and with its automated backups. One that is gone or going is done.
    ///
    /// # Errors
    /// `InvalidState` while a member stands that is not going.
    fn delete_cluster(&self, cluster: &DbCluster) -> impl Future<Output = Result<(), PortError>> + Send;
}
