//! The plan as decisions see it: checked, complete, every default filled in. How it is written down is `holdfast-plan`'s business.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::finding::Severity;
use crate::names::{
    ChannelName, CheckName, DbInstanceId, Environment, PlanName, PlanSha, Region, ResourceName, RuleName, SecretName,
};
use crate::schedule::Schedule;
use crate::verdict::Requirement;

/// One plan file, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// SHA-256 of the compiled plan: its identity in runs and evidence.
    pub sha: PlanSha,
    /// Its name.
    pub name: PlanName,
    /// The environment it is for.
    pub environment: Environment,
    /// Where Holdfast itself runs.
    pub home: Region,
    /// Where resources stand unless they say otherwise.
    pub primary: Region,
    /// What is protected, by the plan's own names.
    pub resources: BTreeMap<ResourceName, Resource>,
    /// Restore tests at once; more wait.
    pub rooms_max: u32,
    /// Who is told.
    pub alerts: Alerts,
}

impl Plan {
    /// Every region in which a resource stands, in order.
    #[must_use]
    pub fn regions(&self) -> BTreeSet<&Region> {
        self.resources.values().map(|resource| &resource.region).collect()
    }
}

/// Something protected: for now an RDS DB instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// AWS's name of it.
    pub id: DbInstanceId,
    /// Where it stands.
    pub region: Region,
    /// What must be kept.
    pub objectives: Objectives,
    /// Recovery points that we take.
    pub snapshots: BTreeMap<RuleName, SnapshotRule>,
    /// Restores that prove them.
    pub restore_tests: BTreeMap<RuleName, RestoreTestRule>,
    /// What a restored copy must satisfy.
    pub checks: Checks,
}

/// Kinds of resource that functions can carry out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// An RDS DB instance.
    RdsInstance,
}

/// Recovery objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objectives {
    /// Recovery point objective: the most data, in time, that may be lost.
    pub rpo: SignedDuration,
    /// Recovery time objective: the longest that a recovery may take.
    pub rto: SignedDuration,
}

/// When a recovery point is taken and how long it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotRule {
    /// When.
    pub at: Schedule,
    /// How long it is kept.
    pub keep: SignedDuration,
    /// Below this size in bytes a recovery point is a finding.
    pub size_min_bytes: Option<u64>,
}

/// When and from what a restore test is made.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreTestRule {
    /// When.
    pub due: Due,
    /// From which recovery point.
    pub from: RestoreFrom,
    /// Instance class of the temporary database.
    pub instance_class: String,
    /// How long the whole run may take until it is judged without an answer; the room goes then too.
    pub deadline: SignedDuration,
}

/// When a restore test is due.
#[derive(Debug, Clone, PartialEq)]
pub enum Due {
    /// On a schedule.
    At(Schedule),
    /// As soon as each recovery point of this snapshot rule is available.
    After(RuleName),
}

/// Which recovery point a restore test restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreFrom {
    /// The newest that is available.
    Latest,
}

/// What a restored copy must satisfy.
#[derive(Debug, Clone, PartialEq)]
pub struct Checks {
    /// Counts two ways, heap, btree, TOAST; absent if the plan does not ask for it.
    pub integrity: Option<Requirement>,
    /// The newest row's age when the recovery point was taken.
    pub fresh: Option<FreshCheck>,
    /// The plan's own questions.
    pub sql: BTreeMap<CheckName, SqlCheck>,
}

/// How old the newest data may have been when the recovery point was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshCheck {
    /// A query that gives one row with one `timestamptz` or `timestamp` (read as UTC) column.
    pub sql: String,
    /// The oldest that it may be.
    pub age_max: SignedDuration,
    /// Whether it must run.
    pub requirement: Requirement,
}

/// A query with limits on its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlCheck {
    /// The query, read-only.
    pub sql: String,
    /// The fewest rows it must give.
    pub rows_min: u64,
    /// The longest it may take, if limited.
    pub within: Option<SignedDuration>,
    /// Whether it must run.
    pub requirement: Requirement,
}

/// Who is told, and by what way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    /// Ways to reach people.
    pub channels: BTreeMap<ChannelName, Channel>,
    /// Channels by severity, in the order in which they are told. A severity without a route tells nobody.
    pub routes: BTreeMap<Severity, Vec<ChannelName>>,
}

/// A way to reach people. Secrets are named, never held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// PagerDuty Events API v2; the secret holds the routing key.
    PagerDuty(SecretName),
    /// A Slack incoming webhook; the secret holds its URL.
    Slack(SecretName),
}
