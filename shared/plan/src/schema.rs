//! The JSON Schema of the language (draft 2020-12), for editors: what may stand where, and what each field is.
//!
//! It is made of the decoder's own tables. It accepts everything that the checker accepts; the checker also knows arithmetic,
//! AWS, and what the parts of a plan say of each other.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::decode::{LEGAL, PLAN, RESOURCE_TABLE, kinds};
use crate::language::{Field, Form, Need, Shape, Table, Together};

/// The JSON Schema of the plan language, as indented JSON with a newline at the end.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", document())
}

fn document() -> Value {
    let mut definitions = Definitions::default();
    definitions.table(&PLAN);
    let mut root = object([
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("Holdfast plan, version 1")),
        (
            "description",
            json!("What is protected, how, and how it is proved. `plan check` knows more than this schema can say"),
        ),
        ("$ref", reference(PLAN.name)),
    ]);
    root.insert("$defs".into(), Value::Object(definitions.0.into_iter().collect()));
    Value::Object(root)
}

/// Definitions by name, each made once.
#[derive(Default)]
struct Definitions(BTreeMap<String, Value>);

impl Definitions {
    fn table(&mut self, table: &'static Table) {
        if self.0.contains_key(table.name) {
            return;
        }
        // A place is held first, so that a table within itself would end.
        self.0.insert(table.name.to_owned(), Value::Null);
        let mut properties = Map::new();
        for field in table.fields {
            properties.insert(field.name.to_owned(), self.field(field));
        }
        let always = |field: &&Field| matches!(field.need, Need::Always(_));
        let required: Vec<&str> = table.fields.iter().filter(always).map(|field| field.name).collect();
        let mut schema = object([
            ("type", json!("object")),
            ("properties", Value::Object(properties)),
            ("additionalProperties", json!(false)),
        ]);
        if required.is_empty() {
            schema.insert("minProperties".into(), json!(1));
        } else {
            schema.insert("required".into(), json!(required));
        }
        let mut all: Vec<Value> = table.together.iter().map(together).collect();
        if table.name == RESOURCE_TABLE.name {
            all.extend(legal_by_kind());
        }
        if !all.is_empty() {
            schema.insert("allOf".into(), Value::Array(all));
        }
        self.0.insert(table.name.to_owned(), Value::Object(schema));
    }

    fn form(&mut self, form: &'static Form) {
        let schema = || json!({ "type": "string", "pattern": form.pattern, "examples": [form.example] });
        self.0.entry(form.name.to_owned()).or_insert_with(schema);
    }

    fn field(&mut self, field: &'static Field) -> Value {
        let mut schema = self.shape(&field.shape);
        schema.insert("description".into(), json!(field.is));
        Value::Object(schema)
    }

    fn shape(&mut self, shape: &'static Shape) -> Map<String, Value> {
        match shape {
            Shape::Version => object([("const", json!(1))]),
            Shape::Text => object([("type", json!("string")), ("minLength", json!(1))]),
            Shape::Like(form) => {
                self.form(form);
                object([("$ref", reference(form.name))])
            }
            Shape::Count(min, max) => {
                let mut schema = object([("type", json!("integer")), ("minimum", json!(min))]);
                if *max < u64::MAX {
                    schema.insert("maximum".into(), json!(max));
                }
                schema
            }
            Shape::Bool => object([("type", json!("boolean"))]),
            Shape::Word(words) => object([("enum", json!(words()))]),
            Shape::Map(table) => {
                self.table(table);
                object([("$ref", reference(table.name))])
            }
            Shape::Named(names, each) => {
                self.form(names);
                object([
                    ("type", json!("object")),
                    ("minProperties", json!(1)),
                    ("propertyNames", json!({ "$ref": reference(names.name) })),
                    ("additionalProperties", Value::Object(self.shape(each))),
                ])
            }
            Shape::List(each) => object([
                ("type", json!("array")),
                ("minItems", json!(1)),
                ("uniqueItems", json!(true)),
                ("items", Value::Object(self.shape(each))),
            ]),
            Shape::Any(shapes) => {
                let shapes = shapes.iter().map(|shape| Value::Object(self.shape(shape)));
                object([("anyOf", shapes.collect())])
            }
        }
    }
}

fn together(together: &Together) -> Value {
    let required = |names: &[&str]| -> Value { names.iter().map(|name| json!({ "required": [name] })).collect() };
    match together {
        Together::One(names) => json!({ "oneOf": required(names) }),
        Together::Some(names) => json!({ "anyOf": required(names) }),
        Together::Beside(one, other) => json!({ "dependentRequired": { *one: [other] } }),
    }
}

/// What each kind cannot have, as the decoder's table of kinds says it.
fn legal_by_kind() -> Vec<Value> {
    let forbidden = |kind: &str| {
        let mut fields = Map::new();
        for legal in LEGAL.iter().filter(|legal| legal.kinds.iter().all(|legal| legal.as_str() != kind)) {
            match legal.part.split_once('.') {
                None => drop(fields.insert(legal.part.to_owned(), json!(false))),
                Some((part, field)) => {
                    let within = fields.entry(part).or_insert_with(|| json!({ "properties": {} }));
                    if let Some(properties) = within.get_mut("properties").and_then(Value::as_object_mut) {
                        properties.insert(field.to_owned(), json!(false));
                    }
                }
            }
        }
        fields
    };
    kinds()
        .into_iter()
        .map(|kind| {
            json!({
                "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
                "then": { "properties": forbidden(kind) },
            })
        })
        .collect()
}

fn reference(name: &str) -> Value {
    json!(format!("#/$defs/{name}"))
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod validator;
