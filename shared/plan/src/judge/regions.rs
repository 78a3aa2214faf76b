//! B37: data does not enter a region that its resource does not allow.

use holdfast_domain::Region;

use super::{Remark, Subject};
use crate::problem::code;

pub(super) fn judge(subject: &Subject<'_>, remarks: &mut Vec<Remark>) {
    let resource = subject.resource;
    if resource.regions_allowed.is_empty() {
        return;
    }
    let copies = resource.copies.iter().enumerate();
    let mut entered: Vec<(String, &Region)> =
        copies.map(|(at, copy)| (format!("copies[{at}].region"), &copy.region)).collect();
    if let Some(target) = resource.pitr.as_ref().and_then(|pitr| pitr.replicate_to.as_ref()) {
        entered.push(("pitr.replicate_to".into(), target));
    }
    entered.extend(resource.standby.iter().map(|standby| ("standby.region".into(), &standby.region)));
    // A test in the resource's own region says nothing new.
    let tests = resource.restore_tests.iter().filter(|(_, test)| test.region != resource.region);
    entered.extend(tests.map(|(name, test)| (format!("restore_tests.{name}.region"), &test.region)));
    let allowed: Vec<&str> = resource.regions_allowed.iter().map(Region::as_str).collect();
    for (field, region) in entered.into_iter().filter(|(_, region)| !resource.regions_allowed.contains(*region)) {
        let message = format!(
            "{region} is not among the regions that data of {} may enter (regions_allowed) (B37)",
            subject.name
        );
        let legal = format!("one of {} is wanted, or {region} in regions_allowed", allowed.join(", "));
        remarks.push(Remark::error(code::FORBIDDEN_REGION, subject.path(&field), message, legal));
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, assert_said, said};

    #[test]
    fn data_enters_no_region_that_is_not_allowed() {
        let at = |field: &str| format!("error resources.orders.{field}: ");
        let everywhere = "regions_allowed: [eu-central-1, eu-west-1]\n\
            copies: [{ region: eu-west-1, kms_key: alias/k, keep: 7d, within: 1h }, { region: us-east-1, kms_key: alias/k, keep: 7d, within: 1h }]\n\
            pitr: { window: 7d, lag_max: 10m, replicate_to: us-west-2 }\n\
            standby: { id: r, region: us-east-2, lag_max: 1m }\n\
            restore_tests: { there: { after: daily, from: latest, region: us-east-1, instance_class: db.t4g.medium, deadline: 1h } }\n\
            checks: { integrity: full }\n";
        let said_there = said("HF053", &(DATABASE.to_owned() + everywhere));
        let wanted: &[(&str, &[&str])] = &[
            (
                &at("copies[1].region"),
                &["us-east-1 is not among the regions", "(B37)", "one of eu-central-1, eu-west-1 is wanted"],
            ),
            (&at("pitr.replicate_to"), &["us-west-2"]),
            (&at("standby.region"), &["us-east-2"]),
            (&at("restore_tests.there.region"), &["us-east-1"]),
        ];
        assert_said(&said_there, wanted, "everywhere");
        let none = everywhere.replace("regions_allowed: [eu-central-1, eu-west-1]\n", "");
        assert_said(&said("HF053", &(DATABASE.to_owned() + &none)), &[], "every region if none is named");
    }
}
