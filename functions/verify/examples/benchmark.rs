//! Measures `verify` beside `pg_amcheck` over one database with one dominating table, and writes `docs/benchmarks.md`:
//!
//! ```text
//! cargo run --release -p verify --example benchmark > docs/benchmarks.md
//! cargo run --release -p verify --example benchmark -- --rows 8000000 --runs 9
//! ```
//!
//! What is measured of ours is the function's own `handle` from its call to its end, over a real room and a ledger in memory. A part of
//! the work is measured by a room that leaves the rest out. It takes about a minute, keeps both of two processors busy, and leaves
//! nothing behind.

#[path = "../tests/verify/copy.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod copy;
#[path = "../tests/verify/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use holdfast_domain::Outcome;
use holdfast_ledger::OutcomeWord;
use holdfast_ports::Password;
use jiff::SignedDuration;
use tokio::process::Command;
use verify::room::{Examined, Judgement, Opened, PostgresRoom, Room, RoomAddress, RoomError};
use verify::work::{self, Question, Stage, Task, Unit};
use verify::{PostgresDoor, RoomDoor};

use crate::copy::{Copy, PASSWORD};
use crate::support::Desk;

/// As `pgbench --initialize --scale 20` makes it, and twice that.
const ROWS: [u64; 2] = [2_000_000, 4_000_000];
const RUNS: usize = 5;

/// The full set may take so much more than `pg_amcheck --heapallindexed`, which looks at less.
const FULL_SET_MAX: f64 = 1.25;
/// The dominating table's pages must be checked so much faster than by `pg_amcheck`, which gives a table to one connection.
const HEAP_FASTER_MIN: f64 = 1.6;

const DATABASE: &str = "shop";
const TABLE: &str = "accounts";
/// What it takes to look at hardly anything: connecting, listing, recording.
const TINY: &str = "branches";
const INTEGRITY: &str = "{ integrity: full }";
const IMMUTABLE: &str = "{ immutable: { accounts: { table: public.accounts, before: created_at } } }";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (rows, runs) = arguments()?;
    let (mut sections, mut version) = (Vec::new(), String::new());
    for rows in rows {
        let copy = Copy::new(&data(rows)).await?;
        let measured = Bench::new(&copy)?.measure(rows, runs).await?;
        version = copy.host.binaries().version_text.clone();
        sections.push(section(&measured, rows, &sizes(&copy).await?)?);
        copy.server.stop().await;
    }
    print!("{}", report(&sections, runs, &version)?);
    Ok(())
}

/// Numbers of rows, each of a database of its own, and runs.
fn arguments() -> anyhow::Result<(Vec<u64>, usize)> {
    let (mut rows, mut runs) = (Vec::new(), RUNS);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a number"))?;
        match name.as_str() {
            "--rows" => rows.push(value.parse().context("--rows")?),
            "--runs" => runs = value.parse().context("--runs")?,
            other => anyhow::bail!("{other} is not known; there are --rows N, as often as wanted, and --runs N"),
        }
    }
    if rows.is_empty() {
        rows.extend(ROWS);
    }
    anyhow::ensure!(rows.iter().all(|rows| *rows > 0) && runs > 0, "--rows and --runs begin at 1");
    Ok((rows, runs))
}

/// pgbench's tables, with a moment for the row hashes, and some small ones: with large values, and without an index.
fn data(rows: u64) -> String {
    format!(
        "create table accounts (aid int not null, bid int, abalance int, created_at timestamptz not null, filler char(84));;
insert into accounts select i, i % 20, 0, timestamptz '2026-01-01T00:00:00Z' + i * interval '300 days' / {rows}, ''
  from generate_series(1, {rows}) i;;
alter table accounts add primary key (aid);;
create table branches (bid int primary key, balance int, filler char(88));;
insert into branches select i, 0, '' from generate_series(1, 20) i;;
create table tellers (tid int primary key, bid int not null references branches, balance int, filler char(84));;
insert into tellers select i, 1 + i % 20, 0, '' from generate_series(1, 200) i;;
create table history (tid int, bid int, aid int, delta int, at timestamptz);;
insert into history select i % 200, i % 20, i, 1, '2026-11-01T00:00:00Z' from generate_series(1, 10000) i;;
create table letters (id int primary key, body text not null);;
alter table letters alter body set storage external;;
insert into letters select i, repeat(md5(i::text), 400) from generate_series(1, 200) i;;
vacuum (freeze, analyze)"
    )
}

/// Something whose time is taken.
#[derive(Clone, Copy)]
struct Measure {
    words: &'static str,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    /// The program with these flags.
    PgAmcheck(&'static [&'static str]),
    /// `handle` with these checks in the plan, and only these units made.
    Ours { checks: &'static str, makes: fn(&Unit) -> bool },
}

const PLAIN: usize = 0;
const HEAPALLINDEXED: usize = 1;
const FULL_SET: usize = 2;
const HEAP_PEER: usize = 3;
const HEAP: usize = 4;
const FLOOR_PEER: usize = 5;
const FLOOR: usize = 6;

/// In the order in which each pass makes them.
const MEASURES: [Measure; 9] = [
    Measure { words: "`pg_amcheck -j2`", how: How::PgAmcheck(&[]) },
    Measure { words: "`pg_amcheck -j2 --heapallindexed`", how: How::PgAmcheck(&["--heapallindexed"]) },
    Measure {
        words: "Holdfast, `integrity` without the count after VACUUM",
        how: How::Ours { checks: INTEGRITY, makes: |unit| unit.stage != Stage::Vacuum },
    },
    Measure {
        words: "`pg_amcheck -j2 --table accounts --no-dependent-indexes`",
        how: How::PgAmcheck(&["--table", TABLE, "--no-dependent-indexes"]),
    },
    Measure {
        words: "Holdfast, pages of `accounts` only",
        how: How::Ours { checks: INTEGRITY, makes: |unit| is_heap_of(unit, TABLE) },
    },
    Measure {
        words: "`pg_amcheck -j2 --table branches --no-dependent-indexes` (20 rows)",
        how: How::PgAmcheck(&["--table", TINY, "--no-dependent-indexes"]),
    },
    Measure {
        words: "Holdfast, pages of `branches` only (20 rows)",
        how: How::Ours { checks: INTEGRITY, makes: |unit| is_heap_of(unit, TINY) },
    },
    Measure {
        words: "Holdfast, the count after VACUUM only",
        how: How::Ours { checks: INTEGRITY, makes: |unit| unit.stage == Stage::Vacuum },
    },
    Measure {
        words: "Holdfast, row hashes of `accounts` only (`immutable`)",
        how: How::Ours { checks: IMMUTABLE, makes: |_| true },
    },
];

fn is_heap_of(unit: &Unit, table: &str) -> bool {
    matches!(&unit.task, Task::Heap { relation, .. } if relation.name == table)
}

/// One taking of the time.
#[derive(Debug, Clone, Copy)]
struct Time {
    /// From the call to the end: of the program, or of `handle`.
    whole: Duration,
    /// From the first check's beginning to the last one's end; of ours only.
    checks: Option<Duration>,
}

struct Measured {
    measure: Measure,
    times: Vec<Time>,
}

impl Measured {
    fn whole(&self) -> Duration {
        median(self.times.iter().map(|time| time.whole).collect())
    }

    fn checks(&self) -> Option<Duration> {
        let times: Option<Vec<Duration>> = self.times.iter().map(|time| time.checks).collect();
        times.map(median)
    }

    fn row(&self) -> String {
        let least = self.times.iter().map(|time| time.whole).min().unwrap_or_default();
        let most = self.times.iter().map(|time| time.whole).max().unwrap_or_default();
        let checks = self.checks().map_or_else(|| "–".to_owned(), |time| ms(time).to_string());
        format!("| {} | {} | {}–{} | {checks} |", self.measure.words, ms(self.whole()), ms(least), ms(most))
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> u128 {
    time.as_millis()
}

struct Bench<'a> {
    copy: &'a Copy,
    door: PostgresDoor,
    pg_amcheck: &'a Path,
}

impl<'a> Bench<'a> {
    fn new(copy: &'a Copy) -> anyhow::Result<Self> {
        let pg_amcheck = copy.host.binaries().pg_amcheck.as_deref();
        let pg_amcheck = pg_amcheck.context("pg_amcheck is not installed beside postgres (package postgresql-15)")?;
        Ok(Self { copy, door: copy.door()?, pg_amcheck })
    }

    async fn measure(&self, rows: u64, runs: usize) -> anyhow::Result<[Measured; 9]> {
        let mut measured = MEASURES.map(|measure| Measured { measure, times: Vec::new() });
        // The pass before the first makes the extensions and reads everything once; it is not counted.
        for run in 0..=runs {
            for one in &mut measured {
                let time = self.time(&one.measure).await.with_context(|| one.measure.words.to_owned())?;
                if run > 0 {
                    one.times.push(time);
                }
            }
            eprintln!("{rows} rows: pass {run} of {runs}");
        }
        Ok(measured)
    }

    async fn time(&self, measure: &Measure) -> anyhow::Result<Time> {
        match measure.how {
            How::PgAmcheck(flags) => self.time_peer(flags).await,
            How::Ours { checks, makes } => self.time_ours(checks, makes).await,
        }
    }

    async fn time_peer(&self, flags: &[&str]) -> anyhow::Result<Time> {
        let login = self.copy.server.admin();
        let mut program = Command::new(self.pg_amcheck);
        program
            .args(["--jobs", "2"])
            .args(flags)
            .args(["--host", &login.host, "--port", &login.port.to_string(), "--username", &login.user])
            .args(["--no-password", DATABASE])
            .env("PGPASSWORD", &login.password)
            .env("PGSSLMODE", "require")
            .stdin(Stdio::null());
        let started = Instant::now();
        let ended = program.output().await?;
        let whole = started.elapsed();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
        anyhow::ensure!(ended.status.success() && said.is_empty(), "it found something, or did not run: {said}");
        Ok(Time { whole, checks: None })
    }

    async fn time_ours(&self, checks: &str, makes: fn(&Unit) -> bool) -> anyhow::Result<Time> {
        let desk = Desk::new(&self.copy.address(), PASSWORD, checks).await?;
        let door = PartDoor { door: &self.door, makes, made: Made::default() };
        let started = Instant::now();
        let record = desk.verify_when_free(&door).await?;
        let whole = started.elapsed();
        anyhow::ensure!(record.finished_at.is_some(), "it did not come to its end");
        let failed = record.results.iter().find(|result| result.outcome == OutcomeWord::Failed);
        anyhow::ensure!(failed.is_none(), "undamaged data has a finding: {failed:?}");
        Ok(Time { whole, checks: Some(door.made.span().context("no check was made")?) })
    }
}

/// When the first check began and the last one ended.
#[derive(Debug, Clone, Default)]
struct Made(Arc<Mutex<Option<(Instant, Instant)>>>);

impl Made {
    fn add(&self, began: Instant, ended: Instant) {
        let mut span = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *span = Some(span.map_or((began, ended), |(first, last)| (first.min(began), last.max(ended))));
    }

    fn span(&self) -> Option<Duration> {
        let span = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        span.map(|(first, last)| last.duration_since(first))
    }
}

/// The way into a room where a part of the work is made.
struct PartDoor<'a> {
    door: &'a PostgresDoor,
    makes: fn(&Unit) -> bool,
    made: Made,
}

impl RoomDoor for PartDoor<'_> {
    type Room = PartRoom;

    async fn open(&self, address: &RoomAddress, password: &Password) -> Result<Opened<PartRoom>, RoomError> {
        Ok(match self.door.open(address, password).await? {
            Opened::Room(room) => Opened::Room(PartRoom { room, makes: self.makes, made: self.made.clone() }),
            Opened::Busy => Opened::Busy,
        })
    }
}

struct PartRoom {
    room: PostgresRoom,
    makes: fn(&Unit) -> bool,
    made: Made,
}

impl Room for PartRoom {
    /// Without the always-there database, which `pg_amcheck` is not told to look at. The time it takes to list it is counted.
    async fn units(&self, question: &Question<'_>) -> Result<Vec<Unit>, RoomError> {
        let mut catalog = self.room.catalog().await?;
        catalog.databases.retain(|database| database.name == DATABASE);
        Ok(work::units(&catalog, question))
    }

    async fn examine(&self, unit: &Unit, limit: SignedDuration) -> Result<Examined, RoomError> {
        if !(self.makes)(unit) {
            return Ok(Examined::Judged(Judgement {
                outcome: Outcome::NotRun,
                detail: "it is not measured".into(),
                took: SignedDuration::ZERO,
                observed: None,
            }));
        }
        let began = Instant::now();
        let examined = self.room.examine(unit, limit).await;
        self.made.add(began, Instant::now());
        examined
    }

    async fn leave(self) {
        self.room.leave().await;
    }
}

/// Sizes in MB: the dominating table, its index, the whole database.
async fn sizes(copy: &Copy) -> anyhow::Result<[i64; 3]> {
    let client = copy.server.admin().with_database(DATABASE).connect().await?;
    let question = "select pg_relation_size('public.accounts'), pg_relation_size('public.accounts_pkey'), \
                    pg_database_size(current_database())";
    let row = client.query_one(question, &[]).await?;
    Ok([row.try_get::<_, i64>(0)?, row.try_get(1)?, row.try_get(2)?].map(|bytes| bytes / (1024 * 1024)))
}

/// One database's numbers.
fn section(measured: &[Measured; 9], rows: u64, [table, index, database]: &[i64; 3]) -> anyhow::Result<String> {
    let times: Vec<String> = measured.iter().map(Measured::row).collect();
    let full_set = ratio(measured[FULL_SET].whole(), measured[HEAPALLINDEXED].whole());
    let work = |of: usize, floor: usize| measured[of].whole().saturating_sub(measured[floor].whole());
    let faster = ratio(work(HEAP_PEER, FLOOR_PEER), work(HEAP, FLOOR));
    let faster_whole = ratio(measured[HEAP_PEER].whole(), measured[HEAP].whole());
    let kept = |kept: bool| if kept { "kept" } else { "**not kept**" };
    let mut targets = String::new();
    writeln!(
        targets,
        "| full set without VACUUM and row hashes, against `pg_amcheck -j2 --heapallindexed` | at most {FULL_SET_MAX} × the time | \
         {full_set:.2} × | {} |",
        kept(full_set <= FULL_SET_MAX)
    )?;
    write!(
        targets,
        "| work on the pages of the dominating table, against `pg_amcheck -j2` on that table without its index | at least \
         {HEAP_FASTER_MIN} × faster | {faster:.2} × ({} ms and {} ms); with connecting and listing {faster_whole:.2} × | {} |",
        ms(work(HEAP_PEER, FLOOR_PEER)),
        ms(work(HEAP, FLOOR)),
        kept(faster >= HEAP_FASTER_MIN)
    )?;
    Ok(filled(
        SECTION,
        &[
            ("@rows", &rows.to_string()),
            ("@table", &table.to_string()),
            ("@index", &index.to_string()),
            ("@database", &database.to_string()),
            ("@plain", &format!("{:.2}", ratio(measured[FULL_SET].whole(), measured[PLAIN].whole()))),
            ("@times", &times.join("\n")),
            ("@targets", &targets),
        ],
    ))
}

fn report(sections: &[String], runs: usize, version: &str) -> anyhow::Result<String> {
    let machine = format!("{}, {} cores", cpu(), std::thread::available_parallelism()?);
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    Ok(filled(
        TEXT,
        &[
            ("@machine", &machine),
            ("@version", version),
            ("@connections", &support::CONNECTIONS.to_string()),
            ("@runs", &runs.to_string()),
            ("@profile", profile),
            ("@sections", &sections.join("\n")),
        ],
    ))
}

fn filled(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// The processor's name as Linux tells it.
fn cpu() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| "a processor without a name".to_owned(), |(_, name)| name.trim().to_owned())
}

const SECTION: &str = "\
## @rows rows

`accounts` has @table MB and an index of @index MB; the whole database has @database MB.

| | median, ms | least–most, ms | the checks alone, ms |
|---|---|---|---|
@times

| target | | measured | |
|---|---|---|---|
@targets

The full set takes @plain × the time of `pg_amcheck -j2` without `--heapallindexed`.
";

const TEXT: &str = "\
# How long it takes

`verify` beside `pg_amcheck` over the same files: one database with one dominating table, as `pgbench` makes it, and four small ones.
Everything is read once before; then each line of a table is measured in turn, @runs times, and the median is told. Make it again with

```sh
cargo run --release -p verify --example benchmark > docs/benchmarks.md
```

| | |
|---|---|
| machine | @machine; client and server share it |
| PostgreSQL | @version, 32 MB of shared buffers (so that all pages come from the operating system's cache), data checksums on, TLS |
| connections | up to @connections of Holdfast (the default), 2 of `pg_amcheck` |
| Holdfast | built with the @profile profile; the function's `handle`, ledger in memory |

@sections
## How to read it

- The time is of the whole program, or of the whole call: connecting, listing what there is, checking, recording. *The checks alone* is from
  the beginning of the first check to the end of the last one. The first target is held to the whole.
- The *work* on a table is the whole time less the whole time for a table of 20 rows, on both sides: what connecting, listing every
  database and recording take does not grow with the data. The second target is held to it, and the ratio of the whole times stands beside
  it: on a table as small as these, a part of what the ranges gain goes into our more connections.
- The full set does what `pg_amcheck --heapallindexed` does, and besides it counts every table two ways, checks foreign keys, sequences
  and collations, and writes down every definition.
- `pg_amcheck` gives a table to one connection. Holdfast gives its ranges of pages to several; an index check cannot be split, and the
  one of the dominating table is begun first, with no more connections beside it than let the rest end with it.
- A table above 768 MiB is counted by ranges of its pages, and beside them by an index; whether they agree is arithmetic afterwards.
- The count after VACUUM and the row hashes are apart: they find what nothing else finds (`docs/detection.md`), and `pg_amcheck` has
  nothing like them. The row hashes of a table above 192 MiB are made by ranges of its pages too.
";
