//! Wiring of `restore-test`: configuration and ports, nothing else.

use holdfast_aws::{EventBridge, Rds, S3, SecretsManager, System};
use holdfast_lambda::env;
use holdfast_ledger::PlanStore;
use jiff::SignedDuration;
use restore_test::step::Patience;
use restore_test::{Config, Ports, SecurityGroups};

/// One minute over the longest that a Lambda function may run (source: Lambda Developer Guide, "Lambda quotas"): whoever was called then
/// and is still silent has died.
const PATIENCE: SignedDuration = SignedDuration::from_mins(16);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    holdfast_lambda::start_logs();
    let aws = holdfast_aws::load().await;
    let config = Config {
        subnet_group: env::required("HOLDFAST_ROOM_SUBNET_GROUP")?,
        security_groups: SecurityGroups::read(&env::list("HOLDFAST_ROOM_SECURITY_GROUPS")?)?,
        parameter_group: env::optional("HOLDFAST_ROOM_PARAMETER_GROUP"),
        option_group: env::optional("HOLDFAST_ROOM_OPTION_GROUP"),
        patience: Patience(env::parsed("HOLDFAST_VERIFY_PATIENCE", PATIENCE)?),
        written_by: written_by(),
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

/// The crate's version, and that of the function as Lambda numbers it (source: Lambda Developer Guide, "Defined runtime environment
/// variables").
fn written_by() -> String {
    let lambda = env::optional("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or_else(|| "unknown".into());
    format!("restore-test {}, Lambda version {lambda}", env!("CARGO_PKG_VERSION"))
}
