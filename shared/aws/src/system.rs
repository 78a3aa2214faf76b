//! The real clock and the real dice.

use holdfast_ports::{Clock, Entropy, Password};
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

/// Random bytes of the operating system.
fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // Without random numbers there is no safe password and no nonce: nothing can go on.
    assert!(getrandom::fill(&mut bytes).is_ok(), "the operating system gives no random numbers");
    bytes
}
