//! A plan for tests, built by hand so that decisions can be tested without the plan language.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{
    Alerts, Channel, Checks, Due, Objectives, Plan, Quotas, Resource, RestoreFrom, RestoreTestRule, Retention,
    SnapshotDue, SnapshotRule, Target,
};
use holdfast_domain::{Requirement, Schedule, Severity};
use jiff::SignedDuration;

/// One database `orders-db` in eu-central-1, snapshotted daily at 02:00 UTC, restore-tested after each snapshot and on Mondays at 06:00.
///
/// # Panics
/// Never: the literals are legal, which this crate's own test shows.
#[must_use]
#[expect(clippy::unwrap_used, reason = "literals that a test proves legal")]
pub fn plan() -> Plan {
    let daily = SnapshotRule {
        due: SnapshotDue::At(Schedule::parse("cron(0 2 * * ? *)", "UTC").unwrap()),
        keep: Retention::Age(SignedDuration::from_hours(7 * 24)),
        size_min_bytes: None,
        takes_max: None,
    };
    let every = RestoreTestRule {
        due: Due::After("daily".parse().unwrap()),
        from: RestoreFrom::Latest,
        region: "eu-central-1".parse().unwrap(),
        instance_class: "db.t4g.medium".into(),
        deadline: SignedDuration::from_hours(4),
    };
    let monday =
        RestoreTestRule { due: Due::At(Schedule::parse("cron(0 6 ? * MON *)", "UTC").unwrap()), ..every.clone() };
    let objectives = Objectives {
        rpo: SignedDuration::from_hours(24),
        rto: SignedDuration::from_hours(2),
        region: None,
        account: None,
    };
    let resource = Resource {
        snapshots: BTreeMap::from([("daily".parse().unwrap(), daily)]),
        restore_tests: BTreeMap::from([("every".parse().unwrap(), every), ("monday".parse().unwrap(), monday)]),
        checks: Checks { integrity: Some(Requirement::Required), ..Checks::default() },
        ..Resource::new(
            Target::RdsInstance("shop-orders".parse().unwrap()),
            "eu-central-1".parse().unwrap(),
            objectives,
        )
    };
    Plan {
        sha: "0".repeat(64).parse().unwrap(),
        name: "shop".parse().unwrap(),
        environment: "prod".parse().unwrap(),
        home: "eu-west-1".parse().unwrap(),
        primary: "eu-central-1".parse().unwrap(),
        dr: BTreeSet::new(),
        accounts: BTreeMap::new(),
        owners: BTreeMap::new(),
        resources: BTreeMap::from([("orders-db".parse().unwrap(), resource)]),
        elsewhere: BTreeMap::new(),
        streams: BTreeMap::new(),
        erasures: None,
        drills: BTreeMap::new(),
        rooms_max: 2,
        quotas: Quotas::default(),
        alerts: Alerts {
            channels: BTreeMap::from([
                ("oncall".parse().unwrap(), Channel::PagerDuty("holdfast/pagerduty".parse().unwrap())),
                ("ops".parse().unwrap(), Channel::Slack("holdfast/slack".parse().unwrap())),
            ]),
            routes: BTreeMap::from([(Severity::High, vec!["oncall".parse().unwrap(), "ops".parse().unwrap()])]),
            ..Alerts::default()
        },
    }
}
