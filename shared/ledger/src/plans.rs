//! The compiled plan in the ledger bucket: the current one, and every one by its sha256.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holdfast_domain::{Plan, PlanSha};
use holdfast_plan::Compiled;
use holdfast_ports::{Fetched, Objects};

use crate::LedgerError;

/// Where the current plan lies.
pub const PLAN_KEY: &str = "plan.json";

/// Where the plan of a sha lies, for ever: a run keeps the plan it began with.
#[must_use]
pub fn plan_key(sha: &PlanSha) -> String {
    format!("plans/{sha}.json")
}

/// Reads plans. It keeps the current one in memory as long as its ETag stands, and the last one that was asked for by its sha: the
/// invocations of one run ask for the same again and again.
#[derive(Debug, Default)]
pub struct PlanStore {
    current: Mutex<Option<(String, Arc<Plan>)>>,
    pinned: Mutex<Option<Arc<Plan>>>,
}

impl PlanStore {
    /// The plan in force.
    ///
    /// # Errors
    /// The store's; `Unreadable` when there is no plan or it does not check.
    pub async fn current(&self, objects: &impl Objects) -> Result<Arc<Plan>, LedgerError> {
        let known = lock(&self.current).clone();
        let fetched = objects.get(PLAN_KEY, known.as_ref().map(|(etag, _)| etag.as_str())).await?;
        match (fetched, known) {
            (Fetched::Unchanged, Some((_, plan))) => Ok(plan),
            (Fetched::Object(object), _) => {
                let plan = Arc::new(read(PLAN_KEY, &object.bytes)?);
                *lock(&self.current) = Some((object.etag, Arc::clone(&plan)));
                Ok(plan)
            }
            (Fetched::Missing | Fetched::Unchanged, _) => Err(missing(PLAN_KEY)),
        }
    }

    /// The plan of a sha.
    ///
    /// # Errors
    /// The store's; `Unreadable` when there is none, it does not check, or it is another than its name says.
    pub async fn pinned(&self, objects: &impl Objects, sha: &PlanSha) -> Result<Arc<Plan>, LedgerError> {
        let current = lock(&self.current).clone().map(|(_, plan)| plan);
        let known = current.into_iter().chain(lock(&self.pinned).clone()).find(|plan| plan.sha == *sha);
        if let Some(plan) = known {
            return Ok(plan);
        }
        let key = plan_key(sha);
        match objects.get(&key, None).await? {
            Fetched::Object(object) => {
                let plan = read(&key, &object.bytes)?;
                if plan.sha != *sha {
                    return Err(LedgerError::Unreadable { key, reason: format!("it holds the plan {}", plan.sha) });
                }
                let plan = Arc::new(plan);
                *lock(&self.pinned) = Some(Arc::clone(&plan));
                Ok(plan)
            }
            Fetched::Missing | Fetched::Unchanged => Err(missing(&key)),
        }
    }
}

/// A poisoned lock means that another thread panicked between two assignments; the value is whole all the same.
fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(key: &str, bytes: &[u8]) -> Result<Plan, LedgerError> {
    let compiled = Compiled::from_json(bytes)
        .map_err(|problems| LedgerError::Unreadable { key: key.into(), reason: problems.to_string() })?;
    Ok(compiled.into_plan())
}

fn missing(key: &str) -> LedgerError {
    LedgerError::Unreadable { key: key.into(), reason: "there is no such plan; deploy one with plan compile".into() }
}
