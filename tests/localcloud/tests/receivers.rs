//! The receivers refuse what the services refuse, in their words, and take what `alert` builds.

use std::collections::BTreeMap;
use std::time::Duration;

use alert::channels::{Story, pagerduty, slack};
use alert::decide::{News, Telling};
use holdfast_domain::{Environment, Finding, FindingState, PlanName, Severity};
use holdfast_ledger::{Incident, IncidentState};
use holdfast_localcloud::receivers::{Fault, Receivers};
use jiff::Timestamp;
use serde_json::{Value, json};

async fn post(url: &str, body: &Value) -> (u16, String) {
    let answer = reqwest::Client::new().post(url).json(body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

fn blocks(blocks: Vec<Value>) -> Value {
    json!({ "text": "something", "blocks": blocks })
}

fn header(text: &str) -> Value {
    json!({ "type": "header", "text": { "type": "plain_text", "text": text } })
}

fn fields(count: usize, length: usize) -> Value {
    let field = json!({ "type": "mrkdwn", "text": "x".repeat(length) });
    json!({ "type": "section", "fields": vec![field; count] })
}

#[tokio::test]
async fn slack_refuses_what_is_above_its_limits() {
    let receivers = Receivers::start().await.expect("ports are free");
    let refused: Vec<(&str, Value)> = vec![
        ("invalid_payload", json!("text")),
        ("no_text", json!({})),
        ("no_text", json!({ "text": " ", "blocks": [] })),
        ("invalid_blocks_format", json!({ "text": "something", "blocks": {} })),
        ("invalid_blocks", blocks(vec![section("x"); 51])),
        ("invalid_blocks", blocks(vec![header(&"x".repeat(151))])),
        ("invalid_blocks", blocks(vec![header("")])),
        ("invalid_blocks", blocks(vec![json!({ "type": "header", "text": { "type": "mrkdwn", "text": "x" } })])),
        ("invalid_blocks", blocks(vec![section(&"x".repeat(3_001))])),
        ("invalid_blocks", blocks(vec![section("")])),
        ("invalid_blocks", blocks(vec![json!({ "type": "section" })])),
        (
            "invalid_blocks",
            blocks(vec![json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x", "emoji": true } })]),
        ),
        (
            "invalid_blocks",
            blocks(vec![json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x" }, "colour": "red" })]),
        ),
        ("invalid_blocks", blocks(vec![json!({ "type": "context", "elements": [] })])),
        ("invalid_blocks", blocks(vec![json!({ "type": "wall" })])),
        ("invalid_blocks", blocks(vec![fields(11, 1)])),
        ("invalid_blocks", blocks(vec![fields(1, 2_001)])),
        ("msg_blocks_too_long", blocks(vec![section(&"x".repeat(2_700)); 5])),
    ];
    let count = refused.len();
    for (word, body) in refused {
        assert_eq!(post(&receivers.slack_url(), &body).await, (400, word.into()), "{body}");
    }
    assert_eq!((receivers.slack().received().len(), receivers.slack().refused().len()), (0, count));
    let whole = blocks(vec![
        header(&"x".repeat(150)),
        section(&"x".repeat(3_000)),
        fields(10, 700),
        json!({ "type": "divider" }),
    ]);
    for body in [json!({ "text": "something" }), blocks(vec![section("x"); 50]), whole, blocks(vec![fields(2, 2_000)])]
    {
        assert_eq!(post(&receivers.slack_url(), &body).await, (200, "ok".into()), "{body}");
    }
    receivers.shutdown().await.expect("a clean end");
}

#[tokio::test]
async fn slack_says_what_is_wrong_with_an_address() {
    let receivers = Receivers::start().await.expect("ports are free");
    let url = receivers.slack_url();
    let base = url.split("/services").next().expect("a base");
    let right = url.rsplit('/').next().expect("a token");
    for (path, answer) in [
        ("/services/T000/B000/wrong".to_owned(), (403, "invalid_token")),
        (format!("/services/T000/B999/{right}"), (404, "no_service")),
        (format!("/services/T999/B000/{right}"), (404, "no_team")),
        ("/elsewhere".to_owned(), (404, "no_service")),
    ] {
        let (status, words) = post(&format!("{base}{path}"), &json!({ "text": "x" })).await;
        assert_eq!((status, words.as_str()), answer, "{path}");
    }
    receivers.shutdown().await.expect("a clean end");
}

#[tokio::test]
async fn slack_takes_one_message_a_second_when_told_so() {
    let receivers = Receivers::start().await.expect("ports are free");
    receivers.slack().limit_rate();
    let client = reqwest::Client::new();
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let answer = client.post(receivers.slack_url()).json(&json!({ "text": "x" })).send().await.expect("an answer");
        let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().expect("ASCII").to_owned());
        statuses.push((answer.status().as_u16(), retry_after));
    }
    assert_eq!(statuses, [(200, None), (429, Some("1".into()))]);
    receivers.shutdown().await.expect("a clean end");
}

fn trigger(key: &str) -> Value {
    json!({
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": "cause",
        "payload": { "summary": "x", "source": "orders-db", "severity": "error" },
    })
}

/// The event with one value replaced, or removed if it is null.
fn with(key: &str, pointer: &str, value: Value) -> Value {
    let mut event = trigger(key);
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = event.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    if value.is_null() {
        parent.remove(field);
    } else {
        parent.insert(field.into(), value);
    }
    event
}

#[tokio::test]
async fn pagerduty_refuses_what_is_no_event() {
    let receivers = Receivers::start().await.expect("ports are free");
    let key = receivers.routing_key();
    let cases: [(&str, Value); 17] = [
        ("'routing_key' is missing or blank", with(key, "/routing_key", Value::Null)),
        ("Length of 'routing_key' is incorrect (should be 32 characters)", with(key, "/routing_key", json!("short"))),
        ("'event_action' is missing or blank", with(key, "/event_action", Value::Null)),
        ("'event_action' is invalid", with(key, "/event_action", json!("open"))),
        ("'dedup_key' is too long", with(key, "/dedup_key", json!("x".repeat(256)))),
        ("'dedup_key' is missing or blank", json!({ "routing_key": key, "event_action": "resolve" })),
        ("'payload' is missing or blank", with(key, "/payload", Value::Null)),
        ("'payload.summary' is missing or blank", with(key, "/payload/summary", json!(" "))),
        ("'payload.summary' is too long", with(key, "/payload/summary", json!("x".repeat(1_025)))),
        ("'payload.source' is missing or blank", with(key, "/payload/source", Value::Null)),
        ("'payload.severity' is missing or blank", with(key, "/payload/severity", Value::Null)),
        ("'payload.severity' is invalid", with(key, "/payload/severity", json!("high"))),
        ("'payload.timestamp' is invalid", with(key, "/payload/timestamp", json!("yesterday"))),
        ("'payload.class' is invalid", with(key, "/payload/class", json!(7))),
        ("'payload.custom_details' is invalid", with(key, "/payload/custom_details", json!([]))),
        ("'links' is invalid", with(key, "/links", json!([{ "text": "no address" }]))),
        ("Event is too large", with(key, "/payload/custom_details", json!({ "log": "x".repeat(512 * 1_024) }))),
    ];
    let count = cases.len();
    for (words, event) in cases {
        let (status, answer) = post(&receivers.pagerduty_url(), &event).await;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(
            (status, answer["status"].as_str(), answer["message"].as_str()),
            (400, Some("invalid event"), Some("Event object is invalid"))
        );
        assert!(answer["errors"][0].as_str().is_some_and(|error| error.starts_with(words)), "{words}: {answer}");
    }
    assert_eq!((receivers.pagerduty().received().len(), receivers.pagerduty().refused().len()), (0, count));
    receivers.shutdown().await.expect("a clean end");
}

#[tokio::test]
async fn pagerduty_joins_what_repeats_and_drops_what_belongs_to_another_key() {
    let receivers = Receivers::start().await.expect("ports are free");
    let (url, key) = (receivers.pagerduty_url(), receivers.routing_key());
    let resolve = |key: &str| json!({ "routing_key": key, "event_action": "resolve", "dedup_key": "cause" });
    for _ in 0..2 {
        let (status, answer) = post(&url, &trigger(key)).await;
        assert_eq!(status, 202);
        assert_eq!(
            serde_json::from_str::<Value>(&answer).expect("JSON"),
            json!({ "status": "success", "message": "Event processed", "dedup_key": "cause" })
        );
    }
    assert_eq!(receivers.pagerduty().open_alerts(), ["cause"]);
    assert_eq!(post(&url, &resolve(&"x".repeat(32))).await.0, 202, "PagerDuty does not tell that it drops an event");
    assert_eq!(receivers.pagerduty().open_alerts(), ["cause"]);
    assert_eq!(post(&url, &resolve(key)).await.0, 202);
    assert!(receivers.pagerduty().open_alerts().is_empty());
    let dropped: Vec<bool> = receivers.pagerduty().received().iter().map(|event| event.dropped).collect();
    assert_eq!(dropped, [false, false, true, false]);
    receivers.shutdown().await.expect("a clean end");
}

#[tokio::test]
async fn both_fail_on_demand_and_then_recover() {
    let receivers = Receivers::start().await.expect("ports are free");
    let url = receivers.slack_url();
    let message = json!({ "text": "x" });
    receivers.slack().fail_next(1, Fault::Status(410));
    receivers.slack().fail_next(1, Fault::RetryAfter(30));
    assert_eq!(post(&url, &message).await, (410, "channel_is_archived".into()));
    assert_eq!(post(&url, &message).await.0, 429);
    assert_eq!(receivers.slack().received().len(), 0);

    receivers.slack().fail_next(1, Fault::LostAnswer);
    let lost = reqwest::Client::new().post(&url).json(&message).send().await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(receivers.slack().received().len(), 1, "it arrived all the same");

    receivers.slack().fail_next(1, Fault::Hang);
    let hung = reqwest::Client::new().post(&url).json(&message).timeout(Duration::from_millis(100)).send().await;
    assert!(hung.is_err_and(|error| error.is_timeout()));
    assert_eq!(post(&url, &message).await, (200, "ok".into()));
    assert_eq!(receivers.slack().received().len(), 2);
    receivers.shutdown().await.expect("a clean end");
}

#[tokio::test]
async fn a_hanging_client_does_not_keep_the_receivers_from_ending() {
    let receivers = Receivers::start().await.expect("ports are free");
    receivers.pagerduty().fail_next(1, Fault::Hang);
    let (url, event) = (receivers.pagerduty_url(), trigger(receivers.routing_key()));
    let client = tokio::spawn(async move { reqwest::Client::new().post(url).json(&event).send().await.is_err() });
    tokio::task::yield_now().await;
    receivers.shutdown().await.expect("a clean end");
    assert!(client.await.expect("no panic"), "the client hears that the connection broke");
}

fn finding(text: &str, facts: usize) -> Finding {
    Finding {
        cause: "shop/prod/orders-db/restore-test".parse().expect("legal"),
        state: FindingState::Open,
        severity: Severity::High,
        resource: Some("orders-db".parse().expect("legal")),
        title: text.into(),
        threatens: text.into(),
        next_step: text.into(),
        facts: (0..facts).map(|n| (format!("{n}{text}"), text.to_owned())).collect(),
        seen_at: Timestamp::from_second(1_795_154_400).expect("within range"),
    }
}

/// Both pieces of news about a finding, as both channels tell them.
fn messages_of(finding: &Finding, routing_key: &str) -> [(Value, Value); 2] {
    let incident = Incident {
        cause: finding.cause.clone(),
        state: IncidentState::Open,
        severity: finding.severity,
        title: finding.title.clone(),
        opening: 2,
        opened_at: finding.seen_at,
        last_seen_at: finding.seen_at,
        resolved_at: None,
        opened_to: BTreeMap::new(),
        resolved_to: BTreeMap::new(),
    };
    let (plan, environment): (PlanName, Environment) = ("shop".parse().expect("legal"), "prod".parse().expect("legal"));
    let story = Story { plan: &plan, environment: &environment, incident: &incident, finding };
    [News::Opened, News::Resolved].map(|news| {
        let telling = Telling { channel: "ops".parse().expect("legal"), news, attempt: 2, repetition: true };
        (slack::message(&telling, &story), pagerduty::event(routing_key, news, &story))
    })
}

#[tokio::test]
async fn whatever_a_finding_holds_alert_makes_of_it_what_both_services_take() {
    let receivers = Receivers::start().await.expect("ports are free");
    let texts = [
        "",
        "x",
        "<!channel> & \"co\"",
        &"<&>".repeat(20_000),
        &"🦀\"\\".repeat(20_000),
        &"\u{0}\n\u{7f}".repeat(20_000),
    ];
    for text in texts {
        for facts in [0, 1, 10, 11, 300] {
            for (slack, pagerduty) in messages_of(&finding(text, facts), receivers.routing_key()) {
                let start: String = text.chars().take(10).collect();
                assert_eq!(
                    post(&receivers.slack_url(), &slack).await,
                    (200, "ok".into()),
                    "{start}, {facts} facts: {:?}",
                    receivers.slack().refused()
                );
                let (status, words) = post(&receivers.pagerduty_url(), &pagerduty).await;
                assert_eq!(status, 202, "{start}, {facts} facts: {words}");
            }
        }
    }
    receivers.shutdown().await.expect("a clean end");
}
