//! What one invocation did, for its one log record: bounded, however many databases there are.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::ResourceName;
use holdfast_ports::Failures;
use serde::{Serialize, Serializer};

use crate::decide::Decision;

/// The most resources that are named for one reason; the others are counted.
const NAMED_MAX: usize = 20;

/// What one invocation did.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Recovery points begun.
    pub taken: Vec<String>,
    /// Recovery points that serve further rules from now on.
    pub promoted: Vec<String>,
    /// Recovery points first seen complete.
    pub completed: Vec<String>,
    /// Findings put on the bus: causes that stand.
    pub opened: Vec<String>,
    /// Findings put on the bus: causes that are over.
    pub resolved: Vec<String>,
    /// Resources that were left as they are, by reason.
    pub left: Left,
    #[serde(skip)]
    pub(crate) failures: Failures,
}

/// Resources by reason, as one line each.
#[derive(Debug, Default)]
pub struct Left(BTreeMap<String, BTreeSet<ResourceName>>);

impl Left {
    /// One line for each reason: `it is taken: orders-db, users-db and 998 more`.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(why, resources)| {
            let named: Vec<&str> = resources.iter().take(NAMED_MAX).map(ResourceName::as_str).collect();
            match resources.len() - named.len() {
                0 => format!("{why}: {}", named.join(", ")),
                more => format!("{why}: {} and {more} more", named.join(", ")),
            }
        })
    }
}

impl Serialize for Left {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.lines())
    }
}

impl Outcome {
    /// Says why a resource was left as it is.
    pub(crate) fn leave(&mut self, why: impl Into<String>, resource: &ResourceName) {
        self.left.0.entry(why.into()).or_default().insert(resource.clone());
    }

    /// Says how every rule stands for which nothing is begun.
    pub(crate) fn leave_decided(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            for rule in decision.rules.iter().filter(|rule| !rule.reason.is_take()) {
                self.leave(rule.reason.in_general(), &decision.resource);
            }
        }
    }
}
