//! Parts of a plan that a finding may hang on.

use std::fmt;

use super::{Plan, Resource, RestoreFrom};
use crate::names::{Region, ResourceName};

/// A part of a resource's plan, smaller than the resource, that a finding hangs on: with the part gone from the plan nobody will ever tell
/// that the finding is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanPart {
    /// Restore tests of one sort, whatever their rules are called.
    RestoreTests {
        /// From which recovery point.
        from: RestoreFrom,
        /// Where the room stands.
        region: Region,
    },
}

impl fmt::Display for PlanPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RestoreTests { from, region } => write!(f, "restore test from {} in {region}", from.word()),
        }
    }
}

impl Resource {
    /// Whether the plan has this part of it.
    #[must_use]
    pub fn has(&self, part: &PlanPart) -> bool {
        match part {
            PlanPart::RestoreTests { from, region } => {
                self.restore_tests.values().any(|rule| rule.from == *from && rule.region == *region)
            }
        }
    }
}

impl Plan {
    /// What this plan lacks, in words, of a resource or of the part of it that is named; nothing if it is there.
    #[must_use]
    pub fn lacks(&self, name: &ResourceName, part: Option<&PlanPart>) -> Option<String> {
        match (self.resources.get(name), part) {
            (None, _) => Some(format!("the plan has no resource {name} any more")),
            (Some(resource), Some(part)) if !resource.has(part) => {
                Some(format!("the plan has no {part} of {name} any more"))
            }
            (Some(_), _) => None,
        }
    }
}
