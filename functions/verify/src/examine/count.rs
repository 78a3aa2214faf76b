//! Counting a table two ways. A page of zeroes is a valid empty page: no checker complains, and its rows are gone; only an index
//! still knows of them.
//!
//! It is blind where pages are not marked all-visible, because there an index-only scan looks at the table after all. For that there is
//! the count after VACUUM.

use std::collections::BTreeSet;
use std::time::Instant;

use holdfast_domain::Outcome;
use holdfast_ledger::{Observed, RowsObserved};
use tokio_postgres::{Client, Error, IsolationLevel, Transaction};

use super::plan::{FORCE_INDEX_ONLY, FORCE_RANGE, FORCE_SEQUENTIAL, Scan, scan_of};
use super::{Answer, Seen, grouped, limited_until, rows};
use crate::catalog::{quoted, shown};
use crate::work::{Parts, Relation};

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

/// The index's side of a table whose pages are counted in parts.
pub(super) async fn examine_index(client: &mut Client, table: &Relation, indexes: &[String]) -> Result<Seen, Error> {
    let transaction = snapshot(client).await?;
    let next: i64 = transaction.query_one(NEXT_TRANSACTION, &[]).await?.try_get(0)?;
    let counted = count_by_index(&transaction, table, indexes).await?;
    transaction.rollback().await?;
    Ok(match counted {
        Ok((index, number)) => {
            let detail = format!("{}: {} by index {}", table.shown(), rows(number), shown(&index));
            let observed = RowsObserved {
                table: index,
                rows: u64::try_from(number).unwrap_or(0),
                next_transaction: u64::try_from(next).unwrap_or(0),
            };
            Seen { answer: (Outcome::Passed, detail), observed: Some(Observed::Rows(observed)) }
        }
        Err(scan) => (Outcome::NotRun, not_by_index(table, &scan)).into(),
    })
}

/// What the parts say together. If they do not agree and somebody wrote to the copy between them, both sides are counted once more, in one
/// snapshot.
pub(super) async fn conclude(
    client: &mut Client,
    table: &Relation,
    indexes: &[String],
    (pages, by_index): (&Parts, &Parts),
    until: Instant,
) -> Result<Answer, Error> {
    let Some(by_pages) = Total::of(pages) else {
        return Ok((Outcome::NotRun, format!("{}: not all of its pages could be counted", table.shown())));
    };
    if indexes.is_empty() {
        return Ok((Outcome::NotRun, no_index(table, by_pages.rows)));
    }
    let Some((index, by_index)) = by_index.observed.as_deref().and_then(one_of).zip(Total::of(by_index)) else {
        return Ok((Outcome::NotRun, format!("{}: it could not be counted by an index", table.shown())));
    };
    if by_pages.rows != by_index.rows && (by_pages.quiet_at.is_none() || by_pages.quiet_at != by_index.quiet_at) {
        return examine(client, table, indexes, until).await;
    }
    Ok(compared(table, by_pages.rows, index, by_index.rows))
}

/// What the parts of a count add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) rows: i64,
    /// The server's next transaction id, if it was the same for every part: then nothing was written between them.
    pub(super) quiet_at: Option<u64>,
}

impl Total {
    /// `None` if a part was not counted.
    pub(super) fn of(parts: &Parts) -> Option<Self> {
        let (mut rows, mut moments) = (0_i64, BTreeSet::new());
        for observed in parts.observed.as_deref()? {
            let Observed::Rows(counted) = observed else { return None };
            rows = rows.checked_add(i64::try_from(counted.rows).ok()?)?;
            moments.insert(counted.next_transaction);
        }
        Some(Self { rows, quiet_at: moments.first().copied().filter(|_| moments.len() == 1) })
    }
}

/// The index that counted.
fn one_of(observed: &[Observed]) -> Option<&str> {
    match observed {
        [Observed::Rows(counted)] => Some(&counted.table),
        _ => None,
    }
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
    if indexes.is_empty() {
        return Ok((Outcome::NotRun, no_index(table, by_pages)));
    }
    limited_until(transaction, until).await?;
    Ok(match count_by_index(transaction, table, indexes).await? {
        Ok((index, by_index)) => compared(table, by_pages, &index, by_index),
        Err(scan) => (Outcome::NotRun, not_by_index(table, &scan)),
    })
}

/// Counts a table by whichever of the indexes the planner finds cheapest, and says which; or how it would be counted instead.
async fn count_by_index(
    transaction: &Transaction<'_>,
    table: &Relation,
    indexes: &[String],
) -> Result<Result<(String, i64), Scan>, Error> {
    transaction.batch_execute(FORCE_INDEX_ONLY).await?;
    let count = count_of(table);
    match scan_of(transaction, &count).await? {
        // Any index that meets every row will do.
        Scan::IndexOnly(index) if indexes.contains(&index) => {
            Ok(Ok((index, transaction.query_one(&count, &[]).await?.try_get(0)?)))
        }
        scan @ (Scan::IndexOnly(_) | Scan::Sequential | Scan::TidRange | Scan::Other(_)) => Ok(Err(scan)),
    }
}

fn no_index(table: &Relation, by_pages: i64) -> String {
    let found = rows(by_pages);
    format!(
        "{}: a sequential scan finds {found}; there is no index to count by, so a zeroed page would not show",
        table.shown()
    )
}

fn not_by_index(table: &Relation, scan: &Scan) -> String {
    format!("{}: an index-only scan cannot be forced ({scan:?})", table.shown())
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
