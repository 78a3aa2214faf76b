//! A cloud with one run that is being verified.

use std::time::Duration;

use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::{RunId, Verdict};
use holdfast_ledger::{
    CheckRecord, Fingerprint, Ledger, Maker, OutcomeWord, Phase, PlanStore, Proved, ProvedEntry, RecoveryPoint, Run,
    RunSource, RunTimes, RunVerdict, Verification, plan_key, proved_key, run_key, verification_key,
};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::{Message, Trigger, VerifyWork};
use verify::room::{Language, RoomAddress};
use verify::{Done, Error, Idle, Ports, RoomDoor};

/// As `HOLDFAST_ROOM_CONNECTIONS` is by default.
pub(crate) const CONNECTIONS: usize = 4;

/// Lambda's longest.
pub(crate) const INVOCATION: Duration = Duration::from_secs(900);

pub(crate) struct Desk {
    pub(crate) cloud: MemoryCloud,
    pub(crate) run: RunId,
    connections: usize,
}

impl Desk {
    /// A run in a room, with a plan's `checks` in YAML's flow style.
    pub(crate) async fn new(address: &RoomAddress, password: &str, checks: &str) -> anyhow::Result<Self> {
        let desk = Self {
            cloud: MemoryCloud::at("2026-11-20T06:30:00Z".parse()?),
            run: "orders-db.every.20261120t020000z".parse()?,
            connections: CONNECTIONS,
        };
        let plan = holdfast_plan::read_yaml("plan.yaml", &plan_yaml(address.language, checks))
            .map_err(|problems| anyhow::anyhow!("{problems}"))?;
        desk.cloud.put_object(&plan_key(plan.sha()), plan.to_json());
        let engine = match address.language {
            Language::Sql => "postgres",
            Language::Documents => "docdb",
        };
        let run = Run {
            id: desk.run.clone(),
            plan_sha: plan.sha().clone(),
            resource: "orders-db".parse()?,
            rule: "every".into(),
            slot: "20261120t020000z".parse()?,
            region: "eu-central-1".parse()?,
            source: RunSource {
                from: RestoreFrom::Latest,
                point: RecoveryPoint::DbSnapshot { id: "hf-orders-db-1".parse()? },
                arn: "arn:aws:rds:eu-central-1:000000000000:snapshot:hf-orders-db-1".into(),
                made_by: Maker::Holdfast,
                taken_at: "2026-11-20T02:00:00Z".parse()?,
                fingerprint: Fingerprint {
                    engine: engine.into(),
                    engine_version: "15.8".into(),
                    parameter_group: None,
                    option_group: None,
                },
                size_bytes: None,
            },
            room: "hf-rt-orders-db".parse()?,
            instance_class: "db.t4g.medium".into(),
            serverless: None,
            secret: "hf-rt-orders-db".parse()?,
            phase: Phase::Verifying,
            requested_at: "2026-11-20T06:00:00Z".parse()?,
            deadline_at: "2026-11-20T10:00:00Z".parse()?,
            verify_called_at: None,
            times: RunTimes::default(),
            host: Some(address.host.clone()),
            port: Some(address.port),
            master_user: Some(address.user.clone()),
            database: Some(address.database.clone()),
            parameters: None,
            restored_as: None,
            verdict: None,
            evidence_after: 0,
            evidence: None,
        };
        desk.cloud.put_secret(&run.secret, password);
        Ledger::new(&desk.cloud, &desk.cloud).create(&run_key(&desk.run), run).await?;
        Ok(desk)
    }

    pub(crate) async fn change_run(&self, change: impl FnOnce(&mut Run)) -> anyhow::Result<()> {
        let ledger = Ledger::new(&self.cloud, &self.cloud);
        let held = ledger.read::<Run>(&run_key(&self.run)).await?.ok_or_else(|| anyhow::anyhow!("no run"))?;
        let mut run = held.body.clone();
        change(&mut run);
        ledger.replace(&held, run).await?;
        Ok(())
    }

    /// A run of the same resource that was judged before, with what it found.
    pub(crate) async fn remember(&self, verification: &Verification, verdict: Verdict) -> anyhow::Result<RunId> {
        let ledger = Ledger::new(&self.cloud, &self.cloud);
        let held = ledger.read::<Run>(&run_key(&self.run)).await?.ok_or_else(|| anyhow::anyhow!("no run"))?;
        let mut run = held.body;
        run.id = format!("orders-db.every.before-{verdict}").parse()?;
        run.phase = Phase::Closed;
        run.verdict = Some(RunVerdict { verdict, reasons: vec![] });
        let (taken_at, run_resource) = (run.source.taken_at, run.resource.clone());
        let id = run.id.clone();
        let record = Verification { run: id.clone(), ..verification.clone() };
        ledger.create(&verification_key(&id), record).await?;
        ledger.create(&run_key(&id), run).await?;
        let entry = ProvedEntry { run: id.clone(), taken_at, proved: false };
        let key = proved_key(&run_resource);
        match ledger.read::<Proved>(&key).await? {
            Some(held) => {
                let entries = held.body.entries.iter().cloned().chain([entry]).collect();
                ledger.replace(&held, Proved { entries }).await?;
            }
            None => {
                ledger.create(&key, Proved { entries: vec![entry] }).await?;
            }
        }
        Ok(id)
    }

    pub(crate) fn first_call(&self) -> Trigger {
        Trigger::Bus(Message::RestoreTestReady(VerifyWork { run: self.run.clone(), shard: 0, cursor: 0, hop: 0 }))
    }

    pub(crate) async fn call(
        &self,
        door: &impl RoomDoor,
        trigger: &Trigger,
        time_left: Duration,
    ) -> Result<Done, Error> {
        let ports = Ports {
            objects: &self.cloud,
            secrets: &self.cloud,
            bus: &self.cloud,
            system: &self.cloud,
            door,
            connections: self.connections,
        };
        verify::handle(&ports, &PlanStore::default(), trigger, time_left).await
    }

    /// The whole verification, as if time were no object.
    pub(crate) async fn verify(&self, door: &impl RoomDoor) -> anyhow::Result<Verification> {
        self.call(door, &self.first_call(), INVOCATION).await?;
        self.record().await
    }

    /// The whole verification, as soon as the invocation before has left: a server notices a closed connection in its own time.
    pub(crate) async fn verify_when_free(&self, door: &impl RoomDoor) -> anyhow::Result<Verification> {
        for _ in 0..1_000 {
            match self.call(door, &self.first_call(), INVOCATION).await? {
                Done::Nothing(Idle::Busy(_)) => tokio::task::yield_now().await,
                Done::Nothing(_) | Done::AnnouncedAgain(_) | Done::Continues(_) | Done::Finished { .. } => break,
            }
        }
        self.record().await
    }

    pub(crate) async fn record(&self) -> anyhow::Result<Verification> {
        let held = Ledger::new(&self.cloud, &self.cloud).read(&verification_key(&self.run)).await?;
        Ok(held.ok_or_else(|| anyhow::anyhow!("no record"))?.body)
    }
}

pub(crate) fn verdict(record: &Verification) -> Verdict {
    let results: Vec<holdfast_domain::CheckResult> = record.results.iter().map(Into::into).collect();
    Verdict::of(&results)
}

/// Name, outcome and words of every result with one of these outcomes.
pub(crate) fn told(record: &Verification, outcomes: &[OutcomeWord]) -> Vec<String> {
    let shown = |result: &CheckRecord| format!("{}: {:?}: {}", result.check, result.outcome, result.detail);
    record.results.iter().filter(|result| outcomes.contains(&result.outcome)).map(shown).collect()
}

fn plan_yaml(language: Language, checks: &str) -> String {
    let kind = match language {
        Language::Sql => "rds-instance",
        Language::Documents => "docdb-cluster",
    };
    format!(
        r#"
version: 1
name: shop
environment: prod
time_zone: UTC
regions: {{ home: eu-west-1, primary: eu-central-1 }}
resources:
  orders-db:
    kind: {kind}
    id: shop-prod
    objectives: {{ rpo: 24h, rto: 2h }}
    snapshots: {{ daily: {{ at: "cron(0 2 * * ? *)", keep: 7d }} }}
    restore_tests: {{ every: {{ after: daily, from: latest, instance_class: db.t4g.medium, deadline: 4h }} }}
    checks: {checks}
alerts:
  channels: {{ ops: {{ slack: "secret:holdfast/slack" }} }}
  routes: {{ high: [ops], critical: [ops] }}
"#
    )
}
