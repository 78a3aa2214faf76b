//! The `evidence` command: walks chains of evidence that lie in a directory, as `aws s3 sync` makes it, and shows a link as a page. It
//! reads files and nothing else.

mod files;
mod page;
mod say;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use holdfast_ledger::verify_evidence;

/// How a copy of the ledger is made.
macro_rules! sync {
    () => {
        "aws s3 sync s3://LEDGER ledger --exclude '*' --include 'evidence/*' --include 'restore-tests/runs/*' --include 'verifications/*'"
    };
}

/// What to do for somebody who has no evidence at hand.
const GET_IT: &str = concat!(
    "To copy evidence from the ledger, the bucket that the functions have as HOLDFAST_LEDGER_BUCKET:\n  ",
    sync!(),
    "\n  evidence verify ledger\nA chain begins with the first restore test of its resource that was judged."
);

#[derive(Debug, Parser)]
#[command(name = "evidence", version, about = "Shows that the evidence of restore tests is whole, and what it says")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Verify),
    Show(Show),
}

/// Walks every chain, and names the first broken link of each
#[derive(Debug, Args)]
#[command(after_help = concat!("\
Exit code: 0, every chain is whole; 1, one is broken; 2, there was nothing to look at.

A chain alone cannot show that its last link was changed or removed. The records of runs can: sync them too.

Examples:
  ", sync!(), "
  evidence verify ledger
  evidence verify ledger --json | jq '.chains[] | {resource, last}'
  evidence verify ledger/evidence/orders-db                            # one chain, without the records of runs
  sha256sum ledger/evidence/orders-db/00000006.json                    # by hand: previous_sha256 in 00000007.json"))]
struct Verify {
    /// A copy of the ledger bucket, of its folder evidence, or of one resource's chain
    dir: PathBuf,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Shows one link as a page for a person; whether it is whole, `verify` says
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code: 0, it was shown, whatever its verdict; 2, it could not be read.

Examples:
  evidence show ledger/evidence/orders-db                              # the last one
  evidence show ledger/evidence/orders-db/00000006.json")]
struct Show {
    /// A link, or one resource's chain: then its last link
    link: PathBuf,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Verify(wanted) => verify(&wanted),
        Command::Show(wanted) => show(&wanted).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn verify(wanted: &Verify) -> Result<bool> {
    let dir = wanted.dir.display();
    ensure!(wanted.dir.exists(), "there is no {dir}\n\n{GET_IT}");
    ensure!(
        wanted.dir.is_dir(),
        "{dir} is a file; give the directory that it lies in, or read it alone with: evidence show {dir}"
    );
    let found = files::read(&wanted.dir)?;
    ensure!(
        !found.links.is_empty(),
        "{dir} holds no evidence; give a copy of the ledger bucket, of its folder evidence, or of one resource's chain\n\n{GET_IT}"
    );
    let report = verify_evidence(&found);
    let mut out = std::io::stdout().lock();
    if wanted.json {
        say::json(&mut out, &report)?;
    } else {
        say::table(&mut out, &report)?;
    }
    Ok(report.is_whole())
}

fn show(wanted: &Show) -> Result<()> {
    ensure!(wanted.link.exists(), "there is no {}\n\n{GET_IT}", wanted.link.display());
    let evidence = files::link(&wanted.link)?;
    page::write(&mut std::io::stdout().lock(), &evidence)
}
