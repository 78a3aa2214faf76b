//! KMS keys that can no longer be used.

use super::bench::{
    Bench, Outcome, PASSWORD, available, cluster_in, cluster_snapshot, count, create_cluster, create_member,
    instance_in, login, region, snapshot,
};
use super::requests::code;

#[tokio::test]
async fn without_its_key_nothing_is_taken_or_restored_and_a_start_brings_it_back() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let create = client.create_db_instance().db_instance_class("db.t4g.micro").engine("postgres");
    let create = create.master_username("master").master_user_password(PASSWORD).db_name("shop");
    let create = create.storage_encrypted(true).kms_key_id("alias/ours");
    create.clone().db_instance_identifier("orders").send().await?;
    let instance = available(&client, "orders").await?;
    let taken = snapshot(&client, "orders", "s1").await?;
    assert_eq!((taken.encrypted(), taken.kms_key_id()), (Some(true), Some("alias/ours")));

    bench.rds.disable_kms_key(&region(), "alias/ours").await;
    instance_in(&client, "orders", "inaccessible-encryption-credentials-recoverable").await?;
    assert!(login(&bench, &instance, PASSWORD)?.connect().await.is_err());
    let take = client.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("s2").send().await;
    assert_eq!(code(take), "InvalidDBInstanceState");
    let restore = client.restore_db_instance_from_db_snapshot().db_instance_identifier("room");
    let restore = restore.db_snapshot_identifier("s1");
    assert_eq!(code(restore.clone().send().await), "KMSKeyNotAccessibleFault");
    assert_eq!(code(create.db_instance_identifier("new").send().await), "KMSKeyNotAccessibleFault");
    let start = client.start_db_instance().db_instance_identifier("orders");
    assert_eq!(code(start.clone().send().await), "KMSKeyNotAccessibleFault");

    bench.rds.enable_kms_key(&region(), "alias/ours");
    start.send().await?;
    let back = available(&client, "orders").await?;
    assert_eq!(count(&login(&bench, &back, PASSWORD)?, "select 1::bigint").await?, 1);
    restore.send().await?;
    available(&client, "room").await?;
    bench.end().await
}

#[tokio::test]
async fn a_cluster_without_its_key_stops_as_a_whole() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    create_cluster(&client, "shop").await?;
    let writer = create_member(&client, "shop", "shop-1", "aurora-postgresql").await?;
    cluster_snapshot(&client, "shop", "s1").await?;
    bench.rds.disable_kms_key(&region(), "alias/aws/rds").await;
    cluster_in(&client, "shop", "inaccessible-encryption-credentials-recoverable").await?;
    assert!(login(&bench, &writer, PASSWORD)?.connect().await.is_err());
    let take = client.create_db_cluster_snapshot().db_cluster_identifier("shop").db_cluster_snapshot_identifier("s2");
    assert_eq!(code(take.send().await), "InvalidDBClusterStateFault");
    let restore = client.restore_db_cluster_from_snapshot().db_cluster_identifier("room").snapshot_identifier("s1");
    assert_eq!(code(restore.engine("aurora-postgresql").send().await), "KMSKeyNotAccessibleFault");
    bench.rds.enable_kms_key(&region(), "alias/aws/rds");
    client.start_db_cluster().db_cluster_identifier("shop").send().await?;
    cluster_in(&client, "shop", "available").await?;
    let writer = available(&client, "shop-1").await?;
    assert_eq!(count(&login(&bench, &writer, PASSWORD)?, "select 1::bigint").await?, 1);
    bench.end().await
}
