//! Quiet hours: when mild findings wait. Grave ones never do.

use std::collections::BTreeSet;

use holdfast_domain::Severity;
use holdfast_domain::plan::{QuietDay, QuietHours};

use super::context::Context;
use super::forms::{TIME_OF_DAY, ZONE};
use super::reader::{Fields, Place};
use super::words::{SEVERITIES, WEEKDAYS, known};
use crate::language::{Shape, Table, may, must};
use crate::problem::{Log, code};

pub(crate) static QUIET_HOURS: Table = Table::new(
    "quiet-hours",
    &[
        must("from", Shape::Like(&TIME_OF_DAY), "From this time of day", "a time of day, such as from: \"22:00\""),
        must(
            "until",
            Shape::Like(&TIME_OF_DAY),
            "Until this one, on the next day if it is not later",
            "a time of day, such as until: \"07:00\"",
        ),
        may("days", Shape::List(&Shape::Word(|| known(WEEKDAYS))), "Whole days that are quiet too"),
        may("time_zone", Shape::Like(&ZONE), "IANA time zone; the plan's if left out"),
        must(
            "severities",
            Shape::List(&Shape::Word(mild)),
            "Which severities wait: low, info, or both",
            "which findings wait, such as severities: [low, info]",
        ),
    ],
);

/// The severities that may wait.
fn mild() -> Vec<&'static str> {
    SEVERITIES.iter().filter(|(_, severity)| waits(*severity)).map(|(word, _)| *word).collect()
}

fn waits(severity: Severity) -> bool {
    match severity {
        Severity::Info | Severity::Low => true,
        Severity::High | Severity::Critical => false,
    }
}

pub(super) fn quiet_hours(place: &Place<'_>, context: &Context<'_>, log: &mut Log) -> Option<QuietHours> {
    let fields = Fields::of(place, &QUIET_HOURS, log)?;
    let from = fields.must("from", log, |place, log| place.time_of_day(log));
    let until = fields.must("until", log, |place, log| place.time_of_day(log));
    let days = fields.or("days", BTreeSet::new(), log, |place, log| {
        let days = place.distinct("days", log, |place, log| place.word(WEEKDAYS, log).map(QuietDay))?;
        Some(days.into_iter().collect())
    });
    let time_zone = context.clock.zone(place, fields.take("time_zone").as_ref(), "these hours", log);
    let severities = fields.must("severities", log, severities);
    let (from, until) = (from?, until?);
    if from == until {
        let message = format!("from and until are both {from}, so every hour would be quiet");
        place.refuse(code::TIME_OF_DAY, message, "two times are wanted; whole days stand under days", log);
        return None;
    }
    Some(QuietHours { from, until, days: days?, time_zone: time_zone?, severities: severities? })
}

fn severities(place: &Place<'_>, log: &mut Log) -> Option<BTreeSet<Severity>> {
    let severities = place.distinct("severities", log, |place, log| {
        let severity = place.word(SEVERITIES, log)?;
        if waits(severity) {
            return Some(severity);
        }
        let message = format!("{severity} findings never wait: a backup or a proof is missing, or data is in danger");
        place.refuse(code::NEVER_QUIET, message, format!("only {} may wait", mild().join(" and ")), log);
        None
    })?;
    Some(severities.into_iter().collect())
}
