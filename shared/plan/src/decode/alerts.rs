//! Alerts: who is told of what, how long is waited, and the sign of life.

use holdfast_domain::plan::{Alerts, Heartbeat};
use jiff::SignedDuration;

use super::channels::{CHANNELS, channels};
use super::context::{Context, reference};
use super::forms::{DURATION, NAME, SCHEDULE, ZONE};
use super::quiet_hours::{QUIET_HOURS, quiet_hours};
use super::reader::{Fields, Place};
use super::routes::{ROUTES, routes, warn_of_silence};
use super::schedule::schedule;
use crate::language::{Shape, Table, may, must};
use crate::problem::Log;

pub(crate) static ALERTS: Table = Table::new(
    "alerts",
    &[
        must(
            "channels",
            CHANNELS,
            "Ways to reach people, by name",
            "at least one channel, such as ops: { slack: \"secret:holdfast/slack\" }",
        ),
        must(
            "routes",
            Shape::Map(&ROUTES),
            "Who is told of what: channels by severity, in the order in which they are told",
            "at least one route, such as high: [ops]",
        ),
        may(
            "escalate_after",
            Shape::Like(&DURATION),
            "How long each channel of a route is waited for before the next is told as well; all at once if left out",
        ),
        may("update_every", Shape::Like(&DURATION), "How often news is given while a recovery runs"),
        may("report_within", Shape::Like(&DURATION), "How soon after its end an incident's closing report is given"),
        may("quiet_hours", Shape::Map(&QUIET_HOURS), "When mild findings wait until morning"),
        may("heartbeat", Shape::Map(&HEARTBEAT), "The message that says that all is well; its absence is a signal"),
    ],
);

static HEARTBEAT: Table = Table::new(
    "heartbeat",
    &[
        must("at", Shape::Like(&SCHEDULE), "The schedule, AWS's cron of six fields", super::SCHEDULE_WANTED),
        may("time_zone", Shape::Like(&ZONE), "IANA time zone of the schedule; the plan's if left out"),
        must(
            "to",
            Shape::List(&Shape::Like(&NAME)),
            "Which channels get it",
            "at least one channel, such as to: [ops]",
        ),
    ],
);

/// A sweep comes every minute; less could not be kept.
const WAIT_MIN: SignedDuration = SignedDuration::from_mins(1);
/// Who has not answered for a day will not.
const WAIT_MAX: SignedDuration = SignedDuration::from_hours(24);
/// A report after a month is history.
const REPORT_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);

pub(super) fn alerts(place: &Place<'_>, context: &Context<'_>, log: &mut Log) -> Option<Alerts> {
    let fields = Fields::of(place, &ALERTS, log)?;
    let channels = fields.must("channels", log, channels);
    let routes = fields.must("routes", log, |place, log| {
        let routes = routes(place, context, log);
        warn_of_silence(place, context, log);
        routes
    });
    let wait = |name, max, why| {
        move |fields: &Fields<'_>, log: &mut Log| {
            fields.maybe(name, log, |place, log| place.duration_within(WAIT_MIN, max, why, log))
        }
    };
    let escalate_after = wait("escalate_after", WAIT_MAX, "as Holdfast looks once a minute")(&fields, log);
    let update_every = wait("update_every", WAIT_MAX, "as Holdfast looks once a minute")(&fields, log);
    let report_within = wait("report_within", REPORT_MAX, "while people still remember")(&fields, log);
    let quiet_hours = fields.maybe("quiet_hours", log, |place, log| quiet_hours(place, context, log));
    let heartbeat = fields.maybe("heartbeat", log, |place, log| heartbeat(place, context, log));
    Some(Alerts {
        channels: channels?,
        routes: routes?,
        escalate_after: escalate_after?,
        update_every: update_every?,
        report_within: report_within?,
        quiet_hours: quiet_hours?,
        heartbeat: heartbeat?,
    })
}

fn heartbeat(place: &Place<'_>, context: &Context<'_>, log: &mut Log) -> Option<Heartbeat> {
    let fields = Fields::of(place, &HEARTBEAT, log)?;
    let at = fields.must("at", log, |place, log| schedule(place, &fields, &context.clock, log));
    let to = fields.must("to", log, |place, log| {
        place.distinct("to", log, |place, log| reference(place, "channel", &context.channels, log))
    });
    Some(Heartbeat { at: at?, to: to? })
}
