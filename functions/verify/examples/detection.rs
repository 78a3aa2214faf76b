//! Measures the detection table and writes `docs/detection.md`, without its file name:
//!
//! ```text
//! cargo run -p verify --example detection > docs/detection.md
//! ```
//!
//! It is the same run that the test `detected` makes; it takes about two minutes on two processors and leaves nothing behind.

#[path = "../tests/verify/copy.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod copy;
#[path = "../tests/verify/detection/mod.rs"]
mod detection;
#[path = "../tests/verify/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use holdfast_localcloud::postgres::{Binaries, Search};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let version = Binaries::find(&Search::default())?.version_text;
    let table = detection::rendered(&detection::measure().await?);
    print!("{}", TEXT.replace("@version", &version).replace("@table", &table));
    Ok(())
}

const TEXT: &str = "\
# What is found

## The damages

Every damage below is done to the files of a restored copy before its first start: with data checksums on and off, to a table that VACUUM
has marked all-visible and to one that it has never seen. Then Holdfast verifies one copy, and `pg_amcheck --heapallindexed
--parent-check --rootdescend` and `pg_dump` look at another with the same damage. Measured in one run with PostgreSQL @version; the test
`functions/verify/tests/verify/detected.rs` holds Holdfast's columns to it. Make it again with

```sh
cargo run -p verify --example detection > docs/detection.md
```

`integrity` needs nothing but the copy. `immutable` compares rows that never change with the last proved restore, and is named in the
plan for the tables that have such rows. **silent** means: exit code 0, no word.

@table

How to read it:

- A **zeroed page** is a valid empty page to PostgreSQL, with or without checksums. Only two counts that go different ways see it: by pages
  and by an index; where pages are not all-visible an index-only count looks at the pages after all, and it takes the count after VACUUM.
- With checksums off, **one flipped bit within a value** is a value like any other. Nothing in the copy contradicts it; only `immutable`
  does, because it knows what was there before. On RDS for PostgreSQL and Aurora, checksums are on.
- An **index entry to the wrong row** is found by looking every row of the table up in the index (`heapallindexed`).
- What is found names the table and, where a page cannot be read, the block; every other page and table is checked all the same, and the
  record says which have no finding.

What nobody finds: damage within GIN, GiST, SP-GiST, BRIN and hash indexes. PostgreSQL has no checker for them (version 18 brings one
for GIN, which is not used yet); such an index is *not run*, best effort, by name. Their tables are checked as any other.

## The checks

| check | asked for by | what it does | what its failure means |
|---|---|---|---|
| `count` | `integrity` | rows by pages against rows by an index, in one snapshot; a large table by ranges of pages and an index beside them | rows are lost, or the index has lost entries |
| `heap` | `integrity` | `verify_heapam` with TOAST, by ranges of pages | a page or row is damaged; pages that cannot be read are told one by one |
| `index` | `integrity` | `bt_index_check` with every row looked up in the index; an index that was never built to the end | wrong order, wrong or missing entries |
| `vacuum-count` | `integrity` | VACUUM, then rows by pages against items of a unique index | rows are lost, where pages are not all-visible too |
| `system-catalog` | `integrity` | `verify_heapam` and `bt_index_check` over all of `pg_catalog` | the database's own books are damaged |
| `large-objects` | `integrity`, where there are any | every page of one belongs to an object that is known; `count`, `heap`, `index` and `vacuum-count` (this one best effort) of `pg_largeobject` as of any table | objects are lost whose pages are still there |
| `constraint` | `integrity`, best effort | rows that a foreign key leads to nothing; rows that break a CHECK that was never validated | rows lost in one table are missed in another. `NOT VALID` constraints are said and fail nothing |
| `sequence` | `integrity` | readable, and not behind the column that it serves. One that jumped ahead, as after recovery, is no finding | new rows would collide with old ones |
| `schema`, `collations`, `server` | `integrity`, best effort | what is different from the last proved restore, in words; other rules to sort by than recorded; version, data checksums, and (in the record) how many bytes of data there are | nothing: they tell a person what to look at |
| `migrations` | `migrations` | the tool's own table: the expected migration is the last one, none is half done or failed; every table of the tool, if there are several | the schema is not the one that the application expects |
| `counts` | `counts` | a table's rows against the last proved restore | the table shrank by more than the plan allows |
| `immutable` | `immutable` | rows that never change, by months and days (UTC) of a column: counts and hashes against the last proved restore | what was there before is gone or different |
| `fresh`, `sql` | `fresh`, `sql` | the plan's own questions | as the plan says |

The last proved restore is the newest of the same resource whose run was judged *passed*, of data no newer than this. The first time there is
none: `counts` and `immutable` pass as the baseline, and say so. Rows that were changed on purpose (an erasure) fail `immutable` until the
check gets another name in the plan, which begins a new baseline. Added columns change nothing; after a dropped or retyped column counts are
compared and contents begin anew. Only days that ended a day before the recovery point's time are compared, because a transaction may commit
late. A check that the plan asks for and that could not run is *not run*, with the reason; if it was required, nothing is proved.

## What does not fit into one invocation

Everything that grows with a table is made in parts that are recorded one by one, spread over the connections, and taken up where the last
invocation left them:

| check | in parts of |
|---|---|
| `heap` | 128 MiB |
| `count` by pages | 512 MiB |
| `counts` | 512 MiB, or a 64th of a table above 32 GiB; every partition by itself |
| `immutable` | 128 MiB, or a 64th of a table above 8 GiB; every partition by itself |

What is left over is a part of its own only if it is half of one.

Parts are not read in one snapshot. Where they do not agree and somebody wrote to the server between them (the service's own bookkeeping is
enough), the whole is made once more in one piece before anything is called lost.

What PostgreSQL does in one statement only has to end within one invocation: the check of one index, the count by one index, VACUUM and the
count of an index's items after it, `counts` and `immutable` of a view, of a foreign table and of a table that others inherit from, and the
plan's own questions (300 s at most). What does not is *not run*, and its result says what a person can do.

## Silence

The other half of the promise is silence: `functions/verify/tests/verify/undamaged.rs` verifies more than fifty undamaged databases of every
sort, restored, recovered from WAL and without checksums, and allows no finding.
";
