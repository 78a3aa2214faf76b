//! Instances that are members of a DB cluster: what is the cluster's business and not theirs.

use std::sync::Arc;

use super::bring_up::{Beginning, launch};
use super::cloud::{Cloud, random_id};
use super::clusters;
use super::errors::ApiError;
use super::identity::{InstanceId, Place};
use super::instances::WITHOUT_EFFECT;
use super::query::Request;
use super::resources::{DbCluster, Description, Instance};
use super::settings;
use super::tags;
use super::validation::{check_engine, check_settings};
use super::xml::Element;

/// "This setting doesn't apply to Amazon Aurora DB instances" (`CreateDBInstance`, `ModifyDBInstance`): parameters, and AWS's words
/// for what they are about.
const OF_THE_CLUSTER: [(&str, &str); 8] = [
    ("MasterUsername", "master username"),
    ("MasterUserPassword", "master user password"),
    ("DBName", "database name"),
    ("BackupRetentionPeriod", "backup retention"),
    ("PreferredBackupWindow", "backup window"),
    ("StorageEncrypted", "storage encryption"),
    ("KmsKeyId", "KMS key"),
    ("DeletionProtection", "deletion protection"),
];

/// What a member shows of its cluster.
const SHOWN_OF_THE_CLUSTER: [&str; 4] =
    ["BackupRetentionPeriod", "PreferredBackupWindow", "StorageEncrypted", "KmsKeyId"];

/// `CreateDBInstance` with a `DBClusterIdentifier`.
pub(crate) fn create(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = [
        "DBInstanceIdentifier",
        "DBClusterIdentifier",
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
    if let Some(what) = of_the_cluster(request) {
        return Err(ApiError::invalid_combination(format!(
            "The requested DB Instance will be a member of a DB Cluster. Set {what} for the DB Cluster."
        )));
    }
    let id = InstanceId::parse(request.required("DBInstanceIdentifier")?)?;
    request.required("DBInstanceClass")?;
    let engine = check_engine(request)?;
    let cluster_id = clusters::named(place, request.required("DBClusterIdentifier")?);
    let mut settings = settings::INSTANCE.for_create(request)?;
    let given_tags = tags::parse(request, "Tags")?;
    let description = cloud.with_region(place, |region| {
        let cluster = region.cluster(&cluster_id)?;
        let of_cluster = &cluster.description;
        if engine != of_cluster.engine {
            return Err(ApiError::invalid_combination(format!(
                "The engine name requested for your DB instance ({}) doesn't match the engine name of your DB cluster ({}).",
                engine.as_str(),
                of_cluster.engine.as_str()
            )));
        }
        for name in ["DBSubnetGroupName", "StorageType"] {
            if let Some(value) = of_cluster.settings.text(name) {
                settings.set(name, value);
            }
        }
        // The volume grows by itself; members show 1.
        settings.set("AllocatedStorage", "1");
        settings.set_default("PromotionTier", "1");
        show_cluster_settings(&mut settings, cluster);
        Ok(Description {
            resource_id: format!("db-{}", random_id()),
            engine,
            engine_version: of_cluster.engine_version.clone(),
            master_username: of_cluster.master_username.clone(),
            db_name: of_cluster.db_name.clone(),
            settings,
            security_groups: of_cluster.security_groups.clone(),
            tags: given_tags,
        })
    });
    let mut description = description?;
    check_settings(cloud, &mut description.settings)?;
    let mut instance = Instance::new(id, description);
    instance.member_of = Some(cluster_id.clone());
    launch(cloud, place, instance, Beginning::Member(cluster_id))
}

/// Has a member show what its cluster is set to.
pub(crate) fn show_cluster_settings(settings: &mut settings::Settings, cluster: &DbCluster) {
    for name in SHOWN_OF_THE_CLUSTER {
        if let Some(value) = cluster.description.settings.text(name) {
            settings.set(name, value);
        }
    }
}

fn of_the_cluster(request: &Request) -> Option<&'static str> {
    OF_THE_CLUSTER.into_iter().find(|(name, _)| request.text(name).is_some()).map(|(_, what)| what)
}

/// Refuses to modify what is the cluster's.
pub(crate) fn check_modification(request: &Request) -> Result<(), ApiError> {
    match of_the_cluster(request) {
        Some(what) => Err(ApiError::invalid_combination(format!(
            "The specified DB Instance is a member of a cluster. Modify {what} for the DB Cluster using the ModifyDbCluster API"
        ))),
        None => Ok(()),
    }
}

/// The data stays with the cluster, so there is nothing to keep; and nobody has to say so.
pub(crate) fn check_final_snapshot(request: &Request) -> Result<(), ApiError> {
    match request.text("FinalDBSnapshotIdentifier") {
        Some(_) => Err(ApiError::invalid_combination(
            "FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance",
        )),
        None => Ok(()),
    }
}

/// Takes a member out of its cluster. The last one to answer ends the server.
pub(crate) async fn leave(cloud: &Cloud, place: &Place, id: &InstanceId) {
    let last_server = cloud.with_region(place, |region| {
        let instance = region.instances.get_mut(id)?;
        let (server, cluster_id) = (instance.server.take(), instance.member_of.clone()?);
        if let Some(cluster) = region.clusters.get_mut(&cluster_id) {
            cluster.members.retain(|member| member != id);
        }
        let others = region.members_mut(&cluster_id).filter(|other| other.server.is_some()).count();
        server.filter(|_| others == 0)
    });
    if let Some(server) = last_server {
        server.stop().await;
    }
}
