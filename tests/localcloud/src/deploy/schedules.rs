//! EventBridge Scheduler: sweeps, and what the plan asks for.

use std::collections::BTreeMap;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::types::{DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, Target};

use super::error::{DeployError, call, missing};
use super::plan::{PlanArtifact, PlanSchedule};
use super::settings::{Values, value_of};
use super::{Deployed, role_arn};
use crate::endpoint::Endpoint;
use crate::fingerprint;
use crate::wiring::{Input, Wiring};

const GROUP: &str = "holdfast";
/// Tells the plan's schedules from the sweeps, so that a new plan removes only what the old one made.
const PLAN_PREFIX: &str = "plan-";
/// A plan with more than 100 × 100 schedules is not one.
const PAGES_MAX: usize = 100;

pub(super) async fn make_sweeps(
    endpoint: &Endpoint,
    wiring: &Wiring,
    values: &Values,
    deployed: &Deployed,
) -> Result<(), DeployError> {
    let client = client(endpoint, deployed).await?;
    for (name, sweep) in &wiring.sweeps {
        let expression =
            value_of(&sweep.every, values, deployed).ok_or_else(|| missing("schedule", name, "interval"))?;
        let schedule = PlanSchedule { function: sweep.function.clone(), expression, time_zone: "UTC".into() };
        put(&client, name, &schedule, target(&schedule, &sweep.input, &sweep.dead_letters, deployed)?).await?;
    }
    Ok(())
}

/// Makes what the plan wants and removes what only an older plan wanted.
pub(super) async fn make_plan_schedules(
    endpoint: &Endpoint,
    wiring: &Wiring,
    plan: &PlanArtifact,
    deployed: &Deployed,
) -> Result<(), DeployError> {
    let client = client(endpoint, deployed).await?;
    let wanted: BTreeMap<String, &PlanSchedule> =
        plan.schedules.iter().map(|schedule| (plan_schedule_name(schedule), schedule)).collect();
    for (name, schedule) in &wanted {
        let target = target(schedule, &wiring.plan_schedules.input, &wiring.plan_schedules.dead_letters, deployed)?;
        put(&client, name, schedule, target).await?;
    }
    for name in plan_schedule_names(&client).await? {
        if !wanted.contains_key(&name) {
            client
                .delete_schedule()
                .name(&name)
                .group_name(GROUP)
                .send()
                .await
                .map_err(call("delete schedule", &name))?;
        }
    }
    Ok(())
}

/// The same schedule has the same name in every plan, so a new plan leaves it as it is.
fn plan_schedule_name(schedule: &PlanSchedule) -> String {
    let key = fingerprint::of_parts(&[schedule.expression.as_bytes(), schedule.time_zone.as_bytes()]);
    format!("{PLAN_PREFIX}{}-{}", schedule.function, &key[..8])
}

async fn client(endpoint: &Endpoint, deployed: &Deployed) -> Result<Client, DeployError> {
    let client = Client::new(&endpoint.config(&deployed.home_region));
    match client.create_schedule_group().name(GROUP).send().await {
        Ok(_) => Ok(client),
        Err(error) if error.code() == Some("ConflictException") => Ok(client),
        Err(error) => Err(call("create schedule group", GROUP)(error)),
    }
}

fn target(
    schedule: &PlanSchedule,
    input: &Input,
    dead_letters: &str,
    deployed: &Deployed,
) -> Result<Target, DeployError> {
    let function = deployed.function(&schedule.function)?;
    let input = serde_json::to_string(input).map_err(call("write the input of", &schedule.function))?;
    let dead_letters =
        DeadLetterConfig::builder().arn(deployed.queue_arn(dead_letters, &deployed.home_region)?).build();
    let target = Target::builder()
        .arn(&function.arn)
        .role_arn(role_arn("scheduler"))
        .input(input)
        .dead_letter_config(dead_letters);
    target.build().map_err(call("describe the target", &function.name))
}

async fn put(client: &Client, name: &str, schedule: &PlanSchedule, target: Target) -> Result<(), DeployError> {
    // No window: the plan says when, and an objective may depend on it.
    let window =
        FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(call("schedule", name))?;
    let create = client
        .create_schedule()
        .name(name)
        .group_name(GROUP)
        .schedule_expression(&schedule.expression)
        .schedule_expression_timezone(&schedule.time_zone)
        .flexible_time_window(window.clone())
        .target(target.clone());
    match create.send().await {
        Ok(_) => return Ok(()),
        Err(error) if error.code() == Some("ConflictException") => {}
        Err(error) => return Err(call("create schedule", name)(error)),
    }
    let update = client
        .update_schedule()
        .name(name)
        .group_name(GROUP)
        .schedule_expression(&schedule.expression)
        .schedule_expression_timezone(&schedule.time_zone)
        .flexible_time_window(window)
        .target(target);
    update.send().await.map_err(call("update schedule", name))?;
    Ok(())
}

async fn plan_schedule_names(client: &Client) -> Result<Vec<String>, DeployError> {
    let mut names = Vec::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let list =
            client.list_schedules().group_name(GROUP).name_prefix(PLAN_PREFIX).max_results(100).set_next_token(token);
        let page = list.send().await.map_err(call("list schedules of", GROUP))?;
        names.extend(page.schedules().iter().filter_map(|schedule| schedule.name().map(str::to_owned)));
        token = page.next_token;
        if token.is_none() {
            return Ok(names);
        }
    }
    Err(call("list schedules of", GROUP)(format!("more than {PAGES_MAX} pages")))
}
