//! The roles of RDS, as far as they can be had without Amazon's patches to the server.
//!
//! Source: "Understanding PostgreSQL roles and permissions" (Amazon RDS User Guide): the superuser is `rdsadmin` and Amazon's
//! own; the master user is a member of `rds_superuser`, may create databases and roles, and is no superuser. On RDS a member
//! of `rds_superuser` may create the supported extensions. Stock PostgreSQL cannot allow that, so the extensions that checks
//! need are created beforehand in every database and `CREATE EXTENSION IF NOT EXISTS` finds them.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::{Login, PostgresError};

/// The superuser's name on RDS.
pub const ADMIN: &str = "rdsadmin";

/// Predefined roles that make up `rds_superuser`. Those a version does not know are left out: `pg_checkpoint` came with 15,
/// `pg_maintain` (VACUUM and ANALYZE on everybody's tables) with 17. Before 17 the master user may vacuum the databases it owns.
const PREDEFINED: [&str; 6] =
    ["pg_monitor", "pg_signal_backend", "pg_stat_scan_tables", "pg_read_all_data", "pg_checkpoint", "pg_maintain"];

const ENSURE_RDS_SUPERUSER: &str = "
do $$
declare predefined text;
begin
  if not exists (select from pg_roles where rolname = 'rds_superuser') then
    create role rds_superuser nologin;
  end if;
  for predefined in select rolname from pg_roles where rolname = any (string_to_array('@predefined', ',')) loop
    execute format('grant %I to rds_superuser with admin option', predefined);
  end loop;
end $$";

/// Every function of the two extensions, whatever their versions call them. A database that came from elsewhere may have event
/// triggers on CREATE, which do not fire for a replica, and may be without the schema that extensions go to.
const ENSURE_EXTENSIONS: &str = "
set session_replication_role = replica;
create schema if not exists public;
create extension if not exists amcheck;
create extension if not exists pgstattuple;
do $$
declare checker regprocedure;
begin
  for checker in
    select d.objid::regprocedure from pg_depend d join pg_extension e on e.oid = d.refobjid
    where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
      and e.extname in ('amcheck', 'pgstattuple')
  loop
    execute format('grant execute on function %s to rds_superuser', checker);
  end loop;
end $$";

/// The customer's administrator.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterUser {
    /// Role name.
    pub name: String,
    /// Password.
    pub password: String,
}

/// Makes sure that `rds_superuser` exists and can run the checks in every database. Twice is once.
///
/// # Errors
/// When the server refuses.
pub async fn ensure_rds_roles(admin: &Login) -> Result<(), PostgresError> {
    let client = admin.connect().await?;
    let statement = ENSURE_RDS_SUPERUSER.replace("@predefined", &PREDEFINED.join(","));
    client.batch_execute(&statement).await.map_err(PostgresError::sql("create rds_superuser"))?;
    // A limit of -2 marks what is left of a database whose removal was interrupted.
    let databases = client
        .query("select datname::text from pg_database where datallowconn and datconnlimit <> -2 order by datname", &[])
        .await
        .map_err(PostgresError::sql("list databases"))?;
    for row in databases {
        let database = admin.with_database(row.get(0)).connect().await?;
        database.batch_execute(ENSURE_EXTENSIONS).await.map_err(PostgresError::sql("create extensions"))?;
    }
    Ok(())
}

/// Creates the master user and gives it `postgres` and, if named, a database of its own.
///
/// # Errors
/// When the server refuses, as for a name that is taken.
pub async fn create_master_user(admin: &Login, user: &MasterUser, database: Option<&str>) -> Result<(), PostgresError> {
    let client = admin.connect().await?;
    let name = user.name.as_str();
    execute(&client, "create role %I login createdb createrole password %L", &[name, &user.password]).await?;
    execute(&client, "grant rds_superuser to %I", &[name]).await?;
    execute(&client, "alter database postgres owner to %I", &[name]).await?;
    if let Some(database) = database.filter(|database| *database != "postgres") {
        execute(&client, "create database %I owner %I", &[database, name]).await?;
    }
    Ok(())
}

/// Makes sure that a cluster of somebody else's has the master user, with this password and with every database but the templates
/// as its own. Owning the database is what lets it vacuum all tables, as on the RDS instance that the data would live on.
///
/// # Errors
/// When the server refuses.
pub async fn ensure_master_user(admin: &Login, user: &MasterUser) -> Result<(), PostgresError> {
    let client = admin.connect().await?;
    let name = user.name.as_str();
    let known = client
        .query_one("select exists (select from pg_roles where rolname = $1)", &[&name])
        .await
        .map_err(PostgresError::sql("look for the master user"))?;
    if !known.get::<_, bool>(0) {
        execute(&client, "create role %I login createdb createrole", &[name]).await?;
    }
    execute(
        &client,
        "alter role %I login password %L valid until 'infinity' connection limit -1",
        &[name, &user.password],
    )
    .await?;
    execute(&client, "grant rds_superuser to %I", &[name]).await?;
    let databases = client
        .query(
            "select datname::text from pg_database where datallowconn and datconnlimit <> -2 and not datistemplate order by datname",
            &[],
        )
        .await
        .map_err(PostgresError::sql("list databases"))?;
    for row in databases {
        execute(&client, "alter database %I owner to %I", &[row.get(0), name]).await?;
    }
    Ok(())
}

/// Makes the master user a member of every role there is. On RDS no superuser owns tables: the master user does, or may join who
/// does; and an owner reads past row-level security, where whoever only may read everything does not.
///
/// # Errors
/// When the server refuses.
pub async fn join_all_roles(admin: &Login, master: &str) -> Result<(), PostgresError> {
    let client = admin.connect().await?;
    let question = "select rolname::text from pg_roles where rolname !~ '^pg_' and rolname <> $1 order by rolname";
    for row in client.query(question, &[&master]).await.map_err(PostgresError::sql("list roles"))? {
        execute(&client, "grant %I to %I", &[row.get(0), master]).await?;
    }
    Ok(())
}

/// Rolls back every prepared transaction, and says how many there were. Whoever prepared them is not going to end them in a copy, and
/// until somebody does they hold locks and dead rows.
///
/// # Errors
/// When the server refuses.
pub async fn end_prepared_transactions(admin: &Login) -> Result<usize, PostgresError> {
    let client = admin.connect().await?;
    let question = "select database::text, gid from pg_prepared_xacts order by database, gid";
    let found = client.query(question, &[]).await.map_err(PostgresError::sql("list prepared transactions"))?;
    for row in &found {
        // Only the database it was prepared in can end it.
        let database = admin.with_database(row.get(0)).connect().await?;
        execute(&database, "rollback prepared %L", &[row.get(1)]).await?;
    }
    Ok(found.len())
}

/// Sets a role's password, as `ModifyDBInstance` does for the master user.
///
/// # Errors
/// When there is no such role.
pub async fn alter_password(admin: &Login, role: &str, password: &str) -> Result<(), PostgresError> {
    let client = admin.connect().await?;
    execute(&client, "alter role %I password %L", &[role, password]).await
}

/// Runs a statement whose identifiers and literals the server itself quotes: utility statements take no parameters.
pub(crate) async fn execute(client: &Client, template: &str, arguments: &[&str]) -> Result<(), PostgresError> {
    let places: Vec<String> = (0..arguments.len()).map(|index| format!("${}::text", index + 2)).collect();
    let question = format!("select format($1::text, {})", places.join(", "));
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&template];
    parameters.extend(arguments.iter().map(|argument| argument as &(dyn ToSql + Sync)));
    let row = client.query_one(&question, &parameters).await.map_err(PostgresError::sql("quote a statement"))?;
    client.batch_execute(row.get(0)).await.map_err(PostgresError::sql("carry out a quoted statement"))
}
