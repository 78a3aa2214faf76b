//! The ways to people: what is posted where, and what an answer means.
//!
//! A secret never leaves this module except to the port that posts: errors name the channel and the host, and what a
//! service answers is searched for the secret before it is kept.

/// Whether a JSON object keeps the order of its keys depends on what else is built with `serde_json`; a snapshot must not.
#[cfg(test)]
macro_rules! assert_sorted {
    ($name:literal, $value:expr) => {
        insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!($name, $value) })
    };
}

pub mod pagerduty;
pub mod slack;
pub(crate) mod text;

use holdfast_domain::plan::Channel;
use holdfast_domain::{ChannelName, Environment, Finding, PlanName, SecretName};
use holdfast_ledger::{Delivery, DeliveryState, Incident};
use holdfast_ports::{Answer, Class, Password, PortError, PortErrorKind, ReadSecrets, Webhooks};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::decide::Telling;
use crate::secrets::KnownSecrets;

/// The longest that a `Retry-After` is obeyed: a receiver that names a day must not silence a channel for a day.
const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_mins(15);

/// The most of a service's answer that is kept with an error.
const ANSWER_MAX: usize = 200;

/// What a message is made of.
#[derive(Debug, Clone, Copy)]
pub struct Story<'a> {
    /// The plan's name.
    pub plan: &'a PlanName,
    /// The environment it is for.
    pub environment: &'a Environment,
    /// The incident as recorded.
    pub incident: &'a Incident,
    /// The finding that is told of.
    pub finding: &'a Finding,
}

/// What goes where.
#[derive(Debug)]
struct Request {
    url: Password,
    body: Value,
}

/// What came of one attempt.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    state: DeliveryState,
    retry_after: Option<SignedDuration>,
    error: Option<String>,
}

/// The ports that telling needs.
#[derive(Debug)]
pub(crate) struct Means<'a, S, W> {
    pub(crate) secrets: &'a S,
    pub(crate) known: &'a KnownSecrets,
    pub(crate) webhooks: &'a W,
}

impl<S: ReadSecrets, W: Webhooks> Means<'_, S, W> {
    /// Tells one channel, once. A channel that the plan does not know (the checker refuses such a route) is one that
    /// refuses.
    pub(crate) async fn tell(
        &self,
        channel: Option<&Channel>,
        telling: &Telling,
        story: &Story<'_>,
        now: Timestamp,
    ) -> Delivery {
        let heard = match channel {
            Some(channel) => self.attempt(channel, telling, story).await,
            None => refused(&telling.channel, "is not in the plan"),
        };
        Delivery {
            state: heard.state,
            attempts: telling.attempt,
            at: now,
            not_before: heard.retry_after.map(|wait| now + wait.min(RETRY_AFTER_MAX)),
            error: heard.error,
        }
    }

    /// Posts with the secret as it is known; if the service refuses that, reads it anew, for it may have been rotated
    /// meanwhile, and posts once more if it was.
    async fn attempt(&self, channel: &Channel, telling: &Telling, story: &Story<'_>) -> Heard {
        let Some(name) = secret_name(channel) else { return refused(&telling.channel, NOT_YET) };
        let mut heard = None;
        let known = self.known.known(name);
        if let Some(secret) = &known {
            let first = self.post(channel, secret, telling, story).await;
            if first.state != DeliveryState::Refused {
                return first;
            }
            heard = Some(first);
        }
        let current = match self.known.read(self.secrets, name).await {
            Ok(Some(secret)) => secret,
            Ok(None) => return refused(&telling.channel, &format!("has no secret: there is no {name}")),
            Err(error) => {
                // Without it nobody knows whether the refusal was meant for a secret of yesterday.
                let state = match error.class() {
                    Class::Transient => DeliveryState::Failed,
                    Class::Permanent => DeliveryState::Refused,
                };
                let words = heard.and_then(|heard| heard.error).unwrap_or_else(|| telling.channel.to_string());
                return Heard {
                    state,
                    retry_after: None,
                    error: Some(format!("{words}; its secret cannot be read: {error}")),
                };
            }
        };
        match heard {
            Some(heard) if known.as_ref() == Some(&current) => heard,
            Some(_) | None => self.post(channel, &current, telling, story).await,
        }
    }

    async fn post(&self, channel: &Channel, secret: &Password, telling: &Telling, story: &Story<'_>) -> Heard {
        let request = match channel {
            Channel::PagerDuty(_) => pagerduty::request(secret, telling.news, story),
            Channel::Slack(_) => slack::request(secret, telling, story),
            Channel::SlackBot(_) | Channel::Email { .. } | Channel::Webhook(_) => Err(NOT_YET),
        };
        let request = match request {
            Ok(request) => request,
            Err(problem) => return refused(&telling.channel, problem),
        };
        let place = format!("{} at {}", telling.channel, host(&request.url));
        match self.webhooks.post(&request.url, &request.body).await {
            Ok(answer) => judge(&place, &answer, secret),
            Err(error) => {
                // A port error names the host at most, and all the same it is not taken at its word.
                let words = scrub(&format!("{place}: {}", error.message), secret);
                let state = state_after(&error);
                Heard { state, retry_after: None, error: Some(words) }
            }
        }
    }
}

/// What a status means, the same for both services (sources: PagerDuty, "Events API v2", section "Response codes &
/// retry logic"; Slack API, "Sending messages using incoming webhooks", section "Handling errors", and "Rate limits"):
/// 2xx took it; 429 and 5xx ask to try again; anything else will be the same the next time.
fn judge(place: &str, answer: &Answer, secret: &Password) -> Heard {
    let error =
        || Some(scrub(&format!("{place} answered {}: {}", answer.status, text::cut(&answer.body, ANSWER_MAX)), secret));
    match answer.status {
        200..=299 => Heard { state: DeliveryState::Delivered, retry_after: None, error: None },
        408 | 429 | 500..=599 => {
            Heard { state: DeliveryState::Failed, retry_after: answer.retry_after, error: error() }
        }
        _ => Heard { state: DeliveryState::Refused, retry_after: None, error: error() },
    }
}

/// What a delivery without an answer came to.
pub(crate) fn state_after(error: &PortError) -> DeliveryState {
    match (error.kind, error.class()) {
        (PortErrorKind::Unavailable, _) => DeliveryState::Unknown,
        (_, Class::Transient) => DeliveryState::Failed,
        (_, Class::Permanent) => DeliveryState::Refused,
    }
}

fn refused(channel: &ChannelName, problem: &str) -> Heard {
    Heard { state: DeliveryState::Refused, retry_after: None, error: Some(format!("{channel} {problem}")) }
}

/// Of channels that this version cannot reach.
const NOT_YET: &str = "is of a sort that is not carried out yet";

fn secret_name(channel: &Channel) -> Option<&SecretName> {
    match channel {
        Channel::PagerDuty(secret) | Channel::Slack(secret) => Some(secret),
        Channel::SlackBot(_) | Channel::Email { .. } | Channel::Webhook(_) => None,
    }
}

/// The host of a URL and nothing else of it: path and user may be the secret.
fn host(url: &Password) -> String {
    let after_scheme = url.expose().split_once("://").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() { "an address without a host".into() } else { text::cut(host, 100) }
}

/// Whether a text can be posted to.
fn is_url(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(char::is_whitespace)
}

/// The words without the secret, and without any part of it that looks like one: what a service echoes must not be
/// kept.
fn scrub(words: &str, secret: &Password) -> String {
    let parts = secret.expose().split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| part.len() >= PART_OF_SECRET);
    parts.fold(words.replace(secret.expose().trim(), "***"), |words, part| words.replace(part, "***"))
}

/// From this length on, letters and digits in a row within a secret are taken for a secret: the parts of a Slack
/// webhook's path have 9 to 24, a routing key 32, while the words of their hosts have 9 at most (`pagerduty`).
const PART_OF_SECRET: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hooks.slack.com/services/T0000000000/B0000000000/XXXXXXXXXXXXXXXXXXXXXXXX";

    fn heard(status: u16, body: &str) -> Heard {
        judge(
            "ops at hooks.slack.com",
            &Answer { status, retry_after: None, body: body.into() },
            &Password::new(URL.into()),
        )
    }

    #[test]
    fn a_status_means_taken_or_later_or_never() {
        for status in [200, 202] {
            assert_eq!(heard(status, "ok").state, DeliveryState::Delivered, "{status}");
        }
        for status in [408, 429, 500, 503] {
            assert_eq!(heard(status, "").state, DeliveryState::Failed, "{status}");
        }
        for status in [301, 400, 401, 403, 404, 410] {
            assert_eq!(heard(status, "").state, DeliveryState::Refused, "{status}");
        }
    }

    #[test]
    fn an_error_names_channel_and_host_and_never_the_secret() {
        let error = heard(404, &format!("no_service for {URL} or XXXXXXXXXXXXXXXXXXXXXXXX")).error;
        assert_eq!(error.as_deref(), Some("ops at hooks.slack.com answered 404: no_service for *** or ***"));
        assert_eq!(host(&Password::new(URL.into())), "hooks.slack.com");
        assert_eq!(host(&Password::new("https://user:key@example.com?token=1".into())), "example.com");
        assert_eq!(host(&Password::new("my secret".into())), "an address without a host");
    }
}
