//! What AWS itself keeps of a database: automated backups, and their replication.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::names::Region;

/// Automated backups as AWS tells them of a DB instance or DB cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AutomatedBackups {
    /// How many days they are kept, and how far back a point-in-time restore reaches; 0 is off.
    pub retention_days: u32,
    /// When they are made, daily.
    pub window: Option<DailyWindow>,
}

impl AutomatedBackups {
    /// How far back a point-in-time restore reaches.
    #[must_use]
    pub fn reach(&self) -> SignedDuration {
        SignedDuration::from_hours(i64::from(self.retention_days) * 24)
    }
}

/// A daily stretch of time, UTC, that may run over midnight: `23:45-00:15`. Its end does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DailyWindow {
    from: Time,
    until: Time,
}

impl DailyWindow {
    /// Reads RDS's `hh24:mi-hh24:mi`; nothing if it is anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let time = |text: &str| Time::strptime("%H:%M", text).ok();
        Some(Self { from: time(from)?, until: time(until)? })
    }

    /// Whether an instant lies within.
    #[must_use]
    pub fn covers(self, instant: Timestamp) -> bool {
        let time = TimeZone::UTC.to_datetime(instant).time();
        if self.from <= self.until {
            (self.from..self.until).contains(&time)
        } else {
            time >= self.from || time < self.until
        }
    }
}

impl std::fmt::Display for DailyWindow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{} UTC", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}

/// Automated backups of a DB instance that RDS replicates from another region
/// (source: RDS User Guide, "Replicating automated backups to another AWS Region").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicatedBackup {
    /// Where they lie.
    pub region: Region,
    /// The ARN of the instance that they are of, which names its own region.
    pub source_arn: String,
    /// RDS's word: `active`, `replicating`, `creating`, `retained`, …
    pub status: String,
    /// How many days they are kept there.
    pub retention_days: u32,
    /// The latest moment to which they can be restored, UTC; absent while there is none.
    pub latest_restorable_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_covers_its_beginning_and_not_its_end_also_over_midnight() {
        let at = |time: &str| format!("2026-11-20T{time}Z").parse::<Timestamp>().expect("a time");
        let day = DailyWindow::read("02:00-02:30").expect("a window");
        let night = DailyWindow::read("23:45-00:15").expect("a window");
        for (window, time, covered) in [
            (day, "01:59:59", false),
            (day, "02:00:00", true),
            (day, "02:29:59", true),
            (day, "02:30:00", false),
            (night, "23:44:59", false),
            (night, "23:45:00", true),
            (night, "00:00:00", true),
            (night, "00:14:59", true),
            (night, "00:15:00", false),
        ] {
            assert_eq!(window.covers(at(time)), covered, "{window} at {time}");
        }
        assert_eq!(night.to_string(), "23:45-00:15 UTC");
        for not_one in ["", "02:00", "2am-3am", "25:00-26:00", "02:00-02:30-03:00"] {
            assert_eq!(DailyWindow::read(not_one), None, "{not_one}");
        }
    }
}
