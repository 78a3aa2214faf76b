//! `cargo drill`: rehearses a recovery on this machine.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use holdfast_localcloud::drill::{self, Request, Stage};

/// Rehearses a recovery on this machine: real PostgreSQL, no AWS account.
///
/// Starts a local cloud, deploys Holdfast on it, and watches: a database is snapshotted on schedule, restored into a temporary instance,
/// verified over SQL, measured, destroyed. A second one is damaged on disk in a way that pg_amcheck does not see; Holdfast must fail it
/// and tell people. Nothing is left behind.
#[derive(Debug, Parser)]
#[command(name = "cargo drill", bin_name = "cargo drill", after_help = EXAMPLES)]
struct Arguments {
    /// Print the report as JSON on standard output.
    #[arg(long)]
    json: bool,
    /// Build the functions as they are deployed on AWS (takes minutes).
    #[arg(long)]
    release: bool,
    /// Install PostgreSQL with apt if this machine has none (as root).
    #[arg(long)]
    install: bool,
}

const EXAMPLES: &str = "Examples:
  cargo drill                   rehearse, and show a table
  cargo drill --json > r.json   the same, for machines
  cargo drill --install         on a machine without PostgreSQL

Exit code: 0 if every step behaved as it must, 1 if one did not, 2 if the drill could not be carried through.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    match carry_out(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("drill: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn carry_out(arguments: &Arguments) -> Result<bool> {
    let request = Request { release: arguments.release, install: arguments.install, want_major: None };
    let mut stage = Stage::default();
    let report = drill::run(&request, &mut stage).await?;
    let text = if arguments.json { serde_json::to_string_pretty(&report)? } else { format!("\n{report}") };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(report.ok)
}
