//! Recovery points of ours: what they are good for, and what became of them since the last sweep.

use std::collections::BTreeSet;
use std::fmt;

use holdfast_domain::inventory::{DbSnapshot, DbSnapshotStatus};
use holdfast_domain::{DbSnapshotId, RuleName, Slot, tags};
use jiff::SignedDuration;

use super::Case;

/// How long an awaited recovery point may be missing from RDS's listing before it counts as gone: a listing may lag behind the call that
/// made what it lists.
const LISTED_WITHIN: SignedDuration = SignedDuration::from_mins(15);

/// A recovery point of ours, with what its tags say.
#[derive(Debug, Clone, PartialEq)]
pub struct Point<'a> {
    /// As RDS shows it.
    pub seen: &'a DbSnapshot,
    /// The slot it stands for; none if a person asked for it.
    pub slot: Option<Slot>,
}

/// What is wrong with a recovery point that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// RDS reports that it failed.
    Failed,
    /// It is smaller than the plan allows.
    TooSmall {
        /// Bytes there are.
        size: u64,
        /// Bytes there must be.
        min: u64,
    },
    /// It is not encrypted with a key, and the plan demands it.
    Unencrypted,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("RDS reports that it failed"),
            Self::TooSmall { size, min } => write!(f, "it has {size} bytes and must have {min}"),
            Self::Unencrypted => f.write_str("it is not encrypted with a key"),
        }
    }
}

/// What became of a recovery point since the last sweep.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// It is being made, and nothing is remembered of it: whoever asked for it was killed before it could be written down.
    Begun(DbSnapshot),
    /// It is complete. Good for these rules, which are all it serves unless something is wrong with it.
    Complete(DbSnapshot, BTreeSet<RuleName>),
    /// It failed.
    Failed(DbSnapshot),
}

impl<'a> Point<'a> {
    pub(super) fn of(seen: &'a DbSnapshot) -> Self {
        let requested = seen.tags.contains_key(tags::REQUEST);
        let slot = tags::slot(&seen.tags).filter(|_| !requested);
        Self { seen, slot }
    }

    /// The rules it serves.
    #[must_use]
    pub fn rules(&self) -> BTreeSet<RuleName> {
        tags::rules(&self.seen.tags).collect()
    }

    /// Whether it serves a rule.
    #[must_use]
    pub fn serves(&self, rule: &RuleName) -> bool {
        tags::serve(&self.seen.tags, rule)
    }

    /// Whether it is still in the making. A word that we do not know is no end.
    pub(super) fn is_open(&self) -> bool {
        match self.seen.status {
            DbSnapshotStatus::Creating | DbSnapshotStatus::Other(_) => true,
            DbSnapshotStatus::Available | DbSnapshotStatus::Failed => false,
        }
    }

    fn is_available(&self) -> bool {
        self.seen.status == DbSnapshotStatus::Available
    }
}

impl Case<'_> {
    /// What is wrong with a recovery point, as a rule sees it. Nothing is, while it is in the making.
    pub(super) fn flaw(&self, point: &Point<'_>, rule: Option<&RuleName>) -> Option<Flaw> {
        if point.seen.status == DbSnapshotStatus::Failed {
            return Some(Flaw::Failed);
        }
        if !point.is_available() {
            return None;
        }
        if self.resource.encrypted && !point.seen.encrypted {
            return Some(Flaw::Unencrypted);
        }
        let min = self.resource.snapshots.get(rule?)?.size_min_bytes?;
        // RDS tells no size of a cluster's: what is not known is another condition, not this one.
        let size = point.seen.size_bytes?;
        (size < min).then_some(Flaw::TooSmall { size, min })
    }

    /// Whether a rule can rest on it.
    pub(super) fn is_good(&self, point: &Point<'_>, rule: &RuleName) -> bool {
        point.is_available() && self.flaw(point, Some(rule)).is_none()
    }

    /// The newest recovery point that a person asked for.
    pub(super) fn newest_requested(&self) -> Option<&Point<'_>> {
        let requested = self.ours.iter().filter(|point| point.seen.tags.contains_key(tags::REQUEST));
        requested.max_by_key(|point| (point.seen.taken_at, &point.seen.id))
    }
}

/// What became of recovery points since the last sweep, and which awaited ones are gone.
///
/// The memory says which are awaited. Where it was lost, or its writer was killed, the inventory says it again: whatever is in the making,
/// and the newest good one of each rule if it is newer than the rule's last known one.
pub(super) fn news(case: &Case<'_>) -> (Vec<News>, Vec<DbSnapshotId>) {
    let newest = newest_unknown(case);
    let mut news = Vec::new();
    for point in &case.ours {
        let awaited = case.watched.pending.contains_key(&point.seen.id);
        match &point.seen.status {
            DbSnapshotStatus::Creating | DbSnapshotStatus::Other(_) if !awaited && !is_old(case, point) => {
                news.push(News::Begun(point.seen.clone()));
            }
            DbSnapshotStatus::Available if awaited || newest.contains(&point.seen.id) => {
                let good = point.rules().into_iter().filter(|rule| case.is_good(point, rule)).collect();
                news.push(News::Complete(point.seen.clone(), good));
            }
            DbSnapshotStatus::Failed if awaited => news.push(News::Failed(point.seen.clone())),
            DbSnapshotStatus::Creating
            | DbSnapshotStatus::Other(_)
            | DbSnapshotStatus::Available
            | DbSnapshotStatus::Failed => {}
        }
    }
    let listed = |id: &DbSnapshotId| case.ours.iter().any(|point| point.seen.id == *id);
    let pending = case.watched.pending.iter();
    let vanished = pending.filter(|(id, pending)| !listed(id) && pending.since + LISTED_WITHIN <= case.now);
    (news, vanished.map(|(id, _)| id.clone()).collect())
}

/// Of each rule the newest good recovery point, if nothing is remembered of it or a newer one.
fn newest_unknown<'a>(case: &'a Case<'_>) -> BTreeSet<&'a DbSnapshotId> {
    let of_rule = |rule: &RuleName| {
        let serving = case.ours.iter().filter(|point| point.serves(rule) && case.is_good(point, rule));
        let newest = serving.filter(|point| point.slot.is_some()).max_by_key(|point| point.slot)?;
        let known = case.watched.served.get(rule).map(|served| served.slot);
        (newest.slot > known).then_some(&newest.seen.id)
    };
    case.resource.snapshots.keys().filter_map(of_rule).collect()
}

/// Whether all that it serves has something newer, so that nobody waits for it: a copy that somebody makes of an old one, say.
fn is_old(case: &Case<'_>, point: &Point<'_>) -> bool {
    let newer = |rule: &RuleName| case.watched.served.get(rule).is_some_and(|served| Some(served.slot) >= point.slot);
    let rules = point.rules();
    !rules.is_empty() && rules.iter().all(newer)
}
