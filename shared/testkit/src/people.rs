//! The ways to people on the in-memory cloud.

use std::future::{Future, ready};

use holdfast_ports::{Answer, Email, FallbackTopic, Mail, Metrics, PortError, PortErrorKind, Post, Webhooks};
use serde_json::{Value, json};

use crate::memory::{MemoryCloud, State};

/// What went out to people, and what they will answer.
#[derive(Debug, Default)]
pub(crate) struct People {
    posted: Vec<Post>,
    answers: std::collections::BTreeMap<String, Vec<Result<Answer, PortErrorKind>>>,
    mailed: Vec<Email>,
    published: Vec<(String, String)>,
    counted: Vec<&'static str>,
}

impl MemoryCloud {
    /// Everything posted to webhooks so far: URL and body.
    #[must_use]
    pub fn posted(&self) -> Vec<(String, Value)> {
        let read = |post: &Post| serde_json::from_str(&post.body).unwrap_or(Value::Null);
        self.posts().iter().map(|post| (post.url.expose().to_owned(), read(post))).collect()
    }

    /// Everything posted to webhooks so far, as it was posted.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        self.state().people.posted.clone()
    }

    /// The next post to a URL gets this answer, or this failure; without a script it gets what the service says when all is
    /// well.
    pub fn answer(&self, url: &str, answer: Result<Answer, PortErrorKind>) {
        self.state().people.answers.entry(url.into()).or_default().push(answer);
    }

    /// Every email sent so far.
    #[must_use]
    pub fn mailed(&self) -> Vec<Email> {
        self.state().people.mailed.clone()
    }

    /// Everything published to the fallback topic so far: subject and text.
    #[must_use]
    pub fn published(&self) -> Vec<(String, String)> {
        self.state().people.published.clone()
    }

    /// Every metric counted so far, in order.
    #[must_use]
    pub fn counted(&self) -> Vec<&'static str> {
        self.state().people.counted.clone()
    }
}

impl Webhooks for MemoryCloud {
    fn post(&self, post: &Post) -> impl Future<Output = Result<Answer, PortError>> + Send {
        ready(self.call("webhook", "a webhook", |state| {
            let ts = state.next("ts");
            let people = &mut state.people;
            people.posted.push(post.clone());
            let script = people.answers.get_mut(post.url.expose()).filter(|script| !script.is_empty());
            match script.map(|script| script.remove(0)) {
                None => Ok(all_is_well(post, &ts)),
                Some(Ok(answer)) => Ok(answer),
                Some(Err(kind)) => Err(PortError::new(kind, "webhook", "a webhook", "no answer")),
            }
        }))
    }
}

/// Slack's Web API names the message that it took; the others say little.
fn all_is_well(post: &Post, ts: &str) -> Answer {
    let web_api = post.url.expose().contains("/api/chat.");
    let body = if web_api { json!({ "ok": true, "ts": ts }).to_string() } else { "ok".into() };
    Answer { status: 200, retry_after: None, body }
}

impl Mail for MemoryCloud {
    fn send(&self, email: &Email) -> impl Future<Output = Result<(), PortError>> + Send {
        ready(self.call("ses:SendEmail", &email.reference, |state: &mut State| {
            state.people.mailed.push(email.clone());
            Ok(())
        }))
    }
}

impl FallbackTopic for MemoryCloud {
    fn publish(&self, subject: &str, text: &str) -> impl Future<Output = Result<(), PortError>> + Send {
        ready(self.call("sns:Publish", subject, |state: &mut State| {
            state.people.published.push((subject.into(), text.into()));
            Ok(())
        }))
    }
}

impl Metrics for MemoryCloud {
    fn count(&self, metric: &'static str) {
        self.state().people.counted.push(metric);
    }
}
