//! Stories for the tests of what channels are told.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use holdfast_domain::{Cause, Environment, Finding, FindingState, PlanName, Severity};
use holdfast_ledger::{Incident, IncidentState};
use jiff::Timestamp;

use crate::channels::Story;

/// A literal that is legal.
pub(crate) fn name<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a legal literal")
}

/// An instant, in minutes after a round one.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_795_154_400 + minutes * 60).expect("within jiff's range")
}

/// A finding of a failed restore test of `orders-db`, seen at a minute.
pub(crate) fn finding(state: FindingState, severity: Severity, seen_minute: i64) -> Finding {
    Finding {
        cause: Cause::of_resource(&name("shop"), &name("prod"), &name("orders-db"), "restore-test"),
        state,
        severity,
        resource: Some(name("orders-db")),
        title: match state {
            FindingState::Open => "the restore test of orders-db failed: 58 rows are missing from orders".into(),
            FindingState::Resolved => "orders-db restores and passes every check".into(),
        },
        threatens: "a recovery from this recovery point would lose orders & <payments>".into(),
        next_step: "look at the run, then take a new recovery point and test it".into(),
        facts: vec![
            ("Run".into(), "orders-db.every.20261120t0200z".into()),
            ("Recovery point".into(), "hf-orders-db-20261120t0200z-1a2b3c4d".into()),
            ("Console".into(), "https://eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1".into()),
        ],
        seen_at: minute(seen_minute),
    }
}

pub(crate) fn with_story(tell: impl Fn(&Story<'_>)) {
    with(&finding(FindingState::Open, Severity::High, 5), tell);
}

pub(crate) fn with_resolution(tell: impl Fn(&Story<'_>)) {
    with(&finding(FindingState::Resolved, Severity::High, 42), tell);
}

/// A finding longer than every limit, made of what takes most room.
pub(crate) fn with_huge_story(tell: impl Fn(&Story<'_>)) {
    let mut huge = finding(FindingState::Open, Severity::Critical, 5);
    let long = "<\"…🦀\u{1}".repeat(20_000);
    huge.title.clone_from(&long);
    huge.threatens.clone_from(&long);
    huge.next_step.clone_from(&long);
    huge.facts = (0..200).map(|n| (format!("{n}{long}"), long.clone())).collect();
    with(&huge, tell);
}

pub(crate) fn with(finding: &Finding, tell: impl Fn(&Story<'_>)) {
    let incident = Incident {
        cause: finding.cause.clone(),
        state: IncidentState::Resolved,
        severity: finding.severity,
        title: self::finding(FindingState::Open, Severity::High, 0).title,
        opening: 2,
        opened_at: minute(0),
        last_seen_at: minute(5),
        resolved_at: Some(minute(42)),
        opened_to: BTreeMap::new(),
        resolved_to: BTreeMap::new(),
    };
    let (plan, environment): (PlanName, Environment) = (name("shop"), name("prod"));
    tell(&Story { plan: &plan, environment: &environment, incident: &incident, finding });
}
