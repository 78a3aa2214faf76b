//! A sample database of real variety, for drills and tests.
//!
//! What a check of a restored database can go wrong on is in it: foreign keys, values large enough for TOAST, unique, partial
//! and expression indexes, an identity and a free sequence, a table that was never vacuumed, and rows written just now. The
//! content depends on row numbers only, times apart, so that two runs can be compared.

use jiff::Timestamp;
use tokio_postgres::Client;

use crate::postgres::{Login, PostgresError};

/// Rows of the tables. The sum is about 300,000: large enough to fill many pages, small enough for seconds.
const CUSTOMERS: u64 = 20_000;
const ORDERS: u64 = 60_000;
const ITEMS: u64 = 180_000;
const DOCUMENTS: u64 = 2_000;
const EVENTS: u64 = 40_000;

/// The tables, parents first.
const SCHEMA: &str = "
create table customers (
  id bigint generated always as identity primary key,
  email text not null,
  name text not null,
  country char(2) not null,
  deleted_at timestamptz,
  created_at timestamptz not null
);
create table orders (
  id bigint generated always as identity primary key,
  customer_id bigint not null,
  reference uuid not null,
  status text not null check (status in ('open', 'paid', 'shipped', 'cancelled')),
  total_cents bigint not null check (total_cents >= 0),
  created_at timestamptz not null
);
create table order_items (
  order_id bigint not null,
  line integer not null,
  sku text not null,
  quantity integer not null check (quantity > 0),
  price_cents bigint not null,
  primary key (order_id, line)
);
create table documents (
  id bigint primary key,
  customer_id bigint not null,
  body jsonb not null,
  created_at timestamptz not null
);
create table events (
  id bigint generated always as identity primary key,
  kind text not null,
  payload jsonb not null,
  created_at timestamptz not null
) with (autovacuum_enabled = false, toast.autovacuum_enabled = false);
create sequence invoice_numbers start 1000;
";

/// Times run backwards from now: the newest row of each table is seconds old. Every document's body is far beyond the 2 kB from
/// which on values leave their row; hashes do not compress, so that it stays there.
const ROWS: &str = "
insert into customers (email, name, country, deleted_at, created_at)
select 'Customer' || n || '@example.com', 'Customer ' || n, (array['DE','FR','PL','PT','US'])[1 + n % 5],
       case when n % 50 = 0 then now() end, now() - (@customers - n) * interval '5 minutes'
from generate_series(1, @customers) n;

insert into orders (customer_id, reference, status, total_cents, created_at)
select 1 + n * 7919 % @customers, md5('order' || n)::uuid, (array['open','paid','shipped','cancelled'])[1 + n % 4],
       100 + n * 31 % 100000, now() - (@orders - n) * interval '1 minute'
from generate_series(1, @orders) n;

insert into order_items (order_id, line, sku, quantity, price_cents)
select 1 + (n - 1) / 3, 1 + (n - 1) % 3, 'SKU-' || n * 13 % 5000, 1 + n % 4, 50 + n * 17 % 9000
from generate_series(1, @items) n;

insert into documents (id, customer_id, body, created_at)
select n, 1 + n % @customers,
       jsonb_build_object('title', 'Document ' || n, 'parts', (select jsonb_agg(md5(n || '/' || part)) from generate_series(1, 80) part)),
       now() - (@documents - n) * interval '10 minutes'
from generate_series(1, @documents) n;

insert into events (kind, payload, created_at)
select (array['login','view','purchase','logout'])[1 + n % 4], jsonb_build_object('n', n, 'session', md5('s' || n / 20)),
       now() - (@events - n) * interval '10 seconds'
from generate_series(1, @events) n;

select nextval('invoice_numbers') from generate_series(1, 250);
";

/// Indexes and foreign keys come after the rows: one pass for each instead of one look per row, and better packed pages.
const INDEXES: &str = "
create unique index customers_email_lower on customers (lower(email));
create index customers_active on customers (country) where deleted_at is null;
create unique index orders_reference on orders (reference);
create index orders_customer on orders (customer_id);
create index orders_open on orders (created_at) where status = 'open';
create index order_items_sku on order_items (sku);
create index documents_body on documents using gin (body jsonb_path_ops);
create index events_created on events (created_at);
create index events_session on events ((payload ->> 'session'));
alter table orders add foreign key (customer_id) references customers;
alter table order_items add foreign key (order_id) references orders on delete cascade;
alter table documents add foreign key (customer_id) references customers;
";

/// All tables but `events` get a visibility map; what a count by index is worth differs with it.
const VACUUMED: [&str; 4] = ["customers", "orders", "order_items", "documents"];
const TABLES: [&str; 5] = ["customers", "documents", "events", "order_items", "orders"];

/// What was put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Tables and their rows, by name.
    pub tables: Vec<(String, u64)>,
    /// `created_at` of the newest order.
    pub newest_order_at: Timestamp,
}

impl Sample {
    /// Rows of all tables together.
    pub fn rows_total(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// Fills an empty database. Log in as the master user, who then owns everything.
///
/// # Errors
/// When the server refuses, as it does if the tables exist already.
pub async fn seed(login: &Login) -> Result<Sample, PostgresError> {
    let client = login.connect().await?;
    let sql = |context| PostgresError::sql(context);
    client.batch_execute(SCHEMA).await.map_err(sql("create the sample tables"))?;
    client.batch_execute(&rows_statement()).await.map_err(sql("fill the sample tables"))?;
    client.batch_execute(INDEXES).await.map_err(sql("index the sample tables"))?;
    for table in VACUUMED {
        // VACUUM cannot run in a transaction, and a batch of several statements is one.
        client.batch_execute(&format!("vacuum (analyze) {table}")).await.map_err(sql("vacuum the sample tables"))?;
    }
    summarize(&client).await
}

/// Adds one order made just now and returns its id: a fact to look for after a restore.
///
/// # Errors
/// When the sample is not there.
pub async fn add_order(login: &Login) -> Result<i64, PostgresError> {
    let client = login.connect().await?;
    let statement = "insert into orders (customer_id, reference, status, total_cents, created_at)
                     values (1, gen_random_uuid(), 'open', 4200, clock_timestamp()) returning id";
    let row = client.query_one(statement, &[]).await.map_err(PostgresError::sql("add an order"))?;
    Ok(row.get(0))
}

fn rows_statement() -> String {
    [("@customers", CUSTOMERS), ("@orders", ORDERS), ("@items", ITEMS), ("@documents", DOCUMENTS), ("@events", EVENTS)]
        .iter()
        .fold(ROWS.to_owned(), |text, (name, rows)| text.replace(name, &rows.to_string()))
}

async fn summarize(client: &Client) -> Result<Sample, PostgresError> {
    let mut tables = Vec::new();
    for table in TABLES {
        let row = client
            .query_one(&format!("select count(*) from {table}"), &[])
            .await
            .map_err(PostgresError::sql("count the sample rows"))?;
        tables.push((table.to_owned(), row.get::<_, i64>(0).unsigned_abs()));
    }
    let row = client
        .query_one("select max(created_at) from orders", &[])
        .await
        .map_err(PostgresError::sql("find the newest order"))?;
    Ok(Sample { tables, newest_order_at: row.get(0) })
}
