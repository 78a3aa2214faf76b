//! `verify_heapam` over a range of pages: `pg_amcheck` would give a giant table to one connection; ranges go to all of them.

use futures_util::{StreamExt as _, pin_mut};
use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::{Answer, counted, grouped};

/// How many of a range's findings are quoted. The rest is counted.
const QUOTED_MAX: usize = 5;

/// A checksum error ends the range, not the table: other ranges are other units.
pub(super) async fn examine(client: &Client, oid: u32, function: &str, blocks: (u64, u64)) -> Result<Answer, Error> {
    let size = "select coalesce(pg_relation_size($1::oid::regclass), 0) / current_setting('block_size')::int8";
    let size: i64 = client.query_one(size, &[&oid]).await?.try_get(0)?;
    let (first, last) = (signed(blocks.0), signed(blocks.1).min(size - 1));
    if first > 0 && first > last {
        return Ok((
            Outcome::NotRun,
            format!("the relation has become shorter than block {first} since it was listed"),
        ));
    }
    // An empty relation has no block 0 to begin with, and nothing to check.
    if size == 0 {
        return Ok((Outcome::Passed, "there are no blocks".into()));
    }
    let question = format!(
        "select blkno, offnum, msg from {function}($1::oid::regclass, on_error_stop => false, check_toast => true, \
         skip => 'none', startblock => $2::int8, endblock => $3::int8)"
    );
    let findings =
        client.query_raw(&question, [&oid as &(dyn tokio_postgres::types::ToSql + Sync), &first, &last]).await?;
    pin_mut!(findings);
    let (mut quoted, mut number) = (Vec::new(), 0_i64);
    while let Some(row) = findings.next().await {
        number += 1;
        if quoted.len() < QUOTED_MAX {
            let row = row?;
            let (block, item, message): (Option<i64>, Option<i32>, Option<String>) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            quoted.push(place(block, item, message.as_deref().unwrap_or("no message")));
        } else {
            row?;
        }
    }
    if number == 0 {
        return Ok((Outcome::Passed, format!("{} without a finding", counted(last - first + 1, "block"))));
    }
    let more = number - signed(quoted.len() as u64);
    let more = if more > 0 { format!("; and {} more", grouped(more)) } else { String::new() };
    Ok((Outcome::Failed, format!("{}: {}{more}", counted(number, "finding"), quoted.join("; "))))
}

fn place(block: Option<i64>, item: Option<i32>, message: &str) -> String {
    match (block, item) {
        (Some(block), Some(item)) => format!("block {block} item {item}: {message}"),
        (Some(block), None) => format!("block {block}: {message}"),
        (None, _) => message.to_owned(),
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
