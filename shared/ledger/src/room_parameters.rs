//! What a room is run with, decided once, when its run begins, so that every attempt makes the same room.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The parameter group that a run makes for its room: of DB clusters where the room is one, else of DB instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomParameters {
    /// Its family: `postgres15`, …
    pub family: String,
    /// The source's group, if its values could be had.
    pub copied_from: Option<String>,
    /// What it changes of its family's defaults.
    pub set: BTreeMap<String, String>,
    /// In what it is not as the source's group is, in words, each with its reason.
    pub differs_in: Vec<String>,
}
