//! RDS events: what happened, for `DescribeEvents` and for an event bus.
//!
//! Sources: "Amazon RDS event categories and event messages", the same page "for Aurora", and "Creating a rule that triggers on an
//! Amazon RDS event" (Amazon RDS and Aurora User Guides). RDS says nothing when an instance becomes available, or when a snapshot or
//! restore fails: neither does this.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;

use super::identity::{ClusterId, ClusterSnapshotId, InstanceId, Place, Region, ResourceType, SnapshotId};

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceType {
    /// A DB instance.
    Instance,
    /// A DB snapshot.
    Snapshot,
    /// A DB cluster.
    Cluster,
    /// A DB cluster snapshot.
    ClusterSnapshot,
}

impl SourceType {
    /// The name on the bus.
    pub fn in_detail(self) -> &'static str {
        match self {
            Self::Instance => "DB_INSTANCE",
            Self::Snapshot => "SNAPSHOT",
            Self::Cluster => "CLUSTER",
            Self::ClusterSnapshot => "CLUSTER_SNAPSHOT",
        }
    }

    /// The name in `DescribeEvents`.
    pub fn in_api(self) -> &'static str {
        match self {
            Self::Instance => "db-instance",
            Self::Snapshot => "db-snapshot",
            Self::Cluster => "db-cluster",
            Self::ClusterSnapshot => "db-cluster-snapshot",
        }
    }

    /// The bus's `detail-type`.
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::Instance => "RDS DB Instance Event",
            Self::Snapshot => "RDS DB Snapshot Event",
            Self::Cluster => "RDS DB Cluster Event",
            Self::ClusterSnapshot => "RDS DB Cluster Snapshot Event",
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RdsEvent {
    /// The region it happened in, on whose bus it belongs.
    pub region: Region,
    /// As `RDS DB Snapshot Event`.
    pub detail_type: &'static str,
    /// What kind of resource it is about.
    pub source_type: SourceType,
    /// The resource's identifier.
    pub source_id: String,
    /// Its ARN.
    pub source_arn: String,
    /// As `RDS-EVENT-0042`.
    pub event_id: &'static str,
    /// Categories, as a subscription names them.
    pub categories: &'static [&'static str],
    /// For people.
    pub message: String,
    /// When.
    pub date: Timestamp,
}

impl RdsEvent {
    /// The `detail` object of the bus event.
    pub fn detail(&self) -> serde_json::Value {
        json!({
            "EventCategories": self.categories,
            "SourceType": self.source_type.in_detail(),
            "SourceArn": self.source_arn,
            "Date": api_time(self.date),
            "Message": self.message,
            "SourceIdentifier": self.source_id,
            "EventID": self.event_id,
        })
    }

    pub(crate) fn of_instance(place: &Place, id: &InstanceId, what: InstanceEvent) -> Self {
        let (event_id, category, message) = match what {
            InstanceEvent::Created => ("RDS-EVENT-0005", "creation", "DB instance created"),
            InstanceEvent::Deleted => ("RDS-EVENT-0003", "deletion", "DB instance deleted"),
            InstanceEvent::MasterCredentialsReset => {
                ("RDS-EVENT-0016", "configuration change", "Reset master credentials")
            }
            InstanceEvent::Stopped => ("RDS-EVENT-0087", "notification", "DB instance stopped"),
            InstanceEvent::Started => ("RDS-EVENT-0088", "notification", "DB instance started"),
        };
        let source = (SourceType::Instance, id.as_str(), place.arn(ResourceType::Instance, id.as_str()));
        Self::new(place, source, (event_id, message.to_owned()), category_list(category))
    }

    pub(crate) fn of_snapshot(place: &Place, id: &SnapshotId, what: SnapshotEvent) -> Self {
        let (event_id, category, message) = match what {
            SnapshotEvent::Taking(TakingEvent::Creating, false) => {
                ("RDS-EVENT-0040", "creation", "Creating manual snapshot".to_owned())
            }
            SnapshotEvent::Taking(TakingEvent::Created, false) => {
                ("RDS-EVENT-0042", "creation", "Manual snapshot created".to_owned())
            }
            SnapshotEvent::Taking(TakingEvent::Creating, true) => {
                ("RDS-EVENT-0090", "creation", "Creating automated snapshot".to_owned())
            }
            SnapshotEvent::Taking(TakingEvent::Created, true) => {
                ("RDS-EVENT-0091", "creation", "Automated snapshot created".to_owned())
            }
            SnapshotEvent::Deleted => ("RDS-EVENT-0041", "deletion", "Deleted user snapshot".to_owned()),
            SnapshotEvent::Restored => ("RDS-EVENT-0043", "restoration", format!("Restored from snapshot {id}")),
        };
        let source = (SourceType::Snapshot, id.as_str(), place.arn(ResourceType::Snapshot, id.as_str()));
        Self::new(place, source, (event_id, message), category_list(category))
    }

    pub(crate) fn of_restore_to_time(place: &Place, id: &InstanceId, source: &InstanceId) -> Self {
        let message = format!("Restored from DB instance {source} to {id}.");
        let source = (SourceType::Instance, id.as_str(), place.arn(ResourceType::Instance, id.as_str()));
        Self::new(place, source, ("RDS-EVENT-0019", message), category_list("restoration"))
    }

    pub(crate) fn of_cluster(place: &Place, id: &ClusterId, what: ClusterEvent) -> Self {
        let (event_id, category, message) = match what {
            ClusterEvent::Created => ("RDS-EVENT-0170", "creation", "DB cluster created"),
            ClusterEvent::Deleted => ("RDS-EVENT-0171", "deletion", "DB cluster deleted"),
            ClusterEvent::MasterCredentialsReset => {
                ("RDS-EVENT-0016", "configuration change", "Reset master credentials")
            }
            ClusterEvent::Stopped => ("RDS-EVENT-0150", "notification", "DB cluster stopped"),
            ClusterEvent::Started => ("RDS-EVENT-0151", "notification", "DB cluster started"),
        };
        let source = (SourceType::Cluster, id.as_str(), place.arn(ResourceType::Cluster, id.as_str()));
        Self::new(place, source, (event_id, message.to_owned()), category_list(category))
    }

    /// Aurora has no event for a deleted cluster snapshot, nor for a cluster restored from one: that one is created.
    pub(crate) fn of_cluster_snapshot(
        place: &Place,
        id: &ClusterSnapshotId,
        what: TakingEvent,
        automated: bool,
    ) -> Self {
        let (event_id, message) = match (what, automated) {
            (TakingEvent::Creating, false) => ("RDS-EVENT-0074", "Creating manual cluster snapshot"),
            (TakingEvent::Created, false) => ("RDS-EVENT-0075", "Manual cluster snapshot created"),
            (TakingEvent::Creating, true) => ("RDS-EVENT-0168", "Creating automated cluster snapshot"),
            (TakingEvent::Created, true) => ("RDS-EVENT-0169", "Automated cluster snapshot created"),
        };
        let arn = place.arn(ResourceType::ClusterSnapshot, id.as_str());
        let source = (SourceType::ClusterSnapshot, id.as_str(), arn);
        Self::new(place, source, (event_id, message.to_owned()), category_list("backup"))
    }

    fn new(
        place: &Place,
        (source_type, source_id, source_arn): (SourceType, &str, String),
        (event_id, message): (&'static str, String),
        categories: &'static [&'static str],
    ) -> Self {
        Self {
            region: place.region.clone(),
            detail_type: source_type.detail_type(),
            source_type,
            source_id: source_id.to_owned(),
            source_arn,
            event_id,
            categories,
            message,
            date: Timestamp::now(),
        }
    }
}

/// What can happen to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstanceEvent {
    Created,
    Deleted,
    MasterCredentialsReset,
    Stopped,
    Started,
}

/// What can happen to a DB snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotEvent {
    /// With whether it is automated.
    Taking(TakingEvent, bool),
    Deleted,
    Restored,
}

/// The two moments of taking a snapshot that RDS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakingEvent {
    Creating,
    Created,
}

/// What can happen to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClusterEvent {
    Created,
    Deleted,
    MasterCredentialsReset,
    Stopped,
    Started,
}

/// Categories are a list on the wire, and have one member each so far.
fn category_list(category: &'static str) -> &'static [&'static str] {
    match category {
        "creation" => &["creation"],
        "deletion" => &["deletion"],
        "restoration" => &["restoration"],
        "backup" => &["backup"],
        "configuration change" => &["configuration change"],
        _ => &["notification"],
    }
}

/// A time as RDS writes it: UTC, milliseconds.
pub(crate) fn api_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Hears of every event, at once and in order. Must not block.
pub trait EventSink: fmt::Debug + Send + Sync {
    /// Takes one event.
    fn publish(&self, event: RdsEvent);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Discard;

impl EventSink for Discard {
    fn publish(&self, _: RdsEvent) {}
}

impl EventSink for mpsc::UnboundedSender<RdsEvent> {
    fn publish(&self, event: RdsEvent) {
        if self.send(event).is_err() {
            tracing::debug!("nobody listens to RDS events any more");
        }
    }
}

/// Puts every event on its region's default bus at `endpoint`, until the sender is gone. `on_error` hears of failed deliveries:
/// like RDS, this delivers by best effort and goes on.
///
/// AWS itself refuses entries whose source begins with `aws.`; the endpoint must be one that was told to allow them.
pub async fn forward_to_event_bus(
    mut events: mpsc::UnboundedReceiver<RdsEvent>,
    endpoint: &str,
    config: &aws_config::SdkConfig,
    on_error: impl Fn(&RdsEvent, String),
) {
    let mut clients: HashMap<String, aws_sdk_eventbridge::Client> = HashMap::new();
    while let Some(event) = events.recv().await {
        let region = event.region.to_string();
        let client = clients.entry(region.clone()).or_insert_with(|| {
            let config = aws_sdk_eventbridge::config::Builder::from(config)
                .endpoint_url(endpoint)
                .region(aws_sdk_eventbridge::config::Region::new(region))
                .build();
            aws_sdk_eventbridge::Client::from_conf(config)
        });
        if let Err(reason) = put(client, &event).await {
            on_error(&event, reason);
        }
    }
}

async fn put(client: &aws_sdk_eventbridge::Client, event: &RdsEvent) -> Result<(), String> {
    let entry = PutEventsRequestEntry::builder()
        .source("aws.rds")
        .detail_type(event.detail_type)
        .resources(&event.source_arn)
        .detail(event.detail().to_string())
        .time(aws_smithy_types::DateTime::from_millis(event.date.as_millisecond()))
        .build();
    let answer = client.put_events().entries(entry).send().await;
    let answer = answer.map_err(|error| aws_smithy_types::error::display::DisplayErrorContext(error).to_string())?;
    // PutEvents answers 200 also when it took nothing.
    match answer.entries().iter().find(|entry| entry.error_code().is_some()) {
        None => Ok(()),
        Some(entry) => Err(entry.error_message().or(entry.error_code()).unwrap_or("refused").to_owned()),
    }
}
