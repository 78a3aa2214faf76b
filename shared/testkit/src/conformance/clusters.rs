//! What a caller may lean on at the ports for DB clusters.

use holdfast_domain::inventory::{Database, DatabaseKind, DbCluster, DbSnapshot, DbSnapshotStatus, DbStatus, MadeBy};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbSnapshotId, Region};
use holdfast_ports::{
    CreateDbSnapshot, DbClusters, DbSnapshots, PortErrorKind, ReplicatedBackups, SnapshotTagger, SnapshotTaker,
};

use super::rds::{LOOKS_MAX, refused};

/// What the rules are tried on.
#[derive(Debug, Clone)]
pub struct ClusterStage {
    /// Where the cluster stands.
    pub region: Region,
    /// Another region, in which nothing stands.
    pub elsewhere: Region,
    /// A cluster that is available and has a tag.
    pub cluster: DbClusterId,
}

/// [`DbClusters`], [`SnapshotTaker`], [`SnapshotTagger`] and [`ReplicatedBackups`]: what holds of instances holds of clusters.
///
/// `pass` lets a little time pass. Leaves the cluster as it was, and one snapshot of it.
///
/// # Panics
/// Where a rule does not hold.
pub async fn clusters<C>(cloud: &C, stage: &ClusterStage, pass: impl AsyncFn())
where
    C: DbClusters + DbSnapshots + SnapshotTaker + SnapshotTagger + ReplicatedBackups,
{
    let source = cluster(cloud, stage).await;
    assert!(source.status == DbStatus::Available && !source.tags.is_empty(), "not as the stage says: {source:?}");
    let elsewhere = cloud.db_clusters(&stage.elsewhere).await.expect("a listing");
    assert!(elsewhere.iter().all(|seen| seen.id != source.id), "regions are apart");
    cloud.replicated_backups(&stage.region).await.expect("a listing, also of nothing");

    let id: DbSnapshotId = format!("hf-conformance-{}", stage.cluster).parse().expect("a legal identifier");
    let request = CreateDbSnapshot {
        region: stage.region.clone(),
        database: Database::Cluster(stage.cluster.clone()),
        id: id.clone(),
        tags: Tags::from([("holdfast:plan".into(), "conformance".into()), ("holdfast:rules".into(), "daily".into())]),
    };
    let nothing = Database::Cluster("conformance-nothing".parse().expect("legal"));
    refused(
        cloud.create_db_snapshot(&CreateDbSnapshot { database: nothing, ..request.clone() }).await,
        PortErrorKind::NotFound,
    );

    cloud.create_db_snapshot(&request).await.expect("a snapshot");
    let begun = snapshot(cloud, stage, &id).await.expect("it is seen at once");
    assert_eq!(begun.status, DbSnapshotStatus::Creating, "it comes back before the work is done");
    assert_eq!(begun.tags, request.tags, "tags are there from the first moment, and no others");
    let mut looks = 0;
    while snapshot(cloud, stage, &id).await.is_none_or(|seen| seen.status != DbSnapshotStatus::Available)
        || cluster(cloud, stage).await.status != DbStatus::Available
    {
        looks += 1;
        assert!(looks < LOOKS_MAX, "{LOOKS_MAX} looks, and it is still not available");
        pass().await;
    }
    let taken = snapshot(cloud, stage, &id).await.expect("it stays");
    assert!(taken.made_by == MadeBy::Call && taken.is_of(&request.database), "it says whose it is: {taken:?}");
    assert!(taken.taken_at.is_some(), "it knows when it was taken");
    assert_eq!((taken.kind, taken.size_bytes), (DatabaseKind::Cluster, None), "of a cluster RDS tells no size");
    refused(cloud.create_db_snapshot(&request).await, PortErrorKind::AlreadyExists);
    let of_instances = cloud.db_snapshots(&stage.region).await.expect("a listing");
    assert!(of_instances.iter().all(|seen| seen.id != id), "the two kinds are apart");
    let elsewhere = cloud.db_cluster_snapshots(&stage.elsewhere).await.expect("a listing");
    assert!(elsewhere.iter().all(|seen| seen.id != id), "regions are apart");

    super::tags_are_added(cloud, &taken).await;
    let tagged = snapshot(cloud, stage, &id).await.expect("it stays");
    assert_eq!(tagged, DbSnapshot { tags: super::with_added_tags(&request.tags), ..taken });
    // Its latest restorable time goes on by itself.
    let after = DbCluster { latest_restorable_at: source.latest_restorable_at, ..cluster(cloud, stage).await };
    assert_eq!(after, source, "nothing of all this touched the source");
}

async fn cluster(cloud: &impl DbClusters, stage: &ClusterStage) -> DbCluster {
    let all = cloud.db_clusters(&stage.region).await.expect("a listing");
    all.into_iter().find(|seen| seen.id == stage.cluster).expect("the cluster of the stage")
}

async fn snapshot(cloud: &impl DbClusters, stage: &ClusterStage, id: &DbSnapshotId) -> Option<DbSnapshot> {
    let all = cloud.db_cluster_snapshots(&stage.region).await.expect("a listing");
    all.into_iter().find(|seen| seen.id == *id)
}
