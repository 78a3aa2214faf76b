//! What AWS and others keep of a database by themselves: looked at, told of, and never touched.

use std::collections::BTreeMap;

use holdfast_domain::inventory::{DailyWindow, DatabaseKind, DbSnapshotStatus, MadeBy, ReplicatedBackup};
use holdfast_domain::plan::{External, ExternalMaker, Pitr};
use holdfast_domain::{Schedule, Severity};
use holdfast_ledger::Others;
use holdfast_plan::write_duration;
use jiff::{SignedDuration, Timestamp};

use super::condition::{Condition, State, Topic, Words};
use super::{Case, is_ours};

/// How far ahead rules are compared with the window of automated backups: a day, for the window is daily.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// The most firings of one rule that are compared: a rule of every five minutes has 288 in a day.
const FIRINGS_MAX: usize = 300;

/// Whether a schedule fires within a window, answered once for each two: a thousand databases share a handful.
#[derive(Debug, Default)]
pub(super) struct Windows {
    known: BTreeMap<(String, DailyWindow), bool>,
}

impl Windows {
    fn meet(&mut self, schedule: &Schedule, window: DailyWindow, now: Timestamp) -> bool {
        let key = (super::slots::described(schedule), window);
        *self.known.entry(key).or_insert_with(|| {
            // The next one always, however far it is; the others of its day.
            let next = schedule.next_after(now);
            let until = now + AHEAD;
            let ahead = schedule.firings_from(now).map(|firing| firing.at).take_while(|at| *at < until);
            next.into_iter().chain(ahead.take(FIRINGS_MAX)).any(|at| window.covers(at))
        })
    }
}

/// The word for a maker.
fn word(made_by: MadeBy) -> &'static str {
    match made_by {
        MadeBy::Call => "manual",
        MadeBy::Rds => "rds",
        MadeBy::AwsBackup => "awsbackup",
        MadeBy::Other => "other",
    }
}

/// What others made of the database and can be restored, by maker.
pub(super) fn others(case: &Case<'_>) -> BTreeMap<&'static str, Others> {
    let mut others: BTreeMap<&'static str, Others> = BTreeMap::new();
    for snapshot in case.of_database {
        let Some(at) = snapshot.taken_at else { continue };
        if snapshot.status != DbSnapshotStatus::Available || is_ours(case.plan, snapshot) {
            continue;
        }
        let new = || Others { count: 0, oldest_at: at, newest_at: at };
        let seen = others.entry(word(snapshot.made_by)).or_insert_with(new);
        seen.count += 1;
        seen.oldest_at = seen.oldest_at.min(at);
        seen.newest_at = seen.newest_at.max(at);
    }
    others
}

/// The topics that are watched. One that the plan does not ask about is clear.
pub(super) fn conditions(
    case: &Case<'_>,
    others: &BTreeMap<&'static str, Others>,
    windows: &mut Windows,
) -> Vec<Condition> {
    let clear = |topic, words: &str| Condition { topic, state: State::Clear(format!("{} {words}", case.name)) };
    let mut conditions = vec![match &case.resource.external {
        Some(external) => of_external(case, external, others),
        None => clear(Topic::External, "has no external recovery points in the plan"),
    }];
    match &case.resource.pitr {
        Some(pitr) => conditions.extend([window(case, pitr), lag(case, pitr), replication(case, pitr)]),
        None => conditions.extend(
            [Topic::PitrWindow, Topic::PitrLag, Topic::PitrReplication]
                .map(|topic| clear(topic, "has no continuous backup in the plan")),
        ),
    }
    conditions.push(backup_window(case, windows));
    conditions
}

fn of_external(case: &Case<'_>, external: &External, others: &BTreeMap<&'static str, Others>) -> Condition {
    let topic = Topic::External;
    let (by, makers): (&str, &[&str]) = match external.by {
        ExternalMaker::Any => ("anybody", &["manual", "rds", "awsbackup"]),
        ExternalMaker::Rds => ("RDS", &["rds"]),
        ExternalMaker::AwsBackup => ("AWS Backup", &["awsbackup"]),
        ExternalMaker::Manual => ("other people", &["manual"]),
    };
    let newest = makers.iter().filter_map(|maker| others.get(maker)).map(|seen| seen.newest_at).max();
    let title = match (newest, external.every) {
        (None, _) => format!("{} has no recovery point of {by} that can be restored", case.name),
        (Some(newest), Some(every)) if case.now.duration_since(newest) > every => {
            format!("the newest recovery point of {} by {by} is older than {}", case.name, write_duration(every))
        }
        (Some(_), _) => {
            let words = format!("{} has recovery points of {by} as it must", case.name);
            return Condition { topic, state: State::Clear(words) };
        }
    };
    let mut facts = database(case);
    facts.extend(newest.map(|newest| ("newest".into(), newest.to_string())));
    let words = Words {
        severity: Severity::High,
        title,
        threatens: format!("what changed in {} since then cannot be recovered", case.name),
        next_step: format!("see why {by} took none, or correct `snapshots` in the plan"),
        facts,
    };
    Condition { topic, state: State::Stands(words) }
}

fn window(case: &Case<'_>, pitr: &Pitr) -> Condition {
    let topic = Topic::PitrWindow;
    let wanted = pitr.window;
    let title = match case.standing {
        None => format!("{} has no continuous backup: RDS knows no such database", case.name),
        Some(standing) if standing.backups.retention_days == 0 => {
            format!("{} has no continuous backup: automated backups are off", case.name)
        }
        Some(standing) if standing.backups.reach() < wanted => {
            format!("continuous backup of {} reaches less than {} back", case.name, write_duration(wanted))
        }
        Some(_) => {
            let words = format!("continuous backup of {} reaches {} back", case.name, write_duration(wanted));
            return Condition { topic, state: State::Clear(words) };
        }
    };
    let mut facts = database(case);
    facts.extend(case.standing.map(|seen| ("retention".into(), format!("{} days", seen.backups.retention_days))));
    let words = Words {
        severity: Severity::High,
        title,
        threatens: format!("{} cannot be brought back to a moment that the plan promises", case.name),
        next_step: "set the backup retention period of the database to the plan's window; from 0 that restarts it"
            .into(),
        facts,
    };
    Condition { topic, state: State::Stands(words) }
}

/// Judged against `lag_max`, or else against the recovery point objective, which rests on it.
fn lag(case: &Case<'_>, pitr: &Pitr) -> Condition {
    let allowed = pitr.lag_max.unwrap_or(case.resource.objectives.rpo);
    let latest = case.standing.and_then(|standing| standing.latest_restorable_at);
    lagging(case, Topic::PitrLag, "continuous backup", latest, allowed)
}

fn lagging(case: &Case<'_>, topic: Topic, what: &str, latest: Option<Timestamp>, allowed: SignedDuration) -> Condition {
    let title = match latest {
        None => format!("{what} of {} has no latest restorable time", case.name),
        Some(latest) if case.now.duration_since(latest) > allowed => {
            format!("{what} of {} lags behind by more than {}", case.name, write_duration(allowed))
        }
        Some(_) => {
            let words = format!("{what} of {} is at most {} behind", case.name, write_duration(allowed));
            return Condition { topic, state: State::Clear(words) };
        }
    };
    let mut facts = database(case);
    facts.extend(latest.map(|latest| ("latest restorable time".into(), latest.to_string())));
    facts.extend(case.standing.map(|standing| ("status".into(), standing.status.word().to_owned())));
    let words = Words {
        severity: Severity::High,
        title,
        threatens: format!("the last changes in {} would be lost with it", case.name),
        next_step: "see RDS's events of the database: a full disk, a stopped or an overloaded one archives no log"
            .into(),
        facts,
    };
    Condition { topic, state: State::Stands(words) }
}

fn replication(case: &Case<'_>, pitr: &Pitr) -> Condition {
    let topic = Topic::PitrReplication;
    let Some(region) = &pitr.replicate_to else {
        let words = format!("{} has no replication of backups in the plan", case.name);
        return Condition { topic, state: State::Clear(words) };
    };
    let what = format!("continuous backup in {region}");
    let title = match (case.database.kind(), case.standing, case.replicated) {
        (DatabaseKind::Cluster, ..) => {
            format!("backups of {} are not replicated to {region}: AWS does that for DB instances only", case.name)
        }
        (DatabaseKind::Instance, Some(_), None) => return Condition { topic, state: State::Unclear },
        (DatabaseKind::Instance, None, _) => {
            format!("backups of {} are not replicated to {region}: RDS knows no such database", case.name)
        }
        (DatabaseKind::Instance, Some(standing), Some(backups)) => {
            match backups.iter().find(|backup| backup.source_arn == standing.arn) {
                None => format!("backups of {} are not replicated to {region}", case.name),
                Some(backup) => match refusal(backup, pitr.window) {
                    Some(why) => format!("{what} of {} is not as it must be: {why}", case.name),
                    None => {
                        let allowed = pitr.lag_max.unwrap_or(case.resource.objectives.rpo).max(REPLICATION_LAG);
                        return lagging(case, topic, &what, backup.latest_restorable_at, allowed);
                    }
                },
            }
        }
    };
    let words = Words {
        severity: Severity::High,
        title,
        threatens: format!("{} cannot be recovered in {region} if its own region is lost", case.name),
        next_step: format!("start the replication of its automated backups to {region}, or correct `replicate_to`"),
        facts: database(case),
    };
    Condition { topic, state: State::Stands(words) }
}

/// The least lag that is allowed to a replica of backups: logs come every five minutes and are then copied; AWS promises no time for that,
/// and this is our assumption.
const REPLICATION_LAG: SignedDuration = SignedDuration::from_mins(30);

/// What speaks against a replica of backups (source: RDS API Reference, `DBInstanceAutomatedBackup`, for the words of its status).
fn refusal(backup: &ReplicatedBackup, window: SignedDuration) -> Option<String> {
    match backup.status.as_str() {
        "creating" | "pending" => return Some("its first snapshot is not there yet".into()),
        "retained" => return Some("replication has been stopped".into()),
        _ => {}
    }
    let reach = SignedDuration::from_hours(i64::from(backup.retention_days) * 24);
    (reach < window).then(|| format!("it reaches less than {} back", write_duration(window)))
}

/// RDS refuses a snapshot of an instance while it makes its own backup of it. Aurora's and DocumentDB's are made without a pause
/// (source: Aurora User Guide, "Overview of backing up and restoring an Aurora DB cluster").
fn backup_window(case: &Case<'_>, windows: &mut Windows) -> Condition {
    let topic = Topic::BackupWindow;
    let backups = case.standing.map(|standing| standing.backups);
    let window = backups
        .filter(|backups| case.database.kind() == DatabaseKind::Instance && backups.retention_days > 0)
        .and_then(|backups| backups.window);
    let met = window.and_then(|window| {
        let mut rules = case.resource.snapshots.iter();
        let mut meets = |(name, schedule): (_, &Schedule)| windows.meet(schedule, window, case.now).then_some(name);
        let name = rules.find_map(|(name, rule)| meets((name, rule.schedule()?)))?;
        Some((window, name))
    });
    let Some((window, rule)) = met else {
        let words = format!("no rule of {} is due while RDS makes its own backup", case.name);
        return Condition { topic, state: State::Clear(words) };
    };
    let words = Words {
        severity: Severity::Low,
        title: format!("rule {rule} of {} is due within the window of automated backups, {window}", case.name),
        threatens: "its snapshot is taken late, whenever RDS is at its own backup then".into(),
        next_step: "move the rule or the window by an hour".into(),
        facts: database(case),
    };
    Condition { topic, state: State::Stands(words) }
}

fn database(case: &Case<'_>) -> Vec<(String, String)> {
    vec![("database".into(), format!("{} in {}", case.database, case.resource.region))]
}
