use holdfast_domain::plan::{Alerts, Channel, QuietHours, WallTime};
use holdfast_domain::{Finding, FindingState};
use holdfast_ledger::Acknowledgement;
use proptest::prelude::*;

use super::*;
use crate::cause::hear;
use crate::fold::{own_incident, returns};
use crate::lines::apply;
use crate::samples::{delivered, finding, minute, name, plan};
use crate::settle::{Answers, FALLBACK, FallbackReason, fallback_due, settle};

use FindingState::{Open, Resolved};
use Severity::{Critical, High, Info, Low};

fn alerts() -> Alerts {
    let [oncall, ops, team]: [ChannelName; 3] = ["oncall", "ops", "team"].map(name);
    Alerts {
        channels: [
            (oncall.clone(), Channel::PagerDuty(name("holdfast/pagerduty"))),
            (ops.clone(), Channel::Slack(name("holdfast/slack"))),
            (team.clone(), Channel::Email { to: vec![name("dba@example.com")], from: name("holdfast@example.com") }),
        ]
        .into(),
        routes: [
            (Low, vec![ops.clone()]),
            (High, vec![oncall.clone(), ops.clone(), team.clone()]),
            (Critical, vec![oncall, ops, team]),
        ]
        .into(),
        escalate_after: Some(SignedDuration::from_mins(15)),
        update_every: Some(SignedDuration::from_mins(15)),
        report_within: Some(SignedDuration::from_hours(24)),
        quiet_hours: None,
        heartbeat: None,
    }
}

/// A little world around the pure function: what is recorded, who was told what, how channels answer.
#[derive(Clone)]
struct World {
    plan: Plan,
    cause: Option<holdfast_ledger::CauseRecord>,
    incident: Option<Incident>,
    answers: BTreeMap<String, DeliveryState>,
}

impl World {
    fn new(alerts: Alerts) -> Self {
        Self { plan: plan(alerts), cause: None, incident: None, answers: BTreeMap::new() }
    }

    fn open(alerts: Alerts, severity: Severity) -> Self {
        let mut world = Self::new(alerts);
        world.see(&finding(Open, severity, 0));
        world
    }

    fn see(&mut self, finding: &Finding) {
        let (cause, heard) = hear(self.cause.as_ref(), finding);
        let stays = self
            .incident
            .as_ref()
            .filter(|incident| returns(incident, &cause.cause))
            .map(|incident| incident.id.clone());
        let id = stays.unwrap_or_else(|| own_incident(&cause.cause, cause.opening.max(1)));
        let same = self.incident.as_ref().filter(|incident| incident.id == id || finding.state == Resolved);
        self.incident = apply(same, &id, &cause, finding, heard).or(self.incident.take());
        self.cause = Some(cause);
    }

    /// Whoever is told at a minute, in rounds until nobody is left: step and channel.
    fn told(&mut self, at: i64) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..8 {
            let tellings = self.round(at);
            if tellings.is_empty() {
                break;
            }
            told.extend(tellings.iter().map(|telling| format!("{} {}", telling.step, telling.channel)));
        }
        told
    }

    fn round(&mut self, at: i64) -> Vec<Telling> {
        let Some(incident) = self.incident.take() else { return Vec::new() };
        let (incident, tellings) = due(&self.plan, &incident, &BTreeSet::new(), minute(at));
        let answer = |telling: &Telling| {
            let state = self.answers.get(telling.channel.as_str()).copied().unwrap_or(DeliveryState::Delivered);
            let not_before = matches!(state, DeliveryState::Failed | DeliveryState::Unknown)
                .then(|| minute(at) + backoff(telling.attempt));
            let error = (state != DeliveryState::Delivered).then(|| "no".to_owned());
            let delivery = Delivery {
                state,
                attempts: telling.attempt,
                not_before,
                error,
                possibly_repeated: telling.possibly_repeated,
                ..delivered(at)
            };
            (telling.step, telling.channel.to_string(), delivery)
        };
        let answers = Answers { all: tellings.iter().map(answer).collect() };
        self.incident = Some(settle(&incident, &answers));
        tellings
    }

    fn incident(&mut self) -> &mut Incident {
        self.incident.as_mut().expect("something stood")
    }

    fn acknowledge(&mut self, at: i64) {
        let severity = self.incident().severity;
        self.incident().acknowledged = Some(Acknowledgement { by: "dba".into(), at: minute(at), note: None, severity });
    }
}

#[test]
fn an_unacknowledged_incident_goes_from_channel_to_channel_in_order() {
    let mut world = World::open(alerts(), High);
    assert_eq!(world.told(0), ["opened oncall"]);
    assert_eq!(world.told(14), Vec::<String>::new());
    assert_eq!(world.told(15), ["opened ops"]);
    assert_eq!(world.told(29), Vec::<String>::new());
    assert_eq!(world.told(30), ["opened team"]);
    assert_eq!(world.told(600), Vec::<String>::new());
}

#[test]
fn an_acknowledgement_stops_the_escalation_and_a_worse_turn_begins_it_again() {
    let mut world = World::open(alerts(), High);
    world.told(0);
    world.acknowledge(5);
    assert_eq!(world.told(5), ["acknowledged oncall"]);
    assert_eq!(world.told(60), Vec::<String>::new());
    world.see(&finding(Open, Critical, 61));
    assert_eq!(world.told(61), ["opened ops", "opened team", "update-1 oncall", "acknowledged ops"]);
}

#[test]
fn without_escalation_and_for_critical_incidents_all_are_told_at_once() {
    let all = ["opened oncall", "opened ops", "opened team"];
    assert_eq!(World::open(Alerts { escalate_after: None, ..alerts() }, High).told(0), all);
    assert_eq!(World::open(alerts(), Critical).told(0), all);
}

#[test]
fn nobody_waits_for_a_dead_channel() {
    for (state, retried) in
        [(DeliveryState::Failed, true), (DeliveryState::Refused, false), (DeliveryState::Unknown, true)]
    {
        let mut world = World::open(alerts(), High);
        world.answers.insert("oncall".into(), state);
        assert_eq!(world.told(0), ["opened oncall", "opened ops"], "{state:?}");
        world.answers.clear();
        let again: &[&str] = if retried { &["opened oncall"] } else { &[] };
        assert_eq!(world.told(1), again, "{state:?}");
    }
}

#[test]
fn a_channel_that_was_silent_a_moment_ago_is_passed_over() {
    let world = World::open(alerts(), High);
    let silent = BTreeSet::from([name("oncall")]);
    let (_, tellings) = due(&world.plan, &world.incident.expect("open"), &silent, minute(0));
    assert_eq!(tellings.iter().map(|telling| telling.channel.as_str()).collect::<Vec<_>>(), ["ops"]);
}

#[test]
fn a_failing_channel_is_left_alone_longer_each_time_and_given_up_after_a_day() {
    let waits: Vec<i64> = [1, 2, 3, 5, 6, 50].map(|n| backoff(n).as_secs()).into();
    assert_eq!(waits, [30, 60, 120, 480, 900, 900]);
    assert!(is_settled(&Delivery { state: DeliveryState::Failed, attempts: ATTEMPTS_MAX, ..delivered(0) }));
}

#[test]
fn while_a_recovery_runs_news_comes_every_quarter_of_an_hour() {
    let mut world = World::open(alerts(), Critical);
    world.told(0);
    let mut updates = Vec::new();
    for at in 1..=60 {
        updates.extend(world.told(at).into_iter().map(|told| (at, told)).filter(|(_, told)| told.ends_with(" ops")));
    }
    let wanted = [(15, "update-1 ops"), (30, "update-2 ops"), (45, "update-3 ops"), (60, "update-4 ops")];
    assert_eq!(updates, wanted.map(|(at, told)| (at, told.to_owned())));
    let mut high = World::open(alerts(), High);
    high.told(0);
    assert!((1..60).flat_map(|at| high.told(at)).all(|told| told.starts_with("opened")), "of a high one, none");
}

#[test]
fn a_storm_is_told_as_it_begins_and_as_it_grows_not_line_by_line() {
    let mut world = World::open(Alerts { escalate_after: None, ..alerts() }, High);
    world.told(0);
    let line = world.incident().lines.values().next().cloned().expect("one");
    let mut told = Vec::new();
    for at in 1..=40 {
        world.incident().lines.insert(format!("shop/prod/db-{at}/snapshot"), line.clone());
        told.extend(world.told(at).into_iter().filter(|told| told.ends_with(" ops")).map(|told| (at, told)));
    }
    let wanted = [(1, "update-1 ops"), (11, "update-2 ops"), (21, "update-3 ops"), (31, "update-4 ops")];
    assert_eq!(told, wanted.map(|(at, told)| (at, told.to_owned())));
}

#[test]
fn news_after_a_long_silence_is_told_again() {
    let mut world = World::open(alerts(), Low);
    assert_eq!(world.told(0), ["opened ops"]);
    let day = 24 * 60;
    world.see(&finding(Open, Low, day));
    assert_eq!(world.told(day), ["update-1 ops"]);
    assert_eq!(world.told(day + 1), Vec::<String>::new());
}

#[test]
fn what_a_storm_of_daily_rules_tells_again_is_told_once_a_day() {
    let mut world = World::open(alerts(), Low);
    world.told(0);
    let day = 24 * 60;
    let mut told = Vec::new();
    // Forty causes of one incident, each of them silent for a day, minutes apart.
    for at in (1..=3).flat_map(|days| (0..40).map(move |n| days * day + n * 7)) {
        world.incident().again_at = Some(minute(at));
        told.extend(world.told(at).into_iter().map(|told| (at, told)));
    }
    let wanted = [(day, "update-1 ops"), (2 * day, "update-2 ops"), (3 * day, "update-3 ops")];
    assert_eq!(told, wanted.map(|(at, told)| (at, told.to_owned())));
}

#[test]
fn a_dead_channel_that_is_tried_again_tells_those_who_know_nothing() {
    let at_once = Alerts { escalate_after: None, ..alerts() };
    let mut storm = World::open(at_once.clone(), High);
    let mut recovery = World::open(Alerts { update_every: Some(SignedDuration::from_hours(1)), ..at_once }, Critical);
    let line = storm.incident().lines.values().next().cloned().expect("one");
    let (mut grown, mut regular) = (Vec::new(), Vec::new());
    for world in [&mut storm, &mut recovery] {
        world.answers.insert("ops".into(), DeliveryState::Failed);
    }
    for at in 0..=120 {
        if at == 1 || at == 2 {
            storm.incident().lines.insert(format!("shop/prod/db-{at}/snapshot"), line.clone());
        }
        let to_oncall = |told: Vec<String>| told.into_iter().filter(|told| told.ends_with(" oncall"));
        grown.extend(to_oncall(storm.told(at)).map(|told| (at, told)));
        regular.extend(to_oncall(recovery.told(at)).map(|told| (at, told)));
    }
    let of = |wanted: [(i64, &str); 3]| wanted.map(|(at, told)| (at, told.to_owned()));
    assert_eq!(grown, of([(0, "opened oncall"), (1, "update-1 oncall"), (11, "update-2 oncall")]));
    assert_eq!(regular, of([(0, "opened oncall"), (60, "update-1 oncall"), (120, "update-2 oncall")]));
}

#[test]
fn nobody_is_given_news_before_anybody_knows() {
    let mut world = World::open(Alerts { escalate_after: None, ..alerts() }, Critical);
    for channel in ["oncall", "ops", "team"] {
        world.answers.insert(channel.into(), DeliveryState::Failed);
    }
    for at in 0..=20 {
        world.told(at);
    }
    assert_eq!(world.incident().update, None);
    world.answers.clear();
    let opened: Vec<String> = (21..=40).flat_map(|at| world.told(at)).collect();
    assert_eq!(opened, ["opened oncall", "opened ops", "opened team"]);
}

#[test]
fn a_resource_that_joins_with_a_route_of_its_own_holds_nobody_up() {
    let mut world = World::open(alerts(), High);
    let mut payments = world.plan.resources[&name("orders-db")].clone();
    payments.routes = [(High, vec![name("team"), name("oncall")])].into();
    world.plan.resources.insert(name("a-payments-db"), payments);
    assert_eq!(world.told(0), ["opened oncall"]);
    let mut line = world.incident().lines.values().next().cloned().expect("one");
    line.resource = Some(name("a-payments-db"));
    world.told(13);
    world.incident().lines.insert("shop/prod/a-payments-db/restore-test".into(), line);
    assert_eq!(world.told(14), ["opened team", "update-1 oncall"]);
    assert_eq!(world.told(15), ["opened ops"]);
}

#[test]
fn the_end_goes_to_those_who_know_and_the_report_follows() {
    let mut world = World::open(alerts(), High);
    world.told(0);
    world.told(15);
    world.see(&finding(Resolved, High, 20));
    assert_eq!(world.told(20), ["resolved oncall", "resolved ops"]);
    assert_eq!(world.told(29), Vec::<String>::new());
    assert_eq!(world.told(30), ["report ops"], "PagerDuty's alert is closed");
    assert_eq!(world.incident().finished_at, Some(minute(30)));
}

#[test]
fn an_incident_that_nobody_heard_of_ends_in_silence() {
    let mut world = World::open(alerts(), Info);
    assert_eq!(world.told(0), Vec::<String>::new());
    world.see(&finding(Resolved, Info, 1));
    assert_eq!(world.told(1), Vec::<String>::new());
    assert_eq!(world.incident().finished_at, Some(minute(1)));
}

#[test]
fn mild_news_waits_for_the_end_of_the_quiet_hours_and_what_ended_meanwhile_is_not_told() {
    let wall = |hour| WallTime::new(hour, 0).expect("legal");
    let hour = |at: i64| minute(at).strftime("%H").to_string().parse::<u8>().expect("an hour");
    let quiet_hours = Some(QuietHours {
        from: wall(hour(0)),
        until: wall((hour(0) + 2) % 24),
        days: BTreeSet::new(),
        time_zone: "UTC".into(),
        severities: [Low].into(),
    });
    let alerts = Alerts { quiet_hours, ..alerts() };
    let mut world = World::open(alerts.clone(), Low);
    let end = (1..240).find(|at| !world.told(*at).is_empty()).expect("told in the end");
    assert_eq!(minute(end).strftime("%H:%M").to_string(), format!("{:02}:00", (hour(0) + 2) % 24));
    let mut over = World::open(alerts.clone(), Low);
    over.see(&finding(Resolved, Low, 1));
    assert_eq!((1..240).flat_map(|at| over.told(at)).count(), 0);
    assert!(over.incident().finished_at.is_some());
    assert_eq!(World::open(alerts, High).told(0), ["opened oncall"], "what is grave does not wait");
}

#[test]
fn an_attempt_belongs_to_whoever_began_it_until_its_lease_is_over() {
    let world = World::open(alerts(), Low);
    let nobody = BTreeSet::new();
    let (begun, _) = due(&world.plan, &world.incident.expect("open"), &nobody, minute(0));
    let almost = minute(0) + LEASE - SignedDuration::from_secs(1);
    assert_eq!(due(&world.plan, &begun, &nobody, almost).1.len(), 0);
    let (_, after) = due(&world.plan, &begun, &nobody, minute(0) + LEASE);
    assert!(after[0].possibly_repeated, "an answer was lost: the message says that it may be a repetition");
    assert_eq!(after[0].attempt, 2);
}

#[test]
fn nothing_overtakes_the_opening_it_belongs_to() {
    let mut world = World::open(alerts(), Low);
    let (plan, nobody) = (world.plan.clone(), BTreeSet::new());
    let (begun, _) = due(&plan, world.incident(), &nobody, minute(0));
    world.incident = Some(begun);
    world.see(&finding(Resolved, Low, 0));
    let (_, now) = due(&plan, world.incident(), &nobody, minute(0));
    assert_eq!(now.len(), 0);
    let (_, later) = due(&plan, world.incident(), &nobody, minute(1));
    assert_eq!(later.iter().map(|telling| telling.step).collect::<Vec<_>>(), [Step::Resolved]);
}

#[test]
fn an_incident_is_not_finished_before_every_channel_that_rings_was_told_of_its_end() {
    let mut world = World::open(Alerts { escalate_after: None, report_within: None, ..alerts() }, High);
    world.told(0);
    world.see(&finding(Resolved, High, 5));
    world.answers.insert("ops".into(), DeliveryState::Failed);
    assert_eq!(world.told(5), ["resolved oncall", "resolved ops", "resolved team"]);
    assert_eq!(world.incident().finished_at, None);
    world.answers.clear();
    assert_eq!(world.told(6), ["resolved ops"]);
    world.told(7);
    assert!(world.incident().finished_at.is_some());
}

#[test]
fn only_a_channel_that_cannot_tell_is_told_that_it_may_be_a_repetition() {
    let mut world = World::open(Alerts { escalate_after: None, ..alerts() }, High);
    for channel in ["oncall", "ops", "team"] {
        world.answers.insert(channel.into(), DeliveryState::Unknown);
    }
    world.round(0);
    let marked: Vec<(String, bool)> =
        world.round(1).iter().map(|telling| (telling.channel.to_string(), telling.possibly_repeated)).collect();
    assert_eq!(marked, [("oncall".to_owned(), false), ("ops".to_owned(), true), ("team".to_owned(), true)]);
}

#[test]
fn an_answer_that_comes_late_never_undoes_what_is_known() {
    let world = World::open(alerts(), Low);
    let begun = due(&world.plan, &world.incident.expect("open"), &BTreeSet::new(), minute(0)).0;
    let answer = |state, attempts| Answers {
        all: vec![(Step::Opened, "ops".into(), Delivery { state, attempts, ..delivered(1) })],
    };
    let taken = settle(&begun, &answer(DeliveryState::Delivered, 2));
    assert_eq!(settle(&taken, &answer(DeliveryState::Failed, 1)), taken);
    let refused = settle(&begun, &answer(DeliveryState::Refused, 2));
    assert_eq!(settle(&refused, &answer(DeliveryState::Failed, 1)), refused);
    assert_eq!(settle(&refused, &answer(DeliveryState::Delivered, 1)).opened_to["ops"].state, DeliveryState::Delivered);
    let late = Answers { all: vec![(Step::Update(7), "ops".into(), delivered(1))] };
    assert_eq!(settle(&begun, &late), begun, "an update that a newer one has replaced");
}

#[test]
fn the_fallback_topic_hears_when_nobody_was_told_or_a_channel_refuses() {
    use DeliveryState::{Delivered, Failed, Refused, Unknown};
    let table = [
        (High, [Some(Failed), Some(Failed), Some(Refused)], Some(FallbackReason::NobodyTold)),
        (High, [Some(Failed), Some(Failed), None], None),
        (High, [Some(Delivered), Some(Failed), None], None),
        (High, [Some(Delivered), Some(Refused), None], Some(FallbackReason::ChannelRefused)),
        (High, [Some(Failed), Some(Unknown), Some(Failed)], Some(FallbackReason::NobodyTold)),
        (Low, [None, Some(Failed), None], None),
        (Low, [None, Some(Refused), None], Some(FallbackReason::ChannelRefused)),
        (Info, [None, None, None], None),
    ];
    for (row, (severity, states, wanted)) in table.into_iter().enumerate() {
        let mut world = World::open(alerts(), severity);
        for (name, state) in ["oncall", "ops", "team"].into_iter().zip(states) {
            world.incident().opened_to.extend(state.map(|state| (name.to_owned(), Delivery { state, ..delivered(0) })));
        }
        let why = |world: &mut World| {
            let plan = world.plan.clone();
            fallback_due(&plan, world.incident(), minute(1)).map(|(_, why)| why)
        };
        assert_eq!(why(&mut world), wanted, "row {row}");
        world.incident().opened_to.insert(FALLBACK.into(), delivered(1));
        assert_eq!(why(&mut world), None, "row {row}: once is enough");
    }
    let mut unrouted = World::open(Alerts { routes: BTreeMap::new(), ..alerts() }, High);
    let plan = unrouted.plan.clone();
    assert_eq!(fallback_due(&plan, unrouted.incident(), minute(0)), Some((Step::Opened, FallbackReason::NobodyTold)));
}

#[test]
fn no_channel_can_have_the_name_of_the_fallback_topic() {
    assert!(FALLBACK.parse::<ChannelName>().is_err());
}

fn any_life() -> impl Strategy<Value = Vec<(FindingState, Severity, i64, Option<DeliveryState>)>> {
    let answer = proptest::option::of(proptest::sample::select(vec![
        DeliveryState::Failed,
        DeliveryState::Unknown,
        DeliveryState::Refused,
    ]));
    let state = prop_oneof![3 => Just(Open), 1 => Just(Resolved)];
    proptest::collection::vec((state, proptest::sample::select(&Severity::ALL[..]), 0..200_i64, answer), 1..8)
}

proptest! {
    /// Whatever happens in whatever order, nobody hears of an end whose beginning they did not hear of, nobody is told
    /// the same step twice once it arrived, and in the end nothing is left to do.
    #[test]
    fn every_life_ends(life in any_life()) {
        let mut world = World::new(alerts());
        let mut at = 0;
        for (state, severity, later, answer) in life {
            at += later;
            world.answers.clear();
            world.answers.extend(answer.map(|answer| ("ops".to_owned(), answer)));
            world.see(&finding(state, severity, at));
            let told = world.told(at);
            let mut distinct = told.clone();
            distinct.sort();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), told.len(), "{:?}", told);
        }
        world.answers.clear();
        world.see(&finding(Resolved, Info, at + 1));
        for later in 1..200 {
            world.told(at + later);
        }
        if let Some(incident) = world.incident {
            prop_assert_eq!(incident.state, IncidentState::Resolved);
            prop_assert!(incident.finished_at.is_some(), "{:#?}", incident);
            for name in incident.resolved_to.keys().filter(|name| *name != FALLBACK) {
                prop_assert!(incident.opened_to.contains_key(name));
            }
            // Whoever still rings is told that it is over, however often that fails at first.
            let rings = incident.opened_to.iter().filter(|(name, told)| *name != FALLBACK && told.state == DeliveryState::Delivered);
            for (name, _) in rings {
                prop_assert!(incident.resolved_to.get(name).is_some_and(is_settled), "{name}: {incident:#?}");
            }
        }
    }
}

/// Something that happens to one cause or to the storm it is in.
#[derive(Debug, Clone)]
enum Happens {
    Finding(FindingState, Severity),
    AnotherLine,
    Acknowledged,
    Answers(DeliveryState),
}

fn anything() -> impl Strategy<Value = Happens> {
    let state = prop_oneof![3 => Just(Open), 1 => Just(Resolved)];
    let answer = prop_oneof![2 => Just(DeliveryState::Delivered), 1 => Just(DeliveryState::Failed)];
    prop_oneof![
        6 => (state, proptest::sample::select(&Severity::ALL[..])).prop_map(|(state, severity)| Happens::Finding(state, severity)),
        3 => Just(Happens::AnotherLine),
        1 => Just(Happens::Acknowledged),
        2 => answer.prop_map(Happens::Answers),
    ]
}

/// A step that arrived: since when it was due, what it was, and how bad the incident was.
type Arrived = (Timestamp, Step, Severity);

impl World {
    fn happen(&mut self, what: &Happens, at: i64) {
        match what {
            Happens::Finding(state, severity) => self.see(&finding(*state, *severity, at)),
            Happens::AnotherLine => {
                if let Some(incident) = self.incident.as_mut().filter(|incident| incident.state == IncidentState::Open)
                    && let Some(line) = incident.lines.values().next().cloned()
                {
                    incident.lines.insert(format!("shop/prod/db-{at}/snapshot"), line);
                }
            }
            Happens::Acknowledged => {
                if self.incident.as_ref().is_some_and(|incident| incident.state == IncidentState::Open) {
                    self.acknowledge(at);
                }
            }
            Happens::Answers(state) => {
                self.answers.insert("ops".into(), *state);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// docs/alerts.md, "How often people are written to", for two days in which anything happens, with a sweep every minute.
    #[test]
    fn nobody_is_written_to_more_often_than_is_promised(life in proptest::collection::vec((0..120_i64, anything()), 1..60)) {
        let mut world = World::new(alerts());
        let mut events: BTreeMap<i64, Vec<Happens>> = BTreeMap::new();
        let mut at = 0;
        for (later, what) in life {
            at += later;
            events.entry(at).or_default().push(what);
        }
        // By incident and channel.
        let mut arrived: BTreeMap<(String, String), Vec<Arrived>> = BTreeMap::new();
        for at in 0..=at + 24 * 60 {
            for what in events.get(&at).into_iter().flatten() {
                world.happen(what, at);
            }
            for _ in 0..8 {
                let tellings = world.round(at);
                let Some(incident) = world.incident.as_ref().filter(|_| !tellings.is_empty()) else { break };
                for telling in tellings {
                    let told = telling.step.deliveries(incident).and_then(|told| told.get(telling.channel.as_str()));
                    if told.is_some_and(|told| told.state == DeliveryState::Delivered) {
                        let key = (incident.id.to_string(), telling.channel.to_string());
                        let since = incident.update.as_ref().map_or(minute(at), |update| update.begun_at);
                        arrived.entry(key).or_default().push((since, telling.step, incident.severity));
                    }
                }
            }
        }
        for ((incident, channel), steps) in &arrived {
            for once in [Step::Opened, Step::Resolved, Step::Report] {
                let times = steps.iter().filter(|(_, step, _)| *step == once).count();
                prop_assert!(times <= 1, "{incident}: {channel} heard {times} times: {once}");
            }
            let updates: Vec<_> = steps.iter().filter(|(_, step, _)| matches!(step, Step::Update(_))).collect();
            for pair in updates.windows(2) {
                let [(before, first, mild), (after, _, grave)] = pair else { continue };
                let spaced = after.duration_since(*before) >= GROWTH_EVERY || *first == Step::Update(1) || grave > mild;
                prop_assert!(spaced, "{incident}: {channel} heard updates of {before} and {after}: {updates:?}");
            }
        }
    }

    /// The same, of incidents: what comes and goes is one.
    #[test]
    fn of_one_cause_at_most_five_incidents_begin_in_an_hour(pauses in proptest::collection::vec(0..35_i64, 1..80)) {
        let mut world = World::new(alerts());
        let (mut at, mut begun) = (0, BTreeMap::new());
        for (number, pause) in pauses.into_iter().enumerate() {
            let state = if number % 2 == 0 { Open } else { Resolved };
            world.see(&finding(state, High, at));
            for _ in 0..=pause {
                world.told(at);
                begun.entry(world.incident().id.clone()).or_insert(at);
                at += 1;
            }
        }
        let mut begun: Vec<i64> = begun.into_values().collect();
        begun.sort_unstable();
        prop_assert!(begun.windows(6).all(|six| six[5] - six[0] >= 60), "{begun:?}");
    }

    /// docs/alerts.md, "On time": each channel of each route, whatever else joins the incident.
    #[test]
    fn everybody_is_told_in_time_while_nobody_acknowledges(joins in proptest::collection::vec(0..50_i64, 0..6), gap in 1..3_i64) {
        let mut world = World::open(alerts(), High);
        let mut payments = world.plan.resources[&name("orders-db")].clone();
        payments.routes = [(High, vec![name("team"), name("oncall"), name("ops")])].into();
        world.plan.resources.insert(name("a-payments-db"), payments);
        let mut line = world.incident().lines.values().next().cloned().expect("one");
        line.resource = Some(name("a-payments-db"));
        let mut told = BTreeMap::new();
        for at in (0..=60).filter(|at| at % gap == 0) {
            for join in joins.iter().filter(|join| **join <= at) {
                world.incident().lines.insert(format!("shop/prod/a-payments-db/{join}"), line.clone());
            }
            for step in world.told(at) {
                told.entry(step).or_insert(at);
            }
        }
        for (k, channel) in ["oncall", "ops", "team"].into_iter().enumerate() {
            let latest = i64::try_from(k).expect("few") * (15 + gap);
            let at = told.get(&format!("opened {channel}"));
            prop_assert!(at.is_some_and(|at| *at <= latest), "{channel} at {at:?}, by {latest} was promised");
        }
    }
}
