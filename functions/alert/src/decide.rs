//! What one finding makes of one incident, and whom to tell. Pure: no clock, no port.
//!
//! ```text
//!               open                resolved
//! (no record) ───────> open(1) ───────────────> resolved ── open ──> open(n + 1)
//!      └── resolved ──> resolved(0), tells nobody
//! ```
//! *The newest news decides.* SNS keeps no order and Lambda repeats, so each finding is judged by the time at which it
//! was seen, not by the time at which it came: what is older than the news that it contradicts is late and changes
//! nothing.
//!
//! *Telling is level-triggered.* Every decision compares who should know with who was told, so a repetition, a retry
//! after a crash and a risen severity need no rules of their own.
//!
//! *An attempt is recorded before it is made.* PagerDuty takes a repetition for the same alert (`dedup_key`), but a
//! Slack webhook knows no idempotency, so two invocations that work on one cause at the same time must not both post.
//! The first writes [`DeliveryState::Unknown`] with `not_before`; the second sees that somebody is at it and leaves the
//! channel alone. What is still unknown after [`LEASE`] was killed or lost its answer, and is tried again: a message
//! that stands twice in Slack is a nuisance, one that never came is what this product exists to prevent. The repetition
//! says that it is one.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_domain::plan::Alerts;
use holdfast_domain::{ChannelName, Finding, FindingState, Severity};
use holdfast_ledger::{Delivery, DeliveryState, Incident, IncidentState};
use jiff::{SignedDuration, Timestamp};

/// How long an attempt without a recorded answer belongs to the invocation that began it.
///
/// Longer than `alert` may run (30 s, infra/wiring.yaml), so that nobody is still at it; shorter than Lambda's first
/// retry of a failed asynchronous invocation, one minute (source: Lambda Developer Guide, "How Lambda handles errors
/// and retries with asynchronous invocation"), so that the retry of a killed invocation finds its channels free.
pub const LEASE: SignedDuration = SignedDuration::from_secs(45);

/// News of an open incident after a silence this long is told again: it is the next failure of a daily rule or of
/// another month's restore test, not the same one seen by the next sweep, and nobody is sure to remember the first.
/// Under 24 hours, for the jitter of daily rules.
pub const SILENCE: SignedDuration = SignedDuration::from_hours(20);

/// Where the fallback topic's delivery stands among the channels'. No channel can have this name: a space is not legal
/// in one.
pub const FALLBACK: &str = "fallback topic";

/// What became of an incident, and what is to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The incident as it has to be recorded before anybody is told, if it differs from what is recorded.
    pub incident: Option<Incident>,
    /// Whom to tell now, in the order of the route; each channel at most once.
    pub tell: Vec<Telling>,
    /// Who should know and does not, and must not be told yet.
    pub waiting: Vec<ChannelName>,
    /// Why.
    pub reason: Reason,
}

/// One channel to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// Whom.
    pub channel: ChannelName,
    /// What.
    pub news: News,
    /// The how-manieth attempt it is, from 1.
    pub attempt: u32,
    /// Whether an earlier attempt may have arrived.
    pub repetition: bool,
}

/// What a channel is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It stands.
    Opened,
    /// It is over.
    Resolved,
}

impl News {
    /// The news that an incident is.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        match incident.state {
            IncidentState::Open => Self::Opened,
            IncidentState::Resolved => Self::Resolved,
        }
    }

    /// Who was told of this news.
    #[must_use]
    pub fn deliveries(self, incident: &Incident) -> &BTreeMap<String, Delivery> {
        match self {
            Self::Opened => &incident.opened_to,
            Self::Resolved => &incident.resolved_to,
        }
    }

    fn deliveries_mut(self, incident: &mut Incident) -> &mut BTreeMap<String, Delivery> {
        match self {
            Self::Opened => &mut incident.opened_to,
            Self::Resolved => &mut incident.resolved_to,
        }
    }
}

/// What a finding was to its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The first of its cause.
    Opened,
    /// The cause is back after it was resolved.
    Reopened,
    /// The incident stands, and got worse.
    Escalated,
    /// The incident stands, and this says so again.
    SeenAgain,
    /// The incident stands, and was silent for [`SILENCE`].
    SeenAfterSilence,
    /// The incident is over.
    Resolved,
    /// The cause is gone, and nothing was open.
    NothingOpen,
    /// Older than what is known already.
    Late,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opened => "opened",
            Self::Reopened => "reopened",
            Self::Escalated => "escalated",
            Self::SeenAgain => "seen again",
            Self::SeenAfterSilence => "seen again after a silence",
            Self::Resolved => "resolved",
            Self::NothingOpen => "nothing was open",
            Self::Late => "late: newer news is known",
        })
    }
}

/// Decides what a finding makes of the incident of its cause.
#[must_use]
pub fn decide(incident: Option<&Incident>, finding: &Finding, alerts: &Alerts, now: Timestamp) -> Decision {
    let (mut next, reason) = match finding.state {
        FindingState::Open => stands(incident, finding, alerts),
        FindingState::Resolved => is_over(incident, finding),
    };
    let (tell, waiting) = match reason {
        // Its words are older than the incident's: whoever is still to be told is told by its own news, or the retry of
        // it.
        Reason::Late => (Vec::new(), Vec::new()),
        Reason::Opened
        | Reason::Reopened
        | Reason::Escalated
        | Reason::SeenAgain
        | Reason::SeenAfterSilence
        | Reason::Resolved
        | Reason::NothingOpen => begin(&mut next, alerts, now),
    };
    Decision { incident: (incident != Some(&next)).then_some(next), tell, waiting, reason }
}

/// The cause was seen to stand.
fn stands(incident: Option<&Incident>, finding: &Finding, alerts: &Alerts) -> (Incident, Reason) {
    let Some(before) = incident else { return (opening(finding, 1, None), Reason::Opened) };
    let over_until = match before.state {
        IncidentState::Resolved => Some(before.last_seen_at),
        IncidentState::Open => before.resolved_at,
    };
    if over_until.is_some_and(|over| finding.seen_at <= over) {
        return (before.clone(), Reason::Late);
    }
    if before.state == IncidentState::Resolved {
        let reason = if before.opening == 0 { Reason::Opened } else { Reason::Reopened };
        return (opening(finding, before.opening + 1, over_until), reason);
    }
    let mut next = before.clone();
    next.severity = before.severity.max(finding.severity);
    next.opened_at = before.opened_at.min(finding.seen_at);
    next.last_seen_at = before.last_seen_at.max(finding.seen_at);
    if finding.seen_at >= before.last_seen_at {
        next.title.clone_from(&finding.title);
    }
    if finding.seen_at.duration_since(before.last_seen_at) >= SILENCE {
        let route = route(alerts, next.severity);
        next.opened_to.retain(|name, _| name != FALLBACK && route.iter().all(|channel| channel.as_str() != name));
        return (next, Reason::SeenAfterSilence);
    }
    let reason = if next.severity > before.severity { Reason::Escalated } else { Reason::SeenAgain };
    (next, reason)
}

/// The cause was seen to be gone. Of two pieces of news of the same instant this one wins.
fn is_over(incident: Option<&Incident>, finding: &Finding) -> (Incident, Reason) {
    let Some(before) = incident else {
        let never_open = Incident { state: IncidentState::Resolved, ..opening(finding, 0, Some(finding.seen_at)) };
        return (never_open, Reason::NothingOpen);
    };
    let mut next = before.clone();
    next.last_seen_at = before.last_seen_at.max(finding.seen_at);
    match before.state {
        IncidentState::Resolved => (next, Reason::NothingOpen),
        IncidentState::Open if finding.seen_at < before.last_seen_at => (next, Reason::Late),
        IncidentState::Open => {
            next.state = IncidentState::Resolved;
            next.resolved_at = Some(finding.seen_at);
            (next, Reason::Resolved)
        }
    }
}

fn opening(finding: &Finding, opening: u32, over_until: Option<Timestamp>) -> Incident {
    Incident {
        cause: finding.cause.clone(),
        state: IncidentState::Open,
        severity: finding.severity,
        title: finding.title.clone(),
        opening,
        opened_at: finding.seen_at,
        last_seen_at: finding.seen_at,
        resolved_at: over_until,
        opened_to: BTreeMap::new(),
        resolved_to: BTreeMap::new(),
    }
}

/// Whom a severity concerns, in the order in which they are told.
fn route(alerts: &Alerts, severity: Severity) -> &[ChannelName] {
    alerts.routes.get(&severity).map_or(&[], Vec::as_slice)
}

/// Marks every attempt that is to be made now as begun.
fn begin(incident: &mut Incident, alerts: &Alerts, now: Timestamp) -> (Vec<Telling>, Vec<ChannelName>) {
    let news = News::of(incident);
    let audience = match news {
        News::Opened => route(alerts, incident.severity).to_vec(),
        News::Resolved => told_of_opening(incident, alerts),
    };
    let (mut tell, mut waiting) = (Vec::new(), Vec::new());
    for channel in audience {
        // A resolution must not overtake its opening: PagerDuty drops the one without an alert, and the other would
        // ring for ever.
        let opening_under_way =
            news == News::Resolved && incident.opened_to.get(channel.as_str()).is_some_and(|d| under_way(d, now));
        let before = news.deliveries(incident).get(channel.as_str());
        match before.map(|delivery| delivery.state) {
            Some(DeliveryState::Delivered | DeliveryState::Refused) => continue,
            Some(DeliveryState::Failed | DeliveryState::Unknown) | None => {}
        }
        if opening_under_way || before.is_some_and(|delivery| delivery.not_before.is_some_and(|until| until > now)) {
            waiting.push(channel);
            continue;
        }
        let attempt = before.map_or(0, |delivery| delivery.attempts) + 1;
        let repetition = before.is_some_and(|delivery| delivery.state == DeliveryState::Unknown);
        let begun = Delivery {
            state: DeliveryState::Unknown,
            attempts: attempt,
            at: now,
            not_before: Some(now + LEASE),
            error: None,
        };
        news.deliveries_mut(incident).insert(channel.to_string(), begun);
        tell.push(Telling { channel, news, attempt, repetition });
    }
    (tell, waiting)
}

/// Those that were told of the opening, or may have been, and that the plan still knows.
fn told_of_opening(incident: &Incident, alerts: &Alerts) -> Vec<ChannelName> {
    let told = |delivery: &Delivery| matches!(delivery.state, DeliveryState::Delivered | DeliveryState::Unknown);
    let known = |name: &String| name.parse().ok().filter(|channel| alerts.channels.contains_key(channel));
    incident.opened_to.iter().filter(|(_, delivery)| told(delivery)).filter_map(|(name, _)| known(name)).collect()
}

fn under_way(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.state == DeliveryState::Unknown && delivery.not_before.is_some_and(|until| until > now)
}

/// What came of telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// The opening that was told of.
    pub opening: u32,
    /// What was told.
    pub news: News,
    /// What each channel came to, by its name or [`FALLBACK`].
    pub by_channel: BTreeMap<String, Delivery>,
}

/// The incident with what came of telling. It may have moved on meanwhile: a new opening has nothing to do with answers
/// about an old one.
#[must_use]
pub fn settle(incident: &Incident, answers: &Answers) -> Incident {
    let mut settled = incident.clone();
    if incident.opening != answers.opening {
        return settled;
    }
    for (name, answer) in &answers.by_channel {
        let known = answers.news.deliveries(incident).get(name);
        // Somebody took over after our lease and knows more, unless we know the best there is to know.
        let overtaken =
            known.is_some_and(|known| known.state == DeliveryState::Delivered || known.attempts > answer.attempts);
        if !overtaken || answer.state == DeliveryState::Delivered {
            answers.news.deliveries_mut(&mut settled).insert(name.clone(), answer.clone());
        }
    }
    settled
}

/// Why the fallback topic has to hear of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FallbackReason {
    /// It is high or critical, and nobody took it: every channel failed, or its severity has no route.
    NobodyTold,
    /// A channel refused it for good, which only a person can mend; the other channels carry no news of that.
    ChannelRefused,
}

/// Whether the fallback topic has to hear of an incident. It hears once of each opening and once of each resolution.
#[must_use]
pub fn fallback_due(incident: &Incident, now: Timestamp) -> Option<FallbackReason> {
    let news = News::of(incident);
    let deliveries = news.deliveries(incident);
    if deliveries.get(FALLBACK).is_some_and(|delivery| delivery.state == DeliveryState::Delivered) {
        return None;
    }
    let mut channels = deliveries.iter().filter(|(name, _)| *name != FALLBACK).map(|(_, delivery)| delivery);
    let taken = |delivery: &Delivery| delivery.state == DeliveryState::Delivered || under_way(delivery, now);
    if news == News::Opened && incident.severity >= Severity::High && !channels.clone().any(taken) {
        return Some(FallbackReason::NobodyTold);
    }
    channels.any(|delivery| delivery.state == DeliveryState::Refused).then_some(FallbackReason::ChannelRefused)
}

#[cfg(test)]
mod tests;
