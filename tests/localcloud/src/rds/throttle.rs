//! The token bucket that answers `Throttling`.

use std::time::Instant;

use super::config::RateLimit;

/// Tokens of one region. Time is a parameter, so that a test need not wait.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    pub(crate) fn full(limit: RateLimit, now: Instant) -> Self {
        Self { tokens: limit.burst, filled_at: now }
    }

    /// Whether a request may pass now.
    pub(crate) fn take(&mut self, limit: RateLimit, now: Instant) -> bool {
        let elapsed_seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed_seconds * limit.per_second).min(limit.burst);
        self.filled_at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Bucket, RateLimit};

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let limit = RateLimit { per_second: 2.0, burst: 3.0 };
        let start = Instant::now();
        let mut bucket = Bucket::full(limit, start);
        let passed = (0..5).filter(|_| bucket.take(limit, start)).count();
        assert_eq!(passed, 3);
        assert!(!bucket.take(limit, start + Duration::from_millis(400)));
        assert!(bucket.take(limit, start + Duration::from_millis(600)));
        assert!(!bucket.take(limit, start + Duration::from_millis(600)));
    }
}
