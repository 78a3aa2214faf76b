//! What the checks of one database come to: its tables with their indexes, and what stands beside them.

use holdfast_domain::{Outcome, Requirement};
use holdfast_ledger::Observed;

use super::effort::{OF_CONSTRAINT, OF_COUNT_BY_INDEX, OF_INDEX, OF_VACUUM_COUNT};
use super::ranges::{BLOCKS_PER_UNIT, heap_blocks_per_unit, pages_of, ranges};
use super::{Baseline, Parts, Relation, SchemaBefore, Stage, Task, Unit, settled};
use crate::catalog::{Constraint, Contents, Database, Index, Listing, Sequence, Table, Tool, shown};

pub(super) fn database_units(database: &Database, requirement: Requirement, baseline: &Baseline) -> Vec<Unit> {
    let name = format!("database {}", shown(&database.name));
    match &database.contents {
        Contents::Listed(listing) => {
            let mut tables: Vec<&Table> = listing.tables.iter().collect();
            tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
            let tables = tables.into_iter().map(|table| Subject::new(&database.name, listing, table, requirement));
            let mut units: Vec<Unit> = tables.flat_map(|subject| subject.units()).collect();
            units.extend(beside_tables(&database.name, listing, requirement, baseline));
            units
        }
        Contents::Off => {
            let detail = "it does not allow connections".to_owned();
            vec![settled(name, None, Requirement::BestEffort, Outcome::NotRun, detail)]
        }
        Contents::Closed { reason } => vec![settled(name, None, requirement, Outcome::NotRun, reason.clone())],
        Contents::Damaged { reason } => vec![settled(name, None, requirement, Outcome::Failed, reason.clone())],
    }
}

/// What is looked at once per database, and the objects that are no tables.
fn beside_tables(database: &str, listing: &Listing, requirement: Requirement, baseline: &Baseline) -> Vec<Unit> {
    let of_database = |sort: &str, requirement, task| Unit {
        check: format!("{sort} {}", shown(database)),
        subject: None,
        requirement,
        stage: Stage::Read,
        effort: 0,
        task,
    };
    let catalog = match (&listing.verify_heapam, &listing.bt_index_check) {
        (Tool::Ready { function: verify_heapam }, Tool::Ready { function: bt_index_check }) => Task::SystemCatalog {
            database: database.to_owned(),
            verify_heapam: verify_heapam.clone(),
            bt_index_check: bt_index_check.clone(),
        },
        (Tool::Missing { reason }, _) | (_, Tool::Missing { reason }) => not_run(reason),
    };
    let schema = Task::Schema {
        database: database.to_owned(),
        before: schema_before(&format!("schema {}", shown(database)), baseline),
    };
    let large_objects = Task::LargeObjects { database: database.to_owned() };
    let large_objects = of_database("large-objects", requirement, large_objects);
    let has_large_objects = listing.tables.iter().any(Table::holds_large_objects);
    let mut units: Vec<Unit> = has_large_objects.then_some(large_objects).into_iter().collect();
    units.extend([
        of_database("system-catalog", requirement, catalog),
        // What production itself may have changed or left as it is proves nothing and disproves nothing.
        of_database("schema", Requirement::BestEffort, schema),
        of_database("collations", Requirement::BestEffort, Task::Collations { database: database.to_owned() }),
    ]);
    let mut constraints: Vec<&Constraint> = listing.constraints.iter().collect();
    constraints.sort_by(|a, b| (&a.schema, &a.table, &a.name).cmp(&(&b.schema, &b.table, &b.name)));
    let blocks = |constraint: &Constraint| {
        let of = |table: &&Table| table.schema == constraint.schema && table.name == constraint.table;
        listing.tables.iter().find(of).map_or(0, |table| table.blocks)
    };
    units.extend(constraints.into_iter().map(|constraint| Unit {
        effort: blocks(constraint) * OF_CONSTRAINT,
        ..constraint_unit(database, constraint)
    }));
    let mut sequences: Vec<&Sequence> = listing.sequences.iter().collect();
    sequences.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    units.extend(sequences.into_iter().map(|sequence| sequence_unit(database, sequence, requirement)));
    units
}

fn schema_before(check: &str, baseline: &Baseline) -> Option<SchemaBefore> {
    let Baseline::Run { run, observed } = baseline else { return None };
    match observed.get(check) {
        Some(Observed::Schema(objects)) => Some(SchemaBefore { run: run.clone(), objects: objects.clone() }),
        Some(Observed::Rows(_) | Observed::Ranges(_) | Observed::Days(_) | Observed::Bytes(_)) | None => None,
    }
}

/// Best effort, because it joins two tables and may not fit; rows that refer to nothing fail it all the same.
fn constraint_unit(database: &str, constraint: &Constraint) -> Unit {
    let table = constraint.shown_table();
    Unit {
        check: format!("constraint {}.{table}.{}", shown(database), shown(&constraint.name)),
        subject: Some(table),
        requirement: Requirement::BestEffort,
        stage: Stage::Compare,
        effort: 0,
        task: Task::Constraint { database: database.to_owned(), constraint: constraint.clone() },
    }
}

fn sequence_unit(database: &str, sequence: &Sequence, requirement: Requirement) -> Unit {
    let relation = Relation {
        database: database.to_owned(),
        schema: sequence.schema.clone(),
        name: sequence.name.clone(),
        oid: sequence.oid,
    };
    Unit {
        check: format!("sequence {}.{}", shown(database), relation.shown()),
        subject: Some(relation.shown()),
        requirement,
        stage: Stage::Read,
        effort: 0,
        task: Task::Sequence { sequence: relation },
    }
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
        Self { listing, table, relation: Relation::of(database, table), requirement }
    }

    fn units(&self) -> Vec<Unit> {
        let mut units = self.count();
        units.extend(self.heap(self.table.oid, self.table.blocks, ""));
        units.extend(self.indexes(&self.table.indexes, self.table.blocks, false));
        if let Some(toast) = &self.table.toast {
            units.extend(self.heap(toast.oid, toast.blocks, " toast"));
            units.extend(self.indexes(&toast.indexes, toast.blocks, true));
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
            effort: 0,
            task,
        }
    }

    /// A table that cannot be counted by any index can still be counted: the unit runs, and says that one count proves little.
    /// A large one is counted by ranges of pages, and beside them by an index; then it is looked whether they agree.
    fn count(&self) -> Vec<Unit> {
        let mut indexes: Vec<&Index> = self.table.indexes.iter().filter(|index| index.meets_every_row()).collect();
        indexes.sort_by(|a, b| (!a.unique, &a.name).cmp(&(!b.unique, &b.name)));
        let indexes: Vec<String> = indexes.into_iter().map(|index| index.name.clone()).collect();
        let requirement = if indexes.is_empty() { Requirement::BestEffort } else { self.requirement };
        let (table, blocks) = (self.relation.clone(), self.table.blocks);
        let of_pages = self.listing.tid_ranges && self.table.access_method == "heap";
        if !of_pages || ranges(blocks, BLOCKS_PER_UNIT).nth(1).is_none() {
            let effort = blocks + blocks * OF_COUNT_BY_INDEX;
            return vec![Unit { requirement, effort, ..self.unit("count", "", Task::Count { table, indexes }) }];
        }
        let of_pages: Vec<Unit> = ranges(blocks, BLOCKS_PER_UNIT)
            .map(|range| {
                let (first_block, last_block) = range;
                let task = Task::CountBlocks { table: table.clone(), first_block, last_block };
                let effort = pages_of(range, blocks);
                Unit { requirement, effort, ..self.unit("count", &format!(" blocks {first_block}-{last_block}"), task) }
            })
            .collect();
        let by_index: Option<Unit> = (!indexes.is_empty()).then(|| {
            let task = Task::CountIndex { table: table.clone(), indexes: indexes.clone() };
            Unit { requirement, effort: blocks * OF_COUNT_BY_INDEX, ..self.unit("count", " index", task) }
        });
        let task =
            Task::CountParts { table, indexes, pages: Parts::of(&of_pages), by_index: Parts::of(by_index.as_slice()) };
        let compared = Unit { requirement, stage: Stage::Conclude, ..self.unit("count", "", task) };
        of_pages.into_iter().chain(by_index).chain([compared]).collect()
    }

    fn heap(&self, oid: u32, blocks: u64, what: &str) -> Vec<Unit> {
        let of_range = |range| Unit { effort: pages_of(range, blocks), ..self.heap_range(oid, range, what) };
        ranges(blocks, heap_blocks_per_unit(blocks)).map(of_range).collect()
    }

    fn heap_range(&self, oid: u32, (first_block, last_block): (u64, u64), what: &str) -> Unit {
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

    /// Of a table with so many pages.
    fn indexes(&self, indexes: &[Index], blocks: u64, toast: bool) -> Vec<Unit> {
        let mut indexes: Vec<&Index> = indexes.iter().collect();
        indexes.sort_by(|a, b| a.name.cmp(&b.name));
        let effort = blocks * OF_INDEX;
        indexes.into_iter().map(|index| Unit { effort, ..self.index(index, toast) }).collect()
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
        // A master user owns no part of the system catalog; large objects are counted before VACUUM all the same.
        let requirement = if self.table.holds_large_objects() { Requirement::BestEffort } else { unit.requirement };
        Unit { stage: Stage::Vacuum, requirement, effort: self.table.blocks * OF_VACUUM_COUNT, ..unit }
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
