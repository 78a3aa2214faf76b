//! Chains of evidence: made over the in-memory cloud, walked as files; whatever is changed in one is found.
#![allow(clippy::disallowed_methods, reason = "the command reads files")]

use std::collections::BTreeMap;
use std::process::Command;

use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::{ResourceName, RunId};
use holdfast_ledger::{
    CheckSummary, EVIDENCE_VERSION, Evidence, EvidenceChain, EvidencePoint, EvidenceRef, Fingerprint, Found, Link,
    Maker, ObjectivesInForce, PlanRef, RecoveryPoint, RoomRecord, evidence_key, sha256, verification_key,
    verify_evidence,
};
use holdfast_ports::PortErrorKind;
use holdfast_testkit::{Fault, MemoryCloud};
use proptest::prelude::*;

fn cloud() -> MemoryCloud {
    MemoryCloud::at("2026-11-20T02:00:00Z".parse().expect("a time"))
}

fn resource() -> ResourceName {
    "orders-db".parse().expect("legal")
}

fn run(number: usize) -> RunId {
    format!("orders-db.every.{number:04}").parse().expect("legal")
}

fn fingerprint() -> Fingerprint {
    Fingerprint { engine: "postgres".into(), engine_version: "15.8".into(), parameter_group: None, option_group: None }
}

fn evidence(run: &RunId, number: u64, before: Option<&Link>) -> Evidence {
    let now = "2026-11-20T02:40:00Z".parse().expect("a time");
    Evidence {
        version: EVIDENCE_VERSION,
        resource: resource(),
        number,
        previous_sha256: before.map(|link| link.reference().sha256),
        statement: "orders-db was restored".into(),
        verdict: "passed".into(),
        reasons: vec!["7 of 7 checks passed".into()],
        run: run.clone(),
        rule: "every".into(),
        proof_of: "latest".into(),
        recovery_point: EvidencePoint {
            point: RecoveryPoint::DbSnapshot { id: "hf-orders-db".parse().expect("legal") },
            arn: "arn".into(),
            made_by: Maker::Holdfast,
            chosen_as: RestoreFrom::Latest,
            moment: now,
            size_bytes: None,
            taken_of: fingerprint(),
        },
        room: RoomRecord {
            id: "hf-rt-orders-db".into(),
            region: "eu-central-1".parse().expect("legal"),
            instance_class: "db.t4g.medium".into(),
            run_with: None,
            differs_in: vec![],
            gone_at: Some(now),
        },
        checks: None,
        phases: vec![],
        recovery_time_seconds: Some(600),
        recovery_point_age_seconds: 300,
        objectives: ObjectivesInForce {
            of_loss: "instance".into(),
            rto_seconds: 7200,
            rto: "met".into(),
            rpo_seconds: 86_400,
            rpo: "met".into(),
        },
        trend: before.map_or_else(Vec::new, Link::trend),
        plan: PlanRef {
            name: "shop".into(),
            environment: "prod".into(),
            sha256: "0".repeat(64).parse().expect("legal"),
        },
        written_by: "a test".into(),
        written_at: now,
    }
}

async fn append(cloud: &MemoryCloud, known: u64, run: &RunId) -> Result<EvidenceRef, holdfast_ledger::LedgerError> {
    let resource = resource();
    EvidenceChain::new(cloud, &resource).append(known, run, |number, before| evidence(run, number, before)).await
}

async fn end(cloud: &MemoryCloud) -> u64 {
    EvidenceChain::new(cloud, &resource()).end().await.expect("a look")
}

#[tokio::test]
async fn a_chain_ends_where_it_ends_and_is_found_in_few_reads() {
    let cloud = cloud();
    for count in 0..70_u64 {
        let before = cloud.calls().len();
        assert_eq!(end(&cloud).await, count);
        let reads = cloud.calls().len() - before;
        let most = 2 * usize::try_from(count.max(1).ilog2() + 1).expect("small");
        assert!(reads <= most, "{reads} reads for {count} links");
        cloud.put_object(&evidence_key(&resource(), count + 1), b"{}".to_vec());
    }
}

#[tokio::test]
async fn a_runs_link_is_added_once_whoever_asks_and_whatever_was_added_since() {
    let cloud = cloud();
    let first = append(&cloud, 0, &run(1)).await.expect("added");
    assert_eq!(append(&cloud, 0, &run(1)).await.expect("there"), first);
    for number in 2..6 {
        append(&cloud, 0, &run(number)).await.expect("added");
    }
    assert_eq!(append(&cloud, 0, &run(1)).await.expect("there"), first);
    assert_eq!(end(&cloud).await, 5);
}

#[tokio::test]
async fn a_lost_answer_is_no_second_link() {
    let cloud = cloud();
    cloud.fail("s3:PutObject", 1, Fault::AnswerLost);
    append(&cloud, 0, &run(1)).await.expect_err("nobody knows");
    let found = append(&cloud, 0, &run(1)).await.expect("it is there");
    assert_eq!((found.number, end(&cloud).await), (1, 1));
    cloud.fail("s3:PutObject", 1, Fault::Refused(PortErrorKind::AccessDenied));
    append(&cloud, 1, &run(2)).await.expect_err("refused");
    assert_eq!(end(&cloud).await, 1);
}

/// What cannot be read is nobody's, and the chain goes on after it: it is chained to the bytes as they lie there.
#[tokio::test]
async fn a_link_that_cannot_be_read_does_not_stop_the_chain() {
    let cloud = cloud();
    append(&cloud, 0, &run(1)).await.expect("added");
    cloud.put_object(&evidence_key(&resource(), 2), b"not JSON".to_vec());
    assert_eq!(append(&cloud, 1, &run(3)).await.expect("added").number, 3);
    let found = found(&cloud, &[]);
    let broken = verify_evidence(&found).chains[0].broken.as_ref().map(ToString::to_string).expect("broken");
    assert!(broken.starts_with("00000002.json cannot be read: "), "{broken}");
}

/// A gap stays to be seen, also where the link that was removed had been the last when the run began.
#[tokio::test]
async fn the_number_of_a_link_that_was_removed_is_not_given_away_again() {
    let cloud = cloud();
    for number in 1..=2 {
        append(&cloud, 0, &run(number)).await.expect("added");
    }
    cloud.remove_object(&evidence_key(&resource(), 2));
    assert_eq!(append(&cloud, 2, &run(3)).await.expect("added").number, 3);
    assert_eq!(broken(&found(&cloud, &[])).as_deref(), Some("00000002.json is missing"));
}

/// A verification that went on after its run was judged late is another one than the evidence saw, and nobody has altered it.
#[tokio::test]
async fn the_record_of_the_checks_is_the_one_that_the_evidence_was_made_of() {
    let (resource, record) = (resource(), verification_key(&run(1)));
    for (finished, lies_there, wanted) in [
        (true, Some(&b"7 of 7 passed"[..]), None),
        (true, Some(b"8 of 8 passed"), Some(format!("{record} is not the record that 00000001.json was made of"))),
        (true, None, None),
        (false, Some(b"8 of 8 passed"), None),
    ] {
        let cloud = cloud();
        let checks = CheckSummary {
            record: record.clone(),
            record_sha256: sha256(b"7 of 7 passed"),
            finished,
            passed: 7,
            failed: 0,
            not_run: 0,
            lines: vec![],
        };
        let made = |number, before: Option<&Link>| Evidence {
            checks: Some(checks.clone()),
            ..evidence(&run(1), number, before)
        };
        EvidenceChain::new(&cloud, &resource).append(0, &run(1), made).await.expect("added");
        let mut found = found(&cloud, &[]);
        found.verifications.extend(lies_there.map(|bytes| (record.clone(), bytes.to_vec())));
        assert_eq!(broken(&found), wanted, "finished: {finished}, there: {lies_there:?}");
    }
}

/// What failed or proved nothing recovered nothing, and links are forever: one that was written with a time is no measurement either.
#[tokio::test]
async fn only_proofs_enter_the_trend() {
    let cloud = cloud();
    let resource = resource();
    let chain = EvidenceChain::new(&cloud, &resource);
    for (number, verdict) in (1..).zip(["passed", "failed", "inconclusive", "passed", "passed"]) {
        let made = |place, before: Option<&Link>| Evidence {
            verdict: verdict.into(),
            ..evidence(&run(number), place, before)
        };
        chain.append(0, &run(number), made).await.expect("added");
    }
    let last = chain.last(5).await.expect("a look").expect("a link");
    let trend: Vec<String> = last.trend().into_iter().map(|point| point.run).collect();
    assert_eq!(trend, [run(1), run(4), run(5)].map(|run| run.to_string()));
}

/// The chain as files, and, if wanted, the records of the runs that made it.
fn found(cloud: &MemoryCloud, references: &[(RunId, EvidenceRef)]) -> Found {
    let mut found = Found::default();
    let links: BTreeMap<String, Vec<u8>> = cloud
        .keys()
        .into_iter()
        .filter_map(|key| Some((key.strip_prefix("evidence/orders-db/")?.to_owned(), cloud.object(&key)?)))
        .collect();
    found.links.insert("orders-db".into(), links);
    for (run, reference) in references {
        let record = serde_json::json!({
            "generation": 9, "writer": "x",
            "body": { "id": run.as_str(), "resource": "orders-db", "evidence": reference },
        });
        found.runs.insert(format!("{run}.json"), record.to_string().into_bytes());
    }
    found
}

/// A whole chain of so many links, with the records of its runs.
fn chain(length: usize) -> Found {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let cloud = cloud();
        let mut references = Vec::new();
        for number in 1..=length {
            references.push((run(number), append(&cloud, 0, &run(number)).await.expect("added")));
        }
        found(&cloud, &references)
    })
}

fn broken(found: &Found) -> Option<String> {
    verify_evidence(found).chains[0].broken.as_ref().map(ToString::to_string)
}

fn links(found: &mut Found) -> &mut BTreeMap<String, Vec<u8>> {
    found.links.get_mut("orders-db").expect("a chain")
}

fn file(number: usize) -> String {
    format!("{number:08}.json")
}

#[test]
fn a_whole_chain_is_whole_and_only_the_records_of_runs_hold_its_end() {
    let mut found = chain(3);
    let report = verify_evidence(&found);
    assert!(report.is_whole() && report.chains[0].anchored, "{report:?}");
    assert_eq!((report.chains[0].links, report.chains[0].passed), (3, 3));
    found.runs.clear();
    assert!(verify_evidence(&found).is_whole() && !verify_evidence(&found).chains[0].anchored);
    // Without the records the end may go unseen; with them it may not.
    links(&mut found).remove(&file(3));
    assert_eq!(broken(&found), None);
    let mut held = chain(3);
    links(&mut held).remove(&file(3));
    assert_eq!(broken(&held).as_deref(), Some("00000003.json is missing"));
}

#[test]
fn a_stray_file_and_a_run_that_stands_twice_are_named() {
    let mut found = chain(2);
    links(&mut found).insert("notes.txt".into(), b"hello".to_vec());
    assert_eq!(broken(&found).as_deref(), Some("notes.txt is no link of a chain"));
    let mut found = chain(2);
    let before = Link { number: 2, bytes: links(&mut found)[&file(2)].clone() };
    let twice = evidence(&run(1), 3, Some(&before)).to_bytes().expect("JSON");
    links(&mut found).insert(file(3), twice);
    assert_eq!(broken(&found).as_deref(), Some("00000003.json is a second link of the run orders-db.every.0001"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_byte_that_is_changed_is_found_at_its_link(
        length in 1..6_usize, at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), to in any::<u8>(),
        held in any::<bool>(),
    ) {
        let mut found = chain(length);
        // Without the records of runs the last link is held by nothing.
        let number = if held { at.index(length) + 1 } else { at.index(length.saturating_sub(1).max(1)) + 1 };
        if !held {
            found.runs.clear();
        }
        prop_assume!(held || length > 1);
        let bytes = links(&mut found).get_mut(&file(number)).expect("a link");
        let place = byte.index(bytes.len());
        prop_assume!(bytes[place] != to);
        bytes[place] = to;
        let wrong = broken(&found).expect("it is found");
        // A changed hash of the one before reads as if that one had been altered; with the records it is clear which.
        let before = file(number.saturating_sub(1));
        prop_assert!(wrong.contains(&file(number)) || (!held && wrong.contains(&before)), "{number}: {wrong}");
    }

    #[test]
    fn any_link_that_is_removed_is_found(length in 1..8_usize, at in any::<prop::sample::Index>()) {
        let mut found = chain(length);
        let number = at.index(length) + 1;
        links(&mut found).remove(&file(number));
        prop_assert_eq!(broken(&found), Some(format!("{} is missing", file(number))));
    }

    #[test]
    fn any_two_links_that_are_swapped_are_found(length in 2..8_usize, one in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), held in any::<bool>()) {
        let (one, other) = (one.index(length) + 1, other.index(length) + 1);
        prop_assume!(one != other);
        let mut found = chain(length);
        if !held {
            found.runs.clear();
        }
        let links = links(&mut found);
        let (first, second) = (links[&file(one)].clone(), links[&file(other)].clone());
        links.insert(file(one), second);
        links.insert(file(other), first);
        let wrong = broken(&found).expect("it is found");
        prop_assert!(wrong.contains(&file(one.min(other))), "{one} {other}: {wrong}");
    }
}

/// Lays a chain out as `aws s3 sync` does.
fn lay_out(found: &Found) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |path: std::path::PathBuf, bytes: &[u8]| {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    };
    for (resource, links) in &found.links {
        for (file, bytes) in links {
            write(dir.path().join("evidence").join(resource).join(file), bytes);
        }
    }
    for (file, bytes) in &found.runs {
        write(dir.path().join("restore-tests/runs").join(file), bytes);
    }
    dir
}

fn command(verb: &str, path: &std::path::Path, more: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_evidence")).arg(verb).arg(path).args(more).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

#[test]
fn the_command_says_what_is_whole_and_what_is_broken() {
    let whole = lay_out(&chain(3));
    let mut altered = chain(3);
    let bytes = links(&mut altered).get_mut(&file(2)).expect("a link");
    let text = String::from_utf8(bytes.clone()).expect("text").replace("\"passed\"", "\"failed\"");
    *bytes = text.into_bytes();
    let altered = lay_out(&altered);
    let chain_alone = whole.path().join("evidence/orders-db");
    let nothing = tempfile::tempdir().expect("a directory");
    let (nowhere, file) = (nothing.path().join("nowhere"), chain_alone.join(file(1)));
    let mut said = String::new();
    for (words, dir, more) in [
        ("a whole ledger", whole.path(), &[][..]),
        ("one chain alone", chain_alone.as_path(), &[]),
        ("a verdict that was altered", altered.path(), &[]),
        ("the same as JSON", altered.path(), &["--json"]),
        ("an empty directory", nothing.path(), &[]),
        ("no such directory", nowhere.as_path(), &[]),
        ("one link", file.as_path(), &[]),
    ] {
        let (code, text) = command("verify", dir, more);
        let text = text.replace(&dir.display().to_string(), "DIR");
        said.push_str(&format!("# {words}: exit code {}\n{text}\n", code.expect("a code")));
    }
    insta::assert_snapshot!(said);
}

/// The pages in docs/evidence.md are what the command makes of the links beside it, which restore tests on the local cloud have left.
#[test]
fn the_pages_in_the_documentation_are_what_the_command_shows() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = std::fs::read_to_string(docs.join("evidence.md")).expect("the documentation");
    for link in ["passed.json", "failed.json"] {
        let (code, page) = command("show", &docs.join("evidence").join(link), &[]);
        assert_eq!(code, Some(0), "{page}");
        assert!(
            text.contains(&format!("```text\n{page}```\n")),
            "docs/evidence.md has not this page of {link}:\n{page}"
        );
    }
}

#[test]
fn a_chain_is_shown_by_its_last_link_and_what_is_no_link_is_said_to_be_none() {
    let whole = lay_out(&chain(3));
    let (code, page) = command("show", &whole.path().join("evidence/orders-db"), &[]);
    assert_eq!((code, page.lines().next()), (Some(0), Some("orders-db, evidence 3: PASSED")));
    assert_eq!(command("show", &whole.path().join("evidence/orders-db").join(file(3)), &[]).1, page);
    for (path, wanted) in [
        ("restore-tests/runs", "is no link of a chain of evidence"),
        ("evidence", "holds no link of a chain"),
        ("nowhere", "To copy evidence from the ledger"),
    ] {
        let (code, said) = command("show", &whole.path().join(path), &[]);
        assert!(code == Some(2) && said.contains(wanted), "{said}");
    }
}
