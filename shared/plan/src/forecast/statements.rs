//! What a forecast says about itself: what it rests on, and what it leaves out.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::Plan;
use holdfast_domain::plan::Resource;

use super::{ForecastRequest, Notes, size_default};
use crate::words::shortened;

/// Prices, sizes and arithmetic that the forecast takes for granted.
pub(super) fn assumptions(plan: &Plan, request: &ForecastRequest) -> Vec<String> {
    let prices = &request.prices;
    let mut lines = vec![format!(
        "prices: list prices of {} as of {} in {} ({})",
        prices.region, prices.as_of, prices.currency, prices.source
    )];
    let used = prices_used(plan).into_iter().filter(|name| prices.is_assumed(name)).collect::<Vec<_>>();
    if !used.is_empty() {
        lines.push(format!("of these, assumed and not checked: {}", used.join(", ")));
    }
    let (mut given, mut assumed): (Vec<String>, BTreeMap<String, Vec<&str>>) = (Vec::new(), BTreeMap::new());
    for (name, resource) in &plan.resources {
        match request.sizes_gb.get(name) {
            Some(gb) => given.push(format!("{name} {gb} GB")),
            None => {
                let gb = format!("{} GB", size_default(resource.target.kind()));
                assumed.entry(gb).or_default().push(name.as_str());
            }
        }
    }
    if !given.is_empty() {
        lines.push(format!("sizes, given: {}", given.join(", ")));
    }
    for (gb, names) in assumed {
        lines.push(format!("size, assumed: {gb} each for {} (--size NAME=GB)", shortened(&names)));
    }
    lines.push(format!(
        "{}% of each changes per day, each day another part (--change-per-day); sizes stay as they are",
        request.change_per_day * 100.0
    ));
    lines.push("RDS snapshots are incremental: the first is full, each further one holds what changed since the one before that is still kept".into());
    lines.push("automated backups and snapshots of one instance are reckoned apart, each with a first full one".into());
    lines.push(
        "Aurora, DocumentDB, ElastiCache and dumps: each recovery point is full, and as large as the data".into(),
    );
    lines.push("rooms: every restore test takes its whole deadline; what it costs is the most that it can cost".into());
    lines
}

/// Names of the entries of the price list that this plan's costs rest on.
fn prices_used(plan: &Plan) -> BTreeSet<String> {
    let kinds = plan.resources.values().map(|resource| resource.target.kind().as_str().to_owned());
    let tests = plan.resources.values().flat_map(|resource| resource.restore_tests.values());
    kinds.chain(tests.map(|test| test.instance_class.clone())).collect()
}

/// What the plan makes and the forecast does not count.
pub(super) fn left_out(plan: &Plan, notes: &Notes) -> Vec<String> {
    let mut lines = Vec::new();
    let names = |wanted: fn(&Resource) -> bool| -> Vec<&str> {
        plan.resources.iter().filter(|(_, resource)| wanted(resource)).map(|(name, _)| name.as_str()).collect()
    };
    let external = names(|resource| resource.external.is_some());
    if !external.is_empty() {
        lines.push(format!("recovery points that others take: {}", shortened(&external)));
    }
    let unplanned = names(|resource| resource.snapshots.values().any(|rule| rule.schedule().is_none()));
    if !unplanned.is_empty() {
        lines.push(format!(
            "recovery points on change or on demand, whose number nobody knows: {}",
            shortened(&unplanned)
        ));
    }
    let standby = names(|resource| resource.standby.is_some());
    if !standby.is_empty() {
        lines.push(format!("standbys, which run whatever is backed up: {}", shortened(&standby)));
    }
    for class in &notes.unpriced {
        lines.push(format!("rooms of {class}, which the price list does not have (--prices)"));
    }
    lines.push("requests, KMS, Lambda, logs: cents beside the above".into());
    lines
}
