//! The list of planted bugs cannot rot: each is where it says, is Rust, and is in the documentation.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_mutations::planted::{self, Planted};
use holdfast_mutations::round::{SIMULATION, package_of};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the root of the tree")
}

fn all() -> Vec<Planted> {
    planted::all(&root().join("tests/mutations/planted")).expect("a list")
}

#[test]
fn every_planted_bug_is_where_the_list_says_and_is_rust() {
    for planted in all() {
        let source = std::fs::read_to_string(root().join(&planted.file)).expect(&planted.file);
        let with_bug = planted.plant(&source).unwrap_or_else(|error| panic!("{error:#}"));
        syn::parse_file(&with_bug).unwrap_or_else(|error| panic!("{}: {error}", planted.id));
    }
}

#[test]
fn every_planted_bug_has_tests_that_are_expected_to_find_it() {
    for planted in all() {
        assert!(package_of(&planted.file).is_some(), "{}: no tests are known for {}", planted.id, planted.file);
        let expected =
            planted.found_by == SIMULATION || package_of(&format!("{}/", folder_of(&planted.found_by))).is_some();
        assert!(expected, "{}: nobody is called {}", planted.id, planted.found_by);
    }
}

fn folder_of(package: &str) -> String {
    package.strip_prefix("holdfast-").map_or_else(|| format!("functions/{package}"), |name| format!("shared/{name}"))
}

#[test]
fn bugs_are_planted_in_every_part_that_decides() {
    let all = all();
    assert!(all.len() >= 40, "{}", all.len());
    let packages: BTreeSet<_> = all.iter().filter_map(|planted| package_of(&planted.file)).collect();
    let deciding =
        ["alert", "holdfast-domain", "holdfast-ledger", "holdfast-plan", "restore-test", "snapshot", "verify"];
    assert!(deciding.iter().all(|package| packages.contains(package)), "{packages:?}");
}

#[test]
fn the_documentation_names_every_planted_bug() {
    let text = std::fs::read_to_string(root().join("docs/mutations.md")).expect("docs/mutations.md");
    for planted in all() {
        assert!(
            text.contains(&format!("`{}`", planted.id)),
            "{} is not in docs/mutations.md: cargo mutations --last --markdown",
            planted.id
        );
    }
}
