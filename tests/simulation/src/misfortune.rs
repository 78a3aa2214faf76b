//! Everything that goes wrong, each sort in one line of a script.
//!
//! A line's own words fix all that happens: nothing is drawn while a life is lived, so that a line can be taken out without changing the others.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::functions::Function;
use crate::hands::RDS;

/// What a call is refused with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Too many calls.
    Throttled,
    /// A 5xx, or no answer; it did not happen.
    Unavailable,
    /// It happened, and the answer was lost.
    AnswerLost,
    /// The role may not.
    AccessDenied,
}

/// How a channel to people is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broken {
    /// Nobody answers.
    Down,
    /// It asks to wait.
    Limited,
    /// A 5xx.
    Failing,
    /// It took the message, and the answer is lost.
    Silent,
}

/// How somebody says that they take care of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// In PagerDuty.
    Pagerduty,
    /// By the button in Slack.
    Slack,
    /// By a message to `alert`.
    Hand,
}

/// Which recovery point somebody wants restored who does not want the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointWanted {
    /// Any.
    Random,
    /// The oldest.
    Oldest,
    /// The latest moment of the continuous backup.
    Pitr,
    /// A moment of the continuous backup, an hour ago.
    Time,
}

impl fmt::Display for PointWanted {
    /// As a plan has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Random => "random",
            Self::Oldest => "oldest",
            Self::Pitr => "pitr",
            Self::Time => "time",
        })
    }
}

#[allow(missing_docs, reason = "the fields say by their names what the variants' sentences are about")]
/// One misfortune. Times are in minutes or seconds, as their names say. `next` is the next that comes at or after the line's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Misfortune {
    /// The function's next invocation is killed before its call of this number.
    Crash { function: Function, call: u32 },
    /// A call of the function's next invocation never comes back: it runs into its timeout.
    Hang { function: Function, call: u32 },
    /// The function's next containers have nothing in memory.
    Cold { function: Function },
    /// The function's calls take so many times as long.
    Slow { function: Function, times: u32, minutes: u32 },
    /// The function's clock is off by so much.
    Skew { function: Function, seconds: i32, minutes: u32 },
    /// The function's next so many calls of a service (`s3`, `rds`, `events`, `secretsmanager`) fail.
    Fail { function: Function, service: String, how: Refusal, calls: u32 },
    /// RDS throttles two of three calls in a region.
    Throttled { region: String, minutes: u32 },
    /// A region cannot be reached: RDS there does not answer.
    Unreachable { region: String, minutes: u32 },
    /// RDS shows a region as it was up to so many seconds ago.
    Stale { region: String, seconds: u32, minutes: u32 },
    /// The home region is down: nothing runs, nothing is delivered until it is back.
    HomeDown { minutes: u32 },
    /// No sweep and no schedule starts the function.
    NoSweeps { function: Function, minutes: u32 },
    /// The next hint for the function (an RDS event, a message) is lost.
    Lost { function: Function },
    /// The next delivery to the function comes twice. With `look`, a sweep comes in the second one's place: what it comes to when the
    /// function looks once more, and is told nothing twice.
    Doubled {
        function: Function,
        seconds: u32,
        #[serde(default, skip_serializing_if = "is_false")]
        look: bool,
    },
    /// The next delivery to the function comes late, and others overtake it.
    Late { function: Function, seconds: u32 },
    /// The function is started by something that nobody can read.
    Malformed { function: Function },
    /// The next snapshot of a resource fails in RDS.
    SnapshotFails { resource: String },
    /// The next snapshot of a resource takes so long.
    SnapshotSlow { resource: String, minutes: u32 },
    /// The next restore of a resource ends in this status of RDS's.
    RestoreFails { resource: String, status: String },
    /// The next restore of a resource takes so long.
    RestoreSlow { resource: String, minutes: u32 },
    /// The next deletion of a room of a resource takes so long.
    DeletionSlow { resource: String, minutes: u32 },
    /// The quota of manual snapshots of a region is used up.
    SnapshotQuota { region: String, minutes: u32 },
    /// The quota of DB instances of a region is used up.
    InstanceQuota { region: String, minutes: u32 },
    /// The key of a resource is disabled: no snapshot of it can be taken, none of it restored.
    KeyDisabled { resource: String, minutes: u32 },
    /// A database is in this status of RDS's.
    Database { resource: String, status: String, minutes: u32 },
    /// A database is deleted, or renamed, and comes back under its name.
    Gone { resource: String, minutes: u32 },
    /// A database's data is damaged: what is taken of it meanwhile is no good.
    Damaged { resource: String, minutes: u32 },
    /// A database's logs are not archived: its latest restorable time stands still.
    LogsStuck { resource: String, minutes: u32 },
    /// Somebody deletes the newest recovery point of ours of a resource.
    RecoveryPointDeleted { resource: String },
    /// Somebody takes a snapshot of a resource by hand.
    ForeignSnapshot { resource: String },
    /// Somebody makes a database whose name looks like a room's.
    ForeignRoom { region: String },
    /// Somebody deletes a room of a resource by hand.
    RoomDeleted { resource: String },
    /// What others take of a resource by themselves does not come.
    OthersStop { resource: String, minutes: u32 },
    /// Somebody asks for a restore test of a resource; of the newest recovery point, if nothing is said.
    RestoreTestNow {
        resource: String,
        request: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<PointWanted>,
    },
    /// Somebody asks for a recovery point of a resource.
    SnapshotNow { resource: String, request: String },
    /// Somebody takes care of the oldest incident that stands; in PagerDuty, if nothing is said.
    Acknowledged {
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<Way>,
    },
    /// Somebody tries the channels out.
    AlertTest,
    /// A channel to people is broken.
    Channel { channel: String, how: Broken, minutes: u32 },
    /// Another plan is deployed, by number from 1.
    Deploy { plan: usize },
}

fn is_false(yes: &bool) -> bool {
    !yes
}

impl Misfortune {
    /// Whose sweeps may go otherwise from now on, and again when it is over. What waits for a delivery, a snapshot or a restore changes no
    /// sweep before one of those comes, which is a change of its own; what somebody asks for is a delivery.
    pub(crate) fn seen_by(&self) -> &'static [Function] {
        match self {
            Self::Crash { function, .. }
            | Self::Hang { function, .. }
            | Self::Cold { function }
            | Self::Slow { function, .. }
            | Self::Skew { function, .. }
            | Self::Fail { function, .. }
            | Self::NoSweeps { function, .. } => function.alone(),
            Self::Throttled { .. }
            | Self::Unreachable { .. }
            | Self::Stale { .. }
            | Self::KeyDisabled { .. }
            | Self::Database { .. }
            | Self::Gone { .. }
            | Self::LogsStuck { .. }
            | Self::RecoveryPointDeleted { .. }
            | Self::ForeignSnapshot { .. }
            | Self::ForeignRoom { .. }
            | Self::RoomDeleted { .. } => RDS,
            Self::SnapshotQuota { .. } => Function::Snapshot.alone(),
            Self::InstanceQuota { .. } => Function::RestoreTest.alone(),
            Self::Channel { .. } => Function::Alert.alone(),
            Self::HomeDown { .. } | Self::Deploy { .. } => &Function::ALL,
            Self::Lost { .. }
            | Self::Doubled { .. }
            | Self::Late { .. }
            | Self::Malformed { .. }
            | Self::SnapshotFails { .. }
            | Self::SnapshotSlow { .. }
            | Self::RestoreFails { .. }
            | Self::RestoreSlow { .. }
            | Self::DeletionSlow { .. }
            | Self::Damaged { .. }
            | Self::OthersStop { .. }
            | Self::RestoreTestNow { .. }
            | Self::SnapshotNow { .. }
            | Self::Acknowledged { .. }
            | Self::AlertTest => &[],
        }
    }

    /// The sort, for counts.
    #[must_use]
    pub fn sort(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields.get("what").and_then(Value::as_str).unwrap_or("unknown").to_owned(),
            Ok(_) | Err(_) => "unknown".to_owned(),
        }
    }
}

impl fmt::Display for Misfortune {
    /// `crash function=restore-test call=7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else { return Err(fmt::Error) };
        f.write_str(&self.sort())?;
        for (name, value) in fields.iter().filter(|(name, _)| *name != "what") {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            write!(f, " {name}={text}")?;
        }
        Ok(())
    }
}

impl FromStr for Misfortune {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let what = words.next().ok_or("an empty line is no misfortune")?;
        let mut fields = Map::from_iter([("what".to_owned(), Value::from(what))]);
        for word in words {
            let (name, value) = word.split_once('=').ok_or_else(|| format!("{word:?} is not name=value"))?;
            let number = value.parse::<i64>().map(Value::from);
            let value = number.or_else(|_| value.parse::<bool>().map(Value::from)).unwrap_or_else(|_| value.into());
            fields.insert(name.to_owned(), value);
        }
        serde_json::from_value(Value::Object(fields)).map_err(|error| format!("{text:?}: {error}"))
    }
}
