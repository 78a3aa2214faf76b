//! The detection table: every damage that a copy's files can have, with checksums on and off and with pages known to be all-visible or
//! not, and who finds it: Holdfast, `pg_amcheck` with every flag, `pg_dump`. All are asked about the same files in the same run.

mod cases;
mod peers;
mod table;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use holdfast_domain::Verdict;
use holdfast_ledger::{OutcomeWord, Verification};

use self::cases::{Case, cases};
use self::peers::Peers;
pub(crate) use self::table::{Row, rendered};
use crate::copy::{PASSWORD, Prepared};
use crate::support::{Desk, told, verdict};

/// Four tables: with ordinary values and with large ones; seen by VACUUM, and never.
const SAMPLE: &str = "\
create table orders_vacuumed (id int primary key, state text not null, at timestamptz not null, note text not null);;
create table orders_fresh (like orders_vacuumed including all) with (autovacuum_enabled = off);;
create table letters_vacuumed (id int primary key, at timestamptz not null, body text not null);;
alter table letters_vacuumed alter body set storage external;;
create table letters_fresh (like letters_vacuumed including all) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);;
insert into orders_vacuumed
  select i, 'open', timestamptz '2026-01-01 00:00Z' + i * interval '30 minutes', repeat('x', 40) from generate_series(1, 10000) i;;
insert into orders_fresh select * from orders_vacuumed;;
insert into letters_vacuumed
  select i, timestamptz '2026-01-01 00:00Z' + i * interval '1 day', repeat(md5(i::text), 400) from generate_series(1, 200) i;;
insert into letters_fresh select * from letters_vacuumed;;
vacuum (analyze) orders_vacuumed, letters_vacuumed;;
analyze orders_fresh, letters_fresh;;";

const CHECKS: &str = "{ integrity: full, immutable: {
    orders-vacuumed: { table: orders_vacuumed, before: at }, orders-fresh: { table: orders_fresh, before: at },
    letters-vacuumed: { table: letters_vacuumed, before: at }, letters-fresh: { table: letters_fresh, before: at } } }";

/// Copies at work at once.
const WIDTH: usize = 2;

/// Makes every damage and asks everybody. Rows are in the order of the cases, checksums on before off.
pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for checksums in [true, false] {
        let prepared = Prepared::new(SAMPLE, checksums).await?;
        let proved = verified(&prepared, None, None).await?;
        anyhow::ensure!(verdict(&proved) == Verdict::Passed, "undamaged: {:#?}", told(&proved, &[OutcomeWord::Failed]));
        let peers = Peers::find(&prepared.source);
        let asked = cases().into_iter().map(|case| ask(&prepared, &proved, &peers, checksums, case));
        // Collected first: a stream of closures that borrow does not compile.
        let asked: Vec<_> = asked.collect();
        rows.extend(stream::iter(asked).buffered(WIDTH).try_collect::<Vec<_>>().await?);
    }
    Ok(rows)
}

/// Reading a damaged copy changes it, so the others are asked about a copy of their own.
async fn ask(
    prepared: &Prepared,
    proved: &Verification,
    peers: &Peers,
    checksums: bool,
    case: Case,
) -> anyhow::Result<Row> {
    let found = verified(prepared, Some(proved), Some(&case)).await?;
    let copy = prepared.restore(Some(&case.damage)).await?;
    let (pg_amcheck, pg_dump) = peers.ask(&copy.server).await?;
    copy.server.stop().await;
    let elsewhere: Vec<String> = told(&found, &[OutcomeWord::Failed])
        .into_iter()
        .filter(|said| !said.replace('-', "_").split(": ").next().is_some_and(|check| check.contains(case.table)))
        .collect();
    anyhow::ensure!(elsewhere.is_empty(), "{}: what is not damaged was found: {elsewhere:#?}", case.words);
    Ok(Row::new(&case, checksums, &found, pg_amcheck, pg_dump))
}

async fn verified(
    prepared: &Prepared,
    proved: Option<&Verification>,
    case: Option<&Case>,
) -> anyhow::Result<Verification> {
    let copy = prepared.restore(case.map(|case| &case.damage)).await?;
    let desk = Desk::new(&copy.address(), PASSWORD, CHECKS).await?;
    if let Some(proved) = proved {
        desk.remember(proved, Verdict::Passed).await?;
    }
    let record = desk.verify(&copy.door()?).await?;
    copy.server.stop().await;
    Ok(record)
}
