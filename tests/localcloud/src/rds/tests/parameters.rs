//! Parameter groups: their rules, and servers that really run with what is in them.

use aws_sdk_rds::Client;
use aws_sdk_rds::error::ProvideErrorMetadata as _;
use aws_sdk_rds::types::{ApplyMethod, Parameter, Tag};

use super::super::InstanceStatus;
use super::bench::{
    Bench, Outcome, PASSWORD, available, create, family, gone, instance_in, login, make_group, snapshot,
};

const REGION: &str = "eu-central-1";

fn parameter(name: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_name(name).parameter_value(value).apply_method(ApplyMethod::PendingReboot).build()
}

async fn set(client: &Client, group: &str, values: &[(&str, &str)]) -> Outcome {
    let parameters = values.iter().map(|(name, value)| parameter(name, value)).collect();
    client.modify_db_parameter_group().db_parameter_group_name(group).set_parameters(Some(parameters)).send().await?;
    Ok(())
}

async fn restore(client: &Client, id: &str, group: &str) -> Outcome {
    let call = client.restore_db_instance_from_db_snapshot().db_snapshot_identifier("orders-1");
    call.db_instance_identifier(id).db_parameter_group_name(group).send().await?;
    Ok(())
}

async fn shown(
    bench: &Bench,
    client: &Client,
    instance: &str,
    name: &str,
) -> Result<String, Box<dyn std::error::Error>> {
    let connection = login(bench, &available(client, instance).await?, PASSWORD)?.connect().await?;
    Ok(connection.query_one(&format!("show {name}"), &[]).await?.get(0))
}

#[tokio::test]
async fn a_restored_server_runs_with_the_group_of_its_restore_and_not_with_its_sources() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client(REGION);
    make_group(&bench, &client, "shop").await?;
    set(&client, "shop", &[("max_logical_replication_workers", "3"), ("random_page_cost", "1.1")]).await?;
    create(&client, "orders").await?;
    // A server that runs goes on as it began; a stop and a start make it anew.
    client.modify_db_instance().db_instance_identifier("orders").db_parameter_group_name("shop").send().await?;
    assert_eq!(shown(&bench, &client, "orders", "random_page_cost").await?, "4");
    client.stop_db_instance().db_instance_identifier("orders").send().await?;
    instance_in(&client, "orders", "stopped").await?;
    client.start_db_instance().db_instance_identifier("orders").send().await?;
    assert_eq!(shown(&bench, &client, "orders", "max_logical_replication_workers").await?, "3");
    assert_eq!(shown(&bench, &client, "orders", "random_page_cost").await?, "1.1");

    snapshot(&client, "orders", "orders-1").await?;
    make_group(&bench, &client, "hf-rt-1").await?;
    // What PostgreSQL does not know is RDS's own, and a formula speaks of a class: both are kept and shown.
    let room = [
        ("autovacuum", "0"),
        ("max_logical_replication_workers", "0"),
        ("rds.force_ssl", "1"),
        ("work_mem", "{DBInstanceClassMemory/16384}"),
    ];
    set(&client, "hf-rt-1", &room).await?;
    restore(&client, "hf-rt-1", "hf-rt-1").await?;
    for (name, value) in [("autovacuum", "off"), ("max_logical_replication_workers", "0"), ("random_page_cost", "4")] {
        assert_eq!(shown(&bench, &client, "hf-rt-1", name).await?, value, "{name}");
    }
    let read = client.describe_db_parameters().db_parameter_group_name("hf-rt-1").source("user").send().await?;
    let read: Vec<_> =
        read.parameters().iter().filter_map(|p| Some((p.parameter_name()?, p.parameter_value()?))).collect();
    assert_eq!(read, room);
    bench.end().await
}

#[tokio::test]
async fn a_value_that_postgresql_refuses_ends_in_incompatible_parameters() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client(REGION);
    create(&client, "orders").await?;
    snapshot(&client, "orders", "orders-1").await?;
    make_group(&bench, &client, "hf-rt-1").await?;
    set(&client, "hf-rt-1", &[("work_mem", "much")]).await?;
    restore(&client, "hf-rt-1", "hf-rt-1").await?;
    instance_in(&client, "hf-rt-1", InstanceStatus::IncompatibleParameters.as_str()).await?;
    bench.end().await
}

#[tokio::test]
async fn a_group_that_is_used_is_not_deleted_and_one_that_is_not_there_is_not_used() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client(REGION);
    create(&client, "orders").await?;
    snapshot(&client, "orders", "orders-1").await?;
    make_group(&bench, &client, "Mixed-Case").await?;
    for (group, code) in [("nobodys", "DBParameterGroupNotFound"), ("default.postgres9", "InvalidParameterCombination")]
    {
        let call = client.restore_db_instance_from_db_snapshot().db_snapshot_identifier("orders-1");
        let refused = call.db_instance_identifier("hf-rt-0").db_parameter_group_name(group).send().await;
        assert_eq!(refused.expect_err("refused").code(), Some(code));
    }
    restore(&client, "hf-rt-1", "mixed-case").await?;
    let delete = || client.delete_db_parameter_group().db_parameter_group_name("mixed-case").send();
    assert_eq!(delete().await.expect_err("it is used").code(), Some("InvalidDBParameterGroupState"));
    available(&client, "hf-rt-1").await?;
    client.delete_db_instance().db_instance_identifier("hf-rt-1").skip_final_snapshot(true).send().await?;
    gone(&client, "hf-rt-1").await?;
    delete().await?;
    assert_eq!(delete().await.expect_err("it is gone").code(), Some("DBParameterGroupNotFound"));
    bench.end().await
}

#[tokio::test]
async fn the_rules_of_groups_are_rdss() -> Outcome {
    let bench = Bench::start_with(|config| config.quotas.parameter_groups = 1).await?;
    let client = bench.client(REGION);
    let family = family(&bench);
    let create = |name: &str, family: &str| {
        let call = client.create_db_parameter_group().db_parameter_group_name(name).description("d");
        call.db_parameter_group_family(family).tags(Tag::builder().key("k").value("v").build()).send()
    };
    for (name, family) in [("two--hyphens", family.as_str()), ("ends-", &family), ("1st", &family), ("a", "mysql8.0")] {
        assert_eq!(create(name, family).await.expect_err("refused").code(), Some("InvalidParameterValue"), "{name}");
    }
    let made = create("first", &family).await?;
    let arn = made.db_parameter_group().and_then(|group| group.db_parameter_group_arn()).unwrap_or_default();
    assert_eq!(arn, "arn:aws:rds:eu-central-1:000000000000:pg:first");
    let tags = client.list_tags_for_resource().resource_name(arn).send().await?;
    assert_eq!(tags.tag_list()[0].value(), Some("v"));
    assert_eq!(create("first", &family).await.expect_err("it exists").code(), Some("DBParameterGroupAlreadyExists"));
    assert_eq!(create("second", &family).await.expect_err("quota").code(), Some("DBParameterGroupQuotaExceeded"));

    let modify = |group: &str, parameters: Vec<Parameter>| {
        client.modify_db_parameter_group().db_parameter_group_name(group).set_parameters(Some(parameters)).send()
    };
    let many = (0..21).map(|n| parameter(&format!("cron.n{n}"), "1")).collect();
    let at_once = Parameter::builder().parameter_name("max_wal_senders").parameter_value("5");
    for (group, parameters, code) in [
        ("first", many, "InvalidParameterValue"),
        ("first", vec![parameter("no_such_thing", "1")], "InvalidParameterValue"),
        ("first", vec![parameter("work_mem", "1\nport = 1")], "InvalidParameterValue"),
        ("first", vec![at_once.apply_method(ApplyMethod::Immediate).build()], "InvalidParameterCombination"),
        ("nobodys", vec![parameter("work_mem", "64")], "DBParameterGroupNotFound"),
        (&format!("default.{family}"), vec![parameter("work_mem", "64")], "InvalidParameterValue"),
    ] {
        assert_eq!(modify(group, parameters).await.expect_err("refused").code(), Some(code), "{group}");
    }
    let of_rds =
        client.describe_db_parameter_groups().db_parameter_group_name(format!("default.{family}")).send().await?;
    assert_eq!(of_rds.db_parameter_groups()[0].db_parameter_group_family(), Some(family.as_str()));
    let nothing = client.describe_db_parameters().db_parameter_group_name(format!("default.{family}")).send().await?;
    assert_eq!(nothing.parameters().len(), 0);
    bench.end().await
}
