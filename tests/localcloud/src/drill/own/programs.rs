//! PostgreSQL's client programs, and running them without showing a password.
//!
//! Everything about the connection goes into the program's environment, and the password into a private file that the environment
//! names: neither the arguments nor the environment, which `ps` may show to others, ever have it. All programs use libpq, so what
//! one can reach the others can.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::source_url::SourceUrl;
use crate::postgres::Login;

/// A host that does not answer by then is not there.
const CONNECT_WITHIN_SECONDS: &str = "10";
/// A question about the catalog takes milliseconds; on a server with a hundred thousand tables, seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// So many of a program's last lines are kept for the error, should it fail.
const LINES_KEPT: usize = 4;

/// Whatever our programs might say: the server does not write for them.
const SESSION: &str = "-c default_transaction_read_only=on";

/// Where client programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clients {
    bindir: PathBuf,
}

impl Clients {
    /// The programs beside a server's, which are of its version.
    pub(super) fn beside(bindir: &Path) -> Self {
        Self { bindir: bindir.to_owned() }
    }

    /// A program, if it is installed.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        Some(self.bindir.join(name)).filter(|path| path.is_file())
    }

    /// Any `psql`: it speaks with servers of all versions. Debian's versioned directories come first, because what lies on its `PATH`
    /// is a wrapper that chooses among them.
    pub(super) fn any_psql() -> Result<PathBuf> {
        let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
        found.sort();
        found.reverse();
        found.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let psql = found.into_iter().map(|dir| dir.join("psql")).find(|path| path.is_file());
        psql.context("psql is not on this machine: install the package postgresql-client")
    }
}

/// How to reach a server, for any number of programs. The password's file goes with it.
#[derive(Debug)]
pub(super) struct Connection {
    variables: Vec<(&'static str, String)>,
    password_file: Option<NamedTempFile>,
}

impl Connection {
    /// A connection to the user's database. Without a password in the address it is `PGPASSWORD`'s, then what `PGPASSFILE` or
    /// `~/.pgpass` say.
    ///
    /// # Errors
    /// When the private file cannot be written.
    pub(super) fn to_source(url: &SourceUrl) -> Result<Self> {
        let mut variables = vec![
            ("PGHOST", url.host.clone()),
            ("PGPORT", url.port.to_string()),
            ("PGUSER", url.user.clone()),
            ("PGDATABASE", url.database.clone()),
        ];
        variables.extend(url.ssl_mode.clone().map(|mode| ("PGSSLMODE", mode)));
        variables.extend(url.ssl_root_cert.clone().map(|file| ("PGSSLROOTCERT", file)));
        let given = url.password.clone().or_else(|| std::env::var("PGPASSWORD").ok());
        if given.is_none() {
            variables.extend(std::env::var("PGPASSFILE").ok().map(|file| ("PGPASSFILE", file)));
        }
        Self::new(variables, given.as_deref())
    }

    /// A connection to a local server.
    ///
    /// # Errors
    /// When the private file cannot be written.
    pub(super) fn to_local(login: &Login) -> Result<Self> {
        let variables = vec![
            ("PGHOST", login.host.clone()),
            ("PGPORT", login.port.to_string()),
            ("PGUSER", login.user.clone()),
            ("PGDATABASE", login.database.clone()),
            ("PGSSLMODE", "require".into()),
        ];
        Self::new(variables, Some(&login.password))
    }

    fn new(variables: Vec<(&'static str, String)>, password: Option<&str>) -> Result<Self> {
        let password_file = password.map(write_password).transpose().context("cannot write a private password file")?;
        Ok(Self { variables, password_file })
    }

    /// A program that will use this connection. It gets no terminal to ask for a password on, and dies with its future.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PGAPPNAME", "holdfast-drill")
            .env("PGCONNECT_TIMEOUT", CONNECT_WITHIN_SECONDS);
        // Libpq looks for certificates and `.pgpass` at home.
        for name in ["PATH", "HOME", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(file) = &self.password_file {
            command.env("PGPASSFILE", file.path());
        }
        // pg_basebackup is two processes; a group can be ended as one.
        command.stdin(Stdio::null()).kill_on_drop(true).process_group(0);
        command
    }

    /// As [`Self::command`], in a session that cannot write.
    pub(super) fn read_only(&self, program: &Path) -> Command {
        let mut command = self.command(program);
        command.env("PGOPTIONS", SESSION);
        command
    }
}

/// One line of libpq's password file, for every host: the environment says which one. Readable to this user only.
fn write_password(password: &str) -> std::io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("holdfast-").tempfile()?;
    let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
    writeln!(file, "*:*:*:*:{escaped}")?;
    file.flush()?;
    Ok(file)
}

/// Ends a program with everything that it started, however its future goes away.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0
            && let Err(error) = kill_process_group(pid, Signal::TERM)
        {
            tracing::debug!(%error, "a program was already gone");
        }
    }
}

/// Runs a program to its end; `line` hears what it says on standard error.
///
/// # Errors
/// When it fails, with its last words.
pub(super) async fn run(mut command: Command, mut line: impl FnMut(&str)) -> Result<()> {
    command.stdout(Stdio::null());
    let (name, mut child, mut group) = spawn(&mut command)?;
    let mut kept = Vec::new();
    if let Some(errors) = child.stderr.take() {
        read_lines(errors, |text| {
            line(text);
            keep(&mut kept, text);
        })
        .await?;
    }
    let status = child.wait().await?;
    group.0 = None;
    if status.success() { Ok(()) } else { bail!("{name} failed: {}", last_words(&kept, &status.to_string())) }
}

/// Asks one question of a server through `psql` and gives the answer.
///
/// # Errors
/// When the server cannot be reached or refuses, in its words.
pub(super) async fn ask(mut psql: Command, question: &str) -> Result<String> {
    psql.args([
        "--no-psqlrc",
        "--no-align",
        "--tuples-only",
        "--quiet",
        "--no-password",
        "--set=ON_ERROR_STOP=1",
        "--command",
        question,
    ]);
    psql.stdout(Stdio::piped());
    let (_, child, mut group) = spawn(&mut psql)?;
    let answered = tokio::time::timeout(ANSWER_WITHIN, child.wait_with_output()).await;
    let output = answered.context("the server does not answer")??;
    group.0 = None;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let lines: Vec<String> = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
    bail!("{}", last_words(&lines, &output.status.to_string()))
}

fn spawn(command: &mut Command) -> Result<(String, tokio::process::Child, Group)> {
    let program = Path::new(command.as_std().get_program());
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("{name} cannot be started"))?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    Ok((name, child, Group(pid)))
}

/// Progress ends in a carriage return on some terminals and in a line feed elsewhere.
async fn read_lines(mut from: impl AsyncRead + Unpin, mut line: impl FnMut(&str)) -> Result<()> {
    let (mut pending, mut buffer) = (Vec::new(), [0_u8; 4096]);
    loop {
        let count = from.read(&mut buffer).await?;
        for byte in &buffer[..count] {
            match byte {
                b'\n' | b'\r' => line(&String::from_utf8_lossy(&std::mem::take(&mut pending))),
                byte => pending.push(*byte),
            }
        }
        if count == 0 {
            line(&String::from_utf8_lossy(&pending));
            return Ok(());
        }
    }
}

fn keep(kept: &mut Vec<String>, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    if kept.len() == LINES_KEPT {
        kept.remove(0);
    }
    kept.push(text.trim().to_owned());
}

/// One line of a program's complaint, without its own name before every part of it.
fn last_words(lines: &[String], otherwise: &str) -> String {
    let said: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let complains = |line: &&str| ["error:", "ERROR:", "FATAL:"].iter().any(|word| line.contains(word));
    let errors: Vec<&str> = said.iter().copied().filter(complains).collect();
    let chosen = if errors.is_empty() { said } else { errors };
    if chosen.is_empty() { otherwise.to_owned() } else { chosen.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_in_neither_the_arguments_nor_the_environment() {
        let url = SourceUrl::read(&"postgres://app:s3%3Acr%5Cet@db/shop".to_owned().into()).expect("an address");
        let connection = Connection::to_source(&url).expect("a connection");
        let command = connection.read_only(Path::new("/bin/true"));
        assert!(!format!("{command:?}").contains("cr"), "{command:?}");
        let file = connection.password_file.as_ref().expect("a password file").path().to_owned();
        assert_eq!(std::fs::read_to_string(&file).expect("its text"), "*:*:*:*:s3\\:cr\\\\et\n");
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).expect("its mode"));
        assert_eq!(mode & 0o777, 0o600);
        drop(connection);
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn a_failed_program_gives_its_last_words_and_progress_comes_line_by_line() {
        let mut heard = Vec::new();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "printf '10%%\\r20%%\\nsh: error: no room\\n' >&2; exit 3"]);
        let failed = run(command, |line| heard.push(line.to_owned())).await.expect_err("it fails");
        assert_eq!(failed.to_string(), "sh failed: sh: error: no room");
        assert_eq!(heard, ["10%", "20%", "sh: error: no room", ""]);
    }
}
