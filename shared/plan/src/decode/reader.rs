//! A node, where it stands, and the fields of a map: what every part of the decoder reads through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use holdfast_domain::names::NameError;

use crate::decode::names::nearest;
use crate::language::{Need, Table};
use crate::node::{Entry, Node, Value};
use crate::problem::{Log, Mark, Said, code, cut};

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
        Self { node: &entry.node, path: join(&self.path, &entry.key), mark: entry.mark() }
    }

    /// What stands under a key, if this is a map that has it.
    pub(super) fn child(&self, key: &str) -> Option<Self> {
        match &self.node.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| self.entry(entry)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// Says that this value is refused.
    pub(super) fn refuse(
        &self,
        code: &'static str,
        message: impl Into<String>,
        allowed: impl Into<String>,
        log: &mut Log,
    ) {
        let value = self.node.shown();
        let (message, allowed) = (message.into(), allowed.into());
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

    /// A map whose keys are names of the plan's own. An empty one is refused: `what` would protect nothing.
    pub(super) fn named<K, V>(
        &self,
        what: &str,
        log: &mut Log,
        mut read: impl FnMut(&Self, &mut Log) -> Option<V>,
    ) -> Option<BTreeMap<K, V>>
    where
        K: FromStr<Err = NameError> + Display + Ord,
    {
        let entries = match &self.node.value {
            Value::Map(entries) if !entries.is_empty() => entries,
            Value::Map(_) | Value::Null => return self.empty(what, "entry", log),
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                self.wrong_sort("a map of names", log);
                return None;
            }
        };
        let mut decoded = BTreeMap::new();
        for entry in entries {
            let name: Option<K> = self.key(entry, log);
            if let (Some(name), Some(value)) = (name, read(&self.entry(entry), log)) {
                decoded.insert(name, value);
            }
        }
        (decoded.len() == entries.len()).then_some(decoded)
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
            Value::List(_) | Value::Null => self.empty(what, "item", log),
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => {
                self.wrong_sort("a list", log);
                None
            }
        }
    }

    /// A list of values of which none stands twice, in the order of the source.
    pub(super) fn distinct<T: Ord + Clone>(
        &self,
        what: &str,
        log: &mut Log,
        mut read: impl FnMut(&Self, &mut Log) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.items(what, log)?;
        let mut seen = BTreeSet::new();
        let mut decoded = Vec::new();
        for item in &items {
            let Some(value) = read(item, log) else { continue };
            if seen.insert(value.clone()) {
                decoded.push(value);
            } else {
                item.refuse(
                    code::TWICE,
                    format!("{} stands twice in {what}", item.node.shown()),
                    "each once is wanted",
                    log,
                );
            }
        }
        (decoded.len() == items.len()).then_some(decoded)
    }

    fn empty<T>(&self, what: &str, sort: &str, log: &mut Log) -> Option<T> {
        let allowed = format!("at least one {sort} is wanted, or leave the field out");
        self.refuse(code::EMPTY, format!("{what} is empty"), allowed, log);
        None
    }

    /// The keys of a map as written, so that an entry with a slip in it still counts as there.
    pub(super) fn keys(&self) -> Vec<&'n str> {
        match &self.node.value {
            Value::Map(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => Vec::new(),
        }
    }
}

/// A map with known fields. Unknown ones were refused when it was made.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    pub(super) place: Place<'n>,
    entries: &'n [Entry],
    table: &'static Table,
}

impl<'n> Fields<'n> {
    /// Reads a map by its table.
    pub(super) fn of(place: &Place<'n>, table: &'static Table, log: &mut Log) -> Option<Self> {
        let Value::Map(entries) = &place.node.value else {
            place.wrong_sort(&format!("a map with {}", table.names().join(", ")), log);
            return None;
        };
        for entry in entries.iter().filter(|entry| table.field(&entry.key).is_none()) {
            let (key, known) = (cut(&entry.key), table.names());
            let message = match nearest(&entry.key, &known) {
                Some(meant) => format!("there is no field {key} here, perhaps {meant} is meant"),
                None => format!("there is no field {key} here"),
            };
            let (path, mark) = (join(&place.path, &key), entry.key_mark);
            let allowed = format!("allowed are {}", known.join(", "));
            log.refuse(Said { code: code::UNKNOWN_FIELD, mark, path: &path, value: &key, message, allowed });
        }
        Some(Self { place: place.clone(), entries, table })
    }

    /// A field that may be absent.
    pub(super) fn take(&self, name: &str) -> Option<Place<'n>> {
        debug_assert!(self.table.field(name).is_some(), "{} has no field {name} in its table", self.table.name);
        self.place.child(name)
    }

    /// A field that must be there.
    pub(super) fn must<T>(
        &self,
        name: &str,
        log: &mut Log,
        read: impl FnOnce(&Place<'n>, &mut Log) -> Option<T>,
    ) -> Option<T> {
        debug_assert!(
            self.table.field(name).is_some_and(|field| matches!(field.need, Need::Always(_))),
            "{}.{name} is not required by its table",
            self.table.name
        );
        let place = self.demand(name, &format!("{name} is missing"), log)?;
        read(&place, log)
    }

    /// A field that other fields ask for; `message` says why.
    pub(super) fn demand(&self, name: &str, message: &str, log: &mut Log) -> Option<Place<'n>> {
        let found = self.take(name);
        if found.is_none() {
            let allowed = match self.table.field(name).map(|field| field.need) {
                Some(Need::Always(wanted) | Need::Sometimes(wanted)) => wanted,
                Some(Need::Never) | None => "it is never assumed",
            };
            let path = join(&self.place.path, name);
            let (mark, message, allowed) = (self.place.mark, message.to_owned(), allowed.to_owned());
            log.refuse(Said { code: code::MISSING, mark, path: &path, value: "", message, allowed });
        }
        found
    }

    /// A field that may be absent: absent is fine, and what is there must have been decoded (`None` if it was refused).
    #[expect(clippy::option_option, reason = "absent and refused are different things here")]
    pub(super) fn maybe<T>(
        &self,
        name: &str,
        log: &mut Log,
        read: impl FnOnce(&Place<'n>, &mut Log) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.take(name) {
            Some(place) => read(&place, log).map(Some),
            None => Some(None),
        }
    }

    /// A field with a default.
    pub(super) fn or<T>(
        &self,
        name: &str,
        default: T,
        log: &mut Log,
        read: impl FnOnce(&Place<'n>, &mut Log) -> Option<T>,
    ) -> Option<T> {
        match self.take(name) {
            Some(place) => read(&place, log),
            None => Some(default),
        }
    }

    /// Refuses a map in which none of its fields stands.
    pub(super) fn some(&self, what: &str, log: &mut Log) -> Option<()> {
        // What stands here and is not known was refused already.
        if !self.entries.is_empty() {
            return Some(());
        }
        let allowed = format!("at least one of {} is wanted", self.table.names().join(", "));
        self.place.refuse(code::EMPTY, format!("{what} is empty"), allowed, log);
        None
    }
}

/// What is allowed, when it is one of some words.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "none is defined".to_owned(),
        [only] => format!("{only} is wanted"),
        _ => format!("one of {} is wanted", words.join(", ")),
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
