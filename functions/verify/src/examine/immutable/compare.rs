//! The ranges of then against the days of now.

use holdfast_domain::Outcome;
use holdfast_ledger::RangeObserved;

use super::days::{Day, date_of, number, shown};
use crate::examine::{Answer, counted, rows};
use crate::work::ImmutableBefore;

/// How many differences are quoted. The rest is counted.
const QUOTED_MAX: usize = 5;

/// What was seen now.
pub(super) struct Now<'a> {
    pub(super) table: &'a str,
    /// In order.
    pub(super) days: &'a [Day],
    pub(super) end_day: i64,
    /// Whether every column of then is still there with its type.
    pub(super) comparable: bool,
}

pub(super) fn judged(now: &Now<'_>, before: Option<&ImmutableBefore>) -> Answer {
    let number = now.days.iter().map(|day| day.rows).sum::<u64>();
    let held = format!("{}: {} before {}", now.table, rows(signed(number)), shown_day(now.end_day));
    let Some(before) = before else {
        let detail = format!("{held}; the baseline, as there is no proved restore before to compare with");
        return (Outcome::Passed, detail);
    };
    let mut ranges: Vec<RangeObserved> =
        before.ranges.ranges.iter().filter(|range| range.end_day <= now.end_day).cloned().collect();
    ranges.extend(days_without_rows(now, before, &ranges));
    let differences: Vec<String> =
        ranges.iter().filter_map(|range| difference(range, now)).map(|said| format!("{}: {said}", now.table)).collect();
    if differences.is_empty() {
        let compared = counted(signed(ranges.len() as u64), "range");
        let detail = if now.comparable {
            format!("{held}; {compared} as in the last proved restore ({})", before.run)
        } else {
            format!(
                "{held}; as many in each of {compared} as in the last proved restore ({}); a column was dropped or has another type since, so \
                 contents begin anew",
                before.run
            )
        };
        return (Outcome::Passed, detail);
    }
    let more = differences.len().saturating_sub(QUOTED_MAX);
    let more = if more > 0 { format!("; and {more} more ranges") } else { String::new() };
    let quoted = differences.iter().take(QUOTED_MAX).cloned().collect::<Vec<_>>().join("; ");
    (Outcome::Failed, format!("{quoted}{more} (against the last proved restore, {})", before.run))
}

/// Days that had no row then and have some now, as ranges of none.
fn days_without_rows(now: &Now<'_>, before: &ImmutableBefore, ranges: &[RangeObserved]) -> Vec<RangeObserved> {
    let known_until = before.ranges.end_day.min(now.end_day);
    let in_a_range = |day: i64| {
        let place = ranges.partition_point(|range| range.end_day <= day);
        ranges.get(place).is_some_and(|range| range.first_day <= day)
    };
    let unknown = now.days.iter().filter(|day| day.day < known_until && !in_a_range(day.day));
    unknown.map(|day| RangeObserved { first_day: day.day, end_day: day.day + 1, rows: 0, hash: "0".into() }).collect()
}

fn difference(range: &RangeObserved, now: &Now<'_>) -> Option<String> {
    let first = now.days.partition_point(|day| day.day < range.first_day);
    let end = now.days.partition_point(|day| day.day < range.end_day);
    let days = &now.days[first..end];
    let (is, hash) = (days.iter().map(|day| day.rows).sum::<u64>(), days.iter().map(Day::as_then).sum::<i128>());
    if is != range.rows {
        return Some(format!("{} had {}, now {}", shown(range), rows(signed(range.rows)), rows(signed(is))));
    }
    let same = !now.comparable || hash == number(&range.hash);
    (!same).then(|| format!("{} has {} as before, and their contents differ", shown(range), rows(signed(is))))
}

fn shown_day(day: i64) -> String {
    date_of(day).map_or_else(|| format!("day {day}"), |date| date.to_string())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use holdfast_ledger::RangesObserved;

    use super::super::days::ranges;
    use super::*;

    /// 2026-09-01.
    const FIRST: i64 = 20_697;

    fn days(hashes: &[i128]) -> Vec<Day> {
        let day = |(place, hash): (usize, &i128)| Day { day: FIRST + place as i64, rows: 2, hash: *hash, then: None };
        hashes.iter().enumerate().map(day).collect()
    }

    fn before(days: &[Day], end_day: i64) -> ImmutableBefore {
        ImmutableBefore {
            run: "orders-db.every.1".parse().expect("a run"),
            ranges: RangesObserved {
                table: "public.orders".into(),
                before: "created_at".into(),
                hashed: vec![],
                ranges: ranges(days, end_day),
                end_day,
            },
        }
    }

    fn said(days: &[Day], end_day: i64, comparable: bool, before: &ImmutableBefore) -> Answer {
        judged(&Now { table: "public.orders", days, end_day, comparable }, Some(before))
    }

    #[test]
    fn what_was_kept_by_days_is_found_again_in_a_month() {
        let days = days(&[1, 2, 3]);
        let before = before(&days, FIRST + 3);
        assert_eq!(before.ranges.ranges.len(), 3);
        assert_eq!(said(&days, FIRST + 60, true, &before).0, Outcome::Passed);
    }

    #[test]
    fn a_difference_names_the_table_the_range_and_the_counts() {
        let then = days(&[1, 2, 3]);
        let before = before(&then, FIRST + 40);
        assert_eq!(before.ranges.ranges.len(), 1, "a whole month");
        let mut changed = then.clone();
        changed[1].hash = 7;
        assert_eq!(
            said(&changed, FIRST + 40, true, &before),
            (
                Outcome::Failed,
                "public.orders: 2026-09 has 6 rows as before, and their contents differ (against the last proved restore, orders-db.every.1)"
                    .into()
            )
        );
        changed[1].rows = 1;
        let (outcome, detail) = said(&changed, FIRST + 40, false, &before);
        assert_eq!(outcome, Outcome::Failed, "counts are compared whatever became of the columns");
        assert!(detail.starts_with("public.orders: 2026-09 had 6 rows, now 5 rows"), "{detail}");
    }

    #[test]
    fn rows_that_appear_in_a_range_that_had_none_differ() {
        let then = days(&[1]);
        let before = before(&then, FIRST + 10);
        let (outcome, detail) = said(&days(&[1, 2]), FIRST + 10, true, &before);
        assert_eq!(outcome, Outcome::Failed);
        assert!(detail.starts_with("public.orders: 2026-09-02 had 0 rows, now 2 rows"), "{detail}");
        assert_eq!(said(&days(&[1, 2]), FIRST + 1, true, &before).0, Outcome::Passed, "beyond what is looked at now");
    }

    #[test]
    fn new_days_and_dropped_columns_are_no_difference() {
        let then = days(&[1, 2]);
        let before = before(&then, FIRST + 2);
        assert_eq!(said(&days(&[1, 2, 3]), FIRST + 3, true, &before).0, Outcome::Passed);
        let (outcome, detail) = said(&days(&[8, 9]), FIRST + 2, false, &before);
        assert_eq!(outcome, Outcome::Passed);
        assert!(detail.contains("contents begin anew"), "{detail}");
    }
}
