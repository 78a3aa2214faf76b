//! Each check fails when what it is about is broken: the witness is fed a life that nobody should live.

use alert::channels::{blocks, email, pagerduty, webhook};
use alert::due::Step;
use alert::story::{Event, Story};
use holdfast_domain::inventory::{DatabaseKind, DbSnapshotStatus};
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{DbInstanceId, FindingState, Severity, Verdict};
use holdfast_ledger::{Incident, IncidentState, Line, LineState, Said as Told, Words};
use holdfast_plan::Compiled;
use holdfast_ports::{CreateDbSnapshot, CreateMember, ParameterGroupId, Password, Post, RestoreDbInstance, RoomSource};
use jiff::{SignedDuration, Timestamp};

use super::acts::Point;
use super::escalation::Meanwhile;
use super::people::{Read, Said, of_email, of_post};
use super::rate::{Services, most};
use super::twice::{End, twin};
use super::{Invariant, OnBus, Witness, costs, ends, escalation, slots, storms};
use crate::functions::Function;
use crate::misfortune::Misfortune;
use crate::script::{Line as ScriptLine, Script};
use crate::world::{RoomFacts, World};

const PLAN: &str = r#"
version: 1
name: shop
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
rooms_max: 1
resources:
  db:
    kind: rds-instance
    id: shop-db
    objectives: { rpo: 26h, rto: 4h }
    snapshots: { daily: { at: "cron(0 2 * * ? *)", keep: 7d } }
    restore_tests: { every: { after: daily, from: latest, instance_class: db.t4g.medium, deadline: 2h } }
    checks: { integrity: full }
alerts:
  channels:
    oncall: { pagerduty: "secret:holdfast/pagerduty" }
    ops: { slack: "secret:holdfast/slack" }
  routes: { critical: [oncall, ops], high: [oncall, ops], low: [oncall], info: [oncall] }
  escalate_after: 15m
"#;

fn plan() -> Vec<Compiled> {
    vec![holdfast_plan::read_yaml("plan", PLAN).unwrap_or_else(|problems| panic!("{problems}"))]
}

/// So many minutes after a midnight.
fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_057_600 + minutes * 60).expect("within jiff's range")
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a legal literal")
}

/// What did not hold, each once.
fn broken(witness: &Witness) -> Vec<Invariant> {
    let mut broken: Vec<_> = witness.violations.iter().map(|violation| violation.invariant).collect();
    broken.sort();
    broken.dedup();
    broken
}

/// What breaks when something is done.
fn breaks(act: impl FnOnce(&mut Witness)) -> Vec<Invariant> {
    let mut witness = Witness::default();
    act(&mut witness);
    assert!(!witness.checks.is_empty() || witness.violations.is_empty(), "nothing was looked at");
    broken(&witness)
}

fn run_tags(deadline: i64) -> Tags {
    let tags = [
        (tags::RUN, "db.every.x".to_owned()),
        (tags::RESOURCE, "db".into()),
        (tags::DEADLINE, minute(deadline).to_string()),
    ];
    tags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn facts(made: i64, deadline: i64) -> RoomFacts {
    RoomFacts {
        region: name("eu-central-1"),
        kind: DatabaseKind::Instance,
        resource: "db".into(),
        made_at: minute(made),
        deadline: Some(minute(deadline)),
        damaged: false,
        asked_to_go_at: None,
        inside: None,
    }
}

fn restore(security_groups: &[&str]) -> RestoreDbInstance {
    RestoreDbInstance {
        region: name("eu-central-1"),
        source: RoomSource::Snapshot(name("hf-db-1")),
        id: name("hf-rt-db-1"),
        instance_class: "db.t4g.medium".into(),
        subnet_group: "clean".into(),
        security_groups: security_groups.iter().map(|group| (*group).to_owned()).collect(),
        parameter_group: None,
        option_group: None,
        tags: run_tags(60),
    }
}

#[test]
fn nothing_but_markers_is_deleted_from_the_ledger() {
    let removed = |function: Function, key: &'static str| breaks(|w| w.removed(minute(0), function, key));
    assert_eq!(removed(Function::RestoreTest, "restore-tests/open/db.every.1"), []);
    assert_eq!(removed(Function::RestoreTest, "restore-tests/runs/db.every.1.json"), [Invariant::Ledger]);
    assert_eq!(removed(Function::Snapshot, "restore-tests/open/db.every.1"), [Invariant::Ledger]);
    assert_eq!(removed(Function::RestoreTest, "evidence/db/00000001.json"), [Invariant::LastCopy]);
}

#[test]
fn each_prefix_has_one_writer_and_evidence_is_not_written_over() {
    let wrote =
        |function: Function, key: &'static str, absent: bool| breaks(|w| w.wrote(minute(0), function, key, absent));
    assert_eq!(wrote(Function::Alert, "incidents/records/a.json", false), []);
    assert_eq!(wrote(Function::Verify, "incidents/records/a.json", false), [Invariant::Ledger]);
    assert_eq!(wrote(Function::RestoreTest, "evidence/db/1.json", true), []);
    assert_eq!(wrote(Function::RestoreTest, "evidence/db/1.json", false), [Invariant::Ledger]);
}

#[test]
fn a_run_does_not_go_back() {
    let phases = |phases: &'static [&'static str]| {
        breaks(|w| phases.iter().for_each(|phase| w.run_is(minute(0), "db.every.1", phase)))
    };
    assert_eq!(phases(&["requested", "restoring", "restoring", "destroying", "closed"]), []);
    assert_eq!(phases(&["requested", "destroying", "verifying"]), [Invariant::Ledger]);
}

/// The slots of two days, with these recovery points and findings.
fn slots_of(points: &[(i64, &str)], findings: &[(i64, FindingState)]) -> Vec<Invariant> {
    breaks(|witness| {
        for (place, (at, rule)) in points.iter().enumerate() {
            let point = Point {
                resource: "db".into(),
                rules: [(*rule).to_owned()].into(),
                slot: Some(holdfast_domain::Slot::at(minute(*at))),
                available_at: Some(minute(*at + 5)),
            };
            witness.points.insert(name(&format!("hf-db-{place}")), point);
        }
        witness.bus = findings.iter().map(|(at, state)| on_bus("shop/prod/db/snapshot", *at, *state)).collect();
        let times = (minute(0), minute(2 * 1_440), minute(4 * 1_440));
        slots::look(witness, &plan(), &[(minute(0), 0)], times);
    })
}

fn on_bus(cause: &str, at: i64, state: FindingState) -> OnBus {
    OnBus { at: minute(at), cause: cause.into(), resource: Some("db".into()), severity: Severity::High, state }
}

#[test]
fn a_slot_without_a_recovery_point_and_without_an_incident_is_missed() {
    let all = [(120, "daily"), (1_560, "daily"), (3_000, "daily"), (4_440, "daily")];
    assert_eq!(slots_of(&all, &[]), []);
    let later = [(1_560, "daily"), (3_000, "daily"), (4_440, "daily")];
    let told = [(150, FindingState::Open), (1_600, FindingState::Resolved)];
    assert_eq!(slots_of(&later, &told), []);
    assert_eq!(slots_of(&later, &[]), [Invariant::Slots]);
    assert_eq!(slots_of(&later, &[(1_700, FindingState::Open)]), [Invariant::Slots], "told when it had healed");
    assert_eq!(slots_of(&[(1_560, "weekly")], &[]), [Invariant::Slots], "another rule's");
}

#[test]
fn a_room_is_sealed_and_asked_to_go_in_time() {
    assert_eq!(breaks(|w| w.room_made(minute(0), &restore(&["sg-1"]))), []);
    assert_eq!(breaks(|w| w.room_made(minute(0), &restore(&[]))), [Invariant::Rooms]);
    let late = |now: i64, calm_since: Option<i64>, asked: Option<i64>| {
        let facts = RoomFacts { asked_to_go_at: asked.map(minute), ..facts(0, 60) };
        let rooms = [(name::<DbInstanceId>("hf-rt-db-1"), facts)].into();
        breaks(|w| w.rooms_in_time(minute(now), calm_since.map(minute), &rooms))
    };
    assert_eq!(late(62, None, None), []);
    assert_eq!(late(64, None, None), [Invariant::Rooms]);
    assert_eq!(late(64, None, Some(61)), [], "RDS takes its time");
    assert_eq!(late(64, Some(50), None), [], "something was wrong until a moment ago");
    assert_eq!(late(90, Some(50), None), [Invariant::Rooms]);
    assert_eq!(breaks(|w| w.secret_kept(minute(0), &name("hf-rt-db-1"), &Tags::new())), [Invariant::Rooms]);
    assert_eq!(breaks(|w| w.group_made(minute(0), "hf-rt-db-1", &Tags::new())), [Invariant::Rooms]);
}

#[test]
fn nothing_that_no_run_made_is_touched() {
    let others = [Invariant::Others];
    let (at, room) = (minute(0), name::<DbInstanceId>("hf-rt-db-1"));
    let made = |w: &mut Witness| w.room_made(at, &restore(&["sg-1"]));
    assert_eq!(breaks(|w| (made(w), w.room_reset(at, &room), w.room_deleted(at, &room)).0), []);
    assert_eq!(breaks(|w| w.room_deleted(at, &room)), others);
    assert_eq!(breaks(|w| w.room_reset(at, &room)), others);
    assert_eq!(breaks(|w| w.cluster_deleted(at, &name("hf-rt-db-1"))), others);
    assert_eq!(breaks(|w| w.cluster_reset(at, &name("hf-rt-db-1"))), others);
    assert_eq!(breaks(|w| w.secret_forgotten(at, &name("shop/password"))), others);
    assert_eq!(breaks(|w| w.group_deleted(at, "hf-rt-db-1")), others);
    assert_eq!(breaks(|w| (w.group_made(at, "hf-rt-db-1", &run_tags(60)), w.group_deleted(at, "hf-rt-db-1")).0), []);
    let member = CreateMember {
        region: name("eu-central-1"),
        cluster: name("shop"),
        id: room,
        engine: "aurora-postgresql".into(),
        instance_class: "db.r6g.large".into(),
        parameter_group: None,
        tags: run_tags(60),
    };
    assert_eq!(breaks(|w| w.member_made(at, &member)), others, "of a cluster that no run made");
    let take = |id: &str, tags: Tags| CreateDbSnapshot {
        region: name("eu-central-1"),
        database: holdfast_domain::inventory::Database::Instance(name("shop-db")),
        id: name(id),
        tags,
    };
    let ours = Tags::from([(tags::PLAN.into(), "shop".into())]);
    assert_eq!(breaks(|w| w.begun(at, &take("hf-db-1", ours.clone()))), []);
    assert_eq!(breaks(|w| w.begun(at, &take("hf-db-1", Tags::new()))), others);
    assert_eq!(breaks(|w| w.begun(at, &take("db-1", ours))), others);
}

#[test]
fn whatever_is_left_of_rooms_at_the_end_is_found() {
    let left = |leave: &dyn Fn(&World)| {
        let world = World::at(minute(0), 1);
        leave(&world);
        ends::look(&world, &plan(), &[(minute(0), 0)], (minute(0), minute(1), minute(2)));
        let state = world.state();
        broken(&state.witness)
    };
    let region = name("eu-central-1");
    let group = |kind| ParameterGroupId { region: name("eu-central-1"), kind, name: "hf-rt-db-1".into() };
    assert_eq!(left(&|_| {}), []);
    assert_eq!(left(&|world| world.cloud.add_instance(&region, &name("hf-rt-db-1"))), [Invariant::Rooms]);
    assert_eq!(left(&|world| world.cloud.add_cluster(&region, &name("hf-rt-db-1"), "docdb")), [Invariant::Rooms]);
    assert_eq!(left(&|world| world.cloud.put_secret(&name("hf-rt-db-1"), "x")), [Invariant::Rooms]);
    for kind in [DatabaseKind::Instance, DatabaseKind::Cluster] {
        let leave = |world: &World| world.cloud.add_parameter_group(&group(kind), "postgres15", &[]);
        assert_eq!(left(&leave), [Invariant::Rooms]);
    }
    assert_eq!(left(&|world| world.cloud.add_instance(&region, &name("hf-rt-somebodys-1"))), [], "somebody's");
}

#[test]
fn a_verdict_that_is_false_is_found() {
    let judged = |damaged: bool, broken: bool, verdict: Verdict| {
        breaks(|w| {
            let room = name("hf-rt-db-1");
            w.room_holds(&room, damaged);
            if broken {
                w.restore_failed(&room);
            }
            w.judged(minute(0), &name("db.every.1"), &room, verdict);
        })
    };
    let cases = [
        (false, false, Verdict::Passed, true),
        (true, false, Verdict::Passed, false),
        (false, true, Verdict::Passed, false),
        (true, false, Verdict::Failed, true),
        (false, false, Verdict::Failed, false),
        (true, false, Verdict::Inconclusive, true),
    ];
    for (damaged, broken, verdict, holds) in cases {
        let wanted = if holds { vec![] } else { vec![Invariant::Proof] };
        assert_eq!(judged(damaged, broken, verdict), wanted, "{damaged} {broken} {verdict}");
    }
}

// People.

fn story(event: Event) -> Story {
    Story {
        reference: "shop/prod/db/restore-test/1".into(),
        event,
        severity: Severity::High,
        place: "db in shop/prod".into(),
        group: "shop/prod".into(),
        title: "the restore test of db failed".into(),
        since: minute(0),
        until: None,
        threatens: "db".into(),
        next_step: "look".into(),
        lines: vec!["1 standing: db".into()],
        notes: vec!["somebody takes care".into()],
        facts: vec![("run".into(), "db.every.1".into())],
        owners: vec!["dba@example.com".into()],
        links: vec![("Runbook".into(), "https://example.com".into())],
        possibly_repeated: false,
    }
}

/// A message as each receiver reads it: PagerDuty's, a webhook's, Slack's, a mailbox's.
fn readings(story: &Story) -> [Read; 4] {
    let post = |url: &str, body: String| Post { url: Password::new(url.into()), headers: Vec::new(), body };
    let to_pagerduty = pagerduty::events("R0", story).remove(0);
    let (from, to) = (name("holdfast@example.com"), [name("team@example.com")]);
    [
        of_post(&post("https://pagerduty.test/of/oncall/v2/enqueue", to_pagerduty.to_string())),
        of_post(&post("https://siem.test/of/siem/in", webhook::body(story).to_string())),
        of_post(&post("https://slack.test/of/bot/api/chat.postMessage", blocks::message(story).to_string())),
        of_email(&email::email(&from, &to, story)),
    ]
}

#[test]
fn every_reader_knows_what_a_message_says_and_of_which_incident() {
    let cases = [
        (Step::Opened, Said::Stands),
        (Step::Update(3), Said::Stands),
        (Step::Acknowledged, Said::Acknowledged),
        (Step::Resolved, Said::Over),
        (Step::Report, Said::Report),
    ];
    for (step, wanted) in cases {
        for repeated in [false, true] {
            let story = Story { possibly_repeated: repeated, ..story(Event::Incident(step)) };
            for (reader, read) in readings(&story).into_iter().enumerate() {
                // PagerDuty closes what is reported, and gets no reports.
                if reader == 0 && step == Step::Report {
                    continue;
                }
                let incident = read.incident.as_deref();
                assert_eq!((read.said, incident), (wanted, Some("shop/prod/db/restore-test/1")), "{step} {reader}");
            }
        }
    }
    let beat = Story { reference: "shop/prod/heartbeat/20270115t080000z".into(), ..story(Event::Heartbeat) };
    assert!(readings(&beat).iter().all(|read| read.said == Said::Heartbeat));
    let test = Story { reference: "shop/prod/alert-test/20270115t080000z".into(), ..story(Event::Test) };
    assert!(readings(&test).iter().all(|read| read.said == Said::Other));
    let changed = blocks::message(&story(Event::Incident(Step::Resolved))).to_string();
    let url = Password::new("https://slack.test/of/bot/api/chat.update".into());
    assert_eq!(of_post(&Post { url, headers: Vec::new(), body: changed }).said, Said::Other);
}

fn read(said: Said, incident: &str) -> Read {
    Read { said, incident: Some(incident.to_owned()) }
}

#[test]
fn nobody_hears_that_something_stands_after_hearing_that_it_is_over() {
    let told = |channels: [&'static str; 3]| {
        breaks(|w| {
            let said = [Said::Stands, Said::Over, Said::Stands];
            for (place, (channel, said)) in channels.into_iter().zip(said).enumerate() {
                w.told(minute(i64::try_from(place).expect("few")), channel, read(said, "a/1"));
            }
        })
    };
    assert_eq!(told(["team", "team", "ops"]), [], "another person");
    assert_eq!(told(["team", "team", "team"]), [Invariant::Incidents]);
}

/// An incident of one cause that nobody has acknowledged.
fn incident(id: &str, cause: &str, opened: i64, state: IncidentState) -> (String, Incident) {
    let over = state == IncidentState::Resolved;
    let line = Line {
        resource: Some(name("db")),
        part: None,
        title: "it failed".into(),
        state: if over { LineState::Over } else { LineState::Standing },
        since: minute(opened),
        seen_at: minute(opened),
    };
    let words = Words {
        title: "it failed".into(),
        threatens: String::new(),
        next_step: String::new(),
        facts: Vec::new(),
        ended: None,
    };
    let incident = Incident {
        id: name(id),
        state,
        severity: Severity::High,
        words,
        opened_at: minute(opened),
        last_seen_at: minute(opened),
        resolved_at: over.then(|| minute(opened + 60)),
        lines: [(cause.to_owned(), line)].into(),
        acknowledged: None,
        said: Told { standing: 1, severity: Severity::High, flapping: false, at: None },
        again_at: None,
        opened_to: Default::default(),
        update: None,
        acknowledged_to: Default::default(),
        resolved_to: Default::default(),
        reported_to: Default::default(),
        finished_at: over.then(|| minute(opened + 61)),
    };
    (id.to_owned(), incident)
}

const CAUSE: &str = "shop/prod/db/restore-test";
const FIRST: &str = "shop/prod/db/restore-test/1";

/// What breaks with these messages, `(minute, channel, said)`, of one incident that opened at 100 and, if it ended, at 160.
fn heard(messages: &[(i64, &str, Said)], ended: bool, disturbed: &[(i64, i64)]) -> Vec<Invariant> {
    let state = if ended { IncidentState::Resolved } else { IncidentState::Open };
    let mut incidents = vec![incident(FIRST, CAUSE, 100, state)];
    for (at, channel, _) in messages {
        let delivery = holdfast_ledger::Delivery {
            state: holdfast_ledger::DeliveryState::Delivered,
            attempts: 1,
            at: minute(*at),
            not_before: None,
            possibly_repeated: false,
            reference: None,
            error: None,
        };
        incidents[0].1.opened_to.insert((*channel).to_owned(), delivery);
    }
    breaks(|w| {
        w.bus.push(on_bus(CAUSE, 100, FindingState::Open));
        if ended {
            w.bus.push(on_bus(CAUSE, 160, FindingState::Resolved));
        }
        for (at, channel, said) in messages {
            w.told(minute(*at), channel, read(*said, FIRST));
        }
        let disturbed: Vec<_> = disturbed.iter().map(|(from, until)| (minute(*from), minute(*until))).collect();
        let plans = plan();
        let meanwhile =
            Meanwhile { plans: &plans, deployed: &[(minute(0), 0)], disturbed: &disturbed, end: minute(2_000) };
        escalation::look(w, &incidents, &meanwhile);
        storms::look(w, &incidents, minute(2_000));
        ends::heard(w, &incidents, minute(2_000));
    })
}

#[test]
fn people_are_told_in_the_order_of_the_route_in_time_and_not_before() {
    use Said::{Over, Stands};
    let (in_time, escalation) = ([(100, "oncall", Stands), (115, "ops", Stands)], [Invariant::Escalation]);
    assert_eq!(heard(&in_time, false, &[]), []);
    assert_eq!(heard(&[(110, "oncall", Stands)], false, &[]), escalation, "ten minutes late");
    assert_eq!(heard(&[(110, "oncall", Stands)], false, &[(90, 200)]), [], "something was wrong");
    assert_eq!(heard(&in_time[..1], false, &[]), escalation, "never escalated");
    assert_eq!(heard(&[(100, "oncall", Stands), (101, "ops", Stands)], false, &[]), escalation, "not waited");
    let ended = [(100, "oncall", Stands), (115, "ops", Stands), (160, "oncall", Over), (160, "ops", Over)];
    assert_eq!(heard(&ended, true, &[]), []);
}

#[test]
fn whoever_heard_the_beginning_hears_the_end() {
    use Said::{Over, Stands};
    let all = [(100, "oncall", Stands), (115, "ops", Stands), (160, "oncall", Over)];
    assert_eq!(heard(&all, true, &[]), [Invariant::Incidents], "ops never heard that it is over");
}

#[test]
fn nobody_is_written_to_more_often_than_there_is_news() {
    use Said::{Over, Stands};
    let storm = [Invariant::Storms];
    let mut updates = vec![(100, "oncall", Stands), (115, "ops", Stands)];
    updates.extend((1..=6).map(|update| (100 + update, "oncall", Stands)));
    assert_eq!(heard(&updates, false, &[]), []);
    updates.push((300, "oncall", Stands));
    assert_eq!(heard(&updates, false, &[]), storm);
    let ends = [(100, "oncall", Stands), (160, "oncall", Over), (161, "oncall", Over)];
    assert_eq!(heard(&ends, true, &[(90, 200)]), storm, "told twice that it is over");
    let begun = |every: i64| {
        let id = |number: i64| format!("{CAUSE}/{number}");
        let all: Vec<_> = (1..=6).map(|n| incident(&id(n), CAUSE, n * every, IncidentState::Resolved)).collect();
        breaks(|w| storms::look(w, &all, minute(2_000)))
    };
    assert_eq!(begun(20), []);
    assert_eq!(begun(10), storm, "six within an hour");
}

#[test]
fn trouble_with_a_channel_allows_a_repetition_and_no_more() {
    let told = |times: i64| {
        breaks(|w| {
            let lost =
                Misfortune::Channel { channel: "oncall".into(), how: crate::misfortune::Broken::Silent, minutes: 5 };
            w.befell(minute(99), &lost);
            (0..times).for_each(|at| w.told(minute(100 + at), "oncall", read(Said::Over, FIRST)));
            storms::look(w, &[], minute(2_000));
        })
    };
    assert_eq!(told(3), []);
    assert_eq!(told(4), [Invariant::Storms]);
}

#[test]
fn a_function_that_calls_more_often_than_it_has_reasons_is_found() {
    let plans = plan();
    for function in Function::ALL {
        for service in ["s3", "rds", "events"] {
            let calls = |more: u64| {
                breaks(|w| {
                    w.deployed(minute(0), plans[0].plan());
                    let size = super::rate::Size { runs: 1, incidents: 2, ..super::rate::Size::of(plans[0].plan()) };
                    let mut services = Services::default();
                    (0..most(function, service, size) + more).for_each(|_| services.count(service));
                    w.invoked(minute(1), function, &services, (1, 2));
                })
            };
            assert_eq!(calls(0), [], "{function:?} {service}");
            assert_eq!(calls(1), [Invariant::Rate], "{function:?} {service}");
        }
    }
}

#[test]
fn rooms_are_no_more_than_the_plan_has_and_foresaw() {
    let plans = plan();
    let at_once = |rooms: usize, calm_since: Option<i64>| {
        breaks(|w| {
            w.deployed(minute(0), plans[0].plan());
            for number in 0..rooms {
                let room = name(&format!("hf-rt-db-{number}"));
                w.room_stands(minute(300), calm_since.map(minute), &room, &facts(300, 420));
            }
        })
    };
    assert_eq!(at_once(1, None), []);
    assert_eq!(at_once(2, None), [Invariant::Cost], "the plan has one at once");
    assert_eq!(at_once(2, Some(290)), [], "a listing may have hidden one");
    // Three firings in three days, and the one before.
    let in_all = |rooms: i64, stood: i64, asked: u64| {
        breaks(|w| {
            w.deployed(minute(0), plans[0].plan());
            (0..asked).for_each(|_| w.costs.asked_for("db"));
            for day in 0..4 {
                let slot = Some(holdfast_domain::Slot::at(minute((day - 1) * 1_440 + 120)));
                let rules = ["daily".to_owned()].into();
                let point = Point { resource: "db".into(), rules, slot, available_at: None };
                w.points.insert(name(&format!("hf-db-{day}")), point);
            }
            for number in 0..rooms {
                let (room, made) = (name(&format!("hf-rt-db-{number}")), 300 + number);
                let facts = RoomFacts { asked_to_go_at: Some(minute(made + stood)), ..facts(made, made + 120) };
                w.room_stands(minute(made), None, &room, &facts);
                w.room_gone(minute(made + stood + 5), &room, &facts);
            }
            costs::look(w, &plans, &[(minute(0), 0)], minute(3 * 1_440));
        })
    };
    assert_eq!(in_all(4, 100, 0), []);
    assert_eq!(in_all(5, 100, 0), [Invariant::Cost]);
    assert_eq!(in_all(5, 100, 1), [], "somebody asked for one");
    assert_eq!(in_all(4, 500, 0), [Invariant::Cost], "each far longer than its test may take");
}

// Twice is once.

fn script(lines: &[Misfortune]) -> Script {
    Script {
        says: String::new(),
        seed: 1,
        begins: minute(0),
        lasts: SignedDuration::from_hours(48),
        calm: SignedDuration::from_hours(72),
        plans: vec![PLAN.into()],
        lines: lines.iter().map(|what| ScriptLine { at: SignedDuration::from_hours(1), what: what.clone() }).collect(),
    }
}

#[test]
fn a_script_has_a_twin_if_nothing_in_it_depends_on_who_calls_next() {
    let doubled = Misfortune::Doubled { function: Function::Snapshot, seconds: 7, look: false };
    let looks = Misfortune::Doubled { function: Function::Snapshot, seconds: 7, look: true };
    let fails = Misfortune::SnapshotFails { resource: "db".into() };
    let crash = Misfortune::Crash { function: Function::Snapshot, call: 3 };
    assert_eq!(twin(&script(&[doubled.clone(), fails.clone()])), Some(script(&[looks.clone(), fails.clone()])));
    assert_eq!(twin(&script(&[doubled, crash])), None);
    assert_eq!(twin(&script(&[looks, fails])), None, "that is a twin already");
}

#[test]
fn two_ends_differ_in_what_was_taken_proved_told_and_stands() {
    let end = || End {
        points: [(("db".into(), "20270115t020000z".into()), ["daily".to_owned()].into())].into(),
        runs: [("db.every.1".to_owned(), "passed".to_owned())].into(),
        standing: [CAUSE.to_owned()].into(),
        ended: [("oncall".to_owned(), 1)].into(),
    };
    assert_eq!(end().difference(&end()), None);
    let changes: [fn(&mut End); 4] = [
        |end| end.points.clear(),
        |end| end.runs.extend([("db.every.1".to_owned(), "failed".to_owned())]),
        |end| end.standing.clear(),
        |end| end.ended.extend([("oncall".to_owned(), 2)]),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let mut other = end();
        change(&mut other);
        assert!(other.difference(&end()).is_some() && end().difference(&other).is_some(), "change {place}");
    }
}

#[test]
fn a_recovery_point_counts_from_when_it_can_be_restored() {
    let mut witness = Witness::default();
    let id = name("hf-db-1");
    let tags = Tags::from([(tags::PLAN.into(), "shop".into())]);
    let database = holdfast_domain::inventory::Database::Instance(name("shop-db"));
    witness.begun(minute(0), &CreateDbSnapshot { region: name("eu-central-1"), database, id, tags });
    let id = name("hf-db-1");
    witness.point_is(minute(4), &id, &DbSnapshotStatus::Failed);
    assert_eq!(witness.points[&id].available_at, None);
    witness.point_is(minute(5), &id, &DbSnapshotStatus::Available);
    assert_eq!(witness.points[&id].available_at, Some(minute(5)));
}
