//! Asking a server what there is, and making the means of looking ready.

use std::collections::HashMap;

use futures_util::try_join;
use tokio_postgres::{Client, Row};

use super::RoomError;
use super::connect::{Target, words};
use crate::catalog::{
    Constraint, ConstraintSort, Contents, Index, Listing, OWN_SCHEMA, Partitioned, Sequence, Table, Toast, Tool, quoted,
};
use crate::examine::is_damage;

const DATABASES: &str = "\
select datname::text, datallowconn and datconnlimit <> -2 from pg_database \
where not datistemplate and datname <> 'rdsadmin' order by datname";

/// Unlogged tables are listed too: after a restore they are empty, and being empty is what they are checked for. A materialized
/// view that was never populated has nothing to check. Large objects are data, though their pages lie in the system catalog.
const TABLES: &str = "\
select c.oid, n.nspname::text, c.relname::text, coalesce(a.amname::text, ''), \
  coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int8, \
  c.reltoastrelid, coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) / current_setting('block_size')::int8, \
  c.relhassubclass \
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_am a on a.oid = c.relam \
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and c.relispopulated \
  and (n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)' \
    or c.oid = 'pg_catalog.pg_largeobject'::regclass and pg_relation_size(c.oid) > 0)";

/// A NOT NULL that was never validated (PostgreSQL 18) may have NULLs beneath it.
const INDEXES: &str = "\
select i.indrelid, c.oid, c.relname::text, a.amname::text, i.indisvalid and i.indisready and i.indislive, i.indisunique, \
  i.indpred is not null, i.indexprs is not null, \
  not exists (select from generate_series(0, i.indnkeyatts - 1) k \
    left join pg_attribute t on t.attrelid = i.indrelid and t.attnum = i.indkey[k] \
    where i.indkey[k] = 0 or t.attnotnull is not true) \
  and not exists (select from pg_constraint o where o.conrelid = i.indrelid and o.contype = 'n' and not o.convalidated) \
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam \
where c.relkind = 'i' and i.indrelid = any ($1)";

/// What a partition has from its parent is checked there; a constraint that is not enforced (PostgreSQL 18) says nothing of the rows.
const CONSTRAINTS: &str = "\
select o.oid, n.nspname::text, c.relname::text, o.conname::text, o.contype = 'f', o.convalidated \
from pg_constraint o join pg_class c on c.oid = o.conrelid join pg_namespace n on n.oid = c.relnamespace \
where (o.contype = 'f' or o.contype = 'c' and not o.convalidated) and o.conparentid = 0 \
  and coalesce((to_jsonb(o) ->> 'conenforced')::boolean, true) and c.relpersistence <> 't' \
  and n.nspname not in ('pg_catalog', 'information_schema')";

/// Every partitioned table with the partitions that rows may be in, foreign tables too.
const PARTITIONED: &str = "\
with recursive tree (root, oid) as ( \
  select oid, oid from pg_class where relkind = 'p' \
  union all select tree.root, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.oid) \
select n.nspname::text, r.relname::text, array_agg(p.oid order by p.oid) \
from tree join pg_class p on p.oid = tree.oid and p.relkind <> 'p' \
join pg_class r on r.oid = tree.root join pg_namespace n on n.oid = r.relnamespace group by 1, 2";

const SEQUENCES: &str = "\
select c.oid, n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
where c.relkind = 'S' and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema')";

/// The extension's function by schema, and whether we may call it.
const TOOLS: &str = "\
select p.proname::text, n.nspname::text, has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute') \
from pg_extension e \
join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.classid = 'pg_proc'::regclass \
join pg_proc p on p.oid = d.objid join pg_namespace n on n.oid = p.pronamespace \
where d.deptype = 'e' and e.extname in ('amcheck', 'pgstattuple') \
  and p.proname in ('verify_heapam', 'bt_index_check', 'pgstattuple') and p.proargtypes[0] = 'regclass'::regtype";

/// Every database by name, and whether anybody may connect to it.
pub(super) async fn databases(target: &Target, client: &Client) -> Result<Vec<(String, bool)>, RoomError> {
    let lost = |error: tokio_postgres::Error| RoomError::Lost { room: target.room.clone(), reason: words(&error) };
    let rows = client.query(DATABASES, &[]).await.map_err(lost)?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>().map_err(lost)
}

/// What a database that was listed, or could not be, holds.
pub(super) fn contents(target: &Target, listed: Result<Listing, tokio_postgres::Error>) -> Result<Contents, RoomError> {
    match listed {
        Ok(listing) => Ok(Contents::Listed(listing)),
        Err(error) if is_damage(&error) => Ok(Contents::Damaged { reason: words(&error) }),
        Err(error) if error.as_db_error().is_some() => Ok(Contents::Closed { reason: words(&error) }),
        Err(error) => Err(RoomError::Lost { room: target.room.clone(), reason: words(&error) }),
    }
}

/// What there is in the session's database, and the means of looking at it. Questions that do not wait for each other are sent together.
pub(super) async fn listing(client: &Client) -> Result<Listing, tokio_postgres::Error> {
    may_read_all(client).await?;
    let amcheck = make_ready(client, "amcheck").await?;
    let pgstattuple = make_ready(client, "pgstattuple").await?;
    let about = "select current_setting('server_version_num')::int >= 140000, current_schemas(true)::text[]";
    let (tools, about, tables, partitioned, constraints, sequences) = try_join!(
        client.query(TOOLS, &[]),
        client.query_one(about, &[]),
        tables(client),
        client.query(PARTITIONED, &[]),
        client.query(CONSTRAINTS, &[]),
        client.query(SEQUENCES, &[]),
    )?;
    let tool = |name: &str, extension: &Option<String>| tool(&tools, name, extension.as_deref());
    Ok(Listing {
        verify_heapam: tool("verify_heapam", &amcheck),
        bt_index_check: tool("bt_index_check", &amcheck),
        pgstattuple: tool("pgstattuple", &pgstattuple),
        tid_ranges: about.try_get(0)?,
        search_path: about.try_get(1)?,
        tables,
        partitioned: partitioned.iter().map(partitioned_table).collect(),
        constraints: constraints.iter().map(constraint).collect(),
        sequences: sequences.iter().map(sequence).collect(),
    })
}

fn constraint(row: &Row) -> Constraint {
    Constraint {
        oid: row.get(0),
        schema: row.get(1),
        table: row.get(2),
        name: row.get(3),
        sort: if row.get(4) { ConstraintSort::ForeignKey } else { ConstraintSort::Check },
        validated: row.get(5),
    }
}

fn partitioned_table(row: &Row) -> Partitioned {
    Partitioned { schema: row.get(0), name: row.get(1), partitions: row.get(2) }
}

fn sequence(row: &Row) -> Sequence {
    Sequence { oid: row.get(0), schema: row.get(1), name: row.get(2) }
}

/// A master user is no superuser and may lack the right to read somebody's table. On the copy it takes that right if it can; if not,
/// the counts say so.
async fn may_read_all(client: &Client) -> Result<(), tokio_postgres::Error> {
    let grant = "\
        do $$ begin \
          if not pg_has_role('pg_read_all_data', 'usage') then grant pg_read_all_data to current_user; end if; \
        exception when insufficient_privilege or undefined_object then null; \
        end $$";
    client.batch_execute(grant).await
}

/// Creates an extension unless it is there, and says why if it cannot be had. A failure here is not one of the database.
async fn make_ready(client: &Client, extension: &str) -> Result<Option<String>, tokio_postgres::Error> {
    if client.query_opt("select from pg_extension where extname = $1", &[&extension]).await?.is_some() {
        return Ok(None);
    }
    let (schema, name) = (quoted(OWN_SCHEMA), quoted(extension));
    let create = format!("create schema if not exists {schema}; create extension if not exists {name} schema {schema}");
    match client.batch_execute(&create).await {
        Ok(()) => Ok(None),
        Err(error) if error.as_db_error().is_some() && !is_damage(&error) => Ok(Some(words(&error))),
        Err(error) => Err(error),
    }
}

fn tool(found: &[Row], name: &str, not_created: Option<&str>) -> Tool {
    if let Some(reason) = not_created {
        return Tool::Missing { reason: format!("{name} cannot be had: {reason}") };
    }
    let mut found = found.iter().filter(|row| row.get::<_, &str>(0) == name).peekable();
    if found.peek().is_none() {
        return Tool::Missing { reason: format!("this version of the extension has no {name}") };
    }
    match found.find(|row| row.get(2)) {
        Some(row) => Tool::Ready { function: format!("{}.{}", quoted(row.get(1)), quoted(name)) },
        None => Tool::Missing { reason: format!("the master user may not call {name}") },
    }
}

async fn tables(client: &Client) -> Result<Vec<Table>, tokio_postgres::Error> {
    let rows = client.query(TABLES, &[]).await?;
    let owners: Vec<u32> = rows.iter().flat_map(|row| [row.get::<_, u32>(0), row.get::<_, u32>(5)]).collect();
    let mut indexes: HashMap<u32, Vec<Index>> = HashMap::new();
    for row in client.query(INDEXES, &[&owners]).await? {
        indexes.entry(row.get(0)).or_default().push(index(&row));
    }
    let mut take = |oid: u32| indexes.remove(&oid).unwrap_or_default();
    Ok(rows
        .iter()
        .map(|row| {
            let (oid, toast): (u32, u32) = (row.get(0), row.get(5));
            Table {
                oid,
                schema: row.get(1),
                name: row.get(2),
                access_method: row.get(3),
                blocks: blocks(row, 4),
                indexes: take(oid),
                has_heirs: row.get(7),
                toast: (toast != 0).then(|| Toast { oid: toast, blocks: blocks(row, 6), indexes: take(toast) }),
            }
        })
        .collect())
}

fn blocks(row: &Row, column: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(column)).unwrap_or(0)
}

fn index(row: &Row) -> Index {
    Index {
        oid: row.get(1),
        name: row.get(2),
        access_method: row.get(3),
        valid: row.get(4),
        unique: row.get(5),
        partial: row.get(6),
        expressions: row.get(7),
        keys_not_null: row.get(8),
    }
}
