//! An index against the documents that were read: each has exactly one place in it to be counted by.

use std::time::Instant;

use holdfast_domain::Outcome;
use holdfast_ledger::Observed;
use mongodb::Database;

use super::{Answer, Stop, count_by, documents, number, read, run};
use crate::documents::units::Namespace;

pub(super) async fn examine(
    database: &Database,
    namespace: &Namespace,
    index: &str,
    seen: Option<&[Observed]>,
    until: Instant,
) -> Result<Answer, Stop> {
    let Some([Observed::Rows(rows)]) = seen else {
        return Ok((
            Outcome::NotRun,
            "the collection itself could not be read, so there is nothing to compare with".into(),
        ));
    };
    let collection = namespace.collection.as_str();
    let counted = number(&run(database, count_by(collection, index), until).await?);
    if counted == rows.rows {
        return Ok(judged(counted, rows.rows, rows.rows));
    }
    // Documents may go while we look, by a TTL index: then a second look at the collection has fewer, too.
    Ok(judged(counted, rows.rows, read::number(database, collection, until).await?))
}

fn judged(by_index: u64, read: u64, again: u64) -> Answer {
    let (least, most) = (read.min(again), read.max(again));
    if (least..=most).contains(&by_index) {
        let meanwhile = if least == most { String::new() } else { format!(", of {} before", documents(read)) };
        return (Outcome::Passed, format!("{} by the index and by the collection{meanwhile}", documents(by_index)));
    }
    let gap = if by_index < least {
        format!("{} not found by it", documents(least - by_index))
    } else {
        format!("{} more than there are", documents(by_index - most))
    };
    (Outcome::Failed, format!("{} by the index, {} in the collection: {gap}", documents(by_index), documents(again)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_holds_each_document_once() {
        for (by_index, read, again, wanted, words) in [
            (10, 10, 10, Outcome::Passed, "10 documents by the index and by the collection"),
            (9, 10, 10, Outcome::Failed, "1 document not found by it"),
            (11, 10, 10, Outcome::Failed, "1 document more than there are"),
            (9, 10, 8, Outcome::Passed, "of 10 documents before"),
            (7, 10, 8, Outcome::Failed, "1 document not found by it"),
        ] {
            let (outcome, detail) = judged(by_index, read, again);
            assert_eq!(outcome, wanted, "{detail}");
            assert!(detail.contains(words), "{detail}");
        }
    }
}
