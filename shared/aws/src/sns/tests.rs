//! SNS over the wire, as its API Reference documents `Publish`.

use holdfast_ports::PortErrorKind;

use super::*;
use crate::replay::{ATTEMPTS, Answer, Replay, answer, assert_may_have_happened};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:holdfast-fallback";

fn published() -> Answer {
    answer(
        200,
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>",
    )
}

async fn publish(subject: &str, text: &str) -> std::collections::BTreeMap<String, String> {
    let replay = Replay::of([published()]);
    Sns::new(&replay.config(), TOPIC.into()).publish(subject, text).await.expect("published");
    replay.request().form()
}

#[tokio::test]
async fn a_text_goes_to_the_topic_as_it_is() {
    let sent = publish("alert could not reach anybody", "zwei Zeilen\nmit Umlauten: äöü").await;
    assert_eq!(sent["TopicArn"], TOPIC);
    assert_eq!(sent["Subject"], "alert could not reach anybody");
    assert_eq!(sent["Message"], "zwei Zeilen\nmit Umlauten: äöü");
}

/// SNS refuses a subject that is long, empty, not ASCII or holds a line break, and a text of more than 256 KB.
#[tokio::test]
async fn whatever_is_published_is_cut_to_what_sns_takes() {
    let sent = publish(&format!("füll\n{}", "x".repeat(200)), &"ä".repeat(200_000)).await;
    assert_eq!(sent["Subject"], format!("fll{}", "x".repeat(97)));
    assert_eq!(sent["Message"].len(), 262_144);
    for nothing in ["", " \n", "äöü"] {
        assert_eq!(publish(nothing, "text").await.get("Subject"), None, "{nothing:?}");
    }
}

#[tokio::test]
async fn a_failure_is_told_as_what_it_was() {
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>";
    let replay = Replay::of([answer(403, denied)]);
    let error = Sns::new(&replay.config(), TOPIC.into()).publish("s", "t").await.expect_err("denied");
    assert_eq!(error.kind, PortErrorKind::AccessDenied);
    for nothing in [Answer::Lost, Answer::Silent, answer(503, "")] {
        let replay = Replay::always(nothing);
        let error = Sns::new(&replay.config(), TOPIC.into()).publish("s", "t").await.expect_err("no answer");
        assert_may_have_happened(&error);
        assert_eq!(replay.requests().len(), ATTEMPTS);
    }
}
