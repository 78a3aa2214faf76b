//! What `snapshot` took, and when it was seen complete.

use holdfast_domain::{DbSnapshotId, PlanSha, ResourceName, RuleName, Slot};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the record of a resource's slot lies.
#[must_use]
pub fn recovery_point_key(resource: &ResourceName, slot: Slot) -> String {
    format!("recovery-points/{resource}/{slot}.json")
}

/// One recovery point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryPointRecord {
    /// The plan it was taken under.
    #[serde(with = "holdfast_wire::text")]
    pub plan_sha: PlanSha,
    /// Of which resource.
    #[serde(with = "holdfast_wire::text")]
    pub resource: ResourceName,
    /// For which slot.
    #[serde(with = "holdfast_wire::text")]
    pub slot: Slot,
    /// For which rules, joined by spaces.
    pub rules: String,
    /// The DB snapshot.
    #[serde(with = "holdfast_wire::text")]
    pub snapshot: DbSnapshotId,
    /// When it was asked for, UTC.
    pub requested_at: Timestamp,
    /// When it was first seen available, UTC; the resolution is that of the event or sweep that saw it.
    pub available_seen_at: Option<Timestamp>,
    /// Its size then, in bytes, if RDS tells.
    pub size_bytes: Option<u64>,
}

impl RecoveryPointRecord {
    /// The rules, one by one; what is no legal name is left out.
    pub fn rules(&self) -> impl Iterator<Item = RuleName> + '_ {
        self.rules.split(' ').filter_map(|rule| rule.parse().ok())
    }
}
