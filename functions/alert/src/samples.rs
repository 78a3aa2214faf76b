//! Stories for the tests of what channels are told.

use std::fmt::Debug;
use std::str::FromStr;

use holdfast_domain::plan::Alerts;
use holdfast_domain::{Cause, Finding, FindingState, Plan, Severity};
use holdfast_ledger::{Delivery, DeliveryState, Incident};
use holdfast_testkit::sample;
use jiff::{SignedDuration, Timestamp};

use crate::cause::{Heard, hear};
use crate::due::Step;
use crate::fold::own_incident;
use crate::lines::apply;
use crate::story::{Archive, Story};

/// A literal that is legal.
pub(crate) fn name<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a legal literal")
}

/// An instant, in minutes after a round one.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_795_154_400 + minutes * 60).expect("within jiff's range")
}

/// A plan with one resource, `orders-db`, and these alerts.
pub(crate) fn plan(alerts: Alerts) -> Plan {
    let mut plan = sample::plan();
    plan.alerts = alerts;
    plan.owners.insert(name("database"), "dba@example.com".into());
    let resource = plan.resources.get_mut(&name("orders-db")).expect("the sample has it");
    resource.owner = Some(name("database"));
    resource.runbook = Some("https://wiki.example.com/runbooks/orders-db".into());
    plan
}

/// Where the ledger can be looked at.
pub(crate) fn archive() -> Archive {
    Archive { bucket: "holdfast-ledger".into(), region: "eu-west-1".into() }
}

/// A finding of a failed restore test of `orders-db`, seen at a minute.
pub(crate) fn finding(state: FindingState, severity: Severity, seen_minute: i64) -> Finding {
    Finding {
        cause: Cause::of_resource(&name("shop"), &name("prod"), &name("orders-db"), "restore-test"),
        state,
        severity,
        resource: Some(name("orders-db")),
        part: None,
        title: match state {
            FindingState::Open => "the restore test of orders-db failed: 58 rows are missing from orders".into(),
            FindingState::Resolved => "orders-db restores and passes every check".into(),
        },
        threatens: "a recovery from this recovery point would lose orders & <payments>".into(),
        next_step: "look at the run, then take a new recovery point and test it".into(),
        facts: vec![
            ("run".into(), "orders-db.every.20261120t020000z".into()),
            ("recovery point".into(), "hf-orders-db-20261120t020000z-1a2b3c4d".into()),
            ("console".into(), "https://eu-central-1.console.aws.amazon.com/rds/home?region=eu-central-1".into()),
        ],
        seen_at: minute(seen_minute),
    }
}

/// The incident that findings of one cause make, in this order.
pub(crate) fn incident(findings: &[Finding]) -> Incident {
    let (mut record, mut incident) = (None, None);
    for finding in findings {
        let (cause, heard): (_, Heard) = hear(record.as_ref(), finding);
        let id = own_incident(&cause.cause, 1);
        incident = apply(incident.as_ref(), &id, &cause, finding, heard);
        record = Some(cause);
    }
    incident.expect("something stood")
}

pub(crate) fn with_incident(look: impl Fn(&Incident)) {
    look(&incident(&[finding(FindingState::Open, Severity::High, 5)]));
}

pub(crate) fn delivered(minutes: i64) -> Delivery {
    Delivery {
        state: DeliveryState::Delivered,
        attempts: 1,
        at: minute(minutes),
        not_before: None,
        possibly_repeated: false,
        reference: None,
        error: None,
    }
}

/// What a step of that incident says, an hour after it began.
pub(crate) fn story(step: Step) -> Story {
    let mut incident = match step {
        Step::Opened | Step::Update(_) | Step::Acknowledged => {
            incident(&[finding(FindingState::Open, Severity::High, 5)])
        }
        Step::Resolved | Step::Report => incident(&[
            finding(FindingState::Open, Severity::High, 5),
            finding(FindingState::Resolved, Severity::High, 47),
        ]),
    };
    incident.opened_to.insert("oncall".into(), delivered(5));
    incident.opened_to.insert("ops".into(), delivered(20));
    incident.resolved_to.insert("oncall".into(), delivered(47));
    Story::of(&plan(Alerts::default()), &archive(), &incident, step, minute(5) + SignedDuration::from_hours(1))
}

/// A story longer than every limit, made of what takes most room.
pub(crate) fn huge_story() -> Story {
    let long = "<\"…🦀\u{1}".repeat(20_000);
    let many = |count: usize| (0..count).map(|n| format!("{n}{long}")).collect::<Vec<_>>();
    Story {
        severity: Severity::Critical,
        place: long.clone(),
        title: long.clone(),
        threatens: long.clone(),
        next_step: long.clone(),
        lines: many(20),
        notes: many(9),
        facts: many(200).into_iter().map(|label| (label, long.clone())).collect(),
        owners: many(9),
        links: many(9).into_iter().map(|label| (label, format!("https://x/{long}"))).collect(),
        possibly_repeated: true,
        ..story(Step::Opened)
    }
}
