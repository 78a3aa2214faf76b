//! The `plan` command. One file per subcommand stands in `cli/`.

mod cli;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "plan", version, about = "Checks a Holdfast plan and compiles it to plan.json")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(cli::check::Check),
    Compile(cli::compile::Compile),
    Diff(cli::diff::Diff),
    Explain(cli::explain::Explain),
    Forecast(cli::forecast::Forecast),
    Schema(cli::schema::Schema),
}

fn main() -> Result<ExitCode> {
    let accepted = match Arguments::parse().command {
        Command::Check(command) => command.run()?,
        Command::Compile(command) => command.run()?,
        Command::Diff(command) => return Ok(command.run()),
        Command::Explain(command) => command.run()?,
        Command::Forecast(command) => command.run()?,
        Command::Schema(command) => command.run()?,
    };
    Ok(if accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
