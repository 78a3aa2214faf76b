//! `DescribeDBInstanceAutomatedBackups` and `StartDBInstanceAutomatedBackupsReplication`.
//!
//! A replicated backup is what the API says of it: it follows its source's restorable times, and nothing can be restored from it.

use std::sync::Arc;

use super::backups::earliest_restorable;
use super::cloud::{Cloud, random_id};
use super::errors::ApiError;
use super::events::api_time;
use super::identity::{InstanceId, Place, Region, ResourceType};
use super::instances::named;
use super::pages::{self, Filter, page};
use super::query::Request;
use super::render::{VPC_ID, tag_list};
use super::resources::Instance;
use super::state::{RegionState, State};
use super::xml::Element;

/// An instance's automated backups, where they are or where they are replicated to.
struct Shown {
    source: Place,
    id: InstanceId,
    arn: String,
    is_replica: bool,
}

/// `DescribeDBInstanceAutomatedBackups`: those of this region's instances, and those replicated to it.
pub(crate) fn describe(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let own = ["DBInstanceIdentifier", "DbiResourceId", "DBInstanceAutomatedBackupsArn"];
    let known: Vec<&str> = own.into_iter().chain(pages::PARAMETERS).collect();
    request.check_known(&known)?;
    let filters = Filter::parse_all(request, &["status", "db-instance-id", "dbi-resource-id"])?;
    let wanted = request.text("DBInstanceIdentifier").map(|name| named(place, name));
    let (resource_id, arn) = (request.text("DbiResourceId"), request.text("DBInstanceAutomatedBackupsArn"));
    let state = cloud.state();
    let mut found = Vec::new();
    for shown in all(&state, place) {
        let Some((region, instance)) = look_up(&state, &shown) else {
            continue;
        };
        let status = status(region, instance, &shown);
        let matches = wanted.as_ref().is_none_or(|id| *id == shown.id)
            && resource_id.is_none_or(|id| id.eq_ignore_ascii_case(&instance.description.resource_id))
            && arn.is_none_or(|arn| arn == shown.arn)
            && filters.iter().all(|filter| accepts(filter, &shown, instance, status));
        if matches {
            found.push((shown.arn.clone(), render(&shown, region, instance, status)));
        }
    }
    if found.is_empty() && (wanted.is_some() || resource_id.is_some() || arn.is_some()) {
        return Err(ApiError::automated_backup_not_found());
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let page = page(request, found.into_iter(), |(arn, _)| arn.clone())?;
    Ok(Element::new("DescribeDBInstanceAutomatedBackupsResult").optional("Marker", page.marker).child(
        Element::new("DBInstanceAutomatedBackups").children(page.records.into_iter().map(|(_, element)| element)),
    ))
}

/// Those that `place` shows.
fn all(state: &State, place: &Place) -> Vec<Shown> {
    let mut found = Vec::new();
    for (source, region) in state.regions.iter().filter(|(source, _)| source.account == place.account) {
        for instance in region.instances.values() {
            let Some(backups) = &instance.backups else {
                continue;
            };
            let id = instance.id.clone();
            if source == place {
                let arn = own_arn(place, instance);
                found.push(Shown { source: source.clone(), id, arn, is_replica: false });
            } else if let Some(arn) = backups.replicas.get(&place.region) {
                found.push(Shown { source: source.clone(), id, arn: arn.clone(), is_replica: true });
            }
        }
    }
    found
}

fn own_arn(place: &Place, instance: &Instance) -> String {
    let resource_id = &instance.description.resource_id;
    place.arn(ResourceType::AutomatedBackup, &format!("ab-{}", resource_id.trim_start_matches("db-")))
}

fn look_up<'a>(state: &'a State, shown: &Shown) -> Option<(&'a RegionState, &'a Instance)> {
    let region = state.regions.get(&shown.source)?;
    Some((region, region.instances.get(&shown.id)?))
}

/// "creating: automated backups that are waiting for the first automated snapshot to be available."
fn status(region: &RegionState, instance: &Instance, shown: &Shown) -> &'static str {
    match earliest_restorable(region, &instance.description.resource_id) {
        None => "creating",
        Some(_) if shown.is_replica => "replicating",
        Some(_) => "active",
    }
}

fn accepts(filter: &Filter, shown: &Shown, instance: &Instance, status: &str) -> bool {
    let id = instance.id.as_str();
    match filter.name.as_str() {
        "status" => filter.accepts(&[status]),
        "db-instance-id" => filter.accepts(&[id, &shown.source.arn(ResourceType::Instance, id)]),
        "dbi-resource-id" => filter.accepts(&[&instance.description.resource_id]),
        _ => false,
    }
}

fn render(shown: &Shown, region: &RegionState, instance: &Instance, status: &str) -> Element {
    let description = &instance.description;
    let setting = |name| description.settings.text(name);
    let backups = instance.backups.as_ref();
    let window = Element::new("RestoreWindow")
        .optional("EarliestTime", earliest_restorable(region, &description.resource_id).map(api_time))
        .optional("LatestTime", backups.and_then(|backups| backups.latest_restorable).map(api_time));
    Element::new("DBInstanceAutomatedBackup")
        .text("DBInstanceAutomatedBackupsArn", &shown.arn)
        .text("DBInstanceArn", shown.source.arn(ResourceType::Instance, instance.id.as_str()))
        .text("DbiResourceId", &description.resource_id)
        .text("DBInstanceIdentifier", &instance.id)
        .text("Region", &shown.source.region)
        .text("Status", status)
        .text("Engine", description.engine.as_str())
        .text("EngineVersion", &description.engine_version)
        .text("MasterUsername", &description.master_username)
        .text("Port", 5432)
        .text("VpcId", VPC_ID)
        .text("BackupTarget", "region")
        .text("Encrypted", setting("StorageEncrypted").unwrap_or("false"))
        .optional("KmsKeyId", setting("KmsKeyId"))
        .optional("AllocatedStorage", setting("AllocatedStorage"))
        .optional("StorageType", setting("StorageType"))
        .optional("BackupRetentionPeriod", setting("BackupRetentionPeriod"))
        .optional("PreferredBackupWindow", setting("PreferredBackupWindow"))
        .optional("InstanceCreateTime", instance.created_at.map(api_time))
        .child(window)
        .children((!shown.is_replica).then(|| replications(instance)))
        .child(tag_list(&description.tags))
}

/// Where an instance's automated backups are replicated to.
pub(crate) fn replications(instance: &Instance) -> Element {
    let replicas = instance.backups.iter().flat_map(|backups| backups.replicas.values());
    let members = replicas
        .map(|arn| Element::new("DBInstanceAutomatedBackupsReplication").text("DBInstanceAutomatedBackupsArn", arn));
    Element::new("DBInstanceAutomatedBackupsReplications").children(members)
}

/// `StartDBInstanceAutomatedBackupsReplication`, sent to the region that shall have them. The retention and the key of the replica are
/// read and not kept: they are shown as the source's.
pub(crate) fn replicate(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["SourceDBInstanceArn", "BackupRetentionPeriod", "KmsKeyId", "Tags"])?;
    let source_arn = request.required("SourceDBInstanceArn")?;
    let source = source_place(place, source_arn)?;
    let id = named(&source, source_arn);
    let arn = place.arn(ResourceType::AutomatedBackup, &format!("ab-{}", random_id()));
    cloud.with_region(&source, |region| {
        let instance = region.instance_mut(&id)?;
        let Some(backups) = &mut instance.backups else {
            return Err(ApiError::instance_state(format!("Automated backups are not enabled for {id}.")));
        };
        backups.replicas.entry(place.region.clone()).or_insert(arn);
        Ok(())
    })?;
    let state = cloud.state();
    let shown =
        all(&state, place).into_iter().find(|shown| shown.is_replica && shown.id == id && shown.source == source);
    let shown = shown.ok_or_else(ApiError::automated_backup_not_found)?;
    let (region, instance) = look_up(&state, &shown).ok_or_else(ApiError::automated_backup_not_found)?;
    Ok(render(&shown, region, instance, status(region, instance, &shown)))
}

/// The region in an instance's ARN, of this account and not this region.
fn source_place(place: &Place, arn: &str) -> Result<Place, ApiError> {
    let region = arn.split(':').nth(3).unwrap_or_default();
    let source = Place { region: Region::new(region), ..place.clone() };
    if source.name_in_arn(ResourceType::Instance, arn).is_none() {
        return Err(ApiError::invalid_value(format!("Invalid DB instance ARN: {arn}")));
    }
    if source == *place {
        return Err(ApiError::invalid_value("The source DB instance must be in another region."));
    }
    Ok(source)
}
