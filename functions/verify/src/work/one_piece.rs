//! What cannot be split, and what a person can do about it. Everything that grows with a table is made in parts where PostgreSQL lets it be;
//! the rest has to end within one invocation, and is *not run* otherwise.

use super::Task;

impl Task {
    /// What to do where it did not end within one invocation.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Index { .. } => {
                "an index is checked in one statement: give the restore test a larger instance class, or partition the table"
            }
            Self::VacuumCount { .. } => {
                "a table is vacuumed, and its index counted, in one piece: give the restore test a larger instance class, or partition the \
                 table; whether rows are lost where pages are not all-visible stays unknown"
            }
            Self::CountIndex { .. } | Self::CountParts { .. } | Self::Count { .. } => {
                "a table is counted by an index in one statement: give the restore test a larger instance class, or partition the table"
            }
            Self::TableCount { .. } | Self::Immutable { .. } => {
                "a view, a foreign table, a table that others inherit from and any table before PostgreSQL 14 is read in one statement: name \
                 in the plan the tables that it is made of"
            }
            Self::LargeObjects { .. } => {
                "large objects are held against their pages in one statement: give the restore test a larger instance class"
            }
            Self::Schema { .. } | Self::Collations { .. } | Self::SystemCatalog { .. } | Self::Migrations { .. } => {
                "the system catalog is looked at in one piece: give the restore test a larger instance class"
            }
            Self::Constraint { .. } | Self::Sequence { .. } => {
                "it is one statement over the table: an index over its columns makes it faster"
            }
            Self::Fresh { .. } | Self::Sql { .. } => "it is a question of the plan's own: ask for less, or by an index",
            Self::CountBlocks { .. } | Self::Heap { .. } | Self::ImmutableBlocks { .. } => {
                "so few pages take so long only where storage hardly answers: give the restore test a larger instance class"
            }
            Self::Documents(_) => {
                "a collection is looked at in one piece: give the restore test a larger instance class"
            }
            Self::Settled { .. } | Self::Tls | Self::Server => "the server hardly answers",
        }
    }
}
