//! Counting a table two ways. A page of zeroes is a valid empty page: no checker complains, and its rows are gone; only an index
//! still knows of them.
//!
//! It is blind where pages are not marked all-visible, because there an index-only scan looks at the table after all. For that there is
//! the count after VACUUM.

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error, IsolationLevel, Transaction};

use super::plan::{FORCE_INDEX_ONLY, FORCE_SEQUENTIAL, Scan, scan_of};
use super::{Answer, grouped, rows};
use crate::catalog::{quoted, shown};
use crate::work::Relation;

pub(super) async fn examine(client: &mut Client, table: &Relation, indexes: &[String]) -> Result<Answer, Error> {
    // One snapshot for both counts.
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    let answer = count_both(&transaction, table, indexes).await?;
    transaction.rollback().await?;
    Ok(answer)
}

async fn count_both(transaction: &Transaction<'_>, table: &Relation, indexes: &[String]) -> Result<Answer, Error> {
    let by_pages = match count_by_pages(transaction, table).await? {
        Ok(number) => number,
        Err(scan) => {
            return Ok((Outcome::NotRun, format!("{}: a sequential scan cannot be forced ({scan:?})", table.shown())));
        }
    };
    if indexes.is_empty() {
        let detail = format!(
            "{}: a sequential scan finds {}; there is no index to count by, so a zeroed page would not show",
            table.shown(),
            rows(by_pages)
        );
        return Ok((Outcome::NotRun, detail));
    }
    transaction.batch_execute(FORCE_INDEX_ONLY).await?;
    let count = count_of(table);
    let index = match scan_of(transaction, &count).await? {
        // The planner takes the cheapest index; any that meets every row will do.
        Scan::IndexOnly(index) if indexes.contains(&index) => index,
        scan @ (Scan::IndexOnly(_) | Scan::Sequential | Scan::Other(_)) => {
            return Ok((Outcome::NotRun, format!("{}: an index-only scan cannot be forced ({scan:?})", table.shown())));
        }
    };
    let by_index: i64 = transaction.query_one(&count, &[]).await?.try_get(0)?;
    Ok(compared(table, by_pages, &index, by_index))
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
        scan @ (Scan::IndexOnly(_) | Scan::Other(_)) => Ok(Err(scan)),
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
