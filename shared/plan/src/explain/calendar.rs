//! The calendar: what begins when.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{Due, RestoreFrom, RestoreTestRule, SnapshotDue};
use holdfast_domain::{Plan, ResourceName, RuleName, Schedule};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::ExplainRequest;
use crate::units::write_duration;
use crate::words::{retention, shortened};

const SNAPSHOT: &str = "snapshot";
/// More of one rule on one day stand in one line.
const LINES_PER_RULE_MAX: usize = 4;

/// One thing that begins at one time of day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CalendarLine {
    /// When, in the calendar's zone: `02:00`, `02:00+` for what follows that, `00:00-23:00` for what repeats.
    pub at: String,
    /// The same in UTC, with the day where it is another.
    pub utc: String,
    /// `snapshot`, `restore test`, `drill`, `heartbeat`.
    pub what: &'static str,
    /// Which resources, or which channels.
    pub who: String,
    /// By which rule, and what is particular about it.
    pub how: String,
}

/// Days that follow each other and are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CalendarDays {
    /// `2026-12-06 Sun`, or the first and the last.
    pub days: String,
    /// What begins on each of them beyond what begins every day.
    pub lines: Vec<CalendarLine>,
}

pub(super) struct Calendar {
    pub(super) every_day: Vec<CalendarLine>,
    pub(super) days: Vec<CalendarDays>,
    pub(super) unscheduled: Vec<String>,
}

/// Resources with the same rule on the same schedule: one line, however many they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    what: &'static str,
    rule: String,
    how: String,
    /// Whether it begins after that time, as soon as something else is there.
    after: bool,
}

/// A line with what it is made of.
#[derive(Debug, Clone)]
struct Entry<'g> {
    kind: &'g Kind,
    /// All of the resources, also those that the line has no room for.
    who: &'g [&'g str],
    line: CalendarLine,
}

type Days<'g> = BTreeMap<Date, Vec<Entry<'g>>>;
type Groups<'p> = BTreeMap<(Kind, String, String), (&'p Schedule, Vec<&'p str>)>;

pub(super) fn make(plan: &Plan, request: &ExplainRequest, zone: &TimeZone) -> Calendar {
    let (groups, unscheduled) = groups(plan, request.resource.as_ref());
    let mut days: Days<'_> = BTreeMap::new();
    for ((kind, _, _), (schedule, who)) in &groups {
        for (day, times) in firings(schedule, request, zone) {
            let lines = lines(kind, &times, zone, &shortened(who));
            days.entry(day).or_default().extend(lines.into_iter().map(|line| Entry { kind, who, line }));
        }
    }
    let all: Vec<Date> = request.from.series(jiff::Span::new().days(1)).take(usize::from(request.days)).collect();
    let every_day = every_day(&all, &days);
    Calendar { days: other_days(&all, &days, &every_day), every_day, unscheduled }
}

/// Every rule with a schedule, grouped; and in words what has none.
fn groups<'p>(plan: &'p Plan, only: Option<&ResourceName>) -> (Groups<'p>, Vec<String>) {
    let (mut groups, mut unscheduled): (Groups<'p>, Vec<String>) = (BTreeMap::new(), Vec::new());
    let mut add = |kind: Kind, schedule: &'p Schedule, who: &'p str| {
        let key = (kind, schedule.expression().to_owned(), schedule.zone().to_owned());
        groups.entry(key).or_insert_with(|| (schedule, Vec::new())).1.push(who);
    };
    for (name, resource) in plan.resources.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        for (rule, snapshot) in &resource.snapshots {
            let how = format!("{rule}, kept {}", retention(snapshot.keep));
            match &snapshot.due {
                SnapshotDue::At(at) => {
                    add(Kind { what: SNAPSHOT, rule: rule.to_string(), how, after: false }, at, name.as_str());
                }
                SnapshotDue::OnChange => unscheduled.push(format!("{name}: a recovery point on each change ({how})")),
                SnapshotDue::OnDemand => unscheduled.push(format!("{name}: a recovery point when asked for ({how})")),
            }
        }
        for (rule, test) in &resource.restore_tests {
            let how = tested(rule, test);
            match &test.due {
                Due::At(at) => {
                    add(Kind { what: "restore test", rule: rule.to_string(), how, after: false }, at, name.as_str())
                }
                Due::After(followed) => match resource.snapshots.get(followed).and_then(|followed| followed.schedule())
                {
                    Some(at) => {
                        let how = format!("{how}, as soon as {followed} is available");
                        add(Kind { what: "restore test", rule: rule.to_string(), how, after: true }, at, name.as_str());
                    }
                    None => {
                        unscheduled.push(format!("{name}: restore test {how}, after each recovery point of {followed}"))
                    }
                },
            }
        }
    }
    if only.is_none() {
        for (name, drill) in &plan.drills {
            let runbook = drill.runbook.as_ref().map(|address| format!(" ({address})")).unwrap_or_default();
            let how = format!("{}{runbook}", drill.what);
            add(Kind { what: "drill", rule: name.to_string(), how, after: false }, &drill.at, name.as_str());
        }
        if let Some(heartbeat) = &plan.alerts.heartbeat {
            for channel in &heartbeat.to {
                let kind = Kind { what: "heartbeat", rule: String::new(), how: "all is well".into(), after: false };
                add(kind, &heartbeat.at, channel.as_str());
            }
        }
    }
    (groups, unscheduled)
}

fn tested(rule: &RuleName, test: &RestoreTestRule) -> String {
    let from = match &test.from {
        RestoreFrom::Latest => "the newest".to_owned(),
        RestoreFrom::Random => "any".to_owned(),
        RestoreFrom::Oldest => "the oldest".to_owned(),
        RestoreFrom::Pitr => "the latest restorable time".to_owned(),
        RestoreFrom::Time(time) => format!("the state of {time}"),
        RestoreFrom::Chosen(id) => id.to_string(),
    };
    let deadline = write_duration(test.deadline);
    format!("{rule}: {from}, in {}, {} for at most {deadline}", test.region, test.instance_class)
}

/// The firings of the span, by the calendar's day.
fn firings(schedule: &Schedule, request: &ExplainRequest, zone: &TimeZone) -> BTreeMap<Date, Vec<Timestamp>> {
    let mut days: BTreeMap<Date, Vec<Timestamp>> = BTreeMap::new();
    let Ok(begins) = request.from.to_zoned(zone.clone()) else { return days };
    let until = request.from.saturating_add(jiff::Span::new().days(i64::from(request.days)));
    for firing in schedule.firings_from(begins.timestamp()) {
        let day = zone.to_datetime(firing.at).date();
        if day >= until {
            break;
        }
        days.entry(day).or_default().push(firing.at);
    }
    days
}

/// One rule's lines of one day.
fn lines(kind: &Kind, times: &[Timestamp], zone: &TimeZone, who: &str) -> Vec<CalendarLine> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Vec::new() };
    let line =
        |at: String, utc: String, how: String| CalendarLine { at, utc, what: kind.what, who: who.to_owned(), how };
    if times.len() > LINES_PER_RULE_MAX {
        let apart: BTreeSet<SignedDuration> =
            times.windows(2).filter_map(|pair| Some(pair.last()?.duration_since(*pair.first()?))).collect();
        let every = match (apart.first(), apart.last()) {
            (Some(least), Some(most)) if least == most => format!("every {}", write_duration(*least)),
            (_, _) => format!("{} times", times.len()),
        };
        let span = |zone: &TimeZone| format!("{}-{}", clock(*first, zone), clock(*last, zone));
        return vec![line(span(zone), span(&TimeZone::UTC), format!("{}, {every}", kind.how))];
    }
    let plus = if kind.after { "+" } else { "" };
    times.iter().map(|at| line(format!("{}{plus}", clock(*at, zone)), utc(*at, zone), kind.how.clone())).collect()
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(at).strftime("%H:%M").to_string()
}

/// `01:00Z`, with the weekday where it is another day than the calendar's.
fn utc(at: Timestamp, zone: &TimeZone) -> String {
    let (here, there) = (zone.to_datetime(at), TimeZone::UTC.to_datetime(at));
    let format = if here.date() == there.date() { "%H:%MZ" } else { "%H:%MZ %a" };
    there.strftime(format).to_string()
}

/// What stands on every day at the same time of the calendar's clock. A change of the clocks changes its UTC: both are shown.
fn every_day(all: &[Date], days: &Days<'_>) -> Vec<CalendarLine> {
    let mut seen: BTreeMap<Identity, (usize, BTreeSet<String>)> = BTreeMap::new();
    for Entry { line, .. } in all.iter().filter_map(|day| days.get(day)).flatten() {
        let (count, utc) = seen.entry(identity(line)).or_default();
        *count += 1;
        utc.insert(line.utc.clone());
    }
    let kept = seen.into_iter().filter(|(_, (count, _))| *count >= all.len() && all.len() > 1);
    kept.map(|((at, what, who, how), (_, utc))| CalendarLine {
        at,
        utc: utc.into_iter().collect::<Vec<_>>().join(" or "),
        what,
        who,
        how,
    })
    .collect()
}

/// All of a line but its UTC.
type Identity = (String, &'static str, String, String);

fn identity(line: &CalendarLine) -> Identity {
    (line.at.clone(), line.what, line.who.clone(), line.how.clone())
}

fn other_days(all: &[Date], days: &Days<'_>, every_day: &[CalendarLine]) -> Vec<CalendarDays> {
    let everyday: BTreeSet<_> = every_day.iter().map(identity).collect();
    let mut folded: Vec<(Date, Date, Vec<CalendarLine>)> = Vec::new();
    for day in all {
        let Some(of_day) = days.get(day) else { continue };
        let others = of_day.iter().filter(|entry| !everyday.contains(&identity(&entry.line)));
        let mut lines: Vec<CalendarLine> = others.map(|entry| shared(entry, of_day)).collect();
        lines.sort();
        if lines.is_empty() {
            continue;
        }
        match folded.last_mut() {
            Some((_, last, same)) if *same == lines && last.tomorrow().is_ok_and(|next| next == *day) => *last = *day,
            Some(_) | None => folded.push((*day, *day, lines)),
        }
    }
    folded.into_iter().map(|(first, last, lines)| CalendarDays { days: named(first, last), lines }).collect()
}

/// A snapshot that is due together with another rule of the same resources shares its recovery point.
fn shared(entry: &Entry<'_>, of_day: &[Entry<'_>]) -> CalendarLine {
    let mut line = entry.line.clone();
    let together = of_day.iter().filter(|other| {
        let snapshots = entry.kind.what == SNAPSHOT && other.kind.what == SNAPSHOT;
        let others = other.kind.rule != entry.kind.rule && other.line.at == line.at;
        snapshots && others && entry.who.iter().all(|name| other.who.contains(name))
    });
    let rules: Vec<&str> = together.map(|other| other.kind.rule.as_str()).collect();
    if !rules.is_empty() {
        line.how = format!("{} (one recovery point with {})", line.how, rules.join(", "));
    }
    line
}

fn named(first: Date, last: Date) -> String {
    let day = |date: Date| date.strftime("%Y-%m-%d %a").to_string();
    if first == last { day(first) } else { format!("{} to {}", day(first), day(last)) }
}
