//! As much of JSON Schema (draft 2020-12) as our schema uses; a keyword that it does not know fails the test. Patterns are not
//! looked at: the decoder's readers are tested themselves.

use std::collections::HashSet;

use serde_json::Value;

/// What is wrong with a value by a schema: a line for each finding.
pub(super) fn validate(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    if *schema == Value::Bool(false) {
        return vec![format!("{path} may not stand here")];
    }
    let rules = schema.as_object().expect("a schema is an object or false");
    let mut wrong = Vec::new();
    for (keyword, rule) in rules {
        let list = || rule.as_array().expect("a list");
        let passes = |schema: &Value| validate(root, schema, value, path).is_empty();
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "examples" | "pattern" | "then" => {}
            "$ref" => {
                let name = rule.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("a local reference");
                wrong.extend(validate(root, &root["$defs"][name], value, path));
            }
            "type" if !is_a(value, rule) => wrong.push(format!("{path} is not of type {rule}")),
            "const" if value != rule => wrong.push(format!("{path} is not {rule}")),
            "enum" if !list().contains(value) => wrong.push(format!("{path} is not among {rule}")),
            "allOf" => list().iter().for_each(|schema| wrong.extend(validate(root, schema, value, path))),
            "anyOf" if !list().iter().any(passes) => wrong.push(format!("{path} is none of {rule}")),
            "oneOf" if list().iter().filter(|schema| passes(schema)).count() != 1 => {
                wrong.push(format!("{path} is not exactly one of {rule}"));
            }
            "if" if passes(rule) => wrong.extend(validate(root, &rules["then"], value, path)),
            "minimum" if value.as_u64() < rule.as_u64() => wrong.push(format!("{path} is too small")),
            "maximum" if value.as_u64() > rule.as_u64() => wrong.push(format!("{path} is too large")),
            "minLength" if value.as_str().is_some_and(str::is_empty) => wrong.push(format!("{path} is empty")),
            "minItems" | "uniqueItems" | "items" => wrong.extend(of_list(root, keyword, rule, value, path)),
            "minProperties"
            | "required"
            | "dependentRequired"
            | "propertyNames"
            | "properties"
            | "additionalProperties" => {
                wrong.extend(of_map(root, rules, keyword, value, path));
            }
            "type" | "const" | "enum" | "anyOf" | "oneOf" | "if" | "minimum" | "maximum" | "minLength" => {}
            unknown => panic!("the validator does not know {unknown}"),
        }
    }
    wrong
}

fn is_a(value: &Value, sort: &Value) -> bool {
    match sort.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        other => panic!("the validator does not know the type {other}"),
    }
}

fn of_list(root: &Value, keyword: &str, rule: &Value, value: &Value, path: &str) -> Vec<String> {
    let Some(items) = value.as_array() else { return Vec::new() };
    match keyword {
        "minItems" if items.is_empty() => vec![format!("{path} is empty")],
        "uniqueItems" if items.iter().map(Value::to_string).collect::<HashSet<_>>().len() < items.len() => {
            vec![format!("{path} has an item twice")]
        }
        "items" => {
            let each = |(at, item)| validate(root, rule, item, &format!("{path}[{at}]"));
            items.iter().enumerate().flat_map(each).collect()
        }
        _ => Vec::new(),
    }
}

fn of_map(
    root: &Value,
    rules: &serde_json::Map<String, Value>,
    keyword: &str,
    value: &Value,
    path: &str,
) -> Vec<String> {
    let Some(fields) = value.as_object() else { return Vec::new() };
    let rule = &rules[keyword];
    let missing = |names: &Value| -> Vec<String> {
        let names = names.as_array().expect("names").iter().filter_map(Value::as_str);
        names.filter(|name| !fields.contains_key(*name)).map(|name| format!("{path}.{name} is missing")).collect()
    };
    let known = |name: &str| rules.get("properties").is_some_and(|known| known.get(name).is_some());
    match keyword {
        "minProperties" if fields.is_empty() => vec![format!("{path} is empty")],
        "required" => missing(rule),
        "dependentRequired" => {
            let rules = rule.as_object().expect("a map").iter().filter(|(name, _)| fields.contains_key(*name));
            rules.flat_map(|(_, names)| missing(names)).collect()
        }
        "propertyNames" => fields
            .keys()
            .flat_map(|name| validate(root, rule, &Value::String(name.clone()), &format!("the name {path}.{name}")))
            .collect(),
        "properties" => {
            let present = rule
                .as_object()
                .expect("a map")
                .iter()
                .filter_map(|(name, rule)| Some((name, rule, fields.get(name)?)));
            present.flat_map(|(name, rule, field)| validate(root, rule, field, &format!("{path}.{name}"))).collect()
        }
        "additionalProperties" => fields
            .iter()
            .filter(|(name, _)| !known(name))
            .flat_map(|(name, field)| validate(root, rule, field, &format!("{path}.{name}")))
            .collect(),
        _ => Vec::new(),
    }
}
