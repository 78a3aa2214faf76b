//! What PagerDuty and Slack send (sources: PagerDuty developer documentation, "Webhooks V3 Overview"; Slack API,
//! "block_actions payload").

use holdfast_wire::Acknowledge;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::request::Request;

/// The `action_id` of the button in Slack; its value is the incident's id.
pub(crate) const ACTION: &str = "holdfast-acknowledge";

/// How old an event of PagerDuty's may be. It repeats a webhook that was not taken for hours, and what somebody did then
/// is still done.
const EVENT_AGE_MAX: SignedDuration = SignedDuration::from_hours(48);

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    PagerDuty,
    Slack,
}

/// What a request says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// By which the same request is known again; legal in a key.
    pub(crate) id: String,
    /// The acknowledgement; none if it says something else, which is nothing to us.
    pub(crate) acknowledge: Option<Acknowledge>,
}

impl Sender {
    /// Who sends to a path.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        match request.raw_path.trim_end_matches('/') {
            "/pagerduty" => Some(Self::PagerDuty),
            "/slack" => Some(Self::Slack),
            _ => None,
        }
    }

    /// What a request says, once its signature is known to be right.
    pub(crate) fn read(self, request: &Request, now: Timestamp) -> Option<Heard> {
        match self {
            Self::PagerDuty => pagerduty(&serde_json::from_slice(&request.bytes()).ok()?, now),
            Self::Slack => slack(request),
        }
    }
}

fn pagerduty(body: &Value, now: Timestamp) -> Option<Heard> {
    let event = &body["event"];
    let id = format!("pagerduty/{}", legal(event["id"].as_str()?)?);
    let occurred_at: Timestamp = event["occurred_at"].as_str()?.parse().ok()?;
    if now.duration_since(occurred_at).abs() > EVENT_AGE_MAX {
        return None;
    }
    if event["event_type"].as_str() != Some("incident.acknowledged") {
        return Some(Heard { id, acknowledge: None });
    }
    // The incident's key is the `dedup_key` of the event that opened it.
    let incident = event["data"]["incident_key"].as_str();
    let by = event["agent"]["summary"].as_str().unwrap_or("somebody");
    let acknowledge = incident.and_then(legal_incident).map(|incident| acknowledge(incident, by, "PagerDuty"));
    Some(Heard { id, acknowledge })
}

/// A form with one field, `payload`, which holds JSON.
fn slack(request: &Request) -> Option<Heard> {
    let bytes = request.bytes();
    let form = std::str::from_utf8(&bytes).ok()?;
    let payload = form.split('&').find_map(|field| field.strip_prefix("payload="))?;
    let payload: Value = serde_json::from_str(&percent_decoded(payload)?).ok()?;
    let action = payload["actions"].as_array()?.iter().find(|action| action["action_id"] == ACTION);
    // The signature covers time and body: of one request there is one.
    let id = format!("slack/{}", legal(request.header("x-slack-signature").strip_prefix("v0=")?)?);
    let incident = action.and_then(|action| action["value"].as_str()).and_then(legal_incident);
    let user = &payload["user"];
    let by = user["name"].as_str().or_else(|| user["username"].as_str()).unwrap_or("somebody");
    Some(Heard { id, acknowledge: incident.map(|incident| acknowledge(incident, by, "Slack")) })
}

fn acknowledge(incident: String, by: &str, way: &str) -> Acknowledge {
    let by: String = by.chars().filter(|c| !c.is_control()).take(150).collect();
    Acknowledge { incident, by: format!("{by} by {way}"), note: None }
}

/// An id that may become part of a key.
fn legal(id: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    ((1..=128).contains(&id.len()) && id.bytes().all(plain)).then_some(id)
}

fn legal_incident(id: &str) -> Option<String> {
    ((1..=255).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())).then(|| id.to_owned())
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (pair, tail) = rest.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
                rest = tail;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}
