//! What functions say to each other on the bus.

use holdfast_domain::{Finding, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::FindingShape;
use crate::{Acknowledge, WireError};

/// The `source` of every message of ours.
pub const SOURCE: &str = "holdfast";

/// A message on the bus. Each is a hint: its reader looks at the ledger before it acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A room is ready to be verified.
    RestoreTestReady(VerifyWork),
    /// Verification goes on in a further invocation.
    VerificationContinues(VerifyWork),
    /// Verification has written its record.
    VerificationRecorded(RunRef),
    /// A restore test has ended and its room is gone.
    RestoreTestClosed(RunRef),
    /// A person should know something.
    Finding(Finding),
    /// A person takes care of an incident.
    IncidentAcknowledged(Acknowledge),
}

/// What `verify` is told: never a host, a credential or a query. Those come from the run record and the pinned plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyWork {
    /// Which run.
    #[serde(with = "crate::text")]
    pub run: RunId,
    /// Which part of the work; there is one for now.
    pub shard: u32,
    /// How many units of work are done already.
    pub cursor: u64,
    /// How often this work has been passed on. EventBridge and Lambda have no loop detection for this path, so we have.
    pub hop: u32,
}

/// A run, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRef {
    /// Which run.
    #[serde(with = "crate::text")]
    pub run: RunId,
}

impl Message {
    /// Every detail type, as rules match it.
    pub const DETAIL_TYPES: [&str; 6] = [
        "Restore Test Ready",
        "Verification Continues",
        "Verification Recorded",
        "Restore Test Closed",
        "Finding",
        "Incident Acknowledged",
    ];

    /// The `detail-type` of the event.
    #[must_use]
    pub fn detail_type(&self) -> &'static str {
        match self {
            Self::RestoreTestReady(_) => Self::DETAIL_TYPES[0],
            Self::VerificationContinues(_) => Self::DETAIL_TYPES[1],
            Self::VerificationRecorded(_) => Self::DETAIL_TYPES[2],
            Self::RestoreTestClosed(_) => Self::DETAIL_TYPES[3],
            Self::Finding(_) => Self::DETAIL_TYPES[4],
            Self::IncidentAcknowledged(_) => Self::DETAIL_TYPES[5],
        }
    }

    /// The `detail` of the event.
    #[must_use]
    pub fn detail(&self) -> Value {
        let written = match self {
            Self::RestoreTestReady(work) | Self::VerificationContinues(work) => serde_json::to_value(work),
            Self::VerificationRecorded(run) | Self::RestoreTestClosed(run) => serde_json::to_value(run),
            Self::Finding(finding) => serde_json::to_value(FindingShape::from(finding.clone())),
            Self::IncidentAcknowledged(acknowledge) => serde_json::to_value(acknowledge),
        };
        // These shapes hold strings and numbers only; serde_json cannot refuse them.
        written.unwrap_or(Value::Null)
    }

    /// Reads a message.
    ///
    /// # Errors
    /// When the detail type is none of ours, or the detail is not what that type holds.
    pub fn read(detail_type: &str, detail: &Value) -> Result<Self, WireError> {
        match detail_type {
            "Restore Test Ready" => read_detail(detail).map(Self::RestoreTestReady),
            "Verification Continues" => read_detail(detail).map(Self::VerificationContinues),
            "Verification Recorded" => read_detail(detail).map(Self::VerificationRecorded),
            "Restore Test Closed" => read_detail(detail).map(Self::RestoreTestClosed),
            "Finding" => read_detail::<FindingShape>(detail).map(|shape| Self::Finding(shape.into())),
            "Incident Acknowledged" => read_detail::<Acknowledge>(detail)?.checked().map(Self::IncidentAcknowledged),
            other => {
                let problem = format!("{other:?} is no message of holdfast");
                Err(WireError::new("detail-type", problem, Self::DETAIL_TYPES.join(", ")))
            }
        }
    }
}

fn read_detail<T: for<'de> Deserialize<'de>>(detail: &Value) -> Result<T, WireError> {
    serde_path_to_error::deserialize(detail).map_err(|error| {
        let place = match error.path().to_string().as_str() {
            "." => "detail".to_owned(),
            path => format!("detail.{path}"),
        };
        WireError::new(place, error.inner().to_string(), "the detail of that message, as in events/")
    })
}
