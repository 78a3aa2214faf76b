//! What a plan promises for the loss of an instance, of its region, of its account: which of its lines answers the objective, and how
//! much data, in time, is lost at most. Arithmetic alone; whether it comes true only restore tests show.

use holdfast_domain::Plan;
use holdfast_domain::plan::{CopyRule, LossObjectives, Resource, SnapshotDue, SnapshotRule};
use holdfast_domain::{RuleName, Schedule};
use jiff::SignedDuration;

use crate::almanac::{Almanac, Gap};
use crate::units::write_duration;

/// RDS uploads transaction logs every five minutes (source: RDS User Guide, "Restoring a DB instance to a specified time").
pub(crate) const LOG_UPLOAD: SignedDuration = SignedDuration::from_mins(5);

/// The words for recovery points that a person asks for.
pub(crate) const ON_DEMAND: &str = "a recovery point when somebody asks for one";

/// What may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    Instance,
    Region,
    Account,
}

impl Loss {
    pub(crate) const ALL: [Self; 3] = [Self::Instance, Self::Region, Self::Account];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Region => "region",
            Self::Account => "account",
        }
    }

    /// What the plan wants for this loss, if anything.
    pub(crate) fn objectives(self, resource: &Resource) -> Option<LossObjectives> {
        let all = &resource.objectives;
        match self {
            Self::Instance => Some(LossObjectives { rpo: all.rpo, rto: all.rto }),
            Self::Region => all.region,
            Self::Account => all.account,
        }
    }

    /// Where its recovery point objective stands, below the resource.
    pub(crate) fn rpo_field(self) -> &'static str {
        match self {
            Self::Instance => "objectives.rpo",
            Self::Region => "objectives.region.rpo",
            Self::Account => "objectives.account.rpo",
        }
    }

    /// Where its recovery time objective stands, below the resource.
    pub(crate) fn rto_field(self) -> &'static str {
        match self {
            Self::Instance => "objectives.rto",
            Self::Region => "objectives.region.rto",
            Self::Account => "objectives.account.rto",
        }
    }
}

/// One line of the plan that carries data over a loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Means {
    /// The line, below the resource: `pitr`, `copies[0]`.
    pub(crate) field: String,
    /// What it is, in words.
    pub(crate) words: String,
    /// What is lost, as far as the plan's own lines say, in the worst case at least.
    pub(crate) least: SignedDuration,
    /// What is lost at most; absent if no line of the plan bounds it.
    pub(crate) most: Option<SignedDuration>,
    /// The gap between recovery points that it rests on, if on any.
    pub(crate) gap: Option<Gap>,
}

/// Whether an objective is kept, by arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// One of the means loses less.
    Kept,
    /// One of them may; no line of the plan says that it does.
    Unproven,
    /// Each of them loses more, or there is none.
    NotKept,
    /// Nothing is wanted.
    NotAsked,
}

impl Answer {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Unproven => "unproven",
            Self::NotKept => "NOT KEPT",
            Self::NotAsked => "not asked",
        }
    }
}

/// The answer to one loss of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) loss: Loss,
    pub(crate) objectives: Option<LossObjectives>,
    /// Best first.
    pub(crate) means: Vec<Means>,
}

impl Promise {
    pub(crate) fn of(loss: Loss, plan: &Plan, resource: &Resource, almanac: &mut Almanac) -> Self {
        let mut means = match loss {
            Loss::Instance => instance(resource, almanac),
            Loss::Region => region(plan, resource, almanac),
            Loss::Account => account(plan, resource, almanac),
        };
        means.sort_by_key(|means| (means.most.unwrap_or(SignedDuration::MAX), means.least));
        Self { loss, objectives: loss.objectives(resource), means }
    }

    /// What is lost at most by the best of the means; none if nothing bounds it.
    pub(crate) fn at_most(&self) -> Option<SignedDuration> {
        self.means.first().and_then(|best| best.most)
    }

    pub(crate) fn answer(&self) -> Answer {
        let Some(objectives) = self.objectives else { return Answer::NotAsked };
        if self.at_most().is_some_and(|most| most <= objectives.rpo) {
            Answer::Kept
        } else if self.means.iter().any(|means| means.least <= objectives.rpo && means.most != Some(means.least)) {
            Answer::Unproven
        } else {
            Answer::NotKept
        }
    }
}

fn instance(resource: &Resource, almanac: &mut Almanac) -> Vec<Means> {
    let mut means: Vec<Means> = Vec::new();
    let rules: Vec<(&RuleName, &SnapshotRule)> = resource.snapshots.iter().collect();
    means.extend(snapshots(&rules, almanac));
    if resource.snapshots.values().any(|rule| rule.due == SnapshotDue::OnChange) {
        means.push(open("snapshots", "a recovery point on each change"));
    }
    if resource.snapshots.values().any(|rule| rule.due == SnapshotDue::OnDemand) {
        means.push(open("snapshots", ON_DEMAND));
    }
    if let Some(external) = &resource.external {
        let least = external.every.unwrap_or(SignedDuration::ZERO);
        let words = "recovery points that others take".to_owned();
        means.push(Means { field: "snapshots".into(), words, least, most: external.every, gap: None });
    }
    if let Some(pitr) = &resource.pitr {
        // Logs go up every five minutes: a bound at or below that is a wish.
        let most = pitr.lag_max.filter(|lag| *lag > LOG_UPLOAD);
        let words = format!("point in time, {} back", write_duration(pitr.window));
        means.push(Means { field: "pitr".into(), words, least: SignedDuration::ZERO, most, gap: None });
    }
    if let Some(standby) = &resource.standby {
        means.push(Means { most: Some(standby.lag_max), ..open("standby", &format!("standby {}", standby.id)) });
    }
    if let Some(keep) = resource.bucket.and_then(|bucket| bucket.versions_keep) {
        let words = format!("every version of an object, for {}", write_duration(keep));
        means.push(Means { most: Some(SignedDuration::ZERO), ..open("bucket", &words) });
    }
    means
}

fn region(plan: &Plan, resource: &Resource, almanac: &mut Almanac) -> Vec<Means> {
    let elsewhere = |copy: &CopyRule| copy.region != resource.region;
    let mut means = copies(plan, resource, elsewhere, almanac);
    let replica = resource.pitr.as_ref().and_then(|pitr| pitr.replicate_to.as_ref());
    if let Some(target) = replica.filter(|target| **target != resource.region) {
        means.push(open("pitr.replicate_to", &format!("point in time, replicated to {target}")));
    }
    if let Some(standby) = resource.standby.as_ref().filter(|standby| standby.region != resource.region) {
        let words = format!("standby {} in {}", standby.id, standby.region);
        means.push(Means { most: Some(standby.lag_max), ..open("standby", &words) });
    }
    means
}

fn account(plan: &Plan, resource: &Resource, almanac: &mut Almanac) -> Vec<Means> {
    copies(plan, resource, |copy| copy.account.is_some(), almanac)
}

/// What no line of the plan bounds.
fn open(field: &str, words: &str) -> Means {
    Means { field: field.into(), words: words.into(), least: SignedDuration::ZERO, most: None, gap: None }
}

/// Recovery points on schedule, of all these rules together. Counted from start to start: how long one takes is measured, not planned.
fn snapshots(rules: &[(&RuleName, &SnapshotRule)], almanac: &mut Almanac) -> Option<Means> {
    let scheduled: Vec<(&RuleName, &Schedule)> =
        rules.iter().filter_map(|(name, rule)| Some((*name, rule.schedule()?))).collect();
    let schedules: Vec<&Schedule> = scheduled.iter().map(|(_, schedule)| *schedule).collect();
    let names: Vec<&str> = scheduled.iter().map(|(name, _)| name.as_str()).collect();
    let words = format!("snapshots {}", names.join(", "));
    if names.is_empty() {
        return None;
    }
    let Some(gap) = almanac.longest_gap(&schedules) else {
        // A single firing, as a rehearsal has it: it promises nothing for the time after.
        return Some(open("snapshots", &format!("{words}, once")));
    };
    Some(Means { field: "snapshots".into(), words, least: gap.length, most: Some(gap.length), gap: Some(gap) })
}

fn copies(plan: &Plan, resource: &Resource, counts: impl Fn(&CopyRule) -> bool, almanac: &mut Almanac) -> Vec<Means> {
    let counting = resource.copies.iter().enumerate().filter(|(_, copy)| counts(copy));
    counting.map(|(at, copy)| copied(plan, resource, at, copy, almanac)).collect()
}

/// A copy is as old as its source when the next one is due, and late by as long as it takes.
fn copied(plan: &Plan, resource: &Resource, at: usize, copy: &CopyRule, almanac: &mut Almanac) -> Means {
    let source = snapshots(&copied_rules(resource, copy), almanac);
    let every = resource.external.as_ref().and_then(|external| external.every);
    let gap = source.as_ref().and_then(|source| source.most).or(every);
    let target = match &copy.account {
        Some(account) => {
            let id = plan.accounts.get(account).map(|known| format!(" ({})", known.id)).unwrap_or_default();
            format!("{} in account {account}{id}", copy.region)
        }
        None => copy.region.to_string(),
    };
    let of = match &source {
        Some(source) => source.words.clone(),
        None if resource.snapshots.is_empty() && resource.external.is_none() => "each object".to_owned(),
        None => "recovery points".to_owned(),
    };
    // An object that is copied by itself has no schedule to wait for.
    let by_itself = resource.snapshots.is_empty() && resource.external.is_none();
    let base = if by_itself { Some(SignedDuration::ZERO) } else { gap };
    Means {
        field: format!("copies[{at}]"),
        words: format!("{of}, copied to {target}"),
        least: base.unwrap_or(SignedDuration::ZERO),
        most: base.zip(copy.within).map(|(base, within)| base.saturating_add(within)),
        gap: source.and_then(|source| source.gap),
    }
}

/// The snapshot rules whose recovery points a copy rule carries.
pub(crate) fn copied_rules<'p>(resource: &'p Resource, copy: &CopyRule) -> Vec<(&'p RuleName, &'p SnapshotRule)> {
    resource.snapshots.iter().filter(|(name, _)| copy.of.is_empty() || copy.of.contains(*name)).collect()
}
