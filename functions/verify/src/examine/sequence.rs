//! Sequences: readable, and not behind the column that they serve. One that runs ahead is no finding: after recovery every sequence may
//! have jumped, because PostgreSQL logs 32 values at once.

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::{Answer, grouped};
use crate::catalog::quoted;
use crate::work::Relation;

/// The column that a sequence was made for, if there is one and it counts in whole numbers.
const OWNER: &str = "\
select s.seqincrement, s.seqcycle, quote_ident(n.nspname) || '.' || quote_ident(t.relname), quote_ident(a.attname), \
  case when t.relkind = 'r' then 'only ' else '' end \
from pg_sequence s left join (pg_depend d \
    join pg_class t on t.oid = d.refobjid and t.relkind in ('r', 'p') \
    join pg_namespace n on n.oid = t.relnamespace \
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and a.atttypid in (20, 21, 23)) \
  on d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.objid = s.seqrelid and d.deptype in ('a', 'i') \
where s.seqrelid = $1";

pub(super) async fn examine(client: &Client, sequence: &Relation) -> Result<Answer, Error> {
    let name = format!("{}.{}", quoted(&sequence.schema), quoted(&sequence.name));
    let row = client.query_one(&format!("select last_value, is_called from {name}"), &[]).await?;
    let (last, used): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    let Some(row) = client.query_opt(OWNER, &[&sequence.oid]).await? else {
        return Ok((Outcome::NotRun, "the sequence has gone since it was listed".into()));
    };
    let (step, cycles): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    let (Some(table), Some(column)) = (row.try_get::<_, Option<String>>(2)?, row.try_get::<_, Option<String>>(3)?)
    else {
        return Ok((Outcome::Passed, format!("at {}, made for no column of whole numbers", grouped(last))));
    };
    if cycles || !used {
        let why = if cycles { "begins anew at its end" } else { "was never used" };
        return Ok((Outcome::Passed, format!("at {}, and {why}", grouped(last))));
    }
    let (only, end) = (row.try_get::<_, String>(4)?, if step > 0 { "max" } else { "min" });
    let farthest: Option<i64> =
        client.query_one(&format!("select {end}({column})::int8 from {only}{table}"), &[]).await?.try_get(0)?;
    Ok(judged(last, step, farthest, &format!("{table}.{column}")))
}

fn judged(last: i64, step: i64, farthest: Option<i64>, column: &str) -> Answer {
    match farthest {
        Some(farthest) if (step > 0 && last < farthest) || (step < 0 && last > farthest) => {
            let detail = format!(
                "it stands at {}, and {column} has reached {}: new rows will collide with old ones; set it with setval, in production too \
                 if it stands there as it does here",
                grouped(last),
                grouped(farthest)
            );
            (Outcome::Failed, detail)
        }
        Some(farthest) => (Outcome::Passed, format!("at {}, {column} at {}", grouped(last), grouped(farthest))),
        None => (Outcome::Passed, format!("at {}, {column} has no value", grouped(last))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sequence_behind_its_column_is_a_finding() {
        let outcome = |last, step, farthest| judged(last, step, farthest, "public.orders.id").0;
        assert_eq!(outcome(100, 1, Some(100)), Outcome::Passed);
        assert_eq!(outcome(132, 1, Some(100)), Outcome::Passed, "it jumped ahead, as after recovery");
        assert_eq!(outcome(99, 1, Some(100)), Outcome::Failed);
        assert_eq!(outcome(-5, -1, Some(-5)), Outcome::Passed);
        assert_eq!(outcome(-4, -1, Some(-5)), Outcome::Failed, "it counts downwards");
        assert_eq!(outcome(1, 1, None), Outcome::Passed);
    }
}
