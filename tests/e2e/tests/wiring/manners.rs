//! How Holdfast behaves when the world does not: events late, doubled or lost, calls throttled, answers lost, rooms scarce, databases
//! that open to nobody, functions that are killed. The end is always the one that a quiet day would have brought, or people hear why not.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, Target};
use futures_util::FutureExt as _;
use holdfast_domain::Verdict;
use holdfast_e2e::{Database, Draft, Look, RUN_WITHIN, Site, all_hold, eventually, processes};
use holdfast_ledger::Run;
use holdfast_localcloud::cloud::HOME;
use holdfast_localcloud::rds::Refusal;
use holdfast_localcloud::receivers;
use holdfast_localcloud::recorder::{Effect, Fault};
use jiff::SignedDuration;
use rustix::process::Signal;
use serde_json::Value;

const SOUND: &str = "sound-db";
const DAMAGED: &str = "damaged-db";
const FIRST: &str = "first-db";
const SECOND: &str = "second-db";
const SHUT: &str = "shut-db";
const STUMBLING: &str = "stumbling-db";
const CRASHING: &str = "crashing-db";

/// The one verdict that wakes people where one copy is sound and the other damaged.
const FAILED: &str = "the restore test of damaged-db failed";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_events_cost_a_sweep_and_a_full_quota_a_wait() -> Result<()> {
    let draft = Draft::due_now([FIRST, SECOND].map(Database::named));
    let mut site = Site::raise(&draft, |options| {
        options.lose_rds_events = true;
        // Both databases and one room.
        options.quotas.instances = 3;
    })
    .await?;
    let outcome = async {
        site.deploy().await?;
        for name in [FIRST, SECOND] {
            site.ends_in(name, Verdict::Passed).await?;
        }
        let refused = site
            .cloud
            .recorder
            .calls()
            .iter()
            .filter(|call| call.error.as_deref() == Some("InstanceQuotaExceeded"))
            .count();
        ensure!(refused > 0, "the quota was in the way");
        nothing_was_done_twice(&site, &[FIRST, SECOND]).await?;
        site.nothing_was_lost().await
    };
    let outcome = outcome.await;
    site.end(outcome).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_doubled_and_in_any_order_end_in_the_same_state() -> Result<()> {
    let draft = Draft::due_now([SOUND, DAMAGED].map(Database::named)).with_rooms_max(1);
    let mut site = Site::raise(&draft, |_| {}).await?;
    let outcome = async {
        site.damage_next_snapshot(DAMAGED)?;
        site.deploy().await?;
        let mut echo = Echo::of(&site).await?;
        let seed = echo.chance.0;
        disturbed_by(&site, &mut echo).await.with_context(|| format!("events repeated by the seed {seed}"))
    };
    let outcome = outcome.await;
    site.end(outcome).await
}

async fn disturbed_by(site: &Site, echo: &mut Echo) -> Result<()> {
    let over = async { tokio::try_join!(site.ends_in(SOUND, Verdict::Passed), site.ends_in(DAMAGED, Verdict::Failed)) };
    let echoing = async {
        loop {
            echo.repeat_some().await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let (sound, damaged) = tokio::select! {
        runs = over => runs?,
        error = echoing => return error,
    };
    let [earlier, later] =
        if sound.requested_at <= damaged.requested_at { [&sound, &damaged] } else { [&damaged, &sound] };
    one_after_the_other(earlier, later)?;
    site.people_hear(&site.cause(DAMAGED, "restore-test")?, FAILED).await?;
    // And once more when all is over: every event that there was, twice, in any order.
    let before = site.begun();
    let mut wanted = echo.repeat_all().await?;
    for swept in ["snapshot", "restore-test"] {
        // Two sweeps more, so that what began last has come to its end.
        *wanted.entry(swept.into()).or_default() += 2;
    }
    eventually("every repeated event is handled", RUN_WITHIN, async || {
        let now = site.begun();
        let of = |counts: &BTreeMap<String, usize>, function: &str| counts.get(function).copied().unwrap_or_default();
        let handled = wanted.iter().all(|(function, more)| of(&now, function) >= of(&before, function) + more);
        Ok(Look::at(handled, || format!("{before:?} and {wanted:?} more, and now {now:?}")))
    })
    .await?;
    told_once(site)?;
    nothing_was_done_twice(site, &[SOUND, DAMAGED]).await?;
    site.nothing_was_lost().await
}

/// With one room for all, the second waits until the first is gone.
fn one_after_the_other(one: &Run, other: &Run) -> Result<()> {
    let span = |run: &Run| Some((run.times.restore_accepted_at?, run.times.closed_at?));
    let (one, other) = (span(one).context("times")?, span(other).context("times")?);
    ensure!(one.1 <= other.0 || other.1 <= one.0, "rooms stood at once: {one:?} and {other:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_and_throttling_end_in_the_same_state() -> Result<()> {
    let draft = Draft::due_now([SOUND, DAMAGED].map(Database::named));
    let mut site = Site::raise(&draft, |_| {}).await?;
    let outcome = async {
        site.damage_next_snapshot(DAMAGED)?;
        let trouble = trouble();
        for Trouble { function, service, operation, effect, times } in &trouble {
            site.cloud.recorder.add_fault(function, Fault::next(service, operation, effect.clone()).times(*times));
        }
        site.cloud.receivers.slack().fail_next(1, receivers::Fault::Status(500));
        site.deploy().await?;
        tokio::try_join!(site.ends_in(SOUND, Verdict::Passed), site.ends_in(DAMAGED, Verdict::Failed))?;
        site.people_hear(&site.cause(DAMAGED, "restore-test")?, FAILED).await?;
        let idle: Vec<&Trouble> = trouble.iter().filter(|trouble| !trouble.came(&site)).collect();
        ensure!(idle.is_empty(), "these faults never came: {idle:?}");
        told_once(&site)?;
        nothing_was_done_twice(&site, &[SOUND, DAMAGED]).await?;
        site.nothing_was_lost().await
    };
    let outcome = outcome.await;
    site.end(outcome).await
}

/// Calls of one function that go wrong.
#[derive(Debug)]
struct Trouble {
    function: &'static str,
    service: &'static str,
    operation: &'static str,
    effect: Effect,
    times: u32,
}

impl Trouble {
    /// Whether it had its way, as often as it should.
    fn came(&self, site: &Site) -> bool {
        let error = match &self.effect {
            Effect::LoseAnswer => "AnswerLost",
            Effect::KillCaller => "CallerKilled",
            Effect::Reset => "ConnectionReset",
            Effect::Respond { code, .. } => code,
            Effect::Delay(_) => return true,
        };
        let calls = site.cloud.recorder.calls();
        let met = calls.iter().filter(|call| {
            call.function == self.function
                && call.service == self.service
                && call.operation == self.operation
                && call.error.as_deref() == Some(error)
        });
        met.count() >= self.times as usize
    }
}

/// One of each sort for each function. Four in a row are more than the SDK's own three attempts: the whole invocation fails, and Lambda
/// makes another.
fn trouble() -> Vec<Trouble> {
    let lost = || Effect::LoseAnswer;
    let answer = |status, code: &str| Effect::Respond { status, code: code.into() };
    let trouble = |function, service, operation, effect, times| Trouble { function, service, operation, effect, times };
    vec![
        trouble("snapshot", "rds", "CreateDBSnapshot", lost(), 1),
        trouble("snapshot", "rds", "DescribeDBInstances", answer(400, "Throttling"), 2),
        trouble("snapshot", "s3", "PutObject", lost(), 1),
        trouble("snapshot", "s3", "GetObject", answer(503, "SlowDown"), 4),
        trouble("restore-test", "rds", "RestoreDBInstanceFromDBSnapshot", lost(), 1),
        trouble("restore-test", "rds", "ModifyDBInstance", lost(), 1),
        trouble("restore-test", "rds", "DeleteDBInstance", lost(), 1),
        trouble("restore-test", "rds", "DescribeDBSnapshots", answer(503, "ServiceUnavailable"), 4),
        trouble("restore-test", "s3", "PutObject", lost(), 2),
        trouble("restore-test", "s3", "ListObjectsV2", answer(500, "InternalError"), 1),
        trouble("restore-test", "s3", "DeleteObject", Effect::Reset, 1),
        trouble("restore-test", "secretsmanager", "CreateSecret", lost(), 1),
        trouble("restore-test", "secretsmanager", "DeleteSecret", lost(), 1),
        trouble("restore-test", "secretsmanager", "ListSecrets", answer(400, "ThrottlingException"), 1),
        trouble("restore-test", "events", "PutEvents", lost(), 2),
        trouble("verify", "s3", "PutObject", lost(), 2),
        trouble("verify", "s3", "GetObject", Effect::Reset, 1),
        trouble("verify", "secretsmanager", "GetSecretValue", answer(400, "ThrottlingException"), 1),
        trouble("verify", "events", "PutEvents", lost(), 1),
        trouble("alert", "s3", "PutObject", lost(), 1),
        trouble("alert", "s3", "GetObject", answer(503, "SlowDown"), 4),
        trouble("alert", "secretsmanager", "GetSecretValue", answer(500, "InternalServiceError"), 1),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_opens_to_nobody_and_a_function_that_dies_end_by_the_deadline() -> Result<()> {
    // Long enough in the act to be killed in it, and after the reading, so that something is recorded by then.
    let slow = "select pg_sleep(3)";
    let draft = Draft::due_now([
        Database::named(SHUT).with_deadline("1m"),
        Database::named(STUMBLING).with_question(slow),
        Database::named(CRASHING).with_deadline("1m").with_question(slow),
    ]);
    let mut site = Site::raise(&draft, |_| {}).await?;
    let prepared = async {
        let room = site.instance(site.room_id(SHUT)?.as_str())?;
        site.cloud.rds.refuse_connections(&site.rds_region(), &room, Refusal::PortClosed).await;
        site.deploy().await
    };
    let outcome = match prepared.await {
        Ok(()) => {
            all_hold(vec![
                ("a room that refuses connections proves nothing", a_shut_room_proves_nothing(&site).boxed_local()),
                (
                    "a verification that is killed once is carried on",
                    a_killed_verification_is_carried_on(&site).boxed_local(),
                ),
                (
                    "one that is killed every time is judged by its deadline",
                    one_killed_every_time_is_judged(&site).boxed_local(),
                ),
            ])
            .await
        }
        Err(error) => Err(error),
    };
    site.end(outcome).await
}

async fn a_shut_room_proves_nothing(site: &Site) -> Result<()> {
    let run = site.ends_in(SHUT, Verdict::Inconclusive).await?;
    judged_by_its_deadline(&run, "verification had not reached the room at the deadline")?;
    site.people_hear(&site.cause(SHUT, "restore-test")?, &format!("the restore test of {SHUT} proved nothing")).await?;
    let letters = site.dead_letters().await?;
    let about = letters.iter().any(|letter| {
        letter.function.as_deref() == Some("holdfast-verify") && letter.content["detail"]["run"] == run.id.as_str()
    });
    ensure!(about, "that verify could not get in is kept: {letters:?}");
    Ok(())
}

async fn a_killed_verification_is_carried_on(site: &Site) -> Result<()> {
    kill_verify_in_the_act(site, STUMBLING).await?;
    let run = site.ends_in(STUMBLING, Verdict::Passed).await?;
    let verification = site.cloud.verification(&run.id).await?.context("a verification")?;
    ensure!(verification.units_done == verification.units_total, "nothing was left out: {verification:?}");
    ensure!(site.slack(STUMBLING).is_empty(), "{:?}", site.slack(STUMBLING));
    Ok(())
}

async fn one_killed_every_time_is_judged(site: &Site) -> Result<()> {
    let killing = async {
        loop {
            kill_verify_in_the_act(site, CRASHING).await?;
        }
    };
    let run = tokio::select! {
        run = site.ends_in(CRASHING, Verdict::Inconclusive) => run?,
        error = killing => return error,
    };
    judged_by_its_deadline(&run, "verification had done")?;
    site.people_hear(&site.cause(CRASHING, "restore-test")?, &format!("the restore test of {CRASHING} proved nothing"))
        .await
}

fn judged_by_its_deadline(run: &Run, words: &str) -> Result<()> {
    let judged_at = run.times.judged_at.context("a judged run has a time")?;
    let late = judged_at.duration_since(run.deadline_at);
    // A sweep each second; the rest is for a busy machine.
    ensure!(late >= SignedDuration::ZERO && late < SignedDuration::from_secs(60), "judged {late:#} after its deadline");
    let reasons = run.verdict.as_ref().map(|verdict| verdict.reasons.clone()).unwrap_or_default();
    ensure!(reasons.iter().any(|reason| reason.contains(words)), "{words} is missing in {reasons:?}");
    Ok(())
}

/// Waits until `verify` has recorded something of a room and is still in it, and kills its process.
async fn kill_verify_in_the_act(site: &Site, name: &str) -> Result<()> {
    let id = site.run_id(name)?;
    let group = site.cloud.endpoint.ministack().context("an endpoint of our own")?.process_group();
    eventually(&format!("verify is at work on {name}"), RUN_WITHIN, async || {
        let Some(verification) = site.cloud.verification(&id).await? else {
            return Ok(Look::NotYet("not in the room".into()));
        };
        let Some(port) = site.cloud.run(&id).await?.and_then(|run| run.port) else {
            return Ok(Look::NotYet("no room".into()));
        };
        let workers = processes::connected_to(group, port);
        let in_the_act = verification.units_done > 0 && verification.finished_at.is_none() && !workers.is_empty();
        if in_the_act {
            for worker in workers {
                processes::send(worker, Signal::KILL)?;
            }
        }
        Ok(Look::at(in_the_act, || format!("{} of {} done", verification.units_done, verification.units_total)))
    })
    .await
}

/// Sees that people heard of the damaged copy, each of them once.
fn told_once(site: &Site) -> Result<()> {
    let (slack, pages) = (site.slack(""), site.pages(&site.cause(DAMAGED, "restore-test")?));
    ensure!(slack.len() == 1 && slack[0].contains(FAILED), "Slack heard {slack:?}");
    ensure!(pages.len() == 1 && site.cloud.receivers.pagerduty().open_alerts().len() == 1, "PagerDuty heard {pages:?}");
    site.nothing_was_refused()
}

/// Sees that there is one recovery point, one run and one room for each database, and that only the databases are left.
async fn nothing_was_done_twice(site: &Site, names: &[&str]) -> Result<()> {
    let mut runs = Vec::new();
    for name in names {
        let room = site.room_id(name)?;
        let taken = site.calls("rds:CreateDBSnapshot", name);
        let restored = site.calls("rds:RestoreDBInstanceFromDBSnapshot", room.as_str());
        ensure!(taken == 1 && restored == 1, "{name} was taken {taken} times and restored {restored} times");
        runs.push(site.run_id(name)?.to_string());
    }
    ensure!(site.runs().await? == runs.into_iter().collect(), "{:?}", site.runs().await?);
    ensure!(site.snapshots().await?.len() == names.len(), "{:?}", site.snapshots().await?);
    ensure!(
        site.instances().await? == names.iter().map(|name| (*name).to_owned()).collect(),
        "{:?}",
        site.instances().await?
    );
    Ok(())
}

/// A queue that hears every event on Holdfast's bus, and says it again: twice, later, in any order.
struct Echo {
    events: aws_sdk_eventbridge::Client,
    queues: aws_sdk_sqs::Client,
    queue_url: String,
    bus: String,
    heard: Vec<Value>,
    pending: Vec<Value>,
    chance: Chance,
}

/// What an event on the bus starts, as infra/wiring.yaml has it.
fn started_by(detail_type: &str) -> &'static [&'static str] {
    match detail_type {
        "RDS DB Snapshot Event" | "RDS DB Cluster Snapshot Event" => &["snapshot", "restore-test"],
        "RDS DB Instance Event" | "RDS DB Cluster Event" | "Verification Recorded" => &["restore-test"],
        "Restore Test Ready" | "Verification Continues" => &["verify"],
        "Finding" => &["alert"],
        _ => &[],
    }
}

/// Marks what is an echo itself.
const ECHO: &str = "echo";

impl Echo {
    async fn of(site: &Site) -> Result<Self> {
        let config = site.cloud.endpoint.config(HOME);
        let (events, queues) = (aws_sdk_eventbridge::Client::new(&config), aws_sdk_sqs::Client::new(&config));
        let bus = "holdfast".to_owned();
        let made = queues.create_queue().queue_name(ECHO).send().await?;
        let queue_url = made.queue_url().context("a queue has a URL")?.to_owned();
        let pattern = serde_json::json!({ "source": ["holdfast", "aws.rds"] }).to_string();
        events.put_rule().name(ECHO).event_bus_name(&bus).event_pattern(pattern).send().await?;
        let target = Target::builder().id(ECHO).arn(format!("arn:aws:sqs:{HOME}:000000000000:{ECHO}")).build()?;
        events.put_targets().rule(ECHO).event_bus_name(&bus).targets(target).send().await?;
        Ok(Self { events, queues, queue_url, bus, heard: Vec::new(), pending: Vec::new(), chance: Chance::new() })
    }

    /// Hears what is new, and says about half of what is still to be said.
    async fn repeat_some(&mut self) -> Result<()> {
        self.hear().await?;
        self.chance.shuffle(&mut self.pending);
        let left = self.pending.len() / 2;
        let said = self.pending.split_off(left);
        self.say(&said).await
    }

    /// Says everything that was ever heard, twice, and gives how often each function must handle it.
    async fn repeat_all(&mut self) -> Result<BTreeMap<String, usize>> {
        self.hear().await?;
        ensure!(self.heard.len() >= 10, "hardly anything was said on the bus: {:?}", self.heard);
        self.pending = self.heard.iter().chain(&self.heard).cloned().collect();
        self.chance.shuffle(&mut self.pending);
        let said = std::mem::take(&mut self.pending);
        self.say(&said).await?;
        let mut deliveries = BTreeMap::new();
        for function in said.iter().flat_map(|event| started_by(event["detail-type"].as_str().unwrap_or_default())) {
            *deliveries.entry((*function).to_owned()).or_default() += 1;
        }
        Ok(deliveries)
    }

    async fn hear(&mut self) -> Result<()> {
        loop {
            let received =
                self.queues.receive_message().queue_url(&self.queue_url).max_number_of_messages(10).send().await?;
            if received.messages().is_empty() {
                return Ok(());
            }
            for message in received.messages() {
                let event: Value = serde_json::from_str(message.body().context("a body")?)?;
                let handle = message.receipt_handle().context("a receipt handle")?;
                self.queues.delete_message().queue_url(&self.queue_url).receipt_handle(handle).send().await?;
                let is_echo =
                    event["resources"].as_array().is_some_and(|resources| resources.iter().any(|r| r == ECHO));
                if !is_echo {
                    self.pending.extend([event.clone(), event.clone()]);
                    self.heard.push(event);
                }
            }
        }
    }

    async fn say(&self, events: &[Value]) -> Result<()> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        // "Up to 10 entries" (EventBridge API Reference, PutEvents).
        for batch in events.chunks(10) {
            let entries = batch.iter().map(|event| {
                let entry = PutEventsRequestEntry::builder().event_bus_name(&self.bus).source(text(&event["source"]));
                entry
                    .detail_type(text(&event["detail-type"]))
                    .detail(event["detail"].to_string())
                    .resources(ECHO)
                    .build()
            });
            let answer = self.events.put_events().set_entries(Some(entries.collect())).send().await?;
            ensure!(answer.failed_entry_count() == 0, "{:?}", answer.entries());
        }
        Ok(())
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to shuffle by, and a seed to say what order it was.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        Self(jiff::Timestamp::now().as_nanosecond() as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.next() % (last as u64 + 1)).unwrap_or(0);
            items.swap(last, other);
        }
    }
}
