//! What is to be looked at in a document database, and the tasks that do it. Pure.

use std::collections::BTreeMap;

use holdfast_domain::plan::{DocumentCheck, DocumentFreshness};
use holdfast_domain::{CheckName, Outcome, Requirement};
use holdfast_ledger::Observed;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::catalog::{
    Catalog, Collection, CollectionKind, Contents, Database, Index, Indexes, Offer, shown_collection,
};
use crate::catalog::shown;
use crate::work::{Baseline, CountBefore, Parts, Question, SchemaBefore, Stage, Task, Unit, bounded, greeting};

/// A collection by database and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its database.
    pub database: String,
    /// Its name.
    pub collection: String,
}

/// What a unit does in a document database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentTask {
    /// Fetch every document, and walk through all that is in it.
    Read {
        /// Where.
        namespace: Namespace,
    },
    /// Count by an index what was read.
    Index {
        /// Where.
        namespace: Namespace,
        /// The index.
        index: String,
        /// The check that read the collection.
        read: Parts,
    },
    /// The server's own check of a collection and its indexes.
    Validate {
        /// Where.
        namespace: Namespace,
    },
    /// Compare the definitions of a database's collections and indexes, which were listed already.
    Definitions {
        /// The database.
        database: String,
        /// As they are.
        now: BTreeMap<String, String>,
        /// As they were when last proved.
        before: Option<SchemaBefore>,
    },
    /// At least so many documents pass a filter.
    Found {
        /// Which, how many, and how fast.
        check: DocumentCheck,
    },
    /// The newest document's age.
    Fresh {
        /// Which documents.
        check: DocumentCheck,
        /// By which field, and how old it may be.
        fresh: DocumentFreshness,
        /// The moment whose data the recovery point holds.
        taken_at: Timestamp,
    },
    /// A number of documents that may not fall.
    Number {
        /// Which documents.
        check: DocumentCheck,
        /// By how many percent it may have shrunk.
        shrink_max_percent: u8,
        /// The number in the last proved restore.
        before: Option<CountBefore>,
    },
}

impl DocumentTask {
    /// The database it is made in.
    #[must_use]
    pub fn database(&self) -> &str {
        match self {
            Self::Read { namespace } | Self::Index { namespace, .. } | Self::Validate { namespace } => {
                &namespace.database
            }
            Self::Definitions { database, .. } => database,
            Self::Found { check } | Self::Fresh { check, .. } | Self::Number { check, .. } => named(check).0,
        }
    }
}

/// Database and collection of a plan's check. The plan's checker wants both; a collection's name may hold further dots.
pub(crate) fn named(check: &DocumentCheck) -> (&str, &str) {
    check.collection.split_once('.').unwrap_or((&check.collection, ""))
}

/// Every unit: by stage, then by database and collection, whatever the order of the catalog. Names are unique; never empty.
#[must_use]
pub fn units(catalog: &Catalog, question: &Question<'_>) -> Vec<Unit> {
    let mut units = vec![greeting("tls", Task::Tls), greeting("server", Task::Server)];
    if let Some(requirement) = question.checks.integrity {
        let mut databases: Vec<&Database> = catalog.databases.iter().collect();
        databases.sort_by(|a, b| a.name.cmp(&b.name));
        if databases.is_empty() {
            // Nothing was looked at, and nothing looked at is nothing proved.
            let detail = match &catalog.unlisted {
                Some(reason) => format!("they cannot be listed: {reason}"),
                None => "there is no database but the server's own".into(),
            };
            units.push(settled("databases", None, requirement, Outcome::NotRun, detail));
        }
        for database in databases {
            units.extend(database_units(database, &catalog.validate, requirement, question.baseline));
        }
    }
    units.extend(foreign(question));
    for (name, check) in &question.checks.documents {
        units.extend(asked(name, check, question));
    }
    bounded(units)
}

fn database_units(database: &Database, validate: &Offer, requirement: Requirement, baseline: &Baseline) -> Vec<Unit> {
    let name = format!("database {}", shown(&database.name));
    let collections = match &database.contents {
        Contents::Listed(collections) => collections,
        Contents::Closed { reason } => {
            let detail = format!("its collections cannot be listed: {reason}");
            return vec![settled(&name, None, requirement, Outcome::NotRun, detail)];
        }
        Contents::Damaged { reason } => {
            return vec![settled(&name, None, requirement, Outcome::Failed, reason.clone())];
        }
    };
    let mut sorted: Vec<&Collection> = collections.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut units = Vec::new();
    for collection in &sorted {
        units.extend(collection_units(&database.name, collection, validate, requirement));
    }
    units.push(definitions(&database.name, &sorted, baseline));
    units
}

fn collection_units(database: &str, collection: &Collection, validate: &Offer, requirement: Requirement) -> Vec<Unit> {
    let place = shown_collection(database, &collection.name);
    let subject = shown(&collection.name);
    let namespace = || Namespace { database: database.to_owned(), collection: collection.name.clone() };
    let read = format!("read {place}");
    match &collection.kind {
        CollectionKind::Documents | CollectionKind::TimeSeries => {}
        CollectionKind::View => {
            let detail = "it is a view, and holds no documents of its own";
            let name = format!("view {place}");
            return vec![settled(&name, Some(subject), Requirement::BestEffort, Outcome::NotRun, detail.into())];
        }
        CollectionKind::Other(sort) => {
            let detail = format!("it is of the sort {sort}, which is not known here");
            return vec![settled(&read, Some(subject), requirement, Outcome::NotRun, detail)];
        }
    }
    let reading =
        unit(&read, Some(subject.clone()), requirement, Stage::Read, DocumentTask::Read { namespace: namespace() });
    let parts = Parts::of(std::slice::from_ref(&reading));
    let mut units = vec![reading];
    let indexes = format!("indexes {place}");
    match &collection.indexes {
        Indexes::Closed { reason } => {
            let detail = format!("they cannot be listed: {reason}");
            units.push(settled(&indexes, Some(subject.clone()), requirement, Outcome::NotRun, detail));
        }
        Indexes::Damaged { reason } => {
            units.push(settled(&indexes, Some(subject.clone()), requirement, Outcome::Failed, reason.clone()));
        }
        Indexes::Listed(listed) => {
            let mut sorted: Vec<&Index> = listed.iter().collect();
            sorted.sort_by(|a, b| a.name.cmp(&b.name));
            units.extend(sorted.into_iter().map(|index| index_unit(&namespace(), index, &parts, requirement)));
        }
    }
    units.push(match validate {
        Offer::Offered if collection.kind == CollectionKind::Documents => {
            let task = DocumentTask::Validate { namespace: namespace() };
            unit(&format!("validate {place}"), Some(subject), requirement, Stage::Vacuum, task)
        }
        Offer::Offered => {
            let detail = "a time series is validated by its hidden collection, which is not looked at";
            let name = format!("validate {place}");
            settled(&name, Some(subject), Requirement::BestEffort, Outcome::NotRun, detail.into())
        }
        Offer::Unsupported { reason } => {
            let name = format!("validate {place}");
            settled(&name, Some(subject), Requirement::BestEffort, Outcome::NotRun, reason.clone())
        }
        Offer::Refused { reason } => {
            settled(&format!("validate {place}"), Some(subject), requirement, Outcome::NotRun, reason.clone())
        }
    });
    units
}

fn index_unit(namespace: &Namespace, index: &Index, read: &Parts, requirement: Requirement) -> Unit {
    let place = shown_collection(&namespace.database, &namespace.collection);
    let name = format!("index {place} {}", shown(&index.name));
    let subject = Some(format!("{} {}", shown(&namespace.collection), shown(&index.name)));
    if let Some(reason) = index.leaves_out {
        let detail = format!("{reason}: it cannot be counted by");
        return settled(&name, subject, Requirement::BestEffort, Outcome::NotRun, detail);
    }
    match &index.scan {
        Offer::Offered => {
            let task =
                DocumentTask::Index { namespace: namespace.clone(), index: index.name.clone(), read: read.clone() };
            unit(&name, subject, requirement, Stage::Compare, task)
        }
        Offer::Unsupported { reason } => {
            settled(&name, subject, Requirement::BestEffort, Outcome::NotRun, reason.clone())
        }
        Offer::Refused { reason } => settled(&name, subject, requirement, Outcome::NotRun, reason.clone()),
    }
}

/// Fails nothing, as the schema of a PostgreSQL database fails nothing: a release may have changed it on purpose.
fn definitions(database: &str, collections: &[&Collection], baseline: &Baseline) -> Unit {
    let name = format!("definitions {}", shown(database));
    let mut now = BTreeMap::new();
    for collection in collections {
        let sort = match &collection.kind {
            CollectionKind::Documents => "collection",
            CollectionKind::TimeSeries => "time series",
            CollectionKind::View => "view",
            CollectionKind::Other(sort) => sort,
        };
        let options = if matches!(collection.options.as_str(), "{}" | "{  }") { "" } else { &collection.options };
        now.insert(format!("{sort} {}", shown(&collection.name)), kept(options));
        let Indexes::Listed(indexes) = &collection.indexes else { continue };
        for index in indexes {
            let name = format!("index {} {}", shown(&collection.name), shown(&index.name));
            now.insert(name, kept(&index.definition));
        }
    }
    let before = match baseline {
        Baseline::None => None,
        Baseline::Lost { reason } => {
            let detail = format!("there is nothing to compare with: {reason}");
            return settled(&name, None, Requirement::BestEffort, Outcome::NotRun, detail);
        }
        Baseline::Run { run, observed } => match observed.get(&name) {
            Some(Observed::Schema(objects)) => Some(SchemaBefore { run: run.clone(), objects: objects.clone() }),
            Some(Observed::Rows(_) | Observed::Ranges(_) | Observed::Days(_) | Observed::Bytes(_)) | None => None,
        },
    };
    let task = DocumentTask::Definitions { database: database.to_owned(), now, before };
    unit(&name, None, Requirement::BestEffort, Stage::Compare, task)
}

/// The longest definition that is kept as it is. Validators and partial filters may be long, and may hold data.
const DEFINITION_MAX: usize = 200;

/// A definition, or where it is long what tells it from another one.
fn kept(definition: &str) -> String {
    if definition.len() <= DEFINITION_MAX {
        return definition.to_owned();
    }
    let digest: String =
        Sha256::digest(definition.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{} bytes #{digest}", definition.len())
}

/// What can only be asked in SQL. The plan's checker refuses it on a document database; a run keeps the plan that it began with.
fn foreign(question: &Question<'_>) -> Vec<Unit> {
    let checks = question.checks;
    let mut asked: Vec<(String, Requirement)> = Vec::new();
    asked.extend(checks.fresh.iter().map(|check| ("fresh".into(), check.requirement)));
    asked.extend(checks.migrations.iter().map(|check| ("migrations".into(), check.requirement)));
    asked.extend(checks.sql.iter().map(|(name, check)| (format!("sql {name}"), check.requirement)));
    asked.extend(checks.counts.iter().map(|(name, check)| (format!("counts {name}"), check.requirement)));
    asked.extend(checks.immutable.iter().map(|(name, check)| (format!("immutable {name}"), check.requirement)));
    let detail = "it is asked in SQL, and the room holds a document database";
    asked
        .into_iter()
        .map(|(name, requirement)| settled(&name, None, requirement, Outcome::NotRun, detail.into()))
        .collect()
}

/// A plan's check is one unit for each limit that it sets.
fn asked(name: &CheckName, check: &DocumentCheck, question: &Question<'_>) -> Vec<Unit> {
    let (database, collection) = named(check);
    let subject = Some(shown_collection(database, collection));
    let name = format!("documents {name}");
    let found = DocumentTask::Found { check: check.clone() };
    let mut units = vec![unit(&name, subject.clone(), check.requirement, Stage::Ask, found)];
    if let Some(fresh) = &check.fresh {
        let task = DocumentTask::Fresh { check: check.clone(), fresh: fresh.clone(), taken_at: question.taken_at };
        units.push(unit(&format!("{name} fresh"), subject.clone(), check.requirement, Stage::Ask, task));
    }
    if let Some(shrink_max_percent) = check.shrink_max_percent {
        let name = format!("{name} number");
        let before = match question.baseline {
            Baseline::None => None,
            Baseline::Lost { reason } => {
                let detail = format!("there is nothing to compare with: {reason}");
                units.push(settled(&name, subject, check.requirement, Outcome::NotRun, detail));
                return units;
            }
            Baseline::Run { run, observed } => match observed.get(&name) {
                Some(Observed::Rows(rows)) => Some(CountBefore { run: run.clone(), rows: rows.clone() }),
                Some(Observed::Ranges(_) | Observed::Days(_) | Observed::Schema(_) | Observed::Bytes(_)) | None => None,
            },
        };
        let task = DocumentTask::Number { check: check.clone(), shrink_max_percent, before };
        units.push(unit(&name, subject, check.requirement, Stage::Compare, task));
    }
    units
}

fn unit(check: &str, subject: Option<String>, requirement: Requirement, stage: Stage, task: DocumentTask) -> Unit {
    Unit { check: check.into(), subject, requirement, stage, effort: 0, task: Task::Documents(task) }
}

fn settled(check: &str, subject: Option<String>, requirement: Requirement, outcome: Outcome, detail: String) -> Unit {
    let task = Task::Settled { outcome, detail };
    Unit { check: check.into(), subject, requirement, stage: Stage::Read, effort: 0, task }
}

#[cfg(test)]
mod tests;
