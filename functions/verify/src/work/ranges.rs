//! Ranges of pages, and how large they are: what makes a giant table the work of all connections and of more than one invocation.

use super::Relation;
use crate::catalog::{Catalog, Contents, Listing, Table};

/// Pages counted by one unit: 65,536 × 8 KiB = 512 MiB, which takes 4 s at gp3's base rate of 125 MiB/s and under two minutes from
/// storage that still loads from S3 at 5 MiB/s. Small beside the 900 s of an invocation, large beside a round trip. Parts are not
/// counted in one snapshot and are worth less where somebody writes to the copy, so a smaller table is better counted in one.
pub const BLOCKS_PER_UNIT: u64 = 65_536;

/// The most pages checked by one unit: 128 MiB. A check of pages needs no other part, and costs a round trip, so that a table of a few
/// hundred MiB is spread over all connections already.
pub const HEAP_BLOCKS_PER_UNIT: u64 = BLOCKS_PER_UNIT / 4;

/// The fewest of a table of more than that: 32 MiB, which still take ten times as long as the round trips.
const HEAP_BLOCKS_PER_UNIT_MIN: u64 = HEAP_BLOCKS_PER_UNIT / 4;

/// Pages checked by one unit of a table of so many. A table above one unit has eight of the same length, or four, so that two, four or
/// eight connections end together; a giant one has as many as it takes, and so never more than its record can hold. In steps of 512 KiB:
/// names of units stay the same when the table grows a little.
pub(super) fn heap_blocks_per_unit(blocks: u64) -> u64 {
    if blocks <= HEAP_BLOCKS_PER_UNIT {
        return HEAP_BLOCKS_PER_UNIT;
    }
    let units = if blocks < 8 * HEAP_BLOCKS_PER_UNIT_MIN { 4 } else { 8 };
    blocks.div_ceil(units).next_multiple_of(64).min(HEAP_BLOCKS_PER_UNIT)
}

/// The most parts that one question of the plan is split into, partitions apart: each keeps a line per day of its rows until all are
/// there, in a record that is read and written as a whole.
const PARTS_MAX: u64 = 64;

/// First and last pages of the units of a relation; an empty one has one unit. What is left over is a unit only if it is half of one: a
/// short one would cost a connection and hardly any work. The last may reach beyond the relation's end, so that its name stays the same
/// when the relation grows a little.
pub(super) fn ranges(blocks: u64, blocks_per_unit: u64) -> impl Iterator<Item = (u64, u64)> {
    let number = ((blocks + blocks_per_unit / 2) / blocks_per_unit).max(1);
    let end = blocks.div_ceil(blocks_per_unit).max(number) * blocks_per_unit;
    (0..number).map(move |place| {
        let next = if place + 1 == number { end } else { (place + 1) * blocks_per_unit };
        (place * blocks_per_unit, next - 1)
    })
}

/// How many pages of a relation of so many are in a range.
pub(super) fn pages_of((first_block, last_block): (u64, u64), blocks: u64) -> u64 {
    blocks.min(last_block + 1).saturating_sub(first_block)
}

/// A range of the pages of one table.
pub(super) struct Piece {
    pub(super) table: Relation,
    pub(super) first_block: u64,
    pub(super) last_block: u64,
    /// How many of them there are.
    pub(super) pages: u64,
}

/// The tables behind a name of the plan's, by oid in order, and the pieces that they fall into, so that no range has more than `blocks_per_unit` unless that would
/// be too many. None if the whole is no larger than one, or cannot be split: a view, a foreign table, a table that others inherit from, a
/// server before PostgreSQL 14.
pub(super) fn split(
    catalog: &Catalog,
    database: &str,
    named: &str,
    blocks_per_unit: u64,
) -> Option<(Vec<u32>, Vec<Piece>)> {
    let listing = catalog.databases.iter().find(|found| found.name == database)?;
    let Contents::Listed(listing) = &listing.contents else { return None };
    let tables = behind(listing, named)?;
    let whole: u64 = tables.iter().map(|table| table.blocks).sum();
    if !listing.tid_ranges || tables.iter().any(|table| !table.is_plain_heap()) {
        return None;
    }
    let blocks_per_unit = blocks_per_unit * whole.div_ceil(blocks_per_unit * PARTS_MAX).max(1);
    let mut relations: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    relations.sort_unstable();
    let of_table = |table: &&Table| {
        let (blocks, relation) = (table.blocks, Relation::of(database, table));
        ranges(blocks, blocks_per_unit).map(move |(first_block, last_block)| {
            let pages = pages_of((first_block, last_block), blocks);
            Piece { table: relation.clone(), first_block, last_block, pages }
        })
    };
    let pieces: Vec<Piece> = tables.iter().flat_map(of_table).collect();
    (whole > blocks_per_unit && pieces.len() > 1).then_some((relations, pieces))
}

/// The table of that name, or all partitions of it. A server that understands the name otherwise is asked once more when the parts are put
/// together.
fn behind<'a>(listing: &'a Listing, named: &str) -> Option<Vec<&'a Table>> {
    let (schema, name) = match identifiers(named)?.as_slice() {
        [name] => (None, name.clone()),
        [schema, name] => (Some(schema.clone()), name.clone()),
        _ => return None,
    };
    let schemas = schema.map_or_else(|| listing.search_path.clone(), |schema| vec![schema]);
    schemas.iter().find_map(|schema| {
        let whole = listing.tables.iter().find(|table| table.schema == *schema && table.name == name);
        let parts = listing.partitioned.iter().find(|table| table.schema == *schema && table.name == name);
        match (whole, parts) {
            (Some(table), _) => Some(Some(vec![table])),
            // A partition that is not listed (a foreign table) cannot be read by pages.
            (None, Some(parts)) => {
                let of_oid = |oid: &u32| listing.tables.iter().find(|table| table.oid == *oid);
                Some(parts.partitions.iter().map(of_oid).collect())
            }
            (None, None) => None,
        }
    })?
}

/// A name as SQL has it, in its parts: `public."Orders"`. `None` if it is none.
fn identifiers(named: &str) -> Option<Vec<String>> {
    let (mut parts, mut rest) = (Vec::new(), named.trim());
    loop {
        let (part, after) = identifier(rest)?;
        parts.push(part);
        match after.trim_start().strip_prefix('.') {
            Some(more) => rest = more.trim_start(),
            None => return after.trim().is_empty().then_some(parts),
        }
    }
}

/// The name that a text begins with, and what comes after it. Without quotes it means its lower case.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_ascii_lowercase(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_larger_than_one_unit_has_some_of_one_length_until_they_are_as_long_as_they_may_be() {
        for (blocks, wanted) in [
            (0, 16_384),
            (16_384, 16_384),
            (16_385, 4_160),
            (32_767, 8_192),
            (32_768, 4_096),
            (34_483, 4_352),
            (68_966, 8_640),
            (131_072, 16_384),
            (131_072 * 1_000, 16_384),
        ] {
            assert_eq!(heap_blocks_per_unit(blocks), wanted, "{blocks}");
        }
    }

    #[test]
    fn a_name_of_the_plan_is_understood_as_the_server_does() {
        let read = |named: &str| identifiers(named).map(|parts| parts.join("|"));
        for (named, wanted) in [
            ("orders", "orders"),
            ("public.Orders", "public|orders"),
            (" public . \"Orders\" ", "public|Orders"),
            ("\"a.b\".\"c\"\"d\"", "a.b|c\"d"),
            ("a.b.c", "a|b|c"),
        ] {
            assert_eq!(read(named).as_deref(), Some(wanted), "{named}");
        }
        for none in ["", "a.", ".a", "\"a", "a b", "a;drop"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
