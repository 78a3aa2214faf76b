//! `plan explain`: what a plan does, day by day, and what answers its objectives.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use holdfast_domain::ResourceName;
use holdfast_plan::{ExplainRequest, explain};
use jiff::civil::Date;

use super::source;
use super::today::today;

/// Shows what a plan does in the coming days, and which of its lines answers which objective
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plan explain plan.yaml\n  plan explain plan.yaml --from 2026-12-01 --days 90\n  plan explain plan.yaml --resource orders-db --time-zone Europe/Berlin\n  plan explain plan.yaml --json | jq .objectives"
)]
pub(crate) struct Explain {
    /// The plan file
    file: PathBuf,
    /// The first day; today (UTC) if it is left out
    #[arg(long)]
    from: Option<Date>,
    /// How many days, 1 to 366
    #[arg(long, default_value_t = 30)]
    days: u16,
    /// One resource alone
    #[arg(long)]
    resource: Option<ResourceName>,
    /// Time zone of the calendar; that of most of the plan's schedules if it is left out
    #[arg(long)]
    time_zone: Option<String>,
    /// JSON instead of text for people
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) fn run(self) -> Result<bool> {
        let Some(compiled) = source::accepted(&self.file)? else { return Ok(false) };
        let from = self.from.unwrap_or_else(today);
        let request = ExplainRequest { from, days: self.days, resource: self.resource, time_zone: self.time_zone };
        let explanation = explain(compiled.plan(), &request).with_context(|| self.file.display().to_string())?;
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &explanation)?;
            writeln!(out)?;
        } else {
            write!(out, "{explanation}")?;
        }
        Ok(true)
    }
}
