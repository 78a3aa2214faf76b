//! Plans at random over the whole language, each of them legal: parts are made freely, then fitted to each other.

mod fit;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use holdfast_domain::plan::{
    Account, Alerts, BucketPolicy, Channel, Checks, CopyRule, CountCheck, DocumentCheck, DocumentFreshness, Drill, Due,
    Elsewhere, External, FreshCheck, Heartbeat, ImmutableCheck, LossObjectives, MigrationsCheck, Objectives, Overlap,
    Pitr, Priority, QuietDay, QuietHours, Quotas, Resource, ResourceKind, RestoreFrom, RestoreTestRule, Retention,
    Routes, SlackBot, SnapshotDue, SnapshotRule, SqlCheck, Standby, Stream, Target, TierRule, WallTime,
};
use holdfast_domain::{Region, Requirement, Schedule, Severity};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::decode::{CLASSES, Draft, MAKERS, TOOLS, WEEKDAYS};

const REGIONS: [&str; 4] = ["eu-central-1", "eu-west-1", "us-east-1", "ap-southeast-2"];
const CHANNELS: [&str; 5] = ["c0", "c1", "c2", "c3", "c4"];
const NAMES: [&str; 3] = ["daily", "a1", "first-monday"];
const KEYS: [&str; 3] =
    ["alias/dr", "mrk-1234abcd12ab34cd56ef1234567890ab", "arn:aws:kms:eu-west-1:210987654321:key/1"];
const SQL: [&str; 3] = ["select 1", "with x as (select ';') select * from x", "table \"Ärger\""];
const SCHEDULES: [(&str, &str); 5] = [
    ("cron(0 2 * * ? *)", "UTC"),
    ("cron(30 2 ? * MON-FRI *)", "Europe/Berlin"),
    ("cron(0 6 ? * 2#1 *)", "America/New_York"),
    ("cron(0/15 8-17 L * ? *)", "UTC"),
    ("cron(0 0 1 1 ? 2027)", "Asia/Kolkata"),
];

fn legal<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn name<T: FromStr<Err: Debug> + Debug>() -> impl Strategy<Value = T> {
    select(&NAMES[..]).prop_map(legal)
}

fn region() -> impl Strategy<Value = Region> {
    select(&REGIONS[..]).prop_map(legal)
}

/// A line for people, as the decoder would leave it.
fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9äß\"'\\\\{}:#&*!|>%@`~\\[\\]][ -~é]{0,20}[a-z.;\"]"
}

fn text(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

fn meaning<T: Copy + Debug>(words: &'static [(&'static str, T)]) -> impl Strategy<Value = T> {
    select(words).prop_map(|(_, meaning)| meaning)
}

fn duration() -> impl Strategy<Value = SignedDuration> {
    let day_ms = 24 * 60 * 60 * 1000_i64;
    (1_i64..=90, select(vec![1, 1000, 60_000, 3_600_000, day_ms]))
        .prop_map(|(n, ms)| SignedDuration::from_millis(n * ms))
}

fn days(most: i64) -> impl Strategy<Value = SignedDuration> {
    (1..=most).prop_map(|days| SignedDuration::from_hours(days * 24))
}

fn minutes(most: i64) -> impl Strategy<Value = SignedDuration> {
    (1..=most).prop_map(SignedDuration::from_mins)
}

fn schedule() -> impl Strategy<Value = Schedule> {
    select(&SCHEDULES[..]).prop_map(|(at, zone)| Schedule::parse(at, zone).expect("legal"))
}

fn retention() -> impl Strategy<Value = Retention> {
    let age = (24_i64..100_000).prop_map(|hours| Retention::Age(SignedDuration::from_hours(hours)));
    let slots = (0..40_u32, 0..10_u32, 0..20_u32, 1..=100_u32)
        .prop_map(|(daily, weekly, monthly, yearly)| Retention::Slots { daily, weekly, monthly, yearly });
    prop_oneof![age, slots]
}

fn requirement() -> impl Strategy<Value = Requirement> {
    select(&[Requirement::Required, Requirement::BestEffort][..])
}

fn routes() -> impl Strategy<Value = Routes> {
    let route = subsequence(&CHANNELS[..], 1..=5).prop_map(|channels| channels.into_iter().map(legal).collect());
    btree_map(select(&Severity::ALL[..]), route, 1..=4)
}

fn channel() -> impl Strategy<Value = Channel> {
    let email = select(vec![vec!["a@example.com"], vec!["b@example.org", "a@example.com"]]).prop_map(|to| {
        Channel::Email { to: to.iter().map(|to| legal(to)).collect(), from: legal("holdfast@example.com") }
    });
    prop_oneof![
        Just(Channel::PagerDuty(legal("holdfast/pagerduty"))),
        Just(Channel::Slack(legal("holdfast/slack"))),
        Just(Channel::SlackBot(SlackBot { token: legal("bot"), conversation: "C024BE91L".into() })),
        email,
        Just(Channel::Webhook(legal("holdfast/siem"))),
    ]
}

fn quiet_hours() -> impl Strategy<Value = QuietHours> {
    let days = btree_set(meaning(WEEKDAYS).prop_map(QuietDay), 0..=7);
    let severities = btree_set(select(&[Severity::Info, Severity::Low][..]), 1..=2);
    (0..24_u8, 0..60_u8, 1..24_u8, days, severities).prop_map(|(hour, minute, later, days, severities)| QuietHours {
        from: WallTime::new(hour, minute).expect("legal"),
        until: WallTime::new((hour + later) % 24, minute).expect("legal"),
        days,
        time_zone: "Europe/Berlin".into(),
        severities,
    })
}

fn alerts() -> impl Strategy<Value = Alerts> {
    let channels = vec(channel(), CHANNELS.len())
        .prop_map(|channels| CHANNELS.iter().map(|name| legal(name)).zip(channels).collect());
    let heartbeat = (schedule(), subsequence(&CHANNELS[..], 1..=5))
        .prop_map(|(at, to)| Heartbeat { at, to: to.into_iter().map(legal).collect() });
    let waits = (of(minutes(1440)), of(minutes(1440)), of(minutes(1440)));
    (channels, routes(), waits, of(quiet_hours()), of(heartbeat)).prop_map(
        |(channels, routes, (escalate_after, update_every, report_within), quiet_hours, heartbeat)| Alerts {
            channels,
            routes,
            escalate_after,
            update_every,
            report_within,
            quiet_hours,
            heartbeat,
        },
    )
}

fn objectives() -> impl Strategy<Value = Objectives> {
    let loss = || of((duration(), duration()).prop_map(|(rpo, rto)| LossObjectives { rpo, rto }));
    (duration(), duration(), loss(), loss()).prop_map(|(rpo, rto, region, account)| Objectives {
        rpo,
        rto,
        region,
        account,
    })
}

fn snapshot() -> impl Strategy<Value = SnapshotRule> {
    let due =
        prop_oneof![schedule().prop_map(SnapshotDue::At), Just(SnapshotDue::OnChange), Just(SnapshotDue::OnDemand)];
    (due, retention(), of(1..10_000_000_000_000_u64), of(duration()))
        .prop_map(|(due, keep, size_min_bytes, takes_max)| SnapshotRule { due, keep, size_min_bytes, takes_max })
}

fn copy() -> impl Strategy<Value = CopyRule> {
    let rules = btree_set(name(), 0..=2);
    (
        region(),
        of(select(&["a1", "daily"][..]).prop_map(legal)),
        text(&KEYS),
        retention(),
        of(duration()),
        rules,
        of(days(400)),
    )
        .prop_map(|(region, account, key, keep, within, of, lock)| CopyRule {
            region,
            account,
            kms_key: Some(key),
            keep,
            within,
            of,
            lock,
        })
}

fn restore_test() -> impl Strategy<Value = RestoreTestRule> {
    let due = prop_oneof![schedule().prop_map(Due::At), name().prop_map(Due::After)];
    let from = prop_oneof![
        select(&[RestoreFrom::Latest, RestoreFrom::Random, RestoreFrom::Oldest, RestoreFrom::Pitr][..]),
        (0..7_000_000_000_i64).prop_map(|s| RestoreFrom::Time(Timestamp::from_second(s).expect("in range"))),
        Just(RestoreFrom::Chosen(legal("rds:orders-2026-11-20-02-00"))),
    ];
    (due, from, region(), text(&["db.t4g.medium", "db.r6g.2xlarge"]), minutes(7 * 1440)).prop_map(
        |(due, from, region, instance_class, deadline)| RestoreTestRule { due, from, region, instance_class, deadline },
    )
}

fn checks() -> impl Strategy<Value = Checks> {
    let fresh = (text(&SQL), duration(), requirement()).prop_map(|(sql, age_max, requirement)| FreshCheck {
        sql,
        age_max,
        requirement,
    });
    let sql = (text(&SQL), 1..u64::MAX, of(duration()), requirement())
        .prop_map(|(sql, rows_min, within, requirement)| SqlCheck { sql, rows_min, within, requirement });
    let migrations = (meaning(TOOLS), of(words()), requirement())
        .prop_map(|(tool, expect, requirement)| MigrationsCheck { tool, expect, requirement });
    let immutable = requirement().prop_map(|requirement| ImmutableCheck {
        table: "shop.orders".into(),
        before: "created_at".into(),
        requirement,
    });
    let count = (0..=99_u8, requirement()).prop_map(|(shrink_max_percent, requirement)| CountCheck {
        table: "orders".into(),
        shrink_max_percent,
        requirement,
    });
    let document_fresh = (text(&["created_at", "meta.at", "_id"]), duration())
        .prop_map(|(field, age_max)| DocumentFreshness { field, age_max });
    let filter = of(text(&["{}", "{\"a\": {\"$gt\": 1}}"]));
    let document = (filter, 1..1000_u64, of(duration()), of(document_fresh), of(0..=99_u8), requirement()).prop_map(
        |(filter, documents_min, within, fresh, shrink_max_percent, requirement)| DocumentCheck {
            collection: "app.users.eu".into(),
            filter,
            documents_min,
            within,
            fresh,
            shrink_max_percent,
            requirement,
        },
    );
    (
        of(requirement()),
        of(fresh),
        btree_map(name(), sql, 0..=2),
        of(migrations),
        btree_map(name(), immutable, 0..=2),
        btree_map(name(), count, 0..=2),
        btree_map(name(), document, 0..=2),
    )
        .prop_map(|(integrity, fresh, sql, migrations, immutable, counts, documents)| Checks {
            integrity,
            fresh,
            sql,
            migrations,
            immutable,
            counts,
            documents,
        })
}

fn tiers() -> impl Strategy<Value = Vec<TierRule>> {
    (subsequence(CLASSES, 0..=4), days(40)).prop_map(|(classes, step)| {
        let tier = |(at, (_, class)): (usize, (&str, _))| TierRule { after: step * (at as i32 + 1), class };
        classes.into_iter().enumerate().map(tier).collect()
    })
}

fn target(kind: ResourceKind, n: usize) -> Target {
    let id = format!("target-{n}");
    match kind {
        ResourceKind::RdsInstance => Target::RdsInstance(legal(&id)),
        ResourceKind::AuroraCluster => Target::AuroraCluster(legal(&id)),
        ResourceKind::DocDbCluster => Target::DocDbCluster(legal(&id)),
        ResourceKind::Bucket => Target::Bucket(legal(&id)),
        ResourceKind::TerraformState => Target::TerraformState(legal(&id)),
        ResourceKind::Secrets => Target::Secrets(format!("prod/{id}/")),
        ResourceKind::Redis => Target::Redis(id),
        ResourceKind::PostgresDump => Target::PostgresDump(legal(&id)),
        ResourceKind::MongoDump => Target::MongoDump(legal(&id)),
    }
}

fn resource(n: usize) -> impl Strategy<Value = Resource> {
    let pitr = (days(35), of(duration()), of(region())).prop_map(|(window, lag_max, replicate_to)| Pitr {
        window,
        lag_max,
        replicate_to,
    });
    let standby =
        (region(), duration()).prop_map(|(region, lag_max)| Standby { id: "standby".into(), region, lag_max });
    let external =
        (meaning(MAKERS), of(duration()), of(days(400))).prop_map(|(by, every, keep)| External { by, every, keep });
    let bucket = (of(days(400)), of(days(400)), any::<bool>())
        .prop_map(|(versions_keep, lock, mfa_delete)| BucketPolicy { versions_keep, lock, mfa_delete });
    let said = (
        of(name()),
        of(Just("https://runbooks.example.com/a#b".to_owned())),
        (1..=Priority::LAST).prop_map(|number| Priority::new(number).expect("legal")),
        btree_set(region(), 0..=2),
        of(select(&["daily", "a1"][..]).prop_map(legal)),
        any::<bool>(),
        prop_oneof![Just(Routes::new()), routes()],
    );
    let taken = (btree_map(name(), snapshot(), 0..=3), of(external), any::<bool>(), of(pitr), of(standby));
    let kept = (vec(copy(), 0..=3), tiers(), of(bucket));
    let proved = (btree_map(name(), restore_test(), 0..=3), checks());
    (select(&ResourceKind::ALL[..]), region(), objectives(), said, taken, kept, proved).prop_map(
        move |(kind, region, objectives, said, taken, kept, proved)| {
            let (owner, runbook, priority, regions_allowed, stream, encrypted, routes) = said;
            let (snapshots, external, forbidden, pitr, standby) = taken;
            let overlap = if forbidden { Overlap::Forbidden } else { Overlap::Allowed };
            let ((copies, tiers, bucket), (restore_tests, checks)) = (kept, proved);
            let mut resource = Resource {
                owner,
                runbook,
                priority,
                regions_allowed,
                stream,
                encrypted,
                standby,
                pitr,
                snapshots,
                overlap,
                external,
                copies,
                tiers,
                bucket,
                restore_tests,
                checks,
                routes,
                ..Resource::new(target(kind, n), region, objectives)
            };
            fit::fit(&mut resource);
            resource
        },
    )
}

/// Any plan that is legal.
pub(crate) fn draft() -> impl Strategy<Value = Draft> {
    let count = select(vec![1_usize, 2, 4]);
    let resources = count.prop_flat_map(|count| (0..count).map(resource).collect::<Vec<_>>()).prop_map(|resources| {
        resources.into_iter().enumerate().map(|(n, resource)| (legal(&format!("r{n}")), resource)).collect()
    });
    let people =
        (btree_map(name(), words(), 3), btree_map(name(), (schedule(), words(), any::<bool>()), 0..=2), words());
    let quotas = (1..1_000_000_u32, 1..1_000_000_u32, 1..1_000_000_u32).prop_map(
        |(db_snapshots, db_cluster_snapshots, db_instances)| Quotas {
            db_snapshots,
            db_cluster_snapshots,
            db_instances,
        },
    );
    let regions = (region(), region(), btree_set(region(), 0..=3));
    (resources, people, quotas, regions, 1..=40_u32, any::<bool>(), alerts()).prop_map(
        |(resources, (owners, drills, covered), quotas, (home, primary, mut dr), rooms_max, erased, alerts)| {
            dr.remove(&primary);
            let drill = |(name, (at, what, named))| {
                (name, Drill { at, what, runbook: bool::then(named, || "http://10.0.0.1/runbook".into()) })
            };
            Draft {
                name: legal("everything"),
                environment: legal("prod"),
                home,
                primary,
                dr,
                accounts: accounts(),
                owners,
                resources,
                elsewhere: BTreeMap::from([(
                    legal("code"),
                    Elsewhere { what: covered.clone(), by: covered, owner: erased.then(|| legal("a1")) },
                )]),
                streams: BTreeMap::from([
                    (legal("daily"), Stream { kms_key: KEYS[0].into(), account: None }),
                    (legal("a1"), Stream { kms_key: KEYS[1].into(), account: Some(legal("daily")) }),
                ]),
                erasures: erased.then(|| "s3://config/erasures of 2026.jsonl".into()),
                drills: drills.into_iter().map(drill).collect(),
                rooms_max,
                quotas,
                alerts,
            }
        },
    )
}

fn accounts() -> BTreeMap<holdfast_domain::AccountName, Account> {
    let account =
        |name, id: &str| (legal(name), Account { id: legal(id), role: format!("arn:aws:iam::{id}:role/holdfast") });
    BTreeMap::from([account("a1", "210987654321"), account("daily", "000000000001")])
}
