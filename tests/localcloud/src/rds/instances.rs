//! DB instances: create, describe, delete.

use std::sync::Arc;

use super::bring_up::{Origin, launch};
use super::cloud::{Cloud, random_id};
use super::errors::ApiError;
use super::events::{InstanceEvent, RdsEvent};
use super::identity::{InstanceId, Place, ResourceType, SnapshotId};
use super::pages::{self, Filter, page};
use super::query::Request;
use super::render::{self, render_instance};
use super::settings::{self, Settings};
use super::snapshots;
use super::state::{Description, Instance, InstanceStatus, SnapshotType};
use super::tags;
use super::validation::{check_engine, check_master_username, check_password, check_settings};
use super::xml::Element;
use crate::postgres::MasterUser;

/// Parameters that are taken and change nothing here.
pub(crate) const WITHOUT_EFFECT: [&str; 4] =
    ["DBSecurityGroups", "EnableCloudwatchLogsExports", "ProcessorFeatures", "UseDefaultProcessorFeatures"];

/// `CreateDBInstance`.
pub(crate) fn create(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
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
    let known: Vec<&str> = own.into_iter().chain(WITHOUT_EFFECT).chain(settings::create_parameters()).collect();
    request.check_known(&known)?;
    let id = InstanceId::parse(request.required("DBInstanceIdentifier")?)?;
    request.required("DBInstanceClass")?;
    check_engine(cloud, request)?;
    let master = MasterUser {
        name: check_master_username(request.required("MasterUsername")?)?,
        password: check_password(request.required("MasterUserPassword")?)?,
    };
    let mut settings = Settings::for_create(request)?;
    check_settings(cloud, &mut settings)?;
    let description = Description {
        resource_id: format!("db-{}", random_id()),
        engine_version: cloud.host.binaries().version_text.clone(),
        master_username: master.name.clone(),
        db_name: request.text("DBName").map(str::to_owned),
        settings,
        security_groups: request.list("VpcSecurityGroupIds").into_iter().map(str::to_owned).collect(),
        tags: tags::parse(request, "Tags")?,
    };
    let db_name = description.db_name.clone();
    launch(cloud, place, id, description, Origin::Empty { master, db_name })
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
        "engine" => filter.accepts(&[render::ENGINE]),
        // No instance here is in a cluster or a domain.
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
    let final_snapshot = final_snapshot(request)?;
    let answer = cloud.with_region(place, |region| {
        let instance = region.instance(&id)?;
        check_deletable(instance, final_snapshot.is_some())?;
        if let Some(snapshot) = &final_snapshot {
            region.check_room_for_snapshot(snapshot, SnapshotType::Manual, cloud.config.quotas)?;
        }
        let instance = region.instance_mut(&id)?;
        instance.status = InstanceStatus::Deleting;
        Ok::<_, ApiError>(render_instance(place, instance))
    })?;
    if let Some(snapshot) = &final_snapshot {
        snapshots::enter(cloud, place, &id, snapshot, (SnapshotType::Manual, tags::Tags::new()))?;
    }
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        if let Some(snapshot) = final_snapshot {
            snapshots::take(&this, &place, &id, &snapshot).await;
        }
        remove(&this, &place, &id).await;
    });
    Ok(answer)
}

fn final_snapshot(request: &Request) -> Result<Option<SnapshotId>, ApiError> {
    let skip = request.boolean("SkipFinalSnapshot")?.unwrap_or(false);
    match (skip, request.text("FinalDBSnapshotIdentifier")) {
        (true, None) => Ok(None),
        (true, Some(_)) => Err(ApiError::invalid_combination(
            "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is enabled.",
        )),
        (false, Some(id)) => SnapshotId::parse(id).map(Some),
        (false, None) => Err(ApiError::invalid_combination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )),
    }
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
    let parts = cloud.with_instance(place, id, |instance| (instance.server.take(), instance.cluster.take()));
    let (server, cluster) = parts.unwrap_or_default();
    let work = async {
        if let Some(server) = server {
            server.stop().await;
        }
        match cluster {
            Some(cluster) => cluster.remove().await,
            None => Ok(()),
        }
    };
    if let Err(error) = cloud.at_least(cloud.config.timings.deleting, work).await {
        tracing::warn!(instance = %id, %error, "a deleted DB instance left files");
    }
    cloud.with_region(place, |region| region.instances.remove(id));
    cloud.faults().refuse((place.clone(), id.clone()), None);
    cloud.announce(place, RdsEvent::of_instance(place, id, InstanceEvent::Deleted));
}
