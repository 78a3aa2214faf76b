//! How an invocation begins, breaks off, goes on and ends, in a room that is played.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use holdfast_domain::{Outcome, Verdict};
use holdfast_ledger::{OutcomeWord, Phase, Verification, verification_key};
use holdfast_ports::{Class, Classified as _, Password, PortErrorKind};
use holdfast_testkit::{Call, Fault, MemoryCloud};
use holdfast_wire::{Message, RunRef, Trigger, VerifyWork};
use jiff::SignedDuration;
use verify::catalog::{Catalog, Contents, Database, Listing, Table, Tool};
use verify::room::{Examined, Judgement, Language, Opened, Room, RoomAddress, RoomDoor, RoomError};
use verify::work::{self, HOPS_MAX, Question, Unit};
use verify::{Done, Idle};

use crate::support::{Desk, INVOCATION, told, verdict};

const CHECKS: &str = "{ integrity: full, fresh: { sql: \"select now()\", age_max: 15m } }";

/// What `CHECKS` come to with three tables: tls, server, 3 counts, 3 heaps, the database's catalog, schema and collations, fresh, and 3
/// counts after VACUUM that do not apply.
const UNITS: u64 = 15;

/// A room whose checks pass, and take as long as they are told to.
#[derive(Clone)]
struct Played<'a> {
    cloud: &'a MemoryCloud,
    check_takes: SignedDuration,
    busy: bool,
    /// The check at which the room is lost.
    lost_at: Option<&'static str>,
    /// How often each check was begun, by name.
    begun: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl<'a> Played<'a> {
    fn new(cloud: &'a MemoryCloud) -> Self {
        Self { cloud, check_takes: SignedDuration::from_secs(1), busy: false, lost_at: None, begun: Arc::default() }
    }

    fn begun(&self) -> BTreeMap<String, u32> {
        self.begun.lock().expect("a lock").clone()
    }
}

impl<'a> RoomDoor for Played<'a> {
    type Room = Self;

    async fn open(&self, _: &RoomAddress, _: &Password) -> Result<Opened<Self>, RoomError> {
        Ok(if self.busy { Opened::Busy } else { Opened::Room(self.clone()) })
    }
}

impl Room for Played<'_> {
    async fn units(&self, question: &Question<'_>) -> Result<Vec<Unit>, RoomError> {
        let ready = || Tool::Ready { function: "f".into() };
        let table = |number: u32| Table {
            oid: number,
            schema: "public".into(),
            name: format!("t{number}"),
            access_method: "heap".into(),
            blocks: 1,
            indexes: Vec::new(),
            toast: None,
            has_heirs: false,
        };
        let tables = (1..=3).map(table).collect();
        let listing = Listing {
            verify_heapam: ready(),
            bt_index_check: ready(),
            pgstattuple: ready(),
            tid_ranges: true,
            search_path: vec!["public".into()],
            tables,
            partitioned: vec![],
            constraints: vec![],
            sequences: vec![],
        };
        let databases = vec![Database { name: "shop".into(), contents: Contents::Listed(listing) }];
        Ok(work::units(&Catalog { databases }, question))
    }

    async fn examine(&self, unit: &Unit, limit: SignedDuration) -> Result<Examined, RoomError> {
        *self.begun.lock().expect("a lock").entry(unit.check.clone()).or_default() += 1;
        if self.lost_at == Some(unit.check.as_str()) {
            return Err(RoomError::Lost { room: "room".into(), reason: "it went away".into() });
        }
        self.cloud.pass(self.check_takes.min(limit));
        if self.check_takes > limit {
            return Ok(Examined::Cut);
        }
        Ok(Examined::Judged(Judgement {
            outcome: Outcome::Passed,
            detail: "fine".into(),
            took: self.check_takes,
            observed: None,
        }))
    }

    async fn leave(self) {}
}

async fn desk() -> Desk {
    let address = RoomAddress {
        host: "room".into(),
        port: 5432,
        user: "master".into(),
        database: "shop".into(),
        language: Language::Sql,
    };
    Desk::new(&address, "secret", CHECKS).await.expect("a desk")
}

fn recorded(desk: &Desk) -> Message {
    Message::VerificationRecorded(RunRef { run: desk.run.clone() })
}

/// What a record says, without when.
fn essence(record: &Verification) -> (u64, u64, Vec<String>, bool, bool) {
    let all = told(record, &[OutcomeWord::Passed, OutcomeWord::Failed, OutcomeWord::NotRun]);
    (record.units_total, record.units_done, all, record.fully_read_at.is_some(), record.finished_at.is_some())
}

/// Calls with every message that comes of the call before, as the bus does, until the record is finished.
async fn follow(desk: &Desk, door: &Played<'_>, seconds: u64) -> Vec<Done> {
    let (mut trigger, mut calls) = (desk.first_call(), Vec::new());
    loop {
        let done = desk.call(door, &trigger, std::time::Duration::from_secs(seconds)).await.expect("no fault");
        calls.push(done.clone());
        let Done::Continues(_) = done else { return calls };
        let next = desk.cloud.announced().last().cloned().expect("a message");
        trigger = Trigger::Bus(next);
    }
}

#[tokio::test]
async fn a_room_is_verified_recorded_and_announced() {
    let desk = desk().await;
    let done = desk.call(&Played::new(&desk.cloud), &desk.first_call(), INVOCATION).await.expect("no fault");
    assert_eq!(done, Done::Finished { run: desk.run.clone(), passed: 12, failed: 0, not_run: 3 });
    let record = desk.record().await.expect("a record");
    assert_eq!((record.units_total, record.units_done), (UNITS, UNITS));
    assert!(record.first_query_at <= record.fully_read_at.expect("read") && record.fully_read_at <= record.finished_at);
    assert_eq!(verdict(&record), Verdict::Passed);
    assert_eq!(desk.cloud.announced(), [recorded(&desk)]);
}

/// Once as it is begun, once a stage, once in the end; and once for each minute of work, however many checks end in it.
#[tokio::test]
async fn the_record_is_written_every_minute_of_work_and_no_more_often() {
    for check_seconds in [1, 7, 25, 59, 60, 61] {
        let desk = desk().await;
        let door = Played { check_takes: SignedDuration::from_secs(check_seconds), ..Played::new(&desk.cloud) };
        let began = desk.cloud.time();
        let done = desk.call(&door, &desk.first_call(), INVOCATION).await.expect("no fault");
        assert_eq!(done, Done::Finished { run: desk.run.clone(), passed: 12, failed: 0, not_run: 3 });
        let minutes = usize::try_from(desk.cloud.time().duration_since(began).as_mins()).expect("no time runs back");
        let key = verification_key(&desk.run);
        let is_write = |call: &Call| call.operation == "s3:PutObject" && call.subject == key;
        let writes = desk.cloud.calls().iter().filter(|call| is_write(call)).count();
        assert!(writes <= 6 + minutes, "{writes} times in {minutes} minutes of {check_seconds} s checks");
        assert!(writes >= 6 + minutes / 2, "{writes} times in {minutes} minutes of {check_seconds} s checks");
    }
}

#[tokio::test]
async fn a_call_for_a_run_that_is_not_being_verified_does_nothing() {
    let desk = desk().await;
    let door = Played::new(&desk.cloud);
    let other = VerifyWork { run: "orders-db.every.other".parse().expect("an id"), shard: 0, cursor: 0, hop: 0 };
    let done =
        desk.call(&door, &Trigger::Bus(Message::RestoreTestReady(other.clone())), INVOCATION).await.expect("no fault");
    assert_eq!(done, Done::Nothing(Idle::NoRun(other.run)));
    // The call overtook the record that goes with it: Lambda's retry brings it again.
    desk.change_run(|run| run.phase = Phase::Preparing).await.expect("a run");
    let early = desk.call(&door, &desk.first_call(), INVOCATION).await.expect_err("too early");
    assert_eq!(early.class(), Class::Transient, "{early}");
    for phase in [Phase::Judged, Phase::Destroying, Phase::Closed] {
        desk.change_run(|run| run.phase = phase).await.expect("a run");
        let done = desk.call(&door, &desk.first_call(), INVOCATION).await.expect("no fault");
        assert_eq!(done, Done::Nothing(Idle::NotVerifying(desk.run.clone(), phase)));
    }
    assert!(door.begun().is_empty() && desk.cloud.announced().is_empty() && desk.record().await.is_err());
}

#[tokio::test]
async fn the_baseline_is_the_last_proved_run_and_stays_for_all_invocations() {
    let desk = desk().await;
    let door = Played::new(&desk.cloud);
    let first = desk.verify(&door).await.expect("no fault");
    assert_eq!(first.baseline, None, "there was none before");

    let desk = self::desk().await;
    desk.remember(&first, Verdict::Failed).await.expect("a run");
    assert_eq!(
        desk.verify(&Played::new(&desk.cloud)).await.expect("no fault").baseline,
        None,
        "a failed run proves nothing"
    );

    let desk = self::desk().await;
    let proved = desk.remember(&first, Verdict::Passed).await.expect("a run");
    let door = Played { check_takes: SignedDuration::from_secs(5), ..Played::new(&desk.cloud) };
    let begun = desk.call(&door, &desk.first_call(), std::time::Duration::from_secs(41)).await.expect("no fault");
    assert!(matches!(begun, Done::Continues(_)), "{begun}");
    desk.remember(&first, Verdict::Inconclusive).await.expect("a run");
    follow(&desk, &door, 900).await;
    assert_eq!(desk.record().await.expect("a record").baseline, Some(proved));
}

#[tokio::test]
async fn what_is_none_of_ours_is_refused() {
    let desk = desk().await;
    for trigger in [Trigger::Sweep, Trigger::Bus(recorded(&desk))] {
        let error = desk.call(&Played::new(&desk.cloud), &trigger, INVOCATION).await.expect_err("foreign");
        assert_eq!(error.class(), Class::Permanent, "{error}");
    }
}

#[tokio::test]
async fn a_finished_verification_is_announced_again_and_not_repeated() {
    let desk = desk().await;
    let door = Played::new(&desk.cloud);
    desk.call(&door, &desk.first_call(), INVOCATION).await.expect("no fault");
    let (before, begun) = (desk.record().await.expect("a record"), door.begun());
    let done = desk.call(&door, &desk.first_call(), INVOCATION).await.expect("no fault");
    assert_eq!(done, Done::AnnouncedAgain(desk.run.clone()));
    assert_eq!(desk.cloud.announced(), [recorded(&desk), recorded(&desk)]);
    assert_eq!((desk.record().await.expect("a record"), door.begun()), (before, begun));
}

/// The way into a room that another invocation leaves just then, having come to the end.
struct AfterAnother<'a> {
    desk: &'a Desk,
    room: Played<'a>,
}

impl<'a> RoomDoor for AfterAnother<'a> {
    type Room = Played<'a>;

    async fn open(&self, _: &RoomAddress, _: &Password) -> Result<Opened<Played<'a>>, RoomError> {
        self.desk.call(&self.room, &self.desk.first_call(), INVOCATION).await.expect("no fault");
        self.room.cloud.pass(SignedDuration::from_secs(1));
        Ok(Opened::Room(self.room.clone()))
    }
}

#[tokio::test]
async fn a_verification_that_another_finished_since_the_look_is_not_written_again() {
    let (desk, alone) = (desk().await, desk().await);
    alone.call(&Played::new(&alone.cloud), &alone.first_call(), INVOCATION).await.expect("no fault");
    let door = AfterAnother { desk: &desk, room: Played::new(&desk.cloud) };
    let done = desk.call(&door, &desk.first_call(), INVOCATION).await.expect("no fault");
    assert_eq!(done, Done::AnnouncedAgain(desk.run.clone()));
    assert_eq!(desk.record().await.expect("a record"), alone.record().await.expect("a record"));
    assert_eq!(desk.cloud.announced(), [recorded(&desk), recorded(&desk)]);
}

#[tokio::test]
async fn a_room_with_somebody_in_it_is_left_alone() {
    let desk = desk().await;
    let door = Played { busy: true, ..Played::new(&desk.cloud) };
    let done = desk.call(&door, &desk.first_call(), INVOCATION).await.expect("no fault");
    assert_eq!(done, Done::Nothing(Idle::Busy(desk.run.clone())));
    assert!(desk.cloud.announced().is_empty() && desk.record().await.is_err());
}

#[tokio::test]
async fn a_run_without_what_is_needed_is_an_error() {
    let desk = desk().await;
    desk.change_run(|run| run.secret = "hf-rt-gone".parse().expect("a name")).await.expect("a run");
    let error = desk.call(&Played::new(&desk.cloud), &desk.first_call(), INVOCATION).await.expect_err("no secret");
    assert_eq!(error.class(), Class::Transient, "a secret may not be to be seen yet: {error}");
    desk.change_run(|run| run.resource = "nothing".parse().expect("a name")).await.expect("a run");
    let error = desk.call(&Played::new(&desk.cloud), &desk.first_call(), INVOCATION).await.expect_err("no resource");
    assert_eq!(error.class(), Class::Permanent, "{error}");
}

#[tokio::test]
async fn what_does_not_fit_into_one_invocation_goes_on_in_the_next_and_ends_the_same() {
    let whole = desk().await;
    follow(&whole, &Played::new(&whole.cloud), 900).await;
    let whole = essence(&whole.record().await.expect("a record"));

    for seconds in [37, 41, 60, 100] {
        let desk = desk().await;
        let check_takes = SignedDuration::from_secs(5);
        let door = Played { check_takes, ..Played::new(&desk.cloud) };
        let calls = follow(&desk, &door, seconds).await;
        let (last, before) = calls.split_last().expect("calls");
        assert!(matches!(last, Done::Finished { .. }));
        for (place, call) in before.iter().enumerate() {
            let Done::Continues(next) = call else { panic!("{call}") };
            assert_eq!(next.hop as usize, place + 1);
        }
        assert_eq!(essence(&desk.record().await.expect("a record")), whole, "{seconds} s each");
        let repeated: Vec<(String, u32)> = door.begun().into_iter().filter(|(_, times)| *times > 1).collect();
        assert!(repeated.len() <= before.len() * 4, "only what was cut is repeated: {repeated:?}");
    }
}

#[tokio::test]
async fn a_check_that_no_invocation_can_hold_is_not_run_and_the_others_are() {
    let desk = desk().await;
    let door = Played { check_takes: SignedDuration::from_mins(16), ..Played::new(&desk.cloud) };
    let calls = follow(&desk, &door, 900).await;
    assert!(calls.len() <= UNITS as usize + 1, "each invocation gets something done");
    let record = desk.record().await.expect("a record");
    assert_eq!(verdict(&record), Verdict::Inconclusive);
    assert!(told(&record, &[OutcomeWord::NotRun])[0].contains("it did not end within 870 s"));
}

#[tokio::test]
async fn work_that_was_passed_on_too_often_is_given_up() {
    let desk = desk().await;
    // No time at all: nothing is ever begun.
    let calls = follow(&desk, &Played::new(&desk.cloud), 31).await;
    assert_eq!(calls.len(), HOPS_MAX as usize + 1);
    let record = desk.record().await.expect("a record");
    assert_eq!((record.units_total, record.units_done), (UNITS, UNITS));
    assert!(record.finished_at.is_some() && record.fully_read_at.is_none());
    assert_eq!(verdict(&record), Verdict::Inconclusive);
    assert_eq!(desk.cloud.announced().last(), Some(&recorded(&desk)));
}

#[tokio::test]
async fn a_lost_room_keeps_what_was_found_and_is_tried_again() {
    let desk = desk().await;
    let door = Played { lost_at: Some("heap shop.public.t3 blocks 0-16383"), ..Played::new(&desk.cloud) };
    let error = desk.call(&door, &desk.first_call(), INVOCATION).await.expect_err("lost");
    assert_eq!(error.class(), Class::Transient);
    let record = desk.record().await.expect("a record");
    assert!(record.units_done >= 3 && record.finished_at.is_none(), "{record:?}");
    assert!(desk.cloud.announced().is_empty());
    let done = desk.call(&Played::new(&desk.cloud), &desk.first_call(), INVOCATION).await.expect("no fault");
    assert!(matches!(done, Done::Finished { passed: 12, .. }), "{done}");
}

#[tokio::test]
async fn a_function_killed_at_any_call_ends_with_the_same_record() {
    let whole = desk().await;
    let set_up = whole.cloud.calls().len();
    follow(&whole, &Played::new(&whole.cloud), 900).await;
    let calls = whole.cloud.calls().len() - set_up;
    let whole = essence(&whole.record().await.expect("a record"));
    assert!(calls >= 8, "a call for each step, not {calls}");

    for killed_after in 0..calls {
        let desk = desk().await;
        let door = Played::new(&desk.cloud);
        desk.cloud.crash_after(Some(killed_after));
        desk.call(&door, &desk.first_call(), INVOCATION).await.expect_err("killed");
        desk.cloud.crash_after(None);
        follow(&desk, &door, 900).await;
        assert_eq!(essence(&desk.record().await.expect("a record")), whole, "killed after {killed_after} calls");
        assert_eq!(desk.cloud.announced().last(), Some(&recorded(&desk)));
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_changes_nothing() {
    for operation in ["s3:PutObject", "events:PutEvents"] {
        let desk = desk().await;
        let door = Played::new(&desk.cloud);
        desk.cloud.fail(operation, 1, Fault::AnswerLost);
        // The ledger reads back; a lost announcement is an error, and announced again.
        if desk.call(&door, &desk.first_call(), INVOCATION).await.is_err() {
            desk.call(&door, &desk.first_call(), INVOCATION).await.expect("no fault");
        }
        assert!(door.begun().values().all(|times| *times == 1), "{operation}: {:?}", door.begun());
        assert_eq!(desk.cloud.announced().last(), Some(&recorded(&desk)));
    }
}

#[tokio::test]
async fn a_store_that_refuses_is_an_error_and_nothing_is_announced() {
    let desk = desk().await;
    desk.cloud.fail("s3:PutObject", 99, Fault::Refused(PortErrorKind::AccessDenied));
    let error = desk.call(&Played::new(&desk.cloud), &desk.first_call(), INVOCATION).await.expect_err("refused");
    assert_eq!(error.class(), Class::Permanent);
    assert!(desk.cloud.announced().is_empty());
}
