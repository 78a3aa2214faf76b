//! MiniStack as a child process: in its own process group, with a clean environment, on a free loopback port.
//!
//! It leaves nothing behind: its files, and those of the Lambda processes it starts, lie in one temporary directory, and
//! the whole group is killed on stop, on drop, and (through the lifeline in `launcher.py`) when this process dies.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::TempDir;

use crate::venv::{Venv, VenvError};

const REQUIREMENTS: &str = include_str!("../ministack/requirements.txt");
const LAUNCHER: &str = include_str!("../ministack/launcher.py");

/// Half a second when idle; the rest is for a machine that compiles at the same time.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// A free port may be taken by somebody else between our look and MiniStack's bind.
const START_ATTEMPTS: u32 = 3;

/// A running MiniStack.
#[derive(Debug)]
pub struct MiniStack {
    url: String,
    child: Child,
    work: TempDir,
}

/// Why MiniStack does not run.
#[derive(Debug, thiserror::Error)]
pub enum MiniStackError {
    /// Its Python environment could not be made.
    #[error("MiniStack cannot be installed")]
    Install(#[from] VenvError),
    /// The machine refused a file, a port or a process.
    #[error("cannot {action} for MiniStack")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// It ended, or never answered.
    #[error("MiniStack on {url} {what}; the end of its log: {log}")]
    NotHealthy {
        /// Where it should have answered.
        url: String,
        /// What happened instead.
        what: String,
        /// The last lines of its log.
        log: String,
    },
}

impl MiniStack {
    /// Installs MiniStack if needed, starts it and waits until it is healthy.
    ///
    /// `region` is where calls without a region go. The log and all working files lie in a directory made below `parent`
    /// (or the system's temporary directory) and removed at the end.
    ///
    /// # Errors
    /// When it cannot be installed or started, or is not healthy in time.
    pub async fn start(region: &str, parent: Option<&Path>) -> Result<Self, MiniStackError> {
        let installed = tokio::task::spawn_blocking(|| Venv::ensure("ministack", REQUIREMENTS)).await;
        let venv = installed.map_err(|join| failed("install packages")(io::Error::other(join)))??;
        let mut attempt = 1;
        loop {
            let mut ministack = Self::spawn(&venv, region, parent)?;
            match ministack.wait_until_healthy().await {
                Ok(()) => return Ok(ministack),
                Err(error) if attempt == START_ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    /// The endpoint, `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file that holds everything MiniStack wrote, function output included. Gone when MiniStack is.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.work.path().join("ministack.log")
    }

    /// The process group of MiniStack and of every function process it started.
    #[must_use]
    pub fn process_group(&self) -> u32 {
        self.child.id()
    }

    fn spawn(venv: &Venv, region: &str, parent: Option<&Path>) -> Result<Self, MiniStackError> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let work = tempfile::Builder::new().prefix("holdfast-ministack-").tempdir_in(parent);
        let work = work.map_err(failed("make a working directory"))?;
        let port = free_port().map_err(failed("find a free port"))?;
        let launcher = work.path().join("launcher.py");
        std::fs::write(&launcher, LAUNCHER).map_err(failed("write launcher.py"))?;
        let log = std::fs::File::create(work.path().join("ministack.log")).map_err(failed("make the log file"))?;
        let errors = log.try_clone().map_err(failed("share the log file"))?;
        let child = Command::new(venv.python())
            .arg(&launcher)
            .current_dir(work.path())
            .env_clear()
            .envs(environment(region, port, work.path()))
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(failed("start python"))?;
        Ok(Self { url: format!("http://{}:{port}", Ipv4Addr::LOCALHOST), child, work })
    }

    async fn wait_until_healthy(&mut self) -> Result<(), MiniStackError> {
        let health = format!("{}/_localstack/health", self.url);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build();
        let client = client.map_err(|error| self.not_healthy(format!("cannot be asked: {error}")))?;
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let ended = self.child.try_wait().map_err(failed("watch the process"))?;
            if let Some(status) = ended {
                return Err(self.not_healthy(format!("ended with {status}")));
            }
            if client.get(&health).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.not_healthy(format!("did not answer within {} s", START_TIMEOUT.as_secs())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn not_healthy(&self, what: String) -> MiniStackError {
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = log.trim_end().lines().collect();
        let log = lines[lines.len().saturating_sub(10)..].join("\n");
        MiniStackError::NotHealthy { url: self.url.clone(), what, log }
    }

    /// Kills the group while its leader is not yet reaped, so that the group id cannot belong to anybody else.
    fn kill(&mut self) {
        let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        let reaped = matches!(self.child.try_wait(), Ok(Some(_)));
        if !reaped {
            // Nothing to save: its state lives in memory and in the directory that goes next.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.child.wait();
        }
        // Functions die a moment later than their parent; the directory must outlive them or its removal fails.
        let deadline = Instant::now() + Duration::from_millis(500);
        while test_kill_process_group(group).is_ok() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Functions inherit all of this, so nothing of the caller's environment comes in but the search path and the language.
///
/// `AWS_ENDPOINT_URL` is left out on purpose: MiniStack would impose it on every function over the function's own value,
/// and the function's own value is its recorder.
fn environment(region: &str, port: u16, work: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
    let inherited = ["PATH", "LANG", "LC_ALL"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let own = [
        ("HOME", work.into()),
        ("TMPDIR", work.into()),
        ("HOLDFAST_WORK_DIR", work.into()), // what the launcher removes when we die first
        ("S3_DATA_DIR", work.join("s3").into()),
        ("GATEWAY_PORT", port.to_string().into()),
        ("BIND_HOST", "127.0.0.1".into()),
        ("MINISTACK_HOST", "127.0.0.1".into()),
        ("MINISTACK_REGION", region.into()),
        ("IOT_MTLS_ENABLED", "0".into()),
        ("SFTP_ENABLED", "0".into()),
        ("DOCKER_HOST", "unix:///nonexistent".into()), // else it looks for containers to sweep
        ("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "0.2".into()), // 60 on AWS
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ("PYTHONUNBUFFERED", "1".into()),
    ];
    inherited.chain(own).collect()
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> MiniStackError {
    move |source| MiniStackError::Io { action, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn when_the_parent_dies_the_process_and_its_directory_go() {
        let mut ministack = MiniStack::start("eu-west-1", None).await.expect("MiniStack");
        // What the kernel does to our end of the pipe when we are killed.
        drop(ministack.child.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(30);
        while ministack.child.try_wait().expect("a status").is_none() {
            assert!(Instant::now() < deadline, "still running");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!ministack.work.path().exists());
    }

    #[tokio::test]
    async fn a_ministack_that_does_not_start_says_what_it_said() {
        let venv = Venv::ensure("ministack", REQUIREMENTS).expect("installed");
        let mut ministack = MiniStack::spawn(&venv, "eu-west-1", None).expect("a process");
        ministack.kill();
        std::fs::write(ministack.log_file(), "one\nthe last line\n").expect("a log");
        let error = ministack.wait_until_healthy().await.expect_err("it was killed").to_string();
        assert!(error.contains("ended with signal") && error.contains("the last line"), "{error}");
    }

    #[test]
    fn functions_inherit_nothing_that_could_lead_them_to_a_real_account() {
        let names: Vec<&str> =
            environment("eu-west-1", 1, Path::new("/work")).into_iter().map(|(name, _)| name).collect();
        assert!(!names.iter().any(|name| name.starts_with("AWS_")), "{names:?}");
    }
}
