//! What there is to look at in a room: databases, tables, indexes. Plain data; how it is asked for is `room::listing`.

/// Where our extensions go if they are not there yet. A schema of our own is ours to create in, whatever became of `public`; what is
/// in it is no part of the restored data.
pub const OWN_SCHEMA: &str = "holdfast_verify";

/// Everything there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Every database that is no template, `rdsadmin` (Amazon's own, closed to customers) left out. In any order.
    pub databases: Vec<Database>,
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
    /// Its tables and the means to check them.
    Listed(Listing),
    /// Nobody may connect to it (`datallowconn` is off), in production neither. Nobody can ask for that to be proved.
    Off,
    /// It could not be opened or listed: not known is not healthy.
    Closed {
        /// Why.
        reason: String,
    },
    /// Its system catalog is damaged.
    Damaged {
        /// In the server's words.
        reason: String,
    },
}

/// The tables of one database, and the means to check them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// `verify_heapam` of `amcheck`.
    pub verify_heapam: Tool,
    /// `bt_index_check` of `amcheck`.
    pub bt_index_check: Tool,
    /// `pgstattuple` of the extension of that name.
    pub pgstattuple: Tool,
    /// Whether a range of a table's pages can be read by itself (`ctid` ranges, from PostgreSQL 14 on).
    pub tid_ranges: bool,
    /// Where a name without a schema is looked for, in order.
    pub search_path: Vec<String>,
    /// Tables, partitions and populated materialized views; no temporary table, and of the system's own only the pages of large objects, if
    /// there are any. In any order.
    pub tables: Vec<Table>,
    /// Partitioned tables, which have no rows of their own. In any order.
    pub partitioned: Vec<Partitioned>,
    /// Foreign keys, and CHECK constraints that were never validated; those that a partition has from its parent left out. In any
    /// order.
    pub constraints: Vec<Constraint>,
    /// Sequences, in any order.
    pub sequences: Vec<Sequence>,
}

/// A constraint that rows may break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// `pg_constraint.oid`.
    pub oid: u32,
    /// The schema of its table, unquoted.
    pub schema: String,
    /// Its table, unquoted.
    pub table: String,
    /// Its name, unquoted.
    pub name: String,
    /// What sort it is.
    pub sort: ConstraintSort,
    /// Whether every row was ever held against it. Where not, rows that break it are allowed.
    pub validated: bool,
}

impl Constraint {
    /// Schema and table, as people read them.
    #[must_use]
    pub fn shown_table(&self) -> String {
        format!("{}.{}", shown(&self.schema), shown(&self.table))
    }
}

/// What sort of constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintSort {
    /// FOREIGN KEY.
    ForeignKey,
    /// CHECK.
    Check,
}

/// A sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its schema, unquoted.
    pub schema: String,
    /// Its name, unquoted.
    pub name: String,
}

/// A function of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// It may be called by this name.
    Ready {
        /// Schema and name, quoted for SQL.
        function: String,
    },
    /// It may not.
    Missing {
        /// Why.
        reason: String,
    },
}

/// A relation with rows of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its schema, unquoted.
    pub schema: String,
    /// Its name, unquoted.
    pub name: String,
    /// Its access method: `heap`.
    pub access_method: String,
    /// Its size in pages when it was listed.
    pub blocks: u64,
    /// Its indexes.
    pub indexes: Vec<Index>,
    /// Where its large values lie.
    pub toast: Option<Toast>,
    /// Whether other tables inherit from it, or did: who reads it reads them too.
    pub has_heirs: bool,
}

impl Table {
    /// Whether it holds the pages of large objects.
    #[must_use]
    pub fn holds_large_objects(&self) -> bool {
        self.schema == "pg_catalog" && self.name == "pg_largeobject"
    }

    /// Whether its pages, and nothing else, are what there is to read of it.
    #[must_use]
    pub fn is_plain_heap(&self) -> bool {
        self.access_method == "heap" && !self.has_heirs
    }
}

/// A partitioned table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitioned {
    /// Its schema, unquoted.
    pub schema: String,
    /// Its name, unquoted.
    pub name: String,
    /// `pg_class.oid` of every partition that has rows or may have, at whatever depth; foreign tables too.
    pub partitions: Vec<u32>,
}

/// A table's TOAST relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its size in pages when it was listed.
    pub blocks: u64,
    /// Its one index.
    pub indexes: Vec<Index>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its name, unquoted; its schema is the table's.
    pub name: String,
    /// Its access method: `btree`.
    pub access_method: String,
    /// `indisvalid`, `indisready` and `indislive`.
    pub valid: bool,
    /// Whether no two rows may have equal keys.
    pub unique: bool,
    /// Whether it leaves rows out.
    pub partial: bool,
    /// Whether a key is an expression.
    pub expressions: bool,
    /// Whether every key column is, and ever was, NOT NULL.
    pub keys_not_null: bool,
}

impl Index {
    /// Whether a scan of this index meets every row once. A B-tree holds rows with NULL keys too, and rows by an expression as well
    /// as by a column, so none of uniqueness, NOT NULL and plain columns is asked for.
    #[must_use]
    pub fn meets_every_row(&self) -> bool {
        self.valid && self.access_method == "btree" && !self.partial
    }

    /// Whether, after VACUUM, this index has exactly one item per row. An index that is not unique, or has NULL keys, merges equal
    /// keys into one posting list (source: PostgreSQL documentation, "B-Tree Deduplication"), and `pgstattuple` counts items.
    #[must_use]
    pub fn has_one_item_per_row(&self) -> bool {
        self.meets_every_row() && !self.expressions && self.unique && self.keys_not_null
    }
}

/// A name as SQL text, always quoted.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name as people read it: quoted only where it must be. Two names never look alike, dots and blanks in them included.
#[must_use]
pub fn shown(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_quoted_only_where_it_must_be() {
        for (name, wanted) in [
            ("orders", "orders"),
            ("Orders", "\"Orders\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a.b", "\"a.b\""),
            ("", "\"\""),
        ] {
            assert_eq!(shown(name), wanted);
        }
    }

    proptest! {
        #[test]
        fn two_tables_never_look_alike(a in "[a-b.\" ]{0,4}", b in "[a-b.\" ]{0,4}", c in "[a-b.\" ]{0,4}", d in "[a-b.\" ]{0,4}") {
            let (left, right) = (format!("{}.{}", shown(&a), shown(&b)), format!("{}.{}", shown(&c), shown(&d)));
            prop_assert_eq!(left == right, a == c && b == d);
        }
    }
}
