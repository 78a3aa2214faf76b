//! What an expression names on the wall: which days, and which minutes of them. Zones and instants are not known here.
//!
//! A few words of bits, because a plan may hold tens of thousands of schedules. The search goes day by day and skips the months
//! and years that do not match, so that it ends within the years that AWS knows.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Weekday};

/// The first and the last year that AWS's expressions know (source: EventBridge User Guide, "Cron expressions reference").
pub(super) const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;

/// What an expression names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) times: Times,
    pub(super) days: Days,
}

/// Minutes and hours: each of these minutes of each of these hours. Neither is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// One bit per minute.
    pub(super) minutes: u64,
    /// One bit per hour.
    pub(super) hours: u32,
}

/// Days: those of these years and these months that the rule takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// One bit per year, from the first of [`YEARS`].
    pub(super) years: [u64; 4],
    /// One bit per month, from bit 1.
    pub(super) months: u16,
    pub(super) rule: DayRule,
}

/// Which days of a month. Weekdays are AWS's: 1 is Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayRule {
    /// These, one bit each from bit 1.
    OfMonth(u32),
    /// The last one.
    Last,
    /// The last from Monday to Friday.
    LastWorkingDay,
    /// The one from Monday to Friday that is nearest to this one and in its month.
    NearestWorkingDay(i8),
    /// These weekdays, one bit each from bit 1.
    OfWeek(u8),
    /// The last such weekday.
    LastOfWeek(i8),
    /// The n-th such weekday.
    NthOfWeek(i8, i8),
}

impl Pattern {
    /// The first time that is named at or after this one.
    pub(super) fn at_or_after(&self, wall: DateTime) -> Option<DateTime> {
        let begun = wall.second() > 0 || wall.subsec_nanosecond() > 0;
        let minute = minute_of_day(wall) + u16::from(begun);
        let date = self.days.at_or_after(wall.date())?;
        if date > wall.date() {
            return self.times.at_or_after(0).map(|minute| at(date, minute));
        }
        if let Some(minute) = self.times.at_or_after(minute) {
            return Some(at(date, minute));
        }
        let date = self.days.at_or_after(date.tomorrow().ok()?)?;
        self.times.at_or_after(0).map(|minute| at(date, minute))
    }

    /// The last time that is named at or before this one.
    pub(super) fn at_or_before(&self, wall: DateTime) -> Option<DateTime> {
        let date = self.days.at_or_before(wall.date())?;
        if date < wall.date() {
            return self.times.at_or_before(LAST_MINUTE).map(|minute| at(date, minute));
        }
        if let Some(minute) = self.times.at_or_before(minute_of_day(wall)) {
            return Some(at(date, minute));
        }
        let date = self.days.at_or_before(date.yesterday().ok()?)?;
        self.times.at_or_before(LAST_MINUTE).map(|minute| at(date, minute))
    }
}

const LAST_MINUTE: u16 = 24 * 60 - 1;

fn minute_of_day(wall: DateTime) -> u16 {
    u16::from(wall.hour().unsigned_abs()) * 60 + u16::from(wall.minute().unsigned_abs())
}

/// A minute of a day; the minute is below 24 h.
fn at(date: Date, minute: u16) -> DateTime {
    let (hour, minute) = (i8::try_from(minute / 60).unwrap_or_default(), i8::try_from(minute % 60).unwrap_or_default());
    date.at(hour, minute, 0, 0)
}

impl Times {
    /// Minutes since midnight, in order.
    pub(super) fn of_day(self) -> impl Iterator<Item = u16> {
        std::iter::successors(self.at_or_after(0), move |minute| self.at_or_after(minute + 1))
    }

    /// The first minute of the day at or after this one.
    fn at_or_after(self, minute: u16) -> Option<u16> {
        let (hour, minute) = (minute / 60, minute % 60);
        let of_hour = self.minutes >> minute;
        if self.hours.unbounded_shr(u32::from(hour)) & 1 == 1 && of_hour != 0 {
            return Some(hour * 60 + minute + low(of_hour));
        }
        let later = self.hours.unbounded_shr(u32::from(hour) + 1);
        (later != 0).then(|| (hour + 1 + low(u64::from(later))) * 60 + low(self.minutes))
    }

    /// The last minute of the day at or before this one.
    fn at_or_before(self, minute: u16) -> Option<u16> {
        let (hour, minute) = (minute / 60, minute % 60);
        let of_hour = self.minutes & ((2 << minute) - 1);
        if self.hours >> hour & 1 == 1 && of_hour != 0 {
            return Some(hour * 60 + high(of_hour));
        }
        let earlier = self.hours & ((1 << hour) - 1);
        (earlier != 0).then(|| high(u64::from(earlier)) * 60 + high(self.minutes))
    }
}

/// The number of the lowest bit that is set, of which there is one.
fn low(bits: u64) -> u16 {
    u16::try_from(bits.trailing_zeros()).unwrap_or_default()
}

/// The number of the highest bit that is set, of which there is one.
fn high(bits: u64) -> u16 {
    u16::try_from(bits.checked_ilog2().unwrap_or_default()).unwrap_or_default()
}

impl Days {
    /// The first day at or after this one.
    pub(super) fn at_or_after(&self, from: Date) -> Option<Date> {
        let mut date = from.max(Date::new(*YEARS.start(), 1, 1).ok()?);
        while date.year() <= *YEARS.end() {
            date = if !self.has_year(date) {
                date.last_of_year().tomorrow().ok()?
            } else if !self.has_month(date) {
                date.last_of_month().tomorrow().ok()?
            } else if self.rule.takes(date) {
                return Some(date);
            } else {
                date.tomorrow().ok()?
            };
        }
        None
    }

    /// The last day at or before this one.
    fn at_or_before(&self, from: Date) -> Option<Date> {
        let mut date = from.min(Date::new(*YEARS.end(), 12, 31).ok()?);
        while date.year() >= *YEARS.start() {
            date = if !self.has_year(date) {
                date.first_of_year().yesterday().ok()?
            } else if !self.has_month(date) {
                date.first_of_month().yesterday().ok()?
            } else if self.rule.takes(date) {
                return Some(date);
            } else {
                date.yesterday().ok()?
            };
        }
        None
    }

    fn has_year(&self, date: Date) -> bool {
        let nth = usize::from((date.year() - YEARS.start()).unsigned_abs());
        self.years.get(nth / 64).is_some_and(|years| years >> (nth % 64) & 1 == 1)
    }

    fn has_month(&self, date: Date) -> bool {
        self.months >> date.month() & 1 == 1
    }
}

impl DayRule {
    /// Whether a day is among those that it names in that day's month.
    fn takes(self, date: Date) -> bool {
        let (day, last) = (date.day(), date.days_in_month());
        let is = |weekday: i8| date.weekday().to_sunday_one_offset() == weekday;
        match self {
            Self::OfMonth(days) => days >> day & 1 == 1,
            Self::Last => day == last,
            Self::LastWorkingDay => working_day_nearest(date.last_of_month()) == Some(date),
            Self::NearestWorkingDay(wanted) => {
                let there = date.first_of_month().with().day(wanted).build().ok();
                there.and_then(working_day_nearest) == Some(date)
            }
            Self::OfWeek(weekdays) => weekdays >> date.weekday().to_sunday_one_offset() & 1 == 1,
            Self::LastOfWeek(weekday) => is(weekday) && day + 7 > last,
            Self::NthOfWeek(weekday, nth) => is(weekday) && (day - 1) / 7 + 1 == nth,
        }
    }
}

/// The day from Monday to Friday in this day's month that is nearest to it.
fn working_day_nearest(date: Date) -> Option<Date> {
    let days = match date.weekday() {
        Weekday::Saturday if date.day() == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if date.day() == date.days_in_month() => -2,
        Weekday::Sunday => 1,
        Weekday::Monday | Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday | Weekday::Friday => 0,
    };
    date.checked_add(days.days()).ok()
}
