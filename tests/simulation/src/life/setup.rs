//! How a life begins: databases stand, the plan is deployed, channels and their secrets are there. And how it is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_domain::inventory::{AutomatedBackups, Database};
use holdfast_domain::plan::{Channel, ResourceKind};
use holdfast_plan::Compiled;
use jiff::SignedDuration;
use serde_json::json;

use crate::functions::ACKNOWLEDGE_SECRET;
use crate::script::Script;
use crate::wiring::Wiring;
use crate::world::World;

use super::deadlines::Almanac;
use super::rds::Later;
use super::{Counts, Event, Life, Step, Watcher};

/// The key with which PagerDuty signs.
pub(super) const PAGERDUTY_KEY: &str = "pagerduty-signing-key-0123456789abcdef";
/// The key with which Slack signs.
pub(super) const SLACK_KEY: &str = "slack-signing-secret-0123456789abcdef";

impl<'a> Life<'a> {
    pub(super) fn begin(script: &'a Script, wiring: &'a Wiring, watcher: Option<Watcher<'a>>) -> Result<Self, String> {
        let read = |(number, text): (usize, &String)| {
            let name = format!("plan {}", number + 1);
            holdfast_plan::read_yaml(&name, text).map_err(|problems| problems.to_string())
        };
        let plans: Vec<Compiled> = script.plans.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        if plans.is_empty() {
            return Err("a script has at least one plan".into());
        }
        let mut life = Self {
            script,
            wiring,
            world: Arc::new(World::at(script.begins, script.seed)),
            plans,
            current: 0,
            deployed: Vec::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            invocations: BTreeMap::new(),
            idle: BTreeMap::new(),
            swept: BTreeMap::new(),
            almanac: Almanac::default(),
            next_tick: script.begins,
            counts: Counts::default(),
            begins: script.begins,
            looked: 0,
            stormy: true,
            watcher,
        };
        life.secrets();
        life.deploy(0);
        for (place, line) in script.lines.iter().enumerate() {
            life.push(script.begins + line.at, Event::Misfortune(place));
        }
        life.push(script.begins, Event::Later(Later::Daily));
        life.next_tick = script.begins + SignedDuration::from_mins(1);
        life.push(life.next_tick, Event::Tick);
        Ok(life)
    }

    /// Every channel has a secret, and an address that ends in its name.
    fn secrets(&self) {
        let put = |name: &str, value: &str| {
            if let Ok(name) = name.parse() {
                self.world.cloud.put_secret(&name, value);
            }
        };
        put(ACKNOWLEDGE_SECRET, &json!({ "pagerduty": [PAGERDUTY_KEY], "slack": SLACK_KEY }).to_string());
        for plan in &self.plans {
            for (name, channel) in &plan.plan().alerts.channels {
                match channel {
                    Channel::PagerDuty(secret) => {
                        let url = format!("https://pagerduty.test/of/{name}/v2/enqueue");
                        put(secret.as_str(), &json!({ "routing_key": "R0123456789", "url": url }).to_string());
                    }
                    Channel::Slack(secret) => put(secret.as_str(), &format!("https://slack.test/of/{name}/hook")),
                    Channel::SlackBot(bot) => {
                        let url = format!("https://slack.test/of/{name}/api");
                        put(bot.token.as_str(), &json!({ "token": "xoxb-0", "url": url }).to_string());
                    }
                    Channel::Webhook(secret) => {
                        let url = format!("https://siem.test/of/{name}/in");
                        let key = "0123456789abcdef0123456789abcdef";
                        put(secret.as_str(), &json!({ "url": url, "signing_key": key }).to_string());
                    }
                    Channel::Email { .. } => {}
                }
            }
        }
    }

    /// Every database of the plan stands.
    pub(super) fn stand_all(&mut self) {
        let names: Vec<String> = self.plans[self.current].plan().resources.keys().map(ToString::to_string).collect();
        names.iter().for_each(|name| self.stand(name));
    }

    pub(super) fn stand(&mut self, name: &str) {
        let plan = self.plans[self.current].plan();
        let found = plan.resources.iter().find(|(of, _)| of.as_str() == name);
        let Some((_, resource)) = found else { return };
        let Some(database) = Database::of(&resource.target) else { return };
        self.world.state().resource_of.insert(database.id().to_owned(), name.to_owned());
        let cloud = &self.world.cloud;
        let region = &resource.region;
        let days = resource.pitr.as_ref().map(|pitr| pitr.window.as_hours() / 24);
        let backups = AutomatedBackups { retention_days: u32::try_from(days.unwrap_or(0)).unwrap_or(0), window: None };
        match &database {
            Database::Instance(id) => {
                if !cloud.has_instance(region, id) {
                    cloud.add_instance(region, id);
                }
                cloud.edit_instance(region, id, |seen| seen.backups = backups);
                if days.is_some() {
                    cloud.back_up_continuously(region, id);
                }
            }
            Database::Cluster(id) => {
                let documents = resource.target.kind() == ResourceKind::DocDbCluster;
                if !cloud.has_cluster(region, id) {
                    cloud.add_cluster(region, id, if documents { "docdb" } else { "aurora-postgresql" });
                }
                if days.is_some() {
                    cloud.edit_cluster(region, id, |seen| seen.backups = backups);
                    cloud.back_up_cluster_continuously(region, id);
                }
            }
        }
        self.replicate(resource);
    }

    // How it is shown.

    /// What the world looks like: a line for everything that anybody could see.
    pub(super) fn picture(&self) -> BTreeSet<String> {
        let mut picture: BTreeSet<String> = BTreeSet::new();
        self.world.cloud.each_snapshot(|seen| {
            let rules: Vec<String> = holdfast_domain::tags::rules(&seen.tags).map(|rule| rule.to_string()).collect();
            picture.insert(format!("snapshot {} {:?} for {}", seen.id, seen.status, rules.join(" ")));
        });
        for id in self.world.cloud.instance_ids() {
            let mut words = String::new();
            for region in self.plans[self.current].regions() {
                self.world.cloud.edit_instance(region, &id, |seen| words = format!("instance {id} {:?}", seen.status));
            }
            picture.insert(words);
        }
        for id in self.world.cloud.cluster_ids() {
            let mut words = String::new();
            for region in self.plans[self.current].regions() {
                self.world.cloud.edit_cluster(region, &id, |seen| words = format!("cluster {id} {:?}", seen.status));
            }
            picture.insert(words);
        }
        picture.extend(self.world.cloud.secret_names().iter().map(|name| format!("secret {name}")));
        for key in self.world.cloud.keys() {
            let bytes = self.world.cloud.object(&key).unwrap_or_default();
            picture
                .insert(format!("{key} {}", String::from_utf8_lossy(&bytes).chars().take(2_000).collect::<String>()));
        }
        picture
    }

    pub(super) fn words(&self, event: &Event) -> String {
        match event {
            Event::Misfortune(line) => {
                self.script.lines.get(*line).map_or_else(String::new, |line| format!("!! {}", line.what))
            }
            Event::Tick => "a minute is full".into(),
            Event::Schedule(..) => "a schedule of the plan fires".into(),
            Event::Deliver(delivery) => {
                let payload: String = delivery.payload.to_string().chars().take(300).collect();
                format!("{} is started ({}): {payload}", delivery.function.name(), delivery.attempt + 1)
            }
            Event::Go(id) | Event::Timeout(id) => {
                let invocation = self.invocations.get(id);
                let name = invocation.map_or("nobody", |invocation| invocation.delivery.function.name());
                let made = self.world.state().running.get(id).map_or(0, |calls| calls.made);
                format!("{name}, invocation {id}, call {made}")
            }
            Event::Later(later) => format!("{later:?}"),
        }
    }

    pub(super) fn show(&mut self, before: &BTreeSet<String>, words: String) {
        let after = self.picture();
        let mut changes: Vec<String> = before.difference(&after).map(|line| format!("- {line}")).collect();
        changes.extend(after.difference(before).map(|line| format!("+ {line}")));
        let step = Step { at: self.world.now(), words, changes };
        if let Some(watcher) = &mut self.watcher {
            watcher(&step);
        }
    }
}
