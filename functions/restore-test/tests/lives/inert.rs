//! What a room is run with: a parameter group of its own, made of the source's with background work off, and gone when the room is.

use holdfast_domain::inventory::DatabaseKind;
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::{Region, RunId, tags};
use holdfast_ledger::{OutcomeWord, Phase, Run};
use holdfast_ports::{DbInstances as _, MakeParameterGroup, ParameterGroupId, PortErrorKind, RoomParameters as _};
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::{RestoreTestNow, Trigger};
use jiff::SignedDuration;
use restore_test::{Config, Error, Outcome, Ports, handle};

use crate::shop::{PLANS, RUN, add_snapshot, cloud, config, database, run, run_of, verify};

async fn sweep_with(cloud: &MemoryCloud, config: &Config) -> Result<Outcome, Error> {
    let ports = Ports { objects: cloud, rds: cloud, secrets: cloud, bus: cloud, system: cloud };
    handle(&ports, &PLANS, config, &Trigger::Sweep).await
}

async fn sweep(cloud: &MemoryCloud) -> Outcome {
    sweep_with(cloud, &config()).await.expect("a sweep")
}

fn group_of(run: &Run) -> ParameterGroupId {
    ParameterGroupId { region: run.region.clone(), kind: DatabaseKind::Instance, name: run.room.to_string() }
}

/// The parameter group that RDS shows of the room.
async fn shown(cloud: &MemoryCloud, run: &Run) -> Option<String> {
    let all = cloud.db_instances(&run.region).await.expect("a listing");
    all.into_iter().find(|seen| seen.id == run.room)?.parameter_group
}

fn calls(cloud: &MemoryCloud, operation: &str) -> usize {
    cloud.calls().iter().filter(|call| call.operation == operation).count()
}

/// Sweeps every minute until the run is in a phase, or past it.
async fn until(cloud: &MemoryCloud, phase: Phase) -> Run {
    for _ in 0..60 {
        sweep(cloud).await;
        let run = run(cloud).expect("a run");
        if run.phase == Phase::Verifying {
            verify(cloud, OutcomeWord::Passed);
        }
        if run.phase >= phase {
            return run;
        }
        cloud.pass(SignedDuration::from_mins(1));
    }
    panic!("{phase:?} was never reached: {:?}", run(cloud));
}

#[tokio::test]
async fn a_room_runs_with_what_its_source_is_set_to_but_for_what_would_wake_up_and_the_evidence_says_so() {
    let cloud = cloud();
    sweep(&cloud).await;
    let begun = run(&cloud).expect("a run");
    let (family, values) = cloud.parameters_of(&group_of(&begun)).expect("a group of its own");
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(family, "postgres15");
    assert_eq!(
        values,
        [
            ("autovacuum", "0"),
            ("max_logical_replication_workers", "0"),
            ("random_page_cost", "1.1"),
            ("shared_preload_libraries", "pg_stat_statements"),
        ]
    );
    assert_eq!(shown(&cloud, &begun).await, Some(begun.room.to_string()), "in the restore call, never afterwards");

    let closed = until(&cloud, Phase::Closed).await;
    assert_eq!(cloud.room_parameter_groups(), vec![]);
    let link = cloud.keys().into_iter().find(|key| key.starts_with("evidence/")).expect("evidence");
    let evidence: serde_json::Value = serde_json::from_slice(&cloud.object(&link).expect("a link")).expect("JSON");
    let lines: Vec<&str> =
        evidence["room"]["differs_in"].as_array().expect("lines").iter().filter_map(|line| line.as_str()).collect();
    assert_eq!(
        lines,
        [
            format!("parameter group: {}, made of shop but for what follows", closed.room).as_str(),
            "max_logical_replication_workers: 0, the source has its default: no subscription may take over the replication slot of its original",
            "autovacuum: 0, the source has its default: pages stay as they were restored until the checks vacuum them",
            "cron.database_name: its default, the source has app: its library is not loaded in a room",
            "shared_buffers: its default, the source has 262144: that is sized for the source's class, db.t4g.medium has its own",
            "shared_preload_libraries: pg_stat_statements, the source has pg_stat_statements,pg_cron: pg_cron may work in the background",
        ]
    );
}

#[tokio::test]
async fn a_source_whose_group_cannot_be_read_is_tested_with_its_familys_defaults_and_the_record_says_so() {
    let cloud = cloud();
    cloud.fail("rds:DescribeDBParameters", 1, Fault::Refused(PortErrorKind::AccessDenied));
    sweep(&cloud).await;
    let parameters = run(&cloud).expect("a run").parameters.expect("a group of its own");
    assert_eq!((parameters.copied_from, parameters.set.len()), (None, 2));
    assert!(
        parameters.differs_in[0]
            .starts_with("whatever the source changes of the defaults of postgres15: its shop could not be read: "),
        "{:?}",
        parameters.differs_in
    );
}

#[tokio::test]
async fn a_look_at_the_sources_group_that_fails_for_now_lets_the_run_begin_a_sweep_later() {
    let cloud = cloud();
    cloud.fail("rds:DescribeDBParameters", 1, Fault::Refused(PortErrorKind::Throttled));
    sweep_with(&cloud, &config()).await.expect_err("the failure is told");
    assert_eq!(run(&cloud), None);
    sweep(&cloud).await;
    assert_eq!(run(&cloud).and_then(|run| run.parameters).and_then(|made| made.copied_from).as_deref(), Some("shop"));
}

#[tokio::test]
async fn a_group_that_the_deployment_names_wins_and_none_is_made() {
    let cloud = cloud();
    let region: Region = "eu-central-1".parse().expect("legal");
    let inert = ParameterGroupId { region, kind: DatabaseKind::Instance, name: "inert".into() };
    cloud.add_parameter_group(&inert, "postgres15", &[("autovacuum", "0")]);
    let config = Config { parameter_group: Some("inert".into()), ..config() };
    sweep_with(&cloud, &config).await.expect("a sweep");
    let begun = run(&cloud).expect("a run");
    assert_eq!(begun.parameters, None);
    assert_eq!(shown(&cloud, &begun).await.as_deref(), Some("inert"));
    assert_eq!((calls(&cloud, "rds:DescribeDBParameters"), calls(&cloud, "rds:CreateDBParameterGroup")), (0, 0));
}

#[tokio::test]
async fn a_room_in_another_region_is_run_as_the_source_is_where_that_stands() {
    let cloud = cloud();
    let elsewhere: Region = "us-east-1".parse().expect("legal");
    add_snapshot(&cloud, &elsewhere, "20261120t020000z", "daily");
    let wish = RestoreTestNow {
        resource: "orders-db".parse().expect("legal"),
        request: "dr".into(),
        reason: "a test of the other region".into(),
        from: RestoreFrom::Latest,
        region: Some(elsewhere.clone()),
    };
    let ports = Ports { objects: &cloud, rds: &cloud, secrets: &cloud, bus: &cloud, system: &cloud };
    handle(&ports, &PLANS, &config(), &Trigger::RestoreTestNow(wish)).await.expect("begun");
    let id: RunId = "orders-db.manual.dr".parse().expect("legal");
    // There is one room, and the run by rule may have it.
    for _ in 0..120 {
        sweep(&cloud).await;
        if run(&cloud).is_some_and(|run| run.phase == Phase::Verifying) {
            verify(&cloud, OutcomeWord::Passed);
        }
        if run_of(&cloud, &id).is_some_and(|run| run.phase > Phase::Requested) {
            break;
        }
        cloud.pass(SignedDuration::from_mins(1));
    }
    let begun = run_of(&cloud, &id).expect("a run");
    assert_eq!(begun.parameters.as_ref().and_then(|made| made.copied_from.as_deref()), Some("shop"));
    let made = group_of(&begun);
    assert_eq!(made.region, elsewhere);
    let (_, values) = cloud.parameters_of(&made).expect("a group where the room is");
    assert_eq!(values.get("random_page_cost").map(String::as_str), Some("1.1"));
}

/// A group that RDS will not let go keeps its run from its end only until the deadline: others wait for its place.
#[tokio::test]
async fn a_group_that_stays_in_use_is_left_to_the_reaper_at_the_deadline() {
    let cloud = cloud();
    let judged = until(&cloud, Phase::Destroying).await;
    cloud.edit_instance(&judged.region, &database(), |instance| {
        instance.parameter_group = Some(judged.room.to_string());
    });
    for _ in 0..30 {
        cloud.pass(SignedDuration::from_mins(1));
        let outcome = sweep(&cloud).await;
        assert!(outcome.reaped.is_empty());
    }
    assert_eq!(run(&cloud).expect("a run").phase, Phase::Destroying);
    cloud.pass(judged.deadline_at.duration_since(cloud.time()));
    sweep_with(&cloud, &config()).await.expect("the run ends");
    assert_eq!(run(&cloud).expect("a run").phase, Phase::Closed);
    // The sweep after it removes the marker; from then on the run looks after nothing.
    sweep(&cloud).await;
    let error = sweep_with(&cloud, &config()).await.expect_err("the reaper cannot either, and says so");
    assert!(error.to_string().contains("rds:DeleteDBParameterGroup"), "{error}");

    cloud.edit_instance(&judged.region, &database(), |instance| instance.parameter_group = Some("shop".into()));
    assert_eq!(sweep(&cloud).await.reaped, [format!("parameter group {}", judged.room)]);
    assert_eq!(cloud.room_parameter_groups(), vec![]);
}

#[tokio::test]
async fn a_group_whose_record_was_lost_is_reaped_after_its_deadline() {
    let cloud = cloud();
    let begun = until(&cloud, Phase::Closed).await;
    let lost: RunId = "orders-db.every.20261119t020000z".parse().expect("legal");
    assert_ne!(lost.as_str(), RUN);
    let (plan, environment) = ("shop".parse().expect("legal"), "prod".parse().expect("legal"));
    let deadline = cloud.time() + SignedDuration::from_hours(4);
    let request = MakeParameterGroup {
        group: ParameterGroupId { name: "hf-rt-orders-db-lost".into(), ..group_of(&begun) },
        family: "postgres15".into(),
        description: "lost".into(),
        parameters: std::collections::BTreeMap::new(),
        tags: tags::of_room(&plan, &environment, &begun.resource, &lost, deadline),
    };
    cloud.make_parameter_group(&request).await.expect("made");
    assert_eq!(sweep(&cloud).await.reaped, Vec::<String>::new(), "its run may have begun a moment ago");
    cloud.pass(SignedDuration::from_hours(4));
    assert_eq!(sweep(&cloud).await.reaped, ["parameter group hf-rt-orders-db-lost"]);
}
