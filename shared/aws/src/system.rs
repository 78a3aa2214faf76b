//! The real clock and the real dice.

use holdfast_ports::{Clock, Entropy, Metrics, Password};
use jiff::Timestamp;

/// The machine's clock and its random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Entropy for System {
    fn nonce(&self) -> String {
        random(8).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn password(&self) -> Password {
        // 64 characters, so that six random bits choose each of 40: 240 bits. None is refused by RDS.
        const ALPHABET: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        Password::new(random(40).iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect())
    }
}

/// Where the metrics stand in CloudWatch.
const NAMESPACE: &str = "Holdfast";

impl Metrics for System {
    /// A line on standard output, where CloudWatch Logs reads metrics out of a function's log (source: CloudWatch User
    /// Guide, "Specification: Embedded metric format"). It has to stand at the line's root, where a logger would put a
    /// field among its own.
    fn count(&self, metric: &'static str) {
        println!("{}", embedded_metric(metric, self.now()));
    }
}

fn embedded_metric(metric: &str, now: Timestamp) -> serde_json::Value {
    serde_json::json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [[]],
                "Metrics": [{ "Name": metric, "Unit": "Count" }],
            }],
        },
        metric: 1,
    })
}

/// Random bytes of the operating system.
fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // Without random numbers there is no safe password and no nonce: nothing can go on.
    assert!(getrandom::fill(&mut bytes).is_ok(), "the operating system gives no random numbers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_what_cloudwatch_reads_out_of_a_log() {
        let line = embedded_metric("NobodyTold", Timestamp::UNIX_EPOCH);
        assert_eq!(
            line.to_string(),
            serde_json::json!({
                "_aws": { "Timestamp": 0, "CloudWatchMetrics": [{ "Namespace": "Holdfast", "Dimensions": [[]],
                    "Metrics": [{ "Name": "NobodyTold", "Unit": "Count" }] }] },
                "NobodyTold": 1,
            })
            .to_string()
        );
    }
}
