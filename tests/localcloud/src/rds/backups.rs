//! Automated backups: the first snapshot, the uploads of transaction logs, and what switches them on and off.
//!
//! The backup window never comes: after the first automated snapshot there are only those that a test orders. Nothing expires
//! before its instance or cluster goes.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cloud::Cloud;
use super::errors::ApiError;
use super::identity::{ClusterSnapshotId, InstanceId, Place, SnapshotId, Source};
use super::render::error_chain;
use super::resources::{AutomatedBackups, Capture};
use super::state::RegionState;
use super::statuses::{SnapshotStatus, SnapshotType};
use super::taking::{Taking, take};
use super::{cluster_snapshots, power, snapshots, tags, volumes};
use crate::postgres::{PostgresError, Server, WalArchive};

/// A segment of 1 MB arrives at once, unless the server has just been kept from archiving: it tries again after a second.
const UPLOADED_WITHIN: Duration = Duration::from_secs(10);

/// An archive for the WAL of something new.
pub(crate) fn new_archive(cloud: &Cloud, resource_id: &str) -> Result<Arc<WalArchive>, PostgresError> {
    WalArchive::create(cloud.new_dir("archives", resource_id), &cloud.host).map(Arc::new)
}

/// Takes the first automated snapshot, and uploads what makes it restorable to a time.
pub(crate) async fn begin(cloud: &Cloud, place: &Place, source: &Source) {
    match snapshot(cloud, place, source).await {
        Ok(_) => upload_with_any_server(cloud, place, source).await,
        // Deleted meanwhile.
        Err(error) => tracing::debug!(%source, %error, "no first automated snapshot"),
    }
}

/// Takes an automated snapshot now; answers with its name.
pub(crate) async fn snapshot(cloud: &Cloud, place: &Place, source: &Source) -> Result<Taking, ApiError> {
    let now = Timestamp::now();
    let no_tags = tags::Tags::new();
    let taking = match source {
        Source::Instance(of) => {
            let name = cloud.with_region(place, |region| {
                free_name(now, source, |name| region.snapshots.contains_key(&SnapshotId::lookup(name)))
            });
            let id = SnapshotId::lookup(&name);
            snapshots::enter(cloud, place, of, &id, (SnapshotType::Automated, no_tags))?;
            Taking::Instance { of: of.clone(), id }
        }
        Source::Cluster(of) => {
            let name = cloud.with_region(place, |region| {
                free_name(now, source, |name| region.cluster_snapshots.contains_key(&ClusterSnapshotId::lookup(name)))
            });
            let id = ClusterSnapshotId::lookup(&name);
            cluster_snapshots::enter(cloud, place, of, &id, (SnapshotType::Automated, no_tags))?;
            Taking::Cluster { of: of.clone(), id }
        }
    };
    take(cloud, place, &taking).await;
    Ok(taking)
}

/// `rds:<source>-yyyy-mm-dd-hh-mm`. RDS takes no two in one minute; when a test does, the second is named after the next.
fn free_name(now: Timestamp, source: &Source, is_taken: impl Fn(&str) -> bool) -> String {
    let mut time = now;
    loop {
        let name = format!("rds:{source}-{}", time.strftime("%Y-%m-%d-%H-%M"));
        match time.checked_add(SignedDuration::from_secs(60)) {
            Ok(next) if is_taken(&name) => time = next,
            Ok(_) | Err(_) => return name,
        }
    }
}

/// The end of the oldest automated snapshot: no time before it can be restored.
pub(crate) fn earliest_restorable(region: &RegionState, resource_id: &str) -> Option<Timestamp> {
    let of_instances = region.snapshots.values().map(|snapshot| (&snapshot.source, &snapshot.capture));
    let of_clusters = region.cluster_snapshots.values().map(|snapshot| (&snapshot.source, &snapshot.capture));
    let own = of_instances
        .chain(of_clusters)
        .filter(|(source, capture)| source.resource_id == resource_id && capture.is_base_for(Timestamp::MAX));
    own.filter_map(|(_, capture)| capture.consistent_at).min()
}

/// Uploads everybody's logs again and again, until the service ends.
pub(crate) async fn run(cloud: Arc<Cloud>) {
    loop {
        cloud.pause(cloud.config.timings.log_upload).await;
        if cloud.is_closing() {
            return;
        }
        let due: Vec<(Place, Source)> = {
            let state = cloud.state();
            let sources = |region: &RegionState| {
                let instances = region.instances.keys().cloned().map(Source::Instance);
                instances.chain(region.clusters.keys().cloned().map(Source::Cluster)).collect::<Vec<_>>()
            };
            let of_region = |(place, region): (&Place, &RegionState)| {
                sources(region).into_iter().map(|source| (place.clone(), source)).collect::<Vec<_>>()
            };
            state.regions.iter().flat_map(of_region).collect()
        };
        let uploads = due.iter().map(|(place, source)| upload(&cloud, place, source));
        futures_util::future::join_all(uploads).await;
    }
}

/// Uploads one source's logs now, if it has automated backups and they are not held back.
pub(crate) async fn upload(cloud: &Cloud, place: &Place, source: &Source) {
    let Some((backups, server)) = parts(cloud, place, source) else {
        return;
    };
    upload_from(cloud, place, source, &backups, server.as_deref()).await;
}

/// As [`upload`], with a server started for it if a cluster has none.
async fn upload_with_any_server(cloud: &Cloud, place: &Place, source: &Source) {
    let (Source::Cluster(id), Some(operation)) = (source, cloud.operation(place, source)) else {
        return upload(cloud, place, source).await;
    };
    let _working = operation.lock().await;
    let Some((backups, _)) = parts(cloud, place, source) else {
        return;
    };
    match volumes::lend(cloud, place, id).await {
        Ok(Some(lent)) => {
            upload_from(cloud, place, source, &backups, Some(lent.server())).await;
            lent.give_back().await;
        }
        Ok(None) => upload_from(cloud, place, source, &backups, None).await,
        Err(error) => tracing::warn!(%source, error = %error_chain(&error), "no server to upload logs from"),
    }
}

/// Nothing can be restored to a time before the first snapshot is there, and nobody writes to what has no server.
async fn upload_from(
    cloud: &Cloud,
    place: &Place,
    source: &Source,
    backups: &AutomatedBackups,
    server: Option<&Server>,
) {
    let has_snapshot = cloud.with_region(place, |region| has_automated_snapshot(region, source));
    if backups.held || !has_snapshot {
        return;
    }
    let reached = match (&backups.archive, server) {
        (Some(archive), Some(server)) => archive.upload(server, UPLOADED_WITHIN).await,
        (Some(_), None) => return,
        (None, _) => Ok(Timestamp::now()),
    };
    match reached {
        Ok(reached) => with_backups(cloud, place, source, |now| {
            let same = now.archive.as_ref().map(Arc::as_ptr) == backups.archive.as_ref().map(Arc::as_ptr);
            if same {
                now.latest_restorable = now.latest_restorable.max(Some(reached));
            }
        }),
        Err(error) => tracing::warn!(%source, error = %error_chain(&error), "transaction logs were not uploaded"),
    }
}

fn has_automated_snapshot(region: &RegionState, source: &Source) -> bool {
    let taken =
        |capture: &Capture| capture.kind == SnapshotType::Automated && capture.status == SnapshotStatus::Available;
    match source {
        Source::Instance(id) => region.snapshots.values().any(|one| one.instance_id == *id && taken(&one.capture)),
        Source::Cluster(id) => {
            region.cluster_snapshots.values().any(|one| one.cluster_id == *id && taken(&one.capture))
        }
    }
}

/// The backups of a source, and its server. A cluster without members has none, which is enough: nobody writes to it.
fn parts(cloud: &Cloud, place: &Place, source: &Source) -> Option<(AutomatedBackups, Option<Arc<Server>>)> {
    match source {
        Source::Instance(id) => cloud
            .with_instance(place, id, |instance| Some((instance.backups.clone()?, instance.server.clone())))
            .flatten(),
        Source::Cluster(id) => {
            let server = volumes::members_server(cloud, place, id);
            cloud.with_cluster(place, id, |cluster| (cluster.backups.clone(), server))
        }
    }
}

fn with_backups(cloud: &Cloud, place: &Place, source: &Source, work: impl FnOnce(&mut AutomatedBackups)) {
    match source {
        Source::Instance(id) => {
            cloud.with_instance(place, id, |instance| instance.backups.as_mut().map(work));
        }
        Source::Cluster(id) => {
            cloud.with_cluster(place, id, |cluster| work(&mut cluster.backups));
        }
    }
}

/// Holds a source's uploads back, so that its latest restorable time stays behind, or lets them go on.
pub(crate) fn hold(cloud: &Cloud, place: &Place, source: &Source, held: bool) -> Result<(), ApiError> {
    let found = parts(cloud, place, source).map(|(backups, _)| backups);
    let backups = found.ok_or_else(|| ApiError::point_in_time_restore_not_enabled(source))?;
    if let Some(archive) = &backups.archive {
        let outcome = if held { archive.hold(&cloud.host) } else { archive.release() };
        outcome.map_err(|error| ApiError::new("InternalFailure", 500, error_chain(&error)))?;
    }
    with_backups(cloud, place, source, |backups| backups.held = held);
    Ok(())
}

/// Switches an instance's automated backups on or off. "Changing to or from 0 causes an outage": the server starts anew, as it must
/// to archive or not. The caller holds the instance's `operation`.
pub(crate) async fn switch(cloud: &Cloud, place: &Place, id: &InstanceId, on: bool) -> Result<(), PostgresError> {
    let resource_id = cloud.with_instance(place, id, |instance| instance.description.resource_id.clone());
    let Some(resource_id) = resource_id else {
        return Ok(());
    };
    let archive = if on { Some(new_archive(cloud, &resource_id)?) } else { None };
    let server = cloud.with_instance(place, id, |instance| instance.server.take()).flatten();
    if let Some(server) = &server {
        server.stop().await;
    }
    cloud.with_region(place, |region| {
        if !on {
            region.forget_automated_snapshots(&resource_id);
        }
        if let Some(instance) = region.instances.get_mut(id) {
            instance.backups =
                archive.map(|archive| AutomatedBackups { archive: Some(archive), ..AutomatedBackups::default() });
        }
    });
    if server.is_some() {
        power::start_locked(cloud, place, id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::identity::{InstanceId, Source};
    use super::free_name;

    #[test]
    fn an_automated_snapshot_is_named_after_its_minute_and_no_two_are_named_alike() -> Result<(), jiff::Error> {
        let source = Source::Instance(InstanceId::lookup("orders"));
        let now = "2026-11-20T02:59:31Z".parse()?;
        assert_eq!(free_name(now, &source, |_| false), "rds:orders-2026-11-20-02-59");
        assert_eq!(free_name(now, &source, |name| name.ends_with("02-59")), "rds:orders-2026-11-20-03-00");
        Ok(())
    }
}
