//! Every firing of a schedule in order: for whoever looks at a whole year at once.
//!
//! An expression fires at each of its times of day on each of its days, so that days are searched and zones asked once per day,
//! not once per firing.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::AmbiguousOffset;
use jiff::{SignedDuration, Timestamp};

use super::{Schedule, firing};

/// One firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Firing {
    /// The instant.
    pub at: Timestamp,
    /// The day, by the clocks of the schedule's zone.
    pub day: Date,
}

/// The firings of a schedule from an instant on; see [`Schedule::firings_from`].
#[derive(Debug, Clone)]
pub struct Firings<'s> {
    schedule: &'s Schedule,
    from: Timestamp,
    /// Minutes since midnight at which it fires on a day that matches.
    times: Vec<u16>,
    /// The day that is gone through; none after the last.
    day: Option<Date>,
    /// When that day begins, if the clocks do not change on it: then every time of it lies as far from its beginning as it reads.
    midnight: Option<Timestamp>,
    /// The next of `times` on that day.
    next: usize,
}

impl Schedule {
    /// Every firing at or after an instant, in order, until the end of 2199: the same as asking [`Schedule::next_after`] again and
    /// again, and much cheaper.
    #[must_use]
    pub fn firings_from(&self, from: Timestamp) -> Firings<'_> {
        let times = self.compiled.pattern.times.of_day().collect();
        let first = self.compiled.zone.to_datetime(from).date();
        let day = self.day_at_or_after(first);
        let midnight = day.and_then(|day| self.midnight(day));
        Firings { schedule: self, from, times, day, midnight, next: 0 }
    }

    /// The first wall-clock time in a span that the schedule names and the zone's clocks leave out: a firing that is lost when
    /// they go forward. None if nothing is lost.
    #[must_use]
    pub fn first_lost(&self, from: Timestamp, until: Timestamp) -> Option<Lost> {
        let zone = &self.compiled.zone;
        for change in zone.following(from).take_while(|change| change.timestamp() < until) {
            // The clocks read `before` when the change comes, and `after` at once.
            let at = change.timestamp();
            let after = zone.to_datetime(at);
            let Ok(earlier) = at.checked_sub(SignedDuration::from_nanos(1)) else { continue };
            let before = zone.to_offset(earlier).to_datetime(at);
            if after <= before {
                continue;
            }
            if let Some(wall) = self.compiled.pattern.at_or_after(before).filter(|wall| *wall < after) {
                return Some(Lost { wall, change: at });
            }
        }
        None
    }

    /// When a day begins, if its clocks read the same offset at both its ends and so all through it.
    fn midnight(&self, day: Date) -> Option<Timestamp> {
        let offset =
            |day: Date| match self.compiled.zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight())).offset() {
                AmbiguousOffset::Unambiguous { offset } => Some(offset),
                AmbiguousOffset::Gap { .. } | AmbiguousOffset::Fold { .. } => None,
            };
        let (begins, ends) = (offset(day)?, offset(day.tomorrow().ok()?)?);
        if begins != ends {
            return None;
        }
        begins.to_timestamp(day.to_datetime(Time::midnight())).ok()
    }

    /// The first day from this one on that the expression names, by the clocks of its zone.
    fn day_at_or_after(&self, day: Date) -> Option<Date> {
        self.compiled.pattern.days.at_or_after(day)
    }
}

/// A firing that is lost because the clocks go forward over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The wall-clock time that does not exist.
    pub wall: DateTime,
    /// When the clocks go forward.
    pub change: Timestamp,
}

impl Iterator for Firings<'_> {
    type Item = Firing;

    fn next(&mut self) -> Option<Firing> {
        loop {
            let day = self.day?;
            let Some(minutes) = self.times.get(self.next) else {
                self.next = 0;
                self.day = day.tomorrow().ok().and_then(|tomorrow| self.schedule.day_at_or_after(tomorrow));
                self.midnight = self.day.and_then(|day| self.schedule.midnight(day));
                continue;
            };
            self.next += 1;
            let at = match self.midnight {
                Some(midnight) => midnight.checked_add(SignedDuration::from_mins(i64::from(*minutes))).ok(),
                None => firing(&self.schedule.compiled.zone, wall_at(day, *minutes)),
            };
            if let Some(at) = at.filter(|at| *at >= self.from) {
                return Some(Firing { at, day });
            }
        }
    }
}

fn wall_at(day: Date, minutes: u16) -> DateTime {
    let (hour, minute) = (i8::try_from(minutes / 60).unwrap_or(0), i8::try_from(minutes % 60).unwrap_or(0));
    day.at(hour, minute, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn schedule(expression: &str, zone: &str) -> Schedule {
        Schedule::parse(expression, zone).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_the_clocks_leave_out_is_found() {
        let (from, until) = (time("2026-01-01T00:00:00Z"), time("2028-01-01T00:00:00Z"));
        for (expression, zone, lost) in [
            ("cron(30 2 * * ? *)", "Europe/Berlin", Some("2026-03-29T02:30:00")),
            ("cron(0 2 * * ? *)", "Europe/Berlin", Some("2026-03-29T02:00:00")),
            ("cron(0 3 * * ? *)", "Europe/Berlin", None),
            ("cron(59 1 * * ? *)", "Europe/Berlin", None),
            ("cron(30 2 ? * MON-FRI *)", "Europe/Berlin", None),
            ("cron(30 2 28 3 ? *)", "Europe/Berlin", Some("2027-03-28T02:30:00")),
            ("cron(30 2 * * ? *)", "UTC", None),
            ("cron(30 2 * * ? *)", "America/New_York", Some("2026-03-08T02:30:00")),
            ("cron(15 2 * * ? *)", "Australia/Lord_Howe", Some("2026-10-04T02:15:00")),
            ("cron(45 2 * * ? *)", "Australia/Lord_Howe", None),
        ] {
            let found = schedule(expression, zone).first_lost(from, until).map(|lost| lost.wall.to_string());
            assert_eq!(found.as_deref(), lost, "{expression} {zone}");
        }
    }

    #[test]
    fn firings_end_with_the_expression() {
        let schedule = schedule("cron(0 6,18 L 2 ? 2026-2028/2)", "UTC");
        let all: Vec<_> = schedule.firings_from(Timestamp::UNIX_EPOCH).map(|firing| firing.at.to_string()).collect();
        let wanted = ["2026-02-28T06:00:00Z", "2026-02-28T18:00:00Z", "2028-02-29T06:00:00Z", "2028-02-29T18:00:00Z"];
        assert_eq!(all, wanted);
    }
}
