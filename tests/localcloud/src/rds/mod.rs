//! RDS on one machine: the RDS Query API for what Holdfast uses, with a real PostgreSQL server behind every DB instance.
//!
//! A snapshot is a physical backup, a restore is a new server on a copy of it. Regions are apart, statuses take their time,
//! quotas hold, events are sent, and misfortune can be ordered. What is not here is refused with an error; nothing pretends.
//!
//! Limits of the emulation, on purpose:
//! - the port in `Endpoint` is a free local port, never the one asked for;
//! - maintenance windows never come, so what is not applied immediately stays pending;
//! - storage, network, encryption and IAM settings are kept and shown, and do nothing;
//! - no automated snapshots, no point-in-time restore, no copies, no sharing, no clusters.

mod api;
mod bring_up;
mod cloud;
mod config;
mod describe_events;
mod errors;
mod events;
mod faults;
mod identity;
mod instances;
mod modify;
mod pages;
mod power;
mod query;
mod render;
mod restore;
mod settings;
mod snapshots;
mod state;
mod tags;
#[cfg(test)]
mod tests;
mod throttle;
mod validation;
mod xml;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::postgres::{Damage, Handover, Host, HostOptions, Login, MasterUser, PostgresError};
use cloud::{Cloud, random_id};

pub use config::{Config, Quotas, RateLimit, Timings};
pub use errors::ApiError;
pub use events::{Discard, EventSink, RdsEvent, SourceType, forward_to_event_bus};
pub use faults::{Refusal, SnapshotFault};
pub use identity::{Account, InstanceId, Place, Region, SnapshotId};
pub use state::{InstanceStatus, SnapshotStatus, SnapshotType};

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

/// A DB instance to be made from an existing data directory.
#[derive(Clone)]
pub struct Adoption {
    /// Its identifier.
    pub id: InstanceId,
    /// The data directory, shut down or a `pg_basebackup`.
    pub data_dir: PathBuf,
    /// What becomes of the directory.
    pub handover: Handover,
    /// The role that plays the master user, made if need be, and the password it gets.
    pub master: MasterUser,
    /// The database shown as `DBName`.
    pub db_name: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
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
        for dir in [config.root.clone(), config.root.join("instances"), config.root.join("snapshots")] {
            crate::postgres::create_private_dir(&dir, host.user())?;
        }
        host.user().check_reaches(&config.root)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(RdsError::Listen)?;
        let address = listener.local_addr().map_err(RdsError::Listen)?;
        let cloud = Arc::new(Cloud::new(config, host));
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

    /// The superuser's login to an instance's database `postgres`. On RDS only Amazon has it; here tests seed and break things with it.
    ///
    /// # Errors
    /// When there is no such instance, or it does not run.
    pub fn admin_login(&self, region: &Region, id: &InstanceId) -> Result<Login, ApiError> {
        Ok(self.cloud.server(&self.cloud.place(region), id)?.admin().clone())
    }

    /// An instance's data directory.
    ///
    /// # Errors
    /// When there is no such instance, or it does not run.
    pub fn instance_data_dir(&self, region: &Region, id: &InstanceId) -> Result<PathBuf, ApiError> {
        Ok(self.cloud.server(&self.cloud.place(region), id)?.data_dir().to_owned())
    }

    /// The directory of a snapshot's copied files; its data directory is `data` below it.
    ///
    /// # Errors
    /// When there is no such snapshot.
    pub fn snapshot_dir(&self, region: &Region, id: &SnapshotId) -> Result<PathBuf, ApiError> {
        let place = self.cloud.place(region);
        self.cloud.with_region(&place, |region| Ok(region.snapshot(id)?.files.0.dir().to_owned()))
    }

    /// Why an instance could not be brought up. RDS shows a status and keeps the reason to itself; a person at this machine can act on it.
    pub fn failure(&self, region: &Region, id: &InstanceId) -> Option<String> {
        self.cloud.with_instance(&self.cloud.place(region), id, |instance| instance.failure.clone()).flatten()
    }

    /// Begins to make an instance from an existing data directory; poll `DescribeDBInstances` for its end.
    ///
    /// # Errors
    /// When the identifier is taken or the quota reached. A directory that cannot be used shows as status `failed`.
    pub fn create_from_data_dir(&self, region: &Region, adoption: Adoption) -> Result<(), ApiError> {
        let Adoption { id, data_dir, handover, master, db_name, tags } = adoption;
        let place = self.cloud.place(region);
        let form = [("Action", "CreateDBInstance"), ("DBInstanceClass", "db.t4g.micro")];
        let request = query::Request::parse(form.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())?;
        let mut settings = settings::Settings::for_create(&request)?;
        validation::check_settings(&self.cloud, &mut settings)?;
        let description = state::Description {
            resource_id: format!("db-{}", random_id()),
            engine_version: self.cloud.host.binaries().version_text.clone(),
            master_username: master.name.clone(),
            db_name,
            settings,
            security_groups: Vec::new(),
            tags,
        };
        let origin = bring_up::Origin::Directory { path: data_dir, handover, master };
        bring_up::launch(&self.cloud, &place, id, description, origin).map(drop)
    }

    /// Takes a snapshot as somebody else would: RDS's automation or AWS Backup. `name` may have the colon of automated ones.
    /// Returns when it is complete.
    ///
    /// # Errors
    /// When the instance does not exist or the name is taken.
    pub async fn register_external_snapshot(
        &self,
        region: &Region,
        instance: &InstanceId,
        name: &str,
        kind: SnapshotType,
    ) -> Result<SnapshotId, ApiError> {
        let place = self.cloud.place(region);
        let id = SnapshotId::lookup(name);
        snapshots::enter(&self.cloud, &place, instance, &id, (kind, tags::Tags::new()))?;
        snapshots::take(&self.cloud, &place, instance, &id).await;
        Ok(id)
    }

    /// Breaks the next snapshot of an instance before it becomes available, and never the instance. Damages add up.
    pub fn damage_next_snapshot(&self, region: &Region, instance: &InstanceId, damage: Damage) {
        self.cloud.faults().damage_next_snapshot((self.cloud.place(region), instance.clone()), damage);
    }

    /// Answers the next request of an action with an error. Several queue up.
    pub fn fail_next(&self, action: &str, error: ApiError) {
        self.cloud.faults().fail_next(action, error);
    }

    /// Lets the next snapshot of an instance go wrong.
    pub fn fail_next_snapshot(&self, region: &Region, instance: &InstanceId, fault: SnapshotFault) {
        self.cloud.faults().fail_next_snapshot((self.cloud.place(region), instance.clone()), fault);
    }

    /// Lets an instance that is yet to be created or restored end in a status other than `available`.
    pub fn end_creation_in(&self, region: &Region, instance: &InstanceId, status: InstanceStatus) {
        self.cloud.faults().end_creation_in((self.cloud.place(region), instance.clone()), status);
    }

    /// Makes an instance refuse its clients, from now on or from its creation on, while RDS calls it available.
    pub async fn refuse_connections(&self, region: &Region, instance: &InstanceId, refusal: Refusal) {
        self.arrange_refusal(region, instance, Some(refusal)).await;
    }

    /// Ends what [`Self::refuse_connections`] began.
    pub async fn accept_connections(&self, region: &Region, instance: &InstanceId) {
        self.arrange_refusal(region, instance, None).await;
    }

    async fn arrange_refusal(&self, region: &Region, instance: &InstanceId, refusal: Option<Refusal>) {
        let place = self.cloud.place(region);
        self.cloud.faults().refuse((place.clone(), instance.clone()), refusal);
        power::apply_refusal(&self.cloud, &place, instance).await;
    }

    fn remove_files(&self) -> Result<(), PostgresError> {
        let root: &Path = &self.cloud.config.root;
        crate::postgres::remove_tree(&root.join("instances"))?;
        crate::postgres::remove_tree(&root.join("snapshots"))
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
