//! From an accepted request to a running database: the one way into existence of every instance.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::backups;
use super::cloud::Cloud;
use super::errors::ApiError;
use super::events::{InstanceEvent, RdsEvent, SnapshotEvent};
use super::identity::{ClusterId, InstanceId, Place, SnapshotId, Source};
use super::parameter_groups::GroupOf;
use super::parameters;
use super::power::apply_refusal;
use super::render::{error_chain, render_instance};
use super::resources::{AutomatedBackups, Description, Instance, SnapshotFiles};
use super::statuses::InstanceStatus;
use super::volumes;
use super::xml::Element;
use crate::postgres::{
    Cluster, Handover, MasterUser, PostgresError, Server, WalArchive, create_master_user, ensure_master_user,
    ensure_rds_roles,
};

/// Where the data comes from. No `Debug`: it carries passwords.
pub(crate) enum Origin {
    /// An empty cluster with a master user.
    Empty { master: MasterUser, db_name: Option<String> },
    /// A snapshot; its master user and password live on.
    Snapshot { files: Arc<SnapshotFiles> },
    /// An automated snapshot, and what was archived after it.
    PointInTime { files: Arc<SnapshotFiles>, archive: Arc<WalArchive>, target: Timestamp },
    /// Somebody's data directory, which gets this master user.
    Directory { path: PathBuf, handover: Handover, master: MasterUser },
}

/// How an instance begins, and so what RDS says of it.
pub(crate) enum Beginning {
    /// With data of its own.
    Own { origin: Origin, story: Story },
    /// As one more server of a cluster's volume.
    Member(ClusterId),
}

/// What the event says.
pub(crate) enum Story {
    Created,
    FromSnapshot(SnapshotId),
    ToTime(InstanceId),
}

/// Enters a new instance and starts the job that brings it up; answers with the instance as it is now.
pub(crate) fn launch(
    cloud: &Arc<Cloud>,
    place: &Place,
    mut instance: Instance,
    beginning: Beginning,
) -> Result<Element, ApiError> {
    let id = instance.id.clone();
    let storage_gib = instance.description.settings.number("AllocatedStorage");
    let answer = cloud.with_region(place, |region| {
        region.check_room_for_instance(&id, storage_gib, cloud.config.quotas)?;
        region.check_key(&instance.description.settings)?;
        let Description { engine, engine_version, settings, .. } = &instance.description;
        region.check_parameter_group(GroupOf::Instances, settings, *engine, engine_version)?;
        if let Beginning::Member(cluster_id) = &beginning {
            let cluster = region.cluster_mut(cluster_id)?;
            volumes::check_takes_members(cluster)?;
            instance.operation = Arc::clone(&cluster.operation);
            cluster.members.push(id.clone());
        }
        let answer = render_instance(place, &instance);
        region.instances.insert(id.clone(), instance);
        Ok::<_, ApiError>(answer)
    })?;
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move { bring_up(&this, &place, &id, beginning).await });
    Ok(answer)
}

/// What an instance runs on; a member of a DocumentDB cluster runs on nothing.
type Running = Option<(Cluster, Arc<Server>)>;

async fn bring_up(cloud: &Cloud, place: &Place, id: &InstanceId, beginning: Beginning) {
    let Some(operation) = cloud.with_instance(place, id, |instance| Arc::clone(&instance.operation)) else {
        return;
    };
    let working = operation.lock().await;
    let work = async {
        match &beginning {
            Beginning::Own { origin, .. } => make_own(cloud, place, id, origin).await.map(Some),
            Beginning::Member(cluster) => volumes::join(cloud, place, cluster).await,
        }
    };
    let outcome = cloud.at_least(cloud.config.timings.creating, work).await;
    let ending = cloud.faults().take_ending(&(place.clone(), id.clone()));
    let status = status_after(cloud, place, id, &beginning, &outcome, ending);
    enter_running(cloud, place, id, outcome.ok().flatten());
    apply_refusal(cloud, place, id).await;
    drop(working);
    let backed_up = cloud.with_instance(place, id, |instance| instance.backups.is_some()).unwrap_or(false);
    let next = if backed_up && status == InstanceStatus::Available { InstanceStatus::BackingUp } else { status };
    cloud.move_instance(place, id, InstanceStatus::Creating, next);
    if status == InstanceStatus::Available {
        announce(cloud, place, id, beginning);
    }
    // Not if it is being deleted already.
    if cloud.with_instance(place, id, |instance| instance.status) == Some(InstanceStatus::BackingUp) {
        backups::begin(cloud, place, &Source::Instance(id.clone())).await;
        cloud.move_instance(place, id, InstanceStatus::BackingUp, InstanceStatus::Available);
    }
}

fn status_after(
    cloud: &Cloud,
    place: &Place,
    id: &InstanceId,
    beginning: &Beginning,
    outcome: &Result<Running, PostgresError>,
    ending: Option<InstanceStatus>,
) -> InstanceStatus {
    let (error, refused) = match outcome {
        Ok(_) => return ending.unwrap_or(InstanceStatus::Available),
        Err(error) => (error_chain(error), parameters::refused_by(error)),
    };
    tracing::error!(instance = %id, error, "a DB instance could not be brought up");
    cloud.with_instance(place, id, |instance| instance.failure = Some(error));
    if refused {
        return InstanceStatus::IncompatibleParameters;
    }
    match beginning {
        Beginning::Own { origin: Origin::Snapshot { .. } | Origin::PointInTime { .. }, .. } => {
            InstanceStatus::IncompatibleRestore
        }
        Beginning::Own { origin: Origin::Empty { .. } | Origin::Directory { .. }, .. } | Beginning::Member(_) => {
            InstanceStatus::Failed
        }
    }
}

fn enter_running(cloud: &Cloud, place: &Place, id: &InstanceId, running: Running) {
    cloud.with_instance(place, id, |instance| {
        if let Some((data, server)) = running {
            instance.data = Some(data);
            instance.port = Some(server.port());
            instance.server = Some(server);
        }
        instance.created_at = Some(Timestamp::now());
    });
}

fn announce(cloud: &Cloud, place: &Place, id: &InstanceId, beginning: Beginning) {
    let event = match beginning {
        Beginning::Own { story: Story::Created, .. } | Beginning::Member(_) => {
            RdsEvent::of_instance(place, id, InstanceEvent::Created)
        }
        Beginning::Own { story: Story::FromSnapshot(snapshot), .. } => {
            RdsEvent::of_snapshot(place, &snapshot, SnapshotEvent::Restored)
        }
        Beginning::Own { story: Story::ToTime(source), .. } => RdsEvent::of_restore_to_time(place, id, &source),
    };
    cloud.announce(place, event);
}

/// An instance's own data and server, archiving if the instance has automated backups.
async fn make_own(
    cloud: &Cloud,
    place: &Place,
    id: &InstanceId,
    origin: &Origin,
) -> Result<(Cluster, Arc<Server>), PostgresError> {
    let parts = cloud.with_instance(place, id, |instance| {
        let description = &instance.description;
        (description.resource_id.clone(), description.settings.number("BackupRetentionPeriod"))
    });
    let (resource_id, retention_days) = parts.unwrap_or_default();
    let mut archive = None;
    if retention_days > 0 {
        archive = Some(backups::new_archive(cloud, &resource_id)?);
    }
    let dir = cloud.new_dir("instances", &resource_id);
    let settings = parameters::of_instance(cloud, place, id);
    let (data, server) = make(cloud, &dir, (archive.as_deref(), &settings), origin).await?;
    cloud.with_instance(place, id, |instance| {
        instance.backups =
            archive.map(|archive| AutomatedBackups { archive: Some(archive), ..AutomatedBackups::default() });
    });
    Ok((data, Arc::new(server)))
}

/// The real work: data on disk, a server on it, RDS's roles in it.
pub(crate) async fn make(
    cloud: &Cloud,
    dir: &Path,
    (archive, settings): (Option<&WalArchive>, &str),
    origin: &Origin,
) -> Result<(Cluster, Server), PostgresError> {
    let host = &cloud.host;
    let data = match origin {
        Origin::Empty { .. } => Cluster::init(host, dir).await?,
        Origin::Snapshot { files } => Cluster::restore(host, dir, &files.0).await?,
        Origin::PointInTime { files, archive, target } => {
            Cluster::restore_to(host, dir, &files.0, archive, *target).await?
        }
        Origin::Directory { path, handover, .. } => Cluster::adopt(host, dir, path, *handover).await?,
    };
    let server = data.start_with(None, archive, settings).await?;
    ensure_rds_roles(server.admin()).await?;
    match origin {
        Origin::Empty { master, db_name } => create_master_user(server.admin(), master, db_name.as_deref()).await?,
        Origin::Directory { master, .. } => ensure_master_user(server.admin(), master).await?,
        Origin::Snapshot { .. } | Origin::PointInTime { .. } => {}
    }
    Ok((data, server))
}
