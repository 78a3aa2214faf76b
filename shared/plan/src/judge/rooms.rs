//! Restore tests need DB instances too, and the account has only so many.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::Resource;
use holdfast_domain::{Plan, Region};

use super::{Remark, is_managed};
use crate::problem::code;

pub(super) fn judge(plan: &Plan, remarks: &mut Vec<Remark>) {
    let mut known: BTreeMap<&Region, u64> = BTreeMap::new();
    for resource in plan.resources.values() {
        // A cluster has one instance at least; a standby is another.
        if is_managed(resource) {
            *known.entry(&resource.region).or_default() += 1;
        }
        if let Some(standby) = &resource.standby {
            *known.entry(&standby.region).or_default() += 1;
        }
    }
    let tests = plan.resources.values().flat_map(|resource: &Resource| resource.restore_tests.values());
    let rooms: BTreeSet<&Region> = tests.map(|test| &test.region).collect();
    for region in rooms {
        let (standing, quota) = (known.get(region).copied().unwrap_or(0), u64::from(plan.quotas.db_instances));
        let wanted = standing + u64::from(plan.rooms_max);
        if wanted <= quota {
            continue;
        }
        let free = quota.saturating_sub(standing);
        let message = format!(
            "{} rooms at once and the {standing} DB instances of this plan in {region} are {wanted}, above the quota of {quota}: restores would \
             be refused (RDS User Guide, \"Quotas and constraints for Amazon RDS\")",
            plan.rooms_max
        );
        let raise = format!("quotas: {{ db_instances: {wanted} }} once AWS has granted it");
        let allowed = if free == 0 { raise } else { format!("rooms_max: {free}, or {raise}") };
        remarks.push(Remark::warning(code::ROOMS, "rooms_max".into(), message, allowed));
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, assert_said, said_of};

    #[test]
    fn rooms_and_databases_stay_under_the_quota_of_their_region() {
        let tested = DATABASE.to_owned()
            + "restore_tests: { every: { after: daily, from: latest, instance_class: db.t4g.medium, deadline: 1h } }\nchecks: { integrity: full }\n";
        let all = [("orders", tested.as_str())];
        assert_said(&said_of("HF060", "rooms_max: 2\nquotas: { db_instances: 3 }", &all), &[], "three of three");
        assert_said(
            &said_of("HF060", "rooms_max: 3\nquotas: { db_instances: 3 }", &all),
            &[(
                "warning rooms_max: ",
                &["are 4, above the quota of 3", "rooms_max: 2, or quotas: { db_instances: 4 }"],
            )],
            "four of three",
        );
        assert_said(
            &said_of("HF060", "rooms_max: 3\nquotas: { db_instances: 3 }", &[("orders", DATABASE)]),
            &[],
            "never tested",
        );
    }
}
