//! What RDS shows, in the domain's words.

use aws_sdk_rds::types::{
    DbCluster as SdkCluster, DbClusterSnapshot as SdkClusterSnapshot, DbInstance as SdkInstance,
    DbInstanceAutomatedBackup as SdkAutomatedBackup, DbSnapshot as SdkSnapshot, ServerlessV2ScalingConfigurationInfo,
    Tag,
};
use holdfast_domain::Region;
use holdfast_domain::inventory::{
    AutomatedBackups, DailyWindow, DatabaseKind, DbCluster, DbInstance, DbSnapshot, DbSnapshotStatus, DbStatus,
    Endpoint, MadeBy, ReplicatedBackup, ServerlessCapacity,
};
use holdfast_domain::tags::Tags;
use holdfast_ports::PortError;
use jiff::Timestamp;

use super::look::{DESCRIBE_CLUSTER_SNAPSHOTS, DESCRIBE_CLUSTERS, DESCRIBE_INSTANCES, DESCRIBE_SNAPSHOTS};
use crate::error;

pub(super) fn is_named<T: TryFrom<String>>(id: Option<&str>) -> bool {
    id.is_some_and(|id| T::try_from(id.to_owned()).is_ok())
}

pub(super) fn read_instance(region: &Region, seen: &SdkInstance) -> Result<DbInstance, PortError> {
    let name = seen.db_instance_identifier().unwrap_or("an instance without identifier");
    let missing = |field: &str| error::incomplete(DESCRIBE_INSTANCES, name, field);
    let pending = seen.pending_modified_values();
    let endpoint = seen.endpoint().and_then(|endpoint| {
        Some(Endpoint { host: endpoint.address()?.to_owned(), port: u16::try_from(endpoint.port()?).ok()? })
    });
    let parameter_groups = seen.db_parameter_groups().iter();
    let option_groups = seen.option_group_memberships().iter();
    Ok(DbInstance {
        region: region.clone(),
        id: name.parse().map_err(|_| missing("DBInstanceIdentifier"))?,
        arn: seen.db_instance_arn().ok_or_else(|| missing("DBInstanceArn"))?.to_owned(),
        status: DbStatus::read(seen.db_instance_status().ok_or_else(|| missing("DBInstanceStatus"))?),
        endpoint,
        engine: seen.engine().ok_or_else(|| missing("Engine"))?.to_owned(),
        engine_version: seen.engine_version().unwrap_or_default().to_owned(),
        master_user: seen.master_username().unwrap_or_default().to_owned(),
        database: seen.db_name().filter(|name| !name.is_empty()).map(str::to_owned),
        password_pending: pending.is_some_and(|pending| pending.master_user_password().is_some()),
        modification_pending: pending.is_some_and(|pending| pending.backup_retention_period().is_some()),
        deletion_protection: seen.deletion_protection().unwrap_or(false),
        parameter_group: parameter_groups.filter_map(|group| group.db_parameter_group_name()).next().map(str::to_owned),
        option_group: option_groups.filter_map(|group| group.option_group_name()).next().map(str::to_owned),
        latest_restorable_at: seen.latest_restorable_time().and_then(read_time),
        backups: read_backups(seen.backup_retention_period(), seen.preferred_backup_window()),
        cluster: seen.db_cluster_identifier().and_then(|id| id.parse().ok()),
        encrypted: seen.storage_encrypted().unwrap_or(false),
        kms_key: seen.kms_key_id().map(str::to_owned),
        tags: read_tags(seen.tag_list()),
    })
}

pub(super) fn read_cluster(region: &Region, seen: &SdkCluster) -> Result<DbCluster, PortError> {
    let name = seen.db_cluster_identifier().unwrap_or("a cluster without identifier");
    let missing = |field: &str| error::incomplete(DESCRIBE_CLUSTERS, name, field);
    let pending = seen.pending_modified_values();
    Ok(DbCluster {
        region: region.clone(),
        id: name.parse().map_err(|_| missing("DBClusterIdentifier"))?,
        arn: seen.db_cluster_arn().ok_or_else(|| missing("DBClusterArn"))?.to_owned(),
        status: DbStatus::read(seen.status().ok_or_else(|| missing("Status"))?),
        engine: seen.engine().ok_or_else(|| missing("Engine"))?.to_owned(),
        engine_version: seen.engine_version().unwrap_or_default().to_owned(),
        master_user: seen.master_username().unwrap_or_default().to_owned(),
        database: seen.database_name().filter(|name| !name.is_empty()).map(str::to_owned),
        password_pending: pending.is_some_and(|pending| pending.master_user_password().is_some()),
        modification_pending: pending.is_some_and(|pending| pending.backup_retention_period().is_some()),
        parameter_group: seen.db_cluster_parameter_group().map(str::to_owned),
        serverless: seen.serverless_v2_scaling_configuration().and_then(read_capacity),
        latest_restorable_at: seen.latest_restorable_time().and_then(read_time),
        backups: read_backups(seen.backup_retention_period(), seen.preferred_backup_window()),
        encrypted: seen.storage_encrypted().unwrap_or(false),
        kms_key: seen.kms_key_id().map(str::to_owned),
        tags: read_tags(seen.tag_list()),
    })
}

pub(super) fn read_snapshot(region: &Region, seen: &SdkSnapshot) -> Result<DbSnapshot, PortError> {
    let name = seen.db_snapshot_identifier().unwrap_or("a snapshot without identifier");
    let missing = |field: &str| error::incomplete(DESCRIBE_SNAPSHOTS, name, field);
    Ok(DbSnapshot {
        region: region.clone(),
        id: name.parse().map_err(|_| missing("DBSnapshotIdentifier"))?,
        arn: seen.db_snapshot_arn().ok_or_else(|| missing("DBSnapshotArn"))?.to_owned(),
        kind: DatabaseKind::Instance,
        database: seen.db_instance_identifier().unwrap_or_default().to_owned(),
        status: DbSnapshotStatus::read(seen.status().ok_or_else(|| missing("Status"))?),
        made_by: read_maker(seen.snapshot_type()),
        taken_at: seen.snapshot_create_time().and_then(read_time),
        engine: seen.engine().unwrap_or_default().to_owned(),
        engine_version: seen.engine_version().unwrap_or_default().to_owned(),
        encrypted: seen.encrypted().unwrap_or(false),
        kms_key: seen.kms_key_id().map(str::to_owned),
        option_group: seen.option_group_name().map(str::to_owned),
        size_bytes: seen.full_snapshot_size_in_bytes().and_then(|size| u64::try_from(size).ok()),
        tags: read_tags(seen.tag_list()),
    })
}

pub(super) fn read_cluster_snapshot(region: &Region, seen: &SdkClusterSnapshot) -> Result<DbSnapshot, PortError> {
    let name = seen.db_cluster_snapshot_identifier().unwrap_or("a cluster snapshot without identifier");
    let missing = |field: &str| error::incomplete(DESCRIBE_CLUSTER_SNAPSHOTS, name, field);
    Ok(DbSnapshot {
        region: region.clone(),
        id: name.parse().map_err(|_| missing("DBClusterSnapshotIdentifier"))?,
        arn: seen.db_cluster_snapshot_arn().ok_or_else(|| missing("DBClusterSnapshotArn"))?.to_owned(),
        kind: DatabaseKind::Cluster,
        database: seen.db_cluster_identifier().unwrap_or_default().to_owned(),
        status: DbSnapshotStatus::read(seen.status().ok_or_else(|| missing("Status"))?),
        made_by: read_maker(seen.snapshot_type()),
        taken_at: seen.snapshot_create_time().and_then(read_time),
        engine: seen.engine().unwrap_or_default().to_owned(),
        engine_version: seen.engine_version().unwrap_or_default().to_owned(),
        encrypted: seen.storage_encrypted().unwrap_or(false),
        kms_key: seen.kms_key_id().map(str::to_owned),
        option_group: None,
        // RDS tells none of a cluster's; `AllocatedStorage` says nothing about the data.
        size_bytes: None,
        tags: read_tags(seen.tag_list()),
    })
}

/// An automated backup that came from another region, or nothing: the listing holds the region's own ones too.
pub(super) fn read_replicated(region: &Region, seen: &SdkAutomatedBackup) -> Option<ReplicatedBackup> {
    let source_arn = seen.db_instance_arn()?;
    // arn:aws:rds:eu-central-1:123456789012:db:orders
    let source_region = source_arn.split(':').nth(3)?;
    (source_region != region.as_str()).then(|| ReplicatedBackup {
        region: region.clone(),
        source_arn: source_arn.to_owned(),
        status: seen.status().unwrap_or_default().to_owned(),
        retention_days: read_days(seen.backup_retention_period()),
        latest_restorable_at: seen.restore_window().and_then(|window| window.latest_time()).and_then(read_time),
    })
}

fn read_capacity(seen: &ServerlessV2ScalingConfigurationInfo) -> Option<ServerlessCapacity> {
    Some(ServerlessCapacity {
        min_half_acus: read_half_acus(seen.min_capacity()?)?,
        max_half_acus: read_half_acus(seen.max_capacity()?)?,
    })
}

/// ACUs as halves; nothing if it is no such number. Written and read again, because a cast would make one of anything.
fn read_half_acus(acus: f64) -> Option<u16> {
    (acus * 2.0).round().to_string().parse().ok()
}

fn read_backups(retention_days: Option<i32>, window: Option<&str>) -> AutomatedBackups {
    AutomatedBackups { retention_days: read_days(retention_days), window: window.and_then(DailyWindow::read) }
}

fn read_days(days: Option<i32>) -> u32 {
    days.and_then(|days| u32::try_from(days).ok()).unwrap_or_default()
}

fn read_maker(word: Option<&str>) -> MadeBy {
    match word {
        Some("manual") => MadeBy::Call,
        Some("automated") => MadeBy::Rds,
        Some("awsbackup") => MadeBy::AwsBackup,
        Some(_) | None => MadeBy::Other,
    }
}

fn read_time(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.as_nanos()).ok()
}

pub(super) fn read_tags(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

pub(super) fn write_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
