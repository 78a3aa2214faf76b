//! What the plan asks of one resource's data. Everything it asks for becomes a unit: what nobody carries out is *not run*, with the
//! reason, and never silently nothing.

use holdfast_domain::plan::{CountCheck, ImmutableCheck};
use holdfast_domain::{CheckName, Outcome, Requirement};
use holdfast_ledger::Observed;

use super::{Baseline, CountBefore, ImmutableBefore, Question, Stage, Task, Unit};

pub(super) fn plan_units(question: &Question<'_>) -> Vec<Unit> {
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
    units.extend(checks.counts.iter().map(|(name, check)| counts(question, name, check)));
    units.extend(checks.immutable.iter().map(|(name, check)| immutable(question, name, check)));
    units.extend(checks.documents.iter().map(|(name, check)| {
        let detail =
            format!("{} is a collection of a document database, and the room holds PostgreSQL", check.collection);
        let task = Task::Settled { outcome: Outcome::NotRun, detail };
        unit(format!("documents {name}"), None, check.requirement, Stage::Ask, task)
    }));
    units
}

fn unit(check: String, subject: Option<String>, requirement: Requirement, stage: Stage, task: Task) -> Unit {
    Unit { check, subject, requirement, stage, task }
}

fn counts(question: &Question<'_>, name: &CheckName, check: &CountCheck) -> Unit {
    let name = format!("counts {name}");
    let before = match question.baseline {
        Baseline::None => None,
        Baseline::Lost { reason } => return lost(name, &check.table, check.requirement, reason),
        Baseline::Run { run, observed } => match observed.get(&name) {
            Some(Observed::Rows(rows)) => Some(CountBefore { run: run.clone(), rows: rows.clone() }),
            Some(Observed::Ranges(_) | Observed::Schema(_)) | None => None,
        },
    };
    let task = Task::TableCount { database: question.database.to_owned(), check: check.clone(), before };
    unit(name, Some(check.table.clone()), check.requirement, Stage::Compare, task)
}

fn immutable(question: &Question<'_>, name: &CheckName, check: &ImmutableCheck) -> Unit {
    let name = format!("immutable {name}");
    let before = match question.baseline {
        Baseline::None => None,
        Baseline::Lost { reason } => return lost(name, &check.table, check.requirement, reason),
        Baseline::Run { run, observed } => match observed.get(&name) {
            Some(Observed::Ranges(ranges)) => Some(ImmutableBefore { run: run.clone(), ranges: ranges.clone() }),
            Some(Observed::Rows(_) | Observed::Schema(_)) | None => None,
        },
    };
    let task = Task::Immutable {
        database: question.database.to_owned(),
        check: check.clone(),
        taken_at: question.taken_at,
        before,
    };
    unit(name, Some(check.table.clone()), check.requirement, Stage::Compare, task)
}

fn lost(check: String, table: &str, requirement: Requirement, reason: &str) -> Unit {
    let detail = format!("there is nothing to compare with: {reason}");
    let task = Task::Settled { outcome: Outcome::NotRun, detail };
    unit(check, Some(table.to_owned()), requirement, Stage::Compare, task)
}
