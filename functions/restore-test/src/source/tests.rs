use std::collections::BTreeMap;

use holdfast_domain::DbClusterId;
use holdfast_domain::plan::External;
use holdfast_domain::tags::Tags;
use holdfast_testkit::sample;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::example::{at, cluster, cluster_run, room, run};

/// One of ours of 02:00 on some day of November; every one of another moment.
fn snapshot(day: usize) -> DbSnapshot {
    let plan = sample::plan();
    let resource: ResourceName = "orders-db".parse().expect("legal");
    let slot = format!("202611{day:02}t020000z").parse().expect("legal");
    let rules = ["daily".parse().expect("legal")];
    DbSnapshot {
        region: plan.primary.clone(),
        id: slot::db_snapshot_id(&plan.name, &plan.environment, &resource, slot),
        arn: format!("arn:aws:rds:eu-central-1:000000000000:snapshot:{day}"),
        kind: DatabaseKind::Instance,
        database: "shop-orders".into(),
        status: DbSnapshotStatus::Available,
        made_by: MadeBy::Call,
        taken_at: Some(slot.instant()),
        engine: "postgres".into(),
        engine_version: "15.8".into(),
        encrypted: true,
        kms_key: None,
        option_group: None,
        size_bytes: Some(1 << 30),
        tags: tags::of_recovery_point(&plan.name, &plan.environment, &resource, &rules, slot),
    }
}

/// Somebody else's, which carries no tag of ours.
fn foreign(id: &str, made_by: MadeBy, day: usize) -> DbSnapshot {
    DbSnapshot { id: id.parse().expect("legal"), made_by, tags: Tags::new(), ..snapshot(day) }
}

/// The source instance, backed up for a week and restorable until a moment.
fn instance(latest_restorable: &str) -> DbInstance {
    let mut instance = room(&run(), "available");
    instance.id = "shop-orders".parse().expect("legal");
    instance.parameter_group = Some("shop-15".into());
    instance.latest_restorable_at = Some(at(latest_restorable));
    instance.backups.retention_days = 7;
    instance
}

fn now() -> Timestamp {
    at("2026-11-20T06:00:00Z")
}

/// Chooses for the sample's resource, in the region where it stands.
fn choose_from(
    from: &RestoreFrom,
    run: &str,
    external: Option<ExternalMaker>,
    snapshots: &[DbSnapshot],
    instances: &[DbInstance],
) -> Result<RunSource, NoSource> {
    let mut plan = sample::plan();
    let resource = plan.resources.values_mut().next().expect("a resource");
    resource.external = external.map(|by| External { by, every: None, keep: None });
    let (name, resource) = plan.resources.iter().next().expect("a resource");
    let run = run.parse().expect("legal");
    let wanted = Wanted { plan: &plan, name, resource, region: &resource.region, from, run: &run, serving: None };
    choose(&wanted, Sight { snapshots, standing: Some(Standing { instances, clusters: &[] }) }, now())
}

fn chosen_id(found: Result<RunSource, NoSource>) -> String {
    found.map_or_else(|why| format!("none: {why}"), |source| source.point.to_string())
}

#[test]
fn each_maker_is_told_from_the_others_and_read_as_what_it_is() {
    let all = [
        snapshot(10),
        foreign("rds:shop-orders-2026-11-11-02-00", MadeBy::Rds, 11),
        foreign("awsbackup:job-4f1c", MadeBy::AwsBackup, 12),
        foreign("before-the-upgrade", MadeBy::Call, 13),
        DbSnapshot { database: "shop-users".into(), ..foreign("awsbackup:job-of-another", MadeBy::AwsBackup, 14) },
        DbSnapshot { status: DbSnapshotStatus::Creating, ..foreign("awsbackup:job-young", MadeBy::AwsBackup, 15) },
    ];
    let ours = all[0].id.as_str();
    for (external, wanted, made_by) in [
        (None, ours, Maker::Holdfast),
        (Some(ExternalMaker::Rds), "rds:shop-orders-2026-11-11-02-00", Maker::Rds),
        (Some(ExternalMaker::AwsBackup), "awsbackup:job-4f1c", Maker::AwsBackup),
        (Some(ExternalMaker::Manual), "before-the-upgrade", Maker::Somebody),
        (Some(ExternalMaker::Any), "before-the-upgrade", Maker::Somebody),
    ] {
        let source = choose_from(&RestoreFrom::Latest, "orders-db.a.b", external, &all, &[]).expect(wanted);
        assert_eq!((source.point.to_string().as_str(), source.made_by), (wanted, made_by));
    }
    let oldest = choose_from(&RestoreFrom::Oldest, "orders-db.a.b", Some(ExternalMaker::Any), &all, &[]);
    assert_eq!(chosen_id(oldest), ours);
}

#[test]
fn a_chosen_one_may_be_anybodys_of_this_database_and_what_it_may_not_be_is_said() {
    let all = [
        snapshot(10),
        snapshot(11),
        foreign("before-the-upgrade", MadeBy::Call, 13),
        DbSnapshot { database: "shop-users".into(), ..foreign("users", MadeBy::Call, 14) },
        DbSnapshot { status: DbSnapshotStatus::Creating, ..foreign("young", MadeBy::Call, 15) },
    ];
    let choose_id = |id: &str| {
        let from = RestoreFrom::Chosen(id.parse().expect("legal"));
        chosen_id(choose_from(&from, "orders-db.manual.x", None, &all, &[]))
    };
    assert_eq!(choose_id("before-the-upgrade"), "before-the-upgrade");
    assert_eq!(choose_id("users"), "none: the recovery point users is of DB instance shop-users");
    assert_eq!(choose_id("young"), "none: the recovery point young is not available; try again when RDS shows it so");
    let (newest, older) = (&all[1].id, &all[0].id);
    assert_eq!(
        choose_id("nosuch"),
        format!("none: there is no recovery point nosuch in eu-central-1; the newest of it are {newest}, {older}")
    );
}

#[test]
fn an_instant_must_lie_within_the_continuous_backup() {
    let instances = [instance("2026-11-20T05:55:00.7Z")];
    let choose_at =
        |time: &str| chosen_id(choose_from(&RestoreFrom::Time(at(time)), "orders-db.manual.x", None, &[], &instances));
    assert_eq!(choose_at("2026-11-20T02:00:00Z"), "shop-orders as of 2026-11-20T02:00:00Z");
    assert_eq!(choose_at("2026-11-20T05:54:59.9Z"), "shop-orders as of 2026-11-20T05:54:59Z");
    assert_eq!(choose_at("2026-11-13T06:00:00Z"), "shop-orders as of 2026-11-13T06:00:00Z");
    for beyond in ["2026-11-20T05:55:00Z", "2026-11-13T05:59:59Z"] {
        assert_eq!(
            choose_at(beyond),
            format!(
                "none: {beyond} is out of reach: the continuous backup goes from 2026-11-13T06:00:00Z to before 2026-11-20T05:55:00.7Z"
            )
        );
    }
    let latest = choose_from(&RestoreFrom::Pitr, "orders-db.a.b", None, &[], &instances).expect("a point");
    assert_eq!(latest.point.to_string(), "shop-orders as of 2026-11-20T05:54:59Z");
    assert_eq!(latest.fingerprint.parameter_group.as_deref(), Some("shop-15"));
}

/// The sample's resource as a cluster, chosen from what is seen.
fn choose_of_cluster(
    from: &RestoreFrom,
    external: Option<ExternalMaker>,
    snapshots: &[DbSnapshot],
    clusters: &[DbCluster],
) -> Result<RunSource, NoSource> {
    let mut plan = sample::plan();
    let resource = plan.resources.values_mut().next().expect("a resource");
    resource.target = holdfast_domain::plan::Target::AuroraCluster("shop-orders".parse().expect("legal"));
    resource.external = external.map(|by| External { by, every: None, keep: None });
    let (name, resource) = plan.resources.iter().next().expect("a resource");
    let run = "orders-db.manual.x".parse().expect("legal");
    let wanted = Wanted { plan: &plan, name, resource, region: &resource.region, from, run: &run, serving: None };
    choose(&wanted, Sight { snapshots, standing: Some(Standing { instances: &[], clusters }) }, now())
}

#[test]
fn a_cluster_has_recovery_points_of_every_maker_as_an_instance_has() {
    let of_cluster = |found: DbSnapshot| DbSnapshot { kind: DatabaseKind::Cluster, size_bytes: None, ..found };
    let all = [
        of_cluster(snapshot(10)),
        of_cluster(foreign("rds:shop-orders-2026-11-11-02-00", MadeBy::Rds, 11)),
        of_cluster(foreign("awsbackup:job-4f1c", MadeBy::AwsBackup, 12)),
        of_cluster(foreign("before-the-upgrade", MadeBy::Call, 13)),
        // An instance of the same name is another database.
        foreign("of-the-instance", MadeBy::Call, 14),
    ];
    for (external, wanted, made_by) in [
        (None, all[0].id.as_str(), Maker::Holdfast),
        (Some(ExternalMaker::Rds), "rds:shop-orders-2026-11-11-02-00", Maker::Rds),
        (Some(ExternalMaker::AwsBackup), "awsbackup:job-4f1c", Maker::AwsBackup),
        (Some(ExternalMaker::Manual), "before-the-upgrade", Maker::Somebody),
    ] {
        let source = choose_of_cluster(&RestoreFrom::Latest, external, &all, &[]).expect(wanted);
        assert_eq!(source.point, RecoveryPoint::DbClusterSnapshot { id: wanted.parse().expect("legal") });
        assert_eq!(source.made_by, made_by);
    }
    let another = choose_of_cluster(&RestoreFrom::Chosen("of-the-instance".parse().expect("legal")), None, &all, &[]);
    assert_eq!(chosen_id(another), "none: the recovery point of-the-instance is of DB instance shop-orders");
}

#[test]
fn a_point_in_time_of_a_cluster_is_chosen_from_what_the_cluster_says() {
    let id: DbClusterId = "shop-orders".parse().expect("legal");
    let standing = DbCluster {
        id: id.clone(),
        parameter_group: Some("shop-aurora".into()),
        latest_restorable_at: Some(at("2026-11-20T05:55:00.7Z")),
        ..cluster(&cluster_run(), "available")
    };
    let found = choose_of_cluster(&RestoreFrom::Pitr, None, &[], std::slice::from_ref(&standing)).expect("a point");
    assert_eq!(found.point, RecoveryPoint::ClusterPointInTime { cluster: id, at: at("2026-11-20T05:54:59Z") });
    assert_eq!((&found.arn, found.made_by), (&standing.arn, Maker::Rds));
    assert_eq!(found.fingerprint.engine, "aurora-postgresql");
    assert_eq!(found.fingerprint.parameter_group.as_deref(), Some("shop-aurora"));
    assert_eq!(
        chosen_id(choose_of_cluster(&RestoreFrom::Pitr, None, &[], &[])),
        "none: a point in time is restored from the DB cluster shop-orders, which does not stand in eu-central-1"
    );
    let off = DbCluster { latest_restorable_at: None, ..standing };
    assert_eq!(
        chosen_id(choose_of_cluster(&RestoreFrom::Pitr, None, &[], &[off])),
        "none: the DB cluster shop-orders has no continuous backup; its automated backups are off"
    );
}

#[test]
fn what_cannot_be_restored_is_refused_in_words() {
    let mut plan = sample::plan();
    let resource = plan.resources.values_mut().next().expect("a resource");
    resource.target = holdfast_domain::plan::Target::PostgresDump("orders/dsn".parse().expect("legal"));
    let (name, resource) = plan.resources.iter().next().expect("a resource");
    let run = "orders-db.manual.x".parse().expect("legal");
    let from = &RestoreFrom::Latest;
    let wanted = Wanted { plan: &plan, name, resource, region: &resource.region, from, run: &run, serving: None };
    let why = choose(&wanted, Sight { snapshots: &[], standing: None }, now()).expect_err("not yet");
    assert_eq!(why.to_string(), "restore tests of a resource of kind postgres-dump are not carried out yet");
}

/// Over many runs each recovery point comes up about as often as any other: within four standard deviations of its share.
#[test]
fn each_recovery_point_is_as_likely_as_any_other() {
    let all: Vec<DbSnapshot> = (1..=10).map(snapshot).collect();
    let mut drawn: BTreeMap<String, u32> = BTreeMap::new();
    for number in 0..2_000 {
        let run = format!("orders-db.random.{number}");
        *drawn.entry(chosen_id(choose_from(&RestoreFrom::Random, &run, None, &all, &[]))).or_default() += 1;
    }
    // 2,000 draws of one in ten: 200 each, with a standard deviation of 13.4.
    assert!(drawn.len() == 10 && drawn.values().all(|times| (146..=254).contains(times)), "{drawn:?}");
}

fn any_from() -> impl Strategy<Value = RestoreFrom> {
    prop_oneof![
        Just(RestoreFrom::Latest),
        Just(RestoreFrom::Random),
        Just(RestoreFrom::Oldest),
        (1..29_usize).prop_map(|day| RestoreFrom::Chosen(snapshot(day).id)),
    ]
}

proptest! {
    #[test]
    fn the_choice_depends_on_the_run_and_not_on_the_order_of_the_listing(
        from in any_from(),
        days in prop::collection::btree_set(1..29_usize, 0..20).prop_flat_map(|days| {
            let days: Vec<usize> = days.into_iter().collect();
            (Just(days.clone()), Just(days).prop_shuffle())
        }),
        statuses in vec(prop::bool::weighted(0.8), 29),
        number in 0..1_000_u32,
    ) {
        let (listed, shuffled) = days;
        let seen = |days: &[usize]| -> Vec<DbSnapshot> {
            let status = |day: usize| if statuses[day] { DbSnapshotStatus::Available } else { DbSnapshotStatus::Failed };
            days.iter().map(|day| DbSnapshot { status: status(*day), ..snapshot(*day) }).collect()
        };
        let run = format!("orders-db.random.{number}");
        let one = choose_from(&from, &run, None, &seen(&listed), &[]);
        prop_assert_eq!(&one, &choose_from(&from, &run, None, &seen(&shuffled), &[]));
        let available: Vec<usize> = listed.into_iter().filter(|day| statuses[*day]).collect();
        match (&from, one) {
            (RestoreFrom::Chosen(id), Ok(source)) => prop_assert_eq!(source.point.to_string(), id.to_string()),
            (RestoreFrom::Chosen(_), Err(_)) => {}
            (_, Ok(source)) => {
                let ids: Vec<String> = available.iter().map(|day| snapshot(*day).id.to_string()).collect();
                let found = ids.iter().position(|id| *id == source.point.to_string());
                prop_assert!(found.is_some(), "only what is available");
                if from == RestoreFrom::Latest {
                    prop_assert_eq!(found, Some(ids.len() - 1));
                }
                if from == RestoreFrom::Oldest {
                    prop_assert_eq!(found, Some(0));
                }
            }
            (_, Err(why)) => prop_assert!(available.is_empty(), "{why}"),
        }
    }
}
