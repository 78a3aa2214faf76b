//! RDS, by region.

mod cluster_rooms;
mod look;
mod parameters;
mod read;
mod take;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_rds::Client;
use aws_sdk_rds::config::Region as SdkRegion;
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region};
use holdfast_ports::{Password, PortError, PortErrorKind, RestoreDbInstance, RoomReset, RoomRestore, RoomSource};
use jiff::Timestamp;

use self::read::write_tags;
use crate::error;
use crate::pace::{CALLS_PER_SECOND, Pace};

/// Without it an old major version is charged Extended Support (source: RDS API Reference, `RestoreDBInstanceFromDBSnapshot`,
/// `RestoreDBInstanceToPointInTime`, `RestoreDBClusterFromSnapshot`, `RestoreDBClusterToPointInTime`).
const EXTENDED_SUPPORT_OFF: &str = "open-source-rds-extended-support-disabled";

/// RDS in any region; one client for each, made when it is first needed.
#[derive(Debug)]
pub struct Rds {
    config: SdkConfig,
    calls_per_second: u32,
    regions: Mutex<BTreeMap<Region, InRegion>>,
}

#[derive(Debug, Clone)]
struct InRegion {
    client: Client,
    pace: Arc<Pace>,
}

impl Rds {
    /// RDS with the function's own credentials, at the pace of [`CALLS_PER_SECOND`].
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self::paced(config, CALLS_PER_SECOND)
    }

    /// RDS at another pace. Listings and snapshots keep it; what else is called, is called too seldom to need one.
    #[must_use]
    pub fn paced(config: &SdkConfig, calls_per_second: u32) -> Self {
        Self { config: config.clone(), calls_per_second, regions: Mutex::default() }
    }

    fn client(&self, region: &Region) -> Client {
        self.in_region(region).client
    }

    /// The client of a region, when it is the call's turn.
    async fn client_in_turn(&self, region: &Region) -> Client {
        let InRegion { client, pace } = self.in_region(region);
        pace.turn(&self.config).await;
        client
    }

    fn in_region(&self, region: &Region) -> InRegion {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let config = aws_sdk_rds::config::Builder::from(&self.config).region(SdkRegion::new(region.to_string()));
            InRegion { client: Client::from_conf(config.build()), pace: Arc::new(Pace::new(self.calls_per_second)) }
        };
        regions.entry(region.clone()).or_insert_with(make).clone()
    }
}

impl RoomRestore for Rds {
    async fn restore_db_instance(&self, request: &RestoreDbInstance) -> Result<(), PortError> {
        match &request.source {
            RoomSource::Snapshot(snapshot) => self.restore_snapshot(request, snapshot).await,
            RoomSource::PointInTime { instance, at } => self.restore_to_point_in_time(request, instance, *at).await,
        }
    }
    async fn delete_room(&self, region: &Region, id: &DbInstanceId) -> Result<(), PortError> {
        const OPERATION: &str = "rds:DeleteDBInstance";
        temporary_only(OPERATION, id.as_str())?;
        let call = self
            .client(region)
            .delete_db_instance()
            .db_instance_identifier(id.as_str())
            .skip_final_snapshot(true)
            .delete_automated_backups(true);
        match call.send().await.map_err(|failed| error::read(OPERATION, id.as_str(), failed)) {
            Err(failed) if !is_gone_or_going(&failed) => Err(failed),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// The two ways to open a room. What seals it is the same in both, word for word.
impl Rds {
    async fn restore_snapshot(&self, request: &RestoreDbInstance, snapshot: &DbSnapshotId) -> Result<(), PortError> {
        const OPERATION: &str = "rds:RestoreDBInstanceFromDBSnapshot";
        temporary_only(OPERATION, request.id.as_str())?;
        let call = self
            .client(&request.region)
            .restore_db_instance_from_db_snapshot()
            .db_snapshot_identifier(snapshot.as_str())
            .db_instance_identifier(request.id.as_str())
            .db_instance_class(&request.instance_class)
            .db_subnet_group_name(&request.subnet_group)
            .set_vpc_security_group_ids(Some(request.security_groups.clone()))
            .set_db_parameter_group_name(request.parameter_group.clone())
            .set_option_group_name(request.option_group.clone())
            .publicly_accessible(false)
            .multi_az(false)
            .deletion_protection(false)
            .auto_minor_version_upgrade(false)
            .engine_lifecycle_support(EXTENDED_SUPPORT_OFF)
            .set_tags(Some(write_tags(&request.tags)));
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, request.id.as_str(), failed))
    }

    async fn restore_to_point_in_time(
        &self,
        request: &RestoreDbInstance,
        instance: &DbInstanceId,
        at: Timestamp,
    ) -> Result<(), PortError> {
        const OPERATION: &str = "rds:RestoreDBInstanceToPointInTime";
        temporary_only(OPERATION, request.id.as_str())?;
        let call = self
            .client(&request.region)
            .restore_db_instance_to_point_in_time()
            .source_db_instance_identifier(instance.as_str())
            .restore_time(aws_smithy_types::DateTime::from_secs(at.as_second()))
            .target_db_instance_identifier(request.id.as_str())
            .db_instance_class(&request.instance_class)
            .db_subnet_group_name(&request.subnet_group)
            .set_vpc_security_group_ids(Some(request.security_groups.clone()))
            .set_db_parameter_group_name(request.parameter_group.clone())
            .set_option_group_name(request.option_group.clone())
            .publicly_accessible(false)
            .multi_az(false)
            .deletion_protection(false)
            .auto_minor_version_upgrade(false)
            .engine_lifecycle_support(EXTENDED_SUPPORT_OFF)
            .set_tags(Some(write_tags(&request.tags)));
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, request.id.as_str(), failed))
    }
}

impl RoomReset for Rds {
    async fn reset_master_password(
        &self,
        region: &Region,
        id: &DbInstanceId,
        password: &Password,
    ) -> Result<(), PortError> {
        const OPERATION: &str = "rds:ModifyDBInstance";
        temporary_only(OPERATION, id.as_str())?;
        let call = self
            .client(region)
            .modify_db_instance()
            .db_instance_identifier(id.as_str())
            .master_user_password(password.expose())
            .backup_retention_period(0)
            .apply_immediately(true);
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, id.as_str(), failed))
    }
}

/// Going already is as good as gone. RDS has one code for every state that refuses, so only its words tell this one from the others:
/// `InvalidDBInstanceState: Instance hf-rt-orders-db is already being deleted.` What it says of a cluster is not known to differ; if it
/// does, that is an error once, and the next look shows the cluster going.
fn is_gone_or_going(failed: &PortError) -> bool {
    failed.kind == PortErrorKind::NotFound
        || failed.kind == PortErrorKind::InvalidState && failed.message.contains("already being deleted")
}

/// The first lock; the role's policy on `db:hf-rt-*` and `cluster:hf-rt-*` is the second.
fn temporary_only(operation: &'static str, name: &str) -> Result<(), PortError> {
    if name.starts_with(TEMPORARY) {
        return Ok(());
    }
    let message = format!("only names beginning with {TEMPORARY} are touched");
    Err(PortError::new(PortErrorKind::Invalid, operation, name, message))
}

#[cfg(test)]
mod tests;
