//! Tags: reading them, and the three tag actions.

use std::sync::Arc;

use super::cloud::Cloud;
use super::errors::ApiError;
use super::identity::{ClusterId, ClusterSnapshotId, InstanceId, Place, ResourceType, SnapshotId};
use super::parameter_groups;
use super::query::Request;
use super::render::tag_list;
pub(crate) use super::resources::Tags;
use super::state::RegionState;
use super::xml::Element;

/// "Maximum number of tags per resource: 50" ("Tagging Amazon RDS resources", Amazon RDS User Guide).
const TAGS_MAX: usize = 50;
const KEY_LENGTH_MAX: usize = 128;
const VALUE_LENGTH_MAX: usize = 256;

/// Reads a list of tags.
pub(crate) fn parse(request: &Request, parameter: &str) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for fields in request.structures(parameter) {
        let Some(key) = fields.get("Key") else {
            continue;
        };
        let value = fields.get("Value").copied().unwrap_or_default();
        check(key, value)?;
        tags.insert((*key).to_owned(), value.to_owned());
    }
    check_count(&tags)?;
    Ok(tags)
}

fn check(key: &str, value: &str) -> Result<(), ApiError> {
    if key.is_empty() || key.chars().count() > KEY_LENGTH_MAX || value.chars().count() > VALUE_LENGTH_MAX {
        return Err(ApiError::invalid_value(format!(
            "Tag {key:?}: keys have 1 to {KEY_LENGTH_MAX} characters, values at most {VALUE_LENGTH_MAX}."
        )));
    }
    if key.starts_with("aws:") || key.starts_with("rds:") {
        return Err(ApiError::invalid_value(format!("Tag keys must not begin with aws: or rds:, as {key:?} does.")));
    }
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    if key.chars().chain(value.chars()).all(allowed) {
        return Ok(());
    }
    Err(ApiError::invalid_value(format!(
        "Tag {key:?} has characters other than letters, digits, white space and _.:/=+-@."
    )))
}

fn check_count(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() > TAGS_MAX {
        return Err(ApiError::invalid_value(format!("A resource has at most {TAGS_MAX} tags.")));
    }
    Ok(())
}

/// `AddTagsToResource`.
pub(crate) fn add(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["ResourceName", "Tags"])?;
    let arn = request.required("ResourceName")?;
    let given = parse(request, "Tags")?;
    cloud.with_region(place, |region| {
        let tags = tags_of(region, place, arn)?;
        let mut merged = tags.clone();
        merged.extend(given);
        check_count(&merged)?;
        *tags = merged;
        Ok(Element::new("AddTagsToResourceResult"))
    })
}

/// `RemoveTagsFromResource`. Keys that are not there are no error.
pub(crate) fn remove(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["ResourceName", "TagKeys"])?;
    let arn = request.required("ResourceName")?;
    let keys = request.list("TagKeys");
    cloud.with_region(place, |region| {
        tags_of(region, place, arn)?.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(Element::new("RemoveTagsFromResourceResult"))
    })
}

/// `ListTagsForResource`.
pub(crate) fn list(cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&["ResourceName", "Filters"])?;
    let arn = request.required("ResourceName")?;
    cloud.with_region(place, |region| {
        let tags = tags_of(region, place, arn)?;
        Ok(Element::new("ListTagsForResourceResult").child(tag_list(tags)))
    })
}

fn tags_of<'a>(region: &'a mut RegionState, place: &Place, arn: &str) -> Result<&'a mut Tags, ApiError> {
    if let Some(name) = place.name_in_arn(ResourceType::Instance, arn) {
        return Ok(&mut region.instance_mut(&InstanceId::lookup(name))?.description.tags);
    }
    if let Some(name) = place.name_in_arn(ResourceType::Snapshot, arn) {
        let id = SnapshotId::lookup(name);
        return match region.snapshots.get_mut(&id) {
            Some(snapshot) => Ok(&mut snapshot.capture.tags),
            None => Err(ApiError::snapshot_not_found(&id)),
        };
    }
    if let Some(name) = place.name_in_arn(ResourceType::Cluster, arn) {
        return Ok(&mut region.cluster_mut(&ClusterId::lookup(name))?.description.tags);
    }
    if let Some(name) = place.name_in_arn(ResourceType::ClusterSnapshot, arn) {
        let id = ClusterSnapshotId::lookup(name);
        return match region.cluster_snapshots.get_mut(&id) {
            Some(snapshot) => Ok(&mut snapshot.capture.tags),
            None => Err(ApiError::cluster_snapshot_not_found(&id)),
        };
    }
    parameter_groups::tags_of(region, place, arn)
        .unwrap_or_else(|| Err(ApiError::invalid_value(format!("Invalid resource name: {arn}"))))
}
