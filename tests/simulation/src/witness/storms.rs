//! Alert storms: how often one person may be written to about one incident, and how many incidents one cause may begin.
//!
//! The bounds are `alert`'s own promises (docs/alerts.md). What a misfortune makes unavoidable comes on top: whoever does not know whether a
//! message arrived sends it again, so each trouble that `alert` or a channel had allows one more.

use std::collections::BTreeMap;

use holdfast_ledger::Incident;
use jiff::{SignedDuration, Timestamp};

use crate::functions::Function;
use crate::misfortune::Misfortune;
use crate::witness::people::Said;
use crate::witness::{Invariant, Witness};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// An opening; three times that it got worse; twice that it is back after a silence of twenty hours; once that it flaps.
const OF_ONE_CAUSE: u64 = 1 + 3 + 2 + 1;
/// Of several causes there is besides what says that more of them stand: after a minute, and then every ten.
const OF_SEVERAL: u64 = OF_ONE_CAUSE + 1 + 24 * 6;
/// One for each severity.
const ACKNOWLEDGEMENTS: u64 = 4;
/// Four openings within an hour are flapping; one more was on its way.
const BEGUN_IN_AN_HOUR: u64 = 5;

/// What `alert` had to struggle with, and when, in order.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Vec<Timestamp>);

impl Troubles {
    fn between(&self, from: Timestamp, until: Timestamp) -> u64 {
        let place = |at: Timestamp| self.0.partition_point(|trouble| *trouble < at);
        u64::try_from(place(until).saturating_sub(place(from))).unwrap_or(u64::MAX)
    }
}

impl Witness {
    /// An attempt of `alert`'s may be lost, or made again.
    pub(crate) fn trouble(&mut self, now: Timestamp) {
        self.troubles.0.push(now);
    }

    /// A misfortune that `alert` or a channel feels: when it begins, and when it ends.
    pub(crate) fn befell(&mut self, now: Timestamp, what: &Misfortune) {
        let felt = match what {
            Misfortune::Crash { function, .. }
            | Misfortune::Hang { function, .. }
            | Misfortune::Slow { function, .. }
            | Misfortune::Skew { function, .. }
            | Misfortune::Fail { function, .. }
            | Misfortune::NoSweeps { function, .. } => *function == Function::Alert,
            Misfortune::HomeDown { .. } | Misfortune::Channel { .. } => true,
            Misfortune::Cold { .. }
            | Misfortune::Throttled { .. }
            | Misfortune::Unreachable { .. }
            | Misfortune::Stale { .. }
            | Misfortune::Lost { .. }
            | Misfortune::Doubled { .. }
            | Misfortune::Late { .. }
            | Misfortune::Malformed { .. }
            | Misfortune::SnapshotFails { .. }
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
            | Misfortune::RoomDeleted { .. }
            | Misfortune::RestoreTestNow { .. }
            | Misfortune::SnapshotNow { .. }
            | Misfortune::Acknowledged { .. }
            | Misfortune::AlertTest
            | Misfortune::Deploy { .. } => false,
        };
        if felt {
            // Its beginning and its end.
            self.trouble(now);
            self.trouble(now);
        }
    }
}

/// Looks at everything that everybody was told.
pub(crate) fn look(witness: &mut Witness, incidents: &[(String, Incident)], end: Timestamp) {
    let lines: BTreeMap<&str, usize> =
        incidents.iter().map(|(_, incident)| (incident.id.as_str(), incident.lines.len())).collect();
    let mut all: BTreeMap<(&str, &str, Said), Vec<Timestamp>> = BTreeMap::new();
    for told in &witness.told {
        if let Some(incident) = &told.read.incident {
            all.entry((incident, &told.channel, told.read.said)).or_default().push(told.at);
        }
    }
    let mut judged = Vec::new();
    for ((incident, channel, said), times) in &all {
        let most = match said {
            Said::Stands if lines.get(incident).is_some_and(|lines| *lines == 1) => OF_ONE_CAUSE,
            Said::Stands => OF_SEVERAL,
            Said::Acknowledged => ACKNOWLEDGEMENTS,
            Said::Over | Said::Report | Said::Heartbeat => 1,
            Said::Other => continue,
        };
        // Over, report and heartbeat are told once for good; of the others so many in a day.
        let span = if *said == Said::Stands { DAY } else { SignedDuration::MAX };
        let (count, from, until) = most_within(times, span);
        let troubles = witness.troubles.between(from - HOUR, until + SignedDuration::from_secs(1));
        let words =
            format!("{channel} was told {count} times within a day of {incident} ({said:?}), {most} are enough");
        judged.push((until, count <= most + troubles, words));
    }
    for (cause, times) in begun(incidents) {
        let (count, _, until) = most_within(&times, HOUR);
        let words = format!("{cause} began {count} incidents within an hour, {BEGUN_IN_AN_HOUR} are enough");
        judged.push((until, count <= BEGUN_IN_AN_HOUR, words));
    }
    for (at, holds, words) in judged {
        witness.must(at.min(end), Invariant::Storms, holds, || words);
    }
}

/// When each cause began an incident of its own, in order.
fn begun(incidents: &[(String, Incident)]) -> BTreeMap<&str, Vec<Timestamp>> {
    let mut begun: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for (_, incident) in incidents {
        if let Some((cause, _)) = incident.id.as_str().rsplit_once('/') {
            begun.entry(cause).or_default().push(incident.opened_at);
        }
    }
    begun.values_mut().for_each(|times| times.sort());
    begun
}

/// The most that come within a span, and the first and last of those.
fn most_within(times: &[Timestamp], span: SignedDuration) -> (u64, Timestamp, Timestamp) {
    let mut most = (0, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    let mut first = 0;
    for (last, at) in times.iter().enumerate() {
        while at.duration_since(times[first]) > span {
            first += 1;
        }
        let count = u64::try_from(last - first + 1).unwrap_or(u64::MAX);
        if count > most.0 {
            most = (count, times[first], *at);
        }
    }
    most
}
