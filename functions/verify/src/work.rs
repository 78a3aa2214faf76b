//! The work: a catalog and a plan's checks become a list of units, and results become a record. Pure.
//!
//! A unit is one check and gives one result; its name is unique and stays the same from one invocation to the next. So the record
//! says what is done **by name**, and neither a lost message nor a table that appears in between can shift one result onto another
//! check. The cursor in a message is a hint for people; nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{Checks, FreshCheck, SqlCheck};
use holdfast_domain::{CheckResult, Outcome, Requirement};
use holdfast_ledger::{CheckRecord, OutcomeWord};
use jiff::{SignedDuration, Timestamp};

use crate::catalog::{Catalog, Contents, Database, Index, Listing, Table, Tool, shown};

/// Pages of one heap unit: 65,536 × 8 KiB = 512 MiB, which takes 4 s at gp3's base rate of 125 MiB/s and under two minutes from
/// storage that still loads from S3 at 5 MiB/s. Small beside the 900 s of an invocation, large beside a round trip.
pub const BLOCKS_PER_UNIT: u64 = 65_536;

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
    /// The plan's own questions, one at a time: `within` limits the query, and should measure neither our own reading nor storage
    /// that is not loaded yet.
    Ask,
    /// What changes the copy: VACUUM. It would hide from `Read` what was there before.
    Vacuum,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 4] = [Self::Greet, Self::Read, Self::Ask, Self::Vacuum];
}

/// One check to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name: `heap shop.public.orders blocks 0-65535`.
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
    /// Count a table by its pages and by an index.
    Count {
        /// The table.
        table: Relation,
        /// Names of the indexes that meet every row; may be empty.
        indexes: Vec<String>,
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
    /// VACUUM, then count by pages and by the items of an index.
    VacuumCount {
        /// The table.
        table: Relation,
        /// An index with one item per row.
        index: Relation,
        /// `pgstattuple`, quoted for SQL.
        function: String,
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
}

/// Every unit: by stage, then by database, schema and name, whatever the order of the catalog. Names are unique; never empty.
#[must_use]
pub fn units(catalog: &Catalog, question: &Question<'_>) -> Vec<Unit> {
    let mut units = vec![greeting()];
    if let Some(requirement) = question.checks.integrity {
        let mut databases: Vec<&Database> = catalog.databases.iter().collect();
        databases.sort_by(|a, b| a.name.cmp(&b.name));
        for database in databases {
            units.extend(database_units(database, requirement));
        }
    }
    units.extend(plan_units(question));
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
fn greeting() -> Unit {
    Unit {
        check: "tls".into(),
        subject: None,
        requirement: Requirement::BestEffort,
        stage: Stage::Greet,
        task: Task::Tls,
    }
}

fn settled(check: String, subject: Option<String>, requirement: Requirement, outcome: Outcome, detail: String) -> Unit {
    Unit { check, subject, requirement, stage: Stage::Read, task: Task::Settled { outcome, detail } }
}

fn database_units(database: &Database, requirement: Requirement) -> Vec<Unit> {
    let name = format!("database {}", shown(&database.name));
    match &database.contents {
        Contents::Listed(listing) => {
            let mut tables: Vec<&Table> = listing.tables.iter().collect();
            tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
            tables
                .into_iter()
                .flat_map(|table| Subject::new(&database.name, listing, table, requirement).units())
                .collect()
        }
        Contents::Off => {
            let detail = "it does not allow connections".to_owned();
            vec![settled(name, None, Requirement::BestEffort, Outcome::NotRun, detail)]
        }
        Contents::Closed { reason } => vec![settled(name, None, requirement, Outcome::NotRun, reason.clone())],
        Contents::Damaged { reason } => vec![settled(name, None, requirement, Outcome::Failed, reason.clone())],
    }
}

fn plan_units(question: &Question<'_>) -> Vec<Unit> {
    let database = question.database.to_owned();
    let fresh = question.checks.fresh.iter().map(|check| Unit {
        check: "fresh".into(),
        subject: None,
        requirement: check.requirement,
        stage: Stage::Ask,
        task: Task::Fresh { database: database.clone(), check: check.clone(), taken_at: question.taken_at },
    });
    let sql = question.checks.sql.iter().map(|(name, check)| Unit {
        check: format!("sql {name}"),
        subject: None,
        requirement: check.requirement,
        stage: Stage::Ask,
        task: Task::Sql { database: database.clone(), check: check.clone() },
    });
    fresh.chain(sql).collect()
}

/// One table with what is needed to name and make its units.
struct Subject<'a> {
    listing: &'a Listing,
    table: &'a Table,
    relation: Relation,
    requirement: Requirement,
}

impl<'a> Subject<'a> {
    fn new(database: &str, listing: &'a Listing, table: &'a Table, requirement: Requirement) -> Self {
        let relation = Relation {
            database: database.to_owned(),
            schema: table.schema.clone(),
            name: table.name.clone(),
            oid: table.oid,
        };
        Self { listing, table, relation, requirement }
    }

    fn units(&self) -> Vec<Unit> {
        let mut units = vec![self.count()];
        units.extend(self.heap(self.table.oid, self.table.blocks, ""));
        units.extend(self.indexes(&self.table.indexes, false));
        if let Some(toast) = &self.table.toast {
            units.extend(self.heap(toast.oid, toast.blocks, " toast"));
            units.extend(self.indexes(&toast.indexes, true));
        }
        units.push(self.vacuum_count());
        units
    }

    fn unit(&self, sort: &str, tail: &str, task: Task) -> Unit {
        Unit {
            check: format!("{sort} {}.{}{tail}", shown(&self.relation.database), self.relation.shown()),
            subject: Some(self.relation.shown()),
            requirement: self.requirement,
            stage: Stage::Read,
            task,
        }
    }

    /// A table that cannot be counted by any index can still be counted: the unit runs, and says that one count proves little.
    fn count(&self) -> Unit {
        let mut indexes: Vec<&Index> = self.table.indexes.iter().filter(|index| index.meets_every_row()).collect();
        indexes.sort_by(|a, b| (!a.unique, &a.name).cmp(&(!b.unique, &b.name)));
        let indexes: Vec<String> = indexes.into_iter().map(|index| index.name.clone()).collect();
        let requirement = if indexes.is_empty() { Requirement::BestEffort } else { self.requirement };
        Unit { requirement, ..self.unit("count", "", Task::Count { table: self.relation.clone(), indexes }) }
    }

    fn heap(&self, oid: u32, blocks: u64, what: &str) -> Vec<Unit> {
        let first_blocks = (0..blocks.div_ceil(BLOCKS_PER_UNIT).max(1)).map(|range| range * BLOCKS_PER_UNIT);
        first_blocks.map(|first| self.heap_range(oid, first, what)).collect()
    }

    fn heap_range(&self, oid: u32, first_block: u64, what: &str) -> Unit {
        let last_block = first_block + (BLOCKS_PER_UNIT - 1);
        let tail = format!("{what} blocks {first_block}-{last_block}");
        if self.table.access_method != "heap" {
            let detail = format!("access method {} has no checker", shown(&self.table.access_method));
            return self.inapplicable("heap", &tail, detail);
        }
        let task = match &self.listing.verify_heapam {
            Tool::Ready { function } => {
                let relation = Relation { oid, ..self.relation.clone() };
                Task::Heap { relation, function: function.clone(), first_block, last_block }
            }
            Tool::Missing { reason } => not_run(reason),
        };
        self.unit("heap", &tail, task)
    }

    fn indexes(&self, indexes: &[Index], toast: bool) -> Vec<Unit> {
        let mut indexes: Vec<&Index> = indexes.iter().collect();
        indexes.sort_by(|a, b| a.name.cmp(&b.name));
        indexes.into_iter().map(|index| self.index(index, toast)).collect()
    }

    /// An index is named by itself, a TOAST table's by its table: `pg_toast_16384_index` says nothing to anybody.
    fn index(&self, index: &Index, toast: bool) -> Unit {
        let relation = Relation { name: index.name.clone(), oid: index.oid, ..self.relation.clone() };
        let named = if toast {
            Self { relation: self.relation.clone(), ..*self }
        } else {
            Self { relation: relation.clone(), ..*self }
        };
        let tail = if toast { " toast" } else { "" };
        if !index.valid {
            let detail =
                "the index is not valid: it was never built to the end; drop it or REINDEX it in production too";
            return named.unit("index", tail, Task::Settled { outcome: Outcome::Failed, detail: detail.into() });
        }
        if index.access_method != "btree" {
            let detail = format!("indexes of access method {} have no checker", shown(&index.access_method));
            return named.inapplicable("index", tail, detail);
        }
        let task = match &self.listing.bt_index_check {
            Tool::Ready { function } => Task::Index { index: relation, function: function.clone() },
            Tool::Missing { reason } => not_run(reason),
        };
        named.unit("index", tail, task)
    }

    fn vacuum_count(&self) -> Unit {
        let exact =
            self.table.indexes.iter().filter(|index| index.has_one_item_per_row()).min_by(|a, b| a.name.cmp(&b.name));
        let unit = match (exact, &self.listing.pgstattuple) {
            (None, _) => {
                let detail = "there is no unique B-tree over NOT NULL columns whose items could be counted".to_owned();
                self.inapplicable("vacuum-count", "", detail)
            }
            (Some(_), _) if self.table.access_method != "heap" => {
                let detail = format!("access method {} is not vacuumed as heap is", shown(&self.table.access_method));
                self.inapplicable("vacuum-count", "", detail)
            }
            (Some(_), Tool::Missing { reason }) => self.unit("vacuum-count", "", not_run(reason)),
            (Some(index), Tool::Ready { function }) => {
                let index = Relation { name: index.name.clone(), oid: index.oid, ..self.relation.clone() };
                let task = Task::VacuumCount { table: self.relation.clone(), index, function: function.clone() };
                self.unit("vacuum-count", "", task)
            }
        };
        Unit { stage: Stage::Vacuum, ..unit }
    }

    /// What nobody can check for such a table is said, and nothing follows.
    fn inapplicable(&self, sort: &str, tail: &str, detail: String) -> Unit {
        let task = Task::Settled { outcome: Outcome::NotRun, detail };
        Unit { requirement: Requirement::BestEffort, ..self.unit(sort, tail, task) }
    }
}

fn not_run(reason: &str) -> Task {
    Task::Settled { outcome: Outcome::NotRun, detail: reason.to_owned() }
}

/// Units and what is known of them.
#[derive(Debug, Clone)]
pub struct Progress {
    units: Vec<Unit>,
    /// By check name. A result whose unit has gone (a table dropped by a job of the database's own) stays: it was seen.
    results: BTreeMap<String, CheckRecord>,
}

impl Progress {
    /// Takes up work where a record left it.
    #[must_use]
    pub fn new(units: Vec<Unit>, results: &[CheckRecord]) -> Self {
        Self { units, results: results.iter().map(|result| (result.check.clone(), result.clone())).collect() }
    }

    /// Units of a stage that have no result yet, in order.
    #[must_use]
    pub fn pending(&self, stage: Stage) -> Vec<Unit> {
        self.units
            .iter()
            .filter(|unit| unit.stage == stage && !self.results.contains_key(&unit.check))
            .cloned()
            .collect()
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
        let heaps = || self.results.values().filter(|result| result.check.starts_with("heap "));
        self.is_done_to(Stage::Read)
            && heaps().next().is_some()
            && heaps().all(|result| result.outcome != OutcomeWord::NotRun)
    }

    /// Takes a result. The first one stands.
    pub fn take(&mut self, result: CheckResult) {
        self.results.entry(result.check.clone()).or_insert_with(|| result.into());
    }

    /// Gives up what is left.
    pub fn give_up(&mut self, reason: &str) {
        let left: Vec<Unit> = Stage::ALL.into_iter().flat_map(|stage| self.pending(stage)).collect();
        for unit in left {
            self.take(unit.result(Outcome::NotRun, reason.to_owned(), SignedDuration::ZERO));
        }
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
