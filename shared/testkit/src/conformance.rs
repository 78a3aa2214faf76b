//! One suite for every implementation of a port: what a caller may lean on, and nothing else.
//!
//! Each function takes an implementation and panics, with what it wanted and what it got, where that does not keep the rule.
//! The names used are prefixed by the caller, so that suites on one bucket do not meet.

mod cluster_rooms;
mod clusters;
mod furnished;
mod parameters;
mod rds;

use holdfast_domain::inventory::DbSnapshot;
use holdfast_domain::tags::Tags;
use holdfast_domain::{RunId, SecretName};
use holdfast_ports::{
    Bus, Fetched, Objects, Password, PortErrorKind, Precondition, ReadSecrets, RoomSecrets, SnapshotTagger,
};
use holdfast_wire::{Message, RunRef};
use jiff::Timestamp;

pub use cluster_rooms::{cluster_point_in_time, cluster_rooms};
pub use clusters::{ClusterStage, clusters};
pub use furnished::furnished_room;
pub use parameters::{ParameterStage, parameters};
pub use rds::{Stage, point_in_time, rds};

/// [`Objects`]: conditional writes, versions, ordered whole listings, idempotent deletion.
///
/// # Panics
/// Where a rule does not hold.
pub async fn objects(objects: &impl Objects, prefix: &str) {
    let key = format!("{prefix}/a record.json");
    assert_eq!(objects.get(&key, None).await.expect("a read of nothing"), Fetched::Missing);

    let first = objects.put(&key, b"1".to_vec(), Precondition::Absent).await.expect("a first write");
    let again =
        objects.put(&key, b"2".to_vec(), Precondition::Absent).await.expect_err("a write over something absent-only");
    assert_eq!(again.kind, PortErrorKind::PreconditionFailed, "{again}");

    let second = objects
        .put(&key, b"2".to_vec(), Precondition::Matches(first.clone()))
        .await
        .expect("a write over the version read");
    assert_ne!(first, second, "a new content has a new version");
    let stale = objects
        .put(&key, b"3".to_vec(), Precondition::Matches(first.clone()))
        .await
        .expect_err("a write over an old version");
    assert_eq!(stale.kind, PortErrorKind::PreconditionFailed, "{stale}");

    let Fetched::Object(object) = objects.get(&key, Some(&first)).await.expect("a read") else {
        panic!("the object changed")
    };
    assert_eq!((object.bytes.as_slice(), object.etag.as_str()), (b"2".as_slice(), second.as_str()));
    assert_eq!(objects.get(&key, Some(&second)).await.expect("a conditional read"), Fetched::Unchanged);

    let ghost =
        objects.put(&format!("{prefix}/ghost"), vec![], Precondition::Matches(second)).await.expect_err("over nothing");
    assert_eq!(ghost.kind, PortErrorKind::PreconditionFailed, "{ghost}");
    listing(objects, prefix).await;

    objects.delete(&key).await.expect("a deletion");
    objects.delete(&key).await.expect("a deletion of nothing");
    assert_eq!(objects.get(&key, None).await.expect("a read after deletion"), Fetched::Missing);
}

/// More than one page of S3's (1,000 keys), and only what has the prefix.
async fn listing(objects: &impl Objects, prefix: &str) {
    let wanted: Vec<String> = (0..1_003).map(|n| format!("{prefix}/list/{n:04}")).collect();
    for key in &wanted {
        objects.put(key, Vec::new(), Precondition::Absent).await.expect("a marker");
    }
    let found = objects.list(&format!("{prefix}/list/")).await.expect("a listing");
    assert_eq!(found.len(), wanted.len(), "a listing is whole");
    assert_eq!(found, wanted, "a listing is in order");
    assert_eq!(objects.list(&format!("{prefix}/none/")).await.expect("an empty listing"), Vec::<String>::new());
    for key in &wanted {
        objects.delete(key).await.expect("a deletion");
    }
}

/// [`RoomSecrets`] and [`ReadSecrets`]: kept once, listed with tags, forgotten twice; and only temporary names.
///
/// # Panics
/// Where a rule does not hold.
pub async fn secrets(secrets: &(impl RoomSecrets + ReadSecrets), suffix: &str) {
    let name: SecretName = format!("hf-rt-{suffix}").parse().expect("a legal name");
    let tags = Tags::from([("holdfast:run".into(), "orders-db.every.20261120t020000z".into())]);
    assert!(secrets.secret(&name).await.expect("a read of nothing").is_none());
    for value in ["first", "second"] {
        let in_force = secrets.keep(&name, &Password::new(value.into()), &tags).await.expect("a write");
        let read = secrets.secret(&name).await.expect("a read").expect("a value");
        assert_eq!((in_force.expose(), read.expose()), ("first", "first"), "the first stays in force");
    }
    let kept = secrets.kept().await.expect("a listing");
    assert_eq!(
        kept.into_iter().filter(|(kept, _)| *kept == name).map(|(_, tags)| tags).collect::<Vec<_>>(),
        vec![tags]
    );
    secrets.forget(&name).await.expect("a deletion");
    secrets.forget(&name).await.expect("a deletion of nothing");
    assert!(secrets.secret(&name).await.expect("a read after deletion").is_none());
    secrets.keep(&name, &Password::new("third".into()), &Tags::new()).await.expect("a name is free again at once");
    secrets.forget(&name).await.expect("a deletion");

    let foreign: SecretName = format!("production-{suffix}").parse().expect("a legal name");
    let refused = secrets.forget(&foreign).await.expect_err("a name that is not temporary");
    assert_eq!(refused.kind, PortErrorKind::Invalid, "{refused}");
}

/// [`Bus`]: everything announced arrives, also where it takes several requests; announcing nothing is no error.
///
/// `hear` gives the messages that arrived since it was last called, in any order, and waits until there are as many different ones as
/// it is asked for. One that comes twice breaks no rule: EventBridge delivers at least once.
///
/// # Panics
/// Where a rule does not hold.
pub async fn bus(bus: &impl Bus, hear: impl AsyncFn(usize) -> Vec<Message>) {
    bus.announce(&[]).await.expect("nothing to announce");
    // EventBridge takes ten entries in one request: two full ones and a rest.
    for count in [1, 10, 23] {
        let announced: Vec<Message> = (0..count).map(|n| Message::RestoreTestClosed(RunRef { run: run(n) })).collect();
        bus.announce(&announced).await.expect("announced");
        let mut heard = hear(count).await;
        heard.sort_by_key(|message| message.detail().to_string());
        heard.dedup();
        assert_eq!(heard, announced, "{count} messages");
    }
}

/// [`SnapshotTagger`] on a snapshot of ours: a new tag is added, a known one changed, and what is not ours is refused before any call.
async fn tags_are_added(tagger: &impl SnapshotTagger, snapshot: &DbSnapshot) {
    let changed = with_added_tags(&Tags::new());
    for _ in 0..2 {
        tagger.tag_db_snapshot(snapshot, &changed).await.expect("tags, and the same ones again");
    }
    for name in ["conformance", "hfconformance", "hf-rt-conformance"] {
        let foreign = DbSnapshot { id: name.parse().expect("a legal identifier"), ..snapshot.clone() };
        rds::refused(tagger.tag_db_snapshot(&foreign, &changed).await, PortErrorKind::Invalid);
    }
}

/// The tags of a snapshot after [`tags_are_added`].
fn with_added_tags(tags: &Tags) -> Tags {
    let added = [("holdfast:rules".into(), "daily weekly".into()), ("holdfast:late".into(), "PT5H".into())];
    tags.clone().into_iter().chain(added).collect()
}

/// The last instant that RDS restores: whole seconds, and before the latest restorable time (source: RDS API Reference,
/// `RestoreDBInstanceToPointInTime`, `RestoreDBClusterToPointInTime`).
fn before(latest: Timestamp) -> Timestamp {
    Timestamp::from_second(latest.as_second() - 1).expect("an instant before another")
}

/// Runs whose names sort as their numbers do.
fn run(number: usize) -> RunId {
    format!("orders-db.every.20261120t0200{number:02}z").parse().expect("a legal run")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::SignedDuration;

    use holdfast_domain::inventory::DatabaseKind;

    use super::{ClusterStage, ParameterStage, Stage};
    use crate::MemoryCloud;

    #[tokio::test]
    async fn the_in_memory_cloud_conforms() {
        let cloud = MemoryCloud::at("2026-11-20T02:00:00Z".parse().expect("a time"));
        super::objects(&cloud, "conformance").await;
        super::secrets(&cloud, "conformance").await;

        let stage = Stage {
            region: "eu-central-1".parse().expect("a region"),
            elsewhere: "us-east-1".parse().expect("a region"),
            instance: "orders".parse().expect("an identifier"),
        };
        cloud.add_instance(&stage.region, &stage.instance);
        super::rds(&cloud, &stage, async || cloud.pass(SignedDuration::from_secs(30))).await;
        cloud.back_up_continuously(&stage.region, &stage.instance);
        super::point_in_time(&cloud, &stage, async || cloud.pass(SignedDuration::from_secs(30))).await;
        let snapshot = "hf-conformance".parse().expect("what the suite of RDS leaves");
        let pass = async || cloud.pass(SignedDuration::from_secs(30));
        super::furnished_room(&cloud, &stage, &snapshot, "postgres15", pass).await;

        for engine in ["aurora-postgresql", "docdb"] {
            let stage = ClusterStage {
                region: stage.region.clone(),
                elsewhere: stage.elsewhere.clone(),
                cluster: engine.parse().expect("an identifier"),
            };
            let cloud = MemoryCloud::at("2026-11-20T02:00:00Z".parse().expect("a time"));
            cloud.add_cluster(&stage.region, &stage.cluster, engine);
            let pass = async || cloud.pass(SignedDuration::from_secs(30));
            super::clusters(&cloud, &stage, pass).await;
            super::cluster_rooms(&cloud, &stage, pass).await;
            cloud.back_up_cluster_continuously(&stage.region, &stage.cluster);
            super::cluster_point_in_time(&cloud, &stage, pass).await;
        }

        for (kind, family) in [(DatabaseKind::Instance, "postgres15"), (DatabaseKind::Cluster, "aurora-postgresql15")] {
            let (region, elsewhere) = (stage.region.clone(), stage.elsewhere.clone());
            super::parameters(&cloud, &ParameterStage { region, elsewhere, kind, family: family.into() }).await;
        }

        let heard = Mutex::new(0);
        let hear = async |_| {
            let mut heard = heard.lock().expect("one listener");
            let new = cloud.announced().split_off(*heard);
            *heard += new.len();
            new
        };
        super::bus(&cloud, hear).await;
    }
}
