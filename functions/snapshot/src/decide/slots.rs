//! How each rule stands with its latest slot.

use std::fmt;

use holdfast_domain::plan::{Retention, SnapshotRule};
use holdfast_domain::{DbSnapshotId, RuleName, Schedule, Slot};
use jiff::SignedDuration;

use super::Case;
use super::points::{Flaw, Point};

/// The most missed slots that are counted; then it is "at least as many".
const MISSED_MAX: usize = 100;

/// How a rule stands with its latest slot.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleState<'a> {
    /// The rule.
    pub rule: RuleName,
    /// Its latest slot.
    pub slot: Slot,
    /// How it stands.
    pub reason: Reason,
    /// The recovery point that it is about, if it is about one.
    pub point: Option<&'a Point<'a>>,
    /// How many slots before this one have no recovery point, since the last that has; at most [`MISSED_MAX`].
    pub missed: usize,
}

/// Why a slot is left as it is, or what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It has its recovery point.
    Taken(DbSnapshotId),
    /// Its recovery point is being made.
    BeingTaken(DbSnapshotId),
    /// It has none, and the next good one serves it from now on.
    Promoted(DbSnapshotId),
    /// It has none, and the next one is being made, and will serve it if it is good.
    AwaitsPromotion(DbSnapshotId),
    /// Its recovery point is complete, and no good.
    Flawed(DbSnapshotId, Flaw),
    /// It had a recovery point that is gone before its retention ended.
    Gone(DbSnapshotId),
    /// It had a recovery point, and the retention of that is over.
    Expired,
    /// It never had one, and whatever is taken now would be past its retention at once.
    TooOld,
    /// It waits for a recovery point; what becomes of that is not decided yet.
    Due,
    /// A recovery point is begun for it.
    Take(DbSnapshotId),
    /// Something that is not ours has its name.
    NameTaken(DbSnapshotId),
    /// RDS knows no such database.
    NoDatabase,
    /// RDS refuses snapshots of a database in this state.
    Busy(String),
    /// Another snapshot of the database is being made, and there are never two at once.
    Blocked(DbSnapshotId),
}

impl Reason {
    /// Whether the slot needs nothing any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Taken(_) | Self::Expired => true,
            Self::BeingTaken(_)
            | Self::Promoted(_)
            | Self::AwaitsPromotion(_)
            | Self::Flawed(..)
            | Self::Gone(_)
            | Self::TooOld
            | Self::Due
            | Self::Take(_)
            | Self::NameTaken(_)
            | Self::NoDatabase
            | Self::Busy(_)
            | Self::Blocked(_) => false,
        }
    }

    /// Whether a recovery point is begun for it.
    #[must_use]
    pub fn is_take(&self) -> bool {
        matches!(self, Self::Take(_))
    }

    /// The same in words that do not name the recovery point, so that many resources can be told in one line.
    #[must_use]
    pub fn in_general(&self) -> String {
        match self {
            Self::Blocked(_) => "another snapshot of the database is being made".into(),
            Self::Promoted(_) => "the next good recovery point serves it".into(),
            Self::AwaitsPromotion(_) => "the next recovery point is being made and will serve it".into(),
            Self::Flawed(_, flaw) => flaw.to_string(),
            Self::Taken(_)
            | Self::BeingTaken(_)
            | Self::Gone(_)
            | Self::Expired
            | Self::TooOld
            | Self::Due
            | Self::Take(_)
            | Self::NameTaken(_)
            | Self::NoDatabase
            | Self::Busy(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(_) => f.write_str("it is taken"),
            Self::BeingTaken(_) => f.write_str("it is being taken"),
            Self::Promoted(id) => write!(f, "the next good recovery point serves it: {id}"),
            Self::AwaitsPromotion(id) => write!(f, "the next recovery point is being made and will serve it: {id}"),
            Self::Flawed(id, flaw) => write!(f, "{id} is no good: {flaw}"),
            Self::Gone(_) => f.write_str("it was there, and is gone before its retention ended"),
            Self::Expired => f.write_str("it was taken, and its retention is over"),
            Self::TooOld => f.write_str("it would be past its retention at once"),
            Self::Due => f.write_str("it is due"),
            Self::Take(_) => f.write_str("it is taken now"),
            Self::NameTaken(_) => f.write_str("a snapshot that is not ours has its name"),
            Self::NoDatabase => f.write_str("RDS knows no such database"),
            Self::Busy(status) => write!(f, "the database is {status}"),
            Self::Blocked(id) => write!(f, "another snapshot of the database is being made: {id}"),
        }
    }
}

/// How each scheduled rule stands, in order of name. A rule that was never due yet has no slot, and is left out.
pub(super) fn states<'a>(case: &'a Case<'_>) -> Vec<RuleState<'a>> {
    let scheduled = case.resource.snapshots.iter().filter_map(|(name, rule)| Some((name, rule, rule.schedule()?)));
    scheduled.filter_map(|(name, rule, schedule)| state(case, name, rule, schedule)).collect()
}

fn state<'a>(case: &'a Case<'_>, name: &RuleName, rule: &SnapshotRule, schedule: &Schedule) -> Option<RuleState<'a>> {
    let slot = Slot::at(schedule.latest_at_or_before(case.now, SignedDuration::MAX)?);
    let (reason, point) = stands(case, name, rule, slot);
    // Also in the sweep that first sees the recovery point, before it is remembered: whoever could not be told before is told then.
    let is_remembered = case.watched.served.get(name).is_some_and(|served| served.slot >= slot);
    let missed = if is_remembered { 0 } else { missed(case, name, schedule, slot) };
    Some(RuleState { rule: name.clone(), slot, reason, point, missed })
}

/// How a rule stands, as far as recovery points of ours tell. The first that holds:
fn stands<'a>(case: &'a Case<'_>, name: &RuleName, rule: &SnapshotRule, slot: Slot) -> (Reason, Option<&'a Point<'a>>) {
    let mut since: Vec<&Point<'_>> = case.ours.iter().filter(|point| point.slot >= Some(slot)).collect();
    since.sort_by_key(|point| (point.slot, &point.seen.id));
    let first = |holds: &dyn Fn(&Point<'_>) -> bool| since.iter().find(|point| holds(point)).copied();
    let serves = |point: &Point<'_>| point.serves(name);

    if let Some(point) = first(&|point| serves(point) && case.is_good(point, name)) {
        return (Reason::Taken(point.seen.id.clone()), Some(point));
    }
    if let Some(point) = first(&|point| serves(point) && point.is_open()) {
        return (Reason::BeingTaken(point.seen.id.clone()), Some(point));
    }
    if let Some(point) = first(&|point| case.is_good(point, name)) {
        return (Reason::Promoted(point.seen.id.clone()), Some(point));
    }
    if let Some(point) = first(&|point| point.is_open()) {
        return (Reason::AwaitsPromotion(point.seen.id.clone()), Some(point));
    }
    for point in since.iter().copied().rev().filter(|point| serves(point) || point.slot == Some(slot)) {
        if let Some(flaw) = case.flaw(point, Some(name)) {
            return (Reason::Flawed(point.seen.id.clone(), flaw), Some(point));
        }
    }
    if let Some(served) = case.watched.served.get(name).filter(|served| served.slot >= slot) {
        let kept_until = served.slot.instant().checked_add(must_keep(rule.keep));
        let is_kept = kept_until.is_ok_and(|until| case.now < until);
        return (if is_kept { Reason::Gone(served.snapshot.clone()) } else { Reason::Expired }, None);
    }
    let useful_until = slot.instant().checked_add(rule.keep.longest());
    (if useful_until.is_ok_and(|until| case.now < until) { Reason::Due } else { Reason::TooOld }, None)
}

/// How long the newest recovery point of a rule must be kept at least: of counted slots the newest is always among them.
fn must_keep(keep: Retention) -> SignedDuration {
    match keep {
        Retention::Age(age) => age,
        Retention::Slots { .. } => keep.longest(),
    }
}

/// How many slots of a rule were missed wholly since the last one that is remembered to have been served. Only under the schedule that it
/// was served by: a new schedule has no past.
fn missed(case: &Case<'_>, name: &RuleName, schedule: &Schedule, slot: Slot) -> usize {
    let Some(served) = case.watched.served.get(name) else { return 0 };
    if served.schedule != described(schedule) {
        return 0;
    }
    let has_point = |at: Slot| case.ours.iter().any(|point| point.slot == Some(at) && case.is_good(point, name));
    let since = schedule.firings_from(served.slot.instant()).map(|firing| Slot::at(firing.at));
    let between = since.skip_while(|at| *at <= served.slot).take_while(|at| *at < slot);
    between.filter(|at| !has_point(*at)).take(MISSED_MAX).count()
}

/// A schedule as it is remembered.
pub(crate) fn described(schedule: &Schedule) -> String {
    format!("{} {}", schedule.expression(), schedule.zone())
}
