//! What server it is, for the record: what can be found at all depends on it.

use holdfast_domain::Outcome;
use holdfast_ledger::Observed;
use tokio_postgres::{Client, Error};

use super::{Meaning, Seen, meaning};

const ABOUT: &str = "select current_setting('server_version'), current_setting('data_checksums') = 'on'";

/// Of every database that is listed, and whether we may ask. RDS says how large a DB snapshot is, and nothing of a DB cluster snapshot.
const DATA: &str = "\
with known as (select oid, has_database_privilege(oid, 'connect') or pg_has_role('pg_read_all_stats', 'usage') as ours \
  from pg_database where not datistemplate and datname <> 'rdsadmin') \
select bool_and(ours), sum(case when ours then pg_database_size(oid) end)::int8 from known";

pub(super) async fn examine(client: &Client) -> Result<Seen, Error> {
    let row = client.query_one(ABOUT, &[]).await?;
    let (version, checksums): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    let checksums = if checksums {
        "data checksums on: every page read is held against its checksum"
    } else {
        "data checksums off: a flipped bit within a value is found only by rows that never change (the plan's `immutable`)"
    };
    // Packagers add who built it.
    let version = version.split_whitespace().next().unwrap_or("of unknown version");
    let observed = data_bytes(client).await?.map(Observed::Bytes);
    Ok(Seen { answer: (Outcome::Passed, format!("PostgreSQL {version}, {checksums}")), observed })
}

/// All data, or nothing if the server does not tell all of it.
async fn data_bytes(client: &Client) -> Result<Option<u64>, Error> {
    let row = match client.query_one(DATA, &[]).await {
        Ok(row) => row,
        Err(error) if meaning(&error) == Meaning::Lost => return Err(error),
        Err(_) => return Ok(None),
    };
    let (all, bytes): (Option<bool>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(bytes.filter(|_| all == Some(true)).and_then(|bytes| u64::try_from(bytes).ok()))
}
