//! `acknowledge` as a whole: who is heard, and who is not.

use std::collections::BTreeMap;

use acknowledge::{Ports, Request, handle};
use hmac::{Hmac, KeyInit, Mac};
use holdfast_ports::PortErrorKind;
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::{Acknowledge, Message};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "holdfast/acknowledge";
const PAGERDUTY_KEY: &str = "pagerduty-signing-key-0123456789abcdef";
const SLACK_KEY: &str = "slack-signing-key-0123456789abcdef";
const INCIDENT: &str = "shop/prod/orders-db/restore-test/1";

fn cloud() -> MemoryCloud {
    let cloud = MemoryCloud::at("2026-11-20T08:00:00Z".parse().expect("a time"));
    let keys = json!({ "pagerduty": ["an-older-key", PAGERDUTY_KEY], "slack": SLACK_KEY });
    cloud.put_secret(&SECRET.parse().expect("legal"), &keys.to_string());
    cloud
}

async fn status(cloud: &MemoryCloud, request: &Request) -> u16 {
    let ports = Ports { objects: cloud, system: cloud, secrets: cloud, bus: cloud };
    handle(&ports, &SECRET.parse().expect("legal"), request).await.status
}

fn hmac(key: &str, signed: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn request(path: &str, headers: &[(&str, String)], body: String) -> Request {
    let headers: BTreeMap<String, String> = headers.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    Request { raw_path: path.into(), headers, body, is_base64_encoded: false }
}

fn event(event_type: &str) -> Value {
    json!({ "event": {
        "id": "01DFXB9U3J4CIBDV9Q5X6T1YTR", "event_type": event_type, "resource_type": "incident",
        "occurred_at": "2026-11-20T07:59:58.000Z", "agent": { "summary": "Jane Doe", "type": "user_reference" },
        "data": { "id": "PT4KHLK", "type": "incident", "incident_key": INCIDENT, "status": "acknowledged" },
    } })
}

fn of_pagerduty(key: &str, body: &Value) -> Request {
    let body = body.to_string();
    let signatures = format!("v1={}, v1={}", hmac("a-key-of-tomorrow", &body), hmac(key, &body));
    request("/pagerduty", &[("x-pagerduty-signature", signatures)], body)
}

fn of_slack(cloud: &MemoryCloud, key: &str, action: &str) -> Request {
    let payload = json!({ "type": "block_actions", "user": { "id": "U1", "name": "jane doe" },
        "actions": [{ "action_id": action, "value": INCIDENT }] });
    let encoded: String = payload.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let (body, timestamp) = (format!("payload={encoded}"), cloud.time().as_second().to_string());
    let signature = format!("v0={}", hmac(key, &format!("v0:{timestamp}:{body}")));
    request("/slack", &[("x-slack-request-timestamp", timestamp), ("x-slack-signature", signature)], body)
}

fn said(by: &str) -> Message {
    Message::IncidentAcknowledged(Acknowledge { incident: INCIDENT.into(), by: by.into(), note: None })
}

#[tokio::test]
async fn an_acknowledgement_of_either_goes_on_the_bus_once() {
    let cloud = cloud();
    let pagerduty = of_pagerduty(PAGERDUTY_KEY, &event("incident.acknowledged"));
    let slack = of_slack(&cloud, SLACK_KEY, "holdfast-acknowledge");
    assert_eq!((status(&cloud, &pagerduty).await, status(&cloud, &slack).await), (200, 200));
    assert_eq!(cloud.announced(), [said("Jane Doe by PagerDuty"), said("jane doe by Slack")]);
    assert_eq!((status(&cloud, &pagerduty).await, status(&cloud, &slack).await), (409, 409), "a replay is refused");
    assert_eq!(cloud.announced().len(), 2);
}

#[tokio::test]
async fn nobody_is_heard_without_a_signature_that_fits() {
    let cloud = cloud();
    let (body, slack) = (event("incident.acknowledged"), of_slack(&cloud, SLACK_KEY, "holdfast-acknowledge"));
    let mut changed = of_pagerduty(PAGERDUTY_KEY, &body);
    changed.body.push(' ');
    let unsigned = request("/pagerduty", &[], body.to_string());
    let empty = request("/pagerduty", &[("x-pagerduty-signature", "v1=".into())], body.to_string());
    let other = of_slack(&cloud, "another-key", "holdfast-acknowledge");
    let mut moved = slack.clone();
    moved.headers.insert("x-slack-request-timestamp".into(), (cloud.time().as_second() + 1).to_string());
    for request in [changed, unsigned, empty, of_pagerduty("another-key", &body), other, moved] {
        assert_eq!(status(&cloud, &request).await, 401, "{request:?}");
    }
    assert_eq!((cloud.announced().len(), cloud.keys().len()), (0, 0));
}

#[tokio::test]
async fn a_request_of_slacks_older_than_five_minutes_is_refused() {
    let cloud = cloud();
    let request = of_slack(&cloud, SLACK_KEY, "holdfast-acknowledge");
    cloud.pass(SignedDuration::from_secs(301));
    assert_eq!(status(&cloud, &request).await, 401);
}

#[tokio::test]
async fn an_old_event_of_pagerdutys_or_one_that_cannot_be_read_is_refused() {
    let cloud = cloud();
    let request = of_pagerduty(PAGERDUTY_KEY, &event("incident.acknowledged"));
    cloud.pass(SignedDuration::from_hours(49));
    assert_eq!(status(&cloud, &request).await, 400);
    let mut path = event("incident.acknowledged");
    path["event"]["id"] = "../../plan.json".into();
    assert_eq!(status(&cloud, &of_pagerduty(PAGERDUTY_KEY, &path)).await, 400);
    assert_eq!(status(&cloud, &of_pagerduty(PAGERDUTY_KEY, &json!({}))).await, 400);
    assert_eq!(cloud.keys().len(), 0);
}

#[tokio::test]
async fn what_is_no_acknowledgement_is_taken_and_nothing_follows() {
    let cloud = cloud();
    assert_eq!(status(&cloud, &of_pagerduty(PAGERDUTY_KEY, &event("incident.resolved"))).await, 200);
    assert_eq!(status(&cloud, &of_slack(&cloud, SLACK_KEY, "another-button")).await, 200);
    assert_eq!(status(&cloud, &request("/", &[], String::new())).await, 404);
    assert_eq!(cloud.announced().len(), 0);
}

#[tokio::test]
async fn what_could_not_be_passed_on_may_be_sent_again() {
    let cloud = cloud();
    cloud.fail("events:PutEvents", 1, Fault::Refused(PortErrorKind::Throttled));
    let request = of_pagerduty(PAGERDUTY_KEY, &event("incident.acknowledged"));
    assert_eq!(status(&cloud, &request).await, 503);
    assert_eq!(status(&cloud, &request).await, 200);
    assert_eq!(cloud.announced(), [said("Jane Doe by PagerDuty")]);
}

#[tokio::test]
async fn what_was_killed_after_any_call_is_passed_on_when_it_is_sent_again() {
    for calls in 0..6 {
        let cloud = cloud();
        let request = of_pagerduty(PAGERDUTY_KEY, &event("incident.acknowledged"));
        cloud.crash_after(Some(calls));
        status(&cloud, &request).await;
        cloud.crash_after(None);
        status(&cloud, &request).await;
        assert!(cloud.announced().contains(&said("Jane Doe by PagerDuty")), "killed after {calls} calls: lost");
        assert_eq!(status(&cloud, &request).await, 409, "killed after {calls} calls: heard for good");
    }
}

#[tokio::test]
async fn without_keys_nobody_is_heard() {
    let cloud = MemoryCloud::at("2026-11-20T08:00:00Z".parse().expect("a time"));
    let request = of_pagerduty(PAGERDUTY_KEY, &event("incident.acknowledged"));
    assert_eq!(status(&cloud, &request).await, 503, "there is no secret");
    cloud.put_secret(&SECRET.parse().expect("legal"), "{}");
    assert_eq!(status(&cloud, &request).await, 401);
    assert_eq!(status(&cloud, &of_slack(&cloud, "", "holdfast-acknowledge")).await, 401);
}
