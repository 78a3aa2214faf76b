//! What people see: every message that reached one of them, read as its receiver reads it.

use holdfast_ports::{Email, Post};
use serde_json::Value;

/// What a message said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    /// Something stands, or there is news of it.
    Stands,
    /// Somebody takes care of it.
    Acknowledged,
    /// It is over.
    Over,
    /// The closing report.
    Report,
    /// That all is well, or not: of a heartbeat, which has a name too.
    Heartbeat,
    /// A test, or an older message that was changed: nothing that is new.
    Other,
}

/// One message, as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) said: Said,
    /// The incident that it names, or the heartbeat.
    pub(crate) incident: Option<String>,
}

impl Read {
    const NOTHING: Self = Self { said: Said::Other, incident: None };

    fn of(said: Said, incident: Option<&str>) -> Self {
        match said {
            Said::Other => Self::NOTHING,
            Said::Stands | Said::Acknowledged | Said::Over | Said::Report | Said::Heartbeat => {
                Self { said, incident: incident.map(str::to_owned) }
            }
        }
    }
}

/// Every channel's URL ends in its name.
pub(crate) fn channel_of_url(url: &str) -> &str {
    let of = |mark: &str| url.split(mark).nth(1).map(|rest| rest.split('/').next().unwrap_or(rest));
    of("/of/").unwrap_or("unknown")
}

/// The channel of an email is the first addressee's name.
pub(crate) fn channel_of_email(email: &Email) -> &str {
    email.to.first().map_or("unknown", |to| to.as_str().split('@').next().unwrap_or("unknown"))
}

pub(crate) fn of_post(post: &Post) -> Read {
    let body: Value = serde_json::from_str(&post.body).unwrap_or_default();
    if let Some(action) = body["event_action"].as_str() {
        return of_pagerduty(action, &body);
    }
    if let Some(event) = body["event"].as_str() {
        return of_webhook(event, &body);
    }
    // A bot that changes its first message tells nobody: Slack notifies of new ones alone.
    if post.url.expose().ends_with("/chat.update") { Read::NOTHING } else { of_slack(&body) }
}

fn of_pagerduty(action: &str, body: &Value) -> Read {
    let about = body["dedup_key"].as_str();
    let is_of = |sort: &str| about.is_some_and(|about| about.contains(sort));
    let said = match action {
        // Tests and heartbeats ring and are resolved at once.
        "trigger" if is_of("/heartbeat/") => Said::Heartbeat,
        _ if is_of("/heartbeat/") || is_of("/alert-test/") => Said::Other,
        "trigger" => Said::Stands,
        "acknowledge" => Said::Acknowledged,
        "resolve" => Said::Over,
        _ => Said::Other,
    };
    Read::of(said, about)
}

fn of_webhook(event: &str, body: &Value) -> Read {
    let said = match event {
        "opened" | "update" => Said::Stands,
        "acknowledged" => Said::Acknowledged,
        "resolved" => Said::Over,
        "report" => Said::Report,
        "heartbeat" => Said::Heartbeat,
        _ => Said::Other,
    };
    Read::of(said, body["incident"].as_str())
}

/// The header says what it is, behind a sign; the small print at the end, of which incident.
fn of_slack(body: &Value) -> Read {
    let Some(blocks) = body["blocks"].as_array() else { return Read::NOTHING };
    let of = |sort: &str| blocks.iter().find(|block| block["type"] == sort);
    let header = of("header").and_then(|block| block["text"]["text"].as_str()).unwrap_or("");
    let small = of("context").and_then(|block| block["elements"][0]["text"].as_str()).unwrap_or("");
    let headline = header.split_once(' ').map_or("", |(_, headline)| headline);
    Read::of(of_headline(headline), small.split(" · ").next())
}

/// The subject says what it is; the last line, of which incident.
pub(crate) fn of_email(email: &Email) -> Read {
    let headline = email.subject.strip_prefix("[possibly repeated] ").unwrap_or(&email.subject);
    Read::of(of_headline(headline), email.text.lines().next_back())
}

fn of_headline(headline: &str) -> Said {
    match headline.split([':', ' ', ',']).next().unwrap_or("") {
        "Critical" | "High" | "Low" | "Info" | "Update" => Said::Stands,
        "Acknowledged" => Said::Acknowledged,
        "Resolved" => Said::Over,
        "Closing" => Said::Report,
        "Heartbeat" => Said::Heartbeat,
        _ => Said::Other,
    }
}

/// What the last resort got was told to nobody else, and may be of anything.
pub(crate) fn of_fallback(_: &str, _: &str) -> Read {
    Read::NOTHING
}
