//! Recovery points that are there and no good: findings, never successes; each with a cause of its own, over when it is healed.

use holdfast_domain::RunId;
use holdfast_domain::inventory::DbSnapshotStatus;
use holdfast_ledger::{Observed, SERVER_CHECK, recovery_point_key, verification_key};
use holdfast_testkit::Timings;
use jiff::SignedDuration;

use crate::shop::{Shop, cluster, instance, of_every_kind};

const FRIDAY: &str = "2026-11-20T02:00:00Z";
const DAY: i64 = 24 * 60;

fn one(extra: &str) -> String {
    format!(
        "  orders-db:\n    kind: rds-instance\n    id: shop-orders\n    objectives: {{ rpo: 24h, rto: 2h }}\n{extra}\
         \n    snapshots:\n      daily: {{ at: \"cron(0 2 * * ? *)\", keep: 7d, size_min: 500MB, takes_max: 1h }}\n"
    )
}

#[tokio::test]
async fn a_failed_recovery_point_is_told_and_taken_anew_once_somebody_has_deleted_it() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, FRIDAY);
        shop.sweep().await;
        shop.set_newest(&database, DbSnapshotStatus::Failed);
        shop.sweep_after(1).await;
        let told = shop.told(name);
        assert!(told[0].starts_with("Open snapshot-failed: "), "{told:?}");
        assert!(told[0].ends_with("is not there as it must be: RDS reports that it failed"), "{told:?}");
        let slot = "20261120t020000z".parse().expect("a slot");
        let record = shop.record(&recovery_point_key(&name.parse().expect("legal"), slot)).expect("a record");
        assert_eq!((record.failed_seen_at, record.available_seen_at), (Some(shop.cloud.time()), None));
        let failed = shop.ours(&database).pop().expect("one");
        shop.cloud.remove_snapshot(&failed.region, &failed.id);
        shop.sweep_after(1).await;
        assert_eq!(shop.ours(&database)[0].id, failed.id, "the name is free again");
        shop.sweep_after(10).await;
        assert_eq!(shop.standing(name), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_recovery_point_that_is_too_small_is_recorded_and_told_until_one_is_large_enough() {
    let shop = Shop::with(&one(""), FRIDAY);
    let orders = instance("shop-orders");
    shop.sweep().await;
    let point = shop.ours(&orders).pop().expect("one");
    shop.pass(5);
    shop.cloud.edit_snapshot(&point.region, &point.id, |seen| seen.size_bytes = Some(499_999_999));
    shop.sweep().await;
    let told = shop.told("orders-db");
    assert!(told[0].starts_with("Open snapshot-size: "), "{told:?}");
    assert!(told[0].ends_with("it has 499999999 bytes and must have 500000000"), "{told:?}");
    let slot = "20261120t020000z".parse().expect("a slot");
    let record = shop.record(&recovery_point_key(&"orders-db".parse().expect("legal"), slot)).expect("a record");
    assert_eq!(record.size_bytes, Some(499_999_999));
    shop.sweep_after(DAY - 5).await;
    assert_eq!(shop.standing("orders-db"), ["snapshot-size"]);
    shop.sweep_after(10).await;
    assert_eq!(shop.standing("orders-db"), Vec::<String>::new());
}

/// RDS tells no size of a cluster's. Unknown is not healthy: people are told, softly, until a restore test has seen one.
#[tokio::test]
async fn a_size_that_nobody_can_tell_is_told_until_a_restore_test_has_seen_one() {
    let plan = "  docs:\n    kind: docdb-cluster\n    id: shop-docs\n    objectives: { rpo: 24h, rto: 2h }\n    \
                snapshots:\n      daily: { at: \"cron(0 2 * * ? *)\", keep: 7d, size_min: 1GB }\n";
    let shop = Shop::with(plan, FRIDAY);
    shop.sweep().await;
    shop.sweep_after(10).await;
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("docs"), ["snapshot-size"]);
    let run: RunId = "docs.every.20261120t020000z".parse().expect("legal");
    let verification = holdfast_ledger::Verification {
        run,
        first_query_at: jiff::Timestamp::UNIX_EPOCH,
        fully_read_at: None,
        finished_at: None,
        units_total: 1,
        units_done: 1,
        results: vec![],
        baseline: None,
        observed: [(SERVER_CHECK.to_owned(), Observed::Bytes(7 << 30))].into(),
    };
    let record = serde_json::json!({ "generation": 1, "writer": "test", "body": verification });
    let key = verification_key(&verification.run);
    shop.cloud.put_object(&key, serde_json::to_vec(&record).expect("JSON"));
    shop.sweep_after(DAY - 11).await;
    shop.sweep_after(10).await;
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("docs"), Vec::<String>::new());
    let slot = "20261121t020000z".parse().expect("a slot");
    let record = shop.record(&recovery_point_key(&"docs".parse().expect("legal"), slot)).expect("a record");
    assert_eq!(record.size_bytes, Some(7 << 30));
    assert_eq!(record.size_from, Some(holdfast_ledger::SizeFrom::RestoreTest));
    assert_eq!(shop.ours(&cluster("shop-docs")).len(), 2);
}

#[tokio::test]
async fn a_recovery_point_without_encryption_is_told_where_the_plan_demands_it() {
    for (demanded, expected) in [("    encrypted: true", &["snapshot-encryption"][..]), ("", &[])] {
        let shop = Shop::with(&one(demanded), FRIDAY);
        shop.sweep().await;
        let point = shop.ours(&instance("shop-orders")).pop().expect("one");
        shop.pass(5);
        shop.cloud.edit_snapshot(&point.region, &point.id, |seen| seen.encrypted = false);
        shop.sweep().await;
        assert_eq!(shop.standing("orders-db"), expected);
    }
}

#[tokio::test]
async fn one_that_takes_too_long_is_told_while_it_does_and_after_and_is_over_with_the_next_in_time() {
    let shop = Shop::with(&one(""), FRIDAY);
    shop.cloud.set_timings(Timings { snapshot: SignedDuration::from_mins(90), ..Timings::default() });
    shop.sweep().await;
    shop.sweep_after(59).await;
    assert_eq!(shop.told("orders-db"), Vec::<String>::new());
    shop.sweep_after(1).await;
    shop.sweep_after(31).await;
    shop.sweep_after(1).await;
    assert_eq!(
        shop.told("orders-db"),
        [
            "Open snapshot-duration: a snapshot of orders-db has been in the making for longer than 1h",
            "Open snapshot-duration: the last snapshot of orders-db took longer than 1h",
        ]
    );
    shop.cloud.set_timings(Timings::default());
    shop.sweep_after(DAY - 92).await;
    assert_eq!(shop.standing("orders-db"), ["snapshot-duration"]);
    shop.sweep_after(5).await;
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("orders-db"), Vec::<String>::new());
}

/// An older one that was stuck and comes to an end after all is good, and changes nothing of what is known of the newer.
#[tokio::test]
async fn an_older_recovery_point_that_ends_after_a_newer_one_does_not_take_its_place_in_the_memory() {
    let shop = Shop::with(&one(""), FRIDAY);
    let orders = instance("shop-orders");
    shop.cloud.set_timings(Timings { snapshot: SignedDuration::from_hours(30), ..Timings::default() });
    shop.sweep().await;
    shop.set_status(&orders, "available");
    shop.cloud.set_timings(Timings::default());
    shop.sweep_after(DAY).await;
    shop.sweep_after(10).await;
    let served = |shop: &Shop| {
        let resource = "orders-db".parse().expect("legal");
        shop.memory().resources[&resource].served[&"daily".parse().expect("legal")].slot.to_string()
    };
    assert_eq!(served(&shop), "20261121t020000z");
    let completed = shop.sweep_after(6 * 60).await.completed;
    assert!(completed[0].contains("20261120t020000z"), "{completed:?}");
    assert_eq!(served(&shop), "20261121t020000z");
}

/// What is healed of one cause does not close another.
#[tokio::test]
async fn causes_are_apart() {
    let shop = Shop::with(&one("    encrypted: true"), FRIDAY);
    let orders = instance("shop-orders");
    shop.sweep().await;
    shop.set_newest(&orders, DbSnapshotStatus::Failed);
    shop.sweep_after(1).await;
    shop.sweep_after(DAY - 1).await;
    shop.pass(5);
    let point = shop.ours(&orders).pop().expect("one");
    shop.cloud.edit_snapshot(&point.region, &point.id, |seen| seen.encrypted = false);
    shop.sweep().await;
    assert_eq!(shop.standing("orders-db"), ["snapshot-encryption", "snapshot-failed"]);
    shop.sweep_after(DAY).await;
    shop.sweep_after(5).await;
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("orders-db"), Vec::<String>::new());
}
