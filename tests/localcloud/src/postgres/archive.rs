//! A server's WAL archive: what makes it possible to restore its data as of a moment.
//!
//! Source: PostgreSQL documentation, "Continuous Archiving and Point-in-Time Recovery (PITR)". The server itself hands over finished
//! segments by its `archive_command`; an upload makes it finish one. Nothing here expires: an archive goes as a whole.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::files::{create_private_dir, remove_file_if_there, remove_tree, write_private};
use super::{Host, PostgresError, Server};

const POLL_EVERY: Duration = Duration::from_millis(10);

/// Makes a commit and says when it had not happened yet. A recovery to a time ends before the first commit after that time, and fails
/// where there is none; so the archive must hold a commit later than the time that is called restorable.
const HEARTBEAT: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint, txid_current()";

/// An archive below one directory. Its files go when the last user goes: a restore that has begun survives the end of its source.
#[derive(Debug)]
pub struct WalArchive {
    dir: PathBuf,
}

impl WalArchive {
    /// An empty archive in `dir`, which must be of its own.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn create(dir: impl Into<PathBuf>, host: &Host) -> Result<Self, PostgresError> {
        let archive = Self { dir: dir.into() };
        create_private_dir(&archive.dir, host.user())?;
        create_private_dir(&archive.segments_dir(), host.user())?;
        Ok(archive)
    }

    /// Where the segments lie.
    pub fn segments_dir(&self) -> PathBuf {
        self.dir.join("segments")
    }

    /// From now on the server's attempts to archive fail; it keeps its WAL and tries again.
    ///
    /// # Errors
    /// When the file that says so cannot be written.
    pub fn hold(&self, host: &Host) -> Result<(), PostgresError> {
        write_private(&self.hold_file(), "", host.user())
    }

    /// Ends what [`Self::hold`] began.
    ///
    /// # Errors
    /// When the file that says so cannot be removed.
    pub fn release(&self) -> Result<(), PostgresError> {
        remove_file_if_there(&self.hold_file())
    }

    /// Whether archiving is held back.
    pub fn is_held(&self) -> bool {
        self.hold_file().exists()
    }

    /// Has the server archive everything up to now. Answers with the latest time that the archive can be restored to, in whole
    /// milliseconds and rounded down.
    ///
    /// # Errors
    /// When the server cannot be asked, or the segment has not arrived `within` that time.
    pub async fn upload(&self, server: &Server, within: Duration) -> Result<Timestamp, PostgresError> {
        let client = server.admin().connect().await?;
        let heartbeat = client.query_one(HEARTBEAT, &[]).await.map_err(PostgresError::sql("commit a heartbeat"))?;
        let switched = client
            .query_one("select pg_walfile_name(pg_switch_wal())", &[])
            .await
            .map_err(PostgresError::sql("switch to a new WAL segment"))?;
        let segment = self.segments_dir().join(switched.get::<_, String>(0));
        let deadline = Instant::now() + within;
        while !segment.exists() {
            if Instant::now() > deadline {
                return Err(PostgresError::Unsupported(format!(
                    "{} was not archived within {} s",
                    segment.display(),
                    within.as_secs()
                )));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        whole_milliseconds(heartbeat.get(0))
            .map_err(|error| PostgresError::Unsupported(format!("the server's clock is off: {error}")))
    }

    /// Settings of a server that archives here. A segment is there whole or not at all, and one that comes again replaces its equal.
    pub(crate) fn archive_settings(&self) -> String {
        let (held, segments) = (shell_quoted(&self.hold_file()), shell_quoted(&self.segments_dir()));
        let command = format!(
            "test ! -e {held} && cp \"%p\" {segments}/\"%f.part\" && mv {segments}/\"%f.part\" {segments}/\"%f\""
        );
        format!("archive_mode = on\narchive_command = '{}'\n", command.replace('\'', "''"))
    }

    /// Settings of a recovery from here up to `target`. `latest` would follow a timeline of the source's own later recoveries.
    pub(crate) fn recovery_settings(&self, target: Timestamp) -> String {
        let command = format!("cp {}/\"%f\" \"%p\"", shell_quoted(&self.segments_dir()));
        // The names of time zones, "Z" among them, are not known yet when this is read.
        let target = target.strftime("%Y-%m-%d %H:%M:%S%.6f+00");
        format!(
            "restore_command = '{}'\nrecovery_target_time = '{target}'\nrecovery_target_timeline = 'current'\n\
             recovery_target_action = 'promote'\nhot_standby = off\n",
            command.replace('\'', "''")
        )
    }

    fn hold_file(&self) -> PathBuf {
        self.dir.join("held")
    }
}

impl Drop for WalArchive {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.dir) {
            tracing::warn!(%error, "a WAL archive could not be removed");
        }
    }
}

/// A time in the resolution of the RDS API, rounded down: rounded up it could be later than the commit that followed it.
fn whole_milliseconds(microseconds: i64) -> Result<Timestamp, jiff::Error> {
    Timestamp::from_millisecond(microseconds.div_euclid(1_000))
}

/// A path for the shell that runs the commands; the server replaces what follows a percent sign.
fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''").replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{shell_quoted, whole_milliseconds};

    #[test]
    fn a_path_reaches_the_shell_as_it_is() {
        assert_eq!(shell_quoted(Path::new("/a b/it's/50%")), r"'/a b/it'\''s/50%%'");
    }

    #[test]
    fn a_restorable_time_is_never_later_than_when_the_clock_was_read() -> Result<(), jiff::Error> {
        for microseconds in [1_000, 1_001, 1_499, 1_500, 1_999] {
            assert_eq!(whole_milliseconds(microseconds)?.as_microsecond(), 1_000, "{microseconds}");
        }
        Ok(())
    }
}
