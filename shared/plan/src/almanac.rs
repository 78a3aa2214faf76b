//! What schedules and retention come to over a span of time: how far recovery points lie apart, how many there are, when each expires.
//!
//! No clock is read here. Whoever judges a plan takes the reference year, so that the same file is always judged the same;
//! whoever shows a calendar brings its own day. Schedules that are equal are gone through once, however many resources have them.

use std::collections::HashMap;
use std::iter::Peekable;
use std::rc::Rc;

use holdfast_domain::Schedule;
use holdfast_domain::plan::Retention;
use holdfast_domain::schedule::{Firing, Firings};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

/// Where the reference year begins: 2026-01-01T00:00:00Z. Any whole year has the same gaps but for a day or an hour.
pub(crate) const YEAR_BEGINS: Timestamp = Timestamp::constant(1_767_225_600, 0);
/// Its days: a leap year's, so that no plan is judged by a year that is too short.
pub(crate) const YEAR_DAYS: usize = 366;
/// Its length.
pub(crate) const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Bounds the work for one resource: a year of one firing every five minutes is 105,408. What fires more often is judged over fewer
/// days; so is what is kept for so long that more recovery points than this would have to be counted.
const FIRINGS_MAX: usize = 120_000;

/// The longest time between two recovery points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) length: SignedDuration,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// A recovery point as the plan foresees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    /// When it is taken.
    pub(crate) at: Timestamp,
    /// When its retention ends: it is kept before this instant and not at it.
    pub(crate) expires: Timestamp,
}

/// Recovery points of one sort: the schedules they are taken on, and how long they are kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept<'p> {
    pub(crate) schedules: Vec<&'p Schedule>,
    pub(crate) keep: Retention,
}

/// Remembers what was found out about schedules in the reference year.
#[derive(Debug, Default)]
pub(crate) struct Almanac {
    gaps: HashMap<String, Option<Gap>>,
    counts: HashMap<String, Rc<Vec<u32>>>,
    overlaps: HashMap<String, Rc<Vec<Overlap>>>,
    unanswered: HashMap<String, Option<Timestamp>>,
}

/// Two runs that lie closer together than the first of them may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overlap {
    /// Which schedule the earlier run is of, and when it begins.
    pub(crate) earlier: (usize, Timestamp),
    /// The same of the later one.
    pub(crate) later: (usize, Timestamp),
}

impl Almanac {
    /// The longest time between two firings of any of the schedules that begins in the reference year; none if they do not fire
    /// twice.
    pub(crate) fn longest_gap(&mut self, schedules: &[&Schedule]) -> Option<Gap> {
        *self.gaps.entry(key(schedules)).or_insert_with(|| longest_gap(schedules))
    }

    /// How many recovery points are kept at most on each day of the reference year, once the plan has run for as long as it keeps
    /// them. Several sorts due at one instant share one recovery point, which is kept as long as any of them asks.
    pub(crate) fn kept_by_day(&mut self, sorts: &[Kept<'_>]) -> Rc<Vec<u32>> {
        let key: Vec<String> = sorts.iter().map(|sort| format!("{}~{:?}", key(&sort.schedules), sort.keep)).collect();
        let counts = self.counts.entry(key.join("&")).or_insert_with(|| Rc::new(kept_by_day(sorts)));
        Rc::clone(counts)
    }

    /// The first time in the reference year that a run of each schedule comes before one of each other, or of itself, may be over. Runs due
    /// at one instant are one run, which takes as long as the longest of them.
    pub(crate) fn overlaps(&mut self, runs: &[(&Schedule, SignedDuration)]) -> Rc<Vec<Overlap>> {
        let schedules: Vec<&Schedule> = runs.iter().map(|(schedule, _)| *schedule).collect();
        let takes: Vec<SignedDuration> = runs.iter().map(|(_, takes)| *takes).collect();
        let found = self.overlaps.entry(format!("{}~{takes:?}", key(&schedules)));
        Rc::clone(found.or_insert_with(|| Rc::new(overlaps(&schedules, &takes))))
    }

    /// The first time in the reference year that a schedule fires and no recovery point of these sorts is there. A recovery point is there
    /// once it is `late` old, until its retention ends.
    pub(crate) fn first_without(
        &mut self,
        sorts: &[Kept<'_>],
        late: SignedDuration,
        asked: &Schedule,
    ) -> Option<Timestamp> {
        // Where each outlives the wait for the next one, the year need not be gone through.
        if sorts.iter().any(|sort| self.outlives_the_next(sort, late)) {
            return None;
        }
        let mut parts: Vec<String> =
            sorts.iter().map(|sort| format!("{}~{:?}", key(&sort.schedules), sort.keep)).collect();
        parts.push(format!("{late:?}~{}", key(&[asked])));
        *self.unanswered.entry(parts.join("&")).or_insert_with(|| first_without(sorts, late, asked))
    }

    /// Whether each recovery point is still kept when the next one, which is `late`, is there.
    fn outlives_the_next(&mut self, sort: &Kept<'_>, late: SignedDuration) -> bool {
        match sort.keep {
            Retention::Age(age) => {
                self.longest_gap(&sort.schedules).is_some_and(|gap| gap.length.saturating_add(late) < age)
            }
            Retention::Slots { .. } => false,
        }
    }
}

fn overlaps(schedules: &[&Schedule], takes: &[SignedDuration]) -> Vec<Overlap> {
    let until = YEAR_BEGINS.saturating_add(YEAR).unwrap_or(Timestamp::MAX);
    let mut found: Vec<Overlap> = Vec::new();
    // The run that is over last of all that began, and when.
    let mut busy: Option<(usize, Timestamp, Timestamp)> = None;
    let firings = Merged::from(schedules, YEAR_BEGINS).take_while(|(_, firing)| firing.at < until);
    for (which, firing) in firings.take(FIRINGS_MAX) {
        if let Some((earlier, began, _)) = busy.filter(|(_, began, over)| *began < firing.at && firing.at < *over) {
            let known = |overlap: &Overlap| (overlap.earlier.0, overlap.later.0) == (earlier, which);
            if !found.iter().any(known) {
                found.push(Overlap { earlier: (earlier, began), later: (which, firing.at) });
            }
        }
        let over = takes.get(which).and_then(|takes| firing.at.saturating_add(*takes).ok()).unwrap_or(firing.at);
        if busy.is_none_or(|(_, _, other)| over > other) {
            busy = Some((which, firing.at, over));
        }
    }
    found
}

fn first_without(sorts: &[Kept<'_>], late: SignedDuration, asked: &Schedule) -> Option<Timestamp> {
    let until = YEAR_BEGINS.saturating_add(YEAR).unwrap_or(Timestamp::MAX);
    let mut points = points(sorts, None, until).into_iter().peekable();
    let mut kept_until = Timestamp::MIN;
    for firing in asked.firings_from(YEAR_BEGINS).take_while(|firing| firing.at < until).take(FIRINGS_MAX) {
        let there = |point: &Point| point.at.saturating_add(late).is_ok_and(|there| there <= firing.at);
        while let Some(point) = points.next_if(there) {
            kept_until = kept_until.max(point.expires);
        }
        if kept_until <= firing.at {
            return Some(firing.at);
        }
    }
    None
}

fn key(schedules: &[&Schedule]) -> String {
    let each: Vec<String> = schedules.iter().map(|each| format!("{}@{}", each.expression(), each.zone())).collect();
    each.join("|")
}

fn longest_gap(schedules: &[&Schedule]) -> Option<Gap> {
    let mut firings = Merged::from(schedules, YEAR_BEGINS).map(|(_, firing)| firing.at);
    let mut last = firings.next()?;
    let until = last.saturating_add(YEAR).ok()?;
    let mut longest: Option<Gap> = None;
    for at in firings.take(FIRINGS_MAX) {
        let length = at.duration_since(last);
        if longest.is_none_or(|longest| length > longest.length) {
            longest = Some(Gap { length, from: last, to: at });
        }
        last = at;
        if last > until {
            break;
        }
    }
    longest
}

fn kept_by_day(sorts: &[Kept<'_>]) -> Vec<u32> {
    let until = YEAR_BEGINS.saturating_add(YEAR).unwrap_or(Timestamp::MAX);
    let points = points(sorts, None, until);
    let mut expiries: Vec<Timestamp> = points.iter().map(|point| point.expires).collect();
    // Stable: it is quick on what is nearly in order, as these are.
    expiries.sort();
    let (mut taken, mut expired, mut kept) = (points.iter().peekable(), expiries.iter().peekable(), 0_u32);
    let mut by_day = vec![0; YEAR_DAYS];
    for (day, most) in (0_i64..).zip(by_day.iter_mut()) {
        let begins = YEAR_BEGINS.saturating_add(SignedDuration::from_hours(day * 24)).unwrap_or(Timestamp::MAX);
        let ends = begins.saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX);
        // What was kept when the day began, and then every time that one more is taken. What expires at that instant goes first: it
        // does not count beside its successor.
        while taken.next_if(|point| point.at <= begins).is_some() {
            kept += 1;
        }
        while expired.next_if(|at| **at <= begins).is_some() {
            kept -= 1;
        }
        *most = kept;
        while let Some(point) = taken.next_if(|point| point.at < ends) {
            while expired.next_if(|at| **at <= point.at).is_some() {
                kept -= 1;
            }
            kept += 1;
            *most = (*most).max(kept);
        }
    }
    by_day
}

/// The recovery points of several sorts that are taken before `until`, in order, those of one instant as one. From `from` on, as if
/// there had been none before; or, without it, those that are still kept in the reference year too.
pub(crate) fn points(sorts: &[Kept<'_>], from: Option<Timestamp>, until: Timestamp) -> Vec<Point> {
    let mut all: Vec<Point> = Vec::new();
    for sort in sorts {
        let begins = from.unwrap_or_else(|| YEAR_BEGINS.saturating_sub(sort.keep.longest()).unwrap_or(Timestamp::MIN));
        let of_sort = lifetimes(&sort.schedules, sort.keep, begins, until);
        if all.is_empty() {
            all = of_sort;
        } else {
            all.extend(of_sort);
        }
    }
    if sorts.len() > 1 {
        all.sort_by_key(|point| (point.at, std::cmp::Reverse(point.expires)));
        all.dedup_by_key(|point| point.at);
    }
    all
}

/// What is taken on any of the schedules in a span, and when each expires.
fn lifetimes(schedules: &[&Schedule], keep: Retention, from: Timestamp, until: Timestamp) -> Vec<Point> {
    let mut firings: Vec<Firing> = Merged::from(schedules, from)
        .map(|(_, firing)| firing)
        .take_while(|f| f.at < until)
        .take(FIRINGS_MAX)
        .collect();
    firings.dedup_by_key(|firing| firing.at);
    match keep {
        Retention::Age(age) => firings
            .iter()
            .map(|firing| Point { at: firing.at, expires: firing.at.saturating_add(age).unwrap_or(Timestamp::MAX) })
            .collect(),
        Retention::Slots { daily, weekly, monthly, yearly } => {
            let mut points: Vec<Point> =
                firings.iter().map(|firing| Point { at: firing.at, expires: firing.at }).collect();
            let sorts: [(u32, Period); 4] = [(daily, day), (weekly, week), (monthly, month), (yearly, year)];
            for (count, period) in sorts.into_iter().filter(|(count, _)| *count > 0) {
                prolong(&mut points, &firings, count, period);
            }
            points
        }
    }
}

/// Keeps the newest of each of the `count` newest periods: a recovery point goes when a newer one is taken in its period, or when that
/// many later periods have one.
fn prolong(points: &mut [Point], firings: &[Firing], count: u32, period: Period) {
    let periods: Vec<i64> = firings.iter().map(|firing| period(firing.day)).collect();
    // Where each period that has a recovery point begins.
    let begins: Vec<usize> =
        (0..periods.len()).filter(|at| *at == 0 || periods.get(at - 1) != periods.get(*at)).collect();
    let ends = begins.iter().skip(1).copied().chain([periods.len()]);
    for (nth, (begin, end)) in begins.iter().copied().zip(ends).enumerate() {
        for at in begin..end {
            let successor = if at + 1 < end {
                Some(at + 1)
            } else {
                let later = usize::try_from(count).ok().and_then(|count| nth.checked_add(count));
                later.and_then(|later| begins.get(later)).copied()
            };
            let goes = successor.and_then(|at| firings.get(at)).map_or(Timestamp::MAX, |firing| firing.at);
            if let Some(point) = points.get_mut(at) {
                point.expires = point.expires.max(goes);
            }
        }
    }
}

/// The number of the period in which a day lies; later periods have greater ones.
type Period = fn(Date) -> i64;

fn day(date: Date) -> i64 {
    i64::from(date.year()) * 366 + i64::from(date.day_of_year())
}

fn week(date: Date) -> i64 {
    let week = date.iso_week_date();
    i64::from(week.year()) * 54 + i64::from(week.week())
}

fn month(date: Date) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month())
}

fn year(date: Date) -> i64 {
    i64::from(date.year())
}

/// The firings of several schedules in order, each with the number of its schedule.
pub(crate) struct Merged<'s>(Vec<Peekable<Firings<'s>>>);

impl<'s> Merged<'s> {
    pub(crate) fn from(schedules: &[&'s Schedule], from: Timestamp) -> Self {
        Self(schedules.iter().map(|schedule| schedule.firings_from(from).peekable()).collect())
    }
}

impl Iterator for Merged<'_> {
    type Item = (usize, Firing);

    fn next(&mut self) -> Option<(usize, Firing)> {
        if let [only] = self.0.as_mut_slice() {
            return only.next().map(|firing| (0, firing));
        }
        let heads = self.0.iter_mut().enumerate().filter_map(|(at, head)| Some((head.peek()?.at, at)));
        let (_, first) = heads.min()?;
        Some((first, self.0.get_mut(first)?.next()?))
    }
}

#[cfg(test)]
mod tests;
