//! The whole local cloud, as one thing that starts and ends: RDS with PostgreSQL, the AWS endpoint, receivers, the call recorder, and
//! Holdfast itself deployed on it. The drill and the end-to-end tests stand on this; neither calls a function of Holdfast directly.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_rds::error::DisplayErrorContext;
use holdfast_aws::{S3, System};
use holdfast_domain::{DbInstanceId, Region, RunId};
use holdfast_ledger::{Ledger, OPEN_PREFIX, Run, Verification, run_key, verification_key};
use holdfast_plan::Compiled;
use holdfast_ports::Objects as _;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::build::{self, Profile, Progress};
use crate::deploy::{self, Deployed, PlanArtifact, Settings};
use crate::endpoint::Endpoint;
use crate::postgres::{Binaries, Login};
use crate::rds::{self, Quotas, Rds, RdsEvent, Timings};
use crate::receivers::Receivers;
use crate::recorder::{Recorder, Upstreams};
use crate::wiring::Wiring;
use crate::zips::{self, Package};

/// Where Holdfast itself stands on the local cloud.
pub const HOME: &str = "eu-west-1";
/// The master password of databases made here. They listen on the loopback address, for minutes.
const MASTER_PASSWORD: &str = "local-drill-only";
/// A local database that is not there by then never will be.
/// The secret by which a deployment opts into `acknowledge`.
const ACKNOWLEDGE_SECRET: &str = "holdfast/acknowledge";
/// What PagerDuty's webhook and Slack's app would sign with here.
pub const SIGNING_KEY: &str = "local-drill-only-signing-key";
const DATABASE_WITHIN: Duration = Duration::from_secs(60);

/// What a local cloud is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// PostgreSQL.
    pub binaries: Binaries,
    /// Which build of the functions.
    pub profile: Profile,
    /// How often functions look at everything; one minute on AWS.
    pub sweep_every: String,
    /// How long `verify` may be silent; sixteen minutes on AWS.
    pub verify_patience: String,
    /// How long RDS's statuses last.
    pub timings: Timings,
    /// RDS's account limits.
    pub quotas: Quotas,
    /// RDS sends its events by best effort; here none arrives at all.
    pub lose_rds_events: bool,
}

impl Options {
    /// The drill's: everything as on AWS, only quicker.
    #[must_use]
    pub fn new(binaries: Binaries) -> Self {
        Self {
            binaries,
            profile: Profile::Dev,
            sweep_every: "rate(1 second)".into(),
            verify_patience: "20s".into(),
            timings: Timings::default(),
            quotas: Quotas::default(),
            lose_rds_events: false,
        }
    }
}

/// A running local cloud.
#[derive(Debug)]
pub struct LocalCloud {
    /// The AWS endpoint.
    pub endpoint: Endpoint,
    /// RDS.
    pub rds: Rds,
    /// Who hears alerts.
    pub receivers: Receivers,
    /// What every function called.
    pub recorder: Recorder,
    /// What was deployed; empty until [`Self::deploy`].
    pub deployed: Deployed,
    options: Options,
    wiring: Wiring,
    events: JoinHandle<()>,
    work_dir: TempDir,
}

impl LocalCloud {
    /// Starts everything but Holdfast.
    ///
    /// # Errors
    /// When a part does not start; what had started is ended.
    pub async fn start(options: Options) -> Result<Self> {
        let work_dir =
            tempfile::Builder::new().prefix("holdfast-").tempdir().context("cannot make a working directory")?;
        // PostgreSQL refuses to run as root and then runs as another user, who must get through.
        std::fs::set_permissions(work_dir.path(), std::fs::Permissions::from_mode(0o711))
            .context("cannot open the working directory")?;
        let wiring = Wiring::holdfast()?;
        let (events_in, events_out) = mpsc::unbounded_channel::<RdsEvent>();
        let config = rds::Config {
            timings: options.timings,
            quotas: options.quotas,
            events: std::sync::Arc::new(events_in),
            ..rds::Config::new(work_dir.path().join("rds"), options.binaries.clone())
        };
        let (endpoint, rds, receivers) = tokio::join!(
            Endpoint::from_environment(HOME, Some(work_dir.path())),
            Rds::start(config),
            Receivers::start()
        );
        let (endpoint, rds, receivers) =
            (endpoint?, rds?, receivers.context("cannot start the Slack and PagerDuty receivers")?);
        let upstreams = Upstreams { endpoint: endpoint.url().into(), rds: Some(rds.endpoint()) };
        let recorder = Recorder::start(upstreams, wiring.functions.keys().map(String::as_str)).await?;
        let events = if options.lose_rds_events {
            tokio::spawn(lose_events(events_out))
        } else {
            forward_events(&endpoint, events_out)
        };
        let cloud = Self {
            endpoint,
            rds,
            receivers,
            recorder,
            deployed: Deployed::default(),
            options,
            wiring,
            events,
            work_dir,
        };
        cloud.make_secrets().await?;
        Ok(cloud)
    }

    /// Where everything of this cloud lies; removed at its end.
    #[must_use]
    pub fn work_dir(&self) -> &Path {
        self.work_dir.path()
    }

    /// Which PostgreSQL it runs.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.options.binaries
    }

    /// Secrets as an operator would make them, with the receivers' addresses.
    async fn make_secrets(&self) -> Result<()> {
        let client = aws_sdk_secretsmanager::Client::new(&self.endpoint.config(HOME));
        for (name, value) in [
            ("holdfast/slack", self.receivers.slack_url()),
            ("holdfast/pagerduty", self.receivers.pagerduty_secret()),
            (ACKNOWLEDGE_SECRET, json!({ "pagerduty": [SIGNING_KEY], "slack": SIGNING_KEY }).to_string()),
        ] {
            let made = client.create_secret().name(name).secret_string(&value).send().await;
            match made {
                Ok(_) => {}
                Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_exists_exception()) => {
                    client.put_secret_value().secret_id(name).secret_string(value).send().await.context(name)?;
                }
                Err(error) => bail!("cannot make the secret {name}: {}", DisplayErrorContext(error)),
            }
        }
        Ok(())
    }

    /// Deploys Holdfast with a plan, as Terraform does on AWS; again, to bring it up to date.
    ///
    /// # Errors
    /// When the endpoint refuses something.
    pub async fn deploy(&mut self, plan: &Compiled, packages: &BTreeMap<String, Package>) -> Result<()> {
        let settings = Settings::new(HOME)
            .with("sweep_every", &self.options.sweep_every)
            .with("verify_patience", &self.options.verify_patience)
            .with("room_subnet_group", "clean-room")
            .with("room_security_groups", "sg-0sealed")
            .with("room_networks", "127.0.0.1/32")
            .with("acknowledge_secret", ACKNOWLEDGE_SECRET);
        let artifact = PlanArtifact::read(plan.to_json())?;
        self.deployed =
            deploy::deploy(&self.endpoint, &self.wiring, &artifact, &settings, packages, Some(&self.recorder)).await?;
        Ok(())
    }

    /// Builds the functions and packages them as Lambda zips. Blocks: seconds after a change, minutes at first.
    ///
    /// # Errors
    /// When they do not compile or cannot be packaged.
    pub fn packages(
        ca_pem: &str,
        profile: Profile,
        progress: impl FnMut(Progress),
    ) -> Result<BTreeMap<String, Package>> {
        let wiring = Wiring::holdfast()?;
        let names: Vec<&str> = wiring.functions.keys().map(String::as_str).collect();
        let binaries = build::functions(&names, profile, progress)?;
        let mut packages = BTreeMap::new();
        for (name, function) in &wiring.functions {
            let files = function.files.iter().map(|file| (file.clone(), ca_pem.as_bytes().to_vec())).collect();
            packages.insert(name.clone(), zips::package(&binaries[name], &files)?);
        }
        Ok(packages)
    }

    /// A client of the local RDS.
    #[must_use]
    pub fn rds_client(&self, region: &Region) -> aws_sdk_rds::Client {
        let config = aws_sdk_rds::config::Builder::from(&self.endpoint.config(region.as_str()))
            .endpoint_url(self.rds.endpoint());
        aws_sdk_rds::Client::from_conf(config.build())
    }

    /// Makes a database through the RDS API, waits until it is available, and gives its master user's login.
    ///
    /// # Errors
    /// When RDS refuses, or the database is not available in time.
    pub async fn create_database(&self, region: &Region, id: &DbInstanceId, database: &str) -> Result<Login> {
        let call = self
            .rds_client(region)
            .create_db_instance()
            .db_instance_identifier(id.as_str())
            .db_instance_class("db.t4g.medium")
            .engine("postgres")
            .db_name(database)
            .master_username("app")
            .master_user_password(MASTER_PASSWORD)
            .allocated_storage(20);
        call.send().await.map_err(|error| anyhow::anyhow!("cannot create {id}: {}", DisplayErrorContext(error)))?;
        self.available(region, id).await?;
        self.master_login(region, id, database).await
    }

    /// The master user's login of a database made here.
    ///
    /// # Errors
    /// When there is no such instance, or it has no endpoint.
    pub async fn master_login(&self, region: &Region, id: &DbInstanceId, database: &str) -> Result<Login> {
        let seen = self.rds_client(region).describe_db_instances().db_instance_identifier(id.as_str()).send().await?;
        let endpoint = seen.db_instances().first().and_then(|instance| instance.endpoint()).context("no endpoint")?;
        Ok(Login {
            host: endpoint.address().context("no address")?.to_owned(),
            port: u16::try_from(endpoint.port().context("no port")?)?,
            user: "app".into(),
            password: MASTER_PASSWORD.into(),
            database: database.into(),
            ca_pem: self.rds.ca_pem().into(),
        })
    }

    /// Waits until an instance is available.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn available(&self, region: &Region, id: &DbInstanceId) -> Result<()> {
        self.available_within(region, id, DATABASE_WITHIN).await
    }

    /// As [`Self::available`], with patience for a database that is large.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn available_within(&self, region: &Region, id: &DbInstanceId, within: Duration) -> Result<()> {
        let client = self.rds_client(region);
        let looked = async {
            loop {
                let seen = client.describe_db_instances().db_instance_identifier(id.as_str()).send().await?;
                match seen.db_instances().first().and_then(|instance| instance.db_instance_status()) {
                    Some("available") => return Ok(()),
                    Some("failed") => bail!("{id} has failed"),
                    Some(_) | None => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        };
        tokio::time::timeout(within, looked).await.with_context(|| format!("{id} is not available in time"))?
    }

    /// The ledger bucket, past the recorder.
    ///
    /// # Errors
    /// When nothing was deployed.
    pub fn objects(&self) -> Result<S3> {
        let bucket = self.deployed.buckets.get("ledger").context("nothing is deployed")?;
        Ok(S3::new(&self.endpoint.config(HOME), bucket.clone()))
    }

    /// A run's record, if it has begun.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn run(&self, run: &RunId) -> Result<Option<Run>> {
        let objects = self.objects()?;
        Ok(Ledger::new(&objects, &System).read::<Run>(&run_key(run)).await?.map(|held| held.body))
    }

    /// A run's verification, if it has begun.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn verification(&self, run: &RunId) -> Result<Option<Verification>> {
        let objects = self.objects()?;
        let held = Ledger::new(&objects, &System).read::<Verification>(&verification_key(run)).await?;
        Ok(held.map(|held| held.body))
    }

    /// Runs that have begun and whose marker still stands.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open_runs(&self) -> Result<Vec<RunId>> {
        let keys = self.objects()?.list(OPEN_PREFIX).await?;
        Ok(keys.iter().filter_map(|key| holdfast_ledger::run_of_open_key(key)).collect())
    }

    /// Ends everything, in order: no more triggers, then no more functions, then no more databases.
    ///
    /// # Errors
    /// When files remain.
    pub async fn shutdown(self) -> Result<()> {
        let Self { endpoint, rds, receivers, recorder, events, work_dir, .. } = self;
        events.abort();
        drop(endpoint);
        drop(recorder);
        receivers.shutdown().await.context("the receivers did not end")?;
        rds.shutdown().await?;
        work_dir.close().context("cannot remove the working directory")
    }
}

/// RDS's events, into nothing.
async fn lose_events(mut events: mpsc::UnboundedReceiver<RdsEvent>) {
    while events.recv().await.is_some() {}
}

/// RDS's events, onto the default bus of their region.
fn forward_events(endpoint: &Endpoint, events: mpsc::UnboundedReceiver<RdsEvent>) -> JoinHandle<()> {
    let (url, config) = (endpoint.url().to_owned(), endpoint.config(HOME));
    tokio::spawn(async move {
        rds::forward_to_event_bus(events, &url, &config, |event, error| {
            tracing::warn!(event.id = event.event_id, error, "an RDS event was not delivered");
        })
        .await;
    })
}
