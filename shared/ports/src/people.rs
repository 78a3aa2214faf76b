//! The ways to people.

use std::future::Future;

use jiff::SignedDuration;

use crate::{Password, PortError};

/// What an HTTP receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, if it sent one in seconds.
    pub retry_after: Option<SignedDuration>,
    /// The first kilobyte of its answer.
    pub body: String,
}

/// To post JSON to the outside.
pub trait Webhooks: Sync {
    /// Posts once, within a few seconds. Any status is an answer; no answer is an `Unavailable` error, and may have arrived.
    ///
    /// The URL may itself be a secret (Slack's are), so it comes as one and errors name only its host.
    fn post(&self, url: &Password, body: &serde_json::Value) -> impl Future<Output = Result<Answer, PortError>> + Send;
}

/// The last resort, when every channel failed.
pub trait FallbackTopic: Sync {
    /// Publishes a plain text. Subject: at most 100 ASCII characters; longer is cut.
    fn publish(&self, subject: &str, text: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}
