//! The second language of a room: document databases, as MongoDB's drivers speak to them. Amazon DocumentDB is one.
//!
//! It is the PostgreSQL side over again, on its own catalog and its own tasks, and shares with it what a unit, a result and a record
//! are. Nothing here writes: what is read is found as it was restored, and two invocations at once would only be slow.

pub mod catalog;
mod examine;
mod listing;
mod meaning;
pub mod units;

pub(crate) use examine::examine;
pub(crate) use listing::catalog;
pub(crate) use meaning::{Meaning, meaning, said};
