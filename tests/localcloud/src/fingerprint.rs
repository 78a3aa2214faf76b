//! One way to name bytes: SHA-256 in lower-case hexadecimal.

use sha2::{Digest, Sha256};

/// SHA-256 of the parts, each preceded by its length so that no two lists of parts share a fingerprint.
pub(crate) fn of_parts(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_be_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
