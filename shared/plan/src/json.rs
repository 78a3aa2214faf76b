//! JSON into the tree. No places: `plan.json` is written by a machine, and its errors name the path.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::node::{Entry, Node, Value};
use crate::problem::{Log, Mark, Problems, Said, code};

/// The largest `plan.json` that is read. The largest `plan.yaml` is half of it; filling in defaults adds less than that.
pub(crate) const JSON_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Reads a document. Duplicate keys are refused; depth is bounded by `serde_json` (128).
pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Node, Problems> {
    let unreadable = |mark, message| {
        let mut log = Log::new(file);
        let allowed = "a plan.json as plan compile writes it is wanted".to_owned();
        log.refuse(Said { code: code::UNREADABLE, mark, path: "", value: "", message, allowed });
        log.refused()
    };
    if bytes.len() > JSON_BYTES_MAX {
        let message = format!("the file has {} bytes, more than the {JSON_BYTES_MAX} that are read", bytes.len());
        return Err(unreadable(Mark::default(), message));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let mark = if error.line() > 0 { Mark::at(error.line(), error.column()) } else { Mark::default() };
        unreadable(mark, format!("this is not JSON that can be read: {error}"))
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ValueVisitor)?;
        Ok(Self { mark: Mark::default(), value })
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut seen = std::collections::HashSet::new();
        let mut entries: Vec<Entry> = Vec::new();
        while let Some((key, node)) = access.next_entry::<String, Node>()? {
            if !seen.insert(key.clone()) {
                return Err(de::Error::custom(format_args!("the key {key:?} stands twice")));
            }
            entries.push(Entry { key, key_mark: Mark::default(), node });
        }
        Ok(Value::Map(entries))
    }
}
