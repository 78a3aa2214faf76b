//! What a caller may lean on at the port for rooms that are clusters.

use holdfast_domain::inventory::{DatabaseKind, DbCluster, DbInstance, DbSnapshot, DbSnapshotStatus, DbStatus};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId};
use holdfast_ports::{
    ClusterRooms, ClusterSource, CreateMember, DbClusters, DbInstances, Password, PortErrorKind, RestoreDbCluster,
};
use jiff::SignedDuration;

use super::ClusterStage;
use super::rds::{LOOKS_MAX, refused};

const ROOM: &str = "hf-rt-conformance-cluster";

/// [`ClusterRooms`]: a cluster restored with nobody in it, its member, its password, and both gone in the order that RDS wants.
///
/// Needs the cluster snapshot that [`super::clusters`] leaves. `pass` lets a little time pass. Leaves nothing.
///
/// # Panics
/// Where a rule does not hold.
pub async fn cluster_rooms<C>(cloud: &C, stage: &ClusterStage, pass: impl AsyncFn())
where
    C: ClusterRooms + DbClusters + DbInstances,
{
    let source = seen(cloud, stage, &stage.cluster).await.expect("the cluster of the stage");
    let all = cloud.db_cluster_snapshots(&stage.region).await.expect("a listing");
    let of_source = |found: &&DbSnapshot| {
        let is_of_it = found.kind == DatabaseKind::Cluster && found.database == stage.cluster.as_str();
        is_of_it && found.id.as_str().starts_with("hf-") && found.status == DbSnapshotStatus::Available
    };
    let snapshot = all.iter().find(of_source).expect("a snapshot of it, which the suite of clusters leaves").id.clone();

    refusals(cloud, stage, &source, &snapshot).await;
    let request = restore_request(stage, &source, ClusterSource::Snapshot(snapshot));
    let room = lives(cloud, stage, &request, &pass).await;
    is_of_source(&room, &source);
    let after = seen(cloud, stage, &stage.cluster).await.expect("the cluster of the stage");
    // Its latest restorable time goes on by itself.
    let after = DbCluster { latest_restorable_at: source.latest_restorable_at, ..after };
    assert_eq!(after, source, "nothing of all this touched the source");
}

/// [`ClusterRooms`] from a point in time, of a cluster that is backed up continuously: refused beyond its reach, and then as of a snapshot.
///
/// # Panics
/// Where a rule does not hold.
pub async fn cluster_point_in_time<C>(cloud: &C, stage: &ClusterStage, pass: impl AsyncFn())
where
    C: ClusterRooms + DbClusters + DbInstances,
{
    let latest = async || seen(cloud, stage, &stage.cluster).await.and_then(|seen| seen.latest_restorable_at);
    until("the cluster can be restored to a time", &pass, async || latest().await.is_some()).await;
    let first = latest().await;
    // Whole seconds are restored, and the first backup may have ended within the first of them.
    until("time has come further", &pass, async || latest().await >= first.map(|at| at + SignedDuration::from_secs(2)))
        .await;
    let source = seen(cloud, stage, &stage.cluster).await.expect("the cluster of the stage");
    let latest = source.latest_restorable_at.expect("it was waited for");
    let as_of = |at| ClusterSource::PointInTime { cluster: stage.cluster.clone(), at };
    let beyond = restore_request(stage, &source, as_of(latest + SignedDuration::from_hours(1)));
    refused(cloud.restore_db_cluster(&beyond).await, PortErrorKind::Invalid);
    let nothing: DbClusterId = "conformance-nothing".parse().expect("legal");
    let of_nothing = restore_request(stage, &source, ClusterSource::PointInTime { cluster: nothing, at: latest });
    refused(cloud.restore_db_cluster(&of_nothing).await, PortErrorKind::NotFound);
    let request = restore_request(stage, &source, as_of(super::before(latest)));
    is_of_source(&lives(cloud, stage, &request, &pass).await, &source);
}

/// The life of a room: restored, given its member and a password, and deleted, member first.
async fn lives<C>(cloud: &C, stage: &ClusterStage, request: &RestoreDbCluster, pass: &impl AsyncFn()) -> DbCluster
where
    C: ClusterRooms + DbClusters + DbInstances,
{
    let password = Password::new("conformance-1".into());
    cloud.restore_db_cluster(request).await.expect("a restore");
    let begun = seen(cloud, stage, &request.id).await.expect("it is seen at once");
    assert!(matches!(begun.status, DbStatus::Busy(_)), "it comes back before the work is done: {begun:?}");
    refused(cloud.restore_db_cluster(request).await, PortErrorKind::AlreadyExists);
    let early = cloud.reset_cluster_password(&stage.region, &request.id, &password).await;
    refused(early, PortErrorKind::InvalidState);
    until_settled(cloud, stage, &request.id, pass).await;
    let room = seen(cloud, stage, &request.id).await.expect("it stays");
    assert_eq!(room.tags, request.tags, "its own tags and none of the source's");
    let members = async || {
        let all = cloud.db_instances(&stage.region).await.expect("a listing");
        all.into_iter().filter(|seen| seen.cluster.as_ref() == Some(&request.id)).collect::<Vec<DbInstance>>()
    };
    assert_eq!(members().await, vec![], "a restored cluster has no member");

    let member = member_request(stage, &room);
    cloud.create_member(&member).await.expect("a member");
    refused(cloud.create_member(&member).await, PortErrorKind::AlreadyExists);
    until("the member is available", pass, async || {
        members().await.iter().any(|seen| seen.status == DbStatus::Available)
    })
    .await;
    let made = members().await;
    assert_eq!(made.len(), 1, "one member: {made:?}");
    assert_eq!((&made[0].id, &made[0].tags), (&member.id, &member.tags), "its own tags");
    assert!(made[0].endpoint.is_some() && made[0].engine == room.engine, "it says where it is reached: {made:?}");

    cloud.reset_cluster_password(&stage.region, &request.id, &password).await.expect("a reset");
    let begun = seen(cloud, stage, &request.id).await.expect("it stays");
    assert!(begun.password_pending, "what is not applied yet shows as pending: {begun:?}");
    until_settled(cloud, stage, &request.id, pass).await;

    refused(cloud.delete_cluster(&room).await, PortErrorKind::InvalidState);
    for _ in 0..2 {
        cloud.delete_member(&stage.region, &member.id).await.expect("a deletion, also of what is going");
    }
    // It needs no more than that its member is going.
    for _ in 0..2 {
        cloud.delete_cluster(&room).await.expect("a deletion, also of what is going");
    }
    until("both are gone", pass, async || {
        members().await.is_empty() && seen(cloud, stage, &request.id).await.is_none()
    })
    .await;
    cloud.delete_member(&stage.region, &member.id).await.expect("a deletion of what is gone");
    cloud.delete_cluster(&room).await.expect("a deletion of what is gone");
    room
}

/// Names that are not temporary are refused before any call, whatever stands behind them: here, the source itself.
async fn refusals<C>(cloud: &C, stage: &ClusterStage, source: &DbCluster, snapshot: &DbSnapshotId)
where
    C: ClusterRooms + DbClusters,
{
    let of_snapshot = restore_request(stage, source, ClusterSource::Snapshot(snapshot.clone()));
    for name in ["production", "hf-carts", "hf-r"] {
        let (id, member): (DbClusterId, DbInstanceId) = (name.parse().expect("legal"), name.parse().expect("legal"));
        let request = RestoreDbCluster { id: id.clone(), ..of_snapshot.clone() };
        refused(cloud.restore_db_cluster(&request).await, PortErrorKind::Invalid);
        assert_eq!(seen(cloud, stage, &id).await, None, "{name} was made all the same");
        let request = CreateMember { id: member.clone(), ..member_request(stage, source) };
        refused(cloud.create_member(&request).await, PortErrorKind::Invalid);
        refused(cloud.delete_member(&stage.region, &member).await, PortErrorKind::Invalid);
    }
    let password = Password::new("conformance-1".into());
    refused(cloud.reset_cluster_password(&stage.region, &stage.cluster, &password).await, PortErrorKind::Invalid);
    refused(cloud.delete_cluster(source).await, PortErrorKind::Invalid);

    let nothing = ClusterSource::Snapshot("hf-conformance-nothing".parse().expect("legal"));
    let request = RestoreDbCluster { source: nothing, ..of_snapshot };
    refused(cloud.restore_db_cluster(&request).await, PortErrorKind::NotFound);
    let no_room: DbClusterId = "hf-rt-nothing".parse().expect("legal");
    let request = CreateMember { cluster: no_room.clone(), ..member_request(stage, source) };
    refused(cloud.create_member(&request).await, PortErrorKind::NotFound);
    refused(cloud.reset_cluster_password(&stage.region, &no_room, &password).await, PortErrorKind::NotFound);
}

fn is_of_source(room: &DbCluster, source: &DbCluster) {
    assert_ne!(room.arn, source.arn);
    assert_eq!(
        (&room.engine, &room.engine_version, &room.master_user),
        (&source.engine, &source.engine_version, &source.master_user)
    );
}

fn restore_request(stage: &ClusterStage, source: &DbCluster, from: ClusterSource) -> RestoreDbCluster {
    RestoreDbCluster {
        region: stage.region.clone(),
        source: from,
        id: ROOM.parse().expect("legal"),
        engine: source.engine.clone(),
        engine_version: source.engine_version.clone(),
        subnet_group: "conformance".into(),
        security_groups: vec!["sg-0123456789abcdef0".into()],
        parameter_group: None,
        serverless: None,
        tags: Tags::from([("holdfast:run".into(), "conformance".into())]),
    }
}

fn member_request(stage: &ClusterStage, of: &DbCluster) -> CreateMember {
    CreateMember {
        region: stage.region.clone(),
        cluster: of.id.clone(),
        id: ROOM.parse().expect("legal"),
        engine: of.engine.clone(),
        instance_class: "db.r6g.large".into(),
        parameter_group: None,
        tags: Tags::from([("holdfast:run".into(), "conformance".into())]),
    }
}

async fn seen(cloud: &impl DbClusters, stage: &ClusterStage, id: &DbClusterId) -> Option<DbCluster> {
    let all = cloud.db_clusters(&stage.region).await.expect("a listing");
    all.into_iter().find(|seen| seen.id == *id)
}

async fn until_settled(cloud: &impl DbClusters, stage: &ClusterStage, id: &DbClusterId, pass: &impl AsyncFn()) {
    until("the cluster is available and nothing is pending", pass, async || {
        seen(cloud, stage, id).await.is_some_and(|seen| {
            seen.status == DbStatus::Available && !seen.password_pending && !seen.modification_pending
        })
    })
    .await;
}

async fn until(what: &str, pass: &impl AsyncFn(), holds: impl AsyncFn() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds().await {
            return;
        }
        pass().await;
    }
    panic!("{LOOKS_MAX} looks, and still not: {what}");
}
