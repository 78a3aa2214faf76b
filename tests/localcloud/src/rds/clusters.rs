//! DB clusters: create, bring up, describe, delete.

use std::sync::Arc;

use jiff::Timestamp;

use super::backups;
use super::bring_up::{Origin, make};
use super::cloud::{Cloud, random_id};
use super::cluster_snapshots;
use super::errors::ApiError;
use super::events::{ClusterEvent, RdsEvent};
use super::identity::{ClusterId, ClusterSnapshotId, Place, ResourceType, Source};
use super::instances::final_snapshot_name;
use super::pages::{self, Filter, page};
use super::parameter_groups::GroupOf;
use super::parameters;
use super::query::Request;
use super::render::error_chain;
use super::render_clusters::render_cluster;
use super::resources::{DbCluster, Description};
use super::settings;
use super::statuses::{ClusterStatus, Engine, InstanceStatus, SnapshotType};
use super::tags::{self, Tags};
use super::taking::{Taking, take};
use super::validation::{
    check_cluster_settings, check_engine, check_engine_version, check_master_username, check_password,
};
use super::xml::Element;
use crate::postgres::{Cluster, MasterUser, PostgresError};

/// Parameters that are taken and change nothing here.
pub(crate) const WITHOUT_EFFECT: [&str; 3] =
    ["AvailabilityZones", "EnableCloudwatchLogsExports", "ServerlessV2ScalingConfiguration"];

/// `CreateDBCluster`.
pub(crate) fn create(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = [
        "DBClusterIdentifier",
        "Engine",
        "EngineVersion",
        "MasterUsername",
        "MasterUserPassword",
        "DatabaseName",
        "Port",
        "VpcSecurityGroupIds",
        "Tags",
    ];
    let known: Vec<&str> = own.into_iter().chain(WITHOUT_EFFECT).chain(settings::CLUSTER.create_parameters()).collect();
    request.check_known(&known)?;
    let id = ClusterId::parse(request.required("DBClusterIdentifier")?)?;
    let engine = check_engine(request)?;
    if engine == Engine::Postgres {
        return Err(ApiError::invalid_value(
            "This local RDS has no Multi-AZ DB clusters: the engine postgres is for DB instances.",
        ));
    }
    let engine_version = check_engine_version(cloud, request, engine)?;
    let master = MasterUser {
        name: check_master_username(request.required("MasterUsername")?)?,
        password: check_password(request.required("MasterUserPassword")?)?,
    };
    let mut settings = settings::CLUSTER.for_create(request)?;
    check_cluster_settings(cloud, &mut settings, engine, &engine_version)?;
    let description = Description {
        resource_id: format!("cluster-{}", random_id()),
        engine,
        engine_version,
        master_username: master.name.clone(),
        db_name: request.text("DatabaseName").map(str::to_owned),
        settings,
        security_groups: request.list("VpcSecurityGroupIds").into_iter().map(str::to_owned).collect(),
        tags: tags::parse(request, "Tags")?,
    };
    let db_name = description.db_name.clone();
    launch(cloud, place, DbCluster::new(id, description), Origin::Empty { master, db_name })
}

/// Enters a new cluster and starts the job that makes it; answers with the cluster as it is now.
pub(crate) fn launch(
    cloud: &Arc<Cloud>,
    place: &Place,
    cluster: DbCluster,
    origin: Origin,
) -> Result<Element, ApiError> {
    let id = cluster.id.clone();
    let answer = cloud.with_region(place, |region| {
        region.check_room_for_cluster(&id, cloud.config.quotas)?;
        region.check_key(&cluster.description.settings)?;
        let Description { engine, engine_version, settings, .. } = &cluster.description;
        region.check_parameter_group(GroupOf::Clusters, settings, *engine, engine_version)?;
        region.clusters.insert(id.clone(), cluster);
        Ok::<_, ApiError>(render_cluster(place, region, region.cluster(&id)?))
    })?;
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move { bring_up(&this, &place, &id, origin).await });
    Ok(answer)
}

async fn bring_up(cloud: &Cloud, place: &Place, id: &ClusterId, origin: Origin) {
    let Some(operation) = cloud.operation(place, &Source::Cluster(id.clone())) else {
        return;
    };
    let working = operation.lock().await;
    let outcome = cloud.at_least(cloud.config.timings.creating, make_volume(cloud, place, id, &origin)).await;
    let ending = cloud.faults().take_cluster_ending(&(place.clone(), id.clone()));
    let status = match (&outcome, ending) {
        (Ok(_), ending) => ending.unwrap_or(ClusterStatus::Available),
        (Err(error), _) => {
            let words = error_chain(error);
            tracing::error!(cluster = %id, error = words, "a DB cluster could not be made");
            cloud.with_cluster(place, id, |cluster| cluster.failure = Some(words));
            ClusterStatus::MigrationFailed
        }
    };
    cloud.with_cluster(place, id, |cluster| {
        if let Ok(Some((volume, port))) = outcome {
            cluster.volume = Some(volume);
            cluster.port = Some(port);
        }
        cluster.created_at = Some(Timestamp::now());
    });
    drop(working);
    let next = if status == ClusterStatus::Available { ClusterStatus::BackingUp } else { status };
    cloud.move_cluster(place, id, ClusterStatus::Creating, next);
    if status == ClusterStatus::Available {
        cloud.announce(place, RdsEvent::of_cluster(place, id, ClusterEvent::Created));
    }
    // Not if it is being deleted already.
    if cloud.with_cluster(place, id, |cluster| cluster.status) == Some(ClusterStatus::BackingUp) {
        backups::begin(cloud, place, &Source::Cluster(id.clone())).await;
        cloud.move_cluster(place, id, ClusterStatus::BackingUp, ClusterStatus::Available);
    }
}

/// Makes the volume's data, with a server that ends when it has: none runs before there is an instance. DocumentDB has no data.
async fn make_volume(
    cloud: &Cloud,
    place: &Place,
    id: &ClusterId,
    origin: &Origin,
) -> Result<Option<(Cluster, u16)>, PostgresError> {
    let parts =
        cloud.with_cluster(place, id, |cluster| (cluster.description.engine, cluster.description.resource_id.clone()));
    let Some((Engine::AuroraPostgresql, resource_id)) = parts else {
        return Ok(None);
    };
    let archive = backups::new_archive(cloud, &resource_id)?;
    let dir = cloud.new_dir("clusters", &resource_id);
    let settings = parameters::of_cluster(cloud, place, id);
    let (volume, server) = make(cloud, &dir, (Some(archive.as_ref()), &settings), origin).await?;
    let port = server.port();
    server.stop().await;
    cloud.with_cluster(place, id, |cluster| cluster.backups.archive = Some(archive));
    Ok(Some((volume, port)))
}

/// `DescribeDBClusters`.
pub(crate) fn describe(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let known: Vec<&str> = ["DBClusterIdentifier", "IncludeShared"].into_iter().chain(pages::PARAMETERS).collect();
    request.check_known(&known)?;
    let names = ["db-cluster-id", "db-cluster-resource-id", "engine", "clone-group-id", "domain"];
    let filters = Filter::parse_all(request, &names)?;
    let wanted = request.text("DBClusterIdentifier").map(|name| named(place, name));
    cloud.with_region(place, |region| {
        if let Some(id) = &wanted {
            region.cluster(id)?;
        }
        let matching = region.clusters.values().filter(|cluster| {
            wanted.as_ref().is_none_or(|id| *id == cluster.id)
                && filters.iter().all(|filter| accepts(filter, place, cluster))
        });
        let page = page(request, matching, |cluster| cluster.id.to_string())?;
        let records = page.records.into_iter().map(|cluster| render_cluster(place, region, cluster));
        Ok(Element::new("DescribeDBClustersResult")
            .optional("Marker", page.marker)
            .child(Element::new("DBClusters").children(records)))
    })
}

fn accepts(filter: &Filter, place: &Place, cluster: &DbCluster) -> bool {
    let id = cluster.id.as_str();
    match filter.name.as_str() {
        "db-cluster-id" => filter.accepts(&[id, &place.arn(ResourceType::Cluster, id)]),
        "db-cluster-resource-id" => filter.accepts(&[&cluster.description.resource_id]),
        "engine" => filter.accepts(&[cluster.description.engine.as_str()]),
        // No cluster here is a clone or in a domain.
        _ => false,
    }
}

/// A cluster by its identifier or ARN.
pub(crate) fn named(place: &Place, name: &str) -> ClusterId {
    ClusterId::lookup(place.name_in_arn(ResourceType::Cluster, name).unwrap_or(name))
}

/// `DeleteDBCluster`.
pub(crate) fn delete(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&[
        "DBClusterIdentifier",
        "SkipFinalSnapshot",
        "FinalDBSnapshotIdentifier",
        "DeleteAutomatedBackups",
    ])?;
    let id = named(place, request.required("DBClusterIdentifier")?);
    if request.boolean("DeleteAutomatedBackups")? == Some(false) {
        return Err(ApiError::invalid_value("This local RDS retains no automated backups of what is deleted."));
    }
    let final_snapshot = final_snapshot_name(request)?.map(ClusterSnapshotId::parse).transpose()?;
    let answer = cloud.with_region(place, |region| {
        let cluster = region.cluster(&id)?;
        let is_used =
            |member| region.instances.get(member).is_some_and(|member| member.status != InstanceStatus::Deleting);
        check_deletable(cluster, cluster.members.iter().any(is_used), final_snapshot.is_some())?;
        if let Some(snapshot) = &final_snapshot {
            region.check_room_for_cluster_snapshot(snapshot, SnapshotType::Manual, cloud.config.quotas)?;
        }
        region.cluster_mut(&id)?.status = ClusterStatus::Deleting;
        Ok::<_, ApiError>(render_cluster(place, region, region.cluster(&id)?))
    })?;
    if let Some(snapshot) = &final_snapshot {
        cluster_snapshots::enter(cloud, place, &id, snapshot, (SnapshotType::Manual, Tags::new()))?;
    }
    let (this, place) = (Arc::clone(cloud), place.clone());
    cloud.spawn(async move {
        if let Some(snapshot) = final_snapshot {
            take(&this, &place, &Taking::Cluster { of: id.clone(), id: snapshot }).await;
        }
        remove(&this, &place, &id).await;
    });
    Ok(answer)
}

fn check_deletable(cluster: &DbCluster, is_used: bool, with_snapshot: bool) -> Result<(), ApiError> {
    if cluster.status == ClusterStatus::Deleting {
        return Err(ApiError::cluster_state(format!("DB cluster {} is already being deleted.", cluster.id)));
    }
    if cluster.description.settings.is_true("DeletionProtection") {
        return Err(ApiError::invalid_combination(
            "Cannot delete protected Cluster, please disable deletion protection and try again.",
        ));
    }
    if is_used {
        return Err(ApiError::cluster_state(
            "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
        ));
    }
    if with_snapshot && cluster.status != ClusterStatus::Available {
        return Err(cluster_snapshots::not_available(&cluster.id));
    }
    Ok(())
}

/// Members that are being deleted may go before or after their volume: their server is stopped here, or already was.
async fn remove(cloud: &Cloud, place: &Place, id: &ClusterId) {
    let Some(operation) = cloud.operation(place, &Source::Cluster(id.clone())) else {
        return;
    };
    let _working = operation.lock().await;
    let work = async {
        if let Some(server) = super::volumes::members_server(cloud, place, id) {
            server.stop().await;
        }
        match cloud.with_cluster(place, id, |cluster| cluster.volume.take()).flatten() {
            Some(volume) => volume.remove().await,
            None => Ok(()),
        }
    };
    if let Err(error) = cloud.at_least(cloud.config.timings.deleting, work).await {
        tracing::warn!(cluster = %id, %error, "a deleted DB cluster left files");
    }
    cloud.with_region(place, |region| {
        if let Some(cluster) = region.clusters.remove(id) {
            region.forget_automated_snapshots(&cluster.description.resource_id);
        }
    });
    cloud.announce(place, RdsEvent::of_cluster(place, id, ClusterEvent::Deleted));
}
