//! `docs/conformance.md` is held to the suite: every rule is there, no other one is, and where a suite is said to run, it does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every asynchronous function of a source file: whether it is public, its name, and its body.
fn functions(source: &str) -> Vec<(bool, String, String)> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let pieces: Vec<&str> = code.split("async fn ").collect();
    let function = |pair: &[&str]| {
        let before = pair[0].rsplit('\n').next().unwrap_or_default();
        let end = if before.starts_with("    ") { "\n    }\n" } else { "\n}\n" };
        let name = pair[1].split(['(', '<']).next().unwrap_or_default();
        (before.ends_with("pub "), name.to_owned(), pair[1].split(end).next().unwrap_or_default().to_owned())
    };
    pieces.windows(2).map(function).collect()
}

/// A public function is a suite; what it is made of has its file's name in front. What asserts nothing is no rule.
fn rules() -> BTreeSet<String> {
    let whole = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/conformance");
    let parts = fs::read_dir(&whole).expect("the parts of the suite").map(|entry| entry.expect("a part").path());
    let mut rules = BTreeSet::new();
    for path in parts.chain([whole.with_extension("rs")]) {
        let source = fs::read_to_string(&path).expect("source");
        let file = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        for (is_suite, name, body) in functions(&source) {
            if body.contains("assert") || body.contains("refused(") {
                rules.insert(if is_suite { name } else { format!("{file}::{name}") });
            }
        }
    }
    rules
}

/// The rows of the tables under a heading, by columns.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).expect("a section of that name");
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn quoted(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

#[test]
fn every_rule_of_the_suite_is_on_the_page_and_every_rule_on_the_page_is_in_the_suite() {
    let page = read("docs/conformance.md");
    let told: BTreeSet<String> = rows(&page, "Behaviours").iter().map(|row| quoted(&row[1])).collect();
    assert_eq!(told, rules());
}

#[test]
fn a_suite_runs_where_the_page_says() {
    let page = read("docs/conformance.md");
    let said: BTreeMap<String, (bool, bool)> =
        rows(&page, "Suites").into_iter().map(|row| (quoted(&row[0]), (row[1] == "yes", row[2] != "no"))).collect();
    let (in_memory, elsewhere) = (read("shared/testkit/src/conformance.rs"), read("tests/e2e/tests/conformance.rs"));
    let runs = |rule: &String| {
        let here = in_memory.contains(&format!("super::{rule}(&cloud"));
        (rule.clone(), (here, elsewhere.contains(&format!("conformance::{rule}("))))
    };
    let suites = rules().into_iter().filter(|rule| !rule.contains("::"));
    assert_eq!(said, suites.map(|rule| runs(&rule)).collect());
}

#[test]
fn no_behaviour_is_without_a_source() {
    let page = read("docs/conformance.md");
    let sourced = rows(&page, "With AWS's documentation as the source");
    assert!(sourced.iter().all(|row| row.len() == 2 && row[1].len() > 10), "{sourced:?}");
    assert!(sourced.len() >= 10, "they are not gone: {sourced:?}");
}
