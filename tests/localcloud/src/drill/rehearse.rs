//! The rehearsal itself: the passing and the failing leg, side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use holdfast_domain::{DbSnapshotId, Plan, Region, ResourceName, RunId, Slot, slot};
use holdfast_ledger::{OutcomeWord, Phase, Run, RunTimes};
use jiff::Timestamp;

use super::plan::{self, due_next_minute, instance};
use super::report::{Arrived, Rehearsal, SecondOpinion};
use super::second_opinion;
use super::stage::{Spinner, Stage};
use crate::cloud::LocalCloud;
use crate::postgres::Damage;
use crate::rds::InstanceId;
use crate::sample;
use crate::zips::Package;

/// The database whose recovery point gets damaged.
const DAMAGED: &str = "archive-db";
/// The database within both.
const DATABASE: &str = "app";
/// The damaged table and page: a page of zeroes is a valid empty page to PostgreSQL.
const DAMAGED_TABLE: &str = "orders";
const DAMAGED_PAGE: u32 = 7;
/// From the due minute until both runs are closed; on a quiet machine it takes a sixth of it.
const REHEARSAL_WITHIN: Duration = Duration::from_secs(120);
/// From the verdict until the alert is there.
const ALERT_WITHIN: Duration = Duration::from_secs(20);

/// What came of a rehearsal: every recovery, the second opinion if one was asked for, the alerts.
pub(super) type Rehearsed = (Vec<Rehearsal>, Option<SecondOpinion>, Vec<Arrived>);

/// Rehearses both legs on a local cloud.
///
/// # Errors
/// When it cannot be carried through.
pub(super) async fn both_legs(
    cloud: &mut LocalCloud,
    packages: &BTreeMap<String, Package>,
    stage: &mut Stage,
) -> Result<Rehearsed> {
    let (sketch, _) = due_next_minute(plan::DRILL, Timestamp::now())?;
    seed(cloud, sketch.plan(), stage).await?;
    let taken = snapshots(cloud, packages, plan::DRILL, REHEARSAL_WITHIN, stage).await?;
    let (region, damaged) =
        (&taken.plan.primary, &taken.ids[&DAMAGED.parse::<ResourceName>().context("a legal name")?]);
    let (runs, opinion) = stage
        .step("restore tests run", async |spinner| {
            let watched = watch(cloud, &taken, REHEARSAL_WITHIN, spinner);
            let asked = second_opinion::ask(cloud, region, damaged, DATABASE);
            let (runs, opinion) = tokio::join!(watched, asked);
            let (runs, opinion) = (runs?, opinion?);
            Ok(((runs, opinion), all_closed(&taken)))
        })
        .await?;
    let rehearsals = rehearsals(cloud, &taken.plan, &runs).await?;
    show(&rehearsals, stage);
    show_opinion(&opinion, stage);
    let alerts = stage.step("people told", async |_| alerts(cloud, DAMAGED).await).await?;
    nothing_was_lost(cloud, stage).await?;
    Ok((rehearsals, Some(opinion), alerts))
}

/// Recovery points that the schedule made.
#[derive(Debug)]
pub(super) struct Taken {
    /// The plan that was deployed.
    pub(super) plan: Plan,
    /// The minute they were due.
    pub(super) due: Timestamp,
    /// One for each resource.
    pub(super) ids: BTreeMap<ResourceName, DbSnapshotId>,
}

/// Deploys the plan of a template and waits until its schedule has made a recovery point of every resource.
///
/// # Errors
/// When the plan cannot be deployed, or they are not made in time.
pub(super) async fn snapshots(
    cloud: &mut LocalCloud,
    packages: &BTreeMap<String, Package>,
    template: &str,
    within: Duration,
    stage: &mut Stage,
) -> Result<Taken> {
    let (compiled, due) = stage
        .step("plan deployed", async |_| {
            let first = due_next_minute(template, Timestamp::now())?;
            cloud.deploy(&first.0, packages).await?;
            Ok((first, format!("{} functions", packages.len())))
        })
        .await?;
    let plan = compiled.plan().clone();
    let ids = stage
        .step("snapshots taken on schedule", async |spinner| taken(cloud, &plan, due, within, spinner).await)
        .await?;
    Ok(Taken { plan, due, ids })
}

/// What a step says when every run is over.
pub(super) fn all_closed(taken: &Taken) -> String {
    let runs = if taken.ids.len() == 1 { "1 run".into() } else { format!("{} runs", taken.ids.len()) };
    format!("{runs}, restored, verified, judged, rooms destroyed")
}

/// Makes both databases, fills them, and arranges the damage of the second one's next snapshot.
async fn seed(cloud: &LocalCloud, plan: &Plan, stage: &mut Stage) -> Result<()> {
    stage
        .step("sample databases seeded", async |_| {
            let made = plan.resources.values().map(async |resource| {
                let login = cloud.create_database(&resource.region, instance(resource)?, DATABASE).await?;
                Ok::<_, anyhow::Error>(sample::seed(&login).await?)
            });
            let samples = futures_util::future::try_join_all(made).await?;
            let damaged = &plan.resources[&DAMAGED.parse::<ResourceName>()?];
            let damage =
                Damage::ZeroHeapPage { database: DATABASE.into(), table: DAMAGED_TABLE.into(), page: DAMAGED_PAGE };
            let (region, id) =
                (second_opinion::rds_region(&damaged.region), InstanceId::parse(instance(damaged)?.as_str())?);
            cloud.rds.damage_next_snapshot(&region, &id, damage);
            let rows: u64 = samples.iter().map(sample::Sample::rows_total).sum();
            Ok(((), format!("{} databases, {rows} rows", samples.len())))
        })
        .await
}

/// Waits until the schedule has made a recovery point of every resource.
async fn taken(
    cloud: &LocalCloud,
    plan: &Plan,
    due: Timestamp,
    within: Duration,
    spinner: &Spinner,
) -> Result<(BTreeMap<ResourceName, DbSnapshotId>, String)> {
    let ids: BTreeMap<ResourceName, DbSnapshotId> = plan
        .resources
        .keys()
        .map(|name| (name.clone(), slot::db_snapshot_id(&plan.name, &plan.environment, name, Slot::at(due))))
        .collect();
    let looked = async {
        loop {
            let left = due.duration_since(Timestamp::now()).as_secs();
            spinner.say(&if left > 0 { format!("due in {left} s") } else { "being taken".into() });
            if all_available(cloud, plan, &ids).await? {
                return Ok::<_, anyhow::Error>(());
            }
            refuse_dead_letters(cloud).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let patience = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default() + within;
    tokio::time::timeout(patience, looked).await.context("the schedule made no snapshots in time")??;
    Ok((ids, format!("due at {due}")))
}

async fn all_available(cloud: &LocalCloud, plan: &Plan, ids: &BTreeMap<ResourceName, DbSnapshotId>) -> Result<bool> {
    let mut available = 0;
    for region in plan.regions() {
        let seen = cloud.rds_client(region).describe_db_snapshots().send().await?;
        let is_ours = |id: Option<&str>| ids.values().any(|wanted| Some(wanted.as_str()) == id);
        let done = seen
            .db_snapshots()
            .iter()
            .filter(|s| is_ours(s.db_snapshot_identifier()) && s.status() == Some("available"));
        available += done.count();
    }
    Ok(available == ids.len())
}

/// Watches the runs until they are closed.
///
/// # Errors
/// When they are not in time, or a function failed for good.
pub(super) async fn watch(cloud: &LocalCloud, taken: &Taken, within: Duration, spinner: &Spinner) -> Result<Vec<Run>> {
    let mut ids: Vec<RunId> = Vec::new();
    for resource in taken.ids.keys() {
        ids.push(format!("{resource}.every.{}", Slot::at(taken.due)).parse()?);
    }
    let looked = async {
        loop {
            let mut runs = Vec::new();
            for id in &ids {
                runs.extend(cloud.run(id).await?);
            }
            let words: Vec<String> =
                runs.iter().map(|run| format!("{} {:?}", run.resource, run.phase).to_lowercase()).collect();
            spinner.say(&words.join(", "));
            if runs.len() == ids.len()
                && runs.iter().all(|run| run.phase == Phase::Closed)
                && cloud.open_runs().await?.is_empty()
            {
                return Ok::<_, anyhow::Error>(runs);
            }
            refuse_dead_letters(cloud).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(within, looked).await.context("the restore tests did not end in time")?
}

/// A function that failed for good would otherwise show only as a rehearsal that never ends.
async fn refuse_dead_letters(cloud: &LocalCloud) -> Result<()> {
    let letters = cloud.deployed.dead_letters(&cloud.endpoint).await?;
    match letters.first() {
        None => Ok(()),
        Some(letter) => bail!("a function failed for good: {letter:?}"),
    }
}

/// What came of runs that are closed.
///
/// # Errors
/// When a record cannot be read.
pub(super) async fn rehearsals(cloud: &LocalCloud, plan: &Plan, runs: &[Run]) -> Result<Vec<Rehearsal>> {
    let mut rehearsals = Vec::new();
    for run in runs {
        rehearsals.push(rehearsal(cloud, plan, run).await?);
    }
    Ok(rehearsals)
}

async fn rehearsal(cloud: &LocalCloud, plan: &Plan, run: &Run) -> Result<Rehearsal> {
    let objectives = plan.resources[&run.resource].objectives;
    let results = cloud.verification(&run.id).await?.map(|verification| verification.results).unwrap_or_default();
    let verdict = run.verdict.as_ref().context("a closed run has a verdict")?;
    Ok(Rehearsal {
        resource: run.resource.to_string(),
        recovery_point: run.source.point.to_string(),
        verdict: verdict.verdict.to_string(),
        expected: if run.resource.as_str() == DAMAGED { "failed".into() } else { "passed".into() },
        reasons: verdict.reasons.clone(),
        checks_passed: results.iter().filter(|result| result.outcome == OutcomeWord::Passed).count(),
        checks_total: results.len(),
        recovery_time_seconds: run.recovery_time().map(|time| time.as_secs_f64()),
        rto_seconds: objectives.rto.as_secs_f64(),
        recovery_point_age_seconds: run.recovery_point_age().as_secs_f64(),
        rpo_seconds: objectives.rpo.as_secs_f64(),
        phases_seconds: phases(run.requested_at, &run.times),
        room_gone: room_gone(cloud, &run.region, run).await?,
    })
}

fn phases(requested_at: Timestamp, times: &RunTimes) -> BTreeMap<String, f64> {
    let named = [
        ("restore_accepted", times.restore_accepted_at),
        ("available", times.available_at),
        ("ready", times.ready_at),
        ("first_query", times.first_query_at),
        ("fully_read", times.fully_read_at),
        ("verified", times.verified_at),
        ("judged", times.judged_at),
        ("closed", times.closed_at),
    ];
    let since = |at: Timestamp| at.duration_since(requested_at).as_secs_f64();
    named.into_iter().filter_map(|(name, at)| Some((name.to_owned(), since(at?)))).collect()
}

async fn room_gone(cloud: &LocalCloud, region: &Region, run: &Run) -> Result<bool> {
    let seen = cloud.rds_client(region).describe_db_instances().send().await?;
    let stands =
        seen.db_instances().iter().any(|instance| instance.db_instance_identifier() == Some(run.room.as_str()));
    let secrets = aws_sdk_secretsmanager::Client::new(&cloud.endpoint.config(crate::cloud::HOME));
    let kept = secrets.list_secrets().send().await?;
    let secret = kept.secret_list().iter().any(|secret| secret.name() == Some(run.secret.as_str()));
    Ok(!stands && !secret)
}

/// Shows every verdict and whether it is the one that had to come.
pub(super) fn show(rehearsals: &[Rehearsal], stage: &mut Stage) {
    for rehearsal in rehearsals {
        let right = rehearsal.verdict == rehearsal.expected;
        let name = format!("{} {}", rehearsal.resource, rehearsal.verdict);
        // A verdict's first reason is the most telling one; a passed run's is its last, how much passed.
        let reason = if rehearsal.verdict == "passed" { rehearsal.reasons.last() } else { rehearsal.reasons.first() };
        stage.check(&name, right, reason.map_or("", String::as_str));
        let names_table = rehearsal.reasons.iter().any(|reason| reason.contains(DAMAGED_TABLE));
        if rehearsal.expected == "failed" {
            stage.check("the damaged table is named", names_table, DAMAGED_TABLE);
        }
    }
}

fn show_opinion(opinion: &SecondOpinion, stage: &mut Stage) {
    let blind = opinion.exit_code != Some(0) || opinion.output.trim().is_empty();
    let words = if opinion.exit_code == Some(0) { "exit 0, it sees nothing" } else { opinion.output.trim() };
    stage.check("pg_amcheck asked", blind, words);
}

/// Waits until both receivers have the alert about a resource.
///
/// # Errors
/// When they do not have it in time, or had to refuse a payload.
pub(super) async fn alerts(cloud: &LocalCloud, resource: &str) -> Result<(Vec<Arrived>, String)> {
    let looked = async {
        loop {
            let arrived = arrived(cloud);
            let has = |receiver: &str| arrived.iter().any(|a| a.receiver == receiver && a.title.contains(resource));
            if has("Slack") && has("PagerDuty") {
                return arrived;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let arrived = tokio::time::timeout(ALERT_WITHIN, looked)
        .await
        .context("the alert did not reach Slack and PagerDuty in time")?;
    let refused = cloud.receivers.slack().refused().len() + cloud.receivers.pagerduty().refused().len();
    if refused > 0 {
        bail!("{refused} payloads were refused by the receivers' rules");
    }
    let words = format!("{} messages, none refused", arrived.len());
    Ok((arrived, words))
}

/// The alerts that have arrived.
pub(super) fn arrived(cloud: &LocalCloud) -> Vec<Arrived> {
    let slack = cloud.receivers.slack().received();
    let slack = slack.iter().map(|r| ("Slack", r.body["text"].as_str().unwrap_or_default().to_owned()));
    let pagerduty = cloud.receivers.pagerduty().received();
    let pagerduty =
        pagerduty.iter().map(|r| ("PagerDuty", r.body["payload"]["summary"].as_str().unwrap_or_default().to_owned()));
    slack.chain(pagerduty).map(|(receiver, title)| Arrived { receiver: receiver.into(), title }).collect()
}

/// Shows whether every message reached whom it was for.
///
/// # Errors
/// When the queues cannot be read.
pub(super) async fn nothing_was_lost(cloud: &LocalCloud, stage: &mut Stage) -> Result<()> {
    let dead = cloud.deployed.dead_letters(&cloud.endpoint).await?.len();
    let fallback = cloud.deployed.fallback_letters(&cloud.endpoint).await?.len();
    stage.check(
        "nothing was lost",
        dead + fallback == 0,
        &format!("{dead} dead letters, {fallback} fallback messages"),
    );
    Ok(())
}
