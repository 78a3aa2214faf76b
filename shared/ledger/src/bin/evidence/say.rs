//! What was found, for people and for programs.

use std::io::Write;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use holdfast_ledger::{ChainReport, Report};

/// One JSON object.
pub(crate) fn json(out: &mut impl Write, report: &Report) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)?;
    Ok(())
}

/// A row for each resource, then what is broken, then what a whole chain does not show.
pub(crate) fn table(out: &mut impl Write, report: &Report) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["resource", "links", "proofs", "failed", "inconclusive", "last proof", "chain"]);
    for chain in &report.chains {
        table.add_row([
            chain.resource.clone(),
            chain.links.to_string(),
            chain.passed.to_string(),
            chain.failed.to_string(),
            chain.inconclusive.to_string(),
            chain.last_proof_at.map_or_else(|| "never".into(), |at| at.to_string()),
            word(chain).into(),
        ]);
    }
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim())?;
    }
    for chain in &report.chains {
        if let Some(broken) = &chain.broken {
            writeln!(
                out,
                "\n{}: {broken}\n  what comes before it is whole; nothing after it is proved by this chain",
                chain.resource
            )?;
        } else if let (false, Some(last)) = (chain.anchored, &chain.last) {
            writeln!(
                out,
                "\n{}: no record of a run holds the last link; compare it with what you kept: number {}, sha256 {}",
                chain.resource, last.number, last.sha256
            )?;
        }
    }
    Ok(())
}

fn word(chain: &ChainReport) -> &'static str {
    match (&chain.broken, chain.anchored) {
        (Some(_), _) => "BROKEN",
        (None, true) => "whole",
        (None, false) => "whole up to its last link",
    }
}
