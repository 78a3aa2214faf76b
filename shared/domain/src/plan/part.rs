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

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::{Due, Objectives, RestoreTestRule, Target};
    use super::*;

    fn region(name: &str) -> Region {
        name.parse().expect("legal")
    }

    fn of(from: RestoreFrom, place: &str) -> PlanPart {
        PlanPart::RestoreTests { from, region: region(place) }
    }

    #[test]
    fn a_resource_has_the_sorts_of_restore_test_that_its_rules_make_whatever_they_are_called() {
        let hours = SignedDuration::from_hours;
        let objectives = Objectives { rpo: hours(24), rto: hours(2), region: None, account: None };
        let target = Target::RdsInstance("shop-orders".parse().expect("legal"));
        let mut orders = Resource::new(target, region("eu-central-1"), objectives);
        let rule = RestoreTestRule {
            due: Due::After("daily".parse().expect("legal")),
            from: RestoreFrom::Random,
            region: region("us-east-1"),
            instance_class: "db.t4g.medium".into(),
            deadline: hours(4),
        };
        assert!(!orders.has(&of(RestoreFrom::Random, "us-east-1")));
        orders.restore_tests.insert("every".parse().expect("legal"), rule);
        assert!(orders.has(&of(RestoreFrom::Random, "us-east-1")));
        assert!(!orders.has(&of(RestoreFrom::Latest, "us-east-1")));
        assert!(!orders.has(&of(RestoreFrom::Random, "eu-central-1")));
    }

    #[test]
    fn a_part_is_said_in_the_plans_words() {
        let chosen = RestoreFrom::Chosen("before-the-upgrade".parse().expect("legal"));
        let words = [of(RestoreFrom::Pitr, "eu-west-1"), of(chosen, "eu-west-1")].map(|part| part.to_string());
        assert_eq!(words, ["restore test from pitr in eu-west-1", "restore test from before-the-upgrade in eu-west-1"]);
    }
}
