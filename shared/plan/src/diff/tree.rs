//! Two trees compared: what was added, what was removed, which scalar became another.

use std::collections::BTreeMap;

use crate::compile::Compiled;
use crate::json;
use crate::node::{Node, Value};

/// One change: at this path stood `old`, and `new` stands there now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change<'n> {
    pub(super) path: Vec<String>,
    pub(super) old: Option<&'n Node>,
    pub(super) new: Option<&'n Node>,
}

impl Change<'_> {
    /// `resources.orders-db.copies[eu-west-1].keep`
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        path
    }
}

/// The plan in a compiled one, every default filled in.
pub(super) fn of(compiled: &Compiled) -> Node {
    let envelope = match json::read("plan.json", &compiled.to_json()) {
        Ok(envelope) => envelope,
        Err(problems) => unreachable!("what was compiled is JSON: {problems}"),
    };
    envelope.get("plan").cloned().unwrap_or(Node { mark: crate::problem::Mark::default(), value: Value::Null })
}

/// Every change, in the order of the paths. What was added or removed whole is one change.
pub(super) fn changes<'n>(old: &'n Node, new: &'n Node) -> Vec<Change<'n>> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), Some(old), Some(new), &mut found);
    found
}

fn compare<'n>(path: &mut Vec<String>, old: Option<&'n Node>, new: Option<&'n Node>, found: &mut Vec<Change<'n>>) {
    if let (Some(before), Some(after)) = (old, new) {
        if before.value == after.value {
            return;
        }
        if let (Some(before), Some(after)) = (children(before), children(after)) {
            let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                path.push(key.clone());
                compare(path, before.get(key).copied(), after.get(key).copied(), found);
                path.pop();
            }
            return;
        }
    }
    if old.is_some() || new.is_some() {
        found.push(Change { path: path.clone(), old, new });
    }
}

/// What stands below a map, or below a list of maps whose items have a name of their own; none for what is compared whole.
fn children(node: &Node) -> Option<BTreeMap<String, &Node>> {
    match &node.value {
        Value::Map(entries) => Some(entries.iter().map(|entry| (entry.key.clone(), &entry.node)).collect()),
        Value::List(items) if !items.is_empty() => {
            let mut named = BTreeMap::new();
            for item in items {
                // Two copies to one place keep their order.
                let name = name(item)?;
                let nth = (1..).find(|nth| !named.contains_key(&numbered(&name, *nth)))?;
                named.insert(numbered(&name, nth), item);
            }
            Some(named)
        }
        Value::List(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => None,
    }
}

fn numbered(name: &str, nth: u32) -> String {
    if nth == 1 { format!("[{name}]") } else { format!("[{name} #{nth}]") }
}

/// A copy is known by where it goes, a tier by its class.
fn name(item: &Node) -> Option<String> {
    let text = |key| item.get(key).map(Node::shown);
    let region = text("region").map(|region| match text("account") {
        Some(account) => format!("{region}/{account}"),
        None => region,
    });
    region.or_else(|| text("class"))
}
