//! The definitions of all objects of a database, and what is different from the last proved restore, in words.
//!
//! It fails nothing: a migration may have changed the schema on purpose, and whether it is the right one is what `migrations` asks. It
//! tells a person what to look at when something else fails. What may hold data or secrets (defaults, function bodies) is kept as a hash.

use std::collections::BTreeMap;

use holdfast_domain::Outcome;
use holdfast_ledger::Observed;
use tokio_postgres::{Client, Error};

use super::{Answer, Seen, counted, grouped};
use crate::catalog::OWN_SCHEMA;
use crate::work::SchemaBefore;

/// The most objects that are kept: at about 100 bytes each, 2 MB in the run's record.
const OBJECTS_MAX: usize = 20_000;

/// How many differences of each sort are named. The rest is counted.
const NAMED_MAX: usize = 8;

/// Objects of ours: of no system schema, of no extension (that one is listed itself), and none that this function made. Parameters:
/// the schema to leave out, the most rows.
const OBJECTS: &str = "\
with ours as (select oid, nspname from pg_namespace \
    where nspname not in ('pg_catalog', 'information_schema', $1) and nspname !~ '^pg_(toast|temp)'), \
  members as (select classid, objid from pg_depend where deptype = 'e'), \
  relations as (select c.*, format('%I.%I', n.nspname, c.relname) as shown from pg_class c join ours n on n.oid = c.relnamespace \
    where not exists (select from members m where m.classid = 'pg_class'::regclass and m.objid = c.oid)), \
  objects (name, definition, secret) as ( \
    select 'schema ' || quote_ident(nspname), '', null from ours \
    union all select case relkind when 'r' then 'table ' when 'p' then 'table ' when 'v' then 'view ' when 'm' then 'materialized view ' \
        when 'f' then 'foreign table ' when 'S' then 'sequence ' else 'type ' end || shown, \
      concat_ws(' ', case relkind when 'p' then 'partitioned' end, case relpersistence when 'u' then 'unlogged' end, \
        case when relispartition then 'partition' end, case when relrowsecurity then 'row security' end), \
      case when relkind in ('v', 'm') then pg_get_viewdef(oid) end \
      from relations where relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') and relpersistence <> 't' \
    union all select 'column ' || r.shown || '.' || quote_ident(a.attname), \
      concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end, \
        case when a.attidentity <> '' then 'identity' end, case when a.attgenerated <> '' then 'generated' end), \
      pg_get_expr(d.adbin, d.adrelid) \
      from relations r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped \
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum \
      where r.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and r.relpersistence <> 't' \
    union all select 'constraint ' || r.shown || ' ' || quote_ident(o.conname), pg_get_constraintdef(o.oid), null \
      from relations r join pg_constraint o on o.conrelid = r.oid where o.contype <> 'n' \
    union all select 'index ' || r.shown, pg_get_indexdef(r.oid) || case when i.indisvalid then '' else ' (not valid)' end, null \
      from relations r join pg_index i on i.indexrelid = r.oid where r.relkind in ('i', 'I') \
    union all select 'trigger ' || r.shown || ' ' || quote_ident(t.tgname), 'enabled ' || t.tgenabled::text, pg_get_triggerdef(t.oid) \
      from relations r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal \
    union all select 'policy ' || r.shown || ' ' || quote_ident(p.polname), p.polcmd::text, \
      concat_ws('|', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) \
      from relations r join pg_policy p on p.polrelid = r.oid \
    union all select format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), \
      concat_ws(' ', 'returns', pg_get_function_result(p.oid)), case when p.prokind <> 'a' then pg_get_functiondef(p.oid) end \
      from pg_proc p join ours n on n.oid = p.pronamespace \
      where not exists (select from members m where m.classid = 'pg_proc'::regclass and m.objid = p.oid) \
    union all select format('type %I.%I', n.nspname, t.typname), case t.typtype \
        when 'e' then (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) \
        when 'd' then concat_ws(' ', 'domain', format_type(t.typbasetype, t.typtypmod), case when t.typnotnull then 'not null' end, \
          (select string_agg(pg_get_constraintdef(o.oid), ' ' order by o.conname) from pg_constraint o where o.contypid = t.oid)) \
        else 'range' end, null \
      from pg_type t join ours n on n.oid = t.typnamespace where t.typtype in ('e', 'd', 'r') \
        and not exists (select from members m where m.classid = 'pg_type'::regclass and m.objid = t.oid) \
    union all select 'extension ' || quote_ident(e.extname), e.extversion, null \
      from pg_extension e join pg_namespace n on n.oid = e.extnamespace where n.nspname <> $1) \
select name, definition || case when secret is null then '' \
    else ' #' || left(encode(sha256(convert_to(secret, 'UTF8')), 'hex'), 16) end \
from objects order by 1 limit $2";

pub(super) async fn examine(client: &Client, before: Option<&SchemaBefore>) -> Result<Seen, Error> {
    let limit = i64::try_from(OBJECTS_MAX + 1).unwrap_or(i64::MAX);
    let rows = client.query(OBJECTS, &[&OWN_SCHEMA, &limit]).await?;
    if rows.len() > OBJECTS_MAX {
        let detail = format!("there are more than {} objects", grouped(limit - 1));
        return Ok((Outcome::NotRun, detail).into());
    }
    let mut objects = BTreeMap::new();
    for row in &rows {
        objects.insert(row.try_get::<_, String>(0)?, row.try_get::<_, Option<String>>(1)?.unwrap_or_default());
    }
    Ok(Seen { answer: told(&objects, before), observed: Some(Observed::Schema(objects)) })
}

pub(crate) fn told(now: &BTreeMap<String, String>, before: Option<&SchemaBefore>) -> Answer {
    let held = counted(i64::try_from(now.len()).unwrap_or(i64::MAX), "object");
    let Some(before) = before else {
        let detail = format!("{held}; the baseline, as there is no proved restore before to compare with");
        return (Outcome::Passed, detail);
    };
    let then = &before.objects;
    let added = now.iter().filter(|(name, _)| !then.contains_key(*name)).map(|(name, is)| with(name, is));
    let removed = then.keys().filter(|name| !now.contains_key(*name)).cloned();
    let changed = now.iter().filter_map(|(name, is)| {
        let was = then.get(name).filter(|was| *was != is)?;
        Some(format!("{name} (was {}, is {})", or_nothing(was), or_nothing(is)))
    });
    let differences: Vec<String> =
        [("added", added.collect()), ("removed", removed.collect()), ("changed", changed.collect::<Vec<_>>())]
            .into_iter()
            .filter_map(|(word, names)| listed(word, names))
            .collect();
    let since = format!("since the last proved restore ({})", before.run);
    let detail = if differences.is_empty() {
        format!("{held}, none of them different {since}")
    } else {
        format!("{held}; {since}: {}", differences.join("; "))
    };
    (Outcome::Passed, detail)
}

fn with(name: &str, definition: &str) -> String {
    if definition.is_empty() { name.to_owned() } else { format!("{name} ({definition})") }
}

fn or_nothing(definition: &str) -> &str {
    if definition.is_empty() { "plain" } else { definition }
}

fn listed(word: &str, mut names: Vec<String>) -> Option<String> {
    let number = names.len();
    if number == 0 {
        return None;
    }
    names.truncate(NAMED_MAX);
    let more = number - names.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("{number} {word}: {}{more}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(name, definition)| ((*name).to_owned(), (*definition).to_owned())).collect()
    }

    #[test]
    fn differences_are_told_in_words_and_fail_nothing() {
        let then = objects(&[
            ("table public.orders", ""),
            ("column public.orders.id", "integer not null"),
            ("column public.orders.note", "text"),
        ]);
        let before = SchemaBefore { run: "orders-db.every.1".parse().expect("a run"), objects: then.clone() };
        assert_eq!(
            told(&then, Some(&before)),
            (
                Outcome::Passed,
                "3 objects, none of them different since the last proved restore (orders-db.every.1)".into()
            )
        );
        let now = objects(&[
            ("table public.orders", ""),
            ("column public.orders.id", "bigint not null"),
            ("column public.orders.total", "numeric"),
        ]);
        assert_eq!(
            told(&now, Some(&before)),
            (
                Outcome::Passed,
                "3 objects; since the last proved restore (orders-db.every.1): 1 added: column public.orders.total (numeric); \
                 1 removed: column public.orders.note; 1 changed: column public.orders.id (was integer not null, is bigint not null)"
                    .into()
            )
        );
        assert!(told(&now, None).1.contains("the baseline"));
    }

    #[test]
    fn a_flood_of_differences_is_counted() {
        let names = (0..20).map(|number| format!("table public.t{number}")).collect();
        let said = listed("removed", names).expect("some");
        assert!(said.starts_with("20 removed: table public.t0, ") && said.ends_with(" and 12 more"), "{said}");
    }
}
