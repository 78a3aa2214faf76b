//! Events on their way to a bus.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region as AwsRegion, SdkConfig};
use aws_sdk_rds::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::sync::mpsc;

use super::super::events::{InstanceEvent, RdsEvent};
use super::super::{Account, EventSink as _, InstanceId, Place, Region, forward_to_event_bus};
use super::bench::Outcome;

const TAKEN: &str = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#;

/// A bus that takes every entry and repeats who asked and what.
async fn fake_bus(heard: mpsc::UnboundedSender<(String, String)>) -> Result<String, Box<dyn std::error::Error>> {
    let heard = Arc::new(heard);
    let take = move |headers: HeaderMap, body: String| {
        let scope = headers.get("authorization").and_then(|value| value.to_str().ok());
        let outcome = heard.send((scope.unwrap_or_default().to_owned(), body));
        async move { if outcome.is_ok() { TAKEN } else { "" } }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(take))).await });
    Ok(endpoint)
}

#[tokio::test]
async fn an_event_reaches_its_own_region_s_bus_as_rds_would_send_it() -> Outcome {
    let (bus, mut heard) = mpsc::unbounded_channel();
    let endpoint = fake_bus(bus).await?;
    let credentials = Credentials::new("a", "b", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(AwsRegion::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let (sink, events) = mpsc::unbounded_channel();
    let place = Place { account: Account::default(), region: Region::new("eu-west-1") };
    sink.publish(RdsEvent::of_instance(&place, &InstanceId::parse("orders")?, InstanceEvent::Created));
    drop(sink);
    forward_to_event_bus(events, &endpoint, &config, |event, reason| panic!("{event:?}: {reason}")).await;

    let (scope, body) = heard.recv().await.ok_or("nothing arrived")?;
    assert!(scope.contains("/eu-west-1/events/"), "{scope}");
    let body: serde_json::Value = serde_json::from_str(&body)?;
    let entry = &body["Entries"][0];
    assert_eq!((&entry["Source"], &entry["DetailType"]), (&"aws.rds".into(), &"RDS DB Instance Event".into()));
    let detail: serde_json::Value = serde_json::from_str(entry["Detail"].as_str().unwrap_or_default())?;
    assert_eq!(detail["EventID"], "RDS-EVENT-0005");
    assert_eq!(detail["SourceArn"], "arn:aws:rds:eu-west-1:000000000000:db:orders");
    assert_eq!((&detail["SourceType"], &detail["EventCategories"][0]), (&"DB_INSTANCE".into(), &"creation".into()));
    Ok(())
}
