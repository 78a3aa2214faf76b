//! Evidence: what a restore test proved, in words and numbers that stand by themselves, as the links of one chain per resource.
//!
//! A link is an object `evidence/{resource}/{number}.json`, written once and never over. Each holds the SHA-256 of the *bytes* of the one
//! before, so that `sha256sum` is all that is needed to follow a chain by hand. Whoever changes, removes or swaps a link breaks the next
//! one; the last link is held by the record of its run. No key signs it: against somebody who can rewrite everything stands Object Lock.

mod chain;
mod verify;

use holdfast_domain::{PlanSha, Region, ResourceName, RunId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::run::{Fingerprint, Maker, RecoveryPoint, SeenBy};
use crate::verification::{OutcomeWord, RequirementWord};

pub use chain::{EvidenceChain, Link};
pub use verify::{Broken, ChainReport, Found, Report, verify};

/// Where every chain lies.
pub const EVIDENCE_PREFIX: &str = "evidence/";

/// The shape that is written today. A reader of a later shape reads this one too.
pub const EVIDENCE_VERSION: u32 = 1;

/// The most runs before it that a link shows.
pub const TREND_MAX: usize = 12;

/// The most checks that a link names, failed ones first; the verification record holds them all.
pub const CHECK_LINES_MAX: usize = 200;

/// Where a link lies; the first has number 1.
#[must_use]
pub fn evidence_key(resource: &ResourceName, number: u64) -> String {
    format!("{EVIDENCE_PREFIX}{resource}/{number:08}.json")
}

/// The SHA-256 of some bytes, in hex, as `sha256sum` prints it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A link, by its number and the hash of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRef {
    /// Its number in the resource's chain, from 1.
    pub number: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// One link: everything that a person needs to know of one restore test, in the order in which they ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`EVIDENCE_VERSION`].
    pub version: u32,
    /// The plan's name of the resource.
    #[serde(with = "holdfast_wire::text")]
    pub resource: ResourceName,
    /// Its number in the chain, from 1.
    pub number: u64,
    /// The SHA-256 of the bytes of the link before; absent in the first.
    pub previous_sha256: Option<String>,
    /// What was found, in one sentence.
    pub statement: String,
    /// `passed`, `failed`, `inconclusive`.
    pub verdict: String,
    /// Why, most telling first.
    pub reasons: Vec<String>,
    /// Which run.
    #[serde(with = "holdfast_wire::text")]
    pub run: RunId,
    /// The rule that asked for it, or `manual`.
    pub rule: String,
    /// What a run like this proves: `latest`, `random`, `pitr`, … and the region if it is not the resource's own.
    pub proof_of: String,
    /// What was restored.
    pub recovery_point: RecoveryPointRecord,
    /// Where it was restored to.
    pub room: RoomRecord,
    /// What was looked at; absent if nothing could be.
    pub checks: Option<CheckSummary>,
    /// How long each phase took.
    pub phases: Vec<Reached>,
    /// From the request to the last check; absent if it did not come so far.
    pub recovery_time_seconds: Option<i64>,
    /// How much would have been lost, had the source died when the run was requested.
    pub recovery_point_age_seconds: i64,
    /// What was promised then.
    pub objectives: ObjectivesInForce,
    /// The recovery times of the runs before, oldest first, at most [`TREND_MAX`].
    pub trend: Vec<TrendPoint>,
    /// The plan that it ran under.
    pub plan: PlanRef,
    /// What wrote this, and in which version.
    pub written_by: String,
    /// When the room was seen gone and this was written, UTC.
    pub written_at: Timestamp,
}

/// The recovery point that was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryPointRecord {
    /// What it is.
    pub point: RecoveryPoint,
    /// Its ARN; for a point in time, the source instance's.
    pub arn: String,
    /// Who made it.
    pub made_by: Maker,
    /// Why this one: `latest`, `random`, …
    #[serde(with = "holdfast_wire::restore_from")]
    pub chosen_as: holdfast_domain::plan::RestoreFrom,
    /// The moment whose data it holds, UTC.
    pub moment: Timestamp,
    /// Size of a full snapshot in bytes, if RDS tells.
    pub size_bytes: Option<u64>,
    /// What it was taken of.
    pub taken_of: Fingerprint,
}

/// The room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomRecord {
    /// The temporary database.
    pub id: String,
    /// Where it stood.
    #[serde(with = "holdfast_wire::text")]
    pub region: Region,
    /// Its size.
    pub instance_class: String,
    /// What it was run with, as RDS showed it; absent if it never came up.
    pub run_with: Option<Fingerprint>,
    /// In what it was not as its source is; what these settings decide was not proved.
    pub differs_in: Vec<String>,
    /// When it was seen gone, UTC.
    pub gone_at: Option<Timestamp>,
}

/// What the checks said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckSummary {
    /// The key of the whole record.
    pub record: String,
    /// The SHA-256 of its bytes when this was written.
    pub record_sha256: String,
    /// Whether every check had ended.
    pub finished: bool,
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many could not run.
    pub not_run: usize,
    /// Each, failed ones first, then what did not run; at most [`CHECK_LINES_MAX`].
    pub lines: Vec<CheckLine>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckLine {
    /// Which.
    pub check: String,
    /// What it said.
    pub outcome: OutcomeWord,
    /// Whether it had to run.
    pub requirement: RequirementWord,
    /// What was found, or why it could not run; of a passed check, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One phase of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// What was reached.
    pub what: String,
    /// When, UTC.
    pub at: Timestamp,
    /// How long after what was reached before it.
    pub seconds: i64,
    /// How it was seen; absent where the time is the very moment, as whoever did it wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_by: Option<SeenBy>,
}

/// What was promised when the run was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectivesInForce {
    /// The loss that they are for: `instance` or `region`.
    pub of_loss: String,
    /// Recovery time objective.
    pub rto_seconds: i64,
    /// `met`, `missed`, or `not judged` with the reason.
    pub rto: String,
    /// Recovery point objective.
    pub rpo_seconds: i64,
    /// `met`, `missed`, or `not judged` with the reason.
    pub rpo: String,
}

/// A run before, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrendPoint {
    /// Which run.
    pub run: String,
    /// Its `proof_of`: only like is compared with like.
    pub of: String,
    /// Its recovery time.
    pub recovery_time_seconds: i64,
}

/// The plan of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRef {
    /// Its name.
    pub name: String,
    /// Its environment.
    pub environment: String,
    /// The SHA-256 of the compiled plan; it lies under `plans/`.
    #[serde(with = "holdfast_wire::text")]
    pub sha256: PlanSha,
}

impl Evidence {
    /// The bytes as they are written: indented JSON, one line feed at the end.
    ///
    /// # Errors
    /// Never in practice: strings, numbers and times only.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}
