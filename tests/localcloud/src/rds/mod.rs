//! RDS on one machine: the RDS Query API for what Holdfast uses, with a real PostgreSQL server behind every DB instance.
//!
//! A snapshot is a physical backup, a restore is a new server on a copy of it. Regions are apart, statuses take their time,
//! quotas hold, events are sent, and misfortune can be ordered. What is not here is refused with an error; nothing pretends.
//!
//! With automated backups an instance archives its WAL for real, and a restore to a time replays it. An Aurora cluster is one
//! plain PostgreSQL, its volume, with a server while there is an instance to answer.
//!
//! Limits of the emulation, on purpose:
//! - the port in `Endpoint` is a free local port, never the one asked for;
//! - a parameter group changes a server when that starts, never one that runs; `rds.*`, the parameters of extensions and formulas over a
//!   class's memory are kept and shown, and do nothing;
//! - maintenance and backup windows never come: what is not applied immediately stays pending, and after the first automated snapshot
//!   there are only those that [`Rds::take_automated_snapshot`] takes; neither they nor archived WAL expire before their source goes;
//! - automated backups end with their instance or cluster: none are retained, and a replicated one is shown but cannot be restored;
//! - storage, network, encryption and IAM settings are kept and shown, and do nothing; a KMS key is shown as it was named, where RDS
//!   shows its ARN;
//! - every member of an Aurora cluster answers at the writer's server, so readers can write; there is no failover to wait for;
//! - a DocumentDB cluster is what the API says of it. No server that speaks MongoDB's protocol is behind it: its addresses end in
//!   `.invalid`, its snapshots hold nothing, and its latest restorable time follows the clock;
//! - no copies, no sharing, no exports, no Multi-AZ DB clusters, no secrets managed by RDS.

mod api;
mod automated_backups;
mod backups;
mod bring_up;
mod cloud;
mod cluster_changes;
mod cluster_restore;
mod cluster_snapshots;
mod clusters;
mod config;
mod control;
mod describe_events;
mod errors;
mod events;
mod faults;
mod identity;
mod instances;
mod keys;
mod members;
mod modify;
mod pages;
mod parameter_groups;
mod parameters;
mod point_in_time;
mod power;
mod query;
mod render;
mod render_clusters;
mod resources;
mod restore;
mod settings;
mod snapshots;
mod state;
mod statuses;
mod tags;
mod taking;
#[cfg(test)]
mod tests;
mod throttle;
mod validation;
mod volumes;
mod xml;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::postgres::{Host, HostOptions, PostgresError};
use cloud::Cloud;

pub use config::{Config, Quotas, RateLimit, Timings};
pub use control::Adoption;
pub use errors::ApiError;
pub use events::{Discard, EventSink, RdsEvent, SourceType, forward_to_event_bus};
pub use faults::{Refusal, SnapshotFault};
pub use identity::{Account, ClusterId, ClusterSnapshotId, InstanceId, Place, Region, SnapshotId};
pub use statuses::{ClusterStatus, Engine, InstanceStatus, SnapshotStatus, SnapshotType};

/// What lies below the root: data of instances and of clusters, snapshots, archived WAL.
const DIRECTORIES: [&str; 4] = ["instances", "clusters", "snapshots", "archives"];
/// A server that is not writable by then never will be.
const SERVER_STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Connections that are still open at shutdown get this long.
const CONNECTIONS_END_WITHIN: Duration = Duration::from_secs(2);

/// Why the service did not start, or an administrative request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RdsError {
    /// The PostgreSQL side.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// What the API itself would have answered.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The listener.
    #[error("cannot listen on the loopback address")]
    Listen(#[source] std::io::Error),
}

/// A running local RDS.
///
/// [`Rds::shutdown`] ends it in order. Dropping it kills its servers and removes its files as well as a `Drop` can.
#[derive(Debug)]
pub struct Rds {
    cloud: Arc<Cloud>,
    address: SocketAddr,
    http: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Rds {
    /// Starts the service on a free loopback port.
    ///
    /// # Errors
    /// When the directory cannot be used, no user can run the servers, or nothing can listen.
    pub async fn start(config: Config) -> Result<Self, RdsError> {
        let host = Host::new(HostOptions {
            binaries: config.binaries.clone(),
            data_checksums: config.data_checksums,
            start_within: SERVER_STARTS_WITHIN,
        })?;
        crate::postgres::create_private_dir(&config.root, host.user())?;
        for kind in DIRECTORIES {
            crate::postgres::create_private_dir(&config.root.join(kind), host.user())?;
        }
        host.user().check_reaches(&config.root)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(RdsError::Listen)?;
        let address = listener.local_addr().map_err(RdsError::Listen)?;
        let known_parameters = crate::postgres::known_parameters(&host)?;
        let cloud = Arc::new(Cloud::new(config, host, known_parameters));
        cloud.spawn(backups::run(Arc::clone(&cloud)));
        let (stop, stopped) = oneshot::channel();
        let router = api::router(Arc::clone(&cloud));
        let task = tokio::spawn(async move {
            let until = async {
                // A dropped sender means the same as a sent word.
                stopped.await.unwrap_or_default();
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the local RDS endpoint ended");
            }
        });
        Ok(Self { cloud, address, http: Some((stop, task)) })
    }

    /// URL of the API, for `AWS_ENDPOINT_URL_RDS`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The root certificate of the databases, in place of Amazon's `global-bundle.pem`.
    pub fn ca_pem(&self) -> &str {
        self.cloud.host.ca_pem()
    }

    /// Process ids of all servers, for a check that none is left.
    pub fn processes(&self) -> Vec<u32> {
        let state = self.cloud.state();
        let instances = state.regions.values().flat_map(|region| region.instances.values());
        instances.filter_map(|instance| instance.server.as_ref()).flat_map(|server| server.processes()).collect()
    }

    /// Ends the service: no more requests, no more jobs, all servers stopped, all files removed.
    ///
    /// # Errors
    /// When files remain.
    pub async fn shutdown(mut self) -> Result<(), RdsError> {
        if let Some((stop, mut task)) = self.http.take() {
            drop(stop);
            if tokio::time::timeout(CONNECTIONS_END_WITHIN, &mut task).await.is_err() {
                task.abort();
            }
        }
        self.cloud.close().await;
        self.remove_files()?;
        Ok(())
    }

    fn remove_files(&self) -> Result<(), PostgresError> {
        let root: &Path = &self.cloud.config.root;
        DIRECTORIES.iter().try_for_each(|kind| crate::postgres::remove_tree(&root.join(kind)))
    }
}

impl Drop for Rds {
    fn drop(&mut self) {
        if let Some((_, task)) = self.http.take() {
            task.abort();
        }
        self.cloud.abandon();
        if let Err(error) = self.remove_files() {
            tracing::debug!(%error, "files of a local RDS that was not shut down remain");
        }
    }
}
