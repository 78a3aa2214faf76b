//! Alerts.

use holdfast_domain::SecretName;
use holdfast_domain::plan::{Alerts, Channel, Heartbeat, QuietHours, Routes};

use super::{Fields, duration, named, put, put_list, schedule, text};
use crate::decode::{WEEKDAYS, word_for};
use crate::node::Node;

pub(super) fn alerts(alerts: &Alerts) -> Node {
    let mut fields: Fields = vec![("channels", named(&alerts.channels, channel)), ("routes", routes(&alerts.routes))];
    put(&mut fields, "escalate_after", alerts.escalate_after.map(duration));
    put(&mut fields, "update_every", alerts.update_every.map(duration));
    put(&mut fields, "report_within", alerts.report_within.map(duration));
    put(&mut fields, "quiet_hours", alerts.quiet_hours.as_ref().map(quiet_hours));
    put(&mut fields, "heartbeat", alerts.heartbeat.as_ref().map(heartbeat));
    Node::map(fields)
}

fn channel(channel: &Channel) -> Node {
    let secret = |secret: &SecretName| Node::text(format!("secret:{secret}"));
    match channel {
        Channel::PagerDuty(key) => Node::map([("pagerduty", secret(key))]),
        Channel::Slack(url) => Node::map([("slack", secret(url))]),
        Channel::SlackBot(bot) => Node::map([("slack", secret(&bot.token)), ("conversation", text(&bot.conversation))]),
        Channel::Email { to, from } => Node::map([("email", Node::list(to.iter().map(text))), ("from", text(from))]),
        Channel::Webhook(secrets) => Node::map([("webhook", secret(secrets))]),
    }
}

/// Channels by severity.
pub(super) fn routes(routes: &Routes) -> Node {
    named(routes, |channels| Node::list(channels.iter().map(text)))
}

fn quiet_hours(hours: &QuietHours) -> Node {
    let mut fields = vec![
        ("from", text(hours.from)),
        ("until", text(hours.until)),
        ("time_zone", text(&hours.time_zone)),
        ("severities", Node::list(hours.severities.iter().map(text))),
    ];
    put_list(&mut fields, "days", hours.days.iter().map(|day| Node::text(word_for(WEEKDAYS, &day.0))));
    Node::map(fields)
}

fn heartbeat(heartbeat: &Heartbeat) -> Node {
    let mut fields = schedule(&heartbeat.at);
    fields.push(("to", Node::list(heartbeat.to.iter().map(text))));
    Node::map(fields)
}
