//! The system catalog, table by table and index by index: damage there hides tables, or takes the whole database with it. It is small,
//! so it is one check; what is found in one relation does not keep the others from being looked at.

use std::time::Instant;

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::heap::{Found, check_blocks};
use super::{Answer, Meaning, counted, grouped, limited_until, meaning, said};

/// How many findings are quoted. The rest is counted.
const QUOTED_MAX: usize = 5;

/// Tables with their TOAST tables, and B-trees: all with storage. Shared ones are met in every database; they are few and small.
/// The pages of large objects are data, and looked at as such.
const RELATIONS: &str = "\
select c.oid, c.relname::text, c.relkind = 'i' from pg_class c join pg_namespace n on n.oid = c.relnamespace \
left join pg_am a on a.oid = c.relam left join pg_index i on i.indexrelid = c.oid \
where c.relpersistence = 'p' and 'pg_catalog.pg_largeobject'::regclass not in (c.oid, coalesce(i.indrelid, 0)) and (n.nspname = 'pg_catalog' \
    or n.nspname = 'pg_toast' and (c.oid < 16384 or i.indrelid < 16384)) \
  and (c.relkind in ('r', 't') and a.amname = 'heap' or c.relkind = 'i' and a.amname = 'btree' and i.indisvalid) \
order by 3, 2";

/// All tables at once.
const TABLES_AT_ONCE: &str = "\
select count(*) from unnest($1::oid[]) as t (oid) cross join lateral \
  @verify_heapam(t.oid::regclass, on_error_stop => false, check_toast => true, skip => 'none')";

/// All indexes at once. A finding is an error; the call itself gives `void`, which is no NULL.
const INDEXES_AT_ONCE: &str = "\
select count(*) filter (where @bt_index_check(i.oid::regclass, true) is null) from unnest($1::oid[]) as i (oid)";

/// A relation of the system catalog.
struct Relation {
    oid: u32,
    name: String,
}

pub(super) async fn examine(
    client: &Client,
    verify_heapam: &str,
    bt_index_check: &str,
    until: Instant,
) -> Result<Answer, Error> {
    let (mut tables, mut indexes) = (Vec::new(), Vec::new());
    for row in client.query(RELATIONS, &[]).await? {
        let relation = Relation { oid: row.try_get(0)?, name: row.try_get(1)? };
        if row.try_get(2)? { &mut indexes } else { &mut tables }.push(relation);
    }
    let mut findings = Vec::new();
    limited_until(client, until).await?;
    let at_once = TABLES_AT_ONCE.replace("@verify_heapam", verify_heapam);
    if let Some(said_at_once) = unclean(client, &at_once, &tables).await? {
        let mut found = Vec::new();
        for table in &tables {
            found.extend(in_table(client, table, verify_heapam, until).await?);
        }
        findings.extend(if found.is_empty() { vec![said_at_once] } else { found });
    }
    limited_until(client, until).await?;
    let at_once = INDEXES_AT_ONCE.replace("@bt_index_check", bt_index_check);
    if let Some(said_at_once) = unclean(client, &at_once, &indexes).await? {
        let mut found = Vec::new();
        for index in &indexes {
            limited_until(client, until).await?;
            found.extend(in_index(client, index, bt_index_check).await?);
        }
        findings.extend(if found.is_empty() { vec![said_at_once] } else { found });
    }
    Ok(judged(tables.len(), indexes.len(), findings))
}

/// What a question that counts findings says of all of them; nothing if they are clean. One statement, because nearly always they are;
/// whatever is found is then looked for one by one, and stands as it was said if it does not show again.
async fn unclean(client: &Client, question: &str, relations: &[Relation]) -> Result<Option<String>, Error> {
    let oids: Vec<u32> = relations.iter().map(|relation| relation.oid).collect();
    match client.query_one(question, &[&oids]).await {
        Ok(row) => {
            let number: i64 = row.try_get(0)?;
            Ok((number > 0).then(|| format!("{} that did not show again", counted(number, "finding"))))
        }
        Err(error) if meaning(&error) == Meaning::Damage => Ok(Some(said(&error))),
        Err(error) => Err(error),
    }
}

async fn in_table(client: &Client, table: &Relation, function: &str, until: Instant) -> Result<Vec<String>, Error> {
    let size = "select pg_relation_size($1::oid::regclass) / current_setting('block_size')::int8";
    let blocks: i64 = client.query_one(size, &[&table.oid]).await?.try_get(0)?;
    let Found { quoted, number, .. } = check_blocks(client, table.oid, function, (0, blocks - 1), until).await?;
    let more = number - i64::try_from(quoted.len()).unwrap_or(i64::MAX);
    let found = quoted.into_iter().chain((more > 0).then(|| format!("{} more", grouped(more))));
    Ok(found.map(|finding| format!("pg_catalog.{}: {finding}", table.name)).collect())
}

async fn in_index(client: &Client, index: &Relation, function: &str) -> Result<Option<String>, Error> {
    match client.execute(&format!("select {function}($1::oid::regclass, true)"), &[&index.oid]).await {
        Ok(_) => Ok(None),
        Err(error) if meaning(&error) == Meaning::Damage => {
            Ok(Some(format!("pg_catalog.{}: {}", index.name, said(&error))))
        }
        Err(error) => Err(error),
    }
}

fn judged(tables: usize, indexes: usize, mut findings: Vec<String>) -> Answer {
    let signed = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let looked_at =
        format!("{} and {} of the system catalog", counted(signed(tables), "table"), plural_indexes(signed(indexes)));
    if findings.is_empty() {
        return (Outcome::Passed, format!("{looked_at} without a finding"));
    }
    let number = signed(findings.len());
    let more = findings.len().saturating_sub(QUOTED_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    findings.truncate(QUOTED_MAX);
    (Outcome::Failed, format!("{looked_at}, {}: {}{more}", counted(number, "finding"), findings.join("; ")))
}

fn plural_indexes(number: i64) -> String {
    format!("{} index{}", grouped(number), if number == 1 { "" } else { "es" })
}
