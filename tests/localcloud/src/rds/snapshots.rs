//! DB snapshots: create, describe, delete.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::cloud::{Cloud, random_id};
use super::errors::ApiError;
use super::events::{RdsEvent, SnapshotEvent};
use super::faults::SnapshotFault;
use super::identity::{InstanceId, Place, ResourceType, SnapshotId};
use super::instances;
use super::pages::{self, Filter, page};
use super::query::Request;
use super::render::{self, render_snapshot};
use super::state::{InstanceStatus, Snapshot, SnapshotFiles, SnapshotStatus, SnapshotType};
use super::tags::{self, Tags};
use super::xml::Element;
use crate::postgres::{Backup, Login, PostgresError};

/// `SnapshotType` values that select among one's own snapshots. Nothing is ever shared with this account.
const OWN_TYPES: [&str; 3] = ["manual", "automated", "awsbackup"];
const FOREIGN_TYPES: [&str; 2] = ["shared", "public"];

pub(crate) fn not_available(id: &InstanceId) -> ApiError {
    ApiError::instance_state(format!(
        "Cannot create a snapshot because the database instance {id} is not currently in the available state."
    ))
}

/// `CreateDBSnapshot`.
pub(crate) fn create(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["DBSnapshotIdentifier", "DBInstanceIdentifier", "Tags"])?;
    let id = SnapshotId::parse(request.required("DBSnapshotIdentifier")?)?;
    let instance_id = instances::named(place, request.required("DBInstanceIdentifier")?);
    let tags = tags::parse(request, "Tags")?;
    cloud.with_region(place, |region| {
        let available = region.instance(&instance_id)?.status == InstanceStatus::Available;
        region.check_room_for_snapshot(&id, SnapshotType::Manual, cloud.config.quotas)?;
        if available { Ok(()) } else { Err(not_available(&instance_id)) }
    })?;
    let answer = enter(cloud, place, &instance_id, &id, (SnapshotType::Manual, tags))?;
    cloud.move_instance(place, &instance_id, InstanceStatus::Available, InstanceStatus::BackingUp);
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        take(&this, &place, &instance_id, &id).await;
        this.move_instance(&place, &instance_id, InstanceStatus::BackingUp, InstanceStatus::Available);
    });
    Ok(answer)
}

/// Enters a snapshot of an instance in `creating`.
pub(crate) fn enter(
    cloud: &Cloud,
    place: &Place,
    instance_id: &InstanceId,
    id: &SnapshotId,
    (kind, given_tags): (SnapshotType, Tags),
) -> Result<Element, ApiError> {
    let dir = cloud.new_dir("snapshots", &random_id());
    cloud.with_region(place, |region| {
        region.check_room_for_snapshot(id, kind, cloud.config.quotas)?;
        let instance = region.instance(instance_id)?;
        let mut tags = if instance.description.settings.is_true("CopyTagsToSnapshot") {
            instance.description.tags.clone()
        } else {
            Tags::new()
        };
        tags.extend(given_tags);
        let snapshot = Snapshot {
            id: id.clone(),
            instance_id: instance_id.clone(),
            source: instance.description.clone(),
            instance_created_at: instance.created_at,
            kind,
            status: SnapshotStatus::Creating,
            taken_at: None,
            bytes_copied: Arc::default(),
            bytes_expected: 0,
            size_bytes: None,
            tags,
            files: Arc::new(SnapshotFiles(Backup::at(dir))),
        };
        let answer = render_snapshot(place, &snapshot);
        region.snapshots.insert(id.clone(), snapshot);
        Ok(answer)
    })
}

/// Takes the snapshot that was entered. Whatever happens, it says so in the snapshot's status and never fails itself.
pub(crate) async fn take(cloud: &Cloud, place: &Place, instance_id: &InstanceId, id: &SnapshotId) {
    let Some(kind) = with_snapshot(cloud, place, id, |snapshot| snapshot.kind) else {
        return;
    };
    let (creating, created) = events_of(kind);
    cloud.announce(place, RdsEvent::of_snapshot(place, id, creating));
    let fault = cloud.faults().take_snapshot_fault(&(place.clone(), instance_id.clone()));
    if fault == Some(SnapshotFault::Stuck) {
        // Somewhere on the way.
        with_snapshot(cloud, place, id, |snapshot| {
            snapshot.bytes_expected = 100;
            snapshot.bytes_copied.store(42, Ordering::Relaxed);
        });
        return;
    }
    let Some(operation) = cloud.with_instance(place, instance_id, |instance| Arc::clone(&instance.operation)) else {
        return;
    };
    let _working = operation.lock().await;
    with_snapshot(cloud, place, id, |snapshot| {
        snapshot.taken_at = Some(Timestamp::now());
    });
    let outcome = cloud.at_least(cloud.config.timings.snapshot, copy(cloud, place, instance_id, id)).await;
    let size_bytes = match (outcome, fault) {
        (Ok(size_bytes), None) => Some(size_bytes),
        (Ok(_), Some(_)) => None,
        (Err(error), _) => {
            tracing::error!(snapshot = %id, error = %render::error_chain(&error), "a DB snapshot failed");
            None
        }
    };
    with_snapshot(cloud, place, id, |snapshot| {
        snapshot.size_bytes = size_bytes;
        snapshot.status = if size_bytes.is_some() { SnapshotStatus::Available } else { SnapshotStatus::Failed };
    });
    if size_bytes.is_some() {
        cloud.announce(place, RdsEvent::of_snapshot(place, id, created));
    }
}

/// To RDS, AWS Backup is one more customer.
fn events_of(kind: SnapshotType) -> (SnapshotEvent, SnapshotEvent) {
    match kind {
        SnapshotType::Manual | SnapshotType::AwsBackup => (SnapshotEvent::Creating, SnapshotEvent::Created),
        SnapshotType::Automated => (SnapshotEvent::AutomatedCreating, SnapshotEvent::AutomatedCreated),
    }
}

/// The real work. Damage is located on the source before the copy and done to the copy after it.
async fn copy(cloud: &Cloud, place: &Place, instance_id: &InstanceId, id: &SnapshotId) -> Result<u64, PostgresError> {
    let gone = || PostgresError::Unsupported("the instance or its snapshot is gone".to_owned());
    let server = cloud.server(place, instance_id).map_err(|error| PostgresError::Unsupported(error.message))?;
    let bytes_expected = data_size_bytes(server.admin()).await?;
    let parts = with_snapshot(cloud, place, id, |snapshot| {
        snapshot.bytes_expected = bytes_expected;
        (Arc::clone(&snapshot.files), Arc::clone(&snapshot.bytes_copied))
    });
    let (files, bytes_copied) = parts.ok_or_else(gone)?;
    let damages = cloud.faults().take_damages(&(place.clone(), instance_id.clone()));
    let mut located = Vec::new();
    for damage in &damages {
        located.push(damage.locate(server.admin()).await?);
    }
    let summary = files.0.take(&cloud.host, &server, &bytes_copied).await?;
    for damage in &located {
        files.0.apply(damage)?;
    }
    Ok(summary.bytes)
}

async fn data_size_bytes(admin: &Login) -> Result<u64, PostgresError> {
    let question = "select sum(pg_database_size(oid))::bigint from pg_database";
    let client = admin.connect().await?;
    let row = client.query_one(question, &[]).await.map_err(PostgresError::sql("measure the databases"))?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

fn with_snapshot<T>(cloud: &Cloud, place: &Place, id: &SnapshotId, work: impl FnOnce(&mut Snapshot) -> T) -> Option<T> {
    cloud.with_region(place, |region| region.snapshots.get_mut(id).map(work))
}

/// `DescribeDBSnapshots`.
pub(crate) fn describe(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = [
        "DBInstanceIdentifier",
        "DBSnapshotIdentifier",
        "SnapshotType",
        "IncludeShared",
        "IncludePublic",
        "DbiResourceId",
    ];
    let known: Vec<&str> = own.into_iter().chain(pages::PARAMETERS).collect();
    request.check_known(&known)?;
    let filters = Filter::parse_all(
        request,
        &["db-instance-id", "db-snapshot-id", "dbi-resource-id", "snapshot-type", "engine"],
    )?;
    let wanted = Wanted::parse(place, request)?;
    cloud.with_region(place, |region| {
        if let Some(id) = &wanted.id {
            region.snapshot(id)?;
        }
        let matching = region.snapshots.values().filter(|snapshot| {
            wanted.accepts(snapshot) && filters.iter().all(|filter| accepts(filter, place, snapshot))
        });
        let page = page(request, matching, |snapshot| snapshot.id.to_string())?;
        let records = page.records.into_iter().map(|snapshot| render_snapshot(place, snapshot));
        Ok(Element::new("DescribeDBSnapshotsResult")
            .optional("Marker", page.marker)
            .child(Element::new("DBSnapshots").children(records)))
    })
}

/// The parameters of `DescribeDBSnapshots` that select.
struct Wanted {
    id: Option<SnapshotId>,
    instance_id: Option<InstanceId>,
    resource_id: Option<String>,
    kind: Option<String>,
}

impl Wanted {
    fn parse(place: &Place, request: &Request) -> Result<Self, ApiError> {
        let kind = request.text("SnapshotType").map(str::to_owned);
        let known = |kind: &str| OWN_TYPES.contains(&kind) || FOREIGN_TYPES.contains(&kind);
        if let Some(kind) = kind.as_deref().filter(|kind| !known(kind)) {
            return Err(ApiError::invalid_value(format!("Invalid snapshot type: {kind}")));
        }
        Ok(Self {
            id: request.text("DBSnapshotIdentifier").map(|name| named(place, name)),
            instance_id: request.text("DBInstanceIdentifier").map(|name| instances::named(place, name)),
            resource_id: request.text("DbiResourceId").map(str::to_owned),
            kind,
        })
    }

    /// "If you don't specify a SnapshotType value, then both automated and manual snapshots are returned."
    fn accepts(&self, snapshot: &Snapshot) -> bool {
        self.id.as_ref().is_none_or(|id| *id == snapshot.id)
            && self.instance_id.as_ref().is_none_or(|id| *id == snapshot.instance_id)
            && self.resource_id.as_ref().is_none_or(|id| *id == snapshot.source.resource_id)
            && match &self.kind {
                Some(kind) => kind == snapshot.kind.as_str(),
                None => snapshot.kind != SnapshotType::AwsBackup || self.id.is_some(),
            }
    }
}

fn accepts(filter: &Filter, place: &Place, snapshot: &Snapshot) -> bool {
    let instance = snapshot.instance_id.as_str();
    match filter.name.as_str() {
        "db-instance-id" => filter.accepts(&[instance, &place.arn(ResourceType::Instance, instance)]),
        "db-snapshot-id" => {
            filter.accepts(&[snapshot.id.as_str(), &place.arn(ResourceType::Snapshot, snapshot.id.as_str())])
        }
        "dbi-resource-id" => filter.accepts(&[&snapshot.source.resource_id]),
        "snapshot-type" => filter.accepts(&[snapshot.kind.as_str()]),
        "engine" => filter.accepts(&[render::ENGINE]),
        _ => false,
    }
}

/// A snapshot by its identifier or ARN.
pub(crate) fn named(place: &Place, name: &str) -> SnapshotId {
    SnapshotId::lookup(place.name_in_arn(ResourceType::Snapshot, name).unwrap_or(name))
}

/// `DeleteDBSnapshot`.
pub(crate) fn delete(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["DBSnapshotIdentifier"])?;
    let id = named(place, request.required("DBSnapshotIdentifier")?);
    let answer = cloud.with_region(place, |region| {
        let snapshot = region.snapshot(&id)?;
        if snapshot.kind != SnapshotType::Manual {
            return Err(ApiError::snapshot_state(format!(
                "Only manual snapshots may be deleted; {id} is {}.",
                snapshot.kind.as_str()
            )));
        }
        if snapshot.status == SnapshotStatus::Creating {
            return Err(ApiError::snapshot_state(format!(
                "Cannot delete the snapshot because it is not currently in the available or failed state: {id}"
            )));
        }
        let answer = render_snapshot(place, snapshot);
        region.snapshots.remove(&id);
        Ok(answer)
    })?;
    cloud.announce(place, RdsEvent::of_snapshot(place, &id, SnapshotEvent::Deleted));
    Ok(answer)
}
