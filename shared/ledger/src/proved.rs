//! What was proved last: the verifications of one resource that a later one may be compared with.
//!
//! `verify` writes it and judges nothing by it: an entry counts once `restore-test` has judged its run *passed*, and that is read from
//! the run's own record. Runs that were judged otherwise go; so however many runs fail, the last proof stays.

use holdfast_domain::{ResourceName, RunId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a resource's proofs are listed.
#[must_use]
pub fn proved_key(resource: &ResourceName) -> String {
    format!("proved/{resource}.json")
}

/// The verifications of one resource that later ones may be compared with, in no order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    /// Judged *passed*, or not judged yet.
    pub entries: Vec<ProvedEntry>,
}

/// One verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvedEntry {
    /// Of which run.
    #[serde(with = "holdfast_wire::text")]
    pub run: RunId,
    /// The moment whose data its recovery point holds, UTC.
    pub taken_at: Timestamp,
    /// Whether the run was judged *passed*; otherwise it was not judged when this was written.
    pub proved: bool,
}
