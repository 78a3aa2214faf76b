//! Parameter groups on the in-memory cloud, and the hands that tests have on them.

use std::collections::BTreeMap;
use std::future::{Future, ready};

use holdfast_domain::Region;
use holdfast_domain::inventory::DatabaseKind;
use holdfast_domain::slot::TEMPORARY;
use holdfast_domain::tags::Tags;
use holdfast_ports::{
    ChangedParameter, MakeParameterGroup, ParameterGroup, ParameterGroupId, ParameterGroups, PortErrorKind,
    RoomParameters,
};

use crate::memory::{MemoryCloud, State};
use crate::ports::{Answered, refuse};

/// RDS's own, which nobody makes.
const DEFAULT: &str = "default.";

/// A group that somebody made.
#[derive(Debug, Clone)]
pub(crate) struct MadeGroup {
    family: String,
    values: BTreeMap<String, String>,
    tags: Tags,
}

impl MemoryCloud {
    /// A parameter group of somebody's.
    pub fn add_parameter_group(&self, group: &ParameterGroupId, family: &str, values: &[(&str, &str)]) {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let made = MadeGroup { family: family.into(), values, tags: Tags::new() };
        self.state().parameter_groups.insert(group.clone(), made);
    }

    /// The group of a database that the tests did not say more of: some values can stand in a room, and some cannot.
    pub(crate) fn add_shops_parameter_group(&self, region: &Region, kind: DatabaseKind, family: &str) {
        let group = ParameterGroupId { region: region.clone(), kind, name: "shop".into() };
        let values: &[(&str, &str)] = match family.starts_with("docdb") {
            true => &[("profiler", "enabled"), ("tls", "disabled")],
            false => &[
                ("cron.database_name", "app"),
                ("random_page_cost", "1.1"),
                ("shared_buffers", "262144"),
                ("shared_preload_libraries", "pg_stat_statements,pg_cron"),
            ],
        };
        if !self.state().parameter_groups.contains_key(&group) {
            self.add_parameter_group(&group, family, values);
        }
    }

    /// Removes a group at once, as somebody might by hand.
    pub fn remove_parameter_group(&self, group: &ParameterGroupId) {
        self.state().parameter_groups.remove(group);
    }

    /// Every group that rooms have been made with and that is still there.
    #[must_use]
    pub fn room_parameter_groups(&self) -> Vec<ParameterGroupId> {
        self.state().parameter_groups.keys().filter(|group| group.name.starts_with(TEMPORARY)).cloned().collect()
    }

    /// What a group holds, and its family.
    #[must_use]
    pub fn parameters_of(&self, group: &ParameterGroupId) -> Option<(String, BTreeMap<String, String>)> {
        self.state().parameter_groups.get(group).map(|made| (made.family.clone(), made.values.clone()))
    }
}

impl State {
    /// Whether a database can be run with a group.
    pub(crate) fn has_parameter_group(&self, region: &Region, kind: DatabaseKind, name: &str) -> bool {
        let group = ParameterGroupId { region: region.clone(), kind, name: name.to_owned() };
        name.starts_with(DEFAULT) || self.parameter_groups.contains_key(&group)
    }

    fn uses(&self, group: &ParameterGroupId) -> bool {
        let named = |region: &Region, name: Option<&String>| *region == group.region && name == Some(&group.name);
        match group.kind {
            DatabaseKind::Instance => {
                self.instances.values().any(|i| named(&i.seen.region, i.seen.parameter_group.as_ref()))
            }
            DatabaseKind::Cluster => {
                self.clusters.values().any(|c| named(&c.seen.region, c.seen.parameter_group.as_ref()))
            }
        }
    }
}

impl ParameterGroups for MemoryCloud {
    fn parameter_group(&self, group: &ParameterGroupId) -> impl Future<Output = Answered<ParameterGroup>> + Send {
        let operation = match group.kind {
            DatabaseKind::Instance => "rds:DescribeDBParameters",
            DatabaseKind::Cluster => "rds:DescribeDBClusterParameters",
        };
        ready(self.call(operation, &group.name, |state| {
            let modifiable = |value: &String| ChangedParameter { value: value.clone(), modifiable: true };
            match (state.parameter_groups.get(group), group.name.strip_prefix(DEFAULT)) {
                (Some(made), _) => Ok(ParameterGroup {
                    family: made.family.clone(),
                    changed: made.values.iter().map(|(name, value)| (name.clone(), modifiable(value))).collect(),
                }),
                (None, Some(family)) => Ok(ParameterGroup { family: family.into(), changed: BTreeMap::new() }),
                (None, None) => refuse(PortErrorKind::NotFound, operation, &group.name, "no such parameter group"),
            }
        }))
    }
}

impl RoomParameters for MemoryCloud {
    fn make_parameter_group(&self, request: &MakeParameterGroup) -> impl Future<Output = Answered<()>> + Send {
        ready(self.make(request))
    }

    fn delete_parameter_group(&self, group: &ParameterGroupId) -> impl Future<Output = Answered<()>> + Send {
        let operation = match group.kind {
            DatabaseKind::Instance => "rds:DeleteDBParameterGroup",
            DatabaseKind::Cluster => "rds:DeleteDBClusterParameterGroup",
        };
        ready(if group.name.starts_with(TEMPORARY) {
            self.call(operation, &group.name, |state| {
                if state.uses(group) {
                    return refuse(PortErrorKind::InvalidState, operation, &group.name, "a database is a member of it");
                }
                state.parameter_groups.remove(group);
                Ok(())
            })
        } else {
            refuse(PortErrorKind::Invalid, operation, &group.name, "not a temporary name")
        })
    }

    fn temporary_parameter_groups(
        &self,
        region: &Region,
    ) -> impl Future<Output = Answered<Vec<(ParameterGroupId, Tags)>>> + Send {
        ready(self.call("rds:DescribeDBParameterGroups", region.as_str(), |state| {
            let temporary = state
                .parameter_groups
                .iter()
                .filter(|(group, _)| group.region == *region && group.name.starts_with(TEMPORARY));
            Ok(temporary.map(|(group, made)| (group.clone(), made.tags.clone())).collect())
        }))
    }
}

impl MemoryCloud {
    /// Two calls, as on RDS: somebody may be killed between them.
    fn make(&self, request: &MakeParameterGroup) -> Answered<()> {
        let (create, modify) = match request.group.kind {
            DatabaseKind::Instance => ("rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup"),
            DatabaseKind::Cluster => ("rds:CreateDBClusterParameterGroup", "rds:ModifyDBClusterParameterGroup"),
        };
        let MakeParameterGroup { group, family, parameters, tags, .. } = request;
        if !group.name.starts_with(TEMPORARY) {
            return refuse(PortErrorKind::Invalid, create, &group.name, "not a temporary name");
        }
        self.call(create, &group.name, |state| {
            let made = state.parameter_groups.entry(group.clone()).or_insert_with(|| MadeGroup {
                family: family.clone(),
                values: BTreeMap::new(),
                tags: tags.clone(),
            });
            if tags.iter().all(|(key, value)| made.tags.get(key) == Some(value)) {
                return Ok(());
            }
            refuse(PortErrorKind::AlreadyExists, create, &group.name, "it exists")
        })?;
        self.call(modify, &group.name, |state| match state.parameter_groups.get_mut(group) {
            None => refuse(PortErrorKind::NotFound, modify, &group.name, "no such parameter group"),
            Some(made) => {
                made.values.extend(parameters.clone());
                Ok(())
            }
        })
    }
}
