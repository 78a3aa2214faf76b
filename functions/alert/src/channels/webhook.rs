//! A generic webhook: JSON, signed. docs/alerts.md tells its receivers what is written here.
//!
//! The signature is HMAC-SHA256 with the shared key over `{timestamp}.{body}`, so that neither can be changed alone and
//! an old message cannot be sent again under a new time.

use hmac::{Hmac, KeyInit, Mac};
use holdfast_ports::{Password, Post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::is_url;
use super::text::cut;
use crate::due::Step;
use crate::story::{Event, Story};

/// What the secret holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Receiver {
    url: String,
    signing_key: String,
}

/// The shortest signing key: 128 bits as hex.
const KEY_LENGTH_MIN: usize = 32;

/// The longest text of a message; one is below 64 KiB then: 30 facts and 20 lines are all there is.
const TEXT_MAX: usize = 3_000;

/// The name of the header with the message's id, by which a receiver knows a repetition.
pub const ID_HEADER: &str = "holdfast-id";
/// The name of the header with the time of the signature, in Unix seconds.
pub const TIMESTAMP_HEADER: &str = "holdfast-timestamp";
/// The name of the header with the signature, `v1=` and 64 hex digits.
pub const SIGNATURE_HEADER: &str = "holdfast-signature";

/// The parser's words could quote the secret and are left out.
fn receiver(secret: &Password) -> Result<Receiver, &'static str> {
    const ALLOWED: &str =
        "has a secret that is not {\"url\": \"https://…\", \"signing_key\": \"32 characters or more\"}";
    let receiver: Receiver = serde_json::from_str(secret.expose()).map_err(|_| ALLOWED)?;
    let plausible = is_url(&receiver.url) && receiver.signing_key.len() >= KEY_LENGTH_MIN;
    if plausible { Ok(receiver) } else { Err(ALLOWED) }
}

/// The one post.
pub(super) fn posts(secret: &Password, story: &Story, now: Timestamp) -> Result<Vec<Post>, &'static str> {
    let Receiver { url, signing_key } = receiver(secret)?;
    let (body, timestamp) = (body(story).to_string(), now.as_second());
    let signature = sign(&signing_key, timestamp, &body);
    let headers = vec![
        (ID_HEADER, Password::new(story.message_id())),
        (TIMESTAMP_HEADER, Password::new(timestamp.to_string())),
        (SIGNATURE_HEADER, Password::new(signature)),
    ];
    Ok(vec![Post { url: Password::new(url), headers, body }])
}

/// The signature of a message, as its header holds it.
#[must_use]
pub fn sign(signing_key: &str, timestamp: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(signing_key.as_bytes()) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(format!("{timestamp}.{body}").as_bytes());
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={digest}")
}

/// The message.
#[must_use]
pub fn body(story: &Story) -> Value {
    let text = |text: &str| cut(text, TEXT_MAX);
    let texts = |all: &[String]| all.iter().map(|one| cut(one, TEXT_MAX)).collect::<Vec<_>>();
    let pairs = |all: &[(String, String)]| {
        all.iter().map(|(label, value)| json!({ "label": text(label), "value": text(value) })).collect::<Vec<_>>()
    };
    json!({
        "version": 1,
        "id": story.message_id(),
        "event": event(story.event),
        "incident": story.reference,
        "severity": story.severity.as_str(),
        "place": text(&story.place),
        "group": story.group,
        "title": text(&story.title),
        "since": story.since.to_string(),
        "until": story.until.map(|until| until.to_string()),
        "threatens": text(&story.threatens),
        "next_step": text(&story.next_step),
        "lines": texts(&story.lines),
        "notes": texts(&story.notes),
        "facts": pairs(&story.facts),
        "owners": texts(&story.owners),
        "links": pairs(&story.links),
    })
}

fn event(event: Event) -> &'static str {
    match event {
        Event::Incident(Step::Opened) => "opened",
        Event::Incident(Step::Update(_)) => "update",
        Event::Incident(Step::Acknowledged) => "acknowledged",
        Event::Incident(Step::Resolved) => "resolved",
        Event::Incident(Step::Report) => "report",
        Event::Heartbeat => "heartbeat",
        Event::Test => "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_signature_is_what_openssl_says_it_is() {
        // printf '1795154400.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        assert_eq!(
            sign(KEY, 1_795_154_400, "{\"a\":1}"),
            "v1=5846499bdba7ea08baf31f0dffa06ac796195cf6f03de6240165845c874544de"
        );
    }

    #[test]
    fn a_message_is_signed_as_it_is_sent_and_names_itself() {
        let secret = Password::new(json!({ "url": "https://siem.example.com/in", "signing_key": KEY }).to_string());
        let story = samples::story(Step::Update(2));
        let post = posts(&secret, &story, samples::minute(7)).expect("a secret").remove(0);
        let header = |name: &str| post.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.expose().to_owned());
        let timestamp = samples::minute(7).as_second();
        assert_eq!(header(SIGNATURE_HEADER), Some(sign(KEY, timestamp, &post.body)));
        assert_eq!(header(TIMESTAMP_HEADER), Some(timestamp.to_string()));
        assert_eq!(header(ID_HEADER), Some(format!("{}#update-2", story.reference)));
        assert!(!post.body.contains(KEY));
    }

    #[test]
    fn a_message_says_all_there_is() {
        assert_sorted!("webhook", body(&samples::story(Step::Opened)));
    }

    #[test]
    fn a_secret_of_another_sort_or_a_weak_key_is_refused_without_being_quoted() {
        for bad in ["hunter2", "{}", "{\"url\":\"https://x\",\"signing_key\":\"hunter2\"}", "{\"url\":\"x\"}"] {
            let problem = receiver(&Password::new(bad.into())).map(|_| ()).expect_err(bad);
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
