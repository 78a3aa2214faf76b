//! From an accepted request to a running database: the one way into existence of every instance.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::cloud::Cloud;
use super::errors::ApiError;
use super::events::{InstanceEvent, RdsEvent, SnapshotEvent};
use super::identity::{InstanceId, Place, SnapshotId};
use super::power::apply_refusal;
use super::render::{error_chain, render_instance};
use super::state::{Description, Instance, InstanceStatus, SnapshotFiles};
use super::xml::Element;
use crate::postgres::{
    Cluster, Handover, MasterUser, PostgresError, Server, create_master_user, ensure_master_user, ensure_rds_roles,
};

/// Where an instance's data comes from. No `Debug`: it carries passwords.
pub(crate) enum Origin {
    /// An empty cluster with a master user.
    Empty { master: MasterUser, db_name: Option<String> },
    /// A snapshot; its master user and password live on.
    Snapshot { id: SnapshotId, files: Arc<SnapshotFiles> },
    /// Somebody's data directory, which gets this master user.
    Directory { path: PathBuf, handover: Handover, master: MasterUser },
}

/// Enters a new instance and starts the job that brings it up; answers with the instance as it is now.
pub(crate) fn launch(
    cloud: &Arc<Cloud>,
    place: &Place,
    id: InstanceId,
    description: Description,
    origin: Origin,
) -> Result<Element, ApiError> {
    let storage_gib = description.settings.number("AllocatedStorage");
    let dir = cloud.new_dir("instances", &description.resource_id);
    let answer = cloud.with_region(place, |region| {
        region.check_room_for_instance(&id, storage_gib, cloud.config.quotas)?;
        let instance = Instance::new(id.clone(), description);
        let answer = render_instance(place, &instance);
        region.instances.insert(id.clone(), instance);
        Ok::<_, ApiError>(answer)
    })?;
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move { bring_up(&this, &place, &id, dir, origin).await });
    Ok(answer)
}

async fn bring_up(cloud: &Cloud, place: &Place, id: &InstanceId, dir: PathBuf, origin: Origin) {
    let Some(operation) = cloud.with_instance(place, id, |instance| Arc::clone(&instance.operation)) else {
        return;
    };
    let _working = operation.lock().await;
    let outcome = cloud.at_least(cloud.config.timings.creating, make(cloud, &dir, &origin)).await;
    let ending = cloud.faults().take_ending(&(place.clone(), id.clone()));
    let status = match (&outcome, ending) {
        (Ok(_), Some(ending)) => ending,
        (Ok(_), None) => InstanceStatus::Available,
        (Err(error), _) => {
            let words = error_chain(error);
            tracing::error!(instance = %id, error = words, "a DB instance could not be brought up");
            cloud.with_instance(place, id, |instance| instance.failure = Some(words));
            if matches!(origin, Origin::Snapshot { .. }) {
                InstanceStatus::IncompatibleRestore
            } else {
                InstanceStatus::Failed
            }
        }
    };
    cloud.with_instance(place, id, |instance| {
        if let Ok((cluster, server)) = outcome {
            instance.cluster = Some(cluster);
            instance.port = Some(server.port());
            instance.server = Some(Arc::new(server));
        }
        instance.created_at = Some(Timestamp::now());
    });
    apply_refusal(cloud, place, id).await;
    cloud.move_instance(place, id, InstanceStatus::Creating, status);
    if status == InstanceStatus::Available {
        match origin {
            Origin::Empty { .. } | Origin::Directory { .. } => {
                cloud.announce(place, RdsEvent::of_instance(place, id, InstanceEvent::Created));
            }
            Origin::Snapshot { id: snapshot, .. } => {
                cloud.announce(place, RdsEvent::of_snapshot(place, &snapshot, SnapshotEvent::Restored));
            }
        }
    }
}

/// The real work: data on disk, a server on it, RDS's roles in it.
async fn make(cloud: &Cloud, dir: &Path, origin: &Origin) -> Result<(Cluster, Server), PostgresError> {
    let host = &cloud.host;
    let cluster = match origin {
        Origin::Empty { .. } => Cluster::init(host, dir).await?,
        Origin::Snapshot { files, .. } => Cluster::restore(host, dir, &files.0).await?,
        Origin::Directory { path, handover, .. } => Cluster::adopt(host, dir, path, *handover).await?,
    };
    let server = cluster.start(None).await?;
    ensure_rds_roles(server.admin()).await?;
    match origin {
        Origin::Empty { master, db_name } => create_master_user(server.admin(), master, db_name.as_deref()).await?,
        Origin::Directory { master, .. } => ensure_master_user(server.admin(), master).await?,
        Origin::Snapshot { .. } => {}
    }
    Ok((cluster, server))
}
