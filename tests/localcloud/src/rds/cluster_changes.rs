//! Changes of a DB cluster that exists: `ModifyDBCluster`, `StopDBCluster`, `StartDBCluster`.

use std::sync::Arc;

use super::cloud::Cloud;
use super::clusters::named;
use super::errors::ApiError;
use super::events::{ClusterEvent, RdsEvent};
use super::identity::{ClusterId, Place, Source};
use super::members::show_cluster_settings;
use super::parameter_groups::GroupOf;
use super::query::Request;
use super::render::error_chain;
use super::render_clusters::render_cluster;
use super::resources::Description;
use super::settings;
use super::statuses::{ClusterStatus, InstanceStatus};
use super::validation::{check_password, check_retention};
use super::xml::Element;
use super::{power, volumes};
use crate::postgres::{PostgresError, alter_password};

/// `ModifyDBCluster`. "Some modifications, such as turning on deletion protection and changing the master password, are applied
/// immediately—regardless of when you choose to apply them" (`ApplyImmediately`); here all of them are.
pub(crate) fn modify(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = ["DBClusterIdentifier", "ApplyImmediately", "MasterUserPassword", "VpcSecurityGroupIds"];
    let known: Vec<&str> = own.into_iter().chain(settings::CLUSTER.modify_parameters()).collect();
    request.check_known(&known)?;
    let id = named(place, request.required("DBClusterIdentifier")?);
    let password = request.text("MasterUserPassword").map(check_password).transpose()?;
    request.boolean("ApplyImmediately")?;
    let answer = cloud.with_region(place, |region| {
        let cluster = region.cluster(&id)?;
        if cluster.status != ClusterStatus::Available {
            return Err(ApiError::cluster_state(format!("DB cluster {id} is not in the available state.")));
        }
        let (changes, _) = settings::CLUSTER.for_modify(request, &cluster.description.settings)?;
        check_retention(&changes, 1)?;
        let Description { engine, engine_version, .. } = &cluster.description;
        region.check_parameter_group(GroupOf::Clusters, &changes, *engine, engine_version)?;
        let cluster = region.cluster_mut(&id)?;
        cluster.description.settings.merge(changes);
        let groups = request.list("VpcSecurityGroupIds");
        if !groups.is_empty() {
            cluster.description.security_groups = groups.into_iter().map(str::to_owned).collect();
        }
        cluster.password_pending |= password.is_some();
        for member in region.instances.values_mut().filter(|member| member.member_of.as_ref() == Some(&id)) {
            if let Some(cluster) = region.clusters.get(&id) {
                show_cluster_settings(&mut member.description.settings, cluster);
            }
        }
        Ok(render_cluster(place, region, region.cluster(&id)?))
    })?;
    if let Some(password) = password {
        let (this, place) = (Arc::clone(cloud), place.clone());
        cloud.spawn(async move { reset_password(&this, &place, &id, &password).await });
    }
    Ok(answer)
}

async fn reset_password(cloud: &Cloud, place: &Place, id: &ClusterId, password: &str) {
    let Some(operation) = cloud.operation(place, &Source::Cluster(id.clone())) else {
        return;
    };
    cloud.pause(cloud.config.timings.pending).await;
    let _working = operation.lock().await;
    let during = ClusterStatus::ResettingMasterCredentials;
    cloud.move_cluster(place, id, ClusterStatus::Available, during);
    let outcome = cloud.at_least(cloud.config.timings.modifying, set_password(cloud, place, id, password)).await;
    cloud.with_cluster(place, id, |cluster| cluster.password_pending = false);
    cloud.move_cluster(place, id, during, ClusterStatus::Available);
    match outcome {
        Ok(()) => cloud.announce(place, RdsEvent::of_cluster(place, id, ClusterEvent::MasterCredentialsReset)),
        Err(error) => {
            tracing::error!(cluster = %id, error = %error_chain(&error), "the master password could not be set")
        }
    }
}

async fn set_password(cloud: &Cloud, place: &Place, id: &ClusterId, password: &str) -> Result<(), PostgresError> {
    let user = cloud.with_cluster(place, id, |cluster| cluster.description.master_username.clone());
    match (user, volumes::lend(cloud, place, id).await?) {
        (Some(user), Some(lent)) => {
            let outcome = alter_password(lent.server().admin(), &user, password).await;
            lent.give_back().await;
            outcome
        }
        (None, lent) => {
            if let Some(lent) = lent {
                lent.give_back().await;
            }
            Ok(())
        }
        // Nothing is behind a DocumentDB cluster that would ask for it.
        (Some(_), None) => Ok(()),
    }
}

/// `StopDBCluster`.
pub(crate) fn stop(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["DBClusterIdentifier"])?;
    let id = named(place, request.required("DBClusterIdentifier")?);
    let (from, during) = (ClusterStatus::Available, ClusterStatus::Stopping);
    let answer = begin(cloud, place, &id, from, during, InstanceStatus::Stopping)?;
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        let Some(operation) = this.operation(&place, &Source::Cluster(id.clone())) else {
            return;
        };
        let _working = operation.lock().await;
        let work = async {
            if let Some(server) = volumes::members_server(&this, &place, &id) {
                server.stop().await;
            }
        };
        this.at_least(this.config.timings.stopping, work).await;
        this.with_region(&place, |region| {
            for member in region.members_mut(&id) {
                member.server = None;
                member.status = InstanceStatus::Stopped;
            }
        });
        this.move_cluster(&place, &id, during, ClusterStatus::Stopped);
        this.announce(&place, RdsEvent::of_cluster(&place, &id, ClusterEvent::Stopped));
    });
    Ok(answer)
}

/// `StartDBCluster`.
pub(crate) fn start(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["DBClusterIdentifier"])?;
    let id = named(place, request.required("DBClusterIdentifier")?);
    let (from, during) = (ClusterStatus::Stopped, ClusterStatus::Starting);
    let answer = begin(cloud, place, &id, from, during, InstanceStatus::Starting)?;
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        let Some(operation) = this.operation(&place, &Source::Cluster(id.clone())) else {
            return;
        };
        let _working = operation.lock().await;
        let started = this.at_least(this.config.timings.stopping, start_members(&this, &place, &id)).await;
        let status = match &started {
            Ok(()) => InstanceStatus::Available,
            Err(error) => {
                tracing::error!(cluster = %id, error = %error_chain(error), "a DB cluster did not start again");
                InstanceStatus::Failed
            }
        };
        this.with_region(&place, |region| region.members_mut(&id).for_each(|member| member.status = status));
        this.move_cluster(&place, &id, during, ClusterStatus::Available);
        if started.is_ok() {
            this.announce(&place, RdsEvent::of_cluster(&place, &id, ClusterEvent::Started));
        }
    });
    Ok(answer)
}

/// One start serves all members that have data.
async fn start_members(cloud: &Cloud, place: &Place, id: &ClusterId) -> Result<(), PostgresError> {
    let with_data = cloud.with_region(place, |region| {
        region.members_mut(id).find(|member| member.data.is_some()).map(|member| member.id.clone())
    });
    match with_data {
        Some(member) => power::start_locked(cloud, place, &member).await,
        None => Ok(()),
    }
}

fn begin(
    cloud: &Cloud,
    place: &Place,
    id: &ClusterId,
    from: ClusterStatus,
    during: ClusterStatus,
    members: InstanceStatus,
) -> Result<Element, ApiError> {
    cloud.with_region(place, |region| {
        let cluster = region.cluster(id)?;
        let recovers = cluster.status == ClusterStatus::InaccessibleEncryptionCredentialsRecoverable;
        if recovers && during == ClusterStatus::Starting {
            region.check_key(&cluster.description.settings)?;
        } else if cluster.status != from {
            return Err(ApiError::cluster_state(format!("DbCluster {id} is not in {} state.", from.as_str())));
        }
        region.cluster_mut(id)?.status = during;
        region.members_mut(id).for_each(|member| member.status = members);
        Ok(render_cluster(place, region, region.cluster(id)?))
    })
}
