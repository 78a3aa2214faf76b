//! The plan's own questions to a document database, asked read-only and within a time.

use std::time::{Duration, Instant};

use holdfast_domain::Outcome;
use holdfast_domain::plan::{DocumentCheck, DocumentFreshness};
use holdfast_ledger::{Observed, RowsObserved};
use jiff::{SignedDuration, Timestamp};
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;

use super::{Answer, Meaning, Seen, Stop, documents, meaning, number as counted, run, said};
use crate::documents::catalog::shown_collection;
use crate::documents::units::named;
use crate::examine::{QUESTION_MAX, cancelled};
use crate::work::CountBefore;

/// A question that is late is let go on for as long again, so that the answer can say how late.
const PATIENCE: u32 = 2;

/// Whether so many documents as are wanted pass the filter. No more than those are looked for: what a collection grows to says nothing.
pub(super) async fn found(database: &Database, check: &DocumentCheck, until: Instant) -> Result<Answer, Stop> {
    let filter = match filter(check) {
        Ok(filter) => filter,
        Err(answer) => return Ok(answer),
    };
    let wanted = i64::try_from(check.documents_min).unwrap_or(i64::MAX);
    let command = aggregate(
        check,
        vec![
            doc! { "$match": filter },
            doc! { "$limit": wanted },
            doc! { "$group": { "_id": Bson::Null, "n": { "$sum": 1 } } },
        ],
    );
    let within = check.within.and_then(|within| Duration::try_from(within).ok());
    let own = within.map_or(QUESTION_MAX, |within| within.saturating_mul(PATIENCE)).max(Duration::from_secs(1));
    let started = Instant::now();
    let own_until = started + own;
    match run(database, command, until.min(own_until)).await {
        Ok(reply) => Ok(judged(check, counted(&reply), within, started.elapsed())),
        Err(Stop::Refused(error)) if meaning(&error) == Meaning::Cut && own_until <= until => {
            Ok(cancelled(within, started.elapsed()))
        }
        Err(Stop::Refused(error)) => refused(error),
        Err(Stop::Late) => Err(Stop::Late),
    }
}

/// How old the newest document is.
pub(super) async fn fresh(
    database: &Database,
    check: &DocumentCheck,
    fresh: &DocumentFreshness,
    taken_at: Timestamp,
    until: Instant,
) -> Result<Answer, Stop> {
    let filter = match filter(check) {
        Ok(filter) => filter,
        Err(answer) => return Ok(answer),
    };
    let command = aggregate(
        check,
        vec![
            doc! { "$match": filter },
            doc! { "$sort": { &fresh.field: -1 } },
            doc! { "$limit": 1 },
            doc! { "$project": { "_id": 0, "newest": format!("${}", fresh.field) } },
        ],
    );
    let started = Instant::now();
    let own_until = started + QUESTION_MAX;
    match run(database, command, until.min(own_until)).await {
        Ok(reply) => Ok(match newest(&reply, &fresh.field) {
            Ok(newest) => judged_fresh(newest, taken_at, fresh.age_max),
            Err(answer) => answer,
        }),
        Err(Stop::Refused(error)) if meaning(&error) == Meaning::Cut && own_until <= until => {
            Ok(cancelled(None, started.elapsed()))
        }
        Err(Stop::Refused(error)) => refused(error),
        Err(Stop::Late) => Err(Stop::Late),
    }
}

/// How many documents there are, against the last proved restore.
pub(super) async fn number(
    database: &Database,
    check: &DocumentCheck,
    shrink_max_percent: u8,
    before: Option<&CountBefore>,
    until: Instant,
) -> Result<Seen, Stop> {
    let filter = match filter(check) {
        Ok(filter) => filter,
        Err(answer) => return Ok(answer.into()),
    };
    let group = doc! { "$group": { "_id": Bson::Null, "n": { "$sum": 1 } } };
    let reply = match run(database, aggregate(check, vec![doc! { "$match": filter }, group]), until).await {
        Ok(reply) => reply,
        Err(Stop::Refused(error)) => return Ok(refused(error)?.into()),
        Err(Stop::Late) => return Err(Stop::Late),
    };
    let (of, collection) = named(check);
    // Another filter is another question, whose number is no baseline.
    let table = match &check.filter {
        Some(filter) => format!("{} where {filter}", shown_collection(of, collection)),
        None => shown_collection(of, collection),
    };
    let now = RowsObserved { table, rows: counted(&reply), next_transaction: 0 };
    let answer = judged_number(shrink_max_percent, &now, before);
    Ok(Seen { answer, observed: Some(Observed::Rows(now)) })
}

fn aggregate(check: &DocumentCheck, stages: Vec<Document>) -> Document {
    let pipeline: Vec<Bson> = stages.into_iter().map(Bson::Document).collect();
    doc! { "aggregate": named(check).1, "pipeline": pipeline, "cursor": {} }
}

/// A filter is MongoDB's extended JSON: `{"at": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}}` compares with a date.
fn filter(check: &DocumentCheck) -> Result<Document, Answer> {
    let Some(text) = &check.filter else { return Ok(Document::new()) };
    serde_json::from_str(text).map_err(|error| (Outcome::Failed, format!("the filter cannot be read: {error}")))
}

/// What an error says about a question of the plan's: the restored database cannot answer what production can, and that is a failure;
/// unless we may not ask, or nobody is there to answer.
fn refused(error: Error) -> Result<Answer, Stop> {
    match meaning(&error) {
        Meaning::Lost | Meaning::Cut => Err(Stop::Refused(error)),
        Meaning::Forbidden => Ok((Outcome::NotRun, said(&error))),
        Meaning::Damage | Meaning::Unsupported | Meaning::NotRun => Ok((Outcome::Failed, said(&error))),
    }
}

fn judged(check: &DocumentCheck, found: u64, within: Option<Duration>, took: Duration) -> Answer {
    let wanted = check.documents_min;
    if found < wanted {
        let detail = format!("{} in {} ms; at least {} wanted", documents(found), took.as_millis(), documents(wanted));
        return (Outcome::Failed, detail);
    }
    let told = format!("at least {} in {} ms", documents(found), took.as_millis());
    match within {
        Some(within) if took > within => (Outcome::Failed, format!("{told}; {} ms are allowed", within.as_millis())),
        Some(within) => (Outcome::Passed, format!("{told} of {} allowed", within.as_millis())),
        None => (Outcome::Passed, told),
    }
}

/// When the newest document was made.
fn newest(reply: &Document, field: &str) -> Result<Timestamp, Answer> {
    let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    let Some(first) = batch.ok().and_then(|batch| batch.first()?.as_document()) else {
        return Err((Outcome::Failed, "no document passes the filter, so there is no newest one".into()));
    };
    let made_ms = match first.get("newest") {
        Some(Bson::DateTime(at)) => at.timestamp_millis(),
        Some(Bson::ObjectId(id)) => id.timestamp().timestamp_millis(),
        Some(Bson::Null) | None => return Err((Outcome::Failed, format!("no document has the field {field}"))),
        Some(other) => {
            let sort = format!("{:?}", other.element_type());
            return Err((
                Outcome::NotRun,
                format!("the highest {field} is of the sort {sort}, no date and no ObjectId"),
            ));
        }
    };
    Timestamp::from_millisecond(made_ms)
        .map_err(|_| (Outcome::NotRun, format!("the highest {field} is a date beyond the year 9999")))
}

fn judged_fresh(newest: Timestamp, taken_at: Timestamp, age_max: SignedDuration) -> Answer {
    let age = SignedDuration::from_secs(taken_at.duration_since(newest).as_secs());
    let relation = if age.is_negative() { format!("{:#} after", age.abs()) } else { format!("{age:#} before") };
    let detail = format!(
        "the newest document is of {newest}, {relation} the recovery point's time; {age_max:#} before is allowed"
    );
    (if age <= age_max { Outcome::Passed } else { Outcome::Failed }, detail)
}

fn judged_number(shrink_max_percent: u8, now: &RowsObserved, before: Option<&CountBefore>) -> Answer {
    let is = format!("{}: {}", now.table, documents(now.rows));
    let Some(before) = before.filter(|before| before.rows.table == now.table) else {
        let detail = format!("{is}; the baseline, as there is no proved restore before to compare with");
        return (Outcome::Passed, detail);
    };
    let (was, rows) = (u128::from(before.rows.rows), u128::from(now.rows));
    let enough = rows * 100 >= was * (100 - u128::from(shrink_max_percent.min(100)));
    let change = if now.rows >= before.rows.rows {
        format!("{} more", now.rows - before.rows.rows)
    } else {
        format!("{} fewer", before.rows.rows - now.rows)
    };
    let detail = format!(
        "{is}, {change} than in the last proved restore ({}); {shrink_max_percent} % fewer are allowed",
        before.run
    );
    (if enough { Outcome::Passed } else { Outcome::Failed }, detail)
}

#[cfg(test)]
mod tests {
    use holdfast_domain::Requirement;
    use mongodb::bson::DateTime;
    use mongodb::bson::oid::ObjectId;

    use super::*;

    fn check(filter: Option<&str>, documents_min: u64) -> DocumentCheck {
        DocumentCheck {
            collection: "shop.orders".into(),
            filter: filter.map(Into::into),
            documents_min,
            within: None,
            fresh: None,
            shrink_max_percent: None,
            requirement: Requirement::Required,
        }
    }

    #[test]
    fn an_answer_is_judged_by_what_is_found_and_how_fast() {
        let said = |found, within: Option<u64>, took| {
            judged(&check(None, 2), found, within.map(Duration::from_millis), Duration::from_millis(took))
        };
        assert_eq!(said(1, None, 3), (Outcome::Failed, "1 document in 3 ms; at least 2 documents wanted".into()));
        assert_eq!(said(2, None, 3), (Outcome::Passed, "at least 2 documents in 3 ms".into()));
        assert_eq!(said(2, Some(5), 5).0, Outcome::Passed);
        assert_eq!(said(2, Some(5), 6), (Outcome::Failed, "at least 2 documents in 6 ms; 5 ms are allowed".into()));
    }

    #[test]
    fn a_filter_is_extended_json() {
        let read = filter(&check(Some(r#"{"at": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}, "n": 1}"#), 1));
        let read = read.expect("a filter");
        assert!(matches!(read.get_document("at").expect("a field").get("$gte"), Some(Bson::DateTime(_))), "{read}");
        assert_eq!(filter(&check(None, 1)), Ok(Document::new()));
    }

    #[test]
    fn the_newest_document_is_told_by_a_date_or_by_an_object_id() {
        let reply = |value: Bson| doc! { "cursor": { "firstBatch": [{ "newest": value }] } };
        let at = Timestamp::from_second(1_795_000_000).expect("a moment");
        let date = Bson::DateTime(DateTime::from_millis(1_795_000_000_000));
        assert_eq!(newest(&reply(date), "at"), Ok(at));
        let mut id = [0; 12];
        id[..4].copy_from_slice(&1_795_000_000_u32.to_be_bytes());
        assert_eq!(newest(&reply(Bson::ObjectId(ObjectId::from_bytes(id))), "_id"), Ok(at));
        for (value, wanted) in [(Bson::Null, Outcome::Failed), (Bson::Int32(1), Outcome::NotRun)] {
            assert_eq!(newest(&reply(value), "at").expect_err("no moment").0, wanted);
        }
        let empty = doc! { "cursor": { "firstBatch": [] } };
        assert_eq!(newest(&empty, "at").expect_err("nothing").0, Outcome::Failed);
    }

    #[test]
    fn freshness_is_the_age_at_the_recovery_points_time() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
        let outcome = |newest| judged_fresh(at(newest), at("2026-11-20T02:00:00Z"), SignedDuration::from_mins(15)).0;
        assert_eq!(outcome("2026-11-20T01:45:00Z"), Outcome::Passed);
        assert_eq!(outcome("2026-11-20T01:44:59Z"), Outcome::Failed);
        assert_eq!(outcome("2026-11-20T02:00:03Z"), Outcome::Passed);
    }

    #[test]
    fn documents_may_become_fewer_by_what_the_plan_allows() {
        let rows = |table: &str, rows| RowsObserved { table: table.into(), rows, next_transaction: 0 };
        let before = |number| CountBefore {
            run: "orders-db.every.1".parse().expect("a run"),
            rows: rows("shop.orders", number),
        };
        for (percent, was, is, wanted) in
            [(5, 1_000, 950, Outcome::Passed), (5, 1_000, 949, Outcome::Failed), (0, 10, 11, Outcome::Passed)]
        {
            assert_eq!(judged_number(percent, &rows("shop.orders", is), Some(&before(was))).0, wanted);
        }
        let (outcome, detail) = judged_number(0, &rows("shop.orders where {}", 1), Some(&before(1_000)));
        assert!(outcome == Outcome::Passed && detail.contains("the baseline"), "another filter: {detail}");
    }
}
