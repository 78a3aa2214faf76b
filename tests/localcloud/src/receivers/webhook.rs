//! A receiver of signed webhooks, as docs/alerts.md asks of one: it checks signature and time, and takes each message
//! once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::{Fault, Inbox, Judgement, Received, Refused, Taken, status_of};

/// The key that both sides know.
const SIGNING_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The webhook receiver.
#[derive(Debug, Clone)]
pub struct SignedWebhook {
    address: SocketAddr,
    inbox: Inbox,
    ids: Arc<Mutex<BTreeSet<String>>>,
}

impl SignedWebhook {
    pub(super) fn at(address: SocketAddr, inbox: Inbox) -> Self {
        Self { address, inbox, ids: Arc::default() }
    }

    /// Where messages are posted.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    /// What a webhook channel's secret has to hold so that messages arrive here.
    #[must_use]
    pub fn secret(&self) -> String {
        json!({ "url": self.url(), "signing_key": SIGNING_KEY }).to_string()
    }

    /// Everything whose signature was right, in order; a repetition is `dropped`.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.inbox.received()
    }

    /// What was refused, in order.
    #[must_use]
    pub fn refused(&self) -> Vec<Refused> {
        self.inbox.refused()
    }

    /// The next `times` posts meet a fault, after those that were told before.
    pub fn fail_next(&self, times: usize, fault: Fault) {
        self.inbox.fail_next(times, fault);
    }

    pub(super) fn router(&self) -> Router {
        Router::new().route("/in", post(take)).with_state(self.clone())
    }

    fn judge(&self, headers: &HeaderMap, body: &[u8]) -> Judgement {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signed = [header("holdfast-timestamp").as_bytes(), b".", body].concat();
        if !is_signature(header("holdfast-signature"), &signed) {
            return Judgement { taken: Err("a wrong signature".into()), answer: status_of(401, "signature".into()) };
        }
        match serde_json::from_slice(body) {
            Ok(body) => {
                let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
                let dropped = !ids.insert(header("holdfast-id").to_owned());
                Judgement { taken: Ok(Taken { body, dropped }), answer: status_of(200, "ok".into()) }
            }
            Err(error) => Judgement { taken: Err(error.to_string()), answer: status_of(400, "JSON".into()) },
        }
    }
}

/// Compared in constant time, as every receiver should.
fn is_signature(header: &str, signed: &[u8]) -> bool {
    let hex = header.strip_prefix("v1=").unwrap_or_default();
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SIGNING_KEY.as_bytes()) else { return false };
    mac.update(signed);
    bytes.is_some_and(|bytes| mac.verify_slice(&bytes).is_ok())
}

async fn take(State(webhook): State<SignedWebhook>, headers: HeaderMap, body: Bytes) -> Response {
    webhook.inbox.answer(|status| format!("injected: {status}"), || webhook.judge(&headers, &body)).await
}
