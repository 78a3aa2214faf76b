//! Instances, snapshots and events as the API shows them.
//!
//! Field names are those of the data types `DBInstance`, `DBSnapshot` and `Event` (Amazon RDS API Reference).

use std::time::Duration;

use jiff::Timestamp;

use super::events::{RdsEvent, api_time};
use super::identity::{Place, ResourceType};
use super::state::{Description, Instance, InstanceStatus, Snapshot, Tags};
use super::xml::Element;
use crate::postgres::PostgresError;

/// The one engine.
pub(crate) const ENGINE: &str = "postgres";

/// What RDS shows in place of a pending password.
const HIDDEN: &str = "****";

/// "RDS uploads transaction logs for DB instances to Amazon S3 every five minutes" ("Restoring a DB instance to a specified time").
const LOGS_UPLOADED_EVERY: Duration = Duration::from_secs(300);

const VPC_ID: &str = "vpc-00000000000000000";

pub(crate) fn render_instance(place: &Place, instance: &Instance) -> Element {
    let Description { resource_id, engine_version, master_username, db_name, settings, security_groups, tags } =
        &instance.description;
    let id = instance.id.as_str();
    let zone = format!("{}a", place.region);
    let fields = settings.fields().map(|(name, value)| Element::leaf(name, value));
    let element = Element::new("DBInstance")
        .text("DBInstanceIdentifier", id)
        .text("DBInstanceArn", place.arn(ResourceType::Instance, id))
        .text("DbiResourceId", resource_id)
        .text("DBInstanceStatus", instance.status.as_str())
        .text("Engine", ENGINE)
        .text("EngineVersion", engine_version)
        .text("MasterUsername", master_username)
        .optional("DBName", db_name.as_ref())
        .optional("InstanceCreateTime", instance.created_at.map(api_time))
        .optional("LatestRestorableTime", latest_restorable(instance).map(api_time))
        .text("DbInstancePort", 0)
        .children(fields)
        .child(pending(instance))
        .child(Element::new("VpcSecurityGroups").children(security_group_list(security_groups)))
        .child(subnet_group(place, settings.text("DBSubnetGroupName").unwrap_or("default")))
        .child(parameter_group(instance))
        .child(option_group(instance))
        .child(tag_list(tags))
        .children(endpoint(instance));
    if settings.text("AvailabilityZone").is_none() { element.text("AvailabilityZone", zone) } else { element }
}

/// An address is shown from the first availability on, and stays through later changes.
fn endpoint(instance: &Instance) -> Option<Element> {
    let server = instance.server.as_ref().filter(|_| instance.status != InstanceStatus::Creating)?;
    Some(
        Element::new("Endpoint")
            .text("Address", &server.admin().host)
            .text("Port", server.port())
            .text("HostedZoneId", "Z000000000LOCAL"),
    )
}

/// Absent without automated backups; else the last upload of logs.
fn latest_restorable(instance: &Instance) -> Option<Timestamp> {
    let created_at =
        instance.created_at.filter(|_| instance.description.settings.number("BackupRetentionPeriod") > 0)?;
    let period_seconds = i64::try_from(LOGS_UPLOADED_EVERY.as_secs()).ok()?;
    let now_seconds = Timestamp::now().as_second();
    let uploaded_at = Timestamp::from_second(now_seconds - now_seconds % period_seconds).ok()?;
    Some(uploaded_at.max(created_at))
}

fn pending(instance: &Instance) -> Element {
    let fields = instance.pending.pending_fields().map(|(name, value)| Element::leaf(name, value));
    let password = instance.password_pending.then(|| Element::leaf("MasterUserPassword", HIDDEN));
    Element::new("PendingModifiedValues").children(fields).children(password)
}

fn security_group_list(groups: &[String]) -> Vec<Element> {
    let default = ["sg-default".to_owned()];
    let groups = if groups.is_empty() { &default } else { groups };
    let member = |id: &String| {
        Element::new("VpcSecurityGroupMembership").text("VpcSecurityGroupId", id).text("Status", "active")
    };
    groups.iter().map(member).collect()
}

fn subnet_group(place: &Place, name: &str) -> Element {
    let subnet = |zone: char| {
        Element::new("Subnet")
            .text("SubnetIdentifier", format!("subnet-0000000000000000{zone}"))
            .child(Element::new("SubnetAvailabilityZone").text("Name", format!("{}{zone}", place.region)))
            .text("SubnetStatus", "Active")
    };
    Element::new("DBSubnetGroup")
        .text("DBSubnetGroupName", name)
        .text("DBSubnetGroupDescription", name)
        .text("VpcId", VPC_ID)
        .text("SubnetGroupStatus", "Complete")
        .child(Element::new("Subnets").children(['a', 'b'].map(subnet)))
        .text("DBSubnetGroupArn", place.arn(ResourceType::SubnetGroup, name))
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

fn parameter_group(instance: &Instance) -> Element {
    let default = format!("default.postgres{}", major(&instance.description.engine_version));
    let name = instance.description.settings.text("DBParameterGroupName").unwrap_or(&default);
    let group =
        Element::new("DBParameterGroup").text("DBParameterGroupName", name).text("ParameterApplyStatus", "in-sync");
    Element::new("DBParameterGroups").child(group)
}

fn option_group_name(description: &Description) -> String {
    let given = description.settings.text("OptionGroupName").map(str::to_owned);
    given.unwrap_or_else(|| format!("default:postgres-{}", major(&description.engine_version)))
}

fn option_group(instance: &Instance) -> Element {
    let name = option_group_name(&instance.description);
    let membership = Element::new("OptionGroupMembership").text("OptionGroupName", name).text("Status", "in-sync");
    Element::new("OptionGroupMemberships").child(membership)
}

pub(crate) fn tag_list(tags: &Tags) -> Element {
    let members = tags.iter().map(|(key, value)| Element::new("Tag").text("Key", key).text("Value", value));
    Element::new("TagList").children(members)
}

pub(crate) fn render_snapshot(place: &Place, snapshot: &Snapshot) -> Element {
    let source = &snapshot.source;
    let setting = |name| source.settings.text(name);
    let taken_at = snapshot.taken_at.map(api_time);
    Element::new("DBSnapshot")
        .text("DBSnapshotIdentifier", &snapshot.id)
        .text("DBSnapshotArn", place.arn(ResourceType::Snapshot, snapshot.id.as_str()))
        .text("DBInstanceIdentifier", &snapshot.instance_id)
        .text("DbiResourceId", &source.resource_id)
        .text("SnapshotType", snapshot.kind.as_str())
        .text("Status", snapshot.status.as_str())
        .text("PercentProgress", snapshot.percent_progress())
        .optional("SnapshotCreateTime", taken_at.as_ref())
        .optional("OriginalSnapshotCreateTime", taken_at.as_ref())
        .optional("SnapshotDatabaseTime", taken_at.as_ref())
        .optional("InstanceCreateTime", snapshot.instance_created_at.map(api_time))
        .optional("FullSnapshotSizeInBytes", snapshot.size_bytes)
        .text("Engine", ENGINE)
        .text("EngineVersion", &source.engine_version)
        .text("MasterUsername", &source.master_username)
        .text("Port", 5432)
        .text("VpcId", VPC_ID)
        .text("SnapshotTarget", "region")
        .text(
            "AvailabilityZone",
            setting("AvailabilityZone").map_or_else(|| format!("{}a", place.region), str::to_owned),
        )
        .text("OptionGroupName", option_group_name(source))
        .text("Encrypted", setting("StorageEncrypted").unwrap_or("false"))
        .text("IAMDatabaseAuthenticationEnabled", setting("EnableIAMDatabaseAuthentication").unwrap_or("false"))
        .optional("KmsKeyId", setting("KmsKeyId"))
        .optional("AllocatedStorage", setting("AllocatedStorage"))
        .optional("StorageType", setting("StorageType"))
        .optional("Iops", setting("Iops"))
        .optional("StorageThroughput", setting("StorageThroughput"))
        .optional("LicenseModel", setting("LicenseModel"))
        .optional("DedicatedLogVolume", setting("DedicatedLogVolume"))
        .child(tag_list(&snapshot.tags))
}

pub(crate) fn render_event(event: &RdsEvent) -> Element {
    let categories = event.categories.iter().map(|category| Element::leaf("EventCategory", category));
    Element::new("Event")
        .text("SourceIdentifier", &event.source_id)
        .text("SourceType", event.source_type.in_api())
        .text("SourceArn", &event.source_arn)
        .text("Message", &event.message)
        .text("Date", api_time(event.date))
        .child(Element::new("EventCategories").children(categories))
}

/// An error with its causes, for the log.
pub(crate) fn error_chain(error: &PostgresError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
