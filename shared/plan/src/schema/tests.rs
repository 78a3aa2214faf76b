//! The schema and the decoder are one language: what either knows, the other knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::{document, schema, validator};
use crate::encode;
use crate::encode::generate::draft;
use crate::language::{Shape, Table};
use crate::node;
use crate::{Compiled, read_yaml, yaml};

const WHOLE: &str = include_str!("../../tests/plans/whole.yaml");

fn wrong(value: &Value) -> Vec<String> {
    let root = document();
    validator::validate(&root, &root, value, "plan")
}

fn as_json(yaml: &str) -> Value {
    let (node, _) = yaml::read("plan.yaml", yaml).unwrap_or_else(|problems| panic!("{problems}"));
    serde_json::from_str(&node.canonical_json()).expect("canonical JSON is JSON")
}

/// Every table of the language.
fn tables() -> Vec<&'static Table> {
    fn of(shape: &'static Shape, tables: &mut BTreeMap<&'static str, &'static Table>) {
        match shape {
            Shape::Map(table) => table_of(table, tables),
            Shape::Named(_, each) | Shape::List(each) => of(each, tables),
            Shape::Any(shapes) => shapes.iter().for_each(|shape| of(shape, tables)),
            Shape::Version | Shape::Text | Shape::Like(_) | Shape::Count(..) | Shape::Bool | Shape::Word(_) => {}
        }
    }
    fn table_of(table: &'static Table, tables: &mut BTreeMap<&'static str, &'static Table>) {
        if let Some(known) = tables.insert(table.name, table) {
            assert!(std::ptr::eq(known, table), "two tables are named {}", table.name);
            return;
        }
        table.fields.iter().for_each(|field| of(&field.shape, tables));
    }
    let mut tables = BTreeMap::new();
    table_of(&crate::decode::PLAN, &mut tables);
    tables.into_values().collect()
}

/// Which fields of which tables a tree has.
fn covered(shape: &'static Shape, node: &node::Node, seen: &mut BTreeSet<(&'static str, &'static str)>) {
    match (shape, &node.value) {
        (Shape::Map(table), node::Value::Map(entries)) => {
            for entry in entries {
                let field = table.field(&entry.key).unwrap_or_else(|| panic!("{}.{}", table.name, entry.key));
                seen.insert((table.name, field.name));
                covered(&field.shape, &entry.node, seen);
            }
        }
        (Shape::Named(_, each), node::Value::Map(entries)) => {
            entries.iter().for_each(|entry| covered(each, &entry.node, seen));
        }
        (Shape::List(each), node::Value::List(items)) => items.iter().for_each(|item| covered(each, item, seen)),
        (Shape::Any(shapes), node::Value::Map(entries)) => {
            let fits = |shape: &&Shape| match shape {
                Shape::Map(table) => entries.iter().all(|entry| table.field(&entry.key).is_some()),
                Shape::Named(..) => true,
                Shape::Version | Shape::Text | Shape::Like(_) | Shape::Count(..) | Shape::Bool => false,
                Shape::Word(_) | Shape::List(_) | Shape::Any(_) => false,
            };
            covered(shapes.iter().find(fits).expect("a shape for a map"), node, seen);
        }
        _ => {}
    }
}

/// The fields of the language that a tree does not have.
fn uncovered(nodes: &[node::Node]) -> Vec<(&'static str, &'static str)> {
    static ROOT: Shape = Shape::Map(&crate::decode::PLAN);
    let mut seen = BTreeSet::new();
    nodes.iter().for_each(|node| covered(&ROOT, node, &mut seen));
    let all = tables().into_iter().flat_map(|table| table.names().into_iter().map(|field| (table.name, field)));
    all.filter(|field| !seen.contains(field)).collect()
}

#[test]
fn the_schema_that_editors_use_is_the_one_of_this_language() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plan.schema.json");
    let stands = fs::read_to_string(path).expect("docs/plan.schema.json");
    assert!(stands == schema(), "run: cargo plan schema > docs/plan.schema.json");
}

#[test]
fn every_field_says_what_it_is_and_stands_in_the_reference() {
    let reference = include_str!("../../../../docs/plan.md");
    for table in tables() {
        for field in table.fields {
            let named = |text: &str| {
                text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == field.name)
            };
            assert!(reference.split('`').skip(1).step_by(2).any(named), "docs/plan.md: {}.{}", table.name, field.name);
            assert!(!field.is.is_empty() && !field.is.ends_with('.'), "{}.{}", table.name, field.name);
        }
        let names: BTreeSet<_> = table.names().into_iter().collect();
        assert_eq!(names.len(), table.fields.len(), "{} has a field twice", table.name);
    }
}

#[test]
fn every_plan_that_the_checker_takes_is_one_by_the_schema() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["tests/plans", "../../docs/plans"] {
        for entry in fs::read_dir(here.join(folder)).expect(folder) {
            let path = entry.expect("a file").path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a text");
            if read_yaml("plan.yaml", &text).is_ok() {
                assert_eq!(wrong(&as_json(&text)), Vec::<String>::new(), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 3, "only {seen} plans were looked at");
}

/// A field that the table has and the decoder never reads would be taken and mean nothing.
#[test]
fn every_field_of_the_language_means_something() {
    let (whole, _) = yaml::read("plan.yaml", WHOLE).unwrap_or_else(|problems| panic!("{problems}"));
    let compiled = read_yaml("plan.yaml", WHOLE).unwrap_or_else(|problems| panic!("{problems}"));
    // What is written in the plan as its default already: without it the plan is the same.
    let defaults = [
        "resources.orders.region",
        "resources.orders.snapshots.daily.time_zone",
        "resources.orders.copies[0].transport",
        "resources.orders.checks.sql.smoke.rows_min",
        "resources.orders.checks.sql.smoke.requirement",
        "resources.ledger.checks.integrity.requirement",
        "resources.payments.checks.documents.users.documents_min",
        "resources.payments.checks.documents.users.requirement",
        "resources.media.bucket.mfa_delete",
    ];
    let mut kept = Vec::new();
    without_each(&whole, &mut |path, changed| {
        let json: Value = serde_json::from_str(&changed.canonical_json()).expect("JSON");
        // JSON is YAML too.
        let same = read_yaml("plan.yaml", &json.to_string()).is_ok_and(|read| read.sha() == compiled.sha());
        if same {
            kept.push(path.to_owned());
        }
    });
    assert_eq!(kept, defaults);
    assert_eq!(uncovered(&[whole]), []);
}

/// Calls back with the tree without each of its entries in turn.
fn without_each(whole: &node::Node, then: &mut impl FnMut(&str, &node::Node)) {
    fn walk(
        node: &node::Node,
        path: &str,
        rebuild: &dyn Fn(node::Node) -> node::Node,
        then: &mut impl FnMut(&str, &node::Node),
    ) {
        match &node.value {
            node::Value::Map(entries) => {
                for (at, entry) in entries.iter().enumerate() {
                    let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                    let mut left = entries.clone();
                    left.remove(at);
                    then(&path, &rebuild(node::Node { mark: node.mark, value: node::Value::Map(left) }));
                    let with = |child: node::Node| {
                        let mut all = entries.clone();
                        all[at].node = child;
                        rebuild(node::Node { mark: node.mark, value: node::Value::Map(all) })
                    };
                    walk(&entry.node, &path, &with, then);
                }
            }
            node::Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    let with = |child: node::Node| {
                        let mut all = items.clone();
                        all[at] = child;
                        rebuild(node::Node { mark: node.mark, value: node::Value::List(all) })
                    };
                    walk(item, &format!("{path}[{at}]"), &with, then);
                }
            }
            node::Value::Null | node::Value::Bool(_) | node::Value::Number(_) | node::Value::Text(_) => {}
        }
    }
    walk(whole, "", &|node| node, then);
}

#[test]
fn the_schema_sees_what_an_editor_should_mark() {
    for (from, to) in [
        ("priority: 1", "priority: 5"),
        ("priority: 1", "prioritiy: 1"),
        ("kind: redis", "kind: reddis"),
        ("kind: rds-instance", "kind: bucket"),
        ("kind: docdb-cluster", "kind: rds-instance"),
        ("home: eu-west-1, ", ""),
        ("on: demand, ", ""),
        ("on: demand, ", "on: demand, at: \"cron(0 2 * * ? *)\", "),
        ("mfa_delete: false", "mfa_delete: maybe"),
        ("snapshots: external", "snapshots: externally"),
        ("snapshots: external", "snapshots: {}"),
        (", from: holdfast@example.com", ""),
        ("to: [ops]", "to: []"),
        ("[low, info]", "[low, high]"),
        ("dr: [eu-west-1, us-east-1]", "dr: [us-east-1, us-east-1]"),
    ] {
        assert!(WHOLE.contains(from), "{from}");
        assert!(!wrong(&as_json(&WHOLE.replacen(from, to, 1))).is_empty(), "{from} -> {to}");
    }
}

#[test]
fn random_plans_reach_every_field() {
    let mut runner = TestRunner::deterministic();
    let mut random = || encode::plan(&draft().new_tree(&mut runner).expect("a plan").current());
    let plans: Vec<_> = (0..300).map(|_| random()).collect();
    // Read and not written: of the one there is one word, the other stands with each schedule.
    assert_eq!(uncovered(&plans), [("copy", "transport"), ("plan", "time_zone")]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_random_plan_is_one_by_the_schema(draft in draft()) {
        let plan: Value = serde_json::from_str(&encode::plan(&draft).canonical_json()).expect("JSON");
        prop_assert_eq!(wrong(&plan), Vec::<String>::new());
    }
}

#[test]
fn what_is_compiled_is_a_plan_by_the_schema_too() {
    let compiled = read_yaml("plan.yaml", WHOLE).unwrap_or_else(|problems| panic!("{problems}"));
    let json: Value = serde_json::from_slice(&compiled.to_json()).expect("JSON");
    assert_eq!(wrong(&json["plan"]), Vec::<String>::new());
    assert!(Compiled::from_json(&compiled.to_json()).is_ok());
}
