//! The plan as decisions see it: checked, complete, every default filled in. How it is written down is `holdfast-plan`'s business.
//!
//! The whole language stands here, also what no function carries out yet: `plan check` says so of each such part.

mod alerts;
mod checks;
mod part;
mod resource;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use crate::names::{
    AccountName, Environment, OwnerName, PlanName, PlanSha, Region, ResourceName, RuleName, StreamName,
};

pub use alerts::{Alerts, Channel, Heartbeat, QuietDay, QuietHours, Routes, SlackBot, WallTime};
pub use checks::{
    Checks, CountCheck, DocumentCheck, DocumentFreshness, FreshCheck, ImmutableCheck, MigrationTool, MigrationsCheck,
    SqlCheck,
};
pub use part::PlanPart;
pub use resource::{
    BucketPolicy, LossObjectives, Objectives, Overlap, Priority, Resource, ResourceKind, Standby, Target,
};
pub use rules::{
    CopyRule, Due, External, ExternalMaker, Pitr, RestoreFrom, RestoreTestRule, Retention, SnapshotDue, SnapshotRule,
    StorageClass, TierRule,
};

use crate::schedule::Schedule;

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
    /// Where recovery happens if the primary region is lost; may be empty.
    pub dr: BTreeSet<Region>,
    /// Other accounts, and the roles that are assumed in them.
    pub accounts: BTreeMap<AccountName, Account>,
    /// Who answers for what: a contact by name.
    pub owners: BTreeMap<OwnerName, String>,
    /// What is protected, by the plan's own names.
    pub resources: BTreeMap<ResourceName, Resource>,
    /// What is protected by somebody else, for the report.
    pub elsewhere: BTreeMap<ResourceName, Elsewhere>,
    /// Compliance streams: data whose backups keep their own key, and maybe their own account.
    pub streams: BTreeMap<StreamName, Stream>,
    /// Where the list of erased persons lies, which every recovery replays: an `s3://` address.
    pub erasures: Option<String>,
    /// Drills that people hold.
    pub drills: BTreeMap<RuleName, Drill>,
    /// Restore tests at once; more wait.
    pub rooms_max: u32,
    /// What the account allows.
    pub quotas: Quotas,
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

/// Another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its twelve digits.
    pub id: crate::names::AccountId,
    /// ARN of the role that Holdfast assumes there.
    pub role: String,
}

/// Something that is protected elsewhere: code by its Git provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// What it is, in words.
    pub what: String,
    /// Who protects it.
    pub by: String,
    /// Who answers for that.
    pub owner: Option<OwnerName>,
}

/// A compliance stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The KMS key of its recovery points, which no other stream uses: an alias, an id or an ARN.
    pub kms_key: String,
    /// The account that its copies go to, if not this one.
    pub account: Option<AccountName>,
}

/// A drill that people hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Drill {
    /// When.
    pub at: Schedule,
    /// What is rehearsed, in words.
    pub what: String,
    /// Where its runbook stands.
    pub runbook: Option<String>,
}

/// What the account allows in each region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Manual DB snapshots.
    pub db_snapshots: u32,
    /// Manual DB cluster snapshots.
    pub db_cluster_snapshots: u32,
    /// DB instances, rooms included.
    pub db_instances: u32,
}

impl Default for Quotas {
    /// AWS's own defaults (source: RDS User Guide, "Quotas and constraints for Amazon RDS").
    fn default() -> Self {
        Self { db_snapshots: 100, db_cluster_snapshots: 100, db_instances: 40 }
    }
}
