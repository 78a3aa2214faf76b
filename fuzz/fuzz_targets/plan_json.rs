//! Any bytes as a `plan.json`: refused, or exactly what `plan compile` writes.

#![no_main]

use holdfast_plan::Compiled;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(compiled) = Compiled::from_json(bytes) {
        assert_eq!(compiled.to_json().trim_ascii(), bytes.trim_ascii());
    }
});
