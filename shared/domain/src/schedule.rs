//! AWS cron expressions with a time zone: when a rule is due.
//!
//! AWS's rules (source: EventBridge Scheduler User Guide, "Schedule types"; EventBridge User Guide, "Cron expressions
//! reference") are checked in [`cron`], what an expression names on the wall is found in [`pattern`], and what clocks make of it here. No clock is read:
//! every question brings its own instant.

mod cron;
mod firings;
mod pattern;

use std::fmt;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use pattern::Pattern;

pub use firings::{Firing, Firings, Lost};

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
    pattern: Pattern,
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
        let time_zone =
            time_zone(zone).map_err(|reason| ScheduleError { expression: cut(zone), reason, zone_at_fault: true })?;
        let schedule = Self {
            expression: checked.expression,
            zone: zone.to_owned(),
            compiled: Arc::new(Compiled { pattern: checked.pattern, zone: time_zone }),
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
        let mut next = self.compiled.pattern.at_or_before(last_wall_clock(zone, now));
        while let Some(wall) = next {
            match firing(zone, wall) {
                Some(instant) if instant <= now => return (now.duration_since(instant) <= horizon).then_some(instant),
                Some(_) => {}
                // A gap: look further back, but not further than was asked for.
                None if beyond(zone, wall, now, horizon) => return None,
                None => {}
            }
            next = self.compiled.pattern.at_or_before(wall.checked_sub(MINUTE).ok()?);
        }
        None
    }

    /// The first firing after an instant; none if there is no further one until the end of 2199.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let zone = &self.compiled.zone;
        let mut next = self.compiled.pattern.at_or_after(zone.to_datetime(now));
        while let Some(wall) = next {
            if let Some(instant) = firing(zone, wall).filter(|instant| *instant > now) {
                return Some(instant);
            }
            next = self.compiled.pattern.at_or_after(wall.checked_add(MINUTE).ok()?);
        }
        None
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

/// What lies between one time that an expression can name and the next.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

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
