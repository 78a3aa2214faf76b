//! What parameter groups hold, and the servers that run with it.
//!
//! What the PostgreSQL of this machine knows is applied for real when a server starts: at creation, restore and start, never to one that
//! runs. `rds.*` and the parameters of extensions are RDS's own, and formulas speak of a class's memory that nothing here has: both are
//! kept and shown, and do nothing. So are the few that this service must set itself to run a server at all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::cloud::Cloud;
use super::errors::ApiError;
use super::identity::{ClusterId, InstanceId, Place};
use super::pages::{self, page};
use super::parameter_groups::{GroupOf, name_in, named};
use super::query::Request;
use super::state::RegionState;
use super::xml::Element;
use crate::postgres::{KnownParameter, PostgresError};

/// What somebody changed, by name.
pub(crate) type Values = BTreeMap<String, String>;

/// "A maximum of 20 parameters can be modified in a single request" (`ModifyDBParameterGroup`, Amazon RDS API Reference).
const MODIFIED_AT_ONCE: usize = 20;

/// "Amazon DocumentDB cluster parameters reference" (Amazon DocumentDB Developer Guide).
const OF_DOCUMENTDB: [&str; 7] = [
    "audit_logs",
    "change_stream_log_retention_duration",
    "default_collection_compression",
    "profiler",
    "profiler_threshold_ms",
    "tls",
    "ttl_monitor",
];

/// Where the server of an instance is to be found, how it is entered, where it logs, what it archives and which files it may load: ours.
/// The names that begin so, and the whole of what begins with `ssl`, `archive` and `recovery`.
const SET_BY_THIS_SERVICE: [&str; 28] = [
    "archive",
    "cluster_name",
    "config_file",
    "data_directory",
    "dynamic_library_path",
    "dynamic_shared_memory_type",
    "event_source",
    "external_pid_file",
    "fsync",
    "hba_file",
    "hot_standby",
    "huge_page",
    "ident_file",
    "jit",
    "lc_messages",
    "listen_addresses",
    "local_preload_libraries",
    "log_destination",
    "logging_collector",
    "password_encryption",
    "port",
    "recovery",
    "restore_command",
    "session_preload_libraries",
    "shared_memory_type",
    "shared_preload_libraries",
    "ssl",
    "unix_socket",
];

/// `ModifyDBParameterGroup` and `ModifyDBClusterParameterGroup`.
pub(crate) fn modify(of: GroupOf, cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    request.check_known(&[of.name_field(), "Parameters"])?;
    let name = named(of, request)?;
    let given = request.structures("Parameters");
    if given.is_empty() || given.len() > MODIFIED_AT_ONCE {
        return Err(ApiError::invalid_value(format!(
            "Between 1 and {MODIFIED_AT_ONCE} parameters can be modified in a single request, not {}.",
            given.len()
        )));
    }
    cloud.with_region(place, |region| {
        let group = region.parameter_group_mut(of, &name)?;
        let mut values = group.values.clone();
        for fields in &given {
            let (name, value) = read(fields, &group.family, &cloud.known_parameters)?;
            values.insert(name, value);
        }
        group.values = values;
        Ok(Element::new(format!("{}Result", request.action())).text(of.name_field(), &name))
    })
}

fn read(
    fields: &BTreeMap<&str, &str>,
    family: &str,
    known: &BTreeMap<String, KnownParameter>,
) -> Result<(String, String), ApiError> {
    let field = |name: &str| fields.get(name).copied().ok_or_else(|| ApiError::missing_parameter(name));
    let (name, value, method) = (field("ParameterName")?, field("ParameterValue")?, field("ApplyMethod")?);
    let is_here = if family.starts_with("docdb") {
        OF_DOCUMENTDB.contains(&name)
    } else {
        name.contains('.') || known.contains_key(name)
    };
    if !is_here {
        return Err(ApiError::invalid_value(format!("Could not find parameter with name: {name}")));
    }
    if value.chars().any(char::is_control) {
        return Err(ApiError::invalid_value(format!("Invalid parameter value: {value:?} for: {name}")));
    }
    match method {
        "pending-reboot" => Ok((name.to_owned(), value.to_owned())),
        "immediate" if known.get(name).is_some_and(|known| known.is_static) => {
            Err(ApiError::invalid_combination(format!("cannot use immediate apply method for static parameter {name}")))
        }
        "immediate" => Ok((name.to_owned(), value.to_owned())),
        other => Err(ApiError::invalid_value(format!("Invalid apply method: {other}"))),
    }
}

/// `DescribeDBParameters` and `DescribeDBClusterParameters`. What the engine or RDS set is not here, and asking for it gives nothing.
pub(crate) fn describe(of: GroupOf, cloud: &Arc<Cloud>, place: &Place, request: &Request) -> Result<Element, ApiError> {
    let known: Vec<&str> = [of.name_field(), "Source"].into_iter().chain(pages::PARAMETERS).collect();
    request.check_known(&known)?;
    let name = named(of, request)?;
    let shows_changed = match request.text("Source") {
        None | Some("user") => true,
        Some("engine-default" | "system") => false,
        Some(other) => return Err(ApiError::invalid_value(format!("Invalid parameter source: {other}"))),
    };
    cloud.with_region(place, |region| {
        region.check_parameter_group_exists(of, &name)?;
        let values = region.group_values(of, &name);
        let shown = values.iter().filter(|_| shows_changed);
        let page = page(request, shown, |(name, _)| (*name).clone())?;
        let records = page.records.into_iter().map(|(name, value)| {
            let known = cloud.known_parameters.get(name);
            Element::new("Parameter")
                .text("ParameterName", name)
                .text("ParameterValue", value)
                .text("Source", "user")
                .text("ApplyType", if known.is_some_and(|known| known.is_static) { "static" } else { "dynamic" })
                .text("DataType", known.map_or("string", |known| known.data_type))
                .text("IsModifiable", true)
                .text("ApplyMethod", "pending-reboot")
        });
        Ok(Element::new(format!("{}Result", request.action()))
            .optional("Marker", page.marker)
            .child(Element::new("Parameters").children(records)))
    })
}

/// Lines of `postgresql.conf` for a server of an instance. A member of a cluster runs with its cluster's group and then its own.
pub(crate) fn of_instance(cloud: &Cloud, place: &Place, id: &InstanceId) -> String {
    let values = cloud.with_region(place, |region| {
        let Some(instance) = region.instances.get(id) else {
            return Values::new();
        };
        let own = region.group_values(GroupOf::Instances, &name_in(GroupOf::Instances, &instance.description));
        let mut values = instance.member_of.as_ref().map(|cluster| cluster_values(region, cluster)).unwrap_or_default();
        values.extend(own);
        values
    });
    lines(&values, &cloud.known_parameters)
}

/// The same for the server on a cluster's volume: its group, and then that of its writer, if it has one.
pub(crate) fn of_cluster(cloud: &Cloud, place: &Place, id: &ClusterId) -> String {
    let writer = cloud.with_cluster(place, id, |cluster| cluster.members.first().cloned()).flatten();
    match writer {
        Some(writer) => of_instance(cloud, place, &writer),
        None => {
            let values = cloud.with_region(place, |region| cluster_values(region, id));
            lines(&values, &cloud.known_parameters)
        }
    }
}

fn cluster_values(region: &RegionState, id: &ClusterId) -> Values {
    let description = region.clusters.get(id).map(|cluster| &cluster.description);
    description
        .map(|description| region.group_values(GroupOf::Clusters, &name_in(GroupOf::Clusters, description)))
        .unwrap_or_default()
}

fn lines(values: &Values, known: &BTreeMap<String, KnownParameter>) -> String {
    let mut text = String::new();
    let applied = values.iter().filter(|(name, value)| {
        known.contains_key(*name)
            && !SET_BY_THIS_SERVICE.iter().any(|ours| name.starts_with(ours))
            && !value.contains('{')
    });
    for (name, value) in applied {
        // A string takes everything.
        writeln!(text, "{name} = '{}'", value.replace('\'', "''")).unwrap_or_default();
    }
    text
}

/// Whether a server did not start because of what it was told, and not because of its data.
pub(crate) fn refused_by(error: &PostgresError) -> bool {
    const WORDS: [&str; 3] =
        ["contains errors", "invalid value for parameter", "could not map anonymous shared memory"];
    matches!(error, PostgresError::NotStarted { detail, .. } if WORDS.iter().any(|words| detail.contains(words)))
}

#[cfg(test)]
mod tests {
    use super::{KnownParameter, Values, lines};

    #[test]
    fn only_what_postgresql_knows_and_this_service_does_not_set_reaches_its_configuration() {
        let parameter = KnownParameter { is_static: false, data_type: "string" };
        let known = ["application_name", "port", "ssl_ciphers", "work_mem"];
        let known = known.into_iter().map(|name| (name.to_owned(), parameter.clone())).collect();
        let values: Values = [
            ("application_name", "the shop's"),
            ("port", "1"),
            ("rds.force_ssl", "1"),
            ("ssl_ciphers", "none"),
            ("work_mem", "{DBInstanceClassMemory/16384}"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        assert_eq!(lines(&values, &known), "application_name = 'the shop''s'\n");
    }
}
