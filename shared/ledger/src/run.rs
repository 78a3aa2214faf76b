//! The record of a restore test: the state machine's memory.

use std::fmt;

use holdfast_domain::inventory::{DatabaseKind, ServerlessCapacity};
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::{
    DbClusterId, DbInstanceId, DbSnapshotId, PlanSha, Region, ResourceName, RunId, SecretName, Slot, Verdict,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{EvidenceRef, RoomParameters};

/// Where the empty markers of runs that are not closed lie: the sweep lists these, so its work does not grow with history.
pub const OPEN_PREFIX: &str = "restore-tests/open/";

/// Where a run's record lies.
#[must_use]
pub fn run_key(run: &RunId) -> String {
    format!("restore-tests/runs/{run}.json")
}

/// Where a run's open marker lies.
#[must_use]
pub fn open_key(run: &RunId) -> String {
    format!("{OPEN_PREFIX}{run}")
}

/// The run that an open marker stands for.
#[must_use]
pub fn run_of_open_key(key: &str) -> Option<RunId> {
    key.strip_prefix(OPEN_PREFIX)?.parse().ok()
}

/// How far a run has come. The order is the order of life; a run never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Wanted; waits for a free room.
    Requested,
    /// RDS was asked to restore.
    Restoring,
    /// The room is available and gets its own password.
    Preparing,
    /// `verify` was called.
    Verifying,
    /// There is a verdict, and people are to be told it.
    Judged,
    /// People were told; the room is to be destroyed.
    Destroying,
    /// The room and its secret are gone.
    Closed,
}

/// What is restored, whatever it is and whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSource {
    /// What was asked for.
    #[serde(with = "holdfast_wire::restore_from")]
    pub from: RestoreFrom,
    /// What was found.
    pub point: RecoveryPoint,
    /// Its ARN; for a point in time, the source instance's or cluster's.
    pub arn: String,
    /// Who made it.
    pub made_by: Maker,
    /// The moment whose data it holds, UTC.
    pub taken_at: Timestamp,
    /// What it was taken of.
    pub fingerprint: Fingerprint,
    /// Size of a full snapshot in bytes, if RDS tells.
    pub size_bytes: Option<u64>,
}

/// A recovery point in the room's region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RecoveryPoint {
    /// A DB snapshot.
    DbSnapshot {
        /// Its identifier.
        #[serde(with = "holdfast_wire::text")]
        id: DbSnapshotId,
    },
    /// An instant in an instance's continuous backup.
    PointInTime {
        /// Which instance.
        #[serde(with = "holdfast_wire::text")]
        instance: DbInstanceId,
        /// The instant, UTC, to the second.
        at: Timestamp,
    },
    /// A DB cluster snapshot.
    DbClusterSnapshot {
        /// Its identifier.
        #[serde(with = "holdfast_wire::text")]
        id: DbSnapshotId,
    },
    /// An instant in a cluster's continuous backup.
    ClusterPointInTime {
        /// Which cluster.
        #[serde(with = "holdfast_wire::text")]
        cluster: DbClusterId,
        /// The instant, UTC, to the second.
        at: Timestamp,
    },
}

impl RecoveryPoint {
    /// Of which kind the database is that comes of it.
    #[must_use]
    pub fn kind(&self) -> DatabaseKind {
        match self {
            Self::DbSnapshot { .. } | Self::PointInTime { .. } => DatabaseKind::Instance,
            Self::DbClusterSnapshot { .. } | Self::ClusterPointInTime { .. } => DatabaseKind::Cluster,
        }
    }
}

impl fmt::Display for RecoveryPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DbSnapshot { id } | Self::DbClusterSnapshot { id } => write!(f, "{id}"),
            Self::PointInTime { instance, at } => write!(f, "{instance} as of {at}"),
            Self::ClusterPointInTime { cluster, at } => write!(f, "{cluster} as of {at}"),
        }
    }
}

/// Who made a recovery point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maker {
    /// Holdfast, by a rule of this plan.
    Holdfast,
    /// RDS: an automated snapshot, or its continuous backup.
    Rds,
    /// AWS Backup.
    AwsBackup,
    /// Somebody, by hand or by a tool of theirs.
    Somebody,
}

impl Maker {
    /// The word, as it stands in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holdfast => "holdfast",
            Self::Rds => "rds",
            Self::AwsBackup => "aws-backup",
            Self::Somebody => "somebody",
        }
    }
}

/// What a database is run with, as far as it decides how it behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// `postgres`, …
    pub engine: String,
    /// `15.8`, …
    pub engine_version: String,
    /// The DB parameter group, of a cluster the DB cluster parameter group, if it is known; a snapshot does not know it, and what it was
    /// taken of may be gone.
    pub parameter_group: Option<String>,
    /// The option group, if it is known.
    pub option_group: Option<String>,
}

/// How a phase was seen to be reached. What an event tells is seconds late; what a sweep sees, by at most the sweep's interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeenBy {
    /// An event of RDS, or a message of `verify`.
    Event,
    /// A sweep, a schedule, or a test by hand.
    Sweep,
}

/// When each phase was reached, UTC. What was seen by a sweep is late by at most the sweep's interval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunTimes {
    /// RDS accepted the restore.
    pub restore_accepted_at: Option<Timestamp>,
    /// The room's cluster was seen available, and RDS accepted to make its member; absent where the room is a DB instance.
    pub cluster_available_at: Option<Timestamp>,
    /// The room was seen available.
    pub available_at: Option<Timestamp>,
    /// Its new password was seen applied, and `verify` was called.
    pub ready_at: Option<Timestamp>,
    /// The first query was answered.
    pub first_query_at: Option<Timestamp>,
    /// Every page of every table was read.
    pub fully_read_at: Option<Timestamp>,
    /// The last check ended.
    pub verified_at: Option<Timestamp>,
    /// The verdict was given.
    pub judged_at: Option<Timestamp>,
    /// The room was seen gone.
    pub closed_at: Option<Timestamp>,
    /// How the room's cluster was seen available.
    pub cluster_available_by: Option<SeenBy>,
    /// How the room was seen available.
    pub available_by: Option<SeenBy>,
    /// How its password was seen applied.
    pub ready_by: Option<SeenBy>,
    /// How it was seen that there is something to judge.
    pub judged_by: Option<SeenBy>,
    /// How the room was seen gone.
    pub closed_by: Option<SeenBy>,
}

/// The verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunVerdict {
    /// `passed`, `failed`, `inconclusive`.
    #[serde(with = "verdict_word")]
    pub verdict: Verdict,
    /// Why, most telling first; never empty.
    pub reasons: Vec<String>,
}

/// One restore test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its id.
    #[serde(with = "holdfast_wire::text")]
    pub id: RunId,
    /// The plan it began with and keeps.
    #[serde(with = "holdfast_wire::text")]
    pub plan_sha: PlanSha,
    /// The plan's name of the resource.
    #[serde(with = "holdfast_wire::text")]
    pub resource: ResourceName,
    /// The rule that asked for it, or `manual`.
    pub rule: String,
    /// What it is due for.
    #[serde(with = "holdfast_wire::text")]
    pub slot: Slot,
    /// Where the room stands.
    #[serde(with = "holdfast_wire::text")]
    pub region: Region,
    /// What is restored.
    pub source: RunSource,
    /// The temporary database. Where it is a cluster, the cluster bears this name too: RDS keeps the names of clusters and instances apart.
    #[serde(with = "holdfast_wire::text")]
    pub room: DbInstanceId,
    /// Its size.
    pub instance_class: String,
    /// What the source's members of class `db.serverless` may use, and so the room's; absent where nobody knows of any.
    pub serverless: Option<Capacity>,
    /// The secret with its master password; the secret's name is the room's.
    #[serde(with = "holdfast_wire::text")]
    pub secret: SecretName,
    /// How far it has come.
    pub phase: Phase,
    /// When it was wanted, UTC. Recovery time counts from here.
    pub requested_at: Timestamp,
    /// When it is judged without an answer, UTC.
    pub deadline_at: Timestamp,
    /// When `verify` was last called: a call that was lost is made again.
    pub verify_called_at: Option<Timestamp>,
    /// When each phase was reached.
    pub times: RunTimes,
    /// Where the room answers.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// Its master user.
    pub master_user: Option<String>,
    /// The database made with the source, if any.
    pub database: Option<String>,
    /// The parameter group that is made for the room; absent where the deployment names one, or none is known to be right for the engine.
    pub parameters: Option<RoomParameters>,
    /// What the room was run with, as RDS showed it.
    pub restored_as: Option<Fingerprint>,
    /// The verdict, from `Judged` on.
    pub verdict: Option<RunVerdict>,
    /// The number of the resource's last evidence before this run was wanted; this run's own is somewhere after it.
    pub evidence_after: u64,
    /// This run's evidence, from `Closed` on.
    pub evidence: Option<EvidenceRef>,
}

/// What Aurora Serverless v2 may use, in halves of an ACU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// The least.
    pub min_half_acus: u16,
    /// The most.
    pub max_half_acus: u16,
}

impl From<ServerlessCapacity> for Capacity {
    fn from(seen: ServerlessCapacity) -> Self {
        Self { min_half_acus: seen.min_half_acus, max_half_acus: seen.max_half_acus }
    }
}

impl From<Capacity> for ServerlessCapacity {
    fn from(kept: Capacity) -> Self {
        Self { min_half_acus: kept.min_half_acus, max_half_acus: kept.max_half_acus }
    }
}

impl Run {
    /// Whether a person asked for it, and no rule.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        self.rule == "manual"
    }

    /// The cluster that the room is, where it is one.
    #[must_use]
    pub fn room_cluster(&self) -> Option<DbClusterId> {
        match self.source.point.kind() {
            DatabaseKind::Instance => None,
            // Identifiers of instances and of clusters are made by the same rules.
            DatabaseKind::Cluster => self.room.as_str().parse().ok(),
        }
    }

    /// The latest moment that the record knows of.
    #[must_use]
    pub fn known_until(&self) -> Timestamp {
        let times = &self.times;
        let known = [
            times.restore_accepted_at,
            times.cluster_available_at,
            times.available_at,
            times.ready_at,
            times.first_query_at,
            times.fully_read_at,
            times.verified_at,
            times.judged_at,
            times.closed_at,
        ];
        known.into_iter().flatten().fold(self.requested_at, Timestamp::max)
    }

    /// Recovery time as measured: from the request until the last check ended, of a run that passed. What failed or proved nothing recovered
    /// nothing, however soon, and is no measurement.
    #[must_use]
    pub fn recovery_time(&self) -> Option<SignedDuration> {
        self.verdict.as_ref().filter(|given| given.verdict == Verdict::Passed)?;
        Some(self.times.verified_at?.duration_since(self.requested_at))
    }

    /// Recovery point age: how much would have been lost if the source had died when the run was requested.
    #[must_use]
    pub fn recovery_point_age(&self) -> SignedDuration {
        self.requested_at.duration_since(self.source.taken_at)
    }
}

mod verdict_word {
    use holdfast_domain::Verdict;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(verdict.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Verdict, D::Error> {
        let word = String::deserialize(deserializer)?;
        [Verdict::Passed, Verdict::Failed, Verdict::Inconclusive]
            .into_iter()
            .find(|verdict| verdict.as_str() == word)
            .ok_or_else(|| de::Error::unknown_variant(&word, &["passed", "failed", "inconclusive"]))
    }
}
