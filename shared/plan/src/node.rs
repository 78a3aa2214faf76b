//! The small tree between the formats and the decoder: YAML and JSON are read into it, `plan.json` is written from it.
//!
//! It knows places and nothing of plans. Keys stand in the order of the source; none stands twice in one map.

use std::fmt::Write as _;

use crate::problem::Mark;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number as it was spelt, so that messages show what was written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_mark: Mark,
    pub(crate) node: Node,
}

impl Node {
    fn unplaced(value: Value) -> Self {
        Self { mark: Mark::default(), value }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::unplaced(Value::Text(text.into()))
    }

    pub(crate) fn number(number: u64) -> Self {
        Self::unplaced(Value::Number(number.to_string()))
    }

    pub(crate) fn bool(value: bool) -> Self {
        Self::unplaced(Value::Bool(value))
    }

    pub(crate) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::unplaced(Value::List(items.into_iter().collect()))
    }

    pub(crate) fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entry = |(key, node): (K, Self)| Entry { key: key.into(), key_mark: Mark::default(), node };
        Self::unplaced(Value::Map(entries.into_iter().map(entry).collect()))
    }

    /// The value under a key, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// How messages name what stands here: a scalar by its text, the rest by its sort.
    pub(crate) fn shown(&self) -> String {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Bool(value) => value.to_string(),
            Value::Number(text) | Value::Text(text) => crate::problem::cut(text),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
        }
    }

    /// JSON in one spelling: compact, keys sorted by their bytes. Equal trees give equal bytes, wherever they came from.
    pub(crate) fn canonical_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match &self.value {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Number(text) => out.push_str(text),
            Value::Text(text) => write_json_text(text, out),
            Value::List(items) => {
                write_joined('[', items, ']', out, |item, out| item.write_json(out));
            }
            Value::Map(entries) => {
                let mut sorted: Vec<&Entry> = entries.iter().collect();
                sorted.sort_by(|a, b| a.key.cmp(&b.key));
                write_joined('{', &sorted, '}', out, |entry, out| {
                    write_json_text(&entry.key, out);
                    out.push(':');
                    entry.node.write_json(out);
                });
            }
        }
    }
}

impl Entry {
    /// Where a person would point: at the value, or at the key of a map or list.
    pub(crate) fn mark(&self) -> Mark {
        match self.node.value {
            Value::Map(_) | Value::List(_) | Value::Null => self.key_mark,
            Value::Bool(_) | Value::Number(_) | Value::Text(_) => self.node.mark,
        }
    }
}

fn write_joined<T>(open: char, items: &[T], close: char, out: &mut String, write: impl Fn(&T, &mut String)) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

/// A JSON string with the fewest escapes that RFC 8259 section 7 asks for.
fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
