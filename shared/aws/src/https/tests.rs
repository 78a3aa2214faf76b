//! Posts to a receiver on loopback.

use std::sync::Arc;

use holdfast_ports::Class;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::*;
use crate::replay::all_words;

const SECRET_PATH: &str = "/services/T0/B0/correct-horse";

/// A receiver that gives every request the same answer, and the requests it got.
async fn receiver(answer: String) -> (Password, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = Password::new(format!("http://{}{SECRET_PATH}", listener.local_addr().expect("an address")));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            // The posts of these tests are small, and end with their body's last brace.
            while !request.ends_with(b"}") {
                let mut chunk = [0; 1024];
                match stream.read(&mut chunk).await {
                    Ok(read) if read > 0 => request.extend_from_slice(&chunk[..read]),
                    Ok(_) | Err(_) => break,
                }
            }
            ear.lock().await.push(String::from_utf8_lossy(&request).into_owned());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, heard)
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

fn news_to(url: &Password) -> Post {
    let token = ("authorization", Password::new("Bearer correct-horse".into()));
    Post { url: url.clone(), headers: vec![token], body: json!({ "text": "news" }).to_string() }
}

async fn post(answer: String) -> (Result<Answer, PortError>, Vec<String>) {
    let (url, heard) = receiver(answer).await;
    let answer = Https::new().expect("TLS roots").post(&news_to(&url)).await;
    let heard = heard.lock().await.clone();
    (answer, heard)
}

#[tokio::test]
async fn any_status_is_an_answer_and_is_asked_for_once() {
    for (status, code) in [("200 OK", 200), ("400 Bad Request", 400), ("503 Service Unavailable", 503)] {
        let (answer, heard) = post(http(status, "", "body")).await;
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.body.as_str(), answer.retry_after), (code, "body", None));
        assert_eq!(heard.len(), 1);
        assert!(
            heard[0].starts_with(&format!("POST {SECRET_PATH} HTTP/1.1")) && heard[0].ends_with(r#"{"text":"news"}"#)
        );
    }
}

#[tokio::test]
async fn a_receiver_may_say_when_to_come_again() {
    let (answer, _) = post(http("429 Too Many Requests", "retry-after: 30\r\n", "slow down")).await;
    assert_eq!(answer.expect("an answer").retry_after, Some(SignedDuration::from_secs(30)));
    let (answer, _) = post(http("429 Too Many Requests", "retry-after: Fri, 20 Nov 2026 02:00:00 GMT\r\n", "")).await;
    assert_eq!(answer.expect("an answer").retry_after, None, "a date is not understood, and not guessed");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (elsewhere, heard_elsewhere) = receiver(http("200 OK", "", "")).await;
    let (answer, heard) =
        post(http("307 Temporary Redirect", &format!("location: {}\r\n", elsewhere.expose()), "")).await;
    assert_eq!(answer.expect("an answer").status, 307);
    assert_eq!((heard.len(), heard_elsewhere.lock().await.len()), (1, 0));
}

#[tokio::test]
async fn of_a_long_answer_the_beginning_is_kept_and_of_a_broken_one_what_there_is() {
    let (answer, _) = post(http("200 OK", "", &"x".repeat(100_000))).await;
    assert_eq!(answer.expect("an answer").body.len(), BODY_BYTES_MAX);
    let (answer, _) =
        post("HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\nconnection: close\r\n\r\nonly this".into()).await;
    let answer = answer.expect("the status is the answer");
    assert_eq!((answer.status, answer.body.as_str()), (400, "only this"));
}

#[tokio::test]
async fn no_failure_shows_the_url() {
    let (answer, _) = post(String::new()).await;
    let lost = answer.expect_err("no answer");
    assert_eq!(
        (lost.kind, lost.class(), lost.subject.as_str()),
        (PortErrorKind::Unavailable, Class::Transient, "127.0.0.1")
    );

    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = Password::new(format!("http://{}{SECRET_PATH}", closed.local_addr().expect("an address")));
    drop(closed);
    let https = Https::new().expect("TLS roots");
    let refused = https.post(&news_to(&url)).await.expect_err("nobody there");
    let no_url = https.post(&news_to(&Password::new("correct-horse".into()))).await.expect_err("not a URL");
    assert_eq!((no_url.kind, no_url.message.as_str()), (PortErrorKind::Invalid, "the secret is not a URL"));
    assert_eq!((refused.kind, refused.class()), (PortErrorKind::InvalidState, Class::Transient), "it did not arrive");
    for error in [lost, refused, no_url] {
        assert!(!all_words(&error).contains("correct-horse"), "{}", all_words(&error));
    }
}
