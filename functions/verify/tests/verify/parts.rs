//! A large table is looked at in parts, which are put together afterwards. Tables large enough are too large for a test, so the units are
//! made by hand.

use std::sync::Arc;

use holdfast_domain::plan::ImmutableCheck;
use holdfast_domain::{Outcome, Requirement};
use holdfast_ledger::Observed;
use holdfast_localcloud::postgres::Damage;
use holdfast_ports::Password;
use jiff::SignedDuration;
use verify::RoomDoor as _;
use verify::room::{Examined, Judgement, Opened, PostgresRoom, Room as _};
use verify::work::{ImmutableBefore, ImmutableQuestion, Parts, Relation, Split, Stage, Task, Unit};

use crate::copy::{Copy, PASSWORD, Prepared};

/// About 120 pages, all-visible.
const ORDERS: &str = "\
create table orders (id int primary key, note text);;
insert into orders select i, repeat('x', 60) from generate_series(1, 10000) i;; vacuum orders";

async fn enter(copy: &Copy) -> anyhow::Result<PostgresRoom> {
    match copy.door()?.open(&copy.address(), &Password::new(PASSWORD.into())).await? {
        Opened::Room(room) => Ok(room),
        Opened::Busy => anyhow::bail!("busy"),
    }
}

async fn made(room: &PostgresRoom, task: Task) -> anyhow::Result<Judgement> {
    let unit = Unit {
        check: "by hand".into(),
        subject: None,
        requirement: Requirement::Required,
        stage: Stage::Read,
        effort: 0,
        task,
    };
    match room.examine(&unit, SignedDuration::from_secs(60)).await? {
        Examined::Judged(judgement) => Ok(judgement),
        Examined::Cut => anyhow::bail!("cut"),
    }
}

fn orders() -> Relation {
    Relation { database: "shop".into(), schema: "public".into(), name: "orders".into(), oid: 0 }
}

/// Ranges that a table of about 120 pages falls into.
const RANGES: [(u64, u64); 3] = [(0, 49), (50, 99), (100, 65_535)];

/// Parts with what they observed.
fn parts(observed: impl IntoIterator<Item = Option<Observed>>) -> Parts {
    Parts { checks: vec![], observed: observed.into_iter().collect() }
}

/// Counts in three parts.
async fn pages(room: &PostgresRoom) -> anyhow::Result<Parts> {
    let mut counted = Vec::new();
    for (first_block, last_block) in RANGES {
        counted.push(made(room, Task::CountBlocks { table: orders(), first_block, last_block }).await?.observed);
    }
    Ok(parts(counted))
}

async fn by_index(room: &PostgresRoom) -> anyhow::Result<Parts> {
    let task = Task::CountIndex { table: orders(), indexes: vec!["orders_pkey".to_owned()] };
    Ok(parts([made(room, task).await?.observed]))
}

async fn compared(room: &PostgresRoom, pages: Parts, by_index: Parts) -> anyhow::Result<(Outcome, String)> {
    let indexes = vec!["orders_pkey".to_owned()];
    let judgement = made(room, Task::CountParts { table: orders(), indexes, pages, by_index }).await?;
    Ok((judgement.outcome, judgement.detail))
}

#[tokio::test]
async fn parts_add_up_to_what_the_index_knows_and_a_zeroed_page_is_missing() -> anyhow::Result<()> {
    let prepared = Prepared::new(ORDERS, true).await?;
    let copy = prepared.restore(None).await?;
    let room = enter(&copy).await?;
    let (whole, index) = (pages(&room).await?, by_index(&room).await?);
    let said = compared(&room, whole.clone(), index.clone()).await?;
    assert_eq!(
        said,
        (Outcome::Passed, "public.orders: 10,000 rows by a sequential scan and by index orders_pkey".into())
    );
    for (pages, index) in [(parts([None]), index), (whole, parts([None]))] {
        assert_eq!(compared(&room, pages, index).await?.0, Outcome::NotRun, "a part was not counted");
    }

    let zeroed = Damage::ZeroHeapPage { database: "shop".into(), table: "orders".into(), page: 60 };
    let copy = prepared.restore(Some(&zeroed)).await?;
    let room = enter(&copy).await?;
    let (outcome, detail) = compared(&room, pages(&room).await?, by_index(&room).await?).await?;
    assert_eq!(outcome, Outcome::Failed, "{detail}");
    assert!(detail.ends_with("rows are missing from the heap (a zeroed or lost page)"), "{detail}");
    Ok(())
}

/// As the service's own bookkeeping does in a database beside ours: it must neither be taken for damage nor hide any.
#[tokio::test]
async fn where_somebody_writes_meanwhile_what_does_not_agree_is_counted_once_more() -> anyhow::Result<()> {
    let prepared = Prepared::new(ORDERS, true).await?;
    let copy = prepared.restore(None).await?;
    let room = enter(&copy).await?;
    let before = pages(&room).await?;
    copy.run("delete from orders where id <= 5;; vacuum orders").await?;
    let (outcome, detail) = compared(&room, before, by_index(&room).await?).await?;
    assert_eq!(outcome, Outcome::Passed, "{detail}");
    assert!(detail.contains("9,995 rows"), "{detail}");

    let zeroed = Damage::ZeroHeapPage { database: "shop".into(), table: "orders".into(), page: 60 };
    let copy = prepared.restore(Some(&zeroed)).await?;
    let room = enter(&copy).await?;
    let before = pages(&room).await?;
    copy.run("create table beside (id int)").await?;
    let (outcome, detail) = compared(&room, before, by_index(&room).await?).await?;
    assert_eq!(outcome, Outcome::Failed, "{detail}");
    Ok(())
}

/// Three months in two partitions, one of them with its columns in another order and one dropped.
const EVENTS: &str = "\
create table events (id int not null, at timestamptz, note text, payload json) partition by range (id);;
create table events_1 partition of events for values from (1) to (6000);;
create table events_2 (gone int, note text, payload json, at timestamptz, id int not null);;
alter table events_2 drop column gone;; alter table events attach partition events_2 for values from (6000) to (20000);;
insert into events select i, timestamptz '2026-08-01 00:00Z' + i * interval '13 minutes', repeat('x', 60), '{}'
  from generate_series(1, 10000) i;;
insert into events values (10001, null, 'no time', null), (10002, '-infinity', 'never', null), (10003, 'infinity', 'ever', null)";

fn question(before: Option<Observed>) -> Arc<ImmutableQuestion> {
    let before = before.and_then(|observed| match observed {
        Observed::Ranges(ranges) => Some(ImmutableBefore { run: "orders-db.every.1".parse().ok()?, ranges }),
        Observed::Rows(_) | Observed::Days(_) | Observed::Schema(_) | Observed::Bytes(_) => None,
    });
    let check = ImmutableCheck { table: "events".into(), before: "at".into(), requirement: Requirement::Required };
    let taken_at = jiff::Timestamp::from_second(1_795_000_000).expect("2026-11-18");
    Arc::new(ImmutableQuestion { check, taken_at, before })
}

async fn unchanged(
    room: &PostgresRoom,
    question: &Arc<ImmutableQuestion>,
    split: Option<Split>,
) -> anyhow::Result<Judgement> {
    made(room, Task::Immutable { database: "shop".into(), question: Arc::clone(question), split }).await
}

async fn events_in_parts(room: &PostgresRoom, copy: &Copy, question: &Arc<ImmutableQuestion>) -> anyhow::Result<Split> {
    let client = copy.server.admin().with_database("shop").connect().await?;
    let oids = "select array_agg(oid order by oid) from pg_class where relname in ('events_1', 'events_2')";
    let relations = client.query_one(oids, &[]).await?.try_get(0)?;
    let mut seen = Vec::new();
    for name in ["events_1", "events_2"] {
        for (first_block, last_block) in RANGES {
            let table = Relation { name: name.into(), ..orders() };
            let question = Arc::clone(question);
            seen.push(made(room, Task::ImmutableBlocks { table, question, first_block, last_block }).await?.observed);
        }
    }
    Ok(Split { relations, parts: parts(seen) })
}

#[tokio::test]
async fn rows_that_never_change_come_to_the_same_in_parts_and_in_one_piece() -> anyhow::Result<()> {
    let copy = Copy::new(EVENTS).await?;
    let room = enter(&copy).await?;
    let first = question(None);
    let whole = unchanged(&room, &first, None).await?;
    let split = events_in_parts(&room, &copy, &first).await?;
    assert_eq!(split.parts.observed.as_ref().map(Vec::len), Some(6), "every part has seen its rows");
    let in_parts = unchanged(&room, &first, Some(split)).await?;
    assert_eq!((&in_parts.detail, &in_parts.observed), (&whole.detail, &whole.observed));
    assert!(whole.detail.starts_with("public.events: 10,000 rows before 2026-11-1"), "{}", whole.detail);

    // Against that proof: the same; then with a column more, which is hashed beside those of then.
    let second = question(whole.observed);
    for sql in ["", "alter table events add column total int default 7"] {
        copy.run(sql).await?;
        let split = events_in_parts(&room, &copy, &second).await?;
        let said = unchanged(&room, &second, Some(split)).await?;
        assert_eq!(said.outcome, Outcome::Passed, "{sql}: {}", said.detail);
        assert!(said.detail.contains("as in the last proved restore"), "{}", said.detail);
    }

    // One row of the second partition; whoever writes meanwhile does not change that it is different.
    copy.run("update events set note = 'x' where id = 9000").await?;
    for between in ["", "create table beside (id int)"] {
        let mut split = events_in_parts(&room, &copy, &second).await?;
        copy.run(between).await?;
        if let Some(observed) = &mut split.parts.observed {
            observed.truncate(3);
            let again = events_in_parts(&room, &copy, &second).await?;
            observed.extend(again.parts.observed.into_iter().flatten().skip(3));
        }
        let said = unchanged(&room, &second, Some(split)).await?;
        assert_eq!(said.outcome, Outcome::Failed);
        assert!(said.detail.contains("contents differ"), "{}", said.detail);
    }
    Ok(())
}

#[tokio::test]
async fn parts_of_what_the_name_no_longer_means_are_not_believed() -> anyhow::Result<()> {
    let copy = Copy::new(EVENTS).await?;
    let room = enter(&copy).await?;
    let question = question(None);
    let split = events_in_parts(&room, &copy, &question).await?;
    for relations in [vec![], split.relations[..1].to_vec()] {
        let fewer = parts(split.parts.observed.iter().flatten().take(1).cloned().map(Some));
        let said = unchanged(&room, &question, Some(Split { relations, parts: fewer })).await?;
        assert!(said.detail.starts_with("public.events: 10,000 rows before"), "{}", said.detail);
    }
    Ok(())
}
