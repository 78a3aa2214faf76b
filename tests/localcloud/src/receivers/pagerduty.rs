//! PagerDuty's Events API v2 (sources: PagerDuty developer documentation, "Events API v2", "Send an alert event",
//! "PD-CEF").

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Fault, Inbox, Judgement, Received, Refused, Taken, characters};

/// 32 characters, as every integration's.
pub(super) const ROUTING_KEY: &str = "R0HOLDFASTLOCALCLOUD000000000000";

const ROUTING_KEY_LENGTH: usize = 32;
const SUMMARY_MAX: usize = 1_024;
const DEDUP_KEY_MAX: usize = 255;

/// "512 KB" (PagerDuty, "Events API v2", section "Limits").
const EVENT_MAX_BYTES: usize = 512 * 1_024;

/// What is read at most, so that an event that is too large is refused in PagerDuty's words and not in the server's.
const READ_MAX_BYTES: usize = 8 * EVENT_MAX_BYTES;

/// The PagerDuty receiver.
#[derive(Debug, Clone)]
pub struct PagerDuty {
    address: SocketAddr,
    inbox: Inbox,
    open: Arc<Mutex<BTreeSet<Alert>>>,
}

/// An alert: events find it under the same routing key and `dedup_key` alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Alert {
    routing_key: String,
    dedup_key: String,
}

impl PagerDuty {
    pub(super) fn at(address: SocketAddr, inbox: Inbox) -> Self {
        Self { address, inbox, open: Arc::default() }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/v2/enqueue", self.address)
    }

    /// Every event that was taken, in order, those without effect too.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.inbox.received()
    }

    /// What was refused for its content, in order.
    #[must_use]
    pub fn refused(&self) -> Vec<Refused> {
        self.inbox.refused()
    }

    /// The `dedup_key` of every alert that is open now, in order.
    #[must_use]
    pub fn open_alerts(&self) -> Vec<String> {
        self.open().iter().map(|alert| alert.dedup_key.clone()).collect()
    }

    /// The next `times` posts meet a fault, after those that were told before.
    pub fn fail_next(&self, times: usize, fault: Fault) {
        self.inbox.fail_next(times, fault);
    }

    pub(super) fn router(&self) -> Router {
        let limit = DefaultBodyLimit::max(READ_MAX_BYTES);
        Router::new().route("/v2/enqueue", post(enqueue)).layer(limit).with_state(self.clone())
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<Alert>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, body: &[u8]) -> Judgement {
        match read(body) {
            Ok(event) => {
                let dropped = self.apply(&event);
                let answer =
                    json!({ "status": "success", "message": "Event processed", "dedup_key": event.alert.dedup_key });
                let answer = (StatusCode::ACCEPTED, Json(answer)).into_response();
                Judgement { taken: Ok(Taken { body: event.body, dropped }), answer }
            }
            Err(refusal) => {
                let taken = Err(refusal.errors.join("; "));
                let Refusal { status, message, errors } = refusal;
                let answer = json!({ "status": status, "message": message, "errors": errors });
                Judgement { taken, answer: (StatusCode::BAD_REQUEST, Json(answer)).into_response() }
            }
        }
    }

    /// Carries an event out; true if it had nothing to act on.
    fn apply(&self, event: &Event) -> bool {
        let mut open = self.open();
        match event.action {
            Action::Trigger => {
                open.insert(event.alert.clone());
                false
            }
            Action::Acknowledge => !open.contains(&event.alert),
            Action::Resolve => !open.remove(&event.alert),
        }
    }
}

async fn enqueue(State(pagerduty): State<PagerDuty>, body: Bytes) -> Response {
    pagerduty.inbox.answer(words, || pagerduty.judge(&body)).await
}

fn words(status: u16) -> String {
    match status {
        429 => json!({ "status": "throttle exceeded", "message": "Requests for this service are arriving too quickly. Please retry later." }),
        _ => json!({ "status": "error", "message": format!("injected: {status}") }),
    }
    .to_string()
}

struct Event {
    action: Action,
    alert: Alert,
    body: Value,
}

#[derive(Clone, Copy)]
enum Action {
    Trigger,
    Acknowledge,
    Resolve,
}

struct Refusal {
    status: &'static str,
    message: &'static str,
    errors: Vec<String>,
}

/// Reads an event, or tells all that is wrong with it. The words for a key of the wrong length are the documented
/// example; the documentation gives no others, and these follow its manner.
fn read(body: &[u8]) -> Result<Event, Refusal> {
    let invalid = |errors| Refusal { status: "invalid event", message: "Event object is invalid", errors };
    if body.len() > EVENT_MAX_BYTES {
        return Err(invalid(vec![format!("Event is too large ({} bytes, at most {EVENT_MAX_BYTES})", body.len())]));
    }
    let parsed = serde_json::from_slice(body);
    let Ok(Value::Object(fields)) = parsed else {
        let errors = vec!["JSON parse error".to_owned()];
        return Err(Refusal { status: "Unrecognized object", message: "Event object format is unrecognized", errors });
    };
    let mut errors = Vec::new();
    let routing_key = text(&fields, "routing_key", &mut errors);
    if routing_key.is_some_and(|key| characters(key) != ROUTING_KEY_LENGTH) {
        errors.push(format!("Length of 'routing_key' is incorrect (should be {ROUTING_KEY_LENGTH} characters)"));
    }
    let action = action(&fields, &mut errors);
    let dedup_key = match (action, fields.contains_key("dedup_key")) {
        (Some(Action::Trigger) | None, false) => Some("generated-by-pagerduty"),
        (_, _) => text(&fields, "dedup_key", &mut errors),
    };
    if dedup_key.is_some_and(|key| characters(key) > DEDUP_KEY_MAX) {
        errors.push(format!("'dedup_key' is too long (maximum is {DEDUP_KEY_MAX} characters)"));
    }
    if matches!(action, Some(Action::Trigger)) {
        check_trigger(&fields, &mut errors);
    }
    let alert = routing_key
        .zip(dedup_key)
        .map(|(routing_key, dedup_key)| Alert { routing_key: routing_key.into(), dedup_key: dedup_key.into() });
    match (action, alert) {
        (Some(action), Some(alert)) if errors.is_empty() => Ok(Event { action, alert, body: Value::Object(fields) }),
        (_, _) => Err(invalid(errors)),
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str, errors: &mut Vec<String>) -> Option<&'a str> {
    let key = name.rsplit('.').next().unwrap_or(name);
    match fields.get(key) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
        None | Some(Value::Null | Value::String(_)) => {
            errors.push(format!("'{name}' is missing or blank"));
            None
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            errors.push(format!("'{name}' is invalid (must be a string)"));
            None
        }
    }
}

fn action(fields: &Map<String, Value>, errors: &mut Vec<String>) -> Option<Action> {
    match text(fields, "event_action", errors)? {
        "trigger" => Some(Action::Trigger),
        "acknowledge" => Some(Action::Acknowledge),
        "resolve" => Some(Action::Resolve),
        _ => {
            errors.push(
                "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')"
                    .into(),
            );
            None
        }
    }
}

fn check_trigger(fields: &Map<String, Value>, errors: &mut Vec<String>) {
    let Some(Value::Object(payload)) = fields.get("payload") else {
        errors.push("'payload' is missing or blank".into());
        return;
    };
    if text(payload, "payload.summary", errors).is_some_and(|summary| characters(summary) > SUMMARY_MAX) {
        errors.push(format!("'payload.summary' is too long (maximum is {SUMMARY_MAX} characters)"));
    }
    text(payload, "payload.source", errors);
    let known = ["critical", "warning", "error", "info"];
    if text(payload, "payload.severity", errors).is_some_and(|severity| !known.contains(&severity)) {
        errors.push(
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
                .into(),
        );
    }
    if payload.contains_key("timestamp")
        && text(payload, "payload.timestamp", errors).is_some_and(|at| at.parse::<Timestamp>().is_err())
    {
        errors.push("'payload.timestamp' is invalid (must be an ISO 8601 timestamp)".into());
    }
    for name in ["payload.component", "payload.group", "payload.class"] {
        if payload.contains_key(&name["payload.".len()..]) {
            text(payload, name, errors);
        }
    }
    if payload.get("custom_details").is_some_and(|details| !details.is_object()) {
        errors.push("'payload.custom_details' is invalid (must be an object)".into());
    }
    let link = |link: &Value| {
        link["href"].as_str().is_some_and(|href| href.starts_with("https://") || href.starts_with("http://"))
    };
    if fields.get("links").is_some_and(|links| !links.as_array().is_some_and(|links| links.iter().all(link))) {
        errors.push("'links' is invalid (must be an array of objects with 'href')".into());
    }
}
