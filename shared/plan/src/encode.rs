//! A draft back into the tree, in one spelling: every default filled in, every unit in its largest form, every schedule with
//! its zone. Equal plans give equal trees, however they were written; the plan's SHA-256 rests on it.

use holdfast_domain::plan::{
    Alerts, Channel, Checks, Due, Resource, RestoreFrom, RestoreTestRule, Retention, SnapshotDue, SnapshotRule,
};
use holdfast_domain::{Requirement, Schedule, SecretName};

use crate::decode::Draft;
use crate::node::Node;
use crate::units::{write_duration, write_size};

type Field = (&'static str, Node);

/// The normalized plan.
pub(crate) fn plan(draft: &Draft) -> Node {
    Node::map([
        ("version", Node::number(1)),
        ("name", Node::text(draft.name.as_str())),
        ("environment", Node::text(draft.environment.as_str())),
        (
            "regions",
            Node::map([("home", Node::text(draft.home.as_str())), ("primary", Node::text(draft.primary.as_str()))]),
        ),
        ("rooms_max", Node::number(u64::from(draft.rooms_max))),
        ("resources", Node::map(draft.resources.iter().map(|(name, r)| (name.as_str(), resource(r))))),
        ("alerts", alerts(&draft.alerts)),
    ])
}

fn resource(resource: &Resource) -> Node {
    let objectives = [
        ("rpo", Node::text(write_duration(resource.objectives.rpo))),
        ("rto", Node::text(write_duration(resource.objectives.rto))),
    ];
    let mut fields = vec![
        ("kind", Node::text(resource.target.kind().as_str())),
        ("id", Node::text(resource.target.id())),
        ("region", Node::text(resource.region.as_str())),
        ("objectives", Node::map(objectives)),
    ];
    // What is empty in the plan was absent in its source, and an empty policy would be refused when this is read back.
    if !resource.snapshots.is_empty() {
        fields.push(("snapshots", Node::map(resource.snapshots.iter().map(|(name, r)| (name.as_str(), snapshot(r))))));
    }
    if !resource.restore_tests.is_empty() {
        let tests = resource.restore_tests.iter().map(|(name, r)| (name.as_str(), restore_test(r)));
        fields.push(("restore_tests", Node::map(tests)));
        fields.push(("checks", checks(&resource.checks)));
    }
    Node::map(fields)
}

fn schedule(schedule: &Schedule) -> [Field; 2] {
    [("at", Node::text(schedule.expression())), ("time_zone", Node::text(schedule.zone()))]
}

fn snapshot(rule: &SnapshotRule) -> Node {
    let mut fields = match &rule.due {
        SnapshotDue::At(at) => Vec::from(schedule(at)),
        SnapshotDue::OnChange => vec![("on", Node::text("change"))],
        SnapshotDue::OnDemand => vec![("on", Node::text("demand"))],
    };
    fields.push(("keep", retention(rule.keep)));
    fields.extend(rule.takes_max.map(|time| ("takes_max", Node::text(write_duration(time)))));
    fields.extend(rule.size_min_bytes.map(|bytes| ("size_min", Node::text(write_size(bytes)))));
    Node::map(fields)
}

fn retention(keep: Retention) -> Node {
    match keep {
        Retention::Age(age) => Node::text(write_duration(age)),
        Retention::Slots { daily, weekly, monthly, yearly } => {
            let slots = [("daily", daily), ("weekly", weekly), ("monthly", monthly), ("yearly", yearly)];
            let kept = slots.into_iter().filter(|(_, count)| *count > 0);
            Node::map(kept.map(|(slot, count)| (slot, Node::number(u64::from(count)))))
        }
    }
}

fn restore_test(rule: &RestoreTestRule) -> Node {
    let mut fields = match &rule.due {
        Due::At(at) => Vec::from(schedule(at)),
        Due::After(rule) => vec![("after", Node::text(rule.as_str()))],
    };
    let from = match &rule.from {
        RestoreFrom::Latest => Node::text("latest"),
        RestoreFrom::Random => Node::text("random"),
        RestoreFrom::Oldest => Node::text("oldest"),
        RestoreFrom::Pitr => Node::text("pitr"),
        RestoreFrom::Time(time) => Node::map([("time", Node::text(time.to_string()))]),
        RestoreFrom::Chosen(id) => Node::map([("recovery_point", Node::text(id.as_str()))]),
    };
    fields.push(("from", from));
    fields.push(("instance_class", Node::text(rule.instance_class.as_str())));
    fields.push(("deadline", Node::text(write_duration(rule.deadline))));
    Node::map(fields)
}

fn checks(checks: &Checks) -> Node {
    let mut fields: Vec<Field> = Vec::new();
    if let Some(required) = checks.integrity {
        fields.push(("integrity", Node::map([("level", Node::text("full")), requirement(required)])));
    }
    if let Some(fresh) = &checks.fresh {
        fields.push((
            "fresh",
            Node::map([
                ("sql", Node::text(fresh.sql.as_str())),
                ("age_max", Node::text(write_duration(fresh.age_max))),
                requirement(fresh.requirement),
            ]),
        ));
    }
    if !checks.sql.is_empty() {
        let sql = checks.sql.iter().map(|(name, check)| {
            let mut fields = vec![
                ("sql", Node::text(check.sql.as_str())),
                ("rows_min", Node::number(check.rows_min)),
                requirement(check.requirement),
            ];
            fields.extend(check.within.map(|within| ("within", Node::text(write_duration(within)))));
            (name.as_str(), Node::map(fields))
        });
        fields.push(("sql", Node::map(sql)));
    }
    Node::map(fields)
}

fn requirement(requirement: Requirement) -> Field {
    let word = match requirement {
        Requirement::Required => "required",
        Requirement::BestEffort => "best_effort",
    };
    ("requirement", Node::text(word))
}

fn alerts(alerts: &Alerts) -> Node {
    let channels = alerts.channels.iter().map(|(name, channel)| {
        let secret = |secret: &SecretName| Node::text(format!("secret:{secret}"));
        let node = match channel {
            Channel::PagerDuty(key) => Node::map([("pagerduty", secret(key))]),
            Channel::Slack(url) => Node::map([("slack", secret(url))]),
            Channel::SlackBot(bot) => {
                Node::map([("slack", secret(&bot.token)), ("conversation", Node::text(bot.conversation.as_str()))])
            }
            Channel::Email { to, from } => Node::map([
                ("email", Node::list(to.iter().map(|to| Node::text(to.as_str())))),
                ("from", Node::text(from.as_str())),
            ]),
            Channel::Webhook(secrets) => Node::map([("webhook", secret(secrets))]),
        };
        (name.as_str(), node)
    });
    let routes = alerts.routes.iter().map(|(severity, channels)| {
        (severity.as_str(), Node::list(channels.iter().map(|channel| Node::text(channel.as_str()))))
    });
    Node::map([("channels", Node::map(channels)), ("routes", Node::map(routes))])
}
