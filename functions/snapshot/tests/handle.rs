//! Slots on the in-memory cloud: taken once, whatever comes twice, late, out of order or not at all.

use holdfast_domain::inventory::{DbInstanceStatus, DbSnapshot, DbSnapshotStatus};
use holdfast_domain::{DbSnapshotId, Finding, FindingState, Region, tags};
use holdfast_ledger::{PLAN_KEY, PlanStore};
use holdfast_ports::{Class, Classified, PortErrorKind};
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::{Message, RdsHint, Trigger};
use jiff::SignedDuration;
use snapshot::{Error, Outcome, Ports, handle};

const PLAN: &str = r#"
version: 1
name: shop
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
resources:
  orders-db:
    kind: rds-instance
    id: shop-orders
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d, size_min: 500MB }
      weekly: { at: "cron(0 2 ? * SUN *)", keep: 28d }
  users-db:
    kind: rds-instance
    id: shop-users
    region: us-east-1
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(30 2 * * ? *)", keep: 7d, size_min: 2GB }
alerts:
  channels: { ops: { slack: "secret:holdfast/slack" } }
  routes: { high: [ops] }
"#;

fn cloud(now: &str) -> MemoryCloud {
    let compiled = holdfast_plan::read_yaml("plan.yaml", PLAN).unwrap_or_else(|problems| panic!("{problems}"));
    let cloud = MemoryCloud::at(now.parse().expect("a time"));
    cloud.put_object(PLAN_KEY, compiled.to_json());
    cloud.add_instance(&region("eu-central-1"), &"shop-orders".parse().expect("legal"));
    cloud.add_instance(&region("us-east-1"), &"shop-users".parse().expect("legal"));
    cloud
}

fn region(code: &str) -> Region {
    code.parse().expect("legal")
}

async fn deliver(cloud: &MemoryCloud, trigger: &Trigger) -> Result<Outcome, Error> {
    handle(&Ports { objects: cloud, rds: cloud, bus: cloud, system: cloud }, &PlanStore::default(), trigger).await
}

async fn sweep(cloud: &MemoryCloud) -> Outcome {
    deliver(cloud, &Trigger::Sweep).await.expect("a sweep")
}

fn ours(cloud: &MemoryCloud) -> Vec<DbSnapshot> {
    cloud.snapshots().into_iter().filter(|snapshot| snapshot.id.as_str().starts_with("hf-")).collect()
}

fn findings(cloud: &MemoryCloud) -> Vec<Finding> {
    let of = |message| if let Message::Finding(finding) = message { Some(finding) } else { None };
    cloud.announced().into_iter().filter_map(of).collect()
}

/// What was told of one resource.
fn of(cloud: &MemoryCloud, resource: &str) -> Vec<Finding> {
    let resource = resource.parse().expect("legal");
    findings(cloud).into_iter().filter(|finding| finding.resource.as_ref() == Some(&resource)).collect()
}

#[tokio::test]
async fn rules_due_in_one_slot_share_one_snapshot_and_both_regions_are_served() {
    // A Sunday.
    let cloud = cloud("2026-11-22T02:30:20Z");
    for _ in 0..3 {
        sweep(&cloud).await;
        deliver(&cloud, &Trigger::Rds(RdsHint::default())).await.expect("a hint");
    }
    let taken = ours(&cloud);
    let rules: Vec<(&str, Option<&String>)> =
        taken.iter().map(|snapshot| (snapshot.region.as_str(), snapshot.tags.get(tags::RULES))).collect();
    assert_eq!(rules, [("eu-central-1", Some(&"daily weekly".into())), ("us-east-1", Some(&"daily".into()))]);
    assert!(taken[0].id.as_str().starts_with("hf-orders-db-20261122t020000z-"), "{}", taken[0].id);
}

#[tokio::test]
async fn a_lost_trigger_costs_a_sweep_and_a_busy_database_is_taken_late() {
    let cloud = cloud("2026-11-20T02:00:01Z");
    let (region, database) = (region("eu-central-1"), "shop-orders".parse().expect("legal"));
    cloud.set_instance_status(&region, &database, DbInstanceStatus::read("backing-up"));
    let left = sweep(&cloud).await.left;
    assert!(left.iter().any(|words| words.ends_with("the instance is backing-up")), "{left:?}");
    assert_eq!(findings(&cloud), vec![], "not late yet");

    cloud.pass(SignedDuration::from_mins(31));
    sweep(&cloud).await;
    assert!(findings(&cloud)[0].title.ends_with("is not there as it must be: the instance is backing-up"));

    cloud.set_instance_status(&region, &database, DbInstanceStatus::Available);
    cloud.pass(SignedDuration::from_hours(5));
    let taken = sweep(&cloud).await.taken;
    assert!(taken[0].starts_with("hf-orders-db-20261120t020000z-"), "{taken:?}");
}

#[tokio::test]
async fn a_snapshot_that_exists_and_is_not_ours_is_told_and_left_alone() {
    let cloud = cloud("2026-11-20T02:00:01Z");
    sweep(&cloud).await;
    let id: DbSnapshotId = ours(&cloud)[0].id.clone();
    let other = self::cloud("2026-11-20T02:00:01Z");
    other.add_snapshot(&region("eu-central-1"), &id, &"shop-orders".parse().expect("legal"), tags::Tags::new());
    sweep(&other).await;
    assert!(findings(&other)[0].title.ends_with("a snapshot that is not ours has its name"));
    assert_eq!(other.snapshots().iter().filter(|snapshot| snapshot.id == id).count(), 1);
}

#[tokio::test]
async fn a_failed_or_too_small_snapshot_is_a_finding_and_no_success() {
    let cloud = cloud("2026-11-20T02:30:20Z");
    sweep(&cloud).await;
    cloud.set_snapshot_status(&region("eu-central-1"), &ours(&cloud)[0].id, DbSnapshotStatus::Failed);
    cloud.pass(SignedDuration::from_mins(5));
    sweep(&cloud).await;
    let titles: Vec<String> = findings(&cloud).into_iter().map(|finding| finding.title).collect();
    assert_eq!(
        titles,
        [
            "the snapshot of orders-db due at 2026-11-20T02:00:00Z is not there as it must be: RDS reports that it failed",
            "the snapshot of users-db due at 2026-11-20T02:30:00Z is not there as it must be: \
             it has 1073741824 bytes and must have 2000000000",
        ]
    );
}

#[tokio::test]
async fn one_region_that_cannot_be_seen_does_not_silence_the_other() {
    let cloud = cloud("2026-11-20T02:30:20Z");
    cloud.fail("rds:DescribeDBInstances", 1, Fault::Refused(PortErrorKind::Unavailable));
    let error = deliver(&cloud, &Trigger::Sweep).await.expect_err("one region failed");
    assert_eq!(error.class(), Class::Transient);
    assert!(error.to_string().starts_with("1 failed: eu-central-1: rds:DescribeDBInstances"), "{error}");
    assert_eq!(ours(&cloud).iter().map(|s| s.region.as_str()).collect::<Vec<_>>(), ["us-east-1"]);
}

#[tokio::test]
async fn a_lost_answer_or_a_kill_after_any_call_never_makes_a_second_snapshot() {
    for calls in 0..20 {
        let cloud = cloud("2026-11-20T02:30:20Z");
        cloud.crash_after(Some(calls));
        let _ = deliver(&cloud, &Trigger::Sweep).await;
        cloud.crash_after(None);
        cloud.fail("rds:CreateDBSnapshot", 1, Fault::AnswerLost);
        let _ = deliver(&cloud, &Trigger::Sweep).await;
        for _ in 0..3 {
            cloud.pass(SignedDuration::from_mins(2));
            sweep(&cloud).await;
        }
        assert_eq!(ours(&cloud).len(), 2, "killed after {calls} calls");
        let records = cloud.keys().into_iter().filter(|key| key.starts_with("recovery-points/")).count();
        assert_eq!(records, 2, "killed after {calls} calls");
    }
}

/// Opened when it was late, over when it is there; said once, however often somebody looks, and again only by whoever was killed in between.
#[tokio::test]
async fn what_was_told_of_a_late_snapshot_is_over_when_it_is_there() {
    let cloud = cloud("2026-11-20T02:31:00Z");
    let (region, database) = (region("eu-central-1"), "shop-orders".parse().expect("legal"));
    cloud.set_instance_status(&region, &database, DbInstanceStatus::read("backing-up"));
    sweep(&cloud).await;
    cloud.set_instance_status(&region, &database, DbInstanceStatus::Available);
    for _ in 0..10 {
        cloud.pass(SignedDuration::from_mins(2));
        sweep(&cloud).await;
    }
    let told: Vec<String> = of(&cloud, "orders-db").iter().map(|f| format!("{:?}: {}", f.state, f.title)).collect();
    assert_eq!(
        told,
        [
            "Open: the snapshot of orders-db due at 2026-11-20T02:00:00Z is not there as it must be: the instance is backing-up",
            "Resolved: the snapshot of orders-db due at 2026-11-20T02:00:00Z is there",
        ]
    );
    // The other database's is too small, and that stands.
    let told = of(&cloud, "users-db");
    assert!(!told.is_empty() && told.iter().all(|finding| finding.state == FindingState::Open), "{told:?}");
}

#[tokio::test]
async fn a_snapshot_is_recorded_as_there_only_after_people_could_be_told() {
    let cloud = cloud("2026-11-20T02:00:10Z");
    sweep(&cloud).await;
    cloud.pass(SignedDuration::from_mins(5));
    cloud.fail("events:PutEvents", 1, Fault::Refused(PortErrorKind::Unavailable));
    deliver(&cloud, &Trigger::Sweep).await.expect_err("the bus");
    assert_eq!(of(&cloud, "orders-db"), vec![]);
    sweep(&cloud).await;
    sweep(&cloud).await;
    let told: Vec<FindingState> = of(&cloud, "orders-db").iter().map(|finding| finding.state).collect();
    assert_eq!(told, [FindingState::Resolved]);
}
