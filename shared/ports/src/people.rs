//! The ways to people.

use std::future::Future;

use holdfast_domain::EmailAddress;
use jiff::SignedDuration;

use crate::{Password, PortError};

/// What is posted to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Where to. It may itself be a secret (Slack's webhooks are), so errors name only its host.
    pub url: Password,
    /// Headers beside `content-type: application/json`; their values may be secrets.
    pub headers: Vec<(&'static str, Password)>,
    /// JSON, byte for byte as it is sent: a signature may stand over it.
    pub body: String,
}

/// What an HTTP receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, if it sent one in seconds.
    pub retry_after: Option<SignedDuration>,
    /// The beginning of its answer, at most 64 KiB: Slack's answer repeats the message.
    pub body: String,
}

/// To post JSON to the outside.
pub trait Webhooks: Sync {
    /// Posts once, within a few seconds. Any status is an answer.
    ///
    /// # Errors
    /// `Unavailable` when there was no answer: it may have arrived. `InvalidState` when nobody could be reached, or TLS
    /// failed: it did not arrive. `Invalid` when the URL or a header is none.
    fn post(&self, post: &Post) -> impl Future<Output = Result<Answer, PortError>> + Send;
}

/// A message by email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// From which verified identity.
    pub from: EmailAddress,
    /// To whom; never empty, at most 50.
    pub to: Vec<EmailAddress>,
    /// One line.
    pub subject: String,
    /// For readers that show text alone.
    pub text: String,
    /// For all others: a whole document.
    pub html: String,
    /// What this message is about, for mail programs that thread: ASCII without line breaks.
    pub reference: String,
}

/// To send email.
pub trait Mail: Sync {
    /// Hands one message over. There is no key against repetition: sent twice, it arrives twice.
    ///
    /// # Errors
    /// `Unavailable` may have been sent. A refusal (identity not verified, sending paused) is permanent.
    fn send(&self, email: &Email) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The last resort, when every channel failed.
pub trait FallbackTopic: Sync {
    /// Publishes a plain text. Subject: at most 100 ASCII characters; longer is cut.
    fn publish(&self, subject: &str, text: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// To count what an alarm outside may watch.
pub trait Metrics: Sync {
    /// Adds one to a count. It cannot fail: it is a line in the log.
    fn count(&self, metric: &'static str);
}
