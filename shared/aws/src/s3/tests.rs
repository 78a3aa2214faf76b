//! S3 over the wire, as the S3 API Reference documents it.

use holdfast_ports::Class;

use super::*;
use crate::replay::{ATTEMPTS, Answer, Replay, answer, assert_may_have_happened};

const KEY: &str = "restore-tests/runs/a.json";

fn s3(replay: &Replay) -> S3 {
    S3::new(&replay.config(), "ledger".into())
}

fn object(etag: &'static str, body: &str) -> Answer {
    Answer::Http { status: 200, headers: vec![("etag", etag)], body: body.into() }
}

fn refusal(status: u16, code: &str) -> Answer {
    answer(
        status,
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as S3 words it</Message></Error>"),
    )
}

fn listed(keys: impl IntoIterator<Item = String>, next: Option<&str>) -> Answer {
    let contents: String = keys
        .into_iter()
        .map(|key| format!("<Contents><Key>{key}</Key><ETag>&quot;e&quot;</ETag><Size>0</Size></Contents>"))
        .collect();
    let next = match next {
        Some(token) => format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"),
        None => "<IsTruncated>false</IsTruncated>".into(),
    };
    answer(
        200,
        format!(
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>ledger</Name>{next}{contents}</ListBucketResult>"
        ),
    )
}

#[tokio::test]
async fn an_object_is_read_with_its_version_and_not_at_all_while_that_stands() {
    let replay = Replay::of([object("\"v1\"", "content"), answer(304, "")]);
    let s3 = s3(&replay);
    let Fetched::Object(read) = s3.get(KEY, None).await.expect("a read") else { panic!("it is there") };
    assert_eq!((read.bytes.as_slice(), read.etag.as_str()), (b"content".as_slice(), "\"v1\""));
    assert_eq!(s3.get(KEY, Some(&read.etag)).await.expect("a read"), Fetched::Unchanged);

    let requests = replay.requests();
    assert_eq!(requests[0].method, "GET");
    assert_eq!(
        (requests[0].host.as_str(), requests[0].path.as_str()),
        ("ledger.s3.eu-west-1.amazonaws.com", "/restore-tests/runs/a.json")
    );
    assert_eq!(requests[0].headers.get("if-none-match"), None);
    assert_eq!(requests[1].headers.get("if-none-match").map(String::as_str), Some("\"v1\""));
}

#[tokio::test]
async fn a_missing_object_is_an_answer_and_a_missing_bucket_is_an_error() {
    let replay = Replay::of([refusal(404, "NoSuchKey")]);
    assert_eq!(s3(&replay).get(KEY, None).await.expect("an answer"), Fetched::Missing);
    let replay = Replay::of([refusal(404, "NoSuchBucket")]);
    let error = s3(&replay).get(KEY, None).await.expect_err("no bucket");
    assert_eq!(error.to_string(), "s3:GetObject of restore-tests/runs/a.json: NoSuchBucket: as S3 words it");

    for when in [Precondition::Absent, Precondition::Matches("\"v1\"".into())] {
        let replay = Replay::of([refusal(404, "NoSuchBucket")]);
        let error = s3(&replay).put(KEY, vec![], when).await.expect_err("no bucket");
        assert_eq!((error.kind, error.class()), (PortErrorKind::NotFound, Class::Permanent));
    }
    let replay = Replay::of([refusal(404, "NoSuchBucket")]);
    assert_eq!(s3(&replay).list("x/").await.expect_err("no bucket").kind, PortErrorKind::NotFound);
}

#[tokio::test]
async fn a_write_names_the_version_it_was_decided_on() {
    let replay = Replay::of([object("\"v1\"", ""), object("\"v2\"", "")]);
    let s3 = s3(&replay);
    let first = s3.put(KEY, b"1".to_vec(), Precondition::Absent).await.expect("a write");
    let second = s3.put(KEY, b"2".to_vec(), Precondition::Matches(first)).await.expect("a write");
    assert_eq!(second, "\"v2\"");
    let conditions: Vec<_> = replay
        .requests()
        .iter()
        .map(|request| {
            assert_eq!(request.method, "PUT");
            let header = |name: &str| request.headers.get(name).cloned();
            (header("if-none-match"), header("if-match"))
        })
        .collect();
    assert_eq!(conditions, [(Some("*".into()), None), (None, Some("\"v1\"".into()))]);
}

#[tokio::test]
async fn every_way_in_which_s3_refuses_a_condition_is_one_kind() {
    let over_version = || Precondition::Matches("\"v1\"".into());
    for (status, code, when) in [
        (412, "PreconditionFailed", Precondition::Absent),
        (412, "PreconditionFailed", over_version()),
        (409, "ConditionalRequestConflict", Precondition::Absent),
        (409, "ConditionalRequestConflict", over_version()),
        // The key is gone that should have been that version.
        (404, "NoSuchKey", over_version()),
    ] {
        let replay = Replay::of([refusal(status, code)]);
        let error = s3(&replay).put(KEY, vec![], when).await.expect_err(code);
        assert_eq!((error.kind, error.class()), (PortErrorKind::PreconditionFailed, Class::Transient), "{code}");
    }
}

/// The first attempt wrote, and its answer was lost; the second one finds the key taken. Only the record's nonce can tell by whom.
#[tokio::test]
async fn a_repetition_that_meets_its_own_first_write_says_that_the_condition_failed() {
    let replay = Replay::of([Answer::Lost, refusal(412, "PreconditionFailed")]);
    let error = s3(&replay).put(KEY, b"1".to_vec(), Precondition::Absent).await.expect_err("the second attempt");
    assert_eq!(error.kind, PortErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn an_answer_without_a_version_is_invalid() {
    let replay = Replay::of([answer(200, "content"), answer(200, "")]);
    let s3 = s3(&replay);
    let read = s3.get(KEY, None).await.expect_err("no ETag");
    let written = s3.put(KEY, vec![], Precondition::Absent).await.expect_err("no ETag");
    for error in [read, written] {
        assert_eq!((error.kind, error.message.as_str()), (PortErrorKind::Invalid, "the answer has no legal ETag"));
    }
}

#[tokio::test]
async fn a_listing_is_every_page_in_order() {
    let replay = Replay::of([
        listed(["p/a".into(), "p/b".into()], Some("t1")),
        listed([], Some("t2")),
        listed(["p/c".into()], None),
    ]);
    assert_eq!(s3(&replay).list("p/").await.expect("a listing"), ["p/a", "p/b", "p/c"]);
    let asked: Vec<_> = replay
        .requests()
        .iter()
        .map(|request| (request.query["prefix"].clone(), request.query.get("continuation-token").cloned()))
        .collect();
    let prefix = || "p/".to_owned();
    assert_eq!(asked, [(prefix(), None), (prefix(), Some("t1".into())), (prefix(), Some("t2".into()))]);

    let replay = Replay::of([listed([], None)]);
    assert_eq!(s3(&replay).list("none/").await.expect("a listing"), Vec::<String>::new());
}

#[tokio::test]
async fn a_listing_that_is_too_long_or_breaks_off_is_an_error_and_never_a_part() {
    let most = (0..KEYS_MAX).map(|n| format!("p/{n:05}"));
    let replay = Replay::of([listed(most, Some("t")), listed(["p/z".into()], None)]);
    let error = s3(&replay).list("p/").await.expect_err("one too many");
    assert_eq!(error.to_string(), "s3:ListObjectsV2 of p/: more than 10000 items");
    assert_eq!(error.kind, PortErrorKind::TooMany);

    let replay = Replay::of([listed(["p/a".into()], Some("t")), refusal(403, "AccessDenied")]);
    assert_eq!(s3(&replay).list("p/").await.expect_err("half a listing").kind, PortErrorKind::AccessDenied);
}

#[tokio::test]
async fn a_deletion_asks_once_and_gives_no_content() {
    let replay = Replay::of([answer(204, "")]);
    s3(&replay).delete(KEY).await.expect("deleted");
    assert_eq!(replay.request().method, "DELETE");
}

#[tokio::test]
async fn what_can_help_is_tried_again_and_then_told_as_what_it_was() {
    for (nothing, kind, attempts) in [
        (refusal(503, "SlowDown"), PortErrorKind::Throttled, ATTEMPTS),
        (refusal(500, "InternalError"), PortErrorKind::Unavailable, ATTEMPTS),
        (refusal(400, "RequestTimeout"), PortErrorKind::Unavailable, ATTEMPTS),
        (answer(502, "<html>bad gateway</html>"), PortErrorKind::Unavailable, ATTEMPTS),
        (Answer::Lost, PortErrorKind::Unavailable, ATTEMPTS),
        (Answer::Silent, PortErrorKind::Unavailable, ATTEMPTS),
        (refusal(403, "AccessDenied"), PortErrorKind::AccessDenied, 1),
        (refusal(400, "ExpiredToken"), PortErrorKind::AccessDenied, 1),
    ] {
        let replay = Replay::always(nothing.clone());
        let error = s3(&replay).put(KEY, b"1".to_vec(), Precondition::Absent).await.expect_err("no write");
        assert_eq!(error.kind, kind, "{nothing:?}: {error}");
        assert_eq!(replay.requests().len(), attempts, "{nothing:?}");
        if kind == PortErrorKind::Unavailable {
            assert_may_have_happened(&error);
        }
    }
}
