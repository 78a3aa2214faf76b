//! What AWS and others keep by themselves: told of, never touched.

use crate::shop::{Shop, central, plan, plan_for};
use holdfast_domain::inventory::{AutomatedBackups, DailyWindow, MadeBy, ReplicatedBackup};
use holdfast_domain::tags::Tags;
use holdfast_ledger::PLAN_KEY;

const NOON: &str = "2026-11-20T12:00:00Z";

/// Nothing but what is said; of the instance.
fn orders(more: &str) -> String {
    format!(
        "  orders-db:\n    kind: rds-instance\n    id: shop-orders\n    objectives: {{ rpo: 24h, rto: 2h }}\n{more}\n"
    )
}

impl Shop {
    /// The instance's automated backups: days, minutes behind, window.
    fn back_up(&self, days: u32, behind: i64, window: &str) {
        let latest = self.cloud.time() - jiff::SignedDuration::from_mins(behind);
        self.cloud.edit_instance(&central(), &"shop-orders".parse().expect("legal"), |seen| {
            seen.backups = AutomatedBackups { retention_days: days, window: DailyWindow::read(window) };
            seen.latest_restorable_at = Some(latest);
        });
    }

    fn add(&self, id: &str, made_by: MadeBy) {
        let id = id.parse().expect("legal");
        self.cloud.add_snapshot(&central(), &id, &"shop-orders".parse().expect("legal"), Tags::new());
        self.cloud.set_snapshot_maker(&central(), &id, made_by);
    }
}

#[tokio::test]
async fn continuous_backup_is_told_when_it_is_off_too_short_or_behind() {
    let shop = Shop::with(&orders("    pitr: { window: 7d, lag_max: 10m }"), NOON);
    shop.sweep().await;
    assert_eq!(shop.standing("orders-db"), ["pitr-lag", "pitr-window"], "off");
    shop.back_up(6, 5, "00:00-00:30");
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("orders-db"), ["pitr-window"]);
    shop.back_up(7, 11, "00:00-00:30");
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("orders-db"), ["pitr-lag"]);
    shop.back_up(7, 5, "00:00-00:30");
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("orders-db"), Vec::<String>::new());
    assert_eq!(shop.told("orders-db").len(), 7, "{:?}", shop.told("orders-db"));
    assert_eq!(shop.calls("rds:CreateDBSnapshot"), 0);
}

#[tokio::test]
async fn the_lag_is_judged_by_the_objective_where_the_plan_says_no_more() {
    let shop = Shop::with(&orders("    pitr: { window: 7d }"), NOON);
    shop.back_up(7, 24 * 60 - 1, "00:00-00:30");
    shop.sweep().await;
    assert_eq!(shop.standing("orders-db"), Vec::<String>::new());
    shop.sweep_after(2).await;
    assert_eq!(shop.standing("orders-db"), ["pitr-lag"]);
}

#[tokio::test]
async fn replication_is_looked_for_in_the_region_that_the_plan_names() {
    let shop = Shop::with(&orders("    pitr: { window: 7d, replicate_to: eu-west-1 }"), NOON);
    shop.back_up(7, 5, "00:00-00:30");
    shop.sweep().await;
    assert_eq!(shop.standing("orders-db"), ["pitr-replication"]);
    let backup = |status: &str, days| ReplicatedBackup {
        region: "eu-west-1".parse().expect("legal"),
        source_arn: "arn:aws:rds:eu-central-1:000000000000:db:shop-orders".into(),
        status: status.into(),
        retention_days: days,
        latest_restorable_at: Some(shop.cloud.time()),
    };
    for (status, days, standing) in [
        ("creating", 7, &["pitr-replication"][..]),
        ("replicating", 6, &["pitr-replication"]),
        ("replicating", 7, &[]),
        ("retained", 7, &["pitr-replication"]),
    ] {
        shop.cloud.add_replicated_backup(backup(status, days));
        shop.sweep().await;
        assert_eq!(shop.standing("orders-db"), standing, "{status}, {days} days");
    }
    let other = ReplicatedBackup {
        source_arn: "arn:aws:rds:us-east-1:000000000000:db:shop-orders".into(),
        ..backup("active", 7)
    };
    let elsewhere = Shop::with(&orders("    pitr: { window: 7d, replicate_to: eu-west-1 }"), NOON);
    elsewhere.back_up(7, 5, "00:00-00:30");
    elsewhere.cloud.add_replicated_backup(other);
    elsewhere.sweep().await;
    assert_eq!(
        elsewhere.standing("orders-db"),
        ["pitr-replication"],
        "one of the same name in another region is another"
    );
}

#[tokio::test]
async fn backups_of_a_cluster_are_replicated_by_nobody_and_that_is_said() {
    let plan = "  docs:\n    kind: docdb-cluster\n    id: shop-docs\n    objectives: { rpo: 24h, rto: 2h }\n    \
                pitr: { window: 7d, replicate_to: eu-west-1 }\n";
    let shop = Shop::with(plan, NOON);
    let latest = shop.cloud.time();
    shop.cloud.edit_cluster(&central(), &"shop-docs".parse().expect("legal"), |seen| {
        seen.backups.retention_days = 7;
        seen.latest_restorable_at = Some(latest);
    });
    shop.sweep().await;
    assert_eq!(shop.standing("docs"), ["pitr-replication"]);
    assert!(shop.told("docs")[0].ends_with("AWS does that for DB instances only"), "{:?}", shop.told("docs"));
    assert_eq!(shop.calls("rds:DescribeDBInstanceAutomatedBackups"), 0);
}

#[tokio::test]
async fn a_rule_that_is_due_while_rds_makes_its_own_backup_is_told_softly() {
    let rules = "    snapshots:\n      daily: { at: \"cron(15 2 * * ? *)\", keep: 7d }";
    for (window, expected) in [("02:00-02:30", &["backup-window"][..]), ("01:45-02:15", &[]), ("02:16-03:00", &[])] {
        let shop = Shop::with(&orders(rules), NOON);
        shop.back_up(7, 5, window);
        shop.sweep().await;
        assert_eq!(shop.standing("orders-db"), expected, "{window}");
    }
}

#[tokio::test]
async fn external_recovery_points_are_counted_told_when_old_and_never_touched() {
    let shop =
        Shop::with(&orders("    snapshots: { external: rds, every: 24h, keep: 7d }\n    pitr: { window: 7d }"), NOON);
    shop.back_up(7, 5, "00:00-00:30");
    shop.sweep().await;
    assert_eq!(shop.told("orders-db"), ["Open external: orders-db has no recovery point of RDS that can be restored"]);
    shop.add("rds:shop-orders-2026-11-20-12-00", MadeBy::Rds);
    shop.add("awsbackup:job-1", MadeBy::AwsBackup);
    shop.add("before-the-migration", MadeBy::Call);
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("orders-db"), Vec::<String>::new());
    shop.pass(60);
    shop.add("rds:shop-orders-2026-11-20-13-00", MadeBy::Rds);
    shop.back_up(7, 5, "00:00-00:30");
    shop.sweep().await;
    let others = shop.memory().resources[&"orders-db".parse().expect("legal")].others.clone();
    let counts: Vec<_> = others.iter().map(|(maker, seen)| (maker.as_str(), seen.count)).collect();
    assert_eq!(counts, [("awsbackup", 1), ("manual", 1), ("rds", 2)]);
    assert_eq!(others["rds"].newest_at.duration_since(others["rds"].oldest_at).as_mins(), 61);
    // AWS Backup's is new, but the plan counts on RDS's.
    shop.pass(24 * 60 + 1);
    shop.add("awsbackup:job-2", MadeBy::AwsBackup);
    shop.back_up(7, 5, "00:00-00:30");
    shop.sweep().await;
    assert_eq!(shop.standing("orders-db"), ["external"]);
    assert_eq!((shop.calls("rds:CreateDBSnapshot"), shop.calls("rds:AddTagsToResource")), (0, 0));
}

/// What the plan no longer asks for is over, and so is everything about a resource that left it.
#[tokio::test]
async fn what_the_plan_no_longer_asks_for_is_over() {
    let shop = Shop::with(&orders("    pitr: { window: 7d, lag_max: 10m }"), NOON);
    shop.sweep().await;
    shop.replan(&orders("    pitr: { window: 7d, lag_max: 10m }").replace("orders-db", "other-db"));
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("orders-db"), Vec::<String>::new());
    assert_eq!(shop.standing("other-db"), ["pitr-lag", "pitr-window"]);
    shop.replan(&orders("    snapshots:\n      asked-for: { on: demand, keep: 7d }").replace("orders-db", "other-db"));
    shop.sweep_after(1).await;
    assert_eq!(shop.standing("other-db"), Vec::<String>::new());
}

/// Nobody looks at what is called otherwise now, or is no database: what was told of it would stand for ever.
#[tokio::test]
async fn what_was_told_under_another_name_of_the_plan_or_of_what_is_no_database_now_is_over() {
    let database = orders("    pitr: { window: 7d, lag_max: 10m }");
    let bucket = "
  orders-db:
    kind: bucket
    id: shop-orders
    objectives: { rpo: 24h, rto: 2h }
    snapshots: { nightly: { at: \"cron(0 3 * * ? *)\", keep: 30d } }
";
    for (plan, standing, why) in [
        (plan_for("production", &database), 2, "the plan is called shop/production now"),
        (plan(bucket), 0, "orders-db is no database in the plan any more"),
    ] {
        let shop = Shop::with(&database, NOON);
        shop.sweep().await;
        assert_eq!(shop.standing("orders-db"), ["pitr-lag", "pitr-window"]);
        shop.cloud.put_object(PLAN_KEY, plan);
        shop.sweep_after(1).await;
        let told = shop.told("orders-db");
        let over = told.iter().filter(|told| told.starts_with("Resolved pitr-") && told.ends_with(why)).count();
        assert_eq!(over, 2, "{told:#?}");
        let remembered: Vec<_> = shop.memory().told.into_keys().collect();
        assert_eq!(remembered.iter().filter(|cause| cause.as_str().starts_with("shop/prod/")).count(), 0);
        assert_eq!(remembered.len(), standing, "what stands is told under the name of now");
    }
}
