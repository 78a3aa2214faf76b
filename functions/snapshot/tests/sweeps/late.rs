//! Slots that cannot be taken when they are due: taken late, told while they are missing, over when they are there.

use holdfast_domain::inventory::{DbSnapshotStatus, DbStatus};
use holdfast_domain::tags;
use holdfast_ledger::recovery_point_key;
use holdfast_ports::PortErrorKind;
use holdfast_testkit::{Fault, Timings};
use holdfast_wire::Trigger;
use jiff::SignedDuration;

use crate::shop::{RESOURCES, Shop, central, cluster, instance, of_every_kind};

/// A Friday, at the second at which the daily rules are due.
const FRIDAY: &str = "2026-11-20T02:00:00Z";

fn create(name: &str) -> &'static str {
    if name == "orders-db" { "rds:CreateDBSnapshot" } else { "rds:CreateDBClusterSnapshot" }
}

#[tokio::test]
async fn a_busy_database_is_told_when_late_and_taken_as_soon_as_it_can_be() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, FRIDAY);
        shop.set_status(&database, "modifying");
        shop.sweep().await;
        shop.sweep_after(29).await;
        assert_eq!(shop.told(name), Vec::<String>::new(), "not late yet");
        shop.sweep_after(1).await;
        shop.sweep_after(1).await;
        let late = "Open snapshot: the snapshot of NAME due at 2026-11-20T02:00:00Z is not there as it must be: the database is modifying";
        assert_eq!(shop.told(name), [late.replace("NAME", name)], "once");

        shop.set_status(&database, "available");
        shop.sweep_after(300).await;
        let taken = shop.ours(&database);
        assert!(taken[0].id.as_str().contains("20261120t020000z"), "{taken:?}");
        assert_eq!(taken[0].tags.get(tags::LATE), Some(&"PT5H31M".into()));
        assert_eq!(shop.standing(name), ["snapshot"], "it stands until the recovery point is complete");
        shop.sweep_after(5).await;
        shop.sweep_after(5).await;
        assert_eq!(shop.standing(name), Vec::<String>::new());
        let told = shop.told(name);
        assert_eq!(
            told.last().expect("news"),
            &format!("Resolved snapshot: the snapshot of {name} due at 2026-11-20T02:00:00Z is there")
        );
        assert_eq!(told.iter().filter(|words| words.starts_with("Resolved")).count(), 1);

        let slot = "20261120t020000z".parse().expect("a slot");
        let record = shop.record(&recovery_point_key(&name.parse().expect("legal"), slot)).expect("a record");
        assert_eq!(record.late, Some(SignedDuration::from_mins(331)));
        let data = record.taken_at.expect("a moment");
        assert_eq!(
            data,
            slot.instant() + SignedDuration::from_mins(331),
            "its age is that of its data, not of its slot"
        );
    }
}

/// There is no cliff: a slot stays missed until a newer one of the same rule is there.
#[tokio::test]
async fn a_slot_that_is_missed_for_days_is_told_until_a_newer_one_is_there() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, "2026-11-19T02:00:00Z");
        shop.sweep().await;
        shop.sweep_after(10).await;
        shop.set_status(&database, "stopped");
        for _ in 0..4 * 24 {
            shop.sweep_after(60).await;
        }
        assert_eq!(shop.standing(name), ["snapshot"]);
        shop.set_status(&database, "available");
        shop.sweep_after(60).await;
        assert_eq!(shop.ours(&database).len(), 2, "one late recovery point stands for all that were missed");
        assert_eq!(shop.standing(name), ["snapshot"]);
        shop.sweep_after(10).await;
        shop.sweep_after(1).await;
        assert_eq!(shop.standing(name), Vec::<String>::new());
    }
}

/// Nobody swept for days. What was missed meanwhile is told all the same, and is over when the newest slot is made good.
#[tokio::test]
async fn slots_that_nobody_looked_at_are_told_afterwards() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, "2026-11-16T02:00:00Z");
        shop.sweep().await;
        shop.sweep_after(10).await;
        shop.sweep_after(3 * 24 * 60).await;
        let told = shop.told(name);
        assert_eq!(
            told,
            [format!(
                "Open snapshot: the snapshot of {name} due at 2026-11-19T02:00:00Z is not there as it must be: slots before it were missed"
            )]
        );
        assert_eq!(shop.ours(&database).len(), 2);
        shop.sweep_after(10).await;
        shop.sweep_after(1).await;
        assert_eq!(shop.standing(name), Vec::<String>::new());
    }
}

/// A slot that had its recovery point was not missed, though that is not there any more when the next one is due.
#[tokio::test]
async fn a_slot_whose_recovery_point_has_gone_since_is_not_counted_among_the_missed() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, "2026-11-16T02:00:00Z");
        shop.sweep().await;
        shop.sweep_after(10).await;
        let first = shop.ours(&database).pop().expect("one");
        shop.pass(24 * 60 - 10);
        shop.cloud.remove_snapshot(&first.region, &first.id);
        assert_eq!(shop.sweep().await.taken.len(), 1);
        // That the weekly rule's has gone is another cause.
        assert!(shop.told(name).iter().all(|told| told.starts_with("Open snapshot-gone: ")), "{:?}", shop.told(name));
    }
}

/// Told before anything is remembered that would make it forgotten, whatever fails in between.
#[tokio::test]
async fn slots_that_nobody_looked_at_are_told_even_if_telling_failed_at_first() {
    for (name, _) in of_every_kind() {
        for operation in ["s3:PutObject", "events:PutEvents"] {
            for failures in 1..4 {
                let shop = Shop::of_one(name, "2026-11-16T02:00:00Z");
                shop.sweep().await;
                shop.sweep_after(10).await;
                shop.pass(3 * 24 * 60);
                shop.cloud.fail(operation, failures, Fault::Refused(PortErrorKind::Unavailable));
                for _ in 0..8 {
                    let _ = shop.deliver(&Trigger::Sweep).await;
                    shop.pass(10);
                }
                let told = shop.told(name);
                assert!(
                    told.first().is_some_and(|words| words.starts_with("Open snapshot: ")),
                    "{operation}: {told:?}"
                );
                assert_eq!(shop.standing(name), Vec::<String>::new(), "{operation}");
            }
        }
    }
}

/// A weekly slot that could not be taken: Monday's daily recovery point serves it.
#[tokio::test]
async fn the_next_good_recovery_point_is_promoted_for_the_rule_that_has_none() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, "2026-11-22T02:00:00Z");
        shop.sweep().await;
        shop.set_newest(&database, DbSnapshotStatus::Failed);
        shop.sweep_after(10).await;
        assert_eq!(shop.standing(name), ["snapshot-failed"], "{:?}", shop.told(name));

        // Monday: one snapshot, tagged with both from the beginning.
        shop.sweep_after(24 * 60 - 10).await;
        let monday = shop.ours(&database).pop().expect("one");
        assert!(monday.id.as_str().contains("20261123t020000z"), "{monday:?}");
        assert_eq!(monday.tags.get(tags::RULES), Some(&"daily weekly".into()));
        assert_eq!(shop.standing(name), ["snapshot-failed"]);
        shop.sweep_after(10).await;
        assert_eq!(shop.standing(name), Vec::<String>::new());
        let weekly = &shop.memory().resources[&name.parse().expect("legal")].served[&"weekly".parse().expect("legal")];
        assert_eq!(weekly.snapshot, monday.id);
        assert_eq!(shop.calls("rds:AddTagsToResource"), 0, "it was tagged when it was made");
    }
}

/// The same, when it only turns out after the daily one was begun: a tag is added to it, and to nothing else.
#[tokio::test]
async fn a_recovery_point_that_exists_is_promoted_by_its_tags() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, "2026-11-20T02:00:00Z");
        shop.sweep().await;
        shop.sweep_after(10).await;
        let (_, resource) = RESOURCES.into_iter().find(|(known, _)| *known == name).expect("a resource");
        // A monthly rule comes to the plan whose slot is some hours older than what is there.
        let monthly = "    snapshots:\n      monthly: { at: \"cron(0 1 20 * ? *)\", keep: 365d }\n";
        shop.replan(&resource.replace("    snapshots:\n", monthly));
        let promoted = shop.sweep_after(1).await.promoted;
        let point = shop.ours(&database).pop().expect("one");
        assert_eq!(promoted, [point.id.to_string()]);
        assert_eq!(point.tags.get(tags::RULES), Some(&"daily monthly weekly".into()), "weekly was missed before, too");
        assert_eq!(shop.calls("rds:AddTagsToResource"), 1);
        assert_eq!(shop.ours(&database).len(), 1);
        let slot = "20261120t020000z".parse().expect("a slot");
        let record = shop.record(&recovery_point_key(&name.parse().expect("legal"), slot)).expect("a record");
        assert_eq!(record.rules, "daily monthly weekly");
        assert_eq!(shop.sweep_after(1).await.promoted, Vec::<String>::new());
    }
}

#[tokio::test]
async fn two_snapshots_of_one_database_are_never_made_at_once_and_whoever_made_the_first_does_not_matter() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, "2026-11-20T01:59:00Z");
        shop.cloud.set_timings(Timings { snapshot: SignedDuration::from_hours(3), ..Timings::default() });
        let theirs = holdfast_ports::CreateDbSnapshot {
            region: central(),
            database: database.clone(),
            id: "before-the-migration".parse().expect("legal"),
            tags: tags::Tags::new(),
        };
        holdfast_ports::SnapshotTaker::create_db_snapshot(&shop.cloud, &theirs).await.expect("theirs");
        for _ in 0..17 {
            shop.sweep_after(10).await;
            assert_eq!(shop.ours(&database).len(), 0);
        }
        assert_eq!(shop.standing(name), ["snapshot"]);
        assert_eq!(shop.calls(create(name)), 1, "RDS was not even asked");
        shop.sweep_after(20).await;
        assert_eq!(shop.ours(&database).len(), 1);
    }
}

/// A stuck one holds the next up only where the plan says that they may not overlap. RDS itself keeps an instance busy meanwhile.
#[tokio::test]
async fn a_stuck_snapshot_holds_the_next_up_only_where_the_plan_forbids_an_overlap() {
    for (overlap, expected) in [("allowed", 2), ("forbidden", 1)] {
        let resource = format!(
            "  carts:\n    kind: aurora-cluster\n    id: shop-carts\n    objectives: {{ rpo: 24h, rto: 2h }}\n    overlap: {overlap}\n    \
             snapshots:\n      daily: {{ at: \"cron(0 2 * * ? *)\", keep: 7d, takes_max: 2h }}\n"
        );
        let shop = Shop::with(&resource, FRIDAY);
        let carts = cluster("shop-carts");
        shop.sweep().await;
        shop.set_newest(&carts, DbSnapshotStatus::Creating);
        shop.sweep_after(121).await;
        assert_eq!(shop.standing("carts"), ["snapshot-duration"]);
        for _ in 0..24 {
            shop.sweep_after(60).await;
        }
        assert_eq!(shop.ours(&carts).len(), expected, "{overlap}");
        let standing: &[&str] = if expected == 2 { &["snapshot-duration"] } else { &["snapshot", "snapshot-duration"] };
        assert_eq!(shop.standing("carts"), standing, "{overlap}: the stuck one stays told");
        // It comes to an end after all.
        shop.set_newest(&carts, DbSnapshotStatus::Available);
        let first = shop.ours(&carts)[0].clone();
        shop.cloud.edit_snapshot(&first.region, &first.id, |seen| seen.status = DbSnapshotStatus::Available);
        for _ in 0..3 {
            shop.sweep_after(10).await;
        }
        assert_eq!(shop.ours(&carts).len(), 2, "{overlap}");
        let late = shop.ours(&carts)[1].tags.contains_key(tags::LATE);
        assert_eq!(late, overlap == "forbidden");
    }
}

#[tokio::test]
async fn a_used_up_quota_is_told_at_once_and_ends_asking_in_that_region_for_this_sweep() {
    let here = RESOURCES.into_iter().filter(|(name, _)| *name != "users-db").map(|(_, resource)| resource);
    let shop = Shop::with(&here.collect::<String>(), FRIDAY);
    shop.cloud.set_snapshots_max(0);
    shop.sweep().await;
    for (name, _) in of_every_kind() {
        let told = shop.told(name);
        assert!(told[0].ends_with("is not there as it must be: the quota of manual snapshots is used up"), "{told:?}");
    }
    assert_eq!((shop.calls("rds:CreateDBSnapshot"), shop.calls("rds:CreateDBClusterSnapshot")), (1, 1));
    for _ in 0..10 {
        shop.sweep_after(1).await;
    }
    assert_eq!(shop.told("docs").len(), 1, "told once, however often somebody looks");
    shop.sweep_after(10).await;
    assert_eq!(shop.told("docs").len(), 2, "and again after a while, for a message may be lost");
    shop.cloud.set_snapshots_max(100);
    shop.sweep_after(1).await;
    shop.sweep_after(5).await;
    for (name, _) in of_every_kind() {
        assert_eq!(shop.standing(name), Vec::<String>::new());
    }
}

#[tokio::test]
async fn throttled_calls_are_tried_again_by_the_next_sweep_and_told_when_late() {
    for (name, database) in of_every_kind() {
        let shop = Shop::of_one(name, FRIDAY);
        shop.cloud.fail(create(name), 4, Fault::Refused(PortErrorKind::Throttled));
        shop.sweep().await;
        shop.sweep_after(10).await;
        shop.sweep_after(10).await;
        assert_eq!(shop.told(name), Vec::<String>::new());
        shop.sweep_after(20).await;
        assert!(shop.told(name)[0].ends_with("RDS throttles the calls"), "{:?}", shop.told(name));
        shop.sweep_after(1).await;
        assert_eq!(shop.ours(&database).len(), 1);
    }
}

#[tokio::test]
async fn what_the_role_may_not_do_is_told_at_once_and_fails_the_invocation() {
    let shop = Shop::of_one("orders-db", FRIDAY);
    shop.cloud.fail("rds:CreateDBSnapshot", 1, Fault::Refused(PortErrorKind::AccessDenied));
    let error = shop.deliver(&Trigger::Sweep).await.expect_err("a failure");
    assert!(error.to_string().contains("rds:CreateDBSnapshot"), "{error}");
    assert!(shop.told("orders-db")[0].ends_with("is not there as it must be: RDS refuses it"));
}

/// What is found after its time is over is not taken for nothing; the next slot is.
#[tokio::test]
async fn a_slot_whose_recovery_point_would_be_past_its_retention_at_once_is_not_taken() {
    let weekly = "  orders-db:\n    kind: rds-instance\n    id: shop-orders\n    objectives: { rpo: 8d, rto: 2h }\n    \
                  snapshots:\n      weekly: { at: \"cron(0 2 ? * FRI *)\", keep: 2d }\n";
    let orders = instance("shop-orders");
    // Two days later to the second, and one second before that.
    for (now, taken) in [("2026-11-22T01:59:59Z", 1), ("2026-11-22T02:00:00Z", 0)] {
        let shop = Shop::with(weekly, now);
        shop.sweep().await;
        assert_eq!(shop.ours(&orders).len(), taken, "{now}");
        shop.sweep_after(5 * 24 * 60 + 1).await;
        assert_eq!(shop.ours(&orders).len(), taken + 1, "{now}: the next Friday's");
    }
}

/// A recovery point that its retention took away is not taken again; one that somebody took away before is told.
#[tokio::test]
async fn what_is_gone_is_expired_or_told_and_never_taken_again() {
    for (name, database) in of_every_kind() {
        let resource = |keep: &str| {
            let (_, resource) = RESOURCES.into_iter().find(|(known, _)| *known == name).expect("a resource");
            let daily = resource.lines().filter(|line| !line.contains("weekly:") && !line.contains("before-release"));
            let text: String = daily.map(|line| line.to_owned() + "\n").collect();
            let text = text.replace("cron(0 2 * * ? *)", "cron(0 2 ? * FRI *)").replace("rpo: 24h", "rpo: 7d");
            text.replace("keep: 7d", &format!("keep: {keep}"))
        };
        for (keep, told) in [("2d", None), ("10d", Some("snapshot-gone"))] {
            let shop = Shop::with(&resource(keep), FRIDAY);
            shop.sweep().await;
            shop.sweep_after(10).await;
            shop.pass(3 * 24 * 60);
            let point = shop.ours(&database).pop().expect("one");
            shop.cloud.remove_snapshot(&point.region, &point.id);
            shop.sweep().await;
            shop.sweep_after(60).await;
            assert_eq!(shop.ours(&database).len(), 0, "{name} kept for {keep}");
            assert_eq!(shop.standing(name), told.into_iter().collect::<Vec<_>>(), "{name} kept for {keep}");
        }
    }
}

#[tokio::test]
async fn a_database_that_rds_does_not_know_is_told_at_once() {
    let shop = Shop::of_one("orders-db", FRIDAY);
    shop.cloud.remove_instance(&central(), &"shop-orders".parse().expect("legal"));
    shop.sweep().await;
    assert!(shop.told("orders-db")[0].ends_with("RDS knows no such database"), "{:?}", shop.told("orders-db"));
    assert_eq!(shop.calls("rds:CreateDBSnapshot"), 0);
    shop.cloud.add_instance(&central(), &"shop-orders".parse().expect("legal"));
    shop.cloud.set_database_status(&central(), &instance("shop-orders"), DbStatus::Available);
    shop.sweep_after(1).await;
    shop.sweep_after(5).await;
    assert_eq!(shop.standing("orders-db"), Vec::<String>::new());
}
