//! The rooms of restore tests: temporary databases, paid by the hour.

use holdfast_domain::plan::{Due, RestoreTestRule};
use jiff::Timestamp;

use super::{Asset, CostForecast, Notes, Year};

/// Hours of a month, as AWS's prices count them.
const HOURS_PER_MONTH: f64 = 730.0;

pub(super) fn costs(asset: &Asset<'_>, year: &Year, notes: &mut Notes) -> Vec<CostForecast> {
    let tests = asset.resource.restore_tests.values();
    let rows: Vec<CostForecast> = tests.filter_map(|test| cost(asset, test, year, notes)).collect();
    // One row per region: that is how the bill comes.
    let mut merged: Vec<CostForecast> = Vec::new();
    for row in rows {
        match merged.iter_mut().find(|known| known.place == row.place) {
            Some(known) => {
                known.quantity.iter_mut().zip(&row.quantity).for_each(|(sum, more)| *sum += more);
                known.cost.iter_mut().zip(&row.cost).for_each(|(sum, more)| *sum += more);
            }
            None => merged.push(row),
        }
    }
    merged
}

fn cost(asset: &Asset<'_>, test: &RestoreTestRule, year: &Year, notes: &mut Notes) -> Option<CostForecast> {
    let prices = &asset.request.prices;
    let Some(hourly) = prices.instance_hour(&test.instance_class) else {
        notes.unpriced.insert(test.instance_class.clone());
        return None;
    };
    let hours = test.deadline.as_secs_f64() / 3600.0;
    let each = hours * hourly + asset.gb * prices.room_gb_month * hours / HOURS_PER_MONTH;
    let mut quantity = vec![0.0; year.months.len()];
    let mut cost = quantity.clone();
    for at in begins(asset, test, year) {
        let month = year.month(at);
        if let (Some(quantity), Some(cost)) = (quantity.get_mut(month), cost.get_mut(month)) {
            *quantity += hours;
            *cost += each;
        }
    }
    Some(CostForecast {
        resource: asset.name.to_string(),
        what: "rooms",
        place: test.region.to_string(),
        quantity,
        cost,
    })
}

/// When the tests of a rule begin; those that follow a snapshot, when that is taken.
fn begins(asset: &Asset<'_>, test: &RestoreTestRule, year: &Year) -> Vec<Timestamp> {
    let schedule = match &test.due {
        Due::At(at) => Some(at),
        Due::After(rule) => asset.resource.snapshots.get(rule).and_then(|rule| rule.schedule()),
    };
    let firings = schedule.into_iter().flat_map(|schedule| schedule.firings_from(year.begins));
    firings.map(|firing| firing.at).take_while(|at| *at < year.ends).collect()
}
