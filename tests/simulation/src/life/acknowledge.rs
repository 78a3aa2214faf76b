//! People who take care of incidents: at PagerDuty, by the button in Slack, or by hand.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::functions::Function;
use crate::misfortune::Way;

use super::Life;
use super::deliver::Sort;
use super::setup::{PAGERDUTY_KEY, SLACK_KEY};

impl Life<'_> {
    /// Somebody takes care of the oldest incident that anybody was told of and that is not over.
    pub(super) fn acknowledge(&mut self, by: &str, way: Option<Way>) {
        let Some(incident) = self.world.state().witness.oldest_standing() else { return };
        match way {
            None | Some(Way::Pagerduty) => {
                let request = self.by_pagerduty(&incident, by);
                self.deliver(Function::Acknowledge, request, Sort::Kept);
            }
            Some(Way::Slack) => {
                let request = self.by_slack(&incident, by);
                self.deliver(Function::Acknowledge, request, Sort::Kept);
            }
            Some(Way::Hand) => {
                let ask =
                    json!({ "holdfast": "alert-acknowledge", "incident": incident, "by": by, "note": "I see to it" });
                self.deliver(Function::Alert, ask, Sort::Kept);
            }
        }
    }

    /// A webhook of PagerDuty's, signed as it signs.
    fn by_pagerduty(&self, incident: &str, by: &str) -> Value {
        let id = self.world.state().next();
        let body = json!({ "event": {
            "id": format!("event-{id}"), "event_type": "incident.acknowledged", "resource_type": "incident",
            "occurred_at": self.world.now().to_string(), "agent": { "summary": by, "type": "user_reference" },
            "data": { "id": "P0", "type": "incident", "incident_key": incident, "status": "acknowledged" },
        } });
        let body = body.to_string();
        let signature = format!("v1={}", signature(PAGERDUTY_KEY, &body));
        json!({ "rawPath": "/pagerduty", "headers": { "x-pagerduty-signature": signature }, "body": body })
    }

    /// A button that was pressed, signed as Slack signs.
    fn by_slack(&self, incident: &str, by: &str) -> Value {
        let payload = json!({
            "type": "block_actions", "user": { "id": "U0", "name": by },
            "actions": [{ "type": "button", "action_id": "holdfast-acknowledge", "value": incident }],
        });
        let body = format!("payload={}", percent_encoded(&payload.to_string()));
        let second = self.world.now().as_second();
        let signature = format!("v0={}", signature(SLACK_KEY, &format!("v0:{second}:{body}")));
        let headers = json!({ "x-slack-signature": signature, "x-slack-request-timestamp": second.to_string() });
        json!({ "rawPath": "/slack", "headers": headers, "body": body })
    }
}

/// The HMAC of a text, in hex.
fn signature(key: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As a browser sends a form.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encoded).collect()
}
