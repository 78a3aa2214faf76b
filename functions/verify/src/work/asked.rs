//! What the plan asks of one resource's data. Everything it asks for becomes a unit: what nobody carries out is *not run*, with the
//! reason, and never silently nothing.

use holdfast_domain::plan::{CountCheck, ImmutableCheck};
use holdfast_domain::{CheckName, Outcome, Requirement};
use holdfast_ledger::Observed;

use std::sync::Arc;

use super::effort::OF_HASHING;
use super::ranges::{BLOCKS_PER_UNIT, HEAP_BLOCKS_PER_UNIT, Piece, split};
use super::{Baseline, CountBefore, ImmutableBefore, ImmutableQuestion, Parts, Question, Split, Stage, Task, Unit};
use crate::catalog::Catalog;

pub(super) fn plan_units(catalog: &Catalog, question: &Question<'_>) -> Vec<Unit> {
    let checks = question.checks;
    let database = question.database.to_owned();
    let mut units = Vec::new();
    units.extend(checks.migrations.iter().map(|check| {
        let task = Task::Migrations { database: database.clone(), check: check.clone() };
        unit("migrations".into(), None, check.requirement, Stage::Ask, task)
    }));
    units.extend(checks.fresh.iter().map(|check| {
        let task = Task::Fresh { database: database.clone(), check: check.clone(), taken_at: question.taken_at };
        unit("fresh".into(), None, check.requirement, Stage::Ask, task)
    }));
    units.extend(checks.sql.iter().map(|(name, check)| {
        let task = Task::Sql { database: database.clone(), check: check.clone() };
        unit(format!("sql {name}"), None, check.requirement, Stage::Ask, task)
    }));
    units.extend(checks.counts.iter().flat_map(|(name, check)| counts(catalog, question, name, check)));
    units.extend(checks.immutable.iter().flat_map(|(name, check)| immutable(catalog, question, name, check)));
    units.extend(checks.documents.iter().map(|(name, check)| {
        let detail =
            format!("{} is a collection of a document database, and the room holds PostgreSQL", check.collection);
        let task = Task::Settled { outcome: Outcome::NotRun, detail };
        unit(format!("documents {name}"), None, check.requirement, Stage::Ask, task)
    }));
    units
}

fn unit(check: String, subject: Option<String>, requirement: Requirement, stage: Stage, task: Task) -> Unit {
    Unit { check, subject, requirement, stage, effort: 0, task }
}

fn counts(catalog: &Catalog, question: &Question<'_>, name: &CheckName, check: &CountCheck) -> Vec<Unit> {
    let name = format!("counts {name}");
    let before = match question.baseline {
        Baseline::None => None,
        Baseline::Lost { reason } => return vec![lost(name, &check.table, check.requirement, reason)],
        Baseline::Run { run, observed } => match observed.get(&name) {
            Some(Observed::Rows(rows)) => Some(CountBefore { run: run.clone(), rows: rows.clone() }),
            Some(Observed::Ranges(_) | Observed::Days(_) | Observed::Schema(_) | Observed::Bytes(_)) | None => None,
        },
    };
    let (subject, database) = (Some(check.table.clone()), question.database.to_owned());
    let whole = |split: Option<Split>| {
        let stage = if split.is_some() { Stage::Conclude } else { Stage::Compare };
        let task = Task::TableCount { database: database.clone(), check: check.clone(), before: before.clone(), split };
        unit(name.clone(), subject.clone(), check.requirement, stage, task)
    };
    let Some((relations, pieces)) = split(catalog, question.database, &check.table, BLOCKS_PER_UNIT) else {
        return vec![whole(None)];
    };
    let part = |Piece { table, first_block, last_block, pages }: Piece| {
        let named = format!("{name} {} blocks {first_block}-{last_block}", table.shown());
        let task = Task::CountBlocks { table, first_block, last_block };
        Unit { effort: pages, ..unit(named, subject.clone(), check.requirement, Stage::Compare, task) }
    };
    in_parts(relations, pieces.into_iter().map(part).collect(), whole)
}

fn immutable(catalog: &Catalog, question: &Question<'_>, name: &CheckName, check: &ImmutableCheck) -> Vec<Unit> {
    let name = format!("immutable {name}");
    let before = match question.baseline {
        Baseline::None => None,
        Baseline::Lost { reason } => return vec![lost(name, &check.table, check.requirement, reason)],
        Baseline::Run { run, observed } => match observed.get(&name) {
            Some(Observed::Ranges(ranges)) => Some(ImmutableBefore { run: run.clone(), ranges: ranges.clone() }),
            Some(Observed::Rows(_) | Observed::Days(_) | Observed::Schema(_) | Observed::Bytes(_)) | None => None,
        },
    };
    let (subject, database) = (Some(check.table.clone()), question.database.to_owned());
    let asked = Arc::new(ImmutableQuestion { check: check.clone(), taken_at: question.taken_at, before });
    let whole = |split: Option<Split>| {
        let stage = if split.is_some() { Stage::Conclude } else { Stage::Compare };
        let task = Task::Immutable { database: database.clone(), question: Arc::clone(&asked), split };
        unit(name.clone(), subject.clone(), check.requirement, stage, task)
    };
    // Hashing is work for a processor, so a table of a few hundred MiB is spread already.
    let Some((relations, pieces)) = split(catalog, question.database, &check.table, HEAP_BLOCKS_PER_UNIT) else {
        return vec![whole(None)];
    };
    let part = |Piece { table, first_block, last_block, pages }: Piece| {
        let named = format!("{name} {} blocks {first_block}-{last_block}", table.shown());
        let task = Task::ImmutableBlocks { table, question: Arc::clone(&asked), first_block, last_block };
        Unit { effort: pages * OF_HASHING, ..unit(named, subject.clone(), check.requirement, Stage::Compare, task) }
    };
    in_parts(relations, pieces.into_iter().map(part).collect(), whole)
}

/// The parts, and what they come to.
fn in_parts(relations: Vec<u32>, parts: Vec<Unit>, whole: impl Fn(Option<Split>) -> Unit) -> Vec<Unit> {
    let split = Split { relations, parts: Parts::of(&parts) };
    parts.into_iter().chain([whole(Some(split))]).collect()
}

fn lost(check: String, table: &str, requirement: Requirement, reason: &str) -> Unit {
    let detail = format!("there is nothing to compare with: {reason}");
    let task = Task::Settled { outcome: Outcome::NotRun, detail };
    unit(check, Some(table.to_owned()), requirement, Stage::Compare, task)
}
