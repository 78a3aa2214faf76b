//! One step of one run. Pure: `step(run, observation, now) -> (run', actions, reason)`.
//!
//! ```text
//! requested ─> restoring ─> preparing ─> verifying ─> destroying ─> closed
//!     └────────────┴────────────┴────────────┴──── deadline, failure ──┘
//! ```
//! Actions are idempotent and are carried out *before* the new run is recorded: whoever is killed between the two repeats them.
//! Nothing leads back, and every phase before `Destroying` leads to it at the deadline at the latest.

use std::fmt;

use holdfast_domain::inventory::{DbInstance, DbStatus};
use holdfast_domain::{CheckResult, Outcome, Verdict, tags};
use holdfast_ledger::{Fingerprint, Phase, Run, RunVerdict, SeenBy, Verification};
use jiff::{SignedDuration, Timestamp};

/// How long RDS may take to show a room that it agreed to restore. Its inventory is eventually consistent; AWS gives no bound, so this is ours.
pub const APPEARS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// At most this many reasons are kept in a verdict; the verification record holds them all.
pub const REASONS_MAX: usize = 20;

/// What was seen of a run's surroundings.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation<'a> {
    /// The room, if the inventory shows it. `None` means that it was looked for and is not there.
    pub room: Option<&'a DbInstance>,
    /// What `verify` wrote, if anything.
    pub verification: Option<&'a Verification>,
    /// Whether this run was given a room, under `rooms_max` and in the queue's order.
    pub room_free: bool,
    /// What made us look.
    pub by: SeenBy,
}

/// How long `verify` may be silent before it is called again: a call can be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(pub SignedDuration);

/// What to do in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask RDS for the room.
    Restore,
    /// Give the room a password of its own, and its secret.
    GivePassword,
    /// Tell `verify` that the room is ready.
    CallVerify,
    /// Ask RDS to delete the room.
    DeleteRoom,
    /// Delete the secret.
    ForgetSecret,
    /// Tell people what came of it.
    TellVerdict,
    /// Add its link to the resource's evidence, unless it is there.
    WriteEvidence,
    /// Tell the bus that it is over, and remove the open marker.
    Close,
}

/// Why a step was taken, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A room is free.
    RoomFree,
    /// The room of this run is there already: an earlier step was cut short.
    RoomAdopted,
    /// Every room is taken.
    Queued,
    /// RDS works on it.
    RoomNotReady(String),
    /// The room is not in the inventory yet.
    RoomNotSeenYet,
    /// The room is available.
    RoomAvailable,
    /// The new password waits to be applied.
    PasswordPending,
    /// The room can be verified.
    RoomReady,
    /// `verify` is at work.
    Verifying,
    /// `verify` was silent too long.
    VerifySilent,
    /// There is a verdict.
    Judged(Verdict),
    /// The room is going.
    RoomGoing,
    /// The room is there and must go.
    RoomMustGo,
    /// The room is gone.
    RoomGone,
    /// It is over.
    AlreadyClosed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoomFree => f.write_str("a room is free"),
            Self::RoomAdopted => f.write_str("its room is there already"),
            Self::Queued => f.write_str("every room is taken"),
            Self::RoomNotReady(status) => write!(f, "the room is {status}"),
            Self::RoomNotSeenYet => f.write_str("the room is not in the inventory yet"),
            Self::RoomAvailable => f.write_str("the room is available"),
            Self::PasswordPending => f.write_str("the new password waits to be applied"),
            Self::RoomReady => f.write_str("the room is ready"),
            Self::Verifying => f.write_str("verify is at work"),
            Self::VerifySilent => f.write_str("verify was silent too long"),
            Self::Judged(verdict) => write!(f, "judged {verdict}"),
            Self::RoomGoing => f.write_str("the room is going"),
            Self::RoomMustGo => f.write_str("the room must go"),
            Self::RoomGone => f.write_str("the room is gone"),
            Self::AlreadyClosed => f.write_str("it is closed already"),
        }
    }
}

/// What one step decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The run afterwards; equal to the one before if nothing changed.
    pub run: Run,
    /// What to do first, in order.
    pub actions: Vec<Action>,
    /// Why.
    pub reason: Reason,
}

/// Decides one step.
#[must_use]
pub fn step(run: &Run, seen: &Observation<'_>, patience: Patience, now: Timestamp) -> Step {
    // An invocation that began later, or by a faster clock, may have written before us: within a run time never runs back.
    let now = now.max(run.known_until());
    let mut step = decide(run, seen, patience, now);
    if run.verdict.is_none() && step.run.verdict.is_some() {
        step.run.times.judged_by = Some(seen.by);
    }
    step
}

fn decide(run: &Run, seen: &Observation<'_>, patience: Patience, now: Timestamp) -> Step {
    // What finished in time is judged by what it found, however late that is seen.
    let answered = run.phase == Phase::Verifying && is_finished(seen);
    if run.phase < Phase::Destroying && now >= run.deadline_at && !answered {
        return judge(run, Verdict::Inconclusive, vec![late(run, seen)], now);
    }
    match run.phase {
        Phase::Requested => open(run, seen, now),
        Phase::Restoring => await_room(run, seen, now),
        Phase::Preparing => await_password(run, seen, now),
        Phase::Verifying => await_verification(run, seen, patience, now),
        Phase::Destroying => destroy(run, seen, now),
        Phase::Closed => Step { run: run.clone(), actions: vec![Action::Close], reason: Reason::AlreadyClosed },
    }
}

/// A failure of an action that trying again does not mend ends the run; the rest waits for the next sweep, until the deadline.
#[must_use]
pub fn after_permanent_failure(run: &Run, error: &str, now: Timestamp) -> Step {
    judge(run, Verdict::Inconclusive, vec![format!("could not go on: {error}")], now)
}

fn open(run: &Run, seen: &Observation<'_>, now: Timestamp) -> Step {
    match seen.room {
        Some(room) if is_own(run, room) => restoring(run, vec![], Reason::RoomAdopted, now),
        Some(_) => judge(
            run,
            Verdict::Inconclusive,
            vec![format!("the name {} is taken by an instance that is not ours", run.room)],
            now,
        ),
        None if seen.room_free => restoring(run, vec![Action::Restore], Reason::RoomFree, now),
        None => wait(run, Reason::Queued),
    }
}

fn restoring(run: &Run, actions: Vec<Action>, reason: Reason, now: Timestamp) -> Step {
    let mut next = run.clone();
    next.phase = Phase::Restoring;
    next.times.restore_accepted_at = Some(now);
    Step { run: next, actions, reason }
}

fn await_room(run: &Run, seen: &Observation<'_>, now: Timestamp) -> Step {
    let accepted_at = run.times.restore_accepted_at.unwrap_or(run.requested_at);
    let Some(room) = seen.room else {
        return if now < accepted_at + APPEARS_WITHIN {
            wait(run, Reason::RoomNotSeenYet)
        } else {
            judge(run, Verdict::Inconclusive, vec![format!("the room {} never appeared", run.room)], now)
        };
    };
    match (&room.status, &room.endpoint) {
        (DbStatus::Available, Some(endpoint)) => {
            let mut next = run.clone();
            next.phase = Phase::Preparing;
            next.times.available_at = Some(now);
            next.times.available_by = Some(seen.by);
            next.restored_as = Some(fingerprint(room));
            next.host = Some(endpoint.host.clone());
            next.port = Some(endpoint.port);
            next.master_user = Some(room.master_user.clone());
            next.database = room.database.clone();
            Step { run: next, actions: vec![Action::GivePassword], reason: Reason::RoomAvailable }
        }
        (status, _) => await_status(run, status, now),
    }
}

fn await_password(run: &Run, seen: &Observation<'_>, now: Timestamp) -> Step {
    let Some(room) = seen.room else {
        return vanished(run, now);
    };
    match room.status {
        DbStatus::Available if room.password_pending || room.modification_pending => wait(run, Reason::PasswordPending),
        DbStatus::Available => {
            let mut next = call_verify(run, now);
            next.phase = Phase::Verifying;
            next.times.ready_at = Some(now);
            next.times.ready_by = Some(seen.by);
            Step { run: next, actions: vec![Action::CallVerify], reason: Reason::RoomReady }
        }
        DbStatus::Busy(_) | DbStatus::Deleting | DbStatus::Broken(_) | DbStatus::Stopped(_) | DbStatus::Unknown(_) => {
            await_status(run, &room.status, now)
        }
    }
}

fn await_verification(run: &Run, seen: &Observation<'_>, patience: Patience, now: Timestamp) -> Step {
    if let Some(verification) = seen.verification.filter(|verification| verification.finished_at.is_some()) {
        return judge_verification(run, verification, now);
    }
    let Some(room) = seen.room else {
        return vanished(run, now);
    };
    match &room.status {
        DbStatus::Broken(_) | DbStatus::Deleting => await_status(run, &room.status, now),
        DbStatus::Available | DbStatus::Busy(_) | DbStatus::Stopped(_) | DbStatus::Unknown(_) => {
            let silent_since = run.verify_called_at.unwrap_or(run.requested_at);
            if now >= silent_since + patience.0 {
                Step { run: call_verify(run, now), actions: vec![Action::CallVerify], reason: Reason::VerifySilent }
            } else {
                wait(run, Reason::Verifying)
            }
        }
    }
}

fn fingerprint(room: &DbInstance) -> Fingerprint {
    Fingerprint {
        engine: room.engine.clone(),
        engine_version: room.engine_version.clone(),
        parameter_group: room.parameter_group.clone(),
        option_group: room.option_group.clone(),
    }
}

fn call_verify(run: &Run, now: Timestamp) -> Run {
    Run { verify_called_at: Some(now), ..run.clone() }
}

fn destroy(run: &Run, seen: &Observation<'_>, now: Timestamp) -> Step {
    match seen.room.filter(|room| is_own(run, room)) {
        None => {
            let mut next = run.clone();
            next.phase = Phase::Closed;
            next.times.closed_at = Some(now);
            next.times.closed_by = Some(seen.by);
            Step { run: next, actions: vec![Action::ForgetSecret, Action::WriteEvidence], reason: Reason::RoomGone }
        }
        Some(room) if room.status == DbStatus::Deleting => wait(run, Reason::RoomGoing),
        Some(_) => Step { run: run.clone(), actions: vec![Action::DeleteRoom], reason: Reason::RoomMustGo },
    }
}

/// What a status means while a room is awaited.
fn await_status(run: &Run, status: &DbStatus, now: Timestamp) -> Step {
    match status {
        DbStatus::Broken(word) => {
            judge(run, verdict_of_broken(word), vec![format!("RDS reports {word} for the room {}", run.room)], now)
        }
        DbStatus::Deleting => vanished(run, now),
        // Unknown is not healthy, and not a failure either: the deadline judges it.
        DbStatus::Available | DbStatus::Busy(_) | DbStatus::Stopped(_) | DbStatus::Unknown(_) => {
            wait(run, Reason::RoomNotReady(status.word().into()))
        }
    }
}

/// Only what RDS says of the snapshot itself fails the recovery point; trouble with the room's surroundings leaves it unproved.
fn verdict_of_broken(word: &str) -> Verdict {
    match word {
        "failed" | "restore-error" | "incompatible-restore" => Verdict::Failed,
        _ => Verdict::Inconclusive,
    }
}

fn vanished(run: &Run, now: Timestamp) -> Step {
    judge(run, Verdict::Inconclusive, vec![format!("somebody else deleted the room {}", run.room)], now)
}

fn judge_verification(run: &Run, verification: &Verification, now: Timestamp) -> Step {
    let results: Vec<CheckResult> = verification.results.iter().map(CheckResult::from).collect();
    let mut next = run.clone();
    next.times.first_query_at = Some(verification.first_query_at);
    next.times.fully_read_at = verification.fully_read_at;
    next.times.verified_at = verification.finished_at;
    // It may have ended after this invocation looked at the clock.
    let now = now.max(next.known_until());
    judge(&next, Verdict::of(&results), reasons(&results), now)
}

/// Failures first, then what did not run, then how much passed.
fn reasons(results: &[CheckResult]) -> Vec<String> {
    let of = |outcome: Outcome| results.iter().filter(move |r| r.outcome == outcome);
    let mut reasons: Vec<String> = of(Outcome::Failed).map(|r| r.detail.clone()).collect();
    reasons.extend(of(Outcome::NotRun).map(|r| format!("{} was not run: {}", r.check, r.detail)));
    reasons.truncate(REASONS_MAX);
    reasons.push(format!("{} of {} checks passed", of(Outcome::Passed).count(), results.len()));
    reasons
}

fn judge(run: &Run, verdict: Verdict, reasons: Vec<String>, now: Timestamp) -> Step {
    let mut next = run.clone();
    next.phase = Phase::Destroying;
    next.times.judged_at = Some(now);
    next.verdict = Some(RunVerdict { verdict, reasons });
    Step { run: next, actions: vec![Action::TellVerdict], reason: Reason::Judged(verdict) }
}

fn wait(run: &Run, reason: Reason) -> Step {
    Step { run: run.clone(), actions: vec![], reason }
}

fn is_finished(seen: &Observation<'_>) -> bool {
    seen.verification.is_some_and(|verification| verification.finished_at.is_some())
}

/// The words for a run that its deadline judged: how far it had come.
fn late(run: &Run, seen: &Observation<'_>) -> String {
    let deadline = run.deadline_at;
    match run.phase {
        Phase::Requested => format!("no room was free until the deadline {deadline}"),
        Phase::Restoring => {
            let status = seen.room.map_or("not to be seen", |room| room.status.word());
            format!("the room was still {status} at the deadline {deadline}")
        }
        Phase::Preparing => {
            format!("the room's password was not applied until the deadline {deadline}")
        }
        Phase::Verifying | Phase::Destroying | Phase::Closed => match seen.verification {
            Some(v) => format!(
                "verification had done {} of {} units of work at the deadline {deadline}",
                v.units_done, v.units_total
            ),
            None => format!("verification had not reached the room at the deadline {deadline}"),
        },
    }
}

/// Whether a room of this name was made by this run. Deterministic names make a clash unlikely; the tag makes it impossible to act on one.
#[must_use]
pub fn is_own(run: &Run, room: &DbInstance) -> bool {
    room.tags.get(tags::RUN).is_some_and(|id| id == run.id.as_str())
}

#[cfg(test)]
mod tests;
