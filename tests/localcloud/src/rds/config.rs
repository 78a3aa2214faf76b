//! What the service can be told: limits, durations, defaults.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::events::{Discard, EventSink};
use super::identity::{Account, Region};
use crate::postgres::Binaries;

/// Configuration of one service.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory for all data, made if need be. What the service makes in it is removed at shutdown. The user that runs
    /// PostgreSQL must be able to reach it.
    pub root: PathBuf,
    /// Server programs.
    pub binaries: Binaries,
    /// The account everything belongs to.
    pub account: Account,
    /// Region of requests that are not signed.
    pub default_region: Region,
    /// Whether new instances carry data checksums, as on RDS. Off shows what damage goes unseen without them.
    pub data_checksums: bool,
    /// DB subnet groups that exist. `None` accepts every name.
    pub subnet_groups: Option<Vec<String>>,
    /// Shortest durations.
    pub timings: Timings,
    /// Account limits.
    pub quotas: Quotas,
    /// Request rate per region. `None` never throttles.
    pub rate_limit: Option<RateLimit>,
    /// Who hears of events.
    pub events: Arc<dyn EventSink>,
}

impl Config {
    /// Everything at its default.
    pub fn new(root: impl Into<PathBuf>, binaries: Binaries) -> Self {
        Self {
            root: root.into(),
            binaries,
            account: Account::default(),
            default_region: Region::new("us-east-1"),
            data_checksums: true,
            subnet_groups: None,
            timings: Timings::default(),
            quotas: Quotas::default(),
            rate_limit: None,
            events: Arc::new(Discard),
        }
    }
}

/// How long each status lasts at least. The real work behind it may take longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// `creating` of a new or restored instance or cluster.
    pub creating: Duration,
    /// `creating` of a snapshot, and `backing-up` of its source.
    pub snapshot: Duration,
    /// From the request until a pending modification begins to be applied.
    pub pending: Duration,
    /// `modifying` or `resetting-master-credentials`.
    pub modifying: Duration,
    /// `stopping` and `starting`.
    pub stopping: Duration,
    /// `deleting` of an instance or cluster.
    pub deleting: Duration,
    /// From one upload of transaction logs to the next; what happened since is not restorable yet.
    pub log_upload: Duration,
}

impl Default for Timings {
    /// RDS takes minutes; these keep the order of the durations and stay long enough to be seen by a poll.
    fn default() -> Self {
        Self {
            creating: Duration::from_millis(400),
            snapshot: Duration::from_millis(400),
            pending: Duration::from_millis(150),
            modifying: Duration::from_millis(250),
            stopping: Duration::from_millis(250),
            deleting: Duration::from_millis(250),
            // "Amazon RDS uploads transaction logs for DB instances to Amazon S3 every five minutes" ("Restoring a DB instance to a
            // specified time for Amazon RDS", Amazon RDS User Guide). Every upload costs a segment of 1 MB.
            log_upload: Duration::from_secs(15),
        }
    }
}

/// Limits per account and region: "Quotas and constraints for Amazon RDS" (Amazon RDS User Guide).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// DB instances.
    pub instances: usize,
    /// Manual DB snapshots. Automated ones are not counted.
    pub manual_snapshots: usize,
    /// DB clusters.
    pub clusters: usize,
    /// Manual DB cluster snapshots, which are counted apart.
    pub manual_cluster_snapshots: usize,
    /// DB parameter groups, and as many DB cluster parameter groups.
    pub parameter_groups: usize,
    /// Storage of all DB instances together.
    pub storage_gib: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            instances: 40,
            manual_snapshots: 100,
            clusters: 40,
            manual_cluster_snapshots: 100,
            parameter_groups: 50,
            storage_gib: 100_000,
        }
    }
}

/// A token bucket. RDS publishes no request rates: any figure is an assumption.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Sustained requests per second.
    pub per_second: f64,
    /// Requests at once.
    pub burst: f64,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 10.0, burst: 20.0 }
    }
}
