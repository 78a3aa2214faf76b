//! Signatures of requests, over the raw body, compared in constant time.

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use crate::request::Request;

/// How old a request of Slack's may be (source: Slack API, "Verifying requests from Slack": five minutes).
pub(crate) const REPLAY_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// The most signatures of one header: PagerDuty sends one for each active secret.
const SIGNATURES_MAX: usize = 10;

/// Slack's: `v0=` and the HMAC of `v0:{timestamp}:{body}` (source: Slack API, "Verifying requests from Slack").
pub(crate) fn slack(request: &Request, key: Option<&str>, now: Timestamp) -> bool {
    let Some(key) = key.filter(|key| !key.is_empty()) else { return false };
    let timestamp = request.header("x-slack-request-timestamp");
    let sent_at = timestamp.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    if sent_at.is_none_or(|sent| now.duration_since(sent).abs() > REPLAY_WINDOW) {
        return false;
    }
    let signed = [b"v0:", timestamp.as_bytes(), b":", &request.bytes()].concat();
    let signature = request.header("x-slack-signature").strip_prefix("v0=");
    signature.is_some_and(|signature| is_hmac(key, &signed, signature))
}

/// PagerDuty's: a list of `v1=` and the HMAC of the body, one for each of its secrets, so that they can be rotated (source:
/// PagerDuty developer documentation, "Verifying Webhook Signatures").
pub(crate) fn pagerduty(request: &Request, keys: &[String]) -> bool {
    let body = request.bytes();
    let signatures = request.header("x-pagerduty-signature").split(',').take(SIGNATURES_MAX);
    let mut signatures = signatures.filter_map(|signature| signature.trim().strip_prefix("v1="));
    signatures.any(|signature| keys.iter().any(|key| !key.is_empty() && is_hmac(key, &body, signature)))
}

fn is_hmac(key: &str, signed: &[u8], hex: &str) -> bool {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return false };
    mac.update(signed);
    bytes.is_some_and(|bytes| mac.verify_slice(&bytes).is_ok())
}
