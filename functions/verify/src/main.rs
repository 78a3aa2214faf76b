//! Wiring of `verify`: configuration and ports, nothing else.

use std::path::PathBuf;

use holdfast_aws::{EventBridge, S3, SecretsManager, System};
use holdfast_lambda::env;
use holdfast_ledger::PlanStore;
use verify::{Config, DocumentDoor, Doors, Ports, PostgresDoor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    holdfast_lambda::start_logs();
    let aws = holdfast_aws::load().await;
    let mut config = Config::read(env::optional)?;
    // `join` keeps an absolute path as it is.
    config.room_ca_file =
        PathBuf::from(env::optional("LAMBDA_TASK_ROOT").unwrap_or_default()).join(&config.room_ca_file);
    let objects = S3::new(&aws, env::required("HOLDFAST_LEDGER_BUCKET")?);
    let bus = EventBridge::new(&aws, env::required("HOLDFAST_BUS")?);
    let secrets = SecretsManager::new(&aws);
    let door = Doors { sql: PostgresDoor::new(&config)?, documents: DocumentDoor::new(&config)? };
    let (system, connections) = (&System, config.connections);
    let ports = Ports { objects: &objects, secrets: &secrets, bus: &bus, system, door: &door, connections };
    let plans = PlanStore::default();
    holdfast_lambda::run("verify", async |trigger, left| verify::handle(&ports, &plans, &trigger, left).await).await
}
