//! What is refused, and how. None of these needs a database to run.

use std::fmt::Debug;

use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};

use super::super::{Quotas, RateLimit};
use super::bench::{Bench, Outcome, PASSWORD, begin_create};

/// The code of the error a call must have ended in.
pub(super) fn code<T: Debug, E: ProvideErrorMetadata + Debug>(answer: Result<T, SdkError<E>>) -> String {
    match answer {
        Ok(answer) => format!("no error but {answer:?}"),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_as_the_sdk_knows_it() -> Outcome {
    let bench = Bench::start().await?;
    let client = bench.client("eu-central-1");
    let instance = client.describe_db_instances().db_instance_identifier("nope").send().await;
    assert!(instance.is_err_and(|error| error.into_service_error().is_db_instance_not_found_fault()));
    let snapshot = client.describe_db_snapshots().db_snapshot_identifier("nope").send().await;
    assert!(snapshot.is_err_and(|error| error.into_service_error().is_db_snapshot_not_found_fault()));
    let restored = client
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier("a")
        .db_snapshot_identifier("nope")
        .send()
        .await;
    assert!(restored.is_err_and(|error| error.into_service_error().is_db_snapshot_not_found_fault()));
    assert_eq!(code(client.delete_db_snapshot().db_snapshot_identifier("nope").send().await), "DBSnapshotNotFound");
    let raw = client.describe_db_instances().db_instance_identifier("nope").send().await;
    let status = raw.err().and_then(|error| error.raw_response().map(|response| response.status().as_u16()));
    assert_eq!(status, Some(404));
    assert_eq!(code(client.describe_db_proxies().send().await), "InvalidAction");
    assert_eq!(code(client.describe_db_instances().max_records(10).send().await), "InvalidParameterValue");
    let unsupported =
        client.modify_db_instance().db_instance_identifier("a").manage_master_user_password(true).send().await;
    assert_eq!(code(unsupported), "InvalidParameterValue");
    bench.end().await
}

#[tokio::test]
async fn names_states_quotas_and_regions_are_kept() -> Outcome {
    let quotas = Quotas { instances: 2, ..Quotas::default() };
    let bench = Bench::start_with(|config| config.quotas = quotas).await?;
    let (client, elsewhere) = (bench.client("eu-central-1"), bench.client("us-east-1"));
    begin_create(&client, "Orders").await?;
    let again = client
        .create_db_instance()
        .db_instance_identifier("orders")
        .db_instance_class("db.t4g.micro")
        .engine("postgres")
        .master_username("master")
        .master_user_password(PASSWORD);
    assert_eq!(code(again.clone().send().await), "DBInstanceAlreadyExists");
    assert_eq!(code(again.clone().db_instance_identifier("a--b").send().await), "InvalidParameterValue");
    assert_eq!(code(again.clone().db_instance_identifier("b").engine("mysql").send().await), "InvalidParameterValue");
    assert_eq!(
        code(again.clone().db_instance_identifier("b").master_user_password("short").send().await),
        "InvalidParameterValue"
    );
    let early = client.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("s").send().await;
    assert_eq!(code(early), "InvalidDBInstanceState");
    again.clone().db_instance_identifier("second").send().await?;
    assert_eq!(code(again.db_instance_identifier("third").send().await), "InstanceQuotaExceeded");

    assert_eq!(client.describe_db_instances().send().await?.db_instances().len(), 2);
    assert_eq!(
        elsewhere.describe_db_instances().send().await?.db_instances().len(),
        0,
        "another region knows nothing of it"
    );
    let found = client.describe_db_instances().db_instance_identifier("ORDERS").send().await?;
    assert_eq!(found.db_instances()[0].db_instance_identifier(), Some("orders"));
    bench.end().await
}

#[tokio::test]
async fn requests_beyond_the_rate_are_throttled_per_region() -> Outcome {
    let limit = RateLimit { per_second: 0.001, burst: 3.0 };
    let bench = Bench::start_with(|config| config.rate_limit = Some(limit)).await?;
    let client = bench.client("eu-central-1");
    for _ in 0..3 {
        client.describe_db_instances().send().await?;
    }
    assert_eq!(code(client.describe_db_instances().send().await), "Throttling");
    bench.client("us-east-1").describe_db_instances().send().await?;
    bench.end().await
}
