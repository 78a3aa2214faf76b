//! A story in Slack's Block Kit (sources: Slack API, "Reference: blocks", "Text object").
//!
//! Made to be read on a phone: how bad and where in the header, then what, since when, what it threatens, what to do;
//! particulars last. Bold labels stand on a line of their own, fields are short, nothing is a table.

use holdfast_domain::Severity;
use serde_json::{Value, json};

use super::text::{cut, cut_mrkdwn};
use crate::due::Step;
use crate::story::{Event, Story};

/// The longest header (source: Slack API, "Header block": 150 characters).
const HEADER_MAX: usize = 150;

/// The most fields of a section (source: Slack API, "Section block": 10 of 2,000 characters, and a text of 3,000).
const FIELDS_MAX: usize = 10;

/// What is left of a section's 3,000 characters for what we do not write ourselves.
const SECTION_MAX: usize = 2_900;

/// The longest label of a field, of its 2,000 characters.
const LABEL_MAX: usize = 60;

/// The most links, owners and notes that are shown.
const EXTRAS_MAX: usize = 5;

/// The longest line of a list: 50 names of 40 characters.
const LINE_MAX: usize = 2_200;

/// The longest address that can be a link. A longer one would be cut, and lead elsewhere.
const LINK_MAX: usize = 500;

/// The longest text for notifications and screen readers. Slack takes 40,000; a lock screen shows three lines.
const FALLBACK_TEXT_MAX: usize = 300;

/// The largest message, as JSON. Slack documents no such limit and refuses a little above 13,200 characters with
/// `msg_blocks_too_long` (github.com/slackapi/bolt-js, issue 2509). Bytes are counted: the most that characters can be.
const MESSAGE_MAX_BYTES: usize = 12_000;

/// How much room a text and a field get, widest first: particulars give way before what to do does. The last always
/// fits; a test with the largest story holds it to that.
const ROOM: [(usize, usize); 6] =
    [(SECTION_MAX, 1_900), (SECTION_MAX, 300), (1_000, 300), (600, 100), (200, 60), (60, 30)];

/// The message, below Slack's limits whatever the story holds.
#[must_use]
pub fn message(story: &Story) -> Value {
    let mut message = Value::Null;
    for (text_max, field_max) in ROOM {
        message = fitted(story, text_max, field_max);
        if message.to_string().len() <= MESSAGE_MAX_BYTES {
            break;
        }
    }
    message
}

fn fitted(story: &Story, text_max: usize, field_max: usize) -> Value {
    let what = format!("{}\n_{}_", words_or(&story.title, text_max), story.span());
    let mut blocks = vec![header(&format!("{} {}", sign(story), story.headline())), section(&what)];
    if !story.notes.is_empty() {
        blocks.push(section(&list(&story.notes[..story.notes.len().min(EXTRAS_MAX)], text_max)));
    }
    for (label, text) in [("Threatens", &story.threatens), ("Do next", &story.next_step)] {
        if !text.trim().is_empty() {
            blocks.push(section(&format!("*{label}*\n{}", cut_mrkdwn(text, text_max))));
        }
    }
    if !story.lines.is_empty() {
        let label = if story.event == Event::Incident(Step::Report) { "Timeline" } else { "Causes" };
        blocks.push(section(&format!("*{label}*\n{}", list(&story.lines, text_max))));
    }
    if !story.facts.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields(&story.facts, field_max) }));
    }
    blocks.extend(people_and_places(story, text_max));
    blocks.push(context(story));
    json!({ "text": cut_mrkdwn(&story.summary(), FALLBACK_TEXT_MAX), "blocks": blocks })
}

fn people_and_places(story: &Story, text_max: usize) -> Option<Value> {
    let owners =
        story.owners.iter().take(EXTRAS_MAX).map(|owner| format!("Owner {}", cut_mrkdwn(owner, 200.min(text_max))));
    let links = story.links.iter().filter(|(_, url)| url.len() <= LINK_MAX).take(EXTRAS_MAX);
    // Within a link `|` and `>` end the address.
    let link = |(label, url): &(String, String)| {
        format!("<{}|{}>", url.replace('|', "%7C").replace('>', "%3E"), cut_mrkdwn(label, LABEL_MAX))
    };
    let links: Vec<String> = links.map(link).collect();
    let all: Vec<String> = owners.chain((!links.is_empty()).then(|| links.join("  ·  "))).collect();
    (!all.is_empty()).then(|| section(&all.join("\n")))
}

fn sign(story: &Story) -> &'static str {
    match (story.event, story.severity) {
        (Event::Test, _) => ":test_tube:",
        (Event::Heartbeat, Severity::Info) => ":green_heart:",
        (Event::Heartbeat, Severity::Low | Severity::High | Severity::Critical) => ":broken_heart:",
        (Event::Incident(Step::Resolved), _) => ":white_check_mark:",
        (Event::Incident(Step::Report), _) => ":memo:",
        (Event::Incident(Step::Acknowledged), _) => ":eyes:",
        (Event::Incident(Step::Opened | Step::Update(_)), Severity::Critical) => ":rotating_light:",
        (Event::Incident(Step::Opened | Step::Update(_)), Severity::High) => ":red_circle:",
        (Event::Incident(Step::Opened | Step::Update(_)), Severity::Low) => ":large_yellow_circle:",
        (Event::Incident(Step::Opened | Step::Update(_)), Severity::Info) => ":information_source:",
    }
}

fn header(text: &str) -> Value {
    json!({ "type": "header", "text": { "type": "plain_text", "text": cut(text, HEADER_MAX), "emoji": true } })
}

fn section(mrkdwn: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": mrkdwn } })
}

/// Slack refuses an empty text, and with it the whole message.
fn words_or(text: &str, max: usize) -> String {
    if text.trim().is_empty() { "(no words)".into() } else { cut_mrkdwn(text, max) }
}

/// As many lines as there is room for.
fn list(lines: &[String], max: usize) -> String {
    let mut all = String::new();
    for (index, line) in lines.iter().enumerate() {
        let line = format!("{}• {}", if index == 0 { "" } else { "\n" }, cut_mrkdwn(line, max.min(LINE_MAX)));
        if all.encode_utf16().count() + line.encode_utf16().count() > max {
            all.push_str("\n• …");
            break;
        }
        all.push_str(&line);
    }
    all
}

fn fields(facts: &[(String, String)], field_max: usize) -> Vec<Value> {
    let shown = if facts.len() > FIELDS_MAX { FIELDS_MAX - 1 } else { facts.len() };
    let field = |text: String| json!({ "type": "mrkdwn", "text": text });
    let fact = |(label, value): &(String, String)| {
        field(format!("*{}*\n{}", cut_mrkdwn(label, LABEL_MAX), cut_mrkdwn(value, field_max)))
    };
    let more =
        (shown < facts.len()).then(|| field(format!("*{} more*\nin the incident's record", facts.len() - shown)));
    facts.iter().take(shown).map(fact).chain(more).collect()
}

fn context(story: &Story) -> Value {
    let mut text = cut_mrkdwn(&story.reference, FALLBACK_TEXT_MAX);
    if story.possibly_repeated {
        text.push_str(" · *possibly repeated*: an answer was lost, so this may stand here twice");
    }
    json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": text }] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn an_opening_says_what_since_when_and_what_to_do() {
        assert_sorted!("opened", message(&samples::story(Step::Opened)));
    }

    #[test]
    fn every_other_message_reads_as_what_it_is() {
        assert_sorted!("resolved", message(&samples::story(Step::Resolved)));
        assert_sorted!("update", message(&samples::story(Step::Update(2))));
        assert_sorted!("report", message(&samples::story(Step::Report)));
    }

    #[test]
    fn a_repetition_says_that_it_is_one() {
        let story = Story { possibly_repeated: true, ..samples::story(Step::Opened) };
        assert!(message(&story).to_string().contains("possibly repeated"));
        assert!(!message(&samples::story(Step::Opened)).to_string().contains("possibly repeated"));
    }

    #[test]
    fn a_story_without_words_still_makes_a_message_that_slack_takes() {
        let story = Story { title: String::new(), ..samples::story(Step::Resolved) };
        let text = message(&story)["blocks"][1]["text"]["text"].as_str().unwrap_or_default().to_owned();
        assert!(text.starts_with("(no words)"), "{text}");
    }

    #[test]
    fn the_largest_story_keeps_its_next_step_and_stays_below_slacks_limits() {
        let message = message(&samples::huge_story());
        assert!(message.to_string().len() <= MESSAGE_MAX_BYTES, "{}", message.to_string().len());
        assert!(message.to_string().contains("*Do next*"));
    }
}
