//! JSON as it crosses the edge: what starts a function, and what functions say to each other.
//!
//! Pure. Everything from AWS is read leniently (every field of an RDS event is optional, unknown fields are ignored) because AWS
//! adds fields at will; everything of our own is read strictly, because a misspelt field of ours is a mistake.

mod alarm;
mod finding;
mod message;
mod notification;
pub mod plan_part;
mod requests;
pub mod restore_from;
mod snapshot_now;
pub mod text;
mod trigger;

pub use alarm::{Alarm, AlarmState};
pub use message::{Message, RunRef, SOURCE, VerifyWork};
pub use notification::{FunctionFailure, Notification, NotificationBody};
pub use requests::{Acknowledge, AlertRequest, AlertTest};
pub use snapshot_now::SnapshotNow;
pub use trigger::{RdsHint, RestoreTestNow, Trigger, read};

use thiserror::Error;

/// Why a payload is not a trigger. It will not become one by trying again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {problem}; allowed: {allowed}")]
pub struct WireError {
    /// Where in the payload: `detail.run`.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
    /// What would be legal.
    pub allowed: String,
}

/// The most characters that a problem quotes: a payload may be a megabyte, and this goes to logs and into a `Diagnostic`.
const PROBLEM_CHARACTERS_MAX: usize = 400;

impl WireError {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>, allowed: impl Into<String>) -> Self {
        let problem: String = problem.into();
        let problem = match problem.char_indices().nth(PROBLEM_CHARACTERS_MAX) {
            Some((end, _)) => format!("{}…", &problem[..end]),
            None => problem,
        };
        Self { place: place.into(), problem, allowed: allowed.into() }
    }
}
