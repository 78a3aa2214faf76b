//! `plan forecast`: what a plan keeps and costs over a year.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use holdfast_domain::ResourceName;
use holdfast_plan::{ForecastRequest, PriceList, forecast};
use jiff::civil::Date;

use super::source;
use super::today::today;

/// Forecasts recovery points, storage and cost of a plan over twelve months
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plan forecast plan.yaml --size orders-db=500 --size media=2000\n  plan forecast plan.yaml --change-per-day 0.5% --from 2026-12-01\n  plan forecast plan.yaml --prices our-prices.yaml --json | jq '.costs'"
)]
pub(crate) struct Forecast {
    /// The plan file
    file: PathBuf,
    /// The first day; today (UTC) if it is left out
    #[arg(long)]
    from: Option<Date>,
    /// A resource's size in GB, such as orders-db=500; may be given for each
    #[arg(long = "size", value_name = "RESOURCE=GB", value_parser = size)]
    sizes: Vec<(ResourceName, f64)>,
    /// Which part of the data changes in a day
    #[arg(long, default_value = "2%", value_parser = percent)]
    change_per_day: f64,
    /// Prices in place of the list that is compiled in (shared/plan/src/prices.yaml shows the shape)
    #[arg(long)]
    prices: Option<PathBuf>,
    /// JSON instead of text for people
    #[arg(long)]
    json: bool,
}

impl Forecast {
    pub(crate) fn run(self) -> Result<bool> {
        let Some(compiled) = source::accepted(&self.file)? else { return Ok(false) };
        let prices = match &self.prices {
            Some(file) => {
                let shown = file.display().to_string();
                let text = fs::read_to_string(file).with_context(|| format!("could not read {shown}"))?;
                PriceList::overridden(&shown, &text).map_err(|problems| anyhow!("{problems}"))?
            }
            None => PriceList::built_in().clone(),
        };
        let request = ForecastRequest {
            from: self.from.unwrap_or_else(today),
            sizes_gb: BTreeMap::from_iter(self.sizes),
            change_per_day: self.change_per_day,
            prices,
        };
        let forecast = forecast(compiled.plan(), &request).with_context(|| self.file.display().to_string())?;
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &forecast)?;
            writeln!(out)?;
        } else {
            write!(out, "{forecast}")?;
        }
        Ok(true)
    }
}

/// `orders-db=500`
fn size(text: &str) -> Result<(ResourceName, f64), String> {
    let wanted = "RESOURCE=GB is wanted, such as orders-db=500";
    let (name, gb) = text.split_once('=').ok_or(wanted)?;
    let name = name.parse().map_err(|error| format!("{error}"))?;
    Ok((name, gb.trim_end_matches("GB").trim().parse().map_err(|_| wanted)?))
}

/// `2%`
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').ok_or("a percentage is wanted, such as 2%")?;
    let number: f64 = number.trim().parse().map_err(|_| "a percentage is wanted, such as 2%")?;
    Ok(number / 100.0)
}
