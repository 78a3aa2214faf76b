//! Counting a table two ways. A page of zeroes is a valid empty page: no checker complains, and its rows are gone; only an index
//! still knows of them.
//!
//! It is blind where pages are not marked all-visible, because there an index-only scan looks at the table after all. For that there is
//! the count after VACUUM.

use std::time::Instant;

use holdfast_domain::Outcome;
use holdfast_ledger::{Observed, RowsObserved};
use tokio_postgres::{Client, Error, IsolationLevel, Transaction};

use super::plan::{FORCE_INDEX_ONLY, FORCE_RANGE, FORCE_SEQUENTIAL, Scan, scan_of};
use super::{Answer, Seen, grouped, limited_until, rows};
use crate::catalog::{quoted, shown};
use crate::work::{PagesCounted, Relation};

/// The next transaction id. Where it stays the same, nothing is written: whoever writes takes one.
pub(super) const NEXT_TRANSACTION: &str = "select pg_snapshot_xmax(pg_current_snapshot())::text::int8";

pub(super) async fn examine(
    client: &mut Client,
    table: &Relation,
    indexes: &[String],
    until: Instant,
) -> Result<Answer, Error> {
    // One snapshot for both counts.
    let transaction = snapshot(client).await?;
    let answer = count_both(&transaction, table, indexes, until).await?;
    transaction.rollback().await?;
    Ok(answer)
}

/// A range of pages, counted by itself.
pub(super) async fn examine_blocks(client: &mut Client, table: &Relation, blocks: (u64, u64)) -> Result<Seen, Error> {
    let transaction = snapshot(client).await?;
    let next: i64 = transaction.query_one(NEXT_TRANSACTION, &[]).await?.try_get(0)?;
    transaction.batch_execute(FORCE_RANGE).await?;
    let (first, end) = (blocks.0, blocks.1 + 1);
    let count = format!("{} where ctid >= '({first},0)' and ctid < '({end},0)'", count_of(table));
    let seen = match scan_of(&transaction, &count).await? {
        Scan::TidRange => {
            let number: i64 = transaction.query_one(&count, &[]).await?.try_get(0)?;
            let observed = RowsObserved {
                table: table.shown(),
                rows: u64::try_from(number).unwrap_or(0),
                next_transaction: u64::try_from(next).unwrap_or(0),
            };
            Seen {
                answer: (Outcome::Passed, format!("{}: {} in these blocks", table.shown(), rows(number))),
                observed: Some(Observed::Rows(observed)),
            }
        }
        scan @ (Scan::Sequential | Scan::IndexOnly(_) | Scan::Other(_)) => {
            let detail = format!("{}: a scan of a range of pages cannot be forced ({scan:?})", table.shown());
            (Outcome::NotRun, detail).into()
        }
    };
    transaction.rollback().await?;
    Ok(seen)
}

/// The index's side, once the pages were counted in parts.
pub(super) async fn examine_index(
    client: &mut Client,
    table: &Relation,
    indexes: &[String],
    pages: Option<PagesCounted>,
) -> Result<Answer, Error> {
    let Some(pages) = pages else {
        return Ok((Outcome::NotRun, format!("{}: not all of its pages could be counted", table.shown())));
    };
    let by_pages = i64::try_from(pages.rows).unwrap_or(i64::MAX);
    let transaction = snapshot(client).await?;
    let next: i64 = transaction.query_one(NEXT_TRANSACTION, &[]).await?.try_get(0)?;
    let counted = count_by_index(&transaction, table, indexes, by_pages).await?;
    transaction.rollback().await?;
    let (index, by_index) = match counted {
        Ok(counted) => counted,
        Err(answer) => return Ok(answer),
    };
    if by_index != by_pages && pages.quiet_at != u64::try_from(next).ok() {
        let detail = "somebody wrote to the copy while its pages were counted, so the counts cannot be compared";
        return Ok((Outcome::NotRun, format!("{}: {detail}", table.shown())));
    }
    Ok(compared(table, by_pages, &index, by_index))
}

async fn snapshot(client: &mut Client) -> Result<Transaction<'_>, Error> {
    client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await
}

async fn count_both(
    transaction: &Transaction<'_>,
    table: &Relation,
    indexes: &[String],
    until: Instant,
) -> Result<Answer, Error> {
    let by_pages = match count_by_pages(transaction, table).await? {
        Ok(number) => number,
        Err(scan) => {
            return Ok((Outcome::NotRun, format!("{}: a sequential scan cannot be forced ({scan:?})", table.shown())));
        }
    };
    limited_until(transaction, until).await?;
    Ok(match count_by_index(transaction, table, indexes, by_pages).await? {
        Ok((index, by_index)) => compared(table, by_pages, &index, by_index),
        Err(answer) => answer,
    })
}

/// Counts a table by whichever index the planner finds cheapest, and says which; or why it cannot be done.
async fn count_by_index(
    transaction: &Transaction<'_>,
    table: &Relation,
    indexes: &[String],
    by_pages: i64,
) -> Result<Result<(String, i64), Answer>, Error> {
    if indexes.is_empty() {
        let detail = format!(
            "{}: a sequential scan finds {}; there is no index to count by, so a zeroed page would not show",
            table.shown(),
            rows(by_pages)
        );
        return Ok(Err((Outcome::NotRun, detail)));
    }
    transaction.batch_execute(FORCE_INDEX_ONLY).await?;
    let count = count_of(table);
    match scan_of(transaction, &count).await? {
        // Any index that meets every row will do.
        Scan::IndexOnly(index) if indexes.contains(&index) => {
            Ok(Ok((index, transaction.query_one(&count, &[]).await?.try_get(0)?)))
        }
        scan @ (Scan::IndexOnly(_) | Scan::Sequential | Scan::TidRange | Scan::Other(_)) => {
            Ok(Err((Outcome::NotRun, format!("{}: an index-only scan cannot be forced ({scan:?})", table.shown()))))
        }
    }
}

/// Counts a table page by page, or says how it would be counted instead.
pub(super) async fn count_by_pages(
    transaction: &Transaction<'_>,
    table: &Relation,
) -> Result<Result<i64, Scan>, Error> {
    transaction.batch_execute(FORCE_SEQUENTIAL).await?;
    let count = count_of(table);
    match scan_of(transaction, &count).await? {
        Scan::Sequential => Ok(Ok(transaction.query_one(&count, &[]).await?.try_get(0)?)),
        scan @ (Scan::IndexOnly(_) | Scan::TidRange | Scan::Other(_)) => Ok(Err(scan)),
    }
}

/// `only`, because a table that others inherit from would be counted with its heirs.
fn count_of(table: &Relation) -> String {
    format!("select count(*) from only {}.{}", quoted(&table.schema), quoted(&table.name))
}

/// What two counts of one table say.
pub(super) fn compared(table: &Relation, by_pages: i64, index: &str, by_index: i64) -> Answer {
    let (name, index) = (table.shown(), shown(index));
    if by_pages == by_index {
        return (Outcome::Passed, format!("{name}: {} by a sequential scan and by index {index}", rows(by_pages)));
    }
    let missing = by_index - by_pages;
    let meaning = if missing > 0 {
        let are = if missing == 1 { "is" } else { "are" };
        format!("{} {are} missing from the heap (a zeroed or lost page)", rows(missing))
    } else {
        let are = if missing == -1 { "is" } else { "are" };
        format!("{} {are} missing from the index", rows(-missing))
    };
    let detail = format!(
        "{name}: a sequential scan finds {}, index {index} knows {}: {meaning}",
        rows(by_pages),
        grouped(by_index)
    );
    (Outcome::Failed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_count_names_the_table_and_the_numbers() {
        let orders = Relation { database: "shop".into(), schema: "public".into(), name: "orders".into(), oid: 1 };
        let said = |by_pages, by_index| compared(&orders, by_pages, "orders_pkey", by_index);
        assert_eq!(
            said(199_942, 200_000),
            (
                Outcome::Failed,
                "public.orders: a sequential scan finds 199,942 rows, index orders_pkey knows 200,000: \
                 58 rows are missing from the heap (a zeroed or lost page)"
                    .into()
            )
        );
        assert_eq!(
            said(2, 1),
            (
                Outcome::Failed,
                "public.orders: a sequential scan finds 2 rows, index orders_pkey knows 1: 1 row is missing from the index".into()
            )
        );
        assert_eq!(
            said(2, 2),
            (Outcome::Passed, "public.orders: 2 rows by a sequential scan and by index orders_pkey".into())
        );
    }
}
