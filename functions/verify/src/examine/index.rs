//! `bt_index_check` with every row of the table looked up in the index (`heapallindexed`): the only check that sees an index entry
//! that points to the wrong row when checksums are off.

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::Answer;
use crate::work::Relation;

/// What is wrong with an index comes as an error of the server.
pub(super) async fn examine(client: &Client, index: &Relation, function: &str) -> Result<Answer, Error> {
    client.execute(&format!("select {function}($1::oid::regclass, true)"), &[&index.oid]).await?;
    Ok((Outcome::Passed, "in order, and every row of the table is in it".into()))
}
