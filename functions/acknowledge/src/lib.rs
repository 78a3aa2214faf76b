//! Hears that somebody takes care of an incident, at a URL: PagerDuty's v3 webhooks and Slack's button. Opt-in, and apart
//! from `alert`, because a URL is open to the whole internet.
//!
//! It checks the signature over the raw body before it reads any of it, refuses what is older than five minutes or was
//! seen before, and puts `Incident Acknowledged` on the bus. It reads nothing but its own secret and its own prefix of the
//! ledger, decides nothing about incidents, and answers a stranger with a bare status.

mod request;
mod senders;
mod signature;

use holdfast_domain::SecretName;
use holdfast_ports::{
    Bus, Clock, Entropy, Fetched, Objects, Password, PortError, PortErrorKind, Precondition, ReadSecrets,
};
use holdfast_wire::{Acknowledge, Message};
use serde::{Deserialize, Serialize};

pub use crate::request::Request;

use crate::senders::Sender;

/// Where the ids of requests that were carried out lie; written by this function alone.
pub const SEEN_PREFIX: &str = "acknowledgements/seen/";

/// The ports that this function needs, and no others.
#[derive(Debug)]
pub struct Ports<'a, O, Y, S, B> {
    /// The ledger bucket.
    pub objects: &'a O,
    /// Time.
    pub system: &'a Y,
    /// The senders' signing keys.
    pub secrets: &'a S,
    /// Where acknowledgements go.
    pub bus: &'a B,
}

/// The answer to a request, as a function URL gives it (source: Lambda Developer Guide, "Invoking Lambda function URLs",
/// section "Response payload format").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The status. Words would tell a stranger what to try next.
    #[serde(rename = "statusCode")]
    pub status: u16,
}

/// The signing keys, as their secret holds them. A sender without one is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(default)]
    pagerduty: Vec<String>,
    #[serde(default)]
    slack: Option<String>,
}

/// Hears one request. Whatever is wrong with it is its sender's business and an answer; what is wrong with us is 503, so
/// that the sender tries again.
pub async fn handle<O: Objects, Y: Clock + Entropy, S: ReadSecrets, B: Bus>(
    ports: &Ports<'_, O, Y, S, B>,
    secret: &SecretName,
    request: &Request,
) -> Answer {
    let status = match hear(ports, secret, request).await {
        Ok(status) => status,
        Err(error) => {
            tracing::error!(error = %error, "an acknowledgement could not be passed on");
            503
        }
    };
    Answer { status }
}

/// Observe, decide, act, record. The mark that a request was seen is put after it was passed on: whoever is killed in between
/// passes it on twice, which `alert` bears; the other way round it would be lost, and the sender's repetition refused.
async fn hear<O: Objects, Y: Clock + Entropy, S: ReadSecrets, B: Bus>(
    ports: &Ports<'_, O, Y, S, B>,
    secret: &SecretName,
    request: &Request,
) -> Result<u16, PortError> {
    let Some(sender) = Sender::of(request) else { return Ok(404) };
    let Some(keys) = keys(ports.secrets.secret(secret).await?) else { return Ok(503) };
    let signed = match sender {
        Sender::PagerDuty => signature::pagerduty(request, &keys.pagerduty),
        Sender::Slack => signature::slack(request, keys.slack.as_deref(), ports.system.now()),
    };
    if !signed {
        return Ok(401);
    }
    let Some(heard) = sender.read(request, ports.system.now()) else { return Ok(400) };
    let Some(acknowledge) = heard.acknowledge else { return Ok(200) };
    let key = format!("{SEEN_PREFIX}{}", heard.id);
    if !matches!(ports.objects.get(&key, None).await?, Fetched::Missing) {
        return Ok(409);
    }
    ports.bus.announce(&[message(acknowledge)]).await?;
    match ports.objects.put(&key, Vec::new(), Precondition::Absent).await {
        Err(error) if error.kind != PortErrorKind::PreconditionFailed => Err(error),
        Ok(_) | Err(_) => Ok(200),
    }
}

fn message(acknowledge: Acknowledge) -> Message {
    Message::IncidentAcknowledged(acknowledge)
}

/// The parser's words could quote the secret and are left out.
fn keys(secret: Option<Password>) -> Option<Keys> {
    let keys = secret.and_then(|secret| serde_json::from_str(secret.expose()).ok());
    if keys.is_none() {
        tracing::error!("the secret of acknowledge is not {{\"pagerduty\": [\"…\"], \"slack\": \"…\"}}");
    }
    keys
}
