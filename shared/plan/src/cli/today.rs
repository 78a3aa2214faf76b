//! Where today comes in: the library has no clock.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Today's date in UTC, the same wherever the command is run.
#[expect(clippy::disallowed_methods, reason = "a person who names no day means today")]
pub(crate) fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}
