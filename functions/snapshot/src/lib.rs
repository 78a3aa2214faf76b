//! `snapshot`: takes a recovery point for every slot of every snapshot rule.
//!
//! Whatever starts it, it looks at every resource of the plan: a trigger that was lost costs a sweep, never a backup. It must not delete:
//! that is another function's.

pub mod decide;

use std::collections::BTreeMap;

use holdfast_domain::inventory::{DbSnapshot, DbSnapshotStatus};
use holdfast_domain::{Finding, Plan, Region};
use holdfast_ledger::{Ledger, LedgerError, PlanStore, RecoveryPointRecord, recovery_point_key};
use holdfast_ports::{
    Bus, Class, Classified, Clock, DbInstances, DbSnapshots, Entropy, Failures, Objects, PortError, PortErrorKind,
    SnapshotTaker,
};
use holdfast_wire::{Message, Trigger};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use thiserror::Error;

use crate::decide::{Decision, Reason, RegionInventory, Verdict};

/// How long after it was taken a snapshot is watched until it is complete; after that sweeps cost no ledger read for it.
const WATCHED: SignedDuration = SignedDuration::from_hours(12);

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
    #[error("snapshot is not started by this: {0}; allowed: a sweep, an RDS event")]
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
            Self::Foreign(_) => Class::Permanent,
            Self::Several(failures) => failures.class(),
        }
    }
}

/// What one invocation did, for its one log record.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Snapshots asked for.
    pub taken: Vec<String>,
    /// Slots that were left, and why.
    pub left: Vec<String>,
    #[serde(skip)]
    failures: Failures,
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
pub trait Rds: DbInstances + DbSnapshots + SnapshotTaker {}
impl<T: DbInstances + DbSnapshots + SnapshotTaker> Rds for T {}

/// Handles one trigger: observe, decide, act, record, announce.
///
/// # Errors
/// After everything that could be done was done: what could not.
pub async fn handle<O: Objects, R: Rds, B: Bus, Y: Clock + Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    plans: &PlanStore,
    trigger: &Trigger,
) -> Result<Outcome, Error> {
    refuse_foreign(trigger)?;
    let mut outcome = Outcome::default();
    let plan = plans.current(ports.objects).await?;
    let now = ports.system.now();

    let regions = observe(ports, &plan, &mut outcome).await;
    let decisions = decide::decide(&plan, &regions, now);
    let mut findings = Vec::new();
    for decision in &decisions {
        if let Err(error) = carry_out(ports, &plan, &regions, decision, now, &mut findings, &mut outcome).await {
            outcome.failures.keep(decision.id.as_str(), &error);
        }
    }
    if let Err(error) = ports.bus.announce(&findings).await {
        outcome.failures.keep("findings", &Error::from(error));
    }
    std::mem::take(&mut outcome.failures).finish()?;
    Ok(outcome)
}

fn refuse_foreign(trigger: &Trigger) -> Result<(), Error> {
    match trigger {
        Trigger::Sweep | Trigger::Rds(_) => Ok(()),
        Trigger::Bus(message) => Err(Error::Foreign(message.detail_type().into())),
        Trigger::Notifications(_) => Err(Error::Foreign("SNS records".into())),
        Trigger::RestoreTestNow(_) => Err(Error::Foreign("restore-test-now".into())),
    }
}

/// The whole inventory of every region of the plan; a region that cannot be seen is left out, and said.
async fn observe<O, R: Rds, B, Y>(
    ports: &Ports<'_, O, R, B, Y>,
    plan: &Plan,
    outcome: &mut Outcome,
) -> BTreeMap<Region, RegionInventory> {
    let mut regions = BTreeMap::new();
    for region in plan.regions() {
        let looked = async {
            let instances = ports.rds.db_instances(region).await?;
            Ok::<_, Error>(RegionInventory { instances, snapshots: ports.rds.db_snapshots(region).await? })
        };
        match looked.await {
            Ok(inventory) => {
                regions.insert(region.clone(), inventory);
            }
            Err(error) => outcome.failures.keep(region.as_str(), &error),
        }
    }
    regions
}

async fn carry_out<O: Objects, R: Rds, B: Bus, Y: Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    plan: &Plan,
    regions: &BTreeMap<Region, RegionInventory>,
    decision: &Decision,
    now: Timestamp,
    findings: &mut Vec<Message>,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    match &decision.verdict {
        Verdict::Take(request) => match ports.rds.create_db_snapshot(request).await {
            Ok(()) => {
                record(ports, plan, decision, None, now).await?;
                outcome.taken.push(decision.id.to_string());
            }
            // Not yet, or another invocation was quicker. The next sweep looks again, and tells people when the slot is late.
            Err(error) if matches!(error.kind, PortErrorKind::InvalidState | PortErrorKind::AlreadyExists) => {
                outcome.left.push(format!("{}: {error}", decision.id));
            }
            Err(error) => return Err(error.into()),
        },
        Verdict::Leave(reason) => {
            let resource = plan.resources.get(&decision.resource);
            let inventory = resource.and_then(|resource| regions.get(&resource.region));
            let snapshot = inventory.and_then(|seen| seen.snapshots.iter().find(|snapshot| snapshot.id == decision.id));
            let recent = snapshot.and_then(|seen| seen.taken_at).is_none_or(|taken_at| now < taken_at + WATCHED);
            if recent && matches!(reason, Reason::Taken | Reason::BeingTaken) {
                record(ports, plan, decision, snapshot, now).await?;
            }
            outcome.left.push(format!("{}: {reason}", decision.id));
        }
        Verdict::Tell(reason, finding) => {
            findings.push(Message::Finding(Finding::clone(finding)));
            outcome.left.push(format!("{}: {reason}", decision.id));
        }
    }
    Ok(())
}

/// Records what was asked for, and, once, when it was first seen complete; that ends what people were told of it.
async fn record<O: Objects, R, B: Bus, Y: Entropy>(
    ports: &Ports<'_, O, R, B, Y>,
    plan: &Plan,
    decision: &Decision,
    seen: Option<&DbSnapshot>,
    now: Timestamp,
) -> Result<(), Error> {
    let ledger = Ledger::new(ports.objects, ports.system);
    let key = recovery_point_key(&decision.resource, decision.slot);
    let available = seen.filter(|snapshot| snapshot.status == DbSnapshotStatus::Available);
    let before = match ledger.read::<RecoveryPointRecord>(&key).await? {
        Some(held) => held,
        None => {
            let rules: Vec<&str> = decision.rules.iter().map(holdfast_domain::RuleName::as_str).collect();
            let record = RecoveryPointRecord {
                plan_sha: plan.sha.clone(),
                resource: decision.resource.clone(),
                slot: decision.slot,
                rules: rules.join(" "),
                snapshot: decision.id.clone(),
                requested_at: seen.and_then(|snapshot| snapshot.taken_at).unwrap_or(now),
                available_seen_at: None,
                size_bytes: None,
            };
            ledger.create(&key, record).await?.into_held()
        }
    };
    let Some(snapshot) = available.filter(|_| before.body.available_seen_at.is_none()) else { return Ok(()) };
    if decision.settled {
        // Before the record, which says that it was told: whoever is killed in between tells it twice, and that is told once.
        ports.bus.announce(&[Message::Finding(decide::is_there(plan, decision, now))]).await?;
    }
    let after =
        RecoveryPointRecord { available_seen_at: Some(now), size_bytes: snapshot.size_bytes, ..before.body.clone() };
    match ledger.replace(&before, after).await {
        // Another invocation saw it first.
        Ok(_) | Err(LedgerError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
