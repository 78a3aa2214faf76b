//! Messages as they cross the edge: whatever is said is understood, and whatever is not ours is refused with its place.

use holdfast_domain::plan::{PlanPart, RestoreFrom};
use holdfast_domain::{Cause, Finding, FindingState, Severity};
use holdfast_wire::{Acknowledge, Message, NotificationBody, RunRef, SOURCE, Trigger, VerifyWork, read};
use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The message in the envelope that EventBridge puts around it.
fn event(message: &Message) -> Value {
    json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "account": "123456789012", "region": "eu-west-1",
        "time": "2026-11-20T02:00:00Z", "resources": [],
        "source": SOURCE, "detail-type": message.detail_type(), "detail": message.detail(),
    })
}

/// The text in the envelope that SNS puts around it on the way to a function.
fn sns(text: &str) -> Value {
    json!({ "Records": [{
        "EventVersion": "1.0", "EventSource": "aws:sns", "EventSubscriptionArn": "arn:aws:sns:eu-west-1:123456789012:t:1",
        "Sns": {
            "Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Subject": null,
            "Message": text, "Timestamp": "2026-11-20T02:00:00.000Z", "SignatureVersion": "1", "Signature": "s",
            "SigningCertUrl": "https://sns.example/c.pem", "UnsubscribeUrl": "https://sns.example/u", "MessageAttributes": {},
        },
    }] })
}

fn any_part() -> impl Strategy<Value = Option<PlanPart>> {
    let from = prop::sample::select(vec![RestoreFrom::Latest, RestoreFrom::Random, RestoreFrom::Pitr]);
    let region = prop::sample::select(vec!["eu-central-1", "us-east-1"]).prop_map(|name| name.parse().expect("legal"));
    prop::option::of((from, region).prop_map(|(from, region)| PlanPart::RestoreTests { from, region }))
}

fn any_finding() -> impl Strategy<Value = Finding> {
    let words = || any::<String>();
    let when = (-2_000_000_000..4_000_000_000_i64, 0..1_000_000_000_i32);
    let state = prop_oneof![Just(FindingState::Open), Just(FindingState::Resolved)];
    (
        ("[!-~]{1,255}", state, prop::sample::select(&Severity::ALL[..]), prop::option::of("[a-z]{1,40}"), any_part()),
        (words(), words(), words(), vec((words(), words()), 0..4), when),
    )
        .prop_map(
            |((cause, state, severity, resource, part), (title, threatens, next_step, facts, (second, nanosecond)))| {
                Finding {
                    cause: cause.parse::<Cause>().expect("legal"),
                    state,
                    severity,
                    resource: resource.map(|name| name.parse().expect("legal")),
                    part,
                    title,
                    threatens,
                    next_step,
                    facts,
                    seen_at: Timestamp::new(second, nanosecond).expect("a time"),
                }
            },
        )
}

fn acknowledge() -> impl Strategy<Value = Acknowledge> {
    let note = prop::option::of("[ -~]{0,100}");
    ("[!-~]{1,255}", "[a-zA-Z@.]{1,200}", note).prop_map(|(incident, by, note)| Acknowledge { incident, by, note })
}

fn any_message() -> impl Strategy<Value = Message> {
    let run = || "[a-z][a-z0-9.-]{0,139}".prop_map(|id| id.parse().expect("legal"));
    let work = || {
        (run(), any::<u32>(), any::<u64>(), any::<u32>()).prop_map(|(run, shard, cursor, hop)| VerifyWork {
            run,
            shard,
            cursor,
            hop,
        })
    };
    prop_oneof![
        work().prop_map(Message::RestoreTestReady),
        work().prop_map(Message::VerificationContinues),
        run().prop_map(|run| Message::VerificationRecorded(RunRef { run })),
        run().prop_map(|run| Message::RestoreTestClosed(RunRef { run })),
        any_finding().prop_map(Message::Finding),
        acknowledge().prop_map(Message::IncidentAcknowledged),
    ]
}

/// Any JSON whatever, with our own words among its keys and texts more often than chance would have it.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        prop::sample::select(
            &[
                "holdfast",
                "Records",
                "detail-type",
                "detail",
                "source",
                "Sns",
                "Message",
                "aws.rds",
                "sweep",
                "run",
                "Finding",
                "restore-test-now",
                "requestContext",
                "functionArn",
                "responsePayload",
                "EventID",
                "AlarmName",
                "NewStateValue",
                "alert-acknowledge"
            ][..],
        )
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(word.clone(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Puts something else in one place of a payload, or takes the place away.
fn damage(payload: &mut Value, path: &[usize], with: Option<Value>) {
    let Some((first, rest)) = path.split_first() else { return };
    match payload {
        Value::Object(map) if !map.is_empty() => {
            let Some(key) = map.keys().nth(first % map.len()).cloned() else { return };
            match (&map[&key], rest.is_empty(), with) {
                (Value::Object(_) | Value::Array(_), false, with) => {
                    if let Some(inner) = map.get_mut(&key) {
                        damage(inner, rest, with);
                    }
                }
                (_, _, Some(with)) => drop(map.insert(key, with)),
                (_, _, None) => drop(map.remove(&key)),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let index = first % items.len();
            damage(&mut items[index], rest, with);
        }
        leaf @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => {
            *leaf = with.unwrap_or(Value::Null);
        }
    }
}

/// Reads what may be anything. An error must say where, and may not carry the whole payload into a log.
fn read_anything(payload: &Value) -> Result<Trigger, TestCaseError> {
    match read(payload) {
        Ok(trigger) => Ok(trigger),
        Err(error) => {
            prop_assert!(
                !error.place.is_empty() && !error.problem.is_empty() && !error.allowed.is_empty(),
                "{error:?}"
            );
            prop_assert!(error.to_string().chars().count() < 1_000, "{error}");
            Ok(Trigger::Sweep)
        }
    }
}

proptest! {
    #[test]
    fn every_message_comes_through_the_bus_as_it_was_said(message in any_message()) {
        let text = event(&message).to_string();
        let payload: Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(read(&payload), Ok(Trigger::Bus(message)));
    }

    #[test]
    fn every_finding_comes_through_sns_as_it_was_said(finding in any_finding()) {
        let text = sns(&event(&Message::Finding(finding.clone())).to_string()).to_string();
        let payload: Value = serde_json::from_str(&text).expect("JSON");
        let Ok(Trigger::Notifications(all)) = read(&payload) else {
            return Err(TestCaseError::fail(format!("{:?}", read(&payload))));
        };
        prop_assert_eq!(all.len(), 1);
        prop_assert_eq!(&all[0].body, &NotificationBody::Finding(finding));
    }

    #[test]
    fn no_json_at_all_makes_reading_panic(payload in any_json()) {
        read_anything(&payload)?;
        read_anything(&sns(&payload.to_string()))?;
        read_anything(&json!({ "detail-type": "x", "source": "aws.rds", "detail": payload }))?;
    }

    #[test]
    fn no_damage_to_a_message_makes_reading_panic_or_passes_unseen(
        message in any_message(),
        path in vec(any::<usize>(), 1..4),
        with in prop::option::of(any_json()),
    ) {
        let mut damaged = event(&message);
        damage(&mut damaged, &path, with);
        read_anything(&sns(&damaged.to_string()))?;
        if damaged["source"] == SOURCE && damaged["detail-type"] == message.detail_type() && damaged["detail"] != message.detail() {
            let seen = read_anything(&damaged)?;
            prop_assert_ne!(seen, Trigger::Bus(message));
        }
    }
}

#[test]
fn every_detail_type_is_one_that_is_read() {
    for (number, detail_type) in Message::DETAIL_TYPES.into_iter().enumerate() {
        let error = Message::read(detail_type, &json!({})).expect_err("an empty detail");
        assert_eq!(error.place, "detail", "message {number}: {error}");
    }
}

#[test]
fn an_error_names_the_field_that_is_wrong() {
    let work = json!({ "run": "orders-db.every.1", "shard": 0, "cursor": 0, "hop": 0 });
    let finding = json!({
        "cause": "a/b/c/d", "state": "open", "severity": "high", "title": "t", "threatens": "x", "next_step": "y",
        "facts": [["a", "b"], ["c", "d"]], "seen_at": "2026-11-20T02:00:00Z",
    });
    for (detail_type, detail, field, value, place, problem) in [
        ("Restore Test Ready", &work, "run", json!("../plan"), "detail.run", "\"../plan\" is not a legal run id"),
        ("Restore Test Ready", &work, "run", json!(7), "detail.run", "invalid type: integer `7`, expected a string"),
        (
            "Restore Test Ready",
            &work,
            "cursor",
            json!(-1),
            "detail.cursor",
            "invalid value: integer `-1`, expected u64",
        ),
        ("Restore Test Ready", &work, "hop", json!("1"), "detail.hop", "invalid type: string \"1\", expected u32"),
        ("Restore Test Ready", &work, "host", json!("db"), "detail.host", "unknown field `host`"),
        ("Finding", &finding, "severity", json!("severe"), "detail.severity", "\"severe\" is not a legal severity"),
        (
            "Finding",
            &finding,
            "state",
            json!("gone"),
            "detail.state",
            "unknown variant `gone`, expected `open` or `resolved`",
        ),
        ("Finding", &finding, "cause", json!("a b"), "detail.cause", "\"a b\" is not a legal cause"),
        ("Finding", &finding, "facts", json!([["a", "b"], ["c"]]), "detail.facts[1]", "invalid length 1"),
        ("Finding", &finding, "seen_at", json!("soon"), "detail.seen_at", "failed to parse"),
    ] {
        Message::read(detail_type, detail).expect("the whole one is legal");
        let mut wrong = detail.clone();
        wrong[field] = value;
        let error = Message::read(detail_type, &wrong).expect_err(place);
        assert_eq!(error.place, place, "{error}");
        assert!(error.problem.starts_with(problem), "{error}");
    }
    let error =
        Message::read("Restore Test Ready", &json!({ "run": "a", "shard": 0, "hop": 0 })).expect_err("no cursor");
    assert_eq!((error.place.as_str(), error.problem.as_str()), ("detail", "missing field `cursor`"));
}

#[test]
fn a_long_payload_makes_a_short_error() {
    let long = "x".repeat(1_000_000);
    for payload in [
        json!({ "holdfast": long }),
        json!({ "holdfast": "restore-test-now", "resource": "orders-db", "request": long, "reason": "" }),
        json!({ "detail-type": "x", "source": long, "detail": {} }),
        json!({ "detail-type": long, "source": SOURCE, "detail": {} }),
        json!({ "detail-type": "Finding", "source": SOURCE, "detail": { "state": long } }),
        sns(&long),
    ] {
        let error = read(&payload).expect_err("too long for anything");
        assert!(error.to_string().chars().count() < 1_000, "{} characters", error.to_string().chars().count());
    }
}
