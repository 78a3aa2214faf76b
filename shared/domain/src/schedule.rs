//! AWS cron expressions with a time zone: when a rule is due.
//!
//! AWS's rules (source: EventBridge Scheduler User Guide, "Schedule types"; EventBridge User Guide, "Cron expressions
//! reference") are checked and its ranges expanded in [`cron`]; the search for firings is croner's. No clock is read here:
//! every question brings its own instant.

mod cron;

use std::fmt;
use std::sync::Arc;

use croner::Cron;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, Zoned};
use thiserror::Error;

/// A schedule in AWS's six-field cron with its time zone.
///
/// Compiled once; a clone shares the compiled form. Two schedules are equal if expression and zone are.
#[derive(Clone)]
pub struct Schedule {
    expression: String,
    zone: String,
    compiled: Arc<Compiled>,
}

struct Compiled {
    cron: Cron,
    zone: TimeZone,
}

/// Why an expression is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{expression:?} is not a schedule: {reason}")]
pub struct ScheduleError {
    /// What was given, cut to 120 characters: the expression, or the time zone if that is at fault.
    pub expression: String,
    /// Which field is refused, its value, and what is allowed there.
    pub reason: String,
    /// Whether the time zone is at fault and not the expression.
    pub zone_at_fault: bool,
}

impl Schedule {
    /// Reads `cron(0 2 * * ? *)` in an IANA time zone.
    ///
    /// # Errors
    /// Names the field and what is allowed there.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let refused = |reason| ScheduleError { expression: cut(expression), reason, zone_at_fault: false };
        let checked = cron::check(expression).map_err(refused)?;
        let cron = checked.compile().map_err(|error| refused(error.to_string()))?;
        let time_zone =
            time_zone(zone).map_err(|reason| ScheduleError { expression: cut(zone), reason, zone_at_fault: true })?;
        let schedule = Self {
            expression: checked.expression,
            zone: zone.to_owned(),
            compiled: Arc::new(Compiled { cron, zone: time_zone }),
        };
        if schedule.next_after(Timestamp::UNIX_EPOCH - SignedDuration::from_hours(48)).is_none() {
            return Err(refused("it never fires: no year has such a day; change day-of-month, month or year".into()));
        }
        Ok(schedule)
    }

    /// The expression as AWS takes it: upper case, one space between the fields.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The IANA time zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The latest firing at or before an instant, looking back at most `horizon` (a firing exactly `horizon` ago is found).
    #[must_use]
    pub fn latest_at_or_before(&self, now: Timestamp, horizon: SignedDuration) -> Option<Timestamp> {
        let zone = &self.compiled.zone;
        let mut wall = wall_clock(last_wall_clock(zone, now));
        let mut inclusive = true;
        loop {
            wall = self.compiled.cron.find_previous_occurrence(&wall, inclusive).ok()?;
            inclusive = false;
            match firing(zone, wall.datetime()) {
                Some(instant) if instant <= now => return (now.duration_since(instant) <= horizon).then_some(instant),
                Some(_) => {}
                // A gap: look further back, but not further than was asked for.
                None if beyond(zone, wall.datetime(), now, horizon) => return None,
                None => {}
            }
        }
    }

    /// The first firing after an instant; none if there is no further one until the end of 2199.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let zone = &self.compiled.zone;
        let mut wall = wall_clock(zone.to_datetime(now));
        let mut inclusive = true;
        loop {
            wall = self.compiled.cron.find_next_occurrence(&wall, inclusive).ok()?;
            inclusive = false;
            if let Some(instant) = firing(zone, wall.datetime()).filter(|instant| *instant > now) {
                return Some(instant);
            }
        }
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression && self.zone == other.zone
    }
}

impl Eq for Schedule {}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("expression", &self.expression).field("zone", &self.zone).finish()
    }
}

/// The instant of a wall-clock time, as EventBridge Scheduler fires it: skipped in the spring gap, once in the autumn
/// (source: EventBridge Scheduler User Guide, "Daylight savings time on EventBridge Scheduler"). The guide does not say which
/// of the two autumn passes fires; the first is taken, so that a slot is never expected later than it may come.
fn firing(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { .. } => return None,
        AmbiguousOffset::Fold { before, .. } => before,
    };
    offset.to_timestamp(wall).ok()
}

/// The latest wall-clock time that a firing at or before `now` may carry: in the second pass of an autumn hour, firings
/// of the whole first pass lie behind us, though their wall clock reads later.
fn last_wall_clock(zone: &TimeZone, now: Timestamp) -> DateTime {
    let wall = zone.to_datetime(now);
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Fold { before, after } => wall.saturating_add(before.duration_since(after)),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => wall,
    }
}

fn beyond(zone: &TimeZone, wall: DateTime, now: Timestamp, horizon: SignedDuration) -> bool {
    zone.to_zoned(wall).is_ok_and(|zoned| now.duration_since(zoned.timestamp()) > horizon)
}

/// A wall-clock time to the second, dressed as UTC. Croner then searches a line without gaps and folds, and [`firing`]
/// alone says what a change of the clock means; croner's own rule for it is cron's, not AWS's.
fn wall_clock(wall: DateTime) -> Zoned {
    let whole = wall.with().subsec_nanosecond(0).build().unwrap_or(wall);
    TimeZone::UTC.to_ambiguous_zoned(whole).compatible().unwrap_or_default()
}

/// Looks a zone up in the database that is compiled in: the same answer on every machine, also where the OS has none.
fn time_zone(name: &str) -> Result<TimeZone, String> {
    let allowed = "an IANA time zone is wanted, such as UTC or Europe/Berlin";
    let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| allowed.to_owned())?;
    match zone.iana_name() {
        // AWS takes the exact name only; jiff is kinder.
        Some(exact) if exact != name => Err(format!("an IANA time zone is wanted with its exact letters: {exact}")),
        Some(_) => Ok(zone),
        None => Err(allowed.to_owned()),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests;
