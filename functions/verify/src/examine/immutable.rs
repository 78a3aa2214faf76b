//! Rows that never change, hashed and held against the last proved restore: the only thing that finds a flipped bit within a value when
//! checksums are off, and the only thing that finds rows lost together with their index entries.
//!
//! One scan gives a count and a hash for every day (UTC) of the plan's column. A range's hash is the *sum* of its rows' hashes, so
//! neither the order of rows nor how they are put together matters: whatever ranges the last proof kept, days add up to them, and so do the
//! parts that a large table is read in, by several connections and over as many invocations as it takes.
//!
//! - A row's hash has 64 bits, from those of its values: another value in one column gives another hash of the row, and the sum shows it
//!   unless what else changed makes up for it, which chance does once in 2^64. It is a sum and no XOR, so that a row that is there twice
//!   does not vanish. It is no defence against somebody who knows it and writes rows to fit: that is what the recovery point's own
//!   protection is for.
//! - Only days that ended a day before the recovery point's time are looked at: a transaction may commit long after it took its time.
//! - What is hashed is a list of columns with their types. If columns were added since, the columns of then are hashed once more, for
//!   the comparison; if one was dropped or changed its type, contents cannot be compared: counts still are, and contents begin anew.
//! - Rows whose column is NULL or infinite belong to no day and are left out.
//! - Rows that were changed on purpose (an erasure) fail the check until it gets another name in the plan, which begins anew.
//! - Parts are not read in one snapshot. If they do not agree with the last proof and somebody wrote to the server meanwhile, the table is
//!   read once more in one piece before it is called different.

mod compare;
mod days;

use std::time::Instant;

use holdfast_domain::Outcome;
use holdfast_domain::plan::ImmutableCheck;
use holdfast_ledger::{DaysObserved, Observed, RangesObserved};
use jiff::SignedDuration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, IsolationLevel};

use self::compare::{Now, judged};
use self::days::{DAYS_MAX, Day, date_of, ranges};
use super::count::NEXT_TRANSACTION;
use super::plan::FORCE_RANGE;
use super::sql::refused;
use super::table_count::{NAMED, is_still};
use super::{Answer, Seen, limited_until, rows};
use crate::catalog::quoted;
use crate::work::{ImmutableBefore, ImmutableQuestion, Relation, Split};

/// How long after it took its time a transaction may commit.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Text forms that do not depend on anybody's settings; and days, which are few, are gathered by their hash: sorting the rows by day would
/// write all of them to the disk.
const FORMS: &str = "\
set local enable_sort = off; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'iso_8601'; \
set local extra_float_digits = 1; set local bytea_output = 'hex'";

/// Columns that are stored, in order, and whether the plan's is a point in time.
const COLUMNS: &str = "\
select quote_ident(attname), format_type(atttypid, null), attname = $2, atttypid in (1082, 1114, 1184) \
from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped and attgenerated <> 'v' order by attnum";

/// The whole table, in one snapshot.
pub(super) async fn examine(client: &mut Client, question: &ImmutableQuestion, until: Instant) -> Result<Seen, Error> {
    let subject = match Subject::of(client, question).await? {
        Ok(subject) => subject,
        Err(answer) => return Ok(answer.into()),
    };
    limited_until(client, until).await?;
    let from = format!("{} t", subject.table);
    match days_of(client, question, &subject, &from, None).await {
        Ok(Read { days, .. }) => Ok(judged_days(question, &subject.table, subject.hashed, &days)),
        Err(error) => Ok(refused(error)?.into()),
    }
}

/// A range of pages of the table, or of a partition of it: what is seen there is compared with nothing yet.
pub(super) async fn examine_blocks(
    client: &mut Client,
    question: &ImmutableQuestion,
    table: &Relation,
    (first, last): (u64, u64),
    until: Instant,
) -> Result<Seen, Error> {
    let subject = match Subject::of(client, question).await? {
        Ok(subject) => subject,
        Err((_, detail)) => return Ok((Outcome::NotRun, detail).into()),
    };
    limited_until(client, until).await?;
    let from = format!("only {}.{} t", quoted(&table.schema), quoted(&table.name));
    let Read { days, next_transaction } = days_of(client, question, &subject, &from, Some((first, last + 1))).await?;
    let number = days.iter().map(|day| day.rows).sum::<u64>();
    let detail = format!("{}: {} in these blocks", table.shown(), rows(i64::try_from(number).unwrap_or(i64::MAX)));
    let days = days.iter().map(Day::observed).collect();
    let observed = DaysObserved { table: subject.table, hashed: subject.hashed, days, next_transaction };
    Ok(Seen { answer: (Outcome::Passed, detail), observed: Some(Observed::Days(observed)) })
}

/// What the parts say together. Where they cannot be put together, the whole is looked at.
pub(super) async fn conclude(
    client: &mut Client,
    question: &ImmutableQuestion,
    split: &Split,
    until: Instant,
) -> Result<Seen, Error> {
    let whole = split.parts.observed.as_deref().and_then(days::together);
    let Some(whole) = whole.filter(|whole| whole.days.len() <= DAYS_MAX) else {
        return examine(client, question, until).await;
    };
    if !is_still(client, &question.check.table, split).await? {
        return examine(client, question, until).await;
    }
    let seen = judged_days(question, &whole.table, whole.hashed, &whole.days);
    if seen.answer.0 == Outcome::Failed && !whole.quiet {
        return examine(client, question, until).await;
    }
    Ok(seen)
}

/// What the days of a whole table say, and how they are kept.
fn judged_days(question: &ImmutableQuestion, table: &str, hashed: Vec<String>, days: &[Day]) -> Seen {
    let (check, end_day) = (&question.check, end_day(question));
    if days.len() > DAYS_MAX {
        return (Outcome::NotRun, format!("{table}: {} has more than {DAYS_MAX} different days", check.before)).into();
    }
    let before = before_of(question, table);
    let comparable = is_comparable(before, &hashed);
    let answer = judged(&Now { table, days, end_day, comparable }, before);
    let (table, before) = (table.to_owned(), check.before.clone());
    let observed = RangesObserved { table, before, hashed, ranges: ranges(days, end_day), end_day };
    Seen { answer, observed: Some(Observed::Ranges(observed)) }
}

/// The last proof, if it asked the same of the same table.
fn before_of<'a>(question: &'a ImmutableQuestion, table: &str) -> Option<&'a ImmutableBefore> {
    let asked =
        |before: &&ImmutableBefore| before.ranges.table == table && before.ranges.before == question.check.before;
    question.before.as_ref().filter(asked)
}

/// Whether every column of then is still there with its type.
fn is_comparable(before: Option<&ImmutableBefore>, hashed: &[String]) -> bool {
    before.is_none_or(|before| before.ranges.hashed.iter().all(|column| hashed.contains(column)))
}

/// The first day that is not looked at.
fn end_day(question: &ImmutableQuestion) -> i64 {
    (question.taken_at - SETTLED_AFTER).as_second().div_euclid(86_400)
}

/// The table and what is hashed of it.
struct Subject {
    /// Quoted for SQL.
    table: String,
    columns: Vec<Column>,
    /// The type of the column that says which day a row is of.
    type_of_day: String,
    hashed: Vec<String>,
    /// The columns of then, in the order of then, if those were others and all are still there.
    then: Option<Vec<usize>>,
}

impl Subject {
    async fn of(client: &Client, question: &ImmutableQuestion) -> Result<Result<Self, Answer>, Error> {
        let check = &question.check;
        let Some(row) = client.query_opt(NAMED, &[&check.table]).await? else {
            return Ok(Err((Outcome::Failed, format!("there is no table {}", check.table))));
        };
        let (oid, table): (u32, String) = (row.try_get(0)?, row.try_get(1)?);
        let (columns, type_of_day) = match columns(client, oid, check).await? {
            Ok(columns) => columns,
            Err(answer) => return Ok(Err(answer)),
        };
        let hashed: Vec<String> = columns.iter().map(Column::hashed).collect();
        let before = before_of(question, &table).filter(|before| is_comparable(Some(before), &hashed));
        let then = before.filter(|before| before.ranges.hashed != hashed).map(|before| {
            let place = |name: &String| hashed.iter().position(|column| column == name);
            before.ranges.hashed.iter().filter_map(place).collect()
        });
        Ok(Ok(Self { table, columns, type_of_day, hashed, then }))
    }

    /// The sum of the hashes over some of the columns.
    fn sum(&self, columns: impl Iterator<Item = usize>) -> String {
        let columns: Vec<String> =
            columns.filter_map(|place| self.columns.get(place)).map(Column::expression).collect();
        format!("sum(hash_record_extended(row({}), 0))::text", columns.join(", "))
    }
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

/// Every column, and the type of the plan's.
async fn columns(
    client: &Client,
    oid: u32,
    check: &ImmutableCheck,
) -> Result<Result<(Vec<Column>, String), Answer>, Error> {
    let hashes = "select to_regprocedure('pg_catalog.hash_record_extended(record, int8)') is not null";
    if !client.query_one(hashes, &[]).await?.try_get::<_, bool>(0)? {
        let detail = "rows cannot be hashed: that takes PostgreSQL 14 or newer".to_owned();
        return Ok(Err((Outcome::NotRun, detail)));
    }
    let (mut columns, mut of_day): (Vec<Column>, _) = (Vec::new(), None);
    for row in client.query(COLUMNS, &[&oid, &check.before]).await? {
        let (name, type_name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if row.try_get(2)? {
            of_day = Some((row.try_get::<_, bool>(3)?, type_name.clone()));
        }
        let known = columns.iter().find(|column| column.type_name == type_name).map(|column| column.hashable);
        let hashable = match known {
            Some(hashable) => hashable,
            None => is_hashable(client, &type_name).await?,
        };
        columns.push(Column { name, type_name, hashable });
    }
    Ok(match of_day {
        Some((true, type_name)) => Ok((columns, type_name)),
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

/// What was read of a table.
struct Read {
    /// In order. If there are more than [`DAYS_MAX`], one more than that.
    days: Vec<Day>,
    next_transaction: u64,
}

/// Every day before the last that has rows: count, hash, and the hash over the columns of then.
async fn days_of(
    client: &mut Client,
    question: &ImmutableQuestion,
    subject: &Subject,
    from: &str,
    blocks: Option<(u64, u64)>,
) -> Result<Read, Error> {
    let then = subject.then.as_ref().map_or("null".to_owned(), |then| subject.sum(then.iter().copied()));
    let before = format!("t.{}", quoted(&question.check.before));
    // Bounds and days are those of the column's own type: arithmetic over seconds would be most of the time of the whole check.
    let end = date_of(end_day(question)).map_or("infinity".to_owned(), |date| date.to_string());
    let type_of_day = &subject.type_of_day;
    let range =
        blocks.map_or(String::new(), |(first, end)| format!("t.ctid >= '({first},0)' and t.ctid < '({end},0)' and"));
    let statement = format!(
        "select {before}::date - date '1970-01-01', count(*), {}, {then} from {from} \
         where {range} {before} > '-infinity'::{type_of_day} and {before} < '{end}'::{type_of_day} group by 1 limit {}",
        subject.sum(0..subject.columns.len()),
        DAYS_MAX + 1
    );
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    transaction.batch_execute(FORMS).await?;
    if blocks.is_some() {
        transaction.batch_execute(FORCE_RANGE).await?;
    }
    let next: i64 = transaction.query_one(NEXT_TRANSACTION, &[]).await?.try_get(0)?;
    let rows = transaction.query(&statement, &[]).await?;
    transaction.rollback().await?;
    let mut days = rows.iter().map(Day::read).collect::<Result<Vec<_>, _>>()?;
    days.sort_by_key(|day| day.day);
    Ok(Read { days, next_transaction: u64::try_from(next).unwrap_or(0) })
}
