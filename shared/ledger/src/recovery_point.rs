//! What `snapshot` took, and when it was seen complete.

use holdfast_domain::{DbSnapshotId, PlanSha, ResourceName, RuleName, Slot};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Where the record of a resource's slot lies.
#[must_use]
pub fn recovery_point_key(resource: &ResourceName, slot: Slot) -> String {
    format!("recovery-points/{resource}/{slot}.json")
}

/// Where the record of a recovery point lies that a person asked for.
#[must_use]
pub fn requested_point_key(resource: &ResourceName, request: &str) -> String {
    format!("recovery-points/{resource}/now.{request}.json")
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
    /// For which slot; of one that a person asked for, the moment of asking.
    #[serde(with = "holdfast_wire::text")]
    pub slot: Slot,
    /// For which rules, joined by spaces.
    pub rules: String,
    /// The DB snapshot or DB cluster snapshot.
    #[serde(with = "holdfast_wire::text")]
    pub snapshot: DbSnapshotId,
    /// Who asked for it and why, if no schedule did.
    #[serde(default)]
    pub requested: Option<Requested>,
    /// When it was asked for, UTC.
    pub requested_at: Timestamp,
    /// How long after its slot that was, if it was late.
    #[serde(default)]
    pub late: Option<SignedDuration>,
    /// The moment whose data it holds, UTC, if AWS tells.
    #[serde(default)]
    pub taken_at: Option<Timestamp>,
    /// When it was first seen available, UTC; the resolution is that of the event or sweep that saw it.
    pub available_seen_at: Option<Timestamp>,
    /// When it was first seen failed, UTC.
    #[serde(default)]
    pub failed_seen_at: Option<Timestamp>,
    /// Its size then, in bytes, if anybody tells.
    pub size_bytes: Option<u64>,
    /// Who told the size.
    #[serde(default)]
    pub size_from: Option<SizeFrom>,
    /// Whether it is encrypted with a key, once it is complete.
    #[serde(default)]
    pub encrypted: Option<bool>,
    /// That key, as an ARN.
    #[serde(default)]
    pub kms_key: Option<String>,
}

/// A person's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// Its name; the same name again is the same recovery point.
    pub request: String,
    /// Why.
    pub reason: String,
    /// How long it is kept, in the plan's words; absent if a rule says.
    pub keep: Option<String>,
}

/// Who told a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeFrom {
    /// RDS, of this very snapshot.
    Rds,
    /// The last restore test of the resource: of an older snapshot, so about this size.
    RestoreTest,
}

impl RecoveryPointRecord {
    /// The rules, one by one; what is no legal name is left out.
    pub fn rules(&self) -> impl Iterator<Item = RuleName> + '_ {
        self.rules.split(' ').filter_map(|rule| rule.parse().ok())
    }

    /// How long it took, from the request until it was seen available.
    #[must_use]
    pub fn took(&self) -> Option<SignedDuration> {
        Some(self.available_seen_at?.duration_since(self.requested_at))
    }
}
