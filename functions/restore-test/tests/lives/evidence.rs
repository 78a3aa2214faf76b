//! The evidence that runs leave, as a person reads it, and the chain that it makes.

use holdfast_domain::inventory::MadeBy;
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbSnapshotId, RunId};
use holdfast_ledger::{Found, OutcomeWord, Phase, verify_evidence};
use holdfast_ports::{Class, Classified};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::{RestoreTestNow, Trigger};
use jiff::SignedDuration;
use restore_test::{Error, Outcome, Ports, handle};

use crate::shop::{PLANS, RUN, cloud, config, database, findings, run_of, verify_run};

async fn deliver(cloud: &MemoryCloud, trigger: &Trigger) -> Result<Outcome, Error> {
    let ports = Ports { objects: cloud, rds: cloud, secrets: cloud, bus: cloud, system: cloud };
    handle(&ports, &PLANS, &config(), trigger).await
}

/// Sweeps until a run is closed, verified as said.
async fn until_closed(cloud: &MemoryCloud, run: &str, outcome: OutcomeWord) {
    let id: RunId = run.parse().expect("legal");
    for _ in 0..300 {
        deliver(cloud, &Trigger::Sweep).await.expect("a sweep");
        match run_of(cloud, &id).map(|run| run.phase) {
            Some(Phase::Verifying) => verify_run(cloud, &id, outcome),
            Some(Phase::Closed) => return,
            Some(_) | None => {}
        }
        cloud.pass(SignedDuration::from_mins(1));
    }
    panic!("it does not end: {:?}", run_of(cloud, &id));
}

fn by_hand(request: &str, from: RestoreFrom) -> Trigger {
    Trigger::RestoreTestNow(RestoreTestNow {
        resource: "orders-db".parse().expect("legal"),
        from,
        region: None,
        request: request.into(),
        reason: "to see".into(),
    })
}

fn link(cloud: &MemoryCloud, number: u64) -> String {
    let key = format!("evidence/orders-db/{number:08}.json");
    String::from_utf8(cloud.object(&key).unwrap_or_else(|| panic!("no {key}"))).expect("text")
}

#[tokio::test]
async fn the_evidence_of_a_run_that_passed() {
    let cloud = cloud();
    until_closed(&cloud, RUN, OutcomeWord::Passed).await;
    insta::assert_snapshot!(link(&cloud, 1));
}

#[tokio::test]
async fn the_evidence_of_a_run_that_failed_on_what_aws_backup_made_after_one_that_passed() {
    let cloud = cloud();
    let id: DbSnapshotId = "awsbackup:job-4f1c".parse().expect("legal");
    let region = "eu-central-1".parse().expect("legal");
    cloud.add_snapshot(&region, &id, &database(), Tags::new());
    cloud.set_snapshot_maker(&region, &id, MadeBy::AwsBackup);
    until_closed(&cloud, RUN, OutcomeWord::Passed).await;
    deliver(&cloud, &by_hand("audit-7", RestoreFrom::Chosen(id))).await.expect("begun");
    until_closed(&cloud, "orders-db.manual.audit-7", OutcomeWord::Failed).await;
    insta::assert_snapshot!(link(&cloud, 2));
}

/// Everything that lies in the ledger, as `evidence verify` reads it.
fn found(cloud: &MemoryCloud) -> Found {
    let mut found = Found::default();
    for key in cloud.keys() {
        let bytes = cloud.object(&key).expect("it is listed");
        match key.split('/').collect::<Vec<_>>().as_slice() {
            ["evidence", resource, file] => {
                found.links.entry((*resource).to_owned()).or_default().insert((*file).to_owned(), bytes);
            }
            ["restore-tests", "runs", file] => {
                found.runs.insert((*file).to_owned(), bytes);
            }
            ["verifications", _] => {
                found.verifications.insert(key, bytes);
            }
            _ => {}
        }
    }
    found
}

#[tokio::test]
async fn runs_of_one_resource_make_one_chain_and_each_is_told_among_the_ones_before() {
    let cloud = cloud();
    cloud.back_up_continuously(&"eu-central-1".parse().expect("legal"), &database());
    until_closed(&cloud, RUN, OutcomeWord::Passed).await;
    for number in 0..7 {
        let (request, from) = match number {
            3 => ("pitr".to_owned(), RestoreFrom::Pitr),
            _ => (format!("again-{number}"), RestoreFrom::Latest),
        };
        deliver(&cloud, &by_hand(&request, from)).await.expect("begun");
        until_closed(&cloud, &format!("orders-db.manual.{request}"), OutcomeWord::Passed).await;
    }
    let report = verify_evidence(&found(&cloud));
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.chains[0].links, report.chains[0].passed, report.chains[0].anchored), (8, 8, true));

    let among: Vec<String> = findings(&cloud)
        .into_iter()
        .filter(|finding| finding.cause.as_str().contains("/rto"))
        .map(|finding| {
            let fact = finding.facts.into_iter().find(|(label, _)| label == "recovery time").expect("a fact").1;
            format!("{}: {fact}", finding.cause)
        })
        .collect();
    insta::assert_snapshot!(among.join("\n"));
}

#[tokio::test]
async fn a_test_by_hand_of_what_is_not_there_is_refused_to_who_asked_and_nobody_else_is_told() {
    let cloud = cloud();
    let trigger = by_hand("audit-8", RestoreFrom::Chosen("rds:orders-2026".parse().expect("legal")));
    let error = deliver(&cloud, &trigger).await.expect_err("not there");
    let known = crate::shop::snapshot_id();
    assert!(
        error.to_string().contains(&format!(
            "restore test orders-db.manual.audit-8 cannot begin: there is no recovery point rds:orders-2026 in eu-central-1; the newest \
             of it are {known}"
        )),
        "{error}"
    );
    assert_eq!(error.class(), Class::Permanent);
    assert_eq!(findings(&cloud), vec![]);
    assert!(run_of(&cloud, &RUN.parse().expect("legal")).is_some(), "what is due begins all the same");
}

#[tokio::test]
async fn a_link_that_somebody_removed_is_not_written_again_and_stays_to_be_seen() {
    let cloud = cloud();
    until_closed(&cloud, RUN, OutcomeWord::Passed).await;
    deliver(&cloud, &by_hand("second", RestoreFrom::Latest)).await.expect("begun");
    holdfast_ports::Objects::delete(&cloud, "evidence/orders-db/00000001.json").await.expect("removed");
    until_closed(&cloud, "orders-db.manual.second", OutcomeWord::Passed).await;
    let report = verify_evidence(&found(&cloud));
    assert_eq!(report.chains[0].broken.as_ref().map(ToString::to_string).as_deref(), Some("00000001.json is missing"));
    assert!(cloud.keys().contains(&"evidence/orders-db/00000002.json".to_owned()));
}
