//! Who is to be told what of an incident, now. Pure.
//!
//! *Telling is level-triggered.* Every decision compares who should know with who was told, so a repetition, a retry
//! after a crash, a sweep and a risen severity need no rules of their own.
//!
//! *In order.* The first channel of the route is told at once; each further one when those before it were told and
//! nobody has acknowledged for `escalate_after`, or at once when the one before it failed: nobody waits for a dead
//! channel. Without `escalate_after`, and for critical incidents, all are told at once.
//!
//! *An attempt is recorded before it is made.* PagerDuty takes a repetition for the same alert (`dedup_key`), but a
//! Slack webhook knows no idempotency, so two invocations that work on one incident at the same time must not both post.
//! The first writes [`DeliveryState::Unknown`] with `not_before`; the second sees that somebody is at it and leaves the
//! channel alone. What is still unknown after [`LEASE`] was killed or lost its answer, and is tried again: a message
//! that stands twice in Slack is a nuisance, one that never came is what this product exists to prevent. The repetition
//! says that it is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_domain::{ChannelName, Plan, Severity};
use holdfast_ledger::{Delivery, DeliveryState, Incident, IncidentState, Said, Update};
use jiff::{SignedDuration, Timestamp};

use crate::cause::SILENCE;
use crate::{lines, policy};

/// How long an attempt without a recorded answer belongs to the invocation that began it: longer than `alert` may run
/// (30 s, infra/wiring.yaml), so that nobody is still at it, and shorter than the sweep's minute.
pub const LEASE: SignedDuration = SignedDuration::from_secs(45);

/// How soon after a message its first successor may come that says how far a storm has grown, and then each further one:
/// a storm is told as it begins and as it goes on, not line by line.
pub const GROWTH_FIRST: SignedDuration = SignedDuration::from_mins(1);
/// See [`GROWTH_FIRST`].
pub const GROWTH_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// How long after its end an incident's closing report waits for whatever is still under way, if the plan leaves time.
pub const REPORT_SETTLES: SignedDuration = SignedDuration::from_mins(10);

/// How long a failed channel is left alone, doubled with each attempt up to the most.
const BACKOFF_FIRST: SignedDuration = SignedDuration::from_secs(30);
const BACKOFF_MAX: SignedDuration = SignedDuration::from_mins(15);

/// How often a channel is tried with one message: with [`BACKOFF_MAX`] apart for a day. Then it counts as refused.
pub const ATTEMPTS_MAX: u32 = 100;

/// What a channel is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// It stands.
    Opened,
    /// It still stands; the how-manieth update.
    Update(u32),
    /// Somebody takes care of it.
    Acknowledged,
    /// It is over.
    Resolved,
    /// How it was.
    Report,
}

impl fmt::Display for Step {
    /// Part of the id by which a receiver knows a repetition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("opened"),
            Self::Update(number) => write!(f, "update-{number}"),
            Self::Acknowledged => f.write_str("acknowledged"),
            Self::Resolved => f.write_str("resolved"),
            Self::Report => f.write_str("report"),
        }
    }
}

impl Step {
    /// Who was told of it. None of an update that a newer one has replaced.
    #[must_use]
    pub fn deliveries(self, incident: &Incident) -> Option<&BTreeMap<String, Delivery>> {
        match self {
            Self::Opened => Some(&incident.opened_to),
            Self::Update(n) => incident.update.as_ref().filter(|update| update.number == n).map(|update| &update.to),
            Self::Acknowledged => Some(&incident.acknowledged_to),
            Self::Resolved => Some(&incident.resolved_to),
            Self::Report => Some(&incident.reported_to),
        }
    }

    /// The same, to be changed.
    pub(crate) fn deliveries_mut(self, incident: &mut Incident) -> Option<&mut BTreeMap<String, Delivery>> {
        match self {
            Self::Opened => Some(&mut incident.opened_to),
            Self::Update(n) => {
                incident.update.as_mut().filter(|update| update.number == n).map(|update| &mut update.to)
            }
            Self::Acknowledged => Some(&mut incident.acknowledged_to),
            Self::Resolved => Some(&mut incident.resolved_to),
            Self::Report => Some(&mut incident.reported_to),
        }
    }
}

/// One channel to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// Whom.
    pub channel: ChannelName,
    /// What.
    pub step: Step,
    /// The how-manieth attempt it is, from 1.
    pub attempt: u32,
    /// Whether an earlier attempt may have arrived, on a channel that cannot tell.
    pub possibly_repeated: bool,
    /// The receiver's own name of the message that opened the incident there.
    pub thread: Option<String>,
}

/// The incident with every attempt marked that is to be made now, and the attempts. Channels that are `silent` are left
/// for later: they gave no answer a moment ago.
#[must_use]
pub fn due(plan: &Plan, before: &Incident, silent: &BTreeSet<ChannelName>, now: Timestamp) -> (Incident, Vec<Telling>) {
    let mut incident = lines::calm(before, now);
    if policy::quiet_until(plan, incident.severity, now).is_some() {
        return (incident, Vec::new());
    }
    let (nobody_knew, last) = (knowing(plan, &incident).is_empty(), update_number(&incident));
    let mut tellings = Vec::new();
    for (step, audience) in audiences(plan, &mut incident, silent, now) {
        for channel in audience {
            if !silent.contains(&channel) && is_free(&incident, step, &channel, now) {
                tellings.extend(begin(plan, &mut incident, step, channel, now));
            }
        }
    }
    // What those who know were told last is the opening, as long as nobody knew, and then each update. Whoever is told of the opening later,
    // or tried in vain once more, tells them nothing.
    let opens = nobody_knew && tellings.iter().any(|telling| telling.step == Step::Opened);
    if opens || update_number(&incident) != last {
        incident.said = saying(&incident, now);
    }
    if is_finished(plan, &incident, now) {
        incident.finished_at = Some(now);
    }
    (incident, tellings)
}

/// Who should be told of what by now, whether they were or not.
fn audiences(
    plan: &Plan,
    incident: &mut Incident,
    silent: &BTreeSet<ChannelName>,
    now: Timestamp,
) -> Vec<(Step, Vec<ChannelName>)> {
    if incident.finished_at.is_some() {
        return Vec::new();
    }
    match incident.state {
        IncidentState::Open => {
            let mut all = vec![(Step::Opened, wave(plan, incident, silent, now))];
            begin_update(plan, incident, now);
            if let Some(update) = &incident.update {
                // Whoever was told of the opening since then knows it all.
                let before = |channel: &ChannelName| {
                    incident.opened_to.get(channel.as_str()).is_some_and(|opening| opening.at < update.begun_at)
                };
                all.push((Step::Update(update.number), knowing(plan, incident).into_iter().filter(before).collect()));
            }
            if incident.acknowledged.is_some() {
                let audience = knowing(plan, incident).into_iter();
                all.push((Step::Acknowledged, audience.filter(|c| policy::takes_acknowledgements(plan, c)).collect()));
            }
            all
        }
        IncidentState::Resolved => {
            let mut all = vec![(Step::Resolved, knowing(plan, incident))];
            if report_due_at(plan, incident).is_some_and(|at| at <= now) {
                let audience = knowing(plan, incident).into_iter();
                all.push((Step::Report, audience.filter(|channel| policy::takes_reports(plan, channel)).collect()));
            }
            all
        }
    }
}

/// The channels whose turn has come, in order. Each route keeps its own time: a resource that joins with another one holds nobody up.
fn wave(plan: &Plan, incident: &Incident, silent: &BTreeSet<ChannelName>, now: Timestamp) -> Vec<ChannelName> {
    let mut turn: Vec<ChannelName> = Vec::new();
    for route in policy::routes(plan, incident) {
        for channel in along(plan, incident, route, silent, now) {
            if !turn.contains(&channel) {
                turn.push(channel);
            }
        }
    }
    turn
}

/// The channels of one route whose turn has come, in order.
fn along(
    plan: &Plan,
    incident: &Incident,
    route: Vec<ChannelName>,
    silent: &BTreeSet<ChannelName>,
    now: Timestamp,
) -> Vec<ChannelName> {
    let covered = incident.acknowledged.as_ref().is_some_and(|ack| ack.severity >= incident.severity);
    let patience = policy::patience(plan, incident.severity);
    let mut turn = Vec::new();
    for channel in route {
        let delivery = incident.opened_to.get(channel.as_str());
        // Somebody takes care: whoever was not told yet need not be woken.
        if covered && delivery.is_none_or(|delivery| delivery.state != DeliveryState::Delivered) {
            continue;
        }
        let is_silent = silent.contains(&channel);
        turn.push(channel);
        let Some(patience) = patience else { continue };
        let goes_on = match delivery.map(|delivery| (delivery.state, delivery)) {
            None => is_silent,
            Some((DeliveryState::Delivered, told)) => now.duration_since(told.at) >= patience,
            Some((DeliveryState::Failed | DeliveryState::Refused, _)) => true,
            Some((DeliveryState::Unknown, told)) => !under_way(told, now),
        };
        if !goes_on {
            break;
        }
    }
    turn
}

/// Those that were told of the opening, or may have been, and that the plan still knows; in the order of the names.
fn knowing(plan: &Plan, incident: &Incident) -> Vec<ChannelName> {
    let told = |delivery: &Delivery| matches!(delivery.state, DeliveryState::Delivered | DeliveryState::Unknown);
    let known = |name: &String| name.parse().ok().filter(|channel| plan.alerts.channels.contains_key(channel));
    incident.opened_to.iter().filter(|(_, delivery)| told(delivery)).filter_map(|(name, _)| known(name)).collect()
}

/// Begins the next update if there is something to say: the time is up (while a recovery runs), it got worse, it grew,
/// it flaps, or there is news after a silence that was long for those who know, too.
fn begin_update(plan: &Plan, incident: &mut Incident, now: Timestamp) {
    let Some(said_at) = incident.said.at.filter(|_| !knowing(plan, incident).is_empty()) else { return };
    let since = now.duration_since(said_at);
    let said = &incident.said;
    let regular = plan.alerts.update_every.filter(|_| incident.severity == Severity::Critical);
    let spacing = if incident.update.is_some() { GROWTH_EVERY } else { GROWTH_FIRST };
    let news = lines::standing(incident) > said.standing || lines::flaps(incident) && !said.flapping;
    let worse = incident.severity > said.severity;
    let again = incident.again_at.is_some_and(|again| again.duration_since(said_at) >= SILENCE);
    if worse || again || regular.is_some_and(|every| since >= every) || (news && since >= spacing) {
        let number = update_number(incident) + 1;
        incident.update = Some(Update { number, begun_at: now, to: BTreeMap::new() });
    }
}

fn update_number(incident: &Incident) -> u32 {
    incident.update.as_ref().map_or(0, |update| update.number)
}

fn saying(incident: &Incident, now: Timestamp) -> Said {
    Said {
        standing: lines::standing(incident),
        severity: incident.severity,
        flapping: lines::flaps(incident),
        at: Some(now),
    }
}

/// Whether a channel may be tried now.
fn is_free(incident: &Incident, step: Step, channel: &ChannelName, now: Timestamp) -> bool {
    // News must not overtake the opening: PagerDuty drops the resolution of an alert that it does not know, and the
    // alert that comes after it would ring for ever.
    let opening = incident.opened_to.get(channel.as_str());
    if step != Step::Opened && opening.is_some_and(|opening| under_way(opening, now)) {
        return false;
    }
    let before = step.deliveries(incident).and_then(|deliveries| deliveries.get(channel.as_str()));
    before.is_none_or(|before| match before.state {
        DeliveryState::Delivered | DeliveryState::Refused => false,
        DeliveryState::Failed | DeliveryState::Unknown => before.not_before.is_none_or(|until| until <= now),
    })
}

fn begin(plan: &Plan, incident: &mut Incident, step: Step, channel: ChannelName, now: Timestamp) -> Option<Telling> {
    let thread = incident.opened_to.get(channel.as_str()).and_then(|opening| opening.reference.clone());
    let (attempt, possibly_repeated) = attempt(plan, &channel, step.deliveries(incident)?);
    step.deliveries_mut(incident)?.insert(channel.to_string(), begun(attempt, possibly_repeated, now));
    Some(Telling { channel, step, attempt, possibly_repeated, thread })
}

/// The number of the next attempt, and whether an earlier one may stand there already.
pub(crate) fn attempt(plan: &Plan, channel: &ChannelName, told: &BTreeMap<String, Delivery>) -> (u32, bool) {
    let before = told.get(channel.as_str());
    let lost = before.is_some_and(|before| before.possibly_repeated || before.state == DeliveryState::Unknown);
    (before.map_or(0, |before| before.attempts) + 1, lost && !policy::knows_repetitions(plan, channel))
}

/// An attempt that is about to be made.
pub(crate) fn begun(attempts: u32, possibly_repeated: bool, now: Timestamp) -> Delivery {
    Delivery {
        state: DeliveryState::Unknown,
        attempts,
        at: now,
        not_before: Some(now + LEASE),
        possibly_repeated,
        reference: None,
        error: None,
    }
}

/// Whether somebody is at it.
pub(crate) fn under_way(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.state == DeliveryState::Unknown
        && delivery.error.is_none()
        && delivery.not_before.is_some_and(|until| until > now)
}

/// Whether anything is still to be tried.
pub(crate) fn is_settled(delivery: &Delivery) -> bool {
    match delivery.state {
        DeliveryState::Delivered | DeliveryState::Refused => true,
        DeliveryState::Failed | DeliveryState::Unknown => delivery.attempts >= ATTEMPTS_MAX,
    }
}

/// How long a channel is left alone after its n-th failed attempt.
pub(crate) fn backoff(attempts: u32) -> SignedDuration {
    let doubled = BACKOFF_FIRST * 2_i32.saturating_pow(attempts.saturating_sub(1).min(10));
    doubled.min(BACKOFF_MAX)
}

/// When the closing report is due: of incidents that somebody was told of at night, if the plan wants any.
#[must_use]
pub fn report_due_at(plan: &Plan, incident: &Incident) -> Option<Timestamp> {
    let within = plan.alerts.report_within.filter(|_| incident.severity >= Severity::High)?;
    incident.resolved_at.map(|resolved| resolved + REPORT_SETTLES.min(within))
}

/// Whether nothing is left to do about it.
fn is_finished(plan: &Plan, incident: &Incident, now: Timestamp) -> bool {
    if incident.state == IncidentState::Open || incident.finished_at.is_some() {
        return false;
    }
    let all_settled = |told: &BTreeMap<String, Delivery>, audience: &[ChannelName]| {
        audience.iter().all(|channel| told.get(channel.as_str()).is_some_and(is_settled))
    };
    let knowing = knowing(plan, incident);
    let under_way = incident.opened_to.values().any(|delivery| under_way(delivery, now));
    let (reporters, reported) = match report_due_at(plan, incident) {
        None => (Vec::new(), true),
        Some(at) => {
            let takes = knowing.iter().filter(|channel| policy::takes_reports(plan, channel)).cloned();
            (takes.collect(), at <= now)
        }
    };
    let nobody = knowing.is_empty();
    !under_way
        && all_settled(&incident.resolved_to, &knowing)
        && (nobody || (reported && all_settled(&incident.reported_to, &reporters)))
}

#[cfg(test)]
mod tests;
