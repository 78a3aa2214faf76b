//! `snapshot`: takes a recovery point for every slot of every snapshot rule, and watches what AWS and others take by themselves.
//!
//! Whatever starts it, it looks at every database of the plan: a trigger that was lost costs a sweep, never a backup. It must not delete:
//! that is another function's. It touches nothing but its own recovery points.

mod act;
pub mod by_hand;
pub mod decide;
pub mod observe;
mod outcome;
pub mod tell;

use std::time::Duration;

use holdfast_domain::{Plan, ResourceName};
use holdfast_ledger::{Ledger, LedgerError, PlanStore, Requested, Watch, WatchStore};
use holdfast_ports::{
    Bus, Class, Classified, Clock, DbClusters, DbInstances, DbSnapshots, Entropy, Failures, Objects, PortError,
    ReplicatedBackups, SnapshotTagger, SnapshotTaker,
};
use holdfast_wire::{Message, SnapshotNow, Trigger};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::by_hand::{ByHand, Refused};
use crate::decide::{Condition, Decision, State, Topic};
use crate::tell::News;

pub use outcome::Outcome;

/// What an invocation keeps back of its time: for recording and telling what it did.
const RESERVE: SignedDuration = SignedDuration::from_secs(15);

/// Why an invocation failed. What could be done was done and recorded before.
#[derive(Debug, Error)]
pub enum Error {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A request by hand that cannot be carried out.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A trigger that is none of this function's.
    #[error("snapshot is not started by this: {0}; allowed: a sweep, an RDS event, snapshot-now")]
    Foreign(String),
    /// Some things failed, each for its own reason; the others were done.
    #[error(transparent)]
    Several(#[from] Failures),
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Ledger(error) => error.class(),
            Self::Port(error) => error.class(),
            Self::Refused(error) => error.class(),
            Self::Foreign(_) => Class::Permanent,
            Self::Several(failures) => failures.class(),
        }
    }
}

/// The ports that this function needs, and no others.
#[derive(Debug)]
pub struct Ports<'a, O, R, B, Y> {
    /// The ledger bucket.
    pub objects: &'a O,
    /// RDS.
    pub rds: &'a R,
    /// The bus.
    pub bus: &'a B,
    /// Time and chance.
    pub system: &'a Y,
}

/// RDS, as far as this function needs it.
pub trait Rds: DbInstances + DbSnapshots + DbClusters + ReplicatedBackups + SnapshotTaker + SnapshotTagger {}
impl<T: DbInstances + DbSnapshots + DbClusters + ReplicatedBackups + SnapshotTaker + SnapshotTagger> Rds for T {}

/// What a function keeps from one invocation to the next, as long as nobody else changed it.
#[derive(Debug, Default)]
pub struct Kept {
    /// The plan.
    pub plans: PlanStore,
    /// What is remembered from sweep to sweep.
    pub watch: WatchStore,
}

/// Handles one trigger within the time that is `left`: observe, decide, tell, act, record.
///
/// # Errors
/// After everything that could be done was done: what could not.
pub async fn handle<O: Objects, R: Rds, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    kept: &Kept,
    trigger: &Trigger,
    left: Duration,
) -> Result<Outcome, Error> {
    let until = end_of_work(ports.system.now(), left);
    let mut outcome = Outcome::default();
    let plan = match trigger {
        Trigger::Sweep | Trigger::Rds(_) | Trigger::SnapshotNow(_) => kept.plans.current(ports.objects).await?,
        Trigger::Bus(message) => return Err(Error::Foreign(message.detail_type().into())),
        Trigger::Notifications(_) => return Err(Error::Foreign("SNS records".into())),
        Trigger::RestoreTestNow(_) => return Err(Error::Foreign("restore-test-now".into())),
        Trigger::ForAlert(_) => return Err(Error::Foreign("a request to alert".into())),
    };
    if let Trigger::SnapshotNow(wanted) = trigger {
        take_by_hand(ports, kept, &plan, wanted, &mut outcome).await?;
        return Ok(outcome);
    }
    let watch = remembered(ports, kept, &mut outcome).await;
    let seen = observe::all(ports.rds, &plan, &mut outcome.failures).await;
    let decisions = decide::decide(&plan, &seen, &watch, ports.system.now());
    outcome.leave_decided(&decisions);

    let told = tell(ports, kept, &plan, &stands(&decisions, &plan, &watch), &mut outcome).await;
    let acted = act::all(ports, &plan, &decisions, told, until, &mut outcome).await;
    remember(ports, kept, &decisions, acted.memory, &mut outcome).await;
    tell(ports, kept, &plan, &acted.conditions, &mut outcome).await;
    std::mem::take(&mut outcome.failures).finish()?;
    Ok(outcome)
}

fn end_of_work(now: Timestamp, left: Duration) -> Timestamp {
    let left = SignedDuration::try_from(left).unwrap_or(SignedDuration::MAX);
    now.checked_add(left.saturating_sub(RESERVE)).unwrap_or(Timestamp::MAX)
}

/// What was remembered. Without it recovery points are taken all the same: that is what this function is for, and the failure is told.
async fn remembered<O: Objects, R, B, Y: Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    kept: &Kept,
    outcome: &mut Outcome,
) -> Watch {
    let ledger = Ledger::new(ports.objects, ports.system);
    match kept.watch.current(&ledger).await {
        Ok(watch) => watch,
        Err(error) => {
            outcome.failures.keep("memory", &Error::from(error));
            Watch::default()
        }
    }
}

/// What stands before anything is done. Of a slot that is just being taken people are told that others before it were missed, once; what
/// is to be said of the slot itself, RDS's answer decides.
fn stands(decisions: &[Decision], plan: &Plan, watch: &Watch) -> Vec<(ResourceName, Condition)> {
    let of = |decision: &Decision| {
        let told = watch.told.contains_key(&Topic::Missing.cause(plan, &decision.resource));
        let waits = decision.take.is_some() && told;
        let state = move |condition: &Condition| {
            if waits && condition.topic == Topic::Missing { State::Unclear } else { condition.state.clone() }
        };
        let conditions = decision.conditions.iter();
        let all: Vec<_> = conditions
            .map(|condition| (decision.resource.clone(), Condition { topic: condition.topic, state: state(condition) }))
            .collect();
        all
    };
    decisions.iter().flat_map(of).collect()
}

/// Tells people what is new: remembered as about to be told, put on the bus, remembered as told. Whether that went well.
async fn tell<O: Objects, R, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    kept: &Kept,
    plan: &Plan,
    conditions: &[(ResourceName, Condition)],
    outcome: &mut Outcome,
) -> bool {
    let told = async |outcome: &mut Outcome| {
        let ledger = Ledger::new(ports.objects, ports.system);
        let now = ports.system.now();
        let news = kept.watch.look(|watch| News::of(plan, conditions, watch, now));
        if news.is_empty() {
            return Ok(());
        }
        kept.watch.change(&ledger, |watch| news.intend(watch, now)).await?;
        let messages: Vec<Message> = news.findings(now).into_iter().map(Message::Finding).collect();
        ports.bus.announce(&messages).await?;
        outcome.opened.extend(news.opened.keys().map(ToString::to_string));
        outcome.resolved.extend(news.resolved.keys().map(ToString::to_string));
        kept.watch.change(&ledger, |watch| news.done(watch, now)).await?;
        Ok::<_, Error>(())
    };
    match told(outcome).await {
        Ok(()) => true,
        Err(error) => {
            outcome.failures.keep("findings", &error);
            false
        }
    }
}

/// Remembers what was done, and what others made of each database.
async fn remember<O: Objects, R, B, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    kept: &Kept,
    decisions: &[Decision],
    memory: Vec<act::Memory>,
    outcome: &mut Outcome,
) {
    let ledger = Ledger::new(ports.objects, ports.system);
    let now = ports.system.now();
    let change = |watch: &mut Watch| {
        for decision in decisions {
            let watched = watch.resources.entry(decision.resource.clone()).or_default();
            watched.since.get_or_insert(now);
            watched.others.clone_from(&decision.others);
            watched.pending.retain(|id, _| !decision.vanished.contains(id));
        }
        for remember in &memory {
            remember(watch);
        }
    };
    if let Err(error) = kept.watch.change(&ledger, change).await {
        outcome.failures.keep("memory", &Error::from(error));
    }
}

/// Takes the recovery point that a person asked for. Sweeps see it complete.
async fn take_by_hand<O: Objects, R: Rds, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    kept: &Kept,
    plan: &Plan,
    wanted: &SnapshotNow,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let (resource, database) = by_hand::resource(plan, wanted)?;
    let seen = observe::region(ports.rds, &resource.region, database.kind()).await?;
    let request = match by_hand::decide(plan, wanted, &seen)? {
        ByHand::Known(request) => {
            outcome.leave(format!("it was asked for before: {}", request.id), &wanted.resource);
            request
        }
        ByHand::Take(request) => {
            ports.rds.create_db_snapshot(&request).await?;
            outcome.taken.push(request.id.to_string());
            request
        }
    };
    let SnapshotNow { resource, request: name, reason, keep, rule: _ } = wanted.clone();
    let requested = Requested { request: name, reason, keep };
    let memory = act::write_down(ports, plan, &resource, &request, requested).await?;
    let ledger = Ledger::new(ports.objects, ports.system);
    kept.watch.current(&ledger).await?;
    kept.watch.change(&ledger, memory).await?;
    Ok(())
}
