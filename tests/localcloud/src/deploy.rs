//! Carries `infra/wiring.yaml` out on a local endpoint, as Terraform does on AWS.
//!
//! Everything is made if it is not there and brought up to date if it is: a second deployment changes only what differs.
//! Roles and resource policies are Terraform's; local endpoints do not enforce them, so none are made here but Lambda's
//! own invoke permissions.

mod error;
mod functions;
mod letters;
mod logs;
mod messaging;
mod plan;
mod rules;
mod schedules;
mod settings;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use crate::endpoint::{ACCOUNT, Endpoint};
use crate::recorder::Recorder;
use crate::wiring::{Function, Regions, Wiring};
use crate::zips::Package;

pub use error::DeployError;
pub(crate) use functions::SERVICES;
pub use letters::Letter;
pub use plan::{PlanArtifact, PlanSchedule};
pub use settings::Settings;

/// What was deployed: names and ARNs by the names of the wiring.
#[derive(Debug, Clone, Default)]
pub struct Deployed {
    /// Where everything but rules and queues of other regions stands.
    pub home_region: String,
    /// Every region of the plan, and the home region.
    pub regions: BTreeSet<String>,
    /// Bucket names.
    pub buckets: BTreeMap<String, String>,
    /// Bus ARNs.
    pub buses: BTreeMap<String, String>,
    /// Topic ARNs.
    pub topics: BTreeMap<String, String>,
    /// Queues, by name and region.
    pub queues: BTreeMap<String, BTreeMap<String, QueueAddress>>,
    /// Functions.
    pub functions: BTreeMap<String, FunctionAddress>,
}

/// How to reach a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueAddress {
    /// For SQS calls.
    pub url: String,
    /// For everything else.
    pub arn: String,
}

/// How to reach a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionAddress {
    /// The function's name on the endpoint.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its environment, for whoever runs the same binary outside Lambda (`cargo lambda watch`).
    pub environment: BTreeMap<String, String>,
}

/// Deploys the wiring with this plan, these settings and one package for each function of the wiring.
///
/// With a recorder, each function reaches AWS only through its own listener.
///
/// # Errors
/// When a setting or package is missing or unknown, the plan starts a function that it may not, or the endpoint refuses a call.
pub async fn deploy(
    endpoint: &Endpoint,
    wiring: &Wiring,
    plan: &PlanArtifact,
    settings: &Settings,
    packages: &BTreeMap<String, Package>,
    recorder: Option<&Recorder>,
) -> Result<Deployed, DeployError> {
    let values = settings.resolve(wiring)?;
    functions::check_packages(wiring, packages)?;
    plan.check(wiring)?;

    let home_region = settings.home_region.clone();
    let regions = plan.regions.iter().cloned().chain([home_region.clone()]).collect();
    let mut deployed = Deployed { home_region, regions, ..Deployed::default() };
    storage::make_buckets(endpoint, wiring, &mut deployed).await?;
    storage::upload_plan(endpoint, wiring, plan, &deployed).await?;
    messaging::make_buses(endpoint, wiring, &mut deployed).await?;
    messaging::make_queues(endpoint, wiring, &mut deployed).await?;
    messaging::make_topics(endpoint, wiring, &mut deployed).await?;
    let wanted = |function: &Function| function.opt_in.as_ref().is_none_or(|setting| values[setting].is_some());
    let made = wiring.functions.iter().filter(|(_, function)| wanted(function)).map(async |(name, function)| {
        let mut environment = settings.environment_of(name, function, &values, &deployed);
        environment.extend(functions::endpoint_variables(name, endpoint, recorder));
        let address = functions::make(endpoint, name, function, environment, &packages[name], &deployed).await?;
        Ok::<_, DeployError>((name.clone(), address))
    });
    deployed.functions = try_join_all(made).await?.into_iter().collect();
    messaging::subscribe(endpoint, wiring, &deployed).await?;
    rules::make(endpoint, wiring, &deployed).await?;
    schedules::make_sweeps(endpoint, wiring, &values, &deployed).await?;
    schedules::make_plan_schedules(endpoint, wiring, plan, &deployed).await?;
    Ok(deployed)
}

/// Replaces the plan: both objects, and the schedules that the plan asks for. Regions stay as they were deployed.
///
/// # Errors
/// When the plan names a region or starts a function that the deployment does not have, or the endpoint refuses a call.
pub async fn redeploy_plan(
    endpoint: &Endpoint,
    wiring: &Wiring,
    plan: &PlanArtifact,
    deployed: &Deployed,
) -> Result<(), DeployError> {
    plan.check(wiring)?;
    if let Some(region) = plan.regions.iter().find(|region| !deployed.regions.contains(*region)) {
        let known = deployed.regions.iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(DeployError::Plan(format!(
            "regions: {region} has no rules yet, only {known} have; deploy anew instead of replacing the plan"
        )));
    }
    storage::upload_plan(endpoint, wiring, plan, deployed).await?;
    schedules::make_plan_schedules(endpoint, wiring, plan, deployed).await
}

impl Deployed {
    /// What lies in a queue of the wiring, in every region that has it. Reading takes nothing away.
    ///
    /// # Errors
    /// When there is no such queue, or SQS cannot be read.
    pub async fn letters(&self, endpoint: &Endpoint, queue: &str) -> Result<Vec<Letter>, DeployError> {
        let Some(addresses) = self.queues.get(queue) else {
            let known = self.queues.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(DeployError::NotDeployed { kind: "queue", name: queue.to_owned(), known });
        };
        let mut found = Vec::new();
        for (region, address) in addresses {
            found.extend(letters::read(endpoint, region, &address.url).await?);
        }
        Ok(found)
    }

    /// What no function could handle: the letters of `holdfast-dead-letters`.
    ///
    /// # Errors
    /// As [`Deployed::letters`].
    pub async fn dead_letters(&self, endpoint: &Endpoint) -> Result<Vec<Letter>, DeployError> {
        self.letters(endpoint, "holdfast-dead-letters").await
    }

    /// What could not be told to anybody: the letters of `holdfast-fallback`.
    ///
    /// # Errors
    /// As [`Deployed::letters`].
    pub async fn fallback_letters(&self, endpoint: &Endpoint) -> Result<Vec<Letter>, DeployError> {
        self.letters(endpoint, "holdfast-fallback").await
    }

    /// Everything a function wrote so far, by line, oldest invocation first; empty when it never ran.
    ///
    /// # Errors
    /// When there is no such function, or CloudWatch Logs cannot be read.
    pub async fn function_logs(&self, endpoint: &Endpoint, function: &str) -> Result<Vec<String>, DeployError> {
        logs::read(endpoint, &self.home_region, &self.function(function)?.name).await
    }

    /// Starts a function asynchronously with this JSON, as every trigger does.
    ///
    /// # Errors
    /// When there is no such function, or Lambda refuses.
    pub async fn start(
        &self,
        endpoint: &Endpoint,
        function: &str,
        input: &serde_json::Value,
    ) -> Result<(), DeployError> {
        functions::start(endpoint, &self.home_region, &self.function(function)?.name, input).await
    }

    /// Calls a function with this JSON and gives its answer, as its URL does.
    ///
    /// # Errors
    /// When there is no such function, Lambda refuses, or the answer is no JSON.
    pub async fn answer(
        &self,
        endpoint: &Endpoint,
        function: &str,
        input: &serde_json::Value,
    ) -> Result<serde_json::Value, DeployError> {
        functions::answer(endpoint, &self.home_region, &self.function(function)?.name, input).await
    }

    fn function(&self, name: &str) -> Result<&FunctionAddress, DeployError> {
        self.functions.get(name).ok_or_else(|| {
            let known = self.functions.keys().cloned().collect::<Vec<_>>().join(", ");
            DeployError::NotDeployed { kind: "function", name: name.to_owned(), known }
        })
    }

    /// The regions that something with this scope stands in.
    fn regions_of(&self, scope: Regions) -> Vec<&str> {
        match scope {
            Regions::Home => vec![&self.home_region],
            Regions::Plan => self.regions.iter().map(String::as_str).collect(),
        }
    }

    /// The ARN of a queue in one region. The wiring was checked, so a queue that is referred to exists.
    fn queue_arn(&self, queue: &str, region: &str) -> Result<&str, DeployError> {
        let address = self.queues.get(queue).and_then(|regions| regions.get(region));
        address.map(|address| address.arn.as_str()).ok_or_else(|| DeployError::NotDeployed {
            kind: "queue",
            name: format!("{queue} in {region}"),
            known: self.queues.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
}

/// Roles are not made locally; an ARN of the right shape is all that local endpoints ask for.
fn role_arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/holdfast-{role}")
}
