//! Restore tests that would find nothing to restore. That a region has no copies at all the language refuses by itself.

use holdfast_domain::plan::{CopyRule, Due, RestoreFrom, RestoreTestRule};
use holdfast_domain::{RuleName, Schedule};
use jiff::SignedDuration;

use super::{Remark, Subject};
use crate::almanac::{Almanac, Kept};
use crate::problem::code;
use crate::promise::copied_rules;
use crate::units::write_duration;
use crate::words::retention;

pub(super) fn judge(subject: &Subject<'_>, almanac: &mut Almanac, remarks: &mut Vec<Remark>) {
    for (name, test) in &subject.resource.restore_tests {
        let test = Test { name, rule: test };
        let remark = match &test.rule.from {
            RestoreFrom::Latest | RestoreFrom::Random | RestoreFrom::Oldest
                if test.rule.region == subject.resource.region =>
            {
                at_home(subject, test, almanac)
            }
            RestoreFrom::Latest | RestoreFrom::Random | RestoreFrom::Oldest => abroad(subject, test, almanac),
            // That these need pitr is the language's rule; whether one that was named by hand is still there only the inventory knows.
            RestoreFrom::Pitr | RestoreFrom::Time(_) | RestoreFrom::Chosen(_) => None,
        };
        remarks.extend(remark);
    }
}

#[derive(Debug, Clone, Copy)]
struct Test<'p> {
    name: &'p RuleName,
    rule: &'p RestoreTestRule,
}

impl Test<'_> {
    fn nothing(self, subject: &Subject<'_>, field: &str, message: String, allowed: String) -> Remark {
        let path = subject.path(&format!("restore_tests.{}.{field}", self.name));
        Remark::error(code::NOTHING_TO_RESTORE, path, message, allowed)
    }
}

fn at_home(subject: &Subject<'_>, test: Test<'_>, almanac: &mut Almanac) -> Option<Remark> {
    let resource = subject.resource;
    if resource.external.is_some() {
        return None;
    }
    if resource.snapshots.is_empty() {
        let message = "this test finds nothing: nobody takes recovery points of the resource".to_owned();
        let allowed = if resource.pitr.is_some() {
            "from: pitr, or snapshots: { external: rds } to prove RDS's own".to_owned()
        } else {
            "snapshots with at least one rule, or snapshots: external".to_owned()
        };
        return Some(test.nothing(subject, "from", message, allowed));
    }
    let sorts: Option<Vec<Kept<'_>>> = resource
        .snapshots
        .values()
        .map(|rule| Some(Kept { schedules: vec![rule.schedule()?], keep: rule.keep }))
        .collect();
    // With a rule on change or on demand nobody can say beforehand what is there.
    let (sorts, at) = (sorts?, asked(test)?);
    if !comes_again(&sorts, at, almanac) {
        return None;
    }
    let takes = resource.snapshots.values().filter_map(|rule| rule.takes_max).max().unwrap_or(SignedDuration::ZERO);
    let first = almanac.first_without(&sorts, takes, at)?;
    let longest = resource.snapshots.iter().max_by_key(|(_, rule)| rule.keep.longest())?;
    let message = format!("at {first} this test finds nothing: the last snapshot before it is gone already");
    let allowed = format!(
        "a longer keep than {} on snapshots.{}, or after: {} in place of at",
        retention(longest.1.keep),
        longest.0,
        longest.0
    );
    Some(test.nothing(subject, "at", message, allowed))
}

/// In another region only what is copied there can be restored, and only from this account.
fn abroad(subject: &Subject<'_>, test: Test<'_>, almanac: &mut Almanac) -> Option<Remark> {
    let (resource, region) = (subject.resource, &test.rule.region);
    let there = resource.copies.iter().enumerate().filter(|(_, copy)| copy.region == *region);
    let reachable: Vec<(usize, &CopyRule)> = there.filter(|(_, copy)| copy.account.is_none()).collect();
    if reachable.is_empty() {
        let message = format!(
            "this test finds nothing in {region}: the copies there lie in another account, where no room stands"
        );
        let allowed = format!("a copy to {region} without account beside it, or region: {}", resource.region);
        return Some(test.nothing(subject, "region", message, allowed));
    }
    if let Due::After(rule) = &test.rule.due {
        let carried = reachable.iter().any(|(_, copy)| copy.of.is_empty() || copy.of.contains(rule));
        if carried {
            return None;
        }
        let message = format!("this test follows {rule}, whose recovery points are not copied to {region}");
        let (at, _) = reachable.first()?;
        return Some(test.nothing(
            subject,
            "after",
            message,
            format!("{rule} in copies[{at}].of, or region: {}", resource.region),
        ));
    }
    let kept = |copy: &CopyRule| {
        let schedules: Option<Vec<_>> = copied_rules(resource, copy).iter().map(|(_, rule)| rule.schedule()).collect();
        Some(Kept { schedules: schedules.filter(|schedules| !schedules.is_empty())?, keep: copy.keep })
    };
    let sorts: Option<Vec<Kept<'_>>> = reachable.iter().map(|(_, copy)| kept(copy)).collect();
    let (sorts, at) = (sorts?, asked(test)?);
    if !comes_again(&sorts, at, almanac) {
        return None;
    }
    let (copy_at, copy) = *reachable.iter().max_by_key(|(_, copy)| copy.keep.longest())?;
    let within = copy.within.unwrap_or(SignedDuration::ZERO);
    let first = almanac.first_without(&sorts, within, at)?;
    let message = format!(
        "at {first} this test finds nothing in {region}: copies there are kept {}{}, and the last one before it is gone already",
        retention(copy.keep),
        copy.within
            .map(|within| format!(" from when they are taken, {} of it under way", write_duration(within)))
            .unwrap_or_default()
    );
    let allowed = format!("a longer keep on copies[{copy_at}], so that one is there whenever the test runs");
    Some(test.nothing(subject, "at", message, allowed))
}

/// Whether all of it fires more than once: what happens once is a rehearsal, whose order nobody can read from schedules.
fn comes_again(sorts: &[Kept<'_>], test: &Schedule, almanac: &mut Almanac) -> bool {
    let schedules = sorts.iter().flat_map(|sort| sort.schedules.iter().copied());
    schedules.chain([test]).all(|schedule| almanac.longest_gap(&[schedule]).is_some())
}

fn asked<'p>(test: Test<'p>) -> Option<&'p Schedule> {
    match &test.rule.due {
        Due::At(at) => Some(at),
        Due::After(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::tests::{DATABASE, Wanted, assert_said, said, said_of};

    fn tested(resource: &str, test: &str) -> String {
        format!(
            "{resource}restore_tests: {{ monthly: {{ {test}, instance_class: db.t4g.medium, deadline: 4h }} }}\nchecks: {{ integrity: full }}\n"
        )
    }

    const MONTHLY: &str = "at: \"cron(0 6 ? * 2#1 *)\"";

    #[test]
    fn a_test_finds_something_whenever_it_runs() {
        let path = |field: &str| format!("error resources.orders.restore_tests.monthly.{field}: ");
        let there = |copy: &str, test: &str| {
            tested(
                &format!("{DATABASE}copies: [{{ region: eu-west-1, kms_key: alias/k{copy} }}]\n"),
                &format!("{test}, region: eu-west-1"),
            )
        };
        let weekly = DATABASE.replace("rpo: 24h", "rpo: 7d").replace("* * ? *", "? * SUN *");
        let (at, region, after) = (path("at"), path("region"), path("after"));
        let latest = format!("{MONTHLY}, from: latest");
        let cases: &[(&str, String, Wanted<'_>)] = &[
            ("here", tested(DATABASE, &latest), &[]),
            ("weekly, kept a week", tested(&weekly, &latest), &[]),
            (
                "weekly, kept a day",
                tested(&weekly.replace("keep: 7d", "keep: 1d"), &latest),
                &[(
                    &at,
                    &[
                        "at 2026-01-05T06:00:00Z this test finds nothing",
                        "a longer keep than 1d on snapshots.daily, or after: daily",
                    ],
                )],
            ),
            ("there", there(", keep: 1d, within: 4h", &latest), &[]),
            (
                "there, not yet",
                there(", keep: 1d, within: 5h", &latest),
                &[(
                    &at,
                    &["at 2026-01-05T06:00:00Z this test finds nothing in eu-west-1", "a longer keep on copies[0]"],
                )],
            ),
            ("after", tested(DATABASE, "after: daily, from: latest"), &[]),
            ("after, there", there(", keep: 7d, within: 1h, of: [daily]", "after: daily, from: latest"), &[]),
            (
                "pitr",
                tested(&format!("{DATABASE}pitr: {{ window: 7d, lag_max: 10m }}\n"), &format!("{MONTHLY}, from: pitr")),
                &[],
            ),
            ("random", tested(DATABASE, &format!("{MONTHLY}, from: random")), &[]),
        ];
        for (about, resource, wanted) in cases {
            assert_said(&said("HF056", resource), wanted, about);
        }
        let two = DATABASE.to_owned()
            + "  hourly: { at: \"cron(0 * * * ? *)\", keep: 1d }\ncopies: [{ region: eu-west-1, kms_key: alias/k, keep: 7d, within: 1h, of: [hourly] }]\n";
        let resource = tested(&two, "after: daily, from: latest, region: eu-west-1");
        assert_said(
            &said("HF056", &resource),
            &[(&after, &["follows daily, whose recovery points are not copied to eu-west-1"])],
            "another rule",
        );
        let account = "accounts: { dr: { id: \"210987654321\", role: \"arn:aws:iam::210987654321:role/holdfast\" } }";
        let resource = there(", keep: 7d, within: 1h, account: dr", &latest);
        assert_said(
            &said_of("HF056", account, &[("orders", &resource)]),
            &[(&region, &["another account, where no room stands"])],
            "another account",
        );
    }

    #[test]
    fn without_recovery_points_there_is_nothing_to_restore() {
        let pitr = DATABASE.replace(
            "snapshots:\n  daily: { at: \"cron(0 2 * * ? *)\", keep: 7d }",
            "pitr: { window: 7d, lag_max: 10m }",
        );
        let resource = tested(&pitr, &format!("{MONTHLY}, from: latest"));
        assert_said(
            &said("HF056", &resource),
            &[(
                "error resources.orders.restore_tests.monthly.from: ",
                &["from: pitr, or snapshots: { external: rds }"],
            )],
            "pitr only",
        );
        let external = tested(&format!("{pitr}snapshots: external\n"), &format!("{MONTHLY}, from: latest"));
        assert_said(&said("HF056", &external), &[], "external");
    }
}
