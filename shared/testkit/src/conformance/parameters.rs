//! What a caller may lean on of parameter groups.

use std::collections::BTreeMap;

use holdfast_domain::Region;
use holdfast_domain::inventory::DatabaseKind;
use holdfast_domain::tags::Tags;
use holdfast_ports::{
    MakeParameterGroup, ParameterGroup, ParameterGroupId, ParameterGroups, PortError, PortErrorKind, RoomParameters,
};

use super::rds::refused;

/// More than two requests' worth of parameters that PostgreSQL has had since version 15 (RDS takes twenty at once).
const PARAMETERS: [(&str, &str); 44] = [
    ("archive_timeout", "300"),
    ("array_nulls", "1"),
    ("autovacuum", "0"),
    ("autovacuum_analyze_scale_factor", "0.2"),
    ("autovacuum_naptime", "60"),
    ("backslash_quote", "safe_encoding"),
    ("bytea_output", "hex"),
    ("check_function_bodies", "1"),
    ("client_min_messages", "notice"),
    ("commit_delay", "0"),
    ("commit_siblings", "5"),
    ("cpu_index_tuple_cost", "0.005"),
    ("cpu_operator_cost", "0.0025"),
    ("cpu_tuple_cost", "0.01"),
    ("cursor_tuple_fraction", "0.1"),
    ("datestyle", "ISO, MDY"),
    ("deadlock_timeout", "1000"),
    ("default_statistics_target", "200"),
    ("effective_cache_size", "{DBInstanceClassMemory/16384}"),
    ("enable_bitmapscan", "1"),
    ("enable_hashagg", "1"),
    ("enable_hashjoin", "1"),
    ("enable_indexscan", "1"),
    ("enable_material", "1"),
    ("enable_mergejoin", "1"),
    ("enable_nestloop", "1"),
    ("enable_seqscan", "1"),
    ("enable_sort", "1"),
    ("enable_tidscan", "1"),
    ("extra_float_digits", "1"),
    ("from_collapse_limit", "8"),
    ("geqo", "1"),
    ("join_collapse_limit", "8"),
    ("lock_timeout", "0"),
    ("log_checkpoints", "1"),
    ("log_lock_waits", "1"),
    ("log_min_duration_statement", "500"),
    ("max_logical_replication_workers", "0"),
    ("random_page_cost", "1.1"),
    ("rds.force_ssl", "1"),
    ("seq_page_cost", "1"),
    ("statement_timeout", "0"),
    ("track_io_timing", "1"),
    ("work_mem", "65536"),
];

/// Where the suite plays.
#[derive(Debug, Clone)]
pub struct ParameterStage {
    /// Where groups are made.
    pub region: Region,
    /// Where there are none.
    pub elsewhere: Region,
    /// Of instances or of clusters.
    pub kind: DatabaseKind,
    /// A family of PostgreSQL's that the cloud has.
    pub family: String,
}

/// [`ParameterGroups`] and [`RoomParameters`]: what is set is read, twice is once, only ours is ours, and only temporary names.
///
/// # Panics
/// Where a rule does not hold.
pub async fn parameters(cloud: &(impl ParameterGroups + RoomParameters), stage: &ParameterStage) {
    let group = |name: &str| ParameterGroupId {
        region: stage.region.clone(),
        kind: stage.kind,
        name: format!("{name}-{}", if stage.kind == DatabaseKind::Instance { "instances" } else { "clusters" }),
    };
    let request = MakeParameterGroup {
        group: group("hf-rt-conformance"),
        family: stage.family.clone(),
        description: "made by a conformance suite".into(),
        parameters: PARAMETERS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        tags: Tags::from([("holdfast:run".into(), "conformance".into()), ("holdfast:plan".into(), "shop".into())]),
    };
    let nothing = cloud.parameter_group(&request.group).await;
    refused(nothing.map(drop), PortErrorKind::NotFound);
    cloud.delete_parameter_group(&request.group).await.expect("a deletion of nothing");

    making(cloud, &request).await;
    listing(cloud, stage, &request).await;
    for name in ["production", "hf-orders", "hfrt"] {
        let foreign = MakeParameterGroup { group: group(name), ..request.clone() };
        refused(cloud.make_parameter_group(&foreign).await, PortErrorKind::Invalid);
        refused(cloud.delete_parameter_group(&foreign.group).await, PortErrorKind::Invalid);
        refused(cloud.parameter_group(&foreign.group).await.map(drop), PortErrorKind::NotFound);
    }
    let of_rds = ParameterGroupId { name: format!("default.{}", stage.family), ..request.group.clone() };
    let of_rds = cloud.parameter_group(&of_rds).await.expect("one of RDS's own");
    assert_eq!(of_rds, ParameterGroup { family: stage.family.clone(), changed: BTreeMap::new() });

    for _ in 0..2 {
        cloud.delete_parameter_group(&request.group).await.expect("a deletion, and one of what is gone");
    }
    refused(cloud.parameter_group(&request.group).await.map(drop), PortErrorKind::NotFound);
    let left = cloud.temporary_parameter_groups(&stage.region).await.expect("a listing");
    assert!(left.iter().all(|(listed, _)| *listed != request.group), "what is gone is not listed");
}

async fn making(cloud: &(impl ParameterGroups + RoomParameters), request: &MakeParameterGroup) {
    cloud.make_parameter_group(request).await.expect("made");
    assert_eq!(values(cloud.parameter_group(&request.group).await, request), request.parameters);
    // One whose maker was killed is made again, and gets what is wanted now.
    let mut again = request.clone();
    again.parameters.insert("work_mem".into(), "32768".into());
    cloud.make_parameter_group(&again).await.expect("made again");
    assert_eq!(values(cloud.parameter_group(&request.group).await, request), again.parameters);
    // Of another run it is not: the name alone does not make it ours.
    let mut anothers = request.clone();
    anothers.tags.insert("holdfast:run".into(), "another".into());
    anothers.parameters.insert("work_mem".into(), "64".into());
    refused(cloud.make_parameter_group(&anothers).await, PortErrorKind::AlreadyExists);
    assert_eq!(values(cloud.parameter_group(&request.group).await, request), again.parameters);
}

async fn listing(cloud: &impl RoomParameters, stage: &ParameterStage, request: &MakeParameterGroup) {
    let listed = cloud.temporary_parameter_groups(&stage.region).await.expect("a listing");
    let ours: Vec<_> = listed.into_iter().filter(|(group, _)| *group == request.group).collect();
    assert_eq!(ours, [(request.group.clone(), request.tags.clone())]);
    let elsewhere = cloud.temporary_parameter_groups(&stage.elsewhere).await.expect("a listing");
    assert_eq!(elsewhere, [], "regions are apart");
}

fn values(read: Result<ParameterGroup, PortError>, request: &MakeParameterGroup) -> BTreeMap<String, String> {
    let read = read.expect("a look at the group");
    assert_eq!(read.family, request.family);
    assert!(read.changed.values().all(|parameter| parameter.modifiable), "{read:?}");
    read.changed.into_iter().map(|(name, parameter)| (name, parameter.value)).collect()
}
