use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{DaysObserved, Verification};
use proptest::prelude::*;

use super::*;
use crate::catalog::{ConstraintSort, Contents, Index, Listing, Partitioned, Sequence, Table, Toast, Tool};

fn ready(name: &str) -> Tool {
    Tool::Ready { function: format!("\"public\".\"{name}\"") }
}

fn index(oid: u32, name: &str) -> Index {
    Index {
        oid,
        name: name.into(),
        access_method: "btree".into(),
        valid: true,
        unique: true,
        partial: false,
        expressions: false,
        keys_not_null: true,
    }
}

fn table(name: &str, blocks: u64, indexes: Vec<Index>) -> Table {
    Table {
        oid: 1,
        schema: "public".into(),
        name: name.into(),
        access_method: "heap".into(),
        blocks,
        indexes,
        toast: None,
        has_heirs: false,
    }
}

fn listing(tables: Vec<Table>) -> Listing {
    Listing {
        verify_heapam: ready("verify_heapam"),
        bt_index_check: ready("bt_index_check"),
        pgstattuple: ready("pgstattuple"),
        tid_ranges: true,
        search_path: vec!["public".into()],
        tables,
        partitioned: vec![],
        constraints: vec![],
        sequences: vec![],
    }
}

fn record() -> Verification {
    Verification {
        run: "orders-db.every.1".parse().expect("a run"),
        first_query_at: Timestamp::UNIX_EPOCH,
        fully_read_at: None,
        finished_at: None,
        units_total: 0,
        units_done: 0,
        results: vec![],
        baseline: None,
        observed: BTreeMap::new(),
    }
}

fn shop(listing: Listing) -> Catalog {
    Catalog { databases: vec![Database { name: "shop".into(), contents: Contents::Listed(listing) }] }
}

fn checks() -> Checks {
    let sql = SqlCheck { sql: "select 1".into(), rows_min: 1, within: None, requirement: Requirement::BestEffort };
    let fresh = FreshCheck {
        sql: "select now()".into(),
        age_max: SignedDuration::from_mins(15),
        requirement: Requirement::Required,
    };
    Checks {
        integrity: Some(Requirement::Required),
        fresh: Some(fresh),
        sql: BTreeMap::from([("open-orders".parse().expect("a name"), sql)]),
        ..Checks::default()
    }
}

fn units_of(catalog: &Catalog, checks: &Checks) -> Vec<Unit> {
    against(catalog, checks, &Baseline::None)
}

fn against(catalog: &Catalog, checks: &Checks, baseline: &Baseline) -> Vec<Unit> {
    units(catalog, &Question { checks, database: "shop", taken_at: Timestamp::UNIX_EPOCH, baseline })
}

/// Stage, requirement and name, and what is settled already.
fn shown_units(units: &[Unit]) -> Vec<String> {
    let shown = |unit: &Unit| {
        let settled = if let Task::Settled { outcome, detail } = &unit.task {
            format!(": {outcome:?}: {detail}")
        } else {
            String::new()
        };
        format!("{:?} {:?} {}{settled}", unit.stage, unit.requirement, unit.check)
    };
    units.iter().map(shown).collect()
}

#[test]
fn a_table_is_counted_read_and_only_then_vacuumed() {
    let toast = Toast { oid: 9, blocks: 0, indexes: vec![index(10, "pg_toast_1_index")] };
    let orders = Table { toast: Some(toast), ..table("orders", BLOCKS_PER_UNIT * 2, vec![index(2, "orders_pkey")]) };
    let units = units_of(&shop(listing(vec![orders])), &checks());
    assert_eq!(
        shown_units(&units),
        [
            "Greet BestEffort tls",
            "Greet BestEffort server",
            "Read Required count shop.public.orders blocks 0-65535",
            "Read Required count shop.public.orders blocks 65536-131071",
            "Read Required count shop.public.orders index",
            "Read Required heap shop.public.orders blocks 0-16383",
            "Read Required heap shop.public.orders blocks 16384-32767",
            "Read Required heap shop.public.orders blocks 32768-49151",
            "Read Required heap shop.public.orders blocks 49152-65535",
            "Read Required heap shop.public.orders blocks 65536-81919",
            "Read Required heap shop.public.orders blocks 81920-98303",
            "Read Required heap shop.public.orders blocks 98304-114687",
            "Read Required heap shop.public.orders blocks 114688-131071",
            "Read Required index shop.public.orders_pkey",
            "Read Required heap shop.public.orders toast blocks 0-16383",
            "Read Required index shop.public.orders toast",
            "Read Required system-catalog shop",
            "Read BestEffort schema shop",
            "Read BestEffort collations shop",
            "Conclude Required count shop.public.orders",
            "Ask Required fresh",
            "Ask BestEffort sql open-orders",
            "Vacuum Required vacuum-count shop.public.orders",
        ]
    );
}

#[test]
fn what_cannot_be_checked_is_said_and_never_passed() {
    let tables = vec![
        table("bare", 1, vec![]),
        table("broken", 1, vec![Index { valid: false, ..index(2, "broken_key") }]),
        Table { access_method: "columnar".into(), ..table("columns", 1, vec![index(3, "columns_key")]) },
        table("nullable", 1, vec![Index { keys_not_null: false, ..index(4, "nullable_key") }]),
        table("spatial", 1, vec![Index { access_method: "gist".into(), ..index(5, "spatial_gist") }]),
    ];
    let amcheck = Tool::Missing { reason: "amcheck cannot be had: permission denied".into() };
    let without = Listing { verify_heapam: amcheck.clone(), bt_index_check: amcheck, ..listing(tables) };
    let catalog = Catalog {
        databases: vec![
            Database { name: "shop".into(), contents: Contents::Listed(without) },
            Database { name: "closed".into(), contents: Contents::Closed { reason: "permission denied".into() } },
            Database { name: "broken".into(), contents: Contents::Damaged { reason: "could not read block 0".into() } },
            Database { name: "off".into(), contents: Contents::Off },
        ],
    };
    let only_integrity = Checks { fresh: None, sql: BTreeMap::new(), ..checks() };
    insta::assert_snapshot!(shown_units(&units_of(&catalog, &only_integrity)).join("\n"));
}

#[test]
fn only_an_index_that_meets_every_row_counts_them() {
    let whole = index(1, "a");
    assert!(whole.meets_every_row() && whole.has_one_item_per_row());
    for partly in [
        Index { partial: true, ..index(1, "a") },
        Index { valid: false, ..index(1, "a") },
        Index { access_method: "hash".into(), ..index(1, "a") },
    ] {
        assert!(!partly.meets_every_row() && !partly.has_one_item_per_row(), "{partly:?}");
    }
    for merged in [
        Index { unique: false, ..index(1, "a") },
        Index { keys_not_null: false, ..index(1, "a") },
        Index { expressions: true, ..index(1, "a") },
    ] {
        assert!(merged.meets_every_row() && !merged.has_one_item_per_row(), "{merged:?}");
    }
}

#[test]
fn a_plan_without_integrity_checks_no_table() {
    let none = Checks { integrity: None, ..checks() };
    let units = units_of(&shop(listing(vec![table("orders", 1, vec![])])), &none);
    assert_eq!(
        shown_units(&units),
        ["Greet BestEffort tls", "Greet BestEffort server", "Ask Required fresh", "Ask BestEffort sql open-orders"]
    );
}

#[test]
fn whatever_the_plan_asks_for_is_a_check_and_what_nobody_carries_out_is_not_run() {
    use holdfast_domain::plan::{DocumentCheck, MigrationTool};

    let name = |name: &str| name.parse::<holdfast_domain::CheckName>().expect("a name");
    let required = Requirement::Required;
    let documents = DocumentCheck {
        collection: "app.users".into(),
        filter: None,
        documents_min: 1,
        within: None,
        fresh: None,
        shrink_max_percent: None,
        requirement: required,
    };
    let all = Checks {
        integrity: None,
        migrations: Some(MigrationsCheck { tool: MigrationTool::Drizzle, expect: None, requirement: required }),
        counts: BTreeMap::from([(
            name("orders"),
            CountCheck { table: "orders".into(), shrink_max_percent: 5, requirement: required },
        )]),
        immutable: BTreeMap::from([(
            name("orders"),
            ImmutableCheck { table: "orders".into(), before: "at".into(), requirement: required },
        )]),
        documents: BTreeMap::from([(name("users"), documents)]),
        ..checks()
    };
    let lost = Baseline::Lost { reason: "its record is gone".into() };
    assert_eq!(
        shown_units(&against(&shop(listing(vec![])), &all, &lost)),
        [
            "Greet BestEffort tls",
            "Greet BestEffort server",
            "Compare Required counts orders: NotRun: there is nothing to compare with: its record is gone",
            "Compare Required immutable orders: NotRun: there is nothing to compare with: its record is gone",
            "Ask Required migrations",
            "Ask Required fresh",
            "Ask BestEffort sql open-orders",
            "Ask Required documents users: NotRun: app.users is a collection of a document database, and the room holds PostgreSQL",
        ]
    );
    let none = units_of(&shop(listing(vec![])), &all);
    assert_eq!(none.iter().filter(|unit| unit.is_settled()).count(), 1, "without a baseline they begin one");
}

#[test]
fn what_a_failure_does_not_touch_is_said() {
    let tables = vec![table("a", 1, vec![index(2, "a_pkey")]), table("b", 1, vec![]), table("c", 1, vec![])];
    let units = units_of(&shop(listing(tables)), &checks());
    let said = |failed: &str| {
        let mut progress = Progress::new(units.clone(), &record());
        for unit in &units {
            let outcome = if unit.check.starts_with(failed) { Outcome::Failed } else { Outcome::Passed };
            progress.take(unit.result(outcome, String::new(), SignedDuration::ZERO), None);
        }
        progress.unaffected().map(|result| result.detail)
    };
    assert_eq!(said("nothing"), None);
    assert_eq!(
        said("heap shop.public.a ").as_deref(),
        Some(
            "3 of 4 tables, indexes and sequences that were looked at have no finding: \
             shop.public.a_pkey, shop.public.b, shop.public.c"
        )
    );
}

#[test]
fn constraints_and_sequences_are_checked_by_name() {
    let constraint = Constraint {
        oid: 1,
        schema: "public".into(),
        table: "items".into(),
        name: "Items order".into(),
        sort: ConstraintSort::ForeignKey,
        validated: true,
    };
    let sequence = Sequence { oid: 2, schema: "public".into(), name: "orders_id_seq".into() };
    let listing = Listing { constraints: vec![constraint], sequences: vec![sequence], ..listing(vec![]) };
    let shown = shown_units(&units_of(&shop(listing), &checks()));
    for wanted in [
        "Read Required sequence shop.public.orders_id_seq",
        "Compare BestEffort constraint shop.public.items.\"Items order\"",
    ] {
        assert!(shown.iter().any(|shown| shown == wanted), "{wanted}: {shown:#?}");
    }
}

#[test]
fn what_is_made_of_parts_gets_what_every_one_of_them_observed() {
    let orders = table("orders", BLOCKS_PER_UNIT * 2, vec![index(2, "orders_pkey")]);
    let units = units_of(&shop(listing(vec![orders])), &checks());
    let rows = |rows| Some(Observed::Rows(RowsObserved { table: "public.orders".into(), rows, next_transaction: 7 }));
    let counted = |observed: [Option<Observed>; 2]| {
        let mut progress = Progress::new(units.clone(), &record());
        let parts = units.iter().filter(|unit| matches!(unit.task, Task::CountBlocks { .. }));
        for (unit, observed) in parts.zip(observed) {
            progress.take(unit.result(Outcome::Passed, String::new(), SignedDuration::ZERO), observed);
        }
        let concluded = progress.pending(Stage::Conclude);
        let pages = concluded.into_iter().find_map(|unit| {
            if let Task::CountParts { pages, by_index, .. } = unit.task { Some((pages, by_index)) } else { None }
        });
        let (pages, by_index) = pages.expect("a conclusion");
        assert_eq!((by_index.checks.len(), by_index.observed), (1, None), "nothing has counted the index");
        pages.observed
    };
    assert_eq!(counted([rows(3), rows(4)]), [rows(3), rows(4)].into_iter().collect());
    assert_eq!(counted([rows(3), None]), None, "a part that could not be counted");
}

fn only(counts: &str, immutable: &str) -> Checks {
    let name = |name: &str| name.parse::<holdfast_domain::CheckName>().expect("a name");
    let required = Requirement::Required;
    let count = CountCheck { table: counts.into(), shrink_max_percent: 5, requirement: required };
    let unchanged = ImmutableCheck { table: immutable.into(), before: "at".into(), requirement: required };
    Checks {
        counts: BTreeMap::from([(name("all"), count)]),
        immutable: BTreeMap::from([(name("old"), unchanged)]),
        ..Checks::default()
    }
}

#[test]
fn a_large_table_that_the_plan_names_is_looked_at_in_parts_and_then_as_one() {
    let events = |name: &str, oid, blocks| Table { oid, ..table(name, blocks, vec![]) };
    let tables =
        vec![events("events_1", 11, HEAP_BLOCKS_PER_UNIT), events("events_2", 12, BLOCKS_PER_UNIT * 3 / 2 + 1)];
    let events = Partitioned { schema: "public".into(), name: "Events".into(), partitions: vec![11, 12] };
    let catalog = shop(Listing { partitioned: vec![events], ..listing(tables) });
    let shown = shown_units(&units_of(&catalog, &only("public.\"Events\"", "events_2")));
    assert_eq!(
        shown[2..],
        [
            "Compare Required counts all public.events_1 blocks 0-65535",
            "Compare Required counts all public.events_2 blocks 0-65535",
            "Compare Required counts all public.events_2 blocks 65536-131071",
            "Compare Required immutable old public.events_2 blocks 0-16383",
            "Compare Required immutable old public.events_2 blocks 16384-32767",
            "Compare Required immutable old public.events_2 blocks 32768-49151",
            "Compare Required immutable old public.events_2 blocks 49152-65535",
            "Compare Required immutable old public.events_2 blocks 65536-81919",
            "Compare Required immutable old public.events_2 blocks 81920-114687",
            "Conclude Required counts all",
            "Conclude Required immutable old",
        ]
    );
}

#[test]
fn what_cannot_be_split_is_looked_at_in_one_piece() {
    let whole = ["Compare Required counts all", "Compare Required immutable old"];
    let giant = || Table { oid: 11, ..table("events", BLOCKS_PER_UNIT * 9, vec![]) };
    let missing = Partitioned { schema: "public".into(), name: "parted".into(), partitions: vec![11, 99] };
    for (why, listing, named) in [
        ("it is small", listing(vec![table("events", HEAP_BLOCKS_PER_UNIT, vec![])]), "events"),
        ("others inherit from it", listing(vec![Table { has_heirs: true, ..giant() }]), "events"),
        ("its pages are no heap", listing(vec![Table { access_method: "columnar".into(), ..giant() }]), "events"),
        ("there is none of that name", listing(vec![giant()]), "public.\"Events\""),
        ("the server is too old", Listing { tid_ranges: false, ..listing(vec![giant()]) }, "events"),
        ("a partition is foreign", Listing { partitioned: vec![missing], ..listing(vec![giant()]) }, "parted"),
        ("it is not on the path", Listing { search_path: vec!["app".into()], ..listing(vec![giant()]) }, "events"),
    ] {
        assert_eq!(shown_units(&units_of(&shop(listing), &only(named, named)))[2..], whole, "{why}");
    }
}

#[test]
fn a_question_has_a_bounded_number_of_parts_whatever_the_size_of_its_table() {
    let units =
        units_of(&shop(listing(vec![table("events", HEAP_BLOCKS_PER_UNIT * 10_000, vec![])])), &only("x", "events"));
    let ranges: Vec<(u64, u64)> = units
        .iter()
        .filter_map(|unit| {
            let Task::ImmutableBlocks { first_block, last_block, .. } = &unit.task else { return None };
            Some((*first_block, *last_block))
        })
        .collect();
    assert!(ranges.len() <= 64, "{}", ranges.len());
    assert!(ranges.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1) && ranges[0].0 == 0);
    assert!(ranges[ranges.len() - 1].1 >= HEAP_BLOCKS_PER_UNIT * 10_000 - 1);
}

#[test]
fn days_of_parts_go_once_they_are_put_together() {
    let units = units_of(&shop(listing(vec![table("events", HEAP_BLOCKS_PER_UNIT * 2, vec![])])), &only("x", "events"));
    let mut progress = Progress::new(units.clone(), &record());
    let days = || DaysObserved { table: "public.events".into(), hashed: vec![], days: vec![], next_transaction: 1 };
    for unit in units.iter().filter(|unit| matches!(unit.task, Task::ImmutableBlocks { .. })) {
        progress.take(unit.result(Outcome::Passed, String::new(), SignedDuration::ZERO), Some(Observed::Days(days())));
    }
    assert_eq!(progress.observed().len(), 2);
    let whole = progress.pending(Stage::Conclude).pop().expect("a conclusion");
    let ranges = RangesObserved {
        table: "public.events".into(),
        before: "at".into(),
        hashed: vec![],
        ranges: vec![],
        end_day: 0,
    };
    progress.take(whole.result(Outcome::Passed, String::new(), SignedDuration::ZERO), Some(Observed::Ranges(ranges)));
    assert_eq!(progress.observed().keys().map(String::as_str).collect::<Vec<_>>(), ["immutable old"]);
    assert_eq!(progress.results().iter().filter(|result| result.check.starts_with("immutable old")).count(), 3);
}

#[test]
fn more_units_than_one_run_has_are_said_to_be_left_out() {
    let units = units_of(&shop(listing(vec![table("giant", BLOCKS_PER_UNIT * UNITS_MAX as u64, vec![])])), &checks());
    assert_eq!(units.len(), UNITS_MAX);
    let limit = units.iter().find(|unit| unit.check == "limit").expect("it says so");
    assert_eq!(limit.requirement, Requirement::Required);
    assert!(matches!(&limit.task, Task::Settled { outcome: Outcome::NotRun, .. }));
}

#[test]
fn everything_is_read_only_if_every_heap_check_ran() {
    let units = units_of(&shop(listing(vec![table("orders", 1, vec![])])), &checks());
    let read_with = |outcome| {
        let mut progress = Progress::new(units.clone(), &record());
        for unit in units.iter().filter(|unit| unit.stage <= Stage::Read) {
            let outcome = if unit.check.starts_with("heap ") { outcome } else { Outcome::Passed };
            progress.take(unit.result(outcome, String::new(), SignedDuration::ZERO), None);
        }
        progress.is_fully_read()
    };
    assert!(read_with(Outcome::Passed) && read_with(Outcome::Failed) && !read_with(Outcome::NotRun));
    assert!(!Progress::new(units, &record()).is_fully_read());
}

prop_compose! {
    fn some_index()(oid in 1_u32..99, name in "[ab.\" ]{1,3}", method in prop::sample::select(vec!["btree", "gin"]),
        flags in any::<[bool; 5]>()) -> Index {
        let [valid, unique, partial, expressions, keys_not_null] = flags;
        Index { oid, name, access_method: method.into(), valid, unique, partial, expressions, keys_not_null }
    }
}

prop_compose! {
    fn some_table(name: String, taken: u32)(blocks in 0..BLOCKS_PER_UNIT * 3, indexes in prop::collection::vec(some_index(), 0..3),
        toast in prop::option::of(0..BLOCKS_PER_UNIT * 2)) -> Table {
        // Relations of one schema have different names.
        let indexes = indexes.into_iter().enumerate().map(|(place, index)| Index { name: format!("{name}{}{place}i{taken}", index.name), ..index });
        let toast = toast.map(|blocks| Toast { oid: 7, blocks, indexes: vec![] });
        Table { toast, ..table(&name, blocks, indexes.collect()) }
    }
}

fn some_catalog() -> impl Strategy<Value = Catalog> {
    let tables = prop::collection::btree_set("[ab.\" ]{1,3}", 0..5).prop_flat_map(|names| {
        names.into_iter().enumerate().map(|(place, name)| some_table(name, place as u32)).collect::<Vec<_>>()
    });
    let databases = prop::collection::btree_map("[ab.\" ]{1,3}", tables, 0..3);
    databases.prop_map(|databases| {
        let database = |(name, tables)| Database { name, contents: Contents::Listed(listing(tables)) };
        Catalog { databases: databases.into_iter().map(database).collect() }
    })
}

proptest! {
    #[test]
    fn names_are_unique_and_stages_in_order(catalog in some_catalog()) {
        let units = units_of(&catalog, &checks());
        let names: BTreeSet<&str> = units.iter().map(|unit| unit.check.as_str()).collect();
        prop_assert_eq!(names.len(), units.len());
        prop_assert!(units.is_sorted_by_key(|unit| unit.stage));
    }

    #[test]
    fn the_order_of_the_catalog_does_not_matter(catalog in some_catalog()) {
        let mut turned = catalog.clone();
        turned.databases.reverse();
        for database in &mut turned.databases {
            if let Contents::Listed(listing) = &mut database.contents {
                listing.tables.reverse();
                listing.tables.iter_mut().for_each(|table| table.indexes.reverse());
            }
        }
        prop_assert_eq!(units_of(&catalog, &checks()), units_of(&turned, &checks()));
    }

    #[test]
    fn every_page_is_read_exactly_once(blocks in 0..BLOCKS_PER_UNIT * 5) {
        let units = units_of(&shop(listing(vec![table("orders", blocks, vec![])])), &checks());
        let mut next = 0;
        for unit in &units {
            if let Task::Heap { first_block, last_block, .. } = unit.task {
                prop_assert_eq!(first_block, next);
                next = last_block + 1;
            }
        }
        prop_assert!(next >= blocks && next < blocks.max(1) + HEAP_BLOCKS_PER_UNIT);
    }

    #[test]
    fn results_keep_the_order_of_the_units_and_the_first_one_stands(catalog in some_catalog(), seed in any::<u64>()) {
        let units = units_of(&catalog, &checks());
        let mut progress = Progress::new(units.clone(), &record());
        // Some order that is not the units'.
        let mut order: Vec<usize> = (0..units.len()).collect();
        order.sort_by_key(|place| (*place as u64).wrapping_mul(seed | 1));
        for (done, place) in order.iter().enumerate() {
            prop_assert_eq!(progress.results().len(), done);
            progress = Progress::new(units.clone(), &Verification { results: progress.results(), ..record() });
            progress.take(units[*place].result(Outcome::Passed, "first".into(), SignedDuration::ZERO), None);
            progress.take(units[*place].result(Outcome::Failed, "second".into(), SignedDuration::ZERO), None);
        }
        prop_assert!(progress.is_done());
        let names: Vec<String> = progress.results().into_iter().map(|result| result.check).collect();
        prop_assert_eq!(names, units.iter().map(|unit| unit.check.clone()).collect::<Vec<_>>());
        prop_assert!(progress.results().iter().all(|result| result.detail == "first"));
    }
}
