//! A database cluster on disk: making it, restoring it, adopting it, starting it.
//!
//! Layout below a cluster's directory: `data/` (PostgreSQL's), `tls/`, `pg_hba.conf`, `recovery.conf` (how far a copy is to recover),
//! `postgres.log`. Every start writes the
//! configuration anew, so that nothing in a copied `postgresql.conf` or `postgresql.auto.conf` (archiving, replication,
//! preloaded libraries of the source) wakes up here.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::files::{
    blocking, copy_tree, create_private_dir, move_tree, remove_file_if_there, remove_tree, write_private,
};
use super::server::admin_login;
use super::{ADMIN, Authority, Backup, Binaries, Login, PostgresError, Server, ServerUser, WalArchive};

/// Another process may take a free port between the look and the use.
const PORT_ATTEMPTS: usize = 5;

/// Single-user mode listens nowhere and still demands a port.
const PORT_OF_SINGLE_USER_MODE: u16 = 5432;

/// Settings common to all servers. Small and quick: the data is worth nothing once the process has ended.
/// `wal_keep_size` keeps a running backup's segments from being recycled. `max_logical_replication_workers = 0` keeps a copy of a
/// subscriber from taking over its replication slot; no library is preloaded and little room is left for background workers, so no
/// scheduler of a copy runs. A copy with prepared transactions does not start without room for them. Shared memory in files below the data directory leaves nothing in `/dev/shm`.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
password_encryption = 'scram-sha-256'
fsync = off
synchronous_commit = off
wal_level = replica
wal_keep_size = '512MB'
max_wal_size = '512MB'
shared_buffers = '32MB'
dynamic_shared_memory_type = mmap
max_connections = 60
max_prepared_transactions = 100
max_worker_processes = 4
max_wal_senders = 4
max_logical_replication_workers = 0
shared_preload_libraries = ''
archive_mode = off
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_checkpoints = off
";

/// `recovery_target = 'immediate'` ends at the end of the backup, as an RDS snapshot does; all WAL needed lies in `pg_wal`
/// already, and a `restore_command` is demanded but must find nothing. Without hot standby the first successful connection is
/// one to a promoted server, and the source's `max_connections` need not be matched.
const RECOVERY_SETTINGS: &str = "\
restore_command = 'false'
recovery_target = 'immediate'
recovery_target_action = 'promote'
hot_standby = off
";

/// Files by which a copied data directory would go on as somebody's standby, or be restored from somebody's archive.
const SIGNALS: [&str; 2] = ["standby.signal", "recovery.signal"];

/// Said to a foreign cluster before its first ordinary start, in single-user mode, where no background process runs and no event
/// trigger fires. Settings of databases and roles go because they can load libraries into every session; subscriptions because
/// somebody might enable one and so take over the slot of the original. The database `postgres` is where we log in; some drop it.
const INERT: [&str; 4] = [
    "create database postgres",
    "update pg_database set datallowconn = true where datname = 'postgres'",
    "delete from pg_db_role_setting",
    "update pg_subscription set subenabled = false, subslotname = null, subconninfo = ''",
];

/// Who may log in: everybody with a password over TLS, from this machine.
const HBA_OPEN: &str = "hostssl all all 127.0.0.1/32 scram-sha-256\n";

/// As [`HBA_OPEN`], and copy the whole cluster. `all` does not mean the replication protocol.
const HBA_REPLICATION: &str = "hostssl all,replication all 127.0.0.1/32 scram-sha-256\n";

/// What becomes of a data directory that is adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// It is copied, never changed.
    Copy,
    /// It is moved: a copy that was made for this needs no second one.
    Move,
}

/// What a host is made from.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Server programs.
    pub binaries: Binaries,
    /// Whether new clusters carry data checksums. RDS for PostgreSQL has them on.
    pub data_checksums: bool,
    /// Longest a server may take from start to writable.
    pub start_within: Duration,
}

/// What all servers of one process share: programs, user, authority, and the superuser's password, so that a copy of one
/// cluster can be opened with the login of another.
#[derive(Debug)]
pub struct Host {
    options: HostOptions,
    user: ServerUser,
    authority: Authority,
    admin_password: String,
}

impl Host {
    /// Prepares to run servers.
    ///
    /// # Errors
    /// When no user can run them or the system has no randomness.
    pub fn new(options: HostOptions) -> Result<Self, PostgresError> {
        Ok(Self {
            options,
            user: ServerUser::choose()?,
            authority: Authority::generate()?,
            admin_password: random_password()?,
        })
    }

    /// Server programs.
    pub fn binaries(&self) -> &Binaries {
        &self.options.binaries
    }

    /// The operating-system user of the servers.
    pub fn user(&self) -> &ServerUser {
        &self.user
    }

    /// The root certificate clients must trust.
    pub fn ca_pem(&self) -> &str {
        self.authority.certificate_pem()
    }

    pub(crate) fn start_within(&self) -> Duration {
        self.options.start_within
    }

    pub(crate) fn admin_login(&self, port: u16) -> Login {
        admin_login(port, "127.0.0.1", &self.admin_password, self.ca_pem())
    }

    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.options.binaries.bindir.join(name));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
        self.user.apply(&mut command);
        command
    }
}

/// A database cluster below one directory.
#[derive(Debug, Clone)]
pub struct Cluster {
    host: Arc<Host>,
    dir: PathBuf,
}

impl Cluster {
    /// Makes an empty cluster in `dir`, its superuser named as on RDS.
    ///
    /// # Errors
    /// When `initdb` fails.
    pub async fn init(host: &Arc<Host>, dir: &Path) -> Result<Self, PostgresError> {
        let cluster = Self::prepare(host, dir)?;
        let this = cluster.clone();
        blocking(move || this.run_initdb()).await?;
        Ok(cluster)
    }

    /// Makes a cluster in `dir` from a backup. Its first start recovers and promotes it.
    ///
    /// # Errors
    /// When files cannot be copied.
    pub async fn restore(host: &Arc<Host>, dir: &Path, backup: &Backup) -> Result<Self, PostgresError> {
        Self::unpack(host, dir, backup, RECOVERY_SETTINGS.to_owned()).await
    }

    /// As [`Self::restore`], and its first start replays what is archived up to `target`. The backup must have ended before that time,
    /// and the archive must hold a later commit: [`WalArchive::upload`] answers with a time for which it does.
    ///
    /// # Errors
    /// When files cannot be copied.
    pub async fn restore_to(
        host: &Arc<Host>,
        dir: &Path,
        backup: &Backup,
        archive: &WalArchive,
        target: Timestamp,
    ) -> Result<Self, PostgresError> {
        Self::unpack(host, dir, backup, archive.recovery_settings(target)).await
    }

    async fn unpack(host: &Arc<Host>, dir: &Path, backup: &Backup, recovery: String) -> Result<Self, PostgresError> {
        let cluster = Self::prepare(host, dir)?;
        let (this, backup) = (cluster.clone(), backup.clone());
        blocking(move || {
            backup.unpack(&this.data_dir(), &this.host.user)?;
            write_private(&this.recovery_path(), &recovery, &this.host.user)?;
            write_private(&this.data_dir().join("recovery.signal"), "", &this.host.user)
        })
        .await?;
        Ok(cluster)
    }

    /// Makes a cluster in `dir` from somebody else's data directory: one that was shut down, or what `pg_basebackup` wrote. The
    /// cluster is made inert (no replication, no archiving, no preloaded library) before its first start, and the superuser of this
    /// process is put into it.
    ///
    /// # Errors
    /// When files cannot be copied, or the directory is of another major version, in use, or has tablespaces.
    pub async fn adopt(host: &Arc<Host>, dir: &Path, source: &Path, handover: Handover) -> Result<Self, PostgresError> {
        check_adoptable(host, source)?;
        let cluster = Self::prepare(host, dir)?;
        let (this, source) = (cluster.clone(), source.to_owned());
        blocking(move || {
            match handover {
                Handover::Copy => copy_tree(&source, &this.data_dir(), &this.host.user, &is_of_the_server, &|_| {})?,
                Handover::Move => move_tree(&source, &this.data_dir(), &this.host.user)?,
            }
            this.forget_replication()?;
            this.configure(PORT_OF_SINGLE_USER_MODE, "")?;
            this.make_inert()
        })
        .await?;
        Ok(cluster)
    }

    /// PostgreSQL's own directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Starts a server and waits until it is writable. It listens on `port` if that is free, else on any free one.
    ///
    /// # Errors
    /// When it does not come up; the end of its log is in the error.
    pub async fn start(&self, port: Option<u16>) -> Result<Server, PostgresError> {
        self.start_with(port, None, "").await
    }

    /// As [`Self::start`], with further lines of configuration, over those of every server here; and archives the server's WAL.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) async fn start_with(
        &self,
        mut port: Option<u16>,
        archive: Option<&WalArchive>,
        settings: &str,
    ) -> Result<Server, PostgresError> {
        let archiving = archive.map(WalArchive::archive_settings).unwrap_or_default();
        let log = self.dir.join("postgres.log");
        let mut attempts_left = PORT_ATTEMPTS;
        loop {
            attempts_left -= 1;
            let port = port.take().map_or_else(free_port, Ok)?;
            self.configure(port, &format!("{settings}{archiving}{}", self.recovery_settings()?))?;
            self.accept_logins()?;
            match Server::start(&self.host, &self.data_dir(), &log, port).await {
                Err(PostgresError::NotStarted { detail, .. })
                    if attempts_left > 0 && detail.contains("Address already in use") => {}
                outcome => return outcome,
            }
        }
    }

    /// Lets everybody with a password in. Takes effect at the next start or reload.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn accept_logins(&self) -> Result<(), PostgresError> {
        write_private(&self.hba_path(), HBA_OPEN, &self.host.user)
    }

    /// Refuses everybody but this process's superuser. Takes effect at the next start or reload.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn refuse_logins(&self) -> Result<(), PostgresError> {
        let text = format!("hostssl all {ADMIN} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 reject\n");
        write_private(&self.hba_path(), &text, &self.host.user)
    }

    /// As [`Self::accept_logins`], and lets roles that may replicate copy the cluster with `pg_basebackup`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn accept_replication(&self) -> Result<(), PostgresError> {
        write_private(&self.hba_path(), HBA_REPLICATION, &self.host.user)
    }

    /// Removes the cluster's directory. Its server must be stopped.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub async fn remove(self) -> Result<(), PostgresError> {
        blocking(move || remove_tree(&self.dir)).await
    }

    fn prepare(host: &Arc<Host>, dir: &Path) -> Result<Self, PostgresError> {
        let cluster = Self { host: Arc::clone(host), dir: dir.to_owned() };
        let tls = cluster.dir.join("tls");
        create_private_dir(dir, &host.user)?;
        create_private_dir(&tls, &host.user)?;
        let certificate = host.authority.issue()?;
        write_private(&tls.join("server.crt"), &certificate.certificate_pem, &host.user)?;
        write_private(&tls.join("server.key"), &certificate.key_pem, &host.user)?;
        Ok(cluster)
    }

    /// How far to recover; nothing for a cluster that has recovered, or never had to.
    fn recovery_settings(&self) -> Result<String, PostgresError> {
        if !self.data_dir().join("recovery.signal").exists() {
            return Ok(String::new());
        }
        let path = self.recovery_path();
        std::fs::read_to_string(&path).map_err(PostgresError::file("read", &path))
    }

    fn recovery_path(&self) -> PathBuf {
        self.dir.join("recovery.conf")
    }

    fn hba_path(&self) -> PathBuf {
        self.dir.join("pg_hba.conf")
    }

    fn run_initdb(&self) -> Result<(), PostgresError> {
        let password_file = self.dir.join("initdb-password");
        write_private(&password_file, &self.host.admin_password, &self.host.user)?;
        let mut command = self.host.program("initdb");
        command
            .args(["--username", ADMIN, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"])
            // Smallest segments: every snapshot ends with a switch to a new one, and carries those it spans.
            .args(["--wal-segsize", "1"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(self.data_dir());
        if self.host.options.data_checksums {
            command.arg("--data-checksums");
        } else if self.host.options.binaries.version_major >= 18 {
            // On is the default since PostgreSQL 18, which is also the first to know the negation.
            command.arg("--no-data-checksums");
        }
        let outcome = run("initdb", &mut command);
        remove_tree_file(&password_file)?;
        outcome
    }

    /// Removes what would make the copy a part of the original's replication. Slots hold WAL for clients that never come, and a
    /// logical one keeps a server with `wal_level = replica` from starting.
    fn forget_replication(&self) -> Result<(), PostgresError> {
        for name in SIGNALS {
            remove_file_if_there(&self.data_dir().join(name))?;
        }
        let slots = self.data_dir().join("pg_replslot");
        remove_tree(&slots)?;
        create_private_dir(&slots, &self.host.user)
    }

    /// Creates or resets the superuser in a cluster whose roles are unknown, and says [`INERT`]: single-user mode asks for no password.
    fn make_inert(&self) -> Result<(), PostgresError> {
        let mut command = self.host.program("postgres");
        command.arg("--single").arg("-D").arg(self.data_dir()).arg("template1");
        let password = &self.host.admin_password;
        // Not all may succeed, and single-user mode goes on after an error. The password is hexadecimal: nothing to quote.
        let roles = format!("create role {ADMIN};\nalter role {ADMIN} superuser login password '{password}';\n");
        run_with_input("postgres --single", &mut command, &format!("{roles}{};\n", INERT.join(";\n")))
    }

    fn configure(&self, port: u16, extra: &str) -> Result<(), PostgresError> {
        let quoted = |path: PathBuf| path.display().to_string().replace('\'', "''");
        let text = format!(
            "{SETTINGS}port = {port}\nhba_file = '{}'\nssl_cert_file = '{}'\nssl_key_file = '{}'\n{extra}",
            quoted(self.hba_path()),
            quoted(self.dir.join("tls/server.crt")),
            quoted(self.dir.join("tls/server.key")),
        );
        let data = self.data_dir();
        write_private(&data.join("postgresql.conf"), &text, &self.host.user)?;
        write_private(&data.join("postgresql.auto.conf"), "", &self.host.user)?;
        // The server looks for it beside its configuration file even when it is not used.
        write_private(&data.join("pg_ident.conf"), "", &self.host.user)
    }
}

/// A physical copy runs only under the version that wrote it, and only if nobody writes to the original meanwhile.
fn check_adoptable(host: &Host, source: &Path) -> Result<(), PostgresError> {
    let version_file = source.join("PG_VERSION");
    let version = std::fs::read_to_string(&version_file).map_err(PostgresError::file("read", &version_file))?;
    let ours = host.options.binaries.version_major;
    if version.trim() != ours.to_string() {
        return Err(PostgresError::Unsupported(format!(
            "{} is of PostgreSQL {}, the server programs are of {ours}: a physical copy needs the same major version",
            source.display(),
            version.trim()
        )));
    }
    if source.join("postmaster.pid").exists() {
        return Err(PostgresError::Unsupported(format!(
            "{} is in use (it has a postmaster.pid): stop that server or take a copy with pg_basebackup",
            source.display()
        )));
    }
    refuse_tablespaces(source)
}

/// Files of the running server, relative to its data directory.
fn is_of_the_server(path: &Path) -> bool {
    path == Path::new("postmaster.pid") || path == Path::new("postmaster.opts")
}

/// Tablespaces lie outside the data directory; a copy would share them with the original and corrupt it.
pub(crate) fn refuse_tablespaces(data_dir: &Path) -> Result<(), PostgresError> {
    let path = data_dir.join("pg_tblspc");
    match std::fs::read_dir(&path).map_err(PostgresError::file("read", &path))?.next() {
        None => Ok(()),
        Some(_) => Err(PostgresError::Unsupported(format!(
            "{} has tablespaces: a copy would share their files with the original; move the tables to pg_default first",
            data_dir.display()
        ))),
    }
}

/// A port nobody listens on now.
fn free_port() -> Result<u16, PostgresError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| PostgresError::Unsupported(format!("no free port on 127.0.0.1: {error}")))
}

/// 32 hexadecimal digits: nothing in them ever needs quoting.
fn random_password() -> Result<String, PostgresError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| PostgresError::Unsupported(format!("no randomness: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn remove_tree_file(path: &Path) -> Result<(), PostgresError> {
    std::fs::remove_file(path).map_err(PostgresError::file("remove", path))
}

fn run(program: &'static str, command: &mut Command) -> Result<(), PostgresError> {
    run_with_input(program, command, "")
}

fn run_with_input(program: &'static str, command: &mut Command, input: &str) -> Result<(), PostgresError> {
    let failed = |detail: String| PostgresError::Program { program, detail };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, input.as_bytes()).map_err(|error| failed(error.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
