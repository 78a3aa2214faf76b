//! Verification of real PostgreSQL servers, whole and damaged.

use anyhow::Context as _;
use holdfast_domain::Verdict;
use holdfast_ledger::OutcomeWord;
use holdfast_localcloud::postgres::{Authority, Damage};
use holdfast_ports::{Class, Classified as _};
use verify::Done;
use verify::room::RoomAddress;

use crate::copy::{Copy, PASSWORD, Prepared, door};
use crate::support::{Desk, INVOCATION, told, verdict};

const INTEGRITY: &str = "{ integrity: full }";

/// About 120 pages, all-visible: VACUUM has seen it.
const ORDERS: &str = "\
create table orders (id int primary key, state text not null, note text);;
insert into orders select i, 'open', repeat('x', 40) from generate_series(1, 10000) i;;
vacuum (freeze, analyze) orders;;";

/// The same without VACUUM: no page is marked all-visible.
const ORDERS_NEVER_VACUUMED: &str = "\
create table orders (id int primary key, state text not null, note text) with (autovacuum_enabled = off);;
insert into orders select i, 'open', repeat('x', 40) from generate_series(1, 10000) i;;";

/// Everything healthy that could be taken for damage.
const VARIED: &str = r#"
create table churned (id int primary key, hits int not null, note text) with (fillfactor = 70);;
insert into churned select i, 0, 'n' from generate_series(1, 5000) i;;
update churned set hits = hits + 1;;
update churned set hits = hits + 1 where id % 3 = 0;;
delete from churned where id % 7 = 0;;
update churned set id = id + 100000 where id % 11 = 0;;
create table never_vacuumed (id bigint primary key, at timestamptz not null default '2026-11-20T01:55:00Z') with (autovacuum_enabled = off);;
insert into never_vacuumed select i from generate_series(1, 3000) i;;
delete from never_vacuumed where id <= 500;;
create table large_values (id int primary key, body text not null);;
alter table large_values alter body set storage external;;
insert into large_values select i, repeat(md5(i::text), 400) from generate_series(1, 200) i;;
create table nullable_unique (code int unique, name text);;
insert into nullable_unique select case when i % 2 = 0 then i end, 'n' from generate_series(1, 2000) i;;
create table heap_only (a int, b text);;
insert into heap_only select i, 'b' from generate_series(1, 1000) i;;
create table empty_one (id int primary key);;
create table partial_only (id int, gone boolean);;
insert into partial_only select i, i % 2 = 0 from generate_series(1, 1000) i;;
create unique index partial_only_live on partial_only (id) where not gone;;
create index partial_only_expr on partial_only ((id * 2));;
create table parted (id int not null, at date not null, primary key (id, at)) partition by range (at);;
create table parted_1 partition of parted for values from ('2026-01-01') to ('2026-07-01');;
create table parted_2 partition of parted for values from ('2026-07-01') to ('2027-01-01');;
insert into parted select i, date '2026-01-01' + i % 300 from generate_series(1, 2000) i;;
create table parent (id int primary key);;
create table child (extra text, primary key (id)) inherits (parent);;
insert into parent select generate_series(1, 10);;
insert into child select i, 'c' from generate_series(1, 20) i;;
create schema "Odd Schema";;
create table "Odd Schema"."Mixed ""Case"" table" ("Id" int constraint "Mixed "" key" primary key, tags int[]);;
insert into "Odd Schema"."Mixed ""Case"" table" select i, array[i] from generate_series(1, 500) i;;
create index "Gin" on "Odd Schema"."Mixed ""Case"" table" using gin (tags);;
create unlogged table unlogged_one (id int primary key);;
insert into unlogged_one select generate_series(1, 100);;
create materialized view totals as select count(*) as n from churned;;
create materialized view unpopulated as select count(*) as n from churned with no data;;
"#;

fn zeroed_page() -> Damage {
    Damage::ZeroHeapPage { database: "shop".into(), table: "orders".into(), page: 7 }
}

#[tokio::test]
async fn an_undamaged_database_has_no_failed_check_and_is_proved() -> anyhow::Result<()> {
    let copy = Copy::new(VARIED).await?;
    copy.run("create database other").await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let record = desk.verify(&copy.door()?).await?;
    assert_eq!(told(&record, &[OutcomeWord::Failed]), [""; 0]);
    assert_eq!(verdict(&record), Verdict::Passed, "{:#?}", told(&record, &[OutcomeWord::NotRun]));
    assert!(record.finished_at.is_some() && record.fully_read_at.is_some());
    assert_eq!(record.units_done, record.units_total);
    insta::assert_snapshot!(said_of(&record));
    Ok(())
}

/// Every result without its time, one on a line; without what differs from one version of PostgreSQL to the next.
fn said_of(record: &holdfast_ledger::Verification) -> String {
    let by_version = |check: &str| check == "server" || check.starts_with("system-catalog ");
    let lines: Vec<String> = record
        .results
        .iter()
        .filter(|result| !(by_version(&result.check) && result.outcome == OutcomeWord::Passed))
        .map(|result| format!("{:?} {:?} {}: {}", result.outcome, result.requirement, result.check, result.detail))
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_zeroed_page_of_a_vacuumed_table_fails_its_count_by_name_and_number() -> anyhow::Result<()> {
    let copy = Copy::damaged(ORDERS, zeroed_page()).await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let record = desk.verify(&copy.door()?).await?;
    assert_eq!(verdict(&record), Verdict::Failed);
    let failed = told(&record, &[OutcomeWord::Failed]);
    assert!(
        failed[0].starts_with("count shop.public.orders: Failed: public.orders: a sequential scan finds 9,9"),
        "{failed:#?}"
    );
    assert!(failed[0].ends_with("rows are missing from the heap (a zeroed or lost page)"), "{failed:#?}");
    Ok(())
}

#[tokio::test]
async fn a_zeroed_page_of_a_never_vacuumed_table_fails_the_count_after_vacuum() -> anyhow::Result<()> {
    let copy = Copy::damaged(ORDERS_NEVER_VACUUMED, zeroed_page()).await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let record = desk.verify(&copy.door()?).await?;
    let failed = told(&record, &[OutcomeWord::Failed]);
    assert_eq!(failed.len(), 1, "nothing else sees it: {failed:#?}");
    assert!(
        failed[0].starts_with("vacuum-count shop.public.orders: Failed: public.orders: a sequential scan finds 9,9"),
        "{failed:#?}"
    );
    assert!(failed[0].ends_with("after VACUUM"), "{failed:#?}");
    Ok(())
}

/// VACUUM is the only check that changes anything, and it may have run before the function was killed.
#[tokio::test]
async fn a_function_killed_at_any_call_finds_the_same_damage_afterwards() -> anyhow::Result<()> {
    let copy = Copy::damaged(ORDERS_NEVER_VACUUMED, zeroed_page()).await?;
    let door = copy.door()?;
    let mut records = Vec::new();
    for killed_after in (0..10).map(Some).chain([None]) {
        let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
        desk.cloud.crash_after(killed_after);
        let killed = desk.call(&door, &desk.first_call(), INVOCATION).await;
        assert_eq!(killed.is_err(), killed_after.is_some(), "{killed_after:?}: {killed:?}");
        desk.cloud.crash_after(None);
        let mut record = desk.verify_when_free(&door).await?;
        record.results.iter_mut().for_each(|result| result.took_ms = 0);
        records.push(record.results);
    }
    assert!(records.iter().all(|results| *results == records[0]), "{records:#?}");
    assert_eq!(records[0].iter().filter(|result| result.outcome == OutcomeWord::Failed).count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_flipped_bit_fails_the_heap_check_and_the_others_still_run() -> anyhow::Result<()> {
    let damage = Damage::FlipHeapBit { database: "shop".into(), table: "orders".into(), page: 3, byte: 8000 };
    let copy = Copy::damaged(&format!("{ORDERS} create table fine (id int primary key);;"), damage).await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let record = desk.verify(&copy.door()?).await?;
    let failed = told(&record, &[OutcomeWord::Failed]);
    let heap = failed.iter().find(|said| said.starts_with("heap shop.public.orders ")).context("a result")?;
    assert!(
        heap.starts_with(
            "heap shop.public.orders blocks 0-16383: Failed: public.orders: 1 finding: block 3: the server says: invalid page in block 3"
        ),
        "{heap}"
    );
    assert!(heap.contains("(the other ") && heap.ends_with(" blocks could be read)"), "{heap}");
    let passed = told(&record, &[OutcomeWord::Passed]);
    assert!(passed.iter().any(|said| said.starts_with("heap shop.public.fine blocks 0-16383")), "{passed:#?}");
    Ok(())
}

#[tokio::test]
async fn damage_in_the_system_catalog_is_found_and_keeps_nothing_else_from_being_looked_at() -> anyhow::Result<()> {
    let prepared = Prepared::new(ORDERS, true).await?;
    let (database, index) = ("shop".to_owned(), "pg_catalog.pg_description_o_c_o_index".to_owned());
    let table = "pg_catalog.pg_description".to_owned();
    let flipped = Damage::FlipHeapBit { database: database.clone(), table, page: 3, byte: 8000 };
    let zeroed = Damage::ZeroIndexPage { database, index: index.clone(), page: 2 };
    for (damage, wanted) in [
        (flipped, "pg_catalog.pg_description: block 3: the server says: invalid page in block 3".to_owned()),
        (zeroed, format!("{index}: the server says: ")),
    ] {
        let copy = prepared.restore(Some(&damage)).await?;
        let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
        let record = desk.verify(&copy.door()?).await?;
        let failed = told(&record, &[OutcomeWord::Failed]);
        assert_eq!(failed.len(), 1, "{failed:#?}");
        assert!(failed[0].starts_with("system-catalog shop: Failed: ") && failed[0].contains(&wanted), "{failed:#?}");
        let unaffected = record.results.last().context("a result")?;
        assert_eq!(unaffected.check, "unaffected");
        assert!(unaffected.detail.starts_with("2 of 2 tables, indexes and sequences"), "{}", unaffected.detail);
    }
    Ok(())
}

#[tokio::test]
async fn lost_pages_of_large_objects_are_found_as_those_of_any_table() -> anyhow::Result<()> {
    let large = "\
        select lo_from_bytea(0, (select string_agg(md5(i::text || j), '') from generate_series(1, 500) j)::bytea) \
          from generate_series(1, 100) i;; vacuum pg_catalog.pg_largeobject";
    let prepared = Prepared::new(large, true).await?;
    let (database, table) = ("shop".to_owned(), "pg_catalog.pg_largeobject".to_owned());
    let index = "pg_catalog.pg_largeobject_loid_pn_index".to_owned();
    let lost = Damage::ZeroHeapPage { database: database.clone(), table: table.clone(), page: 7 };
    let flipped = Damage::FlipHeapBit { database: database.clone(), table, page: 7, byte: 8000 };
    let unordered = Damage::ZeroIndexPage { database, index, page: 1 };
    for (damage, wanted) in [
        (None, vec![]),
        (Some(lost), vec!["count shop.pg_catalog.pg_largeobject", "vacuum-count shop.pg_catalog.pg_largeobject"]),
        (Some(flipped), vec!["heap shop.pg_catalog.pg_largeobject blocks 0-16383"]),
        (Some(unordered), vec!["index shop.pg_catalog.pg_largeobject_loid_pn_index"]),
    ] {
        let copy = prepared.restore(damage.as_ref()).await?;
        let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
        let record = desk.verify(&copy.door()?).await?;
        let failed = told(&record, &[OutcomeWord::Failed]);
        assert_eq!(failed.is_empty(), wanted.is_empty(), "{damage:?}: {failed:#?}");
        for check in wanted {
            assert!(failed.iter().any(|said| said.starts_with(&format!("{check}: "))), "{check}: {failed:#?}");
        }
        assert!(failed.iter().all(|said| said.contains("large")), "{damage:?}: {failed:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_zeroed_index_page_fails_the_index_check() -> anyhow::Result<()> {
    let damage = Damage::ZeroIndexPage { database: "shop".into(), index: "orders_pkey".into(), page: 2 };
    let copy = Copy::damaged(ORDERS, damage).await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let record = desk.verify(&copy.door()?).await?;
    let failed = told(&record, &[OutcomeWord::Failed]);
    assert!(failed.iter().any(|said| said.starts_with("index shop.public.orders_pkey: Failed: ")), "{failed:#?}");
    Ok(())
}

#[tokio::test]
async fn a_zeroed_toast_page_fails_the_heap_check_of_its_table() -> anyhow::Result<()> {
    let sql =
        "create table letters (id int primary key, body text);; alter table letters alter body set storage external;;
        insert into letters select i, repeat(md5(i::text), 400) from generate_series(1, 200) i;; vacuum letters;;";
    let copy =
        Copy::damaged(sql, Damage::ZeroToastPage { database: "shop".into(), table: "letters".into(), page: 5 }).await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let record = desk.verify(&copy.door()?).await?;
    let failed = told(&record, &[OutcomeWord::Failed]);
    assert!(
        failed.iter().any(|said| said.starts_with("heap shop.public.letters blocks 0-16383: Failed: ")),
        "{failed:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn the_plans_own_questions_are_judged_by_rows_and_time_and_cannot_write() -> anyhow::Result<()> {
    let copy = Copy::new(ORDERS).await?;
    let checks = "{ sql: {
        open: { sql: \"select id from orders limit 50\", rows_min: 50, within: 30s },
        too-few: { sql: \"select id from orders limit 5\", rows_min: 6 },
        late: { sql: \"select pg_sleep(0.3)\", within: 100ms },
        never: { sql: \"select pg_sleep(60)\", within: 100ms },
        wrong: { sql: \"select nothing from orders\" },
        writes: { sql: \"with gone as (delete from orders returning id) select * from gone\" } } }";
    let desk = Desk::new(&copy.address(), PASSWORD, checks).await?;
    let record = desk.verify(&copy.door()?).await?;
    let said = said_of(&record);
    for wanted in [
        "Passed Required sql open: 50 rows in ",
        "Failed Required sql too-few: 5 rows in ",
        "Failed Required sql late: 1 row in 3",
        "Failed Required sql never: no answer after ",
        "Failed Required sql wrong: the server says: column \"nothing\" does not exist",
        "Failed Required sql writes: the server says: cannot execute SELECT in a read-only transaction",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(record.fully_read_at.is_none(), "without integrity nobody read everything");
    Ok(())
}

#[tokio::test]
async fn freshness_is_judged_by_the_newest_moment_of_whatever_type() -> anyhow::Result<()> {
    let copy = Copy::new(ORDERS).await?;
    copy.run(
        "create table heartbeat (at timestamptz, local timestamp, day date);; insert into heartbeat values \
         ('2026-11-20T01:50:00Z', '2026-11-20 01:50', '2026-11-20')",
    )
    .await?;
    let cases = [
        ("select max(at) from heartbeat", "15m", "Passed: the newest row is of 2026-11-20T01:50:00Z, 10m before"),
        ("select max(at) from heartbeat", "5m", "Failed: the newest row is of 2026-11-20T01:50:00Z, 10m before"),
        ("select max(local) from heartbeat", "15m", "Passed: the newest row is of 2026-11-20T01:50:00Z"),
        ("select max(day) from heartbeat", "3h", "Passed: the newest row is of 2026-11-20T00:00:00Z"),
        ("select max(at) from heartbeat where at > '2027-01-01'", "15m", "Failed: the query gives NULL"),
        ("select at from heartbeat limit 0", "15m", "Failed: the query gives no row"),
        ("select 1 from orders", "15m", "NotRun: the query gives more than one row"),
        ("select max(id) from orders", "15m", "NotRun: the query gives a int4"),
        ("select timestamptz 'infinity'", "15m", "NotRun: the query's answer cannot be read"),
        ("select at from nowhere", "15m", "Failed: the server says: relation \"nowhere\" does not exist"),
    ];
    for (query, age_max, wanted) in cases {
        let checks = format!("{{ fresh: {{ sql: \"{query}\", age_max: {age_max} }} }}");
        let desk = Desk::new(&copy.address(), PASSWORD, &checks).await?;
        let record = desk.verify(&copy.door()?).await.with_context(|| query.to_owned())?;
        let fresh = record.results.iter().find(|result| result.check == "fresh").context("a result")?;
        assert!(format!("{:?}: {}", fresh.outcome, fresh.detail).starts_with(wanted), "{query}: {}", fresh.detail);
    }
    Ok(())
}

#[tokio::test]
async fn what_may_not_be_looked_at_is_not_run_and_so_not_proved() -> anyhow::Result<()> {
    let copy = Copy::new(ORDERS).await?;
    let admin = copy.server.admin().with_database("shop").connect().await?;
    admin
        .batch_execute(
            "drop extension amcheck; create table hidden (id int primary key, who text);
        insert into hidden values (1, 'a'), (2, 'b'); alter table hidden enable row level security;",
        )
        .await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let record = desk.verify(&copy.door()?).await?;
    assert_eq!(verdict(&record), Verdict::Inconclusive, "{:#?}", told(&record, &[OutcomeWord::Failed]));
    let not_run = told(&record, &[OutcomeWord::NotRun]);
    for wanted in ["heap shop.public.orders", "index shop.public.orders_pkey", "count shop.public.hidden"] {
        assert!(not_run.iter().any(|said| said.starts_with(wanted)), "{wanted}: {not_run:#?}");
    }
    assert!(record.fully_read_at.is_none());
    Ok(())
}

#[tokio::test]
async fn a_prepared_transaction_is_no_damage_and_leaves_its_tables_unproved() -> anyhow::Result<()> {
    let copy = Copy::new(ORDERS).await?;
    let admin = copy.server.admin().with_database("shop").connect().await?;
    let insert = "insert into orders select (jsonb_populate_record(o, '{\"id\": 999999999}')).* from orders o limit 1";
    admin.batch_execute(&format!("begin; {insert}; prepare transaction 'undecided'")).await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let record = desk.verify(&copy.door()?).await?;
    assert_eq!(told(&record, &[OutcomeWord::Failed]), Vec::<String>::new());
    let not_run = told(&record, &[OutcomeWord::NotRun]);
    assert!(not_run.iter().any(|said| said.contains("a prepared transaction came with the copy")), "{not_run:#?}");
    assert_eq!(verdict(&record), Verdict::Inconclusive);
    Ok(())
}

#[tokio::test]
async fn a_room_that_is_not_ours_gets_no_password() -> anyhow::Result<()> {
    let copy = Copy::new("").await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;

    let stranger = door(Authority::generate()?.certificate_pem(), "127.0.0.1/32,::1/128")?;
    let error = desk.call(&stranger, &desk.first_call(), INVOCATION).await.expect_err("another authority");
    assert_eq!(error.class(), Class::Permanent, "{error}");
    assert!(error.to_string().contains("is not trusted"), "{error}");

    // A listener that nobody may reach: whatever knocks is found in its queue.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let outside = RoomAddress { port: listener.local_addr()?.port(), ..copy.address() };
    let elsewhere = door(Authority::generate()?.certificate_pem(), "10.20.0.0/16")?;
    let desk = Desk::new(&outside, PASSWORD, INTEGRITY).await?;
    let error = desk.call(&elsewhere, &desk.first_call(), INVOCATION).await.expect_err("outside the room");
    assert_eq!(error.class(), Class::Permanent, "{error}");
    assert!(error.to_string().contains("outside the clean room (10.20.0.0/16)"), "{error}");
    assert_eq!(listener.accept().expect_err("nobody knocked").kind(), std::io::ErrorKind::WouldBlock);
    assert!(desk.record().await.is_err(), "nothing was recorded");
    Ok(())
}

#[tokio::test]
async fn a_room_that_is_not_ready_is_tried_again() -> anyhow::Result<()> {
    let copy = Copy::new("").await?;
    let desk = Desk::new(&copy.address(), "the-old-password", INTEGRITY).await?;
    let error = desk.call(&copy.door()?, &desk.first_call(), INVOCATION).await.expect_err("wrong password");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert!(!format!("{error:?} {error}").contains("the-old-password"));

    let nobody = RoomAddress { port: 1, ..copy.address() };
    let desk = Desk::new(&nobody, PASSWORD, INTEGRITY).await?;
    let error = desk.call(&copy.door()?, &desk.first_call(), INVOCATION).await.expect_err("nobody listens");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert!(desk.record().await.is_err(), "nothing was recorded");
    Ok(())
}

#[tokio::test]
async fn a_second_invocation_leaves_the_room_to_the_first() -> anyhow::Result<()> {
    use holdfast_ports::Password;
    use verify::RoomDoor as _;
    use verify::room::Opened;

    let copy = Copy::new("").await?;
    let desk = Desk::new(&copy.address(), PASSWORD, INTEGRITY).await?;
    let opened = copy.door()?.open(&copy.address(), &Password::new(PASSWORD.into())).await?;
    assert!(matches!(opened, Opened::Room(_)));
    assert!(matches!(desk.call(&copy.door()?, &desk.first_call(), INVOCATION).await?, Done::Nothing(_)));
    drop(opened);
    let record = desk.verify_when_free(&copy.door()?).await?;
    assert!(record.finished_at.is_some());
    Ok(())
}
