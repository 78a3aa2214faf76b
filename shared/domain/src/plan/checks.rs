//! What a restored copy must satisfy.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::names::CheckName;
use crate::verdict::Requirement;

/// What a restored copy must satisfy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checks {
    /// Counts two ways, heap, btree, TOAST; absent if the plan does not ask for it.
    pub integrity: Option<Requirement>,
    /// The newest row's age when the recovery point was taken.
    pub fresh: Option<FreshCheck>,
    /// The plan's own questions.
    pub sql: BTreeMap<CheckName, SqlCheck>,
    /// The state that the migration tool expects.
    pub migrations: Option<MigrationsCheck>,
    /// Rows that never change, against the last proved restore.
    pub immutable: BTreeMap<CheckName, ImmutableCheck>,
    /// Row counts, against the last proved restore.
    pub counts: BTreeMap<CheckName, CountCheck>,
    /// Questions to a document database.
    pub documents: BTreeMap<CheckName, DocumentCheck>,
}

/// How old the newest data may have been when the recovery point was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshCheck {
    /// A query that gives one row with one `timestamptz` or `timestamp` (read as UTC) column.
    pub sql: String,
    /// The oldest that it may be.
    pub age_max: SignedDuration,
    /// Whether it must run.
    pub requirement: Requirement,
}

/// A query with limits on its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlCheck {
    /// The query, read-only.
    pub sql: String,
    /// The fewest rows it must give.
    pub rows_min: u64,
    /// The longest it may take, if limited.
    pub within: Option<SignedDuration>,
    /// Whether it must run.
    pub requirement: Requirement,
}

/// The state that a migration tool expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationsCheck {
    /// Whose table is read.
    pub tool: MigrationTool,
    /// The last migration that must be there, as the tool names it; absent: that none is half done.
    pub expect: Option<String>,
    /// Whether it must run.
    pub requirement: Requirement,
}

/// Tools whose migration tables are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MigrationTool {
    /// Alembic.
    Alembic,
    /// Django.
    Django,
    /// drizzle-kit.
    Drizzle,
    /// Flyway.
    Flyway,
    /// Liquibase.
    Liquibase,
    /// Prisma Migrate.
    Prisma,
    /// Ruby on Rails.
    Rails,
    /// sqlx.
    Sqlx,
}

/// Rows that never change once they are older than a column says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmutableCheck {
    /// The table, with its schema if it is not on the search path.
    pub table: String,
    /// The `timestamptz` or `timestamp` column by which rows are ordered into ranges.
    pub before: String,
    /// Whether it must run.
    pub requirement: Requirement,
}

/// A row count that may not fall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountCheck {
    /// The table, with its schema if it is not on the search path.
    pub table: String,
    /// By how many percent it may have shrunk since the last proved restore.
    pub shrink_max_percent: u8,
    /// Whether it must run.
    pub requirement: Requirement,
}

/// A question to a document database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentCheck {
    /// The collection, as `database.collection`.
    pub collection: String,
    /// A filter as JSON; every document if absent.
    pub filter: Option<String>,
    /// The fewest documents it must find.
    pub documents_min: u64,
    /// The longest it may take to find them, if limited.
    pub within: Option<SignedDuration>,
    /// How old the newest of them may have been when the recovery point was taken.
    pub fresh: Option<DocumentFreshness>,
    /// By how many percent their number may have shrunk since the last proved restore.
    pub shrink_max_percent: Option<u8>,
    /// Whether it must run.
    pub requirement: Requirement,
}

/// How old the newest document may have been when the recovery point was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFreshness {
    /// The field that says when a document was made, as a date or an ObjectId; `a.b` for a field of an embedded document.
    pub field: String,
    /// The oldest that the newest may be.
    pub age_max: SignedDuration,
}
