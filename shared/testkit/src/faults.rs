//! Faults on demand: which call fails, how often, and whether it happened all the same.

use holdfast_ports::{PortError, PortErrorKind};

/// A call that a port received, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The operation: `rds:CreateDBSnapshot`.
    pub operation: &'static str,
    /// What it was about.
    pub subject: String,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this error, and did not happen.
    Refused(PortErrorKind),
    /// It happened, and the answer was lost.
    AnswerLost,
}

/// Faults that wait for their call.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<(&'static str, usize, Fault)>,
    /// After this many further calls every call fails: the function was killed there.
    calls_left: Option<usize>,
}

impl Faults {
    pub(crate) fn add(&mut self, operation: &'static str, times: usize, fault: Fault) {
        self.waiting.push((operation, times, fault));
    }

    pub(crate) fn crash_after(&mut self, calls: Option<usize>) {
        self.calls_left = calls;
    }

    /// Takes the fault, if any, that this call meets.
    pub(crate) fn meet(&mut self, operation: &'static str) -> Option<Fault> {
        if let Some(left) = &mut self.calls_left {
            if *left == 0 {
                return Some(Fault::Refused(PortErrorKind::Unavailable));
            }
            *left -= 1;
        }
        let index = self.waiting.iter().position(|(name, times, _)| *name == operation && *times > 0)?;
        let (_, times, fault) = &mut self.waiting[index];
        *times -= 1;
        let fault = *fault;
        self.waiting.retain(|(_, times, _)| *times > 0);
        Some(fault)
    }
}

pub(crate) fn error(kind: PortErrorKind, operation: &'static str, subject: &str) -> PortError {
    PortError::new(kind, operation, subject, format!("injected: {kind:?}"))
}
