//! One link as a page: what was found first, then of what and where, how long it took, and the checks: those that passed by their number,
//! all others one by one.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use holdfast_ledger::{
    CHECK_LINES_MAX, CheckLine, CheckSummary, Evidence, Maker, OutcomeWord, Reached, RequirementWord, SeenBy,
};
use jiff::{SignedDuration, Timestamp};

/// Where the second column begins.
const COLUMN: usize = 22;

/// Writes the page.
pub(crate) fn write(out: &mut impl Write, evidence: &Evidence) -> Result<()> {
    let Evidence { resource, number, verdict, statement, .. } = evidence;
    writeln!(out, "{resource}, evidence {number}: {}\n{statement}\n", verdict.to_uppercase())?;
    list(out, "found", evidence.reasons.iter().cloned())?;
    about(out, evidence)?;
    measured(out, evidence)?;
    writeln!(out, "\n{:<COLUMN$}{:<24}after", "phase", "at")?;
    for phase in &evidence.phases {
        writeln!(out, "{}", reached(phase).trim_end())?;
    }
    writeln!(out)?;
    match &evidence.checks {
        Some(summary) => checks(out, summary),
        None => Ok(writeln!(out, "{:<COLUMN$}none: nothing could be looked at", "checks")?),
    }
}

fn about(out: &mut impl Write, evidence: &Evidence) -> Result<()> {
    let Evidence { recovery_point, room, plan, .. } = evidence;
    let made_by = match recovery_point.made_by {
        Maker::Holdfast => "Holdfast",
        Maker::Rds => "RDS",
        Maker::AwsBackup => "AWS Backup",
        Maker::Somebody => "somebody else",
    };
    line(out, "recovery point", &format!("{}, made by {made_by}", recovery_point.point))?;
    line(out, "its data is of", &to_second(recovery_point.moment))?;
    let gone = room.gone_at.map_or_else(|| "was not seen gone".into(), |at| format!("gone at {}", to_second(at)));
    line(out, "room", &format!("{} in {}, {}; {gone}", room.id, room.region, room.instance_class))?;
    list(out, "not as its source", room.differs_in.iter().cloned())?;
    line(out, "run", &format!("{}, by {}; proves {}", evidence.run, rule(&evidence.rule), evidence.proof_of))?;
    line(out, "plan", &format!("{} {}, sha256 {}", plan.name, plan.environment, plan.sha256))?;
    line(out, "written", &format!("{} by {}", to_second(evidence.written_at), evidence.written_by))?;
    Ok(writeln!(out)?)
}

fn rule(rule: &str) -> String {
    if rule == "manual" { "hand".into() } else { format!("the rule {rule}") }
}

fn measured(out: &mut impl Write, evidence: &Evidence) -> Result<()> {
    let promised = &evidence.objectives;
    let took = evidence.recovery_time_seconds.map_or_else(|| "none measured".into(), in_words);
    let age = in_words(evidence.recovery_point_age_seconds);
    let of = |name: &str, seconds: i64, said: &str| {
        format!("{name} {} (loss of the {}): {said}", in_words(seconds), promised.of_loss)
    };
    line(out, "recovery time", &format!("{took}; {}", of("RTO", promised.rto_seconds, &promised.rto)))?;
    line(out, "recovery point age", &format!("{age}; {}", of("RPO", promised.rpo_seconds, &promised.rpo)))?;
    let alike = evidence.trend.iter().filter(|point| point.of == evidence.proof_of);
    let before: Vec<String> = alike.map(|point| in_words(point.recovery_time_seconds)).collect();
    if before.is_empty() { Ok(()) } else { line(out, "recovered before in", &before.join(", ")) }
}

fn reached(phase: &Reached) -> String {
    let seen = match phase.seen_by {
        Some(SeenBy::Sweep) => "  seen by a sweep",
        Some(SeenBy::Event) => "  seen by an event",
        None => "",
    };
    let after = format!("+{}", in_words(phase.seconds));
    format!("{:<COLUMN$}{:<24}{after:<10}{seen}", phase.what, to_second(phase.at))
}

fn checks(out: &mut impl Write, summary: &CheckSummary) -> Result<()> {
    let CheckSummary { passed, failed, not_run, .. } = summary;
    let ended = if summary.finished { "" } else { "; more had not ended" };
    line(out, "checks", &format!("{failed} failed, {not_run} did not run, {passed} passed{ended}"))?;
    let is_passed = |check: &&CheckLine| check.outcome == OutcomeWord::Passed;
    for check in summary.lines.iter().filter(|check| !is_passed(check)) {
        writeln!(out, "  {}", said(check))?;
    }
    let mut passed_by_kind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for check in summary.lines.iter().filter(is_passed) {
        passed_by_kind.entry(kind(&check.check)).or_default().push(&check.check);
    }
    for (kind, checks) in passed_by_kind {
        match checks.as_slice() {
            [one] => writeln!(out, "  passed   {one}")?,
            several => writeln!(out, "  passed   {kind}: {} checks", several.len())?,
        }
    }
    let more = (passed + failed + not_run).saturating_sub(summary.lines.len());
    if more > 0 {
        writeln!(out, "  and {more} more: a link names {CHECK_LINES_MAX} at most, {} all", summary.record)?;
    }
    Ok(())
}

/// `heap app.public.orders blocks 0-16383` is of the kind `heap`.
fn kind(check: &str) -> &str {
    check.split(' ').next().unwrap_or(check)
}

fn said(check: &CheckLine) -> String {
    let outcome = match check.outcome {
        OutcomeWord::Failed => "FAILED",
        OutcomeWord::NotRun => "not run",
        OutcomeWord::Passed => "passed",
    };
    let best_effort = match check.requirement {
        RequirementWord::Required => "",
        RequirementWord::BestEffort => " (best effort)",
    };
    let detail = check.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    format!("{outcome:<8} {}{best_effort}{detail}", check.check)
}

fn line(out: &mut impl Write, name: &str, value: &str) -> Result<()> {
    Ok(writeln!(out, "{name:<COLUMN$}{value}")?)
}

/// A line for each, named once; nothing, if there is none.
fn list(out: &mut impl Write, name: &str, values: impl Iterator<Item = String>) -> Result<()> {
    for (place, value) in values.enumerate() {
        line(out, if place == 0 { name } else { "" }, &value)?;
    }
    Ok(())
}

/// Reading to the second is enough; the link itself is as exact as it was measured.
fn to_second(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// `1h 3m`, `9m 20s`, `4s`: a day and longer in days.
fn in_words(seconds: i64) -> String {
    let time = SignedDuration::from_secs(seconds);
    let (days, rest) = (time.as_hours() / 24, time.as_secs() % 86_400);
    let below = format!("{:#}", SignedDuration::from_secs(rest));
    match (days, rest) {
        (0, _) => below,
        (_, 0) => format!("{days}d"),
        (_, _) => format!("{days}d {below}"),
    }
}
