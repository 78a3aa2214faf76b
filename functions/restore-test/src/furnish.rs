//! A room's parameter group in the world: what the source's holds is read when a run begins, the room's own is made before the room and
//! deleted after it. What it holds is decided in [`crate::parameters`].

use holdfast_domain::inventory::DatabaseKind;
use holdfast_domain::plan::Resource;
use holdfast_domain::tags::Tags;
use holdfast_ledger::{RoomParameters, Run};
use holdfast_ports::{Class, MakeParameterGroup, ParameterGroupId, ParameterGroups, PortError, PortErrorKind};
use jiff::Timestamp;

use crate::Config;
use crate::parameters::{self, Restored, SourceGroup};

/// What the room of a run is to be run with; nothing where the deployment names a group, or where none is known to be right.
///
/// # Errors
/// When the source's group could not be read and trying again can help. What cannot be read for good is no reason not to test.
pub(crate) async fn parameters<R: ParameterGroups>(
    rds: &R,
    config: &Config,
    resource: &Resource,
    run: &Run,
) -> Result<Option<RoomParameters>, PortError> {
    let kind = run.source.point.kind();
    // The deployment's group is one of DB instances.
    if config.parameter_group.is_some() && kind == DatabaseKind::Instance {
        return Ok(None);
    }
    let source = &run.source.fingerprint;
    let (engine, engine_version) = (source.engine.as_str(), source.engine_version.as_str());
    let restored = Restored { engine, engine_version, instance_class: &run.instance_class };
    let Some(name) = &source.parameter_group else {
        let why = "its parameter group is not known, because the database itself was not seen";
        return Ok(parameters::decide(restored, SourceGroup::Unread(why)));
    };
    // The source stands where the resource does, wherever the room is.
    let group = ParameterGroupId { region: resource.region.clone(), kind, name: name.clone() };
    let read = match parameters::default_group(name) {
        Some(of_rds) => Ok(of_rds),
        None => rds.parameter_group(&group).await,
    };
    match read {
        Ok(read) => Ok(parameters::decide(restored, SourceGroup::Read(name, &read))),
        Err(error) if error.class() == Class::Permanent => {
            let why = format!("its {name} could not be read: {error}");
            Ok(parameters::decide(restored, SourceGroup::Unread(&why)))
        }
        Err(error) => Err(error),
    }
}

/// The parameter group of a run's room, if it has one of its own. It bears the room's name.
pub(crate) fn group(run: &Run) -> Option<ParameterGroupId> {
    let kind = run.source.point.kind();
    run.parameters.as_ref()?;
    Some(ParameterGroupId { region: run.region.clone(), kind, name: run.room.to_string() })
}

/// The request that makes it.
pub(crate) fn request(run: &Run, tags: Tags) -> Option<MakeParameterGroup> {
    let (group, parameters) = (group(run)?, run.parameters.as_ref()?);
    Some(MakeParameterGroup {
        group,
        family: parameters.family.clone(),
        description: format!("room of the restore test {}", run.id),
        parameters: parameters.set.clone(),
        tags,
    })
}

/// Whether a group that could not be deleted keeps its run from its end. RDS may count the room among its users for a while after it is
/// gone; past the deadline the group is left to the reaper, so that the run gives its place to others.
pub(crate) fn keeps_open(run: &Run, error: &PortError, now: Timestamp) -> bool {
    error.kind != PortErrorKind::InvalidState || now < run.deadline_at
}
