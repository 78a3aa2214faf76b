use holdfast_testkit::sample;
use proptest::prelude::*;

use super::*;
use crate::example::{at, room, run};

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
        let expected = if goes { vec![Reap { region: seen.region.clone(), room: seen.id.clone() }] } else { vec![] };
        assert_eq!(rooms(&sample::plan(), [&seen], &known, at(now)), expected, "{name}");

        let secret: SecretName = "hf-rt-orders".parse().expect("legal");
        let kept = BTreeMap::from([(secret.clone(), seen.tags)]);
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
        assert_eq!(rooms(&sample::plan(), [&instance], &nobody(), much_later), vec![], "{name}");
        assert_eq!(!findings(&sample::plan(), [&instance], much_later).is_empty(), told, "{name}");
        let secret = instance.id.as_str().parse().expect("an identifier is a legal secret name");
        let kept = BTreeMap::from([(secret, instance.tags)]);
        assert_eq!(secrets(&sample::plan(), &kept, &nobody(), much_later), Vec::<SecretName>::new(), "{name}");
    }
}

#[test]
fn a_room_that_is_going_is_not_asked_to_go_again() {
    assert_eq!(rooms(&sample::plan(), [&room(&run(), "deleting")], &closed(), at(LATE)), vec![]);
}

#[test]
fn a_closed_runs_room_goes_even_if_its_deadline_was_lost() {
    let instance = with_tag(tags::DEADLINE, None);
    assert_eq!(rooms(&sample::plan(), [&instance], &closed(), at(BEFORE)).len(), 1);
}

#[test]
fn one_invocation_reaps_a_bounded_number_and_the_rest_waits() {
    let many: Vec<DbInstance> = (0..50).map(|n| named(&format!("hf-rt-orders-{n:02}"))).collect();
    let reaped = rooms(&sample::plan(), &many, &nobody(), at(DEADLINE));
    assert_eq!(reaped.len(), REAPED_MAX);
    let kept: BTreeMap<SecretName, Tags> =
        many.iter().map(|room| (room.id.as_str().parse().expect("legal"), room.tags.clone())).collect();
    assert_eq!(secrets(&sample::plan(), &kept, &nobody(), at(DEADLINE)).len(), REAPED_MAX);
}

#[test]
fn a_room_that_will_not_go_is_told_half_an_hour_after_its_deadline() {
    let stuck = room(&run(), "deleting");
    assert_eq!(findings(&sample::plan(), [&stuck], at("2026-11-20T06:34:59Z")), vec![]);
    let told = findings(&sample::plan(), [&stuck], at(LATE));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].title, format!("the temporary database {} outlives its deadline and is deleting", run().room));
    assert_eq!(told[0].cause.as_str(), format!("holdfast/restore-test/shop/prod/room/{}", run().room));
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
        let goes = !rooms(&sample::plan(), [&instance], &known, now).is_empty();
        let ours = prefix == "hf-rt-" && plan == "shop" && environment == "prod";
        let over = if is_open { minutes >= 30 } else { is_closed || minutes >= 0 };
        prop_assert_eq!(goes, ours && over);
    }
}
