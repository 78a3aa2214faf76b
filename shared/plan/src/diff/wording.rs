//! A change in words: what would be done differently, and how much it matters.

use holdfast_domain::plan::{Due, Resource, Retention, SnapshotRule};
use holdfast_domain::{Plan, Schedule};
use jiff::{SignedDuration, Timestamp};

use super::tree::Change;
use super::{Difference, Weight};
use crate::almanac::{Almanac, Kept, YEAR, YEAR_BEGINS};
use crate::node::{Node, Value};
use crate::units::read_duration;
use crate::words::retention;

/// Puts a change into words; none for a field that another change of the same rule already speaks of.
pub(super) fn word(change: &Change<'_>, old: &Plan, new: &Plan) -> Option<Difference> {
    let steps: Vec<&str> = change.path.iter().map(String::as_str).collect();
    let (weight, says) = match steps.as_slice() {
        ["resources", name] => resource(change, name, old, new),
        ["resources", name, rest @ ..] => {
            let pair = (resource_of(old, name), resource_of(new, name));
            match (rest, pair) {
                // The zone alone may have changed: the schedule is worded once, at `at`.
                (["snapshots" | "restore_tests", _, "time_zone"], (Some(before), Some(after)))
                    if schedule(before, rest).map(Schedule::expression)
                        != schedule(after, rest).map(Schedule::expression) =>
                {
                    return None;
                }
                (["snapshots" | "restore_tests", _, "at" | "time_zone"], (Some(before), Some(after))) => {
                    moved(schedule(before, rest), schedule(after, rest))
                        .unwrap_or_else(|| plain(change, Weight::Change))
                }
                (["snapshots", rule, "keep", ..], (Some(before), Some(after))) => {
                    kept(snapshot(before, rule), snapshot(after, rule)).unwrap_or_else(|| plain(change, Weight::Change))
                }
                (["snapshots" | "restore_tests", _], (before, after)) => {
                    let at = |resource: Option<&'_ Resource>| {
                        resource.and_then(|resource| schedule(resource, rest).cloned())
                    };
                    rule(rest, change, at(before).as_ref(), at(after).as_ref())
                }
                (rest, _) => field(change, rest),
            }
        }
        ["alerts", "routes", severity, ..] => routes(change, severity),
        [_, ..] => plain(change, Weight::Change),
        [] => return None,
    };
    Some(Difference { weight, path: change.path(), says })
}

fn resource_of<'p>(plan: &'p Plan, name: &str) -> Option<&'p Resource> {
    plan.resources.iter().find(|(known, _)| known.as_str() == name).map(|(_, resource)| resource)
}

fn snapshot<'p>(resource: &'p Resource, rule: &str) -> Option<&'p SnapshotRule> {
    resource.snapshots.iter().find(|(name, _)| name.as_str() == rule).map(|(_, rule)| rule)
}

/// The schedule of `snapshots.RULE` or `restore_tests.RULE`.
fn schedule<'p>(resource: &'p Resource, steps: &[&str]) -> Option<&'p Schedule> {
    let [sort, rule, ..] = steps else { return None };
    if *sort == "snapshots" {
        return snapshot(resource, rule)?.schedule();
    }
    let (_, test) = resource.restore_tests.iter().find(|(name, _)| name.as_str() == *rule)?;
    match &test.due {
        Due::At(at) => Some(at),
        Due::After(followed) => resource.snapshots.get(followed)?.schedule(),
    }
}

fn resource(change: &Change<'_>, name: &str, old: &Plan, new: &Plan) -> (Weight, String) {
    let rules = |resource: &Resource| {
        let (snapshots, copies, tests) =
            (resource.snapshots.len(), resource.copies.len(), resource.restore_tests.len());
        format!("snapshot rules: {snapshots}, copies: {copies}, restore tests: {tests}")
    };
    match (resource_of(old, name), resource_of(new, name)) {
        (Some(before), None) => (
            Weight::Danger,
            format!(
                "{} {} is not protected any more ({})",
                before.target.kind().as_str(),
                before.target.id(),
                rules(before)
            ),
        ),
        (None, Some(after)) => (
            Weight::More,
            format!("{} {} is protected ({})", after.target.kind().as_str(), after.target.id(), rules(after)),
        ),
        (_, _) => plain(change, Weight::Change),
    }
}

/// A rule that came or went.
fn rule(steps: &[&str], change: &Change<'_>, before: Option<&Schedule>, after: Option<&Schedule>) -> (Weight, String) {
    let what = if steps.first() == Some(&"snapshots") { "recovery points" } else { "restore tests" };
    let often = |schedule: Option<&Schedule>| match schedule {
        Some(schedule) => format!("{} a month, {} {}", per_month(schedule), schedule.expression(), schedule.zone()),
        None => "on no schedule".to_owned(),
    };
    match (change.old, change.new) {
        (Some(_), None) => (Weight::Danger, format!("{what} by this rule no longer ({})", often(before))),
        (None, Some(_)) => (Weight::More, format!("{what} by a new rule: {}", often(after))),
        (_, _) => plain(change, Weight::Change),
    }
}

fn moved(before: Option<&Schedule>, after: Option<&Schedule>) -> Option<(Weight, String)> {
    let (before, after) = (before?, after?);
    let (was, is) = (firings(before), firings(after));
    let weight = match is.cmp(&was) {
        std::cmp::Ordering::Less => Weight::Danger,
        std::cmp::Ordering::Equal => Weight::Change,
        std::cmp::Ordering::Greater => Weight::More,
    };
    let says = format!(
        "moved from {} {} to {} {}: {} a month before, {} after",
        before.expression(),
        before.zone(),
        after.expression(),
        after.zone(),
        per_month(before),
        per_month(after)
    );
    Some((weight, says))
}

fn kept(before: Option<&SnapshotRule>, after: Option<&SnapshotRule>) -> Option<(Weight, String)> {
    let (before, after) = (before?, after?);
    let (was, is) = (before.keep, after.keep);
    let count = |rule: &SnapshotRule, keep: Retention| {
        let sorts = [Kept { schedules: vec![rule.schedule()?], keep }];
        Almanac::default().kept_by_day(&sorts).iter().copied().max()
    };
    // The retention alone is compared: the schedule's own change is told apart.
    let counts = count(before, was).zip(count(before, is));
    let numbers = counts.map(|(was, is)| format!(": {was} recovery points before, {is} after")).unwrap_or_default();
    let shorter = is.longest() < was.longest() || counts.is_some_and(|(was, is)| is < was);
    let (weight, ends) = if shorter {
        let older = if is.longest() < was.longest() {
            format!("; those older than {} expire at once", crate::units::write_duration(is.longest()))
        } else {
            "; those in between expire at once".to_owned()
        };
        (Weight::Danger, older)
    } else {
        (Weight::More, String::new())
    };
    Some((weight, format!("kept {} instead of {}{numbers}{ends}", retention(is), retention(was))))
}

/// Fields of a resource whose growth or loss has a meaning of its own.
fn field(change: &Change<'_>, steps: &[&str]) -> (Weight, String) {
    match steps {
        ["objectives", .., "rpo" | "rto"]
        | ["checks", "fresh", "age_max"]
        | ["standby", "lag_max"]
        | ["pitr", "lag_max"] => {
            // A promise: shorter promises more.
            sized(change, Weight::More, Weight::Danger)
        }
        ["copies", _, "keep"] | ["pitr", "window"] | ["bucket", "versions_keep"] => {
            let (weight, says) = sized(change, Weight::Danger, Weight::More);
            let ends = if weight == Weight::Danger { ": what is older expires at once" } else { "" };
            (weight, format!("{says}{ends}"))
        }
        ["copies", _, "lock"] | ["bucket", "lock"] => sized(change, Weight::Danger, Weight::More),
        ["checks", .., "requirement"] => {
            let required = change.new.is_some_and(|node| node.shown() == "required");
            plain(change, if required { Weight::More } else { Weight::Danger })
        }
        ["copies" | "checks" | "pitr" | "standby" | "bucket" | "restore_tests" | "snapshots"]
        | ["copies", _]
        | ["checks", _]
        | ["checks", _, _]
        | ["objectives", "region" | "account"]
        | ["snapshots", _, "size_min" | "takes_max"] => plain(change, came_or_went(change)),
        ["encrypted"] | ["bucket", "mfa_delete"] => {
            let on = change.new.is_some_and(|node| node.value == Value::Bool(true));
            plain(change, if on { Weight::More } else { Weight::Danger })
        }
        ["id" | "kind" | "region"] => {
            let (weight, says) = plain(change, Weight::Danger);
            (weight, format!("{says}: recovery points of the old one are looked after no longer"))
        }
        _ => plain(change, Weight::Change),
    }
}

/// What is gone is missed, and what is new is more.
fn came_or_went(change: &Change<'_>) -> Weight {
    match (change.old, change.new) {
        (Some(_), None) => Weight::Danger,
        (None, Some(_)) => Weight::More,
        (_, _) => Weight::Change,
    }
}

/// A duration that became shorter or longer.
fn sized(change: &Change<'_>, shorter: Weight, longer: Weight) -> (Weight, String) {
    let duration = |node: Option<&Node>| node.and_then(|node| read_duration(&node.shown()).ok());
    let weight = match (duration(change.old), duration(change.new)) {
        (Some(was), Some(is)) => {
            if is < was {
                shorter
            } else {
                longer
            }
        }
        (Some(_), None) => Weight::Danger,
        (None, Some(_)) => Weight::More,
        (None, None) => Weight::Change,
    };
    plain(change, weight)
}

fn routes(change: &Change<'_>, severity: &str) -> (Weight, String) {
    let names = |node: Option<&Node>| -> Vec<String> {
        match node.map(|node| &node.value) {
            Some(Value::List(items)) => items.iter().map(Node::shown).collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Map(_)) | None => Vec::new(),
        }
    };
    let (was, is) = (names(change.old), names(change.new));
    let lost: Vec<&str> = was.iter().filter(|name| !is.contains(name)).map(String::as_str).collect();
    let urgent = matches!(severity, "critical" | "high");
    let weight = match (urgent, lost.is_empty(), is.len() > was.len()) {
        (true, false, _) => Weight::Danger,
        (true, true, true) => Weight::More,
        (_, _, _) => Weight::Change,
    };
    let told = |names: &[String]| if names.is_empty() { "nobody".to_owned() } else { names.join(", then ") };
    (weight, format!("{severity} findings are told to {} instead of {}", told(&is), told(&was)))
}

/// Old and new value, and nothing more.
fn plain(change: &Change<'_>, weight: Weight) -> (Weight, String) {
    let says = match (change.old, change.new) {
        (Some(old), Some(new)) => format!("{} instead of {}", shown(new), shown(old)),
        (Some(old), None) => format!("no longer: {}", shown(old)),
        (None, Some(new)) => format!("new: {}", shown(new)),
        (None, None) => String::new(),
    };
    (weight, says)
}

/// A value on one line; of what is long, the beginning.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::List(_) | Value::Map(_) => crate::problem::cut(&node.canonical_json()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => node.shown(),
    }
}

/// Firings in the reference year.
fn firings(schedule: &Schedule) -> usize {
    let until = YEAR_BEGINS.saturating_add(SignedDuration::from_hours(365 * 24).min(YEAR)).unwrap_or(Timestamp::MAX);
    schedule.firings_from(YEAR_BEGINS).take_while(|firing| firing.at < until).count()
}

/// Firings in a month of the reference year, on average: `30.4`, `1`.
fn per_month(schedule: &Schedule) -> String {
    let tenths = firings(schedule).saturating_mul(10).saturating_add(6) / 12;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    if tenth == 0 { whole.to_string() } else { format!("{whole}.{tenth}") }
}
