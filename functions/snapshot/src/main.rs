//! Wiring of `snapshot`: configuration and ports, nothing else.

use holdfast_aws::{EventBridge, Rds, S3, System};
use holdfast_lambda::env;
use holdfast_ledger::PlanStore;
use snapshot::Ports;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    holdfast_lambda::start_logs();
    let aws = holdfast_aws::load().await;
    let objects = S3::new(&aws, env::required("HOLDFAST_LEDGER_BUCKET")?);
    let bus = EventBridge::new(&aws, env::required("HOLDFAST_BUS")?);
    let ports = Ports { objects: &objects, rds: &Rds::new(&aws), bus: &bus, system: &System };
    let plans = PlanStore::default();
    holdfast_lambda::run("snapshot", async |trigger, _| snapshot::handle(&ports, &plans, &trigger).await).await
}
