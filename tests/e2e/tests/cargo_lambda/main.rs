//! Working on a function by hand, as `events/README.md` tells people to: `cargo drill up`, its environment in a shell, `cargo lambda watch`
//! in another, and `cargo lambda invoke` with every file of `events/`.
//!
//! Every process here is one that a person would start. The local cloud's own API is not used: what is tested is that nobody needs it.

mod child;
mod samples;
mod shell;
mod up;
mod watch;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_aws::{S3, System};
use holdfast_domain::Verdict;
use holdfast_e2e::{Look, RUN_WITHIN, eventually};
use holdfast_ledger::{Ledger, Phase, Run, run_key};
use holdfast_localcloud::cloud::HOME;
use holdfast_localcloud::endpoint::Endpoint;
use holdfast_localcloud::venv::Venv;

use samples::{ANSWERS, BY_HAND, Sample, malformed, samples, started_by};
use shell::Shell;
use up::Up;
use watch::Watch;

const REQUIREMENTS: &str = include_str!("../../../localcloud/cargo-lambda/requirements.txt");
/// A person who invokes a function waits for its compilation, once; after that an answer takes milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(150);

#[tokio::test]
async fn every_sample_does_its_work_by_hand() -> Result<()> {
    let venv = tokio::task::spawn_blocking(|| Venv::ensure("cargo-lambda", REQUIREMENTS)).await?;
    let cargo_lambda = venv.context("cargo-lambda is needed for this test, and is installed from PyPI")?;
    let up = Up::start().await?;
    let watch = Watch::start(up.shell(), &cargo_lambda).await?;
    let outcome = by_hand(&up, &watch).await;
    let (watched, kept) = (watch.end().await, up.end().await);
    outcome?;
    watched?;
    kept
}

async fn by_hand(up: &Up, watch: &Watch) -> Result<()> {
    for sample in samples()? {
        let (name, functions) = (&sample.name, started_by(&sample)?);
        let mut known: Vec<&str> =
            ANSWERS.iter().filter(|(file, ..)| file == name).map(|(_, function, _)| *function).collect();
        known.sort_unstable();
        ensure!(known == functions, "{name} starts {functions:?} by infra/wiring.yaml, and ANSWERS knows {known:?}");
    }
    for (file, function, expected) in ANSWERS {
        if function == "verify" {
            // A room that is not ready yet is an error, for Lambda's retry.
            run_by_hand(up.shell(), Phase::Verifying).await?;
        }
        let answer = watch.invoke(function, file, ANSWER_WITHIN).await?;
        ensure!(answer.ok && answer.text.contains(expected), "{function} on {file}: {answer:?} has no {expected}");
    }
    for Sample { name, .. } in malformed()? {
        let answer = watch.invoke("snapshot", &format!("malformed/{name}"), ANSWER_WITHIN).await?;
        ensure!(!answer.ok && answer.text.contains("Holdfast.Malformed"), "snapshot on malformed/{name}: {answer:?}");
    }
    match run_by_hand(up.shell(), Phase::Closed).await?.verdict {
        Some(verdict) if verdict.verdict == Verdict::Passed => Ok(()),
        other => bail!("the run by hand did not pass: {other:?}"),
    }
}

/// The run that a sample began, once it has come so far. Whoever is first takes its steps: the local cloud's functions, or ours.
async fn run_by_hand(shell: &Shell, phase: Phase) -> Result<Run> {
    let aws = Endpoint::at(shell.value("AWS_ENDPOINT_URL")?).config(HOME);
    let objects = S3::new(&aws, shell.value("HOLDFAST_LEDGER_BUCKET")?.to_owned());
    eventually(&format!("{BY_HAND} is {phase:?}"), RUN_WITHIN, async || {
        let held = Ledger::new(&objects, &System).read::<Run>(&run_key(&BY_HAND.parse()?)).await?;
        Ok(match held.map(|held| held.body) {
            Some(run) if run.phase >= phase => Look::Is(run),
            other => Look::NotYet(format!("{:?}", other.map(|run| run.phase))),
        })
    })
    .await
}
