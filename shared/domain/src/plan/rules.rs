//! Rules: when something is made, from what, and how long it is kept.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::names::{AccountName, DbSnapshotId, Region, RuleName};
use crate::schedule::Schedule;

/// When a recovery point is taken and how long it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotRule {
    /// When.
    pub due: SnapshotDue,
    /// How long it is kept.
    pub keep: Retention,
    /// Below this size in bytes a recovery point is a finding.
    pub size_min_bytes: Option<u64>,
    /// The longest that it may take; longer is a finding.
    pub takes_max: Option<SignedDuration>,
}

impl SnapshotRule {
    /// Its schedule, if it has one.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        match &self.due {
            SnapshotDue::At(schedule) => Some(schedule),
            SnapshotDue::OnChange | SnapshotDue::OnDemand => None,
        }
    }
}

/// When a recovery point is due.
#[derive(Debug, Clone, PartialEq)]
pub enum SnapshotDue {
    /// On a schedule.
    At(Schedule),
    /// When the resource changes.
    OnChange,
    /// When a person asks for one.
    OnDemand,
}

/// How long recovery points are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Each for this long.
    Age(SignedDuration),
    /// The newest of each of so many days, weeks, months and years (grandfather-father-son); at least one number is above 0.
    Slots {
        /// Days.
        daily: u32,
        /// ISO weeks.
        weekly: u32,
        /// Months.
        monthly: u32,
        /// Years.
        yearly: u32,
    },
}

impl Retention {
    /// How long the oldest is kept at most: a day is 24 h, a week 7 days, a month 31, a year 366.
    #[must_use]
    pub fn longest(self) -> SignedDuration {
        match self {
            Self::Age(age) => age,
            Self::Slots { daily, weekly, monthly, yearly } => {
                let days = [(daily, 1), (weekly, 7), (monthly, 31), (yearly, 366)];
                let longest = days.into_iter().map(|(count, each)| i64::from(count) * each).max().unwrap_or_default();
                SignedDuration::from_hours(longest * 24)
            }
        }
    }
}

/// Continuous backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pitr {
    /// How far back one can go: the automated backups' retention, 1 to 35 days.
    pub window: SignedDuration,
    /// How far the latest restorable time may lag behind.
    pub lag_max: Option<SignedDuration>,
    /// The region to which automated backups are replicated.
    pub replicate_to: Option<Region>,
}

/// Recovery points that somebody else takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct External {
    /// Who takes them.
    pub by: ExternalMaker,
    /// How far apart they may be, if the plan says; the recovery point objective rests on it.
    pub every: Option<SignedDuration>,
    /// How long they are said to be kept.
    pub keep: Option<SignedDuration>,
}

/// Who takes external recovery points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalMaker {
    /// Whoever: any that can be restored.
    Any,
    /// RDS's automated backups.
    Rds,
    /// AWS Backup.
    AwsBackup,
    /// Other people's manual ones.
    Manual,
}

/// Where recovery points are carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRule {
    /// To which region.
    pub region: Region,
    /// To which account, if another.
    pub account: Option<AccountName>,
    /// With which KMS key of the target: an alias, an id or an ARN.
    pub kms_key: Option<String>,
    /// How long they are kept there.
    pub keep: Retention,
    /// How soon a copy must be complete.
    pub within: Option<SignedDuration>,
    /// Recovery points of which rules; of all if empty.
    pub of: BTreeSet<RuleName>,
    /// How long nobody can delete a copied object (Object Lock).
    pub lock: Option<SignedDuration>,
}

/// When recovery points move to colder storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierRule {
    /// At which age.
    pub after: SignedDuration,
    /// Where to.
    pub class: StorageClass,
}

/// S3 storage classes, warmest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StorageClass {
    /// S3 Standard-Infrequent Access.
    StandardIa,
    /// S3 Glacier Instant Retrieval.
    GlacierIr,
    /// S3 Glacier Flexible Retrieval.
    Glacier,
    /// S3 Glacier Deep Archive.
    DeepArchive,
}

/// When and from what a restore test is made.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreTestRule {
    /// When.
    pub due: Due,
    /// From which recovery point.
    pub from: RestoreFrom,
    /// Where: the resource's region, or one that copies go to.
    pub region: Region,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreFrom {
    /// The newest that is available.
    Latest,
    /// Any that is retained, each as likely as the other.
    Random,
    /// The oldest that is retained.
    Oldest,
    /// The latest restorable time of the continuous backup.
    Pitr,
    /// An instant within the continuous backup's window.
    Time(Timestamp),
    /// This one.
    Chosen(DbSnapshotId),
}

impl RestoreFrom {
    /// The word for it: `latest`, `random`, `oldest`, `pitr`, `time`, or the name of the chosen recovery point.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Latest => "latest",
            Self::Random => "random",
            Self::Oldest => "oldest",
            Self::Pitr => "pitr",
            Self::Time(_) => "time",
            Self::Chosen(id) => id.as_str(),
        }
    }
}
