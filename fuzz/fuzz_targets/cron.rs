//! Any text as a schedule. One that is taken fires when the oracle of the domain's tests says, and looking back finds the same.
//! The first byte chooses the time zone and the second the year from which to look.

#![no_main]

use std::sync::LazyLock;

use holdfast_domain::Schedule;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use oracle::Zone;

#[allow(dead_code)]
#[path = "../../shared/domain/tests/cron/oracle.rs"]
mod oracle;

const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"];
static OFFSETS: LazyLock<[Zone; 4]> = LazyLock::new(|| ZONES.map(Zone::of));
const FIRINGS: usize = 3;

fuzz_target!(|input: (u8, u8, &str)| {
    let (zone, year, fields) = input;
    let zone = usize::from(zone % 4);
    let after = Timestamp::from_second(i64::from(year % 230) * 31_556_952 + 86_399).expect("within the calendar");
    let Ok(schedule) = Schedule::parse(&format!("cron({fields})"), ZONES[zone]) else { return };
    let firings: Vec<Timestamp> =
        std::iter::successors(schedule.next_after(after), |last| schedule.next_after(*last)).take(FIRINGS).collect();
    assert_eq!(
        firings,
        oracle::firings(schedule.expression(), &OFFSETS[zone], after, FIRINGS),
        "{schedule:?} after {after}"
    );
    for pair in firings.windows(2) {
        let before = pair[1] - SignedDuration::from_nanos(1);
        assert_eq!(
            schedule.latest_at_or_before(before, SignedDuration::MAX),
            Some(pair[0]),
            "{schedule:?} before {before}"
        );
    }
});
