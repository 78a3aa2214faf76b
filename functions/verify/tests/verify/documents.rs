//! `handle` as a whole on a real document database, whole, damaged, out of reach and out of bounds.

mod server;

use std::sync::{Arc, Weak};

use holdfast_domain::Verdict;
use holdfast_ledger::{OutcomeWord, Verification};
use holdfast_ports::{Class, Classified as _};
use mongodb::bson::doc;
use tokio::sync::Mutex;
use verify::room::RoomAddress;

use crate::support::{Desk, INVOCATION, told, verdict};
use server::{Copy, PASSWORD, Prepared, door};

const INTEGRITY: &str = "{ integrity: full }";

/// Shared by the tests that go at the same time, and gone with the last of them: what a static holds is never dropped.
static PREPARED: Mutex<Weak<Prepared>> = Mutex::const_new(Weak::new());

async fn copy(damage: Option<&str>) -> anyhow::Result<Copy> {
    let mut shared = PREPARED.lock().await;
    let prepared = match shared.upgrade() {
        Some(prepared) => prepared,
        None => Arc::new(Prepared::new().await?),
    };
    *shared = Arc::downgrade(&prepared);
    drop(shared);
    prepared.restore(damage).await
}

async fn desk(address: &RoomAddress, checks: &str) -> anyhow::Result<Desk> {
    Desk::new(address, PASSWORD, checks).await
}

async fn verified(copy: &Copy, checks: &str) -> anyhow::Result<Verification> {
    desk(&copy.address(), checks).await?.verify(&copy.door()?).await
}

fn failed(record: &Verification) -> Vec<String> {
    told(record, &[OutcomeWord::Failed])
}

/// What a record says, without how long anything took.
fn essence(record: &Verification) -> String {
    let all = told(record, &[OutcomeWord::Passed, OutcomeWord::Failed, OutcomeWord::NotRun]);
    let timeless = |line: &String| {
        let words = line.split(' ').collect::<Vec<_>>();
        let mut kept: Vec<&str> = words.clone();
        for (place, word) in words.iter().enumerate().skip(1) {
            if *word == "ms" && words[place - 1].parse::<u64>().is_ok() {
                kept[place - 1] = "[n]";
            }
        }
        kept.join(" ")
    };
    all.iter().map(timeless).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn undamaged_documents_are_read_counted_and_asked_and_pass() -> anyhow::Result<()> {
    let checks = r#"{ integrity: full, documents: {
        orders: { collection: shop.orders, filter: '{"email": {"$exists": true}}', documents_min: 10, within: 30s,
            fresh: { field: created_at, age_max: 15m }, shrink_max: 5% } } }"#;
    let record = verified(&copy(None).await?, checks).await?;
    insta::assert_snapshot!(essence(&record));
    assert_eq!(verdict(&record), Verdict::Passed);
    assert!(record.fully_read_at.is_some(), "every document was read");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_misses_a_document_is_found() -> anyhow::Result<()> {
    let record = verified(&copy(Some("index-entry-lost")).await?, INTEGRITY).await?;
    let wanted = "index shop.orders email_1: Failed: 999 documents by the index, 1,000 documents in the collection: 1 document not found by it";
    assert_eq!(failed(&record), [wanted]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_read_is_found_and_the_other_collections_are_read() -> anyhow::Result<()> {
    let record = verified(&copy(Some("document-broken")).await?, INTEGRITY).await?;
    let failed = failed(&record);
    assert!(failed.iter().any(|line| line.starts_with("read shop.orders: Failed: ")), "{failed:#?}");
    let passed = told(&record, &[OutcomeWord::Passed]);
    assert!(passed.iter().any(|line| line.starts_with("read crm.people: ")), "{passed:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_gone_without_a_trace_are_missed_by_the_last_proved_restore_alone() -> anyhow::Result<()> {
    let checks = "{ integrity: full, documents: { orders: { collection: shop.orders, shrink_max: 0% } } }";
    let proved = verified(&copy(None).await?, checks).await?;
    let short = copy(Some("document-lost")).await?;
    let alone = verified(&short, checks).await?;
    assert_eq!(failed(&alone), Vec::<String>::new(), "the server skips the index's entry together with the document");
    let desk = desk(&short.address(), checks).await?;
    desk.remember(&proved, Verdict::Passed).await?;
    let failed = failed(&desk.verify(&short.door()?).await?);
    assert_eq!(
        failed,
        ["documents orders number: Failed: shop.orders: 999 documents, 1 fewer than in the last proved restore \
          (orders-db.every.before-passed); 0 % fewer are allowed"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_calls_corrupt_is_a_finding() -> anyhow::Result<()> {
    let copy = copy(None).await?;
    copy.fail("find", 1, doc! { "errorCode": 301 }).await?;
    let failed = failed(&verified(&copy, INTEGRITY).await?);
    assert!(failed.len() == 1 && failed[0].starts_with("read ") && failed[0].contains("code 301"), "{failed:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_role_may_not_run_is_not_run_and_nothing_is_proved_by_it() -> anyhow::Result<()> {
    let copy = copy(None).await?;
    // The first user has the role of a reader; of the second one's commands a fail point refuses the first `validate`.
    copy.fail("validate", 1, doc! { "errorCode": 13 }).await?;
    for (user, wanted) in [("narrow", "databases: NotRun: they cannot be listed"), ("master", "validate shop.orders: ")]
    {
        let address = RoomAddress { user: user.into(), ..copy.address() };
        let record = desk(&address, INTEGRITY).await?.verify(&copy.door()?).await?;
        let not_run = told(&record, &[OutcomeWord::NotRun]);
        let is_wanted = |line: &String| line.starts_with(wanted) && line.contains("code 13");
        assert!(not_run.iter().any(is_wanted), "{user}: {not_run:#?}");
        assert_eq!(failed(&record), Vec::<String>::new(), "{user}");
        assert_eq!(verdict(&record), Verdict::Inconclusive, "{user}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_the_limit_cuts_is_made_again_and_is_never_passed_by_it() -> anyhow::Result<()> {
    let copy = copy(None).await?;
    copy.fail("find", 1, doc! { "errorCode": 50 }).await?;
    let record = verified(&copy, INTEGRITY).await?;
    let cut: Vec<String> = told(&record, &[OutcomeWord::NotRun])
        .into_iter()
        .filter(|line| line.contains("it did not end within"))
        .collect();
    // The one that was begun first has had all the time that there ever is; any other would be left to the next invocation.
    assert!(cut.len() <= 1, "{cut:#?}");
    assert!(cut.len() == 1 || record.finished_at.is_none());
    assert_eq!(failed(&record), Vec::<String>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_tried_again_and_is_no_finding() -> anyhow::Result<()> {
    let copy = copy(None).await?;
    copy.fail("find", 1, doc! { "closeConnection": true }).await?;
    let desk = desk(&copy.address(), INTEGRITY).await?;
    let lost = desk.call(&copy.door()?, &desk.first_call(), INVOCATION).await.expect_err("lost");
    assert_eq!(lost.class(), Class::Transient, "{lost}");
    let record = desk.verify(&copy.door()?).await?;
    assert_eq!((verdict(&record), failed(&record)), (Verdict::Passed, Vec::new()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_or_does_not_know_the_password_yet_is_not_ready() -> anyhow::Result<()> {
    let mut copy = copy(None).await?;
    let desk = Desk::new(&copy.address(), "another password", INTEGRITY).await?;
    let refused = desk.call(&copy.door()?, &desk.first_call(), INVOCATION).await.expect_err("no entry");
    assert!(refused.class() == Class::Transient && refused.to_string().contains("is not ready"), "{refused}");
    copy.process.kill().await?;
    let gone = desk.call(&copy.door()?, &desk.first_call(), INVOCATION).await.expect_err("nobody there");
    assert!(gone.class() == Class::Transient && gone.to_string().contains("is not ready"), "{gone}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_authority_is_refused_before_a_password() -> anyhow::Result<()> {
    let (ours, other) = (copy(None).await?, copy(None).await?);
    let desk = desk(&ours.address(), INTEGRITY).await?;
    let refused = desk.call(&other.door()?, &desk.first_call(), INVOCATION).await.expect_err("not trusted");
    assert!(refused.class() == Class::Permanent && refused.to_string().contains("not trusted"), "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_outside_the_clean_room_is_refused_before_any_connection() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let file = tempfile::NamedTempFile::new()?;
    let authority = holdfast_localcloud::postgres::Authority::generate()?;
    std::fs::write(file.path(), authority.certificate_pem())?;
    let address = RoomAddress {
        host: "localhost".into(),
        port: listener.local_addr()?.port(),
        user: "master".into(),
        database: "shop".into(),
        language: verify::room::Language::Documents,
    };
    let desk = desk(&address, INTEGRITY).await?;
    let door = door(&file.path().display().to_string(), "10.0.0.0/8")?;
    let refused = desk.call(&door, &desk.first_call(), INVOCATION).await.expect_err("outside");
    assert!(refused.class() == Class::Permanent && refused.to_string().contains("outside the clean room"), "{refused}");
    let nobody = tokio::select! {
        biased;
        accepted = listener.accept() => accepted.map(|_| false)?,
        () = tokio::task::yield_now() => true,
    };
    assert!(nobody, "somebody connected");
    Ok(())
}
