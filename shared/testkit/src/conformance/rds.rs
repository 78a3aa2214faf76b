//! What a caller may lean on at the RDS ports.
//!
//! Long work is begun and comes back at once, so these rules need time to pass. The in-memory cloud's passes when it is told to, a real
//! service's by itself: the caller says how (`pass`), and every wait here is bounded by a number of looks.

use holdfast_domain::inventory::{Database, DbInstance, DbSnapshot, DbSnapshotStatus, DbStatus, MadeBy};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbInstanceId, DbSnapshotId, Region};
use holdfast_ports::{
    CreateDbSnapshot, DbInstances, DbSnapshots, Password, PortError, PortErrorKind, RestoreDbInstance, RoomReset,
    RoomRestore, RoomSource, SnapshotTagger, SnapshotTaker,
};

/// Far more looks than any implementation needs; then it counts as stuck.
pub(super) const LOOKS_MAX: u32 = 2_000;

/// What the rules are tried on.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Where the instance stands.
    pub region: Region,
    /// Another region, in which nothing stands.
    pub elsewhere: Region,
    /// An instance that is available and has a tag: whatever a restore must not inherit.
    pub instance: DbInstanceId,
}

/// [`DbInstances`], [`DbSnapshots`], [`SnapshotTaker`], [`SnapshotTagger`], [`RoomRestore`], [`RoomReset`]: begun once, seen at once, refused where it must be.
///
/// `pass` lets a little time pass. Leaves the instance as it was, and one snapshot of it.
///
/// # Panics
/// Where a rule does not hold.
pub async fn rds<C>(cloud: &C, stage: &Stage, pass: impl AsyncFn())
where
    C: DbInstances + DbSnapshots + SnapshotTaker + SnapshotTagger + RoomRestore + RoomReset,
{
    let suite = Suite { cloud, stage, pass };
    let source = suite.instance(&stage.instance).await.expect("the instance of the stage");
    assert!(source.status == DbStatus::Available && !source.tags.is_empty(), "not as the stage says: {source:?}");
    suite.inventory(&source).await;
    let snapshot = suite.snapshots().await;
    suite.refusals(&snapshot).await;
    let room = suite.restores(&snapshot, &source).await;
    suite.resets(&room).await;
    suite.deletions(&room).await;
    let after = suite.instance(&stage.instance).await.expect("the instance of the stage");
    assert_eq!(after, source, "nothing of all this touched the source");
    let kept = suite.snapshot(&snapshot).await.map(|kept| kept.status);
    assert_eq!(kept, Some(DbSnapshotStatus::Available), "a snapshot outlives the rooms made of it");
}

/// [`RoomRestore`] from a point in time, of an instance that is backed up continuously: refused beyond its reach, and then as of a
/// snapshot.
///
/// `pass` lets a little time pass. Leaves the instance as it was.
///
/// # Panics
/// Where a rule does not hold.
pub async fn point_in_time<C>(cloud: &C, stage: &Stage, pass: impl AsyncFn())
where
    C: DbInstances + DbSnapshots + SnapshotTaker + SnapshotTagger + RoomRestore + RoomReset,
{
    let suite = Suite { cloud, stage, pass };
    let latest = async || suite.instance(&stage.instance).await.and_then(|seen| seen.latest_restorable_at);
    suite.until("the instance can be restored to a time", async || latest().await.is_some()).await;
    let latest = latest().await.expect("it was waited for");
    let of_snapshot = suite.restore_request("hf-rt-in-time", &"unused".parse().expect("legal"));
    let as_of = |instance: &DbInstanceId, at| RestoreDbInstance {
        source: RoomSource::PointInTime { instance: instance.clone(), at },
        ..of_snapshot.clone()
    };
    let beyond = as_of(&stage.instance, latest + jiff::SignedDuration::from_hours(1));
    refused(cloud.restore_db_instance(&beyond).await, PortErrorKind::Invalid);
    let nothing: DbInstanceId = "conformance-nothing".parse().expect("a legal identifier");
    refused(cloud.restore_db_instance(&as_of(&nothing, latest)).await, PortErrorKind::NotFound);
    let production = RestoreDbInstance { id: "production".parse().expect("legal"), ..as_of(&stage.instance, latest) };
    refused(cloud.restore_db_instance(&production).await, PortErrorKind::Invalid);

    let request = as_of(&stage.instance, super::before(latest));
    cloud.restore_db_instance(&request).await.expect("a restore");
    refused(cloud.restore_db_instance(&request).await, PortErrorKind::AlreadyExists);
    suite.until_available(&request.id).await;
    let room = suite.instance(&request.id).await.expect("it stays");
    assert_eq!(room.tags, request.tags, "its own tags and none of the source's");
    assert!(!room.deletion_protection, "a room can always be closed");
    suite.deletions(&request.id).await;
}

struct Suite<'a, C, P> {
    cloud: &'a C,
    stage: &'a Stage,
    pass: P,
}

impl<C, P> Suite<'_, C, P>
where
    C: DbInstances + DbSnapshots + SnapshotTaker + SnapshotTagger + RoomRestore + RoomReset,
    P: AsyncFn(),
{
    async fn inventory(&self, source: &DbInstance) {
        assert!(source.endpoint.is_some(), "what is available can be reached");
        let nothing: DbInstanceId = "conformance-nothing".parse().expect("a legal identifier");
        assert_eq!(self.instance(&nothing).await, None, "what is not there is an answer, not an error");
        let all = self.cloud.db_instances(&self.stage.region).await.expect("a listing");
        assert_eq!(all.iter().filter(|seen| seen.id == source.id).collect::<Vec<_>>(), [source], "a listing is whole");
        let elsewhere = self.cloud.db_instances(&self.stage.elsewhere).await.expect("a listing");
        assert!(elsewhere.iter().all(|seen| seen.id != source.id), "regions are apart");
    }

    /// Takes the snapshot that the other rules need.
    async fn snapshots(&self) -> DbSnapshotId {
        let region = &self.stage.region;
        let id: DbSnapshotId = "hf-conformance".parse().expect("a legal identifier");
        assert_eq!(self.snapshot(&id).await, None, "what is not there is an answer, not an error");
        let request = CreateDbSnapshot {
            region: region.clone(),
            database: Database::Instance(self.stage.instance.clone()),
            id: id.clone(),
            tags: Tags::from([("holdfast:plan".into(), "conformance".into()), ("holdfast:rules".into(), "".into())]),
        };
        let nothing = Database::Instance("conformance-nothing".parse().expect("legal"));
        let of_nothing = CreateDbSnapshot { database: nothing, ..request.clone() };
        refused(self.cloud.create_db_snapshot(&of_nothing).await, PortErrorKind::NotFound);

        self.cloud.create_db_snapshot(&request).await.expect("a snapshot");
        let begun = self.snapshot(&id).await.expect("it is seen at once");
        assert_eq!(begun.status, DbSnapshotStatus::Creating, "it comes back before the work is done");
        assert_eq!(begun.tags, request.tags, "tags are there from the first moment, and no others");
        // From something half-made nothing is made.
        let early = self.restore_request("hf-rt-early", &id);
        refused(self.cloud.restore_db_instance(&early).await, PortErrorKind::InvalidState);

        self.until("the snapshot is available", async || {
            self.snapshot(&id).await.is_some_and(|seen| seen.status == DbSnapshotStatus::Available)
        })
        .await;
        self.until_available(&self.stage.instance).await;
        let taken = self.snapshot(&id).await.expect("it stays");
        assert!(taken.made_by == MadeBy::Call && taken.is_of(&request.database), "it says whose it is: {taken:?}");
        assert!(taken.taken_at.is_some(), "it knows when it was taken");
        assert!(taken.size_bytes.is_some_and(|size| size > 0), "it knows its size: {:?}", taken.size_bytes);
        assert_eq!(taken.tags, request.tags);

        refused(self.cloud.create_db_snapshot(&request).await, PortErrorKind::AlreadyExists);
        let all = self.cloud.db_snapshots(region).await.expect("a listing");
        assert_eq!(
            all.into_iter().filter(|seen| seen.id == id).collect::<Vec<_>>(),
            [taken],
            "twice begun is once made"
        );
        let elsewhere = self.cloud.db_snapshots(&self.stage.elsewhere).await.expect("a listing");
        assert!(elsewhere.iter().all(|seen| seen.id != id), "regions are apart");
        super::tags_are_added(self.cloud, &self.snapshot(&id).await.expect("it stays")).await;
        assert_eq!(self.snapshot(&id).await.expect("it stays").tags, super::with_added_tags(&request.tags));
        id
    }

    /// Names that are not temporary are refused before any call, whatever stands behind them: here, the source itself.
    async fn refusals(&self, snapshot: &DbSnapshotId) {
        let (region, source) = (&self.stage.region, &self.stage.instance);
        for name in ["production", "hf-orders", "hf-r"] {
            let request = self.restore_request(name, snapshot);
            refused(self.cloud.restore_db_instance(&request).await, PortErrorKind::Invalid);
            assert_eq!(self.instance(&request.id).await, None, "{name} was made all the same");
        }
        refused(self.cloud.delete_room(region, source).await, PortErrorKind::Invalid);
        let password = Password::new("conformance-1".into());
        refused(self.cloud.reset_master_password(region, source, &password).await, PortErrorKind::Invalid);
        let nothing: DbSnapshotId = "hf-conformance-nothing".parse().expect("a legal identifier");
        let request = self.restore_request("hf-rt-nothing", &nothing);
        refused(self.cloud.restore_db_instance(&request).await, PortErrorKind::NotFound);
    }

    /// Opens the room that the other rules need.
    async fn restores(&self, snapshot: &DbSnapshotId, source: &DbInstance) -> DbInstanceId {
        let request = self.restore_request("hf-rt-conformance", snapshot);
        self.cloud.restore_db_instance(&request).await.expect("a restore");
        let begun = self.instance(&request.id).await.expect("it is seen at once");
        assert!(matches!(begun.status, DbStatus::Busy(_)), "it comes back before the work is done: {begun:?}");
        refused(self.cloud.restore_db_instance(&request).await, PortErrorKind::AlreadyExists);
        let password = Password::new("conformance-1".into());
        let early = self.cloud.reset_master_password(&self.stage.region, &request.id, &password).await;
        refused(early, PortErrorKind::InvalidState);

        self.until_available(&request.id).await;
        let room = self.instance(&request.id).await.expect("it stays");
        assert_eq!(room.tags, request.tags, "its own tags and none of the source's");
        assert!(room.endpoint.is_some() && room.endpoint != source.endpoint, "it is reached somewhere else: {room:?}");
        assert_ne!(room.arn, source.arn);
        assert!(!room.deletion_protection, "a room can always be closed");
        assert_eq!(
            (&room.engine, &room.master_user, &room.database),
            (&source.engine, &source.master_user, &source.database)
        );
        request.id
    }

    async fn resets(&self, room: &DbInstanceId) {
        let region = &self.stage.region;
        let nothing: DbInstanceId = "hf-rt-nothing".parse().expect("a legal identifier");
        let password = Password::new("conformance-1".into());
        refused(self.cloud.reset_master_password(region, &nothing, &password).await, PortErrorKind::NotFound);
        self.cloud.reset_master_password(region, room, &password).await.expect("a reset");
        let begun = self.instance(room).await.expect("it stays");
        assert!(begun.password_pending, "what is not applied yet shows as pending: {begun:?}");
        self.until_available(room).await;
    }

    async fn deletions(&self, room: &DbInstanceId) {
        let region = &self.stage.region;
        self.cloud.delete_room(region, room).await.expect("a deletion");
        self.cloud.delete_room(region, room).await.expect("a deletion of what is going");
        self.until("the room is gone", async || self.instance(room).await.is_none()).await;
        self.cloud.delete_room(region, room).await.expect("a deletion of what is gone");
        let all = self.cloud.db_instances(region).await.expect("a listing");
        assert!(all.iter().all(|seen| seen.id != *room), "what is gone is not listed");
    }

    fn restore_request(&self, id: &str, snapshot: &DbSnapshotId) -> RestoreDbInstance {
        RestoreDbInstance {
            region: self.stage.region.clone(),
            source: RoomSource::Snapshot(snapshot.clone()),
            id: id.parse().expect("a legal identifier"),
            instance_class: "db.t4g.micro".into(),
            subnet_group: "conformance".into(),
            security_groups: vec!["sg-0123456789abcdef0".into()],
            parameter_group: None,
            option_group: None,
            tags: Tags::from([("holdfast:run".into(), "conformance".into())]),
        }
    }

    async fn instance(&self, id: &DbInstanceId) -> Option<DbInstance> {
        let all = self.cloud.db_instances(&self.stage.region).await.expect("a look at the instances");
        all.into_iter().find(|seen| seen.id == *id)
    }

    async fn snapshot(&self, id: &DbSnapshotId) -> Option<DbSnapshot> {
        let all = self.cloud.db_snapshots(&self.stage.region).await.expect("a look at the snapshots");
        all.into_iter().find(|seen| seen.id == *id)
    }

    async fn until_available(&self, id: &DbInstanceId) {
        self.until("the instance is available and nothing is pending", async || {
            self.instance(id).await.is_some_and(|seen| {
                seen.status == DbStatus::Available && !seen.password_pending && !seen.modification_pending
            })
        })
        .await;
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..LOOKS_MAX {
            if holds().await {
                return;
            }
            (self.pass)().await;
        }
        panic!("{LOOKS_MAX} looks, and still not: {what}");
    }
}

pub(super) fn refused(answer: Result<(), PortError>, kind: PortErrorKind) {
    let error = answer.expect_err("it should have been refused");
    assert_eq!(error.kind, kind, "{error}");
}
