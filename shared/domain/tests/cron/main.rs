//! The schedules of the domain against a second, independent reading of AWS cron: the next 100 firings of every expression.
//!
//! The two agree on all of them. Where AWS's pages leave more than one reading, both take this one:
//!
//! | what | the reading | what AWS says |
//! |---|---|---|
//! | `0/30 20-2 ? * MON-FRI *` | hours and days are separate questions: Monday 00:30 fires, Saturday 00:30 does not | "Monday through Friday between 10:00 pm on the starting day to 2:00 am on the following day", which can also be read as nights; nothing in the table of fields ties one field to another |
//! | `L` as weekday | Saturday | "the last day of the month or week", and weeks are `1-7 or SUN-SAT` |
//! | `31W` in a month of 30 days | does not fire | "the weekday closest to the third day of the month", of a day that is there |
//! | `1W` on a Saturday | Monday the 3rd: the month is not left | the same sentence |
//! | a time that comes twice in autumn | the first of the two | "runs only once and doesn't repeat its invocation"; which one is not said |
//! | leading zeros | `05` is read, `005` and a weekday `06` are refused | `0-59`, `1-7` |
//!
//! Third opinions, asked once of the 774 distinct expressions in UTC (none of them is needed to run this):
//!
//! | program | result | why it differs |
//! |---|---|---|
//! | `aws-cron-expression-validator` 1.1.15, a syntax check | accepts all 774. Of 20,000 damaged ones both accept 2,251 and refuse 17,500; 249 only it accepts | 236 have a step larger than the field's last value, which can only be a slip; 12 a range from or to `*`, which AWS's table does not explain; 1 can never fire, which it does not ask |
//! | `pyawscron` 1.0.7 | of the 247 that it answers the same 231 in every firing; 16 differ; it raises on 527 | the 16 have a range over the end (`28-11`), which it takes for empty, against AWS's own example `20-2`. It raises on such a range alone or with a step (315), on a step within a list (166), on `LW` (24), on days that not every month has (10), on a lone `L` weekday (8), and after ten months without a firing (4) |
//! | Python's `zoneinfo`, tzdata 2026.6 | of 37,309 firings in seven zones each shows the hour and minute that the expression asks for, none in the second pass of an autumn hour | |
//! | `cron-schedule-triggers` 0.0.11 | no opinion: of `0 10 * * ? *` it leaves out 1 to 30 December | Quartz with a slip at the end of a month |
//! | `cron-validator` 1.0.8 | no opinion: it reads the five fields of Unix | |

mod expressions;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};

use expressions::{Case, ZONES, cases};
use holdfast_domain::Schedule;
use jiff::{SignedDuration, Timestamp};
use oracle::Zone;

const FIRINGS: usize = 100;
const GENERATED: usize = 700;

fn ours(case: &Case, after: Timestamp) -> Result<Vec<Timestamp>, String> {
    let schedule = Schedule::parse(&case.expression, case.zone).map_err(|error| error.reason)?;
    Ok(std::iter::successors(schedule.next_after(after), |last| schedule.next_after(*last)).take(FIRINGS).collect())
}

fn zones() -> BTreeMap<&'static str, Zone> {
    ZONES.into_iter().map(|name| (name, Zone::of(name))).collect()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_next_hundred_firings_are_those_of_the_oracle() {
    let zones = zones();
    let mut differences = Vec::new();
    let (mut compared, mut firings, mut never, mut over_changes) = (BTreeSet::new(), 0, 0, 0);
    for case in cases(GENERATED) {
        let after = instant(&case.after);
        let wanted = oracle::firings(&case.expression, &zones[case.zone], after, FIRINGS);
        compared.insert(case.expression.clone());
        firings += wanted.len();
        if let Some(last) = wanted.last() {
            over_changes += usize::from(!zones[case.zone].changes(after, *last).is_empty());
        }
        match ours(&case, after) {
            Ok(found) if found == wanted => one_by_one(&case, after, &wanted),
            Ok(found) => {
                let at = found.iter().zip(&wanted).take_while(|(ours, theirs)| ours == theirs).count();
                differences.push(format!(
                    "{case:?} at {at}: ours {:?}, the oracle {:?}",
                    found.get(at),
                    wanted.get(at)
                ));
            }
            // Refused because it never fires: then no year of AWS's calendar may have it.
            Err(reason) => {
                never += 1;
                let ever = oracle::firings(&case.expression, &zones[case.zone], Timestamp::UNIX_EPOCH, 1);
                if !ever.is_empty() || !reason.contains("never fires") {
                    differences.push(format!("{case:?} is refused ({reason}), but the oracle finds {ever:?}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    // What was compared is what was meant to be: all of it, most of it over a change of the clock, and little that never fires.
    assert!(compared.len() >= 700 && firings > 80_000, "{} expressions, {firings} firings", compared.len());
    assert!(over_changes > 500 && never < 30, "{over_changes} over a change of the clock, {never} that never fire");
}

/// Walking over all firings finds the same as asking for the next again and again.
fn one_by_one(case: &Case, after: Timestamp, wanted: &[Timestamp]) {
    let schedule = Schedule::parse(&case.expression, case.zone).expect("it was read before");
    let walked = schedule.firings_from(after + SignedDuration::from_nanos(1)).take(FIRINGS);
    assert_eq!(walked.map(|firing| firing.at).collect::<Vec<_>>(), wanted, "{case:?}");
}

#[test]
fn looking_back_finds_the_same_firings() {
    let zones = zones();
    for case in cases(GENERATED).into_iter().step_by(5) {
        let Ok(schedule) = Schedule::parse(&case.expression, case.zone) else { continue };
        let firings = oracle::firings(&case.expression, &zones[case.zone], instant(&case.after), FIRINGS / 2);
        for pair in firings.windows(2) {
            let (earlier, later) = (pair[0], pair[1]);
            assert_eq!(schedule.latest_at_or_before(later, SignedDuration::ZERO), Some(later), "{case:?}");
            // Also in the second pass of an autumn hour, where the wall clock reads less than at the firing behind it.
            let between = [1, 25, 45, 90].map(|minutes| earlier + SignedDuration::from_mins(minutes));
            for now in between.into_iter().filter(|now| *now < later).chain([later - SignedDuration::from_nanos(1)]) {
                assert_eq!(schedule.latest_at_or_before(now, SignedDuration::MAX), Some(earlier), "{case:?} at {now}");
            }
        }
    }
}

/// The oracle's zones against what was published of them, so that both readings are not wrong together.
#[test]
fn the_oracle_knows_when_clocks_change() {
    for (zone, around, at, minutes) in [
        ("Europe/Berlin", "2027-03-20T00:00:00Z", "2027-03-28T01:00:00Z", 60),
        ("Europe/Berlin", "2026-10-20T00:00:00Z", "2026-10-25T01:00:00Z", -60),
        ("America/New_York", "2027-03-10T00:00:00Z", "2027-03-14T07:00:00Z", 60),
        ("America/New_York", "2026-10-30T00:00:00Z", "2026-11-01T06:00:00Z", -60),
        ("Australia/Lord_Howe", "2026-10-01T00:00:00Z", "2026-10-03T15:30:00Z", 30),
        ("Australia/Lord_Howe", "2027-04-01T00:00:00Z", "2027-04-03T15:00:00Z", -30),
        // Samoa went from Thursday, 29 December 2011, to Saturday, 31 December.
        ("Pacific/Apia", "2011-12-25T00:00:00Z", "2011-12-30T10:00:00Z", 24 * 60),
        ("Asia/Kathmandu", "1985-12-30T00:00:00Z", "1985-12-31T18:30:00Z", 15),
        ("America/Santiago", "2026-09-01T00:00:00Z", "2026-09-06T04:00:00Z", 60),
    ] {
        let around = instant(around);
        let changes = Zone::of(zone).changes(around, around + SignedDuration::from_hours(10 * 24));
        assert_eq!(changes, [(instant(at), SignedDuration::from_mins(minutes))], "{zone}");
    }
    assert_eq!(Zone::of("UTC").changes(Timestamp::UNIX_EPOCH, instant("2199-12-31T00:00:00Z")), []);
}

/// AWS's own sentences about its own examples, as instants: neither reading is asked to believe the other.
#[test]
fn both_read_the_examples_of_aws_as_aws_does() {
    for (expression, first) in [
        // "Run at 6:00 pm (UTC+0) every Monday through Friday"; 19 November 2026 is a Thursday.
        ("cron(0 18 ? * MON-FRI *)", ["2026-11-20T18:00:00Z", "2026-11-23T18:00:00Z", "2026-11-24T18:00:00Z"]),
        // "every tenth minute, starting from the first minute of the hour (for example, the 11th, 21st, and 31st minute)"
        ("cron(1/10 * * * ? *)", ["2026-11-20T00:01:00Z", "2026-11-20T00:11:00Z", "2026-11-20T00:21:00Z"]),
        // "the weekday closest to the third day of the month": 3 January 2027 is a Sunday.
        ("cron(0 0 3W * ? *)", ["2026-12-03T00:00:00Z", "2027-01-04T00:00:00Z", "2027-02-03T00:00:00Z"]),
        // "the second Tuesday of the month"
        ("cron(0 0 ? * 3#2 *)", ["2026-12-08T00:00:00Z", "2027-01-12T00:00:00Z", "2027-02-09T00:00:00Z"]),
        // "on the last Friday of each month during the years" given
        ("cron(15 10 ? * 6L 2026-2029)", ["2026-11-27T10:15:00Z", "2026-12-25T10:15:00Z", "2027-01-29T10:15:00Z"]),
        // "the last day of the month or week"
        ("cron(0 0 L * ? *)", ["2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z"]),
        ("cron(0 0 ? * L *)", ["2026-11-21T00:00:00Z", "2026-11-28T00:00:00Z", "2026-12-05T00:00:00Z"]),
    ] {
        let after = instant("2026-11-19T23:59:59Z");
        let case = Case { expression: expression.to_owned(), zone: "UTC", after: after.to_string() };
        let first: Vec<Timestamp> = first.into_iter().map(instant).collect();
        assert_eq!(oracle::firings(expression, &Zone::of("UTC"), after, 3), first, "{expression}");
        assert_eq!(ours(&case, after).map(|mut found| found.drain(..3).collect::<Vec<_>>()), Ok(first), "{expression}");
    }
}
