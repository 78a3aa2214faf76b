//! What one deployment decides, and the environment of each function that follows from it.

use std::collections::BTreeMap;

use super::Deployed;
use super::error::DeployError;
use crate::wiring::{Function, Value, Wiring};

/// A deployment's decisions. Names are those of `settings` in `wiring.yaml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where Holdfast itself stands.
    pub home_region: String,
    values: BTreeMap<String, String>,
    /// By function and name. For what exists only locally, such as the address of a Slack receiver.
    environment: BTreeMap<String, BTreeMap<String, String>>,
}

/// Every setting of the wiring, with its value if it has one.
pub(super) type Values = BTreeMap<String, Option<String>>;

impl Settings {
    /// A deployment in this region that takes every default.
    #[must_use]
    pub fn new(home_region: &str) -> Self {
        Self { home_region: home_region.to_owned(), values: BTreeMap::new(), environment: BTreeMap::new() }
    }

    /// Decides one setting.
    #[must_use]
    pub fn with(mut self, setting: &str, value: &str) -> Self {
        self.values.insert(setting.to_owned(), value.to_owned());
        self
    }

    /// Adds an environment variable that only this deployment has; it wins over the wiring's.
    #[must_use]
    pub fn with_variable(mut self, function: &str, name: &str, value: &str) -> Self {
        self.environment.entry(function.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn resolve(&self, wiring: &Wiring) -> Result<Values, DeployError> {
        let known = wiring.settings.keys().cloned().collect::<Vec<_>>().join(", ");
        let unknown = self.values.keys().filter(|name| !wiring.settings.contains_key(*name));
        let mut problems: Vec<String> =
            unknown.map(|name| format!("no setting `{name}`; there are: {known}")).collect();
        let functions = self.environment.keys().filter(|name| !wiring.functions.contains_key(*name));
        problems.extend(functions.map(|name| format!("a variable for `{name}`, which is no function")));
        let mut values = Values::new();
        for (name, setting) in &wiring.settings {
            let value = self.values.get(name).or(setting.default.as_ref());
            if value.is_none() && !setting.optional {
                problems.push(format!("`{name}` has no value and no default ({})", setting.description));
            }
            values.insert(name.clone(), value.cloned());
        }
        if problems.is_empty() { Ok(values) } else { Err(DeployError::Settings(problems)) }
    }

    /// The variables of a function: the wiring's, then those of this deployment alone. What has no value is left out.
    pub(super) fn environment_of(
        &self,
        name: &str,
        function: &Function,
        values: &Values,
        deployed: &Deployed,
    ) -> BTreeMap<String, String> {
        let wired = function
            .environment
            .iter()
            .filter_map(|(variable, value)| Some((variable.clone(), value_of(value, values, deployed)?)));
        let own =
            self.environment.get(name).into_iter().flatten().map(|(variable, value)| (variable.clone(), value.clone()));
        wired.chain(own).collect()
    }
}

/// What a reference stands for in this deployment; none for an optional setting without a value.
pub(super) fn value_of(value: &Value, values: &Values, deployed: &Deployed) -> Option<String> {
    match value {
        Value::Value(text) => Some(text.clone()),
        Value::Setting(name) => values.get(name).cloned().flatten(),
        Value::Bucket(name) => deployed.buckets.get(name).cloned(),
        Value::Bus(name) => Some(name.clone()),
        Value::Topic(name) => deployed.topics.get(name).cloned(),
        Value::File(path) => Some(path.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Settings {
        Settings::new("eu-west-1")
            .with("room_subnet_group", "room")
            .with("room_security_groups", "sg-1")
            .with("room_networks", "127.0.0.1/32")
    }

    #[test]
    fn defaults_are_taken_and_optional_settings_without_a_value_leave_no_variable() {
        let wiring = Wiring::holdfast().expect("a wiring");
        let values = room().resolve(&wiring).expect("complete");
        assert_eq!(values["sweep_every"].as_deref(), Some("rate(1 minute)"));
        let settings = room().with_variable("restore-test", "RUST_LOG", "debug");
        let environment =
            settings.environment_of("restore-test", &wiring.functions["restore-test"], &values, &Deployed::default());
        assert_eq!(environment["HOLDFAST_ROOM_SUBNET_GROUP"], "room");
        assert_eq!(environment["RUST_LOG"], "debug", "a deployment's own variable wins");
        assert!(!environment.contains_key("HOLDFAST_ROOM_OPTION_GROUP"));
    }

    #[test]
    fn every_missing_and_unknown_setting_is_told_at_once() {
        let wiring = Wiring::holdfast().expect("a wiring");
        let error = Settings::new("eu-west-1")
            .with("sweep_evry", "rate(1 minute)")
            .resolve(&wiring)
            .expect_err("incomplete")
            .to_string();
        for part in ["no setting `sweep_evry`", "`room_networks` has no value", "`room_subnet_group` has no value"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
