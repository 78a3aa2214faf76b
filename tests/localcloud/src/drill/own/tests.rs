//! Copying for real: a source server, both ways of copying it, and what must be true of the source and of the copy afterwards.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;

use super::programs::{Clients, Connection};
use super::source::{Source, replication};
use super::source_url::{SourceUrl, Typed};
use super::{TEMPLATE, choice, logical, machine, physical, refuse_strangers};
use crate::drill::plan::due_next_minute;
use crate::postgres::{
    Binaries, Cluster, Handover, Host, HostOptions, Login, Search, Server, end_prepared_transactions, ensure_rds_roles,
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Awkward on purpose: both characters have a meaning in a password file. It occurs nowhere else.
const PASSWORD: &str = "never:shown\\5f1c7a";

/// What users' databases have in them: several schemas, a large object, a policy that names a role, an event trigger that would fail
/// every CREATE, a subscription with a slot elsewhere, settings that load a library which is not there, an undecided transaction.
const CONTENTS: &str = "
create schema sales;
create extension pg_trgm schema sales;
create table sales.orders (id bigint generated always as identity primary key, t text not null);
insert into sales.orders (t) select md5(n::text) from generate_series(1, 5000) n;
create table public.documents (id int primary key, body text);
insert into public.documents select n, (select string_agg(md5(n || '/' || m), '') from generate_series(1, 100) m) from generate_series(1, 50) n;
select lo_from_bytea(4242, 'a large object');
create role tenant nologin;
create table tenants (id int primary key, who text);
alter table tenants enable row level security;
create policy own_rows on tenants to tenant using (who = current_user);
create subscription feed connection 'host=elsewhere password=feed' publication p with (connect = false, slot_name = 'feed');
alter subscription feed enable;
create function refuse() returns event_trigger language plpgsql as 'begin raise exception ''an event trigger fired''; end';
create event trigger refuse on ddl_command_start when tag in ('CREATE EXTENSION', 'CREATE SCHEMA') execute function refuse();
";

/// Everything that a copy must have in common with its source.
const ROWS: &str = "
select (select sum(hashtextextended(o::text, 0))::text from sales.orders o) || ' ' ||
       (select sum(hashtextextended(d::text, 0))::text from documents d) || ' ' || encode(lo_get(4242), 'escape')";

/// Everything that reading must not change in a source: objects, roles, databases, slots, transactions that wrote. A transaction that
/// only reads gets no id, so the next one is the same.
const TRACES: &str = "
select concat_ws(' ', (select count(*) from pg_class), (select count(*) from pg_roles), (select count(*) from pg_database),
  (select count(*) from pg_replication_slots), (select count(*) from pg_stat_replication), txid_snapshot_xmax(txid_current_snapshot()))";

/// A source server with a database `shop`, below a directory of its own.
struct Bench {
    dir: TempDir,
    host: Arc<Host>,
    cluster: Cluster,
    server: Server,
}

impl Bench {
    async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        // The servers' user must be able to pass.
        let dir = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o711)).tempdir()?;
        let search = Search { cache_dir: Some(std::env::temp_dir().join("holdfast-postgres")), ..Search::default() };
        let binaries = tokio::task::spawn_blocking(move || Binaries::find(&search)).await??;
        let start_within = Duration::from_secs(60);
        let host = Arc::new(Host::new(HostOptions { binaries, data_checksums: true, start_within })?);
        let cluster = Cluster::init(&host, &dir.path().join("source")).await?;
        let server = cluster.start(None).await?;
        let admin = server.admin().connect().await?;
        let role = format!("login replication in role pg_read_all_data password '{PASSWORD}'");
        admin.batch_execute("create database shop").await?;
        admin.batch_execute(&format!("create role reader bypassrls {role}")).await?;
        let shop = server.admin().with_database("shop").connect().await?;
        shop.batch_execute(CONTENTS).await?;
        shop.batch_execute("begin; insert into documents values (9000, 'undecided'); prepare transaction 'undecided'")
            .await?;
        shop.batch_execute("grant select on large object 4242 to reader").await?;
        shop.batch_execute("alter database shop set statement_timeout = '1h'").await?;
        // No autovacuum in the middle of a comparison of transaction ids.
        shop.batch_execute("alter system set autovacuum = off").await?;
        server.reload()?;
        Ok(Self { dir, host, cluster, server })
    }

    fn url(&self) -> Result<SourceUrl, Box<dyn std::error::Error>> {
        let password = PASSWORD.replace(':', "%3A").replace('\\', "%5C");
        let text = format!("postgres://reader:{password}@127.0.0.1:{}/shop?sslmode=require", self.server.port());
        Ok(SourceUrl::read(&Typed::from(text))?)
    }

    fn client(&self, name: &str) -> Result<PathBuf, String> {
        let found = Clients::beside(&self.host.binaries().bindir).find(name);
        found.ok_or_else(|| format!("{name} is not installed beside the server: install the package postgresql-client"))
    }

    async fn examined(&self, connection: &Connection) -> Result<Source, Box<dyn std::error::Error>> {
        Ok(Source::ask(connection, &Clients::any_psql()?).await?)
    }

    async fn traces(&self) -> Result<String, Box<dyn std::error::Error>> {
        text(&self.server.admin().with_database("shop"), TRACES).await
    }

    /// Stops everything and checks that nothing is left.
    async fn end(self, copy: (Cluster, Server)) -> Outcome {
        let processes = [self.server.processes(), copy.1.processes()].concat();
        self.server.stop().await;
        copy.1.stop().await;
        copy.0.remove().await?;
        self.cluster.remove().await?;
        for pid in processes {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "process {pid} is left");
        }
        let left: Vec<_> = std::fs::read_dir(self.dir.path())?.collect();
        assert!(left.is_empty(), "files are left: {left:?}");
        Ok(())
    }
}

async fn text(login: &Login, question: &str) -> Result<String, Box<dyn std::error::Error>> {
    Ok(login.connect().await?.query_one(question, &[]).await?.try_get(0)?)
}

/// Reads all processes' arguments and environments, as `ps eww` does, until it is stopped.
struct Onlooker {
    stop: Arc<AtomicBool>,
    saw_ours: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<Option<String>>,
}

impl Onlooker {
    fn start() -> Self {
        let (stop, saw_ours) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, seen) = (Arc::clone(&stop), Arc::clone(&saw_ours));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                    for file in ["cmdline", "environ"] {
                        let shown = std::fs::read(entry.path().join(file)).unwrap_or_default();
                        let shown = String::from_utf8_lossy(&shown);
                        if shown.contains("5f1c7a") {
                            return Some(shown.into_owned());
                        }
                        seen.fetch_add(usize::from(shown.contains("PGAPPNAME=holdfast-drill")), Ordering::Relaxed);
                    }
                }
            }
            None
        });
        Self { stop, saw_ours, thread }
    }

    fn saw_no_password(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let shown = self.thread.join().map_err(|_| "the onlooker fell over")?;
        assert_eq!(shown, None, "a process shows the password");
        assert!(self.saw_ours.load(Ordering::Relaxed) > 0, "the onlooker looked the other way");
        Ok(())
    }
}

#[tokio::test]
async fn a_physical_copy_is_equal_and_inert_and_leaves_no_trace_in_its_source() -> Outcome {
    let bench = Bench::start().await?;
    let connection = Connection::to_source(&bench.url()?)?;
    let psql = Clients::any_psql()?;
    let refused = replication(&connection, &psql).await.expect_err("pg_hba.conf does not allow it yet");
    assert!(refused.contains("pg_hba.conf"), "{refused}");
    bench.cluster.accept_replication()?;
    bench.server.reload()?;
    until_allowed(&connection, &psql).await?;

    let source = bench.examined(&connection).await?;
    assert!(source.may_replicate && source.unreadable.is_empty(), "{source:?}");
    let before = bench.traces().await?;
    let onlooker = Onlooker::start();
    let data_dir = bench.dir.path().join("taken");
    let program = bench.client("pg_basebackup")?;
    let copied = physical::copy(&connection, &program, choice::checkpoint(&source), &data_dir, |_| {}).await?;
    onlooker.saw_no_password()?;
    assert!(copied >= source.cluster_bytes / 2, "{copied} of {}", source.cluster_bytes);
    assert_eq!(bench.traces().await?, before, "the source has changed");
    drop(connection);

    std::fs::write(data_dir.join("standby.signal"), "")?;
    let cluster = Cluster::adopt(&bench.host, &bench.dir.path().join("copy"), &data_dir, Handover::Move).await?;
    assert!(!data_dir.exists(), "the copy was moved, not copied");
    let server = cluster.start(None).await?;
    ensure_rds_roles(server.admin()).await?;
    is_equal_and_inert(&bench, &server).await?;
    assert_eq!(end_prepared_transactions(server.admin()).await?, 1);
    bench.end((cluster, server)).await
}

/// A reload takes a moment.
async fn until_allowed(connection: &Connection, psql: &Path) -> Outcome {
    for _ in 0..50 {
        if replication(connection, psql).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the replication protocol is still refused".into())
}

async fn is_equal_and_inert(bench: &Bench, copy: &Server) -> Outcome {
    let (theirs, ours) = (bench.server.admin().with_database("shop"), copy.admin().with_database("shop"));
    assert_eq!(text(&ours, ROWS).await?, text(&theirs, ROWS).await?);
    refuse_strangers(copy.admin()).await?;
    let inert = "
        select concat_ws(' ', (select count(*) from pg_replication_slots), (select count(*) from pg_db_role_setting),
          (select count(*) from pg_subscription where subenabled or subslotname is not null or subconninfo <> ''),
          current_setting('archive_mode'), current_setting('shared_preload_libraries'),
          current_setting('max_logical_replication_workers'), current_setting('primary_conninfo'), current_setting('listen_addresses'),
          pg_is_in_recovery())";
    assert_eq!(text(&ours, inert).await?, "0 0 0 off  0  127.0.0.1 f");
    let mode = std::fs::metadata(copy.data_dir())?.permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    Ok(())
}

#[tokio::test]
async fn a_logical_copy_is_equal_and_inert_and_leaves_no_trace_in_its_source() -> Outcome {
    let bench = Bench::start().await?;
    let connection = Connection::to_source(&bench.url()?)?;
    let source = bench.examined(&connection).await?;
    let here = machine::look(bench.host.binaries(), &source, bench.dir.path())?;
    let programs = logical::Programs { pg_dump: bench.client("pg_dump")?, pg_restore: bench.client("pg_restore")? };
    let cluster = Cluster::init(&bench.host, &bench.dir.path().join("copy")).await?;
    let server = cluster.start(None).await?;
    ensure_rds_roles(server.admin()).await?;

    let before = bench.traces().await?;
    let onlooker = Onlooker::start();
    let scratch = tempfile::tempdir_in(bench.dir.path())?;
    logical::dump(&connection, &programs, &source, scratch.path(), |_| {}).await?;
    logical::restore(server.admin(), &programs, &source, ("rds_superuser", here.has_locale), scratch.path(), |_| {})
        .await?;
    onlooker.saw_no_password()?;
    assert_eq!(bench.traces().await?, before, "the source has changed");
    scratch.close()?;

    is_equal_and_inert(&bench, &server).await?;
    let left_out =
        "select concat_ws(' ', (select count(*) from pg_event_trigger), (select count(*) from pg_subscription))";
    let shop = server.admin().with_database("shop");
    assert_eq!(text(&shop, left_out).await?, "0 0");
    let same =
        "select concat_ws(' ', pg_encoding_to_char(encoding), datcollate) from pg_database where datname = 'shop'";
    assert_eq!(text(&shop, same).await?, text(bench.server.admin(), same).await?);
    bench.end((cluster, server)).await
}

#[tokio::test]
async fn a_role_that_may_not_read_everything_is_told_what_and_a_wrong_password_is_not_repeated() -> Outcome {
    let bench = Bench::start().await?;
    let admin = bench.server.admin().connect().await?;
    admin.batch_execute(&format!("create role stranger login password '{PASSWORD}'")).await?;
    let stranger = SourceUrl { user: "stranger".into(), ..bench.url()? };
    let connection = Connection::to_source(&stranger)?;
    let source = bench.examined(&connection).await?;
    assert!(!source.may_replicate, "{source:?}");
    for name in ["large object 4242", "sales.orders", "tenants"] {
        assert!(source.unreadable.iter().any(|unreadable| unreadable == name), "{name}: {source:?}");
    }

    let wrong = SourceUrl { password: Some("wrong-5f1c7a".into()), ..stranger };
    let refused =
        Source::ask(&Connection::to_source(&wrong)?, &Clients::any_psql()?).await.expect_err("a wrong password");
    let message = format!("{refused:#} {refused:?} {wrong} {wrong:?}");
    assert!(message.contains("password authentication failed") && !message.contains("5f1c7a"), "{message}");
    bench.server.stop().await;
    Ok(())
}

#[test]
fn the_plan_is_legal_for_small_and_large_data() {
    for minutes in [2, 10_000] {
        let text = TEMPLATE.replace("{deadline}", &format!("{minutes}m"));
        assert!(due_next_minute(&text, Timestamp::now()).is_ok(), "{minutes}");
    }
}
