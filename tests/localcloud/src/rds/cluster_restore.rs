//! `RestoreDBClusterFromSnapshot` and `RestoreDBClusterToPointInTime`. Both make a cluster without an instance.

use std::sync::Arc;

use super::bring_up::Origin;
use super::cloud::{Cloud, random_id};
use super::cluster_snapshots;
use super::clusters::{self, WITHOUT_EFFECT, launch};
use super::errors::ApiError;
use super::identity::{ClusterId, Place};
use super::point_in_time::{self, Target};
use super::query::Request;
use super::resources::{DbCluster, Description};
use super::restore::check_engine;
use super::settings;
use super::statuses::SnapshotStatus;
use super::tags;
use super::validation::check_cluster_settings;
use super::xml::Element;

const OWN: [&str; 6] = ["DBClusterIdentifier", "Port", "VpcSecurityGroupIds", "Tags", "Engine", "EngineVersion"];

fn check_known(request: &Request, more: &[&'static str]) -> Result<(), ApiError> {
    let parameters = settings::CLUSTER.restore_parameters();
    let known: Vec<&str> =
        OWN.into_iter().chain(more.iter().copied()).chain(WITHOUT_EFFECT).chain(parameters).collect();
    request.check_known(&known)
}

/// `RestoreDBClusterFromSnapshot`, from DB cluster snapshots only.
pub(crate) fn from_snapshot(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    check_known(request, &["SnapshotIdentifier"])?;
    let id = ClusterId::parse(request.required("DBClusterIdentifier")?)?;
    request.required("Engine")?;
    let snapshot_id = cluster_snapshots::named(place, request.required("SnapshotIdentifier")?);
    let (description, files) = cloud.with_region(place, |region| {
        let snapshot = region.cluster_snapshot(&snapshot_id)?;
        if snapshot.capture.status != SnapshotStatus::Available {
            return Err(ApiError::cluster_snapshot_state(format!(
                "The DB cluster snapshot {snapshot_id} is not in the available state."
            )));
        }
        region.check_key(&snapshot.source.settings)?;
        Ok((describe_restored(cloud, request, &snapshot.source)?, Arc::clone(&snapshot.capture.files)))
    })?;
    launch(cloud, place, DbCluster::new(id, description), Origin::Snapshot { files })
}

/// `RestoreDBClusterToPointInTime`, as a full copy.
pub(crate) fn to_point_in_time(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    check_known(request, &["SourceDBClusterIdentifier", "RestoreToTime", "UseLatestRestorableTime", "RestoreType"])?;
    if let Some(kind) = request.text("RestoreType").filter(|kind| *kind != "full-copy") {
        return Err(ApiError::invalid_value(format!("This local RDS restores by full-copy only, not by {kind}.")));
    }
    let id = ClusterId::parse(request.required("DBClusterIdentifier")?)?;
    let source_id = clusters::named(place, request.required("SourceDBClusterIdentifier")?);
    let target = Target::parse(request, "RestoreToTime")?;
    let (description, origin) = cloud.with_region(place, |region| {
        let source = region.cluster(&source_id)?;
        let description = describe_restored(cloud, request, &source.description)?;
        let Some(archive) = &source.backups.archive else {
            return Err(ApiError::invalid_restore(format!(
                "There is no data behind {source_id} in this local RDS that could be restored to a time."
            )));
        };
        let of_source = |resource_id: &str| resource_id == source.description.resource_id;
        let captures = region.cluster_snapshots.values().filter(|snapshot| of_source(&snapshot.source.resource_id));
        let captures = captures.map(|snapshot| &snapshot.capture);
        Ok((description, point_in_time::origin(target, &source.backups, archive, captures)?))
    })?;
    launch(cloud, place, DbCluster::new(id, description), origin)
}

fn describe_restored(cloud: &Cloud, request: &Request, source: &Description) -> Result<Description, ApiError> {
    check_engine(request, source)?;
    let mut settings = settings::CLUSTER.for_restore(request, &source.settings)?;
    check_cluster_settings(cloud, &mut settings, source.engine, &source.engine_version)?;
    let given_tags = tags::parse(request, "Tags")?;
    Ok(Description {
        resource_id: format!("cluster-{}", random_id()),
        engine: source.engine,
        engine_version: source.engine_version.clone(),
        master_username: source.master_username.clone(),
        db_name: source.db_name.clone(),
        settings,
        security_groups: request.list("VpcSecurityGroupIds").into_iter().map(str::to_owned).collect(),
        // As for instances.
        tags: if given_tags.is_empty() { source.tags.clone() } else { given_tags },
    })
}
