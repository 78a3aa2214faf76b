//! What there is to look at, asked of the server. Every loop is bounded; what one database or collection refuses is part of the
//! catalog, and only a lost server is an error.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::{Client, Database};

use super::catalog::{
    Catalog, Collection, CollectionKind, Contents, Database as Listed, Index, Indexes, Offer, SYSTEM_DATABASES,
    leaves_out,
};
use super::{Meaning, meaning, said};

/// The most collections of one database, and the most indexes of one collection (MongoDB allows 64 of those).
const LISTED_MAX: usize = 20_000;

/// The longest that one question about the catalog may take.
const LISTING_LIMIT: Duration = Duration::from_secs(60);

/// A collection that is nowhere: what the server says to `validate` tells whether it knows the command.
const NOWHERE: &str = "holdfast_verify_nowhere";

/// Everything there is.
///
/// # Errors
/// When the server is lost.
pub(crate) async fn catalog(client: &Client) -> Result<Catalog, Error> {
    let admin = client.database("admin");
    let listed = admin.run_command(doc! { "listDatabases": 1, "nameOnly": true, "maxTimeMS": limit_ms() }).await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) if meaning(&error) == Meaning::Lost => return Err(error),
        Err(error) => {
            let (reason, validate) = (said(&error), Offer::Refused { reason: said(&error) });
            return Ok(Catalog { databases: Vec::new(), unlisted: Some(reason), validate });
        }
    };
    let names = listed.get_array("databases").map(Vec::as_slice).unwrap_or_default();
    let names = names.iter().filter_map(|each| each.as_document()?.get_str("name").ok());
    let mut databases = Vec::new();
    for name in names.filter(|name| !SYSTEM_DATABASES.contains(name)) {
        databases.push(Listed { name: name.to_owned(), contents: contents(&client.database(name)).await? });
    }
    let validate = match databases.first() {
        Some(database) => validate(&client.database(&database.name)).await?,
        None => Offer::Unsupported { reason: "there is nothing to validate".into() },
    };
    Ok(Catalog { databases, unlisted: None, validate })
}

fn limit_ms() -> i64 {
    i64::try_from(LISTING_LIMIT.as_millis()).unwrap_or(i64::MAX)
}

async fn validate(database: &Database) -> Result<Offer, Error> {
    match database.run_command(doc! { "validate": NOWHERE, "maxTimeMS": limit_ms() }).await {
        Ok(_) => Ok(Offer::Offered),
        Err(error) => match meaning(&error) {
            Meaning::Lost => Err(error),
            Meaning::Unsupported => Ok(Offer::Unsupported { reason: said(&error) }),
            Meaning::Forbidden => Ok(Offer::Refused { reason: said(&error) }),
            // NamespaceNotFound and whatever else is said of a collection that is not there.
            Meaning::Damage | Meaning::Cut | Meaning::NotRun => Ok(Offer::Offered),
        },
    }
}

async fn contents(database: &Database) -> Result<Contents, Error> {
    let collections = match all(database, doc! { "listCollections": 1, "maxTimeMS": limit_ms() }).await {
        Ok(collections) => collections,
        Err(Unlisted::Many) => {
            return Ok(Contents::Closed { reason: format!("there are more than {LISTED_MAX} collections") });
        }
        Err(Unlisted::Refused(error)) => {
            return match meaning(&error) {
                Meaning::Lost => Err(error),
                Meaning::Damage => Ok(Contents::Damaged { reason: said(&error) }),
                Meaning::Cut | Meaning::Forbidden | Meaning::Unsupported | Meaning::NotRun => {
                    Ok(Contents::Closed { reason: said(&error) })
                }
            };
        }
    };
    let mut listed = Vec::new();
    for each in &collections {
        let Ok(name) = each.get_str("name") else { continue };
        if name.starts_with("system.") {
            continue;
        }
        let kind = kind(each);
        let indexes = match kind {
            CollectionKind::View | CollectionKind::TimeSeries => Indexes::Listed(Vec::new()),
            CollectionKind::Documents | CollectionKind::Other(_) => indexes(database, name).await?,
        };
        let options = each.get_document("options").map(ToString::to_string).unwrap_or_default();
        listed.push(Collection { name: name.to_owned(), kind, options, indexes });
    }
    Ok(Contents::Listed(listed))
}

/// Servers older than views tell no type.
fn kind(collection: &Document) -> CollectionKind {
    match collection.get_str("type") {
        Ok("collection") | Err(_) => CollectionKind::Documents,
        Ok("timeseries") => CollectionKind::TimeSeries,
        Ok("view") => CollectionKind::View,
        Ok(other) => CollectionKind::Other(other.to_owned()),
    }
}

async fn indexes(database: &Database, collection: &str) -> Result<Indexes, Error> {
    let found = match all(database, doc! { "listIndexes": collection, "maxTimeMS": limit_ms() }).await {
        Ok(found) => found,
        Err(Unlisted::Many) => return Ok(Indexes::Closed { reason: format!("there are more than {LISTED_MAX}") }),
        Err(Unlisted::Refused(error)) => {
            return match meaning(&error) {
                Meaning::Lost => Err(error),
                Meaning::Damage => Ok(Indexes::Damaged { reason: said(&error) }),
                Meaning::Cut | Meaning::Forbidden | Meaning::Unsupported | Meaning::NotRun => {
                    Ok(Indexes::Closed { reason: said(&error) })
                }
            };
        }
    };
    let mut indexes = Vec::new();
    for definition in found {
        let Ok(name) = definition.get_str("name").map(str::to_owned) else { continue };
        let leaves_out = leaves_out(&definition);
        let scan = match leaves_out {
            Some(reason) => Offer::Unsupported { reason: reason.into() },
            None => scan(database, collection, &name).await?,
        };
        // `ns` and `v` say nothing of what the index is.
        let definition = definition.into_iter().filter(|(key, _)| !matches!(key.as_str(), "name" | "ns" | "v"));
        indexes.push(Index { name, definition: definition.collect::<Document>().to_string(), leaves_out, scan });
    }
    Ok(Indexes::Listed(indexes))
}

/// Whether a scan goes by the index that it is told to go by.
async fn scan(database: &Database, collection: &str, index: &str) -> Result<Offer, Error> {
    let explained = database.run_command(doc! {
        "explain": super::examine::count_by(collection, index),
        "verbosity": "queryPlanner",
        "maxTimeMS": limit_ms(),
    });
    match explained.await {
        Ok(plan) if step_names_index(&plan, index) => Ok(Offer::Offered),
        Ok(_) => Ok(Offer::Unsupported { reason: "the server, told to go by this index, would go another way".into() }),
        Err(error) => match meaning(&error) {
            Meaning::Lost => Err(error),
            // Servers differ in what they explain, and in the number by which they say that they do not.
            Meaning::Unsupported | Meaning::NotRun => Ok(Offer::Unsupported { reason: said(&error) }),
            // The check itself will meet what is wrong.
            Meaning::Damage => Ok(Offer::Offered),
            Meaning::Cut | Meaning::Forbidden => Ok(Offer::Refused { reason: said(&error) }),
        },
    }
}

/// Whether a step of a query plan goes by that index. The command, which the server repeats in its answer, has another field for it.
fn step_names_index(step: &Document, index: &str) -> bool {
    step.get_str("indexName").is_ok_and(|named| named == index)
        || step.iter().any(|(field, value)| field != "rejectedPlans" && names_index(value, index))
}

fn names_index(plan: &Bson, index: &str) -> bool {
    plan.as_document().is_some_and(|step| step_names_index(step, index))
        || plan.as_array().is_some_and(|steps| steps.iter().any(|step| names_index(step, index)))
}

/// Why a list was not made.
enum Unlisted {
    /// There is too much.
    Many,
    /// The server refused.
    Refused(Error),
}

async fn all(database: &Database, command: Document) -> Result<Vec<Document>, Unlisted> {
    let mut cursor = database.run_cursor_command(command).await.map_err(Unlisted::Refused)?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(Unlisted::Refused)? {
        if found.len() == LISTED_MAX {
            return Err(Unlisted::Many);
        }
        let each = Document::try_from(cursor.current());
        found.push(each.map_err(|error| Unlisted::Refused(ErrorKind::Bson(error).into()))?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_goes_by_an_index_only_if_a_step_of_it_says_so() {
        let plan = |winning: Document, rejected: Document| {
            doc! {
                "queryPlanner": { "winningPlan": winning, "rejectedPlans": [rejected] },
                "command": { "aggregate": "orders", "hint": "email_1" },
            }
        };
        let by = |index: &str| doc! { "stage": "FETCH", "inputStage": { "stage": "IXSCAN", "indexName": index } };
        let scan = || doc! { "stage": "COLLSCAN" };
        assert!(step_names_index(&plan(by("email_1"), scan()), "email_1"));
        assert!(!step_names_index(&plan(by("_id_"), scan()), "email_1"), "another index");
        assert!(!step_names_index(&plan(scan(), scan()), "email_1"), "the command alone names it");
        assert!(!step_names_index(&plan(scan(), by("email_1")), "email_1"), "a plan that was not chosen");
    }

    #[test]
    fn a_collection_is_of_the_sort_that_the_server_tells() {
        for (told, wanted) in [
            (doc! { "name": "a" }, CollectionKind::Documents),
            (doc! { "type": "collection" }, CollectionKind::Documents),
            (doc! { "type": "view" }, CollectionKind::View),
            (doc! { "type": "timeseries" }, CollectionKind::TimeSeries),
            (doc! { "type": "new" }, CollectionKind::Other("new".into())),
        ] {
            assert_eq!(kind(&told), wanted);
        }
    }
}
