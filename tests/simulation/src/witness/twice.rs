//! Invariant 6: what a life came to, in so far as it must be the same when something is told twice.
//!
//! Ids that are drawn and times are left out: a duplicate makes a function look once more, and what it then sees it may do a moment earlier.
//! So the twin of a life is not the same script without its duplicates, but with a sweep in the place of each: it looks as often and at the
//! same times, and is told nothing twice. Only scripts are compared whose other misfortunes come down on databases, snapshots and restores, and
//! none on calls and invocations: those come down on whoever calls next, which in a twin is somebody else.

use std::collections::{BTreeMap, BTreeSet};

use crate::misfortune::Misfortune;
use crate::script::Script;

/// What a life came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// Recovery points that could be restored, by resource and slot, with the rules that they served.
    pub(crate) points: BTreeMap<(String, String), BTreeSet<String>>,
    /// Runs and their verdicts.
    pub(crate) runs: BTreeMap<String, String>,
    /// Causes that stand.
    pub(crate) standing: BTreeSet<String>,
    /// How many incidents each person heard the end of. Not which: of findings that come together the first names their incident, and which
    /// is first chance decides.
    pub(crate) ended: BTreeMap<String, u32>,
}

impl End {
    /// The first thing in which two ends differ, in words; `self` had the duplicates.
    pub(crate) fn difference(&self, twin: &Self) -> Option<String> {
        first(&self.points, &twin.points)
            .map(|what| format!("recovery points: {what}"))
            .or_else(|| first(&self.runs, &twin.runs).map(|what| format!("runs: {what}")))
            .or_else(|| {
                let differs = self.standing.symmetric_difference(&twin.standing).next()?;
                let stands = if self.standing.contains(differs) { "with" } else { "without" };
                Some(format!("{differs} stands {stands} duplicates alone"))
            })
            .or_else(|| first(&self.ended, &twin.ended).map(|what| format!("ends: {what}")))
    }
}

fn first<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    with: &BTreeMap<K, V>,
    without: &BTreeMap<K, V>,
) -> Option<String> {
    let keys: BTreeSet<&K> = with.keys().chain(without.keys()).collect();
    let key = keys.into_iter().find(|key| with.get(key) != without.get(key))?;
    Some(format!("{key:?} is {:?} with duplicates and {:?} without", with.get(key), without.get(key)))
}

/// The script's twin, if the two can be compared.
pub(crate) fn twin(script: &Script) -> Option<Script> {
    let mut twin = script.clone();
    let mut doubled = false;
    for line in &mut twin.lines {
        if let Misfortune::Doubled { look, .. } = &mut line.what {
            doubled |= !*look;
            *look = true;
        } else if !is_of_the_world(&line.what) {
            return None;
        }
    }
    doubled.then_some(twin)
}

/// Whether a misfortune comes down on databases, snapshots and restores, or is what people do, at a time that the script says.
fn is_of_the_world(what: &Misfortune) -> bool {
    match what {
        Misfortune::SnapshotFails { .. }
        | Misfortune::SnapshotSlow { .. }
        | Misfortune::RestoreFails { .. }
        | Misfortune::RestoreSlow { .. }
        | Misfortune::DeletionSlow { .. }
        | Misfortune::SnapshotQuota { .. }
        | Misfortune::InstanceQuota { .. }
        | Misfortune::KeyDisabled { .. }
        | Misfortune::Database { .. }
        | Misfortune::Gone { .. }
        | Misfortune::Damaged { .. }
        | Misfortune::LogsStuck { .. }
        | Misfortune::OthersStop { .. }
        | Misfortune::RecoveryPointDeleted { .. }
        | Misfortune::ForeignSnapshot { .. }
        | Misfortune::ForeignRoom { .. }
        | Misfortune::RestoreTestNow { .. }
        | Misfortune::SnapshotNow { .. }
        | Misfortune::Cold { .. }
        | Misfortune::Deploy { .. } => true,
        Misfortune::Crash { .. }
        | Misfortune::Hang { .. }
        | Misfortune::Slow { .. }
        | Misfortune::Skew { .. }
        | Misfortune::Fail { .. }
        | Misfortune::Throttled { .. }
        | Misfortune::Unreachable { .. }
        | Misfortune::Stale { .. }
        | Misfortune::HomeDown { .. }
        | Misfortune::NoSweeps { .. }
        | Misfortune::Lost { .. }
        | Misfortune::Doubled { .. }
        | Misfortune::Late { .. }
        | Misfortune::Malformed { .. }
        | Misfortune::RoomDeleted { .. }
        | Misfortune::Acknowledged { .. }
        | Misfortune::AlertTest
        | Misfortune::Channel { .. } => false,
    }
}
