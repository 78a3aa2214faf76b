use holdfast_domain::plan::{Alerts, WallTime};
use holdfast_domain::{Finding, FindingState};
use jiff::civil::Weekday;

use super::*;
use crate::samples::{finding, incident, name, plan};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn quiet(days: &[Weekday]) -> Plan {
    let wall = |hour, minute| WallTime::new(hour, minute).expect("legal");
    let quiet_hours = Some(QuietHours {
        from: wall(22, 0),
        until: wall(7, 0),
        days: days.iter().map(|day| QuietDay(*day)).collect(),
        time_zone: "Europe/Berlin".into(),
        severities: [Severity::Low, Severity::Info].into(),
    });
    plan(Alerts { quiet_hours, ..Alerts::default() })
}

#[test]
fn mild_news_waits_for_the_morning_in_the_plans_zone() {
    let plan = quiet(&[]);
    let until = |now: &str| quiet_until(&plan, Severity::Low, at(now)).map(|until| until.to_string());
    // Berlin is UTC+1 in November.
    assert_eq!(until("2026-11-20T20:59:59Z"), None);
    assert_eq!(until("2026-11-20T21:00:00Z").as_deref(), Some("2026-11-21T06:00:00Z"));
    assert_eq!(until("2026-11-21T05:59:59Z").as_deref(), Some("2026-11-21T06:00:00Z"));
    assert_eq!(until("2026-11-21T06:00:00Z"), None);
    for grave in [Severity::High, Severity::Critical] {
        assert_eq!(quiet_until(&plan, grave, at("2026-11-20T22:00:00Z")), None, "{grave}");
    }
}

#[test]
fn a_night_ends_by_the_wall_clock_when_the_clock_is_changed() {
    let plan = quiet(&[]);
    let until = |now: &str| quiet_until(&plan, Severity::Info, at(now)).map(|until| until.to_string());
    // 2026-03-29: at 02:00 it is 03:00, and Berlin is UTC+2. 2026-10-25: at 03:00 it is 02:00 again, and Berlin is UTC+1.
    assert_eq!(until("2026-03-28T23:00:00Z").as_deref(), Some("2026-03-29T05:00:00Z"));
    assert_eq!(until("2026-10-24T23:00:00Z").as_deref(), Some("2026-10-25T06:00:00Z"));
}

#[test]
fn quiet_days_and_nights_run_into_one_another() {
    let plan = quiet(&[Weekday::Saturday, Weekday::Sunday]);
    let until = |now: &str| quiet_until(&plan, Severity::Low, at(now)).map(|until| until.to_string());
    // Friday evening until Monday morning.
    assert_eq!(until("2026-11-20T21:30:00Z").as_deref(), Some("2026-11-23T06:00:00Z"));
    assert_eq!(until("2026-11-21T12:00:00Z").as_deref(), Some("2026-11-23T06:00:00Z"));
    assert_eq!(until("2026-11-23T06:00:00Z"), None);
    let always = quiet(&[
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ]);
    assert!(quiet_until(&always, Severity::Low, at("2026-11-21T12:00:00Z")).is_some(), "and it ends, each time later");
}

#[test]
fn a_resource_may_have_routes_of_its_own_and_a_group_has_those_of_all() {
    let [oncall, ops, payments]: [ChannelName; 3] = ["oncall", "ops", "payments"].map(name);
    let mut plan = plan(Alerts {
        routes: [(Severity::High, vec![oncall.clone(), ops.clone()]), (Severity::Low, vec![ops.clone()])].into(),
        ..Alerts::default()
    });
    let mut other = plan.resources[&name("orders-db")].clone();
    other.routes = [(Severity::High, vec![payments.clone(), ops.clone()])].into();
    plan.resources.insert(name("payments-db"), other);
    let of = |resource: &str, severity| Finding {
        resource: Some(name(resource)),
        ..finding(FindingState::Open, severity, 0)
    };
    let route = |incident: &Incident| super::route(&plan, incident);
    assert_eq!(route(&incident(&[of("orders-db", Severity::High)])), [oncall.clone(), ops.clone()]);
    assert_eq!(route(&incident(&[of("payments-db", Severity::High)])), [payments.clone(), ops.clone()]);
    assert_eq!(
        route(&incident(&[of("payments-db", Severity::Low)])),
        vec![ops.clone()],
        "of a severity without its own"
    );
    assert_eq!(route(&incident(&[of("payments-db", Severity::Info)])), []);
    let mut group = incident(&[of("orders-db", Severity::High)]);
    let line = incident(&[of("payments-db", Severity::High)]).lines.into_values().next().expect("one");
    group.lines.insert("shop/prod/payments-db/restore-test".into(), line);
    assert_eq!(route(&group), [oncall, ops, payments]);
}

#[test]
fn people_and_runbooks_are_those_of_the_resources() {
    let plan = plan(Alerts::default());
    let incident = incident(&[finding(FindingState::Open, Severity::High, 0)]);
    assert_eq!(owners(&plan, &incident), ["database: dba@example.com"]);
    assert_eq!(runbooks(&plan, &incident), ["https://wiki.example.com/runbooks/orders-db"]);
}
