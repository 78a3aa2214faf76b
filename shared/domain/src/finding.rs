//! A finding: something that a person should know. What becomes of it (incident, routes, escalation) is `alert`'s business.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::names::{Environment, NameError, PlanName, ResourceName};
use crate::plan::PlanPart;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the record.
    Info,
    /// Somebody should look in working hours.
    Low,
    /// A backup or a proof is missing or wrong: now.
    High,
    /// A recovery is running or the data is in danger.
    Critical,
}

impl Severity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Low, Self::High, Self::Critical];

    /// The word used in plans and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| NameError {
            sort: "severity",
            value: text.chars().take(80).collect(),
            allowed: "one of info, low, high, critical",
        })
    }
}

/// What an incident is about. The same cause seen twice is one incident.
///
/// Reads `{plan}/{environment}/{subject}/{what}`: `boom-card/prod/orders-db/restore-test`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause(String);

impl Cause {
    /// The longest cause: PagerDuty's `dedup_key` takes 255 characters (source: PagerDuty, "Events API v2").
    pub const LENGTH_MAX: usize = 255;

    /// A cause about one resource. `what` is a short word of ours: `snapshot`, `restore-test`.
    #[must_use]
    pub fn of_resource(plan: &PlanName, environment: &Environment, resource: &ResourceName, what: &str) -> Self {
        Self::cut(format!("{plan}/{environment}/{resource}/{what}"))
    }

    /// A cause about Holdfast itself: a function that fails, a trigger that cannot be read.
    #[must_use]
    pub fn of_function(function: &str, what: &str) -> Self {
        Self::cut(format!("holdfast/{function}/{what}"))
    }

    fn cut(text: String) -> Self {
        if text.len() <= Self::LENGTH_MAX { Self(text) } else { Self(text.chars().take(Self::LENGTH_MAX).collect()) }
    }

    /// The cause as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Cause {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let legal = (1..=Self::LENGTH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if legal {
            Ok(Self(text.into()))
        } else {
            Err(NameError {
                sort: "cause",
                value: text.chars().take(80).collect(),
                allowed: "1 to 255 printable ASCII characters without spaces",
            })
        }
    }
}

/// Whether the cause stands or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingState {
    /// It stands.
    Open,
    /// It is gone: an incident about it may be closed.
    Resolved,
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub cause: Cause,
    /// Whether it stands or is gone.
    pub state: FindingState,
    /// How much it matters.
    pub severity: Severity,
    /// The plan's name of the resource, if it is about one.
    pub resource: Option<ResourceName>,
    /// The part of the resource's plan that it hangs on, if that is less than the resource.
    pub part: Option<PlanPart>,
    /// What happened, one sentence, without a full stop.
    pub title: String,
    /// What it threatens.
    pub threatens: String,
    /// What to do next.
    pub next_step: String,
    /// Particulars, in order: label and value.
    pub facts: Vec<(String, String)>,
    /// When it was seen, UTC.
    pub seen_at: Timestamp,
}
