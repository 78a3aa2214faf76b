//! A run and its room, for tests of decisions.

use std::sync::LazyLock;

use holdfast_domain::inventory::{AutomatedBackups, DbCluster, DbInstance, DbStatus, Endpoint};
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::{Plan, tags};
use holdfast_ledger::{Fingerprint, Maker, RecoveryPoint, Run, RunSource};
use holdfast_testkit::sample;
use jiff::Timestamp;

use crate::begin::{self, DueTest};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

static PLAN: LazyLock<Plan> = LazyLock::new(sample::plan);
static RUN: LazyLock<Run> = LazyLock::new(begun);

/// A run for the recovery point of 02:00, requested at 02:05, deadline 06:05.
pub(crate) fn run() -> Run {
    RUN.clone()
}

fn begun() -> Run {
    let plan = &*PLAN;
    let resource = &plan.resources[&"orders-db".parse().expect("legal")];
    let source = RunSource {
        from: RestoreFrom::Latest,
        point: RecoveryPoint::DbSnapshot { id: "hf-orders-db-20261120t020000z-01234567".parse().expect("legal") },
        arn: "arn:aws:rds:eu-central-1:000000000000:snapshot:hf-orders-db-20261120t020000z-01234567".into(),
        made_by: Maker::Holdfast,
        taken_at: at("2026-11-20T02:00:03Z"),
        fingerprint: Fingerprint {
            engine: "postgres".into(),
            engine_version: "15.8".into(),
            parameter_group: Some("shop-15".into()),
            option_group: Some("default:postgres-15".into()),
        },
        size_bytes: Some(1 << 30),
    };
    let test = DueTest {
        run: "orders-db.every.20261120t020000z".parse().expect("legal"),
        resource: "orders-db".parse().expect("legal"),
        rule: Some("every".parse().expect("legal")),
        slot: "20261120t020000z".parse().expect("legal"),
        region: resource.region.clone(),
        from: RestoreFrom::Latest,
        source: Ok(source.clone()),
        serverless: None,
    };
    begin::run(plan, resource, &test, &source, 0, at("2026-11-20T02:05:00Z"))
}

/// The run's room in a state; it has an endpoint as soon as it serves.
pub(crate) fn room(run: &Run, status: &str) -> DbInstance {
    let plan = &*PLAN;
    let status = DbStatus::read(status);
    let endpoint = Endpoint { host: format!("{}.test", run.room), port: 5432 };
    DbInstance {
        region: run.region.clone(),
        id: run.room.clone(),
        arn: format!("arn:aws:rds:{}:000000000000:db:{}", run.region, run.room),
        endpoint: (status == DbStatus::Available).then_some(endpoint),
        status,
        engine: "postgres".into(),
        engine_version: "15.8".into(),
        master_user: "app".into(),
        database: Some("orders".into()),
        password_pending: false,
        modification_pending: false,
        deletion_protection: false,
        parameter_group: Some("default.postgres15".into()),
        option_group: Some("default:postgres-15".into()),
        latest_restorable_at: None,
        backups: AutomatedBackups::default(),
        cluster: None,
        encrypted: true,
        kms_key: None,
        tags: tags::of_room(&plan.name, &plan.environment, &run.resource, &run.id, run.deadline_at),
    }
}

/// The same run, of a cluster snapshot of Aurora's.
pub(crate) fn cluster_run() -> Run {
    let mut run = run();
    run.source.point =
        RecoveryPoint::DbClusterSnapshot { id: "hf-orders-db-20261120t020000z-01234567".parse().expect("legal") };
    run.source.fingerprint.engine = "aurora-postgresql".into();
    run
}

/// The cluster of that run's room in a state.
pub(crate) fn cluster(run: &Run, status: &str) -> DbCluster {
    let of_instance = room(run, status);
    DbCluster {
        region: run.region.clone(),
        id: run.room.as_str().parse().expect("an instance's identifier is one of a cluster"),
        arn: format!("arn:aws:rds:{}:000000000000:cluster:{}", run.region, run.room),
        status: of_instance.status,
        engine: "aurora-postgresql".into(),
        engine_version: "15.8".into(),
        master_user: "master".into(),
        database: None,
        password_pending: false,
        modification_pending: false,
        parameter_group: Some("default.aurora-postgresql15".into()),
        serverless: None,
        latest_restorable_at: None,
        backups: AutomatedBackups { retention_days: 1, window: None },
        encrypted: true,
        kms_key: None,
        tags: of_instance.tags,
    }
}

/// The member of that cluster in a state.
pub(crate) fn member(run: &Run, status: &str) -> DbInstance {
    let cluster = run.room.as_str().parse().expect("an instance's identifier is one of a cluster");
    DbInstance { cluster: Some(cluster), engine: "aurora-postgresql".into(), ..room(run, status) }
}
