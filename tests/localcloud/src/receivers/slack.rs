//! A Slack incoming webhook (sources: Slack API, "Sending messages using incoming webhooks" with its table of errors,
//! "Reference: blocks", "Text object").

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Map, Value};

use super::{Fault, Inbox, Judgement, Received, Refused, Taken, characters, retry_after, status_of};

const TEAM: &str = "T000";
const WEBHOOK: &str = "B000";
const TOKEN: &str = "XXXXXXXXXXXXXXXXXXXXXXXX";

/// "You can include up to 50 blocks in each message" (Slack API, "Reference: blocks").
const BLOCKS_MAX: usize = 50;
const HEADER_MAX: usize = 150;
const SECTION_TEXT_MAX: usize = 3_000;
const FIELDS_MAX: usize = 10;
const FIELD_MAX: usize = 2_000;
const ELEMENTS_MAX: usize = 10;
const BLOCK_ID_MAX: usize = 255;

/// Undocumented: `msg_blocks_too_long` was met at 13,297 characters of blocks (github.com/slackapi/bolt-js, issue
/// 2509).
const BLOCKS_JSON_MAX: usize = 13_200;

/// "1 per second" (Slack API, "Rate limits", table for incoming webhooks).
const INTERVAL: Duration = Duration::from_secs(1);

/// The Slack receiver.
#[derive(Debug, Clone)]
pub struct Slack {
    address: SocketAddr,
    inbox: Inbox,
    /// When the last message was taken, if the rate is limited.
    rate: Arc<Mutex<Option<Rate>>>,
}

#[derive(Debug, Default)]
struct Rate {
    last: Option<Instant>,
}

impl Slack {
    pub(super) fn at(address: SocketAddr, inbox: Inbox) -> Self {
        Self { address, inbox, rate: Arc::default() }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/services/{TEAM}/{WEBHOOK}/{TOKEN}", self.address)
    }

    /// What the channel shows, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.inbox.received()
    }

    /// What was refused for its content, in order.
    #[must_use]
    pub fn refused(&self) -> Vec<Refused> {
        self.inbox.refused()
    }

    /// The next `times` posts meet a fault, after those that were told before.
    pub fn fail_next(&self, times: usize, fault: Fault) {
        self.inbox.fail_next(times, fault);
    }

    /// From here on a message within a second of the one before is answered 429, as Slack does after a short burst.
    pub fn limit_rate(&self) {
        *self.rate.lock().unwrap_or_else(PoisonError::into_inner) = Some(Rate::default());
    }

    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/services/{team}/{webhook}/{token}", post(take))
            .fallback(no_service)
            .with_state(self.clone())
    }

    /// Whether this message comes too early, by a clock of its own.
    fn too_early(&self, now: Instant) -> bool {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rate) = rate.as_mut() else { return false };
        let early = rate.last.is_some_and(|last| now.duration_since(last) < INTERVAL);
        if !early {
            rate.last = Some(now);
        }
        early
    }
}

async fn no_service() -> Response {
    status_of(404, "no_service".into())
}

async fn take(
    State(slack): State<Slack>,
    Path((team, webhook, token)): Path<(String, String, String)>,
    body: Bytes,
) -> Response {
    if team != TEAM {
        return status_of(404, "no_team".into());
    }
    if webhook != WEBHOOK {
        return status_of(404, "no_service".into());
    }
    if token != TOKEN {
        return status_of(403, "invalid_token".into());
    }
    if slack.too_early(Instant::now()) {
        return retry_after(INTERVAL.as_secs(), words(429));
    }
    slack.inbox.answer(words, || judge(&body)).await
}

/// Slack's word for a status that a webhook can answer.
fn words(status: u16) -> String {
    match status {
        403 => "action_prohibited",
        404 => "channel_not_found",
        410 => "channel_is_archived",
        429 => "rate_limited",
        500 => "rollup_error",
        _ => "error",
    }
    .into()
}

fn judge(body: &[u8]) -> Judgement {
    match read(body) {
        Ok(body) => Judgement { taken: Ok(Taken { body, dropped: false }), answer: status_of(200, "ok".into()) },
        Err(refusal) => Judgement {
            taken: Err(format!("{}: {}", refusal.word, refusal.why)),
            // Slack says no more than the word.
            answer: status_of(400, refusal.word.into()),
        },
    }
}

/// Slack's word, and ours for whoever has to find the mistake.
pub(super) struct Refusal {
    pub(super) word: &'static str,
    pub(super) why: String,
}

pub(super) type Checked<T = ()> = Result<T, Refusal>;

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal { word: "invalid_blocks", why: why.into() }
}

/// Reads a message, or says why Slack would not take it.
pub(super) fn read(body: &[u8]) -> Checked<Value> {
    let unreadable = |why: String| Refusal { word: "invalid_payload", why };
    let message: Value = serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    let Value::Object(fields) = &message else { return Err(unreadable("not an object".into())) };
    let blocks = match fields.get("blocks") {
        None => &[][..],
        Some(Value::Array(blocks)) => blocks.as_slice(),
        Some(_) => return Err(Refusal { word: "invalid_blocks_format", why: "blocks is no array".into() }),
    };
    let has_text = fields.get("text").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
    if !has_text && blocks.is_empty() {
        return Err(Refusal { word: "no_text", why: "neither text nor blocks".into() });
    }
    if blocks.len() > BLOCKS_MAX {
        return Err(invalid(format!("{} blocks, at most {BLOCKS_MAX}", blocks.len())));
    }
    let mut ids = BTreeSet::new();
    for (index, block) in blocks.iter().enumerate() {
        check_block(block, &mut ids)
            .map_err(|refusal| Refusal { why: format!("blocks[{index}]: {}", refusal.why), ..refusal })?;
    }
    let length = fields.get("blocks").map_or(0, |blocks| characters(&blocks.to_string()));
    if length > BLOCKS_JSON_MAX {
        return Err(Refusal {
            word: "msg_blocks_too_long",
            why: format!("{length} characters of blocks, at most {BLOCKS_JSON_MAX}"),
        });
    }
    Ok(message)
}

/// A block of one of the types that alerts are made of; others, which Slack would take, are refused.
fn check_block<'a>(block: &'a Value, ids: &mut BTreeSet<&'a str>) -> Checked {
    let Value::Object(fields) = block else { return Err(invalid("not an object")) };
    if let Some(id) = fields.get("block_id") {
        let id = id
            .as_str()
            .filter(|id| characters(id) <= BLOCK_ID_MAX)
            .ok_or_else(|| invalid("no block_id of 255 characters"))?;
        if !ids.insert(id) {
            return Err(invalid(format!("block_id {id} stands twice")));
        }
    }
    match fields.get("type").and_then(Value::as_str) {
        Some("divider") => only(fields, &["type", "block_id"]),
        Some("header") => {
            only(fields, &["type", "block_id", "text"])?;
            let text = fields.get("text").ok_or_else(|| invalid("a header without text"))?;
            check_text(text, &["plain_text"], HEADER_MAX)
        }
        Some("section") => check_section(fields),
        Some("actions") => {
            only(fields, &["type", "block_id", "elements"])?;
            list(fields, "elements", ELEMENTS_MAX)?.iter().try_for_each(check_button)
        }
        Some("context") => {
            only(fields, &["type", "block_id", "elements"])?;
            let elements = list(fields, "elements", ELEMENTS_MAX)?;
            elements.iter().try_for_each(|element| check_text(element, &["plain_text", "mrkdwn"], SECTION_TEXT_MAX))
        }
        other => Err(invalid(format!("a block of type {other:?}"))),
    }
}

/// "value: maximum length is 2000 characters", "text: maximum length is 75 characters" (Slack API, "Button element").
fn check_button(button: &Value) -> Checked {
    let Value::Object(fields) = button else { return Err(invalid("an element that is no object")) };
    only(fields, &["type", "action_id", "text", "value"])?;
    let text = fields.get("text").ok_or_else(|| invalid("a button without text"))?;
    check_text(text, &["plain_text"], 75)?;
    let value = fields.get("value").and_then(Value::as_str).unwrap_or_default();
    if fields.get("type").and_then(Value::as_str) == Some("button") && characters(value) <= 2_000 {
        Ok(())
    } else {
        Err(invalid("no button with a value of 2,000 characters at most"))
    }
}

fn check_section(fields: &Map<String, Value>) -> Checked {
    only(fields, &["type", "block_id", "text", "fields", "expand"])?;
    if !fields.contains_key("text") && !fields.contains_key("fields") {
        return Err(invalid("a section with neither text nor fields"));
    }
    if let Some(text) = fields.get("text") {
        check_text(text, &["plain_text", "mrkdwn"], SECTION_TEXT_MAX)?;
    }
    if fields.contains_key("fields") {
        let fields = list(fields, "fields", FIELDS_MAX)?;
        fields.iter().try_for_each(|field| check_text(field, &["plain_text", "mrkdwn"], FIELD_MAX))?;
    }
    Ok(())
}

fn list<'a>(fields: &'a Map<String, Value>, name: &str, max: usize) -> Checked<&'a [Value]> {
    let list = fields.get(name).and_then(Value::as_array).ok_or_else(|| invalid(format!("{name} is no array")))?;
    if (1..=max).contains(&list.len()) {
        Ok(list)
    } else {
        Err(invalid(format!("{} {name}, allowed 1 to {max}", list.len())))
    }
}

fn check_text(value: &Value, types: &[&str], max: usize) -> Checked {
    let Value::Object(fields) = value else { return Err(invalid("a text that is no object")) };
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    if !types.contains(&kind) {
        return Err(invalid(format!("a text of type {kind:?}, allowed {types:?}")));
    }
    // "emoji: this field is only usable when type is plain_text", and verbatim for mrkdwn (Slack API, "Text object").
    only(fields, &["type", "text", if kind == "plain_text" { "emoji" } else { "verbatim" }])?;
    let text = fields.get("text").and_then(Value::as_str).ok_or_else(|| invalid("a text object without text"))?;
    let length = characters(text);
    if (1..=max).contains(&length) {
        Ok(())
    } else {
        Err(invalid(format!("a text of {length} characters, allowed 1 to {max}")))
    }
}

fn only(fields: &Map<String, Value>, allowed: &[&str]) -> Checked {
    match fields.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(invalid(format!("{key} is not allowed here"))),
        None => Ok(()),
    }
}
