//! Vocabulary and policy of Holdfast.
//!
//! What stands here is pure: no serde, no I/O, no clock, no randomness, no SDK type. Whoever needs one of those
//! is at the wrong address; wire formats live in `holdfast-wire` and `holdfast-ledger`, the outside in `holdfast-ports`.

pub mod finding;
pub mod inventory;
pub mod names;
pub mod plan;
pub mod schedule;
pub mod slot;
pub mod tags;
pub mod verdict;

pub use finding::{Cause, Finding, FindingState, Severity};
pub use names::{
    AccountId, AccountName, BucketName, ChannelName, CheckName, DbClusterId, DbInstanceId, DbSnapshotId, EmailAddress,
    Environment, OwnerName, PlanName, PlanSha, Region, ResourceName, RuleName, RunId, SecretName, StreamName,
};
pub use plan::Plan;
pub use schedule::Schedule;
pub use slot::Slot;
pub use verdict::{CheckResult, Outcome, Requirement, Verdict};
