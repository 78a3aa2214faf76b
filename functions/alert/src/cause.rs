//! What one finding is to its cause. Pure: no clock, no port.
//!
//! ```text
//!               open                resolved
//! (no record) ───────> open(1) ───────────────> resolved ── open ──> open(n + 1)
//!      └── resolved ──> resolved(0), tells nobody
//! ```
//! *The newest news decides.* SNS keeps no order and Lambda repeats, so each finding is judged by the time at which it
//! was seen, not by the time at which it came: what is older than the news that it contradicts is late and changes
//! nothing. Of two pieces of news of the same instant, the resolution wins.
//!
//! *A cause that comes and goes is not told apart.* One that has opened [`FLAPS`] times within [`FLAP_WINDOW`] flaps:
//! its resolutions are noted and not believed until it has been calm for [`FLAP_CALM`], so that it stays one incident.

use std::fmt;

use holdfast_domain::{Finding, FindingState};
use holdfast_ledger::{CauseRecord, IncidentState};
use jiff::{SignedDuration, Timestamp};

/// News of an open cause after a silence this long is told again: it is the next failure of a daily rule or of another
/// month's restore test, not the same one seen by the next sweep, and nobody is sure to remember the first. Under 24
/// hours, for the jitter of daily rules.
pub const SILENCE: SignedDuration = SignedDuration::from_hours(20);

/// From this many openings within [`FLAP_WINDOW`] on, a cause flaps. Three could be two honest repairs.
pub const FLAPS: usize = 4;

/// See [`FLAPS`]. A sweep sees a cause once a minute, so that a true flapping is within it many times.
pub const FLAP_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How long a flapping cause must be calm before its incident is over.
pub const FLAP_CALM: SignedDuration = SignedDuration::from_mins(30);

/// What a finding is to its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It stands, and was not known to.
    Opened,
    /// It is back after it was gone.
    Reopened,
    /// It stands, and this says so again.
    SeenAgain,
    /// It stands, and was silent for [`SILENCE`].
    SeenAfterSilence,
    /// It is gone.
    Resolved,
    /// It is gone, and nothing was open.
    NothingOpen,
    /// Older than what is known already.
    Late,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opened => "opened",
            Self::Reopened => "reopened",
            Self::SeenAgain => "seen again",
            Self::SeenAfterSilence => "seen again after a silence",
            Self::Resolved => "resolved",
            Self::NothingOpen => "nothing was open",
            Self::Late => "late: newer news is known",
        })
    }
}

/// The cause after a finding about it, and what the finding was. The incident of a new opening is not chosen here.
#[must_use]
pub fn hear(before: Option<&CauseRecord>, finding: &Finding) -> (CauseRecord, Heard) {
    match finding.state {
        FindingState::Open => stands(before, finding),
        FindingState::Resolved => is_over(before, finding),
    }
}

fn stands(before: Option<&CauseRecord>, finding: &Finding) -> (CauseRecord, Heard) {
    let Some(before) = before else { return (first(finding, IncidentState::Open), Heard::Opened) };
    if before.over_until.is_some_and(|over| finding.seen_at <= over) {
        return (before.clone(), Heard::Late);
    }
    match before.state {
        IncidentState::Open => {
            let silent = finding.seen_at.duration_since(before.last_seen_at) >= SILENCE;
            let next = CauseRecord {
                opened_at: before.opened_at.min(finding.seen_at),
                last_seen_at: before.last_seen_at.max(finding.seen_at),
                ..before.clone()
            };
            (next, if silent { Heard::SeenAfterSilence } else { Heard::SeenAgain })
        }
        IncidentState::Resolved => {
            let recent = |at: &&Timestamp| finding.seen_at.duration_since(**at) <= FLAP_WINDOW;
            let mut openings: Vec<Timestamp> = before.openings.iter().filter(recent).copied().collect();
            openings.push(finding.seen_at);
            // No more are asked for, and a record must not grow.
            openings.drain(..openings.len().saturating_sub(FLAPS));
            let next = CauseRecord {
                state: IncidentState::Open,
                opening: before.opening + 1,
                opened_at: finding.seen_at,
                last_seen_at: finding.seen_at,
                flapping: openings.len() >= FLAPS,
                openings,
                ..before.clone()
            };
            (next, if before.opening == 0 { Heard::Opened } else { Heard::Reopened })
        }
    }
}

fn is_over(before: Option<&CauseRecord>, finding: &Finding) -> (CauseRecord, Heard) {
    let Some(before) = before else { return (first(finding, IncidentState::Resolved), Heard::NothingOpen) };
    let last_seen_at = before.last_seen_at.max(finding.seen_at);
    match before.state {
        IncidentState::Resolved => {
            (CauseRecord { last_seen_at, over_until: Some(last_seen_at), ..before.clone() }, Heard::NothingOpen)
        }
        IncidentState::Open if finding.seen_at < before.last_seen_at => (before.clone(), Heard::Late),
        IncidentState::Open => {
            let next = CauseRecord {
                state: IncidentState::Resolved,
                last_seen_at,
                over_until: Some(last_seen_at),
                ..before.clone()
            };
            (next, Heard::Resolved)
        }
    }
}

fn first(finding: &Finding, state: IncidentState) -> CauseRecord {
    let open = state == IncidentState::Open;
    CauseRecord {
        cause: finding.cause.clone(),
        state,
        opening: u32::from(open),
        opened_at: finding.seen_at,
        last_seen_at: finding.seen_at,
        over_until: (!open).then_some(finding.seen_at),
        openings: if open { vec![finding.seen_at] } else { Vec::new() },
        flapping: false,
        incident: None,
    }
}

#[cfg(test)]
mod tests;
