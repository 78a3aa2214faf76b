//! What the tests share: a service in a directory of its own, clients, and waiting.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_sdk_rds::Client;
use aws_sdk_rds::config::{BehaviorVersion, Credentials, retry::RetryConfig};
use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::super::{Config, Rds, RdsEvent, Region, Timings};
use crate::postgres::{Binaries, Login, Search};

pub(super) type Outcome = Result<(), Box<dyn std::error::Error>>;

pub(super) const PASSWORD: &str = "correct-horse";
const POLL_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(50);

/// A service, and what it said.
pub(super) struct Bench {
    pub(super) rds: Rds,
    pub(super) events: mpsc::UnboundedReceiver<RdsEvent>,
    pub(super) dir: TempDir,
}

/// The machine's binaries, looked for once; downloaded only where there are none.
fn binaries() -> Result<Binaries, String> {
    static FOUND: OnceLock<Result<Binaries, String>> = OnceLock::new();
    let cache_dir = std::env::temp_dir().join("holdfast-postgres");
    let search = Search { cache_dir: Some(cache_dir), ..Search::default() };
    FOUND.get_or_init(|| Binaries::find(&search).map_err(|error| error.to_string())).clone()
}

impl Bench {
    pub(super) async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(change: impl FnOnce(&mut Config)) -> Result<Self, Box<dyn std::error::Error>> {
        // The servers' user must be able to pass.
        let dir = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o711)).tempdir()?;
        let (sender, events) = mpsc::unbounded_channel();
        let mut config = Config::new(dir.path().join("rds"), binaries()?);
        config.timings = brisk();
        config.events = std::sync::Arc::new(sender);
        change(&mut config);
        Ok(Self { rds: Rds::start(config).await?, events, dir })
    }

    pub(super) fn client(&self, region: &str) -> Client {
        let config = aws_sdk_rds::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_sdk_rds::config::Region::new(region.to_owned()))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(self.rds.endpoint())
            .retry_config(RetryConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    pub(super) fn events_so_far(&mut self) -> Vec<RdsEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// Shuts down and checks that nothing is left.
    pub(super) async fn end(self) -> Outcome {
        let processes = self.rds.processes();
        let root: PathBuf = self.dir.path().join("rds");
        self.rds.shutdown().await?;
        for pid in processes {
            assert!(!PathBuf::from(format!("/proc/{pid}")).exists(), "process {pid} is left");
        }
        let left: Vec<_> = std::fs::read_dir(&root)?.collect();
        assert!(left.is_empty(), "files are left: {left:?}");
        Ok(())
    }
}

/// Long enough to be seen by a poll, no longer.
fn brisk() -> Timings {
    let brief = Duration::from_millis(100);
    Timings { creating: brief, snapshot: brief, pending: brief, modifying: brief, stopping: brief, deleting: brief }
}

pub(super) fn region() -> Region {
    Region::new("eu-central-1")
}

/// Creates an instance with a database `shop` and waits until it is available.
pub(super) async fn create(client: &Client, id: &str) -> Result<DbInstance, Box<dyn std::error::Error>> {
    begin_create(client, id).await?;
    available(client, id).await
}

pub(super) async fn begin_create(client: &Client, id: &str) -> Result<(), Box<dyn std::error::Error>> {
    let tag = aws_sdk_rds::types::Tag::builder().key("team").value("shop").build();
    client
        .create_db_instance()
        .db_instance_identifier(id)
        .db_instance_class("db.t4g.micro")
        .engine("postgres")
        .master_username("master")
        .master_user_password(PASSWORD)
        .db_name("shop")
        .tags(tag)
        .send()
        .await?;
    Ok(())
}

pub(super) async fn snapshot(
    client: &Client,
    instance: &str,
    id: &str,
) -> Result<DbSnapshot, Box<dyn std::error::Error>> {
    client.create_db_snapshot().db_instance_identifier(instance).db_snapshot_identifier(id).send().await?;
    let found = snapshot_in(client, id, "available").await?;
    available(client, instance).await?;
    Ok(found)
}

pub(super) async fn restore(
    client: &Client,
    snapshot: &str,
    id: &str,
) -> Result<DbInstance, Box<dyn std::error::Error>> {
    client
        .restore_db_instance_from_db_snapshot()
        .db_snapshot_identifier(snapshot)
        .db_instance_identifier(id)
        .send()
        .await?;
    available(client, id).await
}

pub(super) async fn available(client: &Client, id: &str) -> Result<DbInstance, Box<dyn std::error::Error>> {
    instance_in(client, id, "available").await
}

/// Waits for a status; a broken one ends the wait.
pub(super) async fn instance_in(
    client: &Client,
    id: &str,
    status: &str,
) -> Result<DbInstance, Box<dyn std::error::Error>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.describe_db_instances().db_instance_identifier(id).send().await?;
        let instance = answer.db_instances().first().ok_or("no instance in the answer")?.clone();
        let now = instance.db_instance_status().unwrap_or_default().to_owned();
        if now == status {
            return Ok(instance);
        }
        if Instant::now() > deadline || now == "failed" || now == "incompatible-restore" {
            return Err(format!("{id} is {now}, not {status}").into());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

pub(super) async fn snapshot_in(
    client: &Client,
    id: &str,
    status: &str,
) -> Result<DbSnapshot, Box<dyn std::error::Error>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.describe_db_snapshots().db_snapshot_identifier(id).send().await?;
        let snapshot = answer.db_snapshots().first().ok_or("no snapshot in the answer")?.clone();
        let now = snapshot.status().unwrap_or_default().to_owned();
        if now == status {
            return Ok(snapshot);
        }
        if Instant::now() > deadline {
            return Err(format!("{id} is {now}, not {status}").into());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Waits until an instance is gone.
pub(super) async fn gone(client: &Client, id: &str) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let answer = client.describe_db_instances().db_instance_identifier(id).send().await;
        if answer.is_err_and(|error| error.into_service_error().is_db_instance_not_found_fault()) {
            return Ok(());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Err(format!("{id} is still there").into())
}

/// The login an application would use: from what RDS says, and the root certificate.
pub(super) fn login(bench: &Bench, instance: &DbInstance, password: &str) -> Result<Login, Box<dyn std::error::Error>> {
    let endpoint = instance.endpoint().ok_or("no endpoint")?;
    Ok(Login {
        host: endpoint.address().ok_or("no address")?.to_owned(),
        port: u16::try_from(endpoint.port().ok_or("no port")?)?,
        user: "master".to_owned(),
        password: password.to_owned(),
        database: "shop".to_owned(),
        ca_pem: bench.rds.ca_pem().to_owned(),
    })
}

pub(super) async fn count(login: &Login, question: &str) -> Result<i64, Box<dyn std::error::Error>> {
    Ok(login.connect().await?.query_one(question, &[]).await?.get(0))
}
