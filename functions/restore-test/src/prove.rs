//! The evidence of a run that is over, and the trend that it stands in. Pure.

use holdfast_domain::Verdict;
use holdfast_domain::plan::{Plan, Resource};
use holdfast_ledger::{
    CHECK_LINES_MAX, CheckLine, CheckRecord, CheckSummary, EVIDENCE_VERSION, Evidence, EvidencePoint, Fingerprint,
    Link, Maker, ObjectivesInForce, OutcomeWord, PlanRef, Reached, RoomRecord, Run, RunVerdict, SeenBy, TrendPoint,
    Verification, sha256, verification_key,
};
use jiff::{SignedDuration, Timestamp};

use crate::proof::Proof;

/// How many earlier runs people are told of.
const TOLD_MAX: usize = 5;

/// What a verification's record was when the evidence was written.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// What it says.
    pub verification: &'a Verification,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// What the evidence of a run is made of.
#[derive(Debug, Clone, Copy)]
pub struct Proven<'a> {
    /// The plan that it ran under.
    pub plan: &'a Plan,
    /// The resource, as that plan says.
    pub resource: &'a Resource,
    /// The run, its room gone.
    pub run: &'a Run,
    /// Its verdict.
    pub verdict: &'a RunVerdict,
    /// What was checked, if anything was.
    pub checked: Option<Checked<'a>>,
    /// What writes it, and in which version.
    pub written_by: &'a str,
    /// When.
    pub now: Timestamp,
}

/// The link for a place in the chain.
#[must_use]
pub fn evidence(proven: &Proven<'_>, number: u64, before: Option<&Link>) -> Evidence {
    let Proven { plan, resource, run, verdict, checked, written_by, now } = *proven;
    let proof = Proof::of(run, resource);
    Evidence {
        version: EVIDENCE_VERSION,
        resource: run.resource.clone(),
        number,
        previous_sha256: before.map(|link| sha256(&link.bytes)),
        statement: statement(run, verdict.verdict),
        verdict: verdict.verdict.as_str().into(),
        reasons: verdict.reasons.clone(),
        run: run.id.clone(),
        rule: run.rule.clone(),
        proof_of: proof.words(),
        recovery_point: EvidencePoint {
            point: run.source.point.clone(),
            arn: run.source.arn.clone(),
            made_by: run.source.made_by,
            chosen_as: run.source.from.clone(),
            moment: run.source.taken_at,
            size_bytes: run.source.size_bytes,
            taken_of: run.source.fingerprint.clone(),
        },
        room: RoomRecord {
            id: run.room.to_string(),
            region: run.region.clone(),
            instance_class: run.instance_class.clone(),
            run_with: run.restored_as.clone(),
            differs_in: run.restored_as.as_ref().map_or_else(Vec::new, |room| differs_in(run, room)),
            gone_at: run.times.closed_at,
        },
        checks: checked.map(|checked| summary(run, checked)),
        phases: phases(run),
        recovery_time_seconds: run.recovery_time().map(|took| took.as_secs()),
        recovery_point_age_seconds: run.recovery_point_age().as_secs(),
        objectives: objectives(&proof, run),
        trend: before.map_or_else(Vec::new, Link::trend),
        plan: PlanRef {
            name: plan.name.to_string(),
            environment: plan.environment.to_string(),
            sha256: run.plan_sha.clone(),
        },
        written_by: written_by.into(),
        written_at: now,
    }
}

fn statement(run: &Run, verdict: Verdict) -> String {
    let by = match run.source.made_by {
        Maker::Holdfast => "Holdfast",
        Maker::Rds => "RDS",
        Maker::AwsBackup => "AWS Backup",
        Maker::Somebody => "somebody else",
    };
    let Run { resource, source, region, .. } = run;
    let from = format!("{resource} in {region} from {} ({} by {by})", source.point, source.taken_at);
    match verdict {
        Verdict::Passed => format!("the restore of {from} passed every required check"),
        Verdict::Failed => format!("the restore of {from} failed: it cannot be recovered whole from there"),
        Verdict::Inconclusive => format!("the restore of {from} proved nothing"),
    }
}

/// In what a room is not run as its source is. Its own parameter group is told value by value, if it was run with that.
fn differs_in(run: &Run, room: &Fingerprint) -> Vec<String> {
    let own = |name: &String| *name == run.room.as_str();
    let Some(parameters) = run.parameters.as_ref().filter(|_| room.parameter_group.as_ref().is_some_and(own)) else {
        return differences(&run.source.fingerprint, room);
    };
    let named_alike = Fingerprint { parameter_group: run.source.fingerprint.parameter_group.clone(), ..room.clone() };
    let mut differ = differences(&run.source.fingerprint, &named_alike);
    if let Some(source) = &parameters.copied_from {
        differ.push(format!("parameter group: {}, made of {source} but for what follows", run.room));
    }
    differ.extend(parameters.differs_in.iter().cloned());
    differ
}

/// What the source was run with and nobody knows is not a difference.
fn differences(source: &Fingerprint, room: &Fingerprint) -> Vec<String> {
    let differ = |what: &str, of: Option<&str>, is: Option<&str>| match (of, is) {
        (Some(of), Some(is)) if of != is => Some(format!("{what}: {is}, the source has {of}")),
        (Some(_) | None, Some(_) | None) => None,
    };
    let pairs = [
        differ("engine version", Some(&source.engine_version), Some(&room.engine_version)),
        differ("parameter group", source.parameter_group.as_deref(), room.parameter_group.as_deref()),
        differ("option group", source.option_group.as_deref(), room.option_group.as_deref()),
    ];
    pairs.into_iter().flatten().collect()
}

fn summary(run: &Run, checked: Checked<'_>) -> CheckSummary {
    let results = &checked.verification.results;
    let count = |outcome: OutcomeWord| results.iter().filter(|result| result.outcome == outcome).count();
    let lines = [OutcomeWord::Failed, OutcomeWord::NotRun, OutcomeWord::Passed]
        .into_iter()
        .flat_map(|outcome| results.iter().filter(move |result| result.outcome == outcome))
        .take(CHECK_LINES_MAX)
        .map(line)
        .collect();
    CheckSummary {
        record: verification_key(&run.id),
        record_sha256: sha256(checked.bytes),
        finished: checked.verification.finished_at.is_some(),
        passed: count(OutcomeWord::Passed),
        failed: count(OutcomeWord::Failed),
        not_run: count(OutcomeWord::NotRun),
        lines,
    }
}

fn line(result: &CheckRecord) -> CheckLine {
    CheckLine {
        check: result.check.clone(),
        outcome: result.outcome,
        requirement: result.requirement,
        detail: (result.outcome != OutcomeWord::Passed).then(|| result.detail.clone()),
    }
}

/// Every phase that was reached, in order, each with how it was seen where that is not the moment itself.
fn phases(run: &Run) -> Vec<Reached> {
    let times = &run.times;
    let reached: [(&str, Option<Timestamp>, Option<SeenBy>); 10] = [
        ("requested", Some(run.requested_at), None),
        ("restore accepted", times.restore_accepted_at, None),
        ("cluster available", times.cluster_available_at, times.cluster_available_by),
        ("room available", times.available_at, times.available_by),
        ("password applied", times.ready_at, times.ready_by),
        ("first query answered", times.first_query_at, None),
        ("every page read", times.fully_read_at, None),
        ("last check ended", times.verified_at, None),
        ("judged", times.judged_at, times.judged_by),
        ("room gone", times.closed_at, times.closed_by),
    ];
    let mut before = run.requested_at;
    let mut phases = Vec::new();
    for (what, at, seen_by) in reached {
        let Some(at) = at else { continue };
        phases.push(Reached { what: what.into(), at, seconds: at.duration_since(before).as_secs(), seen_by });
        before = at;
    }
    phases
}

/// What failed or proved nothing meets no objective and misses none.
const NOT_RECOVERED: &str = "not judged: no recovery was proved";

fn objectives(proof: &Proof<'_>, run: &Run) -> ObjectivesInForce {
    let (limits, of_loss) = proof.objectives();
    let word = |value: SignedDuration, limit: SignedDuration| if value <= limit { "met" } else { "missed" };
    let rto = run.recovery_time().map_or(NOT_RECOVERED, |took| word(took, limits.rto));
    let rpo = match run.recovery_time() {
        None => NOT_RECOVERED,
        Some(_) if proof.is_of_the_newest() => word(run.recovery_point_age(), limits.rpo),
        Some(_) => "not judged: the recovery point was not chosen for being the newest",
    };
    ObjectivesInForce {
        of_loss: of_loss.into(),
        rto_seconds: limits.rto.as_secs(),
        rto: rto.into(),
        rpo_seconds: limits.rpo.as_secs(),
        rpo: rpo.into(),
    }
}

/// A recovery time among those of earlier runs of its sort, in words: `14m (last five: 12m 13m 12m 15m 14m)`.
#[must_use]
pub fn among(took: SignedDuration, run: &Run, resource: &Resource, trend: &[TrendPoint]) -> String {
    let words = Proof::of(run, resource).words();
    let alike: Vec<&TrendPoint> = trend.iter().filter(|point| point.of == words).collect();
    let last: Vec<String> = alike[alike.len().saturating_sub(TOLD_MAX)..]
        .iter()
        .map(|point| in_words(SignedDuration::from_secs(point.recovery_time_seconds)))
        .collect();
    let took = in_words(took);
    match last.as_slice() {
        [] => format!("{took} (the first that was measured)"),
        [one] => format!("{took} (the one before: {one})"),
        several => format!("{took} (last {}: {})", COUNTS[several.len() - 2], several.join(" ")),
    }
}

const COUNTS: [&str; TOLD_MAX - 1] = ["two", "three", "four", "five"];

/// To the second below an hour, to the minute above: `14m 3s`, `2h 33m`.
fn in_words(time: SignedDuration) -> String {
    let seconds = if time.abs() < SignedDuration::from_hours(1) { time.as_secs() } else { time.as_secs() / 60 * 60 };
    format!("{:#}", SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
