//! Large objects: each lies as pages in `pg_largeobject`, and as one row in `pg_largeobject_metadata` that says whose it is. The pages are
//! counted, read and looked up in their index as those of any table; what is looked at here is that the two belong together.

use holdfast_domain::Outcome;
use tokio_postgres::{Client, Error};

use super::{Answer, counted, grouped};

/// Objects; those of them that have no page; and objects that have pages and are not known any more.
const OBJECTS: &str = "\
with stored as (select distinct loid from pg_catalog.pg_largeobject) \
select count(m.oid), count(m.oid) filter (where s.loid is null), count(s.loid) filter (where m.oid is null) \
from pg_catalog.pg_largeobject_metadata m full join stored s on s.loid = m.oid";

pub(super) async fn examine(client: &Client) -> Result<Answer, Error> {
    let row = client.query_one(OBJECTS, &[]).await?;
    Ok(judged(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// An object without pages is an empty one, and nobody can tell whether it always was: lost pages are found by the counts.
fn judged(known: i64, empty: i64, unknown: i64) -> Answer {
    let objects = counted(known, "large object");
    if unknown > 0 {
        let detail = format!("{objects}; the pages of {} more are there, and the objects are not", grouped(unknown));
        return (Outcome::Failed, detail);
    }
    let empty = if empty > 0 { format!(", {} of them without data", grouped(empty)) } else { String::new() };
    (Outcome::Passed, format!("{objects}{empty}; every page belongs to one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_objects_that_are_not_there_are_a_finding() {
        assert_eq!(judged(3, 0, 0), (Outcome::Passed, "3 large objects; every page belongs to one".into()));
        assert_eq!(
            judged(3, 1, 0),
            (Outcome::Passed, "3 large objects, 1 of them without data; every page belongs to one".into())
        );
        assert_eq!(
            judged(2, 0, 1),
            (Outcome::Failed, "2 large objects; the pages of 1 more are there, and the objects are not".into())
        );
    }
}
