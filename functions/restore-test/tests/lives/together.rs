//! Two invocations at once: an event and a sweep that meet at the same run. Their calls interleave in every order that can be, and one
//! of them may be killed in between; the run must come out as if there had been one.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use holdfast_domain::inventory::{DbCluster, DbInstance, DbSnapshot};
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbInstanceId, FindingState, Region, RunId, SecretName, Verdict};
use holdfast_ledger::{OutcomeWord, Phase, verification_key};
use holdfast_ports::{
    Bus, Clock, ClusterRooms, CreateMember, DbClusters, DbInstances, DbSnapshots, Entropy, Fetched, MakeParameterGroup,
    Objects, ParameterGroup, ParameterGroupId, ParameterGroups, Password, PortError, Precondition, RestoreDbCluster,
    RestoreDbInstance, RoomParameters, RoomReset, RoomRestore, RoomSecrets,
};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::{Message, RdsHint, RestoreTestNow, RunRef, Trigger};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use restore_test::{Error, Outcome, Ports, handle};

use crate::shop::{
    CARTS_RUN, CLUSTER_PLANS, PLANS, RUN, add_snapshot, carts, cloud, config, findings, run, run_of, told_and_recorded,
    verify, verify_run, without_recovery_point,
};

/// The in-memory cloud, whose every call lets somebody else go first.
struct Polite<'a>(&'a MemoryCloud);

/// Ready at the second look.
#[derive(Default)]
struct AfterYou(bool);

impl Future for AfterYou {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Each call of a port, after somebody else's.
macro_rules! politely {
    ($($port:ident { $(fn $call:ident($($name:ident: $type:ty),*) -> $answer:ty;)* })*) => {
        $(impl $port for Polite<'_> {
            $(async fn $call(&self, $($name: $type),*) -> Result<$answer, PortError> {
                AfterYou::default().await;
                self.0.$call($($name),*).await
            })*
        })*
    };
}

politely! {
    Objects {
        fn get(key: &str, known: Option<&str>) -> Fetched;
        fn put(key: &str, bytes: Vec<u8>, when: Precondition) -> String;
        fn list(prefix: &str) -> Vec<String>;
        fn delete(key: &str) -> ();
    }
    DbInstances {
        fn db_instances(region: &Region) -> Vec<DbInstance>;
    }
    DbSnapshots {
        fn db_snapshots(region: &Region) -> Vec<DbSnapshot>;
    }
    RoomRestore {
        fn restore_db_instance(request: &RestoreDbInstance) -> ();
        fn delete_room(region: &Region, id: &DbInstanceId) -> ();
    }
    DbClusters {
        fn db_clusters(region: &Region) -> Vec<DbCluster>;
        fn db_cluster_snapshots(region: &Region) -> Vec<DbSnapshot>;
    }
    ClusterRooms {
        fn restore_db_cluster(request: &RestoreDbCluster) -> ();
        fn create_member(request: &CreateMember) -> ();
        fn reset_cluster_password(region: &Region, id: &DbClusterId, password: &Password) -> ();
        fn delete_member(region: &Region, id: &DbInstanceId) -> ();
        fn delete_cluster(cluster: &DbCluster) -> ();
    }
    ParameterGroups {
        fn parameter_group(group: &ParameterGroupId) -> ParameterGroup;
    }
    RoomParameters {
        fn make_parameter_group(request: &MakeParameterGroup) -> ();
        fn delete_parameter_group(group: &ParameterGroupId) -> ();
        fn temporary_parameter_groups(region: &Region) -> Vec<(ParameterGroupId, Tags)>;
    }
    RoomReset {
        fn reset_master_password(region: &Region, id: &DbInstanceId, password: &Password) -> ();
    }
    RoomSecrets {
        fn keep(name: &SecretName, value: &Password, tags: &Tags) -> Password;
        fn forget(name: &SecretName) -> ();
        fn kept() -> Vec<(SecretName, Tags)>;
    }
    Bus {
        fn announce(messages: &[Message]) -> ();
    }
}

impl Clock for Polite<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Entropy for Polite<'_> {
    fn nonce(&self) -> String {
        self.0.nonce()
    }

    fn password(&self) -> Password {
        self.0.password()
    }
}

/// One invocation, to be polled by hand: each poll goes as far as its next call.
async fn invoke(cloud: &MemoryCloud, trigger: Trigger) -> Result<Outcome, Error> {
    let polite = Polite(cloud);
    let ports = Ports { objects: &polite, rds: &polite, secrets: &polite, bus: &polite, system: &polite };
    let plans = if cloud.cluster_ids().is_empty() { &PLANS } else { &CLUSTER_PLANS };
    handle(&ports, plans, &config(), &trigger).await
}

fn poll(future: Pin<&mut impl Future<Output = Result<Outcome, Error>>>) -> bool {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => {
            done.expect("an invocation that meets another one has not failed");
            true
        }
        Poll::Pending => false,
    }
}

fn finish(mut invocation: Pin<&mut impl Future<Output = Result<Outcome, Error>>>) {
    while !poll(invocation.as_mut()) {}
}

/// Runs a sweep and an event together. `turns` says whose call is next; `killed_after` ends the event's invocation after so many.
fn together(cloud: &MemoryCloud, turns: &mut impl Iterator<Item = bool>, killed_after: Option<usize>) {
    both(cloud, [Trigger::Sweep, Trigger::Rds(RdsHint::default())], turns, killed_after);
}

/// Runs two invocations together.
fn both(
    cloud: &MemoryCloud,
    [one, other]: [Trigger; 2],
    turns: &mut impl Iterator<Item = bool>,
    killed_after: Option<usize>,
) {
    let mut sweep = pin!(invoke(cloud, one));
    let mut event = pin!(invoke(cloud, other));
    let (mut sweep_done, mut event_done, mut event_polls) = (false, false, 0);
    while !(sweep_done && event_done) {
        let sweeps_turn = turns.next().unwrap_or(true);
        if !sweep_done && (sweeps_turn || event_done) {
            sweep_done = poll(sweep.as_mut());
        } else {
            event_polls += 1;
            event_done = poll(event.as_mut()) || killed_after.is_some_and(|most| event_polls >= most);
        }
    }
}

fn rooms(cloud: &MemoryCloud) -> usize {
    // Of a cluster and its member, which are one room, the names are the same.
    let (instances, clusters) = (cloud.instance_ids(), cloud.cluster_ids());
    let names = instances.iter().map(DbInstanceId::as_str).chain(clusters.iter().map(DbClusterId::as_str));
    names.filter(|name| name.starts_with("hf-rt-")).collect::<BTreeSet<_>>().len()
}

/// What anybody may look for at any moment between two invocations.
fn look(cloud: &MemoryCloud, id: &RunId, phase_before: Option<Phase>) -> Option<Phase> {
    assert!(rooms(cloud) <= 1, "{:?}", cloud.instance_ids());
    let run = run_of(cloud, id)?;
    assert!(Some(run.phase) >= phase_before, "{:?} after {phase_before:?}", run.phase);
    if run.phase == Phase::Verifying {
        let given = match run.room_cluster() {
            Some(cluster) => cloud.cluster_password(&run.region, &cluster),
            None => cloud.instance_password(&run.region, &run.room),
        };
        let given = given.expect("a password was given");
        let kept = cloud.secret_value(&run.secret).expect("a secret is kept");
        assert_eq!(given.expose(), kept.expose(), "verify reads the password that the room has");
    }
    Some(run.phase)
}

/// A whole life, every step of it taken by two at once.
fn live(cloud: &MemoryCloud, id: &RunId, turns: &[bool], kills: &[Option<usize>]) {
    let (mut turns, mut kills) = (turns.iter().copied().cycle(), kills.iter().copied().cycle());
    let (mut phase, mut minutes) = (None, 0);
    while cloud.keys().iter().any(|key| key.starts_with("restore-tests/open/")) || phase.is_none() {
        together(cloud, &mut turns, kills.next().flatten());
        phase = look(cloud, id, phase);
        if phase == Some(Phase::Verifying) && minutes > 15 {
            verify_run(cloud, id, OutcomeWord::Passed);
        }
        minutes += 1;
        assert!(minutes < 300, "the run does not end: {:?}", run_of(cloud, id));
        cloud.pass(SignedDuration::from_mins(1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn two_at_every_step_end_as_one_would_and_tell_nothing_more_than_twice(
        turns in vec(any::<bool>(), 64..512),
        kills in vec(prop::option::weighted(0.3, 1..20_usize), 1..16),
        of_cluster in any::<bool>(),
    ) {
        let (cloud, id) = if of_cluster { (carts(), CARTS_RUN) } else { (cloud(), RUN) };
        let id: RunId = id.parse().expect("legal");
        live(&cloud, &id, &turns, &kills);
        let run = run_of(&cloud, &id).expect("a run");
        prop_assert_eq!(run.phase, Phase::Closed);
        prop_assert_eq!(run.verdict.expect("a verdict").verdict, Verdict::Passed);
        prop_assert_eq!((rooms(&cloud), cloud.secret_names().len()), (0, 0));
        prop_assert_eq!(cloud.room_parameter_groups(), vec![]);

        let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
        for finding in findings(&cloud) {
            prop_assert_eq!(finding.state, FindingState::Resolved);
            *told.entry((finding.cause.to_string(), finding.title)).or_default() += 1;
        }
        // The proof, the recovery time and the recovery point age: each by at most the two that judged, and one killed before it recorded.
        prop_assert_eq!(told.len(), 3, "{:?}", told);
        prop_assert!(told.values().all(|times| *times <= 3), "{:?}", told);
        if kills.iter().all(Option::is_none) {
            prop_assert!(told.values().all(|times| *times <= 2), "{:?}", told);
        }
        let links: Vec<String> = cloud.keys().into_iter().filter(|key| key.starts_with("evidence/")).collect();
        prop_assert_eq!(links, [format!("evidence/{}/00000001.json", run.resource)]);
        let closed = Message::RestoreTestClosed(RunRef { run: id });
        prop_assert!(cloud.announced().contains(&closed));
    }
}

/// Two people ask for a restore test each, and neither invocation has seen the other's run. There is one room.
fn begin_at_once(turns: &[bool], killed_after: Option<usize>) {
    let cloud = without_recovery_point();
    // No test of the plan's follows this rule, so that each of the two sees its own run alone.
    add_snapshot(&cloud, &"eu-central-1".parse().expect("legal"), "20261120t020000z", "weekly");
    let by_hand = |request: &str| {
        Trigger::RestoreTestNow(RestoreTestNow {
            resource: "orders-db".parse().expect("legal"),
            from: RestoreFrom::Latest,
            region: None,
            request: request.into(),
            reason: "to see".into(),
        })
    };
    let (one, other) = (by_hand("one"), by_hand("other"));
    let mut turns = turns.iter().copied().cycle();
    both(&cloud, [one, other.clone()], &mut turns, killed_after);
    assert!(rooms(&cloud) <= 1, "{:?}", cloud.instance_ids());
    if killed_after.is_some() {
        // Lambda delivers again what was killed (source: Lambda Developer Guide, "Asynchronous invocation").
        finish(pin!(invoke(&cloud, other)));
    }
    let runs: [RunId; 2] = ["orders-db.manual.one", "orders-db.manual.other"].map(|id| id.parse().expect("legal"));
    for _ in 0..90 {
        assert!(rooms(&cloud) <= 1, "{:?}", cloud.instance_ids());
        cloud.pass(SignedDuration::from_mins(1));
        together(&cloud, &mut turns, killed_after);
        for run in runs.iter().filter_map(|id| run_of(&cloud, id)).filter(|run| run.phase == Phase::Verifying) {
            verify_run(&cloud, &run.id, OutcomeWord::Passed);
        }
        if !cloud.keys().iter().any(|key| key.starts_with("restore-tests/open/")) {
            break;
        }
    }
    for id in &runs {
        assert_eq!(run_of(&cloud, id).map(|run| run.phase), Some(Phase::Closed), "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn two_that_begin_different_runs_at_the_same_instant_open_no_more_rooms_than_there_are(
        turns in vec(any::<bool>(), 24..64),
        killed_after in prop::option::weighted(0.3, 1..40_usize),
    ) {
        begin_at_once(&turns, killed_after);
    }
}

/// Call by call in turn: how two that EventBridge starts in the same millisecond meet.
#[test]
fn two_that_go_in_step_open_no_more_rooms_than_there_are() {
    for ahead in 0..24 {
        let turns: Vec<bool> = std::iter::repeat_n(true, ahead).chain([true, false].repeat(100)).collect();
        begin_at_once(&turns, None);
    }
}

/// One looked at RDS before there was a room; by the time it looks for the run, others have brought it as far as `verify`. That it saw no
/// room does not mean that somebody took it away.
#[test]
fn one_that_looked_before_the_run_began_does_not_judge_it() {
    let cloud = cloud();
    let mut late = pin!(invoke(&cloud, Trigger::Sweep));
    while !cloud.calls().iter().any(|call| call.operation == "secretsmanager:ListSecrets") {
        assert!(!poll(late.as_mut()), "it ended without a look");
    }
    while run(&cloud).is_none_or(|run| run.phase < Phase::Verifying) {
        finish(pin!(invoke(&cloud, Trigger::Sweep)));
        cloud.pass(SignedDuration::from_mins(1));
    }
    let before = run(&cloud);
    finish(late);
    assert_eq!(run(&cloud), before);
}

/// An invocation that has looked for the verification, and goes on from there when it is polled.
fn looked<'a>(cloud: &'a MemoryCloud) -> Pin<Box<impl Future<Output = Result<Outcome, Error>> + 'a>> {
    let key = verification_key(&RUN.parse().expect("legal"));
    let looks = || cloud.calls().iter().filter(|call| call.subject == key).count();
    let before = looks();
    let mut invocation = Box::pin(invoke(cloud, Trigger::Sweep));
    while looks() == before {
        assert!(!poll(invocation.as_mut()), "it ended without a look for the verification");
    }
    invocation
}

/// One looked for the verification a moment before it was there, and the deadline was over; the other found it: they judge differently.
/// One of them stops after so many calls, while the other goes its way; then it goes on, or was killed there. What people heard in the end,
/// what is recorded, and whether the one that stopped had come to its end before.
fn at_odds(blind_stops: bool, after: usize, killed: bool) -> (Vec<FindingState>, FindingState, bool) {
    let cloud = cloud();
    while run(&cloud).is_none_or(|run| run.phase < Phase::Verifying) {
        finish(pin!(invoke(&cloud, Trigger::Sweep)));
        cloud.pass(SignedDuration::from_mins(1));
    }
    cloud.pass(SignedDuration::from_hours(4));
    let blind = looked(&cloud);
    verify(&cloud, OutcomeWord::Passed);
    let seeing = looked(&cloud);
    let [mut stops, mut goes] = if blind_stops { [blind, seeing] } else { [seeing, blind] };
    let ended = (0..after).any(|_| poll(stops.as_mut()));
    finish(goes.as_mut());
    if !ended && !killed {
        finish(stops.as_mut());
    }
    while cloud.keys().iter().any(|key| key.starts_with("restore-tests/open/")) {
        cloud.pass(SignedDuration::from_mins(1));
        finish(pin!(invoke(&cloud, Trigger::Sweep)));
    }
    let (told, recorded) = told_and_recorded(&cloud, &RUN.parse().expect("legal"));
    (told, recorded.expect("it is judged"), ended)
}

/// What stands in the record is the verdict. So that is all that people hear, whoever of the two is killed wherever.
#[test]
fn of_two_that_judge_differently_people_hear_the_recorded_verdict_and_no_other() {
    let mut stood = BTreeSet::new();
    for (blind_stops, killed) in [(false, false), (false, true), (true, false), (true, true)] {
        for after in 0.. {
            let (told, recorded, ended) = at_odds(blind_stops, after, killed);
            let life = format!("blind stops: {blind_stops}, after {after}, killed: {killed}");
            assert!(matches!(told.len(), 1 | 2), "{life}: {told:?}");
            assert!(told.iter().all(|word| *word == recorded), "{life}: {told:?} where {recorded:?} is recorded");
            stood.insert((blind_stops, recorded == FindingState::Resolved));
            if ended {
                break;
            }
        }
    }
    let both = [(false, false), (false, true), (true, false), (true, true)];
    assert_eq!(stood, both.into(), "either of them is the one that is recorded, whoever stops");
}
