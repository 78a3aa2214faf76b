//! Alerts: ways to reach people, and which findings go which way.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{Alerts, Channel};
use holdfast_domain::{ChannelName, SecretName, Severity};

use super::reader::{Fields, Place, one_of};
use crate::node::Value;
use crate::problem::{Log, Said, code};

/// What a secret's name is written behind, so that a pasted key is never taken for one.
const SECRET: &str = "secret:";

pub(super) fn alerts(place: &Place<'_>, log: &mut Log) -> Option<Alerts> {
    let fields = Fields::of(place, &["channels", "routes"], log)?;
    let channels_place = fields.require("channels", log);
    let channels = channels_place.as_ref().and_then(|place| channels(place, log));
    // The channels as written, so that one with a slip in it still counts as there.
    let written: Vec<&str> = match channels_place.as_ref().map(|place| &place.node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) | None => Vec::new(),
    };
    let routes = fields.require("routes", log).and_then(|place| routes(&place, &written, log));
    Some(Alerts { channels: channels?, routes: routes?, ..Alerts::default() })
}

fn channels(place: &Place<'_>, log: &mut Log) -> Option<BTreeMap<ChannelName, Channel>> {
    let entries = place.entries("channels", log)?;
    let mut decoded = BTreeMap::new();
    for entry in entries {
        let name: Option<ChannelName> = place.key(entry, log);
        if let (Some(name), Some(channel)) = (name, channel(&place.entry(entry), log)) {
            decoded.insert(name, channel);
        }
    }
    (decoded.len() == entries.len()).then_some(decoded)
}

fn channel(place: &Place<'_>, log: &mut Log) -> Option<Channel> {
    let fields = Fields::of(place, &["pagerduty", "slack"], log)?;
    match (fields.take("pagerduty"), fields.take("slack")) {
        (Some(secret_place), None) => secret(&secret_place, log).map(Channel::PagerDuty),
        (None, Some(secret_place)) => secret(&secret_place, log).map(Channel::Slack),
        (pagerduty, _) => {
            let message =
                if pagerduty.is_some() { "pagerduty and slack both stand here" } else { "this channel leads nowhere" };
            let allowed = "exactly one of pagerduty and slack is wanted".to_owned();
            place.refuse(code::EITHER_OR, message.into(), allowed, log);
            None
        }
    }
}

/// `secret:holdfast/slack`. The value is not shown: what stands here by mistake is most likely the secret itself.
fn secret(place: &Place<'_>, log: &mut Log) -> Option<SecretName> {
    let text = place.text(log)?;
    let name = text.strip_prefix(SECRET).and_then(|name| name.parse().ok());
    if name.is_none() {
        let allowed = format!("the name of a secret in Secrets Manager is wanted, such as {SECRET}holdfast/slack");
        log.refuse(Said {
            code: code::SECRET,
            mark: place.mark,
            path: &place.path,
            value: "(not shown)",
            message: "this is not the name of a secret".into(),
            allowed,
        });
    }
    name
}

fn routes(place: &Place<'_>, channels: &[&str], log: &mut Log) -> Option<BTreeMap<Severity, Vec<ChannelName>>> {
    let words: Vec<&str> = Severity::ALL.iter().map(|severity| severity.as_str()).collect();
    place.entries("routes", log)?;
    let fields = Fields::of(place, &words, log)?;
    let mut decoded = BTreeMap::new();
    let mut whole = true;
    for severity in Severity::ALL {
        match fields.take(severity.as_str()) {
            Some(route_place) => match route(&route_place, channels, log) {
                Some(route) => drop(decoded.insert(severity, route)),
                None => whole = false,
            },
            None if severity >= Severity::High => {
                let message = format!("{severity} has no route, so such findings reach nobody");
                place.warn(
                    code::NOBODY_TOLD,
                    message,
                    format!("a route is wanted, such as {severity}: [{}]", channels.join(", ")),
                    log,
                );
            }
            None => {}
        }
    }
    whole.then_some(decoded)
}

/// Channels in the order in which they are told.
fn route(place: &Place<'_>, channels: &[&str], log: &mut Log) -> Option<Vec<ChannelName>> {
    let items = place.items("this route", log)?;
    let mut seen = BTreeSet::new();
    let mut route = Vec::new();
    for item in &items {
        let Some(name) = item.name::<ChannelName>(log) else { continue };
        if !channels.contains(&name.as_str()) {
            let allowed = if channels.is_empty() { "no channel is defined".into() } else { one_of(channels) };
            item.refuse(code::NO_SUCH, format!("there is no channel {name}"), allowed, log);
        } else if seen.insert(name.clone()) {
            route.push(name);
        } else {
            item.refuse(
                code::TWICE,
                format!("{name} stands twice in this route"),
                "each channel once is wanted".into(),
                log,
            );
        }
    }
    (route.len() == items.len()).then_some(route)
}
