//! Gaps and counts that can be checked on a calendar.

use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::parse(expression, zone).unwrap_or_else(|error| panic!("{error}"))
}

fn age(days: i64) -> Retention {
    Retention::Age(SignedDuration::from_hours(days * 24))
}

fn peak(sorts: &[(&str, Retention)]) -> u32 {
    let schedules: Vec<Schedule> = sorts.iter().map(|(at, _)| schedule(at, "UTC")).collect();
    let sorts: Vec<Kept<'_>> =
        schedules.iter().zip(sorts).map(|(at, (_, keep))| Kept { schedules: vec![at], keep: *keep }).collect();
    Almanac::default().kept_by_day(&sorts).iter().copied().max().unwrap_or_default()
}

#[test]
fn the_longest_gap_is_that_of_all_schedules_together_and_knows_when_clocks_change() {
    for (expressions, zone, hours) in [
        (&["cron(0 2 * * ? *)"][..], "UTC", 24),
        (&["cron(0 2 * * ? *)"], "Europe/Berlin", 47),
        (&["cron(0 4 * * ? *)"], "Europe/Berlin", 25),
        (&["cron(0 2 * * ? *)", "cron(0 14 * * ? *)"], "UTC", 12),
        (&["cron(0 2 ? * MON-FRI *)"], "UTC", 72),
        (&["cron(0 2 ? * MON-FRI *)", "cron(0 9 ? * SUN *)"], "UTC", 55),
        (&["cron(0 2 1 * ? *)"], "UTC", 31 * 24),
    ] {
        let schedules: Vec<Schedule> = expressions.iter().map(|each| schedule(each, zone)).collect();
        let schedules: Vec<&Schedule> = schedules.iter().collect();
        let gap = Almanac::default().longest_gap(&schedules).expect("it fires twice");
        assert_eq!(gap.length, HOUR * hours, "{expressions:?} {zone}");
        assert_eq!(gap.to.duration_since(gap.from), gap.length);
    }
    let once = schedule("cron(0 2 1 1 ? 2027)", "UTC");
    assert_eq!(Almanac::default().longest_gap(&[&once]), None);
}

#[test]
fn recovery_points_that_are_kept_are_counted_as_they_share_their_slots() {
    const DAILY: &str = "cron(0 2 * * ? *)";
    const SUNDAYS: &str = "cron(0 2 ? * SUN *)";
    let slots = |daily, weekly, monthly, yearly| Retention::Slots { daily, weekly, monthly, yearly };
    assert_eq!(peak(&[(DAILY, age(7))]), 7);
    assert_eq!(peak(&[(SUNDAYS, age(28))]), 4);
    // Of four Sundays one is always among the last seven days.
    assert_eq!(peak(&[(DAILY, age(7)), (SUNDAYS, age(28))]), 10);
    // An hour later nothing is shared.
    assert_eq!(peak(&[(DAILY, age(7)), ("cron(0 3 ? * SUN *)", age(28))]), 11);
    assert_eq!(peak(&[(DAILY, slots(30, 0, 0, 0))]), 30);
    assert_eq!(peak(&[(DAILY, slots(0, 0, 12, 0))]), 12);
    assert_eq!(peak(&[("cron(0 * * * ? *)", slots(3, 0, 0, 0))]), 3);
    // The four newest weeks lie within thirty days, and so does the newest month, sometimes two.
    assert_eq!(peak(&[(DAILY, slots(30, 4, 12, 0))]), 30 + 11);
    assert_eq!(peak(&[(DAILY, slots(7, 4, 12, 3))]), 7 + 3 + 11 + 2);
}

#[test]
fn the_newest_of_a_period_outlives_the_others() {
    let (from, until) = (YEAR_BEGINS, YEAR_BEGINS + HOUR * 24 * 90);
    let daily = schedule("cron(0 2 * * ? *)", "UTC");
    let keep = Retention::Slots { daily: 2, weekly: 0, monthly: 1, yearly: 0 };
    let all = points(&[Kept { schedules: vec![&daily], keep }], Some(from), until);
    assert_eq!(all.len(), 90);
    let days = |at: usize| all[at].expires.duration_since(all[at].at).as_hours() / 24;
    // The first of January goes after two days; the last of January is the newest of its month until February has one.
    assert_eq!((days(0), days(30), days(31)), (2, 2, 2));
    let keep = Retention::Slots { daily: 2, weekly: 0, monthly: 2, yearly: 0 };
    let all = points(&[Kept { schedules: vec![&daily], keep }], Some(from), until);
    let days = |at: usize| all[at].expires.duration_since(all[at].at).as_hours() / 24;
    assert_eq!((days(0), days(30), days(31)), (2, 29, 2));
}
