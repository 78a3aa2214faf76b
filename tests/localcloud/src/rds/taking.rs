//! Taking a snapshot that was entered: the same work for DB instances and DB clusters.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::cloud::Cloud;
use super::events::{RdsEvent, SnapshotEvent, TakingEvent};
use super::faults::SnapshotFault;
use super::identity::{ClusterId, ClusterSnapshotId, InstanceId, Place, SnapshotId, Source};
use super::render;
use super::resources::Capture;
use super::statuses::{SnapshotStatus, SnapshotType};
use super::volumes;
use crate::postgres::{Login, PostgresError, Server};

/// A snapshot to be taken: which, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taking {
    Instance { of: InstanceId, id: SnapshotId },
    Cluster { of: ClusterId, id: ClusterSnapshotId },
}

/// What a copy came to.
struct Copied {
    bytes: u64,
    consistent_at: Timestamp,
}

impl Taking {
    fn source(&self) -> Source {
        match self {
            Self::Instance { of, .. } => Source::Instance(of.clone()),
            Self::Cluster { of, .. } => Source::Cluster(of.clone()),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Instance { id, .. } => id.as_str(),
            Self::Cluster { id, .. } => id.as_str(),
        }
    }

    fn event(&self, place: &Place, what: TakingEvent, automated: bool) -> RdsEvent {
        match self {
            Self::Instance { id, .. } => RdsEvent::of_snapshot(place, id, SnapshotEvent::Taking(what, automated)),
            Self::Cluster { id, .. } => RdsEvent::of_cluster_snapshot(place, id, what, automated),
        }
    }

    fn with_capture<T>(&self, cloud: &Cloud, place: &Place, work: impl FnOnce(&mut Capture) -> T) -> Option<T> {
        cloud.with_region(place, |region| match self {
            Self::Instance { id, .. } => region.snapshots.get_mut(id).map(|snapshot| work(&mut snapshot.capture)),
            Self::Cluster { id, .. } => {
                region.cluster_snapshots.get_mut(id).map(|snapshot| work(&mut snapshot.capture))
            }
        })
    }
}

/// Takes the snapshot. Whatever happens, it says so in the snapshot's status and never fails itself.
pub(crate) async fn take(cloud: &Cloud, place: &Place, taking: &Taking) {
    let Some(kind) = taking.with_capture(cloud, place, |capture| capture.kind) else {
        return;
    };
    // To RDS, AWS Backup is one more customer.
    let automated = kind == SnapshotType::Automated;
    cloud.announce(place, taking.event(place, TakingEvent::Creating, automated));
    let fault = cloud.faults().take_snapshot_fault(&(place.clone(), taking.source()));
    if fault == Some(SnapshotFault::Stuck) {
        // Somewhere on the way.
        taking.with_capture(cloud, place, |capture| {
            capture.bytes_expected = 100;
            capture.bytes_copied.store(42, Ordering::Relaxed);
        });
        return;
    }
    let Some(operation) = cloud.operation(place, &taking.source()) else {
        return;
    };
    let _working = operation.lock().await;
    taking.with_capture(cloud, place, |capture| capture.taken_at = Some(Timestamp::now()));
    let outcome = cloud.at_least(cloud.config.timings.snapshot, copy_source(cloud, place, taking)).await;
    let copied = match (outcome, fault) {
        (Ok(copied), None) => Some(copied),
        (Ok(_), Some(_)) => None,
        (Err(error), _) => {
            tracing::error!(snapshot = taking.name(), error = %render::error_chain(&error), "a snapshot failed");
            None
        }
    };
    let succeeded = copied.is_some();
    taking.with_capture(cloud, place, |capture| {
        capture.status = if succeeded { SnapshotStatus::Available } else { SnapshotStatus::Failed };
        if let Some(copied) = copied.flatten() {
            capture.size_bytes = Some(copied.bytes);
            capture.consistent_at = Some(copied.consistent_at);
        }
    });
    if succeeded {
        cloud.announce(place, taking.event(place, TakingEvent::Created, automated));
    }
}

/// Copies what there is to copy: nothing behind a DocumentDB cluster.
async fn copy_source(cloud: &Cloud, place: &Place, taking: &Taking) -> Result<Option<Copied>, PostgresError> {
    match taking {
        Taking::Instance { of, .. } => {
            let server = cloud.server(place, of).map_err(|error| PostgresError::Unsupported(error.message))?;
            copy(cloud, place, taking, &server).await.map(Some)
        }
        Taking::Cluster { of, .. } => {
            let Some(lent) = volumes::lend(cloud, place, of).await? else {
                return Ok(None);
            };
            let outcome = copy(cloud, place, taking, lent.server()).await;
            lent.give_back().await;
            outcome.map(Some)
        }
    }
}

/// The real work. Damage is located on the source before the copy and done to the copy after it.
async fn copy(cloud: &Cloud, place: &Place, taking: &Taking, server: &Server) -> Result<Copied, PostgresError> {
    let gone = || PostgresError::Unsupported("the source or its snapshot is gone".to_owned());
    let bytes_expected = data_size_bytes(server.admin()).await?;
    let parts = taking.with_capture(cloud, place, |capture| {
        capture.bytes_expected = bytes_expected;
        (Arc::clone(&capture.files), Arc::clone(&capture.bytes_copied))
    });
    let (files, bytes_copied) = parts.ok_or_else(gone)?;
    let damages = cloud.faults().take_damages(&(place.clone(), taking.source()));
    let mut located = Vec::new();
    for damage in &damages {
        located.push(damage.locate(server.admin()).await?);
    }
    let summary = files.0.take(&cloud.host, server, &bytes_copied).await?;
    let consistent_at = Timestamp::now();
    for damage in &located {
        files.0.apply(damage)?;
    }
    Ok(Copied { bytes: summary.bytes, consistent_at })
}

async fn data_size_bytes(admin: &Login) -> Result<u64, PostgresError> {
    let question = "select sum(pg_database_size(oid))::bigint from pg_database";
    let client = admin.connect().await?;
    let row = client.query_one(question, &[]).await.map_err(PostgresError::sql("measure the databases"))?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}
