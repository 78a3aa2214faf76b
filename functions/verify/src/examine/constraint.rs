//! Rows that break a constraint: a foreign key that leads to nothing, a CHECK that is false. PostgreSQL looks at neither again once a row
//! is written, so rows lost from one table show here as orphans in another.

use std::time::{Duration, Instant};

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::sql::{QUESTION_MAX, cancelled};
use super::{Answer, Meaning, grouped, limited, meaning};
use crate::catalog::{Constraint, ConstraintSort, shown};

/// Breaking rows are counted up to here.
const COUNTED_MAX: i64 = 1_000;

/// Column by column: the column, the one it refers to, and the operator that compares them. A column is unquoted nowhere.
const KEY: &str = "\
select format('%I.%I', cn.nspname, c.relname), format('%I.%I', pn.nspname, p.relname), \
  case when c.relkind = 'r' then 'only ' else '' end, case when p.relkind = 'r' then 'only ' else '' end, \
  array_agg(quote_ident(a.attname) order by k.place), array_agg(quote_ident(b.attname) order by k.place), \
  array_agg(format('operator(%I.%s)', opn.nspname, op.oprname) order by k.place), \
  coalesce((to_jsonb(o) ->> 'conperiod')::boolean, false) \
from pg_constraint o cross join unnest(o.conkey, o.confkey, o.conpfeqop) with ordinality as k (child, parent, operator, place) \
join pg_class c on c.oid = o.conrelid join pg_namespace cn on cn.oid = c.relnamespace \
join pg_class p on p.oid = o.confrelid join pg_namespace pn on pn.oid = p.relnamespace \
join pg_attribute a on a.attrelid = o.conrelid and a.attnum = k.child \
join pg_attribute b on b.attrelid = o.confrelid and b.attnum = k.parent \
join pg_operator op on op.oid = k.operator join pg_namespace opn on opn.oid = op.oprnamespace \
where o.oid = $1 group by 1, 2, 3, 4, 8";

const EXPRESSION: &str = "\
select format('%I.%I', n.nspname, c.relname), pg_get_expr(o.conbin, o.conrelid), case when o.connoinherit then 'only ' else '' end \
from pg_constraint o join pg_class c on c.oid = o.conrelid join pg_namespace n on n.oid = c.relnamespace \
where o.oid = $1 and o.contype = 'c'";

pub(super) async fn examine(client: &Client, constraint: &Constraint, limit: Duration) -> Result<Answer, Error> {
    let broken_by = match constraint.sort {
        ConstraintSort::ForeignKey => orphans(client, constraint.oid).await?,
        ConstraintSort::Check => violations(client, constraint.oid).await?,
    };
    let broken_by = match broken_by {
        Ok(broken_by) => broken_by,
        Err(reason) => return Ok((Outcome::NotRun, reason.into())),
    };
    limited(client, limit.min(QUESTION_MAX)).await?;
    let started = Instant::now();
    let count = format!("select count(*) from ({broken_by} limit {}) as broken", COUNTED_MAX + 1);
    match client.query_one(&count, &[]).await {
        Ok(row) => Ok(judged(constraint, row.try_get(0)?)),
        Err(error) if meaning(&error) == Meaning::Cut && QUESTION_MAX <= limit => {
            Ok(cancelled(None, started.elapsed()))
        }
        Err(error) => Err(error),
    }
}

/// A query for rows whose reference leads to nothing, or why there is none. A key with NULL in it refers to nothing on purpose.
async fn orphans(client: &Client, oid: u32) -> Result<Result<String, &'static str>, Error> {
    let Some(row) = client.query_opt(KEY, &[&oid]).await? else {
        return Ok(Err("the constraint has gone since it was listed"));
    };
    if row.try_get(7)? {
        return Ok(Err("a foreign key over periods is not checked"));
    }
    let (child, parent): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let (child_only, parent_only): (String, String) = (row.try_get(2)?, row.try_get(3)?);
    let (from, to, operators): (Vec<String>, Vec<String>, Vec<String>) =
        (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
    let given: Vec<String> = from.iter().map(|column| format!("c.{column} is not null")).collect();
    let equal: Vec<String> = from
        .iter()
        .zip(&to)
        .zip(&operators)
        .map(|((from, to), operator)| format!("p.{to} {operator} c.{from}"))
        .collect();
    Ok(Ok(format!(
        "select from {child_only}{child} c where {} and not exists (select from {parent_only}{parent} p where {})",
        given.join(" and "),
        equal.join(" and ")
    )))
}

async fn violations(client: &Client, oid: u32) -> Result<Result<String, &'static str>, Error> {
    let Some(row) = client.query_opt(EXPRESSION, &[&oid]).await? else {
        return Ok(Err("the constraint has gone since it was listed"));
    };
    let (table, expression, only): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(Ok(format!("select from {only}{table} where not ({expression})")))
}

fn judged(constraint: &Constraint, broken: i64) -> Answer {
    let rows = match broken {
        0 => return (Outcome::Passed, "every row keeps to it".into()),
        1 => "1 row".to_owned(),
        broken if broken > COUNTED_MAX => format!("more than {} rows", grouped(COUNTED_MAX)),
        broken => format!("{} rows", grouped(broken)),
    };
    let (table, name) = (constraint.shown_table(), shown(&constraint.name));
    let break_it = match constraint.sort {
        ConstraintSort::ForeignKey => "refer to nothing",
        ConstraintSort::Check => "break it",
    };
    if constraint.validated {
        (
            Outcome::Failed,
            format!("{table}: {rows} {break_it} by {name}, which PostgreSQL holds to be true for every row"),
        )
    } else {
        (Outcome::Passed, format!("{rows} {break_it}, as a constraint that was never validated (NOT VALID) allows"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_break_a_validated_constraint_fail_and_others_are_said() {
        let key = |validated| Constraint {
            oid: 1,
            schema: "public".into(),
            table: "items".into(),
            name: "items_order_fkey".into(),
            sort: ConstraintSort::ForeignKey,
            validated,
        };
        assert_eq!(judged(&key(true), 0).0, Outcome::Passed);
        assert_eq!(
            judged(&key(true), 58),
            (
                Outcome::Failed,
                "public.items: 58 rows refer to nothing by items_order_fkey, which PostgreSQL holds to be true for every row".into()
            )
        );
        assert!(judged(&key(true), COUNTED_MAX + 1).1.contains("more than 1,000 rows"));
        assert_eq!(judged(&key(false), 58).0, Outcome::Passed);
    }
}
