//! DB parameter groups and DB cluster parameter groups: create, describe, delete, and who uses them.
//!
//! RDS keeps the two apart, and their calls differ in nothing but names. The groups that RDS itself has (`default.postgres15`) are known by
//! their names and shown when they are asked for, not in listings.

use std::sync::Arc;

use super::cloud::Cloud;
use super::errors::ApiError;
use super::identity::{Place, ResourceType};
use super::pages::{self, page};
use super::parameters::Values;
use super::query::Request;
use super::resources::{Description, Tags};
use super::settings::Settings;
use super::state::RegionState;
use super::statuses::Engine;
use super::tags;
use super::xml::Element;

/// "Must be 1 to 255 letters, numbers, or hyphens" (`CreateDBParameterGroup`, Amazon RDS API Reference).
const NAME_LENGTH_MAX: usize = 255;
/// Of RDS's own groups; "can't be modified".
const DEFAULT: &str = "default.";

/// Which of the two sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GroupOf {
    Instances,
    Clusters,
}

impl GroupOf {
    /// The parameter of requests, and the field of answers, that name a group.
    pub(crate) fn name_field(self) -> &'static str {
        match self {
            Self::Instances => "DBParameterGroupName",
            Self::Clusters => "DBClusterParameterGroupName",
        }
    }

    fn arn_field(self) -> &'static str {
        match self {
            Self::Instances => "DBParameterGroupArn",
            Self::Clusters => "DBClusterParameterGroupArn",
        }
    }

    fn element(self) -> &'static str {
        match self {
            Self::Instances => "DBParameterGroup",
            Self::Clusters => "DBClusterParameterGroup",
        }
    }

    fn resource_type(self) -> ResourceType {
        match self {
            Self::Instances => ResourceType::ParameterGroup,
            Self::Clusters => ResourceType::ClusterParameterGroup,
        }
    }
}

/// A group that somebody made.
#[derive(Debug, Clone)]
pub(crate) struct ParameterGroup {
    pub(crate) family: String,
    pub(crate) description: String,
    pub(crate) values: Values,
    pub(crate) tags: Tags,
}

/// The family of an engine's version: DocumentDB counts by two numbers.
pub(crate) fn family(engine: Engine, version: &str) -> String {
    let numbers = match engine {
        Engine::Docdb => 2,
        Engine::Postgres | Engine::AuroraPostgresql => 1,
    };
    let version: Vec<&str> = version.split('.').take(numbers).collect();
    format!("{}{}", engine.as_str(), version.join("."))
}

/// The name of RDS's own group for an engine's version.
pub(crate) fn default_name(engine: Engine, version: &str) -> String {
    format!("{DEFAULT}{}", family(engine, version))
}

/// The group that a description names, or RDS's own.
pub(crate) fn name_in(of: GroupOf, description: &Description) -> String {
    let named = description.settings.text(of.name_field()).map(str::to_ascii_lowercase);
    named.unwrap_or_else(|| default_name(description.engine, &description.engine_version))
}

impl RegionState {
    /// Refuses a group that does not exist, or is of another family than the database.
    pub(crate) fn check_parameter_group(
        &self,
        of: GroupOf,
        settings: &Settings,
        engine: Engine,
        version: &str,
    ) -> Result<(), ApiError> {
        let Some(name) = settings.text(of.name_field()).map(str::to_ascii_lowercase) else {
            return Ok(());
        };
        let (found, needed) = (self.family_of(of, &name)?, family(engine, version));
        if found == needed {
            return Ok(());
        }
        Err(ApiError::invalid_combination(format!(
            "The Parameter Group {name} with DBParameterGroupFamily {found} cannot be used for this instance. Please use a Parameter \
             Group with DBParameterGroupFamily {needed}"
        )))
    }

    fn family_of(&self, of: GroupOf, name: &str) -> Result<String, ApiError> {
        match (self.parameter_groups.get(&(of, name.to_owned())), name.strip_prefix(DEFAULT)) {
            (Some(group), _) => Ok(group.family.clone()),
            (None, Some(family)) if is_family(family) => Ok(family.to_owned()),
            (None, _) => Err(ApiError::parameter_group_not_found(of, name)),
        }
    }

    /// Refuses a group that does not exist.
    pub(crate) fn check_parameter_group_exists(&self, of: GroupOf, name: &str) -> Result<(), ApiError> {
        self.family_of(of, name).map(drop)
    }

    /// What a group changes; nothing for RDS's own.
    pub(crate) fn group_values(&self, of: GroupOf, name: &str) -> Values {
        self.parameter_groups.get(&(of, name.to_owned())).map(|group| group.values.clone()).unwrap_or_default()
    }

    /// A group that can be changed.
    pub(crate) fn parameter_group_mut(&mut self, of: GroupOf, name: &str) -> Result<&mut ParameterGroup, ApiError> {
        if name.starts_with(DEFAULT) {
            return Err(ApiError::invalid_value(format!(
                "The parameter group {name} is a default group and cannot be modified."
            )));
        }
        self.parameter_groups
            .get_mut(&(of, name.to_owned()))
            .ok_or_else(|| ApiError::parameter_group_not_found(of, name))
    }

    fn uses(&self, of: GroupOf, name: &str) -> bool {
        let names = |description: &Description| name_in(of, description) == name;
        match of {
            GroupOf::Instances => self.instances.values().any(|instance| names(&instance.description)),
            GroupOf::Clusters => self.clusters.values().any(|cluster| names(&cluster.description)),
        }
    }
}

/// A family of an engine that is here, in any version.
fn is_family(family: &str) -> bool {
    [Engine::AuroraPostgresql, Engine::Postgres, Engine::Docdb].into_iter().any(|engine| {
        family.strip_prefix(engine.as_str()).is_some_and(|version| {
            !version.is_empty() && version.split('.').all(|number| number.parse::<u16>().is_ok())
        })
    })
}

/// A group's name as a request gives it; RDS keeps names in lower case.
pub(crate) fn named(of: GroupOf, request: &Request) -> Result<String, ApiError> {
    Ok(request.required(of.name_field())?.to_ascii_lowercase())
}

/// `CreateDBParameterGroup` and `CreateDBClusterParameterGroup`.
pub(crate) fn create(of: GroupOf, cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&[of.name_field(), "DBParameterGroupFamily", "Description", "Tags"])?;
    let name = check_name(named(of, request)?)?;
    let family = request.required("DBParameterGroupFamily")?.to_owned();
    if !is_family(&family) {
        return Err(ApiError::invalid_value(format!(
            "ParameterGroupFamily {family} is not a valid parameter group family"
        )));
    }
    let description = request.required("Description")?.to_owned();
    let group = ParameterGroup { family, description, values: Values::default(), tags: tags::parse(request, "Tags")? };
    cloud.with_region(place, |region| {
        let key = (of, name);
        if region.parameter_groups.contains_key(&key) {
            return Err(ApiError::parameter_group_already_exists(&key.1));
        }
        let as_many = region.parameter_groups.keys().filter(|(kind, _)| *kind == of).count();
        if as_many >= cloud.config.quotas.parameter_groups {
            return Err(ApiError::parameter_group_quota());
        }
        let answer = render(of, place, &key.1, &group);
        region.parameter_groups.insert(key, group);
        Ok(answer)
    })
}

fn check_name(name: String) -> Result<String, ApiError> {
    let well_formed = (1..=NAME_LENGTH_MAX).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.ends_with('-')
        && !name.contains("--");
    if well_formed {
        return Ok(name);
    }
    Err(ApiError::invalid_value(
        "The parameter group name is not valid: 1 to 255 letters, numbers or hyphens, beginning with a letter, no two hyphens together.",
    ))
}

/// `DescribeDBParameterGroups` and `DescribeDBClusterParameterGroups`.
pub(crate) fn describe(of: GroupOf, cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let known: Vec<&str> = [of.name_field()].into_iter().chain(pages::PARAMETERS).collect();
    request.check_known(&known)?;
    let wanted = request.text(of.name_field()).map(str::to_ascii_lowercase);
    cloud.with_region(place, |region| {
        let of_rds = match &wanted {
            Some(name) => {
                Some((name.clone(), region.family_of(of, name)?)).filter(|(name, _)| name.starts_with(DEFAULT))
            }
            None => None,
        };
        let of_rds = of_rds.map(|(name, family)| {
            let description = format!("Default parameter group for {family}");
            (name, ParameterGroup { family, description, values: Values::default(), tags: Tags::new() })
        });
        let made = region
            .parameter_groups
            .iter()
            .filter(|((kind, name), _)| *kind == of && wanted.as_ref().is_none_or(|wanted| wanted == name));
        let all = of_rds.iter().map(|(name, group)| (name, group)).chain(made.map(|((_, name), group)| (name, group)));
        let page = page(request, all, |(name, _)| (*name).clone())?;
        let records = page.records.into_iter().map(|(name, group)| render(of, place, name, group));
        let list = format!("{}s", of.element());
        Ok(Element::new(format!("{}Result", request.action()))
            .optional("Marker", page.marker)
            .child(Element::new(list).children(records)))
    })
}

/// `DeleteDBParameterGroup` and `DeleteDBClusterParameterGroup`: "can't be associated with any DB instances".
pub(crate) fn delete(of: GroupOf, cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&[of.name_field()])?;
    let name = named(of, request)?;
    cloud.with_region(place, |region| {
        region.parameter_group_mut(of, &name)?;
        if region.uses(of, &name) {
            return Err(ApiError::parameter_group_state(format!(
                "One or more database instances are still members of this parameter group {name}, so the group cannot be deleted"
            )));
        }
        region.parameter_groups.remove(&(of, name));
        Ok(Element::new(format!("{}Result", request.action())))
    })
}

/// The tags of a group by its ARN.
pub(crate) fn tags_of<'a>(
    region: &'a mut RegionState,
    place: &Place,
    arn: &str,
) -> Option<Result<&'a mut Tags, ApiError>> {
    let (of, name) = [GroupOf::Instances, GroupOf::Clusters]
        .into_iter()
        .find_map(|of| Some((of, place.name_in_arn(of.resource_type(), arn)?)))?;
    Some(region.parameter_group_mut(of, name).map(|group| &mut group.tags))
}

fn render(of: GroupOf, place: &Place, name: &str, group: &ParameterGroup) -> Element {
    Element::new(of.element())
        .text(of.name_field(), name)
        .text("DBParameterGroupFamily", &group.family)
        .text("Description", &group.description)
        .text(of.arn_field(), place.arn(of.resource_type(), name))
}
