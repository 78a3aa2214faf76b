//! Whether the rules that text is sorted by are those that it was sorted by when it was written. A copy on another operating system may
//! bring others; then B-trees over text, range partitions and CHECK constraints that compare text no longer mean what they did.
//!
//! That B-trees are in order by the rules of *this* server is checked index by index. So a difference here is no damage: it is said.

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error, Row};

use super::Answer;

/// Collations that something of ours is sorted by.
const COLLATIONS: &str = "\
select format('%I.%I', n.nspname, c.collname), c.collversion, pg_collation_actual_version(c.oid) \
from pg_collation c join pg_namespace n on n.oid = c.collnamespace \
where c.collversion is distinct from pg_collation_actual_version(c.oid) \
  and exists (select from pg_depend d where d.refclassid = 'pg_collation'::regclass and d.refobjid = c.oid) order by 1";

/// The database's own, recorded from PostgreSQL 15 on.
const OF_DATABASE: &str = "\
select 'the database''s own', datcollversion, pg_database_collation_actual_version(oid) from pg_database \
where datname = current_database() and datcollversion is distinct from pg_database_collation_actual_version(oid)";

pub(super) async fn examine(client: &Client) -> Result<Answer, Error> {
    let recorded = "select current_setting('server_version_num')::int >= 150000";
    let recorded: bool = client.query_one(recorded, &[]).await?.try_get(0)?;
    let mut changed = client.query(COLLATIONS, &[]).await?;
    if recorded {
        changed.extend(client.query(OF_DATABASE, &[]).await?);
    }
    let words = changed.iter().map(in_words).collect::<Result<Vec<_>, _>>()?;
    Ok(judged(&words, recorded))
}

fn in_words(row: &Row) -> Result<String, Error> {
    let (name, recorded, actual): (String, Option<String>, Option<String>) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let shown = |version: Option<String>| version.unwrap_or_else(|| "none".into());
    Ok(format!("{name} (recorded {}, here {})", shown(recorded), shown(actual)))
}

fn judged(changed: &[String], of_database_recorded: bool) -> Answer {
    if !changed.is_empty() {
        let detail = format!(
            "other rules to sort by than when the data was written: {}; the B-trees are in order by the rules here, partitions and \
             CHECK constraints that compare text are not known to be",
            changed.join(", ")
        );
        return (Outcome::NotRun, detail);
    }
    let detail = if of_database_recorded {
        "every collation is of the version that was recorded"
    } else {
        "every collation is of the version that was recorded; the database's own is not recorded before PostgreSQL 15"
    };
    (Outcome::Passed, detail.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_no_damage_and_is_said() {
        let (outcome, detail) = judged(&["public.german (recorded 2.31, here 2.36)".into()], true);
        assert_eq!(outcome, Outcome::NotRun);
        assert!(detail.contains("public.german (recorded 2.31, here 2.36)"), "{detail}");
        assert_eq!(judged(&[], true).0, Outcome::Passed);
    }
}
