//! The work: a catalog and a plan's checks become a list of units, and results become a record. Pure.
//!
//! A unit is one check and gives one result; its name is unique and stays the same from one invocation to the next. So the record
//! says what is done **by name**, and neither a lost message nor a table that appears in between can shift one result onto another
//! check. The cursor in a message is a hint for people; nothing is decided by it.

mod asked;
mod progress;
mod tables;

use std::collections::BTreeMap;

use holdfast_domain::plan::{Checks, CountCheck, FreshCheck, ImmutableCheck, MigrationsCheck, SqlCheck};
use holdfast_domain::{CheckResult, Outcome, Requirement, RunId};
use holdfast_ledger::{Observed, RangesObserved, RowsObserved};
use jiff::{SignedDuration, Timestamp};

use crate::catalog::{Catalog, Constraint, Database, shown};

pub use progress::Progress;
pub use tables::{BLOCKS_PER_UNIT, HEAP_BLOCKS_PER_UNIT};

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
    /// The plan's own questions, one at a time: `within` limits the query, and should measure neither our own reading nor storage
    /// that is not loaded yet.
    Ask,
    /// What changes the copy: VACUUM. It would hide from `Read` what was there before.
    Vacuum,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [Self::Greet, Self::Read, Self::Compare, Self::Ask, Self::Vacuum];
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
    /// Count a table by an index; its pages were counted before, in parts.
    CountIndex {
        /// The table.
        table: Relation,
        /// Names of the indexes that meet every row; may be empty.
        indexes: Vec<String>,
        /// The checks that counted its pages.
        parts: Vec<String>,
        /// What they came to; absent until then, or if one of them could not count.
        pages: Option<PagesCounted>,
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
    },
    /// Rows that never change.
    Immutable {
        /// Where to ask.
        database: String,
        /// Which table, by which column.
        check: ImmutableCheck,
        /// The moment whose data the recovery point holds.
        taken_at: Timestamp,
        /// The ranges of the last proved restore.
        before: Option<ImmutableBefore>,
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
}

/// What counting a table's pages in parts came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagesCounted {
    /// Rows in all parts.
    pub rows: u64,
    /// The server's next transaction id, if it was the same for every part: then nothing was written between them.
    pub quiet_at: Option<u64>,
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
    let mut units = vec![greeting("tls", Task::Tls), greeting("server", Task::Server)];
    if let Some(requirement) = question.checks.integrity {
        let mut databases: Vec<&Database> = catalog.databases.iter().collect();
        databases.sort_by(|a, b| a.name.cmp(&b.name));
        for database in databases {
            units.extend(tables::database_units(database, requirement, question.baseline));
        }
    }
    units.extend(asked::plan_units(question));
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
fn greeting(check: &str, task: Task) -> Unit {
    Unit { check: check.into(), subject: None, requirement: Requirement::BestEffort, stage: Stage::Greet, task }
}

fn settled(check: String, subject: Option<String>, requirement: Requirement, outcome: Outcome, detail: String) -> Unit {
    Unit { check, subject, requirement, stage: Stage::Read, task: Task::Settled { outcome, detail } }
}

impl Task {
    /// The database it is made in; `None` for the one where the plan's questions are asked.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        match self {
            Self::Settled { .. } | Self::Tls | Self::Server => None,
            Self::Count { table: relation, .. }
            | Self::CountBlocks { table: relation, .. }
            | Self::CountIndex { table: relation, .. }
            | Self::Heap { relation, .. }
            | Self::Index { index: relation, .. }
            | Self::Sequence { sequence: relation }
            | Self::VacuumCount { table: relation, .. } => Some(&relation.database),
            Self::SystemCatalog { database, .. }
            | Self::Schema { database, .. }
            | Self::Collations { database }
            | Self::Constraint { database, .. }
            | Self::Migrations { database, .. }
            | Self::TableCount { database, .. }
            | Self::Immutable { database, .. }
            | Self::Fresh { database, .. }
            | Self::Sql { database, .. } => Some(database),
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
