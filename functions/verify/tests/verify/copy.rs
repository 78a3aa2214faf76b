//! A source server with data, and copies of it, damaged or not.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use holdfast_localcloud::postgres::{
    Backup, Binaries, Cluster, Damage, Host, HostOptions, MasterUser, Search, Server, create_master_user,
    ensure_rds_roles,
};
use tempfile::TempDir;
use verify::config::Config;
use verify::room::{Language, PostgresDoor, RoomAddress};

pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A source server that copies are made of, with the backup that they are made from.
pub(crate) struct Prepared {
    pub(crate) source: Copy,
    backup: Backup,
}

impl Prepared {
    /// A source with `sql` run by the master user in its database `shop`.
    pub(crate) async fn new(sql: &str, data_checksums: bool) -> anyhow::Result<Self> {
        Self::with(data_checksums, async |source| source.run(sql).await).await
    }

    /// A source that `fill` has filled.
    pub(crate) async fn with(
        data_checksums: bool,
        fill: impl AsyncFnOnce(&Copy) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let source = Copy::with_checksums("", data_checksums).await?;
        fill(&source).await?;
        // Recovery would heal a page whose image is in the WAL of the backup.
        source.server.admin().connect().await?.batch_execute("checkpoint").await?;
        let backup = Backup::at(source.dir.path().join("backup"));
        backup.take(&source.host, &source.server, &Arc::new(AtomicU64::new(0))).await?;
        Ok(Self { source, backup })
    }

    /// A restored copy, damaged before its first start.
    pub(crate) async fn restore(&self, damage: Option<&Damage>) -> anyhow::Result<Copy> {
        let dir = temporary_dir()?;
        let cluster = Cluster::restore(&self.source.host, &dir.path().join("copy"), &self.backup).await?;
        if let Some(damage) = damage {
            damage.locate(self.source.server.admin()).await?.apply(&cluster.data_dir())?;
        }
        Ok(Copy { server: cluster.start(None).await?, cluster, host: Arc::clone(&self.source.host), dir })
    }
}

/// A running copy. Dropping it ends the server and removes its files.
pub(crate) struct Copy {
    pub(crate) server: Server,
    cluster: Cluster,
    pub(crate) host: Arc<Host>,
    dir: TempDir,
}

impl Copy {
    /// A server with `sql` run by the master user in its database `shop`.
    pub(crate) async fn new(sql: &str) -> anyhow::Result<Self> {
        Self::with_checksums(sql, true).await
    }

    async fn with_checksums(sql: &str, data_checksums: bool) -> anyhow::Result<Self> {
        let dir = temporary_dir()?;
        let options = HostOptions {
            binaries: Binaries::find(&Search::default())?,
            data_checksums,
            start_within: Duration::from_secs(30),
        };
        let host = Arc::new(Host::new(options)?);
        let cluster = Cluster::init(&host, &dir.path().join("source")).await?;
        let server = cluster.start(None).await?;
        ensure_rds_roles(server.admin()).await?;
        let master = MasterUser { name: "master".into(), password: PASSWORD.into() };
        create_master_user(server.admin(), &master, Some("shop")).await?;
        ensure_rds_roles(server.admin()).await?;
        let copy = Self { server, cluster, host, dir };
        copy.run(sql).await?;
        Ok(copy)
    }

    /// The same with damage, as a restored backup has it.
    pub(crate) async fn damaged(sql: &str, damage: Damage) -> anyhow::Result<Self> {
        let prepared = Prepared::new(sql, true).await?;
        let copy = prepared.restore(Some(&damage)).await?;
        prepared.source.server.stop().await;
        Ok(copy)
    }

    /// The same files after the server was killed and has recovered from its WAL, as after a restore to a point in time: sequences may
    /// have jumped, and statistics are gone.
    pub(crate) async fn recovered(self) -> anyhow::Result<Self> {
        let Self { server, cluster, host, dir } = self;
        drop(server);
        Ok(Self { server: cluster.start(None).await?, cluster, host, dir })
    }

    /// Statements of the master user in `shop`, each in a transaction of its own.
    pub(crate) async fn run(&self, sql: &str) -> anyhow::Result<()> {
        self.run_in("shop", sql).await
    }

    /// The same in another database.
    pub(crate) async fn run_in(&self, database: &str, sql: &str) -> anyhow::Result<()> {
        let client = self.server.login("master", PASSWORD, database).connect().await?;
        // A commit that is not flushed yet keeps VACUUM from marking its pages all-visible.
        client.batch_execute("set synchronous_commit = on").await?;
        for statement in sql.split(";;").map(str::trim).filter(|statement| !statement.is_empty()) {
            client.batch_execute(statement).await.map_err(|error| anyhow::anyhow!("{statement}: {error:?}"))?;
        }
        Ok(())
    }

    pub(crate) fn address(&self) -> RoomAddress {
        RoomAddress {
            host: "localhost".into(),
            port: self.server.port(),
            user: "master".into(),
            database: "shop".into(),
            language: Language::Sql,
        }
    }

    /// A door that trusts this copy's authority and lets loopback addresses in.
    pub(crate) fn door(&self) -> anyhow::Result<PostgresDoor> {
        door(self.host.ca_pem(), "127.0.0.1/32,::1/128")
    }
}

/// The server's user must be able to reach what is in it.
fn temporary_dir() -> anyhow::Result<TempDir> {
    let dir = TempDir::new()?;
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(dir)
}

pub(crate) fn door(ca_pem: &str, networks: &str) -> anyhow::Result<PostgresDoor> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), ca_pem)?;
    let path = file.path().display().to_string();
    let config = Config::read(|name| match name {
        "HOLDFAST_ROOM_NETWORKS" => Some(networks.to_owned()),
        "HOLDFAST_ROOM_CA_FILE" => Some(path.clone()),
        _ => None,
    })?;
    Ok(PostgresDoor::new(&config)?)
}
