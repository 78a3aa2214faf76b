//! Any bytes as a `plan.yaml`: a plan, or problems that have a place. What is a plan is the same plan when it was compiled and read back.

#![no_main]

use holdfast_plan::{Compiled, Severity, read_yaml_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match read_yaml_bytes("plan.yaml", bytes) {
        Ok(compiled) => {
            let read = Compiled::from_json(&compiled.to_json()).unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(read.plan(), compiled.plan());
            assert_eq!(read.to_json(), compiled.to_json());
        }
        Err(problems) => {
            assert!(problems.as_slice().iter().any(|problem| problem.severity == Severity::Error));
            for problem in problems.as_slice() {
                assert!(problem.line.is_some() && problem.column.is_some(), "{problem}");
                assert!(problem.value.chars().count() <= 81 && problem.to_string().lines().count() == 1, "{problem}");
            }
        }
    }
});
