//! A request to a function URL (source: Lambda Developer Guide, "Invoking Lambda function URLs", section "Request payload
//! format", version 2.0).

use std::collections::BTreeMap;

use serde::Deserialize;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The path: `/pagerduty`.
    pub raw_path: String,
    /// Headers; their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, as text or in Base64.
    #[serde(default)]
    pub body: String,
    /// Whether it is Base64.
    #[serde(default)]
    pub is_base64_encoded: bool,
}

/// The largest body that is read: PagerDuty's webhooks have up to 55 KB, Slack's payloads hold the whole message.
const BODY_MAX: usize = 256 * 1024;

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body's bytes, as they were signed. Empty if it cannot be read, or is too large: then no signature fits.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if self.body.len() > BODY_MAX {
            return Vec::new();
        }
        if self.is_base64_encoded { base64(&self.body).unwrap_or_default() } else { self.body.clone().into_bytes() }
    }
}

/// Standard Base64 with padding, as API Gateway and Lambda encode bodies. Twenty lines, and no crate for one caller.
fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = text.trim_end_matches('=');
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(text.len() * 3 / 4), 0_u32, 0);
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_everybody_writes_it() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(base64("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(base64("not base64!"), None);
    }
}
