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

/// How long after its slot a recovery point was asked for, if that was late: ISO 8601, `PT5H12M`.
pub const LATE: &str = "holdfast:late";
/// The request by which a person asked for a recovery point.
pub const REQUEST: &str = "holdfast:request";
/// Why a person asked for it, as far as a tag may say it; whole in the ledger.
pub const REASON: &str = "holdfast:reason";
/// How long a recovery point that no rule keeps is kept, in the plan's words: `30d`.
pub const KEEP: &str = "holdfast:keep";

/// The most characters of a value (source: RDS API Reference, `Tag`).
pub const VALUE_MAX: usize = 256;

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

/// Tags of a recovery point that a person asked for; by a rule on demand, which says how long it is kept, or with a retention of its own.
#[must_use]
pub fn of_requested_recovery_point(
    plan: &PlanName,
    environment: &Environment,
    resource: &ResourceName,
    (request, reason): (&str, &str),
    kept: Kept<'_>,
) -> Tags {
    let mut tags = of_resource(plan, environment, resource);
    tags.insert(REQUEST.into(), as_value(request));
    tags.insert(REASON.into(), as_value(reason));
    match kept {
        Kept::ByRule(rule) => tags.insert(RULES.into(), rule.to_string()),
        Kept::For(keep) => tags.insert(KEEP.into(), as_value(keep)),
    };
    tags
}

/// What says how long a recovery point is kept that a person asked for.
#[derive(Debug, Clone, Copy)]
pub enum Kept<'a> {
    /// A rule on demand.
    ByRule(&'a RuleName),
    /// The request itself, in the plan's words: `30d`.
    For(&'a str),
}

/// A text as a tag's value: letters, digits, white space and `_.:/=+-@` are legal, and at most [`VALUE_MAX`] characters
/// (source: RDS API Reference, `Tag`). What is not legal becomes `_`.
#[must_use]
pub fn as_value(text: &str) -> String {
    let legal = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    text.chars().map(|c| if legal(c) { c } else { '_' }).take(VALUE_MAX).collect()
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

/// The rules that the tags name, in order; what is no legal name is left out.
pub fn rules(tags: &Tags) -> impl Iterator<Item = RuleName> + '_ {
    tags.get(RULES).into_iter().flat_map(|rules| rules.split(' ')).filter_map(|rule| rule.parse().ok())
}

/// Whether the tags name this resource.
#[must_use]
pub fn name_resource(tags: &Tags, resource: &ResourceName) -> bool {
    tags.get(RESOURCE).is_some_and(|name| name == resource.as_str())
}

/// The slot in the tags, if there is a legal one.
#[must_use]
pub fn slot(tags: &Tags) -> Option<Slot> {
    tags.get(SLOT)?.parse().ok()
}
