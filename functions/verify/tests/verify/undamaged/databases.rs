//! Databases without damage that could be taken for damaged.

/// Name and statements (separated by `;;`), the master user's.
pub(super) const DATABASES: [(&str, &str); 18] = [
    (
        "partitions",
        "create table events (id int, at date not null, kind text not null) partition by range (at);;
        create table events_old partition of events for values from (minvalue) to ('2026-01-01');;
        create table events_new partition of events for values from ('2026-01-01') to ('2027-01-01') partition by list (kind);;
        create table events_new_a partition of events_new for values in ('a');;
        create table events_new_rest partition of events_new default;;
        create table events_rest partition of events default;;
        create index on events (kind, at);;
        insert into events select i, date '2025-06-01' + i % 400, chr(97 + i % 3) from generate_series(1, 3000) i;;
        create table buckets (id int primary key) partition by hash (id);;
        create table buckets_0 partition of buckets for values with (modulus 2, remainder 0);;
        create table buckets_1 partition of buckets for values with (modulus 2, remainder 1);;
        insert into buckets select generate_series(1, 1000);;
        alter table events detach partition events_old",
    ),
    (
        "large_values",
        "create table letters (id int primary key, outside text, packed text, either bytea);;
        alter table letters alter outside set storage external, alter packed set storage main;;
        insert into letters select i, repeat(md5(i::text), 300), repeat('packed well ', 4000), decode(repeat(md5(i::text), 200), 'hex')
          from generate_series(1, 100) i;;
        update letters set outside = outside || 'x' where id % 5 = 0;; delete from letters where id % 7 = 0;; vacuum letters",
    ),
    ("empty", "select 1"),
    (
        "unlogged",
        "create unlogged table cache (id int primary key, value text);;
        insert into cache select i, repeat('v', 3000) from generate_series(1, 200) i;;
        create unlogged table emptied (id int);; insert into emptied select generate_series(1, 100);; truncate emptied",
    ),
    (
        "index_types",
        "create table things (id int primary key, name text, tags int[], place point, span int4range, at timestamptz);;
        insert into things select i, 'thing ' || i % 50, array[i % 5, i % 7], point(i, -i), int4range(i, i + 3), now() - i * interval '1 h'
          from generate_series(1, 2000) i;;
        create index on things using hash (name);; create index on things using gin (tags);; create index on things using gist (place);;
        create index on things using spgist (place);; create index on things using gist (span);; create index on things using brin (at);;
        create index on things (name) include (at);; create index on things (lower(name)) where id % 2 = 0;;
        create index on things (at desc nulls last);; create unique index on things (id, name)",
    ),
    (
        "nulls",
        "create table sparse (a int unique, b text, c timestamptz, d numeric);;
        insert into sparse select case when i % 10 = 0 then i end, null, null, null from generate_series(1, 5000) i;;
        create index on sparse (b);; create index on sparse (c, d);; create table none (a int, b int);; insert into none default values",
    ),
    (
        "many_small",
        "do $$ begin for i in 1..150 loop
          execute format('create table small_%s (id int primary key)', i); execute format('insert into small_%s values (1)', i);
        end loop; end $$",
    ),
    (
        "sequences",
        "create table served (id bigserial primary key, note text);; insert into served (note) select 'n' from generate_series(1, 100);;
        create table always (id int generated always as identity primary key, note text);;
        insert into always (note) select 'n' from generate_series(1, 10);;
        create table own_ids (id serial primary key);; insert into own_ids select generate_series(1000, 1100);;
        create table rounds (id smallserial primary key);; alter sequence rounds_id_seq maxvalue 3 cycle;;
        insert into rounds (id) values (30), (31);; select nextval('rounds_id_seq');;
        create sequence downwards increment -1;; create table descending (id bigint primary key default nextval('downwards'));;
        alter sequence downwards owned by descending.id;; insert into descending select from generate_series(1, 20);;
        create sequence free start 7",
    ),
    (
        "churned",
        "create table churned (id int primary key, hits int not null, note text) with (fillfactor = 70);;
        insert into churned select i, 0, 'n' from generate_series(1, 4000) i;;
        update churned set hits = hits + 1;; update churned set hits = hits + 1 where id % 3 = 0;; delete from churned where id % 7 = 0;;
        vacuum churned;; update churned set id = id + 100000 where id % 11 = 0;; delete from churned where id > 103900;; vacuum (freeze) churned",
    ),
    (
        "never_vacuumed",
        "create table never (id bigint primary key, at timestamptz not null default now(), note text) with (autovacuum_enabled = off);;
        create index on never (note);; insert into never select i, now(), 'n' || i from generate_series(1, 4000) i;;
        delete from never where id <= 700;; update never set note = note || '!' where id % 3 = 0;;
        begin; insert into never select i, now(), 'undone' from generate_series(10001, 12000) i; rollback;;
        do $$ begin for i in 20001..20050 loop begin
          insert into never values (i); if i % 2 = 0 then raise exception 'undone'; end if;
        exception when raise_exception then null; end; end loop; end $$",
    ),
    (
        "exclusion",
        "create table bookings (room int, during tsrange, exclude using gist (during with &&) where (room = 1));;
        insert into bookings select 1, tsrange('2026-01-01'::timestamp + i * interval '1 h', '2026-01-01'::timestamp + (i + 1) * interval '1 h')
          from generate_series(1, 500) i;;
        create table deferred (id int unique deferrable initially deferred);; insert into deferred select generate_series(1, 100)",
    ),
    (
        "types",
        "create domain amount as numeric(12, 2) check (value >= 0);; create type mood as enum ('good', 'bad');;
        create type pair as (a int, b text);; create table mixed (id int primary key, price amount, how mood, both_of pair, doc jsonb, raw json,
          net inet, bits bit(5), gone money, at timetz, long interval, twice numeric generated always as (id * 2) stored);;
        insert into mixed (id, price, how, both_of, doc, raw, net, bits, gone, at, long)
          select i, i, 'good', row(i, 'b')::pair, jsonb_build_object('i', i), '[1]', '10.0.0.1', B'10101', 5, '12:00+02', '3 days'
          from generate_series(1, 500) i;;
        create index on mixed (how, price);; create index on mixed using gin (doc);; create unique index on mixed (twice)",
    ),
    (
        "large_objects",
        "select lo_from_bytea(0, convert_to(repeat('large object ', 3000), 'UTF8')) from generate_series(1, 20);;
        create table held (id int primary key, content oid);; insert into held select i, lo_from_bytea(0, 'held') from generate_series(1, 5) i;;
        select lo_unlink(content) from held where id = 3",
    ),
    (
        "foreign_keys",
        "create table regions (country text, code int, primary key (country, code));;
        insert into regions select 'c' || i % 5, i from generate_series(1, 100) i;;
        create table shops (id int primary key, country text, code int, parent int references shops,
          foreign key (country, code) references regions match full on delete cascade);;
        insert into shops select i, 'c' || i % 5, i, nullif(i / 2, 0) from generate_series(1, 100) i;; insert into shops values (1000, null, null, 1);;
        create table sales (id int, at date, shop int references shops deferrable initially deferred, primary key (id, at)) partition by range (at);;
        create table sales_2026 partition of sales for values from ('2026-01-01') to ('2027-01-01');;
        insert into sales select i, date '2026-01-01' + i % 300, 1 + i % 100 from generate_series(1, 2000) i;;
        create table refunds (sale int, at date, foreign key (sale, at) references sales);;
        insert into refunds select id, at from sales where id % 10 = 0;; insert into refunds values (99999, null);;
        create table odd (big bigint references shops (id));; insert into odd values (7), (null)",
    ),
    (
        "views",
        "create table base (id int primary key, amount int);; insert into base select i, i from generate_series(1, 1000) i;;
        create materialized view totals as select amount % 10 as digit, count(*) as number from base group by 1;;
        create unique index on totals (digit);; create materialized view never_filled as select * from base with no data;;
        create view shown as select * from base where amount > 5;; refresh materialized view concurrently totals;;
        create table parent (id int primary key);; create table child (extra text, primary key (id)) inherits (parent);;
        insert into parent select generate_series(1, 10);; insert into child select i, 'c' from generate_series(1, 20) i",
    ),
    (
        "names",
        "create schema \"Odd Schema\";; create schema \"a.b\";;
        create table \"Odd Schema\".\"Mixed \"\"Case\"\" table\" (\"Id\" int constraint \"Mixed \"\" key\" primary key, \"sel;ect\" text);;
        insert into \"Odd Schema\".\"Mixed \"\"Case\"\" table\" select i, 'v' from generate_series(1, 500) i;;
        create table \"a.b\".c (id serial primary key);; insert into \"a.b\".c select from generate_series(1, 5);;
        create table \"Größe – 表\" (\"Ключ\" int primary key references \"a.b\".c);; insert into \"Größe – 表\" values (1), (5);;
        create table \"order\" (\"user\" int, \"group\" serial, check (\"user\" > 0) not valid)",
    ),
    (
        "altered",
        "create table altered (id int primary key, gone text, kept int);; insert into altered select i, 'g', i from generate_series(1, 2000) i;;
        alter table altered add column later text default 'default', add column stamp timestamptz default now();;
        alter table altered drop column gone;; insert into altered select i, i from generate_series(2001, 3000) i;;
        alter table altered alter kept type bigint;; create index by_kept on altered (kept);; cluster altered using by_kept;;
        create table truncated (id int primary key);; insert into truncated select generate_series(1, 1000);; truncate truncated;;
        insert into truncated values (1);; create table copied as select * from altered;; vacuum full copied;;
        alter table copied set (autovacuum_enabled = off);; create index concurrently on copied (later)",
    ),
    (
        "locks_and_duplicates",
        "create table dup (a int, b text);; insert into dup select i % 3, 'same' from generate_series(1, 6000) i;;
        create index on dup (a);; create index on dup (b);; delete from dup where a = 1;; vacuum dup;;
        create table locked (id int primary key, n int);; insert into locked select i, 0 from generate_series(1, 300) i;;
        create table holds (id int references locked);;
        begin; select * from locked for share; savepoint s; update locked set n = 1 where id < 50; rollback to s;
          insert into holds select id from locked where id > 250; select * from locked for key share; commit;;
        begin; select * from locked where id % 2 = 0 for update; rollback",
    ),
];
