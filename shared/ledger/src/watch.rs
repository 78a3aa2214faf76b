//! What `snapshot` remembers from sweep to sweep: one record, so that a sweep over any number of databases reads one object, and mostly
//! learns that it is unchanged.
//!
//! It holds what AWS cannot tell: which recovery points are awaited, which slots were served by one that is gone since, and what people
//! were told. It can be lost: everything but the last is found again in the inventory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use holdfast_domain::{Cause, DbSnapshotId, ResourceName, RuleName, Severity, Slot};
use holdfast_ports::{Entropy, Objects};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Held, Ledger, LedgerError, Written};

/// Where it lies.
pub const WATCH_KEY: &str = "recovery-points/watch.json";

/// How often a change is tried anew when another invocation wrote in between.
const ATTEMPTS_MAX: usize = 5;

/// The memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// By resource; one of which there is nothing to remember is absent.
    #[serde(with = "crate::keyed")]
    pub resources: BTreeMap<ResourceName, Watched>,
    /// What people were told that is not over, by cause.
    #[serde(with = "crate::keyed")]
    pub told: BTreeMap<Cause, Told>,
}

/// What is remembered of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// When the resource was first looked at, UTC: a plan is not late for what was due before it came.
    pub since: Option<Timestamp>,
    /// By rule, the newest slot that has, or had, a good recovery point.
    #[serde(with = "crate::keyed")]
    pub served: BTreeMap<RuleName, Served>,
    /// Recovery points that were asked for and not yet seen complete or failed.
    #[serde(with = "crate::keyed")]
    pub pending: BTreeMap<DbSnapshotId, Pending>,
    /// How long the last complete one took.
    pub last: Option<Took>,
    /// The size of a full snapshot that the last restore test of a cluster saw, in bytes; RDS tells none of a cluster's.
    pub size_bytes: Option<u64>,
    /// What others made of the database, by maker: `rds`, `awsbackup`, `manual`.
    pub others: BTreeMap<String, Others>,
}

/// A slot with its recovery point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The recovery point's own slot: the rule's, or a later one if it was promoted.
    #[serde(with = "holdfast_wire::text")]
    pub slot: Slot,
    /// The recovery point.
    #[serde(with = "holdfast_wire::text")]
    pub snapshot: DbSnapshotId,
    /// The rule's schedule then, with its time zone: under another one, what was due in between is not known.
    pub schedule: String,
}

/// An awaited recovery point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// When it was asked for, or first seen, UTC.
    pub since: Timestamp,
    /// Where its record lies.
    pub record: String,
}

/// How long a recovery point took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Took {
    /// Which one.
    #[serde(with = "holdfast_wire::text")]
    pub snapshot: DbSnapshotId,
    /// From the request until it was seen available.
    pub took: SignedDuration,
    /// How long it was allowed to take, if its rules said.
    pub allowed: Option<SignedDuration>,
}

/// What others made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Others {
    /// How many can be restored.
    pub count: usize,
    /// The moment whose data the oldest holds, UTC.
    pub oldest_at: Timestamp,
    /// The moment whose data the newest holds, UTC.
    pub newest_at: Timestamp,
}

/// Something that people were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// About which resource.
    #[serde(with = "holdfast_wire::text")]
    pub resource: ResourceName,
    /// In these words.
    pub title: String,
    /// How much it matters.
    #[serde(with = "holdfast_wire::text")]
    pub severity: Severity,
    /// Since when it stands, UTC.
    pub since: Timestamp,
    /// When it was last put on the bus, UTC; absent if it is not certain that it ever was.
    pub announced_at: Option<Timestamp>,
}

/// The memory of a function, kept as long as its ETag stands.
#[derive(Debug, Default)]
pub struct WatchStore {
    current: Mutex<Option<Held<Watch>>>,
}

impl WatchStore {
    /// What is remembered; nothing if nothing ever was.
    ///
    /// # Errors
    /// The store's; `Unreadable`.
    pub async fn current<O: Objects, E: Entropy>(&self, ledger: &Ledger<'_, O, E>) -> Result<Watch, LedgerError> {
        let known = self.lock().clone();
        let held = ledger.refresh(WATCH_KEY, known).await?;
        let watch = held.as_ref().map(|held| held.body.clone()).unwrap_or_default();
        *self.lock() = held;
        Ok(watch)
    }

    /// What was remembered when it was last read or changed, without looking again.
    #[must_use]
    pub fn known(&self) -> Watch {
        self.lock().as_ref().map(|held| held.body.clone()).unwrap_or_default()
    }

    /// The same, only looked at.
    pub fn look<T>(&self, look: impl FnOnce(&Watch) -> T) -> T {
        let current = self.lock();
        match current.as_ref() {
            Some(held) => look(&held.body),
            None => look(&Watch::default()),
        }
    }

    /// Changes what is remembered and gives it back. The change is made on the newest version, whoever wrote that; one that changes nothing
    /// writes nothing.
    ///
    /// # Errors
    /// `Conflict` if others always were quicker; the store's.
    pub async fn change<O: Objects, E: Entropy>(
        &self,
        ledger: &Ledger<'_, O, E>,
        change: impl Fn(&mut Watch),
    ) -> Result<Watch, LedgerError> {
        // Mostly it changes nothing, and then no version of the record is needed that it is made on.
        let mut watch = self.known();
        change(&mut watch);
        if self.look(|before| *before == watch) {
            return Ok(watch);
        }
        for _ in 0..ATTEMPTS_MAX {
            let before = self.lock().clone();
            let mut watch = before.as_ref().map(|held| held.body.clone()).unwrap_or_default();
            change(&mut watch);
            let written = match &before {
                Some(held) if held.body == watch => return Ok(watch),
                None if watch == Watch::default() => return Ok(watch),
                Some(held) => ledger.replace(held, watch).await,
                None => ledger.create(WATCH_KEY, watch).await.and_then(|written| match written {
                    Written::Created(held) => Ok(held),
                    Written::Existed(_) => Err(LedgerError::Conflict { key: WATCH_KEY.into() }),
                }),
            };
            match written {
                Ok(held) => {
                    let watch = held.body.clone();
                    *self.lock() = Some(held);
                    return Ok(watch);
                }
                Err(LedgerError::Conflict { .. }) => {
                    *self.lock() = ledger.refresh(WATCH_KEY, None).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(LedgerError::Conflict { key: WATCH_KEY.into() })
    }

    /// A poisoned lock means that another thread panicked between two assignments; the value is whole all the same.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Held<Watch>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
