//! Parameter groups: reading anybody's, making and deleting those of rooms.
//!
//! DB parameter groups and DB cluster parameter groups have calls of their own that differ in nothing but their names.

use std::collections::BTreeMap;

use aws_sdk_rds::types::{ApplyMethod, Parameter};
use holdfast_domain::Region;
use holdfast_domain::inventory::DatabaseKind;
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::Tags;
use holdfast_ports::{
    ChangedParameter, MakeParameterGroup, PARAMETERS_MAX, ParameterGroup, ParameterGroupId, ParameterGroups, PortError,
    PortErrorKind, RoomParameters,
};

use super::Rds;
use super::look::{PAGE, every_page};
use super::read::{read_tags, write_tags};
use crate::error;

/// "A maximum of 20 parameters can be modified in a single request" (source: RDS API Reference, `ModifyDBParameterGroup`,
/// `ModifyDBClusterParameterGroup`).
const MODIFIED_AT_ONCE: usize = 20;

/// What somebody changed, and not the defaults of the engine or of the system (source: RDS API Reference, `DescribeDBParameters`).
const BY_SOMEBODY: &str = "user";

/// A group as a listing shows it.
struct Described {
    name: String,
    family: Option<String>,
    arn: Option<String>,
}

impl ParameterGroups for Rds {
    async fn parameter_group(&self, group: &ParameterGroupId) -> Result<ParameterGroup, PortError> {
        let operation = describe_groups(group.kind);
        let described = self.described(group).await?;
        let family =
            described.family.ok_or_else(|| error::incomplete(operation, &group.name, "DBParameterGroupFamily"))?;
        let read = self.changed(group).await?;
        let operation = describe_parameters(group.kind);
        error::refuse_too_many(operation, &group.name, (read.len(), PARAMETERS_MAX), 1)?;
        let mut changed = BTreeMap::new();
        for parameter in read.into_iter().filter(|parameter| parameter.source() == Some(BY_SOMEBODY)) {
            let name =
                parameter.parameter_name().ok_or_else(|| error::incomplete(operation, &group.name, "ParameterName"))?;
            // What somebody changed has a value; what has none was reset to nothing.
            if let Some(value) = parameter.parameter_value() {
                let modifiable = parameter.is_modifiable().unwrap_or(true);
                changed.insert(name.to_owned(), ChangedParameter { value: value.to_owned(), modifiable });
            }
        }
        Ok(ParameterGroup { family, changed })
    }
}

impl RoomParameters for Rds {
    async fn make_parameter_group(&self, request: &MakeParameterGroup) -> Result<(), PortError> {
        temporary_only(create(request.group.kind), &request.group)?;
        match self.create_group(request).await {
            Err(failed) if failed.kind == PortErrorKind::AlreadyExists => self.is_ours(request, failed).await?,
            created => created?,
        }
        let all: Vec<Parameter> = request.parameters.iter().map(|(name, value)| parameter(name, value)).collect();
        for some in all.chunks(MODIFIED_AT_ONCE) {
            self.modify_group(&request.group, some.to_vec()).await?;
        }
        Ok(())
    }

    async fn delete_parameter_group(&self, group: &ParameterGroupId) -> Result<(), PortError> {
        let operation = delete(group.kind);
        temporary_only(operation, group)?;
        let client = self.client(&group.region);
        let deleted = match group.kind {
            DatabaseKind::Instance => {
                let call = client.delete_db_parameter_group().db_parameter_group_name(&group.name);
                call.send().await.map(drop).map_err(|failed| error::read(operation, &group.name, failed))
            }
            DatabaseKind::Cluster => {
                let call = client.delete_db_cluster_parameter_group().db_cluster_parameter_group_name(&group.name);
                call.send().await.map(drop).map_err(|failed| error::read(operation, &group.name, failed))
            }
        };
        deleted.or_else(|failed| if failed.kind == PortErrorKind::NotFound { Ok(()) } else { Err(failed) })
    }

    /// RDS shows no tags in a listing of groups, so each temporary one is asked for them; there are as many as rooms.
    async fn temporary_parameter_groups(&self, region: &Region) -> Result<Vec<(ParameterGroupId, Tags)>, PortError> {
        let mut temporary = Vec::new();
        for kind in [DatabaseKind::Instance, DatabaseKind::Cluster] {
            let all = self.groups(region, kind, None).await?;
            for described in all.into_iter().filter(|described| described.name.starts_with(TEMPORARY)) {
                let group = ParameterGroupId { region: region.clone(), kind, name: described.name.clone() };
                match self.tags_of(&group, described).await {
                    Ok(tags) => temporary.push((group, tags)),
                    // It went between the two looks.
                    Err(gone) if gone.kind == PortErrorKind::NotFound => {}
                    Err(failed) => return Err(failed),
                }
            }
        }
        Ok(temporary)
    }
}

/// The calls, each of either kind.
impl Rds {
    async fn groups(
        &self,
        region: &Region,
        kind: DatabaseKind,
        name: Option<&str>,
    ) -> Result<Vec<Described>, PortError> {
        let (operation, subject) = (describe_groups(kind), name.unwrap_or(region.as_str()));
        every_page(operation, region, |marker| async {
            let client = self.client_in_turn(region).await;
            match kind {
                DatabaseKind::Instance => {
                    let call = client.describe_db_parameter_groups().max_records(PAGE).set_marker(marker);
                    let sent = call.set_db_parameter_group_name(name.map(str::to_owned)).send().await;
                    let page = sent.map_err(|failed| error::read(operation, subject, failed))?;
                    let described = page.db_parameter_groups.unwrap_or_default().into_iter().filter_map(|seen| {
                        let (family, arn) = (seen.db_parameter_group_family, seen.db_parameter_group_arn);
                        Some(Described { name: seen.db_parameter_group_name?, family, arn })
                    });
                    Ok((described.collect(), page.marker))
                }
                DatabaseKind::Cluster => {
                    let call = client.describe_db_cluster_parameter_groups().max_records(PAGE).set_marker(marker);
                    let sent = call.set_db_cluster_parameter_group_name(name.map(str::to_owned)).send().await;
                    let page = sent.map_err(|failed| error::read(operation, subject, failed))?;
                    let described =
                        page.db_cluster_parameter_groups.unwrap_or_default().into_iter().filter_map(|seen| {
                            let (family, arn) = (seen.db_parameter_group_family, seen.db_cluster_parameter_group_arn);
                            Some(Described { name: seen.db_cluster_parameter_group_name?, family, arn })
                        });
                    Ok((described.collect(), page.marker))
                }
            }
        })
        .await
    }

    async fn described(&self, group: &ParameterGroupId) -> Result<Described, PortError> {
        let found = self.groups(&group.region, group.kind, Some(&group.name)).await?;
        found.into_iter().find(|described| described.name.eq_ignore_ascii_case(&group.name)).ok_or_else(|| {
            PortError::new(PortErrorKind::NotFound, describe_groups(group.kind), &group.name, "no such parameter group")
        })
    }

    async fn changed(&self, group: &ParameterGroupId) -> Result<Vec<Parameter>, PortError> {
        let operation = describe_parameters(group.kind);
        every_page(operation, &group.region, |marker| async {
            let client = self.client_in_turn(&group.region).await;
            let read = match group.kind {
                DatabaseKind::Instance => {
                    let call = client.describe_db_parameters().db_parameter_group_name(&group.name).source(BY_SOMEBODY);
                    let sent = call.max_records(PAGE).set_marker(marker).send().await;
                    let page = sent.map_err(|failed| error::read(operation, &group.name, failed))?;
                    (page.parameters, page.marker)
                }
                DatabaseKind::Cluster => {
                    let call = client.describe_db_cluster_parameters().db_cluster_parameter_group_name(&group.name);
                    let sent = call.source(BY_SOMEBODY).max_records(PAGE).set_marker(marker).send().await;
                    let page = sent.map_err(|failed| error::read(operation, &group.name, failed))?;
                    (page.parameters, page.marker)
                }
            };
            let (parameters, marker) = read;
            Ok((parameters.unwrap_or_default(), marker))
        })
        .await
    }

    async fn create_group(&self, request: &MakeParameterGroup) -> Result<(), PortError> {
        let MakeParameterGroup { group, family, description, tags, .. } = request;
        let (operation, client) = (create(group.kind), self.client(&group.region));
        let tags = Some(write_tags(tags));
        match group.kind {
            DatabaseKind::Instance => {
                let call = client.create_db_parameter_group().db_parameter_group_name(&group.name);
                let call = call.db_parameter_group_family(family).description(description).set_tags(tags);
                call.send().await.map(drop).map_err(|failed| error::read(operation, &group.name, failed))
            }
            DatabaseKind::Cluster => {
                let call = client.create_db_cluster_parameter_group().db_cluster_parameter_group_name(&group.name);
                let call = call.db_parameter_group_family(family).description(description).set_tags(tags);
                call.send().await.map(drop).map_err(|failed| error::read(operation, &group.name, failed))
            }
        }
    }

    async fn modify_group(&self, group: &ParameterGroupId, parameters: Vec<Parameter>) -> Result<(), PortError> {
        let (operation, client) = (modify(group.kind), self.client(&group.region));
        let parameters = Some(parameters);
        match group.kind {
            DatabaseKind::Instance => {
                let call = client.modify_db_parameter_group().db_parameter_group_name(&group.name);
                let sent = call.set_parameters(parameters).send().await;
                sent.map(drop).map_err(|failed| error::read(operation, &group.name, failed))
            }
            DatabaseKind::Cluster => {
                let call = client.modify_db_cluster_parameter_group().db_cluster_parameter_group_name(&group.name);
                let sent = call.set_parameters(parameters).send().await;
                sent.map(drop).map_err(|failed| error::read(operation, &group.name, failed))
            }
        }
    }

    /// "Already exists" is success only where the tags say that it is this run's.
    async fn is_ours(&self, request: &MakeParameterGroup, exists: PortError) -> Result<(), PortError> {
        let described = self.described(&request.group).await?;
        let tags = self.tags_of(&request.group, described).await?;
        let ours = request.tags.iter().all(|(key, value)| tags.get(key) == Some(value));
        if ours { Ok(()) } else { Err(exists) }
    }

    async fn tags_of(&self, group: &ParameterGroupId, described: Described) -> Result<Tags, PortError> {
        const OPERATION: &str = "rds:ListTagsForResource";
        let arn = described
            .arn
            .ok_or_else(|| error::incomplete(describe_groups(group.kind), &group.name, "DBParameterGroupArn"))?;
        let client = self.client_in_turn(&group.region).await;
        let sent = client.list_tags_for_resource().resource_name(arn).send().await;
        let listed = sent.map_err(|failed| error::read(OPERATION, &group.name, failed))?;
        Ok(read_tags(listed.tag_list()))
    }
}

/// `pending-reboot` is allowed for dynamic and static parameters alike, and a new database begins with all of them (source: RDS API
/// Reference, `ModifyDBParameterGroup`).
fn parameter(name: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_name(name).parameter_value(value).apply_method(ApplyMethod::PendingReboot).build()
}

fn describe_groups(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Instance => "rds:DescribeDBParameterGroups",
        DatabaseKind::Cluster => "rds:DescribeDBClusterParameterGroups",
    }
}

fn describe_parameters(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Instance => "rds:DescribeDBParameters",
        DatabaseKind::Cluster => "rds:DescribeDBClusterParameters",
    }
}

fn create(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Instance => "rds:CreateDBParameterGroup",
        DatabaseKind::Cluster => "rds:CreateDBClusterParameterGroup",
    }
}

fn modify(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Instance => "rds:ModifyDBParameterGroup",
        DatabaseKind::Cluster => "rds:ModifyDBClusterParameterGroup",
    }
}

fn delete(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Instance => "rds:DeleteDBParameterGroup",
        DatabaseKind::Cluster => "rds:DeleteDBClusterParameterGroup",
    }
}

/// The first lock; the role's policy on `pg:hf-rt-*` and `cluster-pg:hf-rt-*` is the second.
fn temporary_only(operation: &'static str, group: &ParameterGroupId) -> Result<(), PortError> {
    if group.name.starts_with(TEMPORARY) {
        return Ok(());
    }
    let message = format!("only names beginning with {TEMPORARY} are touched");
    Err(PortError::new(PortErrorKind::Invalid, operation, &group.name, message))
}
