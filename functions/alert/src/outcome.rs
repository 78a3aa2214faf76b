//! What an invocation came to: one record for the log, or one error for Lambda.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_ledger::{DeliveryState, LedgerError};
use holdfast_ports::{Class, Classified, Failures, PortError};
use serde::Serialize;
use thiserror::Error;

use crate::due::Step;
use crate::settle::{Answers, FALLBACK};

/// Why an invocation failed. What could be done was done and recorded before; invoked again, `alert` does the rest.
#[derive(Debug, Error)]
pub enum Error {
    /// A trigger that is none of this function's.
    #[error(
        "alert is not started by this: {0}; allowed: SNS records that hold findings, alarms or failed invocations, a sweep, \
         alert-acknowledge, alert-test, Incident Acknowledged from the bus"
    )]
    Foreign(String),
    /// Something could not be recorded, or nobody knows what the ledger says.
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
    /// Messages that a channel took.
    pub told: usize,
    /// Messages that the fallback topic took.
    pub fell_back: usize,
    /// What came of each notification, request, or incident of the sweep that was not left as it was.
    pub incidents: Vec<Told>,
    /// Incidents that a sweep looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swept: Option<usize>,
    /// The heartbeat that was due, and what it said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<String>,
    /// What each channel of a try-out came to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub test: BTreeMap<String, String>,
    #[serde(skip)]
    failures: Failures,
}

/// What came of one piece of news, or of one incident.
#[derive(Debug, Default, Serialize)]
pub struct Told {
    /// The incident, or the cause if there is none.
    pub incident: String,
    /// Why it was looked at, in words.
    pub reason: String,
    /// What each attempt came to, by step and channel or [`FALLBACK`].
    pub channels: BTreeMap<String, &'static str>,
}

impl Told {
    pub(crate) fn new(incident: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self { incident: incident.to_string(), reason: reason.to_string(), channels: BTreeMap::new() }
    }

    pub(crate) fn of_alert_itself(cause: impl fmt::Display) -> Self {
        let mut told = Self::new(cause, "about alert itself");
        told.channels.insert(FALLBACK.into(), word(DeliveryState::Delivered));
        told
    }

    pub(crate) fn add(&mut self, answers: &Answers) {
        let entry = |(step, name, delivery): &(Step, String, _)| (format!("{step}, {name}"), word_of(delivery));
        self.channels.extend(answers.all.iter().map(entry));
    }
}

fn word_of(delivery: &holdfast_ledger::Delivery) -> &'static str {
    word(delivery.state)
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

/// Why one thing is not seen to yet.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the fallback topic did not take it")]
    Fallback(#[source] PortError),
    #[error("there is no incident and no cause of this name that stands or ever stood; the ids are in every message")]
    NoSuchIncident,
    #[error("the plan has no channel of this name")]
    NoSuchChannel,
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::Ledger(error.into())
    }
}

impl Classified for Failure {
    fn class(&self) -> Class {
        match self {
            Self::Ledger(error) => error.class(),
            Self::Fallback(error) => error.class(),
            Self::NoSuchIncident | Self::NoSuchChannel => Class::Permanent,
        }
    }
}

impl Outcome {
    pub(crate) fn note(&mut self, about: impl fmt::Display, result: Result<Told, Failure>) {
        match result {
            Ok(told) => {
                for (name, state) in &told.channels {
                    let count = if name.ends_with(FALLBACK) { &mut self.fell_back } else { &mut self.told };
                    *count += usize::from(*state == word(DeliveryState::Delivered));
                }
                self.incidents.push(told);
            }
            Err(failure) => self.failures.keep(about, &failure),
        }
    }

    /// All is done or recorded to be done, or Lambda has to invoke again.
    pub(crate) fn finish(mut self) -> Result<Self, Error> {
        std::mem::take(&mut self.failures).finish()?;
        Ok(self)
    }
}
