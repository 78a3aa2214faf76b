//! Who is told, and by what way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::Weekday;

use crate::finding::Severity;
use crate::names::{ChannelName, EmailAddress, SecretName};
use crate::schedule::Schedule;

/// Channels by severity, in the order in which they are told. A severity without a route tells nobody.
pub type Routes = BTreeMap<Severity, Vec<ChannelName>>;

/// Who is told, and by what way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alerts {
    /// Ways to reach people.
    pub channels: BTreeMap<ChannelName, Channel>,
    /// Who is told of what. A resource may have its own.
    pub routes: Routes,
    /// How long each channel of a route is waited for to acknowledge before the next is told as well; all at once if absent.
    pub escalate_after: Option<SignedDuration>,
    /// How often news is given while a recovery runs.
    pub update_every: Option<SignedDuration>,
    /// How soon after its end an incident's closing report is given.
    pub report_within: Option<SignedDuration>,
    /// When mild findings wait.
    pub quiet_hours: Option<QuietHours>,
    /// The message that says that all is well; its absence is a signal.
    pub heartbeat: Option<Heartbeat>,
}

/// A way to reach people. Secrets are named, never held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// PagerDuty Events API v2; the secret holds the routing key.
    PagerDuty(SecretName),
    /// A Slack incoming webhook; the secret holds its URL.
    Slack(SecretName),
    /// A Slack app, which can also write threads and edit its messages.
    SlackBot(SlackBot),
    /// Email by Amazon SES.
    Email {
        /// Who gets it; never empty.
        to: Vec<EmailAddress>,
        /// From which verified identity.
        from: EmailAddress,
    },
    /// Any HTTPS receiver; the secret holds JSON with `url` and `signing_key`.
    Webhook(SecretName),
}

/// A Slack app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackBot {
    /// The secret that holds its bot token.
    pub token: SecretName,
    /// The conversation it writes to: its id, such as `C024BE91L`.
    pub conversation: String,
}

/// When mild findings wait until morning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// From this wall-clock time.
    pub from: WallTime,
    /// Until this one, on the next day if it is not later than `from`.
    pub until: WallTime,
    /// Whole days that are quiet too.
    pub days: BTreeSet<QuietDay>,
    /// IANA time zone.
    pub time_zone: String,
    /// Which severities wait; never high or critical.
    pub severities: BTreeSet<Severity>,
}

/// Minutes since midnight, below 24 h.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(u16);

impl WallTime {
    /// A time of day.
    #[must_use]
    pub fn new(hour: u8, minute: u8) -> Option<Self> {
        (hour < 24 && minute < 60).then(|| Self(u16::from(hour) * 60 + u16::from(minute)))
    }

    /// Minutes since midnight.
    #[must_use]
    pub fn minutes(self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for WallTime {
    /// `07:30`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day of the week, Monday first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietDay(pub Weekday);

impl PartialOrd for QuietDay {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for QuietDay {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.to_monday_zero_offset().cmp(&other.0.to_monday_zero_offset())
    }
}

/// The message that says that all is well.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// When.
    pub at: Schedule,
    /// To whom; never empty.
    pub to: Vec<ChannelName>,
}
