//! A node, where it stands, and the fields of a map: what every part of the decoder reads through.

use crate::decode::names::nearest;
use crate::node::{Entry, Node, Value};
use crate::problem::{Log, Mark, Said, code};

/// A node and its path. `mark` is where a person would point: at the value, or at the key of a map or list.
#[derive(Debug, Clone)]
pub(super) struct Place<'n> {
    pub(super) node: &'n Node,
    pub(super) path: String,
    pub(super) mark: Mark,
}

impl<'n> Place<'n> {
    pub(super) fn root(node: &'n Node) -> Self {
        Self { node, path: String::new(), mark: node.mark }
    }

    /// The place of a map's entry.
    pub(super) fn entry(&self, entry: &'n Entry) -> Self {
        let mark = match entry.node.value {
            Value::Map(_) | Value::List(_) | Value::Null => entry.key_mark,
            Value::Bool(_) | Value::Number(_) | Value::Text(_) => entry.node.mark,
        };
        Self { node: &entry.node, path: join(&self.path, &entry.key), mark }
    }

    /// Says that this value is refused.
    pub(super) fn refuse(&self, code: &'static str, message: String, allowed: String, log: &mut Log) {
        let value = self.node.shown();
        log.refuse(Said { code, mark: self.mark, path: &self.path, value: &value, message, allowed });
    }

    /// Says that this value is taken, but should be looked at.
    pub(super) fn warn(&self, code: &'static str, message: String, allowed: String, log: &mut Log) {
        let value = self.node.shown();
        log.warn(Said { code, mark: self.mark, path: &self.path, value: &value, message, allowed });
    }

    /// Says that another sort of value is wanted.
    pub(super) fn wrong_sort(&self, wanted: &str, log: &mut Log) {
        let message = match self.node.value {
            Value::Null => "nothing stands here".to_owned(),
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                format!("{} stands here", self.node.shown())
            }
        };
        self.refuse(code::WRONG_SORT, message, format!("{wanted} is wanted"), log);
    }

    /// The entries of a map whose keys are names of the plan's own. An empty one is refused: `what` would protect nothing.
    pub(super) fn entries(&self, what: &str, log: &mut Log) -> Option<&'n [Entry]> {
        match &self.node.value {
            Value::Map(entries) if !entries.is_empty() => Some(entries),
            Value::Map(_) | Value::Null => {
                self.refuse(
                    code::EMPTY,
                    format!("{what} is empty"),
                    "at least one entry is wanted, or leave the field out".into(),
                    log,
                );
                None
            }
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                self.wrong_sort("a map of names", log);
                None
            }
        }
    }

    /// The items of a list that must not be empty.
    pub(super) fn items(&self, what: &str, log: &mut Log) -> Option<Vec<Self>> {
        match &self.node.value {
            Value::List(items) if !items.is_empty() => {
                let place = |(at, node): (usize, &'n Node)| Self {
                    node,
                    path: format!("{}[{at}]", self.path),
                    mark: node.mark,
                };
                Some(items.iter().enumerate().map(place).collect())
            }
            Value::List(_) | Value::Null => {
                self.refuse(
                    code::EMPTY,
                    format!("{what} is empty"),
                    "at least one item is wanted, or leave the field out".into(),
                    log,
                );
                None
            }
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => {
                self.wrong_sort("a list", log);
                None
            }
        }
    }
}

/// A map with known fields. Unknown ones were refused when it was made.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    place: Place<'n>,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// Reads a map of which `known` are all the fields.
    pub(super) fn of(place: &Place<'n>, known: &[&str], log: &mut Log) -> Option<Self> {
        let Value::Map(entries) = &place.node.value else {
            place.wrong_sort(&format!("a map with {}", known.join(", ")), log);
            return None;
        };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let key = crate::problem::cut(&entry.key);
            let message = match nearest(&entry.key, known) {
                Some(meant) => format!("there is no field {key} here, perhaps {meant} is meant"),
                None => format!("there is no field {key} here"),
            };
            let path = join(&place.path, &key);
            let allowed = format!("allowed are {}", known.join(", "));
            log.refuse(Said {
                code: code::UNKNOWN_FIELD,
                mark: entry.key_mark,
                path: &path,
                value: &key,
                message,
                allowed,
            });
        }
        Some(Self { place: place.clone(), entries })
    }

    /// A field that may be absent.
    pub(super) fn take(&self, name: &str) -> Option<Place<'n>> {
        self.entries.iter().find(|entry| entry.key == name).map(|entry| self.place.entry(entry))
    }

    /// A field that must be there.
    pub(super) fn require(&self, name: &str, log: &mut Log) -> Option<Place<'n>> {
        let found = self.take(name);
        if found.is_none() {
            let path = join(&self.place.path, name);
            let message = format!("{name} is missing");
            let allowed = wanted(name).to_owned();
            log.refuse(Said { code: code::MISSING, mark: self.place.mark, path: &path, value: "", message, allowed });
        }
        found
    }
}

/// What a required field looks like, so that "missing" already says how to mend it.
fn wanted(name: &str) -> &'static str {
    match name {
        "version" => "the version of the plan language, version: 1",
        "name" => "the plan's name, such as name: orders",
        "environment" => "the environment, such as environment: prod",
        "regions" => "both regions, such as { home: eu-west-1, primary: eu-central-1 }; none is ever assumed",
        "home" => "the region in which Holdfast itself runs, such as home: eu-west-1",
        "primary" => "the region in which resources stand, such as primary: eu-central-1",
        "resources" => "at least one resource",
        "alerts" => "channels and routes; a finding that reaches nobody helps nobody",
        "channels" => "at least one channel, such as ops: { slack: \"secret:holdfast/slack\" }",
        "routes" => "at least one route, such as high: [ops]",
        "kind" => "what it is, kind: rds-instance",
        "id" => "AWS's identifier of the instance, such as id: orders-prod",
        "objectives" => "both objectives, such as { rpo: 24h, rto: 2h }",
        "rpo" => "the most data that may be lost, in time, such as rpo: 24h",
        "rto" => "the longest that a recovery may take, such as rto: 2h",
        "at" => "a schedule, such as at: \"cron(0 2 * * ? *)\"",
        "keep" => "a retention, such as keep: 7d; none is ever assumed",
        "from" => "the recovery point to restore, from: latest",
        "instance_class" => "the class of the temporary database, such as instance_class: db.t4g.medium",
        "deadline" => "the longest that the whole test may take, such as deadline: 4h",
        "level" => "how thorough, level: full",
        "sql" => "a query, such as sql: \"select max(created_at) from orders\"",
        "age_max" => "the oldest that the newest row may be, such as age_max: 15m",
        _ => "it is never assumed",
    }
}

/// What is allowed, when it is one of some words.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [only] => format!("{only} is wanted"),
        _ => format!("one of {} is wanted", words.join(", ")),
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
