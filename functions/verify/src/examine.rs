//! The checks themselves, one file for each sort.
//!
//! Each gives an answer in words, or the server's error; what an error means is decided here, once, and the rule is the same for
//! all: damage that the server reports is a failure, whatever kept the check from running is *not run*, and a lost server is neither.

mod catalog;
mod collation;
mod constraint;
mod count;
mod fresh;
mod heap;
mod immutable;
mod index;
mod large_objects;
mod migrations;
mod plan;
mod schema;
mod sequence;
mod server;
mod sql;
mod table_count;
mod tls;
mod vacuum;

use std::time::{Duration, Instant};

use holdfast_domain::Outcome;
use holdfast_ledger::Observed;
use jiff::SignedDuration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, GenericClient};

pub(crate) use schema::told as told_definitions;
pub(crate) use sql::{QUESTION_MAX, cancelled};

use crate::room::{Examined, Judgement};
use crate::work::{Task, Unit};

/// What a check says when it ran to its end.
type Answer = (Outcome, String);

/// An answer, and what was observed for later runs to compare with.
struct Seen {
    answer: Answer,
    observed: Option<Observed>,
}

impl From<Answer> for Seen {
    fn from(answer: Answer) -> Self {
        Self { answer, observed: None }
    }
}

/// Makes one check in a session of its own.
///
/// # Errors
/// When the server is lost.
pub(crate) async fn examine(client: &mut Client, unit: &Unit, limit: Duration) -> Result<Examined, Error> {
    let started = Instant::now();
    let seen = match limited(client, limit).await {
        Ok(()) => look(client, unit, limit, started + limit).await,
        Err(error) => Err(error),
    };
    let judged = |Seen { answer: (outcome, detail), observed }| {
        let took = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
        Examined::Judged(Judgement { outcome, detail, took, observed })
    };
    match seen {
        Ok(seen) => Ok(judged(seen)),
        Err(error) => match meaning(&error) {
            Meaning::Lost => Err(error),
            Meaning::Cut => Ok(Examined::Cut),
            Meaning::Damage => Ok(judged((Outcome::Failed, told(unit, &error)).into())),
            Meaning::NotRun => Ok(judged((Outcome::NotRun, told(unit, &error)).into())),
        },
    }
}

/// The answer of any check whose database could not be opened.
pub(crate) fn unopened(error: &Error) -> Examined {
    let outcome = if is_damage(error) { Outcome::Failed } else { Outcome::NotRun };
    let detail = format!("the database cannot be opened: {}", said(error));
    Examined::Judged(Judgement { outcome, detail, took: SignedDuration::ZERO, observed: None })
}

async fn look(client: &mut Client, unit: &Unit, limit: Duration, until: Instant) -> Result<Seen, Error> {
    let answer = match &unit.task {
        // What is observed as well.
        Task::CountBlocks { table, first_block, last_block } => {
            return count::examine_blocks(client, table, (*first_block, *last_block)).await;
        }
        Task::CountIndex { table, indexes } => return count::examine_index(client, table, indexes).await,
        Task::Server => return server::examine(client).await,
        Task::Schema { before, .. } => return schema::examine(client, before.as_ref()).await,
        Task::TableCount { check, before, split, .. } => {
            return table_count::examine(client, check, before.as_ref(), split.as_ref()).await;
        }
        Task::Immutable { question, split: None, .. } => return immutable::examine(client, question, until).await,
        Task::Immutable { question, split: Some(split), .. } => {
            return immutable::conclude(client, question, split, until).await;
        }
        Task::ImmutableBlocks { table, question, first_block, last_block } => {
            return immutable::examine_blocks(client, question, table, (*first_block, *last_block), until).await;
        }
        // What is answered alone.
        Task::Settled { outcome, detail } => (*outcome, detail.clone()),
        Task::Tls => tls::examine(client).await?,
        Task::Count { table, indexes } => count::examine(client, table, indexes, until).await?,
        Task::CountParts { table, indexes, pages, by_index } => {
            count::conclude(client, table, indexes, (pages, by_index), until).await?
        }
        Task::Heap { relation, function, first_block, last_block } => {
            let subject = unit.subject.as_deref().unwrap_or(&relation.name);
            heap::examine(client, subject, relation.oid, function, (*first_block, *last_block), until).await?
        }
        Task::Index { index, function } => index::examine(client, index, function).await?,
        Task::LargeObjects { .. } => large_objects::examine(client).await?,
        Task::SystemCatalog { verify_heapam, bt_index_check, .. } => {
            catalog::examine(client, verify_heapam, bt_index_check, until).await?
        }
        Task::Constraint { constraint, .. } => constraint::examine(client, constraint, limit).await?,
        Task::Sequence { sequence } => sequence::examine(client, sequence).await?,
        Task::Collations { .. } => collation::examine(client).await?,
        Task::VacuumCount { table, index, function } => vacuum::examine(client, table, index, function, until).await?,
        Task::Migrations { check, .. } => migrations::examine(client, check).await?,
        Task::Fresh { check, taken_at, .. } => fresh::examine(client, check, *taken_at, limit).await?,
        Task::Sql { check, .. } => sql::examine(client, check, limit).await?,
        Task::Documents(_) => {
            (Outcome::NotRun, "it is asked of a document database, and the room holds PostgreSQL".into())
        }
    };
    Ok(answer.into())
}

/// Keeps the session's statements within a limit. Never 0, which would mean no limit at all.
async fn limited(client: &impl GenericClient, limit: Duration) -> Result<(), Error> {
    let limit_ms = limit.as_millis().clamp(1, i32::MAX as u128);
    client.batch_execute(&format!("set statement_timeout = {limit_ms}")).await
}

/// The same for a check of several statements: the time that the ones before took is gone.
async fn limited_until(client: &impl GenericClient, until: Instant) -> Result<(), Error> {
    limited(client, until.saturating_duration_since(Instant::now())).await
}

/// What an error of the server means for the check that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The data is damaged.
    Damage,
    /// The limit came first.
    Cut,
    /// The check could not run.
    NotRun,
    /// The server, or the connection to it, is gone.
    Lost,
}

/// Whether the server says that its data is damaged.
pub(crate) fn is_damage(error: &Error) -> bool {
    error.code().is_some_and(says_damage)
}

/// Damaged pages (XX001) and indexes (XX002); a file of a table, or of the transaction status, that is missing (58P01) or cannot
/// be read (58030); and the server's own broken assumptions (XX000), which in a check that only reads are met over broken data.
fn says_damage(code: &SqlState) -> bool {
    matches!(code.code(), "XX000" | "XX001" | "XX002" | "58P01" | "58030")
}

fn meaning(error: &Error) -> Meaning {
    match error.code() {
        None => Meaning::Lost,
        Some(code) if code.code().starts_with("57P") || code.code().starts_with("08") => Meaning::Lost,
        Some(code) if *code == SqlState::QUERY_CANCELED => Meaning::Cut,
        Some(code) if says_damage(code) => Meaning::Damage,
        Some(_) => Meaning::NotRun,
    }
}

fn told(unit: &Unit, error: &Error) -> String {
    match &unit.subject {
        Some(subject) => format!("{subject}: {}", said(error)),
        None => said(error),
    }
}

/// The server's message. Its DETAIL stays out: it may quote data.
fn said(error: &Error) -> String {
    match error.as_db_error() {
        Some(refused) => format!("the server says: {} (SQLSTATE {})", refused.message(), refused.code().code()),
        None => error.to_string(),
    }
}

/// A number as people read it: `199,942`.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{}{}", if number < 0 { "-" } else { "" }, groups.join(","))
}

/// A number of things: `1 row`, `2 rows`.
pub(crate) fn counted(number: i64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

fn rows(number: i64) -> String {
    counted(number, "row")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, wanted) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (199_942, "199,942"), (-1_234_567, "-1,234,567")]
        {
            assert_eq!(grouped(number), wanted);
        }
        assert_eq!((rows(1), rows(2)), ("1 row".to_owned(), "2 rows".to_owned()));
    }

    #[test]
    fn only_what_the_server_calls_damage_is_damage() {
        for code in ["XX000", "XX001", "XX002", "58P01", "58030"] {
            assert!(says_damage(&SqlState::from_code(code)), "{code}");
        }
        for code in ["42501", "57014", "55P03", "53100", "42P01", "0A000"] {
            assert!(!says_damage(&SqlState::from_code(code)), "{code}");
        }
    }
}
