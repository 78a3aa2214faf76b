//! The model: what can happen next, in every state.
//!
//! At most [`WORKERS`] invocations go at once, of either function. Whatever is left to chance can happen at any point: whose call comes
//! next, RDS coming on, a new sweep, a message arriving; and, as often as [`Faults`] allow, an invocation killed, an answer lost, a call
//! refused, a message lost or doubled, time passing, another run's link in the chain.

use std::hash::{Hash, Hasher};

use crate::book::Book;
use crate::tester::Tester;
use crate::verifier::{self, Next, Verifier};
use crate::world::{Link, REAPED, Status, World};

/// Invocations at once.
pub(crate) const WORKERS: usize = 2;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// It happened, and the caller knows.
    Given,
    /// It happened, and the caller knows nothing.
    Lost,
    /// It did not happen, and the caller knows nothing.
    Refused,
}

impl Answer {
    pub(crate) fn happens(self) -> bool {
        self != Self::Refused
    }

    pub(crate) fn is_told(self) -> bool {
        self == Self::Given
    }
}

/// A bug, planted in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// A run that others began is taken further on what was seen before it began.
    TheOldLookServes,
    /// The run's record is written without a condition.
    RecordsAreOverwritten,
    /// Evidence is added at the end of the chain, without a look for the run's own link.
    EvidenceIsNotLookedFor,
    /// A new password is kept over the one in force.
    SecretsAreOverwritten,
    /// `verify` enters a room that somebody is in.
    TheDoorStandsOpen,
    /// `verify` goes on with a record that it could not create, whatever it says.
    WhatWasFoundIsNotLookedAt,
    /// `verify` announces its record before it writes it.
    ToldBeforeRecorded,
}

/// How often each misfortune may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    /// An invocation is killed.
    pub(crate) kills: u8,
    /// A call's answer is lost: it happened, and nobody knows.
    pub(crate) answers: u8,
    /// A call is refused: it did not happen, and nobody knows that either.
    pub(crate) refusals: u8,
    /// A message arrives twice.
    pub(crate) doubles: u8,
    /// A message is lost.
    pub(crate) losses: u8,
    /// Time passes while an invocation is going; where none is, it passes as it likes.
    pub(crate) ticks: u8,
    /// A verification does not fit into one invocation.
    pub(crate) cuts: u8,
    /// Another run of the resource adds its link.
    pub(crate) neighbours: u8,
}

impl Faults {
    pub(crate) const NONE: Self =
        Self { kills: 0, answers: 0, refusals: 0, doubles: 0, losses: 0, ticks: 0, cuts: 0, neighbours: 0 };
}

/// One invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Worker {
    Tester(Tester),
    Verifier(Verifier),
}

/// Everything there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) workers: [Option<Worker>; WORKERS],
    pub(crate) left: Faults,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The invocation in a place makes its next call.
    Turn(usize, Answer),
    /// It made it, failed, and Lambda has tried often enough.
    TurnForTheLastTime(usize, Answer),
    /// Its time is up.
    OutOfTime(usize),
    /// It is killed; and Lambda tries the same message again, or not.
    Kill(usize, bool),
    Sweep,
    Ready,
    Continues,
    RoomComesUp,
    PasswordApplied,
    RoomGone,
    TimePasses,
    Doubled,
    Lost,
    Neighbour,
}

/// What is explored.
pub(crate) struct Model {
    pub(crate) book: Book,
    pub(crate) faults: Faults,
    pub(crate) workers: usize,
    pub(crate) plant: Option<Plant>,
}

impl Model {
    pub(crate) fn first(&self) -> State {
        State { world: World::BEFORE, workers: [None; WORKERS], left: self.faults }
    }

    /// Everything that can happen in a state, and what it makes of it.
    pub(crate) fn moves(&self, state: &State, mut take: impl FnMut(Move, State)) {
        for place in 0..WORKERS {
            if let Some(worker) = state.workers[place] {
                self.turns(state, place, worker, &mut take);
            }
        }
        self.arrivals(state, &mut take);
        world_moves(state, &mut take);
    }

    fn turns(&self, state: &State, place: usize, worker: Worker, take: &mut impl FnMut(Move, State)) {
        let Faults { answers, refusals, .. } = state.left;
        let may = [(Answer::Given, true), (Answer::Lost, answers > 0), (Answer::Refused, refusals > 0)];
        for (answer, _) in may.into_iter().filter(|(_, may)| *may) {
            self.call(state, place, worker, answer, take);
        }
        if let Worker::Verifier(verifier) = worker
            && state.left.cuts > 0
            && verifier.can_run_out_of_time()
        {
            let mut next = *state;
            next.left.cuts -= 1;
            next.workers[place] = Some(Worker::Verifier(verifier.out_of_time()));
            take(Move::OutOfTime(place), next);
        }
        if state.left.kills > 0 {
            let mut next = *state;
            next.left.kills -= 1;
            next.workers[place] = None;
            take(Move::Kill(place, false), next);
            if let Worker::Verifier(verifier) = worker {
                sent_again(&mut next.world, verifier.hop);
                take(Move::Kill(place, true), next);
            }
        }
    }

    fn call(&self, state: &State, place: usize, worker: Worker, answer: Answer, take: &mut impl FnMut(Move, State)) {
        let mut next = *state;
        next.left.answers -= u8::from(answer == Answer::Lost);
        next.left.refusals -= u8::from(answer == Answer::Refused);
        match worker {
            Worker::Tester(tester) => {
                let after = tester.turn(&self.book, &mut next.world, answer, self.plant);
                next.workers[place] = after.map(Worker::Tester);
            }
            Worker::Verifier(verifier) => {
                let after = verifier.turn(&mut next.world, answer, in_room(state) > 0, self.plant);
                next.workers[place] = match after {
                    Next::Goes(after) => Some(Worker::Verifier(after)),
                    Next::Done | Next::Failed => None,
                };
                if after == Next::Failed {
                    take(Move::TurnForTheLastTime(place, answer), next);
                    sent_again(&mut next.world, verifier.hop);
                }
            }
        }
        take(Move::Turn(place, answer), next);
    }

    /// Invocations that begin.
    fn arrivals(&self, state: &State, take: &mut impl FnMut(Move, State)) {
        let going = state.workers.iter().flatten().count();
        let Some(place) = state.workers.iter().position(Option::is_none).filter(|_| going < self.workers) else {
            return;
        };
        let mut begin = |what, worker, change: fn(&mut World)| {
            let mut next = *state;
            change(&mut next.world);
            next.workers[place] = Some(worker);
            take(what, next);
        };
        begin(Move::Sweep, Worker::Tester(Tester::NEW), |_| {});
        if state.world.ready > 0 {
            begin(Move::Ready, Worker::Verifier(Verifier::called(0)), |world| world.ready -= 1);
        }
        if state.world.continues > 0 {
            begin(Move::Continues, Worker::Verifier(Verifier::called(1)), |world| world.continues -= 1);
        }
    }
}

/// RDS, the bus, the clock and another run.
fn world_moves(state: &State, take: &mut impl FnMut(Move, State)) {
    let World { room, key_pending, ready, continues, clock, run, .. } = state.world;
    let mut happens = |may: bool, what, change: fn(&mut State)| {
        if may {
            let mut next = *state;
            change(&mut next);
            take(what, next);
        }
    };
    happens(room == Status::Creating, Move::RoomComesUp, |state| state.world.room = Status::Available);
    happens(key_pending != 0 && room == Status::Available, Move::PasswordApplied, |state| {
        state.world.key = std::mem::take(&mut state.world.key_pending);
    });
    happens(room == Status::Deleting, Move::RoomGone, |state| state.world.room_is_gone());
    // Until there is a run nothing waits for time.
    let may = run.is_some() && clock < REAPED;
    happens(may && (state.is_quiet() || state.left.ticks > 0), Move::TimePasses, |state| {
        state.left.ticks -= u8::from(!state.is_quiet());
        state.world.clock += 1;
    });
    let in_flight = ready + continues > 0;
    happens(in_flight && state.left.doubles > 0, Move::Doubled, |state| {
        state.left.doubles -= 1;
        let World { ready, continues, .. } = &mut state.world;
        *if *continues > 0 { continues } else { ready } += 1;
    });
    happens(in_flight && state.left.losses > 0, Move::Lost, |state| {
        state.left.losses -= 1;
        let World { ready, continues, .. } = &mut state.world;
        *if *continues > 0 { continues } else { ready } -= 1;
    });
    happens(state.left.neighbours > 0 && run.is_some(), Move::Neighbour, |state| {
        state.left.neighbours -= 1;
        if let Some(link) = state.world.links.iter_mut().find(|link| **link == Link::Missing) {
            *link = Link::Anothers;
        }
    });
}

fn sent_again(world: &mut World, hop: u8) {
    if hop == 0 {
        world.ready += 1;
    } else {
        world.continues += 1;
    }
}

fn in_room(state: &State) -> usize {
    let inside = |worker: &&Worker| matches!(worker, Worker::Verifier(verifier) if verifier.in_room);
    state.workers.iter().flatten().filter(inside).count()
}

impl State {
    /// The one that stands for all that differ in names alone; and whether the two workers changed places.
    pub(crate) fn canonical(mut self) -> (Self, bool) {
        self.world.forget_what_nobody_hears();
        self.world.look(in_room(&self));
        let weight = |worker: &Option<Worker>| worker.as_ref().map_or(0, |worker| hash(worker) | 1);
        let swapped = weight(&self.workers[0]) < weight(&self.workers[1]);
        if swapped {
            self.workers.swap(0, 1);
        }
        (self, swapped)
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.workers.iter().all(Option::is_none)
    }
}

/// The most hops that the model's `verify` is called with.
const _: () = assert!(verifier::HOPS == 1, "messages in flight are counted for two hops");

/// A hash that is fast without optimisation: multiply and rotate.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value.cast_unsigned() as u64);
    }
}

pub(crate) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = Quick::default();
    value.hash(&mut hasher);
    hasher.finish()
}
