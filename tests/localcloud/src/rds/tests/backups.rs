//! Automated backups, and snapshots that others took.

use std::time::Duration;

use aws_sdk_rds::types::{DbInstanceAutomatedBackup, Filter};

use super::super::{InstanceId, Region};
use super::bench::{
    Bench, Outcome, PASSWORD, available, count, create_backed_up, gone, login, region, restore, retaining, snapshot_in,
};
use super::requests::code;

#[tokio::test]
async fn an_instance_is_backed_up_from_its_first_moment_and_until_its_last() -> Outcome {
    let mut bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let instance = create_backed_up(&client, "orders").await?;
    assert!(instance.latest_restorable_time().is_some(), "available is backed up");
    let list = client.describe_db_snapshots().db_instance_identifier("orders").snapshot_type("automated");
    let found = list.clone().send().await?.db_snapshots().to_vec();
    let name = found[0].db_snapshot_identifier().unwrap_or_default();
    let parts: Vec<&str> = name.trim_start_matches("rds:orders-").split('-').collect();
    assert!(name.starts_with("rds:orders-") && parts.len() == 5, "{name}");
    assert_eq!((found.len(), found[0].status()), (1, Some("available")));
    assert!(found[0].full_snapshot_size_in_bytes().unwrap_or(0) > 1_000_000);
    assert_eq!(found[0].snapshot_create_time(), found[0].original_snapshot_create_time());
    let ids: Vec<&str> = bench.events_so_far().iter().map(|event| event.event_id).collect();
    assert_eq!(ids, ["RDS-EVENT-0005", "RDS-EVENT-0090", "RDS-EVENT-0091"]);

    let second = bench.rds.take_automated_snapshot(&region(), &InstanceId::parse("orders")?).await?;
    assert_eq!(list.clone().send().await?.db_snapshots().len(), 2, "{second}");
    login(&bench, &instance, PASSWORD)?.connect().await?.batch_execute("create table t as select 1 as x").await?;
    let theirs = bench.rds.take_aws_backup_snapshot(&region(), &InstanceId::parse("orders")?).await?;
    let seen = snapshot_in(&client, theirs.as_str(), "available").await?;
    assert_eq!(seen.snapshot_type(), Some("awsbackup"));
    let copy = restore(&client, theirs.as_str(), "copy").await?;
    assert_eq!(count(&login(&bench, &copy, PASSWORD)?, "select count(*) from t").await?, 1);
    let old_copy = restore(&client, second.as_str(), "old-copy").await?;
    assert!(login(&bench, &old_copy, PASSWORD)?.connect().await?.execute("select from t", &[]).await.is_err());

    client.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true).send().await?;
    gone(&client, "orders").await?;
    assert_eq!(list.send().await?.db_snapshots().len(), 0, "automated snapshots go with their instance");
    snapshot_in(&client, theirs.as_str(), "available").await?;
    bench.end().await
}

#[tokio::test]
async fn the_latest_restorable_time_follows_what_is_archived_and_nothing_else() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let id = InstanceId::parse("orders")?;
    let first = create_backed_up(&client, "orders").await?.latest_restorable_time().copied();
    assert_eq!(available(&client, "orders").await?.latest_restorable_time().copied(), first);
    bench.rds.upload_logs(&region(), &id).await?;
    let second = available(&client, "orders").await?.latest_restorable_time().copied();
    assert!(second > first, "{second:?} after {first:?}");
    bench.rds.hold_logs(&region(), &id)?;
    bench.rds.upload_logs(&region(), &id).await?;
    let instance = available(&client, "orders").await?;
    assert_eq!(instance.latest_restorable_time().copied(), second, "held back");
    // The server, too, is kept from archiving; it notices, goes on, and catches up.
    let login = login(&bench, &instance, PASSWORD)?;
    login.connect().await?.batch_execute("create table t as select generate_series(1, 50000) as x").await?;
    bench.rds.release_logs(&region(), &id)?;
    bench.rds.upload_logs(&region(), &id).await?;
    assert!(available(&client, "orders").await?.latest_restorable_time().copied() > second);
    bench.end().await
}

#[tokio::test]
async fn logs_are_uploaded_again_and_again_without_anybody_asking() -> Outcome {
    let often = Duration::from_millis(50);
    let bench = Bench::start_with(|config| config.timings.log_upload = often).await?;
    let client = bench.client("eu-central-1");
    let first = create_backed_up(&client, "orders").await?.latest_restorable_time().copied();
    for _ in 0..500 {
        if available(&client, "orders").await?.latest_restorable_time().copied() > first {
            return bench.end().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("the latest restorable time stands still".into())
}

#[tokio::test]
async fn retention_switches_automated_backups_off_and_on() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let before = create_backed_up(&client, "orders").await?;
    login(&bench, &before, PASSWORD)?.connect().await?.batch_execute("create table t as select 1 as x").await?;
    let modify = client.modify_db_instance().db_instance_identifier("orders").apply_immediately(true);
    modify.clone().backup_retention_period(0).send().await?;
    assert_eq!(retaining(&client, "orders", 0).await?.latest_restorable_time(), None);
    let list = client.describe_db_snapshots().snapshot_type("automated");
    assert_eq!(list.clone().send().await?.db_snapshots().len(), 0);
    let to_time = client.restore_db_instance_to_point_in_time().source_db_instance_identifier("orders");
    let to_time = to_time.target_db_instance_identifier("t").use_latest_restorable_time(true).send().await;
    assert!(to_time.is_err_and(|error| error.into_service_error().is_point_in_time_restore_not_enabled_fault()));
    let held = bench.rds.hold_logs(&region(), &InstanceId::parse("orders")?);
    assert!(held.is_err_and(|error| error.code == "PointInTimeRestoreNotEnabled"));

    modify.backup_retention_period(3).send().await?;
    let on = retaining(&client, "orders", 3).await?;
    assert!(on.latest_restorable_time().is_some(), "backed up before it is available again");
    assert_eq!(list.send().await?.db_snapshots().len(), 1);
    assert_eq!(count(&login(&bench, &on, PASSWORD)?, "select count(*) from t").await?, 1);
    bench.end().await
}

#[tokio::test]
async fn automated_backups_are_described_where_they_are_and_where_they_are_replicated_to() -> Outcome {
    let bench = Bench::start().await?;
    let (client, elsewhere) = (bench.client("eu-central-1"), bench.client("eu-west-1"));
    let instance = create_backed_up(&client, "orders").await?;
    let here = client.describe_db_instance_automated_backups().db_instance_identifier("orders").send().await?;
    let backup: &DbInstanceAutomatedBackup = &here.db_instance_automated_backups()[0];
    assert_eq!((backup.status(), backup.region()), (Some("active"), Some("eu-central-1")));
    let window = backup.restore_window().ok_or("no window")?;
    assert_eq!(window.latest_time(), instance.latest_restorable_time());
    assert!(window.earliest_time() < window.latest_time());
    let nope = client.describe_db_instance_automated_backups().db_instance_identifier("nope").send().await;
    assert!(nope.is_err_and(|error| error.into_service_error().is_db_instance_automated_backup_not_found_fault()));
    assert_eq!(
        elsewhere.describe_db_instance_automated_backups().send().await?.db_instance_automated_backups().len(),
        0
    );

    let arn = instance.db_instance_arn().unwrap_or_default();
    let call = elsewhere.start_db_instance_automated_backups_replication().source_db_instance_arn(arn);
    call.clone().send().await?;
    call.send().await?;
    let active = Filter::builder().name("status").values("replicating").build();
    let there = elsewhere.describe_db_instance_automated_backups().filters(active).send().await?;
    let replica = &there.db_instance_automated_backups()[0];
    assert_eq!((replica.region(), replica.db_instance_arn()), (Some("eu-central-1"), Some(arn)));
    assert_eq!(replica.restore_window().and_then(|window| window.latest_time()), instance.latest_restorable_time());
    let shown = available(&client, "orders").await?;
    let shown: Vec<_> = shown
        .db_instance_automated_backups_replications()
        .iter()
        .map(|one| one.db_instance_automated_backups_arn())
        .collect();
    assert_eq!(shown, [replica.db_instance_automated_backups_arn()]);
    let region = Region::new("eu-west-1");
    assert!(replica.db_instance_automated_backups_arn().is_some_and(|arn| arn.contains(region.as_str())));
    let same = client.start_db_instance_automated_backups_replication().source_db_instance_arn(arn).send().await;
    assert_eq!(code(same), "InvalidParameterValue");
    bench.end().await
}
