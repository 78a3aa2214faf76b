//! `plan schema`: the JSON Schema of the language.

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;

/// Prints the JSON Schema of the plan language, so that editors complete and check
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plan schema > plan.schema.json\n\nThen the first line of a plan.yaml tells editors with a YAML language server:\n  # yaml-language-server: $schema=plan.schema.json"
)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Result<bool> {
        io::stdout().lock().write_all(holdfast_plan::schema().as_bytes())?;
        Ok(true)
    }
}
