//! The server on a cluster's volume: one for all members, running while there is a member to answer.
//!
//! Whoever starts or stops it holds the cluster's `operation`.

use std::sync::Arc;

use super::cloud::Cloud;
use super::errors::ApiError;
use super::identity::{ClusterId, Place};
use super::parameters;
use super::resources::DbCluster;
use super::statuses::{ClusterStatus, Engine};
use crate::postgres::{Cluster, PostgresError, Server};

/// A server on a volume, lent for one piece of work.
pub(crate) enum Lent {
    /// The members': it goes on.
    Members(Arc<Server>),
    /// There is no member, so it runs for this work alone.
    Moment(Server),
}

impl Lent {
    pub(crate) fn server(&self) -> &Server {
        match self {
            Self::Members(server) => server,
            Self::Moment(server) => server,
        }
    }

    pub(crate) async fn give_back(self) {
        match self {
            Self::Members(_) => {}
            Self::Moment(server) => server.stop().await,
        }
    }
}

/// "You can create DB instances only after the operation has completed and the DB cluster is available"
/// (`RestoreDBClusterFromSnapshot`, Amazon RDS API Reference).
pub(crate) fn check_takes_members(cluster: &DbCluster) -> Result<(), ApiError> {
    match cluster.status {
        ClusterStatus::Available | ClusterStatus::BackingUp | ClusterStatus::ResettingMasterCredentials => Ok(()),
        ClusterStatus::Creating
        | ClusterStatus::Stopping
        | ClusterStatus::Stopped
        | ClusterStatus::Starting
        | ClusterStatus::Deleting
        | ClusterStatus::MigrationFailed
        | ClusterStatus::InaccessibleEncryptionCredentialsRecoverable => {
            Err(ApiError::cluster_state(format!("DB cluster {} is not in the available state.", cluster.id)))
        }
    }
}

/// The server of a cluster's members, if one runs.
pub(crate) fn members_server(cloud: &Cloud, place: &Place, id: &ClusterId) -> Option<Arc<Server>> {
    cloud.with_region(place, |region| {
        let mut servers = region.members_mut(id).filter_map(|member| member.server.clone());
        servers.find(|server| server.is_running())
    })
}

/// Lends the server of a volume, started if need be. None for DocumentDB.
pub(crate) async fn lend(cloud: &Cloud, place: &Place, id: &ClusterId) -> Result<Option<Lent>, PostgresError> {
    if let Some(server) = members_server(cloud, place, id) {
        return Ok(Some(Lent::Members(server)));
    }
    Ok(start(cloud, place, id).await?.map(|(_, server)| Lent::Moment(server)))
}

/// What a new member runs on.
pub(crate) async fn join(
    cloud: &Cloud,
    place: &Place,
    id: &ClusterId,
) -> Result<Option<(Cluster, Arc<Server>)>, PostgresError> {
    if let Some(server) = members_server(cloud, place, id) {
        let volume = cloud.with_cluster(place, id, |cluster| cluster.volume.clone()).flatten();
        return Ok(volume.map(|volume| (volume, server)));
    }
    Ok(start(cloud, place, id).await?.map(|(volume, server)| (volume, Arc::new(server))))
}

async fn start(cloud: &Cloud, place: &Place, id: &ClusterId) -> Result<Option<(Cluster, Server)>, PostgresError> {
    let parts = cloud.with_cluster(place, id, |cluster| {
        (cluster.description.engine, cluster.volume.clone(), cluster.port, cluster.backups.archive.clone())
    });
    let (volume, port, archive) = match parts {
        Some((Engine::Docdb, ..)) => return Ok(None),
        Some((_, Some(volume), port, archive)) => (volume, port, archive),
        Some((_, None, ..)) | None => {
            return Err(PostgresError::Unsupported("the cluster or its volume is gone".to_owned()));
        }
    };
    let server = volume.start_with(port, archive.as_deref(), &parameters::of_cluster(cloud, place, id)).await?;
    cloud.with_cluster(place, id, |cluster| cluster.port = Some(server.port()));
    Ok(Some((volume, server)))
}
