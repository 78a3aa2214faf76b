//! Listing and counting snapshots.

use aws_sdk_rds::types::Filter;

use super::super::{Adoption, InstanceId, Quotas, SnapshotType};
use super::bench::{Bench, Outcome, PASSWORD, available, count, create, login, region, snapshot};
use super::requests::code;
use crate::postgres::{Handover, MasterUser};

#[tokio::test]
async fn pages_and_filters_show_every_snapshot_once() -> Outcome {
    let quotas = Quotas { manual_snapshots: 2, ..Quotas::default() };
    let bench = Bench::start_with(|config| config.quotas = quotas).await?;
    let client = bench.client("eu-central-1");
    let instance = create(&client, "orders").await?;
    snapshot(&client, "orders", "manual-1").await?;
    let exists =
        client.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("Manual-1").send().await;
    assert_eq!(code(exists), "DBSnapshotAlreadyExists");
    snapshot(&client, "orders", "manual-2").await?;
    let third =
        client.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("manual-3").send().await;
    assert_eq!(code(third), "SnapshotQuotaExceeded");
    for number in 0..19 {
        let name = format!("rds:orders-2026-01-{number:02}");
        bench
            .rds
            .register_external_snapshot(&region(), &InstanceId::parse("orders")?, &name, SnapshotType::Automated)
            .await?;
    }
    let mut pages =
        client.describe_db_snapshots().db_instance_identifier("orders").max_records(20).into_paginator().send();
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await {
        seen.push(page?.db_snapshots().len());
    }
    assert_eq!(seen, [20, 1]);

    let resource =
        Filter::builder().name("dbi-resource-id").values(instance.dbi_resource_id().unwrap_or_default()).build();
    let kind = Filter::builder().name("snapshot-type").values("manual").values("awsbackup").build();
    let filtered = client.describe_db_snapshots().filters(resource).filters(kind).send().await?;
    assert_eq!(filtered.db_snapshots().len(), 2);
    let unknown = Filter::builder().name("status").values("available").build();
    assert_eq!(code(client.describe_db_snapshots().filters(unknown).send().await), "InvalidParameterValue");
    let automated = client.delete_db_snapshot().db_snapshot_identifier("rds:orders-2026-01-00").send().await;
    assert_eq!(code(automated), "InvalidDBSnapshotState");

    let files = bench.rds.snapshot_dir(&region(), &super::super::SnapshotId::parse("manual-1")?)?;
    client.delete_db_snapshot().db_snapshot_identifier("manual-1").send().await?;
    assert!(!files.exists(), "a deleted snapshot's files are gone");
    let events =
        client.describe_events().source_type("db-snapshot".into()).source_identifier("manual-1").send().await?;
    assert_eq!(events.events().len(), 3, "creating, created, deleted");
    bench.end().await
}

#[tokio::test]
async fn somebody_else_s_data_directory_becomes_an_instance() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let source = create(&client, "theirs").await?;
    login(&bench, &source, PASSWORD)?.connect().await?.batch_execute("create table t as select 1 as x").await?;
    let data_dir = bench.rds.instance_data_dir(&region(), &InstanceId::parse("theirs")?)?;
    client.stop_db_instance().db_instance_identifier("theirs").send().await?;
    super::bench::instance_in(&client, "theirs", "stopped").await?;

    let adoption = Adoption {
        id: InstanceId::parse("ours")?,
        data_dir,
        handover: Handover::Copy,
        master: MasterUser { name: "master".to_owned(), password: "another-horse".to_owned() },
        db_name: Some("shop".to_owned()),
        tags: [("from".to_owned(), "theirs".to_owned())].into(),
    };
    bench.rds.create_from_data_dir(&region(), adoption)?;
    let ours = available(&client, "ours").await?;
    assert_eq!(count(&login(&bench, &ours, "another-horse")?, "select count(*) from t").await?, 1);
    bench.end().await
}
