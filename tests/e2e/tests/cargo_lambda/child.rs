//! A process that a person would start in a terminal of its own and end with Ctrl-C.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast_e2e::{Look, eventually, processes};
use rustix::process::{Pid, Signal, kill_process_group};

/// What ends in order takes seconds; this is for a busy machine.
const END_WITHIN: Duration = Duration::from_secs(60);

/// A process in a group of its own, as in a terminal of its own, with files for what it writes.
#[derive(Debug)]
pub(crate) struct Child {
    name: &'static str,
    process: Process,
    out: PathBuf,
    errors: PathBuf,
}

impl Child {
    /// Starts a command. Its output goes to files in `dir`.
    pub(crate) fn start(name: &'static str, mut command: Command, dir: &Path) -> Result<Self> {
        let (out, errors) = (dir.join(format!("{name}.out")), dir.join(format!("{name}.err")));
        command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&errors)?).process_group(0);
        let process = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, process, out, errors })
    }

    /// The file of its standard output.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    /// What it wrote so far, both ways.
    pub(crate) fn said(&self) -> String {
        [&self.errors, &self.out].into_iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
    }

    /// Its exit status, once it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Ctrl-C; waits for the end.
    pub(crate) async fn interrupt(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        processes::send(self.process.id(), Signal::INT)?;
        let what = format!("{} ends by Ctrl-C", self.name);
        eventually(&what, END_WITHIN, async || {
            Ok(match self.ended()? {
                Some(status) => Look::Is(status),
                None => Look::NotYet("it runs".into()),
            })
        })
        .await
    }
}

impl Drop for Child {
    /// For a test that failed: what was interrupted before has ended, and what was not loses its lifeline here.
    fn drop(&mut self) {
        let group = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let (Ok(None), Some(group)) = (self.process.try_wait(), group) {
            let killed = kill_process_group(group, Signal::KILL);
            if killed.is_ok() && self.process.wait().is_ok() {
                eprintln!("{} was killed; it had written:\n{}", self.name, self.said());
            }
        }
    }
}
