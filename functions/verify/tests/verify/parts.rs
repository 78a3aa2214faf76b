//! A large table is counted by ranges of its pages, and by an index afterwards. Tables large enough are too large for a test, so the units
//! are made by hand.

use holdfast_domain::{Outcome, Requirement};
use holdfast_ledger::Observed;
use holdfast_localcloud::postgres::Damage;
use holdfast_ports::Password;
use jiff::SignedDuration;
use verify::RoomDoor as _;
use verify::room::{Examined, Judgement, Opened, PostgresRoom, Room as _};
use verify::work::{PagesCounted, Relation, Stage, Task, Unit};

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
    let unit =
        Unit { check: "by hand".into(), subject: None, requirement: Requirement::Required, stage: Stage::Read, task };
    match room.examine(&unit, SignedDuration::from_secs(60)).await? {
        Examined::Judged(judgement) => Ok(judgement),
        Examined::Cut => anyhow::bail!("cut"),
    }
}

fn orders() -> Relation {
    Relation { database: "shop".into(), schema: "public".into(), name: "orders".into(), oid: 0 }
}

/// Counts in three parts.
async fn pages(room: &PostgresRoom) -> anyhow::Result<PagesCounted> {
    let (mut rows, mut moments) = (0, Vec::new());
    for (first_block, last_block) in [(0, 49), (50, 99), (100, 65_535)] {
        let judgement = made(room, Task::CountBlocks { table: orders(), first_block, last_block }).await?;
        let Some(Observed::Rows(counted)) = judgement.observed else { anyhow::bail!("{judgement:?}") };
        rows += counted.rows;
        moments.push(counted.next_transaction);
    }
    moments.dedup();
    Ok(PagesCounted { rows, quiet_at: moments.first().copied().filter(|_| moments.len() == 1) })
}

async fn by_index(room: &PostgresRoom, pages: Option<PagesCounted>) -> anyhow::Result<(Outcome, String)> {
    let (indexes, parts) = (vec!["orders_pkey".to_owned()], vec![]);
    let judgement = made(room, Task::CountIndex { table: orders(), indexes, parts, pages }).await?;
    Ok((judgement.outcome, judgement.detail))
}

#[tokio::test]
async fn parts_add_up_to_what_the_index_knows_and_a_zeroed_page_is_missing() -> anyhow::Result<()> {
    let prepared = Prepared::new(ORDERS, true).await?;
    let copy = prepared.restore(None).await?;
    let room = enter(&copy).await?;
    let whole = pages(&room).await?;
    assert_eq!(whole.rows, 10_000);
    assert_eq!(by_index(&room, Some(whole)).await?.0, Outcome::Passed);
    assert_eq!(by_index(&room, None).await?.0, Outcome::NotRun, "a part was not counted");

    let zeroed = Damage::ZeroHeapPage { database: "shop".into(), table: "orders".into(), page: 60 };
    let copy = prepared.restore(Some(&zeroed)).await?;
    let room = enter(&copy).await?;
    let (outcome, detail) = by_index(&room, Some(pages(&room).await?)).await?;
    assert_eq!(outcome, Outcome::Failed, "{detail}");
    assert!(detail.ends_with("rows are missing from the heap (a zeroed or lost page)"), "{detail}");
    Ok(())
}

#[tokio::test]
async fn a_copy_that_is_written_to_meanwhile_is_not_compared() -> anyhow::Result<()> {
    let copy = Copy::new(ORDERS).await?;
    let room = enter(&copy).await?;
    let before = pages(&room).await?;
    copy.run("delete from orders where id <= 5;; vacuum orders").await?;
    let (outcome, detail) = by_index(&room, Some(before)).await?;
    assert_eq!(outcome, Outcome::NotRun, "{detail}");
    assert!(detail.contains("somebody wrote to the copy"), "{detail}");
    Ok(())
}
