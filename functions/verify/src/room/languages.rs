//! Which door leads into a room: what the restored engine speaks decides, and nothing else.

use holdfast_ports::Password;
use jiff::SignedDuration;

use super::{Examined, Opened, Room, RoomAddress, RoomDoor, RoomError};
use crate::work::{Question, Unit};

/// What is spoken in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// SQL, as PostgreSQL has it.
    Sql,
    /// MongoDB's.
    Documents,
}

impl Language {
    /// Of an engine, as RDS names it: `docdb` is Amazon DocumentDB's (source: DocumentDB API Reference, `DBCluster`).
    #[must_use]
    pub fn of(engine: &str) -> Self {
        if engine.starts_with("docdb") { Self::Documents } else { Self::Sql }
    }
}

/// A door for each language.
#[derive(Debug)]
pub struct Doors<S, D> {
    /// Into rooms with PostgreSQL in them.
    pub sql: S,
    /// Into rooms with a document database in them.
    pub documents: D,
}

/// A room of either language.
#[derive(Debug)]
pub enum LanguageRoom<S, D> {
    /// PostgreSQL is in it.
    Sql(S),
    /// A document database is in it.
    Documents(D),
}

impl<S: RoomDoor, D: RoomDoor> RoomDoor for Doors<S, D> {
    type Room = LanguageRoom<S::Room, D::Room>;

    async fn open(&self, address: &RoomAddress, password: &Password) -> Result<Opened<Self::Room>, RoomError> {
        Ok(match address.language {
            Language::Sql => self.sql.open(address, password).await?.map(LanguageRoom::Sql),
            Language::Documents => self.documents.open(address, password).await?.map(LanguageRoom::Documents),
        })
    }
}

impl<R> Opened<R> {
    fn map<T>(self, into: impl FnOnce(R) -> T) -> Opened<T> {
        match self {
            Self::Room(room) => Opened::Room(into(room)),
            Self::Busy => Opened::Busy,
        }
    }
}

impl<S: Room, D: Room> Room for LanguageRoom<S, D> {
    async fn units(&self, question: &Question<'_>) -> Result<Vec<Unit>, RoomError> {
        match self {
            Self::Sql(room) => room.units(question).await,
            Self::Documents(room) => room.units(question).await,
        }
    }

    async fn examine(&self, unit: &Unit, limit: SignedDuration) -> Result<Examined, RoomError> {
        match self {
            Self::Sql(room) => room.examine(unit, limit).await,
            Self::Documents(room) => room.examine(unit, limit).await,
        }
    }

    async fn leave(self) {
        match self {
            Self::Sql(room) => room.leave().await,
            Self::Documents(room) => room.leave().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_spoken_by_documentdb_alone() {
        for (engine, wanted) in [
            ("docdb", Language::Documents),
            ("docdb-elastic", Language::Documents),
            ("postgres", Language::Sql),
            ("aurora-postgresql", Language::Sql),
        ] {
            assert_eq!(Language::of(engine), wanted, "{engine}");
        }
    }
}
