//! A thousand databases in one account, on an API that answers ten calls a second and twenty at once: AWS publishes no rate, so that is an
//! assumption. Time is virtual, and passes only where RDS makes a caller wait. Calls are counted as the ports make them; the adapter lists
//! AWS Backup's snapshots apart, which is one more (`tests/bench` counts them on the wire).

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_domain::tags;
use holdfast_domain::{DbSnapshotId, ResourceName, Slot, slot};
use holdfast_ledger::PLAN_KEY;
use holdfast_testkit::{MemoryCloud, Rate};
use holdfast_wire::Trigger;
use jiff::{SignedDuration, Timestamp};

use crate::shop::{Shop, central};

const COUNT: usize = 1_000;
/// As long as infra/wiring.yaml lets the function run.
const TIME: Duration = Duration::from_secs(60);

fn name(number: usize) -> ResourceName {
    format!("db-{number:04}").parse().expect("legal")
}

fn plan() -> Vec<u8> {
    let one = |number| {
        format!(
            "  {name}:\n    kind: rds-instance\n    id: shop-{name}\n    objectives: {{ rpo: 24h, rto: 2h }}\n    \
             snapshots:\n      daily: {{ at: \"cron(0 2 * * ? *)\", keep: 7d }}\n",
            name = name(number)
        )
    };
    let resources: String = (0..COUNT).map(one).collect();
    let text = format!(
        "version: 1\nname: shop\nenvironment: prod\ntime_zone: UTC\nregions: {{ home: eu-west-1, primary: eu-central-1 }}\n\
         quotas: {{ db_snapshots: 20000, db_instances: 2000 }}\nresources:\n{resources}alerts:\n  \
         channels: {{ ops: {{ slack: \"secret:holdfast/slack\" }} }}\n  routes: {{ high: [ops] }}\n"
    );
    holdfast_plan::read_yaml("plan.yaml", &text).unwrap_or_else(|problems| panic!("{problems}")).to_json()
}

/// A thousand databases with a week of recovery points, as they stand at noon.
fn full(now: Timestamp) -> Shop {
    let cloud = MemoryCloud::at(now);
    cloud.put_object(PLAN_KEY, plan());
    let (plan_name, environment) = ("shop".parse().expect("legal"), "prod".parse().expect("legal"));
    for number in 0..COUNT {
        let (resource, database) = (name(number), format!("shop-{}", name(number)).parse().expect("legal"));
        cloud.add_instance(&central(), &database);
        for day in 0..7 {
            let two: Timestamp = "2026-11-20T02:00:00Z".parse().expect("a time");
            let slot = Slot::at(two - SignedDuration::from_hours(24 * day));
            let id: DbSnapshotId = slot::db_snapshot_id(&plan_name, &environment, &resource, slot);
            let rules = ["daily".parse().expect("legal")];
            cloud.add_snapshot(
                &central(),
                &id,
                &database,
                tags::of_recovery_point(&plan_name, &environment, &resource, &rules, slot),
            );
        }
    }
    Shop::of(cloud)
}

fn calls(shop: &Shop, from: usize) -> BTreeMap<&'static str, usize> {
    let mut calls = BTreeMap::new();
    for call in &shop.cloud.calls()[from..] {
        *calls.entry(call.operation).or_default() += 1;
    }
    calls
}

#[tokio::test]
async fn one_sweep_over_a_thousand_databases_is_eighty_calls_and_six_seconds() {
    let shop = full("2026-11-20T12:00:00Z".parse().expect("a time"));
    // The first one writes down what it finds; every other one finds it unchanged.
    shop.sweep().await;
    let (before, begun) = (shop.cloud.calls().len(), shop.cloud.time());
    shop.cloud.set_rate(Rate::new(10, 20));
    shop.deliver_within(&Trigger::Sweep, TIME).await.expect("a sweep");
    let took = shop.cloud.time().duration_since(begun);
    let expected = [("rds:DescribeDBInstances", 10), ("rds:DescribeDBSnapshots", 70), ("s3:GetObject", 2)];
    assert_eq!(calls(&shop, before), expected.into());
    assert_eq!(took, SignedDuration::from_secs(6), "80 calls, 20 of them at once");
}

/// All of them due in one minute: what does not fit before the deadline is left to the next sweep, and said.
#[tokio::test]
async fn a_thousand_due_at_once_are_taken_by_as_many_sweeps_as_the_rate_allows_and_none_is_late() {
    let shop = full("2026-11-21T02:00:00Z".parse().expect("a time"));
    shop.cloud.set_rate(Rate::new(10, 20));
    let mut taken = Vec::new();
    let mut sweeps = Vec::new();
    for minute in 1..=4 {
        let begun = shop.cloud.time();
        let outcome = shop.deliver_within(&Trigger::Sweep, TIME).await.expect("a sweep");
        let took = shop.cloud.time().duration_since(begun);
        assert!(took <= SignedDuration::from_secs(60), "sweep {minute} took {took:#}");
        sweeps.push((outcome.taken.len(), outcome.left.lines().any(|line| line.starts_with("there was no time left"))));
        taken.extend(outcome.taken);
        let next: Timestamp = "2026-11-21T02:00:00Z".parse().expect("a time");
        let rest = (next + SignedDuration::from_mins(minute)).duration_since(shop.cloud.time());
        shop.cloud.pass(rest.max(SignedDuration::ZERO));
    }
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), COUNT, "each once");
    assert_eq!(sweeps, [(390, true), (386, true), (224, false), (0, false)]);
    assert_eq!(shop.cloud.announced(), vec![], "within half an hour nobody is told");
}
