//! Who is told, and how.

use std::fmt::Write as _;

use crate::chance::Chance;

#[derive(Debug, Clone)]
pub(super) struct Alerts {
    /// Every channel, in the order of the routes.
    pub(super) channels: Vec<String>,
    /// Which of them a mild severity goes to.
    pub(super) mild: usize,
    pub(super) escalate_after: Option<i64>,
    /// What else the plan says of alerts, line by line.
    rest: String,
}

const CHANNELS: [(&str, &str); 5] = [
    ("oncall", "{ pagerduty: \"secret:holdfast/pagerduty\" }"),
    ("siem", "{ webhook: \"secret:holdfast/siem\" }"),
    ("ops", "{ slack: \"secret:holdfast/slack\" }"),
    ("bot", "{ slack: \"secret:holdfast/bot\", conversation: C024BE91L }"),
    ("team", "{ email: [team@example.com], from: holdfast@example.com }"),
];

pub(super) fn alerts(chance: &mut Chance) -> Alerts {
    let mut channels = vec![chance.pick(&CHANNELS).0.to_owned()];
    for (name, _) in CHANNELS {
        if !channels.iter().any(|known| known == name) && chance.one_in(2) {
            channels.push(name.to_owned());
        }
    }
    let turn = usize::try_from(chance.below(channels.len() as u64)).unwrap_or(0);
    channels.rotate_left(turn);
    let escalate_after = chance.one_in(2).then(|| chance.pick(&[5, 15, 60]));
    let mild = usize::try_from(chance.below(channels.len() as u64)).unwrap_or(0);
    let mut rest = String::new();
    if chance.one_in(2) {
        let _ = writeln!(rest, "  update_every: {}m", chance.pick(&[15, 60, 240]));
    }
    if chance.one_in(2) {
        let _ = writeln!(rest, "  report_within: {}", chance.pick(&["5m", "1h", "24h", "72h"]));
    }
    if chance.one_in(4) {
        let days = chance.pick(&["", "days: [saturday, sunday], "]);
        let _ = writeln!(
            rest,
            "  quiet_hours: {{ from: \"22:00\", until: \"07:00\", {days}time_zone: Europe/Berlin, severities: [low, info] }}"
        );
    }
    if chance.one_in(2) {
        let zone = chance.pick(&["", ", time_zone: Europe/Berlin"]);
        let to = if chance.one_in(3) { channels.join(", ") } else { channels[0].clone() };
        let _ = writeln!(rest, "  heartbeat: {{ at: \"cron(0 8 * * ? *)\"{zone}, to: [{to}] }}");
    }
    Alerts { channels, mild, escalate_after, rest }
}

impl Alerts {
    pub(super) fn text(&self) -> String {
        let mut text = String::from("alerts:\n  channels:\n");
        for (name, channel) in CHANNELS.iter().filter(|(name, _)| self.channels.iter().any(|known| known == name)) {
            let _ = writeln!(text, "    {name}: {channel}");
        }
        let (route, mild) = (self.channels.join(", "), &self.channels[self.mild]);
        let _ = writeln!(text, "  routes: {{ critical: [{route}], high: [{route}], low: [{mild}], info: [{mild}] }}");
        if let Some(minutes) = self.escalate_after {
            let _ = writeln!(text, "  escalate_after: {minutes}m");
        }
        text.push_str(&self.rest);
        text
    }
}
