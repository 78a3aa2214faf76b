//! What people are told of a judged run. Pure.

use holdfast_domain::plan::Resource;
use holdfast_domain::{Cause, Finding, FindingState, Plan, Severity, Verdict};
use holdfast_ledger::{Run, RunVerdict};
use jiff::{SignedDuration, Timestamp};

/// Findings about a judged run: one on the proof, and, where it was measured, one on each objective. What is as it must be resolves
/// an incident that an earlier run opened.
#[must_use]
pub fn findings(plan: &Plan, resource: &Resource, run: &Run, verdict: &RunVerdict, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![proof(plan, run, verdict, now)];
    if let Some(took) = run.recovery_time() {
        findings.push(objective(plan, run, &RTO, took, resource.objectives.rto, now));
        findings.push(objective(plan, run, &RPO, run.recovery_point_age(), resource.objectives.rpo, now));
    }
    findings
}

fn proof(plan: &Plan, run: &Run, verdict: &RunVerdict, now: Timestamp) -> Finding {
    let why = verdict.reasons.first().map_or("no reason was recorded", String::as_str);
    let (state, title, threatens) = match verdict.verdict {
        Verdict::Passed => {
            (FindingState::Resolved, format!("the restore test of {} passed", run.resource), String::from("nothing"))
        }
        Verdict::Failed => (
            FindingState::Open,
            format!("the restore test of {} failed: {why}", run.resource),
            format!("{} cannot be recovered whole from {}", run.resource, run.source.snapshot),
        ),
        Verdict::Inconclusive => (
            FindingState::Open,
            format!("the restore test of {} proved nothing: {why}", run.resource),
            format!("it is not known whether {} can be recovered from {}", run.resource, run.source.snapshot),
        ),
    };
    Finding {
        cause: Cause::of_resource(&plan.name, &plan.environment, &run.resource, "restore-test"),
        state,
        severity: Severity::High,
        resource: Some(run.resource.clone()),
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
        seen_at: now,
    }
}

fn facts(run: &Run, verdict: &RunVerdict) -> Vec<(String, String)> {
    let mut facts = vec![
        ("run".into(), run.id.to_string()),
        ("recovery point".into(), format!("{} in {}", run.source.snapshot, run.region)),
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
    run: &Run,
    objective: &Objective,
    value: SignedDuration,
    limit: SignedDuration,
    now: Timestamp,
) -> Finding {
    let met = value <= limit;
    let Objective { name, measured, mend } = objective;
    Finding {
        cause: Cause::of_resource(&plan.name, &plan.environment, &run.resource, &name.to_lowercase()),
        state: if met { FindingState::Resolved } else { FindingState::Open },
        severity: Severity::High,
        resource: Some(run.resource.clone()),
        title: format!(
            "{measured} of {} was {value:#}, {name} {limit:#} is {}",
            run.resource,
            if met { "met" } else { "missed" }
        ),
        threatens: if met { "nothing".into() } else { format!("a recovery of {} would miss its {name}", run.resource) },
        next_step: if met { "nothing".into() } else { (*mend).into() },
        facts: vec![("run".into(), run.id.to_string())],
        seen_at: now,
    }
}

#[cfg(test)]
mod tests;
