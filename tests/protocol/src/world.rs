//! The world of one restore test, small enough to be the key of a table: its records, its room, its secret, the bus, and the clock.
//!
//! What is done to it breaks a rule or does not; the first rule that is broken stays written on the world.

use holdfast_domain::Verdict;
use holdfast_ledger::Phase;

use crate::book::RunShape;

/// An instant: one of those at which something changes. See [`crate::book::INSTANTS`].
pub(crate) type Tick = u8;

/// From here on a run is judged as it stands.
pub(crate) const DEADLINE: Tick = 2;

/// Half an hour after the deadline: from here on the reaper takes a room away from an open run too.
pub(crate) const REAPED: Tick = 3;

/// The most links that the chain can come to have: one of another run, one of this, and one too many.
pub(crate) const LINKS: usize = 3;

/// What must hold in every state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// A run never goes back to a phase that it has left.
    RunMovesBack,
    /// A verdict that is recorded never changes.
    VerdictChanges,
    /// *Passed* is what the finished verification says, and nothing else.
    PassedWithoutProof,
    /// People hear the recorded verdict, and no other.
    ToldUnrecorded,
    /// A room is deleted when its run is judged, or half an hour after its deadline.
    RoomDeletedUnjudged,
    /// A room that was given its own password has its secret for as long as it stands, or until the reaper's time.
    KeyLostBeforeRoom,
    /// While a room is verified, the password it has or is being given is the one in its secret.
    WrongKey,
    /// The room's parameter group is there for as long as the room.
    GroupLostBeforeRoom,
    /// One invocation of `verify` at a time is in the room; VACUUM is its last stage.
    TwoInOneRoom,
    /// Nothing is recorded as read that was read after VACUUM.
    ReadAfterVacuum,
    /// A finished verification is never written again: its hash is part of the evidence.
    FinishedRecordWritten,
    /// A run has one link of evidence, and its record names that one.
    TwoLinks,
}

/// A room as RDS has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    Absent,
    Creating,
    Available,
    Deleting,
}

/// The record of the rooms in use, of which each content is written once: so its generation is its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rooms {
    pub(crate) generation: u8,
    pub(crate) held: bool,
}

/// How far the record of a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Checks {
    pub(crate) stage: Stage,
    pub(crate) finished: Option<Tick>,
}

/// What is done of a verification: `verify`'s stages, of which those between the first reading and VACUUM are like the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    Begun,
    Read,
    All,
}

/// Whose a link of evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Link {
    Missing,
    Own,
    Anothers,
}

/// Everything outside the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) clock: Tick,
    /// The run's record. No content of it is ever written twice, so its content is its version.
    pub(crate) run: Option<RunShape>,
    pub(crate) marker: bool,
    pub(crate) rooms: Rooms,
    pub(crate) room: Status,
    /// The room's password: 0 is the source's.
    pub(crate) key: u8,
    /// The password that waits to be applied; 0 is none.
    pub(crate) key_pending: u8,
    /// The secret's value; 0 is none.
    pub(crate) secret: u8,
    /// How many secrets were made.
    pub(crate) secrets: u8,
    /// Whether the room's own parameter group is there.
    pub(crate) group: bool,
    pub(crate) checks: Option<Checks>,
    pub(crate) vacuumed: bool,
    pub(crate) links: [Link; LINKS],
    /// *Restore Test Ready* in flight.
    pub(crate) ready: u8,
    /// *Verification Continues* in flight.
    pub(crate) continues: u8,
    /// The verdict that people heard last.
    pub(crate) told: Option<Verdict>,
    pub(crate) broken: Option<Rule>,
}

impl World {
    /// A recovery point, and no run of it yet.
    pub(crate) const BEFORE: Self = Self {
        clock: 0,
        run: None,
        marker: false,
        rooms: Rooms { generation: 0, held: false },
        room: Status::Absent,
        key: 0,
        key_pending: 0,
        secret: 0,
        secrets: 0,
        group: false,
        checks: None,
        vacuumed: false,
        links: [Link::Missing; LINKS],
        ready: 0,
        continues: 0,
        told: None,
        broken: None,
    };

    pub(crate) fn breaks(&mut self, rule: Rule) {
        self.broken.get_or_insert(rule);
    }

    /// Writes the run's record, and looks at what this makes of the one before.
    pub(crate) fn put_run(&mut self, run: RunShape) {
        if let Some(before) = self.run {
            if run.phase < before.phase || (run.phase == before.phase && run.called <= before.called) {
                self.breaks(Rule::RunMovesBack);
            }
            if before.verdict.is_some() && before.verdict != run.verdict {
                self.breaks(Rule::VerdictChanges);
            }
        }
        let proved = self.checks.is_some_and(|checks| checks.finished.is_some() && checks.stage == Stage::All);
        if run.verdict == Some(Verdict::Passed) && !proved {
            self.breaks(Rule::PassedWithoutProof);
        }
        let named = run.link.checked_sub(1).map(|number| self.links[usize::from(number)]);
        if named.is_some_and(|link| link != Link::Own) {
            self.breaks(Rule::TwoLinks);
        }
        self.run = Some(run);
    }

    /// Tells people a verdict.
    pub(crate) fn tell(&mut self, verdict: Option<Verdict>) {
        self.told = verdict;
        if verdict != self.run.and_then(|run| run.verdict) {
            self.breaks(Rule::ToldUnrecorded);
        }
    }

    pub(crate) fn put_checks(&mut self, checks: Checks, read_after_vacuum: bool) {
        if self.checks.is_some_and(|before| before.finished.is_some()) {
            self.breaks(Rule::FinishedRecordWritten);
        }
        if read_after_vacuum {
            self.breaks(Rule::ReadAfterVacuum);
        }
        self.checks = Some(checks);
    }

    pub(crate) fn delete_room(&mut self) {
        if matches!(self.room, Status::Creating | Status::Available) {
            let judged = self.run.is_some_and(|run| run.verdict.is_some());
            if !judged && self.clock < REAPED {
                self.breaks(Rule::RoomDeletedUnjudged);
            }
            self.room = Status::Deleting;
        }
    }

    pub(crate) fn room_is_gone(&mut self) {
        (self.room, self.key, self.key_pending, self.vacuumed) = (Status::Absent, 0, 0, false);
    }

    pub(crate) fn forget_secret(&mut self) {
        self.secret = 0;
    }

    /// Deletes the parameter group; RDS does not while a database uses it.
    pub(crate) fn delete_group(&mut self) -> bool {
        let used = self.room != Status::Absent;
        self.group &= used;
        !used
    }

    /// Keeps a new password unless one is kept, and gives the one in force.
    pub(crate) fn keep_secret(&mut self) -> u8 {
        if self.secret == 0 {
            self.secrets = (self.secrets + 1).min(3);
            self.secret = self.secrets;
        }
        self.secret
    }

    /// Where the chain ends.
    pub(crate) fn chain_end(&self) -> u8 {
        let end = self.links.iter().take_while(|link| **link != Link::Missing).count();
        u8::try_from(end).unwrap_or(u8::MAX)
    }

    /// Whoever comes late is heard by nobody: `verify` reads the run first, and leaves again.
    pub(crate) fn forget_what_nobody_hears(&mut self) {
        if self.run.is_some_and(|run| run.phase > Phase::Verifying) {
            (self.ready, self.continues) = (0, 0);
        }
    }

    /// Looks at what must hold between any two calls.
    pub(crate) fn look(&mut self, in_room: usize) {
        if in_room > 1 {
            self.breaks(Rule::TwoInOneRoom);
        }
        if self.links.iter().filter(|link| **link == Link::Own).count() > 1 {
            self.breaks(Rule::TwoLinks);
        }
        if self.room != Status::Absent && !self.group {
            self.breaks(Rule::GroupLostBeforeRoom);
        }
        if self.clock >= REAPED {
            return;
        }
        let given = self.key.max(self.key_pending);
        if self.room != Status::Absent && given != 0 && self.secret == 0 {
            self.breaks(Rule::KeyLostBeforeRoom);
        }
        let verified = self.run.is_some_and(|run| run.phase == Phase::Verifying);
        if verified && self.room == Status::Available && given != self.secret {
            self.breaks(Rule::WrongKey);
        }
    }

    /// The end that every run must come to: judged, told, closed, with one link, and nothing left.
    pub(crate) fn is_over(&self) -> bool {
        let closed = self.run.is_some_and(|run| run.phase == Phase::Closed && run.verdict.is_some() && run.link != 0);
        let nothing_left =
            self.room == Status::Absent && self.secret == 0 && !self.group && !self.marker && !self.rooms.held;
        let links = self.links.iter().filter(|link| **link == Link::Own).count();
        closed && nothing_left && links == 1 && self.told == self.run.and_then(|run| run.verdict)
    }
}
