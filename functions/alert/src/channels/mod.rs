//! The ways to people: what is sent where, and what an answer means.
//!
//! A secret never leaves this module except to the port that posts: errors name the channel and the host, and what a
//! service answers is searched for the secret before it is kept.

/// Whether a JSON object keeps the order of its keys depends on what else is built with `serde_json`; a snapshot must not.
#[cfg(test)]
macro_rules! assert_sorted {
    ($name:literal, $value:expr) => {
        insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!($name, $value) })
    };
}

mod answer;
pub mod blocks;
pub mod email;
pub mod pagerduty;
pub mod slack;
pub(crate) mod text;
pub mod webhook;

use holdfast_domain::plan::Channel;
use holdfast_domain::{ChannelName, SecretName};
use holdfast_ledger::{Delivery, DeliveryState};
use holdfast_ports::{Class, Mail, Password, Post, ReadSecrets, Webhooks};
use jiff::{SignedDuration, Timestamp};

use crate::due::{ATTEMPTS_MAX, backoff};
use crate::secrets::KnownSecrets;
use crate::story::Story;

pub(crate) use answer::{Heard, state_after};

/// The longest that a `Retry-After` is obeyed: a receiver that names a day must not silence a channel for a day.
const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_mins(15);

/// What is sent to one channel.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) channel: &'a ChannelName,
    pub(crate) story: &'a Story,
    /// The receiver's own name of the message that opened the incident there.
    pub(crate) thread: Option<&'a str>,
    /// The how-manieth attempt it is, from 1.
    pub(crate) attempt: u32,
    pub(crate) now: Timestamp,
}

/// The ports that telling needs.
#[derive(Debug)]
pub(crate) struct Means<'a, S, W, M> {
    pub(crate) secrets: &'a S,
    pub(crate) known: &'a KnownSecrets,
    pub(crate) webhooks: &'a W,
    pub(crate) mail: &'a M,
    /// Whether somebody listens to a button in Slack.
    pub(crate) button: bool,
}

impl<S: ReadSecrets, W: Webhooks, M: Mail> Means<'_, S, W, M> {
    /// Tells one channel, once. A channel that the plan does not know (the checker refuses such a route) is one that
    /// refuses.
    pub(crate) async fn tell(&self, channel: Option<&Channel>, letter: &Letter<'_>) -> Delivery {
        let heard = match channel {
            Some(Channel::Email { to, from }) => email::send(self.mail, from, to, letter).await,
            Some(channel) => self.attempt(channel, letter).await,
            None => Heard::refused(format!("{} is not in the plan", letter.channel)),
        };
        delivery(heard, letter)
    }

    /// Posts with the secret as it is known; if the service says that it is wrong, reads it anew, for it may have been
    /// rotated meanwhile, and posts once more if it was.
    async fn attempt(&self, channel: &Channel, letter: &Letter<'_>) -> Heard {
        let Some(name) = secret_name(channel) else {
            return Heard::refused(format!("{} has no secret", letter.channel));
        };
        let known = self.known.known(name);
        let mut heard = None;
        if let Some(secret) = &known {
            let first = self.post(channel, secret, letter).await;
            if !first.wrong_secret {
                return first;
            }
            heard = Some(first);
        }
        let current = match self.known.read(self.secrets, name).await {
            Ok(Some(secret)) => secret,
            Ok(None) => return Heard::refused(format!("{} has no secret: there is no {name}", letter.channel)),
            Err(error) => {
                // Without it nobody knows whether the refusal was meant for a secret of yesterday.
                let words = heard.and_then(|heard| heard.error).unwrap_or_else(|| letter.channel.to_string());
                let words = format!("{words}; its secret cannot be read: {error}");
                return match error.class() {
                    Class::Transient => Heard::failed(words),
                    Class::Permanent => Heard::refused(words),
                };
            }
        };
        match heard {
            Some(heard) if known.as_ref() == Some(&current) => heard,
            Some(_) | None => self.post(channel, &current, letter).await,
        }
    }

    async fn post(&self, channel: &Channel, secret: &Password, letter: &Letter<'_>) -> Heard {
        let posts = match channel {
            Channel::PagerDuty(_) => pagerduty::posts(secret, letter.story),
            Channel::Slack(_) => slack::to_webhook(secret, letter.story),
            Channel::SlackBot(bot) => {
                let place =
                    slack::Place { conversation: &bot.conversation, thread: letter.thread, button: self.button };
                slack::to_conversation(secret, &place, letter.story)
            }
            Channel::Webhook(_) => webhook::posts(secret, letter.story, letter.now),
            Channel::Email { .. } => Ok(Vec::new()),
        };
        let posts = match posts {
            Ok(posts) => posts,
            // The secret is not what this sort of channel takes; another one may be.
            Err(problem) => {
                return Heard { wrong_secret: true, ..Heard::refused(format!("{} {problem}", letter.channel)) };
            }
        };
        let mut heard = Heard::delivered();
        for post in &posts {
            heard = self.post_one(channel, secret, post, letter).await;
            // A message that cannot be changed any more, because somebody deleted it, keeps no news back.
            if matches!(heard.state, DeliveryState::Failed | DeliveryState::Unknown) {
                break;
            }
        }
        heard
    }

    async fn post_one(&self, channel: &Channel, secret: &Password, post: &Post, letter: &Letter<'_>) -> Heard {
        let place = format!("{} at {}", letter.channel, answer::host(&post.url));
        match self.webhooks.post(post).await {
            Ok(answer) if matches!(channel, Channel::SlackBot(_)) => answer::judge_web_api(&place, &answer, secret),
            Ok(answer) => answer::judge(&place, &answer, secret),
            Err(error) => {
                // A port error names the host at most, and all the same it is not taken at its word.
                let words = answer::scrub(&format!("{place}: {}", error.message), secret);
                let state = state_after(&error);
                // Nobody could be reached where the secret says: it may say something else by now.
                let wrong_secret = matches!(state, DeliveryState::Failed | DeliveryState::Refused);
                Heard { state, wrong_secret, error: Some(words), ..Heard::delivered() }
            }
        }
    }
}

/// What came of an attempt, for the record.
pub(crate) fn delivery(heard: Heard, letter: &Letter<'_>) -> Delivery {
    let attempts = letter.attempt;
    let wait = heard.retry_after.map_or(backoff(attempts), |wait| wait.min(RETRY_AFTER_MAX).max(backoff(1)));
    let (state, not_before) = match heard.state {
        DeliveryState::Delivered | DeliveryState::Refused => (heard.state, None),
        DeliveryState::Failed | DeliveryState::Unknown if attempts >= ATTEMPTS_MAX => (DeliveryState::Refused, None),
        DeliveryState::Failed | DeliveryState::Unknown => (heard.state, Some(letter.now + wait)),
    };
    Delivery {
        state,
        attempts,
        at: letter.now,
        not_before,
        possibly_repeated: letter.story.possibly_repeated,
        reference: heard.reference,
        error: heard.error,
    }
}

fn secret_name(channel: &Channel) -> Option<&SecretName> {
    match channel {
        Channel::PagerDuty(secret) | Channel::Slack(secret) | Channel::Webhook(secret) => Some(secret),
        Channel::SlackBot(bot) => Some(&bot.token),
        Channel::Email { .. } => None,
    }
}

/// Whether a text can be posted to.
fn is_url(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(char::is_whitespace)
}
