//! The checks of a document database themselves. What an error means is decided here, once, by `meaning`.

mod asked;
mod index;
mod read;
mod validate;

use std::time::{Duration, Instant};

use holdfast_domain::Outcome;
use holdfast_ledger::Observed;
use jiff::SignedDuration;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::{Client, Database};

use super::units::DocumentTask;
use super::{Meaning, meaning, said};
use crate::examine::told_definitions;
use crate::room::{Examined, Judgement};
use crate::work::{Task, Unit};

/// What a check says when it ran to its end.
type Answer = (Outcome, String);

/// Why there is no answer.
enum Stop {
    /// The limit came first.
    Late,
    /// The server refused, or is lost.
    Refused(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

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

/// Makes one check.
///
/// # Errors
/// When the server is lost.
pub(crate) async fn examine(client: &Client, tls: &str, unit: &Unit, limit: Duration) -> Result<Examined, Error> {
    let started = Instant::now();
    let seen = look(client, tls, unit, started + limit).await;
    let judged = |Seen { answer: (outcome, detail), observed }| {
        let took = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
        Examined::Judged(Judgement { outcome, detail, took, observed })
    };
    let told = |error: &Error| match &unit.subject {
        Some(subject) => format!("{subject}: {}", said(error)),
        None => said(error),
    };
    match seen {
        Ok(seen) => Ok(judged(seen)),
        Err(Stop::Late) => Ok(Examined::Cut),
        Err(Stop::Refused(error)) => match meaning(&error) {
            Meaning::Lost => Err(error),
            Meaning::Cut => Ok(Examined::Cut),
            Meaning::Damage => Ok(judged((Outcome::Failed, told(&error)).into())),
            Meaning::Forbidden | Meaning::Unsupported | Meaning::NotRun => {
                Ok(judged((Outcome::NotRun, told(&error)).into()))
            }
        },
    }
}

async fn look(client: &Client, tls: &str, unit: &Unit, until: Instant) -> Result<Seen, Stop> {
    Ok(match &unit.task {
        Task::Settled { outcome, detail } => (*outcome, detail.clone()).into(),
        Task::Tls => (Outcome::Passed, tls.to_owned()).into(),
        Task::Server => server(client, until).await?.into(),
        Task::Documents(task) => document(client, task, until).await?,
        Task::Count { .. }
        | Task::CountBlocks { .. }
        | Task::CountIndex { .. }
        | Task::CountParts { .. }
        | Task::Heap { .. }
        | Task::Index { .. }
        | Task::SystemCatalog { .. }
        | Task::LargeObjects { .. }
        | Task::Constraint { .. }
        | Task::Sequence { .. }
        | Task::Schema { .. }
        | Task::Collations { .. }
        | Task::VacuumCount { .. }
        | Task::Migrations { .. }
        | Task::TableCount { .. }
        | Task::Immutable { .. }
        | Task::ImmutableBlocks { .. }
        | Task::Fresh { .. }
        | Task::Sql { .. } => {
            (Outcome::NotRun, "it is asked in SQL, and the room holds a document database".to_owned()).into()
        }
    })
}

async fn document(client: &Client, task: &DocumentTask, until: Instant) -> Result<Seen, Stop> {
    let database = client.database(task.database());
    Ok(match task {
        DocumentTask::Read { namespace } => read::examine(&database, namespace, until).await?,
        DocumentTask::Index { namespace, index, read } => {
            index::examine(&database, namespace, index, read.observed.as_deref(), until).await?.into()
        }
        DocumentTask::Validate { namespace } => {
            validate::examine(&database, &namespace.collection, until).await?.into()
        }
        DocumentTask::Definitions { now, before, .. } => {
            Seen { answer: told_definitions(now, before.as_ref()), observed: Some(Observed::Schema(now.clone())) }
        }
        DocumentTask::Found { check } => asked::found(&database, check, until).await?.into(),
        DocumentTask::Fresh { check, fresh, taken_at } => {
            asked::fresh(&database, check, fresh, *taken_at, until).await?.into()
        }
        DocumentTask::Number { check, shrink_max_percent, before } => {
            asked::number(&database, check, *shrink_max_percent, before.as_ref(), until).await?
        }
    })
}

async fn server(client: &Client, until: Instant) -> Result<Answer, Stop> {
    let admin = client.database("admin");
    let build = run(&admin, doc! { "buildInfo": 1 }, until).await?;
    let hello = run(&admin, doc! { "hello": 1 }, until).await?;
    let version = build.get_str("version").unwrap_or("unknown");
    let role = match (hello.get_str("setName"), hello.get_bool("isWritablePrimary")) {
        (Ok(set), Ok(true)) => format!("primary of the replica set {set}"),
        (Ok(set), Ok(false) | Err(_)) => format!("member of the replica set {set}, not its primary"),
        (Err(_), _) => "no replica set".into(),
    };
    Ok((Outcome::Passed, format!("MongoDB {version} or what answers as such; {role}")))
}

/// A command that must end in time: the server keeps the limit itself.
async fn run(database: &Database, mut command: Document, until: Instant) -> Result<Document, Stop> {
    command.insert("maxTimeMS", left_ms(until)?);
    Ok(database.run_command(command).await?)
}

/// Never 0, which would mean no limit at all.
fn left_ms(until: Instant) -> Result<i64, Stop> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Stop::Late);
    }
    Ok(i64::try_from(left.as_millis()).unwrap_or(i64::MAX).clamp(1, i64::from(i32::MAX)))
}

/// Counts documents by going through an index. A `count` may be answered from metadata; a `$group` must meet each document (source:
/// MongoDB manual, "count", "Accuracy After Unexpected Shutdown").
pub(super) fn count_by(collection: &str, index: &str) -> Document {
    let pipeline = vec![Bson::Document(doc! { "$group": { "_id": Bson::Null, "n": { "$sum": 1 } } })];
    doc! { "aggregate": collection, "pipeline": pipeline, "cursor": {}, "hint": index }
}

/// The one number of an aggregation that counts; no document is no group, and 0.
fn number(reply: &Document) -> u64 {
    let first = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch")).ok();
    let counted = first.and_then(|batch| batch.first()?.as_document()?.get("n"));
    counted.and_then(whole).unwrap_or(0)
}

/// Servers answer with whichever sort of number is wide enough.
fn whole(value: &Bson) -> Option<u64> {
    if let Some(number) = value.as_i64().or_else(|| value.as_i32().map(i64::from)) {
        return u64::try_from(number).ok();
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0)?;
    // Exact up to 2^53, far more than any collection holds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and not negative, as checked")]
    Some(number as u64)
}

fn documents(number: u64) -> String {
    crate::examine::counted(i64::try_from(number).unwrap_or(i64::MAX), "document")
}
