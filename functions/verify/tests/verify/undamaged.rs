//! No finding where there is no damage: databases of every sort, restored from a backup, recovered after a crash as after a restore to a
//! point in time, and without data checksums.

mod databases;

use holdfast_domain::Verdict;
use holdfast_ledger::{OutcomeWord, Verification};

use self::databases::DATABASES;
use crate::copy::{Copy, PASSWORD, Prepared};
use crate::support::{Desk, told, verdict};

/// A source with every sort of database.
async fn source(data_checksums: bool) -> anyhow::Result<Prepared> {
    Prepared::with(data_checksums, async |copy| {
        for (name, sql) in DATABASES {
            copy.run(&format!("create database {name}")).await?;
            copy.run_in(name, sql).await?;
        }
        Ok(())
    })
    .await
}

/// How many of the databases were verified, each without a failed check.
async fn undamaged(copy: &Copy) -> anyhow::Result<usize> {
    let desk = Desk::new(&copy.address(), PASSWORD, "{ integrity: full }").await?;
    let record = desk.verify(&copy.door()?).await?;
    assert_eq!(told(&record, &[OutcomeWord::Failed]), [""; 0]);
    assert_eq!(verdict(&record), Verdict::Passed, "{:#?}", told(&record, &[OutcomeWord::NotRun]));
    Ok(DATABASES.iter().filter(|(name, _)| looked_at(&record, name)).count())
}

fn looked_at(record: &Verification, database: &str) -> bool {
    record
        .results
        .iter()
        .any(|result| result.check == format!("system-catalog {database}") && result.outcome == OutcomeWord::Passed)
}

#[tokio::test]
async fn fifty_undamaged_databases_have_no_finding() -> anyhow::Result<()> {
    let mut number = 0;
    let prepared = source(true).await?;
    let copy = prepared.restore(None).await?;
    number += undamaged(&copy).await?;
    // Verification vacuums: what it did is in the WAL too, so this copy is a fresh one.
    let copy = prepared.restore(None).await?;
    copy.run_in("sequences", "insert into served (note) select 'after the checkpoint' from generate_series(1, 3)")
        .await?;
    let copy = copy.recovered().await?;
    assert_jumped(&copy).await?;
    number += undamaged(&copy).await?;
    drop((copy, prepared));
    let prepared = source(false).await?;
    number += undamaged(&prepared.restore(None).await?).await?;
    assert!(number >= 50, "{number} databases");
    Ok(())
}

/// The test would prove nothing about jumped sequences if none had jumped.
async fn assert_jumped(copy: &Copy) -> anyhow::Result<()> {
    let client = copy.server.admin().with_database("sequences").connect().await?;
    let row = client.query_one("select last_value - (select max(id) from served) from served_id_seq", &[]).await?;
    assert!(row.get::<_, i64>(0) > 0, "the sequence has not jumped");
    Ok(())
}
