//! `validate`: the server's own check of a collection's structures, its documents and its indexes.

use std::time::Instant;

use holdfast_domain::Outcome;
use mongodb::Database;
use mongodb::bson::{Document, doc};

use super::{Answer, Stop, run};

/// How many of the server's complaints are told.
const TOLD_MAX: usize = 3;

/// As much of one complaint as is told.
const COMPLAINT_MAX: usize = 200;

pub(super) async fn examine(database: &Database, collection: &str, until: Instant) -> Result<Answer, Stop> {
    Ok(judged(&run(database, doc! { "validate": collection, "full": true }, until).await?))
}

/// The lists of records and index entries are counted and not quoted: they hold keys.
fn judged(reply: &Document) -> Answer {
    let number = |field: &str| reply.get_array(field).map_or(0, Vec::len);
    let Ok(valid) = reply.get_bool("valid") else {
        return (Outcome::NotRun, "the server does not say whether the collection is valid".into());
    };
    let complaints: Vec<String> = reply
        .get_array("errors")
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .filter_map(|error| Some(error.as_str()?.chars().take(COMPLAINT_MAX).collect()))
        .collect();
    let counts = [
        ("corruptRecords", "unreadable documents"),
        ("missingIndexEntries", "missing index entries"),
        ("extraIndexEntries", "index entries without a document"),
    ];
    let found: Vec<String> = counts
        .into_iter()
        .filter(|(field, _)| number(field) > 0)
        .map(|(field, words)| format!("{} {words}", number(field)))
        .collect();
    if valid && found.is_empty() {
        let warnings = number("warnings");
        let warned = if warnings > 0 { format!(", with {warnings} warnings") } else { String::new() };
        return (Outcome::Passed, format!("valid{warned}"));
    }
    let told = found.into_iter().chain(complaints.iter().take(TOLD_MAX).cloned()).collect::<Vec<_>>().join("; ");
    let more = complaints.len().saturating_sub(TOLD_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    (Outcome::Failed, format!("not valid: {told}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_calls_invalid_is_a_finding_told_without_its_keys() {
        assert_eq!(judged(&doc! { "valid": true, "errors": [], "warnings": [] }), (Outcome::Passed, "valid".into()));
        assert_eq!(
            judged(&doc! { "valid": true, "warnings": ["fast count was off"] }),
            (Outcome::Passed, "valid, with 1 warnings".into())
        );
        let broken = doc! {
            "valid": false, "errors": ["Index with name 'email_1' has inconsistencies."],
            "missingIndexEntries": [{ "indexName": "email_1", "indexKey": { "email": "somebody@example.com" } }],
        };
        assert_eq!(
            judged(&broken),
            (
                Outcome::Failed,
                "not valid: 1 missing index entries; Index with name 'email_1' has inconsistencies.".into()
            )
        );
        assert_eq!(judged(&doc! { "ok": 1 }).0, Outcome::NotRun, "an answer that says nothing proves nothing");
    }
}
