//! A local cloud with sample databases and Holdfast on it, and what can be seen of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_rds::types::DbSnapshot;
use futures_util::future::try_join_all;
use holdfast_domain::{Cause, DbInstanceId, DbSnapshotId, Plan, Region, ResourceName, RunId, Slot, Verdict, slot};
use holdfast_ledger::{
    EVIDENCE_PREFIX, Found, Ledger, Phase, RecoveryPointRecord, Report, Run, recovery_point_key, run_key,
    verification_key, verify_evidence,
};
use holdfast_localcloud::build::Profile;
use holdfast_localcloud::cloud::{HOME, LocalCloud, Options};
use holdfast_localcloud::deploy::Letter;
use holdfast_localcloud::postgres::{Binaries, Damage, Search};
use holdfast_localcloud::rds::{self, InstanceId};
use holdfast_localcloud::venv;
use holdfast_localcloud::zips::Package;
use holdfast_plan::Compiled;
use holdfast_ports::{Fetched, Objects as _};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::draft::Draft;
use crate::leftovers::Leftovers;
use crate::watch::{Look, eventually};

/// Local clouds at once in one test binary: each keeps a core busy while it starts.
pub static TURNS: Semaphore = Semaphore::const_new(2);

/// From deployment until a run is closed takes ten seconds on a quiet machine. Longer than any draft's own deadline: what is too slow is
/// judged by that first, and the story says how far it had come.
pub const RUN_WITHIN: Duration = Duration::from_secs(300);

/// Of a log line in the story of what went wrong.
const LINE_MAX: usize = 400;

/// The database within every instance.
const DATABASE: &str = "app";

/// Some fifty pages: small, and more than one page to damage.
const SAMPLE: &str = "
create table orders (id bigint generated always as identity primary key, status text not null, note text not null);
insert into orders (status, note) select (array['open','paid'])[1 + n % 2], repeat(md5(n::text), 3) from generate_series(1, 3000) n;
create index orders_status on orders (status);
";

/// A local cloud whose databases hold data. Holdfast comes with [`Site::deploy`].
#[derive(Debug)]
pub struct Site {
    /// The cloud.
    pub cloud: LocalCloud,
    /// The plan.
    pub plan: Plan,
    /// When every rule of it is due.
    pub slot: Slot,
    compiled: Compiled,
    packages: BTreeMap<String, Package>,
    _turn: Option<SemaphorePermit<'static>>,
}

impl Site {
    /// Waits for its turn, starts a local cloud, makes every database of the draft and fills it. Holdfast is built here and not when it
    /// is deployed: from a clean clone it takes minutes, and a test that waits for a moment of the clock must not wait for a compiler.
    ///
    /// # Errors
    /// When Holdfast does not compile, or a part does not start.
    pub async fn raise(draft: &Draft, adjust: impl FnOnce(&mut Options)) -> Result<Self> {
        let turn = TURNS.acquire().await?;
        Ok(Self { _turn: Some(turn), ..Self::raise_beside(draft, adjust).await? })
    }

    /// The same, for a test that has taken its turns itself.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn raise_beside(draft: &Draft, adjust: impl FnOnce(&mut Options)) -> Result<Self> {
        let compiled = draft.compile()?;
        let (plan, slot) = (compiled.plan().clone(), Slot::at(draft.minute()?));
        let search = Search { cache_dir: venv::cache_dir().ok(), ..Search::default() };
        let binaries = tokio::task::spawn_blocking(move || Binaries::find(&search)).await??;
        // A silent verify is called again soon, so that a test of its death ends within a minute.
        let mut options = Options { verify_patience: "5s".into(), ..Options::new(binaries) };
        adjust(&mut options);
        let cloud = LocalCloud::start(options).await?;
        let ca_pem = cloud.rds.ca_pem().to_owned();
        let packages =
            tokio::task::spawn_blocking(move || LocalCloud::packages(&ca_pem, Profile::Dev, |_| {})).await??;
        let filled = plan.resources.values().map(async |resource| {
            let login = cloud
                .create_database(&resource.region, resource.db_instance().context("a DB instance")?, DATABASE)
                .await?;
            let client = login.connect().await?;
            client.batch_execute(SAMPLE).await.context("the sample")?;
            client.batch_execute("vacuum (analyze) orders").await.context("the sample's visibility map")?;
            Ok::<_, anyhow::Error>(())
        });
        try_join_all(filled).await?;
        Ok(Self { cloud, plan, slot, compiled, packages, _turn: None })
    }

    /// Takes another plan for the same databases.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn follow(&mut self, draft: &Draft) -> Result<()> {
        self.follow_compiled(draft.compile()?, Slot::at(draft.minute()?));
        Ok(())
    }

    /// Takes a plan that no draft can say, whose rules are due at this slot. The databases that it adds are the test's to make.
    pub fn follow_compiled(&mut self, compiled: Compiled, slot: Slot) {
        self.plan = compiled.plan().clone();
        self.compiled = compiled;
        self.slot = slot;
    }

    /// Deploys Holdfast. From here on everything happens by itself.
    ///
    /// # Errors
    /// When the endpoint refuses something.
    pub async fn deploy(&mut self) -> Result<()> {
        self.cloud.deploy(&self.compiled, &self.packages).await
    }

    /// Ends everything, and sees that nothing is left of it. When something did not hold, the site's story is added to it.
    ///
    /// # Errors
    /// What did not hold; what is left behind.
    pub async fn end(self, outcome: Result<()>) -> Result<()> {
        let outcome = match outcome {
            Ok(()) => Ok(()),
            Err(error) => Err(anyhow!("{error:#}\n\nwhat was to be seen:\n{}", self.story().await)),
        };
        let leftovers = Leftovers::of(&self.cloud);
        let ended = self.cloud.shutdown().await;
        outcome?;
        ended?;
        leftovers.are_gone().await
    }

    /// Puts an event on Holdfast's own bus, as any function may.
    ///
    /// # Errors
    /// When EventBridge does not take it.
    pub async fn put_event(&self, source: &str, detail_type: &str, detail: &serde_json::Value) -> Result<()> {
        let bus = self.cloud.deployed.buses.get("holdfast").context("nothing is deployed")?;
        let entry = PutEventsRequestEntry::builder().event_bus_name(bus).source(source).detail_type(detail_type);
        let client = aws_sdk_eventbridge::Client::new(&self.cloud.endpoint.config(HOME));
        let answer = client.put_events().entries(entry.detail(detail.to_string()).build()).send().await?;
        ensure!(answer.failed_entry_count() == 0, "{:?}", answer.entries());
        Ok(())
    }

    /// The region that databases stand in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.plan.primary
    }

    /// The local RDS's own type of it.
    #[must_use]
    pub fn rds_region(&self) -> rds::Region {
        rds::Region::new(self.plan.primary.as_str())
    }

    /// A database's instance, for the local RDS.
    ///
    /// # Errors
    /// When the name is not legal.
    pub fn instance(&self, name: &str) -> Result<InstanceId> {
        Ok(InstanceId::parse(name)?)
    }

    /// The name that the recovery point of a database has.
    ///
    /// # Errors
    /// When the name is not legal.
    pub fn snapshot_id(&self, name: &str) -> Result<DbSnapshotId> {
        Ok(slot::db_snapshot_id(&self.plan.name, &self.plan.environment, &name.parse()?, self.slot))
    }

    /// The run that proves it.
    ///
    /// # Errors
    /// When the name is not legal.
    pub fn run_id(&self, name: &str) -> Result<RunId> {
        Ok(format!("{name}.every.{}", self.slot).parse()?)
    }

    /// The room of that run.
    ///
    /// # Errors
    /// When the name is not legal.
    pub fn room_id(&self, name: &str) -> Result<DbInstanceId> {
        Ok(slot::room_id(&self.plan.name, &self.plan.environment, &name.parse()?, &self.run_id(name)?))
    }

    /// The cause under which people hear of a database.
    ///
    /// # Errors
    /// When the name is not legal.
    pub fn cause(&self, name: &str, what: &str) -> Result<Cause> {
        let resource: ResourceName = name.parse()?;
        Ok(Cause::of_resource(&self.plan.name, &self.plan.environment, &resource, what))
    }

    /// Lets a page of the next snapshot of a database be one of zeroes, which PostgreSQL takes for an empty one.
    ///
    /// # Errors
    /// When the name is not legal.
    pub fn damage_next_snapshot(&self, name: &str) -> Result<()> {
        let damage = Damage::ZeroHeapPage { database: DATABASE.into(), table: "orders".into(), page: 7 };
        self.cloud.rds.damage_next_snapshot(&self.rds_region(), &self.instance(name)?, damage);
        Ok(())
    }

    /// Waits until a run is closed, and gives its record.
    ///
    /// # Errors
    /// When it is not closed in time.
    pub async fn closed(&self, run: &RunId) -> Result<Run> {
        eventually(&format!("{run} is closed"), RUN_WITHIN, async || {
            let markers = self.cloud.open_runs().await?;
            Ok(match self.cloud.run(run).await? {
                Some(found) if found.phase == Phase::Closed && !markers.contains(run) => Look::Is(found),
                Some(found) => Look::NotYet(format!("{:?}", found.phase)),
                None => Look::NotYet("it has not begun".into()),
            })
        })
        .await
    }

    /// Waits until the restore test of a database is over, and sees that its verdict is this, that its room and secret are gone, and
    /// that its recovery point is as it must be.
    ///
    /// # Errors
    /// What is not so.
    pub async fn ends_in(&self, name: &str, verdict: Verdict) -> Result<Run> {
        let run = self.closed(&self.run_id(name)?).await?;
        let judged = run.verdict.as_ref().context("a closed run has no verdict")?;
        ensure!(
            judged.verdict == verdict,
            "{name} was judged {} where {verdict} is right: {:?}",
            judged.verdict,
            judged.reasons
        );
        self.room_is_gone(&run).await?;
        self.recovery_point_is_recorded(name).await?;
        Ok(run)
    }

    /// Sees that a run's room and its secret are gone.
    ///
    /// # Errors
    /// What still stands.
    pub async fn room_is_gone(&self, run: &Run) -> Result<()> {
        let instances = self.instances().await?;
        ensure!(!instances.contains(run.room.as_str()), "the room {} stands", run.room);
        let secrets =
            aws_sdk_secretsmanager::Client::new(&self.cloud.endpoint.config(HOME)).list_secrets().send().await?;
        let kept = secrets.secret_list().iter().any(|secret| secret.name() == Some(run.secret.as_str()));
        ensure!(!kept, "the secret {} is kept", run.secret);
        Ok(())
    }

    /// Names of every DB instance.
    ///
    /// # Errors
    /// When RDS does not answer.
    pub async fn instances(&self) -> Result<BTreeSet<String>> {
        let seen = self.cloud.rds_client(self.region()).describe_db_instances().send().await?;
        Ok(seen
            .db_instances()
            .iter()
            .filter_map(|instance| instance.db_instance_identifier().map(str::to_owned))
            .collect())
    }

    /// Every DB snapshot that somebody took: RDS itself takes an automated one of every new database.
    ///
    /// # Errors
    /// When RDS does not answer.
    pub async fn snapshots(&self) -> Result<Vec<DbSnapshot>> {
        let seen = self.cloud.rds_client(self.region()).describe_db_snapshots().snapshot_type("manual").send().await?;
        Ok(seen.db_snapshots().to_vec())
    }

    /// The record of a database's recovery point, if there is one.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn recovery_point(&self, name: &str) -> Result<Option<RecoveryPointRecord>> {
        let objects = self.cloud.objects()?;
        let ledger = Ledger::new(&objects, &holdfast_aws::System);
        Ok(ledger
            .read::<RecoveryPointRecord>(&recovery_point_key(&name.parse()?, self.slot))
            .await?
            .map(|held| held.body))
    }

    /// Waits until the ledger says that the recovery point of a database is complete.
    ///
    /// # Errors
    /// When it does not say so in time, or says something else than RDS.
    pub async fn recovery_point_is_recorded(&self, name: &str) -> Result<RecoveryPointRecord> {
        let record =
            eventually(&format!("the recovery point of {name} is recorded as complete"), RUN_WITHIN, async || {
                Ok(match self.recovery_point(name).await? {
                    Some(record) if record.available_seen_at.is_some() => Look::Is(record),
                    Some(record) => Look::NotYet(format!("asked for at {}", record.requested_at)),
                    None => Look::NotYet("no record".into()),
                })
            })
            .await?;
        ensure!(record.snapshot == self.snapshot_id(name)?, "the record is of {}", record.snapshot);
        Ok(record)
    }

    /// Every run that the ledger knows.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn runs(&self) -> Result<BTreeSet<String>> {
        let keys = self.cloud.objects()?.list("restore-tests/runs/").await?;
        Ok(keys
            .iter()
            .filter_map(|key| Some(key.strip_prefix("restore-tests/runs/")?.strip_suffix(".json")?.to_owned()))
            .collect())
    }

    /// Every chain of evidence, walked, with the records of runs and of verifications beside them.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn evidence(&self) -> Result<Report> {
        let objects = self.cloud.objects()?;
        let read = async |key: String| match objects.get(&key, None).await? {
            Fetched::Object(object) => Ok::<_, anyhow::Error>(Some(object.bytes)),
            Fetched::Missing | Fetched::Unchanged => Ok(None),
        };
        let mut found = Found::default();
        for key in objects.list(EVIDENCE_PREFIX).await? {
            let place = key.strip_prefix(EVIDENCE_PREFIX).and_then(|place| place.split_once('/'));
            let (resource, file) = place.with_context(|| key.clone())?;
            let links = found.links.entry(resource.to_owned()).or_default();
            links.insert(file.to_owned(), read(key.clone()).await?.context("a link is listed and not there")?);
        }
        for id in self.runs().await? {
            let run: RunId = id.parse()?;
            found.runs.extend(read(run_key(&run)).await?.map(|bytes| (format!("{id}.json"), bytes)));
            let verification = verification_key(&run);
            found.verifications.extend(read(verification.clone()).await?.map(|bytes| (verification, bytes)));
        }
        Ok(verify_evidence(&found))
    }

    /// Waits until Slack and PagerDuty have heard of a cause, in words that contain these.
    ///
    /// # Errors
    /// When one of them has not heard in time.
    pub async fn people_hear(&self, cause: &Cause, words: &str) -> Result<()> {
        eventually(&format!("people hear {words:?} about {cause}"), RUN_WITHIN, async || {
            let (slack, pagerduty) = (self.slack(words), self.pages(cause));
            let heard = !slack.is_empty() && pagerduty.iter().any(|summary| summary.contains(words));
            Ok(Look::at(heard, || format!("Slack {:?}; PagerDuty on this cause {pagerduty:?}", self.slack(""))))
        })
        .await
    }

    /// What Slack shows, first lines only, as far as it contains these words.
    #[must_use]
    pub fn slack(&self, words: &str) -> Vec<String> {
        let received = self.cloud.receivers.slack().received();
        let lines = received.iter().map(|message| message.body["text"].as_str().unwrap_or_default().to_owned());
        lines.filter(|line| line.contains(words)).collect()
    }

    /// Summaries of what paged somebody about a cause.
    #[must_use]
    pub fn pages(&self, cause: &Cause) -> Vec<String> {
        let received = self.cloud.receivers.pagerduty().received();
        // The key is the incident's id: the cause, and the how-manieth opening of it.
        let of_cause = |key: &str| key.strip_prefix(cause.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let about = received.iter().filter(|event| {
            event.body["dedup_key"].as_str().is_some_and(of_cause) && event.body["event_action"] == "trigger"
        });
        about.map(|event| event.body["payload"]["summary"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Sees that the receivers refused nothing for its form.
    ///
    /// # Errors
    /// What was refused.
    pub fn nothing_was_refused(&self) -> Result<()> {
        let (slack, pagerduty) = (self.cloud.receivers.slack().refused(), self.cloud.receivers.pagerduty().refused());
        ensure!(slack.is_empty() && pagerduty.is_empty(), "refused: Slack {slack:?}, PagerDuty {pagerduty:?}");
        Ok(())
    }

    /// What no function could handle.
    ///
    /// # Errors
    /// When a queue cannot be read.
    pub async fn dead_letters(&self) -> Result<Vec<Letter>> {
        Ok(self.cloud.deployed.dead_letters(&self.cloud.endpoint).await?)
    }

    /// Sees that no function failed for good, and that everybody who had to be told could be.
    ///
    /// # Errors
    /// The letters that say otherwise.
    pub async fn nothing_was_lost(&self) -> Result<()> {
        let (dead, fallback) =
            (self.dead_letters().await?, self.cloud.deployed.fallback_letters(&self.cloud.endpoint).await?);
        ensure!(dead.is_empty() && fallback.is_empty(), "dead letters {dead:#?}, fallback {fallback:#?}");
        Ok(())
    }

    /// How often functions asked AWS for this and got it: `rds:CreateDBSnapshot` of an instance.
    #[must_use]
    pub fn calls(&self, action: &str, resource: &str) -> usize {
        let calls = self.cloud.recorder.calls();
        let done = |call: &&holdfast_localcloud::recorder::Call| {
            call.action() == action
                && call.resource.as_deref() == Some(resource)
                && call.status.is_some_and(|status| status < 300)
        };
        calls.iter().filter(done).count()
    }

    /// How many invocations of each function have begun to look: every one reads the plan first, and `verify` its run. The logs would be
    /// no measure: the endpoint shows the last lines of a function with its next invocation.
    #[must_use]
    pub fn begun(&self) -> BTreeMap<String, usize> {
        let mut begun = BTreeMap::new();
        for call in
            self.cloud.recorder.calls().iter().filter(|call| call.action() == "s3:GetObject" && call.status.is_some())
        {
            let first = if call.function == "verify" { "/restore-tests/runs/" } else { "/plan.json" };
            let looked = call.resource.as_deref().is_some_and(|resource| resource.contains(first));
            *begun.entry(call.function.clone()).or_default() += usize::from(looked);
        }
        begun
    }

    /// The one log record that each invocation leaves.
    async fn outcomes_of(&self, function: &str) -> Result<Vec<String>> {
        let log = self.cloud.deployed.function_logs(&self.cloud.endpoint, function).await?;
        Ok(log
            .into_iter()
            .filter(|line| line.contains(" has failed\"") || line.contains(" has done its work\""))
            .collect())
    }

    /// What can be seen of a site on which something did not hold.
    async fn story(&self) -> String {
        let mut lines = Vec::new();
        for id in self.runs().await.unwrap_or_default() {
            let Ok(id) = id.parse() else { continue };
            if let Ok(Some(run)) = self.cloud.run(&id).await {
                lines.push(format!("run {id}: {:?}, {:?}", run.phase, run.verdict));
            }
        }
        for letter in self.dead_letters().await.unwrap_or_default() {
            lines.push(format!("dead letter: {:?}, because {:?}: {}", letter.function, letter.reason, letter.content));
        }
        for line in self.slack("") {
            lines.push(format!("Slack: {line}"));
        }
        for function in self.cloud.deployed.functions.keys() {
            let told = self.outcomes_of(function).await.unwrap_or_default();
            let errors = told.iter().filter(|line| line.contains(" has failed\""));
            lines.push(format!(
                "{function}: {} outcomes, {} errors; the last of each:",
                told.len(),
                errors.clone().count()
            ));
            let short = |line: &String| format!("  {}", line.chars().take(LINE_MAX).collect::<String>().trim());
            lines.extend(errors.rev().take(3).map(short));
            lines.extend(told.iter().rev().take(3).map(short));
        }
        lines.join("\n")
    }
}
