//! What others say of the same files.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context as _;
use holdfast_localcloud::postgres::{Binaries, Login, Server};
use tokio::process::Command;

use crate::copy::Copy;

/// Every check that `pg_amcheck` has; TOAST is checked unless it is told not to.
pub(crate) const AMCHECK_FLAGS: [&str; 3] = ["--heapallindexed", "--parent-check", "--rootdescend"];

/// Whether somebody found it; `None` if the program is not on this machine.
pub(crate) type Found = Option<bool>;

pub(crate) struct Peers {
    pg_amcheck: Option<PathBuf>,
    pg_dump: Option<PathBuf>,
}

impl Peers {
    pub(crate) fn find(copy: &Copy) -> Self {
        let Binaries { pg_amcheck, pg_dump, .. } = copy.host.binaries().clone();
        Self { pg_amcheck, pg_dump }
    }

    /// `pg_amcheck` with every flag, then `pg_dump` to nowhere.
    pub(crate) async fn ask(&self, server: &Server) -> anyhow::Result<(Found, Found)> {
        Ok((
            complains(self.pg_amcheck.as_ref(), &AMCHECK_FLAGS, server.admin()).await?,
            complains(self.pg_dump.as_ref(), &[], server.admin()).await?,
        ))
    }
}

async fn complains(program: Option<&PathBuf>, flags: &[&str], login: &Login) -> anyhow::Result<Found> {
    let Some(program) = program else { return Ok(None) };
    let ended = Command::new(program)
        .args(flags)
        .args(["--host", &login.host, "--port", &login.port.to_string(), "--username", &login.user])
        .args(["--no-password", "shop"])
        .env("PGPASSWORD", &login.password)
        .env("PGSSLMODE", "require")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .with_context(|| format!("{} cannot be started", program.display()))?;
    Ok(Some(!ended.success()))
}
