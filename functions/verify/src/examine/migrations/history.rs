//! What the rows of a migration tool's table mean. Pure.
//!
//! Sources, by tool: Alembic documentation, "Working with Branches" (a row per head); Django documentation, "Migrations" (a row per app and
//! name); drizzle-orm, `__drizzle_migrations` (hash and time, names only in newer versions); Flyway documentation, "Flyway schema history
//! table"; Liquibase documentation, "DATABASECHANGELOG table"; Prisma schema engine, "The _prisma_migrations Table"; Rails guides,
//! "Active Record Migrations" (`schema_migrations` holds versions alone); sqlx, `sqlx::migrate` (`success` is false while one runs).

use std::collections::BTreeMap;

use holdfast_domain::plan::MigrationTool;
use serde_json::Value;

/// What a table says.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Applied, in the order of application as far as the tool keeps it.
    pub(super) applied: Vec<Migration>,
    /// The last ones: one, or one per head or app.
    pub(super) lasts: Vec<Migration>,
    /// Begun and not ended, or failed.
    pub(super) half_done: Vec<String>,
    /// Whether the table names its migrations at all.
    pub(super) nameless: bool,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Migration {
    /// As the tool names it.
    pub(super) shown: String,
    /// Everything else that means it.
    also: Vec<String>,
    /// Its number, where the names of files begin with it.
    number: Option<u64>,
}

impl Migration {
    fn new(shown: impl Into<String>) -> Self {
        Self { shown: shown.into(), also: Vec::new(), number: None }
    }

    fn or(mut self, name: impl Into<String>) -> Self {
        self.also.push(name.into());
        self
    }

    /// Whether somebody means this one: by any of its names, or by the name of a file that begins with its number.
    pub(super) fn is(&self, meant: &str) -> bool {
        let meant = meant.strip_suffix(".sql").unwrap_or(meant);
        self.shown == meant
            || self.also.iter().any(|name| name == meant)
            || self.number.is_some() && self.number == leading_number(meant) && self.also.is_empty()
    }
}

impl History {
    /// Whether what is expected is a last one. `None` if the table cannot tell.
    pub(super) fn holds(&self, expect: &str) -> Option<bool> {
        if self.lasts.iter().any(|last| last.is(expect)) {
            return Some(true);
        }
        if !self.nameless || looks_like_a_hash_or_a_time(expect) {
            return Some(false);
        }
        // drizzle-kit numbers its files from 0000: the one numbered 42 is the 43rd.
        let index = numbered_tag(expect)?;
        Some(u64::try_from(self.applied.len()).ok() == index.checked_add(1))
    }
}

/// What the rows mean, or why they mean nothing.
pub(super) fn history(tool: MigrationTool, rows: &[Value]) -> Result<History, String> {
    match tool {
        MigrationTool::Alembic => alembic(rows),
        MigrationTool::Django => django(rows),
        MigrationTool::Drizzle => drizzle(rows),
        MigrationTool::Flyway => flyway(rows),
        MigrationTool::Liquibase => liquibase(rows),
        MigrationTool::Prisma => prisma(rows),
        MigrationTool::Rails => rails(rows),
        MigrationTool::Sqlx => sqlx(rows),
    }
}

fn alembic(rows: &[Value]) -> Result<History, String> {
    let heads = rows.iter().map(|row| Ok(Migration::new(text(row, "version_num")?)));
    let heads = heads.collect::<Result<Vec<_>, String>>()?;
    Ok(History { applied: heads.clone(), lasts: heads, ..History::default() })
}

fn django(rows: &[Value]) -> Result<History, String> {
    let mut applied = Vec::new();
    let mut lasts = BTreeMap::new();
    for row in in_order(rows, "id")? {
        let (app, name) = (text(row, "app")?, text(row, "name")?);
        let migration = Migration::new(format!("{app}.{name}")).or(format!("{app}/{name}")).or(name);
        applied.push(migration.clone());
        lasts.insert(app, migration);
    }
    Ok(History { applied, lasts: lasts.into_values().collect(), ..History::default() })
}

fn drizzle(rows: &[Value]) -> Result<History, String> {
    let mut applied = Vec::new();
    let mut nameless = false;
    for row in in_order(rows, "created_at")? {
        let (hash, time) = (text(row, "hash")?, number(row, "created_at")?.to_string());
        let name = row.get("name").and_then(Value::as_str);
        nameless |= name.is_none();
        applied.push(match name {
            Some(name) => Migration::new(name).or(hash).or(time),
            None => Migration::new(format!("{hash} of {time}")).or(hash).or(time),
        });
    }
    Ok(History { lasts: applied.last().cloned().into_iter().collect(), applied, nameless, ..History::default() })
}

/// The last is the highest version, as Flyway's own "current" is. Repeatable migrations have no version; undone and deleted ones are
/// rows of their own.
fn flyway(rows: &[Value]) -> Result<History, String> {
    let mut by_version: Vec<(Vec<u64>, Migration)> = Vec::new();
    let mut half_done = BTreeMap::new();
    let mut repeatable = Vec::new();
    for row in in_order(rows, "installed_rank")? {
        let (sort, script) = (text(row, "type")?, text(row, "script")?);
        let Some(version) = row.get("version").and_then(Value::as_str) else {
            match flag(row, "success")? {
                true if sort == "SCHEMA" => {}
                true => {
                    half_done.remove(&script);
                    repeatable.push(Migration::new(script));
                }
                false => {
                    half_done.insert(script.clone(), script);
                }
            }
            continue;
        };
        let order = version.split(['.', '_']).map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
        by_version.retain(|(known, _)| *known != order);
        half_done.remove(version);
        if !flag(row, "success")? {
            half_done.insert(version.to_owned(), format!("{version} ({script})"));
        } else if !sort.starts_with("UNDO") && sort != "DELETE" {
            let file = script.strip_suffix(".sql").unwrap_or(&script).to_owned();
            by_version.push((order, Migration::new(version).or(file).or(format!("V{version}"))));
        }
    }
    let last = by_version.iter().max_by_key(|(order, _)| order).map(|(_, migration)| migration.clone());
    let applied = by_version.into_iter().map(|(_, migration)| migration).chain(repeatable).collect();
    Ok(History {
        applied,
        lasts: last.into_iter().collect(),
        half_done: half_done.into_values().collect(),
        nameless: false,
    })
}

fn liquibase(rows: &[Value]) -> Result<History, String> {
    let rows: Vec<Value> = rows.iter().cloned().map(super::lower_keys).collect();
    let (mut applied, mut half_done) = (Vec::new(), Vec::new());
    for row in in_order(&rows, "orderexecuted")? {
        let (id, author, file) = (text(row, "id")?, text(row, "author")?, text(row, "filename")?);
        let full = format!("{file}::{id}::{author}");
        if text(row, "exectype")? == "FAILED" {
            half_done.push(full);
        } else {
            applied.push(Migration::new(full).or(format!("{author}:{id}")).or(id));
        }
    }
    Ok(History { lasts: applied.last().cloned().into_iter().collect(), applied, half_done, nameless: false })
}

/// One that was rolled back is not applied, and may have been tried again since.
fn prisma(rows: &[Value]) -> Result<History, String> {
    let mut rows: Vec<&Value> = rows.iter().collect();
    // Times of one session's zone in ISO 8601 sort as text.
    rows.sort_by_key(|row| row.get("started_at").and_then(Value::as_str).map(str::to_owned));
    let (mut applied, mut half_done) = (Vec::new(), Vec::new());
    for row in rows {
        let name = text(row, "migration_name")?;
        let is_set = |field| row.get(field).is_some_and(|value| !value.is_null());
        match (is_set("finished_at"), is_set("rolled_back_at")) {
            (_, true) => {}
            (true, false) => applied.push(Migration::new(name)),
            (false, false) => half_done.push(name),
        }
    }
    Ok(History { lasts: applied.last().cloned().into_iter().collect(), applied, half_done, nameless: false })
}

/// Versions alone: a file is found by the number that its name begins with.
fn rails(rows: &[Value]) -> Result<History, String> {
    let mut applied = rows
        .iter()
        .map(|row| {
            let version = text(row, "version")?;
            Ok(Migration { number: leading_number(&version), ..Migration::new(version) })
        })
        .collect::<Result<Vec<_>, String>>()?;
    applied.sort_by(|a, b| (a.number, &a.shown).cmp(&(b.number, &b.shown)));
    Ok(History { lasts: applied.last().cloned().into_iter().collect(), applied, ..History::default() })
}

fn sqlx(rows: &[Value]) -> Result<History, String> {
    let (mut applied, mut half_done) = (Vec::new(), Vec::new());
    for row in in_order(rows, "version")? {
        let (version, description) = (number(row, "version")?, text(row, "description")?);
        if flag(row, "success")? {
            let version = u64::try_from(version).ok();
            // A file `0042_add_orders.sql` is version 42, described as `add orders`.
            let described = description.replace(' ', "_");
            applied.push(SqlxName { version, described: &described }.migration());
        } else {
            half_done.push(format!("{version} {description}"));
        }
    }
    Ok(History { lasts: applied.last().cloned().into_iter().collect(), applied, half_done, nameless: false })
}

struct SqlxName<'a> {
    version: Option<u64>,
    described: &'a str,
}

impl SqlxName<'_> {
    /// Leading zeroes are not kept: any width of the number is meant.
    fn migration(&self) -> Migration {
        let version = self.version.unwrap_or_default();
        let mut migration = Migration::new(format!("{version}_{}", self.described)).or(version.to_string());
        for width in 2..=14 {
            migration = migration.or(format!("{version:0width$}_{}", self.described)).or(format!("{version:0width$}"));
        }
        migration
    }
}

/// Rows by a column of whole numbers.
fn in_order<'a>(rows: &'a [Value], column: &str) -> Result<Vec<&'a Value>, String> {
    let mut numbered = rows.iter().map(|row| Ok((number(row, column)?, row))).collect::<Result<Vec<_>, String>>()?;
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered.into_iter().map(|(_, row)| row).collect())
}

fn text(row: &Value, column: &str) -> Result<String, String> {
    let value = row.get(column).ok_or_else(|| format!("it has no column {column}"))?;
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{column} is not a text in every row"))
}

fn number(row: &Value, column: &str) -> Result<i64, String> {
    let value = row.get(column).ok_or_else(|| format!("it has no column {column}"))?;
    value.as_i64().ok_or_else(|| format!("{column} is not a whole number in every row"))
}

fn flag(row: &Value, column: &str) -> Result<bool, String> {
    let value = row.get(column).ok_or_else(|| format!("it has no column {column}"))?;
    value.as_bool().ok_or_else(|| format!("{column} is not true or false in every row"))
}

fn leading_number(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    text[..digits].parse().ok()
}

/// The number of a tag as drizzle-kit makes them by default: four digits and a name. Time stamps are no numbers of this sort.
fn numbered_tag(tag: &str) -> Option<u64> {
    let (digits, _) = tag.split_once('_')?;
    if digits.len() == 4 { digits.parse().ok() } else { None }
}

fn looks_like_a_hash_or_a_time(expect: &str) -> bool {
    (expect.len() == 64 && expect.bytes().all(|b| b.is_ascii_hexdigit()))
        || (expect.len() >= 13 && expect.bytes().all(|b| b.is_ascii_digit()))
}
