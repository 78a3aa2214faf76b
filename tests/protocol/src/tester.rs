//! One invocation of `restore-test`: its calls in the order in which `observe.rs` and `act.rs` make them, one a turn.
//!
//! Calls whose answer is the same for ever in this small world (the plan, the snapshots) are left out; so are those whose failure only
//! ends the invocation before it did anything.

use holdfast_ledger::Phase;
use restore_test::step::Action;

use crate::book::{Book, Reaped, RunShape, Seen, Sight, Standing};
use crate::model::{Answer, Plant};
use crate::world::{Checks, DEADLINE, Link, Rooms, Status, Tick, World};

/// The call that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Look(Look),
    Begin(Begin),
    Give(Give),
    Act(Act),
    Keep(Keep),
    ReapRoom,
    ReapSecret,
    ReapGroup,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Look {
    Rooms,
    Markers,
    Clock,
    Run,
    Checks,
    Instances,
    Secrets,
    /// Whether the run that a room, its secret or its parameter group names is closed.
    Closed,
}

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Begin {
    /// Whether it has begun.
    Begun,
    ChainEnd,
    Create,
    CreateReadBack,
    Marker,
}

/// How rooms are given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Give {
    Write,
    ReadBack,
}

/// How the actions of a step are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    /// The first call of an action, and mostly its only one.
    First,
    /// The second half of giving a password: RDS.
    Reset,
    /// The first half of writing evidence.
    CheckedRecord,
    Link,
    PutLink,
    /// The second half of closing.
    RemoveMarker,
}

/// How a step is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Keep {
    Write,
    ReadBack,
}

/// What an invocation knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tester {
    pub(crate) at: At,
    /// The record of rooms as read; absent if it could not be.
    rooms: Option<Rooms>,
    open: bool,
    now: Tick,
    /// The run as read: what a write must be over.
    run: Option<RunShape>,
    checks: Option<Checks>,
    room: Sight,
    secret: bool,
    group: bool,
    closed: bool,
    free: bool,
    /// Whether the deadline was over; kept where that decides about an error.
    late: bool,
    reaps: Reaped,
    /// The step, and how many of its actions are done.
    step: u16,
    pub(crate) done: u8,
    /// The password in force, or the number of the link to look at.
    number: u8,
    /// Whether the write that is read back has happened.
    landed: bool,
}

impl Tester {
    pub(crate) const NEW: Self = Self {
        at: At::Look(Look::Rooms),
        rooms: None,
        open: false,
        now: 0,
        run: None,
        checks: None,
        room: Sight::Unseen,
        secret: false,
        group: false,
        closed: false,
        free: false,
        late: false,
        reaps: Reaped { room: false, secret: false, group: false },
        step: 0,
        done: 0,
        number: 0,
        landed: false,
    };

    /// The action that is being carried out.
    pub(crate) fn action(&self, book: &Book) -> Option<Action> {
        book.action(self.step, self.done)
    }

    /// What is being recorded.
    pub(crate) fn intended(&self, book: &Book) -> RunShape {
        book.record(self.step)
    }

    /// Makes the next call. `None`: the invocation is over.
    pub(crate) fn turn(self, book: &Book, world: &mut World, answer: Answer, plant: Option<Plant>) -> Option<Self> {
        match self.at {
            At::Look(look) => self.observe(book, world, answer, look),
            At::Begin(begin) => self.begin(book, world, answer, (begin, plant)),
            At::Give(give) => self.give_rooms(book, world, answer, give),
            At::Act(act) => self.act(book, world, answer, (act, plant)),
            At::Keep(keep) => self.record(book, world, answer, (keep, plant)),
            At::ReapRoom => {
                if answer.happens() {
                    world.delete_room();
                }
                Self { reaps: Reaped { room: false, ..self.reaps }, ..self }.reap()
            }
            At::ReapSecret => {
                if answer.happens() {
                    world.forget_secret();
                }
                Self { reaps: Reaped { secret: false, ..self.reaps }, ..self }.reap()
            }
            At::ReapGroup => {
                if answer.happens() {
                    world.delete_group();
                }
                None
            }
        }
    }

    fn at(self, at: At) -> Option<Self> {
        Some(Self { at, ..self })
    }

    fn observe(mut self, book: &Book, world: &World, answer: Answer, look: Look) -> Option<Self> {
        let told = answer.is_told();
        match look {
            Look::Rooms => {
                self.rooms = told.then_some(world.rooms);
                self.at(At::Look(Look::Markers))
            }
            // Without the list of open runs nothing can be decided.
            Look::Markers if !told => None,
            Look::Markers => {
                self.open = world.marker;
                self.at(At::Look(Look::Clock))
            }
            Look::Clock => {
                self.now = world.clock;
                self.at(if self.open { At::Look(Look::Run) } else { At::Look(Look::Instances) })
            }
            Look::Run => {
                self.run = world.run.filter(|_| told);
                self.open = self.run.is_some() || !told;
                let verifying = self.run.is_some_and(|run| run.phase == Phase::Verifying);
                self.at(if verifying { At::Look(Look::Checks) } else { At::Look(Look::Instances) })
            }
            Look::Checks => {
                self.checks = world.checks.filter(|_| told);
                self.at(At::Look(Look::Instances))
            }
            Look::Instances => {
                self.room = if told { Sight::Seen(world.room, world.key_pending != 0) } else { Sight::Unseen };
                self.at(At::Look(Look::Secrets))
            }
            // The listings that only the reaper reads. Groups are listed in regions that were seen.
            Look::Secrets => {
                self.secret = told && world.secret != 0;
                self.group = told && world.group && self.room != Sight::Unseen;
                self.named(book)
            }
            Look::Closed => {
                self.closed = told && world.run.is_some_and(|run| run.phase == Phase::Closed);
                self.due(book)
            }
        }
    }

    /// The run that temporary things name is looked up, unless it is open.
    fn named(self, book: &Book) -> Option<Self> {
        let room = matches!(self.room, Sight::Seen(status, _) if status != Status::Absent);
        let named = room || self.secret || self.group;
        if named && !self.open { self.at(At::Look(Look::Closed)) } else { self.due(book) }
    }

    /// What is due and open is known; of a region that was not seen nothing is due.
    fn due(self, book: &Book) -> Option<Self> {
        if self.open || self.room == Sight::Unseen { self.rooms_in_use(book) } else { self.at(At::Begin(Begin::Begun)) }
    }

    fn begin(
        mut self,
        book: &Book,
        world: &mut World,
        answer: Answer,
        (begin, plant): (Begin, Option<Plant>),
    ) -> Option<Self> {
        match begin {
            Begin::Begun | Begin::CreateReadBack => {
                let found = world.run.filter(|_| answer.is_told());
                let first_look = begin == Begin::Begun && answer.is_told();
                self.run = found.filter(|run| run.phase != Phase::Closed);
                match found {
                    Some(run) if run.phase != Phase::Closed => self.at(At::Begin(Begin::Marker)),
                    None if first_look => self.at(At::Begin(Begin::ChainEnd)),
                    Some(_) | None => self.rooms_in_use(book),
                }
            }
            Begin::ChainEnd if !answer.is_told() => self.rooms_in_use(book),
            Begin::ChainEnd => {
                self.run = Some(book.begun(world.chain_end()));
                self.at(At::Begin(Begin::Create))
            }
            Begin::Create => {
                let created = answer.happens() && world.run.is_none();
                if created {
                    world.run = self.run;
                }
                if created && answer.is_told() {
                    self.at(At::Begin(Begin::Marker))
                } else {
                    self.at(At::Begin(Begin::CreateReadBack))
                }
            }
            Begin::Marker => {
                world.marker |= answer.happens();
                self.open = answer.is_told();
                // Of what others have taken further since, the inventory says nothing any more: that is the next sweep's.
                let fresh = |run: &RunShape| run.phase == Phase::Requested || plant == Some(Plant::TheOldLookServes);
                self.run = self.run.filter(|run| answer.is_told() && fresh(run));
                self.rooms_in_use(book)
            }
        }
    }

    /// Whether the record of rooms is to be written.
    fn rooms_in_use(mut self, book: &Book) -> Option<Self> {
        let Some(before) = self.rooms else { return self.decide(book) };
        self.free = book.gives_room(before.held, self.open, self.run);
        if self.free == before.held { self.decide(book) } else { self.at(At::Give(Give::Write)) }
    }

    fn give_rooms(mut self, book: &Book, world: &mut World, answer: Answer, give: Give) -> Option<Self> {
        let before = self.rooms.unwrap_or(world.rooms);
        let after = Rooms { generation: before.generation + 1, held: self.free };
        if give == Give::Write {
            self.landed = answer.happens() && world.rooms == before;
            if self.landed {
                world.rooms = after;
            }
            return if self.landed && answer.is_told() { self.decide(book) } else { self.at(At::Give(Give::ReadBack)) };
        }
        self.free &= answer.is_told() && self.landed && world.rooms == after;
        self.decide(book)
    }

    /// The real step, and the real reaper; what they were decided on is not looked at again.
    fn decide(self, book: &Book) -> Option<Self> {
        let Self { room, secret, group, open, closed, now, checks, free, run, .. } = self;
        let reaps = book.reaps(Standing { room, secret, group }, open, closed, now);
        let step = run.filter(|_| room != Sight::Unseen).map(|run| book.step(Seen { run, room, checks, free, now }));
        let blank = Self { run, reaps, ..Self::NEW };
        match step {
            Some(step) => {
                let ends = book.decided(step).actions.contains(&Action::DeleteParameterGroup);
                Self { step, late: ends && now >= DEADLINE, group: ends && group, ..blank }.next_action(book)
            }
            None => blank.reap(),
        }
    }

    /// On to the action that stands first now, or to the record.
    fn next_action(self, book: &Book) -> Option<Self> {
        match self.action(book) {
            Some(Action::WriteEvidence) => self.at(At::Act(Act::CheckedRecord)),
            // Only what was listed as this run's is deleted.
            Some(Action::DeleteParameterGroup) if !self.group => self.acted(book),
            Some(_) => self.at(At::Act(Act::First)),
            None if Some(self.intended(book)) == self.run => self.reap(),
            None => Self { landed: false, ..self }.at(At::Keep(Keep::Write)),
        }
    }

    fn acted(self, book: &Book) -> Option<Self> {
        Self { done: self.done + 1, number: 0, ..self }.next_action(book)
    }

    fn act(
        mut self,
        book: &Book,
        world: &mut World,
        answer: Answer,
        (act, plant): (Act, Option<Plant>),
    ) -> Option<Self> {
        match act {
            Act::First => self.act_first(book, world, answer, plant),
            Act::Reset => match world.room {
                // "No such instance" is for good; "not available" is not yet.
                Status::Absent if answer == Answer::Given => self.given_up(book),
                Status::Available => {
                    if answer.happens() {
                        world.key_pending = self.number;
                    }
                    if answer.is_told() { self.acted(book) } else { self.reap() }
                }
                Status::Absent | Status::Creating | Status::Deleting => self.reap(),
            },
            Act::CheckedRecord if !answer.is_told() => self.reap(),
            Act::CheckedRecord => {
                self.number = book.record(self.step).after.max(1);
                if plant == Some(Plant::EvidenceIsNotLookedFor) {
                    self.number = world.chain_end() + 1;
                    return self.at(At::Act(Act::PutLink));
                }
                self.at(At::Act(Act::Link))
            }
            Act::Link if !answer.is_told() => self.reap(),
            Act::Link => match world.links[usize::from(self.number - 1)] {
                Link::Own => self.linked(book),
                Link::Anothers => {
                    self.number += 1;
                    self.at(At::Act(Act::Link))
                }
                Link::Missing => self.at(At::Act(Act::PutLink)),
            },
            Act::PutLink => {
                let link = &mut world.links[usize::from(self.number - 1)];
                let free = *link == Link::Missing;
                if free && answer.happens() {
                    *link = Link::Own;
                }
                match (answer.is_told(), free) {
                    (true, true) => self.linked(book),
                    (true, false) => self.at(At::Act(Act::Link)),
                    (false, _) => self.reap(),
                }
            }
            Act::RemoveMarker => {
                world.marker &= !answer.happens();
                if answer.is_told() { self.acted(book) } else { self.reap() }
            }
        }
    }

    /// An action failed for good.
    fn given_up(self, book: &Book) -> Option<Self> {
        Self { step: book.given_up(self.step), done: 0, number: 0, ..self }.next_action(book)
    }

    fn linked(self, book: &Book) -> Option<Self> {
        Self { step: book.linked(self.step, self.number), ..self }.acted(book)
    }

    /// The first call of an action, and mostly its only one. A failed one leaves the step to the next sweep.
    fn act_first(mut self, book: &Book, world: &mut World, answer: Answer, plant: Option<Plant>) -> Option<Self> {
        let Some(action) = self.action(book) else { unreachable!("no action is left") };
        let mut goes_on = answer.is_told();
        if action == Action::Restore && !world.group && answer == Answer::Given {
            return self.given_up(book);
        }
        if answer.happens() {
            match action {
                Action::MakeParameterGroup => world.group = true,
                Action::Restore if world.room == Status::Absent && world.group => world.room = Status::Creating,
                // "It exists" is waited for: the next sweep adopts it.
                Action::Restore => goes_on = false,
                Action::GivePassword => {
                    if plant == Some(Plant::SecretsAreOverwritten) {
                        world.forget_secret();
                    }
                    self.number = world.keep_secret();
                }
                Action::CallVerify => world.ready += 1,
                Action::DeleteRoom => world.delete_room(),
                Action::ForgetSecret => world.forget_secret(),
                // Past the deadline one that is still in use is left to the reaper.
                Action::DeleteParameterGroup => goes_on &= world.delete_group() || self.late,
                Action::TellVerdict => world.tell(self.intended(book).verdict),
                Action::WriteEvidence => unreachable!("it begins with a look at the verification"),
                Action::Close => {}
                Action::AddMember | Action::DeleteMember | Action::DeleteCluster => {
                    unreachable!("the room is a DB instance")
                }
            }
        }
        if !goes_on {
            return self.reap();
        }
        match action {
            Action::GivePassword => self.at(At::Act(Act::Reset)),
            Action::Close => self.at(At::Act(Act::RemoveMarker)),
            Action::MakeParameterGroup
            | Action::Restore
            | Action::AddMember
            | Action::CallVerify
            | Action::DeleteRoom
            | Action::DeleteMember
            | Action::DeleteCluster
            | Action::ForgetSecret
            | Action::DeleteParameterGroup
            | Action::TellVerdict
            | Action::WriteEvidence => self.acted(book),
        }
    }

    fn record(
        mut self,
        book: &Book,
        world: &mut World,
        answer: Answer,
        (keep, plant): (Keep, Option<Plant>),
    ) -> Option<Self> {
        let intended = self.intended(book);
        match keep {
            Keep::Write => {
                let holds = world.run == self.run || plant == Some(Plant::RecordsAreOverwritten);
                self.landed = holds && answer.happens();
                if self.landed {
                    world.put_run(intended);
                }
                if self.landed && answer.is_told() { self.recorded(book) } else { self.at(At::Keep(Keep::ReadBack)) }
            }
            Keep::ReadBack => {
                let own = answer.is_told() && self.landed && world.run == Some(intended);
                if own { self.recorded(book) } else { self.reap() }
            }
        }
    }

    /// What this invocation judged it tells at once; every other step is its last.
    fn recorded(self, book: &Book) -> Option<Self> {
        let run = self.intended(book);
        if run.phase != Phase::Judged {
            return self.reap();
        }
        Self { run: Some(run), step: book.judged(run), done: 0, number: 0, landed: false, ..self }.next_action(book)
    }

    /// What nobody looks after any more goes last, whatever became of the step.
    fn reap(self) -> Option<Self> {
        let blank = Self { reaps: self.reaps, ..Self::NEW };
        match self.reaps {
            Reaped { room: true, .. } => blank.at(At::ReapRoom),
            Reaped { secret: true, .. } => blank.at(At::ReapSecret),
            Reaped { group: true, .. } => blank.at(At::ReapGroup),
            Reaped { .. } => None,
        }
    }
}
