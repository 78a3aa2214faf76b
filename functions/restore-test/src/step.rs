//! One step of one run. Pure: `step(run, observation, now) -> (run', actions, reason)`.
//!
//! ```text
//! requested ─> restoring ─> preparing ─> verifying ─> judged ─> destroying ─> closed
//!     └────────────┴────────────┴─ deadline, failure ─┘
//! ```
//! Actions are idempotent and are carried out *before* the new run is recorded: whoever is killed between the two repeats them.
//! A verdict is the other way round: two invocations may judge differently, so it is recorded first, and only the recorded one is told.
//! A room that is a DB cluster is restored empty and then given its one member, both while `restoring`: the other phases see a room.
//! Nothing leads back, and every phase before `Judged` leads to it at the deadline at the latest.

use std::fmt;

use holdfast_domain::inventory::{DbInstance, DbStatus};
use holdfast_domain::{CheckResult, Outcome, Requirement, Verdict};
use holdfast_ledger::{Phase, Run, RunVerdict, SeenBy, Verification};
use jiff::{SignedDuration, Timestamp};

use crate::room::{Parts, Room};

/// How long RDS may take to show a room that it agreed to restore. Its inventory is eventually consistent; AWS gives no bound, so this is ours.
pub const APPEARS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// At most this many reasons are kept in a verdict; the verification record holds them all.
pub const REASONS_MAX: usize = 20;

/// What was seen of a run's surroundings.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation<'a> {
    /// The room, if the inventory shows it. `None` means that it was looked for and is not there.
    pub room: Option<Room<'a>>,
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
    /// Make the parameter group that the room is restored with.
    MakeParameterGroup,
    /// Ask RDS for the room.
    Restore,
    /// Ask RDS for the member of the room's cluster.
    AddMember,
    /// Give the room a password of its own, and its secret.
    GivePassword,
    /// Tell `verify` that the room is ready.
    CallVerify,
    /// Ask RDS to delete the instance that is the room.
    DeleteRoom,
    /// Ask RDS to delete the member of the room's cluster.
    DeleteMember,
    /// Ask RDS to delete the cluster that is the room; it has no member any more, or one that is going.
    DeleteCluster,
    /// Delete the secret.
    ForgetSecret,
    /// Delete the room's parameter group, if it has one of its own.
    DeleteParameterGroup,
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
    /// The room's cluster is available, and has no member yet.
    ClusterAvailable,
    /// The member of the room's cluster is there already: an earlier step was cut short.
    MemberAdopted,
    /// The member of the room's cluster is not in the inventory yet.
    MemberNotSeenYet,
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
    /// The verdict is recorded.
    VerdictStands,
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
            Self::ClusterAvailable => f.write_str("the room's cluster is available and has no member"),
            Self::MemberAdopted => f.write_str("the member of the room's cluster is there already"),
            Self::MemberNotSeenYet => f.write_str("the member of the room's cluster is not in the inventory yet"),
            Self::RoomAvailable => f.write_str("the room is available"),
            Self::PasswordPending => f.write_str("the new password waits to be applied"),
            Self::RoomReady => f.write_str("the room is ready"),
            Self::Verifying => f.write_str("verify is at work"),
            Self::VerifySilent => f.write_str("verify was silent too long"),
            Self::Judged(verdict) => write!(f, "judged {verdict}"),
            Self::VerdictStands => f.write_str("its verdict is recorded"),
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
    if run.phase < Phase::Judged && now >= run.deadline_at && !answered {
        return judge(run, Verdict::Inconclusive, vec![late(run, seen)], now);
    }
    match run.phase {
        Phase::Requested => open(run, seen, now),
        Phase::Restoring => await_room(run, seen, now),
        Phase::Preparing => await_password(run, seen, now),
        Phase::Verifying => await_verification(run, seen, patience, now),
        Phase::Judged => tell(run),
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
    match seen.room.map(|room| room.foreign(run)) {
        Some(None) => restoring(run, vec![], Reason::RoomAdopted, now),
        Some(Some(what)) => taken(run, what, now),
        None if seen.room_free => {
            let own_group = run.parameters.as_ref().map(|_| Action::MakeParameterGroup);
            let actions = own_group.into_iter().chain([Action::Restore]).collect();
            restoring(run, actions, Reason::RoomFree, now)
        }
        None => wait(run, Reason::Queued),
    }
}

fn taken(run: &Run, what: &str, now: Timestamp) -> Step {
    let reason = format!("the name {} is taken by {what} that is not ours", run.room);
    judge(run, Verdict::Inconclusive, vec![reason], now)
}

fn restoring(run: &Run, actions: Vec<Action>, reason: Reason, now: Timestamp) -> Step {
    let mut next = run.clone();
    next.phase = Phase::Restoring;
    next.times.restore_accepted_at = Some(now);
    Step { run: next, actions, reason }
}

fn await_room(run: &Run, seen: &Observation<'_>, now: Timestamp) -> Step {
    let Some(room) = seen.room else {
        return match run.times.cluster_available_at {
            Some(_) => vanished(run, now),
            None => not_seen(run, run.times.restore_accepted_at, Reason::RoomNotSeenYet, now),
        };
    };
    if let Room::Cluster(cluster, member) = room
        && cluster.status == DbStatus::Available
    {
        match (run.times.cluster_available_at, member) {
            (None, _) => return add_member(run, room, seen.by, now),
            (asked_at, None) => return not_seen(run, asked_at, Reason::MemberNotSeenYet, now),
            (Some(_), Some(_)) => {}
        }
    }
    match (room.status(), room.endpoint()) {
        (DbStatus::Available, Some(endpoint)) => {
            let (master_user, database) = room.login();
            let mut next = run.clone();
            next.phase = Phase::Preparing;
            next.times.available_at = Some(now);
            next.times.available_by = Some(seen.by);
            next.restored_as = Some(room.fingerprint());
            next.host = Some(endpoint.host.clone());
            next.port = Some(endpoint.port);
            next.master_user = Some(master_user.to_owned());
            next.database = database.map(str::to_owned);
            Step { run: next, actions: vec![Action::GivePassword], reason: Reason::RoomAvailable }
        }
        (status, _) => await_status(run, status, now),
    }
}

/// The cluster is available for the first time: it gets its member, unless an earlier attempt that was cut short has given it one.
fn add_member(run: &Run, room: Room<'_>, by: SeenBy, now: Timestamp) -> Step {
    if let Some(what) = room.foreign(run) {
        return taken(run, what, now);
    }
    let (actions, reason) = match room.answering() {
        Some(_) => (vec![], Reason::MemberAdopted),
        None => (vec![Action::AddMember], Reason::ClusterAvailable),
    };
    let mut next = run.clone();
    next.times.cluster_available_at = Some(now);
    next.times.cluster_available_by = Some(by);
    Step { run: next, actions, reason }
}

/// What RDS agreed to make and does not show.
fn not_seen(run: &Run, agreed_at: Option<Timestamp>, reason: Reason, now: Timestamp) -> Step {
    if now < agreed_at.unwrap_or(run.requested_at) + APPEARS_WITHIN {
        return wait(run, reason);
    }
    let what = if reason == Reason::MemberNotSeenYet { "the member of the room" } else { "the room" };
    judge(run, Verdict::Inconclusive, vec![format!("{what} {} never appeared", run.room)], now)
}

fn await_password(run: &Run, seen: &Observation<'_>, now: Timestamp) -> Step {
    let Some(room) = whole(seen) else {
        return vanished(run, now);
    };
    match room.status() {
        DbStatus::Available if room.is_pending() => wait(run, Reason::PasswordPending),
        DbStatus::Available => {
            let mut next = call_verify(run, now);
            next.phase = Phase::Verifying;
            next.times.ready_at = Some(now);
            next.times.ready_by = Some(seen.by);
            Step { run: next, actions: vec![Action::CallVerify], reason: Reason::RoomReady }
        }
        DbStatus::Busy(_) | DbStatus::Deleting | DbStatus::Broken(_) | DbStatus::Stopped(_) | DbStatus::Unknown(_) => {
            await_status(run, room.status(), now)
        }
    }
}

/// The room, if what answers is there.
fn whole<'a>(seen: &Observation<'a>) -> Option<Room<'a>> {
    seen.room.filter(|room| room.answering().is_some())
}

fn await_verification(run: &Run, seen: &Observation<'_>, patience: Patience, now: Timestamp) -> Step {
    if let Some(verification) = seen.verification.filter(|verification| verification.finished_at.is_some()) {
        return judge_verification(run, verification, now);
    }
    let Some(room) = whole(seen) else {
        return vanished(run, now);
    };
    match room.status() {
        DbStatus::Broken(_) | DbStatus::Deleting => await_status(run, room.status(), now),
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

fn call_verify(run: &Run, now: Timestamp) -> Run {
    Run { verify_called_at: Some(now), ..run.clone() }
}

/// Whatever is seen by now, and whoever judged: what is told is what is recorded.
fn tell(run: &Run) -> Step {
    let next = Run { phase: Phase::Destroying, ..run.clone() };
    Step { run: next, actions: vec![Action::TellVerdict], reason: Reason::VerdictStands }
}

/// The member goes before its cluster, which RDS does not delete while it has one that stays.
fn destroy(run: &Run, seen: &Observation<'_>, now: Timestamp) -> Step {
    let Some(Parts { instance, cluster, member }) = seen.room.map(|room| room.own(run)) else {
        return closed(run, seen.by, now);
    };
    let stays = |part: &DbInstance| part.status != DbStatus::Deleting;
    let delete = |action| Step { run: run.clone(), actions: vec![action], reason: Reason::RoomMustGo };
    match (instance, member, cluster) {
        (None, None, None) => closed(run, seen.by, now),
        (Some(instance), ..) if stays(instance) => delete(Action::DeleteRoom),
        (_, Some(member), _) if stays(member) => delete(Action::DeleteMember),
        (.., Some(cluster)) if cluster.status != DbStatus::Deleting => delete(Action::DeleteCluster),
        (..) => wait(run, Reason::RoomGoing),
    }
}

fn closed(run: &Run, by: SeenBy, now: Timestamp) -> Step {
    let mut next = run.clone();
    next.phase = Phase::Closed;
    next.times.closed_at = Some(now);
    next.times.closed_by = Some(by);
    let own_group = run.parameters.as_ref().map(|_| Action::DeleteParameterGroup);
    let actions = [Action::ForgetSecret].into_iter().chain(own_group).chain([Action::WriteEvidence]).collect();
    Step { run: next, actions, reason: Reason::RoomGone }
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

/// Failures first, then what did not run, then that nothing was asked, then how much passed.
fn reasons(results: &[CheckResult]) -> Vec<String> {
    let of = |outcome: Outcome| results.iter().filter(move |r| r.outcome == outcome);
    let mut reasons: Vec<String> = of(Outcome::Failed).map(|r| r.detail.clone()).collect();
    reasons.extend(of(Outcome::NotRun).map(|r| format!("{} was not run: {}", r.check, r.detail)));
    if !results.iter().any(|result| result.requirement == Requirement::Required) {
        reasons.push("the plan requires no check of this resource: give it `checks: { integrity: full }`".into());
    }
    reasons.truncate(REASONS_MAX);
    reasons.push(format!("{} of {} checks passed", of(Outcome::Passed).count(), results.len()));
    reasons
}

fn judge(run: &Run, verdict: Verdict, reasons: Vec<String>, now: Timestamp) -> Step {
    let mut next = run.clone();
    next.phase = Phase::Judged;
    next.times.judged_at = Some(now);
    next.verdict = Some(RunVerdict { verdict, reasons });
    Step { run: next, actions: vec![], reason: Reason::Judged(verdict) }
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
            let status = seen.room.map_or("not to be seen", |room| room.status().word());
            format!("the room was still {status} at the deadline {deadline}")
        }
        Phase::Preparing => {
            format!("the room's password was not applied until the deadline {deadline}")
        }
        Phase::Verifying | Phase::Judged | Phase::Destroying | Phase::Closed => match seen.verification {
            Some(v) => format!(
                "verification had done {} of {} units of work at the deadline {deadline}",
                v.units_done, v.units_total
            ),
            None => format!("verification had not reached the room at the deadline {deadline}"),
        },
    }
}

#[cfg(test)]
mod tests;
