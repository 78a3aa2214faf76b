//! Query plans: forcing one, and reading which one it became. `enable_*` only makes the others dear; they are still taken where
//! nothing else will do, so what was forced is looked at before it is believed.

use serde_json::Value;
use tokio_postgres::{Error, Transaction};

/// How a `count(*)` will get its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scan {
    /// Page by page.
    Sequential,
    /// From the index of that name, looking at the table only where a page is not known to be all-visible.
    IndexOnly(String),
    /// A range of pages, by `ctid`.
    TidRange,
    /// Some other way.
    Other(String),
}

/// Only the table's pages. `enable_indexscan` rules index-only scans too.
pub(super) const FORCE_SEQUENTIAL: &str = "\
set local enable_seqscan = on; set local enable_indexscan = off; set local enable_indexonlyscan = off; \
set local enable_bitmapscan = off; set local enable_tidscan = off";

/// Only a range of pages.
pub(super) const FORCE_RANGE: &str = "\
set local enable_seqscan = off; set local enable_indexscan = off; set local enable_indexonlyscan = off; \
set local enable_bitmapscan = off; set local enable_tidscan = on";

/// Only an index. `enable_indexscan` must stay on: index-only scans are costed with it.
pub(super) const FORCE_INDEX_ONLY: &str = "\
set local enable_seqscan = off; set local enable_indexscan = on; set local enable_indexonlyscan = on; \
set local enable_bitmapscan = off; set local enable_tidscan = off";

/// How the server would run a count now.
pub(super) async fn scan_of(transaction: &Transaction<'_>, count: &str) -> Result<Scan, Error> {
    let row = transaction.query_one(&format!("explain (format json) {count}"), &[]).await?;
    Ok(scan(&row.try_get::<_, Value>(0)?))
}

fn scan(explained: &Value) -> Scan {
    // A count is an aggregate over one scan: [{"Plan": {"Node Type": "Aggregate", "Plans": [{"Node Type": …}]}}].
    let node = &explained[0]["Plan"]["Plans"][0];
    match (node["Node Type"].as_str(), node["Index Name"].as_str()) {
        (Some("Seq Scan"), _) => Scan::Sequential,
        (Some("Tid Range Scan"), _) => Scan::TidRange,
        (Some("Index Only Scan"), Some(index)) => Scan::IndexOnly(index.to_owned()),
        (other, _) => Scan::Other(other.unwrap_or("unknown").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_taken_for_what_it_is() {
        let explained = |scan: Value| json!([{"Plan": {"Node Type": "Aggregate", "Plans": [scan]}}]);
        let cases = [
            (explained(json!({"Node Type": "Seq Scan"})), Scan::Sequential),
            (explained(json!({"Node Type": "Tid Range Scan"})), Scan::TidRange),
            (explained(json!({"Node Type": "Index Only Scan", "Index Name": "a"})), Scan::IndexOnly("a".into())),
            (
                explained(json!({"Node Type": "Gather", "Plans": [{"Node Type": "Seq Scan"}]})),
                Scan::Other("Gather".into()),
            ),
            (json!([]), Scan::Other("unknown".into())),
        ];
        for (given, wanted) in cases {
            assert_eq!(scan(&given), wanted, "{given}");
        }
    }
}
