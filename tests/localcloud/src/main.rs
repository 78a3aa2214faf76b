//! `cargo drill`: rehearses a recovery on this machine.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use holdfast_localcloud::drill::{self, Environment, Request, Stage, Typed};

/// Rehearses a recovery on this machine: real PostgreSQL, no AWS account.
///
/// Starts a local cloud, deploys Holdfast on it, and watches: a database is snapshotted on schedule, restored into a temporary instance,
/// verified over SQL, measured, destroyed. A second one is damaged on disk in a way that pg_amcheck does not see; Holdfast must fail it
/// and tell people. Nothing is left behind.
#[derive(Debug, Parser)]
#[command(name = "cargo drill", bin_name = "cargo drill", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print the report, or the environment, as JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// Build the functions as they are deployed on AWS (takes minutes).
    #[arg(long, global = true)]
    release: bool,
    /// Install PostgreSQL with apt if this machine has none (as root).
    #[arg(long, global = true)]
    install: bool,
    /// Rehearse with a copy of your own database, which is only read: postgres://user@host:port/database
    ///
    /// The copy is physical where the role may replicate and pg_hba.conf lets it, else a dump of the one database. Leave the password
    /// out and set PGPASSWORD, or use ~/.pgpass: everybody on this machine can see command lines.
    #[arg(long, value_name = "URL")]
    from: Option<Typed>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep the local cloud running, with Holdfast and a sample database, until Ctrl-C
    ///
    /// Prints the environment that a function needs to work against it, as lines for a shell, or with --json as one object. Nothing else
    /// goes to standard output. `events/README.md` says what to do with it.
    Up,
}

const EXAMPLES: &str = "Examples:
  cargo drill                   rehearse, and show a table
  cargo drill --json > r.json   the same, for machines
  cargo drill --install         on a machine without PostgreSQL
  cargo drill --from postgres://me@db.example/shop
                                rehearse with a copy of your own database
  cargo drill up > env.sh       keep the local cloud; then, in another terminal:
                                . ./env.sh && cargo lambda watch

Exit code: 0 if every step behaved as it must, 1 if one did not (with --from: if your
data did not pass), 2 if the drill could not be carried through.";

#[tokio::main]
async fn main() -> ExitCode {
    // Clap quotes what it does not expect, and an address has a password in it.
    if drill::has_misplaced_address(std::env::args()) {
        eprintln!("drill: the address of a database stands behind --from");
        return ExitCode::from(2);
    }
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
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
    let request = Request {
        release: arguments.release,
        install: arguments.install,
        want_major: None,
        from: arguments.from.clone(),
    };
    let mut stage = Stage::default();
    if let Some(Command::Up) = arguments.command {
        if arguments.from.is_some() {
            bail!("--from is for a rehearsal: `cargo drill up` keeps sample data");
        }
        drill::up(&request, &mut stage, |environment| show(environment, arguments.json)).await?;
        return Ok(true);
    }
    let report = drill::run(&request, &mut stage).await?;
    let text = if arguments.json { serde_json::to_string_pretty(&report)? } else { format!("\n{report}") };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(report.ok)
}

fn show(environment: &Environment, json: bool) -> Result<()> {
    let text = if json { format!("{}\n", serde_json::to_string_pretty(environment)?) } else { environment.to_string() };
    let mut out = std::io::stdout().lock();
    // At once, and flushed: whoever waits for the file to fill must not read half of it.
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
