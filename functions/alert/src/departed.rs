//! What left the plan. Pure.
//!
//! Whoever tells of a resource looks at what the plan has. Of what the plan has no longer, nobody would ever tell the end, and people would
//! have it before them for ever. So it ends here: once, and in words that say why, for nothing was mended. This is no judgement of health:
//! it compares names. What it compares with was read after the news came, so that the plan is never older than that of whoever told.
//!
//! Every incident is looked at before anybody is told of it. So nobody hears what a run that began under an older plan is judged hours later.
//!
//! Left alone is what no plan of this name can end: causes of another plan or environment, and those of Holdfast itself (a room that will
//! not go stands, whether the plan has its resource or not).

use holdfast_domain::plan::PlanPart;
use holdfast_domain::{Cause, Finding, FindingState, Plan, ResourceName, Severity};
use holdfast_ledger::{Incident, Line, LineState};
use jiff::Timestamp;

/// The most lines of one incident that end at once: each costs a handful of calls, and an invocation has 30 s. The next sweep does more.
const LINES_AT_ONCE: usize = 50;

/// The ends of those causes of an incident that stand for something which the plan no longer has; bounded.
#[must_use]
pub(crate) fn of_incident(plan: &Plan, incident: &Incident, now: Timestamp) -> Vec<Finding> {
    let over = |(cause, line): (&String, &Line)| {
        let why = why(plan, cause, line.resource.as_ref(), line.part.as_ref())?;
        Some(Finding {
            cause: cause.parse().ok()?,
            state: FindingState::Resolved,
            severity: Severity::Low,
            resource: line.resource.clone(),
            part: line.part.clone(),
            title: words(&why),
            threatens: String::new(),
            next_step: String::new(),
            facts: Vec::new(),
            seen_at: now,
        })
    };
    let stands = |(_, line): &(&String, &Line)| matches!(line.state, LineState::Standing | LineState::Flapping);
    incident.lines.iter().filter(stands).filter_map(over).take(LINES_AT_ONCE).collect()
}

/// Why nobody would ever tell the end of a cause, in words.
fn why(plan: &Plan, cause: &str, resource: Option<&ResourceName>, part: Option<&PlanPart>) -> Option<String> {
    let resource = resource?;
    let own = Cause::of_resource(&plan.name, &plan.environment, resource, "");
    if cause.starts_with(own.as_str()) { plan.lacks(resource, part) } else { None }
}

fn words(why: &str) -> String {
    format!("it is over because {why}: nobody looks at it now, and nothing says that it was mended")
}
