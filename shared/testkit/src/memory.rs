//! The state of the in-memory cloud, and the hands that tests have on it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use holdfast_domain::inventory::{
    AutomatedBackups, Database, DatabaseKind, DbCluster, DbInstance, DbSnapshot, DbSnapshotStatus, DbStatus, Endpoint,
    MadeBy, ReplicatedBackup,
};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbClusterId, DbInstanceId, DbSnapshotId, Region, SecretName};
use holdfast_ports::{Object, ParameterGroupId, Password, PortError, PortErrorKind};
use holdfast_wire::Message;
use jiff::{SignedDuration, Timestamp};

use crate::faults::{Call, Fault, Faults, error};
use crate::parameters::MadeGroup;
use crate::people::People;
use crate::rate::Rate;

/// How far the latest restorable time lags behind: RDS uploads transaction logs every five minutes (source: RDS User Guide, "Restoring a
/// DB instance to a specified time").
const LOGS_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// How long RDS's work takes.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// A snapshot.
    pub snapshot: SignedDuration,
    /// A restore.
    pub restore: SignedDuration,
    /// A cluster's member.
    pub member: SignedDuration,
    /// A modification.
    pub modify: SignedDuration,
    /// A deletion.
    pub delete: SignedDuration,
}

impl Default for Timings {
    /// Minutes, as small databases take them on AWS.
    fn default() -> Self {
        Self {
            snapshot: SignedDuration::from_mins(4),
            restore: SignedDuration::from_mins(9),
            member: SignedDuration::from_mins(5),
            modify: SignedDuration::from_mins(1),
            delete: SignedDuration::from_mins(3),
        }
    }
}

/// An in-memory cloud: one account, any regions, one ledger bucket, one bus.
#[derive(Debug)]
pub struct MemoryCloud {
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: Timestamp,
    /// When the next thing becomes what it becomes. Reckoned by [`State::settle`], which whoever begins something calls.
    due_at: Option<Timestamp>,
    pub(crate) timings: Timings,
    pub(crate) counter: u64,
    pub(crate) objects: BTreeMap<String, Object>,
    pub(crate) instances: BTreeMap<(Region, DbInstanceId), Instance>,
    pub(crate) snapshots: BTreeMap<(Region, DbSnapshotId), Snapshot>,
    pub(crate) clusters: BTreeMap<(Region, DbClusterId), Cluster>,
    /// RDS keeps their names apart from those of DB snapshots.
    pub(crate) cluster_snapshots: BTreeMap<(Region, DbSnapshotId), Snapshot>,
    /// RDS keeps those of instances and of clusters apart.
    pub(crate) parameter_groups: BTreeMap<ParameterGroupId, MadeGroup>,
    pub(crate) replicated: Vec<ReplicatedBackup>,
    /// How many manual snapshots a region may have of each kind.
    pub(crate) snapshots_max: Option<usize>,
    pub(crate) rate: Option<Rate>,
    pub(crate) secrets: BTreeMap<SecretName, (Password, Tags)>,
    pub(crate) announced: Vec<Message>,
    pub(crate) people: People,
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: Faults,
}

#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) seen: DbInstance,
    /// What becomes of it, and when: a status, or nothing at all.
    pub(crate) becomes: Option<(Timestamp, Option<DbStatus>)>,
    pub(crate) password: Option<Password>,
    pub(crate) password_at: Option<Timestamp>,
    /// Whether its logs are archived as they are written.
    pub(crate) continuous: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) seen: DbCluster,
    /// As of an instance.
    pub(crate) becomes: Option<(Timestamp, Option<DbStatus>)>,
    pub(crate) password: Option<Password>,
    pub(crate) password_at: Option<Timestamp>,
    pub(crate) continuous: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) seen: DbSnapshot,
    pub(crate) becomes: Option<(Timestamp, DbSnapshotStatus)>,
}

impl MemoryCloud {
    /// An empty cloud at an instant.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            state: Mutex::new(State {
                now,
                due_at: None,
                timings: Timings::default(),
                counter: 0,
                objects: BTreeMap::new(),
                instances: BTreeMap::new(),
                snapshots: BTreeMap::new(),
                clusters: BTreeMap::new(),
                cluster_snapshots: BTreeMap::new(),
                parameter_groups: BTreeMap::new(),
                replicated: Vec::new(),
                snapshots_max: None,
                rate: None,
                secrets: BTreeMap::new(),
                announced: Vec::new(),
                people: People::default(),
                calls: Vec::new(),
                faults: Faults::default(),
            }),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the call down, and lets its fault, if one waits, come down on it.
    pub(crate) fn call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        act: impl FnOnce(&mut State) -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let mut state = self.state();
        state.request(operation, subject);
        match state.faults.meet(operation) {
            Some(Fault::Refused(kind)) => Err(error(kind, operation, subject)),
            Some(Fault::AnswerLost) => {
                act(&mut state)?;
                Err(error(PortErrorKind::Unavailable, operation, subject))
            }
            None => act(&mut state),
        }
    }

    /// Lets time pass.
    pub fn pass(&self, time: SignedDuration) {
        let mut state = self.state();
        state.now += time;
        if state.due_at.is_some_and(|at| at <= state.now) {
            state.settle();
        } else {
            state.follow_the_clock();
        }
    }

    /// Now, by the virtual clock.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.state().now
    }

    /// Changes how long RDS's work takes from here on.
    pub fn set_timings(&self, timings: Timings) {
        self.state().timings = timings;
    }

    /// The next `times` calls of an operation meet a fault.
    pub fn fail(&self, operation: &'static str, times: usize, fault: Fault) {
        self.state().faults.add(operation, times, fault);
    }

    /// After this many further calls every call fails, as if the function had been killed there; `None` heals it.
    pub fn crash_after(&self, calls: Option<usize>) {
        self.state().faults.crash_after(calls);
    }

    /// No fault waits any more.
    pub fn heal(&self) {
        self.state().faults = Faults::default();
    }

    /// Every call so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Every message announced so far, in order.
    #[must_use]
    pub fn announced(&self) -> Vec<Message> {
        self.state().announced.clone()
    }

    /// Puts an object, whatever is there.
    pub fn put_object(&self, key: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let etag = state.next("etag");
        state.objects.insert(key.into(), Object { bytes, etag });
    }

    /// An object's content.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(key).map(|object| object.bytes.clone())
    }

    /// Every key, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// Every key with a prefix, in order.
    #[must_use]
    pub fn keys_with(&self, prefix: &str) -> Vec<String> {
        self.state().keys_with(prefix)
    }

    /// How many keys have a prefix.
    #[must_use]
    pub fn count_with(&self, prefix: &str) -> usize {
        self.state().under(prefix).count()
    }

    /// Shows an object as it lies there.
    pub fn look_at<T>(&self, key: &str, look: impl FnOnce(&Object) -> T) -> Option<T> {
        self.state().objects.get(key).map(look)
    }

    /// The last key with a prefix.
    #[must_use]
    pub fn last_key_with(&self, prefix: &str) -> Option<String> {
        self.state().under(prefix).next_back().map(|(key, _)| key.clone())
    }

    /// Forgets the calls so far, which a long life would drown in.
    pub fn forget_calls(&self) {
        self.state().calls.clear();
    }

    /// Whether an instance stands.
    #[must_use]
    pub fn has_instance(&self, region: &Region, id: &DbInstanceId) -> bool {
        self.state().instances.contains_key(&(region.clone(), id.clone()))
    }

    /// Whether a cluster stands.
    #[must_use]
    pub fn has_cluster(&self, region: &Region, id: &DbClusterId) -> bool {
        self.state().clusters.contains_key(&(region.clone(), id.clone()))
    }

    /// Puts a secret, whatever is there.
    pub fn put_secret(&self, name: &SecretName, value: &str) {
        self.state().secrets.insert(name.clone(), (Password::new(value.into()), Tags::new()));
    }

    /// Every secret's name, in order.
    #[must_use]
    pub fn secret_names(&self) -> Vec<SecretName> {
        self.state().secrets.keys().cloned().collect()
    }

    /// A database that serves, with tags and a parameter group of its owner's.
    pub fn add_instance(&self, region: &Region, id: &DbInstanceId) {
        self.add_shops_parameter_group(region, DatabaseKind::Instance, "postgres15");
        let seen = DbInstance {
            region: region.clone(),
            id: id.clone(),
            arn: format!("arn:aws:rds:{region}:000000000000:db:{id}"),
            status: DbStatus::Available,
            endpoint: Some(Endpoint { host: format!("{id}.test"), port: 5432 }),
            engine: "postgres".into(),
            engine_version: "15.8".into(),
            master_user: "app".into(),
            database: Some("app".into()),
            password_pending: false,
            modification_pending: false,
            deletion_protection: true,
            parameter_group: Some("shop".into()),
            option_group: Some("default:postgres-15".into()),
            latest_restorable_at: None,
            backups: AutomatedBackups::default(),
            cluster: None,
            encrypted: true,
            kms_key: None,
            tags: Tags::from([("owner".into(), "shop".into())]),
        };
        let instance = Instance { seen, becomes: None, password: None, password_at: None, continuous: false };
        self.state().instances.insert((region.clone(), id.clone()), instance);
    }

    /// Puts an instance into a status, for good.
    pub fn set_instance_status(&self, region: &Region, id: &DbInstanceId, status: DbStatus) {
        if let Some(instance) = self.state().instances.get_mut(&(region.clone(), id.clone())) {
            instance.seen.status = status;
            instance.becomes = None;
        }
    }

    /// Backs an instance up continuously from now on: its latest restorable time follows the clock, a few minutes behind.
    pub fn back_up_continuously(&self, region: &Region, id: &DbInstanceId) {
        let mut state = self.state();
        if let Some(instance) = state.instances.get_mut(&(region.clone(), id.clone())) {
            instance.continuous = true;
        }
        state.settle();
    }

    /// Every instance's identifier, in order of region and identifier.
    #[must_use]
    pub fn instance_ids(&self) -> Vec<DbInstanceId> {
        self.state().instances.keys().map(|(_, id)| id.clone()).collect()
    }

    /// The master password that an instance was last given.
    #[must_use]
    pub fn instance_password(&self, region: &Region, id: &DbInstanceId) -> Option<Password> {
        self.state().instances.get(&(region.clone(), id.clone()))?.password.clone()
    }

    /// A secret's value.
    #[must_use]
    pub fn secret_value(&self, name: &SecretName) -> Option<Password> {
        self.state().secrets.get(name).map(|(value, _)| value.clone())
    }

    /// Removes an instance at once, as somebody might by hand.
    pub fn remove_instance(&self, region: &Region, id: &DbInstanceId) {
        self.state().instances.remove(&(region.clone(), id.clone()));
    }

    /// A finished snapshot, taken now, with tags.
    pub fn add_snapshot(&self, region: &Region, id: &DbSnapshotId, instance: &DbInstanceId, tags: Tags) {
        let mut state = self.state();
        let seen = new_snapshot(region, id, &Database::Instance(instance.clone()), tags);
        let seen = DbSnapshot { taken_at: Some(state.now), ..seen };
        let seen = DbSnapshot { status: DbSnapshotStatus::Available, size_bytes: Some(1 << 30), ..seen };
        state.snapshots.insert((region.clone(), id.clone()), Snapshot { seen, becomes: None });
    }

    /// Says who made a snapshot.
    pub fn set_snapshot_maker(&self, region: &Region, id: &DbSnapshotId, made_by: MadeBy) {
        self.edit_snapshot(region, id, |snapshot| snapshot.made_by = made_by);
    }

    /// Puts a snapshot into a status, for good.
    pub fn set_snapshot_status(&self, region: &Region, id: &DbSnapshotId, status: DbSnapshotStatus) {
        if let Some(snapshot) = self.state().snapshots.get_mut(&(region.clone(), id.clone())) {
            snapshot.seen.status = status;
            snapshot.becomes = None;
        }
    }

    /// Shows every snapshot, in the order of [`MemoryCloud::snapshots`].
    pub fn each_snapshot(&self, look: impl FnMut(&DbSnapshot)) {
        let state = self.state();
        state.snapshots.values().chain(state.cluster_snapshots.values()).map(|snapshot| &snapshot.seen).for_each(look);
    }

    /// Every DB snapshot, then every DB cluster snapshot, each in order of region and identifier.
    #[must_use]
    pub fn snapshots(&self) -> Vec<DbSnapshot> {
        let state = self.state();
        let all = state.snapshots.values().chain(state.cluster_snapshots.values());
        all.map(|snapshot| snapshot.seen.clone()).collect()
    }
}

pub(crate) fn new_snapshot(region: &Region, id: &DbSnapshotId, database: &Database, tags: Tags) -> DbSnapshot {
    let (sort, engine) = match database {
        Database::Instance(_) => ("snapshot", "postgres"),
        Database::Cluster(_) => ("cluster-snapshot", "aurora-postgresql"),
    };
    DbSnapshot {
        region: region.clone(),
        id: id.clone(),
        arn: format!("arn:aws:rds:{region}:000000000000:{sort}:{id}"),
        kind: database.kind(),
        database: database.id().to_owned(),
        status: DbSnapshotStatus::Creating,
        made_by: MadeBy::Call,
        taken_at: None,
        engine: engine.into(),
        engine_version: "15.8".into(),
        encrypted: true,
        kms_key: None,
        option_group: Some("default:postgres-15".into()),
        size_bytes: None,
        tags,
    }
}

impl State {
    /// A text that no other call ever gave.
    pub(crate) fn next(&mut self, what: &str) -> String {
        self.counter += 1;
        format!("{what}-{:016x}", self.counter)
    }

    /// Every object whose key has a prefix, in order of key.
    fn under(&self, prefix: &str) -> impl DoubleEndedIterator<Item = (&String, &Object)> {
        // What has the prefix sorts before the prefix with a last character beyond all others.
        let end = format!("{prefix}{}", char::MAX);
        let bounds = (Bound::Included(prefix), Bound::Excluded(end.as_str()));
        self.objects.range::<str, _>(bounds)
    }

    /// Every key with a prefix, in order.
    pub(crate) fn keys_with(&self, prefix: &str) -> Vec<String> {
        self.under(prefix).map(|(key, _)| key.clone()).collect()
    }

    /// Latest restorable times move with the clock.
    fn follow_the_clock(&mut self) {
        let latest = Some(self.now - LOGS_EVERY);
        for instance in self.instances.values_mut().filter(|instance| instance.continuous) {
            instance.seen.latest_restorable_at = latest;
        }
        for cluster in self.clusters.values_mut().filter(|cluster| cluster.continuous) {
            cluster.seen.latest_restorable_at = latest;
        }
    }

    /// Carries out what was due until now.
    pub(crate) fn settle(&mut self) {
        let now = self.now;
        self.follow_the_clock();
        self.instances.retain(|_, instance| {
            if instance.password_at.is_some_and(|at| at <= now) {
                instance.password_at = None;
                instance.seen.password_pending = false;
            }
            if let Some((_, becomes)) = instance.becomes.take_if(|(at, _)| *at <= now) {
                let Some(status) = becomes else { return false };
                instance.seen.status = status;
                let host = format!("{}.test", instance.seen.id);
                let port = if instance.seen.engine == "docdb" { 27017 } else { 5432 };
                instance.seen.endpoint.get_or_insert(Endpoint { host, port });
            }
            true
        });
        self.settle_clusters();
        for snapshot in self.snapshots.values_mut().chain(self.cluster_snapshots.values_mut()) {
            if let Some((_, status)) = snapshot.becomes.take_if(|(at, _)| *at <= now) {
                snapshot.seen.status = status;
                // RDS tells the size of DB snapshots alone.
                snapshot.seen.size_bytes = (snapshot.seen.kind == DatabaseKind::Instance).then_some(1 << 30);
            }
        }
        self.due_at = self.next_due();
    }

    fn next_due(&self) -> Option<Timestamp> {
        let instances = self.instances.values().flat_map(|i| [i.password_at, i.becomes.as_ref().map(|(at, _)| *at)]);
        let clusters = self.clusters.values().flat_map(|c| [c.password_at, c.becomes.as_ref().map(|(at, _)| *at)]);
        let snapshots = self.snapshots.values().chain(self.cluster_snapshots.values());
        let snapshots = snapshots.map(|snapshot| snapshot.becomes.as_ref().map(|(at, _)| *at));
        instances.chain(clusters).chain(snapshots).flatten().min()
    }
}
