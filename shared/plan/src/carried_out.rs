//! What of the language no function carries out yet: said of every plan that asks for it, and never ignored in silence.
//!
//! The table below is the whole of it. Whoever makes a part work deletes its line.

use holdfast_domain::Plan;
use holdfast_domain::plan::{Priority, Resource, ResourceKind, RestoreFrom, RestoreTestRule, SnapshotDue};

/// A part of the language that is checked and compiled, and nothing more.
struct Part {
    /// What is said of it: that it is not carried out, and what holds meanwhile.
    says: &'static str,
    /// Where a plan asks for it: a path for each occurrence, by name.
    find: fn(&Plan) -> Vec<String>,
}

/// A part that a plan asks for and no function carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The first place that asks for it, by name.
    pub(crate) path: String,
    pub(crate) message: String,
}

const PARTS: &[Part] = &[
    // The plan.
    Part {
        says: "no recovery runs, so regions.dr is known to the checker alone",
        find: |plan| once(!plan.dr.is_empty(), "regions.dr"),
    },
    Part {
        says: "no function assumes a role in another account",
        find: |plan| once(!plan.accounts.is_empty(), "accounts"),
    },
    Part {
        says: "nothing keeps streams apart but the checker, which compares their keys and accounts",
        find: |plan| once(!plan.streams.is_empty(), "streams"),
    },
    Part { says: "no recovery replays the erasures", find: |plan| once(plan.erasures.is_some(), "erasures") },
    Part {
        says: "nothing reminds of drills; plan explain lists them",
        find: |plan| once(!plan.drills.is_empty(), "drills"),
    },
    Part {
        says: "no report names what is covered elsewhere; plan explain lists it",
        find: |plan| once(!plan.elsewhere.is_empty(), "elsewhere"),
    },
    // Kinds.
    Part { says: "nothing is done for resources of kind bucket", find: |plan| of_kind(plan, ResourceKind::Bucket) },
    Part {
        says: "nothing is done for resources of kind terraform-state",
        find: |plan| of_kind(plan, ResourceKind::TerraformState),
    },
    Part { says: "nothing is done for resources of kind secrets", find: |plan| of_kind(plan, ResourceKind::Secrets) },
    Part { says: "nothing is done for resources of kind redis", find: |plan| of_kind(plan, ResourceKind::Redis) },
    Part {
        says: "nothing is done for resources of kind postgres-dump",
        find: |plan| of_kind(plan, ResourceKind::PostgresDump),
    },
    Part {
        says: "nothing is done for resources of kind mongo-dump",
        find: |plan| of_kind(plan, ResourceKind::MongoDump),
    },
    // Parts of a resource.
    Part {
        says: "priority orders no recovery",
        find: |plan| each(plan, "priority", |r| r.priority != Priority::default()),
    },
    Part {
        says: "nothing measures what is promised for the loss of the region; the checker judges it",
        find: |plan| each(plan, "objectives.region", |r| r.objectives.region.is_some()),
    },
    Part {
        says: "nothing measures what is promised for the loss of the account; the checker judges it",
        find: |plan| each(plan, "objectives.account", |r| r.objectives.account.is_some()),
    },
    Part { says: "standbys are not watched", find: |plan| each(plan, "standby", |r| r.standby.is_some()) },
    Part {
        says: "no recovery point is taken on change",
        find: |plan| snapshots(plan, "on", |due| *due == SnapshotDue::OnChange),
    },
    Part {
        says: "nothing expires, and what was taken stays until somebody deletes it",
        find: |plan| snapshots(plan, "keep", |_| true),
    },
    Part {
        says: "nothing is copied, and recovery points stay where they are taken",
        find: |plan| each(plan, "copies", |r| !r.copies.is_empty()),
    },
    Part { says: "nothing moves to colder storage", find: |plan| each(plan, "tiers", |r| !r.tiers.is_empty()) },
    Part { says: "the policy of a bucket is not watched", find: |plan| each(plan, "bucket", |r| r.bucket.is_some()) },
    // Restore tests.
    Part {
        says: "restore tests of a point in time in another region than the resource's do not run",
        find: |plan| {
            let in_time = |from: &RestoreFrom| matches!(from, RestoreFrom::Pitr | RestoreFrom::Time(_));
            tests(plan, "region", |resource, test| test.region != resource.region && in_time(&test.from))
        },
    },
];

/// Every part that the plan asks for and no function carries out, in the order of the table; each part once.
pub(crate) fn notices(plan: &Plan) -> Vec<Notice> {
    let notice = |part: &Part| {
        let paths = (part.find)(plan);
        let (path, others) = paths.split_first()?;
        let message = match others {
            [] => format!("not carried out yet: {}", part.says),
            [other] => format!("not carried out yet, here and at {other}: {}", part.says),
            others => format!("not carried out yet, here and at {} other places: {}", others.len(), part.says),
        };
        Some(Notice { path: path.clone(), message })
    };
    PARTS.iter().filter_map(notice).collect()
}

fn once(asked: bool, path: &str) -> Vec<String> {
    asked.then(|| path.to_owned()).into_iter().collect()
}

fn each(plan: &Plan, field: &str, asks: impl Fn(&Resource) -> bool) -> Vec<String> {
    let asking = plan.resources.iter().filter(|(_, resource)| asks(resource));
    asking.map(|(name, _)| format!("resources.{name}.{field}")).collect()
}

fn of_kind(plan: &Plan, kind: ResourceKind) -> Vec<String> {
    each(plan, "kind", |resource| resource.target.kind() == kind)
}

fn snapshots(plan: &Plan, field: &str, asks: impl Fn(&SnapshotDue) -> bool) -> Vec<String> {
    let mut paths = Vec::new();
    for (name, resource) in &plan.resources {
        let rules = resource.snapshots.iter().filter(|(_, rule)| asks(&rule.due));
        paths.extend(rules.map(|(rule, _)| format!("resources.{name}.snapshots.{rule}.{field}")));
    }
    paths
}

fn tests(plan: &Plan, field: &str, asks: impl Fn(&Resource, &RestoreTestRule) -> bool) -> Vec<String> {
    let mut paths = Vec::new();
    for (name, resource) in &plan.resources {
        let tests = resource.restore_tests.iter().filter(|(_, test)| asks(resource, test));
        paths.extend(tests.map(|(test, _)| format!("resources.{name}.restore_tests.{test}.{field}")));
    }
    paths
}
