//! The way into a room: an opening of this function's own, narrow enough to be played by a test.
//!
//! What stands behind it must never let anybody in unwatched: an address outside the clean room is refused before a connection, a
//! server without a certificate of the expected roots before a password.

mod connect;
mod documents;
mod handshake;
mod languages;
mod listing;
mod postgres;

use std::fmt;
use std::future::Future;

use holdfast_domain::Outcome;
use holdfast_ledger::Observed;
use holdfast_ports::{Class, Classified, Password};
use jiff::SignedDuration;
use thiserror::Error;

use crate::work::{Question, Unit};

pub use documents::{DocumentDoor, DocumentRoom};
pub use languages::{Doors, Language, LanguageRoom};
pub use postgres::{PostgresDoor, PostgresRoom};

/// Where a room is, and who we are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomAddress {
    /// Its name in DNS, or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The master user.
    pub user: String,
    /// Where the plan's own questions are asked, and where invocations keep out of each other's way.
    pub database: String,
    /// What is spoken in it.
    pub language: Language,
}

impl fmt::Display for RoomAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Opens rooms.
pub trait RoomDoor: Sync {
    /// What is behind the door.
    type Room: Room;

    /// Opens a room, unless another invocation is in it: two at once would wait for each other's locks, and one's VACUUM would
    /// change what the other is reading.
    fn open(
        &self,
        address: &RoomAddress,
        password: &Password,
    ) -> impl Future<Output = Result<Opened<Self::Room>, RoomError>> + Send;
}

/// What opening came to.
#[derive(Debug)]
pub enum Opened<R> {
    /// We are in, and nobody else is.
    Room(R),
    /// Another invocation is in it.
    Busy,
}

/// A restored database server that we are in.
pub trait Room: Sync + Send {
    /// What there is to look at, as units for a question. Makes the means of looking ready first (extensions): the copy is disposable.
    ///
    /// # Errors
    /// When the server is lost. What is wrong with one database is a unit that is settled.
    fn units(&self, question: &Question<'_>) -> impl Future<Output = Result<Vec<Unit>, RoomError>> + Send;

    /// Makes one check that is not settled, within a limit. May be called for several units at once.
    ///
    /// # Errors
    /// When the server is lost. What is wrong with the data is an answer.
    fn examine(&self, unit: &Unit, limit: SignedDuration) -> impl Future<Output = Result<Examined, RoomError>> + Send;

    /// Leaves, so that the next invocation may come in at once. A function that only dropped the room could be frozen before the
    /// server hears of it, and the next one would find the room busy.
    fn leave(self) -> impl Future<Output = ()> + Send;
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Examined {
    /// There is an answer.
    Judged(Judgement),
    /// The limit came first; nothing is known.
    Cut,
}

/// A check's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Passed, failed or not run.
    pub outcome: Outcome,
    /// In words.
    pub detail: String,
    /// How long it took.
    pub took: SignedDuration,
    /// What was observed for later runs to compare with.
    pub observed: Option<Observed>,
}

/// Why a room could not be opened, or was lost.
#[derive(Debug, Error)]
pub enum RoomError {
    /// It does not answer yet, or the password is not applied yet. `restore-test` calls again until its own deadline.
    #[error("the room {room} is not ready: {reason}")]
    NotReady {
        /// Host and port.
        room: String,
        /// Why.
        reason: String,
    },
    /// The connection broke, as when the room is destroyed or the server crashes.
    #[error("the room {room} was lost: {reason}")]
    Lost {
        /// Host and port.
        room: String,
        /// Why.
        reason: String,
    },
    /// The address is not in the clean room. Nothing was sent there.
    #[error("{host} is at {address}, outside the clean room ({networks})")]
    Outside {
        /// The host.
        host: String,
        /// The first address that is not in the clean room.
        address: std::net::IpAddr,
        /// Where the clean room is.
        networks: String,
    },
    /// The server cannot show that it is a room. No password was sent.
    #[error("the room {room} is not trusted: {reason}")]
    Untrusted {
        /// Host and port.
        room: String,
        /// Why.
        reason: String,
    },
}

impl Classified for RoomError {
    fn class(&self) -> Class {
        match self {
            Self::NotReady { .. } | Self::Lost { .. } => Class::Transient,
            Self::Outside { .. } | Self::Untrusted { .. } => Class::Permanent,
        }
    }
}
