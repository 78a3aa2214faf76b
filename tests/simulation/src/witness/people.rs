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
    /// A heartbeat, or anything that is about no incident.
    Other,
}

/// One message, as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) said: Said,
    /// The incident that it names, where the receiver can tell.
    pub(crate) incident: Option<String>,
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
        let said = match action {
            "trigger" => Said::Stands,
            "acknowledge" => Said::Acknowledged,
            "resolve" => Said::Over,
            _ => Said::Other,
        };
        return Read { said, incident: body["dedup_key"].as_str().map(str::to_owned) };
    }
    if let Some(event) = body["event"].as_str() {
        let said = match event {
            "opened" | "update" => Said::Stands,
            "acknowledged" => Said::Acknowledged,
            "resolved" => Said::Over,
            "report" => Said::Report,
            _ => Said::Other,
        };
        let incident = body["incident"].as_str().filter(|_| said != Said::Other);
        return Read { said, incident: incident.map(str::to_owned) };
    }
    Read { said: Said::Other, incident: None }
}

pub(crate) fn of_email(_: &Email) -> Read {
    Read { said: Said::Other, incident: None }
}

pub(crate) fn of_fallback(_: &str, _: &str) -> Read {
    Read { said: Said::Other, incident: None }
}
