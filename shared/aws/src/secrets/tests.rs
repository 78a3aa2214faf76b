//! Secrets Manager over the wire, as its API Reference documents it.

use holdfast_ports::Class;
use serde_json::{Value, json};

use super::*;
use crate::replay::{ATTEMPTS, Answer, Replay, all_words, answer, assert_may_have_happened, json_error};

fn room() -> SecretName {
    "hf-rt-orders-db-0123456789ab".parse().expect("legal")
}

fn secrets(replay: &Replay) -> SecretsManager {
    SecretsManager::new(&replay.config())
}

fn holds(value: &str) -> Answer {
    answer(200, json!({ "Name": "hf-rt-orders-db-0123456789ab", "SecretString": value }).to_string())
}

fn missing() -> Answer {
    json_error(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn tags() -> Tags {
    Tags::from([("holdfast:run".into(), "orders-db.every.1".into())])
}

async fn keep(replay: &Replay, value: &str) -> Result<Password, PortError> {
    secrets(replay).keep(&room(), &Password::new(value.into()), &tags()).await
}

#[tokio::test]
async fn a_secret_is_read_and_one_that_is_not_there_is_none() {
    let name: SecretName = "holdfast/slack".parse().expect("legal");
    let replay = Replay::of([holds("geheim"), missing()]);
    let secrets = secrets(&replay);
    assert_eq!(secrets.secret(&name).await.expect("a read").expect("a value").expose(), "geheim");
    assert_eq!(secrets.secret(&name).await.expect("a read"), None);
    assert_eq!(replay.requests()[0].target(), "secretsmanager.GetSecretValue");
    assert_eq!(replay.requests()[0].json(), json!({ "SecretId": "holdfast/slack" }));
}

#[tokio::test]
async fn a_secret_that_is_not_text_is_invalid_and_one_that_may_not_be_read_is_no_none() {
    let name: SecretName = "holdfast/slack".parse().expect("legal");
    let replay = Replay::of([answer(200, json!({ "SecretBinary": "AAAA" }).to_string())]);
    let error = secrets(&replay).secret(&name).await.expect_err("no text");
    assert_eq!(error.message, "the answer has no legal SecretString");
    for code in ["AccessDeniedException", "ExpiredTokenException", "UnrecognizedClientException"] {
        let replay = Replay::of([json_error(400, code, "…")]);
        let error = secrets(&replay).secret(&name).await.expect_err(code);
        assert_eq!((error.kind, error.class()), (PortErrorKind::AccessDenied, Class::Permanent), "{code}");
    }
}

#[tokio::test]
async fn a_new_secret_is_created_with_its_tags_and_is_in_force() {
    let replay = Replay::of([answer(200, json!({ "Name": "x", "VersionId": "1" }).to_string())]);
    assert_eq!(keep(&replay, "mine").await.expect("kept").expose(), "mine");
    let request = replay.request();
    assert_eq!(request.target(), "secretsmanager.CreateSecret");
    let sent = request.json();
    assert_eq!(sent["Name"], "hf-rt-orders-db-0123456789ab");
    assert_eq!(sent["SecretString"], "mine");
    assert_eq!(sent["Tags"], json!([{ "Key": "holdfast:run", "Value": "orders-db.every.1" }]));
    // A repetition of the SDK's own carries the same token, and so finds the first one's work instead of a clash.
    assert!(sent["ClientRequestToken"].is_string(), "{sent}");
}

#[tokio::test]
async fn a_secret_that_is_kept_already_stays_in_force() {
    let replay = Replay::of([json_error(400, "ResourceExistsException", "already exists"), holds("theirs")]);
    assert_eq!(keep(&replay, "mine").await.expect("kept").expose(), "theirs");
    let asked: Vec<String> = replay.requests().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(asked, ["secretsmanager.CreateSecret", "secretsmanager.GetSecretValue"]);

    let replay = Replay::of([json_error(400, "ResourceExistsException", "already exists"), missing()]);
    let error = keep(&replay, "mine").await.expect_err("no value yet");
    assert_eq!((error.kind, error.class()), (PortErrorKind::InvalidState, Class::Transient));
}

#[tokio::test]
async fn a_name_that_is_not_temporary_is_refused_before_any_call() {
    let replay = Replay::of([]);
    let secrets = secrets(&replay);
    for name in ["holdfast/slack", "hf-orders", "prod/hf-rt-orders", "HF-RT-orders", "hf-rt"] {
        let name: SecretName = name.parse().expect("legal");
        let kept = secrets.keep(&name, &Password::new("word".into()), &Tags::new()).await.expect_err("not ours");
        let forgotten = secrets.forget(&name).await.expect_err("not ours");
        for error in [kept, forgotten] {
            assert_eq!((error.kind, error.subject.as_str()), (PortErrorKind::Invalid, name.as_str()));
        }
    }
    assert_eq!(replay.requests().len(), 0);
}

#[tokio::test]
async fn a_secret_is_forgotten_at_once_and_twice_is_once() {
    let replay = Replay::of([answer(200, "{}"), missing()]);
    let secrets = secrets(&replay);
    secrets.forget(&room()).await.expect("forgotten");
    secrets.forget(&room()).await.expect("forgotten already");
    assert_eq!(
        replay.requests()[0].json(),
        json!({ "SecretId": "hf-rt-orders-db-0123456789ab", "ForceDeleteWithoutRecovery": true })
    );
    let replay = Replay::of([json_error(400, "AccessDeniedException", "…")]);
    assert_eq!(self::secrets(&replay).forget(&room()).await.expect_err("kept").kind, PortErrorKind::AccessDenied);
}

fn page(names: &[&str], next: Option<&str>) -> Answer {
    let list: Vec<Value> =
        names.iter().map(|name| json!({ "Name": name, "Tags": [{ "Key": "holdfast:run", "Value": name }] })).collect();
    let mut page = json!({ "SecretList": list });
    if let Some(next) = next {
        page["NextToken"] = next.into();
    }
    answer(200, page.to_string())
}

#[tokio::test]
async fn a_listing_is_every_page_of_what_is_ours() {
    let replay = Replay::of([
        page(&["hf-rt-a", "shop/hf-rt-copied-the-name"], Some("t1")),
        page(&[], Some("t2")),
        page(&["hf-rt-b"], None),
    ]);
    let kept = secrets(&replay).kept().await.expect("a listing");
    let kept: Vec<_> = kept.iter().map(|(name, tags)| (name.as_str(), tags["holdfast:run"].as_str())).collect();
    assert_eq!(kept, [("hf-rt-a", "hf-rt-a"), ("hf-rt-b", "hf-rt-b")]);
    let asked: Vec<Value> = replay.requests().iter().map(|request| request.json()["NextToken"].clone()).collect();
    assert_eq!(asked, [Value::Null, "t1".into(), "t2".into()]);
    assert_eq!(replay.requests()[0].json()["Filters"], json!([{ "Key": "name", "Values": ["hf-rt-"] }]));
}

#[tokio::test]
async fn a_listing_that_breaks_off_or_never_ends_is_an_error_and_never_a_part() {
    let replay = Replay::of([page(&["hf-rt-a"], Some("t")), json_error(400, "AccessDeniedException", "…")]);
    assert_eq!(secrets(&replay).kept().await.expect_err("half a listing").kind, PortErrorKind::AccessDenied);
    let replay = Replay::of((0..1_000).map(|n| page(&["other"], Some(&format!("t{n}")))));
    let error = secrets(&replay).kept().await.expect_err("pages without end");
    assert_eq!(error.kind, PortErrorKind::TooMany);
}

#[tokio::test]
async fn what_can_help_is_tried_again_and_then_told_as_what_it_was() {
    for (nothing, kind) in [
        (json_error(400, "ThrottlingException", "Rate exceeded"), PortErrorKind::Throttled),
        (json_error(500, "InternalServiceError", ""), PortErrorKind::Unavailable),
        (Answer::Lost, PortErrorKind::Unavailable),
        (Answer::Silent, PortErrorKind::Unavailable),
    ] {
        let replay = Replay::always(nothing.clone());
        let error = keep(&replay, "mine").await.expect_err("not kept");
        assert_eq!((error.kind, error.class()), (kind, Class::Transient), "{nothing:?}: {error}");
        assert_eq!(replay.requests().len(), ATTEMPTS, "{nothing:?}");
    }
    let replay = Replay::always(json_error(400, "LimitExceededException", "too many secrets"));
    assert_eq!(keep(&replay, "mine").await.expect_err("full").kind, PortErrorKind::QuotaExceeded);
}

/// A broken answer is the dangerous one: the SDK keeps it whole in its error.
#[tokio::test]
async fn no_failure_shows_a_secret() {
    let broken =
        Replay::always(answer(200, r#"{"Name":"holdfast/slack","SecretString":"correct-horse","CreatedDate":"#));
    let error = secrets(&broken).secret(&"holdfast/slack".parse().expect("legal")).await.expect_err("half an answer");
    assert_may_have_happened(&error);
    assert!(!all_words(&error).contains("correct-horse"), "{}", all_words(&error));

    for failure in [Answer::Lost, Answer::Silent, json_error(400, "InvalidRequestException", "marked for deletion")] {
        let error = keep(&Replay::always(failure), "correct-horse").await.expect_err("a failure");
        assert!(!all_words(&error).contains("correct-horse"), "{}", all_words(&error));
    }
}
