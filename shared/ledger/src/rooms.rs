//! The rooms in use: which runs may have a temporary database. The one record that keeps `rooms_max` when two invocations meet. And the
//! rooms that people were told of, because they will not go.

use std::collections::BTreeMap;

use holdfast_domain::Region;
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
    /// Rooms that outlived their deadline and of which people were told so, by the room's name: whoever sees that one is gone tells that,
    /// also of one that no run knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub late: BTreeMap<String, LateRoom>,
}

/// A room that outlived its deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateRoom {
    /// Where it stands.
    #[serde(with = "holdfast_wire::text")]
    pub region: Region,
    /// Since when people know, UTC.
    pub since: Timestamp,
}
