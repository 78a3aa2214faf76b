//! The `plan` command: checks a plan and compiles it.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use holdfast_plan::{Compiled, Problem, Problems, Severity};
use serde::Serialize;

/// More than the largest plan that is read; the rest of a larger file is not even loaded.
const READ_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, Parser)]
#[command(name = "plan", version, about = "Checks a Holdfast plan and compiles it to plan.json")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says everything that is wrong with each file; exit code 1 if any is refused
    #[command(
        after_help = "Examples:\n  plan check plan.yaml\n  plan check plans/*.yaml\n  plan check --json plan.yaml | jq '.[].problems'"
    )]
    Check {
        /// Plan files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// One JSON array, an object per file, instead of text for people
        #[arg(long)]
        json: bool,
    },
    /// Checks a file and writes the plan.json that Terraform, the local cloud and the functions read
    #[command(
        after_help = "Examples:\n  plan compile plan.yaml                 writes plan.json into the working directory\n  plan compile plan.yaml -o build/p.json\n  plan compile plan.yaml -o - | jq .schedules"
    )]
    Compile {
        /// The plan file
        file: PathBuf,
        /// Where to write; - is standard output
        #[arg(short, long, default_value = "plan.json")]
        output: PathBuf,
    },
}

fn main() -> Result<ExitCode> {
    let accepted = match Arguments::parse().command {
        Command::Check { files, json } => check(&files, json)?,
        Command::Compile { file, output } => compile(&file, &output)?,
    };
    Ok(if accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What `check --json` says of one file.
#[derive(Serialize)]
struct Report<'a> {
    file: String,
    accepted: bool,
    sha256: Option<&'a str>,
    problems: &'a [Problem],
}

fn check(files: &[PathBuf], json: bool) -> Result<bool> {
    let mut results = Vec::new();
    for file in files {
        match read(file) {
            Ok(result) => results.push((file, result)),
            // The others are looked at all the same.
            Err(error) => writeln!(io::stderr().lock(), "{error:#}")?,
        }
    }
    let mut out = io::stdout().lock();
    if json {
        let reports: Vec<Report<'_>> = results.iter().map(|(file, result)| report(file, result)).collect();
        serde_json::to_writer_pretty(&mut out, &reports)?;
        writeln!(out)?;
    } else {
        for (file, result) in &results {
            match result {
                Ok(compiled) => say_accepted(&mut out, file, compiled)?,
                Err(problems) => say(&mut out, problems.as_slice(), io::stdout().is_terminal())?,
            }
        }
    }
    Ok(results.len() == files.len() && results.iter().all(|(_, result)| result.is_ok()))
}

fn compile(file: &Path, output: &Path) -> Result<bool> {
    let compiled = match read(file)? {
        Ok(compiled) => compiled,
        Err(problems) => {
            say(&mut io::stderr().lock(), problems.as_slice(), io::stderr().is_terminal())?;
            return Ok(false);
        }
    };
    if !compiled.warnings().is_empty() {
        say(&mut io::stderr().lock(), compiled.warnings(), io::stderr().is_terminal())?;
    }
    if output == Path::new("-") {
        io::stdout().lock().write_all(&compiled.to_json())?;
    } else {
        fs::write(output, compiled.to_json()).with_context(|| format!("could not write {}", output.display()))?;
        writeln!(io::stderr().lock(), "{}: sha256 {}", output.display(), compiled.sha())?;
    }
    Ok(true)
}

fn read(file: &Path) -> Result<Result<Compiled, Problems>> {
    let context = || format!("could not read {}", file.display());
    let mut bytes = Vec::new();
    fs::File::open(file).with_context(context)?.take(READ_BYTES_MAX).read_to_end(&mut bytes).with_context(context)?;
    Ok(holdfast_plan::read_yaml_bytes(&file.display().to_string(), &bytes))
}

fn report<'a>(file: &Path, result: &'a Result<Compiled, Problems>) -> Report<'a> {
    let file = file.display().to_string();
    match result {
        Ok(compiled) => {
            Report { file, accepted: true, sha256: Some(compiled.sha().as_str()), problems: compiled.warnings() }
        }
        Err(problems) => Report { file, accepted: false, sha256: None, problems: problems.as_slice() },
    }
}

fn say_accepted(out: &mut impl io::Write, file: &Path, compiled: &Compiled) -> io::Result<()> {
    say(out, compiled.warnings(), io::stdout().is_terminal())?;
    let plan = compiled.plan();
    writeln!(
        out,
        "{}: {} ({}): {}, {}, sha256 {}",
        file.display(),
        plan.name,
        plan.environment,
        count(plan.resources.len(), "resource"),
        count(compiled.schedules().len(), "schedule"),
        compiled.sha()
    )
}

/// A line with place, code and path, aligned over the file, and the sentence beneath it.
fn say(out: &mut impl io::Write, problems: &[Problem], colours: bool) -> io::Result<()> {
    let Some(first) = problems.first() else { return Ok(()) };
    let (bold, red, yellow, dim, plain) =
        if colours { ("\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m") } else { ("", "", "", "", "") };
    let width = problems.iter().map(|problem| problem.place().chars().count()).max().unwrap_or(0);
    for problem in problems {
        let (colour, word) = match problem.severity {
            Severity::Error => (red, "error  "),
            Severity::Warning => (yellow, "warning"),
        };
        let (place, code) = (problem.place(), problem.code);
        let path = if problem.path.is_empty() { "(the file)" } else { &problem.path };
        writeln!(out, "{dim}{place:<width$}{plain}  {colour}{word} {code}{plain}  {bold}{path}{plain}")?;
        writeln!(out, "{:width$}  {}", "", problem.sentence())?;
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let warnings = problems.len() - errors;
    writeln!(out, "{}: {}, {}", first.file, count(errors, "error"), count(warnings, "warning"))
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
