//! `plan check`: everything that is wrong with each file.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use holdfast_plan::{Compiled, Problem, Problems, ReadPlan, check_together};
use serde::Serialize;

use super::say::{count, say, say_of};
use super::source;

/// Says everything that is wrong with each file; exit code 1 if any is refused
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plan check plan.yaml\n  plan check plans/*.yaml\n  plan check --json plan.yaml | jq '.[].problems'"
)]
pub(crate) struct Check {
    /// Plan files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// One JSON array, an object per file, instead of text for people
    #[arg(long)]
    json: bool,
}

/// What `check --json` says of one file.
#[derive(Serialize)]
struct Report<'a> {
    file: String,
    accepted: bool,
    sha256: Option<&'a str>,
    /// What is wrong beside other files, errors and warnings in the order of the file, then notices.
    problems: Vec<&'a Problem>,
}

impl Check {
    pub(crate) fn run(self) -> Result<bool> {
        let mut results = Vec::new();
        for file in &self.files {
            match source::read(file) {
                Ok(result) => results.push((file, result)),
                // The others are looked at all the same.
                Err(error) => writeln!(io::stderr().lock(), "{error:#}")?,
            }
        }
        let between = between(&results)?;
        let mut out = io::stdout().lock();
        if self.json {
            let reports: Vec<Report<'_>> =
                results.iter().map(|(file, result)| report(file, result, &between)).collect();
            serde_json::to_writer_pretty(&mut out, &reports)?;
            writeln!(out)?;
        } else {
            for (file, result) in &results {
                match result {
                    Ok(compiled) => say_accepted(&mut out, file, compiled)?,
                    Err(problems) => say(&mut out, problems.as_slice(), io::stdout().is_terminal())?,
                }
            }
            say(&mut out, &between, io::stdout().is_terminal())?;
        }
        let accepted = results.len() == self.files.len() && results.iter().all(|(_, result)| result.is_ok());
        Ok(accepted && between.is_empty())
    }
}

type Read<'a> = (&'a PathBuf, Result<Compiled, Problems>);

/// What is wrong between the files that were accepted by themselves: they may be the environments of one system.
fn between(results: &[Read<'_>]) -> Result<Vec<Problem>> {
    let accepted = || results.iter().filter_map(|(file, result)| Some((file, result.as_ref().ok()?)));
    if accepted().count() < 2 {
        return Ok(Vec::new());
    }
    let sources: Vec<(String, Vec<u8>)> =
        accepted().map(|(file, _)| Ok((file.display().to_string(), source::bytes(file)?))).collect::<Result<_>>()?;
    let plans: Vec<ReadPlan<'_>> = sources
        .iter()
        .zip(accepted())
        .map(|((file, source), (_, compiled))| ReadPlan { file, source, compiled })
        .collect();
    Ok(check_together(&plans))
}

fn report<'a>(file: &Path, result: &'a Result<Compiled, Problems>, between: &'a [Problem]) -> Report<'a> {
    let file = file.display().to_string();
    let between: Vec<&Problem> = between.iter().filter(|problem| problem.file == file).collect();
    match result {
        Ok(compiled) => {
            let accepted = between.is_empty();
            let problems = between.into_iter().chain(compiled.warnings()).chain(compiled.notices()).collect();
            Report { file, accepted, sha256: Some(compiled.sha().as_str()), problems }
        }
        Err(problems) => Report { file, accepted: false, sha256: None, problems: problems.as_slice().iter().collect() },
    }
}

fn say_accepted(out: &mut impl io::Write, file: &Path, compiled: &Compiled) -> io::Result<()> {
    say_of(out, compiled, io::stdout().is_terminal())?;
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
