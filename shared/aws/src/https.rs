//! Posts to the outside.

use std::time::Duration;

use holdfast_ports::{Answer, Password, PortError, PortErrorKind, Webhooks};
use jiff::SignedDuration;

/// How long a receiver may take; the rest of the function's time belongs to the other channels.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How much of an answer is kept.
const BODY_BYTES_MAX: usize = 1024;

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
        let client = reqwest::Client::builder()
            .timeout(ANSWER_WITHIN)
            .connect_timeout(Duration::from_secs(3))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }
}

impl Webhooks for Https {
    async fn post(&self, url: &Password, body: &serde_json::Value) -> Result<Answer, PortError> {
        const OPERATION: &str = "https:POST";
        let host = host(url);
        // `without_url`: the URL may be the secret.
        let broken = |error: reqwest::Error| {
            PortError::new(PortErrorKind::Unavailable, OPERATION, &host, "no answer; it may have arrived")
                .caused_by(error.without_url())
        };
        let target: reqwest::Url = url
            .expose()
            .parse()
            .map_err(|_| PortError::new(PortErrorKind::Invalid, OPERATION, &host, "the secret is not a URL"))?;
        let mut response = self.client.post(target).json(body).send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
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
