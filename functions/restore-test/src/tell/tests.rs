//! The words that people get, as they get them.

use holdfast_testkit::sample;

use super::*;
use crate::example::{at, run};

fn story(verdict: Verdict, reasons: &[&str], verified: Option<&str>) -> String {
    let plan = sample::plan();
    let mut run = run();
    run.times.verified_at = verified.map(at);
    let verdict = RunVerdict { verdict, reasons: reasons.iter().map(ToString::to_string).collect() };
    run.verdict = Some(verdict.clone());
    run.times.judged_at = Some(at("2026-11-20T06:06:00Z"));
    let told = findings(&plan, &plan.resources[&run.resource], &run, &verdict, &[]);
    assert!(told.iter().all(|finding| Some(finding.seen_at) == run.times.judged_at), "{told:?}");
    let paragraph = |finding: &Finding| {
        let facts: String = finding.facts.iter().map(|(label, value)| format!("    {label}: {value}\n")).collect();
        format!(
            "{:?} {} {}\n  {}\n  threatens: {}\n  next step: {}\n{facts}",
            finding.state, finding.severity, finding.cause, finding.title, finding.threatens, finding.next_step
        )
    };
    told.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_that_passed_resolves_the_proof_and_both_objectives() {
    insta::assert_snapshot!(story(Verdict::Passed, &["7 of 7 checks passed"], Some("2026-11-20T02:38:00Z")));
}

#[test]
fn a_run_that_failed_says_what_was_found_and_nothing_of_its_objectives() {
    let reasons = [
        "public.orders: 58 rows are missing from the heap",
        "fresh was not run: permission denied for table orders",
        "5 of 7 checks passed",
    ];
    insta::assert_snapshot!(story(Verdict::Failed, &reasons, Some("2026-11-20T04:38:00Z")));
}

#[test]
fn a_run_that_passed_too_late_missed_its_objective() {
    insta::assert_snapshot!(story(Verdict::Passed, &["7 of 7 checks passed"], Some("2026-11-20T04:38:00Z")));
}

#[test]
fn a_run_that_proved_nothing_says_why_and_measures_nothing() {
    insta::assert_snapshot!(story(
        Verdict::Inconclusive,
        &["the room was still creating at the deadline 2026-11-20T06:05:00Z"],
        None
    ));
}

#[test]
fn more_reasons_than_fit_are_cut_and_an_objective_met_exactly_is_met() {
    let many: Vec<String> = (0..20).map(|n| format!("finding {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let told = story(Verdict::Failed, &many, Some("2026-11-20T04:05:00Z"));
    assert!(told.contains("    reason 6: finding 5\n") && !told.contains("reason 7"), "{told}");
    let told = story(Verdict::Passed, &[], Some("2026-11-20T04:05:00Z"));
    assert!(told.contains("recovery time of orders-db was 2h, RTO 2h is met"), "{told}");
}
