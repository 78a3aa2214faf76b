//! A physical backup of a running server, by the low-level backup API.
//!
//! Source: PostgreSQL documentation, "Making a Base Backup Using the Low Level API". The copy carries its own WAL, from the
//! start of the backup to its end, so that it can be restored when the source is long gone.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_postgres::Client;

use super::cluster::refuse_tablespaces;
use super::files::{blocking, copy_tree, create_private_dir, remove_tree, write_private};
use super::{Host, LocatedDamage, PostgresError, Server, ServerUser};

/// Directories whose contents a backup must not or need not carry (same list as `pg_basebackup`'s `excludeDirContents`).
const EMPTY_IN_COPY: [&str; 8] =
    ["pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"];

/// Files that belong to the running server. `postgresql.*conf` stays: it is overwritten at every start.
const NOT_IN_COPY: [&str; 4] = ["postmaster.pid", "postmaster.opts", "backup_label", "tablespace_map"];

/// A finished or growing backup below one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    dir: PathBuf,
}

/// What a backup turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupSummary {
    /// Bytes of all files, WAL included.
    pub bytes: u64,
}

/// A running backup ends when its session ends: the client is kept until the label is written.
struct Session {
    client: Client,
    version_major: u32,
    first_segment: String,
}

struct Stopped {
    label: String,
    last_segment: String,
}

impl Backup {
    /// A backup in `dir`, which must be of its own.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The copied data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Copies a running server. `bytes_copied` grows while it does.
    ///
    /// # Errors
    /// When the server has tablespaces, refuses the backup, or a file cannot be copied.
    pub async fn take(
        &self,
        host: &Host,
        server: &Server,
        bytes_copied: &std::sync::Arc<AtomicU64>,
    ) -> Result<BackupSummary, PostgresError> {
        refuse_tablespaces(server.data_dir())?;
        let session = Session::start(server, host.binaries().version_major).await?;
        let (source, this, user) = (server.data_dir().to_owned(), self.clone(), *host.user());
        let counter = std::sync::Arc::clone(bytes_copied);
        let copy = blocking(move || this.copy_data(&source, &user, &counter)).await;
        // Stop first, whatever became of the copy: a session left in backup mode holds its WAL.
        let stopped = session.stop().await?;
        copy?;
        let (source, this, counter) = (server.data_dir().to_owned(), self.clone(), std::sync::Arc::clone(bytes_copied));
        blocking(move || {
            this.copy_wal(&source, &session.first_segment, &stopped.last_segment, &user, &counter)?;
            write_private(&this.data_dir().join("backup_label"), &stopped.label, &user)
        })
        .await?;
        Ok(BackupSummary { bytes: bytes_copied.load(Ordering::Relaxed) })
    }

    /// Damages the copied files, as `damage` was located on the source.
    ///
    /// # Errors
    /// When the copy has no such place.
    pub fn apply(&self, damage: &LocatedDamage) -> Result<(), PostgresError> {
        damage.apply(&self.data_dir())
    }

    /// Removes the backup's files.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn remove(&self) -> Result<(), PostgresError> {
        remove_tree(&self.dir)
    }

    /// Copies the backup to where a server shall run on it.
    pub(crate) fn unpack(&self, data_dir: &Path, user: &ServerUser) -> Result<(), PostgresError> {
        copy_tree(&self.data_dir(), data_dir, user, &|_| false, &|_| {})
    }

    fn copy_data(&self, source: &Path, user: &ServerUser, copied: &AtomicU64) -> Result<(), PostgresError> {
        create_private_dir(&self.dir, user)?;
        let count = |bytes| {
            copied.fetch_add(bytes, Ordering::Relaxed);
        };
        copy_tree(source, &self.data_dir(), user, &left_out, &count)?;
        create_private_dir(&self.data_dir().join("pg_wal/archive_status"), user)
    }

    /// Copies the segments of the backup, and the timeline histories, into the copy's own `pg_wal`.
    fn copy_wal(
        &self,
        source: &Path,
        first: &str,
        last: &str,
        user: &ServerUser,
        copied: &AtomicU64,
    ) -> Result<(), PostgresError> {
        let (from, to) = (source.join("pg_wal"), self.data_dir().join("pg_wal"));
        for entry in std::fs::read_dir(&from).map_err(PostgresError::file("read", &from))? {
            let path = entry.map_err(PostgresError::file("read", &from))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            // Names of one timeline are hexadecimal of equal length: their order is the WAL's.
            if (name.len() == first.len() && (first..=last).contains(&name)) || name.ends_with(".history") {
                let target = to.join(name);
                let bytes = std::fs::copy(&path, &target).map_err(PostgresError::file("copy", &path))?;
                user.own(&target)?;
                copied.fetch_add(bytes, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// Whether a path, relative to the data directory, stays out of the copy.
fn left_out(path: &Path) -> bool {
    let mut parts = path.iter().filter_map(|part| part.to_str());
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    (EMPTY_IN_COPY.contains(&first) && second.is_some())
        || (NOT_IN_COPY.contains(&first) && second.is_none())
        || name.starts_with("pgsql_tmp")
        || name.starts_with("pg_internal.init")
}

impl Session {
    async fn start(server: &Server, version_major: u32) -> Result<Self, PostgresError> {
        let client = server.admin().connect().await?;
        // The functions were renamed, and the exclusive mode left out, in PostgreSQL 15.
        let start = if version_major >= 15 {
            "pg_backup_start('holdfast', true)"
        } else {
            "pg_start_backup('holdfast', true, false)"
        };
        let row = client
            .query_one(&format!("select pg_walfile_name({start})"), &[])
            .await
            .map_err(PostgresError::sql("start a backup"))?;
        Ok(Self { first_segment: row.get(0), client, version_major })
    }

    /// Ends the backup. Nobody archives here, so there is no archive to wait for.
    async fn stop(&self) -> Result<Stopped, PostgresError> {
        let stop = if self.version_major >= 15 { "pg_backup_stop(false)" } else { "pg_stop_backup(false, false)" };
        let row = self
            .client
            .query_one(&format!("select labelfile, pg_walfile_name(lsn) from {stop}"), &[])
            .await
            .map_err(PostgresError::sql("stop a backup"))?;
        Ok(Stopped { label: row.get(0), last_segment: row.get(1) })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::left_out;

    #[test]
    fn a_copy_leaves_out_what_belongs_to_the_running_server_and_nothing_else() {
        for path in [
            "postmaster.pid",
            "pg_wal/000000010000000000000001",
            "pg_replslot/slot/state",
            "base/1/pg_internal.init",
            "base/pgsql_tmp",
        ] {
            assert!(left_out(Path::new(path)), "{path} must not be copied");
        }
        for path in [
            "PG_VERSION",
            "pg_wal",
            "pg_replslot",
            "base/1/1259",
            "global/pg_control",
            "pg_xact/0000",
            "base/5/postmaster.pid",
        ] {
            assert!(!left_out(Path::new(path)), "{path} must be copied");
        }
    }
}
