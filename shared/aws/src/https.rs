//! Posts to the outside.

use std::time::Duration;

use holdfast_ports::{Answer, Password, PortError, PortErrorKind, Post, Webhooks};
use jiff::SignedDuration;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};

/// How long a receiver may take; the rest of the function's time belongs to the other channels.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take until a connection stands.
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);
/// How much of an answer is kept: Slack's `chat.postMessage` repeats the message, of 12 kB at most.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// An HTTP client.
#[derive(Debug, Clone)]
pub struct Https {
    client: reqwest::Client,
}

impl Https {
    /// A client that follows no redirect: a webhook that moved would leak its body to whoever it names.
    ///
    /// # Errors
    /// When the TLS configuration of the machine cannot be read.
    pub fn new() -> Result<Self, reqwest::Error> {
        Self::with_patience(ANSWER_WITHIN)
    }

    /// The same, but a receiver may take this long.
    ///
    /// # Errors
    /// As [`Https::new`].
    pub fn with_patience(answer_within: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(answer_within)
            .connect_timeout(CONNECTED_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }
}

impl Webhooks for Https {
    async fn post(&self, post: &Post) -> Result<Answer, PortError> {
        const OPERATION: &str = "https:POST";
        let host = host(&post.url);
        let invalid = |words: &str| PortError::new(PortErrorKind::Invalid, OPERATION, &host, words);
        // `without_url`: the URL may be the secret.
        let broken = |error: reqwest::Error| {
            let (kind, words) = if error.is_connect() {
                (PortErrorKind::InvalidState, "nobody could be reached there; it did not arrive")
            } else {
                (PortErrorKind::Unavailable, "no answer; it may have arrived")
            };
            PortError::new(kind, OPERATION, &host, words).caused_by(error.without_url())
        };
        let target: reqwest::Url = post.url.expose().parse().map_err(|_| invalid("the secret is not a URL"))?;
        let mut request = self.client.post(target).header(CONTENT_TYPE, "application/json; charset=utf-8");
        for (name, value) in &post.headers {
            let mut value =
                HeaderValue::from_str(value.expose()).map_err(|_| invalid("the secret cannot stand in a header"))?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        let mut response = request.body(post.body.clone()).send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut kept = Vec::new();
        while kept.len() < BODY_BYTES_MAX {
            // The status is the answer; a body that breaks off after it changes nothing.
            let Ok(Some(chunk)) = response.chunk().await else { break };
            kept.extend_from_slice(&chunk);
        }
        kept.truncate(BODY_BYTES_MAX);
        Ok(Answer {
            status,
            retry_after: retry_after.map(SignedDuration::from_secs),
            body: String::from_utf8_lossy(&kept).into_owned(),
        })
    }
}

/// The URL's host, which may be told; its path may not.
fn host(url: &Password) -> String {
    let parsed: Option<reqwest::Url> = url.expose().parse().ok();
    parsed.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "a URL that cannot be read".into())
}

#[cfg(test)]
mod tests;
