//! Every document of a collection, fetched and walked through.
//!
//! A number alone would not do: servers answer it from metadata or from an index and meet no document on the way. So each one is sent
//! here, where its BSON is walked to the last field. It costs what a dump costs.

use std::time::Instant;

use holdfast_domain::Outcome;
use holdfast_ledger::{Observed, RowsObserved};
use mongodb::Database;
use mongodb::bson::{RawBsonRef, RawDocument, doc};

use super::{Seen, Stop, documents, left_ms, run, whole};
use crate::documents::catalog::shown_collection;
use crate::documents::units::Namespace;
use crate::examine::grouped;

/// MongoDB nests no deeper than 100 (source: MongoDB manual, "MongoDB Limits and Thresholds", "Nested Depth for BSON Documents").
const DEPTH_MAX: usize = 200;

/// How many broken documents are told of one by one.
const TOLD_MAX: usize = 3;

/// What was met on the way.
#[derive(Debug, Default)]
struct Met {
    documents: u64,
    bytes: u64,
    broken: u64,
    told: Vec<String>,
}

pub(super) async fn examine(database: &Database, namespace: &Namespace, until: Instant) -> Result<Seen, Stop> {
    let collection = namespace.collection.as_str();
    // Without a filter there is nothing to go by but the collection itself.
    let command = doc! { "find": collection, "filter": {}, "maxTimeMS": left_ms(until)? };
    let mut cursor = database.run_cursor_command(command).await?;
    let mut met = Met::default();
    while cursor.advance().await? {
        met.take(cursor.current());
        // The server counts its own time alone; ours, and the network's, comes on top.
        left_ms(until)?;
    }
    let known = match run(database, doc! { "collStats": collection }, until).await {
        Ok(reply) => reply.get("count").and_then(whole),
        // What it would add is no more than words.
        Err(Stop::Refused(error)) if super::meaning(&error) != super::Meaning::Lost => None,
        Err(stop) => return Err(stop),
    };
    let table = shown_collection(&namespace.database, collection);
    let observed = RowsObserved { table, rows: met.documents, next_transaction: 0 };
    Ok(Seen { answer: met.judged(known), observed: Some(Observed::Rows(observed)) })
}

/// How many documents a scan of the collection meets now. They are counted here: a server may count by an index.
pub(super) async fn number(database: &Database, collection: &str, until: Instant) -> Result<u64, Stop> {
    let command = doc! { "find": collection, "filter": {}, "projection": { "_id": 1 }, "maxTimeMS": left_ms(until)? };
    let mut cursor = database.run_cursor_command(command).await?;
    let mut documents = 0;
    while cursor.advance().await? {
        documents += 1;
        left_ms(until)?;
    }
    Ok(documents)
}

impl Met {
    fn take(&mut self, document: &RawDocument) {
        self.documents += 1;
        self.bytes += document.as_bytes().len() as u64;
        if let Err(reason) = walk(document, DEPTH_MAX) {
            self.broken += 1;
            if self.told.len() < TOLD_MAX {
                self.told
                    .push(format!("document {} in the collection's own order: {reason}", grouped_u64(self.documents)));
            }
        }
    }

    fn judged(&self, known: Option<u64>) -> (Outcome, String) {
        let read = format!("{} read, {} bytes", documents(self.documents), grouped_u64(self.bytes));
        if self.broken > 0 {
            let more = self.broken.saturating_sub(self.told.len() as u64);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            let detail =
                format!("{read}; {} are no legal BSON: {}{more}", grouped_u64(self.broken), self.told.join("; "));
            return (Outcome::Failed, detail);
        }
        match known {
            Some(known) if known != self.documents => {
                // Metadata is written now and then, and a snapshot has it as it was: alone it is no finding.
                let detail = format!("{read}; the server's metadata says {}, which may be old", documents(known));
                (Outcome::Passed, detail)
            }
            Some(_) => (Outcome::Passed, format!("{read}, as many as the server's metadata says")),
            None => (Outcome::Passed, read),
        }
    }
}

/// Whether every field of a document, and of what is embedded in it, can be read. The reason quotes no value.
fn walk(document: &RawDocument, depth_left: usize) -> Result<(), String> {
    for field in document {
        let (_, value) = field.map_err(|error| error.to_string())?;
        walk_value(&value, depth_left)?;
    }
    Ok(())
}

fn walk_value(value: &RawBsonRef<'_>, depth_left: usize) -> Result<(), String> {
    let deeper = || depth_left.checked_sub(1).ok_or_else(|| format!("it is nested deeper than {DEPTH_MAX}"));
    if let RawBsonRef::Document(embedded) = value {
        walk(embedded, deeper()?)?;
    } else if let RawBsonRef::JavaScriptCodeWithScope(code) = value {
        walk(code.scope, deeper()?)?;
    } else if let RawBsonRef::Array(embedded) = value {
        let depth_left = deeper()?;
        for value in *embedded {
            walk_value(&value.map_err(|error| error.to_string())?, depth_left)?;
        }
    }
    Ok(())
}

fn grouped_u64(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawDocumentBuf, doc};

    use super::*;

    fn raw(document: &mongodb::bson::Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).expect("legal BSON")
    }

    #[test]
    fn a_document_is_walked_to_its_last_field() {
        let whole = raw(&doc! { "a": { "b": [1, { "c": "text" }] }, "d": 1.5 });
        assert_eq!(walk(&whole, DEPTH_MAX), Ok(()));
        // The last byte of the text's length, inside the embedded document: the outer one looks whole.
        let mut bytes = whole.as_bytes().to_vec();
        let at = bytes.windows(4).position(|part| part == b"text").expect("the text") - 4;
        bytes[at] = 0xff;
        let broken = RawDocument::from_bytes(&bytes).expect("its frame is whole");
        assert!(walk(broken, DEPTH_MAX).is_err());
        let mut met = Met::default();
        met.take(&whole);
        met.take(broken);
        let (outcome, detail) = met.judged(Some(2));
        assert_eq!(outcome, Outcome::Failed);
        assert!(detail.contains("1 are no legal BSON: document 2 in the collection's own order"), "{detail}");
    }

    #[test]
    fn what_is_nested_without_end_is_no_legal_document() {
        let mut nested = doc! { "a": 1 };
        for _ in 0..=DEPTH_MAX {
            nested = doc! { "a": nested };
        }
        assert!(walk(&raw(&nested), DEPTH_MAX).is_err());
    }

    #[test]
    fn metadata_that_says_otherwise_is_told_and_is_no_finding() {
        let met = Met { documents: 1_000, bytes: 83_890, ..Met::default() };
        assert_eq!(
            met.judged(Some(1_000)),
            (Outcome::Passed, "1,000 documents read, 83,890 bytes, as many as the server's metadata says".into())
        );
        let (outcome, detail) = met.judged(Some(999));
        assert!(outcome == Outcome::Passed && detail.contains("may be old"), "{detail}");
        assert_eq!(met.judged(None), (Outcome::Passed, "1,000 documents read, 83,890 bytes".into()));
    }
}
