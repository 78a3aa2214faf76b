//! What there is to look at in a document database: collections and indexes. Plain data; how it is asked for is `listing`.

use crate::catalog::shown;

/// The server's own databases. What is in them is no part of the restored data, and roles may not read them.
pub const SYSTEM_DATABASES: [&str; 3] = ["admin", "config", "local"];

/// Everything there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Every database but [`SYSTEM_DATABASES`]. In any order.
    pub databases: Vec<Database>,
    /// Why they could not be listed, if they could not; then there are none.
    pub unlisted: Option<String>,
    /// The command `validate`.
    pub validate: Offer,
}

/// Whether the server can be asked for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// It can.
    Offered,
    /// No server of this sort can: nobody can ask for that to be proved.
    Unsupported {
        /// Why.
        reason: String,
    },
    /// Another role could.
    Refused {
        /// Why.
        reason: String,
    },
}

/// One database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// What could be learnt of it.
    pub contents: Contents,
}

/// What could be learnt of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// Its collections, `system.*` left out. In any order.
    Listed(Vec<Collection>),
    /// They could not be listed: not known is not healthy.
    Closed {
        /// Why.
        reason: String,
    },
    /// Its own catalog is damaged.
    Damaged {
        /// In the server's words.
        reason: String,
    },
}

/// A collection, or what looks like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its name, which may hold anything but a NUL.
    pub name: String,
    /// What it is.
    pub kind: CollectionKind,
    /// Its options as the driver writes a document, fields in the server's order; empty or `{}` for one that was made without.
    pub options: String,
    /// Its indexes; of what holds no documents of its own there are none.
    pub indexes: Indexes,
}

/// What sort of collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectionKind {
    /// It holds documents.
    Documents,
    /// Measurements, which the server packs into documents of a hidden collection and unpacks when they are read.
    TimeSeries,
    /// A stored query; it holds nothing.
    View,
    /// A sort that is not known here.
    Other(String),
}

/// What could be learnt of a collection's indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Indexes {
    /// All of them, in any order.
    Listed(Vec<Index>),
    /// They could not be listed.
    Closed {
        /// Why.
        reason: String,
    },
    /// The server says that they are damaged.
    Damaged {
        /// In the server's words.
        reason: String,
    },
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its definition without its name, as the driver writes a document.
    pub definition: String,
    /// Why documents may be missing from it by its definition; `None` for one that holds every document.
    pub leaves_out: Option<&'static str>,
    /// Whether a scan goes by this index when the server is told to use it. `Unsupported` if it goes another way: then nothing that is
    /// asked says anything about the index.
    pub scan: Offer,
}

/// Database and collection, as people read them. Two never look alike.
#[must_use]
pub fn shown_collection(database: &str, collection: &str) -> String {
    format!("{}.{}", shown(database), shown(collection))
}

/// Why an index of this definition may leave documents out, or cannot be counted by. Decided by what is known to hold every document,
/// so that a sort of index that comes later is left alone (source: MongoDB manual, "Index Types", "Index Properties").
#[must_use]
pub fn leaves_out(definition: &mongodb::bson::Document) -> Option<&'static str> {
    use mongodb::bson::Bson;
    let is_set = |option: &str| definition.get(option).is_some_and(|value| *value != Bson::Boolean(false));
    if is_set("sparse") {
        return Some("it is sparse");
    }
    if is_set("partialFilterExpression") {
        return Some("it is partial");
    }
    if is_set("hidden") {
        return Some("it is hidden, and no query may go by it");
    }
    let Ok(keys) = definition.get_document("key") else { return Some("its keys are not told") };
    if keys.keys().any(|key| key.contains("$**")) {
        return Some("it is a wildcard index, and holds only documents that have the fields");
    }
    let is_number = |direction: &Bson| matches!(direction, Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_));
    let is_ordered = |direction: &Bson| is_number(direction) || direction.as_str() == Some("hashed");
    (!keys.values().all(is_ordered)).then_some("it is of a sort that holds only documents that have the fields")
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn only_an_index_that_is_known_to_hold_every_document_is_counted_by() {
        let cases = [
            (doc! { "key": { "_id": 1 } }, None),
            (doc! { "key": { "a": -1, "b.c": 1.0 }, "unique": true }, None),
            (doc! { "key": { "a": "hashed" }, "sparse": false }, None),
            (doc! { "key": { "at": 1_i64 }, "expireAfterSeconds": 3600 }, None),
            (doc! { "key": { "a": 1 }, "sparse": true }, Some("sparse")),
            (doc! { "key": { "a": 1 }, "partialFilterExpression": { "a": { "$gt": 3 } } }, Some("partial")),
            (doc! { "key": { "a": 1 }, "hidden": true }, Some("hidden")),
            (doc! { "key": { "$**": 1 } }, Some("wildcard")),
            (doc! { "key": { "a.$**": 1 } }, Some("wildcard")),
            (doc! { "key": { "_fts": "text", "_ftsx": 1 } }, Some("of a sort")),
            (doc! { "key": { "at": "2dsphere" } }, Some("of a sort")),
            (doc! { "key": { "v": "vector" }, "vectorOptions": {} }, Some("of a sort")),
            (doc! {}, Some("not told")),
        ];
        for (definition, wanted) in cases {
            let told = leaves_out(&definition);
            match wanted {
                None => assert_eq!(told, None, "{definition}"),
                Some(word) => assert!(told.is_some_and(|told| told.contains(word)), "{definition}: {told:?}"),
            }
        }
    }
}
