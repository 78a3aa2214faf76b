use holdfast_domain::Requirement;
use serde_json::json;

use super::*;

fn said(tool: MigrationTool, rows: &[Value], expect: Option<&str>) -> Answer {
    let check = MigrationsCheck { tool, expect: expect.map(str::to_owned), requirement: Requirement::Required };
    judged(&check, &history(tool, rows).expect("rows as the tool makes them"))
}

fn passes(tool: MigrationTool, rows: &[Value], expect: &str) {
    let (outcome, detail) = said(tool, rows, Some(expect));
    assert_eq!(outcome, Outcome::Passed, "{expect}: {detail}");
}

fn fails(tool: MigrationTool, rows: &[Value], expect: Option<&str>, wanted: &str) {
    let (outcome, detail) = said(tool, rows, expect);
    assert!(outcome == Outcome::Failed && detail.contains(wanted), "{expect:?}: {outcome:?} {detail}");
}

#[test]
fn alembic_has_a_row_for_each_head() {
    let rows = [json!({"version_num": "ae1027a6acf"}), json!({"version_num": "b2"})];
    passes(MigrationTool::Alembic, &rows, "b2");
    fails(MigrationTool::Alembic, &rows, Some("c3"), "c3 is not applied; the last is ae1027a6acf, b2");
    fails(MigrationTool::Alembic, &[], None, "no migration is applied");
}

#[test]
fn django_has_a_last_one_for_each_app() {
    let row =
        |id, app: &str, name: &str| json!({"id": id, "app": app, "name": name, "applied": "2026-11-20T00:00:00Z"});
    let rows = [row(2, "orders", "0002_note"), row(1, "orders", "0001_initial"), row(3, "auth", "0001_initial")];
    passes(MigrationTool::Django, &rows, "orders.0002_note");
    passes(MigrationTool::Django, &rows, "0002_note");
    fails(MigrationTool::Django, &rows, Some("orders.0001_initial"), "it is not the last");
    fails(MigrationTool::Django, &rows, Some("orders.0003_total"), "is not applied");
}

#[test]
fn drizzle_is_found_by_hash_time_number_or_name() {
    let hash = "563f0bc57d87e284c71533a5f67e1b525de720cf6727eed140f6c384ef06c995";
    let rows = [
        json!({"id": 1, "hash": "aa", "created_at": 1_734_000_000_000_i64}),
        json!({"id": 2, "hash": hash, "created_at": 1_734_221_536_864_i64}),
    ];
    for expect in [hash, "1734221536864", "0001_orders"] {
        passes(MigrationTool::Drizzle, &rows, expect);
    }
    fails(MigrationTool::Drizzle, &rows, Some("0002_total"), "0002_total is not applied");
    fails(MigrationTool::Drizzle, &rows, Some("1734000000000"), "it is not the last");
    let (outcome, detail) = said(MigrationTool::Drizzle, &rows, Some("20241215_orders"));
    assert!(outcome == Outcome::NotRun && detail.contains("holds no names"), "{detail}");
    let named = [json!({"id": 1, "hash": "aa", "created_at": 1_734_000_000_000_i64, "name": "20241215_orders"})];
    passes(MigrationTool::Drizzle, &named, "20241215_orders");
    fails(MigrationTool::Drizzle, &named, Some("0000_orders"), "is not applied");
}

fn flyway(rank: i64, version: Option<&str>, sort: &str, script: &str, success: bool) -> Value {
    json!({"installed_rank": rank, "version": version, "description": "", "type": sort, "script": script, "success": success})
}

#[test]
fn flyway_is_at_its_highest_version_whatever_was_undone_or_repeated() {
    let rows = [
        flyway(1, Some("9"), "SQL", "V9__orders.sql", true),
        flyway(2, Some("10.1"), "SQL", "V10.1__total.sql", true),
        flyway(3, None, "SQL", "R__views.sql", true),
        flyway(4, Some("9.5"), "SQL", "V9.5__late.sql", true),
        flyway(0, None, "SCHEMA", "\"shop\"", true),
    ];
    for expect in ["10.1", "V10.1__total.sql", "V10.1__total", "V10.1"] {
        passes(MigrationTool::Flyway, &rows, expect);
    }
    let undone = [&rows[..], &[flyway(5, Some("10.1"), "UNDO_SQL", "U10.1__total.sql", true)]].concat();
    passes(MigrationTool::Flyway, &undone, "9.5");
    let failed = [&rows[..], &[flyway(5, Some("11"), "SQL", "V11__x.sql", false)]].concat();
    fails(MigrationTool::Flyway, &failed, Some("10.1"), "half done or failed: 11 (V11__x.sql)");
    let repeated = [&failed[..], &[flyway(6, Some("11"), "SQL", "V11__x.sql", true)]].concat();
    passes(MigrationTool::Flyway, &repeated, "11");
    let repaired = [&failed[..], &[flyway(6, Some("11"), "DELETE", "V11__x.sql", true)]].concat();
    passes(MigrationTool::Flyway, &repaired, "10.1");
}

#[test]
fn liquibase_names_a_change_set_by_file_id_and_author() {
    let row = |order, id: &str, kind: &str| json!({"id": id, "author": "dba", "filename": "db/changelog.xml", "orderexecuted": order, "exectype": kind});
    let rows = [row(2, "orders-2", "EXECUTED"), row(1, "orders-1", "MARK_RAN")];
    for expect in ["orders-2", "dba:orders-2", "db/changelog.xml::orders-2::dba"] {
        passes(MigrationTool::Liquibase, &rows, expect);
    }
    let failed = [&rows[..], &[row(3, "orders-3", "FAILED")]].concat();
    fails(MigrationTool::Liquibase, &failed, None, "half done or failed: db/changelog.xml::orders-3::dba");
    let upper = [json!({"ID": "1", "AUTHOR": "dba", "FILENAME": "a.xml", "ORDEREXECUTED": 1, "EXECTYPE": "EXECUTED"})];
    passes(MigrationTool::Liquibase, &upper, "1");
}

#[test]
fn prisma_is_half_done_until_finished_or_rolled_back() {
    let row = |name: &str, started: &str, finished: Option<&str>, rolled_back: Option<&str>| json!({"migration_name": name, "started_at": started, "finished_at": finished, "rolled_back_at": rolled_back});
    let (first, second) = ("2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00+00:00");
    let rows = [
        row("2_total", second, Some(second), None),
        row("1_orders", first, Some(first), None),
        row("2_total", first, None, Some(first)),
    ];
    passes(MigrationTool::Prisma, &rows, "2_total");
    let half = [&rows[..], &[row("3_note", second, None, None)]].concat();
    fails(MigrationTool::Prisma, &half, Some("2_total"), "half done or failed: 3_note");
    let undone = [rows[1].clone(), row("3_note", second, None, Some(second))];
    fails(MigrationTool::Prisma, &undone, Some("3_note"), "3_note is not applied; the last is 1_orders");
}

#[test]
fn rails_is_found_by_the_number_of_the_file() {
    let rows = [json!({"version": "20241101120000"}), json!({"version": "20240101120000"})];
    for expect in ["20241101120000", "20241101120000_add_orders", "20241101120000_add_orders.rb"] {
        passes(MigrationTool::Rails, &rows, expect);
    }
    fails(MigrationTool::Rails, &rows, Some("20240101120000_create"), "it is not the last");
}

#[test]
fn sqlx_is_half_done_until_it_succeeded() {
    let row = |version, description: &str, success| json!({"version": version, "description": description, "success": success});
    let rows = [row(42, "add orders", true), row(7, "init", true)];
    for expect in ["42", "0042", "0042_add_orders", "42_add_orders", "0042_add_orders.sql"] {
        passes(MigrationTool::Sqlx, &rows, expect);
    }
    fails(MigrationTool::Sqlx, &rows, Some("0042_something_else"), "is not applied");
    fails(MigrationTool::Sqlx, &[row(1, "init", false)], None, "half done or failed: 1 init");
}

#[test]
fn a_table_that_is_not_the_tools_is_said_to_be_none() {
    let error = history(MigrationTool::Prisma, &[json!({"name": "x"})]).expect_err("no such columns");
    assert_eq!(error, "it has no column migration_name");
}

#[test]
fn a_missing_table_names_those_that_are_there() {
    let table = |schema: &str, name: &str| Table { schema: schema.into(), name: name.into(), known_as: name.into() };
    assert_eq!(
        missing("Flyway", "flyway_schema_history", &[table("public", "_prisma_migrations")]),
        "there is no table of Flyway (flyway_schema_history) in any schema; there is one of Prisma (public._prisma_migrations)"
    );
    assert!(missing("Flyway", "flyway_schema_history", &[]).ends_with("nor of any other migration tool"));
}

#[test]
fn of_several_tables_each_must_be_as_expected() {
    let answer = |outcome, table: &str| (table.to_owned(), (outcome, "words".to_owned()));
    let all = |outcomes: [Outcome; 2]| together(&[answer(outcomes[0], "a.t"), answer(outcomes[1], "b.t")]);
    assert_eq!(all([Outcome::Passed, Outcome::Passed]).0, Outcome::Passed);
    assert_eq!(all([Outcome::Passed, Outcome::NotRun]).0, Outcome::NotRun);
    let (outcome, detail) = all([Outcome::Failed, Outcome::NotRun]);
    assert_eq!((outcome, detail.as_str()), (Outcome::Failed, "a.t: words; 2 tables, and each must be as expected"));
}
