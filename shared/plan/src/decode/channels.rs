//! Channels: ways to reach people. Secrets are named, never written.

use std::collections::BTreeMap;

use holdfast_domain::plan::{Channel, SlackBot};
use holdfast_domain::{ChannelName, EmailAddress};

use super::forms::{CONVERSATION, EMAIL, NAME, SECRET};
use super::reader::{Fields, Place};
use crate::language::{Shape, Table, Together, may, sometimes};
use crate::node::Value;
use crate::problem::{Log, code};

pub(super) const CHANNELS: Shape = Shape::Named(&NAME, &Shape::Map(&CHANNEL));

pub(crate) static CHANNEL: Table = Table::with(
    "channel",
    &[
        may("pagerduty", Shape::Like(&SECRET), "PagerDuty, Events API v2: the secret that holds the routing key"),
        may(
            "slack",
            Shape::Like(&SECRET),
            "Slack: the secret that holds the webhook's URL, or a bot token if conversation stands beside it",
        ),
        may("conversation", Shape::Like(&CONVERSATION), "The conversation that a Slack app writes to, by its id"),
        may(
            "email",
            Shape::Any(&[Shape::Like(&EMAIL), Shape::List(&Shape::Like(&EMAIL))]),
            "Email by Amazon SES: one address or a list",
        ),
        sometimes(
            "from",
            Shape::Like(&EMAIL),
            "The verified identity that email comes from",
            "the verified identity that email comes from, such as from: holdfast@example.com",
        ),
        may("webhook", Shape::Like(&SECRET), "Any HTTPS receiver: the secret that holds JSON with url and signing_key"),
    ],
    &[
        Together::One(WAYS),
        Together::Beside("conversation", "slack"),
        Together::Beside("from", "email"),
        Together::Beside("email", "from"),
    ],
);

const WAYS: &[&str] = &["pagerduty", "slack", "email", "webhook"];

pub(super) fn channels(place: &Place<'_>, log: &mut Log) -> Option<BTreeMap<ChannelName, Channel>> {
    place.named("channels", log, channel)
}

fn channel(place: &Place<'_>, log: &mut Log) -> Option<Channel> {
    let fields = Fields::of(place, &CHANNEL, log)?;
    let ways: Vec<&str> = WAYS.iter().copied().filter(|way| fields.take(way).is_some()).collect();
    let way = match ways.as_slice() {
        [way] => *way,
        [] => return either_or(place, "this channel leads nowhere", log),
        several => return either_or(place, &format!("{} stand here together", several.join(" and ")), log),
    };
    let alone = alone(&fields, "conversation", way, "slack", log).and(alone(&fields, "from", way, "email", log));
    let channel = match way {
        "pagerduty" => fields.take(way)?.secret(log).map(Channel::PagerDuty),
        "slack" => slack(&fields, log),
        "webhook" => fields.take(way)?.secret(log).map(Channel::Webhook),
        _ => email(&fields, log),
    };
    alone.and(channel)
}

fn either_or(place: &Place<'_>, message: &str, log: &mut Log) -> Option<Channel> {
    place.refuse(code::EITHER_OR, message, format!("exactly one of {} is wanted", WAYS.join(", ")), log);
    None
}

/// Refuses a field beside a way that it does not belong to.
fn alone(fields: &Fields<'_>, name: &str, way: &str, belongs_to: &str, log: &mut Log) -> Option<()> {
    let Some(place) = fields.take(name).filter(|_| way != belongs_to) else { return Some(()) };
    place.refuse(
        code::EITHER_OR,
        format!("{name} says nothing beside {way}"),
        format!("it belongs to {belongs_to}; leave it out"),
        log,
    );
    None
}

fn slack(fields: &Fields<'_>, log: &mut Log) -> Option<Channel> {
    let secret = fields.take("slack")?.secret(log);
    let conversation = fields.maybe("conversation", log, |place, log| place.conversation(log));
    let (secret, conversation) = (secret?, conversation?);
    Some(match conversation {
        Some(conversation) => Channel::SlackBot(SlackBot { token: secret, conversation }),
        None => Channel::Slack(secret),
    })
}

fn email(fields: &Fields<'_>, log: &mut Log) -> Option<Channel> {
    let place = fields.take("email")?;
    let to: Option<Vec<EmailAddress>> = if matches!(place.node.value, Value::List(_)) {
        place.distinct("email", log, |place, log| place.name(log))
    } else {
        place.name(log).map(|address| vec![address])
    };
    let from = fields.demand("from", "from is missing", log).and_then(|place| place.name(log));
    Some(Channel::Email { to: to?, from: from? })
}
