//! Random legal plans. What the checker refuses is drawn again: it alone says what is legal.

mod alerts;
mod change;
mod resource;
mod text;

use crate::chance::Chance;

use alerts::Alerts;
use resource::{Resource, resource};

/// The plans of a life.
pub(super) struct Plans {
    pub(super) texts: Vec<String>,
    /// Resources of the first.
    pub(super) resources: Vec<Drawn>,
    pub(super) channels: Vec<String>,
    pub(super) regions: Vec<String>,
    /// How many days it takes until every rule has had its turn.
    pub(super) calm_days: i64,
}

/// What misfortunes need to know of a resource.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) name: String,
    pub(super) region: String,
    /// Whether a restore of it proves something in every plan that has it: so it may be asked for by hand.
    pub(super) is_tested: bool,
    /// Whether it has a continuous backup in every plan that has it.
    pub(super) is_continuous: bool,
    pub(super) is_external: bool,
}

/// One plan: what is in it besides its resources is the same in all of a life, but for a number or two.
#[derive(Clone)]
struct Plan {
    resources: Vec<Resource>,
    rooms_max: i64,
    alerts: Alerts,
    extras: bool,
}

impl Plan {
    /// Tests that all come at once have their turn before the shortest deadline: three in each room.
    fn make_room(&mut self) {
        let tests: usize = self.resources.iter().map(|resource| resource.tests.len()).sum();
        self.rooms_max = self.rooms_max.max(i64::try_from(tests.div_ceil(3)).unwrap_or(0)).min(40);
    }
}

/// Where databases stand.
const REGIONS: [&str; 3] = ["eu-central-1", "us-east-1", "eu-north-1"];
/// Where Holdfast itself runs.
const HOME: &str = "eu-west-1";

/// How often a resource is drawn that the checker refuses, before a plain one is taken.
const TRIES: usize = 12;

pub(super) fn plans(chance: &Chance, resources_max: u64) -> Plans {
    for attempt in 0..40 {
        let mut chance = chance.apart(&format!("attempt {attempt}"));
        let drawn = draw(&mut chance, resources_max);
        if drawn.texts.iter().all(|text| is_legal(text)) {
            return drawn;
        }
    }
    let mut chance = chance.apart("plain");
    let plan = Plan {
        resources: vec![resource::plain(&mut chance, 1, &[REGIONS[0].to_owned()])],
        rooms_max: 2,
        alerts: alerts::alerts(&mut chance),
        extras: false,
    };
    finish(&[plan])
}

fn is_legal(text: &str) -> bool {
    holdfast_plan::read_yaml("plan", text).is_ok()
}

fn draw(chance: &mut Chance, resources_max: u64) -> Plans {
    // Small estates mostly: everything can go wrong with three databases that can with two hundred, and sooner.
    let count = match chance.below(40) {
        0 => chance.below(resources_max) + 1,
        1..=6 => chance.below(resources_max.min(20)) + 1,
        _ => chance.below(resources_max.min(5)) + 1,
    };
    let how_many = chance.pick(&[1, 1, 2, 2, 3]);
    let regions: Vec<String> = REGIONS[..how_many].iter().map(|region| (*region).to_owned()).collect();
    let alerts = alerts::alerts(chance);
    let (rooms_max, extras) = (chance.between(1, 4), chance.one_in(6));
    let frame = Plan { resources: Vec::new(), rooms_max, alerts, extras };
    let resources = (1..=count).map(|number| legal(chance, number, &regions, &frame)).collect();
    let mut first = Plan { resources, ..frame.clone() };
    first.make_room();
    let mut all = vec![first];
    for _ in 0..chance.below(3) {
        let Some(last) = all.last() else { break };
        let mut next = last.clone();
        let added = legal(chance, 900 + chance.clone().below(90), &regions, &frame);
        change::change(chance, &mut next, added);
        next.make_room();
        all.push(next);
    }
    finish(&all)
}

/// A resource that is legal by itself.
fn legal(chance: &mut Chance, number: u64, regions: &[String], frame: &Plan) -> Resource {
    for _ in 0..TRIES {
        let drawn = resource(chance, number, regions, &frame.alerts.channels);
        let alone = Plan { resources: vec![drawn.clone()], ..frame.clone() };
        if is_legal(&text::text(&alone)) {
            return drawn;
        }
    }
    resource::plain(chance, number, regions)
}

fn finish(all: &[Plan]) -> Plans {
    let versions = |name: &str| {
        let of = all.iter().filter_map(|plan| plan.resources.iter().find(|resource| resource.name == name));
        of.cloned().collect::<Vec<Resource>>()
    };
    let first = all.first().map_or(&[][..], |plan| &plan.resources);
    let drawn = |resource: &Resource| {
        let versions = versions(&resource.name);
        Drawn {
            name: resource.name.clone(),
            region: resource.region.clone(),
            is_tested: versions.iter().all(|version| !version.tests.is_empty()),
            is_continuous: versions.iter().all(|version| version.pitr.is_some()),
            is_external: resource.external.is_some(),
        }
    };
    let every = || all.iter().flat_map(|plan| &plan.resources);
    let mut regions: Vec<String> = every().map(|resource| resource.region.clone()).collect();
    regions.extend(every().flat_map(|resource| resource.copies.iter().map(|copy| copy.region.clone())));
    regions.sort();
    regions.dedup();
    Plans {
        texts: all.iter().map(text::text).collect(),
        resources: first.iter().filter(|resource| resource.kind.is_database()).map(drawn).collect(),
        channels: all.first().map_or_else(Vec::new, |plan| plan.alerts.channels.clone()),
        regions,
        calm_days: every().map(Resource::turn_days).max().unwrap_or(3),
    }
}
