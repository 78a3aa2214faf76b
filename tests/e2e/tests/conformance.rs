//! The adapters to AWS, held to the same rules as the in-memory cloud, on everything that speaks AWS's protocols here.
//!
//! The endpoint is MiniStack, or whatever `AWS_ENDPOINT_URL` names: `.ci/run` runs this file once more against LocalStack, as a
//! second opinion. The local RDS is always our own, with PostgreSQL behind it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_rds::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_rds::types::Tag;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use holdfast_aws::{EventBridge, Rds, S3, SecretsManager};
use holdfast_domain::inventory::{DatabaseKind, DbCluster, DbInstance, DbStatus};
use holdfast_localcloud::endpoint::Endpoint;
use holdfast_localcloud::postgres::{Binaries, Search};
use holdfast_localcloud::rds::{ClusterId, Config, InstanceId, Rds as LocalRds};
use holdfast_ports::{DbClusters as _, DbInstances as _};
use holdfast_testkit::conformance::{self, ClusterStage, ParameterStage, Stage};
use holdfast_wire::{Message, SOURCE};

const REGION: &str = "eu-west-1";
/// Endpoints deliver in milliseconds, a database starts in a second or two; the rest is for a machine that compiles at the same time.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[tokio::test]
async fn s3_keeps_the_rules_of_objects() -> Result<()> {
    let endpoint = Endpoint::from_environment(REGION, None).await?;
    let bucket = format!("holdfast-{}", std::process::id());
    let client = endpoint.s3(REGION);
    let here = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION)).build();
    client.create_bucket().bucket(&bucket).create_bucket_configuration(here).send().await?;
    conformance::objects(&S3::new(&endpoint.config(REGION), bucket.clone()), "conformance").await;
    // Whose bucket it was has no use for it; that it can go shows that the suite left nothing.
    client.delete_bucket().bucket(&bucket).send().await?;
    Ok(())
}

#[tokio::test]
async fn secrets_manager_keeps_the_rules_of_secrets() -> Result<()> {
    let endpoint = Endpoint::from_environment(REGION, None).await?;
    let suffix = format!("conformance-{}", std::process::id());
    conformance::secrets(&SecretsManager::new(&endpoint.config(REGION)), &suffix).await;
    Ok(())
}

#[tokio::test]
async fn event_bridge_keeps_the_rules_of_the_bus() -> Result<()> {
    let endpoint = Endpoint::from_environment(REGION, None).await?;
    let config = endpoint.config(REGION);
    let name = format!("holdfast-{}", std::process::id());
    let ear = Ear::on(&config, &name).await?;
    let hear = async |count| ear.hear(count).await.expect("messages");
    conformance::bus(&EventBridge::new(&config, name.clone()), hear).await;
    ear.remove().await
}

/// A queue that hears everything said on a bus of its own.
struct Ear {
    events: aws_sdk_eventbridge::Client,
    queues: aws_sdk_sqs::Client,
    name: String,
    queue_url: String,
}

impl Ear {
    /// Makes the bus, the queue and the rule between them, all of one name.
    async fn on(config: &SdkConfig, name: &str) -> Result<Self> {
        let (events, queues) = (aws_sdk_eventbridge::Client::new(config), aws_sdk_sqs::Client::new(config));
        events.create_event_bus().name(name).send().await?;
        let made = queues.create_queue().queue_name(name).send().await?;
        let queue_url = made.queue_url().context("a queue has a URL")?.to_owned();
        let queue_arn = format!("arn:aws:sqs:{REGION}:000000000000:{name}");
        let pattern = serde_json::json!({ "source": [SOURCE] }).to_string();
        events.put_rule().name(name).event_bus_name(name).event_pattern(pattern).send().await?;
        let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(queue_arn).build()?;
        events.put_targets().rule(name).event_bus_name(name).targets(target).send().await?;
        Ok(Self { events, queues, name: name.to_owned(), queue_url })
    }

    /// Waits until `count` different messages have come.
    async fn hear(&self, count: usize) -> Result<Vec<Message>> {
        let deadline = Instant::now() + PATIENCE;
        let mut heard: Vec<Message> = Vec::new();
        while heard.len() < count {
            ensure!(Instant::now() < deadline, "{} of {count} messages came", heard.len());
            let received = self.queues.receive_message().queue_url(&self.queue_url);
            for message in received.max_number_of_messages(10).wait_time_seconds(1).send().await?.messages() {
                let event: serde_json::Value = serde_json::from_str(message.body().context("a body")?)?;
                let read = Message::read(event["detail-type"].as_str().unwrap_or_default(), &event["detail"])?;
                if !heard.contains(&read) {
                    heard.push(read);
                }
                let handle = message.receipt_handle().context("a receipt handle")?;
                self.queues.delete_message().queue_url(&self.queue_url).receipt_handle(handle).send().await?;
            }
        }
        Ok(heard)
    }

    async fn remove(self) -> Result<()> {
        self.events.remove_targets().rule(&self.name).event_bus_name(&self.name).ids("queue").send().await?;
        self.events.delete_rule().name(&self.name).event_bus_name(&self.name).send().await?;
        self.events.delete_event_bus().name(&self.name).send().await?;
        self.queues.delete_queue().queue_url(&self.queue_url).send().await?;
        Ok(())
    }
}

#[tokio::test]
async fn the_local_rds_keeps_the_rules_of_rds() -> Result<()> {
    let binaries = tokio::task::spawn_blocking(|| Binaries::find(&Search::default())).await??;
    let family = format!("postgres{}", binaries.version_major);
    let dir = Directory::new()?;
    let local = LocalRds::start(Config::new(dir.0.join("rds"), binaries)).await?;
    let stage = Stage { region: REGION.parse()?, elsewhere: "us-east-1".parse()?, instance: "orders".parse()? };
    let config = rds_config(&local.endpoint());
    let rds = Rds::new(&config);
    make_available(&config, &rds, &stage).await?;
    let pass = async || tokio::time::sleep(LOOK_EVERY).await;
    conformance::rds(&rds, &stage, pass).await;
    local.upload_logs(&holdfast_localcloud::rds::Region::new(REGION), &InstanceId::parse("orders")?).await?;
    conformance::point_in_time(&rds, &stage, pass).await;
    conformance::furnished_room(&rds, &stage, &"hf-conformance".parse()?, &family, pass).await;
    for engine in ["aurora-postgresql", "docdb"] {
        let stage =
            ClusterStage { region: stage.region.clone(), elsewhere: stage.elsewhere.clone(), cluster: engine.parse()? };
        make_cluster_available(&config, &rds, &stage, engine).await?;
        conformance::clusters(&rds, &stage, pass).await;
        conformance::cluster_rooms(&rds, &stage, pass).await;
        // There is no data behind DocumentDB here that could be restored to a time.
        if engine != "docdb" {
            let (region, id) = (holdfast_localcloud::rds::Region::new(REGION), ClusterId::parse(engine)?);
            // What nobody writes to has nothing to upload.
            let member = aws_sdk_rds::Client::new(&config).create_db_instance().db_instance_identifier("writer");
            let member = member.db_cluster_identifier(engine).engine(engine).db_instance_class("db.r6g.large");
            member.send().await?;
            let pass_and_upload = async || {
                pass().await;
                local.upload_cluster_logs(&region, &id).await.expect("an upload of logs");
            };
            conformance::cluster_point_in_time(&rds, &stage, pass_and_upload).await;
        }
    }
    for (kind, family) in [(DatabaseKind::Instance, "postgres15"), (DatabaseKind::Cluster, "aurora-postgresql15")] {
        let (region, elsewhere) = (stage.region.clone(), stage.elsewhere.clone());
        conformance::parameters(&rds, &ParameterStage { region, elsewhere, kind, family: family.into() }).await;
    }
    local.shutdown().await?;
    Ok(())
}

async fn make_available(config: &SdkConfig, rds: &Rds, stage: &Stage) -> Result<()> {
    let made = aws_sdk_rds::Client::new(config)
        .create_db_instance()
        .db_instance_identifier(stage.instance.as_str())
        .db_instance_class("db.t4g.micro")
        .engine("postgres")
        .master_username("app")
        .master_user_password("correct-horse")
        .db_name("shop")
        .tags(Tag::builder().key("owner").value("shop").build());
    made.send().await?;
    let deadline = Instant::now() + PATIENCE;
    let serves = |seen: &DbInstance| seen.id == stage.instance && seen.status == DbStatus::Available;
    while !rds.db_instances(&stage.region).await?.iter().any(serves) {
        ensure!(Instant::now() < deadline, "the database did not start");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

async fn make_cluster_available(config: &SdkConfig, rds: &Rds, stage: &ClusterStage, engine: &str) -> Result<()> {
    let made = aws_sdk_rds::Client::new(config)
        .create_db_cluster()
        .db_cluster_identifier(stage.cluster.as_str())
        .engine(engine)
        .master_username("master")
        .master_user_password("correct-horse")
        .tags(Tag::builder().key("owner").value("shop").build());
    made.send().await?;
    let deadline = Instant::now() + PATIENCE;
    let serves = |seen: &DbCluster| seen.id == stage.cluster && seen.status == DbStatus::Available;
    while !rds.db_clusters(&stage.region).await?.iter().any(serves) {
        ensure!(Instant::now() < deadline, "the cluster did not start");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Nothing from the environment: whatever account it may hold, these calls must not reach it.
fn rds_config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "conformance");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}

/// A temporary directory that the user who runs PostgreSQL can pass, which need not be ours.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("holdfast-conformance-{}", std::process::id()));
        fs::create_dir(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o711))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Of the two failures, the one that brought us here matters more.
        drop(fs::remove_dir_all(&self.0));
    }
}
