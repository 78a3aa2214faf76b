//! What the tests share: a service in a directory of its own, clients, and waiting.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_sdk_rds::Client;
use aws_sdk_rds::config::{BehaviorVersion, Credentials, retry::RetryConfig};
use aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder;
use aws_sdk_rds::types::{DbCluster, DbClusterSnapshot, DbInstance, DbSnapshot};
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

/// Long enough to be seen by a poll, no longer. Logs are uploaded when a test says so.
fn brisk() -> Timings {
    let brief = Duration::from_millis(100);
    Timings {
        creating: brief,
        snapshot: brief,
        pending: brief,
        modifying: brief,
        stopping: brief,
        deleting: brief,
        log_upload: Duration::from_secs(3_600),
    }
}

pub(super) fn region() -> Region {
    Region::new("eu-central-1")
}

/// Creates an instance with a database `shop` and without automated backups, and waits until it is available.
pub(super) async fn create(client: &Client, id: &str) -> Result<DbInstance, Box<dyn std::error::Error>> {
    begin_create(client, id).await?;
    available(client, id).await
}

/// The same with automated backups, as RDS makes it unless told otherwise.
pub(super) async fn create_backed_up(client: &Client, id: &str) -> Result<DbInstance, Box<dyn std::error::Error>> {
    creation(client, id).send().await?;
    available(client, id).await
}

pub(super) async fn begin_create(client: &Client, id: &str) -> Result<(), Box<dyn std::error::Error>> {
    creation(client, id).backup_retention_period(0).send().await?;
    Ok(())
}

fn creation(client: &Client, id: &str) -> CreateDBInstanceFluentBuilder {
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

/// Creates an Aurora cluster without instances and with a database `shop`, and waits until it is available.
pub(super) async fn create_cluster(client: &Client, id: &str) -> Result<DbCluster, Box<dyn std::error::Error>> {
    client
        .create_db_cluster()
        .db_cluster_identifier(id)
        .engine("aurora-postgresql")
        .master_username("master")
        .master_user_password(PASSWORD)
        .database_name("shop")
        .storage_encrypted(true)
        .backup_retention_period(7)
        .tags(aws_sdk_rds::types::Tag::builder().key("team").value("shop").build())
        .send()
        .await?;
    cluster_in(client, id, "available").await
}

/// Creates an instance in a cluster and waits until it is available.
pub(super) async fn create_member(
    client: &Client,
    cluster: &str,
    id: &str,
    engine: &str,
) -> Result<DbInstance, Box<dyn std::error::Error>> {
    let call = client.create_db_instance().db_instance_identifier(id).db_cluster_identifier(cluster);
    call.db_instance_class("db.r6g.large").engine(engine).send().await?;
    available(client, id).await
}

pub(super) async fn cluster_in(
    client: &Client,
    id: &str,
    status: &str,
) -> Result<DbCluster, Box<dyn std::error::Error>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.describe_db_clusters().db_cluster_identifier(id).send().await?;
        let cluster = answer.db_clusters().first().ok_or("no cluster in the answer")?.clone();
        let now = cluster.status().unwrap_or_default().to_owned();
        if now == status {
            return Ok(cluster);
        }
        if Instant::now() > deadline || now == "migration-failed" {
            return Err(format!("{id} is {now}, not {status}").into());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Waits until a cluster is available with nothing pending.
pub(super) async fn cluster_settled(client: &Client, id: &str) -> Result<DbCluster, Box<dyn std::error::Error>> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let cluster = cluster_in(client, id, "available").await?;
        if cluster.pending_modified_values().is_none() {
            return Ok(cluster);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Err(format!("something is still pending for {id}").into())
}

/// Waits until an instance is available and keeps automated backups for so many days.
pub(super) async fn retaining(client: &Client, id: &str, days: i32) -> Result<DbInstance, Box<dyn std::error::Error>> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let instance = available(client, id).await?;
        if instance.backup_retention_period() == Some(days) {
            return Ok(instance);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Err(format!("the retention of {id} never became {days}").into())
}

/// Waits until a cluster is gone.
pub(super) async fn cluster_gone(client: &Client, id: &str) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let answer = client.describe_db_clusters().db_cluster_identifier(id).send().await;
        if answer.is_err_and(|error| error.into_service_error().is_db_cluster_not_found_fault()) {
            return Ok(());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Err(format!("{id} is still there").into())
}

pub(super) async fn cluster_snapshot(
    client: &Client,
    cluster: &str,
    id: &str,
) -> Result<DbClusterSnapshot, Box<dyn std::error::Error>> {
    client
        .create_db_cluster_snapshot()
        .db_cluster_identifier(cluster)
        .db_cluster_snapshot_identifier(id)
        .send()
        .await?;
    let found = cluster_snapshot_in(client, id, "available").await?;
    cluster_in(client, cluster, "available").await?;
    Ok(found)
}

pub(super) async fn cluster_snapshot_in(
    client: &Client,
    id: &str,
    status: &str,
) -> Result<DbClusterSnapshot, Box<dyn std::error::Error>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(id).send().await?;
        let snapshot = answer.db_cluster_snapshots().first().ok_or("no snapshot in the answer")?.clone();
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

/// The parameter group family of the PostgreSQL that this machine has.
pub(super) fn family(bench: &Bench) -> String {
    format!("postgres{}", bench.rds.cloud.host.binaries().version_major)
}

/// Makes a parameter group that changes nothing.
pub(super) async fn make_group(bench: &Bench, client: &Client, name: &str) -> Outcome {
    let call = client.create_db_parameter_group().db_parameter_group_name(name).description("of a test");
    call.db_parameter_group_family(family(bench)).send().await?;
    Ok(())
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
