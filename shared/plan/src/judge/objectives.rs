//! Can the objectives be kept at all, for the loss of the instance, of the region, of the account? (X6)
//!
//! A daily copy means a day lost with the region, whatever point-in-time recovery says of the instance.

use holdfast_domain::Plan;
use holdfast_domain::plan::{Resource, SnapshotRule};
use jiff::SignedDuration;

use super::{Remark, Subject, is_managed};
use crate::almanac::Almanac;
use crate::problem::code;
use crate::promise::{Answer, LOG_UPLOAD, Loss, ON_DEMAND, Promise};
use crate::units::write_duration;
use crate::words::shortened;

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// What a copy is given to be complete, where a plan is proposed.
const COPY_TAKES: SignedDuration = SignedDuration::from_hours(4);

pub(super) fn judge(subject: &Subject<'_>, almanac: &mut Almanac, remarks: &mut Vec<Remark>) {
    for loss in Loss::ALL {
        let promise = Promise::of(loss, subject.plan, subject.resource, almanac);
        let Some(objectives) = promise.objectives else { continue };
        match promise.answer() {
            Answer::Kept | Answer::NotAsked => {}
            Answer::NotKept => remarks.push(not_kept(subject, &promise, objectives.rpo, almanac)),
            Answer::Unproven => remarks.push(unproven(subject, &promise, objectives.rpo, almanac)),
        }
    }
}

fn not_kept(subject: &Subject<'_>, promise: &Promise, rpo: SignedDuration, almanac: &mut Almanac) -> Remark {
    let (loss, wanted) = (promise.loss, write_duration(rpo));
    let path = subject.path(loss.rpo_field());
    let Some(best) = promise.means.first() else {
        let message = match loss {
            Loss::Instance => format!("rpo {wanted} is promised, but nothing takes a recovery point on a schedule"),
            Loss::Region => format!(
                "rpo {wanted} is promised for the loss of the region, but nothing leaves {}",
                subject.resource.region
            ),
            Loss::Account => {
                format!("rpo {wanted} is promised for the loss of the account, but nothing leaves the account")
            }
        };
        let schedules: Vec<_> = subject.resource.snapshots.values().filter_map(SnapshotRule::schedule).collect();
        let gap = almanac.longest_gap(&schedules).map(|gap| gap.length);
        return Remark::error(code::NOT_KEPT, path, message, nearest_from_nothing(subject, loss, rpo, gap));
    };
    let most = best.most.unwrap_or(best.least);
    let why = match best.gap {
        Some(gap) => {
            let late = most.saturating_sub(gap.length);
            let late =
                if late.is_zero() { String::new() } else { format!(", and a copy may take {}", write_duration(late)) };
            format!(
                "{} lie up to {} apart (from {} to {}){late}",
                best.words,
                write_duration(gap.length),
                gap.from,
                gap.to
            )
        }
        None => format!("{} may lie {} back", best.words, write_duration(most)),
    };
    let message = format!("rpo {wanted} for the loss of the {} cannot be kept: {why}", loss.as_str());
    let allowed = format!("rpo: {}, or {}", write_duration(most), nearest(subject, promise, rpo));
    Remark::error(code::NOT_KEPT, path, message, allowed)
}

/// What would keep the objective where something is there that is too slow.
fn nearest(subject: &Subject<'_>, promise: &Promise, rpo: SignedDuration) -> String {
    let wanted = write_duration(rpo);
    let gap = promise.means.first().and_then(|best| best.gap).map(|gap| gap.length);
    match promise.loss {
        Loss::Instance if is_managed(subject.resource) && subject.resource.pitr.is_none() => {
            let lag = LOG_UPLOAD.saturating_mul(2).min(rpo).max(LOG_UPLOAD);
            format!("snapshots at most {wanted} apart, or pitr: {{ window: 7d, lag_max: {} }}", write_duration(lag))
        }
        Loss::Instance => format!("snapshots at most {wanted} apart"),
        Loss::Region | Loss::Account => match gap.filter(|gap| *gap < rpo) {
            Some(gap) => format!("within: {} on the copy", write_duration(rpo.saturating_sub(gap))),
            None => format!("snapshots less than {wanted} apart, and within on the copy"),
        },
    }
}

/// A line that carries the objective where nothing does yet. A copy is no younger than its source: what is taken once a day is lost for
/// a day and as long as the copy takes.
fn nearest_from_nothing(subject: &Subject<'_>, loss: Loss, rpo: SignedDuration, gap: Option<SignedDuration>) -> String {
    let (plan, resource) = (subject.plan, subject.resource);
    let elsewhere = plan.dr.iter().chain([&plan.home]).find(|region| **region != resource.region);
    let region = elsewhere.map_or("another-region", |region| region.as_str());
    let account = plan.accounts.keys().next().map_or("dr", |account| account.as_str());
    let copy = |within: SignedDuration| {
        let within = write_duration(within);
        match loss {
            Loss::Instance | Loss::Region => {
                format!("copies: [{{ region: {region}, kms_key: alias/of-that-region, keep: 14d, within: {within} }}]")
            }
            Loss::Account => format!(
                "copies: [{{ region: {region}, account: {account}, kms_key: alias/of-that-account, keep: 14d, within: {within} }}]"
            ),
        }
    };
    match (loss, gap) {
        (Loss::Instance, _) if is_managed(resource) && rpo < DAY => "pitr: { window: 7d, lag_max: 10m }".to_owned(),
        (Loss::Instance, _) => "snapshots: { daily: { at: \"cron(0 2 * * ? *)\", keep: 7d } }".to_owned(),
        (Loss::Region | Loss::Account, Some(gap)) if gap < rpo => copy(rpo.saturating_sub(gap)),
        (Loss::Region | Loss::Account, Some(gap)) => format!(
            "rpo: {} with {}; or snapshots at most {} apart, each copied within {}",
            write_duration(gap.saturating_add(COPY_TAKES)),
            copy(COPY_TAKES),
            write_duration(rpo / 2),
            write_duration(rpo / 2)
        ),
        (Loss::Region | Loss::Account, None) => {
            format!("snapshots at most {} apart, with {}", write_duration(rpo / 2), copy(rpo / 2))
        }
    }
}

fn unproven(subject: &Subject<'_>, promise: &Promise, rpo: SignedDuration, almanac: &mut Almanac) -> Remark {
    let wanted = write_duration(rpo);
    if let (Loss::Instance, Some(pitr)) = (promise.loss, &subject.resource.pitr) {
        return lagging(subject, pitr.lag_max, rpo);
    }
    // The first whose bound is open, or else that may be quicker than it says.
    let open = promise.means.iter().find(|means| means.most.is_none() && means.least <= rpo);
    let Some(means) = open.or_else(|| promise.means.iter().find(|means| means.least <= rpo)) else {
        return not_kept(subject, promise, rpo, almanac);
    };
    let (field, words) = (means.field.as_str(), means.words.as_str());
    let (bound, legal) = match means.most {
        Some(most) => (
            format!(
                "its lines allow {}: {} between two recovery points, then {} for the copy",
                write_duration(most),
                write_duration(means.least),
                write_duration(most.saturating_sub(means.least))
            ),
            format!("rpo: {}, or {}", write_duration(most), nearest(subject, promise, rpo)),
        ),
        None if field.starts_with("copies") => (
            "no line says how soon a copy is complete".to_owned(),
            format!("within on {field}, so that the gap and the copy together stay under {wanted}"),
        ),
        None if field == "pitr.replicate_to" => (
            "AWS states no lag for it".to_owned(),
            "a copy with within, or a standby with lag_max, in another region".to_owned(),
        ),
        None if subject.resource.external.is_some() => (
            "no line says how far apart they lie".to_owned(),
            format!("every: {wanted} beside external, so that a longer gap is a finding"),
        ),
        None if words == ON_DEMAND => (
            "no line says when somebody does".to_owned(),
            format!("a rule on a schedule beside it, at most {wanted} apart"),
        ),
        None => ("no line says when".to_owned(), format!("a rule on a schedule beside it, at most {wanted} apart")),
    };
    let message = format!(
        "rpo {wanted} for the loss of the {} is unproven: {words} may keep it, but {bound}",
        promise.loss.as_str()
    );
    Remark::warning(code::UNPROVEN, subject.path(promise.loss.rpo_field()), message, legal)
}

/// X6: point-in-time recovery alone, at RDS's own interval or with an alarm that comes after the objective broke.
fn lagging(subject: &Subject<'_>, lag_max: Option<SignedDuration>, rpo: SignedDuration) -> Remark {
    let wanted = write_duration(rpo);
    let uploads = "RDS uploads logs every 5m (RDS User Guide, \"Restoring a DB instance to a specified time\")";
    let standby = "standby: { id: …, region: …, lag_max: 30s }";
    let (path, message, allowed) = match lag_max {
        Some(lag) if lag > rpo => (
            subject.path("pitr.lag_max"),
            format!(
                "lag_max {} is told only after rpo {wanted} is broken, so the objective is unproven: {uploads} (X6)",
                write_duration(lag)
            ),
            if rpo > LOG_UPLOAD {
                format!("lag_max: {wanted}, or rpo: {}", write_duration(lag))
            } else {
                format!("rpo: {}, or {standby}", write_duration(lag))
            },
        ),
        Some(_) | None if rpo <= LOG_UPLOAD => (
            subject.path("objectives.rpo"),
            format!("rpo {wanted} rests on point-in-time recovery alone and is unproven: {uploads} (X6)"),
            format!("rpo: 10m with pitr.lag_max: 10m, or {standby}"),
        ),
        Some(_) | None => (
            subject.path("pitr"),
            format!(
                "rpo {wanted} rests on point-in-time recovery, and no lag_max says when it is late: {uploads} (X6)"
            ),
            format!("lag_max: {wanted} beside window"),
        ),
    };
    Remark::warning(code::LAG, path, message, allowed)
}

/// Said once per plan: what nobody asked for and nothing would carry.
pub(super) fn judge_whole(plan: &Plan, almanac: &mut Almanac, remarks: &mut Vec<Remark>) {
    for loss in [Loss::Region, Loss::Account] {
        let lost = |resource: &Resource, almanac: &mut Almanac| {
            let promise = Promise::of(loss, plan, resource, almanac);
            promise.objectives.is_none() && promise.means.is_empty()
        };
        let names: Vec<&str> = plan
            .resources
            .iter()
            .filter(|(_, resource)| lost(resource, almanac))
            .map(|(name, _)| name.as_str())
            .collect();
        if names.is_empty() {
            continue;
        }
        let (what, line) = match loss {
            Loss::Region => ("the region", "copies: [{ region: …, kms_key: …, keep: …, within: … }]"),
            Loss::Instance | Loss::Account => {
                ("the account", "copies: [{ region: …, account: …, kms_key: …, keep: …, within: … }]")
            }
        };
        let message = format!(
            "{} of {} resources would be lost whole with {what} ({}): nothing stands elsewhere, and no objective asks for it",
            names.len(),
            plan.resources.len(),
            shortened(&names)
        );
        let allowed = format!(
            "{line} with objectives: {{ …, {}: {{ rpo: …, rto: … }} }}; or leave it so, knowing it",
            loss.as_str()
        );
        remarks.push(Remark::warning(code::EVERYTHING_LOST, "resources".into(), message, allowed));
    }
}

#[cfg(test)]
mod tests;
