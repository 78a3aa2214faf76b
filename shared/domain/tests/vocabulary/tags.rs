use std::collections::BTreeMap;

use holdfast_domain::tags::{self, Kept, VALUE_MAX};
use holdfast_domain::{Environment, PlanName, ResourceName, RuleName, Slot};

fn plan() -> (PlanName, Environment, ResourceName) {
    let (plan, environment) = ("shop".parse().expect("a plan"), "prod".parse().expect("an environment"));
    (plan, environment, "orders-db".parse().expect("a resource"))
}

fn rule(name: &str) -> RuleName {
    name.parse().expect("a rule")
}

#[test]
fn a_recovery_point_says_by_its_tags_whose_it_is_and_what_it_serves() {
    let (plan, environment, resource) = plan();
    let slot: Slot = "20261120t020000z".parse().expect("a slot");
    let made = tags::of_recovery_point(&plan, &environment, &resource, &[rule("daily"), rule("weekly-long")], slot);
    assert!(tags::are_ours(&made, &plan, &environment));
    assert!(!tags::are_ours(&made, &plan, &"staging".parse().expect("an environment")), "another environment's");
    assert!(!tags::are_ours(&made, &"shop-two".parse().expect("a plan"), &environment), "another plan's");
    assert!(!tags::are_ours(&BTreeMap::new(), &plan, &environment), "somebody's");
    assert!(tags::name_resource(&made, &resource) && !tags::name_resource(&made, &"orders".parse().expect("a name")));
    assert!(tags::serve(&made, &rule("daily")) && tags::serve(&made, &rule("weekly-long")));
    assert!(!tags::serve(&made, &rule("weekly")) && !tags::serve(&made, &rule("long")), "a rule is a whole word");
    assert_eq!(tags::rules(&made).collect::<Vec<_>>(), [rule("daily"), rule("weekly-long")]);
    assert_eq!(tags::slot(&made), Some(slot));
}

#[test]
fn a_recovery_point_that_was_asked_for_says_by_whom_and_how_long_it_is_kept() {
    let (plan, environment, resource) = plan();
    let by = ("before-release", "release 4.2: \"orders\"");
    let asked = |kept| tags::of_requested_recovery_point(&plan, &environment, &resource, by, kept);
    let ours = [
        ("holdfast:environment", "prod"),
        ("holdfast:plan", "shop"),
        ("holdfast:reason", "release 4.2: _orders_"),
        ("holdfast:request", "before-release"),
        ("holdfast:resource", "orders-db"),
    ];
    let with = |more| ours.into_iter().chain([more]).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let (by_hand, kept): (RuleName, BTreeMap<String, String>) = (rule("by-hand"), with(("holdfast:keep", "30d")));
    assert_eq!(asked(Kept::For("30d")), kept);
    assert_eq!(asked(Kept::ByRule(&by_hand)), with(("holdfast:rules", "by-hand")));
    assert_eq!(tags::slot(&kept), None);
}

/// RDS API Reference, `Tag`.
#[test]
fn a_value_holds_what_aws_takes_and_no_more_of_it() {
    assert_eq!(tags::as_value("aZ9 _.:/=+-@é"), "aZ9 _.:/=+-@é");
    assert_eq!(tags::as_value("a,b;c\"d\n"), "a_b_c_d_");
    assert_eq!(tags::as_value(&"a".repeat(VALUE_MAX + 1)), "a".repeat(256));
}

#[test]
fn a_room_says_by_its_tags_of_which_run_it_is_and_until_when_it_stands() {
    let (plan, environment, resource) = plan();
    let run = "orders-db.first-monday.20261120t020000z".parse().expect("a run");
    let deadline = "2026-11-20T06:00:00Z".parse().expect("a time");
    let room = tags::of_room(&plan, &environment, &resource, &run, deadline);
    assert_eq!(room.get(tags::RUN).map(String::as_str), Some(run.as_str()));
    assert_eq!(room.get(tags::DEADLINE).map(String::as_str), Some("2026-11-20T06:00:00Z"));
    assert!(tags::are_ours(&room, &plan, &environment) && tags::name_resource(&room, &resource));
    assert_eq!(tags::slot(&room), None, "a room is no recovery point");
}
