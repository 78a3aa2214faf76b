//! Wiring of `restore-test`: configuration and ports, nothing else.

use holdfast_aws::{EventBridge, Rds, S3, SecretsManager, System};
use holdfast_lambda::env;
use holdfast_ledger::PlanStore;
use jiff::SignedDuration;
use restore_test::step::Patience;
use restore_test::{Config, Ports};

/// One minute over the longest that a Lambda function may run (source: Lambda Developer Guide, "Lambda quotas"): whoever was called then
/// and is still silent has died.
const PATIENCE: SignedDuration = SignedDuration::from_mins(16);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    holdfast_lambda::start_logs();
    let aws = holdfast_aws::load().await;
    let config = Config {
        subnet_group: env::required("HOLDFAST_ROOM_SUBNET_GROUP")?,
        security_groups: env::list("HOLDFAST_ROOM_SECURITY_GROUPS")?,
        parameter_group: env::optional("HOLDFAST_ROOM_PARAMETER_GROUP"),
        option_group: env::optional("HOLDFAST_ROOM_OPTION_GROUP"),
        patience: Patience(env::parsed("HOLDFAST_VERIFY_PATIENCE", PATIENCE)?),
    };
    let objects = S3::new(&aws, env::required("HOLDFAST_LEDGER_BUCKET")?);
    let bus = EventBridge::new(&aws, env::required("HOLDFAST_BUS")?);
    let secrets = SecretsManager::new(&aws);
    let ports = Ports { objects: &objects, rds: &Rds::new(&aws), secrets: &secrets, bus: &bus, system: &System };
    let plans = PlanStore::default();
    holdfast_lambda::run("restore-test", async |trigger, _| {
        restore_test::handle(&ports, &plans, &config, &trigger).await
    })
    .await
}
