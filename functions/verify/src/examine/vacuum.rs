//! The count that sees a zeroed page anywhere: VACUUM the disposable copy, then count rows by pages and items by the index.
//!
//! VACUUM takes from an index exactly the items of rows that it found dead. Of a page of zeroes it finds nothing, so the items of the lost
//! rows stay. Afterwards a unique index over NOT NULL columns has one item per row. A unit repeated after a crash finds the same.

use std::time::Instant;

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::count::{compared, count_by_pages};
use super::{Answer, grouped, limited_until};
use crate::catalog::quoted;
use crate::work::Relation;

/// Whoever may not vacuum a table is only warned, and the table is skipped: so the right is looked at first. Who has it: the
/// owners of the table and of the database, and, since PostgreSQL 17, who was granted MAINTAIN.
const MAY_VACUUM: &str = "\
select pg_has_role(c.relowner, 'usage') or pg_has_role(d.datdba, 'usage') \
  or case when current_setting('server_version_num')::int >= 170000 then has_table_privilege(c.oid, 'maintain') else false end, \
  c.relowner::regrole::text \
from pg_class c, pg_database d where c.oid = $1 and d.datname = current_database()";

pub(super) async fn examine(
    client: &mut Client,
    table: &Relation,
    index: &Relation,
    function: &str,
    until: Instant,
) -> Result<Answer, Error> {
    if !may_vacuum(client, table.oid).await? {
        return Ok((
            Outcome::NotRun,
            format!("{}: the master user may not vacuum it, nor join its owner", table.shown()),
        ));
    }
    if prepared_transactions(client).await? > 0 {
        let detail = "a prepared transaction came with the copy; rows it wrote are in indexes and are not counted";
        return Ok((Outcome::NotRun, format!("{}: {detail}", table.shown())));
    }
    vacuum(client, table).await?;
    limited_until(client, until).await?;
    let transaction = client.build_transaction().read_only(true).start().await?;
    let by_pages = match count_by_pages(&transaction, table).await? {
        Ok(number) => number,
        Err(scan) => {
            return Ok((Outcome::NotRun, format!("{}: a sequential scan cannot be forced ({scan:?})", table.shown())));
        }
    };
    limited_until(&transaction, until).await?;
    let measure = format!("select tuple_count, dead_tuple_count from {function}($1::oid::regclass)");
    // An item that a scan found to lead nowhere is marked dead. After VACUUM no item of a dead row is left: one marked dead belongs
    // to a lost row, and our own index-only count may have marked it.
    let row = transaction.query_one(&measure, &[&index.oid]).await?;
    let by_index: i64 = row.try_get::<_, i64>(0)? + row.try_get::<_, i64>(1)?;
    let dead: i64 =
        if by_index > by_pages { transaction.query_one(&measure, &[&table.oid]).await?.try_get(1)? } else { 0 };
    transaction.rollback().await?;
    Ok(judged(table, by_pages, index, by_index, dead))
}

/// A prepared transaction or a replication slot that came with the copy can hold dead rows in place, and their items with them.
/// As long as those could explain the difference, nothing is known.
fn judged(table: &Relation, by_pages: i64, index: &Relation, by_index: i64, dead: i64) -> Answer {
    if dead > 0 && by_index <= by_pages + dead {
        let detail = format!(
            "{}: {} dead rows cannot be removed (a prepared transaction or a replication slot holds them), so the items of index {} \
             cannot be compared with the rows",
            table.shown(),
            grouped(dead),
            index.shown()
        );
        return (Outcome::NotRun, detail);
    }
    let (outcome, detail) = compared(table, by_pages, &index.name, by_index);
    (outcome, format!("{detail}, after VACUUM"))
}

/// Transactions of this database that were prepared and not ended when the recovery point was made. Their rows are neither dead nor
/// visible, and their items stand in every index: no loss, and nothing to compare by.
async fn prepared_transactions(client: &Client) -> Result<i64, Error> {
    let count = "select count(*) from pg_prepared_xacts where database = current_database()";
    client.query_one(count, &[]).await?.try_get(0)
}

/// The copy is ours to spoil: a master user who may join the owner does.
async fn may_vacuum(client: &Client, oid: u32) -> Result<bool, Error> {
    let row = client.query_one(MAY_VACUUM, &[&oid]).await?;
    if row.try_get(0)? {
        return Ok(true);
    }
    // `regrole` quotes the name as SQL wants it.
    let owner: String = row.try_get(1)?;
    match client.batch_execute(&format!("grant {owner} to current_user")).await {
        Ok(()) => client.query_one(MAY_VACUUM, &[&oid]).await?.try_get(0),
        Err(error) if error.as_db_error().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Every index is cleaned, however little there is to clean and however old the table: the shortcuts that VACUUM takes otherwise
/// (few dead rows; the failsafe against wraparound) leave items of dead rows behind. The table is not cut, so that block ranges stay.
async fn vacuum(client: &Client, table: &Relation) -> Result<(), Error> {
    client.batch_execute("set vacuum_cost_delay = 0; set vacuum_failsafe_age = 2100000000").await?;
    let statement =
        format!("vacuum (index_cleanup on, truncate off) {}.{}", quoted(&table.schema), quoted(&table.name));
    client.batch_execute(&statement).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_rows_that_cannot_be_removed_are_no_damage_and_no_proof() {
        let named =
            |name: &str| Relation { database: "shop".into(), schema: "public".into(), name: name.into(), oid: 1 };
        let outcome =
            |by_pages, by_index, dead| judged(&named("orders"), by_pages, &named("orders_pkey"), by_index, dead).0;
        assert_eq!(outcome(100, 100, 0), Outcome::Passed);
        assert_eq!(outcome(100, 158, 0), Outcome::Failed);
        assert_eq!(outcome(100, 99, 0), Outcome::Failed, "an index that lost an item");
        assert_eq!(outcome(100, 130, 30), Outcome::NotRun, "the dead rows could be all of it");
        assert_eq!(outcome(100, 131, 30), Outcome::Failed, "more items than rows dead or alive");
    }
}
