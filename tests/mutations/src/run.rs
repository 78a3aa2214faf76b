//! Running one round in the copy, bounded in time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::round::Round;

/// How much of what was said is kept of a build that failed.
const ERRORS_MAX: usize = 2_000;

/// And of the name of what failed.
const WORDS_MAX: usize = 200;

/// What came of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Everything passed.
    Passed,
    /// These failed, in the words of whatever failed; never empty.
    Failed(Vec<String>),
    /// The tests did not end in time: something goes round in a circle.
    Hung,
    /// It does not compile, and nothing was tried.
    NotBuilt(String),
}

/// Where rounds are run.
#[derive(Debug, Clone)]
pub struct Place {
    /// The copy of the tree.
    pub tree: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// Where what was said is kept.
    pub logs: PathBuf,
    /// How long the tests of one round may take, and how long building them may.
    pub limit: Duration,
}

impl Place {
    /// Builds a round's tests and runs them. What they say is kept under the name of the bug.
    ///
    /// # Errors
    /// If cargo cannot be started, or building took too long: then nothing is known.
    pub async fn run(&self, round: &Round, about: &str) -> Result<Came> {
        let log = self.logs.join(format!("{about}.{}.log", round.name.replace([' ', ','], "-")));
        match self.cargo(&round.build, &log).await? {
            None => bail!("building the tests of {} took longer than {} s", round.name, self.limit.as_secs()),
            Some(status) if !status.success() => return Ok(Came::NotBuilt(end_of(&read(&log)?))),
            Some(_) => {}
        }
        match self.cargo(&round.run, &log).await? {
            None => Ok(Came::Hung),
            Some(status) if status.success() => Ok(Came::Passed),
            Some(_) => Ok(Came::Failed(failed(&read(&log)?))),
        }
    }

    /// Nothing, if it did not end in time; then it was killed with everything that it began.
    async fn cargo(&self, arguments: &[String], log: &Path) -> Result<Option<ExitStatus>> {
        let output = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        let mut child = Command::new("cargo")
            .args(arguments)
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_TERM_COLOR", "never")
            .env("RUST_BACKTRACE", "0")
            // The same cases each time, none kept for the next bug, and nobody reads the smallest.
            .env("PROPTEST_RNG_SEED", "1")
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .env("INSTA_UPDATE", "no")
            .env_remove("INSTA_FORCE_PASS")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("cargo cannot be started")?;
        let begun = Instant::now();
        tokio::select! {
            status = child.wait() => Ok(Some(status?)),
            () = tokio::time::sleep(self.limit.saturating_sub(begun.elapsed())) => {
                end(&mut child).await?;
                Ok(None)
            }
            interrupted = interrupted() => {
                end(&mut child).await?;
                interrupted?;
                bail!("interrupted; `--resume` goes on from here")
            }
        }
    }
}

/// Until somebody wants it to end, at the keyboard or not. Nobody else would tell a process group of its own.
async fn interrupted() -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

/// Cargo, the compilers and the tests: they are one process group.
async fn end(child: &mut Child) -> Result<()> {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        kill_process_group(pid, Signal::KILL)?;
    }
    child.wait().await?;
    Ok(())
}

fn read(log: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(log)?).into_owned())
}

/// The tests that failed, as libtest names them, and what the simulation found; of anything else that failed its last line.
fn failed(said: &str) -> Vec<String> {
    let of_test = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    let of_life = |line: &str| {
        let (seed, rest) = line.strip_prefix("seed ")?.split_once(", commit ")?;
        Some(format!("seed {seed}: {}", rest.split_once(": ")?.1))
    };
    let mut tests: Vec<String> = said.lines().filter_map(|line| of_test(line).or_else(|| of_life(line))).collect();
    tests.dedup();
    if tests.is_empty() {
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed without a word");
        tests.push(last.trim().to_owned());
    }
    tests.into_iter().map(|test| test.chars().take(WORDS_MAX).collect()).collect()
}

fn end_of(said: &str) -> String {
    let errors = said.find("error").map_or(said, |at| &said[at..]);
    errors.chars().take(ERRORS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_named_and_so_is_what_else_failed() {
        let said = "running 2 tests\ntest a::right ... ok\ntest a::wrong ... FAILED\n\nfailures:\n    a::wrong\nerror: test failed\n";
        assert_eq!(failed(said), ["a::wrong"]);
        let said = "lives from seed 7 on\n\nseed 9, commit 1a2b3c: invariant 2: a slot is missed\nlives  3\n";
        assert_eq!(failed(said), ["seed 9: invariant 2: a slot is missed"]);
        assert_eq!(failed("it\nhas failed\n\n"), ["has failed"]);
    }
}
