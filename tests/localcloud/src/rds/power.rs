//! Stopping and starting servers: `StopDBInstance`, `StartDBInstance`, and databases that refuse their clients.

use std::sync::Arc;

use super::cloud::Cloud;
use super::errors::ApiError;
use super::events::{InstanceEvent, RdsEvent};
use super::faults::Refusal;
use super::identity::{InstanceId, Place};
use super::instances::named;
use super::query::Request;
use super::render::{error_chain, render_instance};
use super::state::InstanceStatus;
use super::xml::Element;

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
        let instance = region.instance_mut(id)?;
        if instance.status != from {
            return Err(ApiError::instance_state(format!("Instance {id} is not in {} state.", from.as_str())));
        }
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
    let parts = cloud.with_instance(place, id, |instance| (instance.cluster.clone(), instance.port));
    let Some((Some(cluster), port)) = parts else {
        return false;
    };
    match cluster.start(port).await {
        Ok(server) => cloud.with_instance(place, id, |instance| instance.server = Some(Arc::new(server))).is_some(),
        Err(error) => {
            tracing::error!(instance = %id, error = %error_chain(&error), "a DB instance did not start again");
            false
        }
    }
}

/// Makes an instance refuse its clients, or take them again, as the fault says. RDS sees nothing of it.
pub(crate) async fn apply_refusal(cloud: &Cloud, place: &Place, id: &InstanceId) {
    let refusal = cloud.faults().refusal(&(place.clone(), id.clone()));
    let parts = cloud.with_instance(place, id, |instance| (instance.cluster.clone(), instance.server.clone()));
    let Some((Some(cluster), server)) = parts else {
        return;
    };
    let outcome = match (refusal, server) {
        (Some(Refusal::PortClosed), Some(server)) => {
            server.stop().await;
            Ok(())
        }
        (Some(Refusal::LoginRejected), Some(server)) => cluster.refuse_logins().and_then(|()| server.reload()),
        (None, Some(server)) if server.is_running() => cluster.accept_logins().and_then(|()| server.reload()),
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
