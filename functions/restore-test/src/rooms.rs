//! Who may have a room: the queue under `rooms_max`. Pure.
//!
//! Two invocations may begin different runs at the same instant, and neither sees the other's. So a run opens its room only while it stands
//! in one record, which is written over the version that was read: of two that would both give away the last room, one is refused and
//! gives nothing away.

use std::collections::BTreeSet;

use holdfast_domain::RunId;
use holdfast_ledger::{Phase, RoomsInUse, Run};
use jiff::Timestamp;

/// The rooms in use from now on: whoever had one and is not closed, whoever has one already, and the oldest requests, as many as `rooms_max`
/// leaves free.
///
/// `open` are the runs that had a marker *after* `before` was read: who stands in `before` and has none is closed. `runs` are those of them
/// whose record could be read; the others keep their rooms.
#[must_use]
pub fn give<'a>(
    rooms_max: u32,
    before: &RoomsInUse,
    open: &BTreeSet<RunId>,
    runs: impl IntoIterator<Item = &'a Run>,
    now: Timestamp,
) -> RoomsInUse {
    let runs: Vec<&Run> = runs.into_iter().collect();
    let closed: BTreeSet<&str> =
        runs.iter().filter(|run| run.phase == Phase::Closed).map(|run| run.id.as_str()).collect();
    let open: BTreeSet<&str> = open.iter().map(RunId::as_str).collect();
    let mut rooms = before.clone();
    rooms.runs.retain(|run, _| open.contains(run.as_str()) && !closed.contains(run.as_str()));
    for run in runs.iter().filter(|run| run.phase > Phase::Requested && run.phase < Phase::Closed) {
        rooms.runs.entry(run.id.to_string()).or_insert(run.requested_at);
    }
    let mut waiting: Vec<&Run> = runs
        .into_iter()
        .filter(|run| run.phase == Phase::Requested && !rooms.runs.contains_key(run.id.as_str()))
        .collect();
    waiting.sort_by(|a, b| (a.requested_at, &a.id).cmp(&(b.requested_at, &b.id)));
    let free = usize::try_from(rooms_max).unwrap_or(usize::MAX).saturating_sub(rooms.runs.len());
    rooms.runs.extend(waiting.into_iter().take(free).map(|run| (run.id.to_string(), now)));
    rooms
}

#[cfg(test)]
mod tests;
