//! The two programs of the model make the calls that the real functions make, in their order.
//!
//! Whole lives are lived with the real `handle`s on the in-memory cloud, and the model is made to follow: every call is one that its program
//! makes next, and after every invocation its world is as the cloud is. Each life is cut short after every call in turn, and loses every
//! answer in turn. Invocations come one after the other here; that the model mixes them in every order is what it is for.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use holdfast_domain::inventory::DbStatus;
use holdfast_domain::{Outcome, Region, Requirement, RunId, slot, tags};
use holdfast_ledger::{PLAN_KEY, PlanStore, Run, Verification, open_key, plan_key, run_key, verification_key};
use holdfast_plan::Compiled;
use holdfast_ports::{DbInstances as _, Password};
use holdfast_testkit::{Call, Fault, MemoryCloud};
use holdfast_wire::{Message, Trigger};
use jiff::SignedDuration;
use restore_test::step::{Action, Patience};
use restore_test::{Config, SecurityGroups};
use verify::room::{Examined, Judgement, Opened, Room, RoomAddress, RoomDoor, RoomError};
use verify::work::{Question, Stage as VerifyStage, Task, Unit};

use crate::book::Book;
use crate::model::{Faults, Model, Move, State, Worker};
use crate::tester::{Act, At, Begin, Give, Keep, Look, Tester};
use crate::verifier::{self, Verifier};
use crate::world::{Link, Status, World};

const RUN: &str = "orders-db.every.20261120t020000z";
const PLAN: &str = r#"
version: 1
name: shop
environment: prod
time_zone: UTC
regions: { home: eu-west-1, primary: eu-central-1 }
rooms_max: 1
resources:
  orders-db:
    kind: rds-instance
    id: shop-orders
    objectives: { rpo: 24h, rto: 2h }
    snapshots:
      daily: { at: "cron(0 2 * * ? *)", keep: 7d }
    restore_tests:
      every: { after: daily, from: latest, instance_class: db.t4g.medium, deadline: 4h }
    checks: { integrity: full }
alerts:
  channels: { ops: { slack: "secret:holdfast/slack" } }
  routes: { high: [ops], critical: [ops] }
"#;

static PLANS: LazyLock<PlanStore> = LazyLock::new(PlanStore::default);
static COMPILED: LazyLock<Compiled> =
    LazyLock::new(|| holdfast_plan::read_yaml("plan.yaml", PLAN).unwrap_or_else(|problems| panic!("{problems}")));

fn region() -> Region {
    "eu-central-1".parse().expect("a region")
}

fn run() -> RunId {
    RUN.parse().expect("a run")
}

fn cloud() -> MemoryCloud {
    let cloud = MemoryCloud::at("2026-11-20T02:00:03Z".parse().expect("an instant"));
    let plan = COMPILED.plan();
    cloud.put_object(PLAN_KEY, COMPILED.to_json());
    cloud.put_object(&plan_key(COMPILED.sha()), COMPILED.to_json());
    let (database, resource) = ("shop-orders".parse().expect("a name"), "orders-db".parse().expect("a name"));
    cloud.add_instance(&region(), &database);
    let (rule, slot) = ("daily".parse().expect("a rule"), "20261120t020000z".parse().expect("a slot"));
    let tags = tags::of_recovery_point(&plan.name, &plan.environment, &resource, &[rule], slot);
    let id = slot::db_snapshot_id(&plan.name, &plan.environment, &resource, slot);
    cloud.add_snapshot(&region(), &id, &database, tags);
    cloud.pass(SignedDuration::from_mins(5));
    cloud
}

/// A room with one check to read and one that changes it.
#[derive(Clone)]
struct Played;

impl RoomDoor for Played {
    type Room = Self;

    async fn open(&self, _: &RoomAddress, _: &Password) -> Result<Opened<Self>, RoomError> {
        Ok(Opened::Room(Self))
    }
}

impl Room for Played {
    async fn units(&self, _: &Question<'_>) -> Result<Vec<Unit>, RoomError> {
        let unit = |check: &str, stage| Unit {
            check: check.into(),
            subject: None,
            requirement: Requirement::Required,
            stage,
            effort: 0,
            task: Task::Server,
        };
        Ok(vec![unit("read", VerifyStage::Read), unit("vacuum", VerifyStage::Vacuum)])
    }

    async fn examine(&self, _: &Unit, _: SignedDuration) -> Result<Examined, RoomError> {
        let (detail, took) = ("as it is".into(), SignedDuration::from_secs(1));
        Ok(Examined::Judged(Judgement { outcome: Outcome::Passed, detail, took, observed: None }))
    }

    async fn leave(self) {}
}

async fn sweep(cloud: &MemoryCloud) {
    let config = Config {
        subnet_group: "clean-room".into(),
        security_groups: SecurityGroups::read(&["sg-sealed".into()]).expect("a group"),
        parameter_group: None,
        option_group: None,
        patience: Patience(SignedDuration::from_mins(16)),
        written_by: "restore-test".into(),
    };
    let ports = restore_test::Ports { objects: cloud, rds: cloud, secrets: cloud, bus: cloud, system: cloud };
    // What came of it is seen in the cloud.
    drop(restore_test::handle(&ports, &PLANS, &config, &Trigger::Sweep).await);
}

async fn verify(cloud: &MemoryCloud, message: Message) -> bool {
    let ports =
        verify::Ports { objects: cloud, secrets: cloud, bus: cloud, system: cloud, door: &Played, connections: 1 };
    verify::handle(&ports, &PLANS, &Trigger::Bus(message), Duration::from_secs(900)).await.is_ok()
}

/// What a call is in the model. `None`: it is about what never changes there.
fn heard(call: &Call) -> Option<String> {
    let about = match call.subject.split('/').collect::<Vec<_>>().as_slice() {
        ["plan.json"] | ["plans", _] | ["proved", ..] => return None,
        ["restore-tests", "rooms.json"] => "rooms",
        ["restore-tests", "open", ..] => "open",
        ["restore-tests", "runs", _] => "run",
        ["verifications", _] => "verification",
        ["evidence", ..] => "evidence",
        _ => "",
    };
    match call.operation {
        "rds:DescribeDBSnapshots"
        | "rds:DescribeDBClusters"
        | "rds:DescribeDBParameters"
        | "rds:DescribeDBParameterGroups"
        | "rds:ModifyDBParameterGroup"
        | "rds:ListTagsForResource" => None,
        // A verdict's trend is read from the chain as well, and changes nothing: reads of it are heard only where the model makes them.
        "s3:GetObject" if about == "evidence" => None,
        operation => Some(format!("{operation} {about}").trim_end().to_owned()),
    }
}

/// The call that a program makes next. `None`: it is none, or none that is heard.
fn next_call(book: &Book, worker: Worker) -> Option<&'static str> {
    match worker {
        Worker::Tester(tester) => tester_call(book, &tester),
        Worker::Verifier(verifier) => verifier_call(&verifier),
    }
}

fn tester_call(book: &Book, tester: &Tester) -> Option<&'static str> {
    Some(match tester.at {
        At::Look(Look::Clock) | At::Begin(Begin::ChainEnd) | At::Act(Act::Link) => return None,
        At::Look(Look::Rooms) | At::Give(Give::ReadBack) => "s3:GetObject rooms",
        At::Look(Look::Markers) => "s3:ListObjectsV2 open",
        At::Look(Look::Run | Look::Closed)
        | At::Begin(Begin::Begun | Begin::CreateReadBack)
        | At::Keep(Keep::ReadBack) => "s3:GetObject run",
        At::Look(Look::Checks) | At::Act(Act::CheckedRecord) => "s3:GetObject verification",
        At::Look(Look::Instances) => "rds:DescribeDBInstances",
        At::Look(Look::Secrets) => "secretsmanager:ListSecrets",
        At::Begin(Begin::Create) | At::Keep(Keep::Write) => "s3:PutObject run",
        At::Begin(Begin::Marker) => "s3:PutObject open",
        At::Give(Give::Write) => "s3:PutObject rooms",
        At::Act(Act::First) => match tester.action(book)? {
            Action::MakeParameterGroup => "rds:CreateDBParameterGroup",
            Action::Restore => "rds:RestoreDBInstanceFromDBSnapshot",
            Action::GivePassword => "secretsmanager:CreateSecret",
            Action::CallVerify | Action::TellVerdict | Action::Close => "events:PutEvents",
            Action::DeleteRoom => "rds:DeleteDBInstance",
            Action::ForgetSecret => "secretsmanager:DeleteSecret",
            Action::DeleteParameterGroup => "rds:DeleteDBParameterGroup",
            Action::AddMember | Action::DeleteMember | Action::DeleteCluster | Action::WriteEvidence => return None,
        },
        At::Act(Act::Reset) => "rds:ModifyDBInstance",
        At::Act(Act::PutLink) => "s3:PutObject evidence",
        At::Act(Act::RemoveMarker) => "s3:DeleteObject open",
        At::ReapRoom => "rds:DeleteDBInstance",
        At::ReapSecret => "secretsmanager:DeleteSecret",
        At::ReapGroup => "rds:DeleteDBParameterGroup",
    })
}

fn verifier_call(verifier: &Verifier) -> Option<&'static str> {
    use verifier::At;
    Some(match verifier.at {
        At::Door | At::Read | At::Vacuum | At::Leave => return None,
        At::Run => "s3:GetObject run",
        At::Checks | At::CreateReadBack | At::PutReadBack | At::FinishReadBack => "s3:GetObject verification",
        At::Secret => "secretsmanager:GetSecretValue",
        At::Create | At::PutRead | At::PutAll | At::Finish => "s3:PutObject verification",
        At::TellRecorded | At::TellContinues => "events:PutEvents",
    })
}

/// Everything that the model can have come to, as far as the cloud agrees.
struct Followed {
    model: Model,
    states: HashSet<State>,
}

impl Followed {
    fn new(faults: Faults) -> Self {
        let model = Model { book: Book::with(|_, _| ()), faults, workers: 1, plant: None };
        let states = HashSet::from([model.first()]);
        Self { model, states }
    }

    /// An invocation begins by `begins`, makes these calls, and then ends or is killed.
    fn invoked(&mut self, begins: Move, calls: &[String], killed: bool) {
        let mut ends = HashSet::new();
        for state in &self.states {
            self.model.moves(state, |what, next| {
                if what == begins {
                    self.follow(next, calls, killed, &mut ends);
                }
            });
        }
        self.states = ends;
    }

    fn follow(&self, state: State, calls: &[String], killed: bool, ends: &mut HashSet<State>) {
        let Some(worker) = state.workers[0] else {
            if calls.is_empty() {
                ends.insert(state);
            }
            return;
        };
        let call = next_call(&self.model.book, worker);
        let rest = match call {
            None => Some(calls),
            Some(call) => calls.split_first().filter(|(heard, _)| *heard == call).map(|(_, rest)| rest),
        };
        self.model.moves(&state, |what, next| match what {
            Move::Turn(..) | Move::TurnForTheLastTime(..) => {
                if let Some(rest) = rest {
                    self.follow(next, rest, killed, ends);
                }
            }
            Move::Kill(..) if killed && calls.is_empty() => {
                ends.insert(next);
            }
            Move::Kill(..)
            | Move::OutOfTime(_)
            | Move::Sweep
            | Move::Ready
            | Move::Continues
            | Move::RoomComesUp
            | Move::PasswordApplied
            | Move::RoomGone
            | Move::TimePasses
            | Move::Doubled
            | Move::Lost
            | Move::Neighbour => {}
        });
    }

    /// Time passes: RDS comes on, or not.
    fn waited(&mut self) {
        let mut todo: Vec<State> = self.states.iter().copied().collect();
        while let Some(state) = todo.pop() {
            self.model.moves(&state, |what, next| {
                let of_time =
                    matches!(what, Move::RoomComesUp | Move::PasswordApplied | Move::RoomGone | Move::TimePasses);
                if of_time && self.states.insert(next) {
                    todo.push(next);
                }
            });
        }
    }

    /// Keeps what is as the cloud is; there must be something.
    async fn agrees(&mut self, cloud: &MemoryCloud, after: &str) {
        let before = self.states.len();
        let mut seen = HashSet::new();
        let wanted = look(cloud).await;
        self.states.retain(|state| {
            let shown = shown(&state.world);
            seen.insert(shown.clone());
            shown == wanted
        });
        assert!(!self.states.is_empty(), "{after}: of {before} states none is {wanted}, but: {seen:#?}");
    }
}

/// What can be seen of the cloud, in words.
async fn look(cloud: &MemoryCloud) -> String {
    let read =
        |key: &str| cloud.object(key).map(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON"));
    let body = |key: &str| read(key).map(|mut record| record["body"].take());
    let run_record: Option<Run> = body(&run_key(&run())).map(|run| serde_json::from_value(run).expect("a run"));
    let checks: Option<Verification> =
        body(&verification_key(&run())).map(|checks| serde_json::from_value(checks).expect("a verification"));
    let room = cloud.db_instances(&region()).await.expect("a look that is no call of an invocation");
    let room = room.into_iter().find(|instance| instance.id.as_str().starts_with("hf-rt-"));
    let status = room.as_ref().map_or(Status::Absent, |room| match &room.status {
        DbStatus::Available => Status::Available,
        DbStatus::Deleting => Status::Deleting,
        DbStatus::Busy(_) | DbStatus::Stopped(_) | DbStatus::Broken(_) | DbStatus::Unknown(_) => Status::Creating,
    });
    let held =
        body("restore-tests/rooms.json").is_some_and(|rooms| rooms["runs"].as_object().is_some_and(|r| !r.is_empty()));
    let phase = run_record.as_ref().map(|run| run.phase);
    let verdict = run_record.as_ref().and_then(|run| run.verdict.as_ref()).map(|given| given.verdict);
    let (units, finished) = checks.as_ref().map_or((None, false), |c| (Some(c.units_done), c.finished_at.is_some()));
    let links = cloud.keys().iter().filter(|key| key.starts_with("evidence/")).count();
    format!(
        "run {phase:?} {verdict:?}, marker {}, has a room {held}, room {status:?}, pending {}, secret {}, checks {units:?} {finished}, links {links}",
        cloud.object(&open_key(&run())).is_some(),
        room.is_some_and(|room| room.password_pending),
        !cloud.secret_names().is_empty(),
    )
}

/// The same of the model's world.
fn shown(world: &World) -> String {
    let (phase, verdict) = (world.run.map(|run| run.phase), world.run.and_then(|run| run.verdict));
    let units = world.checks.map(|checks| checks.stage as u64);
    let finished = world.checks.is_some_and(|checks| checks.finished.is_some());
    let links = world.links.iter().filter(|link| **link == Link::Own).count();
    format!(
        "run {phase:?} {verdict:?}, marker {}, has a room {}, room {:?}, pending {}, secret {}, checks {units:?} {finished}, links {links}",
        world.marker,
        world.rooms.held,
        world.room,
        world.key_pending != 0,
        world.secret != 0,
    )
}

/// What goes wrong in a life.
#[derive(Debug, Clone, Copy)]
enum Misfortune {
    /// Killed after so many calls.
    Killed(usize),
    /// The first answer of this operation from here on is lost.
    AnswerLost(&'static str),
}

/// Lives a whole life with the real functions, followed by the model; gives how many calls it made.
async fn live(misfortune: Option<Misfortune>) -> usize {
    let cloud = cloud();
    let faults = match misfortune {
        None => Faults::NONE,
        Some(Misfortune::Killed(_)) => Faults { kills: 1, ..Faults::NONE },
        Some(Misfortune::AnswerLost(operation)) => {
            cloud.fail(operation, 1, Fault::AnswerLost);
            Faults { answers: 1, ..Faults::NONE }
        }
    };
    let mut followed = Followed::new(faults);
    let (mut heard_until, mut made) = (0, 0);
    for minute in 0..400 {
        for (begins, message) in invocations(&cloud, &mut heard_until) {
            let before = cloud.calls().len();
            let left = match misfortune {
                Some(Misfortune::Killed(after)) => after.checked_sub(made),
                Some(Misfortune::AnswerLost(_)) | None => None,
            };
            cloud.crash_after(left);
            match message {
                None => sweep(&cloud).await,
                // Lambda tries again what failed; here the next message of the sweeps does.
                Some(message) => drop(verify(&cloud, message).await),
            }
            cloud.crash_after(None);
            let all = cloud.calls().split_off(before);
            let killed = left.is_some_and(|left| all.len() > left);
            let calls: Vec<String> = all.iter().take(left.unwrap_or(usize::MAX)).filter_map(heard).collect();
            made += all.len();
            followed.invoked(begins, &calls, killed);
            followed.agrees(&cloud, &format!("{misfortune:?}, minute {minute}, {begins:?} by {calls:#?}")).await;
        }
        if followed.states.iter().any(|state| state.world.is_over()) {
            return made;
        }
        cloud.pass(SignedDuration::from_mins(1));
        followed.waited();
        followed.agrees(&cloud, &format!("{misfortune:?}, minute {minute}, after a minute")).await;
    }
    panic!("{misfortune:?}: it does not end: {}", look(&cloud).await);
}

/// Every minute a sweep; and `verify` for each message that was announced since.
fn invocations(cloud: &MemoryCloud, heard_until: &mut usize) -> Vec<(Move, Option<Message>)> {
    let announced = cloud.announced();
    let new = announced[*heard_until..].iter().filter(|message| matches!(message, Message::RestoreTestReady(_)));
    let calls: Vec<_> = new.map(|message| (Move::Ready, Some(message.clone()))).collect();
    *heard_until = announced.len();
    calls.into_iter().chain([(Move::Sweep, None)]).collect()
}

#[tokio::test]
async fn the_model_follows_a_life_of_the_real_functions() {
    assert!(live(None).await > 100, "that is no life");
}

#[tokio::test]
async fn the_model_follows_a_life_that_is_cut_short_after_any_call() {
    for after in 0..live(None).await {
        live(Some(Misfortune::Killed(after))).await;
    }
}

#[tokio::test]
async fn the_model_follows_a_life_in_which_any_operations_answer_is_lost() {
    for operation in [
        "s3:PutObject",
        "s3:DeleteObject",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:ModifyDBInstance",
        "rds:DeleteDBInstance",
        "rds:DescribeDBInstances",
        "rds:CreateDBParameterGroup",
        "rds:DeleteDBParameterGroup",
        "secretsmanager:CreateSecret",
        "secretsmanager:DeleteSecret",
        "secretsmanager:ListSecrets",
        "events:PutEvents",
    ] {
        live(Some(Misfortune::AnswerLost(operation))).await;
    }
}
