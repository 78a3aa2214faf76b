//! `plan diff`: what a changed plan would do differently.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use holdfast_plan::diff;

use super::source;

/// Says what a changed plan would do differently; exit code 0 if nothing, 1 if something (as diff does), 2 if a plan is refused or cannot be read
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plan diff plan.yaml changed.yaml\n  git show HEAD:plan.yaml > /tmp/old.yaml && plan diff /tmp/old.yaml plan.yaml\n  plan diff old.yaml new.yaml --json | jq '.differences[] | select(.weight == \"danger\")'"
)]
pub(crate) struct Diff {
    /// The plan as it is
    old: PathBuf,
    /// The plan as it would be
    new: PathBuf,
    /// JSON instead of text for people
    #[arg(long)]
    json: bool,
}

/// As diff(1) has it: 0 the same, 1 different, 2 trouble.
const TROUBLE: u8 = 2;

impl Diff {
    pub(crate) fn run(self) -> ExitCode {
        match self.compare() {
            Ok(Some(true)) => ExitCode::SUCCESS,
            Ok(Some(false)) => ExitCode::FAILURE,
            Ok(None) => ExitCode::from(TROUBLE),
            Err(error) => {
                // A broken pipe says the same as a missing file: the comparison was not made, or not heard.
                let _ = writeln!(io::stderr().lock(), "{error:#}");
                ExitCode::from(TROUBLE)
            }
        }
    }

    /// Whether both plans say the same; none if one of them was refused.
    fn compare(self) -> Result<Option<bool>> {
        let (old, new) = (source::accepted(&self.old)?, source::accepted(&self.new)?);
        let (Some(old), Some(new)) = (old, new) else { return Ok(None) };
        let differences = diff(&old, &new);
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &differences)?;
            writeln!(out)?;
        } else {
            write!(out, "{differences}")?;
        }
        Ok(Some(differences.is_empty()))
    }
}
