//! DB cluster snapshots: create, describe, delete.

use std::sync::Arc;

use super::cloud::{Cloud, random_id};
use super::clusters;
use super::errors::ApiError;
use super::identity::{ClusterId, ClusterSnapshotId, Place, ResourceType};
use super::pages::{self, Filter, page};
use super::query::Request;
use super::render_clusters::render_cluster_snapshot;
use super::resources::{Capture, ClusterSnapshot};
use super::snapshots::{FOREIGN_TYPES, OWN_TYPES};
use super::statuses::{ClusterStatus, SnapshotStatus, SnapshotType};
use super::tags::{self, Tags};
use super::taking::{Taking, take};
use super::xml::Element;
use crate::postgres::Backup;

pub(crate) fn not_available(id: &ClusterId) -> ApiError {
    ApiError::cluster_state(format!(
        "Can't create a snapshot because the database cluster {id} isn't currently in the available state."
    ))
}

/// `CreateDBClusterSnapshot`. The cluster needs no instance: its volume is what is copied.
pub(crate) fn create(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["DBClusterSnapshotIdentifier", "DBClusterIdentifier", "Tags"])?;
    let id = ClusterSnapshotId::parse(request.required("DBClusterSnapshotIdentifier")?)?;
    let cluster_id = clusters::named(place, request.required("DBClusterIdentifier")?);
    let tags = tags::parse(request, "Tags")?;
    cloud.with_region(place, |region| {
        let available = region.cluster(&cluster_id)?.status == ClusterStatus::Available;
        region.check_room_for_cluster_snapshot(&id, SnapshotType::Manual, cloud.config.quotas)?;
        if available { Ok(()) } else { Err(not_available(&cluster_id)) }
    })?;
    let answer = enter(cloud, place, &cluster_id, &id, (SnapshotType::Manual, tags))?;
    cloud.move_cluster(place, &cluster_id, ClusterStatus::Available, ClusterStatus::BackingUp);
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        take(&this, &place, &Taking::Cluster { of: cluster_id.clone(), id }).await;
        this.move_cluster(&place, &cluster_id, ClusterStatus::BackingUp, ClusterStatus::Available);
    });
    Ok(answer)
}

/// Enters a snapshot of a cluster in `creating`.
pub(crate) fn enter(
    cloud: &Cloud,
    place: &Place,
    cluster_id: &ClusterId,
    id: &ClusterSnapshotId,
    (kind, given_tags): (SnapshotType, Tags),
) -> Result<Element, ApiError> {
    let dir = cloud.new_dir("snapshots", &random_id());
    cloud.with_region(place, |region| {
        region.check_room_for_cluster_snapshot(id, kind, cloud.config.quotas)?;
        let cluster = region.cluster(cluster_id)?;
        let copied = cluster.description.settings.is_true("CopyTagsToSnapshot");
        let mut tags = if copied { cluster.description.tags.clone() } else { Tags::new() };
        tags.extend(given_tags);
        let snapshot = ClusterSnapshot {
            id: id.clone(),
            cluster_id: cluster_id.clone(),
            source: cluster.description.clone(),
            cluster_created_at: cluster.created_at,
            capture: Capture::new(kind, tags, Backup::at(dir)),
        };
        let answer = render_cluster_snapshot(place, &snapshot);
        region.cluster_snapshots.insert(id.clone(), snapshot);
        Ok(answer)
    })
}

/// `DescribeDBClusterSnapshots`.
pub(crate) fn describe(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = [
        "DBClusterIdentifier",
        "DBClusterSnapshotIdentifier",
        "SnapshotType",
        "IncludeShared",
        "IncludePublic",
        "DbClusterResourceId",
    ];
    let known: Vec<&str> = own.into_iter().chain(pages::PARAMETERS).collect();
    request.check_known(&known)?;
    let filters = Filter::parse_all(request, &["db-cluster-id", "db-cluster-snapshot-id", "snapshot-type", "engine"])?;
    let wanted = Wanted::parse(place, request)?;
    cloud.with_region(place, |region| {
        if let Some(id) = &wanted.id {
            region.cluster_snapshot(id)?;
        }
        let matching = region.cluster_snapshots.values().filter(|snapshot| {
            wanted.accepts(snapshot) && filters.iter().all(|filter| accepts(filter, place, snapshot))
        });
        let page = page(request, matching, |snapshot| snapshot.id.to_string())?;
        let records = page.records.into_iter().map(|snapshot| render_cluster_snapshot(place, snapshot));
        Ok(Element::new("DescribeDBClusterSnapshotsResult")
            .optional("Marker", page.marker)
            .child(Element::new("DBClusterSnapshots").children(records)))
    })
}

/// The parameters of `DescribeDBClusterSnapshots` that select.
struct Wanted {
    id: Option<ClusterSnapshotId>,
    cluster_id: Option<ClusterId>,
    resource_id: Option<String>,
    kind: Option<String>,
}

impl Wanted {
    fn parse(place: &Place, request: &Request) -> Result<Self, ApiError> {
        let kind = request.text("SnapshotType").map(str::to_owned);
        let known = |kind: &str| OWN_TYPES.contains(&kind) || FOREIGN_TYPES.contains(&kind);
        if let Some(kind) = kind.as_deref().filter(|kind| !known(kind)) {
            return Err(ApiError::invalid_value(format!("Invalid snapshot type: {kind}")));
        }
        let id = request.text("DBClusterSnapshotIdentifier").map(|name| named(place, name));
        let cluster_id = request.text("DBClusterIdentifier").map(|name| clusters::named(place, name));
        if id.is_some() && cluster_id.is_some() {
            return Err(ApiError::invalid_combination(
                "DBClusterIdentifier can't be used in conjunction with DBClusterSnapshotIdentifier.",
            ));
        }
        let resource_id = request.text("DbClusterResourceId").map(str::to_owned);
        Ok(Self { id, cluster_id, resource_id, kind })
    }

    /// "If you don't specify a SnapshotType value, then both automated and manual DB cluster snapshots are returned."
    fn accepts(&self, snapshot: &ClusterSnapshot) -> bool {
        self.id.as_ref().is_none_or(|id| *id == snapshot.id)
            && self.cluster_id.as_ref().is_none_or(|id| *id == snapshot.cluster_id)
            && self.resource_id.as_ref().is_none_or(|id| *id == snapshot.source.resource_id)
            && match &self.kind {
                Some(kind) => kind == snapshot.capture.kind.as_str(),
                None => snapshot.capture.kind != SnapshotType::AwsBackup || self.id.is_some(),
            }
    }
}

fn accepts(filter: &Filter, place: &Place, snapshot: &ClusterSnapshot) -> bool {
    let (id, cluster) = (snapshot.id.as_str(), snapshot.cluster_id.as_str());
    match filter.name.as_str() {
        "db-cluster-id" => filter.accepts(&[cluster, &place.arn(ResourceType::Cluster, cluster)]),
        "db-cluster-snapshot-id" => filter.accepts(&[id, &place.arn(ResourceType::ClusterSnapshot, id)]),
        "snapshot-type" => filter.accepts(&[snapshot.capture.kind.as_str()]),
        "engine" => filter.accepts(&[snapshot.source.engine.as_str()]),
        _ => false,
    }
}

/// A cluster snapshot by its identifier or ARN.
pub(crate) fn named(place: &Place, name: &str) -> ClusterSnapshotId {
    ClusterSnapshotId::lookup(place.name_in_arn(ResourceType::ClusterSnapshot, name).unwrap_or(name))
}

/// `DeleteDBClusterSnapshot`. "The DB cluster snapshot must be in the available state to be deleted"; one that failed can go too.
pub(crate) fn delete(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["DBClusterSnapshotIdentifier"])?;
    let id = named(place, request.required("DBClusterSnapshotIdentifier")?);
    cloud.with_region(place, |region| {
        let snapshot = region.cluster_snapshot(&id)?;
        if snapshot.capture.kind != SnapshotType::Manual {
            return Err(ApiError::cluster_snapshot_state(format!(
                "Only manual snapshots may be deleted; {id} is {}.",
                snapshot.capture.kind.as_str()
            )));
        }
        if snapshot.capture.status == SnapshotStatus::Creating {
            return Err(ApiError::cluster_snapshot_state(format!(
                "Cannot delete the snapshot because it is not currently in the available or failed state: {id}"
            )));
        }
        let answer = render_cluster_snapshot(place, snapshot);
        region.cluster_snapshots.remove(&id);
        Ok(answer)
    })
}
