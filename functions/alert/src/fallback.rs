//! The last resort, for what concerns `alert` itself: a channel that refuses, an incident that nobody took, its own
//! failures. It is also where plain SNS email comes from: who subscribes to it hears when SES does not.
//!
//! It goes to a topic that `alert` does not subscribe to. A message about a broken messenger must not depend on the
//! messenger.

use std::collections::BTreeMap;

use holdfast_domain::Finding;
use holdfast_ledger::{Delivery, DeliveryState};

use crate::channels::email;
use crate::channels::text::cut;
use crate::settle::{FALLBACK, FallbackReason};
use crate::story::Story;

/// The longest text of a finding's part; a message of SNS may have 256 KiB (source: Amazon SNS quotas).
const PART_MAX: usize = 4_096;

/// What an alarm outside may watch: incidents that nobody could be told of.
pub const NOBODY_TOLD: &str = "IncidentsNobodyWasToldOf";

/// Subject and text about an incident whose telling went wrong.
pub(crate) fn of_incident(told: &BTreeMap<String, Delivery>, story: &Story, why: FallbackReason) -> (String, String) {
    let what = match why {
        FallbackReason::NobodyTold => "nobody could be told",
        FallbackReason::ChannelRefused => "a channel refuses",
    };
    let channels: Vec<String> = told.iter().filter(|(name, _)| *name != FALLBACK).map(channel_line).collect();
    let channels =
        if channels.is_empty() { "No channel has a route for this severity.\n".into() } else { channels.concat() };
    let text = format!(
        "Holdfast's alert: {what}.\n\n{channels}\nMend the channel's secret or the plan's routes; what follows still has to be seen to.\n\n{}",
        email::text(story)
    );
    (format!("holdfast alert: {what}"), text)
}

/// Subject and text of a finding about `alert` itself.
pub(crate) fn of_alert_itself(finding: &Finding) -> (String, String) {
    ("holdfast alert: alert itself is in trouble".into(), describe(finding))
}

fn channel_line((name, delivery): (&String, &Delivery)) -> String {
    let state = match delivery.state {
        DeliveryState::Delivered => "told",
        DeliveryState::Failed => "failed, will be tried again",
        DeliveryState::Unknown => "no answer, will be tried again",
        DeliveryState::Refused => "refused for good",
    };
    match &delivery.error {
        Some(error) => format!("- {name}: {state}: {error}\n"),
        None => format!("- {name}: {state}\n"),
    }
}

fn describe(finding: &Finding) -> String {
    let part = |text: &str| cut(text, PART_MAX);
    let facts: String =
        finding.facts.iter().map(|(label, value)| format!("{}: {}\n", part(label), part(value))).collect();
    format!(
        "{}\n\nSeverity: {}\nCause: {}\nSeen: {}\nThreatens: {}\nNext step: {}\n{facts}",
        part(&finding.title),
        finding.severity,
        finding.cause,
        finding.seen_at,
        part(&finding.threatens),
        part(&finding.next_step),
    )
}
