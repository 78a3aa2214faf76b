//! Lives of restore tests whose room is a cluster, of Aurora or DocumentDB, with its member.

use holdfast_domain::inventory::DbStatus;
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{DbInstanceId, RunId, Verdict};
use holdfast_ledger::{OutcomeWord, Phase, PlanStore, Run};
use holdfast_ports::{ClusterRooms as _, ClusterSource, CreateMember, PortErrorKind, RestoreDbCluster};
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::{RestoreTestNow, Trigger};
use jiff::SignedDuration;
use restore_test::{Error, Outcome, Ports, handle};

use crate::shop::{
    self, CARTS_RUN, CLUSTER_PLANS, PLANS, add_cluster_snapshot, carts, cluster_of, clusters, config, findings, run_of,
    verify_run,
};

const DOCS_RUN: &str = "docs.manual.by-hand";

async fn deliver(cloud: &MemoryCloud, plans: &PlanStore, trigger: &Trigger) -> Result<Outcome, Error> {
    let ports = Ports { objects: cloud, rds: cloud, secrets: cloud, bus: cloud, system: cloud };
    handle(&ports, plans, &config(), trigger).await
}

async fn sweep(cloud: &MemoryCloud) -> Outcome {
    deliver(cloud, &CLUSTER_PLANS, &Trigger::Sweep).await.expect("a sweep")
}

fn run(cloud: &MemoryCloud, id: &str) -> Run {
    run_of(cloud, &id.parse::<RunId>().expect("legal")).expect("a run")
}

/// Sweeps every minute until a run is as far as this.
async fn until(cloud: &MemoryCloud, id: &str, phase: Phase) {
    let id: RunId = id.parse().expect("legal");
    for _ in 0..400 {
        let _ = deliver(cloud, &CLUSTER_PLANS, &Trigger::Sweep).await;
        if run_of(cloud, &id).is_some_and(|run| run.phase >= phase) {
            return;
        }
        cloud.pass(SignedDuration::from_mins(1));
    }
    panic!("it never got to {phase:?}: {:?}", run_of(cloud, &id));
}

/// The run to its end: closed, and nothing of it left.
async fn until_gone(cloud: &MemoryCloud, id: &str) {
    until(cloud, id, Phase::Closed).await;
    assert_eq!(cloud.cluster_ids(), [cluster_of("carts"), cluster_of("docs")]);
    assert_eq!((cloud.instance_ids(), cloud.secret_names()), (vec![], vec![]));
}

/// Everything but looks and records that was asked of RDS, in order.
fn done(cloud: &MemoryCloud) -> Vec<&'static str> {
    let calls = cloud.calls().into_iter().map(|call| call.operation);
    calls.filter(|call| call.starts_with("rds:") && !call.starts_with("rds:Describe")).collect()
}

fn by_hand(resource: &str, from: RestoreFrom) -> Trigger {
    Trigger::RestoreTestNow(RestoreTestNow {
        resource: resource.parse().expect("legal"),
        from,
        region: None,
        request: "by-hand".into(),
        reason: "to see".into(),
    })
}

#[tokio::test]
async fn an_aurora_cluster_is_restored_given_a_member_verified_and_destroyed_member_first() {
    let cloud = carts();
    until(&cloud, CARTS_RUN, Phase::Verifying).await;
    let ready = run(&cloud, CARTS_RUN);
    assert_eq!(ready.host.as_deref(), Some(format!("{}.test", ready.room).as_str()), "its member answers");
    assert_eq!((ready.port, ready.master_user.as_deref()), (Some(5432), Some("app")));
    assert_eq!(ready.restored_as.as_ref().map(|room| room.engine.as_str()), Some("aurora-postgresql"));
    let name = ready.room_cluster().expect("a cluster");
    let (given, kept) = (cloud.cluster_password(&ready.region, &name), cloud.secret_value(&ready.secret));
    assert_eq!(given.map(|word| word.expose().to_owned()), kept.map(|word| word.expose().to_owned()));

    verify_run(&cloud, &ready.id, OutcomeWord::Passed);
    until_gone(&cloud, CARTS_RUN).await;
    let over = run(&cloud, CARTS_RUN);
    assert_eq!(over.verdict.expect("a verdict").verdict, Verdict::Passed);
    let times = [over.times.restore_accepted_at, over.times.cluster_available_at, over.times.available_at];
    assert!(times.is_sorted() && times.iter().all(Option::is_some), "{times:?}");
    assert_eq!(
        done(&cloud),
        [
            "rds:CreateDBClusterParameterGroup",
            "rds:ModifyDBClusterParameterGroup",
            "rds:RestoreDBClusterFromSnapshot",
            "rds:CreateDBInstance",
            "rds:ModifyDBCluster",
            "rds:DeleteDBInstance",
            "rds:DeleteDBCluster",
            "rds:DeleteDBClusterParameterGroup",
        ]
    );
    let link = cloud.object("evidence/carts/00000001.json").expect("evidence");
    insta::assert_snapshot!(String::from_utf8(link).expect("text"));
}

/// `verify` tells by the engine, and by nothing else, what to speak with a room.
#[tokio::test]
async fn a_documentdb_run_says_that_it_is_one_and_where_it_answers() {
    let cloud = clusters();
    add_cluster_snapshot(&cloud, "docs", "20261120t020000z", "weekly");
    deliver(&cloud, &CLUSTER_PLANS, &by_hand("docs", RestoreFrom::Latest)).await.expect("begun");
    until(&cloud, DOCS_RUN, Phase::Verifying).await;
    let ready = run(&cloud, DOCS_RUN);
    assert_eq!(ready.source.fingerprint.engine, "docdb");
    assert_eq!(ready.restored_as.as_ref().map(|room| room.engine.as_str()), Some("docdb"));
    assert_eq!(ready.port, Some(27017));
    verify_run(&cloud, &ready.id, OutcomeWord::NotRun);
    until_gone(&cloud, DOCS_RUN).await;
    assert_eq!(run(&cloud, DOCS_RUN).verdict.expect("a verdict").verdict, Verdict::Inconclusive);
}

#[tokio::test]
async fn a_point_in_time_of_a_cluster_is_restored_from_the_cluster() {
    let cloud = clusters();
    cloud.back_up_cluster_continuously(&"eu-central-1".parse().expect("legal"), &cluster_of("carts"));
    deliver(&cloud, &CLUSTER_PLANS, &by_hand("carts", RestoreFrom::Pitr)).await.expect("begun");
    until(&cloud, "carts.manual.by-hand", Phase::Verifying).await;
    assert!(done(&cloud).contains(&"rds:RestoreDBClusterToPointInTime"), "{:?}", done(&cloud));
    let ready = run(&cloud, "carts.manual.by-hand");
    assert_eq!(ready.source.point.to_string(), "shop-carts as of 2026-11-20T01:55:02Z");
}

#[tokio::test]
async fn a_cluster_that_rds_gives_up_on_ends_the_run_with_rdss_word_and_goes() {
    let cloud = carts();
    until(&cloud, CARTS_RUN, Phase::Restoring).await;
    let begun = run(&cloud, CARTS_RUN);
    let name = begun.room_cluster().expect("a cluster");
    cloud.set_cluster_status(&begun.region, &name, DbStatus::read("inaccessible-encryption-credentials"));
    until_gone(&cloud, CARTS_RUN).await;
    let verdict = run(&cloud, CARTS_RUN).verdict.expect("a verdict");
    assert_eq!(verdict.verdict, Verdict::Inconclusive);
    assert!(verdict.reasons[0].starts_with("RDS reports inaccessible-encryption-credentials"), "{verdict:?}");
    assert!(!done(&cloud).contains(&"rds:CreateDBInstance"), "what is broken gets no member");
}

#[tokio::test]
async fn a_member_that_does_not_come_up_is_judged_at_the_deadline_and_both_go() {
    let cloud = carts();
    until(&cloud, CARTS_RUN, Phase::Restoring).await;
    let begun = run(&cloud, CARTS_RUN);
    for _ in 0..12 {
        cloud.pass(SignedDuration::from_mins(1));
        sweep(&cloud).await;
    }
    cloud.set_instance_status(&begun.region, &begun.room, DbStatus::read("creating"));
    until_gone(&cloud, CARTS_RUN).await;
    let verdict = run(&cloud, CARTS_RUN).verdict.expect("a verdict");
    assert_eq!(verdict.reasons, [format!("the room was still creating at the deadline {}", begun.deadline_at)]);
}

#[tokio::test]
async fn a_quota_in_the_way_of_the_member_is_waited_for() {
    let cloud = carts();
    cloud.fail("rds:CreateDBInstance", 2, Fault::Refused(PortErrorKind::QuotaExceeded));
    until(&cloud, CARTS_RUN, Phase::Verifying).await;
    assert_eq!(done(&cloud).iter().filter(|call| **call == "rds:CreateDBInstance").count(), 3);
}

#[tokio::test]
async fn a_cluster_of_the_rooms_name_that_is_not_ours_is_left_alone_and_said() {
    let cloud = carts();
    sweep(&cloud).await;
    let name = run(&cloud, CARTS_RUN).room_cluster().expect("a cluster");
    let other = carts();
    let region = "eu-central-1".parse().expect("legal");
    other.add_cluster(&region, &name, "aurora-postgresql");
    until(&other, CARTS_RUN, Phase::Closed).await;
    let verdict = run(&other, CARTS_RUN).verdict.expect("a verdict");
    assert_eq!(verdict.reasons, [format!("the name {name} is taken by a cluster that is not ours")]);
    assert!(other.cluster_ids().contains(&name));
    assert_eq!(done(&other), Vec::<&str>::new());
}

/// A leftover shows although the plan knows no cluster any more, and its snapshots are not listed for it.
#[tokio::test]
async fn a_cluster_whose_record_was_lost_is_reaped_member_first_though_no_plan_names_a_cluster() {
    let cloud = shop::cloud();
    let region = "eu-central-1".parse().expect("legal");
    let source = cluster_of("carts");
    cloud.add_cluster(&region, &source, "aurora-postgresql");
    cloud.add_cluster_snapshot(&region, &"manual".parse().expect("legal"), &source, Tags::new());
    let room: DbInstanceId = "hf-rt-carts-lost".parse().expect("legal");
    let tags = tags::of_room(
        &"shop".parse().expect("legal"),
        &"prod".parse().expect("legal"),
        &"carts".parse().expect("legal"),
        &"carts.every.20261119t020000z".parse().expect("legal"),
        cloud.time() + SignedDuration::from_hours(4),
    );
    let request = RestoreDbCluster {
        region: region.clone(),
        source: ClusterSource::Snapshot("manual".parse().expect("legal")),
        id: room.as_str().parse().expect("legal"),
        engine: "aurora-postgresql".into(),
        engine_version: "15.8".into(),
        subnet_group: "clean-room".into(),
        security_groups: vec!["sg-sealed".into()],
        parameter_group: None,
        serverless: None,
        tags: tags.clone(),
    };
    cloud.restore_db_cluster(&request).await.expect("a cluster");
    let member = CreateMember {
        region,
        cluster: request.id.clone(),
        id: room,
        engine: request.engine.clone(),
        instance_class: "db.r6g.large".into(),
        parameter_group: None,
        tags,
    };
    cloud.create_member(&member).await.expect("a member");

    let swept = async || deliver(&cloud, &PLANS, &Trigger::Sweep).await.expect("a sweep").reaped;
    assert_eq!(swept().await, Vec::<String>::new(), "its run may have begun a moment ago");
    cloud.pass(SignedDuration::from_hours(4));
    assert_eq!(swept().await, ["member hf-rt-carts-lost"]);
    assert_eq!(swept().await, ["cluster hf-rt-carts-lost"]);
    cloud.pass(SignedDuration::from_mins(5));
    assert_eq!(swept().await, Vec::<String>::new());
    assert_eq!(cloud.cluster_ids(), [source]);
    let looked = cloud.calls().iter().any(|call| call.operation == "rds:DescribeDBClusterSnapshots");
    assert!(!looked, "nobody restores a cluster");
}

#[tokio::test]
async fn a_lost_answer_of_any_call_about_a_cluster_changes_nothing_in_the_end() {
    let operations = [
        "rds:DescribeDBClusters",
        "rds:DescribeDBClusterSnapshots",
        "rds:RestoreDBClusterFromSnapshot",
        "rds:CreateDBInstance",
        "rds:ModifyDBCluster",
        "rds:DeleteDBInstance",
        "rds:DeleteDBCluster",
    ];
    for operation in operations {
        let cloud = carts();
        cloud.fail(operation, 1, Fault::AnswerLost);
        until(&cloud, CARTS_RUN, Phase::Verifying).await;
        verify_run(&cloud, &CARTS_RUN.parse().expect("legal"), OutcomeWord::Passed);
        cloud.fail(operation, 2, Fault::AnswerLost);
        until_gone(&cloud, CARTS_RUN).await;
        assert_eq!(run(&cloud, CARTS_RUN).verdict.expect("a verdict").verdict, Verdict::Passed, "{operation}");
    }
}

#[tokio::test]
async fn clusters_whose_snapshots_cannot_be_listed_are_not_said_to_have_none() {
    let cloud = clusters();
    cloud.fail("rds:DescribeDBClusterSnapshots", 1, Fault::Refused(PortErrorKind::Throttled));
    let trigger = by_hand("docs", RestoreFrom::Latest);
    deliver(&cloud, &CLUSTER_PLANS, &trigger).await.expect_err("one region failed");
    assert_eq!(findings(&cloud), vec![]);
    let error = deliver(&cloud, &CLUSTER_PLANS, &trigger).await.expect_err("there is none");
    assert!(error.to_string().contains("no recovery point of it is available in eu-central-1"), "{error}");
}
