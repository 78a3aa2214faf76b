//! The decisions of the model: the functions' own, by number.
//!
//! Nothing here decides. A shape of a run, small enough to be part of a key, is made into a real [`Run`]; the real [`step::step`],
//! [`rooms::give`] and [`reap`] decide on it; what they decide is made into a shape again, and remembered.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use holdfast_domain::inventory::{AutomatedBackups, DatabaseKind, DbInstance, DbStatus, Endpoint};
use holdfast_domain::plan::RestoreFrom;
use holdfast_domain::{Plan, Verdict, tags};
use holdfast_ledger::{
    CheckRecord, EvidenceRef, Fingerprint, Maker, OutcomeWord, Phase, RecoveryPoint, RequirementWord, RoomParameters,
    RoomsInUse, Run, RunSource, RunTimes, RunVerdict, SeenBy, Verification,
};
use holdfast_ports::ParameterGroupId;
use holdfast_testkit::sample;
use jiff::{SignedDuration, Timestamp};
use restore_test::begin::{self, DueTest};
use restore_test::reap::{self, Known};
use restore_test::room::Room;
use restore_test::rooms;
use restore_test::step::{self, Action, Observation, Patience, Step};

use crate::world::{Checks, Stage, Status, Tick};

/// The instants that differ: the request; when `verify` was silent too long; the deadline; when the reaper takes what is left.
pub(crate) const INSTANTS: [&str; 4] =
    ["2026-11-20T02:05:00Z", "2026-11-20T02:25:00Z", "2026-11-20T06:05:00Z", "2026-11-20T06:40:00Z"];

/// As `infra/wiring.yaml` has it: over Lambda's longest timeout.
const PATIENCE: Patience = Patience(SignedDuration::from_mins(16));

/// What of a run's record decides what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunShape {
    pub(crate) phase: Phase,
    /// The latest moment that the record knows of.
    pub(crate) known_until: Tick,
    /// When `verify` was called, while it is waited for.
    pub(crate) called: Option<Tick>,
    pub(crate) verdict: Option<Verdict>,
    /// Where the chain ended before the run began.
    pub(crate) after: u8,
    /// The number of its link; 0 is none.
    pub(crate) link: u8,
}

impl Hash for RunShape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let verdict = self.verdict.map_or(0, |verdict| verdict as u8 + 1);
        let called = self.called.map_or(0, |tick| tick + 1);
        state.write_u64(u64::from_le_bytes([
            self.phase as u8,
            self.known_until,
            called,
            verdict,
            self.after,
            self.link,
            0,
            0,
        ]));
    }
}

/// The room as a listing showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sight {
    /// The region could not be seen.
    Unseen,
    /// It was seen so, and whether a password was pending.
    Seen(Status, bool),
}

/// The temporary things that a sweep saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Standing {
    pub(crate) room: Sight,
    pub(crate) secret: bool,
    pub(crate) group: bool,
}

/// What of them the reaper takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Reaped {
    pub(crate) room: bool,
    pub(crate) secret: bool,
    pub(crate) group: bool,
}

/// What a sweep saw of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(crate) run: RunShape,
    pub(crate) room: Sight,
    pub(crate) checks: Option<Checks>,
    pub(crate) free: bool,
    pub(crate) now: Tick,
}

/// A decided step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decided {
    /// The record afterwards.
    pub(crate) run: RunShape,
    /// What is done before.
    pub(crate) actions: Vec<Action>,
    /// The verdict if an action fails for good.
    pub(crate) instead: RunShape,
    /// Why, in `step`'s words.
    pub(crate) reason: String,
}

/// What a sweep saw of the queue for rooms: whether the run has one, whether it is open, and its record.
type Queue = (bool, bool, Option<RunShape>);

/// Everything decided so far.
pub(crate) struct Book {
    plan: Plan,
    template: Run,
    instants: Vec<Timestamp>,
    plant: fn(&Seen, &mut Decided),
    steps: RefCell<HashMap<Seen, u16>>,
    decided: RefCell<Vec<Decided>>,
    reaped: RefCell<HashMap<(Standing, bool, bool, Tick), Reaped>>,
    given: RefCell<HashMap<Queue, bool>>,
}

impl Book {
    /// A book whose decisions are changed by a planted bug; `|_, _| ()` is none.
    pub(crate) fn with(plant: fn(&Seen, &mut Decided)) -> Self {
        let plan = sample::plan();
        let instants: Vec<Timestamp> = INSTANTS.iter().map(|text| text.parse().expect("an instant")).collect();
        let template = template(&plan, instants[0]);
        Self {
            plan,
            template,
            instants,
            plant,
            steps: RefCell::default(),
            decided: RefCell::default(),
            reaped: RefCell::default(),
            given: RefCell::default(),
        }
    }

    /// The record of a run that begins.
    pub(crate) fn begun(&self, after: u8) -> RunShape {
        self.shape(&Run { evidence_after: after.into(), ..self.template.clone() })
    }

    pub(crate) fn decided(&self, number: u16) -> Decided {
        self.decided.borrow()[usize::from(number)].clone()
    }

    pub(crate) fn record(&self, number: u16) -> RunShape {
        self.decided.borrow()[usize::from(number)].run
    }

    pub(crate) fn action(&self, number: u16, place: u8) -> Option<Action> {
        self.decided.borrow()[usize::from(number)].actions.get(usize::from(place)).copied()
    }

    /// [`step::step`].
    pub(crate) fn step(&self, seen: Seen) -> u16 {
        if let Some(number) = self.steps.borrow().get(&seen) {
            return *number;
        }
        let run = self.run(seen.run);
        let (room, checks) = (self.room(seen.room), seen.checks.map(|checks| self.verification(checks)));
        let observation = Observation {
            room: room.as_ref().map(Room::Instance),
            verification: checks.as_ref(),
            room_free: seen.free,
            by: SeenBy::Sweep,
        };
        let now = self.instants[usize::from(seen.now)];
        let Step { run: next, actions, reason } = step::step(&run, &observation, PATIENCE, now);
        let instead = self.shape(&step::after_permanent_failure(&run, "for good", now).run);
        // What a run has become by the model's measure it has become by its own.
        assert_eq!(next == run, self.shape(&next) == seen.run, "{next:?}");
        let mut decided = Decided { run: self.shape(&next), actions, instead, reason: reason.to_string() };
        (self.plant)(&seen, &mut decided);
        let number = self.number(decided);
        self.steps.borrow_mut().insert(seen, number);
        number
    }

    /// The step that judges a run because an action failed for good.
    pub(crate) fn given_up(&self, number: u16) -> u16 {
        let before = self.decided(number);
        let (run, actions) = (before.instead, Vec::new());
        self.number(Decided { run, actions, instead: run, reason: "it could not go on".into() })
    }

    /// The step after a verdict was recorded. It asks for nothing that was seen, and so nothing of it is kept.
    pub(crate) fn judged(&self, run: RunShape) -> u16 {
        self.step(Seen { run, room: Sight::Unseen, checks: None, free: false, now: run.known_until })
    }

    /// The same step, with the link that was written in between.
    pub(crate) fn linked(&self, number: u16, link: u8) -> u16 {
        let before = self.decided(number);
        self.number(Decided { run: RunShape { link, ..before.run }, ..before })
    }

    fn number(&self, decided: Decided) -> u16 {
        let mut all = self.decided.borrow_mut();
        let number = all.iter().position(|known| *known == decided).unwrap_or_else(|| {
            all.push(decided);
            all.len() - 1
        });
        u16::try_from(number).expect("few decisions")
    }

    /// [`rooms::give`] with one room: whether this run stands in the record afterwards.
    pub(crate) fn gives_room(&self, held: bool, open: bool, run: Option<RunShape>) -> bool {
        *self.given.borrow_mut().entry((held, open, run)).or_insert_with(|| {
            let (now, id) = (self.instants[0], &self.template.id);
            let runs = if held { [(id.to_string(), now)].into() } else { [].into() };
            let open: BTreeSet<_> = open.then(|| id.clone()).into_iter().collect();
            let run = run.map(|run| self.run(run));
            !rooms::give(1, &RoomsInUse { runs, ..RoomsInUse::default() }, &open, run.iter(), now).runs.is_empty()
        })
    }

    /// [`reap::rooms`], [`reap::secrets`] and [`reap::parameter_groups`].
    pub(crate) fn reaps(&self, standing: Standing, open: bool, closed: bool, now: Tick) -> Reaped {
        *self.reaped.borrow_mut().entry((standing, open, closed, now)).or_insert_with(|| {
            let (plan, run) = (&self.plan, &self.template);
            let set = |of| if of { BTreeSet::from([run.id.clone()]) } else { BTreeSet::new() };
            let (known, now) = (Known { open: set(open), closed: set(closed) }, self.instants[usize::from(now)]);
            let room = self.room(standing.room);
            let databases = reap::Standing { instances: room.iter().collect(), clusters: Vec::new() };
            let secrets = if standing.secret { [(run.secret.clone(), self.tags())].into() } else { [].into() };
            let (region, name) = (run.region.clone(), run.room.to_string());
            let group = ParameterGroupId { region, kind: DatabaseKind::Instance, name };
            let groups = if standing.group { [(group, self.tags())].into() } else { [].into() };
            Reaped {
                room: !reap::rooms(plan, &databases, &known, now).is_empty(),
                secret: !reap::secrets(plan, &secrets, &known, now).is_empty(),
                group: !reap::parameter_groups(plan, &groups, &databases, &known, now).is_empty(),
            }
        })
    }

    /// The run of a shape. Of its times only the latest is kept: `step` asks for no other one but the restore's, which is the latest
    /// while it is asked for.
    fn run(&self, shape: RunShape) -> Run {
        let at = |tick: Tick| self.instants[usize::from(tick)];
        Run {
            phase: shape.phase,
            verify_called_at: shape.called.map(at),
            times: RunTimes { restore_accepted_at: Some(at(shape.known_until)), ..RunTimes::default() },
            verdict: shape.verdict.map(|verdict| RunVerdict { verdict, reasons: vec!["it was so".into()] }),
            evidence_after: shape.after.into(),
            evidence: (shape.link != 0).then(|| EvidenceRef { number: shape.link.into(), sha256: String::new() }),
            ..self.template.clone()
        }
    }

    fn shape(&self, run: &Run) -> RunShape {
        let tick = |at: Timestamp| {
            let place = self.instants.iter().position(|instant| *instant == at).expect("one of the instants");
            Tick::try_from(place).expect("few instants")
        };
        RunShape {
            phase: run.phase,
            known_until: tick(run.known_until()),
            called: run.verify_called_at.filter(|_| run.phase == Phase::Verifying).map(tick),
            verdict: run.verdict.as_ref().map(|given| given.verdict),
            after: u8::try_from(run.evidence_after).expect("few links"),
            link: run.evidence.as_ref().map_or(0, |link| u8::try_from(link.number).expect("few links")),
        }
    }

    fn tags(&self) -> tags::Tags {
        let (plan, run) = (&self.plan, &self.template);
        tags::of_room(&plan.name, &plan.environment, &run.resource, &run.id, run.deadline_at)
    }

    fn room(&self, sight: Sight) -> Option<DbInstance> {
        let Sight::Seen(status, pending) = sight else { return None };
        let status = match status {
            Status::Absent => return None,
            Status::Creating => DbStatus::Busy("creating".into()),
            Status::Available => DbStatus::Available,
            Status::Deleting => DbStatus::Deleting,
        };
        let run = &self.template;
        let endpoint = Endpoint { host: format!("{}.test", run.room), port: 5432 };
        Some(DbInstance {
            region: run.region.clone(),
            id: run.room.clone(),
            arn: format!("arn:aws:rds:{}:000000000000:db:{}", run.region, run.room),
            endpoint: (status == DbStatus::Available).then_some(endpoint),
            status,
            engine: "postgres".into(),
            engine_version: "15.8".into(),
            master_user: "app".into(),
            database: Some("orders".into()),
            password_pending: pending,
            modification_pending: false,
            deletion_protection: false,
            parameter_group: None,
            option_group: None,
            latest_restorable_at: None,
            backups: AutomatedBackups::default(),
            cluster: None,
            encrypted: true,
            kms_key: None,
            tags: self.tags(),
        })
    }

    /// A sound copy: what was read passed, what was not reached did not run.
    fn verification(&self, checks: Checks) -> Verification {
        let outcome = if checks.stage == Stage::All { OutcomeWord::Passed } else { OutcomeWord::NotRun };
        let record = CheckRecord {
            check: "count app.public.orders".into(),
            subject: None,
            requirement: RequirementWord::Required,
            outcome,
            detail: "as it is".into(),
            took_ms: 1,
        };
        Verification {
            run: self.template.id.clone(),
            first_query_at: self.instants[0],
            fully_read_at: None,
            finished_at: checks.finished.map(|tick| self.instants[usize::from(tick)]),
            units_total: 1,
            units_done: 1,
            results: vec![record],
            baseline: None,
            observed: [].into(),
        }
    }
}

/// A run by rule that begins now, as [`begin::run`] makes it.
fn template(plan: &Plan, now: Timestamp) -> Run {
    let resource = "orders-db".parse().expect("a name");
    let stands = &plan.resources[&resource];
    let source = RunSource {
        from: RestoreFrom::Latest,
        point: RecoveryPoint::DbSnapshot { id: "hf-orders-db-20261120t020000z-01234567".parse().expect("a name") },
        arn: "arn:aws:rds:eu-central-1:000000000000:snapshot:hf-orders-db-20261120t020000z-01234567".into(),
        made_by: Maker::Holdfast,
        taken_at: "2026-11-20T02:00:03Z".parse().expect("an instant"),
        fingerprint: Fingerprint {
            engine: "postgres".into(),
            engine_version: "15.8".into(),
            parameter_group: None,
            option_group: None,
        },
        size_bytes: None,
    };
    let test = DueTest {
        run: "orders-db.every.20261120t020000z".parse().expect("a name"),
        resource: resource.clone(),
        rule: Some("every".parse().expect("a name")),
        slot: "20261120t020000z".parse().expect("a slot"),
        region: stands.region.clone(),
        from: RestoreFrom::Latest,
        source: Ok(source.clone()),
        serverless: None,
    };
    // A group of its own, as every room has whose source's group could be read.
    let parameters = RoomParameters {
        family: "postgres15".into(),
        copied_from: None,
        set: [("cron.launch_active_jobs".to_owned(), "0".to_owned())].into(),
        differs_in: Vec::new(),
    };
    Run { parameters: Some(parameters), ..begin::run(plan, stands, &test, &source, 0, now) }
}
