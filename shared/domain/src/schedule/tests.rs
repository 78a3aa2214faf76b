//! What the guide says, in a table; what must hold for every schedule, as properties.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::Schedule;

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::parse(expression, zone).unwrap_or_else(|error| panic!("{error}"))
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_next_firings_are_those_of_aws() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("cron(0 2 * * ? *)", "UTC", &["2026-11-20T02:00:00Z", "2026-11-21T02:00:00Z"]),
        ("cron(0 2 ? * SUN *)", "UTC", &["2026-11-22T02:00:00Z", "2026-11-29T02:00:00Z"]),
        ("cron(0 2 ? * 1 *)", "UTC", &["2026-11-22T02:00:00Z", "2026-11-29T02:00:00Z"]),
        ("cron(0 2 ? * MON-FRI *)", "UTC", &["2026-11-20T02:00:00Z", "2026-11-23T02:00:00Z"]),
        (
            "cron(0 2 ? * FRI-MON *)",
            "UTC",
            &[
                "2026-11-20T02:00:00Z",
                "2026-11-21T02:00:00Z",
                "2026-11-22T02:00:00Z",
                "2026-11-23T02:00:00Z",
                "2026-11-27T02:00:00Z",
            ],
        ),
        (
            "cron(0 20-2 * * ? *)",
            "UTC",
            &["2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z", "2026-11-20T20:00:00Z"],
        ),
        ("cron(0 6 ? * 2#1 *)", "UTC", &["2026-12-07T06:00:00Z", "2027-01-04T06:00:00Z"]),
        ("cron(0 6 ? * MON#1 *)", "UTC", &["2026-12-07T06:00:00Z"]),
        ("cron(0 6 ? * 5L *)", "UTC", &["2026-11-26T06:00:00Z", "2026-12-31T06:00:00Z"]),
        ("cron(0 6 ? * L *)", "UTC", &["2026-11-21T06:00:00Z", "2026-11-28T06:00:00Z"]),
        ("cron(0 0 L * ? *)", "UTC", &["2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z"]),
        // The last weekday of January 2027 is Friday the 29th.
        ("cron(0 0 LW JAN ? *)", "UTC", &["2027-01-29T00:00:00Z"]),
        // 3 January 2027 is a Sunday: the nearest weekday is Monday the 4th.
        ("cron(0 0 3W JAN ? *)", "UTC", &["2027-01-04T00:00:00Z"]),
        ("cron(0/15 12 * * ? *)", "UTC", &["2026-11-20T12:00:00Z", "2026-11-20T12:15:00Z"]),
        (
            "cron(5-50/20 12 * * ? *)",
            "UTC",
            &["2026-11-20T12:05:00Z", "2026-11-20T12:25:00Z", "2026-11-20T12:45:00Z", "2026-11-21T12:05:00Z"],
        ),
        ("cron(0 0 29 FEB ? *)", "UTC", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("cron(0 0 1 1 ? 2030-2031)", "UTC", &["2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"]),
        ("cron(0 2 * * ? *)", "America/New_York", &["2026-11-20T07:00:00Z"]),
        ("cron(0  2 * * ? *)", "Asia/Kolkata", &["2026-11-20T20:30:00Z"]),
    ];
    for (expression, zone, wanted) in cases {
        let schedule = schedule(expression, zone);
        let mut now = time("2026-11-19T23:59:59Z");
        for wanted in *wanted {
            now = schedule.next_after(now).unwrap_or_else(|| panic!("{expression} has an end"));
            assert_eq!(now, time(wanted), "{expression}");
        }
    }
}

#[test]
fn what_aws_refuses_is_refused_with_field_value_and_what_is_allowed() {
    let cases = [
        ("0 2 * * ? *", "cron(minutes"),
        ("rate(1 day)", "cron(minutes"),
        ("cron(0 2 * * ?)", "it has 5 fields, not 6"),
        ("cron(0 2 * * * *)", "day-of-month is * and day-of-week is *"),
        ("cron(0 2 1 * MON *)", "day-of-month is 1 and day-of-week is MON"),
        ("cron(0 2 ? * ? *)", "both ?"),
        ("cron(60 2 * * ? *)", "minutes is 60: allowed are 0-59"),
        ("cron(0 24 * * ? *)", "hours is 24: allowed are 0-23"),
        ("cron(0 2 32 * ? *)", "day-of-month is 32"),
        ("cron(0 2 0W * ? *)", "day-of-month is 0W"),
        ("cron(0 2 1,15W * ? *)", "day-of-month is 1,15W"),
        ("cron(0 2 L-3 * ? *)", "day-of-month is L-3"),
        ("cron(0 2 * 13 ? *)", "month is 13: allowed are 1-12 or JAN-DEC"),
        ("cron(0 2 ? * 0 *)", "day-of-week is 0"),
        ("cron(0 2 ? * 8 *)", "day-of-week is 8"),
        ("cron(0 2 ? * 3#1,6#3 *)", "day-of-week is 3#1,6#3"),
        ("cron(0 2 ? * 2#6 *)", "day-of-week is 2#6"),
        ("cron(0 2 ? * 2/2 *)", "day-of-week is 2/2"),
        ("cron(0 2 * * ? 2300)", "year is 2300: allowed are 1970-2199"),
        ("cron(0 2 * * ? 2030-2028)", "runs backwards"),
        ("cron(*/0 2 * * ? *)", "the step 0"),
        ("cron(*/60 2 * * ? *)", "the step 60"),
        ("cron(/5 2 * * ? *)", "minutes is /5"),
        ("cron(*,5 2 * * ? *)", "minutes is *,5"),
        ("cron(+5 2 * * ? *)", "minutes is +5"),
        ("cron(, 2 * * ? *)", "minutes is ,"),
        ("cron(005 2 * * ? *)", "minutes is 005"),
        ("cron(0 2-018/16 * * ? *)", "hours is 2-018/16"),
        ("cron(0 2 026 * ? *)", "day-of-month is 026"),
        ("cron(0 2 ? * 06L *)", "day-of-week is 06L"),
        ("cron(0 2 1 1 ? 02030)", "year is 02030"),
        ("cron(0 0 30 2 ? *)", "never fires"),
        ("cron(0 0 29 2 ? 2027)", "never fires"),
    ];
    for (expression, wanted) in cases {
        let error = Schedule::parse(expression, "UTC").expect_err(expression);
        assert!(error.reason.contains(wanted), "{expression}: {error}");
        assert!(!error.zone_at_fault);
    }
}

#[test]
fn a_zone_is_an_exact_iana_name() {
    for bad in ["Berlin", "", "CET+1", "Europe/Berlino", "+01:00", "../../etc/passwd"] {
        let error = Schedule::parse("cron(0 2 * * ? *)", bad).expect_err(bad);
        assert!(error.zone_at_fault && error.reason.contains("IANA"), "{bad}: {error}");
    }
    let error = Schedule::parse("cron(0 2 * * ? *)", "europe/berlin").expect_err("letters matter to AWS");
    assert!(error.reason.ends_with("Europe/Berlin"), "{error}");
}

#[test]
fn spring_skips_and_autumn_fires_once() {
    let nightly = schedule("cron(30 2 * * ? *)", "Europe/Berlin");
    // 2027-03-28: 02:30 does not exist.
    assert_eq!(nightly.next_after(time("2027-03-27T12:00:00Z")), Some(time("2027-03-29T00:30:00Z")));
    let day = SignedDuration::from_hours(24);
    assert_eq!(nightly.latest_at_or_before(time("2027-03-28T12:00:00Z"), day * 2), Some(time("2027-03-27T01:30:00Z")));
    assert_eq!(nightly.latest_at_or_before(time("2027-03-28T12:00:00Z"), day), None);
    // 2026-10-25: 02:30 happens at 00:30Z and at 01:30Z.
    let first = time("2026-10-25T00:30:00Z");
    assert_eq!(nightly.next_after(time("2026-10-24T12:00:00Z")), Some(first));
    assert_eq!(nightly.next_after(first), Some(time("2026-10-26T01:30:00Z")));
    assert_eq!(nightly.latest_at_or_before(time("2026-10-25T01:29:00Z"), day), Some(first));
    assert_eq!(nightly.latest_at_or_before(time("2026-10-25T01:30:00Z"), day), Some(first));
}

#[test]
fn the_horizon_bounds_the_look_back() {
    let nightly = schedule("cron(0 2 * * ? *)", "UTC");
    let now = time("2026-11-20T03:00:00Z");
    assert_eq!(nightly.latest_at_or_before(now, SignedDuration::from_mins(60)), Some(time("2026-11-20T02:00:00Z")));
    assert_eq!(nightly.latest_at_or_before(now, SignedDuration::from_mins(59)), None);
    assert_eq!(
        nightly.latest_at_or_before(time("2026-11-20T02:00:00Z"), SignedDuration::ZERO),
        Some(time("2026-11-20T02:00:00Z"))
    );
    // Before the first and after the last firing there is none, and the search ends.
    let once = schedule("cron(0 2 1 1 ? 2030)", "UTC");
    assert_eq!(once.latest_at_or_before(now, SignedDuration::MAX), None);
    assert_eq!(once.next_after(time("2030-01-01T02:00:00Z")), None);
}

#[test]
fn the_expression_is_kept_as_aws_takes_it() {
    let one = schedule("cron(0  2 ?  * sun *)", "UTC");
    assert_eq!(one.expression(), "cron(0 2 ? * SUN *)");
    assert_eq!(one, schedule("cron(0 2 ? * SUN *)", "UTC"));
    // One leading zero, as clocks have it, is a value.
    assert_eq!(schedule("cron(00 02 01 09 ? *)", "UTC").expression(), "cron(00 02 01 09 ? *)");
    assert_ne!(one, schedule("cron(0 2 ? * SUN *)", "Europe/Berlin"));
}

fn legal() -> impl Strategy<Value = (String, &'static str)> {
    let minutes = prop_oneof!["[1-5]?[0-9]", Just("*/20".to_owned()), Just("50-10".to_owned()), Just("*".to_owned())];
    let hours = prop_oneof![Just("*".to_owned()), "1?[0-9]", Just("22-3".to_owned()), Just("1/5".to_owned())];
    let days = prop_oneof![
        Just("* * ?"),
        Just("L * ?"),
        Just("LW * ?"),
        Just("15W * ?"),
        Just("31 * ?"),
        Just("25-3 JAN-MAR ?"),
        Just("? * L"),
        Just("? * 5L"),
        Just("? * 2#1"),
        Just("? * FRI-MON"),
        Just("? NOV-FEB TUE,THU"),
    ];
    let zones = prop_oneof![
        Just("UTC"),
        Just("Europe/Berlin"),
        Just("America/New_York"),
        Just("Australia/Lord_Howe"),
        Just("Asia/Kolkata"),
    ];
    (minutes, hours, days, zones)
        .prop_map(|(minutes, hours, days, zone)| (format!("cron({minutes} {hours} {days} *)"), zone))
}

/// An instant between 2020 and 2040, often close to a change of the clock.
fn instant() -> impl Strategy<Value = Timestamp> {
    let anywhere = 1_577_836_800_i64..2_208_988_800;
    // 2026-10-25T01:00Z and 2027-03-28T01:00Z in Berlin, 2026-11-01T06:00Z in New York, 2027-04-03T15:00Z on Lord Howe.
    let changes = prop_oneof![Just(1_792_890_000_i64), Just(1_806_195_600), Just(1_793_512_800), Just(1_806_764_400)];
    let close = (changes, -14_400_i64..14_400).prop_map(|(change, offset)| change + offset);
    (prop_oneof![anywhere, close], 0_i32..1_000_000_000)
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).expect("in range"))
}

proptest! {
    #[test]
    fn latest_and_next_enclose_now((expression, zone) in legal(), now in instant()) {
        let schedule = schedule(&expression, zone);
        let next = schedule.next_after(now).expect("no year bound");
        prop_assert!(next > now);
        prop_assert_eq!(schedule.latest_at_or_before(next, SignedDuration::ZERO), Some(next));
        let latest = schedule.latest_at_or_before(now, SignedDuration::MAX).expect("fires every year");
        prop_assert!(latest <= now);
        // Nothing lies between them.
        prop_assert_eq!(schedule.next_after(latest), Some(next));
        prop_assert_eq!(schedule.latest_at_or_before(next - SignedDuration::from_nanos(1), SignedDuration::MAX), Some(latest));
    }

    #[test]
    fn going_through_all_firings_finds_those_that_asking_again_and_again_finds((expression, zone) in legal(), now in instant()) {
        let schedule = schedule(&expression, zone);
        let mut asked = now;
        for firing in schedule.firings_from(now + SignedDuration::from_nanos(1)).take(40) {
            let next = schedule.next_after(asked).expect("no year bound");
            prop_assert_eq!(firing.at, next);
            asked = next;
        }
    }

    #[test]
    fn any_text_is_read_or_refused(expression in "(cron\\()?[-0-9A-Z*?/#,LW ]{0,40}\\)?", zone in "\\PC{0,20}") {
        drop(Schedule::parse(&expression, "UTC"));
        drop(Schedule::parse("cron(0 2 * * ? *)", &zone));
    }
}
