//! The plan's own questions, asked read-only and within a time.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, pin_mut};
use holdfast_domain::Outcome;
use holdfast_domain::plan::SqlCheck;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Transaction};

use super::{Answer, Meaning, counted, limited, meaning, said};

/// The longest a question without `within` may take. A plan's question is a smoke test, not a report.
pub(crate) const QUESTION_MAX: Duration = Duration::from_secs(300);

/// A question that is late is let go on for as long again, so that the answer can say how late.
const PATIENCE: u32 = 2;

pub(super) async fn examine(client: &mut Client, check: &SqlCheck, limit: Duration) -> Result<Answer, Error> {
    let within = check.within.and_then(|within| Duration::try_from(within).ok());
    let own_limit = within.map_or(QUESTION_MAX, |within| within.saturating_mul(PATIENCE)).max(Duration::from_secs(1));
    limited(client, limit.min(own_limit)).await?;
    let transaction = client.build_transaction().read_only(true).start().await?;
    let started = Instant::now();
    let answered = count_rows(&transaction, &check.sql).await;
    let took = started.elapsed();
    let answer = match answered {
        Ok(rows) => judged(check, rows, within, took),
        Err(error) if meaning(&error) == Meaning::Cut && own_limit <= limit => cancelled(within, took),
        Err(error) => refused(error)?,
    };
    transaction.rollback().await?;
    Ok(answer)
}

/// Rows are counted as they come and never kept.
async fn count_rows(transaction: &Transaction<'_>, sql: &str) -> Result<u64, Error> {
    let rows = transaction.query_raw(sql, std::iter::empty::<&(dyn ToSql + Sync)>()).await?;
    pin_mut!(rows);
    let mut number = 0;
    while let Some(row) = rows.next().await {
        row?;
        number += 1;
    }
    Ok(number)
}

/// What an error says about a question of the plan's: the restored database cannot answer what production can, and that is a failure;
/// unless we may not ask, or nobody is there to answer.
pub(super) fn refused(error: Error) -> Result<Answer, Error> {
    match meaning(&error) {
        Meaning::Lost | Meaning::Cut => Err(error),
        Meaning::Damage => Ok((Outcome::Failed, said(&error))),
        Meaning::NotRun if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Ok((Outcome::NotRun, said(&error)))
        }
        Meaning::NotRun => Ok((Outcome::Failed, said(&error))),
    }
}

fn judged(check: &SqlCheck, rows: u64, within: Option<Duration>, took: Duration) -> Answer {
    let shown = |number: u64| counted(i64::try_from(number).unwrap_or(i64::MAX), "row");
    let found = format!("{} in {} ms", shown(rows), took.as_millis());
    if rows < check.rows_min {
        return (Outcome::Failed, format!("{found}; at least {} wanted", shown(check.rows_min)));
    }
    match within {
        Some(within) if took > within => (Outcome::Failed, format!("{found}; {} ms are allowed", within.as_millis())),
        Some(within) => (Outcome::Passed, format!("{found} of {} allowed", within.as_millis())),
        None => (Outcome::Passed, found),
    }
}

pub(crate) fn cancelled(within: Option<Duration>, took: Duration) -> Answer {
    match within {
        Some(within) => {
            let detail = format!("no answer after {} ms; {} ms are allowed", took.as_millis(), within.as_millis());
            (Outcome::Failed, detail)
        }
        None => (Outcome::NotRun, format!("no answer after {} s, the longest that is waited", took.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_domain::Requirement;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn an_answer_is_judged_by_its_rows_and_its_time() {
        let check = |rows_min, within: Option<u64>| SqlCheck {
            sql: String::new(),
            rows_min,
            within: within.and_then(|ms| SignedDuration::try_from(Duration::from_millis(ms)).ok()),
            requirement: Requirement::Required,
        };
        let said = |rows_min, rows, within, took| {
            judged(&check(rows_min, within), rows, within.map(Duration::from_millis), Duration::from_millis(took))
        };
        assert_eq!(said(1, 0, None, 3), (Outcome::Failed, "0 rows in 3 ms; at least 1 row wanted".into()));
        assert_eq!(said(1, 50, None, 3), (Outcome::Passed, "50 rows in 3 ms".into()));
        assert_eq!(said(1, 50, Some(500), 500), (Outcome::Passed, "50 rows in 500 ms of 500 allowed".into()));
        assert_eq!(said(1, 50, Some(500), 501), (Outcome::Failed, "50 rows in 501 ms; 500 ms are allowed".into()));
        assert_eq!(said(0, 0, None, 3).0, Outcome::Passed, "no row wanted is no row missing");
    }
}
