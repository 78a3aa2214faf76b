//! EventBridge rules and their targets.

use std::collections::BTreeSet;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{DeadLetterConfig, Target as RuleTarget};

use super::error::{DeployError, call, missing};
use super::functions::allow;
use super::{Deployed, role_arn};
use crate::endpoint::Endpoint;
use crate::wiring::{Rule, Target, Wiring};

pub(super) async fn make(endpoint: &Endpoint, wiring: &Wiring, deployed: &Deployed) -> Result<(), DeployError> {
    for (key, rule) in &wiring.rules {
        for region in deployed.regions_of(rule.regions) {
            make_rule(endpoint, region, key, rule, deployed).await?;
        }
    }
    Ok(())
}

async fn make_rule(
    endpoint: &Endpoint,
    region: &str,
    key: &str,
    rule: &Rule,
    deployed: &Deployed,
) -> Result<(), DeployError> {
    let client = Client::new(&endpoint.config(region));
    let name = format!("holdfast-{key}");
    let place = format!("{name} in {region}");
    let put = client
        .put_rule()
        .name(&name)
        .event_bus_name(&rule.bus)
        .description(&rule.description)
        .event_pattern(rule.pattern.to_string());
    let rule_arn = put.send().await.map_err(call("put rule", &place))?.rule_arn;
    let rule_arn = rule_arn.ok_or_else(|| missing("put rule", &place, "RuleArn"))?;

    let dead_letters = deployed.queue_arn(&rule.dead_letters, region)?;
    let mut targets = Vec::new();
    for target in &rule.targets {
        targets.push(rule_target(target, dead_letters, deployed)?);
        if let Target::Function(function) = target {
            allow(endpoint, deployed, function, "events.amazonaws.com", &format!("rule-{key}"), &rule_arn).await?;
        }
    }
    remove_old_targets(&client, &name, &rule.bus, &targets).await?;
    let put = client.put_targets().rule(&name).event_bus_name(&rule.bus).set_targets(Some(targets));
    let answer = put.send().await.map_err(call("put targets of rule", &place))?;
    match answer.failed_entries().first() {
        None => Ok(()),
        Some(entry) => Err(call("put targets of rule", &place)(entry.error_message().unwrap_or("refused").to_owned())),
    }
}

fn rule_target(target: &Target, dead_letters: &str, deployed: &Deployed) -> Result<RuleTarget, DeployError> {
    let builder = RuleTarget::builder().dead_letter_config(DeadLetterConfig::builder().arn(dead_letters).build());
    let missing = |name: &str| missing("find the target", name, "Arn");
    let builder = match target {
        Target::Function(name) => builder.id(format!("function-{name}")).arn(&deployed.function(name)?.arn),
        Target::Topic(name) => {
            builder.id(format!("topic-{name}")).arn(deployed.topics.get(name).ok_or_else(|| missing(name))?)
        }
        Target::Queue(name) => {
            builder.id(format!("queue-{name}")).arn(deployed.queue_arn(name, &deployed.home_region)?)
        }
        Target::Bus(name) => {
            let arn = deployed.buses.get(name).ok_or_else(|| missing(name))?;
            builder.id(format!("bus-{name}")).arn(arn).role_arn(role_arn("events"))
        }
    };
    builder.build().map_err(call("describe the target", dead_letters))
}

async fn remove_old_targets(client: &Client, rule: &str, bus: &str, wanted: &[RuleTarget]) -> Result<(), DeployError> {
    let listed = client
        .list_targets_by_rule()
        .rule(rule)
        .event_bus_name(bus)
        .send()
        .await
        .map_err(call("list targets of rule", rule))?;
    let wanted: BTreeSet<&str> = wanted.iter().map(RuleTarget::id).collect();
    let old: Vec<String> = listed
        .targets()
        .iter()
        .map(|target| target.id().to_owned())
        .filter(|id| !wanted.contains(id.as_str()))
        .collect();
    if !old.is_empty() {
        let remove = client.remove_targets().rule(rule).event_bus_name(bus).set_ids(Some(old));
        remove.send().await.map_err(call("remove targets of rule", rule))?;
    }
    Ok(())
}
