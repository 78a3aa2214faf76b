//! The files of `events/`: which functions each belongs to, and what they answer.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use holdfast_localcloud::wiring::{Target, Wiring};
use serde_json::Value;

/// The run that `restore-test-now.json` begins and the others name.
pub(crate) const BY_HAND: &str = "orders-db.manual.by-hand";

/// File, function, and what its answer holds; in an order that makes sense: the run is begun before it is spoken of, and what is open
/// is resolved after. An RDS event is a hint, so that its answer is whatever there was to do.
pub(crate) const ANSWERS: [(&str, &str, &str); 24] = [
    ("sweep.json", "restore-test", "\"steps\""),
    ("sweep.json", "snapshot", "it is taken"),
    ("snapshot-now.json", "snapshot", "hf-orders-db-now-"),
    ("restore-test-now.json", "restore-test", "\"begun\":[\"orders-db.manual.by-hand\"]"),
    ("rds-db-cluster-snapshot-created.json", "restore-test", "\"steps\""),
    ("rds-db-cluster-snapshot-created.json", "snapshot", "it is taken"),
    ("rds-db-snapshot-created.json", "restore-test", "\"steps\""),
    ("rds-db-snapshot-created.json", "snapshot", "it is taken"),
    ("rds-db-snapshot-restored.json", "restore-test", "\"steps\""),
    ("rds-db-snapshot-restored.json", "snapshot", "it is taken"),
    ("rds-db-instance-created.json", "restore-test", "\"steps\""),
    ("restore-test-ready.json", "verify", "\"run.id\":\"orders-db.manual.by-hand\""),
    ("verification-continues.json", "verify", "\"run.id\":\"orders-db.manual.by-hand\""),
    ("verification-recorded.json", "restore-test", "\"steps\""),
    ("rds-db-instance-deleted.json", "restore-test", "\"steps\""),
    ("finding-open.json", "alert", "\"reason\":\"opened\""),
    ("alert-acknowledge.json", "alert", "\"reason\":\"acknowledged\""),
    ("incident-acknowledged.json", "alert", "\"reason\":\"it was acknowledged already\""),
    ("finding-resolved.json", "alert", "\"reason\":\"resolved\""),
    ("cloudwatch-alarm-by-action.json", "alert", "\"reason\":\"opened\""),
    ("cloudwatch-alarm-by-rule.json", "alert", "\"reason\":\"resolved\""),
    ("function-failure.json", "alert", "\"reason\":\"opened\""),
    ("alert-test.json", "alert", "\"test\":{\"oncall\":\"delivered\",\"ops\":\"delivered\"}"),
    ("sweep.json", "alert", "\"swept\""),
];

/// A file of `events/`.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Its name without the directory.
    pub(crate) name: String,
    payload: Value,
}

/// The root of the workspace, where people type commands.
pub(crate) fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}

/// Everything that is well formed, by name.
pub(crate) fn samples() -> Result<Vec<Sample>> {
    read_all(&workspace().join("events"))
}

/// Everything that must be refused, by name.
pub(crate) fn malformed() -> Result<Vec<Sample>> {
    read_all(&workspace().join("events/malformed"))
}

fn read_all(dir: &Path) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let payload = serde_json::from_str(&std::fs::read_to_string(&path)?).with_context(|| name.clone())?;
            samples.push(Sample { name, payload });
        }
    }
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(samples)
}

/// The functions that the wiring starts with such a payload, by name.
pub(crate) fn started_by(sample: &Sample) -> Result<Vec<String>> {
    let (wiring, payload) = (Wiring::holdfast()?, &sample.payload);
    let mut functions: Vec<String> = match payload["holdfast"].as_str() {
        Some("sweep") => wiring.sweeps.values().map(|sweep| sweep.function.clone()).collect(),
        // Nothing is wired to it: a person sends it.
        Some("restore-test-now") => vec!["restore-test".into()],
        Some("snapshot-now") => vec!["snapshot".into()],
        Some("alert-acknowledge" | "alert-test") => vec!["alert".into()],
        Some(other) => bail!("{}: nobody sends {other}", sample.name),
        None if payload["source"].is_string() => {
            let rules = wiring.rules.values().filter(|rule| matches(&rule.pattern, payload));
            rules.flat_map(|rule| named(&rule.targets)).collect()
        }
        None => {
            let arn = payload["Records"][0]["Sns"]["TopicArn"].as_str().unwrap_or_default();
            let topic = wiring.topics.get(arn.rsplit(':').next().unwrap_or_default());
            let topic = topic.with_context(|| format!("{} comes from no topic of the wiring", sample.name))?;
            named(&topic.subscribers).collect()
        }
    };
    functions.sort();
    functions.dedup();
    Ok(functions)
}

fn named(targets: &[Target]) -> impl Iterator<Item = String> {
    targets.iter().filter_map(|target| match target {
        Target::Function(name) => Some(name.clone()),
        Target::Topic(_) | Target::Queue(_) | Target::Bus(_) => None,
    })
}

/// Whether an event pattern of lists of texts, which is all that the wiring has, matches.
fn matches(pattern: &Value, event: &Value) -> bool {
    let fields = pattern.as_object().into_iter().flatten();
    fields.into_iter().all(|(field, allowed)| allowed.as_array().is_some_and(|allowed| allowed.contains(&event[field])))
}
