//! What the user's server says of itself. Asked in one read-only session.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::programs::{Connection, ask};
use crate::postgres::VERSION_MAJOR_MIN;

/// Answers in one JSON object. Sizes of databases that the role may not connect to cannot be known, and are counted as missing.
const QUESTION: &str = "\
select json_build_object(
  'version_text', current_setting('server_version'),
  'version_number', current_setting('server_version_num')::int,
  'role', current_user,
  'may_replicate', (select rolsuper or rolreplication from pg_roles where rolname = current_user),
  'database', (select to_jsonb(d) - 'datacl' from pg_database d where datname = current_database()),
  'encoding', (select pg_encoding_to_char(encoding) from pg_database where datname = current_database()),
  'glibc', @glibc,
  'database_bytes', pg_database_size(current_database()),
  'cluster_bytes', (select sum(case when has_database_privilege(oid, 'connect') then pg_database_size(oid) end) from pg_database),
  'tablespaces', (select count(*) from pg_tablespace where spcname not in ('pg_default', 'pg_global')),
  'block_bytes', current_setting('block_size')::int,
  'wal_segment_bytes', (select setting::bigint from pg_settings where name = 'wal_segment_size'),
  'shared_buffers_bytes', (select setting::bigint * 8192 from pg_settings where name = 'shared_buffers'),
  'extensions', (select coalesce(json_agg(extname order by extname), '[]') from pg_extension),
  'unreadable', (select coalesce(json_agg(u.name), '[]') from (
     select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'm', 'S') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
       and (not has_table_privilege(c.oid, 'select') or not has_schema_privilege(n.oid, 'usage')
            or (c.relkind in ('r', 'p') and row_security_active(c.oid)))
     union all select 'large object ' || l.oid from pg_largeobject_metadata l
     where current_setting('lo_compat_privileges') = 'off' and not pg_has_role(l.lomowner, 'usage')
       and not exists (select from aclexplode(l.lomacl) a where a.privilege_type = 'SELECT'
                       and case when a.grantee = 0 then true else pg_has_role(a.grantee, 'usage') end)
     order by 1 limit 5) u),
  'tables', (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'),
  'policy_roles', (select coalesce(json_agg(distinct r.rolname), '[]')
     from pg_policy p cross join unnest(p.polroles) as o join pg_roles r on r.oid = o)
)";

/// The C library whose rules sort the database's text, where a version of it is known (PostgreSQL 15).
const GLIBC: &str =
    "(select pg_database_collation_actual_version(oid) from pg_database where datname = current_database())";

/// The user's server and database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Source {
    /// As `15.18 (Debian …)`.
    pub(super) version_text: String,
    /// As 150018.
    pub(super) version_number: u32,
    /// Who we are there.
    pub(super) role: String,
    /// Whether that role has REPLICATION, or is a superuser.
    pub(super) may_replicate: bool,
    /// The row of `pg_database`.
    pub(super) database: Database,
    /// As `UTF8`.
    pub(super) encoding: String,
    /// Version of the library that sorts text; only where text is sorted by rules that change with it.
    pub(super) glibc: Option<String>,
    /// The database alone.
    pub(super) database_bytes: u64,
    /// All databases that can be seen.
    pub(super) cluster_bytes: u64,
    /// Other than the two that every cluster has.
    pub(super) tablespaces: u32,
    /// `block_size`.
    pub(super) block_bytes: u32,
    /// `wal_segment_size`.
    pub(super) wal_segment_bytes: u64,
    /// `shared_buffers`.
    pub(super) shared_buffers_bytes: u64,
    /// Of the database.
    pub(super) extensions: Vec<String>,
    /// Up to five tables, sequences and large objects that the role may not read in full.
    pub(super) unreadable: Vec<String>,
    /// How many tables there are.
    pub(super) tables: u64,
    /// Roles that row-level security policies name.
    pub(super) policy_roles: Vec<String>,
}

/// What we need of `pg_database`. The provider came with PostgreSQL 15; the locale of the others was `daticulocale` until 17.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Database {
    #[serde(rename = "datname")]
    pub(super) name: String,
    #[serde(rename = "datcollate")]
    pub(super) collate: String,
    #[serde(rename = "datctype")]
    pub(super) ctype: String,
    #[serde(rename = "datlocprovider")]
    pub(super) provider: Option<String>,
    #[serde(rename = "datlocale", alias = "daticulocale")]
    pub(super) locale: Option<String>,
}

impl Source {
    /// Asks.
    ///
    /// # Errors
    /// When the server cannot be reached, or is of a version that cannot be drilled with.
    pub(super) async fn ask(connection: &Connection, psql: &Path) -> Result<Self> {
        let number = ask(connection.read_only(psql), "show server_version_num").await?;
        let number: u32 = number.parse().context("the server does not say its version as PostgreSQL does")?;
        if number / 10_000 < VERSION_MAJOR_MIN {
            bail!("it is PostgreSQL {}, and the drill needs {VERSION_MAJOR_MIN} or newer", number / 10_000);
        }
        let glibc = if number >= 150_000 { GLIBC } else { "null" };
        let answer = ask(connection.read_only(psql), &QUESTION.replace("@glibc", glibc)).await?;
        serde_json::from_str(&answer).context("the server's answer about itself cannot be read")
    }

    /// As 15.
    pub(super) fn version_major(&self) -> u32 {
        self.version_number / 10_000
    }

    /// As `15.18`, without the distribution's addition.
    pub(super) fn version(&self) -> &str {
        self.version_text.split_whitespace().next().unwrap_or(&self.version_text)
    }

    /// Whether text is sorted by the operating system's library.
    pub(super) fn sorts_by_libc(&self) -> bool {
        self.database.provider.as_deref().is_none_or(|provider| provider == "c")
    }
}

/// Whether the server talks to us over the replication protocol, which `pg_hba.conf` allows separately.
pub(super) async fn replication(connection: &Connection, psql: &Path) -> Result<(), String> {
    let mut command = connection.command(psql);
    command.args(["--dbname", "replication=true"]);
    ask(command, "IDENTIFY_SYSTEM").await.map(drop).map_err(|error| format!("{error:#}"))
}
