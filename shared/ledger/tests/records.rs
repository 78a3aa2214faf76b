//! Records over the in-memory cloud: whoever writes knows afterwards whether it was they who wrote.

use holdfast_ledger::{Held, Ledger, LedgerError, Written, open_key, run_of_open_key};
use holdfast_ports::{Class, Classified, PortErrorKind};
use holdfast_testkit::{Fault, MemoryCloud};
use proptest::collection::vec;
use proptest::prelude::*;

const KEY: &str = "restore-tests/runs/a.json";
const PUT: &str = "s3:PutObject";

fn cloud() -> MemoryCloud {
    MemoryCloud::at("2026-11-20T02:00:00Z".parse().expect("a time"))
}

fn ledger(cloud: &MemoryCloud) -> Ledger<'_, MemoryCloud, MemoryCloud> {
    Ledger::new(cloud, cloud)
}

async fn created(cloud: &MemoryCloud, body: &str) -> Held<String> {
    match ledger(cloud).create(KEY, body.to_owned()).await.expect("a record") {
        Written::Created(held) => held,
        Written::Existed(held) => panic!("{held:?} was there"),
    }
}

async fn read(cloud: &MemoryCloud) -> Held<String> {
    ledger(cloud).read(KEY).await.expect("a read").expect("a record")
}

fn puts(cloud: &MemoryCloud) -> usize {
    cloud.calls().iter().filter(|call| call.operation == PUT).count()
}

#[tokio::test]
async fn what_is_written_is_read_with_one_generation_more_each_time() {
    let cloud = cloud();
    assert_eq!(ledger(&cloud).read::<String>(KEY).await.expect("a read"), None);
    let first = created(&cloud, "first").await;
    assert_eq!((first.body.as_str(), first.generation, first.key()), ("first", 1, KEY));
    assert_eq!(read(&cloud).await, first);
    let second = ledger(&cloud).replace(&first, "second".to_owned()).await.expect("a write");
    assert_eq!((second.body.as_str(), second.generation), ("second", 2));
    assert_eq!(read(&cloud).await, second);
}

#[tokio::test]
async fn a_record_that_exists_is_given_and_left_as_it_is() {
    let cloud = cloud();
    let first = created(&cloud, "first").await;
    let again = ledger(&cloud).create(KEY, "second".to_owned()).await.expect("an answer");
    assert_eq!(again, Written::Existed(first));
}

#[tokio::test]
async fn a_stale_writer_moves_nothing_backwards() {
    let cloud = cloud();
    let stale = created(&cloud, "first").await;
    let current = ledger(&cloud).replace(&stale, "second".to_owned()).await.expect("a write");
    let error = ledger(&cloud).replace(&stale, "first again".to_owned()).await.expect_err("stale");
    assert!(matches!(&error, LedgerError::Conflict { key } if key == KEY), "{error}");
    assert_eq!(error.class(), Class::Transient);
    assert_eq!(read(&cloud).await, current);
}

/// Not even if its own body is what lies there now: the nonce tells writers apart, not what they wrote.
#[tokio::test]
async fn the_same_words_by_somebody_else_are_somebody_elses() {
    let cloud = cloud();
    let before = created(&cloud, "first").await;
    ledger(&cloud).replace(&before, "second".to_owned()).await.expect("a write");
    let error = ledger(&cloud).replace(&before, "second".to_owned()).await.expect_err("stale");
    assert!(matches!(error, LedgerError::Conflict { .. }), "{error}");
}

#[tokio::test]
async fn a_lost_answer_to_ones_own_write_is_success() {
    let cloud = cloud();
    cloud.fail(PUT, 1, Fault::AnswerLost);
    let first = created(&cloud, "first").await;
    cloud.fail(PUT, 1, Fault::AnswerLost);
    let second = ledger(&cloud).replace(&first, "second".to_owned()).await.expect("it was written");
    assert_eq!(second.generation, 2);
    assert_eq!(puts(&cloud), 2, "what was written is looked at, not written again");
    // What was read back is as good for the next write as any answer.
    let third = ledger(&cloud).replace(&second, "third".to_owned()).await.expect("a write");
    assert_eq!(read(&cloud).await, third);
}

#[tokio::test]
async fn a_failure_that_wrote_nothing_stands_as_it_was() {
    use PortErrorKind::{AccessDenied, Throttled, Unavailable};
    for kind in [Unavailable, Throttled, AccessDenied] {
        let cloud = cloud();
        cloud.fail(PUT, 1, Fault::Refused(kind));
        let error = ledger(&cloud).create(KEY, "first".to_owned()).await.expect_err("not written");
        assert!(matches!(&error, LedgerError::Store(store) if store.kind == kind), "{error}");
        assert_eq!(cloud.object(KEY), None);

        let first = created(&cloud, "first").await;
        cloud.fail(PUT, 1, Fault::Refused(kind));
        let error = ledger(&cloud).replace(&first, "second".to_owned()).await.expect_err("not written");
        assert!(matches!(&error, LedgerError::Store(store) if store.kind == kind), "{error}");
        assert_eq!(read(&cloud).await, first);
    }
}

#[tokio::test]
async fn a_failure_behind_which_somebody_else_wrote_is_a_conflict() {
    let cloud = cloud();
    let first = created(&cloud, "first").await;
    ledger(&cloud).replace(&first, "theirs".to_owned()).await.expect("a write");
    cloud.fail(PUT, 1, Fault::Refused(PortErrorKind::Unavailable));
    let error = ledger(&cloud).replace(&first, "mine".to_owned()).await.expect_err("theirs is there");
    assert!(matches!(error, LedgerError::Conflict { .. }), "{error}");

    cloud.fail(PUT, 1, Fault::Refused(PortErrorKind::Unavailable));
    let existed = ledger(&cloud).create(KEY, "mine".to_owned()).await.expect("an answer").into_held();
    assert_eq!(existed.body, "theirs");
}

#[tokio::test]
async fn what_cannot_be_read_back_either_is_a_failure() {
    let cloud = cloud();
    cloud.fail(PUT, 1, Fault::AnswerLost);
    cloud.fail("s3:GetObject", 1, Fault::Refused(PortErrorKind::Unavailable));
    let error = ledger(&cloud).create(KEY, "first".to_owned()).await.expect_err("nobody knows");
    assert_eq!(error.class(), Class::Transient);
}

#[tokio::test]
async fn a_record_of_another_shape_is_unreadable_and_names_its_key() {
    for bytes in [
        "".as_bytes(),
        b"prose",
        b"{}",
        br#"{"generation":1,"writer":"w"}"#,
        br#"{"generation":-1,"writer":"w","body":"x"}"#,
        br#"{"generation":1,"writer":"w","body":7}"#,
        b"\xff\xfe",
    ] {
        let cloud = cloud();
        cloud.put_object(KEY, bytes.to_vec());
        let error = ledger(&cloud).read::<String>(KEY).await.expect_err("no record");
        assert!(error.to_string().starts_with("the record restore-tests/runs/a.json cannot be read: "), "{error}");
        assert_eq!(error.class(), Class::Permanent);
        let error = ledger(&cloud).create(KEY, "first".to_owned()).await.expect_err("nor made");
        assert!(matches!(error, LedgerError::Unreadable { .. }), "{error}");
        assert_eq!(cloud.object(KEY).as_deref(), Some(bytes), "and it is left as it is");
    }
}

#[test]
fn an_open_marker_names_its_run_and_nothing_else_does() {
    let run = "orders-db.every.20261120t020000z".parse().expect("legal");
    assert_eq!(run_of_open_key(&open_key(&run)), Some(run));
    for key in ["restore-tests/open/", "restore-tests/open/../runs", "restore-tests/runs/orders-db.every.1", "open/a"] {
        assert_eq!(run_of_open_key(key), None, "{key}");
    }
}

/// What one of several writers does next.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Read(usize),
    Write(usize, Option<Fault>),
}

fn deed() -> impl Strategy<Value = Deed> {
    let fault = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Fault::AnswerLost)),
        1 => Just(Some(Fault::Refused(PortErrorKind::Unavailable))),
    ];
    prop_oneof![(0..3_usize).prop_map(Deed::Read), (0..3_usize, fault).prop_map(|(who, fault)| Deed::Write(who, fault))]
}

proptest! {
    /// Three writers in any order and with any luck: the record only ever moves forward, by one, and exactly one who wrote was told so.
    #[test]
    fn a_record_only_moves_forward_and_whoever_moved_it_knows(deeds in vec(deed(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let cloud = cloud();
            let first = created(&cloud, "0").await;
            let mut known = vec![first; 3];
            let mut written = 0;
            for (step, deed) in deeds.into_iter().enumerate() {
                let before = read(&cloud).await;
                match deed {
                    Deed::Read(who) => known[who] = read(&cloud).await,
                    Deed::Write(who, fault) => {
                        if let Some(fault) = fault {
                            cloud.fail(PUT, 1, fault);
                        }
                        let body = format!("{who} in step {step}");
                        let answer = ledger(&cloud).replace(&known[who], body.clone()).await;
                        let after = read(&cloud).await;
                        prop_assert_eq!(answer.is_ok(), after.body == body);
                        match answer {
                            Ok(held) => {
                                prop_assert_eq!(&held, &after);
                                prop_assert_eq!(&known[who], &before, "only who knew the last one wrote");
                                prop_assert_eq!(held.generation, before.generation + 1);
                                known[who] = held;
                                written += 1;
                            }
                            Err(LedgerError::Conflict { .. }) => {
                                prop_assert_ne!(&known[who], &before, "nobody else wrote");
                                prop_assert_eq!(&after, &before);
                            }
                            Err(_) => prop_assert_eq!(&after, &before),
                        }
                    }
                }
            }
            prop_assert_eq!(read(&cloud).await.generation, 1 + written);
            Ok(())
        })?;
    }
}
