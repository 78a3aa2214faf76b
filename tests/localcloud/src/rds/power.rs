//! Stopping and starting servers: `StopDBInstance`, `StartDBInstance`, and databases that refuse their clients.

use std::sync::Arc;

use super::cloud::Cloud;
use super::errors::ApiError;
use super::events::{InstanceEvent, RdsEvent};
use super::faults::Refusal;
use super::identity::{InstanceId, Place};
use super::instances::named;
use super::parameters;
use super::query::Request;
use super::render::{error_chain, render_instance};
use super::statuses::InstanceStatus;
use super::xml::Element;
use crate::postgres::PostgresError;

/// `StopDBInstance`.
pub(crate) fn stop(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["DBInstanceIdentifier"])?;
    let id = named(place, request.required("DBInstanceIdentifier")?);
    let answer = begin(cloud, place, &id, InstanceStatus::Available, InstanceStatus::Stopping)?;
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        let server = this.with_instance(&place, &id, |instance| instance.server.take()).flatten();
        let work = async {
            if let Some(server) = server {
                server.stop().await;
            }
        };
        this.at_least(this.config.timings.stopping, work).await;
        this.move_instance(&place, &id, InstanceStatus::Stopping, InstanceStatus::Stopped);
        this.announce(&place, RdsEvent::of_instance(&place, &id, InstanceEvent::Stopped));
    });
    Ok(answer)
}

/// `StartDBInstance`.
pub(crate) fn start(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["DBInstanceIdentifier"])?;
    let id = named(place, request.required("DBInstanceIdentifier")?);
    let answer = begin(cloud, place, &id, InstanceStatus::Stopped, InstanceStatus::Starting)?;
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        let started = this.at_least(this.config.timings.stopping, start_server(&this, &place, &id)).await;
        let status = if started { InstanceStatus::Available } else { InstanceStatus::Failed };
        this.move_instance(&place, &id, InstanceStatus::Starting, status);
        if started {
            this.announce(&place, RdsEvent::of_instance(&place, &id, InstanceEvent::Started));
        }
    });
    Ok(answer)
}

fn begin(
    cloud: &Cloud,
    place: &Place,
    id: &InstanceId,
    from: InstanceStatus,
    to: InstanceStatus,
) -> Result<Element, ApiError> {
    cloud.with_region(place, |region| {
        let instance = region.instance(id)?;
        if instance.member_of.is_some() {
            return Err(ApiError::invalid_combination(format!(
                "{} DB instances are not eligible for stopping and starting.",
                instance.description.engine.as_str()
            )));
        }
        let recovers = instance.status == InstanceStatus::InaccessibleEncryptionCredentialsRecoverable;
        if recovers && to == InstanceStatus::Starting {
            region.check_key(&instance.description.settings)?;
        } else if instance.status != from {
            return Err(ApiError::instance_state(format!("Instance {id} is not in {} state.", from.as_str())));
        }
        let instance = region.instance_mut(id)?;
        instance.status = to;
        Ok(render_instance(place, instance))
    })
}

/// Starts the server of an instance that has none, on its old port if nobody took it. Says whether it runs.
async fn start_server(cloud: &Cloud, place: &Place, id: &InstanceId) -> bool {
    let Some(operation) = cloud.with_instance(place, id, |instance| Arc::clone(&instance.operation)) else {
        return false;
    };
    let _working = operation.lock().await;
    match start_locked(cloud, place, id).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(instance = %id, error = %error_chain(&error), "a DB instance did not start again");
            false
        }
    }
}

/// As [`start_server`]; the caller holds the instance's `operation`. What one member of a cluster starts, all of them have.
pub(crate) async fn start_locked(cloud: &Cloud, place: &Place, id: &InstanceId) -> Result<(), PostgresError> {
    let parts = cloud.with_region(place, |region| {
        let instance = region.instances.get(id)?;
        let cluster = instance.member_of.as_ref().and_then(|cluster| region.clusters.get(cluster));
        let backups = cluster.map(|cluster| &cluster.backups).or(instance.backups.as_ref());
        Some((instance.data.clone()?, instance.port, backups.and_then(|backups| backups.archive.clone())))
    });
    let Some((data, port, archive)) = parts else {
        return Err(PostgresError::Unsupported("the instance has no data".to_owned()));
    };
    let server = Arc::new(data.start_with(port, archive.as_deref(), &parameters::of_instance(cloud, place, id)).await?);
    cloud.with_region(place, |region| {
        let cluster = region.instances.get(id).and_then(|instance| instance.member_of.clone());
        let sharing = region.instances.values_mut().filter(|instance| {
            instance.id == *id || (cluster.is_some() && instance.member_of == cluster && instance.data.is_some())
        });
        for instance in sharing {
            instance.port = Some(server.port());
            instance.server = Some(Arc::clone(&server));
        }
    });
    Ok(())
}

/// Makes an instance refuse its clients, or take them again, as the fault says. RDS sees nothing of it.
pub(crate) async fn apply_refusal(cloud: &Cloud, place: &Place, id: &InstanceId) {
    let refusal = cloud.faults().refusal(&(place.clone(), id.clone()));
    let parts = cloud.with_instance(place, id, |instance| (instance.data.clone(), instance.server.clone()));
    let Some((Some(data), server)) = parts else {
        return;
    };
    let outcome = match (refusal, server) {
        (Some(Refusal::PortClosed), Some(server)) => {
            server.stop().await;
            Ok(())
        }
        (Some(Refusal::LoginRejected), Some(server)) => data.refuse_logins().and_then(|()| server.reload()),
        (None, Some(server)) if server.is_running() => data.accept_logins().and_then(|()| server.reload()),
        (None, Some(_)) => {
            start_server(cloud, place, id).await;
            Ok(())
        }
        (_, None) => Ok(()),
    };
    if let Err(error) = outcome {
        tracing::warn!(instance = %id, %error, "a refusal could not be arranged");
    }
}
