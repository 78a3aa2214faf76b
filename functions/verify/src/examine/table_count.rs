//! A table's row count against that of the last proved restore.

use holdfast_domain::Outcome;
use holdfast_domain::plan::CountCheck;
use holdfast_ledger::{Observed, RowsObserved};
use tokio_postgres::{Client, Error};

use super::count::{NEXT_TRANSACTION, Total};
use super::sql::refused;
use super::{Answer, Seen, grouped, rows};
use crate::work::{CountBefore, Split};

/// A table by the name that a plan gives it, as the search path finds it.
pub(super) const NAMED: &str = "\
select c.oid, format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
where c.oid = to_regclass($1) and c.relkind in ('r', 'p', 'm', 'v', 'f')";

/// The tables that a name means, partitions in place of the table that they are of, and heirs beside theirs.
const BEHIND: &str = "\
with recursive tree (oid) as ( \
  select to_regclass($1)::oid union all select i.inhrelid from tree join pg_inherits i on i.inhparent = tree.oid) \
select coalesce(array_agg(c.oid order by c.oid), '{}') from tree join pg_class c on c.oid = tree.oid and c.relkind <> 'p'";

pub(super) async fn examine(
    client: &Client,
    check: &CountCheck,
    before: Option<&CountBefore>,
    split: Option<&Split>,
) -> Result<Seen, Error> {
    let Some(row) = client.query_opt(NAMED, &[&check.table]).await? else {
        return Ok((Outcome::Failed, format!("there is no table {}", check.table)).into());
    };
    let table: String = row.try_get(1)?;
    let next: i64 = client.query_one(NEXT_TRANSACTION, &[]).await?.try_get(0)?;
    let seen = |rows: i64| {
        let (rows, next_transaction) = (u64::try_from(rows).unwrap_or(0), u64::try_from(next).unwrap_or(0));
        let now = RowsObserved { table: table.clone(), rows, next_transaction };
        Seen { answer: judged(check, &now, before), observed: Some(Observed::Rows(now)) }
    };
    if let Some(total) = in_parts(client, &check.table, split).await? {
        let seen = seen(total.rows);
        // What may not be believed is counted once more, in one snapshot.
        if seen.answer.0 == Outcome::Passed || total.quiet_at.is_some() {
            return Ok(seen);
        }
    }
    match client.query_one(&format!("select count(*) from {table}"), &[]).await {
        Ok(row) => Ok(seen(row.try_get(0)?)),
        Err(error) => Ok(refused(error)?.into()),
    }
}

/// What the parts of a table add up to, if they all were counted.
async fn in_parts(client: &Client, named: &str, split: Option<&Split>) -> Result<Option<Total>, Error> {
    let Some(split) = split else { return Ok(None) };
    Ok(if is_still(client, named, split).await? { Total::of(&split.parts) } else { None })
}

/// Whether a name means the tables that were split.
pub(super) async fn is_still(client: &Client, named: &str, split: &Split) -> Result<bool, Error> {
    let behind: Vec<u32> = client.query_one(BEHIND, &[&named]).await?.try_get(0)?;
    Ok(behind == split.relations)
}

fn judged(check: &CountCheck, now: &RowsObserved, before: Option<&CountBefore>) -> Answer {
    let shown = |number: u64| rows(i64::try_from(number).unwrap_or(i64::MAX));
    // Another table under the same name of a check is not the same question.
    let Some(before) = before.filter(|before| before.rows.table == now.table) else {
        let detail = format!(
            "{}: {}; the baseline, as there is no proved restore before to compare with",
            now.table,
            shown(now.rows)
        );
        return (Outcome::Passed, detail);
    };
    let (was, is) = (u128::from(before.rows.rows), u128::from(now.rows));
    let percent = check.shrink_max_percent;
    let enough = is * 100 >= was * (100 - u128::from(percent.min(100)));
    let change =
        if is >= was { format!("{} more", shown_gap(is - was)) } else { format!("{} fewer", shown_gap(was - is)) };
    let detail = format!(
        "{}: {}, {change} than in the last proved restore ({}); {percent} % fewer are allowed",
        now.table,
        shown(now.rows),
        before.run
    );
    (if enough { Outcome::Passed } else { Outcome::Failed }, detail)
}

fn shown_gap(number: u128) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use holdfast_domain::Requirement;

    use super::*;

    #[test]
    fn a_table_may_shrink_by_what_the_plan_allows_and_no_row_more() {
        let check = |shrink_max_percent| CountCheck {
            table: "orders".into(),
            shrink_max_percent,
            requirement: Requirement::Required,
        };
        let rows = |rows| RowsObserved { table: "public.orders".into(), rows, next_transaction: 1 };
        let before = |number| CountBefore { run: "orders-db.every.1".parse().expect("a run"), rows: rows(number) };
        let outcome = |percent, was, is| judged(&check(percent), &rows(is), Some(&before(was))).0;
        for (percent, was, is, wanted) in [
            (5, 1_000, 950, Outcome::Passed),
            (5, 1_000, 949, Outcome::Failed),
            (0, 1_000, 1_000, Outcome::Passed),
            (0, 1_000, 999, Outcome::Failed),
            (5, 0, 0, Outcome::Passed),
            (5, 10, 9, Outcome::Failed),
            (100, 1_000, 0, Outcome::Passed),
            (5, 1_000, 5_000, Outcome::Passed),
            (5, u64::MAX, u64::MAX, Outcome::Passed),
        ] {
            assert_eq!(outcome(percent, was, is), wanted, "{percent} % of {was}: {is}");
        }
        assert_eq!(
            judged(&check(5), &rows(900), Some(&before(1_000))).1,
            "public.orders: 900 rows, 100 fewer than in the last proved restore (orders-db.every.1); 5 % fewer are allowed"
        );
        let (outcome, detail) = judged(&check(5), &rows(900), None);
        assert!(outcome == Outcome::Passed && detail.contains("the baseline"), "{detail}");
    }

    #[test]
    fn the_count_of_another_table_is_no_baseline() {
        let check = CountCheck { table: "orders".into(), shrink_max_percent: 0, requirement: Requirement::Required };
        let rows = |table: &str, rows| RowsObserved { table: table.into(), rows, next_transaction: 1 };
        let before = CountBefore { run: "orders-db.every.1".parse().expect("a run"), rows: rows("public.items", 10) };
        assert_eq!(judged(&check, &rows("public.orders", 1), Some(&before)).0, Outcome::Passed);
    }
}
