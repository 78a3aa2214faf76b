//! Slack, incoming webhooks with Block Kit (sources: Slack API, "Sending messages using incoming webhooks", "Reference:
//! blocks").
//!
//! Made to be read on a phone: how bad and where in the header, then what, since when, what it threatens, what to do;
//! particulars last.

use holdfast_domain::Severity;
use holdfast_ports::Password;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::text::{cut, cut_mrkdwn};
use super::{Request, Story, is_url};
use crate::decide::{News, Telling};

/// The longest header (source: Slack API, "Header block": 150 characters).
const HEADER_MAX: usize = 150;

/// The most fields of a section (source: Slack API, "Section block": 10 of 2,000 characters, and a text of 3,000).
const FIELDS_MAX: usize = 10;

/// What is left of a section's 3,000 characters for what we do not write ourselves.
const SECTION_MAX: usize = 2_900;

/// The longest label of a field, of its 2,000 characters.
const LABEL_MAX: usize = 60;

/// The longest text for notifications and screen readers. Slack takes 40,000; a lock screen shows three lines.
const FALLBACK_TEXT_MAX: usize = 300;

/// The largest message, as JSON. Slack documents no such limit and refuses a little above 13,200 characters with
/// `msg_blocks_too_long` (github.com/slackapi/bolt-js, issue 2509). Bytes are counted: the most that characters can be.
const MESSAGE_MAX_BYTES: usize = 12_000;

/// How much room a text and a field get, widest first: particulars give way before what to do does. The last always
/// fits: at 3 bytes to a unit at most, 3 × 100 + 10 × (60 + 100) + 150 + 2 × 300 units are 7,950 bytes, and the frame
/// around them is below 3,000.
const ROOM: [(usize, usize); 5] = [(SECTION_MAX, 1_900), (SECTION_MAX, 300), (1_000, 300), (600, 100), (100, 100)];

/// The message to post, and where.
pub(super) fn request(secret: &Password, telling: &Telling, story: &Story<'_>) -> Result<Request, &'static str> {
    let url = secret.expose().trim();
    if !is_url(url) {
        return Err("has a secret that is no webhook URL");
    }
    Ok(Request { url: Password::new(url.into()), body: message(telling, story) })
}

/// The message that says the news, below Slack's limits whatever the finding holds.
#[must_use]
pub fn message(telling: &Telling, story: &Story<'_>) -> Value {
    let mut message = Value::Null;
    for (text_max, field_max) in ROOM {
        message = match telling.news {
            News::Opened => opened(telling, story, text_max, field_max),
            News::Resolved => resolved(telling, story, text_max),
        };
        if message.to_string().len() <= MESSAGE_MAX_BYTES {
            break;
        }
    }
    message
}

fn opened(telling: &Telling, story: &Story<'_>, text_max: usize, field_max: usize) -> Value {
    let Story { incident, finding, .. } = story;
    let (sign, word) = severity(incident.severity);
    let again = if incident.opening > 1 { " again" } else { "" };
    let what = format!("{}\n*Since* {}", cut_mrkdwn(&finding.title, text_max), minute(incident.opened_at));
    let mut blocks = vec![header(&format!("{sign} {word}{again}: {}", place(story))), section(&what)];
    for (label, text) in [("Threatens", &finding.threatens), ("Next step", &finding.next_step)] {
        if !text.is_empty() {
            blocks.push(section(&format!("*{label}*\n{}", cut_mrkdwn(text, text_max))));
        }
    }
    if !finding.facts.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields(&finding.facts, field_max) }));
    }
    blocks.push(context(telling, story));
    json!({ "text": fallback_text(&format!("{word}{again}: {}: {}", place(story), finding.title)), "blocks": blocks })
}

fn resolved(telling: &Telling, story: &Story<'_>, text_max: usize) -> Value {
    let Story { incident, finding, .. } = story;
    let until = incident.resolved_at.unwrap_or(finding.seen_at);
    let was = cut_mrkdwn(&incident.title, text_max);
    let blocks = [
        header(&format!(":white_check_mark: Resolved: {}", place(story))),
        section(&cut_mrkdwn(&finding.title, text_max)),
        section(&format!("*It was*\n{was}\nfrom {} to {}", minute(incident.opened_at), minute(until))),
        context(telling, story),
    ];
    json!({ "text": fallback_text(&format!("Resolved: {}: {}", place(story), finding.title)), "blocks": blocks })
}

/// What it is about: the plan's name of the resource, or the cause, if it is about Holdfast itself.
fn place(story: &Story<'_>) -> String {
    match &story.finding.resource {
        Some(resource) => format!("{resource} in {}/{}", story.plan, story.environment),
        None => story.incident.cause.to_string(),
    }
}

fn severity(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Critical => (":rotating_light:", "Critical"),
        Severity::High => (":red_circle:", "High"),
        Severity::Low => (":large_yellow_circle:", "Low"),
        Severity::Info => (":information_source:", "Info"),
    }
}

fn fallback_text(text: &str) -> String {
    cut_mrkdwn(text, FALLBACK_TEXT_MAX)
}

fn header(text: &str) -> Value {
    json!({ "type": "header", "text": { "type": "plain_text", "text": cut(text, HEADER_MAX), "emoji": true } })
}

/// Slack refuses an empty text, and with it the whole message.
fn section(mrkdwn: &str) -> Value {
    let mrkdwn = if mrkdwn.trim().is_empty() { "(no words)" } else { mrkdwn };
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": mrkdwn } })
}

fn fields(facts: &[(String, String)], field_max: usize) -> Vec<Value> {
    let shown = if facts.len() > FIELDS_MAX { FIELDS_MAX - 1 } else { facts.len() };
    let field = |text: String| json!({ "type": "mrkdwn", "text": text });
    let fact = |(label, value): &(String, String)| {
        field(format!("*{}*\n{}", cut_mrkdwn(label, LABEL_MAX), cut_mrkdwn(value, field_max)))
    };
    let more = (shown < facts.len()).then(|| field(format!("*{} more*\nnot shown", facts.len() - shown)));
    facts.iter().take(shown).map(fact).chain(more).collect()
}

fn context(telling: &Telling, story: &Story<'_>) -> Value {
    let Story { incident, finding, .. } = story;
    let mut text =
        format!("{} · seen {}", cut_mrkdwn(incident.cause.as_str(), FALLBACK_TEXT_MAX), minute(finding.seen_at));
    if incident.opening > 1 {
        text.push_str(&format!(" · opening {}", incident.opening));
    }
    if telling.repetition {
        text.push_str(" · an answer from Slack was lost, so this may stand here twice");
    }
    json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": text }] })
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use holdfast_domain::FindingState;

    use super::*;
    use crate::samples;

    fn telling(news: News, repetition: bool) -> Telling {
        Telling { channel: samples::name("ops"), news, attempt: 1, repetition }
    }

    #[test]
    fn an_opening_says_what_since_when_and_what_to_do() {
        samples::with_story(|story| assert_sorted!("slack_opened", message(&telling(News::Opened, false), story)));
    }

    #[test]
    fn a_repetition_says_that_it_is_one() {
        samples::with_story(|story| {
            let message = message(&telling(News::Opened, true), story).to_string();
            assert!(message.contains("may stand here twice"), "{message}");
        });
    }

    #[test]
    fn a_resolution_says_what_is_over_and_how_long_it_was() {
        samples::with_resolution(|story| {
            assert_sorted!("slack_resolved", message(&telling(News::Resolved, false), story))
        });
    }

    #[test]
    fn a_finding_without_words_still_makes_a_message_that_slack_takes() {
        let mut wordless = samples::finding(FindingState::Resolved, Severity::Low, 5);
        wordless.title = String::new();
        samples::with(&wordless, |story| {
            let message = message(&telling(News::Resolved, false), story);
            assert_eq!(message["blocks"][1]["text"]["text"], "(no words)");
        });
    }

    #[test]
    fn the_largest_finding_keeps_its_next_step_and_stays_below_slacks_limits() {
        samples::with_huge_story(|story| {
            let message = message(&telling(News::Opened, true), story);
            assert!(message.to_string().len() <= MESSAGE_MAX_BYTES, "{}", message.to_string().len());
            assert_eq!(message["blocks"][4]["fields"].as_array().map(Vec::len), Some(FIELDS_MAX));
            assert!(
                message["blocks"][3]["text"]["text"].as_str().is_some_and(|text| text.starts_with("*Next step*\n"))
            );
        });
    }
}
