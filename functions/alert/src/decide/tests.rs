use holdfast_domain::plan::Channel;
use proptest::prelude::*;

use super::*;
use crate::samples::{finding, minute, name};

use FindingState::{Open, Resolved};
use Severity::{Critical, High, Info, Low};

fn alerts() -> Alerts {
    let [oncall, ops, team]: [ChannelName; 3] = ["oncall", "ops", "team"].map(name);
    Alerts {
        channels: BTreeMap::from([
            (oncall.clone(), Channel::PagerDuty(name("holdfast/pagerduty"))),
            (ops.clone(), Channel::Slack(name("holdfast/slack"))),
            (team.clone(), Channel::Slack(name("holdfast/slack-team"))),
        ]),
        routes: BTreeMap::from([
            (Low, vec![ops.clone()]),
            (High, vec![oncall.clone(), ops.clone()]),
            (Critical, vec![oncall, ops, team]),
        ]),
    }
}

/// A little world around the pure function: what is recorded, who was told what, how channels answer.
#[derive(Debug, Default, Clone)]
struct World {
    incident: Option<Incident>,
    told: Vec<(String, News)>,
    answers: BTreeMap<String, DeliveryState>,
}

impl World {
    fn see(&mut self, finding: &Finding, now: Timestamp) -> Decision {
        let decision = decide(self.incident.as_ref(), finding, &alerts(), now);
        self.incident = decision.incident.clone().or(self.incident.take());
        let incident = self.incident.as_ref().expect("a decision always leaves a record");
        let answer = |telling: &Telling| {
            let name = telling.channel.to_string();
            let state = self.answers.get(&name).copied().unwrap_or(DeliveryState::Delivered);
            (name, Delivery { state, attempts: telling.attempt, at: now, not_before: None, error: None })
        };
        let by_channel: BTreeMap<_, _> = decision.tell.iter().map(answer).collect();
        self.told.extend(decision.tell.iter().map(|telling| (telling.channel.to_string(), telling.news)));
        let answers = Answers { opening: incident.opening, news: News::of(incident), by_channel };
        self.incident = Some(settle(incident, &answers));
        decision
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told).into_iter().map(|(name, _)| name).collect()
    }

    fn incident(&self) -> &Incident {
        self.incident.as_ref().expect("something was seen")
    }
}

/// What is seen at which minute, then what it was, and who is told.
#[test]
fn each_finding_is_one_thing_to_its_incident_and_tells_exactly_those_who_do_not_know() {
    let mut world = World::default();
    let day = 24 * 60;
    let table: [(FindingState, Severity, i64, Reason, &[&str]); 13] = [
        (Resolved, Low, 0, Reason::NothingOpen, &[]),
        (Open, Low, -1, Reason::Late, &[]),
        (Open, Low, 1, Reason::Opened, &["ops"]),
        (Open, Low, 2, Reason::SeenAgain, &[]),
        (Open, High, 3, Reason::Escalated, &["oncall"]),
        (Open, Low, 4, Reason::SeenAgain, &[]),
        (Resolved, Low, 3, Reason::Late, &[]),
        (Resolved, Low, 5, Reason::Resolved, &["oncall", "ops"]),
        (Resolved, Low, 6, Reason::NothingOpen, &[]),
        (Open, Critical, 2, Reason::Late, &[]),
        (Open, High, 7, Reason::Reopened, &["oncall", "ops"]),
        (Open, High, 7 + day, Reason::SeenAfterSilence, &["oncall", "ops"]),
        (Open, Critical, 6, Reason::Late, &[]),
    ];
    for (row, (state, severity, at, reason, told)) in table.into_iter().enumerate() {
        let decision = world.see(&finding(state, severity, at), minute(at));
        assert_eq!(
            (decision.reason, world.told()),
            (reason, told.iter().map(ToString::to_string).collect()),
            "row {row}"
        );
    }
    assert_eq!((world.incident().opening, world.incident().severity), (2, High));
    assert_eq!(world.incident().opened_at, minute(7));
}

#[test]
fn a_failed_channel_is_told_again_and_a_refusing_one_is_not() {
    let answers = BTreeMap::from([("oncall".into(), DeliveryState::Failed), ("team".into(), DeliveryState::Refused)]);
    let mut world = World { answers, ..World::default() };
    world.see(&finding(Open, Critical, 0), minute(0));
    assert_eq!(world.told(), ["oncall", "ops", "team"]);
    let again = world.see(&finding(Open, Critical, 0), minute(1));
    assert_eq!(world.told(), ["oncall"]);
    assert_eq!((again.tell[0].attempt, again.tell[0].repetition), (2, false));
    world.see(&finding(Resolved, Critical, 2), minute(2));
    assert_eq!(world.told(), ["ops"], "only those who were told that it began are told that it is over");
}

#[test]
fn whoever_may_have_been_told_is_told_that_it_is_over() {
    let mut world = World { answers: BTreeMap::from([("oncall".into(), DeliveryState::Unknown)]), ..World::default() };
    world.see(&finding(Open, High, 0), minute(0));
    world.told();
    world.see(&finding(Resolved, High, 1), minute(1));
    assert_eq!(world.told(), ["oncall", "ops"]);
}

#[test]
fn a_channel_that_asked_to_wait_is_left_alone_until_then() {
    let incident = decide(None, &finding(Open, Low, 0), &alerts(), minute(0)).incident.expect("it opens");
    let wait =
        Delivery { state: DeliveryState::Failed, attempts: 1, at: minute(0), not_before: Some(minute(5)), error: None };
    let by_channel = BTreeMap::from([("ops".into(), wait)]);
    let incident = settle(&incident, &Answers { opening: 1, news: News::Opened, by_channel });
    let early = decide(Some(&incident), &finding(Open, Low, 0), &alerts(), minute(4));
    assert_eq!((early.tell.len(), early.waiting), (0, vec![name("ops")]));
    assert_eq!(decide(Some(&incident), &finding(Open, Low, 0), &alerts(), minute(5)).tell.len(), 1);
}

#[test]
fn an_attempt_belongs_to_whoever_began_it_until_its_lease_is_over() {
    let begun = decide(None, &finding(Open, Low, 0), &alerts(), minute(0)).incident.expect("it opens");
    let meanwhile =
        decide(Some(&begun), &finding(Open, Low, 0), &alerts(), minute(0) + LEASE - SignedDuration::from_secs(1));
    assert_eq!((meanwhile.tell.len(), meanwhile.waiting.len()), (0, 1));
    let over = decide(Some(&begun), &finding(Resolved, Low, 1), &alerts(), minute(0));
    assert_eq!(
        (over.reason, over.tell.len(), over.waiting.len()),
        (Reason::Resolved, 0, 1),
        "a resolution never overtakes its opening"
    );
    let after = decide(Some(&begun), &finding(Open, Low, 0), &alerts(), minute(0) + LEASE);
    assert!(after.tell[0].repetition, "an answer was lost: the message says that it may be a repetition");
}

#[test]
fn an_answer_that_comes_late_never_undoes_what_is_known() {
    let begun = decide(None, &finding(Open, Low, 0), &alerts(), minute(0)).incident.expect("it opens");
    let answer = |state, attempts| Answers {
        opening: 1,
        news: News::Opened,
        by_channel: BTreeMap::from([(
            "ops".into(),
            Delivery { state, attempts, at: minute(1), not_before: None, error: None },
        )]),
    };
    let delivered = settle(&begun, &answer(DeliveryState::Delivered, 2));
    assert_eq!(settle(&delivered, &answer(DeliveryState::Failed, 1)), delivered);
    let refused = settle(&begun, &answer(DeliveryState::Refused, 2));
    assert_eq!(settle(&refused, &answer(DeliveryState::Failed, 1)), refused);
    assert_eq!(settle(&refused, &answer(DeliveryState::Delivered, 1)).opened_to["ops"].state, DeliveryState::Delivered);
    let reopened = Incident { opening: 2, ..begun };
    assert_eq!(settle(&reopened, &answer(DeliveryState::Delivered, 1)), reopened);
}

#[test]
fn the_fallback_topic_hears_when_nobody_was_told_or_a_channel_refuses() {
    use DeliveryState::{Delivered, Failed, Refused, Unknown};
    let table = [
        (High, [Some(Failed), Some(Failed)], Some(FallbackReason::NobodyTold)),
        (High, [Some(Refused), Some(Unknown)], Some(FallbackReason::NobodyTold)),
        (High, [Some(Delivered), Some(Failed)], None),
        (High, [Some(Delivered), Some(Refused)], Some(FallbackReason::ChannelRefused)),
        (High, [None, None], Some(FallbackReason::NobodyTold)),
        (Low, [Some(Failed), Some(Failed)], None),
        (Low, [Some(Refused), None], Some(FallbackReason::ChannelRefused)),
        (Info, [None, None], None),
    ];
    for (row, (severity, states, due)) in table.into_iter().enumerate() {
        let mut incident = opening(&finding(Open, severity, 0), 1, None);
        for (name, state) in ["ops", "oncall"].into_iter().zip(states) {
            let delivery = |state| Delivery { state, attempts: 1, at: minute(0), not_before: None, error: None };
            incident.opened_to.extend(state.map(|state| (name.to_owned(), delivery(state))));
        }
        assert_eq!(fallback_due(&incident, minute(1)), due, "row {row}");
        let told = Delivery { state: Delivered, attempts: 1, at: minute(1), not_before: None, error: None };
        incident.opened_to.insert(FALLBACK.into(), told);
        assert_eq!(fallback_due(&incident, minute(1)), None, "row {row}: once is enough");
    }
}

#[test]
fn no_channel_can_have_the_name_of_the_fallback_topic() {
    assert!(FALLBACK.parse::<ChannelName>().is_err());
}

fn any_finding() -> impl Strategy<Value = Finding> {
    let state = prop_oneof![Just(Open), Just(Resolved)];
    // Within a silence: what is told after one depends on when news came, and is meant to.
    (state, proptest::sample::select(&Severity::ALL[..]), 0..60_i64)
        .prop_map(|(state, severity, at)| finding(state, severity, at))
}

fn any_world() -> impl Strategy<Value = World> {
    proptest::collection::vec(any_finding(), 0..5).prop_map(|findings| {
        let mut world = World::default();
        for finding in &findings {
            world.see(finding, minute(100));
        }
        world
    })
}

proptest! {
    #[test]
    fn twice_is_once(mut world in any_world(), finding in any_finding()) {
        world.see(&finding, minute(100));
        let (once, told) = (world.incident.clone(), world.told.len());
        let decision = world.see(&finding, minute(101));
        prop_assert_eq!(decision.incident, None);
        prop_assert_eq!((world.incident, world.told.len()), (once, told));
    }

    #[test]
    fn two_in_either_order_end_in_the_same_state(world in any_world(), one in any_finding(), other in any_finding()) {
        let (mut there, mut back) = (world.clone(), world);
        there.see(&one, minute(100));
        there.see(&other, minute(100));
        back.see(&other, minute(100));
        back.see(&one, minute(100));
        prop_assert_eq!(there.incident().state, back.incident().state);
        prop_assert_eq!(there.incident().last_seen_at, back.incident().last_seen_at);
    }

    #[test]
    fn whoever_knows_of_the_end_knew_of_the_beginning(world in any_world()) {
        if let Some(incident) = world.incident {
            for name in incident.resolved_to.keys() {
                prop_assert!(incident.opened_to.contains_key(name));
            }
        }
    }

    #[test]
    fn what_stands_is_known_to_its_whole_route(world in any_world()) {
        if let Some(incident) = world.incident.filter(|incident| incident.state == IncidentState::Open) {
            for channel in route(&alerts(), incident.severity) {
                prop_assert_eq!(incident.opened_to.get(channel.as_str()).map(|d| d.state), Some(DeliveryState::Delivered));
            }
        }
    }
}
