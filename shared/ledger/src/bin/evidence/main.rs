//! The `evidence` command: walks chains of evidence that lie in a directory, as `aws s3 sync` makes it. It reads files and nothing else.

mod files;
mod say;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use holdfast_ledger::verify_evidence;

#[derive(Debug, Parser)]
#[command(name = "evidence", version, about = "Shows that the evidence of restore tests is whole")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Verify),
}

/// Walks every chain, and names the first broken link of each
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code: 0, every chain is whole; 1, one is broken; 2, there was nothing to look at.

A chain alone cannot show that its last link was changed or removed. The records of runs can: sync them too.

Examples:
  aws s3 sync s3://LEDGER ledger --exclude '*' --include 'evidence/*' --include 'restore-tests/runs/*' --include 'verifications/*'
  evidence verify ledger
  evidence verify ledger --json | jq '.chains[] | {resource, last}'
  evidence verify ledger/evidence/orders-db                            # one chain, without the records of runs
  sha256sum ledger/evidence/orders-db/00000006.json                    # by hand: previous_sha256 in 00000007.json")]
struct Verify {
    /// A copy of the ledger bucket, of its folder evidence, or of one resource's chain
    dir: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let Command::Verify(verify) = Arguments::parse().command;
    match run(&verify) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(verify: &Verify) -> Result<bool> {
    let found = files::read(&verify.dir)?;
    ensure!(
        !found.links.is_empty(),
        "{} holds no evidence; give a copy of the ledger bucket, of its folder evidence, or of one resource's chain",
        verify.dir.display()
    );
    let report = verify_evidence(&found);
    let mut out = std::io::stdout().lock();
    if verify.json {
        say::json(&mut out, &report)?
    } else {
        say::table(&mut out, &report)?
    }
    Ok(report.is_whole())
}
