//! `plan compile`: the `plan.json` that everything else reads.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use super::say::{say, say_of};
use super::source;

/// Checks a file and writes the plan.json that Terraform, the local cloud and the functions read
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plan compile plan.yaml                 writes plan.json into the working directory\n  plan compile plan.yaml -o build/p.json\n  plan compile plan.yaml -o - | jq .schedules"
)]
pub(crate) struct Compile {
    /// The plan file
    file: PathBuf,
    /// Where to write; - is standard output
    #[arg(short, long, default_value = "plan.json")]
    output: PathBuf,
}

impl Compile {
    pub(crate) fn run(self) -> Result<bool> {
        let compiled = match source::read(&self.file)? {
            Ok(compiled) => compiled,
            Err(problems) => {
                say(&mut io::stderr().lock(), problems.as_slice(), io::stderr().is_terminal())?;
                return Ok(false);
            }
        };
        say_of(&mut io::stderr().lock(), &compiled, io::stderr().is_terminal())?;
        if self.output == Path::new("-") {
            io::stdout().lock().write_all(&compiled.to_json())?;
        } else {
            let output = self.output.display();
            fs::write(&self.output, compiled.to_json()).with_context(|| format!("could not write {output}"))?;
            writeln!(io::stderr().lock(), "{output}: sha256 {}", compiled.sha())?;
        }
        Ok(true)
    }
}
