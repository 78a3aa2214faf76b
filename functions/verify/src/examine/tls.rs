//! How the connection is protected. That it is, is certain by now: nothing here ever connects without.

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::Answer;

pub(super) async fn examine(client: &Client) -> Result<Answer, Error> {
    let found =
        client.query_opt("select version, cipher from pg_stat_ssl where pid = pg_backend_pid() and ssl", &[]).await?;
    Ok(match found {
        Some(row) => {
            let (version, cipher): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            (
                Outcome::Passed,
                format!("{version}, {cipher}, certificate from the expected roots and for the room's name"),
            )
        }
        // A proxy in between could end TLS for the server; then the server does not know of it.
        None => (Outcome::NotRun, "the server does not know of the connection's TLS".into()),
    })
}
