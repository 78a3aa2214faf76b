//! `verify_heapam` over a range of pages: `pg_amcheck` would give a giant table to one connection; ranges go to all of them.
//!
//! A page that cannot be read (a checksum error) ends `verify_heapam`, so the range is halved until the page stands alone: it is named,
//! and every other page is checked all the same.

use std::time::Instant;

use futures_util::{StreamExt as _, pin_mut};
use holdfast_domain::Outcome;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use super::{Answer, Meaning, counted, grouped, limited_until, meaning, said};

/// How many of a range's findings are quoted. The rest is counted.
const QUOTED_MAX: usize = 5;

/// How many unreadable pages of a range are looked for one by one. Each costs about twice the range; a range with more is lost anyhow.
const UNREADABLE_MAX: usize = 16;

pub(super) async fn examine(
    client: &Client,
    subject: &str,
    oid: u32,
    function: &str,
    blocks: (u64, u64),
    until: Instant,
) -> Result<Answer, Error> {
    let size = "select coalesce(pg_relation_size($1::oid::regclass), 0) / current_setting('block_size')::int8";
    let size: i64 = client.query_typed_one(size, &[(&oid, Type::OID)]).await?.try_get(0)?;
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
    let found = check_blocks(client, oid, function, (first, last), until).await?;
    Ok(judged(subject, last - first + 1, &found))
}

/// What was found in a range of pages.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The first findings, in words.
    pub(super) quoted: Vec<String>,
    /// How many there are.
    pub(super) number: i64,
    /// Pages that cannot be read.
    pub(super) unreadable: Vec<i64>,
    /// Pages that were not looked at, because too many could not be read.
    pub(super) left_out: i64,
}

/// Checks pages from the first to the last, both included; no page if the last is before the first.
///
/// # Errors
/// The server's, unless it says that a page is damaged: that is a finding.
pub(super) async fn check_blocks(
    client: &Client,
    oid: u32,
    function: &str,
    blocks: (i64, i64),
    until: Instant,
) -> Result<Found, Error> {
    let question = format!(
        "select blkno, offnum, msg from {function}($1::oid::regclass, on_error_stop => false, check_toast => true, \
         skip => 'none', startblock => $2::int8, endblock => $3::int8)"
    );
    let mut found = Found::default();
    // The ranges still to be checked, the next one last.
    let mut ranges = vec![blocks];
    while let Some((first, last)) = ranges.pop() {
        if first > last {
            continue;
        }
        if found.unreadable.len() >= UNREADABLE_MAX {
            found.left_out += last - first + 1;
            continue;
        }
        limited_until(client, until).await?;
        match check_range(client, &question, oid, (first, last)).await {
            Ok(part) => {
                found.number += part.number;
                found.quoted.extend(part.quoted);
            }
            Err(error) if meaning(&error) != Meaning::Damage => return Err(error),
            Err(error) if first == last => {
                found.unreadable.push(first);
                found.number += 1;
                found.quoted.push(format!("block {first}: {}", said(&error)));
            }
            Err(_) => {
                let middle = first + (last - first) / 2;
                ranges.push((middle + 1, last));
                ranges.push((first, middle));
            }
        }
        found.quoted.truncate(QUOTED_MAX);
    }
    Ok(found)
}

async fn check_range(client: &Client, question: &str, oid: u32, (first, last): (i64, i64)) -> Result<Found, Error> {
    let values: [(&(dyn ToSql + Sync), Type); 3] = [(&oid, Type::OID), (&first, Type::INT8), (&last, Type::INT8)];
    let findings = client.query_typed_raw(question, values).await?;
    pin_mut!(findings);
    let mut found = Found::default();
    while let Some(row) = findings.next().await {
        let row = row?;
        found.number += 1;
        if found.quoted.len() < QUOTED_MAX {
            let (block, item, message): (Option<i64>, Option<i32>, Option<String>) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            found.quoted.push(place(block, item, message.as_deref().unwrap_or("no message")));
        }
    }
    Ok(found)
}

/// The range's answer: what was found where, and what is not touched by it.
fn judged(subject: &str, blocks: i64, found: &Found) -> Answer {
    if found.number == 0 {
        return (Outcome::Passed, format!("{} without a finding", counted(blocks, "block")));
    }
    let more = found.number - signed(found.quoted.len() as u64);
    let more = if more > 0 { format!("; and {} more", grouped(more)) } else { String::new() };
    let unreadable = signed(found.unreadable.len() as u64);
    let rest = match (unreadable, found.left_out) {
        (0, _) => format!("all {} could be read", counted(blocks, "block")),
        (unreadable, 0) => format!("the other {} could be read", counted(blocks - unreadable, "block")),
        (unreadable, left_out) => format!(
            "{} could be read, {} were not looked at any more",
            counted(blocks - unreadable - left_out, "other block"),
            grouped(left_out)
        ),
    };
    let detail = format!("{subject}: {}: {}{more} ({rest})", counted(found.number, "finding"), found.quoted.join("; "));
    (Outcome::Failed, detail)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_where_it_is_and_what_it_does_not_touch() {
        let said = |blocks, found: Found| judged("public.orders", blocks, &found).1;
        let one = || vec!["block 3: it is broken".to_owned()];
        assert_eq!(said(120, Found::default()), "120 blocks without a finding");
        assert_eq!(
            said(120, Found { quoted: one(), number: 1, ..Found::default() }),
            "public.orders: 1 finding: block 3: it is broken (all 120 blocks could be read)"
        );
        assert_eq!(
            said(120, Found { quoted: one(), number: 7, unreadable: vec![3], left_out: 0 }),
            "public.orders: 7 findings: block 3: it is broken; and 6 more (the other 119 blocks could be read)"
        );
        assert_eq!(
            said(120, Found { quoted: one(), number: 1, unreadable: vec![3], left_out: 100 }),
            "public.orders: 1 finding: block 3: it is broken (19 other blocks could be read, 100 were not looked at any more)"
        );
    }
}
