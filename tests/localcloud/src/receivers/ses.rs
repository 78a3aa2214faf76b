//! Amazon SES, `SendEmail` of its API v2 alone (source: SES API v2 Reference, `SendEmail`, `EmailContent`). MiniStack has
//! one too, which takes whatever it gets; this one refuses what SES refuses, and can be told to fail.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::{Fault, Inbox, Judgement, Received, Refused, Taken};

/// The identity that is verified.
const VERIFIED: &str = "example.com";
/// "You can specify up to 50 recipients" (SES Developer Guide, "Service quotas in Amazon SES").
const RECIPIENTS_MAX: usize = 50;

/// The SES receiver.
#[derive(Debug, Clone)]
pub struct SesApi {
    address: SocketAddr,
    inbox: Inbox,
}

impl SesApi {
    pub(super) fn at(address: SocketAddr, inbox: Inbox) -> Self {
        Self { address, inbox }
    }

    /// The endpoint of the service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every message that was taken, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.inbox.received()
    }

    /// What was refused for its content, in order.
    #[must_use]
    pub fn refused(&self) -> Vec<Refused> {
        self.inbox.refused()
    }

    /// The next `times` calls meet a fault, after those that were told before.
    pub fn fail_next(&self, times: usize, fault: Fault) {
        self.inbox.fail_next(times, fault);
    }

    pub(super) fn router(&self) -> Router {
        Router::new().route("/v2/email/outbound-emails", post(send)).with_state(self.clone())
    }
}

fn judge(body: &[u8]) -> Judgement {
    match check(body) {
        Ok(body) => {
            let answer = axum::Json(json!({ "MessageId": "0100019a-local" })).into_response();
            Judgement { taken: Ok(Taken { body, dropped: false }), answer }
        }
        Err((code, why)) => {
            let answer = (StatusCode::BAD_REQUEST, [("x-amzn-errortype", code)], axum::Json(json!({ "message": why })));
            Judgement { taken: Err(format!("{code}: {why}")), answer: answer.into_response() }
        }
    }
}

fn check(body: &[u8]) -> Result<Value, (&'static str, String)> {
    const BAD: &str = "BadRequestException";
    let message: Value = serde_json::from_slice(body).map_err(|error| (BAD, error.to_string()))?;
    let from = message["FromEmailAddress"].as_str().unwrap_or_default();
    if from.rsplit('@').next() != Some(VERIFIED) {
        return Err(("MessageRejected", format!("Email address is not verified: {from}")));
    }
    let to = message["Destination"]["ToAddresses"].as_array().map_or(0, Vec::len);
    if !(1..=RECIPIENTS_MAX).contains(&to) {
        return Err((BAD, format!("{to} recipients")));
    }
    let simple = &message["Content"]["Simple"];
    let text =
        |value: &Value| value["Data"].as_str().is_some_and(|data| !data.is_empty()) && value["Charset"] == "UTF-8";
    if !text(&simple["Subject"]) || !text(&simple["Body"]["Text"]) || !text(&simple["Body"]["Html"]) {
        return Err((BAD, "subject, text and html in UTF-8 are wanted".into()));
    }
    if simple["Subject"]["Data"].as_str().is_some_and(|subject| subject.contains(['\n', '\r'])) {
        return Err((BAD, "a subject of more than one line".into()));
    }
    Ok(message)
}

async fn send(State(ses): State<SesApi>, body: Bytes) -> Response {
    let mut answer = ses.inbox.answer(words, || judge(&body)).await;
    if !answer.headers().contains_key(header::CONTENT_TYPE) {
        answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    }
    // AWS names the error in a header.
    let code = match answer.status().as_u16() {
        429 => Some("TooManyRequestsException"),
        403 => Some("AccessDeniedException"),
        _ => None,
    };
    if let Some(code) = code {
        answer.headers_mut().insert("x-amzn-errortype", header::HeaderValue::from_static(code));
    }
    answer
}

fn words(status: u16) -> String {
    json!({ "message": format!("injected: {status}") }).to_string()
}
