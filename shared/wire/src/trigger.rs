//! What starts a function.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sns::SnsEvent;
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::{Region, ResourceName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::notification::{Notification, NotificationBody};
use crate::requests::{Acknowledge, AlertRequest, AlertTest};
use crate::snapshot_now::SnapshotNow;
use crate::{Message, SOURCE, WireError};

/// What started a function. It says where to look, never what is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Look at everything: a schedule or a sweep.
    Sweep,
    /// RDS says that something happened.
    Rds(RdsHint),
    /// A function says something.
    Bus(Message),
    /// SNS brings something for people.
    Notifications(Vec<Notification>),
    /// A person wants a restore test now.
    RestoreTestNow(RestoreTestNow),
    /// A person wants a recovery point now.
    SnapshotNow(SnapshotNow),
    /// A person asks something of `alert`.
    ForAlert(AlertRequest),
}

/// What an RDS event points at. RDS promises nothing about it: it may be late, doubled, out of order or never sent
/// (source: RDS User Guide, "Monitoring Amazon RDS events").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RdsHint {
    /// Region it came from.
    pub region: Option<Region>,
    /// `SourceIdentifier`: the instance or snapshot.
    pub source_id: Option<String>,
    /// `EventID`: `RDS-EVENT-0042`.
    pub event_id: Option<String>,
    /// `Message`, RDS's own words.
    pub message: Option<String>,
}

/// A restore test by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreTestNow {
    /// The plan's name of the resource.
    #[serde(with = "crate::text")]
    pub resource: ResourceName,
    /// From which recovery point; the newest if nothing is said.
    #[serde(with = "crate::restore_from", default = "crate::restore_from::latest")]
    pub from: RestoreFrom,
    /// In which region; the resource's own if nothing is said.
    #[serde(with = "crate::text::optional", default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// A name of your choice (a-z, 0-9, hyphens). The same name again is the same run, not a second one.
    pub request: String,
    /// Why, for the record.
    pub reason: String,
}

/// What our own schedules and people send: an object whose `holdfast` says which.
#[derive(Debug, Deserialize)]
#[serde(tag = "holdfast", rename_all = "kebab-case", deny_unknown_fields)]
enum Ours {
    Sweep,
    RestoreTestNow(RestoreTestNow),
    SnapshotNow(SnapshotNow),
    AlertAcknowledge(Acknowledge),
    AlertTest(AlertTest),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RdsDetail {
    source_identifier: Option<String>,
    #[serde(rename = "EventID")]
    event_id: Option<String>,
    message: Option<String>,
}

const KNOWN: &str = "{\"holdfast\": \"sweep\"}, {\"holdfast\": \"restore-test-now\", …}, {\"holdfast\": \"snapshot-now\", …}, {\"holdfast\": \"alert-acknowledge\", …}, \
                     {\"holdfast\": \"alert-test\", …}, an EventBridge event of source aws.rds or holdfast, \
                     or SNS records";

/// Reads what started a function.
///
/// # Errors
/// When the payload is none of the shapes in `events/`; the message names the place.
pub fn read(payload: &Value) -> Result<Trigger, WireError> {
    if payload.get("holdfast").is_some() {
        return read_ours(payload);
    }
    if payload.get("Records").is_some() {
        return read_sns(payload);
    }
    if payload.get("detail-type").is_some() {
        return read_event(payload);
    }
    Err(WireError::new("the payload", "nothing says what it is", KNOWN))
}

fn read_ours(payload: &Value) -> Result<Trigger, WireError> {
    match Ours::deserialize(payload) {
        Ok(Ours::Sweep) => Ok(Trigger::Sweep),
        Ok(Ours::RestoreTestNow(now)) if is_request(&now.request) => Ok(Trigger::RestoreTestNow(now)),
        Ok(Ours::RestoreTestNow(now)) => Err(no_request(&now.request)),
        Ok(Ours::SnapshotNow(now)) if is_request(&now.request) => now.checked().map(Trigger::SnapshotNow),
        Ok(Ours::SnapshotNow(now)) => Err(no_request(&now.request)),
        Ok(Ours::AlertAcknowledge(acknowledge)) => {
            acknowledge.checked().map(|acknowledge| Trigger::ForAlert(AlertRequest::Acknowledge(acknowledge)))
        }
        Ok(Ours::AlertTest(test)) => test.checked().map(|test| Trigger::ForAlert(AlertRequest::Test(test))),
        Err(error) => Err(WireError::new("holdfast", error.to_string(), KNOWN)),
    }
}

fn no_request(text: &str) -> WireError {
    let problem = format!("{:?} is not a request name", text.chars().take(80).collect::<String>());
    WireError::new("request", problem, "1 to 40 of a-z, 0-9 and hyphens")
}

fn is_request(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn read_event(payload: &Value) -> Result<Trigger, WireError> {
    let event = EventBridgeEvent::<Value>::deserialize(payload)
        .map_err(|error| WireError::new("the event", error.to_string(), "an EventBridge event as AWS documents it"))?;
    match event.source.as_str() {
        SOURCE => Message::read(&event.detail_type, &event.detail).map(Trigger::Bus),
        "aws.rds" => {
            // Best effort on purpose: a detail we cannot read still says that something happened.
            let detail = RdsDetail::deserialize(&event.detail).unwrap_or_default();
            Ok(Trigger::Rds(RdsHint {
                region: event.region.and_then(|region| region.parse().ok()),
                source_id: detail.source_identifier,
                event_id: detail.event_id,
                message: detail.message,
            }))
        }
        other => Err(WireError::new("source", format!("{other:?} starts nothing here"), KNOWN)),
    }
}

fn read_sns(payload: &Value) -> Result<Trigger, WireError> {
    let event = SnsEvent::deserialize(payload)
        .map_err(|error| WireError::new("Records", error.to_string(), "SNS records as AWS documents them"))?;
    let read = |(index, record): (usize, aws_lambda_events::event::sns::SnsRecord)| {
        let body = NotificationBody::read(&format!("Records[{index}].Sns.Message"), &record.sns.message)?;
        Ok(Notification { message_id: record.sns.message_id, body })
    };
    event.records.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Trigger::Notifications)
}
