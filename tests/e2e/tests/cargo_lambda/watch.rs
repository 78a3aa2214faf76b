//! `cargo lambda watch` and `cargo lambda invoke`.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_e2e::{Look, eventually, processes};
use holdfast_localcloud::build;
use holdfast_localcloud::venv::Venv;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::child::Child;
use crate::shell::Shell;

/// It listens at once: it compiles nothing until it is asked.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// Functions are told to end, and end.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// The emulator, and the functions that it runs.
#[derive(Debug)]
pub(crate) struct Watch {
    child: Child,
    port: u16,
    path: OsString,
    _dir: TempDir,
}

/// What an invocation came to.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whether `cargo lambda invoke` ended well, as it does when the function did.
    pub(crate) ok: bool,
    /// All that it wrote.
    pub(crate) text: String,
}

impl Watch {
    /// Starts it in a shell with the environment of the local cloud.
    pub(crate) async fn start(shell: &Shell, cargo_lambda: &Venv) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let path = path_with(&cargo_lambda.program("cargo-lambda"))?;
        // Whoever else builds or edits here while the test runs must not restart a function in the middle of its work.
        let mut command = lambda("watch", port, &["--ignore-changes"].map(OsStr::new));
        command.env("PATH", &path);
        let mut child = Child::start("cargo-lambda-watch", shell.command(&command), dir.path())?;
        eventually("`cargo lambda watch` listens", LISTENS_WITHIN, async || {
            if let Some(status) = child.ended()? {
                bail!("`cargo lambda watch` ended with {status}: {}", child.said());
            }
            Ok(Look::at(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok(), || child.said()))
        })
        .await?;
        Ok(Self { child, port, path, _dir: dir })
    }

    /// Sends a file of `events/` to a function and waits for its answer. The first time, the function is compiled.
    pub(crate) async fn invoke(&self, function: &str, file: &str, within: Duration) -> Result<Answer> {
        let data = PathBuf::from("events").join(file);
        let mut command =
            lambda("invoke", self.port, &[OsStr::new(function), OsStr::new("--data-file"), data.as_os_str()]);
        command.env("PATH", &self.path);
        let invoked = tokio::process::Command::from(command).kill_on_drop(true).output();
        let Ok(output) = tokio::time::timeout(within, invoked).await else {
            bail!(
                "{function} on {file}: no answer within {} s; `cargo lambda watch` says: {}",
                within.as_secs(),
                self.child.said()
            );
        };
        let output = output.context("cannot run `cargo lambda invoke`")?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Answer { ok: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() })
    }

    /// Ctrl-C. Checks that all functions end with it.
    pub(crate) async fn end(mut self) -> Result<()> {
        let functions = functions_at(self.port);
        let status = self.child.interrupt().await;
        let gone = eventually("no function is left", GONE_WITHIN, async || {
            let left = functions_at(self.port);
            Ok(Look::at(left.is_empty(), || format!("processes {left:?}")))
        })
        .await;
        ensure!(status?.success(), "`cargo lambda watch` did not end in order: {}", self.child.said());
        ensure!(!functions.is_empty(), "no function ran as a process, so what was it that answered?");
        gone
    }
}

impl Drop for Watch {
    /// Each function is in a process group of its own, so that whoever kills the emulator alone leaves them behind.
    fn drop(&mut self) {
        for pid in functions_at(self.port) {
            if let Err(error) = processes::send(pid, Signal::KILL) {
                eprintln!("{error:#}");
            }
        }
    }
}

/// A command of `cargo lambda`, at the root of the workspace, for the emulator on this port.
fn lambda(command: &str, port: u16, arguments: &[&OsStr]) -> Command {
    let port = port.to_string();
    let mut cargo = build::cargo();
    cargo.args(["lambda", command, "--invoke-address", "127.0.0.1", "--invoke-port", &port]).args(arguments);
    cargo
}

/// The search path with the directory of this program first: cargo finds its subcommands there.
fn path_with(program: &Path) -> Result<OsString> {
    let first = program.parent().map(Path::to_owned);
    let rest = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(first.into_iter().chain(std::env::split_paths(&rest)))?)
}

/// Living processes that speak to the emulator on this port as their Lambda runtime.
fn functions_at(port: u16) -> Vec<u32> {
    let api = format!("AWS_LAMBDA_RUNTIME_API=http://127.0.0.1:{port}/");
    let speaks = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(api.as_bytes()))
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(speaks).filter(|pid| processes::is_alive(*pid)).collect()
}
