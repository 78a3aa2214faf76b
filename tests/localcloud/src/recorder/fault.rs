//! What can go wrong on the way to AWS, on demand.

use std::time::Duration;

/// Some calls that go wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    service: String,
    operation: String,
    effect: Effect,
    times: u32,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// AWS is not asked; the function gets this status and error code (503 `SlowDown`, 400 `ThrottlingException`, …).
    Respond {
        /// HTTP status.
        status: u16,
        /// AWS error code.
        code: String,
    },
    /// AWS does what was asked, and the answer is lost.
    LoseAnswer,
    /// AWS is not asked; the connection breaks.
    Reset,
    /// AWS is asked this much later. Longer than the function's own limit, it is a timeout.
    Delay(Duration),
}

impl Fault {
    /// The next call of `service:operation`, named as in IAM; `*` as the operation is any of the service.
    #[must_use]
    pub fn next(service: &str, operation: &str, effect: Effect) -> Self {
        Self { service: service.to_owned(), operation: operation.to_owned(), effect, times: 1 }
    }

    /// As many calls instead of one.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    pub(super) fn matches(&self, service: &str, operation: &str) -> bool {
        self.times > 0 && self.service == service && (self.operation == "*" || self.operation == operation)
    }

    pub(super) fn take(&mut self) -> Effect {
        self.times = self.times.saturating_sub(1);
        self.effect.clone()
    }
}
