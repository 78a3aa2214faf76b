//! DocumentDB clusters: nothing but what the API says of them.

use super::super::ClusterId;
use super::bench::{
    Bench, Outcome, PASSWORD, cluster_gone, cluster_in, cluster_settled, cluster_snapshot, create_member, gone, region,
};

#[tokio::test]
async fn a_documentdb_cluster_lives_in_the_api_alone_and_answers_nowhere() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let call = client.create_db_cluster().db_cluster_identifier("docs").engine("docdb").master_username("master");
    call.master_user_password(PASSWORD).storage_encrypted(true).kms_key_id("alias/ours").send().await?;
    let cluster = cluster_in(&client, "docs", "available").await?;
    assert_eq!((cluster.engine(), cluster.kms_key_id()), (Some("docdb"), Some("alias/ours")));
    assert!(cluster.endpoint().is_some_and(|host| host.ends_with(".invalid")), "{:?}", cluster.endpoint());
    let member = create_member(&client, "docs", "docs-1", "docdb").await?;
    let address = member.endpoint().and_then(|endpoint| endpoint.address()).unwrap_or_default().to_owned();
    assert!(address.ends_with(".invalid"), "{address}");
    assert!(bench.rds.processes().is_empty());
    assert!(tokio::net::lookup_host((address.as_str(), 27017)).await.is_err(), "nobody is there by accident");

    let taken = cluster_snapshot(&client, "docs", "docs-s1").await?;
    assert_eq!((taken.engine(), taken.kms_key_id()), (Some("docdb"), Some("alias/ours")));
    let call = client.restore_db_cluster_from_snapshot().db_cluster_identifier("room").snapshot_identifier("docs-s1");
    call.engine("docdb").send().await?;
    assert_eq!(cluster_in(&client, "room", "available").await?.kms_key_id(), Some("alias/ours"));

    let before = cluster_in(&client, "docs", "available").await?.latest_restorable_time().copied();
    assert!(before.is_some());
    bench.rds.upload_cluster_logs(&region(), &ClusterId::parse("docs")?).await?;
    let after = cluster_in(&client, "docs", "available").await?.latest_restorable_time().copied();
    assert!(after > before, "{after:?} after {before:?}");
    client.modify_db_cluster().db_cluster_identifier("docs").master_user_password("battery-staple").send().await?;
    cluster_settled(&client, "docs").await?;

    client.delete_db_instance().db_instance_identifier("docs-1").skip_final_snapshot(true).send().await?;
    client.delete_db_cluster().db_cluster_identifier("docs").skip_final_snapshot(true).send().await?;
    gone(&client, "docs-1").await?;
    cluster_gone(&client, "docs").await?;
    bench.end().await
}
