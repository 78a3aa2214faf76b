//! The world around the function: databases, people, RDS's moods, and triggers that are lost, doubled, late or killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdfast_domain::inventory::{Database, DbSnapshot, DbSnapshotStatus, DbStatus};
use holdfast_domain::tags::Tags;
use holdfast_domain::{DbSnapshotId, Region, slot};
use holdfast_ledger::PLAN_KEY;
use holdfast_ports::PortErrorKind;
use holdfast_testkit::{Fault, MemoryCloud};
use holdfast_wire::{RdsHint, Trigger};
use jiff::{SignedDuration, Timestamp};
use snapshot::{Kept, Ports, handle};

use super::ledger;

/// The plan of the year: ten databases of all kinds.
fn plan() -> String {
    let mut text = String::from(
        "version: 1\nname: shop\nenvironment: prod\ntime_zone: UTC\nregions: { home: eu-west-1, primary: eu-central-1 }\nresources:\n",
    );
    let mut add = |kind: &str, count: usize, rules: &str| {
        for number in 1..=count {
            text.push_str(&format!(
                "  {kind}-{number}:\n    kind: {kind}\n    id: shop-{kind}-{number}\n    objectives: {{ rpo: 24h, rto: 2h }}\n{rules}"
            ));
        }
    };
    let three = "    snapshots:\n      daily: { at: \"cron(0 2 * * ? *)\", keep: 7d, takes_max: 6h }\n      \
                 weekly: { at: \"cron(0 2 ? * SUN *)\", keep: 28d }\n      monthly: { at: \"cron(0 2 1 * ? *)\", keep: 93d }\n";
    let hourly = "    overlap: forbidden\n    snapshots:\n      six-hourly: { at: \"cron(0 0/6 * * ? *)\", keep: 2d, takes_max: 1h }\n      \
                  daily: { at: \"cron(0 0 * * ? *)\", keep: 7d, takes_max: 1h }\n";
    add("rds-instance", 6, three);
    add("aurora-cluster", 2, three);
    add("docdb-cluster", 2, hourly);
    text.push_str(
        "alerts:\n  channels: { ops: { slack: \"secret:holdfast/slack\" } }\n  routes: { high: [ops], low: [ops] }\n",
    );
    text
}

/// Chance that can be had again.
struct Luck(u64);

impl Luck {
    /// Steele, Lea and Flood's SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// What happened in the world, for the report.
#[derive(Default)]
pub(crate) struct Weather {
    pub(crate) counts: BTreeMap<&'static str, usize>,
}

impl Weather {
    fn note(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

pub(crate) struct World {
    pub(crate) cloud: MemoryCloud,
    pub(crate) plan: holdfast_domain::Plan,
    pub(crate) weather: Weather,
    kept: Kept,
    luck: Luck,
    seed: u64,
    region: Region,
    databases: Vec<Database>,
    /// What is done to a database or a snapshot later, and when.
    later: Vec<(Timestamp, Later)>,
    /// The function does not run until then.
    outage_until: Timestamp,
    /// Snapshots whose fate is decided.
    known: BTreeSet<DbSnapshotId>,
    theirs: Vec<DbSnapshot>,
}

enum Later {
    Heal(Database),
    Finish(DbSnapshotId),
    RemoveFailed(DbSnapshotId),
    RemoveTheirs,
}

impl World {
    pub(crate) fn of(seed: u64) -> Self {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let compiled = holdfast_plan::read_yaml("plan.yaml", &plan()).unwrap_or_else(|problems| panic!("{problems}"));
        let cloud = MemoryCloud::at(now);
        cloud.put_object(PLAN_KEY, compiled.to_json());
        let plan = compiled.into_plan();
        let region = plan.primary.clone();
        let databases: Vec<_> = plan.resources.values().filter_map(|of| Database::of(&of.target)).collect();
        for database in &databases {
            match database {
                Database::Instance(id) => cloud.add_instance(&region, id),
                Database::Cluster(id) => cloud.add_cluster(&region, id, "aurora-postgresql"),
            }
        }
        // AWS's own default. Six instances need 6 × (7 + 4 + 3) = 84 at most; people's own come on top.
        cloud.set_snapshots_max(100);
        Self {
            cloud,
            plan,
            weather: Weather::default(),
            kept: Kept::default(),
            luck: Luck(seed),
            seed,
            region,
            databases,
            later: Vec::new(),
            outage_until: now,
            known: BTreeSet::new(),
            theirs: Vec::new(),
        }
    }

    /// Lives so many days, asserts what must hold, and reports.
    pub(crate) fn live(mut self, days: i64) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let begun = self.cloud.time();
        let end = begun + SignedDuration::from_hours(24 * days);
        while self.cloud.time() < end {
            let hour = self.cloud.time() + SignedDuration::from_hours(1);
            self.bad_luck();
            runtime.block_on(self.triggers());
            self.fates();
            // An event when something is complete, or the next sweep sees it.
            self.cloud.pass(SignedDuration::from_mins(5));
            if !self.luck.one_in(3) {
                runtime.block_on(self.invoke(&Trigger::Rds(RdsHint::default())));
                self.fates();
            }
            self.never_two_at_once();
            let rest = hour.duration_since(self.cloud.time());
            self.cloud.pass(rest.max(SignedDuration::ZERO));
            self.settle();
        }
        runtime.block_on(self.calm());
        self.nothing_of_others_was_touched();
        ledger::report(&self, self.seed, begun, end)
    }

    /// What goes wrong in this hour.
    fn bad_luck(&mut self) {
        let now = self.cloud.time();
        let hours = |luck: &mut Luck, most: u64| {
            let hours = i64::try_from(1 + luck.below(most)).expect("small");
            now + SignedDuration::from_hours(hours)
        };
        if now >= self.outage_until && self.luck.one_in(24 * 60) {
            self.outage_until = hours(&mut self.luck, 80);
            self.weather.note("outages of the function, up to 80 h");
        }
        if self.luck.one_in(20) {
            let index = self.luck.below(u64::try_from(self.databases.len()).expect("few"));
            let database = self.databases[usize::try_from(index).expect("few")].clone();
            let status = ["modifying", "stopped", "storage-full", "rebooting"]
                [usize::try_from(self.luck.below(4)).expect("few")];
            if !self.later.iter().any(|(_, later)| matches!(later, Later::Heal(known) if *known == database)) {
                self.cloud.set_database_status(&self.region, &database, DbStatus::read(status));
                self.later.push((hours(&mut self.luck, 60), Later::Heal(database)));
                self.weather.note("databases busy, stopped or broken, up to 60 h");
            }
        }
        if self.luck.one_in(24 * 30) && self.theirs.is_empty() {
            self.people_fill_the_quota();
            self.later.push((hours(&mut self.luck, 100), Later::RemoveTheirs));
            self.weather.note("quotas of manual snapshots used up by people, up to 100 h");
        }
        self.faults();
    }

    fn people_fill_the_quota(&mut self) {
        for number in 0..90 {
            let id: DbSnapshotId = format!("theirs-{number}").parse().expect("legal");
            let owner = Tags::from([("owner".into(), "somebody".into())]);
            self.cloud.add_snapshot(&self.region, &id, &"somebodys".parse().expect("legal"), owner);
        }
        let all = self.cloud.snapshots().into_iter();
        self.theirs = all.filter(|seen| seen.id.as_str().starts_with("theirs-")).collect();
    }

    fn faults(&mut self) {
        const CREATE: [&str; 2] = ["rds:CreateDBSnapshot", "rds:CreateDBClusterSnapshot"];
        const OTHERS: [&str; 7] = [
            "rds:DescribeDBInstances",
            "rds:DescribeDBSnapshots",
            "rds:DescribeDBClusters",
            "rds:AddTagsToResource",
            "s3:GetObject",
            "s3:PutObject",
            "events:PutEvents",
        ];
        if self.luck.one_in(30) {
            let create = CREATE[usize::try_from(self.luck.below(2)).expect("few")];
            self.cloud.fail(create, 1, Fault::Refused(PortErrorKind::Throttled));
            self.weather.note("throttled snapshots");
        }
        if self.luck.one_in(60) {
            let create = CREATE[usize::try_from(self.luck.below(2)).expect("few")];
            self.cloud.fail(create, 1, Fault::AnswerLost);
            self.weather.note("lost answers to snapshots");
        }
        if self.luck.one_in(15) {
            let operation = OTHERS[usize::try_from(self.luck.below(7)).expect("few")];
            let fault =
                if self.luck.one_in(2) { Fault::AnswerLost } else { Fault::Refused(PortErrorKind::Unavailable) };
            self.cloud.fail(operation, 1, fault);
            self.weather.note("other calls failed or lost");
        }
    }

    /// The schedule's trigger and the sweep: lost, late, doubled, killed, or as they should be.
    async fn triggers(&mut self) {
        let times = match self.luck.below(20) {
            0..=2 => {
                self.weather.note("triggers lost");
                return;
            }
            3 | 4 => {
                self.weather.note("triggers doubled");
                2
            }
            5 => {
                self.weather.note("triggers late, up to 40 min");
                let late = i64::try_from(self.luck.below(40)).expect("small");
                self.cloud.pass(SignedDuration::from_mins(late));
                1
            }
            6 => {
                self.weather.note("invocations killed");
                let calls = usize::try_from(self.luck.below(40)).expect("small");
                self.cloud.crash_after(Some(calls));
                1
            }
            _ => 1,
        };
        for _ in 0..times {
            self.invoke(&Trigger::Sweep).await;
        }
        self.cloud.crash_after(None);
    }

    async fn invoke(&mut self, trigger: &Trigger) {
        if self.cloud.time() < self.outage_until {
            return;
        }
        let ports = Ports { objects: &self.cloud, rds: &self.cloud, bus: &self.cloud, system: &self.cloud };
        let failed = handle(&ports, &self.kept, trigger, Duration::from_secs(60)).await.is_err();
        self.weather.note(if failed { "invocations that failed" } else { "invocations" });
        if self.luck.one_in(50) {
            // A cold start: nothing in memory.
            self.kept = Kept::default();
        }
    }

    /// What becomes of snapshots that were just begun.
    fn fates(&mut self) {
        let now = self.cloud.time();
        let mut begun: Vec<DbSnapshot> = Vec::new();
        self.cloud.each_snapshot(|seen| {
            if self.is_new(seen) {
                begun.push(seen.clone());
            }
        });
        for snapshot in begun {
            self.known.insert(snapshot.id.clone());
            let status = match self.luck.below(60) {
                0 | 1 => DbSnapshotStatus::Failed,
                2 | 3 => DbSnapshotStatus::Creating,
                _ => continue,
            };
            let after = SignedDuration::from_hours(i64::try_from(2 + self.luck.below(40)).expect("small"));
            let (what, later) = if status == DbSnapshotStatus::Failed {
                ("snapshots failed", Later::RemoveFailed(snapshot.id.clone()))
            } else {
                ("snapshots stuck, up to 42 h", Later::Finish(snapshot.id.clone()))
            };
            self.weather.note(what);
            self.cloud.edit_snapshot(&self.region, &snapshot.id, |seen| seen.status = status);
            if let Some(database) = self.databases.iter().find(|database| snapshot.is_of(database)) {
                self.cloud.set_database_status(&self.region, database, DbStatus::Available);
            }
            self.later.push((now + after, later));
        }
    }

    fn is_new(&self, seen: &DbSnapshot) -> bool {
        seen.id.as_str().starts_with(slot::OURS) && !self.known.contains(&seen.id)
    }

    /// What heals by itself or by somebody's hands, and the retention.
    fn settle(&mut self) {
        let now = self.cloud.time();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        for (_, later) in due {
            match later {
                Later::Heal(database) => {
                    self.cloud.set_database_status(&self.region, &database, DbStatus::Available);
                }
                Later::Finish(id) => {
                    self.cloud.edit_snapshot(&self.region, &id, |seen| seen.status = DbSnapshotStatus::Available);
                }
                Later::RemoveFailed(id) => {
                    self.cloud.remove_snapshot(&self.region, &id);
                    self.known.remove(&id);
                }
                Later::RemoveTheirs => {
                    self.nothing_of_others_was_touched();
                    for snapshot in std::mem::take(&mut self.theirs) {
                        self.cloud.remove_snapshot(&self.region, &snapshot.id);
                    }
                }
            }
        }
        self.expire(now);
    }

    /// The one that deletes, which is another function's: what no rule keeps any more.
    fn expire(&mut self, now: Timestamp) {
        let mut expired = Vec::new();
        self.cloud.each_snapshot(|seen| {
            let ours = seen.status == DbSnapshotStatus::Available && seen.id.as_str().starts_with(slot::OURS);
            if ours && ledger::kept_until(&self.plan, seen).is_some_and(|until| until < now) {
                expired.push(seen.id.clone());
            }
        });
        for id in expired {
            self.cloud.remove_snapshot(&self.region, &id);
            self.weather.note("recovery points expired");
        }
    }

    /// Two days in which nothing goes wrong: everything told must be over at their end.
    async fn calm(&mut self) {
        let now = self.cloud.time();
        self.outage_until = now;
        self.cloud.heal();
        for (at, _) in &mut self.later {
            *at = now;
        }
        self.settle();
        for _ in 0..48 * 2 {
            self.invoke(&Trigger::Sweep).await;
            self.cloud.pass(SignedDuration::from_mins(30));
            self.expire(self.cloud.time());
        }
    }

    /// At every moment at most one recovery point of a database is being made, but for one that has been stuck for longer than allowed.
    fn never_two_at_once(&self) {
        let now = self.cloud.time();
        let mut running: BTreeMap<String, DbSnapshotId> = BTreeMap::new();
        self.cloud.each_snapshot(|seen| {
            // Those of DocumentDB may never overlap, in this plan.
            let allowed = SignedDuration::from_hours(if seen.database.contains("docdb") { 100 } else { 6 });
            let young = seen.taken_at.is_some_and(|at| now.duration_since(at) < allowed);
            if seen.status == DbSnapshotStatus::Creating && young {
                let other = running.insert(seen.database.clone(), seen.id.clone());
                assert_eq!(other, None, "seed {}, {now}: two at once, the other {}", self.seed, seen.id);
            }
        });
    }

    /// Invariant 4: what it did not make it does not touch.
    fn nothing_of_others_was_touched(&self) {
        let now: Vec<_> =
            self.cloud.snapshots().into_iter().filter(|seen| seen.id.as_str().starts_with("theirs-")).collect();
        assert_eq!(now, self.theirs, "seed {}", self.seed);
    }
}
