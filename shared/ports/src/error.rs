//! What can go wrong at a port, in the terms that decide what to do about it.

use std::error::Error;
use std::fmt;

/// What sort of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortErrorKind {
    /// The thing is not there.
    NotFound,
    /// A thing of that name is there already. Whether it is ours, the caller must look.
    AlreadyExists,
    /// A precondition did not hold: somebody else wrote in between.
    PreconditionFailed,
    /// The thing is in a state that refuses this call now.
    InvalidState,
    /// An account quota is used up.
    QuotaExceeded,
    /// Called too often.
    Throttled,
    /// The role may not do this.
    AccessDenied,
    /// No answer, a broken one, or a 5xx. The call may have happened.
    Unavailable,
    /// The request itself is wrong, or an answer was not what the service documents.
    Invalid,
    /// More items than this port ever reads.
    TooMany,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Trying again later can help, without anybody's doing.
    Transient,
    /// Somebody has to change something first.
    Permanent,
}

/// A failed call at a port.
#[derive(Debug)]
pub struct PortError {
    /// What sort of failure.
    pub kind: PortErrorKind,
    /// The service's operation: `rds:CreateDBSnapshot`.
    pub operation: &'static str,
    /// What it was about: an identifier, a key. Never a secret.
    pub subject: String,
    /// The service's own words, or ours.
    pub message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// A failure in our own words.
    pub fn new(
        kind: PortErrorKind,
        operation: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, operation, subject: subject.into(), message: message.into(), source: None }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn class(&self) -> Class {
        match self.kind {
            PortErrorKind::Throttled
            | PortErrorKind::Unavailable
            | PortErrorKind::InvalidState
            | PortErrorKind::QuotaExceeded
            | PortErrorKind::PreconditionFailed => Class::Transient,
            PortErrorKind::NotFound
            | PortErrorKind::AlreadyExists
            | PortErrorKind::AccessDenied
            | PortErrorKind::Invalid
            | PortErrorKind::TooMany => Class::Permanent,
        }
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {}", self.operation, self.subject, self.message)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
