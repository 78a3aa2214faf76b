//! Objects in one bucket, with conditional writes.

use std::future::Future;

use crate::PortError;

/// The most keys one listing gives. More is [`crate::PortErrorKind::TooMany`]: what is listed is bounded by design.
pub const KEYS_MAX: usize = 10_000;

/// An object as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its version for conditional writes. Opaque, not a content hash.
    pub etag: String,
}

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// Nothing under that key.
    Missing,
    /// Still the version that the caller knows.
    Unchanged,
    /// This.
    Object(Object),
}

/// When a write may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Only if nothing is under the key (`If-None-Match: *`).
    Absent,
    /// Only over this version (`If-Match`).
    Matches(String),
}

/// Objects in one bucket.
pub trait Objects: Sync {
    /// Reads an object, unless it still is the version `known` (an ETag).
    fn get(&self, key: &str, known: Option<&str>) -> impl Future<Output = Result<Fetched, PortError>> + Send;

    /// Writes an object if the precondition holds, and gives its new ETag.
    ///
    /// # Errors
    /// `PreconditionFailed` (412, 409) leaves the object as it was. `Unavailable` may have written.
    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        when: Precondition,
    ) -> impl Future<Output = Result<String, PortError>> + Send;

    /// Every key with the prefix, in order of UTF-8 bytes, at most [`KEYS_MAX`].
    fn list(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, PortError>> + Send;

    /// Deletes an object. An object that is not there is deleted already.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}
