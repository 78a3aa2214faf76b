//! Rooms that are clusters, of Aurora or DocumentDB.
//!
//! Both answer at RDS's endpoint, and each documents parameters of its own. What one of them does not document it is not sent: an engine
//! that refuses a parameter would refuse the room.

use aws_sdk_rds::types::ServerlessV2ScalingConfiguration;
use holdfast_domain::inventory::{DbCluster, ServerlessCapacity};
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId, Region};
use holdfast_ports::{ClusterRooms, ClusterSource, CreateMember, Password, PortError, RestoreDbCluster};
use jiff::Timestamp;

use super::read::write_tags;
use super::{EXTENDED_SUPPORT_OFF, Rds, is_gone_or_going, temporary_only};
use crate::error;

/// How long a cluster keeps automated backups, in days: the least there is, for 0 is refused (source: RDS API Reference, `ModifyDBCluster`:
/// "Must be a value from 1 to 35"; Amazon DocumentDB API Reference, `ModifyDBCluster`, the same).
const RETENTION_DAYS_MIN: i32 = 1;

impl ClusterRooms for Rds {
    async fn restore_db_cluster(&self, request: &RestoreDbCluster) -> Result<(), PortError> {
        match &request.source {
            ClusterSource::Snapshot(snapshot) => self.restore_cluster_snapshot(request, snapshot).await,
            ClusterSource::PointInTime { cluster, at } => {
                self.restore_cluster_to_point_in_time(request, cluster, *at).await
            }
        }
    }

    async fn create_member(&self, request: &CreateMember) -> Result<(), PortError> {
        const OPERATION: &str = "rds:CreateDBInstance";
        temporary_only(OPERATION, request.id.as_str())?;
        let is_aurora = is_aurora(&request.engine);
        let call = self
            .client(&request.region)
            .create_db_instance()
            .db_instance_identifier(request.id.as_str())
            .db_cluster_identifier(request.cluster.as_str())
            .engine(&request.engine)
            .db_instance_class(&request.instance_class)
            .set_db_parameter_group_name(request.parameter_group.clone())
            // DocumentDB is never public and knows no such parameter (source: Amazon DocumentDB API Reference, `CreateDBInstance`).
            .set_publicly_accessible(is_aurora.then_some(false))
            .auto_minor_version_upgrade(false)
            .set_tags(Some(write_tags(&request.tags)));
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, request.id.as_str(), failed))
    }

    async fn reset_cluster_password(
        &self,
        region: &Region,
        id: &DbClusterId,
        password: &Password,
    ) -> Result<(), PortError> {
        const OPERATION: &str = "rds:ModifyDBCluster";
        temporary_only(OPERATION, id.as_str())?;
        let call = self
            .client(region)
            .modify_db_cluster()
            .db_cluster_identifier(id.as_str())
            .master_user_password(password.expose())
            .backup_retention_period(RETENTION_DAYS_MIN)
            .apply_immediately(true);
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, id.as_str(), failed))
    }

    /// By its name alone: a final snapshot of a cluster's member cannot be taken, nor has it automated backups of its own (source: AWS CLI
    /// Command Reference, `delete-db-instance`, "To delete a DB instance in a DB cluster").
    async fn delete_member(&self, region: &Region, id: &DbInstanceId) -> Result<(), PortError> {
        const OPERATION: &str = "rds:DeleteDBInstance";
        temporary_only(OPERATION, id.as_str())?;
        let call = self.client(region).delete_db_instance().db_instance_identifier(id.as_str());
        match call.send().await.map_err(|failed| error::read(OPERATION, id.as_str(), failed)) {
            Err(failed) if !is_gone_or_going(&failed) => Err(failed),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn delete_cluster(&self, cluster: &DbCluster) -> Result<(), PortError> {
        const OPERATION: &str = "rds:DeleteDBCluster";
        temporary_only(OPERATION, cluster.id.as_str())?;
        let call = self
            .client(&cluster.region)
            .delete_db_cluster()
            .db_cluster_identifier(cluster.id.as_str())
            .skip_final_snapshot(true)
            // DocumentDB knows no such parameter, and removes them (source: Amazon DocumentDB API Reference, `DeleteDBCluster`).
            .set_delete_automated_backups(is_aurora(&cluster.engine).then_some(true));
        match call.send().await.map_err(|failed| error::read(OPERATION, cluster.id.as_str(), failed)) {
            Err(failed) if !is_gone_or_going(&failed) => Err(failed),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// The two ways to open a cluster. What seals it is the same in both, word for word.
impl Rds {
    async fn restore_cluster_snapshot(
        &self,
        request: &RestoreDbCluster,
        snapshot: &DbSnapshotId,
    ) -> Result<(), PortError> {
        const OPERATION: &str = "rds:RestoreDBClusterFromSnapshot";
        temporary_only(OPERATION, request.id.as_str())?;
        let is_aurora = is_aurora(&request.engine);
        let call = self
            .client(&request.region)
            .restore_db_cluster_from_snapshot()
            .snapshot_identifier(snapshot.as_str())
            .engine(&request.engine)
            .engine_version(&request.engine_version)
            .db_cluster_identifier(request.id.as_str())
            .db_subnet_group_name(&request.subnet_group)
            .set_vpc_security_group_ids(Some(request.security_groups.clone()))
            .set_db_cluster_parameter_group_name(request.parameter_group.clone())
            .set_serverless_v2_scaling_configuration(request.serverless.map(write_capacity))
            .deletion_protection(false)
            // DocumentDB knows neither (source: Amazon DocumentDB API Reference, `RestoreDBClusterFromSnapshot`).
            .set_backup_retention_period(is_aurora.then_some(RETENTION_DAYS_MIN))
            .set_engine_lifecycle_support(is_aurora.then(|| EXTENDED_SUPPORT_OFF.to_owned()))
            .set_tags(Some(write_tags(&request.tags)));
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, request.id.as_str(), failed))
    }

    async fn restore_cluster_to_point_in_time(
        &self,
        request: &RestoreDbCluster,
        cluster: &DbClusterId,
        at: Timestamp,
    ) -> Result<(), PortError> {
        const OPERATION: &str = "rds:RestoreDBClusterToPointInTime";
        temporary_only(OPERATION, request.id.as_str())?;
        let is_aurora = is_aurora(&request.engine);
        let call = self
            .client(&request.region)
            .restore_db_cluster_to_point_in_time()
            .source_db_cluster_identifier(cluster.as_str())
            .restore_to_time(aws_smithy_types::DateTime::from_secs(at.as_second()))
            // A clone shares its source's pages, and reading it would prove those and not the backup.
            .restore_type("full-copy")
            .db_cluster_identifier(request.id.as_str())
            .db_subnet_group_name(&request.subnet_group)
            .set_vpc_security_group_ids(Some(request.security_groups.clone()))
            .set_db_cluster_parameter_group_name(request.parameter_group.clone())
            .set_serverless_v2_scaling_configuration(request.serverless.map(write_capacity))
            .deletion_protection(false)
            // As above (source: Amazon DocumentDB API Reference, `RestoreDBClusterToPointInTime`).
            .set_backup_retention_period(is_aurora.then_some(RETENTION_DAYS_MIN))
            .set_engine_lifecycle_support(is_aurora.then(|| EXTENDED_SUPPORT_OFF.to_owned()))
            .set_tags(Some(write_tags(&request.tags)));
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, request.id.as_str(), failed))
    }
}

fn is_aurora(engine: &str) -> bool {
    engine.starts_with("aurora")
}

fn write_capacity(capacity: ServerlessCapacity) -> ServerlessV2ScalingConfiguration {
    ServerlessV2ScalingConfiguration::builder()
        .min_capacity(f64::from(capacity.min_half_acus) / 2.0)
        .max_capacity(f64::from(capacity.max_half_acus) / 2.0)
        .build()
}
