use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::Schedule;
use holdfast_domain::plan::{
    Objectives, Priority, QuietDay, Resource, ResourceKind, Retention, SnapshotDue, SnapshotRule, Target, WallTime,
};
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp};

/// One target of each kind, in the order of the kinds, each under a name of its own.
fn targets() -> [Target; 9] {
    let bucket = |name: &str| name.parse().expect("a bucket");
    let secret = |name: &str| name.parse().expect("a secret");
    [
        Target::RdsInstance("orders".parse().expect("an instance")),
        Target::AuroraCluster("carts".parse().expect("a cluster")),
        Target::DocDbCluster("docs".parse().expect("a cluster")),
        Target::Bucket(bucket("media")),
        Target::TerraformState(bucket("state")),
        Target::Secrets("shop/".into()),
        Target::Redis("sessions".into()),
        Target::PostgresDump(secret("shop/postgres")),
        Target::MongoDump(secret("shop/mongo")),
    ]
}

#[test]
fn every_kind_has_its_word_and_its_target_its_name() {
    let words: BTreeMap<&str, String> =
        targets().iter().map(|target| (target.kind().as_str(), target.id().to_owned())).collect();
    let wanted = [
        ("aurora-cluster", "carts"),
        ("bucket", "media"),
        ("docdb-cluster", "docs"),
        ("mongo-dump", "shop/mongo"),
        ("postgres-dump", "shop/postgres"),
        ("rds-instance", "orders"),
        ("redis", "sessions"),
        ("secrets", "shop/"),
        ("terraform-state", "state"),
    ];
    assert_eq!(words, wanted.map(|(word, id)| (word, id.to_owned())).into());
    assert_eq!(targets().map(|target| target.kind()), ResourceKind::ALL);
}

#[test]
fn a_resource_is_an_instance_or_a_cluster_or_neither() {
    let day = SignedDuration::from_hours(24);
    let objectives = Objectives { rpo: day, rto: day, region: None, account: None };
    let (mut instances, mut clusters) = (Vec::new(), Vec::new());
    for target in targets() {
        let resource = Resource::new(target, "eu-central-1".parse().expect("a region"), objectives);
        instances.extend(resource.db_instance().map(ToString::to_string));
        clusters.extend(resource.db_cluster().map(ToString::to_string));
    }
    assert_eq!((instances, clusters), (vec!["orders".to_owned()], vec!["carts".to_owned(), "docs".to_owned()]));
}

#[test]
fn a_priority_is_one_to_four_and_three_where_nothing_is_said() {
    let legal: Vec<u8> = (0..=u8::MAX).filter_map(|number| Priority::new(number).map(Priority::get)).collect();
    assert_eq!(legal, [1, 2, 3, 4]);
    assert_eq!(Priority::default().get(), 3);
}

#[test]
fn a_time_of_day_is_counted_from_midnight() {
    let time = |hour, minute| WallTime::new(hour, minute);
    assert_eq!(time(0, 0).map(WallTime::minutes), Some(0));
    assert_eq!(time(23, 59).map(|time| (time.minutes(), time.to_string())), Some((1439, "23:59".into())));
    assert_eq!(time(7, 5).map(|time| time.to_string()), Some("07:05".into()));
    assert_eq!((time(24, 0), time(0, 60)), (None, None));
}

#[test]
fn a_week_begins_on_monday() {
    let days = [Weekday::Sunday, Weekday::Wednesday, Weekday::Monday].map(QuietDay);
    let ordered: Vec<Weekday> = BTreeSet::from(days).into_iter().map(|day| day.0).collect();
    assert_eq!(ordered, [Weekday::Monday, Weekday::Wednesday, Weekday::Sunday]);
    assert!(QuietDay(Weekday::Monday) < QuietDay(Weekday::Sunday));
}

#[test]
fn only_a_rule_that_says_when_has_a_schedule() {
    let schedule = Schedule::parse("cron(0 2 * * ? *)", "UTC").expect("a schedule");
    let keep = Retention::Age(SignedDuration::from_hours(24));
    let rule = |due| SnapshotRule { due, keep, size_min_bytes: None, takes_max: None };
    assert_eq!(rule(SnapshotDue::At(schedule.clone())).schedule(), Some(&schedule));
    assert_eq!(rule(SnapshotDue::OnChange).schedule(), None);
    assert_eq!(rule(SnapshotDue::OnDemand).schedule(), None);
}

#[test]
fn a_schedule_shows_its_expression_and_its_zone() {
    let schedule = Schedule::parse("cron(0  2 ? * mon *)", "Europe/Berlin").expect("a schedule");
    assert_eq!((schedule.expression(), schedule.zone()), ("cron(0 2 ? * MON *)", "Europe/Berlin"));
    assert_eq!(format!("{schedule:?}"), "Schedule { expression: \"cron(0 2 ? * MON *)\", zone: \"Europe/Berlin\" }");
    // AWS's years begin with 1970, in every zone.
    for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Niue"] {
        assert!(Schedule::parse("cron(0 0 1 1 ? 1970)", zone).is_ok(), "{zone}");
    }
}

#[test]
fn a_change_of_the_clocks_at_the_very_end_of_a_span_is_not_in_it() {
    let schedule = Schedule::parse("cron(30 2 * * ? *)", "Europe/Berlin").expect("a schedule");
    let at = |text: &str| text.parse().expect("a time");
    let (from, change): (Timestamp, Timestamp) = (at("2026-03-01T00:00:00Z"), at("2026-03-29T01:00:00Z"));
    assert_eq!(schedule.first_lost(from, change), None);
    let lost = schedule.first_lost(from, change + SignedDuration::from_secs(1)).expect("one is lost");
    assert_eq!((lost.change, lost.wall.to_string().as_str()), (change, "2026-03-29T02:30:00"));
}

/// EventBridge Scheduler API Reference, `CreateSchedule`: 256 characters.
#[test]
fn an_expression_is_as_long_as_aws_takes_and_a_refusal_quotes_the_beginning_of_it() {
    let of_length = |length: usize| format!("cron(0 2 * * ? *{})", " ".repeat(length - 17));
    assert_eq!(of_length(256).len(), 256);
    assert!(Schedule::parse(&of_length(256), "UTC").is_ok());
    let error = Schedule::parse(&of_length(257), "UTC").expect_err("too long");
    assert_eq!(error.expression, of_length(257)[..120]);
    let error = Schedule::parse("cron(0 25 * * ? *)", "UTC").expect_err("no such hour");
    assert_eq!((error.expression.as_str(), error.zone_at_fault), ("cron(0 25 * * ? *)", false));
}
