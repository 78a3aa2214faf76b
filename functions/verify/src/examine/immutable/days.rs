//! Days with their counts and hashes, and the ranges they are kept as.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{DayObserved, DaysObserved, Observed, RangeObserved};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio_postgres::{Error, Row};

/// More than a century of days. A column with more is none by which rows are ordered.
pub(super) const DAYS_MAX: usize = 50_000;

/// A month with more rows than this is kept day by day, so that a difference can be told more closely.
const LARGE_ROWS: u64 = 1_000_000;

/// One day's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Day {
    /// Days since 1970-01-01, UTC.
    pub(super) day: i64,
    pub(super) rows: u64,
    /// The sum of the rows' hashes.
    pub(super) hash: i128,
    /// The same over the columns of then, if those were others.
    pub(super) then: Option<i128>,
}

impl Day {
    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        let (rows, hash, then): (i64, Option<String>, Option<String>) =
            (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        Ok(Self {
            day: i64::from(row.try_get::<_, i32>(0)?),
            rows: u64::try_from(rows).unwrap_or(0),
            hash: hash.map_or(0, |hash| number(&hash)),
            then: then.map(|then| number(&then)),
        })
    }

    /// As a part of a table is kept.
    pub(super) fn observed(&self) -> DayObserved {
        let Self { day, rows, hash, then } = self;
        DayObserved { day: *day, rows: *rows, hash: hash.to_string(), then: then.map(|then| then.to_string()) }
    }

    /// The hash to compare with one of then.
    pub(super) fn as_then(&self) -> i128 {
        self.then.unwrap_or(self.hash)
    }
}

/// A sum of at most 2^63 numbers of 64 bits is one of 127 bits.
pub(super) fn number(decimal: &str) -> i128 {
    decimal.parse().unwrap_or(i128::MAX)
}

/// A table that was read in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) table: String,
    pub(super) hashed: Vec<String>,
    /// In order.
    pub(super) days: Vec<Day>,
    /// Whether nothing was written to the server between the parts.
    pub(super) quiet: bool,
}

/// The parts of a table, put together. `None` if they are not parts of one: the table was changed between them.
pub(super) fn together(parts: &[Observed]) -> Option<Whole> {
    let (mut days, mut moments) = (BTreeMap::<i64, Day>::new(), BTreeSet::new());
    let mut first: Option<&DaysObserved> = None;
    for part in parts {
        let Observed::Days(part) = part else { return None };
        let first = *first.get_or_insert(part);
        if (&part.table, &part.hashed) != (&first.table, &first.hashed) {
            return None;
        }
        moments.insert(part.next_transaction);
        for seen in &part.days {
            let (hash, then) = (number(&seen.hash), seen.then.as_deref().map(number));
            let day = days.entry(seen.day).or_insert(Day { day: seen.day, rows: 0, hash: 0, then: then.map(|_| 0) });
            day.rows += seen.rows;
            day.hash += hash;
            day.then = day.then.zip(then).map(|(sum, then)| sum + then);
        }
    }
    let DaysObserved { table, hashed, .. } = first?.clone();
    Some(Whole { table, hashed, days: days.into_values().collect(), quiet: moments.len() == 1 })
}

/// What is kept: whole months that are over, large ones and the last one by days. In order; days without rows are left out.
pub(super) fn ranges(days: &[Day], end_day: i64) -> Vec<RangeObserved> {
    let mut ranges: Vec<RangeObserved> = Vec::new();
    let mut rest = days;
    while let Some(first) = rest.first() {
        let (month_first, month_end) = month_of(first.day);
        let (month, later) = rest.split_at(rest.partition_point(|day| day.day < month_end));
        rest = later;
        let rows = month.iter().map(|day| day.rows).sum();
        if month_end <= end_day && rows <= LARGE_ROWS {
            let hash: i128 = month.iter().map(|day| day.hash).sum();
            ranges.push(RangeObserved { first_day: month_first, end_day: month_end, rows, hash: hash.to_string() });
        } else {
            ranges.extend(month.iter().map(|day| RangeObserved {
                first_day: day.day,
                end_day: day.day + 1,
                rows: day.rows,
                hash: day.hash.to_string(),
            }));
        }
    }
    ranges
}

/// The first day of a day's month, and that of the next. Beyond the calendar (years before −9999 or after 9999) every day stands alone.
fn month_of(day: i64) -> (i64, i64) {
    let alone = (day, day + 1);
    let Some(date) = date_of(day) else { return alone };
    let first = date.first_of_month();
    let next = date.last_of_month().tomorrow();
    match (number_of(first), next.ok().and_then(number_of)) {
        (Some(first), Some(next)) => (first, next),
        (None, _) | (_, None) => alone,
    }
}

pub(super) fn date_of(day: i64) -> Option<Date> {
    let moment = Timestamp::from_second(day.checked_mul(86_400)?).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).date())
}

fn number_of(date: Date) -> Option<i64> {
    let midnight = date.to_zoned(TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_second().div_euclid(86_400))
}

/// A range as people read it: `2026-09`, `2026-11-18`.
pub(super) fn shown(range: &RangeObserved) -> String {
    let Some(first) = date_of(range.first_day) else { return format!("day {}", range.first_day) };
    if range.end_day == range.first_day + 1 { first.to_string() } else { first.strftime("%Y-%m").to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(date: &str, rows: u64, hash: i128) -> Day {
        let date: Date = date.parse().expect("a date");
        Day { day: number_of(date).expect("a day"), rows, hash, then: None }
    }

    fn kept(days: &[Day], end: &str) -> Vec<(String, u64, String)> {
        let end = day(end, 0, 0).day;
        ranges(days, end).iter().map(|range| (shown(range), range.rows, range.hash.clone())).collect()
    }

    #[test]
    fn months_that_are_over_are_kept_whole_and_the_last_one_by_days() {
        let days =
            [day("2026-09-01", 2, 10), day("2026-09-30", 3, -4), day("2026-10-05", 1, 7), day("2026-11-18", 4, 9)];
        let wanted = |shown: &str, rows, hash: &str| (shown.to_owned(), rows, hash.to_owned());
        assert_eq!(
            kept(&days, "2026-11-19"),
            [wanted("2026-09", 5, "6"), wanted("2026-10", 1, "7"), wanted("2026-11-18", 4, "9")]
        );
        assert_eq!(kept(&days[..3], "2026-11-01")[1], wanted("2026-10", 1, "7"), "the month is just over");
        assert_eq!(kept(&days[..3], "2026-10-31")[1], wanted("2026-10-05", 1, "7"), "a day of it is missing");
    }

    #[test]
    fn a_large_month_is_kept_by_days() {
        let days = [day("2026-09-01", LARGE_ROWS, 1), day("2026-09-02", 1, 2)];
        let shown: Vec<String> = kept(&days, "2026-11-01").into_iter().map(|(shown, _, _)| shown).collect();
        assert_eq!(shown, ["2026-09-01", "2026-09-02"]);
    }

    proptest! {
        #[test]
        fn every_day_is_in_exactly_one_range(days in prop::collection::btree_map(-1_000_000_i64..3_000_000, (1_u64..2_000_000, any::<i64>()), 0..60), end in 0_i64..30_000) {
            let days: Vec<Day> = days.into_iter().filter(|(day, _)| *day < end)
                .map(|(day, (rows, hash))| Day { day, rows, hash: i128::from(hash), then: None }).collect();
            let ranges = ranges(&days, end);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end_day <= pair[1].first_day));
            prop_assert!(ranges.iter().all(|range| range.end_day <= end));
            prop_assert_eq!(ranges.iter().map(|range| range.rows).sum::<u64>(), days.iter().map(|day| day.rows).sum::<u64>());
            prop_assert_eq!(ranges.iter().map(|range| number(&range.hash)).sum::<i128>(), days.iter().map(|day| day.hash).sum::<i128>());
        }
    }
}
