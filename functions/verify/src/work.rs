//! The work: a catalog and a plan's checks become a list of units, and results become a record. Pure.
//!
//! A unit is one check and gives one result; its name is unique and stays the same from one invocation to the next. So the record
//! says what is done **by name**, and neither a lost message nor a table that appears in between can shift one result onto another
//! check. The cursor in a message is a hint for people; nothing is decided by it.

mod asked;
mod effort;
mod one_piece;
mod progress;
mod ranges;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_domain::plan::{Checks, CountCheck, FreshCheck, ImmutableCheck, MigrationsCheck, SqlCheck};
use holdfast_domain::{CheckResult, Outcome, Requirement, RunId};
use holdfast_ledger::{Observed, RangesObserved, RowsObserved, SERVER_CHECK};
use jiff::{SignedDuration, Timestamp};

use crate::catalog::{Catalog, Constraint, Database, Table, shown};
use crate::documents::units::DocumentTask;

pub(crate) use effort::{connections_worth, longest_first};
pub use progress::Progress;
pub use ranges::{BLOCKS_PER_UNIT, HEAP_BLOCKS_PER_UNIT};

/// The most units of one run: at about 300 bytes a result, a record of 30 MB. What is beyond is reported as not run.
pub const UNITS_MAX: usize = 100_000;

/// How often work is passed on: 40 × 15 minutes is 10 hours, more than any plan's deadline that a person waits for. What goes on
/// longer is a loop or a database that this way of verifying does not suit; either way somebody has to know.
pub const HOPS_MAX: u32 = 40;

/// What must be over before what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Who we are talking to.
    Greet,
    /// Every page of everything, without changing any.
    Read,
    /// What is compared with what was read: with another part of the copy, or with the last proved restore.
    Compare,
    /// What the parts of a check that was made in parts come to. Arithmetic; only where somebody wrote to the copy between the parts, and
    /// they do not agree, is it made once more in one piece.
    Conclude,
    /// The plan's own questions, one at a time: `within` limits the query, and should measure neither our own reading nor storage
    /// that is not loaded yet.
    Ask,
    /// What changes the copy: VACUUM. It would hide from `Read` what was there before.
    Vacuum,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [Self::Greet, Self::Read, Self::Compare, Self::Conclude, Self::Ask, Self::Vacuum];
}

/// One check to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name: `heap shop.public.orders blocks 0-16383`.
    pub check: String,
    /// The table or index it looks at, schema-qualified, if one.
    pub subject: Option<String>,
    /// Whether it must run.
    pub requirement: Requirement,
    /// When it is made.
    pub stage: Stage,
    /// About how long it takes, in pages of a table read once. Within a stage what takes longest is begun first, so that no connection is
    /// left to work alone in the end.
    pub effort: u64,
    /// What is to be done.
    pub task: Task,
}

/// What a unit does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Nothing: the answer is known already.
    Settled {
        /// The answer.
        outcome: Outcome,
        /// Why, in words.
        detail: String,
    },
    /// Say how the connection is protected.
    Tls,
    /// Say what server it is.
    Server,
    /// Count a table by its pages and by an index.
    Count {
        /// The table.
        table: Relation,
        /// Names of the indexes that meet every row; may be empty.
        indexes: Vec<String>,
    },
    /// Count a range of a table's pages.
    CountBlocks {
        /// The table.
        table: Relation,
        /// First page.
        first_block: u64,
        /// Last page; the relation may end before it.
        last_block: u64,
    },
    /// Count a table by an index; its pages are counted in parts beside it.
    CountIndex {
        /// The table.
        table: Relation,
        /// Names of the indexes that meet every row; never empty.
        indexes: Vec<String>,
    },
    /// Compare what was counted in parts.
    CountParts {
        /// The table.
        table: Relation,
        /// Names of the indexes that meet every row; may be empty.
        indexes: Vec<String>,
        /// The checks that counted its pages.
        pages: Parts,
        /// The check that counted it by an index; none if there is no index to count by.
        by_index: Parts,
    },
    /// `verify_heapam` over a range of pages.
    Heap {
        /// The table or TOAST table.
        relation: Relation,
        /// The function, quoted for SQL.
        function: String,
        /// First page.
        first_block: u64,
        /// Last page; the relation may end before it.
        last_block: u64,
    },
    /// `bt_index_check` with every heap row looked up in the index.
    Index {
        /// The index.
        index: Relation,
        /// The function, quoted for SQL.
        function: String,
    },
    /// Whether large objects and their pages belong together.
    LargeObjects {
        /// The database.
        database: String,
    },
    /// `verify_heapam` and `bt_index_check` over every table and index of the system catalog.
    SystemCatalog {
        /// The database.
        database: String,
        /// The function, quoted for SQL.
        verify_heapam: String,
        /// The function, quoted for SQL.
        bt_index_check: String,
    },
    /// Rows that break a constraint.
    Constraint {
        /// The database.
        database: String,
        /// Which.
        constraint: Constraint,
    },
    /// A sequence that is behind the column it serves.
    Sequence {
        /// Which.
        sequence: Relation,
    },
    /// The definitions of all objects.
    Schema {
        /// The database.
        database: String,
        /// As they were when last proved.
        before: Option<SchemaBefore>,
    },
    /// Collations whose rules are not those that the data was sorted by.
    Collations {
        /// The database.
        database: String,
    },
    /// VACUUM, then count by pages and by the items of an index.
    VacuumCount {
        /// The table.
        table: Relation,
        /// An index with one item per row.
        index: Relation,
        /// `pgstattuple`, quoted for SQL.
        function: String,
    },
    /// The table of a migration tool.
    Migrations {
        /// Where to look.
        database: String,
        /// Which tool, and what is expected.
        check: MigrationsCheck,
    },
    /// A row count that may not fall.
    TableCount {
        /// Where to ask.
        database: String,
        /// Which table, and by how much it may shrink.
        check: CountCheck,
        /// The count of the last proved restore.
        before: Option<CountBefore>,
        /// How it is counted in parts, if it is.
        split: Option<Split>,
    },
    /// Rows that never change.
    Immutable {
        /// Where to ask.
        database: String,
        /// What.
        question: Arc<ImmutableQuestion>,
        /// How it is looked at in parts, if it is.
        split: Option<Split>,
    },
    /// Rows that never change in a range of a table's pages.
    ImmutableBlocks {
        /// The table, or a partition of the one that is asked about.
        table: Relation,
        /// What.
        question: Arc<ImmutableQuestion>,
        /// First page.
        first_block: u64,
        /// Last page; the relation may end before it.
        last_block: u64,
    },
    /// The newest row's age.
    Fresh {
        /// Where to ask.
        database: String,
        /// What, and how old it may be.
        check: FreshCheck,
        /// The moment whose data the recovery point holds.
        taken_at: Timestamp,
    },
    /// A question of the plan's.
    Sql {
        /// Where to ask.
        database: String,
        /// What, and the limits of the answer.
        check: SqlCheck,
    },
    /// A check of a document database.
    Documents(DocumentTask),
}

/// The checks that another one is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Their names.
    pub checks: Vec<String>,
    /// What they observed, in the same order; absent until each of them has, and for good if one of them could not.
    pub observed: Option<Vec<Observed>>,
}

impl Parts {
    /// Parts that have not been looked at.
    #[must_use]
    pub fn of(units: &[Unit]) -> Self {
        Self { checks: units.iter().map(|unit| unit.check.clone()).collect(), observed: None }
    }
}

/// How a table that the plan names is looked at in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The table, or all its partitions, by oid in order: what the name meant when it was split.
    pub relations: Vec<u32>,
    /// The parts.
    pub parts: Parts,
}

/// What is asked of rows that never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmutableQuestion {
    /// Which table, by which column.
    pub check: ImmutableCheck,
    /// The moment whose data the recovery point holds.
    pub taken_at: Timestamp,
    /// The ranges of the last proved restore.
    pub before: Option<ImmutableBefore>,
}

/// A table's row count in the last proved restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountBefore {
    /// The run that counted.
    pub run: RunId,
    /// What it counted.
    pub rows: RowsObserved,
}

/// A table's ranges in the last proved restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmutableBefore {
    /// The run that looked.
    pub run: RunId,
    /// What it saw.
    pub ranges: RangesObserved,
}

/// A database's objects in the last proved restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaBefore {
    /// The run that looked.
    pub run: RunId,
    /// What it saw.
    pub objects: BTreeMap<String, String>,
}

/// The last proved restore, as far as it can be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Baseline {
    /// There is none: what is observed now is what later runs are compared with.
    None,
    /// This one.
    Run {
        /// Which run.
        run: RunId,
        /// What it observed, by check.
        observed: BTreeMap<String, Observed>,
    },
    /// There is one, and its record cannot be read.
    Lost {
        /// Why.
        reason: String,
    },
}

/// A relation, by oid and by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its database.
    pub database: String,
    /// Its schema, unquoted.
    pub schema: String,
    /// Its name, unquoted.
    pub name: String,
    /// `pg_class.oid`.
    pub oid: u32,
}

impl Relation {
    /// A table of a catalog.
    fn of(database: &str, table: &Table) -> Self {
        Self { database: database.to_owned(), schema: table.schema.clone(), name: table.name.clone(), oid: table.oid }
    }

    /// Schema and name, as people read them.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}.{}", shown(&self.schema), shown(&self.name))
    }
}

/// What the plan asks, about which recovery point.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The resource's checks.
    pub checks: &'a Checks,
    /// Where the plan's own questions are asked.
    pub database: &'a str,
    /// The moment whose data the recovery point holds, UTC.
    pub taken_at: Timestamp,
    /// The last proved restore.
    pub baseline: &'a Baseline,
}

/// Every unit: by stage, then by database, schema and name, whatever the order of the catalog. Names are unique; never empty.
#[must_use]
pub fn units(catalog: &Catalog, question: &Question<'_>) -> Vec<Unit> {
    let mut units = vec![greeting("tls", Task::Tls), greeting(SERVER_CHECK, Task::Server)];
    if let Some(requirement) = question.checks.integrity {
        let mut databases: Vec<&Database> = catalog.databases.iter().collect();
        databases.sort_by(|a, b| a.name.cmp(&b.name));
        for database in databases {
            units.extend(tables::database_units(database, requirement, question.baseline));
        }
    }
    units.extend(asked::plan_units(catalog, question));
    bounded(units)
}

/// Units by stage, and no more than a run may have.
pub(crate) fn bounded(mut units: Vec<Unit>) -> Vec<Unit> {
    units.sort_by_key(|unit| unit.stage);
    if units.len() > UNITS_MAX {
        let left_out = units.len() - (UNITS_MAX - 1);
        units.truncate(UNITS_MAX - 1);
        let detail = format!("{left_out} checks are beyond the {UNITS_MAX} of one run");
        units.push(settled("limit".into(), None, Requirement::Required, Outcome::NotRun, detail));
        units.sort_by_key(|unit| unit.stage);
    }
    units
}

/// Best effort, because it always passes: a connection without TLS is never opened. Were it required, a plan without any check
/// of the data would be proved by it alone.
pub(crate) fn greeting(check: &str, task: Task) -> Unit {
    Unit {
        check: check.into(),
        subject: None,
        requirement: Requirement::BestEffort,
        stage: Stage::Greet,
        effort: 0,
        task,
    }
}

fn settled(check: String, subject: Option<String>, requirement: Requirement, outcome: Outcome, detail: String) -> Unit {
    Unit { check, subject, requirement, stage: Stage::Read, effort: 0, task: Task::Settled { outcome, detail } }
}

impl Task {
    /// The parts it is made of, if it is.
    fn parts_mut(&mut self) -> Vec<&mut Parts> {
        match self {
            Self::CountParts { pages, by_index, .. } => vec![pages, by_index],
            Self::Documents(DocumentTask::Index { read, .. }) => vec![read],
            Self::TableCount { split, .. } | Self::Immutable { split, .. } => {
                split.iter_mut().map(|split| &mut split.parts).collect()
            }
            Self::Settled { .. }
            | Self::Documents(_)
            | Self::Tls
            | Self::Server
            | Self::Count { .. }
            | Self::CountBlocks { .. }
            | Self::CountIndex { .. }
            | Self::Heap { .. }
            | Self::Index { .. }
            | Self::SystemCatalog { .. }
            | Self::LargeObjects { .. }
            | Self::Constraint { .. }
            | Self::Sequence { .. }
            | Self::Schema { .. }
            | Self::Collations { .. }
            | Self::VacuumCount { .. }
            | Self::Migrations { .. }
            | Self::ImmutableBlocks { .. }
            | Self::Fresh { .. }
            | Self::Sql { .. } => Vec::new(),
        }
    }

    /// The database it is made in; `None` for the one where the plan's questions are asked.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        match self {
            Self::Settled { .. } | Self::Tls | Self::Server => None,
            Self::Count { table: relation, .. }
            | Self::CountBlocks { table: relation, .. }
            | Self::CountIndex { table: relation, .. }
            | Self::CountParts { table: relation, .. }
            | Self::ImmutableBlocks { table: relation, .. }
            | Self::Heap { relation, .. }
            | Self::Index { index: relation, .. }
            | Self::Sequence { sequence: relation }
            | Self::VacuumCount { table: relation, .. } => Some(&relation.database),
            Self::SystemCatalog { database, .. }
            | Self::LargeObjects { database }
            | Self::Schema { database, .. }
            | Self::Collations { database }
            | Self::Constraint { database, .. }
            | Self::Migrations { database, .. }
            | Self::TableCount { database, .. }
            | Self::Immutable { database, .. }
            | Self::Fresh { database, .. }
            | Self::Sql { database, .. } => Some(database),
            Self::Documents(task) => Some(task.database()),
        }
    }
}

impl Unit {
    /// Whether the answer is known already.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.task, Task::Settled { .. })
    }

    /// This unit's result.
    #[must_use]
    pub fn result(&self, outcome: Outcome, detail: String, took: SignedDuration) -> CheckResult {
        let Self { check, subject, requirement, .. } = self;
        CheckResult { check: check.clone(), subject: subject.clone(), requirement: *requirement, outcome, detail, took }
    }
}

#[cfg(test)]
mod tests;
