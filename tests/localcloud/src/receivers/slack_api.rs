//! Slack's Web API, as far as a bot that tells of incidents needs it (sources: Slack API, "chat.postMessage",
//! "chat.update", "Web API", section "Evaluating responses").

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::slack::read;
use super::{Fault, Inbox, Judgement, Received, Refused, Taken};

/// The token that the receiver takes.
pub(super) const TOKEN: &str = "xoxb-000000000000-000000000000-holdfastlocalcloud000000";
/// The one conversation that the bot is in.
pub(super) const CONVERSATION: &str = "C0HOLDFAST0";

/// The Web API receiver.
#[derive(Debug, Clone)]
pub struct SlackApi {
    address: SocketAddr,
    inbox: Inbox,
    /// The names of the messages that stand in the conversation.
    messages: Arc<Mutex<BTreeSet<String>>>,
}

impl SlackApi {
    pub(super) fn at(address: SocketAddr, inbox: Inbox) -> Self {
        Self { address, inbox, messages: Arc::default() }
    }

    /// Where its methods are.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// What a bot channel's secret has to hold so that messages arrive here.
    #[must_use]
    pub fn secret(&self) -> String {
        json!({ "token": TOKEN, "url": self.url() }).to_string()
    }

    /// The conversation that the bot is in.
    #[must_use]
    pub fn conversation(&self) -> &'static str {
        CONVERSATION
    }

    /// What was posted and changed, in order; `method` says which.
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
        Router::new().route("/api/{method}", post(call)).with_state(self.clone())
    }

    fn judge(&self, method: &str, authorization: &str, body: &[u8]) -> Judgement {
        match self.apply(method, authorization, body) {
            Ok((message, ts)) => {
                let answer = json!({ "ok": true, "channel": CONVERSATION, "ts": ts, "message": message });
                let mut body = message;
                body["method"] = method.into();
                Judgement { taken: Ok(Taken { body, dropped: false }), answer: Json(answer).into_response() }
            }
            // The Web API says no with the status of a yes.
            Err((word, why)) => Judgement {
                taken: Err(format!("{word}: {why}")),
                answer: Json(json!({ "ok": false, "error": word })).into_response(),
            },
        }
    }

    fn apply(&self, method: &str, authorization: &str, body: &[u8]) -> Result<(Value, String), (&'static str, String)> {
        if authorization != format!("Bearer {TOKEN}") {
            return Err(("invalid_auth", "another token".into()));
        }
        let message = read(body).map_err(|refusal| (refusal.word, refusal.why))?;
        if message["channel"] != CONVERSATION {
            return Err(("channel_not_found", format!("{} is another conversation", message["channel"])));
        }
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        match method {
            "chat.postMessage" => {
                if message.get("thread_ts").is_some_and(|ts| !ts.as_str().is_some_and(|ts| messages.contains(ts))) {
                    return Err(("thread_not_found", "no such message".into()));
                }
                let ts = format!("1795154400.{:06}", messages.len() + 1);
                messages.insert(ts.clone());
                Ok((message, ts))
            }
            "chat.update" => {
                let ts = message["ts"].as_str().filter(|ts| messages.contains(*ts)).map(str::to_owned);
                let ts = ts.ok_or(("message_not_found", "no such message".to_owned()))?;
                Ok((message, ts))
            }
            other => Err(("unknown_method", other.into())),
        }
    }
}

async fn call(State(slack): State<SlackApi>, Path(method): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    slack.inbox.answer(words, || slack.judge(&method, &authorization, &body)).await
}

fn words(status: u16) -> String {
    let error = if status == 429 { "ratelimited" } else { "internal_error" };
    json!({ "ok": false, "error": error }).to_string()
}
