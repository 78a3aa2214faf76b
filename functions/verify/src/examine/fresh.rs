//! How old the newest data was when the recovery point was taken.
//!
//! It is measured against the recovery point's time and not against now: a restore test may run hours later, and what the check
//! asks is whether the recovery point held the data that production had, not whether the test came soon.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, pin_mut};
use holdfast_domain::Outcome;
use holdfast_domain::plan::FreshCheck;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::sql::{QUESTION_MAX, cancelled, refused};
use super::{Answer, Meaning, limited, meaning, said};

pub(super) async fn examine(
    client: &mut Client,
    check: &FreshCheck,
    taken_at: Timestamp,
    limit: Duration,
) -> Result<Answer, Error> {
    limited(client, limit.min(QUESTION_MAX)).await?;
    let started = Instant::now();
    let transaction = client.build_transaction().read_only(true).start().await?;
    let asked = async {
        let rows = transaction.query_raw(&check.sql, std::iter::empty::<&(dyn ToSql + Sync)>()).await?;
        pin_mut!(rows);
        let first = rows.next().await.transpose()?;
        // A stream that has ended must not be asked again.
        let second = if first.is_some() { rows.next().await.transpose()? } else { None };
        Ok::<_, Error>((first, second))
    };
    let answer = match asked.await {
        Ok((None, _)) => (Outcome::Failed, "the query gives no row: there is no newest data".into()),
        Ok((Some(_), Some(_))) => (Outcome::NotRun, "the query gives more than one row".into()),
        Ok((Some(row), None)) => match moment(&row) {
            Ok(Some(newest)) => judged(newest, taken_at, check.age_max),
            Ok(None) => (Outcome::Failed, "the query gives NULL: there is no newest data".into()),
            Err(reason) => (Outcome::NotRun, reason),
        },
        Err(error) if meaning(&error) == Meaning::Cut && QUESTION_MAX <= limit => cancelled(None, started.elapsed()),
        Err(error) => refused(error)?,
    };
    transaction.rollback().await?;
    Ok(answer)
}

/// The one moment in a row. `timestamp` is read as UTC, and a `date` as its beginning: the data is at least that new.
fn moment(row: &Row) -> Result<Option<Timestamp>, String> {
    let [column] = row.columns() else {
        return Err(format!("the query gives {} columns, not one", row.columns().len()));
    };
    let unreadable = |error: &Error| format!("the query's answer cannot be read: {}", said(error));
    let in_utc = |moment: DateTime| {
        moment.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
    };
    match *column.type_() {
        Type::TIMESTAMPTZ => row.try_get(0).map_err(|error| unreadable(&error)),
        Type::TIMESTAMP => {
            let moment: Option<DateTime> = row.try_get(0).map_err(|error| unreadable(&error))?;
            moment.map(in_utc).transpose()
        }
        Type::DATE => {
            let day: Option<Date> = row.try_get(0).map_err(|error| unreadable(&error))?;
            day.map(|day| in_utc(day.to_datetime(jiff::civil::Time::midnight()))).transpose()
        }
        ref other => Err(format!("the query gives a {other}, not a timestamptz, timestamp or date")),
    }
}

fn judged(newest: Timestamp, taken_at: Timestamp, age_max: SignedDuration) -> Answer {
    let age = whole_seconds(taken_at.duration_since(newest));
    let relation = if age.is_negative() { format!("{:#} after", age.abs()) } else { format!("{age:#} before") };
    let detail =
        format!("the newest row is of {newest}, {relation} the recovery point's time; {age_max:#} before is allowed");
    (if age <= age_max { Outcome::Passed } else { Outcome::Failed }, detail)
}

/// Fractions of a second are noise: RDS gives a snapshot's time to the second at best.
fn whole_seconds(duration: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_is_the_age_at_the_recovery_points_time() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
        let (taken_at, age_max) = (at("2026-11-20T02:00:00Z"), SignedDuration::from_mins(15));
        let outcome = |newest| judged(at(newest), taken_at, age_max);
        assert_eq!(
            outcome("2026-11-20T01:50:00Z"),
            (
                Outcome::Passed,
                "the newest row is of 2026-11-20T01:50:00Z, 10m before the recovery point's time; 15m before is allowed".into()
            )
        );
        assert_eq!(outcome("2026-11-20T01:45:00Z").0, Outcome::Passed, "exactly as old as it may be");
        assert_eq!(outcome("2026-11-20T01:44:59Z").0, Outcome::Failed);
        assert_eq!(outcome("2026-11-20T02:00:03Z").0, Outcome::Passed, "a clock that runs ahead is not stale data");
    }
}
