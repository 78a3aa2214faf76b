//! Every slot once: doubled triggers, lost answers, kills, several rules at once, each kind of database.

use holdfast_domain::inventory::DbSnapshotStatus;
use holdfast_domain::tags;
use holdfast_ledger::recovery_point_key;
use holdfast_ports::{Class, Classified, PortErrorKind};
use holdfast_testkit::Fault;
use holdfast_wire::{Message, RdsHint, RestoreTestNow, RunRef, Trigger};
use snapshot::Error;

use crate::shop::{Shop, instance, of_every_kind};

/// A Sunday, half a minute after three rules were due.
const SUNDAY: &str = "2026-11-22T02:00:30Z";

#[tokio::test]
async fn rules_due_in_one_slot_share_one_snapshot_of_each_kind_of_database() {
    let shop = Shop::open(SUNDAY);
    for _ in 0..3 {
        shop.sweep().await;
        shop.deliver(&Trigger::Rds(RdsHint::default())).await.expect("a hint");
    }
    for (name, database) in of_every_kind() {
        let taken = shop.ours(&database);
        assert_eq!(taken.len(), 1, "{name}: {taken:?}");
        assert_eq!(taken[0].tags.get(tags::RULES), Some(&"daily weekly".into()));
        assert_eq!(taken[0].tags.get(tags::LATE), None);
        assert!(taken[0].id.as_str().starts_with(&format!("hf-{name}-20261122t020000z-")), "{}", taken[0].id);
    }
    assert_eq!(shop.sweep_after(30).await.taken.len(), 1, "the other region's rule is due half an hour later");
}

#[tokio::test]
async fn what_was_taken_is_recorded_when_asked_for_and_when_complete() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, SUNDAY);
        shop.sweep().await;
        let resource = name.parse().expect("legal");
        let key = recovery_point_key(&resource, "20261122t020000z".parse().expect("a slot"));
        let begun = shop.record(&key).expect("a record");
        assert_eq!((begun.rules.as_str(), begun.available_seen_at, begun.late), ("daily weekly", None, None));
        assert_eq!(shop.memory().resources[&resource].pending.len(), 1);

        let completed = shop.sweep_after(5).await.completed;
        assert_eq!(completed, [shop.ours(&database)[0].id.to_string()]);
        let complete = shop.record(&key).expect("a record");
        assert_eq!(complete.available_seen_at, Some(shop.cloud.time()));
        assert_eq!(complete.took().map(|took| took.as_secs()), Some(300));
        assert_eq!(complete.encrypted, Some(true));
        assert_eq!(complete.size_bytes, (name == "orders-db").then_some(1 << 30), "of a cluster RDS tells none");
        let watched = &shop.memory().resources[&resource];
        assert!(watched.pending.is_empty());
        assert_eq!(watched.served.len(), 2, "{watched:?}");
        assert_eq!(shop.sweep_after(5).await.completed, Vec::<String>::new(), "once");
    }
}

/// A sweep in which nothing happens costs two reads of the ledger, both of which say "unchanged", and one listing of each sort.
#[tokio::test]
async fn a_sweep_in_which_nothing_happens_reads_two_objects_and_writes_none() {
    let shop = Shop::open("2026-11-20T12:00:00Z");
    shop.sweep().await;
    shop.sweep_after(10).await;
    let before = shop.cloud.calls().len();
    shop.sweep_after(10).await;
    let mut calls: Vec<_> =
        shop.cloud.calls()[before..].iter().map(|call| (call.operation, call.subject.clone())).collect();
    calls.sort_unstable();
    let expected = [
        ("rds:DescribeDBClusterSnapshots", "eu-central-1"),
        ("rds:DescribeDBClusters", "eu-central-1"),
        ("rds:DescribeDBInstances", "eu-central-1"),
        ("rds:DescribeDBInstances", "us-east-1"),
        ("rds:DescribeDBSnapshots", "eu-central-1"),
        ("rds:DescribeDBSnapshots", "us-east-1"),
        ("s3:GetObject", "plan.json"),
        ("s3:GetObject", "recovery-points/watch.json"),
    ];
    let calls: Vec<_> = calls.iter().map(|(operation, subject)| (*operation, subject.as_str())).collect();
    assert_eq!(calls, expected);
}

#[tokio::test]
async fn a_snapshot_that_exists_and_is_not_ours_is_told_and_left_alone() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, SUNDAY);
        shop.sweep().await;
        let taken = shop.ours(&database).pop().expect("one");
        let other = Shop::of_one(name, SUNDAY);
        other.sweep().await;
        other.cloud.edit_snapshot(&taken.region, &taken.id, |seen| {
            seen.tags.clear();
            seen.status = DbSnapshotStatus::Available;
        });
        other.set_status(&database, "available");
        other.cloud.remove_object("recovery-points/watch.json");
        let fresh = Shop::of(other.cloud);
        fresh.sweep().await;
        assert!(fresh.told(name)[0].ends_with("a snapshot that is not ours has its name"), "{:?}", fresh.told(name));
        assert_eq!(fresh.ours(&database).len(), 1);
        assert!(fresh.ours(&database)[0].tags.is_empty(), "it was touched");
    }
}

#[tokio::test]
async fn one_region_that_cannot_be_seen_does_not_silence_the_other() {
    let shop = Shop::open("2026-11-20T02:30:20Z");
    shop.cloud.fail("rds:DescribeDBClusters", 1, Fault::Refused(PortErrorKind::Unavailable));
    let error = shop.deliver(&Trigger::Sweep).await.expect_err("one region failed");
    assert_eq!(error.class(), Class::Transient);
    assert!(error.to_string().starts_with("1 failed: eu-central-1: rds:DescribeDBClusters"), "{error}");
    assert_eq!(shop.ours(&instance("shop-users")).len(), 1);
    assert_eq!(shop.ours(&instance("shop-orders")).len(), 0);
}

#[tokio::test]
async fn a_lost_answer_or_a_kill_after_any_call_never_makes_a_second_snapshot() {
    for (name, database) in of_every_kind() {
        let create = if name == "orders-db" { "rds:CreateDBSnapshot" } else { "rds:CreateDBClusterSnapshot" };
        for calls in 0..24 {
            let shop = Shop::of_one(name, SUNDAY);
            shop.cloud.crash_after(Some(calls));
            let _ = shop.deliver(&Trigger::Sweep).await;
            shop.cloud.crash_after(None);
            shop.cloud.fail(create, 1, Fault::AnswerLost);
            let _ = shop.deliver(&Trigger::Sweep).await;
            for _ in 0..4 {
                let _ = shop.deliver(&Trigger::Sweep).await;
                shop.pass(2);
            }
            shop.sweep().await;
            assert_eq!(shop.ours(&database).len(), 1, "{name} killed after {calls} calls");
            let slot = "20261122t020000z".parse().expect("a slot");
            let record = shop.record(&recovery_point_key(&name.parse().expect("legal"), slot)).expect("a record");
            assert!(record.available_seen_at.is_some(), "{name} killed after {calls} calls: {record:?}");
            assert_eq!(shop.standing(name), Vec::<String>::new(), "{name} killed after {calls} calls");
        }
    }
}

/// The function can lose its memory at any time: what is there it finds again, and nothing is taken twice.
#[tokio::test]
async fn without_its_memory_it_takes_nothing_twice_and_finds_again_what_is_there() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, SUNDAY);
        shop.sweep().await;
        shop.sweep_after(10).await;
        shop.cloud.remove_object("recovery-points/watch.json");
        let forgetful = Shop::of(shop.cloud);
        forgetful.sweep().await;
        assert_eq!(forgetful.ours(&database).len(), 1);
        let resource = name.parse().expect("legal");
        assert_eq!(forgetful.memory().resources[&resource].served.len(), 2);
    }
}

/// Whoever cannot read its memory takes recovery points all the same, and fails aloud.
#[tokio::test]
async fn an_unreadable_memory_stops_no_snapshot_and_is_told_as_a_failure() {
    let shop = Shop::open(SUNDAY);
    shop.cloud.put_object("recovery-points/watch.json", b"{}".to_vec());
    let error = shop.deliver(&Trigger::Sweep).await.expect_err("a failure");
    assert!(error.to_string().contains("recovery-points/watch.json cannot be read"), "{error}");
    for (_, database) in of_every_kind() {
        assert_eq!(shop.ours(&database).len(), 1);
    }
}

#[tokio::test]
async fn triggers_of_others_are_refused_with_what_is_allowed() {
    let shop = Shop::open(SUNDAY);
    let closed = Message::RestoreTestClosed(RunRef { run: "orders-db.daily.20261122t020000z".parse().expect("legal") });
    let now = RestoreTestNow {
        resource: "orders-db".parse().expect("legal"),
        from: holdfast_domain::plan::RestoreFrom::Latest,
        region: None,
        request: "by-hand".into(),
        reason: "rehearsal".into(),
    };
    for trigger in [Trigger::Bus(closed), Trigger::Notifications(vec![]), Trigger::RestoreTestNow(now)] {
        let error = shop.deliver(&trigger).await.expect_err("foreign");
        assert!(matches!(error, Error::Foreign(_)), "{error}");
        assert!(error.to_string().ends_with("allowed: a sweep, an RDS event, snapshot-now"), "{error}");
    }
}
