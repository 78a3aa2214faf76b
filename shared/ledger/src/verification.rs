//! What `verify` found, check by check, and what it observed for later runs to compare with.

use std::collections::BTreeMap;

use holdfast_domain::{CheckResult, Outcome, Requirement, RunId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a run's verification lies.
#[must_use]
pub fn verification_key(run: &RunId) -> String {
    format!("verifications/{run}.json")
}

/// The check that says what server it is, and how much data it holds.
pub const SERVER_CHECK: &str = "server";

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
    /// The run that this one is compared with: of the same resource, judged *passed*, of data no newer than this. Absent: there was
    /// none when it began. It never changes, whatever is judged meanwhile.
    #[serde(with = "holdfast_wire::text::optional", default)]
    pub baseline: Option<RunId>,
    /// What was observed, by the name of the check that observed it.
    #[serde(default)]
    pub observed: BTreeMap<String, Observed>,
}

/// What a check observed, beyond passed or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Observed {
    /// How many rows a table, or a part of it, has.
    Rows(RowsObserved),
    /// Rows that never change, range by range.
    Ranges(RangesObserved),
    /// Rows that never change in a part of a table, day by day: kept until the parts are put together, and then as ranges.
    Days(DaysObserved),
    /// The definitions of a database's objects: `column public.orders.id` → `integer not null`. A long one is its SHA-256.
    Schema(BTreeMap<String, String>),
    /// How many bytes of data there are: of all databases together, as the server counts them.
    Bytes(u64),
}

impl Verification {
    /// How many bytes of data were in the room, if that was asked and answered.
    #[must_use]
    pub fn data_bytes(&self) -> Option<u64> {
        match self.observed.get(SERVER_CHECK)? {
            Observed::Bytes(bytes) => Some(*bytes),
            Observed::Rows(_) | Observed::Ranges(_) | Observed::Days(_) | Observed::Schema(_) => None,
        }
    }
}

/// How many rows there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowsObserved {
    /// In which table, as the server shows it; or the index that they were counted by.
    pub table: String,
    /// How many.
    pub rows: u64,
    /// The server's next transaction id at that moment. Two counts with the same one have nothing written between them.
    pub next_transaction: u64,
}

/// Rows that never change, range by range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangesObserved {
    /// In which table, as the server shows it.
    pub table: String,
    /// By which column.
    pub before: String,
    /// What was hashed: SQL expressions over the columns, in order. Another list gives other hashes.
    pub hashed: Vec<String>,
    /// The ranges that have rows, in order, none of them overlapping.
    pub ranges: Vec<RangeObserved>,
    /// The first day that was not looked at, as days since 1970-01-01 in UTC. Before it, what is in no range has no rows.
    pub end_day: i64,
}

/// One range of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeObserved {
    /// First day, as days since 1970-01-01 in UTC.
    pub first_day: i64,
    /// The day after the last one.
    pub end_day: i64,
    /// How many rows.
    pub rows: u64,
    /// The sum of the rows' hashes, decimal: it does not depend on their order, and sums of parts add up.
    pub hash: String,
}

/// Rows that never change in a part of a table, day by day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaysObserved {
    /// In which table, as the server shows the one that was asked about: not its partition.
    pub table: String,
    /// What was hashed, as in [`RangesObserved`].
    pub hashed: Vec<String>,
    /// The days that have rows, in order.
    pub days: Vec<DayObserved>,
    /// The server's next transaction id at that moment. Two parts with the same one have nothing written between them.
    pub next_transaction: u64,
}

/// One day's rows, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayObserved {
    /// Days since 1970-01-01.
    pub day: i64,
    /// How many rows.
    pub rows: u64,
    /// The sum of the rows' hashes, decimal.
    pub hash: String,
    /// The same over the columns of the last proved restore, if those were others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
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
