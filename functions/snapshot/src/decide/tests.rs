//! What holds for every plan, inventory, memory and moment; and one Sunday to read.

use std::sync::LazyLock;

use holdfast_domain::inventory::{AutomatedBackups, DbCluster, DbInstance, DbStatus};
use holdfast_domain::plan::{Retention, SnapshotDue, SnapshotRule, Target};
use holdfast_domain::tags::Tags;
use holdfast_domain::{RuleName, Schedule};
use holdfast_ledger::{Pending, Served};
use holdfast_testkit::sample;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

static PLAN: LazyLock<Plan> = LazyLock::new(plan);

/// `orders-db` and the cluster `docs` with three rules of which two meet on Sundays, and `users-db` in another region.
fn plan() -> Plan {
    let mut plan = sample::plan();
    let rule = |cron: &str, days: i64, size_min_bytes| SnapshotRule {
        due: SnapshotDue::At(Schedule::parse(cron, "UTC").expect("a schedule")),
        keep: Retention::Age(SignedDuration::from_hours(days * 24)),
        size_min_bytes,
        takes_max: None,
    };
    let orders: ResourceName = "orders-db".parse().expect("legal");
    let resource = plan.resources.get_mut(&orders).expect("a resource");
    resource.snapshots = [
        ("daily", rule("cron(0 2 * * ? *)", 7, None)),
        ("weekly", rule("cron(0 2 ? * SUN *)", 28, Some(1 << 20))),
        ("six-hourly", rule("cron(0 0/6 * * ? *)", 2, None)),
    ]
    .map(|(name, rule)| (name.parse().expect("legal"), rule))
    .into();
    let mut docs = resource.clone();
    docs.target = Target::DocDbCluster("shop-docs".parse().expect("legal"));
    docs.overlap = Overlap::Forbidden;
    let mut users = resource.clone();
    users.target = Target::RdsInstance("shop-users".parse().expect("legal"));
    users.region = "us-east-1".parse().expect("legal");
    users.snapshots = BTreeMap::from([("daily".parse().expect("legal"), rule("cron(30 2 * * ? *)", 7, None))]);
    users.encrypted = true;
    plan.resources.insert("docs".parse().expect("legal"), docs);
    plan.resources.insert("users-db".parse().expect("legal"), users);
    plan
}

fn stand(inventory: &mut RegionInventory, region: &Region, database: &Database, status: &str) {
    let (region, arn, status) = (region.clone(), format!("arn:{}", database.id()), DbStatus::read(status));
    let (engine, engine_version, tags) = ("postgres".to_owned(), "15.8".to_owned(), Tags::new());
    let backups = AutomatedBackups::default();
    match database.clone() {
        Database::Instance(id) => inventory.instances.push(DbInstance {
            region,
            id,
            arn,
            status,
            endpoint: None,
            engine,
            engine_version,
            master_user: "app".into(),
            database: None,
            password_pending: false,
            modification_pending: false,
            deletion_protection: true,
            parameter_group: None,
            option_group: None,
            latest_restorable_at: None,
            backups,
            cluster: None,
            encrypted: true,
            kms_key: None,
            tags,
        }),
        Database::Cluster(id) => inventory.clusters.push(DbCluster {
            region,
            id,
            arn,
            status,
            engine,
            engine_version,
            master_user: "app".into(),
            database: None,
            password_pending: false,
            modification_pending: false,
            parameter_group: None,
            serverless: None,
            latest_restorable_at: None,
            backups,
            encrypted: true,
            kms_key: None,
            tags,
        }),
    }
}

fn snapshot(region: &Region, database: &Database, id: &DbSnapshotId, status: &str, tags: Tags) -> DbSnapshot {
    DbSnapshot {
        region: region.clone(),
        id: id.clone(),
        arn: format!("arn:aws:rds:{region}:000000000000:snapshot:{id}"),
        kind: database.kind(),
        database: database.id().to_owned(),
        status: DbSnapshotStatus::read(status),
        made_by: MadeBy::Call,
        taken_at: None,
        engine: "postgres".into(),
        engine_version: "15.8".into(),
        encrypted: true,
        kms_key: None,
        option_group: None,
        size_bytes: (database.kind() == DatabaseKind::Instance).then_some(1 << 30),
        tags,
    }
}

/// A recovery point of ours in some state.
#[derive(Debug, Clone)]
struct AnyPoint {
    resource: prop::sample::Index,
    hours_ago: i64,
    status: &'static str,
    rules: Vec<prop::sample::Index>,
    ours: bool,
    small: bool,
    encrypted: bool,
}

fn any_point() -> impl Strategy<Value = AnyPoint> {
    let status = prop::sample::select(&["available", "available", "available", "creating", "failed", "odd"][..]);
    let rules = vec(any::<prop::sample::Index>(), 0..3);
    let flags = (prop::bool::weighted(0.9), prop::bool::weighted(0.1), prop::bool::weighted(0.9));
    (any::<prop::sample::Index>(), 0..240_i64, status, rules, flags).prop_map(
        |(resource, hours_ago, status, rules, flags)| {
            let (ours, small, encrypted) = flags;
            AnyPoint { resource, hours_ago, status, rules, ours, small, encrypted }
        },
    )
}

const STATUSES: [&str; 6] = ["available", "available", "available", "backing-up", "stopped", "a-word-of-the-future"];

/// Some moment of five weeks with whatever may be there and be remembered then.
fn any_world() -> impl Strategy<Value = (Timestamp, Inventory, Watch)> {
    let minute = 0..5 * 7 * 24 * 60_i64;
    let present = vec((0..STATUSES.len(), prop::bool::weighted(0.9)), 3);
    let seen = vec(prop::bool::weighted(0.95), 2);
    let remembered = vec(prop::bool::weighted(0.5), 16);
    (minute, present, vec(any_point(), 0..14), seen, remembered, vec("[a-z]{1,12}", 0..4)).prop_map(
        |(minute, present, points, seen, remembered, others)| {
            let now = at("2026-11-01T00:00:00Z") + SignedDuration::from_mins(minute);
            let (inventory, watch) = world(now, &present, &points, &seen, &remembered, &others);
            (now, inventory, watch)
        },
    )
}

fn world(
    now: Timestamp,
    present: &[(usize, bool)],
    points: &[AnyPoint],
    seen: &[bool],
    remembered: &[bool],
    others: &[String],
) -> (Inventory, Watch) {
    let plan = &*PLAN;
    let (mut inventory, mut watch) = (Inventory::default(), Watch::default());
    for ((_, resource), (status, is_there)) in plan.resources.iter().zip(present) {
        let region = inventory.regions.entry(resource.region.clone()).or_default();
        let database = Database::of(&resource.target).expect("a database");
        if *is_there {
            stand(region, &resource.region, &database, STATUSES[*status]);
        }
        for id in others {
            let id: DbSnapshotId = id.parse().expect("legal");
            if region.snapshots.iter().all(|taken| (taken.kind, &taken.id) != (database.kind(), &id)) {
                region.snapshots.push(snapshot(&resource.region, &database, &id, "available", Tags::new()));
            }
        }
    }
    let names: Vec<&ResourceName> = plan.resources.keys().collect();
    for (index, point) in points.iter().enumerate() {
        let name = *point.resource.get(&names);
        let resource = &plan.resources[name];
        let database = Database::of(&resource.target).expect("a database");
        let rules: Vec<&RuleName> = resource.snapshots.keys().collect();
        let of: BTreeSet<RuleName> = point.rules.iter().map(|rule| (*rule.get(&rules)).clone()).collect();
        // Where slots of some rule really are, so that names meet.
        let before = now - SignedDuration::from_hours(point.hours_ago);
        let schedule = resource.snapshots.values().nth(index % rules.len()).and_then(SnapshotRule::schedule);
        let Some(firing) = schedule.and_then(|schedule| schedule.latest_at_or_before(before, SignedDuration::MAX))
        else {
            continue;
        };
        let slot = Slot::at(firing);
        let id = snapshot_id(plan, name, &database, slot);
        let region = inventory.regions.entry(resource.region.clone()).or_default();
        if region.snapshots.iter().any(|taken| (taken.kind, &taken.id) == (database.kind(), &id)) {
            continue;
        }
        let tags: Vec<RuleName> = of.into_iter().collect();
        let tags = tags::of_recovery_point(&plan.name, &plan.environment, name, &tags, slot);
        let mut made =
            snapshot(&resource.region, &database, &id, point.status, if point.ours { tags } else { Tags::new() });
        made.encrypted = point.encrypted;
        made.size_bytes = made.size_bytes.map(|size| if point.small { 1 } else { size });
        if remembered.get(index).copied().unwrap_or_default() && point.ours {
            remember(&mut watch, name, resource, &made, slot);
        }
        region.snapshots.push(made);
    }
    let regions: Vec<Region> = inventory.regions.keys().cloned().collect();
    for (region, seen) in regions.iter().zip(seen) {
        if !seen {
            inventory.regions.remove(region);
        }
    }
    (inventory, watch)
}

fn remember(watch: &mut Watch, name: &ResourceName, resource: &Resource, made: &DbSnapshot, slot: Slot) {
    let watched = watch.resources.entry(name.clone()).or_default();
    watched.since = Some(slot.instant());
    if made.status == DbSnapshotStatus::Available {
        for rule in tags::rules(&made.tags) {
            let schedule =
                resource.snapshots.get(&rule).and_then(SnapshotRule::schedule).map(described).unwrap_or_default();
            let served = Served { slot, snapshot: made.id.clone(), schedule };
            if watched.served.get(&rule).is_none_or(|known| known.slot < slot) {
                watched.served.insert(rule, served);
            }
        }
    } else {
        let pending = Pending { since: slot.instant(), record: "a record".into() };
        watched.pending.insert(made.id.clone(), pending);
    }
}

/// What RDS shows after every request of these decisions was accepted.
fn carried_out(inventory: &Inventory, decisions: &[Decision], status: &str) -> Inventory {
    let mut after = inventory.clone();
    for decision in decisions {
        if let Some(Take { request, .. }) = &decision.take {
            let made = snapshot(&request.region, &request.database, &request.id, status, request.tags.clone());
            after.regions.get_mut(&request.region).expect("a region that was seen").snapshots.push(made);
        }
        for promotion in &decision.promote {
            let region = after.regions.get_mut(&promotion.snapshot.region).expect("a region that was seen");
            let promoted =
                region.snapshots.iter_mut().find(|seen| seen.arn == promotion.snapshot.arn).expect("it stays");
            let rules: Vec<&str> = promotion.rules.iter().map(RuleName::as_str).collect();
            promoted.tags.insert(tags::RULES.into(), rules.join(" "));
        }
    }
    after
}

proptest! {
    #[test]
    fn the_order_of_the_inventory_does_not_matter((now, inventory, watch) in any_world(), seed in any::<u64>()) {
        let mut turned = inventory.clone();
        for region in turned.regions.values_mut() {
            let by = |id: &str| slot::short_hash(&[id, &seed.to_string()]);
            region.instances.sort_by_key(|seen| by(seen.id.as_str()));
            region.clusters.sort_by_key(|seen| by(seen.id.as_str()));
            region.snapshots.sort_by_key(|seen| by(seen.arn.as_str()));
        }
        prop_assert_eq!(decide(&PLAN, &turned, &watch, now), decide(&PLAN, &inventory, &watch, now));
    }

    #[test]
    fn once_carried_out_nothing_is_begun_again((now, inventory, watch) in any_world(), minutes in 0..30_i64) {
        let decisions = decide(&PLAN, &inventory, &watch, now);
        for status in ["creating", "available"] {
            let after = carried_out(&inventory, &decisions, status);
            for (before, again) in decisions.iter().zip(decide(&PLAN, &after, &watch, now)) {
                prop_assert!(again.take.is_none() || before.take.is_none(), "{again:?}");
                prop_assert!(again.promote.is_empty(), "{again:?}");
                let Some(take) = &before.take else { continue };
                for rule in again.rules.iter().filter(|rule| take.rules.contains(&rule.rule)) {
                    // An older one that is stuck may come to an end after all, and then serves as well.
                    let is_served = if status == "creating" {
                        matches!(rule.reason, Reason::BeingTaken(_))
                    } else {
                        matches!(rule.reason, Reason::Taken(_))
                    };
                    prop_assert!(is_served, "{rule:?}");
                }
            }
            // A little later too, unless something new is due.
            for again in decide(&PLAN, &after, &watch, now + SignedDuration::from_mins(minutes)) {
                let before = decisions.iter().find(|before| before.resource == again.resource);
                let known = before.and_then(|before| before.take.as_ref()).map(|take| take.slot);
                prop_assert!(known.is_none() || again.take.as_ref().map(|take| take.slot) != known, "{again:?}");
            }
        }
    }

    /// Never a snapshot that the plan does not ask for.
    #[test]
    fn what_is_taken_the_plan_asks_for_and_is_ours_by_name_and_tags((now, inventory, watch) in any_world()) {
        let plan = &*PLAN;
        for decision in decide(plan, &inventory, &watch, now) {
            let Some(take) = &decision.take else { continue };
            let (request, resource) = (&take.request, &plan.resources[&decision.resource]);
            prop_assert_eq!((&request.region, Some(request.database.clone())), (&resource.region, Database::of(&resource.target)));
            prop_assert_eq!(&request.id, &snapshot_id(plan, &decision.resource, &request.database, take.slot));
            prop_assert!(tags::are_ours(&request.tags, &plan.name, &plan.environment));
            prop_assert_eq!((tags::slot(&request.tags), tags::rules(&request.tags).collect::<Vec<_>>()), (Some(take.slot), take.rules.clone()));
            prop_assert!(!take.rules.is_empty() && take.slot.instant() <= now);
            let due = |rule: &RuleName| resource.snapshots[rule].schedule().and_then(|at| at.latest_at_or_before(now, SignedDuration::MAX));
            let slots: Vec<Slot> = take.rules.iter().filter_map(due).map(Slot::at).collect();
            prop_assert_eq!(slots.iter().max(), Some(&take.slot), "it is named by the newest slot that waits for it");
            let seen = &inventory.regions[&request.region];
            prop_assert!(seen.snapshots.iter().all(|known| (known.kind, &known.id) != (request.database.kind(), &request.id)));
            prop_assert_eq!(seen.databases()[&request.database].status, &DbStatus::Available);
        }
    }

    /// Never touch one that is not ours, and take no rule away from one that is.
    #[test]
    fn what_is_promoted_is_ours_good_and_keeps_every_rule_it_had((now, inventory, watch) in any_world()) {
        let plan = &*PLAN;
        for decision in decide(plan, &inventory, &watch, now) {
            for promotion in &decision.promote {
                prop_assert!(is_ours(plan, &promotion.snapshot), "{promotion:?}");
                prop_assert_eq!(&promotion.snapshot.status, &DbSnapshotStatus::Available);
                prop_assert!(tags::name_resource(&promotion.snapshot.tags, &decision.resource));
                let before: BTreeSet<RuleName> = tags::rules(&promotion.snapshot.tags).collect();
                prop_assert!(promotion.rules.is_superset(&before) && promotion.rules.len() > before.len());
            }
        }
    }

    /// Never two at once: what is being made of a database holds every rule of it up.
    #[test]
    fn nothing_is_begun_beside_a_snapshot_that_is_being_made((now, inventory, watch) in any_world()) {
        for decision in decide(&PLAN, &inventory, &watch, now) {
            let Some(Take { request, .. }) = &decision.take else { continue };
            let pending = watch.resources.get(&decision.resource).map(|watched| &watched.pending);
            let stuck = |seen: &DbSnapshot| {
                let since = pending.and_then(|pending| pending.get(&seen.id)).map(|pending| pending.since);
                since.is_some_and(|since| now.duration_since(since) >= STUCK_AFTER)
            };
            let overlap = PLAN.resources[&decision.resource].overlap;
            let running = inventory.regions[&request.region].snapshots.iter().filter(|seen| {
                seen.is_of(&request.database) && seen.status == DbSnapshotStatus::Creating
            });
            for seen in running {
                prop_assert!(overlap == Overlap::Allowed && stuck(seen), "{seen:?}");
            }
        }
    }

    /// Unknown is not healthy, and not sick either: of a region that was not seen nothing is decided, and nobody is told.
    #[test]
    fn of_a_region_that_was_not_seen_nothing_is_decided((now, inventory, watch) in any_world()) {
        for decision in decide(&PLAN, &inventory, &watch, now) {
            prop_assert!(inventory.regions.contains_key(&PLAN.resources[&decision.resource].region));
        }
    }

    /// Invariant 2 in one moment: a rule without a recovery point is being served, or waits and is not late, or somebody is told.
    #[test]
    fn no_rule_is_silently_without_a_recovery_point((now, inventory, watch) in any_world()) {
        for decision in decide(&PLAN, &inventory, &watch, now) {
            let told = decision.conditions.iter().any(|condition| matches!(condition.state, State::Stands(_)));
            let since = watch.resources.get(&decision.resource).and_then(|watched| watched.since).unwrap_or(now);
            for rule in &decision.rules {
                let waits = now < rule.slot.instant().max(since) + LATE_AFTER;
                let fine = match &rule.reason {
                    Reason::Taken(_) | Reason::BeingTaken(_) | Reason::Promoted(_) | Reason::Expired | Reason::TooOld => true,
                    Reason::Take(_) => decision.take.is_some(),
                    Reason::AwaitsPromotion(_) | Reason::Busy(_) | Reason::Blocked(_) => waits,
                    Reason::Flawed(..) | Reason::Gone(_) | Reason::NameTaken(_) | Reason::NoDatabase => false,
                    Reason::Due => return Err(TestCaseError::fail("left undecided")),
                };
                prop_assert!(fine || told, "{rule:?}");
            }
        }
    }

    /// A topic is over only when every rule has what it needs; so an incident is never closed over another that stands.
    #[test]
    fn nothing_about_slots_is_over_while_a_rule_waits((now, inventory, watch) in any_world()) {
        for decision in decide(&PLAN, &inventory, &watch, now) {
            let settled = decision.rules.iter().all(|rule| rule.reason.is_settled());
            for condition in &decision.conditions {
                let of_slots = [Topic::Missing, Topic::Failed, Topic::Encryption, Topic::Gone].contains(&condition.topic);
                prop_assert!(!of_slots || settled || !matches!(condition.state, State::Clear(_)), "{condition:?}");
            }
            let topics: BTreeSet<Topic> = decision.conditions.iter().map(|condition| condition.topic).collect();
            prop_assert_eq!(topics.len(), 11, "every topic is judged, once");
        }
    }
}

/// AWS Backup and a copy by hand may carry our tags; a temporary thing has our prefix; anybody may take our name.
#[test]
fn a_recovery_point_is_ours_by_its_name_its_maker_and_its_tags_together() {
    let plan = &*PLAN;
    let resource: ResourceName = "orders-db".parse().expect("legal");
    let (region, database) = (&plan.resources[&resource].region, Database::of(&plan.resources[&resource].target));
    let (database, slot) = (database.expect("a database"), Slot::at(at("2026-11-20T02:00:00Z")));
    let own = tags::of_recovery_point(&plan.name, &plan.environment, &resource, &[], slot);
    let staging = "staging".parse().expect("legal");
    let of_staging = tags::of_recovery_point(&plan.name, &staging, &resource, &[], slot);
    let name = snapshot_id(plan, &resource, &database, slot).to_string();
    for (id, made_by, tags, ours) in [
        (name.as_str(), MadeBy::Call, &own, true),
        ("orders-before-the-release", MadeBy::Call, &own, false),
        ("hf-rt-orders-db-20261120t020000z", MadeBy::Call, &own, false),
        (name.as_str(), MadeBy::AwsBackup, &own, false),
        (name.as_str(), MadeBy::Rds, &own, false),
        (name.as_str(), MadeBy::Other, &own, false),
        (name.as_str(), MadeBy::Call, &Tags::new(), false),
        (name.as_str(), MadeBy::Call, &of_staging, false),
    ] {
        let seen = snapshot(region, &database, &id.parse().expect("legal"), "available", tags.clone());
        assert_eq!(is_ours(plan, &DbSnapshot { made_by, ..seen }), ours, "{id} by {made_by:?} with {tags:?}");
    }
}

/// A Sunday from midnight, as an engineer would want to read it.
#[test]
fn a_sunday_in_decisions() {
    let plan = &*PLAN;
    let mut inventory = Inventory::default();
    let mut story = String::new();
    let mut watch = Watch::default();
    for name in plan.resources.keys() {
        watch.resources.entry(name.clone()).or_default().since = Some(at("2026-11-01T00:00:00Z"));
    }
    for (time, orders, docs, users) in [
        ("2026-11-22T00:00:10", "available", "available", "available"),
        ("2026-11-22T02:00:00", "backing-up", "available", "available"),
        ("2026-11-22T02:29:59", "backing-up", "available", "available"),
        ("2026-11-22T02:30:00", "backing-up", "available", "available"),
        ("2026-11-22T02:35:00", "available", "available", ""),
        ("2026-11-22T06:00:00", "available", "available", "available"),
        ("2026-11-23T02:00:30", "available", "available", "available"),
    ] {
        let now = at(&format!("{time}Z"));
        for region in inventory.regions.values_mut() {
            region.instances.clear();
            region.clusters.clear();
        }
        story.push_str(&format!("{time}  orders-db {orders:?}, docs {docs:?}, users-db {users:?}\n"));
        for (name, status) in [("orders-db", orders), ("docs", docs), ("users-db", users)] {
            let resource = &plan.resources[&name.parse().expect("legal")];
            let region = inventory.regions.entry(resource.region.clone()).or_default();
            if !status.is_empty() {
                stand(region, &resource.region, &Database::of(&resource.target).expect("a database"), status);
            }
        }
        let decisions = decide(plan, &inventory, &watch, now);
        for decision in &decisions {
            for rule in &decision.rules {
                story.push_str(&format!("    {} {} {}: {}\n", decision.resource, rule.rule, rule.slot, rule.reason));
            }
            if let Some(take) = &decision.take {
                let rules: Vec<&str> = take.rules.iter().map(RuleName::as_str).collect();
                let late = take.late.map_or(String::new(), |late| format!(", late by {late:#}"));
                story.push_str(&format!(
                    "    {} begins {} for {}{late}\n",
                    decision.resource,
                    take.request.id,
                    rules.join(", ")
                ));
            }
            for condition in &decision.conditions {
                if let State::Stands(words) = &condition.state {
                    story.push_str(&format!(
                        "    {} tells {}: {}\n",
                        decision.resource,
                        condition.topic.word(),
                        words.title
                    ));
                }
            }
        }
        inventory = carried_out(&inventory, &decisions, "available");
    }
    insta::assert_snapshot!(story);
}
