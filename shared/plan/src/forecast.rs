//! What a plan will keep and cost over a year: recovery points, storage, transfer, and the rooms of its restore tests.
//!
//! A forecast and no bill: sizes, the rate of change and the prices are assumptions, and each is stated beside the numbers. The day
//! it begins with is given, as if the plan began on it with nothing kept yet: no clock is read here.

mod rooms;
mod statements;
mod storage;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{Resource, ResourceKind, Retention};
use holdfast_domain::{Plan, ResourceName};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Serialize;

use crate::almanac::{self, Kept};
use crate::prices::PriceList;
use crate::promise::copied_rules;
use crate::words::{retention, shortened};

/// Months that are forecast.
const MONTHS: i64 = 12;

/// What the forecast rests on.
#[derive(Debug, Clone)]
pub struct ForecastRequest {
    /// The first day.
    pub from: Date,
    /// Sizes that are known, in GB.
    pub sizes_gb: BTreeMap<ResourceName, f64>,
    /// Which part of the data changes in a day: 0.02 is two percent.
    pub change_per_day: f64,
    /// What AWS asks.
    pub prices: PriceList,
}

/// Why nothing can be forecast.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// A size is given for something that is not there.
    #[error("a size is given for {0}, which the plan does not have")]
    NoSuchResource(ResourceName),
    /// A size or a rate that cannot be.
    #[error("{what} is {given}: {allowed}")]
    OutOfBounds {
        /// What was given.
        what: &'static str,
        /// Its value.
        given: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The year runs out of the calendar.
    #[error("no forecast can begin on {0}")]
    TooLate(Date),
}

/// A year of a plan. `Display` is for people, `Serialize` for machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// The plan's name.
    pub plan: String,
    /// The environment it is for.
    pub environment: String,
    /// The first day.
    pub from: String,
    /// The first day of each month of the forecast.
    pub months: Vec<String>,
    /// The currency of every cost.
    pub currency: String,
    /// What the numbers rest on, in words.
    pub assumptions: Vec<String>,
    /// What is not in the numbers, in words.
    pub left_out: Vec<String>,
    /// Recovery points by resource and rule.
    pub points: Vec<PointsForecast>,
    /// Costs by resource and sort; a credit is below zero.
    pub costs: Vec<CostForecast>,
}

/// How many recovery points one rule keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PointsForecast {
    /// Which resource.
    pub resource: String,
    /// Which rule, or which copy.
    pub rule: String,
    /// In which region, and account if another.
    pub place: String,
    /// Its retention.
    pub keep: String,
    /// How many are kept when the year is over.
    pub after_a_year: usize,
    /// The most that are kept at any time of it.
    pub at_most: usize,
}

/// What one sort of thing costs for one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostForecast {
    /// Which resource, or `(all)`.
    pub resource: String,
    /// `snapshots`, `continuous`, `copies`, `objects`, `transfer`, `rooms` or `allowance`.
    pub what: &'static str,
    /// In which region, and account if another.
    pub place: String,
    /// GB-months of storage, or GB moved, or hours of rooms, by month.
    pub quantity: Vec<f64>,
    /// What it costs, by month.
    pub cost: Vec<f64>,
}

impl Forecast {
    /// What each month costs in all.
    #[must_use]
    pub fn monthly(&self) -> Vec<f64> {
        let sum = |month: usize| self.costs.iter().filter_map(|row| row.cost.get(month)).sum();
        (0..self.months.len()).map(sum).collect()
    }
}

/// A year, cut into months.
struct Year {
    begins: Timestamp,
    ends: Timestamp,
    /// The first instant of each month.
    months: Vec<Timestamp>,
}

impl Year {
    fn from(first: Date) -> Option<Self> {
        let at = |months: i64| {
            let date = first.checked_add(Span::new().months(months)).ok()?;
            Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
        };
        let months: Option<Vec<Timestamp>> = (0..MONTHS).map(at).collect();
        Some(Self { begins: at(0)?, ends: at(MONTHS)?, months: months? })
    }

    /// The number of the month in which an instant lies.
    fn month(&self, at: Timestamp) -> usize {
        self.months.partition_point(|begins| *begins <= at).saturating_sub(1)
    }
}

/// Forecasts a year of a plan.
///
/// # Errors
/// If what it shall rest on cannot be.
pub fn forecast(plan: &Plan, request: &ForecastRequest) -> Result<Forecast, ForecastError> {
    check(plan, request)?;
    let year = Year::from(request.from).ok_or(ForecastError::TooLate(request.from))?;
    let mut notes = Notes::default();
    let (mut points, mut costs) = (Vec::new(), Vec::new());
    for (name, resource) in &plan.resources {
        let asset = Asset { name, resource, gb: size(name, resource, request), request };
        points.extend(counted(&asset, &year));
        costs.extend(storage::costs(&asset, &year));
        costs.extend(rooms::costs(&asset, &year, &mut notes));
    }
    costs.extend(storage::allowances(plan, &costs, request));
    costs.retain(|row| row.quantity.iter().any(|quantity| *quantity != 0.0));
    Ok(Forecast {
        plan: plan.name.to_string(),
        environment: plan.environment.to_string(),
        from: request.from.to_string(),
        months: year.months.iter().map(|at| at.strftime("%Y-%m-%d").to_string()).collect(),
        currency: request.prices.currency.clone(),
        assumptions: statements::assumptions(plan, request),
        left_out: statements::left_out(plan, &notes),
        points,
        costs,
    })
}

/// A resource and what is taken for granted of it.
struct Asset<'p> {
    name: &'p ResourceName,
    resource: &'p Resource,
    gb: f64,
    request: &'p ForecastRequest,
}

/// What came up on the way and has to be said.
#[derive(Default)]
struct Notes {
    /// Instance classes without a price.
    unpriced: BTreeSet<String>,
}

fn check(plan: &Plan, request: &ForecastRequest) -> Result<(), ForecastError> {
    if let Some(name) = request.sizes_gb.keys().find(|name| !plan.resources.contains_key(*name)) {
        return Err(ForecastError::NoSuchResource(name.clone()));
    }
    if let Some(given) = request.sizes_gb.values().copied().find(|gb| !(0.0..=1e9).contains(gb)) {
        return Err(ForecastError::OutOfBounds { what: "a size", given, allowed: "0 to 1000000000 GB is wanted" });
    }
    if !(0.0..=1.0).contains(&request.change_per_day) {
        let (what, allowed) = ("the part that changes in a day", "0% to 100% is wanted");
        return Err(ForecastError::OutOfBounds { what, given: request.change_per_day, allowed });
    }
    Ok(())
}

fn size(name: &ResourceName, resource: &Resource, request: &ForecastRequest) -> f64 {
    request.sizes_gb.get(name).copied().unwrap_or_else(|| size_default(resource.target.kind()))
}

/// What is assumed of a size that nobody gave.
fn size_default(kind: ResourceKind) -> f64 {
    match kind {
        ResourceKind::RdsInstance
        | ResourceKind::AuroraCluster
        | ResourceKind::DocDbCluster
        | ResourceKind::PostgresDump
        | ResourceKind::MongoDump
        | ResourceKind::Bucket => 100.0,
        ResourceKind::Redis => 10.0,
        ResourceKind::TerraformState | ResourceKind::Secrets => 0.01,
    }
}

/// Recovery points of each rule and each copy by itself.
fn counted(asset: &Asset<'_>, year: &Year) -> Vec<PointsForecast> {
    let resource = asset.resource;
    let row = |rule: String, place: String, keep: Retention, sort: Kept<'_>| {
        let all = almanac::points(&[sort], Some(year.begins), year.ends);
        let mut changes: Vec<(Timestamp, i64)> = all.iter().flat_map(|p| [(p.at, 1), (p.expires, -1)]).collect();
        changes.sort_unstable();
        let (mut kept, mut most) = (0_i64, 0);
        for (_, change) in changes {
            kept += change;
            most = most.max(kept);
        }
        PointsForecast {
            resource: asset.name.to_string(),
            rule,
            place,
            keep: retention(keep),
            after_a_year: all.iter().filter(|point| point.expires > year.ends).count(),
            at_most: usize::try_from(most).unwrap_or(0),
        }
    };
    let mut rows = Vec::new();
    for (name, rule) in &resource.snapshots {
        if let Some(at) = rule.schedule() {
            let sort = Kept { schedules: vec![at], keep: rule.keep };
            rows.push(row(name.to_string(), resource.region.to_string(), rule.keep, sort));
        }
    }
    for copy in &resource.copies {
        let of = copied_rules(resource, copy);
        let schedules: Vec<_> = of.iter().filter_map(|(_, rule)| rule.schedule()).collect();
        if !schedules.is_empty() {
            let names: Vec<&str> = of.iter().map(|(name, _)| name.as_str()).collect();
            let sort = Kept { schedules, keep: copy.keep };
            rows.push(row(format!("copy of {}", shortened(&names)), storage::place(copy), copy.keep, sort));
        }
    }
    rows
}
