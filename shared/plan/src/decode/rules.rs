//! Rules with a time: snapshots and restore tests.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Due, RestoreFrom, RestoreTestRule, Retention, SnapshotDue, SnapshotRule};
use holdfast_domain::{Region, RuleName, Schedule};
use jiff::SignedDuration;

use super::reader::{Fields, Place, one_of};
use crate::node::Value;
use crate::problem::{Log, code};

/// A night's damage is seen in the morning: a recovery point that is kept for less than a day is gone before anybody asks for it.
const KEEP_MIN: SignedDuration = SignedDuration::from_hours(24);
/// A restore takes minutes at the least.
const DEADLINE_MIN: SignedDuration = SignedDuration::from_mins(1);
/// A test that takes a week would overlap the next, and pays for a database all that time.
const DEADLINE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The time zone of schedules that name none.
#[derive(Debug)]
pub(super) enum Zone {
    Named(String),
    /// The plan names none: each schedule must.
    Absent,
    /// The plan's own was refused already; it is not held against every schedule again.
    Refused,
}

impl Zone {
    pub(super) fn of_plan(place: Option<&Place<'_>>, log: &mut Log) -> Self {
        match place {
            Some(place) => zone(place, log).map_or(Self::Refused, Self::Named),
            None => Self::Absent,
        }
    }
}

/// The snapshot rules of a resource.
pub(super) fn snapshots(place: &Place<'_>, default: &Zone, log: &mut Log) -> Option<BTreeMap<RuleName, SnapshotRule>> {
    let entries = place.entries("snapshots", log)?;
    let mut decoded = BTreeMap::new();
    for entry in entries {
        let name: Option<RuleName> = place.key(entry, log);
        if let (Some(name), Some(rule)) = (name, snapshot(&place.entry(entry), default, log)) {
            decoded.insert(name, rule);
        }
    }
    (decoded.len() == entries.len()).then_some(decoded)
}

fn snapshot(place: &Place<'_>, default: &Zone, log: &mut Log) -> Option<SnapshotRule> {
    let fields = Fields::of(place, &["at", "time_zone", "keep", "size_min"], log)?;
    let zone_place = fields.take("time_zone");
    let at = fields.require("at", log).and_then(|at| schedule(&at, zone_place.as_ref(), default, log));
    let why = "so that it is still there when the damage is noticed";
    let keep =
        fields.require("keep", log).and_then(|keep| keep.duration_within(KEEP_MIN, SignedDuration::MAX, why, log));
    let size_min_bytes = match fields.take("size_min") {
        Some(size) => Some(size.size(log)?),
        None => None,
    };
    Some(SnapshotRule { due: SnapshotDue::At(at?), keep: Retention::Age(keep?), size_min_bytes, takes_max: None })
}

/// The restore tests of a resource. `snapshots` is the source of its snapshot rules, which `after` may name.
pub(super) fn restore_tests(
    place: &Place<'_>,
    snapshots: Option<&Place<'_>>,
    region: Option<&Region>,
    default: &Zone,
    log: &mut Log,
) -> Option<BTreeMap<RuleName, RestoreTestRule>> {
    let entries = place.entries("restore_tests", log)?;
    // The rules as written, so that a rule with a slip in it still counts as there.
    let rules: Vec<&str> = match snapshots.map(|place| &place.node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) | None => Vec::new(),
    };
    let mut decoded = BTreeMap::new();
    for entry in entries {
        let name: Option<RuleName> = place.key(entry, log);
        if let (Some(name), Some(rule)) = (name, restore_test(&place.entry(entry), &rules, region, default, log)) {
            decoded.insert(name, rule);
        }
    }
    (decoded.len() == entries.len()).then_some(decoded)
}

fn restore_test(
    place: &Place<'_>,
    rules: &[&str],
    region: Option<&Region>,
    default: &Zone,
    log: &mut Log,
) -> Option<RestoreTestRule> {
    let known = &["at", "time_zone", "after", "from", "instance_class", "deadline"];
    let fields = Fields::of(place, known, log)?;
    let due = due(place, &fields, rules, default, log);
    let from =
        fields.require("from", log).and_then(|from| from.word(&[("latest", ())], log)).map(|()| RestoreFrom::Latest);
    let instance_class = fields.require("instance_class", log).and_then(|class| instance_class(&class, log));
    let why = "the longest that the whole test may take before it is judged and its database destroyed";
    let deadline =
        fields.require("deadline", log).and_then(|place| place.duration_within(DEADLINE_MIN, DEADLINE_MAX, why, log));
    Some(RestoreTestRule {
        due: due?,
        from: from?,
        region: region?.clone(),
        instance_class: instance_class?,
        deadline: deadline?,
    })
}

/// Exactly one of `at` and `after`.
fn due(place: &Place<'_>, fields: &Fields<'_>, rules: &[&str], default: &Zone, log: &mut Log) -> Option<Due> {
    let allowed = "exactly one of at with a schedule and after with the name of a snapshot rule is wanted".to_owned();
    let zone_place = fields.take("time_zone");
    match (fields.take("at"), fields.take("after")) {
        (Some(at), None) => schedule(&at, zone_place.as_ref(), default, log).map(Due::At),
        (None, Some(after)) => {
            if let Some(zone) = zone_place {
                let message = "time_zone says nothing beside after, as the test follows the recovery point".to_owned();
                zone.refuse(code::EITHER_OR, message, "leave it out".into(), log);
            }
            self::after(&after, rules, log)
        }
        (Some(_), Some(after)) => {
            after.refuse(code::EITHER_OR, "at and after both stand here".into(), allowed, log);
            None
        }
        (None, None) => {
            place.refuse(code::EITHER_OR, "neither at nor after stands here".into(), allowed, log);
            None
        }
    }
}

fn after(place: &Place<'_>, rules: &[&str], log: &mut Log) -> Option<Due> {
    let rule: RuleName = place.name(log)?;
    if !rules.contains(&rule.as_str()) {
        let message = format!("{rule} is not a snapshot rule of this resource");
        let allowed = if rules.is_empty() {
            "this resource has no snapshot rules; use at with a schedule".to_owned()
        } else {
            one_of(rules)
        };
        place.refuse(code::NO_SUCH, message, allowed, log);
        return None;
    }
    Some(Due::After(rule))
}

fn schedule(place: &Place<'_>, own: Option<&Place<'_>>, default: &Zone, log: &mut Log) -> Option<Schedule> {
    let zone = match (own, default) {
        (Some(own), _) => zone(own, log),
        (None, Zone::Named(zone)) => Some(zone.clone()),
        (None, Zone::Refused) => None,
        (None, Zone::Absent) => {
            let message = "no time zone is named for this schedule".to_owned();
            place.refuse(code::TIME_ZONE, message, "time_zone: UTC beside it, or at the top for all".into(), log);
            None
        }
    };
    let expression = place.text(log)?;
    // The expression is looked at even if its zone is not known.
    match Schedule::parse(expression, zone.as_deref().unwrap_or("UTC")) {
        Ok(schedule) => zone.and(Some(schedule)),
        Err(error) => {
            let message = format!("{} is not a schedule", place.node.shown());
            place.refuse(code::SCHEDULE, message, error.reason, log);
            None
        }
    }
}

fn zone(place: &Place<'_>, log: &mut Log) -> Option<String> {
    let name = place.text(log)?;
    match Schedule::parse("cron(0 0 * * ? *)", name) {
        Ok(schedule) => Some(schedule.zone().to_owned()),
        Err(error) => {
            place.refuse(code::TIME_ZONE, format!("{} is not a time zone", place.node.shown()), error.reason, log);
            None
        }
    }
}

/// `db.t4g.medium`. Which classes a region offers is AWS's to say, at restore; the shape is checked here.
fn instance_class(place: &Place<'_>, log: &mut Log) -> Option<String> {
    let text = place.text(log)?;
    let mut parts = text.split('.');
    let legal = parts.next() == Some("db")
        && (2..=4).contains(&parts.clone().count())
        && parts.all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
    if !legal {
        let message = format!("{} is not a DB instance class", place.node.shown());
        place.refuse(code::NAME, message, "a class as RDS writes it is wanted, such as db.t4g.medium".into(), log);
        return None;
    }
    Some(text.to_owned())
}
