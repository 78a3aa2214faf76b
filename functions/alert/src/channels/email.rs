//! Email: the same story as text and as HTML.
//!
//! The HTML is what mail programs agree on: one column, tables for boxes, every style on its element, no image, no
//! script, nothing loaded from anywhere. Whatever a finding holds is escaped; long words break instead of widening the
//! column.

use std::fmt::Write as _;

use holdfast_domain::{EmailAddress, Severity};
use holdfast_ports::{Email, Mail};

use super::text::cut;
use super::{Heard, Letter, state_after};
use crate::due::Step;
use crate::story::{Event, Story};

/// The longest subject: RFC 5322 allows a line 998 bytes, and a phone shows 40 characters.
const SUBJECT_MAX: usize = 150;
/// The longest text of one part; all parts together stay far below SES's 40 MB, and Gmail clips a message at 102 kB.
const TEXT_MAX: usize = 3_000;
/// The most facts that are shown.
const FACTS_MAX: usize = 20;
/// The longest value of a fact that is shown.
const FACT_MAX: usize = 500;
/// The longest address that can be a link. A longer one would be cut, and lead elsewhere.
const LINK_MAX: usize = 1_000;

/// Sends one message and says what came of it.
pub(crate) async fn send(mail: &impl Mail, from: &EmailAddress, to: &[EmailAddress], letter: &Letter<'_>) -> Heard {
    match mail.send(&email(from, to, letter.story)).await {
        Ok(()) => Heard::delivered(),
        Err(error) => {
            let words = format!("{} by SES: {}", letter.channel, error.message);
            Heard { state: state_after(&error), error: Some(words), ..Heard::delivered() }
        }
    }
}

/// The message.
#[must_use]
pub fn email(from: &EmailAddress, to: &[EmailAddress], story: &Story) -> Email {
    let repeated = if story.possibly_repeated { "[possibly repeated] " } else { "" };
    let subject = cut(&format!("{repeated}{}", story.summary()), SUBJECT_MAX).replace('\n', " ");
    Email {
        from: from.clone(),
        to: to.to_vec(),
        subject,
        text: text(story),
        html: html(story),
        reference: story.message_id(),
    }
}

const REPEATED: &str = "Possibly repeated: an answer was lost, so you may have this twice.";

/// For readers that show text alone, and for the fallback topic.
#[must_use]
pub fn text(story: &Story) -> String {
    let mut text = String::new();
    let mut say = |line: &str| text.push_str(&format!("{line}\n"));
    say(&cut(&story.headline(), FACT_MAX));
    say("");
    say(&cut(&story.title, TEXT_MAX));
    say(&story.span());
    if story.possibly_repeated {
        say(REPEATED);
    }
    for note in &story.notes {
        say(&cut(note, TEXT_MAX));
    }
    for (label, part) in [("Threatens", &story.threatens), ("Do next", &story.next_step)] {
        if !part.trim().is_empty() {
            say(&format!("\n{label}:\n{}", cut(part, TEXT_MAX)));
        }
    }
    if !story.lines.is_empty() {
        say(&format!("\n{}:", lines_label(story)));
        story.lines.iter().for_each(|line| say(&format!("- {}", cut(line, TEXT_MAX))));
    }
    if !story.facts.is_empty() {
        say("\nParticulars:");
        facts(story).for_each(|(label, value)| say(&format!("- {label}: {value}")));
    }
    say("");
    story.owners.iter().for_each(|owner| say(&format!("Owner {}", cut(owner, FACT_MAX))));
    links(story).for_each(|(label, url)| say(&format!("{label}: {url}")));
    say(&story.reference);
    text
}

fn lines_label(story: &Story) -> &'static str {
    if story.event == Event::Incident(Step::Report) { "Timeline" } else { "Causes" }
}

fn facts(story: &Story) -> impl Iterator<Item = (String, String)> {
    let more = story.facts.len().saturating_sub(FACTS_MAX);
    let more = (more > 0).then(|| ("…".to_owned(), format!("{more} more, in the incident's record")));
    let shown = story.facts.iter().take(FACTS_MAX);
    shown.map(|(label, value)| (cut(label, FACT_MAX), cut(value, FACT_MAX))).chain(more)
}

fn links(story: &Story) -> impl Iterator<Item = (String, &String)> {
    story.links.iter().filter(|(_, url)| url.len() <= LINK_MAX).map(|(label, url)| (cut(label, FACT_MAX), url))
}

const PARAGRAPH: &str = "margin:0 0 12px;font-size:16px;line-height:1.45;color:#1b1f24";
const LABEL: &str = "margin:16px 0 4px;font-size:13px;font-weight:bold;color:#57606a";
const SMALL: &str = "margin:0 0 4px;font-size:13px;line-height:1.4;color:#57606a";

/// For all others: a whole document.
#[must_use]
pub fn html(story: &Story) -> String {
    let (colour, title) = (colour(story), escape(&cut(&story.headline(), FACT_MAX)));
    let mut body = String::new();
    let mut put = |style: &str, words: &str| {
        // A string takes everything.
        let _ = write!(body, "<p style=\"{style}\">{words}</p>");
    };
    put(PARAGRAPH, &format!("<strong>{}</strong>", escape(&cut(&story.title, TEXT_MAX))));
    put(SMALL, &escape(&story.span()));
    if story.possibly_repeated {
        put(SMALL, &format!("<strong>{}</strong>", escape(REPEATED)));
    }
    story.notes.iter().for_each(|note| put(SMALL, &escape(&cut(note, TEXT_MAX))));
    for (label, part) in [("Threatens", &story.threatens), ("Do next", &story.next_step)] {
        if !part.trim().is_empty() {
            put(LABEL, label);
            put(PARAGRAPH, &escape(&cut(part, TEXT_MAX)));
        }
    }
    if !story.lines.is_empty() {
        put(LABEL, lines_label(story));
        story.lines.iter().for_each(|line| put(SMALL, &format!("• {}", escape(&cut(line, TEXT_MAX)))));
    }
    if !story.facts.is_empty() {
        put(LABEL, "Particulars");
        facts(story)
            .for_each(|(label, value)| put(SMALL, &format!("<strong>{}</strong> {}", escape(&label), escape(&value))));
    }
    put(LABEL, "");
    story.owners.iter().for_each(|owner| put(SMALL, &format!("Owner {}", escape(&cut(owner, FACT_MAX)))));
    for (label, url) in links(story) {
        put(SMALL, &format!("<a href=\"{}\" style=\"color:#0969da\">{}</a>", escape(url), escape(&label)));
    }
    put(SMALL, &escape(&story.reference));
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title></head>\
         <body style=\"margin:0;padding:0;background:#f3f4f6\">\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" style=\"table-layout:fixed\"><tr>\
         <td align=\"center\" style=\"padding:16px 8px\">\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" style=\"max-width:600px;\
         table-layout:fixed;background:#ffffff;border-top:6px solid {colour};font-family:-apple-system,'Segoe UI',Roboto,\
         Helvetica,Arial,sans-serif;overflow-wrap:anywhere;word-break:break-word\"><tr><td style=\"padding:20px\">\
         <h1 style=\"margin:0 0 12px;font-size:20px;line-height:1.3;color:{colour}\">{title}</h1>{body}\
         </td></tr></table></td></tr></table></body></html>"
    )
}

/// Dark enough to be read on white (4.5 : 1).
fn colour(story: &Story) -> &'static str {
    match (story.event, story.severity) {
        (Event::Incident(Step::Resolved | Step::Report), _) | (Event::Heartbeat, Severity::Info) => "#1a7f37",
        (Event::Test, _) => "#6639ba",
        (_, Severity::Critical | Severity::High) => "#b3261e",
        (_, Severity::Low) => "#8a5a00",
        (_, Severity::Info) => "#0a5cad",
    }
}

/// Text as HTML shows it; line feeds break the line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push_str("<br>"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn of(story: &Story) -> Email {
        email(&samples::name("holdfast@example.com"), &[samples::name("dba@example.com")], story)
    }

    #[test]
    fn a_message_reads_the_same_as_text_and_as_html() {
        insta::assert_snapshot!("text", of(&samples::story(Step::Opened)).text);
        insta::assert_snapshot!("html", of(&samples::story(Step::Opened)).html.replace("<p", "\n<p"));
        insta::assert_snapshot!("report", of(&samples::story(Step::Report)).text);
    }

    #[test]
    fn what_a_finding_holds_is_never_markup() {
        let evil = "<script>alert(1)</script><img src=x onerror='x'>&\"";
        let mut story = samples::story(Step::Opened);
        for text in
            [&mut story.title, &mut story.threatens, &mut story.next_step, &mut story.place, &mut story.reference]
        {
            evil.clone_into(text);
        }
        story.facts = vec![(evil.into(), evil.into())];
        story.links = vec![(evil.into(), "https://x/\"onmouseover=\"x".into())];
        (story.notes, story.lines, story.owners) = (vec![evil.into()], vec![evil.into()], vec![evil.into()]);
        let html = of(&story).html;
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("\"onmouseover"), "{html}");
    }

    #[test]
    fn the_largest_story_is_cut_to_what_mail_programs_show() {
        let email = of(&samples::huge_story());
        assert!(email.subject.encode_utf16().count() <= SUBJECT_MAX && !email.subject.contains('\n'));
        let most = [email.html.len(), email.text.len()].into_iter().max();
        assert!(most.is_some_and(|bytes| bytes < 1024 * 1024), "{most:?}");
    }

    #[test]
    fn a_repetition_says_that_it_is_one() {
        let email = of(&Story { possibly_repeated: true, ..samples::story(Step::Opened) });
        assert!(email.subject.starts_with("[possibly repeated] ") && email.text.contains(REPEATED));
        assert!(email.html.contains(REPEATED));
    }
}
