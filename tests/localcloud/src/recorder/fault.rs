//! What can go wrong on the way to AWS, on demand.

use std::time::Duration;

use super::call::Asked;

/// Some calls that go wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    service: String,
    operation: String,
    about: Option<String>,
    after: u32,
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
    /// AWS does what was asked, and the process that asked is killed before it hears of it.
    KillCaller,
    /// AWS is not asked; the connection breaks.
    Reset,
    /// AWS is asked this much later. Longer than the function's own limit, it is a timeout.
    Delay(Duration),
}

impl Fault {
    /// The next call of `service:operation`, named as in IAM; `*` as the operation is any of the service.
    #[must_use]
    pub fn next(service: &str, operation: &str, effect: Effect) -> Self {
        Self { service: service.to_owned(), operation: operation.to_owned(), about: None, after: 0, effect, times: 1 }
    }

    /// Only calls whose resource or body contains this.
    #[must_use]
    pub fn about(self, words: &str) -> Self {
        Self { about: Some(words.to_owned()), ..self }
    }

    /// Lets as many of these calls through first.
    #[must_use]
    pub fn after(self, calls: u32) -> Self {
        Self { after: calls, ..self }
    }

    /// As many calls instead of one.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// What this fault does to a call, if anything. It counts.
    pub(super) fn meet(&mut self, asked: &Asked, body: &[u8]) -> Option<Effect> {
        if self.times == 0 || !self.concerns(asked, body) {
            return None;
        }
        if self.after > 0 {
            self.after -= 1;
            return None;
        }
        self.times -= 1;
        Some(self.effect.clone())
    }

    fn concerns(&self, asked: &Asked, body: &[u8]) -> bool {
        let is_about = |words: &String| {
            asked.resource.as_ref().is_some_and(|resource| resource.contains(words))
                || String::from_utf8_lossy(body).contains(words)
        };
        self.service == asked.service
            && (self.operation == "*" || self.operation == asked.operation)
            && self.about.as_ref().is_none_or(is_about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str) -> Asked {
        Asked {
            service: "s3".into(),
            operation: "PutObject".into(),
            region: "eu-west-1".into(),
            resource: Some(format!("ledger/{key}")),
        }
    }

    #[test]
    fn a_fault_comes_down_on_the_calls_that_it_is_about_after_as_many_and_as_often_as_it_says() {
        let mut fault = Fault::next("s3", "PutObject", Effect::Reset).about("runs/a").after(1).times(2);
        let calls = ["runs/b", "runs/a", "runs/b", "runs/a", "runs/a", "runs/a"];
        let met: Vec<bool> = calls.iter().map(|key| fault.meet(&put(key), b"").is_some()).collect();
        assert_eq!(met, [false, false, false, true, true, false]);
    }

    #[test]
    fn a_fault_finds_its_words_in_the_body_and_leaves_other_operations_alone() {
        let fault = || Fault::next("s3", "PutObject", Effect::Reset).about("orders-db");
        assert!(fault().meet(&put("x"), b"{\"resource\":\"orders-db\"}").is_some());
        assert!(fault().meet(&put("x"), b"{}").is_none());
        assert!(fault().meet(&Asked { operation: "GetObject".into(), ..put("orders-db") }, b"").is_none());
        assert!(Fault::next("s3", "*", Effect::Reset).meet(&put("x"), b"").is_some());
    }
}
