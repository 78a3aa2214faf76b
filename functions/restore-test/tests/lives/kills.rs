//! Killed after every single external call, whatever is restored: the run ends judged, in one link of evidence, and leaves nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use holdfast_domain::inventory::MadeBy;
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId, Region, RunId, Verdict};
use holdfast_ledger::{EvidenceRef, OutcomeWord, Phase, PlanStore, evidence_key, sha256};
use holdfast_testkit::{Call, MemoryCloud};
use holdfast_wire::{RestoreTestNow, Trigger};
use jiff::SignedDuration;
use restore_test::{Ports, handle};

use crate::shop::{
    self, CLUSTER_PLANS, PLANS, add_cluster_snapshot, add_snapshot, cluster_of, config, database, run_of, verify_run,
};

/// What can be restored, each by hand: a rule of the plan asks for the same.
const SOURCES: [&str; 11] =
    ["latest", "random", "oldest", "chosen", "rds:", "awsbackup:", "pitr", "copy", "aurora", "aurora pitr", "docdb"];

/// The resource that a source is of.
fn resource(source: &str) -> &'static str {
    match source {
        "aurora" | "aurora pitr" => "carts",
        "docdb" => "docs",
        _ => "orders-db",
    }
}

fn plans(source: &str) -> &'static PlanStore {
    if resource(source) == "orders-db" { &PLANS } else { &CLUSTER_PLANS }
}

fn home() -> Region {
    "eu-central-1".parse().expect("legal")
}

fn away() -> Region {
    "us-east-1".parse().expect("legal")
}

fn cloud(source: &str) -> MemoryCloud {
    match resource(source) {
        "orders-db" => of_an_instance(),
        name => of_a_cluster(name),
    }
}

/// Two recovery points of a rule after which no test follows, and a continuous backup.
fn of_a_cluster(name: &str) -> MemoryCloud {
    let cloud = shop::clusters();
    for slot in ["20261119t020000z", "20261120t020000z"] {
        add_cluster_snapshot(&cloud, name, slot, "weekly");
        cloud.pass(SignedDuration::from_mins(1));
    }
    cloud.back_up_cluster_continuously(&home(), &cluster_of(name));
    cloud.pass(SignedDuration::from_mins(2));
    cloud
}

/// Three recovery points of a rule after which no test follows, one of each other maker, a copy elsewhere, and a continuous backup.
fn of_an_instance() -> MemoryCloud {
    let cloud = shop::without_recovery_point();
    for slot in ["20261118t020000z", "20261119t020000z", "20261120t020000z"] {
        add_snapshot(&cloud, &home(), slot, "weekly");
        cloud.pass(SignedDuration::from_mins(1));
    }
    add_snapshot(&cloud, &away(), "20261119t020000z", "weekly");
    for (name, made_by) in [("rds:shop-orders-2026-11-20", MadeBy::Rds), ("awsbackup:job-4f1c", MadeBy::AwsBackup)] {
        let id: DbSnapshotId = name.parse().expect("legal");
        cloud.add_snapshot(&home(), &id, &database(), Tags::new());
        cloud.set_snapshot_maker(&home(), &id, made_by);
    }
    cloud.back_up_continuously(&home(), &database());
    cloud.pass(SignedDuration::from_mins(2));
    cloud
}

fn wish(source: &str) -> RestoreTestNow {
    let chosen = |id: &str| RestoreFrom::Chosen(id.parse().expect("legal"));
    let from = match source {
        "latest" | "copy" | "aurora" | "docdb" => RestoreFrom::Latest,
        "random" => RestoreFrom::Random,
        "oldest" => RestoreFrom::Oldest,
        "chosen" => RestoreFrom::Chosen(shop::snapshot_id()),
        "rds:" => chosen("rds:shop-orders-2026-11-20"),
        "awsbackup:" => chosen("awsbackup:job-4f1c"),
        _ => RestoreFrom::Pitr,
    };
    RestoreTestNow {
        resource: resource(source).parse().expect("legal"),
        from,
        region: (source == "copy").then(away),
        request: "kill".into(),
        reason: "to see".into(),
    }
}

fn id(source: &str) -> RunId {
    format!("{}.manual.kill", resource(source)).parse().expect("legal")
}

/// Every database that stands.
fn standing(cloud: &MemoryCloud) -> (Vec<DbInstanceId>, Vec<DbClusterId>) {
    (cloud.instance_ids(), cloud.cluster_ids())
}

/// A life from the request until nothing is left: how many minutes it took, and the calls with the phase that each invocation met.
struct Lived {
    minutes: i64,
    calls: Vec<(Option<Phase>, Call)>,
}

/// Lives a whole life; the invocation that makes one call more than `killed_after` is killed before it.
async fn live(cloud: &MemoryCloud, source: &str, killed_after: Option<usize>) -> Lived {
    let (before, sources) = (cloud.calls().len(), standing(cloud));
    let id = id(source);
    cloud.crash_after(killed_after);
    let (mut calls, mut heard) = (Vec::new(), false);
    for minutes in 0..240 {
        let met = run_of(cloud, &id).map(|run| run.phase);
        // Who asked, or Lambda for them, asks again until it was heard (source: Lambda Developer Guide, "Asynchronous invocation").
        let trigger = if heard { Trigger::Sweep } else { Trigger::RestoreTestNow(wish(source)) };
        let ports = Ports { objects: cloud, rds: cloud, secrets: cloud, bus: cloud, system: cloud };
        let made = cloud.calls().len();
        heard |= handle(&ports, plans(source), &config(), &trigger).await.is_ok();
        calls.extend(cloud.calls().into_iter().skip(made).map(|call| (met, call)));
        if killed_after.is_some_and(|most| cloud.calls().len() - before > most) {
            cloud.crash_after(None);
        }
        if run_of(cloud, &id).is_some_and(|run| run.phase == Phase::Verifying) {
            verify_run(cloud, &id, OutcomeWord::Passed);
        }
        let open = cloud.keys().iter().any(|key| key.starts_with("restore-tests/open/"));
        let closed = run_of(cloud, &id).is_some_and(|run| run.phase == Phase::Closed);
        let left = !cloud.secret_names().is_empty() || !cloud.room_parameter_groups().is_empty();
        if closed && !open && standing(cloud) == sources && !left {
            return Lived { minutes, calls };
        }
        cloud.pass(SignedDuration::from_mins(1));
    }
    panic!("{source} killed after {killed_after:?}: {:?} {:?}", run_of(cloud, &id), standing(cloud));
}

/// What was done, in words that do not depend on the run.
fn words(call: &Call) -> String {
    let about = match call.subject.split('/').collect::<Vec<_>>().as_slice() {
        ["plan.json"] | ["plans", _] => "the plan",
        ["restore-tests", "rooms.json"] => "the rooms in use",
        ["restore-tests", "open", ..] => "open markers",
        ["restore-tests", "runs", _] => "the run",
        ["verifications", _] => "the verification",
        ["evidence", ..] => "the evidence",
        _ if call.operation == "events:PutEvents" => &call.subject,
        _ => "",
    };
    format!("{} {about}", call.operation).trim_end().to_owned()
}

#[tokio::test]
async fn killed_after_any_call_every_sort_of_run_ends_judged_with_one_link_and_leaves_nothing() {
    let mut table: BTreeMap<String, BTreeMap<&str, (usize, i64)>> = BTreeMap::new();
    for source in SOURCES {
        let undisturbed = live(&cloud(source), source, None).await;
        for (killed_after, (met, call)) in undisturbed.calls.iter().enumerate() {
            let cloud = cloud(source);
            let lived = live(&cloud, source, Some(killed_after + 1)).await;
            let run = run_of(&cloud, &id(source)).expect("a run");
            let verdict = run.verdict.as_ref().map(|given| given.verdict);
            assert_eq!(verdict, Some(Verdict::Passed), "{source} killed after {killed_after}");
            let (told, recorded) = shop::told_and_recorded(&cloud, &id(source));
            assert!(matches!(told.len(), 1 | 2), "{source} killed after {killed_after}: {told:?}");
            assert!(told.iter().all(|word| Some(*word) == recorded), "{source} killed after {killed_after}: {told:?}");
            let links: Vec<String> = cloud.keys().into_iter().filter(|key| key.starts_with("evidence/")).collect();
            assert_eq!(links, [evidence_key(&run.resource, 1)], "{source} killed after {killed_after}");
            let hash = sha256(&cloud.object(&links[0]).expect("a link"));
            assert_eq!(
                run.evidence,
                Some(EvidenceRef { number: 1, sha256: hash }),
                "{source} killed after {killed_after}"
            );
            let phase = met.map_or("begins".to_owned(), |phase| format!("{phase:?}").to_lowercase());
            let order = met.map_or(0, |phase| phase as u8 + 1);
            let row = table.entry(format!("{order} {phase:<11} {}", words(call))).or_default();
            let (kills, late) = row.entry(source).or_default();
            *kills += 1;
            *late = (*late).max(lived.minutes - undisturbed.minutes);
        }
    }
    insta::assert_snapshot!(render(&table));
}

fn render(table: &BTreeMap<String, BTreeMap<&str, (usize, i64)>>) -> String {
    let mut text = String::from(
        "killed after each call of this sort: how often, and the latest that the run then ended, against a life undisturbed\n\
         each one ended judged passed, told so once or twice and nothing else, in one link of evidence, with room, secret,\n\
         parameter group and marker gone\n\n",
    );
    let heads: String = SOURCES.iter().map(|source| format!(" {source:<11}")).collect();
    let mut kills = 0;
    writeln!(text, "{:<64}{}", "invocation meets, killed after", heads.trim_end()).expect("a string takes everything");
    for (row, cells) in table {
        kills += cells.values().map(|(kills, _)| kills).sum::<usize>();
        let cell = |source: &&str| {
            let cell = cells.get(source).map_or("-".to_owned(), |(kills, late)| format!("{kills} +{late}m"));
            format!(" {cell:<11}")
        };
        let cells: String = SOURCES.iter().map(cell).collect();
        writeln!(text, "{:<64}{}", &row[2..], cells.trim_end()).expect("a string takes everything");
    }
    writeln!(text, "\n{kills} kills").expect("a string takes everything");
    text
}
