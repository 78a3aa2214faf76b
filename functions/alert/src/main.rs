//! Wiring of `alert`: configuration and ports, nothing else.

use alert::{Memory, Ports};
use holdfast_aws::{Https, S3, SecretsManager, Sns, System};
use holdfast_lambda::env;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    holdfast_lambda::start_logs();
    let aws = holdfast_aws::load().await;
    let objects = S3::new(&aws, env::required("HOLDFAST_LEDGER_BUCKET")?);
    let fallback = Sns::new(&aws, env::required("HOLDFAST_FALLBACK_TOPIC_ARN")?);
    let (secrets, webhooks) = (SecretsManager::new(&aws), Https::new()?);
    let ports =
        Ports { objects: &objects, system: &System, secrets: &secrets, webhooks: &webhooks, fallback: &fallback };
    let memory = Memory::of(&env::required("AWS_LAMBDA_FUNCTION_NAME")?);
    holdfast_lambda::run("alert", async |trigger, _| alert::handle(&ports, &memory, &trigger).await).await
}
