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
use verify::room::{PostgresDoor, RoomAddress};

pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A running copy. Dropping it ends the server and removes its files.
pub(crate) struct Copy {
    pub(crate) server: Server,
    host: Arc<Host>,
    dir: TempDir,
}

impl Copy {
    /// A server with `sql` run by the master user in its database `shop`.
    pub(crate) async fn new(sql: &str) -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let options = HostOptions {
            binaries: Binaries::find(&Search::default())?,
            data_checksums: true,
            start_within: Duration::from_secs(30),
        };
        let host = Arc::new(Host::new(options)?);
        let server = Cluster::init(&host, &dir.path().join("source")).await?.start(None).await?;
        ensure_rds_roles(server.admin()).await?;
        let master = MasterUser { name: "master".into(), password: PASSWORD.into() };
        create_master_user(server.admin(), &master, Some("shop")).await?;
        ensure_rds_roles(server.admin()).await?;
        let copy = Self { server, host, dir };
        copy.run(sql).await?;
        Ok(copy)
    }

    /// The same with damage, as a restored backup has it.
    pub(crate) async fn damaged(sql: &str, damage: Damage) -> anyhow::Result<Self> {
        let source = Self::new(sql).await?;
        source.server.admin().connect().await?.batch_execute("checkpoint").await?;
        let located = damage.locate(source.server.admin()).await?;
        let backup = Backup::at(source.dir.path().join("backup"));
        backup.take(&source.host, &source.server, &Arc::new(AtomicU64::new(0))).await?;
        backup.apply(&located)?;
        source.server.stop().await;
        let server =
            Cluster::restore(&source.host, &source.dir.path().join("copy"), &backup).await?.start(None).await?;
        Ok(Self { server, host: source.host, dir: source.dir })
    }

    /// Statements of the master user, each in a transaction of its own.
    pub(crate) async fn run(&self, sql: &str) -> anyhow::Result<()> {
        let client = self.server.login("master", PASSWORD, "shop").connect().await?;
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
        }
    }

    /// A door that trusts this copy's authority and lets loopback addresses in.
    pub(crate) fn door(&self) -> anyhow::Result<PostgresDoor> {
        door(self.host.ca_pem(), "127.0.0.1/32,::1/128")
    }
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
