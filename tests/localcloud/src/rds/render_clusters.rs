//! Clusters and their snapshots as the API shows them.
//!
//! Field names are those of the data types `DBCluster`, `DBClusterMember` and `DBClusterSnapshot` (Amazon RDS API Reference).

use super::backups::earliest_restorable;
use super::events::api_time;
use super::identity::{Place, ResourceType};
use super::render::{HIDDEN, HOSTED_ZONE_ID, VPC_ID, security_group_list, tag_list, unreachable_host};
use super::resources::{ClusterSnapshot, DbCluster};
use super::settings;
use super::state::RegionState;
use super::statuses::Engine;
use super::xml::Element;

/// "For Aurora, AllocatedStorage always returns 1, because Aurora DB cluster storage size isn't fixed" (`DBCluster`).
const ALLOCATED_STORAGE: u64 = 1;

pub(crate) fn render_cluster(place: &Place, region: &RegionState, cluster: &DbCluster) -> Element {
    let description = &cluster.description;
    let id = cluster.id.as_str();
    let fields = settings::CLUSTER.fields(&description.settings).map(|(name, value)| Element::leaf(name, value));
    let members = cluster.members.iter().enumerate().map(|(position, member)| {
        let settings = region.instances.get(member).map(|instance| &instance.description.settings);
        Element::new("DBClusterMember")
            .text("DBInstanceIdentifier", member)
            .text("IsClusterWriter", position == 0)
            .text("DBClusterParameterGroupStatus", "in-sync")
            .optional("PromotionTier", settings.and_then(|settings| settings.text("PromotionTier")))
    });
    Element::new("DBCluster")
        .text("DBClusterIdentifier", id)
        .text("DBClusterArn", place.arn(ResourceType::Cluster, id))
        .text("DbClusterResourceId", &description.resource_id)
        .text("Status", cluster.status.as_str())
        .text("Engine", description.engine.as_str())
        .text("EngineVersion", &description.engine_version)
        .text("MasterUsername", &description.master_username)
        .optional("DatabaseName", description.db_name.as_ref())
        .text("AllocatedStorage", ALLOCATED_STORAGE)
        .optional("ClusterCreateTime", cluster.created_at.map(api_time))
        .optional("EarliestRestorableTime", earliest_restorable(region, &description.resource_id).map(api_time))
        .optional("LatestRestorableTime", cluster.backups.latest_restorable.map(api_time))
        .text("MultiAZ", cluster.members.len() > 1)
        .text("HostedZoneId", HOSTED_ZONE_ID)
        .children(fields)
        .children(endpoint(region, cluster))
        .child(zones(place))
        .child(Element::new("DBClusterMembers").children(members))
        .child(Element::new("VpcSecurityGroups").children(security_group_list(&description.security_groups)))
        .children(pending(cluster))
        .child(tag_list(&description.tags))
}

/// The writer's. Without a member nobody answers, and no port is kept free for one.
fn endpoint(region: &RegionState, cluster: &DbCluster) -> Vec<Element> {
    let host_and_port = match cluster.description.engine {
        Engine::Docdb => Some((unreachable_host(cluster.id.as_str(), "cluster"), 27017)),
        Engine::Postgres | Engine::AuroraPostgresql => {
            let members = cluster.members.iter().filter_map(|member| region.instances.get(member));
            let mut servers = members.filter_map(|member| member.server.as_ref());
            servers.next().map(|server| (server.admin().host.clone(), server.port()))
        }
    };
    host_and_port.map_or_else(Vec::new, |(host, port)| {
        vec![Element::leaf("Endpoint", &host), Element::leaf("ReaderEndpoint", &host), Element::leaf("Port", port)]
    })
}

fn zones(place: &Place) -> Element {
    let zone = |letter: char| Element::leaf("AvailabilityZone", format!("{}{letter}", place.region));
    Element::new("AvailabilityZones").children(['a', 'b', 'c'].map(zone))
}

fn pending(cluster: &DbCluster) -> Option<Element> {
    cluster.password_pending.then(|| Element::new("PendingModifiedValues").text("MasterUserPassword", HIDDEN))
}

/// A cluster snapshot has no size.
pub(crate) fn render_cluster_snapshot(place: &Place, snapshot: &ClusterSnapshot) -> Element {
    let (source, capture) = (&snapshot.source, &snapshot.capture);
    let setting = |name| source.settings.text(name);
    let id = snapshot.id.as_str();
    let port = if source.engine == Engine::Docdb { 27017 } else { 5432 };
    Element::new("DBClusterSnapshot")
        .text("DBClusterSnapshotIdentifier", id)
        .text("DBClusterSnapshotArn", place.arn(ResourceType::ClusterSnapshot, id))
        .text("DBClusterIdentifier", &snapshot.cluster_id)
        .text("DbClusterResourceId", &source.resource_id)
        .text("SnapshotType", capture.kind.as_str())
        .text("Status", capture.status.as_str())
        .text("PercentProgress", capture.percent_progress())
        .optional("SnapshotCreateTime", capture.taken_at.map(api_time))
        .optional("ClusterCreateTime", snapshot.cluster_created_at.map(api_time))
        .text("Engine", source.engine.as_str())
        .text("EngineVersion", &source.engine_version)
        .text("MasterUsername", &source.master_username)
        .text("AllocatedStorage", ALLOCATED_STORAGE)
        .text("Port", port)
        .text("VpcId", VPC_ID)
        .text("LicenseModel", if source.engine == Engine::Docdb { "na" } else { "postgresql-license" })
        .text("StorageEncrypted", setting("StorageEncrypted").unwrap_or("false"))
        .text("IAMDatabaseAuthenticationEnabled", setting("EnableIAMDatabaseAuthentication").unwrap_or("false"))
        .optional("KmsKeyId", setting("KmsKeyId"))
        .optional("EngineMode", setting("EngineMode"))
        .optional("StorageType", setting("StorageType"))
        .optional("BackupRetentionPeriod", setting("BackupRetentionPeriod"))
        .optional("PreferredBackupWindow", setting("PreferredBackupWindow"))
        .child(zones(place))
        .child(tag_list(&capture.tags))
}
