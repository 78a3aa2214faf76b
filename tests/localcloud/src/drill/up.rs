//! `cargo drill up`: the local cloud with Holdfast on it, kept until somebody ends it, for work on a function by hand.

mod environment;

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use holdfast_domain::Plan;
use holdfast_plan::Compiled;

use super::plan::instance;
use super::stage::Stage;
use super::{Request, interrupted, raise};
use crate::cloud::LocalCloud;
use crate::postgres::Login;
use crate::sample;
use crate::zips::Package;

pub use environment::Environment;

const PLAN: &str = include_str!("../../plans/up.yaml");
/// The database within every sample instance.
const DATABASE: &str = "app";
/// From the deployment until every resource has a recovery point; on a quiet machine it takes a tenth of it.
const FIRST_RECOVERY_POINT_WITHIN: Duration = Duration::from_secs(60);

/// Brings the local cloud up, hands its environment to `show`, keeps everything running until Ctrl-C or the end of the process is asked
/// for, and then ends everything that it started.
///
/// # Errors
/// When the cloud does not come up, `show` fails, or something does not end in order.
pub async fn up(request: &Request, stage: &mut Stage, show: impl FnOnce(&Environment) -> Result<()>) -> Result<()> {
    // One listener for the whole time: between two, a signal would be lost.
    let mut interrupted = pin!(interrupted());
    let (mut cloud, packages) = tokio::select! {
        raised = raise(request, stage) => raised?,
        () = &mut interrupted => bail!("interrupted before the local cloud was up"),
    };
    let kept = tokio::select! {
        failed = keep(&mut cloud, &packages, stage, show) => failed,
        () = &mut interrupted => Ok(()),
    };
    let ended = cloud.shutdown().await.context("the local cloud did not end in order");
    kept?;
    ended?;
    stage.note("local cloud ended", "no process, port or directory is left");
    Ok(())
}

/// Puts Holdfast and its samples on a cloud, shows the environment, and never ends unless something fails.
async fn keep(
    cloud: &mut LocalCloud,
    packages: &BTreeMap<String, Package>,
    stage: &mut Stage,
    show: impl FnOnce(&Environment) -> Result<()>,
) -> Result<()> {
    let compiled = plan()?;
    let logins = seed(cloud, compiled.plan(), stage).await?;
    stage
        .step("plan deployed", async |_| {
            cloud.deploy(&compiled, packages).await?;
            Ok(((), format!("{} functions", packages.len())))
        })
        .await?;
    stage.step("first recovery point taken", async |_| recovery_points(cloud, compiled.plan()).await).await?;
    let environment = Environment::of(cloud)?;
    for (resource, login) in &logins {
        let Login { host, port, user, password, database, .. } = login;
        stage.note(resource, &format!("postgresql://{user}:{password}@{host}:{port}/{database}?sslmode=require"));
    }
    stage.note("local cloud is up", "the environment is on standard output; Ctrl-C ends everything");
    show(&environment)?;
    std::future::pending().await
}

/// # Errors
/// When the file is no legal plan; a test holds that it is.
fn plan() -> Result<Compiled> {
    holdfast_plan::read_yaml("up.yaml", PLAN)
        .map_err(|problems| anyhow!("{problems}"))
        .context("the plan of `drill up`")
}

/// Makes and fills the database of every resource. Gives the logins by resource.
async fn seed(cloud: &LocalCloud, plan: &Plan, stage: &mut Stage) -> Result<BTreeMap<String, Login>> {
    stage
        .step("sample databases seeded", async |_| {
            let (mut logins, mut rows) = (BTreeMap::new(), 0);
            for (name, resource) in &plan.resources {
                let login = cloud.create_database(&resource.region, instance(resource)?, DATABASE).await?;
                rows += sample::seed(&login).await?.rows_total();
                logins.insert(name.to_string(), login);
            }
            let words = format!("{}, {rows} rows", logins.keys().cloned().collect::<Vec<_>>().join(", "));
            Ok((logins, words))
        })
        .await
}

/// Waits until every resource has a recovery point that can be restored: a restore test by hand would find nothing before.
async fn recovery_points(cloud: &LocalCloud, plan: &Plan) -> Result<((), String)> {
    let looked = async {
        for resource in plan.resources.values() {
            let client = cloud.rds_client(&resource.region);
            loop {
                // RDS itself takes an automated one of every new database.
                let snapshots = client.describe_db_snapshots().snapshot_type("manual");
                let seen = snapshots.db_instance_identifier(resource.target.id()).send().await?;
                if seen.db_snapshots().iter().any(|snapshot| snapshot.status() == Some("available")) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(((), "of every resource".to_owned()))
    };
    tokio::time::timeout(FIRST_RECOVERY_POINT_WITHIN, looked)
        .await
        .context("the deployed functions took no snapshot in time")?
}

#[cfg(test)]
mod tests {
    use holdfast_domain::{ResourceName, Slot, slot};
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    #[test]
    fn the_plan_is_legal_and_has_a_slot_to_catch_up_on_at_any_time() {
        let compiled = plan().expect("a legal plan");
        for (name, resource) in &compiled.plan().resources {
            for now in ["2026-11-20T02:00:00Z", "2026-11-20T01:59:59Z", "2026-11-20T14:00:00Z"] {
                let now: Timestamp = now.parse().expect("a time");
                let is_open = |at: &holdfast_domain::Schedule| {
                    at.latest_at_or_before(now, SignedDuration::from_hours(24)).is_some()
                };
                assert!(resource.snapshots.values().filter_map(|rule| rule.schedule()).any(is_open), "{name} at {now}");
            }
        }
    }

    #[test]
    fn the_samples_of_rds_events_name_what_this_plan_makes() {
        let compiled = plan().expect("a legal plan");
        let (plan, resource): (&Plan, ResourceName) = (compiled.plan(), "orders-db".parse().expect("legal"));
        let run = "orders-db.manual.by-hand".parse().expect("legal");
        let room = slot::room_id(&plan.name, &plan.environment, &resource, &run).to_string();
        let due: Slot = "20261120t020000z".parse().expect("legal");
        let snapshot = slot::db_snapshot_id(&plan.name, &plan.environment, &resource, due).to_string();
        for (sample, id) in [
            (include_str!("../../../../events/rds-db-instance-created.json"), &room),
            (include_str!("../../../../events/rds-db-instance-deleted.json"), &room),
            (include_str!("../../../../events/rds-db-snapshot-created.json"), &snapshot),
            (include_str!("../../../../events/rds-db-snapshot-restored.json"), &snapshot),
        ] {
            let event: serde_json::Value = serde_json::from_str(sample).expect("JSON");
            assert_eq!(event["detail"]["SourceIdentifier"], id.as_str());
            assert_eq!(event["region"], plan.resources[&resource].region.as_str());
        }
    }
}
