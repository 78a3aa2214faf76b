//! A shop with one database of each kind, and what is asked of it again and again.

use std::time::Duration;

use holdfast_domain::inventory::{Database, DbSnapshot, DbSnapshotStatus, DbStatus};
use holdfast_domain::{Finding, FindingState, Region};
use holdfast_ledger::{PLAN_KEY, RecoveryPointRecord, WATCH_KEY, Watch};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::{Message, Trigger};
use jiff::SignedDuration;
use serde_json::Value;
use snapshot::{Error, Kept, Outcome, Ports, handle};

/// Head and tail of a plan; resources go in between.
pub(crate) fn plan(resources: &str) -> Vec<u8> {
    plan_for("prod", resources)
}

/// The same for another environment.
pub(crate) fn plan_for(environment: &str, resources: &str) -> Vec<u8> {
    let text = format!(
        r#"
version: 1
name: shop
environment: {environment}
time_zone: UTC
regions: {{ home: eu-west-1, primary: eu-central-1 }}
resources:
{resources}
alerts:
  channels: {{ ops: {{ slack: "secret:holdfast/slack" }} }}
  routes: {{ high: [ops], low: [ops] }}
"#
    );
    let compiled = holdfast_plan::read_yaml("plan.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    compiled.to_json()
}

/// One database of each kind, each with a daily and a weekly rule; the instance also stands in another region once more.
pub(crate) const RESOURCES: [(&str, &str); 4] = [
    (
        "orders-db",
        r#"
  orders-db:
    kind: rds-instance
    id: shop-orders
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d, size_min: 500MB }
      weekly: { at: "cron(0 2 ? * SUN *)", keep: 28d }
      before-release: { on: demand, keep: 90d }
"#,
    ),
    (
        "users-db",
        r#"
  users-db:
    kind: rds-instance
    id: shop-users
    region: us-east-1
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(30 2 * * ? *)", keep: 7d, size_min: 2GB }
"#,
    ),
    (
        "carts",
        r#"
  carts:
    kind: aurora-cluster
    id: shop-carts
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
      weekly: { at: "cron(0 2 ? * SUN *)", keep: 28d }
"#,
    ),
    (
        "docs",
        r#"
  docs:
    kind: docdb-cluster
    id: shop-docs
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
      weekly: { at: "cron(0 2 ? * SUN *)", keep: 28d }
"#,
    ),
];

pub(crate) fn central() -> Region {
    "eu-central-1".parse().expect("legal")
}

pub(crate) fn instance(id: &str) -> Database {
    Database::Instance(id.parse().expect("legal"))
}

pub(crate) fn cluster(id: &str) -> Database {
    Database::Cluster(id.parse().expect("legal"))
}

/// The databases that every kind of test is run on: the plan's name, and what it is.
pub(crate) fn of_every_kind() -> [(&'static str, Database); 3] {
    [("orders-db", instance("shop-orders")), ("carts", cluster("shop-carts")), ("docs", cluster("shop-docs"))]
}

/// A cloud with the whole shop in it, and one invocation after the other of the same warm function.
pub(crate) struct Shop {
    pub(crate) cloud: MemoryCloud,
    kept: Kept,
}

impl Shop {
    pub(crate) fn open(now: &str) -> Self {
        Self::with(&RESOURCES.map(|(_, resource)| resource).concat(), now)
    }

    pub(crate) fn with(resources: &str, now: &str) -> Self {
        let cloud = MemoryCloud::at(now.parse().expect("a time"));
        cloud.put_object(PLAN_KEY, plan(resources));
        let east: Region = "us-east-1".parse().expect("legal");
        cloud.add_instance(&central(), &"shop-orders".parse().expect("legal"));
        cloud.add_instance(&east, &"shop-users".parse().expect("legal"));
        cloud.add_cluster(&central(), &"shop-carts".parse().expect("legal"), "aurora-postgresql");
        cloud.add_cluster(&central(), &"shop-docs".parse().expect("legal"), "docdb");
        Self { cloud, kept: Kept::default() }
    }

    /// The same cloud, and a function that has just been started.
    pub(crate) fn of(cloud: MemoryCloud) -> Self {
        Self { cloud, kept: Kept::default() }
    }

    /// One with nothing but this resource in its plan.
    pub(crate) fn of_one(name: &str, now: &str) -> Self {
        let (_, resource) = RESOURCES.into_iter().find(|(known, _)| *known == name).expect("a resource");
        Self::with(resource, now)
    }

    /// The plan changes.
    pub(crate) fn replan(&self, resources: &str) {
        self.cloud.put_object(PLAN_KEY, plan(resources));
    }

    pub(crate) async fn deliver(&self, trigger: &Trigger) -> Result<Outcome, Error> {
        self.deliver_within(trigger, Duration::from_secs(60)).await
    }

    pub(crate) async fn deliver_within(&self, trigger: &Trigger, left: Duration) -> Result<Outcome, Error> {
        let ports = Ports { objects: &self.cloud, rds: &self.cloud, bus: &self.cloud, system: &self.cloud };
        handle(&ports, &self.kept, trigger, left).await
    }

    pub(crate) async fn sweep(&self) -> Outcome {
        self.deliver(&Trigger::Sweep).await.expect("a sweep")
    }

    /// Time passes, and nobody looks.
    pub(crate) fn pass(&self, minutes: i64) {
        self.cloud.pass(SignedDuration::from_mins(minutes));
    }

    /// Time passes, and then somebody looks.
    pub(crate) async fn sweep_after(&self, minutes: i64) -> Outcome {
        self.pass(minutes);
        self.sweep().await
    }

    pub(crate) fn set_status(&self, database: &Database, status: &str) {
        self.cloud.set_database_status(&central(), database, DbStatus::read(status));
    }

    /// Recovery points of ours of a database, in order of name, and so of slot.
    pub(crate) fn ours(&self, database: &Database) -> Vec<DbSnapshot> {
        let all = self.cloud.snapshots().into_iter();
        all.filter(|seen| seen.is_of(database) && seen.id.as_str().starts_with("hf-")).collect()
    }

    /// Everything told of a resource, in order: `Open snapshot: …`.
    pub(crate) fn told(&self, resource: &str) -> Vec<String> {
        let of = |message| if let Message::Finding(finding) = message { Some(finding) } else { None };
        let of_resource = |finding: &Finding| finding.resource.as_ref().is_some_and(|name| name.as_str() == resource);
        let findings = self.cloud.announced().into_iter().filter_map(of).filter(of_resource);
        findings.map(|finding| told(&finding)).collect()
    }

    /// Causes of a resource that people believe to stand.
    pub(crate) fn standing(&self, resource: &str) -> Vec<String> {
        let mut standing = std::collections::BTreeSet::new();
        for message in self.cloud.announced() {
            let Message::Finding(finding) = message else { continue };
            let word = finding.cause.as_str().rsplit('/').next().expect("a word").to_owned();
            match finding.state {
                FindingState::Open if finding.cause.as_str().contains(&format!("/{resource}/")) => {
                    standing.insert(word)
                }
                FindingState::Resolved if finding.cause.as_str().contains(&format!("/{resource}/")) => {
                    standing.remove(&word)
                }
                FindingState::Open | FindingState::Resolved => continue,
            };
        }
        standing.into_iter().collect()
    }

    pub(crate) fn record(&self, key: &str) -> Option<RecoveryPointRecord> {
        let bytes = self.cloud.object(key)?;
        let record: Value = serde_json::from_slice(&bytes).expect("a record");
        Some(serde_json::from_value(record["body"].clone()).expect("a recovery point"))
    }

    pub(crate) fn memory(&self) -> Watch {
        let bytes = self.cloud.object(WATCH_KEY).expect("a memory");
        let record: Value = serde_json::from_slice(&bytes).expect("a record");
        serde_json::from_value(record["body"].clone()).expect("a memory")
    }

    /// How often each operation was called since the last time this was asked.
    pub(crate) fn calls(&self, operation: &str) -> usize {
        self.cloud.calls().iter().filter(|call| call.operation == operation).count()
    }

    /// Puts the newest recovery point of a database into a status, for good, and lets go of the database.
    pub(crate) fn set_newest(&self, database: &Database, status: DbSnapshotStatus) {
        let newest = self.ours(database).pop().expect("a recovery point");
        self.cloud.edit_snapshot(&newest.region, &newest.id, |seen| seen.status = status);
        self.set_status(database, "available");
    }
}

fn told(finding: &Finding) -> String {
    let word = finding.cause.as_str().rsplit('/').next().unwrap_or_default();
    format!("{:?} {word}: {}", finding.state, finding.title)
}
