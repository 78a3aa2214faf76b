//! The table, as Markdown.

use std::collections::BTreeSet;

use holdfast_ledger::{OutcomeWord, Verification};

use super::cases::Case;
use super::peers::Found;

/// One damage and who found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    words: &'static str,
    pub(crate) checksums: bool,
    all_visible: bool,
    /// Checks of `integrity` that failed, by sort.
    pub(crate) integrity: BTreeSet<String>,
    /// Whether `immutable` failed, against a proved restore.
    pub(crate) immutable: bool,
    pub(crate) pg_amcheck: Found,
    pub(crate) pg_dump: Found,
}

impl Row {
    pub(super) fn new(case: &Case, checksums: bool, record: &Verification, pg_amcheck: Found, pg_dump: Found) -> Self {
        let failed = record.results.iter().filter(|result| result.outcome == OutcomeWord::Failed);
        let sorts: BTreeSet<&str> = failed.filter_map(|result| result.check.split(' ').next()).collect();
        Self {
            words: case.words,
            checksums,
            all_visible: case.all_visible,
            integrity: sorts.iter().filter(|sort| **sort != "immutable").map(|sort| (*sort).to_owned()).collect(),
            immutable: sorts.contains("immutable"),
            pg_amcheck,
            pg_dump,
        }
    }

    /// Without what others say: they may not be on this machine, or of another version.
    pub(crate) fn ours(&self) -> String {
        let integrity: Vec<&str> = self.integrity.iter().map(String::as_str).collect();
        let integrity = if integrity.is_empty() { "–".to_owned() } else { integrity.join(", ") };
        let immutable = if self.immutable { "found" } else { "–" };
        format!("| {} | {} | {} | {integrity} | {immutable} |", self.words, on(self.checksums), yes(self.all_visible))
    }

    fn whole(&self) -> String {
        let said = |found: Found| match found {
            Some(true) => "found",
            Some(false) => "**silent**",
            None => "not asked",
        };
        format!("{} {} | {} |", self.ours(), said(self.pg_amcheck), said(self.pg_dump))
    }
}

/// The whole table.
pub(crate) fn rendered(rows: &[Row]) -> String {
    let mut lines = vec![
        "| damage | checksums | all-visible | Holdfast, `integrity`: checks that fail | Holdfast, `immutable` | `pg_amcheck`, every flag | `pg_dump` |".to_owned(),
        "|---|---|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(Row::whole));
    lines.join("\n")
}

fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
