//! Damage and faults: what a rehearsal needs to go wrong, goes wrong, and nothing else does.

use std::process::Command;

use super::super::{ApiError, InstanceId, InstanceStatus, Refusal, SnapshotFault, SnapshotId};
use super::bench::{
    Bench, Outcome, PASSWORD, available, begin_create, count, create, instance_in, login, region, restore, snapshot,
    snapshot_in,
};
use super::requests::code;
use crate::postgres::{Damage, Login};
use crate::sample;

const BY_SEQUENCE: &str = "set enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan = off";
const BY_INDEX: &str = "set enable_seqscan = off; set enable_bitmapscan = off";

async fn count_with(login: &Login, settings: &str) -> Result<i64, Box<dyn std::error::Error>> {
    let client = login.connect().await?;
    client.batch_execute(settings).await?;
    Ok(client.query_one("select count(id) from orders where id > 0", &[]).await?.get(0))
}

#[tokio::test]
async fn a_zeroed_page_loses_rows_that_only_two_counts_see() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let source = login(&bench, &create(&client, "orders").await?, PASSWORD)?;
    sample::seed(&source).await?;
    let id = InstanceId::parse("orders")?;
    let damage = Damage::ZeroHeapPage { database: "shop".to_owned(), table: "public.orders".to_owned(), page: 3 };
    bench.rds.damage_next_snapshot(&region(), &id, damage);
    snapshot(&client, "orders", "broken").await?;
    snapshot(&client, "orders", "sound").await?;

    let broken = login(&bench, &restore(&client, "broken", "broken-copy").await?, PASSWORD)?;
    let (by_sequence, by_index) = (count_with(&broken, BY_SEQUENCE).await?, count_with(&broken, BY_INDEX).await?);
    assert!(by_sequence < by_index, "{by_sequence} rows by sequence, {by_index} by index");
    assert_eq!(by_index, 60_000);
    assert_eq!(count(&broken, "select count(*) from verify_heapam('orders')").await?, 0, "amcheck sees nothing");
    broken
        .connect()
        .await?
        .batch_execute("select bt_index_check(c.oid) from pg_class c where relname = 'orders_pkey'")
        .await?;
    pg_amcheck_is_silent(&bench.rds.admin_login(&region(), &InstanceId::parse("broken-copy")?)?)?;

    for sound in [&source, &login(&bench, &restore(&client, "sound", "sound-copy").await?, PASSWORD)?] {
        assert_eq!(count_with(sound, BY_SEQUENCE).await?, 60_000, "only the one snapshot is damaged");
    }
    assert!(bench.rds.snapshot_dir(&region(), &SnapshotId::parse("broken")?)?.join("data/PG_VERSION").exists());
    bench.end().await
}

fn pg_amcheck_is_silent(admin: &Login) -> Outcome {
    let binaries = crate::postgres::Binaries::find(&crate::postgres::Search::default());
    let Some(pg_amcheck) = binaries.ok().and_then(|binaries| binaries.pg_amcheck) else {
        return Ok(());
    };
    let output = Command::new(pg_amcheck)
        .args([
            "--host",
            &admin.host,
            "--port",
            &admin.port.to_string(),
            "--username",
            &admin.user,
            "--heapallindexed",
            "shop",
        ])
        .env("PGPASSWORD", &admin.password)
        .env("PGSSLMODE", "require")
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

#[tokio::test]
async fn ordered_faults_come_once() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    bench.rds.fail_next("DescribeDBInstances", ApiError::throttling());
    assert_eq!(code(client.describe_db_instances().send().await), "Throttling");
    client.describe_db_instances().send().await?;

    let id = InstanceId::parse("orders")?;
    bench.rds.end_creation_in(&region(), &InstanceId::parse("unlucky")?, InstanceStatus::IncompatibleNetwork);
    tokio::try_join!(begin_create(&client, "orders"), begin_create(&client, "unlucky"))?;
    instance_in(&client, "unlucky", "incompatible-network").await?;
    let login = login(&bench, &available(&client, "orders").await?, PASSWORD)?;

    bench.rds.fail_next_snapshot(&region(), &id, SnapshotFault::Failed);
    client.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("s1").send().await?;
    snapshot_in(&client, "s1", "failed").await?;
    available(&client, "orders").await?;
    bench.rds.fail_next_snapshot(&region(), &id, SnapshotFault::Stuck);
    client.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("s2").send().await?;
    available(&client, "orders").await?;
    assert_eq!(snapshot_in(&client, "s2", "creating").await?.percent_progress(), Some(42));
    assert_eq!(code(client.delete_db_snapshot().db_snapshot_identifier("s2").send().await), "InvalidDBSnapshotState");

    for refusal in [Refusal::LoginRejected, Refusal::PortClosed] {
        bench.rds.refuse_connections(&region(), &id, refusal).await;
        refused_soon(&login).await?;
        available(&client, "orders").await?;
        bench.rds.accept_connections(&region(), &id).await;
        accepted_soon(&login).await?;
    }
    bench.end().await
}

/// The server reads its configuration again a moment after the signal.
async fn refused_soon(login: &Login) -> Outcome {
    for _ in 0..100 {
        if login.connect().await.is_err() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Err("connections are still accepted".into())
}

async fn accepted_soon(login: &Login) -> Outcome {
    for _ in 0..100 {
        if login.connect().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Err("connections are still refused".into())
}

#[tokio::test]
async fn dropping_the_service_leaves_no_process() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create(&client, "orders").await?;
    begin_create(&client, "half-made").await?;
    let processes = bench.rds.processes();
    assert_eq!(processes.len(), 2, "a guard and a postmaster");
    drop(bench.rds);
    for pid in processes {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "process {pid} is left");
    }
    Ok(())
}
