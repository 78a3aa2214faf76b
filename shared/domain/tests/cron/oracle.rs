//! AWS cron read a second time, in the plainest way there is: look at every date of the calendar, and at every minute of a
//! date that fits.
//!
//! Nothing here is shared with the code under test. It parses nothing into sets and searches no pattern: every question is
//! "does this date, this hour, this minute fit the text of the field?", asked anew each time, in the words of AWS's page
//! (EventBridge User Guide, "Cron expressions reference"; EventBridge Scheduler User Guide, "Schedule types"). The calendar is
//! counted by hand, one day after the other. Of a time zone only the offset at an instant is asked; which instants show
//! a wall-clock time follows from that. It is slow, it believes that what it is given is legal, and it must never become clever.

use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};

/// A date of the Gregorian calendar, with the weekday as AWS counts it: 1 is Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: u32,
    month: u32,
    day: u32,
    weekday: u32,
    /// Days since 1970-01-01.
    number: i64,
}

impl Date {
    /// Where every count begins: 1970-01-01 was a Thursday.
    const FIRST: Self = Self { year: 1970, month: 1, day: 1, weekday: 5, number: 0 };

    fn tomorrow(self) -> Self {
        let weekday = if self.weekday == 7 { 1 } else { self.weekday + 1 };
        let (year, month, day) = if self.day < days_in(self.year, self.month) {
            (self.year, self.month, self.day + 1)
        } else if self.month < 12 {
            (self.year, self.month + 1, 1)
        } else {
            (self.year + 1, 1, 1)
        };
        Self { year, month, day, weekday, number: self.number + 1 }
    }

    fn is_working_day(self) -> bool {
        (2..=6).contains(&self.weekday)
    }

    /// Every date of this date's month.
    fn month(self) -> impl Iterator<Item = Self> {
        let before = i64::from(self.day) - 1;
        // The weekday of the first: as many days back from today's.
        let weekday = u32::try_from((i64::from(self.weekday) - 1 - before).rem_euclid(7)).expect("below 7") + 1;
        let first = Self { day: 1, weekday, number: self.number - before, ..self };
        std::iter::successors(Some(first), |date| Some(date.tomorrow()))
            .take_while(move |date| date.month == self.month)
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The firings of an expression in a zone after an instant, earliest first, at most `count`; fewer if the year 2199 ends first.
pub(crate) fn firings(expression: &str, zone: &Zone, after: Timestamp, count: usize) -> Vec<Timestamp> {
    let inner = expression.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')')).expect("a legal expression");
    let fields: Vec<String> = inner.split_whitespace().map(str::to_uppercase).collect();
    let [minutes, hours, month_days, months, week_days, years] = fields.as_slice() else {
        panic!("{expression}: six fields")
    };
    let date_fits = |date: Date| {
        fits(years, date.year, 1970, 2199, &[])
            && fits(months, date.month, 1, 12, &MONTHS)
            && month_day_fits(month_days, date)
            && week_day_fits(week_days, date)
    };
    let mut found = Vec::new();
    let mut date = Date::FIRST;
    while date.year < 2200 && found.len() < count {
        // No zone is a whole day and more away from UTC, so that earlier dates cannot hold what is asked for.
        if (date.number + 2) * DAY_SECONDS > after.as_second() && date_fits(date) {
            let mut of_date = instants_of(date, hours, minutes, zone);
            of_date.retain(|instant| *instant > after);
            // A zone that is set back over midnight shows the end of one date after the beginning of the next: the order in
            // which the wall clock shows them is not that of time.
            found.extend(of_date);
            found.sort_unstable();
        }
        date = date.tomorrow();
    }
    found.truncate(count);
    found
}

const DAY_SECONDS: i64 = 24 * 60 * 60;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEK_DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

fn instants_of(date: Date, hours: &str, minutes: &str, zone: &Zone) -> Vec<Timestamp> {
    let mut found = Vec::new();
    for hour in (0..24).filter(|hour| fits(hours, *hour, 0, 23, &[])) {
        for minute in (0..60).filter(|minute| fits(minutes, *minute, 0, 59, &[])) {
            let wall = date.number * DAY_SECONDS + i64::from(hour) * 3600 + i64::from(minute) * 60;
            // "Skipped" in spring, because no instant shows that time; "only once" in autumn, though two do.
            found.extend(zone.instants_that_show(wall).min());
        }
    }
    found
}

/// Whether a value fits a field of plain values: `,` joins, `-` spans, `*` is every value, `/` takes every n-th.
fn fits(field: &str, value: u32, min: u32, max: u32, names: &[&str]) -> bool {
    let number = |text: &str| match names.iter().position(|name| *name == text) {
        Some(at) => min + u32::try_from(at).expect("twelve at most"),
        None => text.parse().unwrap_or_else(|_| panic!("{field}: {text} is no value")),
    };
    field.split(',').any(|part| {
        let (range, every) = match part.split_once('/') {
            Some((range, every)) => (range, Some(number(every))),
            None => (part, None),
        };
        let (from, to) = match (range.split_once('-'), every) {
            _ if range == "*" => (min, max),
            (Some((from, to)), _) => (number(from), number(to)),
            // "1/10: every tenth minute, starting from the first minute of the hour": to the end of the field.
            (None, Some(_)) => (number(range), max),
            (None, None) => (number(range), number(range)),
        };
        // How far on from the start, going round past the end if the range does ("20-2" in AWS's own example).
        let round = max - min + 1;
        let far = |to: u32| (to + round - from) % round;
        far(value) <= far(to) && far(value).is_multiple_of(every.unwrap_or(1))
    })
}

fn month_day_fits(field: &str, date: Date) -> bool {
    if field == "?" {
        return true;
    }
    if field == "L" {
        return date.day == days_in(date.year, date.month);
    }
    if field == "LW" {
        return date.month().filter(|other| other.is_working_day()).last() == Some(date);
    }
    if let Some(wanted) = field.strip_suffix('W') {
        let wanted: u32 = wanted.parse().expect("a day");
        // "The weekday closest to the third day of the month": there is none where the month has no such day.
        return wanted <= days_in(date.year, date.month)
            && date.month().filter(|other| other.is_working_day()).min_by_key(|other| other.day.abs_diff(wanted))
                == Some(date);
    }
    fits(field, date.day, 1, 31, &[])
}

fn week_day_fits(field: &str, date: Date) -> bool {
    let is = |name: &str| fits(name, date.weekday, 1, 7, &WEEK_DAYS);
    if field == "?" {
        return true;
    }
    if field == "L" {
        // "The last day of the week", and the table says that a week is 1-7 or SUN-SAT.
        return date.weekday == 7;
    }
    if let Some(name) = field.strip_suffix('L') {
        // AWS's example: "15 10 ? * 6L 2019-2022" is the last Friday of each month.
        return is(name) && date.month().filter(|other| other.weekday == date.weekday).last() == Some(date);
    }
    if let Some((name, instance)) = field.split_once('#') {
        let instance: usize = instance.parse().expect("a number");
        return is(name) && date.month().filter(|other| other.weekday == date.weekday).nth(instance - 1) == Some(date);
    }
    fits(field, date.weekday, 1, 7, &WEEK_DAYS)
}

/// A time zone as the offsets that it has had, one after the other.
pub(crate) struct Zone {
    /// From when on (seconds since 1970) which offset holds (seconds); the last one holds for good.
    offsets: Vec<(i64, i64)>,
}

impl Zone {
    /// Asks for the offset of every day from 1969 to 2201, and where it changed for the second at which it did.
    pub(crate) fn of(name: &str) -> Self {
        let zone = TimeZoneDatabase::bundled().get(name).expect("a known zone");
        let offset = |second: i64| {
            i64::from(zone.to_offset(Timestamp::from_second(second).expect("within the calendar")).seconds())
        };
        let mut second = -400 * DAY_SECONDS;
        let mut offsets = vec![(i64::MIN, offset(second))];
        while second < 84_500 * DAY_SECONDS {
            let (mut same, mut other) = (second, second + DAY_SECONDS);
            if offset(same) != offset(other) {
                while other - same > 1 {
                    let middle = i64::midpoint(same, other);
                    if offset(middle) == offset(second) { same = middle } else { other = middle }
                }
                offsets.push((other, offset(other)));
            }
            second += DAY_SECONDS;
        }
        Self { offsets }
    }

    /// The instants at which a clock in this zone shows a time, given as seconds since 1970-01-01T00:00 on that clock.
    fn instants_that_show(&self, wall: i64) -> impl Iterator<Item = Timestamp> {
        let ends = self.offsets.iter().skip(1).map(|(from, _)| *from).chain([i64::MAX]);
        self.offsets.iter().zip(ends).filter_map(move |((from, offset), end)| {
            let second = wall - offset;
            (*from <= second && second < end).then(|| Timestamp::from_second(second).expect("within the calendar"))
        })
    }

    /// When the clock changed, if it did between two instants.
    pub(crate) fn changes(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, SignedDuration)> {
        let pairs = self.offsets.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1));
        pairs
            .filter(|(at, _)| (from.as_second()..to.as_second()).contains(at))
            .map(|(at, by)| (Timestamp::from_second(at).expect("within the calendar"), SignedDuration::from_secs(by)))
            .collect()
    }
}
