use holdfast_domain::inventory::{
    AutomatedBackups, Database, DatabaseKind, DbSnapshot, DbSnapshotStatus, DbStatus, MadeBy,
};
use holdfast_domain::plan::Target;
use jiff::SignedDuration;

/// RDS User Guide, "Viewing Amazon RDS DB instance status".
#[test]
fn a_word_of_rds_that_nobody_knows_is_neither_healthy_nor_broken() {
    for (word, takes) in [
        ("available", true),
        ("storage-optimization", true),
        ("backing-up", false),
        ("modifying", false),
        ("deleting", false),
        ("stopped", false),
        ("stopping", false),
        ("restore-error", false),
        ("storage-full", false),
        ("a-word-of-next-year", false),
        ("", false),
    ] {
        let status = DbStatus::read(word);
        assert_eq!(status.takes_snapshots(), takes, "{word}");
        assert_eq!(status.word(), if takes { "available" } else { word });
    }
    let read = |word: &str| DbStatus::read(word);
    assert_eq!(read("a-word-of-next-year"), DbStatus::Unknown("a-word-of-next-year".into()));
    assert_eq!(read("restore-error"), DbStatus::Broken("restore-error".into()));
    assert_eq!(read("backing-up"), DbStatus::Busy("backing-up".into()));
    assert_eq!(read("stopping"), DbStatus::Stopped("stopping".into()));
    assert_eq!(read("deleting"), DbStatus::Deleting);
}

#[test]
fn a_snapshot_is_available_by_that_word_alone() {
    for (word, status) in [
        ("creating", DbSnapshotStatus::Creating),
        ("pending", DbSnapshotStatus::Creating),
        ("available", DbSnapshotStatus::Available),
        ("failed", DbSnapshotStatus::Failed),
        ("copying", DbSnapshotStatus::Other("copying".into())),
    ] {
        assert_eq!(DbSnapshotStatus::read(word), status, "{word}");
    }
}

#[test]
fn a_database_is_what_the_plan_names_and_knows_its_own_snapshots() {
    let orders = || "orders-prod".parse().expect("an instance");
    let instance = Database::of(&Target::RdsInstance(orders())).expect("a database");
    let cluster = |target: fn(_) -> Target| Database::of(&target("orders-prod".parse().expect("a cluster")));
    let aurora = cluster(Target::AuroraCluster).expect("a database");
    assert_eq!(cluster(Target::DocDbCluster), Some(aurora.clone()));
    assert_eq!(Database::of(&Target::Bucket("shop-media".parse().expect("a bucket"))), None);
    assert_eq!((instance.kind(), instance.id()), (DatabaseKind::Instance, "orders-prod"));
    assert_eq!((aurora.kind(), aurora.id()), (DatabaseKind::Cluster, "orders-prod"));
    assert_eq!(instance.to_string(), "DB instance orders-prod");
    assert_eq!(aurora.to_string(), "DB cluster orders-prod");

    let of = |kind, database: &str| DbSnapshot { kind, database: database.into(), ..snapshot() };
    assert!(of(DatabaseKind::Instance, "orders-prod").is_of(&instance));
    assert!(!of(DatabaseKind::Cluster, "orders-prod").is_of(&instance), "a cluster may have an instance's name");
    assert!(!of(DatabaseKind::Instance, "orders-two").is_of(&instance));
    assert!(of(DatabaseKind::Cluster, "orders-prod").is_of(&aurora));
}

#[test]
fn automated_backups_reach_back_as_many_days_as_they_are_kept() {
    let reach = |retention_days| AutomatedBackups { retention_days, window: None }.reach();
    assert_eq!((reach(0), reach(7)), (SignedDuration::ZERO, SignedDuration::from_hours(168)));
}

fn snapshot() -> DbSnapshot {
    DbSnapshot {
        region: "eu-central-1".parse().expect("a region"),
        id: "a-snapshot".parse().expect("a snapshot"),
        arn: String::new(),
        kind: DatabaseKind::Instance,
        database: String::new(),
        status: DbSnapshotStatus::Available,
        made_by: MadeBy::Call,
        taken_at: None,
        engine: "postgres".into(),
        engine_version: "15.8".into(),
        encrypted: true,
        kms_key: None,
        option_group: None,
        size_bytes: None,
        tags: [].into(),
    }
}
