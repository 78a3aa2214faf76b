//! A logical copy: `pg_dump` of one database, restored into an empty local instance. New pages and new indexes: damage in the source's
//! files shows, if at all, as an error of the dump.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::choice::SCHEDULERS;
use super::programs::{Connection, run};
use super::source::{Database, Source};
use super::words::bytes;
use crate::postgres::{ADMIN, Login, ensure_rds_roles, execute};

/// One connection, as gentle as a single reader. It gives up on a table that somebody locks, instead of queueing behind the lock with
/// others behind it. Replication and security providers are the source's own affairs.
const DUMP_FLAGS: [&str; 8] = [
    "--format=custom",
    "--compress=1",
    "--lock-wait-timeout=60s",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-password",
    "--verbose",
];

/// Roles are not in a dump, so nothing of theirs is restored. The first error ends it: an incomplete copy proves nothing.
const RESTORE_FLAGS: [&str; 7] =
    ["--no-owner", "--no-privileges", "--no-tablespaces", "--exit-on-error", "--jobs=2", "--no-password", "--verbose"];

const TICK: Duration = Duration::from_millis(500);

/// The two programs.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) pg_dump: std::path::PathBuf,
    pub(super) pg_restore: std::path::PathBuf,
}

/// Dumps the source's database into `dir`, which must be private. Returns the archive's size.
///
/// # Errors
/// When the source refuses, in the program's words.
pub(super) async fn dump(
    connection: &Connection,
    programs: &Programs,
    source: &Source,
    dir: &Path,
    say: impl Fn(&str),
) -> Result<u64> {
    let archive = dir.join("dump");
    let mut command = connection.read_only(&programs.pg_dump);
    command.args(DUMP_FLAGS).arg("--file").arg(&archive);
    let begun = Cell::new(0_u64);
    let size = || std::fs::metadata(&archive).map_or(0, |metadata| metadata.len());
    let dumped = run(command, |line| begun.set(begun.get() + u64::from(line.contains("dumping contents of table"))));
    let told = || say(&format!("table {} of {}, {} compressed", begun.get(), source.tables, bytes(size())));
    while_telling(dumped, told).await.context("the source could not be dumped")?;
    Ok(size())
}

/// Restores the archive in `dir` into a new database of a local server, owned by `owner`. What would act by itself is left out.
///
/// # Errors
/// When something cannot be restored, in the program's words.
pub(super) async fn restore(
    admin: &Login,
    programs: &Programs,
    source: &Source,
    (owner, has_locale): (&str, bool),
    dir: &Path,
    say: impl Fn(&str),
) -> Result<()> {
    create_database(admin, source, owner, has_locale).await?;
    let local = Connection::to_local(admin)?;
    let list = dir.join("list");
    let archive = dir.join("dump");
    let mut listing = local.command(&programs.pg_restore);
    listing.arg("--list").arg("--file").arg(&list).arg(&archive);
    run(listing, |_| {}).await.context("the dump cannot be read")?;
    let text = std::fs::read_to_string(&list).context("the dump's list of contents cannot be read")?;
    std::fs::write(&list, inert(&text)).context("the dump's list of contents cannot be written")?;

    let mut command = local.command(&programs.pg_restore);
    command
        .args(RESTORE_FLAGS)
        .arg("--use-list")
        .arg(&list)
        .arg(format!("--dbname={}", conninfo(&source.database.name)))
        .arg(&archive);
    let begun = Cell::new(0_u64);
    let restored = run(command, |line| begun.set(begun.get() + u64::from(line.contains("processing data for table"))));
    let told = || say(&format!("restoring table {} of {}", begun.get(), source.tables));
    while_telling(restored, told).await.context("the dump could not be restored")?;
    // The checks' extensions, in the database that was not there before.
    ensure_rds_roles(admin).await.context("the copy cannot be made ready for its checks")
}

/// Tells how the work is getting on until it is done.
async fn while_telling(work: impl Future<Output = Result<()>>, tell: impl Fn()) -> Result<()> {
    let telling = async {
        loop {
            tell();
            tokio::time::sleep(TICK).await;
        }
    };
    tokio::select! {
        done = work => done,
        () = telling => Ok(()),
    }
}

/// The source's encoding, and its collation where this machine has it.
async fn create_database(admin: &Login, source: &Source, owner: &str, has_locale: bool) -> Result<()> {
    let client = admin.connect().await?;
    for role in &source.policy_roles {
        // A policy names roles, and is not created without them.
        let known = client.query_opt("select from pg_roles where rolname = $1", &[role]).await?;
        if known.is_none() && role != ADMIN {
            execute(&client, "create role %I nologin", &[role]).await.context("a role of a policy cannot be made")?;
        }
    }
    let (clauses, arguments) = locale(&source.database, has_locale);
    let template = format!("create database %I template template0 owner %I encoding %L {clauses}");
    let mut all = vec![source.database.name.as_str(), owner, source.encoding.as_str()];
    all.extend(arguments);
    execute(&client, &template, &all).await.context("an empty database like the source's cannot be made")
}

/// The locale's clauses of CREATE DATABASE, and their arguments.
fn locale(database: &Database, has_locale: bool) -> (&'static str, Vec<&str>) {
    let (collate, ctype) = if has_locale { (database.collate.as_str(), database.ctype.as_str()) } else { ("C", "C") };
    match (database.provider.as_deref(), database.locale.as_deref()) {
        (Some("i"), Some(icu)) => {
            ("lc_collate %L lc_ctype %L locale_provider icu icu_locale %L", vec![collate, ctype, icu])
        }
        (Some("b"), Some(builtin)) => {
            ("lc_collate %L lc_ctype %L locale_provider builtin builtin_locale %L", vec![collate, ctype, builtin])
        }
        (Some("c"), _) => ("lc_collate %L lc_ctype %L locale_provider libc", vec![collate, ctype]),
        (None | Some(_), _) => ("lc_collate %L lc_ctype %L", vec![collate, ctype]),
    }
}

/// A database's name as `--dbname` takes it: one with `=` in it would be read as a connection string of its own.
fn conninfo(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A dump's list of contents without what would act by itself or reach out: event triggers, logins of foreign servers, schedulers.
/// Lines are `dumpId; tableoid oid DESCRIPTION schema name owner`; a line that begins with `;` is left out.
fn inert(list: &str) -> String {
    let kept = list.lines().map(|line| if acts(line) { format!(";{line}\n") } else { format!("{line}\n") });
    kept.collect()
}

fn acts(line: &str) -> bool {
    let Some((_, rest)) = line.split_once("; ") else { return false };
    let entry = rest.splitn(3, ' ').nth(2).unwrap_or_default();
    let reaches_out = ["EVENT TRIGGER ", "USER MAPPING ", "COMMENT - EVENT TRIGGER ", "SUBSCRIPTION ", "PUBLICATION "];
    reaches_out.iter().any(|kind| entry.starts_with(kind))
        || SCHEDULERS.iter().any(|(extension, schema)| {
            entry.starts_with(&format!("EXTENSION - {extension} "))
                || entry.starts_with(&format!("COMMENT - EXTENSION {extension} "))
                || ["TABLE DATA", "SEQUENCE SET", "POLICY", "ROW SECURITY"]
                    .iter()
                    .any(|kind| entry.starts_with(&format!("{kind} {schema} ")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_by_itself_is_not_restored_and_everything_else_is() {
        let list = "\
;
; Archive created at 2026-11-20
215; 1259 16388 TABLE public orders app
3456; 0 16388 TABLE DATA public orders app
3457; 3466 16500 EVENT TRIGGER - mail_on_ddl app
3458; 0 0 COMMENT - EVENT TRIGGER mail_on_ddl app
3459; 1418 16501 USER MAPPING - USER MAPPING app SERVER elsewhere app
3460; 3079 16502 EXTENSION - pg_cron 
3461; 0 0 COMMENT - EXTENSION pg_cron 
3462; 0 16503 TABLE DATA cron job app
3463; 3079 16504 EXTENSION - pg_trgm 
3464; 2620 16505 TRIGGER public orders touch app
";
        let left_out: Vec<String> =
            inert(list).lines().filter(|line| line.starts_with(";3")).map(|line| line[1..5].to_owned()).collect();
        assert_eq!(left_out, ["3457", "3458", "3459", "3460", "3461", "3462"]);
        assert_eq!(inert(list).lines().count(), list.lines().count());
    }

    #[test]
    fn a_database_s_name_is_never_read_as_a_connection_string() {
        assert_eq!(conninfo("host=evil 'x\\"), "dbname='host=evil \\'x\\\\'");
    }

    #[test]
    fn the_copy_sorts_as_the_source_does_where_this_machine_can() {
        let database = |provider: Option<&str>, locale: Option<&str>| Database {
            name: "shop".into(),
            collate: "de_DE.UTF-8".into(),
            ctype: "de_DE.UTF-8".into(),
            provider: provider.map(Into::into),
            locale: locale.map(Into::into),
        };
        assert_eq!(locale(&database(None, None), true).1, ["de_DE.UTF-8", "de_DE.UTF-8"]);
        assert_eq!(locale(&database(Some("c"), None), false).1, ["C", "C"]);
        assert_eq!(locale(&database(Some("i"), Some("de")), true).1[2], "de");
        assert!(locale(&database(Some("b"), Some("C.UTF-8")), true).0.contains("builtin"));
    }
}
