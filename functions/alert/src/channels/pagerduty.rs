//! PagerDuty, Events API v2 (source: PagerDuty developer documentation, "Events API v2", "Send an alert event",
//! "PD-CEF").
//!
//! The alert's key at PagerDuty is the cause, so that a repeated event joins the alert it repeats, and a resolution
//! finds it.

use holdfast_domain::Severity;
use holdfast_ports::Password;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::text::cut;
use super::{Request, Story, is_url};
use crate::decide::News;

/// Where events go unless the secret says otherwise. Accounts in PagerDuty's EU service region have another host
/// (source: PagerDuty knowledge base, "Service Regions").
pub const ENQUEUE_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// The longest summary (source: PagerDuty, "Send an alert event": "The maximum permitted length of this property is
/// 1024 characters").
const SUMMARY_MAX: usize = 1_024;

/// The most facts, and the longest text of each. An event may have 512 KB (source: PagerDuty, "Events API v2", section
/// "Limits"); at 3 bytes to a unit at most: (50 × (200 + 1,024) + 3 × 4,096 + 1,024) × 3 B = 219 KiB.
const FACTS_MAX: usize = 50;
const LABEL_MAX: usize = 200;
const FACT_MAX: usize = 1_024;
const DETAIL_MAX: usize = 4_096;

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

/// The event to post, and where.
pub(super) fn request(secret: &Password, news: News, story: &Story<'_>) -> Result<Request, &'static str> {
    let Integration { routing_key, url } = integration(secret)?;
    let body = event(&routing_key, news, story);
    Ok(Request { url: Password::new(url.unwrap_or_else(|| ENQUEUE_URL.into())), body })
}

/// The event that says the news.
#[must_use]
pub fn event(routing_key: &str, news: News, story: &Story<'_>) -> Value {
    let dedup_key = story.incident.cause.as_str();
    match news {
        News::Resolved => json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup_key }),
        News::Opened => json!({
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": dedup_key,
            "client": "Holdfast",
            "payload": payload(story),
            "links": links(story),
        }),
    }
}

fn payload(story: &Story<'_>) -> Value {
    let Story { plan, environment, incident, finding } = story;
    let component = finding.resource.as_ref().map(ToString::to_string);
    // An empty summary is refused, and with it the event.
    let summary = if finding.title.trim().is_empty() { incident.cause.as_str() } else { &finding.title };
    let class = incident.cause.as_str().rsplit('/').next().unwrap_or_default();
    let mut payload = json!({
        "summary": cut(summary, SUMMARY_MAX),
        "source": component.as_deref().unwrap_or("holdfast"),
        "severity": severity(incident.severity),
        "timestamp": finding.seen_at.to_string(),
        "group": format!("{plan}/{environment}"),
        "class": class,
        "custom_details": details(story),
    });
    if let Some(component) = component {
        payload["component"] = component.into();
    }
    payload
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

fn details(story: &Story<'_>) -> Map<String, Value> {
    let Story { incident, finding, .. } = story;
    let mut details = Map::new();
    for (label, value) in finding.facts.iter().take(FACTS_MAX) {
        let label = cut(label, LABEL_MAX);
        let free = (1_usize..)
            .map(|n| if n == 1 { label.clone() } else { format!("{label} ({n})") })
            .find(|l| !details.contains_key(l));
        details.insert(free.unwrap_or(label), cut(value, FACT_MAX).into());
    }
    details.insert("Since".into(), incident.opened_at.to_string().into());
    details.insert("Threatens".into(), cut(&finding.threatens, DETAIL_MAX).into());
    details.insert("Next step".into(), cut(&finding.next_step, DETAIL_MAX).into());
    if incident.opening > 1 {
        details.insert("Opening".into(), incident.opening.into());
    }
    details
}

/// Facts that are addresses, to be clicked.
fn links(story: &Story<'_>) -> Vec<Value> {
    let facts = story.finding.facts.iter().take(FACTS_MAX);
    let addresses =
        facts.filter(|(_, value)| value.starts_with("https://") && value.len() <= FACT_MAX && is_url(value));
    addresses.map(|(label, value)| json!({ "href": value, "text": cut(label, LABEL_MAX) })).collect()
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::samples;

    const KEY: &str = "R0123456789ABCDEF0123456789ABCDE";

    #[test]
    fn an_opening_is_a_trigger() {
        samples::with_story(|story| assert_sorted!("pagerduty_trigger", event(KEY, News::Opened, story)));
    }

    #[test]
    fn a_resolution_names_the_alert_and_nothing_more() {
        samples::with_story(|story| assert_sorted!("pagerduty_resolve", event(KEY, News::Resolved, story)));
    }

    #[test]
    fn the_largest_finding_makes_an_event_within_the_limits() {
        samples::with_huge_story(|story| {
            let event = event(KEY, News::Opened, story);
            let summary = event["payload"]["summary"].as_str().unwrap_or_default();
            assert_eq!(summary.encode_utf16().count(), SUMMARY_MAX);
            assert!(event.to_string().len() < 512 * 1_024, "{}", event.to_string().len());
        });
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
