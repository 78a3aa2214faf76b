//! Rooms that outlive their deadline and that no run knows: people are told that they stand, and that they are gone.

use holdfast_domain::inventory::DbStatus;
use holdfast_domain::{DbInstanceId, FindingState, Region, tags};
use holdfast_ledger::ROOMS_KEY;
use holdfast_ports::{PortErrorKind, RestoreDbInstance, RoomRestore, RoomSource};
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::Trigger;
use jiff::SignedDuration;
use restore_test::{Error, Outcome, Ports, handle};
use serde_json::{Value, json};

use crate::shop::{PLANS, config, findings, snapshot_id, without_recovery_point};

use FindingState::{Open, Resolved};

const ROOM: &str = "hf-rt-orders-db-lost";

async fn try_sweep(cloud: &MemoryCloud) -> Result<Outcome, Error> {
    let ports = Ports { objects: cloud, rds: cloud, secrets: cloud, bus: cloud, system: cloud };
    handle(&ports, &PLANS, &config(), &Trigger::Sweep).await
}

async fn sweep(cloud: &MemoryCloud) {
    try_sweep(cloud).await.expect("a sweep");
}

fn region() -> Region {
    "eu-central-1".parse().expect("legal")
}

fn room() -> DbInstanceId {
    ROOM.parse().expect("legal")
}

/// A room without a record, that RDS has been deleting for half an hour beyond its deadline.
async fn with_a_late_room() -> MemoryCloud {
    let cloud = without_recovery_point();
    let (plan, environment) = ("shop".parse().expect("legal"), "prod".parse().expect("legal"));
    let (resource, run) =
        ("orders-db".parse().expect("legal"), "orders-db.every.20261119t020000z".parse().expect("legal"));
    let request = RestoreDbInstance {
        region: region(),
        source: RoomSource::Snapshot(snapshot_id()),
        id: room(),
        instance_class: "db.t4g.medium".into(),
        subnet_group: "clean-room".into(),
        security_groups: vec!["sg-sealed".into()],
        parameter_group: None,
        option_group: None,
        tags: tags::of_room(&plan, &environment, &resource, &run, cloud.time()),
    };
    cloud.add_snapshot(&region(), &snapshot_id(), &crate::shop::database(), tags::Tags::new());
    cloud.restore_db_instance(&request).await.expect("a room");
    cloud.set_instance_status(&region(), &room(), DbStatus::Deleting);
    cloud.pass(SignedDuration::from_mins(31));
    cloud
}

/// What people were told of the room, in order.
fn told(cloud: &MemoryCloud) -> Vec<FindingState> {
    let of_room = |cause: &str| cause == format!("holdfast/restore-test/shop/prod/room/{ROOM}");
    findings(cloud).into_iter().filter(|told| of_room(told.cause.as_str())).map(|told| told.state).collect()
}

/// The rooms that are remembered as late.
fn remembered(cloud: &MemoryCloud) -> usize {
    let Some(bytes) = cloud.object(ROOMS_KEY) else { return 0 };
    let record: Value = serde_json::from_slice(&bytes).expect("JSON");
    record["body"]["late"].as_object().map_or(0, serde_json::Map::len)
}

#[tokio::test]
async fn whoever_told_of_a_room_that_no_run_knows_tells_that_it_is_gone_once() {
    let cloud = with_a_late_room().await;
    for _ in 0..3 {
        sweep(&cloud).await;
        cloud.pass(SignedDuration::from_mins(1));
    }
    assert_eq!((told(&cloud), remembered(&cloud)), (vec![Open, Open, Open], 1));
    cloud.remove_instance(&region(), &room());
    for _ in 0..3 {
        sweep(&cloud).await;
        cloud.pass(SignedDuration::from_mins(1));
    }
    assert_eq!((told(&cloud), remembered(&cloud)), (vec![Open, Open, Open, Resolved], 0));
}

#[tokio::test]
async fn a_room_in_a_region_that_cannot_be_seen_is_not_gone() {
    let cloud = with_a_late_room().await;
    sweep(&cloud).await;
    cloud.fail("rds:DescribeDBInstances", 1, Fault::Refused(PortErrorKind::Unavailable));
    try_sweep(&cloud).await.expect_err("a region could not be seen");
    assert_eq!((told(&cloud), remembered(&cloud)), (vec![Open], 1));
    sweep(&cloud).await;
    assert_eq!(told(&cloud), [Open, Open]);
}

#[tokio::test]
async fn a_region_that_left_the_plan_is_looked_at_as_long_as_a_room_is_late_there() {
    let cloud = without_recovery_point();
    let late = json!({ ROOM: { "region": "us-east-1", "since": cloud.time() } });
    let record = json!({ "generation": 1, "writer": "restore-test", "body": { "runs": {}, "late": late } });
    cloud.put_object(ROOMS_KEY, record.to_string().into_bytes());
    sweep(&cloud).await;
    assert_eq!((told(&cloud), remembered(&cloud)), (vec![Resolved], 0));
}

#[tokio::test]
async fn killed_after_any_call_the_end_is_told_after_the_beginning() {
    for calls in 0..40 {
        let cloud = with_a_late_room().await;
        for gone in [false, true] {
            if gone {
                cloud.remove_instance(&region(), &room());
            }
            cloud.crash_after(Some(calls));
            let _ = try_sweep(&cloud).await;
            cloud.crash_after(None);
            cloud.pass(SignedDuration::from_mins(1));
            sweep(&cloud).await;
        }
        let told = told(&cloud);
        assert_eq!((told.first(), told.last()), (Some(&Open), Some(&Resolved)), "killed after {calls} calls");
        assert_eq!(remembered(&cloud), 0, "killed after {calls} calls");
    }
}
