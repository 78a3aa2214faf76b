//! What the functions' hands and the scheduler share: the in-memory cloud, the weather, the calls under way, and the witness of it all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use holdfast_domain::inventory::{DatabaseKind, DbCluster, DbInstance, DbSnapshot};
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region};
use holdfast_testkit::MemoryCloud;
use holdfast_wire::Message;
use jiff::{SignedDuration, Timestamp};

use crate::chance::mix;
use crate::functions::Function;
use crate::hands::Hands;
use crate::weather::Weather;
use crate::witness::Witness;
use crate::witness::rate::Services;

/// The world of one life.
pub(crate) struct World {
    pub(crate) cloud: MemoryCloud,
    pub(crate) seed: u64,
    state: Mutex<State>,
}

/// What an invocation set going that the scheduler has to see to.
#[derive(Debug)]
pub(crate) enum Effect {
    Announced(Vec<Message>),
    SnapshotBegun { region: Region, id: DbSnapshotId, kind: DatabaseKind, database: String },
    RestoreBegun { region: Region, room: DbInstanceId, resource: String },
    DeletionBegun { region: Region, room: DbInstanceId, resource: String },
    Reset { region: Region, room: DbInstanceId },
    OfCluster(ClusterRoom),
}

/// What was set going of a room that is a cluster; cluster and member bear the room's name.
#[derive(Debug)]
pub(crate) enum ClusterRoom {
    Begun { region: Region, room: DbInstanceId, resource: String },
    MemberBegun { region: Region, room: DbInstanceId },
    MemberGoing { region: Region, room: DbInstanceId },
    Going { region: Region, room: DbInstanceId },
}

/// An invocation's calls.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// Made so far.
    pub(crate) made: u32,
    /// Those of them that came to a service.
    pub(crate) by_service: Services,
    /// Those that change something or tell somebody, each in words.
    pub(crate) writes: Vec<String>,
    /// How many of them were carried out.
    pub(crate) done: u64,
    /// How often it changed something that a sweep of its function could see.
    pub(crate) changes: u64,
    /// It is killed before this call.
    pub(crate) killed_before: Option<u32>,
    /// This call never comes back.
    pub(crate) hangs_at: Option<u32>,
    /// What it waits for.
    pub(crate) timers: Vec<(Timestamp, Waker)>,
}

/// A room, as it was made.
#[derive(Debug, Clone)]
pub(crate) struct RoomFacts {
    pub(crate) region: Region,
    pub(crate) kind: DatabaseKind,
    pub(crate) resource: String,
    pub(crate) made_at: Timestamp,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) damaged: bool,
    pub(crate) asked_to_go_at: Option<Timestamp>,
    /// Which invocation is in it.
    pub(crate) inside: Option<u64>,
}

/// A listing as it was shown a while ago.
pub(crate) type Shown<T> = BTreeMap<(Region, &'static str), (Timestamp, Vec<T>)>;

pub(crate) struct State {
    /// How often anything changed that a sweep could see.
    pub(crate) version: u64,
    versions: BTreeMap<Function, (u64, &'static str)>,
    pub(crate) weather: Weather,
    pub(crate) running: BTreeMap<u64, Calls>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) witness: Witness,
    pub(crate) rooms: BTreeMap<DbInstanceId, RoomFacts>,
    /// The plan's resource of a database, by identifier.
    pub(crate) resource_of: BTreeMap<String, String>,
    pub(crate) damaged_points: BTreeSet<DbSnapshotId>,
    pub(crate) shown_instances: Shown<DbInstance>,
    pub(crate) shown_clusters: Shown<DbCluster>,
    pub(crate) shown_snapshots: Shown<DbSnapshot>,
    /// Where the logs of a database stand still: its latest restorable time.
    pub(crate) logs_stuck: BTreeMap<String, Timestamp>,
    counter: u64,
}

impl World {
    pub(crate) fn at(now: Timestamp, seed: u64) -> Self {
        let state = State {
            version: 1,
            versions: BTreeMap::new(),
            weather: Weather::default(),
            running: BTreeMap::new(),
            effects: Vec::new(),
            witness: Witness::default(),
            rooms: BTreeMap::new(),
            resource_of: BTreeMap::new(),
            damaged_points: BTreeSet::new(),
            shown_instances: Shown::new(),
            shown_clusters: Shown::new(),
            shown_snapshots: Shown::new(),
            logs_stuck: BTreeMap::new(),
            counter: 0,
        };
        Self { cloud: MemoryCloud::at(now), seed, state: Mutex::new(state) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.cloud.time()
    }

    /// How long a call takes: what it is about decides, so that a line taken out of the script changes no other call's time.
    pub(crate) fn latency(&self, service: &str, subject: &str, now: Timestamp) -> SignedDuration {
        let base = match service {
            "s3" => 25,
            "rds" => 90,
            "webhook" => 250,
            "sql" => 3_000,
            _ => 30,
        };
        let luck = mix(self.seed ^ now.as_millisecond().unsigned_abs(), subject.as_bytes());
        SignedDuration::from_millis(base + i64::try_from(luck % 1_000).unwrap_or(0) * base / 1_000)
    }
}

impl State {
    /// A text that no other call ever gave.
    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Something changed that sweeps of some functions may see, and what it was, for the counts.
    pub(crate) fn changed_for(&mut self, seen_by: &[Function], what: &'static str) {
        self.version += 1;
        for function in seen_by {
            let (version, last) = self.versions.entry(*function).or_default();
            (*version, *last) = (*version + 1, what);
        }
    }

    /// An invocation changed something that sweeps of some functions may see.
    pub(crate) fn changed_by(&mut self, hands: &Hands, seen_by: &[Function], what: &'static str) {
        self.changed_for(seen_by, what);
        if let Some(calls) = self.running.get_mut(&hands.invocation).filter(|_| seen_by.contains(&hands.function)) {
            calls.changes += 1;
        }
    }

    /// How often anything changed that a sweep of a function could see.
    pub(crate) fn version_for(&self, function: Function) -> u64 {
        self.versions.get(&function).map_or(0, |(version, _)| *version)
    }

    /// What changed last that a sweep of a function could see.
    pub(crate) fn last_change_for(&self, function: Function) -> &'static str {
        self.versions.get(&function).map_or("it was never swept", |(_, what)| *what)
    }
}
