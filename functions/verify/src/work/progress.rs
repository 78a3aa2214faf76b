//! Units and what is known of them.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::{CheckResult, Outcome, Requirement};
use holdfast_ledger::{CheckRecord, Observed, OutcomeWord, Verification};
use jiff::SignedDuration;

use super::{Stage, Task, Unit};
use crate::catalog::shown;

/// How many objects without a finding are named. The rest is counted.
const UNAFFECTED_NAMED_MAX: usize = 10;

/// Units and what is known of them.
#[derive(Debug, Clone)]
pub struct Progress {
    units: Vec<Unit>,
    /// By check name. A result whose unit has gone (a table dropped by a job of the database's own) stays: it was seen.
    results: BTreeMap<String, CheckRecord>,
    observed: BTreeMap<String, Observed>,
}

impl Progress {
    /// Takes up work where a record left it.
    #[must_use]
    pub fn new(units: Vec<Unit>, record: &Verification) -> Self {
        let results = record.results.iter().map(|result| (result.check.clone(), result.clone())).collect();
        Self { units, results, observed: record.observed.clone() }
    }

    /// Units of a stage that have no result yet, in order.
    #[must_use]
    pub fn pending(&self, stage: Stage) -> Vec<Unit> {
        let pending = self.units.iter().filter(|unit| unit.stage == stage && !self.results.contains_key(&unit.check));
        pending.map(|unit| self.with_parts(unit)).collect()
    }

    /// A unit with what its parts came to, if it has parts.
    fn with_parts(&self, unit: &Unit) -> Unit {
        let mut unit = unit.clone();
        for parts in unit.task.parts_mut() {
            parts.observed = parts.checks.iter().map(|part| self.observed.get(part).cloned()).collect();
        }
        unit
    }

    /// Whether nothing is left of any stage up to and including this one.
    #[must_use]
    pub fn is_done_to(&self, stage: Stage) -> bool {
        self.units.iter().filter(|unit| unit.stage <= stage).all(|unit| self.results.contains_key(&unit.check))
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_done_to(Stage::Vacuum)
    }

    /// Whether every page of every table was read: `Read` is over, and each heap check ran.
    #[must_use]
    pub fn is_fully_read(&self) -> bool {
        // `heap` reads tables, `read` collections.
        let reads = |check: &str| check.starts_with("heap ") || check.starts_with("read ");
        let readings = || self.results.values().filter(|result| reads(&result.check));
        self.is_done_to(Stage::Read)
            && readings().next().is_some()
            && readings().all(|result| result.outcome != OutcomeWord::NotRun)
    }

    /// Takes a result, and what was observed with it. The first one stands.
    pub fn take(&mut self, result: CheckResult, observed: Option<Observed>) {
        if self.results.contains_key(&result.check) {
            return;
        }
        if let Some(observed) = observed {
            self.observed.insert(result.check.clone(), observed);
            self.drop_days(&result.check);
        }
        self.results.insert(result.check.clone(), result.into());
    }

    /// Days of parts are kept until the parts are put together: in the record of a run that is over they would only be weight.
    fn drop_days(&mut self, check: &str) {
        let Some(unit) = self.units.iter_mut().find(|unit| unit.check == check) else { return };
        for part in unit.task.parts_mut().into_iter().flat_map(|parts| &parts.checks) {
            if matches!(self.observed.get(part), Some(Observed::Days(_))) {
                self.observed.remove(part);
            }
        }
    }

    /// Gives up what is left.
    pub fn give_up(&mut self, reason: &str) {
        let left: Vec<Unit> = Stage::ALL.into_iter().flat_map(|stage| self.pending(stage)).collect();
        for unit in left {
            self.take(unit.result(Outcome::NotRun, reason.to_owned(), SignedDuration::ZERO), None);
        }
    }

    /// Once something has failed: what has not. Found damage is no reason to distrust the rest, as far as it was looked at.
    #[must_use]
    pub fn unaffected(&self) -> Option<CheckResult> {
        let mut objects: BTreeMap<String, bool> = BTreeMap::new();
        for unit in &self.units {
            let (Some(database), Some(subject)) = (unit.task.database(), &unit.subject) else { continue };
            let Some(result) = self.results.get(&unit.check) else { continue };
            let fine = objects.entry(format!("{}.{subject}", shown(database))).or_insert(true);
            *fine &= result.outcome != OutcomeWord::Failed;
        }
        if self.results.values().all(|result| result.outcome != OutcomeWord::Failed) {
            return None;
        }
        let fine: Vec<&str> = objects.iter().filter(|(_, fine)| **fine).map(|(name, _)| name.as_str()).collect();
        let named = fine.iter().take(UNAFFECTED_NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
        let more = fine.len().saturating_sub(UNAFFECTED_NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let is_document = |unit: &Unit| matches!(unit.task, Task::Documents(_));
        let sorts = if self.units.iter().any(is_document) {
            "collections and indexes"
        } else {
            "tables, indexes and sequences"
        };
        let detail =
            format!("{} of {} {sorts} that were looked at have no finding: {named}{more}", fine.len(), objects.len());
        Some(CheckResult {
            check: "unaffected".into(),
            subject: None,
            requirement: Requirement::BestEffort,
            outcome: Outcome::Passed,
            detail,
            took: SignedDuration::ZERO,
        })
    }

    /// How many units there are, those that have gone included.
    #[must_use]
    pub fn total(&self) -> usize {
        let known: BTreeSet<&str> = self.units.iter().map(|unit| unit.check.as_str()).collect();
        self.units.len() + self.results.keys().filter(|check| !known.contains(check.as_str())).count()
    }

    /// Every result so far, in the order of the units; those whose unit has gone come last.
    #[must_use]
    pub fn results(&self) -> Vec<CheckRecord> {
        let mut left = self.results.clone();
        let mut ordered: Vec<CheckRecord> = self.units.iter().filter_map(|unit| left.remove(&unit.check)).collect();
        ordered.extend(left.into_values());
        ordered
    }

    /// What was observed so far, by check.
    #[must_use]
    pub fn observed(&self) -> &BTreeMap<String, Observed> {
        &self.observed
    }
}
