//! Recovery points that somebody else made, and others than the newest: read, restored, verified, left as they were.

use anyhow::{Context as _, Result, ensure};
use holdfast_domain::{RunId, Verdict};
use holdfast_e2e::{Database, Draft, Site};
use holdfast_ledger::{Maker, RecoveryPoint, Run};
use serde_json::{Value, json};

/// AWS Backup takes its recovery points.
const BACKED: &str = "backed-db";
/// And of this one, whose last is damaged.
const SPOILT: &str = "spoilt-db";
/// RDS takes its recovery points, and backs it up continuously.
const AUTOMATED: &str = "automated-db";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_is_proved_and_so_is_what_is_not_the_newest() -> Result<()> {
    let databases = [
        Database::named(BACKED).taken_by("awsbackup"),
        Database::named(SPOILT).taken_by("awsbackup"),
        Database::named(AUTOMATED).taken_by("rds"),
    ];
    let mut site = Site::raise(&Draft::due_now(databases), |_| {}).await?;
    let outcome = async {
        let oldest = aws_backup_takes(&site, BACKED).await?;
        let newest = aws_backup_takes(&site, BACKED).await?;
        site.damage_next_snapshot(SPOILT)?;
        let spoilt = aws_backup_takes(&site, SPOILT).await?;
        let (region, instance) = (site.rds_region(), site.instance(AUTOMATED)?);
        let automated = site.cloud.rds.take_automated_snapshot(&region, &instance).await?.to_string();
        site.deploy().await?;

        let proved = judged(&site, site.run_id(BACKED)?, Verdict::Passed).await?;
        ensure!(restored(&proved) == newest && proved.source.made_by == Maker::AwsBackup, "{:?}", proved.source);
        let found = judged(&site, site.run_id(SPOILT)?, Verdict::Failed).await?;
        ensure!(restored(&found) == spoilt, "{:?}", found.source);
        site.people_hear(&site.cause(SPOILT, "restore-test")?, &format!("the restore test of {SPOILT} failed")).await?;

        let first = by_hand(&site, BACKED, "first", json!("oldest")).await?;
        ensure!(restored(&first) == oldest, "{:?}", first.source);
        let any = by_hand(&site, BACKED, "any", json!("random")).await?;
        ensure!([&oldest, &newest].contains(&&restored(&any)), "{:?}", any.source);
        let again = by_hand(&site, BACKED, "again", json!({ "recovery_point": oldest })).await?;
        ensure!(restored(&again) == oldest, "{:?}", again.source);
        let run = judged(&site, site.run_id(AUTOMATED)?, Verdict::Passed).await?;
        ensure!(restored(&run) == automated && run.source.made_by == Maker::Rds, "{:?}", run.source);
        in_time(&site).await?;
        evidence_is_whole(&site).await?;
        for (name, taken) in [(BACKED, 2), (SPOILT, 1)] {
            ensure!(site.calls("rds:CreateDBSnapshot", name) == 0, "nothing is taken of {name}");
            ensure!(aws_backups(&site, name).await? == taken, "what AWS Backup made of {name} is all there");
        }
        site.nothing_was_lost().await
    };
    let outcome = outcome.await;
    site.end(outcome).await
}

/// The continuous backup, up to the last instant that RDS takes.
async fn in_time(site: &Site) -> Result<()> {
    site.cloud.rds.upload_logs(&site.rds_region(), &site.instance(AUTOMATED)?).await?;
    let run = by_hand(site, AUTOMATED, "in-time", json!("pitr")).await?;
    let RecoveryPoint::PointInTime { instance, at } = &run.source.point else {
        anyhow::bail!("{:?}", run.source);
    };
    ensure!(
        instance.as_str() == AUTOMATED && *at < run.requested_at && run.source.made_by == Maker::Rds,
        "{:?}",
        run.source
    );
    Ok(())
}

async fn aws_backup_takes(site: &Site, name: &str) -> Result<String> {
    let id = site.cloud.rds.take_aws_backup_snapshot(&site.rds_region(), &site.instance(name)?).await?;
    Ok(id.to_string())
}

/// How many recovery points of AWS Backup's there are, all of them available and without a tag of ours.
async fn aws_backups(site: &Site, name: &str) -> Result<usize> {
    let call = site.cloud.rds_client(site.region()).describe_db_snapshots().snapshot_type("awsbackup");
    let seen = call.db_instance_identifier(name).send().await?;
    let sound =
        seen.db_snapshots().iter().filter(|seen| seen.status() == Some("available") && seen.tag_list().is_empty());
    Ok(sound.count())
}

async fn by_hand(site: &Site, name: &str, request: &str, from: Value) -> Result<Run> {
    let wish = json!({
        "holdfast": "restore-test-now", "resource": name, "request": request, "from": from, "reason": "an auditor asked"
    });
    site.cloud.deployed.start(&site.cloud.endpoint, "restore-test", &wish).await?;
    judged(site, format!("{name}.manual.{request}").parse()?, Verdict::Passed).await
}

async fn judged(site: &Site, run: RunId, verdict: Verdict) -> Result<Run> {
    let run = site.closed(&run).await?;
    let given = run.verdict.as_ref().context("a closed run has a verdict")?;
    ensure!(given.verdict == verdict, "{} was judged {}: {:?}", run.id, given.verdict, given.reasons);
    site.room_is_gone(&run).await?;
    Ok(run)
}

fn restored(run: &Run) -> String {
    run.source.point.to_string()
}

/// Every run left one link; the chains are whole, and the records of runs hold their ends.
async fn evidence_is_whole(site: &Site) -> Result<()> {
    let report = site.evidence().await?;
    ensure!(report.is_whole() && report.chains.iter().all(|chain| chain.anchored), "{report:#?}");
    let counts: Vec<_> =
        report.chains.iter().map(|chain| (chain.resource.as_str(), chain.passed, chain.failed)).collect();
    ensure!(counts == [(AUTOMATED, 2, 0), (BACKED, 4, 0), (SPOILT, 0, 1)], "{counts:?}");
    Ok(())
}
