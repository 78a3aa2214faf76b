//! What others say: `pg_amcheck` at full strength on the recovery point that Holdfast fails.

use anyhow::{Context as _, Result};
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region};
use tokio::process::Command;

use super::report::SecondOpinion;
use crate::cloud::LocalCloud;

/// Every check that `pg_amcheck` has.
const FLAGS: [&str; 4] = ["--jobs=2", "--heapallindexed", "--parent-check", "--rootdescend"];

/// Restores a recovery point once more and runs `pg_amcheck` on the copy.
///
/// # Errors
/// When the copy cannot be made or the program cannot be started. What it finds is no error.
pub(super) async fn ask(
    cloud: &LocalCloud,
    region: &Region,
    snapshot: &DbSnapshotId,
    database: &str,
) -> Result<SecondOpinion> {
    let command = format!("pg_amcheck {}", FLAGS.join(" "));
    let Some(program) = cloud.binaries().pg_amcheck.clone() else {
        return Ok(SecondOpinion { command, exit_code: None, output: "not on this machine, so not asked".into() });
    };
    let copy: DbInstanceId = "second-opinion".parse().context("a legal name")?;
    let client = cloud.rds_client(region);
    let restore = client.restore_db_instance_from_db_snapshot();
    restore
        .db_instance_identifier(copy.as_str())
        .db_snapshot_identifier(snapshot.as_str())
        .set_tags(Some(vec![aws_sdk_rds::types::Tag::builder().key("purpose").value("second opinion").build()]))
        .send()
        .await
        .context("cannot restore a copy for pg_amcheck")?;
    cloud.available(region, &copy).await?;
    let login = cloud.rds.admin_login(&rds_region(region), &crate::rds::InstanceId::parse(copy.as_str())?)?;
    let asked = Command::new(program)
        .args(FLAGS)
        .args([
            "--host",
            &login.host,
            "--port",
            &login.port.to_string(),
            "--username",
            &login.user,
            "--no-password",
            database,
        ])
        .env("PGPASSWORD", &login.password)
        .env("PGSSLMODE", "require")
        .output()
        .await
        .context("pg_amcheck cannot be started")?;
    client.delete_db_instance().db_instance_identifier(copy.as_str()).skip_final_snapshot(true).send().await?;
    let output = format!("{}{}", String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&asked.stderr));
    Ok(SecondOpinion { command, exit_code: asked.status.code(), output })
}

/// The local RDS has its own type of region.
pub(super) fn rds_region(region: &Region) -> crate::rds::Region {
    crate::rds::Region::new(region.as_str())
}
