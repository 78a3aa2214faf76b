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
    /// When the cause was last seen, UTC.
    pub last_seen_at: Timestamp,
    /// When it was over, UTC.
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
    /// The channel refused it for good.
    Refused,
}
