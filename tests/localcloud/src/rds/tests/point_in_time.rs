//! Restores to a time: real WAL, replayed to the moment and no further.

use std::time::Duration;

use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::Tag;

use super::super::{ClusterId, InstanceId};
use super::bench::{
    Bench, Outcome, PASSWORD, available, cluster_in, count, create_backed_up, create_cluster, create_member, gone,
    login, region,
};
use super::requests::code;
use crate::postgres::Login;

/// A row, and a moment at which it was committed and the next was not.
async fn mark(login: &Login, row: i32) -> Result<DateTime, Box<dyn std::error::Error>> {
    let client = login.connect().await?;
    client.execute("insert into marks values ($1)", &[&row]).await?;
    let now = "select ceil(extract(epoch from clock_timestamp()) * 1000)::bigint";
    let committed_at: i64 = client.query_one(now, &[]).await?.get(0);
    let question = format!("select pg_sleep_until(to_timestamp({committed_at} / 1000.0) + interval '5 ms')::text");
    client.query_one(&question, &[]).await?;
    Ok(DateTime::from_millis(committed_at))
}

#[tokio::test]
async fn a_restore_to_a_time_has_what_was_committed_by_then_and_nothing_later() -> Outcome {
    let mut bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let id = InstanceId::parse("orders")?;
    let source = create_backed_up(&client, "orders").await?;
    let source_login = login(&bench, &source, PASSWORD)?;
    source_login.connect().await?.batch_execute("create table marks (row int)").await?;
    mark(&source_login, 1).await?;
    let after_two = mark(&source_login, 2).await?;
    bench.rds.take_automated_snapshot(&region(), &id).await?;
    mark(&source_login, 3).await?;
    source_login.connect().await?.batch_execute("drop table marks").await?;

    let call = client.restore_db_instance_to_point_in_time().source_db_instance_identifier("orders");
    let early = call.clone().target_db_instance_identifier("early").restore_time(after_two).send().await;
    assert!(early.is_err_and(|error| error.into_service_error().is_invalid_restore_fault()), "not uploaded yet");
    bench.rds.upload_logs(&region(), &id).await?;
    let sealed = call.clone().target_db_instance_identifier("hf-rt-1").restore_time(after_two);
    sealed
        .db_subnet_group_name("clean-room")
        .vpc_security_group_ids("sg-1")
        .publicly_accessible(false)
        .backup_retention_period(0)
        .tags(Tag::builder().key("holdfast:run").value("r1").build())
        .send()
        .await?;
    call.clone().target_db_instance_identifier("latest").use_latest_restorable_time(true).send().await?;
    let room = available(&client, "hf-rt-1").await?;
    let room_login = login(&bench, &room, PASSWORD)?;
    assert_eq!(count(&room_login, "select sum(row) from marks").await?, 1 + 2);
    assert_eq!((room.backup_retention_period(), room.publicly_accessible()), (Some(0), Some(false)));
    assert_eq!(room.tag_list().iter().map(|tag| tag.key()).collect::<Vec<_>>(), [Some("holdfast:run")]);
    let latest = login(&bench, &available(&client, "latest").await?, PASSWORD)?;
    assert!(latest.connect().await?.execute("select from marks", &[]).await.is_err(), "the latest has the drop");
    assert!(bench.events_so_far().iter().any(|event| event.event_id == "RDS-EVENT-0019"));

    // What was restored is an instance like any other: written to, and restored to a time itself, without its source.
    client.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true).send().await?;
    gone(&client, "orders").await?;
    latest.connect().await?.batch_execute("create table marks (row int)").await?;
    let again = mark(&latest, 10).await?;
    mark(&latest, 20).await?;
    bench.rds.upload_logs(&region(), &InstanceId::parse("latest")?).await?;
    let call = client.restore_db_instance_to_point_in_time().source_db_instance_identifier("latest");
    call.target_db_instance_identifier("third").restore_time(again).send().await?;
    let third = login(&bench, &available(&client, "third").await?, PASSWORD)?;
    assert_eq!(count(&third, "select sum(row) from marks").await?, 10);
    bench.end().await
}

#[tokio::test]
async fn a_time_outside_of_the_window_is_refused() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let source = create_backed_up(&client, "orders").await?;
    let latest = source.latest_restorable_time().copied().ok_or("no latest restorable time")?;
    let call = client.restore_db_instance_to_point_in_time().source_db_instance_identifier("orders");
    let call = call.target_db_instance_identifier("t");
    for (time, why) in [(latest.secs() + 3_600, "later than archived"), (latest.secs() - 3_600, "before the instance")]
    {
        let refused = call.clone().restore_time(DateTime::from_secs(time)).send().await;
        assert!(refused.is_err_and(|error| error.into_service_error().is_invalid_restore_fault()), "{why}");
    }
    let both = call.clone().restore_time(latest).use_latest_restorable_time(true).send().await;
    assert_eq!(code(both), "InvalidParameterCombination");
    assert_eq!(code(call.clone().send().await), "InvalidParameterCombination");
    let nope = call.source_db_instance_identifier("nope").use_latest_restorable_time(true).send().await;
    assert!(nope.is_err_and(|error| error.into_service_error().is_db_instance_not_found_fault()));
    bench.end().await
}

#[tokio::test]
async fn a_busy_instance_is_restored_to_its_latest_time_over_many_segments() -> Outcome {
    let bench = Bench::start_with(|config| config.timings.log_upload = Duration::from_millis(100)).await?;
    let client = bench.client("eu-central-1");
    let id = InstanceId::parse("orders")?;
    let source = login(&bench, &create_backed_up(&client, "orders").await?, PASSWORD)?;
    let session = source.connect().await?;
    session.batch_execute("create table t (x int primary key, y text)").await?;
    for batch in 0..8 {
        let rows = format!("insert into t select {batch} * 5000 + n, repeat('y', 200) from generate_series(1, 5000) n");
        session.batch_execute(&rows).await?;
    }
    bench.rds.upload_logs(&region(), &id).await?;
    let call = client.restore_db_instance_to_point_in_time().source_db_instance_identifier("orders");
    call.target_db_instance_identifier("room").use_latest_restorable_time(true).send().await?;
    session.batch_execute("delete from t").await?;
    let room = login(&bench, &available(&client, "room").await?, PASSWORD)?;
    assert_eq!(count(&room, "select count(*) from t").await?, 40_000);
    room.connect().await?.batch_execute("select bt_index_check('t_pkey', true)").await?;
    bench.end().await
}

#[tokio::test]
async fn a_cluster_is_restored_to_a_time_too() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create_cluster(&client, "shop").await?;
    let writer = login(&bench, &create_member(&client, "shop", "shop-1", "aurora-postgresql").await?, PASSWORD)?;
    writer.connect().await?.batch_execute("create table marks (row int)").await?;
    let after_one = mark(&writer, 1).await?;
    mark(&writer, 2).await?;
    bench.rds.upload_cluster_logs(&region(), &ClusterId::parse("shop")?).await?;
    let call = client.restore_db_cluster_to_point_in_time().source_db_cluster_identifier("shop");
    call.db_cluster_identifier("room").restore_to_time(after_one).send().await?;
    cluster_in(&client, "room", "available").await?;
    let room = login(&bench, &create_member(&client, "room", "room-1", "aurora-postgresql").await?, PASSWORD)?;
    assert_eq!(count(&room, "select sum(row) from marks").await?, 1);
    bench.end().await
}
