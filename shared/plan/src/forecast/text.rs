//! A forecast as a person reads it.

use std::collections::BTreeMap;
use std::fmt;

use super::{CostForecast, Forecast};
use crate::table::Table;

/// Rows of one sort and place: the first of them, and the last month's quantity and cost and the year's cost of all.
type Sum<'f> = (&'f CostForecast, f64, f64, f64);

/// The longest bar, in characters.
const BAR_MAX: usize = 40;
/// The sorts of cost, in the order of their columns.
const SORTS: [&str; 7] = ["snapshots", "continuous", "copies", "objects", "transfer", "rooms", "allowance"];

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, environment, from, .. } = self;
        writeln!(f, "{plan} ({environment}): twelve months from {from}, as if the plan began on that day")?;
        writeln!(f, "\nWhat this rests on")?;
        self.assumptions.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        if !self.points.is_empty() {
            writeln!(f, "\nRecovery points kept")?;
            let mut table = Table::new(&["resource", "rule", "where", "keep", "after a year", "at most"], &[4, 5]);
            for row in &self.points {
                let counts = [row.after_a_year, row.at_most].map(|count| count.to_string());
                let cells = [&row.resource, &row.rule, &row.place, &row.keep].map(Clone::clone);
                table.row(cells.into_iter().chain(counts));
            }
            write!(f, "{table}")?;
        }
        self.by_month(f)?;
        self.by_resource(f)?;
        writeln!(f, "\nNot in these numbers")?;
        self.left_out.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl Forecast {
    fn by_month(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nCost per month, {}", self.currency)?;
        let sorts: Vec<&str> =
            SORTS.into_iter().filter(|sort| self.costs.iter().any(|row| row.what == *sort)).collect();
        let headings: Vec<&str> = ["from"].into_iter().chain(sorts.iter().copied()).chain(["total", ""]).collect();
        let right: Vec<usize> = (1..=sorts.len() + 1).collect();
        let mut table = Table::new(&headings, &right);
        let totals = self.monthly();
        let most = totals.iter().copied().fold(0.0, f64::max);
        for (month, (from, total)) in self.months.iter().zip(&totals).enumerate() {
            let sum = |sort: &&str| -> f64 {
                let sort: &str = sort;
                let rows = self.costs.iter().filter(|row| row.what == sort);
                rows.filter_map(|row| row.cost.get(month)).sum()
            };
            let sums = sorts.iter().map(sum).chain([*total]).map(money);
            table.row([from.clone()].into_iter().chain(sums).chain([bar(*total, most)]));
        }
        let year = |rows: Vec<&CostForecast>| rows.iter().flat_map(|row| &row.cost).sum::<f64>();
        let sums = sorts.iter().map(|sort| year(self.costs.iter().filter(|row| row.what == *sort).collect()));
        table.row(["year".to_owned()].into_iter().chain(sums.chain([totals.iter().sum()]).map(money)));
        write!(f, "{table}")
    }

    fn by_resource(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nBy resource: the last month, and the year in {}", self.currency)?;
        let mut table = Table::new(&["resource", "what", "where", "last month", "", "cost", "year"], &[3, 5, 6]);
        let mut rows: BTreeMap<(&str, usize, &str), Sum<'_>> = BTreeMap::new();
        for row in &self.costs {
            let sort = SORTS.iter().position(|sort| *sort == row.what).unwrap_or(SORTS.len());
            let known = rows.entry((&row.resource, sort, &row.place)).or_insert((row, 0.0, 0.0, 0.0));
            known.1 += row.quantity.last().copied().unwrap_or(0.0);
            known.2 += row.cost.last().copied().unwrap_or(0.0);
            known.3 += row.cost.iter().sum::<f64>();
        }
        for (row, quantity, cost, year) in rows.into_values() {
            let unit = match row.what {
                "rooms" => "hours",
                "transfer" => "GB",
                _ => "GB-months",
            };
            let cells = [row.resource.clone(), row.what.to_owned(), row.place.clone(), format!("{quantity:.1}")];
            table.row(cells.into_iter().chain([unit.to_owned(), money(cost), money(year)]));
        }
        write!(f, "{table}")
    }
}

fn money(amount: f64) -> String {
    // Not -0.00.
    let amount = if amount.abs() < 0.005 { 0.0 } else { amount };
    format!("{amount:.2}")
}

fn bar(amount: f64, most: f64) -> String {
    if most <= 0.0 || amount <= 0.0 {
        return String::new();
    }
    let widths = (0..=BAR_MAX).rev();
    let share = amount / most;
    let width = widths.into_iter().find(|width| ratio(*width) <= share + 1e-9).unwrap_or(0);
    "#".repeat(width.max(1))
}

fn ratio(width: usize) -> f64 {
    let number = |count: usize| u32::try_from(count).map_or(0.0, f64::from);
    number(width) / number(BAR_MAX)
}
