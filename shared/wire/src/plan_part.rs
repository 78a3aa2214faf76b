//! The part of a plan that a finding hangs on, as JSON, or null: `#[serde(with = "holdfast_wire::plan_part", default)]`.
//!
//! `{"restore_tests": {"from": "random", "region": "eu-central-1"}}`.

use holdfast_domain::Region;
use holdfast_domain::plan::{PlanPart, RestoreFrom};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The JSON shape of [`PlanPart`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Shape {
    RestoreTests {
        #[serde(with = "crate::restore_from")]
        from: RestoreFrom,
        #[serde(with = "crate::text")]
        region: Region,
    },
}

/// Writes the part, or null.
///
/// # Errors
/// Only the serializer's own.
pub fn serialize<S: Serializer>(part: &Option<PlanPart>, serializer: S) -> Result<S::Ok, S::Error> {
    let shape = part.as_ref().map(|part| match part {
        PlanPart::RestoreTests { from, region } => Shape::RestoreTests { from: from.clone(), region: region.clone() },
    });
    shape.serialize(serializer)
}

/// Reads the part, or null.
///
/// # Errors
/// When it is no part that is known; the message says what is wanted.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PlanPart>, D::Error> {
    let shape = Option::<Shape>::deserialize(deserializer)?;
    Ok(shape.map(|shape| match shape {
        Shape::RestoreTests { from, region } => PlanPart::RestoreTests { from, region },
    }))
}
