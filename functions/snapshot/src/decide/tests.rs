//! What holds for every plan, inventory and moment; and one day to read.

use std::collections::BTreeSet;

use holdfast_domain::Schedule;
use holdfast_domain::inventory::MadeBy;
use holdfast_domain::plan::{Retention, SnapshotDue, SnapshotRule, Target};
use holdfast_domain::slot::OURS;
use holdfast_domain::tags::Tags;
use holdfast_testkit::sample;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// `orders-db` with three rules of which two meet on Sundays, and `users-db` in another region.
fn plan() -> Plan {
    let mut plan = sample::plan();
    let rule = |cron: &str, size_min_bytes| SnapshotRule {
        due: SnapshotDue::At(Schedule::parse(cron, "UTC").expect("a schedule")),
        keep: Retention::Age(SignedDuration::from_hours(7 * 24)),
        size_min_bytes,
        takes_max: None,
    };
    let orders: ResourceName = "orders-db".parse().expect("legal");
    let mut users = plan.resources[&orders].clone();
    users.target = Target::RdsInstance("shop-users".parse().expect("legal"));
    users.region = "us-east-1".parse().expect("legal");
    users.snapshots = BTreeMap::from([("daily".parse().expect("legal"), rule("cron(30 2 * * ? *)", None))]);
    plan.resources.insert("users-db".parse().expect("legal"), users);
    let rules = &mut plan.resources.get_mut(&orders).expect("a resource").snapshots;
    rules.insert("weekly".parse().expect("legal"), rule("cron(0 2 ? * SUN *)", Some(1 << 20)));
    rules.insert("six-hourly".parse().expect("legal"), rule("cron(0 0/6 * * ? *)", None));
    plan
}

fn instance(region: &Region, id: &str, status: &str) -> DbInstance {
    DbInstance {
        region: region.clone(),
        id: id.parse().expect("legal"),
        arn: format!("arn:aws:rds:{region}:000000000000:db:{id}"),
        status: DbInstanceStatus::read(status),
        endpoint: None,
        engine: "postgres".into(),
        engine_version: "15.8".into(),
        master_user: "app".into(),
        database: None,
        password_pending: false,
        modification_pending: false,
        deletion_protection: true,
        tags: Tags::new(),
    }
}

fn snapshot(region: &Region, id: &DbSnapshotId, status: &str, size: u64, tags: Tags) -> DbSnapshot {
    DbSnapshot {
        region: region.clone(),
        id: id.clone(),
        arn: format!("arn:aws:rds:{region}:000000000000:snapshot:{id}"),
        instance: "shop-orders".into(),
        status: DbSnapshotStatus::read(status),
        made_by: MadeBy::Call,
        taken_at: None,
        engine: "postgres".into(),
        engine_version: "15.8".into(),
        encrypted: true,
        size_bytes: Some(size),
        tags,
    }
}

type Regions = BTreeMap<Region, RegionInventory>;

/// What RDS shows after every request of these decisions was accepted.
fn carried_out(regions: &Regions, decisions: &[Decision], status: &str) -> Regions {
    let mut after = regions.clone();
    for decision in decisions {
        if let Verdict::Take(request) = &decision.verdict {
            let made = snapshot(&request.region, &request.id, status, 1 << 30, request.tags.clone());
            after.get_mut(&request.region).expect("a region that was seen").snapshots.push(made);
        }
    }
    after
}

const STATUSES: [&str; 6] = ["available", "available", "available", "backing-up", "stopped", "a-word-of-the-future"];

/// Some moment of three weeks, and what is there then: instances, recovery points of ours in any state, and other people's things.
fn any_world() -> impl Strategy<Value = (Timestamp, Regions)> {
    let minute = 0..3 * 7 * 24 * 60_i64;
    let present = vec((0..STATUSES.len(), prop::bool::weighted(0.9)), 2);
    let points = vec(
        (0..40_i64, prop::sample::select(&["available", "creating", "failed", "odd"][..]), 0..3_u64, any::<bool>()),
        0..8,
    );
    let seen = [prop::bool::weighted(0.9), prop::bool::weighted(0.9)];
    (minute, present, points, seen, vec("[a-z]{1,12}", 0..4)).prop_map(|(minute, present, points, seen, others)| {
        let now = at("2026-11-01T00:00:00Z") + SignedDuration::from_mins(minute);
        (now, world(now, &present, &points, seen, &others))
    })
}

fn world(
    now: Timestamp,
    present: &[(usize, bool)],
    points: &[(i64, &str, u64, bool)],
    seen: [bool; 2],
    others: &[String],
) -> Regions {
    let plan = plan();
    let mut regions = Regions::new();
    for (((name, resource), (status, is_there)), seen) in plan.resources.iter().zip(present).zip(seen) {
        let mut inventory = RegionInventory::default();
        if *is_there {
            inventory.instances.push(instance(&resource.region, resource.target.id(), STATUSES[*status]));
        }
        inventory.instances.push(instance(&resource.region, "somebodys", "available"));
        for (hours, status, size, ours) in points {
            // Where slots really are, so that names meet.
            let due = due_slots(resource, now - SignedDuration::from_hours(*hours));
            let Some((slot, rules)) = due.into_iter().next() else { continue };
            let id = slot::db_snapshot_id(&plan.name, &plan.environment, name, slot);
            let tags = tags::of_recovery_point(&plan.name, &plan.environment, name, &rules, slot);
            if inventory.snapshots.iter().all(|taken| taken.id != id) {
                let tags = if *ours { tags } else { Tags::new() };
                inventory.snapshots.push(snapshot(&resource.region, &id, status, size << 20, tags));
            }
        }
        for id in others.iter().collect::<BTreeSet<_>>() {
            let id = id.parse().expect("legal");
            inventory.snapshots.push(snapshot(&resource.region, &id, "available", 1, Tags::new()));
        }
        if seen {
            regions.insert(resource.region.clone(), inventory);
        }
    }
    regions
}

proptest! {
    #[test]
    fn the_order_of_the_inventory_does_not_matter((now, regions) in any_world(), seed in any::<u64>()) {
        let mut turned = regions.clone();
        for inventory in turned.values_mut() {
            let by = |id: &str| slot::short_hash(&[id, &seed.to_string()]);
            inventory.instances.sort_by_key(|instance| by(instance.id.as_str()));
            inventory.snapshots.sort_by_key(|snapshot| by(snapshot.id.as_str()));
        }
        prop_assert_eq!(decide(&plan(), &turned, now), decide(&plan(), &regions, now));
    }

    #[test]
    fn once_carried_out_nothing_is_decided_again((now, regions) in any_world(), minutes in 0..30_i64) {
        let decisions = decide(&plan(), &regions, now);
        for (status, reason) in [("creating", Reason::BeingTaken), ("available", Reason::Taken)] {
            let after = carried_out(&regions, &decisions, status);
            for (before, again) in decisions.iter().zip(decide(&plan(), &after, now)) {
                let expected = match &before.verdict {
                    Verdict::Take(_) => Verdict::Leave(reason.clone()),
                    verdict @ (Verdict::Leave(_) | Verdict::Tell(..)) => verdict.clone(),
                };
                prop_assert_eq!(again.verdict, expected);
            }
            // A little later too, unless something new is due.
            for again in decide(&plan(), &after, now + SignedDuration::from_mins(minutes)) {
                let known = decisions.iter().any(|before| before.id == again.id);
                prop_assert!(!known || !matches!(again.verdict, Verdict::Take(_)), "{again:?}");
            }
        }
    }

    #[test]
    fn what_is_taken_is_ours_by_name_and_tags_and_of_an_instance_that_can((now, regions) in any_world()) {
        let plan = plan();
        for decision in decide(&plan, &regions, now) {
            prop_assert!(decision.id.as_str().starts_with(OURS));
            prop_assert!(!decision.rules.is_empty() && decision.slot.instant() <= now);
            prop_assert!(decision.slot.instant() > now - CATCH_UP - SignedDuration::from_secs(1));
            let Verdict::Take(request) = &decision.verdict else { continue };
            let resource = &plan.resources[&decision.resource];
            prop_assert_eq!(
                (&request.region, Some(&request.instance), &request.id),
                (&resource.region, resource.db_instance(), &decision.id)
            );
            prop_assert!(tags::are_ours(&request.tags, &plan.name, &plan.environment));
            prop_assert_eq!(tags::slot(&request.tags), Some(decision.slot));
            prop_assert!(decision.rules.iter().all(|rule| tags::serve(&request.tags, rule)));
            let seen = &regions[&request.region];
            prop_assert!(seen.snapshots.iter().all(|snapshot| snapshot.id != request.id));
            let source = seen.instances.iter().find(|instance| instance.id == request.instance);
            prop_assert_eq!(source.map(|source| &source.status), Some(&DbInstanceStatus::Available));
        }
    }

    #[test]
    fn a_slot_is_decided_once_and_the_same_every_time((now, regions) in any_world()) {
        let decisions = decide(&plan(), &regions, now);
        prop_assert_eq!(&decide(&plan(), &regions, now), &decisions);
        let slots: BTreeSet<_> = decisions.iter().map(|decision| (&decision.resource, decision.slot)).collect();
        let names: BTreeSet<_> = decisions.iter().map(|decision| &decision.id).collect();
        prop_assert_eq!((slots.len(), names.len()), (decisions.len(), decisions.len()));
        let rules: Vec<_> = decisions.iter().flat_map(|d| d.rules.iter().map(move |rule| (&d.resource, rule))).collect();
        prop_assert_eq!(rules.iter().collect::<BTreeSet<_>>().len(), rules.len(), "a rule has one latest slot");
    }

    /// Unknown is not healthy, and not sick either: of a region that was not seen nothing is decided, and nobody is told.
    #[test]
    fn of_a_region_that_was_not_seen_nothing_is_decided((now, regions) in any_world()) {
        let plan = plan();
        for decision in decide(&plan, &regions, now) {
            prop_assert!(regions.contains_key(&plan.resources[&decision.resource].region));
        }
    }

    /// A resource is settled when all that is due is there, and only then; so an incident is never closed over another that stands.
    #[test]
    fn a_resource_is_settled_only_if_every_due_slot_of_it_is_there((now, regions) in any_world()) {
        let decisions = decide(&plan(), &regions, now);
        for decision in &decisions {
            let of_resource = decisions.iter().filter(|other| other.resource == decision.resource);
            let all_there = of_resource.map(|other| &other.verdict).all(|v| *v == Verdict::Leave(Reason::Taken));
            prop_assert_eq!(decision.settled, all_there);
        }
    }
}

/// A Sunday from midnight, as an engineer would want to read it.
#[test]
fn a_day_in_decisions() {
    let plan = plan();
    let (central, east): (Region, Region) =
        ("eu-central-1".parse().expect("legal"), "us-east-1".parse().expect("legal"));
    let seen = |orders: &str, users: &str| RegionInventory {
        instances: [("shop-orders", &central, orders), ("shop-users", &east, users)]
            .into_iter()
            .filter(|(.., status)| !status.is_empty())
            .map(|(id, region, status)| instance(region, id, status))
            .collect(),
        snapshots: vec![],
    };
    let mut regions = Regions::from([(central.clone(), seen("available", "")), (east.clone(), seen("", "available"))]);
    let mut story = String::new();
    for (time, orders, users) in [
        ("00:00:10", "available", "available"),
        ("01:59:59", "available", "available"),
        ("02:00:00", "backing-up", "available"),
        ("02:29:59", "backing-up", "available"),
        ("02:30:00", "backing-up", "available"),
        ("02:35:00", "available", ""),
        ("02:36:00", "available", "available"),
    ] {
        let now = at(&format!("2026-11-22T{time}Z"));
        for (region, id, status) in [(&central, "shop-orders", orders), (&east, "shop-users", users)] {
            let inventory = regions.get_mut(region).expect("a region");
            inventory.instances = if status.is_empty() { vec![] } else { vec![instance(region, id, status)] };
        }
        let decisions = decide(&plan, &regions, now);
        story.push_str(&format!("{time}  orders-db is {orders:?}, users-db is {users:?}\n"));
        for decision in &decisions {
            let rules: Vec<&str> = decision.rules.iter().map(RuleName::as_str).collect();
            let verdict = match &decision.verdict {
                Verdict::Take(request) => format!("take {}", request.id),
                Verdict::Leave(reason) => format!("leave: {reason}"),
                Verdict::Tell(reason, _) => format!("tell: {reason}"),
            };
            story.push_str(&format!(
                "    {} {} for {}: {verdict}\n",
                decision.resource,
                decision.slot,
                rules.join(", ")
            ));
        }
        regions = carried_out(&regions, &decisions, "available");
    }
    insta::assert_snapshot!(story);
}
