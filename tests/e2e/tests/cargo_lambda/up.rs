//! `cargo drill up`, and whether it leaves anything behind.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_e2e::{Look, eventually, processes};
use holdfast_localcloud::build;
use tempfile::TempDir;

use crate::child::Child;
use crate::shell::Shell;

/// Ten seconds, and minutes when the functions have to be compiled first.
const UP_WITHIN: Duration = Duration::from_secs(300);
/// What ended with its parent is gone when the kernel has come to it.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// A local cloud that somebody keeps.
#[derive(Debug)]
pub(crate) struct Up {
    child: Child,
    shell: Shell,
    _dir: TempDir,
}

impl Up {
    /// Brings it up and reads its environment.
    pub(crate) async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut cargo = build::cargo();
        cargo.args(["drill", "up"]);
        let mut child = Child::start("drill-up", cargo, dir.path())?;
        eventually("`cargo drill up` prints its environment", UP_WITHIN, async || {
            if let Some(status) = child.ended()? {
                bail!("`cargo drill up` ended with {status}: {}", child.said());
            }
            // It is written at once, after all else: a file that is not empty is whole.
            Ok(Look::at(std::fs::metadata(child.out())?.len() > 0, || child.said()))
        })
        .await?;
        let shell = Shell::read(child.out())?;
        Ok(Self { child, shell, _dir: dir })
    }

    /// A shell with its environment.
    pub(crate) fn shell(&self) -> &Shell {
        &self.shell
    }

    /// Ctrl-C. Checks that everything ends.
    pub(crate) async fn end(mut self) -> Result<()> {
        let directory = self.directory()?;
        let ports = [port(self.shell.value("AWS_ENDPOINT_URL")?)?, port(self.shell.value("AWS_ENDPOINT_URL_RDS")?)?];
        let running = processes::working_in(&directory);
        ensure!(
            running.len() >= 2 && ports.iter().all(answers),
            "there is nothing to end: processes {running:?}, ports {ports:?}"
        );
        let status = self.child.interrupt().await?;
        ensure!(status.success(), "`cargo drill up` ended with {status}: {}", self.child.said());
        eventually("no process, port or directory is left", GONE_WITHIN, async || {
            let processes = running.iter().filter(|pid| processes::is_alive(**pid)).map(|pid| format!("process {pid}"));
            let ports = ports.iter().filter(|address| answers(address)).map(|address| format!("port {address}"));
            let directory = directory.exists().then(|| format!("directory {}", directory.display()));
            let left: Vec<String> = processes.chain(ports).chain(directory).collect();
            Ok(Look::at(left.is_empty(), || left.join(", ")))
        })
        .await
    }

    /// Its working directory, which is where it wrote its certificates.
    fn directory(&self) -> Result<PathBuf> {
        let file = Path::new(self.shell.value("HOLDFAST_ROOM_CA_FILE")?);
        ensure!(
            file.is_absolute() && file.exists(),
            "{} is no file that `verify` can read from anywhere",
            file.display()
        );
        Ok(file.parent().context("a file lies in a directory")?.to_owned())
    }
}

fn port(url: &str) -> Result<SocketAddr> {
    url.strip_prefix("http://").unwrap_or(url).parse().with_context(|| format!("{url} is no address on this machine"))
}

fn answers(address: &SocketAddr) -> bool {
    TcpStream::connect_timeout(address, Duration::from_millis(200)).is_ok()
}
