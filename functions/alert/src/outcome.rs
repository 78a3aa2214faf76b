//! What an invocation came to: one record for the log, or one error for Lambda.

use std::collections::BTreeMap;

use holdfast_domain::Cause;
use holdfast_ledger::{DeliveryState, LedgerError};
use holdfast_ports::{Class, Classified, Failures, PortError};
use serde::Serialize;
use thiserror::Error;

use crate::decide::{FALLBACK, Reason};

/// Why an invocation failed. What could be done was done and recorded before; invoked again, `alert` does the rest.
#[derive(Debug, Error)]
pub enum Error {
    /// A trigger that is none of this function's.
    #[error("alert is not started by this: {0}; allowed: SNS records that hold findings or failed invocations")]
    Foreign(String),
    /// Somebody who should know does not yet, or nobody knows whether they do.
    #[error(transparent)]
    Several(#[from] Failures),
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Foreign(_) => Class::Permanent,
            Self::Several(failures) => failures.class(),
        }
    }
}

/// What one invocation did, for its one log record. It holds no secret and no text of a message.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Notifications received.
    pub notifications: usize,
    /// Messages that a channel took.
    pub told: usize,
    /// Messages that the fallback topic took.
    pub fell_back: usize,
    /// What came of each notification, in order.
    pub incidents: Vec<Told>,
    #[serde(skip)]
    failures: Failures,
}

/// What came of one finding.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Its cause.
    pub cause: String,
    /// What it was to its incident, in words.
    pub reason: String,
    /// What each channel that was told now came to, by its name or [`FALLBACK`].
    pub channels: BTreeMap<String, &'static str>,
    #[serde(skip)]
    pub(crate) unsettled: Vec<Failure>,
}

impl Told {
    pub(crate) fn new(cause: &Cause, reason: Reason) -> Self {
        Self { cause: cause.to_string(), reason: reason.to_string(), channels: BTreeMap::new(), unsettled: Vec::new() }
    }

    pub(crate) fn of_alert_itself(cause: &Cause) -> Self {
        let channels = BTreeMap::from([(FALLBACK.to_owned(), word(DeliveryState::Delivered))]);
        Self { cause: cause.to_string(), reason: "about alert itself".into(), channels, unsettled: Vec::new() }
    }
}

/// The word for a delivery in logs.
pub(crate) fn word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Delivered => "delivered",
        DeliveryState::Failed => "failed",
        DeliveryState::Unknown => "unknown",
        DeliveryState::Refused => "refused",
    }
}

/// Why one finding is not seen to yet.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the fallback topic did not take it")]
    Fallback(#[source] PortError),
    #[error("{0}")]
    NotTold(String),
}

impl Classified for Failure {
    fn class(&self) -> Class {
        match self {
            Self::Ledger(error) => error.class(),
            Self::Fallback(error) => error.class(),
            Self::NotTold(_) => Class::Transient,
        }
    }
}

impl Outcome {
    pub(crate) fn of(notifications: usize) -> Self {
        Self { notifications, ..Self::default() }
    }

    pub(crate) fn note(&mut self, cause: &Cause, result: Result<Told, Failure>) {
        match result {
            Ok(told) => {
                for (name, state) in &told.channels {
                    let count = if name == FALLBACK { &mut self.fell_back } else { &mut self.told };
                    *count += usize::from(*state == word(DeliveryState::Delivered));
                }
                for failure in &told.unsettled {
                    self.failures.keep(cause, failure);
                }
                self.incidents.push(told);
            }
            Err(failure) => self.failures.keep(cause, &failure),
        }
    }

    /// All is done, or Lambda has to invoke again.
    pub(crate) fn finish(mut self) -> Result<Self, Error> {
        std::mem::take(&mut self.failures).finish()?;
        Ok(self)
    }
}
