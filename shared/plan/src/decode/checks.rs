//! Checks: what a restored copy must satisfy.

use holdfast_domain::Requirement;
use holdfast_domain::plan::{
    Checks, CountCheck, DocumentCheck, DocumentFreshness, FreshCheck, ImmutableCheck, MigrationsCheck, ResourceKind,
    SqlCheck,
};

use super::forms::{COLLECTION, COLUMN, DURATION, FIELD, NAME, PERCENT, TABLE};
use super::reader::{Fields, Place};
use super::words::{REQUIREMENTS, TOOLS, known};
use super::{kinds, sql};
use crate::language::{Field, Shape, Table, may, must};
use crate::node::Value;
use crate::problem::{Log, code};

/// A question that may find nothing proves nothing.
const FOUND_MIN_DEFAULT: u64 = 1;

pub(crate) static CHECKS: Table = Table::new(
    "checks",
    &[
        may(
            "integrity",
            Shape::Any(&[Shape::Word(|| known(LEVELS)), Shape::Map(&INTEGRITY)]),
            "full: rows counted two ways, heap, B-tree and TOAST verified",
        ),
        may("fresh", Shape::Map(&FRESH), "How old the newest data may have been when the recovery point was taken"),
        may("sql", Shape::Named(&NAME, &Shape::Map(&SQL)), "The plan's own questions, by name"),
        may("migrations", Shape::Map(&MIGRATIONS), "The state that the migration tool expects"),
        may(
            "immutable",
            Shape::Named(&NAME, &Shape::Map(&IMMUTABLE)),
            "Rows that never change, against the last proved restore",
        ),
        may("counts", Shape::Named(&NAME, &Shape::Map(&COUNT)), "Row counts, against the last proved restore"),
        may("documents", Shape::Named(&NAME, &Shape::Map(&DOCUMENTS)), "Questions to a document database, by name"),
    ],
);

const REQUIREMENT: Field = may(
    "requirement",
    Shape::Word(|| known(REQUIREMENTS)),
    "required, the default: if it could not run, nothing is proved; or best_effort",
);
const WITHIN: Field = may("within", Shape::Like(&DURATION), "The longest that the answer may take");
const QUERY: &str = "One statement that reads";
const QUERY_WANTED: &str = "a query, such as sql: \"select max(created_at) from orders\"";
const TABLE_WANTED: &str = "a table, such as table: orders";

static INTEGRITY: Table = Table::new(
    "integrity",
    &[must("level", Shape::Word(|| known(LEVELS)), "How thorough", "how thorough, level: full"), REQUIREMENT],
);

static FRESH: Table = Table::new(
    "fresh",
    &[
        must("sql", Shape::Text, "A query that gives one timestamp", QUERY_WANTED),
        must(
            "age_max",
            Shape::Like(&DURATION),
            "The oldest that it may be",
            "the oldest that the newest row may be, such as age_max: 15m",
        ),
        REQUIREMENT,
    ],
);

static SQL: Table = Table::new(
    "sql-check",
    &[
        must("sql", Shape::Text, QUERY, QUERY_WANTED),
        may("rows_min", Shape::Count(1, u64::MAX), "The fewest rows it must give; 1 if left out"),
        WITHIN,
        REQUIREMENT,
    ],
);

static MIGRATIONS: Table = Table::new(
    "migrations",
    &[
        must("tool", Shape::Word(|| known(TOOLS)), "Whose table is read", "the migration tool, such as tool: drizzle"),
        may(
            "expect",
            Shape::Text,
            "The last migration that must be there, as the tool names it; if left out, that none is half done",
        ),
        REQUIREMENT,
    ],
);

static IMMUTABLE: Table = Table::new(
    "immutable",
    &[
        must("table", Shape::Like(&TABLE), "The table, with its schema if it is not on the search path", TABLE_WANTED),
        must(
            "before",
            Shape::Like(&COLUMN),
            "The timestamp column by which rows are ordered into ranges",
            "the timestamp column that says how old a row is, such as before: created_at",
        ),
        REQUIREMENT,
    ],
);

static COUNT: Table = Table::new(
    "count",
    &[
        must("table", Shape::Like(&TABLE), "The table, with its schema if it is not on the search path", TABLE_WANTED),
        must(
            "shrink_max",
            Shape::Like(&PERCENT),
            "By how many percent it may have shrunk since the last proved restore, 0% to 99%",
            "by how much it may shrink, such as shrink_max: 5%",
        ),
        REQUIREMENT,
    ],
);

static DOCUMENTS: Table = Table::new(
    "documents",
    &[
        must(
            "collection",
            Shape::Like(&COLLECTION),
            "The collection, as database.collection",
            "a collection with its database, such as collection: app.users",
        ),
        may("filter", Shape::Text, "A filter, a JSON object as text; every document if left out"),
        may("documents_min", Shape::Count(1, u64::MAX), "The fewest documents it must find; 1 if left out"),
        WITHIN,
        may(
            "fresh",
            Shape::Map(&DOCUMENT_FRESH),
            "How old the newest of them may have been when the recovery point was taken",
        ),
        may(
            "shrink_max",
            Shape::Like(&PERCENT),
            "By how many percent their number may have shrunk since the last proved restore, 0% to 99%",
        ),
        REQUIREMENT,
    ],
);

static DOCUMENT_FRESH: Table = Table::new(
    "document-fresh",
    &[
        must(
            "field",
            Shape::Like(&FIELD),
            "The field that says when a document was made, as a date or an ObjectId",
            "the field that says when a document was made, such as field: created_at",
        ),
        must(
            "age_max",
            Shape::Like(&DURATION),
            "The oldest that it may be",
            "the oldest that the newest document may be, such as age_max: 15m",
        ),
    ],
);

const LEVELS: super::words::Words<()> = &[("full", ())];

pub(super) fn checks(place: &Place<'_>, kind: Option<ResourceKind>, log: &mut Log) -> Option<Checks> {
    let fields = Fields::of(place, &CHECKS, log)?;
    fields.some("checks", log)?;
    let mut legal = Some(());
    for name in place.keys() {
        if let Some(part) = place.child(name)
            && kinds::check(&format!("checks.{name}"), &part, kind, log).is_none()
        {
            legal = None;
        }
    }
    let integrity = fields.maybe("integrity", log, integrity);
    let fresh = fields.maybe("fresh", log, fresh);
    let sql = named(&fields, "sql", log, sql_check);
    let migrations = fields.maybe("migrations", log, migrations);
    let immutable = named(&fields, "immutable", log, immutable);
    let counts = named(&fields, "counts", log, count);
    let documents = named(&fields, "documents", log, documents);
    legal?;
    let checks = Checks {
        integrity: integrity?,
        fresh: fresh?,
        sql: sql?,
        migrations: migrations?,
        immutable: immutable?,
        counts: counts?,
        documents: documents?,
    };
    if !requirements(&checks).contains(&Requirement::Required) {
        let message = "every check here is best_effort, so no run could ever be a proof";
        place.refuse(code::NOTHING_PROVED, message, "at least one check with requirement: required is wanted", log);
        return None;
    }
    Some(checks)
}

fn requirements(checks: &Checks) -> Vec<Requirement> {
    let mut all: Vec<Requirement> = checks.integrity.iter().copied().collect();
    all.extend(checks.fresh.iter().map(|check| check.requirement));
    all.extend(checks.sql.values().map(|check| check.requirement));
    all.extend(checks.migrations.iter().map(|check| check.requirement));
    all.extend(checks.immutable.values().map(|check| check.requirement));
    all.extend(checks.counts.values().map(|check| check.requirement));
    all.extend(checks.documents.values().map(|check| check.requirement));
    all
}

fn named<T>(
    fields: &Fields<'_>,
    name: &str,
    log: &mut Log,
    read: impl FnMut(&Place<'_>, &mut Log) -> Option<T>,
) -> Option<std::collections::BTreeMap<holdfast_domain::CheckName, T>> {
    fields.or(name, std::collections::BTreeMap::new(), log, |place, log| place.named(name, log, read))
}

/// `full`, or `{ level: full, requirement: best_effort }`.
fn integrity(place: &Place<'_>, log: &mut Log) -> Option<Requirement> {
    if !matches!(place.node.value, Value::Map(_)) {
        place.word(LEVELS, log)?;
        return Some(Requirement::Required);
    }
    let fields = Fields::of(place, &INTEGRITY, log)?;
    let level = fields.must("level", log, |place, log| place.word(LEVELS, log));
    let requirement = requirement(&fields, log);
    level?;
    requirement
}

fn fresh(place: &Place<'_>, log: &mut Log) -> Option<FreshCheck> {
    let fields = Fields::of(place, &FRESH, log)?;
    let sql = fields.must("sql", log, sql::query);
    let age_max = fields.must("age_max", log, |place, log| place.duration(log));
    let requirement = requirement(&fields, log);
    Some(FreshCheck { sql: sql?, age_max: age_max?, requirement: requirement? })
}

fn sql_check(place: &Place<'_>, log: &mut Log) -> Option<SqlCheck> {
    let fields = Fields::of(place, &SQL, log)?;
    let sql = fields.must("sql", log, sql::query);
    let rows_min = fields.or("rows_min", FOUND_MIN_DEFAULT, log, |place, log| place.count(1, u64::MAX, log));
    let within = fields.maybe("within", log, |place, log| place.duration(log));
    let requirement = requirement(&fields, log);
    Some(SqlCheck { sql: sql?, rows_min: rows_min?, within: within?, requirement: requirement? })
}

fn migrations(place: &Place<'_>, log: &mut Log) -> Option<MigrationsCheck> {
    let fields = Fields::of(place, &MIGRATIONS, log)?;
    let tool = fields.must("tool", log, |place, log| place.word(TOOLS, log));
    let expect = fields.maybe("expect", log, |place, log| place.words(log));
    let requirement = requirement(&fields, log);
    Some(MigrationsCheck { tool: tool?, expect: expect?, requirement: requirement? })
}

fn immutable(place: &Place<'_>, log: &mut Log) -> Option<ImmutableCheck> {
    let fields = Fields::of(place, &IMMUTABLE, log)?;
    let table = fields.must("table", log, |place, log| place.table(log));
    let before = fields.must("before", log, |place, log| place.column(log));
    let requirement = requirement(&fields, log);
    Some(ImmutableCheck { table: table?, before: before?, requirement: requirement? })
}

fn count(place: &Place<'_>, log: &mut Log) -> Option<CountCheck> {
    let fields = Fields::of(place, &COUNT, log)?;
    let table = fields.must("table", log, |place, log| place.table(log));
    let shrink_max_percent = fields.must("shrink_max", log, |place, log| place.percent(log));
    let requirement = requirement(&fields, log);
    Some(CountCheck { table: table?, shrink_max_percent: shrink_max_percent?, requirement: requirement? })
}

fn documents(place: &Place<'_>, log: &mut Log) -> Option<DocumentCheck> {
    let fields = Fields::of(place, &DOCUMENTS, log)?;
    let collection = fields.must("collection", log, |place, log| place.collection(log));
    let filter = fields.maybe("filter", log, filter);
    let documents_min = fields.or("documents_min", FOUND_MIN_DEFAULT, log, |place, log| place.count(1, u64::MAX, log));
    let within = fields.maybe("within", log, |place, log| place.duration(log));
    let fresh = fields.maybe("fresh", log, document_fresh);
    let shrink_max_percent = fields.maybe("shrink_max", log, |place, log| place.percent(log));
    let requirement = requirement(&fields, log);
    Some(DocumentCheck {
        collection: collection?,
        filter: filter?,
        documents_min: documents_min?,
        within: within?,
        fresh: fresh?,
        shrink_max_percent: shrink_max_percent?,
        requirement: requirement?,
    })
}

fn document_fresh(place: &Place<'_>, log: &mut Log) -> Option<DocumentFreshness> {
    let fields = Fields::of(place, &DOCUMENT_FRESH, log)?;
    let field = fields.must("field", log, |place, log| place.field(log));
    let age_max = fields.must("age_max", log, |place, log| place.duration(log));
    Some(DocumentFreshness { field: field?, age_max: age_max? })
}

/// A JSON object, as it was written: what it asks is the database's to say.
fn filter(place: &Place<'_>, log: &mut Log) -> Option<String> {
    let text = place.text(log)?;
    let reason = match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => return Some(text.trim().to_owned()),
        Err(error) => error,
    };
    let message = format!("{} is not a filter: {reason}", place.node.shown());
    place.refuse(code::FILTER, message, "a JSON object as text is wanted, such as '{\"active\": true}'", log);
    None
}

/// A check is required unless the plan says otherwise: what is asked for and not run is not proved.
fn requirement(fields: &Fields<'_>, log: &mut Log) -> Option<Requirement> {
    fields.or("requirement", Requirement::Required, log, |place, log| place.word(REQUIREMENTS, log))
}
