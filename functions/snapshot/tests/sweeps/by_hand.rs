//! Recovery points that a person asks for.

use holdfast_domain::tags;
use holdfast_ledger::requested_point_key;
use holdfast_ports::{Class, Classified};
use holdfast_wire::{SnapshotNow, Trigger};

use crate::shop::{Shop, cluster, instance, of_every_kind};

const NOON: &str = "2026-11-20T12:00:00Z";

fn request(resource: &str) -> SnapshotNow {
    SnapshotNow {
        resource: resource.parse().expect("legal"),
        request: "before-2026-12".into(),
        reason: "before the release of 2026.12, \"big\" migration".into(),
        keep: Some("30d".into()),
        rule: None,
    }
}

fn now(request: &SnapshotNow) -> Trigger {
    Trigger::SnapshotNow(request.clone())
}

#[tokio::test]
async fn a_request_is_one_recovery_point_with_its_reason_and_retention_however_often_it_comes() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, NOON);
        let taken = shop.deliver(&now(&request(name))).await.expect("a snapshot").taken;
        for _ in 0..3 {
            shop.pass(10);
            let again = shop.deliver(&now(&request(name))).await.expect("known").taken;
            assert_eq!(again, Vec::<String>::new());
        }
        let points = shop.ours(&database);
        assert_eq!(points.len(), 1);
        assert_eq!(taken, [points[0].id.to_string()]);
        let tag = |key: &str| points[0].tags.get(key).map(String::as_str);
        assert_eq!(tag(tags::KEEP), Some("30d"));
        assert_eq!(tag(tags::REASON), Some("before the release of 2026.12_ _big_ migration"));
        assert_eq!((tag(tags::REQUEST), tag(tags::SLOT), tag(tags::RULES)), (Some("before-2026-12"), None, None));

        shop.sweep().await;
        let record =
            shop.record(&requested_point_key(&name.parse().expect("legal"), "before-2026-12")).expect("a record");
        assert!(record.available_seen_at.is_some());
        let requested = record.requested.expect("a request");
        assert_eq!(requested.reason, "before the release of 2026.12, \"big\" migration", "whole in the ledger");
        // It served no slot: the daily rule's own is taken as well.
        assert_eq!(shop.ours(&database).len(), 2);
    }
}

#[tokio::test]
async fn a_rule_on_demand_says_how_long_it_is_kept() {
    let shop = Shop::of_one("orders-db", NOON);
    let by_rule =
        SnapshotNow { keep: None, rule: Some("before-release".parse().expect("legal")), ..request("orders-db") };
    shop.deliver(&now(&by_rule)).await.expect("a snapshot");
    let point = shop.ours(&instance("shop-orders")).pop().expect("one");
    assert_eq!(point.tags.get(tags::RULES), Some(&"before-release".into()));
    assert_eq!(point.tags.get(tags::KEEP), None);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_is_allowed() {
    let shop = Shop::open(NOON);
    let rule = |resource: &str, rule: &str| SnapshotNow {
        keep: None,
        rule: Some(rule.parse().expect("legal")),
        ..request(resource)
    };
    for (wanted, words) in [
        (request("order-db"), "the plan shop has no resource order-db; it has: carts, docs, orders-db, users-db"),
        (rule("orders-db", "daily"), "orders-db has no rule daily on demand; it has: before-release"),
        (
            rule("carts", "before-release"),
            "carts has no rule before-release on demand; it has none at all: say `keep` instead, such as \"30d\"",
        ),
        (
            SnapshotNow { keep: Some("30".into()), ..request("docs") },
            "keep: \"30\" is not a duration: a number with a unit is wanted, such as 7d, 36h, 15m, 90s, 500ms",
        ),
    ] {
        let error = shop.deliver(&now(&wanted)).await.expect_err(words);
        assert_eq!((error.to_string().as_str(), error.class()), (words, Class::Permanent));
    }
    assert_eq!(shop.calls("rds:CreateDBSnapshot") + shop.calls("rds:CreateDBClusterSnapshot"), 0);
}

#[tokio::test]
async fn somebody_elses_snapshot_of_that_name_is_not_taken_for_the_one_that_was_asked_for() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, NOON);
        shop.deliver(&now(&request(name))).await.expect("a snapshot");
        shop.pass(10);
        let taken = shop.ours(&database).pop().expect("one");
        shop.cloud.edit_snapshot(&taken.region, &taken.id, |seen| seen.tags.clear());
        let error = shop.deliver(&now(&request(name))).await.expect_err("the name is taken");
        let words = format!("{} exists and is not ours; choose another request name", taken.id);
        assert_eq!((error.to_string(), error.class()), (words, Class::Permanent));
        assert!(shop.ours(&database)[0].tags.is_empty(), "it was touched");
    }
}

#[tokio::test]
async fn a_busy_database_is_asked_for_later_and_never_twice_at_once() {
    let shop = Shop::of_one("docs", NOON);
    shop.set_status(&cluster("shop-docs"), "upgrading");
    let error = shop.deliver(&now(&request("docs"))).await.expect_err("busy");
    assert_eq!(error.to_string(), "docs cannot be snapshotted now: the cluster is upgrading; ask again later");
    assert_eq!(error.class(), Class::Transient, "Lambda asks again by itself");
    shop.set_status(&cluster("shop-docs"), "available");
    shop.sweep().await;
    let error = shop.deliver(&now(&request("docs"))).await.expect_err("one is being made");
    assert!(error.to_string().contains("is being made of it, and there are never two at once"), "{error}");
    shop.pass(10);
    shop.deliver(&now(&request("docs"))).await.expect("a snapshot");
    assert_eq!(shop.ours(&cluster("shop-docs")).len(), 2);
}

#[tokio::test]
async fn a_lost_answer_and_the_retry_after_it_are_one_recovery_point() {
    for (name, database) in of_every_kind() {
        for calls in 0..12 {
            let shop = Shop::of_one(name, NOON);
            shop.cloud.crash_after(Some(calls));
            let _ = shop.deliver(&now(&request(name))).await;
            shop.cloud.crash_after(None);
            for _ in 0..3 {
                let _ = shop.deliver(&now(&request(name))).await;
                shop.pass(10);
            }
            let requested = shop.ours(&database);
            assert_eq!(requested.len(), 1, "{name} killed after {calls} calls");
            shop.sweep().await;
            shop.sweep_after(10).await;
            let record = shop.record(&requested_point_key(&name.parse().expect("legal"), "before-2026-12"));
            assert!(
                record.is_none_or(|record| record.available_seen_at.is_some()),
                "{name} killed after {calls} calls"
            );
        }
    }
}
