use std::collections::BTreeMap;

use holdfast_domain::plan::{LossObjectives, RestoreFrom};
use holdfast_ledger::{RequirementWord, RoomParameters};
use holdfast_testkit::sample;

use super::*;
use crate::example::{at, run};

fn point(of: &str, minutes: i64) -> TrendPoint {
    TrendPoint { run: "orders-db.every.1".into(), of: of.into(), recovery_time_seconds: minutes * 60 }
}

fn resource() -> Resource {
    sample::plan().resources.into_values().next().expect("a resource")
}

fn passed(run: &Run, checked: Option<Checked<'_>>) -> Evidence {
    let verdict = RunVerdict { verdict: Verdict::Passed, reasons: vec!["7 of 7 checks passed".into()] };
    let (plan, resource) = (sample::plan(), resource());
    let now = at("2026-11-20T02:40:00Z");
    let run = &Run { verdict: Some(verdict.clone()), ..run.clone() };
    let proven =
        Proven { plan: &plan, resource: &resource, run, verdict: &verdict, checked, written_by: "a test", now };
    evidence(&proven, 1, None)
}

#[test]
fn a_recovery_time_is_told_among_the_last_five_of_its_sort() {
    let took = SignedDuration::from_mins(14);
    let among = |trend: &[TrendPoint]| among(took, &run(), &resource(), trend);
    assert_eq!(among(&[]), "14m (the first that was measured)");
    assert_eq!(among(&[point("pitr", 40), point("latest", 12)]), "14m (the one before: 12m)");
    let many: Vec<TrendPoint> = [9, 12, 13, 12, 15, 14].map(|minutes| point("latest", minutes)).into();
    assert_eq!(among(&many), "14m (last five: 12m 13m 12m 15m 14m)");
}

#[test]
fn recovery_points_that_are_old_on_purpose_are_not_held_against_the_rpo() {
    let mut run = run();
    run.times.verified_at = Some(at("2026-11-20T02:35:00Z"));
    for (from, rpo) in [
        (RestoreFrom::Latest, "met"),
        (RestoreFrom::Pitr, "met"),
        (RestoreFrom::Random, "not judged: the recovery point was not chosen for being the newest"),
        (RestoreFrom::Oldest, "not judged: the recovery point was not chosen for being the newest"),
    ] {
        run.source.from = from;
        let objectives = passed(&run, None).objectives;
        assert_eq!((objectives.rto.as_str(), objectives.rpo.as_str()), ("met", rpo));
    }
    run.times.verified_at = None;
    let objectives = passed(&run, None).objectives;
    assert_eq!((objectives.rto.as_str(), objectives.rpo.as_str()), (NOT_RECOVERED, NOT_RECOVERED));
}

#[test]
fn what_is_restored_elsewhere_is_judged_by_what_is_promised_for_the_loss_of_the_region() {
    let mut resource = resource();
    let hours = SignedDuration::from_hours;
    resource.objectives.region = Some(LossObjectives { rpo: hours(48), rto: hours(8) });
    let mut run = run();
    assert_eq!(Proof::of(&run, &resource).objectives().1, "instance");
    run.region = "us-east-1".parse().expect("legal");
    let (limits, of_loss) = Proof::of(&run, &resource).objectives();
    assert_eq!((limits.rto, limits.rpo, of_loss), (hours(8), hours(48), "region"));
    assert_eq!(Proof::of(&run, &resource).words(), "latest in us-east-1");
    resource.objectives.region = None;
    assert_eq!(Proof::of(&run, &resource).objectives().1, "instance");
}

#[test]
fn a_room_that_is_not_run_as_its_source_is_says_in_what() {
    let mut run = run();
    let mut room = run.source.fingerprint.clone();
    room.parameter_group = Some("holdfast-inert-15".into());
    run.restored_as = Some(room);
    assert_eq!(passed(&run, None).room.differs_in, ["parameter group: holdfast-inert-15, the source has shop-15"]);
    run.source.fingerprint.parameter_group = None;
    assert_eq!(passed(&run, None).room.differs_in, Vec::<String>::new(), "what is not known is not a difference");
}

#[test]
fn a_room_with_a_parameter_group_of_its_own_says_value_by_value_in_what_it_differs() {
    let mut run = run();
    run.parameters = Some(RoomParameters {
        family: "postgres15".into(),
        copied_from: Some("shop-15".into()),
        set: BTreeMap::from([("autovacuum".into(), "0".into())]),
        differs_in: vec!["autovacuum: 0, the source has its default: as a test says".into()],
    });
    let mut room = run.source.fingerprint.clone();
    room.parameter_group = Some(run.room.to_string());
    room.option_group = Some("others".into());
    run.restored_as = Some(room.clone());
    assert_eq!(
        passed(&run, None).room.differs_in,
        [
            "option group: others, the source has default:postgres-15".to_owned(),
            format!("parameter group: {}, made of shop-15 but for what follows", run.room),
            "autovacuum: 0, the source has its default: as a test says".to_owned(),
        ]
    );
    // What RDS shows decides: a room that was not run with its group is not said to have been.
    room.parameter_group = Some("default.postgres15".into());
    run.restored_as = Some(room);
    let differs_in = passed(&run, None).room.differs_in;
    assert_eq!(differs_in[0], "parameter group: default.postgres15, the source has shop-15");
    assert!(!differs_in.iter().any(|line| line.starts_with("autovacuum")), "{differs_in:?}");
}

#[test]
fn failed_checks_are_named_first_and_the_rest_is_counted() {
    let record = |outcome, number: usize| CheckRecord {
        check: format!("heap public.t{number}"),
        subject: None,
        requirement: RequirementWord::Required,
        outcome,
        detail: "as it was found".into(),
        took_ms: 1,
    };
    let mut results: Vec<CheckRecord> = (0..300).map(|number| record(OutcomeWord::Passed, number)).collect();
    results.push(record(OutcomeWord::NotRun, 300));
    results.push(record(OutcomeWord::Failed, 301));
    let verification = Verification {
        run: run().id,
        first_query_at: at("2026-11-20T02:30:00Z"),
        fully_read_at: None,
        finished_at: None,
        units_total: 400,
        units_done: 302,
        results,
        baseline: None,
        observed: BTreeMap::new(),
    };
    let checked = Checked { verification: &verification, bytes: b"as it lies there" };
    let checks = passed(&run(), Some(checked)).checks.expect("a summary");
    assert_eq!((checks.passed, checks.not_run, checks.failed, checks.finished), (300, 1, 1, false));
    let first: Vec<&str> = checks.lines.iter().take(3).map(|line| line.check.as_str()).collect();
    assert_eq!(first, ["heap public.t301", "heap public.t300", "heap public.t0"]);
    assert_eq!(checks.lines.len(), CHECK_LINES_MAX);
    assert_eq!(checks.lines[2].detail, None, "of what passed there is nothing to say");
}
