//! `RestoreDBInstanceFromDBSnapshot`.

use std::sync::Arc;

use super::bring_up::{Origin, launch};
use super::cloud::{Cloud, random_id};
use super::errors::ApiError;
use super::identity::{InstanceId, Place};
use super::instances::WITHOUT_EFFECT;
use super::query::Request;
use super::render;
use super::settings::{self, Settings};
use super::snapshots;
use super::state::{Description, Snapshot, SnapshotStatus};
use super::tags;
use super::validation::check_settings;
use super::xml::Element;

/// Restores into a new instance. What the request leaves out comes from the snapshot's source or from RDS's defaults, never from
/// the source as it is now.
pub(crate) fn restore(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = ["DBInstanceIdentifier", "DBSnapshotIdentifier", "Engine", "Port", "VpcSecurityGroupIds", "Tags"];
    let known: Vec<&str> = own.into_iter().chain(WITHOUT_EFFECT).chain(settings::restore_parameters()).collect();
    request.check_known(&known)?;
    let id = InstanceId::parse(request.required("DBInstanceIdentifier")?)?;
    let snapshot_id = snapshots::named(place, request.required("DBSnapshotIdentifier")?);
    check_engine(request)?;
    let (description, files) = cloud.with_region(place, |region| {
        let snapshot = region.snapshot(&snapshot_id)?;
        if snapshot.status != SnapshotStatus::Available {
            return Err(ApiError::snapshot_state(format!(
                "The DB snapshot {snapshot_id} is not in the available state."
            )));
        }
        Ok((describe_restored(cloud, request, snapshot)?, Arc::clone(&snapshot.files)))
    })?;
    launch(cloud, place, id, description, Origin::Snapshot { id: snapshot_id, files })
}

fn describe_restored(cloud: &Cloud, request: &Request, snapshot: &Snapshot) -> Result<Description, ApiError> {
    let source = &snapshot.source;
    let mut settings = Settings::for_restore(request, &source.settings)?;
    check_settings(cloud, &mut settings)?;
    let (wanted_gib, needed_gib) = (settings.number("AllocatedStorage"), source.settings.number("AllocatedStorage"));
    if wanted_gib < needed_gib {
        return Err(ApiError::invalid_combination(format!(
            "The allocated storage size ({wanted_gib}) cannot be less than the storage size of the snapshot ({needed_gib})."
        )));
    }
    let given_tags = tags::parse(request, "Tags")?;
    Ok(Description {
        resource_id: format!("db-{}", random_id()),
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

fn check_engine(request: &Request) -> Result<(), ApiError> {
    match request.text("Engine") {
        Some(engine) if engine != render::ENGINE => Err(ApiError::invalid_combination(format!(
            "The engine {engine} is not that of the snapshot ({}).",
            render::ENGINE
        ))),
        Some(_) | None => Ok(()),
    }
}
