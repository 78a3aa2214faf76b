//! Whether a wiring refers only to what it declares, and asks for nothing that AWS would refuse. All problems, not the first.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use super::DEFAULT_BUS;
use super::schema::{Function, Queue, Regions, Rule, Target, Value, Wiring};

/// One thing wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path in the file, such as `rules.findings.targets[0]`.
    pub place: String,
    /// What is wrong there, and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

pub(super) fn problems(wiring: &Wiring) -> Vec<Problem> {
    let mut check = Check { wiring, problems: Vec::new() };
    if wiring.version != 1 {
        check.problem("version", format!("{} is not known; this reader knows 1", wiring.version));
    }
    check.settings();
    check.known("plan.bucket", "bucket", &wiring.plan.bucket, &wiring.buckets);
    if !wiring.plan.pinned_key.contains("{sha256}") {
        check.problem(
            "plan.pinned_key",
            format!("`{}` has no {{sha256}}: two plans would overwrite each other", wiring.plan.pinned_key),
        );
    }
    for (name, queue) in &wiring.queues {
        check.within(&format!("queues.{name}.retention_days"), queue.retention_days, 1..=14);
    }
    for (name, topic) in &wiring.topics {
        for (index, subscriber) in topic.subscribers.iter().enumerate() {
            let place = format!("topics.{name}.subscribers[{index}]");
            check.target(&place, subscriber);
            if matches!(subscriber, Target::Topic(_) | Target::Bus(_)) {
                check.problem(&place, "a topic has functions and queues as subscribers".into());
            }
        }
    }
    for (name, function) in &wiring.functions {
        check.function(&format!("functions.{name}"), function);
    }
    check.schedules();
    for (name, rule) in &wiring.rules {
        check.rule(&format!("rules.{name}"), rule);
    }
    check.problems
}

struct Check<'a> {
    wiring: &'a Wiring,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn problem(&mut self, place: &str, message: String) {
        self.problems.push(Problem { place: place.to_owned(), message });
    }

    fn known<T>(&mut self, place: &str, kind: &str, name: &str, declared: &BTreeMap<String, T>) {
        self.one_of(place, kind, name, declared.keys().map(String::as_str));
    }

    fn one_of<'n>(&mut self, place: &str, kind: &str, name: &str, names: impl Iterator<Item = &'n str>) {
        let names: Vec<&str> = names.collect();
        if !names.contains(&name) {
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            self.problem(place, format!("no {kind} `{name}`; there are: {names}"));
        }
    }

    fn within(&mut self, place: &str, value: u32, allowed: RangeInclusive<u32>) {
        if !allowed.contains(&value) {
            self.problem(place, format!("{value} is not within {} to {}", allowed.start(), allowed.end()));
        }
    }

    fn settings(&mut self) {
        for (name, setting) in &self.wiring.settings {
            if setting.optional && setting.default.is_some() {
                self.problem(
                    &format!("settings.{name}"),
                    "optional and with a default: it is never without a value, so drop `optional`".into(),
                );
            }
        }
    }

    fn function(&mut self, place: &str, function: &Function) {
        let wiring = self.wiring;
        self.within(&format!("{place}.timeout_seconds"), function.timeout_seconds, 1..=900);
        self.within(&format!("{place}.memory_mb"), function.memory_mb, 128..=10_240);
        self.within(&format!("{place}.retries"), function.retries, 0..=2);
        self.known(&format!("{place}.on_failure"), "topic", &function.on_failure, &wiring.topics);
        if let Some(setting) = &function.opt_in {
            let place = format!("{place}.opt_in");
            self.known(&place, "setting", setting, &wiring.settings);
            if wiring.settings.get(setting).is_some_and(|setting| !setting.optional) {
                self.problem(
                    &place,
                    format!("setting `{setting}` always has a value, so there is nothing to opt into"),
                );
            }
        }
        for file in &function.files {
            if file.is_empty()
                || file == "bootstrap"
                || file.starts_with('/')
                || file.split('/').any(|part| part == "..")
            {
                self.problem(&format!("{place}.files"), format!("`{file}` is not a path beside `bootstrap`"));
            }
        }
        for (name, value) in &function.environment {
            self.value(&format!("{place}.environment.{name}"), value, &function.files);
        }
    }

    fn value(&mut self, place: &str, value: &Value, files: &[String]) {
        let wiring = self.wiring;
        match value {
            Value::Value(_) => {}
            Value::Setting(name) => self.known(place, "setting", name, &wiring.settings),
            Value::Bucket(name) => self.known(place, "bucket", name, &wiring.buckets),
            Value::Bus(name) => self.known(place, "bus", name, &wiring.buses),
            Value::Topic(name) => self.known(place, "topic", name, &wiring.topics),
            Value::File(name) => self.one_of(place, "file", name, files.iter().map(String::as_str)),
        }
    }

    fn target(&mut self, place: &str, target: &Target) {
        let wiring = self.wiring;
        match target {
            Target::Function(name) => self.known(place, "function", name, &wiring.functions),
            Target::Topic(name) => self.known(place, "topic", name, &wiring.topics),
            Target::Queue(name) => self.known(place, "queue", name, &wiring.queues),
            Target::Bus(name) => self.known(place, "bus", name, &wiring.buses),
        }
    }

    fn schedules(&mut self) {
        let wiring = self.wiring;
        for (index, function) in wiring.plan_schedules.functions.iter().enumerate() {
            self.known(&format!("plan_schedules.functions[{index}]"), "function", function, &wiring.functions);
        }
        self.dead_letters("plan_schedules", &wiring.plan_schedules.dead_letters, Regions::Home);
        for (name, sweep) in &wiring.sweeps {
            let place = format!("sweeps.{name}");
            self.known(&format!("{place}.function"), "function", &sweep.function, &wiring.functions);
            match &sweep.every {
                Value::Value(_) => {}
                Value::Setting(setting) => {
                    self.known(&format!("{place}.every"), "setting", setting, &wiring.settings);
                    if wiring.settings.get(setting).is_some_and(|setting| setting.optional) {
                        self.problem(
                            &format!("{place}.every"),
                            format!("setting `{setting}` is optional; a sweep must have an interval"),
                        );
                    }
                }
                Value::Bucket(_) | Value::Bus(_) | Value::Topic(_) | Value::File(_) => {
                    self.problem(&format!("{place}.every"), "must be a value or a setting".into());
                }
            }
            self.dead_letters(&place, &sweep.dead_letters, Regions::Home);
        }
    }

    fn rule(&mut self, place: &str, rule: &Rule) {
        let buses = self.wiring.buses.keys().map(String::as_str);
        self.one_of(&format!("{place}.bus"), "bus", &rule.bus, std::iter::once(DEFAULT_BUS).chain(buses));
        if rule.regions == Regions::Plan && rule.bus != DEFAULT_BUS {
            self.problem(
                &format!("{place}.regions"),
                format!("bus `{}` exists in the home region only; every region has `{DEFAULT_BUS}`", rule.bus),
            );
        }
        if rule.pattern.as_object().is_none_or(serde_json::Map::is_empty) {
            self.problem(&format!("{place}.pattern"), "must be a map with at least one key, such as `source`".into());
        }
        if rule.targets.is_empty() {
            self.problem(&format!("{place}.targets"), "empty; a rule without a target does nothing".into());
        }
        for (index, target) in rule.targets.iter().enumerate() {
            let place = format!("{place}.targets[{index}]");
            self.target(&place, target);
            if rule.regions == Regions::Plan && !matches!(target, Target::Bus(_)) {
                self.problem(
                    &place,
                    "a rule in every region can only send to a bus: nothing else takes events across regions".into(),
                );
            }
        }
        self.dead_letters(place, &rule.dead_letters, rule.regions);
    }

    fn dead_letters(&mut self, place: &str, queue: &str, regions: Regions) {
        let place = format!("{place}.dead_letters");
        let wiring = self.wiring;
        self.known(&place, "queue", queue, &wiring.queues);
        let home_only = |queue: &Queue| queue.regions == Regions::Home;
        if regions == Regions::Plan && wiring.queues.get(queue).is_some_and(home_only) {
            self.problem(
                &place,
                format!(
                    "queue `{queue}` is not in every region, and the rule is; EventBridge wants both in one region"
                ),
            );
        }
    }
}
