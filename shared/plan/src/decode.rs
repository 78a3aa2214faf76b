//! The tree into a plan: one walk that finds every problem, not the first.
//!
//! A function here returns `None` for what it could not decode, after saying why in the log; its caller goes on with the
//! rest and gives up only when everything was looked at.

mod accounts;
mod alerts;
mod channels;
mod checks;
mod context;
mod continuous;
mod copies;
mod forms;
mod kinds;
mod limits;
mod names;
mod objectives;
mod people;
mod quiet_hours;
mod reader;
mod resource;
mod restore_tests;
mod retention;
mod routes;
mod scalar;
mod schedule;
mod snapshots;
mod sql;
mod storage;
mod target;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::plan::{Account, Alerts, Drill, Elsewhere, Quotas, Resource, Stream};
use holdfast_domain::{
    AccountName, Environment, OwnerName, Plan, PlanName, PlanSha, Region, ResourceName, RuleName, StreamName,
};

use crate::language::{Shape, Table, may, must};
use crate::node::{Node, Value};
use crate::problem::{Log, code};
use accounts::{ACCOUNTS, STREAMS, accounts, streams};
use alerts::{ALERTS, alerts};
use context::Context;
use forms::{NAME, REGION, S3_OBJECT, ZONE};
use limits::{QUOTAS, quotas};
use people::{DRILLS, ELSEWHERE, OWNERS, drills, elsewhere, owners};
use reader::{Fields, Place};
use resource::{RESOURCES, resources};
use schedule::Clock;

#[cfg(feature = "yaml")]
pub(crate) use kinds::LEGAL;
#[cfg(feature = "yaml")]
pub(crate) use resource::RESOURCE_TABLE;
#[cfg(feature = "yaml")]
pub(crate) use target::kinds;
pub(crate) use words::{CLASSES, MAKERS, OVERLAPS, REQUIREMENTS, TOOLS, WEEKDAYS, word_for};

/// The version of the language that is read here.
const VERSION: &str = "1";
/// RDS allows 40 DB instances per account and region (source: RDS User Guide, "Quotas and constraints for Amazon RDS").
const ROOMS_MAX: u64 = 40;
const ROOMS_DEFAULT: u32 = 2;

const SCHEDULE_WANTED: &str = "a schedule, such as at: \"cron(0 2 * * ? *)\"";

/// A plan before it has an identity: that is made of the whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    pub(crate) name: PlanName,
    pub(crate) environment: Environment,
    pub(crate) home: Region,
    pub(crate) primary: Region,
    pub(crate) dr: BTreeSet<Region>,
    pub(crate) accounts: BTreeMap<AccountName, Account>,
    pub(crate) owners: BTreeMap<OwnerName, String>,
    pub(crate) resources: BTreeMap<ResourceName, Resource>,
    pub(crate) elsewhere: BTreeMap<ResourceName, Elsewhere>,
    pub(crate) streams: BTreeMap<StreamName, Stream>,
    pub(crate) erasures: Option<String>,
    pub(crate) drills: BTreeMap<RuleName, Drill>,
    pub(crate) rooms_max: u32,
    pub(crate) quotas: Quotas,
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
            dr: self.dr,
            accounts: self.accounts,
            owners: self.owners,
            resources: self.resources,
            elsewhere: self.elsewhere,
            streams: self.streams,
            erasures: self.erasures,
            drills: self.drills,
            rooms_max: self.rooms_max,
            quotas: self.quotas,
            alerts: self.alerts,
        }
    }
}

/// The whole language, from its root.
pub(crate) static PLAN: Table = Table::new(
    "plan",
    &[
        must(
            "version",
            Shape::Version,
            "The version of the plan language",
            "the version of the plan language, version: 1",
        ),
        must(
            "name",
            Shape::Like(&NAME),
            "The plan's name, unique in an account",
            "the plan's name, such as name: orders",
        ),
        must(
            "environment",
            Shape::Like(&NAME),
            "The environment: prod, staging, dev, or another",
            "the environment, such as environment: prod",
        ),
        may("time_zone", Shape::Like(&ZONE), "IANA time zone of every schedule that names no other"),
        must(
            "regions",
            Shape::Map(&REGIONS),
            "Where Holdfast runs, where resources stand, where they are recovered",
            "both regions, such as { home: eu-west-1, primary: eu-central-1 }; none is ever assumed",
        ),
        may("accounts", ACCOUNTS, "Other accounts, and the roles that are assumed in them"),
        may("owners", OWNERS, "Who answers for what: a contact by name, shown in alerts and reports"),
        may("quotas", Shape::Map(&QUOTAS), "What the account allows, where it is not AWS's default"),
        may("rooms_max", Shape::Count(1, ROOMS_MAX), "Restore tests at once, 1 to 40; more wait; 2 if left out"),
        may("streams", STREAMS, "Compliance streams: data whose backups keep their own key"),
        may("erasures", Shape::Like(&S3_OBJECT), "Where the list of erased persons lies, which every recovery replays"),
        may("drills", DRILLS, "Drills that people hold"),
        may("elsewhere", ELSEWHERE, "What is protected by somebody else, for the report"),
        must("resources", RESOURCES, "What is protected, by the plan's own names", "at least one resource"),
        must(
            "alerts",
            Shape::Map(&ALERTS),
            "Who is told, and how",
            "channels and routes; a finding that reaches nobody helps nobody",
        ),
    ],
);

static REGIONS: Table = Table::new(
    "regions",
    &[
        must(
            "home",
            Shape::Like(&REGION),
            "Where Holdfast itself runs, best not where the data is",
            "the region in which Holdfast itself runs, such as home: eu-west-1",
        ),
        must(
            "primary",
            Shape::Like(&REGION),
            "Where resources stand unless they say otherwise",
            "the region in which resources stand, such as primary: eu-central-1",
        ),
        may("dr", Shape::List(&Shape::Like(&REGION)), "Where recovery happens if the primary region is lost"),
    ],
);

/// Decodes a whole plan; `None` after an error was logged.
pub(crate) fn draft(root: &Node, log: &mut Log) -> Option<Draft> {
    let root = Place::root(root);
    let fields = Fields::of(&root, &PLAN, log)?;
    if !version(&fields, log) {
        // Another language: its fields would only be misread.
        return None;
    }
    let name = fields.must("name", log, |place, log| place.name(log));
    let environment = fields.must("environment", log, |place, log| place.name(log));
    let clock = Clock::of_plan(fields.take("time_zone").as_ref(), log);
    let regions = fields.must("regions", log, regions).unwrap_or_default();
    let context = Context::of(&fields, clock, regions.primary.clone());
    let accounts = fields.or("accounts", BTreeMap::new(), log, accounts);
    let owners = fields.or("owners", BTreeMap::new(), log, owners);
    let quotas = fields.or("quotas", Quotas::default(), log, quotas);
    let rooms_max = fields.or("rooms_max", ROOMS_DEFAULT, log, |place, log| place.count_of(&PLAN, "rooms_max", log));
    let streams = fields.or("streams", BTreeMap::new(), log, |place, log| streams(place, &context, log));
    let erasures = fields.maybe("erasures", log, |place, log| place.s3_object(log));
    let drills = fields.or("drills", BTreeMap::new(), log, |place, log| drills(place, &context, log));
    let elsewhere = fields.or("elsewhere", BTreeMap::new(), log, |place, log| elsewhere(place, &context, log));
    let resources = fields.must("resources", log, |place, log| resources(place, &context, log));
    let alerts = fields.must("alerts", log, |place, log| alerts(place, &context, log));
    Some(Draft {
        name: name?,
        environment: environment?,
        home: regions.home?,
        primary: regions.primary?,
        dr: regions.dr?,
        accounts: accounts?,
        owners: owners?,
        resources: resources?,
        elsewhere: elsewhere?,
        streams: streams?,
        erasures: erasures?,
        drills: drills?,
        rooms_max: rooms_max?,
        quotas: quotas?,
        alerts: alerts?,
    })
}

/// Whether the plan is written in the language that we read.
fn version(fields: &Fields<'_>, log: &mut Log) -> bool {
    let Some(place) = fields.demand("version", "version is missing", log) else {
        // The rest is still worth looking at: most likely only this line was forgotten.
        return true;
    };
    let known = matches!(&place.node.value, Value::Number(text) if text == VERSION);
    if !known {
        let message = format!("{} is not a version of the plan language", place.node.shown());
        place.refuse(code::VERSION, message, "version: 1 is wanted", log);
    }
    known
}

/// The plan's regions; each may have been refused for itself.
#[derive(Debug, Default)]
struct Regions {
    home: Option<Region>,
    primary: Option<Region>,
    dr: Option<BTreeSet<Region>>,
}

fn regions(place: &Place<'_>, log: &mut Log) -> Option<Regions> {
    let fields = Fields::of(place, &REGIONS, log)?;
    let home = fields.must("home", log, |place, log| place.name(log));
    let primary: Option<Region> = fields.must("primary", log, |place, log| place.name(log));
    let dr = fields.or("dr", BTreeSet::new(), log, |place, log| dr(place, primary.as_ref(), log));
    Some(Regions { home, primary, dr })
}

/// Who loses the primary region cannot recover there.
fn dr(place: &Place<'_>, primary: Option<&Region>, log: &mut Log) -> Option<BTreeSet<Region>> {
    let regions = place.distinct("dr", log, |place, log| {
        let region: Region = place.name(log)?;
        if Some(&region) == primary {
            let message = format!("{region} is the primary region, and nothing is recovered there when it is lost");
            place.refuse(code::SAME_PLACE, message, "other regions are wanted", log);
            return None;
        }
        Some(region)
    })?;
    Some(regions.into_iter().collect())
}
