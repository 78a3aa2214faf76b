//! The tree into a plan: one walk that finds every problem, not the first.
//!
//! A function here returns `None` for what it could not decode, after saying why in the log; its caller goes on with the
//! rest and gives up only when everything was looked at.

mod alerts;
mod checks;
mod names;
mod objectives;
mod reader;
mod resource;
mod rules;
mod scalar;
mod sql;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{Alerts, Quotas, Resource};
use holdfast_domain::{Environment, Plan, PlanName, PlanSha, Region, ResourceName};

use crate::node::{Node, Value};
use crate::problem::{Log, code};
use reader::{Fields, Place};
use rules::Zone;

/// The version of the language that is read here.
const VERSION: &str = "1";
/// RDS allows 40 DB instances per account and region (source: RDS User Guide, "Quotas and constraints for Amazon RDS").
const ROOMS_MAX: u64 = 40;
const ROOMS_DEFAULT: u64 = 2;

/// A plan before it has an identity: that is made of the whole.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: PlanName,
    pub(crate) environment: Environment,
    pub(crate) home: Region,
    pub(crate) primary: Region,
    pub(crate) resources: BTreeMap<ResourceName, Resource>,
    pub(crate) rooms_max: u32,
    pub(crate) alerts: Alerts,
}

impl Draft {
    pub(crate) fn into_plan(self, sha: PlanSha) -> Plan {
        Plan {
            sha,
            name: self.name,
            environment: self.environment,
            home: self.home,
            primary: self.primary,
            dr: BTreeSet::new(),
            accounts: BTreeMap::new(),
            owners: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            streams: BTreeMap::new(),
            erasures: None,
            drills: BTreeMap::new(),
            quotas: Quotas::default(),
            resources: self.resources,
            rooms_max: self.rooms_max,
            alerts: self.alerts,
        }
    }
}

const FIELDS: &[&str] = &["version", "name", "environment", "time_zone", "regions", "rooms_max", "resources", "alerts"];

/// Decodes a whole plan; `None` after an error was logged.
pub(crate) fn draft(root: &Node, log: &mut Log) -> Option<Draft> {
    let root = Place::root(root);
    let fields = Fields::of(&root, FIELDS, log)?;
    if !version(&fields, log) {
        // Another language: its fields would only be misread.
        return None;
    }
    let name = fields.require("name", log).and_then(|place| place.name(log));
    let environment = fields.require("environment", log).and_then(|place| place.name(log));
    let zone = Zone::of_plan(fields.take("time_zone").as_ref(), log);
    let regions = fields.require("regions", log).and_then(|place| regions(&place, log));
    let rooms_max = match fields.take("rooms_max") {
        Some(place) => place.count(1, ROOMS_MAX, log),
        None => Some(ROOMS_DEFAULT),
    };
    let primary = regions.as_ref().and_then(|(_, primary)| primary.clone());
    let resources =
        fields.require("resources", log).and_then(|place| resource::resources(&place, primary.as_ref(), &zone, log));
    let alerts = fields.require("alerts", log).and_then(|place| alerts::alerts(&place, log));
    let (home, primary) = regions?;
    Some(Draft {
        name: name?,
        environment: environment?,
        home: home?,
        primary: primary?,
        resources: resources?,
        rooms_max: u32::try_from(rooms_max?).ok()?,
        alerts: alerts?,
    })
}

/// Whether the plan is written in the language that we read.
fn version(fields: &Fields<'_>, log: &mut Log) -> bool {
    let Some(place) = fields.require("version", log) else {
        // The rest is still worth looking at: most likely only this line was forgotten.
        return true;
    };
    match &place.node.value {
        Value::Number(text) if text == VERSION => true,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
            let shown = place.node.shown();
            place.refuse(
                code::VERSION,
                format!("{shown} is not a version of the plan language"),
                "version: 1 is wanted".into(),
                log,
            );
            false
        }
    }
}

fn regions(place: &Place<'_>, log: &mut Log) -> Option<(Option<Region>, Option<Region>)> {
    let fields = Fields::of(place, &["home", "primary"], log)?;
    let home = fields.require("home", log).and_then(|place| place.name(log));
    let primary = fields.require("primary", log).and_then(|place| place.name(log));
    Some((home, primary))
}
