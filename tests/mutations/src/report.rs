//! What came of the planted bugs, for people, for programs and for docs/mutations.md.

use std::io::Write;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::outcome::{Kept, Outcome};
use crate::planted::Planted;

/// A bug with what came of it, if that is known.
#[derive(Debug, Clone, Serialize)]
pub struct Row<'a> {
    /// The bug.
    #[serde(flatten)]
    pub planted: &'a Planted,
    /// What came of it.
    #[serde(flatten)]
    pub kept: Option<&'a Kept>,
}

impl Row<'_> {
    fn outcome(&self) -> Option<&Outcome> {
        self.kept.map(|kept| &kept.outcome)
    }
}

/// One JSON object per bug, in an array.
///
/// # Errors
/// Those of the output.
pub fn json(out: &mut impl Write, rows: &[Row<'_>]) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, rows)?;
    writeln!(out)?;
    Ok(())
}

/// A row per bug, the totals, and then the survivors in words.
///
/// # Errors
/// Those of the output.
pub fn table(out: &mut impl Write, rows: &[Row<'_>]) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["planted bug", "outcome", "seconds", "found by"]);
    for row in rows {
        let seconds = row.kept.map(|kept| kept.seconds.to_string()).unwrap_or_default();
        table.add_row([row.planted.id.clone(), word(row.outcome()).into(), seconds, found_by(row.outcome(), 1)]);
    }
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim())?;
    }
    writeln!(out, "\n{}", totals(rows))?;
    for row in rows {
        match row.outcome() {
            Some(Outcome::Survived { rounds }) => writeln!(
                out,
                "\nSURVIVED {}: {}\n  in {}; breaks {}; not found by {}",
                row.planted.id,
                row.planted.bug,
                row.planted.file,
                row.planted.breaks,
                rounds.join(", ")
            )?,
            Some(Outcome::Unusable { why }) => writeln!(out, "\nUNUSABLE {}: {why}", row.planted.id)?,
            Some(Outcome::Found { .. } | Outcome::Hung { .. }) | None => {}
        }
    }
    Ok(())
}

/// The table of docs/mutations.md.
///
/// # Errors
/// Those of the output.
pub fn markdown(out: &mut impl Write, rows: &[Row<'_>]) -> Result<()> {
    writeln!(out, "| planted bug | in | breaks | found by |\n|---|---|---|---|")?;
    for row in rows {
        let Planted { id, file, bug, breaks, .. } = row.planted;
        let found = match row.outcome() {
            Some(Outcome::Found { by, tests }) => {
                let first = tests.first().map(String::as_str).unwrap_or_default();
                let more = if tests.len() > 1 { format!(" and {} more", tests.len() - 1) } else { String::new() };
                format!("{by}: `{first}`{more}")
            }
            outcome @ (Some(Outcome::Hung { .. } | Outcome::Survived { .. } | Outcome::Unusable { .. }) | None) => {
                word(outcome).to_uppercase()
            }
        };
        writeln!(out, "| `{id}`: {bug} | `{file}` | {breaks} | {found} |")?;
    }
    writeln!(out, "\n{}", totals(rows))?;
    Ok(())
}

fn word(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Found { .. }) => "found",
        Some(Outcome::Hung { .. }) => "hung",
        Some(Outcome::Survived { .. }) => "SURVIVED",
        Some(Outcome::Unusable { .. }) => "UNUSABLE",
        None => "not run",
    }
}

fn found_by(outcome: Option<&Outcome>, named_max: usize) -> String {
    match outcome {
        Some(Outcome::Found { by, tests }) => {
            let named: Vec<&str> = tests.iter().take(named_max).map(String::as_str).collect();
            let more = tests.len().saturating_sub(named_max);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{by}: {}{more}", named.join(", "))
        }
        Some(Outcome::Hung { by }) => format!("{by}: its tests did not end"),
        Some(Outcome::Survived { .. } | Outcome::Unusable { .. }) | None => String::new(),
    }
}

fn totals(rows: &[Row<'_>]) -> String {
    let count = |is: &str| rows.iter().filter(|row| word(row.outcome()) == is).count();
    let run: Vec<&Kept> = rows.iter().filter_map(|row| row.kept).collect();
    let seconds: u64 = run.iter().map(|kept| kept.seconds).sum();
    let each = seconds.checked_div(u64::try_from(run.len()).unwrap_or(0)).unwrap_or(0);
    let mut trees: Vec<&str> = run.iter().map(|kept| kept.tree.as_str()).collect();
    trees.sort_unstable();
    trees.dedup();
    let trees = if trees.len() > 1 {
        format!("; OF {} DIFFERENT TREES: run all of them again", trees.len())
    } else {
        String::new()
    };
    format!(
        "{} planted: {} found, {} hung, {} survived, {} unusable, {} not run; {}m {:02}s, {each} s each{trees}",
        rows.len(),
        count("found"),
        count("hung"),
        count("SURVIVED"),
        count("UNUSABLE"),
        count("not run"),
        seconds / 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planted;

    #[test]
    fn a_survivor_is_named_with_what_it_breaks() {
        let dir = tempfile::tempdir().expect("a directory");
        let text = "# id: floor-removed\n# file: a.rs\n# bug: the floor is gone\n# breaks: 1, never the last good copy\n# found by: a\n-x\n";
        std::fs::write(dir.path().join("a.diff"), text).expect("written");
        let planted = planted::all(dir.path()).expect("a list");
        let outcome = Outcome::Survived { rounds: vec!["snapshot".into(), "simulation".into()] };
        let kept = Kept { fingerprint: String::new(), tree: "one".into(), seconds: 61, outcome };
        let mut said = Vec::new();
        table(&mut said, &[Row { planted: &planted[0], kept: Some(&kept) }]).expect("written");
        let said = String::from_utf8(said).expect("text");
        assert!(
            said.contains("1 planted: 0 found, 0 hung, 1 survived, 0 unusable, 0 not run; 1m 01s, 61 s each\n"),
            "{said}"
        );
        assert!(said.contains("SURVIVED floor-removed: the floor is gone"), "{said}");
        assert!(said.contains("breaks 1, never the last good copy; not found by snapshot, simulation"), "{said}");
    }
}
