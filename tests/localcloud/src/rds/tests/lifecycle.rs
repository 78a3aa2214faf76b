//! An instance's life.

use aws_sdk_rds::types::Tag;

use super::bench::{
    Bench, Outcome, PASSWORD, available, count, create, create_backed_up, gone, instance_in, login, make_group,
    restore, snapshot,
};
use crate::sample;

#[tokio::test]
async fn what_a_snapshot_holds_survives_the_loss_of_the_source() -> Outcome {
    let mut bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let source = create(&client, "orders").await?;
    let source_login = login(&bench, &source, PASSWORD)?;
    let seeded = sample::seed(&source_login).await?;
    let order = sample::add_order(&source_login).await?;
    let taken = snapshot(&client, "orders", "orders-1").await?;
    assert!(taken.full_snapshot_size_in_bytes().unwrap_or(0) > 50_000_000, "{:?}", taken.full_snapshot_size_in_bytes());
    assert_eq!((taken.percent_progress(), taken.snapshot_type()), (Some(100), Some("manual")));
    source_login.connect().await?.batch_execute("drop table order_items, orders cascade").await?;
    let (after_snapshot, _) =
        tokio::try_join!(restore(&client, "orders-1", "copy"), async { delete(&client, "orders").await })?;

    let copy = login(&bench, &after_snapshot, PASSWORD)?;
    assert_eq!(count(&copy, "select count(*) from orders").await? as u64, seeded.tables[4].1 + 1);
    assert_eq!(
        count(
            &copy,
            &format!("select count(*) from orders where id = {order} and created_at > now() - interval '1 minute'")
        )
        .await?,
        1
    );
    assert_eq!(seeded.rows_total(), 302_000);
    the_master_user_is_like_on_rds(&copy).await?;

    let ids: Vec<&str> = bench.events_so_far().iter().map(|event| event.event_id).collect();
    for id in ["RDS-EVENT-0005", "RDS-EVENT-0040", "RDS-EVENT-0042", "RDS-EVENT-0003", "RDS-EVENT-0043"] {
        assert!(ids.contains(&id), "{id} is missing in {ids:?}");
    }
    bench.end().await
}

async fn delete(client: &aws_sdk_rds::Client, id: &str) -> Outcome {
    client.delete_db_instance().db_instance_identifier(id).skip_final_snapshot(true).send().await?;
    gone(client, id).await
}

/// No superuser, yet able to run every check on everybody's data.
async fn the_master_user_is_like_on_rds(login: &crate::postgres::Login) -> Outcome {
    assert_eq!(
        count(login, "select count(*) from pg_roles where rolname = current_user and (rolsuper or not rolcreatedb)")
            .await?,
        0
    );
    let client = login.connect().await?;
    client.batch_execute("create extension if not exists amcheck").await?;
    client.batch_execute("vacuum customers").await?;
    assert_eq!(count(login, "select count(*) from verify_heapam('customers', check_toast => true)").await?, 0);
    client.batch_execute("select bt_index_check('customers_pkey', true)").await?;
    assert_eq!(count(login, "select tuple_count from pgstattuple('customers_pkey')").await?, 20_000);
    assert_eq!(
        count(login, "select count(*) from pg_settings where name = 'data_checksums' and setting = 'on'").await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_restore_inherits_the_source_s_tags_unless_given_some() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create(&client, "orders").await?;
    snapshot(&client, "orders", "orders-1").await?;
    // Tags of the time of the snapshot count, not today's.
    let arn = "arn:aws:rds:eu-central-1:000000000000:db:orders";
    client.add_tags_to_resource().resource_name(arn).tags(Tag::builder().key("late").value("1").build()).send().await?;
    client.remove_tags_from_resource().resource_name(arn).tag_keys("team").send().await?;
    let listed = client.list_tags_for_resource().resource_name(arn).send().await?;
    assert_eq!(listed.tag_list().iter().map(|tag| tag.key()).collect::<Vec<_>>(), [Some("late")]);

    let inherited = restore(&client, "orders-1", "inherits").await?;
    assert_eq!(
        inherited.tag_list().iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>(),
        [(Some("team"), Some("shop"))]
    );
    assert_eq!(inherited.publicly_accessible(), Some(true), "without a subnet group RDS takes the default VPC");
    bench.end().await
}

#[tokio::test]
async fn what_a_restore_call_says_holds_from_the_first_moment() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create_backed_up(&client, "orders").await?;
    snapshot(&client, "orders", "orders-1").await?;
    make_group(&bench, &client, "inert").await?;
    let call = client
        .restore_db_instance_from_db_snapshot()
        .db_snapshot_identifier("orders-1")
        .db_instance_identifier("hf-rt-1");
    call.tags(Tag::builder().key("holdfast:run").value("r1").build())
        .db_subnet_group_name("clean-room")
        .vpc_security_group_ids("sg-1")
        .publicly_accessible(false)
        .db_parameter_group_name("inert")
        .backup_retention_period(0)
        .engine_lifecycle_support("open-source-rds-extended-support-disabled")
        .send()
        .await?;
    let given = available(&client, "hf-rt-1").await?;
    assert_eq!(given.tag_list().iter().map(|tag| tag.key()).collect::<Vec<_>>(), [Some("holdfast:run")]);
    assert_eq!(given.db_subnet_group().and_then(|group| group.db_subnet_group_name()), Some("clean-room"));
    assert_eq!(given.vpc_security_groups()[0].vpc_security_group_id(), Some("sg-1"));
    assert_eq!(given.db_parameter_groups()[0].db_parameter_group_name(), Some("inert"));
    assert_eq!((given.publicly_accessible(), given.backup_retention_period()), (Some(false), Some(0)));
    assert!(given.latest_restorable_time().is_none(), "no automated backups, no restorable time");
    bench.end().await
}

#[tokio::test]
async fn a_new_master_password_is_pending_then_works() -> Outcome {
    let mut bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let instance = create_backed_up(&client, "orders").await?;
    let call = client.modify_db_instance().db_instance_identifier("orders").apply_immediately(true);
    let answer =
        call.master_user_password("battery-staple").backup_retention_period(7).deletion_protection(true).send().await?;
    let modified = answer.db_instance().ok_or("no instance")?;
    let pending = modified.pending_modified_values().ok_or("nothing pending")?;
    assert_eq!((pending.master_user_password(), pending.backup_retention_period()), (Some("****"), Some(7)));
    assert_eq!(modified.deletion_protection(), Some(true), "deletion protection takes effect at once");
    instance_in(&client, "orders", "resetting-master-credentials").await?;
    let after = available(&client, "orders").await?;
    assert!(after.pending_modified_values().is_none_or(|pending| pending.master_user_password().is_none()));
    assert_eq!(after.backup_retention_period(), Some(7));
    assert!(login(&bench, &instance, PASSWORD)?.connect().await.is_err(), "the old password must not work");
    login(&bench, &instance, "battery-staple")?.connect().await?;
    assert!(bench.events_so_far().iter().any(|event| event.event_id == "RDS-EVENT-0016"));

    let protected = client.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true).send().await;
    assert_eq!(super::requests::code(protected), "InvalidParameterCombination");
    bench.end().await
}

#[tokio::test]
async fn a_stopped_instance_keeps_data_and_address_and_a_final_snapshot_outlives_it() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let before = create(&client, "orders").await?;
    login(&bench, &before, PASSWORD)?.connect().await?.batch_execute("create table t as select 1 as x").await?;
    client.stop_db_instance().db_instance_identifier("orders").send().await?;
    instance_in(&client, "orders", "stopped").await?;
    assert!(login(&bench, &before, PASSWORD)?.connect().await.is_err());
    client.start_db_instance().db_instance_identifier("orders").send().await?;
    let after = available(&client, "orders").await?;
    assert_eq!(count(&login(&bench, &after, PASSWORD)?, "select count(*) from t").await?, 1);

    let call = client.delete_db_instance().db_instance_identifier("orders").final_db_snapshot_identifier("last");
    call.send().await?;
    gone(&client, "orders").await?;
    let copy = restore(&client, "last", "again").await?;
    assert_eq!(count(&login(&bench, &copy, PASSWORD)?, "select count(*) from t").await?, 1);
    bench.end().await
}
