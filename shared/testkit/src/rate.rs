//! How often RDS lets itself be called, in virtual time.

use jiff::{SignedDuration, Timestamp};

use crate::faults::Call;
use crate::memory::State;

/// The most records that one page of a listing has (source: RDS API Reference, `DescribeDBInstances`: `MaxRecords`, 20 to 100).
const PAGE: usize = 100;

/// A rate at which RDS answers. AWS publishes none for it: whatever stands here is an assumption.
///
/// A caller over the rate waits, as the adapter's pace and the SDK's retries make it wait; here virtual time passes instead.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    interval: SignedDuration,
    tolerance: SignedDuration,
    free_at: Timestamp,
}

impl Rate {
    /// So many calls a second, and so many at once after a rest.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval = SignedDuration::from_secs(1) / i32::try_from(per_second.max(1)).unwrap_or(i32::MAX);
        let burst = i32::try_from(burst.saturating_sub(1)).unwrap_or(i32::MAX);
        Self { interval, tolerance: interval * burst, free_at: Timestamp::UNIX_EPOCH }
    }

    /// When a call that comes now is answered.
    fn admit(&mut self, now: Timestamp) -> Timestamp {
        let begun = self.free_at.max(now);
        self.free_at = begun + self.interval;
        now.max(begun - self.tolerance)
    }
}

impl State {
    /// Writes a request down; one to RDS waits for its turn.
    pub(crate) fn request(&mut self, operation: &'static str, subject: &str) {
        self.calls.push(Call { operation, subject: subject.into() });
        if let Some(rate) = self.rate.as_mut().filter(|_| operation.starts_with("rds:")) {
            self.now = rate.admit(self.now);
            self.settle();
        }
    }

    /// Writes down the further pages of a listing.
    pub(crate) fn further_pages(&mut self, operation: &'static str, subject: &str, items: usize) {
        for _ in 1..items.div_ceil(PAGE) {
            self.request(operation, subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let mut rate = Rate::new(10, 20);
        let start: Timestamp = "2026-11-20T02:00:00Z".parse().expect("a time");
        let mut now = start;
        for call in 1..=120_u32 {
            now = rate.admit(now);
            let expected = SignedDuration::from_millis(100) * i32::try_from(call.saturating_sub(20)).expect("small");
            assert_eq!(now.duration_since(start), expected, "call {call}");
        }
    }
}
