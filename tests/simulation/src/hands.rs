//! A function's hands: the ports, over the in-memory cloud, with a turn for everybody else before each call and the weather in it.
//!
//! One turn before each call is enough for every interleaving and every crash there can be: between two calls a function does nothing that
//! anybody else could see.

mod cluster_rooms;
mod parameters;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use holdfast_domain::inventory::{DatabaseKind, DbCluster, DbInstance, DbSnapshot, ReplicatedBackup};
use holdfast_domain::tags::{self, Tags};
use holdfast_domain::{DbInstanceId, Region, SecretName};
use holdfast_ports::{
    Answer, Bus, Clock, CreateDbSnapshot, DbClusters, DbInstances, DbSnapshots, Email, Entropy, FallbackTopic, Fetched,
    Mail, Metrics, Objects, Password, PortError, PortErrorKind, Post, Precondition, ReadSecrets, ReplicatedBackups,
    RestoreDbInstance, RoomReset, RoomRestore, RoomSecrets, RoomSource, SnapshotTagger, SnapshotTaker, Webhooks,
};
use holdfast_wire::Message;
use jiff::{SignedDuration, Timestamp};

use crate::functions::Function;
use crate::misfortune::{Broken, Misfortune, Refusal};
use crate::weather::Fate;
use crate::witness::ends::LAST_RESORT;
use crate::witness::people;
use crate::world::{ClusterRoom, Effect, RoomFacts, World};

/// The hands of one invocation.
#[derive(Clone)]
pub(crate) struct Hands {
    pub(crate) world: Arc<World>,
    pub(crate) function: Function,
    pub(crate) invocation: u64,
}

/// Whose sweeps look at databases of the plan and at recovery points.
pub(crate) const RDS: &[Function] = &[Function::Snapshot, Function::RestoreTest];

/// Whose sweeps look at rooms, and at what belongs to them. `snapshot` looks at databases of the plan alone, and no room is one.
pub(crate) const ROOMS: &[Function] = &[Function::RestoreTest];

/// Whose sweeps look at a recovery point that is only being made: nothing is restored from it yet.
const BEGUN: &[Function] = &[Function::Snapshot];

/// Whose sweeps read an object, and what that is. A heartbeat reads runs too, when its time has come, and then is not left out. What was
/// proved `verify` alone reads, and of verifications `snapshot` those of a cluster whose recovery point has just been completed.
fn readers(key: &str) -> (&'static [Function], &'static str) {
    match key.split('/').next() {
        Some("incidents") => (&[Function::Alert], "an incident's record was written"),
        Some("recovery-points") => (&[Function::Snapshot], "a recovery point's record was written"),
        Some("restore-tests" | "evidence") => (&[Function::RestoreTest], "a run's record was written"),
        Some("verifications") => (&[Function::RestoreTest], "a verification was written"),
        Some("proved" | "acknowledgements") => (&[], "what no sweep reads was written"),
        Some(_) | None => (&Function::ALL, "an object was written"),
    }
}

type Answered<T> = Result<T, PortError>;

/// How far replicas of continuous backups are behind.
pub(crate) const REPLICATED_AFTER: SignedDuration = SignedDuration::from_mins(9);

/// Ready when virtual time has come so far.
struct Due<'a> {
    hands: &'a Hands,
    at: Timestamp,
    asked: bool,
}

impl Future for Due<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let world = &self.hands.world;
        if world.now() >= self.at {
            return Poll::Ready(());
        }
        if !self.asked
            && let Some(calls) = world.state().running.get_mut(&self.hands.invocation)
        {
            calls.timers.push((self.at, context.waker().clone()));
        }
        self.asked = true;
        Poll::Pending
    }
}

/// What a call is, and about what.
struct Call<'a> {
    operation: &'static str,
    subject: &'a str,
    region: Option<&'a Region>,
    /// Whether it changes something, or tells somebody.
    writes: bool,
}

impl<'a> Call<'a> {
    fn reads(operation: &'static str, subject: &'a str, region: Option<&'a Region>) -> Self {
        Self { operation, subject, region, writes: false }
    }

    fn writes(operation: &'static str, subject: &'a str, region: Option<&'a Region>) -> Self {
        Self { operation, subject, region, writes: true }
    }

    fn service(&self) -> &'static str {
        self.operation.split(':').next().unwrap_or(self.operation)
    }

    fn refused(&self, kind: PortErrorKind) -> PortError {
        PortError::new(kind, self.operation, self.subject, format!("simulated: {kind:?}"))
    }
}

impl Hands {
    /// Lets so much time pass for this invocation.
    pub(crate) async fn wait(&self, time: SignedDuration) {
        let at = self.world.now() + time;
        Due { hands: self, at, asked: false }.await;
    }

    /// A call: everybody else's turn, then whatever the weather makes of it.
    async fn call<T, F: Future<Output = Answered<T>>>(&self, call: Call<'_>, act: impl FnOnce() -> F) -> Answered<T> {
        let now = self.world.now();
        let (hangs, slowness) = {
            let mut state = self.world.state();
            let slowness = state.weather.slowness(now, self.function);
            let calls = state.running.get_mut(&self.invocation);
            let hangs = calls.is_some_and(|calls| {
                calls.made += 1;
                if call.writes {
                    calls.writes.push(format!("{} of {}", call.operation, call.subject));
                }
                calls.hangs_at.is_some_and(|at| calls.made >= at)
            });
            (hangs, slowness)
        };
        let latency = self.world.latency(call.service(), call.subject, now);
        self.wait(latency * i32::try_from(slowness).unwrap_or(1)).await;
        let fate = {
            let mut state = self.world.state();
            let (now, region) = (self.world.now(), call.region.map(Region::as_str));
            state.witness.called();
            if let Some(calls) = state.running.get_mut(&self.invocation) {
                calls.by_service.count(call.service());
            }
            if hangs {
                Fate::Hangs
            } else {
                let (spent, throttled) = (state.weather.spent, state.weather.throttled);
                let fate = state.weather.on_call(now, self.function, call.service(), region);
                if state.weather.throttled != throttled {
                    state.changed_for(RDS, "RDS throttles another call");
                } else if state.weather.spent != spent {
                    state.changed_for(self.function.alone(), "a call's failure is over");
                }
                fate
            }
        };
        if self.function == Function::Alert && fate != Fate::Well {
            let now = self.world.now();
            self.world.state().witness.trouble(now);
        }
        match fate {
            Fate::Hangs => std::future::pending().await,
            Fate::Refused(Refusal::Throttled) => Err(call.refused(PortErrorKind::Throttled)),
            Fate::Refused(Refusal::Unavailable) => Err(call.refused(PortErrorKind::Unavailable)),
            Fate::Refused(Refusal::AccessDenied) => Err(call.refused(PortErrorKind::AccessDenied)),
            Fate::Refused(Refusal::AnswerLost) => {
                act().await?;
                self.carried_out(&call);
                Err(call.refused(PortErrorKind::Unavailable))
            }
            Fate::Well => {
                let answer = act().await;
                // A channel may have taken what it did not answer.
                if answer.is_ok() || call.service() == "webhook" {
                    self.carried_out(&call);
                }
                answer
            }
        }
    }

    fn carried_out(&self, call: &Call<'_>) {
        if call.writes
            && let Some(calls) = self.world.state().running.get_mut(&self.invocation)
        {
            calls.done += 1;
        }
    }

    fn skewed(&self) -> Timestamp {
        let now = self.world.now();
        now + self.world.state().weather.skew(now, self.function)
    }

    /// A listing of RDS's, or one that it showed a while ago.
    fn shown<T: Clone>(
        &self,
        region: &Region,
        which: &'static str,
        fresh: Vec<T>,
        store: impl Fn(&mut crate::world::State) -> &mut crate::world::Shown<T>,
    ) -> Vec<T> {
        let now = self.world.now();
        let mut state = self.world.state();
        let Some(age) = state.weather.staleness(now, region.as_str()) else { return fresh };
        let shown = store(&mut state);
        match shown.get(&(region.clone(), which)) {
            Some((at, old)) if now.duration_since(*at) < age => old.clone(),
            Some(_) | None => {
                shown.insert((region.clone(), which), (now, fresh.clone()));
                fresh
            }
        }
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        self.skewed()
    }
}

impl Entropy for Hands {
    fn nonce(&self) -> String {
        format!("{:016x}", self.world.state().next())
    }

    fn password(&self) -> Password {
        Password::new(format!("{:040}", self.world.state().next()))
    }
}

impl Metrics for Hands {
    fn count(&self, _: &'static str) {}
}

impl Objects for Hands {
    async fn get(&self, key: &str, known: Option<&str>) -> Answered<Fetched> {
        self.call(Call::reads("s3:GetObject", key, None), || self.world.cloud.get(key, known)).await
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, when: Precondition) -> Answered<String> {
        let absent = when == Precondition::Absent;
        let act = || async move {
            let phase = key.starts_with("restore-tests/runs/").then(|| phase_of(&bytes)).flatten();
            let etag = self.world.cloud.put(key, bytes, when).await?;
            let now = self.world.now();
            let mut state = self.world.state();
            let (readers, what) = readers(key);
            state.changed_by(self, readers, what);
            state.witness.wrote(now, self.function, key, absent);
            if let Some(phase) = phase {
                state.witness.run_is(now, key, &phase);
            }
            Ok(etag)
        };
        self.call(Call::writes("s3:PutObject", key, None), act).await
    }

    async fn list(&self, prefix: &str) -> Answered<Vec<String>> {
        self.call(Call::reads("s3:ListObjectsV2", prefix, None), || self.world.cloud.list(prefix)).await
    }

    async fn delete(&self, key: &str) -> Answered<()> {
        let act = || async move {
            self.world.cloud.delete(key).await?;
            let mut state = self.world.state();
            let (readers, what) = readers(key);
            state.changed_by(self, readers, what);
            state.witness.removed(self.world.now(), self.function, key);
            Ok(())
        };
        self.call(Call::writes("s3:DeleteObject", key, None), act).await
    }
}

/// How far the run of a record has come.
fn phase_of(record: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Record {
        body: Body,
    }
    #[derive(serde::Deserialize)]
    struct Body {
        phase: String,
    }
    serde_json::from_slice(record).ok().map(|record: Record| record.body.phase)
}

impl DbInstances for Hands {
    async fn db_instances(&self, region: &Region) -> Answered<Vec<DbInstance>> {
        let act = || self.world.cloud.db_instances(region);
        let mut fresh = self.call(Call::reads("rds:DescribeDBInstances", region.as_str(), Some(region)), act).await?;
        for (id, at) in &self.world.state().logs_stuck {
            let stuck = fresh.iter_mut().filter(|instance| instance.id.as_str() == id);
            stuck.for_each(|instance| instance.latest_restorable_at = instance.latest_restorable_at.map(|_| *at));
        }
        Ok(self.shown(region, "instances", fresh, |state| &mut state.shown_instances))
    }
}

impl DbSnapshots for Hands {
    async fn db_snapshots(&self, region: &Region) -> Answered<Vec<DbSnapshot>> {
        let act = || self.world.cloud.db_snapshots(region);
        let fresh = self.call(Call::reads("rds:DescribeDBSnapshots", region.as_str(), Some(region)), act).await?;
        Ok(self.shown(region, "snapshots", fresh, |state| &mut state.shown_snapshots))
    }
}

impl DbClusters for Hands {
    async fn db_clusters(&self, region: &Region) -> Answered<Vec<DbCluster>> {
        let act = || self.world.cloud.db_clusters(region);
        let mut fresh = self.call(Call::reads("rds:DescribeDBClusters", region.as_str(), Some(region)), act).await?;
        for (id, at) in &self.world.state().logs_stuck {
            let stuck = fresh.iter_mut().filter(|cluster| cluster.id.as_str() == id);
            stuck.for_each(|cluster| cluster.latest_restorable_at = cluster.latest_restorable_at.map(|_| *at));
        }
        Ok(self.shown(region, "clusters", fresh, |state| &mut state.shown_clusters))
    }

    async fn db_cluster_snapshots(&self, region: &Region) -> Answered<Vec<DbSnapshot>> {
        let act = || self.world.cloud.db_cluster_snapshots(region);
        let call = Call::reads("rds:DescribeDBClusterSnapshots", region.as_str(), Some(region));
        let fresh = self.call(call, act).await?;
        Ok(self.shown(region, "cluster snapshots", fresh, |state| &mut state.shown_snapshots))
    }
}

impl ReplicatedBackups for Hands {
    async fn replicated_backups(&self, region: &Region) -> Answered<Vec<ReplicatedBackup>> {
        let call = Call::reads("rds:DescribeDBInstanceAutomatedBackups", region.as_str(), Some(region));
        let mut replicas = self.call(call, || self.world.cloud.replicated_backups(region)).await?;
        let now = self.world.now();
        let state = self.world.state();
        for replica in &mut replicas {
            // Logs follow the source's a few minutes later, and stand still with them.
            let id = replica.source_arn.rsplit(':').next().unwrap_or("");
            let latest = state.logs_stuck.get(id).copied().unwrap_or(now) - REPLICATED_AFTER;
            replica.latest_restorable_at = replica.latest_restorable_at.map(|_| latest);
        }
        drop(state);
        Ok(replicas)
    }
}

fn key_of(what: &Misfortune) -> Option<&str> {
    if let Misfortune::KeyDisabled { resource, .. } = what { Some(resource) } else { None }
}

pub(crate) fn damage_of(what: &Misfortune) -> Option<&str> {
    if let Misfortune::Damaged { resource, .. } = what { Some(resource) } else { None }
}

impl Hands {
    fn begin_snapshot(&self, request: &CreateDbSnapshot) {
        let now = self.world.now();
        let mut state = self.world.state();
        state.changed_by(self, BEGUN, "a recovery point was begun");
        let database = request.database.id().to_owned();
        let resource = state.resource_of.get(&database).cloned().unwrap_or_default();
        if state.weather.of_resource(now, &resource, damage_of) {
            state.damaged_points.insert(request.id.clone());
        }
        state.witness.begun(now, request);
        let (region, id, kind) = (request.region.clone(), request.id.clone(), request.database.kind());
        state.effects.push(Effect::SnapshotBegun { region, id, kind, database });
    }

    fn key_is_disabled(&self, database: &str) -> bool {
        let now = self.world.now();
        let state = self.world.state();
        let resource = state.resource_of.get(database);
        resource.is_some_and(|resource| state.weather.of_resource(now, resource, key_of))
    }

    fn begin_room(&self, request: &RestoreDbInstance) {
        let now = self.world.now();
        let mut state = self.world.state();
        let resource = request.tags.get(tags::RESOURCE).map_or("", String::as_str);
        let damaged = match &request.source {
            RoomSource::Snapshot(id) => state.damaged_points.contains(id),
            RoomSource::PointInTime { .. } => state.weather.of_resource(now, resource, damage_of),
        };
        state.witness.room_made(now, request);
        drop(state);
        let (region, room, tags) = (&request.region, request.id.clone(), &request.tags);
        self.begin(Restored { region, room, tags, kind: DatabaseKind::Instance, damaged });
    }

    /// A room is being restored, of one kind or the other.
    fn begin(&self, restored: Restored<'_>) {
        let now = self.world.now();
        let Restored { region, room, tags, kind, damaged } = restored;
        let resource = tags.get(tags::RESOURCE).cloned().unwrap_or_default();
        let facts = RoomFacts {
            region: region.clone(),
            kind,
            resource: resource.clone(),
            made_at: now,
            deadline: tags.get(tags::DEADLINE).and_then(|at| at.parse().ok()),
            damaged,
            asked_to_go_at: None,
            inside: None,
        };
        let mut state = self.world.state();
        state.changed_by(self, ROOMS, "a room was begun");
        let calm_since = state.weather.calm_since();
        state.witness.room_stands(now, calm_since, &room, &facts);
        state.rooms.insert(room.clone(), facts);
        let region = region.clone();
        state.effects.push(match kind {
            DatabaseKind::Instance => Effect::RestoreBegun { region, room, resource },
            DatabaseKind::Cluster => Effect::OfCluster(ClusterRoom::Begun { region, room, resource }),
        });
    }
}

/// A room that RDS agreed to restore.
struct Restored<'a> {
    region: &'a Region,
    room: DbInstanceId,
    tags: &'a Tags,
    kind: DatabaseKind,
    damaged: bool,
}

fn call_quota(request: &CreateDbSnapshot) -> PortError {
    let words = "SnapshotQuotaExceeded";
    PortError::new(PortErrorKind::QuotaExceeded, "rds:CreateDBSnapshot", request.id.as_str(), words)
}

impl SnapshotTaker for Hands {
    async fn create_db_snapshot(&self, request: &CreateDbSnapshot) -> Answered<()> {
        let call = Call::writes("rds:CreateDBSnapshot", request.id.as_str(), Some(&request.region));
        let act = || async {
            if self.key_is_disabled(request.database.id()) {
                return Err(PortError::new(
                    PortErrorKind::AccessDenied,
                    "rds:CreateDBSnapshot",
                    request.id.as_str(),
                    "KMSKeyNotAccessibleFault: the key is disabled",
                ));
            }
            let now = self.world.now();
            if self.world.state().weather.snapshot_quota(now, request.region.as_str()) {
                return Err(call_quota(request));
            }
            self.world.cloud.create_db_snapshot(request).await?;
            self.begin_snapshot(request);
            Ok(())
        };
        self.call(call, act).await
    }
}

impl SnapshotTagger for Hands {
    async fn tag_db_snapshot(&self, snapshot: &DbSnapshot, tags: &Tags) -> Answered<()> {
        let call = Call::writes("rds:AddTagsToResource", snapshot.id.as_str(), Some(&snapshot.region));
        let act = || async {
            self.world.cloud.tag_db_snapshot(snapshot, tags).await?;
            let mut state = self.world.state();
            state.changed_by(self, RDS, "a recovery point was promoted");
            state.witness.tagged(self.world.now(), snapshot, tags);
            Ok(())
        };
        self.call(call, act).await
    }
}

impl RoomRestore for Hands {
    async fn restore_db_instance(&self, request: &RestoreDbInstance) -> Answered<()> {
        let call = Call::writes("rds:RestoreDBInstance", request.id.as_str(), Some(&request.region));
        let act = || async {
            let refuse =
                |kind, words: &str| Err(PortError::new(kind, "rds:RestoreDBInstance", request.id.as_str(), words));
            let (now, region) = (self.world.now(), request.region.as_str());
            if self.world.state().weather.instance_quota(now, region) {
                return refuse(PortErrorKind::QuotaExceeded, "InstanceQuotaExceeded");
            }
            let resource = request.tags.get(tags::RESOURCE).cloned().unwrap_or_default();
            if self.world.state().weather.of_resource(now, &resource, key_of) {
                return refuse(PortErrorKind::AccessDenied, "KMSKeyNotAccessibleFault: the key is disabled");
            }
            self.world.cloud.restore_db_instance(request).await?;
            self.begin_room(request);
            Ok(())
        };
        self.call(call, act).await
    }

    async fn delete_room(&self, region: &Region, id: &DbInstanceId) -> Answered<()> {
        let act = || async {
            self.world.cloud.delete_room(region, id).await?;
            let now = self.world.now();
            let mut state = self.world.state();
            state.changed_by(self, ROOMS, "a room was asked to go");
            state.witness.room_deleted(now, id);
            if let Some(facts) = state.rooms.get_mut(id).filter(|facts| facts.asked_to_go_at.is_none()) {
                facts.asked_to_go_at = Some(now);
                let resource = facts.resource.clone();
                state.effects.push(Effect::DeletionBegun { region: region.clone(), room: id.clone(), resource });
            }
            Ok(())
        };
        self.call(Call::writes("rds:DeleteDBInstance", id.as_str(), Some(region)), act).await
    }
}

impl RoomReset for Hands {
    async fn reset_master_password(&self, region: &Region, id: &DbInstanceId, password: &Password) -> Answered<()> {
        let act = || async {
            self.world.cloud.reset_master_password(region, id, password).await?;
            let mut state = self.world.state();
            state.changed_by(self, ROOMS, "a room was given a password");
            state.witness.room_reset(self.world.now(), id);
            state.effects.push(Effect::Reset { region: region.clone(), room: id.clone() });
            Ok(())
        };
        self.call(Call::writes("rds:ModifyDBInstance", id.as_str(), Some(region)), act).await
    }
}

impl ReadSecrets for Hands {
    async fn secret(&self, name: &SecretName) -> Answered<Option<Password>> {
        let call = Call::reads("secretsmanager:GetSecretValue", name.as_str(), None);
        self.call(call, || self.world.cloud.secret(name)).await
    }
}

impl RoomSecrets for Hands {
    async fn keep(&self, name: &SecretName, value: &Password, tags: &Tags) -> Answered<Password> {
        let act = || async {
            let kept = self.world.cloud.keep(name, value, tags).await?;
            let mut state = self.world.state();
            state.changed_by(self, ROOMS, "a room's secret was kept");
            state.witness.secret_kept(self.world.now(), name, tags);
            Ok(kept)
        };
        self.call(Call::writes("secretsmanager:CreateSecret", name.as_str(), None), act).await
    }

    async fn forget(&self, name: &SecretName) -> Answered<()> {
        let act = || async {
            self.world.cloud.forget(name).await?;
            let mut state = self.world.state();
            state.changed_by(self, ROOMS, "a room's secret was forgotten");
            state.witness.secret_forgotten(self.world.now(), name);
            Ok(())
        };
        self.call(Call::writes("secretsmanager:DeleteSecret", name.as_str(), None), act).await
    }

    async fn kept(&self) -> Answered<Vec<(SecretName, Tags)>> {
        self.call(Call::reads("secretsmanager:ListSecrets", "hf-rt-", None), || self.world.cloud.kept()).await
    }
}

impl Bus for Hands {
    async fn announce(&self, messages: &[Message]) -> Answered<()> {
        let Some(first) = messages.first() else { return Ok(()) };
        let act = || async {
            let mut state = self.world.state();
            state.witness.announced(self.world.now(), messages);
            state.effects.push(Effect::Announced(messages.to_vec()));
            Ok(())
        };
        let about = match first {
            Message::Finding(finding) => finding.cause.as_str(),
            Message::RestoreTestReady(_)
            | Message::VerificationContinues(_)
            | Message::VerificationRecorded(_)
            | Message::RestoreTestClosed(_)
            | Message::IncidentAcknowledged(_) => first.detail_type(),
        };
        self.call(Call::writes("events:PutEvents", about, None), act).await
    }
}

impl Webhooks for Hands {
    async fn post(&self, post: &Post) -> Answered<Answer> {
        let channel = people::channel_of_url(post.url.expose()).to_owned();
        let call = Call::writes("webhook", &channel, None);
        let act = || {
            let now = self.world.now();
            let mut state = self.world.state();
            let broken = state.weather.channel(now, &channel);
            if broken == Some(Broken::Silent) {
                state.witness.trouble(now);
            }
            let answer = |status, seconds: Option<i64>| {
                let retry_after = seconds.map(SignedDuration::from_secs);
                Ok(Answer { status, retry_after, body: "simulated".into() })
            };
            ready(match broken {
                Some(Broken::Down) => {
                    Err(PortError::new(PortErrorKind::InvalidState, "webhook", &channel, "nobody could be reached"))
                }
                Some(Broken::Limited) => answer(429, Some(30)),
                Some(Broken::Failing) => answer(503, None),
                Some(Broken::Silent) => {
                    state.witness.told(now, &channel, people::of_post(post));
                    Err(PortError::new(PortErrorKind::Unavailable, "webhook", &channel, "no answer came"))
                }
                None => {
                    state.witness.told(now, &channel, people::of_post(post));
                    let ts = state.next();
                    Ok(Answer { status: 200, retry_after: None, body: format!("{{\"ok\":true,\"ts\":\"{ts}.1\"}}") })
                }
            })
        };
        self.call(call, act).await
    }
}

impl Mail for Hands {
    async fn send(&self, email: &Email) -> Answered<()> {
        let channel = people::channel_of_email(email).to_owned();
        let act = || {
            let now = self.world.now();
            let mut state = self.world.state();
            let broken = state.weather.channel(now, &channel);
            if broken == Some(Broken::Silent) {
                state.witness.trouble(now);
            }
            let refuse = |kind| Err(PortError::new(kind, "ses:SendEmail", &channel, "simulated"));
            ready(match broken {
                Some(Broken::Down | Broken::Failing) => refuse(PortErrorKind::InvalidState),
                Some(Broken::Limited) => refuse(PortErrorKind::Throttled),
                Some(Broken::Silent) => {
                    state.witness.told(now, &channel, people::of_email(email));
                    refuse(PortErrorKind::Unavailable)
                }
                None => {
                    state.witness.told(now, &channel, people::of_email(email));
                    Ok(())
                }
            })
        };
        self.call(Call::writes("ses:SendEmail", &channel, None), act).await
    }
}

impl FallbackTopic for Hands {
    async fn publish(&self, subject: &str, text: &str) -> Answered<()> {
        let act = || {
            let mut state = self.world.state();
            state.witness.told(self.world.now(), LAST_RESORT, people::of_fallback(subject, text));
            ready(Ok(()))
        };
        self.call(Call::writes("sns:Publish", subject, None), act).await
    }
}
