//! Who is told of an incident, in which order, and when not: what the plan says, as answers to questions. Pure.

use std::collections::BTreeSet;

use holdfast_domain::plan::{Channel, QuietDay, QuietHours, Resource};
use holdfast_domain::{ChannelName, Plan, Severity};
use holdfast_ledger::Incident;
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The most channels of one incident: a group has the routes of all its resources.
const ROUTE_MAX: usize = 20;

/// The routes that an incident concerns, each once, in the order in which their channels are told: its resources' own, and the plan's for
/// whatever has none. All of them together have [`ROUTE_MAX`] channels at most.
#[must_use]
pub fn routes(plan: &Plan, incident: &Incident) -> Vec<Vec<ChannelName>> {
    let mut wanted: Vec<&[ChannelName]> = Vec::new();
    for line in incident.lines.values() {
        let own = line.resource.as_ref().and_then(|name| plan.resources.get(name));
        let own = own.and_then(|resource| resource.routes.get(&incident.severity));
        let route = own.or_else(|| plan.alerts.routes.get(&incident.severity)).map_or(&[][..], Vec::as_slice);
        if !wanted.contains(&route) {
            wanted.push(route);
        }
    }
    let mut all: BTreeSet<&ChannelName> = BTreeSet::new();
    let mut routes = Vec::new();
    for route in wanted {
        let mut within = Vec::new();
        for channel in route {
            if all.len() < ROUTE_MAX {
                all.insert(channel);
            }
            if all.contains(channel) {
                within.push(channel.clone());
            }
        }
        routes.push(within);
    }
    routes
}

/// Every channel that an incident concerns, in the order of its routes.
#[must_use]
pub fn route(plan: &Plan, incident: &Incident) -> Vec<ChannelName> {
    let mut route: Vec<ChannelName> = Vec::new();
    for channel in routes(plan, incident).into_iter().flatten() {
        if !route.contains(&channel) {
            route.push(channel);
        }
    }
    route
}

/// How long each channel of a route is waited for before the next is told as well. A critical incident goes to all of
/// them at once: a recovery runs, or the data is in danger.
#[must_use]
pub fn patience(plan: &Plan, severity: Severity) -> Option<SignedDuration> {
    plan.alerts.escalate_after.filter(|_| severity < Severity::Critical)
}

/// Whether news of an incident waits now, and until when.
#[must_use]
pub fn quiet_until(plan: &Plan, severity: Severity, now: Timestamp) -> Option<Timestamp> {
    let quiet = plan.alerts.quiet_hours.as_ref()?;
    if severity >= Severity::High || !quiet.severities.contains(&severity) {
        return None;
    }
    // A zone that is not known (the checker refuses it) must not silence anybody.
    let zone = TimeZoneDatabase::bundled().get(&quiet.time_zone).ok()?;
    Some(end_of_quiet(quiet, &zone, now)).filter(|end| *end > now)
}

/// Days that may be quiet one after the other: more than a week of them is a plan that never tells.
const QUIET_DAYS_MAX: usize = 8;

/// When the quiet time that holds `now` ends; `now` itself if none does.
fn end_of_quiet(quiet: &QuietHours, zone: &TimeZone, now: Timestamp) -> Timestamp {
    let mut end = now;
    for _ in 0..QUIET_DAYS_MAX {
        let next = spans(quiet, zone, end).filter(|(from, until)| *from <= end && end < *until).map(|(_, until)| until);
        match next.max() {
            Some(later) if later > end => end = later,
            Some(_) | None => break,
        }
    }
    end
}

/// The quiet times that may hold an instant: the nights of yesterday and today, and today if it is quiet as a whole.
fn spans<'q>(
    quiet: &'q QuietHours,
    zone: &'q TimeZone,
    at: Timestamp,
) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'q {
    let today = zone.to_datetime(at).date();
    let time = |minutes: u16| Time::midnight() + i64::from(minutes).minutes();
    let (from, until) = (quiet.from.minutes(), quiet.until.minutes());
    let over_midnight = u8::from(until <= from);
    let nights = [today.saturating_sub(1.day()), today].into_iter().map(move |date| {
        let end = date.saturating_add(i64::from(over_midnight).days());
        (instant(zone, date, time(from)), instant(zone, end, time(until)))
    });
    let whole = quiet.days.contains(&QuietDay(today.weekday())).then(|| {
        let tomorrow = today.saturating_add(1.day());
        (instant(zone, today, Time::midnight()), instant(zone, tomorrow, Time::midnight()))
    });
    nights.chain(whole)
}

/// The instant of a wall-clock time. One that the clock skips in spring is the moment after the gap; of two in autumn
/// the later is taken for an end and a beginning alike, so that a night ends when the clock first cannot read earlier.
fn instant(zone: &TimeZone, date: Date, time: Time) -> Timestamp {
    let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
    ambiguous.later().unwrap_or(Timestamp::MAX)
}

/// Whether a channel has a place for a closing report. PagerDuty's alert is closed by then.
#[must_use]
pub fn takes_reports(plan: &Plan, channel: &ChannelName) -> bool {
    match plan.alerts.channels.get(channel) {
        Some(Channel::Slack(_) | Channel::SlackBot(_) | Channel::Email { .. } | Channel::Webhook(_)) => true,
        Some(Channel::PagerDuty(_)) | None => false,
    }
}

/// Whether a channel is told that somebody takes care. An email of it comes too late to keep anybody in bed.
#[must_use]
pub fn takes_acknowledgements(plan: &Plan, channel: &ChannelName) -> bool {
    match plan.alerts.channels.get(channel) {
        Some(Channel::PagerDuty(_) | Channel::Slack(_) | Channel::SlackBot(_) | Channel::Webhook(_)) => true,
        Some(Channel::Email { .. }) | None => false,
    }
}

/// Whether a channel joins a repetition to the message that it repeats: PagerDuty by `dedup_key`, a webhook by the id
/// that we send.
#[must_use]
pub fn knows_repetitions(plan: &Plan, channel: &ChannelName) -> bool {
    match plan.alerts.channels.get(channel) {
        Some(Channel::PagerDuty(_) | Channel::Webhook(_)) => true,
        Some(Channel::Slack(_) | Channel::SlackBot(_) | Channel::Email { .. }) | None => false,
    }
}

/// Whom the resources of an incident concern: each contact once, in the order of the resources.
#[must_use]
pub fn owners(plan: &Plan, incident: &Incident) -> Vec<String> {
    let owner = |resource: &Resource| {
        let name = resource.owner.as_ref()?;
        plan.owners.get(name).map(|contact| format!("{name}: {contact}"))
    };
    distinct(resources(plan, incident).filter_map(owner))
}

/// Where the runbooks of the resources of an incident stand, each once.
#[must_use]
pub fn runbooks(plan: &Plan, incident: &Incident) -> Vec<String> {
    distinct(resources(plan, incident).filter_map(|resource| resource.runbook.clone()))
}

fn resources<'p>(plan: &'p Plan, incident: &'p Incident) -> impl Iterator<Item = &'p Resource> {
    let names: BTreeSet<_> = incident.lines.values().filter_map(|line| line.resource.as_ref()).collect();
    names.into_iter().filter_map(|name| plan.resources.get(name))
}

fn distinct(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for one in all {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
