//! A recovery point by hand.

use holdfast_domain::{ResourceName, RuleName};
use serde::{Deserialize, Serialize};

use crate::WireError;

/// A person wants a recovery point now. How long it is kept, either a rule on demand says, or the request itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotNow {
    /// The plan's name of the resource.
    #[serde(with = "crate::text")]
    pub resource: ResourceName,
    /// A name of your choice (a-z, 0-9, hyphens). The same name again is the same recovery point, not a second one.
    pub request: String,
    /// Why, for the record and for whoever finds the recovery point later.
    pub reason: String,
    /// How long it is kept, in the plan's words: `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// The rule on demand that it is taken by, which says how long it is kept.
    #[serde(with = "crate::text::optional", default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleName>,
}

/// The longest reason.
const REASON_MAX: usize = 500;

impl SnapshotNow {
    /// What was read, as far as the plan is not needed to judge it.
    pub(crate) fn checked(self) -> Result<Self, WireError> {
        if self.reason.trim().is_empty() || self.reason.chars().count() > REASON_MAX {
            let allowed = format!("a sentence of 1 to {REASON_MAX} characters");
            return Err(WireError::new("reason", "nobody will know why this was taken", allowed));
        }
        match (&self.keep, &self.rule) {
            (Some(_), None) | (None, Some(_)) => Ok(self),
            (None, None) => Err(WireError::new("keep", "nothing says how long it is kept", EITHER)),
            (Some(_), Some(_)) => Err(WireError::new("keep", "both it and `rule` say how long it is kept", EITHER)),
        }
    }
}

const EITHER: &str = "either `keep`, such as \"30d\", or `rule`, a snapshot rule of the resource with `on: demand`";
