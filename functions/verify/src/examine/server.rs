//! What server it is, for the record: what can be found at all depends on it.

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::Answer;

const ABOUT: &str = "select current_setting('server_version'), current_setting('data_checksums') = 'on'";

pub(super) async fn examine(client: &Client) -> Result<Answer, Error> {
    let row = client.query_one(ABOUT, &[]).await?;
    let (version, checksums): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
    let checksums = if checksums {
        "data checksums on: every page read is held against its checksum"
    } else {
        "data checksums off: a flipped bit within a value is found only by rows that never change (the plan's `immutable`)"
    };
    // Packagers add who built it.
    let version = version.split_whitespace().next().unwrap_or("of unknown version");
    Ok((Outcome::Passed, format!("PostgreSQL {version}, {checksums}")))
}
