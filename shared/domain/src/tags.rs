//! The tags on everything that Holdfast makes: how a thing is known to be ours, and whose.

use std::collections::BTreeMap;

use crate::names::{Environment, PlanName, ResourceName, RuleName, RunId};
use crate::slot::Slot;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Plan that made it.
pub const PLAN: &str = "holdfast:plan";
/// Environment of that plan.
pub const ENVIRONMENT: &str = "holdfast:environment";
/// The plan's name of the resource.
pub const RESOURCE: &str = "holdfast:resource";
/// The rules that a recovery point serves, joined by spaces (a tag value may not hold a comma: RDS User Guide, "Tagging Amazon RDS resources").
pub const RULES: &str = "holdfast:rules";
/// The slot a recovery point stands for.
pub const SLOT: &str = "holdfast:slot";
/// The run a temporary thing belongs to.
pub const RUN: &str = "holdfast:run";
/// When whatever carries it must be gone, RFC 3339 in UTC. What the reaper goes by.
pub const DEADLINE: &str = "holdfast:deadline";

/// Tags of a recovery point.
#[must_use]
pub fn of_recovery_point(
    plan: &PlanName,
    environment: &Environment,
    resource: &ResourceName,
    rules: &[RuleName],
    slot: Slot,
) -> Tags {
    let rules: Vec<&str> = rules.iter().map(RuleName::as_str).collect();
    let mut tags = of_resource(plan, environment, resource);
    tags.insert(RULES.into(), rules.join(" "));
    tags.insert(SLOT.into(), slot.to_string());
    tags
}

/// Tags of a run's temporary database and secret. None of the source's are among them.
#[must_use]
pub fn of_room(
    plan: &PlanName,
    environment: &Environment,
    resource: &ResourceName,
    run: &RunId,
    deadline: jiff::Timestamp,
) -> Tags {
    let mut tags = of_resource(plan, environment, resource);
    tags.insert(RUN.into(), run.to_string());
    tags.insert(DEADLINE.into(), deadline.to_string());
    tags
}

fn of_resource(plan: &PlanName, environment: &Environment, resource: &ResourceName) -> Tags {
    Tags::from([
        (PLAN.into(), plan.to_string()),
        (ENVIRONMENT.into(), environment.to_string()),
        (RESOURCE.into(), resource.to_string()),
    ])
}

/// Whether the tags name this plan and environment as the maker.
#[must_use]
pub fn are_ours(tags: &Tags, plan: &PlanName, environment: &Environment) -> bool {
    tags.get(PLAN).is_some_and(|v| v == plan.as_str())
        && tags.get(ENVIRONMENT).is_some_and(|v| v == environment.as_str())
}

/// Whether the tags name this rule among those that the recovery point serves.
#[must_use]
pub fn serve(tags: &Tags, rule: &RuleName) -> bool {
    tags.get(RULES).is_some_and(|rules| rules.split(' ').any(|r| r == rule.as_str()))
}

/// The slot in the tags, if there is a legal one.
#[must_use]
pub fn slot(tags: &Tags) -> Option<Slot> {
    tags.get(SLOT)?.parse().ok()
}
