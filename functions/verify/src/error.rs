//! What can go wrong in `verify` as a whole. What is wrong with the data is no error but a result.

use holdfast_domain::{ResourceName, RunId, SecretName};
use holdfast_ledger::LedgerError;
use holdfast_ports::{Class, Classified, PortError};

use crate::room::RoomError;

/// A failed invocation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another port failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The room could not be entered, or was lost. What was found before is recorded.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// A trigger that is none of this function's.
    #[error("verify is not started by this: {0}; allowed: a room that is ready, a verification that continues")]
    Foreign(String),
    /// A run is being verified, and its record does not say where. `restore-test` writes both at once.
    #[error("the run {run} is being verified and has no {field}")]
    Incomplete {
        /// Which run.
        run: RunId,
        /// What its record lacks.
        field: &'static str,
    },
    /// The plan that a run began with does not have its resource.
    #[error("the plan of the run {run} has no resource {resource}")]
    NotInPlan {
        /// Which run.
        run: RunId,
        /// Which resource.
        resource: ResourceName,
    },
    /// `restore-test` calls first and records then; a call that overtakes the record is made again by Lambda.
    #[error("the run {run} is not recorded as ready to be verified, yet")]
    TooEarly {
        /// Which run.
        run: RunId,
    },
    /// The run's secret is not there, or not yet to be seen.
    #[error("the run {run} has no secret {secret}")]
    NoSecret {
        /// Which run.
        run: RunId,
        /// Its name.
        secret: SecretName,
    },
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Ledger(error) => error.class(),
            Self::Port(error) => error.class(),
            Self::Room(error) => error.class(),
            Self::NoSecret { .. } | Self::TooEarly { .. } => Class::Transient,
            Self::Foreign(_) | Self::Incomplete { .. } | Self::NotInPlan { .. } => Class::Permanent,
        }
    }
}
