//! Checks restored data: over SQL, or as documents.
//!
//! Called with a run's name and nothing else: host, credentials and checks come from the run record and the plan it began with. It has
//! no RDS permission, connects to nothing outside the clean room, and reads only the run's own secret.
//!
//! What does not fit into one invocation goes on in the next: results lie in the `Verification` record, which alone says what is done.
//! Only one invocation is in a room at a time; a second one leaves again.

mod baseline;
pub mod catalog;
pub mod config;
pub mod documents;
mod error;
mod examine;
pub mod network;
pub mod room;
pub mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use holdfast_domain::plan::Resource;
use holdfast_domain::{CheckResult, Outcome, RunId};
use holdfast_ledger::{
    Held, Ledger, Observed, OutcomeWord, Phase, PlanStore, Run, Verification, run_key, verification_key,
};
use holdfast_ports::{Bus, Clock, Entropy, Objects, Password, ReadSecrets};
use holdfast_wire::{Message, RunRef, Trigger, VerifyWork};
use jiff::{SignedDuration, Timestamp};
use serde::ser::{Serialize, SerializeMap, Serializer};

pub use config::Config;
pub use error::Error;
pub use room::{DocumentDoor, Doors, PostgresDoor, RoomDoor};

use room::{Examined, Judgement, Language, Opened, Room, RoomAddress, RoomError};
use work::{HOPS_MAX, Progress, Question, Stage, Task, Unit};

/// Kept back at the end of an invocation to write the record and announce: two S3 calls and one EventBridge call, each of which may
/// take a few seconds with its retries.
pub const CLOSING_TIME: SignedDuration = SignedDuration::from_secs(30);

/// With less than this left no check is begun: it would only be cut.
pub const UNIT_TIME_MIN: SignedDuration = SignedDuration::from_secs(5);

/// How often what was found is recorded within a stage: of finished checks, a kill costs at most as much. An invocation of Lambda's longest
/// fifteen minutes so writes its record fifteen times at most, beside once a stage and once in the end.
pub const RECORD_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// Where the plan's questions are asked if the source instance was made without a database of its own.
const DATABASE_DEFAULT: &str = "postgres";

/// The ports of `verify`: exactly what its role may do.
#[derive(Debug)]
pub struct Ports<'a, O, S, B, Y, D> {
    /// The ledger bucket.
    pub objects: &'a O,
    /// The run's secret.
    pub secrets: &'a S,
    /// The bus.
    pub bus: &'a B,
    /// Time and chance.
    pub system: &'a Y,
    /// The way into rooms.
    pub door: &'a D,
    /// Checks at once, from [`Config::connections`].
    pub connections: usize,
}

/// What an invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Nothing was to be done.
    Nothing(Idle),
    /// The record was finished before; that was announced again, in case the first announcement was lost.
    AnnouncedAgain(RunId),
    /// It goes on in another invocation.
    Continues(VerifyWork),
    /// The record is finished.
    Finished {
        /// Of which run.
        run: RunId,
        /// Checks that passed.
        passed: usize,
        /// Checks that failed.
        failed: usize,
        /// Checks that could not run.
        not_run: usize,
    },
}

/// Why nothing was to be done. Doubled and late messages are normal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idle {
    /// There is no such run.
    NoRun(RunId),
    /// The run is no longer being verified.
    NotVerifying(RunId, Phase),
    /// Another invocation is in the room.
    Busy(RunId),
}

/// Verifies a run's room, or as much of it as the time allows, and says how it goes on.
///
/// # Errors
/// What was found until then is recorded. The class says whether trying again can help; `restore-test` calls again until its deadline.
pub async fn handle<O: Objects, S: ReadSecrets, B: Bus, Y: Clock + Entropy, D: RoomDoor>(
    ports: &Ports<'_, O, S, B, Y, D>,
    plans: &PlanStore,
    trigger: &Trigger,
    time_left: Duration,
) -> Result<Done, Error> {
    let until = ports.system.now() + time_left - CLOSING_TIME;
    let work = work_of(trigger)?;

    // Observe: the run, what is recorded, the plan it began with, the room.
    let ledger = Ledger::new(ports.objects, ports.system);
    let Some(run) = ledger.read::<Run>(&run_key(&work.run)).await? else {
        return Ok(Done::Nothing(Idle::NoRun(work.run.clone())));
    };
    let run = run.body;
    if run.phase < Phase::Verifying {
        return Err(Error::TooEarly { run: run.id });
    }
    if run.phase > Phase::Verifying {
        return Ok(Done::Nothing(Idle::NotVerifying(run.id, run.phase)));
    }
    let before = ledger.read::<Verification>(&verification_key(&work.run)).await?;
    if before.as_ref().is_some_and(|held| held.body.finished_at.is_some()) {
        return announced_again(ports.bus, run.id).await;
    }
    let resource = resource(ports.objects, plans, &run).await?;
    let (address, password) = (address(&run)?, password(ports.secrets, &run).await?);
    let room = match ports.door.open(&address, &password).await? {
        Opened::Room(room) => room,
        Opened::Busy => return Ok(Done::Nothing(Idle::Busy(run.id))),
    };
    let first_query_at = ports.system.now();

    // The record, with the baseline that was chosen for good when it was begun.
    let held = match before {
        Some(held) => held,
        None => {
            let baseline = baseline::choose(&ledger, &run).await?;
            let begun = begun(&work.run, first_query_at, baseline);
            ledger.create(&verification_key(&work.run), begun).await?.into_held()
        }
    };
    // Another invocation came to the end between the look and the room. What is finished is never written again: evidence holds its hash.
    if held.body.finished_at.is_some() {
        room.leave().await;
        return announced_again(ports.bus, run.id).await;
    }
    let baseline = baseline::read(&ledger, &run.resource, held.body.baseline.as_ref()).await?;

    // Decide: which checks, and which of them are done.
    let question = Question {
        checks: &resource.checks,
        database: &address.database,
        taken_at: run.source.taken_at,
        baseline: &baseline,
    };
    let units = room.units(&question).await?;

    // Act and record, stage by stage.
    let progress = Progress::new(units, &held.body);
    let mut journal = Journal { ledger, clock: ports.system, held, written_at: ports.system.now(), progress };
    let carried_out = carry_out(&room, &mut journal, until, ports.connections.max(1)).await;
    room.leave().await;
    if let Some(error) = carried_out? {
        // Not announced: a retry, or the next call by `restore-test`, takes it up from the record.
        return Err(error.into());
    }

    // Announce.
    let (done, message) = journal.conclude(work).await?;
    ports.bus.announce(&[message]).await?;
    Ok(done)
}

async fn announced_again(bus: &impl Bus, run: RunId) -> Result<Done, Error> {
    bus.announce(&[Message::VerificationRecorded(RunRef { run: run.clone() })]).await?;
    Ok(Done::AnnouncedAgain(run))
}

fn work_of(trigger: &Trigger) -> Result<&VerifyWork, Error> {
    match trigger {
        Trigger::Bus(Message::RestoreTestReady(work) | Message::VerificationContinues(work)) => Ok(work),
        Trigger::Bus(
            message @ (Message::VerificationRecorded(_)
            | Message::RestoreTestClosed(_)
            | Message::Finding(_)
            | Message::IncidentAcknowledged(_)),
        ) => Err(Error::Foreign(message.detail_type().into())),
        Trigger::Sweep => Err(Error::Foreign("a sweep".into())),
        Trigger::Rds(_) => Err(Error::Foreign("an RDS event".into())),
        Trigger::Notifications(_) => Err(Error::Foreign("SNS records".into())),
        Trigger::RestoreTestNow(_) => Err(Error::Foreign("restore-test-now".into())),
        Trigger::SnapshotNow(_) => Err(Error::Foreign("snapshot-now".into())),
        Trigger::ForAlert(_) => Err(Error::Foreign("a request to alert".into())),
    }
}

/// The resource as the run's own plan has it: a plan changed meanwhile changes nothing for this run.
async fn resource(objects: &impl Objects, plans: &PlanStore, run: &Run) -> Result<Resource, Error> {
    let plan = plans.pinned(objects, &run.plan_sha).await?;
    let found = plan.resources.get(&run.resource).cloned();
    found.ok_or_else(|| Error::NotInPlan { run: run.id.clone(), resource: run.resource.clone() })
}

fn address(run: &Run) -> Result<RoomAddress, Error> {
    let missing = |field| Error::Incomplete { run: run.id.clone(), field };
    Ok(RoomAddress {
        host: run.host.clone().ok_or_else(|| missing("host"))?,
        port: run.port.ok_or_else(|| missing("port"))?,
        user: run.master_user.clone().ok_or_else(|| missing("master_user"))?,
        database: run.database.clone().unwrap_or_else(|| DATABASE_DEFAULT.into()),
        language: Language::of(&run.restored_as.as_ref().unwrap_or(&run.source.fingerprint).engine),
    })
}

async fn password(secrets: &impl ReadSecrets, run: &Run) -> Result<Password, Error> {
    let found = secrets.secret(&run.secret).await?;
    found.ok_or_else(|| Error::NoSecret { run: run.id.clone(), secret: run.secret.clone() })
}

fn begun(run: &RunId, first_query_at: Timestamp, baseline: Option<RunId>) -> Verification {
    Verification {
        run: run.clone(),
        first_query_at,
        fully_read_at: None,
        finished_at: None,
        units_total: 0,
        units_done: 0,
        results: Vec::new(),
        baseline,
        observed: BTreeMap::new(),
    }
}

/// Makes what checks the time allows, stage by stage: no stage begins before the one before it is over. What was found is recorded
/// after each, and every [`RECORD_EVERY`] within. Gives the error if the room was lost on the way.
async fn carry_out<R: Room, O: Objects, E: Entropy, C: Clock>(
    room: &R,
    journal: &mut Journal<'_, O, E, C>,
    until: Timestamp,
    connections: usize,
) -> Result<Option<RoomError>, Error> {
    let mut fresh = true;
    for stage in Stage::ALL {
        let mut pending = journal.progress.pending(stage);
        if pending.is_empty() {
            continue;
        }
        // In the record everything stands in the order of the units.
        work::longest_first(&mut pending);
        let width = match stage {
            Stage::Greet | Stage::Ask => 1,
            Stage::Read | Stage::Compare | Stage::Conclude | Stage::Vacuum => {
                work::connections_worth(&pending, connections)
            }
        };
        // The first check of an invocation has all the time that there ever is.
        let first = pending.iter().position(|unit| !unit.is_settled()).filter(|_| fresh);
        fresh &= first.is_none();
        let clock = journal.clock;
        let attempts =
            pending.iter().enumerate().map(|(place, unit)| attempt(room, clock, unit, until, first == Some(place)));
        let mut attempts = stream::iter(attempts.collect::<Vec<_>>()).buffer_unordered(width);
        let mut lost = None;
        while let Some(attempted) = attempts.next().await {
            match attempted {
                Ok(Some((result, observed))) => {
                    journal.progress.take(result, observed);
                    journal.write_every(RECORD_EVERY).await?;
                }
                Ok(None) => {}
                Err(error) => {
                    lost = Some(error);
                    break;
                }
            }
        }
        drop(attempts);
        journal.write(None).await?;
        if lost.is_some() || !journal.progress.is_done_to(stage) {
            return Ok(lost);
        }
    }
    Ok(None)
}

/// Makes one check, if there is time. `None` leaves it to the next invocation.
async fn attempt(
    room: &impl Room,
    clock: &impl Clock,
    unit: &Unit,
    until: Timestamp,
    whole_time: bool,
) -> Result<Option<(CheckResult, Option<Observed>)>, RoomError> {
    if let Task::Settled { outcome, detail } = &unit.task {
        return Ok(Some((unit.result(*outcome, detail.clone(), SignedDuration::ZERO), None)));
    }
    let limit = until.duration_since(clock.now());
    if limit < UNIT_TIME_MIN {
        return Ok(None);
    }
    Ok(match room.examine(unit, limit).await? {
        Examined::Judged(Judgement { outcome, detail, took, observed }) => {
            Some((unit.result(outcome, detail, took), observed))
        }
        Examined::Cut if whole_time => {
            let detail = format!(
                "it did not end within {} s, and one invocation has no more to give; {}",
                limit.as_secs(),
                unit.task.remedy()
            );
            Some((unit.result(Outcome::NotRun, detail, limit), None))
        }
        Examined::Cut => None,
    })
}

/// The record, and what is to be written into it.
struct Journal<'a, O, E, C> {
    ledger: Ledger<'a, O, E>,
    clock: &'a C,
    held: Held<Verification>,
    written_at: Timestamp,
    progress: Progress,
}

impl<O: Objects, E: Entropy, C: Clock> Journal<'_, O, E, C> {
    /// Writes, unless it did so a moment ago.
    async fn write_every(&mut self, pause: SignedDuration) -> Result<(), Error> {
        if self.clock.now() < self.written_at + pause {
            return Ok(());
        }
        self.write(None).await
    }

    async fn write(&mut self, finished_at: Option<Timestamp>) -> Result<(), Error> {
        let before = &self.held.body;
        let fully_read_at = before.fully_read_at.or_else(|| self.progress.is_fully_read().then(|| self.clock.now()));
        let results = self.progress.results();
        let body = Verification {
            run: before.run.clone(),
            first_query_at: before.first_query_at,
            fully_read_at,
            finished_at,
            units_total: self.progress.total() as u64,
            units_done: results.len() as u64,
            results,
            baseline: before.baseline.clone(),
            observed: self.progress.observed().clone(),
        };
        self.held = self.ledger.replace(&self.held, body).await?;
        self.written_at = self.clock.now();
        Ok(())
    }

    /// Decides how it goes on, and finishes the record if it does not.
    async fn conclude(&mut self, work: &VerifyWork) -> Result<(Done, Message), Error> {
        if !self.progress.is_done() && work.hop < HOPS_MAX {
            let next = VerifyWork {
                run: work.run.clone(),
                shard: work.shard,
                cursor: self.held.body.units_done,
                hop: work.hop + 1,
            };
            return Ok((Done::Continues(next.clone()), Message::VerificationContinues(next)));
        }
        self.progress.give_up(&format!("the verification was passed on {HOPS_MAX} times and did not come to it"));
        if let Some(result) = self.progress.unaffected() {
            self.progress.take(result, None);
        }
        self.write(Some(self.clock.now())).await?;
        let count = |outcome| self.held.body.results.iter().filter(|result| result.outcome == outcome).count();
        let done = Done::Finished {
            run: work.run.clone(),
            passed: count(OutcomeWord::Passed),
            failed: count(OutcomeWord::Failed),
            not_run: count(OutcomeWord::NotRun),
        };
        Ok((done, Message::VerificationRecorded(RunRef { run: work.run.clone() })))
    }
}

impl Done {
    /// Which run it was about.
    #[must_use]
    pub fn run(&self) -> &RunId {
        match self {
            Self::Nothing(Idle::NoRun(run) | Idle::NotVerifying(run, _) | Idle::Busy(run))
            | Self::AnnouncedAgain(run)
            | Self::Finished { run, .. } => run,
            Self::Continues(work) => &work.run,
        }
    }
}

/// As the outcome record of the invocation has it.
impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("run.id", self.run().as_str())?;
        map.serialize_entry("did", &self.to_string())?;
        map.end()
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing(idle) => write!(f, "nothing to do: {idle}"),
            Self::AnnouncedAgain(run) => write!(f, "the verification of {run} was finished before; announced again"),
            Self::Continues(work) => {
                write!(f, "the verification of {} goes on after {} checks (hop {})", work.run, work.cursor, work.hop)
            }
            Self::Finished { run, passed, failed, not_run } => {
                write!(f, "the verification of {run} is finished: {passed} passed, {failed} failed, {not_run} not run")
            }
        }
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRun(run) => write!(f, "there is no run {run}"),
            Self::NotVerifying(run, phase) => write!(f, "the run {run} is {phase:?}, not verifying"),
            Self::Busy(run) => write!(f, "another invocation is in the room of {run}"),
        }
    }
}
