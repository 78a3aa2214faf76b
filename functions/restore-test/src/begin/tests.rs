use holdfast_domain::inventory::{DbCluster, DbInstance};
use holdfast_domain::plan::{External, ExternalMaker};
use holdfast_domain::{DbInstanceId, DbSnapshotId, RuleName};
use holdfast_ledger::RecoveryPoint;
use holdfast_ports::{DbClusters as _, DbInstances as _, DbSnapshots as _};
use holdfast_testkit::{MemoryCloud, sample};

use super::*;
use crate::example::at;

/// A region as it is seen.
struct Seen {
    region: Region,
    snapshots: Vec<DbSnapshot>,
    instances: Vec<DbInstance>,
    cluster_snapshots: Vec<DbSnapshot>,
    clusters: Vec<DbCluster>,
}

impl Seen {
    async fn of(cloud: &MemoryCloud, region: &str) -> Self {
        let region: Region = region.parse().expect("legal");
        let snapshots = cloud.db_snapshots(&region).await.expect("a listing");
        let instances = cloud.db_instances(&region).await.expect("a listing");
        let cluster_snapshots = cloud.db_cluster_snapshots(&region).await.expect("a listing");
        let clusters = cloud.db_clusters(&region).await.expect("a listing");
        Self { region, snapshots, instances, cluster_snapshots, clusters }
    }

    fn in_region(&self) -> InRegion<'_> {
        InRegion {
            snapshots: &self.snapshots,
            cluster_snapshots: Some(&self.cluster_snapshots),
            standing: Standing { instances: &self.instances, clusters: &self.clusters },
        }
    }
}

fn regions(seen: &[Seen]) -> Regions<'_> {
    seen.iter().map(|seen| (&seen.region, seen.in_region())).collect()
}

async fn home(cloud: &MemoryCloud) -> [Seen; 1] {
    [Seen::of(cloud, "eu-central-1").await]
}

fn add(cloud: &MemoryCloud, plan: &Plan, region: &str, slot: &str, rules: &[&str]) -> DbSnapshotId {
    let resource: ResourceName = "orders-db".parse().expect("legal");
    let slot: Slot = slot.parse().expect("legal");
    let rules: Vec<RuleName> = rules.iter().map(|rule| rule.parse().expect("legal")).collect();
    let id = slot::db_snapshot_id(&plan.name, &plan.environment, &resource, slot);
    let tags = tags::of_recovery_point(&plan.name, &plan.environment, &resource, &rules, slot);
    let database = plan.resources[&resource].db_instance().expect("a DB instance");
    cloud.add_snapshot(&region.parse().expect("legal"), &id, database, tags);
    id
}

fn runs(tests: &[DueTest]) -> Vec<&str> {
    tests.iter().map(|test| test.run.as_str()).collect()
}

fn restored(test: &DueTest) -> String {
    test.source.as_ref().map_or_else(ToString::to_string, |source| source.point.to_string())
}

/// The sample with its test on Mondays changed.
fn with_monday(change: impl FnOnce(&mut RestoreTestRule)) -> Plan {
    let mut plan = sample::plan();
    let resource = plan.resources.values_mut().next().expect("a resource");
    change(resource.restore_tests.get_mut(&"monday".parse::<RuleName>().expect("legal")).expect("the rule"));
    plan
}

#[tokio::test]
async fn a_test_after_a_rule_is_due_for_its_newest_recovery_point_only() {
    let plan = sample::plan();
    let cloud = MemoryCloud::at(at("2026-11-19T02:04:00Z"));
    add(&cloud, &plan, "eu-central-1", "20261119t020000z", &["daily"]);
    cloud.pass(SignedDuration::from_hours(24));
    let newest = add(&cloud, &plan, "eu-central-1", "20261120t020000z", &["daily", "weekly"]);
    cloud.pass(SignedDuration::from_mins(1));
    add(&cloud, &plan, "eu-central-1", "20261120t030000z", &["hourly"]);
    let due = due(&plan, &regions(&home(&cloud).await), cloud.time());
    assert_eq!(runs(&due), ["orders-db.every.20261120t020000z"]);
    assert_eq!(restored(&due[0]), newest.as_str());
}

#[tokio::test]
async fn a_test_on_a_schedule_is_due_for_a_day_and_says_when_there_is_nothing() {
    let plan = sample::plan();
    let monday = at("2026-11-23T06:00:20Z");
    let none = home(&MemoryCloud::at(monday)).await;
    let tests = due(&plan, &regions(&none), monday);
    assert_eq!(runs(&tests), ["orders-db.monday.20261123t060000z"]);
    assert_eq!(tests[0].source, Err(NoSource::NoneAvailable(plan.primary.clone())));
    assert_eq!(due(&plan, &regions(&none), at("2026-11-24T06:00:01Z")), vec![]);
    assert_eq!(due(&plan, &Regions::new(), monday), vec![], "a region that was not seen has nothing due");
}

#[tokio::test]
async fn what_is_not_ours_is_no_source_unless_the_plan_says_that_somebody_else_takes_them() {
    let mut plan = sample::plan();
    let cloud = MemoryCloud::at(at("2026-11-23T06:00:00Z"));
    let foreign: DbSnapshotId = "somebodys".parse().expect("legal");
    cloud.add_snapshot(&plan.primary, &foreign, &"shop-orders".parse().expect("legal"), tags::Tags::new());
    let seen = home(&cloud).await;
    assert!(due(&plan, &regions(&seen), cloud.time()).iter().all(|test| test.source.is_err()));
    let resource = plan.resources.values_mut().next().expect("a resource");
    resource.external = Some(External { by: ExternalMaker::Any, every: None, keep: None });
    let tests = due(&plan, &regions(&seen), cloud.time());
    assert_eq!(tests.iter().map(restored).collect::<Vec<_>>(), ["somebodys"]);
}

#[tokio::test]
async fn a_rule_in_another_region_restores_the_copy_that_lies_there() {
    let plan = with_monday(|rule| rule.region = "us-east-1".parse().expect("legal"));
    let cloud = MemoryCloud::at(at("2026-11-23T05:00:00Z"));
    let copy = add(&cloud, &plan, "us-east-1", "20261122t020000z", &["daily"]);
    cloud.pass(SignedDuration::from_mins(10));
    add(&cloud, &plan, "eu-central-1", "20261123t020000z", &["weekly"]);
    cloud.pass(SignedDuration::from_mins(55));
    let seen = [Seen::of(&cloud, "eu-central-1").await, Seen::of(&cloud, "us-east-1").await];
    let tests = due(&plan, &regions(&seen), cloud.time());
    assert_eq!(runs(&tests), ["orders-db.monday.20261123t060000z"]);
    assert_eq!((restored(&tests[0]).as_str(), tests[0].region.as_str()), (copy.as_str(), "us-east-1"));
    let resource = &plan.resources[&tests[0].resource];
    let source = tests[0].source.as_ref().expect("a source");
    assert_eq!(run(&plan, resource, &tests[0], source, 0, cloud.time()).region.as_str(), "us-east-1");
    assert_eq!(due(&plan, &regions(&seen[..1]), cloud.time()), vec![], "a region that was not seen has nothing due");
}

#[tokio::test]
async fn a_point_in_time_waits_until_its_instance_can_be_seen_and_says_when_there_is_none() {
    let plan = with_monday(|rule| rule.from = RestoreFrom::Pitr);
    let cloud = MemoryCloud::at(at("2026-11-23T06:00:20Z"));
    let seen = home(&cloud).await;
    let tests = due(&plan, &regions(&seen), cloud.time());
    let instance: DbInstanceId = "shop-orders".parse().expect("legal");
    assert_eq!(tests[0].source, Err(NoSource::NoDatabase(Database::Instance(instance.clone()), plan.primary.clone())));

    cloud.add_instance(&plan.primary, &instance);
    let off = due(&plan, &regions(&home(&cloud).await), cloud.time());
    assert_eq!(off[0].source, Err(NoSource::NotContinuous(Database::Instance(instance.clone()))));

    cloud.back_up_continuously(&plan.primary, &instance);
    let on = due(&plan, &regions(&home(&cloud).await), cloud.time());
    let source = on[0].source.as_ref().expect("a point in time");
    // Five minutes behind, and RDS wants an instant before that.
    let point = RecoveryPoint::PointInTime { instance, at: at("2026-11-23T05:55:19Z") };
    assert_eq!((&source.point, source.taken_at), (&point, at("2026-11-23T05:55:19Z")));
}

#[tokio::test]
async fn what_cannot_begin_is_told_with_what_to_do_and_under_a_cause_of_its_sort() {
    let plan = with_monday(|rule| rule.from = RestoreFrom::Pitr);
    let cloud = MemoryCloud::at(at("2026-11-23T06:00:20Z"));
    cloud.add_instance(&plan.primary, &"shop-orders".parse().expect("legal"));
    let tests = due(&plan, &regions(&home(&cloud).await), cloud.time());
    let Err(why) = &tests[0].source else { panic!("{tests:?}") };
    let told = nothing_to_restore(&plan, &plan.resources[&tests[0].resource], &tests[0], why, cloud.time());
    assert_eq!(told.cause.as_str(), "shop/prod/orders-db/restore-test-pitr");
    assert_eq!(
        told.title,
        "restore test orders-db.monday.20261123t060000z cannot begin: the DB instance shop-orders has no continuous backup; its \
         automated backups are off"
    );
    assert!(told.next_step.starts_with("turn its automated backups on"), "{}", told.next_step);
}

/// A plan whose resource is a cluster, tested on Mondays.
fn of_a_cluster(instance_class: &str) -> Plan {
    let mut plan = with_monday(|rule| rule.instance_class = instance_class.into());
    let resource = plan.resources.values_mut().next().expect("a resource");
    resource.target = holdfast_domain::plan::Target::AuroraCluster("shop-orders".parse().expect("legal"));
    resource.external = Some(External { by: ExternalMaker::Any, every: None, keep: None });
    plan
}

#[tokio::test]
async fn a_cluster_is_due_as_an_instance_is_and_only_where_its_snapshots_were_looked_at() {
    let plan = of_a_cluster("db.r6g.large");
    let cloud = MemoryCloud::at(at("2026-11-23T06:00:00Z"));
    let cluster = "shop-orders".parse().expect("legal");
    cloud.add_cluster(&plan.primary, &cluster, "aurora-postgresql");
    cloud.add_cluster_snapshot(&plan.primary, &"somebodys".parse().expect("legal"), &cluster, tags::Tags::new());
    let seen = home(&cloud).await;
    let tests = due(&plan, &regions(&seen), cloud.time());
    assert_eq!(tests.iter().map(restored).collect::<Vec<_>>(), ["somebodys"]);
    let source = tests[0].source.as_ref().expect("a source");
    assert_eq!(source.point.kind(), DatabaseKind::Cluster);
    let begun = run(&plan, &plan.resources[&tests[0].resource], &tests[0], source, 0, cloud.time());
    assert_eq!(begun.room_cluster().map(|id| id.to_string()), Some(begun.room.to_string()));
    assert_eq!(begun.serverless, None, "a class of its own needs no capacity");

    let mut not_looked_at = regions(&seen);
    not_looked_at.values_mut().for_each(|seen| seen.cluster_snapshots = None);
    assert_eq!(due(&plan, &not_looked_at, cloud.time()), vec![], "what was not looked at is not nothing");
}

#[tokio::test]
async fn a_serverless_room_has_the_capacity_of_its_source_or_a_default_range() {
    let plan = of_a_cluster("db.serverless");
    let cloud = MemoryCloud::at(at("2026-11-23T06:00:00Z"));
    let cluster = "shop-orders".parse().expect("legal");
    cloud.add_cluster(&plan.primary, &cluster, "aurora-postgresql");
    cloud.add_cluster_snapshot(&plan.primary, &"somebodys".parse().expect("legal"), &cluster, tags::Tags::new());
    let capacity = async || {
        let seen = home(&cloud).await;
        let tests = due(&plan, &regions(&seen), cloud.time());
        let source = tests[0].source.as_ref().expect("a source");
        run(&plan, &plan.resources[&tests[0].resource], &tests[0], source, 0, cloud.time()).serverless
    };
    assert_eq!(capacity().await, Some(DEFAULT_CAPACITY.into()));
    let known = ServerlessCapacity { min_half_acus: 4, max_half_acus: 64 };
    cloud.edit_cluster(&plan.primary, &cluster, |cluster| cluster.serverless = Some(known));
    assert_eq!(capacity().await, Some(known.into()));
    cloud.remove_cluster(&plan.primary, &cluster);
    assert_eq!(capacity().await, Some(DEFAULT_CAPACITY.into()), "a snapshot outlives its cluster and tells none");
}
