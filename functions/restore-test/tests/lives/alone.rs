//! Whole lives of restore tests on the in-memory cloud: the passing one, the failing one, and each one cut short after every call.

use holdfast_domain::inventory::DbStatus;
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::{FindingState, Verdict, tags};
use holdfast_ledger::{OutcomeWord, Phase};
use holdfast_ports::{Class, Classified, PortErrorKind, RoomSource};
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::{Message, RestoreTestNow, RunRef, Trigger};
use jiff::SignedDuration;
use restore_test::{Error, Outcome, Ports, SecurityGroups, handle};

use crate::shop::{self, PLANS, RUN, cloud, config, findings, run, verify};

async fn deliver(cloud: &MemoryCloud, trigger: &Trigger) -> Result<Outcome, Error> {
    let ports = Ports { objects: cloud, rds: cloud, secrets: cloud, bus: cloud, system: cloud };
    handle(&ports, &PLANS, &config(), trigger).await
}

async fn sweep(cloud: &MemoryCloud) -> Outcome {
    deliver(cloud, &Trigger::Sweep).await.expect("a sweep")
}

/// Sweeps every minute until the room is ready for `verify`.
async fn until_verifying(cloud: &MemoryCloud) {
    for _ in 0..30 {
        let _ = deliver(cloud, &Trigger::Sweep).await;
        if run(cloud).is_some_and(|run| run.phase == Phase::Verifying) {
            return;
        }
        cloud.pass(SignedDuration::from_mins(1));
    }
    panic!("the room was never ready: {:?}", run(cloud));
}

/// Sweeps every minute until the run is closed and nothing of it is left.
async fn until_gone(cloud: &MemoryCloud) {
    for _ in 0..400 {
        let _ = deliver(cloud, &Trigger::Sweep).await;
        let closed = run(cloud).is_some_and(|run| run.phase == Phase::Closed);
        let open = cloud.keys().iter().any(|key| key.starts_with("restore-tests/open/"));
        let left = !cloud.secret_names().is_empty() || !cloud.room_parameter_groups().is_empty();
        if closed && !open && cloud.instance_ids().len() == 1 && !left {
            return;
        }
        cloud.pass(SignedDuration::from_mins(1));
    }
    panic!("something is left: {:?} {:?} {:?}", run(cloud), cloud.instance_ids(), cloud.secret_names());
}

#[tokio::test]
async fn a_recovery_point_is_restored_verified_judged_and_its_room_destroyed() {
    let cloud = cloud();
    until_verifying(&cloud).await;
    verify(&cloud, OutcomeWord::Passed);
    let recorded = Trigger::Bus(Message::VerificationRecorded(RunRef { run: RUN.parse().expect("legal") }));
    deliver(&cloud, &recorded).await.expect("judged");
    until_gone(&cloud).await;
    let run = run(&cloud).expect("a run");
    let verdict = run.verdict.clone().expect("a verdict");
    assert_eq!(verdict.verdict, Verdict::Passed);
    assert_eq!(verdict.reasons, ["1 of 1 checks passed"]);
    assert_eq!(run.recovery_point_age(), SignedDuration::from_mins(5));
    assert!(run.recovery_time().expect("measured") >= SignedDuration::from_mins(10));
    assert!(findings(&cloud).iter().all(|finding| finding.state == FindingState::Resolved));
    assert_eq!(cloud.announced().last(), Some(&Message::RestoreTestClosed(RunRef { run: run.id })));
}

#[tokio::test]
async fn a_failed_check_is_told_with_the_table_and_the_room_goes_all_the_same() {
    let cloud = cloud();
    until_verifying(&cloud).await;
    verify(&cloud, OutcomeWord::Failed);
    until_gone(&cloud).await;
    assert_eq!(run(&cloud).expect("a run").verdict.expect("a verdict").verdict, Verdict::Failed);
    let told = findings(&cloud);
    let failed = told.iter().find(|finding| finding.state == FindingState::Open).expect("somebody is told");
    assert_eq!(failed.title, "the restore test of orders-db failed: public.orders: 58 rows are missing from the heap");
}

#[tokio::test]
async fn a_verify_that_never_answers_is_called_again_and_judged_by_the_deadline() {
    let cloud = cloud();
    until_gone(&cloud).await;
    let verdict = run(&cloud).expect("a run").verdict.expect("a verdict");
    assert_eq!(verdict.verdict, Verdict::Inconclusive);
    assert_eq!(verdict.reasons, ["verification had not reached the room at the deadline 2026-11-20T06:05:03Z"]);
    let calls = cloud.announced().iter().filter(|message| matches!(message, Message::RestoreTestReady(_))).count();
    assert!(calls > 10, "every 16 minutes for almost four hours, and not only {calls} times");
    assert!(findings(&cloud).iter().any(|finding| finding.title.contains("proved nothing")));
}

#[tokio::test]
async fn a_room_that_rds_gives_up_on_ends_the_run_with_rdss_word() {
    let cloud = cloud();
    sweep(&cloud).await;
    let run_now = run(&cloud).expect("a run");
    cloud.set_instance_status(&run_now.region, &run_now.room, DbStatus::read("restore-error"));
    until_gone(&cloud).await;
    let verdict = run(&cloud).expect("a run").verdict.expect("a verdict");
    assert_eq!(verdict.verdict, Verdict::Failed);
    assert!(verdict.reasons[0].starts_with("RDS reports restore-error"), "{:?}", verdict.reasons);
}

#[tokio::test]
async fn a_quota_in_the_way_is_waited_for_and_a_recovery_point_that_is_gone_is_not() {
    let cloud = cloud();
    cloud.fail("rds:RestoreDBInstanceFromDBSnapshot", 2, Fault::Refused(PortErrorKind::QuotaExceeded));
    let outcome = sweep(&cloud).await;
    assert!(outcome.steps[0].contains("waits, because"), "{:?}", outcome.steps);
    sweep(&cloud).await;
    sweep(&cloud).await;
    assert_eq!(run(&cloud).expect("a run").phase, Phase::Restoring);

    let other = shop::cloud();
    other.fail("rds:RestoreDBInstanceFromDBSnapshot", 1, Fault::Refused(PortErrorKind::NotFound));
    sweep(&other).await;
    assert_eq!(run(&other).expect("a run").verdict.expect("a verdict").verdict, Verdict::Inconclusive);
}

#[tokio::test]
async fn a_trigger_twice_or_by_hand_twice_is_one_run() {
    let cloud = cloud();
    sweep(&cloud).await;
    let now = Trigger::RestoreTestNow(RestoreTestNow {
        resource: "orders-db".parse().expect("legal"),
        from: RestoreFrom::Latest,
        region: None,
        request: "before-the-upgrade".into(),
        reason: "upgrade on Monday".into(),
    });
    for _ in 0..3 {
        deliver(&cloud, &now).await.expect("accepted");
    }
    let runs: Vec<String> = cloud.keys().into_iter().filter(|key| key.starts_with("restore-tests/runs/")).collect();
    assert_eq!(
        runs,
        [
            "restore-tests/runs/orders-db.every.20261120t020000z.json",
            "restore-tests/runs/orders-db.manual.before-the-upgrade.json"
        ]
    );
    assert_eq!(cloud.instance_ids().len(), 2, "rooms_max is one, and so the second waits");
}

#[tokio::test]
async fn an_unknown_resource_is_refused_with_the_ones_there_are() {
    let cloud = cloud();
    let now = RestoreTestNow {
        resource: "nosuch".parse().expect("legal"),
        from: RestoreFrom::Latest,
        region: None,
        request: "x".into(),
        reason: String::new(),
    };
    let error = deliver(&cloud, &Trigger::RestoreTestNow(now)).await.expect_err("unknown");
    assert_eq!(error.to_string(), "the plan shop knows no resource nosuch; it knows orders-db");
    assert_eq!(error.class(), Class::Permanent);
}

#[tokio::test]
async fn what_is_not_ours_is_never_touched_even_under_a_temporary_name() {
    let cloud = cloud();
    let region = "eu-central-1".parse().expect("legal");
    let foreign = "hf-rt-somebodys".parse().expect("legal");
    cloud.add_instance(&region, &foreign);
    cloud.pass(SignedDuration::from_hours(30 * 24));
    sweep(&cloud).await;
    assert!(cloud.instance_ids().contains(&foreign));
    assert!(cloud.calls().iter().all(|call| call.operation != "rds:DeleteDBInstance"));
}

#[tokio::test]
async fn a_room_whose_record_was_lost_is_reaped_after_its_deadline() {
    let cloud = cloud();
    sweep(&cloud).await;
    let lost = run(&cloud).expect("a run");
    let other = shop::cloud();
    let tags = tags::of_room(
        &"shop".parse().expect("legal"),
        &"prod".parse().expect("legal"),
        &lost.resource,
        &"orders-db.every.20261119t020000z".parse().expect("legal"),
        other.time() + SignedDuration::from_hours(4),
    );
    let request = holdfast_ports::RestoreDbInstance {
        region: lost.region.clone(),
        source: RoomSource::Snapshot(shop::snapshot_id()),
        id: "hf-rt-orders-db-lost".parse().expect("legal"),
        instance_class: "db.t4g.medium".into(),
        subnet_group: "clean-room".into(),
        security_groups: vec!["sg-sealed".into()],
        parameter_group: None,
        option_group: None,
        tags,
    };
    holdfast_ports::RoomRestore::restore_db_instance(&other, &request).await.expect("a room");
    let before = sweep(&other).await;
    assert_eq!(before.reaped, Vec::<String>::new(), "its run may have begun a moment ago");
    other.pass(SignedDuration::from_hours(4));
    let after = sweep(&other).await;
    assert_eq!(after.reaped, ["hf-rt-orders-db-lost"]);
}

/// Killed after every single external call of its whole life, in turn, the run still ends judged and nothing of it is left.
#[tokio::test]
async fn killed_after_any_call_a_run_still_ends_judged_and_leaves_nothing() {
    for calls in 0..90 {
        let cloud = cloud();
        cloud.crash_after(Some(calls));
        for _ in 0..3 {
            let _ = deliver(&cloud, &Trigger::Sweep).await;
        }
        cloud.crash_after(None);
        until_verifying(&cloud).await;
        verify(&cloud, OutcomeWord::Passed);
        cloud.crash_after(Some(calls));
        for _ in 0..3 {
            let _ = deliver(&cloud, &Trigger::Sweep).await;
        }
        cloud.crash_after(None);
        until_gone(&cloud).await;
        let run = run(&cloud).expect("a run");
        assert_eq!(run.verdict.expect("a verdict").verdict, Verdict::Passed, "killed after {calls} calls");
    }
}

/// The same with the answer of every operation lost once: it happened, and nobody knows.
#[tokio::test]
async fn a_lost_answer_of_any_call_changes_nothing_in_the_end() {
    let operations = [
        "s3:PutObject",
        "s3:GetObject",
        "s3:ListObjectsV2",
        "s3:DeleteObject",
        "rds:DescribeDBInstances",
        "rds:DescribeDBSnapshots",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:ModifyDBInstance",
        "rds:DeleteDBInstance",
        "secretsmanager:CreateSecret",
        "secretsmanager:DeleteSecret",
        "secretsmanager:ListSecrets",
        "events:PutEvents",
    ];
    for operation in operations {
        let cloud = cloud();
        cloud.fail(operation, 1, Fault::AnswerLost);
        until_verifying(&cloud).await;
        verify(&cloud, OutcomeWord::Passed);
        cloud.fail(operation, 2, Fault::AnswerLost);
        until_gone(&cloud).await;
        assert_eq!(run(&cloud).expect("a run").verdict.expect("a verdict").verdict, Verdict::Passed, "{operation}");
    }
}

/// The bus refuses for good, so the verdict is recorded and cannot be told. The room does not wait for that; people hear when they can.
#[tokio::test]
async fn a_run_that_cannot_tell_its_verdict_does_not_keep_its_room() {
    let cloud = cloud();
    until_verifying(&cloud).await;
    cloud.fail("events:PutEvents", usize::MAX, Fault::Refused(PortErrorKind::AccessDenied));
    for _ in 0..60 {
        cloud.pass(SignedDuration::from_mins(5));
        let _ = deliver(&cloud, &Trigger::Sweep).await;
    }
    let judged = run(&cloud).expect("a run");
    assert_eq!(judged.phase, Phase::Judged, "nobody was told");
    assert!(!cloud.instance_ids().contains(&judged.room), "the reaper took it after the deadline");
    assert_eq!((cloud.secret_names(), cloud.room_parameter_groups()), (vec![], vec![]));
    let error = deliver(&cloud, &Trigger::Sweep).await.expect_err("the bus");
    assert!(error.to_string().contains("events:PutEvents"), "{error}");
    cloud.heal();
    until_gone(&cloud).await;
    let told = findings(&cloud).into_iter().find(|finding| finding.title.contains("proved nothing")).expect("told");
    assert_eq!(Some(told.seen_at), judged.times.judged_at, "it is as old as the verdict");
    assert_eq!(run(&cloud).and_then(|run| run.verdict), judged.verdict);
}

#[tokio::test]
async fn a_verdict_that_could_not_be_told_at_once_stays_that_verdict() {
    let cloud = cloud();
    until_verifying(&cloud).await;
    verify(&cloud, OutcomeWord::Passed);
    cloud.fail("events:PutEvents", 1, Fault::Refused(PortErrorKind::AccessDenied));
    let error = deliver(&cloud, &Trigger::Sweep).await.expect_err("the bus");
    assert_eq!(error.class(), Class::Permanent);
    until_gone(&cloud).await;
    assert_eq!(run(&cloud).expect("a run").verdict.expect("a verdict").verdict, Verdict::Passed);
}

/// A region that cannot be seen is not one without recovery points: nobody is told that there is nothing to restore.
#[tokio::test]
async fn a_test_by_hand_in_a_region_that_cannot_be_seen_is_tried_again_and_not_told() {
    let cloud = cloud();
    cloud.fail("rds:DescribeDBSnapshots", 1, Fault::Refused(PortErrorKind::Throttled));
    let now = Trigger::RestoreTestNow(RestoreTestNow {
        resource: "orders-db".parse().expect("legal"),
        from: RestoreFrom::Latest,
        region: None,
        request: "again".into(),
        reason: "to see".into(),
    });
    let error = deliver(&cloud, &now).await.expect_err("one region failed");
    assert_eq!(error.class(), Class::Transient);
    assert_eq!(findings(&cloud), vec![]);
    deliver(&cloud, &now).await.expect("Lambda tries again");
    assert!(cloud.keys().contains(&"restore-tests/runs/orders-db.manual.again.json".to_owned()));
}

/// The first write of a record is refused by a store that is down, and did not happen: that is a failure, and not somebody else's step.
#[tokio::test]
async fn a_step_that_could_not_be_recorded_is_a_failure() {
    let cloud = cloud();
    sweep(&cloud).await;
    cloud.pass(SignedDuration::from_mins(10));
    cloud.fail("s3:PutObject", 1, Fault::Refused(PortErrorKind::Unavailable));
    let error = deliver(&cloud, &Trigger::Sweep).await.expect_err("not recorded");
    assert!(error.to_string().contains("s3:PutObject"), "{error}");
    assert_eq!(run(&cloud).expect("a run").phase, Phase::Restoring);
}

#[test]
fn security_groups_are_of_every_region_or_of_one() {
    let read = |list: &[&str]| SecurityGroups::read(&list.iter().map(ToString::to_string).collect::<Vec<_>>());
    let groups = read(&["sg-1", "us-east-1:sg-2", "us-east-1:sg-3"]).expect("legal");
    assert_eq!(groups.of(&"eu-west-1".parse().expect("legal")), ["sg-1"]);
    assert_eq!(groups.of(&"us-east-1".parse().expect("legal")), ["sg-2", "sg-3"]);
    for wrong in ["", "nowhere:sg-1", "us-east-1:"] {
        assert!(read(&[wrong]).is_err(), "{wrong}");
    }
}

/// RDS would take the VPC's default group, which seals nothing.
#[tokio::test]
async fn a_region_without_a_security_group_gets_no_room() {
    let cloud = cloud();
    let ports = Ports { objects: &cloud, rds: &cloud, secrets: &cloud, bus: &cloud, system: &cloud };
    let elsewhere = SecurityGroups::read(&["us-east-1:sg-2".into()]).expect("legal");
    let config = restore_test::Config { security_groups: elsewhere, ..config() };
    handle(&ports, &PLANS, &config, &Trigger::Sweep).await.expect("judged");
    let verdict = run(&cloud).expect("a run").verdict.expect("a verdict");
    assert_eq!(verdict.verdict, Verdict::Inconclusive);
    assert!(
        verdict.reasons[0].contains("no security group of the sealed room is named for eu-central-1"),
        "{verdict:?}"
    );
    assert_eq!(cloud.instance_ids().len(), 1);
}

/// Whoever told that a room will not go tells that it is gone.
#[tokio::test]
async fn a_room_that_outlived_its_deadline_and_is_gone_at_last_is_told_to_be_gone() {
    let cloud = cloud();
    until_verifying(&cloud).await;
    let room = run(&cloud).expect("a run").room;
    let region = run(&cloud).expect("a run").region;
    let of_room = |cloud: &MemoryCloud| {
        let of_room = |cause: &str| cause.ends_with(&format!("/room/{room}"));
        findings(cloud).into_iter().filter(|told| of_room(told.cause.as_str())).collect::<Vec<_>>()
    };
    // RDS deletes for longer than the run has, and half an hour more.
    cloud.pass(SignedDuration::from_hours(5));
    sweep(&cloud).await;
    cloud.set_instance_status(&region, &room, DbStatus::Deleting);
    sweep(&cloud).await;
    assert!(of_room(&cloud).iter().all(|told| told.state == FindingState::Open));
    assert!(!of_room(&cloud).is_empty());
    cloud.remove_instance(&region, &room);
    until_gone(&cloud).await;
    let last = of_room(&cloud).pop().expect("a finding");
    assert_eq!((last.state, last.title), (FindingState::Resolved, format!("the temporary database {room} is gone")));
}
