//! The table in `docs/plans/coverage.md` and the plans beside it say the same, and nothing that is not there.

#![cfg(feature = "yaml")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use holdfast_plan::{Compiled, read_yaml};

/// How many rows each system has.
const ROWS: [(char, u32); 7] = [('P', 10), ('B', 37), ('N', 10), ('M', 11), ('C', 11), ('D', 6), ('X', 11)];

/// Who will do what is missing.
const LATER: [&str; 10] =
    ["snapshot", "copy", "tier", "restore-test", "verify", "alert", "audit", "recover", "report", "infra"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CarriedOut,
    InPart,
    Said,
    NotYet,
}

#[derive(Debug)]
struct Row {
    id: String,
    state: State,
    /// The files of plans that it names.
    plans: BTreeSet<String>,
    /// The other paths that it names, from the root of the repository.
    parts: Vec<String>,
    missing: String,
}

fn plans_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plans")
}

fn rows() -> Vec<Row> {
    let table = fs::read_to_string(plans_directory().join("coverage.md")).expect("the table");
    let first = |line: &str| line.split('|').nth(1).map(|cell| cell.trim().to_owned()).unwrap_or_default();
    let is_id = |text: &str| text.starts_with(|c: char| c.is_ascii_uppercase()) && text[1..].parse::<u32>().is_ok();
    table.lines().filter(|line| line.starts_with('|') && is_id(&first(line))).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [id, what, state, places, missing] = cells.as_slice() else { panic!("five cells: {line}") };
    assert!(!what.is_empty(), "{id} says what is wanted");
    let state = match *state {
        "carried out" => State::CarriedOut,
        "in part" => State::InPart,
        "said" => State::Said,
        "not yet" => State::NotYet,
        other => panic!("{id}: {other} is no state"),
    };
    let (mut plans, mut parts) = (BTreeSet::new(), Vec::new());
    for link in places.split(", ").filter(|link| !link.is_empty()) {
        let (name, target) = link.trim_start_matches('[').trim_end_matches(')').split_once("](").expect("a link");
        match target.strip_prefix("../../") {
            Some(path) => {
                assert_eq!(path, name, "{id}: a link leads where it says");
                parts.push(path.to_owned());
            }
            None => {
                assert_eq!(target, name, "{id}: a link leads where it says");
                assert!(plans.insert(target.to_owned()), "{id} names {target} twice");
            }
        }
    }
    Row { id: (*id).to_owned(), state, plans, parts, missing: (*missing).to_owned() }
}

/// Every plan beside the table: its text and what it compiles to.
fn plans() -> BTreeMap<String, (String, Compiled)> {
    let files = fs::read_dir(plans_directory()).expect("a directory").map(|entry| entry.expect("an entry").path());
    let plans = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    plans
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            let text = fs::read_to_string(&path).expect("a plan");
            let compiled = read_yaml(&name, &text).unwrap_or_else(|problems| panic!("{problems}"));
            (name, (text, compiled))
        })
        .collect()
}

/// The rows that a line's comment names. A `#` within a schedule is no comment.
fn named(line: &str) -> BTreeSet<String> {
    let begins = if line.starts_with('#') { Some(0) } else { line.find(" #").map(|at| at + 1) };
    let comment = begins.and_then(|at| line.get(at..)).unwrap_or_default();
    let words = comment.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| ROWS.iter().any(|(system, _)| is_row(word, *system))).map(str::to_owned).collect()
}

fn is_row(word: &str, system: char) -> bool {
    word.strip_prefix(system).is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[test]
fn every_row_stands_in_the_table_once_and_in_order() {
    let wanted = ROWS.iter().flat_map(|(system, count)| (1..=*count).map(move |number| format!("{system}{number}")));
    let found: Vec<String> = rows().into_iter().map(|row| row.id).collect();
    assert_eq!(found, wanted.collect::<Vec<_>>());
}

#[test]
fn every_state_has_what_it_needs() {
    for Row { id, state, plans, parts, missing } in rows() {
        match state {
            State::CarriedOut => assert!(!parts.is_empty() && missing.is_empty(), "{id}"),
            State::InPart => assert!(!parts.is_empty() && !missing.is_empty(), "{id}"),
            State::Said => assert!(!plans.is_empty() && !missing.is_empty(), "{id}"),
            State::NotYet => assert!(plans.is_empty() && parts.is_empty() && !missing.is_empty(), "{id}"),
        }
        let told = LATER.iter().any(|function| missing.contains(&format!("`{function}`")));
        assert!(told || state == State::CarriedOut, "{id} does not say who will do what is missing: {missing}");
    }
}

#[test]
fn every_part_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for row in rows() {
        for part in row.parts {
            let path = root.join(&part);
            assert!(path.exists() && path.is_dir() == part.ends_with('/'), "{}: {part}", row.id);
        }
    }
}

#[test]
fn plans_and_table_name_the_same_rows() {
    let mut by_plans: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (plan, (text, _)) in plans() {
        for id in text.lines().flat_map(without_spans) {
            by_plans.entry(id).or_default().insert(plan.clone());
        }
    }
    let by_table: BTreeMap<String, BTreeSet<String>> =
        rows().into_iter().filter(|row| !row.plans.is_empty()).map(|row| (row.id, row.plans)).collect();
    assert_eq!(by_plans, by_table);
}

/// `Rows P1-P10` at the head of a plan says what the plan is about, and answers none of them.
fn without_spans(line: &str) -> BTreeSet<String> {
    if line.starts_with('#') && line.contains("Rows ") { BTreeSet::new() } else { named(line) }
}

/// What `plan check` says is not carried out, the table does not call carried out.
#[test]
fn no_row_is_called_carried_out_whose_line_is_not() {
    let carried_out: BTreeSet<String> =
        rows().into_iter().filter(|row| row.state == State::CarriedOut).map(|row| row.id).collect();
    let mut noticed = 0;
    for (plan, (text, compiled)) in plans() {
        for notice in compiled.notices() {
            let line = notice.line.and_then(|number| text.lines().nth(number - 1)).expect("a notice has a place");
            noticed += 1;
            let both: Vec<String> = named(line).intersection(&carried_out).cloned().collect();
            assert!(both.is_empty(), "{plan}: {both:?} by the table, but {notice}");
        }
    }
    assert!(noticed > 0, "the plans ask for nothing that is not carried out: then this test has done its work");
}

/// What people are told about the plans is so: no error, and only the warnings that the README explains.
#[test]
fn the_readme_names_every_warning_of_the_plans() {
    let readme = fs::read_to_string(plans_directory().join("README.md")).expect("the README");
    let mut codes: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let plans = plans();
    for (plan, (_, compiled)) in &plans {
        for warning in compiled.warnings() {
            codes.entry(warning.code).or_default().insert(plan.clone());
        }
    }
    let told: BTreeSet<&str> = readme.lines().filter_map(|line| line.strip_prefix("| HF")?.get(..3)).collect();
    let found: BTreeSet<&str> = codes.keys().filter_map(|code| code.strip_prefix("HF")).collect();
    assert_eq!(found, told, "{codes:#?}");
    for plan in plans.keys() {
        assert!(readme.contains(&format!("({plan})")), "the README does not lead to {plan}");
    }
}
