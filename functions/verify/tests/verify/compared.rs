//! Against the last proved restore, and against what tools and people say of the data: counts, rows that never change, schema,
//! migrations, constraints, sequences, large objects. On real PostgreSQL.

use anyhow::Context as _;
use holdfast_domain::Verdict;
use holdfast_ledger::{Observed, OutcomeWord, Verification};

use crate::copy::{Copy, PASSWORD};
use crate::support::{Desk, told, verdict};

/// Four months of orders, the last day of them on 2026-11-18; values of types with and without a hash of their own.
const ORDERS: &str = "\
create table orders (id int primary key, created_at timestamptz, note text, payload json, tags int[], place point);;
insert into orders select i, timestamptz '2026-08-01 00:00Z' + i * interval '1 hour', 'note', '{\"a\": 1}', array[i], point(i, i)
  from generate_series(1, 2635) i;;
insert into orders values (9001, null, 'no time', null, null, null), (9002, 'infinity', 'for ever', null, null, null);;";

const COMPARED: &str = "{ counts: { orders: { table: orders, shrink_max: 5% } },
    immutable: { orders: { table: public.orders, before: created_at } } }";

/// Verifies a copy, as the run after one that was proved.
async fn verified_after(copy: &Copy, checks: &str, proved: Option<&Verification>) -> anyhow::Result<Verification> {
    let desk = Desk::new(&copy.address(), PASSWORD, checks).await?;
    if let Some(proved) = proved {
        desk.remember(proved, Verdict::Passed).await?;
    }
    desk.verify(&copy.door()?).await
}

fn result<'a>(record: &'a Verification, check: &str) -> anyhow::Result<(OutcomeWord, &'a str)> {
    let found = record.results.iter().find(|result| result.check == check).with_context(|| check.to_owned())?;
    Ok((found.outcome, &found.detail))
}

#[tokio::test]
async fn counts_and_rows_that_never_change_are_held_against_the_last_proved_restore() -> anyhow::Result<()> {
    let copy = Copy::new(ORDERS).await?;
    let first = verified_after(&copy, COMPARED, None).await?;
    assert_eq!(verdict(&first), Verdict::Passed, "{:#?}", first.results);
    for check in ["counts orders", "immutable orders"] {
        assert!(result(&first, check)?.1.contains("the baseline"), "{:?}", result(&first, check)?);
    }
    let second = verified_after(&copy, COMPARED, Some(&first)).await?;
    let (outcome, detail) = result(&second, "immutable orders")?;
    assert_eq!(outcome, OutcomeWord::Passed, "{detail}");
    assert!(detail.contains("21 ranges as in the last proved restore (orders-db.every.before-passed)"), "{detail}");
    assert_eq!(second.baseline.as_ref().map(ToString::to_string).as_deref(), Some("orders-db.every.before-passed"));

    // What goes on in production: new rows, new columns, and a rewritten table.
    copy.run(
        "insert into orders select i, timestamptz '2026-11-19 12:00Z', 'new' from generate_series(10001, 10100) i;;
        alter table orders add column total numeric default 7;; vacuum full orders",
    )
    .await?;
    let third = verified_after(&copy, COMPARED, Some(&second)).await?;
    assert_eq!(verdict(&third), Verdict::Passed, "{:#?}", third.results);
    assert!(
        result(&third, "immutable orders")?.1.contains("21 ranges as in"),
        "{:?}",
        result(&third, "immutable orders")?
    );

    // What must not happen.
    copy.run("update orders set note = 'Note' where id = 100").await?;
    let (outcome, detail) = result(&verified_after(&copy, COMPARED, Some(&third)).await?, "immutable orders")
        .map(|(outcome, detail)| (outcome, detail.to_owned()))?;
    assert_eq!(outcome, OutcomeWord::Failed, "{detail}");
    assert!(detail.starts_with("public.orders: 2026-08 has 743 rows as before, and their contents differ"), "{detail}");
    copy.run("delete from orders where id between 800 and 1000").await?;
    let lost = verified_after(&copy, COMPARED, Some(&third)).await?;
    let (outcome, detail) = result(&lost, "immutable orders")?;
    assert_eq!(outcome, OutcomeWord::Failed);
    assert!(detail.contains("public.orders: 2026-09 had 720 rows, now 519 rows"), "{detail}");
    let (outcome, detail) = result(&lost, "counts orders")?;
    assert_eq!(outcome, OutcomeWord::Failed, "{detail}");
    assert!(detail.starts_with("public.orders: 2,536 rows, 201 fewer than in the last proved restore"), "{detail}");
    Ok(())
}

/// What was recorded years ago is compared with what is seen now, so neither the hash nor the day of a row may ever change: rows before 1970
/// and before Christ, with NULL in a column, in the last moment of the last day, and without a day.
#[tokio::test]
async fn rows_are_hashed_and_put_in_days_as_they_always_were() -> anyhow::Result<()> {
    let copy = Copy::new(
        "create table o (id int, at timestamptz, note text, tags int[]);;
        insert into o select i, timestamptz '1969-12-30 12:00Z' + i * interval '5 hours 7 minutes', 'n' || i, array[i] from generate_series(1, 40) i;;
        insert into o values (100, null, 'x'), (101, 'infinity', 'y'), (102, '-infinity', 'z'), (103, '0044-03-15 12:00 BC', 'w'),
          (104, '2026-11-18 23:59:59.999999Z', null), (105, '2026-11-19 00:00Z', null)",
    )
    .await?;
    let record = verified_after(&copy, "{ immutable: { o: { table: o, before: at } } }", None).await?;
    let Some(Observed::Ranges(seen)) = record.observed.get("immutable o") else { anyhow::bail!("{record:#?}") };
    let sum = seen.ranges.iter().map(|range| range.hash.parse::<i128>()).sum::<Result<i128, _>>()?;
    assert_eq!((seen.ranges.iter().map(|range| range.rows).sum::<u64>(), sum), (42, -14_000_925_415_367_800_977));
    let days: Vec<(i64, u64)> = seen.ranges.iter().map(|range| (range.first_day, range.rows)).collect();
    assert_eq!(days, [(-735_174, 1), (-31, 7), (0, 33), (20_775, 1)]);
    Ok(())
}

#[tokio::test]
async fn a_dropped_column_begins_contents_anew_and_counts_are_still_compared() -> anyhow::Result<()> {
    let copy = Copy::new(ORDERS).await?;
    let first = verified_after(&copy, COMPARED, None).await?;
    copy.run("alter table orders drop column note").await?;
    let second = verified_after(&copy, COMPARED, Some(&first)).await?;
    let (outcome, detail) = result(&second, "immutable orders")?;
    assert!(outcome == OutcomeWord::Passed && detail.contains("contents begin anew"), "{detail}");
    copy.run("delete from orders where id = 1").await?;
    let third = verified_after(&copy, COMPARED, Some(&first)).await?;
    let (outcome, detail) = result(&third, "immutable orders")?;
    assert!(outcome == OutcomeWord::Failed && detail.contains("2026-08 had 743 rows, now 742 rows"), "{detail}");
    Ok(())
}

#[tokio::test]
async fn a_question_about_a_table_that_cannot_be_compared_is_never_passed() -> anyhow::Result<()> {
    let copy = Copy::new(ORDERS).await?;
    for (check, wanted) in [
        ("immutable: { x: { table: nothing, before: at } }", "Failed: there is no table nothing"),
        ("immutable: { x: { table: orders, before: at } }", "Failed: orders has no column at"),
        ("immutable: { x: { table: orders, before: note } }", "NotRun: orders.note is a text, not a point in time"),
        ("counts: { x: { table: nothing, shrink_max: 5% } }", "Failed: there is no table nothing"),
    ] {
        let record = verified_after(&copy, &format!("{{ {check} }}"), None).await?;
        let all = told(&record, &[OutcomeWord::Failed, OutcomeWord::NotRun]);
        assert!(all.len() == 1 && all[0].contains(wanted), "{check}: {all:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_schema_is_told_in_words_and_fails_nothing() -> anyhow::Result<()> {
    let checks = "{ integrity: full }";
    let copy = Copy::new(
        "create table orders (id int primary key, note text);; create function f() returns int language sql as 'select 1'",
    )
    .await?;
    let first = verified_after(&copy, checks, None).await?;
    copy.run(
        "alter table orders alter id type bigint;; alter table orders add column total numeric not null default 0;;
        alter table orders drop column note;; create index by_total on orders (total);;
        create or replace function f() returns int language sql as 'select 2'",
    )
    .await?;
    let second = verified_after(&copy, checks, Some(&first)).await?;
    assert_eq!(verdict(&second), Verdict::Passed);
    let (_, detail) = result(&second, "schema shop")?;
    for wanted in [
        "2 added: column public.orders.total (numeric not null #",
        "index public.by_total (CREATE INDEX by_total ON public.orders USING btree (total))",
        "1 removed: column public.orders.note",
        "column public.orders.id (was integer not null, is bigint not null)",
        "function public.f() (was returns integer #",
    ] {
        assert!(detail.contains(wanted), "{wanted}: {detail}");
    }
    assert!(!detail.contains("select 2"), "bodies of functions may hold secrets: {detail}");
    assert!(
        result(&second, "schema postgres")?.1.contains("none of them different"),
        "{:?}",
        result(&second, "schema postgres")?
    );
    Ok(())
}

#[tokio::test]
async fn the_tables_of_migration_tools_are_read_as_the_tools_make_them() -> anyhow::Result<()> {
    let copy = Copy::new(
        "create schema drizzle;; create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);;
        insert into drizzle.__drizzle_migrations (hash, created_at) values ('aa', 1734000000000), ('bb', 1734221536864);;
        create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null, finished_at timestamptz,
          migration_name varchar(255) not null, logs text, rolled_back_at timestamptz, started_at timestamptz not null default now(),
          applied_steps_count integer not null default 0);;
        insert into _prisma_migrations (id, checksum, finished_at, migration_name) values ('1', 'c', now(), '20260101_orders');;
        create table flyway_schema_history (installed_rank int primary key, version varchar(50), description varchar(200) not null,
          type varchar(20) not null, script varchar(1000) not null, checksum int, installed_by varchar(100) not null,
          installed_on timestamp not null default now(), execution_time int not null, success boolean not null);;
        insert into flyway_schema_history values (1, '1', 'orders', 'SQL', 'V1__orders.sql', 1, 'app', now(), 5, true);;
        create table databasechangelog (id varchar(255) not null, author varchar(255) not null, filename varchar(255) not null,
          dateexecuted timestamp not null, orderexecuted int not null, exectype varchar(10) not null, md5sum varchar(35));;
        insert into databasechangelog values ('orders-1', 'dba', 'db/changelog.xml', now(), 1, 'EXECUTED', null);;
        create table databasechangeloglock (id int primary key, locked boolean not null, lockgranted timestamp, lockedby varchar(255));;
        insert into databasechangeloglock values (1, false, null, null);;
        create table _sqlx_migrations (version bigint primary key, description text not null, installed_on timestamptz not null default now(),
          success boolean not null, checksum bytea not null, execution_time bigint not null);;
        insert into _sqlx_migrations values (42, 'add orders', now(), true, '\\x00', 1);;
        create table django_migrations (id bigint generated by default as identity primary key, app varchar(255) not null,
          name varchar(255) not null, applied timestamptz not null);;
        insert into django_migrations (app, name, applied) values ('orders', '0001_initial', now());;
        create table schema_migrations (version varchar primary key);; insert into schema_migrations values ('20260101120000');;
        create table alembic_version (version_num varchar(32) primary key);; insert into alembic_version values ('ae1027a6acf')",
    )
    .await?;
    let tools = [
        ("drizzle", "0001_orders"),
        ("prisma", "20260101_orders"),
        ("flyway", "V1__orders"),
        ("liquibase", "db/changelog.xml::orders-1::dba"),
        ("sqlx", "0042_add_orders"),
        ("django", "orders.0001_initial"),
        ("rails", "20260101120000_create_orders"),
        ("alembic", "ae1027a6acf"),
    ];
    let asked = async |tool: &str, expect: &str| -> anyhow::Result<String> {
        let checks = format!("{{ migrations: {{ tool: {tool}, expect: \"{expect}\" }} }}");
        let record = verified_after(&copy, &checks, None).await?;
        let (outcome, detail) = result(&record, "migrations")?;
        Ok(format!("{outcome:?}: {detail}"))
    };
    for (tool, expect) in tools {
        let said = asked(tool, expect).await?;
        assert!(said.starts_with("Passed: ") && said.ends_with("as expected"), "{tool}: {said}");
    }
    // Half done, twice there, and not there at all.
    copy.run(
        "insert into _prisma_migrations (id, checksum, migration_name) values ('2', 'c', '20260202_total');;
        update flyway_schema_history set success = false;; update _sqlx_migrations set success = false;;
        update databasechangeloglock set locked = true, lockedby = 'ci-7';;
        create schema tenant;; create table tenant.schema_migrations (version varchar primary key);;
        insert into tenant.schema_migrations values ('20250101120000');; drop table alembic_version",
    )
    .await?;
    for (tool, wanted) in [
        ("prisma", "Failed: public._prisma_migrations: half done or failed: 20260202_total"),
        ("flyway", "Failed: public.flyway_schema_history: half done or failed: 1 (V1__orders.sql)"),
        ("sqlx", "Failed: public._sqlx_migrations: half done or failed: 42 add orders"),
        (
            "liquibase",
            "Failed: public.databasechangelog: half done or failed: public.databasechangeloglock is held by ci-7",
        ),
        (
            "rails",
            "Failed: tenant.schema_migrations: 20260101120000_create_orders is not applied; the last is 20250101120000; 2 tables",
        ),
        ("alembic", "Failed: there is no table of Alembic (alembic_version) in any schema; there is one of "),
    ] {
        let expect = tools.iter().find(|(known, _)| *known == tool).map(|(_, expect)| *expect).context("a tool")?;
        let said = asked(tool, expect).await?;
        assert!(said.starts_with(wanted), "{tool}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn broken_constraints_sequences_behind_and_large_objects_are_looked_at() -> anyhow::Result<()> {
    let copy = Copy::new(
        "create table customers (id int primary key);; insert into customers select generate_series(1, 10);;
        create table orders (id bigserial primary key, customer int constraint customer_fkey references customers, amount int);;
        insert into orders (customer, amount) select 1 + i % 10, i from generate_series(1, 100) i;;
        insert into orders (customer, amount) values (null, -1);;
        alter table orders add constraint positive check (amount >= 0) not valid;;
        select lo_from_bytea(0, 'large')",
    )
    .await?;
    let healthy = verified_after(&copy, "{ integrity: full }", None).await?;
    assert_eq!(verdict(&healthy), Verdict::Passed, "{:#?}", told(&healthy, &[OutcomeWord::Failed]));
    assert!(healthy.data_bytes().is_some_and(|bytes| bytes > 1_000_000), "{:?}", healthy.data_bytes());
    assert_eq!(
        result(&healthy, "large-objects shop")?,
        (OutcomeWord::Passed, "1 large object; every page belongs to one")
    );
    let wanted = (OutcomeWord::Passed, "1 row break it, as a constraint that was never validated (NOT VALID) allows");
    assert_eq!(result(&healthy, "constraint shop.public.orders.positive")?, wanted);
    assert_eq!(
        result(&healthy, "sequence shop.public.orders_id_seq")?,
        (OutcomeWord::Passed, "at 101, public.orders.id at 101")
    );

    // As only a superuser can: around every constraint.
    let admin = copy.server.admin().with_database("shop").connect().await?;
    admin
        .batch_execute(
            "set session_replication_role = replica; delete from customers where id = 3;
            insert into orders (id, customer) values (500, 1); delete from pg_largeobject_metadata",
        )
        .await?;
    let record = verified_after(&copy, "{ integrity: full }", None).await?;
    let failed = told(&record, &[OutcomeWord::Failed]);
    assert_eq!(failed.len(), 3, "{failed:#?}");
    assert_eq!(
        failed[0],
        "large-objects shop: Failed: 0 large objects; the pages of 1 more are there, and the objects are not"
    );
    assert!(
        failed[1].starts_with(
            "sequence shop.public.orders_id_seq: Failed: it stands at 101, and public.orders.id has reached 500"
        ),
        "{failed:#?}"
    );
    assert!(
        failed[2].starts_with("constraint shop.public.orders.customer_fkey: Failed: public.orders: 10 rows refer to nothing by customer_fkey"),
        "{failed:#?}"
    );
    Ok(())
}
