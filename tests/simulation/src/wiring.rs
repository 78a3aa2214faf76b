//! Who starts whom: `infra/wiring.yaml` itself, read as far as routing needs it. Nothing is wired anywhere else.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::functions::Function;

/// The circuit diagram.
#[derive(Debug, Deserialize)]
pub struct Wiring {
    topics: BTreeMap<String, Topic>,
    functions: BTreeMap<String, Settings>,
    plan_schedules: PlanSchedules,
    sweeps: BTreeMap<String, Sweep>,
    rules: BTreeMap<String, Rule>,
}

#[derive(Debug, Deserialize)]
struct Topic {
    #[serde(default)]
    subscribers: Vec<Target>,
}

/// How Lambda runs a function.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// After so long it is killed.
    pub timeout_seconds: u32,
    /// How often an asynchronous invocation that failed is repeated.
    pub retries: u32,
    /// The topic that hears of one that failed for good.
    pub on_failure: String,
    /// Whether it stands at a URL.
    #[serde(default)]
    pub url: bool,
}

#[derive(Debug, Deserialize)]
struct PlanSchedules {
    functions: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Sweep {
    function: String,
}

#[derive(Debug, Deserialize)]
struct Rule {
    bus: String,
    pattern: Pattern,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Pattern {
    source: Vec<String>,
    detail_type: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    function: Option<String>,
    topic: Option<String>,
    queue: Option<String>,
    bus: Option<String>,
}

/// Where an event or a notification ends up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A function, as the event is.
    Function(Function),
    /// A function, wrapped by SNS.
    Notified(Function),
    /// A queue that a person reads.
    Queue(String),
}

/// AWS's own bus of a region.
pub const DEFAULT_BUS: &str = "default";
/// The bus on which functions speak.
pub const OUR_BUS: &str = "holdfast";

impl Wiring {
    /// Reads the circuit diagram.
    ///
    /// # Errors
    /// What of it cannot be read, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let wiring: Self = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let started = wiring.plan_schedules.functions.iter().chain(wiring.sweeps.values().map(|sweep| &sweep.function));
        let targets = wiring.rules.values().flat_map(|rule| &rule.targets);
        let targeted = targets.chain(wiring.topics.values().flat_map(|topic| &topic.subscribers));
        let all = started.chain(targeted.filter_map(|target| target.function.as_ref())).chain(wiring.functions.keys());
        match all.filter(|name| Function::of(name).is_none()).collect::<Vec<_>>().as_slice() {
            [] => Ok(wiring),
            unknown => Err(format!("the simulation does not know these functions yet: {unknown:?}")),
        }
    }

    /// How a function is run.
    #[must_use]
    pub fn settings(&self, function: Function) -> Settings {
        let found = self.functions.get(function.name()).cloned();
        found.unwrap_or(Settings { timeout_seconds: 60, retries: 2, on_failure: String::new(), url: false })
    }

    /// The functions that are swept, each once.
    pub fn swept(&self) -> impl Iterator<Item = Function> + '_ {
        self.sweeps.values().filter_map(|sweep| Function::of(&sweep.function))
    }

    /// Whether the plan's schedules start a function.
    #[must_use]
    pub fn is_scheduled(&self, function: Function) -> bool {
        self.plan_schedules.functions.iter().any(|name| name == function.name())
    }

    /// Where an event on a bus goes, over buses and topics to the ends.
    #[must_use]
    pub fn of_event(&self, bus: &str, event: &Value) -> Vec<Destination> {
        let (source, kind) = (event["source"].as_str().unwrap_or(""), event["detail-type"].as_str().unwrap_or(""));
        let matches = |rule: &&Rule| {
            rule.bus == bus
                && rule.pattern.source.iter().any(|name| name == source)
                && rule.pattern.detail_type.iter().any(|name| name == kind)
        };
        let targets = self.rules.values().filter(matches).flat_map(|rule| &rule.targets);
        let mut ends = Vec::new();
        for target in targets {
            match (&target.bus, &target.function, &target.topic) {
                (Some(further), _, _) => ends.extend(self.of_event(further, event)),
                (None, Some(name), _) => ends.extend(Function::of(name).map(Destination::Function)),
                (None, None, Some(topic)) => ends.extend(self.of_topic(topic)),
                (None, None, None) => ends.extend(target.queue.clone().map(Destination::Queue)),
            }
        }
        ends
    }

    /// Where what is published to a topic goes.
    #[must_use]
    pub fn of_topic(&self, topic: &str) -> Vec<Destination> {
        let subscribers = self.topics.get(topic).map(|topic| topic.subscribers.as_slice()).unwrap_or_default();
        let end = |target: &Target| {
            let notified = target.function.as_ref().and_then(|name| Function::of(name)).map(Destination::Notified);
            notified.or_else(|| target.queue.clone().map(Destination::Queue))
        };
        subscribers.iter().filter_map(end).collect()
    }
}
