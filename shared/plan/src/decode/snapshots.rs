//! Snapshot rules, or the word that somebody else takes the recovery points.

use std::collections::BTreeMap;

use holdfast_domain::RuleName;
use holdfast_domain::plan::{External, ExternalMaker, Overlap, ResourceKind, SnapshotDue, SnapshotRule};

use super::context::Context;
use super::forms::{DURATION, NAME, SCHEDULE, SIZE, ZONE};
use super::kinds;
use super::reader::{Fields, Place};
use super::retention::{self, KEEP};
use super::schedule::{no_zone, schedule};
use super::words::{MAKERS, OVERLAPS, known};
use crate::language::{Shape, Table, Together, may, must, sometimes};
use crate::node::Value;
use crate::problem::{Log, code};

/// The word that stands in place of rules, and so cannot be a rule's name.
const EXTERNAL: &str = "external";

/// What may stand under `snapshots`.
pub(crate) const SNAPSHOTS: Shape =
    Shape::Any(&[Shape::Word(|| vec![EXTERNAL]), Shape::Map(&EXTERNALS), Shape::Named(&NAME, &Shape::Map(&RULE))]);

static RULE: Table = Table::with(
    "snapshot-rule",
    &[
        may("at", Shape::Like(&SCHEDULE), "The schedule, AWS's cron of six fields"),
        may("time_zone", Shape::Like(&ZONE), "IANA time zone of the schedule; the plan's if left out"),
        may(
            "on",
            Shape::Word(|| known(EVENTS)),
            "In place of a schedule: `change` takes a recovery point when the resource changes, `demand` when a person asks",
        ),
        must("keep", KEEP, "Retention: an age such as 7d, or so many days, weeks, months, years", retention::WANTED),
        may("size_min", Shape::Like(&SIZE), "A smaller recovery point is a finding"),
        sometimes(
            "takes_max",
            Shape::Like(&DURATION),
            "The longest that it may take; longer is a finding",
            "the longest that it may take, such as takes_max: 2h",
        ),
    ],
    &[Together::One(&["at", "on"]), Together::Beside("time_zone", "at")],
);

static EXTERNALS: Table = Table::new(
    "external",
    &[
        must(
            EXTERNAL,
            Shape::Word(|| known(MAKERS)),
            "Who takes the recovery points that are proved here, and never taken or deleted",
            "who takes them, such as external: rds",
        ),
        may("every", Shape::Like(&DURATION), "How far apart they may be; the recovery point objective rests on it"),
        may("keep", Shape::Like(&DURATION), "How long they are said to be kept"),
    ],
);

pub(super) const OVERLAP: Shape = Shape::Word(|| known(OVERLAPS));

#[derive(Debug, Clone, Copy)]
enum Event {
    Change,
    Demand,
}

const EVENTS: super::words::Words<Event> = &[("change", Event::Change), ("demand", Event::Demand)];

/// Recovery points that we take, or that somebody else does: one of the two is empty.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    pub(super) rules: BTreeMap<RuleName, SnapshotRule>,
    pub(super) external: Option<External>,
}

pub(super) fn snapshots(
    place: &Place<'_>,
    kind: Option<ResourceKind>,
    context: &Context<'_>,
    log: &mut Log,
) -> Option<Snapshots> {
    match &place.node.value {
        Value::Text(word) if word == EXTERNAL => {
            let external = Some(External { by: ExternalMaker::Any, every: None, keep: None });
            Some(Snapshots { external, ..Snapshots::default() })
        }
        Value::Text(_) => {
            let allowed = format!("a map of rules is wanted, or the word {EXTERNAL} if somebody else takes them");
            place.refuse(code::WORD, format!("{} is not known here", place.node.shown()), allowed, log);
            None
        }
        Value::Map(_) if place.child(EXTERNAL).is_some() => {
            external(place, kind, log).map(|external| Snapshots { external: Some(external), ..Snapshots::default() })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
            let rules = place.named("snapshots", log, |place, log| rule(place, kind, context, log))?;
            Some(Snapshots { rules, external: None })
        }
    }
}

/// The names of the rules as written; none if they are somebody else's.
pub(super) fn rule_names<'n>(place: Option<&Place<'n>>) -> Vec<&'n str> {
    let names = place.map(Place::keys).unwrap_or_default();
    if names.contains(&EXTERNAL) { Vec::new() } else { names }
}

fn external(place: &Place<'_>, kind: Option<ResourceKind>, log: &mut Log) -> Option<External> {
    if let Some(rule) = place.keys().into_iter().find(|key| EXTERNALS.field(key).is_none())
        && let Some(beside) = place.child(rule)
        && matches!(beside.node.value, Value::Map(_))
    {
        let message = format!(
            "{rule} stands beside {EXTERNAL}: either we take recovery points of a resource, or somebody else does"
        );
        beside.refuse(
            code::EITHER_OR,
            message,
            format!("either rules, none of them named {EXTERNAL}, or {EXTERNAL} alone"),
            log,
        );
        return None;
    }
    let fields = Fields::of(place, &EXTERNALS, log)?;
    let by = fields.must(EXTERNAL, log, |place, log| {
        let by = place.word(MAKERS, log)?;
        if by == ExternalMaker::Rds {
            kinds::check_external_rds(place, kind, log)?;
        }
        Some(by)
    });
    let every = fields.maybe("every", log, |place, log| place.duration(log));
    let keep = fields.maybe("keep", log, retention::age);
    Some(External { by: by?, every: every?, keep: keep? })
}

fn rule(place: &Place<'_>, kind: Option<ResourceKind>, context: &Context<'_>, log: &mut Log) -> Option<SnapshotRule> {
    let fields = Fields::of(place, &RULE, log)?;
    let due = due(&fields, kind, context, log);
    let keep = fields.must("keep", log, retention::keep);
    let size_min_bytes = fields.maybe("size_min", log, |place, log| place.size(log));
    let takes_max = fields.maybe("takes_max", log, |place, log| place.duration(log));
    Some(SnapshotRule { due: due?, keep: keep?, size_min_bytes: size_min_bytes?, takes_max: takes_max? })
}

/// Exactly one of `at` and `on`.
fn due(fields: &Fields<'_>, kind: Option<ResourceKind>, context: &Context<'_>, log: &mut Log) -> Option<SnapshotDue> {
    let allowed = "exactly one of at with a schedule and on with change or demand is wanted";
    match (fields.take("at"), fields.take("on")) {
        (Some(at), None) => schedule(&at, fields, &context.clock, log).map(SnapshotDue::At),
        (None, Some(on)) => {
            no_zone(fields, "on", "the rule has no schedule", log);
            match on.word(EVENTS, log)? {
                Event::Change => kinds::check_on_change(&on, kind, log).map(|()| SnapshotDue::OnChange),
                Event::Demand => Some(SnapshotDue::OnDemand),
            }
        }
        (Some(_), Some(on)) => {
            on.refuse(code::EITHER_OR, "at and on both stand here", allowed, log);
            None
        }
        (None, None) => {
            fields.place.refuse(code::EITHER_OR, "neither at nor on stands here", allowed, log);
            None
        }
    }
}

/// Whether two snapshots may run at once. That they may not can be kept only if each says how long it takes at most.
pub(super) fn overlap(fields: &Fields<'_>, snapshots: Option<&Place<'_>>, log: &mut Log) -> Option<Overlap> {
    let overlap = fields.or("overlap", Overlap::default(), log, |place, log| place.word(OVERLAPS, log))?;
    if overlap == Overlap::Allowed {
        return Some(overlap);
    }
    let rules = rule_names(snapshots);
    if rules.is_empty() {
        let place = fields.take("overlap")?;
        place.refuse(code::EMPTY, "there are no snapshot rules here that could overlap", "leave it out", log);
        return None;
    }
    let mut whole = true;
    for rule in rules.iter().filter_map(|rule| snapshots?.child(rule)) {
        if rule.child("takes_max").is_none() && matches!(rule.node.value, Value::Map(_)) {
            let rule = Fields::of(&rule, &RULE, &mut Log::new(""))?;
            rule.demand("takes_max", "overlap is forbidden, and this rule does not say how long it takes at most", log);
            whole = false;
        }
    }
    whole.then_some(overlap)
}
