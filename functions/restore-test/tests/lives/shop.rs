//! A shop with one database, on the in-memory cloud: what every life of a restore test here begins with.

use std::sync::LazyLock;

use holdfast_domain::{
    DbClusterId, DbInstanceId, DbSnapshotId, Finding, FindingState, Region, ResourceName, RuleName, RunId, Slot,
    Verdict, slot, tags,
};
use holdfast_ledger::{
    CheckRecord, OutcomeWord, PLAN_KEY, PlanStore, RequirementWord, Run, Verification, plan_key, run_key,
    verification_key,
};
use holdfast_plan::Compiled;
use holdfast_testkit::MemoryCloud;
use holdfast_wire::Message;
use jiff::SignedDuration;
use restore_test::step::Patience;
use restore_test::{Config, SecurityGroups};

/// Shared, as in a warm function: every cloud here holds the same plan.
pub(crate) static PLANS: LazyLock<PlanStore> = LazyLock::new(PlanStore::default);
pub(crate) const RUN: &str = "orders-db.every.20261120t020000z";
const PLAN: &str = r#"
version: 1
name: shop
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
rooms_max: 1
resources:
  orders-db:
    kind: rds-instance
    id: shop-orders
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
    restore_tests:
      every: { after: daily, from: latest, instance_class: db.t4g.medium, deadline: 4h }
    checks: { integrity: full }
alerts:
  channels: { ops: { slack: "secret:holdfast/slack" } }
  routes: { high: [ops] }
"#;

/// Shared by clouds that hold the plan of clusters.
pub(crate) static CLUSTER_PLANS: LazyLock<PlanStore> = LazyLock::new(PlanStore::default);
pub(crate) const CARTS_RUN: &str = "carts.every.20261120t020000z";
const CLUSTER_PLAN: &str = r#"
version: 1
name: shop
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
rooms_max: 1
resources:
  carts:
    kind: aurora-cluster
    id: shop-carts
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
    restore_tests:
      every: { after: daily, from: latest, instance_class: db.r6g.large, deadline: 4h }
    checks: { integrity: full }
  docs:
    kind: docdb-cluster
    id: shop-docs
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
    restore_tests:
      every: { after: daily, from: latest, instance_class: db.r6g.large, deadline: 4h }
    checks: { integrity: full }
alerts:
  channels: { ops: { slack: "secret:holdfast/slack" } }
  routes: { high: [ops] }
"#;

static CLUSTERS_COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    holdfast_plan::read_yaml("plan.yaml", CLUSTER_PLAN).unwrap_or_else(|problems| panic!("{problems}"))
});

/// An Aurora and a DocumentDB cluster, and their plan, at 02:00.
pub(crate) fn clusters() -> MemoryCloud {
    let cloud = MemoryCloud::at("2026-11-20T02:00:03Z".parse().expect("a time"));
    cloud.put_object(PLAN_KEY, CLUSTERS_COMPILED.to_json());
    cloud.put_object(&plan_key(CLUSTERS_COMPILED.sha()), CLUSTERS_COMPILED.to_json());
    for (name, engine) in [("carts", "aurora-postgresql"), ("docs", "docdb")] {
        cloud.add_cluster(&CLUSTERS_COMPILED.plan().primary, &cluster_of(name), engine);
    }
    cloud
}

/// The same with the Aurora cluster's recovery point of 02:00, at 02:05.
pub(crate) fn carts() -> MemoryCloud {
    let cloud = clusters();
    add_cluster_snapshot(&cloud, "carts", "20261120t020000z", "daily");
    cloud.pass(SignedDuration::from_mins(5));
    cloud
}

/// The cluster of a resource.
pub(crate) fn cluster_of(resource: &str) -> DbClusterId {
    format!("shop-{resource}").parse().expect("legal")
}

/// A recovery point of ours of a resource's cluster, taken now, for a rule.
pub(crate) fn add_cluster_snapshot(cloud: &MemoryCloud, resource: &str, slot: &str, rule: &str) -> DbSnapshotId {
    let plan = CLUSTERS_COMPILED.plan();
    let name: ResourceName = resource.parse().expect("legal");
    let slot: Slot = slot.parse().expect("legal");
    let rule: RuleName = rule.parse().expect("legal");
    let id = slot::db_cluster_snapshot_id(&plan.name, &plan.environment, &name, slot);
    let tags = tags::of_recovery_point(&plan.name, &plan.environment, &name, &[rule], slot);
    cloud.add_cluster_snapshot(&plan.primary, &id, &cluster_of(resource), tags);
    id
}

static COMPILED: LazyLock<Compiled> =
    LazyLock::new(|| holdfast_plan::read_yaml("plan.yaml", PLAN).unwrap_or_else(|problems| panic!("{problems}")));

/// A database, its recovery point of 02:00, and the plan, at 02:05.
pub(crate) fn cloud() -> MemoryCloud {
    let cloud = without_recovery_point();
    add_snapshot(&cloud, &COMPILED.plan().primary, "20261120t020000z", "daily");
    cloud.pass(SignedDuration::from_mins(5));
    cloud
}

/// A database and the plan, at 02:00.
pub(crate) fn without_recovery_point() -> MemoryCloud {
    let cloud = MemoryCloud::at("2026-11-20T02:00:03Z".parse().expect("a time"));
    cloud.put_object(PLAN_KEY, COMPILED.to_json());
    cloud.put_object(&plan_key(COMPILED.sha()), COMPILED.to_json());
    cloud.add_instance(&COMPILED.plan().primary, &database());
    cloud
}

/// The database's identifier.
pub(crate) fn database() -> DbInstanceId {
    "shop-orders".parse().expect("legal")
}

/// A recovery point of ours, taken now, for a rule.
pub(crate) fn add_snapshot(cloud: &MemoryCloud, region: &Region, slot: &str, rule: &str) {
    let plan = COMPILED.plan();
    let resource: ResourceName = "orders-db".parse().expect("legal");
    let slot: Slot = slot.parse().expect("legal");
    let rule: RuleName = rule.parse().expect("legal");
    let id = slot::db_snapshot_id(&plan.name, &plan.environment, &resource, slot);
    let tags = tags::of_recovery_point(&plan.name, &plan.environment, &resource, &[rule], slot);
    cloud.add_snapshot(region, &id, &database(), tags);
}

/// The recovery point's name.
pub(crate) fn snapshot_id() -> DbSnapshotId {
    let plan = COMPILED.plan();
    let slot = "20261120t020000z".parse().expect("legal");
    slot::db_snapshot_id(&plan.name, &plan.environment, &"orders-db".parse().expect("legal"), slot)
}

pub(crate) fn config() -> Config {
    Config {
        subnet_group: "clean-room".into(),
        security_groups: SecurityGroups::read(&["sg-sealed".into()]).expect("legal"),
        parameter_group: None,
        option_group: None,
        patience: Patience(SignedDuration::from_mins(16)),
        written_by: "restore-test 0.1.0, Lambda version 7".into(),
    }
}

/// The record as it lies there, read past the ports: a test's look is no call that could meet a fault.
pub(crate) fn run(cloud: &MemoryCloud) -> Option<Run> {
    run_of(cloud, &RUN.parse().expect("legal"))
}

/// The same of any run.
pub(crate) fn run_of(cloud: &MemoryCloud, id: &RunId) -> Option<Run> {
    let record: serde_json::Value = serde_json::from_slice(&cloud.object(&run_key(id))?).expect("JSON");
    Some(serde_json::from_value(record["body"].clone()).expect("a run"))
}

/// Writes what `verify` would write of the run by rule.
pub(crate) fn verify(cloud: &MemoryCloud, outcome: OutcomeWord) {
    verify_run(cloud, &RUN.parse().expect("legal"), outcome);
}

/// Writes what `verify` would write.
pub(crate) fn verify_run(cloud: &MemoryCloud, id: &RunId, outcome: OutcomeWord) {
    let now = cloud.time();
    let record = CheckRecord {
        check: "count app.public.orders".into(),
        subject: Some("public.orders".into()),
        requirement: RequirementWord::Required,
        outcome,
        detail: "public.orders: 58 rows are missing from the heap".into(),
        took_ms: 12,
    };
    let verification = Verification {
        run: id.clone(),
        first_query_at: now,
        fully_read_at: Some(now),
        finished_at: Some(now),
        units_total: 1,
        units_done: 1,
        results: vec![record],
        baseline: None,
        observed: std::collections::BTreeMap::new(),
    };
    let record = serde_json::json!({ "generation": 1, "writer": "verify", "body": verification });
    cloud.put_object(&verification_key(id), record.to_string().into_bytes());
}

/// Every word on the proof of a resource that people were told, in order; and the verdict that is recorded as such a word.
pub(crate) fn told_and_recorded(cloud: &MemoryCloud, id: &RunId) -> (Vec<FindingState>, Option<FindingState>) {
    let run = run_of(cloud, id).expect("a run");
    let of_proof = format!("shop/prod/{}/restore-test", run.resource);
    let told = findings(cloud).into_iter().filter(|finding| finding.cause.as_str().starts_with(&of_proof));
    let recorded = run.verdict.map(|given| match given.verdict {
        Verdict::Passed => FindingState::Resolved,
        Verdict::Failed | Verdict::Inconclusive => FindingState::Open,
    });
    (told.map(|finding| finding.state).collect(), recorded)
}

pub(crate) fn findings(cloud: &MemoryCloud) -> Vec<Finding> {
    let of = |message: Message| match message {
        Message::Finding(finding) => Some(finding),
        Message::RestoreTestReady(_)
        | Message::VerificationContinues(_)
        | Message::VerificationRecorded(_)
        | Message::RestoreTestClosed(_)
        | Message::IncidentAcknowledged(_) => None,
    };
    cloud.announced().into_iter().filter_map(of).collect()
}
