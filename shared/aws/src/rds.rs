//! RDS, by region.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_rds::Client;
use aws_sdk_rds::config::Region as SdkRegion;
use aws_sdk_rds::types::{DbInstance as SdkInstance, DbSnapshot as SdkSnapshot, Tag};
use holdfast_domain::inventory::{DbInstance, DbInstanceStatus, DbSnapshot, DbSnapshotStatus, Endpoint, MadeBy};
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region};
use holdfast_ports::{
    CreateDbSnapshot, DbInstances, DbSnapshots, ITEMS_MAX, Password, PortError, PortErrorKind, RestoreDbInstance,
    RoomReset, RoomRestore, SnapshotTaker,
};
use jiff::Timestamp;

use crate::error;

const DESCRIBE_INSTANCES: &str = "rds:DescribeDBInstances";
const DESCRIBE_SNAPSHOTS: &str = "rds:DescribeDBSnapshots";

/// RDS in any region; one client for each, made when it is first needed.
#[derive(Debug)]
pub struct Rds {
    config: SdkConfig,
    clients: Mutex<BTreeMap<Region, Client>>,
}

impl Rds {
    /// RDS with the function's own credentials.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone(), clients: Mutex::default() }
    }

    fn client(&self, region: &Region) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let config = aws_sdk_rds::config::Builder::from(&self.config).region(SdkRegion::new(region.to_string()));
            Client::from_conf(config.build())
        };
        clients.entry(region.clone()).or_insert_with(make).clone()
    }
}

impl DbInstances for Rds {
    async fn db_instance(&self, region: &Region, id: &DbInstanceId) -> Result<Option<DbInstance>, PortError> {
        match self.client(region).describe_db_instances().db_instance_identifier(id.as_str()).send().await {
            Ok(output) => output.db_instances().first().map(|seen| read_instance(region, seen)).transpose(),
            Err(failed) => none_if_missing(error::read(DESCRIBE_INSTANCES, id.as_str(), failed)),
        }
    }

    async fn db_instances(&self, region: &Region) -> Result<Vec<DbInstance>, PortError> {
        let mut pages = self.client(region).describe_db_instances().max_records(100).into_paginator().send();
        let mut instances = Vec::new();
        let mut seen_pages = 0;
        while let Some(page) = pages.next().await {
            seen_pages += 1;
            let page = page.map_err(|failed| error::read(DESCRIBE_INSTANCES, region.as_str(), failed))?;
            // An identifier that is none of ours to name (RDS allows none such, other engines behind this API might) is left out, not guessed.
            for seen in
                page.db_instances().iter().filter(|seen| is_named::<DbInstanceId>(seen.db_instance_identifier()))
            {
                instances.push(read_instance(region, seen)?);
            }
            error::refuse_too_many(DESCRIBE_INSTANCES, region.as_str(), (instances.len(), ITEMS_MAX), seen_pages)?;
        }
        Ok(instances)
    }
}

impl DbSnapshots for Rds {
    async fn db_snapshot(&self, region: &Region, id: &DbSnapshotId) -> Result<Option<DbSnapshot>, PortError> {
        match self.client(region).describe_db_snapshots().db_snapshot_identifier(id.as_str()).send().await {
            Ok(output) => output.db_snapshots().first().map(|seen| read_snapshot(region, seen)).transpose(),
            Err(failed) => none_if_missing(error::read(DESCRIBE_SNAPSHOTS, id.as_str(), failed)),
        }
    }

    async fn db_snapshots(&self, region: &Region) -> Result<Vec<DbSnapshot>, PortError> {
        let mut pages = self.client(region).describe_db_snapshots().max_records(100).into_paginator().send();
        let mut snapshots = Vec::new();
        let mut seen_pages = 0;
        while let Some(page) = pages.next().await {
            seen_pages += 1;
            let page = page.map_err(|failed| error::read(DESCRIBE_SNAPSHOTS, region.as_str(), failed))?;
            for seen in
                page.db_snapshots().iter().filter(|seen| is_named::<DbSnapshotId>(seen.db_snapshot_identifier()))
            {
                snapshots.push(read_snapshot(region, seen)?);
            }
            error::refuse_too_many(DESCRIBE_SNAPSHOTS, region.as_str(), (snapshots.len(), ITEMS_MAX), seen_pages)?;
        }
        Ok(snapshots)
    }
}

impl SnapshotTaker for Rds {
    async fn create_db_snapshot(&self, request: &CreateDbSnapshot) -> Result<(), PortError> {
        let call = self
            .client(&request.region)
            .create_db_snapshot()
            .db_instance_identifier(request.instance.as_str())
            .db_snapshot_identifier(request.id.as_str())
            .set_tags(Some(write_tags(&request.tags)));
        call.send().await.map(drop).map_err(|failed| error::read("rds:CreateDBSnapshot", request.id.as_str(), failed))
    }
}

impl RoomRestore for Rds {
    async fn restore_db_instance(&self, request: &RestoreDbInstance) -> Result<(), PortError> {
        const OPERATION: &str = "rds:RestoreDBInstanceFromDBSnapshot";
        temporary_only(OPERATION, &request.id)?;
        let call = self
            .client(&request.region)
            .restore_db_instance_from_db_snapshot()
            .db_snapshot_identifier(request.snapshot.as_str())
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
            // Without it an old major version is charged Extended Support (source: RDS API Reference, `RestoreDBInstanceFromDBSnapshot`).
            .engine_lifecycle_support("open-source-rds-extended-support-disabled")
            .set_tags(Some(write_tags(&request.tags)));
        call.send().await.map(drop).map_err(|failed| error::read(OPERATION, request.id.as_str(), failed))
    }

    async fn delete_room(&self, region: &Region, id: &DbInstanceId) -> Result<(), PortError> {
        const OPERATION: &str = "rds:DeleteDBInstance";
        temporary_only(OPERATION, id)?;
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

impl RoomReset for Rds {
    async fn reset_master_password(
        &self,
        region: &Region,
        id: &DbInstanceId,
        password: &Password,
    ) -> Result<(), PortError> {
        const OPERATION: &str = "rds:ModifyDBInstance";
        temporary_only(OPERATION, id)?;
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
/// `InvalidDBInstanceState: Instance hf-rt-orders-db is already being deleted.`
fn is_gone_or_going(failed: &PortError) -> bool {
    failed.kind == PortErrorKind::NotFound
        || failed.kind == PortErrorKind::InvalidState && failed.message.contains("already being deleted")
}

/// The first lock; the role's policy on `db:hf-rt-*` is the second.
fn temporary_only(operation: &'static str, id: &DbInstanceId) -> Result<(), PortError> {
    if id.as_str().starts_with(TEMPORARY) {
        return Ok(());
    }
    Err(PortError::new(
        PortErrorKind::Invalid,
        operation,
        id.as_str(),
        format!("only names beginning with {TEMPORARY} are touched"),
    ))
}

fn none_if_missing<T>(failed: PortError) -> Result<Option<T>, PortError> {
    if failed.kind == PortErrorKind::NotFound { Ok(None) } else { Err(failed) }
}

fn is_named<T: TryFrom<String>>(id: Option<&str>) -> bool {
    id.is_some_and(|id| T::try_from(id.to_owned()).is_ok())
}

fn read_instance(region: &Region, seen: &SdkInstance) -> Result<DbInstance, PortError> {
    let name = seen.db_instance_identifier().unwrap_or("an instance without identifier");
    let missing = |field: &str| error::incomplete(DESCRIBE_INSTANCES, name, field);
    let pending = seen.pending_modified_values();
    let endpoint = seen.endpoint().and_then(|endpoint| {
        Some(Endpoint { host: endpoint.address()?.to_owned(), port: u16::try_from(endpoint.port()?).ok()? })
    });
    Ok(DbInstance {
        region: region.clone(),
        id: name.parse().map_err(|_| missing("DBInstanceIdentifier"))?,
        arn: seen.db_instance_arn().ok_or_else(|| missing("DBInstanceArn"))?.to_owned(),
        status: DbInstanceStatus::read(seen.db_instance_status().ok_or_else(|| missing("DBInstanceStatus"))?),
        endpoint,
        engine: seen.engine().ok_or_else(|| missing("Engine"))?.to_owned(),
        engine_version: seen.engine_version().unwrap_or_default().to_owned(),
        master_user: seen.master_username().unwrap_or_default().to_owned(),
        database: seen.db_name().filter(|name| !name.is_empty()).map(str::to_owned),
        password_pending: pending.is_some_and(|pending| pending.master_user_password().is_some()),
        modification_pending: pending.is_some_and(|pending| pending.backup_retention_period().is_some()),
        deletion_protection: seen.deletion_protection().unwrap_or(false),
        tags: read_tags(seen.tag_list()),
    })
}

fn read_snapshot(region: &Region, seen: &SdkSnapshot) -> Result<DbSnapshot, PortError> {
    let name = seen.db_snapshot_identifier().unwrap_or("a snapshot without identifier");
    let missing = |field: &str| error::incomplete(DESCRIBE_SNAPSHOTS, name, field);
    Ok(DbSnapshot {
        region: region.clone(),
        id: name.parse().map_err(|_| missing("DBSnapshotIdentifier"))?,
        arn: seen.db_snapshot_arn().ok_or_else(|| missing("DBSnapshotArn"))?.to_owned(),
        instance: seen.db_instance_identifier().unwrap_or_default().to_owned(),
        status: DbSnapshotStatus::read(seen.status().ok_or_else(|| missing("Status"))?),
        made_by: match seen.snapshot_type() {
            Some("manual") => MadeBy::Call,
            Some("automated") => MadeBy::Rds,
            Some("awsbackup") => MadeBy::AwsBackup,
            Some(_) | None => MadeBy::Other,
        },
        taken_at: seen.snapshot_create_time().and_then(read_time),
        engine: seen.engine().unwrap_or_default().to_owned(),
        engine_version: seen.engine_version().unwrap_or_default().to_owned(),
        encrypted: seen.encrypted().unwrap_or(false),
        size_bytes: seen.full_snapshot_size_in_bytes().and_then(|size| u64::try_from(size).ok()),
        tags: read_tags(seen.tag_list()),
    })
}

fn read_time(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.as_nanos()).ok()
}

fn read_tags(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

fn write_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

#[cfg(test)]
mod tests;
