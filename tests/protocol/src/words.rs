//! Ways through the model, in words: what each invocation reads, what it changes, and what went wrong.

use std::fmt::Write as _;

use restore_test::step::Action;

use crate::book::Book;
use crate::explore::Explored;
use crate::model::{Answer, Model, Move, State, Worker};
use crate::tester::{Act, At, Begin, Give, Keep, Look, Tester};
use crate::verifier::{self, Verifier};
use crate::world::{Link, World};

/// A shortest way to a state, a line for each thing that changed something, and one for each row of reads.
pub(crate) fn way(model: &Model, explored: &Explored, to: usize) -> String {
    let mut told = Telling::default();
    let way = explored.way_to(to);
    for (place, (state, what)) in way.iter().enumerate() {
        let after = after(model, state, *what);
        told.happens(model, state, *what, &after);
        let (canonical, swapped) = after.canonical();
        let next = way.get(place + 1).map_or(&explored.states[to], |(next, _)| next);
        assert_eq!(canonical, *next, "the way is one");
        if swapped {
            told.names.swap(0, 1);
        }
    }
    told.flush();
    if let Some(rule) = explored.states[to].world.broken {
        writeln!(told.text, "broken: {rule:?}").expect("a string takes everything");
    }
    told.text
}

fn after(model: &Model, state: &State, what: Move) -> State {
    let mut after = None;
    model.moves(state, |of, next| {
        if of == what {
            after = Some(next);
        }
    });
    after.expect("what happened could happen")
}

#[derive(Default)]
struct Telling {
    names: [String; 2],
    begun: usize,
    reads: Option<(String, Vec<String>)>,
    text: String,
}

impl Telling {
    fn happens(&mut self, model: &Model, before: &State, what: Move, after: &State) {
        let changed = changes(&before.world, &after.world);
        match what {
            Move::Turn(place, answer) | Move::TurnForTheLastTime(place, answer) => {
                let name = self.names[place].clone();
                let ended = if after.workers[place].is_none() { ", and ends" } else { "" };
                let call = before.workers[place].map_or_else(String::new, |worker| call(&model.book, worker));
                match (answer, changed.as_str()) {
                    (Answer::Given, "") => self.reads(name, format!("{call}{ended}")),
                    (Answer::Given, _) => self.line(&name, &format!("{call}: {changed}{ended}")),
                    (Answer::Lost, _) => self.line(&name, &format!("{call}: {changed}; the answer is lost{ended}")),
                    (Answer::Refused, _) => self.line(&name, &format!("{call}: refused{ended}")),
                }
            }
            Move::OutOfTime(place) => self.line(&self.names[place].clone(), "has no time for another stage"),
            Move::Kill(place, _) => self.line(&self.names[place].clone(), "is killed"),
            Move::Sweep => self.begins(before, "sweep"),
            Move::Ready | Move::Continues => self.begins(before, "verify"),
            Move::RoomComesUp | Move::PasswordApplied | Move::RoomGone => self.line("RDS", &changed),
            Move::TimePasses => self.line("time", &changed),
            Move::Doubled => self.line("bus", "a message is doubled"),
            Move::Lost => self.line("bus", "a message is lost"),
            Move::Neighbour => self.line("another run", &changed),
        }
    }

    fn begins(&mut self, before: &State, what: &str) {
        self.begun += 1;
        let place = before.workers.iter().position(Option::is_none).expect("a place is free");
        self.names[place] = format!("{what} {}", self.begun);
    }

    fn reads(&mut self, name: String, what: String) {
        match &mut self.reads {
            Some((reader, all)) if *reader == name => all.push(what),
            Some(_) | None => {
                self.flush();
                self.reads = Some((name, vec![what]));
            }
        }
    }

    fn line(&mut self, who: &str, what: &str) {
        self.flush();
        writeln!(self.text, "{who:<11} {what}").expect("a string takes everything");
    }

    fn flush(&mut self) {
        if let Some((name, all)) = self.reads.take() {
            writeln!(self.text, "{name:<11} {}", all.join(", ")).expect("a string takes everything");
        }
    }
}

fn call(book: &Book, worker: Worker) -> String {
    match worker {
        Worker::Tester(tester) => tester_call(book, &tester).into(),
        Worker::Verifier(verifier) => verifier_call(&verifier).into(),
    }
}

fn tester_call(book: &Book, tester: &Tester) -> &'static str {
    match tester.at {
        At::Look(Look::Rooms) => "reads the rooms in use",
        At::Look(Look::Markers) => "lists open runs",
        At::Look(Look::Clock) => "looks at the clock",
        At::Look(Look::Run | Look::Closed) | At::Begin(Begin::Begun) => "reads the run",
        At::Look(Look::Checks) | At::Act(Act::CheckedRecord) => "reads the verification",
        At::Look(Look::Instances) => "lists instances",
        At::Look(Look::Secrets) => "lists secrets and groups",
        At::Begin(Begin::ChainEnd) => "finds the end of the chain",
        At::Begin(Begin::Create) => "creates the run",
        At::Begin(Begin::Marker) => "puts the open marker",
        At::Give(Give::Write) => "writes the rooms in use",
        At::Begin(Begin::CreateReadBack) | At::Give(Give::ReadBack) | At::Keep(Keep::ReadBack) => "reads back",
        At::Act(Act::First) => tester.action(book).map_or("does nothing", action),
        At::Act(Act::Reset) => "resets the password",
        At::Act(Act::Link) => "reads a link",
        At::Act(Act::PutLink) => "writes its link",
        At::Act(Act::RemoveMarker) => "removes the marker",
        At::Keep(Keep::Write) => "records the run",
        At::ReapRoom => "reaps the room",
        At::ReapSecret => "reaps the secret",
        At::ReapGroup => "reaps the parameter group",
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::MakeParameterGroup => "makes a parameter group",
        Action::Restore => "restores the room",
        Action::AddMember => "adds a member",
        Action::GivePassword => "keeps a password",
        Action::CallVerify => "calls verify",
        Action::DeleteRoom => "deletes the room",
        Action::DeleteMember => "deletes the member",
        Action::DeleteCluster => "deletes the cluster",
        Action::ForgetSecret => "forgets the secret",
        Action::DeleteParameterGroup => "deletes the parameter group",
        Action::TellVerdict => "tells the verdict",
        Action::WriteEvidence => "writes evidence",
        Action::Close => "tells that it is over",
    }
}

fn verifier_call(verifier: &Verifier) -> &'static str {
    use verifier::At;
    match verifier.at {
        At::Run => "reads the run",
        At::Checks => "reads the verification",
        At::Secret => "reads the secret",
        At::Door => "enters the room",
        At::Create => "creates the verification",
        At::CreateReadBack | At::PutReadBack | At::FinishReadBack => "reads back",
        At::Read => "reads the data",
        At::PutRead => "records what it read",
        At::Vacuum => "vacuums and counts",
        At::PutAll => "records the counts",
        At::Leave => "leaves the room",
        At::Finish => "finishes the verification",
        At::TellRecorded => "tells that it is recorded",
        At::TellContinues => "tells that it goes on",
    }
}

/// What is different afterwards.
fn changes(before: &World, after: &World) -> String {
    let mut all: Vec<String> = Vec::new();
    let mut differs = |differs: bool, words: String| {
        if differs {
            all.push(words);
        }
    };
    differs(
        before.clock != after.clock,
        ["", "verify is silent too long", "the deadline", "the reaper's time"][usize::from(after.clock)].into(),
    );
    if let Some(run) = after.run {
        let verdict = run.verdict.map_or_else(String::new, |verdict| format!(", {verdict}"));
        differs(before.run != after.run, format!("the run is {:?}{verdict}", run.phase).to_lowercase());
    }
    differs(before.marker != after.marker, if after.marker { "marked open" } else { "not marked open" }.into());
    differs(before.rooms != after.rooms, if after.rooms.held { "it has a room" } else { "it has no room" }.into());
    differs(before.room != after.room, format!("the room is {:?}", after.room).to_lowercase());
    differs(before.key != after.key && after.key != 0, format!("the room has password {}", after.key));
    differs(
        before.key_pending != after.key_pending && after.key_pending != 0,
        format!("password {} is pending", after.key_pending),
    );
    let secret =
        if after.secret == 0 { "no secret".into() } else { format!("the secret is password {}", after.secret) };
    differs(before.secret != after.secret, secret);
    let group = if after.group { "a parameter group" } else { "no parameter group" };
    differs(before.group != after.group, group.into());
    if let Some(checks) = after.checks {
        let finished = if checks.finished.is_some() { ", finished" } else { "" };
        let words = format!("the verification: {:?}{finished}", checks.stage).to_lowercase();
        differs(before.checks != after.checks, words);
    }
    for (place, link) in after.links.iter().enumerate() {
        let whose = if *link == Link::Own { "its" } else { "another's" };
        differs(before.links[place] != *link, format!("link {} is {whose}", place + 1));
    }
    if let Some(told) = after.told {
        differs(before.told != after.told, format!("people hear {told}"));
    }
    all.join(", ")
}
