//! The shape of `wiring.yaml`. Unknown keys are refused everywhere: a misplaced key must fail, never vanish.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole diagram. Maps are by logical name; what a deployment calls a thing is the deployer's affair.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wiring {
    /// Version of this schema: 1.
    pub version: u32,
    /// What a deployment decides.
    pub settings: BTreeMap<String, Setting>,
    /// Buckets in the home region.
    pub buckets: BTreeMap<String, Bucket>,
    /// Where the compiled plan lies.
    pub plan: PlanPlace,
    /// Custom buses in the home region.
    pub buses: BTreeMap<String, Bus>,
    /// Queues, each a place where somebody looks when all else failed.
    pub queues: BTreeMap<String, Queue>,
    /// Topics in the home region.
    pub topics: BTreeMap<String, Topic>,
    /// Functions in the home region.
    pub functions: BTreeMap<String, Function>,
    /// Schedules that the plan asks for.
    pub plan_schedules: PlanSchedules,
    /// Schedules that every deployment has.
    pub sweeps: BTreeMap<String, Sweep>,
    /// Event rules.
    pub rules: BTreeMap<String, Rule>,
}

/// A value that a deployment gives. Without default and not optional, it must be given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it decides, with its unit.
    pub description: String,
    /// Taken when the deployment says nothing.
    pub default: Option<String>,
    /// May stay without a value; variables that refer to it are then left out.
    #[serde(default)]
    pub optional: bool,
}

/// An S3 bucket.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// What lies in it.
    pub description: String,
    /// Keeps every version.
    pub versioned: bool,
}

/// Where the compiled plan lies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPlace {
    /// A key of [`Wiring::buckets`].
    pub bucket: String,
    /// The object that functions load; replaced with every new plan.
    pub key: String,
    /// The object that never changes; `{sha256}` stands for the plan's own hash.
    pub pinned_key: String,
}

/// A custom event bus.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// What is told on it.
    pub description: String,
}

/// An SQS queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// What arrives in it.
    pub description: String,
    /// Where it exists.
    #[serde(default)]
    pub regions: Regions,
    /// How long a message waits for a reader, 1 to 14 days.
    pub retention_days: u32,
}

/// An SNS topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// What is told on it.
    pub description: String,
    /// Functions and queues.
    pub subscribers: Vec<Target>,
}

/// A Lambda function, invoked asynchronously unless it has a URL.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// What it does.
    pub description: String,
    /// Deployed only where this setting is given.
    #[serde(default)]
    pub opt_in: Option<String>,
    /// Stands at a URL of its own, which anybody may call; the function checks who asks.
    #[serde(default)]
    pub url: bool,
    /// 1 to 900 seconds.
    pub timeout_seconds: u32,
    /// 128 to 10,240 MB.
    pub memory_mb: u32,
    /// `MaximumRetryAttempts`, 0 to 2.
    pub retries: u32,
    /// The topic that hears of a failure after the last retry.
    pub on_failure: String,
    /// Files beside `bootstrap`, that the deployment brings.
    #[serde(default)]
    pub files: Vec<String>,
    /// Environment variables by name.
    pub environment: BTreeMap<String, Value>,
}

/// A value by reference.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// The text itself.
    Value(String),
    /// What the deployment gave for this setting.
    Setting(String),
    /// The name of this bucket.
    Bucket(String),
    /// The name of this bus.
    Bus(String),
    /// The ARN of this topic.
    Topic(String),
    /// The path of this file below the function's code.
    File(String),
}

/// Where something is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A function of the home region.
    Function(String),
    /// A topic of the home region.
    Topic(String),
    /// A queue of the home region.
    Queue(String),
    /// A bus of the home region.
    Bus(String),
}

/// The input of a scheduled invocation: flat, so that it reads the same in YAML, HCL and JSON.
pub type Input = BTreeMap<String, String>;

/// One schedule for each distinct (function, expression, time zone) of the plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSchedules {
    /// The functions that a plan may start.
    pub functions: Vec<String>,
    /// What each invocation gets.
    pub input: Input,
    /// Queue for what Scheduler could not deliver.
    pub dead_letters: String,
}

/// A schedule that every deployment has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// What it starts.
    pub function: String,
    /// A Scheduler expression.
    pub every: Value,
    /// What each invocation gets.
    pub input: Input,
    /// Queue for what Scheduler could not deliver.
    pub dead_letters: String,
}

/// An EventBridge rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Why it is there.
    pub description: String,
    /// `default` or a key of [`Wiring::buses`].
    pub bus: String,
    /// Where it exists.
    #[serde(default)]
    pub regions: Regions,
    /// An EventBridge event pattern.
    pub pattern: serde_json::Value,
    /// Where matching events go.
    pub targets: Vec<Target>,
    /// Queue for what EventBridge could not deliver.
    pub dead_letters: String,
}

/// Where something exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Regions {
    /// In the home region.
    #[default]
    Home,
    /// In every region of the plan, and in the home region.
    Plan,
}
