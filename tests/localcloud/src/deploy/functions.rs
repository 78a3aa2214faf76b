//! Lambda functions: code, configuration, what happens when they fail, and who may invoke them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    DestinationConfig, Environment, FunctionCode, FunctionUrlAuthType, InvocationType, LastUpdateStatus, OnFailure,
    Runtime, State,
};
use sha2::{Digest, Sha256};

use super::error::{DeployError, call, missing};
use super::{Deployed, FunctionAddress, role_arn};
use crate::endpoint::Endpoint;
use crate::recorder::Recorder;
use crate::wiring::{Function, Wiring};
use crate::zips::Package;

const READY_SECONDS_MAX: u64 = 30;

/// The services that functions call, as the SDK names them in `AWS_ENDPOINT_URL_<SERVICE>`. An endpoint that imposes its own
/// `AWS_ENDPOINT_URL` on functions leaves these alone, and the SDK prefers them.
pub(crate) const SERVICES: [&str; 5] = ["EVENTBRIDGE", "RDS", "S3", "SECRETS_MANAGER", "SNS"];

/// Every function of the wiring has a package, with the files that the wiring asks for.
pub(super) fn check_packages(wiring: &Wiring, packages: &BTreeMap<String, Package>) -> Result<(), DeployError> {
    let mut problems = Vec::new();
    for (name, function) in &wiring.functions {
        match packages.get(name) {
            None => problems.push(format!("no package for `{name}`")),
            Some(package) => {
                let missing = function.files.iter().filter(|file| !package.files.contains(file));
                problems.extend(missing.map(|file| format!("the package of `{name}` lacks {file}")));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(DeployError::Packages(problems)) }
}

/// Sends a function's AWS calls through its recorder, or straight to the endpoint when there is none.
pub(super) fn endpoint_variables(
    function: &str,
    endpoint: &Endpoint,
    recorder: Option<&Recorder>,
) -> BTreeMap<String, String> {
    let url = recorder.and_then(|recorder| recorder.url(function)).unwrap_or(endpoint.url());
    let services = SERVICES.iter().map(|service| format!("AWS_ENDPOINT_URL_{service}"));
    services.chain(["AWS_ENDPOINT_URL".to_owned()]).map(|name| (name, url.to_owned())).collect()
}

pub(super) async fn make(
    endpoint: &Endpoint,
    key: &str,
    function: &Function,
    environment: BTreeMap<String, String>,
    package: &Package,
    deployed: &Deployed,
) -> Result<FunctionAddress, DeployError> {
    let client = Client::new(&endpoint.config(&deployed.home_region));
    let name = format!("holdfast-{key}");
    let variables = Environment::builder().set_variables(Some(environment.clone().into_iter().collect())).build();
    match client.get_function_configuration().function_name(&name).send().await {
        Ok(found) => update(&client, &name, key, function, variables, package, found.code_sha256()).await?,
        Err(error) if error.code() == Some("ResourceNotFoundException") => {
            create(&client, &name, key, function, variables, package).await?;
        }
        Err(error) => return Err(call("describe function", &name)(error)),
    }
    let arn = wait_until_ready(&client, &name).await?;
    configure_failures(&client, &name, function, deployed).await?;
    if function.url {
        open_url(&client, &name).await?;
    }
    Ok(FunctionAddress { name, arn, environment })
}

/// A URL that anybody may call. One that is there already stays.
async fn open_url(client: &Client, name: &str) -> Result<(), DeployError> {
    let url = client.create_function_url_config().function_name(name).auth_type(FunctionUrlAuthType::None).send().await;
    let permission = client
        .add_permission()
        .function_name(name)
        .statement_id("anybody-at-its-url")
        .action("lambda:InvokeFunctionUrl")
        .principal("*")
        .function_url_auth_type(FunctionUrlAuthType::None);
    let is_there = |code: Option<&str>| code == Some("ResourceConflictException");
    match url {
        Err(error) if !is_there(error.code()) => return Err(call("make the URL of function", name)(error)),
        Ok(_) | Err(_) => {}
    }
    match permission.send().await {
        Err(error) if !is_there(error.code()) => Err(call("open the URL of function", name)(error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn create(
    client: &Client,
    name: &str,
    key: &str,
    function: &Function,
    environment: Environment,
    package: &Package,
) -> Result<(), DeployError> {
    let code = FunctionCode::builder().zip_file(Blob::new(package.zip.clone())).build();
    let request = client
        .create_function()
        .function_name(name)
        .description(&function.description)
        .runtime(Runtime::Providedal2023)
        .handler("bootstrap")
        .role(role_arn(key))
        .timeout(int(function.timeout_seconds))
        .memory_size(int(function.memory_mb))
        .environment(environment)
        .code(code);
    request.send().await.map_err(call("create function", name))?;
    Ok(())
}

/// Code only when it differs, for every function environment that is thrown away is a cold start.
async fn update(
    client: &Client,
    name: &str,
    key: &str,
    function: &Function,
    environment: Environment,
    package: &Package,
    code_sha256: Option<&str>,
) -> Result<(), DeployError> {
    if code_sha256 != Some(&aws_smithy_types::base64::encode(Sha256::digest(&package.zip))) {
        let request = client.update_function_code().function_name(name).zip_file(Blob::new(package.zip.clone()));
        request.send().await.map_err(call("update the code of function", name))?;
        wait_until_ready(client, name).await?;
    }
    let request = client
        .update_function_configuration()
        .function_name(name)
        .description(&function.description)
        .role(role_arn(key))
        .timeout(int(function.timeout_seconds))
        .memory_size(int(function.memory_mb))
        .environment(environment);
    request.send().await.map_err(call("update function", name))?;
    Ok(())
}

/// The ARN, once the function takes invocations and no update is under way.
async fn wait_until_ready(client: &Client, name: &str) -> Result<String, DeployError> {
    let deadline = Instant::now() + Duration::from_secs(READY_SECONDS_MAX);
    loop {
        let found = client
            .get_function_configuration()
            .function_name(name)
            .send()
            .await
            .map_err(call("describe function", name))?;
        let updated = found.last_update_status().is_none_or(|status| *status == LastUpdateStatus::Successful);
        if updated && found.state().is_none_or(|state| *state == State::Active) {
            return found.function_arn.ok_or_else(|| missing("describe function", name, "FunctionArn"));
        }
        if Instant::now() > deadline {
            let state = format!("{:?}, last update {:?}", found.state(), found.last_update_status());
            return Err(DeployError::NotReady {
                name: name.to_owned(),
                state,
                expected: "Active",
                seconds: READY_SECONDS_MAX,
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn configure_failures(
    client: &Client,
    name: &str,
    function: &Function,
    deployed: &Deployed,
) -> Result<(), DeployError> {
    let topic = deployed.topics.get(&function.on_failure).cloned();
    let destination = OnFailure::builder().set_destination(topic).build();
    let request = client
        .put_function_event_invoke_config()
        .function_name(name)
        .maximum_retry_attempts(int(function.retries))
        .destination_config(DestinationConfig::builder().on_failure(destination).build());
    request.send().await.map_err(call("set the failure destination of function", name))?;
    Ok(())
}

/// Lets a service invoke a function on behalf of one rule or topic.
pub(super) async fn allow(
    endpoint: &Endpoint,
    deployed: &Deployed,
    function: &str,
    principal: &str,
    statement: &str,
    source_arn: &str,
) -> Result<(), DeployError> {
    let client = Client::new(&endpoint.config(&deployed.home_region));
    let name = &deployed.function(function)?.name;
    let request = client
        .add_permission()
        .function_name(name)
        .statement_id(statement)
        .action("lambda:InvokeFunction")
        .principal(principal)
        .source_arn(source_arn);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ResourceConflictException") => Ok(()), // the same statement is there
        Err(error) => Err(call("let a service invoke function", name)(error)),
    }
}

pub(super) async fn start(
    endpoint: &Endpoint,
    region: &str,
    name: &str,
    input: &serde_json::Value,
) -> Result<(), DeployError> {
    let client = Client::new(&endpoint.config(region));
    let payload = Blob::new(input.to_string());
    let request = client.invoke().function_name(name).invocation_type(InvocationType::Event).payload(payload);
    request.send().await.map_err(call("start function", name))?;
    Ok(())
}

pub(super) async fn answer(
    endpoint: &Endpoint,
    region: &str,
    name: &str,
    input: &serde_json::Value,
) -> Result<serde_json::Value, DeployError> {
    let client = Client::new(&endpoint.config(region));
    let request = client.invoke().function_name(name).payload(Blob::new(input.to_string()));
    let answer = request.send().await.map_err(call("call function", name))?;
    let bytes = answer.payload().map(Blob::as_ref).unwrap_or_default();
    serde_json::from_slice(bytes).map_err(call("read the answer of function", name))
}

/// The wiring was checked: every number is far below the limit of an i32.
fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_package_and_a_missing_file_are_told_at_once() {
        let wiring = Wiring::holdfast().expect("a wiring");
        let bare = Package { zip: Vec::new(), files: Vec::new() };
        let packages = ["snapshot", "restore-test", "verify"].map(|name| (name.to_owned(), bare.clone())).into();
        let error = check_packages(&wiring, &packages).expect_err("incomplete").to_string();
        assert!(
            error.contains("no package for `alert`") && error.contains("the package of `verify` lacks rds-ca.pem"),
            "{error}"
        );
    }
}
