//! A pace for calls, so that a sweep over a thousand databases does not run into RDS's throttling and take everybody else's calls with it.
//!
//! RDS publishes no request rates; ten calls a second and twenty at once is our assumption, and a deployment may say otherwise.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_rds::config::AsyncSleep as _;

/// How many calls a second.
pub const CALLS_PER_SECOND: u32 = 10;
/// How many at once after a rest, for each call a second: 20 for 10.
const BURST_PER_CALL: u32 = 2;

/// Calls to one service in one region, one after the other in time.
#[derive(Debug)]
pub(crate) struct Pace {
    line: Mutex<Line>,
    since: Instant,
}

/// Who waits: each call is given its turn when it comes (the "generic cell rate algorithm").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    interval: Duration,
    tolerance: Duration,
    free_at: Duration,
}

impl Pace {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { line: Mutex::new(Line::new(per_second)), since: Instant::now() }
    }

    /// Comes back when it is this call's turn.
    pub(crate) async fn turn(&self, config: &SdkConfig) {
        let wait = self.line.lock().unwrap_or_else(PoisonError::into_inner).wait(self.since.elapsed());
        if let Some(sleep) = config.sleep_impl().filter(|_| !wait.is_zero()) {
            sleep.sleep(wait).await;
        }
    }
}

impl Line {
    fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let burst = per_second.max(1).saturating_mul(BURST_PER_CALL);
        Self { interval, tolerance: interval * (burst - 1), free_at: Duration::ZERO }
    }

    /// How long a call that comes now waits.
    fn wait(&mut self, now: Duration) -> Duration {
        let begun = self.free_at.max(now);
        self.free_at = begun + self.interval;
        begun.saturating_sub(self.tolerance).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_calls_go_at_once_and_the_others_ten_a_second() {
        let mut line = Line::new(CALLS_PER_SECOND);
        let waits: Vec<u128> = (0..25).map(|_| line.wait(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits[..20], [0; 20]);
        assert_eq!(waits[20..], [100, 200, 300, 400, 500]);
        // After a rest the burst is there again, and no more than that.
        let rested = Duration::from_secs(60);
        assert_eq!((0..20).map(|_| line.wait(rested)).max(), Some(Duration::ZERO));
        assert_eq!(line.wait(rested).as_millis(), 100);
    }
}
