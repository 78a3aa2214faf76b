//! DB instances: create, describe, delete.

use std::sync::Arc;

use super::bring_up::{Beginning, Origin, Story, launch};
use super::cloud::{Cloud, random_id};
use super::errors::ApiError;
use super::events::{InstanceEvent, RdsEvent};
use super::identity::{InstanceId, Place, ResourceType, SnapshotId};
use super::members;
use super::pages::{self, Filter, page};
use super::query::Request;
use super::render::render_instance;
use super::resources::{Description, Instance};
use super::settings;
use super::snapshots;
use super::statuses::{Engine, InstanceStatus, SnapshotType};
use super::tags;
use super::taking::{Taking, take};
use super::validation::{check_engine, check_engine_version, check_master_username, check_password, check_settings};
use super::xml::Element;
use crate::postgres::MasterUser;

/// Parameters that are taken and change nothing here.
pub(crate) const WITHOUT_EFFECT: [&str; 4] =
    ["DBSecurityGroups", "EnableCloudwatchLogsExports", "ProcessorFeatures", "UseDefaultProcessorFeatures"];

/// `CreateDBInstance`.
pub(crate) fn create(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    if request.text("DBClusterIdentifier").is_some() {
        return members::create(cloud, place, request);
    }
    let own = [
        "DBInstanceIdentifier",
        "Engine",
        "EngineVersion",
        "MasterUsername",
        "MasterUserPassword",
        "DBName",
        "Port",
        "VpcSecurityGroupIds",
        "Tags",
    ];
    let known: Vec<&str> =
        own.into_iter().chain(WITHOUT_EFFECT).chain(settings::INSTANCE.create_parameters()).collect();
    request.check_known(&known)?;
    let id = InstanceId::parse(request.required("DBInstanceIdentifier")?)?;
    request.required("DBInstanceClass")?;
    if check_engine(request)? != Engine::Postgres {
        return Err(ApiError::invalid_combination("An instance of this engine needs a DBClusterIdentifier."));
    }
    let engine_version = check_engine_version(cloud, request, Engine::Postgres)?;
    let master = MasterUser {
        name: check_master_username(request.required("MasterUsername")?)?,
        password: check_password(request.required("MasterUserPassword")?)?,
    };
    let mut settings = settings::INSTANCE.for_create(request)?;
    check_settings(cloud, &mut settings)?;
    let description = Description {
        resource_id: format!("db-{}", random_id()),
        engine: Engine::Postgres,
        engine_version,
        master_username: master.name.clone(),
        db_name: request.text("DBName").map(str::to_owned),
        settings,
        security_groups: request.list("VpcSecurityGroupIds").into_iter().map(str::to_owned).collect(),
        tags: tags::parse(request, "Tags")?,
    };
    let db_name = description.db_name.clone();
    let beginning = Beginning::Own { origin: Origin::Empty { master, db_name }, story: Story::Created };
    launch(cloud, place, Instance::new(id, description), beginning)
}

/// `DescribeDBInstances`.
pub(crate) fn describe(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let known: Vec<&str> = ["DBInstanceIdentifier"].into_iter().chain(pages::PARAMETERS).collect();
    request.check_known(&known)?;
    let filters =
        Filter::parse_all(request, &["db-instance-id", "dbi-resource-id", "engine", "db-cluster-id", "domain"])?;
    let wanted = request.text("DBInstanceIdentifier").map(|name| named(place, name));
    cloud.with_region(place, |region| {
        if let Some(id) = &wanted {
            region.instance(id)?;
        }
        let matching = region.instances.values().filter(|instance| {
            wanted.as_ref().is_none_or(|id| *id == instance.id)
                && filters.iter().all(|filter| accepts(filter, place, instance))
        });
        let page = page(request, matching, |instance| instance.id.to_string())?;
        let records = page.records.into_iter().map(|instance| render_instance(place, instance));
        Ok(Element::new("DescribeDBInstancesResult")
            .optional("Marker", page.marker)
            .child(Element::new("DBInstances").children(records)))
    })
}

fn accepts(filter: &Filter, place: &Place, instance: &Instance) -> bool {
    match filter.name.as_str() {
        "db-instance-id" => {
            filter.accepts(&[instance.id.as_str(), &place.arn(ResourceType::Instance, instance.id.as_str())])
        }
        "dbi-resource-id" => filter.accepts(&[&instance.description.resource_id]),
        "engine" => filter.accepts(&[instance.description.engine.as_str()]),
        "db-cluster-id" => instance
            .member_of
            .as_ref()
            .is_some_and(|id| filter.accepts(&[id.as_str(), &place.arn(ResourceType::Cluster, id.as_str())])),
        // No instance here is in a domain.
        _ => false,
    }
}

/// An instance by its identifier or ARN.
pub(crate) fn named(place: &Place, name: &str) -> InstanceId {
    InstanceId::lookup(place.name_in_arn(ResourceType::Instance, name).unwrap_or(name))
}

/// `DeleteDBInstance`.
pub(crate) fn delete(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&[
        "DBInstanceIdentifier",
        "SkipFinalSnapshot",
        "FinalDBSnapshotIdentifier",
        "DeleteAutomatedBackups",
    ])?;
    let id = named(place, request.required("DBInstanceIdentifier")?);
    if request.boolean("DeleteAutomatedBackups")? == Some(false) {
        return Err(ApiError::invalid_value("This local RDS retains no automated backups of what is deleted."));
    }
    let answer = cloud.with_region(place, |region| {
        let instance = region.instance(&id)?;
        let final_snapshot = if instance.member_of.is_some() {
            members::check_final_snapshot(request)?;
            None
        } else {
            final_snapshot(request)?
        };
        check_deletable(instance, final_snapshot.is_some())?;
        if let Some(snapshot) = &final_snapshot {
            region.check_room_for_snapshot(snapshot, SnapshotType::Manual, cloud.config.quotas)?;
        }
        let instance = region.instance_mut(&id)?;
        instance.status = InstanceStatus::Deleting;
        Ok::<_, ApiError>((render_instance(place, instance), final_snapshot))
    });
    let (answer, final_snapshot) = answer?;
    if let Some(snapshot) = &final_snapshot {
        snapshots::enter(cloud, place, &id, snapshot, (SnapshotType::Manual, tags::Tags::new()))?;
    }
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        if let Some(snapshot) = final_snapshot {
            take(&this, &place, &Taking::Instance { of: id.clone(), id: snapshot }).await;
        }
        remove(&this, &place, &id).await;
    });
    Ok(answer)
}

/// The name of a final snapshot, or that there shall be none: one of the two must be said.
pub(crate) fn final_snapshot_name(request: &Request) -> Result<Option<&str>, ApiError> {
    let skip = request.boolean("SkipFinalSnapshot")?.unwrap_or(false);
    match (skip, request.text("FinalDBSnapshotIdentifier")) {
        (true, None) => Ok(None),
        (true, Some(_)) => Err(ApiError::invalid_combination(
            "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is enabled.",
        )),
        (false, Some(id)) => Ok(Some(id)),
        (false, None) => Err(ApiError::invalid_combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )),
    }
}

fn final_snapshot(request: &Request) -> Result<Option<SnapshotId>, ApiError> {
    final_snapshot_name(request)?.map(SnapshotId::parse).transpose()
}

fn check_deletable(instance: &Instance, with_snapshot: bool) -> Result<(), ApiError> {
    let id = &instance.id;
    if instance.status == InstanceStatus::Deleting {
        return Err(ApiError::instance_state(format!("Instance {id} is already being deleted.")));
    }
    if instance.description.settings.is_true("DeletionProtection") {
        return Err(ApiError::invalid_combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        ));
    }
    if with_snapshot && instance.status != InstanceStatus::Available {
        return Err(snapshots::not_available(id));
    }
    Ok(())
}

async fn remove(cloud: &Cloud, place: &Place, id: &InstanceId) {
    let Some(operation) = cloud.with_instance(place, id, |instance| Arc::clone(&instance.operation)) else {
        return;
    };
    let _working = operation.lock().await;
    let is_member = cloud.with_instance(place, id, |instance| instance.member_of.is_some()).unwrap_or(false);
    let work = async { if is_member { members::leave(cloud, place, id).await } else { end(cloud, place, id).await } };
    cloud.at_least(cloud.config.timings.deleting, work).await;
    cloud.with_region(place, |region| {
        if let Some(instance) = region.instances.remove(id) {
            region.forget_automated_snapshots(&instance.description.resource_id);
        }
    });
    cloud.faults().refuse((place.clone(), id.clone()), None);
    cloud.announce(place, RdsEvent::of_instance(place, id, InstanceEvent::Deleted));
}

/// Ends an instance's own server and removes its data.
async fn end(cloud: &Cloud, place: &Place, id: &InstanceId) {
    let parts = cloud.with_instance(place, id, |instance| (instance.server.take(), instance.data.take()));
    let (server, data) = parts.unwrap_or_default();
    if let Some(server) = server {
        server.stop().await;
    }
    if let Some(data) = data
        && let Err(error) = data.remove().await
    {
        tracing::warn!(instance = %id, %error, "a deleted DB instance left files");
    }
}
