//! What people are told of a judged run. Pure.

use holdfast_domain::plan::Resource;
use holdfast_domain::{Finding, FindingState, Plan, Severity, Verdict};
use holdfast_ledger::{Run, RunVerdict, TrendPoint};
use jiff::{SignedDuration, Timestamp};

use crate::proof::Proof;
use crate::prove;

/// Findings about a judged run: one on the proof, and, if it passed, one on each objective: what failed or proved nothing measured no
/// recovery, and leaves what was said of the objectives before as it is. What is as it must be resolves an incident that an earlier run
/// of the same sort opened. `trend` are the runs before, oldest first.
///
/// They are as old as the verdict, whenever they are told: what an invocation that was killed left to be told does not go over what a
/// later run was judged.
#[must_use]
pub fn findings(
    plan: &Plan,
    resource: &Resource,
    run: &Run,
    verdict: &RunVerdict,
    trend: &[TrendPoint],
) -> Vec<Finding> {
    let proof = Proof::of(run, resource);
    let judged_at = run.times.judged_at.unwrap_or_else(|| run.known_until());
    let mut findings = vec![of_proof(plan, &proof, run, verdict, judged_at)];
    if let Some(took) = run.recovery_time() {
        let (limits, _) = proof.objectives();
        let measured = (took, limits.rto);
        let mut rto = objective(plan, &proof, run, &RTO, measured, judged_at);
        rto.facts.push(("recovery time".into(), prove::among(took, run, resource, trend)));
        findings.push(rto);
        // Of a recovery point that is old on purpose the age says nothing.
        if proof.is_of_the_newest() {
            let measured = (run.recovery_point_age(), limits.rpo);
            findings.push(objective(plan, &proof, run, &RPO, measured, judged_at));
        }
    }
    findings
}

fn of_proof(plan: &Plan, proof: &Proof<'_>, run: &Run, verdict: &RunVerdict, judged_at: Timestamp) -> Finding {
    let why = verdict.reasons.first().map_or("no reason was recorded", String::as_str);
    let (state, title, threatens) = match verdict.verdict {
        Verdict::Passed => {
            (FindingState::Resolved, format!("the restore test of {} passed", run.resource), String::from("nothing"))
        }
        Verdict::Failed => (
            FindingState::Open,
            format!("the restore test of {} failed: {why}", run.resource),
            format!("{} cannot be recovered whole from {}", run.resource, run.source.point),
        ),
        Verdict::Inconclusive => (
            FindingState::Open,
            format!("the restore test of {} proved nothing: {why}", run.resource),
            format!("it is not known whether {} can be recovered from {}", run.resource, run.source.point),
        ),
    };
    Finding {
        cause: proof.cause(plan, &run.resource, "restore-test"),
        state,
        severity: Severity::High,
        resource: Some(run.resource.clone()),
        part: proof.part(!run.is_by_hand()),
        title,
        threatens,
        next_step: match verdict.verdict {
            Verdict::Passed => "nothing".into(),
            Verdict::Failed => {
                format!(
                    "check the source database {} for the same damage, and restore-test an older recovery point",
                    run.resource
                )
            }
            Verdict::Inconclusive => {
                "read the reasons below, mend what kept the checks from running, and test again".into()
            }
        },
        facts: facts(run, verdict),
        seen_at: judged_at,
    }
}

fn facts(run: &Run, verdict: &RunVerdict) -> Vec<(String, String)> {
    let mut facts = vec![
        ("run".into(), run.id.to_string()),
        ("recovery point".into(), format!("{} in {}", run.source.point, run.region)),
        ("taken".into(), run.source.taken_at.to_string()),
    ];
    // Ten facts are what a Slack section shows; the whole list lies in the ledger.
    facts.extend(
        verdict.reasons.iter().take(6).enumerate().map(|(n, reason)| (format!("reason {}", n + 1), reason.clone())),
    );
    facts
}

/// An objective in words.
struct Objective {
    name: &'static str,
    measured: &'static str,
    mend: &'static str,
}

const RTO: Objective = Objective {
    name: "RTO",
    measured: "recovery time",
    mend: "see which phase took the time, give the restore a larger instance class, or change the objective",
};

const RPO: Objective = Objective {
    name: "RPO",
    measured: "recovery point age",
    mend: "take recovery points more often, see whether any was missed, or change the objective",
};

fn objective(
    plan: &Plan,
    proof: &Proof<'_>,
    run: &Run,
    objective: &Objective,
    (value, limit): (SignedDuration, SignedDuration),
    judged_at: Timestamp,
) -> Finding {
    let met = value <= limit;
    let Objective { name, measured, mend } = objective;
    Finding {
        cause: proof.cause(plan, &run.resource, &name.to_lowercase()),
        state: if met { FindingState::Resolved } else { FindingState::Open },
        severity: Severity::High,
        resource: Some(run.resource.clone()),
        part: proof.part(!run.is_by_hand()),
        title: format!(
            "{measured} of {} was {value:#}, {name} {limit:#} is {}",
            run.resource,
            if met { "met" } else { "missed" }
        ),
        threatens: if met { "nothing".into() } else { format!("a recovery of {} would miss its {name}", run.resource) },
        next_step: if met { "nothing".into() } else { (*mend).into() },
        facts: vec![("run".into(), run.id.to_string())],
        seen_at: judged_at,
    }
}

#[cfg(test)]
mod tests;
