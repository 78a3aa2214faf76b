//! One running server: a child process that cannot outlive this one.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Host, Login, PostgresError, roles::ADMIN};

/// Runs the server and kills it when standard input ends, that is, when the owner stops it, drops it or dies in any way.
/// SIGQUIT is PostgreSQL's immediate shutdown: the postmaster takes its children with it.
/// `wait` must be the main shell's, so that the shell ends with the server; the watcher then goes too, lest it signal a recycled pid.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
postmaster=$!
( read -r _ <&3; kill -QUIT "$postmaster" 2>/dev/null ) &
watcher=$!
wait "$postmaster"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"#;

const POLL_EVERY: Duration = Duration::from_millis(15);
/// How long a server may take to stop kindly, and then unkindly, before SIGKILL.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// In `Drop` a thread of the runtime is blocked: be short.
const DROP_PATIENCE: Duration = Duration::from_secs(2);

/// A running PostgreSQL server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    data_dir: PathBuf,
    admin: Login,
    postmaster: Pid,
    running: Mutex<Option<Running>>,
}

/// The child process. However this value goes away, also by a start that was given up, the server goes with it.
#[derive(Debug)]
struct Running {
    guard: Child,
    /// Held open: its end is the server's end.
    lifeline: ChildStdin,
    /// Known once the server is up.
    postmaster: Option<Pid>,
}

impl Server {
    /// Starts `postgres` on `data_dir` and waits until it is writable.
    pub(crate) async fn start(host: &Host, data_dir: &Path, log_path: &Path, port: u16) -> Result<Self, PostgresError> {
        let mut running = spawn(host, data_dir, log_path)?;
        let admin = host.admin_login(port);
        let deadline = Instant::now() + host.start_within();
        let failure = loop {
            if let Ok(Some(status)) = running.guard.try_wait() {
                break format!("it ended with {status}");
            }
            match ready(&admin).await {
                Ok(true) => {
                    let postmaster = postmaster_pid(data_dir)?;
                    running.postmaster = Some(postmaster);
                    return Ok(Self {
                        data_dir: data_dir.to_owned(),
                        admin,
                        postmaster,
                        running: Mutex::new(Some(running)),
                    });
                }
                Ok(false) => {}
                Err(error) if Instant::now() > deadline => break error_chain(&error),
                Err(_) => {}
            }
            if Instant::now() > deadline {
                break "it is still in recovery".to_owned();
            }
            tokio::time::sleep(POLL_EVERY).await;
        };
        drop(running);
        let log = log_tail(log_path);
        Err(PostgresError::NotStarted { data_dir: data_dir.to_owned(), detail: format!("{failure}\n{log}") })
    }

    /// The loopback port.
    pub fn port(&self) -> u16 {
        self.admin.port
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The login of the superuser, which on RDS is Amazon's own.
    pub fn admin(&self) -> &Login {
        &self.admin
    }

    /// The login of another role.
    pub fn login(&self, user: &str, password: &str, database: &str) -> Login {
        Login {
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
            ..self.admin.clone()
        }
    }

    /// Process ids that must be gone once the server is: its guard and its postmaster. Empty after a stop.
    pub fn processes(&self) -> Vec<u32> {
        let guard = self.lock().as_ref().map(|running| running.guard.id());
        guard.into_iter().flat_map(|guard| [guard, self.postmaster.as_raw_nonzero().get().unsigned_abs()]).collect()
    }

    /// Whether the process runs.
    pub fn is_running(&self) -> bool {
        match self.lock().as_mut() {
            Some(running) => matches!(running.guard.try_wait(), Ok(None)),
            None => false,
        }
    }

    /// Makes the server read its configuration files again.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn reload(&self) -> Result<(), PostgresError> {
        kill_process(self.postmaster, Signal::HUP)
            .map_err(|error| PostgresError::Program { program: "postgres", detail: error.to_string() })
    }

    /// Stops the server: fast (open transactions are rolled back, data files are consistent), then immediately, then by force.
    /// Returns when the process is gone. Stopping twice is stopping once.
    pub async fn stop(&self) {
        let Some(mut running) = self.lock().take() else {
            return;
        };
        for signal in [Signal::INT, Signal::QUIT] {
            signal_quietly(self.postmaster, signal);
            if gone_within(&mut running.guard, STOP_PATIENCE).await {
                return;
            }
        }
        // What both signals left is ended by force as `running` is dropped.
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    /// Ends the server by its lifeline, then by force. Blocks for at most [`DROP_PATIENCE`] and a little more.
    fn drop(&mut self) {
        // The watcher waits for a line or the end of the pipe; a line does not need the handle to be consumed.
        if self.lifeline.write_all(b"\n").is_err() {
            tracing::trace!("a guard is already gone");
        }
        let deadline = Instant::now() + DROP_PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.guard.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(POLL_EVERY);
        }
        if let Some(postmaster) = self.postmaster {
            signal_quietly(postmaster, Signal::KILL);
        }
        if self.guard.kill().and_then(|()| self.guard.wait()).is_err() {
            tracing::warn!(pid = self.guard.id(), "a server's guard could not be killed");
        }
    }
}

fn spawn(host: &Host, data_dir: &Path, log_path: &Path) -> Result<Running, PostgresError> {
    let log =
        File::options().create(true).append(true).open(log_path).map_err(PostgresError::file("open", log_path))?;
    host.user().own(log_path)?;
    let errors = log.try_clone().map_err(PostgresError::file("open", log_path))?;
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", GUARD, "postgres-guard"])
        .arg(host.binaries().bindir.join("postgres"))
        .arg("-D")
        .arg(data_dir)
        .current_dir(data_dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(log)
        .stderr(errors)
        // Ctrl-C in a terminal goes to the foreground group; the owner decides when its servers stop.
        .process_group(0);
    host.user().apply(&mut command);
    let mut guard =
        command.spawn().map_err(|error| PostgresError::Program { program: "sh", detail: error.to_string() })?;
    match guard.stdin.take() {
        Some(lifeline) => Ok(Running { guard, lifeline, postmaster: None }),
        None => Err(PostgresError::Program { program: "sh", detail: "it has no standard input".to_owned() }),
    }
}

/// Whether the server accepts writes. "The database system is starting up" is an error of the connection.
async fn ready(admin: &Login) -> Result<bool, PostgresError> {
    let client = admin.connect().await?;
    let row =
        client.query_one("select pg_is_in_recovery()", &[]).await.map_err(PostgresError::sql("ask for recovery"))?;
    Ok(!row.get::<_, bool>(0))
}

/// The first line of `postmaster.pid`.
fn postmaster_pid(data_dir: &Path) -> Result<Pid, PostgresError> {
    let path = data_dir.join("postmaster.pid");
    let text = std::fs::read_to_string(&path).map_err(PostgresError::file("read", &path))?;
    text.lines()
        .next()
        .and_then(|line| line.trim().parse().ok())
        .and_then(Pid::from_raw)
        .ok_or_else(|| PostgresError::Unsupported(format!("no process id in {}", path.display())))
}

async fn gone_within(guard: &mut Child, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if !matches!(guard.try_wait(), Ok(None)) {
            return true;
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    false
}

fn signal_quietly(pid: Pid, signal: Signal) {
    if let Err(error) = kill_process(pid, signal) {
        tracing::debug!(%error, "a server was already gone");
    }
}

/// The end of the server's log: the reason of a failed start stands there and nowhere else.
fn log_tail(path: &Path) -> String {
    const LINES: usize = 12;
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn error_chain(error: &PostgresError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The role every start logs in with.
pub(crate) fn admin_login(port: u16, address: &str, password: &str, ca_pem: &str) -> Login {
    Login {
        host: address.to_owned(),
        port,
        user: ADMIN.to_owned(),
        password: password.to_owned(),
        database: "postgres".to_owned(),
        ca_pem: ca_pem.to_owned(),
    }
}
