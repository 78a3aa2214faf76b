//! The recovery points of clusters, proved: restored into a cluster with a member of its own, verified, judged, and nothing left.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, anyhow, ensure};
use holdfast_domain::{Slot, Verdict};
use holdfast_e2e::{Database, Draft, ENVIRONMENT, Look, PLAN, RUN_WITHIN, Site, eventually};
use holdfast_ledger::{RecoveryPoint, Run};
use holdfast_localcloud::cloud::HOME;
use holdfast_localcloud::rds::ClusterId;
use jiff::{Timestamp, tz::TimeZone};

/// An Aurora cluster, with PostgreSQL behind it.
const CARTS: &str = "carts";
/// A DocumentDB cluster, which lives in the API alone: nobody answers at its address.
const DOCS: &str = "docs";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aurora_recovery_point_is_proved_and_a_documentdb_one_that_nobody_answers_for_is_not() -> Result<()> {
    // A draft knows instances alone, and wants one; the plan that is followed says nothing of it.
    let mut site = Site::raise(&Draft::due_now([Database::named("orders-db")]), |_| {}).await?;
    let outcome = async {
        make_clusters(&site).await?;
        let due = Draft::due_soon([])?.minute()?;
        let compiled = holdfast_plan::read_yaml("plan.yaml", &plan(due)).map_err(|problems| anyhow!("{problems}"))?;
        site.follow_compiled(compiled, Slot::at(due));
        site.deploy().await?;

        let carts = ended(&site, CARTS, Verdict::Passed).await?;
        ensure!(carts.times.cluster_available_at.is_some() && carts.times.verified_at.is_some(), "{carts:?}");
        let docs = ended(&site, DOCS, Verdict::Inconclusive).await?;
        let engine = docs.restored_as.as_ref().map(|room| room.engine.as_str());
        ensure!(engine == Some("docdb") && docs.port == Some(27017), "{docs:?}");
        eprintln!("\n{}: {:?}\n{}: {:?}", carts.id, carts.verdict, docs.id, docs.verdict);
        // Nothing failed but what asked for DocumentDB at an address that nobody has.
        let letters = site.dead_letters().await?;
        let of_docs = |reason: &Option<String>| reason.as_ref().is_some_and(|reason| reason.contains(".docdb.invalid"));
        ensure!(letters.iter().all(|letter| of_docs(&letter.reason)), "{letters:#?}");
        Ok(())
    };
    let outcome = outcome.await;
    site.end(outcome).await
}

/// Waits for the end of a run of a cluster snapshot, and sees its verdict and that its cluster, member and secret are gone.
async fn ended(site: &Site, name: &str, verdict: Verdict) -> Result<Run> {
    let run = site.closed(&site.run_id(name)?).await?;
    let given = run.verdict.as_ref().context("a closed run has a verdict")?;
    ensure!(given.verdict == verdict, "{name} was judged {}: {:?}", given.verdict, given.reasons);
    ensure!(matches!(run.source.point, RecoveryPoint::DbClusterSnapshot { .. }), "{:?}", run.source);
    site.room_is_gone(&run).await?;
    let clusters = site.cloud.rds_client(site.region()).describe_db_clusters().send().await?;
    let names: Vec<_> = clusters.db_clusters().iter().filter_map(|cluster| cluster.db_cluster_identifier()).collect();
    ensure!(!names.contains(&run.room.as_str()), "the cluster {} stands: {names:?}", run.room);
    Ok(run)
}

/// The plan: every rule is due at one minute, and never again. DocumentDB's run cannot be verified here, and its deadline judges it.
fn plan(due: Timestamp) -> String {
    let cron = due.to_zoned(TimeZone::UTC).strftime("cron(%-M %-H %-d %-m ? %Y)");
    let mut text = format!(
        "version: 1\nname: {PLAN}\nenvironment: {ENVIRONMENT}\ntime_zone: UTC\n\
         regions: {{ home: {HOME}, primary: eu-central-1 }}\nrooms_max: 2\nresources:\n"
    );
    for (name, kind, deadline) in [(CARTS, "aurora-cluster", "4h"), (DOCS, "docdb-cluster", "2m")] {
        let _ = write!(
            text,
            "  {name}:\n    kind: {kind}\n    id: {name}\n    objectives: {{ rpo: 24h, rto: 2h }}\n    snapshots:\n      \
             daily: {{ at: \"{cron}\", keep: 7d }}\n    restore_tests:\n      \
             every: {{ after: daily, from: latest, instance_class: db.r6g.large, deadline: {deadline} }}\n    \
             checks: {{ integrity: full }}\n"
        );
    }
    text.push_str(
        "alerts:\n  channels: { ops: { slack: \"secret:holdfast/slack\" } }\n  \
         routes: { critical: [ops], high: [ops], low: [ops] }\n",
    );
    text
}

/// An Aurora cluster with one instance and some rows, and a DocumentDB cluster with neither.
async fn make_clusters(site: &Site) -> Result<()> {
    let client = site.cloud.rds_client(site.region());
    for (id, engine) in [(CARTS, "aurora-postgresql"), (DOCS, "docdb")] {
        let call = client.create_db_cluster().db_cluster_identifier(id).engine(engine).storage_encrypted(true);
        call.master_username("app").master_user_password("local-test-only").send().await.context(id)?;
    }
    eventually("both clusters are available", RUN_WITHIN, async || {
        let seen = client.describe_db_clusters().send().await?;
        let statuses: Vec<_> = seen.db_clusters().iter().map(|cluster| cluster.status().unwrap_or_default()).collect();
        Ok(Look::at(statuses == ["available", "available"], || format!("{statuses:?}")))
    })
    .await?;
    let member = client.create_db_instance().db_instance_identifier("carts-1").db_cluster_identifier(CARTS);
    member.db_instance_class("db.r6g.large").engine("aurora-postgresql").send().await.context("carts-1")?;
    site.cloud.available(site.region(), &"carts-1".parse()?).await?;
    let login = site.cloud.rds.cluster_admin_login(&site.rds_region(), &ClusterId::parse(CARTS)?)?;
    let rows = "create table items as select n as id, repeat('x', 100) as what from generate_series(1, 5000) n; \
                alter table items add primary key (id)";
    login.connect().await?.batch_execute(rows).await?;
    Ok(())
}
