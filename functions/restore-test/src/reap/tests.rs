use holdfast_testkit::sample;
use proptest::prelude::*;

use super::*;
use crate::example::{at, cluster, member, room, run};

const BEFORE: &str = "2026-11-20T06:04:59Z";
const DEADLINE: &str = "2026-11-20T06:05:00Z";
const LATE: &str = "2026-11-20T06:35:00Z";

fn nobody() -> Known {
    Known::default()
}

fn open() -> Known {
    Known { open: BTreeSet::from([run().id]), closed: BTreeSet::new() }
}

fn closed() -> Known {
    Known { open: BTreeSet::new(), closed: BTreeSet::from([run().id]) }
}

fn with_tag(key: &str, value: Option<&str>) -> DbInstance {
    let mut instance = room(&run(), "available");
    match value {
        Some(value) => instance.tags.insert(key.into(), value.into()),
        None => instance.tags.remove(key),
    };
    instance
}

fn named(id: &str) -> DbInstance {
    DbInstance { id: id.parse().expect("legal"), ..room(&run(), "available") }
}

/// What people are told of rooms that are late.
fn findings(plan: &Plan, standing: &Standing<'_>, now: Timestamp) -> Vec<Finding> {
    late(plan, standing, now).iter().map(|room| room.finding(plan, now)).collect()
}

/// One instance, and nothing else.
fn only(instance: &DbInstance) -> Standing<'_> {
    Standing { instances: vec![instance], clusters: vec![] }
}

#[test]
fn a_room_goes_at_its_deadline_or_when_its_run_is_closed_and_an_open_run_is_given_time() {
    for (name, known, now, goes) in [
        ("an unknown run before the deadline may just have begun", nobody(), BEFORE, false),
        ("an unknown run at the deadline", nobody(), DEADLINE, true),
        ("a closed run before the deadline", closed(), BEFORE, true),
        ("an open run before the deadline", open(), BEFORE, false),
        ("an open run at the deadline destroys its room itself", open(), DEADLINE, false),
        ("an open run that did not", open(), LATE, true),
    ] {
        let seen = room(&run(), "available");
        let expected = if goes { vec![Leftover::Instance(&seen)] } else { vec![] };
        assert_eq!(rooms(&sample::plan(), &only(&seen), &known, at(now)), expected, "{name}");
        let left = cluster(&run(), "available");
        let expected = if goes { vec![Leftover::Cluster(&left)] } else { vec![] };
        let standing = Standing { instances: vec![], clusters: vec![&left] };
        assert_eq!(rooms(&sample::plan(), &standing, &known, at(now)), expected, "the cluster of {name}");

        let secret: SecretName = "hf-rt-orders".parse().expect("legal");
        let kept = BTreeMap::from([(secret.clone(), seen.tags.clone())]);
        let expected = if goes { vec![secret] } else { vec![] };
        assert_eq!(secrets(&sample::plan(), &kept, &known, at(now)), expected, "the secret of {name}");
    }
}

#[test]
fn what_is_not_wholly_ours_is_never_touched_however_late_and_what_cannot_be_touched_is_told() {
    let much_later = at("2027-11-20T00:00:00Z");
    for (name, instance, told) in [
        ("a name without the prefix", named("shop-orders"), false),
        ("a recovery point's prefix", named("hf-orders"), false),
        ("the prefix inside a name", named("a-hf-rt-orders"), false),
        ("no tag at all", DbInstance { tags: Tags::new(), ..room(&run(), "available") }, false),
        ("no plan", with_tag(tags::PLAN, None), false),
        ("another plan", with_tag(tags::PLAN, Some("other")), false),
        ("another environment", with_tag(tags::ENVIRONMENT, Some("staging")), false),
        ("no run", with_tag(tags::RUN, None), true),
        ("a run that is none", with_tag(tags::RUN, Some("not a run id!")), true),
        ("no deadline, and nobody closed its run", with_tag(tags::DEADLINE, None), false),
        ("a deadline that is none", with_tag(tags::DEADLINE, Some("tomorrow")), false),
    ] {
        assert_eq!(rooms(&sample::plan(), &only(&instance), &nobody(), much_later), vec![], "{name}");
        assert_eq!(!findings(&sample::plan(), &only(&instance), much_later).is_empty(), told, "{name}");
        let id = instance.id.as_str().parse().expect("an instance's identifier is one of a cluster");
        let cluster = DbCluster { id, tags: instance.tags.clone(), ..cluster(&run(), "available") };
        let standing = Standing { instances: vec![], clusters: vec![&cluster] };
        assert_eq!(rooms(&sample::plan(), &standing, &nobody(), much_later), vec![], "a cluster: {name}");
        assert_eq!(!findings(&sample::plan(), &standing, much_later).is_empty(), told, "a cluster: {name}");
        let secret = instance.id.as_str().parse().expect("an identifier is a legal secret name");
        let kept = BTreeMap::from([(secret, instance.tags)]);
        assert_eq!(secrets(&sample::plan(), &kept, &nobody(), much_later), Vec::<SecretName>::new(), "{name}");
    }
}

#[test]
fn a_room_that_is_going_is_not_asked_to_go_again() {
    let (instance, cluster) = (room(&run(), "deleting"), cluster(&run(), "deleting"));
    let standing = Standing { instances: vec![&instance], clusters: vec![&cluster] };
    assert_eq!(rooms(&sample::plan(), &standing, &closed(), at(LATE)), vec![]);
}

#[test]
fn a_closed_runs_room_goes_even_if_its_deadline_was_lost() {
    let instance = with_tag(tags::DEADLINE, None);
    assert_eq!(rooms(&sample::plan(), &only(&instance), &closed(), at(BEFORE)).len(), 1);
}

#[test]
fn one_invocation_reaps_a_bounded_number_and_the_rest_waits() {
    let many: Vec<DbInstance> = (0..50).map(|n| named(&format!("hf-rt-orders-{n:02}"))).collect();
    let clusters: Vec<DbCluster> = many
        .iter()
        .map(|room| DbCluster { id: room.id.as_str().parse().expect("legal"), ..cluster(&run(), "available") })
        .collect();
    for standing in [
        Standing { instances: many.iter().collect(), clusters: vec![] },
        Standing { instances: vec![], clusters: clusters.iter().collect() },
        Standing { instances: many.iter().collect(), clusters: clusters.iter().collect() },
    ] {
        assert_eq!(rooms(&sample::plan(), &standing, &nobody(), at(DEADLINE)).len(), REAPED_MAX);
    }
    let kept: BTreeMap<SecretName, Tags> =
        many.iter().map(|room| (room.id.as_str().parse().expect("legal"), room.tags.clone())).collect();
    assert_eq!(secrets(&sample::plan(), &kept, &nobody(), at(DEADLINE)).len(), REAPED_MAX);
}

#[test]
fn a_room_that_will_not_go_is_told_half_an_hour_after_its_deadline() {
    let stuck = room(&run(), "deleting");
    assert_eq!(findings(&sample::plan(), &only(&stuck), at("2026-11-20T06:34:59Z")), vec![]);
    let told = findings(&sample::plan(), &only(&stuck), at(LATE));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].title, format!("the temporary database {} outlives its deadline and is deleting", run().room));
    assert_eq!(told[0].cause.as_str(), format!("holdfast/restore-test/shop/prod/room/{}", run().room));
}

#[test]
fn a_room_that_people_were_told_of_is_gone_when_its_region_was_seen_without_it() {
    let (instance, left) = (room(&run(), "deleting"), cluster(&run(), "deleting"));
    let (nothing, elsewhere) = (Standing::default(), "us-east-1".parse().expect("legal"));
    let as_cluster = Standing { instances: vec![], clusters: vec![&left] };
    let here = &run().region;
    let told = |region: &Region| {
        let room = LateRoom { region: region.clone(), since: at(DEADLINE) };
        BTreeMap::from([(run().room.to_string(), room)])
    };
    for (name, told, standing, seen, is_gone) in [
        ("seen, and not there", told(here), &nothing, vec![here], true),
        ("not seen", told(here), &nothing, vec![&elsewhere], false),
        ("there", told(here), &only(&instance), vec![here], false),
        ("there as a cluster", told(here), &as_cluster, vec![here], false),
        ("one of its name elsewhere", told(&elsewhere), &only(&instance), vec![here, &elsewhere], true),
    ] {
        let gone = gone(&told, standing, &seen.into_iter().collect());
        assert_eq!(gone, if is_gone { told } else { BTreeMap::new() }, "{name}");
    }
}

/// RDS deletes no cluster that has a member which stays; a member that goes is in nobody's way.
#[test]
fn a_cluster_goes_after_its_member_and_waits_for_one_that_is_not_ours() {
    let cluster = cluster(&run(), "available");
    let somebodys =
        DbInstance { id: "somebodys".parse().expect("legal"), tags: Tags::new(), ..member(&run(), "available") };
    let (stays, goes) = (member(&run(), "available"), member(&run(), "deleting"));
    for (instance, expected) in [
        (Some(&stays), vec![Leftover::Member(&stays)]),
        (Some(&goes), vec![Leftover::Cluster(&cluster)]),
        (Some(&somebodys), vec![]),
        (None, vec![Leftover::Cluster(&cluster)]),
    ] {
        let standing = Standing { instances: instance.into_iter().collect(), clusters: vec![&cluster] };
        assert_eq!(rooms(&sample::plan(), &standing, &nobody(), at(DEADLINE)), expected, "{instance:?}");
    }
}

#[test]
fn a_cluster_and_its_member_are_one_room_and_one_finding() {
    let (cluster, member) = (cluster(&run(), "available"), member(&run(), "available"));
    let both = Standing { instances: vec![&member], clusters: vec![&cluster] };
    let alone = Standing { instances: vec![], clusters: vec![&cluster] };
    for (standing, next_step) in [(both, "DB instance"), (alone, "DB cluster")] {
        let told = findings(&sample::plan(), &standing, at(LATE));
        assert_eq!(told.len(), 1);
        let room = run().room;
        assert_eq!(told[0].cause.as_str(), format!("holdfast/restore-test/shop/prod/room/{room}"));
        assert!(told[0].next_step.starts_with(&format!("delete the {next_step} {room}")), "{}", told[0].next_step);
    }
}

#[test]
fn runs_are_looked_up_that_are_ours_and_not_open_and_each_once() {
    let ours = room(&run(), "available").tags;
    let foreign = with_tag(tags::PLAN, Some("other")).tags;
    let unreadable = with_tag(tags::RUN, Some("not a run id!")).tags;
    let all = [&ours, &foreign, &unreadable, &ours];
    assert_eq!(unknown(&sample::plan(), all, &BTreeSet::new()), BTreeSet::from([run().id]));
    assert_eq!(unknown(&sample::plan(), all, &open().open), BTreeSet::new());
}

proptest! {
    /// Whatever the tags say: what goes is named as ours, tagged as ours, and over.
    #[test]
    fn whatever_goes_is_ours_by_name_and_tags_and_is_over(
        prefix in prop_oneof![Just("hf-rt-"), Just("hf-"), Just("prod-")],
        plan in prop_oneof![Just("shop"), Just("other")],
        environment in prop_oneof![Just("prod"), Just("staging")],
        minutes in -60..120_i64,
        (is_open, is_closed) in (any::<bool>(), any::<bool>()),
    ) {
        let mut instance = named(&format!("{prefix}orders"));
        instance.tags.insert(tags::PLAN.into(), plan.into());
        instance.tags.insert(tags::ENVIRONMENT.into(), environment.into());
        let of = |is: bool| if is { BTreeSet::from([run().id]) } else { BTreeSet::new() };
        let known = Known { open: of(is_open), closed: of(is_closed) };
        let now = at(DEADLINE) + SignedDuration::from_mins(minutes);
        let goes = !rooms(&sample::plan(), &only(&instance), &known, now).is_empty();
        let ours = prefix == "hf-rt-" && plan == "shop" && environment == "prod";
        let over = if is_open { minutes >= 30 } else { is_closed || minutes >= 0 };
        prop_assert_eq!(goes, ours && over);
    }
}

#[test]
fn a_parameter_group_goes_as_a_secret_does_and_never_while_its_room_stands() {
    let group = |name: &str, kind| ParameterGroupId { region: run().region, kind, name: name.into() };
    let own = group(run().room.as_str(), DatabaseKind::Instance);
    let tags = room(&run(), "available").tags;
    for (name, known, now, goes) in [
        ("an unknown run before the deadline may just have begun", nobody(), BEFORE, false),
        ("an unknown run at the deadline", nobody(), DEADLINE, true),
        ("a closed run before the deadline", closed(), BEFORE, true),
        ("an open run at the deadline deletes it itself", open(), DEADLINE, false),
        ("an open run that did not", open(), LATE, true),
    ] {
        let made = BTreeMap::from([(own.clone(), tags.clone())]);
        let expected = if goes { vec![own.clone()] } else { vec![] };
        let empty = Standing::default();
        assert_eq!(parameter_groups(&sample::plan(), &made, &empty, &known, at(now)), expected, "{name}");
        for status in ["available", "deleting"] {
            let seen = room(&run(), status);
            assert_eq!(parameter_groups(&sample::plan(), &made, &only(&seen), &known, at(now)), vec![], "{name}");
        }
    }
    // Neither the name alone nor the tags alone are enough, and a cluster's group is not held by an instance of the same name.
    let standing = room(&run(), "available");
    let of_cluster = group(run().room.as_str(), DatabaseKind::Cluster);
    for (group, tags, goes) in [
        (group("production", DatabaseKind::Instance), tags.clone(), false),
        (group("hf-rt-somebodys", DatabaseKind::Instance), Tags::new(), false),
        (of_cluster, tags, true),
    ] {
        let made = BTreeMap::from([(group.clone(), tags)]);
        let reaped = parameter_groups(&sample::plan(), &made, &only(&standing), &closed(), at(BEFORE));
        assert_eq!(reaped.len(), usize::from(goes), "{group:?}");
    }
}
