//! Killed after every single external call, of ledger, secrets, bus and room: nothing of the invocation runs any more, no error path either,
//! and its lock stands until the server notices. The record ends as it would have, and no check that stands in it is made again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use holdfast_domain::{Outcome, RunId, Verdict};
use holdfast_ledger::{OutcomeWord, PlanStore, Verification, run_key, verification_key};
use holdfast_ports::{Bus, Clock, Entropy, Fetched, Objects, Password, PortError, Precondition, ReadSecrets};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::{Message, Trigger};
use jiff::{SignedDuration, Timestamp};
use verify::catalog::{Catalog, Contents, Database, Index, Listing, Table, Tool};
use verify::room::{Examined, Judgement, Language, Opened, Room, RoomAddress, RoomDoor, RoomError};
use verify::work::{self, Question, Unit};
use verify::{Done, Error, Idle, Ports, RECORD_EVERY};

use crate::support::{CONNECTIONS, Desk, told, verdict};

const CHECKS: &str = "{ integrity: full, fresh: { sql: \"select now()\", age_max: 15m }, sql: { orders: { sql: \"select 1\", rows_min: 1 } } }";

/// More invocations than any life here takes.
const INVOCATIONS_MAX: usize = 60;

/// How a verification goes when nobody is killed.
struct Story {
    name: &'static str,
    /// What an invocation has, and what a check takes.
    seconds: u64,
    check_seconds: i64,
    /// The check that fails, by the beginning of its name.
    fails: Option<&'static str>,
}

const STORIES: [Story; 4] = [
    Story { name: "at once", seconds: 900, check_seconds: 1, fails: None },
    Story { name: "passed on", seconds: 45, check_seconds: 5, fails: None },
    Story { name: "damaged", seconds: 900, check_seconds: 1, fails: Some("count shop.public.t2") },
    Story { name: "slow", seconds: 900, check_seconds: 40, fails: None },
];

impl Story {
    /// The most checks that a kill can cost: those that were under way, and those that ended since the record was last written.
    fn lost_max(&self) -> u32 {
        let unwritten = RECORD_EVERY.as_secs() / self.check_seconds;
        u32::try_from(CONNECTIONS).expect("few connections") + u32::try_from(unwritten).expect("few checks")
    }
}

/// Whoever is in the room holds its lock; a server notices in its own time that a client is dead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    Free,
    Held,
    OfTheDead,
}

struct State {
    calls: Vec<String>,
    kill_after: Option<usize>,
    killed: bool,
    lock: Lock,
    begun: BTreeMap<String, u32>,
    /// What must not be.
    wrong: Vec<String>,
}

/// Everything that `verify` calls, counted over all of it, with a room whose checks end as the story says.
#[derive(Clone)]
struct World<'a> {
    cloud: &'a MemoryCloud,
    run: &'a RunId,
    story: &'a Story,
    state: Arc<Mutex<State>>,
}

impl<'a> World<'a> {
    fn new(desk: &'a Desk, story: &'a Story, kill_after: Option<usize>) -> Self {
        let state = State {
            calls: Vec::new(),
            kill_after,
            killed: false,
            lock: Lock::Free,
            begun: BTreeMap::new(),
            wrong: Vec::new(),
        };
        Self { cloud: &desk.cloud, run: &desk.run, story, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a lock")
    }

    /// A call: whoever is killed after it never hears of it, and what was under way beside it comes to nothing.
    async fn call<T, F: Future<Output = T>>(&self, words: String, act: impl FnOnce() -> F) -> T {
        self.unless_killed().await;
        let done = act().await;
        self.unless_killed().await;
        {
            let mut state = self.state();
            state.calls.push(words);
            state.killed = state.kill_after.is_some_and(|after| state.calls.len() >= after);
        }
        self.unless_killed().await;
        done
    }

    async fn unless_killed(&self) {
        if self.state().killed {
            pending::<()>().await;
        }
    }

    /// One invocation, to its end or to its death.
    async fn invoke(&self, trigger: &Trigger) -> Option<Result<Done, Error>> {
        let ports =
            Ports { objects: self, secrets: self, bus: self, system: self, door: self, connections: CONNECTIONS };
        let plans = PlanStore::default();
        let mut handled = pin!(verify::handle(&ports, &plans, trigger, Duration::from_secs(self.story.seconds)));
        let ended = poll_fn(|context| match handled.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.state().killed => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let ended = ended.await;
        if ended.is_none() {
            let mut state = self.state();
            (state.killed, state.kill_after) = (false, None);
            if state.lock == Lock::Held {
                state.lock = Lock::OfTheDead;
            }
        }
        ended
    }

    /// The names of the checks that stand in the record.
    fn recorded(&self) -> BTreeSet<String> {
        self.cloud.object(&verification_key(self.run)).map(|bytes| checks_in(&bytes)).unwrap_or_default()
    }

    /// What a call is about, in words that do not depend on the run.
    fn about(&self, key: &str) -> &'static str {
        match key.split('/').next() {
            Some("plans") => "the plan",
            Some("proved") => "what was proved before",
            Some("restore-tests") if key == run_key(self.run) => "the run",
            Some("restore-tests") => "an earlier run",
            Some("verifications") if key == verification_key(self.run) => "the record",
            Some("verifications") => "the baseline",
            Some(_) | None => "something",
        }
    }
}

fn checks_in(record: &[u8]) -> BTreeSet<String> {
    let record: serde_json::Value = serde_json::from_slice(record).expect("JSON");
    let results = record["body"]["results"].as_array().cloned().unwrap_or_default();
    results.iter().filter_map(|result| Some(result["check"].as_str()?.to_owned())).collect()
}

impl Clock for World<'_> {
    fn now(&self) -> Timestamp {
        self.cloud.now()
    }
}

impl Entropy for World<'_> {
    fn nonce(&self) -> String {
        self.cloud.nonce()
    }

    fn password(&self) -> Password {
        self.cloud.password()
    }
}

impl Objects for World<'_> {
    async fn get(&self, key: &str, known: Option<&str>) -> Result<Fetched, PortError> {
        self.call(format!("s3:GetObject {}", self.about(key)), || self.cloud.get(key, known)).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, when: Precondition) -> Result<String, PortError> {
        if key == verification_key(self.run) && !self.recorded().is_subset(&checks_in(&bytes)) {
            self.state().wrong.push("a record that forgets a check".into());
        }
        self.call(format!("s3:PutObject {}", self.about(key)), || self.cloud.put(key, bytes, when)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, PortError> {
        self.call(format!("s3:ListObjectsV2 {prefix}"), || self.cloud.list(prefix)).await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.call(format!("s3:DeleteObject {}", self.about(key)), || self.cloud.delete(key)).await
    }
}

impl ReadSecrets for World<'_> {
    async fn secret(&self, name: &holdfast_domain::SecretName) -> Result<Option<Password>, PortError> {
        self.call("secretsmanager:GetSecretValue".into(), || self.cloud.secret(name)).await
    }
}

impl Bus for World<'_> {
    async fn announce(&self, messages: &[Message]) -> Result<(), PortError> {
        let what: Vec<&str> = messages.iter().map(Message::detail_type).collect();
        self.call(format!("events:PutEvents {}", what.join(", ")), || self.cloud.announce(messages)).await
    }
}

impl<'a> RoomDoor for World<'a> {
    type Room = Self;

    async fn open(&self, _: &RoomAddress, _: &Password) -> Result<Opened<Self>, RoomError> {
        let enter = async || {
            let mut state = self.state();
            match state.lock {
                Lock::Free => {
                    state.lock = Lock::Held;
                    Opened::Room(self.clone())
                }
                Lock::Held => Opened::Busy,
                Lock::OfTheDead => {
                    state.lock = Lock::Free;
                    Opened::Busy
                }
            }
        };
        Ok(self.call("room: enter".into(), enter).await)
    }
}

impl Room for World<'_> {
    async fn units(&self, question: &Question<'_>) -> Result<Vec<Unit>, RoomError> {
        Ok(self.call("room: list what there is".into(), async || work::units(&catalog(), question)).await)
    }

    async fn examine(&self, unit: &Unit, limit: SignedDuration) -> Result<Examined, RoomError> {
        if self.recorded().contains(&unit.check) {
            self.state().wrong.push(format!("{} is made again, and stands in the record", unit.check));
        }
        *self.state().begun.entry(unit.check.clone()).or_default() += 1;
        let examine = async || {
            // Others are under way at the same time.
            tokio::task::yield_now().await;
            let takes = SignedDuration::from_secs(self.story.check_seconds);
            if self.state().killed {
                return Examined::Cut;
            }
            self.cloud.pass(takes.min(limit));
            if takes > limit {
                return Examined::Cut;
            }
            let fails = self.story.fails.is_some_and(|check| unit.check.starts_with(check));
            let outcome = if fails { Outcome::Failed } else { Outcome::Passed };
            Examined::Judged(Judgement { outcome, detail: "as the story says".into(), took: takes, observed: None })
        };
        Ok(self.call(format!("room: a check ({:?})", unit.stage), examine).await)
    }

    async fn leave(self) {
        let leave = async || self.state().lock = Lock::Free;
        self.call("room: leave".into(), leave).await;
    }
}

/// Three tables, each with an index that VACUUM's count can go by.
fn catalog() -> Catalog {
    let ready = || Tool::Ready { function: "f".into() };
    let index = |number: u32| Index {
        oid: 100 + number,
        name: format!("t{number}_pkey"),
        access_method: "btree".into(),
        valid: true,
        unique: true,
        partial: false,
        expressions: false,
        keys_not_null: true,
    };
    let table = |number: u32| Table {
        oid: number,
        schema: "public".into(),
        name: format!("t{number}"),
        access_method: "heap".into(),
        blocks: 1,
        indexes: vec![index(number)],
        toast: None,
        has_heirs: false,
    };
    let listing = Listing {
        verify_heapam: ready(),
        bt_index_check: ready(),
        pgstattuple: ready(),
        tid_ranges: true,
        search_path: vec!["public".into()],
        tables: (1..=3).map(table).collect(),
        partitioned: vec![],
        constraints: vec![],
        sequences: vec![],
    };
    Catalog { databases: vec![Database { name: "shop".into(), contents: Contents::Listed(listing) }] }
}

/// A verification from its first call until it is recorded and nothing is on its way.
struct Lived {
    calls: Vec<String>,
    record: Verification,
    invocations: usize,
    /// Checks that were begun a second time.
    again: u32,
}

impl Lived {
    /// What the record says, without when.
    fn essence(&self) -> (u64, u64, Vec<String>, Verdict, Option<RunId>, bool, bool) {
        let Verification { units_total, units_done, baseline, fully_read_at, finished_at, .. } = &self.record;
        let all = told(&self.record, &[OutcomeWord::Passed, OutcomeWord::Failed, OutcomeWord::NotRun]);
        let done = (fully_read_at.is_some(), finished_at.is_some());
        (*units_total, *units_done, all, verdict(&self.record), baseline.clone(), done.0, done.1)
    }
}

async fn desk(proved: Option<&Verification>) -> Desk {
    let address = RoomAddress {
        host: "room".into(),
        port: 5432,
        user: "master".into(),
        database: "shop".into(),
        language: Language::Sql,
    };
    let desk = Desk::new(&address, "secret", CHECKS).await.expect("a desk");
    if let Some(proved) = proved {
        desk.remember(proved, Verdict::Passed).await.expect("a proof");
    }
    desk
}

async fn live(story: &Story, proved: Option<&Verification>, kill_after: Option<usize>) -> Lived {
    let desk = desk(proved).await;
    let world = World::new(&desk, story, kill_after);
    let mut waiting = VecDeque::from([desk.first_call()]);
    let mut invocations = 0;
    loop {
        let announced = desk.cloud.announced();
        let is_recorded = announced.iter().any(|message| matches!(message, Message::VerificationRecorded(_)));
        // Nothing is on its way and nothing is recorded: `restore-test` calls again when its patience is over.
        let next = waiting.pop_front().or_else(|| (!is_recorded).then(|| desk.first_call()));
        let Some(trigger) = next else { break };
        invocations += 1;
        assert!(invocations <= INVOCATIONS_MAX, "{} killed after {kill_after:?} does not end", story.name);
        let retried = match world.invoke(&trigger).await {
            None | Some(Err(_)) => true,
            Some(Ok(done)) => {
                assert!(is_expected(&done), "{} killed after {kill_after:?}: {done}", story.name);
                false
            }
        };
        let new = desk.cloud.announced().split_off(announced.len());
        waiting.extend(new.into_iter().filter(is_for_verify).map(Trigger::Bus));
        // What Lambda could not deliver it delivers again, later (source: Lambda Developer Guide, "Asynchronous invocation").
        waiting.extend(retried.then_some(trigger));
    }
    let record = desk.record().await.expect("a record");
    let state = world.state();
    assert_eq!(state.wrong, Vec::<String>::new(), "{} killed after {kill_after:?}", story.name);
    assert!(state.kill_after.is_none() && state.lock != Lock::Held, "{} killed after {kill_after:?}", story.name);
    let again = state.begun.values().map(|times| times - 1).sum();
    Lived { calls: state.calls.clone(), record, invocations, again }
}

fn is_expected(done: &Done) -> bool {
    match done {
        Done::Nothing(Idle::Busy(_)) | Done::AnnouncedAgain(_) | Done::Continues(_) | Done::Finished { .. } => true,
        Done::Nothing(Idle::NoRun(_) | Idle::NotVerifying(..)) => false,
    }
}

fn is_for_verify(message: &Message) -> bool {
    match message {
        Message::RestoreTestReady(_) | Message::VerificationContinues(_) => true,
        Message::VerificationRecorded(_)
        | Message::RestoreTestClosed(_)
        | Message::Finding(_)
        | Message::IncidentAcknowledged(_) => false,
    }
}

/// What came of the kills after one sort of call in one story.
#[derive(Default)]
struct Cell {
    kills: usize,
    again_max: u32,
    invocations_max: usize,
}

#[tokio::test]
async fn killed_after_any_call_the_record_ends_the_same_and_nothing_in_it_is_made_again() {
    let proved = live(&STORIES[0], None, None).await.record;
    let mut rows: Vec<(String, BTreeMap<&str, Cell>)> = Vec::new();
    for story in &STORIES {
        let undisturbed = live(story, Some(&proved), None).await;
        assert_eq!(undisturbed.again, 0, "{}: nobody was cut or killed", story.name);
        for (killed_after, words) in undisturbed.calls.iter().enumerate() {
            let lived = live(story, Some(&proved), Some(killed_after + 1)).await;
            assert_eq!(lived.calls[killed_after], *words, "the same life until then");
            assert_eq!(lived.essence(), undisturbed.essence(), "{} killed after {words}", story.name);
            assert!(lived.again <= story.lost_max(), "{} killed after {words}: {}", story.name, lived.again);
            let row = rows.iter().position(|(row, _)| row == words).unwrap_or_else(|| {
                rows.push((words.clone(), BTreeMap::new()));
                rows.len() - 1
            });
            let cell = rows[row].1.entry(story.name).or_default();
            cell.kills += 1;
            cell.again_max = cell.again_max.max(lived.again);
            cell.invocations_max = cell.invocations_max.max(lived.invocations - undisturbed.invocations);
        }
    }
    insta::assert_snapshot!(render(&rows));
}

fn render(rows: &[(String, BTreeMap<&str, Cell>)]) -> String {
    let mut text = String::from(
        "killed after each call of this sort: how often; the most checks that were then begun again, none of which stood in the record;\n\
         and the most invocations that it took beyond those of a life undisturbed. Each record ended the same, with the same verdict\n\n",
    );
    let heads: String = STORIES.iter().map(|story| format!("  {:<22}", story.name)).collect();
    writeln!(text, "{:<44}{}", "killed after", heads.trim_end()).expect("a string takes everything");
    for (words, cells) in rows {
        let cell = |story: &Story| {
            let cell = cells.get(story.name);
            let cell = cell.map_or("-".to_owned(), |Cell { kills, again_max, invocations_max }| {
                format!("{kills}, {again_max} again, +{invocations_max}")
            });
            format!("  {cell:<22}")
        };
        let line: String = STORIES.iter().map(cell).collect();
        writeln!(text, "{words:<44}{}", line.trim_end()).expect("a string takes everything");
    }
    let kills: usize = rows.iter().flat_map(|(_, cells)| cells.values()).map(|cell| cell.kills).sum();
    writeln!(text, "\n{kills} kills").expect("a string takes everything");
    text
}
