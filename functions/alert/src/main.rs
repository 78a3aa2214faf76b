//! Wiring of `alert`: configuration and ports, nothing else.

use alert::{Archive, Memory, Ports};
use holdfast_aws::{Https, S3, SecretsManager, Ses, Sns, System};
use holdfast_lambda::env;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    holdfast_lambda::start_logs();
    let aws = holdfast_aws::load().await;
    let region = aws.region().map(ToString::to_string).unwrap_or_default();
    let archive = Archive { bucket: env::required("HOLDFAST_LEDGER_BUCKET")?, region };
    let objects = S3::new(&aws, archive.bucket.clone());
    let fallback = Sns::new(&aws, env::required("HOLDFAST_FALLBACK_TOPIC_ARN")?);
    let (secrets, webhooks, mail) = (SecretsManager::new(&aws), Https::new()?, Ses::new(&aws));
    let ports = Ports {
        objects: &objects,
        system: &System,
        secrets: &secrets,
        webhooks: &webhooks,
        mail: &mail,
        fallback: &fallback,
    };
    let button = env::parsed("HOLDFAST_ACKNOWLEDGE_BUTTON", false)?;
    let memory = Memory::of(&env::required("AWS_LAMBDA_FUNCTION_NAME")?, archive).with_button(button);
    holdfast_lambda::run("alert", async |trigger, _| alert::handle(&ports, &memory, &trigger).await).await
}
