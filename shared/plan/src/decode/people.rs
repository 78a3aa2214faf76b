//! What people answer for: owners, drills they hold, and what somebody else protects.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Drill, Elsewhere};
use holdfast_domain::{OwnerName, ResourceName, RuleName};

use super::context::{Context, reference};
use super::forms::{NAME, RESOURCE, SCHEDULE, URL, ZONE};
use super::reader::{Fields, Place};
use super::schedule::schedule;
use crate::language::{Shape, Table, may, must};
use crate::problem::Log;

pub(super) const OWNERS: Shape = Shape::Named(&NAME, &Shape::Text);
pub(super) const DRILLS: Shape = Shape::Named(&NAME, &Shape::Map(&DRILL));
pub(super) const ELSEWHERE: Shape = Shape::Named(&RESOURCE, &Shape::Map(&ELSEWHERE_ENTRY));

pub(crate) static DRILL: Table = Table::new(
    "drill",
    &[
        must("at", Shape::Like(&SCHEDULE), "The schedule, AWS's cron of six fields", super::SCHEDULE_WANTED),
        may("time_zone", Shape::Like(&ZONE), "IANA time zone of the schedule; the plan's if left out"),
        must(
            "what",
            Shape::Text,
            "What is rehearsed, in words",
            "what is rehearsed, in words, such as what: \"restore the database\"",
        ),
        may("runbook", Shape::Like(&URL), "Where its runbook stands"),
    ],
);

pub(crate) static ELSEWHERE_ENTRY: Table = Table::new(
    "elsewhere",
    &[
        must("what", Shape::Text, "What it is, in words", "what it is, in words, such as what: \"application code\""),
        must("by", Shape::Text, "Who protects it", "who protects it, such as by: GitHub"),
        may("owner", Shape::Like(&NAME), "Who answers for that; one of owners"),
    ],
);

/// Contacts, as they are shown in alerts and reports.
pub(super) fn owners(place: &Place<'_>, log: &mut Log) -> Option<BTreeMap<OwnerName, String>> {
    place.named("owners", log, |place, log| place.words(log))
}

pub(super) fn drills(place: &Place<'_>, context: &Context<'_>, log: &mut Log) -> Option<BTreeMap<RuleName, Drill>> {
    place.named("drills", log, |place, log| {
        let fields = Fields::of(place, &DRILL, log)?;
        let at = fields.must("at", log, |place, log| schedule(place, &fields, &context.clock, log));
        let what = fields.must("what", log, |place, log| place.words(log));
        let runbook = fields.maybe("runbook", log, |place, log| place.url(log));
        Some(Drill { at: at?, what: what?, runbook: runbook? })
    })
}

pub(super) fn elsewhere(
    place: &Place<'_>,
    context: &Context<'_>,
    log: &mut Log,
) -> Option<BTreeMap<ResourceName, Elsewhere>> {
    place.named("elsewhere", log, |place, log| {
        let fields = Fields::of(place, &ELSEWHERE_ENTRY, log)?;
        let what = fields.must("what", log, |place, log| place.words(log));
        let by = fields.must("by", log, |place, log| place.words(log));
        let owner = fields.maybe("owner", log, |place, log| reference(place, "owner", &context.owners, log));
        Some(Elsewhere { what: what?, by: by?, owner: owner? })
    })
}
