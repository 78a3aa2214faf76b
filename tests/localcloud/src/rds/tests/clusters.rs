//! Aurora clusters and their snapshots.

use aws_sdk_rds::types::{Filter, Tag};

use super::super::{ClusterId, ClusterSnapshotId, ClusterStatus, InstanceId, Quotas, SnapshotFault, SnapshotType};
use super::bench::{
    Bench, Outcome, PASSWORD, available, cluster_gone, cluster_in, cluster_settled, cluster_snapshot,
    cluster_snapshot_in, count, create, create_cluster, create_member, gone, instance_in, login, region,
};
use super::requests::code;
use crate::postgres::Damage;

#[tokio::test]
async fn a_cluster_snapshot_restores_to_a_cluster_that_answers_once_it_has_an_instance() -> Outcome {
    let mut bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let made = create_cluster(&client, "shop").await?;
    assert_eq!((made.endpoint(), made.db_cluster_members().len()), (None, 0), "nobody answers without an instance");
    assert_eq!((made.backup_retention_period(), made.allocated_storage()), (Some(7), Some(1)));
    let writer = create_member(&client, "shop", "shop-1", "aurora-postgresql").await?;
    let reader = create_member(&client, "shop", "shop-2", "aurora-postgresql").await?;
    assert_eq!(writer.db_cluster_identifier(), Some("shop"));
    assert_eq!((writer.storage_encrypted(), writer.backup_retention_period()), (Some(true), Some(7)));
    let admin = bench.rds.cluster_admin_login(&region(), &ClusterId::parse("shop")?)?;
    assert_eq!(admin.port, bench.rds.admin_login(&region(), &InstanceId::parse("shop-2")?)?.port, "one volume");
    login(&bench, &writer, PASSWORD)?.connect().await?.batch_execute("create table t as select 7 as x").await?;
    assert_eq!(count(&login(&bench, &reader, PASSWORD)?, "select count(*) from t").await?, 1);

    let taken = cluster_snapshot(&client, "shop", "shop-s1").await?;
    assert_eq!((taken.snapshot_type(), taken.percent_progress()), (Some("manual"), Some(100)));
    assert_eq!((taken.storage_encrypted(), taken.kms_key_id()), (Some(true), Some("alias/aws/rds")));
    login(&bench, &writer, PASSWORD)?.connect().await?.batch_execute("drop table t").await?;

    let call = client.restore_db_cluster_from_snapshot().db_cluster_identifier("room").snapshot_identifier("shop-s1");
    call.engine("aurora-postgresql").tags(Tag::builder().key("run").value("1").build()).send().await?;
    let room = cluster_in(&client, "room", "available").await?;
    assert_eq!(room.db_cluster_members().len(), 0, "a restore makes no instance");
    assert_eq!((room.kms_key_id(), room.storage_encrypted()), (Some("alias/aws/rds"), Some(true)));
    assert_eq!(room.tag_list().iter().map(|tag| tag.key()).collect::<Vec<_>>(), [Some("run")]);
    let copy = create_member(&client, "room", "room-1", "aurora-postgresql").await?;
    assert_eq!(count(&login(&bench, &copy, PASSWORD)?, "select x::bigint from t").await?, 7);
    let files = bench.rds.cluster_snapshot_dir(&region(), &ClusterSnapshotId::parse("shop-s1")?)?;
    assert!(files.join("data/PG_VERSION").exists());
    client.delete_db_cluster_snapshot().db_cluster_snapshot_identifier("shop-s1").send().await?;
    assert!(!files.exists(), "a deleted snapshot's files are gone");
    let room = cluster_in(&client, "room", "available").await?;
    assert_eq!(room.port(), copy.endpoint().and_then(|endpoint| endpoint.port()), "the endpoint is the writer's");

    let ids: Vec<&str> = bench.events_so_far().iter().map(|event| event.event_id).collect();
    for id in ["RDS-EVENT-0170", "RDS-EVENT-0168", "RDS-EVENT-0169", "RDS-EVENT-0074", "RDS-EVENT-0075"] {
        assert!(ids.contains(&id), "{id} is missing in {ids:?}");
    }
    bench.end().await
}

#[tokio::test]
async fn a_cluster_is_deleted_after_its_instances_and_takes_its_automated_snapshots_with_it() -> Outcome {
    let mut bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create_cluster(&client, "shop").await?;
    let writer = create_member(&client, "shop", "shop-1", "aurora-postgresql").await?;
    let reader = create_member(&client, "shop", "shop-2", "aurora-postgresql").await?;
    login(&bench, &writer, PASSWORD)?.connect().await?.batch_execute("create table t as select 1 as x").await?;
    let delete = client.delete_db_cluster().db_cluster_identifier("shop");
    assert_eq!(code(delete.clone().skip_final_snapshot(true).send().await), "InvalidDBClusterStateFault");
    let call = client.delete_db_instance().db_instance_identifier("shop-1");
    let kept = call.clone().final_db_snapshot_identifier("last").send().await;
    assert_eq!(code(kept), "InvalidParameterCombination");
    call.skip_final_snapshot(true).send().await?;
    gone(&client, "shop-1").await?;
    let members = cluster_in(&client, "shop", "available").await?.db_cluster_members().to_vec();
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].db_instance_identifier(), members[0].is_cluster_writer()), (Some("shop-2"), Some(true)));
    assert_eq!(count(&login(&bench, &reader, PASSWORD)?, "select count(*) from t").await?, 1, "the others answer on");

    client.modify_db_cluster().db_cluster_identifier("shop").deletion_protection(true).send().await?;
    client.delete_db_instance().db_instance_identifier("shop-2").send().await?;
    gone(&client, "shop-2").await?;
    assert!(bench.rds.processes().is_empty(), "nobody answers any more");
    assert_eq!(code(delete.clone().skip_final_snapshot(true).send().await), "InvalidParameterCombination");
    client.modify_db_cluster().db_cluster_identifier("shop").deletion_protection(false).send().await?;
    assert_eq!(client.describe_db_cluster_snapshots().send().await?.db_cluster_snapshots().len(), 1);
    delete.final_db_snapshot_identifier("last").send().await?;
    cluster_gone(&client, "shop").await?;
    let left = client.describe_db_cluster_snapshots().send().await?;
    let left: Vec<_> = left.db_cluster_snapshots().iter().map(|one| one.db_cluster_snapshot_identifier()).collect();
    assert_eq!(left, [Some("last")], "the automated one is gone, the final one is not");
    assert!(bench.events_so_far().iter().any(|event| event.event_id == "RDS-EVENT-0171"));
    bench.end().await
}

#[tokio::test]
async fn what_belongs_to_the_cluster_is_refused_to_its_instances() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create_cluster(&client, "shop").await?;
    let member = client.create_db_instance().db_instance_identifier("m").db_cluster_identifier("shop");
    let member = member.db_instance_class("db.r6g.large").engine("aurora-postgresql");
    let with_password = member.clone().master_username("master").master_user_password(PASSWORD).send().await;
    assert_eq!(code(with_password), "InvalidParameterCombination");
    assert_eq!(code(member.clone().engine("docdb").send().await), "InvalidParameterCombination");
    let nowhere = member.clone().db_cluster_identifier("nope").send().await;
    assert!(nowhere.is_err_and(|error| error.into_service_error().is_db_cluster_not_found_fault()));
    let writer = create_member(&client, "shop", "shop-1", "aurora-postgresql").await?;

    let snapshot =
        client.create_db_snapshot().db_instance_identifier("shop-1").db_snapshot_identifier("s").send().await;
    assert_eq!(code(snapshot), "InvalidParameterValue");
    let retention =
        client.modify_db_instance().db_instance_identifier("shop-1").backup_retention_period(0).send().await;
    assert_eq!(code(retention), "InvalidParameterCombination");
    let stopped = client.stop_db_instance().db_instance_identifier("shop-1").send().await;
    assert_eq!(code(stopped), "InvalidParameterCombination");
    let to_time = client.restore_db_instance_to_point_in_time().source_db_instance_identifier("shop-1");
    let to_time = to_time.target_db_instance_identifier("t").use_latest_restorable_time(true).send().await;
    assert_eq!(code(to_time), "InvalidParameterCombination");

    let modify = client.modify_db_cluster().db_cluster_identifier("shop").apply_immediately(true);
    assert_eq!(code(modify.clone().backup_retention_period(0).send().await), "InvalidParameterValue");
    let call = modify
        .backup_retention_period(14)
        .master_user_password("battery-staple")
        .preferred_backup_window("01:00-01:30");
    let answer = call.send().await?;
    let pending = answer.db_cluster().and_then(|cluster| cluster.pending_modified_values());
    assert_eq!(pending.and_then(|pending| pending.master_user_password()), Some("****"));
    cluster_settled(&client, "shop").await?;
    assert!(login(&bench, &writer, PASSWORD)?.connect().await.is_err(), "the old password must not work");
    login(&bench, &writer, "battery-staple")?.connect().await?;
    let writer = available(&client, "shop-1").await?;
    assert_eq!((writer.backup_retention_period(), writer.preferred_backup_window()), (Some(14), Some("01:00-01:30")));
    let of_cluster = Filter::builder().name("db-cluster-id").values("shop").build();
    assert_eq!(client.describe_db_instances().filters(of_cluster).send().await?.db_instances().len(), 1);
    bench.end().await
}

#[tokio::test]
async fn a_stopped_cluster_keeps_data_and_address_and_can_be_snapshot_only_when_it_runs() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create_cluster(&client, "shop").await?;
    let writer = create_member(&client, "shop", "shop-1", "aurora-postgresql").await?;
    login(&bench, &writer, PASSWORD)?.connect().await?.batch_execute("create table t as select 1 as x").await?;
    client.stop_db_cluster().db_cluster_identifier("shop").send().await?;
    cluster_in(&client, "shop", "stopped").await?;
    instance_in(&client, "shop-1", "stopped").await?;
    assert!(login(&bench, &writer, PASSWORD)?.connect().await.is_err());
    let early = client.create_db_cluster_snapshot().db_cluster_identifier("shop").db_cluster_snapshot_identifier("s");
    assert_eq!(code(early.clone().send().await), "InvalidDBClusterStateFault");
    assert_eq!(code(client.stop_db_cluster().db_cluster_identifier("shop").send().await), "InvalidDBClusterStateFault");
    client.start_db_cluster().db_cluster_identifier("shop").send().await?;
    cluster_in(&client, "shop", "available").await?;
    let writer = available(&client, "shop-1").await?;
    assert_eq!(count(&login(&bench, &writer, PASSWORD)?, "select count(*) from t").await?, 1);
    early.send().await?;
    cluster_snapshot_in(&client, "s", "available").await?;
    bench.end().await
}

#[tokio::test]
async fn cluster_names_quotas_and_pages_are_kept_apart_from_those_of_instances() -> Outcome {
    let quotas = Quotas { clusters: 1, manual_snapshots: 0, manual_cluster_snapshots: 2, ..Quotas::default() };
    let bench = Bench::start_with(|config| config.quotas = quotas).await?;
    let client = bench.client("eu-central-1");
    // What is counted here needs no data.
    let create = client.create_db_cluster().engine("docdb").master_username("master").master_user_password(PASSWORD);
    create.clone().db_cluster_identifier("shop").send().await?;
    let made = cluster_in(&client, "shop", "available").await?;
    let again = create.db_cluster_identifier("Shop");
    assert_eq!(code(again.clone().send().await), "DBClusterAlreadyExistsFault");
    let second = again.db_cluster_identifier("second").send().await;
    let status = second.as_ref().err().and_then(|error| error.raw_response()).map(|raw| raw.status().as_u16());
    assert_eq!((status, code(second)), (Some(403), "DBClusterQuotaExceededFault".to_owned()));
    let nope = client.describe_db_clusters().db_cluster_identifier("nope").send().await;
    assert!(nope.is_err_and(|error| error.into_service_error().is_db_cluster_not_found_fault()));

    cluster_snapshot(&client, "shop", "one").await?;
    let take = client.create_db_cluster_snapshot().db_cluster_identifier("shop");
    assert_eq!(
        code(take.clone().db_cluster_snapshot_identifier("ONE").send().await),
        "DBClusterSnapshotAlreadyExistsFault"
    );
    cluster_snapshot(&client, "shop", "two").await?;
    assert_eq!(code(take.db_cluster_snapshot_identifier("three").send().await), "SnapshotQuotaExceeded");
    let id = ClusterId::parse("shop")?;
    for _ in 0..18 {
        bench.rds.take_automated_cluster_snapshot(&region(), &id).await?;
    }
    let by_aws_backup = bench.rds.take_aws_backup_cluster_snapshot(&region(), &id).await?;
    assert!(by_aws_backup.as_str().starts_with("awsbackup:job-"), "{by_aws_backup}");
    let list = client.describe_db_cluster_snapshots().db_cluster_identifier("shop");
    let mut pages = list.clone().max_records(20).into_paginator().send();
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await {
        seen.push(page?.db_cluster_snapshots().len());
    }
    assert_eq!(seen, [20, 1], "2 manual, 18 and the first automated, none of AWS Backup");
    for (kind, expected) in [("manual", 2), ("automated", 19), ("awsbackup", 1), ("shared", 0)] {
        let found = list.clone().snapshot_type(kind).send().await?;
        assert_eq!(found.db_cluster_snapshots().len(), expected, "{kind}");
    }
    let by_resource = client.describe_db_cluster_snapshots().snapshot_type("awsbackup");
    let by_resource = by_resource.db_cluster_resource_id(made.db_cluster_resource_id().unwrap_or_default());
    assert_eq!(by_resource.send().await?.db_cluster_snapshots().len(), 1);

    let delete = client.delete_db_cluster_snapshot();
    let automated = delete.clone().db_cluster_snapshot_identifier(by_aws_backup.as_str()).send().await;
    assert_eq!(code(automated), "InvalidDBClusterSnapshotStateFault");
    delete.clone().db_cluster_snapshot_identifier("one").send().await?;
    let twice = delete.db_cluster_snapshot_identifier("one").send().await;
    assert!(twice.is_err_and(|error| error.into_service_error().is_db_cluster_snapshot_not_found_fault()));
    bench.end().await
}

#[tokio::test]
async fn a_cluster_snapshot_goes_wrong_only_as_ordered() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let id = ClusterId::parse("shop")?;
    bench.rds.end_cluster_creation_in(&region(), &ClusterId::parse("unlucky")?, ClusterStatus::MigrationFailed);
    create_cluster(&client, "shop").await?;
    assert!(create_cluster(&client, "unlucky").await.is_err());
    let writer = create_member(&client, "shop", "shop-1", "aurora-postgresql").await?;
    let seed = "create table public.t (x int primary key, y text); insert into t select n, repeat('y', 200) from generate_series(1, 2000) n; vacuum t";
    for statement in seed.split("; ") {
        login(&bench, &writer, PASSWORD)?.connect().await?.batch_execute(statement).await?;
    }
    let take = client.create_db_cluster_snapshot().db_cluster_identifier("shop");
    bench.rds.fail_next_cluster_snapshot(&region(), &id, SnapshotFault::Failed);
    take.clone().db_cluster_snapshot_identifier("s1").send().await?;
    cluster_snapshot_in(&client, "s1", "failed").await?;
    cluster_in(&client, "shop", "available").await?;
    bench.rds.fail_next_cluster_snapshot(&region(), &id, SnapshotFault::Stuck);
    take.db_cluster_snapshot_identifier("s2").send().await?;
    cluster_in(&client, "shop", "available").await?;
    assert_eq!(cluster_snapshot_in(&client, "s2", "creating").await?.percent_progress(), Some(42));

    let damage = Damage::ZeroHeapPage { database: "shop".to_owned(), table: "public.t".to_owned(), page: 3 };
    bench.rds.damage_next_cluster_snapshot(&region(), &id, damage);
    cluster_snapshot(&client, "shop", "broken").await?;
    let call = client.restore_db_cluster_from_snapshot().db_cluster_identifier("room").snapshot_identifier("broken");
    call.engine("aurora-postgresql").send().await?;
    cluster_in(&client, "room", "available").await?;
    let room = create_member(&client, "room", "room-1", "aurora-postgresql").await?;
    let by_sequence = "select count(*) from t where y is not null";
    assert!(count(&login(&bench, &room, PASSWORD)?, by_sequence).await? < 2_000);
    assert_eq!(count(&login(&bench, &writer, PASSWORD)?, by_sequence).await?, 2_000, "the source is whole");
    bench.end().await
}

#[tokio::test]
async fn tags_of_clusters_and_their_snapshots_are_kept_by_arn() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create_cluster(&client, "shop").await?;
    create(&client, "shop").await?;
    cluster_snapshot(&client, "shop", "s").await?;
    for arn in [
        "arn:aws:rds:eu-central-1:000000000000:cluster:shop",
        "arn:aws:rds:eu-central-1:000000000000:cluster-snapshot:s",
    ] {
        let tag = Tag::builder().key("late").value("1").build();
        client.add_tags_to_resource().resource_name(arn).tags(tag).send().await?;
        client.remove_tags_from_resource().resource_name(arn).tag_keys("team").send().await?;
        let listed = client.list_tags_for_resource().resource_name(arn).send().await?;
        assert_eq!(listed.tag_list().iter().map(|tag| tag.key()).collect::<Vec<_>>(), [Some("late")], "{arn}");
    }
    let instance = client.list_tags_for_resource().resource_name("arn:aws:rds:eu-central-1:000000000000:db:shop");
    assert_eq!(instance.send().await?.tag_list()[0].key(), Some("team"), "an instance of the same name has its own");
    let nope = client.list_tags_for_resource().resource_name("arn:aws:rds:eu-central-1:000000000000:cluster:nope");
    assert_eq!(code(nope.send().await), "DBClusterNotFoundFault");
    bench
        .rds
        .register_external_cluster_snapshot(&region(), &ClusterId::parse("shop")?, "by-hand", SnapshotType::Manual)
        .await?;
    assert_eq!(cluster_snapshot_in(&client, "by-hand", "available").await?.snapshot_type(), Some("manual"));
    bench.end().await
}
