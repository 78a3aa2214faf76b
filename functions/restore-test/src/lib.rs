//! `restore-test`: opens a sealed room for a recovery point, watches it, has it verified, judges, and destroys it.
//!
//! A persisted state machine: nothing here waits for RDS. Whatever starts it, it looks at everything that is open, takes at most one step
//! for each run, tells at once what it judged, and ends. It must not look into a database: that is `verify`'s.

pub mod begin;
pub mod parameters;
pub mod proof;
pub mod prove;
pub mod reap;
pub mod room;
pub mod rooms;
pub mod source;
pub mod step;
pub mod tell;

mod act;
mod config;
#[cfg(test)]
mod example;
mod furnish;
mod late;
mod observe;

use holdfast_domain::RunId;
use holdfast_ledger::{LedgerError, PlanStore, SeenBy};
use holdfast_ports::{
    Bus, Class, Classified, Clock, ClusterRooms, DbClusters, DbInstances, DbSnapshots, Entropy, Failures, Objects,
    ParameterGroups, PortError, RoomParameters, RoomReset, RoomRestore, RoomSecrets,
};
use holdfast_wire::{Message, RestoreTestNow, Trigger};
use serde::Serialize;
use thiserror::Error;

use crate::begin::DueTest;
use crate::source::NoSource;

pub use config::{Config, SecurityGroupError, SecurityGroups};

/// Why an invocation failed. What could be done was done and recorded before.
#[derive(Debug, Error)]
pub enum Error {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A trigger that is none of this function's.
    #[error(
        "restore-test is not started by this: {0}; allowed: a sweep, an RDS event, Verification Recorded, restore-test-now"
    )]
    Foreign(String),
    /// A restore test by hand of something that the plan does not know.
    #[error("the plan {plan} knows no resource {resource}; it knows {known}")]
    UnknownResource {
        /// The plan's name.
        plan: String,
        /// What was asked for.
        resource: String,
        /// What it knows.
        known: String,
    },
    /// A restore test by hand of what cannot be restored.
    #[error("restore test {run} cannot begin: {why}")]
    NothingToRestore {
        /// Which run.
        run: RunId,
        /// Why.
        why: NoSource,
    },
    /// Some things failed, each for its own reason; the others were done.
    #[error(transparent)]
    Several(#[from] Failures),
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Ledger(error) => error.class(),
            Self::Port(error) => error.class(),
            Self::Foreign(_) | Self::UnknownResource { .. } | Self::NothingToRestore { .. } => Class::Permanent,
            Self::Several(failures) => failures.class(),
        }
    }
}

/// What one invocation did, for its one log record.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Runs that began.
    pub begun: Vec<String>,
    /// Runs and why they took, or did not take, a step.
    pub steps: Vec<String>,
    /// Temporary things deleted that nobody looked after.
    pub reaped: Vec<String>,
    #[serde(skip)]
    failures: Failures,
}

/// The ports that this function needs, and no others.
#[derive(Debug)]
pub struct Ports<'a, O, R, S, B, Y> {
    /// The ledger bucket.
    pub objects: &'a O,
    /// RDS.
    pub rds: &'a R,
    /// Secrets of rooms.
    pub secrets: &'a S,
    /// The bus.
    pub bus: &'a B,
    /// Time and chance.
    pub system: &'a Y,
}

/// RDS, as far as this function needs it.
pub trait Rds:
    DbInstances + DbSnapshots + DbClusters + RoomRestore + RoomReset + ClusterRooms + ParameterGroups + RoomParameters
{
}
impl<T> Rds for T where
    T: DbInstances
        + DbSnapshots
        + DbClusters
        + RoomRestore
        + RoomReset
        + ClusterRooms
        + ParameterGroups
        + RoomParameters
{
}

/// Handles one trigger: observe, decide, act, record, announce.
///
/// # Errors
/// After everything that could be done was done: what could not.
pub async fn handle<O: Objects, R: Rds, S: RoomSecrets, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, S, B, Y>,
    plans: &PlanStore,
    config: &Config,
    trigger: &Trigger,
) -> Result<Outcome, Error> {
    refuse_foreign(trigger)?;
    let mut outcome = Outcome::default();

    let mut seen = observe::all(ports, plans, asked_for(trigger), &mut outcome).await?;
    let due = decide_due(&seen, trigger)?;
    act::begin(ports, config, &mut seen, &due, &mut outcome).await;

    let given = act::give_rooms(ports, &seen, &mut outcome).await;
    let by = seen_by(trigger);
    for held in &seen.runs {
        let room_free = given.runs.contains_key(held.body.id.as_str());
        act::take_step(ports, plans, config, &seen, held, (room_free, by), &mut outcome).await;
    }
    act::reap(ports, &seen, &mut outcome).await;
    std::mem::take(&mut outcome.failures).finish()?;
    Ok(outcome)
}

/// What a person asked for: it may lie where the plan looks at nothing.
fn asked_for(trigger: &Trigger) -> Option<&RestoreTestNow> {
    match trigger {
        Trigger::RestoreTestNow(wanted) => Some(wanted),
        Trigger::Sweep
        | Trigger::Rds(_)
        | Trigger::Bus(_)
        | Trigger::Notifications(_)
        | Trigger::SnapshotNow(_)
        | Trigger::ForAlert(_) => None,
    }
}

fn seen_by(trigger: &Trigger) -> SeenBy {
    match trigger {
        Trigger::Rds(_) | Trigger::Bus(_) => SeenBy::Event,
        Trigger::Sweep
        | Trigger::RestoreTestNow(_)
        | Trigger::Notifications(_)
        | Trigger::SnapshotNow(_)
        | Trigger::ForAlert(_) => SeenBy::Sweep,
    }
}

fn refuse_foreign(trigger: &Trigger) -> Result<(), Error> {
    match trigger {
        Trigger::Sweep
        | Trigger::Rds(_)
        | Trigger::RestoreTestNow(_)
        | Trigger::Bus(Message::VerificationRecorded(_)) => Ok(()),
        Trigger::Bus(message) => Err(Error::Foreign(message.detail_type().into())),
        Trigger::Notifications(_) => Err(Error::Foreign("SNS records".into())),
        Trigger::SnapshotNow(_) => Err(Error::Foreign("snapshot-now".into())),
        Trigger::ForAlert(_) => Err(Error::Foreign("a request to alert".into())),
    }
}

/// What is due by the plan, and what a person asked for.
fn decide_due(seen: &observe::Seen, trigger: &Trigger) -> Result<Vec<DueTest>, Error> {
    let regions = seen.inventory();
    let mut due = begin::due(&seen.plan, &regions, seen.now);
    if let Trigger::RestoreTestNow(wanted) = trigger {
        let resource = seen.plan.resources.get(&wanted.resource).ok_or_else(|| Error::UnknownResource {
            plan: seen.plan.name.to_string(),
            resource: wanted.resource.to_string(),
            known: seen.plan.resources.keys().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })?;
        // Of a region that could not be seen nothing is known, and nothing begins; that failure is told at the end, and Lambda tries again.
        due.extend(begin::by_hand(&seen.plan, resource, &regions, wanted, seen.now));
    }
    Ok(due)
}
