//! The rooms in use: which runs may have a temporary database. The one record that keeps `rooms_max` when two invocations meet.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the record lies.
pub const ROOMS_KEY: &str = "restore-tests/rooms.json";

/// Every run that was given a room and is not known to be closed. A run opens its room only while it stands here, so there are never more
/// rooms than entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomsInUse {
    /// Since when, UTC, by run id.
    pub runs: BTreeMap<String, Timestamp>,
}
