//! What `verify` found, check by check.

use holdfast_domain::{CheckResult, Outcome, Requirement, RunId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a run's verification lies.
#[must_use]
pub fn verification_key(run: &RunId) -> String {
    format!("verifications/{run}.json")
}

/// One run's verification, finished or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Of which run.
    #[serde(with = "holdfast_wire::text")]
    pub run: RunId,
    /// When the first query was answered, UTC.
    pub first_query_at: Timestamp,
    /// When every page of every table had been read, UTC.
    pub fully_read_at: Option<Timestamp>,
    /// When the last check ended, UTC. Absent while there is work left: then nothing here is a verdict.
    pub finished_at: Option<Timestamp>,
    /// How many units of work there are.
    pub units_total: u64,
    /// How many are done; their results are below, in their order.
    pub units_done: u64,
    /// The results so far.
    pub results: Vec<CheckRecord>,
}

/// One check's result as JSON; see [`CheckResult`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRecord {
    /// Which check.
    pub check: String,
    /// The table or index it looked at.
    pub subject: Option<String>,
    /// Whether it had to run.
    pub requirement: RequirementWord,
    /// What it said.
    pub outcome: OutcomeWord,
    /// In words.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
}

/// [`Requirement`] as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequirementWord {
    /// [`Requirement::Required`].
    Required,
    /// [`Requirement::BestEffort`].
    BestEffort,
}

/// [`Outcome`] as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeWord {
    /// [`Outcome::Passed`].
    Passed,
    /// [`Outcome::Failed`].
    Failed,
    /// [`Outcome::NotRun`].
    NotRun,
}

impl From<CheckResult> for CheckRecord {
    fn from(result: CheckResult) -> Self {
        Self {
            check: result.check,
            subject: result.subject,
            requirement: match result.requirement {
                Requirement::Required => RequirementWord::Required,
                Requirement::BestEffort => RequirementWord::BestEffort,
            },
            outcome: match result.outcome {
                Outcome::Passed => OutcomeWord::Passed,
                Outcome::Failed => OutcomeWord::Failed,
                Outcome::NotRun => OutcomeWord::NotRun,
            },
            detail: result.detail,
            took_ms: i64::try_from(result.took.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

impl From<&CheckRecord> for CheckResult {
    fn from(record: &CheckRecord) -> Self {
        Self {
            check: record.check.clone(),
            subject: record.subject.clone(),
            requirement: match record.requirement {
                RequirementWord::Required => Requirement::Required,
                RequirementWord::BestEffort => Requirement::BestEffort,
            },
            outcome: match record.outcome {
                OutcomeWord::Passed => Outcome::Passed,
                OutcomeWord::Failed => Outcome::Failed,
                OutcomeWord::NotRun => Outcome::NotRun,
            },
            detail: record.detail.clone(),
            took: SignedDuration::from_millis(record.took_ms),
        }
    }
}
