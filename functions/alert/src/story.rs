//! What people are told, before any channel gives it a form. Pure.

use holdfast_domain::{Plan, Severity};
use holdfast_ledger::{Incident, IncidentState, LineState};
use jiff::{SignedDuration, Timestamp};

use crate::due::Step;
use crate::{lines, policy, report};

/// How many causes of each state a message names; the record holds them all.
const NAMES_SHOWN_MAX: usize = 50;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A step of an incident.
    Incident(Step),
    /// All is well, or not.
    Heartbeat,
    /// Somebody tries the channels out.
    Test,
}

/// One message, whatever the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// What it is about: an incident's id, or the name of a heartbeat or test. A repetition has the same.
    pub reference: String,
    /// What sort of message it is.
    pub event: Event,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, in a few words: `orders-db in shop/prod`.
    pub place: String,
    /// `shop/prod`.
    pub group: String,
    /// What happened, in one sentence.
    pub title: String,
    /// Since when, UTC.
    pub since: Timestamp,
    /// Until when, UTC, if it is over.
    pub until: Option<Timestamp>,
    /// What it threatens; may be empty.
    pub threatens: String,
    /// What to do next; may be empty.
    pub next_step: String,
    /// The causes, if there is more than one, or a timeline: bounded, in order.
    pub lines: Vec<String>,
    /// What else there is to know: who takes care, that it flaps.
    pub notes: Vec<String>,
    /// Particulars, in order: label and value.
    pub facts: Vec<(String, String)>,
    /// Whom it concerns.
    pub owners: Vec<String>,
    /// Addresses, in order: label and URL.
    pub links: Vec<(String, String)>,
    /// Whether this may stand there twice.
    pub possibly_repeated: bool,
}

/// Where the ledger can be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its bucket.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
}

impl Archive {
    /// An object in the console.
    #[must_use]
    pub fn link(&self, key: &str) -> String {
        let Self { bucket, region } = self;
        let key: String = key.bytes().map(encoded).collect();
        format!("https://{region}.console.aws.amazon.com/s3/object/{bucket}?region={region}&prefix={key}")
    }
}

/// A byte as it may stand in the value of a URL's query.
fn encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

impl Story {
    /// What a step of an incident says.
    #[must_use]
    pub fn of(plan: &Plan, archive: &Archive, incident: &Incident, step: Step, now: Timestamp) -> Self {
        let over = incident.state == IncidentState::Resolved;
        let mut story = Self {
            reference: incident.id.to_string(),
            event: Event::Incident(step),
            severity: incident.severity,
            place: place(plan, incident),
            group: format!("{}/{}", plan.name, plan.environment),
            title: incident.words.title.clone(),
            since: incident.opened_at,
            until: incident.resolved_at.filter(|_| over),
            threatens: incident.words.threatens.clone(),
            next_step: incident.words.next_step.clone(),
            lines: causes(incident),
            notes: notes(incident, step, now),
            facts: incident.words.facts.clone(),
            owners: policy::owners(plan, incident),
            links: links(plan, archive, incident),
            possibly_repeated: false,
        };
        match step {
            Step::Opened | Step::Update(_) => {}
            Step::Acknowledged => (story.threatens, story.facts) = (String::new(), Vec::new()),
            Step::Resolved => {
                story.notes.insert(0, format!("It was: {}", incident.words.title));
                story.title = incident.words.ended.clone().unwrap_or_else(|| format!("over: {}", incident.words.title));
                (story.threatens, story.next_step, story.facts) = (String::new(), String::new(), Vec::new());
            }
            Step::Report => report::report(&mut story, incident),
        }
        story
    }

    /// The first line: how bad, and where.
    #[must_use]
    pub fn headline(&self) -> String {
        let Self { severity, place, .. } = self;
        let severity = severity_word(*severity);
        match self.event {
            Event::Incident(Step::Opened) => format!("{severity}: {place}"),
            Event::Incident(Step::Update(number)) => format!("Update {number}, {severity}: {place}"),
            Event::Incident(Step::Acknowledged) => format!("Acknowledged: {place}"),
            Event::Incident(Step::Resolved) => format!("Resolved: {place}"),
            Event::Incident(Step::Report) => format!("Closing report: {place}"),
            Event::Heartbeat => format!("Heartbeat: {place}"),
            Event::Test => format!("TEST, nothing is wrong: {place}"),
        }
    }

    /// One line that says it all: for a lock screen and an email's subject.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{}: {}", self.headline(), self.title)
    }

    /// From when to when, in words.
    #[must_use]
    pub fn span(&self) -> String {
        match (self.event, self.until) {
            (Event::Heartbeat | Event::Test, _) => minute(self.since),
            (Event::Incident(_), None) => format!("since {}", minute(self.since)),
            (Event::Incident(_), Some(until)) => {
                let lasted = lasted(until.duration_since(self.since));
                format!("from {} to {}, {lasted}", minute(self.since), minute(until))
            }
        }
    }

    /// What a receiver knows a repetition by.
    #[must_use]
    pub fn message_id(&self) -> String {
        match self.event {
            Event::Incident(step) => format!("{}#{step}", self.reference),
            Event::Heartbeat | Event::Test => self.reference.clone(),
        }
    }
}

/// What it is about.
fn place(plan: &Plan, incident: &Incident) -> String {
    let group = format!("{}/{}", plan.name, plan.environment);
    let mut resources: Vec<&str> = Vec::new();
    for line in incident.lines.values() {
        let name = line.resource.as_ref().map(|name| name.as_str());
        resources.extend(name.filter(|name| !resources.contains(name)));
    }
    match resources.as_slice() {
        [] => format!("Holdfast in {group}"),
        [one] => format!("{one} in {group}"),
        more => format!("{} resources in {group}", more.len()),
    }
}

/// The causes of a storm by how they stand. They have one root, so that what happened to each is what the title says; names
/// are what a phone has room for.
fn causes(incident: &Incident) -> Vec<String> {
    if incident.lines.len() < 2 {
        return Vec::new();
    }
    let states = [
        (LineState::Standing, "standing"),
        (LineState::Flapping, "coming and going"),
        (LineState::Calm, "calm just now"),
        (LineState::Over, "over"),
    ];
    let listed = |(state, words): (LineState, &str)| {
        let names: Vec<&str> =
            incident.lines.iter().filter(|(_, line)| line.state == state).map(|(cause, _)| subject(cause)).collect();
        let more = names.len().saturating_sub(NAMES_SHOWN_MAX);
        let more = if more > 0 { format!(" and {more} more, in the incident's record") } else { String::new() };
        let shown = names.iter().take(NAMES_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| format!("{} {words}: {shown}{more}", names.len()))
    };
    states.into_iter().filter_map(listed).collect()
}

/// What a cause is about, in short: the part that differs within a storm.
fn subject(cause: &str) -> &str {
    let parts: Vec<&str> = cause.split('/').collect();
    match parts.as_slice() {
        [_, _, subject, _, ..] => subject,
        [_, subject, _] => subject,
        _ => cause,
    }
}

fn notes(incident: &Incident, step: Step, now: Timestamp) -> Vec<String> {
    let mut notes = Vec::new();
    if incident.lines.len() > 1 {
        let (standing, all) = (lines::standing(incident), incident.lines.len());
        notes.push(format!("{all} causes with one root, {standing} of them standing; they are one incident"));
    }
    if lines::flaps(incident) {
        notes.push("It comes and goes: it is told once, and is over when it has been calm for 30 min".into());
    }
    if let Some(ack) = &incident.acknowledged {
        let note = ack.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
        notes.push(format!("{} takes care of it since {}{note}", ack.by, minute(ack.at)));
    } else if matches!(step, Step::Update(_)) {
        notes.push(format!("Nobody has acknowledged it in {}", lasted(now.duration_since(incident.opened_at))));
    }
    notes
}

/// The facts that name a restore test's run.
const RUN: &str = "run";

fn links(plan: &Plan, archive: &Archive, incident: &Incident) -> Vec<(String, String)> {
    let mut links: Vec<(String, String)> = Vec::new();
    links.extend(policy::runbooks(plan, incident).into_iter().map(|url| ("Runbook".into(), url)));
    let run = incident.words.facts.iter().find(|(label, _)| label.eq_ignore_ascii_case(RUN));
    if let Some(run) = run.and_then(|(_, run)| run.parse().ok()) {
        links.push(("Evidence".into(), archive.link(&holdfast_ledger::run_key(&run))));
    }
    links.push(("Incident record".into(), archive.link(&holdfast_ledger::incident_key(&incident.id))));
    links
}

/// The word for a severity.
pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Low => "Low",
        Severity::Info => "Info",
    }
}

/// `2026-11-20 02:00 UTC`.
pub(crate) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `3 days 4 h`, `2 h 5 min`, `42 min`, `12 s`: the two largest units.
pub(crate) fn lasted(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (1, hours, _) => format!("1 day {hours} h"),
        (days, hours, _) => format!("{days} days {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_told_in_its_two_largest_units() {
        let told = |seconds| lasted(SignedDuration::from_secs(seconds));
        assert_eq!([told(-1), told(59), told(3_599)], ["0 s", "59 s", "59 min"]);
        assert_eq!([told(7_500), told(90_000), told(273_600)], ["2 h 5 min", "1 day 1 h", "3 days 4 h"]);
    }

    #[test]
    fn a_link_into_the_ledger_survives_whatever_a_key_holds() {
        let archive = Archive { bucket: "holdfast-ledger".into(), region: "eu-west-1".into() };
        assert_eq!(
            archive.link("incidents/records/shop/prod/a&b/1.json"),
            "https://eu-west-1.console.aws.amazon.com/s3/object/holdfast-ledger?region=eu-west-1&prefix=incidents/records/shop/prod/a%26b/1.json"
        );
    }
}
