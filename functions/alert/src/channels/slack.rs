//! Slack: incoming webhooks, and the Web API with a bot token (sources: Slack API, "Sending messages using incoming
//! webhooks", "chat.postMessage", "chat.update").
//!
//! A webhook can only add messages. A bot answers in the thread of the message that opened the incident, and at the end
//! changes that message, so that whoever scrolls by sees at once that it is over.

use holdfast_ports::{Password, Post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{blocks, is_url};
use crate::due::Step;
use crate::story::{Event, Story};

/// Where the Web API is, unless the secret says otherwise.
const WEB_API: &str = "https://slack.com/api";

/// To an incoming webhook, whose URL is the secret.
pub(super) fn to_webhook(secret: &Password, story: &Story) -> Result<Vec<Post>, &'static str> {
    let url = secret.expose().trim();
    if !is_url(url) {
        return Err("has a secret that is no webhook URL");
    }
    Ok(vec![Post { url: Password::new(url.into()), headers: Vec::new(), body: blocks::message(story).to_string() }])
}

/// What a bot's secret holds: the bare token, or this as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bot {
    token: String,
    url: Option<String>,
}

/// The parser's words could quote the secret and are left out.
fn bot(secret: &Password) -> Result<Bot, &'static str> {
    const ALLOWED: &str =
        "has a secret that is neither a bot token nor {\"token\": …, \"url\": \"https://slack.com/api\"}";
    let text = secret.expose().trim();
    let bot = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|_| ALLOWED)?
    } else {
        Bot { token: text.into(), url: None }
    };
    let plausible = !bot.token.is_empty() && bot.token.bytes().all(|b| b.is_ascii_graphic()) && !is_url(&bot.token);
    if plausible && bot.url.as_deref().is_none_or(is_url) { Ok(bot) } else { Err(ALLOWED) }
}

/// Where in Slack a bot writes.
pub(super) struct Place<'a> {
    pub(super) conversation: &'a str,
    /// Slack's name of the message that opened the incident.
    pub(super) thread: Option<&'a str>,
    /// Whether somebody listens to a button.
    pub(super) button: bool,
}

/// What the function `acknowledge` knows the button by.
const ACTION: &str = "holdfast-acknowledge";

/// To a conversation of a bot's.
pub(super) fn to_conversation(secret: &Password, place: &Place<'_>, story: &Story) -> Result<Vec<Post>, &'static str> {
    let bot = bot(secret)?;
    let conversation = place.conversation;
    let thread = place.thread.filter(|_| story.event != Event::Incident(Step::Opened));
    let mut posts = Vec::new();
    if let (Some(ts), Event::Incident(Step::Resolved)) = (thread, story.event) {
        let mut changed = blocks::message(&Story { possibly_repeated: false, ..story.clone() });
        changed["channel"] = conversation.into();
        changed["ts"] = ts.into();
        posts.push(call(&bot, "chat.update", &changed));
    }
    let mut message = blocks::message(story);
    message["channel"] = conversation.into();
    message["unfurl_links"] = false.into();
    if let Some(ts) = thread {
        message["thread_ts"] = ts.into();
    }
    if let (true, Event::Incident(Step::Opened | Step::Update(_)), Some(blocks)) =
        (place.button, story.event, message["blocks"].as_array_mut())
    {
        blocks.push(button(story));
    }
    posts.push(call(&bot, "chat.postMessage", &message));
    Ok(posts)
}

/// A button that acknowledges the incident (source: Slack API, "Button element": a value of 2,000 characters at most).
fn button(story: &Story) -> Value {
    let text = json!({ "type": "plain_text", "text": "I take care of it" });
    let button = json!({ "type": "button", "action_id": ACTION, "text": text, "value": story.reference });
    json!({ "type": "actions", "elements": [button] })
}

fn call(bot: &Bot, method: &str, body: &Value) -> Post {
    let url = format!("{}/{method}", bot.url.as_deref().unwrap_or(WEB_API).trim_end_matches('/'));
    let authorization = ("authorization", Password::new(format!("Bearer {}", bot.token)));
    Post { url: Password::new(url), headers: vec![authorization], body: body.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    const TOKEN: &str = "xoxb-000000000000-000000000000-secretsecretsecret";

    fn posts(step: Step, thread: Option<&str>) -> Vec<(String, Value)> {
        let place = Place { conversation: "C024BE91L", thread, button: true };
        let posts = to_conversation(&Password::new(TOKEN.into()), &place, &samples::story(step));
        let read = |post: Post| {
            assert_eq!(post.headers[0].1.expose(), format!("Bearer {TOKEN}"));
            assert!(!post.body.contains("secretsecret"));
            (post.url.expose().to_owned(), serde_json::from_str(&post.body).expect("JSON"))
        };
        posts.expect("a token").into_iter().map(read).collect()
    }

    #[test]
    fn an_opening_is_a_message_of_its_own_and_the_rest_stands_in_its_thread() {
        let opened = posts(Step::Opened, Some("1.1"));
        assert_eq!((opened.len(), opened[0].1["thread_ts"].as_str()), (1, None));
        assert_eq!(opened[0].0, "https://slack.com/api/chat.postMessage");
        for step in [Step::Update(1), Step::Acknowledged, Step::Report] {
            let posts = posts(step, Some("1.1"));
            assert_eq!((posts.len(), posts[0].1["thread_ts"].as_str()), (1, Some("1.1")), "{step}");
        }
        assert_eq!(posts(Step::Update(1), None)[0].1["thread_ts"], Value::Null, "the opening's name was lost");
    }

    #[test]
    fn the_end_changes_the_first_message_and_is_told_in_its_thread() {
        let resolved = posts(Step::Resolved, Some("1.1"));
        assert_eq!(
            (resolved[0].0.as_str(), resolved[0].1["ts"].as_str()),
            ("https://slack.com/api/chat.update", Some("1.1"))
        );
        assert_eq!(resolved[1].1["thread_ts"], "1.1");
        assert_eq!(posts(Step::Resolved, None).len(), 1);
    }

    #[test]
    fn what_stands_has_a_button_if_somebody_listens_to_it() {
        for (step, has) in
            [(Step::Opened, true), (Step::Update(1), true), (Step::Acknowledged, false), (Step::Resolved, false)]
        {
            let message = posts(step, None).remove(0).1.to_string();
            assert_eq!(message.contains(ACTION), has, "{step}");
        }
        let deaf = Place { conversation: "C024BE91L", thread: None, button: false };
        let post = to_conversation(&Password::new(TOKEN.into()), &deaf, &samples::story(Step::Opened))
            .expect("a token")
            .remove(0);
        assert!(!post.body.contains(ACTION));
    }

    #[test]
    fn a_secret_of_another_sort_is_refused_without_being_quoted() {
        for bad in
            ["", "{}", "{\"token\": \"\"}", "https://hooks.slack.com/services/T/B/hunter2", "{\"key\":\"hunter2\"}"]
        {
            let problem = bot(&Password::new(bad.into())).map(|_| ()).expect_err(bad);
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        let problem = to_webhook(&Password::new("hunter2".into()), &samples::story(Step::Opened)).expect_err("no URL");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}
