//! Rows that never change, hashed and held against the last proved restore: the only thing that finds a flipped bit within a value when
//! checksums are off, and the only thing that finds rows lost together with their index entries.
//!
//! One scan gives a count and a hash for every day (UTC) of the plan's column. A range's hash is the *sum* of its rows' hashes, so
//! neither the order of rows nor how days are put together into ranges matters: whatever ranges the last proof kept, days add up to them.
//!
//! - Only days that ended a day before the recovery point's time are looked at: a transaction may commit long after it took its time.
//! - What is hashed is a list of columns with their types. If columns were added since, the columns of then are hashed once more, for
//!   the comparison; if one was dropped or changed its type, contents cannot be compared: counts still are, and contents begin anew.
//! - Rows whose column is NULL or infinite belong to no day and are left out.
//! - Rows that were changed on purpose (an erasure) fail the check until it gets another name in the plan, which begins anew.
//!
//! It is one statement over one table and cannot be split over invocations: at 100 MB/s an invocation holds some 80 GB.

mod compare;
mod days;

use std::time::Instant;

use holdfast_domain::Outcome;
use holdfast_domain::plan::ImmutableCheck;
use holdfast_ledger::{Observed, RangesObserved};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, IsolationLevel};

use self::compare::{Now, judged};
use self::days::{DAYS_MAX, Day, ranges};
use super::sql::refused;
use super::table_count::NAMED;
use super::{Seen, limited_until};
use crate::work::ImmutableBefore;

/// How long after it took its time a transaction may commit.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Text forms that do not depend on anybody's settings.
const FORMS: &str = "\
set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'iso_8601'; \
set local extra_float_digits = 1; set local bytea_output = 'hex'";

/// Columns that are stored, in order, and whether the plan's is a point in time.
const COLUMNS: &str = "\
select quote_ident(attname), format_type(atttypid, null), attname = $2, atttypid in (1082, 1114, 1184) \
from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped and attgenerated <> 'v' order by attnum";

pub(super) async fn examine(
    client: &mut Client,
    check: &ImmutableCheck,
    taken_at: Timestamp,
    before: Option<&ImmutableBefore>,
    until: Instant,
) -> Result<Seen, Error> {
    let Some(row) = client.query_opt(NAMED, &[&check.table]).await? else {
        return Ok((Outcome::Failed, format!("there is no table {}", check.table)).into());
    };
    let (oid, table): (u32, String) = (row.try_get(0)?, row.try_get(1)?);
    let columns = match columns(client, oid, check).await? {
        Ok(columns) => columns,
        Err(answer) => return Ok(answer.into()),
    };
    let hashed: Vec<String> = columns.iter().map(Column::hashed).collect();
    let before = before.filter(|before| before.ranges.table == table && before.ranges.before == check.before);
    let comparable = before.is_none_or(|before| before.ranges.hashed.iter().all(|column| hashed.contains(column)));
    // The columns of then, in the order of then.
    let then: Option<Vec<&Column>> =
        before.filter(|before| comparable && before.ranges.hashed != hashed).map(|before| {
            let named = |name: &String| columns.iter().find(|column| column.hashed() == *name);
            before.ranges.hashed.iter().filter_map(named).collect()
        });
    let end_day = day_of(taken_at - SETTLED_AFTER);
    limited_until(client, until).await?;
    let all: Vec<&Column> = columns.iter().collect();
    let days = match days_of(client, &table, check, [Some(all), then], end_day).await {
        Ok(days) => days,
        Err(error) => return Ok(refused(error)?.into()),
    };
    if days.len() > DAYS_MAX {
        return Ok(
            (Outcome::NotRun, format!("{table}: {} has more than {DAYS_MAX} different days", check.before)).into()
        );
    }
    let answer = judged(&Now { table: &table, days: &days, end_day, comparable }, before);
    let observed =
        RangesObserved { table, before: check.before.clone(), hashed, ranges: ranges(&days, end_day), end_day };
    Ok(Seen { answer, observed: Some(Observed::Ranges(observed)) })
}

/// A column as it is hashed.
struct Column {
    /// Quoted for SQL.
    name: String,
    type_name: String,
    /// Whether its type has a hash of its own; else its text is hashed.
    hashable: bool,
}

impl Column {
    /// Name and type: another type would give other hashes.
    fn hashed(&self) -> String {
        format!("{} {}", self.name, self.type_name)
    }

    fn expression(&self) -> String {
        if self.hashable { format!("t.{}", self.name) } else { format!("(t.{})::text", self.name) }
    }
}

async fn columns(
    client: &Client,
    oid: u32,
    check: &ImmutableCheck,
) -> Result<Result<Vec<Column>, super::Answer>, Error> {
    let (mut columns, mut before) = (Vec::new(), None);
    for row in client.query(COLUMNS, &[&oid, &check.before]).await? {
        let (name, type_name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if row.try_get(2)? {
            before = Some((row.try_get::<_, bool>(3)?, type_name.clone()));
        }
        let hashable = is_hashable(client, &type_name).await?;
        columns.push(Column { name, type_name, hashable });
    }
    Ok(match before {
        Some((true, _)) => Ok(columns),
        Some((false, other)) => {
            Err((Outcome::NotRun, format!("{}.{} is a {other}, not a point in time", check.table, check.before)))
        }
        None => Err((Outcome::Failed, format!("{} has no column {}", check.table, check.before))),
    })
}

/// Whether a type has a hash of its own; `json`, `xml` and `point` have none, nor have arrays of them.
async fn is_hashable(client: &Client, type_name: &str) -> Result<bool, Error> {
    // Nothing is hashed: the function is looked up before the value is.
    match client.execute(&format!("select hash_record_extended(row(null::{type_name}), 0)"), &[]).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_FUNCTION) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Every day before `end_day` that has rows, in order: count, hash, and the hash over the columns of then.
async fn days_of(
    client: &mut Client,
    table: &str,
    check: &ImmutableCheck,
    [all, then]: [Option<Vec<&Column>>; 2],
    end_day: i64,
) -> Result<Vec<Day>, Error> {
    let sum = |columns: Option<Vec<&Column>>| {
        columns.map_or("null".to_owned(), |columns| {
            let columns: Vec<String> = columns.into_iter().map(Column::expression).collect();
            format!("sum(hash_record_extended(row({}), 0))::text", columns.join(", "))
        })
    };
    let before = format!("t.{}", crate::catalog::quoted(&check.before));
    let day = format!("floor(extract(epoch from {before}) / 86400)::int8");
    let question = format!(
        "select {day}, count(*), {}, {} from {table} t where isfinite({before}) and {day} < $1 group by 1 order by 1 limit {}",
        sum(all),
        sum(then),
        DAYS_MAX + 1
    );
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    transaction.batch_execute(FORMS).await?;
    let rows = transaction.query(&question, &[&end_day]).await?;
    transaction.rollback().await?;
    rows.iter().map(Day::read).collect()
}

/// The day of a moment, as days since 1970-01-01 in UTC.
fn day_of(moment: Timestamp) -> i64 {
    moment.as_second().div_euclid(86_400)
}
