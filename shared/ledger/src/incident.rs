//! An incident: one cause, and who was told about it.

use std::collections::BTreeMap;

use holdfast_domain::{Cause, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the incident of a cause lies. A cause holds slashes and so makes folders; it holds nothing that a key may not.
#[must_use]
pub fn incident_key(cause: &Cause) -> String {
    format!("incidents/{cause}.json")
}

/// Whether an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// It stands.
    Open,
    /// It is over.
    Resolved,
}

/// One cause's incident. A cause that comes back after it was resolved opens it anew, with `opening` one higher.
///
/// News may come late or out of order; the newest by its own time decides. A cause that was only ever seen gone has a record too,
/// with `opening` 0 and nobody told: it outranks news of it that is older and still on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What it is about.
    #[serde(with = "holdfast_wire::text")]
    pub cause: Cause,
    /// Whether it stands.
    pub state: IncidentState,
    /// The worst severity seen in this opening.
    #[serde(with = "holdfast_wire::text")]
    pub severity: Severity,
    /// What happened, in the words of the latest finding.
    pub title: String,
    /// How often this cause has opened.
    pub opening: u32,
    /// When this opening began, UTC.
    pub opened_at: Timestamp,
    /// When there was last news of the cause, standing or gone, UTC.
    pub last_seen_at: Timestamp,
    /// When it was over, UTC. While it stands: until when it is known to have been over before this opening.
    pub resolved_at: Option<Timestamp>,
    /// Who was told of this opening, by channel name.
    pub opened_to: BTreeMap<String, Delivery>,
    /// Who was told that it is over, by channel name.
    pub resolved_to: BTreeMap<String, Delivery>,
}

/// What came of telling one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried, UTC.
    pub at: Timestamp,
    /// Not to be tried again before this, UTC: the receiver asked for it, or the answer to an attempt is still awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The last error, in words, without secrets.
    pub error: Option<String>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// The channel took it.
    Delivered,
    /// It failed, and will be tried again.
    Failed,
    /// Nobody knows whether it arrived: the answer is awaited, or was lost. It will be tried again.
    Unknown,
    /// The channel refused it for good.
    Refused,
}
