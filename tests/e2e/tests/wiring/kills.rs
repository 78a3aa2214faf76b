//! Killed where it hurts: `SIGKILL` comes down on a function when AWS has carried out what it asked and has not answered yet. Beside them one
//! life that nobody disturbs. Every other point is killed on the in-memory cloud (`functions/*/tests/*/kills.rs`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast_domain::Verdict;
use holdfast_e2e::{Database, Draft, Look, RUN_WITHIN, Site, eventually, processes};
use holdfast_ledger::{ChainReport, Ledger, ROOMS_KEY, RoomsInUse, Run, Verification, verification_key};
use holdfast_localcloud::recorder::{Effect, Fault, Killed};

/// What `SIGKILL` has ended is gone when the kernel has come to it.
const DEAD_WITHIN: Duration = Duration::from_secs(10);

/// Nobody is judged by it here.
const DEADLINE: &str = "15m";

/// The database that nothing happens to.
const UNDISTURBED: &str = "undisturbed-db";
/// The one whose recovery point is damaged: people hear of it, and of no other.
const TOLD: &str = "told-db";

/// Where one run's function is killed: after a call about this database, and after as many calls of the sort before it. No two points
/// have function and operation in common.
struct Point {
    database: &'static str,
    function: &'static str,
    service: &'static str,
    operation: &'static str,
    calls_before: u32,
    /// What AWS has done, and nobody knows.
    done: &'static str,
}

/// `verify` writes its record as it comes in, after it has greeted the server, and after it has read every table: the third time most is
/// done, something is left, and it is in the room.
const POINTS: [Point; 6] = [
    Point {
        database: "restored-db",
        function: "restore-test",
        service: "rds",
        operation: "RestoreDBInstanceFromDBSnapshot",
        calls_before: 0,
        done: "a room is being restored, and no record says so",
    },
    Point {
        database: "secret-db",
        function: "restore-test",
        service: "secretsmanager",
        operation: "CreateSecret",
        calls_before: 0,
        done: "a password is kept that the room does not have",
    },
    Point {
        database: "verified-db",
        function: "verify",
        service: "s3",
        operation: "PutObject",
        calls_before: 2,
        done: "half of the checks are recorded, the room is locked",
    },
    Point {
        database: TOLD,
        function: "restore-test",
        service: "events",
        operation: "PutEvents",
        calls_before: 0,
        done: "the verdict is told, and the record says that it is not told yet",
    },
    Point {
        database: "deleted-db",
        function: "restore-test",
        service: "rds",
        operation: "DeleteDBInstance",
        calls_before: 0,
        done: "the room is going, its secret is kept",
    },
    Point {
        database: "proved-db",
        function: "restore-test",
        service: "s3",
        operation: "PutObject",
        calls_before: 0,
        done: "the evidence is written, the run is open",
    },
];

impl Point {
    fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    fn arm(&self, site: &Site) -> Result<()> {
        // What such a call names: the room and its secret have one name; an event of the verdict has its cause.
        let about = match self.action().as_str() {
            "events:PutEvents" => site.cause(self.database, "restore-test")?.to_string(),
            "s3:PutObject" if self.function == "verify" => verification_key(&site.run_id(self.database)?),
            "s3:PutObject" => format!("/evidence/{}/", self.database),
            _ => site.room_id(self.database)?.to_string(),
        };
        let fault =
            Fault::next(self.service, self.operation, Effect::KillCaller).about(&about).after(self.calls_before);
        site.cloud.recorder.add_fault(self.function, fault);
        Ok(())
    }

    /// The one process that was killed here, and is dead.
    async fn killed(&self, site: &Site) -> Result<Killed> {
        let mut killed = site.cloud.recorder.killed();
        killed.retain(|killed| killed.function == self.function && killed.action == self.action());
        ensure!(killed.len() == 1, "{} was to be killed once after {}: {killed:?}", self.function, self.action());
        let killed = killed.pop().context("it was counted")?;
        ensure!(killed.status.is_some_and(|status| status < 300), "AWS had done nothing: {killed:?}");
        eventually("the process is dead", DEAD_WITHIN, async || {
            Ok(Look::at(!processes::is_alive(killed.pid), || format!("process {} runs", killed.pid)))
        })
        .await?;
        Ok(killed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_killed_where_it_hurts_ends_as_if_nothing_had_happened() -> Result<()> {
    let names: Vec<&str> = [UNDISTURBED].into_iter().chain(POINTS.iter().map(|point| point.database)).collect();
    let databases: Vec<Database> = names.iter().map(|name| Database::named(name).with_deadline(DEADLINE)).collect();
    let mut site = Site::raise(&Draft::due_now(databases), |options| {
        // Seven lives at once are much for two cores; none of them needs a sweep each second, nor a second call of a verify that is slow.
        options.sweep_every = "rate(3 seconds)".into();
        options.verify_patience = "20s".into();
    })
    .await?;
    let outcome = async {
        site.damage_next_snapshot(TOLD)?;
        for point in &POINTS {
            point.arm(&site)?;
        }
        site.deploy().await?;
        let (site, names) = (&site, &names);
        // All of them live at the same time; each is given its own while for what is left of it.
        let mut lives = Vec::new();
        for name in names {
            lives.push(ended(site, name).await?);
        }
        let undisturbed = &lives[0];
        let mut rows = Vec::new();
        for (point, life) in POINTS.iter().zip(&lives[1..]) {
            let killed = point.killed(site).await?;
            life.is_like(undisturbed, point)?;
            rows.push((point, killed, life));
        }
        read_by_another(site, &rows[2])?;
        nothing_stands(site, names).await?;
        let told = told_once(site).await?;
        eprintln!("\n{}", matrix(undisturbed, &rows, &told)?);
        site.nothing_was_lost().await
    };
    let outcome = outcome.await;
    site.end(outcome).await
}

/// A run that is over.
struct Life {
    run: Run,
    verification: Verification,
    chain: ChainReport,
}

/// Waits until the run of a database is closed as it must be: judged rightly, with its room and secret gone, its recovery point and room
/// asked for once, and in one link of evidence.
async fn ended(site: &Site, name: &str) -> Result<Life> {
    let verdict = if name == TOLD { Verdict::Failed } else { Verdict::Passed };
    let run = site.ends_in(name, verdict).await?;
    let (taken, restored) = (
        site.calls("rds:CreateDBSnapshot", name),
        site.calls("rds:RestoreDBInstanceFromDBSnapshot", run.room.as_str()),
    );
    ensure!(taken == 1 && restored == 1, "{name} was taken {taken} times and restored {restored} times");
    let mut chains = site.evidence().await?.chains;
    chains.retain(|chain| chain.resource == name);
    let chain = chains.pop().with_context(|| format!("{name} has no evidence"))?;
    ensure!(chain.links == 1 && chain.anchored && chain.broken.is_none(), "{chain:?}");
    ensure!(run.evidence == chain.last, "{:?} where {:?} lies", run.evidence, chain.last);
    let verification = site.cloud.verification(&run.id).await?.context("nothing was verified")?;
    Ok(Life { run, verification, chain })
}

impl Life {
    /// Every check of the undisturbed life was made here too; each of them once, in the record.
    fn is_like(&self, undisturbed: &Self, point: &Point) -> Result<()> {
        let checks = |life: &Self| -> Vec<String> {
            // A finding adds what it has left unaffected.
            let of = life.verification.results.iter().map(|result| result.check.clone());
            of.filter(|check| check != "unaffected").collect()
        };
        let (own, theirs) = (checks(self), checks(undisturbed));
        ensure!(own == theirs, "{}: {own:?} where {theirs:?} is right", point.database);
        let done = (self.verification.units_done, self.verification.finished_at.is_some());
        ensure!(done == (self.verification.units_total, true), "{}: {done:?}", point.database);
        Ok(())
    }

    fn took(&self, site_began: jiff::Timestamp) -> String {
        self.run
            .times
            .closed_at
            .map_or_else(String::new, |at| format!("{:.0} s", at.duration_since(site_began).as_secs_f64()))
    }
}

/// Whoever was killed at work held the room, and another process finished its record.
fn read_by_another(site: &Site, (point, killed, life): &(&Point, Killed, &Life)) -> Result<()> {
    let port = life.run.port.context("a room has a port")?;
    ensure!(killed.connected_to.contains(&port), "{} was not in the room at {port}: {killed:?}", point.function);
    let key = verification_key(&life.run.id);
    let calls = site.cloud.recorder.calls();
    let after = calls.iter().filter(|call| {
        call.function == point.function
            && call.action() == point.action()
            && call.at > killed.at
            && call.resource.as_ref().is_some_and(|resource| resource.ends_with(&key))
    });
    ensure!(after.count() > 0, "{key} was finished already when its writer was killed");
    Ok(())
}

/// Only the databases are left, nobody has a room in the ledger either, and there is no run but theirs.
async fn nothing_stands(site: &Site, names: &[&str]) -> Result<()> {
    let instances = site.instances().await?;
    ensure!(instances == names.iter().map(|name| (*name).to_owned()).collect(), "{instances:?}");
    let runs = names.iter().map(|name| Ok(site.run_id(name)?.to_string())).collect::<Result<_>>()?;
    ensure!(site.runs().await? == runs, "{:?}", site.runs().await?);
    eventually("nobody has a room", RUN_WITHIN, async || {
        let objects = site.cloud.objects()?;
        let held = Ledger::new(&objects, &holdfast_aws::System).read::<RoomsInUse>(ROOMS_KEY).await?;
        let rooms = held.map(|held| held.body.runs).unwrap_or_default();
        Ok(Look::at(rooms.is_empty(), || format!("{rooms:?}")))
    })
    .await
}

/// How often people heard of each database: of the damaged one once, as on a quiet day, and of no other.
async fn told_once(site: &Site) -> Result<BTreeMap<&'static str, usize>> {
    let cause = site.cause(TOLD, "restore-test")?;
    let words = format!("the restore test of {TOLD} failed");
    site.people_hear(&cause, &words).await?;
    let (slack, pages) = (site.slack(""), site.pages(&cause));
    ensure!(slack.len() == 1 && slack[0].contains(&words), "Slack heard {slack:?}");
    ensure!(pages.len() == 1 && site.cloud.receivers.pagerduty().open_alerts().len() == 1, "PagerDuty heard {pages:?}");
    site.nothing_was_refused()?;
    Ok(POINTS.iter().map(|point| (point.database, site.slack(point.database).len())).collect())
}

/// What came of each kill, as a person reads it.
fn matrix(
    undisturbed: &Life,
    rows: &[(&Point, Killed, &Life)],
    told: &BTreeMap<&'static str, usize>,
) -> Result<String> {
    let began = undisturbed.run.requested_at;
    let cells = |killed: &str, after: &str, done: &str, life: &Life, told: usize| -> Vec<String> {
        let verdict = life.run.verdict.as_ref().map_or("none", |given| given.verdict.as_str());
        let checks = format!("{} of {}", life.verification.units_done, life.verification.units_total);
        let (links, told) = (life.chain.links.to_string(), told.to_string());
        [killed, after, done, verdict, &checks, &links, &told, &life.took(began)].map(str::to_owned).into()
    };
    let head = ["killed", "after", "so that", "verdict", "checks", "links", "told", "closed"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.push(cells("nobody", "", "", undisturbed, 0));
    for (point, _, life) in rows {
        let told = told.get(point.database).copied().unwrap_or_default();
        lines.push(cells(point.function, &point.action(), point.done, life, told));
    }
    let mut text = String::from(
        "each process was killed once and seen dead; room, secret, marker and place in the queue are gone; every check was made\n\
         links: of evidence; told: messages to people; closed: since the first request\n\n",
    );
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(text, "{}", cells.join("  ").trim_end())?;
    }
    Ok(text)
}
