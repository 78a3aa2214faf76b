//! DB snapshots: create, describe, delete.

use std::sync::Arc;

use super::cloud::{Cloud, random_id};
use super::errors::ApiError;
use super::events::{RdsEvent, SnapshotEvent};
use super::identity::{InstanceId, Place, ResourceType, SnapshotId};
use super::instances;
use super::pages::{self, Filter, page};
use super::query::Request;
use super::render::render_snapshot;
use super::resources::{Capture, Snapshot};
use super::statuses::{InstanceStatus, SnapshotStatus, SnapshotType};
use super::tags::{self, Tags};
use super::taking::{Taking, take};
use super::xml::Element;
use crate::postgres::Backup;

/// `SnapshotType` values that select among one's own snapshots. Nothing is ever shared with this account.
pub(crate) const OWN_TYPES: [&str; 3] = ["manual", "automated", "awsbackup"];
pub(crate) const FOREIGN_TYPES: [&str; 2] = ["shared", "public"];

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
        let instance = region.instance(&instance_id)?;
        if instance.member_of.is_some() {
            return Err(ApiError::invalid_value(
                "The specified instance is a member of a cluster and a snapshot cannot be created directly. \
                 Please use the CreateDBClusterSnapshot API instead.",
            ));
        }
        let available = instance.status == InstanceStatus::Available;
        region.check_room_for_snapshot(&id, SnapshotType::Manual, cloud.config.quotas)?;
        if available { Ok(()) } else { Err(not_available(&instance_id)) }
    })?;
    let answer = enter(cloud, place, &instance_id, &id, (SnapshotType::Manual, tags))?;
    cloud.move_instance(place, &instance_id, InstanceStatus::Available, InstanceStatus::BackingUp);
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        take(&this, &place, &Taking::Instance { of: instance_id.clone(), id }).await;
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
            capture: Capture::new(kind, tags, Backup::at(dir)),
        };
        let answer = render_snapshot(place, &snapshot);
        region.snapshots.insert(id.clone(), snapshot);
        Ok(answer)
    })
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
                Some(kind) => kind == snapshot.capture.kind.as_str(),
                None => snapshot.capture.kind != SnapshotType::AwsBackup || self.id.is_some(),
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
        "snapshot-type" => filter.accepts(&[snapshot.capture.kind.as_str()]),
        "engine" => filter.accepts(&[snapshot.source.engine.as_str()]),
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
        if snapshot.capture.kind != SnapshotType::Manual {
            return Err(ApiError::snapshot_state(format!(
                "Only manual snapshots may be deleted; {id} is {}.",
                snapshot.capture.kind.as_str()
            )));
        }
        if snapshot.capture.status == SnapshotStatus::Creating {
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
