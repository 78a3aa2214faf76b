//! Wiring of `snapshot`: configuration and ports, nothing else.

use holdfast_aws::{CALLS_PER_SECOND, EventBridge, Rds, S3, System};
use holdfast_lambda::env;
use snapshot::{Kept, Ports};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    holdfast_lambda::start_logs();
    let aws = holdfast_aws::load().await;
    let objects = S3::new(&aws, env::required("HOLDFAST_LEDGER_BUCKET")?);
    let bus = EventBridge::new(&aws, env::required("HOLDFAST_BUS")?);
    let rds = Rds::paced(&aws, env::parsed("HOLDFAST_RDS_CALLS_PER_SECOND", CALLS_PER_SECOND)?);
    let ports = Ports { objects: &objects, rds: &rds, bus: &bus, system: &System };
    let kept = Kept::default();
    holdfast_lambda::run("snapshot", async |trigger, left| snapshot::handle(&ports, &kept, &trigger, left).await).await
}
