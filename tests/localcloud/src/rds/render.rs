//! Instances, snapshots and events as the API shows them.
//!
//! Field names are those of the data types `DBInstance`, `DBSnapshot` and `Event` (Amazon RDS API Reference).

use super::automated_backups::replications;
use super::events::{RdsEvent, api_time};
use super::identity::{Place, ResourceType};
use super::parameter_groups::{GroupOf, name_in};
use super::resources::{Description, Instance, Snapshot, Tags};
use super::settings;
use super::statuses::{Engine, InstanceStatus};
use super::xml::Element;
use crate::postgres::PostgresError;

/// What RDS shows in place of a pending password.
pub(crate) const HIDDEN: &str = "****";

pub(crate) const VPC_ID: &str = "vpc-00000000000000000";

pub(crate) const HOSTED_ZONE_ID: &str = "Z000000000LOCAL";

pub(crate) fn render_instance(place: &Place, instance: &Instance) -> Element {
    let Description { resource_id, engine, engine_version, master_username, db_name, settings, security_groups, tags } =
        &instance.description;
    let id = instance.id.as_str();
    let zone = format!("{}a", place.region);
    let fields = settings::INSTANCE.fields(settings).map(|(name, value)| Element::leaf(name, value));
    let latest_restorable = instance.backups.as_ref().and_then(|backups| backups.latest_restorable);
    let element = Element::new("DBInstance")
        .text("DBInstanceIdentifier", id)
        .text("DBInstanceArn", place.arn(ResourceType::Instance, id))
        .text("DbiResourceId", resource_id)
        .text("DBInstanceStatus", instance.status.as_str())
        .text("Engine", engine.as_str())
        .text("EngineVersion", engine_version)
        .text("MasterUsername", master_username)
        .optional("DBClusterIdentifier", instance.member_of.as_ref())
        .optional("DBName", db_name.as_ref())
        .optional("InstanceCreateTime", instance.created_at.map(api_time))
        .optional("LatestRestorableTime", latest_restorable.map(api_time))
        .text("DbInstancePort", 0)
        .children(fields)
        .child(pending(instance))
        .child(Element::new("VpcSecurityGroups").children(security_group_list(security_groups)))
        .child(subnet_group(place, settings.text("DBSubnetGroupName").unwrap_or("default")))
        .child(parameter_group(instance))
        .child(option_group(instance))
        .child(replications(instance))
        .child(tag_list(tags))
        .children(endpoint(instance));
    if settings.text("AvailabilityZone").is_none() { element.text("AvailabilityZone", zone) } else { element }
}

/// An address is shown from the first availability on, and stays through later changes.
fn endpoint(instance: &Instance) -> Option<Element> {
    if instance.status == InstanceStatus::Creating {
        return None;
    }
    let (host, port) = match (&instance.server, instance.description.engine) {
        (Some(server), _) => (server.admin().host.clone(), server.port()),
        (None, Engine::Docdb) => (unreachable_host(instance.id.as_str(), "docdb"), 27017),
        (None, Engine::Postgres | Engine::AuroraPostgresql) => return None,
    };
    Some(Element::new("Endpoint").text("Address", host).text("Port", port).text("HostedZoneId", HOSTED_ZONE_ID))
}

/// A host that nobody will ever be ("invalid" is reserved by RFC 2606): where nothing runs, nothing else must be reached by accident.
pub(crate) fn unreachable_host(name: &str, kind: &str) -> String {
    format!("{name}.{kind}.invalid")
}

fn pending(instance: &Instance) -> Element {
    let fields = instance.pending.pending_fields().map(|(name, value)| Element::leaf(name, value));
    let password = instance.password_pending.then(|| Element::leaf("MasterUserPassword", HIDDEN));
    Element::new("PendingModifiedValues").children(fields).children(password)
}

pub(crate) fn security_group_list(groups: &[String]) -> Vec<Element> {
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
    let name = name_in(GroupOf::Instances, &instance.description);
    let group =
        Element::new("DBParameterGroup").text("DBParameterGroupName", name).text("ParameterApplyStatus", "in-sync");
    Element::new("DBParameterGroups").child(group)
}

fn option_group_name(description: &Description) -> String {
    let given = description.settings.text("OptionGroupName").map(str::to_owned);
    given.unwrap_or_else(|| format!("default:{}-{}", description.engine.as_str(), major(&description.engine_version)))
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
    let (source, capture) = (&snapshot.source, &snapshot.capture);
    let setting = |name| source.settings.text(name);
    let taken_at = capture.taken_at.map(api_time);
    Element::new("DBSnapshot")
        .text("DBSnapshotIdentifier", &snapshot.id)
        .text("DBSnapshotArn", place.arn(ResourceType::Snapshot, snapshot.id.as_str()))
        .text("DBInstanceIdentifier", &snapshot.instance_id)
        .text("DbiResourceId", &source.resource_id)
        .text("SnapshotType", capture.kind.as_str())
        .text("Status", capture.status.as_str())
        .text("PercentProgress", capture.percent_progress())
        .optional("SnapshotCreateTime", taken_at.as_ref())
        .optional("OriginalSnapshotCreateTime", taken_at.as_ref())
        .optional("SnapshotDatabaseTime", taken_at.as_ref())
        .optional("InstanceCreateTime", snapshot.instance_created_at.map(api_time))
        .optional("FullSnapshotSizeInBytes", capture.size_bytes)
        .text("Engine", source.engine.as_str())
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
        .child(tag_list(&capture.tags))
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
