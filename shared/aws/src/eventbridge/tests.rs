//! EventBridge over the wire, as its API Reference documents `PutEvents`.

use holdfast_ports::Class;
use holdfast_wire::RunRef;
use serde_json::{Value, json};

use super::*;
use crate::replay::{ATTEMPTS, Answer, Replay, answer, assert_may_have_happened, json_error};

fn messages(count: usize) -> Vec<Message> {
    (0..count)
        .map(|n| Message::RestoreTestClosed(RunRef { run: format!("a.every.{n:02}").parse().expect("legal") }))
        .collect()
}

fn taken(entries: usize) -> Answer {
    let entries: Vec<Value> = (0..entries).map(|n| json!({ "EventId": n.to_string() })).collect();
    answer(200, json!({ "FailedEntryCount": 0, "Entries": entries }).to_string())
}

fn bus(replay: &Replay) -> EventBridge {
    EventBridge::new(&replay.config(), "holdfast".into())
}

#[tokio::test]
async fn messages_go_in_batches_of_ten_in_order_and_whole() {
    let replay = Replay::of([taken(10), taken(10), taken(3)]);
    let announced = messages(23);
    bus(&replay).announce(&announced).await.expect("announced");
    let batches: Vec<Vec<Value>> = replay
        .requests()
        .iter()
        .map(|request| {
            assert_eq!(request.target(), "AWSEvents.PutEvents");
            request.json()["Entries"].as_array().expect("entries").clone()
        })
        .collect();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
    for (entry, message) in batches.iter().flatten().zip(&announced) {
        assert_eq!(entry["EventBusName"], "holdfast");
        assert_eq!(entry["Source"], "holdfast");
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().expect("text")).expect("JSON");
        assert_eq!(&Message::read(entry["DetailType"].as_str().expect("text"), &detail).expect("ours"), message);
    }
}

#[tokio::test]
async fn nothing_to_announce_is_no_call() {
    let replay = Replay::of([]);
    bus(&replay).announce(&[]).await.expect("nothing");
    assert_eq!(replay.requests().len(), 0);
}

#[tokio::test]
async fn an_entry_that_failed_in_a_request_that_did_not_is_an_error() {
    let partly = json!({ "FailedEntryCount": 2, "Entries": [
        { "ErrorCode": "InternalFailure", "ErrorMessage": "…" }, { "EventId": "1" }, { "ErrorCode": "ThrottlingException" },
    ] });
    let replay = Replay::of([answer(200, partly.to_string())]);
    let error = bus(&replay).announce(&messages(3)).await.expect_err("two of three");
    assert_eq!(
        error.to_string(),
        "events:PutEvents of holdfast: 2 of 3 entries failed: InternalFailure, ThrottlingException"
    );
    assert_may_have_happened(&error);
}

#[tokio::test]
async fn a_batch_that_fails_does_not_silence_the_others() {
    let replay =
        Replay::of([json_error(400, "ValidationException", "Total size of the entries is over the limit"), taken(2)]);
    let error = bus(&replay).announce(&messages(12)).await.expect_err("the first batch");
    assert_eq!((error.kind, error.class()), (PortErrorKind::Invalid, Class::Permanent));
    assert_eq!(replay.requests()[1].json()["Entries"].as_array().expect("entries").len(), 2);
}

#[tokio::test]
async fn what_can_help_is_tried_again_and_then_told_as_what_it_was() {
    for (nothing, kind, attempts) in [
        (json_error(400, "ThrottlingException", ""), PortErrorKind::Throttled, ATTEMPTS),
        (json_error(500, "InternalException", ""), PortErrorKind::Unavailable, ATTEMPTS),
        (Answer::Lost, PortErrorKind::Unavailable, ATTEMPTS),
        (Answer::Silent, PortErrorKind::Unavailable, ATTEMPTS),
        (json_error(400, "AccessDeniedException", ""), PortErrorKind::AccessDenied, 1),
        (json_error(400, "ExpiredTokenException", ""), PortErrorKind::AccessDenied, 1),
        (json_error(400, "UnrecognizedClientException", ""), PortErrorKind::AccessDenied, 1),
        (
            json_error(400, "ResourceNotFoundException", "Event bus holdfast does not exist."),
            PortErrorKind::NotFound,
            1,
        ),
    ] {
        let replay = Replay::always(nothing.clone());
        let error = bus(&replay).announce(&messages(1)).await.expect_err("not announced");
        assert_eq!(error.kind, kind, "{nothing:?}: {error}");
        assert_eq!(replay.requests().len(), attempts, "{nothing:?}");
    }
}
