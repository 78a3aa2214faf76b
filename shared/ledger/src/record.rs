//! Records with conditional writes.
//!
//! Each record carries `generation` (one more per write) and the `writer` nonce of its last write. When an answer is lost
//! the writer reads back: its own nonce means that the write happened, anything else means that somebody else's did.

use holdfast_ports::{Class, Classified, Entropy, Fetched, Objects, PortError, PortErrorKind, Precondition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A failed ledger operation.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PortError),
    /// What lies under the key is no record of the wanted sort.
    #[error("the record {key} cannot be read: {reason}")]
    Unreadable {
        /// The object's key.
        key: String,
        /// Why.
        reason: String,
    },
    /// Somebody else wrote in between: decide anew on what is there now.
    #[error("the record {key} was changed by another writer; the next sweep decides anew")]
    Conflict {
        /// The object's key.
        key: String,
    },
}

impl Classified for LedgerError {
    fn class(&self) -> Class {
        match self {
            Self::Store(error) => error.class(),
            Self::Unreadable { .. } => Class::Permanent,
            Self::Conflict { .. } => Class::Transient,
        }
    }
}

/// A record as it lies in the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record<T> {
    generation: u64,
    writer: String,
    body: T,
}

/// A record as read, with what a conditional write over it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<T> {
    /// The record's content.
    pub body: T,
    /// How often it was written.
    pub generation: u64,
    key: String,
    etag: String,
}

impl<T> Held<T> {
    /// The object's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What came of creating a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written<T> {
    /// It is ours, just made.
    Created(Held<T>),
    /// One was there already: this.
    Existed(Held<T>),
}

impl<T> Written<T> {
    /// The record, whoever made it.
    pub fn into_held(self) -> Held<T> {
        match self {
            Self::Created(held) | Self::Existed(held) => held,
        }
    }
}

/// Records in one bucket.
#[derive(Debug)]
pub struct Ledger<'a, O, E> {
    objects: &'a O,
    entropy: &'a E,
}

impl<'a, O: Objects, E: Entropy> Ledger<'a, O, E> {
    /// A ledger over a bucket.
    pub fn new(objects: &'a O, entropy: &'a E) -> Self {
        Self { objects, entropy }
    }

    /// The bucket itself, for listings and markers.
    #[must_use]
    pub fn objects(&self) -> &'a O {
        self.objects
    }

    /// Reads a record.
    ///
    /// # Errors
    /// The store's, or `Unreadable`.
    pub async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Held<T>>, LedgerError> {
        Ok(self.read_record(key).await?.map(|(record, etag)| held(key, record, etag)))
    }

    /// Reads a record and its bytes, as a hash of it needs them.
    ///
    /// # Errors
    /// The store's, or `Unreadable`.
    pub async fn read_whole<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, Vec<u8>)>, LedgerError> {
        match self.objects.get(key, None).await? {
            Fetched::Missing | Fetched::Unchanged => Ok(None),
            Fetched::Object(object) => Ok(Some((parse::<T>(key, &object.bytes)?.body, object.bytes))),
        }
    }

    /// Reads a record of which a version may be known; a version that still stands is not sent again.
    ///
    /// # Errors
    /// The store's, or `Unreadable`.
    pub async fn refresh<T: DeserializeOwned>(
        &self,
        key: &str,
        known: Option<Held<T>>,
    ) -> Result<Option<Held<T>>, LedgerError> {
        let etag = known.as_ref().map(|held| held.etag.as_str());
        match self.objects.get(key, etag).await? {
            Fetched::Unchanged => Ok(known),
            Fetched::Missing => Ok(None),
            Fetched::Object(object) => parse(key, &object.bytes).map(|record| Some(held(key, record, object.etag))),
        }
    }

    /// Makes a record, unless there is one.
    ///
    /// # Errors
    /// The store's, or `Unreadable` if what is there is no such record.
    pub async fn create<T: Serialize + DeserializeOwned>(&self, key: &str, body: T) -> Result<Written<T>, LedgerError> {
        let record = Record { generation: 1, writer: self.entropy.nonce(), body };
        match self.put(key, &record, Precondition::Absent).await {
            Ok(etag) => Ok(Written::Created(held(key, record, etag))),
            Err(error) if !may_have_written(&error) => Err(error),
            Err(error) => match self.read_record(key).await? {
                Some((found, etag)) if found.writer == record.writer => Ok(Written::Created(held(key, found, etag))),
                Some((found, etag)) => Ok(Written::Existed(held(key, found, etag))),
                // Nobody wrote: the failure stands as it was.
                None => Err(error),
            },
        }
    }

    /// Writes over the version that was read.
    ///
    /// # Errors
    /// `Conflict` if it is no longer that version; the store's.
    pub async fn replace<T: Serialize + DeserializeOwned>(
        &self,
        before: &Held<T>,
        body: T,
    ) -> Result<Held<T>, LedgerError> {
        let record = Record { generation: before.generation + 1, writer: self.entropy.nonce(), body };
        match self.put(&before.key, &record, Precondition::Matches(before.etag.clone())).await {
            Ok(etag) => Ok(held(&before.key, record, etag)),
            Err(error) if !may_have_written(&error) => Err(error),
            Err(error) => match self.read_record::<T>(&before.key).await? {
                Some((found, etag)) if found.writer == record.writer => Ok(held(&before.key, found, etag)),
                // Nobody wrote: the failure stands as it was, and is not somebody else's step.
                Some((_, etag)) if etag == before.etag => Err(error),
                Some(_) | None => Err(LedgerError::Conflict { key: before.key.clone() }),
            },
        }
    }

    async fn put<T: Serialize>(
        &self,
        key: &str,
        record: &Record<T>,
        when: Precondition,
    ) -> Result<String, LedgerError> {
        let unreadable =
            |error: serde_json::Error| LedgerError::Unreadable { key: key.into(), reason: error.to_string() };
        let bytes = serde_json::to_vec_pretty(record).map_err(unreadable)?;
        Ok(self.objects.put(key, bytes, when).await?)
    }

    async fn read_record<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(Record<T>, String)>, LedgerError> {
        match self.objects.get(key, None).await? {
            Fetched::Missing | Fetched::Unchanged => Ok(None),
            Fetched::Object(object) => Ok(Some((parse(key, &object.bytes)?, object.etag))),
        }
    }
}

fn parse<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<Record<T>, LedgerError> {
    serde_json::from_slice(bytes)
        .map_err(|error| LedgerError::Unreadable { key: key.into(), reason: error.to_string() })
}

/// Whether a failed write may lie there all the same. A refused condition may be met by the SDK's repetition of our own lost write.
fn may_have_written(error: &LedgerError) -> bool {
    match error {
        LedgerError::Store(store) => {
            matches!(store.kind, PortErrorKind::PreconditionFailed | PortErrorKind::Unavailable)
        }
        LedgerError::Unreadable { .. } | LedgerError::Conflict { .. } => false,
    }
}

fn held<T>(key: &str, record: Record<T>, etag: String) -> Held<T> {
    Held { body: record.body, generation: record.generation, key: key.into(), etag }
}
