//! The state of a migration tool's own table: is the expected migration the last one applied, and is none half done.
//!
//! A table is read as it is (every row as JSON, whatever columns the tool's version gave it); what its rows mean is `history`, tool by tool.

mod history;

use holdfast_domain::Outcome;
use holdfast_domain::plan::{MigrationTool, MigrationsCheck};
use serde_json::Value;
use tokio_postgres::{Client, Error};

use self::history::{History, history};
use super::sql::refused;
use super::{Answer, Meaning, counted, meaning};
use crate::catalog::shown;

/// More is no table of migrations.
const ROWS_MAX: i64 = 50_000;

/// How many names are quoted. The rest is counted.
const QUOTED_MAX: usize = 3;

/// Every tool with the name of its table. Tools fold names to lower case on PostgreSQL, and some people quote them.
const TABLES: [(MigrationTool, &str, &str); 8] = [
    (MigrationTool::Alembic, "Alembic", "alembic_version"),
    (MigrationTool::Django, "Django", "django_migrations"),
    (MigrationTool::Drizzle, "drizzle", "__drizzle_migrations"),
    (MigrationTool::Flyway, "Flyway", "flyway_schema_history"),
    (MigrationTool::Liquibase, "Liquibase", "databasechangelog"),
    (MigrationTool::Prisma, "Prisma", "_prisma_migrations"),
    (MigrationTool::Rails, "Rails", "schema_migrations"),
    (MigrationTool::Sqlx, "sqlx", "_sqlx_migrations"),
];

/// Liquibase's lock: one row, for as long as it is at work.
const LIQUIBASE_LOCK: &str = "databasechangeloglock";

const FOUND: &str = "\
select n.nspname::text, c.relname::text, lower(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
where c.relkind in ('r', 'p') and lower(c.relname) = any ($1) and n.nspname !~ '^pg_' order by 1, 2";

/// A table of a migration tool.
struct Table {
    schema: String,
    name: String,
    /// In lower case.
    known_as: String,
}

impl Table {
    fn shown(&self) -> String {
        format!("{}.{}", shown(&self.schema), shown(&self.name))
    }
}

pub(super) async fn examine(client: &Client, check: &MigrationsCheck) -> Result<Answer, Error> {
    let found = tables(client).await?;
    let (tool, table_name) = called(check.tool);
    let own: Vec<&Table> = found.iter().filter(|table| table.known_as == table_name).collect();
    if own.is_empty() {
        return Ok((Outcome::Failed, missing(tool, table_name, &found)));
    }
    let mut answers = Vec::new();
    for table in &own {
        let rows = match rows(client, table).await {
            Ok(rows) => rows,
            Err(error) => return refused(error),
        };
        let locked = match check.tool {
            MigrationTool::Liquibase => lock(client, &found, &table.schema).await?,
            MigrationTool::Alembic
            | MigrationTool::Django
            | MigrationTool::Drizzle
            | MigrationTool::Flyway
            | MigrationTool::Prisma
            | MigrationTool::Rails
            | MigrationTool::Sqlx => None,
        };
        let answer = match history(check.tool, &rows) {
            Ok(mut history) => {
                history.half_done.extend(locked);
                judged(check, &history)
            }
            Err(reason) => (Outcome::Failed, format!("it is not as {tool} makes it: {reason}")),
        };
        answers.push((table.shown(), answer));
    }
    Ok(together(&answers))
}

fn called(tool: MigrationTool) -> (&'static str, &'static str) {
    let known = TABLES.iter().find(|(known, _, _)| *known == tool);
    known.map_or(("the tool", ""), |(_, name, table)| (*name, *table))
}

async fn tables(client: &Client) -> Result<Vec<Table>, Error> {
    let names: Vec<&str> = TABLES.iter().map(|(_, _, table)| *table).chain([LIQUIBASE_LOCK]).collect();
    let rows = client.query(FOUND, &[&names]).await?;
    rows.iter()
        .map(|row| Ok(Table { schema: row.try_get(0)?, name: row.try_get(1)?, known_as: row.try_get(2)? }))
        .collect()
}

async fn rows(client: &Client, table: &Table) -> Result<Vec<Value>, Error> {
    let (schema, name) = (crate::catalog::quoted(&table.schema), crate::catalog::quoted(&table.name));
    let rows = client.query(&format!("select to_jsonb(m) from {schema}.{name} m limit {ROWS_MAX}"), &[]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// What Liquibase's lock of that schema says, if it is held.
async fn lock(client: &Client, found: &[Table], schema: &str) -> Result<Option<String>, Error> {
    let Some(table) = found.iter().find(|table| table.known_as == LIQUIBASE_LOCK && table.schema == schema) else {
        return Ok(None);
    };
    let held = match rows(client, table).await {
        Ok(rows) => rows.into_iter().map(lower_keys).find(|row| row["locked"] == Value::Bool(true)),
        Err(error) if meaning(&error) == Meaning::Lost => return Err(error),
        Err(_) => None,
    };
    Ok(held.map(|row| {
        let by = row["lockedby"].as_str().unwrap_or("somebody");
        format!(
            "{} is held by {by}: Liquibase was at work when the recovery point was made, or died at it",
            table.shown()
        )
    }))
}

fn lower_keys(row: Value) -> Value {
    match row {
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => other,
    }
}

/// The words for a table that is not there: what is there instead.
fn missing(tool: &str, table: &str, found: &[Table]) -> String {
    let others: Vec<String> = found
        .iter()
        .filter_map(|found| {
            let (_, tool, _) = TABLES.iter().find(|(_, _, table)| *table == found.known_as)?;
            Some(format!("{tool} ({})", found.shown()))
        })
        .collect();
    let instead = if others.is_empty() {
        "nor of any other migration tool".to_owned()
    } else {
        format!("there is one of {}", others.join(" and "))
    };
    format!("there is no table of {tool} ({table}) in any schema; {instead}")
}

fn judged(check: &MigrationsCheck, history: &History) -> Answer {
    if !history.half_done.is_empty() {
        return (Outcome::Failed, format!("half done or failed: {}", quoted(&history.half_done)));
    }
    let lasts: Vec<String> = history.lasts.iter().map(|last| last.shown.clone()).collect();
    if lasts.is_empty() {
        return (Outcome::Failed, "no migration is applied".into());
    }
    let number = counted(i64::try_from(history.applied.len()).unwrap_or(i64::MAX), "migration");
    let Some(expect) = &check.expect else {
        return (Outcome::Passed, format!("{number} applied, none half done; the last is {}", quoted(&lasts)));
    };
    match history.holds(expect) {
        Some(true) => (Outcome::Passed, format!("{number} applied; the last is {expect}, as expected")),
        Some(false) if history.applied.iter().any(|applied| applied.is(expect)) => {
            let detail = format!("{expect} is applied, and it is not the last: {} is", quoted(&lasts));
            (Outcome::Failed, detail)
        }
        Some(false) => (Outcome::Failed, format!("{expect} is not applied; the last is {}", quoted(&lasts))),
        None => {
            let detail = format!(
                "the table holds no names, so {expect} cannot be found in it; expect the hash or the time (created_at) of the last \
                 migration instead: {}",
                quoted(&lasts)
            );
            (Outcome::NotRun, detail)
        }
    }
}

fn quoted(names: &[String]) -> String {
    let more = names.len().saturating_sub(QUOTED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.iter().take(QUOTED_MAX).cloned().collect::<Vec<_>>().join(", "))
}

/// One answer for all tables of the tool: each must be as expected, as with a schema for each tenant.
fn together(answers: &[(String, Answer)]) -> Answer {
    if let [(table, (outcome, detail))] = answers {
        return (*outcome, format!("{table}: {detail}"));
    }
    let of = |outcome: Outcome| -> Vec<String> {
        let of = answers.iter().filter(|(_, answer)| answer.0 == outcome);
        of.map(|(table, (_, detail))| format!("{table}: {detail}")).collect()
    };
    let (failed, not_run) = (of(Outcome::Failed), of(Outcome::NotRun));
    let several = format!("{} tables, and each must be as expected", answers.len());
    if !failed.is_empty() {
        (Outcome::Failed, format!("{}; {several}", quoted(&failed)))
    } else if !not_run.is_empty() {
        (Outcome::NotRun, format!("{}; {several}", quoted(&not_run)))
    } else {
        (Outcome::Passed, format!("{}; {several}", quoted(&of(Outcome::Passed))))
    }
}

#[cfg(test)]
mod tests;
