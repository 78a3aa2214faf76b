//! X5: manual snapshots against the account's quota, over a whole year.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Resource, Retention};
use holdfast_domain::{AccountName, Plan, Region, ResourceName};
use jiff::{SignedDuration, Timestamp};

use super::Remark;
use crate::almanac::{Almanac, Kept, YEAR_BEGINS, YEAR_DAYS};
use crate::problem::code;
use crate::promise::copied_rules;
use crate::words::retention;

/// AWS counts DB snapshots and DB cluster snapshots apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Instance,
    Cluster,
}

/// What has a quota of its own: one sort of snapshot in one region of one account.
type Shelf<'p> = (Option<&'p AccountName>, &'p Region, Sort);

pub(super) fn judge(plan: &Plan, almanac: &mut Almanac, remarks: &mut Vec<Remark>) {
    let mut shelves: BTreeMap<Shelf<'_>, Vec<u64>> = BTreeMap::new();
    for resource in plan.resources.values() {
        for (shelf, sorts) in kept(resource) {
            let by_day = almanac.kept_by_day(&sorts);
            let total = shelves.entry(shelf).or_insert_with(|| vec![0; YEAR_DAYS]);
            for (total, kept) in total.iter_mut().zip(by_day.iter()) {
                *total += u64::from(*kept);
            }
        }
    }
    for (shelf, by_day) in &shelves {
        let Some((day, peak)) = by_day.iter().copied().enumerate().rev().max_by_key(|(_, kept)| *kept) else {
            continue;
        };
        let quota = u64::from(match shelf.2 {
            Sort::Instance => plan.quotas.db_snapshots,
            Sort::Cluster => plan.quotas.db_cluster_snapshots,
        });
        // The next one is taken before the one whose retention ended is deleted.
        if peak + 1 > quota {
            remarks.push(above(plan, *shelf, (day, peak, quota), almanac));
        }
    }
}

/// What one resource keeps, by shelf. What others take, and what is made on demand, cannot be counted.
fn kept(resource: &Resource) -> BTreeMap<Shelf<'_>, Vec<Kept<'_>>> {
    let sort = match (resource.db_instance(), resource.db_cluster()) {
        (Some(_), _) => Sort::Instance,
        (None, Some(_)) => Sort::Cluster,
        (None, None) => return BTreeMap::new(),
    };
    let mut shelves: BTreeMap<Shelf<'_>, Vec<Kept<'_>>> = BTreeMap::new();
    let own: Vec<Kept<'_>> = resource
        .snapshots
        .values()
        .filter_map(|rule| Some(Kept { schedules: vec![rule.schedule()?], keep: rule.keep }))
        .collect();
    if !own.is_empty() {
        shelves.insert((None, &resource.region, sort), own);
    }
    for copy in &resource.copies {
        let schedules: Vec<_> = copied_rules(resource, copy).iter().filter_map(|(_, rule)| rule.schedule()).collect();
        if !schedules.is_empty() {
            let shelf = (copy.account.as_ref(), &copy.region, sort);
            shelves.entry(shelf).or_default().push(Kept { schedules, keep: copy.keep });
        }
    }
    shelves
}

fn above(plan: &Plan, shelf: Shelf<'_>, (day, peak, quota): (usize, u64, u64), almanac: &mut Almanac) -> Remark {
    let (account, region, sort) = shelf;
    let mut biggest: Option<(&ResourceName, &Resource, u64)> = None;
    for (name, resource) in &plan.resources {
        let Some(sorts) = kept(resource).remove(&shelf) else { continue };
        let count = u64::from(almanac.kept_by_day(&sorts).get(day).copied().unwrap_or(0));
        if biggest.is_none_or(|(_, _, most)| count > most) {
            biggest = Some((name, resource, count));
        }
    }
    let (what, field) = match sort {
        Sort::Instance => ("DB snapshots", "db_snapshots"),
        Sort::Cluster => ("DB cluster snapshots", "db_cluster_snapshots"),
    };
    let place = account.map_or_else(|| region.to_string(), |account| format!("{region} of account {account}"));
    let date = date(day);
    let (most, path) = biggest.map_or((String::new(), "resources".to_owned()), |(name, resource, count)| {
        (format!(", {count} of them of {name}"), field_of(name, resource, shelf))
    });
    let message = format!(
        "{peak} manual {what} in {place} on {date}{most}, and one more before the oldest goes, are above the quota of {quota} \
         (RDS User Guide, \"Quotas and constraints for Amazon RDS\"): from then on none could be taken (X5)"
    );
    let raise = format!("quotas: {{ {field}: {} }} once AWS has granted it", peak + 1);
    let shorter = biggest.and_then(|(_, resource, count)| shorter(resource, shelf, count, peak + 1 - quota, almanac));
    let allowed = match shorter {
        Some(line) => format!("{line} there, or {raise}"),
        None => format!("shorter retention, or {raise}"),
    };
    Remark::error(code::QUOTA, path, message, allowed)
}

/// Where the rule stands that keeps most.
fn field_of(name: &ResourceName, resource: &Resource, shelf: Shelf<'_>) -> String {
    let (account, region, _) = shelf;
    if account.is_none() && *region == resource.region {
        let longest = resource.snapshots.iter().filter(|(_, rule)| rule.schedule().is_some());
        let rule = longest.max_by_key(|(_, rule)| rule.keep.longest()).map(|(rule, _)| format!(".{rule}.keep"));
        return format!("resources.{name}.snapshots{}", rule.unwrap_or_default());
    }
    let copy = resource.copies.iter().position(|copy| copy.account.as_ref() == account && copy.region == *region);
    format!("resources.{name}.copies[{}].keep", copy.unwrap_or_default())
}

/// The longest retention of the rule that keeps most which brings the peak under the quota, if a shorter one does.
fn shorter(resource: &Resource, shelf: Shelf<'_>, count: u64, excess: u64, almanac: &mut Almanac) -> Option<String> {
    let mut sorts = kept(resource).remove(&shelf)?;
    let wanted = count.checked_sub(excess)?;
    let peak = |sorts: &[Kept<'_>], almanac: &mut Almanac| {
        u64::from(almanac.kept_by_day(sorts).iter().copied().max().unwrap_or(0))
    };
    let most = (0..sorts.len()).max_by_key(|at| sorts.get(*at..=*at).map(|sort| peak(sort, almanac)))?;
    let keep = sorts.get(most)?.keep;
    // The fewest days less that are enough lie above `few` and at or below `enough`.
    let (mut few, mut enough) = (0, most_less(keep));
    while few + 1 < enough {
        let tried = few.midpoint(enough);
        sorts.get_mut(most)?.keep = less(keep, tried);
        if peak(&sorts, almanac) <= wanted {
            enough = tried;
        } else {
            few = tried;
        }
    }
    let keep = less(keep, enough);
    sorts.get_mut(most)?.keep = keep;
    (peak(&sorts, almanac) <= wanted).then(|| written(keep))
}

/// By how many days a retention can be shortened at most.
fn most_less(keep: Retention) -> u32 {
    match keep {
        Retention::Age(age) => u32::try_from(age.as_hours() / 24).unwrap_or(u32::MAX).saturating_sub(1),
        Retention::Slots { daily, .. } => daily.saturating_sub(1),
    }
}

fn less(keep: Retention, days: u32) -> Retention {
    match keep {
        Retention::Age(age) => Retention::Age(age.saturating_sub(SignedDuration::from_hours(24 * i64::from(days)))),
        Retention::Slots { daily, weekly, monthly, yearly } => {
            Retention::Slots { daily: daily.saturating_sub(days), weekly, monthly, yearly }
        }
    }
}

fn written(keep: Retention) -> String {
    format!("keep: {}", retention(keep))
}

/// The date of a day of the reference year.
fn date(day: usize) -> String {
    let days = i64::try_from(day).unwrap_or(0);
    let at = YEAR_BEGINS.saturating_add(SignedDuration::from_hours(days * 24)).unwrap_or(Timestamp::MAX);
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, assert_said, said, said_of};

    const CREW: &str = "{ daily: 30, weekly: 4, monthly: 12 }";

    #[test]
    fn the_peak_of_the_year_is_counted_by_region_and_account() {
        let keep = |keep: &str| DATABASE.replace("keep: 7d", &format!("keep: {keep}"));
        // 99 kept, and the next is taken before the oldest goes.
        assert_said(&said("HF049", &keep("99d")), &[], "99 days");
        assert_said(
            &said("HF049", &keep("100d")),
            &[(
                "error resources.orders.snapshots.daily.keep: 100 manual DB snapshots in eu-central-1 on 2026-01-01, 100 of them of orders",
                &["the quota of 100", "(X5)", "keep: 99d there, or quotas: { db_snapshots: 101 }"],
            )],
            "100 days",
        );
        let crew = |count: usize| -> Vec<(String, String)> {
            (0..count)
                .map(|nth| (format!("db-{nth}"), keep(CREW).replace("orders-prod", &format!("db-{nth}"))))
                .collect()
        };
        let said_of_crew = |count: usize, top: &str| {
            let all = crew(count);
            let all: Vec<(&str, &str)> =
                all.iter().map(|(name, resource)| (name.as_str(), resource.as_str())).collect();
            said_of("HF049", top, &all)
        };
        assert_said(&said_of_crew(2, ""), &[], "82");
        assert_said(
            &said_of_crew(3, ""),
            &[(
                "error resources.db-0.snapshots.daily.keep: 123 manual",
                &["keep: { daily: 3, weekly: 4, monthly: 12 }", "db_snapshots: 124"],
            )],
            "123",
        );
        assert_said(&said_of_crew(3, "quotas: { db_snapshots: 200 }"), &[], "granted");
        let copied = keep("40d") + "copies: [{ region: eu-west-1, kms_key: alias/k, keep: 200d, within: 1h }]\n";
        assert_said(
            &said("HF049", &copied),
            &[("error resources.orders.copies[0].keep: 200 manual DB snapshots in eu-west-1", &["keep: 99d there"])],
            "copies",
        );
        let cluster = keep("100d").replace("rds-instance", "aurora-cluster");
        assert_said(
            &said("HF049", &cluster),
            &[("error", &["100 manual DB cluster snapshots", "db_cluster_snapshots: 101"])],
            "clusters",
        );
        let both = [
            ("one", keep("60d").replace("orders-prod", "one")),
            ("two", keep("60d").replace("rds-instance", "aurora-cluster")),
        ];
        let both: Vec<(&str, &str)> = both.iter().map(|(name, resource)| (*name, resource.as_str())).collect();
        assert_said(&said_of("HF049", "", &both), &[], "each sort has its own quota");
    }
}
