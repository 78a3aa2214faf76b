//! The lines of an incident, and what they make of it. Pure.
//!
//! A line says what the newest news of its cause says; an incident stands while one of its lines does. Applied twice, or
//! again after a crash, the same news changes nothing.

use std::collections::BTreeMap;

use holdfast_domain::{Cause, Finding, FindingState};
use holdfast_ledger::{CauseRecord, Incident, IncidentId, IncidentState, Line, LineState, Said, Words};
use jiff::Timestamp;

use crate::cause::{FLAP_CALM, Heard};
use crate::channels::text::cut;
use crate::fold::LINES_MAX;

/// How much of a finding's words an incident keeps; the rest stands in the log of whoever told of it.
const TITLE_MAX: usize = 1_000;
const TEXT_MAX: usize = 3_000;
const FACTS_MAX: usize = 30;
const LABEL_MAX: usize = 100;
const FACT_MAX: usize = 1_000;
const LINE_MAX: usize = 200;

/// The incident with the newest news of one of its causes, or none if it cannot take it: it is over, or full.
#[must_use]
pub fn apply(
    before: Option<&Incident>,
    id: &IncidentId,
    cause: &CauseRecord,
    finding: &Finding,
    heard: Heard,
) -> Option<Incident> {
    let stands = cause.state == IncidentState::Open;
    let mut incident = match before {
        Some(before) => before.clone(),
        None if stands => begin(id, cause, finding),
        None => return None,
    };
    let known = incident.lines.contains_key(cause.cause.as_str());
    let takes = match incident.state {
        IncidentState::Open => known || (stands && incident.lines.len() < LINES_MAX),
        // What is over takes no news but that which ended it.
        IncidentState::Resolved => known && !stands,
    };
    if !takes {
        return None;
    }
    set_line(&mut incident, cause, finding);
    incident.last_seen_at = incident.last_seen_at.max(cause.last_seen_at);
    if stands {
        incident.opened_at = incident.opened_at.min(cause.opened_at);
        speak(&mut incident, finding);
    }
    if heard == Heard::SeenAfterSilence {
        incident.again_at = incident.again_at.max(Some(finding.seen_at));
    }
    close_if_over(&mut incident);
    Some(incident)
}

/// The incident after time has passed: what flapped and has been calm for long enough is over.
#[must_use]
pub fn calm(incident: &Incident, now: Timestamp) -> Incident {
    let mut next = incident.clone();
    for line in next.lines.values_mut() {
        if line.state == LineState::Calm && now.duration_since(line.since) >= FLAP_CALM {
            (line.state, line.since) = (LineState::Over, now);
        }
    }
    close_if_over(&mut next);
    next
}

/// How many causes stand, those that only pause counted too.
#[must_use]
pub fn standing(incident: &Incident) -> usize {
    incident.lines.values().filter(|line| line.state != LineState::Over).count()
}

/// Whether one of its causes comes and goes.
#[must_use]
pub fn flaps(incident: &Incident) -> bool {
    incident.lines.values().any(|line| matches!(line.state, LineState::Flapping | LineState::Calm))
}

/// Whether a cause is one of an incident's that stand.
#[must_use]
pub fn stands_in(incident: &Incident, cause: &Cause) -> bool {
    incident.lines.get(cause.as_str()).is_some_and(|line| line.state != LineState::Over)
}

fn begin(id: &IncidentId, cause: &CauseRecord, finding: &Finding) -> Incident {
    Incident {
        id: id.clone(),
        state: IncidentState::Open,
        severity: finding.severity,
        words: words(finding),
        opened_at: cause.opened_at,
        last_seen_at: cause.last_seen_at,
        resolved_at: None,
        lines: BTreeMap::new(),
        acknowledged: None,
        said: Said { standing: 0, severity: finding.severity, flapping: false, at: None },
        again_at: None,
        opened_to: BTreeMap::new(),
        update: None,
        acknowledged_to: BTreeMap::new(),
        resolved_to: BTreeMap::new(),
        reported_to: BTreeMap::new(),
        finished_at: None,
    }
}

fn set_line(incident: &mut Incident, cause: &CauseRecord, finding: &Finding) {
    let state = match (cause.state, cause.flapping) {
        (IncidentState::Open, false) => LineState::Standing,
        (IncidentState::Open, true) => LineState::Flapping,
        (IncidentState::Resolved, true) => LineState::Calm,
        (IncidentState::Resolved, false) => LineState::Over,
    };
    let since = match cause.state {
        IncidentState::Open => cause.opened_at,
        IncidentState::Resolved => cause.over_until.unwrap_or(cause.last_seen_at),
    };
    let before = incident.lines.get(cause.cause.as_str());
    let newest = before.is_none_or(|before| finding.seen_at >= before.seen_at);
    let of_standing = finding.state == FindingState::Open && newest;
    // What a line is about, whoever tells that it stands says; whoever tells its end may not know any more.
    let (title, resource, part) = match before {
        Some(before) if !of_standing => (before.title.clone(), before.resource.clone(), before.part.clone()),
        Some(_) | None => (cut(&finding.title, LINE_MAX), finding.resource.clone(), finding.part.clone()),
    };
    // A calm that was already counted out is not begun anew by a repetition of its news.
    let state = match before.map(|before| before.state) {
        Some(LineState::Over) if state == LineState::Calm => LineState::Over,
        Some(_) | None => state,
    };
    let since = match before {
        Some(before) if before.state == state => before.since.min(since),
        Some(_) | None => since,
    };
    let line = Line { resource, part, title, state, since, seen_at: cause.last_seen_at };
    incident.lines.insert(cause.cause.to_string(), line);
    if finding.state == FindingState::Resolved && newest {
        incident.words.ended = Some(cut(&finding.title, TITLE_MAX));
    }
}

/// The incident speaks in the words of the cause that opened it, until another one is worse.
fn speak(incident: &mut Incident, finding: &Finding) {
    if finding.state == FindingState::Resolved {
        return;
    }
    let own = incident.id.as_str().rsplit_once('/').is_some_and(|(cause, _)| cause == finding.cause.as_str());
    if finding.severity > incident.severity || (own && finding.seen_at >= incident.last_seen_at) {
        incident.words = Words { ended: incident.words.ended.take(), ..words(finding) };
    }
    incident.severity = incident.severity.max(finding.severity);
}

fn words(finding: &Finding) -> Words {
    let fact = |(label, value): &(String, String)| (cut(label, LABEL_MAX), cut(value, FACT_MAX));
    Words {
        title: cut(&finding.title, TITLE_MAX),
        threatens: cut(&finding.threatens, TEXT_MAX),
        next_step: cut(&finding.next_step, TEXT_MAX),
        facts: finding.facts.iter().take(FACTS_MAX).map(fact).collect(),
        ended: None,
    }
}

fn close_if_over(incident: &mut Incident) {
    if incident.state == IncidentState::Open && standing(incident) == 0 {
        incident.state = IncidentState::Resolved;
        incident.resolved_at = incident.lines.values().map(|line| line.since).max();
    }
}

#[cfg(test)]
mod tests;
