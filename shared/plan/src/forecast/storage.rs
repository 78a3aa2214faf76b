//! Storage and transfer of recovery points.

use std::collections::BTreeMap;

use holdfast_domain::Plan;
use holdfast_domain::plan::{CopyRule, ResourceKind, StorageClass};
use jiff::{SignedDuration, Timestamp};

use super::{Asset, CostForecast, ForecastRequest, Year, size};
use crate::almanac::{Kept, Point, points};
use crate::promise::copied_rules;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Where a copy lies.
pub(super) fn place(copy: &CopyRule) -> String {
    copy.account.as_ref().map_or_else(|| copy.region.to_string(), |account| format!("{} ({account})", copy.region))
}

/// Everything that is stored or moved for one resource.
pub(super) fn costs(asset: &Asset<'_>, year: &Year) -> Vec<CostForecast> {
    let resource = asset.resource;
    let mut rows = Vec::new();
    let own: Vec<Kept<'_>> = resource
        .snapshots
        .values()
        .filter_map(|rule| Some(Kept { schedules: vec![rule.schedule()?], keep: rule.keep }))
        .collect();
    if !own.is_empty() {
        let all = points(&own, Some(year.begins), year.ends);
        let what = if asset.price().is_some() { "snapshots" } else { "objects" };
        rows.push(asset.stored(what, resource.region.to_string(), &all, year, true));
    }
    rows.extend(continuous(asset, year));
    for copy in &resource.copies {
        rows.extend(copied(asset, copy, year));
    }
    if let Some(keep) = resource.bucket.and_then(|bucket| bucket.versions_keep) {
        let gb = asset.gb * asset.request.change_per_day;
        let by_day = |day: f64| gb * day.min(days(keep));
        let price = asset.request.prices.object_gb_month(None);
        rows.push(steady(asset, "objects", resource.region.to_string(), year, price, by_day));
    }
    rows
}

/// Backup storage that AWS gives with the databases of a region: as much as they have storage themselves, for snapshots and automated
/// backups together (source: "Amazon RDS for PostgreSQL pricing", backup storage).
pub(super) fn allowances(plan: &Plan, costs: &[CostForecast], request: &ForecastRequest) -> Vec<CostForecast> {
    let Some(price) = request.prices.backup_gb_month(ResourceKind::RdsInstance) else { return Vec::new() };
    let mut regions: BTreeMap<String, (f64, Vec<f64>)> = BTreeMap::new();
    for (name, resource) in plan.resources.iter().filter(|(_, resource)| resource.db_instance().is_some()) {
        let (free, used) = regions.entry(resource.region.to_string()).or_insert_with(|| (0.0, vec![0.0; 12]));
        *free += size(name, resource, request);
        // Everything of the account in this region counts, also copies that come from another.
        let rows =
            costs.iter().filter(|row| row.resource == name.as_str() && matches!(row.what, "snapshots" | "continuous"));
        for row in rows.filter(|row| row.place == resource.region.as_str()) {
            used.iter_mut().zip(&row.quantity).for_each(|(used, gb)| *used += gb);
        }
    }
    let row = |(place, (free, used)): (String, (f64, Vec<f64>))| {
        let quantity: Vec<f64> = used.iter().map(|used| -used.min(free)).collect();
        let cost = quantity.iter().map(|gb| gb * price).collect();
        CostForecast { resource: "(all)".into(), what: "allowance", place, quantity, cost }
    };
    regions.into_iter().map(row).collect()
}

/// Automated backups, from which a point in time is restored, and their replica.
fn continuous(asset: &Asset<'_>, year: &Year) -> Vec<CostForecast> {
    let (Some(pitr), Some(price)) = (&asset.resource.pitr, asset.price()) else { return Vec::new() };
    let change = asset.gb * asset.request.change_per_day;
    // The first backup of a cluster is its volume itself, which is free; that of an instance counts against the region's allowance.
    let first = if asset.resource.db_cluster().is_some() { 0.0 } else { asset.gb };
    let by_day = |day: f64| first + change * day.min(days(pitr.window));
    let mut rows = vec![steady(asset, "continuous", asset.resource.region.to_string(), year, price, by_day)];
    if let Some(target) = &pitr.replicate_to {
        let there = |day: f64| asset.gb + change * day.min(days(pitr.window));
        rows.push(steady(asset, "continuous", target.to_string(), year, price, there));
        let moved: Vec<f64> = months(year)
            .enumerate()
            .map(|(nth, (begins, ends))| {
                let first = if nth == 0 { asset.gb } else { 0.0 };
                first + change * days(ends.duration_since(begins))
            })
            .collect();
        rows.push(asset.moved(target.to_string(), moved));
    }
    rows
}

fn copied(asset: &Asset<'_>, copy: &CopyRule, year: &Year) -> Vec<CostForecast> {
    let rules = copied_rules(asset.resource, copy);
    let schedules: Vec<_> = rules.iter().filter_map(|(_, rule)| rule.schedule()).collect();
    if schedules.is_empty() {
        // Objects that are copied one by one: the copy is as large as the source.
        if asset.resource.snapshots.is_empty() && asset.resource.external.is_none() {
            let price = asset.price().unwrap_or_else(|| asset.request.prices.object_gb_month(None));
            return vec![steady(asset, "copies", place(copy), year, price, |_| asset.gb)];
        }
        return Vec::new();
    }
    let all = points(&[Kept { schedules, keep: copy.keep }], Some(year.begins), year.ends);
    let mut rows = vec![asset.stored("copies", place(copy), &all, year, false)];
    if copy.region != asset.resource.region {
        let mut moved = vec![0.0; year.months.len()];
        let mut last: Option<Point> = None;
        for point in &all {
            let before = last.filter(|last| last.expires > point.at);
            if let Some(month) = moved.get_mut(year.month(point.at)) {
                *month += asset.grown(before, *point);
            }
            last = Some(*point);
        }
        rows.push(asset.moved(place(copy), moved));
    }
    rows
}

/// Storage that follows from how many days the plan has run, and from nothing else.
fn steady(
    asset: &Asset<'_>,
    what: &'static str,
    place: String,
    year: &Year,
    price: f64,
    by_day: impl Fn(f64) -> f64,
) -> CostForecast {
    let quantity: Vec<f64> =
        months(year).map(|month| mean(month, |at| by_day(days(at.duration_since(year.begins))))).collect();
    let cost = quantity.iter().map(|gb| gb * price).collect();
    CostForecast { resource: asset.name.to_string(), what, place, quantity, cost }
}

impl Asset<'_> {
    /// Per GB and month, if AWS keeps the recovery points itself.
    fn price(&self) -> Option<f64> {
        self.request.prices.backup_gb_month(self.resource.target.kind())
    }

    /// Whether a recovery point holds only what changed since the one before.
    fn is_incremental(&self) -> bool {
        match self.resource.target.kind() {
            ResourceKind::RdsInstance | ResourceKind::Bucket | ResourceKind::TerraformState => true,
            ResourceKind::AuroraCluster
            | ResourceKind::DocDbCluster
            | ResourceKind::Secrets
            | ResourceKind::Redis
            | ResourceKind::PostgresDump
            | ResourceKind::MongoDump => false,
        }
    }

    /// What one more recovery point adds, in GB.
    fn grown(&self, before: Option<Point>, point: Point) -> f64 {
        match before.filter(|_| self.is_incremental()) {
            Some(before) => self.gb * (self.request.change_per_day * days(point.at.duration_since(before.at))).min(1.0),
            None => self.gb,
        }
    }

    /// Storage of recovery points. `tiered`: whether the resource's tiers move them.
    fn stored(&self, what: &'static str, place: String, all: &[Point], year: &Year, tiered: bool) -> CostForecast {
        let (mut quantity, mut cost) = (Vec::new(), Vec::new());
        for month in months(year) {
            quantity.push(mean(month, |at| self.kept(all, at, |_| 1.0)));
            cost.push(mean(month, |at| self.kept(all, at, |age| self.price_at(age, tiered))));
        }
        CostForecast { resource: self.name.to_string(), what, place, quantity, cost }
    }

    /// What is kept at an instant, each GB weighed.
    fn kept(&self, all: &[Point], at: Timestamp, weigh: impl Fn(SignedDuration) -> f64) -> f64 {
        let (mut sum, mut before) = (0.0, None);
        // A manual snapshot of a cluster costs nothing while continuous backup reaches back to it (source: Aurora User Guide,
        // "Understanding Amazon Aurora backup storage usage").
        let free = self.resource.pitr.as_ref().filter(|_| self.resource.db_cluster().is_some()).map(|pitr| pitr.window);
        for point in all.iter().take_while(|point| point.at <= at).filter(|point| point.expires > at) {
            let age = at.duration_since(point.at);
            if free.is_none_or(|window| age >= window) {
                sum += self.grown(before, *point) * weigh(age);
            }
            before = Some(*point);
        }
        sum
    }

    fn price_at(&self, age: SignedDuration, tiered: bool) -> f64 {
        if let Some(price) = self.price() {
            return price;
        }
        let tiers = if tiered { self.resource.tiers.as_slice() } else { &[] };
        let class: Option<StorageClass> =
            tiers.iter().take_while(|tier| tier.after <= age).last().map(|tier| tier.class);
        self.request.prices.object_gb_month(class)
    }

    fn moved(&self, place: String, gb: Vec<f64>) -> CostForecast {
        let cost = gb.iter().map(|gb| gb * self.request.prices.transfer_gb).collect();
        CostForecast { resource: self.name.to_string(), what: "transfer", place, quantity: gb, cost }
    }
}

/// The months of the year: from when until when.
fn months(year: &Year) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let ends = year.months.iter().skip(1).copied().chain([year.ends]);
    year.months.iter().copied().zip(ends)
}

/// The mean over a month of what is there at noon of each of its days.
fn mean((begins, ends): (Timestamp, Timestamp), at: impl Fn(Timestamp) -> f64) -> f64 {
    let noons = (0..32).filter_map(|day| begins.checked_add(DAY * day + DAY / 2).ok()).take_while(|noon| *noon < ends);
    let (sum, count) = noons.fold((0.0, 0.0), |(sum, count), noon| (sum + at(noon), count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

fn days(span: SignedDuration) -> f64 {
    span.as_secs_f64() / DAY.as_secs_f64()
}
