//! The closing report: what it was, how long, and who was told when. Pure.

use holdfast_ledger::{Delivery, DeliveryState, Incident};
use jiff::Timestamp;

use crate::due::Step;
use crate::settle::FALLBACK;
use crate::story::{Story, minute};

/// Makes a closing report of a story.
pub(crate) fn report(story: &mut Story, incident: &Incident) {
    story.lines = timeline(incident);
    story.notes = vec![match &incident.words.ended {
        Some(ended) => format!("It ended with: {ended}"),
        None => "It ended when it had been calm for long enough".into(),
    }];
    if !story.threatens.trim().is_empty() {
        story.notes.push(format!("It threatened: {}", std::mem::take(&mut story.threatens)));
    }
    if incident.lines.len() > 1 {
        story.notes.push(format!("{} causes with one root", incident.lines.len()));
    }
    if incident.acknowledged.is_none() {
        story.notes.push("Nobody acknowledged it".into());
    }
    story.next_step = "write down what was learned, and change what let it happen".into();
}

/// Who was told what, when: one line each, in order of time.
#[must_use]
fn timeline(incident: &Incident) -> Vec<String> {
    let mut entries: Vec<(Timestamp, String)> = vec![(incident.opened_at, "it began".into())];
    let told = [(Step::Opened, "told"), (Step::Resolved, "told that it is over")];
    for (step, word) in told {
        let deliveries = step.deliveries(incident).into_iter().flatten();
        entries.extend(deliveries.map(|(name, delivery)| (delivery.at, told_line(name, word, delivery))));
    }
    if let Some(update) = &incident.update {
        entries.push((update.begun_at, format!("update {}, the last", update.number)));
    }
    if let Some(ack) = &incident.acknowledged {
        entries.push((ack.at, format!("acknowledged by {}", ack.by)));
    }
    if let Some(resolved) = incident.resolved_at {
        entries.push((resolved, "it was over".into()));
    }
    entries.sort();
    entries.into_iter().map(|(at, what)| format!("{} {what}", minute(at))).collect()
}

fn told_line(name: &str, word: &str, delivery: &Delivery) -> String {
    let attempts = if delivery.attempts > 1 { format!(" at attempt {}", delivery.attempts) } else { String::new() };
    let repeated = if delivery.possibly_repeated { ", possibly repeated" } else { "" };
    let place = if name == FALLBACK { "the fallback topic" } else { name };
    match delivery.state {
        DeliveryState::Delivered => format!("{place} was {word}{attempts}{repeated}"),
        DeliveryState::Failed => format!("{place} could not be {word}{attempts}"),
        DeliveryState::Unknown => format!("{place} may have been {word}{attempts}"),
        DeliveryState::Refused => format!("{place} refused to be {word}{attempts}"),
    }
}
