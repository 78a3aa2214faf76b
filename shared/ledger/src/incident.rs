//! Incidents: what stands, who was told of it, who takes care of it.
//!
//! An incident is one opening, from the first finding to the last resolution; it never opens again. A cause that comes
//! back has another incident. Findings of one root that come in a storm are the *lines* of one incident.
//!
//! | key | holds |
//! |---|---|
//! | `incidents/causes/{cause}.json` | [`CauseRecord`]: the newest news of a cause, and in which incident its line stands |
//! | `incidents/roots/{fingerprint}.json` | [`RootRecord`]: which incident collects the findings of a root just now |
//! | `incidents/records/{id}.json` | [`Incident`] |
//! | `incidents/open/{id}` | an empty marker while the incident needs the sweep |
//! | `incidents/heartbeats/{slot}.json` | [`HeartbeatRecord`]: one message that all is well |

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use holdfast_domain::plan::PlanPart;
use holdfast_domain::{Cause, ResourceName, Severity, Slot};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the markers of incidents that need the sweep lie.
pub const OPEN_INCIDENTS_PREFIX: &str = "incidents/open/";

/// Where an incident lies. An id holds slashes and so makes folders; it holds nothing that a key may not.
#[must_use]
pub fn incident_key(id: &IncidentId) -> String {
    format!("incidents/records/{id}.json")
}

/// Where an incident's marker lies.
#[must_use]
pub fn open_incident_key(id: &IncidentId) -> String {
    format!("{OPEN_INCIDENTS_PREFIX}{id}")
}

/// The incident that a marker stands for.
#[must_use]
pub fn incident_of_open_key(key: &str) -> Option<IncidentId> {
    key.strip_prefix(OPEN_INCIDENTS_PREFIX)?.parse().ok()
}

/// Where what is known of a cause lies.
#[must_use]
pub fn cause_key(cause: &Cause) -> String {
    format!("incidents/causes/{cause}.json")
}

/// Where the collecting incident of a root is named. `fingerprint` is of the root's words, which may hold anything.
#[must_use]
pub fn root_key(fingerprint: &str) -> String {
    format!("incidents/roots/{fingerprint}.json")
}

/// Where the heartbeat of a slot lies.
#[must_use]
pub fn heartbeat_key(slot: &Slot) -> String {
    format!("incidents/heartbeats/{slot}.json")
}

/// An incident's name: the cause that opened it and the how-manieth opening of that cause it is. It is the key by which
/// PagerDuty and webhooks know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(String);

impl IncidentId {
    /// The longest id: PagerDuty's `dedup_key` takes 255 characters (source: PagerDuty, "Events API v2").
    pub const LENGTH_MAX: usize = 255;

    /// The id of an opening. Of a cause that leaves no room for the number, `fingerprint` (of the whole cause) stands in
    /// for the end.
    #[must_use]
    pub fn of(cause: &Cause, opening: u32, fingerprint: &str) -> Self {
        let number = format!("/{opening}");
        let cause = cause.as_str();
        if cause.len() + number.len() <= Self::LENGTH_MAX {
            return Self(format!("{cause}{number}"));
        }
        // A cause is ASCII: every byte is a character.
        let kept = &cause[..Self::LENGTH_MAX - number.len() - fingerprint.len() - 1];
        Self(format!("{kept}~{fingerprint}{number}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IncidentId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = (1..=Self::LENGTH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if legal { Ok(Self(text.into())) } else { Err("an incident's id is 1 to 255 printable ASCII characters") }
    }
}

/// Whether something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// It stands.
    Open,
    /// It is over.
    Resolved,
}

/// The newest news of one cause. News may come late or out of order; the newest by its own time decides. A cause that
/// was only ever seen gone has a record too: it outranks news of it that is older and still on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseRecord {
    /// Which cause.
    #[serde(with = "holdfast_wire::text")]
    pub cause: Cause,
    /// Whether it stands, by the newest news.
    pub state: IncidentState,
    /// How often it has opened.
    pub opening: u32,
    /// When the newest opening began, UTC.
    pub opened_at: Timestamp,
    /// When there was last news of it, standing or gone, UTC.
    pub last_seen_at: Timestamp,
    /// Until when it is known to have been over before this opening, UTC; while it is over, the newest such news.
    pub over_until: Option<Timestamp>,
    /// The newest openings, oldest first; bounded. Many of them in a short time are flapping.
    pub openings: Vec<Timestamp>,
    /// Whether it flaps: its resolutions are not believed until it has been calm for a while.
    pub flapping: bool,
    /// Where its line stands; none if it was never open.
    #[serde(with = "holdfast_wire::text::optional", default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
}

/// Which incident collects the findings of a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootRecord {
    /// The root, in words, for whoever reads the ledger.
    pub root: String,
    /// The incident.
    #[serde(with = "holdfast_wire::text")]
    pub incident: IncidentId,
    /// When it was chosen, by the finding that chose it, UTC.
    pub chosen_at: Timestamp,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its name.
    #[serde(with = "holdfast_wire::text")]
    pub id: IncidentId,
    /// Whether it stands: it does while one of its lines does.
    pub state: IncidentState,
    /// The worst severity seen.
    #[serde(with = "holdfast_wire::text")]
    pub severity: Severity,
    /// What people read of it.
    pub words: Words,
    /// When it began, UTC.
    pub opened_at: Timestamp,
    /// When there was last news of any of its causes, UTC.
    pub last_seen_at: Timestamp,
    /// When it was over, UTC.
    pub resolved_at: Option<Timestamp>,
    /// Its causes; never empty, bounded.
    pub lines: BTreeMap<String, Line>,
    /// Who takes care of it.
    pub acknowledged: Option<Acknowledgement>,
    /// What those who know of it were told last.
    pub said: Said,
    /// News after a long silence, which is to be told again, UTC.
    pub again_at: Option<Timestamp>,
    /// Who was told that it stands, by channel name.
    pub opened_to: BTreeMap<String, Delivery>,
    /// The newest update, if there was one.
    pub update: Option<Update>,
    /// Who was told that somebody takes care of it, by channel name.
    pub acknowledged_to: BTreeMap<String, Delivery>,
    /// Who was told that it is over, by channel name.
    pub resolved_to: BTreeMap<String, Delivery>,
    /// Who has the closing report, by channel name.
    pub reported_to: BTreeMap<String, Delivery>,
    /// When nothing was left to do about it, UTC. Then it has no marker.
    pub finished_at: Option<Timestamp>,
}

/// What people read of an incident, in the words of its most telling finding; each bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// What happened.
    pub title: String,
    /// What it threatens.
    pub threatens: String,
    /// What to do next.
    pub next_step: String,
    /// Particulars, in order: label and value.
    pub facts: Vec<(String, String)>,
    /// What the newest resolution said.
    pub ended: Option<String>,
}

/// One cause within an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The plan's name of the resource, if it is about one.
    #[serde(with = "holdfast_wire::text::optional", default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceName>,
    /// The part of the resource's plan that it hangs on, if that is less than the resource.
    #[serde(with = "holdfast_wire::plan_part", default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PlanPart>,
    /// What happened.
    pub title: String,
    /// How it stands.
    pub state: LineState,
    /// Since when it stands so, UTC.
    pub since: Timestamp,
    /// When there was last news of it, UTC.
    pub seen_at: Timestamp,
}

/// How a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// Its cause stands.
    Standing,
    /// Its cause stands, and comes and goes.
    Flapping,
    /// Its cause came and went too often to believe that it is gone for good.
    Calm,
    /// Its cause is gone.
    Over,
}

/// Who takes care of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When, UTC.
    pub at: Timestamp,
    /// What they had to say.
    pub note: Option<String>,
    /// How bad it was then. What gets worse is escalated again.
    #[serde(with = "holdfast_wire::text")]
    pub severity: Severity,
}

/// What those who know of an incident were told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// How many of its causes were standing.
    pub standing: usize,
    /// How bad it was.
    #[serde(with = "holdfast_wire::text")]
    pub severity: Severity,
    /// Whether it was said that it flaps.
    pub flapping: bool,
    /// When, UTC; none if nobody was told yet.
    pub at: Option<Timestamp>,
}

/// News of an incident that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The how-manieth it is, from 1.
    pub number: u32,
    /// When it was due, UTC.
    pub begun_at: Timestamp,
    /// Who was told, by channel name.
    pub to: BTreeMap<String, Delivery>,
}

/// What came of telling one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried, UTC.
    pub at: Timestamp,
    /// Not to be tried again before this, UTC: the receiver asked for it, it failed before, or an answer is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Whether an earlier attempt, whose answer was lost, may have arrived too, on a channel that cannot tell.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub possibly_repeated: bool,
    /// The receiver's own name of the message, by which it can be answered and changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The last error, in words, without secrets.
    pub error: Option<String>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// The channel took it.
    Delivered,
    /// It failed, and will be tried again.
    Failed,
    /// Nobody knows whether it arrived: the answer is awaited, or was lost. It will be tried again.
    Unknown,
    /// The channel refused it for good, or was tried too often.
    Refused,
}

/// One message that all is well, or that it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRecord {
    /// What it is due for.
    #[serde(with = "holdfast_wire::text")]
    pub slot: Slot,
    /// In one sentence.
    pub title: String,
    /// Whether everything that is tested is proved and no incident stands.
    pub well: bool,
    /// Resource by resource: label and value.
    pub facts: Vec<(String, String)>,
    /// When that was read, UTC.
    pub read_at: Timestamp,
    /// Who was told, by channel name.
    pub to: BTreeMap<String, Delivery>,
}
