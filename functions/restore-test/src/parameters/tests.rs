use std::collections::BTreeMap;

use holdfast_ledger::RoomParameters;
use holdfast_ports::{ChangedParameter, ParameterGroup};
use proptest::prelude::*;

use super::{Restored, SourceGroup, decide, default_group};

fn restored<'a>(engine: &'a str, engine_version: &'a str) -> Restored<'a> {
    Restored { engine, engine_version, instance_class: "db.t4g.medium" }
}

fn group(family: &str, changed: &[(&str, &str)]) -> ParameterGroup {
    let changed = changed
        .iter()
        .map(|(name, value)| ((*name).to_owned(), ChangedParameter { value: (*value).to_owned(), modifiable: true }));
    ParameterGroup { family: family.into(), changed: changed.collect() }
}

fn of_postgres(changed: &[(&str, &str)]) -> RoomParameters {
    let group = group("postgres15", changed);
    decide(restored("postgres", "15.8"), SourceGroup::Read("shop-15", &group)).expect("a known engine")
}

/// A group as production has them, and what becomes of each value.
#[test]
fn a_group_of_production_is_replayed_apart_from_what_would_wake_up_and_each_difference_says_why() {
    let decided = of_postgres(&[
        ("autovacuum", "1"),
        ("cron.database_name", "shop"),
        ("default_transaction_read_only", "1"),
        ("effective_cache_size", "{DBInstanceClassMemory/16384}"),
        ("huge_pages", "on"),
        ("log_min_duration_statement", "500"),
        ("maintenance_work_mem", "8388608"),
        ("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)"),
        ("max_logical_replication_workers", "8"),
        ("max_prepared_transactions", "64"),
        ("pg_stat_statements.track", "ALL"),
        ("random_page_cost", "1.1"),
        ("rds.allowed_extensions", "postgis"),
        ("rds.custom_dns_resolution", "1"),
        ("rds.force_ssl", "1"),
        ("rds.logical_replication", "1"),
        ("shared_buffers", "4194304"),
        ("shared_preload_libraries", "pg_stat_statements, pg_cron,pgaudit"),
        ("work_mem", "65536"),
    ]);
    insta::assert_debug_snapshot!(decided);
}

#[test]
fn background_work_is_off_whatever_the_source_has_and_a_source_that_has_it_off_is_no_difference() {
    for (engine, version, off) in [
        ("postgres", "15.8", vec![("autovacuum", "0"), ("max_logical_replication_workers", "0")]),
        ("aurora-postgresql", "16.1", vec![("autovacuum", "0"), ("max_logical_replication_workers", "0")]),
        ("docdb", "5.0.0", vec![("ttl_monitor", "disabled")]),
    ] {
        let nothing = decide(restored(engine, version), SourceGroup::Unread("nobody saw it")).expect("a known engine");
        let with_off = group(&nothing.family, &off);
        let same = decide(restored(engine, version), SourceGroup::Read("quiet", &with_off)).expect("a known engine");
        for (name, value) in off {
            assert_eq!(nothing.set.get(name).map(String::as_str), Some(value), "{engine}");
        }
        assert_eq!((same.set, same.differs_in), (nothing.set, vec![]), "{engine}");
    }
}

#[test]
fn the_family_is_that_of_the_recovery_point() {
    for (engine, version, family) in [
        ("postgres", "15.8", Some("postgres15")),
        ("postgres", "9.6.24", Some("postgres9.6")),
        ("postgres", "17", Some("postgres17")),
        ("aurora-postgresql", "16.1", Some("aurora-postgresql16")),
        ("docdb", "5.0.0", Some("docdb5.0")),
        ("docdb", "4.0.0", Some("docdb4.0")),
        // Of these it is not known what works in their background, or what they are.
        ("mysql", "8.0.36", None),
        ("oracle-ee", "19.0.0.0", None),
        ("postgres", "", None),
        ("docdb", "5", None),
        ("postgres", "fifteen", None),
    ] {
        let decided = decide(restored(engine, version), SourceGroup::Unread("nobody saw it"));
        assert_eq!(decided.map(|decided| decided.family).as_deref(), family, "{engine} {version}");
    }
}

#[test]
fn what_could_not_be_read_is_said_and_the_defaults_stand() {
    let unread = decide(restored("postgres", "15.8"), SourceGroup::Unread("the instance is gone")).expect("known");
    assert_eq!(unread.copied_from, None);
    assert_eq!(unread.differs_in[0], "whatever the source changes of the defaults of postgres15: the instance is gone");
    let upgraded = group("postgres16", &[("random_page_cost", "1.1")]);
    let of_before =
        decide(restored("postgres", "15.8"), SourceGroup::Read("shop-16", &upgraded)).expect("a known engine");
    assert_eq!(
        (of_before.family.as_str(), of_before.copied_from, of_before.set.contains_key("random_page_cost")),
        ("postgres15", None, false)
    );
    assert_eq!(
        of_before.differs_in[0],
        "whatever the source changes of the defaults of postgres15: the source's shop-16 is of postgres16, the recovery point of postgres15"
    );
}

#[test]
fn a_default_group_is_known_by_its_name_and_changes_nothing() {
    let default = default_group("default.postgres15").expect("one of RDS's own");
    assert_eq!((default.family.as_str(), default.changed.len()), ("postgres15", 0));
    assert_eq!(default_group("shop-15"), None);
    let decided = decide(restored("postgres", "15.8"), SourceGroup::Read("default.postgres15", &default));
    let decided = decided.expect("a known engine");
    assert_eq!(decided.copied_from.as_deref(), Some("default.postgres15"));
    assert_eq!(
        decided.differs_in,
        [
            "max_logical_replication_workers: 0, the source has its default: no subscription may take over the replication slot of its original",
            "autovacuum: 0, the source has its default: pages stay as they were restored until the checks vacuum them",
        ]
    );
}

#[test]
fn only_libraries_that_are_known_to_be_quiet_are_loaded() {
    for (given, set) in [
        ("pg_stat_statements", Some("pg_stat_statements")),
        ("pg_cron", None),
        ("pg_cron,pg_stat_statements", Some("pg_stat_statements")),
        (" pg_stat_statements , auto_explain ,", Some("pg_stat_statements,auto_explain")),
        ("pglogical,pgactive,pg_partman_bgw,pg_prewarm,pg_transport", None),
        ("library_of_the_future,pgaudit", Some("pgaudit")),
        ("", None),
    ] {
        let decided = of_postgres(&[("shared_preload_libraries", given)]);
        assert_eq!(decided.set.get("shared_preload_libraries").map(String::as_str), set, "{given}");
    }
    let said = of_postgres(&[("shared_preload_libraries", "pg_cron,pglogical")]).differs_in;
    let expected = "shared_preload_libraries: its default, the source has pg_cron,pglogical: \
                    pg_cron, pglogical may work in the background";
    assert!(said.iter().any(|line| line == expected), "{said:?}");
}

#[test]
fn what_nobody_can_set_is_not_tried() {
    let mut fixed = group("postgres15", &[("random_page_cost", "1.1")]);
    fixed.changed.insert("wal_level".into(), ChangedParameter { value: "logical".into(), modifiable: false });
    let decided = decide(restored("postgres", "15.8"), SourceGroup::Read("shop-15", &fixed)).expect("a known engine");
    assert!(!decided.set.contains_key("wal_level") && decided.set.contains_key("random_page_cost"));
    assert!(
        decided.differs_in.contains(&"wal_level: its default, the source has logical: RDS lets nobody set it".into())
    );
}

#[test]
fn a_documentdb_room_speaks_tls_and_deletes_nothing_by_itself() {
    for (tls, replayed) in [("disabled", None), ("enabled", Some("enabled")), ("fips-140-3", Some("fips-140-3"))] {
        let group = group("docdb5.0", &[("tls", tls), ("ttl_monitor", "enabled"), ("profiler", "enabled")]);
        let decided = decide(restored("docdb", "5.0.0"), SourceGroup::Read("docs", &group)).expect("a known engine");
        assert_eq!(decided.set.get("tls").map(String::as_str), replayed);
        assert_eq!(decided.set["ttl_monitor"], "disabled");
        assert_eq!(decided.set["profiler"], "enabled");
    }
}

proptest! {
    /// Nothing vanishes: each value of the source's stands in the room's group, or a line says that it does not, and why.
    #[test]
    fn every_value_of_the_source_is_replayed_or_said_to_differ(
        changed in proptest::collection::btree_map(
            prop_oneof![
                "[a-z_]{1,12}", "cron\\.[a-z]{1,5}", Just("shared_buffers".to_owned()), Just("autovacuum".to_owned()),
                Just("shared_preload_libraries".to_owned()), Just("rds.custom_dns_resolution".to_owned()),
            ],
            (prop_oneof!["[0-9]{1,6}", "[a-z]{1,8}", Just("{DBInstanceClassMemory/32768}".to_owned()),
                Just("pg_cron,pgaudit".to_owned())], any::<bool>()),
            0..20,
        )
    ) {
        let changed: BTreeMap<String, ChangedParameter> = changed
            .into_iter()
            .map(|(name, (value, modifiable))| (name, ChangedParameter { value, modifiable }))
            .collect();
        let group = ParameterGroup { family: "postgres15".into(), changed };
        let decided = decide(restored("postgres", "15.8"), SourceGroup::Read("g", &group)).expect("a known engine");
        for (name, parameter) in &group.changed {
            let stands = decided.set.get(name) == Some(&parameter.value);
            let said = decided.differs_in.iter().any(|line| line.starts_with(&format!("{name}: ")));
            prop_assert!(stands != said, "{name} = {}: {:?}", parameter.value, decided);
        }
        let cron = |library: &str| library == "pg_cron";
        prop_assert!(!decided.set.get("shared_preload_libraries").is_some_and(|list| list.split(',').any(cron)));
        prop_assert_eq!(decided.set["max_logical_replication_workers"].as_str(), "0");
    }
}
