//! Wiring of `acknowledge`: configuration and ports, nothing else.

use acknowledge::{Ports, Request};
use holdfast_aws::{EventBridge, S3, SecretsManager, System};
use holdfast_domain::SecretName;
use holdfast_lambda::env;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    holdfast_lambda::start_logs();
    let aws = holdfast_aws::load().await;
    let objects = S3::new(&aws, env::required("HOLDFAST_LEDGER_BUCKET")?);
    let bus = EventBridge::new(&aws, env::required("HOLDFAST_BUS")?);
    let secret: SecretName = env::required("HOLDFAST_ACKNOWLEDGE_SECRET")?.parse()?;
    let secrets = SecretsManager::new(&aws);
    let ports = Ports { objects: &objects, system: &System, secrets: &secrets, bus: &bus };
    let (ports, secret) = (&ports, &secret);
    // A function URL answers who asks: an error of ours would be a 502 with words of the runtime's.
    let hear = move |event: LambdaEvent<Request>| async move {
        Ok::<_, lambda_runtime::Error>(acknowledge::handle(ports, secret, &event.payload).await)
    };
    lambda_runtime::run(service_fn(hear)).await
}
