//! What `snapshot` remembers: changed by several invocations at once, and nothing of it lost.

use holdfast_ledger::{Ledger, Pending, WATCH_KEY, Watch, WatchStore};
use holdfast_ports::PortErrorKind;
use holdfast_testkit::{Fault, MemoryCloud};

fn cloud() -> MemoryCloud {
    MemoryCloud::at("2026-11-20T02:00:00Z".parse().expect("a time"))
}

fn awaits(cloud: &MemoryCloud, resource: &str) -> impl Fn(&mut Watch) + use<> {
    let (resource, since) = (resource.parse().expect("legal"), cloud.time());
    move |watch: &mut Watch| {
        let watched = watch.resources.entry(holdfast_domain::ResourceName::clone(&resource)).or_default();
        let pending = Pending { since, record: "a record".into() };
        watched.pending.insert("hf-a".parse().expect("legal"), pending);
    }
}

fn puts(cloud: &MemoryCloud) -> usize {
    cloud.calls().iter().filter(|call| call.operation == "s3:PutObject").count()
}

#[tokio::test]
async fn invocations_that_change_it_at_once_lose_nothing_of_each_other() {
    let cloud = cloud();
    let ledger = Ledger::new(&cloud, &cloud);
    let (one, other) = (WatchStore::default(), WatchStore::default());
    assert_eq!(one.current(&ledger).await.expect("a read"), Watch::default());
    assert_eq!(other.current(&ledger).await.expect("a read"), Watch::default());
    one.change(&ledger, awaits(&cloud, "orders-db")).await.expect("a change");
    // It still believes that there is nothing.
    let both = other.change(&ledger, awaits(&cloud, "users-db")).await.expect("a change");
    assert_eq!(both.resources.len(), 2);
    // And the first still believes that there is one.
    let three = one.change(&ledger, awaits(&cloud, "docs")).await.expect("a change");
    assert_eq!(three.resources.len(), 3);
    assert_eq!(other.current(&ledger).await.expect("a read"), three);
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing_and_a_known_version_is_not_sent_again() {
    let cloud = cloud();
    let ledger = Ledger::new(&cloud, &cloud);
    let store = WatchStore::default();
    store.change(&ledger, |_| {}).await.expect("nothing");
    assert_eq!(puts(&cloud), 0);
    let change = awaits(&cloud, "orders-db");
    let watch = store.change(&ledger, &change).await.expect("a change");
    store.change(&ledger, &change).await.expect("the same again");
    assert_eq!(puts(&cloud), 1);
    assert_eq!((store.known(), store.current(&ledger).await.expect("a read")), (watch.clone(), watch));
}

#[tokio::test]
async fn a_lost_answer_is_no_lost_change() {
    let cloud = cloud();
    let ledger = Ledger::new(&cloud, &cloud);
    let store = WatchStore::default();
    store.change(&ledger, awaits(&cloud, "orders-db")).await.expect("a change");
    cloud.fail("s3:PutObject", 1, Fault::AnswerLost);
    store.change(&ledger, awaits(&cloud, "users-db")).await.expect("a change");
    assert_eq!(WatchStore::default().current(&ledger).await.expect("a read").resources.len(), 2);
}

#[tokio::test]
async fn one_that_cannot_be_written_or_read_is_an_error_and_stays_as_it_is() {
    let cloud = cloud();
    let ledger = Ledger::new(&cloud, &cloud);
    let store = WatchStore::default();
    store.change(&ledger, awaits(&cloud, "orders-db")).await.expect("a change");
    cloud.fail("s3:PutObject", 1, Fault::Refused(PortErrorKind::AccessDenied));
    store.change(&ledger, awaits(&cloud, "users-db")).await.expect_err("refused");
    assert_eq!(store.known().resources.len(), 1);
    cloud.put_object(WATCH_KEY, b"{}".to_vec());
    let error = WatchStore::default().current(&ledger).await.expect_err("no memory");
    assert!(error.to_string().starts_with("the record recovery-points/watch.json cannot be read"), "{error}");
}
