//! What every action shares: state, faults, background work.
//!
//! The state is locked for moments only, never across an `await`. Real work is done by jobs; an action answers at once, as RDS does.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::config::Config;
use super::errors::ApiError;
use super::events::RdsEvent;
use super::faults::Faults;
use super::identity::{ClusterId, InstanceId, Place, Region, Source};
use super::resources::{DbCluster, Instance};
use super::state::{RegionState, State};
use super::statuses::{ClusterStatus, InstanceStatus};
use crate::postgres::{Host, KnownParameter, Server};

/// Jobs do real work for a second or two; one that takes longer than this at shutdown is given up.
const JOBS_END_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) config: Config,
    pub(crate) host: Arc<Host>,
    /// What the PostgreSQL of this machine can be told.
    pub(crate) known_parameters: BTreeMap<String, KnownParameter>,
    state: Mutex<State>,
    faults: Mutex<Faults>,
    jobs: Mutex<JoinSet<()>>,
    closing: watch::Sender<bool>,
}

impl Cloud {
    pub(crate) fn new(config: Config, host: Host, known_parameters: BTreeMap<String, KnownParameter>) -> Self {
        Self {
            config,
            host: Arc::new(host),
            known_parameters,
            state: Mutex::default(),
            faults: Mutex::default(),
            jobs: Mutex::default(),
            closing: watch::Sender::new(false),
        }
    }

    pub(crate) fn place(&self, region: &Region) -> Place {
        Place { account: self.config.account.clone(), region: region.clone() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at or changes one region.
    pub(crate) fn with_region<T>(&self, place: &Place, work: impl FnOnce(&mut RegionState) -> T) -> T {
        work(self.state().region(place))
    }

    /// Changes an instance, if it still exists.
    pub(crate) fn with_instance<T>(
        &self,
        place: &Place,
        id: &InstanceId,
        work: impl FnOnce(&mut Instance) -> T,
    ) -> Option<T> {
        self.state().region(place).instances.get_mut(id).map(work)
    }

    /// Moves an instance on, unless something else (a deletion) has moved it meanwhile.
    pub(crate) fn move_instance(&self, place: &Place, id: &InstanceId, from: InstanceStatus, to: InstanceStatus) {
        self.with_instance(place, id, |instance| {
            if instance.status == from {
                instance.status = to;
            }
        });
    }

    /// Changes a cluster, if it still exists.
    pub(crate) fn with_cluster<T>(
        &self,
        place: &Place,
        id: &ClusterId,
        work: impl FnOnce(&mut DbCluster) -> T,
    ) -> Option<T> {
        self.state().region(place).clusters.get_mut(id).map(work)
    }

    /// As [`Self::move_instance`].
    pub(crate) fn move_cluster(&self, place: &Place, id: &ClusterId, from: ClusterStatus, to: ClusterStatus) {
        self.with_cluster(place, id, |cluster| {
            if cluster.status == from {
                cluster.status = to;
            }
        });
    }

    /// What must be held to work on the data of `source`, if it still exists.
    pub(crate) fn operation(&self, place: &Place, source: &Source) -> Option<Arc<tokio::sync::Mutex<()>>> {
        match source {
            Source::Instance(id) => self.with_instance(place, id, |instance| Arc::clone(&instance.operation)),
            Source::Cluster(id) => self.with_cluster(place, id, |cluster| Arc::clone(&cluster.operation)),
        }
    }

    /// The running server of an instance.
    pub(crate) fn server(&self, place: &Place, id: &InstanceId) -> Result<Arc<Server>, ApiError> {
        self.with_region(place, |region| {
            region
                .instance(id)?
                .server
                .clone()
                .ok_or_else(|| ApiError::instance_state(format!("DB instance {id} is not running")))
        })
    }

    /// Makes an event known, to `DescribeEvents` and to the sink.
    pub(crate) fn announce(&self, place: &Place, event: RdsEvent) {
        self.with_region(place, |region| region.remember(event.clone()));
        self.config.events.publish(event);
    }

    /// Directory for the data of something new. The random part keeps a name that is used again apart from its forerunner.
    pub(crate) fn new_dir(&self, kind: &str, resource_id: &str) -> PathBuf {
        self.config.root.join(kind).join(resource_id)
    }

    /// Starts background work, unless the service is closing.
    pub(crate) fn spawn(&self, job: impl Future<Output = ()> + Send + 'static) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        while jobs.try_join_next().is_some() {}
        if !*self.closing.borrow() {
            jobs.spawn(job);
        }
    }

    /// Whether the service is on its way out.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits, but not into the shutdown.
    pub(crate) async fn pause(&self, duration: Duration) {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            // An error would mean that the sender is gone, and with it everything else.
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Does the work and lets it last at least so long.
    pub(crate) async fn at_least<T>(&self, duration: Duration, work: impl Future<Output = T>) -> T {
        let (outcome, ()) = tokio::join!(work, self.pause(duration));
        outcome
    }

    /// Ends all jobs, then all servers. Nothing can be started any more.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        let mut jobs = std::mem::take(&mut *self.jobs.lock().unwrap_or_else(PoisonError::into_inner));
        let finished = tokio::time::timeout(JOBS_END_WITHIN, async { while jobs.join_next().await.is_some() {} }).await;
        if finished.is_err() {
            tracing::warn!("background work of the local RDS did not end in time and is aborted");
            jobs.shutdown().await;
        }
        // Archives go with the state, and a server that stops archives once more: it must find the place.
        let state = std::mem::take(&mut *self.state());
        let instances = state.regions.values().flat_map(|region| region.instances.values());
        let servers: Vec<&Arc<Server>> = instances.filter_map(|instance| instance.server.as_ref()).collect();
        futures_util::future::join_all(servers.iter().map(|server| server.stop())).await;
    }

    /// What can be done without waiting: jobs are aborted, servers killed. After [`Self::close`] there is nothing left to do.
    pub(crate) fn abandon(&self) {
        self.closing.send_replace(true);
        drop(std::mem::take(&mut *self.jobs.lock().unwrap_or_else(PoisonError::into_inner)));
        drop(std::mem::take(&mut *self.state()));
    }
}

/// An identifier of AWS's making: 26 capital letters and digits, as in `db-ABCDEFGHIJKLMNOPQRSTUVWXYZ`.
pub(crate) fn random_id() -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    random_bytes::<26>().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// A UUID of version 4.
pub(crate) fn random_uuid() -> String {
    let mut bytes = random_bytes::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Only uniqueness within this process is at stake; the address of a fresh allocation would serve no better.
        tracing::warn!(%error, "no randomness for an identifier");
    }
    bytes
}
