//! What holds for every life of a run, whatever is seen and in whatever order; and one life to read.

use std::collections::BTreeSet;

use holdfast_domain::inventory::{DatabaseKind, DbCluster};
use holdfast_domain::tags;
use holdfast_ledger::{CheckRecord, OutcomeWord, RequirementWord};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::example::{at, cluster, cluster_run, member, room, run};

const PATIENCE: Patience = Patience(SignedDuration::from_mins(16));
/// Every word that leads somewhere, and one that nobody knows. The second is by far the most common.
const STATUSES: [&str; 9] = [
    "creating",
    "available",
    "backing-up",
    "resetting-master-credentials",
    "restore-error",
    "storage-full",
    "deleting",
    "stopped",
    "a-word-of-the-future",
];

/// One look at the world, `minutes` after the one before. A run whose room is an instance does not see the cluster.
#[derive(Debug, Clone)]
struct Look {
    minutes: i64,
    instance: Option<DbInstance>,
    cluster: Option<DbCluster>,
    verification: Option<Verification>,
    room_free: bool,
}

impl Look {
    fn observation(&self, run: &Run) -> Observation<'_> {
        Observation {
            room: Room::of(run, self.instance.as_slice(), self.cluster.as_slice()),
            verification: self.verification.as_ref(),
            room_free: self.room_free,
            by: SeenBy::Sweep,
        }
    }
}

/// Looks of one life, and what its room is.
type Life = (DatabaseKind, Vec<Look>);

fn begun(kind: DatabaseKind) -> Run {
    match kind {
        DatabaseKind::Instance => run(),
        DatabaseKind::Cluster => cluster_run(),
    }
}

fn verification(finished: bool, outcomes: Vec<OutcomeWord>) -> Verification {
    let seen_at = at("2026-11-20T02:30:00Z");
    let record = |outcome| CheckRecord {
        check: "heap public.orders".into(),
        subject: Some("public.orders".into()),
        requirement: RequirementWord::Required,
        outcome,
        detail: "public.orders: as it was found".into(),
        took_ms: 12,
    };
    Verification {
        run: run().id,
        first_query_at: seen_at,
        fully_read_at: finished.then_some(seen_at),
        finished_at: finished.then_some(seen_at),
        units_total: 7,
        units_done: if finished { 7 } else { 3 },
        results: outcomes.into_iter().map(record).collect(),
        baseline: None,
        observed: std::collections::BTreeMap::new(),
    }
}

/// A status, what waits to be applied, and whether it is the run's own.
fn any_standing() -> impl Strategy<Value = (&'static str, bool, bool, bool)> {
    let status = prop_oneof![4 => Just("available"), 1 => prop::sample::select(&STATUSES[..])];
    let pending = || prop::bool::weighted(0.2);
    (status, pending(), pending(), prop::bool::weighted(0.95))
}

fn any_instance() -> impl Strategy<Value = Option<DbInstance>> {
    let some = any_standing().prop_map(|(status, password_pending, modification_pending, own)| {
        let mut seen = DbInstance { password_pending, modification_pending, ..room(&run(), status) };
        if !own {
            seen.tags.remove(tags::RUN);
        }
        seen
    });
    prop::option::weighted(0.8, some)
}

fn any_cluster() -> impl Strategy<Value = Option<DbCluster>> {
    let some = any_standing().prop_map(|(status, password_pending, modification_pending, own)| {
        let mut seen = DbCluster { password_pending, modification_pending, ..cluster(&cluster_run(), status) };
        if !own {
            seen.tags.remove(tags::RUN);
        }
        seen
    });
    prop::option::weighted(0.9, some)
}

fn any_verification() -> impl Strategy<Value = Option<Verification>> {
    let outcome =
        prop_oneof![18 => Just(OutcomeWord::Passed), 1 => Just(OutcomeWord::Failed), 1 => Just(OutcomeWord::NotRun)];
    prop::option::weighted(0.3, (any::<bool>(), vec(outcome, 0..30)).prop_map(|(done, all)| verification(done, all)))
}

fn any_look() -> impl Strategy<Value = Look> {
    (0..25_i64, any_instance(), any_cluster(), any_verification(), any::<bool>()).prop_map(
        |(minutes, instance, cluster, verification, room_free)| Look {
            minutes,
            instance,
            cluster,
            verification,
            room_free,
        },
    )
}

fn any_life(looks: std::ops::Range<usize>) -> impl Strategy<Value = Life> {
    (prop_oneof![Just(DatabaseKind::Instance), Just(DatabaseKind::Cluster)], vec(any_look(), looks))
}

/// Every step that a life takes, each with the run before it, the look it was taken on, and when.
fn live((kind, looks): &Life) -> Vec<(Run, &Look, Timestamp, Step)> {
    let (mut run, mut now) = (begun(*kind), at("2026-11-20T02:05:00Z"));
    let mut steps = Vec::new();
    for look in looks {
        now += SignedDuration::from_mins(look.minutes);
        let taken = step(&run, &look.observation(&run), PATIENCE, now);
        let before = std::mem::replace(&mut run, taken.run.clone());
        steps.push((before, look, now, taken));
    }
    steps
}

/// The properties below say nothing of what no life ever meets.
#[test]
fn the_lives_that_are_tried_meet_every_phase_verdict_and_action() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    for _ in 0..500 {
        let life = any_life(1..30).new_tree(&mut runner).expect("a life").current();
        for (before, _, _, taken) in live(&life) {
            met.insert(format!("{:?}", before.phase));
            met.extend(taken.actions.iter().map(|action| format!("{action:?}")));
            met.extend(taken.run.verdict.iter().map(|given| format!("{:?}", given.verdict)));
        }
    }
    let wanted = "Requested Restoring Preparing Verifying Judged Destroying Closed Passed Failed Inconclusive \
                  Restore AddMember GivePassword CallVerify DeleteRoom DeleteMember DeleteCluster ForgetSecret WriteEvidence TellVerdict Close";
    assert_eq!(met, wanted.split_whitespace().map(str::to_owned).collect());
}

#[test]
fn a_run_of_which_the_plan_requires_nothing_says_so_and_what_to_write() {
    let mut found = verification(true, vec![OutcomeWord::Passed, OutcomeWord::Passed]);
    found.results.iter_mut().for_each(|record| record.requirement = RequirementWord::BestEffort);
    let verifying = Run { phase: Phase::Verifying, ..run() };
    let seen = Observation { room: None, verification: Some(&found), room_free: true, by: SeenBy::Event };
    let verdict = step(&verifying, &seen, PATIENCE, at("2026-11-20T02:40:00Z")).run.verdict.expect("a verdict");
    assert_eq!(verdict.verdict, Verdict::Inconclusive);
    let wanted =
        ["the plan requires no check of this resource: give it `checks: { integrity: full }`", "2 of 2 checks passed"];
    assert_eq!(verdict.reasons, wanted);
}

proptest! {
    #[test]
    fn a_run_never_goes_back_and_the_same_sight_is_the_same_step(life in any_life(1..30)) {
        for (before, look, now, taken) in live(&life) {
            prop_assert!(taken.run.phase >= before.phase, "{:?} after {:?}", taken.run.phase, before.phase);
            prop_assert_eq!(&taken, &step(&before, &look.observation(&before), PATIENCE, now));
            prop_assert_eq!((&taken.run.id, &taken.run.room, &taken.run.plan_sha), (&before.id, &before.room, &before.plan_sha));
        }
    }

    #[test]
    fn a_run_is_judged_exactly_once_and_told_in_the_step_after_that_is_recorded(life in any_life(1..30)) {
        for (before, _, now, taken) in live(&life) {
            let judged = before.phase < Phase::Judged && taken.run.phase == Phase::Judged;
            if judged {
                prop_assert_eq!(&taken.actions, &[]);
                // What the verification knows of may have been later than this look at the clock.
                let times = &taken.run.times;
                let checked = [times.first_query_at, times.fully_read_at, times.verified_at].into_iter().flatten();
                let latest = checked.fold(now.max(before.known_until()), Timestamp::max);
                prop_assert_eq!(times.judged_at, Some(latest));
                let verdict = taken.run.verdict.as_ref().expect("a verdict");
                prop_assert!(!verdict.reasons.is_empty() && verdict.reasons.len() <= REASONS_MAX + 1);
            } else {
                prop_assert_eq!(&taken.run.verdict, &before.verdict);
                prop_assert_eq!(taken.run.times.judged_at, before.times.judged_at);
            }
            prop_assert_eq!(taken.run.verdict.is_some(), taken.run.phase >= Phase::Judged);
            if before.phase == Phase::Judged {
                prop_assert_eq!(&taken.actions, &[Action::TellVerdict]);
                prop_assert_eq!(taken.run, Run { phase: Phase::Destroying, ..before });
            } else {
                prop_assert!(!taken.actions.contains(&Action::TellVerdict));
            }
        }
    }

    #[test]
    fn only_a_finished_verification_in_which_everything_passed_proves_anything(life in any_life(1..30)) {
        for (before, look, _, taken) in live(&life) {
            if before.verdict.is_none() && taken.run.verdict.as_ref().is_some_and(|v| v.verdict == Verdict::Passed) {
                let seen = look.verification.as_ref().expect("a verification");
                prop_assert!(before.phase == Phase::Verifying && seen.finished_at.is_some() && !seen.results.is_empty());
                prop_assert!(seen.results.iter().all(|result| result.outcome == OutcomeWord::Passed));
            }
        }
    }

    #[test]
    fn every_action_has_its_phase_and_its_sight(life in any_life(1..30)) {
        for (before, look, _, taken) in live(&life) {
            let room = look.observation(&before).room;
            let nothing = Parts { instance: None, cluster: None, member: None };
            let own = room.map_or(nothing, |room| room.own(&before));
            let goes = |member: &DbInstance| member.status == DbStatus::Deleting;
            for action in &taken.actions {
                let legal = match action {
                    Action::MakeParameterGroup | Action::Restore => before.phase == Phase::Requested && room.is_none() && look.room_free,
                    Action::AddMember => {
                        let is_ready = own.cluster.is_some_and(|cluster| cluster.status == DbStatus::Available);
                        before.phase == Phase::Restoring && is_ready && look.instance.is_none()
                    }
                    Action::GivePassword => before.phase == Phase::Restoring && look.instance.is_some(),
                    Action::CallVerify => matches!(before.phase, Phase::Preparing | Phase::Verifying),
                    Action::DeleteRoom => before.phase == Phase::Destroying && own.instance.is_some(),
                    Action::DeleteMember => before.phase == Phase::Destroying && own.member.is_some(),
                    Action::DeleteCluster => {
                        before.phase == Phase::Destroying && own.cluster.is_some() && own.member.is_none_or(goes)
                    }
                    Action::ForgetSecret | Action::DeleteParameterGroup | Action::WriteEvidence => {
                        before.phase == Phase::Destroying && own == nothing
                    }
                    Action::TellVerdict => before.phase == Phase::Judged,
                    Action::Close => before.phase == Phase::Closed,
                };
                prop_assert!(legal, "{action:?} in {:?} on {look:?}", before.phase);
            }
        }
    }

    /// Two invocations may see the same thing one after the other. What was begun on that sight is not begun on it again; to ask for a
    /// deletion or to close twice is harmless, and is how they are made sure of.
    #[test]
    fn the_same_sight_again_begins_nothing_again(life in any_life(1..30)) {
        for (_, look, now, taken) in live(&life) {
            let again = step(&taken.run, &look.observation(&taken.run), PATIENCE, now);
            for action in &again.actions {
                let harmless = matches!(
                    action,
                    Action::DeleteRoom | Action::DeleteMember | Action::DeleteCluster | Action::Close
                );
                prop_assert!(harmless || !taken.actions.contains(action), "{action:?} twice");
            }
        }
    }

    /// Whatever was seen before: from the deadline on it takes one sweep to the verdict, one to tell it, and one after the room has gone
    /// to the end.
    #[test]
    fn every_life_ends_within_its_deadline_and_a_bounded_number_of_sweeps(
        life in any_life(0..30),
        lingering in vec((0..STATUSES.len(), any_verification(), any::<bool>()), 2..10),
    ) {
        let lived = live(&life);
        let mut run = lived.last().map_or_else(|| begun(life.0), |(.., taken)| taken.run.clone());
        let mut now = lived.last().map_or(run.requested_at, |(_, _, now, _)| *now).max(run.deadline_at);
        for (sweep, (status, verification, room_free)) in lingering.iter().enumerate() {
            let status = STATUSES[*status];
            let look = Look {
                minutes: 0,
                instance: Some(room(&run, status)),
                cluster: Some(cluster(&run, status)),
                verification: verification.clone(),
                room_free: *room_free,
            };
            run = step(&run, &look.observation(&run), PATIENCE, now).run;
            prop_assert!(run.verdict.is_some(), "not judged by sweep {sweep} after the deadline");
            now += SignedDuration::from_mins(1);
        }
        let gone = Observation { room: None, verification: None, room_free: true, by: SeenBy::Sweep };
        let end = step(&run, &gone, PATIENCE, now);
        prop_assert_eq!(end.run.phase, Phase::Closed);
        let closing = step(&end.run, &gone, PATIENCE, now);
        prop_assert_eq!((closing.run, closing.actions), (end.run, vec![Action::Close]));
    }
}

fn waiting(number: usize, minute: i64) -> Run {
    let mut run = run();
    run.id = format!("orders-db.every.{number:02}").parse().expect("legal");
    run.requested_at += SignedDuration::from_mins(minute);
    run
}

/// A recovery point is condemned only by its own data or by RDS's own words on the snapshot. What is wrong around it proves nothing.
#[test]
fn a_broken_room_fails_the_recovery_point_only_if_rds_says_it_is_the_data() {
    let mut restoring = run();
    restoring.phase = Phase::Restoring;
    for (word, verdict) in [
        ("failed", Verdict::Failed),
        ("restore-error", Verdict::Failed),
        ("incompatible-restore", Verdict::Failed),
        ("incompatible-network", Verdict::Inconclusive),
        ("incompatible-option-group", Verdict::Inconclusive),
        ("incompatible-parameters", Verdict::Inconclusive),
        ("inaccessible-encryption-credentials", Verdict::Inconclusive),
        ("insufficient-capacity", Verdict::Inconclusive),
        ("storage-full", Verdict::Inconclusive),
    ] {
        let room = room(&restoring, word);
        let room = Some(Room::Instance(&room));
        let seen = Observation { room, verification: None, room_free: true, by: SeenBy::Sweep };
        let judged = step(&restoring, &seen, PATIENCE, restoring.requested_at).run.verdict.expect(word);
        assert_eq!(judged.verdict, verdict, "{word}");
    }
}

#[test]
fn what_finished_is_judged_by_what_it_found_however_late_and_only_once_it_was_asked() {
    let passed = verification(true, vec![OutcomeWord::Passed]);
    let late = at("2026-11-20T06:05:00Z");
    let mut asked = run();
    asked.phase = Phase::Verifying;
    for (run, verdict) in [(asked, Verdict::Passed), (run(), Verdict::Inconclusive)] {
        let seen = Observation { room: None, verification: Some(&passed), room_free: true, by: SeenBy::Sweep };
        assert_eq!(step(&run, &seen, PATIENCE, late).run.verdict.expect("a verdict").verdict, verdict);
    }
}

#[test]
fn a_verdict_is_never_earlier_than_the_check_that_it_rests_on() {
    let passed = verification(true, vec![OutcomeWord::Passed]);
    let finished_at = passed.finished_at.expect("it is finished");
    let asked = Run { phase: Phase::Verifying, ..run() };
    let seen = Observation { room: None, verification: Some(&passed), room_free: true, by: SeenBy::Sweep };
    let judged = step(&asked, &seen, PATIENCE, finished_at - SignedDuration::from_millis(9));
    assert_eq!(judged.run.times.judged_at, Some(finished_at), "verify's clock, or its end after our begin");
}

#[test]
fn an_invocation_by_an_older_clock_does_not_turn_time_back() {
    let run = waiting(1, 10);
    let earlier = run.requested_at - SignedDuration::from_millis(40);
    let seen = Observation { room: None, verification: None, room_free: true, by: SeenBy::Sweep };
    let taken = step(&run, &seen, PATIENCE, earlier);
    assert_eq!(taken.run.phase, Phase::Restoring);
    assert_eq!(taken.run.times.restore_accepted_at, Some(run.requested_at));
}

/// A word of RDS on either part of a cluster's room ends the run as it does of an instance's; each is told from the other.
#[test]
fn a_cluster_or_its_member_that_rds_gives_up_on_ends_the_run_with_rdss_word() {
    let mut restoring = cluster_run();
    restoring.phase = Phase::Restoring;
    restoring.times.cluster_available_at = Some(restoring.requested_at);
    for (of_cluster, of_member, verdict, word) in [
        ("migration-failed", None, Verdict::Inconclusive, "migration-failed"),
        ("inaccessible-encryption-credentials", None, Verdict::Inconclusive, "inaccessible-encryption-credentials"),
        ("cloning-failed", None, Verdict::Inconclusive, "cloning-failed"),
        ("failed", None, Verdict::Failed, "failed"),
        ("available", Some("incompatible-parameters"), Verdict::Inconclusive, "incompatible-parameters"),
        ("available", Some("failed"), Verdict::Failed, "failed"),
        ("storage-full", Some("available"), Verdict::Inconclusive, "storage-full"),
    ] {
        let (cluster, member) = (cluster(&restoring, of_cluster), of_member.map(|status| member(&restoring, status)));
        let room = Some(Room::Cluster(&cluster, member.as_ref()));
        let seen = Observation { room, verification: None, room_free: true, by: SeenBy::Sweep };
        let judged = step(&restoring, &seen, PATIENCE, restoring.requested_at).run.verdict.expect(word);
        assert_eq!(judged.verdict, verdict, "{of_cluster} {of_member:?}");
        assert_eq!(judged.reasons, [format!("RDS reports {word} for the room {}", restoring.room)]);
    }
}

/// What is seen of a cluster's room while it is restored, and what is made of it.
#[test]
fn a_cluster_is_given_its_member_once_and_what_is_in_the_way_of_it_is_said() {
    let mut fresh = cluster_run();
    fresh.phase = Phase::Restoring;
    let mut asked = fresh.clone();
    asked.times.cluster_available_at = Some(asked.requested_at);
    let now = asked.requested_at + SignedDuration::from_mins(2);
    let late = asked.requested_at + APPEARS_WITHIN;
    let (ready, creating) = (cluster(&fresh, "available"), cluster(&fresh, "creating"));
    let own = member(&fresh, "creating");
    let foreign = DbInstance { tags: tags::Tags::new(), ..own.clone() };
    let tried = |run: &Run, room: Option<Room<'_>>, now| {
        let seen = Observation { room, verification: None, room_free: true, by: SeenBy::Sweep };
        let taken = step(run, &seen, PATIENCE, now);
        let reasons = taken.run.verdict.map_or_else(String::new, |given| format!(": {}", given.reasons.join("; ")));
        format!("{:?} because {}{reasons}", taken.actions, taken.reason)
    };
    let table = [
        ("a cluster that is made", tried(&fresh, Some(Room::Cluster(&creating, None)), now)),
        ("a cluster that is ready", tried(&fresh, Some(Room::Cluster(&ready, None)), now)),
        (
            "with the member of an attempt that was cut short",
            tried(&fresh, Some(Room::Cluster(&ready, Some(&own))), now),
        ),
        ("with somebody's instance of that name", tried(&fresh, Some(Room::Cluster(&ready, Some(&foreign))), now)),
        ("without the member that RDS agreed to make", tried(&asked, Some(Room::Cluster(&ready, None)), now)),
        ("still without it", tried(&asked, Some(Room::Cluster(&ready, None)), late)),
        ("with a member that is made", tried(&asked, Some(Room::Cluster(&ready, Some(&own))), now)),
        ("no cluster any more", tried(&asked, None, now)),
        ("a member alone", tried(&asked, Some(Room::Member(&own)), now)),
        ("no cluster yet", tried(&fresh, None, now)),
    ];
    let table: String = table.map(|(what, done)| format!("{what:<50} {done}\n")).concat();
    insta::assert_snapshot!(table);
}

/// The life of a run that passes, as an engineer would want to read it.
#[test]
fn a_passing_life() {
    let sights = [
        (0, "nothing, no room is free"),
        (1, "nothing, a room is free"),
        (1, "nothing, no room is free"),
        (1, "creating"),
        (8, "available"),
        (1, "resetting-master-credentials"),
        (1, "available, password pending"),
        (1, "available"),
        (1, "available, 3 of 7 verified"),
        (16, "available, 3 of 7 verified"),
        (5, "available, verified"),
        (0, "available, verified"),
        (1, "available"),
        (1, "deleting"),
        (2, "nothing, a room is free"),
        (1, "nothing, a room is free"),
    ];
    insta::assert_snapshot!(story(run(), &sights));
}

/// The same of a cluster: `status of the cluster/status of its member`.
#[test]
fn a_passing_life_of_a_cluster() {
    let sights = [
        (0, "nothing, a room is free"),
        (1, "nothing, no room is free"),
        (1, "creating/nothing"),
        (8, "available/nothing"),
        (1, "available/nothing"),
        (1, "available/creating"),
        (4, "available/available"),
        (1, "modifying/available"),
        (1, "available/available, pending"),
        (1, "available/available"),
        (1, "available/available"),
        (5, "available/available, verified"),
        (0, "available/available, verified"),
        (1, "available/available"),
        (1, "available/deleting"),
        (1, "deleting/deleting"),
        (1, "deleting/nothing"),
        (2, "nothing, a room is free"),
        (1, "nothing, a room is free"),
    ];
    insta::assert_snapshot!(story(cluster_run(), &sights));
}

fn story(mut run: Run, sights: &[(i64, &str)]) -> String {
    let (mut now, mut story) = (run.requested_at, String::new());
    for (minutes, sight) in sights {
        now += SignedDuration::from_mins(*minutes);
        let status = sight.split(',').next().unwrap_or_default();
        let (of_cluster, of_instance) = status.split_once('/').unwrap_or((status, status));
        let password_pending = sight.ends_with("pending");
        let stands = |status: &str| status != "nothing";
        let verification = sight.ends_with("verified").then(|| {
            let done = sight.ends_with(", verified");
            Verification { finished_at: done.then_some(now), ..verification(done, vec![OutcomeWord::Passed; 7]) }
        });
        let look = Look {
            minutes: 0,
            instance: stands(of_instance).then(|| DbInstance { password_pending, ..room(&run, of_instance) }),
            cluster: stands(of_cluster).then(|| DbCluster { password_pending, ..cluster(&run, of_cluster) }),
            verification,
            room_free: sight.ends_with("a room is free"),
        };
        let by = if sight.ends_with(", verified") { SeenBy::Event } else { SeenBy::Sweep };
        let taken = step(&run, &Observation { by, ..look.observation(&run) }, PATIENCE, now);
        let phase = format!("{:?} -> {:?}", run.phase, taken.run.phase);
        let line =
            format!("{}  {sight:<30} {phase:<26} {:?} because {}", now.strftime("%H:%M"), taken.actions, taken.reason);
        story.push_str(line.trim_end());
        story.push('\n');
        run = taken.run;
    }
    let verdict = run.verdict.as_ref().expect("a verdict");
    story.push_str(&format!("\n{}: {}\n", verdict.verdict, verdict.reasons.join("; ")));
    story.push_str(&format!(
        "recovery time {:#}, recovery point age {:#}\n",
        run.recovery_time().expect("measured"),
        run.recovery_point_age()
    ));
    story
}

#[test]
fn a_room_with_a_parameter_group_of_its_own_gets_it_before_the_restore_and_loses_it_before_the_evidence() {
    let mut run = run();
    let look = Look { minutes: 0, instance: None, cluster: None, verification: None, room_free: true };
    assert_eq!(step(&run, &look.observation(&run), PATIENCE, run.requested_at).actions, [Action::Restore]);
    run.parameters = Some(holdfast_ledger::RoomParameters {
        family: "postgres15".into(),
        copied_from: None,
        set: std::collections::BTreeMap::new(),
        differs_in: vec![],
    });
    let opened = step(&run, &look.observation(&run), PATIENCE, run.requested_at);
    assert_eq!(opened.actions, [Action::MakeParameterGroup, Action::Restore]);
    let mut judged = opened.run;
    judged.phase = Phase::Destroying;
    let closed = step(&judged, &look.observation(&judged), PATIENCE, run.requested_at);
    assert_eq!(closed.actions, [Action::ForgetSecret, Action::DeleteParameterGroup, Action::WriteEvidence]);
}
