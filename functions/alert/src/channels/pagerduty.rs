//! PagerDuty, Events API v2 (source: PagerDuty developer documentation, "Events API v2", "Send an alert event",
//! "PD-CEF").
//!
//! The alert's key at PagerDuty is the incident's id, so that a repeated event joins the alert it repeats, and what
//! comes later finds it.

use holdfast_domain::Severity;
use holdfast_ports::{Password, Post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::is_url;
use super::text::cut;
use crate::due::Step;
use crate::story::{Event, Story};

/// Where events go unless the secret says otherwise. Accounts in PagerDuty's EU service region have another host
/// (source: PagerDuty knowledge base, "Service Regions").
pub const ENQUEUE_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// The longest summary (source: PagerDuty, "Send an alert event": "The maximum permitted length of this property is
/// 1024 characters").
const SUMMARY_MAX: usize = 1_024;

/// The most facts, and the longest text of each. An event may have 512 KB (source: PagerDuty, "Events API v2", section
/// "Limits"); at 3 bytes to a unit at most: (50 × (200 + 1,024) + 4 × 4,096 + 1,024) × 3 B = 235 KiB.
const FACTS_MAX: usize = 50;
const LABEL_MAX: usize = 200;
const FACT_MAX: usize = 1_024;
const DETAIL_MAX: usize = 4_096;
/// The longest address that is passed on; a cut one would lead elsewhere.
const LINK_MAX: usize = 1_024;

/// What the secret holds: the bare routing key, or this as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Integration {
    routing_key: String,
    url: Option<String>,
}

/// Where an event goes, and with which key. The parser's words could quote the secret and are left out.
fn integration(secret: &Password) -> Result<Integration, &'static str> {
    const ALLOWED: &str =
        "has a secret that is neither a routing key nor {\"routing_key\": …, \"url\": \"https://…/v2/enqueue\"}";
    let text = secret.expose().trim();
    let integration = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|_| ALLOWED)?
    } else {
        Integration { routing_key: text.into(), url: None }
    };
    // PagerDuty alone says what a key looks like, and says so when it refuses one.
    let key_is_plausible =
        !integration.routing_key.is_empty() && integration.routing_key.bytes().all(|b| b.is_ascii_graphic());
    if key_is_plausible && integration.url.as_deref().is_none_or(is_url) { Ok(integration) } else { Err(ALLOWED) }
}

/// The events to post, and where.
pub(super) fn posts(secret: &Password, story: &Story) -> Result<Vec<Post>, &'static str> {
    let Integration { routing_key, url } = integration(secret)?;
    let url = Password::new(url.unwrap_or_else(|| ENQUEUE_URL.into()));
    let post = |body: Value| Post { url: url.clone(), headers: Vec::new(), body: body.to_string() };
    Ok(events(&routing_key, story).into_iter().map(post).collect())
}

/// The events that say it. A test, and a heartbeat that somebody sends here, ring and are resolved at once.
#[must_use]
pub fn events(routing_key: &str, story: &Story) -> Vec<Value> {
    match story.event {
        Event::Incident(Step::Opened | Step::Update(_)) => vec![trigger(routing_key, story)],
        Event::Incident(Step::Acknowledged) => vec![follow(routing_key, "acknowledge", story)],
        Event::Incident(Step::Resolved | Step::Report) => vec![follow(routing_key, "resolve", story)],
        Event::Test | Event::Heartbeat => vec![trigger(routing_key, story), follow(routing_key, "resolve", story)],
    }
}

fn follow(routing_key: &str, action: &str, story: &Story) -> Value {
    json!({ "routing_key": routing_key, "event_action": action, "dedup_key": story.reference })
}

fn trigger(routing_key: &str, story: &Story) -> Value {
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": story.reference,
        "client": "Holdfast",
        "payload": payload(story),
        "links": links(story),
    })
}

fn payload(story: &Story) -> Value {
    // An empty summary is refused, and with it the event.
    let summary = if story.title.trim().is_empty() { story.headline() } else { story.title.clone() };
    let marked = match story.event {
        Event::Test => format!("TEST, nothing is wrong: {summary}"),
        Event::Incident(_) | Event::Heartbeat => summary,
    };
    json!({
        "summary": cut(&marked, SUMMARY_MAX),
        "source": cut(&story.place, LABEL_MAX),
        "severity": severity(story.severity),
        "timestamp": story.since.to_string(),
        "component": cut(&story.place, LABEL_MAX),
        "group": story.group,
        "class": class(&story.reference),
        "custom_details": details(story),
    })
}

/// What an incident is about: the last part of its cause, before the number of its opening.
fn class(reference: &str) -> &str {
    reference.rsplit('/').nth(1).unwrap_or("holdfast")
}

/// PagerDuty's word for a severity.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Low => "warning",
        Severity::Info => "info",
    }
}

fn details(story: &Story) -> Map<String, Value> {
    let mut details = Map::new();
    for (label, value) in story.facts.iter().take(FACTS_MAX) {
        let label = cut(label, LABEL_MAX);
        let free = (1_usize..)
            .map(|n| if n == 1 { label.clone() } else { format!("{label} ({n})") })
            .find(|l| !details.contains_key(l));
        details.insert(free.unwrap_or(label), cut(value, FACT_MAX).into());
    }
    details.insert("Since".into(), story.since.to_string().into());
    for (label, lines) in [("Notes", &story.notes), ("Causes", &story.lines), ("Owners", &story.owners)] {
        if !lines.is_empty() {
            details.insert(label.into(), cut(&lines.join("\n"), DETAIL_MAX).into());
        }
    }
    details.insert("Threatens".into(), cut(&story.threatens, DETAIL_MAX).into());
    details.insert("Do next".into(), cut(&story.next_step, DETAIL_MAX).into());
    details
}

/// Addresses, to be clicked: the story's, and facts that are some.
fn links(story: &Story) -> Vec<Value> {
    let all = story.links.iter().chain(story.facts.iter().take(FACTS_MAX));
    let addresses = all.filter(|(_, value)| value.starts_with("https://") && value.len() <= LINK_MAX && is_url(value));
    addresses.map(|(label, value)| json!({ "href": value, "text": cut(label, LABEL_MAX) })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    const KEY: &str = "R0123456789ABCDEF0123456789ABCDE";

    fn event(step: Step) -> Value {
        events(KEY, &samples::story(step)).remove(0)
    }

    #[test]
    fn an_opening_is_a_trigger() {
        assert_sorted!("trigger", event(Step::Opened));
    }

    #[test]
    fn what_follows_names_the_alert_and_nothing_more() {
        for (step, action) in [(Step::Acknowledged, "acknowledge"), (Step::Resolved, "resolve")] {
            let dedup_key = samples::story(step).reference;
            assert_eq!(
                event(step),
                json!({ "routing_key": KEY, "event_action": action, "dedup_key": dedup_key }),
                "{step}"
            );
        }
        assert_eq!(event(Step::Update(3))["dedup_key"], event(Step::Opened)["dedup_key"]);
    }

    #[test]
    fn the_largest_story_makes_an_event_within_the_limits() {
        let event = events(KEY, &samples::huge_story()).remove(0);
        let summary = event["payload"]["summary"].as_str().unwrap_or_default();
        assert_eq!(summary.encode_utf16().count(), SUMMARY_MAX);
        assert!(event.to_string().len() < 512 * 1_024, "{}", event.to_string().len());
    }

    #[test]
    fn the_secret_is_a_routing_key_or_says_where_it_belongs() {
        let read = |text: &str| integration(&Password::new(text.into())).map(|i| (i.routing_key, i.url));
        assert_eq!(read(&format!("{KEY}\n")), Ok((KEY.into(), None)));
        let elsewhere =
            format!("{{\"routing_key\": \"{KEY}\", \"url\": \"https://events.eu.pagerduty.com/v2/enqueue\"}}");
        assert_eq!(read(&elsewhere), Ok((KEY.into(), Some("https://events.eu.pagerduty.com/v2/enqueue".into()))));
        for bad in [
            "",
            "{}",
            "{\"routing_key\": \"\"}",
            "{\"routing_key\": \"k\", \"url\": \"ftp://x\"}",
            "{\"key\": \"hunter2\"}",
            "a b",
        ] {
            let problem = read(bad).expect_err(bad);
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
