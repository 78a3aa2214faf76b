//! What starts, ends: local clouds beside each other, and the drill as a person runs it, let go to its end or stopped half-way.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast_e2e::{Database, Draft, Leftovers, Look, Site, TURNS, cargo, eventually, processes};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// A full drill takes a minute, up to half of which it waits for its schedule; the rest is for a machine that compiles at the same time.
const DRILL_WITHIN: Duration = Duration::from_secs(280);
/// Whoever presses Ctrl-C waits no longer.
const STOPPED_WITHIN: Duration = Duration::from_secs(40);

const ORDERS: &str = "orders-db";

/// Sweeps are an hour away here: what takes the snapshot is the plan's own schedule, in the minute that it names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clouds_with_the_same_plan_keep_apart_and_their_schedules_fire() -> Result<()> {
    let turns = TURNS.acquire_many(2).await?;
    let draft = Draft::due_soon([Database::named(ORDERS)])?;
    let hourly = |options: &mut holdfast_localcloud::cloud::Options| options.sweep_every = "rate(1 hour)".into();
    let (one, other) = tokio::try_join!(Site::raise_beside(&draft, hourly), Site::raise_beside(&draft, hourly))?;
    let mut sites = [one, other];
    let outcome = kept_apart(&mut sites, &draft).await;
    let [one, other] = sites;
    let leftovers = [Leftovers::of(&one.cloud), Leftovers::of(&other.cloud)];
    let (one, other) = tokio::join!(one.end(outcome), other.end(Ok(())));
    drop(turns);
    one.and(other)?;
    for left in leftovers {
        left.are_gone().await?;
    }
    Ok(())
}

async fn kept_apart(sites: &mut [Site; 2], draft: &Draft) -> Result<()> {
    let [one, other] = sites;
    tokio::try_join!(one.deploy(), other.deploy())?;
    let deployed_at = jiff::Timestamp::now();
    ensure!(deployed_at < draft.minute()?, "deployed at {deployed_at}, after the schedule");
    for site in [&*one, &*other] {
        let (servers, group, ports) = Leftovers::of(&site.cloud).counts();
        ensure!(servers > 0 && group > 0 && ports >= 8, "{servers} servers, {group} processes, {ports} ports: too few to be all");
    }
    ensure!(one.cloud.work_dir() != other.cloud.work_dir() && one.cloud.endpoint.url() != other.cloud.endpoint.url(), "both are one");
    let (first, second) = tokio::join!(one.recovery_point_is_recorded(ORDERS), other.recovery_point_is_recorded(ORDERS));
    for (site, record) in [(&*one, first?), (&*other, second?)] {
        ensure!(record.requested_at >= draft.minute()?, "taken before it was due: {record:?}");
        ensure!(site.calls("rds:CreateDBSnapshot", ORDERS) == 1, "taken more than once");
        ensure!(site.snapshots().await?.len() == 1, "{:?}", site.snapshots().await?);
        site.nothing_was_lost().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drill_ends_well_and_tells_it_to_machines() -> Result<()> {
    let _turn = TURNS.acquire().await?;
    let mut drill = Drill::start(&["--json"])?;
    let status = drill.ended(DRILL_WITHIN).await?;
    let told = drill.told()?;
    ensure!(status.code() == Some(0), "{status}\n{told}");
    let report: Value = serde_json::from_str(&drill.output()?).with_context(|| format!("the report is not JSON\n{told}"))?;
    ensure!(report["ok"] == true, "{told}");
    let verdicts: Vec<&str> = report["rehearsals"].as_array().into_iter().flatten().filter_map(|r| r["verdict"].as_str()).collect();
    ensure!(verdicts.contains(&"passed") && verdicts.contains(&"failed"), "{verdicts:?}\n{told}");
    drill.left_nothing().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_is_interrupted_leaves_nothing() -> Result<()> {
    let _turn = TURNS.acquire().await?;
    let mut drill = Drill::start(&[])?;
    let directory = drill.directory.path().to_owned();
    eventually("the drill has deployed Holdfast", DRILL_WITHIN, async || {
        Ok(Look::at(drill.told()?.contains("plan deployed"), || drill.told().unwrap_or_default()))
    })
    .await?;
    ensure!(processes::working_in(&directory).len() >= 3, "too little runs to prove anything\n{}", drill.told()?);
    processes::send(drill.child.id(), Signal::INT)?;
    let status = drill.ended(STOPPED_WITHIN).await?;
    ensure!(status.code() == Some(2) && drill.told()?.contains("interrupted"), "{status}\n{}", drill.told()?);
    drill.left_nothing().await
}

/// `cargo drill`, with a temporary directory of its own. Killed when dropped.
struct Drill {
    child: Child,
    directory: TempDir,
    outputs: TempDir,
}

impl Drill {
    fn start(arguments: &[&str]) -> Result<Self> {
        let (directory, outputs) = (tempfile::tempdir()?, tempfile::tempdir()?);
        // PostgreSQL refuses to run as root and then runs as another user, who must get through.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711))?;
        let child = cargo(["drill".as_ref()].into_iter().chain(arguments.iter().map(AsRef::as_ref)))
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(File::create(outputs.path().join("out"))?)
            .stderr(File::create(outputs.path().join("err"))?)
            .process_group(0)
            .spawn()
            .context("cargo drill")?;
        Ok(Self { child, directory, outputs })
    }

    async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let errors = self.outputs.path().join("err");
        let child = &mut self.child;
        eventually("the drill has ended", within, async || {
            Ok(match child.try_wait()? {
                Some(status) => Look::Is(status),
                None => Look::NotYet(fs::read_to_string(&errors)?),
            })
        })
        .await
    }

    fn output(&self) -> Result<String> {
        Ok(fs::read_to_string(self.outputs.path().join("out"))?)
    }

    /// Everything that it printed.
    fn told(&self) -> Result<String> {
        let errors = fs::read_to_string(self.outputs.path().join("err"))?;
        Ok(format!("standard error:\n{errors}\nstandard output:\n{}", self.output()?))
    }

    async fn left_nothing(&self) -> Result<()> {
        let directory = self.directory.path();
        eventually("the drill has left nothing", STOPPED_WITHIN, async || {
            let (files, running) = (names(directory)?, processes::working_in(directory));
            Ok(Look::at(files.is_empty() && running.is_empty(), || format!("files {files:?}, processes {running:?}")))
        })
        .await
    }
}

impl Drop for Drill {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // A test has failed before this; what the drill has started ends with it.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn names(directory: &Path) -> Result<Vec<String>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
