//! The receivers refuse what the services refuse, in their words, and take what `alert` builds.

use std::time::Duration;

use alert::channels::{blocks, email, pagerduty};
use alert::due::Step;
use alert::story::{Event, Story};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_rds::config::{Credentials, SharedCredentialsProvider};
use holdfast_aws::Ses;
use holdfast_domain::Severity;
use holdfast_localcloud::receivers::{Fault, Receivers};
use holdfast_ports::Mail as _;
use jiff::Timestamp;
use serde_json::{Value, json};

async fn post(url: &str, body: &Value) -> (u16, String) {
    let answer = reqwest::Client::new().post(url).json(body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

fn of_blocks(blocks: Vec<Value>) -> Value {
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
        ("invalid_blocks", of_blocks(vec![section("x"); 51])),
        ("invalid_blocks", of_blocks(vec![header(&"x".repeat(151))])),
        ("invalid_blocks", of_blocks(vec![header("")])),
        ("invalid_blocks", of_blocks(vec![json!({ "type": "header", "text": { "type": "mrkdwn", "text": "x" } })])),
        ("invalid_blocks", of_blocks(vec![section(&"x".repeat(3_001))])),
        ("invalid_blocks", of_blocks(vec![section("")])),
        ("invalid_blocks", of_blocks(vec![json!({ "type": "section" })])),
        (
            "invalid_blocks",
            of_blocks(vec![json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x", "emoji": true } })]),
        ),
        (
            "invalid_blocks",
            of_blocks(vec![json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x" }, "colour": "red" })]),
        ),
        ("invalid_blocks", of_blocks(vec![json!({ "type": "context", "elements": [] })])),
        ("invalid_blocks", of_blocks(vec![json!({ "type": "wall" })])),
        ("invalid_blocks", of_blocks(vec![fields(11, 1)])),
        ("invalid_blocks", of_blocks(vec![fields(1, 2_001)])),
        ("msg_blocks_too_long", of_blocks(vec![section(&"x".repeat(2_700)); 5])),
    ];
    let count = refused.len();
    for (word, body) in refused {
        assert_eq!(post(&receivers.slack_url(), &body).await, (400, word.into()), "{body}");
    }
    assert_eq!((receivers.slack().received().len(), receivers.slack().refused().len()), (0, count));
    let whole = of_blocks(vec![
        header(&"x".repeat(150)),
        section(&"x".repeat(3_000)),
        fields(10, 700),
        json!({ "type": "divider" }),
    ]);
    for body in
        [json!({ "text": "something" }), of_blocks(vec![section("x"); 50]), whole, of_blocks(vec![fields(2, 2_000)])]
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

fn story(text: &str, facts: usize, event: Event) -> Story {
    let since = Timestamp::from_second(1_795_154_400).expect("within range");
    let all = |count: usize| (0..count).map(|n| format!("{n}{text}")).collect::<Vec<_>>();
    Story {
        reference: "shop/prod/orders-db/restore-test/1".into(),
        event,
        severity: Severity::High,
        place: format!("orders-db {text}"),
        group: "shop/prod".into(),
        title: text.into(),
        since,
        until: Some(since),
        threatens: text.into(),
        next_step: text.into(),
        lines: all(facts.min(20)),
        notes: all(facts.min(9)),
        facts: all(facts).into_iter().map(|label| (label, text.to_owned())).collect(),
        owners: all(facts.min(9)),
        links: all(facts.min(9)).into_iter().map(|label| (label, format!("https://example.com/{text}"))).collect(),
        possibly_repeated: true,
    }
}

#[tokio::test]
async fn whatever_a_finding_holds_alert_makes_of_it_what_the_services_take() {
    let receivers = Receivers::start().await.expect("ports are free");
    let ses = Ses::new(&ses_config(&receivers));
    let texts = [
        "",
        "x",
        "<!channel> & \"co\"",
        &"<&>".repeat(20_000),
        &"🦀\"\\".repeat(20_000),
        &"\u{0}\n\u{7f}".repeat(20_000),
    ];
    let from = "holdfast@example.com".parse().expect("legal");
    let to = ["dba@example.com".parse().expect("legal")];
    let events = [Event::Incident(Step::Opened), Event::Incident(Step::Report), Event::Test];
    for text in texts {
        for (facts, event) in [0, 1, 10, 11, 300].into_iter().flat_map(|facts| events.map(|event| (facts, event))) {
            let story = story(text, facts, event);
            let place = format!("{}, {facts} facts, {event:?}", text.chars().take(10).collect::<String>());
            let slack = post(&receivers.slack_url(), &blocks::message(&story)).await;
            assert_eq!(slack, (200, "ok".into()), "{place}: {:?}", receivers.slack().refused());
            for event in pagerduty::events(receivers.routing_key(), &story) {
                let (status, words) = post(&receivers.pagerduty_url(), &event).await;
                assert_eq!(status, 202, "{place}: {words}");
            }
            let sent = ses.send(&email::email(&from, &to, &story)).await;
            assert!(sent.is_ok(), "{place}: {:?}", receivers.ses().refused());
        }
    }
    receivers.shutdown().await.expect("a clean end");
}

fn ses_config(receivers: &Receivers) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "receivers");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(receivers.ses().url())
        .build()
}
