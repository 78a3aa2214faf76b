//! What an answer means, and what of it may be kept.

use holdfast_ledger::DeliveryState;
use holdfast_ports::{Answer, Class, Password, PortError, PortErrorKind};
use jiff::SignedDuration;
use serde_json::Value;

use super::text;

/// The most of a service's answer that is kept with an error.
const ANSWER_MAX: usize = 200;

/// What came of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) state: DeliveryState,
    pub(crate) retry_after: Option<SignedDuration>,
    /// The service's own name of the message.
    pub(crate) reference: Option<String>,
    /// Whether another secret might help.
    pub(crate) wrong_secret: bool,
    pub(crate) error: Option<String>,
}

impl Heard {
    pub(crate) fn delivered() -> Self {
        Self { state: DeliveryState::Delivered, retry_after: None, reference: None, wrong_secret: false, error: None }
    }

    pub(crate) fn failed(words: String) -> Self {
        Self { state: DeliveryState::Failed, error: Some(words), ..Self::delivered() }
    }

    pub(crate) fn refused(words: String) -> Self {
        Self { state: DeliveryState::Refused, error: Some(words), ..Self::delivered() }
    }
}

/// What a status means (sources: PagerDuty, "Events API v2", section "Response codes & retry logic"; Slack API, "Sending
/// messages using incoming webhooks", section "Handling errors", and "Rate limits"): 2xx took it; 429 and 5xx ask to try
/// again; anything else will be the same the next time, unless the secret was changed.
pub(super) fn judge(place: &str, answer: &Answer, secret: &Password) -> Heard {
    let words =
        || scrub(&format!("{place} answered {}: {}", answer.status, text::cut(&answer.body, ANSWER_MAX)), secret);
    match answer.status {
        200..=299 => Heard::delivered(),
        408 | 429 | 500..=599 => Heard { retry_after: answer.retry_after, ..Heard::failed(words()) },
        // PagerDuty answers 400 to a key that it does not know; a webhook of Slack's that was revoked is not there any
        // more: its address is its secret.
        400 | 401 | 403 | 404 | 410 => Heard { wrong_secret: true, ..Heard::refused(words()) },
        _ => Heard::refused(words()),
    }
}

/// The same for Slack's Web API, which says in the body of a 200 what it did (source: Slack API, "chat.postMessage",
/// section "Errors").
pub(super) fn judge_web_api(place: &str, answer: &Answer, secret: &Password) -> Heard {
    let heard = judge(place, answer, secret);
    if heard.state != DeliveryState::Delivered {
        return heard;
    }
    let Ok(said) = serde_json::from_str::<Value>(&answer.body) else {
        return Heard {
            state: DeliveryState::Unknown,
            ..Heard::failed(format!("{place} answered what cannot be read"))
        };
    };
    if said["ok"].as_bool() == Some(true) {
        return Heard { reference: said["ts"].as_str().map(str::to_owned), ..Heard::delivered() };
    }
    let error = said["error"].as_str().unwrap_or("no error named");
    let words = scrub(&format!("{place} answered: {}", text::cut(error, ANSWER_MAX)), secret);
    match error {
        "ratelimited" | "rate_limited" | "service_unavailable" | "team_added_to_org" | "request_timeout" => {
            Heard { retry_after: answer.retry_after, ..Heard::failed(words) }
        }
        // "It's possible some aspect of the operation succeeded before the error was raised."
        "internal_error" | "fatal_error" => Heard { state: DeliveryState::Unknown, ..Heard::failed(words) },
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            Heard { wrong_secret: true, ..Heard::refused(words) }
        }
        _ => Heard::refused(words),
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

/// The host of a URL and nothing else of it: path and user may be the secret.
pub(super) fn host(url: &Password) -> String {
    let after_scheme = url.expose().split_once("://").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() { "an address without a host".into() } else { text::cut(host, 100) }
}

/// The words without the secret, and without any part of it that looks like one: what a service echoes must not be
/// kept.
pub(super) fn scrub(words: &str, secret: &Password) -> String {
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

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.into() }
    }

    fn heard(status: u16, body: &str) -> Heard {
        judge("ops at hooks.slack.com", &answer(status, body), &Password::new(URL.into()))
    }

    #[test]
    fn a_status_means_taken_or_later_or_never() {
        for status in [200, 202] {
            assert_eq!(heard(status, "ok").state, DeliveryState::Delivered, "{status}");
        }
        for status in [408, 429, 500, 503] {
            assert_eq!(heard(status, "").state, DeliveryState::Failed, "{status}");
        }
        for (status, another_secret_might_help) in
            [(301, false), (400, true), (401, true), (403, true), (404, true), (410, true), (413, false)]
        {
            let heard = heard(status, "");
            assert_eq!(
                (heard.state, heard.wrong_secret),
                (DeliveryState::Refused, another_secret_might_help),
                "{status}"
            );
        }
    }

    #[test]
    fn slacks_web_api_says_in_its_body_what_it_did() {
        let token = Password::new("xoxb-000000000000-secretsecret".into());
        let said = |body: &str| judge_web_api("war-room at slack.com", &answer(200, body), &token);
        assert_eq!(said(r#"{"ok":true,"ts":"1795154400.000100"}"#).reference.as_deref(), Some("1795154400.000100"));
        for (error, state, wrong_secret) in [
            ("ratelimited", DeliveryState::Failed, false),
            ("internal_error", DeliveryState::Unknown, false),
            ("invalid_auth", DeliveryState::Refused, true),
            ("channel_not_found", DeliveryState::Refused, false),
        ] {
            let heard = said(&format!(r#"{{"ok":false,"error":"{error}"}}"#));
            assert_eq!((heard.state, heard.wrong_secret), (state, wrong_secret), "{error}");
        }
        assert_eq!(said("<html>").state, DeliveryState::Unknown, "it may have arrived");
        let echo = said(r#"{"ok":false,"error":"no such token secretsecret"}"#).error.expect("an error");
        assert!(!echo.contains("secretsecret"), "{echo}");
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
