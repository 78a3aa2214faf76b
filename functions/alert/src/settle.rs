//! What came of telling, and who else has to hear of that. Pure.

use std::collections::BTreeMap;

use holdfast_domain::{ChannelName, Plan, Severity};
use holdfast_ledger::{Delivery, DeliveryState, Incident, IncidentState};
use jiff::Timestamp;

use crate::due::{Step, under_way};
use crate::policy;

/// Where the fallback topic's delivery stands among the channels'. No channel can have this name: a space is not legal
/// in one.
pub const FALLBACK: &str = "fallback topic";

/// What came of telling.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answers {
    /// What each attempt came to: step, channel or [`FALLBACK`], delivery.
    pub all: Vec<(Step, String, Delivery)>,
}

/// The incident with what came of telling. It may have moved on meanwhile.
#[must_use]
pub fn settle(incident: &Incident, answers: &Answers) -> Incident {
    let mut settled = incident.clone();
    for (step, name, answer) in &answers.all {
        let Some(deliveries) = step.deliveries_mut(&mut settled) else { continue };
        settle_one(deliveries, name, answer);
    }
    settled
}

/// Writes an answer down, unless somebody took over after our lease and knows more; the best there is to know is
/// delivered.
pub(crate) fn settle_one(deliveries: &mut BTreeMap<String, Delivery>, name: &str, answer: &Delivery) {
    let known = deliveries.get(name);
    let overtaken =
        known.is_some_and(|known| known.state == DeliveryState::Delivered || known.attempts > answer.attempts);
    if !overtaken || answer.state == DeliveryState::Delivered {
        let reference = answer.reference.clone().or_else(|| known.and_then(|known| known.reference.clone()));
        deliveries.insert(name.to_owned(), Delivery { reference, ..answer.clone() });
    }
}

/// Why the fallback topic has to hear of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FallbackReason {
    /// It is high or critical, and nobody took it: every channel failed, or its severity has no route.
    NobodyTold,
    /// A channel refused it for good, which only a person can mend; the other channels carry no news of that.
    ChannelRefused,
}

/// Whether the fallback topic has to hear of an incident now, and at which step. It hears once that nobody was told or a
/// channel refuses, and once more if that happens at the end.
#[must_use]
pub fn fallback_due(plan: &Plan, incident: &Incident, now: Timestamp) -> Option<(Step, FallbackReason)> {
    let step = match incident.state {
        IncidentState::Open => Step::Opened,
        IncidentState::Resolved => Step::Resolved,
    };
    let deliveries = step.deliveries(incident)?;
    let told = deliveries.get(FALLBACK);
    if told.is_some_and(|told| told.state == DeliveryState::Delivered || told.not_before.is_some_and(|at| at > now)) {
        return None;
    }
    let mut channels = deliveries.iter().filter(|(name, _)| *name != FALLBACK).map(|(_, delivery)| delivery);
    let grave = step == Step::Opened && incident.severity >= Severity::High && incident.acknowledged.is_none();
    let heard = |channel: &ChannelName| {
        // One whose turn has not come may still take it.
        deliveries
            .get(channel.as_str())
            .is_none_or(|delivery| delivery.state == DeliveryState::Delivered || under_way(delivery, now))
    };
    if grave && !policy::route(plan, incident).iter().any(heard) {
        return Some((step, FallbackReason::NobodyTold));
    }
    channels.any(|delivery| delivery.state == DeliveryState::Refused).then_some((step, FallbackReason::ChannelRefused))
}
