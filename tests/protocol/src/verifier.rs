//! One invocation of `verify`: its calls in the order in which `handle` makes them, one a turn.
//!
//! What the room is asked is one turn a stage. The plan and the list of proved runs, which this world does not change, are left out. So is what
//! is written every minute within a stage: it is written over the version that was read, as the stage is in its end, and leaves the stage to
//! be made by whoever comes next.

use holdfast_ledger::Phase;

use crate::model::{Answer, Plant};
use crate::world::{Checks, Stage, Status, World};

/// The most hops of this world; at the last one what is left is given up.
pub(crate) const HOPS: u8 = 1;

/// The call that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Run,
    Checks,
    Secret,
    Door,
    Create,
    CreateReadBack,
    Read,
    PutRead,
    Vacuum,
    PutAll,
    /// Of either stage.
    PutReadBack,
    Leave,
    Finish,
    FinishReadBack,
    /// *Verification Recorded*.
    TellRecorded,
    /// *Verification Continues*.
    TellContinues,
}

/// What an invocation knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Verifier {
    pub(crate) at: At,
    /// How often the work was passed on before.
    pub(crate) hop: u8,
    /// The record as read: what a write must be over.
    held: Option<Checks>,
    /// What is being written.
    intended: Option<Checks>,
    landed: bool,
    key: u8,
    pub(crate) in_room: bool,
    read_after_vacuum: bool,
    time_is_up: bool,
}

/// What a turn comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Goes(Verifier),
    Done,
    /// It failed: Lambda tries the same message again, twice.
    Failed,
}

impl Verifier {
    pub(crate) fn called(hop: u8) -> Self {
        Self {
            at: At::Run,
            hop,
            held: None,
            intended: None,
            landed: false,
            key: 0,
            in_room: false,
            read_after_vacuum: false,
            time_is_up: false,
        }
    }

    /// Whether the deadline of the invocation can come before the next call: between two stages.
    pub(crate) fn can_run_out_of_time(&self) -> bool {
        matches!(self.at, At::Read | At::Vacuum) && !self.time_is_up
    }

    /// It has no time for another stage.
    pub(crate) fn out_of_time(self) -> Self {
        Self { at: At::Leave, time_is_up: true, ..self }
    }

    fn at(self, at: At) -> Next {
        Next::Goes(Self { at, ..self })
    }

    /// Makes the next call. `occupied`: somebody else is in the room.
    pub(crate) fn turn(self, world: &mut World, answer: Answer, occupied: bool, plant: Option<Plant>) -> Next {
        let lost = !answer.is_told();
        match self.at {
            At::Run | At::Checks | At::Secret if lost => Next::Failed,
            At::Run => match world.run.map(|run| run.phase) {
                Some(Phase::Verifying) => self.at(At::Checks),
                // The call overtook its record.
                Some(Phase::Requested | Phase::Restoring | Phase::Preparing) => Next::Failed,
                Some(Phase::Judged | Phase::Destroying | Phase::Closed) | None => Next::Done,
            },
            At::Checks if world.checks.is_some_and(|checks| checks.finished.is_some()) => self.at(At::TellRecorded),
            At::Checks => Self { held: world.checks, ..self }.at(At::Secret),
            At::Secret if world.secret == 0 => Next::Failed,
            At::Secret => Self { key: world.secret, ..self }.at(At::Door),
            At::Door => self.open(world, lost, occupied && plant != Some(Plant::TheDoorStandsOpen)),
            At::Create | At::CreateReadBack => self.create(world, answer, plant),
            At::Read | At::Vacuum if lost || !serves(world) => Next::Failed,
            At::Read => Self { read_after_vacuum: world.vacuumed, ..self }.put_stage(At::PutRead, Stage::Read),
            At::Vacuum => {
                world.vacuumed = true;
                self.put_stage(At::PutAll, Stage::All)
            }
            At::PutRead | At::PutAll | At::PutReadBack => self.put(world, answer, At::PutReadBack, plant),
            At::Leave => self.leave(world, plant),
            At::Finish | At::FinishReadBack => self.put(world, answer, At::FinishReadBack, plant),
            At::TellRecorded if lost => Next::Failed,
            At::TellRecorded if plant == Some(Plant::ToldBeforeRecorded) && self.intended.is_some() => {
                self.at(At::Finish)
            }
            At::TellRecorded => Next::Done,
            At::TellContinues => {
                if answer.happens() {
                    world.continues += 1;
                }
                if lost { Next::Failed } else { Next::Done }
            }
        }
    }

    fn open(self, world: &World, lost: bool, occupied: bool) -> Next {
        if lost || !serves(world) || world.key != self.key {
            return Next::Failed;
        }
        if occupied {
            return Next::Done;
        }
        let inside = Self { in_room: true, key: 0, ..self };
        match inside.held {
            Some(_) => inside.stage(),
            None => inside.at(At::Create),
        }
    }

    fn create(mut self, world: &mut World, answer: Answer, plant: Option<Plant>) -> Next {
        let begun = Checks { stage: Stage::Begun, finished: None };
        if self.at == At::Create {
            let created = answer.happens() && world.checks.is_none();
            if created {
                world.put_checks(begun, false);
            }
            self.held = Some(begun);
            return if created && answer.is_told() { self.stage() } else { self.at(At::CreateReadBack) };
        }
        match world.checks.filter(|_| answer.is_told()) {
            None => Next::Failed,
            // Another invocation came to the end since this one looked.
            Some(found) if found.finished.is_some() && plant != Some(Plant::WhatWasFoundIsNotLookedAt) => {
                Self { in_room: false, held: None, ..self }.at(At::TellRecorded)
            }
            Some(found) => Self { held: Some(found), ..self }.stage(),
        }
    }

    /// The stage that the record leaves to be made.
    fn stage(self) -> Next {
        match self.held.map_or(Stage::Begun, |held| held.stage) {
            Stage::Begun => self.at(At::Read),
            Stage::Read => self.at(At::Vacuum),
            Stage::All => self.at(At::Leave),
        }
    }

    fn put_stage(self, at: At, stage: Stage) -> Next {
        Self { intended: Some(Checks { stage, finished: None }), ..self }.at(at)
    }

    /// Writes over what was read, and reads back where that was refused or not answered.
    fn put(mut self, world: &mut World, answer: Answer, read_back: At, plant: Option<Plant>) -> Next {
        let Some(intended) = self.intended else { unreachable!("nothing is to be written") };
        if self.at == read_back {
            let own = answer.is_told() && self.landed && world.checks == Some(intended);
            return if own { self.written(intended, plant) } else { Next::Failed };
        }
        self.landed = answer.happens() && world.checks == self.held;
        if self.landed {
            world.put_checks(intended, self.read_after_vacuum);
        }
        if self.landed && answer.is_told() { self.written(intended, plant) } else { self.at(read_back) }
    }

    fn written(self, written: Checks, plant: Option<Plant>) -> Next {
        let next = Self { held: Some(written), intended: None, landed: false, read_after_vacuum: false, ..self };
        match written.finished {
            None => next.stage(),
            Some(_) if plant == Some(Plant::ToldBeforeRecorded) => Next::Done,
            Some(_) => Self { held: None, ..next }.at(At::TellRecorded),
        }
    }

    fn leave(self, world: &World, plant: Option<Plant>) -> Next {
        let outside = Self { in_room: false, ..self };
        let stage = self.held.map_or(Stage::Begun, |held| held.stage);
        if stage < Stage::All && self.hop < HOPS {
            return Self { held: None, time_is_up: false, ..outside }.at(At::TellContinues);
        }
        let intended = Some(Checks { stage, finished: Some(world.clock) });
        let at = if plant == Some(Plant::ToldBeforeRecorded) { At::TellRecorded } else { At::Finish };
        Self { intended, ..outside }.at(at)
    }
}

/// Whether the room's server answers. It may do so until it is gone.
fn serves(world: &World) -> bool {
    matches!(world.room, Status::Available | Status::Deleting)
}
