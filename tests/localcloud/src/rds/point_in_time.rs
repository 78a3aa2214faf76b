//! Restoring to a time: which automated snapshot, and how far the WAL behind it is replayed. And `RestoreDBInstanceToPointInTime`.

use std::sync::Arc;

use jiff::Timestamp;

use super::bring_up::{Beginning, Origin, Story, launch};
use super::cloud::Cloud;
use super::errors::ApiError;
use super::identity::{InstanceId, Place};
use super::instances::{WITHOUT_EFFECT, named};
use super::query::Request;
use super::resources::{AutomatedBackups, Capture, Instance};
use super::restore::describe_restored;
use super::settings;
use super::state::RegionState;
use super::xml::Element;
use crate::postgres::WalArchive;

/// The time asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Latest,
    At(Timestamp),
}

impl Target {
    /// Reads the time, or that it shall be the latest: one of the two must be said.
    pub(crate) fn parse(request: &Request, parameter: &str) -> Result<Self, ApiError> {
        let latest = request.boolean("UseLatestRestorableTime")?.unwrap_or(false);
        match (latest, request.parsed::<Timestamp>(parameter, "a time in ISO 8601")?) {
            (true, None) => Ok(Self::Latest),
            (false, Some(time)) => Ok(Self::At(time)),
            (true, Some(_)) => Err(ApiError::invalid_combination(format!(
                "{parameter} can't be specified if the UseLatestRestorableTime parameter is enabled."
            ))),
            (false, None) => Err(ApiError::invalid_combination(format!(
                "Either {parameter} or UseLatestRestorableTime must be specified."
            ))),
        }
    }
}

/// Where data as of `target` comes from: the newest automated snapshot before it, and the archive. No page says with which error RDS
/// refuses a time outside of the window; `InvalidRestoreFault` is an assumption.
pub(crate) fn origin<'a>(
    target: Target,
    backups: &AutomatedBackups,
    archive: &Arc<WalArchive>,
    captures: impl Iterator<Item = &'a Capture>,
) -> Result<Origin, ApiError> {
    let Some(latest) = backups.latest_restorable else {
        return Err(ApiError::invalid_restore("The source has no automated backup to restore from yet."));
    };
    let target = match target {
        Target::Latest => latest,
        Target::At(time) => time,
    };
    if target > latest {
        return Err(ApiError::invalid_restore(format!(
            "The source cannot be restored to a time later than {latest}, its latest restorable time."
        )));
    }
    let base = captures.filter(|capture| capture.is_base_for(target)).max_by_key(|capture| capture.consistent_at);
    match base {
        Some(base) => Ok(Origin::PointInTime { files: Arc::clone(&base.files), archive: Arc::clone(archive), target }),
        None => Err(ApiError::invalid_restore(format!(
            "The source cannot be restored to {target}: its first automated backup was taken later."
        ))),
    }
}

/// `RestoreDBInstanceToPointInTime`. What the request leaves out comes from the source as it is now, or from RDS's defaults.
pub(crate) fn restore(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = [
        "SourceDBInstanceIdentifier",
        "SourceDbiResourceId",
        "TargetDBInstanceIdentifier",
        "RestoreTime",
        "UseLatestRestorableTime",
        "MaxAllocatedStorage",
        "Engine",
        "Port",
        "VpcSecurityGroupIds",
        "Tags",
    ];
    let parameters = settings::INSTANCE.restore_parameters();
    let known: Vec<&str> = own.into_iter().chain(WITHOUT_EFFECT).chain(parameters).collect();
    request.check_known(&known)?;
    let id = InstanceId::parse(request.required("TargetDBInstanceIdentifier")?)?;
    let target = Target::parse(request, "RestoreTime")?;
    let (description, origin, source_id) = cloud.with_region(place, |region| {
        let source = source(region, place, request)?;
        if source.member_of.is_some() {
            return Err(ApiError::invalid_combination(
                "RestoreDBInstanceToPointInTime doesn't apply to members of a cluster. Use RestoreDBClusterToPointInTime.",
            ));
        }
        let mut description = describe_restored(cloud, request, &source.description)?;
        if let Some(gib) = request.parsed::<u64>("MaxAllocatedStorage", "an integer")? {
            description.settings.set("MaxAllocatedStorage", gib.to_string());
        }
        let backups = source.backups.as_ref();
        let Some((backups, archive)) = backups.and_then(|backups| Some((backups, backups.archive.as_ref()?))) else {
            return Err(ApiError::point_in_time_restore_not_enabled(&source.id));
        };
        let of_source = |resource_id: &str| resource_id == source.description.resource_id;
        let snapshots = region.snapshots.values().filter(|snapshot| of_source(&snapshot.source.resource_id));
        let captures = snapshots.map(|snapshot| &snapshot.capture);
        Ok((description, origin(target, backups, archive, captures)?, source.id.clone()))
    })?;
    let beginning = Beginning::Own { origin, story: Story::ToTime(source_id) };
    launch(cloud, place, Instance::new(id, description), beginning)
}

/// The source, by its identifier or resource id.
fn source<'a>(region: &'a RegionState, place: &Place, request: &Request) -> Result<&'a Instance, ApiError> {
    match (request.text("SourceDBInstanceIdentifier"), request.text("SourceDbiResourceId")) {
        (Some(name), _) => region.instance(&named(place, name)),
        (None, Some(resource_id)) => {
            let mut instances = region.instances.values();
            let found = instances.find(|instance| instance.description.resource_id == resource_id);
            found.ok_or_else(|| ApiError::instance_not_found(&InstanceId::lookup(resource_id)))
        }
        (None, None) => Err(ApiError::missing_parameter("SourceDBInstanceIdentifier")),
    }
}
