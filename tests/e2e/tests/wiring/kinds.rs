//! Recovery points of every kind of database that RDS keeps: one plan, one function, one decision for all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sdk_rds::types::Tag;
use holdfast_domain::inventory::Database as Of;
use holdfast_domain::{DbSnapshotId, Slot, slot, tags};
use holdfast_e2e::{Database, Draft, ENVIRONMENT, Look, PLAN, RUN_WITHIN, Site, eventually};
use holdfast_ledger::{Ledger, RecoveryPointRecord, SizeFrom, WATCH_KEY, Watch};
use holdfast_localcloud::cloud::HOME;
use holdfast_localcloud::rds::ClusterId;
use jiff::{Timestamp, tz::TimeZone};

/// A DB instance of RDS for PostgreSQL.
const ORDERS: &str = "orders-db";
/// An Aurora cluster; two rules of it meet in one slot.
const CARTS: &str = "carts";
/// A DocumentDB cluster.
const DOCS: &str = "docs";

/// What must be seen of each, times and names apart. Of a cluster's snapshot RDS tells no size, and no restore test has measured one.
const EXPECTED: [[&str; 6]; 3] = [
    ["rds-instance", ORDERS, "daily", "available", "told by RDS", "no"],
    ["aurora-cluster", CARTS, "daily monthly", "available", "unknown", "yes"],
    ["docdb-cluster", DOCS, "daily", "available", "unknown", "yes"],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_database_gets_its_recovery_point_and_what_others_made_stays() -> Result<()> {
    // The draft makes the instance; clusters, and the plan with them, are beyond what a draft can say.
    let mut site = Site::raise(&Draft::due_now([Database::named(ORDERS)]), |_| {}).await?;
    let outcome = async {
        make_clusters(&site).await?;
        site.cloud.rds.take_aws_backup_snapshot(&site.rds_region(), &site.instance(ORDERS)?).await?;
        for cluster in [CARTS, DOCS] {
            let id = ClusterId::parse(cluster)?;
            site.cloud.rds.take_aws_backup_cluster_snapshot(&site.rds_region(), &id).await?;
        }
        let theirs = of_type(&site, "awsbackup").await?;
        ensure!(theirs.len() == 3 && theirs.iter().all(|one| one.tags.is_empty()), "{theirs:?}");

        let due = Draft::due_soon([])?.minute()?;
        let compiled = holdfast_plan::read_yaml("plan.yaml", &plan(due)).map_err(|problems| anyhow!("{problems}"))?;
        site.follow_compiled(compiled, Slot::at(due));
        site.deploy().await?;

        let mut rows = Vec::new();
        for [kind, name, ..] in EXPECTED {
            rows.push(Row { kind, name, record: complete(&site, name).await?, seen: taken(&site, name).await? });
        }
        eprintln!("\nslot {}\n{}", site.slot, table(&rows, due)?);
        for (row, expected) in rows.iter().zip(EXPECTED) {
            ensure!(row.stable() == expected, "{:?} where {expected:?} is right", row.stable());
            row.holds_together(&site, due)?;
        }
        others_are_seen_and_left(&site, &theirs).await?;
        ensure!(site.slack("").is_empty(), "nobody is told of what is well: {:?}", site.slack(""));
        site.nothing_was_lost().await
    };
    let outcome = outcome.await;
    site.end(outcome).await
}

/// The plan: every rule is due at one minute, and never again.
fn plan(due: Timestamp) -> String {
    let cron = due.to_zoned(TimeZone::UTC).strftime("cron(%-M %-H %-d %-m ? %Y)");
    let mut text = format!(
        "version: 1\nname: {PLAN}\nenvironment: {ENVIRONMENT}\ntime_zone: UTC\n\
         regions: {{ home: {HOME}, primary: eu-central-1 }}\nresources:\n"
    );
    for [kind, name, rules, ..] in EXPECTED {
        let _ = write!(
            text,
            "  {name}:\n    kind: {kind}\n    id: {name}\n    objectives: {{ rpo: 24h, rto: 2h }}\n    snapshots:\n"
        );
        for (rule, keep) in rules.split(' ').zip(["7d", "90d"]) {
            let _ = writeln!(text, "      {rule}: {{ at: \"{cron}\", keep: {keep} }}");
        }
    }
    text.push_str(
        "alerts:\n  channels: { ops: { slack: \"secret:holdfast/slack\" } }\n  \
         routes: { critical: [ops], high: [ops], low: [ops] }\n",
    );
    text
}

/// An Aurora cluster with one instance and a DocumentDB cluster with none, both encrypted.
async fn make_clusters(site: &Site) -> Result<()> {
    let client = site.cloud.rds_client(site.region());
    for (id, engine) in [(CARTS, "aurora-postgresql"), (DOCS, "docdb")] {
        let call = client.create_db_cluster().db_cluster_identifier(id).engine(engine).storage_encrypted(true);
        call.master_username("app").master_user_password("local-test-only").send().await.context(id)?;
    }
    eventually("both clusters are available", RUN_WITHIN, async || {
        let seen = client.describe_db_clusters().send().await?;
        let statuses: Vec<_> = seen.db_clusters().iter().map(|cluster| cluster.status().unwrap_or_default()).collect();
        Ok(Look::at(statuses == ["available", "available"], || format!("{statuses:?}")))
    })
    .await?;
    let member = client.create_db_instance().db_instance_identifier("carts-1").db_cluster_identifier(CARTS);
    member.db_instance_class("db.r6g.large").engine("aurora-postgresql").send().await.context("carts-1")?;
    site.cloud.available(site.region(), &"carts-1".parse()?).await
}

/// A DB snapshot or DB cluster snapshot as RDS shows it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    id: String,
    of: String,
    status: String,
    encrypted: bool,
    taken_at: Option<Timestamp>,
    tags: BTreeMap<String, String>,
}

/// Every snapshot of a type, of instances and of clusters.
async fn of_type(site: &Site, kind: &str) -> Result<Vec<Seen>> {
    let client = site.cloud.rds_client(site.region());
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let instant = |at: Option<&aws_sdk_rds::primitives::DateTime>| {
        at.and_then(|at| Timestamp::from_nanosecond(at.as_nanos()).ok())
    };
    let instances = client.describe_db_snapshots().snapshot_type(kind).send().await?;
    let clusters = client.describe_db_cluster_snapshots().snapshot_type(kind).send().await?;
    let instances = instances.db_snapshots().iter().map(|seen| Seen {
        id: text(seen.db_snapshot_identifier()),
        of: text(seen.db_instance_identifier()),
        status: text(seen.status()),
        encrypted: seen.encrypted() == Some(true),
        taken_at: instant(seen.snapshot_create_time()),
        tags: tags_of(seen.tag_list()),
    });
    let clusters = clusters.db_cluster_snapshots().iter().map(|seen| Seen {
        id: text(seen.db_cluster_snapshot_identifier()),
        of: text(seen.db_cluster_identifier()),
        status: text(seen.status()),
        encrypted: seen.storage_encrypted() == Some(true),
        taken_at: instant(seen.snapshot_create_time()),
        tags: tags_of(seen.tag_list()),
    });
    Ok(instances.chain(clusters).collect())
}

fn tags_of(list: &[Tag]) -> BTreeMap<String, String> {
    list.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

/// Waits until the ledger says that the recovery point of a resource is complete.
async fn complete(site: &Site, name: &str) -> Result<RecoveryPointRecord> {
    eventually(&format!("the recovery point of {name} is recorded as complete"), RUN_WITHIN, async || {
        Ok(match site.recovery_point(name).await? {
            Some(record) if record.available_seen_at.is_some() => Look::Is(record),
            Some(record) => Look::NotYet(format!("asked for at {}", record.requested_at)),
            None => Look::NotYet("no record".into()),
        })
    })
    .await
}

/// The one manual snapshot that there is of a database.
async fn taken(site: &Site, name: &str) -> Result<Seen> {
    let mut seen = of_type(site, "manual").await?;
    seen.retain(|one| one.of == name);
    ensure!(seen.len() == 1, "one recovery point of {name}: {seen:?}");
    seen.pop().context("it was counted")
}

/// A recovery point: what the ledger says and what RDS shows.
struct Row {
    kind: &'static str,
    name: &'static str,
    record: RecoveryPointRecord,
    seen: Seen,
}

impl Row {
    fn rules(&self) -> &str {
        self.seen.tags.get(tags::RULES).map_or("", String::as_str)
    }

    fn size(&self) -> String {
        self.record.size_bytes.map_or_else(|| "unknown".into(), |bytes| format!("{} KiB", bytes >> 10))
    }

    fn size_source(&self) -> &'static str {
        match self.record.size_from {
            Some(SizeFrom::Rds) => "told by RDS",
            Some(SizeFrom::RestoreTest) => "told by a restore test",
            None => "unknown",
        }
    }

    fn encrypted(&self) -> &'static str {
        match self.record.encrypted {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        }
    }

    /// What is the same in every run.
    fn stable(&self) -> [String; 6] {
        [self.kind, self.name, self.rules(), &self.seen.status, self.size_source(), self.encrypted()].map(str::to_owned)
    }

    /// Sees that tags, ledger and RDS say the same, and that nothing was done before its time.
    fn holds_together(&self, site: &Site, due: Timestamp) -> Result<()> {
        let Self { name, record, seen, .. } = self;
        let rules = record.rules().collect::<Vec<_>>();
        let (plan, environment, resource) = (&site.plan.name, &site.plan.environment, name.parse()?);
        let expected = tags::of_recovery_point(plan, environment, &resource, &rules, site.slot);
        ensure!(seen.tags == expected && record.rules == self.rules(), "{:?} where {expected:?} is right", seen.tags);
        ensure!(seen.id == record.snapshot.as_str() && seen.id == expected_id(site, name)?.as_str(), "{}", seen.id);
        ensure!((record.resource == resource) && record.slot == site.slot && record.requested.is_none(), "{record:?}");
        ensure!(
            Some(seen.encrypted) == record.encrypted && seen.taken_at == record.taken_at,
            "{seen:?} and {record:?}"
        );
        let is_sized = record.size_bytes.is_some_and(|size| size > 0);
        ensure!(is_sized == record.size_from.is_some() && record.failed_seen_at.is_none(), "{record:?}");
        let order = [Some(due), Some(record.requested_at), record.available_seen_at];
        ensure!(order.is_sorted() && record.taken_at >= Some(due), "{record:?}");
        Ok(())
    }
}

/// The name that a recovery point must have: of an instance and of a cluster RDS allows different lengths.
fn expected_id(site: &Site, name: &str) -> Result<DbSnapshotId> {
    let resource = name.parse()?;
    let target = &site.plan.resources.get(&resource).context("it is in the plan")?.target;
    Ok(match Of::of(target).context("a database of RDS")? {
        Of::Instance(_) => slot::db_snapshot_id(&site.plan.name, &site.plan.environment, &resource, site.slot),
        Of::Cluster(_) => slot::db_cluster_snapshot_id(&site.plan.name, &site.plan.environment, &resource, site.slot),
    })
}

/// The recovery points as a person reads them; times are seconds after the slot.
fn table(rows: &[Row], due: Timestamp) -> Result<String> {
    let after = |at: Option<Timestamp>| {
        at.map_or_else(|| "-".to_owned(), |at| format!("+{:.1} s", at.duration_since(due).as_secs_f64()))
    };
    let head = ["kind", "recovery point", "rules", "status", "taken", "complete", "size", "encrypted"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let (taken, complete) = (after(row.seen.taken_at), after(row.record.available_seen_at));
        let [kind, _, rules, status, _, encrypted] = row.stable();
        [kind, row.seen.id.clone(), rules, status, taken, complete, row.size(), encrypted]
    }));
    let widths: [usize; 8] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or_default());
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(text)
}

/// What AWS Backup made is as it was and counted; of RDS nothing was asked but to show and to take, once for each database.
async fn others_are_seen_and_left(site: &Site, before: &[Seen]) -> Result<()> {
    let after = of_type(site, "awsbackup").await?;
    ensure!(after == before, "{after:?} where there was {before:?}");
    eventually("what AWS Backup made is in the inventory", RUN_WITHIN, async || {
        let objects = site.cloud.objects()?;
        let watch = Ledger::new(&objects, &holdfast_aws::System).read::<Watch>(WATCH_KEY).await?;
        let resources = watch.map(|held| held.body.resources).unwrap_or_default();
        let counted =
            |name: &str| -> Option<usize> { Some(resources.get(&name.parse().ok()?)?.others.get("awsbackup")?.count) };
        let seen = [ORDERS, CARTS, DOCS].map(counted);
        Ok(Look::at(seen == [Some(1); 3], || format!("{seen:?}")))
    })
    .await?;
    let calls = site.cloud.recorder.calls();
    let changing = calls.iter().filter(|call| call.service == "rds" && !call.operation.starts_with("Describe"));
    let done = changing.filter(|call| call.status.is_some_and(|status| status < 300));
    let mut done: Vec<_> = done.map(|call| call.operation.as_str()).collect();
    done.sort_unstable();
    ensure!(done == ["CreateDBClusterSnapshot", "CreateDBClusterSnapshot", "CreateDBSnapshot"], "{done:?}");
    Ok(())
}
