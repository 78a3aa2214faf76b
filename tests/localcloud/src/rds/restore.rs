//! `RestoreDBInstanceFromDBSnapshot`.

use std::sync::Arc;

use super::bring_up::{Beginning, Origin, Story, launch};
use super::cloud::{Cloud, random_id};
use super::errors::ApiError;
use super::identity::{InstanceId, Place};
use super::instances::WITHOUT_EFFECT;
use super::query::Request;
use super::resources::{Description, Instance};
use super::settings;
use super::snapshots;
use super::statuses::SnapshotStatus;
use super::tags;
use super::validation::check_settings;
use super::xml::Element;

/// Restores into a new instance. What the request leaves out comes from the snapshot's source or from RDS's defaults, never from
/// the source as it is now.
pub(crate) fn restore(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = ["DBInstanceIdentifier", "DBSnapshotIdentifier", "Engine", "Port", "VpcSecurityGroupIds", "Tags"];
    let known: Vec<&str> =
        own.into_iter().chain(WITHOUT_EFFECT).chain(settings::INSTANCE.restore_parameters()).collect();
    request.check_known(&known)?;
    let id = InstanceId::parse(request.required("DBInstanceIdentifier")?)?;
    let snapshot_id = snapshots::named(place, request.required("DBSnapshotIdentifier")?);
    let (description, files) = cloud.with_region(place, |region| {
        let snapshot = region.snapshot(&snapshot_id)?;
        if snapshot.capture.status != SnapshotStatus::Available {
            return Err(ApiError::snapshot_state(format!(
                "The DB snapshot {snapshot_id} is not in the available state."
            )));
        }
        region.check_key(&snapshot.source.settings)?;
        Ok((describe_restored(cloud, request, &snapshot.source)?, Arc::clone(&snapshot.capture.files)))
    })?;
    let beginning = Beginning::Own { origin: Origin::Snapshot { files }, story: Story::FromSnapshot(snapshot_id) };
    launch(cloud, place, Instance::new(id, description), beginning)
}

/// What a restored instance is, from the request and what the source was.
pub(crate) fn describe_restored(
    cloud: &Cloud,
    request: &Request,
    source: &Description,
) -> Result<Description, ApiError> {
    check_engine(request, source)?;
    let mut settings = settings::INSTANCE.for_restore(request, &source.settings)?;
    check_settings(cloud, &mut settings)?;
    let (wanted_gib, needed_gib) = (settings.number("AllocatedStorage"), source.settings.number("AllocatedStorage"));
    if wanted_gib < needed_gib {
        return Err(ApiError::invalid_combination(format!(
            "The allocated storage size ({wanted_gib}) cannot be less than that of the source ({needed_gib})."
        )));
    }
    let given_tags = tags::parse(request, "Tags")?;
    Ok(Description {
        resource_id: format!("db-{}", random_id()),
        engine: source.engine,
        engine_version: source.engine_version.clone(),
        master_username: source.master_username.clone(),
        db_name: source.db_name.clone(),
        settings,
        // Without groups in the request RDS takes the VPC's default group, not the source's.
        security_groups: request.list("VpcSecurityGroupIds").into_iter().map(str::to_owned).collect(),
        // "If there are no new tags, Amazon RDS adds the tags from the source DB instance at the time of snapshot creation"
        // ("Tagging Amazon RDS resources", Amazon RDS User Guide).
        tags: if given_tags.is_empty() { source.tags.clone() } else { given_tags },
    })
}

/// The engine, where it is named, must be the source's.
pub(crate) fn check_engine(request: &Request, source: &Description) -> Result<(), ApiError> {
    let engine = source.engine.as_str();
    match request.text("Engine") {
        Some(wanted) if wanted != engine => {
            Err(ApiError::invalid_combination(format!("The engine {wanted} is not that of the source ({engine}).")))
        }
        Some(_) | None => Ok(()),
    }
}
