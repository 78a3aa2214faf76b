//! What starts, ends: local clouds beside each other, and the drill as a person runs it, let go to its end or stopped half-way.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast_domain::Verdict;
use holdfast_e2e::{Database, Draft, Leftovers, Look, Site, TURNS, cargo, eventually, processes};
use holdfast_localcloud::build::Profile;
use holdfast_localcloud::cloud::LocalCloud;
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// A full drill takes a minute, up to half of which it waits for its schedule; the rest is for a machine that does much at the same time.
/// What the drill runs is built before.
const DRILL_WITHIN: Duration = Duration::from_secs(280);
/// Whoever presses Ctrl-C waits no longer.
const STOPPED_WITHIN: Duration = Duration::from_secs(40);

const ORDERS: &str = "orders-db";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clouds_with_the_same_plan_keep_apart() -> Result<()> {
    let turns = TURNS.acquire_many(2).await?;
    let draft = Draft::due_now([Database::named(ORDERS)]);
    let (one, other) = tokio::try_join!(Site::raise_beside(&draft, |_| {}), Site::raise_beside(&draft, |_| {}))?;
    let mut sites = [one, other];
    let outcome = kept_apart(&mut sites).await;
    let [one, other] = sites;
    // Whether anything is left of them, each sees to itself.
    let (one, other) = tokio::join!(one.end(outcome), other.end(Ok(())));
    drop(turns);
    one.and(other)
}

/// Everything has the same name in both, and only one of the snapshots is damaged.
async fn kept_apart([sound, damaged]: &mut [Site; 2]) -> Result<()> {
    damaged.damage_next_snapshot(ORDERS)?;
    tokio::try_join!(sound.deploy(), damaged.deploy())?;
    for site in [&*sound, &*damaged] {
        let (servers, group, ports) = Leftovers::of(&site.cloud).counts();
        // The endpoint, RDS, Slack and PagerDuty; and before each function its recorder.
        ensure!(
            servers > 0 && group > 0 && ports == 4 + site.cloud.deployed.functions.len(),
            "{servers} servers, {group} processes, {ports} ports: not all that there must be"
        );
    }
    tokio::try_join!(sound.ends_in(ORDERS, Verdict::Passed), damaged.ends_in(ORDERS, Verdict::Failed))?;
    damaged.people_hear(&damaged.cause(ORDERS, "restore-test")?, "failed").await?;
    ensure!(sound.slack("").is_empty(), "one heard what concerns the other: {:?}", sound.slack(""));
    for site in [&*sound, &*damaged] {
        ensure!(
            site.calls("rds:CreateDBSnapshot", ORDERS) == 1 && site.snapshots().await?.len() == 1,
            "one snapshot in each"
        );
        site.nothing_was_lost().await?;
    }
    Ok(())
}

/// Everywhere else the first sweep finds what is due. Here the next sweep is an hour away, and no event comes before the first snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schedule_of_the_plan_itself_takes_the_snapshot_in_its_minute() -> Result<()> {
    let mut site =
        Site::raise(&Draft::due_now([Database::named(ORDERS)]), |options| options.sweep_every = "rate(1 hour)".into())
            .await?;
    let outcome = async {
        let draft = Draft::due_soon([Database::named(ORDERS)])?;
        let due = draft.minute()?;
        site.follow(&draft)?;
        site.deploy().await?;
        ensure!(Timestamp::now() < due, "deployed only after {due}");
        let record = site.recovery_point_is_recorded(ORDERS).await?;
        let late = record.requested_at.duration_since(due);
        ensure!(late >= SignedDuration::ZERO && late < SignedDuration::from_mins(1), "asked for {late:#} after {due}");
        site.nothing_was_lost().await
    };
    let outcome = outcome.await;
    site.end(outcome).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drill_ends_well_and_tells_it_to_machines() -> Result<()> {
    let _turn = TURNS.acquire().await?;
    let mut drill = Drill::start(&["--json"]).await?;
    let status = drill.ended(DRILL_WITHIN).await?;
    let told = drill.told()?;
    ensure!(status.code() == Some(0), "{status}\n{told}");
    let report: Value =
        serde_json::from_str(&drill.output()?).with_context(|| format!("the report is not JSON\n{told}"))?;
    ensure!(report["ok"] == true, "{told}");
    let verdicts: Vec<&str> =
        report["rehearsals"].as_array().into_iter().flatten().filter_map(|r| r["verdict"].as_str()).collect();
    ensure!(verdicts.contains(&"passed") && verdicts.contains(&"failed"), "{verdicts:?}\n{told}");
    drill.left_nothing().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_is_interrupted_leaves_nothing() -> Result<()> {
    let _turn = TURNS.acquire().await?;
    let mut drill = Drill::start(&[]).await?;
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
    async fn start(arguments: &[&str]) -> Result<Self> {
        tokio::task::spawn_blocking(|| LocalCloud::packages("", Profile::Dev, |_| {})).await??;
        let (directory, outputs) = (tempfile::tempdir()?, tempfile::tempdir()?);
        // PostgreSQL refuses to run as root and then runs as another user, who must get through.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711))?;
        let child = cargo(["drill".as_ref()].into_iter().chain(arguments.iter().map(AsRef::as_ref)))
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(File::create(outputs.path().join("out"))?)
            .stderr(File::create(outputs.path().join("err"))?)
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
