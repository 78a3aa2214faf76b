//! What is written is what is read, over the whole language.

use proptest::prelude::*;

use super::generate::draft;
use super::plan;
use crate::compile::{Compiled, assemble};
use crate::decode;
use crate::json;
use crate::problem::Log;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_plan_reads_back_as_it_was_written(draft in draft()) {
        let written = plan(&draft).canonical_json();
        let node = json::read("plan.json", written.as_bytes()).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        let mut log = Log::new("plan.json");
        let read = decode::draft(&node, &mut log);
        if let Err(problems) = log.close() {
            return Err(TestCaseError::fail(problems.to_string()));
        }
        prop_assert_eq!(read.as_ref(), Some(&draft));
        prop_assert_eq!(read.map(|read| plan(&read).canonical_json()), Some(written));
    }

    #[test]
    fn every_compiled_plan_loads_as_it_was_compiled(draft in draft()) {
        let compiled = assemble(draft);
        let read = Compiled::from_json(&compiled.to_json()).map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        prop_assert_eq!(read, compiled);
    }
}
